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
    Claim *claims;
    size_t count, room;
} ClaimList;

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
static cf_status add(ClaimList *list, Claim **claim) {
    if (list->count == list->room) {
        const size_t room = list->room ? 2 * list->room : 64;
        Claim *more = realloc(list->claims, room * sizeof *more);
        FAIL_IF(!more, CF_NO_MEMORY, "out of memory for %zu claims", room);
        list->claims = more;
        list->room = room;
    }
    *claim = &list->claims[list->count++];
    **claim = (Claim){.part = ""};
    return CF_OK;
}

static cf_status add_figure(ClaimList *list, const ClaimGroup *group, const ClaimFigure *figure, bool headline) {
    const char *part = group->part ? group->part : "";
    Claim *c = NULL;
    FORWARD(add(list, &c));
    c->section = group->section;
    c->subject = subject_of(list, group->runs);
    c->sense = figure->sense;
    c->reported = figure->reported;
    c->headline = headline;
    c->part = part;
    c->condition = group->condition;
    c->remark = figure->remark;
    if (figure->id)
        FORWARD(memory_copy_string(figure->id, &c->id));
    else
        FORWARD(memory_print(&c->id, "%s%s%s.%s", group->runs, *part ? "." : "", part, figure->path));
    FORWARD(memory_print(&c->what, "%s, %s", group->what, figure->what));
    FORWARD(memory_copy_string(group->runs, &c->list));
    return memory_copy_string(figure->path, &c->path);
}

static cf_status add_classes(ClaimList *list, const ClaimGroup *group) {
    static const char *const paths[] = {"precision", "recall", "f1"}, *const words[] = {"precision", "recall", "F1"};
    const ClaimClasses *classes = group->classes;
    const double *const columns[] = {classes->precision, classes->recall, classes->f1};
    for (unsigned c = 0; c < classes->precision_count; c++)
        for (size_t k = 0; k < COUNT_OF(paths); k++) {
            char path[40], what[120];
            snprintf(path, sizeof path, "per_class.%u.%s", c, paths[k]);
            snprintf(what, sizeof what, "%s of %.80s %u", words[k], classes->name ? classes->name : "class", c);
            FORWARD(
                add_figure(list, group, &(ClaimFigure){.path = path, .what = what, .reported = columns[k][c]}, false));
        }
    return CF_OK;
}

/* ---- Suggestions ---- */

enum { MOST_STARS = 4 };

/* What the stars of a pattern stand for. */
typedef struct Match {
    const char *keys[MOST_STARS];
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
    FAIL_IF(match.count == MOST_STARS, CF_BAD_INPUT, "claims: at most %d stars expected in a place", MOST_STARS);
    const int place = match.count++;
    json_object_foreach((json_t *)(uintptr_t)at, key, value) {
        match.keys[place] = key;
        FORWARD(each_match(list, value, rest, match, call, context));
    }
    return CF_OK;
}

/* "{1}, case {2}" with what the stars stand for; subjects by their names, where these are for people. */
static cf_status fill_in(const ClaimList *list, const char *template, const Match *match, bool names, char **text) {
    TextDraft draft;
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
    const json_t *at = result_at(results, *path);
    const char *first = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)at));
    char *whole;
    FORWARD(memory_print(&whole, "%s.%s", *path, first ? first : ""));
    free(*path);
    *path = whole;
    return CF_OK;
}

typedef struct Suggestion {
    const char *section;
    const ClaimCompared *compared;
} Suggestion;

static cf_status add_compared(ClaimList *list, const Match *match, const void *context) {
    const Suggestion *s = context;
    const ClaimCompared *row = s->compared;
    Claim *c = NULL;
    FORWARD(add(list, &c));
    c->section = s->section;
    c->headline = true;
    FORWARD(fill_in(list, row->runs, match, false, &c->list));
    FORWARD(fill_in(list, row->against, match, false, &c->against));
    FORWARD(take_first(list->results, &c->against));
    if (strcmp(c->list, c->against) == 0) { /* what the others are compared with */
        free(c->list);
        free(c->against);
        list->count--;
        return CF_OK;
    }
    c->subject = subject_of(list, c->list);
    FORWARD(memory_copy_string(row->path, &c->path));
    FORWARD(fill_in(list, row->what, match, true, &c->what));
    return row->id ? fill_in(list, row->id, match, false, &c->id) : memory_print(&c->id, "%s.%s", c->list, row->path);
}

static cf_status note_found(ClaimList *list, const Match *match, const void *context) {
    bool *const *found = context;
    (void)list, (void)match;
    **found = true;
    return CF_OK;
}

/* A line all the same for what nothing of the results tries. */
static cf_status add_named(ClaimList *list, const char *section, const ClaimNamed *named) {
    bool tried = false, *found = &tried;
    Claim *c = NULL;
    for (unsigned i = 0; i < named->at_count; i++)
        FORWARD(each_match(list, list->results, named->at[i], (Match){.count = 0}, note_found, &found));
    if (tried) return CF_OK;
    FORWARD(add(list, &c));
    c->section = section;
    c->headline = true;
    FORWARD(memory_print(&c->id, "untried.%s.accuracy", named->id));
    FORWARD(memory_copy_string(named->name, &c->what));
    FORWARD(memory_print(&c->list, "untried.%s", named->id));
    FORWARD(memory_copy_string("accuracy", &c->path));
    return memory_copy_string("untried", &c->against);
}

static cf_status add_suggestions(ClaimList *list, const ClaimSuggestions *all) {
    for (unsigned i = 0; i < all->compared_count; i++) {
        const Suggestion suggestion = {all->section, &all->compared[i]};
        FORWARD(each_match(list, list->results, all->compared[i].each, (Match){.count = 0}, add_compared, &suggestion));
    }
    for (unsigned i = 0; i < all->named_count; i++) FORWARD(add_named(list, all->section, &all->named[i]));
    return CF_OK;
}

static cf_status add_all(ClaimList *list, const ClaimFile *file) {
    for (unsigned g = 0; g < file->groups_count; g++) {
        const ClaimGroup *group = &file->groups[g];
        for (unsigned i = 0; i < group->figures_count; i++) FORWARD(add_figure(list, group, &group->figures[i], true));
        if (group->classes) FORWARD(add_classes(list, group));
    }
    return file->suggestions ? add_suggestions(list, file->suggestions) : CF_OK;
}

cf_status claims_new(const ClaimFile *file, const ClaimSubject *subjects, size_t subject_count, const json_t *results,
                     Claim **claims, size_t *count) {
    ClaimList list = {.subjects = subjects, .subject_count = subject_count, .results = results};
    const cf_status status = add_all(&list, file);
    if (status) {
        claims_release(list.claims, list.count);
        return status;
    }
    *claims = list.claims;
    *count = list.count;
    return CF_OK;
}

void claims_release(Claim *claims, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(claims[i].id);
        free(claims[i].what);
        free(claims[i].list);
        free(claims[i].path);
        free(claims[i].against);
    }
    free(claims);
}
