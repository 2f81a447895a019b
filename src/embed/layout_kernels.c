/* The kernels of layout_kernels.h, compiled once per instruction set (KERNEL_ISA): so many points at once as a register holds. */
#include "embed/layout_kernels.h"

#include "nn/cpu/vectors.h"

#include <stdbool.h>
#include <string.h>

typedef uint64_t VW __attribute__((vector_size(4 * LANES))); /* half as many lanes */

static const float farthest_move = 4; /* of a coordinate, in units of the step size */

/* ---- x^p ---- */

/* Polynomials in the least-maximum sense: log2(1 + f) / f for 1 + f from sqrt(1/2) to sqrt(2), to 2.5e-7; 2^f for |f| up to
 * 1/2, to 8e-8. */
INLINE V log2_of(V x) {
    VI bits = (VI)x, exponent = (bits - 0x3f3504f3) >> 23; /* the mantissa's interval begins at sqrt(1/2) */
    V f = (V)(bits - (exponent << 23)) - 1.0f, f2 = f * f, f4 = f2 * f2;
    V low = (1.442694902420044f - 0.7213524580001831f * f) + (0.4809311628341675f - 0.360263466835022f * f) * f2;
    V high = (0.2868689000606537f - 0.24832284450531006f * f) + (0.2357095628976822f - 0.14973308145999908f * f) * f2;
    return __builtin_convertvector(exponent, V) + f * (low + high * f4);
}

INLINE V exp2_of(V x) {
    V shifted = x + 12582912.0f; /* 1.5 x 2^23: rounds to a whole number, which then stands in the lowest bits */
    V f = x - (shifted - 12582912.0f), f2 = f * f;
    V power = (1.0f + 0.6931472420692444f * f) + (0.2402210682630539f + 0.05550297349691391f * f) * f2 +
              (0.009676036424934864f + 0.0013410004321485758f * f) * (f2 * f2);
    return (V)((VI)power + ((VI)shifted << 23));
}

INLINE V power_of(V x, float p) {
    return exp2_of(log2_of(x) * p);
}

/* ---- Philox4x32-10, a key of the stream's and a counter per lane ---- */

/* Products of the even lanes. */
INLINE VW multiply_even(VU a, uint32_t factor) {
#if defined(__AVX512F__)
    return (VW)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi32((int32_t)factor));
#elif defined(__AVX2__)
    return (VW)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi32((int32_t)factor));
#elif defined(__SSE2__)
    return (VW)_mm_mul_epu32((__m128i)a, _mm_set1_epi32((int32_t)factor));
#else
    return ((VW)a & 0xffffffffu) * factor;
#endif
}

INLINE void wide_multiply(VU x, uint32_t factor, VU *high, VU *low) {
    VW even = multiply_even(x, factor), odd = multiply_even((VU)((VW)x >> 32), factor);
    *high = (VU)((even >> 32) | (odd & 0xffffffff00000000u));
    *low = (VU)((even & 0xffffffffu) | (odd << 32));
}

