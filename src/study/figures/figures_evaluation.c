/* What the network makes of images that it was not trained on. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

/* ---- Confusion ---- */

/* A count, or its share; a class without images has no shares. */
static void write_cell(FILE *out, size_t count, size_t support, bool shares) {
    if (!shares)
        fprintf(out, ",%zu", count);
    else if (support)
        fprintf(out, ",%.6f", (double)count / (double)support);
    else
        fputc(',', out);
}

/* The cells that are not 0, for a table of so many columns helps nobody. */
static cf_status write_cells(const FigureBook *book, const char *name, const Metrics *m, bool shares) {
    FileDraft csv;
    FORWARD(book_table(book, name, shares ? "true,predicted,share_of_true" : "true,predicted,images", &csv));
    for (size_t i = 0; i < m->cell_count; i++) {
        const ConfusionCell *cell = &m->cells[i];
        csv_print(csv.stream, "%s,%s", m->class_names[cell->truth], m->class_names[cell->predicted]);
        write_cell(csv.stream, cell->count, m->per_class[cell->truth].support, shares);
        fputc('\n', csv.stream);
    }
    return file_commit(&csv);
}

static cf_status write_confusion(const FigureBook *book, const char *name, const Metrics *m, bool shares) {
    FileDraft csv;
    if (m->classes > WIDE_CLASSES) return write_cells(book, name, m, shares);
    FORWARD(book_csv(book, name, &csv));
    fputs("true", csv.stream);
    for (int c = 0; c < m->classes; c++) csv_print(csv.stream, ",%s", m->class_names[c]);
    for (int r = 0; r < m->classes; r++) {
        csv_print(csv.stream, "\n%s", m->class_names[r]);
        for (int c = 0; c < m->classes; c++)
            write_cell(csv.stream, confusion_at(m->cells, m->cell_count, r, c), m->per_class[r].support, shares);
    }
    fputc('\n', csv.stream);
    return file_commit(&csv);
}

typedef struct ShownClasses {
    int count, classes[MANY_CLASSES];
    const char *names[MANY_CLASSES];
} ShownClasses;

/* The diagonal of a good network drowns everything else: colours go with the square root of a row's share. */
static void fill_cells(const Metrics *m, const ShownClasses *shown, bool shares, double *values, double *shades) {
    for (int r = 0; r < shown->count; r++)
        for (int c = 0; c < shown->count; c++) {
            const int at = r * shown->count + c, truth = shown->classes[r];
            const double count = (double)confusion_at(m->cells, m->cell_count, truth, shown->classes[c]),
                         support = (double)m->per_class[truth].support;
            const double share = support > 0 ? count / support : NAN;
            shades[at] = support > 0 ? sqrt(share) : 0;
            values[at] = shares ? 100 * share : count;
        }
}

static cf_status draw_one_confusion(const FigureBook *book, const char *name, const Metrics *m,
                                    const ShownClasses *shown, bool shares) {
    double cells[MANY_CLASSES * MANY_CLASSES], shades[MANY_CLASSES * MANY_CLASSES];
    AUTO_FREE char *title = NULL;
    char some[80] = "";
    FORWARD(write_confusion(book, name, m, shares));
    if (!shown->count) {
        notice("%s: no class is mistaken for another, and %d are too many to be drawn, so there is no figure %s",
               book->subject, m->classes, name);
        return CF_OK;
    }
    fill_cells(m, shown, shares, cells, shades);
    if (shown->count < m->classes)
        snprintf(some, sizeof some, "; the %d most confused of %d classes", shown->count, m->classes);
    FORWARD(memory_print(&title, "%s: %s%s", book->subject, shares ? "% of each true class" : "number of images", some));
    const HeatMap map = {.title = title,
                         .row_label = "true class",
                         .column_label = "predicted class",
                         .rows = shown->count,
                         .columns = shown->count,
                         .row_names = shown->names,
                         .column_names = shown->names,
                         .values = cells,
                         .shades = shades,
                         .decimals = shares ? 1 : 0};
    /* Cells of about 26 points, fewer where there are many classes. */
    const double width = fmax(220, fmin(640, 60 + 26 * shown->count));
    return book_heat(book, name, width, heat_map_height(&map, width - 20) + 20, &map);
}

