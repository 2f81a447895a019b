/* Every kernel: cases worked by hand, then each instruction set and element type against the reference. Elementwise kernels do
 * the same roundings in the same order (contraction is off), so in float32 they must agree exactly; sums may round otherwise.
 * In bfloat16 a result is the reference's on the same values, rounded once. */
#include "nn/variants.h"

#include <float.h>

static const int channel_counts[] = {1, 3, 10, 17, 31, 32, 48, 64, 65, 130};
static const size_t row_counts[] = {1, 2, 63, 64, 65, 200};

typedef void (*SizedFn)(const Kernels *kernels, size_t rows, int C);

static void each_size(const Kernels *kernels, SizedFn check) {
    for (size_t i = 0; i < COUNT_OF(channel_counts); i++)
        for (size_t j = 0; j < COUNT_OF(row_counts); j++) check(kernels, row_counts[j], channel_counts[i]);
}

/* ---- Conversion ---- */

typedef struct BitsPair {
    uint32_t from;
    uint16_t to;
} BitsPair;

static const BitsPair rounded_by_hand[] = {
    {0x3f800000, 0x3f80},                                             /* 1 */
    {0x3f807fff, 0x3f80}, {0x3f808000, 0x3f80},                       /* a tie: down to the even one */
    {0x3f808001, 0x3f81}, {0x3f817fff, 0x3f81}, {0x3f818000, 0x3f82}, /* a tie: up to the even one */
    {0x3f80ffff, 0x3f81}, {0xbf808000, 0xbf80}, {0xbf818000, 0xbf82}, {0x3fff7fff, 0x3fff},
    {0x3fff8000, 0x4000}, /* carries into the exponent */
    {0x7f7f7fff, 0x7f7f}, {0x7f7f8000, 0x7f80}, {0x7f7fffff, 0x7f80}, {0xff7fffff, 0xff80}, /* infinite from half on */
    {0x7f800000, 0x7f80}, {0xff800000, 0xff80}, {0x00000000, 0x0000}, {0x80000000, 0x8000},
    {0x00000001, 0x0000}, {0x80000001, 0x8000}, {0x00008000, 0x0000}, {0x00008001, 0x0001}, /* subnormals */
    {0x00018000, 0x0002}, {0x007fffff, 0x0080}, {0x80007fff, 0x8000}, {0x00410000, 0x0041},
};
static const uint32_t not_numbers[] = {0x7fc00000, 0x7f800001, 0x7fffffff, 0xffffffff, 0xff800001, 0x7f80ffff};

enum { CONVERTED = 33 }; /* two vectors and one value */

static void convert_bits(const Kernels *k, uint32_t bits, uint16_t results[CONVERTED]) {
    float *from = floats(CONVERTED);
    uint16_t *to = unwritten(k, CONVERTED);
    fill_with(from, CONVERTED, 0);
    for (size_t i = 0; i < CONVERTED; i++) memcpy(from + i, &bits, sizeof bits);
    k->from_float(from, CONVERTED, to);
    memcpy(results, to, CONVERTED * sizeof *to);
    guarded_end(from), guarded_end(to);
}

/* The processor's own conversion takes a subnormal float as 0 of its sign. */
static void assert_bits(uint32_t from, uint16_t got, uint16_t wanted) {
    bool subnormal = !(from & 0x7f800000);
    if (subnormal && got == (from >> 16 & 0x8000)) return;
    if (got != wanted) print_error("%08x is rounded to %04x, %04x expected\n", from, got, wanted);
    assert_int_equal(got, wanted);
}

static void rounding_of(const Kernels *k) {
    enum { RANDOM = 20000 };
    uint16_t results[CONVERTED];
    for (size_t i = 0; i < COUNT_OF(rounded_by_hand); i++) {
        convert_bits(k, rounded_by_hand[i].from, results);
        for (size_t j = 0; j < CONVERTED; j++) assert_bits(rounded_by_hand[i].from, results[j], rounded_by_hand[i].to);
    }
    for (size_t i = 0; i < COUNT_OF(not_numbers); i++) {
        convert_bits(k, not_numbers[i], results);
        for (size_t j = 0; j < CONVERTED; j++) assert_true(isnan(float_of_bits((uint32_t)results[j] << 16)));
    }
    float *from = floats(RANDOM);
    uint16_t *to = unwritten(k, RANDOM);
    for (size_t i = 0; i < RANDOM; i++) {
        from[i] = float_of_bits(next_number());
        if (!isfinite(from[i])) from[i] = 1;
    }
    k->from_float(from, RANDOM, to);
    for (size_t i = 0; i < RANDOM; i++)
        assert_bits(bits_of(from[i]), to[i], (uint16_t)(bits_of(nearest_bf16(from[i])) >> 16));
    guarded_end(from), guarded_end(to);
}

/* Every bfloat16 is the upper half of a float. */
static void widening_of(const Kernels *k) {
    enum { ALL = 65536 };
    uint16_t *from = unwritten(k, ALL);
    float *to = floats(ALL), *few = floats(5);
    for (size_t i = 0; i < ALL; i++) from[i] = (uint16_t)i;
    k->to_float(from, ALL, to);
    for (uint32_t i = 0; i < ALL; i++) {
        uint32_t bits;
        memcpy(&bits, to + i, sizeof bits);
        if (bits != i << 16) print_error("%04x is widened to %08x\n", i, bits);
        assert_int_equal(bits, i << 16);
    }
    k->to_float(from + 0x3f80, 5, few);
    assert_same_bits("five", few, to + 0x3f80, 5 * sizeof *few);
    guarded_end(from), guarded_end(to), guarded_end(few);
}

static void copying_of(const Kernels *k) {
    enum { COUNT = 1003 };
    float *x = floats(COUNT), *y = floats(COUNT), *z = floats(COUNT);
    for (size_t i = 0; i < COUNT; i++) x[i] = float_of_bits(next_number());
    k->from_float(x, COUNT, y);
    assert_same_bits("from_float", x, y, COUNT * sizeof *x);
    k->to_float(y, COUNT, z);
    assert_same_bits("to_float", x, z, COUNT * sizeof *x);
    guarded_end(x), guarded_end(y), guarded_end(z);
}

