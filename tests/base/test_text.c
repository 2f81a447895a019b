#include "testing.h"

#include "base/text.h"

#include <string.h>

static const char *const words[] = {"epochs", "batch", "optimizer", "learning-rate", "seed", "at", "threads", NULL};

static void test_nearest_word(void **state) {
    (void)state;
    const struct {
        const char *typed, *meant;
    } cases[] = {
        {"epohcs", "epochs"},       {"epoch", "epochs"},
        {"eepochs", "epochs"},      {"Batch", "batch"},
        {"optimiser", "optimizer"}, {"learning_rate", "learning-rate"},
        {"sede", "seed"},           {"ta", "at"},
        {"thread", "threads"},      {"batch", "batch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *nearest = text_nearest(cases[i].typed, words);
        assert_non_null(nearest);
        assert_string_equal(nearest, cases[i].meant);
    }
    assert_null(text_nearest("zzzzzz", words));
    assert_null(text_nearest("", words));
    assert_null(text_nearest("xy", words)); /* "at" changed in every letter */
}

static void test_first_of_equally_near(void **state) {
    (void)state;
    const char *const pair[] = {"svhn-a", "svhn-b", NULL}, *const none[] = {NULL};
    assert_string_equal(text_nearest("svhn-c", pair), "svhn-a");
    assert_null(text_nearest("svhn", none));
}

static void test_hint_ends_a_message(void **state) {
    (void)state;
    assert_string_equal(text_hint("epohcs", words), "; did you mean epochs?");
    assert_string_equal(text_hint("zzzzzz", words), "");
}

static void test_long_words_are_safe(void **state) {
    (void)state;
    char longest[3000];
    const char *const both[] = {longest, "epochs", NULL};
    memset(longest, 'e', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_null(text_nearest(longest, words));
    assert_string_equal(text_nearest("epoch", both), "epochs");
}

static void test_integers(void **state) {
    (void)state;
    long long value = 77;
    assert_true(text_to_integer("12", 1, 12, &value));
    assert_int_equal(value, 12);
    assert_true(text_to_integer("-3", -3, 0, &value));
    assert_int_equal(value, -3);
    assert_true(text_to_integer("9223372036854775807", 0, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
    value = 77;
    const char *const bad[] = {"", "x", "12x", "1.5", "0", "13", " ", "12 ", "99999999999999999999", "--1", "1e3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(text_to_integer(bad[i], 1, 12, &value));
    assert_false(text_to_integer("99999999999999999999", 0, INT64_MAX, &value));
    assert_int_equal(value, 77);
}

static void test_numbers(void **state) {
    (void)state;
    double value = 77;
    assert_true(text_to_number("0.005", &value));
    assert_true(value == 0.005);
    assert_true(text_to_number("-1e-3", &value));
    assert_true(value == -0.001);
    value = 77;
    const char *const bad[] = {"", "x", "0,5", "1.5x", "nan", "inf", "-inf", "1e999", "1 ", "."};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(text_to_number(bad[i], &value));
    assert_true(value == 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest_word),
        cmocka_unit_test(test_first_of_equally_near),
        cmocka_unit_test(test_hint_ends_a_message),
        cmocka_unit_test(test_long_words_are_safe),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
