/* Augmentation lines: what is one and what the errors say; every operation of the table; keys; cutout and mixes; views. */
#include "golden.h"

#include "base/memory.h"
#include "data/augment/augment.h"
#include "data/augment/operation.h"

#include <pthread.h>
#include <string.h>

enum { MOST = 4096, DRAWS = 20000 };

static Augmentation *made(const char *line) {
    Augmentation *augmentation;
    assert_ok(augmentation_new(line, &augmentation));
    return augmentation;
}

static void apply(const Augmentation *augmentation, AugmentKey key, const int chw[3], float *x) {
    float *scratch = malloc((augmentation_scratch(augmentation, chw) + 1) * sizeof *scratch);
    augmentation_apply(augmentation, &key, chw, scratch, x);
    free(scratch);
}

static AugmentKey image_number(uint32_t image) {
    return (AugmentKey){7, 1, image, 0};
}

/* ---- Lines ---- */

static void lines_are_read(void **state) {
    (void)state;
    static const char *const lines[][2] = {
        {"", ""},
        {" \t ", ""},
        {"none", ""},
        {"none|flip", "flip"},
        {"  shift 2|rotate 10  | scale 0.9:1.1 | cutout 8 p 0.5 | mixup 0.2", "shift 2 | rotate 10 | scale 0.9:1.1 | "
                                                                              "cutout 8 p 0.5 | mixup 0.2"},
        {"crop 4 reflect | flip p .5 | cutout 8 zero p 1", "crop 4 reflect | flip p .5 | cutout 8 zero p 1"},
        {"cifar | mixup | cutmix 1 p 0.5", "crop 4 reflect | flip | cutout 8 | mixup | cutmix 1 p 0.5"},
        {"neighbours 0.5:0.7 p 0.5|ink 0.2:1|background", "neighbours 0.5:0.7 p 0.5 | ink 0.2:1 | background"},
        {"elastic 30 | elastic | elastic p 0.2 | randaugment 3",
         "elastic 30 | elastic | elastic p 0.2 | randaugment 3"}};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        Augmentation *augmentation = made(lines[i][0]), *again = made(augmentation_line(augmentation));
        assert_string_equal(augmentation_line(augmentation), lines[i][1]);
        assert_string_equal(augmentation_line(again), lines[i][1]);
        assert_int_equal(augmentation_is_empty(augmentation), !*lines[i][1]);
        assert_int_equal(augmentation_mixes(augmentation), strstr(lines[i][1], "mix") != NULL);
        assert_ok(augmentation_check(lines[i][0]));
        augmentation_free(augmentation);
        augmentation_free(again);
    }
    for (const AugmentName *name = augmentation_names; name->name; name++) {
        Augmentation *named = made(name->name), *written = made(name->line);
        assert_string_equal(augmentation_line(named), augmentation_line(written));
        assert_null(operation_find(name->name));
        augmentation_free(named);
        augmentation_free(written);
    }
}

static void values_are_as_written(void **state) {
    (void)state;
    /* What is drawn of one number and of the range that it means is the same. */
    static const char *const same[][2] = {{"rotate 10", "rotate -10:10"},     {"scale 0.25", "scale 0.75:1.25"},
                                          {"perspective", "perspective 0.5"}, {"flip", "flip 0.5"},
                                          {"elastic", "elastic 34 4"},        {"crop 2", "shift 2 zero"},
                                          {"cutout 3", "cutout 3 mean"},      {"randaugment", "randaugment 2 9"},
                                          {"shear 5 edge", "shear 5"},        {"rotate 10 p 1", "rotate 10"}};
    const int chw[3] = {1, 9, 8};
    for (size_t i = 0; i < COUNT_OF(same); i++)
        for (uint32_t image = 0; image < 20; image++) {
            float x[2][72];
            for (int k = 0; k < 2; k++) {
                Augmentation *augmentation = made(same[i][k]);
                for (int p = 0; p < 72; p++) x[k][p] = (float)(p * 29 % 71) / 71;
                apply(augmentation, image_number(image), chw, x[k]);
                augmentation_free(augmentation);
            }
            assert_memory_equal(x[0], x[1], sizeof x[0]);
        }
}

