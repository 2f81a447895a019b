/* ONNX files that are no network of ours, or no ONNX files: each is named with its node, operator and reason. And graphs as others write
 * them, one pattern each. A graph is a text: "Conv image w5,2,3,3 > a pads=1,1,1,1 ; Relu a > y". */
#include "testing.h"

#include "base/files.h"
#include "base/memory.h"
#include "export/onnx_messages.h"
#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float filling; /* of the constants, all their values */

/* ---- Graphs ---- */

/* "w5,2,3,3": floats of this shape; "f0.5": one float; "i0,-1": a list of integers. */
static void put_constant(ProtoWriter *w, const char *name) {
    enum { MOST = 4096 };
    static float floats[MOST];
    int64_t numbers[8];
    int count = 0;
    size_t values = 1;
    for (const char *at = name; at && count < 8; at = strchr(at + 1, ',')) numbers[count++] = strtoll(at + 1, NULL, 10);
    const size_t tensor = proto_begin(w, GRAPH_TENSOR);
    proto_text(w, TENSOR_NAME, name);
    proto_integer(w, TENSOR_TYPE, name[0] == 'i' ? ONNX_INT64 : ONNX_FLOAT);
    if (name[0] == 'i') {
        proto_integer(w, TENSOR_DIMS, (uint64_t)count);
        for (int i = 0; i < count; i++) proto_integer(w, TENSOR_INT64S, (uint64_t)numbers[i]);
    } else if (name[0] == 'f') {
        proto_float(w, TENSOR_FLOATS, strtof(name + 1, NULL));
    } else {
        for (int i = 0; i < count; i++) {
            proto_integer(w, TENSOR_DIMS, (uint64_t)numbers[i]);
            values *= (size_t)numbers[i];
        }
        for (size_t i = 0; i < values; i++) floats[i] = filling;
        proto_bytes(w, TENSOR_FLOATS, floats, values * sizeof *floats);
    }
    proto_end(w, tensor);
}

