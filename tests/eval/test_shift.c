/* Shifts whose cause is known: what a factor explains, what cannot be measured, collapse, label shares. Shares also against a direct
 * maximisation of the likelihood in numpy (make_shares_golden.py). */
#include "golden.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "data/augment/augment.h"
#include "data/split.h"
#include "eval/shift.h"
#include "nn/model.h"

#include <string.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10 };

static const Shape input = {.C = 1, .H = SIDE, .W = SIDE};
static cf_set *source;
static cf_split *split;
static cf_model *model;

static int train_model(void **state) {
    (void)state;
    cf_split_options parts = cf_split_defaults();
    cf_train_options options = cf_train_defaults();
    assert_ok(cf_set_load("hand:n=3000,test=400", NULL, &source));
    assert_ok(cf_split_new(source, &parts, &split));
    assert_ok(cf_model_new("conv 8 5x5 | relu | maxpool 2 | conv 16 3x3 | relu | maxpool 2 | dense classes", split, 1,
                           &model));
    options.epochs = 4, options.optimizer = CF_ADAM, options.learning_rate = 0.003, options.batch = 32;
    assert_ok(cf_train(model, split, &options, NULL));
    return 0;
}

static int free_model(void **state) {
    (void)state;
    cf_model_free(model);
    cf_split_free(split);
    cf_set_free(source);
    return 0;
}

/* ---- Looks ---- */

static void fill(float *x, int top, int left, int bottom, int right, float value) {
    for (int y = top; y < bottom; y++)
        for (int c = left; c < right; c++) x[y * SIDE + c] = value;
}

static void looks_by_hand(void **state) {
    (void)state;
    float x[PIXELS], scratch[4 * PIXELS];
    assert_true(shift_scratch(input) <= COUNT_OF(scratch));
    fill(x, 0, 0, SIDE, SIDE, 0.25f);
    fill(x, 8, 12, 18, 16, 0.75f); /* 10 x 4, its middle at row 12.5, column 13.5 */
    fill(x, 6, 25, 22, 28, 0.75f); /* larger, but at the edge */
    ImageLook look = image_look(input, x, scratch);
    assert_near(look.ground, 0.25, 1e-6);
    assert_near(look.polarity, 1, 1e-6);
    assert_near(look.row, 12.5 - 13.5, 1e-6);
    assert_near(look.column, 0, 1e-6);
    assert_near(look.spread, sqrt((100 - 1) / 12.0 + (16 - 1) / 12.0), 1e-6);
    assert_true(look.left == 12 && look.right == 15);
    assert_near(look.low, 0.25, 1e-6);
    assert_near(look.high, 0.75, 1e-6);
    /* 16 of the 108 outermost pixels are 0.5 from the ground. */
    assert_near(look.roughness, 0.5 * sqrt(16 / 108.0), 1e-6);
    for (int i = 0; i < PIXELS; i++) x[i] = 1 - x[i];
    assert_near(image_look(input, x, scratch).polarity, -1, 1e-6);
    fill(x, 0, 0, SIDE, SIDE, 0.5f);
    look = image_look(input, x, scratch);
    assert_true(look.threshold == 0 && look.spread == 0 && look.polarity == 0 && look.ground == 0.5);
}

/* What a move sets is as in the source; all others leave it alone. */
static void moves_do_what_they_say(void **state) {
    (void)state;
    const SourceLook goal = {.light = 1,
                             .low = 0.1,
                             .high = 0.9,
                             .row = 2,
                             .column = -1,
                             .spread = 4,
                             .left = 6,
                             .right = 21,
                             .width = SIDE};
    float scratch[4 * PIXELS];
    for (int move = 0; move < SHIFT_MOVES; move++) {
        float x[PIXELS];
        fill(x, 0, 0, SIDE, SIDE, 0.75f);
        fill(x, 8, 12, 18, 16, 0.25f);
        fill(x, 10, 1, 18, 4, 0.25f);
        x[3 * SIDE + 20] = 0.7f;
        shift_move_image(&goal, 1U << move, input, scratch, x);
        const ImageLook look = image_look(input, x, scratch);
        const bool inverted = move == MOVE_POLARITY, placed = move == MOVE_PLACE, stretched = move == MOVE_CONTRAST;
        assert_near(look.polarity, inverted ? 1 : -1, 1e-6);
        assert_near(look.row, placed ? 2 : -1, placed ? 0.1 : 1e-6);
        assert_near(look.column, placed ? -1 : 0, placed ? 0.1 : 1e-6);
        assert_near(look.spread, placed ? 4 : 3.09, placed ? 0.3 : 0.01);
        if (!placed) assert_near(look.low, stretched ? 0.1 : 0.25, 1e-6);
        if (!placed) assert_near(look.high, stretched ? 0.9 : 0.75, 1e-6);
        if (!placed) assert_true((x[12 * SIDE + 2] != x[0]) == (move != MOVE_NEIGHBOURS));
        if (!placed) assert_true((x[3 * SIDE + 20] != x[0]) == (move != MOVE_BACKGROUND));
    }
}

