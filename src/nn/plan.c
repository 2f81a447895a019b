/* Lays a network out in memory, lists its steps, and runs them. */
#include "nn/plan_inside.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory: a table of what is wanted, then one allocation ---- */

typedef struct Want {
    void *target; /* of a pointer */
    size_t bytes;
} Want;

typedef struct WantTable {
    Want *wants;
    int count, room;
    bool too_large;
} WantTable;

enum { ALIGN = 64, WANTS_PER_LAYER = 18 };

static void want(WantTable *table, void *target, size_t count, size_t size) {
    size_t bytes;
    if (!size_multiply(count, size, &bytes) || bytes > SIZE_MAX / 4) table->too_large = true, bytes = 0;
    if (table->count < table->room) table->wants[table->count++] = (Want){target, (bytes + ALIGN - 1) / ALIGN * ALIGN};
}

static cf_status allot(const WantTable *table, void **memory) {
    size_t total = 0, offset = 0;
    FAIL_IF(table->too_large || table->count == table->room, CF_NO_MEMORY, "this network and batch are too large");
    for (int i = 0; i < table->count; i++)
        FAIL_IF(__builtin_add_overflow(total, table->wants[i].bytes, &total), CF_NO_MEMORY,
                "this network and batch are too large");
    FORWARD(memory_new(total, 1, memory));
    for (int i = 0; i < table->count; i++) {
        void *place = (char *)*memory + offset;
        memcpy(table->wants[i].target, &place, sizeof place);
        offset += table->wants[i].bytes;
    }
    return CF_OK;
}

/* ---- Building ---- */

/* Images of a slice. Eight large pictures each would be too few slices for many threads, at the batches that such pictures are
 * trained with, and the arrays of which each thread has its own (Node.own) would be large. But a slice has its own weight
 * gradients: it is to keep no fewer values than those have. */
static int plan_slice(const LayerList *layers) {
    enum { MOST_VALUES = 1 << 20 }; /* of the largest array: those of MNIST's or SVHN's networks stay below */
    size_t largest = shape_size(layers->input), kept = largest, weights = 0, slice = SLICE;
    for (int i = 0; i < layers->count; i++) {
        const size_t size = shape_size(layers->layers[i].out);
        if (size > largest) largest = size;
        kept += size;
        if (layers->layers[i].kind == LAYER_CONV) weights += layers->layers[i].parameters;
    }
    while (slice > 1 && slice * largest > MOST_VALUES && slice / 2 * kept >= weights) slice /= 2;
    return (int)slice;
}

cf_status plan_add(StepList *list, StepKind kind, StepFn work, Node *node, int64_t count) {
    if (list->count == list->room) {
        int room = list->room ? 2 * list->room : 32;
        Step *steps = realloc(list->steps, (size_t)room * sizeof *steps);
        FAIL_IF(!steps, CF_NO_MEMORY, "out of memory while planning");
        list->steps = steps;
        list->room = room;
    }
    list->steps[list->count++] = (Step){kind, work, node, count, false};
    return CF_OK;
}

Window layer_window(const Layer *layer, int N) {
    return (Window){.N = N,
                    .C = layer->in.C,
                    .H = layer->in.H,
                    .W = layer->in.W,
                    .K = layer->out.C,
                    .R = layer->R,
                    .S = layer->S,
                    .stride = layer->stride,
                    .pad_h = layer->pad_h,
                    .pad_w = layer->pad_w,
                    .P = layer->out.H,
                    .Q = layer->out.W};
}

static cf_status make_dense(Plan *plan, Node *node) {
    const DenseShape shape = {.N = plan->batch,
                              .slice = SLICE,
                              .inputs = (int)node->x.size,
                              .outputs = node->layer->out.C,
                              .slope = node->slope,
                              .bias = node->bias != NULL,
                              .float_out = node->y.element == sizeof(float)};
    return plan->options.engine->dense_new(&shape, plan->options.training, node->wants_dx, plan->options.threads,
                                           &node->dense);
}

static bool before_block(const Plan *plan, const Node *node) {
    return node->kind == NODE_CONV && node + 1 < plan->nodes + plan->node_count && node[1].kind == NODE_BLOCK;
}