static void put_attribute(ProtoWriter *w, char *word) {
    char *value = strchr(word, '=') + 1;
    const size_t attribute = proto_begin(w, NODE_ATTRIBUTE);
    value[-1] = '\0';
    proto_text(w, ATTRIBUTE_NAME, word);
    if (strchr("+-0123456789", *value) && strchr(value, '.')) {
        proto_float(w, ATTRIBUTE_F, strtof(value, NULL));
    } else if (strchr("+-0123456789", *value)) {
        proto_integer(w, ATTRIBUTE_I, (uint64_t)strtoll(value, NULL, 10));
        for (char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
            proto_integer(w, ATTRIBUTE_INTS, (uint64_t)strtoll(at, NULL, 10));
    } else {
        proto_text(w, ATTRIBUTE_S, value);
    }
    proto_end(w, attribute);
}

static void put_node(ProtoWriter *w, char *text) {
    char *rest, *op = strtok_r(text, " ", &rest), *word;
    int field = NODE_INPUT;
    const size_t node = proto_begin(w, GRAPH_NODE);
    char *colon = strchr(op, ':');
    if (colon) *colon = '\0', proto_text(w, NODE_DOMAIN, colon + 1);
    proto_text(w, NODE_OP, op);
    while ((word = strtok_r(NULL, " ", &rest)))
        if (strcmp(word, ">") == 0)
            field = NODE_OUTPUT;
        else if (strchr(word, '='))
            put_attribute(w, word);
        else
            proto_text(w, field, word);
    proto_end(w, node);
}

static void put_constants(ProtoWriter *w, const char *graph) {
    char copy[2048], done[2048] = " ", *rest, *word, entry[64];
    snprintf(copy, sizeof copy, "%s", graph);
    for (word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        snprintf(entry, sizeof entry, " %s ", word);
        if (!strchr("wfi", word[0]) || !word[1] || !strchr("-0123456789", word[1]) || strstr(done, entry)) continue;
        put_constant(w, word);
        snprintf(done + strlen(done), sizeof done - strlen(done), "%s ", word);
    }
}

static void put_port(ProtoWriter *w, int field, const char *name, const int *sizes) {
    const size_t port = proto_begin(w, field);
    proto_text(w, 1, name);
    const size_t type = proto_begin(w, 2), tensor = proto_begin(w, 1);
    proto_integer(w, 1, ONNX_FLOAT);
    const size_t shape = proto_begin(w, 2);
    for (int i = 0; sizes[i]; i++) {
        const size_t dim = proto_begin(w, 1);
        proto_integer(w, 1, (uint64_t)sizes[i]);
        proto_end(w, dim);
    }
    proto_end(w, shape);
    proto_end(w, tensor);
    proto_end(w, type);
    proto_end(w, port);
}

/* From image 1x2x4x4 to y. */
static const char *graph_file(const char *graph) {
    ProtoWriter w = {0};
    char copy[2048], *rest, *node;
    const char *path = path_in(scratch_folder(), "graph.onnx");
    snprintf(copy, sizeof copy, "%s", graph);
    const size_t begun = proto_begin(&w, MODEL_GRAPH);
    put_port(&w, GRAPH_INPUT, "image", (const int[]){1, 2, 4, 4, 0});
    put_constants(&w, graph);
    for (node = strtok_r(copy, ";", &rest); node; node = strtok_r(NULL, ";", &rest)) put_node(&w, node);
    put_port(&w, GRAPH_OUTPUT, "y", (const int[]){1, 5, 0});
    proto_end(&w, begun);
    assert_ok(w.status);
    write_bytes(path, w.bytes, w.size);
    free(w.bytes);
    return path;
}

/* ---- Tests ---- */

#define END "; GlobalAveragePool a > p ; Flatten p > f ; Gemm f w5,2 > y transB=1"

static void what_is_not_understood_is_named(void **state) {
    static const struct {
        const char *graph, *message;
    } cases[] = {
        {"Pad image > a" END, "node a (Pad) is not understood: no layer of the model line does this"},
        {"Relu:com.other image > a" END, "node a (Relu) is not understood: it belongs to an extension"},
        {"Conv image w5,3,3,3 > a" END, "node a (Conv) is not understood: weights that fit the channels"},
        {"Conv image w5,2,3 > a" END, "constant weights of four dimensions"},
        {"Relu image > b ; Conv image b > a" END, "constant weights of four dimensions"},
        {"Conv image w2,2,3,3 > a strides=1,2" END, "one stride from 1 to 64"},
        {"Conv image w2,2,3,3 > a pads=0,0,2,2" END,
         "node a (Conv) is not understood: its padding is none of the model line's"},
        {"Conv image w2,2,3,3 > a dilations=1,2" END, "one dilation"},
        {"Conv image w2,2,5,5 > a" END, "the window does not fit"},
        {"Conv image w2,2,3,3 > a auto_pad=SAME_LOWER" END, "auto_pad"},
        {"Conv image w2,2,3,3 w3 > a" END, "a constant bias"},
        {"AveragePool image > a kernel_shape=3,3 pads=1,1,1,1 count_include_pad=1" END, "padding that counts"},
        {"MaxPool image > a kernel_shape=3,3 strides=2,2 ceil_mode=1" END, "ceil_mode"},
        {"MaxPool image > a kernel_shape=2,2 dilations=2,2" END, "without dilation"},
        {"Conv image w2,2,1,1 > b ; Relu b > c ; Sigmoid b > d ; Add c d > a" END,
         "node a (Add) is not understood: it joins branches"},
        {"Conv image w2,2,1,1 > b ; Relu b > c ; Concat c b > d axis=2 ; Conv d w2,4,1,1 > a" END,
         "node d (Concat) is not understood"},
        {"Conv image w2,2,1,1 > b ; Concat b b > c axis=1 ; Relu b > d ; Concat d c > e axis=1 ; Conv e w2,6,1,1 > "
         "a" END,
         "joins branches"},
        /* a stride of 2 is the first that fits, and reads other pixels */
        {"Conv image w3,2,1,1 w3 > b strides=3,3 ; Conv image w3,2,3,3 > c pads=1,1,1,1 strides=2,2 ; Add c b > d ; "
         "Conv d w2,3,1,1 > a" END,
         "node d (Add) is not understood: it joins branches"},
        {"Clip image f0 f5 > a" END, "0 to 6 (relu6)"},
        {"Mul image f3 > a" END, "node a (Mul) is not understood: it stands in no pattern"},
        {"Erf image > a" END, "node a (Erf) is not understood: it stands in no pattern"},
        {"Gelu image > a approximate=tanh" END, "the exact function"},
        {"InstanceNormalization image w2 w2 > a epsilon=0.001" END, "epsilon 1e-5 expected"},
        {"GroupNormalization image w2 w2 > a num_groups=3" END, "groups that divide"},
        {"BatchNormalization image w2 w2 w2 w3 > a" END, "a constant scale"},
        {"Transpose image > b perm=0,2,3,1 ; LayerNormalization b w2 w2 > c axis=1 ; Transpose c > a perm=0,3,1,2" END,
         "over the channels"},
        {"ReduceMean image > p axes=2 ; Flatten p > f ; Gemm f w5,2 > y transB=1", "a mean over all pixels"},
        {"Transpose image > p perm=0,2,3,1 ; Flatten p > f ; Gemm f w5,32 > y transB=1", "in the order C, H, W"},
        {"Flatten image > f ; Gemm f w5,31 > y transB=1", "weights that fit what arrives"},
        {"Flatten image > f ; Gemm f w5,32 > y transB=1 alpha=0.5", "alpha 1, beta 1"},
        {"Flatten image > f ; MatMul f w31,5 > y", "weights that fit what arrives"},
        {"Reshape image i0,-1,7 > f ; Gemm f w5,32 > y transB=1", "node f (Reshape)"},
        {"Flatten image > f ; Gemm f w5,32 > g transB=1 ; Softmax g > h ; Relu h > y",
         "node h (Softmax) is not understood: a softmax that is not the end"},
        {"Conv image w5,2,3,3 > y", "N x classes expected"},
        {"Relu image > b ; Relu missing > a" END,
         "node a (Relu) is not understood: it reads a value that no node in front of it makes"},
        {"Relu image > a ; Relu a > a" END, "the value a is made twice"},
        {"Relu image > image" END, "the value image is made twice"},
        {"Relu image > a", "no node makes the output y"},
        {"Constant > y value_float=1.5", "does not follow from the image"},
        {"Flatten image > y", "there is no layer between"},
    };
    (void)state;
    filling = 0.5f;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cf_model *model;
        print_message("%s\n", cases[i].graph);
        assert_fails(cf_import_onnx(graph_file(cases[i].graph), NULL, &model), CF_BAD_INPUT, cases[i].message);
    }
}

