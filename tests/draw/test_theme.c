/* Colours that have to be told apart: by people with each kind of colour blindness, and from the ground. */
#include "draw/theme.h"
#include "testing.h"

#include <math.h>

/* G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A Physiologically-based Model for Simulation of Color Vision
 * Deficiency", 2009: full protanopia, deuteranopia, tritanopia; and everyone else. In linear sRGB. */
static const double seen_by[4][3][3] = {
    {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
    {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
    {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
    {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
};

static double linear(double value) {
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

static double curve(double t) {
    return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116;
}

/* CIE L*a*b* (D65) of a colour as somebody sees it. */
static void lab_of(Colour colour, const double eye[3][3], double lab[3]) {
    const double own[3] = {linear(colour.red), linear(colour.green), linear(colour.blue)};
    double c[3];
    for (int i = 0; i < 3; i++) c[i] = fmin(1, fmax(0, eye[i][0] * own[0] + eye[i][1] * own[1] + eye[i][2] * own[2]));
    const double x = curve((0.4124 * c[0] + 0.3576 * c[1] + 0.1805 * c[2]) / 0.9505),
                 y = curve(0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]),
                 z = curve((0.0193 * c[0] + 0.1192 * c[1] + 0.9505 * c[2]) / 1.089);
    lab[0] = 116 * y - 16, lab[1] = 500 * (x - y), lab[2] = 200 * (y - z);
}

static void expect_apart(const Theme *theme) {
    for (int eye = 0; eye < 4; eye++)
        for (int a = 0; a < CLASS_COLOURS; a++)
            for (int b = 0; b < a; b++) {
                double one[3], other[3], sum = 0;
                lab_of(theme_class(theme, a), seen_by[eye], one);
                lab_of(theme_class(theme, b), seen_by[eye], other);
                for (int i = 0; i < 3; i++) sum += (one[i] - other[i]) * (one[i] - other[i]);
                if (sqrt(sum) < 15) fail_msg("classes %d and %d are only %.1f apart for eye %d", a, b, sqrt(sum), eye);
            }
}

static double contrast(Colour a, Colour b) {
    const double one = colour_luminance(a) + 0.05, other = colour_luminance(b) + 0.05;
    return one > other ? one / other : other / one;
}

static void test_classes(void **state) {
    (void)state;
    for (int t = 0; t < THEMES; t++) {
        expect_apart(themes[t]);
        for (int c = 0; c < CLASS_COLOURS; c++)
            assert_true(contrast(theme_class(themes[t], c), themes[t]->background) > 1.5);
        /* WCAG 2, level AA, for text. */
        assert_true(contrast(themes[t]->text, themes[t]->background) > 7);
        assert_true(contrast(themes[t]->muted, themes[t]->background) > 4.5);
    }
    assert_true(theme_class(&theme_light, 13).red == theme_light.classes[3].red);
}

/* Lightness goes one way for every eye, in steps that are seen, and the last is still seen on the ground. */
static void test_sequence(void **state) {
    (void)state;
    for (int t = 0; t < THEMES; t++) {
        for (int eye = 0; eye < 4; eye++)
            for (int i = 1; i < SEQUENCE_COLOURS; i++) {
                double before[3], now[3];
                lab_of(themes[t]->sequence[i - 1], seen_by[eye], before);
                lab_of(themes[t]->sequence[i], seen_by[eye], now);
                const double step = t != 1 ? now[0] - before[0] : before[0] - now[0];
                if (step < 4) fail_msg("theme %d: step %d is only %.1f for eye %d", t, i, step, eye);
            }
        assert_true(contrast(theme_sequence(themes[t], 1), themes[t]->background) > 1.5);
        assert_true(contrast(theme_sequence(themes[t], 0), themes[t]->background) > 7);
        assert_true(theme_sequence(themes[t], 0.25).red == themes[t]->sequence[1].red);
        assert_true(theme_sequence(themes[t], 7).red == themes[t]->sequence[SEQUENCE_COLOURS - 1].red);
        assert_true(theme_sequence(themes[t], -1).red == themes[t]->sequence[0].red);
    }
}

static void test_arithmetic(void **state) {
    (void)state;
    const Colour white = {1, 1, 1}, black = {0, 0, 0};
    assert_true(fabs(contrast(white, black) - 21) < 1e-9);
    assert_true(fabs(colour_between(black, white, 0.25).green - 0.25) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_classes), cmocka_unit_test(test_sequence),
                                       cmocka_unit_test(test_arithmetic)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
