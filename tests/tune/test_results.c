/* The order of trials, the paired test and the means of parameters: by hand, and against statsmodels. */
#include "golden.h"
#include "trial_making.h"

static const char *const optimizers[] = {"sgd", "adam"}, *const rates[] = {"0.01", "0.001", "a,b"};

static MadeTrials two_parameters(size_t room) {
    MadeTrials made = trials_begin(room);
    add_parameter(&made.space, "optimizer", optimizers, 2);
    add_parameter(&made.space, "lr", rates, 3);
    return made;
}

static int id_at(const TuneResults *r, size_t place) {
    return r->configurations[place].trials[0]->id;
}

/* Done by loss, equals by id, then pruned, waiting without a loss, failed. */
static void test_order(void **state) {
    (void)state;
    MadeTrials made = two_parameters(8);
    set_reason(add_trial(&made, TRIAL_FAILED, 0, 0), "it diverged");
    add_trial(&made, TRIAL_DONE, 0.5, 0.8);
    add_trial(&made, TRIAL_PRUNED, 0.1, 0.9);
    add_trial(&made, TRIAL_DONE, 0.25, 0.9);
    add_trial(&made, TRIAL_WAITING, 0, 0)->best_epoch = 0;
    add_trial(&made, TRIAL_DONE, 0.25, 0.95);
    add_trial(&made, TRIAL_RUNNING, 0.05, 0.95);
    TuneResults r = results_of(&made);
    const int order[] = {4, 6, 2, 7, 3, 5, 1};
    assert_int_equal(r.count, 7);
    for (size_t i = 0; i < 7; i++) assert_int_equal(id_at(&r, i), order[i]);
    assert_true(results_best(&r) == &r.configurations[0]);
    assert_int_equal(r.done, 3);
    assert_int_equal(r.pruned, 1);
    assert_int_equal(r.failed, 1);
    assert_true(r.seconds == 70);
    assert_true(isnan(r.configurations[0].loss.low) && isnan(r.configurations[0].accuracy_low));
    assert_true(r.configurations[4].loss.mean == 0.1 && isnan(r.configurations[6].loss.mean));
    results_free(&r);
    results_free(&r);
}

/* Repeats join their configuration; it comes before others, by its mean, and a failed seed does not count. */
static void test_seeds(void **state) {
    (void)state;
    MadeTrials made = two_parameters(8);
    set_right(add_trial(&made, TRIAL_DONE, 0.20, 0.75), "1110");
    add_trial(&made, TRIAL_DONE, 0.21, 0.5);
    set_right(add_trial(&made, TRIAL_DONE, 0.29, 0.75), "0111");
    const int repeated[] = {1, 2, 2, 1};
    const double losses[] = {0.40, 0.23, 0, 0.42};
    for (int i = 0; i < 4; i++) {
        Trial *t = add_trial(&made, TRIAL_DONE, losses[i], 0.5);
        t->repeats = repeated[i];
        t->seed = (uint64_t)i + 2;
        if (i == 2) {
            t->state = TRIAL_FAILED;
            set_reason(t, "no");
        }
    }
    TuneResults r = results_of(&made);
    assert_int_equal(r.count, 3);
    assert_int_equal(id_at(&r, 0), 2);
    assert_int_equal(id_at(&r, 1), 1);
    assert_int_equal(id_at(&r, 2), 3);
    assert_int_equal(r.configurations[0].count, 3);
    assert_int_equal(r.configurations[0].done, 2);
    assert_int_equal(r.configurations[0].failed, 1);
    assert_near(r.configurations[0].loss.mean, 0.22, 1e-12);
    /* Two values: the standard error is half their distance, and t of one degree is 12.7062. */
    assert_near(r.configurations[0].loss.high, 0.22 + 12.706204736 * 0.01, 1e-9);
    assert_int_equal(r.seeds, 3);
    assert_int_equal(r.images, 4);
    /* Of one trial: Wilson's interval of 3 in 4. */
    double low, high;
    wilson_interval(3, 4, &low, &high);
    assert_true(r.configurations[2].accuracy_low == low && r.configurations[2].accuracy_high == high);
    results_free(&r);
}

