/* cifra data make: a set as files that other tools read. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "data/generate/generated_set.h"
#include "data/set_files.h"
#include "data/set_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct MakeArguments {
    const char *out, *data_dir;
    DataDials dials;
    int64_t test; /* -1: not given */
    int format;
    bool plain;
} MakeArguments;

enum { FORMAT_IDX, FORMAT_MAT, CLASS_LIST = SET_PARTS, MOST_FILES = 2 * SET_PARTS + 1 };
static const char *const format_words[] = {"idx", "mat", NULL};

#define MEMBER(name) OPTION_MEMBER(MakeArguments, name)

static const Option options[] = {
    {"out", "DIR", OPTION_TEXT, .help = "the folder to write, which must not hold a set yet",
     .needed = "the folder to write", MEMBER(out)},
    {"format", NULL, OPTION_CHOICE, .choices = format_words, .help = "MNIST's IDX files, or SVHN's .mat files",
     .default_text = "mat for RGB images of at most 10 classes, else idx", MEMBER(format)},
    {ROW(count), MEMBER(dials.count)},
    {"test", "M", OPTION_INTEGER, 0, UINT32_MAX, .help = "generated data: so many test images",
     .default_text = "in the real set's ratio to the training images", .unset = -1, MEMBER(test)},
    {"seed", ROW(data_seed), MEMBER(dials.seed)},
    {ROW(shift), MEMBER(dials.shift)},
    {ROWS(reading_options), MEMBER(dials)},
    {"plain", NULL, OPTION_FLAG, .help = "IDX files without gzip", MEMBER(plain)},
    {ROW(data_dir), MEMBER(data_dir)},
};

/* ---- The files ---- */

typedef struct MadeFiles {
    char *path[MOST_FILES];
    int part
        [MOST_FILES]; /* 0 training, 1 validation, 2 test; CLASS_LIST: the names of the classes, where a reader needs them */
    int count, per_part; /* IDX: images and labels; .mat: one */
    uint16_t *values;    /* [classes] */
} MadeFiles;

static void free_files(MadeFiles *files) {
    for (int i = 0; i < files->count; i++) free(files->path[i]);
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
    files->per_part = format == FORMAT_IDX ? 2 : 1;
    for (int p = 0; p < SET_PARTS; p++) {
        char name[64];
        if (!parts[p]) continue;
        if (format == FORMAT_MAT) {
            FORWARD(add_file(files, a->out, set_mat_names[p], p));
            continue;
        }
        const char *end = a->plain ? "" : ".gz";
        snprintf(name, sizeof name, "%s-images-idx%d-ubyte%s", set_idx_stems[p][0], channels == 1 ? 3 : 4, end);
        FORWARD(add_file(files, a->out, name, p));
        snprintf(name, sizeof name, "%s-labels-idx1-ubyte%s", set_idx_stems[p][0], end);
        FORWARD(add_file(files, a->out, name, p));
    }
    return CF_OK;
}

static cf_status check_file(const char *path) {
    FAIL_IF(file_exists(path), CF_BAD_USE, "%s is there already; remove it, or choose another --out", path);
    return CF_OK;
}

/* Nothing is overwritten, and nothing is put beside a set whose files would be read in place of the new ones. */
static cf_status check_folder(const char *folder, const MadeFiles *files) {
    AUTO(set_form_free) SetForm form = {0};
    for (int i = 0; i < files->count; i++) FORWARD(check_file(files->path[i]));
    if (!file_is_folder(folder)) return CF_OK;
    FORWARD(set_form_find(folder, &form));
    FAIL_IF(form.kind, CF_BAD_USE, "%s holds a data set already (%s); choose another --out", folder, form.images[0]);
    return CF_OK;
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
        char *const *path = &files->path[i];
        size_t first, end;
        if (files->part[i] == CLASS_LIST) {
            status = class_list_write(*path, set, files->values);
            continue;
        }
        part_range(set, files->part[i], &first, &end);
        status = files->per_part == 2 ? idx_write(set, files->values, first, end - first, path[0], path[1])
                                      : mat_write(set, files->values, first, end - first, path[0]);
    }
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

static void print_made(const cf_set *set, const MadeFiles *files) {
    char validation[48] = "";
    if (set->official_validation) snprintf(validation, sizeof validation, ", %zu validation", set->official_validation);
    print_printable("%s, %s: %zu training%s and %zu test images of %dx%dx%d (channels, height, width)\nsha256 %s\n",
                    set->name, set->source, set->official_train, validation, set->count - set_test_begin(set),
                    set->channels, set->height, set->width, set->sha256);
    for (int i = 0; i < files->count; i++) print_printable("%s\n", files->path[i]);
}

