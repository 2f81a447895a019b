#include "study/pipeline/study_figures.h"

#include "base/memory.h"
#include "data/image_set.h"
#include "draw/chart_bar.h"
#include "eval/evaluate.h"
#include "study/ledger/study_results.h"

#include <stdlib.h>

typedef struct Recalls {
    const char *title;
    int classes, count;
    const char **names;                 /* [classes] */
    double *values[RECALL_MOST_SERIES]; /* [classes] in percent */
    BarSeries series[RECALL_MOST_SERIES];
} Recalls;

static cf_status draw(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const Recalls *r = content;
    const BarChart chart = {.title = r->title,
                            .category_label = "class",
                            .y = {.label = "found, %", .low = 0, .high = 100},
                            .category_count = r->classes,
                            .categories = r->names,
                            .series_count = r->count,
                            .series = r->series,
                            .numbers = r->classes * r->count <= 12,
                            .decimals = 1};
    return bar_chart_draw(canvas, theme, box, &chart);
}

static cf_status write_csv(const FigureBook *book, const char *name, const Recalls *r) {
    FileDraft csv;
    FORWARD(book_csv(book, name, &csv));
    fputs("class", csv.stream);
    for (int s = 0; s < r->count; s++) {
        fputc(',', csv.stream);
        csv_text(csv.stream, r->series[s].name);
    }
    fputc('\n', csv.stream);
    for (int c = 0; c < r->classes; c++) {
        csv_text(csv.stream, r->names[c]);
        for (int s = 0; s < r->count; s++) fprintf(csv.stream, ",%.6f", r->values[s][c] / 100);
        fputc('\n', csv.stream);
    }
    return file_commit(&csv);
}

static void recalls_free(Recalls *r) {
    free(r->names);
    for (int s = 0; s < RECALL_MOST_SERIES; s++) free(r->values[s]);
}

static cf_status take_recalls(const RecallSeries *series, int count, Recalls *r) {
    const json_t *classes = json_object_get(json_array_get(series[0].runs, 0), "per_class");
    FAIL_IF(count > RECALL_MOST_SERIES, CF_INTERNAL, "%d series of recalls", count);
    r->count = count;
    r->classes = (int)json_array_size(classes);
    FORWARD(memory_new((size_t)r->classes, sizeof *r->names, &r->names));
    for (int c = 0; c < r->classes; c++) r->names[c] = result_text(json_array_get(classes, (size_t)c), "class");
    for (int s = 0; s < count; s++) {
        FORWARD(memory_new((size_t)r->classes, sizeof *r->values[s], &r->values[s]));
        for (int c = 0; c < r->classes; c++) r->values[s][c] = 100 * runs_mean_recall(series[s].runs, (size_t)c);
        r->series[s] = (BarSeries){.name = series[s].name, .values = r->values[s], .colour = s};
    }
    return CF_OK;
}

cf_status figure_recalls(const FigureBook *book, const char *name, const char *title, const RecallSeries *series,
                         int count) {
    Recalls r = {.title = title};
    cf_status status = take_recalls(series, count, &r);
    if (!status) status = write_csv(book, name, &r);
    if (!status) status = book_draw(book, name, 460, 200, draw, &r);
    recalls_free(&r);
    return status;
}