INLINE void random_block(const RngStream *stream, VU key, uint32_t block, VU words[4]) {
    VU c0 = (VU){0} + block, c1 = key, c2 = (VU){0} + stream->high[0], c3 = (VU){0} + stream->high[1];
    uint32_t k0 = stream->key[0], k1 = stream->key[1];
    for (int round = 0; round < 10; round++) {
        VU high0, low0, high2, low2;
        wide_multiply(c0, 0xD2511F53u, &high0, &low0);
        wide_multiply(c2, 0xCD9E8D57u, &high2, &low2);
        c0 = high2 ^ c1 ^ k0;
        c1 = low2;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

/* ---- Moves ---- */

INLINE V clip(V x) {
    const V limit = all_lanes(farthest_move);
    V low = choose(greater(-limit, x), -limit, x);
    return choose(greater(x, limit), limit, low);
}

/* Two floats, as one word: half the loads of taking coordinates one by one. */
INLINE uint64_t pair_at(const float *others, uint32_t index) {
    uint64_t pair;
    memcpy(&pair, others + 2 * (size_t)index, sizeof pair);
    return pair;
}

INLINE void fetch_pairs(const float *p, const uint32_t *i, V at[2]) {
#if defined(__AVX512F__)
    V first = (V)(VW){pair_at(p, i[0]), pair_at(p, i[1]), pair_at(p, i[2]), pair_at(p, i[3]),
                      pair_at(p, i[4]), pair_at(p, i[5]), pair_at(p, i[6]), pair_at(p, i[7])};
    V second = (V)(VW){pair_at(p, i[8]),  pair_at(p, i[9]),  pair_at(p, i[10]), pair_at(p, i[11]),
                       pair_at(p, i[12]), pair_at(p, i[13]), pair_at(p, i[14]), pair_at(p, i[15])};
    at[0] = __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    at[1] = __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif defined(__AVX2__)
    /* In an order that the shuffle within halves of a register undoes. */
    V first = (V)(VW){pair_at(p, i[0]), pair_at(p, i[1]), pair_at(p, i[4]), pair_at(p, i[5])};
    V second = (V)(VW){pair_at(p, i[2]), pair_at(p, i[3]), pair_at(p, i[6]), pair_at(p, i[7])};
    at[0] = (V)_mm256_shuffle_ps((__m256)first, (__m256)second, 0x88);
    at[1] = (V)_mm256_shuffle_ps((__m256)first, (__m256)second, 0xdd);
#else
    V first = (V)(VW){pair_at(p, i[0]), pair_at(p, i[1])}, second = (V)(VW){pair_at(p, i[2]), pair_at(p, i[3])};
    at[0] = __builtin_shufflevector(first, second, 0, 2, 4, 6);
    at[1] = __builtin_shufflevector(first, second, 1, 3, 5, 7);
#endif
}

INLINE void fetch(const LayoutPass *pass, VU index, V *at, int components) {
    uint32_t lanes[LANES];
    memcpy(lanes, &index, sizeof lanes);
    if (components == 2) {
        fetch_pairs(pass->others, lanes, at);
        return;
    }
    for (int c = 0; c < components; c++) {
        float values[LANES];
        for (int l = 0; l < LANES; l++) values[l] = pass->others[(size_t)lanes[l] * (size_t)components + (size_t)c];
        memcpy(&at[c], values, sizeof values);
    }
}

/* Differences to the others, in `off`; returns their squared length. */
INLINE V differences(const V *y, V *off, int components) {
    V square = {0};
    for (int c = 0; c < components; c++) {
        off[c] = y[c] - off[c];
        square += off[c] * off[c];
    }
    return square;
}

/* A pull's share of densMAP: its edge's rate, and the two numbers of the point that is moved. */
typedef struct DensityPull {
    VU rate;
    V own[2];
} DensityPull;

/* Up the gradient of the correlation of radii, over the difference to the other: with s the closeness 1 / (1 + a d^2b), the sum over
 * both ends of s ((1 - b (1 - s)) A + a b d^(2b-2) s B), A and B their two numbers, over the edge's weight (umap-learn). */
INLINE V density_factor(const LayoutPass *pass, VU to, const DensityPull *pull, V square, V power) {
    V other[2], near = 1.0f / (1.0f + pass->a * power), fall = (pass->a * pass->b) * power / square * near;
    uint32_t lanes[LANES];
    memcpy(lanes, &to, sizeof lanes);
    fetch_pairs(pass->density, lanes, other);
    V ends = (1.0f - pass->b * (1.0f - near)) * (other[0] + pull->own[0]) + fall * (other[1] + pull->own[1]);
    return pass->density_scale / __builtin_convertvector((VI)(pull->rate >> 1), V) * near * ends;
}

/* Down the gradient of -log(1 / (1 + a d^2b)); with `density` its own step besides. */
INLINE void pull(const LayoutPass *pass, VU to, Mask active, V *y, V *off, int components, const DensityPull *density) {
    fetch(pass, to, off, components);
    V square = differences(y, off, components), power = power_of(square, pass->b);
    V factor = (-2 * pass->a * pass->b) * power / (square * (1.0f + pass->a * power));
    active = both(active, greater(square, (V){0})); /* together already: no direction */
    if (density) {
        const V spread = density_factor(pass, to, density, square, power);
        for (int c = 0; c < components; c++)
            y[c] += choose(active, (clip(factor * off[c]) + clip(spread * off[c])) * pass->step, (V){0});
        return;
    }
    for (int c = 0; c < components; c++) y[c] += choose(active, clip(factor * off[c]) * pass->step, (V){0});
}

/* Down the gradient of -log(1 - 1 / (1 + a d^2b)), with umap-learn's 0.001 against the pole at 0. */
INLINE void push(const LayoutPass *pass, VU from, Mask active, V *y, V *off, int components) {
    fetch(pass, from, off, components);
    V square = differences(y, off, components), power = power_of(square, pass->b);
    V factor = (2 * pass->repulsion * pass->b) / ((0.001f + square) * (1.0f + pass->a * power));
    active = both(active, greater(square, (V){0}));
    for (int c = 0; c < components; c++) y[c] += choose(active, clip(factor * off[c]) * pass->step, (V){0});
}

INLINE int32_t largest(const int32_t *values) {
    int32_t most = 0;
    for (int l = 0; l < LANES; l++) most = values[l] > most ? values[l] : most;
    return most;
}

/* LANES of the group's points, from `lane` on. */
INLINE void move(const LayoutPass *pass, const LayoutGroup *group, int lane, float *coordinates, int components,
                 bool dense) {
    V y[LAYOUT_MOST_COMPONENTS], off[LAYOUT_MOST_COMPONENTS];
    VI count, pushed;
    VU own, key, words[4] = {{0}};
    const int32_t most = largest(group->pull_count + lane), most_pushed = largest(group->push_count + lane);
    int32_t drawn = 0;
    DensityPull density = {0};
    for (int d = 0; d < 2 && dense; d++) density.own[d] = load_float(group->density[d] + lane, LANES);
    for (int c = 0; c < components; c++) y[c] = load_float(coordinates + c * LAYOUT_LANES + lane, LANES);
    memcpy(&count, group->pull_count + lane, sizeof count);
    memcpy(&pushed, group->push_count + lane, sizeof pushed);
    memcpy(&own, group->own + lane, sizeof own);
    memcpy(&key, group->key + lane, sizeof key);
    for (int32_t r = 0; r < most; r++) {
        uint32_t to[LANES];
        VU target;
        for (int l = lane; l < lane + LANES; l++) to[l - lane] = group->pulls[l][r < group->pull_count[l] ? r : 0];
        memcpy(&target, to, sizeof target);
        if (dense) {
            for (int l = lane; l < lane + LANES; l++) to[l - lane] = group->rates[l][r < group->pull_count[l] ? r : 0];
            memcpy(&density.rate, to, sizeof density.rate);
        }
        pull(pass, target, greater_int(count, all_lanes_int(r)), y, off, components, dense ? &density : NULL);
        if (r >= most_pushed) continue;
        const Mask pushes = greater_int(pushed, all_lanes_int(r));
        for (int s = 0; s < pass->negatives; s++, drawn++) {
            VU from, unused;
            if (drawn % 4 == 0) random_block(&pass->random, key, (uint32_t)drawn / 4, words);
            wide_multiply(words[drawn % 4], pass->count, &from, &unused);
            push(pass, from, but_not(pushes, equal_int((VI)from, (VI)own)), y, off, components);
        }
    }
    for (int c = 0; c < components; c++) store_float(coordinates + c * LAYOUT_LANES + lane, y[c], LANES);
}

/* ---- The table ---- */

INLINE void move_group(const LayoutPass *pass, const LayoutGroup *group, float *y, bool dense) {
    for (int lane = 0; lane < LAYOUT_LANES; lane += LANES)
        if (pass->components == 2)
            move(pass, group, lane, y, 2, dense);
        else if (pass->components == 3)
            move(pass, group, lane, y, 3, dense);
        else
            move(pass, group, lane, y, pass->components, dense);
}

static void move_any(const LayoutPass *pass, const LayoutGroup *group, float *y) {
    if (pass->density)
        move_group(pass, group, y, true);
    else
        move_group(pass, group, y, false);
}

static void closeness(const LayoutPass *pass, const LayoutGroup *group, const float *coordinates,
                      float sums[2][LAYOUT_LANES]) {
    for (int lane = 0; lane < LAYOUT_LANES; lane += LANES) {
        V y[LAYOUT_MOST_COMPONENTS], off[LAYOUT_MOST_COMPONENTS], near = {0}, far = {0};
        VI count;
        memcpy(&count, group->pull_count + lane, sizeof count);
        for (int c = 0; c < pass->components; c++) y[c] = load_float(coordinates + c * LAYOUT_LANES + lane, LANES);
        for (int32_t r = 0, most = largest(group->pull_count + lane); r < most; r++) {
            uint32_t to[LANES];
            VU target;
            for (int l = lane; l < lane + LANES; l++) to[l - lane] = group->pulls[l][r < group->pull_count[l] ? r : 0];
            memcpy(&target, to, sizeof target);
            fetch(pass, target, off, pass->components);
            const V square = differences(y, off, pass->components);
            const V apart = 1.0f / (1.0f + pass->a * power_of(square, pass->b));
            const V close = choose(greater(square, (V){0}), apart, all_lanes(1.0f)); /* no power of 0 */
            const Mask active = greater_int(count, all_lanes_int(r));
            near += choose(active, close, (V){0});
            far += choose(active, close * square, (V){0});
        }
        store_float(sums[0] + lane, near, LANES);
        store_float(sums[1] + lane, far, LANES);
    }
}

static void power_lanes(const float *x, float p, float *out) {
    for (int l = 0; l < LAYOUT_LANES; l += LANES) store_float(out + l, power_of(load_float(x + l, LANES), p), LANES);
}

static void random_lanes(const RngStream *stream, const uint32_t *key, uint32_t block,
                         uint32_t words[LAYOUT_LANES][4]) {
    for (int from = 0; from < LAYOUT_LANES; from += LANES) {
        VU keys, drawn[4];
        memcpy(&keys, key + from, sizeof keys);
        random_block(stream, keys, block, drawn);
        for (int l = 0; l < LANES; l++)
            for (int w = 0; w < 4; w++) words[from + l][w] = drawn[w][l];
    }
}

extern const LayoutKernels PASTE(layout_kernels_, KERNEL_ISA);
const LayoutKernels PASTE(layout_kernels_, KERNEL_ISA) = {TEXT(KERNEL_ISA), move_any, closeness, power_lanes,
                                                          random_lanes};
