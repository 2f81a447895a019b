/* The kernels of product_kernels.h (KERNEL_ISA, KERNEL_BF16).
 *
 * A tile of ROWS x VECTORS registers of sums takes, word by word, a few vectors of the packed factor and one broadcast word of
 * the other per row. Its size leaves room for both among 32 (16) registers; at most eight rows, since rows that lie a power
 * of two apart meet in one set of an L1 cache of eight ways. Whole vectors of a register's own width: compilers keep wider
 * ones in memory.
 */
#include "nn/cpu/product_kernels.h"

#include "nn/cpu/vectors.h"
#include "nn/engine.h"

#if defined(__AVX512F__)
enum { VECTORS = 4 };
#define LOWER_HALVES(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define UPPER_HALVES(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif defined(__AVX2__)
enum { VECTORS = 2 };
#define LOWER_HALVES(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define UPPER_HALVES(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
enum { VECTORS = 2 };
#define LOWER_HALVES(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define UPPER_HALVES(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

enum { ROWS = 6, LEVELS = 5, /* the groups of a block, in a tree */ LINE = 64 };

/* n or LANES of them, whichever is less; the others read as 0 and are not written. */
INLINE int lanes_of(size_t n) {
    return n < LANES ? (int)n : LANES;
}

/* The vectors of so many columns, which are mostly a constant. */
#define EACH_VECTOR(c, columns) _Pragma("GCC unroll 16") for (size_t c = 0; c < (columns); c += LANES)

INLINE size_t whole_vectors(size_t columns) {
    return (columns + LANES - 1) / LANES * LANES;
}

/* ---- Multiplying ---- */

/* One word of every row of a tile; `bytes` of it are there. */
INLINE void add_word(V sum[ROWS][VECTORS], const char *left, size_t left_row, size_t bytes, const float *right,
                     size_t rows, size_t vectors) {
    V of_right[VECTORS];
    UNROLLED(v, vectors) of_right[v] = words_at(right + v * LANES);
    UNROLLED(r, rows) {
        float word = 0;
        memcpy(&word, left + r * left_row, bytes);
        V of_left = all_lanes(word);
        UNROLLED(v, vectors) sum[r][v] = add_product(sum[r][v], of_left, of_right[v]);
    }
}

INLINE void join(V sum[ROWS][VECTORS], V before[ROWS][VECTORS], size_t rows, size_t vectors) {
    UNROLLED(r, rows)
        UNROLLED(v, vectors) sum[r][v] += before[r][v];
}

/* A part of a product that is one tile of rows and one block of words. The sums of groups wait on a stack. */
INLINE void multiply_tile(const Product *p, size_t rows, size_t vectors) {
    const char *left = p->left;
    const float *right = p->right;
    const size_t left_row = p->left_row, left_word = p->left_word, width = vectors * LANES, sum_row = p->sum_row,
                 last = p->columns - (vectors - 1) * LANES;
    const size_t group = p->group ? p->group : p->words;
    size_t words = p->words - (IN_WORD > 1 && p->left_ends_half), height = 0;
    V sum[ROWS][VECTORS] = {0}, stack[LEVELS][ROWS][VECTORS];
    if (!p->out)
        UNROLLED(r, rows)
            UNROLLED(v, vectors) __builtin_prefetch(p->sum + r * sum_row + v * LANES, 1);
    if (p->add)
        UNROLLED(r, rows)
            UNROLLED(v, vectors)
                sum[r][v] = load_float(p->sum + r * sum_row + v * LANES, lanes_of(v + 1 < vectors ? LANES : last));
    for (size_t g = 0;; g++) {
        for (size_t k = words < group ? words : group; k > 0; k--, left += left_word, right += width)
            add_word(sum, left, left_row, PRODUCT_WORD, right, rows, vectors);
        for (int joins = tree_joins(g); joins > 0; joins--) join(sum, stack[--height], rows, vectors);
        if (words <= group) break;
        words -= group;
        UNROLLED(r, rows)
            UNROLLED(v, vectors) {
                stack[height][r][v] = sum[r][v];
                sum[r][v] = (V){0};
            }
        height++;
    }
    while (height > 0) join(sum, stack[--height], rows, vectors);
    if (IN_WORD > 1 && p->left_ends_half) add_word(sum, left, left_row, sizeof(T), right, rows, vectors);
    UNROLLED(r, rows)
        UNROLLED(v, vectors)
            store_float(p->sum + r * sum_row + v * LANES, sum[r][v], lanes_of(v + 1 < vectors ? LANES : last));
}

#define TILE(rows, vectors)                                                                                            \
    static void multiply_##rows##_##vectors(const Product *p) {                                                        \
        multiply_tile(p, rows, vectors);                                                                               \
    }
