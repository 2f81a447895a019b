/* What has no products in a rig: a slice of activations, sums, norms of images, factors of channels, averages. */
#include "bench/op_rig.h"

void rig_elements_size(OpRig *r) {
    const OpCase *c = r->c;
    size_t e = r->engine->kernels->element, C = (size_t)c->w.C, inputs = op_inputs(c), outputs = op_outputs(c);
    size_t factors = c->kind == OP_SCALE ? (size_t)c->w.N * C : 0;
    bool forward = c->pass == OP_FORWARD, sums = c->pass == OP_SUMS;
    if (forward || c->kind != OP_AVGPOOL) r->bytes[X] = inputs * e;
    if (!forward || c->kind == OP_ADD) r->bytes[DY] = outputs * e;
    r->bytes[PICKED] = factors * e;
    if (c->kind == OP_NORM && c->pass == OP_BACKWARD) r->bytes[Y] = 2 * C * sizeof(double);
    r->in_sets[X] = !forward;
    r->in_sets[DY] = r->in_sets[OUT] = forward;
    r->out_type = sums ? OUT_DOUBLES : OUT_ELEMENTS;
    r->out_count = sums ? 2 * C : forward ? outputs : inputs + factors; /* dx, and the factors' gradient behind it */
    r->bytes[OUT] = r->out_count * (sums ? sizeof(double) : e);
}

void rig_elements_unit(const OpRig *r, char *const region[REGIONS]) {
    const Kernels *k = r->engine->kernels;
    const OpCase *c = r->c;
    const Window *w = &c->w;
    const size_t inputs = op_inputs(c), pixels = (size_t)w->H * (size_t)w->W, C = (size_t)w->C;
    const bool forward = c->pass == OP_FORWARD;
    const float *weight = r->channels + C, *bias = weight + C;
    void *x = region[X], *dy = region[DY], *out = region[OUT], *sums = region[c->pass == OP_SUMS ? OUT : Y];
    switch (c->kind) {
    case OP_ACT:
        if (forward)
            k->act_forward(op_activation(c), x, inputs, out);
        else
            k->act_backward(op_activation(c), x, dy, inputs, out);
        break;
    case OP_ADD:
        k->add(x, dy, inputs, op_activation(c), out);
        break;
    case OP_NORM:
        if (forward)
            k->norm_forward(&c->norm, w->N, x, weight, bias, out, r->weights);
        else
            k->norm_backward(&c->norm, w->N, x, weight, r->weights, dy, c->pass == OP_SUMS ? NULL : out, sums);
        break;
    case OP_SCALE:
        if (forward)
            k->scale_forward(w->N, pixels, w->C, x, region[PICKED], out);
        else
            k->scale_backward(w->N, pixels, w->C, x, region[PICKED], dy, out, region[OUT] + inputs * k->element);
        break;
    default:
        if (forward)
            k->avgpool_forward(w, x, out);
        else
            k->avgpool_backward(w, dy, out);
        break;
    }
}
