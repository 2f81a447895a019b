/* groupnorm, instancenorm, layernorm, standardize: norms of each image by itself; normalize: by given means and deviations. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

static const LayerType groupnorm_type, instancenorm_type, layernorm_type, standardize_type;

/* ---- The layers ---- */

/* groupnorm G; the others have no arguments. */
static cf_status read_norm(Reader *reader, Layer *layer) {
    layer->number = 1;
    if (layer->type == &groupnorm_type) FORWARD(reader_integer(reader, "a number of groups", 1, 65536, &layer->number));
    return reader_finish(reader, NULL);
}

static cf_status norm_shape(const Reader *reader, Layer *layer) {
    const size_t channels = (size_t)layer->in.C;
    layer->out = layer->in;
    if (layer->type == &standardize_type) return CF_OK;
    if (layer->type == &instancenorm_type) layer->number = layer->in.C;
    if (layer->in.C % layer->number)
        return reader_fail(reader, layer->column, "%d groups do not divide the %d channels that arrive here",
                           layer->number, layer->in.C);
    layer_add_parameter(layer, "weight", PARAMETER_SCALE, 1, &channels);
    layer_add_parameter(layer, "bias", PARAMETER_BIAS, 1, &channels);
    return CF_OK;
}

static void describe_groups(const Layer *layer, FILE *out) {
    fprintf(out, "groups %d", layer->number);
}

/* ---- The node ---- */

typedef struct NormNode {
    Node node;
    NormShape shape;
    const float *weight, *bias;
    float *dweight, *dbias;
    double *sums; /* [slices][2 C] */
} NormNode;

static NormNode *norm_of(const Node *node) {
    return (NormNode *)node;
}

static cf_status norm_forward(Plan *plan, Node *node, int64_t index, int thread) {
    const NormNode *n = norm_of(node);
    plan_kernels(plan)->norm_forward(
        &n->shape, plan->slice, value_at(plan, node->x[0], index, thread), n->weight, n->bias,
        value_at(plan, node->y, index, thread),
        plan->inferring || !node->extra[0] ? NULL : buffer_at(plan, node->extra[0], index, thread));
    return CF_OK;
}

static cf_status forward(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, norm_forward, node, 0, USES_FORWARD);
}

static cf_status norm_backward(Plan *plan, Node *node, int64_t index, int thread) {
    const NormNode *n = norm_of(node);
    plan_kernels(plan)->norm_backward(
        &n->shape, plan->slice, value_at(plan, node->x[0], index, thread), n->weight,
        buffer_at(plan, node->extra[0], index, thread), gradient_at(plan, node->y, index, thread),
        node->dx[0] ? dx_at(plan, node, index, thread) : NULL,
        n->sums ? n->sums + (size_t)index * 2 * (size_t)n->shape.C : NULL);
    return CF_OK;
}

static cf_status backward(Planner *planner, Node *node) {
    FORWARD(planner_step(planner, IN_TRAINING, STEP_SLICES, norm_backward, node, 0,
                         USES_X | USES_DX | USES_DY | USES_EXTRA));
    const NormNode *n = norm_of(node);
    const size_t C = (size_t)n->shape.C;
    const int slices = planner->plan->slices;
    if (!n->dweight) return CF_OK;
    FORWARD(planner_sum(planner, &(DoubleSum){&n->sums, 0, 2 * C, C, slices, n->dbias}));
    return planner_sum(planner, &(DoubleSum){&n->sums, C, 2 * C, C, slices, n->dweight});
}

static cf_status lay(Planner *planner, int number) {
    static const NodeType type = {.name = "norm", .forward = forward, .backward = backward};
    const Layer *layer = planner_layer(planner, number);
    const int pixels = layer->in.H * layer->in.W;
    const bool by_position = layer->type == &layernorm_type;
    Tensor *x = planner_input(planner, number, 0), *y;
    NormNode *n;
    FORWARD(planner_output(planner, number, &y));
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, layer->parameter_count > 0, y, &n));
    n->shape = (NormShape){layer->in.C, pixels, layer->number, by_position};
    n->weight = planner_parameter(planner, number, "weight");
    n->bias = planner_parameter(planner, number, "bias");
    n->dweight = planner_gradient(planner, number, "weight");
    n->dbias = planner_gradient(planner, number, "bias");
    if (n->dweight)
        FORWARD(planner_keep(planner, &n->sums, (size_t)planner->plan->slices * 2 * (size_t)layer->in.C, sizeof(double)));
    if (!y->wants_gradient) return CF_OK;
    return planner_extra(planner, &n->node, 0, LIST_TRAINING,
                         norm_sets(&n->shape) * 2 * sizeof(float));
}

