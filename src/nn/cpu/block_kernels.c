/* Batch norm, activation and max pool in one pass, compiled once per instruction set and element type. */
#include "nn/cpu/rows.h"

INLINE Norm norm_at(const Block *b, int c, int n) {
    return (Norm){load_wide_float(b->mean + c, n), load_wide_float(b->scale + c, n), load_wide_float(b->shift + c, n),
                  b->act.slope};
}

INLINE Spread spread_at(const Block *b, int c, int n) {
    return (Spread){load_wide_float(b->mean + c, n), load_wide_float(b->b + c, n), load_wide_float(b->c + c, n)};
}

/* Picking: what is compared is an input with its sign turned in a falling channel, whose largest output comes from its smallest
 * input. In bfloat16 that is done on integers, 32 at a time: a negative number's is less the larger the rest of it is, and
 * 0 and -0 have the same. */
#ifdef WIDE_BF16
typedef __mmask32 PickMask;
typedef __m256i Places;

typedef struct Pick {
    Elements turned;
    __m512i order;
} Pick;

INLINE Elements falling(const Norm *norm) {
    const __m512 zero = _mm512_setzero_ps();
    __mmask16 even = _mm512_cmp_ps_mask((__m512)norm->scale.part[0], zero, _CMP_LT_OQ);
    __mmask16 odd = _mm512_cmp_ps_mask((__m512)norm->scale.part[1], zero, _CMP_LT_OQ);
    return _mm512_or_si512(_mm512_maskz_set1_epi32(even, 0x8000), _mm512_maskz_set1_epi32(odd, INT32_MIN));
}

INLINE Pick pick_at(const T *x, Elements turn, int n) {
    Elements turned = _mm512_xor_si512(load_elements(x, n), turn);
    __m512i below = _mm512_subs_epu16(turned, _mm512_set1_epi16(INT16_MIN));
    return (Pick){turned, _mm512_sub_epi16(_mm512_max_epi16(turned, _mm512_setzero_si512()), below)};
}

INLINE PickMask larger(Pick a, Pick b) {
    return _mm512_cmpgt_epi16_mask(a.order, b.order);
}

INLINE Pick choose_pick(PickMask mask, Pick yes, Pick no) {
    return (Pick){_mm512_mask_mov_epi16(no.turned, mask, yes.turned), _mm512_max_epi16(no.order, yes.order)};
}

INLINE Elements picked_elements(Pick pick, Elements turn) {
    return _mm512_xor_si512(pick.turned, turn);
}

INLINE Places choose_place(PickMask mask, int place, Places places) {
    return _mm256_mask_mov_epi8(places, mask, _mm256_set1_epi8((char)place));
}

INLINE void store_places(uint8_t *to, Places places, int n) {
    if (n == WIDE)
        _mm256_storeu_si256((__m256i *)to, places);
    else
        _mm256_mask_storeu_epi8(to, first_elements(n), places);
}

/* As the lanes of a Wide. */
INLINE void load_places(const uint8_t *from, int n, VI part[PARTS]) {
    __m256i bytes =
        n == WIDE ? _mm256_loadu_si256((const __m256i *)from) : _mm256_maskz_loadu_epi8(first_elements(n), from);
    __m512i words = _mm512_cvtepu8_epi16(bytes);
    part[0] = (VI)_mm512_and_si512(words, _mm512_set1_epi32(0xffff));
    part[1] = (VI)_mm512_srli_epi32(words, 16);
}
#else
typedef Mask PickMask;
typedef VI Pick; /* the bits of floats */
typedef VI Places;

INLINE VI falling(const Norm *norm) {
    return choose_int(greater((V){0}, norm->scale.part[0]), all_lanes_int(INT32_MIN), (VI){0});
}

INLINE Pick pick_at(const T *x, VI turn, int n) {
    return (VI)load(x, n) ^ turn;
}

INLINE PickMask larger(Pick a, Pick b) {
    return greater((V)a, (V)b);
}

INLINE Pick choose_pick(PickMask mask, Pick yes, Pick no) {
    return choose_int(mask, yes, no);
}

INLINE Elements picked_elements(Pick pick, VI turn) {
    return narrow_wide((Wide){{(V)(pick ^ turn)}});
}

INLINE Places choose_place(PickMask mask, int place, Places places) {
    return choose_int(mask, all_lanes_int(place), places);
}

INLINE void store_places(uint8_t *to, Places places, int n) {
    store_bytes(to, places, n);
}

INLINE void load_places(const uint8_t *from, int n, VI part[PARTS]) {
    part[0] = load_bytes(from, n);
}
#endif

