/* What the data are: classes and samples of each part. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/text.h"
#include "data/split.h"
#include "eval/metrics.h"

#include <stdlib.h>

enum { PARTS = 3, SAMPLES = 2, MOST_SAMPLED = 20, GROUPS = 20 };
static const char *const part_names[PARTS] = {"train", "validation", "test"};

/* ---- Distribution ---- */

typedef struct Distribution {
    int classes;
    const char **names;    /* [classes] */
    double *counts[PARTS]; /* [classes] */
    double groups[PARTS][GROUPS];
    char group_names[GROUPS][24];
    size_t totals[PARTS];
} Distribution;

static void distribution_free(Distribution *d) {
    free(d->names);
    for (int p = 0; p < PARTS; p++) free(d->counts[p]);
}

static cf_status count_classes(const cf_split *split, Distribution *d) {
    const cf_subset *all = cf_split_part(split, CF_ALL);
    const size_t classes = (size_t)all->classes;
    AUTO_FREE size_t *counts = NULL;
    d->classes = all->classes;
    FORWARD(memory_new(classes, sizeof *d->names, &d->names));
    for (int p = 0; p < PARTS; p++) FORWARD(memory_new(classes, sizeof *d->counts[p], &d->counts[p]));
    FORWARD(memory_new((size_t)all->set->classes, sizeof *counts, &counts));
    for (int p = 0; p < PARTS; p++) {
        const cf_subset *subset = cf_split_part(split, (cf_part)p);
        subset_class_counts(subset, counts);
        d->totals[p] = subset->count;
        for (int c = 0; c < d->classes; c++) d->counts[p][c] = (double)counts[all->class_labels[c]];
    }
    for (int c = 0; c < d->classes; c++) d->names[c] = all->set->class_names[all->class_labels[c]];
    return CF_OK;
}

typedef struct SizedClass {
    double size;
    int class;
} SizedClass;

static int by_size(const void *left, const void *right) {
    const SizedClass *a = left, *b = right;
    return a->size != b->size ? (a->size < b->size) - (a->size > b->size) : a->class - b->class;
}

/* Many classes in groups of about one size, from those with most training images to those with fewest: means. */
static cf_status group_classes(Distribution *d) {
    AUTO_FREE SizedClass *sorted = NULL;
    FORWARD(memory_new((size_t)d->classes, sizeof *sorted, &sorted));
    for (int c = 0; c < d->classes; c++) sorted[c] = (SizedClass){d->counts[0][c], c};
    qsort(sorted, (size_t)d->classes, sizeof *sorted, by_size);
    for (int g = 0; g < GROUPS; g++) {
        const int first = g * d->classes / GROUPS, end = (g + 1) * d->classes / GROUPS;
        snprintf(d->group_names[g], sizeof d->group_names[g], "%d", end);
        for (int p = 0; p < PARTS; p++)
            for (int i = first; i < end; i++) d->groups[p][g] += d->counts[p][sorted[i].class] / (end - first);
    }
    return CF_OK;
}

static cf_status draw_distribution(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    const Distribution *d = content;
    for (int p = 0; p < PARTS; p++) {
        char title[64];
        const bool grouped = d->classes >= MANY_CLASSES;
        snprintf(title, sizeof title, "%s, %zu images", part_names[p], d->totals[p]);
        const char *groups[GROUPS];
        for (int g = 0; g < GROUPS; g++) groups[g] = d->group_names[g];
        const char *label_of_last = grouped ? "classes, from most to fewest training images" : "class";
        const BarChart chart = {.title = title,
                                .category_label = p == PARTS - 1 ? label_of_last : NULL,
                                .y = {.label = grouped ? "images per class" : "images", .whole = !grouped},
                                .category_count = grouped ? GROUPS : d->classes,
                                .categories = grouped ? groups : d->names,
                                .series_count = 1,
                                .series = &(BarSeries){.values = grouped ? d->groups[p] : d->counts[p], .colour = 0},
                                .numbers = true,
                                .decimals = grouped};
        /* The last is higher by what its axis' label takes. */
        const double label = 13, height = (box.height - label) / PARTS;
        const Box panel = {box.x, box.y + p * height, box.width, height - 6 + (p == PARTS - 1 ? label + 6 : 0)};
        FORWARD(bar_chart_draw(canvas, theme, panel, &chart));
    }
    return CF_OK;
}

