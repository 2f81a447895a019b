/* Handwriting: the table of forms, MNIST's box, what a writer keeps, what each factor moves. */
#include "data/generate/generated_set.h"
#include "data/generate/hand.h"
#include "testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static GeneratedSpec spec_of(const char *text) {
    GeneratedSpec spec;
    assert_ok(generated_spec_read(text, &spec));
    return spec;
}

/* Guard bytes around the picture. */
static int draw_image(const GeneratedSpec *spec, uint64_t index, unsigned char *pixels) {
    unsigned char guarded[HAND_PIXELS + 2];
    guarded[0] = guarded[HAND_PIXELS + 1] = 77;
    int label = generated_image(spec, 0, index, guarded + 1);
    assert_true(guarded[0] == 77 && guarded[HAND_PIXELS + 1] == 77);
    memcpy(pixels, guarded + 1, HAND_PIXELS);
    return label;
}

/* ---- Forms ---- */

static void test_forms(void **state) {
    (void)state;
    int digit = 0, of_digit = 0;
    for (int i = 0; i < hand_form_count; i++) {
        const HandForm *form = &hand_forms[i];
        HandPoint first[HAND_POINTS], other[HAND_POINTS];
        if (form->digit != digit) {
            assert_int_equal(form->digit, digit + 1);
            assert_true(of_digit >= 4); /* several ways to write each digit */
            digit = form->digit, of_digit = 0;
        }
        of_digit++;
        assert_true(form->share > 0);
        int count = hand_take_read(form->takes[0], first);
        if (count < 3) fail_msg("form %d of %d: \"%s\"", of_digit, digit, form->takes[0]);
        for (int t = 1; t < HAND_TAKES && form->takes[t]; t++) {
            assert_int_equal(hand_take_read(form->takes[t], other), count);
            for (int p = 0; p < count; p++) assert_int_equal(other[p].join, first[p].join);
        }
    }
    assert_int_equal(digit, 9);
}

