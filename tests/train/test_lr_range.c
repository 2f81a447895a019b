/* The learning-rate range test: rates and suggestions by hand, a training that runs away, the same bits at any number of threads. */
#include "nn/problems.h"
#include "small_set.h"

#include "data/split.h"
#include "train/lr_range.h"

static void rates(void **state) {
    (void)state;
    const LrRangeOptions range = {.from = 1e-4, .to = 10, .steps = 6};
    const double expected[] = {1e-4, 1e-3, 1e-2, 1e-1, 1, 10};
    for (int i = 0; i < 6; i++) assert_near_number("rate", lr_range_rate(&range, i) / expected[i], 1, 1e-12);
}

/* As fastai's SmoothMetric: the first is the loss itself, the second (0.98 a + b) / 1.98. */
static void smoothing(void **state) {
    (void)state;
    LrRangePoint points[3] = {{1, 4, 0}, {2, 2, 0}, {4, 7, 0}};
    LrRange range = {.points = points, .count = 3};
    assert_false(lr_range_judge(&range, 100));
    assert_near_number("first", points[0].smoothed, 4, 1e-12);
    assert_near_number("second", points[1].smoothed, (0.98 * 4 + 2) / 1.98, 1e-12);
    assert_near_number("third", points[2].smoothed, (0.9604 * 4 + 0.98 * 2 + 7) / (0.9604 + 0.98 + 1), 1e-12);
}

/* Losses whose smoothed ones are a curve of our own: flat, down, steeply down, down, up. */
static void suggestions(void **state) {
    (void)state;
    enum { COUNT = 100 };
    const LrRangeOptions rates_of = {.from = 1e-6, .to = 1, .steps = COUNT};
    LrRangePoint points[COUNT];
    LrRange range = {.points = points, .count = COUNT};
    double before = 0, height = 3;
    for (int i = 0; i < COUNT; i++) {
        height += i < 20 ? 0 : i < 50 ? -0.01 : i == 50 ? -0.2 : i < 80 ? -0.01 : 0.05;
        const double sum = height * (1 - pow(0.98, i + 1));
        points[i] = (LrRangePoint){lr_range_rate(&rates_of, i), (sum - 0.98 * before) / 0.02, 0};
        before = sum;
    }
    assert_true(lr_range_judge(&range, COUNT));
    assert_int_equal(range.first, 10);
    assert_int_equal(range.last, 95);
    assert_int_equal(range.steepest, 49);
    assert_int_equal(range.lowest, 79);
    assert_near_number("suggestion", range.suggestion, points[79].rate / 10, 1e-15);
    /* A loss that only grows has no descent; its lowest is the first that counts. */
    for (int i = 0; i < COUNT; i++) points[i].loss = i + 1;
    assert_true(lr_range_judge(&range, COUNT));
    assert_int_equal(range.steepest, -1);
    assert_int_equal(range.lowest, 10);
}

enum { IMAGES = 400, SIDE = 6 };

static void paint_stripes(int image, unsigned char *pixels, uint16_t *label) {
    *label = (uint16_t)((image % 2) ^ (image % 5 == 0)); /* a fifth is wrong: the loss stays above 0 */
    for (int p = 0; p < SIDE * SIDE; p++)
        pixels[p] = (unsigned char)(image * 37 % 101 + ((image % 2 ? p % SIDE : p / SIDE) % 2 ? 120 : 0));
}

static cf_split *stripes(cf_set **set) {
    *set = small_set("stripes", IMAGES, 1, SIDE, 2, paint_stripes);
    return pooled_split(*set);
}

static cf_status test(const cf_split *split, const cf_train_options *o, const LrRangeOptions *range, LrRange *result) {
    cf_model *model = small_model("conv 4 3x3 | leakyrelu | dense classes", split, 1);
    cf_status status = lr_range_test(model, split, o, range, result);
    cf_model_free(model);
    return status;
}