static void conversion_of(const Kernels *k) {
    assert_true(k->element == 2 || k->element == 4);
    if (k->element == 4) {
        copying_of(k);
    } else {
        rounding_of(k);
        widening_of(k);
    }
}

static void conversion(void **state) {
    (void)state;
    /* The tests' own rounding is held against the same figures. */
    for (size_t i = 0; i < COUNT_OF(rounded_by_hand); i++)
        assert_int_equal(bits_of(nearest_bf16(float_of_bits(rounded_by_hand[i].from))),
                         (uint32_t)rounded_by_hand[i].to << 16);
    each_variant(conversion_of);
}

/* ---- Over channels ---- */

static void bias_sized(const Kernels *k, size_t rows, int C) {
    size_t count = rows * (size_t)C;
    float *expected = element_reals(k, count), *bias = reals((size_t)C);
    void *y = packed(k, expected, count);
    k->add_bias(y, rows, C, bias);
    for (size_t i = 0; i < count; i++) expected[i] += bias[i % (size_t)C];
    assert_elements(label(k, "add_bias", rows, C), k, y, expected, count);
    guarded_end(y), guarded_end(expected), guarded_end(bias);
}

static void sums_sized(const Kernels *k, size_t rows, int C) {
    size_t count = rows * (size_t)C, channels = (size_t)C;
    float *dy = integers(count, k->element == 2 ? 256 : 1000), *dy2 = element_reals(k, count);
    void *elements = packed(k, dy, count), *elements2 = packed(k, dy2, count);
    double *sums = doubles(channels), *expected = doubles(channels);
    reference_kernels.channel_sums(dy, rows, C, expected);
    k->channel_sums(elements, rows, C, sums);
    assert_same_bits(label(k, "channel_sums of integers", rows, C), sums, expected, channels * sizeof *sums);
    reference_kernels.channel_sums(dy2, rows, C, expected);
    k->channel_sums(elements2, rows, C, sums);
    for (size_t c = 0; c < channels; c++)
        assert_near_number(label(k, "channel_sums", rows, C), sums[c], expected[c], 2e-6 * (double)rows);
    guarded_end(dy), guarded_end(dy2), guarded_end(elements), guarded_end(elements2);
    guarded_end(sums), guarded_end(expected);
}

static void over_channels(const Kernels *k) {
    each_size(k, bias_sized);
    each_size(k, sums_sized);
}

static void channels(void **state) {
    (void)state;
    const float dy[] = {1, 10, 2, 20, 3, 30};
    double sums[2];
    reference_kernels.channel_sums(dy, 3, 2, sums);
    assert_true(sums[0] == 6 && sums[1] == 60);
    each_variant(over_channels);
}

/* ---- Moments ---- */

static void moments_by_hand(const Kernels *k) {
    const float x[] = {1, -7, 2, -7, 3, -7, 4, -7};
    double mean[2], squares[2];
    void *elements = packed(k, x, 8);
    k->bn_moments(elements, 4, 2, mean, squares);
    assert_true(mean[0] == 2.5 && mean[1] == -7);
    assert_true(squares[0] == 5 && squares[1] == 0);
    k->bn_moments(elements, 1, 2, mean, squares);
    assert_true(mean[0] == 1 && mean[1] == -7 && squares[0] == 0 && squares[1] == 0);
    guarded_end(elements);
}

static void moments_sized(const Kernels *k, size_t rows, int C) {
    size_t count = rows * (size_t)C, channels = (size_t)C;
    float *x = reals(count);
    double *mean = doubles(channels), *squares = doubles(channels);
    double *mean2 = doubles(channels), *squares2 = doubles(channels);
    for (size_t i = 0; i < count; i++) x[i] += (float)(i % channels % 5); /* means far from 0 */
    make_representable(k, x, count);
    void *elements = packed(k, x, count);
    reference_kernels.bn_moments(x, rows, C, mean2, squares2);
    k->bn_moments(elements, rows, C, mean, squares);
    for (size_t c = 0; c < channels; c++) {
        assert_near_number(label(k, "bn_moments mean", rows, C), mean[c], mean2[c], 1e-5);
        assert_near_number(label(k, "bn_moments squares", rows, C), squares[c], squares2[c],
                           1e-5 * (squares2[c] + 1e-3));
        assert_true(squares[c] >= 0);
    }
    guarded_end(x), guarded_end(elements);
    guarded_end(mean), guarded_end(squares), guarded_end(mean2), guarded_end(squares2);
}

/* Deviations of 1 around a mean of 10,000: E[x2] - E[x]2 in float would give noise. In bfloat16 64 around 8256, as near as its
 * neighbours lie there. */
static void moments_far_from_zero(const Kernels *k) {
    enum { ROWS = 1000 };
    float x[ROWS], middle = k->element == 2 ? 8256 : 10000, step = k->element == 2 ? 64 : 1;
    double mean, squares;
    for (int i = 0; i < ROWS; i++) x[i] = middle + (i % 2 ? step : -step);
    void *elements = packed(k, x, ROWS);
    k->bn_moments(elements, ROWS, 1, &mean, &squares);
    assert_near_number("far mean", mean, (double)middle, 1e-2);
    assert_near_number("far variance", squares / ROWS / (double)(step * step), 1, 1e-3);
    guarded_end(elements);
}

static void moments_of(const Kernels *k) {
    moments_by_hand(k);
    moments_far_from_zero(k);
    each_size(k, moments_sized);
}

static void moments(void **state) {
    (void)state;
    each_variant(moments_of);
}

/* ---- Blocks: batch norm, activation, max pool ---- */

/* The numbers of a block's channels, which `b` points at. */
typedef struct BlockNumbers {
    float *mean, *scale, *shift, *a, *b, *c;
} BlockNumbers;

