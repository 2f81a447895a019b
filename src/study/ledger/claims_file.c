/* A file of claims from YAML. */
#include "study/ledger/claims.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>

#define POSSIBLE               (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(flags, type, key) CYAML_FIELD_STRING_PTR(#key, flags, type, key, 1, CYAML_UNLIMITED)

enum { MOST_ROWS = 10000 };

static const cyaml_schema_value_t text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)},
                                  number_schema = {CYAML_VALUE_FLOAT(CYAML_FLAG_DEFAULT, double)};
static const cyaml_strval_t senses[] = {{"more", MORE_IS_BETTER}, {"less", LESS_IS_BETTER}, {"count", A_COUNT}};
static const cyaml_schema_field_t set_fields[] = {
    TEXT(CYAML_FLAG_POINTER, ClaimSet, key), TEXT(CYAML_FLAG_POINTER, ClaimSet, name),
    CYAML_FIELD_SEQUENCE("images", POSSIBLE, ClaimSet, images, &number_schema, 1, MAX_CLASSES), CYAML_FIELD_END};
static const cyaml_schema_field_t row_fields[] = {
    TEXT(POSSIBLE, ClaimRow, section),
    TEXT(POSSIBLE, ClaimRow, id),
    TEXT(CYAML_FLAG_POINTER, ClaimRow, what),
    TEXT(POSSIBLE, ClaimRow, runs),
    TEXT(POSSIBLE, ClaimRow, part),
    TEXT(POSSIBLE, ClaimRow, path),
    TEXT(POSSIBLE, ClaimRow, condition),
    TEXT(POSSIBLE, ClaimRow, remark),
    TEXT(POSSIBLE, ClaimRow, each),
    TEXT(POSSIBLE, ClaimRow, against),
    CYAML_FIELD_SEQUENCE("unless", POSSIBLE, ClaimRow, unless, &text_schema, 1, MOST_ROWS),
    CYAML_FIELD_FLOAT_PTR("reported", POSSIBLE, ClaimRow, reported),
    CYAML_FIELD_ENUM("sense", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, ClaimRow, sense, senses, COUNT_OF(senses)),
    CYAML_FIELD_BOOL("detail", CYAML_FLAG_OPTIONAL, ClaimRow, detail),
    CYAML_FIELD_END};
static const cyaml_schema_value_t set_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, ClaimSet, set_fields)},
                                  row_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, ClaimRow, row_fields)};
static const cyaml_schema_field_t file_fields[] = {
    TEXT(POSSIBLE, ClaimFile, split),
    CYAML_FIELD_SEQUENCE("sets", CYAML_FLAG_POINTER, ClaimFile, sets, &set_schema, 1, CLAIM_SETS),
    CYAML_FIELD_SEQUENCE("claims", CYAML_FLAG_POINTER, ClaimFile, claims, &row_schema, 1, MOST_ROWS), CYAML_FIELD_END};
static const cyaml_schema_value_t file_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, ClaimFile, file_fields)};
static const char *const keys[] = {"sets", "split", "claims", "key",       "name",   "images", "section", "runs",     "part",  "what",
                                   "path", "id",    "remark", "condition", "detail", "each",   "against", "reported", "sense", "unless",
                                   NULL};

static bool is_set(const ClaimFile *file, const char *word, size_t length) {
    for (unsigned i = 0; i < file->sets_count; i++)
        if (strlen(file->sets[i].key) == length && strncmp(file->sets[i].key, word, length) == 0) return true;
    return false;
}

/* "test.mnist", "cross.svhn-on-mnist": the second word is a set, or one on another. */
static bool names_subject(const ClaimFile *file, const char *runs) {
    static const char on[] = "-on-";
    const char *word = strchr(runs, '.');
    if (!word) return false;
    const size_t length = strcspn(++word, ".");
    const char *middle = strstr(word, on);
    if (!middle || middle > word + length) return is_set(file, word, length);
    const char *second = middle + strlen(on);
    return is_set(file, word, (size_t)(middle - word)) && is_set(file, second, length - (size_t)(second - word));
}

static cf_status check_stars(const char *pattern) {
    int stars = 0;
    for (const char *p = pattern; p && *p; p++) stars += *p == '*';
    FAIL_IF(stars > CLAIM_STARS, CF_BAD_INPUT, "at most %d stars expected in a place, found %d in \"%.60s\"", CLAIM_STARS, stars,
            pattern);
    return CF_OK;
}

static cf_status check_row(const ClaimFile *file, const ClaimRow *row) {
    const int kinds = (row->reported != NULL) + (row->each != NULL) + (row->unless_count > 0);
    FAIL_IF(kinds != 1, CF_BAD_INPUT, "a claim has one of reported, each and unless; found %d of them", kinds);
    FAIL_IF(row->unless_count ? !row->id : !row->runs || !row->path || !row->against != !row->each, CF_BAD_INPUT,
            "with reported, runs and path are expected, with each also against, with unless an id");
    FORWARD(check_stars(row->each));
    for (unsigned i = 0; i < row->unless_count; i++) FORWARD(check_stars(row->unless[i]));
    FAIL_IF(row->reported && !names_subject(file, row->runs), CF_BAD_INPUT,
            "runs: \"test.SET\", \"cross.SET-on-SET\" .. of the file's sets expected, found \"%.60s\"", row->runs);
    return CF_OK;
}

/* What the form alone does not tell. */
static cf_status check(const ClaimFile *file, const char *path, const char *text) {
    enum { LONGEST_KEY = 24 };
    for (unsigned i = 0; i < file->sets_count; i++) {
        const char *key = file->sets[i].key;
        const size_t fits = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789");
        if (key[fits] || fits > LONGEST_KEY)
            return yaml_at_key(FAIL(CF_BAD_INPUT, "the key of a set has up to %d of a-z and 0-9, found \"%.40s\"",
                                    LONGEST_KEY, key),
                               path, text, "key", (int)i);
    }
    for (unsigned i = 0; i < file->claims_count; i++) /* each has the key `what` once */
        FORWARD(yaml_at_key(check_row(file, &file->claims[i]), path, text, "what", (int)i));
    return CF_OK;
}

cf_status claims_read(const char *name_or_path, ClaimFile **file) {
    ClaimFile *made = NULL;
    char *text;
    FORWARD(yaml_text(claim_files, name_or_path, &text));
    cf_status status = yaml_load(name_or_path, text, strlen(text), &file_schema, keys, &made);
    if (!status) status = check(made, name_or_path, text);
    free(text);
    if (status)
        claims_free(made);
    else
        *file = made;
    return status;
}

void claims_free(ClaimFile *file) {
    if (file) yaml_free(&file_schema, file);
}