static cf_status make_conv(Plan *plan, Node *node) {
    const Engine *engine = plan->options.engine;
    bool training = plan->options.training;
    if (engine->stem && !node->wants_dx && before_block(plan, node) &&
        engine->stem->fits(&node->window, &node[1].block)) {
        FORWARD(
            engine->stem->create(engine->kernels, &node->window, &node[1].block, plan->options.threads, &node->stem));
        node[1].stem = node->stem;
        return CF_OK;
    }
    FORWARD(engine->conv_new(&node->window, training, node->wants_dx, plan->options.threads, &node->conv));
    if (training) node->slot_size = engine->conv_slot_size(node->conv);
    return CF_OK;
}

static float *gradient_of(const Plan *plan, const float *values) {
    return values ? plan->gradient + (values - plan->parameters->values) : NULL;
}

static void find_parameters(Plan *plan, Node *node) {
    node->weight = parameters_find(plan->parameters, node->number, "weight");
    node->bias = parameters_find(plan->parameters, node->number, "bias");
    node->running_mean = parameters_find(plan->parameters, node->number, "running_mean");
    node->running_var = parameters_find(plan->parameters, node->number, "running_var");
}

/* ---- From layers to nodes ---- */

static NodeKind kind_of(const Layer *layer) {
    switch (layer->kind) {
    case LAYER_CONV:
        return NODE_CONV;
    case LAYER_BN:
        return NODE_BLOCK;
    case LAYER_RELU:
        return NODE_RELU;
    case LAYER_MAXPOOL:
        return NODE_MAXPOOL;
    case LAYER_AVGPOOL:
        return NODE_AVGPOOL;
    case LAYER_DENSE:
        return NODE_DENSE;
    default:
        return NODE_DROPOUT;
    }
}

/* Windows side by side, whose places fit a byte. */
static bool pool_fits_block(const Layer *layer) {
    return layer->kind == LAYER_MAXPOOL && layer->R == layer->stride && layer->S == layer->stride && !layer->pad_h &&
           !layer->pad_w && layer->R * layer->S <= 256;
}

/* How many layers from `first` on are one node. The network's last layer stays alone, so that its outputs are not rounded
 * behind an activation. */
static int fuse(const LayerList *list, int first) {
    const Layer *layers = list->layers;
    int end = first + 1;
    if (layers[first].kind == LAYER_BN) {
        if (end < list->count && layers[end].kind == LAYER_RELU) end++;
        if (end < list->count && pool_fits_block(&layers[end])) end++;
    } else if (layers[first].kind == LAYER_DENSE && end + 1 < list->count && layers[end].kind == LAYER_RELU) {
        end++;
    }
    return end - first;
}

static void fill_block(Node *node) {
    const Layer *pool = node->last->kind == LAYER_MAXPOOL ? node->last : NULL;
    Shape in = node->layer->in, out = node->last->out;
    node->block = (Block){.C = in.C,
                          .H = in.H,
                          .W = in.W,
                          .R = pool ? pool->R : 1,
                          .S = pool ? pool->S : 1,
                          .P = out.H,
                          .Q = out.W,
                          .act = node_activation(node)};
}

static void fill_node(Plan *plan, Node *node, int first, int fused) {
    const Layer *layers = &plan->layers->layers[first];
    size_t element = plan->options.engine->kernels->element;
    bool ends = first + fused == plan->layers->count;
    node->kind = kind_of(&layers[0]);
    node->layer = &layers[0];
    node->last = &layers[fused - 1];
    node->number = first;
    node->slope = 1;
    for (int i = 0; i < fused; i++)
        if (layers[i].kind == LAYER_RELU) node->slope = layers[i].slope;
    node->in_place = node->kind == NODE_RELU || node->kind == NODE_DROPOUT;
    node->window = layer_window(node->layer, plan->slice);
    node->rows = (size_t)node->last->out.H * (size_t)node->last->out.W;
    node->x = node->dx = (Values){NULL, shape_size(node->layer->in), element, false};
    node->y = node->dy = (Values){NULL, shape_size(node->last->out), element, false};
    if (ends && node->kind == NODE_DENSE) node->y.element = sizeof(float);
    if (node->kind == NODE_BLOCK) fill_block(node);
}

