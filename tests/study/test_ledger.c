/* Verdicts by hand, and the ledger's three forms. */
#include "testing.h"

#include "study/ledger/ledger.h"
#include "study/ledger/study_results.h"
#include "data/csv_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A run with an accuracy and a loss, each with an interval. */
static json_t *run(double accuracy, double a_low, double a_high, double loss, double l_low, double l_high) {
    return json_pack("{s:f s:f s:[{s:i} {s:i} {s:i}] s:{s:[f f] s:[f f]}}", "accuracy", accuracy, "loss", loss,
                     "per_class", "support", 30, "support", 50, "support", 20, "intervals", "accuracy", a_low, a_high,
                     "loss", l_low, l_high);
}

/* Ten classes with so many images, all of them to train. */
static json_t *counts(const int *images) {
    json_t *list = json_array();
    for (int c = 0; c < 10; c++) json_array_append_new(list, json_integer(images[c]));
    return json_pack("{s:o}", "train", list);
}

/* Digits in MNIST's place, own where they are its own, and street in SVHN's. */
static json_t *results_of(json_t *runs, json_t *imbalance_runs, bool own_data) {
    static const int images[] = {6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958}, others[10] = {1};
    return json_pack(
        "{s:[s s] s:s s:{s:{s:s}} s:{s:{s:s s:o s:[s s s s s s s s s s] s:i s:i} s:{s:s}} s:{s:o} s:{s:{s:o}}}", "sets",
        "digits", "street", "split", "pooled", "conditions", "digits", "1", "1,2 1:50,2:1000", "data", "digits", "data",
        "a/digits", "counts", counts(own_data ? images : others), "classes", "0", "1", "2", "3", "4", "5", "6", "7",
        "8", "9", "official_train", 60000, "official_test", 9999, "street", "data", "street:n=100", "test", "digits",
        runs, "imbalance", "digits", "1", imbalance_runs);
}

static const LedgerEntry *find(const Ledger *ledger, const char *id) {
    for (size_t i = 0; i < ledger->count; i++)
        if (strcmp(ledger->claims[i].id, id) == 0) return &ledger->entries[i];
    fail_msg("there is no claim %s", id);
    return NULL;
}

static void expect(const Ledger *ledger, const char *id, Verdict verdict) {
    const LedgerEntry *e = find(ledger, id);
    if (e->verdict != verdict)
        fail_msg("%s: %s expected, found %s", id, verdict_words[verdict], verdict_words[e->verdict]);
}

static Ledger ledger_of(json_t *results) {
    Ledger ledger;
    assert_ok(ledger_new("report", results, &ledger));
    json_decref(results);
    return ledger;
}

/* The report says accuracy 0.9894 of the MNIST test, and loss 0.0573 of imbalance case 1. */
static Verdict of_accuracy(double low, double high) {
    Ledger ledger =
        ledger_of(results_of(json_pack("[o]", run((low + high) / 2, low, high, 1, 1, 1)), json_array(), true));
    const Verdict verdict = find(&ledger, "test.mnist.accuracy")->verdict;
    ledger_free(&ledger);
    return verdict;
}

static Verdict of_loss(double low, double high) {
    Ledger ledger =
        ledger_of(results_of(json_array(), json_pack("[o]", run(1, 1, 1, (low + high) / 2, low, high)), true));
    const Verdict verdict = find(&ledger, "imbalance.mnist.1.loss")->verdict;
    ledger_free(&ledger);
    return verdict;
}

static void test_verdicts(void **state) {
    (void)state;
    assert_int_equal(of_accuracy(0.98, 0.99), REPRODUCED);
    assert_int_equal(of_accuracy(0.9895, 0.9960), BEATEN);
    assert_int_equal(of_accuracy(0.97, 0.9893), FELL_SHORT);
    /* Four digits: 0.9894 may be anything from 0.98935 on. */
    assert_int_equal(of_accuracy(0.97, 0.98936), REPRODUCED);
    assert_int_equal(of_accuracy(0.989449, 0.9960), REPRODUCED);
    /* Less is better of a loss. */
    assert_int_equal(of_loss(0.05, 0.06), REPRODUCED);
    assert_int_equal(of_loss(0.01, 0.05), BEATEN);
    assert_int_equal(of_loss(0.06, 0.07), FELL_SHORT);
}

