/* The lab's figures: recalls by remedy, and the learning curve. */
#include "study/imbalance/lab.h"

#include "study/ledger/study_results.h"
#include "study/pipeline/study_figures.h"

/* ---- Remedies ---- */

cf_status figure_remedies(const FigureBook *book, const char *name, const char *set, const char *of_case,
                          const json_t *remedies) {
    enum { PANELS = BALANCED + 1 };
    static const char *const headings[] = {"remedy", "mean, %"};
    AUTO(remedy_rows_free) RemedyRows rows = {0};
    AUTO(dot_rows_free) DotRows dots = {0};
    AUTO(file_abandon) FileDraft csv = {0};
    char title[200], labels[PANELS][64] = {"", "", "mean of all classes, %"};
    DotPanel panels[PANELS];
    FORWARD(remedy_rows_new(remedies, &rows));
    FORWARD(dot_rows_new((size_t)rows.count, COUNT_OF(headings), PANELS, &dots));
    snprintf(title, sizeof title, "%s, %.100s: recall, mean over the seeds", set, of_case);
    snprintf(labels[0], sizeof labels[0], "%.30s (rarest), %%", rows.rarest);
    snprintf(labels[1], sizeof labels[1], "%.30s (commonest), %%", rows.commonest);
    FORWARD(book_table(
        book, name,
        "remedy,rarest,rarest_low,rarest_high,commonest,commonest_low,commonest_high,balanced,balanced_low,balanced_high",
        &csv));
    for (int i = 0; i < rows.count; i++) {
        const RemedyRow *row = &rows.rows[i];
        fputs(row->name, csv.stream);
        for (int p = 0; p < PANELS; p++) {
            const MeanInterval *m = &row->scores[p];
            fprintf(csv.stream, ",%.9g,%.9g,%.9g", m->mean, m->low, m->high);
            dot_rows_point(&dots, i, p, m->mean, m->low, m->high);
        }
        fputc('\n', csv.stream);
        dot_rows_cell(&dots, i, 0, "%s", row->name);
        dot_rows_cell(&dots, i, 1, "%.2f", 100 * row->scores[BALANCED].mean);
    }
    FORWARD(file_commit(&csv));
    for (int p = 0; p < PANELS; p++)
        panels[p] = dot_rows_panel(&dots, p, (Axis){.label = labels[p], .percent = true}, 0);
    DotChart chart = dot_rows_chart(&dots, title, headings, PANELS, panels);
    chart.best = rows.best;
    return book_dots(book, name, 760, dot_chart_height(&chart) + 20, &chart);
}

/* ---- The curve ---- */

/* "curve": balanced accuracy by images of the rarest class, of nothing and of the best remedy. */
static cf_status figure_worth(const FigureBook *book, const json_t *curve) {
    const json_t *points = json_object_get(curve, "points"), *point;
    size_t i;
    char title[140], label[80];
    TwoCurves c = {.title = title,
                   .x_label = label,
                   .y_label = "mean recall, %",
                   .names = {"nothing", result_text(curve, "best")},
                   .ways = {"nothing", "best"},
                   .path = "balanced"};
    AUTO(file_abandon) FileDraft csv = {0};
    snprintf(title, sizeof title, "%.60s, by images of class %.40s", book->subject, result_text(curve, "class"));
    snprintf(label, sizeof label, "training images of class %.40s", result_text(curve, "class"));
    FORWARD(book_table(book, "curve", "images,way,seeds,balanced,low,high", &csv));
    json_array_foreach(points, i, point) FORWARD(curves_add(&c, "", result_number(point, "images"), point, csv.stream));
    FORWARD(file_commit(&csv));
    return curves_draw(book, "curve", &c);
}

/* ---- Of a lab ---- */

cf_status lab_draw(const char *folder, const char *subject, unsigned formats, const json_t *results) {
    const json_t *cases = json_object_get(results, "cases"), *curve = json_object_get(results, "curve");
    AUTO(figure_list_free) FigureList list = {0};
    AUTO_FREE char *figures = NULL;
    if (!formats) return CF_OK;
    FORWARD(file_join(folder, "figures", &figures));
    const FigureBook book = {figures, "", subject, formats, &list};
    FORWARD(file_make_folder(figures));
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        char name[32];
        snprintf(name, sizeof name, "remedies-%zu", i + 1);
        FORWARD(book_unless_undrawable(
            &book, name,
            figure_remedies(&book, name, subject, result_text(c, "name"), json_object_get(c, "remedies"))));
    }
    return json_is_null(curve) ? CF_OK : book_unless_undrawable(&book, "curve", figure_worth(&book, curve));
}
