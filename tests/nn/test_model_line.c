/* The model line: every layer and setting, shapes and counts worked by hand, every error with its column, and garbage. */
#include "testing.h"

#include "base/memory.h"
#include "cli/commands.h"
#include "nn/model_line.h"
#include "nn/models.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const Shape grey = {1, 28, 28}, colour = {3, 32, 32};

static LayerList parse(const char *line, Shape data, int classes) {
    LayerList list;
    assert_ok(model_line_parse(line, data, classes, &list));
    return list;
}

static void assert_shape(Shape got, int C, int H, int W) {
    assert_int_equal(got.C, C);
    assert_int_equal(got.H, H);
    assert_int_equal(got.W, W);
}

static bool is_word(const Layer *layer, const char *word) {
    return strcmp(layer->type->word, word) == 0;
}

static bool is_rectifier(const Layer *layer, float slope) {
    return layer->activation.kind == ACT_RELU && layer->activation.slope == slope;
}

static const Layer *layer_called(const LayerList *list, const char *name) {
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->layers[i].name, name) == 0) return &list->layers[i];
    fail_msg("no layer %s", name);
    return NULL;
}

/* The names of the layers, between spaces. */
static void assert_names(const LayerList *list, const char *names) {
    char text[4096] = "";
    for (int i = 0; i < list->count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", list->layers[i].name);
    assert_string_equal(text, names);
}

/* What the layer reads: NAME or NAME+NAME; "image". */
static void assert_reads(const LayerList *list, const char *layer, const char *wanted) {
    const Layer *l = layer_called(list, layer);
    char text[2 * LAYER_NAME + 2] = "";
    for (int k = 0; k < l->inputs; k++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", k ? "+" : "",
                 l->input[k] < 0 ? "image" : list->layers[l->input[k]].name);
    assert_string_equal(text, wanted);
}

/* ---- What lines mean ---- */

static void paper_on_grey(void **state) {
    (void)state;
    LayerList list = parse("paper", grey, 10);
    static const char *const names[] = {"conv1", "bn1",      "relu1",  "maxpool1", "conv2", "bn2",
                                        "relu2", "maxpool2", "dense1", "relu3",    "dense2"};
    static const Shape shapes[] = {{32, 28, 28}, {32, 28, 28}, {32, 28, 28}, {32, 14, 14}, {64, 14, 14}, {64, 14, 14},
                                   {64, 14, 14}, {64, 7, 7},   {128, 1, 1},  {128, 1, 1},  {10, 1, 1}};
    static const size_t parameters[] = {288, 64, 0, 0, 18432, 128, 0, 0, 401536, 0, 1290};
    static const double flops[] = {
        2.0 * 9 * 1 * 32 * 784, 0, 0, 0, 2.0 * 9 * 32 * 64 * 196, 0, 0, 0, 2.0 * 3136 * 128, 0, 2.0 * 128 * 10};
    assert_int_equal(list.count, 11);
    for (int i = 0; i < list.count; i++) {
        const Layer *layer = &list.layers[i];
        assert_string_equal(layer->name, names[i]);
        assert_shape(layer->out, shapes[i].C, shapes[i].H, shapes[i].W);
        assert_int_equal(layer->parameters, parameters[i]);
        assert_true(layer->flops == flops[i]);
        if (i) assert_memory_equal(&layer->in, &list.layers[i - 1].out, sizeof(Shape));
    }
    assert_false(list.layers[0].bias); /* bn follows */
    assert_false(list.layers[4].bias);
    assert_true(list.layers[8].bias);
    assert_true(list.layers[10].bias);
    assert_int_equal(layer_list_parameters(&list), 421738);
    assert_true(layer_list_flops(&list) == 8482304);
    assert_true(layer_list_training_flops(&list, NULL, 0) ==
                3 * 8482304 - 451584); /* the first layer's input needs no gradient */
    layer_list_free(&list);
    layer_list_free(&list); /* fine twice */
}

static void paper_on_colour(void **state) {
    (void)state;
    LayerList list = parse("paper", colour, 10);
    assert_shape(list.layers[0].out, 32, 32, 32);
    assert_shape(list.layers[7].out, 64, 8, 8);
    assert_int_equal(layer_list_parameters(&list), 864 + 64 + 18432 + 128 + 4096 * 128 + 128 + 1290);
    assert_true(layer_list_flops(&list) == 2.0 * 27 * 32 * 1024 + 2.0 * 9 * 32 * 64 * 256 + 2.0 * 4096 * 128 + 2560);
    layer_list_free(&list);
}

/* Every word is numbered by itself, also where it is a part of another. */
static void numbers_of_layers(void **state) {
    (void)state;
    static const char *const names[] = {"avgpool1", "globalavgpool1", "leakyrelu1", "relu1",      "bn1",
                                        "avgpool2", "leakyrelu2",     "relu2",      "leakyrelu3", "globalavgpool2",
                                        "dropout1", "dense1",         "dropout2",   "dense2"};
    LayerList list =
        parse("avgpool 1 | globalavgpool | leakyrelu | relu | bn | avgpool 1 | leakyrelu | relu | leakyrelu | "
              "globalavgpool | dropout | dense 4 | dropout | dense classes",
              grey, 10);
    assert_int_equal(list.count, COUNT_OF(names));
    for (int i = 0; i < list.count; i++) assert_string_equal(list.layers[i].name, names[i]);
    layer_list_free(&list);
}

static void names_stand_for_lines(void **state) {
    (void)state;
    static const char *const names[] = {"paper", "mlp", "linear", "lenet5"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        LayerList named = parse(names[i], grey, 10), spelled = parse(model_named_line(names[i]), grey, 10);
        assert_string_equal(named.line, spelled.line);
        assert_int_equal(named.count, spelled.count);
        for (int k = 0; k < named.count; k++) assert_string_equal(named.layers[k].name, spelled.layers[k].name);
        layer_list_free(&named);
        layer_list_free(&spelled);
    }
    LayerList leaky = parse("paper-leaky", grey, 10);
    assert_true(is_rectifier(&leaky.layers[2], 0.01f));
    assert_string_equal(leaky.layers[2].name, "leakyrelu1");
    assert_int_equal(layer_list_parameters(&leaky), 421738);
    layer_list_free(&leaky);
}

static void window_settings(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int R, S, stride, pad_h, pad_w, C, H, W;
        bool bias;
    } cases[] = {
        {"conv 4 3x3", 3, 3, 1, 1, 1, 4, 28, 28, true},
        {"conv 4 3", 3, 3, 1, 1, 1, 4, 28, 28, true},
        {"conv 4 5x3", 5, 3, 1, 2, 1, 4, 28, 28, true},
        {"conv 4 2x2", 2, 2, 1, 0, 0, 4, 27, 27, true},
        {"conv 4 3x3 stride 2", 3, 3, 2, 1, 1, 4, 14, 14, true},
        {"conv 4 3x3 pad valid", 3, 3, 1, 0, 0, 4, 26, 26, true},
        {"conv 4 7x5 pad same", 7, 5, 1, 3, 2, 4, 28, 28, true},
        {"conv 4 3x3 pad 4", 3, 3, 1, 4, 4, 4, 34, 34, true},
        {"conv 4 5x5 nobias stride 3 pad 0", 5, 5, 3, 0, 0, 4, 8, 8, false},
        {"conv 4 3x3 pad 1 bias", 3, 3, 1, 1, 1, 4, 28, 28, true},
        {"maxpool 2", 2, 2, 2, 0, 0, 1, 14, 14, false},
        {"maxpool 3", 3, 3, 3, 0, 0, 1, 9, 9, false},
        {"maxpool 3x3 stride 2 pad 1", 3, 3, 2, 1, 1, 1, 14, 14, false},
        {"maxpool 3 pad same stride 1", 3, 3, 1, 1, 1, 1, 28, 28, false},
        {"avgpool 4x2 stride 2", 4, 2, 2, 0, 0, 1, 13, 14, false},
        {"avgpool 28", 28, 28, 28, 0, 0, 1, 1, 1, false},
        {"globalavgpool", 28, 28, 1, 0, 0, 1, 1, 1, false},
        {"\t conv\t4   3x3 ", 3, 3, 1, 1, 1, 4, 28, 28, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char line[128];
        snprintf(line, sizeof line, "%s | dense classes", cases[i].line);
        LayerList list = parse(line, grey, 10);
        const Layer *layer = &list.layers[0];
        assert_int_equal(layer->R, cases[i].R);
        assert_int_equal(layer->S, cases[i].S);
        assert_int_equal(layer->stride, cases[i].stride);
        assert_int_equal(layer->pad_h, cases[i].pad_h);
        assert_int_equal(layer->pad_w, cases[i].pad_w);
        assert_shape(layer->out, cases[i].C, cases[i].H, cases[i].W);
        assert_int_equal(layer->bias, cases[i].bias);
        layer_list_free(&list);
    }
}

static void other_settings(void **state) {
    (void)state;
    LayerList list = parse("leakyrelu | leakyrelu 0.2 | relu | dropout | dropout 0.1 | dropout 0 | globalavgpool | "
                           "dense 7 nobias | bn | dense 5 | bn | dense 6 bias | bn | dense classes",
                           grey, 3);
    const Layer *l = list.layers;
    assert_true(is_rectifier(&l[0], 0.01f));
    assert_true(is_rectifier(&l[1], 0.2f));
    assert_string_equal(l[1].name, "leakyrelu2");
    assert_true(is_rectifier(&l[2], 0));
    assert_true(is_word(&l[3], "dropout") && l[3].rate == 0.5f);
    assert_true(l[4].rate == 0.1f && l[5].rate == 0);
    assert_true(is_word(&l[6], "globalavgpool"));
    assert_string_equal(l[6].name, "globalavgpool1");
    assert_true(!l[7].bias && l[7].parameters == 7);
    assert_true(!l[9].bias && l[9].parameters == 35);  /* bn follows */
    assert_true(l[11].bias && l[11].parameters == 36); /* but may be asked for */
    assert_true(l[12].parameters == 12);
    assert_true(l[13].bias && l[13].parameters == 21 && l[13].out.C == 3);
    layer_list_free(&list);
}

static void input_line(void **state) {
    (void)state;
    LayerList list = parse("input 1x28x20 | conv 2 3x3 | dense classes", colour, 10);
    assert_shape(list.input, 1, 28, 20);
    assert_int_equal(list.count, 2);
    assert_shape(list.layers[0].out, 2, 28, 20);
    layer_list_free(&list);
    /* The line that is kept parses to the same list again, whatever the data's shape. */
    list = parse("input 3x8x8 | dense classes", grey, 4);
    LayerList again = parse(list.line, (Shape){9, 9, 9}, 4);
    assert_int_equal(layer_list_parameters(&list), layer_list_parameters(&again));
    layer_list_free(&list);
    layer_list_free(&again);
}

/* One layer on 8 channels of 6 x 4: what it gives, its trained values, its operations, and how the table tells of it. */
static void new_words(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int C, H, W;
        size_t parameters;
        double flops;
        const char *settings;
    } cases[] = {
        {"conv 6 3x3 groups 2", 6, 6, 4, 6 * 4 * 9 + 6, 2.0 * 4 * 9 * 6 * 24, "3x3, stride 1, pad 1, groups 2"},
        {"conv 8 1 groups 8 nobias", 8, 6, 4, 8, 2.0 * 8 * 24, "1x1, stride 1, pad 0, groups 8"},
        {"conv 2 3 dilation 2", 2, 6, 4, 2 * 8 * 9 + 2, 2.0 * 8 * 9 * 2 * 24, "3x3, stride 1, pad 2, dilation 2"},
        {"conv 2 3x2 dilation 2 pad 0", 2, 2, 2, 2 * 8 * 6 + 2, 2.0 * 8 * 6 * 2 * 4,
         "3x2, stride 1, pad 0, dilation 2"},
        {"conv 2 3 stride 2 pad tf", 2, 3, 2, 2 * 8 * 9 + 2, 2.0 * 8 * 9 * 2 * 6, "3x3, stride 2, pad 0"},
        {"conv 2 5 pad tf", 2, 6, 4, 2 * 8 * 25 + 2, 2.0 * 8 * 25 * 2 * 24, "5x5, stride 1, pad 2"},
        {"conv 2 2 pad tf", 2, 6, 4, 2 * 8 * 4 + 2, 2.0 * 8 * 4 * 2 * 24, "2x2, stride 1, pad 0"},
        {"dwconv 3", 8, 6, 4, 8 * 9 + 8, 2.0 * 9 * 8 * 24, "3x3, stride 1, pad 1"},
        {"dwconv 3x1 stride 2 nobias", 8, 3, 2, 8 * 3, 2.0 * 3 * 8 * 6, "3x1, stride 2, pad 1x0"},
        {"dwconv 3 dilation 2 pad tf", 8, 6, 4, 8 * 9 + 8, 2.0 * 9 * 8 * 24, "3x3, stride 1, pad 2, dilation 2"},
        {"patch 2 5", 5, 3, 2, 5 * 8 * 4 + 5, 2.0 * 8 * 4 * 5 * 6, "2x2, stride 2, pad 0"},
        {"position", 8, 6, 4, 192, 0, ""},
        /* Per position: C x 3C and C x C products, and C x positions twice. */
        {"attention 4", 8, 6, 4, 8 * 24 + 24 + 8 * 8 + 8, 24 * (2.0 * 8 * 24 + 2.0 * 8 * 8 + 4.0 * 24 * 8),
         "heads 4 of 2"},
        {"se 4", 8, 6, 4, 8 * 2 + 2 + 2 * 8 + 8, 2.0 * 2 * 8 * 2 + 2.0 * 8 * 24, "2 of 8"},
        {"se 3", 8, 6, 4, 8 * 2 + 2 + 2 * 8 + 8, 2.0 * 2 * 8 * 2 + 2.0 * 8 * 24, "2 of 8"},
        {"bn eps 0.001", 8, 6, 4, 16, 0, "eps 0.001"},
        {"bn momentum 0.4", 8, 6, 4, 16, 0, "momentum 0.4"},
        {"bn momentum 0.4 eps 0.001", 8, 6, 4, 16, 0, "eps 0.001, momentum 0.4"},
        {"groupnorm 2", 8, 6, 4, 16, 0, "groups 2"},
        {"instancenorm", 8, 6, 4, 16, 0, ""},
        {"layernorm", 8, 6, 4, 16, 0, ""},
        {"standardize", 8, 6, 4, 0, 0, ""},
        {"normalize 0.5 0.25", 8, 6, 4, 0, 0, ""},
        {"relu6", 8, 6, 4, 0, 0, ""},
        {"silu", 8, 6, 4, 0, 0, ""},
        {"gelu", 8, 6, 4, 0, 0, ""},
        {"hardswish", 8, 6, 4, 0, 0, ""},
        {"sigmoid", 8, 6, 4, 0, 0, ""},
        {"droppath", 8, 6, 4, 0, 0, "rate 0.1"},
        {"droppath 0.25", 8, 6, 4, 0, 0, "rate 0.25"},
        {"reverse", 8, 6, 4, 0, 0, "factor 1"},
        {"reverse 0.5", 8, 6, 4, 0, 0, "factor 0.5"},
        {"globalmaxpool", 8, 1, 1, 0, 0, "6x4, stride 1, pad 0"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char line[128], *settings;
        snprintf(line, sizeof line, "%s | dense classes", cases[i].line);
        LayerList list = parse(line, (Shape){8, 6, 4}, 10);
        const Layer *layer = &list.layers[0];
        assert_shape(layer->out, cases[i].C, cases[i].H, cases[i].W);
        assert_int_equal(layer->parameters, cases[i].parameters);
        if (layer->flops != cases[i].flops) fail_msg("%s: %g operations, not %g", line, layer->flops, cases[i].flops);
        assert_ok(layer_settings(&list, layer, &settings));
        assert_string_equal(settings, cases[i].settings);
        free(settings);
        layer_list_free(&list);
    }
    LayerList list = parse("normalize 1 2 3 4 5 6 | bn eps 1e-12 | bn | dense classes", colour, 10);
    assert_true(list.layers[0].means[2] == 3 && list.layers[0].deviations[0] == 4 && list.layers[0].number == 3);
    assert_true(list.layers[1].epsilon == 1e-12 && list.layers[2].epsilon == BN_EPSILON);
    layer_list_free(&list);
}

/* Tensors have the names and shapes that PyTorch and timm give them. */
static void tensors_of_new_words(void **state) {
    (void)state;
    static const struct {
        const char *line, *tensors;
    } cases[] = {
        {"conv 6 3x1 groups 2", "weight[6,4,3,1] bias[6]"},
        {"dwconv 3 nobias", "weight[8,1,3,3]"},
        {"patch 2 5", "weight[5,8,2,2] bias[5]"},
        {"position", "weight[24,8]"},
        {"attention 4", "in_proj_weight[24,8] in_proj_bias[24] out_proj.weight[8,8] out_proj.bias[8]"},
        {"se 4", "fc1.weight[2,8] fc1.bias[2] fc2.weight[8,2] fc2.bias[8]"},
        {"bn", "weight[8] bias[8] running_mean[8] running_var[8]"},
        {"groupnorm 4", "weight[8] bias[8]"},
        {"instancenorm", "weight[8] bias[8]"},
        {"layernorm", "weight[8] bias[8]"},
        {"standardize", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char line[128], text[256] = "";
        snprintf(line, sizeof line, "%s | dense classes", cases[i].line);
        LayerList list = parse(line, (Shape){8, 6, 4}, 10);
        for (int k = 0; k < list.layers[0].parameter_count; k++) {
            const ParameterSpec *spec = &list.layers[0].parameter[k];
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", k ? " " : "", spec->what);
            for (int d = 0; d < spec->dims; d++)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%c%zu", d ? ',' : '[', spec->shape[d]);
            strcat(text, "]");
        }
        assert_string_equal(text, cases[i].tensors);
        layer_list_free(&list);
    }
}

/* ---- Groups ---- */

static void residual_groups(void **state) {
    (void)state;
    LayerList list = parse("conv 4 3 | res( bn | relu | conv 4 3 ) | relu | dense classes", colour, 10);
    assert_names(&list, "conv1 bn1 relu1 conv2 res1 relu2 dense1");
    assert_reads(&list, "conv1", "image");
    assert_reads(&list, "res1", "conv2+conv1");
    assert_reads(&list, "relu2", "res1");
    assert_int_equal(layer_called(&list, "conv1")->readers, 2);
    assert_int_equal(layer_called(&list, "conv2")->readers, 1);
    assert_int_equal(layer_called(&list, "dense1")->readers, 0);
    assert_shape(layer_called(&list, "res1")->out, 4, 32, 32);
    assert_int_equal(layer_called(&list, "res1")->parameters, 0);
    layer_list_free(&list);
    /* The group may stand first, and end with a pool of stride 1. */
    list = parse("res( maxpool 3 stride 1 pad 1 ) | dense classes", colour, 10);
    assert_reads(&list, "res1", "maxpool1+image");
    layer_list_free(&list);
    list = parse("relu | res( res( bn ) as inner | relu ) as outer | dense classes", colour, 10);
    assert_names(&list, "relu1 bn1 inner relu2 outer dense1");
    assert_reads(&list, "inner", "bn1+relu1");
    assert_reads(&list, "outer", "relu2+relu1");
    assert_int_equal(layer_called(&list, "relu1")->readers, 3);
    layer_list_free(&list);
}

/* Shapes differ: a 1x1 convolution without a bias and a bn stand in front of the group. */
static void projections(void **state) {
    (void)state;
    LayerList list =
        parse("relu | res( conv 6 3 stride 2 | bn | relu | conv 6 3 | bn ) | conv 5 3 | dense classes", colour, 10);
    assert_names(&list, "relu1 res1.0 res1.1 conv1 bn1 relu2 conv2 bn2 res1 conv3 dense1"); /* conv3, not conv4 */
    assert_reads(&list, "res1.0", "relu1");
    assert_reads(&list, "res1.1", "res1.0");
    assert_reads(&list, "conv1", "relu1");
    assert_reads(&list, "relu2", "bn1");
    assert_reads(&list, "res1", "bn2+res1.1");
    const Layer *conv = layer_called(&list, "res1.0");
    assert_shape(conv->out, 6, 16, 16);
    assert_int_equal(conv->stride, 2);
    assert_false(conv->bias);
    assert_int_equal(conv->parameters, 18);
    assert_true(conv->flops == 2.0 * 3 * 6 * 256);
    assert_int_equal(layer_called(&list, "res1.1")->parameters, 12);
    assert_int_equal(layer_called(&list, "relu1")->readers, 2);
    layer_list_free(&list);
    /* More channels alone; a stride alone; to a single value; of groups in each other, with a head among them. */
    list = parse("res( conv 4 3 ) as wide | res( maxpool 2 ) as short | dense classes", colour, 10);
    assert_names(&list, "wide.0 wide.1 conv1 wide short.0 short.1 maxpool1 short dense1");
    assert_int_equal(layer_called(&list, "wide.0")->stride, 1);
    assert_int_equal(layer_called(&list, "short.0")->stride, 2);
    layer_list_free(&list);
    list = parse("res( dense 5 ) | dense classes", (Shape){2, 7, 5}, 10);
    assert_int_equal(layer_called(&list, "res1.0")->stride, 7);
    assert_shape(layer_called(&list, "res1.0")->out, 5, 1, 1);
    layer_list_free(&list);
    list = parse("conv 4 3 | res( res( conv 6 3 ) as b | head side ( globalavgpool | dense 3 ) | relu | add b | conv 8 "
                 "1 ) as a | "
                 "dense classes",
                 colour, 10);
    assert_names(&list, "conv1 a.0 a.1 b.0 b.1 conv2 b globalavgpool1 dense1 relu1 add1 conv3 a dense2");
    assert_reads(&list, "b.0", "conv1");
    assert_reads(&list, "conv2", "conv1");
    assert_reads(&list, "b", "conv2+b.1");
    assert_reads(&list, "globalavgpool1", "b");
    assert_reads(&list, "relu1", "b");
    assert_reads(&list, "add1", "relu1+b");
    assert_reads(&list, "a", "conv3+a.1");
    assert_int_equal(list.head_count, 2);
    assert_string_equal(list.layers[list.heads[0]].name, "dense2");
    assert_string_equal(list.layers[list.heads[1]].name, "dense1");
    assert_int_equal(layer_called(&list, "conv1")->readers, 3);
    assert_int_equal(layer_called(&list, "b")->readers, 3);
    layer_list_free(&list);
}

static void repeats(void **state) {
    (void)state;
    LayerList list = parse("2x( conv 4 3 | bn | 3x( relu ) ) | 1x(dense 7)|dense classes", colour, 10);
    assert_names(&list, "conv1 bn1 relu1 relu2 relu3 conv2 bn2 relu4 relu5 relu6 dense1 dense2");
    assert_false(layer_called(&list, "conv2")->bias);
    assert_reads(&list, "conv2", "relu3");
    assert_shape(layer_called(&list, "conv2")->in, 4, 32, 32);
    layer_list_free(&list);
    list = parse("conv 4 3 | 2x( res( bn | conv 4 3 ) ) | dense classes", colour, 10);
    assert_names(&list, "conv1 bn1 conv2 res1 bn2 conv3 res2 dense1");
    assert_reads(&list, "res2", "conv3+res1");
    layer_list_free(&list);
    /* The last of all may be in a group. */
    list = parse("2x( dense classes )", colour, 10);
    assert_int_equal(list.heads[0], 1);
    layer_list_free(&list);
}

static void names_and_joins(void **state) {
    (void)state;
    LayerList list =
        parse("conv 4 3 as stem-1.a | bn | relu as _x | conv 6 3 | concat stem-1.a | concat _x | conv 4 1 | add _x as "
              "sum | dense classes as out",
              colour, 10);
    assert_names(&list, "stem-1.a bn1 _x conv2 concat1 concat2 conv3 sum out");
    assert_false(layer_called(&list, "stem-1.a")->bias); /* a bn follows, whatever the name */
    assert_reads(&list, "concat1", "conv2+stem-1.a");
    assert_reads(&list, "concat2", "concat1+_x");
    assert_shape(layer_called(&list, "concat1")->out, 10, 32, 32);
    assert_shape(layer_called(&list, "concat2")->out, 14, 32, 32);
    assert_reads(&list, "sum", "conv3+_x");
    assert_int_equal(layer_called(&list, "_x")->readers, 3);
    assert_int_equal(layer_called(&list, "sum")->parameters, 0);
    layer_list_free(&list);
    /* Numbered names can be named; a layer can be added to itself. */
    list = parse("conv 4 3 | relu | add conv1 | add add1 | dense classes", colour, 10);
    assert_reads(&list, "add1", "relu1+conv1");
    assert_reads(&list, "add2", "add1+add1");
    assert_int_equal(layer_called(&list, "add1")->readers, 2);
    layer_list_free(&list);
}

static void heads(void **state) {
    (void)state;
    LayerList list =
        parse("conv 4 3 | head domain ( reverse 0.5 | globalavgpool | dense 2 ) | maxpool 2 | head other( dense 3 "
              ") | dense classes",
              colour, 10);
    assert_names(&list, "conv1 reverse1 globalavgpool1 dense1 maxpool1 dense2 dense3");
    assert_reads(&list, "reverse1", "conv1");
    assert_reads(&list, "maxpool1", "conv1");
    assert_reads(&list, "dense3", "maxpool1");
    assert_int_equal(list.head_count, 3);
    static const char *const names[] = {"classes", "domain", "other"}, *const layers[] = {"dense3", "dense1", "dense2"};
    for (int h = 0; h < 3; h++) {
        assert_string_equal(list.head_names[h], names[h]);
        assert_string_equal(list.layers[list.heads[h]].name, layers[h]);
    }
    layer_list_free(&list);
    /* One in another; on the image itself; and as many as there may be. */
    list = parse("head a ( head b ( dense 2 ) | head c ( dense 3 ) | dense 4 ) | dense classes", colour, 10);
    static const char *const inner[] = {"classes", "b", "c", "a"};
    assert_int_equal(list.head_count, MOST_HEADS);
    for (int h = 0; h < MOST_HEADS; h++) {
        assert_string_equal(list.head_names[h], inner[h]);
        assert_int_equal(list.layers[list.heads[h]].input[0], -1);
        assert_int_equal(list.layers[list.heads[h]].out.C, h ? h + 1 : 10);
    }
    layer_list_free(&list);
}

/* ---- Errors ---- */

typedef struct Case {
    const char *line, *message;
} Case;

static void assert_refused(const Case *cases, size_t count, Shape data) {
    for (size_t i = 0; i < count; i++) {
        LayerList list = {.count = 12345};
        assert_fails(model_line_parse(cases[i].line, data, 10, &list), CF_BAD_USE, cases[i].message);
        assert_int_equal(list.count, 12345); /* written only on success */
    }
}

static void exact_message(void **state) {
    (void)state;
    LayerList list;
    assert_int_equal(model_line_parse("conv 32 3x3 | flattened | dense 10", grey, 10, &list), CF_BAD_USE);
    assert_string_equal(cf_error(), "model line, column 15: unknown layer flattened\n"
                                    "    conv 32 3x3 | flattened | dense 10\n"
                                    "                  ^");
    assert_int_equal(model_line_parse("conv 32 3x3 | maxpol 2 | dense 10", grey, 10, &list), CF_BAD_USE);
    assert_string_equal(cf_error(), "model line, column 15: unknown layer maxpol; did you mean maxpool?\n"
                                    "    conv 32 3x3 | maxpol 2 | dense 10\n"
                                    "                  ^");
}

/* The caret stands under the word also where only a part of a long line is shown. */
static void caret_in_a_long_line(void **state) {
    (void)state;
    char line[512] = "relu";
    LayerList list;
    for (int i = 0; i < 30; i++) strcat(line, " | relu");
    size_t column = strlen(line) + 4;
    strcat(line, " | wrong 5 | dense 10");
    assert_int_equal(model_line_parse(line, grey, 10, &list), CF_BAD_USE);
    char expected[64];
    snprintf(expected, sizeof expected, "column %zu: unknown layer wrong", column);
    assert_non_null(strstr(cf_error(), expected));
    const char *shown = strchr(cf_error(), '\n') + 1, *mark = strchr(shown, '\n') + 1;
    assert_int_equal(strspn(mark, " "), strlen(mark) - 1);
    assert_memory_equal(shown + strlen(mark) - 1, "wrong", 5);
}

static void errors(void **state) {
    (void)state;
    static const Case cases[] = {
        {"cnv 3 3x3 | dense 10", "column 1: unknown layer cnv; did you mean conv?"},
        {"conv | dense 10", "column 5: the number of filters expected, found the end of the layer"},
        {"conv 8 | dense 10", "column 7: a window such as 3x3 expected, found the end of the layer"},
        {"conv x 3x3 | dense 10", "column 6: the number of filters expected, a number from 1 to 65536; found x"},
        {"conv 0 3x3 | dense 10", "column 6: the number of filters expected"},
        {"conv -4 3x3 | dense 10", "column 6: the number of filters expected"},
        {"conv 8.5 3x3 | dense 10", "column 6: the number of filters expected"},
        {"conv 99999999999999999999 3x3 | dense 10", "column 6: the number of filters expected"},
        {"conv 8 3x | dense 10", "column 8: a window such as 3x3 expected, found 3x"},
        {"conv 8 x3 | dense 10", "column 8: a window"},
        {"conv 8 3x3x3 | dense 10", "column 8: a window"},
        {"conv 8 0x3 | dense 10", "column 8: a window"},
        {"conv 8 2000 | dense 10", "column 8: a window"},
        {"conv 8 29x29 pad 0 | dense 10", "column 1: a window of 29x29 does not fit on the 28x28 that arrives here"},
        {"conv 8 1x29 pad 0 | dense 10", "column 1: a window of 1x29 does not fit on the 28x28"},
        {"conv 8 29x1 pad 0 | dense 10", "column 1: a window of 29x1 does not fit on the 28x28"},
        {"maxpool 14 | maxpool 3 | dense 10", "column 14: a window of 3x3 does not fit on the 2x2"},
        {"maxpool 2 pad 2 | dense 10", "column 1: a padding as wide as the window"},
        {"avgpool 1 pad 1 | dense 10", "column 1: a padding as wide as the window"},
        {"maxpool 2x3 | dense 10", "column 12: a pool whose window is not square needs a stride"},
        {"maxpool 1000x66 stride 1 pad 500 | dense 10", "column 1: a window of more than 65535 values"},
        {"maxpool | dense 10", "column 8: a window"},
        {"conv 8 3x3 stride | dense 10", "column 18: a stride expected, found the end of the layer"},
        {"conv 8 3x3 stride 0 | dense 10", "column 19: a stride expected, a number from 1 to 64; found 0"},
        {"conv 8 3x3 strid 2 | dense 10", "column 12: strid is no setting of this layer; did you mean stride?"},
        {"conv 8 3x3 pad | dense 10", "column 15: same, valid, tf or a padding expected"},
        {"conv 8 3x3 pad -1 | dense 10", "column 16: same, valid, tf or a padding expected"},
        {"conv 8 3x3 pad wide | dense 10", "column 16: same, valid, tf or a padding expected"},
        {"maxpool 2 bias | dense 10", "column 11: bias is no setting of this layer"},
        {"dense 10 stride 2", "column 10: stride is no setting of this layer"},
        {"bn 5 | dense 10", "column 4: 5 is no setting of this layer"},
        {"relu 0.1 | dense 10", "column 6: 0.1 is no setting of this layer"},
        {"globalavgpool 3 | dense 10", "column 15: 3 is no setting of this layer"},
        {"dropout 1 | dense 10", "column 9: a rate expected, 0 or more and less than 1; found 1"},
        {"dropout -0.1 | dense 10", "column 9: a rate"},
        {"dropout nan | dense 10", "column 9: a rate"},
        {"dropout half | dense 10", "column 9: a rate"},
        {"dropout 0.5 0.5 | dense 10", "column 13: 0.5 is no setting of this layer"},
        {"leakyrelu 1 | dense 10", "column 11: a slope expected"},
        {"leakyrelu inf | dense 10", "column 11: a slope expected"},
        {"dense", "column 6: classes or the number of outputs expected, found the end of the layer"},
        {"dense ten", "column 7: classes or the number of outputs expected"},
        {"dense class", "column 7: classes or the number of outputs expected"},
        {"relu | | dense 10", "column 8: a layer expected, found nothing"},
        {"| dense 10", "column 1: a layer expected, found nothing"},
        {"dense 10 |", "column 11: a layer expected, found nothing"},
        {"dense 10 | ", "column 12: a layer expected, found nothing"},
        {" ", "column 2: a layer expected, found nothing"},
        {"dense 9", "column 1: the last layer gives 9 values; the data have 10 classes (end with: dense classes)"},
        {"relu", "column 1: the last layer gives 784 values; the data have 10 classes"},
        {"dense 10 | dense 11", "column 12: the last layer gives 11 values"},
        {"relu | input 1x28x28 | dense 10", "column 8: input can only stand first"},
        {"input 1x28x28 | input 1x28x28 | dense 10", "column 17: input can only stand first"},
        {"input | dense 10", "column 6: a shape such as 1x28x28 expected, found the end of the layer"},
        {"input 28x28 | dense 10", "column 7: a shape such as 1x28x28 (channels, height, width) expected, found 28x28"},
        {"input 1x28x28x1 | dense 10", "column 7: a shape"},
        {"input 0x28x28 | dense 10", "column 7: a shape"},
        {"input 1x-2x28 | dense 10", "column 7: a shape"},
        {"input 1x28x99999 | dense 10", "column 7: a shape"},
        {"input 1x28x28 grey | dense 10", "column 15: grey is no setting of this layer"},
        {"input 1x28x28", "column 14: a layer expected"},
        {"input 1x28x28 |", "column 16: a layer expected, found nothing"},
        {"conv 8 3 bias bias bias bias bias bias bias bias bias bias bias bias bias bias | dense 10",
         "column 75: too many words for one layer"},
        {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv | dense 10", "column 1: a word this long is not known"},
        {"conv 8 3x3 abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv | dense 10",
         "column 12: a word this long is not known"},
        {"dense 1048576 | dense 1048576 | dense 10",
         "column 1: this layer would have more than 268435456 values or parameters"},
        {"conv 65536 1024x1024 pad 512 | dense 10", "column 1: this layer would have more than"},
        {"dense\t9", "column 1: the last layer gives 9 values"}, /* a line, not a name */
        {"", "unknown model"},
        {"papr", "unknown model papr; did you mean paper?"},
        {"nothing-like-it", "unknown model nothing-like-it (a name or a model line is expected"},
    };
    assert_refused(cases, COUNT_OF(cases), grey);
}

static void errors_of_new_words(void **state) {
    (void)state;
    static const Case cases[] = {
        {"conv 8 3 groups 2 | dense 10", "column 1: 3 channels arrive and 8 leave: 2 groups divide not both"},
        {"conv 8 3 groups 3 | dense 10", "column 1: 3 channels arrive and 8 leave: 3 groups divide not both"},
        {"conv 8 3 groups | dense 10", "column 16: a number of groups expected, found the end of the layer"},
        {"conv 8 3 dilation 0 | dense 10", "column 19: a dilation expected, a number from 1 to 64; found 0"},
        {"conv 8 3 dilation 20 pad 0 | dense 10", "column 1: a window of 3x3 does not fit on the 32x32"},
        {"dwconv | dense 10", "column 7: a window such as 3x3 expected"},
        {"dwconv 3 groups 3 | dense 10", "column 10: groups is no setting of this layer"},
        {"maxpool 2 pad tf | dense 10", "column 15: same, valid or a padding expected"},
        {"patch | dense 10", "column 6: the side of a patch expected"},
        {"patch 4 | dense 10", "column 8: the number of channels expected"},
        {"patch 64 8 | dense 10", "column 1: a window of 64x64 does not fit on the 32x32"},
        {"patch 4 8 stride 2 | dense 10", "column 11: stride is no setting of this layer"},
        {"attention | dense 10", "column 10: a number of heads expected"},
        {"attention 2 | dense 10", "column 1: 2 heads do not divide the 3 channels"},
        {"attention 3 4 | dense 10", "column 13: 4 is no setting of this layer"},
        {"position 3 | dense 10", "column 10: 3 is no setting of this layer"},
        {"se 4 | dense 10", "column 1: a reduction of 4 leaves nothing of the 3 channels"},
        {"se | dense 10", "column 3: the reduction, by which the channels are divided, expected"},
        {"se 0 | dense 10", "column 4: the reduction"},
        {"groupnorm | dense 10", "column 10: a number of groups expected"},
        {"groupnorm 2 | dense 10", "column 1: 2 groups do not divide the 3 channels"},
        {"layernorm 2 | dense 10", "column 11: 2 is no setting of this layer"},
        {"instancenorm 2 | dense 10", "column 14: 2 is no setting of this layer"},
        {"standardize 2 | dense 10", "column 13: 2 is no setting of this layer"},
        {"bn eps | dense 10", "column 7: an epsilon expected"},
        {"bn momentum 1 | dense 10", "column 13: a momentum expected"},
        {"bn eps 0 | dense 10", "column 8: an epsilon expected"},
        {"bn epsilon 1e-3 | dense 10", "column 4: epsilon is no setting of this layer"},
        {"normalize | dense 10", "column 10: means and then as many deviations expected, 1 to 4 of each"},
        {"normalize 1 2 3 | dense 10", "column 16: means and then as many deviations expected"},
        {"normalize 1 2 3 4 | dense 10", "column 1: 2 means for the 3 channels that arrive here"},
        {"normalize 0.5 0 | dense 10", "column 15: a deviation expected"},
        {"normalize 1 1 1 1 1 1 1 1 1 1 | dense 10", "column 30: means and then"},
        {"relu6 1 | dense 10", "column 7: 1 is no setting of this layer"},
        {"silu 1 | dense 10", "column 6: 1 is no setting of this layer"},
        {"gelu 1 | dense 10", "column 6: 1 is no setting of this layer"},
        {"hardswish 1 | dense 10", "column 11: 1 is no setting of this layer"},
        {"sigmoid 1 | dense 10", "column 9: 1 is no setting of this layer"},
        {"droppath 1 | dense 10", "column 10: a rate expected, 0 or more and less than 1; found 1"},
        {"reverse -1 | dense 10", "column 9: a factor expected"},
        {"reverse 1000 | dense 10", "column 9: a factor expected, 0 or more and less than 1000; found 1000"},
        {"globalmaxpool 2 | dense 10", "column 15: 2 is no setting of this layer"},
        {"gleu | dense 10", "column 1: unknown layer gleu; did you mean gelu?"},
        {"layernrm | dense 10", "column 1: unknown layer layernrm; did you mean layernorm?"},
    };
    assert_refused(cases, COUNT_OF(cases), colour);
}

static void errors_of_groups(void **state) {
    (void)state;
    static const Case cases[] = {
        /* parentheses */
        {"relu | res( relu | dense 10", "column 8: the ) of this group is missing"},
        {"3x( relu | res( relu ) | dense 10", "column 1: the ) of this group is missing"},
        {"head a ( dense 2 | dense 10", "column 1: the ) of this group is missing"},
        {"relu ) | dense 10", "column 6: a | expected between layers"},
        {"res( relu ) ) | dense 10", "column 13: a | expected between layers"},
        {"( relu ) | dense 10", "column 1: a layer expected, found nothing"},
        {"relu ( relu ) | dense 10", "column 6: ( stands behind res, head NAME or 3x"},
        {"res() | dense 10", "column 5: a layer expected, found nothing"},
        {"relu | 2x(  ) | dense 10", "column 13: a layer expected, found nothing"},
        {"res( relu | ) | dense 10", "column 13: a layer expected, found nothing"},
        {"res( | relu ) | dense 10", "column 6: a layer expected, found nothing"},
        {"head a () | dense 10", "column 9: a layer expected, found nothing"},
        {"res | dense 10", "column 4: ( expected behind res"},
        {"res 2 ( relu ) | dense 10", "column 5: ( expected, found 2"},
        {"3x | dense 10", "column 3: ( expected behind 3x"},
        {"3x relu | dense 10", "column 4: ( expected, found relu"},
        {"head ( dense 2 ) | dense 10", "column 5: the name of the output expected"},
        {"head a b ( dense 2 ) | dense 10", "column 8: ( expected, found b"},
        {"head a | dense 10", "column 7: ( expected behind a"},
        {"head a/b ( dense 2 ) | dense 10", "column 6: a name of letters, digits, _, . and - expected, found a/b"},
        /* what stands behind */
        {"res( relu ) relu | dense 10", "column 13: | or as NAME expected behind a group, found relu"},
        {"res( relu ) as | dense 10", "column 13: | or as NAME expected behind a group, found as"},
        {"res( relu ) as a b | dense 10", "column 13: | or as NAME expected behind a group, found as"},
        {"res( relu ) as a* | dense 10", "column 16: a name of letters, digits, _, . and - expected, found a*"},
        {"res( relu ) ( relu ) | dense 10", "column 13: ( stands behind res, head NAME or 3x"},
        {"2x( relu ) as a | dense 10", "column 12: a | expected between layers"},
        {"head a ( dense 2 ) as b | dense 10", "column 20: a | expected between layers"},
        /* names */
        {"relu as | dense 10", "column 6: one name expected behind as"},
        {"relu as a b | dense 10", "column 6: one name expected behind as"},
        {"relu as a as b | dense 10", "column 6: one name expected behind as"},
        {"relu as a:b | dense 10", "column 9: a name of letters, digits, _, . and - expected, found a:b"},
        {"as a | dense 10", "column 1: unknown layer as"},
        {"relu as a | bn as a | dense 10", "column 13: there is a layer a already"},
        {"bn as relu1 | relu | dense 10", "column 15: there is a layer relu1 already"},
        {"2x( relu as a ) | dense 10", "column 5: there is a layer a already"},
        {"relu as res1 | res( relu ) | dense 10", "column 16: there is a layer res1 already"},
        {"res( conv 4 3 as a.0 | bn ) as a | dense 10", "column 1: there is a layer a.0 already"},
        {"res( conv 4 3 | bn as a.1 ) as a | dense 10", "column 1: there is a layer a.1 already"},
        {"conv 8 3 | se 2 as a | dense 4 as a.fc1 | dense 10", "column 24: there is a layer a already"},
        {"conv 8 3 | dwconv 3 as a.out_proj | attention 2 as a | dense 10",
         "column 37: there is a layer a.out_proj already"},
        {"head a ( dense 2 ) | head a ( dense 2 ) | dense 10", "column 27: there is an output a already"},
        {"head classes ( dense 2 ) | dense 10", "column 6: there is an output classes already"},
        {"head a ( dense 1 ) | head b ( dense 1 ) | head c ( dense 1 ) | head d ( dense 1 ) | dense 10",
         "column 69: more than 4 outputs"},
        {"head a ( head b ( head c ( head d ( dense 1 ) | dense 1 ) | dense 1 ) | dense 1 ) | dense 10",
         "column 6: more than 4 outputs"},
        {"head a ( head b ( dense 2 ) ) | dense 10", "column 1: a layer expected in the head"},
        {"head a ( dense 10 )", "column 20: a layer expected behind the head"},
        /* what joins */
        {"relu | add | dense 10", "column 11: the name of an earlier layer expected, found the end of the layer"},
        {"conv 3 3 as first | add frist | dense 10",
         "column 25: no layer before this one is called frist; did you mean first?"},
        {"conv 3 3 as a | bn | add input | dense 10", "column 26: no layer before this one is called input"},
        {"add b | conv 3 3 as b | dense 10", "column 5: no layer before this one is called b"},
        {"conv 3 3 as a | bn | add a 2 | dense 10", "column 28: 2 is no setting of this layer"},
        {"conv 4 3 as a | conv 5 3 | add a | dense 10", "column 28: 5x32x32 and 4x32x32 cannot be added"},
        {"conv 4 3 as a | maxpool 2 | concat a | dense 10",
         "column 29: the channels of 16x16 and of 32x32 cannot stand behind each other"},
        {"res( dense 5 ) | dense 7 | res( conv 3 3 pad 3 ) | dense 10",
         "column 28: 7x1x1 arrives at this group and 3x5x5 leaves it: no stride makes one of the other"},
        /* repeats */
        {"0x( relu ) | dense 10", "column 1: a repeat such as 3x( .. ) expected, 1 to 1000 times; found 0x"},
        {"1001x( relu ) | dense 10", "column 1: a repeat such as 3x( .. ) expected"},
        {"99999999999999999999x( relu ) | dense 10", "column 1: a repeat such as 3x( .. ) expected"},
        {"x( relu ) | dense 10", "column 1: unknown layer x"},
        {"-1x( relu ) | dense 10", "column 1: unknown layer -1x"},
        {"2x( input 3x32x32 | relu ) | dense 10", "column 5: input can only stand first"},
        {"res( input 3x32x32 ) | dense 10", "column 6: input can only stand first"},
        {"2x( dense 9 )", "column 5: the last layer gives 9 values"},
    };
    assert_refused(cases, COUNT_OF(cases), colour);
}

/* A line of a few characters that asks for very many layers is refused where they become too many, at once. */
static void bombs(void **state) {
    (void)state;
    static const Case cases[] = {
        {"1000x( 1000x( relu ) ) | dense 10", "column 15: more than 2000 layers"},
        {"1000x(1000x(1000x(1000x(1000x(1000x(1000x(relu))))))) | dense 10", "column 43: more than 2000 layers"},
        {"1000x( 3x( res( relu ) ) ) | dense 10", "more than 2000 layers"},
        {"1000x( res( conv 4 1 ) | res( conv 3 1 ) ) | dense 10", "more than 2000 layers"},
        {"100x( conv 1024 3 nobias ) | dense 10", "up to here the network would have more than 268435456 parameters"},
        {"1000x( concat a ) | dense 10", "no layer before this one is called a"},
        {"conv 8 1 as a | 1000x( concat a | concat a ) | dense 10", "more than 2000 layers"},
    };
    assert_refused(cases, COUNT_OF(cases), colour);
    char line[4096];
    LayerList list;
    for (int deep = 16; deep <= 17; deep++) {
        line[0] = '\0';
        for (int i = 0; i < deep; i++) strcat(line, "res( ");
        strcat(line, "relu");
        for (int i = 0; i < deep; i++) strcat(line, " )");
        strcat(line, " | dense 10");
        if (deep == 17) {
            assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "more than 16 groups in each other");
            continue;
        }
        list = parse(line, grey, 10);
        assert_int_equal(list.count, 18);
        assert_string_equal(list.layers[1].name, "res1"); /* the innermost ends first */
        layer_list_free(&list);
    }
    line[0] = '\0';
    for (int i = 0; i < 800; i++) strcat(line, "2x( ");
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "column 67: more than 16 groups in each other");
    memset(line, '(', 2000);
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "column 1: a layer expected, found nothing");
    memset(line, ')', 2000);
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "column 1: a layer expected, found nothing");
}

