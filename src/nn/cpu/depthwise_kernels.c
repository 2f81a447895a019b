/* Depthwise convolutions (conv_kernels.h; groups == C), with one filter or a few for each channel: oneDNN is slow at some strides
 * and filters of these, and hundreds of times slower where a channel has several.
 *
 * Filters are lanes: a block is a vector of them, of whole channels. An image's block is first laid out as vectors of floats, one
 * behind the other, with a rim of zeros for the padding, where it stays in the nearest caches: then no tap is special, bfloat16
 * is converted once for all taps, and where a channel has several filters it fills as many lanes.
 *
 * Forward and backward to the data, a few neighbouring outputs meet one tap after the other in registers. An input's gradient
 * comes from dy at those taps that the stride leads to: the same ones for every `stride`-th pixel of a row, which are done
 * together. Where taps are neighbours (a run of them), a value is loaded once for all of a run. For the weights, a few taps stay
 * in registers while all pixels go by.
 *
 * Weights and slots: [block][R][S][LANES].
 */
#include "nn/cpu/conv_kernels.h"

#include "base/numbers.h"
#include "nn/cpu/vectors.h"

enum { AT_ONCE = 8, MOST_TAPS = 10, MOST_RUN = 5 }; /* outputs, taps of the weights, of a run of taps: in registers */

/* ---- Blocks ---- */

static size_t taps_of(const Window *w) {
    return (size_t)w->R * (size_t)w->S;
}

static int filters_of(const Window *w) { /* of a channel */
    return w->K / w->C;
}

static int block_channels(const Window *w) {
    return LANES / filters_of(w);
}

static bool fits(const Window *w) {
    return w->groups == w->C && w->C > 1 && filters_of(w) <= LANES;
}

static size_t slot_size(const Window *w) {
    return (size_t)((w->C + block_channels(w) - 1) / block_channels(w)) * taps_of(w) * LANES;
}

typedef struct Lanes {
    int first, channels, filters; /* of a block */
    int each;                     /* filters of a channel */
    VI from, to;                  /* the lane of each filter's channel, of each channel's first filter */
} Lanes;

static Lanes lanes_from(const Window *w, int channel) {
    Lanes l = {.first = channel, .each = filters_of(w)};
    l.channels = w->C - channel < block_channels(w) ? w->C - channel : block_channels(w);
    l.filters = l.channels * l.each;
    for (int i = 0; i < LANES; i++) l.from[i] = i / l.each, l.to[i] = i * l.each % LANES;
    return l;
}

/* gcc would read a value that several products share from memory for each of them. */
INLINE V in_register(V v) {
#if defined(__x86_64__)
    __asm__("" : "+v"(v));
#endif
    return v;
}

INLINE V permute(V v, VI from) {
#if defined(__AVX512F__)
    return (V)_mm512_permutexvar_ps((__m512i)from, (__m512)v);
#elif defined(__AVX2__)
    return (V)_mm256_permutevar8x32_ps((__m256)v, (__m256i)from);
#else
    V moved;
    for (int i = 0; i < LANES; i++) moved[i] = v[from[i] % LANES];
    return moved;
#endif
}

/* The sum over each channel's filters, in the first lanes. */
INLINE V sum_filters(const Lanes *l, V v) {
    V sum = {0};
    for (int j = 0; j < l->each; j++) sum += permute(v, l->to + j);
    return sum;
}

/* ---- An image's block, laid out ---- */

/* Pixels top .. top + height - 1 by left .. left + width - 1 of an image, which may be outside of it. */
typedef struct Area {
    int top, left, height, width;
} Area;

