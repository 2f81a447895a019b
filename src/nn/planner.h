/* What the layers lay a plan out with: values and their memory, nodes, steps.
 *
 * A tensor is a value of the plan: what one node makes and others read. A buffer is the memory for it, or for something else of
 * each image that one step leaves to another. When all steps are there, every buffer gets its place by the steps that use it
 * first and last: a buffer that no barrier parts is a thread's own, of one slice; others hold the whole batch; buffers that
 * are not in use at the same time share memory.
 *
 * Gradients: the first node that reaches a tensor on the way back sets its gradient, others add to it.
 */
#pragma once

#include "base/memory.h"
#include "base/rank_tree.h"
#include "nn/plan.h"

typedef struct Node Node;

/* Memory of one list of steps: of the whole batch, or of one slice for each thread, overwritten by its next. */
typedef struct Buffer {
    char *base;
    size_t image_bytes;
    bool held;   /* read behind the last step */
    bool shared; /* the gradient of several tensors: nothing is done to it in place */
    int list;
    int first, last; /* the steps that use it; -1: none */
    size_t offset;
    bool per_thread;
    struct Buffer *next; /* of all */
} Buffer;

typedef enum ListKind { LIST_TRAINING, LIST_INFERENCE, LISTS } ListKind;
enum { IN_TRAINING = 1 << LIST_TRAINING, IN_INFERENCE = 1 << LIST_INFERENCE, IN_BOTH = IN_TRAINING | IN_INFERENCE };

typedef struct Tensor {
    Shape shape;
    size_t size;    /* values of an image */
    size_t element; /* bytes of a value; those of its gradient are the engine's */
    int readers;
    bool behind_weights;  /* a layer before it has weights, in whatever mode */
    bool wants_gradient;  /* such a layer learns, or its gradient is asked for */
    bool needed_by_maker; /* the way back of its maker needs it: nobody works on it in place */
    bool float_wanted;    /* the logits: float32 if the maker can */
    Buffer *value[LISTS], *gradient;
    struct Tensor *attention_weights; /* of a tapped attention layer's output, where they are asked for */
    struct Tensor *next;              /* of all */
} Tensor;

typedef enum StepKind { STEP_SLICES, STEP_PIECES, STEP_ONCE } StepKind;

/* What a step does at a time: a slice, a piece, or all of it. */
typedef struct Work {
    Plan *plan;
    Node *node;
    int64_t index; /* of the slice or piece */
    int thread;
} Work;
typedef cf_status (*StepFn)(const Work *work);

typedef struct Step {
    StepKind kind;
    StepFn work;
    Node *node;
    int64_t count;   /* STEP_PIECES */
    bool joins_last; /* STEP_PIECES: may run together with the step before it */
} Step;

typedef struct StepList {
    Step *steps;
    int count;
} StepList;

typedef struct SliceStep {
    StepFn work;
    int uses; /* USES_.. */
} SliceStep;

/* What a node of some type does; each may be NULL. With nothing for the way back the gradients of its inputs are its output's. */
typedef struct NodeType {
    const char *name;
    StepFn refresh;       /* when the weights have changed */
    StepFn statistics[2]; /* in training, of a layer that is not frozen: of a slice of x, and then of all */
    SliceStep forward;    /* in both lists */
    SliceStep backward;   /* in the training list */
    /* Steps in front of `forward`, to both lists and refresh; and behind `backward`, to the training list and the closing one. */
    cf_status (*add_forward)(Planner *planner, Node *node);
    cf_status (*add_backward)(Planner *planner, Node *node);
    void (*release)(const Engine *engine, Node *node);
    bool elementwise; /* the gradient of its input may be its output's, changed in place */
    bool lends[2];    /* add_backward gives the gradient of this input by planner_lend, not in node->dx */
} NodeType;

/* One operation of the plan: a layer, several, or a part of one. Types of nodes begin with it. */
struct Node {
    const NodeType *type;
    const Layer *layer;
    int number;       /* of the layer */
    Tensor *x[2], *y; /* x[1]: NULL without a second input */
    Buffer *dx[2];    /* where the gradients of the inputs go; NULL: not wanted */
    Buffer *extra[2]; /* what one of its steps leaves to another besides: of one list each */
    bool learns;      /* its parameters have gradients */
    Activation act;   /* what the node computes, or has taken in */
    Buffer *d;        /* the gradient of y, or that behind act */
    Node *next;
};

