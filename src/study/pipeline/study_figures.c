#include "study/pipeline/study_figures.h"

#include "base/memory.h"
#include "data/image_set.h"
#include "draw/charts.h"
#include "study/ledger/study_results.h"

/* ---- Recalls of classes ---- */

static cf_status draw_bars(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return bar_chart_draw(canvas, theme, box, content);
}

cf_status figure_recalls(const FigureBook *book, const char *name, const char *title, const RecallSeries *series,
                         int count) {
    const json_t *classes = json_object_get(json_array_get(series[0].runs, 0), "per_class");
    const size_t n = json_array_size(classes);
    AUTO_FREE const char **names = NULL;
    AUTO_FREE double *percent = NULL; /* [series][classes] */
    AUTO(file_abandon) FileDraft csv = {0};
    BarSeries bars[RECALL_MOST_SERIES];
    FAIL_IF(count > RECALL_MOST_SERIES, CF_INTERNAL, "%d series of recalls", count);
    FORWARD(memory_new(n, sizeof *names, &names));
    FORWARD(memory_new((size_t)count * n, sizeof *percent, &percent));
    FORWARD(book_csv(book, name, &csv));
    fputs("class", csv.stream);
    for (int s = 0; s < count; s++) {
        bars[s] = (BarSeries){.name = series[s].name, .values = percent + (size_t)s * n, .colour = s};
        csv_print(csv.stream, ",%s", series[s].name);
    }
    fputc('\n', csv.stream);
    for (size_t c = 0; c < n; c++) {
        names[c] = result_text(json_array_get(classes, c), "class");
        csv_text(csv.stream, names[c]);
        for (int s = 0; s < count; s++) {
            double *of_class = &percent[(size_t)s * n + c];
            *of_class = 100 * runs_mean_recall(series[s].runs, c);
            fprintf(csv.stream, ",%.6f", *of_class / 100);
        }
        fputc('\n', csv.stream);
    }
    FORWARD(file_commit(&csv));
    const BarChart chart = {.title = title,
                            .category_label = "class",
                            .y = {.label = "recall, %", .low = 0, .high = 100},
                            .category_count = (int)n,
                            .categories = names,
                            .series_count = count,
                            .series = bars,
                            .numbers = (int)n * count <= 12,
                            .decimals = 1};
    return book_draw(book, name, 460, 200, draw_bars, &chart);
}

/* ---- Two curves with intervals ---- */

cf_status curves_add(TwoCurves *c, const char *key, double x, const json_t *point, FILE *csv) {
    const size_t i = c->count++;
    FAIL_IF(i == CURVE_POINTS, CF_BAD_USE, "at most %d points of a curve expected", CURVE_POINTS);
    c->x[i] = x;
    for (int w = 0; w < 2; w++) {
        MeanInterval m;
        FORWARD(runs_interval(json_object_get(point, c->ways[w]), c->path, &m));
        c->mean[w][i] = m.mean, c->low[w][i] = m.low, c->high[w][i] = m.high;
        fprintf(csv, "%s%s%.9g,%s,%zu,%.9g,%.9g,%.9g\n", key, *key ? "," : "", x, c->ways[w], m.count, m.mean, m.low,
                m.high);
    }
    return CF_OK;
}

cf_status curves_draw(const FigureBook *book, const char *name, const TwoCurves *c) {
    const LineSeries series[] = {{c->names[0], c->x, c->mean[0], c->count, 1, 3},
                                 {c->names[1], c->x, c->mean[1], c->count, 0, 0}};
    const LineInterval intervals[] = {{c->low[0], c->high[0]}, {c->low[1], c->high[1]}};
    const LineChart chart = {.title = c->title,
                             .x = {.label = c->x_label, .kind = AXIS_LOG},
                             .y = {.label = c->y_label, .percent = true},
                             .series_count = 2,
                             .series = series,
                             .intervals = intervals};
    return book_lines(book, name, 460, 250, &chart);
}

/* ---- From another set ---- */

