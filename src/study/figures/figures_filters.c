/* What the first convolution looks for. */
#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/numbers.h"

#include <math.h>

enum { COLUMNS = 8, MOST_FILTERS = 64 };

typedef struct Filters {
    const Layer *layer;
    const float *weights; /* [K][C][R][S] */
    int K, C, R, S;
} Filters;

static bool find_filters(const cf_model *model, Filters *filters) {
    for (int i = 0; i < model->layers.count; i++) {
        const Layer *layer = &model->layers.layers[i];
        if (!layer_is_conv(layer)) continue;
        *filters = (Filters){
            layer, parameters_find(&model->parameters, i, "weight"), layer->out.C, layer->in.C / layer->groups, layer->R, layer->S};
        return true;
    }
    return false;
}

static float weight_at(const Filters *f, int k, int c, int r, int s) {
    return f->weights[((k * f->C + c) * f->R + r) * f->S + s];
}

static cf_status write_filters(const FigureBook *book, const Filters *f) {
    FileDraft csv;
    FORWARD(book_table(book, "filters", "filter,channel,row,column,weight", &csv));
    for (int k = 0; k < f->K; k++)
        for (int c = 0; c < f->C; c++)
            for (int r = 0; r < f->R; r++)
                for (int s = 0; s < f->S; s++)
                    fprintf(csv.stream, "%d,%d,%d,%d,%.9g\n", k + 1, c + 1, r + 1, s + 1,
                            (double)weight_at(f, k, c, r, s));
    return file_commit(&csv);
}

/* Bytes [K][R][S][C], 127.5 for a weight of 0 and 0 or 255 for the largest of all. */
static void fill_pixels(const Filters *f, double largest, unsigned char *pixels) {
    for (int k = 0; k < f->K; k++)
        for (int r = 0; r < f->R; r++)
            for (int s = 0; s < f->S; s++)
                for (int c = 0; c < f->C; c++) {
                    const double share = largest > 0 ? (double)weight_at(f, k, c, r, s) / largest : 0;
                    *pixels++ = (unsigned char)lround(127.5 + 127.49 * share);
                }
}

static cf_status draw_filters(const FigureBook *book, const Filters *f, const unsigned char *pixels, double largest) {
    const int shown = f->K < MOST_FILTERS ? f->K : MOST_FILTERS;
    const size_t size = (size_t)f->R * (size_t)f->S * (size_t)f->C;
    CanvasImage images[MOST_FILTERS] = {0};
    char note[160], most[40] = "";
    for (int k = 0; k < shown; k++) images[k] = (CanvasImage){pixels + (size_t)k * size, f->C, f->R, f->S};
    if (shown < f->K) snprintf(most, sizeof most, "the first %d of ", shown);
    snprintf(note, sizeof note, "%s: %s%d filters %d x %d%s; black %.2g, grey 0, white %.2g", f->layer->name, most,
             f->K, f->R, f->S, f->C == 3 ? ", RGB" : "", -largest, largest);
    const GridGroup group = {.columns = COLUMNS, .images = images, .blank = true};
    const ImageGrid grid = {
        .note = note, .rows = (shown + COLUMNS - 1) / COLUMNS, .side = 42, .group_count = 1, .groups = &group};
    return book_grid(book, "filters", &grid);
}

cf_status figure_filters(const FigureBook *book, const cf_model *model) {
    Filters f;
    AUTO_FREE unsigned char *pixels = NULL;
    if (!find_filters(model, &f)) {
        notice("the model has no convolution, so there is no figure of filters");
        return CF_OK;
    }
    const size_t count = (size_t)f.K * (size_t)f.C * (size_t)f.R * (size_t)f.S;
    FORWARD(write_filters(book, &f));
    if (f.C != 1 && f.C != 3) {
        notice("%s has %d input channels, so its filters are no pictures: no figure of them", f.layer->name, f.C);
        return CF_OK;
    }
    const double largest = largest_magnitude(f.weights, count);
    FORWARD(memory_new(count, 1, &pixels));
    fill_pixels(&f, largest, pixels);
    return draw_filters(book, &f, pixels, largest);
}
