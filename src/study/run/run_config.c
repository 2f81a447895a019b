/* config.json, to and from. Every key is checked: one that is missing, unknown or of another type is an error that names it. */
#include "study/run/run.h"

#include "base/json_memory.h"
#include "base/text.h"
#include "train/train_options.h"

#include <stdlib.h>
#include <string.h>

const char *const split_words[] = {"official", "pooled", "at", NULL};

cf_status run_config_new(RunConfig *config) {
    RunConfig made = {.split = cf_split_defaults(),
                      .target_split = cf_split_defaults(),
                      .train = cf_train_defaults(),
                      .record = {.official_train = -1, .official_validation = -1}};
    FORWARD(memory_copy_string("paper", &made.model));
    *config = made;
    return CF_OK;
}

cf_status run_config_text(char **field, const char *text) {
    char *copy = NULL;
    if (text) FORWARD(memory_copy_string(text, &copy));
    free(*field);
    *field = copy;
    return CF_OK;
}

cf_status run_config_split_text(const char **field, const char *text) {
    return run_config_text((char **)(uintptr_t)field, text);
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

const char *run_config_target(const RunConfig *config) {
    return config->target ? "images" : config->from ? "labels" : "none";
}

/* ---- The keys ---- */

typedef enum FieldKind { TEXT, TEXT_OR_NULL, SEED, NUMBER, YES_OR_NO, FOLD, CUT } FieldKind;

typedef struct Field {
    const char *key;
    FieldKind kind;
    size_t offset; /* in RunConfig; of a CUT that of the cf_split_options */
} Field;

#define FIELD(key, kind, member)                                                                                       \
    { key, kind, offsetof(RunConfig, member) }

/* In the order of the file; each ends with a NULL. What else may stand in an object is in `others` of config_from_json. */
static const Field top_fields[] = {FIELD("data", TEXT, data),
                                   FIELD("data_dir", TEXT_OR_NULL, data_dir),
                                   FIELD("model", TEXT, model),
                                   {.key = NULL}},
                   source_fields[] = {FIELD("path", TEXT, from), {.key = NULL}},
                   split_fields[] = {FIELD("mode", CUT, split),
                                     FIELD("validation", NUMBER, split.validation),
                                     FIELD("stratified", YES_OR_NO, split.stratified),
                                     FIELD("seed", SEED, split.seed),
                                     FIELD("classes", TEXT_OR_NULL, split.classes),
                                     FIELD("limit", TEXT_OR_NULL, split.train_limit),
                                     FIELD("folds", FOLD, split.folds),
                                     FIELD("fold", FOLD, split.fold),
                                     {.key = NULL}},
                   target_fields[] = {FIELD("data", TEXT, target),
                                      FIELD("split", CUT, target_split),
                                      FIELD("validation", NUMBER, target_split.validation),
                                      FIELD("seed", SEED, target_split.seed),
                                      {.key = NULL}};

void run_config_free(RunConfig *config) {
    static const Field *const groups[] = {top_fields, source_fields, split_fields, target_fields};
    for (size_t i = 0; i < COUNT_OF(groups); i++)
        for (const Field *field = groups[i]; field->key; field++)
            if (field->kind == TEXT || field->kind == TEXT_OR_NULL) memory_free((char *)config + field->offset);
    data_record_clear(&config->record);
    *config = (RunConfig){0};
}

/* ---- Writing ---- */

static json_t *field_json(const Field *field, const RunConfig *config) {
    const void *value = (const char *)config + field->offset;
    const char *text;
    char cut[40];
    switch (field->kind) {
    case TEXT:
    case TEXT_OR_NULL:
        memcpy(&text, value, sizeof text);
        return json_text(text);
    case SEED:
        return json_integer((json_int_t)(*(const uint64_t *)value));
    case NUMBER:
        return json_real(*(const double *)value);
    case YES_OR_NO:
        return json_boolean(*(const bool *)value);
    case FOLD:
        return json_integer(*(const int *)value);
    case CUT:
        split_to_text(value, cut);
        return json_string(cut);
    }
    return NULL;
}

static json_t *fields_json(const Field *fields, const RunConfig *config) {
    json_t *object = json_object();
    for (const Field *field = fields; field->key; field++) {
        if (field->kind == FOLD && !config->split.folds)
            continue; /* runs without folds have the files that they always had */
        json_object_set_new(object, field->key, field_json(field, config));
    }
    return object;
}

static json_t *source_json(const RunConfig *config) {
    const SourceRecord *source = &config->source;
    json_t *json = fields_json(source_fields, config);
    if (source->sha256[0]) json_object_set_new(json, "sha256", json_string(source->sha256));
    if (!source->counts[TRANSFER_TAKEN] && !source->counts[TRANSFER_CONVERTED]) return json; /* not yet */
    for (int i = 0; i < TRANSFER_FATES; i++)
        json_object_set_new(json, transfer_words[i], json_integer(source->counts[i]));
    return json;
}

cf_status run_config_json(const RunConfig *config, json_t **json) {
    json_auto_t *root = fields_json(top_fields, config);
    json_object_set_new(root, "split", fields_json(split_fields, config));
    json_object_set_new(root, "train", train_options_json(&config->train));
    if (config->from) json_object_set_new(root, "from", source_json(config));
    if (config->target) json_object_set_new(root, "target_data", fields_json(target_fields, config));
    FAIL_IF(!root || json_memory_failed(), CF_NO_MEMORY, "out of memory while making the configuration's JSON");
    *json = memory_take(&root);
    return CF_OK;
}

/* ---- Reading ---- */

/* What a key's value has to be. */
static const struct {
    const char *name;
    unsigned types; /* a bit for each json_type */
} kinds[] = {[TEXT] = {"a text", 1u << JSON_STRING},
             [TEXT_OR_NULL] = {"a text or null", 1u << JSON_STRING | 1u << JSON_NULL},
             [SEED] = {"a whole number", 1u << JSON_INTEGER},
             [NUMBER] = {"a number", 1u << JSON_INTEGER | 1u << JSON_REAL},
             [YES_OR_NO] = {"true or false", 1u << JSON_TRUE | 1u << JSON_FALSE},
             [FOLD] = {"a whole number", 1u << JSON_INTEGER},
             [CUT] = {"a text", 1u << JSON_STRING}};

/* `group`: "train.", for messages. */
static cf_status read_field(const char *group, const Field *field, const json_t *value, RunConfig *config) {
    void *place = (char *)config + field->offset;
    const json_int_t whole = json_integer_value(value);
    AUTO_FREE char *text = NULL;
    if (!value && field->kind == FOLD) return CF_OK; /* need not be there */
    FAIL_IF(!value || !(kinds[field->kind].types >> json_typeof(value) & 1), CF_BAD_INPUT,
            "%s%s: %s expected, %s found", group, field->key, kinds[field->kind].name,
            value ? "something else" : "nothing");
    FAIL_IF(field->kind == SEED && whole < 0, CF_BAD_INPUT, "%s%s: 0 to %lld expected, found %lld", group, field->key,
            (long long)INT64_MAX, (long long)whole);
    FAIL_IF(field->kind == FOLD && (whole < 1 || whole > INT32_MAX), CF_BAD_INPUT,
            "%s%s: 1 and more expected, found %lld", group, field->key, (long long)whole);
    FORWARD(json_text_value(value, &text));
    switch (field->kind) {
    case TEXT:
    case TEXT_OR_NULL: {
        char *const new = memory_take(&text);
        memory_free(place);
        memcpy(place, &new, sizeof new);
        return CF_OK;
    }
    case SEED:
        *(uint64_t *)place = (uint64_t)whole;
        return CF_OK;
    case NUMBER:
        *(double *)place = json_number_value(value);
        return CF_OK;
    case YES_OR_NO:
        *(bool *)place = json_is_true(value);
        return CF_OK;
    case FOLD:
        *(int *)place = (int)whole;
        return CF_OK;
    case CUT:
        return split_from_text(text, place);
    }
    return CF_OK;
}

/* Comes first: a key that is misspelt is told of, rather than that the right one is missing. `keys` ends with NULL. */
static cf_status refuse_unknown(const char *group, const json_t *object, const char *const *keys) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        const char *const *known = keys;
        while (*known && strcmp(*known, key) != 0) known++;
        FAIL_IF(!*known, CF_BAD_INPUT, "%s%s: there is no such key%s", group, key, text_hint(key, keys));
    }
    return CF_OK;
}

