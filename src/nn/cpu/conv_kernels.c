/* Weight gradients of convolutions with one group (conv_kernels.h) in float32, from AVX2 on, and in bfloat16, where the instruction
 * set multiplies it (AVX512_BF16); nothing elsewhere.
 *
 *   dw[k][c][r][s] = sum over images n and output pixels (p, q) of
 *                    dy[n][p][q][k] * x[n][p * stride + r * dilation - pad][...][c]
 *
 * In a tile, 6 channels of x meet 4 vectors of filters of dy in registers (2 where there are but 16 registers): the values of x
 * are broadcast, and all pixels go by. A tap's pixels whose x is padding are left out, not multiplied by 0. So nothing is
 * transposed, and any stride, dilation, padding and odd width is as good as another.
 *
 * In float32, x and dy are read where they lie (but for copies_dy() below). The instruction of bfloat16 adds two products to each
 * float lane, of values that are neighbours in memory. Here they are those of the same pixel in two images: x and dy are packed as
 * pairs of images, with padding, in the order they have. Where there are very few channels, a tile then takes those of several
 * taps.
 *
 * As many images, or lines of them, go by at once as stay in a core's caches; the sums of several go on in the slot. The
 * slot: blocks of the filters of a tile, each [C][R][S][filters of the block, rounded up to LANES].
 */
#include "nn/cpu/conv_kernels.h"

#include "base/numbers.h"
#include "nn/cpu/vectors.h"

#ifdef __AVX2__

enum {
#ifdef __AVX512F__
    MOST_VECTORS = 4,        /* of filters, in a tile */
    MOST_CACHED = 512 << 10, /* bytes: half of a core's second cache */
#else
    MOST_VECTORS = 2,
    MOST_CACHED = 128 << 10, /* narrow tiles read more for a product: what the first cache holds in part */
#endif
    BLOCK = MOST_VECTORS * LANES, /* filters in a block: those of a tile */
    MOST_ROWS = 12,               /* channels of x in a tile */
    STREAMED = 2 << 20            /* bytes: a slot so large has left the caches before anyone reads it */
};

/* ---- What a tile multiplies ---- */

enum {
    GROUP = IN_WORD, /* images whose values are multiplied together */
    PACKED = GROUP > 1,
    COPIES = !PACKED && MOST_VECTORS == 2,
    FEW_CHANNELS = PACKED ? 4 : 0 /* fewer are too few for a tile: it takes channels of several taps */
};
typedef float Value; /* or the bits of a pair: of one image and, in the upper half, of the next */

/* Past the caches, which need not read it first; `to` is at a multiple of a vector. */
INLINE void stream(float *to, V v) {
#ifdef __AVX512F__
    _mm512_stream_ps(to, (__m512)v);
#else
    _mm256_stream_ps(to, (__m256)v);
#endif
}

static int round_up(int count, int to) {
    return (count + to - 1) / to * to;
}

/* What goes by at once: whole images, or lines of one group of them. */
typedef struct Chunk {
    int groups, lines; /* lines of the output */
    int height, width; /* pixels of x that their windows touch, padding and all */
} Chunk;

static Chunk chunk_of(const Window *w, int groups, int lines) {
    return (Chunk){groups, lines, (lines - 1) * w->stride + (w->R - 1) * w->dilation + 1,
                   (w->Q - 1) * w->stride + (w->S - 1) * w->dilation + 1};
}

/* Of x, packed, rounded up to a vector. */
static size_t packed_values(const Window *w, const Chunk *chunk) {
    size_t values = (size_t)chunk->groups * (size_t)chunk->height * (size_t)chunk->width * (size_t)w->C;
    return (values + LANES - 1) / LANES * LANES;
}

/* What is packed; or what the tiles of the same channels and filters read again for each tap: a block of dy, and lines of the cache
 * of x. */
static size_t cached_size(const Window *w, const Chunk *chunk) {
    const size_t dy = (size_t)chunk->lines * (size_t)w->Q * (size_t)(PACKED ? round_up(w->K, LANES) : BLOCK);
    const size_t x = (size_t)chunk->height * (size_t)chunk->width * (size_t)smaller_int(w->C, 16);
    const size_t groups = (size_t)chunk->groups;
    return (PACKED ? packed_values(w, chunk) + LANES + groups * dy : groups * (x + dy)) * sizeof(Value);
}

