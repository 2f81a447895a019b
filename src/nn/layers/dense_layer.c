/* dense: every output from every input, with the rectifier that follows it. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

#include <string.h>

/* ---- The layer ---- */

static cf_status read_dense(Reader *reader, Layer *layer) {
    static const char *const settings[] = {"bias", "nobias", NULL};
    layer->bias = !reader->bn_follows;
    if (reader_take_if(reader, "classes"))
        layer->out.C = reader->classes;
    else
        FORWARD(reader_integer(reader, "classes or the number of outputs", 1, 1 << 20, &layer->out.C));
    for (int before = -1; before != reader->next;) {
        before = reader->next;
        if (reader_take_if(reader, "bias")) layer->bias = true;
        if (reader_take_if(reader, "nobias")) layer->bias = false;
    }
    return reader_finish(reader, settings);
}

static cf_status dense_shape(const Reader *reader, Layer *layer) {
    const size_t outputs = (size_t)layer->out.C, weights[] = {outputs, shape_size(layer->in)};
    (void)reader;
    layer->out.H = layer->out.W = 1;
    layer_add_parameter(layer, "weight", PARAMETER_WEIGHT, 2, weights);
    layer->parameter[0].channels_last = true;
    if (layer->bias) layer_add_parameter(layer, "bias", PARAMETER_BIAS, 1, &outputs);
    layer->flops = 2 * (double)weights[1] * layer->out.C;
    return CF_OK;
}

/* ---- The node ---- */

typedef struct DenseNode {
    Node node;
    Dense *dense;
    int outputs;
    Weights weight, bias;
    double *sums; /* [groups][outputs]: of the bias */
} DenseNode;

static DenseNode *dense_of(const Node *node) {
    return (DenseNode *)node;
}

/* Pieces, or slices where the layer goes slice by slice: arrays are then the slice's. SLICE images are a piece also where a
 * slice of the plan has fewer: a product reads all weights. */
static bool by_slice(const DenseNode *n) {
    return dense_by_slice(n->outputs);
}

static StepKind kind_of(const Plan *plan, const DenseNode *n) {
    return by_slice(n) && plan->slice == SLICE ? STEP_SLICES : STEP_PIECES;
}

static int64_t pieces_of(const Plan *plan, const DenseNode *n, DensePass pass) {
    const bool by_rows = by_slice(n) && (pass == DENSE_FORWARD || pass == DENSE_BACKWARD_DATA);
    return by_rows ? plan->batch / SLICE : plan->options.engine->dense_pieces(n->dense, pass);
}

/* The rows that the piece at hand works on. */
static void *rows_at(const Work *w, const Buffer *buffer) {
    if (!by_slice(dense_of(w->node))) return buffer->base;
    if (w->plan->slice == SLICE) return work_at(w, buffer);
    return buffer->base + (size_t)w->index * SLICE * buffer->image_bytes;
}

static int piece_of(const Work *w) {
    return by_slice(dense_of(w->node)) ? 0 : (int)w->index;
}

static cf_status pack_dense(const Work *w) {
    const DenseNode *n = dense_of(w->node);
    w->plan->options.engine->dense_pack(n->dense, (int)w->index, n->weight.values);
    return CF_OK;
}

static cf_status dense_forward(const Work *w) {
    const DenseNode *n = dense_of(w->node);
    const void *x = rows_at(w, value_buffer(w->plan, w->node->x[0]));
    w->plan->options.engine->dense_forward(n->dense, w->thread, piece_of(w), x, n->bias.values,
                                           rows_at(w, value_buffer(w->plan, w->node->y)));
    return CF_OK;
}

static cf_status add_forward(Planner *planner, Node *node) {
    const Plan *plan = planner->plan;
    const DenseNode *n = dense_of(node);
    FORWARD(planner_refresh(planner, pack_dense, node, pieces_of(plan, n, DENSE_PACK)));
    return planner_step(planner, IN_BOTH, kind_of(plan, n), dense_forward, node, pieces_of(plan, n, DENSE_FORWARD),
                        USES_X | USES_Y);
}

static cf_status backward_data(const Work *w) {
    const DenseNode *n = dense_of(w->node);
    w->plan->options.engine->dense_backward_data(n->dense, w->thread, piece_of(w), rows_at(w, w->node->d),
                                                 n->weight.values, rows_at(w, w->node->dx[0]));
    return CF_OK;
}