/* Scales of either sign, and 0; the rest integers, or reals. */
static BlockNumbers numbers_new(Block *b, bool whole) {
    size_t C = (size_t)b->C;
    BlockNumbers n = {floats(C), floats(C), floats(C), floats(C), floats(C), floats(C)};
    float *all[] = {n.mean, n.scale, n.shift, n.a, n.b, n.c};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (whole)
            fill_integers(all[i], C, 2);
        else
            fill_reals(all[i], C);
    }
    for (size_t c = 0, turn = next_number() % 4; c < C; c++) {
        if ((c + turn) % 4 == 0) n.scale[c] = -fabsf(n.scale[c]);
        if ((c + turn) % 4 == 1) n.scale[c] = whole || c % 8 < 4 ? 0 : -0.0f;
    }
    b->mean = n.mean, b->scale = n.scale, b->shift = n.shift;
    b->a = n.a, b->b = n.b, b->c = n.c;
    return n;
}

static void numbers_end(BlockNumbers *n) {
    guarded_end(n->mean), guarded_end(n->scale), guarded_end(n->shift);
    guarded_end(n->a), guarded_end(n->b), guarded_end(n->c);
}

/* One block's arrays: as floats for the reference, as elements for the kernels. */
typedef struct BlockRun {
    const Kernels *k;
    Block b;
    int N;
    bool pool;
    char what[128];
    size_t in, out;
    float *x, *dy, *y, *picked, *dx;
    uint8_t *place;
    void *x_elements, *dy_elements;
} BlockRun;

static BlockRun block_run(const Kernels *k, const Block *b, int N, bool whole) {
    size_t images = (size_t)N * (size_t)b->C;
    BlockRun r = {.k = k, .b = *b, .N = N, .pool = b->R * b->S > 1};
    r.in = images * (size_t)b->H * (size_t)b->W, r.out = images * (size_t)b->P * (size_t)b->Q;
    snprintf(r.what, sizeof r.what, "%s block C %d, %dx%d, window %dx%d, slope %g, N %d%s", k->name, b->C, b->H, b->W,
             b->R, b->S, (double)b->act.slope, N, whole ? ", integers" : "");
    r.x = whole ? integers(r.in, 2) : element_reals(k, r.in); /* few values: many equals */
    r.dy = whole ? integers(r.out, 2) : element_reals(k, r.out);
    r.y = floats(r.out), r.dx = floats(r.in), r.picked = floats(r.out), r.place = guarded_bytes(r.out, 1);
    r.x_elements = packed(k, r.x, r.in), r.dy_elements = packed(k, r.dy, r.out);
    reference_kernels.block_forward(b, N, r.x, NULL, r.picked, r.y, r.place);
    if (!r.pool) memcpy(r.picked, r.x, r.in * sizeof(float));
    reference_kernels.block_backward(b, N, r.x, r.picked, r.dy, r.place, r.dx);
    return r;
}

static void block_end(BlockRun *r) {
    guarded_end(r->x), guarded_end(r->dy), guarded_end(r->y), guarded_end(r->dx), guarded_end(r->picked);
    guarded_end(r->place), guarded_end(r->x_elements), guarded_end(r->dy_elements);
}

static void assert_unwritten(const void *bytes, size_t size) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i++) assert_int_equal(p[i], 0xff);
}

static void check_block_forward(const BlockRun *r) {
    const Kernels *k = r->k;
    void *y = unwritten(k, r->out), *picked = unwritten(k, r->out), *alone = unwritten(k, r->out);
    uint8_t *place = guarded_bytes(r->out, 1);
    k->block_forward(&r->b, r->N, r->x_elements, NULL, picked, y, place);
    assert_elements(r->what, k, y, r->y, r->out);
    if (r->pool) {
        assert_elements(r->what, k, picked, r->picked, r->out);
        assert_same_bits(r->what, place, r->place, r->out);
    } else {
        assert_unwritten(picked, r->out * k->element);
        assert_unwritten(place, r->out);
    }
    k->block_forward(&r->b, r->N, r->x_elements, NULL, NULL, alone, NULL);
    assert_same_bits("without picked and place", alone, y, r->out * k->element);
    if (!r->pool) {
        void *x = packed(k, r->x, r->in);
        k->block_forward(&r->b, r->N, x, NULL, NULL, x, NULL);
        assert_same_bits("in place", x, y, r->out * k->element);
        guarded_end(x);
    }
    guarded_end(y), guarded_end(picked), guarded_end(alone), guarded_end(place);
}

static void check_block_sums(const BlockRun *r, bool exact) {
    size_t count = 2 * (size_t)r->b.C;
    double *sums = doubles(count), *expected = doubles(count), rows = (double)r->out / r->b.C;
    void *picked = packed(r->k, r->picked, r->out);
    reference_kernels.block_sums(&r->b, r->N, r->picked, r->dy, expected);
    r->k->block_sums(&r->b, r->N, picked, r->dy_elements, sums);
    for (size_t i = 0; i < count; i++) assert_near_number(r->what, sums[i], expected[i], exact ? 0 : 1e-6 * (1 + rows));
    r->k->block_sums(&r->b, 0, picked, r->dy_elements, sums); /* a slice of filling images */
    for (size_t i = 0; i < count; i++) assert_true(sums[i] == 0);
    guarded_end(sums), guarded_end(expected), guarded_end(picked);
}

static void check_block_backward(const BlockRun *r) {
    const Kernels *k = r->k;
    void *dx = unwritten(k, r->in), *x = packed(k, r->x, r->in), *picked = packed(k, r->picked, r->out);
    const uint8_t *place = r->pool ? r->place : NULL;
    k->block_backward(&r->b, r->N, r->x_elements, r->pool ? picked : r->x_elements, r->dy_elements, place, dx);
    assert_elements(r->what, k, dx, r->dx, r->in);
    k->block_backward(&r->b, r->N, x, r->pool ? picked : x, r->dy_elements, place, x);
    assert_elements("dx in the place of x", k, x, r->dx, r->in);
    guarded_end(dx), guarded_end(x), guarded_end(picked);
}

static void check_block(const Kernels *k, Block *b, int N, bool whole) {
    BlockNumbers numbers = numbers_new(b, whole);
    BlockRun r = block_run(k, b, N, whole);
    void *x = packed(k, r.x, r.in), *dy = packed(k, r.dy, r.out);
    check_block_forward(&r);
    check_block_sums(&r, whole && b->act.slope != 0.01f);
    check_block_backward(&r);
    assert_same_bits("the input", x, r.x_elements, r.in * k->element);
    assert_same_bits("the gradient", dy, r.dy_elements, r.out * k->element);
    guarded_end(x), guarded_end(dy);
    block_end(&r);
    numbers_end(&numbers);
}

