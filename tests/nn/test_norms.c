/* Norms of single images and factors of channels: by hand, against the reference, gradients against differences. */
#include "nn/variants.h"

/* ---- By hand ---- */

/* Two pixels of two channels, 1 2 and 5 8. */
static void norm_case(const Kernels *k, NormShape s, const float *means, const float *variances, const int *set_of) {
    const float x[] = {1, 2, 5, 8}, weight[] = {2, -1}, bias[] = {0.5f, 3}, dy[] = {1, 0, 0, 0};
    float moments[4], expected[4], plain[4];
    double f[2], sums[4];
    void *in = packed(k, x, 4), *out = unwritten(k, 4), *d = packed(k, dy, 4), *dx = unwritten(k, 4);
    const int sets = (int)norm_sets(&s), size = 4 / sets;
    for (int i = 0; i < sets; i++) f[i] = 1 / sqrt((double)variances[i] + 1e-5);
    for (int i = 0; i < 4; i++) {
        plain[i] = (float)((double)(x[i] - means[set_of[i]]) * f[set_of[i]]);
        expected[i] = plain[i] * weight[i % 2] + bias[i % 2];
    }
    k->norm_forward(&s, 1, in, weight, bias, out, moments);
    assert_near_elements("norm", k, out, expected, 4, 1e-6, 1e-7);
    for (int i = 0; i < sets; i++) {
        assert_true(moments[2 * i] == means[i]);
        assert_near_number("1 / deviation", (double)moments[2 * i + 1], f[i], 1e-6);
    }
    k->norm_forward(&s, 1, in, NULL, NULL, out, NULL);
    assert_near_elements("without weights", k, out, plain, 4, 1e-6, 1e-7);
    /* Of the first value alone: what it does itself, and through the mean and the deviation of its set. */
    k->norm_backward(&s, 1, in, weight, moments, d, dx, sums);
    for (int i = 0; i < 4; i++) {
        double g = i == 0 ? 2 : 0, all = set_of[i] == set_of[0] ? 2.0 / size : 0;
        expected[i] = (float)((g - all - all * (double)plain[0] * (double)plain[i]) * f[set_of[i]]);
    }
    assert_near_elements("dx", k, dx, expected, 4, 2e-6, 1e-6);
    assert_true(sums[0] == 1 && sums[1] == 0 && sums[3] == 0);
    assert_near_number("sum of dy * xhat", sums[2], (double)plain[0], 1e-6);
    guarded_end(in), guarded_end(out), guarded_end(d), guarded_end(dx);
}

static void by_hand_of(const Kernels *k) {
    norm_case(k, (NormShape){2, 2, 1, false}, (const float[]){4}, (const float[]){7.5f}, (const int[]){0, 0, 0, 0});
    norm_case(k, (NormShape){2, 2, 2, false}, (const float[]){3, 5}, (const float[]){4, 9}, (const int[]){0, 1, 0, 1});
    norm_case(k, (NormShape){2, 2, 1, true}, (const float[]){1.5f, 6.5f}, (const float[]){0.25f, 2.25f},
              (const int[]){0, 0, 1, 1});
}

static void by_hand(void **state) {
    (void)state;
    each_variant(by_hand_of);
}

/* ---- Against the reference ---- */

static const NormShape shapes[] = {
    {1, 1, 1, false},     {1, 70, 1, false},  {3, 5, 1, false},      {3, 5, 3, false},    {6, 63, 2, false},
    {16, 64, 4, false},   {17, 65, 1, false}, {17, 9, 17, false},    {32, 200, 8, false}, {33, 7, 3, false},
    {64, 130, 2, false},  {70, 3, 70, false}, {130, 66, 130, false}, {130, 5, 65, false}, {320, 20, 5, false},
    {390, 2, 130, false}, {1, 5, 1, true},    {3, 7, 1, true},       {10, 64, 1, true},   {16, 65, 1, true},
    {31, 3, 1, true},     {33, 70, 1, true},  {64, 4, 1, true},      {128, 17, 1, true},  {300, 6, 1, true},
};

enum { N = 3 };

typedef struct NormRun {
    const Kernels *k;
    NormShape s;
    char what[96];
    size_t C, count, sets;
    float *x, *dy, *weight, *bias, *moments;
    void *xe, *dye;
} NormRun;