cf_status figure_transfer(const FigureBook *book, const char *name, const char *title, const char *other, json_t *sizes,
                          int classes) {
    char from[96];
    TwoCurves c = {.title = title,
                   .x_label = "training images per class",
                   .y_label = "test accuracy, %",
                   .names = {"from nothing", from},
                   .ways = {"new", "from"},
                   .path = "accuracy"};
    AUTO(file_abandon) FileDraft csv = {0};
    const char *key;
    json_t *ways;
    snprintf(from, sizeof from, "from %s", other);
    FORWARD(book_table(book, name, "size,images_per_class,way,runs,accuracy,low,high", &csv));
    json_object_foreach(sizes, key, ways) {
        const double images = runs_mean(json_object_get(ways, "new"), "images");
        FORWARD(curves_add(&c, key, images / classes, ways, csv.stream));
    }
    FORWARD(file_commit(&csv));
    return curves_draw(book, name, &c);
}

static cf_status draw_side_by_side(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const ScatterPlot *plots = content;
    for (int half = 0; half < 2; half++)
        FORWARD(scatter_plot_draw(canvas, theme, box_of_grid(box, 1, 2, 14, 0, half), &plots[half]));
    return CF_OK;
}

cf_status figure_before_after(const FigureBook *book, const char *other, const cf_subset *images,
                              const float *const places[2]) {
    static const char *const when[] = {"before", "after"};
    const cf_set *set = images->set;
    AUTO_FREE unsigned char *labels = NULL;
    AUTO(file_abandon) FileDraft csv = {0};
    char before[120];
    ScatterPlot plots[2];
    FORWARD(memory_new(images->count, 1, &labels));
    FORWARD(book_table(book, "umap", "when,x,y,label,image", &csv));
    snprintf(before, sizeof before, "Before: the network of %s", other);
    for (int half = 0; half < 2; half++) {
        for (size_t i = 0; i < images->count; i++) {
            const uint32_t image = images->images[i];
            const float *place = places[half] + 2 * i;
            labels[i] = (unsigned char)(set->labels[image] % 256);
            csv_print(csv.stream, "%s,%.9g,%.9g,%s,%u\n", when[half], (double)place[0], (double)place[1],
                      set->class_names[set->labels[image]], (unsigned)image);
        }
        plots[half] = (ScatterPlot){.title = half ? "Fine-tuned" : before,
                                    .count = images->count,
                                    .points = places[half],
                                    .labels = labels,
                                    .classes = set->classes <= SCATTER_CLASSES ? set->classes : 0,
                                    .class_names = (const char *const *)set->class_names,
                                    .names_inside = true};
    }
    FORWARD(file_commit(&csv));
    return book_draw(book, "umap", 504, 290, draw_side_by_side, plots);
}

/* ---- Networks side by side ---- */

cf_status figure_attention(const FigureBook *book, const char *name, const char *title, json_t *models) {
    static const char *const headings[] = {"network", "test, %"};
    AUTO(dot_rows_free) DotRows rows = {0};
    AUTO(file_abandon) FileDraft csv = {0};
    const char *key;
    json_t *runs;
    int i = 0;
    FORWARD(dot_rows_new(json_object_size(models), COUNT_OF(headings), 1, &rows));
    FORWARD(book_table(book, name, "network,runs,accuracy,low,high", &csv));
    json_object_foreach(models, key, runs) {
        MeanInterval m;
        FORWARD(runs_interval(runs, "accuracy", &m));
        fprintf(csv.stream, "%s,%zu,%.9g,%.9g,%.9g\n", key, m.count, m.mean, m.low, m.high);
        dot_rows_point(&rows, i, 0, m.mean, m.low, m.high);
        dot_rows_cell(&rows, i, 0, "%s", key);
        dot_rows_cell(&rows, i++, 1, "%.2f", 100 * m.mean);
    }
    FORWARD(file_commit(&csv));
    const DotPanel panel = dot_rows_panel(&rows, 0, (Axis){.label = "test accuracy, %", .percent = true}, 1e6);
    const DotChart chart = dot_rows_chart(&rows, title, headings, 1, &panel);
    return book_dots(book, name, 460, dot_chart_height(&chart) + 20, &chart);
}
