#include "export/onnx_messages.h"

#include "base/limits.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { WIRE_VARINT, WIRE_8, WIRE_BYTES, WIRE_4 = 5, LONGEST_VARINT = 10 };

/* ---- Writing ---- */

static bool reserve_bytes(ProtoWriter *w, size_t more) {
    size_t room = w->room ? w->room : 4096;
    if (w->status) return false;
    if (w->room - w->size >= more) return true;
    while (room - w->size < more && room <= SIZE_MAX / 2) room *= 2;
    unsigned char *grown = room - w->size < more ? NULL : realloc(w->bytes, room);
    if (!grown) {
        w->status = FAIL(CF_NO_MEMORY, "out of memory while making an ONNX file of more than %zu bytes", w->size);
        return false;
    }
    w->bytes = grown, w->room = room;
    return true;
}

static void append_bytes(ProtoWriter *w, const void *bytes, size_t size) {
    if (!size || !reserve_bytes(w, size)) return;
    memcpy(w->bytes + w->size, bytes, size);
    w->size += size;
}

static size_t encode_varint(uint64_t value, unsigned char varint[LONGEST_VARINT]) {
    size_t size = 0;
    for (; value > 0x7f; value >>= 7) varint[size++] = (unsigned char)(value | 0x80);
    varint[size++] = (unsigned char)value;
    return size;
}

static void append_varint(ProtoWriter *w, uint64_t value) {
    unsigned char varint[LONGEST_VARINT];
    append_bytes(w, varint, encode_varint(value, varint));
}

void proto_integer(ProtoWriter *w, int field, uint64_t value) {
    append_varint(w, (uint64_t)field << 3 | WIRE_VARINT);
    append_varint(w, value);
}

void proto_float(ProtoWriter *w, int field, float value) {
    append_varint(w, (uint64_t)field << 3 | WIRE_4);
    append_bytes(w, &value, sizeof value);
}

void proto_bytes(ProtoWriter *w, int field, const void *bytes, size_t size) {
    append_varint(w, (uint64_t)field << 3 | WIRE_BYTES);
    append_varint(w, size);
    append_bytes(w, bytes, size);
}

void proto_text(ProtoWriter *w, int field, const char *text) {
    proto_bytes(w, field, text, strlen(text));
}

size_t proto_begin(ProtoWriter *w, int field) {
    append_varint(w, (uint64_t)field << 3 | WIRE_BYTES);
    return w->size;
}

/* The length goes in front of what was written. */
void proto_end(ProtoWriter *w, size_t begun) {
    unsigned char varint[LONGEST_VARINT];
    const size_t size = w->size - begun, length = encode_varint(size, varint);
    if (!reserve_bytes(w, length)) return;
    memmove(w->bytes + begun + length, w->bytes + begun, size);
    memcpy(w->bytes + begun, varint, length);
    w->size += length;
}

/* ---- Fields ---- */

typedef struct Span {
    const unsigned char *at, *end;
} Span;

typedef struct Field {
    uint64_t number, integer; /* integer: of a varint, or the bits of 4 bytes */
    unsigned wire;
    Span bytes;
} Field;

