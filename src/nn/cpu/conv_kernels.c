/* The kernels of nn/cpu/conv_kernels.h, where the instruction set multiplies bfloat16 (AVX512_BF16); nothing elsewhere.
 *
 *   dw[k][c][r][s] = sum over images n and output pixels (p, q) of dy[n][p][q][k] * x[n][p * stride + r - pad][...][c]
 *
 * The instruction adds two products to each float lane, of values that are neighbours in memory. Here they are those of the
 * same pixel in two images: x and dy are packed as pairs of images, in the order they have, so nothing is transposed, and
 * any stride, padding and odd width is as good as another. In a tile, 6 channels of x meet 64 of dy in registers: their pairs
 * of x are broadcast, and all pixels go by. A tap's pixels whose x is padding are left out, not multiplied by 0, but where
 * there are so few channels that a tile takes those of several taps.
 *
 * As many images, or lines of them, are packed at once as stay in a core's second cache; the sums of several go on in the
 * slot. The slot: blocks of up to 64 filters, each [C][R][S][filters of the block, rounded up to 16].
 */
#include "nn/cpu/conv_kernels.h"

#include "nn/cpu/vectors.h"

#ifdef __AVX512BF16__

enum {
    MOST_VECTORS = 4,        /* of 16 filters, in a tile */
    BLOCK = 64,              /* filters in a block: those of a tile */
    MOST_ROWS = 12,          /* channels of x in a tile */
    FEW_CHANNELS = 4,        /* fewer are too few for a tile: it takes channels of several taps */
    MOST_PACKED = 512 << 10, /* bytes: half of a core's second cache */
    STREAMED = 2 << 20       /* bytes: a slot so large has left the caches before anyone reads it */
};

typedef uint32_t Pair; /* a value of one image and, in the upper half, of the next */

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

static int round_up(int count, int to) {
    return (count + to - 1) / to * to;
}

/* What is packed at once: whole images, or lines of one pair of them. */
typedef struct Chunk {
    int pairs, lines;  /* lines of the output */
    int height, width; /* pixels of x that their windows touch, padding and all */
    size_t x_size;     /* pairs */
} Chunk;

static Chunk chunk_of(const Window *w, int pairs, int lines) {
    Chunk chunk = {pairs, lines, (lines - 1) * w->stride + w->R, (w->Q - 1) * w->stride + w->S, 0};
    chunk.x_size = (size_t)pairs * (size_t)chunk.height * (size_t)chunk.width * (size_t)w->C;
    return chunk;
}

static size_t packed_size(const Window *w, const Chunk *chunk) {
    size_t dy = (size_t)chunk->pairs * (size_t)chunk->lines * (size_t)w->Q * (size_t)round_up(w->K, LANES);
    return (chunk->x_size + LANES + dy) * sizeof(Pair);
}

static Chunk largest_chunk(const Window *w) {
    Chunk chunk = chunk_of(w, (w->N + 1) / 2, w->P);
    while (chunk.pairs > 1 && packed_size(w, &chunk) > MOST_PACKED) chunk = chunk_of(w, (chunk.pairs + 1) / 2, w->P);
    while (chunk.lines > 1 && packed_size(w, &chunk) > MOST_PACKED) chunk = chunk_of(w, 1, (chunk.lines + 1) / 2);
    return chunk;
}

static size_t scratch_size(const Window *w) {
    Chunk chunk = largest_chunk(w);
    return packed_size(w, &chunk);
}

static size_t slot_size(const Window *w) {
    return (size_t)w->R * (size_t)w->S * (size_t)w->C * (size_t)round_up(w->K, LANES);
}

/* ---- Packing ---- */