/* A row of outputs, n channels: the windows' first inputs lie S pixels apart. `picked` NULL: not kept. */
INLINE void pool_row(const Block *b, ActivationKind kind, int R, int S, int c, int n, const T *x, T *picked, T *y,
                     uint8_t *place) {
    const size_t C = (size_t)b->C, row = (size_t)b->W * C;
    const Norm norm = norm_at(b, c, n);
    const __typeof__(falling(&norm)) turn = falling(&norm);
    for (int q = 0; q < b->Q; q++) {
        const T *window = x + (size_t)q * (size_t)S * C + (size_t)c;
        const size_t out = (size_t)q * C + (size_t)c;
        Pick best = pick_at(window, turn, n);
        Places where = {0};
        for (int r = 0; r < R; r++)
            for (int s = 0; s < S; s++) {
                if (!r && !s) continue;
                Pick next = pick_at(window + (size_t)r * row + (size_t)s * C, turn, n);
                PickMask mask = larger(next, best);
                best = choose_pick(mask, next, best);
                where = choose_place(mask, r * S + s, where);
            }
        Elements x_picked = picked_elements(best, turn);
        Wide v = widen_elements(x_picked);
        EACH_PART(p) v.part[p] = normed_active(&norm, kind, v.part[p], p);
        store_wide(y + out, v, n);
        if (!picked) continue;
        store_elements(picked + out, x_picked, n);
        store_places(place + out, where, n);
    }
}

INLINE void pool_images(const Block *b, ActivationKind kind, int N, const T *x, T *picked, T *y, uint8_t *place) {
    const size_t row = (size_t)b->W * (size_t)b->C, out = (size_t)b->Q * (size_t)b->C;
    for (int i = 0; i < N; i++, x += (size_t)b->H * row)
        for (int p = 0; p < b->P; p++, y += out) {
            const T *from = x + (size_t)(p * b->R) * row;
            for (int c = 0; c < b->C; c += WIDE) {
                if (b->R == 2 && b->S == 2)
                    WHOLE_OR_PART(wide_at(b->C, c), pool_row(b, kind, 2, 2, c, n, from, picked, y, place));
                else
                    pool_row(b, kind, b->R, b->S, c, wide_at(b->C, c), from, picked, y, place);
            }
            if (picked) picked += out, place += out;
        }
}

/* The block with its channels repeated, where several rows together fill a register; *rows becomes theirs. */
typedef struct Repeated {
    Block b;
    float numbers[6][WIDE];
} Repeated;

static const Block *repeat_channels(const Block *b, size_t *rows, Repeated *r) {
    const float *const numbers[] = {b->mean, b->scale, b->shift, b->a, b->b, b->c};
    const size_t times = rows_at_once(b->C, *rows);
    if (times == 1) return b;
    for (int k = 0; k < 6; k++)
        for (int i = 0; numbers[k] && i < WIDE; i++) r->numbers[k][i] = numbers[k][i % b->C];
    r->b = (Block){.C = WIDE,
                   .act = b->act,
                   .mean = r->numbers[0],
                   .scale = r->numbers[1],
                   .shift = r->numbers[2],
                   .a = r->numbers[3],
                   .b = r->numbers[4],
                   .c = r->numbers[5]};
    *rows /= times;
    return &r->b;
}

INLINE void norm_images(const Block *b, ActivationKind kind, size_t rows, const T *x, const T *residual, T *y) {
    EACH_BLOCK(rows, b->C, {
        const Norm norm = norm_at(b, c, n);
        norm_rows(&norm, kind, count, b->C, n, x + at + c, residual ? residual + at + c : NULL, y + at + c);
    });
}

void KERNEL(block_forward)(const Block *b, int N, const void *x, const void *residual, void *picked, void *y,
                           uint8_t *place) {
    size_t rows = (size_t)N * (size_t)b->H * (size_t)b->W;
    Repeated space;
    const Block *together = repeat_channels(b, &rows, &space);
    if (b->R * b->S > 1)
        WITH_ACTIVATION(b->act, pool_images(b, kind, N, x, picked, y, place))
    else if (residual)
        WITH_ACTIVATION(b->act, norm_images(together, kind, rows, x, residual, y))
    else
        WITH_ACTIVATION(b->act, norm_images(together, kind, rows, x, NULL, y))
}

INLINE void sum_images_of(const Block *b, ActivationKind kind, size_t rows, const T *x, const T *d, double *sums) {
    EACH_BLOCK(rows, b->C, {
        const Norm norm = norm_at(b, c, n);
        Wide plain = {{{0}}}, product = {{{0}}};
        for (size_t r = 0, value = at + (size_t)c; r < count; r++, value += (size_t)b->C) {
            const Wide v = load_wide(x + value, n), g = load_wide(d + value, n);
            EACH_PART(p) {
                V behind = behind_activation(&norm, kind, v.part[p], g.part[p], p);
                plain.part[p] += behind;
                product.part[p] += behind * (v.part[p] - norm.mean.part[p]);
            }
        }
        gather(sums + c, plain, n);
        gather(sums + b->C + c, product, n);
    })
}

