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

typedef struct NormNode {
    Node node;
    NormShape shape;
    Weights weight, bias;
    double *sums; /* [slices][2 C] */
} NormNode;

static cf_status norm_forward(const Work *w) {
    const NormNode *n = (const NormNode *)w->node;
    work_kernels(w)->norm_forward(&n->shape, w->plan->slice, work_x(w, 0), n->weight.values, n->bias.values, work_y(w),
                                  work_extra(w, 0));
    return CF_OK;
}

static cf_status norm_backward(const Work *w) {
    const NormNode *n = (const NormNode *)w->node;
    double *sums = n->sums ? n->sums + (size_t)w->index * 2 * (size_t)n->shape.C : NULL;
    work_kernels(w)->norm_backward(&n->shape, w->plan->slice, work_x(w, 0), n->weight.values, work_extra(w, 0),
                                   work_dy(w), work_dx(w, 0), sums);
    return CF_OK;
}

static cf_status add_norm_sums(Planner *planner, Node *node) {
    const NormNode *n = (const NormNode *)node;
    const size_t C = (size_t)n->shape.C;
    const int slices = planner->plan->slices;
    if (!n->weight.gradient) return CF_OK;
    FORWARD(planner_sum(planner, &(DoubleSum){&n->sums, 0, 2 * C, C, slices, n->bias.gradient}));
    return planner_sum(planner, &(DoubleSum){&n->sums, C, 2 * C, C, slices, n->weight.gradient});
}

static cf_status lay_norm(Planner *planner, int number) {
    static const NodeType type = {.name = "norm",
                                  .forward = {norm_forward, USES_FORWARD},
                                  .backward = {norm_backward, USES_X | USES_DX | USES_DY | USES_EXTRA},
                                  .add_backward = add_norm_sums};
    const Layer *layer = planner_layer(planner, number);
    const size_t sums = (size_t)planner->plan->slices * 2 * (size_t)layer->in.C;
    NormNode *n;
    FORWARD(planner_layer_node(planner, sizeof *n, &type, number, number, &n));
    n->shape = (NormShape){layer->in.C, layer->in.H * layer->in.W, layer->number, layer->type == &layernorm_type};
    n->weight = planner_weights(planner, number, "weight");
    n->bias = planner_weights(planner, number, "bias");
    if (n->weight.gradient) FORWARD(planner_keep(planner, &n->sums, sums, sizeof(double)));
    if (!n->node.y->wants_gradient) return CF_OK;
    return planner_extra(planner, &n->node, 0, LIST_TRAINING, norm_sets(&n->shape) * 2 * sizeof(float));
}

static const LayerType groupnorm_type = {"groupnorm", "GroupNormalization", read_norm,
                                         norm_shape,  describe_groups,      lay_norm},
                       instancenorm_type = {"instancenorm", "InstanceNormalization", read_norm, norm_shape, NULL,
                                            lay_norm},
                       layernorm_type = {"layernorm", "LayerNormalization", read_norm, norm_shape, NULL, lay_norm},
                       standardize_type = {"standardize", NULL, read_norm, norm_shape, NULL, lay_norm};

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

static cf_status set_vectors(const Work *w) {
    NormalizeNode *n = (NormalizeNode *)w->node;
    const Layer *layer = w->node->layer;
    const int C = layer->in.C;
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

static cf_status normalize_forward(const Work *w) {
    work_kernels(w)->block_forward(&((NormalizeNode *)w->node)->block, w->plan->slice, work_x(w, 0), NULL, NULL,
                                   work_y(w), NULL);
    return CF_OK;
}

static cf_status normalize_backward(const Work *w) {
    const void *x = work_x(w, 0);
    work_kernels(w)->block_backward(&((NormalizeNode *)w->node)->block, w->plan->slice, x, x, work_dy(w), NULL,
                                    work_dx(w, 0));
    return CF_OK;
}

static cf_status lay_normalize(Planner *planner, int number) {
    static const NodeType type = {.name = "normalize",
                                  .refresh = set_vectors,
                                  .forward = {normalize_forward, USES_X | USES_Y},
                                  .backward = {normalize_backward, USES_X | USES_DX | USES_DY}};
    const Shape s = planner_layer(planner, number)->in;
    NormalizeNode *n;
    FORWARD(planner_layer_node(planner, sizeof *n, &type, number, number, &n));
    n->block = (Block){.C = s.C, .H = s.H, .W = s.W, .R = 1, .S = 1, .P = s.H, .Q = s.W};
    return planner_keep(planner, &n->vectors, 3 * (size_t)s.C, sizeof(float));
}

static const LayerType normalize_type = {"normalize", NULL, read_normalize, normalize_shape, NULL, lay_normalize};
const LayerType *const norm_types[] = {
    &bn_type, &groupnorm_type, &instancenorm_type, &layernorm_type, &standardize_type, &normalize_type, NULL};
