/* The plain way of running a network in integers, and the specification: what an exported one carries is the same text. */
#include "nn/int8/int8.h"

#include "base/numbers.h"
#include "base/slices.h"
#include "nn/int8/int8_kernels.inc"

#include <stdlib.h>
#include <string.h>

/* The kernels' structures are integers one after the other, as int8_settings() gives them. */
typedef union Settings {
    int32_t all[INT8_SETTINGS];
    Levels levels;
    Scaling scaling;
    Sum sum;
} Settings;

typedef struct Classifying {
    const Int8Network *network;
    const cf_subset *subset;
    Preparation *preparation;         /* NULL: images are of the network's size */
    const Int8Vnni *vnni;             /* NULL: plain kernels alone */
    Int8Packed *packed;               /* [operations], for these */
    size_t *at, memory_size, patches; /* patches: where these work in `memory` */
    int8_t *memory;                   /* [threads][memory_size] */
    float *scratch;                   /* [threads][scratch_size] */
    size_t scratch_size;
    float *logits, *probabilities;
    double *log_sums; /* [images] */
} Classifying;

static void classifying_free(Classifying *c) {
    preparation_free(c->preparation);
    for (int i = 0; c->packed && i < c->network->op_count; i++) int8_vnni_free(&c->packed[i]);
    free(c->packed);
    free(c->at);
    free(c->memory);
    free(c->scratch);
    free(c->logits);
    free(c->log_sums);
}

static void run_op(const Classifying *c, int number, int8_t *memory) {
    const Int8Network *n = c->network;
    const Int8Op *op = &n->ops[number];
    const int8_t *x = memory + c->at[op->x[0]], *second = op->x[1] < 0 ? NULL : memory + c->at[op->x[1]];
    int8_t *y = memory + c->at[op->y];
    const Shape in = n->tensors[op->x[0]].shape;
    const int count = (int)shape_size(n->tensors[op->y].shape);
    Settings settings;
    int8_settings(n, op, settings.all);
    if (c->vnni && second && op->kind != INT8_CONCAT && op->shifts[0] <= 0 && op->shifts[1] <= 0 &&
        op->shifts[2] <= 0) {
        c->vnni->pair(n, op, x, second, y);
        return;
    }
    switch (op->kind) {
    case INT8_CONV:
        if (c->packed && c->packed[number].weights)
            c->vnni->run(n, op, &c->packed[number], (uint8_t *)memory + c->patches, x, y);
        else
            conv_int8(&op->window, &settings.levels, op->weights, op->bias, op->multiplier, op->shift, x, y);
        break;
    case INT8_MAXPOOL:
        (c->vnni ? c->vnni->maxpool : maxpool_int8)(&op->window, x, y);
        break;
    case INT8_AVGPOOL:
        avgpool_int8(&op->window, x, y);
        break;
    case INT8_ADD:
        add_int8(count, &settings.sum, x, second, y);
        break;
    case INT8_CLAMP:
        clamp_int8(count, op->low, op->high, x, y);
        break;
    case INT8_TABLE:
        table_int8(count, op->table, x, y);
        break;
    case INT8_CONCAT:
        concat_int8(in.H * in.W, in.C, n->tensors[op->x[1]].shape.C, op->table, x, second, y);
        break;
    case INT8_MEAN:
        mean_int8(in.H * in.W, in.C, &settings.scaling, x, y);
        break;
    case INT8_MULTIPLY:
        multiply_int8(count, in.C, &settings.scaling, x, second, y);
    }
}

static void take_image(const Classifying *c, size_t image, int thread, int8_t *x) {
    const cf_set *set = c->subset->set;
    const size_t size = shape_size(c->network->tensors[0].shape);
    const unsigned char *pixels = set->pixels + (size_t)c->subset->images[image] * set_image_size(set);
    unsigned char *bytes = (unsigned char *)x;
    if (c->preparation)
        preparation_apply_bytes(c->preparation, pixels, c->scratch + (size_t)thread * c->scratch_size, bytes);
    else
        memcpy(bytes, pixels, size);
    for (size_t i = 0; i < size; i++) x[i] = (int8_t)(bytes[i] - 128);
}

