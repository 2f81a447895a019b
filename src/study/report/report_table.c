/* The one writer of tables of the pages; document_read.c reads what it writes. */
#include "study/report/report_inside.h"

#include "base/text.h"

#include <math.h>
#include <stdarg.h>

void table_begin(FILE *out, TableStyle style, const char *caption) {
    fprintf(out, "<div class=\"scroll%s\"><table", style.tall ? " tall" : "");
    if (style.sortable || style.class)
        fprintf(out, " class=\"%s%s%s\"", style.sortable ? "sortable" : "", style.sortable && style.class ? " " : "",
                style.class ? style.class : "");
    if (style.id) fprintf(out, " id=\"%s\"", style.id);
    fputc('>', out);
    if (caption) {
        fputs("<caption>", out);
        html_text(out, caption);
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

void table_heads(FILE *out, const char *const *names, bool number) {
    for (; *names; names++) table_head(out, *names, number);
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
    if (!name) return;
    fputs("<th scope=\"row\">", out);
    html_text(out, name);
    fputs("</th>", out);
}

void table_row_end(FILE *out) {
    fputs("</tr>\n", out);
}

void table_rows_of(FILE *out, const char *name, int columns) {
    fprintf(out, "<tr class=\"heading\"><th colspan=\"%d\" scope=\"rowgroup\">", columns);
    html_text(out, name);
    fputs("</th></tr>\n", out);
}

void table_text(FILE *out, const char *text) {
    fputs("<td>", out);
    html_text(out, text);
    fputs("</td>", out);
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
    fputs("<td class=\"n\">", out);
    html_text(out, text);
    fputs("</td>", out);
}

void table_cut(FILE *out, const char *text, const char *whole) {
    fputs("<td title=\"", out);
    html_text(out, whole);
    fputs("\">", out);
    html_text(out, text);
    fputs("</td>", out);
}

void table_number(FILE *out, double value, const char *format, ...) {
    char text[96];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!isfinite(value)) {
        fputs("<td class=\"n\"></td>", out);
        return;
    }
    fprintf(out, "<td class=\"n\" data-sort=\"%.12g\">", value);
    html_text(out, text);
    fputs("</td>", out);
}

void table_estimate(FILE *out, double mean, double low, double high, bool difference) {
    fprintf(out, difference ? "<td class=\"n\" data-sort=\"%.12g\">%+.2f" : "<td class=\"n\" data-sort=\"%.12g\">%.2f",
            mean, 100 * mean);
    if (!isnan(low))
        fprintf(out, difference ? " <small>(%+.2f to %+.2f)</small>" : " <small>(%.2f to %.2f)</small>", 100 * low,
                100 * high);
    fputs("</td>", out);
}

void table_loss(FILE *out, double loss) {
    char text[32];
    table_number(out, loss, "%s", isfinite(loss) ? text_loss(loss, text) : "");
}

void table_interval(FILE *out, double low, double high) {
    table_number(out, isfinite(high) ? low : (double)NAN, "%.2f to %.2f", 100 * fmax(0, low), 100 * fmin(1, high));
}