static int quotient_down(int a, int b) {
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/* What the windows touch. */
static Area area_of_x(const Window *w) {
    return (Area){-w->pad_h, -w->pad_w, (w->P - 1) * w->stride + (w->R - 1) * w->dilation + 1,
                  (w->Q - 1) * w->stride + (w->S - 1) * w->dilation + 1};
}

/* The outputs that any input has a tap to, were there as many. */
static Area area_of_dy(const Window *w) {
    int top = smaller_int(0, quotient_down(w->pad_h - (w->R - 1) * w->dilation, w->stride));
    int left = smaller_int(0, quotient_down(w->pad_w - (w->S - 1) * w->dilation, w->stride));
    return (Area){top, left, larger_int(w->P, (w->H - 1 + w->pad_h) / w->stride + 1) - top,
                  larger_int(w->Q, (w->W - 1 + w->pad_w) / w->stride + 1) - left};
}

static size_t pixels_of(Area a) {
    return (size_t)a.height * (size_t)a.width;
}

/* n of `C` values of each pixel of an image; `spread` moves a channel to its filters. */
INLINE void lay_pixels(const Area *a, int H, int W, size_t C, const T *image, int n, const Lanes *spread, V *to) {
    const int left = smaller_int(larger_int(0, -a->left), a->width),
              end = larger_int(left, smaller_int(a->width, W - a->left));
    for (int h = a->top; h < a->top + a->height; h++, to += a->width) {
        const bool inside = h >= 0 && h < H && left < end;
        const T *from = inside ? image + ((size_t)h * (size_t)W + (size_t)(a->left + left)) * C : image;
        int i = 0;
        for (; i < (inside ? left : a->width); i++) to[i] = (V){0};
        for (; i < end; i++, from += C) to[i] = spread ? permute(load(from, n), spread->from) : load(from, n);
        for (; i < a->width; i++) to[i] = (V){0};
    }
}

static void lay(const Area *a, int H, int W, int C, const T *image, int n, const Lanes *spread, V *to) {
    if (n == LANES && !spread)
        lay_pixels(a, H, W, (size_t)C, image, LANES, NULL, to);
    else
        lay_pixels(a, H, W, (size_t)C, image, n, spread, to);
}

static void lay_x(const Window *w, const Lanes *l, const T *x, V *to) {
    const Area area = area_of_x(w);
    lay(&area, w->H, w->W, w->C, x + l->first, l->channels, l->each > 1 ? l : NULL, to);
}

/* ---- Forward, and backward to the data ---- */

typedef struct Tap {
    ptrdiff_t at; /* its first vector */
    V weight;
} Tap;

/* A row of outputs: sums over the taps, whose values for neighbours lie `step` vectors apart. */
typedef struct Row {
    const V *from;
    const Tap *taps;
    size_t step, out_step;         /* out_step: elements */
    int count_taps, run, count, n; /* run: taps that follow each other, in runs of 3 or MOST_RUN; else 1 */
    const Lanes *joined;           /* the filters of a channel are added; NULL: outputs are filters */
    T *out;
} Row;

INLINE void sum_taps(const Row *row, int run, int first, int count, size_t step, int n) {
    const V *from = row->from + (size_t)first * step;
    V sums[AT_ONCE];
    UNROLLED(i, count) sums[i] = (V){0};
    for (const Tap *t = row->taps, *end = t + row->count_taps; t < end; t += run) {
        const V *at = from + t->at;
        V weights[MOST_RUN];
        UNROLLED(s, run) weights[s] = in_register(t[s].weight);
        UNROLLED(i, count + run - 1) {
            const V v = run > 1 ? in_register(at[(size_t)i * step]) : at[(size_t)i * step];
            UNROLLED(s, run)
                if (i >= s && i - s < count) sums[i - s] = multiply_add(v, weights[s], sums[i - s]);
        }
    }
    T *out = row->out + (size_t)first * row->out_step;
    UNROLLED(i, count)
        store(out + (size_t)i * row->out_step, row->joined ? sum_filters(row->joined, sums[i]) : sums[i], n);
}

INLINE void sum_row(const Row *row, int run, size_t step, int n) {
    const int count = row->count;
    int i = 0;
    for (; i + AT_ONCE <= count; i += AT_ONCE) sum_taps(row, run, i, AT_ONCE, step, n);
    if (i < count && i > 0) { /* some again: that costs less than sums that wait for each other */
        sum_taps(row, run, count - AT_ONCE, AT_ONCE, step, n);
        return;
    }
    for (; i + 4 <= count; i += 4) sum_taps(row, run, i, 4, step, n);
    for (; i < count; i++) sum_taps(row, run, i, 1, step, n);
}

static void sum_any_row(const Row *row) {
    const bool whole = row->n == LANES && !row->joined;
    if (whole && row->run == 3)
        sum_row(row, 3, 1, LANES);
    else if (whole && row->run == MOST_RUN)
        sum_row(row, MOST_RUN, 1, LANES);
    else if (whole && row->step == 1)
        sum_row(row, 1, 1, LANES);
    else if (whole && row->step == 2)
        sum_row(row, 1, 2, LANES);
    else
        sum_row(row, 1, row->step, row->n);
}

static int run_of(const Window *w) {
    return w->stride == 1 && w->dilation == 1 && (w->S == 3 || w->S == MOST_RUN) ? w->S : 1;
}

static void forward(const Window *w, const float *packed, const void *x, void *scratch, void *y) {
    const Area area = area_of_x(w);
    V *laid = scratch;
    Tap *taps = (Tap *)(laid + pixels_of(area));
    const size_t width = (size_t)area.width, stride = (size_t)w->stride, K = (size_t)w->K;
    const size_t image = (size_t)w->H * (size_t)w->W * (size_t)w->C;
    for (int c = 0; c < w->C; c += block_channels(w), packed += taps_of(w) * LANES) {
        const Lanes lanes = lanes_from(w, c);
        Row row = {
            .taps = taps, .step = stride, .out_step = K, .count_taps = w->R * w->S, .run = run_of(w), .count = w->Q};
        row.n = lanes.filters, row.out = (T *)y + c * lanes.each;
        for (int t = 0; t < w->R * w->S; t++) {
            taps[t].at = ((ptrdiff_t)(t / w->S) * area.width + t % w->S) * w->dilation;
            taps[t].weight = words_at(packed + t * LANES);
        }
        for (int n = 0; n < w->N; n++) {
            lay_x(w, &lanes, (const T *)x + (size_t)n * image, laid);
            row.from = laid;
            for (int p = 0; p < w->P; p++, row.from += stride * width, row.out += (size_t)w->Q * K) sum_any_row(&row);
        }
    }
}

/* The taps through which pixel (h, column) of dx meets dy: at the output from which they lead there, in the area. */
static int taps_to(const Window *w, const Area *area, const float *packed, int h, int column, Tap *taps) {
    int count = 0;
    for (int r = 0; r < w->R; r++) {
        const int down = h + w->pad_h - r * w->dilation;
        if (down % w->stride) continue;
        for (int s = w->S - 1; s >= 0; s--) {
            const int right = column + w->pad_w - s * w->dilation;
            if (right % w->stride) continue;
            Tap *t = &taps[count++];
            t->at = (ptrdiff_t)(down / w->stride - area->top) * area->width + right / w->stride - area->left;
            t->weight = words_at(packed + (r * w->S + s) * LANES);
        }
    }
    return count;
}

static void backward_data(const Window *w, const float *packed, const void *dy, void *scratch, void *dx) {
    const Area area = area_of_dy(w);
    V *laid = scratch;
    Tap *taps = (Tap *)(laid + pixels_of(area));
    const size_t C = (size_t)w->C, stride = (size_t)w->stride, line = (size_t)w->W * C;
    const size_t image = (size_t)w->P * (size_t)w->Q * (size_t)w->K;
    for (int c = 0; c < w->C; c += block_channels(w), packed += taps_of(w) * LANES) {
        const Lanes lanes = lanes_from(w, c);
        Row row = {.taps = taps, .step = 1, .out_step = stride * C, .run = run_of(w), .n = lanes.channels};
        row.joined = lanes.each > 1 ? &lanes : NULL;
        for (int n = 0; n < w->N; n++) {
            T *out = (T *)dx + (size_t)n * (size_t)w->H * line + c;
            lay(&area, w->P, w->Q, w->K, (const T *)dy + (size_t)n * image + c * lanes.each, lanes.filters, NULL, laid);
            for (int column = 0; column < smaller_int(w->stride, w->W); column++)
                for (int phase = 0; phase < smaller_int(w->stride, w->H); phase++) {
                    row.from = laid;
                    row.count = (w->W - column + w->stride - 1) / w->stride;
                    row.count_taps = taps_to(w, &area, packed, phase, column, taps);
                    for (int h = phase; h < w->H; h += w->stride, row.from += area.width) {
                        row.out = out + (size_t)h * line + (size_t)column * C;
                        sum_any_row(&row);
                    }
                }
        }
    }
}

static void convolve(const Window *w, ConvPass pass, const float *packed, const void *from, void *scratch, void *to) {
    (pass == CONV_FORWARD ? forward : backward_data)(w, packed, from, scratch, to);
}

/* ---- Backward to the weights ---- */

typedef struct Field {
    const V *x, *dy;
    ptrdiff_t at[MOST_TAPS]; /* the first vector in x of a run's first tap */
    size_t step, line;       /* in x, from output to output and from line to line of them */
    int P, Q;
} Field;

/* `outputs` neighbours of a line. */
INLINE void add_products(V *sums, const V *const *x, const V *dy, size_t at, int outputs, int runs, int run) {
    V d[AT_ONCE];
    UNROLLED(i, outputs) d[i] = in_register(dy[i]);
    UNROLLED(t, runs)
        UNROLLED(i, outputs + run - 1) {
            const V v = run > 1 ? in_register(x[t][at + (size_t)i]) : x[t][at + (size_t)i];
            UNROLLED(s, run)
                if (i >= s && i - s < outputs) sums[t * run + s] = multiply_add(v, d[i - s], sums[t * run + s]);
        }
}

INLINE void sum_pixels(const Field *f, int runs, int run, size_t step, bool goes_on, float *slot) {
    V sums[MOST_TAPS];
    UNROLLED(t, runs * run) sums[t] = goes_on ? load_float(slot + t * LANES, LANES) : (V){0};
    const V *dy = f->dy;
    for (int p = 0; p < f->P; p++, dy += f->Q) {
        const V *x[MOST_TAPS];
        size_t q = 0;
        UNROLLED(t, runs) x[t] = f->x + f->at[t] + (size_t)p * f->line;
        for (; run > 1 && q + 4 <= (size_t)f->Q; q += 4) add_products(sums, x, dy + q, q, 4, runs, run);
        for (; q < (size_t)f->Q; q++) add_products(sums, x, dy + q, q * step, 1, runs, run);
    }
    UNROLLED(t, runs * run) store_float(slot + t * LANES, sums[t], LANES);
}

#define RUNS(n, run)                                                                                                   \
    static void sum_##n##_of_##run(const Field *f, bool goes_on, float *slot) {                                        \
        sum_pixels(f, n, run, run > 1 ? 1 : f->step, goes_on, slot);                                                   \
    }
