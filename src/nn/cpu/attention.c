/* Self-attention by the kernels of product_kernels.h.
 *
 * Head by head; k and v are packed once, queries go in blocks, of which whole rows of scores are formed, so that memory grows
 * with the positions, not with their square. Kept is what gives back the probabilities, two numbers a query and head, as in
 * FlashAttention (Dao et al. 2022): forming the scores again costs a product of five, but keeping the probabilities was no
 * more than 3 % faster at 64 positions, where they take two thirds of the memory of q, k and v, and with more all the more.
 */
#include "nn/cpu/cpu.h"

#include "base/memory.h"
#include "base/numbers.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_NEAR = 1024, MOST_ROWS = 64, LEAST_ROWS = 16, BLOCK_SCORES = 1 << 16 };

struct Attention {
    AttentionShape shape;
    const Kernels *elements;
    const ProductKernels *product;
    const AttentionKernels *kernels;
    bool training;
    size_t d, positions, rows, step; /* rows: of a block, an even number; step: of AttentionRows */
    float factor, inverse_root;      /* log2(e) / sqrt(d); 1 / sqrt(d) */
    size_t scratch_size;             /* floats of a thread */
    _Alignas(64) float scratch[];    /* [threads][scratch_size] */
};

/* A thread's scratch. Packed matrices are panel after panel (product_kernels.h), named by what their words run along. */
typedef struct Scratch {
    float *k_along_d, *v_along_d;                 /* of all keys */
    float *of_positions;                          /* v forward, k backward, along the keys */
    float *q_along_rows, *dy_along_rows;          /* of a block */
    float *scores, *gradients, *halves, *moments; /* of a block, as AttentionRows has them */
    float *sums;                                  /* of a block: [rows][d], in whole vectors */
    float *dk, *dv;                               /* [positions][d], likewise */
} Scratch;

/* Returns the floats that it takes; base NULL: only that. */
static size_t divide(const Attention *a, float *base, Scratch *s) {
    const size_t d_words = product_words(a->product, a->d), words = product_words(a->product, a->positions),
                 row_words = product_words(a->product, a->rows), d_width = product_width(a->product, a->d),
                 width = product_width(a->product, a->positions), way_back = a->training;
    size_t used = 0;
    s->k_along_d = scratch_part(base, &used, d_words * width);
    s->of_positions = scratch_part(base, &used, words * d_width);
    s->scores = scratch_part(base, &used, a->rows * a->step);
    s->moments = scratch_part(base, &used, 2 * a->rows);
    s->sums = scratch_part(base, &used, a->rows * d_width);
    s->v_along_d = scratch_part(base, &used, way_back * d_words * width);
    s->q_along_rows = scratch_part(base, &used, way_back * row_words * d_width);
    s->dy_along_rows = scratch_part(base, &used, way_back * row_words * d_width);
    s->gradients = scratch_part(base, &used, way_back * a->rows * a->step);
    s->dk = scratch_part(base, &used, way_back * a->positions * d_width);
    s->dv = scratch_part(base, &used, way_back * a->positions * d_width);
    s->halves = s->gradients;
    if (a->product->element < PRODUCT_WORD) s->halves = scratch_part(base, &used, way_back * a->rows * a->step);
    return used;
}

static Scratch scratch_of(Attention *a, int thread) {
    Scratch s;
    divide(a, a->scratch + (size_t)thread * a->scratch_size, &s);
    return s;
}

static void attention_free(Attention *attention) {
    free(attention);
}

static cf_status new_with(const Engine *engine, const AttentionShape *shape, bool training, int threads,
                          Attention **attention) {
    const KernelSet *set = cpu_kernel_set(engine->kernels);
    const size_t d = (size_t)(shape->channels / shape->heads), positions = (size_t)shape->positions,
                 rows = BLOCK_SCORES / positions / 2 * 2,
                 most = smaller_size(rows < LEAST_ROWS ? LEAST_ROWS : rows, MOST_ROWS);
    Scratch unused;
    Attention a = {.shape = *shape,
                   .elements = set->elements,
                   .product = set->product,
                   .kernels = set->attention,
                   .training = training,
                   .d = d,
                   .positions = positions,
                   .rows = smaller_size(most, (positions + 1) / 2 * 2),
                   .step = (positions + 15) / 16 * 16,
                   .inverse_root = (float)(1 / sqrt((double)d)),
                   .factor = (float)(M_LOG2E / sqrt((double)d))};
    a.scratch_size = divide(&a, NULL, &unused);
    FORWARD(memory_new(1, sizeof a + (size_t)threads * a.scratch_size * sizeof *a.scratch, attention));
    **attention = a;
    return CF_OK;
}

static cf_status attention_new(const AttentionShape *shape, bool training, int threads, Attention **attention) {
    return new_with(cpu_engine(), shape, training, threads, attention);
}

static cf_status attention_new_bf16(const AttentionShape *shape, bool training, int threads, Attention **attention) {
    return new_with(cpu_engine_bf16(), shape, training, threads, attention);
}

