/* Convolutions of 3x3 pixels by Winograd's minimal filtering F(2x2, 3x3) (Lavin, Gray: Fast Algorithms for Convolutional
 * Neural Networks, 2016), in float32: 16 products for 4 values where the direct way takes 36.
 *
 *   to = At [ sum over channels of (G w Gt) * (Bt from B) ] A
 *
 * in patches of 4x4 pixels of `from` for 2x2 of `to`. A patch is transformed once; then each of its 16 places is a product of
 * matrices, [patches x channels] by [channels x filters]; then the sums are transformed back. GROUP patches go through
 * all three, so that what lies between stays in the caches. Small whole numbers come out exactly: the factors are halves
 * and quarters. Backward is the same with filters and channels in each other's place, and taps from the last to the first.
 *
 * Weights: [block of filters][16 places][channel][filters of the block, whole vectors]. Scratch: zeros for what lies outside
 * of the image; transformed patches [place][block of channels][patch][CHANNELS]; sums [place][patch][BLOCK]. A sum is one chain
 * over the channels, whatever its patch's neighbours.
 */
#include "nn/cpu/conv_kernels.h"

#include "base/numbers.h"
#include "nn/cpu/vectors.h"

#if defined(__AVX2__) && !defined(KERNEL_BF16)

enum {
    PLACES = 16, /* of a patch */
    VECTORS = 2,
    BLOCK = VECTORS * LANES,      /* filters */
    CHANNELS = 2 * LANES,         /* of a block: patches lie a distance apart that the compiler knows */
    GROUP = LANES == 16 ? 14 : 6, /* patches whose sums, with BLOCK filters, are in registers */
};

typedef struct Pass {
    int N, inputs, outputs; /* channels of `from`, of `to` */
    int from_lines, from_columns, to_lines, to_columns, pad_h, pad_w;
} Pass;

static Pass pass_of(const Window *w, ConvPass pass) {
    if (pass == CONV_FORWARD) return (Pass){w->N, w->C, w->K, w->H, w->W, w->P, w->Q, w->pad_h, w->pad_w};
    return (Pass){w->N, w->K, w->C, w->P, w->Q, w->H, w->W, 2 - w->pad_h, 2 - w->pad_w};
}

static size_t round_up(int value, int to) {
    return (size_t)((value + to - 1) / to * to);
}

/* Filters of the block that begins at k, with those that fill its last vector. */
static int width_at(const Pass *p, int k) {
    return p->outputs - k > LANES ? BLOCK : LANES;
}

static size_t packed_size(const Window *w, ConvPass pass) {
    const Pass p = pass_of(w, pass);
    return PLACES * (size_t)p.inputs * round_up(p.outputs, LANES);
}

/* ---- Weights ---- */

/* G w Gt of one filter and channel; `flipped`: w from its last tap to its first. */
static void transform_taps(const float w[9], bool flipped, float out[PLACES]) {
    float half[4][3];
    for (int s = 0; s < 3; s++) {
        const float a = w[flipped ? 8 - s : s], b = w[flipped ? 5 - s : 3 + s], c = w[flipped ? 2 - s : 6 + s];
        half[0][s] = a, half[3][s] = c;
        half[1][s] = 0.5f * (a + c + b), half[2][s] = 0.5f * (a + c - b);
    }
    for (int i = 0; i < 4; i++) {
        const float a = half[i][0], b = half[i][1], c = half[i][2];
        out[4 * i] = a, out[4 * i + 3] = c;
        out[4 * i + 1] = 0.5f * (a + c + b), out[4 * i + 2] = 0.5f * (a + c - b);
    }
}

static void pack(const Window *w, ConvPass pass, const float *weights, float *packed) {
    const Pass p = pass_of(w, pass);
    const bool forward = pass == CONV_FORWARD;
    for (int k = 0; k < p.outputs; k += BLOCK) {
        const size_t width = (size_t)width_at(&p, k), place = (size_t)p.inputs * width;
        for (size_t c = 0; c < (size_t)p.inputs; c++)
            for (size_t j = 0; j < width; j++) {
                const size_t output = (size_t)k + j, filter = forward ? output : c, channel = forward ? c : output;
                float taps[PLACES] = {0};
                if (output < (size_t)p.outputs)
                    transform_taps(weights + (filter * (size_t)w->C + channel) * 9, !forward, taps);
                for (size_t i = 0; i < PLACES; i++) packed[i * place + c * width + j] = taps[i];
            }
        packed += PLACES * place;
    }
}

/* ---- A group of patches ---- */

/* Where a patch lies: image, and line and column of `to`. */
typedef struct Patch {
    int n, line, column;
} Patch;

