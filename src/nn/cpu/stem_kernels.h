/* The kernels of nn/cpu/stem.c: a convolution of a few taps, with what follows it, on images laid out in planes.
 *
 * Planes: [images][C][H + 2 pad_h][row] of elements (or of floats), a row being STEM_MARGIN zeros, W values, and zeros up to
 * a whole vector; the margin of the next row is what lies to the right of one. So a tap is an offset, a pixel is an offset,
 * and what a tap reads outside the image is 0.
 */
#pragma once

#include "nn/engine.h"

enum { STEM_MARGIN = 16, STEM_LANES = 16, STEM_TAPS = 80, STEM_SIDE = 9 };

typedef struct StemShape {
    Window w;
    int pool;                        /* 2: windows of 2 x 2; 1: none */
    int taps, lines;                 /* C*R*S; and C*R */
    int terms;                       /* of a line: its S taps, or pairs of them that forward adds up at once */
    int lanes;                       /* K in whole vectors */
    size_t row, plane, image, slack; /* values; slack: behind the last image, read but not used */
    size_t line[STEM_TAPS];          /* offset of a line's first tap from the output pixel's */
} StemShape;

typedef struct StemKernels {
    int per_term; /* neighbouring taps of a line that forward adds up at once */
    void (*planes)(const StemShape *s, int N, const void *x, void *planes);
    void (*float_planes)(const StemShape *s, int N, const void *x, float *planes);
    /* sums [taps + 1][taps + 1]: row t, column u >= t of sum p p^T over the N images' patches p, and in the last column sum
     * p. `columns` is scratch of stem_columns floats. */
    void (*patches)(const StemShape *s, int N, const float *planes, float *columns, double *sums);
    /* weights [lines][terms][lanes][per_term]; y and place as block_forward has them. */
    void (*forward)(const StemShape *s, const Block *b, int N, const void *planes, const void *weights, void *y,
                    uint8_t *place);
    /* sums [taps + 1][lanes]: of d p over the places picked, and in the last row of d. */
    void (*backward)(const StemShape *s, const Block *b, int N, const void *planes, const void *y, const void *dy,
                     const uint8_t *place, double *sums);
} StemKernels;

/* Classes of rows (see stem_kernels.c) x shifts of a filter row x values of a row. */
static inline size_t stem_columns(const StemShape *s) {
    return (size_t)(2 * (s->w.R - 1 - s->w.pad_h) + 1) * (size_t)(2 * s->w.S - 1) * (s->row - STEM_MARGIN);
}
