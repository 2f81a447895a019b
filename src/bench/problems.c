/* Operations as texts: the table that `cifra bench ops` and its test run over, and the parser that lets anyone add to it. */
#include "bench/bench.h"

#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const op_problems[] = {
    /* the study's layers */
    "conv 8x1x28x28 32 3x3 stride 1 pad 1",
    "conv 8x32x14x14 64 3x3 stride 1 pad 1",
    "conv 8x3x32x32 32 3x3 stride 1 pad 1",
    "conv 8x32x16x16 64 3x3 stride 1 pad 1",
    /* residual networks and transformers */
    "conv 8x3x32x32 16 3x3 stride 1 pad 1",
    "conv 8x16x32x32 16 3x3 stride 1 pad 1",
    "conv 8x16x32x32 32 3x3 stride 2 pad 1",
    "conv 8x32x16x16 32 3x3 stride 1 pad 1",
    "conv 8x32x16x16 64 3x3 stride 2 pad 1",
    "conv 8x64x8x8 64 3x3 stride 1 pad 1",
    "conv 8x16x32x32 32 1x1 stride 2 pad 0",
    "conv 8x32x16x16 64 1x1 stride 2 pad 0",
    "conv 8x64x16x16 64 1x1 stride 1 pad 0",
    "conv 8x128x8x8 384 1x1 stride 1 pad 0",
    "conv 8x128x8x8 128 1x1 stride 1 pad 0",
    "conv 8x128x8x8 256 1x1 stride 1 pad 0",
    "conv 8x256x8x8 128 1x1 stride 1 pad 0",
    "conv 8x64x16x16 64 3x3 stride 1 pad 1 groups 64",
    "conv 8x96x16x16 96 5x5 stride 2 pad 2 groups 96",
    "dense 128x3136 128",
    "dense 128x4096 128",
    "dense 128x128 10 float",
    "block 8x32x28x28 pool 2 slope 0",
    "block 8x64x14x14 pool 2 slope 0",
    "block 8x32x32x32 pool 2 slope 0",
    "block 8x64x16x16 pool 2 slope 0",
    "stem 8x1x28x28 32 3x3 pad 1 pool 2 slope 0",
    "stem 8x3x32x32 32 3x3 pad 1 pool 2 slope 0",
    "attention 8x64x128 4",
    "attention 8x196x192 3",
    /* residual networks and transformers */
    "block 8x16x32x32 pool 1 slope 0",
    "block 8x16x32x32 pool 1 slope 0 residual",
    "block 8x64x8x8 pool 1 slope 0 residual",
    "block 8x64x16x16 pool 1 silu",
    "add 8x16x32x32 slope 0",
    "add 8x64x8x8 slope 0",
    "act 8x64x16x16 slope 0",
    "act 8x64x16x16 relu6",
    "act 8x64x16x16 silu",
    "act 8x64x16x16 gelu",
    "act 8x64x16x16 hardswish",
    "act 8x64x16x16 sigmoid",
    "norm 8x16x32x32 groups 4",
    "norm 8x64x16x16 groups 8",
    "norm 8x64x8x8 groups 64",
    "norm 8x128x8x8 layer",
    "scale 8x64x16x16",
    "avgpool 8x64x8x8",
    /* odd ones */
    "conv 1x1x1x1 1 1x1 stride 1 pad 0",
    "conv 1x3x7x6 5 3x3 stride 1 pad 1",
    "conv 3x17x9x4 33 3x3 stride 2 pad 1",
    "conv 8x16x8x8 16 1x1 stride 1 pad 0",
    "conv 2x3x11x9 7 5x3 stride 1 pad 2 1",
    "conv 1x130x5x5 33 3x3 stride 1 pad 1",
    "conv 2x3x10x13 130 2x4 stride 3 pad 0",
    "conv 2x5x6x8 3 5x5 stride 2 pad 2",
    "conv 1x2x4x4 3 3x3 stride 1 pad 2",
    "conv 2x4x9x9 8 3x3 stride 4 pad 0",
    "conv 2x3x1x9 4 1x5 stride 1 pad 0 2",
    "conv 5x5x9x7 17 5x5 stride 1 pad 2",
    "conv 3x17x7x9 130 3x3 stride 2 pad 1",
    "conv 2x1x13x11 33 5x5 stride 1 pad 0",
    "conv 4x48x5x3 48 1x1 stride 1 pad 0",
    "conv 3x12x6x6 80 3x3 stride 1 pad 1 0",
    "conv 8x13x4x4 1 3x3 stride 1 pad 1",
    "conv 7x1x40x41 20 3x3 stride 1 pad 1",
    "conv 3x5x70x37 33 3x3 stride 1 pad 1",
    "conv 1x9x300x20 64 2x1 stride 1 pad 0",
    "conv 2x260x2x3 258 3x3 stride 1 pad 1",
    "conv 3x17x9x11 17 3x3 stride 2 pad 1 groups 17 dilation 2",
    "conv 2x6x9x8 12 3x2 stride 1 pad 1 groups 6",
    "conv 2x12x10x9 18 3x3 stride 1 pad 2 1 groups 3 dilation 3",
    "conv 3x18x15x14 33 3x3 stride 2 pad 2 dilation 2",
    "dense 1x5 1",
    "dense 16x49 33 slope 0.5",
    "dense 8x130 17 slope 0.25 float",
    "dense 24x7 130 slope 0",
    "dense 8x1024 64 slope 0.5",
    "dense 64x1 1",
    "dense 1x777 35 float",
    "dense 552x67 33",
    "dense 2048x160 48",
    "block 1x1x1x1 pool 1 slope 1",
    "block 8x32x14x14 pool 1 slope 0",
    "block 3x17x9x5 pool 2 slope 0.125",
    "block 1x130x7x7 pool 3 slope 0",
    "block 2x33x10x11 pool 2 3 slope 1",
    "block 5x3x13x13 pool 1 slope 0.5",
    "stem 3x3x16x17 16 3x3 pad 1 slope 0",
    "stem 2x1x9x13 48 3x3 pad 1",
    "stem 4x2x7x6 5 3x3 pad 1 pool 2 slope 0.125",
    "stem 8x1x12x11 35 5x5 pad 0 pool 2 slope 0",
    "stem 1x3x11x9 33 5x3 pad 2 0 slope 0.5",
    "stem 2x4x5x40 20 1x1 pad 0 pool 2 slope 0.25",
    "stem 3x5x6x7 64 3x3 pad 0 1 pool 2 slope 0",
    "block 3x17x9x5 pool 2 relu6",
    "block 2x3x32x32 pool 1 gelu residual",
    "add 3x5x7x3 hardswish",
    "act 1x1x1x33 sigmoid",
    "norm 2x3x32x32 groups 1",
    "norm 3x130x5x7 groups 65",
    "norm 3x17x5x7 layer",
    "scale 3x17x9x5",
    "avgpool 3x33x7x5",
    "attention 3x1x1 1",
    "attention 2x49x30 6",
    "attention 1x65x130 2",
    NULL,
};

