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
        return reader_fail(reader, layer->column, "%d heads do not divide the %d channels that arrive here",
                           layer->number, layer->in.C);
    layer_add_parameter(layer, "in_proj_weight", PARAMETER_WEIGHT, 2, (const size_t[]){three, C});
    layer_add_parameter(layer, "in_proj_bias", PARAMETER_BIAS, 1, &three);
    layer_add_parameter(layer, "out_proj.weight", PARAMETER_WEIGHT, 2, (const size_t[]){C, C});
    layer_add_parameter(layer, "out_proj.bias", PARAMETER_BIAS, 1, &C);
    layer->flops = positions * (double)C * (8.0 * (double)C + 4 * positions);
    return CF_OK;
}

static void describe_heads(const Layer *layer, FILE *out) {
    fprintf(out, "heads %d of %d", layer->number, layer->in.C / layer->number);
}

typedef struct AttentionNode {
    Node node; /* x: queries, keys and values; extra[0]: what the way back needs */
    Attention *attention;
} AttentionNode;

static Attention *attention_of(const Node *node) {
    return ((const AttentionNode *)node)->attention;
}

static cf_status attention_forward(const Work *w) {
    w->plan->options.engine->attention_forward(attention_of(w->node), w->thread, work_x(w, 0), work_y(w),
                                               work_extra(w, 0));
    return CF_OK;
}

static cf_status attention_backward(const Work *w) {
    w->plan->options.engine->attention_backward(attention_of(w->node), w->thread, work_x(w, 0), work_y(w),
                                                work_extra(w, 0), work_dy(w), work_dx(w, 0));
    return CF_OK;
}

static cf_status attention_weights(const Work *w) {
    w->plan->options.engine->attention_weights(attention_of(w->node), w->thread, work_x(w, 0), work_y(w));
    return CF_OK;
}

static void release_attention(const Engine *engine, Node *node) {
    engine->attention_free(attention_of(node));
}

/* The weights of a tapped layer are a node beside it, so that what else a run computes does not change. */
static cf_status lay_weights(Planner *planner, const AttentionNode *core) {
    static const NodeType type = {.name = "attention weights", .forward = {attention_weights, USES_X | USES_Y}};
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
    static const NodeType type = {.name = "attention",
                                  .forward = {attention_forward, USES_FORWARD},
                                  .backward = {attention_backward, USES_X | USES_Y | USES_DX | USES_DY | USES_EXTRA},
                                  .release = release_attention};
    const PlanOptions *o = &planner->plan->options;
    const Layer *layer = planner_layer(planner, number);
    const AttentionShape shape = {planner->plan->slice, layer->in.H * layer->in.W, layer->in.C, layer->number};
    AttentionNode *n;
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, false, y, &n));
    FORWARD(o->engine->attention_new(&shape, x->wants_gradient, o->threads, &n->attention));
    y->needed_by_maker |= y->wants_gradient;
    if (y->wants_gradient)
        FORWARD(planner_extra(planner, &n->node, 0, LIST_TRAINING, o->engine->attention_kept(n->attention)));
    return lay_weights(planner, n);
}

static cf_status lay_attention(Planner *planner, int number) {
    const Shape in = planner_layer(planner, number)->in;
    const Window into = window_pixel(in, 3 * in.C), out = window_pixel(in, in.C);
    Tensor *projected, *attended, *y;
    FORWARD(planner_tensor(planner, (Shape){3 * in.C, in.H, in.W}, &projected));
    FORWARD(planner_tensor(planner, in, &attended));
    FORWARD(planner_output(planner, number, &y));
    FORWARD(lay_convolution(planner, number, &into, "in_proj_weight", "in_proj_bias", planner_input(planner, number, 0),
                            projected));
    FORWARD(lay_core(planner, number, projected, attended));
    return lay_convolution(planner, number, &out, "out_proj.weight", "out_proj.bias", attended, y);
}

const LayerType attention_type = {"attention", NULL, read_attention, attention_shape, describe_heads, lay_attention};

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
    Weights weight;
    float *slots; /* [slices][values of an image] */
} PositionNode;

static const PositionNode *position_of(const Work *w) {
    return (const PositionNode *)w->node;
}

static cf_status add_positions(const Work *w) {
    work_kernels(w)->add_to_images(w->plan->slice, w->node->y->size, work_x(w, 0), position_of(w)->weight.values,
                                   work_y(w));
    return CF_OK;
}

static cf_status sum_slice(const Work *w) {
    const size_t size = w->node->y->size;
    work_kernels(w)->sum_images(w->plan->slice, size, work_dy(w), position_of(w)->slots + (size_t)w->index * size);
    return CF_OK;
}

static cf_status sum_slices(const Work *w) {
    work_sum_slots(w, position_of(w)->slots, w->node->y->size, w->plan->slices, position_of(w)->weight.gradient);
    return CF_OK;
}

static cf_status position_backward(Planner *planner, Node *node) {
    const PositionNode *n = (const PositionNode *)node;
    if (node->learns) {
        FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, sum_slice, node, 0, USES_DY));
        FORWARD(planner_part_gradient(planner, n->weight.gradient, node->y->size));
        FORWARD(planner_close(planner, sum_slices, node, sum_pieces(node->y->size), USES_NOTHING));
    }
    return planner_lend(planner, node, 0, node->y->gradient);
}

static cf_status lay_position(Planner *planner, int number) {
    static const NodeType type = {.name = "position",
                                  .forward = {add_positions, USES_X | USES_Y},
                                  .add_backward = position_backward,
                                  .lends = {true, true}};
    PositionNode *n;
    FORWARD(planner_layer_node(planner, sizeof *n, &type, number, number, &n));
    n->weight = planner_weights(planner, number, "weight");
    if (n->weight.gradient)
        FORWARD(planner_keep(planner, &n->slots, (size_t)planner->plan->slices * n->node.y->size, sizeof(float)));
    return planner_in_place(planner, &n->node, true);
}

const LayerType position_type = {"position", "Add", NULL, position_shape, NULL, lay_position};