/* The moments of AttentionRows, head after head. */
static size_t attention_kept(const Attention *a) {
    return (size_t)a->shape.heads * a->positions * 2 * sizeof(float);
}

/* ---- Products of one head ---- */

/* A matrix of elements whose rows lie `step` apart, packed: its rows as words, or (`along`) its columns. */
static void pack(const Attention *a, bool along, const char *from, size_t step, size_t rows, size_t columns,
                 float *to) {
    const ProductKernels *kernels = a->product;
    const size_t all = along ? rows : columns, length = along ? columns : rows;
    for (size_t j = 0; j < all; j += kernels->panel) {
        const size_t part = smaller_size(kernels->panel, all - j);
        const Packing packing = {
            .from = from + j * (along ? step : 1) * kernels->element,
            .transposed = along,
            .step = step,
            .length = length,
            .columns = part,
            .to = to + j * product_words(kernels, length),
        };
        kernels->pack(&packing);
    }
}

/* A head's part of so many rows of q, k and v in turn, or of dy or y, that is to be drawn near while a product runs: processors
 * do not foresee lines so far apart. */
static Packing near_of(const Attention *a, const void *from, size_t rows) {
    return (Packing){.from = from,
                     .step = (size_t)a->shape.channels,
                     .length = from ? smaller_size(rows, MOST_NEAR) : 0,
                     .columns = a->d};
}

/* A product by a packed matrix of so many columns. */
static void multiply(const Attention *a, Product p, const float *packed, size_t columns, float *sum, size_t sum_row) {
    for (size_t j = 0; j < columns; j += a->product->panel) {
        p.columns = smaller_size(a->product->panel, columns - j);
        p.right = packed + j * p.words;
        p.sum = sum + j;
        p.sum_row = sum_row;
        a->product->multiply(&p);
        p.next = NULL;
    }
}

/* Products of rows of elements with every position's: scores and gradients of probabilities. */
static void multiply_along_d(const Attention *a, const char *rows, size_t count, size_t step, const float *packed,
                             float *sum, const Packing *next) {
    Product p = product_of_rows(a->product, rows, count, a->d, step);
    p.next = next;
    multiply(a, p, packed, a->positions, sum, a->step);
}

/* Sums over all positions of rows' elements times the positions' vectors. */
static void multiply_along_positions(const Attention *a, const float *rows, size_t count, const Scratch *s,
                                     const Packing *next) {
    const Product p = {
        .rows = count,
        .words = product_words(a->product, a->positions),
        .left = rows,
        .left_row = a->step * PRODUCT_WORD,
        .left_word = PRODUCT_WORD,
        .next = next,
    };
    multiply(a, p, s->of_positions, a->d, s->sums, product_width(a->product, a->d));
}

/* For every position the sum over a block's rows of its words times the rows' vectors. */
static void multiply_along_rows(const Attention *a, const float *words, size_t count, const float *packed, bool add,
                                float *sum) {
    const Product p = {
        .rows = a->positions,
        .words = product_words(a->product, count),
        .left = words,
        .left_row = PRODUCT_WORD,
        .left_word = PRODUCT_WORD / a->product->element * a->step * PRODUCT_WORD,
        .add = add,
    };
    multiply(a, p, packed, a->d, sum, product_width(a->product, a->d));
}

static void write_rows(const Attention *a, size_t rows, const float *sums, const float *factors, size_t factor_step,
                       char *to, size_t step) {
    a->kernels->write(rows, a->d, sums, product_width(a->product, a->d), factors, factor_step, to, step);
}

/* ---- Passes: of one head; pointers to its first row ---- */

static void forward_head(const Attention *a, const Scratch *s, const char *q, char *y, float *moments,
                         const char *next) {
    const size_t element = a->product->element, C = (size_t)a->shape.channels, L = a->positions;
    const char *k = q + C * element, *v = k + C * element;
    const Packing input = near_of(a, next, 3 * L), output = near_of(a, y, L);
    pack(a, true, k, 3 * C, L, a->d, s->k_along_d);
    pack(a, false, v, 3 * C, L, a->d, s->of_positions);
    for (size_t first = 0; first < L; first += a->rows) {
        const size_t rows = smaller_size(a->rows, L - first);
        float *of_rows = moments ? moments + 2 * first : s->moments;
        multiply_along_d(a, q + first * 3 * C * element, rows, 3 * C, s->k_along_d, s->scores, first ? NULL : &output);
        a->kernels->exponentials(&(AttentionRows){rows, L, a->step, a->factor, .scores = s->scores}, of_rows);
        multiply_along_positions(a, s->scores, rows, s, first ? NULL : &input);
        write_rows(a, rows, s->sums, of_rows + 1, 2, y + first * C * element, C);
    }
}

