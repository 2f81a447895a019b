/* The table of options, row by row: whatever stands in it is checked, repeated, searched, told in help, and refused on resuming where
 * it must be. A new row is tested by being there. */
#include "study/pipeline/recipe.h"

#include "small_set.h"

#include "base/memory.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "data/split.h"
#include "nn/transfer.h"
#include "train/train_options.h"
#include "tune/space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EACH(option) (const TrainOption *option = train_options; option->name; option++)

static const Command *const commands[] = {&command_train, &command_tune};

/* ---- Values ---- */

#define TEACHER "runs/teacher" /* the example of its row, in the scratch folder */

static const char nonsense[] = "nonsense!"; /* nor a layer's name */

static void range_of(const TrainOption *option, char text[400]) {
    if (option->kind == TRAIN_LINE) { /* what its own check says of the one bad text */
        assert_int_not_equal(option->check(nonsense), CF_OK);
        const char *end = strstr(cf_error(), " expected");
        assert_non_null(end);
        snprintf(text, 400, "%.*s", (int)(end - cf_error()), cf_error());
    } else if (option->words)
        text_list(option->words, text, 400);
    else
        snprintf(text, 400, "a %snumber from %.15g to %.15g", option->kind == TRAIN_NUMBER ? "" : "whole ", option->low,
                 option->high);
}

/* Text number `which` that is none of the option's; NULL: there are no more. */
static const char *bad_text(const TrainOption *option, int which, char text[TRAIN_OPTION_TEXT]) {
    const double numbers[] = {option->low - 1, option->high * 1.5 + 1, option->low + 0.5};
    if (which == 0) return option->kind == TRAIN_LINE && !option->check(nonsense) ? NULL : nonsense; /* any text names a file */
    if (which == 1) return option->kind == TRAIN_LINE ? NULL : "nan";
    if (option->words || which > (option->kind == TRAIN_NUMBER ? 3 : 4)) return NULL;
    snprintf(text, TRAIN_OPTION_TEXT, "%.17g", numbers[which - 2]);
    return text;
}

/* A value that is not the default, one that a training can have. */
static void set_other(const TrainOption *option, cf_train_options *o) {
    char text[TRAIN_OPTION_TEXT];
    if (option->example)
        snprintf(text, sizeof text, "%s", option->example);
    else if (option->words)
        snprintf(text, sizeof text, "%s", option->words[option->usual == 0]);
    else
        snprintf(text, sizeof text, "%.17g",
                 option->kind == TRAIN_NUMBER ? option->usual / 2 + 0.001 : option->usual + 1);
    if (strcmp(option->name, "teacher_sha256") == 0) assert_ok(transfer_sha256(TEACHER, text));
    assert_ok(train_option_set(option, text, o));
}

static void set_what_it_works_with(const TrainOption *option, cf_train_options *o) {
    if (!option->works_with) return;
    const size_t name = strcspn(option->works_with, "=");
    const TrainOption *other = train_options;
    while (other->name && (strlen(other->name) != name || strncmp(other->name, option->works_with, name) != 0)) other++;
    assert_non_null(other->name);
    assert_ok(train_option_set(other, option->works_with + name + 1, o));
}

static void expect_equal(const TrainOption *option, const cf_train_options *a, const cf_train_options *b) {
    assert_memory_equal((const char *)a + option->offset, (const char *)b + option->offset, option->size);
}

static void expect_same(const cf_train_options *a, const cf_train_options *b) {
    for
        EACH(option) expect_equal(option, a, b);
}

static void defaults_are_in_range(void **state) {
    (void)state;
    const cf_train_options defaults = cf_train_defaults();
    assert_ok(train_options_check(&defaults));
    for
        EACH(option) {
            cf_train_options read, other = defaults;
            char text[TRAIN_OPTION_TEXT];
            memset(&read, 0xff, sizeof read);
            train_option_text(option, &defaults, 17, text);
            assert_ok(train_option_set(option, text, &read));
            expect_equal(option, &read, &defaults);
            set_other(option, &other);
            assert_memory_not_equal((const char *)&other + option->offset, (const char *)&defaults + option->offset,
                                    option->size);
            cf_train_options copy = defaults;
            train_option_copy(option, &other, &copy);
            expect_same(&copy, &other);
        }
}

