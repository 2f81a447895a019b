/* A network as an ONNX file: opset 17 (ONNX 1.12, 2022), for any number of images at once, pixels 0 to 255 in.
 *
 *   image [N, C, H, W] -> Div 255 -> the layers (onnx_layers.c) -> Softmax or Identity -> probabilities or logits [N, classes]
 *
 * Parameters have the names and the order that they have in model.safetensors; the texts of that file, and the weights'
 * checksum, are metadata_props. Layers that do nothing when predicting are left out, and so are outputs besides the classes.
 */
#include "export/onnx_write.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Nodes ---- */

static const Layer *layer_of(const OnnxOut *o) {
    return &o->model->layers.layers[o->layer];
}

static OnnxName new_name(OnnxOut *o, const char *what) {
    OnnxName name;
    const int number = o->values++;
    snprintf(name.text, sizeof name.text, "%s/%.20s", o->layer < 0 ? "input" : layer_of(o)->name, what);
    if (number)
        snprintf(name.text, sizeof name.text, "%s/%.20s_%d", o->layer < 0 ? "input" : layer_of(o)->name, what, number);
    return name;
}

void onnx_begin(OnnxOut *o, const char *op, const char *const *inputs, OnnxName *y) {
    o->begun[0] = proto_begin(&o->file, GRAPH_NODE);
    for (int i = 0; inputs[i]; i++) proto_text(&o->file, NODE_INPUT, inputs[i]);
    if (y) {
        *y = new_name(o, op);
        proto_text(&o->file, NODE_OUTPUT, y->text);
        proto_text(&o->file, NODE_NAME, y->text);
    }
    proto_text(&o->file, NODE_OP, op);
}

static void begin_attribute(OnnxOut *o, const char *name, uint64_t type) {
    o->begun[1] = proto_begin(&o->file, NODE_ATTRIBUTE);
    proto_text(&o->file, ATTRIBUTE_NAME, name);
    proto_integer(&o->file, ATTRIBUTE_TYPE, type);
}

void onnx_integer(OnnxOut *o, const char *attribute, int64_t value) {
    begin_attribute(o, attribute, 2);
    proto_integer(&o->file, ATTRIBUTE_I, (uint64_t)value);
    proto_end(&o->file, o->begun[1]);
}

void onnx_integers(OnnxOut *o, const char *attribute, int count, const int64_t *values) {
    begin_attribute(o, attribute, 7);
    for (int i = 0; i < count; i++) proto_integer(&o->file, ATTRIBUTE_INTS, (uint64_t)values[i]);
    proto_end(&o->file, o->begun[1]);
}

void onnx_float(OnnxOut *o, const char *attribute, float value) {
    begin_attribute(o, attribute, 1);
    proto_float(&o->file, ATTRIBUTE_F, value);
    proto_end(&o->file, o->begun[1]);
}

void onnx_end(OnnxOut *o) {
    proto_end(&o->file, o->begun[0]);
}

void onnx_node(OnnxOut *o, const char *op, const char *const *inputs, OnnxName *y) {
    onnx_begin(o, op, inputs, y);
    onnx_end(o);
}

/* ---- Constants ---- */

static size_t begin_tensor(OnnxOut *o, const char *name, uint64_t type, int dims, const int64_t *shape) {
    const size_t begun = proto_begin(&o->file, GRAPH_TENSOR);
    proto_text(&o->file, TENSOR_NAME, name);
    proto_integer(&o->file, TENSOR_TYPE, type);
    for (int i = 0; i < dims; i++) proto_integer(&o->file, TENSOR_DIMS, (uint64_t)shape[i]);
    return begun;
}

OnnxName onnx_floats(OnnxOut *o, int dims, const int64_t *shape, const float *values, float value) {
    const OnnxName name = new_name(o, "constant");
    size_t count = 1;
    for (int i = 0; i < dims; i++) count *= (size_t)shape[i];
    const size_t begun = begin_tensor(o, name.text, ONNX_FLOAT, dims, shape);
    if (values) proto_bytes(&o->file, TENSOR_RAW, values, count * sizeof *values);
    for (size_t i = 0; !values && i < count; i++) proto_float(&o->file, TENSOR_FLOATS, value);
    proto_end(&o->file, begun);
    return name;
}

OnnxName onnx_number(OnnxOut *o, float value) {
    return onnx_floats(o, 0, NULL, NULL, value);
}

static OnnxName raw_tensor(OnnxOut *o, OnnxName name, int type, int dims, const int64_t *shape, const void *values,
                           size_t bytes) {
    const size_t begun = begin_tensor(o, name.text, (uint64_t)type, dims, shape);
    proto_bytes(&o->file, TENSOR_RAW, values, bytes);
    proto_end(&o->file, begun);
    return name;
}

OnnxName onnx_integers_of(OnnxOut *o, int type, int dims, const int64_t *shape, const void *values, size_t bytes) {
    return raw_tensor(o, new_name(o, "integers"), type, dims, shape, values, bytes);
}

