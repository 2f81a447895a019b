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

static void test_arrays_grow(void **state) {
    (void)state;
    int *items = NULL;
    for (size_t count = 0; count < 1000; count++) {
        assert_ok(memory_grow(&items, count, sizeof *items));
        items[count] = (int)count;
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(items[i], i);
    const int *before = items;
    assert_fails(memory_grow(&items, (size_t)1 << 62, sizeof *items), CF_NO_MEMORY, "out of memory for");
    assert_ptr_equal(items, before);
    free(items);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scope_releases),
                                       cmocka_unit_test(test_take_leaves_nothing), cmocka_unit_test(test_arrays_grow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
