/* Operations on intensities and filters: by hand, against torchvision and PIL (tests/golden/make_augment_colour_golden.py), and by
 * what is random in them. Each is called as the line's parser would: `values` with low = high is a number that nothing is drawn of.
 */
#include "golden.h"

#include "base/memory.h"
#include "data/augment/operation.h"

#include <string.h>

/* Values leave with 0 to 1, as behind each operation of a line. */
static void apply_values(const Operation *operation, const OperationValues *values, uint32_t image, int channels,
                         int height, int width, float *x) {
    const size_t size = (size_t)(channels * height * width);
    Drawing drawing = {.stream = rng_stream(19, RNG_IMAGE, image, 1)};
    float *other;
    assert_ok(memory_new(PICTURE_SCRATCH * size + 1, sizeof *other, &other));
    other[PICTURE_SCRATCH * size] = 7; /* a guard */
    Picture picture = {channels, height, width, x, other};
    Pending pending = pending_new(&picture);
    pending_operation(&pending, operation, values, &drawing);
    assert_true(other[PICTURE_SCRATCH * size] == 7);
    for (size_t i = 0; i < size; i++) x[i] = fminf(fmaxf(x[i], 0), 1);
    free(other);
}

/* "word" or "word number". */
static void apply_line(const char *line, int channels, int height, int width, float *x) {
    char word[20];
    const size_t length = strcspn(line, " ");
    snprintf(word, sizeof word, "%.*s", (int)length, line);
    const Operation *operation = operation_find(word);
    assert_non_null(operation);
    OperationValues values = {0};
    if (line[length]) values.low[0] = values.high[0] = strtod(line + length, NULL);
    apply_values(operation, &values, 0, channels, height, width, x);
}

/* ---- By hand ---- */

typedef struct HandCase {
    const char *line;
    float before[3], after[3]; /* one pixel of three channels */
} HandCase;

/* Grey is 0.299, 0.587, 0.114: that of 0.2, 0.4, 0.6 is 0.363. */
static const HandCase pixels[] = {
    {"invert", {0.25f, 0.5f, 1}, {0.75f, 0.5f, 0}},
    {"brightness 1.5", {0.2f, 0.4f, 0.8f}, {0.3f, 0.6f, 1}},
    {"brightness 0", {0.2f, 0.4f, 0.8f}, {0, 0, 0}},
    {"contrast 0.5", {0.2f, 0.4f, 0.6f}, {0.2815f, 0.3815f, 0.4815f}},
    {"saturation 0", {0.2f, 0.4f, 0.6f}, {0.363f, 0.363f, 0.363f}},
    {"saturation 2", {0.2f, 0.4f, 0.6f}, {0.037f, 0.437f, 0.837f}},
    {"grey", {0.2f, 0.4f, 0.6f}, {0.363f, 0.363f, 0.363f}},
    {"hue 0.33333333", {1, 0, 0}, {0, 1, 0}},  /* red to green */
    {"hue -0.33333333", {1, 0, 0}, {0, 0, 1}}, /* red to blue */
    {"hue 0.5", {0.9f, 0.5f, 0.5f}, {0.5f, 0.9f, 0.9f}},
    {"hue 0.25", {0.3f, 0.3f, 0.3f}, {0.3f, 0.3f, 0.3f}},
    {"gain 0.5", {0, 0.5f, 0.9f}, {0.25f, 0.5f, 0.7f}},
    {"offset -0.25", {0.1f, 0.5f, 1}, {0, 0.25f, 0.75f}},
    {"solarize 0.5", {0.25f, 0.5f, 0.75f}, {0.25f, 0.5f, 0.25f}},
    {"posterize 1", {127 / 255.f, 128 / 255.f, 1}, {0, 128 / 255.f, 128 / 255.f}},
    {"posterize 8", {127 / 255.f, 128 / 255.f, 1}, {127 / 255.f, 128 / 255.f, 1}},
    {"sharpness 3", {0.2f, 0.4f, 0.6f}, {0.2f, 0.4f, 0.6f}}, /* no pixel has all neighbours */
    {"equalize", {0.2f, 0.4f, 0.6f}, {0.2f, 0.4f, 0.6f}},    /* nothing to spread */
    {"autocontrast", {0.2f, 0.4f, 0.6f}, {0.2f, 0.4f, 0.6f}},
    {"noise 0", {0.2f, 0.4f, 0.6f}, {0.2f, 0.4f, 0.6f}},
    {"blur 3", {0.2f, 0.4f, 0.6f}, {0.2f, 0.4f, 0.6f}}, /* a flat image stays one */
    {"randconv 0", {0.2f, 0.4f, 0.6f}, {0.2f, 0.4f, 0.6f}},
};