const char *const op_pass_words[] = {"moments",       "forward",          "sums", "backward",
                                     "backward-data", "backward-weights", NULL};

static const char *const kind_words[] = {"conv", "dense", "block", "stem",    "attention", "act",
                                         "add",  "norm",  "scale", "avgpool", NULL};
/* Indexed by ActivationKind; the first two are a slope. */
static const char *const act_words[] = {"slope", "slope", "relu6", "silu", "gelu", "hardswish", "sigmoid", NULL};

bool op_has_pass(OpKind kind, OpPass pass) {
    switch (pass) {
    case OP_FORWARD:
        return true;
    case OP_MOMENTS:
        return kind == OP_BLOCK || kind == OP_STEM;
    case OP_SUMS:
        return kind == OP_BLOCK || kind == OP_NORM;
    case OP_BACKWARD:
        return kind == OP_BLOCK || kind == OP_ATTENTION || (kind >= OP_ACT && kind != OP_ADD);
    case OP_BACKWARD_DATA:
        return kind == OP_CONV || kind == OP_DENSE;
    case OP_BACKWARD_WEIGHTS:
        return kind != OP_BLOCK && kind < OP_ATTENTION;
    default:
        return false;
    }
}

/* ---- Words ---- */

enum { MAX_WORDS = 16, MOST_EXTENT = 65536, STEPS_OF_SLOPE = 64 };

