#include "data/prepare.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t random_state = 7;

static uint32_t random_below(uint32_t limit) {
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)random_state * limit >> 32);
}

/* Guard words around the output. */
static void prepare(const int from[3], const int to[3], const unsigned char *pixels, float *out) {
    Preparation *p;
    assert_ok(preparation_new(from, to, &p));
    size_t count = (size_t)to[0] * (size_t)to[1] * (size_t)to[2], room = preparation_scratch(p);
    float *scratch = malloc((room + count + 3) * sizeof *scratch), *guarded = scratch + room + 1;
    assert_non_null(scratch);
    scratch[room] = guarded[count] = 12345;
    preparation_apply(p, pixels, scratch, guarded);
    assert_true(scratch[room] == 12345 && guarded[count] == 12345);
    memcpy(out, guarded, count * sizeof *out);
    free(scratch);
    preparation_free(p);
}

static void expect_floats(const float *got, const double *wanted, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (fabs((double)got[i] - wanted[i]) > 2e-7) {
            print_error("value %zu is %.9g, wanted %.9g\n", i, (double)got[i], wanted[i]);
            fail();
        }
}

static void test_prepare_identity(void **state) {
    (void)state;
    unsigned char pixels[2 * 128 * 3];
    float out[sizeof pixels];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)i;
    for (int channels = 1; channels <= 3; channels += 2) {
        const int shape[3] = {channels, 2, 128};
        prepare(shape, shape, pixels, out);
        for (size_t i = 0; i < (size_t)channels * 256; i++) assert_true(out[i] == (float)pixels[i] / 255.0f);
    }
}

static void test_prepare_by_hand(void **state) {
    (void)state;
    float out[16];
    /* 4 -> 2 averages pairs; 3 -> 2 takes one and a half each. */
    prepare((const int[]){1, 1, 4}, (const int[]){1, 1, 2}, (const unsigned char[]){0, 255, 51, 153}, out);
    expect_floats(out, (const double[]){0.5, 0.4}, 2);
    prepare((const int[]){1, 3, 1}, (const int[]){1, 2, 1}, (const unsigned char[]){255, 0, 51}, out);
    expect_floats(out, (const double[]){2.0 / 3, 0.4 / 3}, 2);
    /* 2 -> 4: centres at -0.25 (clamped), 0.25, 0.75, 1.25 (clamped). */
    prepare((const int[]){1, 1, 2}, (const int[]){1, 1, 4}, (const unsigned char[]){0, 255}, out);
    expect_floats(out, (const double[]){0, 0.25, 0.75, 1}, 4);
    /* One axis larger, the other smaller. */
    prepare((const int[]){1, 2, 2}, (const int[]){1, 1, 4}, (const unsigned char[]){0, 255, 0, 51}, out);
    expect_floats(out, (const double[]){0, 0.15, 0.45, 0.6}, 4);
    /* Grey: red, green, blue, white; then back to three. */
    const unsigned char colours[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    prepare((const int[]){3, 2, 2}, (const int[]){1, 2, 2}, colours, out);
    expect_floats(out, (const double[]){0.299, 0.587, 0.114, 1}, 4);
    prepare((const int[]){1, 1, 2}, (const int[]){3, 1, 4}, (const unsigned char[]){0, 255}, out);
    expect_floats(out, (const double[]){0, 0, 0, 0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 1, 1, 1}, 12);
    prepare((const int[]){1, 1, 2}, (const int[]){3, 1, 2}, (const unsigned char[]){51, 255}, out);
    expect_floats(out, (const double[]){0.2, 0.2, 0.2, 1, 1, 1}, 6);
}

/* Grey in three channels stays exactly what it is. */
static void test_prepare_grey_exact(void **state) {
    (void)state;
    unsigned char pixels[256 * 3];
    float out[256];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)(i / 3);
    prepare((const int[]){3, 16, 16}, (const int[]){1, 16, 16}, pixels, out);
    for (size_t i = 0; i < 256; i++) assert_true(out[i] == (float)i / 255.0f);
}

/* How much of old position `old` goes into new position i: written down anew, as one function for any pair.
 */
static double weight(int from, int to, int i, int old) {
    double scale = (double)from / to;
    if (from > to) {
        double overlap = fmin(old + 1, (i + 1) * scale) - fmax(old, i * scale);
        return overlap > 0 ? overlap / scale : 0;
    }
    double centre = fmin(fmax((i + 0.5) * scale - 0.5, 0), from - 1);
    return fmax(0, 1 - fabs(centre - old));
}

static double straightforward(const int from[3], const int to[3], const unsigned char *pixels, int h, int w, int c) {
    double sum = 0;
    for (int y = 0; y < from[1]; y++)
        for (int x = 0; x < from[2]; x++) {
            const unsigned char *p = pixels + (y * from[2] + x) * from[0];
            double value = from[0] == to[0] ? p[c] : from[0] == 3 ? 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] : p[0];
            sum += weight(from[1], to[1], h, y) * weight(from[2], to[2], w, x) * value / 255;
        }
    return sum;
}

static void random_image(unsigned char *pixels, size_t count) {
    for (size_t i = 0; i < count; i++) pixels[i] = (unsigned char)random_below(256);
}