static void test_a_pixel_by_hand(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++) {
        float x[3];
        memcpy(x, pixels[i].before, sizeof x);
        apply_line(pixels[i].line, 3, 1, 1, x);
        for (int c = 0; c < 3; c++)
            if (!(fabsf(x[c] - pixels[i].after[c]) < 1e-5f)) {
                print_error("%s, channel %d: ", pixels[i].line, c);
                assert_near(x[c], pixels[i].after[c], 1e-5);
            }
    }
}

static void test_grey_images_have_no_colour(void **state) {
    (void)state;
    static const char *const lines[] = {"saturation 0", "saturation 2", "hue 0.3", "grey"};
    for (int i = 0; i < 4; i++) {
        float x[4] = {0, 0.25f, 0.5f, 1};
        const float before[4] = {0, 0.25f, 0.5f, 1};
        apply_line(lines[i], 1, 2, 2, x);
        assert_memory_equal(x, before, sizeof x);
    }
}

static void test_filters_by_hand(void **state) {
    (void)state;
    /* A white pixel amid black. Smoothed it keeps 5 / 13, its neighbours get 1 / 13; the outermost stay. */
    float x[25] = {[12] = 1};
    apply_line("sharpness 0", 1, 5, 5, x);
    for (int i = 0; i < 25; i++) {
        const int y = i / 5, place = i % 5;
        const bool inner = y > 0 && y < 4 && place > 0 && place < 4;
        assert_near(x[i], i == 12 ? 5 / 13.0 : inner ? 1 / 13.0 : 0, 1e-6);
    }
    /* Two values, spread as far as they go. */
    float two[2] = {0.5f, 0.75f};
    apply_line("autocontrast", 1, 1, 2, two);
    assert_true(two[0] == 0 && two[1] == 1);
    float many[300];
    for (int i = 0; i < 300; i++) many[i] = i < 150 ? 0.25f : 0.5f;
    many[299] = 0.75f;
    /* step = 299 / 255 = 1: 0.25 has none darker, 0.5 has 150, 0.75 has 299, which is 255 at most. */
    apply_line("equalize", 1, 15, 20, many);
    assert_near(many[0], 0, 0);
    assert_near(many[150], 150 / 255.0, 1e-6);
    assert_near(many[299], 1, 0);
}

/* ---- Against torchvision and PIL ---- */

static void test_golden(void **state) {
    (void)state;
    json_t *golden = golden_open("augment_colour_golden.json"), *a_case;
    size_t index, count = 0;
    json_array_foreach(json_object_get(golden, "cases"), index, a_case) {
        const char *line = json_string_value(json_object_get(a_case, "line"));
        const char *name = json_string_value(json_object_get(a_case, "image"));
        const json_t *image = json_object_get(json_object_get(golden, "images"), name);
        const json_t *bytes = json_object_get(image, "bytes"), *wanted = json_object_get(a_case, "values");
        const size_t size = json_array_size(bytes);
        float x[2000];
        double worst = 0;
        assert_true(size > 0 && size <= 2000 && json_array_size(wanted) == size);
        for (size_t i = 0; i < size; i++) x[i] = (float)json_number_value(json_array_get(bytes, i)) / 255;
        apply_line(line, (int)golden_number(image, "channels"), (int)golden_number(image, "height"),
                   (int)golden_number(image, "width"), x);
        for (size_t i = 0; i < size; i++)
            worst = fmax(worst, fabs(255 * x[i] - json_number_value(json_array_get(wanted, i))));
        if (getenv("CIFRA_SHOW")) print_message("%s %s: %g\n", name, line, worst);
        if (!(worst <= golden_number(a_case, "tolerance") + 1e-4)) print_error("%s of %s:\n", line, name);
        assert_near(worst, 0, golden_number(a_case, "tolerance") + 1e-4);
        count++;
    }
    assert_true(count > 30);
    json_decref(golden);
}

