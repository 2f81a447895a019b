#include "data/generate/camera.h"
#include "testing.h"

#include <math.h>
#include <string.h>

enum { MOST = CAMERA_SIDE * CAMERA_SIDE * CAMERA_CHANNELS };

/* A picture between guard words. */
typedef struct Guarded {
    float values[MOST + 2];
    Photo picture;
} Guarded;

static const int shapes[][3] = {{3, 32, 32}, {1, 28, 28}, {1, 8, 8}, {3, 9, 31}, {1, 5, 2}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static uint32_t random_state = 7;

static float random_value(void) {
    random_state = random_state * 1664525 + 1013904223;
    return (float)(random_state >> 8) * 0x1p-24f;
}

static void picture_begin(Guarded *g, const int shape[3]) {
    g->picture = (Photo){shape[0], shape[1], shape[2], g->values + 1};
    const int size = photo_size(&g->picture);
    g->values[0] = g->values[size + 1] = 12345;
    for (int i = 0; i < size; i++) g->values[i + 1] = random_value();
}

static void expect_guards(const Guarded *g) {
    assert_true(g->values[0] == 12345 && g->values[photo_size(&g->picture) + 1] == 12345);
}

static double mean_of(const Photo *picture) {
    double sum = 0;
    for (int i = 0; i < photo_size(picture); i++) sum += (double)picture->values[i];
    return sum / photo_size(picture);
}

static Draws draws_for_test(uint32_t stage) {
    const GeneratedImage image = {.seed = 5, .index = 3};
    return draws_of_image(&image, stage);
}

static void test_camera_zero_is_nothing(void **state) {
    (void)state;
    for (int s = 0; s < SHAPES; s++) {
        Guarded g;
        picture_begin(&g, shapes[s]);
        const Guarded before = g;
        Draws draws = draws_for_test(1);
        const Camera camera = {0};
        camera_take(&camera, &draws, &g.picture);
        assert_memory_equal(before.values, g.values, (size_t)(photo_size(&g.picture) + 2) * sizeof *g.values);
    }
}

/* Everything at once, on every shape: in its place, and finite. */
static void test_camera_all_on(void **state) {
    (void)state;
    for (int s = 0; s < SHAPES; s++) {
        Guarded g;
        unsigned char bytes[MOST + 2];
        picture_begin(&g, shapes[s]);
        const int size = photo_size(&g.picture);
        Draws draws = draws_for_test(1);
        const Camera camera = {.exposure = 1,
                               .slope_x = 1,
                               .slope_y = -1,
                               .shade = 0.5,
                               .shade_x = 1,
                               .haze = 0.1,
                               .haze_level = 1,
                               .blur_x = 4,
                               .blur_y = 9,
                               .enlarging = 2,
                               .sharpening = 1,
                               .noise = 0.1,
                               .jpeg = 3,
                               .jpeg_x = 7,
                               .jpeg_y = 1};
        camera_take(&camera, &draws, &g.picture);
        expect_guards(&g);
        for (int i = 0; i < size; i++) assert_true(fabsf(g.picture.values[i]) < 20);
        bytes[0] = bytes[size + 1] = 77;
        photo_to_bytes(&g.picture, bytes + 1);
        assert_true(bytes[0] == 77 && bytes[size + 1] == 77);
    }
}

static void test_camera_light(void **state) {
    (void)state;
    float values[4] = {0.25f, 0.5f, 0.125f, 1};
    Photo picture = {1, 2, 2, values};
    camera_light(&(const Camera){.exposure = 1}, &picture);
    assert_true(values[0] == 0.5f && values[1] == 1 && values[2] == 0.25f && values[3] == 2);
    /* Pixel centres lie a quarter of the picture from its middle: 4 stops over it are 1 stop down and 1 up. */
    float even[4] = {1, 1, 1, 1};
    picture.values = even;
    camera_light(&(const Camera){.slope_x = 4}, &picture);
    const double wanted[4] = {0.5, 2, 0.5, 2};
    for (int i = 0; i < 4; i++) assert_true(fabs((double)even[i] - wanted[i]) < 1e-6);
    float down[4] = {1, 1, 1, 1};
    picture.values = down;
    camera_light(&(const Camera){.slope_y = 4}, &picture);
    for (int i = 0; i < 4; i++) assert_true(fabs((double)down[i] - wanted[i / 2]) < 1e-6);
    /* A shadow over the lower half. */
    float lit[4] = {1, 1, 1, 1};
    picture.values = lit;
    camera_light(&(const Camera){.shade = 0.75, .shade_y = 1}, &picture);
    assert_true(lit[0] == 1 && lit[1] == 1 && lit[2] == 0.25f && lit[3] == 0.25f);
    /* All contrast lost. */
    camera_take(&(const Camera){.haze = 1, .haze_level = 0.5}, NULL, &picture);
    for (int i = 0; i < 4; i++) assert_true(lit[i] == 0.5f);
}

static void test_camera_blur_keeps_mean(void **state) {
    (void)state;
    static const double sigmas[] = {0.2, 0.7, 1.5, 4};
    for (int s = 0; s < SHAPES; s++)
        for (int k = 0; k < 4; k++) {
            Guarded g;
            picture_begin(&g, shapes[s]);
            const double before = mean_of(&g.picture);
            camera_blur(sigmas[k], sigmas[3 - k], &g.picture);
            expect_guards(&g);
            assert_true(fabs(mean_of(&g.picture) - before) < 1e-6);
        }
}

/* A point becomes as wide as asked, along each axis, in its own channel. */
static void test_camera_blur_width(void **state) {
    (void)state;
    static const double sigmas[] = {0.6, 1, 2, 2.5};
    for (int k = 0; k < 4; k++) {
        Guarded g;
        picture_begin(&g, shapes[0]);
        memset(g.picture.values, 0, (size_t)photo_size(&g.picture) * sizeof(float));
        g.picture.values[(16 * 32 + 16) * 3 + 1] = 1;
        camera_blur(sigmas[k], 1.2, &g.picture);
        double sum = 0, across = 0, down = 0;
        for (int i = 0; i < 32 * 32; i++) {
            const double value = (double)g.picture.values[3 * i + 1], x = i % 32 - 16, y = i / 32 - 16;
            assert_true(g.picture.values[3 * i] == 0 && g.picture.values[3 * i + 2] == 0);
            sum += value, across += value * x * x, down += value * y * y;
        }
        assert_true(fabs(sum - 1) < 1e-5);
        assert_true(fabs(sqrt(across) / sigmas[k] - 1) < 0.02);
        assert_true(fabs(sqrt(down) / 1.2 - 1) < 0.02);
    }
}

static void test_camera_sharpen(void **state) {
    (void)state;
    Guarded g;
    picture_begin(&g, shapes[0]);
    Guarded blurred = g, before = g;
    blurred.picture.values = blurred.values + 1;
    camera_blur(1, 1, &blurred.picture);
    camera_sharpen(0.5, &g.picture);
    expect_guards(&g);
    for (int i = 1; i <= MOST; i++)
        assert_true(fabsf(g.values[i] - (1.5f * before.values[i] - 0.5f * blurred.values[i])) < 1e-5f);
}

static void test_camera_noise(void **state) {
    (void)state;
    for (int s = 0; s < 2; s++) {
        Guarded g;
        picture_begin(&g, shapes[s]);
        const int size = photo_size(&g.picture);
        double sum = 0, squares = 0, pairs = 0, last = 0;
        const int rounds = 40;
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < size; i++) g.picture.values[i] = 0.5f;
            Draws draws = draws_for_test((uint32_t)round);
            camera_add_noise(0.08, &draws, &g.picture);
            expect_guards(&g);
            for (int i = 0; i < size; i++) {
                const double e = (double)g.picture.values[i] - 0.5;
                sum += e, squares += e * e, pairs += e * last, last = e;
            }
        }
        /* Five standard deviations of each estimate: mean, variance (kurtosis 2.7), neighbours' product. */
        const double n = (double)size * rounds, variance = 0.08 * 0.08;
        assert_true(fabs(sum / n) < 5 * 0.08 / sqrt(n));
        assert_true(fabs(squares / n / variance - 1) < 5 * sqrt(1.7 / n));
        assert_true(fabs(pairs / n / variance) < 5 / sqrt(n));
    }
}