/* Channels with means and widths of their own. */
static NormRun norm_run(const Kernels *k, NormShape s) {
    NormRun r = {
        .k = k, .s = s, .C = (size_t)s.C, .count = N * (size_t)s.C * (size_t)s.pixels, .sets = N * norm_sets(&s)};
    snprintf(r.what, sizeof r.what, "%s norm of %d channels, %d pixels, %s%d groups", k->name, s.C, s.pixels,
             s.by_position ? "by position, " : "", s.groups);
    r.x = reals(r.count), r.dy = element_reals(k, r.count);
    r.weight = reals(r.C), r.bias = reals(r.C), r.moments = floats(2 * r.sets);
    for (size_t i = 0; i < r.count; i++) r.x[i] = r.x[i] * (float)(1 + i % r.C % 3) + (float)(i % r.C % 5);
    make_representable(k, r.x, r.count);
    r.xe = packed(k, r.x, r.count), r.dye = packed(k, r.dy, r.count);
    return r;
}

static void norm_end(NormRun *r) {
    guarded_end(r->x), guarded_end(r->dy), guarded_end(r->weight), guarded_end(r->bias), guarded_end(r->moments);
    guarded_end(r->xe), guarded_end(r->dye);
}

static void check_forward(NormRun *r) {
    const Kernels *k = r->k;
    float *y2 = floats(r->count), *moments2 = floats(2 * r->sets);
    void *y = unwritten(k, r->count), *over = packed(k, r->x, r->count);
    for (int given = 0; given < 4; given++) {
        const float *weight = given & 1 ? r->weight : NULL, *bias = given & 2 ? r->bias : NULL;
        reference_kernels.norm_forward(&r->s, N, r->x, weight, bias, y2, moments2);
        k->norm_forward(&r->s, N, r->xe, weight, bias, y, r->moments);
        assert_near_elements(r->what, k, y, y2, r->count, 1e-5, 4e-6);
        assert_near_floats(r->what, r->moments, moments2, 2 * r->sets, k->element == 2 ? 1e-2 : 2e-3);
        for (size_t i = 0; i < 2 * r->sets; i++)
            assert_near_number(r->what, (double)r->moments[i], (double)moments2[i],
                               1e-6 + 2e-6 * fabs((double)moments2[i]));
    }
    k->norm_forward(&r->s, N, over, r->weight, r->bias, over, NULL);
    assert_same_bits("y in the place of x", over, y, r->count * k->element);
    guarded_end(y2), guarded_end(moments2), guarded_end(y), guarded_end(over);
}

static void check_backward(NormRun *r) {
    const Kernels *k = r->k;
    const size_t size = r->count * k->element;
    float *dx2 = floats(r->count);
    double *wanted = doubles(2 * r->C), *got = doubles(2 * r->C), *alone = doubles(2 * r->C);
    void *dx = unwritten(k, r->count), *single = unwritten(k, r->count);
    double terms = (double)r->count / (double)r->C, steepest = 0;
    for (size_t i = 0; i < r->sets; i++) steepest = fmax(steepest, (double)r->moments[2 * i + 1]);
    for (int given = 0; given < 2; given++) {
        const float *weight = given ? r->weight : NULL;
        reference_kernels.norm_backward(&r->s, N, r->x, weight, r->moments, r->dy, dx2, wanted);
        k->norm_backward(&r->s, N, r->xe, weight, r->moments, r->dye, dx, got);
        assert_near_elements(r->what, k, dx, dx2, r->count, 1e-5, 4e-6 * steepest);
        for (size_t c = 0; c < 2 * r->C; c++) assert_near_number(r->what, got[c], wanted[c], 1e-6 * (3 + terms));
    }
    k->norm_backward(&r->s, N, r->xe, r->weight, r->moments, r->dye, NULL, alone);
    assert_same_bits("only sums", alone, got, 2 * r->C * sizeof *got);
    k->norm_backward(&r->s, N, r->xe, r->weight, r->moments, r->dye, single, NULL);
    assert_same_bits("only dx", single, dx, size);
    k->norm_backward(&r->s, N, r->xe, r->weight, r->moments, r->dye, r->dye, alone);
    assert_same_bits("dx in the place of dy", r->dye, dx, size);
    assert_same_bits("sums, dx in the place of dy", alone, got, 2 * r->C * sizeof *got);
    guarded_end(dx2), guarded_end(wanted), guarded_end(got), guarded_end(alone), guarded_end(dx), guarded_end(single);
}

/* sum dy is exact on integers; so is dx where a set's dy are its weights' own inverse: nothing. */
static void check_integers(const NormRun *r) {
    const Kernels *k = r->k;
    float *dy = integers(r->count, 3);
    double *got = doubles(2 * r->C), *wanted = doubles(2 * r->C);
    void *dye = packed(k, dy, r->count);
    reference_kernels.norm_backward(&r->s, N, r->x, r->weight, r->moments, dy, NULL, wanted);
    k->norm_backward(&r->s, N, r->xe, r->weight, r->moments, dye, NULL, got);
    assert_same_bits(r->what, got, wanted, r->C * sizeof *got);
    guarded_end(dy), guarded_end(got), guarded_end(wanted), guarded_end(dye);
}