cf_status figure_distribution(const FigureBook *book, const cf_split *split) {
    AUTO(distribution_free) Distribution d = {0};
    FileDraft csv;
    FORWARD(count_classes(split, &d));
    FORWARD(book_table(book, "distribution", "class,train,validation,test", &csv));
    for (int c = 0; c < d.classes; c++)
        csv_print(csv.stream, "%s,%.0f,%.0f,%.0f\n", d.names[c], d.counts[0][c], d.counts[1][c], d.counts[2][c]);
    FORWARD(file_commit(&csv));
    if (d.classes >= MANY_CLASSES) FORWARD(group_classes(&d));
    return book_draw(book, "distribution", 310, 360, draw_distribution, &d);
}

/* ---- Samples ---- */

/* [PARTS * SAMPLES][columns] */
typedef struct Samples {
    CanvasImage images[PARTS * SAMPLES * MOST_SAMPLED];
    uint32_t indices[PARTS * SAMPLES * MOST_SAMPLED];
    int columns;
} Samples;

static void choose_samples(const cf_split *split, Samples *samples) {
    const cf_subset *all = cf_split_part(split, CF_ALL);
    for (int p = 0; p < PARTS; p++) {
        const cf_subset *subset = cf_split_part(split, (cf_part)p);
        for (int c = 0; c < samples->columns; c++) {
            int found = 0;
            for (size_t i = 0; i < subset->count && found < SAMPLES; i++) {
                if (all->set->labels[subset->images[i]] != all->class_labels[c]) continue;
                const int place = (SAMPLES * p + found++) * samples->columns + c;
                samples->images[place] = picture_of(all->set, subset->images[i]);
                samples->indices[place] = subset->images[i];
            }
        }
    }
}

static cf_status write_samples(const FigureBook *book, const char *const *names, const Samples *samples) {
    FileDraft csv;
    FORWARD(book_table(book, "samples", "split,class,image", &csv));
    for (int i = 0; i < PARTS * SAMPLES * samples->columns; i++)
        if (samples->images[i].pixels)
            csv_print(csv.stream, "%s,%s,%u\n", part_names[i / samples->columns / SAMPLES], names[i % samples->columns],
                      samples->indices[i]);
    return file_commit(&csv);
}

cf_status figure_samples(const FigureBook *book, const cf_split *split) {
    static const char *const labels[PARTS * SAMPLES] = {"train", "", "validation", "", "test", ""};
    const cf_subset *all = cf_split_part(split, CF_ALL);
    const char *names[MOST_SAMPLED];
    char note[80];
    Samples samples = {.columns = all->classes < MOST_SAMPLED ? all->classes : MOST_SAMPLED};
    choose_samples(split, &samples);
    for (int c = 0; c < samples.columns; c++) names[c] = all->set->class_names[all->class_labels[c]];
    FORWARD(write_samples(book, names, &samples));
    snprintf(note, sizeof note, "The first %d of %d classes", samples.columns, all->classes);
    const GridGroup group = {.columns = samples.columns, .column_captions = names, .images = samples.images};
    const ImageGrid grid = {.note = samples.columns < all->classes ? note : NULL,
                            .rows = PARTS * SAMPLES,
                            .block_rows = SAMPLES,
                            .row_labels = labels,
                            .side = 42,
                            .group_count = 1,
                            .groups = &group};
    return book_grid(book, "samples", &grid);
}