static cf_status classify_image(void *context, int64_t index, int thread) {
    const Classifying *c = context;
    const Int8Network *n = c->network;
    const Int8Tensor *result = &n->tensors[n->result];
    const size_t classes = (size_t)n->model->classes, first = (size_t)index * classes;
    int8_t *memory = c->memory + (size_t)thread * c->memory_size;
    take_image(c, (size_t)index, thread, memory);
    for (int i = 0; i < n->op_count; i++) run_op(c, i, memory);
    const int8_t *q = memory + c->at[n->result];
    for (size_t k = 0; k < classes; k++) c->logits[first + k] = result->scale * (float)(q[k] - result->zero);
    c->log_sums[index] = softmax(c->logits + first, (int)classes, c->probabilities + first);
    return CF_OK;
}

static cf_status score(const Classifying *c, StepResult *result) {
    const cf_model *model = c->network->model;
    const int classes = model->classes;
    StepResult sum = {0};
    AUTO_FREE int *class_of = NULL;
    FORWARD(classes_match(c->subset->set, (const char *const *)model->class_names, classes, &class_of));
    for (size_t i = 0; i < c->subset->count; i++) {
        const int label = class_of[c->subset->set->labels[c->subset->images[i]]];
        if (label < 0) continue;
        sum.loss += c->log_sums[i] - (double)c->logits[i * (size_t)classes + (size_t)label];
        sum.weight++;
        sum.correct += first_largest(c->probabilities + i * (size_t)classes, classes) == label;
    }
    *result = sum;
    return CF_OK;
}

static cf_status pack(Classifying *c) {
    const Int8Network *n = c->network;
    size_t most = 0;
    c->vnni = int8_vnni();
    if (!c->vnni) return CF_OK;
    FORWARD(memory_new((size_t)n->op_count, sizeof *c->packed, &c->packed));
    for (int i = 0; i < n->op_count; i++) {
        FORWARD(c->vnni->pack(n, &n->ops[i], &c->packed[i]));
        const size_t bytes = c->vnni->scratch(&n->ops[i], &c->packed[i]);
        if (bytes > most) most = bytes;
    }
    c->patches = c->memory_size;
    c->memory_size += most;
    return CF_OK;
}

static cf_status prepare(Classifying *c, int threads) {
    const Int8Network *n = c->network;
    const cf_set *set = c->subset->set;
    const Shape in = n->tensors[0].shape;
    const int from[3] = {set->channels, set->height, set->width}, to[3] = {in.C, in.H, in.W};
    const size_t count = c->subset->count;
    FORWARD(memory_new((size_t)n->tensor_count, sizeof *c->at, &c->at));
    for (int t = 0; t < n->tensor_count; t++) {
        c->at[t] = c->memory_size;
        c->memory_size += (shape_size(n->tensors[t].shape) + 63) / 64 * 64;
    }
    if (memcmp(from, to, sizeof from) != 0) {
        FORWARD(preparation_new_bytes(from, to, &c->preparation));
        c->scratch_size = preparation_scratch(c->preparation) + shape_size(in) + 16;
    }
    FORWARD(pack(c));
    FORWARD(memory_new((size_t)threads * c->memory_size, 1, &c->memory));
    FORWARD(memory_new((size_t)threads * c->scratch_size, sizeof *c->scratch, &c->scratch));
    FORWARD(memory_new(count * (size_t)n->model->classes, sizeof *c->logits, &c->logits));
    return memory_new(count, sizeof *c->log_sums, &c->log_sums);
}

cf_status int8_classify(const Int8Network *network, const cf_subset *subset, int threads, float *probabilities,
                        StepResult *result) {
    AUTO(classifying_free) Classifying c = {.network = network, .subset = subset, .probabilities = probabilities};
    threads = slices_threads(threads);
    FORWARD(prepare(&c, threads));
    FORWARD(slices_run(threads, (int64_t)subset->count, classify_image, &c));
    return score(&c, result);
}