/* Sizes whose product passes 2^64 must not come back as small ones. */
static void absurd_sizes(void **state) {
    (void)state;
    LayerList list;
    const char *const lines[] = {
        "input 32768x32768x16384 | dense 1048576 nobias | dense 10", /* 2^44 * 2^20 = 2^64 */
        "input 65535x65535x65535 | dense 1048576 | dense 10",
        "input 65535x65535x65535 | globalavgpool | dense 10",
        "input 65535x65535x65535 | dense 10",
        "input 65535x1024x1024 | conv 65536 1024x1024 pad 512 stride 64 | dense 10",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        assert_fails(model_line_parse(lines[i], grey, 10, &list), CF_BAD_USE,
                     "more than 268435456 values would arrive at this layer");
    assert_fails(model_line_parse("dense 1048576 nobias | dense 10", (Shape){99999, 99999, 99999}, 10, &list),
                 CF_BAD_USE, "more than 268435456 values would arrive at this layer");
}

static void long_lines(void **state) {
    (void)state;
    enum { LENGTH = 100000 };
    char *line = malloc(LENGTH + 64);
    LayerList list;
    assert_non_null(line);
    memset(line, 'a', LENGTH);
    line[LENGTH] = '\0';
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "unknown model");
    memset(line, ' ', LENGTH);
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "longer than 65536 characters");
    memset(line, 'a', 6000);
    line[6000] = '\0';
    line[3000] = '|';
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "column 1: a word this long is not known");
    line[0] = '\0';
    for (int i = 0; i < 2000; i++) strcpy(line + 7 * i, "relu | ");
    strcat(line, "dense 10");
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "column 14001: more than 2000 layers");
    list = parse(line + 7, grey, 10); /* 2000 are fine */
    assert_int_equal(list.count, 2000);
    assert_string_equal(list.layers[1998].name, "relu1999");
    layer_list_free(&list);
    list = parse("1x( 1000x( relu ) ) | 999x( relu ) | dense 10", grey, 10);
    assert_int_equal(list.count, 2000);
    layer_list_free(&list);
    assert_fails(model_line_parse("1000x( relu ) | 1000x( relu ) | dense 10", grey, 10, &list), CF_BAD_USE,
                 "column 33: more than 2000 layers");
    free(line);
}