/* Windows and what is left over at the right and below. */
static const struct {
    int R, S, below, right;
} block_windows[] = {
    {1, 1, 0, 0}, {2, 2, 0, 0}, {2, 2, 1, 0}, {2, 2, 0, 1},
    {3, 3, 2, 1}, {3, 3, 0, 2}, {2, 3, 1, 2}, {2, 3, 0, 0},
    {3, 1, 1, 0}, {1, 2, 0, 1}, {1, 3, 0, 0}, {16, 16, 1, 3} /* as many places as a byte has */,
};

static void blocks_of(const Kernels *k) {
    static const int widths[] = {1, 3, 10, 16, 17, 32, 33, 48, 65, 128};
    static const float slopes[] = {0, 0.01f, 1, 0.125f};
    for (size_t i = 0; i < COUNT_OF(widths); i++)
        for (size_t j = 0; j < COUNT_OF(block_windows); j++)
            for (size_t s = 0; s < COUNT_OF(slopes); s++) {
                int R = block_windows[j].R, S = block_windows[j].S, large = R > 3;
                int P = large || (i + s) % 3 == 0 ? 1 : 2, Q = large ? 1 : s == 3 ? 5 : 3;
                Block b = {.C = widths[i], .R = R, .S = S, .P = P, .Q = Q, .act = {ACT_RELU, slopes[s]}};
                if (large && i % 3) continue;
                b.H = P * R + block_windows[j].below;
                b.W = Q * S + block_windows[j].right;
                check_block(k, &b, s % 2 ? 1 : 3, true);
                check_block(k, &b, s % 2 ? 3 : 1, false);
            }
    /* More rows than one float sum may have. */
    check_block(k, &(Block){.C = 17, .H = 9, .W = 10, .R = 1, .S = 1, .P = 9, .Q = 10, .act = {ACT_RELU, 0.01f}}, 3,
                false);
    check_block(k, &(Block){.C = 32, .H = 18, .W = 21, .R = 2, .S = 2, .P = 9, .Q = 10, .act = {ACT_RELU, 0}}, 3, true);
}

/* Two channels, the second with a falling scale, of a 3x5 image; a row and a column in no window; equals in both windows.
 *     1  4 | -2 -2 |  9         5  3 |  8  7 | 0
 *     3  4 | -5 -2 |  9         2  6 |  9  7 | 0
 *     9  9    9  9    9         0  0    0  0   0 */
static void block_by_hand(const Kernels *k) {
    const float mean[] = {1, 4}, scale[] = {2, -1}, shift[] = {-3, 1}, a[] = {2, 1}, b[] = {1, -1}, c[] = {-1, 2};
    const float x[] = {1, 5, 4, 3, -2, 8, -2, 7, 9, 0, 3, 2, 4, 6, -5, 9, -2, 7, 9, 0, 9, 0, 9, 0, 9, 0, 9, 0, 9, 0};
    const float dx[] = {-1, 1,  4,  3, 0, -2, -4, 2, 7, 6, 1, 14, 2, 0, -7,
                        -3, -4, -1, 7, 6, 7,  6,  7, 6, 7, 6, 7,  6, 7, 6};
    const float dy[] = {1, 10, 4, 6};
    const Block block = {2, 3, 5, 2, 2, 1, 2, {ACT_RELU, 0.5f}, mean, scale, shift, a, b, c};
    void *image = packed(k, x, 30), *gradient = packed(k, dy, 4), *out = unwritten(k, 4), *picked = unwritten(k, 4);
    void *back = unwritten(k, 30);
    uint8_t place[4];
    double sums[4];
    k->block_forward(&block, 1, image, NULL, picked, out, place);
    assert_elements("y", k, out, (const float[]){3, 3, -4.5f, -1}, 4);
    assert_elements("picked", k, picked, (const float[]){4, 2, -2, 7}, 4);
    assert_same_bits("place", place, (const uint8_t[]){1, 2, 0, 1}, 4);
    k->block_sums(&block, 1, picked, gradient, sums); /* d = 1, 10, 4/2, 6/2 */
    assert_true(sums[0] == 1 + 2 && sums[1] == 10 + 3);
    assert_true(sums[2] == 1 * 3 + 2 * -3 && sums[3] == 10 * -2 + 3 * 3);
    k->block_backward(&block, 1, image, picked, gradient, place, back); /* x - 2 and 6 - x; and a * d at the place */
    assert_elements("dx", k, back, dx, 30);
    guarded_end(image), guarded_end(gradient), guarded_end(out), guarded_end(picked), guarded_end(back);
}

static void norm_by_hand(const Kernels *k) {
    const float x[] = {1, 2, 3, 4}, dy[] = {1, 0, 2, -1}, mean = 2, scale = 3, shift = -1, a = 2, b = 0.5f, c = -1;
    const Block block = {1, 2, 2, 1, 1, 2, 2, {ACT_RELU, 0.5f}, &mean, &scale, &shift, &a, &b, &c};
    void *image = packed(k, x, 4), *gradient = packed(k, dy, 4), *out = unwritten(k, 4);
    double sums[2];
    k->block_forward(&block, 1, image, NULL, NULL, out, NULL); /* act(-4, -1, 2, 5) */
    assert_elements("y", k, out, (const float[]){-2, -0.5f, 2, 5}, 4);
    k->block_sums(&block, 1, image, gradient, sums); /* d = 1/2, 0, 2, -1 */
    assert_true(sums[0] == 1.5 && sums[1] == -0.5 + 2 - 2);
    k->block_backward(&block, 1, image, image, gradient, NULL, out);
    assert_elements("dx", k, out, (const float[]){1 - 0.5f - 1, -1, 4 + 0.5f - 1, -2 + 1 - 1}, 4);
    guarded_end(image), guarded_end(gradient), guarded_end(out);
}