static cf_status read_fields(const char *group, const json_t *object, const Field *fields, const char *const *others,
                             RunConfig *config) {
    const char *keys[MOST_TRAIN_OPTIONS + 1] = {NULL};
    int count = 0;
    for (const Field *field = fields; field->key; field++) keys[count++] = field->key;
    for (; *others; others++) keys[count++] = *others;
    FORWARD(refuse_unknown(group, object, keys));
    for (const Field *field = fields; field->key; field++)
        FORWARD(read_field(group, field, json_object_get(object, field->key), config));
    return CF_OK;
}

static cf_status read_train(const json_t *object, cf_train_options *train) {
    const char *keys[MOST_TRAIN_OPTIONS + 1] = {NULL};
    for (int i = 0; train_options[i].name; i++) keys[i] = train_options[i].name;
    FORWARD(refuse_unknown("train.", object, keys));
    for (const TrainOption *option = train_options; option->name; option++) {
        const json_t *value = json_object_get(object, option->name);
        if (!value && !option->always_written) continue;
        if (train_option_set_json(option, value, train)) return status_prefix(CF_BAD_INPUT, "train.%s", option->name);
    }
    return CF_OK;
}

/* What was taken stands there once it was. */
static cf_status read_source_record(const json_t *object, SourceRecord *source) {
    AUTO_FREE char *sha256 = NULL;
    for (int i = 0; i < TRANSFER_FATES; i++)
        source->counts[i] = (int)json_integer_value(json_object_get(object, transfer_words[i]));
    FORWARD(json_text_value(json_object_get(object, "sha256"), &sha256));
    if (sha256) snprintf(source->sha256, sizeof source->sha256, "%s", sha256);
    return CF_OK;
}