/* ---- What is random ---- */

enum { DRAWS = 4000 };

static void test_factors_are_drawn_from_their_range(void **state) {
    (void)state;
    const OperationValues values = {.low = {0.5}, .high = {0.9}};
    double mean = 0;
    float least = 1, most = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        float x = 1;
        apply_values(operation_find("brightness"), &values, i, 1, 1, 1, &x);
        mean += x / DRAWS;
        least = fminf(least, x), most = fmaxf(most, x);
    }
    assert_near(mean, 0.7, 0.008); /* its deviation is 0.0018 */
    assert_true(least >= 0.5f && least < 0.501f && most < 0.9f + 1e-6f && most > 0.899f);
}

static void test_noise_is_normal(void **state) {
    (void)state;
    enum { SIDE = 100, COUNT = SIDE * SIDE };
    static float x[COUNT];
    double mean = 0, square = 0;
    int beyond = 0;
    for (int i = 0; i < COUNT; i++) x[i] = 0.5f;
    apply_line("noise 0.1", 1, SIDE, SIDE, x);
    for (int i = 0; i < COUNT; i++) {
        const double z = (x[i] - 0.5) / 0.1;
        mean += z / COUNT, square += z * z / COUNT;
        beyond += fabs(z) > 1.96;
    }
    assert_near(mean, 0, 0.05);
    assert_near(square, 1, 0.06);
    assert_near((double)beyond / COUNT, 0.05, 0.012);
    float again[3] = {0.5f, 0.5f, 0.5f};
    const float all_alike[3] = {0.5f, 0.5f, 0.5f};
    apply_line("noise 0.1", 3, 1, 1, again);
    assert_memory_not_equal(again, all_alike, sizeof again);
    assert_true(again[0] != again[1] && again[1] != again[2]); /* every value by itself */
}

/* On a flat image a convolution is a linear map of its colour: o = M (x - 0.5) + 0.5, entries of deviation 1 / sqrt(3). On others it
 * sees the neighbours that its size allows. */
static void test_random_convolution(void **state) {
    (void)state;
    enum { SIDE = 9, MIDDLE = SIDE * SIDE / 2 };
    const Operation *randconv = operation_find("randconv");
    OperationValues whole = {.low = {1}, .high = {1}}, half = {.low = {0.5}, .high = {0.5}};
    double square = 0;
    int reached[4] = {0};
    for (uint32_t n = 0; n < DRAWS; n++) {
        float flat[3 * 4];
        for (int i = 0; i < 12; i++) flat[i] = i % 3 == 1 ? 0.6f : 0.5f; /* 0.1 in green alone: no draw leaves 0 to 1 */
        apply_values(randconv, &whole, n, 3, 2, 2, flat);
        for (int i = 3; i < 12; i++) assert_near(flat[i], flat[i % 3], 1e-5); /* edges lay no frame */
        for (int c = 0; c < 3; c++) square += pow((flat[c] - 0.5) / 0.1, 2) / (3 * DRAWS);
    }
    assert_near(square, 1 / 3.0, 0.02);
    for (uint32_t n = 0; n < 400; n++) {
        float x[SIDE * SIDE], mixed[SIDE * SIDE];
        for (int i = 0; i < SIDE * SIDE; i++) x[i] = mixed[i] = i == MIDDLE ? 0.6f : 0.5f;
        apply_values(randconv, &whole, n, 1, SIDE, SIDE, x);
        int down = 0, across = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            const int dy = abs(i / SIDE - SIDE / 2), dx = abs(i % SIDE - SIDE / 2);
            if (!(fabsf(x[i] - 0.5f) > 1e-6f)) continue;
            if (dy > down) down = dy;
            if (dx > across) across = dx;
        }
        assert_int_equal(down, across);
        assert_true(down <= 3);
        reached[down]++;
        apply_values(randconv, &half, n, 1, SIDE, SIDE, mixed);
        for (int i = 0; i < SIDE * SIDE; i++)
            assert_near(mixed[i], 0.5 * x[i] + 0.5 * (i == MIDDLE ? 0.6f : 0.5f), 1e-6);
    }
    for (int r = 0; r < 4; r++) assert_true(reached[r] > 60); /* of 400; 100 are wanted */
}

