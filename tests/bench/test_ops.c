/* Every problem of `cifra bench ops` in every pass and precision against the reference; that the comparison sees faults; the
 * texts of problems. */
#include "testing.h"

#include "base/memory.h"
#include "bench/op_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static OpCase parsed(const char *text) {
    OpCase c;
    bool has_pass;
    assert_ok(op_parse(text, &c, &has_pass));
    return c;
}

static const char *label(const OpCase *c) {
    static char text[2 * OP_TEXT];
    op_print(c, text);
    snprintf(text + strlen(text), OP_TEXT, " %s in %s", op_pass_words[c->pass],
             c->precision == CF_BF16 ? "bf16" : "f32");
    return text;
}

/* ---- Every case ---- */

typedef void (*CaseFn)(const OpCase *c);

static int each_case(CaseFn check) {
    int count = 0;
    for (const char *const *text = op_problems; *text; text++) {
        OpCase c = parsed(*text);
        for (int pass = 0; pass < OP_PASSES; pass++)
            for (int p = CF_F32; p <= CF_BF16; p++) {
                if (!op_has_pass(c.kind, (OpPass)pass) || (p == CF_BF16 && !cpu_engine_bf16())) continue;
                c.pass = (OpPass)pass;
                c.precision = (cf_precision)p;
                check(&c);
                count++;
            }
    }
    return count;
}

static void passes(const OpCase *c) {
    OpResult result;
    assert_ok(op_run(c, &(OpOptions){.threads = 1}, &result));
    if (!result.passed) print_error("%s: residual %g\n    %s\n", label(c), result.residual, result.repeat);
    assert_true(result.passed);
    assert_true(result.residual <= op_tolerance(c) + op_floor(c));
    assert_true(result.seconds == 0);
}

static void table_passes(void **state) {
    (void)state;
    if (!cpu_engine_bf16()) print_message("SKIPPED: bf16 (this processor has no instructions for it)\n");
    print_message("%d cases\n", each_case(passes));
}

/* ---- Faults ---- */

static bool compares(const OpCase *c, const double *got, const double *wanted, size_t count) {
    double residual = 0;
    return op_compare(c, got, wanted, count, &residual);
}

/* One value that is off by the least that is wrong: 1 % or, near 0, a hundredth; also one that is not a number. */
static void sees_fault(const OpCase *c) {
    const Engine *e = c->precision == CF_BF16 ? cpu_engine_bf16() : cpu_engine();
    double *got, *wanted, largest = 0;
    size_t count, same;
    assert_ok(op_values(c, e, &got, &count));
    assert_ok(op_values(c, &reference_engine, &wanted, &same));
    assert_int_equal(count, same);
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(wanted[i]));
    if (largest == 0) print_message("%s: every value is 0\n", label(c));
    size_t places[] = {0, count / 2, count - 1};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        double *value = &got[places[i]], kept = *value;
        *value = wanted[places[i]] + fmax(0.01 * (c->kind == OP_ATTENTION ? largest : fabs(wanted[places[i]])), 0.01);
        assert_false(compares(c, got, wanted, count));
        *value = NAN;
        assert_false(compares(c, got, wanted, count));
        *value = kept;
        assert_true(compares(c, got, wanted, count));
    }
    free(got);
    free(wanted);
}

static void faults_are_seen(void **state) {
    (void)state;
    each_case(sees_fault);
}

/* A fault anywhere in a stem's three results, one value each. */
static void stem_faults_are_seen(void **state) {
    (void)state;
    static const char *const texts[] = {"stem 2x2x7x6 5 3x3 pad 1 pool 2 slope 0.5 moments",
                                        "stem 2x2x7x6 5 3x3 pad 1 pool 2 slope 0.5 forward",
                                        "stem 2x2x7x6 5 3x3 pad 1 pool 2 slope 0.5 backward-weights"};
    /* mean, variance; y, place; sum d p, sum d */
    const size_t counts[] = {2 * 5, 2 * 2 * 3 * 3 * 5, 5 * 2 * 3 * 3 + 5};
    for (size_t t = 0; t < COUNT_OF(texts); t++) {
        OpCase c = parsed(texts[t]);
        double *got, *wanted;
        size_t count, same;
        assert_ok(op_values(&c, cpu_engine(), &got, &count));
        assert_ok(op_values(&c, &reference_engine, &wanted, &same));
        assert_int_equal(count, counts[t]);
        assert_int_equal(same, count);
        for (size_t i = 0; i < count; i++) {
            double kept = got[i];
            got[i] += c.pass == OP_MOMENTS ? 1e-5 * kept : 1;
            assert_false(compares(&c, got, wanted, count));
            got[i] = kept;
        }
        assert_true(compares(&c, got, wanted, count));
        free(got);
        free(wanted);
    }
}

