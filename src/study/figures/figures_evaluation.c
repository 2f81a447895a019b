/* What the network makes of images that it was not trained on. */
#include "study/figures/figures_examples.h"

#include "base/memory.h"
#include "draw/chart_bar.h"
#include "draw/chart_heat.h"
#include "draw/chart_probability.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Confusion ---- */

static cf_status draw_confusion(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return heat_map_draw(canvas, theme, box, content);
}

static cf_status write_confusion(const FigureBook *book, const char *name, const Metrics *m, bool shares) {
    FileDraft csv;
    FORWARD(book_csv(book, name, &csv));
    fputs("true", csv.stream);
    for (int c = 0; c < m->classes; c++) {
        fputc(',', csv.stream);
        csv_text(csv.stream, m->class_names[c]);
    }
    for (int r = 0; r < m->classes; r++) {
        fputc('\n', csv.stream);
        csv_text(csv.stream, m->class_names[r]);
        for (int c = 0; c < m->classes; c++) {
            const size_t count = m->confusion[r * m->classes + c], support = m->per_class[r].support;
            if (!shares)
                fprintf(csv.stream, ",%zu", count);
            else if (support)
                fprintf(csv.stream, ",%.6f", (double)count / (double)support);
            else
                fputc(',', csv.stream);
        }
    }
    fputc('\n', csv.stream);
    return file_commit(&csv);
}

/* The diagonal of a good network drowns everything else: colours go with the square root of a row's share. A class
 * without images has no shares. */
static void fill(const Metrics *m, bool shares, double *values, double *shades) {
    for (int r = 0; r < m->classes; r++)
        for (int c = 0; c < m->classes; c++) {
            const int at = r * m->classes + c;
            const double count = (double)m->confusion[at], support = (double)m->per_class[r].support;
            const double share = support > 0 ? count / support : NAN;
            shades[at] = support > 0 ? sqrt(share) : 0;
            values[at] = shares ? 100 * share : count;
        }
}

static cf_status draw_one_confusion(const FigureBook *book, const char *name, const Metrics *m, bool shares,
                                    double *cells) {
    const size_t count = (size_t)m->classes * (size_t)m->classes;
    char *title;
    fill(m, shares, cells, cells + count);
    FORWARD(write_confusion(book, name, m, shares));
    FORWARD(memory_print(&title, "%s: %s", book->subject, shares ? "% of each true class" : "number of images"));
    const HeatMap map = {.title = title,
                         .row_label = "true class",
                         .column_label = "predicted class",
                         .rows = m->classes,
                         .columns = m->classes,
                         .row_names = m->class_names,
                         .column_names = m->class_names,
                         .values = cells,
                         .shades = cells + count,
                         .decimals = shares ? 1 : 0};
    /* Cells of about 26 points, fewer where there are many classes. */
    const double width = fmax(220, fmin(640, 60 + 26 * m->classes));
    cf_status status = book_draw(book, name, width, heat_map_height(&map, width - 20) + 20, draw_confusion, &map);
    free(title);
    return status;
}

cf_status figure_confusion(const FigureBook *book, const Metrics *m) {
    double *cells;
    FORWARD(memory_new(2 * (size_t)m->classes * (size_t)m->classes, sizeof *cells, &cells));
    cf_status status = draw_one_confusion(book, "confusion", m, false, cells);
    if (!status) status = draw_one_confusion(book, "confusion-normalized", m, true, cells);
    free(cells);
    return status;
}

/* ---- Confused pairs ---- */

enum { PAIR_NAME = 100 };

typedef struct PairBars {
    const char *title;
    int count;
    const char *names[CONFUSED_PAIRS];
    double counts[CONFUSED_PAIRS];
    int colours[CONFUSED_PAIRS];
} PairBars;

static cf_status draw_pairs(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const PairBars *bars = content;
    const BarChart chart = {.title = bars->title,
                            .category_label = "true \xe2\x86\x92 predicted class, coloured as the true one",
                            .y = {.label = "images", .whole = true},
                            .category_count = bars->count,
                            .categories = bars->names,
                            .series_count = 1,
                            .series = &(BarSeries){.values = bars->counts},
                            .colours = bars->colours,
                            .numbers = true};
    return bar_chart_draw(canvas, theme, box, &chart);
}

static cf_status write_pairs(const FigureBook *book, const Analysis *a) {
    FileDraft csv;
    FORWARD(book_csv(book, "confused-pairs", &csv));
    fputs("true,predicted,images,share_of_true\n", csv.stream);
    for (size_t i = 0; i < a->pair_count; i++) {
        csv_text(csv.stream, a->class_names[a->pairs[i].truth]);
        fputc(',', csv.stream);
        csv_text(csv.stream, a->class_names[a->pairs[i].predicted]);
        fprintf(csv.stream, ",%zu,%.6f\n", a->pairs[i].count, a->pairs[i].share);
    }
    return file_commit(&csv);
}

/* "4 → 9"; of long names the beginnings of both, as wide together as a bar's name may be. */
static void name_pair(const char *truth, const char *predicted, char name[PAIR_NAME]) {
    const double room = 62 - text_width(" \xe2\x86\x92 ", chart_label);
    const double truth_width = text_width(truth, chart_label), predicted_width = text_width(predicted, chart_label);
    char first[512], second[512];
    snprintf(name, PAIR_NAME, "%.40s \xe2\x86\x92 %.40s",
             text_fit(truth, chart_label, fmax(room / 2, room - predicted_width), first),
             text_fit(predicted, chart_label, fmax(room / 2, room - truth_width), second));
}