static void test_other_data_and_what_is_missing(void **state) {
    (void)state;
    Ledger ledger = ledger_of(results_of(json_pack("[o]", run(0.99, 0.98, 1, 0.1, 0, 1)), json_array(), false));
    expect(&ledger, "test.mnist.accuracy", NOT_COMPARABLE);
    expect(&ledger, "abstract.mnist.accuracy", NOT_COMPARABLE);
    expect(&ledger, "imbalance.mnist.1.loss", NOT_RUN);
    expect(&ledger, "cross.svhn-on-mnist.accuracy", NOT_RUN);
    expect(&ledger, "test.mnist.per_class.3.f1", NOT_RUN); /* the run has no such figure */
    assert_string_equal(ledger_data(find(&ledger, "test.mnist.accuracy")), "digits");
    assert_string_equal(ledger_data(find(&ledger, "cross.svhn-on-mnist.accuracy")), "");
    assert_string_equal(find(&ledger, "cross.svhn-on-mnist.accuracy")->claim->subject->data, "street on digits");
    assert_string_equal(ledger.other_data[0], "its images per class are not those of MNIST");
    assert_string_equal(ledger.other_data[1], "generated images in the place of SVHN");
    size_t sum = 0;
    for (int v = 0; v < VERDICTS; v++) sum += ledger.verdicts[v];
    assert_int_equal(sum, ledger.count);
    ledger_free(&ledger);
}

/* What needs both sets is not compared when one of them is another. */
static void test_cross_needs_both(void **state) {
    (void)state;
    json_t *results = results_of(json_array(), json_array(), true);
    json_object_set_new(results, "cross", json_pack("{s:[o]}", "street-on-digits", run(0.5881, 0.5, 0.6, 4.9, 4.8, 5)));
    Ledger ledger = ledger_of(results);
    expect(&ledger, "cross.svhn-on-mnist.accuracy", NOT_COMPARABLE);
    ledger_free(&ledger);
}

/* The report's own images, cut in another way. */
static void test_another_split(void **state) {
    (void)state;
    json_t *results = results_of(json_pack("[o]", run(0.99, 0.98, 1, 0.1, 0, 1)), json_array(), true);
    json_object_set_new(results, "split", json_string("official"));
    Ledger ledger = ledger_of(results);
    expect(&ledger, "test.mnist.accuracy", NOT_COMPARABLE);
    assert_string_equal(ledger.other_data[0], "the report splits its images by pooled, the study by official");
    ledger_free(&ledger);
}

static void test_counts_are_the_same_or_not(void **state) {
    (void)state;
    Ledger ledger = ledger_of(results_of(json_array(), json_array(), true));
    expect(&ledger, "data.mnist.official_train", REPRODUCED);
    expect(&ledger, "data.mnist.official_test", FELL_SHORT); /* 9999 */
    ledger_free(&ledger);
}

/* 0.987, 0.989, 0.991: mean 0.989, deviation 0.002, t of 2 degrees 4.3027: 0.989 -+ 0.004968. */
static void test_several_seeds(void **state) {
    (void)state;
    Ledger ledger = ledger_of(results_of(
        json_pack("[o o o]", run(0.987, 0, 0, 0, 0, 0), run(0.989, 0, 0, 0, 0, 0), run(0.991, 0, 0, 0, 0, 0)),
        json_array(), true));
    const LedgerEntry *e = find(&ledger, "test.mnist.accuracy");
    assert_int_equal(e->runs, 3);
    assert_true(fabs(e->measured - 0.989) < 1e-12);
    assert_true(fabs(e->low - 0.984032) < 1e-5 && fabs(e->high - 0.993968) < 1e-5);
    assert_int_equal(e->verdict, REPRODUCED);
    ledger_free(&ledger);
}