/* ---- Causes ---- */

typedef void (*Cause)(size_t image, float *x);

/* The test images, changed. */
static cf_set *changed(Cause cause) {
    const cf_subset *test = cf_split_part(split, CF_TEST);
    cf_set *set;
    assert_ok(set_new("changed", "nowhere", test->count, 1, SIDE, SIDE, CLASSES, &set));
    assert_ok(set_name_classes_by_number(set));
    for (size_t i = 0; i < test->count; i++) {
        float x[PIXELS];
        for (size_t p = 0; p < PIXELS; p++) x[p] = (float)source->pixels[test->images[i] * PIXELS + p] / 255;
        cause(i, x);
        for (size_t p = 0; p < PIXELS; p++) set->pixels[i * PIXELS + p] = (unsigned char)(x[p] * 255 + 0.5f);
        set->labels[i] = source->labels[test->images[i]];
    }
    return set;
}

static void as_it_is(size_t image, float *x) {
    (void)image, (void)x;
}

static void inverted(size_t image, float *x) {
    (void)image;
    for (int p = 0; p < PIXELS; p++) x[p] = 1 - x[p];
}

static void faint(size_t image, float *x) {
    (void)image;
    for (int p = 0; p < PIXELS; p++) x[p] = 0.4f + 0.15f * x[p];
}

static void augmented(const char *line, size_t image, float *x) {
    static float scratch[8 * PIXELS];
    Augmentation *augmentation;
    assert_ok(augmentation_new(line, &augmentation));
    augmentation_apply(augmentation, &(AugmentKey){.seed = 2, .image = (uint32_t)image}, (const int[]){1, SIDE, SIDE},
                       scratch, x);
    augmentation_free(augmentation);
}

static void moved_away(size_t image, float *x) {
    augmented("scale 0.6:0.6 zero | shift 6 zero", image, x);
}

static void on_a_background(size_t image, float *x) {
    for (int p = 0; p < PIXELS; p++) /* tiles of 3 x 3, every third one lighter */
        if (((size_t)(p / SIDE / 3 + p % SIDE / 3) + image) % 3 == 0) x[p] += 0.3f * (1 - x[p]);
}

static void with_neighbours(size_t image, float *x) {
    const cf_subset *test = cf_split_part(split, CF_TEST);
    float other[PIXELS], scratch[4 * PIXELS];
    for (int side = 0; side < 2; side++) {
        const uint32_t beside = test->images[(image + (side ? 7 : 3)) % test->count];
        for (size_t p = 0; p < PIXELS; p++) other[p] = (float)source->pixels[beside * PIXELS + p] / 255;
        augmentation_lay_beside(side ? 19 : -19, (const int[]){1, SIDE, SIDE}, scratch, other, x);
    }
}

static cf_status measure(const cf_set *set, const cf_model *of, int threads, Shift *shift) {
    Evaluation own;
    const ClassifyOptions options = {.engine = cpu_engine(), .threads = 1};
    cf_split *uncut;
    assert_ok(evaluate(of, cf_split_part(split, CF_TEST), &options, &own));
    assert_ok(split_uncut(set, NULL, &uncut));
    const ShiftQuestion question = {.model = of,
                                    .train = cf_split_part(split, CF_TRAIN),
                                    .target = cf_split_part(uncut, CF_ALL),
                                    .source_text = "hand",
                                    .source_accuracy = own.metrics.summary.accuracy,
                                    .source_count = own.count,
                                    .engine = cpu_engine(),
                                    .threads = threads};
    const cf_status status = shift_new(&question, shift);
    evaluation_free(&own);
    cf_split_free(uncut);
    return status;
}