static Chunk largest_chunk(const Window *w) {
    Chunk chunk = chunk_of(w, (w->N + GROUP - 1) / GROUP, w->P);
    while (chunk.groups > 1 && cached_size(w, &chunk) > MOST_CACHED) chunk = chunk_of(w, (chunk.groups + 1) / 2, w->P);
    while (chunk.lines > 1 && cached_size(w, &chunk) > MOST_CACHED) chunk = chunk_of(w, 1, (chunk.lines + 1) / 2);
    return chunk;
}

static size_t slot_size(const Window *w) {
    return (size_t)w->R * (size_t)w->S * (size_t)w->C * (size_t)round_up(w->K, LANES);
}

#ifdef KERNEL_BF16
/* ---- Packing ---- */

/* to[i] = the pair of a[i] and b[i]; b NULL: of a[i] and 0. Pairs of 0 fill the last vector. */
INLINE void interleave(const uint16_t *a, const uint16_t *b, size_t count, Value *to) {
    for (size_t i = 0; i < count; i += LANES) {
        __mmask16 lanes = (__mmask16)(count - i < LANES ? 0xffff >> (LANES - (count - i)) : 0xffff);
        __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, a + i)), high = _mm512_setzero_si512();
        if (b) high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, b + i)), 16);
        _mm512_storeu_si512(to + i, _mm512_or_si512(low, high));
    }
}

static const uint16_t *image_at(const uint16_t *images, const Window *w, int n, size_t size) {
    return n < w->N ? images + (size_t)n * size : NULL;
}

/* [pair][height][width][C]: what the windows of lines p, ... of images n, ... touch. Up to a vector behind it is written. */
static void pack_x(const Window *w, const Chunk *chunk, const uint16_t *x, int n, int p, Value *to) {
    size_t line = (size_t)chunk->width * (size_t)w->C, row = (size_t)w->W * (size_t)w->C;
    int pixels_left = smaller_int(w->pad_w, chunk->width),
        pixels_inside = smaller_int(w->W, chunk->width - pixels_left);
    size_t left = (size_t)pixels_left * (size_t)w->C, inside = (size_t)pixels_inside * (size_t)w->C;
    for (int i = 0; i < chunk->groups; i++) {
        const uint16_t *a = image_at(x, w, n + 2 * i, (size_t)w->H * row);
        const uint16_t *b = image_at(x, w, n + 2 * i + 1, (size_t)w->H * row);
        for (int h = p * w->stride - w->pad_h, end = h + chunk->height; h < end; h++, to += line) {
            if (h < 0 || h >= w->H) {
                memset(to, 0, line * sizeof *to);
                continue;
            }
            memset(to, 0, left * sizeof *to);
            interleave(a + (size_t)h * row, b ? b + (size_t)h * row : NULL, inside, to + left);
            memset(to + left + inside, 0, (line - left - inside) * sizeof *to);
        }
    }
}

/* For each block of filters [pair][line][Q][filters of the block]. */
static void pack_dy(const Window *w, const Chunk *chunk, const uint16_t *dy, int n, int p, Value *to) {
    const size_t K = (size_t)w->K, size = (size_t)w->P * (size_t)w->Q * K, first = (size_t)p * (size_t)w->Q * K;
    const size_t pixels = (size_t)chunk->lines * (size_t)w->Q;
    for (int i = 0; i < chunk->groups; i++) {
        const uint16_t *a = image_at(dy, w, n + 2 * i, size) + first, *b = image_at(dy, w, n + 2 * i + 1, size);
        if (b) b += first;
        for (size_t k = 0; k < K; k += BLOCK) {
            size_t count = K - k < BLOCK ? K - k : BLOCK, room = (count + LANES - 1) / LANES * LANES;
            Value *pixel = to + k * (size_t)chunk->groups * pixels + (size_t)i * pixels * room;
            if (room == K) { /* as dy lies: one block, and full */
                interleave(a, b, pixels * K, pixel);
                continue;
            }
            for (size_t at = 0; at < pixels; at++, pixel += room)
                interleave(a + at * K + k, b ? b + at * K + k : NULL, count, pixel);
        }
    }
}

#endif

/* ---- A tile: rows (channels at taps) times vectors of filters, over the pixels of a chunk ---- */

