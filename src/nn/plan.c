/* Lays a network out in memory, lists its steps, and runs them. */
#include "nn/plan_inside.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory: a table of what is wanted, then one allocation ---- */

typedef struct Want {
    void *target; /* of a pointer */
    size_t bytes;
} Want;

typedef struct WantTable {
    Want *wants;
    int count, room;
    bool too_large;
} WantTable;

enum { ALIGN = 64, WANTS_PER_LAYER = 14 };

static void want(WantTable *table, void *target, size_t count, size_t size) {
    size_t bytes;
    if (!size_multiply(count, size, &bytes) || bytes > SIZE_MAX / 4) table->too_large = true, bytes = 0;
    if (table->count < table->room) table->wants[table->count++] = (Want){target, (bytes + ALIGN - 1) / ALIGN * ALIGN};
}

static cf_status allot(const WantTable *table, void **memory) {
    size_t total = 0, offset = 0;
    FAIL_IF(table->too_large || table->count == table->room, CF_NO_MEMORY, "this network and batch are too large");
    for (int i = 0; i < table->count; i++)
        FAIL_IF(__builtin_add_overflow(total, table->wants[i].bytes, &total), CF_NO_MEMORY,
                "this network and batch are too large");
    FORWARD(memory_new(total, 1, memory));
    for (int i = 0; i < table->count; i++) {
        void *place = (char *)*memory + offset;
        memcpy(table->wants[i].target, &place, sizeof place);
        offset += table->wants[i].bytes;
    }
    return CF_OK;
}

/* ---- Building ---- */

cf_status plan_add(StepList *list, StepKind kind, StepFn work, Node *node, int64_t count) {
    if (list->count == list->room) {
        int room = list->room ? 2 * list->room : 32;
        Step *steps = realloc(list->steps, (size_t)room * sizeof *steps);
        FAIL_IF(!steps, CF_NO_MEMORY, "out of memory while planning");
        list->steps = steps;
        list->room = room;
    }
    list->steps[list->count++] = (Step){kind, work, node, count};
    return CF_OK;
}

static Window slice_window(const Layer *layer) {
    return (Window){.N = SLICE,
                    .C = layer->in.C,
                    .H = layer->in.H,
                    .W = layer->in.W,
                    .K = layer->out.C,
                    .R = layer->R,
                    .S = layer->S,
                    .stride = layer->stride,
                    .pad_h = layer->pad_h,
                    .pad_w = layer->pad_w,
                    .P = layer->out.H,
                    .Q = layer->out.W};
}

static cf_status make_objects(Plan *plan, Node *node) {
    const Engine *engine = plan->options.engine;
    const Layer *layer = node->layer;
    bool training = plan->options.training;
    if (layer->kind == LAYER_CONV) {
        FORWARD(engine->conv_new(&node->window, training, node->wants_dx, plan->options.threads, &node->conv));
        if (training) node->slot_size = engine->conv_slot_size(node->conv);
    } else if (layer->kind == LAYER_DENSE) {
        FORWARD(engine->dense_new(plan->batch, SLICE, (int)node->x_size, layer->out.C, training, node->wants_dx,
                                  plan->options.threads, &node->dense));
    }
    return CF_OK;
}

static float *gradient_of(const Plan *plan, const float *values) {
    return values ? plan->gradient + (values - plan->parameters->values) : NULL;
}

static void find_parameters(Plan *plan, Node *node) {
    node->weight = parameters_find(plan->parameters, node->number, "weight");
    node->bias = parameters_find(plan->parameters, node->number, "bias");
    node->running_mean = parameters_find(plan->parameters, node->number, "running_mean");
    node->running_var = parameters_find(plan->parameters, node->number, "running_var");
}