/* What a step reads or writes of its node's: whose memory is then in use. */
enum {
    USES_NOTHING = 0,
    USES_X = 1,
    USES_Y = 2,
    USES_DX = 4,
    USES_DY = 8,
    USES_EXTRA = 16,
    USES_D = 32, /* node->d */
    USES_FORWARD = USES_X | USES_Y | USES_EXTRA,
};

/* A head while the plan runs. */
typedef struct Head {
    Tensor *logits_tensor;
    const LossSettings *loss; /* NULL: not trained */
    int number;               /* of the samples' targets */
    int classes;
    float *logits;        /* [batch][classes]; NULL where the tensor's value is it */
    float *probabilities; /* [batch][classes] */
    double *log_sums;     /* [batch]: log of the sum of the logits' exponentials */
    double *losses;       /* per slice */
    int64_t *correct;
    double weight; /* of the batch under way */
} Head;

/* A sum over the batch, in double: to[i] = the tree's sum of what lies at (*from)[offset + i], `stride` apart, of each leaf. */
typedef struct DoubleSum {
    double *const *from;
    size_t offset, stride, count;
    int leaves; /* slices, or groups of images */
    float *to;
} DoubleSum;

typedef struct Spread Spread;

struct Plan {
    PlanOptions options;
    int threads;       /* in use; memory is for options.threads */
    int slice, slices; /* the images of one, a divisor of SLICE; their number */
    int group;         /* slices of one part of a convolution's weight gradient, worked on by one thread */
    int batch;         /* a multiple of SLICE; of this rank's part */
    int first;         /* image of the batch that this rank's part begins with: 0 but for ranks */
    Spread *spread;    /* over ranks; NULL: this process has the whole batch */
    DoubleSum *sums;   /* of gradients, closed behind the way back */
    int sum_count;
    Blocks blocks; /* nodes, tensors, buffers, and all other memory but what realloc enlarges */
    const LayerList *layers;
    Parameters *parameters;
    Node *nodes;
    Tensor *tensors;
    Buffer *buffers;
    Tensor **outputs; /* [layers] of each layer; NULL where another took it in */
    Tensor *image;
    Head heads[MOST_HEADS];
    int head_count;
    StepList lists[LISTS], refresh; /* refresh: after the weights changed */
    bool inferring;
    char *memory;
    size_t memory_bytes;
    bool measures;     /* memory_bytes is all that is wanted: none is taken, and it cannot run */
    char *thread_base; /* threads' own buffers, `thread_part` bytes apart */
    size_t thread_part;
    float *gradient;
    float *outside_d, *outside_x, *outside_dx; /* [batch][classes]; [batch][values of the layer] */
    float reversal;
    float *whole; /* [threads][2] prepared images as floats */
    float *row;   /* [threads][most classes], as is row_d */
    double *row_d;
    size_t row_size;
    /* the batch under way */
    Sample *own_samples; /* [batch] */
    const Sample *samples;
    const float *given; /* the gradient of the first head's logits, [n][classes], in place of a loss */
    int n;              /* images, of this rank's part */
    int all_n;          /* of the whole batch */
    int64_t number;
};

/* ---- Laying out ---- */

/* Memory that stays: `target` is of the pointer that is set when all is known. */
typedef struct Want {
    void *target;
    size_t bytes;
} Want;

struct Planner {
    Plan *plan;
    StepList closing, finishing; /* the gradients' sums, which end a training step, and what follows them */
    bool going_back;
    Want *wants;
    size_t want_count;
    bool too_large;
    bool *needed, *taken; /* [layers] */
    int *readers;         /* [layers]: with those from outside */
    Blocks blocks;        /* of these */
    Node *last_node;
};

/* Batch norm by running statistics, nothing dropped, no gradients of parameters: of the layer in all lists. */
static inline bool planner_frozen(const Planner *planner, int number) {
    const PlanOptions *o = &planner->plan->options;
    return o->mode != PLAN_TRAINING || (o->frozen && o->frozen[number]);
}

static inline const Layer *planner_layer(const Planner *planner, int number) {
    return &planner->plan->layers->layers[number];
}
/* What a layer reads; and makes. */
Tensor *planner_input(const Planner *planner, int number, int which);
cf_status planner_output(Planner *planner, int number, Tensor **tensor);
/* A value between the nodes of one layer. */
cf_status planner_tensor(Planner *planner, Shape shape, Tensor **tensor);

