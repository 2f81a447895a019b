/* relu, leakyrelu, relu6, silu, gelu, hardswish, sigmoid: functions of each value. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

static const LayerType relu_type, leaky_type, relu6_type, silu_type, gelu_type, hardswish_type, sigmoid_type;

static const struct {
    const LayerType *type;
    ActivationKind kind;
} kinds[] = {{&relu_type, ACT_RELU},      {&leaky_type, ACT_RELU}, {&relu6_type, ACT_RELU6},
             {&silu_type, ACT_SILU},      {&gelu_type, ACT_GELU},  {&hardswish_type, ACT_HARDSWISH},
             {&sigmoid_type, ACT_SIGMOID}};

bool layer_is_activation(const Layer *layer) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (kinds[i].type == layer->type) return true;
    return false;
}

static cf_status read_activation(Reader *reader, Layer *layer) {
    double slope = layer->type == &leaky_type ? 0.01 : 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (kinds[i].type == layer->type) layer->activation.kind = kinds[i].kind;
    if (layer->type == &leaky_type) FORWARD(reader_number(reader, "a slope", 0, 1, true, &slope));
    layer->activation.slope = (float)slope;
    return reader_finish(reader, NULL);
}

static void describe_slope(const Layer *layer, FILE *out) {
    if (layer->activation.slope > 0) fprintf(out, "slope %g", (double)layer->activation.slope);
}

/* ---- The node ---- */

typedef struct ActivationNode {
    Node node;
    Activation act;
} ActivationNode;

static Activation act_of(const Work *w) {
    return ((const ActivationNode *)w->node)->act;
}

static cf_status act_forward(const Work *w) {
    work_kernels(w)->act_forward(act_of(w), work_x(w, 0), work_values(w), work_y(w));
    return CF_OK;
}

static cf_status act_backward(const Work *w) {
    const void *from = activation_from_output(act_of(w)) ? work_y(w) : work_x(w, 0);
    work_kernels(w)->act_backward(act_of(w), from, work_dy(w), work_values(w), work_dx(w, 0));
    return CF_OK;
}

cf_status lay_activation(Planner *planner, int number, Activation act, Tensor *x, Tensor *y) {
    static const NodeType from_x = {.name = "activation",
                                    .forward = {act_forward, USES_X | USES_Y},
                                    .backward = {act_backward, USES_DX | USES_DY | USES_X},
                                    .elementwise = true},
                          from_y = {.name = "activation",
                                    .forward = {act_forward, USES_X | USES_Y},
                                    .backward = {act_backward, USES_DX | USES_DY | USES_Y},
                                    .elementwise = true};
    ActivationNode *n;
    y->needed_by_maker = activation_from_output(act);
    FORWARD(planner_node(planner, sizeof *n, y->needed_by_maker ? &from_y : &from_x, number, x, NULL, false, y, &n));
    n->act = act;
    return planner_in_place(planner, &n->node, y->needed_by_maker);
}

static cf_status lay_activation_layer(Planner *planner, int number) {
    Tensor *y;
    FORWARD(planner_output(planner, number, &y));
    return lay_activation(planner, number, planner_layer(planner, number)->activation,
                          planner_input(planner, number, 0), y);
}

#define ACTIVATION(name, onnx)                                                                                         \
    { name, onnx, read_activation, layer_same_shape, describe_slope, lay_activation_layer }
static const LayerType relu_type = ACTIVATION("relu", "Relu"), leaky_type = ACTIVATION("leakyrelu", "LeakyRelu"),
                       relu6_type = ACTIVATION("relu6", "Clip"), silu_type = ACTIVATION("silu", NULL),
                       gelu_type = ACTIVATION("gelu", "Gelu"), hardswish_type = ACTIVATION("hardswish", "HardSwish"),
                       sigmoid_type = ACTIVATION("sigmoid", "Sigmoid");
const LayerType *const activation_types[] = {&relu_type, &leaky_type,     &relu6_type,   &silu_type,
                                             &gelu_type, &hardswish_type, &sigmoid_type, NULL};