static void want_node(Plan *plan, WantTable *table, Node *node) {
    size_t batch = (size_t)plan->batch, slices = (size_t)plan->slices, C = (size_t)node->layer->out.C;
    bool training = plan->options.training;
    if (!node->in_place) {
        want(table, &node->y, batch * node->y_size, sizeof(float));
        if (training) want(table, &node->dy, batch * node->y_size, sizeof(float));
    }
    if (training && (node->layer->kind == LAYER_BN || node->layer->kind == LAYER_CONV))
        want(table, &node->partial, slices * 2 * C, sizeof(double));
    if (training && node->layer->kind == LAYER_CONV) {
        want(table, &node->slots, slices * node->slot_size, sizeof(float));
        want(table, &node->slot_sum, node->slot_size, sizeof(float));
    }
    if (node->layer->kind == LAYER_BN) {
        float **vectors[] = {&node->mean, &node->scale, &node->a, &node->b, &node->c};
        for (size_t i = 0; i < COUNT_OF(vectors); i++) want(table, vectors[i], C, sizeof(float));
        want(table, &node->inverse_deviation, C, sizeof(double));
    }
    if (node->layer->kind == LAYER_MAXPOOL) want(table, &node->place, batch * node->y_size, sizeof(uint16_t));
}

static void want_batch(Plan *plan, WantTable *table) {
    size_t batch = (size_t)plan->batch, slices = (size_t)plan->slices;
    want(table, &plan->input, batch * shape_size(plan->layers->input), sizeof(float));
    want(table, &plan->probabilities, batch * (size_t)plan->classes, sizeof(float));
    want(table, &plan->labels, batch, sizeof(int));
    want(table, &plan->losses, slices, sizeof(double));
    want(table, &plan->correct, slices, sizeof(int64_t));
    if (plan->options.training) want(table, &plan->gradient, plan->parameters->trainable, sizeof(float));
}

static cf_status make_memory(Plan *plan) {
    WantTable table = {.room = (plan->layers->count + 1) * WANTS_PER_LAYER};
    FORWARD(memory_new((size_t)table.room, sizeof(Want), &table.wants));
    want_batch(plan, &table);
    for (int i = 0; i < plan->layers->count; i++) want_node(plan, &table, &plan->nodes[i]);
    cf_status status = allot(&table, &plan->memory);
    free(table.wants);
    return status;
}

/* Joins each layer's input to the output before it; the network's input has no gradient. */
static void connect(Plan *plan) {
    float *y = plan->input, *dy = NULL;
    for (int i = 0; i < plan->layers->count; i++) {
        Node *node = &plan->nodes[i];
        node->x = y;
        node->dx = dy;
        if (node->in_place) node->y = node->x, node->dy = node->dx;
        if (plan->options.training) {
            node->dweight = gradient_of(plan, node->weight);
            node->dbias = gradient_of(plan, node->bias);
        }
        y = node->y;
        dy = node->dy;
    }
}

static cf_status make_nodes(Plan *plan) {
    bool learns = false;
    FORWARD(memory_new((size_t)plan->layers->count, sizeof *plan->nodes, &plan->nodes));
    for (int i = 0; i < plan->layers->count; i++) {
        Node *node = &plan->nodes[i];
        const Layer *layer = &plan->layers->layers[i];
        node->layer = layer;
        node->number = i;
        node->x_size = shape_size(layer->in);
        node->y_size = shape_size(layer->out);
        node->rows = (size_t)layer->out.H * (size_t)layer->out.W;
        node->in_place = layer->kind == LAYER_RELU || layer->kind == LAYER_DROPOUT;
        node->wants_dx = learns;
        node->window = slice_window(layer);
        find_parameters(plan, node);
        learns |= node->weight != NULL;
        FORWARD(make_objects(plan, node));
    }
    return CF_OK;
}

static cf_status make_steps(Plan *plan) {
    int count = plan->layers->count;
    Node *nodes = plan->nodes;
    FORWARD(plan_add(&plan->training, STEP_SLICES, step_prepare, &nodes[0], 0));
    FORWARD(plan_add(&plan->inference, STEP_SLICES, step_prepare, &nodes[0], 0));
    for (int i = 0; i < count; i++) FORWARD(add_forward_steps(plan, &nodes[i]));
    FORWARD(plan_add(&plan->training, STEP_SLICES, step_loss, &nodes[count - 1], 0));
    FORWARD(plan_add(&plan->inference, STEP_SLICES, step_loss, &nodes[count - 1], 0));
    if (!plan->options.training) return CF_OK;
    for (int i = count - 1; i >= 0; i--) FORWARD(add_backward_steps(plan, &nodes[i]));
    return CF_OK;
}

