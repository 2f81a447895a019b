#include "data/set_text.h"

#include "base/files.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

static void expect_read(const char *text, const char *plain, ReadOptions options) {
    char *got;
    ReadOptions read = {0};
    assert_ok(set_text_read(text, &got, &read));
    assert_string_equal(got, plain);
    assert_int_equal(read.width, options.width);
    assert_int_equal(read.height, options.height);
    assert_int_equal(read.most_width, options.most_width);
    assert_int_equal(read.most_height, options.most_height);
    assert_int_equal(read.fit, options.fit);
    assert_int_equal(read.skip_broken, options.skip_broken);
    free(got);
}

static void test_read(void **state) {
    (void)state;
    expect_read("photos", "photos", (ReadOptions){0});
    expect_read("photos:size=64", "photos", (ReadOptions){.height = 64, .width = 64});
    expect_read("a/b:c:size=96x64,fit=pad,broken=skip", "a/b:c",
                (ReadOptions){.width = 96, .height = 64, .fit = FIT_PAD, .skip_broken = true});
    expect_read("p:most=32x16", "p", (ReadOptions){.most_width = 32, .most_height = 16});
    expect_read("p:size=1,size=2", "p", (ReadOptions){.height = 2, .width = 2}); /* the last one counts */
    /* A ':' that is a name's. */
    expect_read("C:photos", "C:photos", (ReadOptions){0});
    expect_read("x:size=1/y", "x:size=1/y", (ReadOptions){0});
    /* Generated sets keep their own items. */
    expect_read("hand", "hand", (ReadOptions){0});
    expect_read("hand:n=5", "hand:n=5", (ReadOptions){0});
    expect_read("street:blur=0:2,size=16,n=5", "street:blur=0:2,n=5", (ReadOptions){.height = 16, .width = 16});
    expect_read("hand:size=20", "hand", (ReadOptions){.height = 20, .width = 20});
}

/* A folder of that very name is what is meant. */
static void test_read_existing(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "odd:size=8");
    assert_ok(file_make_folder(path));
    expect_read(path, path, (ReadOptions){0});
}

static void test_read_errors(void **state) {
    (void)state;
    static const char *const wrong[][2] = {{"p:size=", "size : N or WIDTHxHEIGHT"},
                                           {"p:size=0", "from 1 to 65535"},
                                           {"p:size=64x", "size 64x"},
                                           {"p:size=65536", "size 65536"},
                                           {"p:size=1x2x3", "size 1x2x3"},
                                           {"p:fit=corp", "did you mean crop?"},
                                           {"p:broken=leave", "broken=skip was expected"},
                                           {"p:sise=3", "did you mean size?"},
                                           {"hand:size=x", "size x"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *plain = NULL;
        ReadOptions options;
        assert_fails(set_text_read(wrong[i][0], &plain, &options), CF_BAD_USE, wrong[i][1]);
        assert_null(plain);
    }
}

static void expect_with(const char *text, const char *items, const char *expected) {
    char *laid;
    assert_ok(set_text_with(text, items, &laid));
    assert_string_equal(laid, expected);
    free(laid);
}

static void expect_like(const char *text, const char *from, const char *expected) {
    char *laid;
    assert_ok(set_text_like(text, from, &laid));
    assert_string_equal(laid, expected);
    free(laid);
}

static void test_write(void **state) {
    (void)state;
    expect_with("photos", "", "photos");
    expect_with("photos", "fit=crop,size=64", "photos:size=64x64,fit=crop");
    expect_with("photos:size=64,fit=pad", "size=96x64", "photos:size=96x64,fit=pad");
    expect_with("photos:fit=pad", "fit=squash", "photos");
    expect_with("street:blur=0:2", "broken=skip,size=9", "street:blur=0:2,size=9x9,broken=skip");
    expect_with("hand", "size=9", "hand:size=9x9");
    expect_like("other", "photos:size=64,fit=crop,broken=skip", "other:size=64x64,fit=crop");
    expect_like("other:size=8", "photos:size=64,fit=crop", "other:size=8x8,fit=crop");
    expect_like("other", "photos:most=28x28", "other:most=28x28");
    expect_like("hand:n=5", "street:size=32,blur=0", "hand:n=5,size=32x32");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_existing),
        cmocka_unit_test(test_read_errors),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
