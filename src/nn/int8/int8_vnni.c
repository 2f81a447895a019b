/* What arrives is laid out once as bytes from 0 on, with a rim of its zero where windows are outside. Then what a filter sees of a row is
 * one run of bytes (of a pixel, with a dilation), four of them to a word, and each word meets 16 filters at once. Behind a run's
 * last value a word holds whatever follows, whose weights are 0. Sums are exact, so their order is free. */
#include "nn/int8/int8_vnni.h"

#include "base/memory.h"
#include "nn/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

enum { LANES = 16, WORD = 4, PIXELS = 4, BLOCKS = 4 }; /* PIXELS x BLOCKS sums of LANES filters are in registers */

void int8_vnni_free(Int8Packed *packed) {
    free(packed->weights);
    free(packed->bias);
    *packed = (Int8Packed){0};
}

size_t int8_vnni_scratch(const Int8Op *op, const Int8Packed *packed) {
    return ((size_t)packed->high * (size_t)packed->wide * (size_t)op->window.C + WORD + 63) / 64 * 64;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

bool int8_vnni_there(void) {
    const char *name = cpu_kernels()->name;
    return strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512vnni");
}

static size_t terms_of(const Window *w) {
    return (size_t)w->R * (size_t)w->S * (size_t)w->C;
}

static size_t blocks_of(const Window *w) {
    return ((size_t)w->K + LANES - 1) / LANES;
}

static void pack_filter(const Int8Op *op, size_t k, int x_zero, Int8Packed *p) {
    const size_t terms = terms_of(&op->window);
    int32_t sum = 0;
    for (size_t i = 0; i < terms; i++) {
        const int8_t weight = op->weights[k * terms + i];
        const size_t word = (k / LANES * p->runs + i / p->run) * p->words + i % p->run / WORD;
        p->weights[(word * LANES + k % LANES) * WORD + i % p->run % WORD] = weight;
        sum += weight;
    }
    p->bias[k] = op->bias[k] - (128 + x_zero) * sum;
    p->multiplier[k] = op->multiplier[k];
    p->right[k] = -op->shift[k];
}

cf_status int8_vnni_pack(const Int8Network *network, const Int8Op *op, Int8Packed *packed) {
    const Window *w = &op->window;
    Int8Packed made = {.run = w->dilation == 1 ? (size_t)w->S * (size_t)w->C : (size_t)w->C,
                       .high = (w->P - 1) * w->stride + (w->R - 1) * w->dilation + 1,
                       .wide = (w->Q - 1) * w->stride + (w->S - 1) * w->dilation + 1};
    const size_t filters = blocks_of(w) * LANES;
    *packed = (Int8Packed){0};
    if (op->kind != INT8_CONV || w->groups != 1) return CF_OK;
    for (int k = 0; k < w->K; k++)
        if (op->shift[k] > 0) return CF_OK;
    made.runs = terms_of(w) / made.run;
    made.words = (made.run + WORD - 1) / WORD;
    FORWARD(memory_new(filters * made.runs * made.words, WORD, &made.weights));
    const cf_status status = memory_new(3 * filters, sizeof *made.bias, &made.bias);
    if (status) {
        int8_vnni_free(&made);
        return status;
    }
    made.multiplier = made.bias + filters, made.right = made.multiplier + filters;
    for (int k = 0; k < w->K; k++) pack_filter(op, (size_t)k, network->tensors[op->x[0]].zero, &made);
    *packed = made;
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

/* Some filters' values of some pixels. */
typedef struct Tile {
    const Int8Network *network;
    const Int8Op *op;
    const Int8Packed *packed;
    const uint8_t *from[PIXELS]; /* the first value that each window sees */
    int pixels;
    size_t block; /* the first */
    int8_t *y;    /* of the first pixel */
} Tile;

VNNI static void finish(const Tile *t, size_t block, const __m512i *sums, size_t step) {
    const int zero = t->network->tensors[t->op->y].zero, left = t->op->window.K - (int)block * LANES;
    const __mmask16 filters = (__mmask16)(left < LANES ? (1u << left) - 1 : 0xffff);
    const __m512i multiplier = _mm512_loadu_si512(t->packed->multiplier + block * LANES),
                  right = _mm512_loadu_si512(t->packed->right + block * LANES);
    for (int p = 0; p < t->pixels; p++) {
        __m512i value = _mm512_add_epi32(rescale(sums[(size_t)p * step], multiplier, right), _mm512_set1_epi32(zero));
        value = _mm512_max_epi32(value, _mm512_set1_epi32(t->op->low));
        value = _mm512_min_epi32(value, _mm512_set1_epi32(t->op->high));
        _mm_mask_storeu_epi8(t->y + (size_t)p * (size_t)t->op->window.K + block * LANES, filters,
                             _mm512_cvtepi32_epi8(value));
    }
}

/* Where a run begins, from the first value that a window sees. */
static size_t run_offset(const Window *w, const Int8Packed *packed, size_t run) {
    const size_t wide = (size_t)packed->wide, S = (size_t)w->S;
    if (w->dilation == 1) return run * wide * (size_t)w->C;
    return (run / S * wide + run % S) * (size_t)w->dilation * (size_t)w->C;
}

/* Of so many blocks at once, which the compiler must know. */
VNNI static inline __attribute__((always_inline)) void multiply(const Tile *t, const int blocks) {
    const Int8Packed *k = t->packed;
    __m512i sums[PIXELS][BLOCKS];
    for (int p = 0; p < PIXELS; p++)
        for (int b = 0; b < blocks; b++) sums[p][b] = _mm512_loadu_si512(k->bias + (t->block + (size_t)b) * LANES);
    for (size_t run = 0; run < k->runs; run++) {
        const size_t offset = run_offset(&t->op->window, k, run);
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
    const size_t blocks = blocks_of(&t->op->window);
    for (t->block = 0; t->block + BLOCKS <= blocks; t->block += BLOCKS) multiply(t, BLOCKS);
    for (; t->block + 2 <= blocks; t->block += 2) multiply(t, 2);
    if (t->block < blocks) multiply(t, 1);
}

void int8_vnni_run(const Int8Network *network, const Int8Op *op, const Int8Packed *packed, uint8_t *scratch,
                   const int8_t *x, int8_t *y) {
    const Window *w = &op->window;
    const int pixels = w->P * w->Q;
    lay_out(w, packed, (uint8_t)(network->tensors[op->x[0]].zero + 128), x, scratch);
    for (int first = 0; first < pixels; first += PIXELS) {
        Tile t = {network,
                  op,
                  packed,
                  {0},
                  pixels - first < PIXELS ? pixels - first : PIXELS,
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

VNNI void int8_vnni_maxpool(const Window *w, const int8_t *x, int8_t *y) {
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
#else
bool int8_vnni_there(void) {
    return false;
}

cf_status int8_vnni_pack(const Int8Network *network, const Int8Op *op, Int8Packed *packed) {
    (void)network, (void)op;
    *packed = (Int8Packed){0};
    return CF_OK;
}

void int8_vnni_run(const Int8Network *network, const Int8Op *op, const Int8Packed *packed, uint8_t *scratch,
                   const int8_t *x, int8_t *y) {
    (void)network, (void)op, (void)packed, (void)scratch, (void)x, (void)y;
}

void int8_vnni_maxpool(const Window *w, const int8_t *x, int8_t *y) {
    (void)w, (void)x, (void)y;
}
#endif
