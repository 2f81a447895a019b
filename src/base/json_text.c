#include "base/json_text.h"

#include "base/files.h"
#include "base/json_memory.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <math.h>
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

json_t *json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* ---- JSON files ---- */

cf_status json_write(const char *path, const json_t *json) {
    AUTO(file_abandon) FileDraft draft = {0};
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while making %s", path);
    FORWARD(file_draft(path, &draft));
    /* A failed write shows in the stream's error flag, which file_commit looks at; -1 may also be a lack of memory. */
    const int bad = json_dumpf(json, draft.stream, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    fputc('\n', draft.stream);
    FAIL_IF((bad && !ferror(draft.stream)) || json_memory_failed(), CF_NO_MEMORY, "out of memory while writing %s", path);
    return file_commit(&draft);
}

cf_status json_read(const char *path, json_t **json) {
    AUTO_FREE unsigned char *bytes = NULL;
    size_t size;
    json_error_t error;
    FORWARD(file_read(path, MOST_JSON_BYTES, &bytes, &size));
    json_memory_begin();
    json_auto_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while reading %s", path);
    FAIL_IF(!root, CF_BAD_INPUT, "%s, line %d: %s", path, error.line, error.text);
    *json = memory_take(&root);
    return CF_OK;
}

/* ---- JSON in memory ---- */

cf_status json_to_text(const json_t *json, size_t digits, const char *what, char **text) {
    AUTO_FREE char *made = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(digits)) : NULL;
    FAIL_IF(json_memory_failed() || !made, CF_NO_MEMORY, "out of memory while writing %s", what);
    *text = memory_take(&made);
    return CF_OK;
}

cf_status json_from_text(const char *text, const char *what, json_error_t *error, json_t **json) {
    json_memory_begin();
    json_auto_t *made = json_loads(text, 0, error);
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while reading %s", what);
    *json = memory_take(&made);
    return CF_OK;
}
