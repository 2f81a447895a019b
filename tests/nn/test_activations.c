/* Activations alone, behind a sum and behind a norm, and the other kernels of single elements: by hand, against the reference, their
 * gradients against differences; and that a value's result does not depend on its place. */
#include "nn/variants.h"

static const char *const kind_names[] = {"none", "relu", "relu6", "silu", "gelu", "hardswish", "sigmoid"};
enum { KINDS = COUNT_OF(kind_names) };

/* Leaky, so that its other side says something. */
static Activation activation(int kind) {
    return (Activation){(ActivationKind)kind, kind == ACT_RELU ? 0.125f : 0};
}

/* Plain products and choices, which round as the reference's do. */
static bool is_exact(Activation act) {
    return act.kind <= ACT_RELU6 || act.kind == ACT_HARDSWISH;
}

static const char *act_label(const Kernels *k, const char *what, int kind, size_t count) {
    static char text[96];
    snprintf(text, sizeof text, "%s %s %s of %zu", k->name, kind_names[kind], what, count);
    return text;
}

/* A gradient may be off by a share of its largest term, since its terms cancel where it crosses 0. */
static void check_result(const Kernels *k, const char *what, int kind, const void *got, const float *expected,
                         size_t count, double floor) {
    if (is_exact(activation(kind)))
        assert_elements(act_label(k, what, kind, count), k, got, expected, count);
    else
        assert_near_elements(act_label(k, what, kind, count), k, got, expected, count, 1e-6, floor);
}

/* ---- By hand ---- */

static void relu_case(const Kernels *k, float slope, const float y[5], const float dx[5]) {
    const float x[] = {-2, -0.5f, 0, 0.5f, 2}, dy[] = {1, 2, 3, 4, 5};
    void *in = packed(k, x, 5), *out = unwritten(k, 5), *gradient = packed(k, dy, 5), *back = unwritten(k, 5);
    k->act_forward((Activation){ACT_RELU, slope}, in, 5, out);
    assert_elements("relu", k, out, y, 5);
    k->act_backward((Activation){ACT_RELU, slope}, out, gradient, 5, back);
    assert_elements("relu backward", k, back, dx, 5);
    guarded_end(in), guarded_end(out), guarded_end(gradient), guarded_end(back);
}

static void relu_by_hand(const Kernels *k) {
    relu_case(k, 0, (const float[]){0, 0, 0, 0.5f, 2}, (const float[]){0, 0, 0, 4, 5});
    relu_case(k, 0.25f, (const float[]){-0.5f, -0.125f, 0, 0.5f, 2}, (const float[]){0.25f, 0.5f, 0.75f, 4, 5});
    void *lost = packed(k, (const float[]){float_of_bits(0x7fc00000)}, 1);
    k->act_forward((Activation){ACT_RELU, 0}, lost, 1, lost);
    assert_true(isnan(element_at(k, lost, 0))); /* a NaN must reach the loss */
    void *d = packed(k, (const float[]){8}, 1); /* it is not above 0 */
    k->act_backward((Activation){ACT_RELU, 0.25f}, lost, d, 1, d);
    assert_elements("behind a NaN", k, d, (const float[]){2}, 1);
    guarded_end(lost), guarded_end(d);
}

/* Of -4, -1, 0, 1, 2, 7; the normal distribution is 0.158655 at -1 and 0.977250 at 2, the logistic one 0.268941 and 0.880797. */
static void values_by_hand(const Kernels *k) {
    static const float x[] = {-4, -1, 0, 1, 2, 7};
    static const float y[KINDS][6] = {
        {-4, -1, 0, 1, 2, 7},
        {-0.5f, -0.125f, 0, 1, 2, 7},
        {0, 0, 0, 1, 2, 6},
        {-0.0719448f, -0.2689414f, 0, 0.7310586f, 1.7615942f, 6.9936223f},
        {-0.000126685f, -0.1586553f, 0, 0.8413447f, 1.9544997f, 7},
        {0, -1.0f / 3, 0, 2.0f / 3, 5.0f / 3, 7},
        {0.01798621f, 0.2689414f, 0.5f, 0.7310586f, 0.8807971f, 0.9990889f},
    };
    void *in = packed(k, x, 6), *out = unwritten(k, 6);
    for (int kind = 0; kind < KINDS; kind++) {
        k->act_forward(activation(kind), in, 6, out);
        assert_near_elements(act_label(k, "by hand", kind, 6), k, out, y[kind], 6, 1e-6, 1e-7);
    }
    guarded_end(in), guarded_end(out);
}

