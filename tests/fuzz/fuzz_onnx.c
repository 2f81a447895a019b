/* An ONNX file. Byte 0 'g': the rest builds a graph (build), which mutations of bytes in nested lengths would hardly ever get right; else
 * the input is the file as it stands. What is read is written again and read again, to the same weights. */
#include "fuzz.h"

#include "export/onnx_messages.h"
#include "nn/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NODES = 64, MOST_FLOATS = 1024 };

typedef struct Bytes {
    const uint8_t *at, *end;
} Bytes;

static unsigned take(Bytes *bytes) {
    return bytes->at < bytes->end ? *bytes->at++ : 0;
}

/* What nodes may read besides each other: floats of these shapes, one value over and over, and integers. */
static const struct {
    int dims, shape[4];
    float value;
} floats[] = {{4, {8, 3, 3, 3}, .5f},
              {4, {8, 8, 1, 1}, .1f},
              {4, {8, 1, 3, 3}, 1},
              {4, {24, 8, 1, 1}, 1},
              {4, {4, 8, 1, 1}, 1},
              {4, {8, 4, 1, 1}, 1},
              {2, {5, 8}, 1},
              {2, {8, 8}, 1},
              {1, {8}, 1},
              {1, {24}, 1},
              {1, {4}, 0},
              {1, {5}, 1},
              {3, {8, 1, 1}, 2},
              {4, {1, 8, 4, 4}, 1},
              {3, {1, 16, 8}, 1},
              {0, {0}, 255},
              {0, {0}, .5f},
              {0, {0}, 1.41421356f},
              {0, {0}, 1},
              {0, {0}, 0},
              {0, {0}, 6},
              {1, {1}, 1},
              {1, {4}, 1},
              {3, {3, 1, 1}, .5f}};
static const struct {
    int count;
    int64_t values[4];
} integers[] = {{2, {0, -1}},       {2, {0, 8}}, {3, {0, 8, -1}}, {3, {0, 4, -1}}, {3, {0, 1, -1}}, {4, {0, 8, 4, 4}},
                {4, {0, 2, 4, 16}}, {1, {-1}},   {2, {2, 3}},     {1, {1}},        {1, {0}},        {3, {0, 16, 8}}};
enum { FLOATS = sizeof floats / sizeof *floats, INTEGERS = sizeof integers / sizeof *integers };
static const char *const ops[] = {"Conv",
                                  "Gemm",
                                  "MatMul",
                                  "BatchNormalization",
                                  "InstanceNormalization",
                                  "LayerNormalization",
                                  "GroupNormalization",
                                  "Relu",
                                  "LeakyRelu",
                                  "HardSwish",
                                  "Sigmoid",
                                  "Gelu",
                                  "Clip",
                                  "Erf",
                                  "HardSigmoid",
                                  "Split",
                                  "Sub",
                                  "Mul",
                                  "Div",
                                  "Add",
                                  "Concat",
                                  "MaxPool",
                                  "AveragePool",
                                  "GlobalAveragePool",
                                  "GlobalMaxPool",
                                  "ReduceMean",
                                  "Reshape",
                                  "Flatten",
                                  "Transpose",
                                  "Squeeze",
                                  "Unsqueeze",
                                  "Softmax",
                                  "Identity",
                                  "Cast",
                                  "Constant",
                                  "Shape",
                                  "Gather",
                                  "Slice",
                                  "Pad"};
static const char *const attributes[] = {
    "strides", "dilations", "pads",     "kernel_shape", "group",    "axis",       "axes", "perm",       "transB",
    "epsilon", "alpha",     "auto_pad", "ceil_mode",    "keepdims", "num_groups", "to",   "value_ints", "value_float"};

static void write_pool(ProtoWriter *w) {
    char name[8];
    static float values[MOST_FLOATS];
    for (int i = 0; i < FLOATS + INTEGERS; i++) {
        const bool real = i < FLOATS;
        const size_t tensor = proto_begin(w, GRAPH_TENSOR);
        size_t count = 1;
        snprintf(name, sizeof name, "v%d", i);
        proto_text(w, TENSOR_NAME, name);
        proto_integer(w, TENSOR_TYPE, real ? ONNX_FLOAT : ONNX_INT64);
        for (int d = 0; real && d < floats[i].dims; d++) {
            proto_integer(w, TENSOR_DIMS, (uint64_t)floats[i].shape[d]);
            count *= (size_t)floats[i].shape[d];
        }
        if (!real) proto_integer(w, TENSOR_DIMS, (uint64_t)integers[i - FLOATS].count);
        for (size_t k = 0; real && k < count; k++) values[k] = floats[i].value;
        if (real)
            proto_bytes(w, TENSOR_RAW, values, count * sizeof *values);
        else
            proto_bytes(w, TENSOR_RAW, integers[i - FLOATS].values,
                        (size_t)integers[i - FLOATS].count * sizeof(int64_t));
        proto_end(w, tensor);
    }
}