/* Words of the grammar in random order, with random bytes between: an error or a list, never a crash; and what is accepted
 * has sane shapes and parses to the same list again. */
static void garbage(void **state) {
    (void)state;
    static const char *const pieces[] = {"input",
                                         "conv",
                                         "bn",
                                         "relu",
                                         "leakyrelu",
                                         "maxpool",
                                         "avgpool",
                                         "dense",
                                         "globalavgpool",
                                         "dropout",
                                         "classes",
                                         "stride",
                                         "pad",
                                         "same",
                                         "valid",
                                         "bias",
                                         "nobias",
                                         "1x28x28",
                                         "3x3",
                                         "2",
                                         "8",
                                         "0.5",
                                         "65535x65535x65535",
                                         "1048576",
                                         "65536",
                                         "1024",
                                         "-1",
                                         "x",
                                         "1x",
                                         "|",
                                         "|",
                                         "|",
                                         "|",
                                         " ",
                                         "\t",
                                         "dense 10",
                                         "\n",
                                         "\xff",
                                         "%s%n",
                                         "paper",
                                         "1e9",
                                         "0",
                                         "res(",
                                         "2x(",
                                         ")",
                                         ")",
                                         "head h(",
                                         "as a",
                                         "as b",
                                         "add a",
                                         "concat b",
                                         "conv 4 3",
                                         "dwconv 3",
                                         "patch 4 8",
                                         "attention 2",
                                         "se 2",
                                         "groupnorm 2",
                                         "layernorm",
                                         "normalize 0.5 0.5",
                                         "globalmaxpool",
                                         "gelu",
                                         "droppath",
                                         "reverse"};
    uint64_t random = 7;
    int accepted = 0;
    for (int turn = 0; turn < 20000; turn++) {
        char line[400] = "";
        random = random * 6364136223846793005u + 1442695040888963407u;
        int words = 1 + (int)(random >> 60);
        for (int w = 0; w < words; w++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            strcat(line, pieces[(random >> 33) % COUNT_OF(pieces)]);
            if (random >> 62) strcat(line, " ");
        }
        if (turn % 2) strcat(line, "| dense classes");
        LayerList list, again;
        if (model_line_parse(line, grey, 10, &list)) {
            assert_true(cf_error()[0] != '\0');
            continue;
        }
        accepted++;
        for (int i = 0; i < list.count; i++) {
            const Shape out = list.layers[i].out;
            assert_true(out.C > 0 && out.H > 0 && out.W > 0 && shape_size(out) <= 1u << 28);
        }
        assert_ok(model_line_parse(list.line, grey, 10, &again));
        assert_int_equal(again.count, list.count);
        assert_int_equal(layer_list_parameters(&again), layer_list_parameters(&list));
        layer_list_free(&list);
        layer_list_free(&again);
    }
    assert_true(accepted > 100);
}

