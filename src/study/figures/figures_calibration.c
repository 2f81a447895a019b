/* Whether confidence is what it says, before and after temperature scaling. */
#include "study/figures/figures.h"


#include <math.h>

enum { PLAIN, SCALED, KINDS };
enum { DIAGONAL = 26 }; /* so many points that they are drawn without dots */

static const int kind_colours[KINDS] = {0, 6};
/* Points. */
static const double lines_height = 220, counts_height = 74, label_height = 13, note_height = 16;

typedef struct Reliability {
    const FigureBook *book;
    const Analysis *analysis;
    int kinds; /* without a temperature only PLAIN */
} Reliability;

static const Calibration *calibration_of(const Analysis *a, int kind) {
    return kind == PLAIN ? &a->plain : &a->scaled;
}

static cf_status write_reliability(const FigureBook *book, const Reliability *r) {
    static const char *const words[KINDS] = {"no", "yes"};
    FileDraft csv;
    FORWARD(book_table(book, "reliability", "scaled,low,high,images,confidence,accuracy", &csv));
    for (int k = 0; k < r->kinds; k++) {
        const Calibration *c = calibration_of(r->analysis, k);
        for (int b = 0; b < c->bins; b++) {
            const ReliabilityBin *bin = &c->bin[b];
            fprintf(csv.stream, "%s,%.6f,%.6f,%zu,", words[k], (double)b / c->bins, (double)(b + 1) / c->bins,
                    bin->count);
            if (bin->count)
                fprintf(csv.stream, "%.9g,%.9g\n", bin->confidence, bin->accuracy);
            else
                fputs(",\n", csv.stream);
        }
    }
    return file_commit(&csv);
}

/* Shares of the right ones over mean confidences; what is calibrated lies on the diagonal. */
static cf_status draw_accuracies(Canvas *canvas, const Theme *theme, Box box, const Reliability *r) {
    double diagonal[DIAGONAL];
    const Analysis *a = r->analysis;
    double x[KINDS][CALIBRATION_BINS_MAX], y[KINDS][CALIBRATION_BINS_MAX];
    char names[KINDS][64], title[256];
    LineSeries series[KINDS + 1] = {{"calibrated", diagonal, diagonal, DIAGONAL, CHART_MUTED, 3}};
    for (int i = 0; i < DIAGONAL; i++) diagonal[i] = (double)i / (DIAGONAL - 1);
    snprintf(names[PLAIN], sizeof names[PLAIN], "as predicted, ECE %.4f", a->plain.ece);
    snprintf(names[SCALED], sizeof names[SCALED], "scaled by T = %.3f, ECE %.4f", a->temperature.value, a->scaled.ece);
    snprintf(title, sizeof title, "%s: calibration", r->book->subject);
    for (int k = 0; k < r->kinds; k++) {
        const Calibration *c = calibration_of(a, k);
        size_t count = 0;
        for (int b = 0; b < c->bins; b++) {
            if (!c->bin[b].count) continue;
            x[k][count] = c->bin[b].confidence;
            y[k][count++] = c->bin[b].accuracy;
        }
        series[k + 1] = (LineSeries){names[k], x[k], y[k], count, kind_colours[k], 0};
    }
    const LineChart chart = {.title = title,
                             .x = {.label = NULL, .percent = true, .high = 1},
                             .y = {.label = "right, %", .percent = true, .low = -0.03, .high = 1.03},
                             .series_count = r->kinds + 1,
                             .series = series};
    return line_chart_draw(canvas, theme, box, &chart);
}

/* How many images each of those points stands for. */
static cf_status draw_counts(Canvas *canvas, const Theme *theme, Box box, const Reliability *r, int kind) {
    const Calibration *c = calibration_of(r->analysis, kind);
    double counts[CALIBRATION_BINS_MAX];
    char names[CALIBRATION_BINS_MAX][16];
    const char *categories[CALIBRATION_BINS_MAX];
    for (int b = 0; b < c->bins; b++) {
        snprintf(names[b], sizeof names[b], "%.0f", 100.0 * (b + 1) / c->bins);
        categories[b] = names[b];
        counts[b] = (double)c->bin[b].count;
    }
    const BarChart chart = {.category_label = kind == r->kinds - 1 ? "confidence, bins up to %" : NULL,
                            .y = {.label = "images", .whole = true},
                            .category_count = c->bins,
                            .categories = categories,
                            .series_count = 1,
                            .series = &(BarSeries){NULL, counts, kind_colours[kind]},
                            .numbers = true};
    return bar_chart_draw(canvas, theme, box, &chart);
}

static cf_status draw_reliability(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const Reliability *r = content;
    char text[200];
    Box part = {box.x, box.y, box.width, lines_height};
    FORWARD(draw_accuracies(canvas, theme, part, r));
    for (int k = 0; k < r->kinds; k++) {
        part.y += part.height + 4;
        part.height = counts_height + (k == r->kinds - 1 ? label_height : 0);
        FORWARD(draw_counts(canvas, theme, part, r, k));
    }
    if (r->kinds == KINDS)
        snprintf(text, sizeof text, "ECE: expected calibration error; T was fitted on the validation part");
    else
        snprintf(text, sizeof text, "Not scaled by a temperature: %s", r->analysis->temperature.missing);
    canvas_text_within(canvas, box.x, box.y + box.height - 1, box.width, chart_small, theme->muted, text);
    return CF_OK;
}

cf_status figure_reliability(const FigureBook *book, const Analysis *analysis) {
    const Reliability r = {book, analysis, analysis->temperature.value > 0 ? KINDS : 1};
    FORWARD(write_reliability(book, &r));
    const double height = lines_height + r.kinds * (counts_height + 4) + label_height + note_height;
    return book_draw(book, "reliability", 420, height + 20, draw_reliability, &r);
}