static const float *floats_at(const OpRig *r, Region region) {
    return (const float *)(const void *)(r->seats[0].memory + r->at[region]);
}

/* Of single taps, by hand: a window's gradient goes to the pixel whose output is largest, or smallest where the norm turns it.
 * So the reference's stem does not only agree with itself. */
static void stem_by_hand(void **state) {
    (void)state;
    enum { WIDTH = 6, WINDOWS = 3, FILTERS = 5 };
    OpCase c = parsed("stem 1x1x2x6 5 1x1 pool 2 slope 0.5 backward-weights");
    for (int e = 0; e < 2; e++) {
        OpRig r;
        double *values;
        size_t count;
        int rising = 0, falling = 0;
        assert_ok(rig_new(&c, e ? cpu_engine() : &reference_engine, 1, false, &r));
        assert_ok(rig_run(&r, 0, 0));
        assert_ok(rig_values(&r, 0, &values, &count));
        assert_int_equal(count, 2 * FILTERS);
        const float *x = floats_at(&r, X), *dy = floats_at(&r, DY);
        for (int k = 0; k < FILTERS; k++) {
            float weight = r.weights[k], scale = r.block.scale[k], turned = scale < 0 ? -weight : weight;
            double product = 0, plain = 0;
            for (int q = 0; q < WINDOWS; q++) {
                const float window[] = {x[2 * q], x[2 * q + 1], x[2 * q + WIDTH], x[2 * q + 1 + WIDTH]};
                float best = window[0];
                for (int i = 1; i < 4; i++)
                    if (turned * window[i] > turned * best) best = window[i];
                bool passes = (weight * best - r.block.mean[k]) * scale + r.block.shift[k] > 0;
                double d = (passes ? 1 : 0.5) * (double)dy[q * FILTERS + k];
                product += d * (double)best;
                plain += d;
            }
            assert_true(values[k] == product && values[FILTERS + k] == plain);
            rising += product != 0 && turned > 0;
            falling += product != 0 && turned < 0;
        }
        assert_true(rising > 0 && falling > 0);
        free(values);
        rig_free(&r);
    }
}

/* Engines that do one thing wrong, under everything that op_run does. */

static cf_status wrong_forward(Conv *conv, int thread, const void *x, void *y) {
    FORWARD(cpu_engine()->conv_forward(conv, thread, x, y));
    ((float *)y)[3] += 1;
    return CF_OK;
}

static void zero_weights(Dense *dense, int thread, int piece, const void *x, const void *dy, float *dw) {
    (void)dense, (void)thread, (void)x, (void)dy;
    if (piece == 0) memset(dw, 0, sizeof *dw); /* the rest is not written at all */
}

static void changed_input(const Block *b, int N, const void *x, const void *residual, void *picked, void *y,
                          uint8_t *place) {
    float *changed = (float *)(uintptr_t)x;
    changed[0] += 8;
    cpu_engine()->kernels->block_forward(b, N, x, residual, picked, y, place);
    changed[0] -= 8;
}

static void wrong_place(const Block *b, int N, const void *x, const void *residual, void *picked, void *y,
                        uint8_t *place) {
    cpu_engine()->kernels->block_forward(b, N, x, residual, picked, y, place);
    place[0] ^= 1;
}

static void wrong_squares(const void *x, size_t rows, int C, double *mean, double *squares) {
    cpu_engine()->kernels->bn_moments(x, rows, C, mean, squares);
    squares[C - 1] += 0.01;
}

static void wrong_stem_place(Stem *stem, int thread, const Block *b, const void *x, void *y, uint8_t *place) {
    cpu_engine()->stem->forward(stem, thread, b, x, y, place);
    place[0] ^= 1;
}

static void wrong_stem_output(Stem *stem, int thread, const Block *b, const void *x, void *y, uint8_t *place) {
    cpu_engine()->stem->forward(stem, thread, b, x, y, place);
    ((float *)y)[3] += 1;
}

static void wrong_patches(Stem *stem, int thread, int N, const void *x, double *sums) {
    cpu_engine()->stem->patches(stem, thread, N, x, sums);
    sums[0] += 1;
}