static void errors_point_at_the_word(void **state) {
    (void)state;
    static const char *const errors[][2] = {
        {"nonsense", "augmentation, column 1: an operation expected, found nonsense"},
        {"flip | rotat 10", "column 8: an operation expected, found rotat; did you mean rotate?\n    flip | rotat 10\n"
                            "           ^"},
        {"cifr", "an operation expected, found cifr; did you mean cifar?"},
        {"flip |", "column 7: an operation expected, found nothing"},
        {"| flip", "column 1: an operation expected, found nothing"},
        {"flip || flip", "column 7: an operation expected, found nothing"},
        {"shift", "column 6: pixels (a whole number from 0 to 1024) expected, found the end of the operation"},
        {"shift 1.5", "column 7: pixels (a whole number from 0 to 1024) expected, found 1.5"},
        {"shift 1:2", "column 7: pixels (a whole number from 0 to 1024) expected, found 1:2"},
        {"shift -1", "found -1"},
        {"shift two", "found two"},
        {"rotate nan", "found nan"},
        {"rotate 10:5", "degrees (a range LOW:HIGH from -180 to 180, or V for -V:V) expected, found 10:5"},
        {"rotate -10", "expected, found -10"},
        {"rotate 181", "expected, found 181"},
        {"rotate 1:", "expected, found 1:"},
        {"rotate 1:2:3", "expected, found 1:2:3"},
        {"scale 0.01:1", "a factor (a range LOW:HIGH from 0.05 to 20, or V for 1-V:1+V) expected, found 0.01:1"},
        {"scale 1.2", "expected, found 1.2"},
        {"perspective 0.95", "a share (a number from 0 to 0.9) expected, found 0.95"},
        {"flip 0.5x", "a probability (a number from 0 to 1) expected, found 0.5x"},
        {"crop 4 reflct", "column 8: zero, edge, reflect, p X or | expected, found reflct; did you mean reflect?"},
        {"crop 4 reflect edge", "column 16: p X or | expected, found edge"},
        {"crop 4 p 0.5 edge", "column 14: | expected, found edge"},
        {"flip zero", "column 6: p X or | expected, found zero"},
        {"flip p", "column 7: a share of the images (a number from 0 to 1) expected, found the end of the operation"},
        {"flip p 1.5 | shift 2", "column 8: a share of the images (a number from 0 to 1) expected, found 1.5"},
        {"cifar 3", "column 7: | or the end expected behind cifar, found 3"},
        {"mixup 0.2 | flip", "column 13: mixup or cutmix expected behind mixup, which mixes what is done, found flip"},
        {"cutmix | cifar", "column 10: mixup or cutmix expected behind cutmix, which mixes what is done, found cifar"},
        {"flip | neighbours 0.5", "column 8: neighbours expected as the first operation"},
        {"neighbours", "widths (a range LOW:HIGH from 0 to 1, or V for 0:V) expected"},
        {"street | street", "column 1: neighbours expected as the first operation"},
        {"mixup 0", "alpha (a number from 0.01 to 100) expected, found 0"},
        {"flip aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "column 6: a word this long is not known"},
    };
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        Augmentation *augmentation = (Augmentation *)1;
        assert_fails(augmentation_new(errors[i][0], &augmentation), CF_BAD_USE, errors[i][1]);
        assert_null(augmentation);
        assert_fails(augmentation_check(errors[i][0]), CF_BAD_USE, errors[i][1]);
    }
}

static void long_lines(void **state) {
    (void)state;
    char line[400] = "flip";
    for (int i = 1; i < 32; i++) strcat(line, "|flip");
    assert_ok(augmentation_check(line));
    strcat(line, "|shift 2");
    assert_fails(augmentation_check(line), CF_BAD_USE, "column 161: at most 32 operations expected, found shift");
    strcpy(strrchr(line, '|'), "|cifar");
    assert_fails(augmentation_check(line), CF_BAD_USE, "column 161: at most 32 operations expected, found cifar");
}

/* ---- Every operation of the table ---- */

/* A line with the lowest or highest values; `setting` -1: none. */
static void extreme_line(const Operation *operation, bool high, int setting, char line[200]) {
    int used = snprintf(line, 200, "%s", operation->word);
    for (int i = 0; i < OPERATION_ARGUMENTS && operation->arguments[i].what; i++) {
        const OperationArgument *argument = &operation->arguments[i];
        if (argument->is_range)
            used += snprintf(line + used, 200 - (size_t)used, " %.17g:%.17g", argument->low, argument->high);
        else
            used += snprintf(line + used, 200 - (size_t)used, " %.17g", high ? argument->high : argument->low);
    }
    if (setting >= 0) snprintf(line + used, 200 - (size_t)used, " %s", operation->settings[setting]);
}