/* Which were those of version 0.1. */
static void defaults_are_as_they_were(void **state) {
    (void)state;
    const cf_train_options o = cf_train_defaults();
    assert_true(o.epochs == 10 && o.batch == 128 && o.optimizer == CF_SGD && o.learning_rate == 0.005);
    assert_true(o.momentum == 0.9 && o.weight_decay == 0 && o.schedule == CF_CONSTANT && o.patience == 5);
    assert_true(o.seed == 1 && o.threads == 0 && o.engine == CF_ENGINE_FAST && o.precision == CF_F32);
    assert_true(!o.checkpoint && !o.resume && !o.progress);
}

/* ---- Out of range ---- */

static void refused_by_the_library(const TrainOption *option, const char *text) {
    cf_train_options o = cf_train_defaults();
    char range[400], named[900], *field = (char *)&o + option->offset, *end;
    const double number = strtod(text, &end), nan = NAN;
    const int whole = (int)fmax(fmin(number, 2e9), -2e9), word = 99;
    if (option->kind == TRAIN_NUMBER)
        memcpy(field, *end ? &nan : &number, sizeof number);
    else if (option->kind == TRAIN_WHOLE && number == floor(number) && !*end)
        memcpy(field, &whole, sizeof whole);
    else if (option->kind == TRAIN_WORD)
        memcpy(field, &word, sizeof word);
    else
        return; /* every value of the field's type is one */
    range_of(option, range);
    snprintf(named, sizeof named, "%s: %s expected, found ", option->name, range);
    assert_fails(train_options_check(&o), CF_BAD_USE, named);
}

static void refused_by_the_commands(const TrainOption *option, const char *text) {
    char range[400], named[900], flag[300], value[TRAIN_OPTION_TEXT];
    range_of(option, range);
    if (option->kind == TRAIN_LINE)
        snprintf(named, sizeof named, "--%s: %s expected, found %s", option->flag, range, text);
    else
        snprintf(named, sizeof named, "--%s takes %s; found \"%s\"", option->flag, range, text);
    for (size_t c = 0; c < COUNT_OF(commands); c++) {
        Arguments arguments;
        char *words[] = {flag, value};
        void *parsed = calloc(1, commands[c]->options_size);
        snprintf(flag, sizeof flag, "--%s", option->flag);
        snprintf(value, sizeof value, "%s", text);
        assert_fails(options_parse(commands[c], 2, words, parsed, &arguments), CF_BAD_USE, named);
        free(parsed);
    }
}

static void refused_by_recipes(const TrainOption *option, const char *text) {
    static const char *const sections[] = {"train", "final"};
    const char *path = path_in(scratch_folder(), "own.yaml");
    for (int s = 0; s < 2; s++) {
        Recipe recipe;
        char yaml[600], range[400], named[900];
        range_of(option, range);
        snprintf(yaml, sizeof yaml, "data: [a]\n%s:\n  %s: %s\n", sections[s], option->name, text);
        snprintf(named, sizeof named, "own.yaml:3: %s.%s: %s expected, found %s", sections[s], option->name, range,
                 text);
        write_bytes(path, yaml, strlen(yaml));
        assert_fails(recipe_read(path, &recipe), CF_BAD_INPUT, named);
    }
}

/* `values`: "values: [3]", "uniform: [1, 2]". NULL part: it is fine. */
static void try_space(const TrainOption *option, const char *values, const char *part) {
    const char *path = path_in(scratch_folder(), "space.yaml");
    char yaml[900];
    Space space = {0};
    snprintf(yaml, sizeof yaml, "parameters:\n  - {name: %s, %s}\nmodel: dense classes\n", option->name, values);
    write_bytes(path, yaml, strlen(yaml));
    if (part)
        assert_fails(space_read(path, &space), CF_BAD_USE, part);
    else
        assert_ok(space_read(path, &space));
    space_free(&space);
}

static void refused_by_spaces(const TrainOption *option, const char *text) {
    char values[400], range[400], named[900];
    range_of(option, range);
    snprintf(values, sizeof values, "values: [%s]", text);
    if (!option->fixed)
        snprintf(named, sizeof named, "space.yaml:2: parameter %s: %s expected, found %s", option->name, range, text);
    else
        snprintf(named, sizeof named, "parameter %s: neither a training option (batch, ", option->name);
    try_space(option, values, named);
}

