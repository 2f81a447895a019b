/* cifra data make: a set as files that other tools read. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "cli/data_options.h"
#include "cli/terminal.h"
#include "data/generate/generated_set.h"
#include "data/set_files.h"
#include "data/set_load.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct MakeArguments {
    const char *out, *data_dir;
    DataDials dials;
    int format;
    bool plain;
} MakeArguments;

enum { FORMAT_IDX, FORMAT_MAT, MOST_FILES = 2 * SET_PARTS + 1 };
static const char *const format_words[] = {"idx", "mat", NULL};

static const Option options[] = {
    {"out", "DIR", OPTION_TEXT, .help = "the folder to write, which must not hold a set yet",
     OPTION_MEMBER(MakeArguments, out)},
    {"format", NULL, OPTION_CHOICE, .choices = format_words, .help = "MNIST's IDX files, or SVHN's .mat files",
     .default_text = "mat for RGB images of at most 10 classes, else idx", OPTION_MEMBER(MakeArguments, format)},
    DATA_OPTION_COUNT(MakeArguments, dials),
    {"test", "M", OPTION_INTEGER, 0, UINT32_MAX, .help = "generated data: so many test images",
     .default_text = "in the real set's ratio to the training images", OPTION_MEMBER(MakeArguments, dials.test)},
    DATA_OPTION_SEED(MakeArguments, dials, "seed"),
    DATA_OPTION_SHIFT(MakeArguments, dials),
    DATA_OPTION_READING(MakeArguments, dials),
    {"plain", NULL, OPTION_FLAG, .help = "IDX files without gzip", OPTION_MEMBER(MakeArguments, plain)},
    {"data-dir", "DIR", OPTION_TEXT, .help = "where names are looked for first", .default_text = "$CIFRA_DATA",
     OPTION_MEMBER(MakeArguments, data_dir)},
};

static void set_defaults(void *parsed) {
    ((MakeArguments *)parsed)->dials = DATA_DIALS_NONE;
}

/* ---- The files ---- */

typedef struct MadeFiles {
    char *path[MOST_FILES];
    int part[MOST_FILES]; /* 0 training, 1 validation, 2 test */
    int count, per_part;  /* IDX: images and labels; .mat: one */
    char *class_list;     /* NULL: a reader knows the classes without one */
    uint16_t *values;     /* [classes] */
} MadeFiles;

static void free_files(MadeFiles *files) {
    for (int i = 0; i < files->count; i++) free(files->path[i]);
    free(files->class_list);
    free(files->values);
}

static cf_status add_file(MadeFiles *files, const char *folder, const char *name, int part) {
    FORWARD(file_join(folder, name, &files->path[files->count]));
    files->part[files->count++] = part;
    return CF_OK;
}

/* The names under which other tools, and cifra, look for them. */
static cf_status name_files(const MakeArguments *a, int format, int channels, const bool parts[SET_PARTS],
                            MadeFiles *files) {
    static const char *const idx_stems[SET_PARTS] = {"train", "val", "t10k"};
    static const char *const mat_names[SET_PARTS] = {"train_32x32.mat", "val_32x32.mat", "test_32x32.mat"};
    files->per_part = format == FORMAT_IDX ? 2 : 1;
    for (int p = 0; p < SET_PARTS; p++) {
        char name[64];
        if (!parts[p]) continue;
        if (format == FORMAT_MAT) {
            FORWARD(add_file(files, a->out, mat_names[p], p));
            continue;
        }
        const char *end = a->plain ? "" : ".gz";
        snprintf(name, sizeof name, "%s-images-idx%d-ubyte%s", idx_stems[p], channels == 1 ? 3 : 4, end);
        FORWARD(add_file(files, a->out, name, p));
        snprintf(name, sizeof name, "%s-labels-idx1-ubyte%s", idx_stems[p], end);
        FORWARD(add_file(files, a->out, name, p));
    }
    return CF_OK;
}