/* On odd shapes: values in 0 to 1, nothing written beside image and scratch, the same bits again; a share of 0 changes nothing. */
static void try_line(const char *line, const int chw[3]) {
    enum { GUARD = 8 };
    char never[220];
    snprintf(never, sizeof never, "%s p 0", line);
    Augmentation *augmentation = made(line), *idle = made(never);
    const size_t size = (size_t)(chw[0] * chw[1] * chw[2]), scratch_size = augmentation_scratch(augmentation, chw);
    float *scratch = malloc((scratch_size + GUARD) * sizeof *scratch), x[3][MOST];
    for (uint32_t image = 0; image < 5; image++) {
        for (int k = 0; k < 3; k++)
            for (size_t i = 0; i < size + GUARD; i++)
                x[k][i] = i >= size ? 77 : (float)((i * 53 + image * 7) % 101) / 100;
        for (size_t i = 0; i < scratch_size + GUARD; i++) scratch[i] = i < scratch_size ? NAN : 77;
        const AugmentKey key = image_number(image);
        augmentation_apply(augmentation, &key, chw, scratch, x[0]);
        for (size_t i = 0; i < scratch_size; i++) scratch[i] = 1e30f;
        augmentation_apply(augmentation, &key, chw, scratch, x[1]);
        for (size_t i = 0; i < size; i++)
            if (!(x[0][i] >= 0 && x[0][i] <= 1)) fail_msg("%s makes a value of %g", line, (double)x[0][i]);
        if (memcmp(x[0], x[1], size * sizeof(float)) != 0) fail_msg("%s depends on its scratch", line);
        for (size_t i = 0; i < GUARD; i++) assert_true(x[0][size + i] == 77 && scratch[scratch_size + i] == 77);
        augmentation_apply(idle, &key, chw, scratch, x[1]);
        memcpy(x[0], x[1], sizeof x[0]);
        augmentation_apply(idle, &key, chw, scratch, x[1]);
        assert_memory_equal(x[0], x[1], size * sizeof(float));
    }
    free(scratch);
    augmentation_free(augmentation);
    augmentation_free(idle);
}

static void every_operation_on_odd_shapes(void **state) {
    (void)state;
    static const int shapes[][3] = {{1, 1, 1}, {3, 1, 5}, {1, 6, 1}, {1, 2, 2}, {3, 3, 3}, {2, 5, 4}, {3, 9, 70}};
    const Operation *operation;
    for (int i = 0; (operation = operation_number(i)); i++) {
        char line[200];
        assert_ptr_equal(operation_find(operation->word), operation);
        assert_int_equal((operation->turn != NULL) + (operation->map != NULL) + (operation->change != NULL) +
                             (operation->apply != NULL) + (operation->mix != NULL) + (operation->beside != NULL),
                         1);
        assert_true(!operation->views || operation->turn || operation->map);
        assert_true(!operation->view == !(operation->views && operation->map));
        assert_true(!operation->turn || operation->arguments[0].is_range);
        assert_true(operation->help && operation->help[strlen(operation->help) - 1] != '.');
        for (size_t s = 0; s < COUNT_OF(shapes); s++)
            for (int k = 0; k < 2; k++)
                for (int n = -1; n < OPERATION_SETTINGS && (n < 0 || operation->settings[n]); n++) {
                    extreme_line(operation, k, n, line);
                    try_line(line, shapes[s]);
                }
        if (!operation->magnitude) continue;
        const OperationValues weak = operation_at_magnitude(operation, 0.5);
        const OperationValues strong = operation_at_magnitude(operation, 1);
        for (int a = 0; a < OPERATION_ARGUMENTS && operation->arguments[a].what; a++) {
            const OperationArgument *argument = &operation->arguments[a];
            assert_true(argument->low <= strong.low[a] && strong.low[a] <= strong.high[a]);
            assert_true(strong.high[a] <= argument->high && (argument->is_range || strong.low[a] == strong.high[a]));
        }
        if (operation->arguments[0].what) assert_memory_not_equal(&weak, &strong, sizeof weak);
    }
}

/* ---- Keys ---- */

enum { IMAGES = 60, SIDE = 12 };

typedef struct Work {
    const Augmentation *augmentation;
    float (*x)[SIDE * SIDE * 3];
    int first, step;
} Work;