static void test_other_limits(void **state) {
    (void)state;
    json_t *results = results_of(json_array(), json_pack("[o]", run(1, 1, 1, 0.05, 0.04, 0.06)), true);
    json_object_set_new(json_object_get(json_object_get(results, "conditions"), "digits"), "1",
                        json_string("1,2 1:20,2:1000"));
    Ledger ledger = ledger_of(results);
    expect(&ledger, "imbalance.mnist.1.loss", NOT_COMPARABLE);
    ledger_free(&ledger);
}

/* 0.9 and 1: Student's interval would reach from 0.31 to 1.59; of losses 0.1 and 0.9 from -4.6 to 5.6. */
static void test_intervals_stay_where_figures_can_be(void **state) {
    (void)state;
    Ledger ledger = ledger_of(
        results_of(json_array(), json_pack("[o o]", run(0.9, 0, 0, 0.1, 0, 0), run(1, 0, 0, 0.9, 0, 0)), true));
    const LedgerEntry *accuracy = find(&ledger, "imbalance.mnist.1.accuracy");
    const LedgerEntry *loss = find(&ledger, "imbalance.mnist.1.loss");
    assert_true(accuracy->high == 1 && accuracy->low > 0.3 && accuracy->low < 0.32);
    assert_true(loss->low == 0 && loss->high > 5.5 && loss->high < 5.7);
    ledger_free(&ledger);
}

static void test_baselines(void **state) {
    (void)state;
    Ledger ledger = ledger_of(results_of(json_pack("[o]", run(0.99, 0.98, 1, 0.1, 0, 1)), json_array(), true));
    const LedgerEntry *e = find(&ledger, "test.mnist.accuracy");
    assert_true(fabs(e->chance - 1.0 / 3) < 1e-12 && fabs(e->majority - 0.5) < 1e-12);
    assert_true(find(&ledger, "test.mnist.macro.f1")->majority == 0);
    ledger_free(&ledger);
}

/* What the report says of itself must agree: recalls weighted by supports are the accuracy, F1 is the harmonic mean. */
static void test_the_report_agrees_with_itself(void **state) {
    (void)state;
    Ledger ledger = ledger_of(results_of(json_array(), json_array(), true));
    assert_int_equal(ledger.count - ledger.untried, 176);
    assert_int_equal(ledger.untried, 8); /* what it suggests */
    for (size_t i = 0; i < ledger.count; i++) {
        for (size_t k = 0; k < i; k++) assert_string_not_equal(ledger.claims[i].id, ledger.claims[k].id);
        char other[64];
        const Claim *f1 = &ledger.claims[i];
        const size_t length = strlen(f1->id);
        if (!strstr(f1->id, "per_class") || strcmp(f1->id + length - 3, ".f1") != 0) continue;
        snprintf(other, sizeof other, "%.*s.precision", (int)length - 3, f1->id);
        const double p = find(&ledger, other)->claim->reported;
        snprintf(other, sizeof other, "%.*s.recall", (int)length - 3, f1->id);
        const double r = find(&ledger, other)->claim->reported;
        if (fabs(f1->reported - 2 * p * r / (p + r)) > 2e-4)
            fail_msg("%s: %.4f of %.4f and %.4f", f1->id, f1->reported, p, r);
    }
    ledger_free(&ledger);
}