static char *text_of_comparison(const TuneResults *r, const Comparison *c) {
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    comparison_print(r, c, stream);
    fclose(stream);
    return text;
}

static void expect_said(const TuneResults *r, const Comparison *c, const char *part) {
    char *text = text_of_comparison(r, c);
    if (!strstr(text, part)) print_error("not in the text: %s\n%s", part, text);
    assert_non_null(strstr(text, part));
    free(text);
}

/* 14 images that only the best gets right, 11 that only the other does; then 3 and 15, then the other way round. */
static void test_one_seed(void **state) {
    (void)state;
    const struct {
        int one, other;
        double p;
        const char *said;
    } cases[] = {{14, 11, 0.6900379657745361,
                  "Trial 1 against trial 2: the difference is noise: 14 images against 11 of "
                  "1,200 (p = 0.69; McNemar, exact).\n"},
                 {15, 3, 0.007537841796875,
                  "trial 1 is better: it alone gets 15 images right, the other alone 3, of 1,200 "
                  "(p = 0.0075; McNemar, exact)."},
                 {3, 15, 0.007537841796875,
                  "trial 1 has the lower loss, but trial 2 gets more images right: 15 against 3 "
                  "of 1,200 (p = 0.0075"},
                 {0, 0, 1, "no difference: each of the 1,200 validation images"},
                 {40, 0, 0x1p-39, "(p < 0.0001; McNemar"}};
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        MadeTrials made = two_parameters(2);
        char right[1201] = {0};
        Comparison c;
        memset(right, '1', 1200);
        memset(right, '0', (size_t)cases[k].other);
        set_right(add_trial(&made, TRIAL_DONE, 0.1, 0.9), right);
        memset(right, '1', 1200);
        memset(right + 1200 - cases[k].one, '0', (size_t)cases[k].one);
        set_right(add_trial(&made, TRIAL_DONE, 0.15, 0.9), right);
        TuneResults r = results_of(&made);
        assert_ok(results_compare(&r, &c));
        assert_int_equal(c.only_best, cases[k].one);
        assert_int_equal(c.only_other, cases[k].other);
        assert_near(c.p, cases[k].p, 1e-12);
        assert_int_equal(comparison_is_noise(&c), cases[k].p > 0.05);
        assert_near(c.ahead.mean, 0.05, 1e-12);
        assert_true(isnan(c.ahead.low));
        expect_said(&r, &c, cases[k].said);
        json_t *json;
        assert_ok(comparison_json(&c, &json));
        assert_int_equal(golden_number(json, "only_best"), cases[k].one);
        assert_true(
            json_is_null(json_array_get(json_object_get(json_object_get(json, "loss_difference"), "interval"), 0)));
        json_decref(json);
        results_free(&r);
    }
}

/* Nobody to compare with, or no images: nothing is said. */
static void test_no_comparison(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        MadeTrials made = two_parameters(3);
        Comparison c;
        json_t *json;
        set_right(add_trial(&made, TRIAL_DONE, 0.1, 0.5), "10");
        if (k == 1) add_trial(&made, TRIAL_DONE, 0.2, 0.5);
        if (k == 2) set_right(add_trial(&made, TRIAL_PRUNED, 0.2, 0.5), "10");
        if (k == 3) set_right(add_trial(&made, TRIAL_DONE, 0.2, 0.5), "101");
        TuneResults r = results_of(&made);
        assert_ok(results_compare(&r, &c));
        assert_null(c.best);
        char *text = text_of_comparison(&r, &c);
        assert_string_equal(text, "");
        free(text);
        assert_ok(comparison_json(&c, &json));
        assert_true(json_is_null(json));
        json_decref(json);
        results_free(&r);
    }
}

