#include "testing.h"

#include "base/memory.h"
#include "base/status.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cf_status fails(int number) {
    FAIL_IF(number > 3, CF_BAD_INPUT, "%d is more than 3", number);
    return CF_OK;
}

static cf_status forwards(int number) {
    FORWARD(fails(number));
    return CF_OK;
}

static void test_message_is_kept(void **state) {
    (void)state;
    unsetenv("CIFRA_TRACE");
    status_clear();
    assert_string_equal(cf_error(), "");
    assert_ok(forwards(3));
    assert_string_equal(cf_error(), "");
    assert_int_equal(forwards(4), CF_BAD_INPUT);
    assert_string_equal(cf_error(), "4 is more than 3");
    assert_ok(forwards(1));
    assert_string_equal(cf_error(), "4 is more than 3");
}

static void keep_notice(const char *text, void *context) {
    snprintf(context, 64, "%s", text);
}

/* What they quote may be from a file that someone else has made. */
static void test_messages_control_no_terminal(void **state) {
    (void)state;
    char kept[64];
    assert_int_equal(FAIL(CF_IO, "no %s\nhere", "\x1b]0;x\x07"), CF_IO);
    assert_string_equal(cf_error(), "no ?]0;x?\nhere");
    assert_int_equal(status_prefix(CF_IO, "%s", "a\rb"), CF_IO);
    assert_string_equal(cf_error(), "a?b: no ?]0;x?\nhere");
    cf_set_notice_handler(keep_notice, kept);
    notice("%s", "\x1b[2J");
    cf_set_notice_handler(NULL, NULL);
    assert_string_equal(kept, "?[2J");
}

static void test_trace_names_the_lines(void **state) {
    (void)state;
    setenv("CIFRA_TRACE", "1", 1);
    assert_int_equal(forwards(4), CF_BAD_INPUT);
    unsetenv("CIFRA_TRACE");
    const char *first = strstr(cf_error(), "\n  at ");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "\n  at "));
    assert_non_null(strstr(first, "test_status.c:"));
}

static void test_prefix_and_length(void **state) {
    (void)state;
    char longest[5000];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(status_prefix(FAIL(CF_IO, "gone"), "file %s", "a.png"), CF_IO);
    assert_string_equal(cf_error(), "file a.png: gone");
    FAIL(CF_IO, "%s", longest);
    assert_int_equal(strlen(cf_error()), 2047);
    status_prefix(CF_IO, "%s", longest);
    assert_int_equal(strlen(cf_error()), 2047);
}

static void *fail_in_thread(void *unused) {
    (void)unused;
    FAIL(CF_IO, "of the other thread");
    return NULL;
}

static void test_message_is_per_thread(void **state) {
    (void)state;
    pthread_t other;
    FAIL(CF_IO, "of this thread");
    assert_int_equal(pthread_create(&other, NULL, fail_in_thread, NULL), 0);
    pthread_join(other, NULL);
    assert_string_equal(cf_error(), "of this thread");
}

static void collect(const char *text, void *context) {
    strncat(context, text, 60);
}

static void test_notice_reaches_the_handler(void **state) {
    (void)state;
    char heard[64] = "";
    notice("nobody %s", "listens");
    cf_set_notice_handler(collect, heard);
    notice("chose %d", 7);
    cf_set_notice_handler(NULL, NULL);
    notice("nobody listens again");
    assert_string_equal(heard, "chose 7");
}

/* Under the address sanitizer an impossible allocation must fail as it does without. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

/* There under AddressSanitizer only. */
int __asan_address_is_poisoned(const volatile void *address) __attribute__((weak));

static void test_memory_sizes(void **state) {
    (void)state;
    size_t product;
    double *numbers;
    void *nothing;
    char *text;
    assert_true(size_multiply(1u << 20, 1u << 20, &product));
    assert_int_equal(product, (size_t)1 << 40);
    assert_false(size_multiply(SIZE_MAX / 2, 3, &product));
    assert_fails(memory_new(SIZE_MAX / 4 + 2, 8, &numbers), CF_NO_MEMORY, "more than can be addressed");
    assert_fails(memory_new(SIZE_MAX, 1, &numbers), CF_NO_MEMORY, "more than can be addressed");
    assert_fails(memory_new(SIZE_MAX / 4, 1, &numbers), CF_NO_MEMORY, "MB were asked for");
    assert_ok(memory_new(1001, sizeof *numbers, &numbers));
    assert_int_equal((uintptr_t)numbers % 64, 0);
    for (int i = 0; i < 1001; i++) assert_true(numbers[i] == 0.0);
    /* What lies beyond is no number of ours, also where it belongs to the alignment. */
    if (__asan_address_is_poisoned) assert_true(__asan_address_is_poisoned(numbers + 1001));
    free(numbers);
    assert_ok(memory_new(0, 8, &nothing));
    assert_non_null(nothing);
    free(nothing);
    assert_ok(memory_print(&text, "%d-%s", 12, "x"));
    assert_string_equal(text, "12-x");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_is_kept),
        cmocka_unit_test(test_trace_names_the_lines), cmocka_unit_test(test_prefix_and_length),
        cmocka_unit_test(test_message_is_per_thread), cmocka_unit_test(test_notice_reaches_the_handler),
        cmocka_unit_test(test_memory_sizes),          cmocka_unit_test(test_messages_control_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
