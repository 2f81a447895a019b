/* Stroke, ink, background: by hand, on dark and on light ground, and what is drawn. Strokes stand in the golden file of
 * test_augment_maps, too. */
#include "golden.h"

#include "base/memory.h"
#include "data/augment/augment.h"
#include "data/augment/operation.h"

#include <string.h>

enum { MOST = 1024, DRAWS = 4000 };

static void run_on(const char *line, uint32_t image, const int chw[3], float *x) {
    float scratch[4 * MOST];
    Augmentation *augmentation;
    assert_ok(augmentation_new(line, &augmentation));
    assert_true(augmentation_scratch(augmentation, chw) <= COUNT_OF(scratch));
    augmentation_apply(augmentation, &(AugmentKey){.seed = 5, .image = image}, chw, scratch, x);
    augmentation_free(augmentation);
}

static void the_ground_is_the_median_of_the_ring(void **state) {
    (void)state;
    float x[24], other[128];
    for (int i = 0; i < 24; i++) x[i] = 0.9f; /* the inside does not count */
    for (int i = 0; i < 4; i++) x[i] = 0.1f, x[20 + i] = 0.2f;
    for (int row = 1; row < 5; row++) x[4 * row] = 0.3f, x[4 * row + 3] = 0.4f;
    /* 4 of 0.1, 4 of 0.2, 4 of 0.3, 4 of 0.4: the ninth of 16 */
    assert_true(picture_ground(&(Picture){1, 6, 4, x, other}, 0) == 0.3f);
    float one = 0.5f;
    assert_true(picture_ground(&(Picture){1, 1, 1, &one, other}, 0) == 0.5f);
    assert_int_equal(ring_pixels(6, 4), 16);
    assert_int_equal(ring_pixels(1, 7), 7);
    assert_int_equal(ring_pixels(2, 2), 4);
}

/* A point becomes a cross and, half as strong, a disc of radius 2; the same of a dark point on white. */
static void strokes_by_hand(void **state) {
    (void)state;
    const int chw[3] = {1, 7, 7};
    for (int dark = 0; dark < 2; dark++) {
        float x[49];
        for (int i = 0; i < 49; i++) x[i] = (i == 24) != dark;
        run_on("stroke 1.5:1.5", 0, chw, x);
        for (int i = 0; i < 49; i++) {
            const int dy = i / 7 - 3, dx = i % 7 - 3, square = dy * dy + dx * dx;
            const float wanted = square <= 1 ? 1 : square <= 4 ? 0.5f : 0;
            assert_true(x[i] == (dark ? 1 - wanted : wanted));
        }
        for (int i = 0; i < 49; i++) x[i] = (i / 7 >= 2 && i / 7 <= 4 && i % 7 >= 2 && i % 7 <= 4) != dark;
        run_on("stroke -1:-1", 0, chw, x);
        for (int i = 0; i < 49; i++) assert_true(x[i] == (float)((i == 24) != dark));
    }
}

/* Black, middle and white become two colours and their middle, at a contrast within the range; either is the lighter, as often. */
static void inks_are_drawn(void **state) {
    (void)state;
    const int chw[3] = {3, 1, 3}, grey[3] = {1, 1, 3};
    double lowest = 1, highest = 0, tints = 0;
    int lighter = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        float x[9] = {0, 0, 0, 0.5f, 0.5f, 0.5f, 1, 1, 1}, g[3] = {0, 0.5f, 1};
        run_on("ink 0.3:0.8 0", i, chw, x);
        run_on("ink 0.3:0.8", i, grey, g);
        const double contrast = (double)x[6] - (double)x[0];
        for (int c = 0; c < 3; c++) {
            assert_true(x[c] == x[0] && x[6 + c] == x[6]);
            assert_near((double)x[3 + c], 0.5 * ((double)x[0] + (double)x[6]), 1e-6);
            assert_near((double)g[c], (double)x[3 * c], 1e-6); /* grey images have no tint */
        }
        assert_true(fabs(contrast) > 0.3 - 1e-6 && fabs(contrast) < 0.8 + 1e-6);
        lowest = fmin(lowest, fabs(contrast)), highest = fmax(highest, fabs(contrast));
        lighter += contrast > 0;
        float t[9] = {0.2f, 0.2f, 0.2f, 0.2f, 0.2f, 0.2f, 0.2f, 0.2f, 0.2f};
        run_on("ink 0.5:0.5 0.1", i, chw, t);
        tints = fmax(tints, fabs((double)t[0] - (double)t[1]));
    }
    assert_true(lowest < 0.31 && highest > 0.79);
    assert_near((double)lighter / DRAWS, 0.5, 0.04);
    assert_true(tints > 0.15 && tints < 0.2 + 1e-6);
}

/* The subject stays, whichever side of its ground it is on; behind it there is something, no stronger than was asked for. */
static void backgrounds_lie_behind(void **state) {
    (void)state;
    enum { SIDE = 16, PIXELS = SIDE * SIDE };
    const int chw[3] = {1, SIDE, SIDE};
    double most = 0, sum = 0;
    int plain = 0;
    for (uint32_t image = 0; image < 400; image++)
        for (int dark = 0; dark < 2; dark++) {
            float x[PIXELS];
            for (int i = 0; i < PIXELS; i++)
                x[i] = i / SIDE > 4 && i / SIDE < 9 && i % SIDE > 6 && i % SIDE < 9 ? (dark ? 0.1f : 0.9f) : 0.5f;
            run_on("background 0.2:0.3", image, chw, x);
            float largest = 0;
            for (int i = 0; i < PIXELS; i++) {
                const bool subject = i / SIDE > 4 && i / SIDE < 9 && i % SIDE > 6 && i % SIDE < 9;
                if (subject) assert_near((double)x[i], dark ? 0.1 : 0.9, 1e-6);
                if (!subject) largest = fmaxf(largest, fabsf(x[i] - 0.5f)), sum += (double)x[i] - 0.5;
            }
            most = fmax(most, (double)largest);
            plain += largest < 0.02f;
        }
    assert_true(most > 0.25 && most < 0.3 + 1e-6);
    assert_true(plain < 20);
    assert_near(sum / (800.0 * PIXELS), 0, 0.01); /* lighter as often as darker */
}

/* Half a subject lets half of the background through. */
static void edges_are_mixed(void **state) {
    (void)state;
    const int chw[3] = {1, 5, 5};
    for (uint32_t image = 0; image < 20; image++) {
        float whole[25], x[25];
        for (int i = 0; i < 25; i++) whole[i] = x[i] = 0.5f;
        x[11] = 0.9f, x[12] = 0.7f;
        run_on("background 0.3:0.3", image, chw, whole); /* nothing in front: all of the field */
        run_on("background 0.3:0.3", image, chw, x);
        for (int i = 0; i < 25; i++) {
            const double shown = i == 11 ? 0 : i == 12 ? 0.5 : 1, front = i == 11 ? 0.4 : i == 12 ? 0.2 : 0;
            assert_near((double)x[i], 0.5 + front + shown * ((double)whole[i] - 0.5), 1e-6);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ground_is_the_median_of_the_ring),
        cmocka_unit_test(strokes_by_hand),
        cmocka_unit_test(inks_are_drawn),
        cmocka_unit_test(backgrounds_lie_behind),
        cmocka_unit_test(edges_are_mixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
