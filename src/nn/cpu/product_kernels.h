/* Matrix products by kernels of our own, compiled once per instruction set and element type.
 *
 * sum[row][column] = left[row] . right[column], summed in float32. What is multiplied at once is a word of 4 bytes: a float32,
 * or two neighbouring bfloat16 along the summed index (an odd length's last word holds one and a zero).
 * The right factor is packed: word after word, `width` columns of each; of the left one each word is read where it lies.
 * Every sum is one chain over the words in their order, from 0 or from what is there, or one for each group of words, which are
 * added in tree order (engine.h): it depends neither on the row and the column it stands in nor on how many there are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    PRODUCT_BLOCK =
        256, /* words after which sums go back to memory, so that their part of a panel stays in the L2 cache */
    PRODUCT_PANEL = 64, /* the widest panel of any instruction set */
    PRODUCT_GROUP = 8,  /* the least words of a group */
    PRODUCT_WORD = 4
};

typedef struct Product {
    size_t rows, columns, words; /* columns: at most a panel */
    const void *left;
    size_t left_row, left_word; /* bytes from row to row, from word to word */
    bool left_ends_half;        /* the last word of each row is one bfloat16; what lies behind it is not read */
    const void *right;
    size_t width;
    float *sum;
    size_t sum_row; /* floats from row to row */
    bool add;       /* to the sums that are there */
    size_t group;   /* words of a group, of at most PRODUCT_BLOCK, without `add`; 0: one chain */
    /* Where it is not NULL, out = act(sum + bias) as well: rows of elements, or of floats. */
    void *out;
    size_t out_row; /* values */
    bool float_out;
    const float *bias; /* NULL: none */
    float slope;
    const struct Packing *next; /* by rows, what comes then: drawn into the caches meanwhile; NULL: nothing */
    size_t next_element;        /* bytes of its values */
} Product;

/* What is to be packed: `length` x `columns` values whose rows lie `step` values apart, or (transposed) those of a matrix whose columns
 * do. Packed columns from `columns` to `width` are 0. */
typedef struct Packing {
    const void *from;
    bool floats, transposed;             /* floats: not elements, to which they are rounded */
    size_t step, length, columns, width; /* width: product_width of the columns */
    void *to;
} Packing;

typedef struct ProductKernels {
    size_t panel, vector; /* columns of a panel, of a register */
    size_t element;       /* bytes */
    void (*multiply)(const Product *product);
    void (*pack)(const Packing *packing);
    /* As many multiply-adds as the processor can do, in independent chains that never leave the registers; returns the operations, of
     * which a multiply-add is 2 (of bfloat16 4). */
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
