/* A file of claims from YAML. */
#include "study/ledger/claims.h"

#include "base/embedded.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>

extern const EmbeddedFile claim_files[]; /* recipes/claims/, as the library carries it */

#define POSSIBLE                            (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(flags, type, key)              CYAML_FIELD_STRING_PTR(#key, flags, type, key, 1, CYAML_UNLIMITED)
#define LIST(flags, type, key, entry, most) CYAML_FIELD_SEQUENCE(#key, flags, type, key, entry, 1, most)

enum { MOST_ROWS = 1000 };

static const cyaml_schema_value_t text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)},
                                  number_schema = {CYAML_VALUE_FLOAT(CYAML_FLAG_DEFAULT, double)};
static const cyaml_strval_t senses[] = {{"more", MORE_IS_BETTER}, {"less", LESS_IS_BETTER}, {"count", A_COUNT}};
static const cyaml_schema_field_t set_fields[] = {
    TEXT(CYAML_FLAG_POINTER, ClaimSet, key), TEXT(CYAML_FLAG_POINTER, ClaimSet, name),
    LIST(POSSIBLE, ClaimSet, images, &number_schema, MAX_CLASSES), CYAML_FIELD_END};
static const cyaml_schema_field_t figure_fields[] = {
    TEXT(CYAML_FLAG_POINTER, ClaimFigure, path),
    TEXT(CYAML_FLAG_POINTER, ClaimFigure, what),
    TEXT(POSSIBLE, ClaimFigure, id),
    TEXT(POSSIBLE, ClaimFigure, remark),
    CYAML_FIELD_FLOAT("reported", CYAML_FLAG_DEFAULT, ClaimFigure, reported),
    CYAML_FIELD_ENUM("sense", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, ClaimFigure, sense, senses, COUNT_OF(senses)),
    CYAML_FIELD_END};
static const cyaml_schema_field_t classes_fields[] = {
    TEXT(POSSIBLE, ClaimClasses, name), LIST(CYAML_FLAG_POINTER, ClaimClasses, precision, &number_schema, MAX_CLASSES),
    LIST(CYAML_FLAG_POINTER, ClaimClasses, recall, &number_schema, MAX_CLASSES),
    LIST(CYAML_FLAG_POINTER, ClaimClasses, f1, &number_schema, MAX_CLASSES), CYAML_FIELD_END};
static const cyaml_schema_field_t compared_fields[] = {TEXT(CYAML_FLAG_POINTER, ClaimCompared, each),
                                                       TEXT(CYAML_FLAG_POINTER, ClaimCompared, runs),
                                                       TEXT(CYAML_FLAG_POINTER, ClaimCompared, against),
                                                       TEXT(CYAML_FLAG_POINTER, ClaimCompared, path),
                                                       TEXT(CYAML_FLAG_POINTER, ClaimCompared, what),
                                                       TEXT(POSSIBLE, ClaimCompared, id),
                                                       CYAML_FIELD_END};
static const cyaml_schema_field_t named_fields[] = {
    TEXT(CYAML_FLAG_POINTER, ClaimNamed, name), TEXT(CYAML_FLAG_POINTER, ClaimNamed, id),
    LIST(CYAML_FLAG_POINTER, ClaimNamed, at, &text_schema, MOST_ROWS), CYAML_FIELD_END};
static const cyaml_schema_value_t set_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, ClaimSet, set_fields)},
                                  figure_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, ClaimFigure, figure_fields)},
                                  compared_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, ClaimCompared,
                                                                         compared_fields)},
                                  named_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, ClaimNamed, named_fields)};
static const cyaml_schema_field_t group_fields[] = {
    TEXT(CYAML_FLAG_POINTER, ClaimGroup, section),
    TEXT(CYAML_FLAG_POINTER, ClaimGroup, runs),
    TEXT(POSSIBLE, ClaimGroup, part),
    TEXT(CYAML_FLAG_POINTER, ClaimGroup, what),
    TEXT(POSSIBLE, ClaimGroup, condition),
    LIST(CYAML_FLAG_POINTER, ClaimGroup, figures, &figure_schema, MOST_ROWS),
    CYAML_FIELD_MAPPING_PTR("classes", POSSIBLE, ClaimGroup, classes, classes_fields),
    CYAML_FIELD_END};