/* Nothing is overwritten, and nothing is put beside a set whose files would be read in place of the new ones. */
static cf_status check_folder(const char *folder, const MadeFiles *files) {
    SetForm form;
    for (int i = 0; i < files->count; i++)
        FAIL_IF(file_exists(files->path[i]), CF_BAD_USE, "%s is there already; remove it, or choose another --out",
                files->path[i]);
    if (!file_is_folder(folder)) return CF_OK;
    FORWARD(set_form_find(folder, &form));
    cf_status status = CF_OK;
    if (form.kind)
        status = FAIL(CF_BAD_USE, "%s holds a data set already (%s); choose another --out", folder, form.images[0]);
    set_form_free(&form);
    return status;
}

static void part_range(const cf_set *set, int part, size_t *first, size_t *end) {
    const size_t ends[SET_PARTS] = {set->official_train, set_test_begin(set), set->count};
    *first = part ? ends[part - 1] : 0;
    *end = ends[part];
}

/* All files or none. */
static cf_status write_files(const cf_set *set, const MadeFiles *files) {
    cf_status status = CF_OK;
    for (int i = 0; i < files->count && !status; i += files->per_part) {
        size_t first, end;
        part_range(set, files->part[i], &first, &end);
        status = files->per_part == 2
                     ? idx_write(set, files->values, first, end - first, files->path[i], files->path[i + 1])
                     : mat_write(set, files->values, first, end - first, files->path[i]);
    }
    if (!status && files->class_list) status = class_list_write(files->class_list, set, files->values);
    for (int i = 0; i < files->count && status; i++) unlink(files->path[i]);
    return status;
}

/* ---- What is said ---- */

static json_t *counts_json(const cf_set *set, int part) {
    size_t first, end;
    json_t *list = json_array();
    part_range(set, part, &first, &end);
    for (int k = 0; k < set->classes; k++) json_array_append_new(list, json_integer(0));
    for (size_t i = first; i < end; i++) {
        json_t *count = json_array_get(list, set->labels[i]);
        json_integer_set(count, json_integer_value(count) + 1);
    }
    return list;
}

static cf_status print_made(const Arguments *given, const MakeArguments *a, int format, const cf_set *set,
                            const MadeFiles *files) {
    if (!given->json) {
        char validation[48] = "";
        if (set->official_validation)
            snprintf(validation, sizeof validation, ", %zu validation", set->official_validation);
        print_printable("%s, %s: %zu training%s and %zu test images of %dx%dx%d (channels, height, width)\nsha256 %s\n",
                    set->name, set->source, set->official_train, validation, set->count - set_test_begin(set),
                    set->channels, set->height, set->width, set->sha256);
        for (int i = 0; i < files->count; i++) print_printable("%s\n", files->path[i]);
        if (files->class_list) print_printable("%s\n", files->class_list);
        return CF_OK;
    }
    json_t *paths = json_array();
    for (int i = 0; i < files->count; i++) json_array_append_new(paths, json_text(files->path[i]));
    if (files->class_list) json_array_append_new(paths, json_text(files->class_list));
    json_t *counts = json_pack("{s:o s:o s:o}", "train", counts_json(set, 0), "validation", counts_json(set, 1), "test",
                               counts_json(set, 2));
    return print_json(json_pack("{s:o s:o s:o s:s s:o s:[i i i] s:o s:s}", "name", json_text(set->name), "source",
                                json_text(set->source), "out", json_text(a->out), "format", format_words[format],
                                "files", paths, "shape", set->channels, set->height, set->width, "counts", counts,
                                "sha256", set->sha256));
}

/* Labels are numbers in these files: what the classes are called stands beside them, unless the numbers say it. */
static cf_status name_class_list(const MakeArguments *a, const cf_set *set, MadeFiles *files) {
    FORWARD(memory_new((size_t)set->classes, sizeof *files->values, &files->values));
    if (!class_list_values(set, files->values)) return CF_OK;
    FORWARD(file_join(a->out, CLASS_LIST_NAME, &files->class_list));
    FAIL_IF(file_exists(files->class_list), CF_BAD_USE, "%s is there already; remove it, or choose another --out",
            files->class_list);
    notice("the names of the %d classes are in %s; keep it beside the files", set->classes, files->class_list);
    return CF_OK;
}

