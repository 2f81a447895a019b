/* Ink of strokes against areas known from geometry. */
#include "data/generate/hand.h"

#include "testing.h"

#include <math.h>
#include <string.h>

enum { SIDE = 40, GUARD = 8 };

static const Pen round_pen = {.squeeze = 0, .cos = 1, .sin = 0, .edge = 1};

typedef struct Paper {
    float before[GUARD], ink[SIDE * SIDE], after[GUARD];
} Paper;

static void clear(Paper *paper) {
    memset(paper, 0, sizeof *paper);
    for (int i = 0; i < GUARD; i++) paper->before[i] = paper->after[i] = 77;
}

static double area(const Paper *paper) {
    double sum = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        assert_true(paper->ink[i] >= 0 && paper->ink[i] <= 1);
        sum += (double)paper->ink[i];
    }
    for (int i = 0; i < GUARD; i++) assert_true(paper->before[i] == 77 && paper->after[i] == 77);
    return sum;
}

static double area_of(const Pen *pen, const PenPoint *points, int count) {
    Paper paper;
    clear(&paper);
    pen_stroke(pen, points, count, paper.ink, SIDE, SIDE);
    return area(&paper);
}

static void expect_area(double found, double wanted, double share) {
    if (fabs(found - wanted) > share * wanted) fail_msg("area %g, wanted %g", found, wanted);
}

static const double pi = 3.14159265358979;

/* The ramp of width 1 adds pi / 12 to a disc's area: the integral of its value over the plane is pi (r^2 + 1/12). */
static void test_dot(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        const float r = 2 + 0.5f * (float)i;
        expect_area(area_of(&round_pen, &(PenPoint){20.3f, 19.6f, r}, 1), pi * ((double)(r * r) + 1.0 / 12), 0.01);
    }
}

/* A capsule: a rectangle and two half discs. */
static void test_segment(void **state) {
    (void)state;
    const PenPoint level[2] = {{10, 20, 3}, {30, 20, 3}}, aslant[2] = {{12, 9, 2}, {24, 25, 2}};
    expect_area(area_of(&round_pen, level, 2), 20 * 6 + pi * 9, 0.01);
    expect_area(area_of(&round_pen, aslant, 2), 20 * 4 + pi * 4, 0.01);
}

/* A radius that grows: a trapezium, nearly, and two half discs. */
static void test_growing(void **state) {
    (void)state;
    const PenPoint points[2] = {{10, 20, 1}, {30, 20, 3}};
    expect_area(area_of(&round_pen, points, 2), 20 * 4 + pi * (1 + 9) / 2, 0.03);
}

/* Pixels wholly inside are full, those beyond the ramp empty, one that the edge halves is half. */
static void test_values(void **state) {
    (void)state;
    Paper paper;
    const PenPoint points[2] = {{10, 20.5f, 2}, {30, 20.5f, 2}};
    clear(&paper);
    pen_stroke(&round_pen, points, 2, paper.ink, SIDE, SIDE);
    assert_true(paper.ink[20 * SIDE + 20] == 1);
    assert_true(paper.ink[19 * SIDE + 20] == 1);
    assert_true(paper.ink[18 * SIDE + 20] == 0.5f);
    assert_true(paper.ink[17 * SIDE + 20] == 0);
    assert_true(paper.ink[20 * SIDE + 4] == 0);
}

/* A wider edge keeps the area of a straight stroke and spreads it. */
static void test_edge(void **state) {
    (void)state;
    const Pen soft = {.squeeze = 0, .cos = 1, .sin = 0, .edge = 3};
    const PenPoint points[2] = {{10, 20.5f, 4}, {30, 20.5f, 4}};
    Paper paper;
    clear(&paper);
    pen_stroke(&soft, points, 2, paper.ink, SIDE, SIDE);
    expect_area(area(&paper), 20 * 8 + pi * 16, 0.03);
    assert_true(paper.ink[15 * SIDE + 20] > 0 && paper.ink[16 * SIDE + 20] < 1);
}

/* A nib half as wide across draws an upright stroke half as wide, and a level one as ever. */
static void test_nib(void **state) {
    (void)state;
    const Pen flat = {.squeeze = 0.5f, .cos = 1, .sin = 0, .edge = 1};
    const PenPoint upright[2] = {{20, 10, 4}, {20, 30, 4}}, level[2] = {{10, 20, 4}, {30, 20, 4}};
    expect_area(area_of(&flat, upright, 2), 20 * 4 + pi * 8, 0.03);
    expect_area(area_of(&flat, level, 2), 20 * 8 + pi * 8, 0.03);
}

/* Where strokes meet, ink is not laid twice; beyond the paper nothing is written. */
static void test_meeting_and_leaving(void **state) {
    (void)state;
    const PenPoint there[3] = {{10, 20, 3}, {30, 20, 3}, {10, 20, 3}}, once[2] = {{10, 20, 3}, {30, 20, 3}};
    const PenPoint far[2] = {{-30, -30, 5}, {-10, -8, 5}}, across[2] = {{-20, 20, 2}, {60, 20, 2}};
    assert_true(area_of(&round_pen, there, 3) == area_of(&round_pen, once, 2));
    assert_true(area_of(&round_pen, far, 2) == 0);
    expect_area(area_of(&round_pen, across, 2), SIDE * 4, 0.001);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dot),
        cmocka_unit_test(test_segment),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_edge),
        cmocka_unit_test(test_nib),
        cmocka_unit_test(test_meeting_and_leaving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