static void fill_image(float *x, uint32_t image) {
    for (uint32_t i = 0; i < SIDE * SIDE * 3; i++) x[i] = (float)((i * i + image * 31 + i * 17) % 211) / 210;
}

static void *work(void *context) {
    const Work *w = context;
    for (int i = w->first; i >= 0 && i < IMAGES; i += w->step) {
        fill_image(w->x[i], (uint32_t)i);
        apply(w->augmentation, image_number((uint32_t)i), (const int[]){3, SIDE, SIDE}, w->x[i]);
    }
    return NULL;
}

static void same_bits_in_any_order(void **state) {
    (void)state;
    static float one[IMAGES][SIDE * SIDE * 3], other[IMAGES][SIDE * SIDE * 3];
    for (const AugmentName *name = augmentation_names; name->name; name++) {
        Augmentation *augmentation = made(name->name);
        pthread_t threads[3];
        Work works[3];
        work(&(Work){augmentation, one, 0, 1});
        work(&(Work){augmentation, other, IMAGES - 1, -1});
        assert_memory_equal(one, other, sizeof one);
        memset(other, 0, sizeof other);
        for (int t = 0; t < 3; t++) {
            works[t] = (Work){augmentation, other, t, 3};
            assert_int_equal(pthread_create(&threads[t], NULL, work, &works[t]), 0);
        }
        for (int t = 0; t < 3; t++) pthread_join(threads[t], NULL);
        assert_memory_equal(one, other, sizeof one);
        augmentation_free(augmentation);
    }
}

static double share_of(const Augmentation *augmentation, AugmentKey key) {
    return (double)augmentation_mix(augmentation, &key, (const int[]){1, 8, 8}).share;
}

/* Shares of mixup 1 are uniform, along each part of the key, and have nothing to do with those of its neighbours or of another place. */
static void keys_are_independent(void **state) {
    (void)state;
    Augmentation *mixup = made("mixup 1"), *second = made("mixup p 0 | mixup 1");
    for (int part = 0; part < 4; part++) {
        double sum = 0, squares = 0, neighbours = 0, places = 0, last = 0;
        for (uint32_t i = 0; i < DRAWS; i++) {
            const AugmentKey key = {part == 0 ? i : 3, part == 1 ? i : 3, part == 2 ? i : 3, part == 3 ? i : 3};
            const double share = share_of(mixup, key) - 0.5;
            sum += share, squares += share * share, neighbours += share * last;
            places += share * (share_of(second, key) - 0.5);
            last = share;
        }
        assert_near(sum / DRAWS, 0, 0.01);
        assert_near(squares / DRAWS, 1 / 12.0, 0.003);
        assert_near(neighbours / DRAWS, 0, 0.003);
        assert_near(places / DRAWS, 0, 0.003);
    }
    augmentation_free(mixup);
    augmentation_free(second);
}

/* So many images are taken, and what is drawn of them does not depend on the share. */
static void shares_of_images(void **state) {
    (void)state;
    Augmentation *all = made("mixup 1"), *some = made("mixup 1 p 0.3"), *first = made("cutmix 1 p 0.25 | mixup 1");
    int taken = 0, boxes = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        const AugmentKey key = image_number(i);
        const AugmentMix a = augmentation_mix(all, &key, (const int[]){1, 64, 64});
        const AugmentMix s = augmentation_mix(some, &key, (const int[]){1, 64, 64});
        const AugmentMix f = augmentation_mix(first, &key, (const int[]){1, 64, 64});
        assert_true(s.share == a.share || s.share == 1);
        taken += s.share < 1;
        boxes += f.bottom > f.top;
        assert_true(f.bottom > f.top || f.share < 1 || f.share == 1);
    }
    assert_near((double)taken / DRAWS, 0.3, 0.016);
    assert_near((double)boxes / DRAWS, 0.25, 0.016);
    augmentation_free(all), augmentation_free(some), augmentation_free(first);
}

/* ---- Beta, mixes, cutout ---- */