static cf_status config_from_json(const json_t *root, RunConfig *c) {
    static const char *const others[] = {"split",     "train",     "from",   "version",     "machine",
                                         "checksums", "data_path", "target", "target_data", NULL},
                             *const target_others[] = {"sha256", NULL}, *const none[] = {NULL};
    const json_t *source = json_object_get(root, "from"), *target = json_object_get(root, "target_data");
    const char *source_others[TRANSFER_FATES + 2] = {"sha256"};
    Field top[COUNT_OF(top_fields)];
    memcpy(top, top_fields, sizeof top);
    for (int i = 0; i < TRANSFER_FATES; i++) source_others[i + 1] = transfer_words[i];
    for (Field *field = top; source && field->key; field++)
        if (strcmp(field->key, "model") == 0) field->kind = TEXT_OR_NULL; /* the source's own */
    FORWARD(read_fields("", root, top, others, c));
    if (source) {
        FORWARD(read_fields("from.", source, source_fields, source_others, c));
        FORWARD(read_source_record(source, &c->source));
    }
    if (target) FORWARD(read_fields("target_data.", target, target_fields, target_others, c));
    c->target_split_given = target != NULL; /* images alone are taken of it, so it is never stratified */
    FORWARD(read_fields("split.", json_object_get(root, "split"), split_fields, none, c));
    c->split_given = true;
    FORWARD(read_train(json_object_get(root, "train"), &c->train));
    return data_record_read(root, &c->record);
}

cf_status run_config_from_json(const json_t *json, RunConfig *config) {
    AUTO(run_config_free) RunConfig made = {0};
    FORWARD(run_config_new(&made));
    FORWARD(config_from_json(json, &made));
    *config = made;
    made = (RunConfig){0};
    return CF_OK;
}

cf_status run_config_copy(const RunConfig *from, RunConfig *copy) {
    json_auto_t *json = NULL;
    FORWARD(run_config_json(from, &json));
    return run_config_from_json(json, copy);
}

cf_status run_config_read(const char *path, RunConfig *config) {
    json_auto_t *root = NULL;
    FORWARD(json_read(path, &root));
    const cf_status status = run_config_from_json(root, config);
    return status ? status_prefix(status, "%s", path) : CF_OK;
}

cf_status run_config_read_in(const char *folder, RunConfig *config) {
    AUTO_FREE char *path = NULL;
    FORWARD(file_join(folder, "config.json", &path));
    return run_config_read(path, config);
}