static void test_forms(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "claims.csv");
    Ledger ledger = ledger_of(results_of(json_pack("[o]", run(0.99, 0.98, 0.995, 0.1, 0, 1)), json_array(), true));
    CsvTable table;
    json_t *json;
    assert_ok(ledger_write_csv(&ledger, path));
    assert_ok(csv_table_read(path, ',', &table));
    assert_int_equal(table.rows, ledger.count);
    assert_ok(ledger_json(&ledger, &json));
    assert_int_equal(json_array_size(json), ledger.count);
    for (size_t i = 0; i < table.rows; i++) {
        const json_t *claim = json_array_get(json, i);
        assert_string_equal(csv_table_cell(&table, (ptrdiff_t)i, 0), json_string_value(json_object_get(claim, "id")));
        const char *verdict = csv_table_cell(&table, (ptrdiff_t)i, (size_t)csv_table_column(&table, "verdict"));
        assert_string_equal(verdict, json_string_value(json_object_get(claim, "verdict")));
    }
    csv_table_free(&table);
    json_decref(json);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ledger_print(&ledger, out);
    fclose(out);
    assert_non_null(strstr(text, "0.9800 to 0.9950"));
    assert_non_null(strstr(text, "0.3333 0.5000"));
    assert_non_null(strstr(text, "below chance"));
    free(text);
    ledger_free(&ledger);
}

static json_t *accuracies(double a, double b, double c) {
    return json_pack("[{s:f} {s:f} {s:f}]", "accuracy", a, "accuracy", b, "accuracy", c);
}

static json_t *ways(double a, double b, double c) {
    return json_pack("{s:o s:o}", "new", accuracies(0.5, 0.6, 0.4), "from", accuracies(0.5 + a, 0.6 + b, 0.4 + c));
}

/* Differences 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, t of 2 degrees 4.3027: 0.2 -+ 0.2484. Of a tenth of that around 0.2, or -0.2,
 * a tenth: 0.2 -+ 0.0248. */
static void test_suggestions(void **state) {
    (void)state;
    json_t *results = results_of(json_array(), json_array(), true), *entry;
    json_object_set_new(results, "transfer",
                        json_pack("{s:{s:o s:o} s:{s:o}}", "street-on-digits", "10", ways(0.1, 0.2, 0.3), "all",
                                  ways(0.19, 0.2, 0.21), "digits-on-street", "10", ways(-0.19, -0.2, -0.21)));
    json_object_set_new(
        results, "attention",
        json_pack("{s:{s:o s:o}}", "street", "plain", accuracies(0.5, 0.6, 0.7), "gate", accuracies(0.6, 0.8, 1)));
    Ledger ledger = ledger_of(results);
    assert_int_equal(ledger.count, 186);
    assert_int_equal(ledger.suggestions,
                     10); /* four that were measured, and of the report's eight the six that nothing tells of */
    assert_int_equal(ledger.untried, 6);
    expect(&ledger, "untried.smote.accuracy", NOT_RUN);
    expect(&ledger, "transfer.svhn-on-mnist.10.from.accuracy", NOISE);
    expect(&ledger, "transfer.svhn-on-mnist.all.from.accuracy", BETTER);
    expect(&ledger, "transfer.mnist-on-svhn.10.from.accuracy", WORSE);
    expect(&ledger, "attention.svhn.gate.accuracy", NOISE);
    const LedgerEntry *e = find(&ledger, "transfer.svhn-on-mnist.10.from.accuracy");
    assert_int_equal(e->runs, 3);
    assert_true(fabs(e->measured - 0.2) < 1e-12 && fabs(e->low + 0.048414) < 1e-5 && fabs(e->high - 0.448414) < 1e-5);
    assert_string_equal(ledger_data(e), "street on digits");
    assert_string_equal(e->claim->what, "SVHN on MNIST, images per class: 10");
    assert_string_equal(ledger_data(find(&ledger, "attention.svhn.gate.accuracy")), "street");
    assert_string_equal(find(&ledger, "attention.svhn.gate.accuracy")->claim->against, "attention.svhn.plain");
    json_t *json;
    assert_ok(ledger_json(&ledger, &json));
    entry = json_array_get(json, (size_t)(e - ledger.entries));
    assert_true(json_is_null(json_object_get(entry, "reported")));
    json_decref(json);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ledger_print(&ledger, out);
    fclose(out);
    assert_non_null(strstr(text, "+0.1752 to +0.2248"));
    assert_non_null(strstr(text, "Of the 56 figures above"));
    assert_non_null(strstr(text, "Of 4 differences that it suggests: 1 better, 2 noise, 1 worse."));
    free(text);
    ledger_free(&ledger);
}