static void next_patch(const Pass *p, Patch *at) {
    at->column += 2;
    if (at->column < p->to_columns) return;
    at->column = 0, at->line += 2;
    if (at->line >= p->to_lines) at->line = 0, at->n++;
}

INLINE void transform_line(V d0, V d1, V d2, V d3, V out[4]) {
    out[0] = d0 - d2;
    out[1] = d1 + d2;
    out[2] = d2 - d1;
    out[3] = d1 - d3;
}

/* Bt d B of n channels of a patch, its pixels at `cells`; the next place is `step` further. */
INLINE void transform_channels(const float *const cells[PLACES], int c, int n, float *place, size_t step) {
    V lines[4][4], d[4];
    UNROLLED(j, 4) {
        transform_line(load_float(cells[j] + c, n), load_float(cells[4 + j] + c, n), load_float(cells[8 + j] + c, n),
                       load_float(cells[12 + j] + c, n), d);
        UNROLLED(i, 4) lines[i][j] = d[i];
    }
    UNROLLED(i, 4) {
        transform_line(lines[i][0], lines[i][1], lines[i][2], lines[i][3], d);
        UNROLLED(j, 4) store_float(place + (size_t)(4 * i + j) * step, d[j], LANES);
    }
}

/* One patch, into its place among those of the group. */
static void transform_patch(const Pass *p, const float *from, const float *zeros, Patch at, float *to) {
    const float *cells[PLACES];
    const int inputs = p->inputs, whole = inputs / LANES * LANES, line = at.line - p->pad_h,
              column = at.column - p->pad_w;
    const size_t step = round_up(inputs, CHANNELS) * GROUP;
    const float *image = from + (size_t)at.n * (size_t)(p->from_lines * p->from_columns * inputs);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            const bool inside =
                (unsigned)(line + i) < (unsigned)p->from_lines && (unsigned)(column + j) < (unsigned)p->from_columns;
            cells[4 * i + j] = inside ? image + ((line + i) * p->from_columns + column + j) * inputs : zeros;
        }
    for (int c = 0; c < whole; c += LANES)
        transform_channels(cells, c, LANES, to + (size_t)(c / CHANNELS * GROUP * CHANNELS + c % CHANNELS), step);
    if (whole < inputs)
        transform_channels(cells, whole, inputs - whole,
                           to + (size_t)(whole / CHANNELS * GROUP * CHANNELS + whole % CHANNELS), step);
}

/* sums [patch][BLOCK] of patches [block of channels][patch][CHANNELS] and weights [channel][filters]. */
INLINE void multiply(const float *patches, const float *weights, int inputs, int count, int vectors, float *sums) {
    V sum[GROUP][VECTORS];
    UNROLLED(i, count)
        UNROLLED(v, vectors) sum[i][v] = (V){0};
    for (int block = 0; block < inputs; block += CHANNELS, patches += GROUP * CHANNELS) {
        const int channels = smaller_int(inputs - block, CHANNELS);
        for (int c = 0; c < channels; c++, weights += vectors * LANES) {
            V filters[VECTORS];
            UNROLLED(v, vectors) filters[v] = load_float(weights + v * LANES, LANES);
            UNROLLED(i, count) {
                const V value = all_lanes(patches[i * CHANNELS + c]);
                UNROLLED(v, vectors) sum[i][v] = multiply_add(filters[v], value, sum[i][v]);
            }
        }
    }
    UNROLLED(i, count)
        UNROLLED(v, vectors) store_float(sums + i * BLOCK + v * LANES, sum[i][v], LANES);
}

typedef void Multiply(const float *patches, const float *weights, int inputs, float *sums);

#define DEFINE(count, vectors)                                                                                         \
    static void multiply_##count##_##vectors(const float *patches, const float *weights, int inputs, float *sums) {    \
        multiply(patches, weights, inputs, count, vectors, sums);                                                      \
    }
#define NAME(count, vectors) multiply_##count##_##vectors,
#if defined(__AVX512F__)
#define EACH(what, vectors) UP_TO_14(what, vectors)
#else
#define EACH(what, vectors) UP_TO_6(what, vectors)
#endif
EACH(DEFINE, 1)
EACH(DEFINE, 2)
static Multiply *const multiply_group[VECTORS][GROUP] = {{EACH(NAME, 1)}, {EACH(NAME, 2)}};

