#include "cli/shared_options.h"

#include "base/limits.h"
#include "base/slices.h"
#include "data/generate/generated_set.h"
#include "data/set_text.h"
#include "data/split.h"
#include "draw/canvas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rows ---- */

const char *const part_words[] = {"test", "official-test", "all", NULL};

const SharedRows shared_rows = {
    .threads = {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS,
                .help = "0: all processors; changes speed, never numbers", .usual = "0"},
    .model = {"model", "NAME|LINE", OPTION_TEXT, .help = "a name (cifra models lists them), or a line of layers",
              .default_text = "paper"},
    .network = {"model", "NAME|LINE", OPTION_TEXT, .help = "the network", .usual = "paper"},
    .precision = {"precision", NULL, OPTION_CHOICE, .choices = precision_words, .help = "only this one",
                  .default_text = "both, where the processor has both"},
    .data = {"data", "SET", OPTION_TEXT, .help = "a set by name (cifra data list) or by path"},
    .data_dir = {"data-dir", "DIR", OPTION_TEXT, .help = "where names are looked for first",
                 .default_text = "$CIFRA_DATA"},
    .split = {"split", "MODE", OPTION_TEXT, .default_text = "official; pooled for a set without a test part"},
    .part = {"split", NULL, OPTION_CHOICE, .choices = part_words, .help = "which images",
             .default_text = "test; for other data official-test, or all where there is none"},
    .validation = {"validation", "X", OPTION_NUMBER, 0.001, 0.9,
                   .help = "share of the images that validate (official, at: of the training images)", .usual = "0.1"},
    .split_seed = {"split-seed", "S", OPTION_INTEGER, 0, LARGEST_SEED, .help = "which images go where", .usual = "1"},
    .classes = {"classes", "A,B", OPTION_TEXT, .help = "only these classes, by name"},
    .limit = {"limit", "A:N,B:M", OPTION_TEXT, .help = "at most so many training images of a class"},
    .shift = {"shift", "SPEC", OPTION_TEXT,
              .help = "generated data with other factors: \"blur=2:4,noise=0\", or one number for all; cifra data info "
                      "street lists them"},
    .count = {"count", "N", OPTION_INTEGER, 1, UINT32_MAX, .letter = 'n',
              .help = "generated data: so many training images", .default_text = "as many as the real set has"},
    .data_seed = {"data-seed", "S", OPTION_INTEGER, 0, LARGEST_SEED, .help = "generated data: which images",
                  .default_text = "1", .unset = -1},
};

const Option reading_options[3] = {
    {"size", "N|WxH", OPTION_TEXT,
     .help = "read images at this size, in pixels; photographs take no more memory than that",
     .default_text = "as they are; folders: the model's input, or the commonest size", OPTION_MEMBER(DataDials, size)},
    {"fit", "HOW", OPTION_TEXT,
     .help = "images of another shape: squash (sides stretched), crop (the middle), pad (black beside it)",
     .default_text = "squash", OPTION_MEMBER(DataDials, fit)},
    {"skip-broken", NULL, OPTION_FLAG,
     .help = "leave pictures out that cannot be read, instead of naming them and stopping",
     OPTION_MEMBER(DataDials, skip_broken)},
};
const Option dial_options[4] = {
    {ROW(shift), OPTION_MEMBER(DataDials, shift)},
    {ROW(count), OPTION_MEMBER(DataDials, count)},
    {ROW(data_seed), OPTION_MEMBER(DataDials, seed)},
    {ROWS(reading_options)},
};

const Option set_options[3] = {
    {ROW(data), OPTION_MEMBER(ConfigArguments, data)},
    {ROW(data_dir), OPTION_MEMBER(ConfigArguments, data_dir)},
    {ROWS(dial_options), OPTION_MEMBER(ConfigArguments, dials)},
};
const Option part_options[3] = {
    {ROW(split_seed), OPTION_MEMBER(ConfigArguments, parts.seed)},
    {"unstratified", NULL, OPTION_FLAG, .help = "do not keep the classes' shares equal over the parts",
     OPTION_MEMBER(ConfigArguments, unstratified)},
    {ROW(classes), OPTION_MEMBER(ConfigArguments, parts.classes)},
};

const Option figure_look_options[2] = {
    {"theme", NULL, OPTION_CHOICE, .choices = theme_words, .help = "colours of figure files; print: for paper",
     .default_text = "light", .without = {"--figures none"}, OPTION_MEMBER(FigureDials, theme)},
    {"dpi", "N", OPTION_INTEGER, LEAST_DPI, MOST_DPI, .help = "pixels per inch of PNG files", .default_text = "300",
     .without = {"--figures none"}, OPTION_MEMBER(FigureDials, dpi)},
};
const Option figure_options[2] = {
    {"figures", "LIST", OPTION_TEXT, .default_text = "svg", OPTION_MEMBER(FigureDials, list)},
    {ROWS(figure_look_options)},
};

/* ---- Dials ---- */

static bool are_generators(const DataDials *dials) {
    return dials->shift || dials->count || dials->test || dials->seed >= 0;
}

static bool are_readings(const DataDials *dials) {
    return dials->size || dials->fit || dials->skip_broken;
}

