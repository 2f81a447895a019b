/* Ways to convolve, beside oneDNN's: y of x, and dx of dy. */
#pragma once

#include "nn/engine.h"

/* Forward: y [N][P][Q][K] of x [N][H][W][C]; backward: dx, as x is, of dy, as y is. */
typedef enum ConvPass { CONV_FORWARD, CONV_BACKWARD_DATA } ConvPass;

/* In float32; it works on one thread and keeps no state but the scratch. */
typedef struct ConvAlgorithm {
    bool (*fits)(const Window *w);                         /* it can do this window, faster than oneDNN */
    size_t (*packed_size)(const Window *w, ConvPass pass); /* floats */
    void (*pack)(const Window *w, ConvPass pass, const float *weights,
                 float *packed);             /* packed at a multiple of 64 bytes */
    size_t (*scratch_size)(const Window *w); /* bytes that a thread needs for either pass, or 0; at a multiple of 64 */
    void (*run)(const Window *w, ConvPass pass, const float *packed, const float *from, void *scratch, float *to);
} ConvAlgorithm;
