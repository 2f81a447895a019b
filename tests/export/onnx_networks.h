/* Networks that ONNX files are tested with: one for each word of the model line, and what they are made of by hand. */
#pragma once

#include "base/memory.h"
#include "nn/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct OnnxNetwork {
    const char *name, *line;
    Shape input;
    const char *back; /* what comes back without the line in the metadata; NULL: the same line */
} OnnxNetwork;

enum { ONNX_CLASSES = 5 };

static const OnnxNetwork onnx_networks[] = {
    {"conv", "conv 6 3x3 stride 2 | relu | conv 4 3x5 groups 2 dilation 2 | dense classes", {3, 11, 13}, NULL},
    {"pad",
     "conv 4 3x3 stride 2 pad tf | relu | conv 4 2x2 pad tf | conv 4 3x3 pad 2 nobias | conv 4 3x3 pad valid | dense "
     "classes",
     {1, 12, 9},
     NULL},
    {"dwconv", "conv 4 1x1 | bn eps 0.001 | relu | dwconv 3x3 stride 2 | dense classes nobias", {2, 7, 9}, NULL},
    {"patch", "patch 4 8 | position | layernorm | globalavgpool | dense classes", {3, 12, 8}, NULL},
    {"dense", "dense 7 | bn | relu | dense 6 | relu | conv 3 1x1 | dense classes", {2, 3, 5}, NULL},
    {"bn", "bn | dense classes | bn", {2, 3, 4}, NULL},
    {"groupnorm", "conv 6 3x3 | groupnorm 3 | relu | conv 6 3x3 | groupnorm 1 | dense classes", {2, 6, 5}, NULL},
    {"instancenorm", "conv 6 3x3 | instancenorm | relu | dense classes", {2, 6, 5}, NULL},
    {"layernorm", "conv 6 3x3 | layernorm | relu | dense classes", {2, 6, 5}, NULL},
    {"standardize", "standardize | conv 6 3x3 | relu | dense classes", {3, 6, 5}, NULL},
    {"normalize", "normalize 0.485 0.456 0.406 0.229 0.224 0.225 | conv 6 3x3 | relu | dense classes", {3, 6, 5}, NULL},
    {"normalize-one", "normalize 0.5 0.25 | dense classes", {3, 6, 5}, NULL},
    {"maxpool", "maxpool 3 stride 2 pad 1 | maxpool 2 | dense classes", {3, 15, 14}, NULL},
    {"avgpool", "avgpool 3x2 stride 2 pad same | avgpool 2 | dense classes", {3, 15, 14}, NULL},
    {"globalavgpool", "conv 6 3x3 | globalavgpool | dense classes", {3, 5, 4}, NULL},
    {"globalmaxpool", "conv 6 3x3 | globalmaxpool | dense classes", {3, 5, 4}, NULL},
    {"relu", "conv 6 3x3 | relu | dense classes", {3, 5, 4}, NULL},
    {"leakyrelu",
     "conv 6 3x3 | leakyrelu 0.2 | conv 5 3x3 | leakyrelu | conv 5 3x3 | leakyrelu 0 | dense classes",
     {3, 5, 4},
     "conv 6 3x3 | leakyrelu 0.2 | conv 5 3x3 | leakyrelu 0.01 | conv 5 3x3 | leakyrelu 0 | dense classes"},
    {"relu6", "normalize 0 0.01 | conv 6 3x3 | relu6 | dense classes", {3, 5, 4}, NULL},
    {"silu", "conv 6 3x3 | silu | dense classes", {3, 5, 4}, NULL},
    {"gelu", "normalize 0.5 0.1 | conv 6 3x3 | gelu | dense classes", {3, 5, 4}, NULL},
    {"hardswish", "normalize 0.5 0.1 | conv 6 3x3 | hardswish | dense classes", {3, 5, 4}, NULL},
    {"sigmoid", "conv 6 3x3 | sigmoid | dense classes", {3, 5, 4}, NULL},
    {"dropout", "conv 6 3x3 | dropout 0.3 | dense classes", {3, 5, 4}, "conv 6 3x3 | dense classes"},
    {"droppath",
     "conv 6 3x3 | res( conv 6 3x3 | droppath 0.2 ) | reverse 2 | dense classes",
     {3, 5, 4},
     "conv 6 3x3 | res( conv 6 3x3 ) | dense classes"},
    {"reverse",
     "conv 6 3x3 | relu | head side( reverse | dense 3 ) | dense classes",
     {3, 5, 4},
     "conv 6 3x3 | relu | dense classes as dense2"},
    {"add",
     "conv 6 3x3 as a | relu | conv 6 3x3 as b | sigmoid | add a | relu | add b | dense classes",
     {3, 5, 4},
     "conv 6 3x3 as a | res( relu | conv 6 3x3 as b | sigmoid ) | relu | add b | dense classes"},
    {"concat", "conv 6 3x3 as a | conv 4 3x3 | concat a | conv 3 3x3 | dense classes", {3, 5, 4}, NULL},
    {"res",
     "res( conv 6 3x3 stride 2 | bn | relu | conv 6 3x3 | bn ) | relu | res( res( conv 6 3x3 | relu ) | conv 8 3x3 ) "
     "as last | dense classes",
     {3, 9, 8},
     NULL},
    {"se", "conv 9 3x3 | se 3 | relu | se 2 as gate | dense classes", {3, 5, 4}, NULL},
    {"attention",
     "conv 8 3x3 | res( layernorm | attention 2 ) | attention 1 as all | globalavgpool | dense classes",
     {3, 4, 3},
     NULL},
    {"position", "position | conv 3 3x3 | position as where | globalavgpool | dense classes", {3, 4, 5}, NULL},
};