static cf_status make_nodes(Plan *plan) {
    bool learns = false;
    FORWARD(memory_new((size_t)plan->layers->count, sizeof *plan->nodes, &plan->nodes));
    for (int first = 0; first < plan->layers->count;) {
        Node *node = &plan->nodes[plan->node_count++];
        int fused = fuse(plan->layers, first);
        fill_node(plan, node, first, fused);
        node->wants_dx = learns;
        find_parameters(plan, node);
        learns |= node->weight != NULL;
        first += fused;
    }
    for (int i = 0; i < plan->node_count; i++) {
        Node *node = &plan->nodes[i];
        if (node->kind == NODE_DENSE) FORWARD(make_dense(plan, node));
        if (node->kind == NODE_CONV) FORWARD(make_conv(plan, node));
    }
    return CF_OK;
}

/* ---- What a node wants to keep ---- */

static void want_conv(Plan *plan, WantTable *table, Node *node) {
    size_t slices = (size_t)plan->slices;
    if (node->stem) return;
    if (before_block(plan, node))
        want(table, &node->own, (size_t)plan->options.threads * (size_t)plan->slice * node->y.size, node->y.element);
    if (!plan->options.training) return;
    want(table, &node->partial, slices * 2 * (size_t)node->layer->out.C, sizeof(double));
    want(table, &node->slots, slices * node->slot_size, sizeof(float));
    want(table, &node->slot_sum, node->slot_size, sizeof(float));
}

static void want_block(Plan *plan, WantTable *table, Node *node) {
    size_t C = (size_t)node->layer->in.C, values = (size_t)plan->batch * node->y.size;
    float **vectors[] = {&node->mean, &node->scale, &node->a, &node->b, &node->c};
    for (size_t i = 0; i < COUNT_OF(vectors); i++) want(table, vectors[i], C, sizeof(float));
    want(table, &node->moments, 3 * C, sizeof(double));
    if (!plan->options.training) return;
    size_t sums = node->stem ? plan->options.engine->stem->sums_size(node->stem) : 2 * C;
    want(table, &node->partial, (size_t)plan->slices * sums, sizeof(double));
    if (node->block.R * node->block.S == 1) return;
    if (!node->stem) want(table, &node->picked, values, node->y.element);
    want(table, &node->place_small, values, 1);
}

static void want_node(Plan *plan, WantTable *table, Node *node) {
    size_t batch = (size_t)plan->batch;
    bool training = plan->options.training, passed_on = before_block(plan, node);
    /* A convolution in front of a block keeps its output only for training, and its gradient never. */
    if (!node->in_place && !(passed_on && (!training || node->stem)))
        want(table, &node->y.base, batch * node->y.size, node->y.element);
    if (!node->in_place && training && !passed_on) want(table, &node->dy.base, batch * node->y.size, node->dy.element);
    if (node->kind == NODE_CONV) want_conv(plan, table, node);
    if (node->kind == NODE_BLOCK) want_block(plan, table, node);
    if (node->kind == NODE_MAXPOOL) want(table, &node->place, batch * node->y.size, sizeof(uint16_t));
    if (node->kind == NODE_DENSE && training) want(table, &node->partial, node->y.size, sizeof(double));
}

static void want_batch(Plan *plan, WantTable *table) {
    size_t batch = (size_t)plan->batch, slices = (size_t)plan->slices, classes = (size_t)plan->classes;
    const Node *last = &plan->nodes[plan->node_count - 1];
    want(table, &plan->input.base, batch * plan->input.size, plan->input.element);
    want(table, &plan->image, (size_t)plan->options.threads * plan->input.size, sizeof(float));
    want(table, &plan->probabilities, batch * classes, sizeof(float));
    if (last->y.element != sizeof(float)) want(table, &plan->logits, batch * classes, sizeof(float));
    want(table, &plan->labels, batch, sizeof(int));
    want(table, &plan->losses, slices, sizeof(double));
    want(table, &plan->correct, slices, sizeof(int64_t));
    if (plan->options.training) want(table, &plan->gradient, plan->parameters->trainable, sizeof(float));
}

static cf_status make_memory(Plan *plan) {
    WantTable table = {.room = (plan->layers->count + 1) * WANTS_PER_LAYER};
    FORWARD(memory_new((size_t)table.room, sizeof(Want), &table.wants));
    want_batch(plan, &table);
    for (int i = 0; i < plan->node_count; i++) want_node(plan, &table, &plan->nodes[i]);
    cf_status status = allot(&table, &plan->memory);
    free(table.wants);
    return status;
}

