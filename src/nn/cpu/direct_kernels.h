/* Kernels for convolutions, beside those of oneDNN: y of x, and dx of dy. */
#ifndef NN_CPU_DIRECT_KERNELS_H
#define NN_CPU_DIRECT_KERNELS_H

#include "nn/engine.h"

/* Forward: y [N][P][Q][K] of x [N][H][W][C]; backward: dx, as x is, of dy, as y is. */
typedef enum DirectPass { DIRECT_FORWARD, DIRECT_BACKWARD } DirectPass;

/* Of any window with one group, in float32; they work on one thread and keep no state. */
typedef struct DirectKernels {
    bool (*fits)(const Window *w);                           /* they are faster than oneDNN's */
    size_t (*packed_size)(const Window *w, DirectPass pass); /* floats */
    void (*pack)(const Window *w, DirectPass pass, const float *weights,
                 float *packed); /* packed at a multiple of 32 bytes */
    void (*run)(const Window *w, DirectPass pass, const float *packed, const float *from, float *to);
} DirectKernels;

#endif