static bool take_varint(Span *rest, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 7 * LONGEST_VARINT && rest->at < rest->end; shift += 7) {
        const unsigned char byte = *rest->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

static bool take_bytes(Span *rest, uint64_t size, Span *bytes) {
    if (size > (uint64_t)(rest->end - rest->at)) return false;
    *bytes = (Span){rest->at, rest->at + size};
    rest->at += size;
    return true;
}

static cf_status next_field(Span *rest, Field *field) {
    uint64_t tag, size;
    *field = (Field){.bytes = {rest->at, rest->at}};
    bool whole = take_varint(rest, &tag);
    field->number = tag >> 3, field->wire = tag & 7;
    if (whole && field->wire == WIRE_VARINT) {
        whole = take_varint(rest, &field->integer);
    } else if (whole && field->wire == WIRE_BYTES) {
        whole = take_varint(rest, &size) && take_bytes(rest, size, &field->bytes);
    } else if (whole && (field->wire == WIRE_4 || field->wire == WIRE_8)) {
        whole = take_bytes(rest, field->wire == WIRE_4 ? 4 : 8, &field->bytes);
        if (whole && field->wire == WIRE_4) memcpy(&field->integer, field->bytes.at, 4);
    } else {
        whole = false;
    }
    FAIL_IF(!whole, CF_BAD_INPUT, "this is no ONNX file, or it is damaged: a field is cut off or of no known kind");
    return CF_OK;
}

/* *found: another field of this number and kind; they are passed over otherwise. */
static cf_status find_field(Span *rest, uint64_t number, unsigned wire, Field *field, bool *found) {
    *found = false;
    *field = (Field){.bytes = {rest->end, rest->end}};
    while (!*found && rest->at < rest->end) {
        FORWARD(next_field(rest, field));
        *found = field->number == number && field->wire == wire;
    }
    return CF_OK;
}

/* ---- Values of fields ---- */

static cf_status take_text(OnnxModel *m, Span bytes, const char **text) {
    const size_t size = (size_t)(bytes.end - bytes.at);
    char *copy;
    FORWARD(blocks_take(&m->blocks, size + 1, 1, &copy));
    memcpy(copy, bytes.at, size);
    *text = copy;
    return CF_OK;
}

/* The last field of this number and kind; without one it is empty. */
static cf_status last_field(Span message, int number, unsigned wire, Field *last) {
    Field field;
    bool found = true;
    *last = (Field){.bytes = {message.end, message.end}};
    while (found) {
        FORWARD(find_field(&message, (uint64_t)number, wire, &field, &found));
        if (found) *last = field;
    }
    return CF_OK;
}

static cf_status text_field(OnnxModel *m, Span message, int number, const char **text) {
    Field field;
    FORWARD(last_field(message, number, WIRE_BYTES, &field));
    return take_text(m, field.bytes, text);
}

/* 0 without one. */
static cf_status integer_field(Span message, int number, int64_t *value) {
    Field field;
    FORWARD(last_field(message, number, WIRE_VARINT, &field));
    *value = (int64_t)field.integer;
    return CF_OK;
}

static cf_status count_messages(Span message, int number, int most, const char *what, int *count) {
    Field field;
    bool found;
    *count = 0;
    do {
        FORWARD(find_field(&message, (uint64_t)number, WIRE_BYTES, &field, &found));
        *count += found;
        FAIL_IF(*count > most, CF_BAD_INPUT, "more than %d %s in one message of an ONNX file", most, what);
    } while (found);
    return CF_OK;
}

static cf_status text_fields(OnnxModel *m, Span message, int number, const char ***texts, int *count) {
    enum { MOST_NAMES = 1024 }; /* of inputs or outputs of a node */
    Field field;
    bool found;
    FORWARD(count_messages(message, number, MOST_NAMES, "names", count));
    FORWARD(blocks_take(&m->blocks, (size_t)*count, sizeof **texts, texts));
    for (int i = 0; i < *count; i++) {
        FORWARD(find_field(&message, (uint64_t)number, WIRE_BYTES, &field, &found));
        FORWARD(take_text(m, field.bytes, &(*texts)[i]));
    }
    return CF_OK;
}

/* Numbers of one field, each by itself or packed: integers, or the bits of floats. With `values` NULL they are counted. */
static cf_status number_fields(Span message, int number, bool floats, void *values, size_t *count) {
    Field field;
    *count = 0;
    while (message.at < message.end) {
        FORWARD(next_field(&message, &field));
        if (field.number != (uint64_t)number) continue;
        Span packed = field.bytes;
        const bool single = field.wire == (floats ? WIRE_4 : WIRE_VARINT);
        if (!single && field.wire != WIRE_BYTES) continue;
        for (bool more = single || packed.at < packed.end; more; more = !single && packed.at < packed.end) {
            Span bits;
            uint64_t integer = field.integer;
            bool whole = true;
            if (!single && floats) {
                whole = take_bytes(&packed, 4, &bits);
                if (whole) memcpy(&integer, bits.at, 4);
            } else if (!single) {
                whole = take_varint(&packed, &integer);
            }
            FAIL_IF(!whole, CF_BAD_INPUT, "packed numbers of an ONNX file are cut off");
            if (values && floats) memcpy((float *)values + *count, &integer, 4);
            if (values && !floats) ((int64_t *)values)[*count] = (int64_t)integer;
            ++*count;
        }
    }
    return CF_OK;
}

static cf_status take_numbers(OnnxModel *m, Span message, int number, bool floats, const void **values, size_t *count) {
    void *array;
    FORWARD(number_fields(message, number, floats, NULL, count));
    FORWARD(blocks_take(&m->blocks, *count, floats ? sizeof(float) : sizeof(int64_t), &array));
    *values = array;
    return number_fields(message, number, floats, array, count);
}

/* ---- Tensors ---- */

static cf_status tensor_shape(Span message, OnnxTensor *t) {
    int64_t dims[ONNX_DIMS];
    size_t count;
    FORWARD(number_fields(message, TENSOR_DIMS, false, NULL, &count));
    FAIL_IF(count > ONNX_DIMS, CF_BAD_INPUT, "the tensor %.80s has %zu dimensions; at most %d are read", t->name, count,
            ONNX_DIMS);
    FORWARD(number_fields(message, TENSOR_DIMS, false, dims, &count));
    t->dims = (int)count;
    t->count = 1;
    for (int i = 0; i < t->dims; i++) {
        FAIL_IF(dims[i] < 0 || !size_multiply(t->count, (size_t)dims[i], &t->count) || t->count > MOST_ONNX_BYTES,
                CF_BAD_INPUT, "the tensor %.80s: dimension %d is %lld, which is none, or too large", t->name, i,
                (long long)dims[i]);
        t->shape[i] = (size_t)dims[i];
    }
    return CF_OK;
}

/* raw_data: the values as they lie in memory, integers of their own width. */
static cf_status take_raw(OnnxModel *m, Span raw, OnnxTensor *t) {
    const size_t width = t->type == ONNX_INT64 ? 8 : 4;
    if (t->type == ONNX_FLOAT) {
        float *floats;
        FORWARD(blocks_take(&m->blocks, t->count, sizeof *floats, &floats));
        if (t->count) memcpy(floats, raw.at, t->count * sizeof *floats);
        t->floats = floats;
        return CF_OK;
    }
    int64_t *integers;
    FORWARD(blocks_take(&m->blocks, t->count, sizeof *integers, &integers));
    for (size_t i = 0; i < t->count; i++) {
        int32_t narrow;
        memcpy(width == 8 ? (void *)&integers[i] : (void *)&narrow, raw.at + i * width, width);
        if (width == 4) integers[i] = narrow;
    }
    t->integers = integers;
    return CF_OK;
}

static cf_status take_values(OnnxModel *m, Span message, OnnxTensor *t) {
    const bool floats = t->type == ONNX_FLOAT;
    const int number = floats ? TENSOR_FLOATS : t->type == ONNX_INT64 ? TENSOR_INT64S : TENSOR_INT32S;
    const size_t width = t->type == ONNX_INT64 ? 8 : 4;
    Field raw;
    bool found;
    Span rest = message;
    size_t count;
    FORWARD(find_field(&rest, TENSOR_RAW, WIRE_BYTES, &raw, &found));
    if (found)
        count = (size_t)(raw.bytes.end - raw.bytes.at) / width;
    else
        FORWARD(number_fields(message, number, floats, NULL, &count));
    FAIL_IF(count != t->count || (found && (size_t)(raw.bytes.end - raw.bytes.at) % width), CF_BAD_INPUT,
            "the tensor %.80s: %zu values expected from its shape, %zu found", t->name, t->count, count);
    if (found) return take_raw(m, raw.bytes, t);
    return take_numbers(m, message, number, floats, floats ? (const void **)&t->floats : (const void **)&t->integers,
                        &count);
}

static cf_status take_tensor(OnnxModel *m, Span message, void *item) {
    enum { MOST_INTEGERS = 1 << 16 }; /* shapes and axes; tables of numbers no network of images has */
    OnnxTensor *t = item;
    int64_t type = 0, location = 0;
    FORWARD(text_field(m, message, TENSOR_NAME, &t->name));
    FORWARD(tensor_shape(message, t));
    FORWARD(integer_field(message, TENSOR_TYPE, &type));
    FORWARD(integer_field(message, TENSOR_LOCATION, &location));
    FAIL_IF(
        location, CF_BAD_INPUT,
        "the values of the tensor %.80s lie in another file; they are read from within the ONNX file only (PyTorch: "
        "torch.onnx.export(.., external_data=False))",
        t->name);
    t->type = (int)type;
    if (type != ONNX_FLOAT && type != ONNX_INT32 && type != ONNX_INT64) return CF_OK; /* told where it is used */
    if (type != ONNX_FLOAT && t->count > MOST_INTEGERS) return CF_OK;
    return take_values(m, message, t);
}

/* ---- Nodes ---- */

static cf_status take_attribute(OnnxModel *m, Span message, OnnxAttribute *a) {
    Field field;
    bool found;
    FORWARD(text_field(m, message, ATTRIBUTE_NAME, &a->name));
    FORWARD(text_field(m, message, ATTRIBUTE_S, &a->text));
    FORWARD(integer_field(message, ATTRIBUTE_I, &a->i));
    FORWARD(take_numbers(m, message, ATTRIBUTE_INTS, false, (const void **)&a->ints, &a->int_count));
    FORWARD(last_field(message, ATTRIBUTE_F, WIRE_4, &field));
    memcpy(&a->f, &field.integer, sizeof a->f); /* its bits, or 0 */
    FORWARD(find_field(&message, ATTRIBUTE_T, WIRE_BYTES, &field, &found));
    if (!found) return CF_OK;
    OnnxTensor *tensor;
    FORWARD(blocks_take(&m->blocks, 1, sizeof *tensor, &tensor));
    a->tensor = tensor;
    return take_tensor(m, field.bytes, tensor);
}

static cf_status take_node(OnnxModel *m, Span message, void *item) {
    enum { MOST_ATTRIBUTES = 64 };
    OnnxNode *node = item;
    Field field;
    bool found;
    FORWARD(text_field(m, message, NODE_OP, &node->op));
    FORWARD(text_field(m, message, NODE_NAME, &node->name));
    FORWARD(text_field(m, message, NODE_DOMAIN, &node->domain));
    FORWARD(text_fields(m, message, NODE_INPUT, &node->inputs, &node->input_count));
    FORWARD(text_fields(m, message, NODE_OUTPUT, &node->outputs, &node->output_count));
    FORWARD(count_messages(message, NODE_ATTRIBUTE, MOST_ATTRIBUTES, "attributes", &node->attribute_count));
    FORWARD(blocks_take(&m->blocks, (size_t)node->attribute_count, sizeof *node->attributes, &node->attributes));
    for (int i = 0; i < node->attribute_count; i++) {
        FORWARD(find_field(&message, NODE_ATTRIBUTE, WIRE_BYTES, &field, &found));
        FORWARD(take_attribute(m, field.bytes, &node->attributes[i]));
    }
    return CF_OK;
}

/* The message that is the only field of this number, or an empty one. */
static cf_status inner(Span message, int number, Span *bytes) {
    Field field;
    bool found;
    FORWARD(find_field(&message, (uint64_t)number, WIRE_BYTES, &field, &found));
    *bytes = found ? field.bytes : (Span){message.end, message.end};
    return CF_OK;
}

static cf_status take_port(OnnxModel *m, Span message, void *item) {
    OnnxPort *port = item;
    Span type, tensor, shape;
    int64_t element = 0, size = 0;
    Field field;
    bool found;
    FORWARD(text_field(m, message, 1, &port->name));
    FORWARD(inner(message, 2, &type));
    FORWARD(inner(type, 1, &tensor));
    FORWARD(integer_field(tensor, 1, &element));
    FORWARD(inner(tensor, 2, &shape));
    FORWARD(count_messages(shape, 1, ONNX_DIMS, "dimensions", &port->dims));
    port->type = (int)element;
    for (int i = 0; i < port->dims; i++) {
        FORWARD(find_field(&shape, 1, WIRE_BYTES, &field, &found));
        FORWARD(integer_field(field.bytes, 1, &size));
        port->shape[i] = size > 0 ? (size_t)size : 0;
    }
    return CF_OK;
}

static cf_status take_metadata(OnnxModel *m, Span message, void *item) {
    OnnxText *text = item;
    FORWARD(text_field(m, message, 1, &text->key));
    return text_field(m, message, 2, &text->value);
}

/* ---- The whole ---- */

typedef cf_status (*TakeFn)(OnnxModel *m, Span message, void *item);

static cf_status take_all(OnnxModel *m, Span message, int number, const char *what, size_t size, TakeFn take,
                          void **items, int *count) {
    Field field;
    bool found;
    FORWARD(count_messages(message, number, MOST_ONNX_ITEMS, what, count));
    FORWARD(blocks_take(&m->blocks, (size_t)*count, size, items));
    for (int i = 0; i < *count; i++) {
        FORWARD(find_field(&message, (uint64_t)number, WIRE_BYTES, &field, &found));
        FORWARD(take(m, field.bytes, (char *)*items + (size_t)i * size));
    }
    return CF_OK;
}

#define TAKE_ALL(from, number, what, take, items, count)                                                               \
    FORWARD(take_all(m, from, number, what, sizeof *m->items, take, (void **)&m->items, &m->count))

static cf_status take_model(OnnxModel *m, Span file) {
    Span graph, rest = file;
    Field field;
    bool found;
    FORWARD(inner(file, MODEL_GRAPH, &graph));
    FAIL_IF(graph.at == graph.end, CF_BAD_INPUT, "this is no ONNX file: there is no graph in it");
    TAKE_ALL(file, MODEL_TEXT, "texts", take_metadata, texts, text_count);
    TAKE_ALL(graph, GRAPH_NODE, "nodes", take_node, nodes, node_count);
    TAKE_ALL(graph, GRAPH_TENSOR, "initializers", take_tensor, tensors, tensor_count);
    TAKE_ALL(graph, GRAPH_INPUT, "inputs", take_port, inputs, input_count);
    TAKE_ALL(graph, GRAPH_OUTPUT, "outputs", take_port, outputs, output_count);
    do {
        const char *domain = "";
        FORWARD(find_field(&rest, MODEL_OPSET, WIRE_BYTES, &field, &found));
        if (found) FORWARD(text_field(m, field.bytes, 1, &domain));
        if (found && (!*domain || strcmp(domain, "ai.onnx") == 0)) FORWARD(integer_field(field.bytes, 2, &m->opset));
    } while (found);
    return CF_OK;
}

cf_status onnx_parse(const unsigned char *bytes, size_t size, OnnxModel *model) {
    *model = (OnnxModel){0};
    return take_model(model, (Span){bytes, bytes + size});
}

void onnx_free(OnnxModel *model) {
    blocks_free(&model->blocks);
    *model = (OnnxModel){0};
}

const OnnxAttribute *onnx_attribute(const OnnxNode *node, const char *name) {
    for (int i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0) return &node->attributes[i];
    return NULL;
}

const char *onnx_text(const OnnxModel *model, const char *key) {
    for (int i = 0; i < model->text_count; i++)
        if (strcmp(model->texts[i].key, key) == 0) return model->texts[i].value;
    return NULL;
}
