#include "data/split.h"

#include "base/text.h"

#include <string.h>

enum { MOST_PIECE = LONGEST_NAME + 32 }; /* a class with its count */

/* The next piece up to a comma, without blanks around it; false at the end of the text. */
static bool next_piece(const char **text, char piece[MOST_PIECE], const char **begin) {
    if (!*text) return false;
    const char *from = *text, *comma = strchr(from, ','), *end = comma ? comma : from + strlen(from);
    while (from < end && *from == ' ') from++;
    while (end > from && end[-1] == ' ') end--;
    size_t length = (size_t)(end - from);
    if (length >= MOST_PIECE) length = MOST_PIECE - 1;
    memcpy(piece, from, length);
    piece[length] = '\0';
    *begin = from;
    *text = comma ? comma + 1 : NULL;
    return true;
}

static cf_status find_label(const cf_set *set, const char *option, const char *name, size_t position, int *label) {
    AUTO_FREE const char **words = NULL;
    char all[512] = "";
    *label = set_find_class(set, name);
    if (*label >= 0) return CF_OK;
    FORWARD(memory_new((size_t)set->classes + 1, sizeof *words, &words));
    for (int k = 0; k < set->classes; k++) {
        words[k] = set->class_names[k];
        text_append(all, sizeof all, "%s%s", k ? ", " : "", words[k]);
    }
    return FAIL(CF_BAD_USE, "%s: there is no class \"%s\" (character %zu); %s has %s%s", option, name, position,
                set->name, all, text_hint(name, words));
}

cf_status split_parse_classes(const cf_set *set, const char *text, bool *wanted) {
    const char *rest = text, *begin;
    char name[MOST_PIECE];
    bool all = !text || !*text;
    int label, count = 0;
    for (int k = 0; k < set->classes; k++) wanted[k] = all;
    if (all) return CF_OK;
    while (next_piece(&rest, name, &begin)) {
        size_t position = (size_t)(begin - text) + 1;
        FAIL_IF(!*name, CF_BAD_USE, "classes \"%s\": a name is missing at character %zu", text, position);
        FORWARD(find_label(set, "classes", name, position, &label));
        count += !wanted[label];
        wanted[label] = true;
    }
    FAIL_IF(count < 2, CF_BAD_USE, "classes \"%s\": at least two classes are needed to tell apart", text);
    return CF_OK;
}

cf_status split_parse_limits(const cf_set *set, const char *text, const bool *wanted, size_t *limits) {
    const char *rest = text && *text ? text : NULL, *begin;
    char piece[MOST_PIECE];
    long long limit;
    int label;
    for (int k = 0; k < set->classes; k++) limits[k] = SIZE_MAX;
    while (next_piece(&rest, piece, &begin)) {
        size_t position = (size_t)(begin - text) + 1;
        char *colon = strrchr(piece, ':');
        FAIL_IF(!colon || colon == piece, CF_BAD_USE,
                "train limit \"%s\": \"%s\" (character %zu) is not CLASS:COUNT, for instance 1:50", text, piece,
                position);
        FAIL_IF(!text_to_integer(colon + 1, 1, UINT32_MAX, &limit), CF_BAD_USE,
                "train limit \"%s\": \"%s\" (character %zu) is not a count of images, a whole number from 1", text,
                colon + 1, position + (size_t)(colon + 1 - piece));
        *colon = '\0';
        FORWARD(find_label(set, "train limit", piece, position, &label));
        FAIL_IF(!wanted[label], CF_BAD_USE,
                "train limit \"%s\": class %s (character %zu) is not among the classes that take part", text, piece,
                position);
        FAIL_IF(limits[label] != SIZE_MAX, CF_BAD_USE,
                "train limit \"%s\": class %s (character %zu) has a limit already", text, piece, position);
        limits[label] = (size_t)limit;
    }
    return CF_OK;
}