static cf_status make_files(const Arguments *given, const MakeArguments *a, const char *name) {
    cf_set *set = NULL;
    MadeFiles files = {0};
    cf_status status;
    char *made = NULL;
    GeneratedSpec spec;
    int format = a->format, channels = 0, classes = 0;
    bool parts[SET_PARTS] = {true};
    /* A folder that cannot be made or is in use is told before the images are made. */
    FORWARD(file_check_folder(a->out));
    if (generator_named(name)) {
        FORWARD(generated_spec_read(name, &spec));
        channels = spec.generator->channels;
        parts[2] = spec.test > 0;
    } else {
        FORWARD(cf_set_load(name, a->data_dir, &set));
        channels = set->channels;
        classes = set->classes;
        parts[1] = set->official_validation > 0;
        parts[2] = set_test_begin(set) < set->count;
    }
    if (!options_given(given, "format")) format = channels == 3 && classes <= 10 ? FORMAT_MAT : FORMAT_IDX;
    if (a->plain && format != FORMAT_IDX) {
        status = FAIL(CF_BAD_USE, "--plain is for IDX files; .mat files are packed inside");
        goto done;
    }
    FORWARD_TO(done, name_files(a, format, channels, parts, &files));
    FORWARD_TO(done, check_folder(a->out, &files));
    if (!set) FORWARD_TO(done, cf_set_load(name, a->data_dir, &set));
    FORWARD_TO(done, name_class_list(a, set, &files));
    FORWARD_TO(done, file_make_folders(a->out, &made));
    status = write_files(set, &files);
    if (status) file_unmake_folders(a->out, made);
    FORWARD_TO(done, status);
    status = print_made(given, a, format, set, &files);
done:
    free(made);
    free_files(&files);
    cf_set_free(set);
    return status;
}

static cf_status run_make(const Arguments *given, const void *parsed) {
    const MakeArguments *a = parsed;
    char *name;
    terminal_set_quiet(given->quiet);
    FAIL_IF(!a->out, CF_BAD_USE, "--out DIR is needed: the folder to write");
    FORWARD(data_dials_lay(given->positional[0], &a->dials, &name));
    cf_status status = make_files(given, a, name);
    free(name);
    return status;
}

const Command command_data_make = {
    .name = "data make",
    .summary = "write a set as files that other tools read",
    .usage = "SET --out DIR [-n N] [--size N|WxH] [--format idx|mat]",
    .description =
        "Writes a generated set, or any other, as files that other tools read too: MNIST's IDX files (colour images "
        "with a fourth dimension, the channels), or SVHN's train_32x32.mat and test_32x32.mat (MATLAB v5 with X, "
        "uint8, "
        "height x width x channels x images, and y, in which 10 is digit 0; the names are the same for images of other "
        "sizes, since they are what tools look for). Classes that are not called 0, 1, 2 .. have their names in "
        "classes.txt "
        "beside them, a line each of the number in the files and the name.\n"
        "\n"
        "The same set gives the same files, byte for byte, wherever zlib is the same. `cifra data info DIR` tells the "
        "same sha256 as the set itself.\n"
        "\n"
        "Examples:\n"
        "\n"
        "    cifra data make hand -n 10000 --out hand-small\n"
        "    cifra data make street -n 5000 --test 1000 --seed 7 --shift blur=2:4 --out blurred\n"
        "    cifra data make mnist --format mat --out mnist-mat\n"
        "    cifra data make photos --size 64 --fit crop --skip-broken --out photos-64",
    .options = options,
    .option_count = COUNT_OF(options),
    .min_positional = 1,
    .max_positional = 1,
    .options_size = sizeof(MakeArguments),
    .set_defaults = set_defaults,
    .run = run_make,
};