/* By moving all but one by hand. */
static void assert_without(const cf_set *set, const Shift *shift, ShiftMove move) {
    const ClassifyOptions options = {.engine = cpu_engine(), .threads = 1};
    cf_set *moved;
    cf_split *uncut;
    Evaluation evaluation;
    assert_ok(split_uncut(set, NULL, &uncut));
    assert_ok(
        shift_move_images(cf_split_part(uncut, CF_ALL), input, &shift->source, ALL_MOVES & ~(1U << move), 1, &moved));
    cf_split_free(uncut);
    assert_ok(split_uncut(moved, NULL, &uncut));
    assert_ok(evaluate(model, cf_split_part(uncut, CF_ALL), &options, &evaluation));
    assert_true(shift->rows[move].without == evaluation.metrics.summary.accuracy);
    assert_true(shift->rows[move].without < shift->rows[SHIFT_MOVES].accuracy);
    evaluation_free(&evaluation);
    cf_split_free(uncut);
    cf_set_free(moved);
}

/* The factor that was the cause explains almost all of the drop, and more than any other. */
static void causes_are_found(void **state) {
    (void)state;
    static const struct {
        Cause cause;
        ShiftMove move;
        double least; /* of the drop */
    } cases[] = {{inverted, MOVE_POLARITY, 1},
                 {faint, MOVE_CONTRAST, 0.97},
                 {moved_away, MOVE_PLACE, 0.8},
                 {on_a_background, MOVE_BACKGROUND, 0.6},
                 {with_neighbours, MOVE_NEIGHBOURS, 0.8}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cf_set *set = changed(cases[i].cause);
        Shift shift;
        assert_ok(measure(set, model, 1, &shift));
        const double plain = shift.plain.metrics.summary.accuracy, drop = shift.source_accuracy - plain;
        assert_int_equal(shift.row_count, SHIFT_MOVES + 2);
        if (drop < 0.1) fail_msg("case %zu: a drop of %g only", i, drop);
        for (int move = 0; move < SHIFT_MOVES; move++) {
            const ShiftRow *row = &shift.rows[move];
            const double explains = shift_explains(&shift, row);
            assert_string_equal(row->cannot, "");
            assert_near(row->accuracy - plain, row->gain, 1e-12);
            assert_near(explains * drop, row->gain, 1e-12);
            assert_true(row->low <= row->gain && row->gain <= row->high && row->low < row->high);
            if (move == (int)cases[i].move ? explains < cases[i].least - 1e-9
                                           : row->gain >= shift.rows[cases[i].move].gain)
                fail_msg("case %zu: %s explains %g of %g", i, row->name, explains, drop);
        }
        assert_true(shift.rows[cases[i].move].low > 0);
        assert_without(set, &shift, cases[i].move);
        shift_free(&shift);
        cf_set_free(set);
    }
}

static void no_drop_is_explained_by_nothing(void **state) {
    (void)state;
    cf_set *set = changed(as_it_is);
    Shift shift;
    assert_ok(measure(set, model, 1, &shift));
    assert_true(shift.plain.metrics.summary.accuracy == shift.source_accuracy);
    for (int i = 0; i < shift.row_count; i++) assert_true(isnan(shift_explains(&shift, &shift.rows[i])));
    assert_true(shift.rows[MOVE_POLARITY].gain == 0 && shift.rows[MOVE_POLARITY].low < 0);
    assert_false(shift.collapse.collapsed);
    shift_free(&shift);
    cf_set_free(set);
}

/* House numbers have both polarities, grounds of all kinds, and neighbours. */
static void what_the_source_has_no_goal_for(void **state) {
    (void)state;
    cf_set *set;
    cf_split *uncut;
    SourceLook look;
    char why[160];
    assert_ok(cf_set_load("street:n=300,test=1", NULL, &set));
    assert_ok(split_uncut(set, NULL, &uncut));
    assert_ok(source_look(cf_split_part(uncut, CF_ALL), (Shape){.C = 3, .H = 32, .W = 32}, 2, &look));
    assert_true(shift_cannot_move(&look, MOVE_POLARITY, why) && strstr(why, "the source has both"));
    assert_true(shift_cannot_move(&look, MOVE_BACKGROUND, why) && strstr(why, "not plain"));
    assert_true(shift_cannot_move(&look, MOVE_NEIGHBOURS, why) && strstr(why, "reach both sides"));
    assert_false(shift_cannot_move(&look, MOVE_CONTRAST, why));
    assert_false(shift_cannot_move(&look, MOVE_PLACE, why));
    cf_split_free(uncut);
    cf_set_free(set);
}

/* ---- Dials ---- */

