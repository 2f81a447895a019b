#include "base/json_text.h"

#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { ESCAPED = 4 }; /* \xNN */

/* Whether \xNN stands at `p`, whatever the case of its digits: readers may take either. */
static bool looks_escaped(const unsigned char *p) {
    return p[0] == '\\' && p[1] == 'x' && isxdigit(p[2]) && isxdigit(p[3]);
}

/* The bytes of the next character that go as they are; 0: the next byte is to be escaped. */
static size_t plain_bytes(const unsigned char *p) {
    const unsigned char *place = p;
    if (looks_escaped(p) || text_next_character(&place) < 0) return 0;
    return (size_t)(place - p);
}

/* Writes the text to `to`, or only counts where that is NULL. */
static size_t escape(const char *bytes, char *to) {
    size_t size = 0;
    for (const unsigned char *p = (const unsigned char *)bytes; *p;) {
        const size_t plain = plain_bytes(p);
        if (to && plain) memcpy(to + size, p, plain);
        if (to && !plain) snprintf(to + size, ESCAPED + 1, "\\x%02x", *p);
        size += plain ? plain : ESCAPED;
        p += plain ? plain : 1;
    }
    return size;
}

/* Memory is jansson's, so that a lack of it shows as its own does. */
json_t *json_text(const char *bytes) {
    json_malloc_t allocate;
    json_free_t release;
    if (!bytes) return json_null();
    const size_t size = escape(bytes, NULL);
    json_get_alloc_funcs(&allocate, &release);
    char *text = allocate(size + 1);
    if (!text) return NULL;
    escape(bytes, text);
    json_t *made = json_stringn(text, size);
    release(text);
    return made;
}

static int digit(char c) {
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

cf_status json_text_value(const json_t *text, char **bytes) {
    *bytes = NULL;
    if (!json_is_string(text)) return CF_OK;
    FORWARD(memory_copy_string(json_string_value(text), bytes));
    char *to = *bytes;
    for (const char *p = to; *p; to++) {
        /* \x00 would end the text; nothing of ours writes it. */
        const int byte = looks_escaped((const unsigned char *)p) ? digit(p[2]) << 4 | digit(p[3]) : 0;
        *to = byte ? (char)byte : *p;
        p += byte ? ESCAPED : 1;
    }
    *to = '\0';
    return CF_OK;
}