/* ---- The table ---- */

static void table_of_paper(void **state) {
    (void)state;
    LayerList list = parse("paper", grey, 10);
    char *text;
    assert_ok(layer_list_table(&list, &text));
    assert_string_equal(text, "  layer        settings                             output   parameters        MFLOP\n"
                              "  input                                            1x28x28                          \n"
                              "  conv1        3x3, stride 1, pad 1               32x28x28          288        0.452\n"
                              "  bn1                                             32x28x28           64\n"
                              "  relu1                                           32x28x28\n"
                              "  maxpool1     2x2, stride 2, pad 0               32x14x14\n"
                              "  conv2        3x3, stride 1, pad 1               64x14x14        18432        7.225\n"
                              "  bn2                                             64x14x14          128\n"
                              "  relu2                                           64x14x14\n"
                              "  maxpool2     2x2, stride 2, pad 0                 64x7x7\n"
                              "  dense1                                               128       401536        0.803\n"
                              "  relu3                                                128\n"
                              "  dense2                                                10         1290        0.003\n"
                              "  total                                                          421738        8.482   "
                              "(training 24.995) per image\n");
    free(text);
    layer_list_free(&list);
    list = parse("leakyrelu 0.25 | dropout 0.125 | dense classes", grey, 10);
    assert_ok(layer_list_table(&list, &text));
    assert_non_null(strstr(text, "slope 0.25"));
    assert_non_null(strstr(text, "rate 0.125"));
    free(text);
    layer_list_free(&list);
}

