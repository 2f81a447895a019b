/* The network's first convolution with what follows it (nn/engine.h says how): lays a slice's images out in planes and closes
 * the sums that its kernels form. */
#include "nn/cpu/cpu.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct Stem {
    StemShape shape;
    const Kernels *kernels;
    const StemKernels *stem_kernels;
    char *planes;        /* [threads] of elements */
    float *float_planes; /* the same of floats; of what planes are where those are floats */
    float *columns;      /* [threads][stem_columns] */
    void *packed;        /* the weights in forward's order */
    void *rounded;       /* [K][taps] as elements, and what these are worth */
    float *values;
    double *weights;        /* [taps][lanes]: as rounded */
    double *sums;           /* [sums_size], of all slices */
    double count;           /* n */
    double *patch, *spread; /* S [taps] and M w [taps][lanes] */
};

static size_t planes_size(const Stem *stem) {
    return (size_t)stem->shape.w.N * stem->shape.image + stem->shape.slack;
}

static bool stem_fits(const Window *w, const Block *b) {
    int edge_h = w->R - 1 - w->pad_h, edge_w = w->S - 1 - w->pad_w;
    return w->stride == 1 && w->groups == 1 && w->dilation == 1 && w->P == w->H + 2 * w->pad_h - w->R + 1 &&
           w->Q == w->W + 2 * w->pad_w - w->S + 1 && w->C * w->R * w->S <= STEM_TAPS && w->R <= STEM_SIDE &&
           w->S <= STEM_SIDE && edge_h >= 0 && edge_w >= 0 && w->H > 2 * edge_h && w->W > 2 * edge_w && b->R == b->S &&
           (b->R == 1 || b->R == 2) && (b->act.kind == ACT_NONE || b->act.kind == ACT_RELU);
}

static void describe(Stem *stem, const Window *w, const Block *b) {
    size_t lanes = STEM_LANES, width = ((size_t)w->W + lanes - 1) / lanes * lanes;
    StemShape *s = &stem->shape;
    *s = (StemShape){.w = *w, .pool = b->R, .row = STEM_MARGIN + width, .slack = 4 * STEM_MARGIN};
    s->lanes = (int)(((size_t)w->K + lanes - 1) / lanes * lanes);
    s->plane = (size_t)(w->H + 2 * w->pad_h) * s->row;
    s->image = (size_t)w->C * s->plane;
    s->lines = w->C * w->R;
    s->taps = s->lines * w->S;
    s->terms = (w->S + stem->stem_kernels->per_term - 1) / stem->stem_kernels->per_term;
    for (int l = 0; l < s->lines; l++)
        s->line[l] = STEM_MARGIN - (size_t)w->pad_w + (size_t)(l / w->R) * s->plane + (size_t)(l % w->R) * s->row;
}

static size_t stem_sums_size(const Stem *stem) {
    size_t rows = (size_t)stem->shape.taps + 1, lanes = (size_t)stem->shape.lanes;
    return rows * (rows > lanes ? rows : lanes);
}

static void stem_free(Stem *stem) {
    if (!stem) return;
    if ((void *)stem->float_planes != stem->planes) free(stem->float_planes);
    void *const all[] = {stem->planes,  stem->columns, stem->packed, stem->rounded, stem->values,
                         stem->weights, stem->sums,    stem->patch,  stem->spread};
    for (size_t i = 0; i < COUNT_OF(all); i++) free(all[i]);
    free(stem);
}

AUTO_HANDLE(Stem, stem_free)

static cf_status make_memory(Stem *stem, size_t threads) {
    const StemShape *s = &stem->shape;
    size_t taps = (size_t)s->taps, lanes = (size_t)s->lanes, element = stem->kernels->element;
    FORWARD(memory_new(threads * planes_size(stem), element, &stem->planes));
    if (element == sizeof(float))
        stem->float_planes = (float *)(void *)stem->planes;
    else
        FORWARD(memory_new(threads * planes_size(stem), sizeof(float), &stem->float_planes));
    FORWARD(memory_new(threads * stem_columns(s), sizeof(float), &stem->columns));
    FORWARD(memory_new((size_t)(s->lines * s->terms * stem->stem_kernels->per_term) * lanes, element, &stem->packed));
    FORWARD(memory_new(taps * lanes, element, &stem->rounded));
    FORWARD(memory_new(taps * lanes, sizeof(float), &stem->values));
    FORWARD(memory_new(taps * lanes, sizeof(double), &stem->weights));
    FORWARD(memory_new(stem_sums_size(stem), sizeof(double), &stem->sums));
    FORWARD(memory_new(taps, sizeof(double), &stem->patch));
    return memory_new(taps * lanes, sizeof(double), &stem->spread);
}

static cf_status stem_new(const Kernels *kernels, const Window *w, const Block *b, int threads, Stem **stem) {
    AUTO(stem_free_at) Stem *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->kernels = kernels;
    made->stem_kernels = cpu_kernel_set(kernels)->stem;
    describe(made, w, b);
    FORWARD(make_memory(made, (size_t)threads));
    *stem = memory_take(&made);
    return CF_OK;
}

/* ---- Weights ---- */