static void refused_by_config(const TrainOption *option, const char *text) {
    static const json_t *nothing;
    cf_train_options o = cf_train_defaults();
    char range[400], named[900];
    double number;
    json_t *value = !text_to_number(text, &number)                   ? json_string(text)
                    : number == floor(number) && fabs(number) < 9e18 ? json_integer((json_int_t)number)
                                                                     : json_real(number);
    range_of(option, range);
    snprintf(named, sizeof named, "%s expected, found ", range);
    if (option->kind != TRAIN_SEED || !json_is_integer(value) || json_integer_value(value) < 0)
        assert_fails(train_option_set_json(option, value, &o), CF_BAD_USE, named);
    assert_fails(train_option_set_json(option, nothing, &o), CF_BAD_USE, "expected, found nothing");
    json_decref(value);
}

static void what_is_out_of_range_is_refused(void **state) {
    (void)state;
    char text[TRAIN_OPTION_TEXT];
    for
        EACH(option)
    for (int i = 0; bad_text(option, i, text); i++) {
        const char *bad = bad_text(option, i, text);
        refused_by_the_library(option, bad);
        refused_by_the_commands(option, bad);
        refused_by_recipes(option, bad);
        refused_by_spaces(option, bad);
        refused_by_config(option, bad);
    }
}

/* ---- Searched ---- */

static void spaces_take_values_and_ranges(void **state) {
    (void)state;
    for
        EACH(option) {
            char values[200], part[100], other[TRAIN_OPTION_TEXT], usual[TRAIN_OPTION_TEXT];
            cf_train_options o = cf_train_defaults(), laid = o;
            train_option_text(option, &o, 17, usual);
            set_other(option, &o);
            train_option_text(option, &o, 17, other);
            if (option->fixed) continue;
            Space space = {0};
            char *line, *texts[] = {usual, other};
            SpaceParameter parameter = {(char *)(uintptr_t)option->name, PARAMETER_LIST, texts, texts, 2, 0, 0};
            space = (Space){(char *)"made", (char *)"dense classes", &parameter, 1};
            assert_ok(space_check(&space));
            assert_ok(space_apply(&space, &(SpacePoint){{1}}, &laid, &line));
            expect_same(&laid, &o);
            free(line);
            if (option->words || option->kind == TRAIN_LINE) {
                snprintf(part, sizeof part, "parameter %s: a list of values expected, found a range", option->name);
                try_space(option, "integer: [0, 1]", part);
                continue;
            }
            const bool whole = option->kind == TRAIN_WHOLE;
            snprintf(values, sizeof values, "%s: [%.17g, %.17g]", whole ? "integer" : "uniform", option->low,
                     whole ? option->high : option->high / 2);
            try_space(option, values, NULL);
            snprintf(part, sizeof part, "parameter %s: a range within %.15g to %.15g expected", option->name,
                     option->low, option->high);
            snprintf(values, sizeof values, "%s: [%.17g, %.17g]", whole ? "integer" : "uniform", option->low - 1,
                     option->low + 1);
            try_space(option, values, part);
            if (!whole) continue;
            snprintf(values, sizeof values, "uniform: [%.17g, %.17g]", option->low, option->low + 1);
            try_space(option, values, "an integer range expected");
        }
}

/* ---- Repeated ---- */

static void config_repeats_them(void **state) {
    (void)state;
    for
        EACH(option) {
            RunConfig config, again;
            json_t *json, *written;
            assert_ok(run_config_new(&config));
            assert_ok(run_config_text(&config.data, "hand"));
            for (int other = 0; other < 2; other++) {
                if (other) set_other(option, &config.train);
                assert_ok(run_config_json(&config, &json));
                written = json_object_get(json_object_get(json, "train"), option->name);
                assert_true(written || (!option->always_written && !other));
                char *text = json_dumps(json, JSON_REAL_PRECISION(17));
                json_decref(json);
                json = json_loads(text, 0, NULL);
                assert_ok(run_config_from_json(json, &again));
                expect_same(&again.train, &config.train);
                /* A recipe's "final" is the same document. */
                cf_train_options laid = cf_train_defaults();
                assert_ok(recipe_lay(json_object_get(json, "train"), &laid));
                expect_same(&laid, &config.train);
                run_config_free(&again);
                json_decref(json);
                free(text);
            }
            run_config_free(&config);
        }
}