static void a_training(void **state) {
    (void)state;
    cf_set *set;
    cf_split *split = stripes(&set);
    cf_train_options o = cf_train_defaults();
    const LrRangeOptions range = {.from = 1e-4, .to = 1000, .steps = 80};
    LrRange one;
    o.batch = 32, o.threads = 1; /* 9 steps a pass */
    assert_ok(test(split, &o, &range, &one));
    assert_true(one.ended_early && one.count < 80 && one.count > 20);
    assert_true(one.points[one.lowest].smoothed < 0.95 * one.points[0].smoothed);
    assert_true(one.steepest >= 0 && one.points[one.steepest].rate < one.points[one.lowest].rate);
    /* Each point before the last is within four times the lowest before it. */
    double lowest = one.points[0].smoothed;
    for (int i = 1; i < one.count - 1; i++) {
        assert_true(one.points[i].smoothed <= 4 * lowest);
        lowest = fmin(lowest, one.points[i].smoothed);
    }
    for (int threads = 2; threads <= 3; threads++) {
        LrRange other;
        o.threads = threads;
        assert_ok(test(split, &o, &range, &other));
        assert_int_equal(other.count, one.count);
        assert_memory_equal(other.points, one.points, (size_t)one.count * sizeof *one.points);
        lr_range_free(&other);
    }
    /* What a step follows counts, and what it does not follow does not. */
    LrRange same, momentum;
    o.learning_rate = 5, o.schedule = CF_COSINE, o.ema = 0.5, o.swa_from = 0, o.epochs = 1, o.warmup = 3;
    assert_ok(test(split, &o, &range, &same));
    assert_memory_equal(same.points, one.points, (size_t)one.count * sizeof *one.points);
    o.momentum = 0;
    assert_ok(test(split, &o, &range, &momentum));
    assert_memory_not_equal(momentum.points, one.points, (size_t)one.count * sizeof *one.points);
    /* So does what the training would see, be judged by, and leave as it is. */
    for (int k = 0; k < 7; k++) {
        LrRange other;
        cf_train_options more = cf_train_defaults();
        more.batch = o.batch, more.threads = 2;
        if (k == 0) strcpy(more.augment, "shift 1 | mixup");
        if (k == 1) more.sample = CF_BALANCED;
        if (k == 2) strcpy(more.loss, "focal");
        if (k == 3) strcpy(more.class_weights, "0:3");
        if (k == 4) strcpy(more.freeze, "conv1");
        if (k == 5) more.head_epochs = 1;
        if (k == 6) more.lr_backbone = 0.1;
        assert_ok(test(split, &more, &range, &other));
        if (memcmp(other.points, one.points, 5 * sizeof *one.points) == 0) fail_msg("option %d does not count", k);
        lr_range_free(&other);
    }
    lr_range_free(&one), lr_range_free(&same), lr_range_free(&momentum);
    cf_split_free(split);
    cf_set_free(set);
}

static bool stop_half_way(double share, void *context) {
    *(double *)context = share;
    return share < 0.5;
}

static void what_goes_wrong(void **state) {
    (void)state;
    cf_set *set;
    cf_split *split = stripes(&set);
    cf_train_options o = cf_train_defaults();
    LrRange result;
    double share;
    assert_fails(test(split, &o, &(LrRangeOptions){.from = 1, .to = 0.5, .steps = 50}, &result), CF_BAD_USE,
                 "rates that grow expected");
    assert_fails(test(split, &o, &(LrRangeOptions){.from = 1e8, .to = 1e9, .steps = 50}, &result), CF_BAD_USE,
                 "begin at a lower rate than 1e+08");
    assert_fails(test(split, &o, &(LrRangeOptions){1e-5, 1, 50, stop_half_way, &share}, &result), CF_INTERRUPTED,
                 "step 25 of 50");
    assert_true(share == 0.5);
    o.batch = 0;
    assert_fails(test(split, &o, &(LrRangeOptions){.from = 1e-5, .to = 1, .steps = 50}, &result), CF_BAD_USE,
                 "batch: ");
    o = cf_train_defaults();
    o.sample = CF_SMOTE_FEATURES;
    snprintf(o.freeze, sizeof o.freeze, "conv1");
    assert_fails(test(split, &o, &(LrRangeOptions){.from = 1e-5, .to = 1, .steps = 50}, &result), CF_BAD_USE,
                 "no features for sample smote-features");
    /* A loss that is never too large: all steps. */
    o = cf_train_defaults();
    assert_ok(test(split, &o, &(LrRangeOptions){.from = 1e-6, .to = 1e-4, .steps = 30}, &result));
    assert_true(!result.ended_early && result.count == 30);
    lr_range_free(&result);
    cf_split_free(split);
    cf_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),      cmocka_unit_test(smoothing),       cmocka_unit_test(suggestions),
        cmocka_unit_test(a_training), cmocka_unit_test(what_goes_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