/* Central moments of Beta(a, a): 1 / (4 (2a + 1)), 3 / (16 (2a + 1) (2a + 3)). */
static void beta_has_its_moments(void **state) {
    (void)state;
    static const double alphas[] = {0.01, 0.1, 0.2, 0.5, 1, 1.0001, 1.5, 2, 8, 100};
    for (size_t i = 0; i < COUNT_OF(alphas); i++) {
        const double a = alphas[i], second = 1 / (4 * (2 * a + 1)), fourth = 3 / (16 * (2 * a + 1) * (2 * a + 3));
        double sum = 0, squares = 0, fourths = 0;
        for (uint32_t n = 0; n < DRAWS; n++) {
            Drawing drawing = {.stream = rng_stream(11, RNG_AUGMENT, n, 0)};
            const double x = drawing_beta(&drawing, a) - 0.5;
            assert_true(x >= -0.5 && x <= 0.5);
            sum += x / DRAWS, squares += x * x / DRAWS, fourths += x * x * x * x / DRAWS;
        }
        assert_near(sum, 0, 5 * sqrt(second / DRAWS));
        assert_near(squares, second, 5 * sqrt((fourth - second * second) / DRAWS));
        assert_near(fourths / fourth, 1, 0.12);
    }
}

/* The box is where it is said, has the share, and its area is that of Beta where it lies inside. */
static void boxes_of_cutmix(void **state) {
    (void)state;
    Augmentation *cutmix = made("cutmix 1");
    double area = 0;
    int whole = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        const AugmentKey key = image_number(i);
        const AugmentMix m = augmentation_mix(cutmix, &key, (const int[]){3, 40, 30});
        assert_true(m.top >= 0 && m.left >= 0 && m.bottom <= 40 && m.right <= 30);
        assert_true(m.top <= m.bottom && m.left <= m.right);
        assert_true(m.share == (float)(1 - (m.bottom - m.top) * (m.right - m.left) / 1200.0));
        const bool inside = m.top > 0 && m.left > 0 && m.bottom < 40 && m.right < 30;
        if (inside) assert_near((m.bottom - m.top) * 0.75, m.right - m.left, 1.5); /* the image's shape */
        area += (1 - (double)m.share) / DRAWS;
        whole += m.share == 1;
    }
    /* Of a box of side s around a uniform pixel, s (1 - s / 4) of each axis remain: E over s^2 uniform of s^2 (1 - s / 4)^2 is
     * 1/2 - 1/5 + 1/48. */
    assert_near(area, 0.5 - 0.2 + 1 / 48.0, 0.03);
    assert_true(whole < DRAWS / 50);
    augmentation_free(cutmix);
}

/* A third of the images has some on both sides, one third each on one; as far away as was asked for, by the whole width. */
static void neighbours_are_drawn(void **state) {
    (void)state;
    Augmentation *some = made("neighbours 0.4:0.8 p 0.75 | invert");
    int counts[4] = {0};
    double sum = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        const AugmentKey key = image_number(i);
        const AugmentBeside b = augmentation_beside(some, &key, (const int[]){1, 8, 100});
        const int kind = (b.by[0] != 0) + 2 * (b.by[1] != 0);
        counts[kind]++;
        if (kind & 1) assert_in_range(-b.by[0], 40, 80);
        if (kind & 2) assert_in_range(b.by[1], 40, 80), sum += b.by[1];
    }
    assert_near((double)counts[0] / DRAWS, 0.25, 0.016);
    for (int kind = 1; kind < 4; kind++) assert_near((double)counts[kind] / DRAWS, 0.25, 0.016);
    assert_near(sum / (counts[2] + counts[3]), 60, 0.5);
    assert_true(augmentation_has_neighbours(some) && !augmentation_mixes(some));
    augmentation_free(some);
}

/* What stands out from the other image's ground comes to stand out from this one's, where it does so by more. */
static void neighbours_are_laid_by_hand(void **state) {
    (void)state;
    const int chw[3] = {1, 3, 5};
    float scratch[64], x[15], other[15];
    for (int i = 0; i < 15; i++) x[i] = 0.75f, other[i] = 0.25f;
    x[7] = 0.25f;                           /* -0.5 in the middle */
    other[6] = 0.5f, other[7] = 0, other[8] = 0.5f; /* +0.25, -0.25, +0.25 */
    augmentation_lay_beside(2, chw, scratch, other, x);
    for (int i = 0; i < 15; i++) assert_true(x[i] == (i == 7 ? 0.25f : i == 8 ? 1 : i == 9 ? 0.5f : 0.75f));
    augmentation_lay_beside(-3, chw, scratch, other, x);
    assert_true(x[5] == 1 && x[6] == 0.75f && x[7] == 0.25f);
}

