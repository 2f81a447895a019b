/* config.json, to and from. Every key is checked: one that is missing, unknown or of another type is an error that names it. */
#include "study/run/run.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/set_text.h"
#include "train/train_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const split_words[] = {"official", "pooled", "at", NULL};

/* ---- The set ---- */

void data_record_clear(DataRecord *record) {
    free(record->path);
    *record = (DataRecord){.official_train = -1, .official_validation = -1};
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
    char *why;
    if (!record->sha256[0] || generator_named(data) || data[0] == '/') return status;
    FORWARD(memory_copy_string(cf_error(), &why));
    status = FAIL(
        status,
        "%s; the configuration names the data as they were asked for, relative to the folder in which the training "
        "was started%s%s. Call cifra there, or say where they are now with --data or --data-dir: the run's own data "
        "are known by their checksum",
        why, record->path ? ", and there is nothing at their place of then, " : "", record->path ? record->path : "");
    free(why);
    return status;
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

cf_status run_config_new(RunConfig *config) {
    RunConfig made = {.split = cf_split_defaults(),
                      .target_split = cf_split_defaults(),
                      .train = cf_train_defaults(),
                      .record = {.official_train = -1, .official_validation = -1}};
    FORWARD(memory_copy_string("paper", &made.model));
    *config = made;
    return CF_OK;
}

void run_config_free(RunConfig *config) {
    char *owned[] = {config->data,
                     config->data_dir,
                     config->model,
                     config->from,
                     config->target,
                     (char *)(uintptr_t)config->split.classes,
                     (char *)(uintptr_t)config->split.train_limit};
    for (size_t i = 0; i < COUNT_OF(owned); i++) free(owned[i]);
    data_record_clear(&config->record);
    *config = (RunConfig){0};
}

cf_status run_config_text(char **field, const char *text) {
    char *copy = NULL;
    if (text) FORWARD(memory_copy_string(text, &copy));
    free(*field);
    *field = copy;
    return CF_OK;
}

/* "." and ".." and what ends in them have the name of the folder that they are. */
static cf_status folder_title(const char *folder, const char *items, char **title) {
    char *path, *real = NULL;
    FORWARD(file_trim(folder, &path));
    const char *name = file_base_name(path);
    if (!strcmp(name, ".") || !strcmp(name, "..") || !*name) real = realpath(path, NULL);
    cf_status status = memory_print(title, "%s%s", real ? file_base_name(real) : name, items);
    free(real);
    free(path);
    return status;
}

cf_status data_title(const char *data, char **title) {
    ReadOptions options;
    char *set;
    if (generator_named(data)) return memory_copy_string(data, title);
    if (set_text_read(data, &set, &options)) return memory_copy_string(file_base_name(data), title);
    cf_status status = folder_title(set, data + strlen(set), title);
    free(set);
    return status;
}

cf_status data_short_name(const char *data, char name[64]) {
    char *title;
    if (generator_named(data)) {
        GeneratedSpec spec;
        FORWARD(generated_spec_read(data, &spec));
        snprintf(name, 64, "%s%s", spec.generator->name, generated_spec_is_shifted(&spec) ? "-shifted" : "");
        return CF_OK;
    }
    ReadOptions options;
    char *set;
    FORWARD(set_text_read(data, &set, &options));
    cf_status status = folder_title(set, "", &title);
    free(set);
    FORWARD(status);
    snprintf(name, 64, "%s", title);
    free(title);
    text_to_file_name(name);
    if (!name[0]) snprintf(name, 64, "data");
    return CF_OK;
}

cf_status split_from_text(const char *text, cf_split_options *split) {
    long long at;
    if (strncmp(text, "at:", 3) == 0) {
        FAIL_IF(!text_to_integer(text + 3, 1, UINT32_MAX, &at), CF_BAD_USE,
                "split %s: at:N expected, N the number of images before the cut", text);
        split->mode = CF_SPLIT_AT;
        split->at = (size_t)at;
        return CF_OK;
    }
    split->at = 0;
    if (strcmp(text, "official") == 0)
        split->mode = CF_SPLIT_OFFICIAL;
    else if (strcmp(text, "pooled") == 0)
        split->mode = CF_SPLIT_POOLED;
    else
        return FAIL(CF_BAD_USE, "split %s: official, pooled or at:N expected%s", text, text_hint(text, split_words));
    return CF_OK;
}

void split_to_text(const cf_split_options *split, char text[40]) {
    if (split->mode == CF_SPLIT_AT)
        snprintf(text, 40, "at:%zu", split->at);
    else
        snprintf(text, 40, "%s", split_words[split->mode]);
}

static json_t *source_json(const RunConfig *config) {
    const SourceRecord *source = &config->source;
    json_t *json = json_pack("{s:o}", "path", json_text(config->from));
    if (source->sha256[0]) json_object_set_new(json, "sha256", json_string(source->sha256));
    if (!source->counts[TRANSFER_TAKEN] && !source->counts[TRANSFER_CONVERTED]) return json; /* not yet */
    for (int i = 0; i < TRANSFER_FATES; i++)
        json_object_set_new(json, transfer_words[i], json_integer(source->counts[i]));
    return json;
}

const char *run_config_target(const RunConfig *config) {
    return config->target ? "images" : config->from ? "labels" : "none";
}

cf_status run_config_json(const RunConfig *config, json_t **json) {
    char mode[40];
    split_to_text(&config->split, mode);
    json_t *split = json_pack("{s:s s:f s:b s:I s:o s:o}", "mode", mode, "validation", config->split.validation,
                              "stratified", config->split.stratified, "seed", (json_int_t)config->split.seed, "classes",
                              json_text(config->split.classes), "limit", json_text(config->split.train_limit));
    if (config->split.folds) { /* runs without folds have the files that they always had */
        json_object_set_new(split, "folds", json_integer(config->split.folds));
        json_object_set_new(split, "fold", json_integer(config->split.fold));
    }
    json_t *root =
        json_pack("{s:o s:o s:o s:o s:o}", "data", json_text(config->data), "data_dir", json_text(config->data_dir),
                  "model", json_text(config->model), "split", split, "train", train_options_json(&config->train));
    FAIL_IF(!root, CF_NO_MEMORY, "out of memory while making the configuration's JSON");
    if (config->from) json_object_set_new(root, "from", source_json(config));
    if (config->target) {
        split_to_text(&config->target_split, mode);
        json_object_set_new(root, "target_data",
                            json_pack("{s:o s:s s:f s:I}", "data", json_text(config->target), "split", mode, "validation",
                                      config->target_split.validation, "seed", (json_int_t)config->target_split.seed));
    }
    *json = root;
    return CF_OK;
}

/* ---- Reading ---- */

enum { MOST_KEYS = MOST_TRAIN_OPTIONS };

typedef struct Reader {
    json_t *object;
    const char *group;               /* for messages: "train." */
    cf_status status;                /* of the first failure; then the rest is passed over */
    const char *keys[MOST_KEYS + 1]; /* what was asked for, and a NULL */
    int count;
} Reader;

/* A key that is not read here, or is not needed. */
static void know(Reader *r, const char *key) {
    if (r->count < MOST_KEYS) r->keys[r->count++] = key;
}

static json_t *take(Reader *r, const char *key, const char *kind, bool (*right)(const json_t *)) {
    json_t *value = json_object_get(r->object, key);
    know(r, key);
    if (r->status) return NULL;
    if (value && right(value)) return value;
    r->status =
        FAIL(CF_BAD_INPUT, "%s%s: %s expected, %s found", r->group, key, kind, value ? "something else" : "nothing");
    return NULL;
}

/* Comes last: a key that is misspelt is told of, rather than that the right one is missing. */
static cf_status refuse_others(const Reader *r) {
    const char *key;
    json_t *value;
    json_object_foreach(r->object, key, value) {
        bool known = false;
        for (int i = 0; i < r->count && !known; i++) known = strcmp(r->keys[i], key) == 0;
        FAIL_IF(!known, CF_BAD_INPUT, "%s%s: there is no such key%s", r->group, key, text_hint(key, r->keys));
    }
    return r->status;
}

static bool is_text(const json_t *v) {
    return json_is_string(v);
}
static bool is_text_or_null(const json_t *v) {
    return json_is_string(v) || json_is_null(v);
}
static bool is_integer(const json_t *v) {
    return json_is_integer(v);
}
static bool is_number(const json_t *v) {
    return json_is_number(v) && isfinite(json_number_value(v));
}
static bool is_boolean(const json_t *v) {
    return json_is_boolean(v);
}

static void take_text(Reader *r, const char *key, bool null_allowed, char **field) {
    json_t *value = take(r, key, null_allowed ? "a text or null" : "a text", null_allowed ? is_text_or_null : is_text);
    if (r->status) return;
    free(*field);
    r->status = json_text_value(value, field);
}

static void take_seed(Reader *r, const char *key, uint64_t *field) {
    const json_int_t value = json_integer_value(take(r, key, "a whole number", is_integer));
    if (r->status) return;
    *field = (uint64_t)value;
    if (value < 0)
        r->status = FAIL(CF_BAD_INPUT, "%s%s: 0 to %lld expected, found %lld", r->group, key, (long long)INT64_MAX,
                         (long long)value);
}

static void take_number(Reader *r, const char *key, double *field) {
    json_t *value = take(r, key, "a number", is_number);
    if (!r->status) *field = json_number_value(value);
}

/* A whole number that need not be there. */
static void take_count(Reader *r, const char *key, int *field) {
    if (!json_object_get(r->object, key)) {
        know(r, key);
        return;
    }
    const json_int_t value = json_integer_value(take(r, key, "a whole number", is_integer));
    if (r->status) return;
    if (value < 1 || value > INT32_MAX)
        r->status = FAIL(CF_BAD_INPUT, "%s%s: 1 and more expected, found %lld", r->group, key, (long long)value);
    *field = (int)value;
}

static void take_split(Reader *r, RunConfig *c) {
    char *mode = NULL, *classes = NULL, *limit = NULL;
    take_text(r, "mode", false, &mode);
    if (!r->status) r->status = split_from_text(mode, &c->split);
    free(mode);
    take_number(r, "validation", &c->split.validation);
    c->split.stratified = json_is_true(take(r, "stratified", "true or false", is_boolean));
    take_seed(r, "seed", &c->split.seed);
    take_text(r, "classes", true, &classes);
    take_text(r, "limit", true, &limit);
    take_count(r, "folds", &c->split.folds);
    take_count(r, "fold", &c->split.fold);
    c->split.classes = classes;
    c->split.train_limit = limit;
    c->split_given = true;
}

static void take_train(Reader *r, cf_train_options *t) {
    for (const TrainOption *option = train_options; option->name; option++) {
        const json_t *value = json_object_get(r->object, option->name);
        know(r, option->name);
        if (r->status || (!value && !option->always_written)) continue;
        r->status = train_option_set_json(option, value, t);
        if (r->status) r->status = status_prefix(CF_BAD_INPUT, "%s%s", r->group, option->name);
    }
}

static int64_t count_or_none(const json_t *count) {
    return json_is_integer(count) ? json_integer_value(count) : -1;
}

cf_status data_record_read(const json_t *root, DataRecord *record) {
    const json_t *checksums = json_object_get(root, "checksums");
    const char *sha256 = json_string_value(json_object_get(checksums, "sha256"));
    if (sha256) snprintf(record->sha256, sizeof record->sha256, "%s", sha256);
    record->official_train = count_or_none(json_object_get(checksums, "official_train"));
    record->official_validation = count_or_none(json_object_get(checksums, "official_validation"));
    const json_t *shape = json_object_get(checksums, "shape");
    const int64_t height = count_or_none(json_array_get(shape, 1)), width = count_or_none(json_array_get(shape, 2));
    if (height >= 1 && width >= 1 && height <= LONGEST_SIDE && width <= LONGEST_SIDE)
        record->height = (int)height, record->width = (int)width;
    return json_text_value(json_object_get(root, "data_path"), &record->path);
}

/* What was taken stands there once it was. */
static void take_source(Reader *r, RunConfig *c) {
    char *sha256 = NULL;
    take_text(r, "path", false, &c->from);
    know(r, "sha256");
    for (int i = 0; i < TRANSFER_FATES; i++) {
        const json_t *count = json_object_get(r->object, transfer_words[i]);
        know(r, transfer_words[i]);
        c->source.counts[i] = (int)json_integer_value(count);
    }
    if (!r->status) r->status = json_text_value(json_object_get(r->object, "sha256"), &sha256);
    if (sha256) snprintf(c->source.sha256, sizeof c->source.sha256, "%s", sha256);
    free(sha256);
}

/* Images alone are taken of it, so it is never stratified. */
static void take_target(Reader *r, RunConfig *c) {
    char *mode = NULL;
    take_text(r, "data", false, &c->target);
    take_text(r, "split", false, &mode);
    if (!r->status) r->status = split_from_text(mode, &c->target_split);
    free(mode);
    take_number(r, "validation", &c->target_split.validation);
    take_seed(r, "seed", &c->target_split.seed);
    know(r, "sha256");
    c->target_split_given = true;
}

static cf_status config_from_json(json_t *root, RunConfig *c) {
    static const char *const others[] = {"split",   "train",     "from",   "version",    "machine",
                                         "checksums", "data_path", "target", "target_data"};
    Reader source = {.object = json_object_get(root, "from"), .group = "from."};
    Reader target = {.object = json_object_get(root, "target_data"), .group = "target_data."};
    Reader top = {.object = root, .group = ""};
    Reader split = {.object = json_object_get(root, "split"), .group = "split."};
    Reader train = {.object = json_object_get(root, "train"), .group = "train."};
    take_text(&top, "data", false, &c->data);
    take_text(&top, "data_dir", true, &c->data_dir);
    take_text(&top, "model", source.object != NULL, &c->model);
    for (size_t i = 0; i < COUNT_OF(others); i++) know(&top, others[i]);
    FORWARD(refuse_others(&top));
    if (source.object) take_source(&source, c);
    if (source.object) FORWARD(refuse_others(&source));
    if (target.object) take_target(&target, c);
    if (target.object) FORWARD(refuse_others(&target));
    take_split(&split, c);
    FORWARD(refuse_others(&split));
    take_train(&train, &c->train);
    FORWARD(refuse_others(&train));
    return data_record_read(root, &c->record);
}

cf_status run_config_from_json(const json_t *json, RunConfig *config) {
    RunConfig made;
    FORWARD(run_config_new(&made));
    cf_status status = config_from_json((json_t *)(uintptr_t)json, &made);
    if (status)
        run_config_free(&made);
    else
        *config = made;
    return status;
}

cf_status run_config_copy(const RunConfig *from, RunConfig *copy) {
    json_t *json;
    FORWARD(run_config_json(from, &json));
    cf_status status = run_config_from_json(json, copy);
    json_decref(json);
    return status;
}

cf_status run_config_read(const char *path, RunConfig *config) {
    json_t *root;
    FORWARD(json_read(path, &root));
    cf_status status = run_config_from_json(root, config);
    json_decref(root);
    return status ? status_prefix(status, "%s", path) : CF_OK;
}

/* ---- JSON files ---- */

cf_status json_write(const char *path, const json_t *json) {
    FileDraft draft;
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while making %s", path);
    FORWARD(file_draft(path, &draft));
    /* A failed write shows in the stream's error flag, which file_commit looks at; -1 may also be a lack of memory. */
    int bad = json_dumpf(json, draft.stream, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    fputc('\n', draft.stream);
    if ((bad && !ferror(draft.stream)) || json_memory_failed()) {
        file_abandon(&draft);
        return FAIL(CF_NO_MEMORY, "out of memory while writing %s", path);
    }
    return file_commit(&draft);
}

cf_status json_read(const char *path, json_t **json) {
    unsigned char *bytes;
    size_t size;
    json_error_t error;
    FORWARD(file_read(path, MOST_JSON_BYTES, &bytes, &size));
    json_memory_begin();
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    free(bytes);
    if (json_memory_failed()) {
        json_decref(root);
        return FAIL(CF_NO_MEMORY, "out of memory while reading %s", path);
    }
    FAIL_IF(!root, CF_BAD_INPUT, "%s, line %d: %s", path, error.line, error.text);
    *json = root;
    return CF_OK;
}
