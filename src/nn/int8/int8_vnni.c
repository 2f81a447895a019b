/* What arrives is laid out once as bytes from 0 on, with a rim of its zero where windows are outside. Then what a filter sees of a row is
 * one run of bytes (of a pixel, with a dilation or groups), four of them to a word, and each word meets 16 filters at once. Behind a
 * run's last value a word holds whatever follows, whose weights are 0. Where each channel has a filter of its own, 64 neighbouring values
 * are taken at once, four taps of each interleaved to its word. Sums are exact, so their order is free. */
#include "nn/int8/int8.h"

#include "nn/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

enum { LANES = 16, WORD = 4, PIXELS = 4, BLOCKS = 4 }; /* PIXELS x BLOCKS sums of LANES filters are in registers */
enum { BYTES = 64, VECTORS = BYTES / LANES };          /* of a depthwise convolution: values at once, and their sums */

void int8_vnni_free(Int8Packed *packed) {
    free(packed->weights);
    free(packed->bias);
    free(packed->offsets);
    *packed = (Int8Packed){0};
}

#if defined(__x86_64__)
#include <immintrin.h>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

static size_t scratch_size(const Int8Op *op, const Int8Packed *packed) {
    return ((size_t)packed->high * (size_t)packed->wide * (size_t)op->window.C + WORD + 63) / 64 * 64;
}

static size_t terms_of(const Window *w) {
    return (size_t)w->R * (size_t)w->S * (size_t)(w->C / w->groups);
}

static bool is_depthwise(const Window *w) {
    return w->groups > 1 && w->groups == w->C && w->K == w->C;
}

/* Where filter k has its bias: groups begin with whole blocks. */
static size_t slot_of(const Int8Packed *p, size_t k) {
    return k / p->filters * p->blocks * LANES + k % p->filters;
}

/* Value i of those that a depthwise convolution takes at once: interleaved within each 128 bits, four of 16 are a vector's. */
static size_t slot_of_value(size_t i) {
    return i / BYTES * BYTES + i % LANES / WORD * LANES + i % BYTES / LANES * WORD + i % WORD;
}

static void pack_filter(const Int8Op *op, size_t k, size_t slot, int x_zero, Int8Packed *p) {
    const size_t terms = terms_of(&op->window), run = p->pixels ? WORD : p->run, block = p->pixels ? BYTES : LANES;
    int32_t sum = 0;
    for (size_t i = 0; i < terms; i++) {
        const int8_t weight = op->weights[k * terms + i];
        const size_t word = (slot / block * p->runs + i / run) * p->words + i % run / WORD;
        p->weights[(word * block + slot % block) * WORD + i % run % WORD] = weight;
        sum += weight;
    }
    p->bias[slot] = op->bias[k] - (128 + x_zero) * sum;
    p->multiplier[slot] = op->multiplier[k];
    p->right[slot] = -op->shift[k];
}

/* Rows of pixels whose windows stand side by side are one row of values, as many as fit. */
static cf_status plan_depthwise(const Window *w, Int8Packed *p) {
    const size_t taps = terms_of(w), S = (size_t)w->S;
    p->pixels = w->stride == 1 && w->C < BYTES ? BYTES / w->C : 1;
    p->runs = (taps + WORD - 1) / WORD, p->words = 1;
    FORWARD(memory_new(p->runs * WORD, sizeof *p->offsets, &p->offsets));
    for (size_t i = 0; i < taps; i++)
        p->offsets[i] = (int32_t)((i / S * (size_t)p->wide + i % S) * (size_t)w->dilation * (size_t)w->C);
    return CF_OK;
}

static void pack_all(const Int8Op *op, int x_zero, Int8Packed *p) {
    const Window *w = &op->window;
    const size_t K = (size_t)w->K, values = K * (size_t)(p->pixels ? p->pixels : 1);
    for (size_t i = 0; i < values; i++) pack_filter(op, i % K, p->pixels ? slot_of_value(i) : slot_of(p, i), x_zero, p);
}

static cf_status pack(const Int8Network *network, const Int8Op *op, Int8Packed *packed) {
    const Window *w = &op->window;
    AUTO(int8_vnni_free) Int8Packed made = {0};
    *packed = made;
    if (op->kind != INT8_CONV) return CF_OK;
    for (int k = 0; k < w->K; k++)
        if (op->shift[k] > 0) return CF_OK;
    made.channels = (size_t)(w->C / w->groups), made.filters = (size_t)(w->K / w->groups);
    made.blocks = (made.filters + LANES - 1) / LANES;
    made.high = (w->P - 1) * w->stride + (w->R - 1) * w->dilation + 1;
    made.wide = (w->Q - 1) * w->stride + (w->S - 1) * w->dilation + 1;
    size_t filters = (size_t)w->groups * made.blocks * LANES;
    if (is_depthwise(w)) {
        FORWARD(plan_depthwise(w, &made));
        filters = ((size_t)w->K * (size_t)made.pixels + BYTES - 1) / BYTES * BYTES;
    } else {
        made.run = made.channels * (w->dilation == 1 && w->groups == 1 ? (size_t)w->S : 1);
        made.runs = terms_of(w) / made.run;
        made.words = (made.run + WORD - 1) / WORD;
    }
    FORWARD(memory_new(filters * made.runs * made.words, WORD, &made.weights));
    FORWARD(memory_new(3 * filters, sizeof *made.bias, &made.bias));
    made.multiplier = made.bias + filters, made.right = made.multiplier + filters;
    pack_all(op, network->tensors[op->x[0]].zero, &made);
    *packed = made;
    made = (Int8Packed){0};
    return CF_OK;
}

