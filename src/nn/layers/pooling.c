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
        return reader_fail(reader, layer->column, "a window of %dx%d does not fit on the %dx%d that arrives here",
                           layer->R, layer->S, in.H, in.W);
    if (layer->pad_h >= layer->R || layer->pad_w >= layer->S)
        return reader_fail(reader, layer->column, "a padding as wide as the window would pool nothing but padding");
    layer->out = (Shape){in.C, (high - layer->R) / layer->stride + 1, (wide - layer->S) / layer->stride + 1};
    return CF_OK;
}

/* ---- The nodes ---- */

typedef struct PoolNode {
    Node node;
    Window window;
} PoolNode;

static const Window *window_of(const Work *w) {
    return &((const PoolNode *)w->node)->window;
}

static cf_status max_forward(const Work *w) {
    work_kernels(w)->maxpool_forward(window_of(w), work_x(w, 0), work_y(w), work_extra(w, w->plan->inferring));
    return CF_OK;
}

static cf_status max_backward(const Work *w) {
    work_kernels(w)->maxpool_backward(window_of(w), work_dy(w), work_extra(w, 0), work_dx(w, 0));
    return CF_OK;
}

static cf_status average_forward(const Work *w) {
    work_kernels(w)->avgpool_forward(window_of(w), work_x(w, 0), work_y(w));
    return CF_OK;
}

static cf_status average_backward(const Work *w) {
    work_kernels(w)->avgpool_backward(window_of(w), work_dy(w), work_dx(w, 0));
    return CF_OK;
}

static cf_status add_pool(Planner *planner, int number, bool largest, const Window *window, Tensor *x, Tensor *y,
                          Node **node) {
    static const NodeType max_type = {.name = "maxpool",
                                      .forward = {max_forward, USES_FORWARD},
                                      .backward = {max_backward, USES_DX | USES_DY | USES_EXTRA}},
                          average_type = {.name = "avgpool",
                                          .forward = {average_forward, USES_X | USES_Y},
                                          .backward = {average_backward, USES_DX | USES_DY}};
    PoolNode *n;
    FORWARD(planner_node(planner, sizeof *n, largest ? &max_type : &average_type, number, x, NULL, false, y, &n));
    n->window = *window;
    n->window.N = planner->plan->slice;
    *node = &n->node;
    return CF_OK;
}

cf_status lay_average(Planner *planner, int number, const Window *window, Tensor *x, Tensor *y) {
    Node *unused;
    return add_pool(planner, number, false, window, x, y, &unused);
}

static cf_status lay_pool(Planner *planner, int number) {
    const Layer *layer = planner_layer(planner, number);
    const Window window = layer_window(layer, 1);
    Tensor *y;
    Node *node = NULL;
    FORWARD(planner_output(planner, number, &y));
    FORWARD(add_pool(planner, number, takes_largest(layer), &window, planner_input(planner, number, 0), y, &node));
    for (ListKind list = 0; list < LISTS && takes_largest(layer); list++)
        FORWARD(planner_extra(planner, node, (int)list, list, y->size * sizeof(uint16_t)));
    return CF_OK;
}

const LayerType maxpool_type = {"maxpool", "MaxPool", read_pool, pool_shape, layer_describe_window, lay_pool};
static const LayerType avgpool_type = {"avgpool",  "AveragePool",         read_pool,
                                       pool_shape, layer_describe_window, lay_pool},
                       globalavgpool_type = {"globalavgpool", "GlobalAveragePool",   NULL,
                                             pool_shape,      layer_describe_window, lay_pool},
                       globalmaxpool_type = {"globalmaxpool", "GlobalMaxPool",       NULL,
                                             pool_shape,      layer_describe_window, lay_pool};
const LayerType *const pool_types[] = {&maxpool_type, &avgpool_type, &globalavgpool_type, &globalmaxpool_type, NULL};