#define NAME(n, run) sum_##n##_of_##run,
UP_TO_10(RUNS, 1)
RUNS(1, 3)
RUNS(2, 3)
RUNS(3, 3)
RUNS(1, 5)
RUNS(2, 5)
static void (*const by_runs[MOST_RUN + 1][MOST_TAPS])(const Field *f, bool goes_on, float *slot) = {
    [1] = {UP_TO_10(NAME, 1)}, [3] = {sum_1_of_3, sum_2_of_3, sum_3_of_3}, [MOST_RUN] = {sum_1_of_5, sum_2_of_5}};

static void backward_weights(const Window *w, const void *x, const void *dy, void *scratch, float *slot, bool add) {
    const Area area = area_of_x(w), outputs = {0, 0, w->P, w->Q};
    V *laid = scratch, *laid_dy = laid + pixels_of(area);
    const size_t image = (size_t)w->H * (size_t)w->W * (size_t)w->C, out = (size_t)w->P * (size_t)w->Q * (size_t)w->K;
    const int run = run_of(w), runs = w->R * w->S / run, most_runs = MOST_TAPS / run,
              tiles = (runs + most_runs - 1) / most_runs;
    Field f = {.x = laid, .dy = laid_dy, .step = (size_t)w->stride, .P = w->P, .Q = w->Q};
    f.line = (size_t)w->stride * (size_t)area.width;
    for (int c = 0; c < w->C; c += block_channels(w), slot += taps_of(w) * LANES) {
        const Lanes lanes = lanes_from(w, c);
        for (int n = 0; n < w->N; n++) {
            lay_x(w, &lanes, (const T *)x + (size_t)n * image, laid);
            lay(&outputs, w->P, w->Q, w->K, (const T *)dy + (size_t)n * out + c * lanes.each, lanes.filters, NULL,
                laid_dy);
            for (int i = 0; i < tiles; i++) {
                const int first = runs * i / tiles, end = runs * (i + 1) / tiles;
                for (int t = first; t < end; t++)
                    f.at[t - first] = ((ptrdiff_t)(t * run / w->S) * area.width + t * run % w->S) * w->dilation;
                by_runs[run][end - first - 1](&f, add || n, slot + first * run * LANES);
            }
        }
    }
}

