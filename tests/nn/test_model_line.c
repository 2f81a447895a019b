/* The model line: every layer and setting, shapes and counts worked by hand, every error with its column, and garbage. */
#include "testing.h"

#include "base/memory.h"
#include "nn/models.h"

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
    assert_true(layer_list_training_flops(&list) ==
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
    assert_true(leaky.layers[2].kind == LAYER_RELU && leaky.layers[2].slope == 0.01f);
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
    assert_true(l[0].kind == LAYER_RELU && l[0].slope == 0.01f);
    assert_true(l[1].slope == 0.2f);
    assert_string_equal(l[1].name, "leakyrelu2");
    assert_true(l[2].kind == LAYER_RELU && l[2].slope == 0);
    assert_true(l[3].kind == LAYER_DROPOUT && l[3].rate == 0.5f);
    assert_true(l[4].rate == 0.1f && l[5].rate == 0);
    assert_true(l[6].kind == LAYER_AVGPOOL);
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

/* ---- Errors ---- */

static void exact_message(void **state) {
    (void)state;
    LayerList list;
    assert_int_equal(model_line_parse("conv 32 3x3 | batchnorm | dense 10", grey, 10, &list), CF_BAD_USE);
    assert_string_equal(cf_error(), "model line, column 15: unknown layer batchnorm\n"
                                    "    conv 32 3x3 | batchnorm | dense 10\n"
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
    static const struct {
        const char *line, *message;
    } cases[] = {
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
        {"conv 8 3x3 pad | dense 10", "column 15: same, valid or a padding expected"},
        {"conv 8 3x3 pad -1 | dense 10", "column 16: same, valid or a padding expected"},
        {"conv 8 3x3 pad wide | dense 10", "column 16: same, valid or a padding expected"},
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
        {"relu | | dense 10", "column 7: a layer expected, found nothing"},
        {"| dense 10", "column 1: a layer expected, found nothing"},
        {"dense 10 |", "column 11: a layer expected, found nothing"},
        {"dense 10 | ", "column 11: a layer expected, found nothing"},
        {" ", "column 1: a layer expected, found nothing"},
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
        {"input 1x28x28", "a layer expected after the input"},
        {"input 1x28x28 |", "column 16: a layer expected, found nothing"},
        {"conv 8 3x3 bias bias bias bias bias bias bias bias bias bias | dense 10",
         "column 57: too many words for one layer"},
        {"abcdefghijklmnopqrstuvwxyzabcdefghi | dense 10", "column 1: a word this long is not known"},
        {"conv 8 3x3 abcdefghijklmnopqrstuvwxyzabcdefghi | dense 10", "column 12: a word this long is not known"},
        {"dense 1048576 | dense 1048576 | dense 10",
         "column 1: this layer would have more than 268435456 values or parameters"},
        {"conv 65536 1024x1024 pad 512 | dense 10", "column 1: this layer would have more than"},
        {"dense\t9", "column 1: the last layer gives 9 values"}, /* a line, not a name */
        {"", "unknown model"},
        {"papr", "unknown model papr; did you mean paper?"},
        {"nothing-like-it", "unknown model nothing-like-it (a name or a model line is expected"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        LayerList list = {.count = 12345};
        assert_fails(model_line_parse(cases[i].line, grey, 10, &list), CF_BAD_USE, cases[i].message);
        assert_int_equal(list.count, 12345); /* written only on success */
    }
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
    enum { LENGTH = 20000 };
    char *line = malloc(LENGTH + 64);
    LayerList list;
    assert_non_null(line);
    memset(line, 'a', LENGTH);
    line[LENGTH] = '\0';
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "unknown model");
    memset(line, ' ', LENGTH);
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "longer than 8192 characters");
    memset(line, 'a', 6000);
    line[6000] = '\0';
    line[3000] = '|';
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "column 1: a word this long is not known");
    line[0] = '\0';
    for (int i = 0; i < 200; i++) strcat(line, "relu | ");
    strcat(line, "dense 10");
    assert_fails(model_line_parse(line, grey, 10, &list), CF_BAD_USE, "column 1401: more than 200 layers");
    list = parse(line + 7, grey, 10); /* 200 are fine */
    assert_int_equal(list.count, 200);
    assert_string_equal(list.layers[198].name, "relu199");
    layer_list_free(&list);
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
                                         "0"};
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_on_grey),
        cmocka_unit_test(paper_on_colour),
        cmocka_unit_test(names_stand_for_lines),
        cmocka_unit_test(numbers_of_layers),
        cmocka_unit_test(window_settings),
        cmocka_unit_test(other_settings),
        cmocka_unit_test(input_line),
        cmocka_unit_test(exact_message),
        cmocka_unit_test(caret_in_a_long_line),
        cmocka_unit_test(errors),
        cmocka_unit_test(absurd_sizes),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(garbage),
        cmocka_unit_test(table_of_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
