/* What plan.c (building, running) and plan_layers.c (the work of each kind of layer) share. */
#ifndef NN_PLAN_INSIDE_H
#define NN_PLAN_INSIDE_H

#include "nn/plan.h"

typedef enum NodeKind {
    NODE_CONV,
    NODE_BLOCK, /* batch norm with the activation and the max pool that follow it, if they do */
    NODE_DENSE, /* with the activation that follows it, if one does */
    NODE_RELU,
    NODE_MAXPOOL,
    NODE_AVGPOOL,
    NODE_DROPOUT
} NodeKind;

/* What one operation works on: an array of the whole batch, or one slice's part per thread, overwritten by the next. */
typedef struct Values {
    void *base;
    size_t size;    /* values of one image */
    size_t element; /* bytes of a value */
    bool per_thread;
} Values;

/* One operation in the plan: a layer, or several fused. */
typedef struct Node {
    NodeKind kind;
    const Layer *layer; /* the first one */
    const Layer *last;  /* the last one */
    int number;         /* of the first layer */
    bool wants_dx;      /* a layer before it has weights */
    bool in_place;      /* y is x and dy is dx */
    Window window;      /* convolutions and pools, for one slice */
    float slope;        /* of the activation; 1: none */
    size_t rows;        /* H*W of y */
    Values x, y, dx, dy;
    float *weight, *bias, *dweight, *dbias;
    /* convolution, dense */
    Conv *conv;
    Dense *dense;
    Stem *stem; /* of a convolution, which then has nothing else, and of the block behind it: they are one operation */
    void *own;  /* a convolution's output and its gradient for one slice per thread */
    float *slots; /* a weight gradient per slice */
    size_t slot_size;
    float *slot_sum;
    double *partial; /* [slices][2 C]: bias sums; a block's moments, then its sums; a stem's. Dense: the batch's, [K] */
    /* block */
    Block block;
    float *running_mean, *running_var, *mean, *scale, *a, *b, *c; /* [C] */
    double *moments; /* [3 C]: the batch's mean, variance and 1 / deviation */
    void *picked;
    uint8_t *place_small;
    uint16_t *place; /* max pool alone */
} Node;

static inline Activation node_activation(const Node *node) {
    return (Activation){node->slope < 1 ? ACT_RELU : ACT_NONE, node->slope};
}

typedef enum StepKind { STEP_SLICES, STEP_PIECES, STEP_ONCE } StepKind;
typedef cf_status (*StepFn)(Plan *plan, Node *node, int64_t index, int thread);

typedef struct Step {
    StepKind kind;
    StepFn work;
    Node *node;
    int64_t count;   /* STEP_PIECES */
    bool joins_last; /* STEP_PIECES: may run together with the step before it */
} Step;

typedef struct StepList {
    Step *steps;
    int count, room;
} StepList;

struct Plan {
    PlanOptions options;
    int threads;        /* in use; memory is for options.threads */
    int slice, slices;  /* the images of one, a divisor of SLICE; their number */
    int batch, classes; /* batch: a multiple of SLICE */
    const LayerList *layers;
    Parameters *parameters;
    Node *nodes;
    int node_count;
    StepList training, inference, refresh; /* refresh: after the weights changed */
    StepList closing;                      /* while building: the gradients' sums, which end a training step */
    bool inferring;
    void *memory; /* everything below and in the nodes */
    Values input;
    float *image; /* [threads] one prepared image as floats, where elements are not float */
    float *gradient, *probabilities, *logits;
    int *labels;
    double *losses; /* per slice */
    int64_t *correct;
    /* the batch under way */
    const Feed *feed;
    const uint32_t *images;
    int n, labelled; /* labelled: those of the n whose label the network knows */
    int64_t number;
};

/* Images of slice `index` that are not filling: 0 .. plan->slice. */
int plan_valid(const Plan *plan, int64_t index);

cf_status plan_add(StepList *list, StepKind kind, StepFn work, Node *node, int64_t count);

/* One slice's part of `values`. */
static inline void *slice_of(const Plan *plan, const Values *values, int64_t index, int thread) {
    size_t part = values->per_thread ? (size_t)thread : (size_t)index;
    return (char *)values->base + part * (size_t)plan->slice * values->size * values->element;
}

/* The steps of one node, added to the lists: forward (both ways of running), and backward; the loss between them; and the
 * sums of the weights' gradients at the end. */
cf_status add_forward_steps(Plan *plan, Node *node);
cf_status add_loss_steps(Plan *plan, Node *last);
cf_status add_backward_steps(Plan *plan, Node *node);
cf_status add_closing_steps(Plan *plan);

/* The first step of a batch. */
cf_status step_prepare(Plan *plan, Node *node, int64_t index, int thread);

#endif
