/* The imbalance lab: remedies and their names, cases by hand, rows and worth beside scipy's and scikit-learn's. */
#include "study/imbalance/lab.h"

#include "testing.h"

#include "study/ledger/study_results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Remedies ---- */

static void test_names(void **state) {
    (void)state;
    Remedy r, list[MOST_REMEDIES];
    int count;
    assert_ok(remedy_read("balanced+augment", &r));
    assert_string_equal(r.name, "augment+balanced");
    assert_ok(remedy_read("nothing", &r));
    assert_int_equal(r.parts, 0);
    assert_ok(remedy_read("pretrained+augment+head+balanced", &r));
    assert_true(remedy_has(&r, REMEDY_HEAD) && remedy_has(&r, REMEDY_PRETRAINED) && !remedy_has(&r, REMEDY_MOVED));
    r = remedy_first(&r);
    assert_string_equal(r.name, "pretrained+augment+balanced");
    assert_ok(remedy_read("augment+moved", &r));
    r = remedy_trained(&r);
    assert_string_equal(r.name, "augment");
    assert_ok(remedies_read("balanced,augment+balanced,balanced+augment,nothing", list, &count));
    assert_int_equal(count, 3);
    assert_string_equal(list[0].name, "nothing");
    assert_string_equal(list[2].name, "augment+balanced");
    assert_ok(remedies_read(remedies_usual, list, &count));
    assert_int_equal(count, 19);
}

static void test_what_contradicts(void **state) {
    (void)state;
    Remedy r;
    assert_fails(remedy_read("balancd", &r), CF_BAD_USE, "balanced");
    assert_fails(remedy_read("", &r), CF_BAD_USE, "name");
    assert_fails(remedy_read("balanced+", &r), CF_BAD_USE, "no remedy");
    assert_fails(remedy_read("balanced+balanced", &r), CF_BAD_USE, "twice");
    assert_fails(remedy_read("balanced+smote", &r), CF_BAD_USE, "same option");
    assert_fails(remedy_read("focal+ldam", &r), CF_BAD_USE, "same option");
    assert_fails(remedy_read("head+head-smote", &r), CF_BAD_USE, "same option");
    assert_fails(remedy_read("balanced+moved", &r), CF_BAD_USE, "shares");
    assert_fails(remedy_read("moved+head", &r), CF_BAD_USE, "shares");
    assert_ok(remedy_read("balanced+head", &r)); /* two trainings */
    assert_ok(remedy_read("focal+moved", &r));
}

static void test_settings(void **state) {
    (void)state;
    Remedy r;
    cf_train_options o = lab_train_defaults();
    assert_ok(remedy_read("augment+ldam+head", &r));
    assert_ok(remedy_lay(&r, false, "shift 1", &o));
    assert_string_equal(o.augment, "shift 1");
    assert_string_equal(o.loss, "ldam");
    assert_string_equal(o.class_weights, "effective 0.9999");
    assert_true(o.reweight_from == 0.8 && o.sample == CF_NATURAL);
    assert_string_equal(o.freeze, "none");
    assert_ok(remedy_lay(&r, true, "shift 1", &o)); /* the head's: of the first training nothing about classes stays */
    assert_string_equal(o.augment, "none");
    assert_string_equal(o.loss, "ce");
    assert_string_equal(o.class_weights, "none");
    assert_string_equal(o.freeze, "backbone");
    assert_true(o.reweight_from == 0 && o.sample == CF_BALANCED);
}

/* ---- Cases ---- */

/* Per class 40, 80, 20 training images, of which a tenth validates; two of each to test. */
static cf_set *make_set(void) {
    static const int sizes[] = {40, 80, 20};
    cf_set *set;
    size_t at = 0;
    assert_ok(set_new("dots", "nowhere", 146, 1, 4, 4, 3, &set));
    assert_ok(set_name_classes(set, (const char *const[]){"a", "b", "c"}));
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < sizes[k]; i++) set->labels[at++] = (uint16_t)k;
    set->official_train = at;
    for (int i = 0; i < 6; i++) set->labels[at++] = (uint16_t)(i / 2);
    for (size_t i = 0; i < set->count; i++) set->pixels[16 * i] = (unsigned char)i;
    assert_ok(set_seal(set));
    return set;
}