/* As forward_head forms them. */
static void weigh_head(const Attention *a, const Scratch *s, const char *q, float *weights) {
    const size_t element = a->product->element, C = (size_t)a->shape.channels, L = a->positions;
    pack(a, true, q + C * element, 3 * C, L, a->d, s->k_along_d);
    for (size_t first = 0; first < L; first += a->rows) {
        const size_t rows = smaller_size(a->rows, L - first);
        multiply_along_d(a, q + first * 3 * C * element, rows, 3 * C, s->k_along_d, s->scores, NULL);
        a->kernels->exponentials(&(AttentionRows){rows, L, a->step, a->factor, .scores = s->scores}, s->moments);
        for (size_t r = 0; r < rows; r++) {
            float *row = weights + (first + r) * L;
            a->elements->to_float(s->scores + r * a->step, L, row);
            for (size_t j = 0; j < L; j++) row[j] *= s->moments[2 * r + 1];
        }
    }
}

static void backward_head(const Attention *a, const Scratch *s, const char *q, const float *moments, const char *dy,
                          char *dq, const char *next_q, const char *next_dy) {
    const float one = 1;
    const size_t element = a->product->element, C = (size_t)a->shape.channels, L = a->positions;
    const char *k = q + C * element, *v = k + C * element;
    const Packing output = near_of(a, dq, 3 * L), input = near_of(a, next_q, 3 * L), gradient = near_of(a, next_dy, L);
    pack(a, true, k, 3 * C, L, a->d, s->k_along_d);
    pack(a, true, v, 3 * C, L, a->d, s->v_along_d);
    pack(a, false, k, 3 * C, L, a->d, s->of_positions);
    for (size_t first = 0; first < L; first += a->rows) {
        const size_t rows = smaller_size(a->rows, L - first);
        const char *of_q = q + first * 3 * C * element, *of_dy = dy + first * C * element;
        multiply_along_d(a, of_q, rows, 3 * C, s->k_along_d, s->scores, first ? NULL : &output);
        multiply_along_d(a, of_dy, rows, C, s->v_along_d, s->gradients, first ? NULL : &input);
        a->kernels->gradients(&(AttentionRows){rows, L, a->step, a->factor, s->scores, s->gradients, s->halves},
                              moments + 2 * first);
        multiply_along_positions(a, s->halves, rows, s, first ? NULL : &gradient);
        write_rows(a, rows, s->sums, &a->inverse_root, 0, dq + first * 3 * C * element, 3 * C);
        pack(a, false, of_q, 3 * C, rows, a->d, s->q_along_rows);
        pack(a, false, of_dy, C, rows, a->d, s->dy_along_rows);
        multiply_along_rows(a, s->gradients, rows, s->q_along_rows, first > 0, s->dk);
        multiply_along_rows(a, s->scores, rows, s->dy_along_rows, first > 0, s->dv);
    }
    write_rows(a, L, s->dk, &a->inverse_root, 0, dq + C * element, 3 * C);
    write_rows(a, L, s->dv, &one, 0, dq + 2 * C * element, 3 * C);
}

/* Where head `index`, counted over the images, begins in an array whose rows are `parts` x channels; NULL behind the last. */
static char *head_of(const Attention *a, const void *array, size_t index, size_t parts) {
    const size_t heads = (size_t)a->shape.heads, row = parts * (size_t)a->shape.channels;
    const size_t at = index / heads * a->positions * row + index % heads * a->d;
    return index < heads * (size_t)a->shape.N ? (char *)array + at * a->product->element : NULL;
}

static void attention_forward(Attention *a, int thread, const void *qkv, void *y, void *kept) {
    const Scratch s = scratch_of(a, thread);
    for (size_t i = 0; i < (size_t)(a->shape.N * a->shape.heads); i++)
        forward_head(a, &s, head_of(a, qkv, i, 3), head_of(a, y, i, 1),
                     kept ? (float *)kept + i * a->positions * 2 : NULL, head_of(a, qkv, i + 1, 3));
}

static void attention_backward(Attention *a, int thread, const void *qkv, const void *y, const void *kept,
                               const void *dy, void *dqkv) {
    const Scratch s = scratch_of(a, thread);
    (void)y;
    for (size_t i = 0; i < (size_t)(a->shape.N * a->shape.heads); i++)
        backward_head(a, &s, head_of(a, qkv, i, 3), (const float *)kept + i * a->positions * 2, head_of(a, dy, i, 1),
                      head_of(a, dqkv, i, 3), head_of(a, qkv, i + 1, 3), head_of(a, dy, i + 1, 1));
}

static void attention_weights(Attention *a, int thread, const void *qkv, float *weights) {
    const Scratch s = scratch_of(a, thread);
    for (size_t i = 0; i < (size_t)(a->shape.N * a->shape.heads); i++)
        weigh_head(a, &s, head_of(a, qkv, i, 3), weights + i * a->positions * a->positions);
}

void cpu_use_attention(Engine *engine) {
    engine->attention_new = engine->kernels->element == sizeof(float) ? attention_new : attention_new_bf16;
    engine->attention_free = attention_free;
    engine->attention_kept = attention_kept;
    engine->attention_forward = attention_forward;
    engine->attention_backward = attention_backward;
    engine->attention_weights = attention_weights;
}
