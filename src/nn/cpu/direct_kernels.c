/* Convolutions of any window with one group, the direct way, for AVX2; nothing elsewhere (AVX-512 has not been measured; oneDNN's are good there).
 *
 *   to[n][line][column][k] = sum over taps (r, s) and channels c of from[n][line'][column'][c] * w[r][s][c][k]
 *
 * In a tile, 6 pixels of `to` meet 2 vectors of filters in registers (10 meet 1): values of `from` are broadcast, and all taps and
 * channels go by. Which taps meet a line depends on the edges of the image, and backward, where there is a stride, on the line's
 * remainder by it. So lines are taken in classes, of those that the same taps meet, and columns as well; a tile's pixels are of
 * one class of lines and one of columns, wherever they lie, in several images if need be. Nothing outside the image is multiplied.
 *
 * Weights are packed for blocks of filters, in them for blocks of channels, so that those stay in the second cache:
 * [filters' block][channels' block][R][S][c][filters of the block, whole vectors]; backward, filters and channels change places
 * and taps run from the last one to the first. A sum is one chain over the blocks of channels, R, S and c: it does not depend
 * on its tile.
 */
#include "nn/cpu/conv_kernels.h"

#include "base/numbers.h"
#include "nn/cpu/vectors.h"

#if defined(__AVX2__) && !defined(__AVX512F__)

enum {
    MOST_PIXELS = 10, /* of a tile of one vector; registers for addresses end there */
    VECTORS = 2,
    BLOCK = VECTORS * LANES,  /* filters */
    MOST_WEIGHTS = 160 << 10, /* bytes of a block: a third of a core's second cache */
    MOST_CACHED = 256 << 10,  /* bytes of images at once: half of a core's second cache */
};

/* ---- Lines, and as well columns, of the same taps ---- */

typedef struct Side {
    int from, to;            /* how many there are */
    int taps, dilation, pad; /* pad: of `from` */
    int stride, spread;      /* steps of `from` for one of `to`; and the other way round, backward */
} Side;

static Side side_of(ConvPass pass, int in, int out, int taps, int dilation, int pad, int stride) {
    if (pass == CONV_FORWARD) return (Side){in, out, taps, dilation, pad, stride, 1};
    return (Side){out, in, taps, dilation, (taps - 1) * dilation - pad, 1, stride};
}

/* What a tap of line `at` reads; -1: nothing. */
static int line_read(const Side *s, int at, int tap) {
    int place = at * s->stride - s->pad + tap * s->dilation;
    return place < 0 || place % s->spread || place / s->spread >= s->from ? -1 : place / s->spread;
}

/* Lines at, at + spread, ... of `to`. */
typedef struct Class {
    int at, count;
    int tap, taps, tap_step; /* the first, how many, from one to the next */
    int line, tap_lines;     /* what the first line's first tap reads; how much further the next one does */
} Class;

static Class taps_of(const Side *s, int at) {
    Class class = {.at = at, .tap_step = 1};
    for (int tap = 0, last = 0; tap < s->taps; tap++) {
        int line = line_read(s, at, tap);
        if (line < 0) continue;
        if (class.taps == 0) class.tap = tap, class.line = line;
        if (class.taps == 1) class.tap_step = tap - class.tap, class.tap_lines = line - last;
        class.taps++, last = line;
    }
    return class;
}

/* The class that starts with line `at`. */
static Class class_at(const Side *s, int at) {
    Class class = taps_of(s, at);
    for (int next = at; next < s->to; next += s->spread, class.count++) {
        Class other = taps_of(s, next);
        if (other.taps != class.taps || other.tap != class.tap) break;
    }
    return class;
}

/* The next class, from a class of 0 on: each remainder by `spread` from its first line to its last. False: there is none. */
static bool next_class(const Side *s, Class *class) {
    int at = class->at + class->count * s->spread;
    if (at >= s->to) {
        at = class->at % s->spread + 1;
        if (at >= smaller_int(s->spread, s->to)) return false;
    }
    *class = class_at(s, at);
    return true;
}

/* ---- A pass ---- */

typedef struct Pass {
    int N, inputs, outputs, channels; /* channels of `from`, of `to`; and of a block of `from` */
    Side down, across;
    size_t from_line, from_image, to_line, to_image; /* floats */
} Pass;