static void test_cases(void **state) {
    (void)state;
    cf_set *set = make_set();
    RunConfig base = {.split = cf_split_defaults()};
    Lab lab = {.base = &base};
    assert_ok(lab_add_cases(&lab, set, "5:10:3,all,ratio 4 16,ratio 9,5:1000:3"));
    assert_int_equal(lab.case_count, 5);
    assert_string_equal(lab.cases[0].limit, "a:5,b:10,c:3");
    assert_null(lab.cases[1].limit);
    assert_string_equal(lab.cases[2].limit, "a:16,b:8,c:4"); /* 16 / 4^(k / 2) */
    assert_string_equal(lab.cases[3].limit, "a:18,b:6,c:2"); /* of the 18 that the smallest class has to train */
    assert_string_equal(lab.cases[4].limit, "a:5,b:72,c:3"); /* all that there are, as of --limit */
    assert_ok(lab_choose_sizes(&lab, set, NULL));            /* of c: 1, 3, 6 and no more than the 10 of b */
    assert_int_equal(lab.size_count, 3);
    assert_true(lab.sizes[0] == 1 && lab.sizes[1] == 3 && lab.sizes[2] == 6);
    assert_ok(lab_choose_sizes(&lab, set, "2,3,9"));
    assert_true(lab.size_count == 3 && lab.sizes[2] == 9);
    char *limit;
    assert_ok(lab_limit_with(&lab, set, 2, 7, &limit));
    assert_string_equal(limit, "a:5,b:10,c:7");
    free(limit);
    assert_ok(lab_choose_sizes(&lab, set, "none"));
    assert_int_equal(lab.size_count, 0);
    assert_fails(lab_choose_sizes(&lab, set, "3,2"), CF_BAD_USE, "growing");
    assert_fails(lab_choose_sizes(&lab, set, "3,11"), CF_BAD_USE, "to 10");
    lab_free(&lab);
    base.split.classes = "c,a"; /* numbers go by this order */
    assert_ok(lab_add_cases(&lab, set, "4:9"));
    assert_string_equal(lab.cases[0].limit, "c:4,a:9");
    assert_fails(lab_add_cases(&lab, set, "4"), CF_BAD_USE, "each class");
    assert_fails(lab_add_cases(&lab, set, "4:5:6"), CF_BAD_USE, "2 classes");
    assert_fails(lab_add_cases(&lab, set, "4:none"), CF_BAD_USE, "ratio R");
    assert_fails(lab_add_cases(&lab, set, "ratio 0.5"), CF_BAD_USE, "ratio R");
    assert_fails(lab_add_cases(&lab, set, "ratio 3 4 5"), CF_BAD_USE, "ratio R");
    lab_free(&lab);
    cf_set_free(set);
}

/* Whatever a remedy makes of an epoch, the steps are the same to a whole epoch; seeds draw other images. */
static void test_one_budget(void **state) {
    (void)state;
    cf_set *set = make_set();
    RunConfig base, config;
    Remedy r;
    assert_ok(run_config_copy(
        &(RunConfig){
            .data = "dots", .model = "dense classes", .split = cf_split_defaults(), .train = lab_train_defaults()},
        &base));
    base.train.batch = 4;
    LabTraining t = {.base = &base,
                     .limit = "a:6,b:30,c:4",
                     .remedy = &r,
                     .augment = "shift 1",
                     .steps = 100,
                     .number = 3,
                     .draw = 2};
    assert_ok(remedy_read("balanced", &r));
    assert_ok(lab_configure(&t, set, &config)); /* 40 images are 10 steps */
    assert_int_equal(config.train.epochs, 10);
    assert_int_equal(config.train.seed, base.train.seed + 3);
    assert_int_equal(config.split.seed, base.split.seed + 2);
    assert_true(config.train.patience == 0 && config.train.stop_on == CF_STOP_ON_LAST &&
                config.train.sample == CF_BALANCED);
    run_config_free(&config);
    assert_ok(remedy_read("smote", &r));
    assert_ok(lab_configure(&t, set, &config)); /* 90 images are 23 steps: 4.3 epochs */
    assert_int_equal(config.train.epochs, 5);
    run_config_free(&config);
    assert_ok(remedy_read("smote+head", &r));
    t.head_of = "runs/first";
    assert_ok(lab_configure(&t, set, &config)); /* a quarter: 25 of 10 each */
    assert_int_equal(config.train.epochs, 3);
    assert_string_equal(config.from, "runs/first");
    assert_string_equal(config.train.freeze, "backbone");
    run_config_free(&config);
    run_config_free(&base);
    cf_set_free(set);
}