static void lay_out(const Window *w, const Int8Packed *packed, uint8_t rim, const int8_t *x, uint8_t *to) {
    const size_t C = (size_t)w->C, wide = (size_t)packed->wide * C;
    const int seen = packed->wide - w->pad_w, inside = seen < w->W ? seen : w->W;
    for (int h = 0; h < packed->high; h++, to += wide) {
        const int row = h - w->pad_h;
        memset(to, rim, wide);
        if (row < 0 || row >= w->H) continue;
        const int8_t *from = x + (size_t)row * (size_t)w->W * C;
        uint8_t *at = to + (size_t)w->pad_w * C;
        for (size_t i = 0; i < (size_t)inside * C; i++) at[i] = (uint8_t)(from[i] ^ -128);
    }
}

/* rescale() of int8_kernels.inc for shifts of 0 and less. */
VNNI static __m512i rescale(__m512i value, __m512i multiplier, __m512i right) {
    const __m512i half = _mm512_set1_epi64((int64_t)1 << 30), one = _mm512_set1_epi32(1);
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(value, multiplier), half),
                  odd = _mm512_add_epi64(
                      _mm512_mul_epi32(_mm512_srli_epi64(value, 32), _mm512_srli_epi64(multiplier, 32)), half);
    const __m512i high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
    const __m512i mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, right), one), rest = _mm512_and_si512(high, mask),
                  threshold = _mm512_add_epi32(_mm512_srli_epi32(mask, 1), _mm512_srli_epi32(high, 31));
    return _mm512_mask_add_epi32(_mm512_srav_epi32(high, right), _mm512_cmpgt_epi32_mask(rest, threshold),
                                 _mm512_srav_epi32(high, right), one);
}

/* Sums on the result's scale, and limited. */
VNNI static inline __m512i result_of(const Int8Network *n, const Int8Op *op, __m512i sums, __m512i multiplier,
                                     __m512i right) {
    __m512i value = _mm512_add_epi32(rescale(sums, multiplier, right), _mm512_set1_epi32(n->tensors[op->y].zero));
    value = _mm512_max_epi32(value, _mm512_set1_epi32(op->low));
    return _mm512_min_epi32(value, _mm512_set1_epi32(op->high));
}

/* Of the filters from `slot` on. */
VNNI static inline __m512i filtered(const Int8Network *n, const Int8Op *op, const Int8Packed *packed, size_t slot,
                                    __m512i sums) {
    return result_of(n, op, sums, _mm512_loadu_si512(packed->multiplier + slot),
                     _mm512_loadu_si512(packed->right + slot));
}

/* Some filters' values of some pixels. */
typedef struct Tile {
    const Int8Network *network;
    const Int8Op *op;
    const Int8Packed *packed;
    const uint8_t *from[PIXELS]; /* the first value that each window sees */
    int pixels;
    size_t group, block; /* the first, of all groups' */
    int8_t *y;           /* of the first pixel */
} Tile;

VNNI static void finish(const Tile *t, size_t block, const __m512i *sums, size_t step) {
    const size_t filters = t->packed->filters, first = (block - t->group * t->packed->blocks) * LANES;
    const size_t left = filters - first;
    const __mmask16 mask = (__mmask16)(left < LANES ? (1u << left) - 1 : 0xffff);
    int8_t *y = t->y + t->group * filters + first;
    for (int p = 0; p < t->pixels; p++, y += t->op->window.K) {
        const __m512i value = filtered(t->network, t->op, t->packed, block * LANES, sums[(size_t)p * step]);
        _mm_mask_storeu_epi8(y, mask, _mm512_cvtepi32_epi8(value));
    }
}

/* Where a run begins, from the first value that a window sees. */
static size_t run_offset(const Window *w, const Int8Packed *packed, size_t run) {
    const size_t wide = (size_t)packed->wide, S = (size_t)w->S;
    if (w->dilation == 1 && w->groups == 1) return run * wide * (size_t)w->C;
    return (run / S * wide + run % S) * (size_t)w->dilation * (size_t)w->C;
}

