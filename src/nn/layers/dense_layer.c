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
    float slope; /* of the rectifier; 1: none */
    const float *weight, *bias;
    float *dweight, *dbias;
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

/* The rows that piece `index` of a pass works on. */
static void *rows_at(const Plan *plan, const DenseNode *n, const Buffer *buffer, int64_t index, int thread) {
    if (!by_slice(n)) return buffer->base;
    if (plan->slice == SLICE) return buffer_at(plan, buffer, index, thread);
    return buffer->base + (size_t)index * SLICE * buffer->image_bytes;
}

static int piece_of(const DenseNode *n, int64_t index) {
    return by_slice(n) ? 0 : (int)index;
}

static cf_status pack(Plan *plan, Node *node, int64_t piece, int thread) {
    (void)thread;
    plan->options.engine->dense_pack(dense_of(node)->dense, (int)piece, dense_of(node)->weight);
    return CF_OK;
}

static cf_status dense_forward(Plan *plan, Node *node, int64_t index, int thread) {
    const DenseNode *n = dense_of(node);
    plan->options.engine->dense_forward(n->dense, thread, piece_of(n, index),
                                        rows_at(plan, n, value_buffer(plan, node->x[0]), index, thread), n->bias,
                                        rows_at(plan, n, value_buffer(plan, node->y), index, thread));
    return CF_OK;
}

static cf_status forward(Planner *planner, Node *node) {
    const Plan *plan = planner->plan;
    const DenseNode *n = dense_of(node);
    FORWARD(planner_refresh(planner, pack, node, pieces_of(plan, n, DENSE_PACK)));
    return planner_step(planner, IN_BOTH, kind_of(plan, n), dense_forward, node, pieces_of(plan, n, DENSE_FORWARD),
                        USES_X | USES_Y);
}

static cf_status backward_data(Plan *plan, Node *node, int64_t index, int thread) {
    const DenseNode *n = dense_of(node);
    plan->options.engine->dense_backward_data(n->dense, thread, piece_of(n, index),
                                              rows_at(plan, n, node->d, index, thread), n->weight,
                                              rows_at(plan, n, node->dx[0], index, thread));
    return CF_OK;
}

static cf_status backward_weights(Plan *plan, Node *node, int64_t piece, int thread) {
    const DenseNode *n = dense_of(node);
    plan->options.engine->dense_backward_weights(n->dense, thread, (int)piece, value_buffer(plan, node->x[0])->base,
                                                 node->d->base, n->dweight);
    return CF_OK;
}

static int groups_of(const Plan *plan) {
    return (plan->batch + DENSE_GROUP - 1) / DENSE_GROUP;
}

static cf_status backward_bias(Plan *plan, Node *node, int64_t index, int thread) {
    const DenseNode *n = dense_of(node);
    (void)index, (void)thread;
    for (int g = 0; g < groups_of(plan); g++) {
        const int left = plan->batch - g * DENSE_GROUP;
        plan_kernels(plan)->channel_sums(node->d->base + (size_t)g * DENSE_GROUP * node->d->image_bytes,
                                         (size_t)(left < DENSE_GROUP ? left : DENSE_GROUP), n->outputs,
                                         n->sums + (size_t)g * (size_t)n->outputs);
    }
    return CF_OK;
}

static cf_status backward(Planner *planner, Node *node) {
    const Plan *plan = planner->plan;
    DenseNode *n = dense_of(node);
    FORWARD(planner_behind_activation(planner, node, (Activation){n->slope < 1 ? ACT_RELU : ACT_NONE, n->slope}));
    if (node->learns) {
        const size_t outputs = (size_t)n->outputs;
        const DoubleSum bias = {&n->sums, 0, outputs, outputs, groups_of(plan), n->dbias};
        if (n->dbias) FORWARD(planner_close(planner, backward_bias, node, 1, USES_NOTHING));
        if (n->dbias) FORWARD(planner_sum(planner, &bias));
        FORWARD(planner_part_gradient(planner, n->dweight, outputs * node->x[0]->size));
        FORWARD(planner_close(planner, backward_weights, node, pieces_of(plan, n, DENSE_BACKWARD_WEIGHTS), USES_X));
        planner_closing_uses(node->d);
    }
    if (!node->dx[0]) return CF_OK;
    FORWARD(planner_step(planner, IN_TRAINING, kind_of(plan, n), backward_data, node,
                         pieces_of(plan, n, DENSE_BACKWARD_DATA), USES_DX));
    planner_uses(planner, node->d);
    return CF_OK;
}

static void release(const Engine *engine, Node *node) {
    engine->dense_free(dense_of(node)->dense);
}

cf_status lay_dense(Planner *planner, int number, const char *weight, const char *bias, float slope, Tensor *x,
                    Tensor *y) {
    static const NodeType type = {.name = "dense", .forward = forward, .backward = backward, .release = release};
    const PlanOptions *options = &planner->plan->options;
    DenseNode *n;
    if (y->float_wanted && y->readers == 1) y->element = sizeof(float);
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, true, y, &n));
    n->weight = planner_parameter(planner, number, weight);
    n->dweight = planner_gradient(planner, number, weight);
    if (bias) n->bias = planner_parameter(planner, number, bias);
    if (bias) n->dbias = planner_gradient(planner, number, bias);
    n->outputs = (int)y->size;
    n->slope = slope;
    y->needed_by_maker = slope < 1;
    const DenseShape shape = {.N = planner->plan->batch,
                              .slice = SLICE,
                              .inputs = (int)x->size,
                              .outputs = n->outputs,
                              .slope = slope,
                              .bias = n->bias != NULL,
                              .float_out = y->element == sizeof(float)};
    if (n->dbias)
        FORWARD(planner_keep(planner, &n->sums, (size_t)groups_of(planner->plan) * y->size, sizeof(double)));
    return options->engine->dense_new(&shape, n->node.learns || x->wants_gradient, x->wants_gradient, options->threads,
                                      &n->dense);
}

/* The network's last layer stays alone, so that its outputs are not rounded behind an activation. */
static cf_status lay(Planner *planner, int number) {
    const int next = planner_follower(planner, number);
    const bool takes = next >= 0 && planner_layer(planner, next)->activation.kind == ACT_RELU &&
                       layer_is_activation(planner_layer(planner, next)) && !planner_is_output(planner, next);
    Tensor *y;
    if (takes) planner_take(planner, next);
    FORWARD(planner_output(planner, takes ? next : number, &y));
    return lay_dense(planner, number, "weight", planner_layer(planner, number)->bias ? "bias" : NULL,
                     takes ? planner_layer(planner, next)->activation.slope : 1, planner_input(planner, number, 0), y);
}

const LayerType dense_type = {"dense", "Gemm", read_dense, dense_shape, NULL, lay};