/* Each image is as it would be alone, bit for bit. */
static void check_images_apart(const NormRun *r) {
    const Kernels *k = r->k;
    const size_t image = r->count / N * k->element, sets = r->sets / N;
    void *y = unwritten(k, r->count), *one = unwritten(k, r->count / N);
    float *moments = floats(2 * sets);
    k->norm_forward(&r->s, N, r->xe, r->weight, r->bias, y, r->moments);
    for (size_t n = 0; n < N; n++) {
        k->norm_forward(&r->s, 1, (const char *)r->xe + n * image, r->weight, r->bias, one, moments);
        assert_same_bits(r->what, one, (const char *)y + n * image, image);
        assert_same_bits(r->what, moments, r->moments + n * 2 * sets, 2 * sets * sizeof *moments);
    }
    guarded_end(y), guarded_end(one), guarded_end(moments);
}

/* A NaN stays in its set. */
static void check_nan(const NormRun *r) {
    const Kernels *k = r->k;
    const size_t at = r->count / 2, C = r->C, pixels = (size_t)r->s.pixels, per = C / (size_t)r->s.groups;
    float *x = copy_of(r->x, r->count);
    x[at] = NAN;
    void *xe = packed(k, x, r->count), *y = unwritten(k, r->count), *dx = unwritten(k, r->count);
    float *moments = floats(2 * r->sets);
    k->norm_forward(&r->s, N, xe, r->weight, r->bias, y, moments);
    k->norm_backward(&r->s, N, xe, r->weight, moments, r->dye, dx, NULL);
    for (size_t i = 0; i < r->count; i++) {
        bool same =
            r->s.by_position ? i / C == at / C : i / C / pixels == at / C / pixels && i % C / per == at % C / per;
        assert_true((bool)isnan(element_at(k, y, i)) == same && (bool)isnan(element_at(k, dx, i)) == same);
    }
    guarded_end(x), guarded_end(xe), guarded_end(y), guarded_end(dx), guarded_end(moments);
}

static void norms_of(const Kernels *k) {
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        NormRun r = norm_run(k, shapes[i]);
        check_forward(&r);
        check_integers(&r);
        check_images_apart(&r);
        check_nan(&r);
        check_backward(&r);
        norm_end(&r);
    }
}

static void norms(void **state) {
    (void)state;
    each_variant(norms_of);
}

/* Deviations of 1 around 10,000, in bfloat16 of 64 around 8256: E[x2] - E[x]2 in float would give noise. */
static void far_from_zero_of(const Kernels *k) {
    enum { C = 24, PIXELS = 40, COUNT = C * PIXELS };
    const float middle = k->element == 2 ? 8256 : 10000, step = k->element == 2 ? 64 : 1;
    float x[COUNT], signs[COUNT];
    for (int i = 0; i < COUNT; i++) signs[i] = (i + i / C) % 2 ? 1 : -1, x[i] = middle + step * signs[i];
    void *xe = packed(k, x, COUNT), *y = unwritten(k, COUNT);
    for (int i = 0; i < 3; i++) {
        k->norm_forward(&(NormShape){C, PIXELS, i == 1 ? C : 1, i == 2}, 1, xe, NULL, NULL, y, NULL);
        assert_near_elements("far from 0", k, y, signs, COUNT, 1e-3, 0);
    }
    guarded_end(xe), guarded_end(y);
}

static void far_from_zero(void **state) {
    (void)state;
    each_variant(far_from_zero_of);
}

/* The gradient of sum y * r along random directions. */
static double loss_of(const Kernels *k, const NormShape *s, size_t count, const float *x, const float *weight,
                      const float *bias, const float *r, float *y) {
    double sum = 0;
    k->norm_forward(s, N, x, weight, bias, y, NULL);
    for (size_t i = 0; i < count; i++) sum += (double)y[i] * (double)r[i];
    return sum;
}