/* Joins each node's input to the output before it; the network's input has no gradient. */
static void connect(Plan *plan) {
    Values y = plan->input, dy = {0};
    for (int i = 0; i < plan->node_count; i++) {
        Node *node = &plan->nodes[i];
        if (node->own) node->dy = (Values){node->own, node->y.size, node->dy.element, true};
        node->x = y;
        node->dx = dy;
        if (node->in_place) node->y = node->x, node->dy = node->dx;
        if (plan->options.training) {
            node->dweight = gradient_of(plan, node->weight);
            node->dbias = gradient_of(plan, node->bias);
        }
        node->block.mean = node->mean, node->block.scale = node->scale, node->block.shift = node->bias;
        node->block.a = node->a, node->block.b = node->b, node->block.c = node->c;
        y = node->y;
        dy = node->dy;
    }
    if (!plan->logits) plan->logits = y.base;
}

static cf_status make_steps(Plan *plan) {
    int count = plan->node_count;
    Node *nodes = plan->nodes;
    FORWARD(plan_add(&plan->training, STEP_SLICES, step_prepare, &nodes[0], 0));
    FORWARD(plan_add(&plan->inference, STEP_SLICES, step_prepare, &nodes[0], 0));
    for (int i = 0; i < count; i++) FORWARD(add_forward_steps(plan, &nodes[i]));
    FORWARD(add_loss_steps(plan, &nodes[count - 1]));
    if (!plan->options.training) return CF_OK;
    for (int i = count - 1; i >= 0; i--) FORWARD(add_backward_steps(plan, &nodes[i]));
    return add_closing_steps(plan);
}

cf_status plan_new(const LayerList *layers, Parameters *parameters, const PlanOptions *options, Plan **plan) {
    Plan *made;
    cf_status status;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->options = *options;
    made->threads = options->threads;
    made->batch = (options->batch + SLICE - 1) / SLICE * SLICE;
    made->slice = plan_slice(layers);
    made->slices = made->batch / made->slice;
    made->layers = layers;
    made->parameters = parameters;
    made->classes = (int)shape_size(layers->layers[layers->count - 1].out);
    made->input = (Values){NULL, shape_size(layers->input), options->engine->kernels->element, false};
    FORWARD_TO(failed, make_nodes(made));
    FORWARD_TO(failed, make_memory(made));
    connect(made);
    FORWARD_TO(failed, make_steps(made));
    FORWARD_TO(failed, memory_reserve(MEMORY_OF_LIBRARIES)); /* some of oneDNN's code is made at the first use */
    *plan = made;
    return CF_OK;
failed:
    plan_free(made);
    return status;
}

void plan_free(Plan *plan) {
    if (!plan) return;
    for (int i = 0; i < plan->node_count; i++) {
        if (plan->nodes[i].kind == NODE_CONV && plan->nodes[i].stem)
            plan->options.engine->stem->destroy(plan->nodes[i].stem);
        plan->options.engine->conv_free(plan->nodes[i].conv);
        plan->options.engine->dense_free(plan->nodes[i].dense);
    }
    free(plan->nodes);
    free(plan->memory);
    free(plan->training.steps);
    free(plan->inference.steps);
    free(plan->refresh.steps);
    free(plan->closing.steps);
    free(plan);
}

/* ---- Running ---- */

/* Consecutive steps run as one parallel loop. */
typedef struct Group {
    Plan *plan;
    const Step *steps;
    int count;
} Group;

/* All steps on one slice, one after the other. */
static cf_status run_slice(void *context, int64_t index, int thread) {
    const Group *group = context;
    for (int i = 0; i < group->count; i++)
        FORWARD(group->steps[i].work(group->plan, group->steps[i].node, index, thread));
    return CF_OK;
}

/* One piece of one of the steps, which are counted through. */
static cf_status run_piece(void *context, int64_t index, int thread) {
    const Group *group = context;
    const Step *step = group->steps;
    while (index >= step->count) index -= step++->count;
    return step->work(group->plan, step->node, index, thread);
}

/* Nothing is summed over the images of inference: slices without any need not run. */
static int slices_in_use(const Plan *plan) {
    return plan->inferring ? (plan->n + plan->slice - 1) / plan->slice : plan->slices;
}

