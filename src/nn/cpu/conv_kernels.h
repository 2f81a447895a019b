/* Convolutions by kernels of our own, beside oneDNN's: for windows where it is slow, and for weight gradients, where it spends up
 * to a third of its time on transposing x and dy. They work on one thread and keep no state but the scratch.
 */
#pragma once

#include "nn/engine.h"

/* Forward: y [N][P][Q][K] of x [N][H][W][C]; backward: dx, as x is, or the weights' gradient of dy, as y is. */
typedef enum ConvPass { CONV_FORWARD, CONV_BACKWARD_DATA, CONV_BACKWARD_WEIGHTS, CONV_PASSES } ConvPass;

/* For the two passes that read weights, for weight gradients, or for all: functions of what they are not for are NULL. */
typedef struct ConvKernels {
    bool (*fits)(const Window *w);           /* they can do this window, faster than oneDNN */
    size_t (*scratch_size)(const Window *w); /* bytes that a thread needs for any pass, or 0; at a multiple of 64 */

    /* Floats of the weights in the order that a pass asks for, rounded as elements are, at a multiple of 64 bytes; 0 backward:
     * those packed forward. */
    size_t (*packed_size)(const Window *w, ConvPass pass);
    void (*pack)(const Window *w, ConvPass pass, const float *weights, float *packed);
    void (*run)(const Window *w, ConvPass pass, const float *packed, const void *from, void *scratch, void *to);

    /* Floats of a slice's weight gradient in the kernels' own order. */
    size_t (*slot_size)(const Window *w);
    /* slot = the weight gradient of w->N images, or += with `add`; x and dy are elements. */
    void (*backward_weights)(const Window *w, const void *x, const void *dy, void *scratch, float *slot, bool add);
    /* dw [K][C][R][S] of a slot, or of a sum of slots. */
    void (*unpack)(const Window *w, const float *slot, float *dw);
} ConvKernels;