static void block_by_hand_of(const Kernels *k) {
    block_by_hand(k);
    norm_by_hand(k);
}

static void blocks_by_hand(void **state) {
    (void)state;
    each_variant(block_by_hand_of);
}

static void blocks(void **state) {
    (void)state;
    each_variant(blocks_of);
}

/* Every window of 2x2 out of these, in rising and falling channels: bit for bit what the reference picks, the first of equals,
 * which 0 and -0 are. */
static void picks_of(const Kernels *k) {
    const float values[] = {-INFINITY, -FLT_MAX, -1, -0x1p-130f, -0.0f, 0, 0x1p-130f, 1, 0x1.02p0f, INFINITY};
    enum { VALUES = COUNT_OF(values), C = 49, SIDE = VALUES * VALUES };
    Block b = {
        .C = C, .H = 2 * SIDE, .W = 2 * SIDE + 1, .R = 2, .S = 2, .P = SIDE, .Q = SIDE, .act = {ACT_RELU, 0.125f}};
    BlockNumbers numbers = numbers_new(&b, true);
    const size_t in = (size_t)b.H * (size_t)b.W * C, out = (size_t)SIDE * SIDE * C;
    float *x = floats(in), *y = floats(out), *picked = floats(out);
    uint8_t *place = guarded_bytes(out, 1), *place2 = guarded_bytes(out, 1);
    for (size_t i = 0; i < in; i++) {
        size_t pixel = i / C, h = pixel / (size_t)b.W, v = pixel % (size_t)b.W, down = h / 2, right = v / 2;
        size_t tap = h % 2 * 2 + v % 2, choice[] = {down / VALUES, down % VALUES, right / VALUES, right % VALUES};
        x[i] = nearest_element(k, values[right < SIDE ? choice[tap] : 0]);
    }
    void *xe = packed(k, x, in), *ye = unwritten(k, out), *pe = unwritten(k, out);
    reference_kernels.block_forward(&b, 1, x, NULL, picked, y, place2);
    k->block_forward(&b, 1, xe, NULL, pe, ye, place);
    assert_same_bits(k->name, place, place2, out);
    void *expected = packed(k, picked, out);
    assert_same_bits(k->name, pe, expected, out * k->element);
    guarded_end(x), guarded_end(y), guarded_end(picked), guarded_end(place), guarded_end(place2);
    guarded_end(xe), guarded_end(ye), guarded_end(pe), guarded_end(expected);
    numbers_end(&numbers);
}

static void picks(void **state) {
    (void)state;
    each_variant(picks_of);
}

/* A NaN stays one: in the moments of its channel, and of no other; behind a norm whose channel has one; without a pool; where a
 * window holds nothing else; and on the way back. */
static void nan_in_channel(const Kernels *k, size_t rows, int C, size_t row, int channel) {
    const size_t count = rows * (size_t)C, at = row * (size_t)C + (size_t)channel;
    float *x = element_reals(k, count);
    double *mean = doubles((size_t)C), *squares = doubles((size_t)C);
    x[at] = NAN;
    void *xe = packed(k, x, count);
    k->bn_moments(xe, rows, C, mean, squares);
    for (int c = 0; c < C; c++) assert_true(isnan(mean[c]) == (c == channel) && isnan(squares[c]) == (c == channel));
    k->channel_sums(xe, rows, C, mean);
    for (int c = 0; c < C; c++) assert_true(isnan(mean[c]) == (c == channel));
    guarded_end(x), guarded_end(xe), guarded_end(mean), guarded_end(squares);
}

static void assert_nans(const char *what, const Kernels *k, const void *elements, size_t count, size_t C, size_t c) {
    for (size_t i = 0; i < count; i++) {
        if ((bool)isnan(element_at(k, elements, i)) == (i % C == c)) continue;
        print_error("%s %s: value %zu of %zu\n", k->name, what, i, count);
        fail();
    }
}

static void nan_in_block(const Kernels *k, int window, float slope, int sign) {
    enum { C = 35, SIDE = 6, IN = SIDE * SIDE * C, LOST = 33 };
    const int out = SIDE / window, outputs = out * out * C;
    Block b = {.C = C, .H = SIDE, .W = SIDE, .R = window, .S = window, .P = out, .Q = out, .act = {ACT_RELU, slope}};
    BlockNumbers numbers = numbers_new(&b, false);
    float *x = element_reals(k, IN), *dy = element_reals(k, (size_t)outputs), nan = copysignf(NAN, (float)sign);
    double *sums = doubles(2 * C);
    void *clean = packed(k, x, IN), *clean_dy = packed(k, dy, (size_t)outputs);
    for (int i = 0; i < IN; i++) x[i] = i % C == LOST ? nan : x[i];
    void *lost = packed(k, x, IN), *y = unwritten(k, (size_t)outputs), *picked = unwritten(k, (size_t)outputs);
    void *dx = unwritten(k, IN);
    uint8_t *place = guarded_bytes((size_t)outputs, 1);
    k->block_forward(&b, 1, lost, NULL, picked, y, place);
    assert_nans("forward", k, y, (size_t)outputs, C, LOST);
    k->block_sums(&b, 1, window > 1 ? picked : lost, clean_dy, sums);
    for (int c = 0; c < C; c++) assert_true((bool)isnan(sums[C + c]) == (c == LOST));
    k->block_backward(&b, 1, lost, window > 1 ? picked : lost, clean_dy, place, dx);
    assert_nans("backward", k, dx, IN, C, LOST);
    /* The same from a norm that has become NaN, with sound inputs. */
    numbers.mean[LOST] = nan, numbers.b[LOST] = nan;
    k->block_forward(&b, 1, clean, NULL, picked, y, place);
    assert_nans("forward with a NaN for mean", k, y, (size_t)outputs, C, LOST);
    k->block_backward(&b, 1, clean, window > 1 ? picked : clean, clean_dy, place, dx);
    assert_nans("backward with a NaN for mean", k, dx, IN, C, LOST);
    guarded_end(x), guarded_end(dy), guarded_end(clean), guarded_end(clean_dy), guarded_end(lost), guarded_end(y);
    guarded_end(picked), guarded_end(dx), guarded_end(place), guarded_end(sums);
    numbers_end(&numbers);
}

