/* What moves pixels: by hand, against torchvision and PyTorch (tests/golden/make_augment_golden.py), and against plain loops. */
#include "golden.h"

#include "base/memory.h"
#include "data/augment/augment.h"
#include "data/augment/operation.h"

#include <string.h>

enum { MOST = 4096 };

static const AugmentKey key = {5, 2, 17, 0};

/* The line, done to an image. */
static void run(const char *line, const int chw[3], float *x) {
    Augmentation *augmentation;
    assert_ok(augmentation_new(line, &augmentation));
    float *scratch = malloc((augmentation_scratch(augmentation, chw) + 1) * sizeof *scratch);
    augmentation_apply(augmentation, &key, chw, scratch, x);
    free(scratch);
    augmentation_free(augmentation);
}

static void warp(const double map[9], Border border, const int chw[3], float *x) {
    float scratch[3 * MOST];
    Picture picture = {chw[0], chw[1], chw[2], x, scratch};
    assert_true(picture_scratch(chw[0], chw[1], chw[2]) <= COUNT_OF(scratch));
    warp_by_map(&picture, map, border);
}

static void expect(const float *got, const float *wanted, int count) {
    for (int i = 0; i < count; i++)
        if (got[i] != wanted[i]) fail_msg("value %d is %.9g, not %.9g", i, (double)got[i], (double)wanted[i]);
}

static Drawing drawing_number(uint32_t image) {
    return (Drawing){.stream = rng_stream(3, RNG_AUGMENT, image, 0)};
}

/* ---- By hand ---- */

/* Pixel (x, y) becomes that at (x + 1, y - 1), two rows of three. */
static void whole_pixels_are_copied(void **state) {
    (void)state;
    static const double by_hand[9] = {1, 0, 1, 0, 1, -1, 0, 0, 1};
    static const float image[6] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f};
    static const float wanted[3][6] = {{0.2f, 0.3f, 0.3f, 0.2f, 0.3f, 0.3f}, /* edge */
                                       {0, 0, 0, 0.2f, 0.3f, 0},
                                       {0.5f, 0.6f, 0.5f, 0.2f, 0.3f, 0.2f}};
    for (Border border = BORDER_EDGE; border <= BORDER_REFLECT; border++) {
        float x[6];
        memcpy(x, image, sizeof x);
        warp(by_hand, border, (const int[]){1, 2, 3}, x);
        expect(x, wanted[border], 6);
    }
}

/* The old image's index by walking there, pixel by pixel; -1: none. */
static int walked(int place, int size, Border border) {
    if (border == BORDER_ZERO) return place < 0 || place >= size ? -1 : place;
    if (border == BORDER_EDGE || size == 1) return place < 0 ? 0 : place >= size ? size - 1 : place;
    int at = 0, step = 1;
    for (int i = 0; i < abs(place); i++) {
        if (at + step < 0 || at + step >= size) step = -step;
        at += step;
    }
    return at;
}

/* Shifts up to beyond the image, mirrored or not, on each axis. */
static void whole_pixels_by_plain_loops(void **state) {
    (void)state;
    static const int shapes[][3] = {{1, 1, 1}, {1, 3, 70}, {3, 5, 2}, {2, 1, 4}};
    for (int i = 0; i < 4000; i++) {
        const int *chw = shapes[i % 4], C = chw[0], H = chw[1], W = chw[2];
        const int sx = i / 4 % 2 ? -1 : 1, sy = i / 8 % 2 ? -1 : 1, dx = i * 7 % (5 * W) - 2 * W, dy = i * 11 % 23 - 11;
        const double map[9] = {sx, 0, dx, 0, sy, dy, 0, 0, 1};
        const Border border = (Border)(i / 16 % 3);
        float x[MOST], image[MOST];
        for (int k = 0; k < C * H * W; k++) x[k] = image[k] = (float)(k + 1) / 1024;
        warp(map, border, chw, x);
        for (int k = 0; k < H * W; k++) {
            const int px = walked((sx < 0 ? W - 1 : 0) + sx * (k % W) + dx, W, border);
            const int py = walked((sy < 0 ? H - 1 : 0) + sy * (k / W) + dy, H, border);
            for (int c = 0; c < C; c++)
                assert_true(x[k * C + c] == (px < 0 || py < 0 ? 0 : image[(py * W + px) * C + c]));
        }
    }
}

static void half_pixels_are_means(void **state) {
    (void)state;
    static const double half[9] = {1, 0, 0.5, 0, 1, 0, 0, 0, 1};
    static const float wanted[3][4] = {
        {0.5f, 0.25f, 0.75f, 1}, {0.5f, 0.25f, 0.75f, 0.5f}, {0.5f, 0.25f, 0.75f, 0.75f}};
    for (Border border = BORDER_EDGE; border <= BORDER_REFLECT; border++) {
        float x[4] = {1, 0, 0.5f, 1};
        warp(half, border, (const int[]){1, 1, 4}, x);
        expect(x, wanted[border], 4);
    }
}

