/* Matrix products by kernels of our own, compiled once per instruction set and element type.
 *
 * sum[row][column] = left[row] . right[column], summed in float32. What is multiplied at once is a word of 4 bytes: a float32,
 * or two neighbouring bfloat16 along the summed index (an odd length's last word holds one and a zero).
 * The right factor is packed: word after word, its columns in whole vectors; of the left one each word is read where it lies.
 * Every sum is one chain over the words in their order, from 0 or from what is there, or one for each group of words, which are
 * added in tree order (engine.h): it depends neither on the row and the column it stands in nor on how many there are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    /* Words after which sums go back to memory, so that their part of a panel stays in the L2 cache. */
    PRODUCT_BLOCK = 256,
    PRODUCT_PANEL = 64, /* the widest panel of any instruction set */
    PRODUCT_WORD = 4
};

typedef struct Product {
    size_t rows, columns, words; /* columns: at most a panel */
    const void *left;
    size_t left_row, left_word; /* bytes from row to row, from word to word */
    bool left_ends_half;        /* the last word of each row is one bfloat16; what lies behind it is not read */
    const void *right;          /* packed */
    float *sum;
    size_t sum_row; /* floats from row to row */
    bool add;       /* to the sums that are there */
    size_t group;   /* words of a group, from 8 on and of at most PRODUCT_BLOCK, without `add`; 0: one chain */
    /* Where it is not NULL, out = act(sum + bias) as well: rows of elements, or of floats. */
    void *out;
    size_t out_row; /* values */
    bool float_out;
    const float *bias; /* NULL: none */
    float slope;
    const struct Packing *next; /* by rows, what comes then: drawn into the caches meanwhile; NULL: nothing */
} Product;

/* What is to be packed: `length` x `columns` values whose rows lie `step` values apart, or (transposed) those of a matrix whose
 * columns do. Packed columns behind the last one, up to a whole vector, are 0. */
typedef struct Packing {
    const void *from;
    bool floats, transposed; /* floats: not elements, to which they are rounded */
    size_t step, length, columns;
    void *to;
} Packing;

typedef struct ProductKernels {
    size_t panel, vector; /* columns of a panel, of a register */
    size_t element;       /* bytes */
    void (*multiply)(const Product *product);
    void (*pack)(const Packing *packing);
    /* As many multiply-adds as the processor can do, in independent chains that never leave the registers; returns the operations,
     * of which a multiply-add is 2 (of bfloat16 4). */
    double (*peak)(void);
} ProductKernels;

static inline size_t product_words(const ProductKernels *kernels, size_t length) {
    size_t in_word = PRODUCT_WORD / kernels->element;
    return (length + in_word - 1) / in_word;
}

/* Of a packed panel of so many columns: whole vectors. */
static inline size_t product_width(const ProductKernels *kernels, size_t columns) {
    return (columns + kernels->vector - 1) / kernels->vector * kernels->vector;
}

/* Of rows of `length` elements, `step` apart: the left factor. */
static inline Product product_of_rows(const ProductKernels *kernels, const void *left, size_t rows, size_t length,
                                      size_t step) {
    return (Product){.rows = rows,
                     .words = product_words(kernels, length),
                     .left = left,
                     .left_row = step * kernels->element,
                     .left_word = PRODUCT_WORD,
                     .left_ends_half = length * kernels->element % PRODUCT_WORD != 0,
                     .slope = 1};
}

/* ---- What stands between the products of one head of self-attention, on some of its queries' rows of scores ----
 *
 * A row has `step` words, of which `columns`, the keys, count: a multiple of 16 of them. As the left factor of a product it holds
 * elements, in bfloat16 in its first half; what lies behind the last key is 0. */

typedef struct AttentionRows {
    size_t rows, columns, step;
    float factor; /* of the scores' softmax: log2(e) / sqrt(d) */
    float *scores;
    /* Backward only: the products of dy and v; and where elements are half a word, the room for their rows. */
    float *gradients, *halves;
} AttentionRows;

typedef struct AttentionKernels {
    /* The scores become exponentials, the largest of a row 1, as elements. moments [rows][2]: the largest score times the
     * factor, and 1 / the sum of the exponentials. */
    void (*exponentials)(const AttentionRows *a, float *moments);
    /* The scores become probabilities by their moments, the gradients those of the scores (times sqrt(d)), as words of one
     * column and one row, or two rows (one that is missing is 0), the next words' row one or two `step` further. The latter also
     * as elements, in bfloat16 in `halves`. */
    void (*gradients)(const AttentionRows *a, const float *moments);
    /* to[row][column] = sums[row][column] * factors[row * factor_step], as elements. */
    void (*write)(size_t rows, size_t columns, const float *sums, size_t sum_row, const float *factors,
                  size_t factor_step, void *to, size_t to_row);
} AttentionKernels;
