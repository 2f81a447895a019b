#include "data/generate/outline.h"
#include "data/generate/street.h"
#include "testing.h"

#include <math.h>
#include <string.h>

enum { SIDE = OUTLINE_SIDE };

/* Guard words around what is written. */
static void coverage_of(const Coverage *coverage, float *shares) {
    float guarded[SIDE * SIDE + 2];
    const size_t count = (size_t)(coverage->height * coverage->width);
    guarded[0] = guarded[count + 1] = 12345;
    coverage_shares(coverage, guarded + 1);
    assert_true(guarded[0] == 12345 && guarded[count + 1] == 12345);
    memcpy(shares, guarded + 1, count * sizeof *shares);
}

static void expect_shares(const Coverage *coverage, const double *wanted) {
    float got[SIDE * SIDE];
    coverage_of(coverage, got);
    for (int i = 0; i < coverage->height * coverage->width; i++)
        if (fabs((double)got[i] - wanted[i]) > 1e-6) {
            print_error("pixel %d has %.9g, wanted %.9g\n", i, (double)got[i], wanted[i]);
            fail();
        }
}

static double area_of(const Coverage *coverage) {
    float got[SIDE * SIDE];
    double sum = 0;
    coverage_of(coverage, got);
    for (int i = 0; i < coverage->height * coverage->width; i++) sum += (double)got[i];
    return sum;
}

static void test_outline_by_hand(void **state) {
    (void)state;
    Coverage coverage;
    /* A rectangle from (0.25, 0.5) to (2.5, 2), either way round. */
    const Point rectangle[4] = {{0.25, 0.5}, {2.5, 0.5}, {2.5, 2}, {0.25, 2}},
                back[4] = {{0.25, 0.5}, {0.25, 2}, {2.5, 2}, {2.5, 0.5}};
    const double shares[12] = {0.375, 0.5, 0.25, 0, 0.75, 1, 0.5, 0, 0, 0, 0, 0};
    coverage_clear(&coverage, 3, 4);
    coverage_add(&coverage, rectangle, 4);
    expect_shares(&coverage, shares);
    coverage_clear(&coverage, 3, 4);
    coverage_add(&coverage, back, 4);
    expect_shares(&coverage, shares);
    /* Half of a pixel by its diagonal; a triangle whose long side crosses three pixels of a row: at x its height is x /
     * 3. */
    coverage_clear(&coverage, 1, 1);
    coverage_add(&coverage, (const Point[]){{0, 0}, {1, 1}, {0, 1}}, 3);
    expect_shares(&coverage, (const double[]){0.5});
    coverage_clear(&coverage, 1, 3);
    coverage_add(&coverage, (const Point[]){{0, 1}, {3, 0}, {3, 1}}, 3);
    expect_shares(&coverage, (const double[]){1.0 / 6, 0.5, 5.0 / 6});
}

static void test_outline_cut_by_frame(void **state) {
    (void)state;
    Coverage coverage;
    coverage_clear(&coverage, 2, 2);
    coverage_add(&coverage, (const Point[]){{-5, -7}, {9, -7}, {9, 11}, {-5, 11}}, 4);
    expect_shares(&coverage, (const double[]){1, 1, 1, 1});
    /* Below the line through (-1, 0) and (3, 2), which leaves the picture on both sides: y = (x + 1) / 2. */
    coverage_clear(&coverage, 2, 2);
    coverage_add(&coverage, (const Point[]){{-1, 0}, {3, 2}, {-1, 2}}, 3);
    expect_shares(&coverage, (const double[]){0.25, 0, 1, 0.75});
    /* All to the right, to the left, above, below. */
    const double moves[4][2] = {{5, 0}, {-5, 0}, {0, -5}, {0, 5}};
    for (int i = 0; i < 4; i++) {
        const double x = moves[i][0], y = moves[i][1];
        coverage_clear(&coverage, 2, 2);
        coverage_add(&coverage, (const Point[]){{x, y}, {x + 2, y}, {x + 2, y + 2}, {x, y + 2}}, 4);
        expect_shares(&coverage, (const double[]){0, 0, 0, 0});
    }
}

static void test_outline_union(void **state) {
    (void)state;
    Coverage coverage;
    coverage_clear(&coverage, 2, 4);
    coverage_add(&coverage, (const Point[]){{0, 0}, {3, 0}, {3, 2}, {0, 2}}, 4);
    coverage_add(&coverage, (const Point[]){{1.5, 0}, {4, 0}, {4, 1}, {1.5, 1}}, 4);
    expect_shares(&coverage, (const double[]){1, 1, 1, 1, 1, 1, 1, 0});
}

/* The area of any triangle inside is its cross product's half. */
static void test_outline_area(void **state) {
    (void)state;
    uint32_t random = 1;
    for (int i = 0; i < 200; i++) {
        Point p[3];
        for (int k = 0; k < 3; k++) {
            random = random * 1664525 + 1013904223;
            p[k] = (Point){(double)(random >> 16 & 255) / 8, (double)(random >> 24) / 8};
        }
        const double twice = (p[1].x - p[0].x) * (p[2].y - p[0].y) - (p[2].x - p[0].x) * (p[1].y - p[0].y);
        Coverage coverage;
        coverage_clear(&coverage, SIDE, SIDE);
        coverage_add(&coverage, p, 3);
        if (fabs(area_of(&coverage) - 0.5 * fabs(twice)) > 1e-3) {
            print_error("triangle %d has area %.9g, wanted %.9g\n", i, area_of(&coverage), 0.5 * fabs(twice));
            fail();
        }
    }
}

