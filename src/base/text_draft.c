#include "base/text_draft.h"

#include <stdlib.h>
#include <string.h>

/* Room for `more` bytes and a zero byte. */
static bool make_room(TextDraft *draft, size_t more) {
    size_t needed, wanted = draft->room ? draft->room : 1024;
    if (__builtin_add_overflow(draft->size, more, &needed) || needed >= SIZE_MAX / 2) return false;
    if (needed < draft->room) return true;
    while (wanted <= needed) wanted *= 2;
    char *grown = realloc(draft->text, wanted);
    if (!grown) return false;
    draft->text = grown;
    draft->room = wanted;
    return true;
}

/* 0 sets the stream's error flag. */
static ssize_t append_bytes(void *context, const char *bytes, size_t count) {
    TextDraft *draft = context;
    if (!make_room(draft, count)) return 0;
    memcpy(draft->text + draft->size, bytes, count);
    draft->size += count;
    draft->text[draft->size] = '\0';
    return (ssize_t)count;
}

cf_status text_draft(TextDraft *draft) {
    *draft = (TextDraft){0};
    if (make_room(draft, 0)) {
        draft->text[0] = '\0';
        draft->stream = fopencookie(draft, "w", (cookie_io_functions_t){.write = append_bytes});
    }
    if (!draft->stream) text_draft_abandon(draft);
    FAIL_IF(!draft->stream, CF_NO_MEMORY, "out of memory while making a text");
    return CF_OK;
}

cf_status text_draft_finish(TextDraft *draft, char **text, size_t *size) {
    bool whole = fflush(draft->stream) == 0 && !ferror(draft->stream);
    whole = fclose(draft->stream) == 0 && whole;
    draft->stream = NULL;
    if (!whole) {
        text_draft_abandon(draft);
        return FAIL(CF_NO_MEMORY, "out of memory while making a text");
    }
    *text = draft->text;
    if (size) *size = draft->size;
    *draft = (TextDraft){0};
    return CF_OK;
}

void text_draft_abandon(TextDraft *draft) {
    if (draft->stream) fclose(draft->stream);
    free(draft->text);
    *draft = (TextDraft){0};
}