/* What has diverged stays so; far from 0 the activations are lines. */
static void ends_of(const Kernels *k) {
    const float x[] = {NAN, -NAN, INFINITY, 300, -300};
    void *in = packed(k, x, 5), *out = unwritten(k, 5);
    for (int kind = 0; kind < KINDS; kind++) {
        k->act_forward(activation(kind), in, 5, out);
        const float high = kind == ACT_RELU6 ? 6 : kind == ACT_SIGMOID ? 1 : 300;
        const float low = kind == ACT_NONE ? -300 : kind == ACT_RELU ? -37.5f : 0;
        assert_true(isnan(element_at(k, out, 0)) && isnan(element_at(k, out, 1)));
        assert_true(element_at(k, out, 2) == (high == 300 ? INFINITY : high));
        assert_elements(act_label(k, "far from 0", kind, 1), k, (char *)out + 3 * k->element, &high, 1);
        assert_elements(act_label(k, "far from 0", kind, 1), k, (char *)out + 4 * k->element, &low, 1);
    }
    guarded_end(in), guarded_end(out);
}

static void by_hand_of(const Kernels *k) {
    relu_by_hand(k);
    values_by_hand(k);
    ends_of(k);
}

static void by_hand(void **state) {
    (void)state;
    each_variant(by_hand_of);
}

/* ---- Against the reference ---- */

/* Both ways, also in place. `x` and `dy` are representable. */
static void check_activation(const Kernels *k, int kind, const float *x, const float *dy, size_t count) {
    const Activation act = activation(kind);
    float *y2 = floats(count), *dx2 = floats(count), *from2 = floats(count);
    void *xe = packed(k, x, count), *dye = packed(k, dy, count), *y = unwritten(k, count), *dx = unwritten(k, count);
    reference_kernels.act_forward(act, x, count, y2);
    k->act_forward(act, xe, count, y);
    check_result(k, "forward", kind, y, y2, count, 2e-36); /* 100 times what is taken as 0 */
    const void *from = activation_from_output(act) ? y : xe;
    floats_of(k, from, count, from2);
    reference_kernels.act_backward(act, from2, dy, count, dx2);
    k->act_backward(act, from, dye, count, dx);
    check_result(k, "backward", kind, dx, dx2, count, 1e-6);
    if (from == xe) {
        void *over = packed(k, x, count);
        k->act_backward(act, over, dye, count, over);
        assert_same_bits("dx in the place of x", over, dx, count * k->element);
        guarded_end(over);
    }
    k->act_backward(act, from, dye, count, dye);
    assert_same_bits("dx in the place of dy", dye, dx, count * k->element);
    k->act_forward(act, xe, count, xe);
    assert_same_bits("y in the place of x", xe, y, count * k->element);
    guarded_end(y2), guarded_end(dx2), guarded_end(from2);
    guarded_end(xe), guarded_end(dye), guarded_end(y), guarded_end(dx);
}

static const size_t counts[] = {1, 3, 15, 16, 17, 31, 32, 33, 64, 1000};

/* Random values, then a sweep of all sizes: -100 to 100 in small steps, and each power of two. */
static void reference_of(const Kernels *k) {
    enum { SWEEP = 40001, POWERS = 2 * 240 };
    float *x = floats(SWEEP + POWERS), *dy = element_reals(k, SWEEP + POWERS);
    for (size_t i = 0; i < SWEEP; i++) x[i] = ((float)i - 20000) * 0.005f;
    for (int i = 0; i < POWERS; i++) x[SWEEP + i] = ldexpf(i % 2 ? -1.3f : 1.7f, i / 2 - 115);
    make_representable(k, x, SWEEP + POWERS);
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < COUNT_OF(counts); i++) {
            float *few = element_reals(k, counts[i]);
            for (size_t j = 0; j < counts[i]; j++) few[j] *= 8;
            check_activation(k, kind, few, dy, counts[i]);
            guarded_end(few);
        }
        check_activation(k, kind, x, dy, SWEEP + POWERS);
    }
    guarded_end(x), guarded_end(dy);
}