static void nans_of(const Kernels *k) {
    for (size_t row = 0; row < 131; row += 13) {
        nan_in_channel(k, 131, 35, row, 34);
        nan_in_channel(k, 131, 35, row, 1);
    }
    for (int window = 1; window <= 3; window++)
        for (int s = 0; s < 3; s++)
            for (int sign = -1; sign <= 1; sign += 2) nan_in_block(k, window, (float[]){0, 0.125f, 1}[s], sign);
}

static void nans_stay(void **state) {
    (void)state;
    each_variant(nans_of);
}

/* What the fused operation says it is: the norm of everything, then the activation, then the pool, each on its own. */
static void block_is_its_parts(void **state) {
    (void)state;
    Block b = {.C = 5, .H = 7, .W = 8, .R = 3, .S = 2, .P = 2, .Q = 4, .act = {ACT_RELU, 0.25f}};
    BlockNumbers numbers = numbers_new(&b, false);
    Block norm = b;
    enum { N = 2, IN = N * 5 * 7 * 8, OUT = N * 5 * 2 * 4 };
    norm.R = norm.S = 1, norm.P = b.H, norm.Q = b.W;
    float *x = reals(IN), *y = floats(OUT), *picked = floats(OUT), *normed = floats(IN), largest;
    uint8_t *place = guarded_bytes(OUT, 1);
    reference_kernels.block_forward(&b, N, x, NULL, picked, y, place);
    reference_kernels.block_forward(&norm, N, x, NULL, NULL, normed, NULL);
    for (size_t i = 0; i < IN; i++) {
        float v = (x[i] - b.mean[i % 5]) * b.scale[i % 5] + b.shift[i % 5];
        assert_true(normed[i] == (v > 0 ? v : v / 4));
    }
    for (size_t o = 0; o < OUT; o++) {
        size_t c = o % 5, q = o / 5 % 4, p = o / 20 % 2, n = o / 40, first = ((n * 7 + 3 * p) * 8 + 2 * q) * 5 + c;
        largest = -INFINITY;
        for (size_t r = 0; r < 3; r++)
            for (size_t s = 0; s < 2; s++) largest = fmaxf(largest, normed[first + (r * 8 + s) * 5]);
        assert_true(y[o] == largest);
        assert_true(picked[o] == x[first + (place[o] / 2 * 8u + place[o] % 2) * 5]);
    }
    guarded_end(x), guarded_end(y), guarded_end(picked), guarded_end(normed), guarded_end(place);
    numbers_end(&numbers);
}

/* ---- Pools ---- */

/* A 3x3 image, window 2, padding 1, stride 2: each output sees 1, 2 or 4 pixels. */
static void pools_by_hand(const Kernels *k) {
    const Window w = {1, 1, 3, 3, 1, 2, 2, 2, 1, 1, 2, 2, 1, 1};
    const float image[] = {-1, -2, -3, -4, -5, -6, -7, -8, -9}, gradient[] = {1, 10, 100, 1000};
    void *x = packed(k, image, 9), *dy = packed(k, gradient, 4), *y = unwritten(k, 4), *dx = unwritten(k, 9);
    uint16_t place[4];
    k->maxpool_forward(&w, x, y, place);
    assert_elements("max", k, y, (const float[]){-1, -2, -4, -5}, 4); /* padding, a 0, would win */
    assert_same_bits("place", place, (const uint16_t[]){3, 2, 1, 0}, sizeof place);
    k->maxpool_backward(&w, dy, place, dx);
    assert_elements("max backward", k, dx, (const float[]){1, 10, 0, 100, 1000, 0, 0, 0, 0}, 9);
    k->avgpool_forward(&w, x, y);
    assert_elements("average", k, y, (const float[]){-1, -2.5f, -5.5f, -7}, 4);
    k->avgpool_backward(&w, dy, dx);
    assert_elements("average backward", k, dx, (const float[]){1, 5, 5, 50, 250, 250, 50, 250, 250}, 9);
    guarded_end(x), guarded_end(dy), guarded_end(y), guarded_end(dx);
}

/* Windows that overlap: one pixel wins in several, and the first of equals wins. */
static void overlap_by_hand(const Kernels *k) {
    const Window w = {1, 1, 3, 3, 1, 2, 2, 1, 0, 0, 2, 2, 1, 1};
    const float peak[] = {0, 0, 0, 0, 7, 0, 0, 0, 0}, zeros[9] = {0}, gradient[] = {1, 10, 100, 16};
    const float hole[] = {9, 9, 9, 9, float_of_bits(0x7fc00000), 9, 9, 9, 9};
    void *x = packed(k, peak, 9), *flat = packed(k, zeros, 9), *lost = packed(k, hole, 9), *dy = packed(k, gradient, 4);
    void *y = unwritten(k, 4), *dx = unwritten(k, 9);
    uint16_t place[4];
    k->maxpool_forward(&w, x, y, place);
    assert_same_bits("place", place, (const uint16_t[]){3, 2, 1, 0}, sizeof place);
    k->maxpool_backward(&w, dy, place, dx);
    assert_elements("all to the middle", k, dx, (const float[]){0, 0, 0, 0, 127, 0, 0, 0, 0}, 9);
    k->maxpool_forward(&w, flat, y, place);
    assert_same_bits("first of equals", place, (const uint16_t[]){0, 0, 0, 0}, sizeof place);
    k->maxpool_forward(&w, lost, y, place);
    for (size_t i = 0; i < 4; i++) assert_true(isnan(element_at(k, y, i)));
    assert_same_bits("place of the NaN", place, (const uint16_t[]){3, 2, 1, 0}, sizeof place);
    guarded_end(x), guarded_end(flat), guarded_end(lost), guarded_end(dy), guarded_end(y), guarded_end(dx);
}

