#include "study/run/run_data.h"

#include "base/json_text.h"
#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/set_text.h"

#include <stdlib.h>
#include <string.h>

/* ---- A shelf of sets ---- */

/* Generated sets are the same wherever one looks. Two NULLs are the same. */
static bool same_place(const char *data, const char *a, const char *b) {
    return generator_named(data) || (a && b ? strcmp(a, b) == 0 : a == b);
}

const cf_set *shelf_find(const SetShelf *shelf, const char *data, const char *data_dir) {
    for (int i = 0; i < shelf->count; i++)
        if (strcmp(shelf->places[i].data, data) == 0 && same_place(data, shelf->places[i].data_dir, data_dir))
            return shelf->places[i].set;
    return NULL;
}

cf_status shelf_put(SetShelf *shelf, const char *data, const char *data_dir, cf_set *set) {
    AUTO(cf_set_free_at) cf_set *owned = set;
    AUTO_FREE char *name = NULL, *dir = NULL;
    FAIL_IF(shelf->count == SHELF_PLACES, CF_INTERNAL, "more than %d sets are in use at once", SHELF_PLACES);
    FORWARD(memory_copy_string(data, &name));
    if (data_dir) FORWARD(memory_copy_string(data_dir, &dir));
    shelf->places[shelf->count].data = memory_take(&name);
    shelf->places[shelf->count].data_dir = memory_take(&dir);
    shelf->places[shelf->count++].set = memory_take(&owned);
    return CF_OK;
}

cf_status shelf_take(SetShelf *shelf, const char *data, const char *data_dir, const cf_set **set) {
    cf_set *loaded;
    if ((*set = shelf_find(shelf, data, data_dir))) return CF_OK;
    FORWARD(cf_set_load(data, data_dir, &loaded));
    FORWARD(shelf_put(shelf, data, data_dir, loaded));
    *set = loaded;
    return CF_OK;
}

void shelf_clear(SetShelf *shelf) {
    for (int i = 0; i < shelf->count; i++) {
        free(shelf->places[i].data);
        free(shelf->places[i].data_dir);
        cf_set_free(shelf->places[i].set);
    }
    *shelf = (SetShelf){0};
}

/* ---- The set of a run ---- */

void data_record_clear(DataRecord *record) {
    free(record->path);
    *record = (DataRecord){.official_train = -1, .official_validation = -1};
}

static int64_t count_or_none(const json_t *count) {
    return json_is_integer(count) ? json_integer_value(count) : -1;
}

cf_status data_record_read(const json_t *root, DataRecord *record) {
    const json_t *checksums = json_object_get(root, "checksums"), *shape = json_object_get(checksums, "shape");
    const char *sha256 = json_string_value(json_object_get(checksums, "sha256"));
    if (sha256) snprintf(record->sha256, sizeof record->sha256, "%s", sha256);
    record->official_train = count_or_none(json_object_get(checksums, "official_train"));
    record->official_validation = count_or_none(json_object_get(checksums, "official_validation"));
    const int64_t height = count_or_none(json_array_get(shape, 1)), width = count_or_none(json_array_get(shape, 2));
    if (height >= 1 && width >= 1 && height <= LONGEST_SIDE && width <= LONGEST_SIDE)
        record->height = (int)height, record->width = (int)width;
    return json_text_value(json_object_get(root, "data_path"), &record->path);
}

static bool count_fits(int64_t recorded, size_t count) {
    return recorded < 0 || (size_t)recorded == count;
}

bool data_record_fits(const DataRecord *record, const cf_set *set) {
    return !record->sha256[0] ||
           (strcmp(record->sha256, set->sha256) == 0 && count_fits(record->official_train, set->official_train) &&
            count_fits(record->official_validation, set->official_validation));
}

/* The path is as it was typed. */
static cf_status explain_not_found(const char *data, const DataRecord *record, cf_status status) {
    AUTO_FREE char *why = NULL;
    if (!record->sha256[0] || generator_named(data) || data[0] == '/') return status;
    FORWARD(memory_copy_string(cf_error(), &why));
    return FAIL(status,
                "%s; the configuration names the data as they were asked for, relative to the folder in which the "
                "training was started%s%s. Call cifra there, or say where they are now with --data or --data-dir: the "
                "run's own data are known by their checksum",
                why, record->path ? ", and there is nothing at their place of then, " : "",
                record->path ? record->path : "");
}

cf_status run_data_load(const char *data, const DataRecord *record, const char *data_dir, SetShelf *shelf,
                        const cf_set **set) {
    const cf_set *moved;
    const cf_status status = shelf_take(shelf, data, data_dir, set);
    if (status == CF_NO_MEMORY || (!status && data_record_fits(record, *set))) return status;
    if (record->path) {
        const cf_status second = shelf_take(shelf, record->path, NULL, &moved);
        if (second == CF_NO_MEMORY) return second;
        if (!second && data_record_fits(record, moved)) {
            notice("%s is %s: the run's data are taken from %s, where they were when it was trained", data,
                   status ? "not to be found here" : "another set here", record->path);
            *set = moved;
            return CF_OK;
        }
        if (status) shelf_take(shelf, data, data_dir, set); /* its message */
    }
    return status ? explain_not_found(data, record, status) : CF_OK;
}

bool subset_equal(const cf_subset *a, const cf_subset *b) {
    return a->count == b->count && memcmp(a->images, b->images, a->count * sizeof *a->images) == 0;
}

/* ---- What sets are called ---- */

/* "." and ".." and what ends in them have the name of the folder that they are. */
static cf_status folder_title(const char *folder, const char *items, char **title) {
    AUTO_FREE char *path = NULL, *real = NULL;
    FORWARD(file_trim(folder, &path));
    const char *name = file_base_name(path);
    if (!strcmp(name, ".") || !strcmp(name, "..") || !*name) real = realpath(path, NULL);
    return memory_print(title, "%s%s", real ? file_base_name(real) : name, items);
}

cf_status data_title(const char *data, char **title) {
    ReadOptions options;
    AUTO_FREE char *set = NULL;
    if (generator_named(data)) return memory_copy_string(data, title);
    if (set_text_read(data, &set, &options)) return memory_copy_string(file_base_name(data), title);
    return folder_title(set, data + strlen(set), title);
}

cf_status data_short_name(const char *data, char name[64]) {
    AUTO_FREE char *set = NULL, *title = NULL;
    GeneratedSpec spec;
    ReadOptions options;
    if (generator_named(data)) {
        FORWARD(generated_spec_read(data, &spec));
        snprintf(name, 64, "%s%s", spec.generator->name, generated_spec_is_shifted(&spec) ? "-shifted" : "");
        return CF_OK;
    }
    FORWARD(set_text_read(data, &set, &options));
    FORWARD(folder_title(set, "", &title));
    snprintf(name, 64, "%s", title);
    text_to_file_name(name);
    if (!name[0]) snprintf(name, 64, "data");
    return CF_OK;
}
