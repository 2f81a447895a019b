#include "data/generate/generated_set.h"
#include "data/generate/street.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = STREET_SIDE, BYTES = 3 * STREET_PIXELS };

static GeneratedSpec spec_of(const char *text) {
    GeneratedSpec spec;
    assert_ok(generated_spec_read(text, &spec));
    return spec;
}

/* Guard bytes around the picture. */
static int draw_image(const GeneratedSpec *spec, uint64_t index, unsigned char *pixels) {
    unsigned char guarded[BYTES + 2];
    guarded[0] = guarded[BYTES + 1] = 77;
    const int label = generated_image(spec, 0, index, guarded + 1);
    assert_true(guarded[0] == 77 && guarded[BYTES + 1] == 77);
    memcpy(pixels, guarded + 1, BYTES);
    return label;
}

/* The first image of a digit. */
static void draw_digit(const char *text, int digit, unsigned char *pixels) {
    char longer[512];
    snprintf(longer, sizeof longer, "%s,frequencies=%d/%d/%d/%d/%d/%d/%d/%d/%d/%d", text, digit == 0, digit == 1,
             digit == 2, digit == 3, digit == 4, digit == 5, digit == 6, digit == 7, digit == 8, digit == 9);
    const GeneratedSpec spec = spec_of(longer);
    assert_int_equal(draw_image(&spec, 0, pixels), digit);
}

/* How many of the first `count` images differ between two sets. */
static int count_different(const char *a, const char *b, int count) {
    const GeneratedSpec first = spec_of(a), second = spec_of(b);
    int different = 0;
    for (int i = 0; i < count; i++) {
        unsigned char one[BYTES], other[BYTES];
        assert_int_equal(draw_image(&first, (uint64_t)i, one), draw_image(&second, (uint64_t)i, other));
        different += memcmp(one, other, BYTES) != 0;
    }
    return different;
}

/* ---- The clean set ---- */

/* White on black, upright, centred, alone: and then nothing is left but the label. */
static void test_clean(void **state) {
    (void)state;
    const GeneratedSpec clean = spec_of("street:0,frequencies=even");
    unsigned char of_digit[DIGITS][BYTES], pixels[BYTES];
    for (int digit = 0; digit < DIGITS; digit++) {
        int top = SIDE, bottom = 0, left = SIDE, right = 0, white = 0;
        draw_digit("street:0", digit, of_digit[digit]);
        for (int i = 0; i < STREET_PIXELS; i++) {
            const unsigned char *p = of_digit[digit] + 3 * i;
            const int y = i / SIDE, x = i % SIDE;
            assert_true(p[0] == p[1] && p[1] == p[2]);
            white += *p == 255;
            if (*p < 128) continue;
            if (y < top) top = y;
            if (y >= bottom) bottom = y + 1;
            if (x < left) left = x;
            if (x >= right) right = x + 1;
        }
        /* 23 pixels high; alone, so no wider than a digit; ink thick enough to be white somewhere. */
        assert_in_range(bottom - top, 22, 24);
        assert_in_range(right - left, 5, 17);
        assert_true(abs(top + bottom - SIDE) <= 1 && abs(left + right - SIDE) <= 2);
        assert_true(white > 25);
    }
    for (int i = 0; i < 50; i++) {
        const int label = draw_image(&clean, (uint64_t)i, pixels);
        assert_memory_equal(pixels, of_digit[label], BYTES);
    }
}

static void test_polarity_is_negative(void **state) {
    (void)state;
    unsigned char light[BYTES], dark[BYTES];
    for (int digit = 0; digit < DIGITS; digit++) {
        draw_digit("street:0", digit, light);
        draw_digit("street:0,polarity=1", digit, dark);
        for (int i = 0; i < BYTES; i++) assert_int_equal(light[i] + dark[i], 255);
    }
}

static void test_neighbours_leave_the_digit(void **state) {
    (void)state;
    unsigned char alone[BYTES], among[BYTES];
    int more = 0;
    for (int digit = 0; digit < DIGITS; digit++) {
        draw_digit("street:0", digit, alone);
        draw_digit("street:0,neighbours=1", digit, among);
        int left = SIDE, right = 0;
        for (int i = 0; i < STREET_PIXELS; i++) {
            const int x = i % SIDE;
            assert_true(among[3 * i] + 1 >= alone[3 * i]);
            more += among[3 * i] > alone[3 * i] + 1;
            if (alone[3 * i] > 0 && x < left) left = x;
            if (alone[3 * i] > 0 && x > right) right = x;
        }
        for (int i = 0; i < STREET_PIXELS; i++)
            if (i % SIDE > left + 2 && i % SIDE < right - 2) assert_true(among[3 * i] <= alone[3 * i] + 1);
    }
    assert_true(more > DIGITS * 30);
}

