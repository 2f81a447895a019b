#include "data/prepare.h"
#include "data/set_text.h"

#include "testing.h"

#include <stdlib.h>
#include <string.h>

static void expect(Fit fit, const unsigned char *pixels, int height, int width, int to_height, int to_width,
                   const unsigned char *expected) {
    unsigned char out[256];
    assert_true((size_t)to_height * (size_t)to_width <= sizeof out);
    memset(out, 99, sizeof out);
    assert_ok(fit_bytes(fit, pixels, (const int[]){1, height, width}, (const int[]){1, to_height, to_width}, out));
    assert_memory_equal(out, expected, (size_t)to_height * (size_t)to_width);
    assert_int_equal(out[to_height * to_width], 99);
}

/* Worked by hand: six columns, the value is the column's. */
static void test_fit(void **state) {
    (void)state;
    static const unsigned char wide[] = {10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60};
    expect(FIT_SQUASH, wide, 2, 6, 2, 2, (const unsigned char[]){20, 50, 20, 50});
    expect(FIT_CROP, wide, 2, 6, 2, 2, (const unsigned char[]){30, 40, 30, 40});
    /* 2 x 6 in 6 x 6: two rows in the middle; in 3 x 3: the whole is 1 x 3, the middle row. */
    static const unsigned char padded[36] = {[12] = 10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60};
    expect(FIT_PAD, wide, 2, 6, 6, 6, padded);
    expect(FIT_PAD, wide, 2, 6, 3, 3, (const unsigned char[]){0, 0, 0, 15, 35, 55, 0, 0, 0});
    /* A tall one: 4 x 1 to 2 x 2. */
    static const unsigned char tall[] = {10, 20, 30, 40};
    expect(FIT_CROP, tall, 4, 1, 2, 2, (const unsigned char[]){20, 20, 20, 20});
    expect(FIT_PAD, tall, 4, 1, 2, 2, (const unsigned char[]){15, 0, 35, 0});
    /* Already of the shape: nothing differs. */
    for (Fit fit = FIT_SQUASH; fit <= FIT_PAD; fit++) expect(fit, wide, 2, 6, 2, 6, wide);
}

/* The odd pixel is left over on the right; one that is far too thin still has a pixel. */
static void test_fit_edges(void **state) {
    (void)state;
    static const unsigned char row[] = {10, 20, 30, 40, 50};
    expect(FIT_CROP, row, 1, 5, 1, 2, (const unsigned char[]){20, 30});
    /* Of 5 x 9 into 2 x 3 the middle is 7.5 wide, rounded to 8. */
    unsigned char rows[45];
    for (int i = 0; i < 45; i++) rows[i] = (unsigned char)(10 + 10 * (i % 9));
    expect(FIT_CROP, rows, 5, 9, 2, 3, (const unsigned char[]){19, 45, 71, 19, 45, 71});
    unsigned char line[200], out[4];
    memset(line, 80, sizeof line);
    assert_ok(fit_bytes(FIT_PAD, line, (const int[]){1, 1, 200}, (const int[]){1, 2, 2}, out));
    assert_memory_equal(out, ((const unsigned char[]){80, 80, 0, 0}), 4);
    assert_ok(fit_bytes(FIT_CROP, line, (const int[]){1, 1, 200}, (const int[]){1, 2, 1}, out));
    assert_memory_equal(out, ((const unsigned char[]){80, 80}), 2);
}

/* Whatever the sizes: what comes out has been written, crop and pad keep a flat image flat where there is image. */
static void test_fit_shapes(void **state) {
    (void)state;
    unsigned char flat[40 * 40], out[40 * 40 + 1];
    memset(flat, 200, sizeof flat);
    for (int i = 0; i < 3000; i++) {
        const int h = 1 + i * 7 % 40, w = 1 + i * 13 % 40, th = 1 + i * 17 % 40, tw = 1 + i * 23 % 40;
        const Fit fit = (Fit)(i % 3);
        int size[2];
        memset(out, 99, sizeof out);
        assert_ok(fit_bytes(fit, flat, (const int[]){1, h, w}, (const int[]){1, th, tw}, out));
        assert_int_equal(out[th * tw], 99);
        fit_size(fit, (const int[]){h, w}, (const int[]){th, tw}, size);
        assert_in_range(size[0], 1, th);
        assert_in_range(size[1], 1, tw);
        if (fit == FIT_PAD) assert_true(size[0] == th || size[1] == tw);
        int full = 0, black = 0;
        for (int p = 0; p < th * tw; p++) full += out[p] == 200, black += out[p] == 0;
        assert_int_equal(full, size[0] * size[1]);
        assert_int_equal(full + black, th * tw);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_fit_edges),
        cmocka_unit_test(test_fit_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