/* The number of the layer behind `number` if it is the only one that reads it, and may be taken into the same node; else -1. */
int planner_follower(const Planner *planner, int number);
void planner_take(Planner *planner, int number);
bool planner_is_tap(const Planner *planner, int number);
bool planner_is_output(const Planner *planner, int number);
/* To which a layer's values are rounded; NULL: not at all. */
const FakeRange *planner_range(const Planner *planner, int number);

/* A node of `size` bytes at the end. `y` wants a gradient if an input does or if the node learns; `has_weights`: it does in training. */
cf_status planner_node(Planner *planner, size_t size, const NodeType *type, int number, Tensor *x, Tensor *second,
                       bool has_weights, Tensor *y, void *node);
/* That of a whole layer, from what it reads to the output of `last`: the layer itself, or one that follows and is taken into the node. */
cf_status planner_layer_node(Planner *planner, size_t size, const NodeType *type, int number, int last, void *node);
/* A node that stands in no list: what steps need that belong to no layer. */
cf_status planner_loose_node(Planner *planner, size_t size, Node begin, void *node);
/* y is x, where nobody else needs x; `training`: there, too, where the node's way back, if it has one, does not need x. For `lay`. */
cf_status planner_in_place(Planner *planner, Node *node, bool training);

/* Memory that stays: zeroed; *target is a pointer that is set once all is known. */
cf_status planner_keep(Planner *planner, void *target, size_t count, size_t size);
/* Memory of each image between the steps of the node in a list, where the plan has that. */
cf_status planner_extra(Planner *planner, Node *node, int which, ListKind list, size_t image_bytes);
/* Memory like that of the tensor's gradient, for a gradient that nobody wants. */
cf_status planner_scratch(Planner *planner, const Tensor *tensor, Buffer **buffer);
/* The tensor's gradient, begun by who makes it. */
cf_status planner_begin_gradient(Planner *planner, Tensor *tensor);
/* Where what changes the gradient of y in place puts it: that gradient itself if nobody else reads it. */
cf_status planner_own_gradient(Planner *planner, const Node *node, Buffer **gradient);

/* For `add_backward`: node->d is the gradient in front of node->act, whose derivative follows from y: the gradient of y itself where
 * there is none. */
cf_status planner_behind_activation(Planner *planner, Node *node);
/* `gradient` is that of input `which`, or a part of it. */
cf_status planner_lend(Planner *planner, Node *node, int which, Buffer *gradient);

/* A step at the end of each of the lists, IN_TRAINING and IN_INFERENCE; `uses`: USES_.. of the node. */
cf_status planner_step(Planner *planner, int lists, StepKind kind, StepFn work, Node *node, int64_t count, int uses);
/* Pieces that need nothing of the others: packing of weights; sums of gradients, when the way back is done; what follows
 * those. `uses` as above, for sums. */
cf_status planner_refresh(Planner *planner, StepFn work, Node *node, int64_t count);
cf_status planner_close(Planner *planner, StepFn work, Node *node, int64_t count, int uses);
cf_status planner_finish(Planner *planner, StepFn work, Node *node);
/* All of these that are left, at the end of the training list. */
cf_status planner_end(Planner *planner);
/* A gradient that such steps form, in double. */
cf_status planner_sum(Planner *planner, const DoubleSum *sum);
/* Those that such steps have formed of this process's part of the batch, in float: `count` values in plan_gradient. */
cf_status planner_part_gradient(Planner *planner, float *gradient, size_t count);

/* A tensor of weights and its gradient; NULL: there is none, or none is wanted. */
typedef struct Weights {
    float *values, *gradient;
} Weights;
/* "LAYER.what". */
Weights planner_weights(const Planner *planner, int number, const char *what);

cf_status steps_add(StepList *list, Step step);
/* Buffers for the values of a tensor, where it has none yet, in the lists that the plan has. */
cf_status planner_make_values(Planner *planner, Tensor *tensor);
/* The way back of all nodes, from the last to the first. */
cf_status planner_add_backward(Planner *planner);
/* plan_memory.c: where all buffers lie, when all steps are there; and the plan's memory. */
cf_status planner_place(Planner *planner);
/* plan_heads.c: what stands in front of the layers' steps, the images; and between forward and backward, the losses. */
cf_status planner_add_images(Planner *planner);
cf_status planner_add_heads(Planner *planner);