static void flips_and_turns(void **state) {
    (void)state;
    static const float image[12] = {0, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f, 1, 0.05f};
    float x[12];
    memcpy(x, image, sizeof x);
    run("flip 1", (const int[]){2, 2, 3}, x);
    expect(x, (const float[]){0.4f, 0.5f, 0.2f, 0.3f, 0, 0.1f, 1, 0.05f, 0.8f, 0.9f, 0.6f, 0.7f}, 12);
    run("flip 1 | shift 0 | flip 1", (const int[]){2, 2, 3}, x);
    run("flip 0 | flip 1", (const int[]){2, 2, 3}, x);
    expect(x, image, 12);
    /* A quarter turn clockwise: the top left comes to the top right. */
    float square[4] = {1, 0, 0.25f, 0.5f};
    run("rotate 90:90", (const int[]){1, 2, 2}, square);
    const float turned[4] = {0.25f, 1, 0.5f, 0};
    for (int i = 0; i < 4; i++) assert_near((double)square[i], (double)turned[i], 1e-6);
}

/* Four operations that undo each other are one map, and it copies: sampled one by one they would blur. */
static void neighbours_are_one_map(void **state) {
    (void)state;
    float x[63], image[63];
    for (int i = 0; i < 63; i++) x[i] = image[i] = (float)(i * 37 % 64) / 64;
    run("scale 4:4 | flip 1 | scale 0.25:0.25 | flip 1", (const int[]){1, 7, 9}, x);
    expect(x, image, 63);
    run("scale 4:4 zero | scale 0.25:0.25 edge", (const int[]){1, 7, 9}, x);
    assert_memory_not_equal(x, image, sizeof x);
}

/* What wraps around an image that is much smaller than the map. */
static void far_places(void **state) {
    (void)state;
    static const int shapes[][3] = {{1, 1, 1}, {1, 1, 5}, {3, 4, 1}, {2, 3, 3}, {1, 2, 130}};
    for (size_t s = 0; s < COUNT_OF(shapes); s++)
        for (Border border = BORDER_EDGE; border <= BORDER_REFLECT; border++) {
            static const double far[][9] = {{1e12, 0, 0.5, 0, 1e12, 0.5, 0, 0, 1},   {1, 0, 1e6, 0, 1, -1e6, 0, 0, 1},
                                            {1, 0, 0.3, 0, 1, 0.7, 0.5, 0, 0},       {0, 0, 0, 0, 0, 0, 0, 0, 0},
                                            {1, 0, 1e300, 0, 1, 1e300, 1, 1, 1e-30}, {-1, 0, 7, 0, -1, -9, 0, 0, 1}};
            const int size = shapes[s][0] * shapes[s][1] * shapes[s][2];
            for (size_t m = 0; m < COUNT_OF(far); m++) {
                float x[MOST];
                for (int i = 0; i < size; i++) x[i] = 0.25f + (float)(i % 3) / 4;
                warp(far[m], border, shapes[s], x);
                for (int i = 0; i < size; i++)
                    assert_true(x[i] >= (border == BORDER_ZERO ? 0 : 0.25f) && x[i] <= 0.75f);
            }
        }
}

/* ---- Golden ---- */

static void read_image(const json_t *golden, const json_t *entry, int chw[3], float *x) {
    const json_t *image = json_array_get(json_object_get(golden, "images"), (size_t)golden_number(entry, "image"));
    const json_t *shape = json_object_get(image, "shape"), *pixels = json_object_get(image, "pixels");
    for (size_t i = 0; i < 3; i++) chw[i] = (int)json_integer_value(json_array_get(shape, i));
    for (size_t i = 0; i < json_array_size(pixels); i++)
        x[i] = (float)json_number_value(json_array_get(pixels, i)) / 255;
}

static void expect_golden(const json_t *entry, const float *x, int count, double tolerance) {
    const json_t *out = json_object_get(entry, "out");
    assert_int_equal(json_array_size(out), count);
    for (int i = 0; i < count; i++)
        assert_near((double)x[i], json_number_value(json_array_get(out, (size_t)i)), tolerance);
}