static void cutout_fills_a_square(void **state) {
    (void)state;
    Augmentation *mean = made("cutout 3"), *zero = made("cutout 4 zero");
    int most = 0, corner = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        float x[2][48];
        for (int k = 0; k < 48; k++) x[0][k] = x[1][k] = k % 2 ? 0.5f : (float)(k + 1) / 48;
        apply(mean, image_number(i), (const int[]){2, 4, 6}, x[0]);
        apply(zero, image_number(i), (const int[]){2, 4, 6}, x[1]);
        int filled = 0, zeros = 0;
        for (int k = 0; k < 24; k++) {
            const bool is_filled = x[0][2 * k] != (float)(2 * k + 1) / 48;
            if (is_filled) assert_near((double)x[0][2 * k], 0.5, 1e-7); /* (1 + 3 + .. 47) / 24 / 48 is 0.5 */
            assert_true(x[0][2 * k + 1] == 0.5f);
            assert_true((x[1][2 * k] == 0) == (x[1][2 * k + 1] == 0));
            filled += is_filled, zeros += x[1][2 * k] == 0;
        }
        assert_true(filled >= 4 && filled <= 9 && zeros >= 4 && zeros <= 16);
        if (filled == 9) most++;
        if (filled == 4) corner++;
    }
    /* Of 4 x 6 middles 2 x 4 have the whole square inside, 4 are corners. */
    assert_near(most / 2000.0, 8 / 24.0, 0.05);
    assert_near(corner / 2000.0, 4 / 24.0, 0.04);
    augmentation_free(mean), augmentation_free(zero);
}

/* ---- Policies ---- */

/* One operation at full strength is the identity, or a rotation to one of its ends, as often as any other of those with a strength. The
 * image is one that each of them changes. */
static void randaugment_draws_evenly(void **state) {
    (void)state;
    enum { FEW = 6000, VALUES = 24 * 24 * 3 };
    const int chw[3] = {3, 24, 24};
    static const char *const lines[] = {"none", "rotate -30:-30", "rotate 30:30"};
    Augmentation *randaugment = made("randaugment 1 30");
    float image[VALUES], wanted[3][VALUES], x[VALUES];
    int counts[3] = {0}, operations = 1;
    for (int i = 0; operation_number(i); i++) operations += operation_number(i)->magnitude != NULL;
    for (int i = 0; i < VALUES; i++) image[i] = 0.1f + (float)((i * i + i * 17) % 211) / 300;
    for (int k = 0; k < 3; k++) {
        Augmentation *augmentation = made(lines[k]);
        memcpy(wanted[k], image, sizeof image);
        apply(augmentation, image_number(0), chw, wanted[k]);
        augmentation_free(augmentation);
    }
    for (uint32_t i = 0; i < FEW; i++) {
        memcpy(x, image, sizeof x);
        apply(randaugment, image_number(i), chw, x);
        for (int k = 0; k < 3; k++) counts[k] += memcmp(x, wanted[k], sizeof x) == 0;
    }
    const double each = (double)FEW / operations;
    assert_near(counts[0], each, 5 * sqrt(each));
    assert_near(counts[1], each / 2, 5 * sqrt(each / 2));
    assert_near(counts[2], each / 2, 5 * sqrt(each / 2));
    augmentation_free(randaugment);
}

/* ---- Views ---- */

