/* The kernels of nn/cpu/attention.c: what stands between the products of one head, on some of its queries' rows of scores.
 *
 * A row has `step` words of 4 bytes, of which `columns`, the keys, count: a multiple of 16 of them. As the left factor of a
 * product (product_kernels.h) it holds elements, in bfloat16 in its first half; what lies behind the last key is 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

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
