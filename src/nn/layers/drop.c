/* dropout, droppath, reverse: what they change is training alone; when predicting values go through as they are. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

#include "base/rng.h"

#include <string.h>

static const LayerType dropout_type, droppath_type, reverse_type;

static cf_status read_drop(Reader *reader, Layer *layer) {
    double rate = layer->type == &dropout_type ? 0.5 : 0.1;
    FORWARD(reader_number(reader, "a rate", 0, 1, true, &rate));
    layer->rate = (float)rate;
    return reader_finish(reader, NULL);
}

static cf_status read_reverse(Reader *reader, Layer *layer) {
    double factor = 1;
    FORWARD(reader_number(reader, "a factor", 0, 1000, true, &factor));
    layer->rate = (float)factor;
    return reader_finish(reader, NULL);
}

static void describe(const Layer *layer, FILE *out) {
    fprintf(out, "%s %g", layer->type == &reverse_type ? "factor" : "rate", (double)layer->rate);
}

/* ---- The nodes ---- */

static cf_status copy(Plan *plan, Node *node, int64_t index, int thread) {
    const Buffer *x = value_buffer(plan, node->x[0]), *y = value_buffer(plan, node->y);
    if (x != y)
        memcpy(buffer_at(plan, y, index, thread), buffer_at(plan, x, index, thread),
               (size_t)plan->slice * x->image_bytes);
    return CF_OK;
}

static cf_status forward_copy(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, copy, node, 0, USES_X | USES_Y);
}

/* Values are kept with probability 1 - rate and scaled up, so that nothing is to be done when not training. The choice is
 * a function of (seed, step, layer, image in the batch, value) and is drawn again on the way back. */
static void drop_values(const Plan *plan, const Node *node, int64_t index, const void *from, void *to) {
    enum { AT_ONCE = 64 };
    const size_t size = (size_t)plan->slice * node->y->size, first = (size_t)plan->first * node->y->size + (size_t)index * size,
                 element = plan_kernels(plan)->element;
    RngStream stream = rng_stream(plan->options.seed, RNG_DROPOUT, (uint64_t)plan->number, (uint32_t)node->number);
    const float rate = node->layer->rate, scale = 1 / (1 - rate);
    float part[AT_ONCE];
    for (size_t i = 0; i < size; i += AT_ONCE) {
        const size_t count = size - i < AT_ONCE ? size - i : AT_ONCE;
        uint32_t words[4];
        plan_kernels(plan)->to_float((const char *)from + i * element, count, part);
        for (size_t k = 0; k < count; k++) {
            const size_t number = first + i + k;
            if (k == 0 || number % 4 == 0) rng_block(&stream, number / 4, words);
            part[k] *= (float)(words[number % 4] >> 8) * 0x1p-24f < rate ? 0.0f : scale;
        }
        plan_kernels(plan)->from_float(part, count, (char *)to + i * element);
    }
}

/* Whole images, mostly of a res group: stochastic depth (Huang et al. 2016). Keyed as dropout is. */
static void drop_images(const Plan *plan, const Node *node, int64_t index, const void *from, void *to) {
    const size_t bytes = node->y->size * plan_kernels(plan)->element;
    RngStream stream = rng_stream(plan->options.seed, RNG_DROPOUT, (uint64_t)plan->number, (uint32_t)node->number);
    const float rate = node->layer->rate;
    for (int i = 0; i < plan->slice; i++) {
        const uint64_t image = (uint64_t)plan->first + (uint64_t)index * (uint64_t)plan->slice + (uint64_t)i;
        uint32_t words[4];
        rng_block(&stream, image / 4, words);
        const bool dropped = (float)(words[image % 4] >> 8) * 0x1p-24f < rate;
        plan_kernels(plan)->multiply((const char *)from + (size_t)i * bytes, node->y->size,
                                     dropped ? 0.0f : 1 / (1 - rate), (char *)to + (size_t)i * bytes);
    }
}

static void drop(const Plan *plan, const Node *node, int64_t index, const void *from, void *to) {
    (node->layer->type == &dropout_type ? drop_values : drop_images)(plan, node, index, from, to);
}

static cf_status drop_forward(Plan *plan, Node *node, int64_t index, int thread) {
    drop(plan, node, index, value_at(plan, node->x[0], index, thread), value_at(plan, node->y, index, thread));
    return CF_OK;
}

static cf_status forward_drop(Planner *planner, Node *node) {
    FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, drop_forward, node, 0, USES_X | USES_Y));
    return planner_step(planner, IN_INFERENCE, STEP_SLICES, copy, node, 0, USES_X | USES_Y);
}

static cf_status drop_backward(Plan *plan, Node *node, int64_t index, int thread) {
    drop(plan, node, index, gradient_at(plan, node->y, index, thread), dx_at(plan, node, index, thread));
    return CF_OK;
}

static cf_status backward_drop(Planner *planner, Node *node) {
    return planner_step(planner, IN_TRAINING, STEP_SLICES, drop_backward, node, 0, USES_DX | USES_DY);
}

static cf_status reverse_backward(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->multiply(gradient_at(plan, node->y, index, thread), (size_t)plan->slice * node->y->size,
                                 -node->layer->rate * plan->reversal, dx_at(plan, node, index, thread));
    return CF_OK;
}

static cf_status backward_reverse(Planner *planner, Node *node) {
    return planner_step(planner, IN_TRAINING, STEP_SLICES, reverse_backward, node, 0, USES_DX | USES_DY);
}

static cf_status lay(Planner *planner, int number) {
    static const NodeType drop_type = {.name = "drop", .forward = forward_drop, .backward = backward_drop, .elementwise = true},
                          turn_type = {.name = "reverse", .forward = forward_copy, .backward = backward_reverse, .elementwise = true},
                          same_type = {.name = "same", .forward = forward_copy};
    const bool turns = planner_layer(planner, number)->type == &reverse_type,
               same = turns ? planner->plan->options.mode != PLAN_TRAINING : planner_frozen(planner, number);
    Tensor *y;
    Node *n;
    FORWARD(planner_output(planner, number, &y));
    FORWARD(planner_node(planner, sizeof *n,
                         same    ? &same_type
                         : turns ? &turn_type
                                 : &drop_type,
                         number, planner_input(planner, number, 0), NULL, false, y, &n));
    return planner_in_place(planner, n, true);
}

static const LayerType dropout_type = {"dropout", "Dropout", read_drop, layer_same_shape, describe, lay},
                       droppath_type = {"droppath", NULL, read_drop, layer_same_shape, describe, lay},
                       reverse_type = {"reverse", NULL, read_reverse, layer_same_shape, describe, lay};
bool layer_drops(const Layer *layer) {
    return layer->type == &dropout_type || layer->type == &droppath_type;
}

const LayerType *const drop_types[] = {&dropout_type, &droppath_type, &reverse_type, NULL};
