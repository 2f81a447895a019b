/* What a scope owns is released on every way out of it, and once. */
#include "base/memory.h"

#include "testing.h"

#include <stdlib.h>
#include <string.h>

typedef struct Thing {
    int *released;
} Thing;

static void thing_release(Thing *thing) {
    if (thing->released) ++*thing->released;
}

static void handle_release(Thing *thing) {
    if (!thing) return;
    thing_release(thing);
    free(thing);
}

AUTO_HANDLE(Thing, handle_release)

static cf_status own(int *released, bool fails, bool keeps, Thing **kept) {
    AUTO(thing_release) Thing inside = {released};
    AUTO(handle_release_at) Thing *handle = NULL;
    AUTO_FREE char *text = NULL;
    FORWARD(memory_new(1, sizeof *handle, &handle));
    handle->released = released;
    FORWARD(memory_print(&text, "%d", 42));
    FORWARD(fails ? FAIL(CF_BAD_INPUT, "on purpose: %s", text) : CF_OK);
    if (keeps) *kept = memory_take(&handle);
    return CF_OK;
}

static void test_scope_releases(void **state) {
    (void)state;
    Thing *kept = NULL;
    int released = 0;
    assert_int_equal(own(&released, false, false, &kept), CF_OK);
    assert_int_equal(released, 2);
    assert_int_equal(own(&released, true, true, &kept), CF_BAD_INPUT);
    assert_string_equal(cf_error(), "on purpose: 42");
    assert_int_equal(released, 4);
    assert_null(kept);
    assert_int_equal(own(&released, false, true, &kept), CF_OK);
    assert_int_equal(released, 5);
    assert_non_null(kept);
    handle_release(kept);
    assert_int_equal(released, 6);
}

static void test_take_leaves_nothing(void **state) {
    (void)state;
    char *text, *taken;
    assert_int_equal(memory_copy_string("abc", &text), CF_OK);
    taken = memory_take(&text);
    assert_null(text);
    assert_string_equal(taken, "abc");
    memory_free(&taken);
    assert_null(taken);
    memory_free(&taken);
}

static void test_room_doubles(void **state) {
    (void)state;
    AUTO_FREE uint32_t *numbers = NULL;
    for (size_t count = 0; count < 1000; count++) {
        assert_ok(memory_grow(&numbers, count, sizeof *numbers));
        assert_int_equal(numbers[count], 0);
        numbers[count] = (uint32_t)(count + 1);
    }
    for (size_t i = 0; i < 1000; i++) assert_int_equal(numbers[i], i + 1);
    void *huge = NULL;
    assert_int_equal(memory_grow(&huge, 1, SIZE_MAX), CF_NO_MEMORY);
    assert_null(huge);
}

static void test_copy_is_its_own(void **state) {
    (void)state;
    int values[] = {3, 1, 4};
    AUTO_FREE int *copy = NULL;
    AUTO_FREE int *nothing = NULL;
    assert_ok(memory_copy(values, COUNT_OF(values), sizeof *values, &copy));
    values[1] = 5;
    assert_true(copy[0] == 3 && copy[1] == 1 && copy[2] == 4);
    assert_ok(memory_copy(NULL, 0, sizeof *values, &nothing));
    assert_non_null(nothing);
    assert_int_equal(memory_copy(values, SIZE_MAX, 2, &copy), CF_NO_MEMORY);
    assert_int_equal(copy[0], 3);
}

static void test_blocks_are_given_up_together(void **state) {
    (void)state;
    AUTO(blocks_free) Blocks blocks = {0};
    for (int i = 0; i < 100; i++) {
        int *block;
        assert_int_equal(blocks_take(&blocks, 10, sizeof *block, &block), CF_OK);
        for (int k = 0; k < 10; k++) assert_int_equal(block[k], 0);
        for (int k = 0; k < 10; k++) block[k] = i;
    }
    assert_int_equal(blocks.count, 100);
    assert_int_equal(*(int *)blocks.all[57], 57);
    blocks_free(&blocks);
    assert_int_equal(blocks.count, 0);
    assert_null(blocks.all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_is_its_own),
        cmocka_unit_test(test_scope_releases), cmocka_unit_test(test_take_leaves_nothing),
        cmocka_unit_test(test_room_doubles), cmocka_unit_test(test_blocks_are_given_up_together)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