/* ---- JPEG ---- */

/* The standard's formula (ITU-T T.81, A.3.3), in doubles and with the library's cosine. */
static double basis(int u, int x) {
    const double pi = 3.14159265358979323846;
    return (u ? 0.5 : 0.35355339059327379) * cos((2 * x + 1) * u * pi / 16);
}

static void lose_by_formula(double scale, const float *pixels, double *back) {
    static const int luma[64] = {16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
                                 14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
                                 18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
                                 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
    memset(back, 0, 64 * sizeof *back);
    for (int v = 0; v < 8; v++)
        for (int u = 0; u < 8; u++) {
            double value = 0;
            for (int i = 0; i < 64; i++) value += basis(v, i / 8) * basis(u, i % 8) * ((double)pixels[i] - 0.5) * 255;
            const double wanted = luma[8 * v + u] * scale, step = wanted < 1 ? 1 : wanted;
            value = step * floor(value / step + 0.5);
            for (int i = 0; i < 64; i++) back[i] += basis(v, i / 8) * basis(u, i % 8) * value;
        }
    for (int i = 0; i < 64; i++) back[i] = back[i] / 255 + 0.5;
}

static void test_jpeg_by_formula(void **state) {
    (void)state;
    static const double scales[] = {0.01, 0.3, 1, 4};
    for (int k = 0; k < 4; k++)
        for (int round = 0; round < 5; round++) {
            Guarded g;
            double wanted[64];
            picture_begin(&g, shapes[2]);
            lose_by_formula(scales[k], g.picture.values, wanted);
            jpeg_loss(scales[k], 0, 0, &g.picture);
            expect_guards(&g);
            for (int i = 0; i < 64; i++) assert_true(fabs((double)g.picture.values[i] - wanted[i]) < 1e-4);
        }
}

static void test_jpeg_pictures(void **state) {
    (void)state;
    for (int s = 0; s < SHAPES; s++)
        for (int first = 0; first < 8; first += 3) {
            Guarded g;
            picture_begin(&g, shapes[s]);
            const Guarded before = g;
            const int size = photo_size(&g.picture);
            /* Steps of 1 / 255 leave little to lose: 64 errors of at most half a step, and colours mix. */
            jpeg_loss(1e-6, first, 7 - first, &g.picture);
            expect_guards(&g);
            for (int i = 0; i < size; i++) assert_true(fabsf(g.values[i + 1] - before.values[i + 1]) < 0.02f);
            assert_memory_not_equal(before.values, g.values, sizeof g.values);
            /* Even grey stays even and grey; at middle grey exactly. */
            for (int i = 0; i < size; i++) g.picture.values[i] = 0.5f;
            jpeg_loss(2, first, 0, &g.picture);
            for (int i = 0; i < size; i++) assert_true(fabsf(g.picture.values[i] - 0.5f) < 1e-6f);
        }
}

/* ---- Resizing ---- */

static void test_resize_by_hand(void **state) {
    (void)state;
    float four[4] = {0, 1, 0.2f, 0.6f}, out[8];
    Photo from = {1, 1, 4, four}, to = {1, 1, 2, out};
    photo_resize(&from, &to);
    assert_true(fabsf(out[0] - 0.5f) < 1e-6f && fabsf(out[1] - 0.4f) < 1e-6f);
    to.width = 3; /* 4/3 of a pixel each */
    photo_resize(&from, &to);
    const double thirds[3] = {0.25, (2.0 / 3 + 0.2 * 2 / 3) * 0.75, (0.2 / 3 + 0.6) * 0.75};
    for (int i = 0; i < 3; i++) assert_true(fabs((double)out[i] - thirds[i]) < 1e-6);
    /* Keys' weights a quarter of a pixel from the middle pixel: -0.0703125 and so on, the edge pixel repeated. */
    float step[4] = {0, 0, 1, 1};
    from.values = step;
    to.width = 8;
    photo_resize(&from, &to);
    const double wanted[8] = {0, 0, -0.0703125, -0.0234375 + 0.2265625, 0, 0, 1, 1};
    assert_true(fabs((double)out[0]) < 1e-6 && fabs((double)out[7] - 1) < 1e-6);
    assert_true(fabs((double)out[3] - wanted[3]) < 1e-6 && fabs((double)out[4] - (1 - wanted[3])) < 1e-6);
}

static void test_resize_keeps_even_and_linear(void **state) {
    (void)state;
    for (int side = 1; side <= 32; side++) {
        Guarded from, to;
        const int shape[3] = {3, 20, 20}, other[3] = {3, side, 33 - side};
        picture_begin(&from, shape);
        picture_begin(&to, other);
        for (int i = 0; i < 1200; i++) from.picture.values[i] = 0.3f;
        photo_resize(&from.picture, &to.picture);
        expect_guards(&to);
        for (int i = 0; i < photo_size(&to.picture); i++) assert_true(fabsf(to.picture.values[i] - 0.3f) < 1e-5f);
    }
    /* A ramp stays a ramp away from the edges. */
    float ramp[16], larger[32];
    for (int i = 0; i < 16; i++) ramp[i] = (float)i;
    Photo from = {1, 1, 16, ramp}, to = {1, 1, 32, larger};
    photo_resize(&from, &to);
    for (int i = 4; i < 28; i++) assert_true(fabs((double)larger[i] - ((i + 0.5) / 2 - 0.5)) < 1e-5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_camera_zero_is_nothing),
        cmocka_unit_test(test_camera_all_on),
        cmocka_unit_test(test_camera_light),
        cmocka_unit_test(test_camera_blur_keeps_mean),
        cmocka_unit_test(test_camera_blur_width),
        cmocka_unit_test(test_camera_sharpen),
        cmocka_unit_test(test_camera_noise),
        cmocka_unit_test(test_jpeg_by_formula),
        cmocka_unit_test(test_jpeg_pictures),
        cmocka_unit_test(test_resize_by_hand),
        cmocka_unit_test(test_resize_keeps_even_and_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
