#include "testing.h"

#include "base/files.h"
#include "base/json_memory.h"
#include "base/json_text.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_escaped(const char *bytes, const char *wanted) {
    json_t *text = json_text(bytes);
    char *back;
    assert_non_null(text);
    assert_string_equal(json_string_value(text), wanted);
    assert_ok(json_text_value(text, &back));
    assert_string_equal(back, bytes);
    free(back);
    json_decref(text);
}

static void test_by_hand(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"a/b c.png", "a/b c.png"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"}, /* UTF-8 stays */
        {"x\xff.png", "x\\xff.png"},
        {"caf\xe9", "caf\\xe9"},
        {"\xc3", "\\xc3"},                            /* cut off */
        {"\xc0\xaf", "\\xc0\\xaf"},                   /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
        {"\xe2\x82(", "\\xe2\\x82("},                 /* what follows stays */
        {"a\\b", "a\\b"},                             /* a backslash alone stays */
        {"\\x4", "\\x4"},
        {"\\xg1", "\\xg1"},
        {"\\x41", "\\x5cx41"}, /* what looks escaped is escaped */
        {"\\xFF", "\\x5cxFF"},
        {"\\x5c", "\\x5cx5c"},
        {"\\\\x5cx41", "\\\\x5cx5cx41"},
        {"\\\xff", "\\\\xff"},
        {"\\x\xff", "\\x\\xff"},
        {"\\x4\xff", "\\x4\\xff"},
        {"\x1b[2J\n\x7f", "\x1b[2J\n\x7f"}, /* JSON's own escapes see to these */
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) assert_escaped(pairs[i][0], pairs[i][1]);
}

/* Every text of up to four of these bytes comes back, and is UTF-8 between: jansson takes nothing else. */
static void test_all_short_texts(void **state) {
    (void)state;
    static const unsigned char bytes[] = {'\\', 'x', '5', 'c', 'f', 'F', 'z', 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xf4, 0xff};
    const size_t n = COUNT_OF(bytes);
    for (size_t i = 0; i < n * n * n * n; i++) {
        const char text[5] = {(char)bytes[i % n], (char)bytes[i / n % n], (char)bytes[i / n / n % n],
                              (char)bytes[i / n / n / n], '\0'};
        json_t *json = json_text(text);
        char *back;
        assert_non_null(json);
        assert_ok(json_text_value(json, &back));
        assert_string_equal(back, text);
        free(back);
        json_decref(json);
    }
}

static void test_no_text(void **state) {
    (void)state;
    json_t *null = json_text(NULL), *number = json_integer(3);
    char *bytes = (char *)"x";
    assert_true(json_is_null(null));
    assert_ok(json_text_value(null, &bytes));
    assert_null(bytes);
    assert_ok(json_text_value(number, &bytes));
    assert_null(bytes);
    assert_ok(json_text_value(NULL, &bytes));
    assert_null(bytes);
    json_decref(null);
    json_decref(number);
}

static void test_numbers_and_files(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "numbers.json");
    json_t *written = json_pack("{s:o s:o s:o}", "a", json_number(0.25), "b", json_number(NAN), "c", json_number(-INFINITY)), *read;
    assert_true(json_is_null(json_object_get(written, "b")) && json_is_null(json_object_get(written, "c")));
    assert_ok(json_write(path, written));
    assert_ok(json_read(path, &read));
    assert_true(json_equal(written, read));
    json_decref(written);
    json_decref(read);
    assert_ok(file_write(path, "{\"a\": 1,\n\"a\": 2}", 16));
    assert_fails(json_read(path, &read), CF_BAD_INPUT, "line 2");
}

static void test_documents(void **state) {
    (void)state;
    json_error_t error;
    json_t *made, *back;
    char *text;
    json_memory_begin();
    made = json_pack("{s:o s:[o o o]}", "a", json_number(0.1), "none", json_number(NAN), json_number(INFINITY),
                     json_number(-INFINITY));
    assert_ok(json_to_text(made, 17, "a document", &text));
    assert_string_equal(text, "{\"a\":0.10000000000000001,\"none\":[null,null,null]}");
    assert_ok(json_from_text(text, "a document", NULL, &back));
    assert_true(json_equal(made, back));
    json_decref(made);
    json_decref(back);
    free(text);
    assert_ok(json_from_text("{", "a document", &error, &back));
    assert_null(back);
    assert_int_equal(error.line, 1);
    assert_fails(json_to_text(NULL, 17, "a document", &text), CF_NO_MEMORY, "while writing a document");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_all_short_texts),
        cmocka_unit_test(test_no_text),
        cmocka_unit_test(test_numbers_and_files),
        cmocka_unit_test(test_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