/* Places are rounded to float, a few times 1e-7 of a pixel here; where neighbours differ by 1 so do values. */
static void as_torchvision(void **state) {
    (void)state;
    json_t *golden = golden_open("augment_golden.json"), *entry;
    size_t i;
    int chw[3];
    float x[MOST];
    json_array_foreach(json_object_get(golden, "lines"), i, entry) {
        read_image(golden, entry, chw, x);
        run(json_string_value(json_object_get(entry, "line")), chw, x);
        expect_golden(entry, x, chw[0] * chw[1] * chw[2], 2e-6);
    }
    json_array_foreach(json_object_get(golden, "corners"), i, entry) {
        double corners[8], map[9];
        for (size_t k = 0; k < 8; k++)
            corners[k] = json_number_value(json_array_get(json_object_get(entry, "corners"), k));
        read_image(golden, entry, chw, x);
        memcpy(map, map_identity, sizeof map);
        map_of_corners(corners, chw[1], chw[2], map);
        warp(map, BORDER_ZERO, chw, x);
        expect_golden(entry, x, chw[0] * chw[1] * chw[2], 2e-6);
    }
    json_decref(golden);
}

/* ---- What is drawn ---- */

/* Where the map of one image takes a place of the new image. */
static void drawn_place(const char *word, OperationValues values, uint32_t image, double x, double y, double place[2]) {
    Drawing drawing = drawing_number(image);
    Pending pending = pending_new(&(Picture){1, 9, 11, NULL, NULL});
    const double *map = pending.map;
    drawing.height = 9, drawing.width = 11;
    pending_operation(&pending, operation_find(word), &values, &drawing);
    const double w = map[6] * x + map[7] * y + map[8];
    place[0] = (map[0] * x + map[1] * y + map[2]) / w;
    place[1] = (map[3] * x + map[4] * y + map[5]) / w;
}

enum { DRAWS = 20000 };

/* Every one of 5 x 5 shifts as often, to five standard deviations. */
static void shifts_are_uniform(void **state) {
    (void)state;
    int counts[5][5] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        double place[2];
        drawn_place(i % 2 ? "shift" : "crop", (OperationValues){{2}, {2}, 0}, i, 0, 0, place);
        const int across = (int)place[0] + 2, down = (int)place[1] + 2;
        assert_true(across >= 0 && across < 5 && down >= 0 && down < 5);
        counts[down][across]++;
    }
    for (int i = 0; i < 25; i++) assert_near(counts[i / 5][i % 5], DRAWS / 25.0, 5 * sqrt(DRAWS / 25.0));
}

static void draws_have_their_moments(void **state) {
    (void)state;
    double angle[2] = {0}, factor[2] = {0}, slope[2] = {0}, flips = 0, corner[2] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        double place[2];
        drawn_place("rotate", (OperationValues){{-30}, {30}, 0}, i, 1, 0, place);
        const double a = atan2(-place[1], place[0]) * 180 / M_PI;
        assert_true(fabs(a) <= 30);
        angle[0] += a / DRAWS, angle[1] += a * a / DRAWS;
        drawn_place("scale", (OperationValues){{0.5}, {2}, 0}, i, 1, 1, place);
        assert_true(place[0] == place[1] && place[0] >= 0.5 && place[0] <= 2);
        factor[0] += 1 / place[0] / DRAWS, factor[1] += 1 / place[0] / place[0] / DRAWS;
        drawn_place("shear", (OperationValues){{-20}, {20}, 0}, i, 0, 1, place);
        const double s = atan(place[0]) * 180 / M_PI;
        assert_true(place[1] == 1 && fabs(s) <= 20.0001);
        slope[0] += s / DRAWS, slope[1] += s * s / DRAWS;
        drawn_place("flip", (OperationValues){{0.3}, {0.3}, 0}, i, 1, 0, place);
        flips += place[0] < 0;
        drawn_place("perspective", (OperationValues){{0.5}, {0.5}, 0}, i, 0, 0, place);
        corner[0] += place[0] / DRAWS, corner[1] += place[1] / DRAWS;
    }
    assert_near(angle[0], 0, 0.6), assert_near(angle[1], 300, 6);
    assert_near(factor[0], 1.25, 0.015), assert_near(factor[1], 1.75, 0.04);
    assert_near(slope[0], 0, 0.4), assert_near(slope[1], 400 / 3.0, 3);
    assert_near(flips / DRAWS, 0.3, 0.015);
    assert_near(corner[0], 0, 0.05), assert_near(corner[1], 0, 0.05);
}

/* A square in the middle of the new image lies within the old one: the corners moved inwards. */
static void perspective_keeps_to_its_share(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        for (int corner = 0; corner < 4; corner++) {
            const double x = corner % 2 ? 5 : -5, y = corner / 2 ? 4 : -4;
            double outer[2], inner[2];
            drawn_place("perspective", (OperationValues){{0.5}, {0.5}, 0}, i, x, y, outer);
            drawn_place("perspective", (OperationValues){{0.5}, {0.5}, 0}, i, x / 2, y / 2, inner);
            assert_true(fabs(outer[0]) >= 4.999 || fabs(outer[1]) >= 3.999);
            assert_true(fabs(inner[0]) <= 5.001 && fabs(inner[1]) <= 4.001);
        }
}

