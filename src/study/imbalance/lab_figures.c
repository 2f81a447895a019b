/* The lab's figures: recalls by remedy, and the learning curve. */
#include "study/imbalance/lab.h"

#include "base/memory.h"
#include "draw/charts.h"
#include "study/ledger/study_results.h"
#include "study/pipeline/study_figures.h"

#include <stdlib.h>

/* ---- Remedies ---- */

enum { DOT_COLUMNS = 2, PANELS = 3 };

typedef struct Dots {
    double mean[PANELS][MOST_REMEDIES], low[PANELS][MOST_REMEDIES], high[PANELS][MOST_REMEDIES];
    char texts[MOST_REMEDIES][16];
    const char *cells[MOST_REMEDIES * DOT_COLUMNS];
} Dots;

static void fill_dots(const RemedyRows *rows, Dots *dots, FILE *csv) {
    fputs("remedy,rarest,rarest_low,rarest_high,commonest,commonest_low,commonest_high,balanced,balanced_low,balanced_"
          "high\n",
          csv);
    for (int i = 0; i < rows->count && i < MOST_REMEDIES; i++) {
        const RemedyRow *row = &rows->rows[i];
        const MeanInterval *const shown[PANELS] = {&row->rarest, &row->commonest, &row->balanced};
        fputs(row->name, csv);
        for (int p = 0; p < PANELS; p++) {
            dots->mean[p][i] = shown[p]->mean, dots->low[p][i] = shown[p]->low, dots->high[p][i] = shown[p]->high;
            fprintf(csv, ",%.9g,%.9g,%.9g", shown[p]->mean, shown[p]->low, shown[p]->high);
        }
        fputc('\n', csv);
        snprintf(dots->texts[i], sizeof dots->texts[i], "%.2f", 100 * row->balanced.mean);
        dots->cells[DOT_COLUMNS * i] = row->name;
        dots->cells[DOT_COLUMNS * i + 1] = dots->texts[i];
    }
}

static cf_status draw_dots(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return dot_chart_draw(canvas, theme, box, content);
}

static cf_status draw_remedies(const FigureBook *book, const char *name, const char *title, const RemedyRows *rows,
                               const Dots *dots) {
    static const char *const headings[DOT_COLUMNS] = {"remedy", "mean, %"};
    char labels[PANELS][64];
    DotPanel panels[PANELS];
    snprintf(labels[0], sizeof labels[0], "%.30s (rarest), %%", rows->rarest);
    snprintf(labels[1], sizeof labels[1], "%.30s (commonest), %%", rows->commonest);
    snprintf(labels[2], sizeof labels[2], "mean of all classes, %%");
    for (int p = 0; p < PANELS; p++)
        panels[p] = (DotPanel){{.label = labels[p], .percent = true}, dots->mean[p], dots->low[p], dots->high[p], 0};
    const DotChart chart = {.title = title,
                            .row_count = rows->count,
                            .column_count = DOT_COLUMNS,
                            .headings = headings,
                            .cells = dots->cells,
                            .best = rows->best,
                            .panel_count = PANELS,
                            .panels = panels};
    return book_draw(book, name, 760, dot_chart_height(&chart) + 20, draw_dots, &chart);
}

cf_status figure_remedies(const FigureBook *book, const char *name, const char *title, const json_t *remedies) {
    Dots *dots;
    RemedyRows rows = {0};
    FileDraft csv = {0};
    cf_status status;
    FORWARD(memory_new(1, sizeof *dots, &dots));
    FORWARD_TO(done, remedy_rows_new(remedies, &rows));
    FORWARD_TO(done, book_csv(book, name, &csv));
    fill_dots(&rows, dots, csv.stream);
    FORWARD_TO(done, file_commit(&csv));
    FORWARD_TO(done, draw_remedies(book, name, title, &rows, dots));
done:
    remedy_rows_free(&rows);
    free(dots);
    return status;
}

/* ---- The curve ---- */

cf_status figure_worth(const FigureBook *book, const json_t *curve) {
    const json_t *points = json_object_get(curve, "points");
    char title[140], label[80];
    TwoCurves c = {.title = title,
                   .x_label = label,
                   .y_label = "mean recall, %",
                   .names = {"nothing", result_text(curve, "best")},
                   .ways = {"nothing", "best"}};
    FileDraft csv;
    cf_status status = CF_OK;
    snprintf(title, sizeof title, "%.60s, by images of class %.40s", book->subject, result_text(curve, "class"));
    snprintf(label, sizeof label, "training images of class %.40s", result_text(curve, "class"));
    FORWARD(book_csv(book, "curve", &csv));
    fputs("images,way,seeds,balanced,low,high\n", csv.stream);
    for (size_t i = 0; i < json_array_size(points) && !status; i++) {
        const json_t *point = json_array_get(points, i);
        status = curves_add(&c, "", result_number(point, "images"), json_object_get(point, "nothing"),
                            json_object_get(point, "best"), "balanced", csv.stream);
    }
    return curves_finish(book, "curve", &c, status, &csv);
}

/* ---- Of a lab ---- */

/* What cannot be drawn is no error: intervals of one seed, points that are all alike. */
static cf_status unless_undrawable(const FigureBook *book, const char *name, cf_status status) {
    return status == CF_BAD_USE ? book_leave_out(book, name, cf_error()) : status;
}

cf_status lab_draw(const char *folder, const char *subject, unsigned formats, const json_t *results) {
    const json_t *cases = json_object_get(results, "cases"), *curve = json_object_get(results, "curve");
    FigureList list = {0};
    char *figures;
    if (!formats) return CF_OK;
    FORWARD(file_join(folder, "figures", &figures));
    const FigureBook book = {figures, "", subject, formats, &list};
    cf_status status = file_make_folder(figures);
    for (size_t i = 0; i < json_array_size(cases) && !status; i++) {
        const json_t *c = json_array_get(cases, i);
        char name[32], title[200];
        snprintf(name, sizeof name, "remedies-%zu", i + 1);
        snprintf(title, sizeof title, "%.60s, %.100s: recall, mean over the seeds", subject, result_text(c, "name"));
        status = unless_undrawable(&book, name, figure_remedies(&book, name, title, json_object_get(c, "remedies")));
    }
    if (!status && !json_is_null(curve)) status = unless_undrawable(&book, "curve", figure_worth(&book, curve));
    figure_list_free(&list);
    free(figures);
    return status;
}