static void assert_rows_equal(const Shift *a, const Shift *b) {
    assert_int_equal(a->row_count, b->row_count);
    for (int i = 0; i < a->row_count; i++) {
        const ShiftRow *x = &a->rows[i], *y = &b->rows[i];
        assert_string_equal(x->name, y->name);
        assert_string_equal(x->cannot, y->cannot);
        assert_memory_equal(&x->accuracy, &y->accuracy, sizeof x->accuracy);
        assert_memory_equal(&x->low, &y->low, sizeof x->low);
    }
}

/* A dial that alone was turned gives back all; at any number of threads the same bits. */
static void dials_go_to_the_source(void **state) {
    (void)state;
    cf_set *set;
    Shift shift, threaded;
    assert_ok(cf_set_load("hand:n=1,test=399,blur=2.5,rotation=20:30", NULL, &set));
    assert_ok(measure(set, model, 1, &shift));
    assert_ok(measure(set, model, 3, &threaded));
    assert_rows_equal(&shift, &threaded);
    const ShiftRow *dials = &shift.rows[SHIFT_MOVES + 2];
    assert_int_equal(shift.row_count, SHIFT_MOVES + 2 + 3);
    assert_string_equal(dials[0].name, "rotation");
    assert_string_equal(dials[1].name, "blur");
    assert_int_equal(dials[2].kind, SHIFT_ALL_DIALS);
    /* With one dial "all but it" is the other one turned alone. */
    assert_true(dials[0].without == dials[1].accuracy && dials[1].without == dials[0].accuracy);
    assert_true(dials[2].gain > 0 && dials[2].accuracy > 0.85);
    shift_free(&shift), shift_free(&threaded);
    cf_set_free(set);
}

static bool stop(const char *factor, void *context) {
    (void)context;
    return strcmp(factor, "contrast") != 0;
}

static void it_can_be_stopped(void **state) {
    (void)state;
    const ShiftQuestion question = {.model = model,
                                    .train = cf_split_part(split, CF_TRAIN),
                                    .target = cf_split_part(split, CF_TEST),
                                    .source_accuracy = NAN,
                                    .engine = cpu_engine(),
                                    .threads = 1,
                                    .progress = stop};
    Shift shift;
    assert_fails(shift_new(&question, &shift), CF_INTERRUPTED, "stopped before contrast");
}

/* ---- Label shares, collapse ---- */

/* Class k's recall in place of the target's share of it counts by the source's. */
static void shares_change_the_accuracy(void **state) {
    (void)state;
    cf_set *set = changed(on_a_background);
    unsigned char *stays;
    Shift shift;
    double wanted = 0;
    assert_ok(memory_new(set->count, 1, &stays));
    for (size_t i = 0; i < set->count; i++) stays[i] = set->labels[i] < 5 || i % 4 == 0;
    set_keep(set, stays);
    assert_ok(measure(set, model, 1, &shift));
    const ShiftRow *row = &shift.rows[SHIFT_MOVES + 1];
    assert_int_equal(row->kind, SHIFT_LABELS);
    for (int c = 0; c < CLASSES; c++) {
        double right = 0, all = 0;
        for (size_t i = 0; i < shift.plain.count; i++)
            if (shift.plain.labels[i] == c) {
                all++;
                right += first_largest(shift.plain.probabilities + i * CLASSES, CLASSES) == c;
            }
        wanted += shift.source_shares[c] * right / all;
        assert_near(shift.label_shares[c], all / (double)shift.plain.count, 1e-9);
    }
    assert_near(row->accuracy, wanted, 1e-9);
    assert_true(row->low < row->gain && row->gain < row->high);
    shift_free(&shift);
    memset(stays, 1, set->count);
    for (size_t i = 0; i < set->count; i++) stays[i] = set->labels[i] != 3;
    set_keep(set, stays);
    assert_ok(measure(set, model, 1, &shift));
    assert_string_equal(shift.rows[SHIFT_MOVES + 1].cannot,
                        "there is no image of class 3, of which the source has 10.0 %");
    shift_free(&shift);
    free(stays);
    cf_set_free(set);
}