cf_status plan_new(const LayerList *layers, Parameters *parameters, const PlanOptions *options, Plan **plan) {
    Plan *made;
    cf_status status;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->options = *options;
    made->slices = (options->batch + SLICE - 1) / SLICE;
    made->batch = made->slices * SLICE;
    made->layers = layers;
    made->parameters = parameters;
    made->classes = (int)shape_size(layers->layers[layers->count - 1].out);
    FORWARD_TO(failed, make_nodes(made));
    FORWARD_TO(failed, make_memory(made));
    connect(made);
    FORWARD_TO(failed, make_steps(made));
    *plan = made;
    return CF_OK;
failed:
    plan_free(made);
    return status;
}

void plan_free(Plan *plan) {
    if (!plan) return;
    for (int i = 0; plan->nodes && i < plan->layers->count; i++) {
        plan->options.engine->conv_free(plan->nodes[i].conv);
        plan->options.engine->dense_free(plan->nodes[i].dense);
    }
    free(plan->nodes);
    free(plan->memory);
    free(plan->training.steps);
    free(plan->inference.steps);
    free(plan->refresh.steps);
    free(plan);
}

/* ---- Running ---- */

/* Consecutive steps run as one parallel loop. */
typedef struct Group {
    Plan *plan;
    const Step *steps;
    int count;
} Group;

static cf_status run_group(void *context, int64_t index, int thread) {
    const Group *group = context;
    for (int i = 0; i < group->count; i++)
        FORWARD(group->steps[i].work(group->plan, group->steps[i].node, index, thread));
    return CF_OK;
}

static cf_status run_steps(Plan *plan, const StepList *list) {
    for (int i = 0; i < list->count;) {
        const Step *step = &list->steps[i];
        Group group = {plan, step, 1};
        if (step->kind == STEP_ONCE) {
            FORWARD(step->work(plan, step->node, 0, 0));
        } else if (step->kind == STEP_PIECES) {
            FORWARD(slices_run(plan->options.threads, step->count, run_group, &group));
        } else {
            while (i + group.count < list->count && list->steps[i + group.count].kind == STEP_SLICES) group.count++;
            FORWARD(slices_run(plan->options.threads, plan->slices, run_group, &group));
        }
        i += group.count;
    }
    return CF_OK;
}

static cf_status run_batch(Plan *plan, const StepList *list, const Feed *feed, const uint32_t *images, int n,
                           StepResult *result) {
    StepResult sum = {0};
    plan->feed = feed;
    plan->images = images;
    plan->n = n;
    FORWARD(run_steps(plan, list));
    for (int s = 0; s < plan->slices; s++) {
        sum.loss += plan->losses[s];
        sum.correct += plan->correct[s];
    }
    *result = sum;
    return CF_OK;
}

cf_status plan_train(Plan *plan, const Feed *feed, const uint32_t *images, int n, int64_t number, StepResult *result) {
    plan->number = number;
    FORWARD(run_steps(plan, &plan->refresh));
    return run_batch(plan, &plan->training, feed, images, n, result);
}

cf_status plan_use_parameters(Plan *plan) {
    return run_steps(plan, &plan->refresh);
}

cf_status plan_infer(Plan *plan, const Feed *feed, const uint32_t *images, int n, float *probabilities,
                     StepResult *result) {
    FORWARD(run_batch(plan, &plan->inference, feed, images, n, result));
    if (probabilities)
        memcpy(probabilities, plan->probabilities, (size_t)n * (size_t)plan->classes * sizeof *probabilities);
    return CF_OK;
}

float *plan_gradient(Plan *plan) {
    return plan->gradient;
}

const float *plan_logits(const Plan *plan) {
    return plan->nodes[plan->layers->count - 1].y;
}

int plan_batch(const Plan *plan) {
    return plan->batch;
}

const char *plan_first_not_finite(const Plan *plan) {
    for (int i = 0; i < plan->layers->count; i++) {
        const Node *node = &plan->nodes[i];
        for (size_t k = 0; k < (size_t)plan->n * node->y_size; k++)
            if (!isfinite(node->y[k])) return node->layer->name;
    }
    return NULL;
}
