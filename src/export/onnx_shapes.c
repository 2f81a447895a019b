/* Operators of ONNX that compute nothing: how values lie, constants, and shapes that are computed on the way. */
#include "export/onnx_graph.h"

#include "base/memory.h"

#include <string.h>

/* ---- Shapes ---- */

/* The sizes behind the first dimension, the images; returns how many. */
static int sizes_of(View view, Shape s, int64_t sizes[3]) {
    const int64_t C = s.C, H = s.H, W = s.W;
    const int64_t all[][3] = {[VIEW_MAPS] = {C, H, W},
                              [VIEW_FLAT] = {C * H * W},
                              [VIEW_ROWS] = {C, H * W},
                              [VIEW_LAST] = {H, W, C},
                              [VIEW_TOKENS] = {H * W, C}};
    static const int counts[] = {[VIEW_MAPS] = 3, [VIEW_FLAT] = 1, [VIEW_ROWS] = 2, [VIEW_LAST] = 3, [VIEW_TOKENS] = 2};
    memcpy(sizes, all[view], sizeof all[view]);
    return counts[view];
}

/* The view of a value whose elements stay in their order and whose sizes become these. */
static View view_of(View view, Shape shape, int count, const int64_t *wanted) {
    const bool either = shape.C == 1 || shape.H * shape.W == 1, last = view == VIEW_LAST || view == VIEW_TOKENS;
    for (View to = VIEW_MAPS; to < VIEW_PARTIAL; to++) {
        int64_t sizes[3];
        const bool to_last = to == VIEW_LAST || to == VIEW_TOKENS;
        if ((to_last == last || either) && sizes_of(to, shape, sizes) == count &&
            memcmp(sizes, wanted, (size_t)count * sizeof *sizes) == 0)
            return to;
    }
    return VIEW_PARTIAL;
}

/* The sizes behind the images that a shape asks for: 0 as it was, one -1 what is left. */
static bool wanted_sizes(const OnnxTensor *shape, View view, Shape s, int64_t wanted[3]) {
    int64_t sizes[3], left = (int64_t)shape_size(s);
    const int count = sizes_of(view, s, sizes);
    int open = -1;
    if (!shape->integers || shape->count < 2 || shape->count > 4) return false;
    for (int i = 0; i < (int)shape->count - 1; i++) {
        const int64_t size = shape->integers[i + 1];
        wanted[i] = size == 0 && i < count ? sizes[i] : size;
        if (size == -1 && open < 0)
            open = i;
        else if (wanted[i] < 1 || left % wanted[i])
            return false;
        else
            left /= wanted[i];
    }
    if (open >= 0) wanted[open] = left;
    return open >= 0 || left == 1;
}

cf_status reshape_node(Nodes *s) {
    const OnnxValue *x = s->in[0];
    const OnnxTensor *shape = s->in[1] ? s->in[1]->constant : NULL;
    int64_t wanted[3];
    if (!x || x->constant || !shape) return node_not_understood(s, "a constant shape expected");
    if (value_is_whole(s, x)) {
        const Shape in = value_shape(s, x);
        const View view = wanted_sizes(shape, x->view, in, wanted) ? view_of(x->view, in, (int)shape->count - 1, wanted)
                                                                   : VIEW_PARTIAL;
        return view == VIEW_PARTIAL ? node_not_understood(s, part_of_nothing) : node_pass(s, x, view);
    }
    const OnnxNode *instance = node_that_made(x, "InstanceNormalization"), *product = node_that_made(x, "MatMul");
    bool found = false;
    if (instance) FORWARD(pattern_grouped_norm(s, instance, &found));
    if (!found && !(product && pattern_attention(s, product))) return node_not_understood(s, part_of_nothing);
    if (wanted_sizes(shape, VIEW_MAPS, value_op(s, s->out)->layer.out, wanted) && shape->count == 4 &&
        view_of(VIEW_MAPS, value_op(s, s->out)->layer.out, 3, wanted) == VIEW_MAPS)
        return CF_OK;
    return node_not_understood(s, part_of_nothing);
}

cf_status flatten_node(Nodes *s) {
    const OnnxValue *x = s->in[0];
    int64_t size;
    if (!value_is_whole(s, x) || node_integer(s->node, "axis", 1) != 1)
        return node_not_understood(s, "values of a known layer, and axis 1, expected");
    size = (int64_t)shape_size(value_shape(s, x));
    const View view = view_of(x->view, value_shape(s, x), 1, &size);
    return view == VIEW_PARTIAL ? node_not_understood(s, "flat values in the order C, H, W expected")
                                : node_pass(s, x, view);
}

cf_status transpose_node(Nodes *s) {
    static const struct {
        View from, to;
        int count;
        int64_t order[4];
    } turns[] = {{VIEW_MAPS, VIEW_LAST, 4, {0, 2, 3, 1}},
                 {VIEW_LAST, VIEW_MAPS, 4, {0, 3, 1, 2}},
                 {VIEW_ROWS, VIEW_TOKENS, 3, {0, 2, 1}},
                 {VIEW_TOKENS, VIEW_ROWS, 3, {0, 2, 1}}};
    for (size_t i = 0; i < COUNT_OF(turns) && value_is_whole(s, s->in[0]); i++)
        if (s->in[0]->view == turns[i].from && node_turns(s->node, turns[i].count, turns[i].order))
            return node_pass(s, s->in[0], turns[i].to);
    return node_not_understood(s, part_of_nothing);
}