typedef struct Words {
    char copy[OP_TEXT];
    char *word[MAX_WORDS + 1]; /* ends with NULL */
    int at;
} Words;

static cf_status split_words(const char *text, Words *words) {
    int count = 0;
    *words = (Words){.at = 0};
    FAIL_IF(strlen(text) >= sizeof words->copy, CF_BAD_USE, "it is longer than %d characters", OP_TEXT - 1);
    strcpy(words->copy, text);
    char *rest = words->copy;
    for (char *word; (word = strtok_r(rest, " ", &rest));) {
        FAIL_IF(count == MAX_WORDS, CF_BAD_USE, "it has more than %d words", MAX_WORDS);
        words->word[count++] = word;
    }
    return CF_OK;
}

static bool read_word(Words *words, const char *word) {
    const char *next = words->word[words->at];
    if (!next || strcmp(next, word) != 0) return false;
    words->at++;
    return true;
}

/* "8x32x14x14": `count` whole numbers joined by x. `form` says so in the message: "NxCxHxW". */
static cf_status read_extents(Words *words, const char *form, int lowest, int count, int *const extents[]) {
    const char *word = words->word[words->at];
    FAIL_IF(!word, CF_BAD_USE, "%s was expected at the end", form);
    char part[OP_TEXT];
    const char *rest = word;
    for (int i = 0; i < count; i++) {
        size_t length = strcspn(rest, "x");
        long long value;
        memcpy(part, rest, length);
        part[length] = '\0';
        bool ends_well = rest[length] == (i < count - 1 ? 'x' : '\0');
        FAIL_IF(!ends_well || !isdigit((unsigned char)*part) || !text_to_integer(part, lowest, MOST_EXTENT, &value),
                CF_BAD_USE, "%s was expected (whole numbers from %d to %d), not \"%s\"", form, lowest, MOST_EXTENT,
                word);
        *extents[i] = (int)value;
        rest += length + 1;
    }
    words->at++;
    return CF_OK;
}

static cf_status read_number(Words *words, const char *what, int lowest, int *value) {
    return read_extents(words, what, lowest, 1, &value);
}

/* A second number, where there is none the first one. */
static cf_status read_sides(Words *words, const char *what, int lowest, int *vertical, int *horizontal) {
    FORWARD(read_number(words, what, lowest, vertical));
    const char *next = words->word[words->at];
    *horizontal = *vertical;
    return next && isdigit((unsigned char)*next) ? read_number(words, what, lowest, horizontal) : CF_OK;
}

/* Slopes are such that their products with small integers are exact. */
static cf_status read_slope(Words *words, float *slope) {
    double value;
    *slope = 1;
    if (!read_word(words, "slope")) return CF_OK;
    const char *word = words->word[words->at];
    FAIL_IF(!word, CF_BAD_USE, "a number was expected behind slope");
    bool good = text_to_number(word, &value) && value >= 0 && value <= 1;
    FAIL_IF(!good || value * STEPS_OF_SLOPE != floor(value * STEPS_OF_SLOPE), CF_BAD_USE,
            "slope takes a multiple of 1/%d from 0 to 1, so that results are exact; not \"%s\"", STEPS_OF_SLOPE, word);
    *slope = (float)value;
    words->at++;
    return CF_OK;
}

