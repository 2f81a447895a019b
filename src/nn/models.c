/* Lines are put together by the preprocessor from blocks: a block is written once, and a line is one constant. */
#include "nn/models.h"

#include "base/memory.h"
#include "base/text.h"

#include <string.h>

/* clang-format off */
#define CLASSIFIER "globalavgpool | dense classes"

/* ---- Residual networks ---- */

/* He et al. 2016, for images of 32x32: three groups of n blocks, of which two begin with a stride; m = n - 1. */
#define BASIC(k, stride) "res( conv " k " 3x3" stride " | bn | relu | conv " k " 3x3 | bn ) | relu"
#define STEM16 "conv 16 3x3 | bn | relu | "
#define FIRST(k) BASIC(k, " stride 2") " | "
#define RESNET(n, m) \
    STEM16 n "x( " BASIC("16", "") " ) | " FIRST("32") m "x( " BASIC("32", "") " ) | " \
    FIRST("64") m "x( " BASIC("64", "") " ) | " CLASSIFIER

/* The same block with torchvision's names of tensors. */
#define BLOCK(at, k, stride, shortcut) \
    "res( conv " k " 3x3" stride " as " at ".conv1 | bn as " at ".bn1 | relu | " \
    "conv " k " 3x3 as " at ".conv2 | bn as " at ".bn2 )" shortcut " | relu | "
#define GROUP(at, k) BLOCK(at ".0", k, " stride 2", " as " at ".0.downsample") BLOCK(at ".1", k, "", "")

/* Zagoruyko, Komodakis 2016: where shapes differ the shortcut, too, begins behind the first norm and activation. */
#define WIDE(k, stride) "conv " k " 3x3" stride " | bn | relu | conv " k " 3x3 nobias"
#define WIDE_GROUP(k, stride) "bn | relu | res( " WIDE(k, stride) " ) | res( bn | relu | " WIDE(k, "") " ) | "

/* ---- An et al. 2020: no pools, no padding ---- */

#define VALID(k, window) "conv " k " " window " pad valid | bn | relu | "
#define NORMED "dense classes | bn"

/* ---- Inverted residuals: 1x1 to more channels, one window for each of them, 1x1 to fewer ---- */

#define INVERTED(more, window, act, gate, k) \
    "conv " more " 1x1 | bn | " act " | dwconv " window " | bn | " act " | " gate "conv " k " 1x1 | bn"
#define SWISH(more, window, k) INVERTED(more, window, "hardswish", "se 4 | ", k)

/* EfficientNet-Lite0's blocks, i from 0, with the names of PyPI's efficientnet-lite-pytorch; `drop` is 0.2 x i / 16. */
#define LITE_NORM(name) " | bn eps 0.001 as " name
#define LITE_OUT(i, window, k) \
    "dwconv " window " pad tf as _blocks." i "._depthwise_conv" LITE_NORM("_blocks." i "._bn1") " | relu6 | " \
    "conv " k " 1x1 as _blocks." i "._project_conv" LITE_NORM("_blocks." i "._bn2")
#define LITE(i, more, window, k) \
    "conv " more " 1x1 as _blocks." i "._expand_conv" LITE_NORM("_blocks." i "._bn0") " | relu6 | " \
    LITE_OUT(i, window, k)
#define LITE_RES(i, more, window, k, drop) "res( " LITE(i, more, window, k) " | droppath " drop " )"