/* Where windows overlap, bfloat16 rounds a sum after each of its terms, none of them above `largest`. */
static void check_pool_gradient(const char *what, const Kernels *k, const Window *w, const void *dx,
                                const float *expected, double largest) {
    size_t in = inputs_of(w);
    if (k->element == sizeof(float) || (w->stride >= w->R && w->stride >= w->S)) {
        assert_elements(what, k, dx, expected, in);
        return;
    }
    double overlap = ceil((double)w->R / w->stride) * ceil((double)w->S / w->stride);
    float *values = floats(in);
    floats_of(k, dx, in, values);
    for (size_t i = 0; i < in; i++) {
        double room = overlap * (fabs((double)expected[i]) + largest) / 256;
        assert_near_number(what, (double)values[i], (double)expected[i], room);
    }
    guarded_end(values);
}

static void pool_window(const Kernels *k, const Window *w, bool whole) {
    size_t in = inputs_of(w), out = outputs_of(w);
    float *x = whole ? integers(in, 2) : element_reals(k, in); /* few values: many equals */
    float *dy = whole ? integers(out, 2) : element_reals(k, out), *y2 = floats(out), *dx2 = floats(in);
    void *xe = packed(k, x, in), *dye = packed(k, dy, out), *y = unwritten(k, out), *dx = unwritten(k, in);
    uint16_t *place = guarded_bytes(out * 2, 2), *place2 = guarded_bytes(out * 2, 2);
    reference_kernels.maxpool_forward(w, x, y2, place2);
    k->maxpool_forward(w, xe, y, place);
    assert_elements(label(k, "maxpool_forward", out, w->C), k, y, y2, out);
    assert_same_bits(label(k, "maxpool_forward's place", out, w->C), place, place2, out * sizeof *place);
    reference_kernels.maxpool_backward(w, dy, place, dx2);
    k->maxpool_backward(w, dye, place, dx);
    if (whole) /* no sum is above 256 */
        assert_elements(label(k, "maxpool_backward", out, w->C), k, dx, dx2, in);
    else
        check_pool_gradient(label(k, "maxpool_backward", out, w->C), k, w, dx, dx2, 1);
    reference_kernels.avgpool_forward(w, x, y2);
    k->avgpool_forward(w, xe, y);
    assert_elements(label(k, "avgpool_forward", out, w->C), k, y, y2, out);
    reference_kernels.avgpool_backward(w, dy, dx2);
    k->avgpool_backward(w, dye, dx);
    check_pool_gradient(label(k, "avgpool_backward", out, w->C), k, w, dx, dx2, whole ? 2 : 1);
    guarded_end(x), guarded_end(dy), guarded_end(y), guarded_end(y2), guarded_end(dx), guarded_end(dx2);
    guarded_end(place), guarded_end(place2), guarded_end(xe), guarded_end(dye);
}

static void pools_of(const Kernels *k) {
    int done = 0;
    pools_by_hand(k);
    overlap_by_hand(k);
    for (size_t i = 0; i < COUNT_OF(window_table); i++) {
        Window w;
        if (!pool_at(i, &w)) continue;
        pool_window(k, &w, true);
        pool_window(k, &w, false);
        done++;
    }
    assert_true(done > 15);
}

static void pools(void **state) {
    (void)state;
    each_variant(pools_of);
}

/* A pool gives its gradient back whole: the sum of dx is the sum of dy. */
static void pools_lose_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(window_table); i++) {
        Window w;
        if (!pool_at(i, &w)) continue;
        float *x = reals(inputs_of(&w)), *y = floats(outputs_of(&w)), *dy = reals(outputs_of(&w));
        float *dx = floats(inputs_of(&w));
        uint16_t *place = guarded_bytes(outputs_of(&w) * 2, 2);
        for (int average = 0; average < 2; average++) {
            double sum = 0, expected = 0;
            reference_kernels.maxpool_forward(&w, x, y, place);
            if (average)
                reference_kernels.avgpool_backward(&w, dy, dx);
            else
                reference_kernels.maxpool_backward(&w, dy, place, dx);
            for (size_t k = 0; k < inputs_of(&w); k++) sum += (double)dx[k];
            for (size_t k = 0; k < outputs_of(&w); k++) expected += (double)dy[k];
            assert_near_number("sum of dx", sum, expected, 1e-4);
        }
        guarded_end(x), guarded_end(y), guarded_end(dy), guarded_end(dx), guarded_end(place);
    }
}

/* ---- Sums of slots ---- */

static void slots_of(const Kernels *k) {
    enum { SIZE = 1000, STRIDE = 1016, COUNT = 37 };
    float *slots = reals(STRIDE * COUNT), *out = floats(SIZE);
    for (int count = 1; count <= COUNT; count++) {
        k->sum_slots(slots, STRIDE, count, 0, SIZE, out);
        for (size_t i = 0; i < SIZE; i++) {
            float v[COUNT]; /* the tree, as its definition goes: another order would round otherwise */
            for (int s = 0; s < count; s++) v[s] = slots[(size_t)s * STRIDE + i];
            for (int step = 1; step < count; step *= 2)
                for (int s = 0; s + step < count; s += 2 * step) v[s] += v[s + step];
            assert_true(out[i] == v[0]);
        }
    }
    /* A range touches nothing outside it, and ranges together are the whole. */
    float *pieces = floats(SIZE);
    fill_with(pieces, SIZE, 77);
    k->sum_slots(slots, STRIDE, COUNT, 37, 555, pieces);
    for (size_t i = 0; i < SIZE; i++) assert_true(pieces[i] == (i >= 37 && i < 555 ? out[i] : 77));
    k->sum_slots(slots, STRIDE, COUNT, 555, SIZE, pieces);
    k->sum_slots(slots, STRIDE, COUNT, 0, 37, pieces);
    assert_same_bits("pieces", pieces, out, SIZE * sizeof *out);
    guarded_end(slots), guarded_end(out), guarded_end(pieces);
}

static void slot_sums(void **state) {
    (void)state;
    each_variant(slots_of);
}

/* ---- Optimizers ---- */