typedef struct Tile {
    const Value *x, *dy;
    size_t row[MOST_ROWS];                                        /* from x to the row's first value */
    size_t x_pixel, x_line, x_image, dy_pixel, dy_line, dy_image; /* from one to the next */
    size_t x_row; /* from one line of x to the next, of which x_line skips some */
    int images, lines, pixels, vectors;
    int last;        /* filters in the last vector */
    bool goes_on;    /* the slot holds sums already */
    bool streams;    /* it goes past the caches */
    float *slot;     /* the first row's vectors * LANES */
    size_t slot_row; /* from one row to the next */
} Tile;

/* Where a block is a part of the filters, its values lie so far apart that they drive each other out of the first cache. */
static bool copies_dy(const Window *w) {
    return COPIES && w->K > BLOCK;
}

static size_t scratch_size(const Window *w) {
    const Chunk chunk = largest_chunk(w);
    if (PACKED) return cached_size(w, &chunk);
    return copies_dy(w) ? (size_t)chunk.groups * (size_t)chunk.lines * (size_t)w->Q * BLOCK * sizeof(Value) : 0;
}

/* A block's filters, those of a pixel behind those of the one before. */
static void copy_dy(const Window *w, Tile *t, void *scratch) {
    Value *to = scratch;
    const size_t room = (size_t)t->vectors * LANES, pixels = (size_t)(t->lines * t->pixels);
    const int last = t->last;
    for (int image = 0; image < t->images; image++) {
        const Value *from = t->dy + (size_t)image * t->dy_image;
        for (size_t at = 0; at < pixels; at++, from += w->K, to += room)
            for (int v = 0; v < t->vectors; v++)
                store_float(to + v * LANES, load_float(from + v * LANES, v < t->vectors - 1 ? LANES : last), LANES);
    }
    t->dy = scratch, t->last = LANES;
    t->dy_pixel = room, t->dy_line = (size_t)w->Q * room, t->dy_image = pixels * room;
}

INLINE void multiply(const Tile *t, int rows, int vectors) {
    V sums[MOST_ROWS][MOST_VECTORS];
    const int last = t->last;
    UNROLLED(i, rows)
        UNROLLED(v, vectors)
            sums[i][v] = t->goes_on ? load_float(t->slot + (size_t)i * t->slot_row + v * LANES, LANES) : (V){0};
    for (int image = 0; image < t->images; image++)
        for (int line = 0; line < t->lines; line++) {
            const Value *x = t->x + (size_t)image * t->x_image + (size_t)line * t->x_line;
            const Value *dy = t->dy + (size_t)image * t->dy_image + (size_t)line * t->dy_line;
            for (int q = 0; q < t->pixels; q++, x += t->x_pixel, dy += t->dy_pixel) {
                V filters[MOST_VECTORS];
                UNROLLED(v, vectors) filters[v] = load_float(dy + v * LANES, PACKED || v < vectors - 1 ? LANES : last);
                UNROLLED(i, rows) {
                    /* In float32 a tile's rows are neighbours: no register need hold where they are. */
                    const V channel = word_at(x + (PACKED ? t->row[i] : (size_t)i));
                    UNROLLED(v, vectors) sums[i][v] = add_product(sums[i][v], filters[v], channel);
                }
            }
        }
    UNROLLED(i, rows)
        UNROLLED(v, vectors) {
            float *to = t->slot + (size_t)i * t->slot_row + v * LANES;
            if (t->streams)
                stream(to, sums[i][v]);
            else
                store_float(to, sums[i][v], LANES);
        }
}

#define TILE(rows, vectors)                                                                                            \
    static void multiply_##rows##_##vectors(const Tile *t) {                                                           \
        multiply(t, rows, vectors);                                                                                    \
    }
#define NAME(rows, vectors) multiply_##rows##_##vectors,
/* All tiles that leave registers for dy and a value of x. */
static const int most_rows[] = {12, MOST_VECTORS == 4 ? 12 : 6, 8, 6};
typedef void (*TileFn)(const Tile *t);
UP_TO_12(TILE, 1)
#ifdef __AVX512F__
UP_TO_12(TILE, 2)
UP_TO_8(TILE, 3)
UP_TO_6(TILE, 4)
static const TileFn multiply_tile[MOST_VECTORS][MOST_ROWS] = {
    {UP_TO_12(NAME, 1)}, {UP_TO_12(NAME, 2)}, {UP_TO_8(NAME, 3)}, {UP_TO_6(NAME, 4)}};