/* Of so many blocks at once, which the compiler must know. */
VNNI static inline __attribute__((always_inline)) void multiply(const Tile *t, const int blocks) {
    const Int8Packed *k = t->packed;
    const size_t channel = t->group * k->channels;
    __m512i sums[PIXELS][BLOCKS];
    for (int p = 0; p < PIXELS; p++)
        for (int b = 0; b < blocks; b++) sums[p][b] = _mm512_loadu_si512(k->bias + (t->block + (size_t)b) * LANES);
    for (size_t run = 0; run < k->runs; run++) {
        const size_t offset = channel + run_offset(&t->op->window, k, run);
        for (size_t word = 0; word < k->words; word++) {
            const int8_t *at = k->weights + ((t->block * k->runs + run) * k->words + word) * LANES * WORD;
            __m512i weights[BLOCKS];
            for (int b = 0; b < blocks; b++)
                weights[b] = _mm512_loadu_si512(at + (size_t)b * k->runs * k->words * LANES * WORD);
            for (int p = 0; p < PIXELS; p++) {
                int32_t four;
                memcpy(&four, t->from[p] + offset + word * WORD, sizeof four);
                const __m512i values = _mm512_set1_epi32(four);
                for (int b = 0; b < blocks; b++) sums[p][b] = _mm512_dpbusd_epi32(sums[p][b], values, weights[b]);
            }
        }
    }
    for (int b = 0; b < blocks; b++) finish(t, t->block + (size_t)b, &sums[0][b], BLOCKS);
}

VNNI static void multiply_all(Tile *t) {
    const size_t blocks = t->packed->blocks;
    for (t->group = 0; t->group < (size_t)t->op->window.groups; t->group++) {
        const size_t end = (t->group + 1) * blocks;
        for (t->block = t->group * blocks; t->block + BLOCKS <= end; t->block += BLOCKS) multiply(t, BLOCKS);
        for (; t->block + 2 <= end; t->block += 2) multiply(t, 2);
        if (t->block < end) multiply(t, 1);
    }
}

/* Up to 64 values of y, each from its own channel; `from`: what the first one's window sees first. */
VNNI static void multiply_channels(const Int8Network *n, const Int8Op *op, const Int8Packed *k, size_t block,
                                   __mmask64 values, const uint8_t *from, int8_t *y) {
    __m512i sums[VECTORS];
    const int8_t *weights = k->weights + block * k->runs * BYTES * WORD;
    for (size_t v = 0; v < VECTORS; v++) sums[v] = _mm512_loadu_si512(k->bias + block * BYTES + v * LANES);
    for (size_t four = 0; four < k->runs; four++, weights += BYTES * WORD) {
        __m512i tap[WORD];
        for (size_t i = 0; i < WORD; i++) tap[i] = _mm512_maskz_loadu_epi8(values, from + k->offsets[four * WORD + i]);
        const __m512i low[] = {_mm512_unpacklo_epi8(tap[0], tap[1]), _mm512_unpacklo_epi8(tap[2], tap[3])},
                      high[] = {_mm512_unpackhi_epi8(tap[0], tap[1]), _mm512_unpackhi_epi8(tap[2], tap[3])};
        const __m512i words[] = {_mm512_unpacklo_epi16(low[0], low[1]), _mm512_unpackhi_epi16(low[0], low[1]),
                                 _mm512_unpacklo_epi16(high[0], high[1]), _mm512_unpackhi_epi16(high[0], high[1])};
        for (size_t v = 0; v < VECTORS; v++)
            sums[v] = _mm512_dpbusd_epi32(sums[v], words[v], _mm512_loadu_si512(weights + v * LANES * WORD));
    }
    for (size_t v = 0; v < VECTORS; v++) sums[v] = filtered(n, op, k, block * BYTES + v * LANES, sums[v]);
    _mm512_mask_storeu_epi8(
        y, values, _mm512_packs_epi16(_mm512_packs_epi32(sums[0], sums[1]), _mm512_packs_epi32(sums[2], sums[3])));
}

static void run_depthwise(const Int8Network *n, const Int8Op *op, const Int8Packed *packed, const uint8_t *laid,
                          int8_t *y) {
    const Window *w = &op->window;
    const size_t C = (size_t)w->C, stride = (size_t)w->stride, wide = (size_t)packed->wide;
    for (size_t p = 0; p < (size_t)w->P; p++)
        for (size_t q = 0; q < (size_t)w->Q; q += (size_t)packed->pixels) {
            const size_t pixels = (size_t)w->Q - q, most = (size_t)packed->pixels,
                         count = (pixels < most ? pixels : most) * C;
            const uint8_t *from = laid + (p * wide + q) * stride * C;
            int8_t *to = y + (p * (size_t)w->Q + q) * C;
            for (size_t first = 0; first < count; first += BYTES) {
                const size_t left = count - first;
                multiply_channels(n, op, packed, first / BYTES,
                                  left < BYTES ? ((__mmask64)1 << left) - 1 : ~(__mmask64)0, from + first, to + first);
            }
        }
}