static json_t *made_json(const MakeArguments *a, int format, const cf_set *set, const MadeFiles *files) {
    json_t *paths = json_text_list(files->path, (size_t)files->count);
    json_t *counts = json_pack("{s:o s:o s:o}", "train", counts_json(set, 0), "validation", counts_json(set, 1), "test",
                               counts_json(set, 2));
    return json_pack("{s:o s:o s:o s:s s:o s:[i i i] s:o s:s}", "name", json_text(set->name), "source",
                     json_text(set->source), "out", json_text(a->out), "format", format_words[format], "files", paths,
                     "shape", set->channels, set->height, set->width, "counts", counts, "sha256", set->sha256);
}

/* Labels are numbers in these files: what the classes are called stands beside them, unless the numbers say it. */
static cf_status name_class_list(const MakeArguments *a, const cf_set *set, MadeFiles *files) {
    FORWARD(memory_new((size_t)set->classes, sizeof *files->values, &files->values));
    if (!class_list_values(set, files->values)) return CF_OK;
    FORWARD(add_file(files, a->out, CLASS_LIST_NAME, CLASS_LIST));
    const char *path = files->path[files->count - 1];
    FORWARD(check_file(path));
    notice("the names of the %d classes are in %s; keep it beside the files", set->classes, path);
    return CF_OK;
}

/* A folder that is made for them goes again where they cannot be written. */
static cf_status write_into(const char *folder, const cf_set *set, const MadeFiles *files) {
    AUTO_FREE char *made = NULL;
    FORWARD(file_make_folders(folder, &made));
    const cf_status status = write_files(set, files);
    if (status) file_unmake_folders(folder, made);
    return status;
}

static cf_status make_files(const Arguments *given, const MakeArguments *a, const char *name) {
    AUTO(cf_set_free_at) cf_set *set = NULL;
    AUTO(free_files) MadeFiles files = {0};
    GeneratedSpec spec;
    int format = a->format, channels, classes = 0;
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
    FAIL_IF(a->plain && format != FORMAT_IDX, CF_BAD_USE, "--plain is for IDX files; .mat files are packed inside");
    FORWARD(name_files(a, format, channels, parts, &files));
    FORWARD(check_folder(a->out, &files));
    if (!set) FORWARD(cf_set_load(name, a->data_dir, &set));
    FORWARD(name_class_list(a, set, &files));
    FORWARD(write_into(a->out, set, &files));
    if (given->json) return print_json(made_json(a, format, set, &files));
    print_made(set, &files);
    return CF_OK;
}

static cf_status run_make(const Arguments *given, const void *parsed) {
    const MakeArguments *a = parsed;
    DataDials dials = a->dials;
    AUTO_FREE char *name = NULL;
    if (a->test >= 0) dials.test = &a->test;
    FORWARD(data_dials_lay(given->positional[0], &dials, &name));
    return make_files(given, a, name);
}

const Command command_data_make = {
    .name = "data make",
    .summary = "write a set as files that other tools read",
    .usage = "SET --out DIR [-n N] [--size N|WxH] [--format idx|mat]",
    .description =
        "Writes a generated set, or any other, as files that other tools read too: MNIST's IDX files (colour images with a "
        "fourth dimension, the channels), or SVHN's train_32x32.mat and test_32x32.mat (MATLAB v5 with X, uint8, height x width "
        "x channels x images, and y, in which 10 is digit 0; the names are the same for images of other sizes, since they are "
        "what tools look for). Classes that are not called 0, 1, 2 .. have their names in classes.txt beside them, a line each "
        "of the number in the files and the name.\n\n"
        "The same set gives the same files, byte for byte, wherever zlib is the same. `cifra data info DIR` tells the same "
        "sha256 as the set itself.\n\n"
        "Examples:\n\n"
        "    cifra data make hand -n 10000 --out hand-small\n"
        "    cifra data make street -n 5000 --test 1000 --seed 7 --shift blur=2:4 --out blurred\n"
        "    cifra data make mnist --format mat --out mnist-mat\n"
        "    cifra data make photos --size 64 --fit crop --skip-broken --out photos-64",
    .positional = {1, 1},
    COMMAND_OPTIONS(options, MakeArguments),
    .run = run_make,
};