#else
UP_TO_6(TILE, 2)
static const TileFn multiply_tile[MOST_VECTORS][MOST_ROWS] = {{UP_TO_12(NAME, 1)}, {UP_TO_6(NAME, 2)}};
#endif

/* ---- The tiles of a chunk ---- */

/* The outputs at..end-1 of [0, count) whose tap lies inside the image. */
typedef struct Range {
    int at, end;
} Range;

static Range range_inside(int tap, int stride, int pad, int length, int count) {
    int at = smaller_int(larger_int(0, pad - tap + stride - 1) / stride, count), last = length - 1 + pad - tap;
    return (Range){at, last < 0 ? at : larger_int(at, smaller_int(count, last / stride + 1))};
}

/* Channels at..end-1 at each tap. What they meet of x and dy stays in the caches from tap to tap. */
static void multiply_channels(const Window *w, Tile *t, Range channels, int p, int lines, float *slot) {
    const Value *x = t->x + channels.at, *dy = t->dy;
    const size_t taps = (size_t)w->R * (size_t)w->S, room = (size_t)t->vectors * LANES;
    const int rows = channels.end - channels.at;
    const int top = PACKED ? 0 : p * w->stride - w->pad_h, left = PACKED ? 0 : -w->pad_w; /* the first tap's, in x */
    t->slot = slot + (size_t)channels.at * taps * room, t->slot_row = taps * room;
    for (int k = 0; k < rows; k++) t->row[k] = (size_t)k;
    for (int r = 0; r < w->R; r++) {
        Range down = range_inside(r * w->dilation, w->stride, w->pad_h, w->H, w->P);
        down = (Range){smaller_int(larger_int(down.at - p, 0), lines), smaller_int(down.end - p, lines)};
        for (int s = 0; s < w->S; s++, t->slot += room) {
            Range across = range_inside(s * w->dilation, w->stride, w->pad_w, w->W, w->Q);
            t->lines = down.end - down.at, t->pixels = across.end - across.at;
            if (t->lines > 0 && t->pixels > 0) {
                t->x = x + (size_t)(down.at * w->stride + r * w->dilation + top) * t->x_row +
                       (size_t)(across.at * w->stride + s * w->dilation + left) * (size_t)w->C;
                t->dy = dy + (size_t)down.at * t->dy_line + (size_t)across.at * t->dy_pixel;
            }
            multiply_tile[t->vectors - 1][rows - 1](t);
        }
    }
}

/* Rows at..end-1 of [C][R][S]. */
static void multiply_rows(const Window *w, Tile *t, Range rows, float *slot) {
    const int taps = w->R * w->S, count = rows.end - rows.at;
    for (int k = 0; k < count; k++) {
        int row = rows.at + k, c = row / taps, tap = row % taps;
        t->row[k] = (size_t)(tap / w->S * w->dilation) * t->x_row + (size_t)(tap % w->S * w->dilation) * (size_t)w->C +
                    (size_t)c;
    }
    t->slot_row = (size_t)t->vectors * LANES, t->slot = slot + (size_t)rows.at * t->slot_row;
    multiply_tile[t->vectors - 1][count - 1](t);
}

/* A block of filters, in as few tiles as possible, as even as possible; p is the chunk's first line. */
static void multiply_block(const Window *w, const Chunk *chunk, const Tile *block, int p, float *slot) {
    const bool few = w->C < FEW_CHANNELS;
    const int count = few ? w->C * w->R * w->S : w->C, most = most_rows[block->vectors - 1];
    const int tiles = (count + most - 1) / most;
    for (int i = 0; i < tiles; i++) {
        Tile t = *block;
        Range range = {count * i / tiles, count * (i + 1) / tiles};
        if (few)
            multiply_rows(w, &t, range, slot);
        else
            multiply_channels(w, &t, range, p, chunk->lines, slot);
    }
}

