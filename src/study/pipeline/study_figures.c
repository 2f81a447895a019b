#include "study/pipeline/study_figures.h"

#include "base/memory.h"
#include "data/image_set.h"
#include "draw/charts.h"
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
                            .y = {.label = "recall, %", .low = 0, .high = 100},
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

/* ---- Two curves with intervals ---- */

static cf_status draw_curves(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const TwoCurves *c = content;
    const LineSeries series[] = {{c->names[0], c->x, c->mean[0], c->count, 1, 3},
                                 {c->names[1], c->x, c->mean[1], c->count, 0, 0}};
    const LineInterval intervals[] = {{c->low[0], c->high[0]}, {c->low[1], c->high[1]}};
    const LineChart chart = {.title = c->title,
                             .x = {.label = c->x_label, .kind = AXIS_LOG},
                             .y = {.label = c->y_label, .percent = true},
                             .series_count = 2,
                             .series = series,
                             .intervals = intervals};
    return line_chart_draw(canvas, theme, box, &chart);
}

cf_status curves_add(TwoCurves *c, const char *key, double x, const json_t *first, const json_t *second, const char *path, FILE *csv) {
    const json_t *const runs[] = {first, second};
    const size_t i = c->count++;
    FAIL_IF(i == CURVE_POINTS, CF_BAD_USE, "at most %d points of a curve expected", CURVE_POINTS);
    c->x[i] = x;
    for (int w = 0; w < 2; w++) {
        MeanInterval m;
        FORWARD(runs_interval(runs[w], path, &m));
        c->mean[w][i] = m.mean, c->low[w][i] = m.low, c->high[w][i] = m.high;
        fprintf(csv, "%s%s%.9g,%s,%zu,%.9g,%.9g,%.9g\n", key, *key ? "," : "", x, c->ways[w], m.count, m.mean, m.low,
                m.high);
    }
    return CF_OK;
}

cf_status curves_finish(const FigureBook *book, const char *name, const TwoCurves *c, cf_status status, FileDraft *csv) {
    if (status) {
        file_abandon(csv);
        return status;
    }
    FORWARD(file_commit(csv));
    return book_draw(book, name, 460, 250, draw_curves, c);
}

/* ---- From another set ---- */

cf_status figure_transfer(const FigureBook *book, const char *name, const char *title, const char *other,
                          const json_t *sizes, int classes) {
    char from[96];
    TwoCurves c = {.title = title,
                   .x_label = "training images per class",
                   .y_label = "test accuracy, %",
                   .names = {"from nothing", from},
                   .ways = {"new", "from"}};
    FileDraft csv;
    const char *key;
    const json_t *ways;
    cf_status status = CF_OK;
    snprintf(from, sizeof from, "from %s", other);
    FORWARD(book_csv(book, name, &csv));
    fputs("size,images_per_class,way,runs,accuracy,low,high\n", csv.stream);
    json_object_foreach((json_t *)(uintptr_t)sizes, key, ways) {
        const json_t *new = json_object_get(ways, "new");
        if (!status)
            status = curves_add(&c, key, runs_mean(new, "images") / classes, new, json_object_get(ways, "from"), "accuracy",
                                csv.stream);
    }
    return curves_finish(book, name, &c, status, &csv);
}

typedef struct BeforeAfter {
    const char *other;
    const cf_subset *images;
    const float *places;
    const unsigned char *labels;
} BeforeAfter;

static cf_status draw_before_after(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const BeforeAfter *b = content;
    const size_t n = b->images->count;
    const int classes = b->images->set->classes;
    char title[2][120];
    snprintf(title[0], sizeof title[0], "Before: the network of %s", b->other);
    snprintf(title[1], sizeof title[1], "Fine-tuned");
    for (int half = 0; half < 2; half++) {
        const ScatterPlot plot = {.title = title[half],
                                  .count = n,
                                  .points = b->places + (half ? 2 * n : 0),
                                  .labels = b->labels,
                                  .classes = classes <= SCATTER_CLASSES ? classes : 0,
                                  .class_names = (const char *const *)b->images->set->class_names,
                                  .names_inside = true};
        FORWARD(scatter_plot_draw(canvas, theme, box_of_grid(box, 1, 2, 14, 0, half), &plot));
    }
    return CF_OK;
}

cf_status figure_before_after(const FigureBook *book, const char *other, const cf_subset *images, const float *places) {
    const cf_set *set = images->set;
    const size_t n = images->count;
    unsigned char *labels;
    FileDraft csv;
    FORWARD(book_csv(book, "umap", &csv));
    fputs("when,x,y,label,image\n", csv.stream);
    for (size_t i = 0; i < 2 * n; i++) {
        const uint32_t image = images->images[i % n];
        fprintf(csv.stream, "%s,%.9g,%.9g,", i < n ? "before" : "after", (double)places[2 * i],
                (double)places[2 * i + 1]);
        csv_text(csv.stream, set->class_names[set->labels[image]]);
        fprintf(csv.stream, ",%u\n", (unsigned)image);
    }
    FORWARD(file_commit(&csv));
    FORWARD(memory_new(n, 1, &labels));
    for (size_t i = 0; i < n; i++) labels[i] = (unsigned char)(set->labels[images->images[i]] % 256);
    cf_status status =
        book_draw(book, "umap", 504, 290, draw_before_after, &(BeforeAfter){other, images, places, labels});
    free(labels);
    return status;
}

/* ---- Networks side by side ---- */

enum { MOST_ROWS = 8, COLUMNS = 2 }; /* of RECIPE_MODELS */

static cf_status draw_attention(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return dot_chart_draw(canvas, theme, box, content);
}

cf_status figure_attention(const FigureBook *book, const char *name, const char *title, const json_t *models) {
    static const char *const headings[COLUMNS] = {"network", "test, %"};
    double mean[MOST_ROWS], low[MOST_ROWS], high[MOST_ROWS];
    char texts[MOST_ROWS][16];
    const char *cells[MOST_ROWS * COLUMNS], *key;
    const json_t *runs;
    FileDraft csv;
    int n = 0;
    FORWARD(book_csv(book, name, &csv));
    fputs("network,runs,accuracy,low,high\n", csv.stream);
    json_object_foreach((json_t *)(uintptr_t)models, key, runs) {
        MeanInterval m;
        cf_status status = n < MOST_ROWS ? runs_interval(runs, "accuracy", &m) : FAIL(CF_INTERNAL, "too many networks");
        if (status) {
            file_abandon(&csv);
            return status;
        }
        fprintf(csv.stream, "%s,%zu,%.9g,%.9g,%.9g\n", key, m.count, m.mean, m.low, m.high);
        mean[n] = m.mean, low[n] = m.low, high[n] = m.high;
        snprintf(texts[n], sizeof texts[n], "%.2f", 100 * m.mean);
        cells[COLUMNS * n] = key;
        cells[COLUMNS * n + 1] = texts[n];
        n++;
    }
    FORWARD(file_commit(&csv));
    const DotPanel panel = {{.label = "test accuracy, %", .percent = true}, mean, low, high, 1e6};
    const DotChart chart = {.title = title,
                            .row_count = n,
                            .column_count = COLUMNS,
                            .headings = headings,
                            .cells = cells,
                            .best = -1,
                            .panel_count = 1,
                            .panels = &panel};
    return book_draw(book, name, 460, dot_chart_height(&chart) + 20, draw_attention, &chart);
}
