/* What plan.c (building, running) and plan_layers.c (the work of each kind of layer) share. */
#ifndef NN_PLAN_INSIDE_H
#define NN_PLAN_INSIDE_H

#include "nn/plan.h"

/* One layer in the plan. Activations and gradients are of the whole batch; sizes are floats of one image. */
typedef struct Node {
    const Layer *layer;
    int number;     /* of the layer */
    bool wants_dx;  /* a layer before it has weights */
    bool in_place;  /* y is x and dy is dx */
    Window window;  /* convolutions and pools, for one slice */
    size_t x_size, y_size, rows; /* rows: H*W of y */
    float *x, *y, *dx, *dy;
    float *weight, *bias, *dweight, *dbias;
    /* convolution, dense */
    Conv *conv;
    Dense *dense;
    float *slots; /* a weight gradient per slice */
    size_t slot_size;
    float *slot_sum;
    double *partial; /* [slices][2 C]: bias sums; or batch norm's moments, then its sums */
    /* batch norm, [C] each */
    float *running_mean, *running_var, *mean, *scale, *a, *b, *c;
    double *inverse_deviation;
    uint16_t *place; /* max pool */
} Node;

typedef enum StepKind { STEP_SLICES, STEP_PIECES, STEP_ONCE } StepKind;
typedef cf_status (*StepFn)(Plan *plan, Node *node, int64_t index, int thread);

typedef struct Step {
    StepKind kind;
    StepFn work;
    Node *node;
    int64_t count; /* STEP_PIECES */
} Step;

typedef struct StepList {
    Step *steps;
    int count, room;
} StepList;

struct Plan {
    PlanOptions options;
    int batch, slices, classes; /* batch: whole slices */
    const LayerList *layers;
    Parameters *parameters;
    Node *nodes;
    StepList training, inference, refresh; /* refresh: after the weights changed */
    void *memory;                          /* everything below and in the nodes */
    float *input, *gradient, *probabilities;
    int *labels;
    double *losses; /* per slice */
    int64_t *correct;
    /* the batch under way */
    const Feed *feed;
    const uint32_t *images;
    int n;
    int64_t number;
};

/* Images of slice `index` that are not filling: 0 .. SLICE. */
int plan_valid(const Plan *plan, int64_t index);

cf_status plan_add(StepList *list, StepKind kind, StepFn work, Node *node, int64_t count);

/* The steps of one layer, added to the lists: forward (both ways of running), and backward. */
cf_status add_forward_steps(Plan *plan, Node *node);
cf_status add_backward_steps(Plan *plan, Node *node);

/* The first and the last step of a batch. */
cf_status step_prepare(Plan *plan, Node *node, int64_t index, int thread);
cf_status step_loss(Plan *plan, Node *node, int64_t index, int thread);

#endif