/* The page of help has every word of the grammar. */
static void help_has_every_word(void **state) {
    (void)state;
    static const char *const others[] = {"input",    "res(",   "3x(", "head", "as",       "groups",
                                         "dilation", "stride", "pad", "eps",  "momentum", NULL};
    const char *const *const all[] = {layer_words(), others};
    for (size_t f = 0; f < COUNT_OF(all); f++)
        for (int i = 0; all[f][i]; i++) {
            const char *word = all[f][i], *at = command_train.description;
            const size_t length = strlen(word);
            do at = strstr(at + 1, word);
            while (at && (isalnum((unsigned char)at[-1]) || isalnum((unsigned char)at[length])));
            if (!at) fail_msg("cifra train --help does not have \"%s\"", word);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_on_grey),
        cmocka_unit_test(paper_on_colour),
        cmocka_unit_test(names_stand_for_lines),
        cmocka_unit_test(numbers_of_layers),
        cmocka_unit_test(window_settings),
        cmocka_unit_test(other_settings),
        cmocka_unit_test(input_line),
        cmocka_unit_test(new_words),
        cmocka_unit_test(tensors_of_new_words),
        cmocka_unit_test(residual_groups),
        cmocka_unit_test(projections),
        cmocka_unit_test(repeats),
        cmocka_unit_test(names_and_joins),
        cmocka_unit_test(heads),
        cmocka_unit_test(exact_message),
        cmocka_unit_test(caret_in_a_long_line),
        cmocka_unit_test(errors),
        cmocka_unit_test(errors_of_new_words),
        cmocka_unit_test(errors_of_groups),
        cmocka_unit_test(bombs),
        cmocka_unit_test(absurd_sizes),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(garbage),
        cmocka_unit_test(table_of_paper),
        cmocka_unit_test(help_has_every_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
