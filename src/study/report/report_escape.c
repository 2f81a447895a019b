#include "study/report/report_inside.h"

#include "base/json_memory.h"
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void html_text(FILE *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

/* Longer texts than the buffer are cut: for numbers and labels, not for what a user may have typed at length. */
void html_print(FILE *out, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    html_text(out, text);
}

void html_fact(FILE *out, const char *name, const char *text, const char *remark) {
    fputs("<div><dt>", out);
    html_text(out, name);
    fputs("</dt><dd>", out);
    html_text(out, text);
    fputs("<small>", out);
    html_text(out, remark);
    fputs("</small></dd></div>\n", out);
}

void html_note(FILE *out, const char *text) {
    fputs("<p class=\"note\">", out);
    html_text(out, text);
    fputs("</p>\n", out);
}

void html_value(FILE *out, const json_t *json) {
    if (json_is_string(json))
        html_text(out, json_string_value(json));
    else if (json_is_null(json) || !json)
        fputs("none", out);
    else if (json_is_boolean(json))
        fputs(json_is_true(json) ? "yes" : "no", out);
    else if (json_is_integer(json))
        fprintf(out, "%lld", (long long)json_integer_value(json));
    else
        fprintf(out, "%.6g", json_number_value(json));
}

void html_rows(FILE *out, const json_t *object, const char *skipped) {
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)object, key, item) {
        if (json_is_object(item) || json_is_array(item) || strcmp(key, skipped) == 0) continue;
        fputs("<div><dt>", out);
        for (const char *p = key; *p; p++) html_text(out, (const char[]){*p == '_' ? ' ' : *p, '\0'});
        fputs("</dt><dd>", out);
        html_value(out, item);
        fputs("</dd></div>\n", out);
    }
}

cf_status html_json(FILE *out, const json_t *json) {
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (json_memory_failed() || !text) {
        free(text);
        return FAIL(CF_NO_MEMORY, "out of memory while writing the report's data");
    }
    /* In JSON a "<" can only stand inside a string. */
    for (const char *p = text; *p; p++) {
        if (*p == '<')
            fputs("\\u003c", out);
        else
            fputc(*p, out);
    }
    free(text);
    return CF_OK;
}

void html_array(FILE *out, const char *name, const void *bytes, size_t size) {
    fprintf(out, "<script type=\"text/plain\" %s>", name);
    text_base64(out, bytes, size);
    fputs("</script>\n", out);
}