static void test_blur_and_jpeg_keep_any_size(void **state) {
    (void)state;
    static const int sizes[][3] = {{1, 1, 1}, {3, 1, 7}, {1, 2, 1}, {3, 40, 50}, {1, 64, 33}, {3, 2, 2}};
    static const char *const lines[] = {"blur 4",      "blur 0.6",     "jpeg 10",  "jpeg 100",
                                        "sharpness 2", "randconv 0.5", "noise 0.2"};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
            const int size = sizes[s][0] * sizes[s][1] * sizes[s][2];
            float *x;
            assert_ok(memory_new((size_t)size, sizeof *x, &x));
            for (int i = 0; i < size; i++) x[i] = (float)(i * 37 % 101) / 100;
            double before = 0, after = 0, changed = 0;
            for (int i = 0; i < size; i++) before += x[i];
            float *kept;
            assert_ok(memory_new((size_t)size, sizeof *kept, &kept));
            memcpy(kept, x, (size_t)size * sizeof *x);
            apply_line(lines[l], sizes[s][0], sizes[s][1], sizes[s][2], x);
            for (int i = 0; i < size; i++) {
                assert_true(x[i] >= 0 && x[i] <= 1);
                after += x[i], changed = fmax(changed, fabs(x[i] - kept[i]));
            }
            if (l < 2) assert_near(after, before, 1e-5 * size); /* no light is lost */
            if (l == 3) assert_true(changed < 3.5 / 255);       /* the best quality only rounds */
            free(kept), free(x);
        }
}

/* ---- Magnitudes ---- */

static void test_magnitudes(void **state) {
    (void)state;
    static const struct {
        const char *word;
        double magnitude, low, high;
    } cases[] = {{"brightness", 0, 1, 1},      {"brightness", 1, 0.1, 1.9}, {"contrast", 0.5, 0.55, 1.45},
                 {"saturation", 1, 0.1, 1.9},  {"sharpness", 1, 0.1, 1.9},  {"solarize", 0, 1, 1},
                 {"solarize", 0.25, .75, .75}, {"posterize", 0, 8, 8},      {"posterize", 0.9, 4, 4},
                 {"posterize", 1, 4, 4},       {"equalize", 1, 0, 0},       {"autocontrast", 1, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const Operation *operation = operation_find(cases[i].word);
        assert_non_null(operation->magnitude);
        const OperationValues values = operation_at_magnitude(operation, cases[i].magnitude);
        assert_near(values.low[0], cases[i].low, 1e-12);
        assert_near(values.high[0], cases[i].high, 1e-12);
    }
    /* RandAugment has the others not. */
    static const char *const without[] = {"invert", "hue",  "grey", "gain",    "offset",
                                          "noise",  "blur", "jpeg", "randconv"};
    for (int i = 0; i < 9; i++) assert_null(operation_find(without[i])->magnitude);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pixel_by_hand),
        cmocka_unit_test(test_grey_images_have_no_colour),
        cmocka_unit_test(test_filters_by_hand),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_factors_are_drawn_from_their_range),
        cmocka_unit_test(test_noise_is_normal),
        cmocka_unit_test(test_random_convolution),
        cmocka_unit_test(test_blur_and_jpeg_keep_any_size),
        cmocka_unit_test(test_magnitudes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