static cf_status backward_weights(const Work *w) {
    const DenseNode *n = dense_of(w->node);
    w->plan->options.engine->dense_backward_weights(n->dense, w->thread, (int)w->index,
                                                    value_buffer(w->plan, w->node->x[0])->base, w->node->d->base,
                                                    n->weight.gradient);
    return CF_OK;
}

static int groups_of(const Plan *plan) {
    return (plan->batch + DENSE_GROUP - 1) / DENSE_GROUP;
}

static cf_status backward_bias(const Work *w) {
    const DenseNode *n = dense_of(w->node);
    const Buffer *d = w->node->d;
    for (int g = 0; g < groups_of(w->plan); g++) {
        const int left = w->plan->batch - g * DENSE_GROUP;
        work_kernels(w)->channel_sums(d->base + (size_t)g * DENSE_GROUP * d->image_bytes,
                                      (size_t)(left < DENSE_GROUP ? left : DENSE_GROUP), n->outputs,
                                      n->sums + (size_t)g * (size_t)n->outputs);
    }
    return CF_OK;
}

static cf_status add_backward(Planner *planner, Node *node) {
    const Plan *plan = planner->plan;
    DenseNode *n = dense_of(node);
    FORWARD(planner_behind_activation(planner, node));
    if (node->learns) {
        const size_t outputs = (size_t)n->outputs;
        const DoubleSum bias = {&n->sums, 0, outputs, outputs, groups_of(plan), n->bias.gradient};
        if (bias.to) FORWARD(planner_close(planner, backward_bias, node, 1, USES_NOTHING));
        if (bias.to) FORWARD(planner_sum(planner, &bias));
        FORWARD(planner_part_gradient(planner, n->weight.gradient, outputs * node->x[0]->size));
        FORWARD(planner_close(planner, backward_weights, node, pieces_of(plan, n, DENSE_BACKWARD_WEIGHTS),
                              USES_X | USES_D));
    }
    if (!node->dx[0]) return CF_OK;
    return planner_step(planner, IN_TRAINING, kind_of(plan, n), backward_data, node,
                        pieces_of(plan, n, DENSE_BACKWARD_DATA), USES_DX | USES_D);
}

static void release_dense(const Engine *engine, Node *node) {
    engine->dense_free(dense_of(node)->dense);
}

cf_status lay_dense(Planner *planner, int number, const char *weight, const char *bias, Activation act, Tensor *x,
                    Tensor *y) {
    static const NodeType type = {
        .name = "dense", .add_forward = add_forward, .add_backward = add_backward, .release = release_dense};
    const PlanOptions *options = &planner->plan->options;
    DenseNode *n;
    if (y->float_wanted && y->readers == 1) y->element = sizeof(float);
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, true, y, &n));
    n->weight = planner_weights(planner, number, weight);
    n->bias = planner_weights(planner, number, bias);
    n->outputs = (int)y->size;
    n->node.act = act;
    y->needed_by_maker = act.kind != ACT_NONE;
    const DenseShape shape = {.N = planner->plan->batch,
                              .slice = SLICE,
                              .inputs = (int)x->size,
                              .outputs = n->outputs,
                              .slope = act.kind == ACT_NONE ? 1 : act.slope,
                              .bias = n->bias.values != NULL,
                              .float_out = y->element == sizeof(float)};
    if (n->bias.gradient)
        FORWARD(planner_keep(planner, &n->sums, (size_t)groups_of(planner->plan) * y->size, sizeof(double)));
    return options->engine->dense_new(&shape, n->node.learns || x->wants_gradient, x->wants_gradient, options->threads,
                                      &n->dense);
}

/* The network's last layer stays alone, so that its outputs are not rounded behind an activation. */
static cf_status lay_dense_layer(Planner *planner, int number) {
    const int next = planner_follower(planner, number);
    const Layer *act = next < 0 ? NULL : planner_layer(planner, next);
    const bool takes =
        act && layer_is_activation(act) && act->activation.kind == ACT_RELU && !planner_is_output(planner, next);
    Tensor *y;
    if (takes) planner_take(planner, next);
    FORWARD(planner_output(planner, takes ? next : number, &y));
    return lay_dense(planner, number, "weight", "bias", takes ? act->activation : (Activation){ACT_NONE, 0},
                     planner_input(planner, number, 0), y);
}

const LayerType dense_type = {"dense", "Gemm", read_dense, dense_shape, NULL, lay_dense_layer};
