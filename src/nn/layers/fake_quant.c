/* Values rounded to those that 8-bit integers have, in float32 (PyTorch's fake_quantize_per_tensor_affine): forward what an integer
 * stands for, backward the gradient as it is where the value was within the range, 0 outside. */
#include "nn/layers/nodes.h"

typedef struct QuantNode {
    Node node;
    const FakeRange *range; /* read at every step */
} QuantNode;

/* Scale and limits in steps of the scale, from the range's zero. */
typedef struct Steps {
    float scale, inverse, low, high;
} Steps;

static Steps steps_of(const Work *w) {
    const FakeRange *range = ((const QuantNode *)w->node)->range;
    return (Steps){range->scale, 1 / range->scale, -128 - range->zero, 127 - range->zero};
}

/* Adding and taking away 1.5 x 2^23 leaves whole numbers. A value that is none stays none. */
static cf_status quant_forward(const Work *w) {
    const float *x = work_x(w, 0);
    float *y = work_y(w);
    const size_t count = work_values(w);
    const Steps s = steps_of(w);
    for (size_t i = 0; i < count; i++) {
        float v = x[i] * s.inverse;
        v = v < s.low ? s.low : v > s.high ? s.high : v;
        y[i] = (v + 12582912.0f - 12582912.0f) * s.scale;
    }
    return CF_OK;
}

static cf_status quant_backward(const Work *w) {
    const float *x = work_x(w, 0), *dy = work_dy(w);
    float *dx = work_dx(w, 0);
    const size_t count = work_values(w);
    const Steps s = steps_of(w);
    const float low = s.low - 0.5f, high = s.high + 0.5f;
    for (size_t i = 0; i < count; i++) {
        const float v = x[i] * s.inverse;
        dx[i] = v < low || v > high ? 0 : dy[i];
    }
    return CF_OK;
}

cf_status lay_fake_quant(Planner *planner, int number, const FakeRange *range, Tensor *x, Tensor *y) {
    static const NodeType type = {.name = "fake quantization",
                                  .forward = {quant_forward, USES_X | USES_Y},
                                  .backward = {quant_backward, USES_X | USES_DX | USES_DY},
                                  .elementwise = true};
    QuantNode *n;
    FORWARD(planner_node(planner, sizeof *n, &type, number, x, NULL, false, y, &n));
    n->range = range;
    x->needed_by_maker = true; /* what was out of range is seen in x */
    return planner_in_place(planner, &n->node, true);
}