/* As if y were 0 everywhere: every gradient is the slope's. */
static void gradient_of_slope(Stem *stem, int thread, const Block *b, int N, const void *x, const void *y,
                              const void *dy, const uint8_t *place, double *sums) {
    float *changed = (float *)(uintptr_t)y;
    memset(changed, 0, (size_t)(N * b->P * b->Q * b->C) * sizeof *changed);
    cpu_engine()->stem->backward(stem, thread, b, N, x, y, dy, place, sums);
}

static void wrong_stem_sum(Stem *stem, int thread, const Block *b, int N, const void *x, const void *y, const void *dy,
                           const uint8_t *place, double *sums) {
    cpu_engine()->stem->backward(stem, thread, b, N, x, y, dy, place, sums);
    sums[0] += 1;
}

static void wrong_plain_sum(Stem *stem, const double *sums, int slices, double *plain, double *product) {
    cpu_engine()->stem->gradient_sums(stem, sums, slices, plain, product);
    plain[4] += 1;
}

static void wrong_attention(Attention *attention, int thread, const void *qkv, const void *y, const void *kept,
                            const void *dy, void *dqkv) {
    cpu_engine()->attention_backward(attention, thread, qkv, y, kept, dy, dqkv);
    ((float *)dqkv)[5] += 0.01f;
}

static void assert_result(const char *text, const Engine *engine, bool passed) {
    OpCase c = parsed(text);
    OpResult result;
    assert_ok(op_run(&c, &(OpOptions){.engine = engine, .threads = 1}, &result));
    if (result.passed != passed) print_error("%s: residual %g\n", label(&c), result.residual);
    assert_true(result.passed == passed);
    assert_true((result.residual > op_tolerance(&c)) == !passed);
}

static void wrong_engines_fail(void **state) {
    (void)state;
    Kernels kernels = *cpu_engine()->kernels;
    Engine engine = *cpu_engine();
    const char *conv = "conv 2x3x7x6 5 3x3 stride 1 pad 1 forward", *dense = "dense 8x7 33 backward-weights";
    const char *block = "block 2x5x6x6 pool 2 slope 0.5 forward", *moments = "block 2x5x6x6 pool 2 slope 0.5 moments";
    engine.kernels = &kernels;
    assert_result(conv, &engine, true);
    assert_result(dense, &engine, true);
    assert_result(block, &engine, true);
    engine.conv_forward = wrong_forward;
    engine.dense_backward_weights = zero_weights;
    assert_result(conv, &engine, false);
    assert_result(dense, &engine, false);
    kernels.block_forward = changed_input;
    assert_result(block, &engine, false);
    kernels.block_forward = wrong_place;
    assert_result(block, &engine, false);
    kernels.bn_moments = wrong_squares;
    assert_result(moments, &engine, false);
    assert_result("block 2x5x6x6 pool 2 slope 0.5 sums", &engine, true);
    assert_result("attention 2x9x10 2 backward", &engine, true);
    engine.attention_backward = wrong_attention;
    assert_result("attention 2x9x10 2 backward", &engine, false);
    assert_result("attention 2x9x10 2 forward", &engine, true);
}

static void wrong_stems_fail(void **state) {
    (void)state;
    const StemEngine right = *cpu_engine()->stem;
    StemEngine stem = right;
    Engine engine = *cpu_engine();
    const char *moments = "stem 2x2x7x6 5 3x3 pad 1 pool 2 slope 0.5 moments",
               *forward = "stem 2x2x7x6 5 3x3 pad 1 pool 2 slope 0.5 forward",
               *backward = "stem 2x2x7x6 5 3x3 pad 1 pool 2 slope 0.5 backward-weights";
    engine.stem = &stem;
    assert_result(moments, &engine, true);
    assert_result(forward, &engine, true);
    assert_result(backward, &engine, true);
    stem.patches = wrong_patches;
    assert_result(moments, &engine, false);
    stem.forward = wrong_stem_place;
    assert_result(forward, &engine, false);
    stem.forward = wrong_stem_output;
    assert_result(forward, &engine, false);
    stem = right;
    stem.backward = gradient_of_slope;
    assert_result(backward, &engine, false);
    stem.backward = wrong_stem_sum;
    assert_result(backward, &engine, false);
    stem = right;
    stem.gradient_sums = wrong_plain_sum;
    assert_result(backward, &engine, false);
}