OnnxName onnx_shape(OnnxOut *o, int dims, const int64_t *shape) {
    return raw_tensor(o, new_name(o, "shape"), ONNX_INT64, 1, DIMS(dims), shape, (size_t)dims * sizeof *shape);
}

static void transpose(const float *from, size_t rows, size_t columns, float *to) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
}

OnnxName onnx_shaped_parameter(OnnxOut *o, const char *what, int dims, const int64_t *shape, bool transposed) {
    const Parameters *p = &o->model->parameters;
    const Parameter *parameter = parameters_of_layer(&o->model->parameters, o->layer, what);
    const float *values = p->values + parameter->offset;
    OnnxName name;
    snprintf(name.text, sizeof name.text, "%s", parameter->name);
    if (transposed)
        transpose(values, parameter->shape[0], parameter->shape[1], o->scratch);
    else
        parameter_to_file(p, parameter, values, o->scratch);
    return raw_tensor(o, name, ONNX_FLOAT, dims, shape, o->scratch, parameter->count * sizeof *values);
}

OnnxName onnx_parameter(OnnxOut *o, const char *what) {
    const Parameter *parameter = parameters_of_layer(&o->model->parameters, o->layer, what);
    int64_t shape[COUNT_OF(parameter->shape)];
    for (int i = 0; i < parameter->dims; i++) shape[i] = (int64_t)parameter->shape[i];
    return onnx_shaped_parameter(o, what, parameter->dims, shape, false);
}

/* ---- The graph ---- */

static void take_as(OnnxOut *o, OnnxFlow *x, Shape shape, bool flat) {
    if (x->flat == flat) return;
    if (flat) {
        onnx_begin(o, "Flatten", INPUTS(x->name.text), &x->name);
        onnx_integer(o, "axis", 1);
        onnx_end(o);
    } else {
        const OnnxName maps = onnx_shape(o, 4, DIMS(0, shape.C, shape.H, shape.W));
        onnx_node(o, "Reshape", INPUTS(x->name.text, maps.text), &x->name);
    }
    x->flat = flat;
}

static void write_layer(OnnxOut *o, OnnxFlow *flows) {
    const Layer *layer = layer_of(o);
    const OnnxLayer *row = onnx_layer(layer->type->word);
    OnnxFlow x[2] = {flows[layer->input[0]], {.flat = false}}, *y = &flows[o->layer];
    o->values = 0;
    if (layer->inputs > 1) x[1] = flows[layer->input[1]];
    for (int i = 0; i < layer->inputs && row->takes != ONNX_ANY; i++) {
        const Shape in = layer->input[i] < 0 ? o->model->layers.input : o->model->layers.layers[layer->input[i]].out;
        take_as(o, &x[i], in, row->takes == ONNX_FLAT);
    }
    row->write(o, layer, (const OnnxName[]){x[0].name, x[1].name}, &y->name);
    y->flat = x[0].flat;
}

static void write_port(OnnxOut *o, int field, const char *name, int dims, const int *sizes) {
    const size_t port = proto_begin(&o->file, field);
    proto_text(&o->file, 1, name);
    const size_t type = proto_begin(&o->file, 2), tensor = proto_begin(&o->file, 1);
    proto_integer(&o->file, 1, ONNX_FLOAT);
    const size_t shape = proto_begin(&o->file, 2);
    for (int i = -1; i < dims; i++) {
        const size_t dim = proto_begin(&o->file, 1);
        if (i < 0)
            proto_text(&o->file, 2, "N");
        else
            proto_integer(&o->file, 1, (uint64_t)sizes[i]);
        proto_end(&o->file, dim);
    }
    proto_end(&o->file, shape);
    proto_end(&o->file, tensor);
    proto_end(&o->file, type);
    proto_end(&o->file, port);
}

/* Logits of more than one pixel stand in the engine's order, channels last. */
static void write_end(OnnxOut *o, OnnxFlow *x, bool softmax) {
    const char *name = softmax ? "probabilities" : "logits";
    const Shape out = layer_of(o)->out;
    if (!x->flat && out.H * out.W > 1) {
        onnx_begin(o, "Transpose", INPUTS(x->name.text), &x->name);
        onnx_integers(o, "perm", 4, DIMS(0, 2, 3, 1));
        onnx_end(o);
    }
    take_as(o, x, out, true);
    onnx_begin(o, softmax ? "Softmax" : "Identity", INPUTS(x->name.text), NULL);
    proto_text(&o->file, NODE_OUTPUT, name);
    proto_text(&o->file, NODE_NAME, name);
    if (softmax) onnx_integer(o, "axis", 1);
    onnx_end(o);
    write_port(o, GRAPH_OUTPUT, name, 1, &o->model->classes);
}

