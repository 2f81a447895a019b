/* attention, position: what a transformer (Vaswani et al. 2017; for images: Dosovitskiy et al. 2021) needs besides convolutions of
 * 1x1 and norms. The positions of an image are its H x W pixels, each a row of C values. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

#include <string.h>

/* ---- attention HEADS ---- */

static cf_status read_attention(Reader *reader, Layer *layer) {
    FORWARD(reader_integer(reader, "a number of heads", 1, 1024, &layer->number));
    return reader_finish(reader, NULL);
}

/* Tensors as PyTorch's MultiheadAttention has them. */
static cf_status attention_shape(const Reader *reader, Layer *layer) {
    const size_t C = (size_t)layer->in.C, three = 3 * C;
    const double positions = (double)layer->in.H * layer->in.W;
    layer->out = layer->in;
    if (layer->in.C % layer->number)
        return reader_fail(reader, layer->column, "%d heads do not divide the %d channels that arrive here", layer->number,
                           layer->in.C);
    layer_add_parameter(layer, "in_proj_weight", PARAMETER_WEIGHT, 2, (const size_t[]){three, C});
    layer_add_parameter(layer, "in_proj_bias", PARAMETER_BIAS, 1, &three);
    layer_add_parameter(layer, "out_proj.weight", PARAMETER_WEIGHT, 2, (const size_t[]){C, C});
    layer_add_parameter(layer, "out_proj.bias", PARAMETER_BIAS, 1, &C);
    layer->flops = positions * (double)C * (8.0 * (double)C + 4 * positions);
    return CF_OK;
}

static void describe(const Layer *layer, FILE *out) {
    fprintf(out, "heads %d of %d", layer->number, layer->in.C / layer->number);
}

typedef struct AttentionNode {
    Node node; /* x: queries, keys and values; extra[0]: what the way back needs */
    Attention *attention;
} AttentionNode;

static Attention *attention_of(const Node *node) {
    return ((const AttentionNode *)node)->attention;
}

static cf_status attend(Plan *plan, Node *node, int64_t index, int thread) {
    plan->options.engine->attention_forward(
        attention_of(node), thread, value_at(plan, node->x[0], index, thread), value_at(plan, node->y, index, thread),
        plan->inferring || !node->extra[0] ? NULL : buffer_at(plan, node->extra[0], index, thread));
    return CF_OK;
}

static cf_status forward(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, attend, node, 0, USES_FORWARD);
}

static cf_status attend_back(Plan *plan, Node *node, int64_t index, int thread) {
    plan->options.engine->attention_backward(
        attention_of(node), thread, value_at(plan, node->x[0], index, thread), value_at(plan, node->y, index, thread),
        buffer_at(plan, node->extra[0], index, thread), gradient_at(plan, node->y, index, thread),
        dx_at(plan, node, index, thread));
    return CF_OK;
}

static cf_status backward(Planner *planner, Node *node) {
    return planner_step(planner, IN_TRAINING, STEP_SLICES, attend_back, node, 0,
                        USES_X | USES_Y | USES_DX | USES_DY | USES_EXTRA);
}

static void release(const Engine *engine, Node *node) {
    engine->attention_free(attention_of(node));
}

static cf_status weigh(Plan *plan, Node *node, int64_t index, int thread) {
    plan->options.engine->attention_weights(attention_of(node), thread, value_at(plan, node->x[0], index, thread),
                                            value_at(plan, node->y, index, thread));
    return CF_OK;
}

static cf_status forward_weights(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, weigh, node, 0, USES_X | USES_Y);
}

/* The weights of a tapped layer are a node beside it, so that what else a run computes does not change. */
static cf_status lay_weights(Planner *planner, const AttentionNode *core) {
    static const NodeType type = {.name = "attention weights", .forward = forward_weights};
    Plan *plan = planner->plan;
    const int number = core->node.number;
    const Layer *layer = core->node.layer;
    const int positions = layer->in.H * layer->in.W;
    AttentionNode *n;
    Tensor *weights;
    if (!plan->options.attention_weights || !planner_is_tap(planner, number)) return CF_OK;
    FORWARD(planner_tensor(planner, (Shape){layer->number, positions, positions}, &weights));
    weights->element = sizeof(float);
    core->node.x[0]->readers++;
    FORWARD(planner_node(planner, sizeof *n, &type, number, core->node.x[0], NULL, false, weights, &n));
    n->attention = core->attention;
    plan->outputs[number]->attention_weights = weights;
    return CF_OK;
}