#define NAME(rows, vectors) multiply_##rows##_##vectors,
UP_TO_6(TILE, 1)
UP_TO_6(TILE, 2)
#if defined(__AVX512F__)
UP_TO_6(TILE, 3)
UP_TO_6(TILE, 4)
#endif
static void (*const by_size[VECTORS][ROWS])(const Product *p) = {
    {UP_TO_6(NAME, 1)},
    {UP_TO_6(NAME, 2)},
#if defined(__AVX512F__)
    {UP_TO_6(NAME, 3)},
    {UP_TO_6(NAME, 4)},
#endif
};

/* Rows first .. end of what is packed next: a processor foresees lines that follow each other, but not a few at a time from
 * rows that lie far apart. */
static void draw_near(const Packing *p, size_t first, size_t end) {
    const size_t element = p->floats ? sizeof(float) : sizeof(T);
    for (size_t k = first; k < end; k++)
        for (size_t at = 0; at < p->columns * element; at += LINE)
            __builtin_prefetch((const char *)p->from + k * p->step * element + at, 0, 2);
}

static size_t out_element(const Product *p) {
    return p->float_out ? sizeof(float) : sizeof(T);
}

static void draw_out_near(const Product *p) {
    for (size_t r = 0; r < p->rows; r++)
        for (size_t at = 0; at < p->columns * out_element(p); at += LINE)
            __builtin_prefetch((char *)p->out + r * p->out_row * out_element(p) + at, 1);
}

/* `plain`: neither a bias nor an activation. */
INLINE void write_rows(const Product *p, size_t columns, bool plain, bool float_out) {
    const size_t rows = p->rows, sum_row = p->sum_row, out_row = p->out_row;
    const float *sum = p->sum, *bias = p->bias;
    const float slope = p->slope;
    char *out = p->out;
    for (size_t r = 0; r < rows; r++)
        EACH_VECTOR(c, columns) {
            const size_t at = r * out_row + c;
            const int n = lanes_at((int)columns, (int)c);
            V v = load_float(sum + r * sum_row + c, n);
            if (!plain && bias) v += load_float(bias + c, n);
            if (!plain) v = where_positive(v, v, slope); /* NaN stays NaN: what has diverged must not look sound */
            if (float_out)
                store_float((float *)(void *)out + at, v, n);
            else
                store((T *)(void *)out + at, v, n);
        }
}

static void write_out(const Product *p) {
    const bool plain = p->slope == 1 && !p->bias;
    if (plain && !p->float_out && p->columns == VECTORS * LANES)
        write_rows(p, VECTORS * LANES, true, false);
    else if (p->float_out)
        write_rows(p, p->columns, false, true);
    else
        write_rows(p, p->columns, false, false);
}

/* Tiles of about as many rows each, over one block of words after the other. */
static void multiply(const Product *p) {
    const size_t tiles = (p->rows + ROWS - 1) / ROWS;
    Product part = *p;
    for (size_t word = 0; word < p->words; word += PRODUCT_BLOCK) {
        const bool last = p->words - word <= PRODUCT_BLOCK;
        part.words = last ? p->words - word : PRODUCT_BLOCK;
        part.left_ends_half = last && p->left_ends_half;
        part.right = (const float *)p->right + word * whole_vectors(p->columns);
        part.add = p->add || word > 0;
        for (size_t t = 0; t < tiles; t++) {
            const size_t first = p->rows * t / tiles, end = p->rows * (t + 1) / tiles;
            part.rows = end - first;
            part.left = (const char *)p->left + first * p->left_row + word * p->left_word;
            part.sum = p->sum + first * p->sum_row;
            part.out = last && p->out ? (char *)p->out + first * p->out_row * out_element(p) : NULL;
            if (p->next && last) draw_near(p->next, p->next->length * t / tiles, p->next->length * (t + 1) / tiles);
            if (part.out) draw_out_near(&part);
            by_size[(p->columns + LANES - 1) / LANES - 1][part.rows - 1](&part);
            if (part.out) write_out(&part);
        }
    }
}

/* ---- Packing ---- */

#ifdef KERNEL_BF16
INLINE VT read_elements(const void *from, size_t at, size_t n, bool floats) {
    VT whole, part = {0};
    if (floats) return narrow((V)load_float((const float *)from + at, lanes_of(n)));
    if (n >= LANES) {
        memcpy(&whole, (const T *)from + at, sizeof whole);
        return whole;
    }
    memcpy(&part, (const T *)from + at, n * sizeof(T));
    return part;
}

