/* What adaptation has done: images of both sets in one plane, before and after; and which of the target's images are another class now.
 * No label of the target is looked at: its classes are those predicted. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/text.h"
#include "embed/umap.h"
#include "nn/features.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_OF_A_SET = 1000, LEAST_POINTS = 20, SIDES = 2 };

/* Of a network: where the images of both sets lie, the source's first, and the classes that it gives to the target's. */
typedef struct Side {
    float *plane;   /* [points][2] */
    int *predicted; /* [target's images] */
} Side;

typedef struct Domains {
    cf_subset source, target,
        all; /* some of the source's test images, of the target's; all of the target's without labels */
    int classes;
    const char *const *class_names;
    unsigned char *set_of, *colour; /* [points]: 0 source, 1 target; of the classes, while one side is drawn */
    int *class_of[SIDES];           /* [points]: known of the source, predicted of the target */
    cf_model *before;
    int first; /* 0: there is a network from before; 1: none */
    Side sides[SIDES];
} Domains;

static void domains_free(Domains *d) {
    for (int s = 0; s < SIDES; s++) {
        free(d->sides[s].plane);
        free(d->sides[s].predicted);
        free(d->class_of[s]);
    }
    cf_model_free(d->before);
    free(d->set_of);
    free(d->colour);
    free(d->source.images);
    free(d->target.images);
    free(d->all.images);
}

static size_t points(const Domains *d) {
    return d->source.count + d->target.count;
}

static cf_status choose_images(const Run *run, Domains *d) {
    const cf_subset *train = cf_split_part(run->target, CF_TRAIN), *rest = cf_split_part(run->target, CF_VALIDATION);
    FORWARD(subset_thin(cf_split_part(run->split, CF_TEST), MOST_OF_A_SET, &d->source));
    FORWARD(subset_thin(train, MOST_OF_A_SET, &d->target));
    d->all = *train;
    d->all.count = train->count + rest->count;
    FORWARD(memory_new(d->all.count, sizeof *d->all.images, &d->all.images));
    memcpy(d->all.images, train->images, train->count * sizeof *train->images);
    memcpy(d->all.images + train->count, rest->images, rest->count * sizeof *rest->images);
    return CF_OK;
}

static cf_status embed_images(const Run *run, const cf_model *model, const Domains *d, float **plane) {
    const ClassifyOptions options = {.engine = run->engine, .threads = run->threads};
    UmapOptions umap_options = umap_options_defaults();
    Umap *umap;
    AUTO_FREE float *values = NULL;
    int layer;
    FORWARD(features_layer(model, NULL, &layer));
    const size_t size = features_size(model, layer), n = points(d);
    umap_options.seed = run->config.train.seed;
    umap_options.threads = run->threads;
    FORWARD(memory_new(n * size, sizeof *values, &values));
    FORWARD(features_compute(model, layer, &d->source, &options, values));
    FORWARD(features_compute(model, layer, &d->target, &options, values + d->source.count * size));
    const Points rows = {values, n, (int)size};
    FORWARD(points_check(&rows, "the features"));
    FORWARD(umap_fit(&rows, &umap_options, &umap));
    const cf_status status = memory_new(2 * n, sizeof **plane, plane);
    if (!status) memcpy(*plane, umap->embedding, 2 * n * sizeof **plane);
    umap_free(umap);
    return status;
}

static cf_status predict_all(const Run *run, const cf_model *model, const cf_subset *images, int **predicted) {
    const ClassifyOptions options = {.engine = run->engine, .threads = run->threads};
    StepResult unused;
    AUTO_FREE float *p = NULL;
    FORWARD(memory_new(images->count * (size_t)model->classes, sizeof *p, &p));
    FORWARD(classify(model, images, &options, p, &unused));
    FORWARD(memory_new(images->count, sizeof **predicted, predicted));
    for (size_t i = 0; i < images->count; i++) (*predicted)[i] = first_largest(p + i * (size_t)model->classes, model->classes);
    return CF_OK;
}

/* The source's classes are known, the target's predicted. */
static cf_status colour_points(const Run *run, const cf_model *model, Domains *d, int side) {
    AUTO_FREE int *predicted = NULL, *class_of = NULL;
    FORWARD(memory_new(points(d), sizeof(int), &d->class_of[side]));
    FORWARD(predict_all(run, model, &d->target, &predicted));
    FORWARD(classes_match(run->set, d->class_names, d->classes, &class_of));
    for (size_t i = 0; i < d->source.count; i++) {
        const int class = class_of[run->set->labels[d->source.images[i]]];
        d->class_of[side][i] = class < 0 ? 0 : class;
    }
    for (size_t i = 0; i < d->target.count; i++) d->class_of[side][d->source.count + i] = predicted[i];
    return CF_OK;
}

