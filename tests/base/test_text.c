#include "testing.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {"epochs", "batch", "optimizer", "learning-rate", "seed", "at", "threads", NULL};

/* Strings are fields, also cut ones; numbers are as printf writes them. */
static void test_csv_print(void **state) {
    (void)state;
    char *text = NULL, expected[200];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    csv_print(out, "%s,%d,%-4zu|%.3f %% %5.1e,%c%x,%lld,%ld,%.3s,%g\n", "a,\"b\"", -7, (size_t)12, 0.5, 1234.5, 'c', 255U, 1LL << 40,
              -(1L << 40), "x,yz", (double)NAN);
    fclose(out);
    snprintf(expected, sizeof expected, "%s,%d,%-4zu|%.3f %% %5.1e,%c%x,%lld,%ld,%s,%g\n", "\"a,\"\"b\"\"\"", -7, (size_t)12, 0.5, 1234.5,
             'c', 255U, 1LL << 40, -(1L << 40), "\"x,y\"", (double)NAN);
    assert_string_equal(text, expected);
    free(text);
}

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

static void test_append_stops_at_the_end(void **state) {
    (void)state;
    char text[8] = "";
    text_append(text, sizeof text, "%d,", 12);
    text_append(text, sizeof text, "%s", "abc");
    assert_string_equal(text, "12,abc");
    text_append(text, sizeof text, "%s", "defg");
    assert_string_equal(text, "12,abcd");
    text_append(text, sizeof text, "%s", "h");
    assert_string_equal(text, "12,abcd");
}

static void test_ranges(void **state) {
    (void)state;
    double low, high;
    bool two;
    assert_true(text_to_range("0.5:1.5", &low, &high, &two) && two && low == 0.5 && high == 1.5);
    assert_true(text_to_range("-2", &low, &high, &two) && !two && low == -2 && high == -2);
    static const char *const wrong[] = {"", ":", "1:", ":1", "1:2:3", "1:x", "x:1", "nan", "1:inf", "1 2", "2x"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) assert_false(text_to_range(wrong[i], &low, &high, &two));
}

static void test_ends(void **state) {
    (void)state;
    assert_true(text_ends_with("a.gz", ".gz"));
    assert_false(text_ends_with(".gz", ".gz"));
    assert_false(text_ends_with("gz", ".gz"));
    assert_false(text_ends_with("a.gz2", ".gz"));
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

static void test_for_people(void **state) {
    (void)state;
    char text[32];
    assert_string_equal(text_thousands(0, text), "0");
    assert_string_equal(text_thousands(999, text), "999");
    assert_string_equal(text_thousands(1000, text), "1,000");
    assert_string_equal(text_thousands(-1234567, text), "-1,234,567");
    assert_string_equal(text_thousands(-123, text), "-123");
    assert_string_equal(text_loss(0.03125, text), "0.0312");
    assert_string_equal(text_loss(9999.5, text), "9999.5000");
    assert_string_equal(text_loss(10000, text), "1e+04");
    assert_string_equal(text_loss(5.6835e21, text), "5.68e+21");
    assert_int_equal(text_columns("a\xc3\xa9\xe2\x80\x99"), 3);
}

static void test_csv(void **state) {
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    csv_text(out, "plain; text");
    fputc('|', out);
    csv_text(out, "a,b");
    fputc('|', out);
    csv_text(out, "say \"x\"\r\n");
    fclose(out);
    assert_string_equal(text, "plain; text|\"a,b\"|\"say \"\"x\"\"\r\n\"");
    free(text);
}

static void test_names(void **state) {
    (void)state;
    char long_name[LONGEST_NAME + 2];
    static const char *const good[] = {
        "0", "a b", "</script>", "T-shirt/top", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "..", "\"&']]>"};
    static const char *const bad[] = {
        "",          "a\nb", "\t",       "\x7f",         "\x1b[2J",          "\xc2\x85",
        "\xff",      "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x80\xa8",
        "a\xe2\x82", "\x80"};
    for (size_t i = 0; i < COUNT_OF(good); i++) assert_true(text_is_name(good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++) assert_false(text_is_name(bad[i]));
    memset(long_name, 'x', sizeof long_name);
    long_name[LONGEST_NAME] = '\0';
    assert_true(text_is_name(long_name));
    long_name[LONGEST_NAME] = 'x';
    long_name[LONGEST_NAME + 1] = '\0';
    assert_false(text_is_name(long_name));
}

static void test_taming(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"a b\n\tc \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "a b\n\tc \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\x1b[2J\x07\x7f\r", "?[2J???"},
        {"\xc2\x9b"
         "31m",
         "?31m"}, /* C1: begins a sequence as ESC [ does */
        {"\xff\x80"
         "a\xc3",
         "??a?"},                    /* no UTF-8, and a character that was cut off */
        {"\xe2\x82\x1b[m", "???[m"}, /* what follows is looked at, too */
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", pairs[i][0]);
        text_replace_controls(text);
        assert_string_equal(text, pairs[i][1]);
    }
}

static void words_of_a_list(void **state) {
    (void)state;
    assert_true(text_has_word("relu", "relu") && text_has_word("relu gelu silu", "gelu") && text_has_word("relu gelu", "gelu"));
    assert_false(text_has_word("", "relu") || text_has_word("leakyrelu", "relu") || text_has_word("relu6 gelu", "relu"));
    assert_false(text_has_word("relu gelu", "relu gelu"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_for_people),
        cmocka_unit_test(words_of_a_list),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_print),
        cmocka_unit_test(test_nearest_word),
        cmocka_unit_test(test_first_of_equally_near),
        cmocka_unit_test(test_hint_ends_a_message),
        cmocka_unit_test(test_long_words_are_safe),
        cmocka_unit_test(test_append_stops_at_the_end),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_taming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
