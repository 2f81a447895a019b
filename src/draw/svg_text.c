#include "draw/svg_text.h"

#include "base/memory.h"
#include "base/text_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SVG 1.1's word for readers that do not know CSS's; the style goes before the attribute. */
#define SHARP "<image image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\""

/* Numbers in the order in which they come. */
typedef struct Numbering {
    long *seen;
    size_t count, capacity;
} Numbering;

static cf_status number_of(Numbering *numbering, long id, size_t *number) {
    for (size_t i = 0; i < numbering->count; i++) {
        *number = numbering->count - 1 - i; /* the newest is asked for most */
        if (numbering->seen[*number] == id) return CF_OK;
    }
    if (numbering->count == numbering->capacity) {
        size_t wanted = 2 * numbering->capacity + 64;
        long *grown = realloc(numbering->seen, wanted * sizeof *grown);
        FAIL_IF(!grown, CF_NO_MEMORY, "out of memory while drawing");
        numbering->seen = grown;
        numbering->capacity = wanted;
    }
    *number = numbering->count++;
    numbering->seen[*number] = id;
    return CF_OK;
}

/* The length of "image12", "surface3" or, since Cairo 1.18, an image's "source-12" at `at`; with its number and our word for it.
 * Or 0. */
static size_t match_id(const char *at, const char *end, const char **word, long *id) {
    static const struct {
        const char *theirs, *ours;
    } words[] = {{"image", "image"}, {"surface", "surface"}, {"source-", "image"}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t length = strlen(words[i].theirs);
        if ((size_t)(end - at) <= length || memcmp(at, words[i].theirs, length) != 0) continue;
        size_t digits = 0;
        for (*id = 0; at + length + digits < end && at[length + digits] >= '0' && at[length + digits] <= '9'; digits++)
            *id = 10 * *id + (at[length + digits] - '0');
        *word = words[i].ours;
        return digits ? length + digits : 0;
    }
    return 0;
}

/* An id stands behind a quote or a #; what Cairo quotes otherwise is numbers, and text is drawn as shapes. */
static cf_status settle(const char *svg, const char *end, Numbering *numbering, FILE *out) {
    static const char image[] = "<image";
    for (const char *at = svg; at < end;) {
        size_t number, length;
        const char *word;
        long id;
        if (*at == '<' && (size_t)(end - at) > strlen(image) && memcmp(at, image, strlen(image)) == 0) {
            fputs(SHARP, out);
            at += strlen(image);
        } else if ((*at == '"' || *at == '#') && (length = match_id(at + 1, end, &word, &id)) > 0) {
            FORWARD(number_of(numbering, id, &number));
            fprintf(out, "%c%s%zu", *at, word, number);
            at += 1 + length;
        } else {
            fputc(*at++, out);
        }
    }
    return CF_OK;
}

cf_status svg_text_settle(const char *svg, size_t size, char **settled, size_t *settled_size) {
    Numbering numbering = {0};
    TextDraft draft;
    FORWARD(text_draft(&draft));
    cf_status status = settle(svg, svg + size, &numbering, draft.stream);
    free(numbering.seen);
    if (!status) return text_draft_finish(&draft, settled, settled_size);
    text_draft_abandon(&draft);
    return status;
}