/* ---- Rows and worth, beside an independent implementation ---- */

static json_t *golden(void) {
    char path[512];
    json_t *json;
    snprintf(path, sizeof path, "%s/tests/golden/imbalance_golden.json", getenv("CIFRA_SOURCE"));
    assert_ok(json_read(path, &json));
    return json;
}

static void near(const char *what, double got, double wanted) {
    if (!(fabs(got - wanted) <= 1e-6 * fmax(1, fabs(wanted))))
        fail_msg("%s: %.9g expected, found %.9g", what, wanted, got);
}

static void test_rows(void **state) {
    (void)state;
    json_t *json = golden();
    const json_t *expected = result_at(json, "rows.expected");
    RemedyRows rows;
    double best = 0;
    assert_ok(remedy_rows_new(result_at(json, "rows.remedies"), &rows));
    assert_int_equal(rows.count, 3);
    assert_int_equal(rows.seeds, 5);
    assert_string_equal(rows.rarest, "1");
    assert_string_equal(rows.commonest, "2");
    for (int i = 0; i < rows.count; i++) {
        const RemedyRow *row = &rows.rows[i];
        const json_t *e = json_object_get(expected, row->name);
        near("mean", row->scores[BALANCED].mean, result_number(e, "mean"));
        near("low", row->scores[BALANCED].low, result_number(e, "low"));
        near("high", row->scores[BALANCED].high, result_number(e, "high"));
        near("recall of the rarest", row->scores[RAREST].mean, 0.8);
        near("recall of the commonest", row->scores[COMMONEST].mean, 1);
        best = fmax(best, row->validation);
        if (!i) continue;
        near("gain", row->gain.difference, result_number(e, "gain"));
        near("gain, low", row->gain.low, result_number(e, "gain_low"));
        near("gain, high", row->gain.high, result_number(e, "gain_high"));
    }
    assert_true(isnan(rows.rows[0].gain.low) && !*remedy_verdict(&rows.rows[0]));
    assert_true(rows.rows[rows.best].validation == best);
    remedy_rows_free(&rows);
    json_decref(json);
}

static json_t *scored(double test, double validation) {
    return json_pack("[{s:[i i] s:f s:{s:f}}]", "images", 5, 9, "balanced", test, "validation", "balanced", validation);
}

/* What the test images say chooses nothing. */
static void test_chosen_by_validation(void **state) {
    (void)state;
    json_t *remedies =
        json_pack("{s:o s:o s:o}", "nothing", scored(0.9, 0.7), "weights", scored(0.5, 0.8), "focal", scored(1, 0.8));
    RemedyRows rows;
    assert_ok(remedy_rows_new(remedies, &rows));
    assert_string_equal(rows.rows[rows.best].name, "weights"); /* of equals the first */
    assert_true(isnan(rows.rows[1].gain.low));                 /* one seed has no interval */
    remedy_rows_free(&rows);
    json_decref(remedies);
}

static void test_worth(void **state) {
    (void)state;
    json_t *json = golden(), *one;
    size_t i;
    char text[400];
    json_array_foreach(json_object_get(json, "curves"), i, one) {
        const json_t *curve = json_object_get(one, "curve"), *images = json_object_get(one, "images");
        Worth worth;
        assert_ok(lab_worth(curve, &worth));
        near("at", worth.at, result_number(curve, "at"));
        if (json_is_null(images))
            assert_true(isinf(worth.images));
        else
            near("images", worth.images, json_number_value(images));
        assert_true(worth.low <= worth.images && worth.images <= worth.high);
        worth_text(curve, &worth, text);
        if (i == 0) assert_non_null(strstr(text, "worth 82 more images")); /* 132 = 100 x 2^0.4 for the remedy's 50 */
        if (i == 3) assert_non_null(strstr(text, "this is noise"));
    }
    json_object_set_new(json_object_get(json_array_get(json_object_get(json, "curves"), 0), "curve"), "at",
                        json_integer(60));
    Worth none;
    assert_ok(lab_worth(result_at(json, "curves.0.curve"), &none));
    assert_true(isnan(none.at));
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names), cmocka_unit_test(test_what_contradicts),     cmocka_unit_test(test_settings),
        cmocka_unit_test(test_cases), cmocka_unit_test(test_one_budget),           cmocka_unit_test(test_rows),
        cmocka_unit_test(test_worth), cmocka_unit_test(test_chosen_by_validation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
