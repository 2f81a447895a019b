/* relu, leakyrelu, relu6, silu, gelu, hardswish, sigmoid: functions of each value. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

/* A word's row: the layer, and what it computes. */
typedef struct ActivationType {
    LayerType type;
    ActivationKind kind;
} ActivationType;
enum { TYPES = 7, LEAKY = 1 };
static const ActivationType types[TYPES];

bool layer_is_activation(const Layer *layer) {
    for (int i = 0; i < TYPES; i++)
        if (&types[i].type == layer->type) return true;
    return false;
}

static cf_status read_activation(Reader *reader, Layer *layer) {
    const bool leaky = layer->type == &types[LEAKY].type;
    double slope = leaky ? 0.01 : 0;
    if (leaky) FORWARD(reader_number(reader, "a slope", 0, 1, true, &slope));
    layer->activation = (Activation){((const ActivationType *)layer->type)->kind, (float)slope};
    return reader_finish(reader, NULL);
}

static void describe_slope(const Layer *layer, FILE *out) {
    if (layer->activation.slope > 0) fprintf(out, "slope %g", (double)layer->activation.slope);
}

/* ---- The node ---- */

static cf_status act_forward(const Work *w) {
    work_kernels(w)->act_forward(w->node->act, work_x(w, 0), work_values(w), work_y(w));
    return CF_OK;
}

static cf_status act_backward(const Work *w) {
    const void *from = activation_from_output(w->node->act) ? work_y(w) : work_x(w, 0);
    work_kernels(w)->act_backward(w->node->act, from, work_dy(w), work_values(w), work_dx(w, 0));
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
    Node *n;
    y->needed_by_maker = activation_from_output(act);
    FORWARD(planner_node(planner, sizeof *n, y->needed_by_maker ? &from_y : &from_x, number, x, NULL, false, y, &n));
    n->act = act;
    return planner_in_place(planner, n, y->needed_by_maker);
}

static cf_status lay_activation_layer(Planner *planner, int number) {
    Tensor *y;
    FORWARD(planner_output(planner, number, &y));
    return lay_activation(planner, number, planner_layer(planner, number)->activation,
                          planner_input(planner, number, 0), y);
}

#define ACTIVATION(name, onnx)                                                                                         \
    { name, onnx, read_activation, layer_same_shape, describe_slope, lay_activation_layer }
static const ActivationType types[TYPES] = {
    {ACTIVATION("relu", "Relu"), ACT_RELU},         [LEAKY] = {ACTIVATION("leakyrelu", "LeakyRelu"), ACT_RELU},
    {ACTIVATION("relu6", "Clip"), ACT_RELU6},       {ACTIVATION("silu", NULL), ACT_SILU},
    {ACTIVATION("gelu", "Gelu"), ACT_GELU},         {ACTIVATION("hardswish", "HardSwish"), ACT_HARDSWISH},
    {ACTIVATION("sigmoid", "Sigmoid"), ACT_SIGMOID}};
const LayerType *const activation_types[] = {&types[0].type, &types[1].type, &types[2].type, &types[3].type,
                                             &types[4].type, &types[5].type, &types[6].type, NULL};
