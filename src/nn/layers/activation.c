/* relu, leakyrelu, relu6, silu, gelu, hardswish, sigmoid: functions of each value. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

static const LayerType relu_type, leaky_type, relu6_type, silu_type, gelu_type, hardswish_type, sigmoid_type;

static const struct {
    const LayerType *type;
    ActivationKind kind;
} kinds[] = {{&relu_type, ACT_RELU},   {&leaky_type, ACT_RELU},          {&relu6_type, ACT_RELU6},    {&silu_type, ACT_SILU},
             {&gelu_type, ACT_GELU},   {&hardswish_type, ACT_HARDSWISH}, {&sigmoid_type, ACT_SIGMOID}};

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

static void describe(const Layer *layer, FILE *out) {
    if (layer->activation.slope > 0) fprintf(out, "slope %g", (double)layer->activation.slope);
}

/* ---- The node ---- */

typedef struct ActivationNode {
    Node node;
    Activation act;
} ActivationNode;

static Activation act_of(const Node *node) {
    return ((const ActivationNode *)node)->act;
}

static cf_status act_forward(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->act_forward(act_of(node), value_at(plan, node->x[0], index, thread),
                                    (size_t)plan->slice * node->y->size, value_at(plan, node->y, index, thread));
    return CF_OK;
}

static cf_status forward(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, act_forward, node, 0, USES_X | USES_Y);
}

static cf_status act_backward(Plan *plan, Node *node, int64_t index, int thread) {
    const Activation act = act_of(node);
    plan_kernels(plan)->act_backward(
        act, value_at(plan, activation_from_output(act) ? node->y : node->x[0], index, thread),
        gradient_at(plan, node->y, index, thread), (size_t)plan->slice * node->y->size, dx_at(plan, node, index, thread));
    return CF_OK;
}

static cf_status backward(Planner *planner, Node *node) {
    return planner_step(planner, IN_TRAINING, STEP_SLICES, act_backward, node, 0,
                        USES_DX | USES_DY | (activation_from_output(act_of(node)) ? USES_Y : USES_X));
}

cf_status lay_activation(Planner *planner, int number, Activation act, Tensor *x, Tensor *y) {
    static const NodeType type = {.name = "activation", .forward = forward, .backward = backward, .elementwise = true};
    ActivationNode *n;
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, false, y, &n));
    n->act = act;
    y->needed_by_maker = activation_from_output(act);
    return planner_in_place(planner, &n->node, activation_from_output(act));
}

static cf_status lay(Planner *planner, int number) {
    Tensor *y;
    FORWARD(planner_output(planner, number, &y));
    return lay_activation(planner, number, planner_layer(planner, number)->activation, planner_input(planner, number, 0),
                          y);
}

#define ACTIVATION(name, onnx) {name, onnx, read_activation, layer_same_shape, describe, lay}
static const LayerType relu_type = ACTIVATION("relu", "Relu"), leaky_type = ACTIVATION("leakyrelu", "LeakyRelu"),
                       relu6_type = ACTIVATION("relu6", "Clip"), silu_type = ACTIVATION("silu", NULL),
                       gelu_type = ACTIVATION("gelu", "Gelu"), hardswish_type = ACTIVATION("hardswish", "HardSwish"),
                       sigmoid_type = ACTIVATION("sigmoid", "Sigmoid");
const LayerType *const activation_types[] = {&relu_type, &leaky_type,     &relu6_type,   &silu_type,
                                             &gelu_type, &hardswish_type, &sigmoid_type, NULL};