static cf_status read_activation(Words *words, OpCase *c) {
    for (int kind = ACT_RELU6; kind <= ACT_SIGMOID; kind++)
        if (read_word(words, act_words[kind])) {
            c->act = (ActivationKind)kind;
            return CF_OK;
        }
    FORWARD(read_slope(words, &c->slope));
    c->act = c->slope < 1 ? ACT_RELU : ACT_NONE;
    return CF_OK;
}

/* ---- Problems ---- */

static cf_status parse_images(Words *words, Window *w) {
    return read_extents(words, "NxCxHxW", 1, 4, (int *[]){&w->N, &w->C, &w->H, &w->W});
}

/* Of a convolution, or of a stem, whose stride is 1. */
static cf_status parse_filters(Words *words, OpCase *c) {
    Window *w = &c->w;
    FORWARD(parse_images(words, w));
    FORWARD(read_number(words, "the number of filters", 1, &w->K));
    FORWARD(read_extents(words, "the filter's RxS", 1, 2, (int *[]){&w->R, &w->S}));
    if (c->kind == OP_CONV && read_word(words, "stride")) FORWARD(read_number(words, "a stride", 1, &w->stride));
    if (read_word(words, "pad")) FORWARD(read_sides(words, "a padding", 0, &w->pad_h, &w->pad_w));
    FAIL_IF(w->pad_h >= w->R || w->pad_w >= w->S, CF_BAD_USE, "padding %d %d is not smaller than the filter, %dx%d",
            w->pad_h, w->pad_w, w->R, w->S);
    if (c->kind == OP_CONV && read_word(words, "groups")) FORWARD(read_number(words, "groups", 1, &w->groups));
    if (c->kind == OP_CONV && read_word(words, "dilation")) FORWARD(read_number(words, "a dilation", 1, &w->dilation));
    FAIL_IF(w->C % w->groups || w->K % w->groups, CF_BAD_USE, "%d groups do not divide %d channels and %d filters",
            w->groups, w->C, w->K);
    int high = (w->R - 1) * w->dilation + 1, wide = (w->S - 1) * w->dilation + 1;
    FAIL_IF(w->H + 2 * w->pad_h < high || w->W + 2 * w->pad_w < wide, CF_BAD_USE,
            "a %dx%d filter does not fit into %dx%d pixels with padding %d %d", high, wide, w->H, w->W, w->pad_h,
            w->pad_w);
    w->P = (w->H + 2 * w->pad_h - high) / w->stride + 1;
    w->Q = (w->W + 2 * w->pad_w - wide) / w->stride + 1;
    return CF_OK;
}

static cf_status parse_dense(Words *words, OpCase *c) {
    DenseShape *d = &c->dense;
    FORWARD(read_extents(words, "NxI (images x inputs)", 1, 2, (int *[]){&d->N, &d->inputs}));
    FORWARD(read_number(words, "the number of outputs", 1, &d->outputs));
    FORWARD(read_slope(words, &c->slope));
    d->float_out = read_word(words, "float");
    d->slope = c->slope;
    d->bias = true;
    d->slice = d->N < SLICE ? d->N : SLICE;
    FAIL_IF(d->N % d->slice, CF_BAD_USE, "%d images are not a multiple of %d, the images of a slice", d->N, SLICE);
    return CF_OK;
}

static cf_status check_pool(int R, int S, int H, int W) {
    FAIL_IF(R > H || S > W, CF_BAD_USE, "a %dx%d pool does not fit into %dx%d pixels", R, S, H, W);
    return CF_OK;
}