static void reference(void **state) {
    (void)state;
    each_variant(reference_of);
}

/* Wherever it stands, beside whatever, in a whole register or in what is left of one. */
static void places_of(const Kernels *k) {
    enum { MOST = 70 };
    for (int kind = 0; kind < KINDS; kind++) {
        float value = nearest_element(k, (float)next_number() * 0x1p-29f - 4), *x = floats(MOST);
        void *one = packed(k, &value, 1), *alone = unwritten(k, 1);
        k->act_forward(activation(kind), one, 1, alone);
        for (size_t count = 1; count <= MOST; count++) {
            fill_integers(x, count, 9);
            x[count - 1] = x[count / 2] = value;
            void *xe = packed(k, x, count), *y = unwritten(k, count);
            k->act_forward(activation(kind), xe, count, y);
            assert_same_bits("the last", (char *)y + (count - 1) * k->element, alone, k->element);
            assert_same_bits("the middle one", (char *)y + count / 2 * k->element, alone, k->element);
            guarded_end(xe), guarded_end(y);
        }
        guarded_end(one), guarded_end(alone), guarded_end(x);
    }
}

static void places(void **state) {
    (void)state;
    each_variant(places_of);
}

/* Gradients by differences of the values, away from the corners of the kinds that have some. */
static void differences_of(const Kernels *k) {
    static const float x[] = {-5.3f, -3.2f, -2.1f, -1.3f, -0.6f, -0.2f, 0.3f, 0.9f, 1.7f, 2.6f, 3.4f, 5.6f, 7.1f};
    enum { COUNT = COUNT_OF(x) };
    const float step = 0x1p-7f;
    float above[COUNT], below[COUNT], ones[COUNT], y[COUNT], low[COUNT], high[COUNT], dx[COUNT];
    if (k->element != sizeof(float)) return;
    for (int i = 0; i < COUNT; i++) above[i] = x[i] + step, below[i] = x[i] - step, ones[i] = 1;
    for (int kind = 0; kind < KINDS; kind++) {
        Activation act = activation(kind);
        k->act_forward(act, above, COUNT, high);
        k->act_forward(act, below, COUNT, low);
        k->act_forward(act, x, COUNT, y);
        k->act_backward(act, activation_from_output(act) ? y : x, ones, COUNT, dx);
        for (int i = 0; i < COUNT; i++)
            assert_near_number(act_label(k, "gradient", kind, COUNT), (double)dx[i],
                               (double)(high[i] - low[i]) / (double)(above[i] - below[i]), 1e-4);
    }
}

static void differences(void **state) {
    (void)state;
    each_variant(differences_of);
}

/* ---- Sums and products ---- */

static void add_by_hand(const Kernels *k) {
    void *a = packed(k, (const float[]){1, -3, 4}, 3), *b = packed(k, (const float[]){2, 1, 5}, 3),
         *y = unwritten(k, 3);
    k->add(a, b, 3, activation(ACT_NONE), y);
    assert_elements("a + b", k, y, (const float[]){3, -2, 9}, 3);
    k->add(a, b, 3, activation(ACT_RELU), y);
    assert_elements("leaky", k, y, (const float[]){3, -0.25f, 9}, 3);
    k->add(a, b, 3, activation(ACT_RELU6), y);
    assert_elements("relu6", k, y, (const float[]){3, 0, 6}, 3);
    k->multiply(a, 3, -0.5f, y);
    assert_elements("halved and turned", k, y, (const float[]){-0.5f, 1.5f, -2}, 3);
    guarded_end(a), guarded_end(b), guarded_end(y);
}