static Pass pass_of(const Window *w, ConvPass pass) {
    const bool forward = pass == CONV_FORWARD;
    Pass p = {.N = w->N, .inputs = forward ? w->C : w->K, .outputs = forward ? w->K : w->C};
    p.down = side_of(pass, w->H, w->P, w->R, w->dilation, w->pad_h, w->stride);
    p.across = side_of(pass, w->W, w->Q, w->S, w->dilation, w->pad_w, w->stride);
    p.from_line = (size_t)p.across.from * (size_t)p.inputs, p.from_image = (size_t)p.down.from * p.from_line;
    p.to_line = (size_t)p.across.to * (size_t)p.outputs, p.to_image = (size_t)p.down.to * p.to_line;
    const int most = MOST_WEIGHTS / (w->R * w->S * BLOCK * (int)sizeof(float));
    const int blocks = most > 0 ? (p.inputs + most - 1) / most : p.inputs;
    p.channels = (p.inputs + blocks - 1) / blocks;
    return p;
}

static size_t width_at(const Pass *p, int k) {
    return (size_t)(p->outputs - k > LANES ? BLOCK : LANES);
}

static size_t packed_size(const Window *w, ConvPass pass) {
    const Pass p = pass_of(w, pass);
    const size_t whole = (size_t)(p.outputs / BLOCK * BLOCK), rest = p.outputs % BLOCK ? width_at(&p, (int)whole) : 0;
    return (size_t)w->R * (size_t)w->S * (size_t)p.inputs * (whole + rest);
}

/* Channel by channel, so that each filter's weights are read as they lie. */
static void pack_block(const Window *w, ConvPass pass, const Pass *p, int k, int c, int channels, const float *weights,
                       float *packed) {
    const bool forward = pass == CONV_FORWARD;
    const size_t taps = (size_t)w->R * (size_t)w->S, width = width_at(p, k);
    for (int i = c; i < c + channels; i++)
        for (size_t tap = 0; tap < taps; tap++) {
            float *to = packed + (tap * (size_t)channels + (size_t)(i - c)) * width;
            const size_t from = forward ? tap : taps - 1 - tap;
            for (int j = 0; j < (int)width; j++) {
                const size_t filter = (size_t)(forward ? k + j : i), channel = (size_t)(forward ? i : k + j);
                to[j] = k + j < p->outputs ? weights[(filter * (size_t)w->C + channel) * taps + from] : 0;
            }
        }
}

static void pack(const Window *w, ConvPass pass, const float *weights, float *packed) {
    const Pass p = pass_of(w, pass);
    for (int k = 0; k < p.outputs; k += BLOCK)
        for (int c = 0; c < p.inputs; c += p.channels) {
            const int channels = smaller_int(p.channels, p.inputs - c);
            pack_block(w, pass, &p, k, c, channels, weights, packed);
            packed += (size_t)w->R * (size_t)w->S * (size_t)channels * width_at(&p, k);
        }
}

/* ---- A tile ---- */

typedef struct Tile {
    const float *from[MOST_PIXELS]; /* what the first tap reads */
    float *to[MOST_PIXELS];
    const float *weights;       /* of the first tap */
    int lines, runs;            /* of taps; a run: channels, of one tap or of several whose values are neighbours */
    size_t run;                 /* values */
    size_t from_line, from_run; /* from one to the next */
    size_t weights_line, weights_run;
    int last;     /* filters in the last vector */
    bool goes_on; /* `to` holds sums already */
} Tile;

INLINE void convolve(const Tile *t, int pixels, int vectors) {
    V sums[MOST_PIXELS][VECTORS];
    const float *from[MOST_PIXELS];
    const int last = t->last;
    UNROLLED(i, pixels) {
        from[i] = t->from[i];
        UNROLLED(v, vectors)
            sums[i][v] = t->goes_on ? load_float(t->to[i] + v * LANES, v < vectors - 1 ? LANES : last) : (V){0};
    }
    for (int line = 0; line < t->lines; line++)
        for (int run = 0; run < t->runs; run++) {
            const float *weights = t->weights + (size_t)line * t->weights_line + (size_t)run * t->weights_run;
            const size_t begin = (size_t)line * t->from_line + (size_t)run * t->from_run, end = begin + t->run;
            for (size_t c = begin; c < end; c++, weights += vectors * LANES) {
                V filters[VECTORS];
                UNROLLED(v, vectors) filters[v] = load_float(weights + v * LANES, LANES);
                UNROLLED(i, pixels) {
                    const V value = all_lanes(from[i][c]);
                    UNROLLED(v, vectors) sums[i][v] = multiply_add(filters[v], value, sums[i][v]);
                }
            }
        }
    UNROLLED(i, pixels)
        UNROLLED(v, vectors) store_float(t->to[i] + v * LANES, sums[i][v], v < vectors - 1 ? LANES : last);
}

#define TILE(pixels, vectors)                                                                                          \
    static void convolve_##pixels##_##vectors(const Tile *t) {                                                         \
        convolve(t, pixels, vectors);                                                                                  \
    }