static void differences_of(const Kernels *k) {
    static const NormShape some[] = {{6, 7, 2, false}, {5, 9, 5, false}, {17, 3, 1, false}, {21, 4, 1, true}};
    const float step = 0x1p-8f;
    if (k->element != sizeof(float)) return;
    for (size_t i = 0; i < COUNT_OF(some); i++) {
        NormRun r = norm_run(k, some[i]);
        float *dx = floats(r.count), *y = floats(r.count), *arrays[] = {r.x, r.weight, r.bias};
        const size_t sizes[] = {r.count, r.C, r.C};
        double *sums = doubles(2 * r.C);
        k->norm_forward(&r.s, N, r.x, r.weight, r.bias, y, r.moments);
        k->norm_backward(&r.s, N, r.x, r.weight, r.moments, r.dy, dx, sums);
        for (int a = 0; a < 3; a++) {
            float *direction = reals(sizes[a]);
            double slope = 0, both[2];
            for (size_t j = 0; j < sizes[a]; j++)
                slope += (double)direction[j] * (a == 0 ? (double)dx[j] : a == 1 ? sums[r.C + j] : sums[j]);
            for (int side = 0; side < 2; side++) {
                for (size_t j = 0; j < sizes[a]; j++) arrays[a][j] += (side ? -2 : 1) * step * direction[j];
                both[side] = loss_of(k, &r.s, r.count, r.x, r.weight, r.bias, r.dy, y);
            }
            for (size_t j = 0; j < sizes[a]; j++) arrays[a][j] += step * direction[j];
            assert_near_number(r.what, (both[0] - both[1]) / (2 * (double)step), slope, 2e-3 * (1 + fabs(slope)));
            guarded_end(direction);
        }
        guarded_end(dx), guarded_end(y), guarded_end(sums);
        norm_end(&r);
    }
}

static void differences(void **state) {
    (void)state;
    each_variant(differences_of);
}

/* ---- Factors of channels ---- */

static void scale_by_hand(const Kernels *k) {
    void *x = packed(k, (const float[]){1, 2, 3, 4, 5, 6, 7, 8}, 8), *s = packed(k, (const float[]){2, -1, 0, 3}, 4);
    void *dy = packed(k, (const float[]){1, 0, 2, 1, 1, 1, 0, 2}, 8), *y = unwritten(k, 8), *ds = unwritten(k, 4);
    k->scale_forward(2, 2, 2, x, s, y);
    assert_elements("scaled", k, y, (const float[]){2, -2, 6, -4, 0, 18, 0, 24}, 8);
    k->scale_backward(2, 2, 2, x, s, dy, y, ds);
    assert_elements("dx", k, y, (const float[]){2, 0, 4, -1, 0, 3, 0, 6}, 8);
    assert_elements("ds", k, ds, (const float[]){1 + 6, 4, 5, 6 + 16}, 4);
    guarded_end(x), guarded_end(s), guarded_end(dy), guarded_end(y), guarded_end(ds);
}

static void check_scale(const Kernels *k, size_t pixels, int C, bool whole) {
    const size_t factors = N * (size_t)C, count = factors * pixels;
    float *x = whole ? integers(count, 2) : element_reals(k, count),
          *s = whole ? integers(factors, 2) : element_reals(k, factors);
    float *dy = whole ? integers(count, 1) : element_reals(k, count), *y2 = floats(count), *ds2 = floats(factors);
    void *xe = packed(k, x, count), *se = packed(k, s, factors), *dye = packed(k, dy, count), *y = unwritten(k, count);
    void *dx = unwritten(k, count), *ds = unwritten(k, factors);
    reference_kernels.scale_forward(N, pixels, C, x, s, y2);
    k->scale_forward(N, pixels, C, xe, se, y);
    assert_elements(label(k, "scale_forward", pixels, C), k, y, y2, count);
    reference_kernels.scale_backward(N, pixels, C, x, s, dy, y2, ds2);
    k->scale_backward(N, pixels, C, xe, se, dye, dx, ds);
    assert_elements(label(k, "scale_backward", pixels, C), k, dx, y2, count);
    if (whole)
        assert_elements(label(k, "scale_backward of integers", pixels, C), k, ds, ds2, factors);
    else
        assert_near_elements(label(k, "scale_backward", pixels, C), k, ds, ds2, factors, 1e-6, 1e-7 * (double)pixels);
    k->scale_backward(N, pixels, C, xe, se, dye, dye, ds);
    assert_same_bits("dx in the place of dy", dye, dx, count * k->element);
    k->scale_forward(N, pixels, C, xe, se, xe);
    assert_same_bits("y in the place of x", xe, y, count * k->element);
    guarded_end(x), guarded_end(s), guarded_end(dy), guarded_end(y2), guarded_end(ds2), guarded_end(xe),
        guarded_end(se);
    guarded_end(dye), guarded_end(y), guarded_end(dx), guarded_end(ds);
}

static void scales_of(const Kernels *k) {
    static const int widths[] = {1, 3, 16, 17, 32, 33, 64, 130};
    static const size_t pixels[] = {1, 9, 64, 65, 200};
    scale_by_hand(k);
    for (size_t i = 0; i < COUNT_OF(widths); i++)
        for (size_t j = 0; j < COUNT_OF(pixels); j++)
            for (int whole = 0; whole < 2; whole++) check_scale(k, pixels[j], widths[i], whole);
}

static void scales(void **state) {
    (void)state;
    each_variant(scales_of);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),     cmocka_unit_test(norms),  cmocka_unit_test(far_from_zero),
        cmocka_unit_test(differences), cmocka_unit_test(scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
