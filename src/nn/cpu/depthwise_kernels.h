/* Kernels for depthwise convolutions (groups == C), with one filter or a few for each channel: oneDNN is slow at some strides and
 * filters of these, and hundreds of times slower where a channel has several. */
#pragma once

#include "nn/engine.h"

/* They work on one thread and keep no state but the scratch. Weights and slots are in the kernels' own order, of the same size. */
typedef struct DepthwiseKernels {
    bool (*fits)(const Window *w);
    size_t (*scratch_size)(const Window *w); /* bytes that a thread needs, at a multiple of 64 */
    size_t (*slot_size)(const Window *w);    /* floats */
    void (*pack)(const Window *w, const float *weights, float *packed); /* rounded as elements are */
    void (*unpack)(const Window *w, const float *slot, float *dw);
    void (*forward)(const Window *w, const float *packed, const void *x, void *scratch, void *y);
    void (*backward_data)(const Window *w, const float *packed, const void *dy, void *scratch, void *dx);
    void (*backward_weights)(const Window *w, const void *x, const void *dy, void *scratch, float *slot, bool add);
} DepthwiseKernels;