/* "blur=0:2,n=1000" */
static cf_status items_of(const DataDials *dials, char **items) {
    const struct {
        const char *key;
        int64_t value;
    } given[3] = {
        {"n", dials->count ? dials->count : -1}, {"test", dials->test ? *dials->test : -1}, {"seed", dials->seed}};
    char numbers[3][32] = {"", "", ""};
    bool any = dials->shift && *dials->shift;
    for (int i = 0; i < 3; i++) {
        if (given[i].value < 0) continue;
        snprintf(numbers[i], sizeof numbers[i], "%s%s=%lld", any ? "," : "", given[i].key, (long long)given[i].value);
        any = true;
    }
    return memory_print(items, "%s%s%s%s", dials->shift ? dials->shift : "", numbers[0], numbers[1], numbers[2]);
}

static cf_status lay_generated(const char *set, const DataDials *dials, char **text) {
    AUTO_FREE char *items = NULL;
    if (!are_generators(dials)) return memory_copy_string(set, text);
    FAIL_IF(!generator_named(set), CF_BAD_USE,
            "%s is for generated data (hand, street); %s is read from files as they are",
            dials->shift   ? "--shift"
            : dials->count ? "-n (--count)"
            : dials->test  ? "--test"
                           : "a seed of the data",
            set);
    FORWARD(items_of(dials, &items));
    return generated_text_with(set, items, text);
}

/* "size=64,fit=crop"; commas in what was typed would become items of their own. */
static cf_status lay_reading(const char *set, const DataDials *dials, char **text) {
    const char *size = dials->size, *fit = dials->fit;
    AUTO_FREE char *items = NULL;
    if (!are_readings(dials)) return memory_copy_string(set, text);
    FAIL_IF(size && strchr(size, ','), CF_BAD_USE, "--size takes N or WIDTHxHEIGHT; found \"%s\"", size);
    FAIL_IF(fit && strchr(fit, ','), CF_BAD_USE, "--fit takes squash, crop or pad; found \"%s\"", fit);
    FORWARD(memory_print(&items, "%s%s,%s%s,%s", size ? "size=" : "", size ? size : "", fit ? "fit=" : "",
                         fit ? fit : "", dials->skip_broken ? "broken=skip" : ""));
    return set_text_with(set, items, text);
}

cf_status data_dials_lay(const char *set, const DataDials *dials, char **text) {
    AUTO_FREE char *generated = NULL;
    FORWARD(lay_generated(set, dials, &generated));
    return lay_reading(generated, dials, text);
}

cf_status data_chosen(const char *given, const char *own, const DataDials *dials, char **text) {
    *text = NULL;
    if (!given && !are_generators(dials) && !are_readings(dials)) return CF_OK;
    return data_dials_lay(given ? given : own, dials, text);
}

cf_status data_needed(const char *data) {
    FAIL_IF(!data, CF_BAD_USE, "--data SET is needed: a name (cifra data list shows them) or a path");
    return CF_OK;
}

cf_status folder_asked(const char *out, const char *parent, const char *data, const char *what, char **folder) {
    char name[64];
    if (out) return file_trim(out, folder);
    FORWARD(data_short_name(data, name));
    return memory_print(folder, "%s/%s-%s", parent, name, what);
}

/* ---- A configuration ---- */

/* Another set than the one that was recorded is asked for: what is known of that is forgotten. */
static cf_status lay_data(const ConfigArguments *a, RunConfig *c) {
    AUTO_FREE char *text = NULL;
    if (a->data) FORWARD(run_config_text(&c->data, a->data));
    FORWARD(data_needed(c->data));
    FORWARD(data_dials_lay(c->data, &a->dials, &text));
    if (a->data || a->data_dir || strcmp(text, c->data) != 0) data_record_clear(&c->record);
    free(c->data);
    c->data = memory_take(&text);
    return CF_OK;
}

/* A text of the split that the configuration owns. */
static cf_status lay_split_text(const char **field, const char *text) {
    char *own = (char *)(uintptr_t)*field;
    if (text) FORWARD(run_config_text(&own, text));
    *field = own;
    return CF_OK;
}

cf_status config_lay(const Arguments *given, const ConfigArguments *a, RunConfig *c) {
    FORWARD(lay_data(a, c));
    if (a->data_dir) FORWARD(run_config_text(&c->data_dir, a->data_dir));
    if (a->model) FORWARD(run_config_text(&c->model, a->model));
    FORWARD(lay_split_text(&c->split.classes, a->parts.classes));
    FORWARD(lay_split_text(&c->split.train_limit, a->parts.train_limit));
    if (a->split) FORWARD(split_from_text(a->split, &c->split));
    c->split_given = c->split_given || a->split;
    if (options_given(given, "split-seed")) c->split.seed = a->parts.seed;
    if (options_given(given, "validation")) {
        c->split.validation = a->parts.validation;
        c->validation_given = true;
    }
    if (a->unstratified) c->split.stratified = false;
    return CF_OK;
}

void config_lay_training(const Arguments *given, const cf_train_options *arguments, RunConfig *config) {
    for (const TrainOption *option = train_options; option->name; option++)
        if (options_given(given, option->flag)) train_option_copy(option, arguments, &config->train);
    config->train.threads = arguments->threads;
}

cf_status split_asked(const ConfigArguments *a, const cf_set *set, cf_split_options *split) {
    *split = a->parts;
    split->stratified = !a->unstratified;
    if (split->validation == 0) split->validation = cf_split_defaults().validation; /* the command has no such option */
    if (a->split) return split_from_text(a->split, split);
    split->mode = split_usual_mode(set);
    return CF_OK;
}

/* ---- Figures ---- */

cf_status figure_dials_read(const FigureDials *dials, unsigned *formats) {
    return figure_formats_from_text(dials->list ? dials->list : "svg", dials->theme, dials->dpi, formats);
}