/* Weights 0: every class is as likely, the first is said. */
static void one_class_is_a_collapse(void **state) {
    (void)state;
    static const double even[4] = {0.25, 0.25, 0.25, 0.25}, one[4] = {0, 1, 0, 0}, two[4] = {0.5, 0.5, 0, 0},
                        three[4] = {0.3, 0.3, 0.4, 0};
    const Collapse by_hand = collapse_of(one, even, 4);
    assert_near(by_hand.predicted, 1, 1e-12);
    assert_near(by_hand.labels, 4, 1e-12);
    assert_near(by_hand.distance, 0.75, 1e-12);
    assert_true(by_hand.collapsed);
    assert_near(collapse_of(two, even, 4).predicted, 2, 1e-12);
    assert_false(collapse_of(three, even, 4).collapsed);
    cf_model *constant;
    Shift shift;
    cf_set *set = changed(as_it_is);
    assert_ok(cf_model_new("dense classes", split, 1, &constant));
    memset(constant->parameters.values, 0, constant->parameters.total * sizeof *constant->parameters.values);
    assert_ok(measure(set, constant, 1, &shift));
    assert_true(shift.collapse.collapsed);
    assert_near(shift.predicted_shares[0], 1, 1e-9);
    assert_near(shift.collapse.predicted, 1, 1e-9);
    for (int c = 0; c < CLASSES; c++)
        assert_near(shift.estimated_shares[c], shift.source_shares[c], 1e-6); /* nothing is learned */
    shift_free(&shift);
    cf_model_free(constant);
    cf_set_free(set);
}

static void shares_as_by_maximum_likelihood(void **state) {
    (void)state;
    json_t *golden = golden_open("shares_golden.json");
    const json_t *parts = json_object_get(golden, "parts"), *labels = json_object_get(golden, "labels");
    const size_t count = json_array_size(labels);
    double shares[4], estimated[4], plain = 0, corrected = 0;
    uint16_t *truth;
    float *p;
    int rounds;
    assert_ok(memory_new(count, sizeof *truth, &truth));
    assert_ok(memory_new(count * 4, sizeof *p, &p));
    for (size_t c = 0; c < 4; c++) shares[c] = json_number_value(json_array_get(json_object_get(golden, "source"), c));
    for (size_t i = 0; i < count; i++) {
        truth[i] = (uint16_t)json_integer_value(json_array_get(labels, i));
        for (size_t c = 0; c < 4; c++)
            p[4 * i + c] = (float)(golden_cell(parts, i, c) / golden_number(golden, "denominator"));
    }
    const Predictions predictions = {p, truth, count, 4};
    assert_ok(shares_estimate(&predictions, shares, 10000, estimated, &rounds));
    assert_in_range(rounds, 10, 9999);
    for (size_t c = 0; c < 4; c++) {
        assert_near(estimated[c], json_number_value(json_array_get(json_object_get(golden, "estimated"), c)), 1e-5);
        assert_near(estimated[c], json_number_value(json_array_get(json_object_get(golden, "drawn"), c)), 0.06);
    }
    for (size_t i = 0; i < count; i++) {
        plain += first_largest(p + 4 * i, 4) == truth[i];
        corrected += shares_corrected_class(p + 4 * i, shares, estimated, 4) == truth[i];
    }
    assert_near(plain / (double)count, golden_number(golden, "accuracy"), 1e-9);
    assert_near(corrected / (double)count, golden_number(golden, "corrected"), 1e-9);
    assert_ok(shares_estimate(&predictions, shares, 1, estimated, &rounds));
    assert_int_equal(rounds, 1);
    free(truth), free(p);
    json_decref(golden);
}

/* A class that the source does not have gets no share. */
static void a_class_without_source_stays_without(void **state) {
    (void)state;
    const float p[6] = {0.5f, 0.25f, 0.25f, 0.1f, 0.1f, 0.8f};
    const uint16_t truth[2] = {0, 1};
    const double shares[3] = {0.5, 0.5, 0};
    double estimated[3];
    assert_ok(shares_estimate(&(Predictions){p, truth, 2, 3}, shares, 1, estimated, NULL));
    /* One round by hand: (2/3, 1/3) and (1/2, 1/2) in the mean. */
    assert_near(estimated[0], 7 / 12.0, 1e-7);
    assert_near(estimated[1], 5 / 12.0, 1e-7);
    assert_true(estimated[2] == 0);
    assert_int_equal(shares_corrected_class(p + 3, shares, (const double[]){0.4, 0.6, 0}, 3), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_by_hand),
        cmocka_unit_test(moves_do_what_they_say),
        cmocka_unit_test(causes_are_found),
        cmocka_unit_test(no_drop_is_explained_by_nothing),
        cmocka_unit_test(what_the_source_has_no_goal_for),
        cmocka_unit_test(dials_go_to_the_source),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(shares_change_the_accuracy),
        cmocka_unit_test(one_class_is_a_collapse),
        cmocka_unit_test(shares_as_by_maximum_likelihood),
        cmocka_unit_test(a_class_without_source_stays_without),
    };
    return cmocka_run_group_tests(tests, train_model, free_model);
}