/* The words of n columns of a row and the next one, if there is one. */
INLINE V words_of_rows(const void *from, size_t at, size_t step, bool pair, size_t n, bool floats) {
    VT low = read_elements(from, at, n, floats), high = {0};
    if (pair) high = read_elements(from, at + step, n, floats);
    return (V)__builtin_shufflevector(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25,
                                      10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/* The words of n values of a row. */
INLINE V words_of_row(const void *from, size_t at, size_t n, bool floats) {
    VT t[2] = {0};
    V words;
    t[0] = read_elements(from, at, n, floats);
    if (n > LANES) t[1] = read_elements(from, at + LANES, n - LANES, floats);
    memcpy(&words, t, sizeof words);
    return words;
}
#else
INLINE V words_of_rows(const void *from, size_t at, size_t step, bool pair, size_t n, bool floats) {
    (void)step, (void)pair, (void)floats;
    return load_float((const float *)from + at, lanes_of(n));
}

INLINE V words_of_row(const void *from, size_t at, size_t n, bool floats) {
    (void)floats;
    return load_float((const float *)from + at, lanes_of(n));
}
#endif

INLINE void pack_rows(const Packing *p, size_t columns, bool floats) {
    const size_t step = p->step, length = p->length, width = whole_vectors(columns);
    const void *from = p->from;
    float *to = p->to;
    for (size_t k = 0; k < length; k += IN_WORD, to += width)
        EACH_VECTOR(c, columns) {
            V words = words_of_rows(from, k * step + c, step, k + 1 < length, columns - c, floats);
            memcpy(to + c, &words, sizeof words);
        }
}

/* Each round moves the top bit of a value's row number to the end of its lane number and that one's top bit to the end of
 * the row number: after log2(LANES) rounds the two have changed places. */
INLINE void transpose(V v[LANES]) {
    _Pragma("GCC unroll 4") for (int round = 1; round < LANES; round *= 2) {
        V next[LANES];
        UNROLLED(i, LANES / 2) {
            next[2 * i] = LOWER_HALVES(v[i], v[i + LANES / 2]);
            next[2 * i + 1] = UPPER_HALVES(v[i], v[i + LANES / 2]);
        }
        memcpy(v, next, sizeof next);
    }
}

/* LANES columns from c on, of as many words from k on; `whole`: all of them are there. */
INLINE void pack_square(const Packing *p, size_t c, size_t k, bool whole, bool floats) {
    const size_t columns = whole ? LANES : p->columns - c, length = whole ? LANES * IN_WORD : p->length - k * IN_WORD;
    const size_t width = whole_vectors(p->columns);
    float *to = (float *)p->to + k * width + c;
    V v[LANES];
    UNROLLED(r, (size_t)LANES) {
        v[r] = (V){0};
        if (r < columns) v[r] = words_of_row(p->from, (c + r) * p->step + k * IN_WORD, length, floats);
    }
    transpose(v);
    UNROLLED(r, (size_t)LANES)
        if (r * IN_WORD < length) memcpy(to + r * width, &v[r], sizeof(V));
}

INLINE void pack_columns(const Packing *p, bool floats) {
    for (size_t c = 0; c < p->columns; c += LANES)
        for (size_t k = 0; k * IN_WORD < p->length; k += LANES)
            if (p->columns - c >= LANES && p->length - k * IN_WORD >= LANES * IN_WORD)
                pack_square(p, c, k, true, floats);
            else
                pack_square(p, c, k, false, floats);
}

INLINE void pack_with(const Packing *p, bool floats) {
    if (p->transposed)
        pack_columns(p, floats);
    else if (p->columns == VECTORS * LANES)
        pack_rows(p, VECTORS * LANES, floats);
    else
        pack_rows(p, p->columns, floats);
}

static void pack(const Packing *p) {
    if (p->floats)
        pack_with(p, true);
    else
        pack_with(p, false);
}

/* ---- Peak ---- */

static double peak(void) {
    enum { CHAINS = 12, TURNS = 200000 };
    const V half = all_lanes(0.5f); /* in bfloat16, and 0 */
    V chain[CHAINS];
    UNROLLED(c, CHAINS) chain[c] = all_lanes((float)c);
    for (int t = 0; t < TURNS; t++)
        UNROLLED(c, CHAINS) chain[c] = add_product(chain[c], half, half);
    for (int c = 1; c < CHAINS; c++) chain[0] += chain[c];
    volatile float used = chain[0][0]; /* so that no compiler leaves the work out */
    (void)used;
    return 2.0 * IN_WORD * LANES * CHAINS * TURNS;
}

const ProductKernels PASTE(product_kernels_, KERNEL_ISA) = {
    .panel = LANES * VECTORS,
    .vector = LANES,
    .element = sizeof(T),
    .multiply = multiply,
    .pack = pack,
    .peak = peak,
};
