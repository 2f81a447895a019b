/* cifra data show: a figure of images of every class, generated ones beside real ones, or each beside variants of an augmentation
 * line. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/rng.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "data/generate/generated_set.h"
#include "data/set_load.h"
#include "draw/image_grid.h"
#include "study/figures/figures.h"
#include "study/run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ShowArguments {
    const char *out, *beside, *data_dir, *augment;
    DataDials dials;
    int per_class, variants;
    FigureDials figures; /* but for the list */
    int64_t seed;
} ShowArguments;

#define MEMBER(name) OPTION_MEMBER(ShowArguments, name)

static const Option options[] = {
    {"out", "FIG", OPTION_TEXT, .help = "the figure: a .svg, .png or .pdf file",
     .needed = "the figure to draw, a .svg, .png or .pdf file", MEMBER(out)},
    {"per-class", "N", OPTION_INTEGER, 1, 100, .help = "images of each class", .default_text = "10; with --augment 1",
     MEMBER(per_class)},
    {"augment", "LINE", OPTION_TEXT,
     .help = "each image in a row of its own with what this line of operations makes of it: \"rotate 10 | shift 2\"",
     MEMBER(augment)},
    {"variants", "N", OPTION_INTEGER, 1, 40, .help = "with --augment: how many of each image", .default_text = "9",
     .with = {"--augment"}, MEMBER(variants)},
    {"beside", "SET", OPTION_TEXT, .help = "a second set to compare with, matched by class name; none: no second one",
     .default_text = "mnist for hand, svhn for street, where they are found", MEMBER(beside)},
    {"seed", "S", OPTION_INTEGER, 0, LARGEST_SEED,
     .help = "which images of the training part are shown, and which variants", .usual = "1", MEMBER(seed)},
    {ROWS(dial_options), MEMBER(dials)},
    {ROWS(figure_look_options), MEMBER(figures)},
    {ROW(data_dir), MEMBER(data_dir)},
};

/* ---- Which images ---- */

enum { GROUPS = 2 };

/* The images of a set that are shown: row by row, one row for each class of the first set. */
typedef struct ShownSet {
    cf_set *set;
    char *name, *about;
    CanvasImage *images; /* [rows][columns]; pixels NULL where the class has no more */
    uint32_t *indices;   /* [rows][columns] in the set */
} ShownSet;

static void sample_free(ShownSet *sample) {
    cf_set_free(sample->set);
    free(sample->name);
    free(sample->about);
    free(sample->images);
    free(sample->indices);
}

/* Of a generated set only as many images are made as the figure needs, the rarest digit included; they do not depend on
 * how many there are. */
static cf_status load_few(const char *name, const ShowArguments *a, cf_set **set) {
    AUTO_FREE char *text = NULL;
    char items[48];
    if (!generator_named(name) || generated_text_has(name, "n")) return cf_set_load(name, a->data_dir, set);
    snprintf(items, sizeof items, "n=%d,test=0", a->per_class > 20 ? 100 * a->per_class : 2000);
    FORWARD(generated_text_with(name, items, &text));
    return cf_set_load(text, a->data_dir, set);
}

/* The first images of the class as a training limit would choose them (data/split.c). */
static void choose_images(const cf_set *set, int label, const ShowArguments *a, uint32_t *list, CanvasImage *images,
                          uint32_t *indices) {
    size_t count = 0, wanted = (size_t)a->per_class;
    if (label < 0) return;
    for (size_t i = 0; i < set->official_train; i++)
        if (set->labels[i] == label) list[count++] = (uint32_t)i;
    RngStream stream = rng_stream((uint64_t)a->seed, RNG_LIMIT, 0, (uint32_t)label);
    rng_shuffle(&stream, list, count);
    if (count < wanted)
        notice("%s: class %s has %zu training images; %zu were wanted", set->name, set->class_names[label], count,
               wanted);
    for (size_t i = 0; i < count && i < wanted; i++) {
        images[i] = (CanvasImage){set->pixels + list[i] * set_image_size(set), set->channels, set->height, set->width};
        indices[i] = list[i];
    }
}

/* A page has room for so many classes: the first ones. */
static int row_count(const cf_set *rows) {
    enum { MOST_ROWS = 100 };
    return rows->classes < MOST_ROWS ? rows->classes : MOST_ROWS;
}