static void recipes_and_commands_take_them(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "good.yaml");
    for
        EACH(option) {
            cf_train_options o = cf_train_defaults();
            char yaml[600], text[TRAIN_OPTION_TEXT], flag[300];
            Recipe recipe;
            set_other(option, &o);
            train_option_text(option, &o, 17, text);
            const char *quote = option->kind == TRAIN_LINE ? "\"" : "";
            snprintf(yaml, sizeof yaml, "data: [a]\ntrain: {%s: %s%s%s}\nfinal: {%s: %s%s%s}\n", option->name, quote,
                     text, quote, option->name, quote, text, quote);
            write_bytes(path, yaml, strlen(yaml));
            assert_ok(recipe_read(path, &recipe));
            expect_equal(option, &recipe.base.train, &o);
            cf_train_options laid = cf_train_defaults();
            assert_ok(recipe_lay(recipe.final, &laid));
            expect_same(&laid, &o);
            assert_int_equal(json_object_size(recipe.final), 1);
            recipe_free(&recipe);
            for (size_t c = 0; c < COUNT_OF(commands); c++) {
                Arguments arguments;
                char *words[] = {flag, text};
                void *parsed = calloc(1, commands[c]->options_size);
                snprintf(flag, sizeof flag, "--%s", option->flag);
                assert_ok(options_parse(commands[c], 2, words, parsed, &arguments));
                assert_true(options_given(&arguments, option->flag));
                const Option *place = commands[c]->options;
                while (!place->training) place++;
                expect_equal(option, (cf_train_options *)((char *)parsed + place->offset), &o);
                free(parsed);
            }
        }
}

static void help_tells_them(void **state) {
    (void)state;
    static const Program program = {.name = "cifra"};
    for (size_t c = 0; c < COUNT_OF(commands); c++) {
        char *text;
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        help_print_command(&program, commands[c], stream);
        fclose(stream);
        for
            EACH(option) {
                char flag[300], words[80] = "", usual[TRAIN_OPTION_TEXT];
                const cf_train_options defaults = cf_train_defaults();
                for (int i = 0; option->words && option->words[i]; i++)
                    snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s", i ? "|" : "",
                             option->words[i]);
                snprintf(flag, sizeof flag, "\n  --%s %s ", option->flag, option->argument ? option->argument : words);
                if (strlen(flag) > 30) flag[strlen(flag) - 1] = '\n'; /* its help begins on the next line */
                const char *entry = strstr(text, flag);
                if (!entry) print_error("no %s in the help of %s\n", flag, commands[c]->name);
                assert_non_null(entry);
                train_option_text(option, &defaults, 15, usual);
                snprintf(flag, sizeof flag, "%s)", c && strcmp(option->name, "epochs") == 0 ? "50" : usual);
                const char *end = strstr(entry + 1, "\n  --"), *shown = strstr(entry, flag);
                assert_true(shown && shown < end);
            }
        free(text);
    }
}

/* ---- Resumed ---- */

enum { IMAGES = 60, SIDE = 4 };

static void paint(int image, unsigned char *pixels, uint16_t *label) {
    *label = image % 3 == 0; /* twice as many are of class 0 */
    for (int p = 0; p < SIDE * SIDE; p++) pixels[p] = (unsigned char)(image * 7 % 50 + p % 5 + *label * 150);
}

static cf_split *bright_and_dark(cf_set **set) {
    *set = small_set("two", IMAGES, 1, SIDE, 2, paint);
    return pooled_split(*set);
}

static bool stop(const cf_progress *progress, void *context) {
    (void)context;
    return !progress->epoch_done;
}

/* What adapting needs besides: images, a teacher, and that it is believed. */
static void set_target(const TrainOption *option, const cf_split *split, cf_train_options *o) {
    o->target = split;
    if (o->adapt != CF_MEAN_TEACHER) return;
    o->ema = 0.9;
    if (strcmp(option->name, "adapt_threshold") != 0) o->adapt_threshold = 0.3;
}