/* Lines p, ... of images n, ...: all but what depends on the filters. */
static Tile lay_chunk(const Window *w, const Chunk *chunk, const void *x, const void *dy, int n, int p, void *scratch) {
    const size_t C = (size_t)w->C, stride = (size_t)w->stride;
    const size_t line = (size_t)(PACKED ? chunk->width : w->W) * C;
    Tile t = {.images = chunk->groups, .lines = chunk->lines, .pixels = w->Q};
    t.x_pixel = stride * C, t.x_line = stride * line, t.x_row = line,
    t.x_image = (size_t)(PACKED ? chunk->height : w->H) * line;
#ifdef KERNEL_BF16
    Value *x_pairs = scratch, *dy_pairs = x_pairs + packed_values(w, chunk);
    pack_x(w, chunk, x, n, p, x_pairs);
    pack_dy(w, chunk, dy, n, p, dy_pairs);
    t.x = x_pairs, t.dy = dy_pairs;
#else
    (void)scratch;
    t.x = (const Value *)x + (size_t)n * t.x_image;
    t.dy = (const Value *)dy + ((size_t)n * (size_t)w->P + (size_t)p) * (size_t)w->Q * (size_t)w->K;
#endif
    return t;
}

/* The same of filters k, ... */
static Tile lay_block(const Window *w, const Chunk *chunk, Tile t, int k, void *scratch) {
    const int filters = smaller_int(w->K - k, BLOCK);
    t.vectors = (filters + LANES - 1) / LANES, t.last = filters - (t.vectors - 1) * LANES;
    t.dy_pixel = (size_t)(PACKED ? t.vectors * LANES : w->K), t.dy_line = (size_t)w->Q * t.dy_pixel;
    t.dy_image = (size_t)(PACKED ? chunk->lines : w->P) * t.dy_line;
    t.dy += (size_t)k * (PACKED ? (size_t)chunk->groups * (size_t)chunk->lines * (size_t)w->Q : 1);
    if (copies_dy(w)) copy_dy(w, &t, scratch);
    return t;
}

static void backward_weights(const Window *w, const void *x, const void *dy, void *scratch, float *slot, bool add) {
    const Chunk most = largest_chunk(w);
    const size_t rows = (size_t)w->R * (size_t)w->S * (size_t)w->C;
    const bool once = !add && GROUP * most.groups >= w->N && most.lines == w->P;
    const bool streams = once && slot_size(w) * sizeof *slot >= STREAMED && (uintptr_t)slot % sizeof(V) == 0;
    for (int n = 0; n < w->N; n += GROUP * most.groups)
        for (int p = 0; p < w->P; p += most.lines) {
            Chunk chunk = chunk_of(w, smaller_int(most.groups, (w->N - n + GROUP - 1) / GROUP),
                                   smaller_int(most.lines, w->P - p));
            Tile all = lay_chunk(w, &chunk, x, dy, n, p, scratch);
            all.goes_on = add || n || p, all.streams = streams;
            for (int k = 0; k < w->K; k += BLOCK) {
                Tile block = lay_block(w, &chunk, all, k, scratch);
                multiply_block(w, &chunk, &block, p, slot + (size_t)k * rows);
            }
        }
    if (streams) _mm_sfence(); /* before another thread is told */
}

/* Turns each block, a vector of filters at a time: so many lines of dw the first cache holds. */
static void unpack(const Window *w, const float *slot, float *dw) {
    const size_t rows = (size_t)w->C * (size_t)w->R * (size_t)w->S, K = (size_t)w->K;
    for (size_t k = 0; k < K; k += LANES) {
        size_t block = k / BLOCK * BLOCK, left = K - block < BLOCK ? K - block : BLOCK;
        size_t room = (left + LANES - 1) / LANES * LANES, filters = K - k < LANES ? K - k : LANES;
        const float *from = slot + block * rows + (k - block);
        for (size_t row = 0; row < rows; row++)
            for (size_t i = 0; i < filters; i++) dw[(k + i) * rows + row] = from[row * room + i];
    }
}

static bool fits(const Window *w) {
    const int least = PACKED              ? 1
                      : MOST_VECTORS == 4 ? 4
                                          : 5; /* with less, sums wait for each other, and oneDNN is faster */
    return w->groups == 1 && w->C >= least;
}

const ConvKernels PASTE(conv_kernels_, KERNEL_ISA) = {
    .fits = fits,
    .scratch_size = scratch_size,
    .slot_size = slot_size,
    .backward_weights = backward_weights,
    .unpack = unpack,
};

#endif