static void comparison_by_hand(void **state) {
    (void)state;
    const double wanted[] = {0, 100, -1}, near[] = {0, 100.3, -1}, off[] = {0, 100, -1.5},
                 not_zero[] = {1e-30, 100, -1};
    const OpCase exact = {.kind = OP_CONV, .pass = OP_FORWARD, .precision = CF_F32},
                 rounded = {.kind = OP_CONV, .pass = OP_FORWARD, .precision = CF_BF16},
                 of_largest = {.kind = OP_ATTENTION, .pass = OP_FORWARD, .precision = CF_BF16};
    double residual = 0;
    assert_true(op_compare(&exact, wanted, wanted, 3, &residual));
    assert_true(residual == 0);
    assert_false(op_compare(&exact, near, wanted, 3, &residual));
    assert_true(fabs(residual - 0.003) < 1e-9);
    assert_true(op_compare(&rounded, near, wanted, 3, &residual));
    assert_false(op_compare(&rounded, off, wanted, 3, &residual)); /* small beside the largest, but wrong */
    assert_true(fabs(residual - 0.005) < 1e-9);
    assert_false(op_compare(&rounded, not_zero, wanted, 3, &residual));
    assert_true(fabs(residual - 0.005) < 1e-9); /* never less than it was */
    assert_true(op_compare(&of_largest, off, wanted, 3, &residual));
    assert_false(op_compare(&of_largest, (const double[]){0, 100, -1.8}, wanted, 3, &residual));
    assert_true(fabs(residual - 0.008) < 1e-9);
    assert_false(op_compare(&rounded, (const double[]){NAN, 100, -1}, wanted, 3, &residual));
    assert_false(op_compare(&of_largest, (const double[]){NAN, 100, -1}, wanted, 3, &residual));
    assert_true(isinf(residual));
}

/* ---- Where a block's arrays lie ---- */

static const unsigned char *region_at(const OpRig *r, Region region, int64_t set) {
    const char *base = r->seats[0].memory + r->at[region];
    return (const unsigned char *)base + (r->in_sets[region] ? (size_t)set * r->set_bytes : 0);
}

/* An output that nothing has written yet is full of ones. */
static bool is_written(const OpRig *r, Region region, int64_t set) {
    const unsigned char *bytes = region_at(r, region, set);
    for (size_t i = 0; i < r->bytes[region]; i++)
        if (bytes[i] != 0xff) return true;
    return false;
}

/* What a slice has just written or will read next is one array, the batch's are one per slice; units take the slices in turn. */
static void block_lies_as_in_a_step(const char *text, int threads, int64_t sets, const Region *in_sets, size_t count) {
    OpCase c = parsed(text);
    OpRig r;
    assert_ok(rig_new(&c, cpu_engine(), threads, true, &r));
    assert_int_equal(r.sets, sets);
    size_t bytes = 0, found = 0;
    for (int i = 0; i < REGIONS; i++) {
        for (size_t k = 0; k < count; k++) found += in_sets[k] == (Region)i && r.in_sets[i] && r.bytes[i] > 0;
        bytes += r.in_sets[i] ? (r.bytes[i] + 63) / 64 * 64 : 0;
    }
    assert_int_equal(found, count);
    assert_int_equal(bytes, r.set_bytes);
    size_t expected = 0;
    for (size_t k = 0; k < count; k++) expected += (r.bytes[in_sets[k]] + 63) / 64 * 64;
    assert_int_equal(r.set_bytes, expected);
    for (int64_t turn = 0; turn < 2 * sets; turn++) {
        if (r.in_sets[OUT] && turn < sets) assert_false(is_written(&r, OUT, turn));
        assert_ok(rig_run(&r, 0, 0));
        assert_true(is_written(&r, OUT, turn % sets));
        assert_memory_equal(region_at(&r, OUT, turn % sets), region_at(&r, OUT, 0), r.bytes[OUT]);
    }
    rig_free(&r);
}

