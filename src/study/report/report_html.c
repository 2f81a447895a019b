#include "study/report/report_inside.h"

#include "base/json_memory.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void html_text(FILE *out, const char *text) {
    static const char special[] = "&<>\"'";
    static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (;;) {
        const size_t plain = strcspn(text, special);
        fwrite(text, 1, plain, out);
        text += plain;
        if (!*text) return;
        fputs(references[strchr(special, *text++) - special], out);
    }
}

void html_write(FILE *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_print(out, html_text, format, arguments);
    va_end(arguments);
}

void html_fact(FILE *out, const char *name, const char *text, const char *remark) {
    html_write(out, HTML_FACT("%s", "%s", "%s"), name, text, remark);
}

void html_note(FILE *out, const char *text) {
    html_write(out, "<p class=\"note\">%s</p>\n", text);
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

void html_pairs(FILE *out, const char *title, const json_t *object, const char *skipped) {
    html_write(out, "<h3>%s</h3><dl class=\"pairs\">\n", title);
    html_rows(out, object, skipped);
    fputs("</dl>", out);
}

cf_status html_json(FILE *out, const json_t *json) {
    AUTO_FREE char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
    FAIL_IF(json_memory_failed() || !text, CF_NO_MEMORY, "out of memory while writing the report's data");
    /* In JSON a "<" can only stand inside a string. */
    for (const char *p = text; *p; p++) fputs(*p == '<' ? "\\u003c" : (const char[]){*p, '\0'}, out);
    return CF_OK;
}

cf_status html_json_script(FILE *out, const char *name, const json_t *json) {
    fprintf(out, "<script type=\"application/json\" %s>", name);
    FORWARD(html_json(out, json));
    fputs("</script>\n", out);
    return CF_OK;
}

void html_array(FILE *out, const char *name, const void *bytes, size_t size) {
    fprintf(out, "<script type=\"text/plain\" %s>", name);
    text_base64(out, bytes, size);
    fputs("</script>\n", out);
}

/* ---- Tables; document_read.c reads what this writes ---- */

void table_begin(FILE *out, TableStyle style, const char *caption) {
    fprintf(out, "<div class=\"scroll%s\"><table", style.tall ? " tall" : "");
    if (style.sortable || style.class)
        fprintf(out, " class=\"%s%s%s\"", style.sortable ? "sortable" : "", style.sortable && style.class ? " " : "",
                style.class ? style.class : "");
    if (style.id) fprintf(out, " id=\"%s\"", style.id);
    fputc('>', out);
    if (caption) {
        html_write(out, "<caption>%s", caption);
        if (style.on_screen) fprintf(out, "<span class=\"screen\">%s</span>", style.on_screen);
        fputs("</caption>", out);
    }
    fputs("\n<thead><tr>", out);
}

void table_head(FILE *out, const char *name, bool number) {
    fprintf(out, "<th scope=\"col\"%s>", number ? " class=\"n\"" : "");
    html_text(out, name);
    fputs("</th>", out);
}

void table_columns(FILE *out, const char *heads) {
    for (const char *end; *heads; heads = end + (*end == '|')) {
        char name[64];
        const bool number = *heads == '>';
        heads += number;
        end = strchrnul(heads, '|');
        snprintf(name, sizeof name, "%.*s", (int)(end - heads), heads);
        table_head(out, name, number);
    }
}

void table_open(FILE *out, TableStyle style, const char *caption, const char *heads) {
    table_begin(out, style, caption);
    table_columns(out, heads);
    table_body(out);
}

void table_body(FILE *out) {
    fputs("</tr></thead>\n<tbody>\n", out);
}

void table_foot(FILE *out) {
    fputs("</tbody><tfoot>\n", out);
}

void table_end(FILE *out) {
    fputs("</table></div>\n", out);
}

void table_row(FILE *out, const char *name, bool best) {
    fprintf(out, "<tr%s>", best ? " class=\"best\"" : "");
    if (name) html_write(out, "<th scope=\"row\">%s</th>", name);
}

void table_row_end(FILE *out) {
    fputs("</tr>\n", out);
}

void table_rows_of(FILE *out, const char *name, int columns) {
    html_write(out, "<tr class=\"heading\"><th colspan=\"%d\" scope=\"rowgroup\">%s</th></tr>\n", columns, name);
}

void table_text(FILE *out, const char *text) {
    html_write(out, "<td>%s</td>", text);
}

void table_word(FILE *out, const char *word) {
    fputs("<td class=\"", out);
    for (const char *p = word; *p; p++) fputc(*p == ' ' ? '-' : *p, out);
    fprintf(out, "\">%s</td>", word);
}

void table_empty(FILE *out, int count) {
    while (count-- > 0) fputs("<td></td>", out);
}

void table_figure(FILE *out, const char *text) {
    html_write(out, "<td class=\"n\">%s</td>", text);
}

void table_cut(FILE *out, const char *text, const char *whole) {
    html_write(out, "<td title=\"%s\">%s</td>", whole, text);
}

void table_number(FILE *out, double value, const char *format, ...) {
    va_list arguments;
    if (!isfinite(value)) {
        table_figure(out, "");
        return;
    }
    fprintf(out, "<td class=\"n\" data-sort=\"%.12g\">", value);
    va_start(arguments, format);
    text_print(out, html_text, format, arguments);
    va_end(arguments);
    fputs("</td>", out);
}

void table_percent(FILE *out, double share) {
    table_number(out, share, "%.2f", 100 * share);
}

void table_estimate(FILE *out, double mean, double low, double high, bool difference) {
    fprintf(out, difference ? "<td class=\"n\" data-sort=\"%.12g\">%+.2f" : "<td class=\"n\" data-sort=\"%.12g\">%.2f", mean,
            100 * mean);
    if (!isnan(low))
        fprintf(out, difference ? " <small>(%+.2f to %+.2f)</small>" : " <small>(%.2f to %.2f)</small>", 100 * low, 100 * high);
    fputs("</td>", out);
}

void table_loss(FILE *out, double loss) {
    char text[32];
    table_number(out, loss, "%s", isfinite(loss) ? text_loss(loss, text) : "");
}

void table_interval(FILE *out, double low, double high) {
    table_number(out, isfinite(high) ? low : (double)NAN, "%.2f to %.2f", 100 * fmax(0, low), 100 * fmin(1, high));
}