static void stem_pack(Stem *stem, const float *weights) {
    const StemShape *s = &stem->shape;
    size_t count = (size_t)(s->w.K * s->taps), element = stem->kernels->element;
    int per_term = stem->stem_kernels->per_term;
    stem->kernels->from_float(weights, count, stem->rounded);
    stem->kernels->to_float(stem->rounded, count, stem->values);
    for (int tap = 0; tap < s->taps; tap++) {
        int column = tap % s->w.S, term = tap / s->w.S * s->terms + column / per_term;
        for (int k = 0; k < s->w.K; k++) {
            size_t from = (size_t)(k * s->taps + tap),
                   to = (size_t)((term * s->lanes + k) * per_term + column % per_term);
            memcpy((char *)stem->packed + to * element, (char *)stem->rounded + from * element, element);
            stem->weights[tap * s->lanes + k] = (double)stem->values[from];
        }
    }
}

/* ---- Slices ---- */

static char *planes_of(const Stem *stem, int thread, int N, const void *x) {
    char *planes = stem->planes + (size_t)thread * planes_size(stem) * stem->kernels->element;
    stem->stem_kernels->planes(&stem->shape, N, x, planes);
    return planes;
}

static void stem_patches(Stem *stem, int thread, int N, const void *x, double *sums) {
    float *planes = stem->float_planes + (size_t)thread * planes_size(stem);
    stem->stem_kernels->float_planes(&stem->shape, N, x, planes);
    stem->stem_kernels->patches(&stem->shape, N, planes, stem->columns + (size_t)thread * stem_columns(&stem->shape),
                                sums);
}

static void stem_forward(Stem *stem, int thread, const Block *b, const void *x, void *y, uint8_t *place) {
    const char *planes = planes_of(stem, thread, stem->shape.w.N, x);
    stem->stem_kernels->forward(&stem->shape, b, stem->shape.w.N, planes, stem->packed, y, place);
}

static void stem_backward(Stem *stem, int thread, const Block *b, int N, const void *x, const void *y, const void *dy,
                          const uint8_t *place, double *sums) {
    const char *planes = planes_of(stem, thread, N, x);
    stem->stem_kernels->backward(&stem->shape, b, N, planes, y, dy, place, sums);
}

/* ---- Sums over the batch ---- */

static void add_slices(Stem *stem, const double *sums, int slices) {
    size_t size = stem_sums_size(stem);
    memset(stem->sums, 0, size * sizeof *stem->sums);
    for (int i = 0; i < slices; i++)
        for (size_t j = 0; j < size; j++) stem->sums[j] += sums[(size_t)i * size + j];
}

/* M of engine.h, times `count`, at (t, u). */
static double spread_of(const Stem *stem, int t, int u, double count) {
    int low = t < u ? t : u, high = t < u ? u : t;
    return stem->sums[low * (stem->shape.taps + 1) + high] - stem->patch[t] * stem->patch[u] / count;
}

static void stem_moments(Stem *stem, const double *sums, int slices, double count, double *mean, double *variance) {
    const StemShape *s = &stem->shape;
    int taps = s->taps, lanes = s->lanes;
    add_slices(stem, sums, slices);
    stem->count = count;
    for (int t = 0; t < taps; t++) stem->patch[t] = stem->sums[t * (taps + 1) + taps];
    memset(stem->spread, 0, (size_t)taps * (size_t)lanes * sizeof *stem->spread);
    for (int t = 0; t < taps; t++)
        for (int u = 0; u < taps; u++) {
            double m = spread_of(stem, t, u, count);
            for (int k = 0; k < lanes; k++) stem->spread[t * lanes + k] += m * stem->weights[u * lanes + k];
        }
    for (int k = 0; k < s->w.K; k++) {
        double sum = 0, square = 0;
        for (int t = 0; t < taps; t++) {
            sum += stem->weights[t * lanes + k] * stem->patch[t];
            square += stem->weights[t * lanes + k] * stem->spread[t * lanes + k];
        }
        mean[k] = sum / count;
        variance[k] = square < 0 ? 0 : square / count; /* NaN stays */
    }
}

static void stem_gradient_sums(Stem *stem, const double *sums, int slices, double *plain, double *product) {
    const StemShape *s = &stem->shape;
    add_slices(stem, sums, slices);
    for (int k = 0; k < s->w.K; k++) {
        double sum = 0, all = stem->sums[s->taps * s->lanes + k];
        /* w . D - mean sum d = w . (D - S sum d / n) */
        for (int t = 0; t < s->taps; t++)
            sum +=
                stem->weights[t * s->lanes + k] * (stem->sums[t * s->lanes + k] - stem->patch[t] / stem->count * all);
        plain[k] = all;
        product[k] = sum;
    }
}

static void stem_gradient(const Stem *stem, const Block *b, float *dw) {
    const StemShape *s = &stem->shape;
    for (int k = 0; k < s->w.K; k++)
        for (int t = 0; t < s->taps; t++) {
            int at = t * s->lanes + k;
            *dw++ = (float)((double)b->a[k] * stem->sums[at] + (double)b->b[k] * stem->spread[at] +
                            (double)b->c[k] * stem->patch[t]);
        }
}

const StemEngine cpu_stem = {
    .fits = stem_fits,
    .create = stem_new,
    .destroy = stem_free,
    .pack = stem_pack,
    .sums_size = stem_sums_size,
    .patches = stem_patches,
    .moments = stem_moments,
    .forward = stem_forward,
    .backward = stem_backward,
    .gradient_sums = stem_gradient_sums,
    .gradient = stem_gradient,
};