cf_status figure_confusion(const FigureBook *book, const Metrics *m) {
    ShownClasses shown;
    FORWARD(confused_classes(m, shown.classes, &shown.count));
    for (int k = 0; k < shown.count; k++) shown.names[k] = m->class_names[shown.classes[k]];
    FORWARD(draw_one_confusion(book, "confusion", m, &shown, false));
    return draw_one_confusion(book, "confusion-normalized", m, &shown, true);
}

/* ---- Confused pairs ---- */

enum { PAIR_NAME = 100 };

/* "4 → 9"; of long names the beginnings of both, as wide together as a bar's name may be. */
static void name_pair(const char *truth, const char *predicted, char name[PAIR_NAME]) {
    const double room = 62 - text_width(" \xe2\x86\x92 ", chart_label);
    const double truth_width = text_width(truth, chart_label), predicted_width = text_width(predicted, chart_label);
    char first[512], second[512];
    snprintf(name, PAIR_NAME, "%.40s \xe2\x86\x92 %.40s",
             text_fit(truth, chart_label, fmax(room / 2, room - predicted_width), first),
             text_fit(predicted, chart_label, fmax(room / 2, room - truth_width), second));
}

static cf_status draw_pairs(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return bar_chart_draw(canvas, theme, box, content);
}

cf_status figure_confused_pairs(const FigureBook *book, const Analysis *a) {
    char texts[CONFUSED_PAIRS][PAIR_NAME], title[256];
    const char *names[CONFUSED_PAIRS];
    double counts[CONFUSED_PAIRS];
    int colours[CONFUSED_PAIRS];
    FileDraft csv;
    FORWARD(book_table(book, "confused-pairs", "true,predicted,images,share_of_true", &csv));
    for (size_t i = 0; i < a->pair_count; i++) {
        const ConfusedPair *pair = &a->pairs[i];
        const char *truth = a->class_names[pair->truth], *predicted = a->class_names[pair->predicted];
        csv_print(csv.stream, "%s,%s,%zu,%.6f\n", truth, predicted, pair->count, pair->share);
        name_pair(truth, predicted, texts[i]);
        names[i] = texts[i];
        counts[i] = (double)pair->count;
        colours[i] = pair->truth;
    }
    FORWARD(file_commit(&csv));
    if (!a->pair_count) return CF_OK; /* figure_misclassified says so */
    snprintf(title, sizeof title, "%s: most confused pairs", book->subject);
    const BarChart chart = {.title = title,
                            .category_label = "true \xe2\x86\x92 predicted class, coloured as the true one",
                            .y = {.label = "images", .whole = true},
                            .category_count = (int)a->pair_count,
                            .categories = names,
                            .series_count = 1,
                            .series = &(BarSeries){.values = counts},
                            .colours = colours,
                            .numbers = true};
    return book_draw(book, "confused-pairs", 420, 200, draw_pairs, &chart);
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
    FORWARD(book_table(book, "probabilities", "panel,image,true,class,probability", &csv));
    for (int i = 0; i < count; i++)
        for (int c = 0; c < m->classes; c++) {
            const Example *x = &examples[chosen[i]];
            csv_print(csv.stream, "%d,%u,%s,%s,%.6g\n", i + 1, e->images[x->at], m->class_names[x->truth], m->class_names[c],
                      (double)e->probabilities[x->at * (size_t)m->classes + (size_t)c]);
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
    AUTO_FREE Example *examples = NULL;
    size_t count, chosen[PANELS];
    FORWARD(list_examples(e, true, &examples, &count));
    const int panels = count ? choose_panels(examples, count, chosen) : 0;
    FORWARD(write_panels(book, e, examples, chosen, panels));
    if (panels) return draw_probabilities(book, set, e, examples, chosen, panels);
    notice("%s: no image is classified right, so there is no figure of probabilities", book->subject);
    return CF_OK;
}