static void patterns_of_others(void **state) {
    static const struct {
        const char *graph, *line;
    } cases[] = {
        {"Mul image f0.00392156863 > b ; Relu b > a" END, "relu | globalavgpool | dense classes nobias"},
        {"Clip image f0 > a" END, "relu | globalavgpool | dense classes nobias"},
        {"Clip image > a min=0.0 max=6.0" END, "relu6 | globalavgpool | dense classes nobias"},
        {"HardSigmoid image > b alpha=0.16666667 beta=0.5 ; Mul image b > a" END,
         "hardswish | globalavgpool | dense classes nobias"},
        {"Mul image f0.70710678 > b ; Erf b > c ; Add c f1 > d ; Mul image f0.5 > e ; Mul e d > a" END,
         "gelu | globalavgpool | dense classes nobias"},
        {"Gelu image > a" END, "gelu | globalavgpool | dense classes nobias"},
        {"GroupNormalization image w2 w2 > a num_groups=1" END, "groupnorm 1 | globalavgpool | dense classes nobias"},
        {"Conv image w2,2,3,3 > a auto_pad=SAME_UPPER strides=2,2" END,
         "conv 2 3x3 stride 2 pad tf nobias | globalavgpool | dense classes nobias"},
        {"Conv image w2,2,3,3 > b pads=1,1,1,1 ; Add b w2,1,1 > a" END,
         "conv 2 3x3 | globalavgpool | dense classes nobias"},
        {"Flatten image > f ; MatMul f w32,5 > g ; Add g w5 > h ; LogSoftmax h > y axis=1", "dense classes"},
        {"Shape image > s ; Gather s i0 > n ; Unsqueeze n i0 > m ; Concat m i-1 > t axis=0 ; Reshape image t > f ; "
         "Gemm f w5,32 w5 > y transB=1",
         "dense classes"},
        {"Conv image w2,2,1,1 > b ; BatchNormalization b w2 w2 w2 w2 > c ; MaxPool c > d kernel_shape=2,2 strides=2,2 "
         "; Identity d > e ; Dropout e > a" END,
         "conv 2 1x1 | bn | maxpool 2 | globalavgpool | dense classes nobias"},
        {"Conv image w2,2,1,1 w2 > b ; GlobalAveragePool b > m ; Flatten m > n ; Gemm n w1,2 w1 > o transB=1 ; Relu o "
         "> q ; Gemm q w2,1 w2 > r transB=1 ; "
         "Sigmoid r > s ; Reshape s i0,2,1,1 > t ; Mul t b > a" END,
         "conv 2 1x1 | se 2 | globalavgpool | dense classes nobias"},
        {"ReduceMean image > p axes=2,3 keepdims=0 ; Gemm p w5,2 w5 > y transB=1", "globalavgpool | dense classes"},
        {"ReduceMean image i-1,-2 > p ; Squeeze p i2,3 > f ; Gemm f w5,2 w5 > y transB=1",
         "globalavgpool | dense classes"},
    };
    (void)state;
    filling = 0.5f;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cf_model *model;
        print_message("%s\n", cases[i].graph);
        assert_ok(cf_import_onnx(graph_file(cases[i].graph), NULL, &model));
        assert_string_equal(model->layers.line, cases[i].line);
        cf_model_free(model);
    }
}