static const LayerType groupnorm_type = {"groupnorm", "GroupNormalization", read_norm, norm_shape, describe_groups, lay},
                       instancenorm_type = {"instancenorm", "InstanceNormalization", read_norm, norm_shape, NULL, lay},
                       layernorm_type = {"layernorm", "LayerNormalization", read_norm, norm_shape, NULL, lay},
                       standardize_type = {"standardize", NULL, read_norm, norm_shape, NULL, lay};

/* ---- normalize MEAN.. DEVIATION..: one each, or one of each channel ---- */

static cf_status read_normalize(Reader *reader, Layer *layer) {
    const int given = reader->count - reader->next, each = given / 2;
    if (given < 2 || given % 2 || each > MOST_NORMALIZED)
        return reader_fail(reader, reader_end(reader), "means and then as many deviations expected, 1 to %d of each",
                           MOST_NORMALIZED);
    layer->number = each;
    for (int i = 0; i < given; i++) {
        double value;
        FORWARD(reader_number(reader, i < each ? "a mean" : "a deviation", i < each ? -1e6 : 1e-6, 1e6, false, &value));
        *(i < each ? &layer->means[i] : &layer->deviations[i - each]) = (float)value;
    }
    return CF_OK;
}

static cf_status normalize_shape(const Reader *reader, Layer *layer) {
    layer->out = layer->in;
    if (layer->number == 1 || layer->number == layer->in.C) return CF_OK;
    return reader_fail(reader, layer->column, "%d means for the %d channels that arrive here", layer->number,
                       layer->in.C);
}

typedef struct NormalizeNode {
    Node node;
    Block block;
    float *vectors; /* means, 1 / deviations, zeros: [C] each */
} NormalizeNode;

static cf_status fill(Plan *plan, Node *node, int64_t index, int thread) {
    NormalizeNode *n = (NormalizeNode *)node;
    const Layer *layer = node->layer;
    const int C = layer->in.C;
    (void)plan, (void)index, (void)thread;
    for (int c = 0; c < C; c++) {
        const int i = layer->number == 1 ? 0 : c;
        n->vectors[c] = layer->means[i];
        n->vectors[C + c] = 1 / layer->deviations[i];
    }
    n->block.mean = n->vectors;
    n->block.scale = n->block.a = n->vectors + C;
    n->block.shift = n->block.b = n->block.c = n->vectors + 2 * (size_t)C;
    return CF_OK;
}

static cf_status normalize(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->block_forward(&((NormalizeNode *)node)->block, plan->slice,
                                      value_at(plan, node->x[0], index, thread), NULL, NULL,
                                      value_at(plan, node->y, index, thread), NULL);
    return CF_OK;
}

static cf_status forward_normalize(Planner *planner, Node *node) {
    FORWARD(planner_refresh(planner, fill, node, 1));
    return planner_step(planner, IN_BOTH, STEP_SLICES, normalize, node, 0, USES_X | USES_Y);
}

static cf_status normalize_back(Plan *plan, Node *node, int64_t index, int thread) {
    const void *x = value_at(plan, node->x[0], index, thread);
    plan_kernels(plan)->block_backward(&((NormalizeNode *)node)->block, plan->slice, x, x,
                                       gradient_at(plan, node->y, index, thread), NULL, dx_at(plan, node, index, thread));
    return CF_OK;
}

static cf_status backward_normalize(Planner *planner, Node *node) {
    return planner_step(planner, IN_TRAINING, STEP_SLICES, normalize_back, node, 0, USES_X | USES_DX | USES_DY);
}

static cf_status lay_normalize(Planner *planner, int number) {
    static const NodeType type = {.name = "normalize", .forward = forward_normalize, .backward = backward_normalize};
    const Shape s = planner_layer(planner, number)->in;
    Tensor *y;
    NormalizeNode *n;
    FORWARD(planner_output(planner, number, &y));
    FORWARD(planner_node(planner, sizeof *n, &type, number, planner_input(planner, number, 0), NULL, false, y, &n));
    n->block = (Block){.C = s.C, .H = s.H, .W = s.W, .R = 1, .S = 1, .P = s.H, .Q = s.W};
    return planner_keep(planner, &n->vectors, 3 * (size_t)s.C, sizeof(float));
}

static const LayerType normalize_type = {"normalize", NULL, read_normalize, normalize_shape, NULL, lay_normalize};
const LayerType *const norm_types[] = {&bn_type,        &groupnorm_type,   &instancenorm_type,
                                       &layernorm_type, &standardize_type, &normalize_type,
                                       NULL};