static void sums_of(const Kernels *k) {
    add_by_hand(k);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        size_t count = counts[i], size = count * k->element;
        float *a = element_reals(k, count), *b = element_reals(k, count), *y2 = floats(count);
        void *ae = packed(k, a, count), *be = packed(k, b, count), *y = unwritten(k, count),
             *over = packed(k, a, count);
        for (int kind = 0; kind < KINDS; kind++) {
            Activation act = activation(kind);
            void *over_a = packed(k, a, count), *over_b = packed(k, b, count);
            reference_kernels.add(a, b, count, act, y2);
            k->add(ae, be, count, act, y);
            check_result(k, "add", kind, y, y2, count, 2e-36);
            k->add(over_a, be, count, act, over_a);
            assert_same_bits("y in the place of a", over_a, y, size);
            k->add(ae, over_b, count, act, over_b);
            assert_same_bits("y in the place of b", over_b, y, size);
            guarded_end(over_a), guarded_end(over_b);
        }
        reference_kernels.multiply(a, count, 0.3f, y2);
        k->multiply(ae, count, 0.3f, y);
        assert_elements(label(k, "multiply", count, 1), k, y, y2, count);
        k->multiply(over, count, 0.3f, over);
        assert_same_bits("multiply in place", over, y, size);
        guarded_end(a), guarded_end(b), guarded_end(y2), guarded_end(ae), guarded_end(be), guarded_end(y);
        guarded_end(over);
    }
}

static void sums(void **state) {
    (void)state;
    each_variant(sums_of);
}

static void positions_of(const Kernels *k) {
    enum { N = 5 };
    void *x = packed(k, (const float[]){1, 2, 3, 10, 20, 30}, 6), *y = unwritten(k, 6);
    float by_hand[3];
    k->add_to_images(2, 3, x, (const float[]){1, 0, -1}, y);
    assert_elements("terms", k, y, (const float[]){2, 2, 2, 11, 20, 29}, 6);
    k->sum_images(2, 3, x, by_hand);
    assert_true(by_hand[0] == 11 && by_hand[1] == 22 && by_hand[2] == 33);
    guarded_end(x), guarded_end(y);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        size_t size = counts[i], count = N * size;
        float *in = element_reals(k, count), *p = reals(size), *out2 = floats(count), *total = floats(size);
        void *xe = packed(k, in, count), *out = unwritten(k, count);
        reference_kernels.add_to_images(N, size, in, p, out2);
        k->add_to_images(N, size, xe, p, out);
        assert_elements(label(k, "add_to_images", size, 1), k, out, out2, count);
        k->sum_images(N, size, xe, total);
        for (size_t j = 0; j < size; j++) /* in order: another one would round otherwise */
            assert_true(total[j] ==
                        (((in[j] + in[size + j]) + in[2 * size + j]) + in[3 * size + j]) + in[4 * size + j]);
        k->add_to_images(N, size, xe, p, xe);
        assert_same_bits("add_to_images in place", xe, out, count * k->element);
        guarded_end(in), guarded_end(p), guarded_end(out2), guarded_end(total), guarded_end(xe), guarded_end(out);
    }
}

static void positions(void **state) {
    (void)state;
    each_variant(positions_of);
}

/* ---- Behind a norm ---- */

typedef struct ActiveBlock {
    Block b;
    int N;
    size_t in, out;
    float *numbers; /* mean, scale, shift, a, b, c */
} ActiveBlock;

static ActiveBlock active_block(int kind, int C, int pool, bool whole) {
    size_t width = (size_t)C;
    ActiveBlock m = {.N = 2, .numbers = whole ? integers(6 * width, 2) : reals(6 * width)};
    float *v = m.numbers;
    m.b = (Block){C,
                  5,
                  6,
                  pool,
                  pool,
                  5 / pool,
                  6 / pool,
                  activation(kind),
                  v,
                  v + width,
                  v + 2 * width,
                  v + 3 * width,
                  v + 4 * width,
                  v + 5 * width};
    m.in = (size_t)m.N * 5 * 6 * width, m.out = (size_t)(m.N * m.b.P * m.b.Q) * width;
    return m;
}