static cf_status train_on(const cf_split *split, const cf_train_options *options) {
    cf_model *model = small_model("dense 4 | relu | dense classes", split, 1);
    cf_status status = cf_train(model, split, options, NULL);
    cf_model_free(model);
    return status;
}

/* A checkpoint of `first` after its first epoch is refused by `then`, or goes on; `part` NULL: it goes on. */
static void resume(const cf_split *split, cf_train_options first, cf_train_options then, const char *part) {
    const char *path = path_in(scratch_folder(), "resume.safetensors");
    unlink(path);
    first.checkpoint = then.checkpoint = path;
    first.progress = stop;
    then.resume = true;
    assert_int_equal(train_on(split, &first), CF_INTERRUPTED);
    if (part)
        assert_fails(train_on(split, &then), CF_BAD_USE, part);
    else
        assert_ok(train_on(split, &then));
}

static bool has_bf16(void) {
    cf_train_options o = cf_train_defaults();
    cf_precision precision = CF_BF16;
    const Engine *engine;
    assert_ok(engine_choose(o.engine, &precision, &engine));
    return precision == CF_BF16;
}

static void resuming_with_others(void **state) {
    (void)state;
    cf_set *set;
    cf_split *split = bright_and_dark(&set);
    for
        EACH(option) {
            cf_train_options o = cf_train_defaults(), other;
            const char *stored = option->settings_name ? option->settings_name : option->name;
            char now[600], before[600], text[TRAIN_OPTION_TEXT];
            if (strcmp(option->name, "precision") == 0 && !has_bf16()) {
                print_message("SKIPPED: resuming with another precision (this processor has no bfloat16)\n");
                continue;
            }
            o.batch = 16, o.threads = 1, o.epochs = 3;
            set_what_it_works_with(option, &o);
            set_target(option, split, &o);
            other = o;
            set_other(option, &other);
            train_option_text(option, &other, 17, text);
            for (char *p = text; *p; p++)
                if (*p == ' ') *p = '_'; /* settings are words between spaces */
            snprintf(now, sizeof now, ", now %s=%s; resume with the settings it was made with", stored, text);
            snprintf(before, sizeof before, "other settings: %s=%s, now ", stored, text);
            /* Another difference may be told first: the number of epochs counts where a part of them does. */
            const bool with_length =
                strcmp(option->name, "swa_from") == 0 || strcmp(option->name, "reweight_from") == 0;
            resume(split, o, other, option->effect != CHANGES_NUMBERS ? NULL : with_length ? ", now epochs=3;" : now);
            resume(split, other, o,
                   option->effect != CHANGES_NUMBERS ? NULL
                   : with_length                     ? ": epochs=3, now"
                                                     : before);
            o.schedule = other.schedule = CF_COSINE;
            if (option->effect == CHANGES_WITH_SCHEDULE) resume(split, o, other, now);
            o.schedule = other.schedule = CF_CONSTANT, o.reweight_from = other.reweight_from = 0.4;
            strcpy(o.class_weights, "0:2"), strcpy(other.class_weights, "0:2");
            if (option->effect == CHANGES_WITH_SCHEDULE) resume(split, o, other, now);
        }
    cf_split_free(split);
    cf_set_free(set);
}

/* What a row says of its effect is so. */
static void effects_are_as_told(void **state) {
    (void)state;
    cf_set *set;
    cf_split *split = bright_and_dark(&set);
    for
        EACH(option) {
            cf_train_options o = cf_train_defaults();
            char sha[2][SHA256_HEX];
            if (option->effect == CHANGES_WITH_SCHEDULE || (strcmp(option->name, "precision") == 0 && !has_bf16()))
                continue;
            o.batch = 16, o.threads = 1, o.epochs = 3;
            set_what_it_works_with(option, &o);
            set_target(option, split, &o);
            for (int other = 0; other < 2; other++) {
                cf_model *model;
                if (other) set_other(option, &o);
                assert_ok(cf_model_new("conv 3 3x3 | bn | relu | dense classes", split, 1, &model));
                assert_ok(cf_train(model, split, &o, NULL));
                assert_ok(parameters_sha256(&model->parameters, sha[other]));
                cf_model_free(model);
            }
            if ((strcmp(sha[0], sha[1]) != 0) != (option->effect == CHANGES_NUMBERS))
                fail_msg("%s changes the weights, or not, against its row", option->name);
        }
    cf_split_free(split);
    cf_set_free(set);
}

