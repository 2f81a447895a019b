/* What a tune was begun with: it must be equal to go on. */
#include "tune/store_inside.h"

#include "base/json_text.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#include <string.h>

/* *text: NULL when nothing is stored. */
static cf_status read_setting(Store *store, const char *key, char **text) {
    AUTO(statement_free) sqlite3_stmt *statement = NULL;
    bool row;
    *text = NULL;
    FORWARD(store_prepare(store, &statement, "SELECT value FROM settings WHERE key = ?", "t", key));
    FORWARD(store_step(store, statement, &row));
    if (!row) return CF_OK;
    const char *value = (const char *)sqlite3_column_text(statement, 0);
    const int length = sqlite3_column_bytes(statement, 0);
    FAIL_IF(length > MOST_STORE_TEXT, CF_BAD_INPUT, "%s: %s: at most %d bytes expected, found %d", store->path, key,
            MOST_STORE_TEXT, length);
    return memory_copy_string(value ? value : "", text);
}

/* NULL when nothing is stored yet. */
static cf_status read_settings(Store *store, json_t **settings) {
    AUTO_FREE char *text = NULL;
    json_error_t error;
    *settings = NULL;
    FORWARD(read_setting(store, "settings", &text));
    if (!text) return CF_OK;
    FORWARD(json_from_text(text, "the settings of a tune", &error, settings));
    FAIL_IF(!*settings, CF_BAD_INPUT, "%s: its settings are damaged: %s", store->path, error.text);
    return CF_OK;
}

cf_status store_settings(Store *store, json_t **settings) {
    FORWARD(read_settings(store, settings));
    FAIL_IF(!*settings, CF_BAD_INPUT, "%s has no settings: no tune was begun in it", store->path);
    return CF_OK;
}

cf_status store_space(Store *store, Space *space) {
    json_auto_t *settings = NULL;
    FORWARD(store_settings(store, &settings));
    const cf_status status = space_from_json(json_object_get(settings, "space"), space);
    return status ? status_prefix(status, "%s", store->path) : CF_OK;
}

cf_status store_data_name(Store *store, char **name) {
    FORWARD(read_setting(store, "data", name));
    if (*name) text_replace_controls(*name);
    return CF_OK;
}

/* ---- What differs ---- */

typedef struct Differences {
    char text[1200];
    size_t used;
} Differences;

static void add_difference(Differences *d, const char *path, const json_t *there, const json_t *now) {
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6);
    AUTO_FREE char *a = there ? json_dumps(there, flags) : NULL, *b = now ? json_dumps(now, flags) : NULL;
    if (d->used < sizeof d->text)
        d->used += (size_t)snprintf(d->text + d->used, sizeof d->text - d->used, "\n    %s: %.180s there, %.180s now",
                                    path, a ? a : "nothing", b ? b : "nothing");
}

static void compare(Differences *d, const char *path, const json_t *there, const json_t *now);

/* An element of a list of parameters goes by its name. */
static void compare_elements(Differences *d, const char *path, const json_t *there, const json_t *now) {
    for (size_t i = 0; i < json_array_size(now); i++) {
        const json_t *a = json_array_get(there, i), *b = json_array_get(now, i);
        const char *name = json_string_value(json_object_get(b, "name"));
        char longer[160];
        if (name)
            snprintf(longer, sizeof longer, "%s.%s", path, name);
        else
            snprintf(longer, sizeof longer, "%s[%zu]", path, i);
        if (!json_equal(a, b)) add_difference(d, longer, a, b);
    }
}

static void compare_members(Differences *d, const char *path, const json_t *there, const json_t *now) {
    const char *key;
    json_t *value;
    char longer[160];
    json_object_foreach((json_t *)(uintptr_t)now, key, value) {
        snprintf(longer, sizeof longer, "%s%s%s", path, *path ? "." : "", key);
        compare(d, longer, json_object_get(there, key), value);
    }
    json_object_foreach((json_t *)(uintptr_t)there, key, value) {
        snprintf(longer, sizeof longer, "%s%s%s", path, *path ? "." : "", key);
        if (!json_object_get(now, key)) add_difference(d, longer, value, NULL);
    }
}

static void compare(Differences *d, const char *path, const json_t *there, const json_t *now) {
    if (there && json_equal(there, now)) return;
    if (json_is_object(there) && json_is_object(now))
        compare_members(d, path, there, now);
    else if (json_is_array(there) && json_is_array(now) && json_is_object(json_array_get(now, 0)) &&
             json_array_size(there) == json_array_size(now))
        compare_elements(d, path, there, now);
    else
        add_difference(d, path, there, now);
}

cf_status store_settle(Store *store, const json_t *settings) {
    json_auto_t *there = NULL;
    AUTO_FREE char *text = NULL;
    AUTO(store_rollback_at) Store *transaction = store;
    Differences d = {.used = 0};
    /* Before a reading forgets that making them lacked memory. */
    FORWARD(json_to_text(settings, 17, "the settings", &text));
    FORWARD(store_begin(transaction));
    FORWARD(read_settings(store, &there));
    if (!there) FORWARD(store_run(store, "INSERT INTO settings VALUES ('settings', ?)", "t", text));
    if (there) compare(&d, "", there, settings);
    FAIL_IF(d.used, CF_BAD_USE,
            "%s holds a tune with other settings, so its trials would not compare:%s\nGo on with the settings that it "
            "was begun with, or name another folder with --out",
            store->folder, d.text);
    return store_commit(transaction);
}

/* Apart from the settings, so that tunes from before it was known go on. */
cf_status store_settle_kernels(Store *store, const char *kernels) {
    AUTO_FREE char *there = NULL;
    FORWARD(store_run(store, "INSERT OR IGNORE INTO settings VALUES ('kernels', ?)", "t", kernels));
    FORWARD(read_setting(store, "kernels", &there));
    FAIL_IF(
        !there || strcmp(there, kernels) != 0, CF_BAD_USE,
        "%s holds a tune of %s kernels, and this processor works with %s: rounding differs, so its trials would not be the same. "
        "CIFRA_ISA=avx2 (or baseline) keeps a processor to a lower instruction set; else name another folder with --out",
        store->folder, there ? there : "unknown", kernels);
    return CF_OK;
}

cf_status store_name_data(Store *store, const char *name) {
    return store_run(store, "INSERT OR IGNORE INTO settings VALUES ('data', ?)", "t", name);
}
