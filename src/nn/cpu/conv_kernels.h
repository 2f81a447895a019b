/* Kernels for convolutions, beside those of oneDNN: the weight gradient, where oneDNN spends up to a third of its time on
 * transposing x and dy. */
#pragma once

#include "nn/engine.h"

/* Of any window with one group; they work on one thread and keep no state but the scratch. */
typedef struct ConvKernels {
    int least_channels;                      /* with fewer, oneDNN is faster */
    size_t (*scratch_size)(const Window *w); /* bytes that a thread needs, or 0; at a multiple of 64 */
    size_t (*slot_size)(const Window *w);    /* floats of a slice's weight gradient in the kernels' own order */
    /* slot = the weight gradient of w->N images, or += with `add`; x [N][H][W][C] and dy [N][P][Q][K] are elements. */
    void (*backward_weights)(const Window *w, const void *x, const void *dy, void *scratch, float *slot, bool add);
    /* dw [K][C][R][S] of a slot, or of a sum of slots. */
    void (*unpack)(const Window *w, const float *slot, float *dw);
} ConvKernels;
