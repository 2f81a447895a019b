/* maxpool, avgpool, globalavgpool, globalmaxpool. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

static const LayerType avgpool_type, globalavgpool_type, globalmaxpool_type;

static bool takes_largest(const Layer *layer) {
    return layer->type == &maxpool_type || layer->type == &globalmaxpool_type;
}

static cf_status read_pool(Reader *reader, Layer *layer) {
    static const char *const settings[] = {"stride", "pad", NULL};
    FORWARD(reader_window(reader, &layer->R, &layer->S));
    layer->stride = 0; /* as the window, unless it is given */
    for (int before = -1; before != reader->next;) {
        before = reader->next;
        if (reader_take_if(reader, "stride")) FORWARD(reader_integer(reader, "a stride", 1, 64, &layer->stride));
        if (!reader_take_if(reader, "pad")) continue;
        if (reader_take_if(reader, "same")) {
            layer->pad_h = (layer->R - 1) / 2, layer->pad_w = (layer->S - 1) / 2;
        } else if (reader_take_if(reader, "valid")) {
            layer->pad_h = layer->pad_w = 0;
        } else {
            FORWARD(reader_integer(reader, "same, valid or a padding", 0, 512, &layer->pad_h));
            layer->pad_w = layer->pad_h;
        }
    }
    FORWARD(reader_finish(reader, settings));
    if (!layer->stride && layer->R != layer->S)
        return reader_fail(reader, reader_end(reader), "a pool whose window is not square needs a stride");
    if (!layer->stride) layer->stride = layer->R;
    return CF_OK;
}

/* A window slides over a padded side: how often it fits. */
static cf_status pool_shape(const Reader *reader, Layer *layer) {
    const Shape in = layer->in;
    if (!layer->R) layer->R = in.H, layer->S = in.W; /* the whole image */
    const int high = in.H + 2 * layer->pad_h, wide = in.W + 2 * layer->pad_w;
    if (takes_largest(layer) && layer->R * layer->S > UINT16_MAX)
        return reader_fail(reader, layer->column, "a window of more than %d values", UINT16_MAX);
    if (layer->R > high || layer->S > wide)
        return reader_fail(reader, layer->column, "a window of %dx%d does not fit on the %dx%d that arrives here", layer->R,
                           layer->S, in.H, in.W);
    if (layer->pad_h >= layer->R || layer->pad_w >= layer->S)
        return reader_fail(reader, layer->column, "a padding as wide as the window would pool nothing but padding");
    layer->out = (Shape){in.C, (high - layer->R) / layer->stride + 1, (wide - layer->S) / layer->stride + 1};
    return CF_OK;
}

static void describe(const Layer *layer, FILE *out) {
    fprintf(out, "%dx%d, stride %d, pad %d", layer->R, layer->S, layer->stride, layer->pad_h);
    if (layer->pad_w != layer->pad_h) fprintf(out, "x%d", layer->pad_w);
}

/* ---- The nodes ---- */

typedef struct PoolNode {
    Node node;
    Window window;
} PoolNode;

static const Window *window_of(const Node *node) {
    return &((const PoolNode *)node)->window;
}

static cf_status max_forward(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->maxpool_forward(window_of(node), value_at(plan, node->x[0], index, thread),
                                        value_at(plan, node->y, index, thread),
                                        buffer_at(plan, node->extra[plan->inferring], index, thread));
    return CF_OK;
}

static cf_status forward_max(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, max_forward, node, 0, USES_FORWARD);
}

static cf_status max_backward(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->maxpool_backward(window_of(node), gradient_at(plan, node->y, index, thread),
                                         buffer_at(plan, node->extra[0], index, thread),
                                         dx_at(plan, node, index, thread));
    return CF_OK;
}

static cf_status backward_max(Planner *planner, Node *node) {
    return planner_step(planner, IN_TRAINING, STEP_SLICES, max_backward, node, 0, USES_DX | USES_DY | USES_EXTRA);
}

static cf_status average_forward(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->avgpool_forward(window_of(node), value_at(plan, node->x[0], index, thread),
                                        value_at(plan, node->y, index, thread));
    return CF_OK;
}

static cf_status forward_average(Planner *planner, Node *node) {
    return planner_step(planner, IN_BOTH, STEP_SLICES, average_forward, node, 0, USES_X | USES_Y);
}

static cf_status average_backward(Plan *plan, Node *node, int64_t index, int thread) {
    plan_kernels(plan)->avgpool_backward(window_of(node), gradient_at(plan, node->y, index, thread),
                                         dx_at(plan, node, index, thread));
    return CF_OK;
}

static cf_status backward_average(Planner *planner, Node *node) {
    return planner_step(planner, IN_TRAINING, STEP_SLICES, average_backward, node, 0, USES_DX | USES_DY);
}

static cf_status lay_pool(Planner *planner, int number, const NodeType *type, const Window *window, Tensor *x, Tensor *y,
                          PoolNode **n) {
    FORWARD(planner_node(planner, sizeof **n, type, number, x, NULL, false, y, n));
    (*n)->window = *window;
    (*n)->window.N = planner->plan->slice;
    return CF_OK;
}

cf_status lay_average(Planner *planner, int number, const Window *window, Tensor *x, Tensor *y) {
    static const NodeType type = {.name = "avgpool", .forward = forward_average, .backward = backward_average};
    PoolNode *n;
    return lay_pool(planner, number, &type, window, x, y, &n);
}

static cf_status lay(Planner *planner, int number) {
    static const NodeType max_type = {.name = "maxpool", .forward = forward_max, .backward = backward_max};
    const Layer *layer = planner_layer(planner, number);
    const Window window = layer_window(layer, 1);
    Tensor *x = planner_input(planner, number, 0), *y;
    PoolNode *n;
    FORWARD(planner_output(planner, number, &y));
    if (!takes_largest(layer)) return lay_average(planner, number, &window, x, y);
    FORWARD(lay_pool(planner, number, &max_type, &window, x, y, &n));
    FORWARD(planner_extra(planner, &n->node, LIST_TRAINING, LIST_TRAINING, y->size * sizeof(uint16_t)));
    return planner_extra(planner, &n->node, LIST_INFERENCE, LIST_INFERENCE, y->size * sizeof(uint16_t));
}

const LayerType maxpool_type = {"maxpool", "MaxPool", read_pool, pool_shape, describe, lay};
static const LayerType avgpool_type = {"avgpool", "AveragePool", read_pool, pool_shape, describe, lay},
                       globalavgpool_type = {"globalavgpool", "GlobalAveragePool", NULL, pool_shape, describe, lay},
                       globalmaxpool_type = {"globalmaxpool", "GlobalMaxPool", NULL, pool_shape, describe, lay};
const LayerType *const pool_types[] = {&maxpool_type, &avgpool_type, &globalavgpool_type, &globalmaxpool_type, NULL};
