/* Networks in 8-bit integers: the arithmetic by hand, every operation against real numbers, whole networks against float32. */
#include "testing.h"

#include "base/memory.h"
#include "base/rng.h"
#include "nn/int8/int8.h"

#include "nn/int8/int8_kernels.inc"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rescaling ---- */

/* By hand, from the definition: product = value * multiplier * 2^left, high = product / 2^31 with halves up, then / 2^right with
 * halves away from 0. */
static void rescaling_by_hand(void **state) {
    (void)state;
    static const struct {
        int32_t value, multiplier;
        int shift, expected;
    } cases[] = {
        {100, 1 << 30, 0, 50},
        {101, 1 << 30, 0, 51},
        {-101, 1 << 30, 0, -50}, /* 50.5: up, and -50.5: up */
        {100, 1 << 30, -1, 25},
        {102, 1 << 30, -1, 26},
        {-102, 1 << 30, -1, -26}, /* 51 / 2 = 25.5: away from 0 */
        {-106, 1 << 30, -2, -13},
        {7, 1 << 30, 1, 7},
        {-7, 1 << 30, 2, -14},
        {3, 3 << 29, 0, 2}, /* 2.25 */
        {0, INT32_MAX, 0, 0},
        {1 << 20, 1 << 30, -19, 1},
        {1 << 29, 1 << 30, 3, 1 << 30}, /* 2^32 is limited to 2^31 - 1 */
        {-(1 << 30), 1 << 30, 4, -(1 << 30)},
        {12345, 0, 0, 0},
        {INT32_MIN, INT32_MAX, -31, -1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(rescale(cases[i].value, cases[i].multiplier, cases[i].shift), cases[i].expected);
}

static void multipliers_are_near_their_factors(void **state) {
    (void)state;
    static const double factors[] = {1, 0.5, 0.75, 1e-9, 3.1415926, 0x1.ffffffffp-3, 0.0001234, 17, 1e-12};
    for (size_t i = 0; i < COUNT_OF(factors); i++) {
        int32_t multiplier;
        int shift;
        int8_multiplier(factors[i], &multiplier, &shift);
        assert_true(fabs(ldexp((double)multiplier, shift - 31) / factors[i] - 1) < (factors[i] > 1e-10 ? 1e-9 : 1.1));
        if (factors[i] < 1e-10) assert_int_equal(multiplier, 0);
        for (int value = -100000; value <= 100000; value += 9973) {
            const double exact = value * factors[i];
            assert_true(fabs((double)rescale(value, multiplier, shift) - exact) <= 1 + fabs(exact) * 1e-9);
        }
    }
}

/* ---- Operations ---- */

static void a_convolution_by_hand(void **state) {
    (void)state;
    /* 2 x 2 values of 2 channels, all 1 above their zero of 5; a 3 x 3 window of ones sees four of them, in each channel. */
    const Window w = {.C = 2,
                      .H = 2,
                      .W = 2,
                      .K = 2,
                      .R = 3,
                      .S = 3,
                      .stride = 1,
                      .pad_h = 1,
                      .pad_w = 1,
                      .groups = 1,
                      .dilation = 1,
                      .P = 2,
                      .Q = 2};
    const Levels levels = {5, -3, -128, 9};
    int8_t x[8], weights[36], y[8];
    const int32_t bias[] = {2, 100}, multiplier[] = {1 << 30, 1 << 30};
    const int8_t shift[] = {1, 0};
    memset(x, 6, sizeof x);
    memset(weights, 1, sizeof weights);
    weights[18] = 3; /* of the second filter, at the tap that sees a value from the last pixel alone */
    conv_int8(&w, &levels, weights, bias, multiplier, shift, x, y);
    for (int i = 0; i < 3; i++) assert_int_equal(y[2 * i], 8 + 2 - 3);
    for (int i = 0; i < 4; i++) assert_int_equal(y[2 * i + 1], 9); /* (8 + 100) / 2 - 3, limited */
    const Window grouped = {
        .C = 2, .H = 2, .W = 2, .K = 2, .R = 1, .S = 1, .stride = 1, .groups = 2, .dilation = 1, .P = 2, .Q = 2};
    const Levels wide = {5, 0, -128, 127};
    const int8_t two[] = {2, -3};
    const int32_t none[] = {0, 0};
    const int8_t one[] = {1, 1};
    for (int i = 0; i < 8; i++) x[i] = (int8_t)(5 + i);
    conv_int8(&grouped, &wide, two, none, multiplier, one, x, y);
    for (int i = 0; i < 4; i++) assert_true(y[2 * i] == 4 * i && y[2 * i + 1] == -3 * (2 * i + 1));
}

static void pools_by_hand(void **state) {
    (void)state;
    const Window w = {.C = 1,
                      .H = 2,
                      .W = 3,
                      .K = 1,
                      .R = 2,
                      .S = 2,
                      .stride = 2,
                      .pad_h = 1,
                      .pad_w = 1,
                      .groups = 1,
                      .dilation = 1,
                      .P = 2,
                      .Q = 2};
    const int8_t x[] = {-7, -128, 3, -120, 127, -4};
    int8_t y[4];
    maxpool_int8(&w, x, y);
    assert_true(y[0] == -7 && y[1] == 3 && y[2] == -120 && y[3] == 127);
    avgpool_int8(&w, x, y);
    assert_true(y[0] == -7 && y[1] == -63 && y[2] == -120 && y[3] == 62); /* -62.5 and 61.5: away from 0 */
    clamp_int8(4, -100, 50, y, y);
    assert_true(y[0] == -7 && y[1] == -63 && y[2] == -100 && y[3] == 50);
}

static void tables_by_hand(void **state) {
    (void)state;
    int8_t tables[512], y[6];
    const int8_t x[] = {-128, -127, 0, 127}, b[] = {1, -1};
    for (int i = 0; i < 256; i++) tables[i] = (int8_t)(127 - i), tables[256 + i] = (int8_t)(i / 2 - 3);
    table_int8(4, tables, x, y);
    assert_true(y[0] == 127 && y[1] == 126 && y[2] == -1 && y[3] == -128);
    concat_int8(2, 2, 1, tables, x, b, y);
    assert_true(y[0] == 127 && y[1] == 126 && y[2] == 61 && y[3] == -1 && y[4] == -128 && y[5] == 60);
}

/* Means and products with zeros that are not 0, by hand: four pixels of two channels. */
static void scalings_by_hand(void **state) {
    (void)state;
    const int8_t x[] = {-118, 13, -119, 13, -118, -7, 12, 13}, by[] = {-120, 7};
    int8_t y[8];
    const Scaling mean = {-128, 0, -100, 1 << 30, -1, -128, 127}; /* a quarter of the sum */
    mean_int8(4, 2, &mean, x, y);
    assert_true(y[0] == -100 + 43 && y[1] == -100 + 136); /* 169 / 2 = 84.5: up, 85 / 2 = 42.5: away from 0; 544 / 4 */
    const Scaling product = {-118, -128, 5, 1 << 30, -2, -3, 100}; /* an eighth of it, limited */
    multiply_int8(8, 2, &product, x, by, y);
    const int8_t right[] = {5, 100, 4, 100, 5, 100, 100, 100}; /* 0; 131 x 135; -1 x 8; .. 130 x 8 */
    assert_memory_equal(y, right, sizeof right);
}

/* An addition of values of three scales, against real numbers: within one step of the result. */
static void additions_are_near_real_ones(void **state) {
    (void)state;
    const double a = 0.011, b = 0.07, y = 0.05, twice = 2 * b;
    const double factors[] = {a / twice, b / twice, twice / (0x1p20 * y)};
    int32_t multiplier[3];
    int shift[3];
    for (int i = 0; i < 3; i++) int8_multiplier(factors[i], &multiplier[i], &shift[i]);
    const Sum sum = {-10, multiplier[0], shift[0], 20, multiplier[1], shift[1], 7, multiplier[2], shift[2], -100, 120};
    for (int p = -128; p < 128; p += 3)
        for (int q = -128; q < 128; q += 5) {
            const int8_t left = (int8_t)p, right = (int8_t)q;
            int8_t got;
            add_int8(1, &sum, &left, &right, &got);
            const double exact = ((p + 10) * a + (q - 20) * b) / y + 7;
            assert_true(fabs(fmin(fmax(exact, -100), 120) - got) < 0.51);
        }
}

/* ---- Networks ---- */

typedef struct Example {
    cf_set *set;
    cf_split *split;
    cf_model *model;
    size_t count;
    float *exact, *got;
} Example;

static Example example_new(const char *data, const char *line) {
    Example e = {0};
    const cf_split_options options = cf_split_defaults();
    assert_ok(cf_set_load(data, NULL, &e.set));
    assert_ok(cf_split_new(e.set, &options, &e.split));
    assert_ok(cf_model_new(line, e.split, 3, &e.model));
    e.count = cf_subset_count(cf_split_part(e.split, CF_TEST));
    assert_ok(memory_new(e.count * (size_t)e.model->classes, sizeof(float), &e.exact));
    assert_ok(memory_new(e.count * (size_t)e.model->classes, sizeof(float), &e.got));
    /* Norms that are not those a network begins with, and squeezes that let some channels through and others not. */
    const RngStream stream = rng_stream(5, RNG_WEIGHTS, 1, 2);
    for (int i = 0; i < e.model->parameters.count; i++) {
        const Parameter *p = &e.model->parameters.table[i];
        float *values = e.model->parameters.values + p->offset;
        for (size_t k = 0; k < p->count; k++) {
            const float r = 2 * rng_uniform(&stream, p->offset + k) - 1;
            if (p->spec->kind == PARAMETER_SCALE) values[k] = 1 + 0.5f * r;
            if (strncmp(p->spec->what, "fc", 2) == 0) values[k] *= 8;
            if (p->spec->kind == PARAMETER_BIAS || p->spec->kind == PARAMETER_RUNNING_MEAN) values[k] = 0.2f * r;
            if (p->spec->kind == PARAMETER_RUNNING_VAR) values[k] = 1 + 0.5f * r;
        }
    }
    return e;
}

static void example_free(Example *e) {
    free(e->exact);
    free(e->got);
    cf_model_free(e->model);
    cf_split_free(e->split);
    cf_set_free(e->set);
}

/* Every operation: folded norms of convolutions, dense layers and by themselves, rectifiers alone and taken in, a residual, pools; each
 * other activation; channels joined of equal and of unlike scales; squeeze and excitation, with a rectifier and without. */
static const char *const lines[] = {
    "conv 8 3x3 stride 2 | bn | relu | res( conv 8 3x3 groups 2 bias | bn | relu6 | dwconv 3x3 | bn eps 0.01 ) | relu "
    "| maxpool 2 | relu | "
    "dense 24 | bn | relu6 | dropout | dense classes",
    "normalize 0.3 0.4 | patch 4 12 | relu | bn | avgpool 3x3 stride 2 pad 1 | res( conv 12 3x3 dilation 2 ) | "
    "globalavgpool | dense classes nobias",
    "input 3x16x20 | conv 6 3x3 | bn | relu | maxpool 3x3 stride 2 pad 1 | globalmaxpool | dense classes",
    "normalize 0.1 0.1 | conv 6 3x3 stride 2 as a | relu | conv 6 3x3 | add a | maxpool 2 | relu6 | conv 6 3x3 | "
    "maxpool 2 | relu | dense classes",
    "conv 6 3x3 stride 2 | bn | silu | conv 8 3x3 | leakyrelu 0.1 | dwconv 3x3 | bn | hardswish | conv 6 1x1 | gelu | "
    "maxpool 2 | res( conv 6 3x3 | sigmoid ) | silu | dense 16 | leakyrelu | dense classes",
    "conv 6 3x3 stride 2 as a | relu | conv 4 3x3 as b | concat a | relu | se 5 | dropout | conv 8 1x1 | silu | "
    "dropout | "
    "se 2 | relu | avgpool 2 as c | sigmoid | concat c | dense classes",
    "conv 6 3x3 stride 2 | relu | se 2 | globalavgpool | dense classes",
};

static void networks_are_near_float32(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        Example e = example_new("hand:n=200,test=40", lines[i]);
        const cf_subset *test = cf_split_part(e.split, CF_TEST);
        const size_t values = e.count * (size_t)e.model->classes;
        ClassifyOptions options = {.engine = &reference_engine, .threads = 2};
        Int8Network *network;
        StepResult exact, got, again;
        double squares = 0, apart = 0, mean = 1.0 / e.model->classes;
        assert_ok(int8_network_new(e.model, cf_split_part(e.split, CF_TRAIN), 2, &network));
        assert_ok(classify(e.model, test, &options, e.exact, &exact));
        options.int8 = network;
        assert_ok(classify(e.model, test, &options, e.got, &got));
        for (size_t k = 0; k < values; k++) {
            apart += pow((double)e.got[k] - (double)e.exact[k], 2);
            squares += pow((double)e.exact[k] - mean, 2);
        }
        /* A thousandth part of what the probabilities differ by; more where a sum of two scales goes through a pool. */
        const double most = (i == 3 ? 0.01 : 0.001) * squares;
        if (apart > most) print_error("%s: %g of %g\n", lines[i], apart, squares);
        assert_true(squares > 0 && apart <= most);
        assert_true(fabs(got.loss - exact.loss) < 0.05 * exact.loss && got.weight == exact.weight);
        for (int threads = 1; threads <= 8; threads += threads) {
            options.threads = threads;
            assert_ok(classify(e.model, test, &options, e.exact, &again));
            assert_memory_equal(e.exact, e.got, values * sizeof(float));
            assert_true(again.loss == got.loss && again.correct == got.correct);
        }
        int8_network_free(network);
        example_free(&e);
    }
}

/* With the processor's instructions for sums of bytes and without: filters in fours, twos and ones of 16, and a rest; more terms than
 * whole words; rims; channels by themselves, several pixels of them side by side and more than fit; groups of several blocks and of less. */
/* A factor above 1: what the rectifier leaves is less than a step of the sums. */
static void leave_little(Example *e) {
    const size_t bytes = e->set->count * set_image_size(e->set);
    int largest = 0;
    for (size_t i = 0; i < bytes; i++) largest = e->set->pixels[i] > largest ? e->set->pixels[i] : largest;
    *parameters_find(&e->model->parameters, 0, "weight") = 1;
    *parameters_find(&e->model->parameters, 0, "bias") = 0.001f - (float)largest / 255;
}

/* One operation by itself, on values of all sizes, between bytes that nobody may touch. */
static void compare_alone(const Int8Network *network, const Int8Op *op) {
    enum { GUARD = 64 };
    const size_t in = shape_size(network->tensors[op->x[0]].shape), out = shape_size(network->tensors[op->y].shape);
    const Levels levels = {network->tensors[op->x[0]].zero, network->tensors[op->y].zero, op->low, op->high};
    Int8Packed packed;
    assert_ok(int8_vnni()->pack(network, op, &packed));
    if (!packed.weights) return;
    int8_t *x = malloc(in), *plain = malloc(out), *fast = malloc(out + 2 * GUARD);
    uint8_t *scratch = aligned_alloc(64, int8_vnni()->scratch(op, &packed));
    assert_true(x && plain && fast && scratch);
    for (size_t i = 0; i < in; i++) x[i] = (int8_t)(i * 2654435761u >> 11);
    memset(fast, 0x55, out + 2 * GUARD);
    conv_int8(&op->window, &levels, op->weights, op->bias, op->multiplier, op->shift, x, plain);
    int8_vnni()->run(network, op, &packed, scratch, x, fast + GUARD);
    assert_memory_equal(fast + GUARD, plain, out);
    for (size_t i = 0; i < GUARD; i++) assert_true(fast[i] == 0x55 && fast[GUARD + out + i] == 0x55);
    int8_vnni_free(&packed);
    free(x);
    free(plain);
    free(fast);
    free(scratch);
}

static void instructions_change_no_bit(void **state) {
    (void)state;
    static const char *const wide[] = {
        "conv 113 3x3 stride 2 | relu | conv 40 2x3 pad 1 dilation 2 | bn | relu6 | "
        "maxpool 2 | conv 7 1x1 | relu | dense 33 | dense classes",
        "input 3x15x13 | conv 5 4x4 stride 3 pad 2 | relu | res( conv 5 3x3 bias | bn ) "
        "| dense 16 | relu | dense classes",
        "input 3x17x15 | conv 20 3x3 | relu | dwconv 3x3 | bn | relu6 | dwconv 5x5 stride 2 | "
        "relu | conv 70 1x1 | dwconv 3x3 dilation 2 | relu | dwconv 2x3 pad 1 | bn | relu | "
        "conv 6 1x1 | dense classes",
        "conv 9 3x3 stride 2 | relu | conv 120 3x3 groups 3 | relu | conv 24 3x3 dilation "
        "2 stride 2 groups 12 | bn | se 2 | res( conv 24 3x3 groups 2 | silu ) | dense "
        "classes",
        "conv 1 1x1 bias | relu | maxpool 4 | dense classes"};
    if (!int8_vnni()) {
        print_message("SKIPPED: instructions for sums of bytes (this processor has none, or CIFRA_ISA forbids them)\n");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(lines) + COUNT_OF(wide); i++) {
        Example e = example_new("hand:n=60,test=21", i < COUNT_OF(lines) ? lines[i] : wide[i - COUNT_OF(lines)]);
        Int8Network *network;
        StepResult fast, plain;
        if (i + 1 == COUNT_OF(lines) + COUNT_OF(wide)) leave_little(&e);
        assert_ok(int8_network_new(e.model, cf_split_part(e.split, CF_TRAIN), 2, &network));
        if (i + 1 == COUNT_OF(lines) + COUNT_OF(wide)) assert_true(network->ops[0].shift[0] > 0);
        for (int k = 0; k < network->op_count; k++)
            if (network->ops[k].kind == INT8_CONV) compare_alone(network, &network->ops[k]);
        assert_ok(int8_classify(network, cf_split_part(e.split, CF_TEST), 2, e.got, &fast));
        setenv("CIFRA_ISA", "avx2", 1);
        assert_null(int8_vnni());
        assert_ok(int8_classify(network, cf_split_part(e.split, CF_TEST), 2, e.exact, &plain));
        unsetenv("CIFRA_ISA");
        assert_memory_equal(e.exact, e.got, e.count * (size_t)e.model->classes * sizeof(float));
        assert_true(fast.loss == plain.loss);
        int8_network_free(network);
        example_free(&e);
    }
}

/* Values of a convolution down to about -20, of which hardswish leaves those from -3 on, and sigmoid knows -6 to 6; whoever else reads them
 * wants all. */
static void ranges_end_where_activations_do(void **state) {
    (void)state;
    static const struct {
        const char *line;
        double low[2], high[2];
    } cases[] = {
        {"conv 2 1x1 bias | hardswish | dense classes", {-3.2, -2.9}, {19, 22}},
        {"conv 2 1x1 bias | sigmoid | dense classes", {-9, -5}, {5, 9}},
        {"conv 2 1x1 bias as a | hardswish | add a | dense classes", {-22, -19}, {19, 22}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Example e = example_new("hand:n=60,test=20", cases[i].line);
        float *bias = parameters_find(&e.model->parameters, 0, "bias");
        Int8Network *network;
        bias[0] = -20, bias[1] = 20;
        assert_ok(int8_network_new(e.model, cf_split_part(e.split, CF_TRAIN), 1, &network));
        const Int8Tensor *y = &network->tensors[network->ops[0].y];
        const double low = (double)y->scale * (-128 - y->zero), high = (double)y->scale * (127 - y->zero);
        if (low < cases[i].low[0] || low > cases[i].low[1] || high < cases[i].high[0] || high > cases[i].high[1])
            fail_msg("%s: from %g to %g", cases[i].line, low, high);
        int8_network_free(network);
        example_free(&e);
    }
}

/* The same integers from any number of threads. */
static void calibration_knows_no_threads(void **state) {
    (void)state;
    Example e = example_new("hand:n=200,test=40", lines[0]);
    Int8Network *one, *other;
    assert_ok(int8_network_new(e.model, cf_split_part(e.split, CF_TRAIN), 1, &one));
    for (int threads = 2; threads <= 8; threads = threads == 2 ? 3 : threads + 5) {
        assert_ok(int8_network_new(e.model, cf_split_part(e.split, CF_TRAIN), threads, &other));
        assert_memory_equal(one->tensors, other->tensors, (size_t)one->tensor_count * sizeof *one->tensors);
        for (int i = 0; i < one->op_count; i++) {
            const size_t K = (size_t)one->ops[i].window.K;
            if (one->ops[i].kind != INT8_CONV) continue;
            assert_memory_equal(one->ops[i].bias, other->ops[i].bias, K * sizeof(int32_t));
            assert_memory_equal(one->ops[i].multiplier, other->ops[i].multiplier, K * sizeof(int32_t));
        }
        int8_network_free(other);
    }
    int8_network_free(one);
    example_free(&e);
}

/* Each weight is the nearest multiple of a 127th of its filter's largest. */
static void weights_are_the_nearest(void **state) {
    (void)state;
    Example e = example_new("hand:n=200,test=40", lines[0]);
    Int8Network *network;
    assert_ok(int8_network_new(e.model, cf_split_part(e.split, CF_TRAIN), 2, &network));
    const Int8Op *op = &network->ops[network->op_count - 1];
    const float *weight = parameters_find(&e.model->parameters, op->layer, "weight");
    const size_t size = shape_size(e.model->layers.layers[op->layer].in);
    for (size_t k = 0; k < (size_t)op->window.K; k++) {
        double largest = 0;
        int most = 0;
        for (size_t i = 0; i < size; i++) {
            largest = fmax(largest, fabs((double)weight[k * size + i]));
            most = abs(op->weights[k * size + i]) > most ? abs(op->weights[k * size + i]) : most;
        }
        assert_int_equal(most, 127);
        for (size_t i = 0; i < size; i++)
            assert_true(fabs((double)weight[k * size + i] / largest * 127 - op->weights[k * size + i]) <= 0.5 + 1e-9);
    }
    int8_network_free(network);
    example_free(&e);
}

static void what_has_no_integers_is_named(void **state) {
    (void)state;
    static const struct {
        const char *line, *part;
    } cases[] = {{"conv 4 3x3 | layernorm as soft | dense classes", "the layer soft (layernorm) has no form"},
                 {"conv 4 3x3 | attention 2 | dense classes", "attention1 (attention)"},
                 {"se 1 | dense classes", "se1 (se) has no form in 8-bit integers where it reads the image itself"},
                 {"conv 64 1x1 | dense classes", "50176 products"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Example e = example_new("hand:n=40,test=10", cases[i].line);
        Int8Network *network;
        assert_fails(int8_network_new(e.model, cf_split_part(e.split, CF_TRAIN), 1, &network), CF_BAD_USE,
                     cases[i].part);
        example_free(&e);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rescaling_by_hand),
        cmocka_unit_test(multipliers_are_near_their_factors),
        cmocka_unit_test(a_convolution_by_hand),
        cmocka_unit_test(pools_by_hand),
        cmocka_unit_test(tables_by_hand),
        cmocka_unit_test(scalings_by_hand),
        cmocka_unit_test(additions_are_near_real_ones),
        cmocka_unit_test(networks_are_near_float32),
        cmocka_unit_test(instructions_change_no_bit),
        cmocka_unit_test(ranges_end_where_activations_do),
        cmocka_unit_test(calibration_knows_no_threads),
        cmocka_unit_test(weights_are_the_nearest),
        cmocka_unit_test(what_has_no_integers_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