static void test_prepare_random_shapes(void **state) {
    (void)state;
    static unsigned char pixels[24 * 24 * 3];
    static float out[24 * 24 * 3];
    for (int round = 0; round < 300; round++) {
        int from[3], to[3];
        for (int i = 1; i < 3; i++) from[i] = 1 + (int)random_below(24), to[i] = 1 + (int)random_below(24);
        from[0] = random_below(2) ? 3 : 1;
        to[0] = random_below(2) ? 3 : 1;
        random_image(pixels, sizeof pixels);
        prepare(from, to, pixels, out);
        for (int h = 0; h < to[1]; h++)
            for (int w = 0; w < to[2]; w++)
                for (int c = 0; c < to[0]; c++) {
                    double wanted = straightforward(from, to, pixels, h, w, c);
                    double got = (double)out[(h * to[2] + w) * to[0] + c];
                    if (fabs(got - wanted) > 1e-6) {
                        print_error("%dx%dx%d -> %dx%dx%d at %d,%d,%d: %.9g, wanted %.9g\n", from[0], from[1], from[2],
                                    to[0], to[1], to[2], h, w, c, got, wanted);
                        fail();
                    }
                }
    }
}

static double mean(const float *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i];
    return sum / (double)count;
}

/* Averaging areas keeps the mean; a flat image stays flat under any resize. */
static void test_prepare_mean(void **state) {
    (void)state;
    static unsigned char pixels[32 * 32];
    static float before[32 * 32], after[64 * 64];
    const int from[3] = {1, 32, 32};
    random_image(pixels, sizeof pixels);
    prepare(from, from, pixels, before);
    for (int size = 1; size < 32; size++) {
        prepare(from, (const int[]){1, size, 33 - size}, pixels, after);
        size_t count = (size_t)(size * (33 - size));
        assert_true(fabs(mean(after, count) - mean(before, 1024)) < 1e-6);
    }
    memset(pixels, 200, sizeof pixels);
    for (int size = 1; size <= 64; size++) {
        prepare(from, (const int[]){1, size, 65 - size}, pixels, after);
        for (int i = 0; i < size * (65 - size); i++) assert_true(fabs((double)after[i] - 200 / 255.0) < 3e-7);
    }
}

/* Every pair of lengths, among them those whose quotient is rounded down past a whole number (30 -> 22). */
static void test_prepare_every_length(void **state) {
    (void)state;
    enum { LONGEST = 100 };
    static unsigned char pixels[LONGEST];
    static float out[LONGEST];
    memset(pixels, 255, sizeof pixels);
    for (int from = 1; from <= LONGEST; from++)
        for (int to = 1; to <= LONGEST; to++) {
            prepare((const int[]){1, 1, from}, (const int[]){1, 1, to}, pixels, out);
            for (int i = 0; i < to; i++) assert_true(fabs((double)out[i] - 1) < 3e-6);
            prepare((const int[]){1, from, 1}, (const int[]){1, to, 1}, pixels, out);
            for (int i = 0; i < to; i++) assert_true(fabs((double)out[i] - 1) < 3e-6);
        }
}

/* A picture of any height takes a row of floats, not four bytes for each of its own. */
static void test_prepare_memory(void **state) {
    (void)state;
    Preparation *p;
    assert_ok(preparation_new((const int[]){3, 65535, 1000}, (const int[]){3, 28, 28}, &p));
    assert_in_range(preparation_scratch(p), 3 * 1000, 3 * (1000 + 28 + 28 * 28));
    preparation_free(p);
}

/* 28 -> 32 -> 28, as a crossing of sets does it: a smooth image comes back almost as it was. */
static void test_prepare_there_and_back(void **state) {
    (void)state;
    unsigned char small[28 * 28], large[32 * 32], back[28 * 28];
    for (int h = 0; h < 28; h++)
        for (int w = 0; w < 28; w++) small[28 * h + w] = (unsigned char)(4 * h + 5 * w);
    assert_ok(resize_bytes(small, (const int[]){1, 28, 28}, (const int[]){1, 32, 32}, large));
    assert_ok(resize_bytes(large, (const int[]){1, 32, 32}, (const int[]){1, 28, 28}, back));
    for (int i = 0; i < 28 * 28; i++) assert_in_range(back[i] - small[i] + 3, 0, 6);
    assert_memory_not_equal(small, large, 28 * 28);
    for (int h = 1; h < 27; h++)
        for (int w = 1; w < 27; w++) assert_in_range(back[28 * h + w] - small[28 * h + w] + 1, 0, 2);
}

static void test_resize_bytes_rounds(void **state) {
    (void)state;
    unsigned char out[8];
    assert_ok(
        resize_bytes((const unsigned char[]){0, 255, 100, 103}, (const int[]){1, 1, 4}, (const int[]){1, 1, 2}, out));
    assert_int_equal(out[0], 128); /* 127.5, halves to the even one */
    assert_int_equal(out[1], 102);
    assert_ok(resize_bytes((const unsigned char[]){9, 8, 7, 6}, (const int[]){1, 2, 2}, (const int[]){1, 2, 2}, out));
    assert_memory_equal(out, ((const unsigned char[]){9, 8, 7, 6}), 4);
}

static void test_prepare_errors(void **state) {
    (void)state;
    Preparation *p;
    assert_fails(preparation_new((const int[]){2, 4, 4}, (const int[]){1, 4, 4}, &p), CF_BAD_USE, "of 2 channels");
    assert_fails(preparation_new((const int[]){1, 4, 0}, (const int[]){1, 4, 4}, &p), CF_BAD_USE, "1 x 4 x 0");
    preparation_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare_identity),     cmocka_unit_test(test_prepare_by_hand),
        cmocka_unit_test(test_prepare_grey_exact),   cmocka_unit_test(test_prepare_random_shapes),
        cmocka_unit_test(test_prepare_mean),         cmocka_unit_test(test_prepare_there_and_back),
        cmocka_unit_test(test_resize_bytes_rounds),  cmocka_unit_test(test_prepare_errors),
        cmocka_unit_test(test_prepare_every_length), cmocka_unit_test(test_prepare_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