/* Three seeds each: an image counts once. */
static void test_golden_images(void **state) {
    (void)state;
    json_t *golden = golden_open("tune_golden.json");
    const json_t *images = json_object_get(golden, "images"), *right = json_object_get(images, "right");
    MadeTrials made = two_parameters(6);
    const double losses[6] = {0.10, 0.20, 0.11, 0.12, 0.22, 0.19};
    const int repeats[6] = {0, 0, 1, 1, 2, 2}, row[6] = {0, 3, 1, 2, 4, 5}, seeds[6] = {1, 1, 2, 3, 2, 3};
    for (size_t i = 0; i < 6; i++) {
        char text[201] = {0};
        Trial *t = add_trial(&made, TRIAL_DONE, losses[i], 0.9);
        t->repeats = repeats[i];
        t->seed = (uint64_t)seeds[i];
        for (size_t k = 0; k < 200; k++) text[k] = golden_cell(right, (size_t)row[i], k) > 0 ? '1' : '0';
        set_right(t, text);
    }
    TuneResults r = results_of(&made);
    Comparison c;
    assert_ok(results_compare(&r, &c));
    assert_int_equal(c.seeds, 3);
    assert_int_equal(c.images, 200);
    assert_int_equal(c.only_best, golden_number(images, "one"));
    assert_int_equal(c.only_other, golden_number(images, "other"));
    assert_near(c.p, golden_number(images, "p"), 1e-12);
    /* 0.10, 0.11 and 0.07. */
    assert_near(c.ahead.mean, 0.28 / 3, 1e-12);
    expect_said(&r, &c, "3 seeds each");
    expect_said(&r, &c, "Trial 1's mean loss over 3 seeds is lower by 0.093 (95 % interval 0.042 to 0.15): more than");
    results_free(&r);
    json_decref(golden);
}

static void test_golden_effects(void **state) {
    (void)state;
    static const char *const words[] = {"a", "b", "c"};
    static const char *const keys[] = {"loss", "accuracy"};
    json_t *golden = golden_open("tune_golden.json"), *item;
    const json_t *marginals = json_object_get(golden, "marginals");
    MadeTrials made = trials_begin(16);
    Effect *effects;
    size_t i;
    add_parameter(&made.space, "p", words, 2);
    add_parameter(&made.space, "q", words, 3);
    add_parameter(&made.space, "r", words, 2);
    json_array_foreach(json_object_get(golden, "trials"), i, item) {
        Trial *t = add_trial(&made, TRIAL_DONE, golden_number(item, "loss"), golden_number(item, "accuracy"));
        for (size_t p = 0; p < 3; p++)
            t->point.values[p] = json_number_value(json_array_get(json_object_get(item, "values"), p));
    }
    add_trial(&made, TRIAL_DONE, 9, 0)->repeats = 1; /* none of these counts */
    add_trial(&made, TRIAL_RUNNING, 9, 0);
    set_reason(add_trial(&made, TRIAL_FAILED, 9, 0), "no");
    TuneResults r = results_of(&made);
    assert_ok(results_effects(&r, &effects));
    for (size_t p = 0; p < 3; p++) {
        const json_t *groups = json_array_get(marginals, p);
        assert_int_equal(effects[p].count, json_array_size(groups));
        for (size_t g = 0; g < effects[p].count; g++) {
            const EffectGroup *own = &effects[p].groups[g];
            const json_t *group = json_array_get(groups, g);
            assert_string_equal(own->text, words[g]);
            assert_int_equal(own->loss.count, golden_number(group, "count"));
            for (int k = 0; k < 2; k++) {
                const MeanInterval *m = k ? &own->accuracy : &own->loss;
                const json_t *wanted = json_object_get(group, keys[k]);
                assert_near(m->mean, golden_number(wanted, "mean"), 1e-12);
                assert_near(m->low, golden_number(wanted, "low"), 1e-9);
                assert_near(m->high, golden_number(wanted, "high"), 1e-9);
            }
        }
    }
    effects_free(&r, effects);
    results_free(&r);
    json_decref(golden);
}