static void sgd_by_hand(const Kernels *k) {
    float w = 1, m = 0.5f;
    const float dw = 0.25f;
    k->sgd(&w, &dw, &m, 1, 0.5f, 0.5f, 0, false); /* m = 0.25 + 0.25; w = 1 - 0.25 */
    assert_true(m == 0.5f && w == 0.75f);
    k->sgd(&w, &dw, &m, 1, 0.5f, 0.5f, 1, false); /* g = 0.25 + 0.75; m = 0.25 + 1; w = 0.75 - 0.625 */
    assert_true(m == 1.25f && w == 0.125f);
    k->sgd(&w, &dw, &m, 1, 0.5f, 0.5f, 2, true); /* g = 0.25 + 0.25; m = 0.625 + 0.5; w = 0.125 - 0.5 (0.5 + 0.5625) */
    assert_true(m == 1.125f && w == -0.40625f);
}

#define BETAS 0.9f, 0.1f, 0.999f, 0.001f

/* Adam's first step is the rate against the sign of the gradient, however large that is. */
static void adam_by_hand(const Kernels *k) {
    const float dw[] = {3, -0.001f, 1e4f, -50};
    float w[4] = {0}, m[4] = {0}, v[4] = {0};
    float rate = (float)(0.1 / (1 - 0.9)), root = (float)(1 / sqrt(1 - 0.999));
    k->adam(w, dw, m, v, 4, &(AdamStep){rate, root, 0, 0, BETAS});
    assert_near_floats("first step", w, (const float[]){-0.1f, 0.1f, -0.1f, 0.1f}, 4, 2e-6);
    assert_near_floats("m", m, (const float[]){0.3f, -0.0001f, 1000, -5}, 4, 1e-4);
    assert_near_floats("v", v, (const float[]){0.009f, 1e-9f, 1e5f, 2.5f}, 4, 1e-2);
    /* Decay alone: coupled it is a gradient (a whole step), decoupled a shrinking. */
    float one = 1, zero = 0, first = 0, second = 0;
    k->adam(&one, &zero, &first, &second, 1, &(AdamStep){rate, root, 0.01f, 0, BETAS});
    assert_near_number("coupled", (double)one, 0.9, 1e-5);
    one = 1, first = second = 0;
    k->adam(&one, &zero, &first, &second, 1, &(AdamStep){rate, root, 0, 0.01f, BETAS});
    assert_near_number("decoupled", (double)one, 0.99, 1e-6);
}

/* Wherever it is, and whatever its sign; the largest float is one. */
static void not_finite_of(const Kernels *k, size_t count) {
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    const AdamStep step = {0.1f, 1, 0, 0, BETAS};
    for (size_t i = 0; i < count; i += count / 7 + 1) {
        float *w = reals(count), *dw = floats(count), *m = floats(count), *v = floats(count);
        memset(dw, 0, count * sizeof *dw), memset(m, 0, count * sizeof *m), memset(v, 0, count * sizeof *v);
        w[i] = -FLT_MAX;
        assert_true(k->sgd(w, dw, m, count, 0.1f, 0.9f, 0, false));
        assert_true(k->sgd(w, dw, m, count, 0.1f, 0.9f, 0, true));
        assert_true(k->adam(w, dw, m, v, count, &step));
        v[i] = FLT_MAX;
        assert_true(k->adam(w, dw, m, v, count, &step));
        v[i] = INFINITY;
        assert_false(k->adam(w, dw, m, v, count, &step));
        v[i] = 0;
        for (size_t j = 0; j < COUNT_OF(bad); j++) {
            w[i] = bad[j];
            assert_false(k->sgd(w, dw, m, count, 0.1f, 0.9f, 0, j % 2 == 0));
            assert_false(k->adam(w, dw, m, v, count, &step));
        }
        w[i] = 1, dw[i] = INFINITY;
        assert_false(k->sgd(w, dw, m, count, 0.1f, 0.9f, 0, i % 2 == 0));
        w[i] = 1, m[i] = 0;
        assert_false(k->adam(w, dw, m, v, count, &step));
        guarded_end(w), guarded_end(dw), guarded_end(m), guarded_end(v);
    }
}

static void optimizers_of(const Kernels *k) {
    static const size_t counts[] = {1, 3, 16, 17, 1000};
    const AdamStep step = {0.1f, 2, 0.01f, 0.02f, 0.7f, 0.3f, 0.95f, 0.05f};
    sgd_by_hand(k);
    adam_by_hand(k);
    for (size_t i = 0; i < COUNT_OF(counts); i++) not_finite_of(k, counts[i]);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        size_t count = counts[i], size = count * sizeof(float);
        float *w = reals(count), *dw = reals(count), *m = reals(count), *v = reals(count);
        float *w2 = copy_of(w, count), *m2 = copy_of(m, count);
        for (size_t j = 0; j < count; j++) v[j] *= v[j];
        float *v2 = copy_of(v, count);
        for (int nesterov = 0; nesterov < 2; nesterov++) {
            k->sgd(w, dw, m, count, 0.1f, 0.9f, 0.01f, nesterov);
            reference_kernels.sgd(w2, dw, m2, count, 0.1f, 0.9f, 0.01f, nesterov);
            assert_same_bits(label(k, "sgd", count, nesterov), w, w2, size);
            assert_same_bits(label(k, "sgd's m", count, nesterov), m, m2, size);
        }
        k->adam(w, dw, m, v, count, &step);
        reference_kernels.adam(w2, dw, m2, v2, count, &step);
        assert_same_bits(label(k, "adam", count, 1), w, w2, size);
        assert_same_bits(label(k, "adam's m", count, 1), m, m2, size);
        assert_same_bits(label(k, "adam's v", count, 1), v, v2, size);
        guarded_end(w), guarded_end(dw), guarded_end(m), guarded_end(v), guarded_end(w2), guarded_end(m2),
            guarded_end(v2);
    }
}

static void optimizers(void **state) {
    (void)state;
    each_variant(optimizers_of);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversion),
        cmocka_unit_test(channels),
        cmocka_unit_test(moments),
        cmocka_unit_test(blocks_by_hand),
        cmocka_unit_test(block_is_its_parts),
        cmocka_unit_test(picks),
        cmocka_unit_test(nans_stay),
        cmocka_unit_test(blocks),
        cmocka_unit_test(pools),
        cmocka_unit_test(pools_lose_nothing),
        cmocka_unit_test(slot_sums),
        cmocka_unit_test(optimizers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