static void test_take_read(void **state) {
    (void)state;
    HandPoint p[HAND_POINTS];
    assert_int_equal(hand_take_read("s0,5 c-12,100 30,7 s1,1", p), 4);
    assert_true(p[0].x == 0 && p[0].y == 0.05 && p[0].join == 's');
    assert_true(p[1].x == -0.12 && p[1].y == 1 && p[1].join == 'c');
    assert_true(p[2].join == '.' && p[3].join == 's');
    const char *const wrong[] = {"", "0,5", "s", "s0", "s0,", "s0,5 x1,1", "s0,5,1", "s0 5", "s-,5", "s0,5 c"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_int_equal(hand_take_read(wrong[i], p), 0);
    /* One point more than there is room for. */
    assert_int_equal(
        hand_take_read("s1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1", p),
        HAND_POINTS);
    assert_int_equal(
        hand_take_read("s1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1 1,1", p), 0);
}

/* ---- The box ---- */

typedef struct Extent {
    int left, right, top, bottom; /* of the pixels that have ink */
    double x, y, mass;            /* centre of mass, in pixels from the left upper corner */
} Extent;

static Extent extent_of(const unsigned char *pixels) {
    Extent e = {HAND_SIDE, -1, HAND_SIDE, -1, 0, 0, 0};
    for (int y = 0; y < HAND_SIDE; y++)
        for (int x = 0; x < HAND_SIDE; x++) {
            const double ink = pixels[y * HAND_SIDE + x];
            if (ink == 0) continue;
            if (x < e.left) e.left = x;
            if (x > e.right) e.right = x;
            if (y < e.top) e.top = y;
            if (y > e.bottom) e.bottom = y;
            e.mass += ink, e.x += ink * (x + 0.5), e.y += ink * (y + 0.5);
        }
    assert_true(e.mass > 0);
    e.x /= e.mass, e.y /= e.mass;
    return e;
}

/* White on black, the longer side 20 pixels (a pixel more where edges fall between), the centre of mass in the middle. */
static void test_box(void **state) {
    (void)state;
    const GeneratedSpec spec = spec_of("hand:position=0,softness=0");
    for (uint64_t i = 0; i < 2000; i++) {
        unsigned char pixels[HAND_PIXELS];
        draw_image(&spec, i, pixels);
        const Extent e = extent_of(pixels);
        const int width = e.right - e.left + 1, height = e.bottom - e.top + 1, longer = width > height ? width : height;
        if (longer < 17 || longer > 23) fail_msg("image %d: %d x %d pixels", (int)i, width, height);
        if (fabs(e.x - 14.5) > 0.52 || fabs(e.y - 14.5) > 0.52) fail_msg("image %d: centre %g, %g", (int)i, e.x, e.y);
    }
}

/* At 0 nothing is left but the label: the plainest form, upright, from a round pen. */
static void test_clean(void **state) {
    (void)state;
    const GeneratedSpec clean = spec_of("hand:0");
    unsigned char of_digit[DIGITS][HAND_PIXELS], pixels[HAND_PIXELS];
    bool seen[DIGITS] = {false};
    for (uint64_t i = 0; i < 100; i++) {
        const int label = draw_image(&clean, i, pixels);
        if (seen[label]) assert_memory_equal(pixels, of_digit[label], HAND_PIXELS);
        memcpy(of_digit[label], pixels, HAND_PIXELS);
        seen[label] = true;
    }
    /* The plainest 1 is an upright line: columns left and right of its middle mirror each other. */
    const Extent one = extent_of(of_digit[1]);
    assert_true(one.right - one.left + 1 <= 4 && one.bottom - one.top + 1 >= 19);
    for (int y = 0; y < HAND_SIDE; y++)
        for (int x = one.left; x <= one.right; x++)
            assert_int_equal(of_digit[1][y * HAND_SIDE + x], of_digit[1][y * HAND_SIDE + one.left + one.right - x]);
}

/* ---- Factors ---- */

static double mean_ink(const char *text) {
    const GeneratedSpec spec = spec_of(text);
    double sum = 0;
    for (uint64_t i = 0; i < 100; i++) {
        unsigned char pixels[HAND_PIXELS];
        draw_image(&spec, i, pixels);
        sum += extent_of(pixels).mass;
    }
    return sum / 100;
}

/* The shear that makes ink's columns independent of its rows. */
static double lean_of(const unsigned char *pixels) {
    const Extent e = extent_of(pixels);
    double xy = 0, yy = 0;
    for (int y = 0; y < HAND_SIDE; y++)
        for (int x = 0; x < HAND_SIDE; x++) {
            const double ink = pixels[y * HAND_SIDE + x];
            xy += ink * (x + 0.5 - e.x) * (y + 0.5 - e.y), yy += ink * (y + 0.5 - e.y) * (y + 0.5 - e.y);
        }
    return -xy / yy;
}

static void test_weight_and_slant(void **state) {
    (void)state;
    const double plain = mean_ink("hand:0");
    assert_true(mean_ink("hand:0,weight=0.5") > 1.25 * plain && mean_ink("hand:0,weight=-0.5") < 0.8 * plain);
    assert_true(mean_ink("hand:0,contrast=0.5") < 0.51 * plain && mean_ink("hand:0,contrast=0.5") > 0.49 * plain);
    const GeneratedSpec upright = spec_of("hand:0,frequencies=0/1/0/0/0/0/0/0/0/0");
    const GeneratedSpec leaning = spec_of("hand:0,slant=30,frequencies=0/1/0/0/0/0/0/0/0/0");
    unsigned char pixels[HAND_PIXELS];
    draw_image(&upright, 0, pixels);
    assert_true(fabs(lean_of(pixels)) < 0.01);
    draw_image(&leaning, 0, pixels);
    assert_true(fabs(lean_of(pixels) - 0.577) < 0.05); /* tan 30 degrees */
}

/* Dark ink on light paper is the exact negative, of any image. */
static void test_polarity(void **state) {
    (void)state;
    const GeneratedSpec light = spec_of("hand"), dark = spec_of("hand:polarity=1");
    for (uint64_t i = 0; i < 50; i++) {
        unsigned char a[HAND_PIXELS], b[HAND_PIXELS];
        assert_int_equal(draw_image(&light, i, a), draw_image(&dark, i, b));
        for (int p = 0; p < HAND_PIXELS; p++) assert_true(abs(255 - a[p] - b[p]) <= 1); /* halves round up in both */
    }
}

/* Every factor changes images, and 0 of one that is 0 by default changes none. */
static void test_every_factor(void **state) {
    (void)state;
    const GeneratedSpec plain = spec_of("hand:seed=3");
    for (int f = 0; f < HAND_FACTORS; f++) {
        const Factor *factor = &generator_hand.factors[f];
        GeneratedSpec turned = plain, same = plain;
        const double much = factor->highest > 10 ? 20 : factor->highest;
        turned.low[f] = turned.high[f] = factor->low == 1 ? 0 : much;
        int changed = 0;
        for (uint64_t i = 0; i < 30; i++) {
            unsigned char a[HAND_PIXELS], b[HAND_PIXELS], c[HAND_PIXELS];
            draw_image(&plain, i, a);
            draw_image(&turned, i, b);
            draw_image(&same, i, c);
            changed += memcmp(a, b, sizeof a) != 0;
            assert_memory_equal(a, c, sizeof a);
        }
        if (changed < 10) fail_msg("%s changes %d of 30 images", factor->name, changed);
    }
}

/* ---- Writers ---- */

/* Two 1s of one writer lean alike, two writers' do not. */
static void test_writers(void **state) {
    (void)state;
    const GeneratedSpec spec =
        spec_of("hand:rotation=0,bend=0,forms=0,shape=0,proportions=0,reach=0,frequencies=0/1/0/0/0/0/0/0/0/0");
    double within = 0, between = 0;
    enum { WRITERS = 60 };
    for (uint64_t w = 0; w < WRITERS; w++) {
        unsigned char a[HAND_PIXELS], b[HAND_PIXELS], c[HAND_PIXELS];
        draw_image(&spec, 10 * w, a);
        draw_image(&spec, 10 * w + 7, b);
        draw_image(&spec, 10 * w + 10, c);
        within += fabs(lean_of(a) - lean_of(b));
        between += fabs(lean_of(a) - lean_of(c));
    }
    assert_true(within < 0.5 * between);
}

/* Nine times of ten a writer's digit has the form that is his; the next writer's is often another. */
static void test_writers_forms(void **state) {
    (void)state;
    const GeneratedSpec spec = spec_of("hand:0,forms=1,frequencies=0/0/0/0/0/0/0/1/0/0");
    int as_ever = 0, as_next = 0;
    enum { WRITERS = 40 };
    for (uint64_t w = 0; w < WRITERS; w++) {
        unsigned char first[HAND_PIXELS], other[HAND_PIXELS], next[HAND_PIXELS];
        draw_image(&spec, 10 * w, first);
        draw_image(&spec, 10 * w + 5, other);
        draw_image(&spec, 10 * w + 10, next);
        as_ever += memcmp(first, other, sizeof first) == 0;
        as_next += memcmp(first, next, sizeof first) == 0;
    }
    assert_true(as_ever > 0.75 * WRITERS && as_next < 0.5 * WRITERS);
}

/* Mean brightness and its spread over images as MNIST has them: 33.3 and 11.1 of 255 over its 60,000. */
static void test_brightness(void **state) {
    (void)state;
    const GeneratedSpec spec = spec_of("hand");
    double sum = 0, squares = 0;
    enum { IMAGES = 4000 };
    for (uint64_t i = 0; i < IMAGES; i++) {
        unsigned char pixels[HAND_PIXELS];
        draw_image(&spec, i, pixels);
        const double mean = extent_of(pixels).mass / HAND_PIXELS;
        sum += mean, squares += mean * mean;
    }
    const double mean = sum / IMAGES, spread = sqrt(squares / IMAGES - mean * mean);
    if (fabs(mean - 33.3) > 4 || fabs(spread - 11.1) > 3) fail_msg("mean %.1f, spread %.1f", mean, spread);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),      cmocka_unit_test(test_take_read),        cmocka_unit_test(test_box),
        cmocka_unit_test(test_clean),      cmocka_unit_test(test_weight_and_slant), cmocka_unit_test(test_polarity),
        cmocka_unit_test(test_writers),    cmocka_unit_test(test_writers_forms),    cmocka_unit_test(test_every_factor),
        cmocka_unit_test(test_brightness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