/* to[i] = the pair of a[i] and b[i]; b NULL: of a[i] and 0. Pairs of 0 fill the last vector. */
INLINE void interleave(const uint16_t *a, const uint16_t *b, size_t count, Pair *to) {
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
static void pack_x(const Window *w, const Chunk *chunk, const uint16_t *x, int n, int p, Pair *to) {
    size_t line = (size_t)chunk->width * (size_t)w->C, row = (size_t)w->W * (size_t)w->C;
    int pixels_left = smaller(w->pad_w, chunk->width), pixels_inside = smaller(w->W, chunk->width - pixels_left);
    size_t left = (size_t)pixels_left * (size_t)w->C, inside = (size_t)pixels_inside * (size_t)w->C;
    for (int i = 0; i < chunk->pairs; i++) {
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
static void pack_dy(const Window *w, const Chunk *chunk, const uint16_t *dy, int n, int p, Pair *to) {
    const size_t K = (size_t)w->K, size = (size_t)w->P * (size_t)w->Q * K, first = (size_t)p * (size_t)w->Q * K;
    const size_t pixels = (size_t)chunk->lines * (size_t)w->Q;
    for (int i = 0; i < chunk->pairs; i++) {
        const uint16_t *a = image_at(dy, w, n + 2 * i, size) + first, *b = image_at(dy, w, n + 2 * i + 1, size);
        if (b) b += first;
        for (size_t k = 0; k < K; k += BLOCK) {
            size_t count = K - k < BLOCK ? K - k : BLOCK, room = (count + LANES - 1) / LANES * LANES;
            Pair *pixel = to + k * (size_t)chunk->pairs * pixels + (size_t)i * pixels * room;
            if (room == K) { /* as dy lies: one block, and full */
                interleave(a, b, pixels * K, pixel);
                continue;
            }
            for (size_t at = 0; at < pixels; at++, pixel += room)
                interleave(a + at * K + k, b ? b + at * K + k : NULL, count, pixel);
        }
    }
}

/* ---- A tile: rows (channels at taps) times vectors of filters, over the pixels of a chunk ---- */

typedef struct Tile {
    const Pair *x, *dy;
    size_t row[MOST_ROWS];                              /* from x to the row's first value */
    size_t x_pixel, x_line, x_image, dy_line, dy_image; /* from one to the next */
    int images, lines, pixels, vectors;
    bool goes_on;    /* the slot holds sums already */
    float *slot;     /* the first row's vectors * 16 */
    size_t slot_row; /* from one row to the next */
    bool streams;    /* the slot goes past the caches, which need not read it first */
} Tile;

/* what(i, v) for every row and vector of a tile. Written out: not every compiler would unroll loops in time to see that the
 * sums stay in registers. */
#define EACH_VECTOR(what, i) what(i, 0) what(i, 1) what(i, 2) what(i, 3)
#define EACH_ROW(what)       what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(8) what(9) what(10) what(11)

INLINE void multiply(const Tile *t, int rows, int vectors) {
    __m512 sums[MOST_ROWS][MOST_VECTORS];
    __m512bh filters[MOST_VECTORS], pair;
#define START(i, v)                                                                                                    \
    if (i < rows && v < vectors)                                                                                       \
        sums[i][v] = t->goes_on ? _mm512_loadu_ps(t->slot + i * t->slot_row + v * LANES) : _mm512_setzero_ps();
#define LOAD(i, v)                                                                                                     \
    if (v < vectors) filters[v] = (__m512bh)_mm512_loadu_si512(dy + v * LANES);
#define ADD(i, v)                                                                                                      \
    if (v < vectors) sums[i][v] = _mm512_dpbf16_ps(sums[i][v], filters[v], pair);
#define END(i, v)                                                                                                      \
    if (i < rows && v < vectors) {                                                                                     \
        if (t->streams)                                                                                                \
            _mm512_stream_ps(t->slot + i * t->slot_row + v * LANES, sums[i][v]);                                       \
        else                                                                                                           \
            _mm512_storeu_ps(t->slot + i * t->slot_row + v * LANES, sums[i][v]);                                       \
    }
#define START_ROW(i) EACH_VECTOR(START, i)
#define ADD_ROW(i)                                                                                                     \
    if (i < rows) {                                                                                                    \
        pair = (__m512bh)_mm512_set1_epi32((int)x[t->row[i]]);                                                         \
        EACH_VECTOR(ADD, i)                                                                                            \
    }
#define END_ROW(i) EACH_VECTOR(END, i)
    EACH_ROW(START_ROW)
    for (int image = 0; image < t->images; image++)
        for (int line = 0; line < t->lines; line++) {
            const Pair *x = t->x + (size_t)image * t->x_image + (size_t)line * t->x_line;
            const Pair *dy = t->dy + (size_t)image * t->dy_image + (size_t)line * t->dy_line;
            for (int q = 0; q < t->pixels; q++, x += t->x_pixel, dy += vectors * LANES) {
                EACH_VECTOR(LOAD, 0)
                EACH_ROW(ADD_ROW)
            }
        }
    EACH_ROW(END_ROW)
#undef START
#undef LOAD
#undef ADD
#undef END
#undef START_ROW
#undef ADD_ROW
#undef END_ROW
}

/* All tiles that leave registers for dy and a value of x. */
#define SIX(what, vectors)                                                                                             \
    what(1, vectors) what(2, vectors) what(3, vectors) what(4, vectors) what(5, vectors) what(6, vectors)
#define EIGHT(what, vectors) SIX(what, vectors) what(7, vectors) what(8, vectors)
#define TWELVE(what, vectors)                                                                                          \
    EIGHT(what, vectors) what(9, vectors) what(10, vectors) what(11, vectors) what(12, vectors)

#define TILE(rows, vectors)                                                                                            \
    static void multiply_##rows##_##vectors(const Tile *t) {                                                           \
        multiply(t, rows, vectors);                                                                                    \
    }
TWELVE(TILE, 1)
TWELVE(TILE, 2)
EIGHT(TILE, 3)
SIX(TILE, 4)

#define NAME(rows, vectors) multiply_##rows##_##vectors,
static void (*const multiply_tile[MOST_VECTORS][MOST_ROWS])(const Tile *) = {
    {TWELVE(NAME, 1)}, {TWELVE(NAME, 2)}, {EIGHT(NAME, 3)}, {SIX(NAME, 4)}};
static const int most_rows[MOST_VECTORS] = {12, 12, 8, 6};

/* ---- The tiles of a chunk ---- */

/* The outputs at..end-1 of [0, count) whose tap lies inside the image. */
typedef struct Range {
    int at, end;
} Range;

static Range range_inside(int tap, int stride, int pad, int length, int count) {
    int at = smaller(larger(0, pad - tap + stride - 1) / stride, count), last = length - 1 + pad - tap;
    return (Range){at, last < 0 ? at : larger(at, smaller(count, last / stride + 1))};
}

/* Rows start, start + step, ... of [C][R][S] in as few tiles as possible, as even as possible. */
static void multiply_rows(const Window *w, const Chunk *chunk, Tile *t, int start, int step, float *slot) {
    int taps = w->R * w->S, count = w->C * taps / step;
    int most = most_rows[t->vectors - 1], tiles = (count + most - 1) / most;
    t->slot_row = (size_t)(step * t->vectors * LANES);
    for (int i = 0; i < tiles; i++) {
        int first = count * i / tiles, rows = count * (i + 1) / tiles - first;
        for (int k = 0; k < rows; k++) {
            int row = start + (first + k) * step, c = row / taps, tap = row % taps;
            t->row[k] = ((size_t)(tap / w->S) * (size_t)chunk->width + (size_t)(tap % w->S)) * (size_t)w->C + (size_t)c;
        }
        t->slot = slot + (size_t)(start + first * step) * (size_t)t->vectors * LANES;
        multiply_tile[t->vectors - 1][rows - 1](t);
    }
}

/* A block of filters: x and dy are packed, the latter of these filters; p is the chunk's first line. */
static void multiply_block(const Window *w, const Chunk *chunk, Tile *t, int p, float *slot) {
    const size_t line = (size_t)chunk->width * (size_t)w->C, pixel = (size_t)t->vectors * LANES;
    const Pair *x = t->x, *dy = t->dy;
    t->x_pixel = (size_t)w->stride * (size_t)w->C, t->x_line = (size_t)w->stride * line;
    t->x_image = (size_t)chunk->height * line;
    t->dy_line = (size_t)w->Q * pixel, t->dy_image = (size_t)chunk->lines * t->dy_line;
    t->images = chunk->pairs, t->lines = chunk->lines, t->pixels = w->Q;
    if (w->C < FEW_CHANNELS) {
        multiply_rows(w, chunk, t, 0, 1, slot);
        return;
    }
    for (int r = 0; r < w->R; r++)
        for (int s = 0; s < w->S; s++) {
            Range lines = range_inside(r, w->stride, w->pad_h, w->H, w->P);
            Range pixels = range_inside(s, w->stride, w->pad_w, w->W, w->Q);
            lines = (Range){smaller(larger(lines.at - p, 0), chunk->lines), smaller(lines.end - p, chunk->lines)};
            t->x = x + (size_t)lines.at * t->x_line + (size_t)pixels.at * t->x_pixel;
            t->dy = dy + (size_t)lines.at * t->dy_line + (size_t)pixels.at * pixel;
            t->lines = lines.end - lines.at, t->pixels = pixels.end - pixels.at;
            multiply_rows(w, chunk, t, r * w->S + s, w->R * w->S, slot);
        }
}

static void backward_weights(const Window *w, const void *x, const void *dy, void *scratch, float *slot) {
    const Chunk most = largest_chunk(w);
    const size_t rows = (size_t)w->R * (size_t)w->S * (size_t)w->C;
    const bool once = 2 * most.pairs >= w->N && most.lines == w->P;
    const bool streams = once && slot_size(w) * sizeof *slot >= STREAMED && (uintptr_t)slot % 64 == 0;
    Pair *x_pairs = scratch, *dy_pairs = x_pairs + (most.x_size + LANES - 1) / LANES * LANES;
    for (int n = 0; n < w->N; n += 2 * most.pairs)
        for (int p = 0; p < w->P; p += most.lines) {
            Chunk chunk = chunk_of(w, smaller(most.pairs, (w->N - n + 1) / 2), smaller(most.lines, w->P - p));
            size_t pixels = (size_t)chunk.pairs * (size_t)chunk.lines * (size_t)w->Q;
            pack_x(w, &chunk, x, n, p, x_pairs);
            pack_dy(w, &chunk, dy, n, p, dy_pairs);
            for (int k = 0; k < w->K; k += BLOCK) {
                Tile tile = {.x = x_pairs,
                             .dy = dy_pairs + (size_t)k * pixels,
                             .vectors = (smaller(w->K - k, BLOCK) + LANES - 1) / LANES,
                             .goes_on = n || p,
                             .streams = streams};
                multiply_block(w, &chunk, &tile, p, slot + (size_t)k * rows);
            }
        }
    if (streams) _mm_sfence(); /* before another thread is told */
}

/* Turns each block, 16 filters at a time: so many lines of dw the first cache holds. */
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

extern const ConvKernels PASTE(conv_kernels_, KERNEL_ISA);
const ConvKernels PASTE(conv_kernels_, KERNEL_ISA) = {
    .scratch_size = scratch_size,
    .slot_size = slot_size,
    .backward_weights = backward_weights,
    .unpack = unpack,
};

#endif