cf_status figure_confused_pairs(const FigureBook *book, const Analysis *a) {
    char names[CONFUSED_PAIRS][PAIR_NAME], title[256];
    PairBars bars = {.title = title, .count = (int)a->pair_count};
    FORWARD(write_pairs(book, a));
    if (!a->pair_count) return CF_OK; /* figure_misclassified says so */
    for (int i = 0; i < bars.count; i++) {
        const ConfusedPair *pair = &a->pairs[i];
        name_pair(a->class_names[pair->truth], a->class_names[pair->predicted], names[i]);
        bars.names[i] = names[i];
        bars.counts[i] = (double)pair->count;
        bars.colours[i] = pair->truth;
    }
    snprintf(title, sizeof title, "%s: most confused pairs", book->subject);
    return book_draw(book, "confused-pairs", 420, 200, draw_pairs, &bars);
}

/* ---- Probabilities ---- */

enum { PANELS = 3 };

typedef struct Panels {
    ProbabilityBars bars[PANELS];
    int count;
} Panels;

static cf_status draw_panels(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const Panels *panels = content;
    for (int i = 0; i < panels->count; i++)
        FORWARD(probability_bars_draw(canvas, theme, box_of_grid(box, 1, PANELS, 12, 0, i), &panels->bars[i]));
    return CF_OK;
}

/* From `start` on, forward or back, the first example of a class that is not there yet, or the next one. */
static size_t of_new_class(const Example *examples, size_t count, size_t start, int direction, const size_t *chosen,
                           int chosen_count) {
    for (size_t i = start; i < count; i += (size_t)(ptrdiff_t)direction) {
        bool there = false;
        for (int k = 0; k < chosen_count; k++) there |= examples[chosen[k]].truth == examples[i].truth;
        if (!there) return i;
    }
    return start;
}

static int choose_panels(const Example *examples, size_t count, size_t chosen[PANELS]) {
    const size_t starts[PANELS] = {0, count / 2, count - 1};
    const int directions[PANELS] = {1, 1, -1};
    if (count < PANELS) {
        for (size_t i = 0; i < count; i++) chosen[i] = i;
        return (int)count;
    }
    for (int i = 0; i < PANELS; i++) chosen[i] = of_new_class(examples, count, starts[i], directions[i], chosen, i);
    return PANELS;
}

static cf_status write_panels(const FigureBook *book, const Evaluation *e, const Example *examples,
                              const size_t *chosen, int count) {
    const Metrics *m = &e->metrics;
    FileDraft csv;
    FORWARD(book_csv(book, "probabilities", &csv));
    fputs("panel,image,true,class,probability\n", csv.stream);
    for (int i = 0; i < count; i++)
        for (int c = 0; c < m->classes; c++) {
            const Example *x = &examples[chosen[i]];
            fprintf(csv.stream, "%d,%u,", i + 1, (unsigned)e->images[x->at]);
            csv_text(csv.stream, m->class_names[x->truth]);
            fputc(',', csv.stream);
            csv_text(csv.stream, m->class_names[c]);
            fprintf(csv.stream, ",%.6g\n", (double)e->probabilities[x->at * (size_t)m->classes + (size_t)c]);
        }
    return file_commit(&csv);
}

static cf_status draw_probabilities(const FigureBook *book, const cf_set *set, const Evaluation *e,
                                    const Example *examples, const size_t *chosen, int count) {
    static const char *const abouts[PANELS] = {"right, among the most confident", "right, of median confidence",
                                               "right, among the least confident"};
    char titles[PANELS][128];
    Panels panels = {.count = count};
    for (int i = 0; i < count; i++) {
        const Example *x = &examples[chosen[i]];
        char percent[16];
        percent_text((double)x->confidence, percent);
        snprintf(titles[i], sizeof titles[i], "%s, %s", e->metrics.class_names[x->truth], percent);
        panels.bars[i] = (ProbabilityBars){.title = titles[i],
                                           .about = count == PANELS ? abouts[i] : NULL,
                                           .image = image_of(set, e, x),
                                           .classes = e->metrics.classes,
                                           .class_names = e->metrics.class_names,
                                           .probabilities = e->probabilities + x->at * (size_t)e->metrics.classes,
                                           .predicted = x->predicted,
                                           .truth = x->truth};
    }
    return book_draw(book, "probabilities", 520, 260, draw_panels, &panels);
}

cf_status figure_probabilities(const FigureBook *book, const cf_set *set, const Evaluation *e) {
    Example *examples;
    size_t count, chosen[PANELS];
    FORWARD(list_examples(e, true, &examples, &count));
    const int panels = count ? choose_panels(examples, count, chosen) : 0;
    cf_status status = write_panels(book, e, examples, chosen, panels);
    if (!panels) notice("%s: no image is classified right, so there is no figure of probabilities", book->subject);
    if (!status && panels) status = draw_probabilities(book, set, e, examples, chosen, panels);
    free(examples);
    return status;
}