static cf_status parse_block(Words *words, OpCase *c) {
    enum { MOST_PLACES = 256 }; /* a place in a window is a byte */
    Window *w = &c->w;
    FORWARD(parse_images(words, w));
    w->K = w->C;
    w->R = w->S = 1;
    if (read_word(words, "pool")) FORWARD(read_sides(words, "a pool's size", 1, &w->R, &w->S));
    FORWARD(read_activation(words, c));
    c->residual = read_word(words, "residual");
    FORWARD(check_pool(w->R, w->S, w->H, w->W));
    FAIL_IF((long long)w->R * w->S > MOST_PLACES, CF_BAD_USE, "a pool has at most %d places, not %dx%d", MOST_PLACES,
            w->R, w->S);
    const bool pool = w->R * w->S > 1;
    FAIL_IF(pool && c->residual, CF_BAD_USE, "a block has a pool or a residual, not both");
    FAIL_IF(pool && !activation_from_output(op_activation(c)), CF_BAD_USE,
            "behind %s, which does not rise everywhere, a block has no pool", act_words[c->act]);
    w->P = w->H / w->R;
    w->Q = w->W / w->S;
    return CF_OK;
}

/* What has no products: N x C x H x W as it is, or averaged. */
static cf_status parse_elements(Words *words, OpCase *c) {
    Window *w = &c->w;
    FORWARD(parse_images(words, w));
    bool whole = c->kind == OP_AVGPOOL;
    w->K = w->C, w->stride = 1;
    w->R = whole ? w->H : 1, w->S = whole ? w->W : 1;
    w->P = whole ? 1 : w->H, w->Q = whole ? 1 : w->W;
    if (c->kind == OP_ACT || c->kind == OP_ADD) return read_activation(words, c);
    if (c->kind != OP_NORM) return CF_OK;
    c->norm = (NormShape){w->C, w->H * w->W, 1, read_word(words, "layer")};
    if (c->norm.by_position) return CF_OK;
    FAIL_IF(!read_word(words, "groups"), CF_BAD_USE, "groups or layer was expected behind the images of a norm");
    FORWARD(read_number(words, "a number of groups", 1, &c->norm.groups));
    FAIL_IF(w->C % c->norm.groups, CF_BAD_USE, "%d channels are no multiple of %d groups", w->C, c->norm.groups);
    return CF_OK;
}

static cf_status parse_stem(Words *words, OpCase *c) {
    FORWARD(parse_filters(words, c));
    if (read_word(words, "pool")) FORWARD(read_number(words, "a pool's size", 1, &c->pool));
    FORWARD(read_slope(words, &c->slope));
    c->act = c->slope < 1 ? ACT_RELU : ACT_NONE;
    return check_pool(c->pool, c->pool, c->w.P, c->w.Q);
}

static cf_status parse_attention(Words *words, OpCase *c) {
    AttentionShape *a = &c->attention;
    FORWARD(read_extents(words, "NxLxC (images x positions x channels)", 1, 3,
                         (int *[]){&a->N, &a->positions, &a->channels}));
    FORWARD(read_number(words, "the number of heads", 1, &a->heads));
    FAIL_IF(a->channels % a->heads, CF_BAD_USE, "%d channels are not a multiple of %d heads", a->channels, a->heads);
    return CF_OK;
}

/* Behind the problem's own words: a pass, or nothing. */
static cf_status parse_pass(Words *words, OpCase *c, bool *has_pass) {
    const char *word = words->word[words->at], *behind = word ? words->word[words->at + 1] : NULL;
    const char *own[OP_PASSES + 1];
    int count = 0, named = OP_PASSES;
    for (int p = OP_PASSES - 1; p >= 0; p--) {
        if (op_has_pass(c->kind, (OpPass)p)) own[count++] = op_pass_words[p], c->pass = (OpPass)p;
        if (word && strcmp(word, op_pass_words[p]) == 0) named = p;
    }
    own[count] = NULL;
    *has_pass = word != NULL;
    if (!word) return CF_OK;
    FAIL_IF(named == OP_PASSES, CF_BAD_USE, "\"%s\" was not expected there%s", word, text_hint(word, own));
    FAIL_IF(!op_has_pass(c->kind, (OpPass)named), CF_BAD_USE, "%s has no pass \"%s\"", kind_words[c->kind], word);
    FAIL_IF(behind, CF_BAD_USE, "\"%s\" was not expected behind the pass", behind);
    c->pass = (OpPass)named;
    return CF_OK;
}