static cf_status lay_core(Planner *planner, int number, Tensor *x, Tensor *y) {
    static const NodeType type = {.name = "attention", .forward = forward, .backward = backward, .release = release};
    const Layer *layer = planner_layer(planner, number);
    const AttentionShape shape = {planner->plan->slice, layer->in.H * layer->in.W, layer->in.C, layer->number};
    AttentionNode *n;
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, false, y, &n));
    FORWARD(planner_engine(planner)->attention_new(&shape, x->wants_gradient, planner->plan->options.threads,
                                                   &n->attention));
    if (y->wants_gradient) {
        y->needed_by_maker = true;
        FORWARD(planner_extra(planner, &n->node, 0, LIST_TRAINING, planner_engine(planner)->attention_kept(n->attention)));
    }
    return lay_weights(planner, n);
}

/* A 1x1 convolution of C to K channels. */
static Window projection(Shape in, int C, int K) {
    return (Window){.N = 1, .C = C, .H = in.H, .W = in.W, .K = K, .R = 1, .S = 1, .stride = 1, .groups = 1,
                    .dilation = 1, .P = in.H, .Q = in.W};
}

static cf_status lay_attention(Planner *planner, int number) {
    const Shape in = planner_layer(planner, number)->in;
    const Window into = projection(in, in.C, 3 * in.C), out = projection(in, in.C, in.C);
    Tensor *projected, *attended, *y;
    FORWARD(planner_tensor(planner, (Shape){3 * in.C, in.H, in.W}, &projected));
    FORWARD(planner_tensor(planner, in, &attended));
    FORWARD(planner_output(planner, number, &y));
    FORWARD(lay_convolution(planner, number, &into, "in_proj_weight", "in_proj_bias", planner_input(planner, number, 0),
                            projected));
    FORWARD(lay_core(planner, number, projected, attended));
    return lay_convolution(planner, number, &out, "out_proj.weight", "out_proj.bias", attended, y);
}

const LayerType attention_type = {"attention", NULL, read_attention, attention_shape, describe, lay_attention};

/* ---- position: a learned value for each value of an image is added ---- */

static cf_status position_shape(const Reader *reader, Layer *layer) {
    (void)reader;
    layer->out = layer->in;
    layer_add_parameter(layer, "weight", PARAMETER_POSITION, 2,
                        (const size_t[]){(size_t)layer->in.H * (size_t)layer->in.W, (size_t)layer->in.C});
    return CF_OK;
}

typedef struct PositionNode {
    Node node;
    const float *weight;
    float *dweight;
    float *slots; /* [slices][values of an image] */
} PositionNode;

static PositionNode *position_of(const Node *node) {
    return (PositionNode *)node;
}

static cf_status add_positions(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->add_to_images(plan->slice, node->y->size, value_at(plan, node->x[0], index, thread),
                                      position_of(node)->weight, value_at(plan, node->y, index, thread));
    return CF_OK;
}

static cf_status forward_position(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, add_positions, node, 0, USES_X | USES_Y);
}

static cf_status sum_slice(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->sum_images(plan->slice, node->y->size, gradient_at(plan, node->y, index, thread),
                                   position_of(node)->slots + (size_t)index * node->y->size);
    return CF_OK;
}

static cf_status sum_slices(Plan *plan, Node *node, int64_t index, int thread) {
    const size_t size = node->y->size, from = (size_t)index * SUM_PIECE, to = from + SUM_PIECE;
    (void)thread;
    plan_kernels(plan)->sum_slots(position_of(node)->slots, size, plan->slices, from, to < size ? to : size,
                                  position_of(node)->dweight);
    return CF_OK;
}

static cf_status backward_position(Planner *planner, Node *node) {
    if (node->learns) {
        FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, sum_slice, node, 0, USES_DY));
        FORWARD(planner_part_gradient(planner, position_of(node)->dweight, node->y->size));
        FORWARD(planner_close(planner, sum_slices, node, ((int64_t)node->y->size + SUM_PIECE - 1) / SUM_PIECE,
                              USES_NOTHING));
    }
    return planner_lend(planner, node, 0, node->y->gradient);
}

static cf_status lay_position(Planner *planner, int number) {
    static const NodeType type = {.name = "position", .forward = forward_position, .backward = backward_position, .lends = {true, true}};
    Tensor *y;
    PositionNode *n;
    FORWARD(planner_output(planner, number, &y));
    FORWARD(planner_node(planner, sizeof *n, &type, number, planner_input(planner, number, 0), NULL, true, y, &n));
    n->weight = planner_parameter(planner, number, "weight");
    n->dweight = planner_gradient(planner, number, "weight");
    if (n->dweight)
        FORWARD(planner_keep(planner, &n->slots, (size_t)planner->plan->slices * y->size, sizeof(float)));
    return planner_in_place(planner, &n->node, true);
}

const LayerType position_type = {"position", "Add", NULL, position_shape, NULL, lay_position};
