/* A few pixels' patches are laid out as bytes from 0 on, four values to a word, with the zero of what arrives where the window is
 * outside; then each word meets 16 filters at once. Sums are exact, so their order is free. */
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

size_t int8_vnni_scratch(const Int8Packed *packed) {
    return (PIXELS * packed->words * WORD + 63) / 64 * 64;
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
        p->weights[((k / LANES * p->words + i / WORD) * LANES + k % LANES) * WORD + i % WORD] = weight;
        sum += weight;
    }
    p->bias[k] = op->bias[k] - (128 + x_zero) * sum;
    p->multiplier[k] = op->multiplier[k];
    p->right[k] = -op->shift[k];
}

cf_status int8_vnni_pack(const Int8Network *network, const Int8Op *op, Int8Packed *packed) {
    const Window *w = &op->window;
    Int8Packed made = {.words = (terms_of(w) + WORD - 1) / WORD};
    const size_t filters = blocks_of(w) * LANES;
    *packed = (Int8Packed){0};
    if (op->kind != INT8_CONV || w->groups != 1) return CF_OK;
    for (int k = 0; k < w->K; k++)
        if (op->shift[k] > 0) return CF_OK;
    FORWARD(memory_new(filters * made.words, WORD, &made.weights));
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

/* The values that a window at (p, q) sees, from -128 on; outside is `rim`. */
static void lay_patch(const Window *w, int p, int q, uint8_t rim, const int8_t *x, uint8_t *patch) {
    for (int r = 0; r < w->R; r++)
        for (int s = 0; s < w->S; s++, patch += w->C) {
            const int row = p * w->stride + r * w->dilation - w->pad_h, column = q * w->stride + s * w->dilation - w->pad_w;
            if (row < 0 || row >= w->H || column < 0 || column >= w->W) {
                memset(patch, rim, (size_t)w->C);
                continue;
            }
            const int8_t *from = x + ((size_t)row * (size_t)w->W + (size_t)column) * (size_t)w->C;
            for (int c = 0; c < w->C; c++) patch[c] = (uint8_t)(from[c] ^ -128);
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

/* Some filters' values of some pixels, whose patches are `words` words apart. */
typedef struct Tile {
    const Int8Network *network;
    const Int8Op *op;
    const Int8Packed *packed;
    const uint8_t *patches;
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
        _mm_mask_storeu_epi8(t->y + (size_t)p * (size_t)t->op->window.K + block * LANES, filters, _mm512_cvtepi32_epi8(value));
    }
}

/* Of so many blocks at once, which the compiler must know. */
VNNI static inline __attribute__((always_inline)) void multiply(const Tile *t, const int blocks) {
    const Int8Packed *k = t->packed;
    __m512i sums[PIXELS][BLOCKS];
    for (int p = 0; p < PIXELS; p++)
        for (int b = 0; b < blocks; b++) sums[p][b] = _mm512_loadu_si512(k->bias + (t->block + (size_t)b) * LANES);
    for (size_t word = 0; word < k->words; word++) {
        __m512i weights[BLOCKS];
        for (int b = 0; b < blocks; b++)
            weights[b] = _mm512_loadu_si512(k->weights + ((t->block + (size_t)b) * k->words + word) * LANES * WORD);
        for (int p = 0; p < PIXELS; p++) {
            int32_t four;
            memcpy(&four, t->patches + ((size_t)p * k->words + word) * WORD, sizeof four);
            const __m512i values = _mm512_set1_epi32(four);
            for (int b = 0; b < blocks; b++) sums[p][b] = _mm512_dpbusd_epi32(sums[p][b], values, weights[b]);
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

void int8_vnni_run(const Int8Network *network, const Int8Op *op, const Int8Packed *packed, uint8_t *scratch, const int8_t *x,
                   int8_t *y) {
    const Window *w = &op->window;
    const uint8_t rim = (uint8_t)(network->tensors[op->x[0]].zero + 128);
    const int pixels = w->P * w->Q;
    for (int first = 0; first < pixels; first += PIXELS) {
        const int count = pixels - first < PIXELS ? pixels - first : PIXELS;
        for (int i = 0; i < count; i++)
            lay_patch(w, (first + i) / w->Q, (first + i) % w->Q, rim, x, scratch + (size_t)i * packed->words * WORD);
        multiply_all(&(Tile){network, op, packed, scratch, count, 0, y + (size_t)first * (size_t)w->K});
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

void int8_vnni_run(const Int8Network *network, const Int8Op *op, const Int8Packed *packed, uint8_t *scratch, const int8_t *x,
                   int8_t *y) {
    (void)network, (void)op, (void)packed, (void)scratch, (void)x, (void)y;
}
#endif