static double images_size(double N, double C, double H, double W) {
    return N * C * H * W;
}

/* Sums of small integers are exact in float32 up to 2^24; the reference takes a minute or two for 2^35 operations. */
static cf_status check_size(const OpCase *c) {
    const double most_values = 0x1p26, most_terms = 0x1p23, most_flops = 0x1p35;
    const Window *w = &c->w;
    const DenseShape *d = &c->dense;
    double values = fmax(images_size(w->N, w->C, w->H, w->W), images_size(w->N, w->K, w->P, w->Q));
    if (c->kind == OP_CONV || c->kind == OP_STEM)
        values = fmax(values, images_size(w->K, w->C / w->groups, w->R, w->S));
    if (c->kind == OP_DENSE)
        values = fmax(fmax((double)d->N * d->inputs, (double)d->N * d->outputs), (double)d->inputs * d->outputs);
    if (c->kind == OP_ATTENTION) values = 3.0 * c->attention.N * c->attention.positions * c->attention.channels;
    FAIL_IF(values > most_values, CF_BAD_USE, "an array of %.0f values is too large: at most %.0f", values,
            most_values);
    for (int p = 0; p < OP_PASSES; p++) {
        OpCase in_pass = *c;
        in_pass.pass = (OpPass)p;
        if (!op_has_pass(c->kind, (OpPass)p)) continue;
        FAIL_IF(op_flops(&in_pass) > most_flops, CF_BAD_USE,
                "%.3g operations are too many for the reference that results are compared with: at most %.3g",
                op_flops(&in_pass), most_flops);
        FAIL_IF(op_terms(&in_pass) > most_terms, CF_BAD_USE, "sums of %.0f products would not be exact: at most %.0f",
                op_terms(&in_pass), most_terms);
    }
    return CF_OK;
}

static cf_status parse(const char *text, OpCase *c, bool *has_pass) {
    Words words;
    char list[OP_TEXT];
    FORWARD(split_words(text, &words));
    const char *kind = words.word[0] ? words.word[0] : "";
    int k = 0;
    words.at = 1;
    c->slope = 1;
    c->pool = 1;
    c->w.stride = c->w.groups = c->w.dilation = 1;
    while (kind_words[k] && strcmp(kind, kind_words[k]) != 0) k++;
    text_list(kind_words, list, sizeof list);
    FAIL_IF(!kind_words[k], CF_BAD_USE, "it begins with %s, not \"%s\"%s", list, kind, text_hint(kind, kind_words));
    c->kind = (OpKind)k;
    if (c->kind == OP_CONV) FORWARD(parse_filters(&words, c));
    if (c->kind == OP_DENSE) FORWARD(parse_dense(&words, c));
    if (c->kind == OP_BLOCK) FORWARD(parse_block(&words, c));
    if (c->kind == OP_STEM) FORWARD(parse_stem(&words, c));
    if (c->kind == OP_ATTENTION) FORWARD(parse_attention(&words, c));
    if (c->kind >= OP_ACT) FORWARD(parse_elements(&words, c));
    FORWARD(parse_pass(&words, c, has_pass));
    return check_size(c);
}

cf_status op_parse(const char *text, OpCase *parsed, bool *has_pass) {
    *parsed = (OpCase){.precision = CF_F32};
    cf_status status = parse(text, parsed, has_pass);
    return status ? status_prefix(status, "the case \"%.*s\"", OP_TEXT, text) : CF_OK;
}