/* A caller's own struct may have a line that never ends: no byte behind it is looked at, or told. */
static void lines_end_within_their_room(void **state) {
    (void)state;
    for
        EACH(option) {
            cf_train_options o = cf_train_defaults();
            char expected[200];
            if (option->kind != TRAIN_LINE) continue;
            memset((char *)&o + option->offset, 'a', option->size);
            snprintf(expected, sizeof expected, "%s: at most %d characters expected, found more", option->name,
                     CF_LINE - 1);
            assert_fails(train_options_check(&o), CF_BAD_USE, expected);
        }
}

/* ---- Files of version 0.1 ---- */

static void old_files_mean_the_same(void **state) {
    (void)state;
    static const char train[] = "{\"epochs\":7,\"batch\":64,\"optimizer\":\"adam\",\"lr\":0.25,\"momentum\":0.5,"
                                "\"weight_decay\":0.125,\"schedule\":\"one-cycle\",\"patience\":2,\"seed\":"
                                "9000000000000000,\"precision\":\"bf16\",\"engine\":\"reference\"}";
    cf_train_options o = cf_train_defaults();
    char text[TRAIN_OPTIONS_TEXT];
    json_t *json = json_loads(train, 0, NULL), *written;
    train_options_text(&o, true, text); /* as checkpoints have it */
    assert_string_equal(text, "batch=128 optimizer=sgd rate=0.0050000000000000001 momentum=0.90000000000000002 decay=0 "
                              "schedule=constant epochs=0 seed=1 engine=fast precision=f32");
    assert_ok(recipe_lay(json, &o));
    assert_true(o.epochs == 7 && o.batch == 64 && o.optimizer == CF_ADAM && o.learning_rate == 0.25);
    assert_true(o.momentum == 0.5 && o.weight_decay == 0.125 && o.schedule == CF_ONE_CYCLE && o.patience == 2);
    assert_true(o.seed == 9000000000000000 && o.precision == CF_BF16 && o.engine == CF_ENGINE_REFERENCE);
    written = train_options_json(&o); /* as tunes compare it, and the fingerprints of a study's stages */
    assert_true(json_equal(json, written));
    json_object_set_new(json, "seed", json_integer(INT64_MAX));
    assert_ok(recipe_lay(json, &o));
    assert_true(o.seed == INT64_MAX);
    json_decref(written);
    written = train_options_json(&o);
    assert_true(json_equal(json, written));
    o.seed = UINT64_MAX;
    train_options_text(&o, true, text);
    assert_string_equal(text, "batch=64 optimizer=adam rate=0.25 momentum=0.5 decay=0.125 schedule=one-cycle epochs=7 "
                              "seed=18446744073709551615 engine=reference precision=bf16");
    train_options_text(&o, false, text);
    assert_non_null(
        strstr(text, "lr=0.25 momentum=0.5 weight_decay=0.125 schedule=one-cycle epochs=7 patience=2 seed="));
    json_decref(json);
    json_decref(written);
}

static int make_teacher(void **state) {
    (void)state;
    cf_set *set;
    cf_model *model;
    cf_split *split = bright_and_dark(&set);
    assert_int_equal(chdir(scratch_folder()), 0);
    char *made;
    assert_ok(file_make_folders("runs", &made));
    free(made);
    assert_ok(cf_model_new("dense 3 | relu | dense classes", split, 7, &model));
    assert_ok(cf_model_save(model, TEACHER));
    cf_model_free(model);
    cf_split_free(split);
    cf_set_free(set);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_in_range),
        cmocka_unit_test(defaults_are_as_they_were),
        cmocka_unit_test(what_is_out_of_range_is_refused),
        cmocka_unit_test(spaces_take_values_and_ranges),
        cmocka_unit_test(config_repeats_them),
        cmocka_unit_test(recipes_and_commands_take_them),
        cmocka_unit_test(help_tells_them),
        cmocka_unit_test(resuming_with_others),
        cmocka_unit_test(effects_are_as_told),
        cmocka_unit_test(lines_end_within_their_room),
        cmocka_unit_test(old_files_mean_the_same),
    };
    return cmocka_run_group_tests(tests, make_teacher, NULL);
}
