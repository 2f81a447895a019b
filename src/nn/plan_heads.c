/* The ends of a plan: the images that it begins with, and the outputs' losses between forward and backward. */
#include "base/numbers.h"
#include "nn/planner.h"

#include <string.h>

/* ---- The images ---- */

static void prepare_sample(const Work *w, const Sample *sample, void *x) {
    const Tensor *image = w->plan->image;
    float *whole = w->plan->whole + (size_t)w->thread * 2 * image->size;
    const bool is_float = image->element == sizeof(float);
    sample_image(sample, w->thread, whole + image->size, is_float ? x : whole);
    if (!is_float) work_kernels(w)->from_float(whole, image->size, x);
}

static cf_status prepare_images(const Work *w) {
    const Plan *plan = w->plan;
    const int valid = work_valid(w);
    const size_t bytes = value_buffer(plan, plan->image)->image_bytes;
    char *x = work_y(w);
    for (int i = 0; i < valid; i++)
        prepare_sample(w, &plan->samples[w->index * plan->slice + i], x + (size_t)i * bytes);
    memset(x + (size_t)valid * bytes, 0, (size_t)(plan->slice - valid) * bytes);
    return CF_OK;
}

/* The images are written by no node: this one stands for them. */
cf_status planner_add_images(Planner *planner) {
    static const NodeType images_type = {.name = "images", .forward = {prepare_images, USES_Y}};
    Plan *plan = planner->plan;
    Node *node;
    FORWARD(planner_keep(planner, &plan->whole, (size_t)plan->options.threads * 2 * plan->image->size, sizeof(float)));
    return planner_node(planner, sizeof *node, &images_type, 0, plan->image, NULL, false, plan->image, &node);
}

/* ---- The losses ---- */

typedef struct HeadNode {
    Node node;
    Head *head;
} HeadNode;

static Head *head_of(const Work *w) {
    return ((const HeadNode *)w->node)->head;
}

/* The logits as floats, where the last node does not give them so; probabilities. */
static cf_status head_forward(const Work *w) {
    const Plan *plan = w->plan;
    Head *head = head_of(w);
    const size_t classes = (size_t)head->classes, first = (size_t)w->index * (size_t)plan->slice;
    if (head->logits)
        work_kernels(w)->to_float(work_x(w, 0), (size_t)plan->slice * classes, head->logits + first * classes);
    const float *logits = head_logits(plan, head);
    for (size_t row = first; row < first + (size_t)work_valid(w); row++)
        head->log_sums[row] = softmax(logits + row * classes, head->classes, head->probabilities + row * classes);
    return CF_OK;
}

/* A class that the output does not know is none. */
static int known_class(const Head *head, int label) {
    return label < head->classes ? label : -1;
}

static Target target_of(const Head *head, const Sample *sample) {
    Target target = {.label = known_class(head, sample->target[head->number]),
                     .partner = known_class(head, sample->partner_target[head->number]),
                     .share = sample->share,
                     .soft = sample->soft[head->number],
                     .teacher = head->number ? NULL : sample->teacher,
                     .weight = (double)sample->weight};
    if (target.label < 0) target.label = target.partner, target.share = 1 - target.share, target.partner = -1;
    if (target.partner < 0 && target.label >= 0) target.share = 1;
    return target;
}

void head_weigh(Head *head, const Sample *samples, int n) {
    head->weight = 0;
    for (int i = 0; i < n; i++) {
        const Target target = target_of(head, &samples[i]);
        head->weight += head->loss->loss->weight(head->loss, head->classes, &target);
    }
    if (head->weight <= 0) head->weight = 1;
}

/* Loss and gradient of one image; a filling image has none. */
static double row_loss(const Work *w, size_t row, bool valid, void *to) {
    const Plan *plan = w->plan;
    const Head *head = head_of(w);
    const LossSettings *loss = head->loss;
    const int classes = head->classes;
    const size_t first = row * (size_t)classes;
    const float *logits = head_logits(plan, head) + first;
    double *d = plan->row_d + (size_t)w->thread * plan->row_size, value = 0;
    float *rounded = plan->row + (size_t)w->thread * plan->row_size;
    if (valid) {
        const Target target = target_of(head, &plan->samples[row]);
        value = loss->loss->image(loss, classes, logits, head->probabilities + first, head->log_sums[row], &target, d);
        if (target.teacher) value = loss_distilled(loss, classes, logits, &target, value, d);
        for (int k = 0; k < classes; k++) d[k] = loss->scale * d[k] / head->weight;
        for (int k = 0; k < classes && plan->outside_d && !head->number; k++)
            d[k] += (double)plan->outside_d[first + (size_t)k];
    }
    for (int k = 0; k < classes; k++) rounded[k] = valid ? (float)d[k] : 0;
    work_kernels(w)->from_float(rounded, (size_t)classes, to);
    return loss->scale * value;
}

static cf_status head_loss(const Work *w) {
    const Plan *plan = w->plan;
    Head *head = head_of(w);
    char *to = work_dy(w);
    double loss = 0;
    int64_t correct = 0;
    for (int i = 0; i < plan->slice; i++) {
        const size_t row = (size_t)(w->index * plan->slice + i);
        const bool valid = i < work_valid(w);
        loss += row_loss(w, row, valid, to + (size_t)i * w->node->y->gradient->image_bytes);
        if (valid)
            correct += first_largest(head->probabilities + row * (size_t)head->classes, head->classes) ==
                       known_class(head, plan->samples[row].target[head->number]);
    }
    head->losses[w->index] = loss;
    head->correct[w->index] = correct;
    return CF_OK;
}