void KERNEL(block_sums)(const Block *b, int N, const void *picked, const void *dy, double *sums) {
    size_t rows = (size_t)N * (size_t)b->P * (size_t)b->Q;
    Repeated space;
    const Block *together = repeat_channels(b, &rows, &space);
    double more[2 * WIDE] = {0}, *to = together == b ? sums : more;
    memset(sums, 0, 2 * (size_t)b->C * sizeof *sums);
    WITH_ACTIVATION(b->act, sum_images_of(together, kind, rows, picked, dy, to))
    for (int i = 0; to == more && i < WIDE; i++) sums[i % b->C] += more[i], sums[b->C + i % b->C] += more[WIDE + i];
}

/* Pixels without a gradient of their own. */
INLINE void spread_pixels(const Block *b, size_t pixels, int c, int n, const T *x, T *dx) {
    const Spread rest = spread_at(b, c, n);
    for (size_t i = 0; i < pixels; i++) {
        size_t at = i * (size_t)b->C + (size_t)c;
        Wide v = load_wide(x + at, n);
        EACH_PART(p) v.part[p] = spread(&rest, v.part[p], p);
        store_wide(dx + at, v, n);
    }
}

/* The windows of a row of outputs, n channels. */
INLINE void unpool_row(const Block *b, ActivationKind kind, int R, int S, int c, int n, const T *x, const T *picked,
                       const T *dy, const uint8_t *place, T *dx) {
    const size_t C = (size_t)b->C, row = (size_t)b->W * C;
    const Norm norm = norm_at(b, c, n);
    const Spread rest = spread_at(b, c, n);
    const Wide a = load_wide_float(b->a + c, n);
    for (int q = 0; q < b->Q; q++) {
        const size_t out = (size_t)q * C + (size_t)c, window = (size_t)q * (size_t)S * C + (size_t)c;
        Wide x_picked = load_wide(picked + out, n), d = load_wide(dy + out, n);
        VI where[PARTS];
        load_places(place + out, n, where);
        EACH_PART(p) d.part[p] = a.part[p] * behind_activation(&norm, kind, x_picked.part[p], d.part[p], p);
        for (int r = 0; r < R; r++)
            for (int s = 0; s < S; s++) {
                size_t at = window + (size_t)r * row + (size_t)s * C;
                Wide v = load_wide(x + at, n);
                EACH_PART(p) {
                    V base = spread(&rest, v.part[p], p);
                    v.part[p] = choose(equal_int(where[p], all_lanes_int(r * S + s)), base + d.part[p], base);
                }
                store_wide(dx + at, v, n);
            }
    }
}

INLINE void unpool_images(const Block *b, ActivationKind kind, int N, const T *x, const T *picked, const T *dy,
                          const uint8_t *place, T *dx) {
    const size_t C = (size_t)b->C, row = (size_t)b->W * C, out = (size_t)b->Q * C;
    const int used = b->Q * b->S, below = b->P * b->R;
    for (int i = 0; i < N; i++, x += (size_t)b->H * row, dx += (size_t)b->H * row) {
        for (int p = 0; p < b->P; p++, picked += out, dy += out, place += out) {
            const size_t first = (size_t)(p * b->R) * row;
            for (int c = 0; c < b->C; c += WIDE) {
                if (b->R == 2 && b->S == 2)
                    WHOLE_OR_PART(wide_at(b->C, c),
                                  unpool_row(b, kind, 2, 2, c, n, x + first, picked, dy, place, dx + first));
                else
                    unpool_row(b, kind, b->R, b->S, c, wide_at(b->C, c), x + first, picked, dy, place, dx + first);
            }
        }
        /* Columns and rows that no window covers. */
        for (int c = 0; c < b->C; c += WIDE) {
            int n = wide_at(b->C, c);
            for (int r = 0; used < b->W && r < below; r++) {
                size_t at = (size_t)r * row + (size_t)used * C;
                spread_pixels(b, (size_t)(b->W - used), c, n, x + at, dx + at);
            }
            spread_pixels(b, (size_t)(b->H - below) * (size_t)b->W, c, n, x + (size_t)below * row,
                          dx + (size_t)below * row);
        }
    }
}

INLINE void norm_images_backward(const Block *b, ActivationKind kind, size_t rows, const T *x, const T *dy, T *dx) {
    EACH_BLOCK(rows, b->C, {
        const Norm norm = norm_at(b, c, n);
        const Spread rest = spread_at(b, c, n);
        const Wide a = load_wide_float(b->a + c, n);
        norm_rows_backward(&norm, &rest, a, kind, count, b->C, n, x + at + c, dy + at + c, dx + at + c);
    });
}

void KERNEL(block_backward)(const Block *b, int N, const void *x, const void *picked, const void *dy,
                            const uint8_t *place, void *dx) {
    size_t rows = (size_t)N * (size_t)b->H * (size_t)b->W;
    Repeated space;
    const Block *together = repeat_channels(b, &rows, &space);
    if (b->R * b->S > 1)
        WITH_ACTIVATION(b->act, unpool_images(b, kind, N, x, picked, dy, place, dx))
    else
        WITH_ACTIVATION(b->act, norm_images_backward(together, kind, rows, x, dy, dx))
}