const NamedModel named_models[] = {
    {"paper",
     "conv 32 3x3 | bn | relu | maxpool 2 | conv 64 3x3 | bn | relu | maxpool 2 | dense 128 | relu | dense classes",
     {1, 28, 28}, 10, "the study", "two convolutions, two dense layers"},
    {"paper-leaky",
     "conv 32 3x3 | bn | leakyrelu 0.01 | maxpool 2 | conv 64 3x3 | bn | leakyrelu 0.01 | maxpool 2 | dense 128 | "
     "leakyrelu 0.01 | dense classes",
     {1, 28, 28}, 10, "the study", "paper with leaky activations"},
    {"mlp", "dense 256 | relu | dense 128 | relu | dense classes", {1, 28, 28}, 10, "", "three dense layers"},
    {"linear", "dense classes", {1, 28, 28}, 10, "", "one dense layer"},
    {"lenet5",
     "conv 6 5x5 | relu | maxpool 2 | conv 16 5x5 pad valid | relu | maxpool 2 | dense 120 | relu | dense 84 | relu | "
     "dense classes",
     {1, 28, 28}, 10, "LeCun et al. 1998",
     "with relu and max pools; every filter sees all channels, and a dense layer ends it"},
    {"m3",
     VALID("32", "3x3") VALID("48", "3x3") VALID("64", "3x3") VALID("80", "3x3") VALID("96", "3x3") VALID("112", "3x3")
     VALID("128", "3x3") VALID("144", "3x3") VALID("160", "3x3") VALID("176", "3x3") NORMED,
     {1, 28, 28}, 10, "An et al. 2020", "ten 3x3 convolutions without padding"},
    {"m5", VALID("32", "5x5") VALID("64", "5x5") VALID("96", "5x5") VALID("128", "5x5") VALID("160", "5x5") NORMED,
     {1, 28, 28}, 10, "An et al. 2020", "five 5x5 convolutions without padding"},
    {"m7", VALID("48", "7x7") VALID("96", "7x7") VALID("144", "7x7") VALID("192", "7x7") NORMED,
     {1, 28, 28}, 10, "An et al. 2020", "four 7x7 convolutions without padding"},
    {"resnet8", STEM16 BASIC("16", "") " | " FIRST("32") FIRST("64") CLASSIFIER,
     {3, 32, 32}, 10, "He et al. 2016", "three groups of one block; 1x1 convolutions in shortcuts between the groups"},
    {"resnet20", RESNET("3", "2"), {3, 32, 32}, 10, "He et al. 2016", "the same, groups of three blocks"},
    {"resnet56", RESNET("9", "8"), {3, 32, 32}, 10, "He et al. 2016", "the same, groups of nine blocks"},
    {"wrn16-4",
     "conv 16 3x3 | " WIDE_GROUP("64", "") WIDE_GROUP("128", " stride 2") WIDE_GROUP("256", " stride 2") "bn | relu | "
     CLASSIFIER,
     {3, 32, 32}, 10, "Zagoruyko, Komodakis 2016",
     "three groups of two wide blocks, norm first; 1x1 convolutions in shortcuts have a norm here"},
    {"mobilenet-small",
     "conv 16 3x3 | bn | hardswish | res( dwconv 3x3 | bn | relu | se 4 | conv 16 1x1 | bn ) | "
     INVERTED("72", "3x3 stride 2", "relu", "", "24") " | res( " INVERTED("88", "3x3", "relu", "", "24") " ) | "
     SWISH("96", "5x5 stride 2", "40") " | 2x( res( " SWISH("240", "5x5", "40") " ) ) | "
     SWISH("120", "5x5", "48") " | res( " SWISH("144", "5x5", "48") " ) | "
     SWISH("288", "5x5 stride 2", "96") " | 2x( res( " SWISH("576", "5x5", "96") " ) ) | "
     "conv 576 1x1 | bn | hardswish | globalavgpool | dropout 0.2 | dense classes",
     {3, 32, 32}, 10, "after Howard et al. 2019",
     "MobileNetV3-small without its first two strides and its dense layer of 1024; gates by sigmoid"},
    {"vit-tiny",
     "patch 4 128 | position | "
     "6x( res( layernorm | attention 4 ) | res( layernorm | conv 256 1x1 | gelu | conv 128 1x1 ) ) | "
     "layernorm | " CLASSIFIER,
     {3, 32, 32}, 10, "after Dosovitskiy et al. 2021",
     "six blocks, norm first, on patches of 4x4; the mean over positions in place of a class token"},
    {"resnet18",
     "normalize 0.485 0.456 0.406 0.229 0.224 0.225 | "
     "conv 64 7x7 stride 2 as conv1 | bn as bn1 | relu | maxpool 3x3 stride 2 pad 1 | "
     BLOCK("layer1.0", "64", "", "") BLOCK("layer1.1", "64", "", "")
     GROUP("layer2", "128") GROUP("layer3", "256") GROUP("layer4", "512") CLASSIFIER " as fc",
     {3, 224, 224}, 1000, "He et al. 2016", "torchvision's form, with the names of its weights"},
    {"efficientnet-lite0",
     "normalize 0.5 0.5 | conv 32 3x3 stride 2 pad tf as _conv_stem" LITE_NORM("_bn0") " | relu6 | "
     LITE_OUT("0", "3x3", "16") " | "
     LITE("1", "96", "3x3 stride 2", "24") " | " LITE_RES("2", "144", "3x3", "24", "0.025") " | "
     LITE("3", "144", "5x5 stride 2", "40") " | " LITE_RES("4", "240", "5x5", "40", "0.05") " | "
     LITE("5", "240", "3x3 stride 2", "80") " | " LITE_RES("6", "480", "3x3", "80", "0.075") " | "
     LITE_RES("7", "480", "3x3", "80", "0.0875") " | "
     LITE("8", "480", "5x5", "112") " | " LITE_RES("9", "672", "5x5", "112", "0.1125") " | "
     LITE_RES("10", "672", "5x5", "112", "0.125") " | "
     LITE("11", "672", "5x5 stride 2", "192") " | " LITE_RES("12", "1152", "5x5", "192", "0.15") " | "
     LITE_RES("13", "1152", "5x5", "192", "0.1625") " | " LITE_RES("14", "1152", "5x5", "192", "0.175") " | "
     LITE("15", "1152", "3x3", "320") " | "
     "conv 1280 1x1 as _conv_head" LITE_NORM("_bn1") " | relu6 | globalavgpool | dropout 0.2 | dense classes as _fc",
     {3, 224, 224}, 1000, "after Tan, Le 2019",
     "Google's EfficientNet-Lite0, with the padding and the names of its published weights"},
    {0},
};
/* clang-format on */

const NamedModel *model_named(const char *name) {
    for (const NamedModel *row = named_models; row->name; row++)
        if (strcmp(name, row->name) == 0) return row;
    return NULL;
}

const char *model_named_line(const char *name) {
    const NamedModel *row = model_named(name);
    return row ? row->line : NULL;
}

const char *model_name_hint(const char *name) {
    const char *names[COUNT_OF(named_models)];
    for (size_t i = 0; i < COUNT_OF(names); i++) names[i] = named_models[i].name;
    return text_hint(name, names);
}