/* Forward and backward of a block against the reference's, in its parts where it has a residual. */
static void check_active_block(const Kernels *k, int kind, int C, int pool, bool whole) {
    ActiveBlock m = active_block(kind, C, pool, whole);
    const size_t in = m.in, out = m.out, channels = 2 * (size_t)C;
    float *x = whole ? integers(in, 3) : element_reals(k, in), *more = whole ? integers(in, 3) : element_reals(k, in);
    float *dy = whole ? integers(out, 3) : element_reals(k, out), *y2 = floats(out), *picked2 = floats(out),
          *dx2 = floats(in);
    void *xe = packed(k, x, in), *moree = packed(k, more, in), *dye = packed(k, dy, out), *y = unwritten(k, out);
    void *dx = unwritten(k, in), *picked = packed(k, x, pool > 1 ? out : in);
    uint8_t *place = guarded_bytes(out, 1), *place2 = guarded_bytes(out, 1);
    double *got = doubles(channels), *wanted = doubles(channels);
    reference_kernels.block_forward(&m.b, m.N, x, NULL, picked2, y2, place2);
    k->block_forward(&m.b, m.N, xe, NULL, picked, y, place);
    check_result(k, "block", kind, y, y2, out, 2e-6);
    const float *kept2 = pool > 1 ? picked2 : x;
    const void *kept = pool > 1 ? picked : xe;
    if (pool > 1) assert_same_bits("place", place, place2, out);
    reference_kernels.block_sums(&m.b, m.N, kept2, dy, wanted);
    k->block_sums(&m.b, m.N, kept, dye, got);
    for (size_t c = 0; c < channels; c++) assert_near_number(act_label(k, "sums", kind, in), got[c], wanted[c], 2e-4);
    reference_kernels.block_backward(&m.b, m.N, x, kept2, dy, place2, dx2);
    k->block_backward(&m.b, m.N, xe, kept, dye, place, dx);
    check_result(k, "block backward", kind, dx, dx2, in, 1e-5);
    if (pool == 1) {
        reference_kernels.block_forward(&m.b, m.N, x, more, NULL, y2, NULL);
        k->block_forward(&m.b, m.N, xe, moree, NULL, y, NULL);
        check_result(k, "block with a residual", kind, y, y2, out, 2e-6);
        k->block_forward(&m.b, m.N, xe, moree, NULL, moree, NULL);
        assert_same_bits("y in the place of the residual", moree, y, out * k->element);
    }
    guarded_end(x), guarded_end(more), guarded_end(dy), guarded_end(y2), guarded_end(picked2), guarded_end(dx2);
    guarded_end(xe), guarded_end(moree), guarded_end(dye), guarded_end(y), guarded_end(dx), guarded_end(picked);
    guarded_end(place), guarded_end(place2), guarded_end(got), guarded_end(wanted), guarded_end(m.numbers);
}

static void blocks_of(const Kernels *k) {
    static const int widths[] = {1, 3, 16, 17, 32, 65};
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < COUNT_OF(widths); i++)
            for (int pool = 1; pool <= (activation_from_output(activation(kind)) ? 3 : 1); pool++)
                for (int whole = 0; whole < 2; whole++) check_active_block(k, kind, widths[i], pool, whole);
}

static void residual_by_hand(const Kernels *k) {
    const float mean = 2, scale = 3, shift = -1;
    const Block block = {1, 2, 2, 1, 1, 2, 2, {ACT_RELU, 0}, &mean, &scale, &shift, NULL, NULL, NULL};
    void *x = packed(k, (const float[]){1, 2, 3, 4}, 4), *more = packed(k, (const float[]){7, 0, -3, 1}, 4);
    k->block_forward(&block, 1, x, more, NULL, x, NULL); /* relu(-4 + 7, -1, 2 - 3, 5 + 1) */
    assert_elements("relu(norm + residual)", k, x, (const float[]){3, 0, 0, 6}, 4);
    guarded_end(x), guarded_end(more);
    blocks_of(k);
}

static void blocks(void **state) {
    (void)state;
    each_variant(residual_by_hand);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand), cmocka_unit_test(reference), cmocka_unit_test(places), cmocka_unit_test(differences),
        cmocka_unit_test(sums),    cmocka_unit_test(positions), cmocka_unit_test(blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