/* Term by term, in the order in which they are read; those that say what is so anyway are left out. */
void op_print(const OpCase *c, char text[OP_TEXT]) {
    const Window *w = &c->w;
    const DenseShape *d = &c->dense;
    const AttentionShape *a = &c->attention;
    const bool conv = c->kind == OP_CONV, filters = conv || c->kind == OP_STEM, block = c->kind == OP_BLOCK;
    snprintf(text, OP_TEXT, "%s ", kind_words[c->kind]);
    if (c->kind == OP_DENSE)
        text_append(text, OP_TEXT, "%dx%d %d", d->N, d->inputs, d->outputs);
    else if (c->kind == OP_ATTENTION)
        text_append(text, OP_TEXT, "%dx%dx%d %d", a->N, a->positions, a->channels, a->heads);
    else
        text_append(text, OP_TEXT, "%dx%dx%dx%d", w->N, w->C, w->H, w->W);
    if (filters) text_append(text, OP_TEXT, " %d %dx%d", w->K, w->R, w->S);
    if (conv) text_append(text, OP_TEXT, " stride %d", w->stride);
    if (filters) text_append(text, OP_TEXT, " pad %d", w->pad_h);
    if (filters && w->pad_w != w->pad_h) text_append(text, OP_TEXT, " %d", w->pad_w);
    if (w->groups > 1) text_append(text, OP_TEXT, " groups %d", w->groups);
    if (w->dilation > 1) text_append(text, OP_TEXT, " dilation %d", w->dilation);
    if (block || c->pool > 1) text_append(text, OP_TEXT, " pool %d", block ? w->R : c->pool);
    if (block && w->S != w->R) text_append(text, OP_TEXT, " %d", w->S);
    if (c->act > ACT_RELU)
        text_append(text, OP_TEXT, " %s", act_words[c->act]);
    else if (c->slope < 1 || block || c->kind == OP_ACT)
        text_append(text, OP_TEXT, " slope %g", (double)c->slope);
    if (c->norm.by_position)
        text_append(text, OP_TEXT, " layer");
    else if (c->kind == OP_NORM)
        text_append(text, OP_TEXT, " groups %d", c->norm.groups);
    if (d->float_out || c->residual) text_append(text, OP_TEXT, d->float_out ? " float" : " residual");
}

/* Filter rows (or columns) times output rows that meet a pixel, not padding. */
static double taps_inside(int extent, int taps, const Window *w, int pad, int outputs) {
    int inside = 0;
    for (int p = 0; p < outputs; p++)
        for (int r = 0, at = p * w->stride - pad; r < taps; r++, at += w->dilation) inside += at >= 0 && at < extent;
    return inside;
}

double op_flops(const OpCase *c) {
    const Window *w = &c->w;
    const DenseShape *d = &c->dense;
    const AttentionShape *a = &c->attention;
    if (c->kind == OP_BLOCK || c->kind >= OP_ACT || c->pass == OP_MOMENTS) return 0;
    if (c->kind == OP_ATTENTION)
        return (c->pass == OP_FORWARD ? 2 : 4) * 2.0 * a->N * a->positions * a->positions * a->channels;
    if (c->kind == OP_DENSE) return 2.0 * d->N * d->inputs * d->outputs;
    return 2.0 * w->N * w->K * (w->C / w->groups) * taps_inside(w->H, w->R, w, w->pad_h, w->P) *
           taps_inside(w->W, w->S, w, w->pad_w, w->Q);
}

double op_terms(const OpCase *c) {
    const Window *w = &c->w;
    const DenseShape *d = &c->dense;
    /* A stem's gradients are multiples of a slope's step. */
    int steps = c->slope > 0 && c->slope < 1 ? STEPS_OF_SLOPE : 1;
    if (c->kind == OP_BLOCK || c->kind >= OP_ATTENTION) return 0;
    switch (c->pass) {
    case OP_BACKWARD_DATA:
        return c->kind == OP_DENSE ? d->outputs : (double)w->K / w->groups * w->R * w->S;
    case OP_BACKWARD_WEIGHTS:
        return c->kind == OP_DENSE ? d->N : (double)w->N * w->P * w->Q * steps;
    default:
        return c->kind == OP_DENSE ? d->inputs : (double)w->C / w->groups * w->R * w->S;
    }
}
