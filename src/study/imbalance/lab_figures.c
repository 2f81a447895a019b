/* The lab's figures: recalls by remedy, and the learning curve. */
#include "study/imbalance/lab.h"

#include "study/ledger/study_results.h"
#include "study/pipeline/study_figures.h"

/* ---- Remedies ---- */

cf_status figure_remedies(const FigureBook *book, const char *name, const char *title, const json_t *remedies) {
    AUTO(remedy_rows_free) RemedyRows rows = {0};
    AUTO(file_abandon) FileDraft csv = {0};
    char rarest[64], commonest[64];
    DotRows dots = {.title = title,
                    .headings = {"remedy", "mean, %"},
                    .labels = {rarest, commonest, "mean of all classes, %"},
                    .panels = 3};
    FORWARD(remedy_rows_new(remedies, &rows));
    dots.best = rows.best;
    snprintf(rarest, sizeof rarest, "%.30s (rarest), %%", rows.rarest);
    snprintf(commonest, sizeof commonest, "%.30s (commonest), %%", rows.commonest);
    FORWARD(book_csv(book, name, &csv));
    fputs("remedy,rarest,rarest_low,rarest_high,commonest,commonest_low,commonest_high,balanced,balanced_low,balanced_high\n", csv.stream);
    for (int i = 0; i < rows.count; i++) {
        const RemedyRow *row = &rows.rows[i];
        const MeanInterval *const shown[] = {&row->rarest, &row->commonest, &row->balanced};
        fputs(row->name, csv.stream);
        for (size_t p = 0; p < COUNT_OF(shown); p++)
            fprintf(csv.stream, ",%.9g,%.9g,%.9g", shown[p]->mean, shown[p]->low, shown[p]->high);
        fputc('\n', csv.stream);
        FORWARD(dot_rows_add(&dots, row->name, shown));
    }
    FORWARD(file_commit(&csv));
    return dot_rows_draw(book, name, 760, &dots);
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
    AUTO(file_abandon) FileDraft csv = {0};
    snprintf(title, sizeof title, "%.60s, by images of class %.40s", book->subject, result_text(curve, "class"));
    snprintf(label, sizeof label, "training images of class %.40s", result_text(curve, "class"));
    FORWARD(book_csv(book, "curve", &csv));
    fputs("images,way,seeds,balanced,low,high\n", csv.stream);
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *point = json_array_get(points, i);
        FORWARD(curves_add(&c, "", result_number(point, "images"), json_object_get(point, "nothing"), json_object_get(point, "best"),
                           "balanced", csv.stream));
    }
    FORWARD(file_commit(&csv));
    return curves_draw(book, "curve", &c);
}

/* ---- Of a lab ---- */

/* What cannot be drawn is no error: intervals of one seed, points that are all alike. */
static cf_status unless_undrawable(const FigureBook *book, const char *name, cf_status status) {
    return status == CF_BAD_USE ? book_leave_out(book, name, cf_error()) : status;
}

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
        char name[32], title[200];
        snprintf(name, sizeof name, "remedies-%zu", i + 1);
        snprintf(title, sizeof title, "%.60s, %.100s: recall, mean over the seeds", subject, result_text(c, "name"));
        FORWARD(unless_undrawable(&book, name, figure_remedies(&book, name, title, json_object_get(c, "remedies"))));
    }
    return json_is_null(curve) ? CF_OK : unless_undrawable(&book, "curve", figure_worth(&book, curve));
}