/* `rows` is the set whose classes are the rows; NULL: the sample's own. */
static cf_status sample_make(const char *name, const cf_set *rows, const ShowArguments *a, ShownSet *sample) {
    AUTO_FREE uint32_t *list = NULL;
    FORWARD(load_few(name, a, &sample->set));
    const cf_set *set = sample->set;
    if (!rows) rows = set;
    const size_t columns = (size_t)a->per_class, places = (size_t)row_count(rows) * columns;
    const bool generated = generator_named(name);
    FORWARD(data_title(name, &sample->name));
    FORWARD(generated ? memory_copy_string(set->source, &sample->about)
                      : memory_print(&sample->about, "%zu training images", set->official_train));
    FORWARD(memory_new(places, sizeof *sample->images, &sample->images));
    FORWARD(memory_new(places, sizeof *sample->indices, &sample->indices));
    FORWARD(memory_new(set->official_train, sizeof *list, &list));
    for (int r = 0; r < row_count(rows); r++) {
        int label = rows == set ? r : set_find_class(set, rows->class_names[r]);
        choose_images(set, label, a, list, sample->images + (size_t)r * columns, sample->indices + (size_t)r * columns);
    }
    return CF_OK;
}

/* The real set that a generated one is like. */
static const char *counterpart(const char *name) {
    const Generator *generator = generator_named(name);
    return generator == &generator_hand ? "mnist" : generator == &generator_street ? "svhn" : NULL;
}

/* *beside is NULL where there is none. */
static cf_status choose_beside(const char *name, const ShowArguments *a, const char **beside) {
    const char *real = counterpart(name);
    AUTO(set_list_free) SetList list = {0};
    *beside = a->beside && strcmp(a->beside, "none") != 0 ? a->beside : NULL;
    if (a->beside || a->augment || !real) return CF_OK;
    FORWARD(set_list(a->data_dir, &list));
    for (size_t i = 0; i < list.count; i++)
        if (list.entries[i].found && strcmp(list.entries[i].name, real) == 0) *beside = real;
    if (!*beside)
        notice("%s is not found in the data folders, so no real images stand beside these; --beside takes a name or a "
               "path, and --data-dir the folder above %s",
               real, real);
    return CF_OK;
}

/* ---- The figure ---- */

static cf_status draw_samples(const ShownSet *samples, int count, const ShowArguments *a) {
    GridGroup groups[GROUPS];
    char note[160];
    const cf_set *rows = samples[0].set;
    if (row_count(rows) < rows->classes) notice("the first %d of %d classes are drawn", row_count(rows), rows->classes);
    snprintf(note, sizeof note, "Images of each class chosen from the training part by seed %lld", (long long)a->seed);
    for (int g = 0; g < count; g++)
        groups[g] = (GridGroup){.heading = samples[g].name,
                                .about = samples[g].about,
                                .columns = a->per_class,
                                .images = samples[g].images};
    const ImageGrid grid = {.note = note,
                            .rows = row_count(rows),
                            .row_labels = (const char *const *)rows->class_names,
                            .group_count = count,
                            .groups = groups};
    return image_grid_draw(&grid, themes[a->figures.theme], a->figures.dpi, a->out);
}

static json_t *sample_json(const ShownSet *sample, const cf_set *rows, const ShowArguments *a) {
    json_t *images = json_object();
    for (int r = 0; r < row_count(rows); r++) {
        json_t *list = json_array();
        for (int c = 0; c < a->per_class; c++) {
            int place = r * a->per_class + c;
            if (sample->images[place].pixels) json_array_append_new(list, json_integer(sample->indices[place]));
        }
        json_object_set_new(images, rows->class_names[r], list);
    }
    return json_pack("{s:o s:o s:o}", "name", json_text(sample->name), "source", json_text(sample->set->source),
                     "images", images);
}

static cf_status print_shown(const Arguments *given, const ShowArguments *a, const ShownSet *samples, int count) {
    if (!given->json) {
        print_printable("%s\n", a->out);
        return CF_OK;
    }
    json_t *sets = json_array();
    for (int g = 0; g < count; g++) json_array_append_new(sets, sample_json(&samples[g], samples[0].set, a));
    json_t *shown = json_pack("{s:o s:i s:I s:o}", "out", json_text(a->out), "per_class", a->per_class, "seed",
                              (json_int_t)a->seed, "sets", sets);
    if (a->augment) {
        json_object_set_new(shown, "augment", json_text(a->augment));
        json_object_set_new(shown, "variants", json_integer(a->variants));
    }
    return print_json(shown);
}

/* ---- Variants ---- */