static void write_attribute(ProtoWriter *w, Bytes *bytes) {
    const size_t attribute = proto_begin(w, NODE_ATTRIBUTE);
    proto_text(w, ATTRIBUTE_NAME, attributes[take(bytes) % (sizeof attributes / sizeof *attributes)]);
    const unsigned kind = take(bytes);
    if (kind & 1) proto_integer(w, ATTRIBUTE_I, (uint64_t)(int64_t)(int8_t)take(bytes));
    if (kind & 2) proto_float(w, ATTRIBUTE_F, kind & 4 ? 1e-5f : (float)take(bytes) / 8);
    for (unsigned i = 0; i < (kind >> 3) % 8; i++)
        proto_integer(w, ATTRIBUTE_INTS, (uint64_t)(int64_t)(int8_t)take(bytes));
    if (kind & 64) proto_text(w, ATTRIBUTE_S, "SAME_UPPER");
    proto_end(w, attribute);
}

/* A byte: the op, whose low bits of the next one are its inputs, a byte each: from 128 on backwards through what the nodes before gave, below
 * that the pool; its high bits are attributes. */
static void write_node(ProtoWriter *w, Bytes *bytes, int number) {
    char name[8];
    const size_t node = proto_begin(w, GRAPH_NODE);
    const unsigned op = take(bytes), counts = take(bytes);
    proto_text(w, NODE_OP, ops[op % (sizeof ops / sizeof *ops)]);
    for (unsigned i = 0; i < counts % 8; i++) {
        const int input = (int)take(bytes);
        snprintf(name, sizeof name, input < 128 ? "v%d" : "n%d",
                 input < 128 ? input % (FLOATS + INTEGERS) : number - 1 - (input - 128) % (number + 1));
        proto_text(w, NODE_INPUT, strcmp(name, "n-1") ? name : "image");
    }
    snprintf(name, sizeof name, "n%d", number);
    proto_text(w, NODE_OUTPUT, name);
    if (strcmp(ops[op % (sizeof ops / sizeof *ops)], "Split") == 0)
        for (int i = 0; i < 2; i++) {
            snprintf(name, sizeof name, "n%d:%d", number, i);
            proto_text(w, NODE_OUTPUT, name);
        }
    for (unsigned i = 0; i < (counts >> 3) % 8; i++) write_attribute(w, bytes);
    proto_end(w, node);
}

static void build(Bytes bytes, ProtoWriter *w) {
    char name[8];
    int nodes = 0;
    const size_t graph = proto_begin(w, MODEL_GRAPH);
    static const uint8_t dims[3] = {3, 8, 8};
    const size_t port = proto_begin(w, GRAPH_INPUT);
    proto_text(w, 1, "image");
    const size_t type = proto_begin(w, 2), tensor = proto_begin(w, 1);
    proto_integer(w, 1, ONNX_FLOAT);
    const size_t shape = proto_begin(w, 2);
    for (int i = -1; i < 3; i++) {
        const size_t dim = proto_begin(w, 1);
        if (i >= 0) proto_integer(w, 1, dims[i]);
        proto_end(w, dim);
    }
    proto_end(w, shape);
    proto_end(w, tensor);
    proto_end(w, type);
    proto_end(w, port);
    write_pool(w);
    while (bytes.at < bytes.end && nodes < MOST_NODES) write_node(w, &bytes, nodes++);
    snprintf(name, sizeof name, "n%d", nodes - 1);
    const size_t output = proto_begin(w, GRAPH_OUTPUT);
    proto_text(w, 1, name);
    proto_end(w, output);
    proto_end(w, graph);
}

/* Written and read again, it is the same. */
static void use(const cf_model *model) {
    char path[64];
    cf_model *back;
    const Parameters *p = &model->parameters;
    snprintf(path, sizeof path, "%s/again.onnx", fuzz_folder());
    PROMISE(cf_export_onnx(model, path, NULL) == CF_OK);
    PROMISE(cf_import_onnx(path, NULL, &back) == CF_OK);
    PROMISE(strcmp(back->layers.line, model->layers.line) == 0);
    PROMISE(back->parameters.total == p->total &&
            memcmp(back->parameters.values, p->values, p->total * sizeof(float)) == 0);
    for (int i = 0; i < p->count; i++)
        PROMISE(parameter_first_unsound(&p->table[i], p->values + p->table[i].offset) == p->table[i].count);
    cf_model_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ProtoWriter w = {0};
    cf_model *model;
    if (size && data[0] == 'g') build((Bytes){data + 1, data + size}, &w);
    const char *path = size && data[0] == 'g' ? fuzz_file(0, w.bytes, w.size) : fuzz_file(0, data, size);
    const cf_status status = cf_import_onnx(path, NULL, &model);
    fuzz_settled(status);
    free(w.bytes);
    if (status) return 0;
    use(model);
    cf_model_free(model);
    return 0;
}
