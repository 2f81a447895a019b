/* Pools with strides and padding, compiled once per instruction set and element type. */
#include "nn/cpu/rows.h"

/* The part of a window that lies inside the image. */
typedef struct Inside {
    int r0, r1, s0, s1;
    size_t first; /* the input's index at (r, s) = (0, 0), modulo 2^64 where that is padding */
} Inside;

INLINE Inside inside(const Window *w, int n, int p, int q) {
    int top = p * w->stride - w->pad_h, left = q * w->stride - w->pad_w;
    return (Inside){.r0 = top < 0 ? -top : 0,
                    .r1 = top + w->R > w->H ? w->H - top : w->R,
                    .s0 = left < 0 ? -left : 0,
                    .s1 = left + w->S > w->W ? w->W - left : w->S,
                    .first = (size_t)((((ptrdiff_t)n * w->H + top) * w->W + left) * w->C)};
}

INLINE size_t tap(const Window *w, const Inside *in, int r, int s) {
    return in->first + ((size_t)r * (size_t)w->W + (size_t)s) * (size_t)w->C;
}

INLINE size_t output_at(const Window *w, int n, int p, int q) {
    return (((size_t)n * (size_t)w->P + (size_t)p) * (size_t)w->Q + (size_t)q) * (size_t)w->C;
}

/* The statement for every output pixel, `in` its window, and for the n channels from c, the first of which has the index `at` among
 * the outputs. A window of 2x2 has constant sizes. */
#define EACH_WINDOW(w, ...)                                                                                            \
    for (int n_ = 0; n_ < (w)->N; n_++)                                                                                \
        for (int p_ = 0; p_ < (w)->P; p_++)                                                                            \
            for (int q_ = 0; q_ < (w)->Q; q_++) {                                                                      \
                const Inside any_ = inside((w), n_, p_, q_);                                                           \
                const Inside square_ = {any_.r0, any_.r0 + 2, any_.s0, any_.s0 + 2, any_.first};                       \
                const bool is_square_ = any_.r1 == square_.r1 && any_.s1 == square_.s1;                                \
                size_t at = output_at((w), n_, p_, q_);                                                                \
                for (int c = 0; c < (w)->C; c += WIDE, at += WIDE)                                                     \
                    if ((w)->C - c < WIDE) {                                                                           \
                        const Inside in = any_;                                                                        \
                        const int n = (w)->C - c;                                                                      \
                        __VA_ARGS__;                                                                                   \
                    } else if (is_square_) {                                                                           \
                        const Inside in = square_;                                                                     \
                        const int n = WIDE;                                                                            \
                        __VA_ARGS__;                                                                                   \
                    } else {                                                                                           \
                        const Inside in = any_;                                                                        \
                        const int n = WIDE;                                                                            \
                        __VA_ARGS__;                                                                                   \
                    }                                                                                                  \
            }
#define EACH_TAP(in)                                                                                                   \
    for (int r = (in).r0; r < (in).r1; r++)                                                                            \
        for (int s = (in).s0; s < (in).s1; s++)

/* Places in words, as the lanes of a Wide. */
INLINE void store_words(uint16_t *to, const VI part[PARTS], int n) {
#ifdef WIDE_BF16
    store_elements(to, _mm512_or_si512((__m512i)part[0], _mm512_slli_epi32((__m512i)part[1], 16)), n);
#elif defined(__AVX512F__)
    __m256i words = _mm512_cvtepi32_epi16((__m512i)part[0]);
    if (n == WIDE)
        _mm256_storeu_si256((__m256i *)to, words);
    else
        _mm256_mask_storeu_epi16(to, first_lanes(n), words);
#else
    typedef uint16_t Words __attribute__((vector_size(2 * LANES)));
    Words words = __builtin_convertvector(part[0], Words);
    memcpy(to, &words, (size_t)n * sizeof *to);
#endif
}

INLINE void load_words(const uint16_t *from, int n, VI part[PARTS]) {
#ifdef WIDE_BF16
    Elements words = load_elements(from, n);
    part[0] = (VI)_mm512_and_si512(words, _mm512_set1_epi32(0xffff));
    part[1] = (VI)_mm512_srli_epi32(words, 16);
#elif defined(__AVX512F__)
    part[0] = (VI)_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_lanes(n), from));
#else
    typedef uint16_t Words __attribute__((vector_size(2 * LANES)));
    Words words = {0};
    memcpy(&words, from, (size_t)n * sizeof *from);
    part[0] = __builtin_convertvector(words, VI);
#endif
}

void KERNEL(maxpool_forward)(const Window *w, const void *x, void *y, uint16_t *place) {
    const T *from = x;
    T *to = y;
    EACH_WINDOW(w, {
        Wide best = load_wide(from + c + tap(w, &in, in.r0, in.s0), n);
        VI where[PARTS];
        EACH_PART(p) where[p] = all_lanes_int(in.r0 * w->S + in.s0);
        EACH_TAP(in) {
            Wide v = load_wide(from + c + tap(w, &in, r, s), n);
            EACH_PART(p) {
                Mask wins = either(greater(v.part[p], best.part[p]), is_nan(v.part[p])); /* a NaN wins */
                best.part[p] = choose(wins, v.part[p], best.part[p]);
                where[p] = choose_int(wins, all_lanes_int(r * w->S + s), where[p]);
            }
        }
        store_wide(to + at, best, n);
        store_words(place + at, where, n);
    })
}

void KERNEL(maxpool_backward)(const Window *w, const void *dy, const uint16_t *place, void *dx) {
    const T *from = dy;
    T *to = dx;
    memset(to, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * (size_t)w->C * sizeof *to);
    EACH_WINDOW(w, {
        const Wide d = load_wide(from + at, n);
        VI where[PARTS];
        load_words(place + at, n, where);
        EACH_TAP(in) {
            T *sum = to + c + tap(w, &in, r, s);
            Wide v = load_wide(sum, n);
            EACH_PART(p) {
                const Mask picked = equal_int(where[p], all_lanes_int(r * w->S + s));
                v.part[p] = choose(picked, v.part[p] + d.part[p], v.part[p]);
            }
            store_wide(sum, v, n);
        }
    })
}

INLINE float taps_of(const Inside *in) {
    return (float)((in->r1 - in->r0) * (in->s1 - in->s0));
}

void KERNEL(avgpool_forward)(const Window *w, const void *x, void *y) {
    const T *from = x;
    T *to = y;
    EACH_WINDOW(w, {
        Wide sum = {{{0}}};
        EACH_TAP(in) sum = add_wide(sum, load_wide(from + c + tap(w, &in, r, s), n));
        EACH_PART(p) sum.part[p] /= taps_of(&in);
        store_wide(to + at, sum, n);
    })
}

void KERNEL(avgpool_backward)(const Window *w, const void *dy, void *dx) {
    const T *from = dy;
    T *to = dx;
    /* A single window has every pixel: nothing is to be added to. */
    const bool whole = w->R == w->H && w->S == w->W && w->pad_h == 0 && w->pad_w == 0;
    if (!whole) memset(to, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * (size_t)w->C * sizeof *to);
    EACH_WINDOW(w, {
        Wide share = load_wide(from + at, n);
        EACH_PART(p) share.part[p] /= taps_of(&in);
        EACH_TAP(in) {
            T *sum = to + c + tap(w, &in, r, s);
            store_wide(sum, whole ? share : add_wide(load_wide(sum, n), share), n);
        }
    })
}
