/* A text that is written like a file and grows in memory. open_memstream does not tell when memory runs out on the way: what
 * could not be written is missing, and no call fails (glibc 2.36). */
#pragma once

#include "base/status.h"

#include <stdio.h>

typedef struct TextDraft {
    FILE *stream; /* write here; a lack of memory is noticed at the end */
    char *text;
    size_t size, room;
} TextDraft;

/* Stays where it is until it ends. Either text_draft_finish or text_draft_abandon ends it. */
cf_status text_draft(TextDraft *draft);
/* *text: a new string, *size its length (NULL: not asked for); release with free(). It ends the draft on any path. */
cf_status text_draft_finish(TextDraft *draft, char **text, size_t *size);
void text_draft_abandon(TextDraft *draft);
