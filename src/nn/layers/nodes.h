/* Nodes that several families of layers are made of. */
#pragma once

#include "nn/planner.h"

enum { SUM_PIECE = 4096 }; /* values of a sum that are one piece of work */
static inline int64_t sum_pieces(size_t size) {
    return ((int64_t)size + SUM_PIECE - 1) / SUM_PIECE;
}
/* The piece at hand of to[i] = the sum of slots[s][i] over `count` slots of `size` values. */
static inline void work_sum_slots(const Work *w, const float *slots, size_t size, int count, float *to) {
    const size_t from = (size_t)w->index * SUM_PIECE, end = from + SUM_PIECE;
    work_kernels(w)->sum_slots(slots, size, count, from, end < size ? end : size, to);
}

/* A convolution of x: the window without N, and the names of its tensors; bias NULL: none. */
cf_status lay_convolution(Planner *planner, int number, const Window *window, const char *weight, const char *bias,
                          Tensor *x, Tensor *y);
/* Every value of y from every value of x, by tensors `weight` and `bias`; act: a rectifier behind it, or none. */
cf_status lay_dense(Planner *planner, int number, const char *weight, const char *bias, Activation act, Tensor *x,
                    Tensor *y);
cf_status lay_activation(Planner *planner, int number, Activation act, Tensor *x, Tensor *y);
/* The mean over windows. */
cf_status lay_average(Planner *planner, int number, const Window *window, Tensor *x, Tensor *y);

/* Rounded as 8-bit integers of this range are; float32 alone. `range` lives as long as the plan. */
cf_status lay_fake_quant(Planner *planner, int number, const FakeRange *range, Tensor *x, Tensor *y);

/* The batch norm of layer `number` behind a convolution, as one operation with it, where the engine has that; *laid tells. */
cf_status lay_stem(Planner *planner, int number, bool *laid);