static json_t *recalls(double a, double b, double c) {
    return json_pack("[{s:f} {s:f} {s:f}]", "balanced", a, "balanced", b, "balanced", c);
}

/* Each remedy against nothing, the best of a case by its name; adaptation against the networks before; the rest has not been tried. */
static void test_remedies_and_adaptation(void **state) {
    (void)state;
    json_t *results = results_of(json_array(), json_array(), true);
    json_object_set_new(results, "remedies",
                        json_pack("{s:{s:{s:o s:o s:o}}}", "street", "1", "nothing", recalls(0.5, 0.6, 0.7), "balanced",
                                  recalls(0.69, 0.8, 0.91), "focal", recalls(0.6, 0.6, 0.6)));
    json_object_set_new(results, "best_remedy", json_pack("{s:{s:{s:b}}}", "street", "1", "balanced", 1));
    json_object_set_new(results, "adapt",
                        json_pack("{s:{s:o s:o}}", "digits-on-street", "self-train", accuracies(0.29, 0.4, 0.51),
                                  "none", accuracies(0.1, 0.2, 0.3)));
    Ledger ledger = ledger_of(results);
    expect(&ledger, "remedies.svhn.1.balanced.balanced", BETTER); /* 0.19, 0.20, 0.21 */
    expect(&ledger, "remedies.svhn.1.best", BETTER);
    expect(&ledger, "remedies.svhn.1.focal.balanced", NOISE); /* 0.1, 0, -0.1 */
    expect(&ledger, "adapt.mnist-on-svhn.self-train.accuracy", BETTER);
    expect(&ledger, "untried.weights.accuracy", NOT_RUN);
    assert_true(fabs(find(&ledger, "remedies.svhn.1.best")->measured - 0.2) < 1e-12);
    assert_int_equal(ledger.untried, 5); /* augmentation, transfer, attention, weights, SMOTE */
    assert_int_equal(ledger.suggestions, 9);
    assert_int_equal(ledger.count, 185);
    ledger_free(&ledger);
}

static void refuse(const char *text, const char *message) {
    const char *path = path_in(scratch_folder(), "bad.yaml");
    ClaimFile *file;
    write_bytes(path, text, strlen(text));
    assert_fails(claims_read(path, &file), CF_BAD_INPUT, message);
}

#define SETS "sets: [{key: a, name: A}]\nclaims:\n  - {what: A, runs: test.a, path: p, reported: 1}\n"

