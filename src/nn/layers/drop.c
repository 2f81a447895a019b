/* dropout, droppath, reverse: what they change is training alone; when predicting values go through as they are. */
#include "nn/layers/nodes.h"
#include "nn/layers/reader.h"

#include "base/rng.h"

#include <string.h>

static const LayerType dropout_type, droppath_type, reverse_type;

static cf_status read_drop(Reader *reader, Layer *layer) {
    const bool reverses = layer->type == &reverse_type;
    double value = reverses ? 1 : layer->type == &dropout_type ? 0.5 : 0.1;
    FORWARD(reader_number(reader, reverses ? "a factor" : "a rate", 0, reverses ? 1000 : 1, true, &value));
    layer->rate = (float)value;
    return reader_finish(reader, NULL);
}

static void describe_drop(const Layer *layer, FILE *out) {
    fprintf(out, "%s %g", layer->type == &reverse_type ? "factor" : "rate", (double)layer->rate);
}

/* ---- The nodes ---- */

static cf_status copy_values(const Work *w) {
    const void *x = work_x(w, 0);
    void *y = work_y(w);
    if (x != y) memcpy(y, x, (size_t)w->plan->slice * value_buffer(w->plan, w->node->x[0])->image_bytes);
    return CF_OK;
}

/* Whether what is numbered so is set to 0: a function of (seed, step, layer, number), which is drawn again on the way back. `words`
 * are of the last block of numbers; it is drawn where a block begins, and at first. */
static bool is_dropped(const Work *w, const RngStream *stream, uint64_t number, bool first, uint32_t words[4]) {
    if (first || number % 4 == 0) rng_block(stream, number / 4, words);
    return (float)(words[number % 4] >> 8) * 0x1p-24f < w->node->layer->rate;
}

/* Values are kept with probability 1 - rate and scaled up, so that nothing is to be done when not training. */
static void drop_values(const Work *w, const RngStream *stream, const void *from, void *to) {
    enum { AT_ONCE = 64 };
    const size_t size = work_values(w), first = (size_t)w->plan->first * w->node->y->size + (size_t)w->index * size,
                 element = work_kernels(w)->element;
    const float scale = 1 / (1 - w->node->layer->rate);
    float part[AT_ONCE];
    uint32_t words[4];
    for (size_t i = 0; i < size; i += AT_ONCE) {
        const size_t count = size - i < AT_ONCE ? size - i : AT_ONCE;
        work_kernels(w)->to_float((const char *)from + i * element, count, part);
        for (size_t k = 0; k < count; k++)
            part[k] *= is_dropped(w, stream, first + i + k, k == 0, words) ? 0.0f : scale;
        work_kernels(w)->from_float(part, count, (char *)to + i * element);
    }
}

/* Whole images, mostly of a res group: stochastic depth (Huang et al. 2016). */
static void drop_images(const Work *w, const RngStream *stream, const void *from, void *to) {
    const size_t bytes = w->node->y->size * work_kernels(w)->element;
    const int slice = w->plan->slice;
    const float scale = 1 / (1 - w->node->layer->rate);
    uint32_t words[4];
    for (int i = 0; i < slice; i++) {
        const uint64_t image = (uint64_t)w->plan->first + (uint64_t)w->index * (uint64_t)slice + (uint64_t)i;
        work_kernels(w)->multiply((const char *)from + (size_t)i * bytes, w->node->y->size,
                                  is_dropped(w, stream, image, true, words) ? 0.0f : scale,
                                  (char *)to + (size_t)i * bytes);
    }
}

static void drop(const Work *w, const void *from, void *to) {
    const RngStream stream =
        rng_stream(w->plan->options.seed, RNG_DROPOUT, (uint64_t)w->plan->number, (uint32_t)w->node->number);
    (w->node->layer->type == &dropout_type ? drop_values : drop_images)(w, &stream, from, to);
}

static cf_status drop_forward(const Work *w) {
    if (w->plan->inferring) return copy_values(w);
    drop(w, work_x(w, 0), work_y(w));
    return CF_OK;
}

static cf_status drop_backward(const Work *w) {
    drop(w, work_dy(w), work_dx(w, 0));
    return CF_OK;
}

static cf_status reverse_backward(const Work *w) {
    work_kernels(w)->multiply(work_dy(w), work_values(w), -w->node->layer->rate * w->plan->reversal, work_dx(w, 0));
    return CF_OK;
}

static cf_status lay_drop(Planner *planner, int number) {
    enum { SAME, DROP, REVERSE };
    static const NodeType types[] = {
        [SAME] = {.name = "same", .forward = {copy_values, USES_X | USES_Y}},
        [DROP] = {.name = "drop",
                  .forward = {drop_forward, USES_X | USES_Y},
                  .backward = {drop_backward, USES_DX | USES_DY},
                  .elementwise = true},
        [REVERSE] = {.name = "reverse",
                     .forward = {copy_values, USES_X | USES_Y},
                     .backward = {reverse_backward, USES_DX | USES_DY},
                     .elementwise = true},
    };
    const bool reverses = planner_layer(planner, number)->type == &reverse_type,
               same = reverses ? planner->plan->options.mode != PLAN_TRAINING : planner_frozen(planner, number);
    Node *n;
    FORWARD(planner_layer_node(planner, sizeof *n,
                               &types[same       ? SAME
                                      : reverses ? REVERSE
                                                 : DROP],
                               number, number, &n));
    return planner_in_place(planner, n, true);
}

static const LayerType dropout_type = {"dropout", "Dropout", read_drop, layer_same_shape, describe_drop, lay_drop},
                       droppath_type = {"droppath", NULL, read_drop, layer_same_shape, describe_drop, lay_drop},
                       reverse_type = {"reverse", NULL, read_drop, layer_same_shape, describe_drop, lay_drop};
bool layer_drops(const Layer *layer) {
    return layer->type == &dropout_type || layer->type == &droppath_type;
}

const LayerType *const drop_types[] = {&dropout_type, &droppath_type, &reverse_type, NULL};