static void views_of_lines(void **state) {
    (void)state;
    static const struct {
        const char *line, *word;
        int views;
    } cases[] = {{"", NULL, 1},
                 {"flip", NULL, 2},
                 {"flip | shift 1 reflect", NULL, 10},
                 {"shift 0", NULL, 1},
                 {"rotate 10", NULL, 3},
                 {"rotate 5:5 | scale 0.1", NULL, 3},
                 {"shear 4 | crop 1", NULL, 15},
                 {"flip | cutout 8", "cutout", 0},
                 {"flip p 0.5", "p", 0},
                 {"mixup", "mixup", 0},
                 {"elastic | flip", "elastic", 0},
                 {"shift 1|shift 1|shift 1|shift 1|shift 1", "shift", 0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Augmentation *augmentation = made(cases[i].line);
        const char *word;
        double sum = 0;
        assert_int_equal(augmentation_views(augmentation, &word), cases[i].views);
        if (cases[i].word)
            assert_string_equal(word, cases[i].word);
        else
            assert_null(word);
        for (int v = 0; v < cases[i].views; v++) sum += augmentation_view_weight(augmentation, v);
        if (cases[i].views) assert_near(sum, 1, 1e-12);
        augmentation_free(augmentation);
    }
}

/* Half of the images in the first epoch; each the other way round in the next, in any line. */
static void altflip_alternates(void **state) {
    (void)state;
    static const char *const lines[] = {"altflip", "brightness 0 | altflip", "altflip p 1"};
    int first[COUNT_OF(lines)] = {0};
    for (size_t l = 0; l < COUNT_OF(lines); l++) {
        Augmentation *augmentation = made(lines[l]);
        for (uint32_t image = 0; image < 1000; image++) {
            bool mirrored[4];
            for (uint32_t epoch = 0; epoch < 4; epoch++) {
                float x[2] = {0.25f, 0.75f}, scratch[12];
                assert_true(augmentation_scratch(augmentation, (const int[]){1, 1, 2}) <= COUNT_OF(scratch));
                augmentation_apply(augmentation, &(AugmentKey){.seed = 3, .epoch = epoch, .image = image},
                                   (const int[]){1, 1, 2}, scratch, x);
                mirrored[epoch] = x[0] > 0.5f;
                assert_true(x[0] == (mirrored[epoch] ? 0.75f : 0.25f) && x[0] + x[1] == 1);
            }
            assert_true(mirrored[0] != mirrored[1] && mirrored[0] == mirrored[2] && mirrored[1] == mirrored[3]);
            first[l] += mirrored[0];
        }
        assert_in_range(first[l], 430, 570);
        augmentation_free(augmentation);
    }
}

/* Which images a share takes and which way round they are do not depend on each other. */
static void altflip_with_a_share(void **state) {
    (void)state;
    Augmentation *augmentation = made("altflip p 0.5");
    int mirrored = 0;
    for (uint32_t image = 0; image < 1000; image++) {
        float x[2] = {0.25f, 0.75f}, scratch[12];
        augmentation_apply(augmentation, &(AugmentKey){.seed = 3, .image = image}, (const int[]){1, 1, 2}, scratch, x);
        mirrored += x[0] > 0.5f;
    }
    assert_in_range(mirrored, 200, 300);
    augmentation_free(augmentation);
}

static void views_by_hand(void **state) {
    (void)state;
    static const float image[9] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f};
    static const struct {
        int view;
        double weight;
        float x[9];
    } cases[] = {{0, 0.25, {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f}},
                 {1, 0.25, {0.3f, 0.2f, 0.1f, 0.6f, 0.5f, 0.4f, 0.9f, 0.8f, 0.7f}},
                 {2, 0.0625, {0.5f, 0.4f, 0.5f, 0.2f, 0.1f, 0.2f, 0.5f, 0.4f, 0.5f}},
                 {9, 0.0625, {0.5f, 0.4f, 0.5f, 0.8f, 0.7f, 0.8f, 0.5f, 0.4f, 0.5f}}};
    Augmentation *augmentation = made("flip | shift 1 reflect");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        float x[9], scratch[27];
        memcpy(x, image, sizeof x);
        assert_true(augmentation_scratch(augmentation, (const int[]){1, 3, 3}) <= COUNT_OF(scratch));
        augmentation_view(augmentation, cases[i].view, (const int[]){1, 3, 3}, scratch, x);
        assert_near(augmentation_view_weight(augmentation, cases[i].view), cases[i].weight, 0);
        for (int k = 0; k < 9; k++)
            if (x[k] != cases[i].x[k]) fail_msg("view %d: value %d is %g", cases[i].view, k, (double)x[k]);
    }
    augmentation_free(augmentation);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(values_are_as_written),
        cmocka_unit_test(errors_point_at_the_word),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(every_operation_on_odd_shapes),
        cmocka_unit_test(same_bits_in_any_order),
        cmocka_unit_test(keys_are_independent),
        cmocka_unit_test(altflip_alternates),
        cmocka_unit_test(altflip_with_a_share),
        cmocka_unit_test(shares_of_images),
        cmocka_unit_test(beta_has_its_moments),
        cmocka_unit_test(boxes_of_cutmix),
        cmocka_unit_test(neighbours_are_drawn), cmocka_unit_test(neighbours_are_laid_by_hand),
        cmocka_unit_test(cutout_fills_a_square),
        cmocka_unit_test(randaugment_draws_evenly),
        cmocka_unit_test(views_of_lines),
        cmocka_unit_test(views_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