/* The given gradient in place of a loss's. */
static cf_status head_given(const Work *w) {
    const size_t classes = (size_t)head_of(w)->classes, bytes = w->node->y->gradient->image_bytes;
    const int slice = w->plan->slice, valid = work_valid(w);
    char *to = work_dy(w);
    work_kernels(w)->from_float(w->plan->given + (size_t)w->index * (size_t)slice * classes, (size_t)valid * classes,
                                to);
    memset(to + (size_t)valid * bytes, 0, (size_t)(slice - valid) * bytes);
    return CF_OK;
}

/* ---- A loss from outside ---- */

static cf_status run_outside(const Work *w) {
    Plan *plan = w->plan;
    const OutsideLoss *outside = plan->options.outside;
    const Tensor *x = w->node->x[0];
    memset(plan->outside_d, 0, (size_t)plan->batch * (size_t)plan->heads[0].classes * sizeof *plan->outside_d);
    if (x) {
        memset(plan->outside_dx, 0, (size_t)plan->batch * x->size * sizeof *plan->outside_dx);
        plan_read_tap(plan, outside->layer, plan->outside_x);
    }
    return outside->compute(outside->context, plan->n, plan->heads[0].probabilities, plan->outside_x, plan->outside_d,
                            plan->outside_dx);
}

static cf_status outside_gradient(const Work *w) {
    const size_t count = (size_t)w->plan->slice * w->node->x[0]->size;
    work_kernels(w)->from_float(w->plan->outside_dx + (size_t)w->index * count, count, work_dx(w, 0));
    return CF_OK;
}

static cf_status add_outside(Planner *planner) {
    static const NodeType outside_type = {.name = "outside"};
    Plan *plan = planner->plan;
    const size_t batch = (size_t)plan->batch;
    const OutsideLoss *outside = plan->options.outside;
    Tensor *x = outside->layer >= 0 ? plan->outputs[outside->layer] : NULL;
    Node *node;
    FORWARD(planner_loose_node(planner, sizeof *node,
                               (Node){.type = &outside_type, .x = {x}, .y = plan->heads[0].logits_tensor}, &node));
    FORWARD(planner_keep(planner, &plan->outside_d, batch * (size_t)plan->heads[0].classes, sizeof(float)));
    if (x) FORWARD(planner_keep(planner, &plan->outside_x, batch * x->size, sizeof(float)));
    if (x) FORWARD(planner_keep(planner, &plan->outside_dx, batch * x->size, sizeof(float)));
    FORWARD(planner_step(planner, IN_TRAINING, STEP_ONCE, run_outside, node, 0, USES_X | USES_Y));
    if (!x) return CF_OK;
    FORWARD(planner_begin_gradient(planner, x));
    node->dx[0] = x->gradient;
    return planner_step(planner, IN_TRAINING, STEP_SLICES, outside_gradient, node, 0, USES_DX);
}

/* ---- Heads ---- */

static cf_status add_head(Planner *planner, Head *head) {
    static const NodeType head_type = {.name = "head"};
    const Plan *plan = planner->plan;
    const size_t batch = (size_t)plan->batch, classes = (size_t)head->classes, slices = (size_t)plan->slices;
    const bool trains = plan->options.mode == PLAN_TRAINING;
    Tensor *y = head->logits_tensor;
    HeadNode *made;
    FORWARD(planner_loose_node(planner, sizeof *made, (Node){.type = &head_type, .x = {y}, .y = y}, &made));
    made->head = head;
    Node *node = &made->node;
    FORWARD(planner_keep(planner, &head->probabilities, batch * classes, sizeof(float)));
    FORWARD(planner_keep(planner, &head->log_sums, batch, sizeof(double)));
    if (y->element != sizeof(float)) FORWARD(planner_keep(planner, &head->logits, batch * classes, sizeof(float)));
    FORWARD(planner_keep(planner, &head->losses, slices, sizeof(double)));
    FORWARD(planner_keep(planner, &head->correct, slices, sizeof(int64_t)));
    FORWARD(planner_step(planner, IN_BOTH, STEP_SLICES, head_forward, node, 0, USES_X));
    if (plan->options.mode == PLAN_INFERENCE || plan->options.forward_only || (trains && !head->loss)) return CF_OK;
    if (trains && plan->options.outside && !head->number) FORWARD(add_outside(planner));
    FORWARD(planner_begin_gradient(planner, y));
    return planner_step(planner, IN_TRAINING, STEP_SLICES, trains ? head_loss : head_given, node, 0, USES_X | USES_DY);
}

cf_status planner_add_heads(Planner *planner) {
    Plan *plan = planner->plan;
    for (int h = 0; h < plan->head_count; h++)
        if ((size_t)plan->heads[h].classes > plan->row_size) plan->row_size = (size_t)plan->heads[h].classes;
    plan->row_size = (plan->row_size + 15) / 16 * 16 + 16; /* a line between threads */
    FORWARD(planner_keep(planner, &plan->row, (size_t)plan->options.threads * plan->row_size, sizeof(float)));
    FORWARD(planner_keep(planner, &plan->row_d, (size_t)plan->options.threads * plan->row_size, sizeof(double)));
    for (int h = 0; h < plan->head_count; h++) FORWARD(add_head(planner, &plan->heads[h]));
    return CF_OK;
}