static void blocks_lie_as_in_a_step(void **state) {
    (void)state;
    const char *const forward = "block 8x16x8x8 pool 2 slope 0 forward";
    block_lies_as_in_a_step("block 8x16x8x8 pool 2 slope 0 moments", 1, 16, NULL, 0);
    block_lies_as_in_a_step(forward, 1, 16, (const Region[]){PICKED, PLACE, OUT}, 3);
    block_lies_as_in_a_step(forward, 3, 6, (const Region[]){PICKED, PLACE, OUT}, 3);
    block_lies_as_in_a_step(forward, 32, 1, (const Region[]){PICKED, PLACE, OUT}, 3);
    block_lies_as_in_a_step("block 8x16x8x8 pool 2 slope 0 sums", 1, 16, (const Region[]){PICKED}, 1);
    block_lies_as_in_a_step("block 8x16x8x8 pool 2 slope 0 backward", 1, 16, (const Region[]){DY, PICKED, PLACE}, 3);
    block_lies_as_in_a_step("block 8x16x8x8 slope 0 forward", 1, 16, (const Region[]){X, OUT}, 2);
    block_lies_as_in_a_step("block 8x16x8x8 slope 0 sums", 1, 16, (const Region[]){X}, 1);
    block_lies_as_in_a_step("block 8x16x8x8 slope 0 backward", 1, 16, (const Region[]){X, DY}, 2);
    const char *const stem = "stem 8x2x9x8 5 3x3 pad 1 pool 2 slope 0";
    char text[OP_TEXT];
    snprintf(text, sizeof text, "%s moments", stem);
    block_lies_as_in_a_step(text, 1, 16, NULL, 0);
    snprintf(text, sizeof text, "%s forward", stem);
    block_lies_as_in_a_step(text, 2, 8, (const Region[]){X, PLACE, OUT}, 3);
    snprintf(text, sizeof text, "%s backward-weights", stem);
    block_lies_as_in_a_step(text, 1, 16, (const Region[]){X, PLACE, Y}, 3);
    block_lies_as_in_a_step("stem 8x2x9x8 5 3x3 pad 1 backward-weights", 1, 16, (const Region[]){X, Y}, 2);
    block_lies_as_in_a_step("attention 8x9x20 2 forward", 1, 16, (const Region[]){PICKED, OUT}, 2);
    block_lies_as_in_a_step("attention 8x9x20 2 backward", 2, 8, (const Region[]){X, PICKED, Y}, 3);
    /* Large ones are not to fill the memory: 128 MB in all. */
    block_lies_as_in_a_step("block 2x64x256x256 slope 0 backward", 1, 1, (const Region[]){X, DY}, 2);
}

/* ---- Times ---- */