enum { MOST_VARIANT_ROWS = 100 };

typedef struct VariantRows {
    uint32_t images[MOST_VARIANT_ROWS];
    const char *labels[MOST_VARIANT_ROWS]; /* of each class's first row */
    int count;
} VariantRows;

/* The images of the sample one below the other, without the places that a class has too few for. */
static void list_rows(const ShownSet *sample, const ShowArguments *a, VariantRows *rows) {
    const int places = row_count(sample->set) * a->per_class;
    int wanted = 0;
    rows->count = 0;
    for (int i = 0; i < places; i++) {
        if (!sample->images[i].pixels || wanted++ >= MOST_VARIANT_ROWS) continue;
        rows->labels[rows->count] = i % a->per_class ? "" : sample->set->class_names[i / a->per_class];
        rows->images[rows->count++] = sample->indices[i];
    }
    if (wanted > rows->count) notice("the first %d of %d images are drawn", rows->count, wanted);
}

static cf_status draw_variants(const ShownSet *sample, const ShowArguments *a) {
    char note[160];
    VariantRows rows;
    AUTO(variant_sheet_free) VariantSheet sheet = {0};
    list_rows(sample, a, &rows);
    FAIL_IF(rows.count == 0, CF_BAD_INPUT, "%s has no training images", sample->name);
    const VariantOptions chosen = {
        .images = rows.images, .rows = rows.count, .variants = a->variants, .seed = (uint64_t)a->seed};
    FORWARD(variant_sheet_new(sample->set, a->augment, &chosen, &sheet));
    snprintf(note, sizeof note, "Training images and variants chosen by seed %lld", (long long)a->seed);
    const ImageGrid grid = {.title = sample->name,
                            .note = note,
                            .rows = rows.count,
                            .row_labels = rows.labels,
                            .group_count = 2,
                            .groups = sheet.groups};
    return image_grid_draw(&grid, themes[a->figures.theme], a->figures.dpi, a->out);
}

static cf_status check_variants(const ShowArguments *a) {
    if (!a->augment) return CF_OK;
    FAIL_IF(a->beside && strcmp(a->beside, "none") != 0, CF_BAD_USE,
            "--augment draws one set's images and their variants; leave --beside %s out", a->beside);
    return augmentation_check(a->augment);
}

static cf_status run_show(const Arguments *given, const void *parsed) {
    ShowArguments settled = *(const ShowArguments *)parsed, *a = &settled;
    AUTO_FREE char *name = NULL;
    AUTO(sample_free) ShownSet first = {0};
    AUTO(sample_free) ShownSet second = {0};
    const char *beside;
    FORWARD(check_variants(a));
    if (!a->per_class) a->per_class = a->augment ? 1 : 10;
    if (!a->variants) a->variants = 9;
    FORWARD(canvas_check_path(a->out));
    FORWARD(file_check_output(a->out));
    FORWARD(data_dials_lay(given->positional[0], &a->dials, &name));
    FORWARD(choose_beside(name, a, &beside));
    FORWARD(sample_make(name, NULL, a, &first));
    if (beside) FORWARD(sample_make(beside, first.set, a, &second));
    const ShownSet samples[GROUPS] = {first, second};
    const int count = beside ? 2 : 1;
    FORWARD(a->augment ? draw_variants(&first, a) : draw_samples(samples, count, a));
    return print_shown(given, a, samples, count);
}

const Command command_data_show = {
    .name = "data show",
    .summary = "a figure of images of every class",
    .usage = "SET --out FIG [--per-class N] [--beside SET|none] [--augment LINE]",
    .description =
        "Draws images of every class of a set, one class a row, chosen by a seed from the training part. A generated set is "
        "shown beside the real one that it is like, where that is found, so that both can be compared by eye; any two sets can "
        "be put side by side with --beside.\n\n"
        "With --augment each image has a row of its own: beside it stand variants as a training with that line would see "
        "them.\n\n"
        "Examples:\n\n"
        "    cifra data show hand --out hand.svg\n"
        "    cifra data show street --shift blur=2:4 --beside none --out blurred.png\n"
        "    cifra data show street --shift 0 --beside street --out clean-and-not.pdf\n"
        "    cifra data show svhn --augment \"rotate 10 | brightness 0.3\" --out variants.png\n"
        "    cifra data show mnist --per-class 20 --theme dark --out mnist.png",
    .positional = {1, 1},
    COMMAND_OPTIONS(options, ShowArguments),
    .run = run_show,
};