static cf_status write_graph(OnnxOut *o, bool softmax, const bool *needed, OnnxFlow *flows) {
    const LayerList *list = &o->model->layers;
    const size_t graph = proto_begin(&o->file, MODEL_GRAPH);
    proto_text(&o->file, GRAPH_NAME, "cifra");
    write_port(o, GRAPH_INPUT, "image", 3, (const int[]){list->input.C, list->input.H, list->input.W});
    if (o->integers) {
        FORWARD(onnx_write_int8(o, &flows[list->heads[0]].name));
    } else {
        const OnnxName largest = onnx_number(o, 255);
        flows[-1].flat = false;
        onnx_node(o, "Div", INPUTS("image", largest.text), &flows[-1].name);
        for (o->layer = 0; o->layer < list->count; o->layer++)
            if (needed[o->layer]) write_layer(o, flows);
    }
    o->layer = list->heads[0];
    write_end(o, &flows[o->layer], softmax);
    proto_end(&o->file, graph);
    return CF_OK;
}

/* ---- The file ---- */

static void write_text(OnnxOut *o, const char *key, const char *value) {
    const size_t text = proto_begin(&o->file, MODEL_TEXT);
    proto_text(&o->file, 1, key);
    proto_text(&o->file, 2, value);
    proto_end(&o->file, text);
}

static void write_head(OnnxOut *o, bool softmax) {
    const Shape in = o->model->layers.input;
    const char *scaling = o->integers ? "layers compute in 8-bit integers, in QDQ form" : "they are divided by 255";
    char about[512];
    snprintf(
        about, sizeof about,
        "A classifier of images, made by cifra. image: float32 [N, %d, %d, %d] (images, channels, height, width), pixels 0 to "
        "255%s; %s in the graph. %s: float32 [N, %d], in the order of the classes in the metadata.",
        in.C, in.H, in.W, in.C == 3 ? ", channels red, green, blue" : "", scaling, softmax ? "probabilities" : "logits",
        o->model->classes);
    proto_integer(&o->file, MODEL_IR, ONNX_IR);
    proto_text(&o->file, MODEL_PRODUCER, "cifra");
    proto_text(&o->file, MODEL_PRODUCER_VERSION, cf_version());
    proto_text(&o->file, MODEL_DOC, about);
    const size_t opset = proto_begin(&o->file, MODEL_OPSET);
    proto_text(&o->file, 1, "");
    proto_integer(&o->file, 2, ONNX_OPSET);
    proto_end(&o->file, opset);
}

static cf_status write_texts(OnnxOut *o) {
    AUTO(model_texts_free) ModelTexts texts = {0};
    char sha256[SHA256_HEX];
    FORWARD(parameters_sha256(&o->model->parameters, sha256));
    FORWARD(model_texts_new(o->model, &texts));
    for (int i = 0; i < MODEL_TEXTS; i++) write_text(o, texts.texts[i].key, texts.texts[i].value);
    write_text(o, "weights_sha256", sha256);
    return CF_OK;
}

static cf_status check_parameters(const cf_model *model) {
    for (int i = 0; i < model->parameters.count; i++) {
        const Parameter *parameter = &model->parameters.table[i];
        FAIL_IF(parameter_first_unsound(parameter, model->parameters.values + parameter->offset) < parameter->count,
                CF_DIVERGED, "%s holds values that are not finite, or a variance below 0: such weights are not written",
                parameter->name);
    }
    return CF_OK;
}

cf_onnx_options cf_onnx_defaults(void) {
    return (cf_onnx_options){.softmax = true};
}

static void out_free(OnnxOut *out) {
    free(out->file.bytes);
    free(out->scratch);
}

cf_status onnx_write(const cf_model *model, const char *path, bool softmax, const Int8Network *integers) {
    AUTO(out_free) OnnxOut out = {.model = model, .integers = integers, .layer = -1};
    AUTO_FREE OnnxFlow *flows = NULL;
    AUTO_FREE bool *needed = NULL;
    FORWARD(check_parameters(model));
    FORWARD(memory_new((size_t)model->layers.count + 1, sizeof *flows, &flows));
    FORWARD(layer_list_needed(&model->layers, model->layers.heads[0], &needed));
    FORWARD(memory_new(model->parameters.total, sizeof(float), &out.scratch));
    write_head(&out, softmax);
    FORWARD(write_graph(&out, softmax, needed, flows + 1));
    FORWARD(write_texts(&out));
    FORWARD(out.file.status);
    FAIL_IF(out.file.size >= MOST_ONNX_BYTES, CF_BAD_USE,
            "the network takes %zu bytes; an ONNX file holds less than 2 GiB", out.file.size);
    return file_write(path, out.file.bytes, out.file.size);
}

cf_status cf_export_onnx(const cf_model *model, const char *path, const cf_onnx_options *options) {
    const cf_onnx_options given = options ? *options : cf_onnx_defaults();
    AUTO(int8_network_free_at) Int8Network *integers = NULL;
    FAIL_IF(given.int8 && !given.split, CF_BAD_USE,
            "ranges for 8-bit integers come from training images: a split with a training part expected");
    if (given.int8) FORWARD(int8_network_new(model, cf_split_part(given.split, CF_TRAIN), given.threads, &integers));
    return onnx_write(model, path, given.softmax, integers);
}