/* Leaning or turning 0 the other way gives its mirror image. */
static void test_both_ways_alike(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"street:0,slant=17", "street:0,slant=-17"},
                                           {"street:0,rotation=11", "street:0,rotation=-11"}};
    for (int k = 0; k < 2; k++) {
        unsigned char a[BYTES], b[BYTES];
        draw_digit(pairs[k][0], 0, a);
        draw_digit(pairs[k][1], 0, b);
        assert_memory_not_equal(a, b, BYTES);
        for (int i = 0; i < STREET_PIXELS; i++)
            assert_true(abs(a[3 * i] - b[3 * (i / SIDE * SIDE + SIDE - 1 - i % SIDE)]) <= 1);
    }
    /* To the right is to the right: the upper half of a slanted bar lies there. */
    unsigned char p[BYTES];
    long upper = 0;
    draw_digit("street:0,slant=17", 0, p);
    for (int i = 0; i < STREET_PIXELS / 2; i++) upper += (i % SIDE < SIDE / 2 ? -1 : 1) * (int)p[3 * i];
    assert_true(upper > 0);
}

static void test_scale_and_position(void **state) {
    (void)state;
    unsigned char p[BYTES], q[BYTES];
    double sums[2] = {0}, middles[2] = {0};
    draw_digit("street:0", 8, p);
    draw_digit("street:0,scale=-1", 8, q);
    for (int i = 0; i < STREET_PIXELS; i++) sums[0] += p[3 * i], sums[1] += q[3 * i];
    assert_true(fabs(sums[0] / sums[1] - 4) < 0.05);
    draw_digit("street:0,position=0.1", 8, q);
    sums[1] = 0;
    for (int i = 0; i < STREET_PIXELS; i++) {
        sums[1] += q[3 * i];
        middles[0] += p[3 * i] * (i % SIDE), middles[1] += q[3 * i] * (i % SIDE);
    }
    assert_true(fabs(sums[0] / sums[1] - 1) < 0.005);
    const double moved = middles[1] / sums[1] - middles[0] / sums[0];
    assert_true(fabs(moved) > 0.01 && fabs(moved) < 3.21);
}

/* ---- Factors ---- */

/* Each factor at its greatest does something to a plain picture. What acts on the ground's light or on colours needs
 * some. */
static void test_each_factor_acts(void **state) {
    (void)state;
    const char *plain = "street:0,contrast=0.5";
    for (int f = 0; f < generator_street.factor_count; f++) {
        const Factor *factor = &generator_street.factors[f];
        char turned[256];
        assert_true(factor->lowest <= 0 && factor->low >= factor->lowest && factor->high <= factor->highest);
        snprintf(turned, sizeof turned, "%s,%s=%g", plain, factor->name,
                 factor->highest > 0 ? factor->highest : factor->lowest);
        const int different = count_different(plain, turned, 20);
        if (different < 8) {
            print_error("%s changes %d of 20 images\n", factor->name, different);
            fail();
        }
    }
}

static void test_without_colour_grey(void **state) {
    (void)state;
    const GeneratedSpec grey = spec_of("street:colour=0,noise=0,jpeg=0"), coloured = spec_of("street:colour=1");
    int differ = 0;
    for (int i = 0; i < 60; i++) {
        unsigned char p[BYTES];
        draw_image(&grey, (uint64_t)i, p);
        for (int k = 0; k < BYTES; k += 3) assert_true(p[k] == p[k + 1] && p[k] == p[k + 2]);
        draw_image(&coloured, (uint64_t)i, p);
        for (int k = 0; k < BYTES; k += 3) differ += abs(p[k] - p[k + 2]) > 8;
    }
    assert_true(differ > 60 * 100);
}

/* With no contrast and nothing that follows the digits' edges, digits cannot be seen: then what is drawn for them must
 * not show anywhere, so the ground, the light and the noise are the same whatever digits do. */