/* Runs the steps from the first of `steps` on that can run together; *taken is how many that were. */
static cf_status run_group(Plan *plan, const Step *steps, int count, int *taken) {
    Group group = {plan, steps, 1};
    int64_t pieces = steps->count;
    *taken = 1;
    if (steps->kind == STEP_ONCE) return steps->work(plan, steps->node, 0, 0);
    while (group.count < count && steps[group.count].kind == steps->kind &&
           (steps->kind == STEP_SLICES || steps[group.count].joins_last))
        pieces += steps[group.count++].count;
    *taken = group.count;
    if (steps->kind == STEP_SLICES) return slices_run(plan->threads, slices_in_use(plan), run_slice, &group);
    return slices_run(plan->threads, pieces, run_piece, &group);
}

static cf_status run_steps(Plan *plan, const StepList *list) {
    for (int i = 0, taken; i < list->count; i += taken)
        FORWARD(run_group(plan, list->steps + i, list->count - i, &taken));
    return CF_OK;
}

static cf_status run_batch(Plan *plan, const StepList *list, const Feed *feed, const uint32_t *images, int n,
                           StepResult *result) {
    StepResult sum = {0};
    plan->feed = feed;
    plan->images = images;
    plan->n = n;
    FORWARD(run_steps(plan, list));
    for (int s = 0; s < slices_in_use(plan); s++) {
        sum.loss += plan->losses[s];
        sum.correct += plan->correct[s];
    }
    *result = sum;
    return CF_OK;
}

static int count_labelled(const Plan *plan, const Feed *feed, const uint32_t *images, int n) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        const int label = feed_label(feed, images[i]);
        count += label >= 0 && label < plan->classes;
    }
    return count;
}

cf_status plan_train(Plan *plan, const Feed *feed, const uint32_t *images, int n, int64_t number, StepResult *result) {
    plan->number = number;
    plan->labelled = count_labelled(plan, feed, images, n);
    plan->inferring = false;
    FORWARD(run_steps(plan, &plan->refresh));
    return run_batch(plan, &plan->training, feed, images, n, result);
}

cf_status plan_use_parameters(Plan *plan) {
    return run_steps(plan, &plan->refresh);
}

cf_status plan_infer(Plan *plan, const Feed *feed, const uint32_t *images, int n, float *probabilities,
                     StepResult *result) {
    plan->inferring = true;
    FORWARD(run_batch(plan, &plan->inference, feed, images, n, result));
    if (probabilities)
        memcpy(probabilities, plan->probabilities, (size_t)n * (size_t)plan->classes * sizeof *probabilities);
    return CF_OK;
}

void plan_use_threads(Plan *plan, int threads) {
    const int most = plan->options.threads;
    plan->threads = threads < 1 ? 1 : threads > most ? most : threads;
}

float *plan_gradient(Plan *plan) {
    return plan->gradient;
}

const float *plan_logits(const Plan *plan) {
    return plan->logits;
}

int plan_batch(const Plan *plan) {
    return plan->batch;
}

/* Values are looked at as floats a part at a time: this is no hot path. */
static bool all_finite(const Plan *plan, const Values *values) {
    enum { PART = 256 };
    float part[PART];
    size_t count = (size_t)plan->n * values->size;
    for (size_t i = 0; i < count; i += PART) {
        size_t left = count - i < PART ? count - i : PART;
        const char *from = (const char *)values->base + i * values->element;
        if (values->element == sizeof(float))
            memcpy(part, from, left * sizeof *part);
        else
            plan->options.engine->kernels->to_float(from, left, part);
        for (size_t k = 0; k < left; k++)
            if (!isfinite(part[k])) return false;
    }
    return true;
}

/* A stem's convolution leaves nothing of its output but the means that the block behind it took. */
static bool means_finite(const Node *block) {
    for (int c = 0; c < block->block.C; c++)
        if (!isfinite(block->mean[c])) return false;
    return true;
}

const char *plan_first_not_finite(const Plan *plan) {
    for (int i = 0; i < plan->node_count; i++) {
        const Node *node = &plan->nodes[i];
        if (!(node->kind == NODE_CONV && node->stem ? means_finite(node + 1) : all_finite(plan, &node->y)))
            return node->layer->name;
    }
    return NULL;
}