/* ---- Weights ---- */

static size_t scratch_size(const Window *w) {
    size_t x = pixels_of(area_of_x(w)), dy = pixels_of(area_of_dy(w));
    return (x + dy) * sizeof(V) + taps_of(w) * sizeof(Tap);
}

/* Both passes take the same. */
static size_t packed_size(const Window *w, ConvPass pass) {
    return pass == CONV_FORWARD ? slot_size(w) : 0;
}

static void pack(const Window *w, ConvPass pass, const float *weights, float *packed) {
    (void)pass;
    const size_t taps = taps_of(w), block = (size_t)(block_channels(w) * filters_of(w));
    memset(packed, 0, slot_size(w) * sizeof *packed);
    for (size_t k = 0; k < (size_t)w->K; k++)
        for (size_t t = 0; t < taps; t++) {
            T element;
            float *to = packed + (k / block * taps + t) * LANES + k % block;
            store(&element, all_lanes(weights[k * taps + t]), 1);
            store_float(to, load(&element, 1), 1);
        }
}

static void unpack(const Window *w, const float *slot, float *dw) {
    const size_t taps = taps_of(w), block = (size_t)(block_channels(w) * filters_of(w));
    for (size_t k = 0; k < (size_t)w->K; k++)
        for (size_t t = 0; t < taps; t++) dw[k * taps + t] = slot[(k / block * taps + t) * LANES + k % block];
}

const ConvKernels PASTE(depthwise_kernels_, KERNEL_ISA) = {
    .fits = fits,
    .scratch_size = scratch_size,
    .packed_size = packed_size,
    .pack = pack,
    .run = convolve,
    .slot_size = slot_size,
    .backward_weights = backward_weights,
    .unpack = unpack,
};
