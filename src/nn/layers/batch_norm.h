/* Batch norm in a plan: its coefficients from the batch's moments or the running ones, and the way back. */
#pragma once

#include "nn/layers/nodes.h"

typedef struct BatchNorm {
    Block block; /* with what follows it in the same node */
    double epsilon, momentum;
    Weights weight, bias;
    float *running_mean, *running_var;
    float *mean, *scale, *a, *b, *c; /* [C] */
    double *moments;                 /* [3 C]: the batch's mean, variance and 1 / deviation; then sums */
    const float *offset;             /* [C] or NULL: what the values lack, which only moves the running mean */
} BatchNorm;

/* What follows the bn of layer `number` in the same node: an addition, an activation, a pool. */
typedef struct BlockParts {
    int last;     /* the last layer taken */
    int addition; /* -1: none */
    Activation act;
    const Layer *pool; /* NULL: none */
} BlockParts;
BlockParts block_parts(const Planner *planner, int number, bool with_addition);
void block_take(Planner *planner, int number, const BlockParts *parts);

cf_status batch_norm_init(Planner *planner, int number, const BlockParts *parts, BatchNorm *norm);
/* Sets block's pointers when memory is there: at the first refresh. */
void batch_norm_use_running(BatchNorm *norm);
/* From the batch's mean and variance in norm->moments, of so many values: coefficients and running statistics. */
void batch_norm_close(BatchNorm *norm, double count);
/* From sum d in moments[0 .. C) and sum d (x - mean) in moments[C .. 2C). */
void batch_norm_close_backward(BatchNorm *norm, double count);