static void run(const Int8Network *network, const Int8Op *op, const Int8Packed *packed, uint8_t *scratch,
                const int8_t *x, int8_t *y) {
    const Window *w = &op->window;
    const int pixels = w->P * w->Q;
    lay_out(w, packed, (uint8_t)(network->tensors[op->x[0]].zero + 128), x, scratch);
    if (packed->pixels) {
        run_depthwise(network, op, packed, scratch, y);
        return;
    }
    for (int first = 0; first < pixels; first += PIXELS) {
        Tile t = {network,
                  op,
                  packed,
                  {0},
                  pixels - first < PIXELS ? pixels - first : PIXELS,
                  0,
                  0,
                  y + (size_t)first * (size_t)w->K};
        for (int i = 0; i < PIXELS; i++) {
            const int at = i < t.pixels ? first + i : first; /* those too many are computed and not stored */
            t.from[i] = scratch + ((size_t)(at / w->Q) * (size_t)packed->wide + (size_t)(at % w->Q)) *
                                      (size_t)w->stride * (size_t)w->C;
        }
        multiply_all(&t);
    }
}

VNNI static void maxpool(const Window *w, const int8_t *x, int8_t *y) {
    for (int p = 0; p < w->P; p++)
        for (int q = 0; q < w->Q; q++, y += w->C) {
            const int top = p * w->stride - w->pad_h, left = q * w->stride - w->pad_w;
            const int first = top < 0 ? 0 : top, last = top + w->R < w->H ? top + w->R : w->H;
            const int begin = left < 0 ? 0 : left, end = left + w->S < w->W ? left + w->S : w->W;
            for (int c = 0; c < w->C; c += 64) {
                const __mmask64 channels = w->C - c < 64 ? ((__mmask64)1 << (w->C - c)) - 1 : ~(__mmask64)0;
                __m512i largest = _mm512_set1_epi8(-128);
                for (int row = first; row < last; row++)
                    for (int column = begin; column < end; column++)
                        largest = _mm512_max_epi8(
                            largest, _mm512_mask_loadu_epi8(
                                         largest, channels,
                                         x + ((size_t)row * (size_t)w->W + (size_t)column) * (size_t)w->C + c));
                _mm512_mask_storeu_epi8(y + c, channels, largest);
            }
        }
}

/* Up to 16 values, without their zero. */
VNNI static inline __m512i values_of(const Int8Network *n, int tensor, __mmask16 lanes, const int8_t *x) {
    return _mm512_sub_epi32(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(lanes, x)),
                            _mm512_set1_epi32(n->tensors[tensor].zero));
}

VNNI static inline __m512i rescale_by(const Int8Op *op, int factor, __m512i values) {
    return rescale(values, _mm512_set1_epi32(op->factors[factor]), _mm512_set1_epi32(-op->shifts[factor]));
}

VNNI static void combine(const Int8Network *n, const Int8Op *op, const int8_t *a, const int8_t *b, int8_t *y) {
    const bool adds = op->kind == INT8_ADD;
    const size_t count = shape_size(n->tensors[op->y].shape), row = adds ? count : (size_t)n->tensors[op->y].shape.C;
    const __m512i multiplier = _mm512_set1_epi32(op->factors[adds ? 2 : 0]),
                  right = _mm512_set1_epi32(-op->shifts[adds ? 2 : 0]);
    for (size_t first = 0; first < count; first += row)
        for (size_t i = 0; i < row; i += LANES) {
            const __mmask16 lanes = (__mmask16)(row - i < LANES ? (1u << (row - i)) - 1 : 0xffff);
            __m512i left = values_of(n, op->x[0], lanes, a + first + i), other = values_of(n, op->x[1], lanes, b + i);
            if (adds) {
                left = rescale_by(op, 0, _mm512_slli_epi32(left, 20));
                left = _mm512_add_epi32(left, rescale_by(op, 1, _mm512_slli_epi32(other, 20)));
            } else
                left = _mm512_mullo_epi32(left, other);
            _mm_mask_storeu_epi8(y + first + i, lanes, _mm512_cvtepi32_epi8(result_of(n, op, left, multiplier, right)));
        }
}

const Int8Vnni *int8_vnni(void) {
    static const Int8Vnni vnni = {pack, scratch_size, run, maxpool, combine};
    const bool there = strcmp(cpu_kernels()->name, "avx512") == 0 && __builtin_cpu_supports("avx512vnni");
    return there ? &vnni : NULL;
}
#else
const Int8Vnni *int8_vnni(void) {
    return NULL;
}
#endif
