/* A file of claims from YAML. */
#include "study/ledger/claims.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 10000, MOST_PATTERNS = 100 };

static const char *const senses[] = {[MORE_IS_BETTER] = "more", [LESS_IS_BETTER] = "less", [A_COUNT] = "count", NULL};
static const YamlKey set_keys[] = {{"key", YAML_TEXT, YAML_AT(ClaimSet, key), .needed = true},
                                   {"name", YAML_TEXT, YAML_AT(ClaimSet, name), .needed = true},
                                   {"images", YAML_NUMBER, YAML_LIST(ClaimSet, images, 1, MAX_CLASSES)},
                                   {.name = NULL}};
static const YamlKey row_keys[] = {{"section", YAML_TEXT, YAML_AT(ClaimRow, section)},
                                   {"id", YAML_TEXT, YAML_AT(ClaimRow, id)},
                                   {"what", YAML_TEXT, YAML_AT(ClaimRow, what), .needed = true},
                                   {"runs", YAML_TEXT, YAML_AT(ClaimRow, runs)},
                                   {"part", YAML_TEXT, YAML_AT(ClaimRow, part)},
                                   {"path", YAML_TEXT, YAML_AT(ClaimRow, path)},
                                   {"condition", YAML_TEXT, YAML_AT(ClaimRow, condition)},
                                   {"remark", YAML_TEXT, YAML_AT(ClaimRow, remark)},
                                   {"each", YAML_TEXT, YAML_AT(ClaimRow, each)},
                                   {"against", YAML_TEXT, YAML_AT(ClaimRow, against)},
                                   {"unless", YAML_TEXT, YAML_LIST(ClaimRow, unless, 1, MOST_PATTERNS)},
                                   {"reported", YAML_NUMBER, YAML_AT(ClaimRow, reported)},
                                   {"sense", YAML_WORD, YAML_AT(ClaimRow, sense), .words = senses},
                                   {"detail", YAML_BOOL, YAML_AT(ClaimRow, detail)},
                                   {.name = NULL}};
static const YamlKey file_keys[] = {
    {"sets", YAML_MAPPINGS(ClaimFile, sets, 1, CLAIM_SETS, set_keys), .needed = true},
    {"split", YAML_TEXT, YAML_AT(ClaimFile, split)},
    {"claims", YAML_MAPPINGS(ClaimFile, claims, 1, MOST_ROWS, row_keys), .needed = true},
    {.name = NULL}};

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
    FAIL_IF(stars > CLAIM_STARS, CF_BAD_INPUT, "at most %d stars expected in a place, found %d in \"%.60s\"",
            CLAIM_STARS, stars, pattern);
    return CF_OK;
}

static cf_status check_row(const ClaimFile *file, const ClaimRow *row) {
    const bool reported = yaml_line(file->yaml, &row->reported) > 0;
    const int kinds = reported + (row->each != NULL) + (row->unless_count > 0);
    FAIL_IF(kinds != 1, CF_BAD_INPUT, "a claim has one of reported, each and unless; found %d of them", kinds);
    FAIL_IF(row->unless_count ? !row->id : !row->runs || !row->path || !row->against != !row->each, CF_BAD_INPUT,
            "with reported, runs and path are expected, with each also against, with unless an id");
    FORWARD(check_stars(row->each));
    for (unsigned i = 0; i < row->unless_count; i++) FORWARD(check_stars(row->unless[i]));
    FAIL_IF(reported && !names_subject(file, row->runs), CF_BAD_INPUT,
            "runs: \"test.SET\", \"cross.SET-on-SET\" .. of the file's sets expected, found \"%.60s\"", row->runs);
    return CF_OK;
}

static cf_status check_set(const ClaimSet *set) {
    enum { LONGEST_KEY = 24 };
    const size_t fits = strspn(set->key, "abcdefghijklmnopqrstuvwxyz0123456789");
    FAIL_IF(set->key[fits] || fits > LONGEST_KEY, CF_BAD_INPUT,
            "the key of a set has up to %d of a-z and 0-9, found \"%.40s\"", LONGEST_KEY, set->key);
    return CF_OK;
}

cf_status claims_read(const char *name_or_path, ClaimFile **file) {
    AUTO(claims_free_at) ClaimFile *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    FORWARD(yaml_read(claim_files, name_or_path, file_keys, made, &made->yaml));
    for (unsigned i = 0; i < made->sets_count; i++)
        FORWARD(yaml_at(made->yaml, &made->sets[i].key, check_set(&made->sets[i])));
    for (unsigned i = 0; i < made->claims_count; i++)
        FORWARD(yaml_at(made->yaml, &made->claims[i].what, check_row(made, &made->claims[i])));
    *file = memory_take(&made);
    return CF_OK;
}

void claims_free(ClaimFile *file) {
    if (!file) return;
    yaml_free(file->yaml);
    free(file);
}
