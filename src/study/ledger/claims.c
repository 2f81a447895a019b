/* The claims of a file on the results of a study. */
#include "study/ledger/claims.h"

#include "base/memory.h"
#include "base/text_draft.h"
#include "study/ledger/study_results.h"

#include <stdlib.h>
#include <string.h>

typedef struct ClaimList {
    const ClaimSubject *subjects;
    size_t subject_count;
    const json_t *results;
    const char *section; /* of the row under way */
    Claim *claims;
    size_t count;
} ClaimList;

static void claim_list_free(ClaimList *list) {
    claims_release(list->claims, list->count);
}

static const ClaimSubject *find_subject(const ClaimList *list, const char *key, size_t length) {
    for (size_t i = 0; i < list->subject_count; i++)
        if (strlen(list->subjects[i].key) == length && strncmp(list->subjects[i].key, key, length) == 0)
            return &list->subjects[i];
    return NULL;
}

/* The second word of the runs. */
static const ClaimSubject *subject_of(const ClaimList *list, const char *runs) {
    const char *dot = strchr(runs, '.');
    return dot ? find_subject(list, dot + 1, strcspn(dot + 1, ".")) : NULL;
}

/* A claim with room for its strings. */
static cf_status new_claim(ClaimList *list, const ClaimRow *row, Claim **claim) {
    FORWARD(memory_grow(&list->claims, list->count, sizeof *list->claims));
    *claim = &list->claims[list->count++];
    **claim = (Claim){.section = list->section,
                      .part = row->part ? row->part : "",
                      .condition = row->condition,
                      .remark = row->remark,
                      .sense = row->sense,
                      .reported = row->reported,
                      .headline = !row->detail};
    return CF_OK;
}

/* ---- Places among the results ---- */

/* What the stars of a pattern stand for. */
typedef struct Match {
    const char *keys[CLAIM_STARS];
    int count;
} Match;

typedef cf_status (*OnMatch)(ClaimList *list, const Match *match, const void *context);

/* Calls for each place among the results that the pattern "remedies.*.*.focal" fits. */
static cf_status each_match(ClaimList *list, const json_t *at, const char *pattern, Match match, OnMatch call,
                            const void *context) {
    const size_t length = strcspn(pattern, ".");
    const char *rest = pattern + length + (pattern[length] == '.'), *key;
    json_t *value;
    if (!at) return CF_OK;
    if (!*pattern) return call(list, &match, context);
    if (strncmp(pattern, "*", length) != 0) {
        char word[160];
        snprintf(word, sizeof word, "%.*s", (int)length, pattern);
        return each_match(list, json_object_get(at, word), rest, match, call, context);
    }
    const int place = match.count++;
    json_object_foreach((json_t *)(uintptr_t)at, key, value) {
        match.keys[place] = key;
        FORWARD(each_match(list, value, rest, match, call, context));
    }
    return CF_OK;
}

/* "{1}, case {2}" with what the stars stand for; subjects by their names, where these are for people. */
static cf_status fill_in(const ClaimList *list, const char *template, const Match *match, bool names, char **text) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    FORWARD(text_draft(&draft));
    for (const char *p = template; *p; p++) {
        const int star = *p == '{' && p[1] && p[2] == '}' ? p[1] - '1' : -1;
        if (star < 0 || star >= match->count) {
            fputc(*p, draft.stream);
            continue;
        }
        const char *key = match->keys[star];
        const ClaimSubject *subject = names ? find_subject(list, key, strlen(key)) : NULL;
        fputs(subject ? subject->name : key, draft.stream);
        p += 2;
    }
    return text_draft_finish(&draft, text, NULL);
}

/* "attention.mnist.^": the first key there. */
static cf_status take_first(const json_t *results, char **path) {
    const size_t length = strlen(*path);
    if (length < 2 || strcmp(*path + length - 2, ".^") != 0) return CF_OK;
    (*path)[length - 2] = '\0';
    const char *first = json_object_iter_key(json_object_iter(result_at(results, *path)));
    char *whole;
    FORWARD(memory_print(&whole, "%s.%s", *path, first ? first : ""));
    free(*path);
    *path = whole;
    return CF_OK;
}

/* ---- Claims ---- */

static cf_status name_claim(const ClaimList *list, const ClaimRow *row, const Match *match, Claim *c) {
    FORWARD(fill_in(list, row->what, match, true, &c->what));
    FORWARD(memory_copy_string(row->path ? row->path : "accuracy", &c->path));
    if (row->id) return fill_in(list, row->id, match, false, &c->id);
    return memory_print(&c->id, "%s%s%s.%s", c->list, *c->part ? "." : "", c->part, c->path);
}

static cf_status add_claim(ClaimList *list, const Match *match, const void *context) {
    const ClaimRow *row = context;
    const char *against = row->unless ? "untried" : row->against;
    Claim *c = NULL;
    FORWARD(new_claim(list, row, &c));
    FORWARD(fill_in(list, row->runs ? row->runs : row->id, match, false, &c->list));
    if (against) {
        FORWARD(fill_in(list, against, match, false, &c->against));
        FORWARD(take_first(list->results, &c->against));
        if (strcmp(c->list, c->against) == 0) { /* what the others are compared with */
            free(c->list);
            free(c->against);
            list->count--;
            return CF_OK;
        }
    }
    c->subject = subject_of(list, c->list);
    return name_claim(list, row, match, c);
}

static cf_status note_found(ClaimList *list, const Match *match, const void *context) {
    bool *const *found = context;
    (void)list, (void)match;
    **found = true;
    return CF_OK;
}

static cf_status add_row(ClaimList *list, const ClaimRow *row) {
    static const Match none = {.count = 0};
    bool tried = false, *found = &tried;
    if (row->section) list->section = row->section;
    for (unsigned i = 0; i < row->unless_count; i++)
        FORWARD(each_match(list, list->results, row->unless[i], none, note_found, &found));
    if (tried) return CF_OK;
    return row->each ? each_match(list, list->results, row->each, none, add_claim, row) : add_claim(list, &none, row);
}

cf_status claims_new(const ClaimFile *file, const ClaimSubject *subjects, size_t subject_count, const json_t *results,
                     Claim **claims, size_t *count) {
    AUTO(claim_list_free)
    ClaimList list = {.subjects = subjects, .subject_count = subject_count, .results = results, .section = ""};
    for (unsigned i = 0; i < file->claims_count; i++) FORWARD(add_row(&list, &file->claims[i]));
    *claims = memory_take(&list.claims);
    *count = list.count;
    return CF_OK;
}

void claims_release(Claim *claims, size_t count) {
    for (size_t i = 0; claims && i < count; i++) {
        char *const owned[] = {claims[i].id, claims[i].what, claims[i].list, claims[i].path, claims[i].against};
        for (size_t k = 0; k < COUNT_OF(owned); k++) free(owned[k]);
    }
    free(claims);
}