static void times_are_sane(void **state) {
    (void)state;
    const char *const texts[] = {"conv 8x16x8x8 16 3x3 pad 1 forward",
                                 "dense 16x64 40 backward-data",
                                 "block 8x16x8x8 pool 2 slope 0 backward",
                                 "stem 8x1x8x8 16 3x3 pad 1 pool 2 slope 0 moments",
                                 "stem 8x1x8x8 16 3x3 pad 1 pool 2 slope 0 backward-weights",
                                 "attention 8x9x20 2 backward"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        for (int threads = 1; threads <= 3; threads += 2) {
            OpCase c = parsed(texts[i]);
            OpResult r;
            assert_ok(op_run(&c, &(OpOptions){.threads = threads, .seconds = 0.01}, &r));
            assert_true(r.passed);
            assert_true(r.seconds > 0 && r.seconds < 1);
            bool by_bytes = op_flops(&c) == 0;
            assert_true(by_bytes ? r.gflops == 0 : r.gflops > 0 && r.gflops < 1e5);
            assert_true(by_bytes || fabs(r.gflops * 1e9 * r.seconds / threads / op_flops(&c) - 1) < 1e-6);
            assert_true(r.bandwidth > 0);
        }
}

static void operations_counted(void **state) {
    (void)state;
    OpCase c = parsed("conv 2x3x7x6 5 3x3 stride 2 pad 1");
    /* Padding is no operation: rows 2 + 3 + 3 + 2, columns 2 + 3 + 3. */
    assert_true(op_flops(&c) == 2.0 * 2 * 5 * 3 * 10 * 8);
    c = parsed("conv 1x4x5x6 6 3x3 stride 1 pad 1 groups 2 dilation 2"); /* rows 2 + 3 + 2, columns 2 + 3 + 3 + 2 */
    assert_true(op_flops(&c) == 2.0 * 6 * 2 * 7 * 10);
    c = parsed("conv 8x32x14x14 64 1x1");
    assert_true(op_flops(&c) == 2.0 * 8 * 64 * 32 * 14 * 14);
    c = parsed("dense 16x7 5");
    assert_true(op_flops(&c) == 2.0 * 16 * 7 * 5);
    /* A stem's are its convolution's; its moments are none. */
    c = parsed("stem 2x3x7x6 5 3x3 pad 1 pool 2 slope 0 forward");
    assert_true(op_flops(&c) == 2.0 * 2 * 5 * 3 * (2 + 3 * 5 + 2) * (2 + 3 * 4 + 2));
    c.pass = OP_BACKWARD_WEIGHTS;
    assert_true(op_flops(&c) == 2.0 * 2 * 5 * 3 * (2 + 3 * 5 + 2) * (2 + 3 * 4 + 2));
    c.pass = OP_MOMENTS;
    assert_true(op_flops(&c) == 0);
    c = parsed("attention 2x9x20 5 forward");
    assert_true(op_flops(&c) == 2.0 * 2 * 2 * 9 * 9 * 20);
    c.pass = OP_BACKWARD;
    assert_true(op_flops(&c) == 4.0 * 2 * 2 * 9 * 9 * 20);
}

/* ---- Texts ---- */

static void table_reads_as_written(void **state) {
    (void)state;
    char text[OP_TEXT];
    for (const char *const *problem = op_problems; *problem; problem++) {
        OpCase c;
        bool has_pass = true;
        assert_ok(op_parse(*problem, &c, &has_pass));
        assert_false(has_pass);
        op_print(&c, text);
        assert_string_equal(text, *problem);
    }
}

static void words_are_understood(void **state) {
    (void)state;
    char text[OP_TEXT];
    OpCase c;
    bool has_pass;
    assert_ok(op_parse("  conv 1x2x9x8 4 3x2   backward-data ", &c, &has_pass));
    op_print(&c, text);
    assert_string_equal(text, "conv 1x2x9x8 4 3x2 stride 1 pad 0");
    assert_true(has_pass && c.pass == OP_BACKWARD_DATA && c.w.P == 7 && c.w.Q == 7 && c.precision == CF_F32);
    assert_ok(op_parse("conv 8x1x28x28 32 5x3 stride 2 pad 2 1 forward", &c, &has_pass));
    assert_true(c.w.pad_h == 2 && c.w.pad_w == 1 && c.w.P == 14 && c.w.Q == 14 && c.pass == OP_FORWARD);
    assert_ok(op_parse("dense 16x5 33 slope 0.25 float", &c, &has_pass));
    assert_true(c.dense.slice == 8 && c.dense.float_out && c.dense.slope == 0.25f && c.pass == OP_FORWARD);
    assert_ok(op_parse("block 3x17x9x5 pool 2 3 slope 1 sums", &c, &has_pass));
    assert_true(c.pass == OP_SUMS && c.w.R == 2 && c.w.S == 3 && c.w.P == 4 && c.w.Q == 1 && c.slope == 1);
    assert_ok(op_parse("block 3x17x9x5", &c, &has_pass));
    assert_true(c.pass == OP_MOMENTS && c.w.R == 1 && c.w.S == 1 && c.slope == 1);
    assert_ok(op_parse("stem 8x3x9x7 32 5x3 pad 2 1 pool 2 slope 0.5 backward-weights", &c, &has_pass));
    assert_true(c.kind == OP_STEM && c.w.stride == 1 && c.w.pad_h == 2 && c.w.pad_w == 1 && c.w.P == 9 && c.w.Q == 7);
    assert_true(has_pass && c.pass == OP_BACKWARD_WEIGHTS && c.pool == 2 && c.slope == 0.5f);
    assert_ok(op_parse("block 3x17x9x5 gelu residual backward", &c, &has_pass));
    assert_true(c.pass == OP_BACKWARD && c.act == ACT_GELU && c.residual && c.slope == 1);
    assert_ok(op_parse("norm 2x6x3x4 groups 3 sums", &c, &has_pass));
    assert_true(c.pass == OP_SUMS && c.norm.C == 6 && c.norm.pixels == 12 && c.norm.groups == 3 && !c.norm.by_position);
    assert_ok(op_parse("add 2x6x3x4", &c, &has_pass));
    assert_true(!has_pass && c.pass == OP_FORWARD && c.act == ACT_NONE);
    assert_ok(op_parse("avgpool 2x6x3x4", &c, &has_pass));
    assert_true(c.w.R == 3 && c.w.S == 4 && c.w.P == 1 && c.w.Q == 1);
    assert_ok(op_parse("stem 8x3x9x7 32 5x3 pool 1", &c, &has_pass));
    op_print(&c, text);
    assert_string_equal(text, "stem 8x3x9x7 32 5x3 pad 0");
    assert_true(!has_pass && c.pass == OP_MOMENTS && c.pool == 1 && c.slope == 1);
}

static void mistakes_are_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } mistakes[] = {
        {"", "begins with conv, dense, block, stem,"},
        {"cnov 1x1x1x1 1 1x1", "did you mean conv?"},
        {"conv", "NxCxHxW was expected at the end"},
        {"conv 8x32x14 64 3x3", "not \"8x32x14\""},
        {"conv 8x32x14x14x2 64 3x3", "NxCxHxW was expected"},
        {"conv 8x32x14x 64 3x3", "NxCxHxW was expected"},
        {"conv 8x0x14x14 64 3x3", "from 1 to 65536"},
        {"conv 8x-3x14x14 64 3x3", "from 1 to 65536"},
        {"conv 8x3x14x70000 64 3x3", "from 1 to 65536"},
        {"conv 8x3x14x99999999999999999999 64 3x3", "from 1 to 65536"},
        {"conv 8x3x14x14", "the number of filters was expected"},
        {"conv 8x3x14x14 64", "RxS was expected at the end"},
        {"conv 8x3x14x14 64 3", "not \"3\""},
        {"conv 8x3x14x14 64 3x3 stride 0", "a stride was expected"},
        {"conv 8x3x14x14 64 3x3 stride", "a stride was expected at the end"},
        {"conv 8x3x14x14 64 3x3 pad 1 stride 2", "\"stride\" was not expected there"},
        {"conv 8x3x14x14 64 3x3 pad 3", "not smaller than the filter"},
        {"conv 8x3x4x4 64 7x7 pad 1", "does not fit into 4x4 pixels"},
        {"conv 8x3x14x14 64 3x3 forwards", "did you mean forward?"},
        {"conv 8x3x14x14 64 3x3 moments", "conv has no pass \"moments\""},
        {"conv 8x3x14x14 64 3x3 forward backward-data", "\"backward-data\" was not expected behind the pass"},
        {"conv 8x6x14x14 9 3x3 groups 2", "2 groups do not divide 6 channels and 9 filters"},
        {"conv 8x6x4x4 9 3x3 dilation 2", "a 5x5 filter does not fit into 4x4 pixels"},
        {"dense 16x5 33 backward", "dense has no pass \"backward\""},
        {"dense 12x5 33", "not a multiple of 8"},
        {"dense 16x5x2 33", "NxI"},
        {"dense 16x5 33 slope", "a number was expected behind slope"},
        {"dense 16x5 33 slope 0.01", "a multiple of 1/64"},
        {"dense 16x5 33 slope 2", "a multiple of 1/64"},
        {"dense 16x5 33 slope nan", "a multiple of 1/64"},
        {"block 1x1x3x3 pool 4", "does not fit into 3x3 pixels"},
        {"block 1x1x64x64 pool 17 16", "at most 256 places"},
        {"block 1x1x3x3 slope 1 pool 2", "\"pool\" was not expected there"},
        {"block 1x1x3x3 backward-data", "block has no pass \"backward-data\""},
        {"block 1x1x3x3 pool 2 residual", "a pool or a residual"},
        {"block 1x1x3x3 pool 2 silu", "behind silu, which does not rise everywhere"},
        {"norm 1x6x3x3", "groups or layer was expected"},
        {"norm 1x6x3x3 groups 4", "6 channels are no multiple of 4 groups"},
        {"add 1x6x3x3 backward", "add has no pass \"backward\""},
        {"act 1x6x3x3 silo", "\"silo\" was not expected there"},
        {"stem 8x1x28x28 32", "RxS was expected at the end"},
        {"stem 8x1x28x28 32 3x3 stride 1", "\"stride\" was not expected there"},
        {"stem 8x1x28x28 32 3x3 pad 3", "not smaller than the filter"},
        {"stem 8x1x4x4 32 3x3 pool 3", "a 3x3 pool does not fit into 2x2 pixels"},
        {"stem 8x1x4x4 32 3x3 pool 2 2", "\"2\" was not expected there"},
        {"stem 8x1x28x28 32 3x3 slope 3", "a multiple of 1/64"},
        {"stem 8x1x28x28 32 3x3 backward", "stem has no pass \"backward\""},
        {"attention 8x64", "NxLxC"},
        {"attention 8x64x128", "the number of heads was expected"},
        {"attention 8x64x128 5", "128 channels are not a multiple of 5 heads"},
        {"attention 8x64x128 4 backward-data", "attention has no pass \"backward-data\""},
        {"attention 64x4096x512 8", "values is too large"},
        {"attention 2x8192x512 8", "too many for the reference"},
        {"stem 8x8x512x512 512 3x3 pad 1", "values is too large"},
        {"stem 8x64x64x64 512 7x7 pad 3", "too many for the reference"},
        {"stem 8x1x128x129 1 3x3 pad 1 slope 0.5", "would not be exact"},
        {"conv 65536x65536x65536x65536 1 1x1", "values is too large"},
        {"conv 8x64x64x64 512 7x7 pad 3", "too many for the reference"},
        {"conv 64x1x512x512 1 1x1", "would not be exact"},
        {"conv 1x1x1x1 1 1x1 a b c d e f g h i j k l m n", "more than 16 words"},
    };
    OpCase c;
    bool has_pass;
    for (size_t i = 0; i < COUNT_OF(mistakes); i++)
        assert_fails(op_parse(mistakes[i].text, &c, &has_pass), CF_BAD_USE, mistakes[i].part);
    assert_fails(op_parse("cnov 1x1x1x1 1 1x1", &c, &has_pass), CF_BAD_USE, "the case \"cnov 1x1x1x1 1 1x1\": ");
    char longer[2 * OP_TEXT];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_fails(op_parse(longer, &c, &has_pass), CF_BAD_USE, "longer than");
}