/* At m A of n filters of a patch's sums; what of it lies in the image goes to `to`, and `next` and `below` it. */
INLINE void transform_filters(const float *sums, int n, float *to, size_t next, float *below) {
    V line[2][4];
    UNROLLED(j, 4) {
        const float *m = sums + j * GROUP * BLOCK;
        const V m0 = load_float(m, LANES), m1 = load_float(m + 4 * GROUP * BLOCK, LANES),
                m2 = load_float(m + 8 * GROUP * BLOCK, LANES), m3 = load_float(m + 12 * GROUP * BLOCK, LANES);
        line[0][j] = m0 + m1 + m2;
        line[1][j] = m1 - m2 - m3;
    }
    store_float(to, line[0][0] + line[0][1] + line[0][2], n);
    if (next) store_float(to + next, line[0][1] - line[0][2] - line[0][3], n);
    if (!below) return;
    store_float(below, line[1][0] + line[1][1] + line[1][2], n);
    if (next) store_float(below + next, line[1][1] - line[1][2] - line[1][3], n);
}

static void transform_back(const Pass *p, const float *sums, Patch at, int k, float *to) {
    const size_t outputs = (size_t)p->outputs, line = (size_t)p->to_columns * outputs;
    const size_t next = at.column + 1 < p->to_columns ? outputs : 0;
    to += ((size_t)at.n * (size_t)p->to_lines + (size_t)at.line) * line + (size_t)at.column * outputs + (size_t)k;
    float *below = at.line + 1 < p->to_lines ? to + line : NULL;
    const int left = p->outputs - k;
    for (int v = 0; v < BLOCK && v < left; v += LANES, to += LANES, sums += LANES, below += below ? LANES : 0) {
        if (left - v >= LANES)
            transform_filters(sums, LANES, to, next, below);
        else
            transform_filters(sums, left - v, to, next, below);
    }
}

/* ---- A pass ---- */

static size_t patches_size(const Pass *p) {
    return PLACES * GROUP * round_up(p->inputs, CHANNELS);
}

static size_t scratch_floats(const Pass *p) {
    return round_up(p->inputs, LANES) + patches_size(p) + PLACES * GROUP * BLOCK;
}

static size_t scratch_size(const Window *w) {
    const Pass forward = pass_of(w, CONV_FORWARD), backward = pass_of(w, CONV_BACKWARD_DATA);
    const size_t a = scratch_floats(&forward), b = scratch_floats(&backward);
    return (a > b ? a : b) * sizeof(float);
}

/* All filters for `count` patches, the first of which is at `at`. */
static void convolve_group(const Pass *p, const float *packed, const float *patches, float *sums, Patch at, int count,
                           float *to) {
    const size_t place = patches_size(p) / PLACES;
    for (int k = 0; k < p->outputs; k += BLOCK) {
        const int width = width_at(p, k);
        Multiply *multiply_patches = multiply_group[width / LANES - 1][count - 1];
        for (size_t i = 0; i < PLACES; i++, packed += p->inputs * width)
            multiply_patches(patches + i * place, packed, p->inputs, sums + i * GROUP * BLOCK);
        Patch patch = at;
        for (int i = 0; i < count; i++, next_patch(p, &patch)) transform_back(p, sums + i * BLOCK, patch, k, to);
    }
}

static void convolve_images(const Window *w, ConvPass pass, const float *packed, const void *from, void *scratch,
                            void *to) {
    const Pass p = pass_of(w, pass);
    const int all = p.N * ((p.to_lines + 1) / 2) * ((p.to_columns + 1) / 2);
    float *patches = scratch, *sums = patches + patches_size(&p), *zeros = sums + PLACES * GROUP * BLOCK;
    memset(zeros, 0, round_up(p.inputs, LANES) * sizeof(float));
    Patch at = {0};
    for (int done = 0; done < all; done += GROUP) {
        const int count = smaller_int(all - done, GROUP);
        Patch patch = at;
        for (int i = 0; i < count; i++, next_patch(&p, &patch))
            transform_patch(&p, from, zeros, patch, patches + i * CHANNELS);
        convolve_group(&p, packed, patches, sums, at, count, to);
        at = patch;
    }
}

/* With fewer channels or filters the transforms cost what the products save; with more, each group reads weights that no longer
 * stay in the second cache. */
static bool fits(const Window *w) {
    enum { LEAST_CHANNELS = 16, LEAST_FILTERS = LANES == 16 ? 17 : 16, MOST_WEIGHTS = 128 * 128 };
    return w->groups == 1 && w->R == 3 && w->S == 3 && w->stride == 1 && w->dilation == 1 && w->pad_h <= 2 &&
           w->pad_w <= 2 && w->P >= 4 && w->Q >= 4 && w->C >= LEAST_CHANNELS && w->K >= LEAST_FILTERS &&
           w->C * w->K <= MOST_WEIGHTS;
}

const ConvKernels PASTE(winograd_kernels_, KERNEL_ISA) = {
    .fits = fits,
    .packed_size = packed_size,
    .pack = pack,
    .scratch_size = scratch_size,
    .run = convolve_images,
};

#endif