static cf_status add_side(const Run *run, const cf_model *model, Domains *d, int side) {
    FORWARD(embed_images(run, model, d, &d->sides[side].plane));
    FORWARD(colour_points(run, model, d, side));
    return predict_all(run, model, &d->all, &d->sides[side].predicted);
}

/* ---- Drawing ---- */

static cf_status draw_domains(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    static const char *const sets[] = {"source", "target"}, *const titles[] = {"Before", "After"};
    const Domains *d = content;
    const int rows = SIDES - d->first;
    for (int side = d->first; side < SIDES; side++) {
        ScatterPlot plot = {.title = titles[side],
                            .count = points(d),
                            .points = d->sides[side].plane,
                            .labels = d->set_of,
                            .classes = 2,
                            .class_names = sets};
        FORWARD(scatter_plot_draw(canvas, theme, box_of_grid(box, rows, 2, 14, side - d->first, 0), &plot));
        plot.title = "Source by class, target as predicted";
        for (size_t i = 0; i < points(d); i++) d->colour[i] = (unsigned char)(d->class_of[side][i] % 256);
        plot.labels = d->colour;
        plot.classes = d->classes <= SCATTER_CLASSES ? d->classes : 0;
        plot.class_names = d->class_names;
        plot.names_inside = true;
        FORWARD(scatter_plot_draw(canvas, theme, box_of_grid(box, rows, 2, 14, side - d->first, 1), &plot));
    }
    return CF_OK;
}

static cf_status write_domains(const FigureBook *book, const Domains *d) {
    FileDraft csv;
    FORWARD(book_table(book, "domains", "when,set,x,y,class,image", &csv));
    for (int side = d->first; side < SIDES; side++)
        for (size_t i = 0; i < points(d); i++) {
            const float *xy = d->sides[side].plane + 2 * i;
            const bool target = i >= d->source.count;
            csv_print(csv.stream, "%s,%s,%.9g,%.9g,%s,%u\n", side ? "after" : "before", target ? "target" : "source",
                      (double)xy[0], (double)xy[1], d->class_names[d->class_of[side][i]],
                      target ? d->target.images[i - d->source.count] : d->source.images[i]);
        }
    return file_commit(&csv);
}

static cf_status figure_moved(const FigureBook *book, const Domains *d) {
    AUTO_FREE double *counts = NULL;
    FileDraft csv;
    FORWARD(memory_new((size_t)d->classes * (size_t)d->classes, sizeof *counts, &counts));
    for (size_t i = 0; i < d->all.count; i++)
        counts[d->sides[0].predicted[i] * d->classes + d->sides[1].predicted[i]]++;
    const HeatMap map = {.title = "The target's images by predicted class",
                         .row_label = "Before",
                         .column_label = "After",
                         .rows = d->classes,
                         .columns = d->classes,
                         .row_names = d->class_names,
                         .column_names = d->class_names,
                         .values = counts};
    const bool drawn = d->classes <= MANY_CLASSES;
    if (!drawn) FORWARD(book_leave_out(book, "moved", "there are too many classes for cells; moved.csv has them"));
    FORWARD(book_table(book, "moved", "before,after,images", &csv));
    for (int i = 0; i < d->classes * d->classes; i++)
        csv_print(csv.stream, "%s,%s,%.0f\n", d->class_names[i / d->classes], d->class_names[i % d->classes], counts[i]);
    FORWARD(file_commit(&csv));
    return drawn ? book_heat(book, "moved", 400, heat_map_height(&map, 400), &map) : CF_OK;
}

static cf_status draw_all(const FigureBook *book, Domains *d) {
    FORWARD(memory_new(points(d), 1, &d->set_of));
    FORWARD(memory_new(points(d), 1, &d->colour));
    memset(d->set_of + d->source.count, 1, d->target.count);
    FORWARD(write_domains(book, d));
    FORWARD(book_draw(book, "domains", 504, d->first ? 290 : 560, draw_domains, d));
    if (!d->first) return figure_moved(book, d);
    return book_leave_out(book, "moved",
                          "there is no network from before the adaptation to compare with (--from, cifra adapt)");
}

cf_status figure_target(const FigureBook *book, const Run *run) {
    AUTO(domains_free)
    Domains d = {.classes = run->model->classes, .class_names = (const char *const *)run->model->class_names, .first = 1};
    FORWARD(choose_images(run, &d));
    if (points(&d) < LEAST_POINTS) return book_leave_out(book, "domains", "there are too few images");
    if (run->config.from && !model_open(run->config.from, &d.before)) d.first = d.before->classes != d.classes;
    if (!d.first) FORWARD(add_side(run, d.before, &d, 0));
    FORWARD(add_side(run, run->model, &d, 1));
    return draw_all(book, &d);
}
