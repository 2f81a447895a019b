/* se R: squeeze and excitation (Hu, Shen, Sun 2018): each channel times a number that the means of all channels give. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

static cf_status read_se(Reader *reader, Layer *layer) {
    FORWARD(reader_integer(reader, "the reduction, by which the channels are divided,", 1, 65536, &layer->number));
    return reader_finish(reader, NULL);
}

static cf_status se_shape(const Reader *reader, Layer *layer) {
    const int C = layer->in.C, squeezed = C / layer->number;
    layer->out = layer->in;
    if (squeezed < 1)
        return reader_fail(reader, layer->column,
                           "a reduction of %d leaves nothing of the %d channels that arrive here", layer->number, C);
    const size_t few = (size_t)squeezed, all = (size_t)C;
    layer_add_parameter(layer, "fc1.weight", PARAMETER_WEIGHT, 2, (const size_t[]){few, all});
    layer_add_parameter(layer, "fc1.bias", PARAMETER_BIAS, 1, &few);
    layer_add_parameter(layer, "fc2.weight", PARAMETER_WEIGHT, 2, (const size_t[]){all, few});
    layer_add_parameter(layer, "fc2.bias", PARAMETER_BIAS, 1, &all);
    layer->flops = 4.0 * squeezed * C + 2 * (double)shape_size(layer->in);
    return CF_OK;
}

static void describe_squeeze(const Layer *layer, FILE *out) {
    fprintf(out, "%d of %d", layer->in.C / layer->number, layer->in.C);
}

/* ---- y = x times the scale of its channel ---- */

static size_t pixels_of(const Work *w) {
    return (size_t)w->node->y->shape.H * (size_t)w->node->y->shape.W;
}

static cf_status scale_forward(const Work *w) {
    work_kernels(w)->scale_forward(w->plan->slice, pixels_of(w), w->node->y->shape.C, work_x(w, 0), work_x(w, 1),
                                   work_y(w));
    return CF_OK;
}

static cf_status scale_backward(const Work *w) {
    work_kernels(w)->scale_backward(w->plan->slice, pixels_of(w), w->node->y->shape.C, work_x(w, 0), work_x(w, 1),
                                    work_dy(w), work_dx(w, 0), work_dx(w, 1));
    return CF_OK;
}

/* The kernel gives both gradients: one that nobody wants gets a place, too. */
static cf_status add_scale_backward(Planner *planner, Node *node) {
    for (int i = 0; i < 2; i++)
        if (!node->dx[i]) FORWARD(planner_scratch(planner, node->x[i], &node->dx[i]));
    return planner_step(planner, IN_TRAINING, STEP_SLICES, scale_backward, node, 0, USES_X | USES_DX | USES_DY);
}

static cf_status lay_squeeze(Planner *planner, int number) {
    static const NodeType type = {
        .name = "scale", .forward = {scale_forward, USES_X | USES_Y}, .add_backward = add_scale_backward};
    const Layer *layer = planner_layer(planner, number);
    const Shape in = layer->in, few = {in.C / layer->number, 1, 1}, all = {in.C, 1, 1};
    const Window whole = window_whole(in, in.C);
    Tensor *x = planner_input(planner, number, 0), *means, *squeezed, *opened, *scales, *y;
    Node *n;
    FORWARD(planner_tensor(planner, all, &means));
    FORWARD(planner_tensor(planner, few, &squeezed));
    FORWARD(planner_tensor(planner, all, &opened));
    FORWARD(planner_tensor(planner, all, &scales));
    FORWARD(planner_output(planner, number, &y));
    x->readers++; /* the mean and the product */
    FORWARD(lay_average(planner, number, &whole, x, means));
    FORWARD(lay_dense(planner, number, "fc1.weight", "fc1.bias", (Activation){ACT_RELU, 0}, means, squeezed));
    FORWARD(lay_dense(planner, number, "fc2.weight", "fc2.bias", (Activation){ACT_NONE, 0}, squeezed, opened));
    FORWARD(lay_activation(planner, number, (Activation){ACT_SIGMOID, 0}, opened, scales));
    return planner_node(planner, sizeof *n, &type, number, x, scales, false, y, &n);
}

const LayerType se_type = {"se", NULL, read_se, se_shape, describe_squeeze, lay_squeeze};