/* A file of one's own: three sets, of which the study has two. */
static void test_own_claims(void **state) {
    (void)state;
    static const char text[] =
        "sets: [{key: cats, name: Cats}, {key: dogs, name: Dogs}, {key: birds, name: Birds}]\n"
        "claims:\n"
        "  - {section: one, what: 'Dogs, accuracy', runs: test.dogs, path: accuracy, reported: 0.55}\n"
        "  - {what: 'Dogs, loss', runs: test.dogs, path: loss, reported: 0.2, sense: less, remark: odd, detail: true}\n"
        "  - {section: two, what: Birds on cats, runs: cross.birds-on-cats, path: accuracy, reported: 0.9}\n"
        "  - {what: '{1} over {2}', each: test.*, runs: 'test.{1}', against: 'test.^', path: accuracy}\n"
        "  - {what: never, id: never, unless: [test.*.nothing]}\n"
        "  - {what: tests, id: tests, unless: [never, test.*]}\n";
    const char *path = path_in(scratch_folder(), "own.yaml");
    json_t *results = json_pack("{s:[s s] s:{s:[o] s:[o]}}", "sets", "photos", "drawings", "test", "photos",
                                run(0.1, 0, 0.2, 1, 0, 2), "drawings", run(0.5, 0.4, 0.6, 0.1, 0, 0.15));
    Ledger ledger;
    write_bytes(path, text, strlen(text));
    assert_ok(ledger_new(path, results, &ledger));
    json_decref(results);
    assert_int_equal(ledger.count, 5); /* the first of the tests is what the others are compared with */
    assert_int_equal(ledger.suggestions, 2);
    expect(&ledger, "test.dogs.accuracy", REPRODUCED);
    expect(&ledger, "test.dogs.loss", BEATEN);
    assert_false(find(&ledger, "test.dogs.loss")->claim->headline);
    expect(&ledger, "cross.birds-on-cats.accuracy", NOT_RUN);
    expect(&ledger, "never", NOT_RUN);
    assert_string_equal(ledger.claims[1].section, "one");
    assert_string_equal(ledger.claims[3].section, "two");
    assert_string_equal(ledger.claims[3].what, "Dogs over {2}");
    assert_string_equal(ledger.claims[3].against, "test.cats");
    assert_string_equal(ledger_data(find(&ledger, "test.dogs.accuracy")), "drawings");
    ledger_free(&ledger);
    refuse(SETS "  - {what: A, runs: test.b, path: p, reported: 1}\n",
           "bad.yaml:4: runs: \"test.SET\", \"cross.SET-on-SET\" .. of the file's sets expected, found \"test.b\"");
    refuse(SETS "  - {what: A, runs: cross.a-on-b, path: p, reported: 1}\n", "found \"cross.a-on-b\"");
    refuse(SETS "  - {what: A, runs: test.a, path: p}\n", "bad.yaml:4: a claim has one of reported, each and unless");
    refuse(SETS "  - {what: A, runs: test.a, reported: 1}\n", "bad.yaml:4: with reported, runs and path are expected");
    refuse(SETS "  - {what: A, each: test.*, runs: test.a, path: p}\n", "bad.yaml:4: with reported, runs and path");
    refuse(SETS "  - {what: A, id: b, unless: ['*.*.*.*.*']}\n", "bad.yaml:4: at most 4 stars expected in a place, found 5");
    refuse(SETS "  - {what: A, runs: test.a, path: p, reportd: 1}\n", "bad.yaml:4: unknown key reportd; did you mean reported?");
    refuse("sets: [{key: A b, name: A}]\nclaims:\n  - {what: A, runs: test.a, path: p, reported: 1}\n",
           "bad.yaml:1: the key of a set");
}

/* What a hand has changed, or left out, is shown as such. */
static void test_values_of_another_kind(void **state) {
    (void)state;
    json_t *json =
        json_pack("{s:s s:i s:f s:f s:[s]}", "class", "cat", "n", 12, "seed", 1e300, "loss", -2.5, "list", "a");
    assert_string_equal(result_text(json, "class"), "cat");
    assert_string_equal(result_text(json, "list.0"), "a");
    assert_string_equal(result_text(json, "n"), "?");
    assert_string_equal(result_text(NULL, "class"), "?");
    assert_true(result_whole(json, "n") == 12 && result_whole(json, "seed") == 0 && result_whole(json, "loss") == -2);
    assert_true(result_whole(json, "class") == 0);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_other_data_and_what_is_missing),
        cmocka_unit_test(test_cross_needs_both),
        cmocka_unit_test(test_counts_are_the_same_or_not),
        cmocka_unit_test(test_several_seeds),
        cmocka_unit_test(test_other_limits),
        cmocka_unit_test(test_intervals_stay_where_figures_can_be),
        cmocka_unit_test(test_baselines),
        cmocka_unit_test(test_the_report_agrees_with_itself),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_remedies_and_adaptation),
        cmocka_unit_test(test_another_split),
        cmocka_unit_test(test_own_claims),
        cmocka_unit_test(test_values_of_another_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