#define NAME(pixels, vectors) convolve_##pixels##_##vectors,
UP_TO_10(TILE, 1)
UP_TO_6(TILE, 2)
static void (*const convolve_tile[VECTORS][MOST_PIXELS])(const Tile *t) = {{UP_TO_10(NAME, 1)}, {UP_TO_6(NAME, 2)}};
static const int most_pixels[VECTORS] = {10, 6};

/* ---- The tiles of a pass ---- */

/* The pixels of a class of lines and one of columns, of some images, one after the other. */
static void convolve_class(const Pass *p, const Class *down, const Class *across, int images, Tile *t, int vectors,
                           const float *from, float *to) {
    const size_t from_pixel = (size_t)(p->across.stride * p->inputs),
                 to_pixel = (size_t)(p->across.spread * p->outputs);
    const size_t from_line = (size_t)p->down.stride * p->from_line, to_line = (size_t)p->down.spread * p->to_line;
    const int count = images * down->count * across->count, most = most_pixels[vectors - 1];
    const int tiles = (count + most - 1) / most, least = count / tiles, rest = count % tiles;
    const float *from_at = from, *from_row = from;
    float *to_at = to, *to_row = to;
    int line = 0, column = 0;
    for (int i = 0; i < tiles; i++) {
        const int pixels = least + (i < rest);
        for (int j = 0; j < pixels; j++) {
            t->from[j] = from_at, t->to[j] = to_at;
            from_at += from_pixel, to_at += to_pixel;
            if (++column < across->count) continue;
            column = 0, from_row += from_line, to_row += to_line;
            if (++line == down->count) {
                line = 0, from += p->from_image, to += p->to_image;
                from_row = from, to_row = to;
            }
            from_at = from_row, to_at = to_row;
        }
        convolve_tile[vectors - 1][pixels - 1](t);
    }
}

/* A block of filters and one of channels, `from` the first of these, `to` the first of those. */
static void convolve_block(const Pass *p, int images, Tile *t, int vectors, int channels, const float *weights,
                           const float *from, float *to) {
    const size_t tap = (size_t)channels * (size_t)(vectors * LANES), inputs = (size_t)p->inputs;
    for (Class down = {0}; next_class(&p->down, &down);)
        for (Class across = {0}; next_class(&p->across, &across);) {
            t->lines = down.taps, t->runs = across.taps, t->run = (size_t)channels;
            t->from_line = (size_t)down.tap_lines * p->from_line, t->from_run = (size_t)across.tap_lines * inputs;
            t->weights_line = (size_t)(down.tap_step * p->across.taps) * tap;
            t->weights_run = (size_t)across.tap_step * tap;
            t->weights = weights + (size_t)(down.tap * p->across.taps + across.tap) * tap;
            if (across.tap_step == 1 && t->from_run == t->run) t->run *= (size_t)t->runs, t->runs = 1;
            convolve_class(p, &down, &across, images, t, vectors,
                           from + (size_t)down.line * p->from_line + (size_t)across.line * inputs,
                           to + (size_t)down.at * p->to_line + (size_t)(across.at * p->outputs));
        }
}

static size_t scratch_size(const Window *w) {
    (void)w;
    return 0;
}

static void convolve_images(const Window *w, ConvPass pass, const float *packed, const void *images, void *scratch,
                            void *result) {
    const float *from = images;
    float *to = result;
    (void)scratch;
    const Pass p = pass_of(w, pass);
    const size_t taps = (size_t)w->R * (size_t)w->S, bytes = (p.from_image + p.to_image) * sizeof(float);
    const int most = MOST_CACHED / bytes > 1 ? (int)(MOST_CACHED / bytes) : 1;
    for (int n = 0; n < p.N; n += most, from += (size_t)most * p.from_image, to += (size_t)most * p.to_image) {
        const float *weights = packed;
        for (int k = 0; k < p.outputs; k += BLOCK) {
            const int filters = smaller_int(BLOCK, p.outputs - k), vectors = filters > LANES ? 2 : 1;
            Tile t = {.last = filters - (vectors - 1) * LANES};
            for (int c = 0; c < p.inputs; c += p.channels) {
                const int channels = smaller_int(p.channels, p.inputs - c);
                t.goes_on = c > 0;
                convolve_block(&p, smaller_int(most, p.N - n), &t, vectors, channels, weights, from + c, to + k);
                weights += taps * (size_t)channels * (size_t)(vectors * LANES);
            }
        }
    }
}

/* A window of one pixel leaves a tile too little to do, and few channels leave lanes without work. */
static bool fits(const Window *w) {
    return w->groups == 1 && w->R * w->S > 1 && w->C >= LANES && w->K >= LANES;
}

const ConvKernels PASTE(direct_kernels_, KERNEL_ISA) = {
    .fits = fits,
    .packed_size = packed_size,
    .pack = pack,
    .scratch_size = scratch_size,
    .run = convolve_images,
};

#endif