static void weights_must_be_weights(void **state) {
    cf_model *model;
    (void)state;
    filling = NAN;
    assert_fails(cf_import_onnx(graph_file("Relu image > a" END), NULL, &model), CF_BAD_INPUT,
                 "dense1.weight: value 0 is nan");
    filling = -1;
    assert_fails(cf_import_onnx(graph_file("BatchNormalization image w2 w2 w2 w2 > a" END), NULL, &model), CF_BAD_INPUT,
                 "bn1.running_var: value 0 is -1");
}

static void what_is_no_onnx_file(void **state) {
    static const struct {
        const char *bytes, *message;
        size_t size;
    } cases[] = {
        {"", "no graph", 0},
        {"{\"a\": 1}", "no ONNX file", 8},
        {"\x3a\x02\x0a\x7f", "cut off", 4},                              /* a node longer than the file */
        {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "cut off", 11}, /* a graph of 2^64 bytes */
        {"\x42\x02\x10\x05\x3a\x02\x0a\x00", "opset 5 is too old", 8},
        {"\x3a\x08\x2a\x06\x08\xff\xff\xff\xff\x0f", "dimension 0", 10}, /* a tensor of 2^32 values */
        {"\x3a\x06\x2a\x04\x08\x05\x10\x01", "5 values expected from its shape, 0 found", 8},
        {"\x3a\x09\x2a\x07\x42\x01w\x10\x01\x70\x01", "the tensor w lie in another file", 11},
        {"\x3a\x02\x0a\x00", "no input", 4},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *path = path_in(scratch_folder(), "broken.onnx");
        cf_model *model;
        print_message("case %zu\n", i);
        write_bytes(path, cases[i].bytes, cases[i].size);
        assert_fails(cf_import_onnx(path, NULL, &model), CF_BAD_INPUT, cases[i].message);
    }
    cf_model *model;
    assert_fails(cf_import_onnx(path_in(scratch_folder(), "nowhere.onnx"), NULL, &model), CF_IO, "nowhere.onnx");
}

/* A file cut off anywhere is no file, but where what is missing is nothing that counts. */
static void a_file_that_is_cut_off(void **state) {
    unsigned char *bytes;
    size_t size;
    cf_model *model;
    (void)state;
    filling = 0.5f;
    const char *path = graph_file("Conv image w2,2,3,3 > b ; Relu b > a" END);
    assert_ok(file_read(path, SIZE_MAX, &bytes, &size));
    for (size_t i = 0; i < size; i++) {
        write_bytes(path, bytes, i);
        assert_int_equal(cf_import_onnx(path, NULL, &model), CF_BAD_INPUT);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_understood_is_named), cmocka_unit_test(patterns_of_others),
        cmocka_unit_test(weights_must_be_weights),         cmocka_unit_test(what_is_no_onnx_file),
        cmocka_unit_test(a_file_that_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