static void passes_that_are_not(void **state) {
    (void)state;
    OpCase c = parsed("conv 1x1x3x3 1 3x3");
    OpResult result;
    c.pass = OP_SUMS;
    assert_fails(op_run(&c, &(OpOptions){.threads = 1}, &result), CF_BAD_USE, "has no pass \"sums\"");
    c = parsed("block 1x1x3x3");
    c.pass = OP_BACKWARD_WEIGHTS;
    assert_fails(op_run(&c, &(OpOptions){.threads = 1}, &result), CF_BAD_USE, "has no pass \"backward-weights\"");
    c = parsed("stem 1x1x3x3 1 3x3 pad 1");
    c.pass = OP_BACKWARD_DATA;
    assert_fails(op_run(&c, &(OpOptions){.threads = 1}, &result), CF_BAD_USE, "has no pass \"backward-data\"");
    if (cpu_engine_bf16()) return;
    c = parsed("block 1x1x3x3");
    c.precision = CF_BF16;
    assert_fails(op_run(&c, &(OpOptions){.threads = 1}, &result), CF_BAD_USE, "no bfloat16");
}

/* More taps, another pool, images that a filter's edges fill: what the engine's `fits` refuses. */
static void stems_that_are_not(void **state) {
    (void)state;
    static const char *const texts[] = {"stem 1x9x12x12 4 3x3 pad 1", "stem 1x1x12x12 4 3x3 pad 1 pool 3",
                                        "stem 1x1x8x8 4 5x5 pad 0", "stem 1x1x12x12 4 1x10 pad 0 9"};
    OpResult result;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        OpCase c = parsed(texts[i]);
        assert_fails(op_run(&c, &(OpOptions){.threads = 1}, &result), CF_BAD_USE, "more than the engine takes");
    }
    Engine engine = *cpu_engine();
    engine.stem = NULL;
    OpCase c = parsed("stem 1x1x12x12 4 3x3 pad 1");
    assert_fails(op_run(&c, &(OpOptions){.engine = &engine, .threads = 1}, &result), CF_BAD_USE, "has no stem");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_passes),           cmocka_unit_test(faults_are_seen),
        cmocka_unit_test(stem_faults_are_seen),   cmocka_unit_test(stem_by_hand),
        cmocka_unit_test(wrong_engines_fail),     cmocka_unit_test(wrong_stems_fail),
        cmocka_unit_test(comparison_by_hand),     cmocka_unit_test(blocks_lie_as_in_a_step),
        cmocka_unit_test(times_are_sane),         cmocka_unit_test(operations_counted),
        cmocka_unit_test(table_reads_as_written), cmocka_unit_test(words_are_understood),
        cmocka_unit_test(mistakes_are_named),     cmocka_unit_test(passes_that_are_not),
        cmocka_unit_test(stems_that_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