/* Of images of one pixel: to N x C, and back. */
cf_status squeeze_node(Nodes *s) {
    const OnnxValue *x = s->in[0];
    const bool adds = strcmp(s->node->op, "Unsqueeze") == 0;
    if (x && x->constant) return node_pass(s, x, x->view);
    if (!value_is_whole(s, x) || value_shape(s, x).H * value_shape(s, x).W != 1 ||
        x->view != (adds ? VIEW_FLAT : VIEW_MAPS))
        return node_not_understood(s, "images of one pixel expected");
    return node_axes(s, 4) == 12 ? node_pass(s, x, adds ? VIEW_MAPS : VIEW_FLAT)
                                 : node_not_understood(s, "axes 2 and 3 expected");
}

cf_status through_node(Nodes *s) {
    if (!s->in[0]) return node_not_understood(s, "a value expected");
    if (strcmp(s->node->op, "Cast") == 0 && !s->in[0]->constant && node_integer(s->node, "to", 0) != ONNX_FLOAT)
        return node_not_understood(s, "a cast to float32 expected");
    return node_pass(s, s->in[0], s->in[0]->view);
}

cf_status softmax_node(Nodes *s) {
    const int64_t axis = node_integer(s->node, "axis", -1);
    const bool whole = value_is_whole(s, s->in[0]);
    return node_not_understood(s, whole && s->in[0]->view == VIEW_FLAT && (axis == 1 || axis == -1) ? softmax_end
                                                                                                    : part_of_nothing);
}

/* ---- Constants ---- */

static cf_status make_constant(Nodes *s, const OnnxTensor *tensor) {
    s->out->constant = tensor;
    return CF_OK;
}

static cf_status integers_constant(Nodes *s, size_t count, const int64_t *values) {
    OnnxTensor *t;
    int64_t *copy;
    FORWARD(blocks_take(&s->graph->model->blocks, 1, sizeof *t, &t));
    FORWARD(blocks_take(&s->graph->model->blocks, count, sizeof *copy, &copy));
    if (count) memcpy(copy, values, count * sizeof *copy);
    *t = (OnnxTensor){
        .name = s->out->name, .type = ONNX_INT64, .dims = 1, .shape = {count}, .count = count, .integers = copy};
    return make_constant(s, t);
}

cf_status constant_node(Nodes *s) {
    const OnnxAttribute *value = onnx_attribute(s->node, "value"), *one = onnx_attribute(s->node, "value_float"),
                        *integer = onnx_attribute(s->node, "value_int"), *many = onnx_attribute(s->node, "value_ints");
    OnnxTensor *t;
    if (value && value->tensor) return make_constant(s, value->tensor);
    if (integer) return integers_constant(s, 1, &integer->i);
    if (many) return integers_constant(s, many->int_count, many->ints);
    if (!one) return node_not_understood(s, "a constant of numbers expected");
    FORWARD(blocks_take(&s->graph->model->blocks, 1, sizeof *t, &t));
    *t = (OnnxTensor){.name = s->out->name, .type = ONNX_FLOAT, .count = 1, .floats = &one->f};
    return make_constant(s, t);
}

/* The images count as 0, which means "as it was" in the shape of a Reshape. */
cf_status shape_node(Nodes *s) {
    int64_t sizes[4] = {0};
    if (!value_is_whole(s, s->in[0])) return node_not_understood(s, "values of a known layer expected");
    const int count = sizes_of(s->in[0]->view, value_shape(s, s->in[0]), sizes + 1);
    return integers_constant(s, (size_t)count + 1, sizes);
}

static const OnnxTensor *integers_in(const Nodes *s, int i) {
    return s->in[i] && s->in[i]->constant && s->in[i]->constant->integers ? s->in[i]->constant : NULL;
}

cf_status gather_node(Nodes *s) {
    const OnnxTensor *from = integers_in(s, 0), *at = integers_in(s, 1);
    if (!from || !at || at->count != 1 || at->integers[0] < 0 || (size_t)at->integers[0] >= from->count ||
        from->dims != 1)
        return node_not_understood(s, "one size of a shape expected");
    return integers_constant(s, 1, &from->integers[at->integers[0]]);
}

/* A part of a shape: from, to, of axis 0, by steps of 1. */
cf_status slice_node(Nodes *s) {
    const OnnxTensor *from = integers_in(s, 0), *limits[] = {integers_in(s, 1), integers_in(s, 2)},
                     *axes = integers_in(s, 3), *steps = integers_in(s, 4);
    size_t at[2];
    if (!from || from->dims != 1 || (s->in[3] && (!axes || axes->count != 1 || axes->integers[0])) ||
        (s->in[4] && (!steps || steps->count != 1 || steps->integers[0] != 1)))
        return node_not_understood(s, "a part of a shape expected");
    for (int i = 0; i < 2; i++) {
        if (!limits[i] || limits[i]->count != 1) return node_not_understood(s, "a part of a shape expected");
        const int64_t size = (int64_t)from->count, limit = limits[i]->integers[0];
        at[i] = (size_t)(limit < -size ? 0 : limit < 0 ? limit + size : limit > size ? size : limit);
    }
    return integers_constant(s, at[1] > at[0] ? at[1] - at[0] : 0, from->integers + at[0]);
}

/* Of shapes, or of images. */
cf_status concat_any_node(Nodes *s) {
    enum { MOST_SIZES = 16 };
    int64_t sizes[MOST_SIZES];
    size_t count = 0;
    if (!integers_in(s, 0)) return pattern_concat(s);
    for (int i = 0; i < s->node->input_count; i++) {
        const OnnxTensor *t = i < MOST_INPUTS ? integers_in(s, i) : NULL;
        if (!t || t->count > MOST_SIZES - count) return node_not_understood(s, "constant sizes expected");
        if (t->count) memcpy(sizes + count, t->integers, t->count * sizeof *sizes);
        count += t->count;
    }
    return integers_constant(s, count, sizes);
}

cf_status part_node(Nodes *s) {
    return node_not_understood(s, part_of_nothing);
}