/* A range falls into bins of equal size; equal values stay together. */
static void test_range_effects(void **state) {
    (void)state;
    const double values[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.7, 0.7, 0.8};
    MadeTrials made = trials_begin(10);
    Effect *effects;
    add_parameter(&made.space, "x", optimizers, 2);
    made.space.parameters[0].kind = PARAMETER_UNIFORM;
    made.space.parameters[0].low = 0.1, made.space.parameters[0].high = 0.8;
    for (int i = 0; i < 10; i++) add_trial(&made, TRIAL_DONE, values[9 - i], 0.5)->point.values[0] = values[9 - i];
    TuneResults r = results_of(&made);
    assert_ok(results_effects(&r, &effects));
    assert_int_equal(effects[0].count, 4);
    assert_string_equal(effects[0].groups[0].text, "0.1 to 0.2");
    assert_string_equal(effects[0].groups[1].text, "0.3 to 0.5");
    assert_string_equal(effects[0].groups[2].text, "0.6 to 0.7");
    assert_string_equal(effects[0].groups[3].text, "0.8");
    assert_int_equal(effects[0].groups[2].loss.count, 4);
    assert_near(effects[0].groups[1].loss.mean, 0.4, 1e-12);
    effects_free(&r, effects);
    results_free(&r);
}

/* The highest accuracy first, of equal ones the lowest loss, of these the lower id; what is compared is the accuracy, too. */
static void test_by_accuracy(void **state) {
    (void)state;
    const double losses[] = {0.1, 0.5, 0.4, 0.4}, accuracies[] = {0.5, 0.75, 0.75, 0.75};
    MadeTrials made = two_parameters(8);
    Comparison c;
    for (int i = 0; i < 4; i++) set_right(add_trial(&made, TRIAL_DONE, losses[i], accuracies[i]), "1110");
    assert_int_equal(trial_best(&made.list, OBJECTIVE_ACCURACY)->id, 3);
    assert_int_equal(trial_best(&made.list, OBJECTIVE_LOSS)->id, 1);
    TuneResults r = results_by(&made, OBJECTIVE_ACCURACY);
    const int order[] = {3, 4, 2, 1};
    for (size_t i = 0; i < 4; i++) assert_int_equal(id_at(&r, i), order[i]);
    assert_string_equal(results_objective(&r), "validation accuracy");
    results_free(&r);
    made = two_parameters(8);
    for (int i = 0; i < 4; i++) {
        Trial *t = add_trial(&made, TRIAL_DONE, 0.1 * (i + 1), i % 2 ? 0.75 : 0.5);
        set_right(t, i % 2 ? "1110" : "1100");
        if (i >= 2) t->repeats = i - 1, t->seed = 2;
    }
    made.list.trials[3].validation_accuracy = 0.8;
    r = results_by(&made, OBJECTIVE_ACCURACY);
    assert_int_equal(id_at(&r, 0), 2);
    assert_ok(results_compare(&r, &c));
    assert_near(c.ahead.mean, 0.275, 1e-12);
    expect_said(&r, &c, "Trial 2's mean accuracy over 2 seeds is higher by 28 points");
    json_t *json;
    assert_ok(comparison_json(&c, &json));
    assert_near(golden_number(json_object_get(json, "accuracy_difference"), "mean"), 0.275, 1e-12);
    assert_null(json_object_get(json, "loss_difference"));
    json_decref(json);
    results_free(&r);
}

/* Where trials were pruned, all are set beside each other after as many epochs as each of these had. */
static void test_effects_of_pruned(void **state) {
    (void)state;
    MadeTrials made = two_parameters(8);
    Effect *effects;
    const double losses[] = {0.1, 0.2, 0.4, 0.8, 1.6};
    const TrialState states[] = {TRIAL_DONE, TRIAL_PRUNED, TRIAL_PRUNED, TRIAL_RUNNING, TRIAL_RUNNING};
    const int epochs[] = {4, 3, 2, 2, 1};
    for (int i = 0; i < 5; i++) {
        Trial *t = add_trial(&made, states[i], losses[i], 0.5);
        t->epochs_run = t->best_epoch = epochs[i];
        set_curve(&made, t, epochs[i]);
    }
    TuneResults r = results_of(&made);
    assert_int_equal(results_effect_epochs(&r), 2);
    assert_ok(results_effects(&r, &effects));
    assert_int_equal(effects[0].groups[0].loss.count, 4); /* the last has one epoch */
    /* The first was at 1.4 times its best then (set_curve), the second at 1.1. */
    assert_near(effects[0].groups[0].loss.mean, (0.1 * 1.4 + 0.2 * 1.1 + 0.4 + 0.8) / 4, 1e-12);
    effects_free(&r, effects);
    results_free(&r);
}