/* ---- While it runs ---- */

static inline const Kernels *plan_kernels(const Plan *plan) {
    return plan->options.engine->kernels;
}
static inline Buffer *value_buffer(const Plan *plan, const Tensor *tensor) {
    return tensor->value[plan->inferring];
}

static inline float *head_logits(const Plan *plan, const Head *head) {
    return head->logits ? head->logits : (float *)(void *)value_buffer(plan, head->logits_tensor)->base;
}
/* plan_heads.c: what the losses of a batch are divided by; 1 where no image has one. */
void head_weigh(Head *head, const Sample *samples, int n);

static inline const Kernels *work_kernels(const Work *w) {
    return plan_kernels(w->plan);
}
/* Images of the slice that are not filling: 0 .. plan->slice. */
static inline int work_valid(const Work *w) {
    const int slice = w->plan->slice;
    const int64_t left = w->plan->n - w->index * slice;
    return left <= 0 ? 0 : left < slice ? (int)left : slice;
}
/* Values of y in a slice. */
static inline size_t work_values(const Work *w) {
    return (size_t)w->plan->slice * w->node->y->size;
}

/* ---- The slice's part of a buffer, and of those of the node; NULL where there is none ---- */

static inline void *work_at(const Work *w, const Buffer *buffer) {
    const Plan *plan = w->plan;
    if (!buffer) return NULL;
    if (buffer->per_thread) return plan->thread_base + (size_t)w->thread * plan->thread_part + buffer->offset;
    return buffer->base + (size_t)w->index * (size_t)plan->slice * buffer->image_bytes;
}
static inline void *work_x(const Work *w, int which) {
    return w->node->x[which] ? work_at(w, value_buffer(w->plan, w->node->x[which])) : NULL;
}
static inline void *work_y(const Work *w) {
    return work_at(w, value_buffer(w->plan, w->node->y));
}
static inline void *work_dx(const Work *w, int which) {
    return work_at(w, w->node->dx[which]);
}
static inline void *work_dy(const Work *w) {
    return work_at(w, w->node->y->gradient);
}
static inline void *work_d(const Work *w) {
    return work_at(w, w->node->d);
}
/* Of the list under way. */
static inline void *work_extra(const Work *w, int which) {
    const Buffer *extra = w->node->extra[which];
    return extra && extra->list == (int)w->plan->inferring ? work_at(w, extra) : NULL;
}

/* Images of the smallest part of a batch: whole groups of each kind of sum, of slices and of a dense layer's images. */
static inline int plan_unit(const Plan *plan) {
    const int group = plan->slice * plan->group;
    return group > DENSE_GROUP ? group : DENSE_GROUP;
}

/* ---- plan_spread.c: sums, and a batch over ranks, each of which has a part ---- */

/* values[s] += values[s + 1], then pairs of pairs: the fixed tree in which sums over the batch are formed, so that part of the
 * batch gives part of the tree. `stride` apart, `size` doubles each; the sum is values[0]. */
void tree_sum(double *values, size_t stride, int count, size_t size);

/* Vectors of `size` doubles that a plan keeps one of for each slice: with room for those of the ranks behind them. */
size_t plan_rows(const Plan *plan);
/* values[0] = the sum over the whole batch of `size` doubles of each slice: plan_rows of them. */
cf_status plan_sum(const Plan *plan, double *values, size_t size);
/* The same, where two parts are joined by `join` instead of an addition: of the images from first .. middle and middle .. end of the
 * batch, the former's values are to be both's. */
typedef void (*PartsJoin)(void *context, double *to, const double *from, int first, int middle, int end);
cf_status plan_join_parts(const Plan *plan, double *values, size_t size, PartsJoin join, void *context);

/* Sets the part of the batch that this process has: plan->first and batch. */
cf_status spread_new(Plan *plan);
void spread_free(Spread *spread);
/* Has the sum over ranks of the gradients so far begin with the next step, where they are worth a message. */
cf_status spread_begin_sums(Planner *planner, bool last);
/* Drives messages on. */
cf_status spread_advance(const Plan *plan);
/* Behind the way back: gradients, and the losses and counts of the heads, are those of the whole batch. */
cf_status spread_finish(Plan *plan, bool *stop);
/* The name of the first of all ranks' layers; NULL: each has the number behind the last. */
cf_status spread_name_first(Plan *plan, int layer, const char **name);
