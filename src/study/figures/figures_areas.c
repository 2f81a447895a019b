/* ROC and precision-recall, one class against the rest. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

enum { MOST_CURVES = 10 }; /* as many as there are colours */
enum { DIAGONAL = 26 };    /* so many points that they are drawn without dots */

typedef struct AreaFigure {
    const FigureBook *book;
    const Analysis *analysis;
    bool roc;
    int count, classes[MOST_CURVES], left_out; /* left_out: classes with an area that are not drawn */
    double *x, *y;                             /* of all those curves, one behind the other */
} AreaFigure;

static double area_of(const AreaFigure *f, int label) {
    const Curve *curve = &f->analysis->curves.per_class[label];
    return f->roc ? curve->roc_auc : curve->average_precision;
}

/* Of many classes those with the smallest areas, in the order of the classes. */
static void choose_classes(AreaFigure *f) {
    for (int c = 0; c < f->analysis->curves.classes; c++) {
        if (isnan(area_of(f, c))) continue;
        if (f->count < MOST_CURVES) {
            f->classes[f->count++] = c;
            continue;
        }
        /* The largest of those that are there goes, of equals the last, or the new one. */
        int largest = 0;
        f->left_out++;
        for (int i = 1; i < f->count; i++)
            if (area_of(f, f->classes[i]) >= area_of(f, f->classes[largest])) largest = i;
        if (area_of(f, c) >= area_of(f, f->classes[largest])) continue;
        memmove(f->classes + largest, f->classes + largest + 1, (size_t)(f->count - 1 - largest) * sizeof *f->classes);
        f->classes[f->count - 1] = c;
    }
}

static double curve_x(const AreaFigure *f, const Curve *curve, size_t i) {
    return f->roc ? curve_false_positive_rate(curve, i) : curve_recall(curve, i);
}

static double curve_y(const AreaFigure *f, const Curve *curve, size_t i) {
    return f->roc ? curve_recall(curve, i) : curve_precision(curve, i);
}

static cf_status write_areas(const AreaFigure *f, const char *name) {
    FileDraft csv;
    FORWARD(book_table(f->book, name,
                       f->roc ? "class,area,threshold,false_positive_rate,recall" : "class,area,threshold,recall,precision",
                       &csv));
    for (int c = 0; c < f->analysis->curves.classes; c++) {
        const Curve *curve = &f->analysis->curves.per_class[c];
        for (size_t i = 0; i < curve->count && !isnan(area_of(f, c)); i++)
            csv_print(csv.stream, "%s,%.9g,%.9g,%.9g,%.9g\n", f->analysis->class_names[c], area_of(f, c),
                      curve->points[i].threshold, curve_x(f, curve, i), curve_y(f, curve, i));
    }
    return file_commit(&csv);
}

static cf_status draw_areas(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    double chance[DIAGONAL];
    const AreaFigure *f = content;
    const Curves *curves = &f->analysis->curves;
    LineSeries series[MOST_CURVES + 1] = {{"chance", chance, chance, DIAGONAL, CHART_MUTED, 3}};
    char names[MOST_CURVES][64], title[256];
    int count = f->roc;
    size_t at = 0;
    for (int i = 0; i < DIAGONAL; i++) chance[i] = (double)i / (DIAGONAL - 1);
    for (int i = 0; i < f->count; i++) {
        const Curve *curve = &curves->per_class[f->classes[i]];
        const double dash = 1.5 * (f->classes[i] / CLASS_COLOURS); /* colours begin again */
        snprintf(names[i], sizeof names[i], "%.40s  %.4f", f->analysis->class_names[f->classes[i]],
                 area_of(f, f->classes[i]));
        series[count++] = (LineSeries){names[i], f->x + at, f->y + at, curve->count, f->classes[i], dash};
        at += curve->count;
    }
    snprintf(title, sizeof title, "%s: mean %s %.4f", f->book->subject, f->roc ? "area under ROC" : "average precision",
             f->roc ? curves->macro_roc_auc : curves->macro_average_precision);
    const double low = -0.02, high = 1.02, note = 12;
    const Axis share = {.percent = true, .low = low, .high = high};
    LineChart chart = {.title = title, .x = share, .y = share, .series_count = count, .series = series};
    chart.x.label = f->roc ? "false positives, % of the other classes" : "recall, %";
    chart.y.label = f->roc ? "recall, %" : "precision, %";
    box.height -= note;
    FORWARD(line_chart_draw(canvas, theme, box, &chart));
    if (f->left_out)
        snprintf(title, sizeof title,
                 "Each class against the rest, mean over all in the title; the %d smallest areas of %d", f->count,
                 f->count + f->left_out);
    else
        snprintf(title, sizeof title, "Each class against the rest; in the title the mean over the classes");
    canvas_text_within(canvas, box.x, box.y + box.height + note - 1, box.width, chart_small, theme->muted, title);
    return CF_OK;
}

static cf_status draw_one(const FigureBook *book, const Analysis *analysis, bool roc) {
    AreaFigure f = {.book = book, .analysis = analysis, .roc = roc};
    const char *name = roc ? "roc" : "precision-recall";
    size_t points = 0, at = 0;
    choose_classes(&f);
    FORWARD(write_areas(&f, name));
    if (!f.count) {
        notice("%s: no class has both examples and others, so there is no figure %s", book->subject, name);
        return CF_OK;
    }
    for (int i = 0; i < f.count; i++) points += analysis->curves.per_class[f.classes[i]].count;
    AUTO_FREE double *values = NULL;
    FORWARD(memory_new(2 * points, sizeof *values, &values));
    f.x = values, f.y = values + points;
    for (int i = 0; i < f.count; i++) {
        const Curve *curve = &analysis->curves.per_class[f.classes[i]];
        for (size_t k = 0; k < curve->count; k++, at++) f.x[at] = curve_x(&f, curve, k), f.y[at] = curve_y(&f, curve, k);
    }
    return book_draw(book, name, 340, 330, draw_areas, &f);
}

cf_status figure_roc(const FigureBook *book, const Analysis *analysis) {
    return draw_one(book, analysis, true);
}

cf_status figure_precision_recall(const FigureBook *book, const Analysis *analysis) {
    return draw_one(book, analysis, false);
}