static void test_type_moves_nothing_else(void **state) {
    (void)state;
    const char *hidden = "street:contrast=1,colour=0,background=0,texture=0,gradient=0,shadow=0,relief=0,rim=0";
    static const char *const type[] = {"weight=0.7",    "width=-0.4",   "stress=0.5",     "serif=1",     "slant=17",
                                       "roundness=0.3", "square=0.6",   "forms=1",        "waver=0.2",   "scale=-0.5",
                                       "position=0.3",  "rotation=-20", "perspective=.3", "neighbours=1"};
    for (size_t k = 0; k < sizeof type / sizeof *type; k++) {
        char turned[512];
        snprintf(turned, sizeof turned, "%s,%s", hidden, type[k]);
        assert_int_equal(count_different(hidden, turned, 20), 0);
    }
    assert_true(count_different(hidden,
                                "street:contrast=0.5,colour=0,background=0,texture=0,gradient=0,shadow=0,relief=0,"
                                "rim=0",
                                20) > 15);
}

/* And the other way: neither the digits' place and shape nor the colours follow from anything but their own factors. */
static void test_nothing_else_moves_type(void **state) {
    (void)state;
    GeneratedImage image = {.seed = 4, .index = 9, .label = 5};
    for (int f = 0; f < STREET_FACTORS; f++) {
        const Factor *factor = &generator_street.factors[f];
        image.factor[f] = 0.5 * (factor->low + factor->high);
    }
    StreetScene before = {.image = &image};
    street_style(&before);
    street_map(&before);
    street_mask(&before);
    street_colours(&before);
    for (int f = 0; f < STREET_FACTORS; f++) {
        GeneratedImage other = image;
        other.factor[f] = generator_street.factors[f].highest;
        StreetScene after = {.image = &other};
        street_style(&after);
        street_map(&after);
        street_mask(&after);
        street_colours(&after);
        if (f > STREET_NEIGHBOURS || f == STREET_RELIEF || f == STREET_RIM)
            assert_memory_equal(before.mask, after.mask, sizeof before.mask);
        if (f != STREET_CONTRAST && f != STREET_POLARITY && f != STREET_COLOUR)
            assert_memory_equal(&before.colours, &after.colours, sizeof before.colours);
    }
}

/* A little more of the camera's factors is a little change; the noise of an image is one pattern, only stronger. */
static void test_noise_is_one_pattern(void **state) {
    (void)state;
    unsigned char none[BYTES], weak[BYTES], strong[BYTES];
    draw_digit("street:0,haze=0.8", 3, none);
    draw_digit("street:0,haze=0.8,noise=0.02", 3, weak);
    draw_digit("street:0,haze=0.8,noise=0.04", 3, strong);
    double squares = 0;
    int counted = 0;
    for (int i = 0; i < BYTES; i++) {
        if (strong[i] == 0 || strong[i] == 255) continue;
        const int a = weak[i] - none[i], b = strong[i] - none[i];
        assert_true(abs(b - 2 * a) <= 3);
        squares += b * b, counted++;
    }
    assert_true(counted > BYTES / 2);
    assert_true(fabs(sqrt(squares / counted) / (0.04 * 255) - 1) < 0.1);
}

/* ---- The set ---- */

static void test_any_number_of_threads(void **state) {
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    GeneratedSpec spec = spec_of("street:n=300,test=70,seed=9");
    cf_set *first = NULL;
    for (int k = 0; k < 4; k++) {
        cf_set *set;
        assert_ok(generated_set_new(&spec, threads[k], &set));
        assert_int_equal(set->count, 370);
        if (!first) {
            first = set;
            continue;
        }
        assert_memory_equal(first->pixels, set->pixels, (size_t)370 * BYTES);
        assert_memory_equal(first->labels, set->labels, 370 * sizeof *set->labels);
        cf_set_free(set);
    }
    /* An image does not depend on how many there are, and parts are not each other's. */
    spec.train = 100;
    cf_set *shorter;
    assert_ok(generated_set_new(&spec, 2, &shorter));
    assert_memory_equal(first->pixels, shorter->pixels, (size_t)100 * BYTES);
    assert_memory_equal(first->pixels + (size_t)300 * BYTES, shorter->pixels + (size_t)100 * BYTES, (size_t)70 * BYTES);
    assert_memory_not_equal(first->pixels, first->pixels + (size_t)300 * BYTES, BYTES);
    cf_set_free(shorter);
    cf_set_free(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_polarity_is_negative),
        cmocka_unit_test(test_neighbours_leave_the_digit),
        cmocka_unit_test(test_both_ways_alike),
        cmocka_unit_test(test_scale_and_position),
        cmocka_unit_test(test_each_factor_acts),
        cmocka_unit_test(test_without_colour_grey),
        cmocka_unit_test(test_type_moves_nothing_else),
        cmocka_unit_test(test_nothing_else_moves_type),
        cmocka_unit_test(test_noise_is_one_pattern),
        cmocka_unit_test(test_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