/* Perspective: depth 1 + x / 4 takes (4, 2) to (2, 1), and lines stay lines. */
static void test_outline_projective(void **state) {
    (void)state;
    Coverage coverage;
    coverage_clear(&coverage, 4, 4);
    coverage.map[2][0] = 0.25;
    const Point p = coverage_to_pixels(&coverage, (Point){4, 2});
    assert_true(p.x == 2 && p.y == 1);
    coverage_add(&coverage, (const Point[]){{0, 0}, {4, 0}, {4, 4}, {0, 4}}, 4);
    /* The right side is now at x = 2 and half as high: a trapezium of area (4 + 2) / 2 * 2. */
    assert_true(fabs(area_of(&coverage) - 6) < 1e-5);
}

/* ---- Type ---- */

static const TypeStyle plain = {.weight = 0.15, .width = 0.58};

static void draw_alone(const TypeStyle *style, int digit, double height, float *shares) {
    Coverage coverage;
    coverage_clear(&coverage, SIDE, SIDE);
    coverage.map[0][0] = coverage.map[1][1] = height;
    coverage.map[0][2] = coverage.map[1][2] = SIDE / 2.0;
    digit_draw(style, digit, (Point){0, 0}, &coverage);
    coverage_of(&coverage, shares);
}

static double sum_of(const float *coverage) {
    double sum = 0;
    for (int i = 0; i < SIDE * SIDE; i++) sum += (double)coverage[i];
    return sum;
}

/* The second form of 1 is a bar: weight x height. */
static void test_type_bar(void **state) {
    (void)state;
    TypeStyle style = plain;
    float coverage[SIDE * SIDE];
    style.form[1] = 1;
    draw_alone(&style, 1, 20, coverage);
    assert_true(fabs(sum_of(coverage) - 0.15 * 20 * 20) < 1e-3);
    style.weight = 0.2, style.stress = 0.5;
    draw_alone(&style, 1, 20, coverage);
    assert_true(fabs(sum_of(coverage) - 0.2 * 20 * 20) < 1e-3);
}

/* 0 and 8 are their own mirror images; 9 is 6 turned round. */
static void test_type_symmetry(void **state) {
    (void)state;
    float a[SIDE * SIDE], b[SIDE * SIDE];
    static const int mirrored[2] = {0, 8};
    for (int k = 0; k < 2; k++) {
        draw_alone(&plain, mirrored[k], 23, a);
        for (int i = 0; i < SIDE * SIDE; i++)
            assert_true(fabsf(a[i] - a[i / SIDE * SIDE + SIDE - 1 - i % SIDE]) < 1e-5f);
    }
    draw_alone(&plain, 6, 23, a);
    draw_alone(&plain, 9, 23, b);
    for (int i = 0; i < SIDE * SIDE; i++) assert_true(fabsf(a[i] - b[SIDE * SIDE - 1 - i]) < 1e-5f);
}

/* Strokes are full and counters are empty: 0 along its middle row, 8 down its middle column. */
static void test_type_strokes_and_counters(void **state) {
    (void)state;
    float c[SIDE * SIDE];
    const double height = 30, middle = SIDE / 2.0, outer = 0.29 * height, stroke = 0.15 * height;
    draw_alone(&plain, 0, height, c);
    for (int x = 0; x < SIDE; x++) {
        const double far = fabs(x + 0.5 - middle);
        const float share = c[SIDE / 2 * SIDE + x];
        if (far > outer + 1 || far < outer - stroke - 1) assert_true(share < 1e-5f);
        if (far < outer - 1 && far > outer - stroke + 1) assert_true(share > 1 - 1e-5f);
    }
    draw_alone(&plain, 8, height, c);
    int changes = 0;
    for (int y = 1; y < SIDE; y++) changes += (c[y * SIDE + SIDE / 2] > 0.5f) != (c[(y - 1) * SIDE + SIDE / 2] > 0.5f);
    assert_int_equal(changes, 6);
}

/* Every digit in every form stays near its box, keeps ink, and differs from the other forms; weight adds ink. */
static void test_type_all_forms(void **state) {
    (void)state;
    for (int digit = 0; digit < DIGITS; digit++) {
        float forms[8][SIDE * SIDE];
        assert_true(digit_forms(digit) >= 2 && digit_forms(digit) <= 8);
        for (int form = 0; form < digit_forms(digit); form++) {
            TypeStyle style = plain;
            float bold[SIDE * SIDE];
            style.form[digit] = form;
            draw_alone(&style, digit, 20, forms[form]);
            for (int i = 0; i < SIDE * SIDE; i++) {
                const double x = fabs(i % SIDE + 0.5 - SIDE / 2.0) - 0.5, y = fabs(i / SIDE + 0.5 - SIDE / 2.0) - 0.5;
                if (forms[form][i] > 1e-4f) assert_true(x < 10 * digit_width(&style, digit) + 1.5 && y < 10 + 1.5);
            }
            style.weight = 0.2;
            draw_alone(&style, digit, 20, bold);
            assert_true(sum_of(bold) > sum_of(forms[form]) + 5);
            for (int other = 0; other < form; other++)
                assert_memory_not_equal(forms[form], forms[other], sizeof forms[form]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outline_by_hand),    cmocka_unit_test(test_outline_cut_by_frame),
        cmocka_unit_test(test_outline_union),      cmocka_unit_test(test_outline_area),
        cmocka_unit_test(test_outline_projective), cmocka_unit_test(test_type_bar),
        cmocka_unit_test(test_type_symmetry),      cmocka_unit_test(test_type_strokes_and_counters),
        cmocka_unit_test(test_type_all_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