/* ---- Elastic ---- */

static double pixel(const float *x, int H, int W, double px, double py) {
    px = fmin(fmax(px, 0), W - 1), py = fmin(fmax(py, 0), H - 1);
    const int x0 = (int)fmin(floor(px), W - 2), y0 = (int)fmin(floor(py), H - 2);
    const double u = px - x0, v = py - y0;
    const float *p = x + y0 * W + x0;
    return (1 - v) * ((1 - u) * (double)p[0] + u * (double)p[1]) + v * ((1 - u) * (double)p[W] + u * (double)p[W + 1]);
}

/* The smoothed field at a pixel: the two-dimensional sum, in double. */
static double smoothed(const float *noise, int H, int W, int x, int y, double sigma) {
    const int R = (int)ceil(3 * sigma);
    double sum = 0, all = 0;
    for (int dy = -R; dy <= R; dy++)
        for (int dx = -R; dx <= R; dx++) {
            const double weight = exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
            const int xx = x + dx, yy = y + dy;
            all += weight;
            if (xx >= 0 && xx < W && yy >= 0 && yy < H) sum += weight * (double)noise[yy * W + xx];
        }
    return sum / all;
}

static void elastic_by_hand(void **state) {
    (void)state;
    enum { H = 13, W = 17 };
    float image[H * W], x[H * W], noise[2][H * W];
    for (int i = 0; i < H * W; i++) x[i] = image[i] = (float)(i * 41 % 97) / 96;
    for (int sigma = 1; sigma <= 6; sigma += 5) {
        const OperationValues values = {{20, sigma}, {20, sigma}, 0};
        float scratch[3 * H * W];
        Picture picture = {1, H, W, x, scratch};
        Drawing drawing = drawing_number(4), again = drawing;
        double moved = 0;
        memcpy(x, image, sizeof x);
        operation_find("elastic")->apply(&values, &drawing, &picture);
        for (int axis = 0; axis < 2; axis++) drawing_fill(&again, noise[axis], H * W);
        for (int py = 0; py < H; py++)
            for (int px = 0; px < W; px++) {
                const double across = 20 * smoothed(noise[0], H, W, px, py, sigma);
                const double down = 20 * smoothed(noise[1], H, W, px, py, sigma);
                moved = fmax(moved, fabs(across));
                assert_near((double)x[py * W + px], pixel(image, H, W, px + across, py + down), 2e-5);
            }
        assert_true(moved > 0.5);
    }
}

static void noise_is_uniform(void **state) {
    (void)state;
    float noise[DRAWS + 3];
    double sum = 0, squares = 0, neighbours = 0;
    Drawing drawing = drawing_number(1);
    const double first = drawing_uniform(&drawing);
    noise[DRAWS] = 7; /* a guard */
    drawing_fill(&drawing, noise, DRAWS - 1);
    drawing_fill(&drawing, noise + DRAWS - 1, 1);
    assert_true(noise[DRAWS] == 7);
    /* Nothing is drawn twice: not by the block of a number before, nor by a normal one behind. */
    for (int i = 0; i < 8; i++) assert_true(fabs((double)noise[i] - (2 * first - 1)) > 1e-6);
    const uint64_t next = drawing.next;
    drawing_normal(&drawing);
    assert_true(drawing.next >= next + 4 && drawing.next % 4 == 0 && next >= DRAWS + 4);
    for (int i = 0; i < DRAWS; i++) {
        assert_true(noise[i] >= -1 && noise[i] < 1);
        sum += (double)noise[i], squares += (double)(noise[i] * noise[i]);
        if (i) neighbours += (double)(noise[i] * noise[i - 1]);
    }
    assert_near(sum / DRAWS, 0, 0.02);
    assert_near(squares / DRAWS, 1 / 3.0, 0.01);
    assert_near(neighbours / DRAWS, 0, 0.01);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_pixels_are_copied),  cmocka_unit_test(whole_pixels_by_plain_loops),
        cmocka_unit_test(half_pixels_are_means),    cmocka_unit_test(flips_and_turns),
        cmocka_unit_test(neighbours_are_one_map),   cmocka_unit_test(far_places),
        cmocka_unit_test(as_torchvision),           cmocka_unit_test(shifts_are_uniform),
        cmocka_unit_test(draws_have_their_moments), cmocka_unit_test(perspective_keeps_to_its_share),
        cmocka_unit_test(elastic_by_hand),          cmocka_unit_test(noise_is_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
