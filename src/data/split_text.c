#include "data/split.h"

#include "base/text.h"

#include <string.h>

/* The next piece of a list between commas, cut in place, without blanks around it; NULL at the end. */
static char *next_piece(char **rest) {
    char *piece = strsep(rest, ",");
    if (!piece) return NULL;
    piece += strspn(piece, " ");
    for (size_t length = strlen(piece); length && piece[length - 1] == ' ';) piece[--length] = '\0';
    return piece;
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
    AUTO_FREE char *copy = NULL;
    const bool all = !text || !*text;
    int label, count = 0;
    for (int k = 0; k < set->classes; k++) wanted[k] = all;
    if (all) return CF_OK;
    FORWARD(memory_copy_string(text, &copy));
    for (char *rest = copy, *name; (name = next_piece(&rest));) {
        const size_t position = (size_t)(name - copy) + 1;
        FAIL_IF(!*name, CF_BAD_USE, "classes \"%s\": a name is missing at character %zu", text, position);
        FORWARD(find_label(set, "classes", name, position, &label));
        count += !wanted[label];
        wanted[label] = true;
    }
    FAIL_IF(count < 2, CF_BAD_USE, "classes \"%s\": at least two classes are needed to tell apart", text);
    return CF_OK;
}

cf_status split_parse_limits(const cf_set *set, const char *text, const bool *wanted, size_t *limits) {
    AUTO_FREE char *copy = NULL;
    long long limit;
    int label;
    for (int k = 0; k < set->classes; k++) limits[k] = SIZE_MAX;
    if (!text || !*text) return CF_OK;
    FORWARD(memory_copy_string(text, &copy));
    for (char *rest = copy, *piece; (piece = next_piece(&rest));) {
        const size_t position = (size_t)(piece - copy) + 1;
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
