/* The inner loop of UMAP's layout, on sixteen points at once.
 *
 * A point is one lane. Its moves follow each other as they would alone, so its result depends neither on the points beside it
 * nor on the width of the processor's vectors; only +, -, *, / and integer operations are used, which every instruction set
 * rounds alike. layout.h has the method.
 */
#pragma once

#include "base/rng.h"

enum { LAYOUT_LANES = 16, LAYOUT_MOST_COMPONENTS = 64 };

/* What holds for all points of one round. */
typedef struct LayoutPass {
    const float *others; /* [count][components], what is pulled to and pushed from; not written to meanwhile */
    uint32_t count;
    int components;   /* 1 .. LAYOUT_MOST_COMPONENTS */
    int negatives;    /* points pushed from after a pull */
    float a, b;       /* closeness 1 / (1 + a d^(2b)) */
    float repulsion;  /* weight of a push */
    float step;       /* times the clipped gradient */
    RngStream random; /* of the round; a point draws the items key << 32 | block */
    /* densMAP's: of each of the others two numbers of its local radius (layout.c), and the factor of all, of rates in units of
     * 2 / EVENT_WHOLE; NULL: no such moves. */
    const float *density; /* [count][2] */
    float density_scale;
} LayoutPass;

/* The lanes; unused ones have no pulls. */
typedef struct LayoutGroup {
    /* Indices among the others; pulls[lane][0] must be readable even if there is none. */
    const uint32_t *pulls[LAYOUT_LANES];
    int32_t pull_count[LAYOUT_LANES];
    int32_t push_count[LAYOUT_LANES]; /* so many of the first pulls are each followed by pushes */
    uint32_t own[LAYOUT_LANES];       /* never pushed from this one; UINT32_MAX: none */
    uint32_t key[LAYOUT_LANES];
    /* With `density`: the points' own two numbers, and the rate of each pull, which is what its edge weighs. */
    const uint32_t *rates[LAYOUT_LANES];
    float density[2][LAYOUT_LANES];
} LayoutGroup;

typedef struct LayoutKernels {
    const char *name;
    /* Moves the points in y [components][LAYOUT_LANES]. */
    void (*move)(const LayoutPass *pass, const LayoutGroup *group, float *y);
    /* Of each point in y over all its pulls: sums[0] of closeness, sums[1] of closeness x squared distance. */
    void (*closeness)(const LayoutPass *pass, const LayoutGroup *group, const float *y, float sums[2][LAYOUT_LANES]);
    /* out[lane] = x[lane]^p for 1e-37 < x < 1e37 and |p log2 x| < 120; the relative error is below 1.2e-7 (5 + |p log2 x|). */
    void (*power)(const float *x, float p, float *out);
    /* words[lane][4] = block `block` of each key's numbers. */
    void (*random)(const RngStream *stream, const uint32_t *key, uint32_t block, uint32_t words[LAYOUT_LANES][4]);
} LayoutKernels;

/* Those of the best instruction set, as cpu.h chooses. */
const LayoutKernels *layout_kernels(void);