static const cyaml_schema_value_t group_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, ClaimGroup, group_fields)};
static const cyaml_schema_field_t suggestions_fields[] = {
    TEXT(CYAML_FLAG_POINTER, ClaimSuggestions, section),
    LIST(POSSIBLE, ClaimSuggestions, compared, &compared_schema, MOST_ROWS),
    LIST(POSSIBLE, ClaimSuggestions, named, &named_schema, MOST_ROWS), CYAML_FIELD_END};
static const cyaml_schema_field_t file_fields[] = {
    TEXT(POSSIBLE, ClaimFile, split), LIST(CYAML_FLAG_POINTER, ClaimFile, sets, &set_schema, CLAIM_SETS),
    LIST(CYAML_FLAG_POINTER, ClaimFile, groups, &group_schema, MOST_ROWS),
    CYAML_FIELD_MAPPING_PTR("suggestions", POSSIBLE, ClaimFile, suggestions, suggestions_fields), CYAML_FIELD_END};
static const cyaml_schema_value_t file_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, ClaimFile, file_fields)};
static const char *const keys[] = {"sets",    "split",     "groups",  "key",    "name",        "images",   "section",
                                   "runs",    "part",      "what",    "path",   "condition",   "figures",  "reported",
                                   "sense",   "remark",    "id",      "each",   "suggestions", "compared", "named",
                                   "against", "precision", "classes", "recall", "f1",          "at",       NULL};

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

/* What the form alone does not tell; `which`: of the keys of that name in the file. */
static cf_status check(const ClaimFile *file, const char *path, const char *text) {
    enum { LONGEST_KEY = 24 };
    for (unsigned i = 0; i < file->sets_count; i++) {
        const char *key = file->sets[i].key;
        const size_t fits = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789");
        if (key[fits] || fits > LONGEST_KEY)
            return yaml_at_key(
                FAIL(CF_BAD_INPUT, "the key of a set has up to %d of a-z and 0-9, found \"%.40s\"", LONGEST_KEY, key),
                path, text, "key", (int)i);
    }
    for (unsigned i = 0; i < file->groups_count; i++) {
        const ClaimGroup *g = &file->groups[i];
        const ClaimClasses *c = g->classes;
        if (!names_subject(file, g->runs))
            return yaml_at_key(FAIL(CF_BAD_INPUT,
                                    "runs: \"test.SET\", \"cross.SET-on-SET\" .. of the file's sets expected, found "
                                    "\"%.60s\"",
                                    g->runs),
                               path, text, "runs", (int)i);
        if (c && (c->precision_count != c->recall_count || c->recall_count != c->f1_count))
            return yaml_at_key(FAIL(CF_BAD_INPUT, "as many precisions, recalls and F1 expected, found %u, %u, %u",
                                    c->precision_count, c->recall_count, c->f1_count),
                               path, text, "runs", (int)i);
    }
    return CF_OK;
}

static const char *built_in(const char *name) {
    char file[64];
    snprintf(file, sizeof file, "%.50s.yaml", name);
    for (const EmbeddedFile *f = claim_files; f->name; f++)
        if (strcmp(f->name, file) == 0) return (const char *)f->text;
    return NULL;
}

bool claims_are_built_in(const char *name) {
    return built_in(name) != NULL;
}

cf_status claims_read(const char *name_or_path, ClaimFile **file) {
    const char *text = built_in(name_or_path);
    ClaimFile *made = NULL;
    unsigned char *bytes = NULL;
    size_t size;
    if (!text) FORWARD(file_read(name_or_path, MOST_YAML_BYTES, &bytes, &size));
    if (!text) text = (const char *)bytes;
    cf_status status = yaml_load(name_or_path, text, strlen(text), &file_schema, keys, &made);
    if (!status) status = check(made, name_or_path, text);
    free(bytes);
    if (status)
        claims_free(made);
    else
        *file = made;
    return status;
}

void claims_free(ClaimFile *file) {
    if (file) yaml_free(&file_schema, file);
}