/* Values that are the same on every machine. */
static inline void onnx_fill(cf_model *model) {
    for (int i = 0; i < model->parameters.count; i++) {
        const Parameter *p = &model->parameters.table[i];
        const bool variance = p->spec->kind == PARAMETER_RUNNING_VAR;
        for (size_t k = 0; k < p->count; k++) {
            const uint32_t mixed = ((uint32_t)k * 2654435761u + (uint32_t)i * 40503u + 12345u) * 2246822519u;
            const float value = (float)((mixed >> 16) % 257) / 256 - 0.5f;
            model->parameters.values[p->offset + k] = variance ? 1 + value : p->dims > 1 ? value / 2 : value;
        }
    }
}

static inline cf_status onnx_network_new(const OnnxNetwork *network, cf_model **model) {
    static const char *const names[ONNX_CLASSES] = {"none", "one", "two \"2\"", "drei, \xc3\xa4", "four"};
    FORWARD(model_new(network->line, network->input, names, ONNX_CLASSES, 1, model));
    onnx_fill(*model);
    return CF_OK;
}

/* A set of images of the network's shape: pixels of a fixed pattern. */
static inline cf_status onnx_images(Shape shape, size_t count, cf_set **set) {
    FORWARD(set_new("images", "images", count, shape.C, shape.H, shape.W, ONNX_CLASSES, set));
    FORWARD(set_name_classes_by_number(*set));
    for (size_t i = 0; i < count * set_image_size(*set); i++)
        (*set)->pixels[i] = (unsigned char)((i * 2654435761u) >> 13);
    return CF_OK;
}

/* Probabilities [count][classes] of the first images of a set of the model's shape. */
static inline cf_status onnx_probabilities(const cf_model *model, const cf_set *set, size_t count,
                                           float *probabilities) {
    StepResult result;
    AUTO_FREE uint32_t *images = NULL;
    AUTO(feed_free) Feed feed = {0};
    AUTO(plan_free_at) Plan *plan = NULL;
    Parameters borrowed = model->parameters;
    const PlanOptions options = {.engine = &reference_engine, .batch = (int)count, .threads = 1};
    FORWARD(memory_new(count, sizeof *images, &images));
    for (size_t i = 0; i < count; i++) images[i] = (uint32_t)i;
    FORWARD(plan_new(&model->layers, &borrowed, &options, &plan));
    FORWARD(feed_new(set, model->layers.input, (const char *const *)model->class_names, model->classes, 1, &feed));
    FORWARD(plan_use_parameters(plan));
    return classify_with(plan, &feed, images, count, model->classes, probabilities, &result);
}