/* What diverged without becoming infinite is in no mean; a bad one is. */
static void test_far(void **state) {
    (void)state;
    MadeTrials made = two_parameters(6);
    Effect *effects;
    const double losses[] = {0.25, 0.5, 2, 49, 51, 1e6};
    for (int i = 0; i < 6; i++) add_trial(&made, TRIAL_DONE, losses[i], 0.5);
    made.list.trials[3].state = TRIAL_RUNNING; /* the median is of all that have a loss */
    TuneResults r = results_of(&made);
    assert_true(r.far == 200);
    assert_ok(results_effects(&r, &effects));
    assert_int_equal(effects[0].count, 1);
    assert_int_equal(effects[0].groups[0].loss.count, 4);
    assert_near(effects[0].groups[0].loss.mean, (0.25 + 0.5 + 2 + 51) / 4, 1e-12);
    effects_free(&r, effects);
    results_free(&r);
    made = two_parameters(1);
    r = results_of(&made);
    assert_true(isinf(r.far));
    results_free(&r);
}

static void expect_table(const TuneResults *r, size_t rows, const char *expected) {
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_ok(results_print(r, rows, stream));
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
}

static void test_table(void **state) {
    (void)state;
    MadeTrials made = two_parameters(5);
    set_reason(add_trial(&made, TRIAL_FAILED, 0, 0), "the loss is not finite");
    Trial *best = add_trial(&made, TRIAL_DONE, 0.125, 0.75);
    best->point.values[0] = 1, best->point.values[1] = 2;
    set_right(best, "1110");
    add_trial(&made, TRIAL_PRUNED, 0.5, 0.5)->seconds = 123.45;
    TuneResults r = results_of(&made);
    expect_table(&r, 0,
                 "     trial  optimizer    lr    loss  accuracy %            95 %  epochs  seconds  state\n"
                 "\n"
                 "* 1      2  adam        a,b  0.1250       75.00  30.06 to 95.44     2/3     10.0  done\n"
                 "  2      3  sgd        0.01  0.5000       50.00                     2/3    123.5  pruned\n"
                 "  3      1  sgd        0.01                                           3     10.0  failed\n"
                 "\n"
                 "95 %: Wilson's interval over the 4 validation images\n"
                 "trial 1 failed: the loss is not finite\n");
    expect_table(&r, 1,
                 "     trial  optimizer   lr    loss  accuracy %            95 %  epochs  seconds  state\n"
                 "\n"
                 "* 1      2  adam       a,b  0.1250       75.00  30.06 to 95.44     2/3     10.0  done\n"
                 "... and 2 more; trials.csv has all of them\n"
                 "\n"
                 "95 %: Wilson's interval over the 4 validation images\n"
                 "trial 1 failed: the loss is not finite\n");
    const char *path = path_in(scratch_folder(), "trials.csv");
    unsigned char *bytes;
    size_t size;
    assert_ok(results_write(&r, path));
    assert_ok(file_read(path, 10000, &bytes, &size));
    assert_string_equal(
        (char *)bytes,
        "trial,state,repeats,seed,optimizer,lr,validation_loss,validation_accuracy,best_epoch,epochs,seconds,"
        "weights_sha256,reason\n"
        "1,failed,0,1,sgd,0.01,,,,3,10.000,,the loss is not finite\n"
        "2,done,0,1,adam,\"a,b\",0.125,0.75,2,3,10.000,,\n"
        "3,pruned,0,1,sgd,0.01,0.5,0.5,2,3,123.450,,\n");
    free(bytes);
    results_free(&r);
    made = two_parameters(1);
    r = results_of(&made);
    expect_table(&r, 0, "no trial yet\n");
    assert_null(results_best(&r));
    results_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),         cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_one_seed),      cmocka_unit_test(test_no_comparison),
        cmocka_unit_test(test_golden_images), cmocka_unit_test(test_golden_effects),
        cmocka_unit_test(test_range_effects), cmocka_unit_test(test_table),
        cmocka_unit_test(test_far),           cmocka_unit_test(test_by_accuracy),
        cmocka_unit_test(test_effects_of_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
