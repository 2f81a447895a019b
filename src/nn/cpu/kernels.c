/* The kernels of nn/engine.h, compiled once per instruction set and element type (KERNEL_ISA, KERNEL_BF16).
 *
 * Channels are lanes. Where a channel has constants (a norm's) they are loaded once for a row of outputs, and the loop over its
 * pixels is inside the one over the channels. Sums over rows run in float over at most BLOCK rows and in double above them, so
 * they neither lose digits on large images nor depend on anything but the slice. */
#include "nn/cpu/vectors.h"

#include "nn/engine.h"

enum { BLOCK = 64 }; /* rows of a sum in float */

#define EACH_PART(p) for (int p = 0; p < PARTS; p++)

/* call(n), with n a constant for a whole register of elements. */
#define WHOLE_OR_PART(n, call)                                                                                         \
    do {                                                                                                               \
        if ((n) == WIDE)                                                                                               \
            call(WIDE);                                                                                                \
        else                                                                                                           \
            call(n);                                                                                                   \
    } while (0)

/* call(n) for every block of `count` rows, the first of whose values has the index `at`, and in it for the n channels from c. */
#define EACH_BLOCK(rows, C, call)                                                                                      \
    for (size_t first_ = 0; first_ < (rows); first_ += BLOCK) {                                                        \
        const size_t at = first_ * (size_t)(C), count = (rows)-first_ < BLOCK ? (rows)-first_ : BLOCK;                 \
        for (int c = 0; c < (C); c += WIDE) WHOLE_OR_PART(wide_at(C, c), call);                                        \
    }

/* ---- Sums over rows ---- */

INLINE void add_bias_rows(T *y, size_t rows, int C, int n, const float *bias) {
    const Wide term = load_wide_float(bias, n);
    for (size_t r = 0; r < rows; r++, y += C) {
        Wide v = load_wide(y, n);
        EACH_PART(p) v.part[p] += term.part[p];
        store_wide(y, v, n);
    }
}

static void add_bias(void *y, size_t rows, int C, const float *bias) {
    T *to = y;
#define ROWS(n) add_bias_rows(to + at + c, count, C, (n), bias + c)
    EACH_BLOCK(rows, C, ROWS)
#undef ROWS
}

/* A sum of rows is CHAINS sums in turn: one would wait for each addition's end. */
enum { CHAINS = 4 };

INLINE Wide add_wide(Wide a, Wide b) {
    EACH_PART(p) a.part[p] += b.part[p];
    return a;
}

INLINE Wide join_chains(const Wide sums[CHAINS]) {
    return add_wide(add_wide(sums[0], sums[1]), add_wide(sums[2], sums[3]));
}

INLINE Wide sum_of_rows(const T *from, size_t rows, int C, int n) {
    Wide sums[CHAINS] = {{{{0}}}};
    size_t r = 0;
    for (; r + CHAINS <= rows; r += CHAINS, from += CHAINS * (size_t)C)
        for (size_t k = 0; k < CHAINS; k++) sums[k] = add_wide(sums[k], load_wide(from + k * (size_t)C, n));
    for (; r < rows; r++, from += C) sums[0] = add_wide(sums[0], load_wide(from, n));
    return join_chains(sums);
}

INLINE Wide add_square(Wide sum, Wide v, Wide centre) {
    EACH_PART(p) {
        V deviation = v.part[p] - centre.part[p];
        sum.part[p] = multiply_add(deviation, deviation, sum.part[p]);
    }
    return sum;
}

INLINE Wide squares_of_rows(const T *from, size_t rows, int C, int n, Wide centre) {
    Wide sums[CHAINS] = {{{{0}}}};
    size_t r = 0;
    for (; r + CHAINS <= rows; r += CHAINS, from += CHAINS * (size_t)C)
        for (size_t k = 0; k < CHAINS; k++) sums[k] = add_square(sums[k], load_wide(from + k * (size_t)C, n), centre);
    for (; r < rows; r++, from += C) sums[0] = add_square(sums[0], load_wide(from, n), centre);
    return join_chains(sums);
}

/* Adds floats to doubles. A loop that is unrolled first is no longer seen to be one of vectors. */
INLINE void gather(double *sums, Wide w, int n) {
    float lanes[WIDE];
    store_wide_float(lanes, w, WIDE);
#pragma GCC unroll 1
    for (int i = 0; i < n; i++) sums[i] += (double)lanes[i];
}

static void channel_sums(const void *dy, size_t rows, int C, double *sums) {
    const T *from = dy;
    memset(sums, 0, (size_t)C * sizeof *sums);
#define ROWS(n) gather(sums + c, sum_of_rows(from + at + c, count, C, (n)), (n))
    EACH_BLOCK(rows, C, ROWS)
#undef ROWS
}

/* One block of rows: mean and squares about it, joined to what came before (Chan, Golub, LeVeque 1979). The second read
 * finds the block in the nearest cache. */
INLINE void join_moments(const T *x, size_t rows, size_t before, int C, int n, double *mean, double *squares) {
    const double count = (double)rows, total = (double)(before + rows), one = 1 / count, share = count / total,
                 weight = (double)before * share;
    Wide sum = sum_of_rows(x, rows, C, n), centre = sum;
    EACH_PART(p) centre.part[p] *= (float)one;
    float block_sum[WIDE], block_centre[WIDE], block_square[WIDE];
    store_wide_float(block_sum, sum, WIDE);
    store_wide_float(block_centre, centre, WIDE);
    store_wide_float(block_square, squares_of_rows(x, rows, C, n, centre), WIDE);
#pragma GCC unroll 1
    for (int i = 0; i < n; i++) {
        double block_mean = (double)block_sum[i] * one, off = block_mean - (double)block_centre[i];
        double step = block_mean - mean[i];
        mean[i] += step * share;
        squares[i] += (double)block_square[i] - count * off * off + step * step * weight;
    }
}

static void bn_moments(const void *x, size_t rows, int C, double *mean, double *squares) {
    const T *from = x;
    memset(mean, 0, (size_t)C * sizeof *mean);
    memset(squares, 0, (size_t)C * sizeof *squares);
#define ROWS(n) join_moments(from + at + c, count, at / (size_t)C, C, (n), mean + c, squares + c)
    EACH_BLOCK(rows, C, ROWS)
#undef ROWS
    for (int c = 0; c < C; c++)
        if (squares[c] < 0) squares[c] = 0;
}

/* ---- Batch norm, activation and max pool in one pass ---- */

/* A register's channels of a norm: forward, and what every input gets on the way back: b * (x - mean) + c. */
typedef struct Norm {
    Wide mean, scale, shift;
    float slope;
} Norm;

typedef struct Spread {
    Wide mean, b, c;
} Spread;

INLINE Norm norm_at(const Block *b, int c, int n) {
    return (Norm){load_wide_float(b->mean + c, n), load_wide_float(b->scale + c, n), load_wide_float(b->shift + c, n),
                  b->slope};
}

INLINE Spread spread_at(const Block *b, int c, int n) {
    return (Spread){load_wide_float(b->mean + c, n), load_wide_float(b->b + c, n), load_wide_float(b->c + c, n)};
}

INLINE V normed(const Norm *norm, V x, int part) {
    return (x - norm->mean.part[part]) * norm->scale.part[part] + norm->shift.part[part];
}

INLINE V normed_active(const Norm *norm, V x, int part) {
    V v = normed(norm, x, part);
    return where_positive(v, v, norm->slope);
}

/* The gradient behind the activation: d where the output was positive, slope * d elsewhere. */
INLINE V behind_activation(const Norm *norm, V x, V d, int part) {
    return where_positive(normed(norm, x, part), d, norm->slope);
}

INLINE V spread(const Spread *s, V x, int part) {
    return s->b.part[part] * (x - s->mean.part[part]) + s->c.part[part];
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
#if defined(__AVX512F__)
typedef __m128i Places;
#else
typedef VI Places;
#endif

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
#if defined(__AVX512F__)
    return _mm_mask_mov_epi8(places, mask, _mm_set1_epi8((char)place));
#else
    return choose_int(mask, all_lanes_int(place), places);
#endif
}

INLINE void store_places(uint8_t *to, Places places, int n) {
#if defined(__AVX512F__)
    if (n == WIDE)
        _mm_storeu_si128((__m128i *)to, places);
    else
        _mm_mask_storeu_epi8(to, first_lanes(n), places);
#else
    Bytes bytes = __builtin_convertvector(places, Bytes);
    memcpy(to, &bytes, (size_t)n);
#endif
}

INLINE void load_places(const uint8_t *from, int n, VI part[PARTS]) {
    part[0] = load_bytes(from, n);
}
#endif

/* A row of outputs, n channels: the windows' first inputs lie S pixels apart. `picked` NULL: not kept. */
INLINE void pool_row(const Block *b, int R, int S, int c, int n, const T *x, T *picked, T *y, uint8_t *place) {
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
        EACH_PART(p) v.part[p] = normed_active(&norm, v.part[p], p);
        store_wide(y + out, v, n);
        if (!picked) continue;
        store_elements(picked + out, x_picked, n);
        store_places(place + out, where, n);
    }
}

static void pool_images(const Block *b, int N, const T *x, T *picked, T *y, uint8_t *place) {
    const size_t row = (size_t)b->W * (size_t)b->C, out = (size_t)b->Q * (size_t)b->C;
    for (int i = 0; i < N; i++, x += (size_t)b->H * row)
        for (int p = 0; p < b->P; p++, y += out) {
            const T *from = x + (size_t)(p * b->R) * row;
            for (int c = 0; c < b->C; c += WIDE) {
                int n = wide_at(b->C, c);
#define USUAL(n) pool_row(b, 2, 2, c, (n), from, picked, y, place)
                if (b->R == 2 && b->S == 2)
                    WHOLE_OR_PART(n, USUAL);
                else
                    pool_row(b, b->R, b->S, c, n, from, picked, y, place);
#undef USUAL
            }
            if (picked) picked += out, place += out;
        }
}

/* Without a pool: y from x, row by row of n channels. */
INLINE void norm_rows(const Block *b, size_t rows, int c, int n, const T *x, T *y) {
    const Norm norm = norm_at(b, c, n);
    for (size_t r = 0; r < rows; r++) {
        size_t at = r * (size_t)b->C + (size_t)c;
        Wide v = load_wide(x + at, n);
        EACH_PART(p) v.part[p] = normed_active(&norm, v.part[p], p);
        store_wide(y + at, v, n);
    }
}

static void norm_images(const Block *b, size_t rows, const T *x, T *y) {
#define ROWS(n) norm_rows(b, count, c, (n), x + at, y + at)
    EACH_BLOCK(rows, b->C, ROWS)
#undef ROWS
}

static void block_forward(const Block *b, int N, const void *x, void *picked, void *y, uint8_t *place) {
    if (b->R == 1 && b->S == 1)
        norm_images(b, (size_t)N * (size_t)b->H * (size_t)b->W, x, y);
    else
        pool_images(b, N, x, picked, y, place);
}

INLINE void sum_rows(const Block *b, size_t rows, int c, int n, const T *picked, const T *dy, double *sums) {
    const Norm norm = norm_at(b, c, n);
    Wide plain = {{{0}}}, product = {{{0}}};
    for (size_t r = 0; r < rows; r++) {
        size_t at = r * (size_t)b->C + (size_t)c;
        Wide x = load_wide(picked + at, n), d = load_wide(dy + at, n);
        EACH_PART(p) {
            V behind = behind_activation(&norm, x.part[p], d.part[p], p);
            plain.part[p] += behind;
            product.part[p] += behind * (x.part[p] - norm.mean.part[p]);
        }
    }
    gather(sums + c, plain, n);
    gather(sums + b->C + c, product, n);
}

static void block_sums(const Block *b, int N, const void *picked, const void *dy, double *sums) {
    const T *x = picked, *d = dy;
    const size_t rows = (size_t)N * (size_t)b->P * (size_t)b->Q;
    memset(sums, 0, 2 * (size_t)b->C * sizeof *sums);
#define ROWS(n) sum_rows(b, count, c, (n), x + at, d + at, sums)
    EACH_BLOCK(rows, b->C, ROWS)
#undef ROWS
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
INLINE void unpool_row(const Block *b, int R, int S, int c, int n, const T *x, const T *picked, const T *dy,
                       const uint8_t *place, T *dx) {
    const size_t C = (size_t)b->C, row = (size_t)b->W * C;
    const Norm norm = norm_at(b, c, n);
    const Spread rest = spread_at(b, c, n);
    const Wide a = load_wide_float(b->a + c, n);
    for (int q = 0; q < b->Q; q++) {
        const size_t out = (size_t)q * C + (size_t)c, window = (size_t)q * (size_t)S * C + (size_t)c;
        Wide x_picked = load_wide(picked + out, n), d = load_wide(dy + out, n);
        VI where[PARTS];
        load_places(place + out, n, where);
        EACH_PART(p)
        d.part[p] = a.part[p] * behind_activation(&norm, x_picked.part[p], d.part[p], p);
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

static void unpool_images(const Block *b, int N, const T *x, const T *picked, const T *dy, const uint8_t *place,
                          T *dx) {
    const size_t C = (size_t)b->C, row = (size_t)b->W * C, out = (size_t)b->Q * C;
    const int used = b->Q * b->S, below = b->P * b->R;
    for (int i = 0; i < N; i++, x += (size_t)b->H * row, dx += (size_t)b->H * row) {
        for (int p = 0; p < b->P; p++, picked += out, dy += out, place += out) {
            const size_t first = (size_t)(p * b->R) * row;
            for (int c = 0; c < b->C; c += WIDE) {
                int n = wide_at(b->C, c);
#define USUAL(n) unpool_row(b, 2, 2, c, (n), x + first, picked, dy, place, dx + first)
                if (b->R == 2 && b->S == 2)
                    WHOLE_OR_PART(n, USUAL);
                else
                    unpool_row(b, b->R, b->S, c, n, x + first, picked, dy, place, dx + first);
#undef USUAL
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

INLINE void norm_rows_backward(const Block *b, size_t rows, int c, int n, const T *x, const T *dy, T *dx) {
    const Norm norm = norm_at(b, c, n);
    const Spread rest = spread_at(b, c, n);
    const Wide a = load_wide_float(b->a + c, n);
    for (size_t r = 0; r < rows; r++) {
        size_t at = r * (size_t)b->C + (size_t)c;
        Wide v = load_wide(x + at, n), d = load_wide(dy + at, n);
        EACH_PART(p) {
            V behind = behind_activation(&norm, v.part[p], d.part[p], p);
            v.part[p] = a.part[p] * behind + spread(&rest, v.part[p], p);
        }
        store_wide(dx + at, v, n);
    }
}

static void norm_images_backward(const Block *b, size_t rows, const T *x, const T *dy, T *dx) {
#define ROWS(n) norm_rows_backward(b, count, c, (n), x + at, dy + at, dx + at)
    EACH_BLOCK(rows, b->C, ROWS)
#undef ROWS
}

static void block_backward(const Block *b, int N, const void *x, const void *picked, const void *dy,
                           const uint8_t *place, void *dx) {
    if (b->R == 1 && b->S == 1)
        norm_images_backward(b, (size_t)N * (size_t)b->H * (size_t)b->W, x, dy, dx);
    else
        unpool_images(b, N, x, picked, dy, place, dx);
}

/* ---- Activation alone ---- */

INLINE void relu_forward_part(const T *x, int n, float slope, T *y) {
    Wide v = load_wide(x, n);
    EACH_PART(p) v.part[p] = where_positive(v.part[p], v.part[p], slope);
    store_wide(y, v, n);
}

static void relu_forward(const void *x, size_t count, float slope, void *y) {
    const T *from = x;
    T *to = y;
    size_t i = 0;
    for (; i + WIDE <= count; i += WIDE) relu_forward_part(from + i, WIDE, slope, to + i);
    if (i < count) relu_forward_part(from + i, (int)(count - i), slope, to + i);
}

INLINE void relu_backward_part(const T *y, const T *dy, int n, float slope, T *dx) {
    Wide out = load_wide(y, n), d = load_wide(dy, n);
    EACH_PART(p) d.part[p] = where_positive(out.part[p], d.part[p], slope);
    store_wide(dx, d, n);
}

static void relu_backward(const void *y, const void *dy, size_t count, float slope, void *dx) {
    const T *out = y, *from = dy;
    T *to = dx;
    size_t i = 0;
    for (; i + WIDE <= count; i += WIDE) relu_backward_part(out + i, from + i, WIDE, slope, to + i);
    if (i < count) relu_backward_part(out + i, from + i, (int)(count - i), slope, to + i);
}

/* ---- Pools alone ---- */

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

/* call(in, n) for every output pixel, `in` its window, and for the n channels from c, the first of which has the index `at` among
 * the outputs. A window of 2x2 has constant sizes. */
#define EACH_WINDOW(w, call)                                                                                           \
    for (int i = 0; i < (w)->N; i++)                                                                                   \
        for (int p = 0; p < (w)->P; p++)                                                                               \
            for (int q = 0; q < (w)->Q; q++) {                                                                         \
                const Inside in_ = inside((w), i, p, q);                                                               \
                const Inside square_ = {in_.r0, in_.r0 + 2, in_.s0, in_.s0 + 2, in_.first};                            \
                const bool is_square_ = in_.r1 == square_.r1 && in_.s1 == square_.s1;                                  \
                size_t at = (((size_t)i * (size_t)(w)->P + (size_t)p) * (size_t)(w)->Q + (size_t)q) * (size_t)(w)->C;  \
                for (int c = 0; c < (w)->C; c += WIDE, at += WIDE)                                                     \
                    if ((w)->C - c < WIDE)                                                                             \
                        call(in_, (w)->C - c);                                                                         \
                    else if (is_square_)                                                                               \
                        call(square_, WIDE);                                                                           \
                    else                                                                                               \
                        call(in_, WIDE);                                                                               \
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

INLINE void max_taps(const Window *w, const Inside in, int n, const T *x, T *y, uint16_t *place) {
    Wide best = load_wide(x + tap(w, &in, in.r0, in.s0), n);
    VI where[PARTS];
    EACH_PART(p) where[p] = all_lanes_int(in.r0 * w->S + in.s0);
    EACH_TAP(in) {
        Wide v = load_wide(x + tap(w, &in, r, s), n);
        EACH_PART(p) {
            Mask wins = either(greater(v.part[p], best.part[p]), is_nan(v.part[p])); /* a NaN wins */
            best.part[p] = choose(wins, v.part[p], best.part[p]);
            where[p] = choose_int(wins, all_lanes_int(r * w->S + s), where[p]);
        }
    }
    store_wide(y, best, n);
    store_words(place, where, n);
}

static void maxpool_forward(const Window *w, const void *x, void *y, uint16_t *place) {
    const T *from = x;
    T *to = y;
#define TAPS(in, n) max_taps(w, in, (n), from + c, to + at, place + at)
    EACH_WINDOW(w, TAPS)
#undef TAPS
}

INLINE void max_taps_backward(const Window *w, const Inside in, int n, const T *dy, const uint16_t *place, T *dx) {
    const Wide d = load_wide(dy, n);
    VI where[PARTS];
    load_words(place, n, where);
    EACH_TAP(in) {
        T *at = dx + tap(w, &in, r, s);
        Wide v = load_wide(at, n);
        EACH_PART(p)
        v.part[p] = choose(equal_int(where[p], all_lanes_int(r * w->S + s)), v.part[p] + d.part[p], v.part[p]);
        store_wide(at, v, n);
    }
}

static void maxpool_backward(const Window *w, const void *dy, const uint16_t *place, void *dx) {
    const T *from = dy;
    T *to = dx;
    memset(to, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * (size_t)w->C * sizeof *to);
#define TAPS(in, n) max_taps_backward(w, in, (n), from + at, place + at, to + c)
    EACH_WINDOW(w, TAPS)
#undef TAPS
}

INLINE float taps_of(const Inside *in) {
    return (float)((in->r1 - in->r0) * (in->s1 - in->s0));
}

INLINE void average_taps(const Window *w, const Inside in, int n, const T *x, T *y) {
    Wide sum = {{{0}}};
    EACH_TAP(in) sum = add_wide(sum, load_wide(x + tap(w, &in, r, s), n));
    EACH_PART(p) sum.part[p] /= taps_of(&in);
    store_wide(y, sum, n);
}

static void avgpool_forward(const Window *w, const void *x, void *y) {
    const T *from = x;
    T *to = y;
#define TAPS(in, n) average_taps(w, in, (n), from + c, to + at)
    EACH_WINDOW(w, TAPS)
#undef TAPS
}

INLINE void average_taps_backward(const Window *w, const Inside in, int n, const T *dy, T *dx) {
    Wide share = load_wide(dy, n);
    EACH_PART(p) share.part[p] /= taps_of(&in);
    EACH_TAP(in) {
        T *at = dx + tap(w, &in, r, s);
        store_wide(at, add_wide(load_wide(at, n), share), n);
    }
}

static void avgpool_backward(const Window *w, const void *dy, void *dx) {
    const T *from = dy;
    T *to = dx;
    memset(to, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * (size_t)w->C * sizeof *to);
#define TAPS(in, n) average_taps_backward(w, in, (n), from + at, to + c)
    EACH_WINDOW(w, TAPS)
#undef TAPS
}

/* ---- Conversion ---- */

static void from_float(const float *x, size_t count, void *y) {
    T *to = y;
    for (size_t i = 0; i < count; i += LANES) {
        int n = count - i < LANES ? (int)(count - i) : LANES;
        store(to + i, load_float(x + i, n), n);
    }
}

static void to_float(const void *x, size_t count, float *y) {
    const T *from = x;
    for (size_t i = 0; i < count; i += LANES) {
        int n = count - i < LANES ? (int)(count - i) : LANES;
        store_float(y + i, load(from + i, n), n);
    }
}

/* ---- Gradients and optimizers: always float ---- */

/* `vectors` (at most 4) of n lanes. Two slots at a time: their sum is the lowest join. */
INLINE void sum_columns(const float *slots, size_t stride, int count, int vectors, int n, float *out) {
    V stack[TREE_DEPTH][4], sum[4];
    size_t height = 0;
    for (size_t s = 0;; s += 2, slots += 2 * stride) {
        for (int k = 0; k < vectors; k++) {
            sum[k] = load_float(slots + k * LANES, n);
            if (s + 1 < (size_t)count) sum[k] += load_float(slots + stride + k * LANES, n);
        }
        const bool more = s + 2 < (size_t)count;
        for (size_t joins = more ? (size_t)tree_joins(s / 2) : height; joins > 0; joins--) {
            height--;
            for (int k = 0; k < vectors; k++) sum[k] += stack[height][k];
        }
        if (!more) break;
        for (int k = 0; k < vectors; k++) stack[height][k] = sum[k];
        height++;
    }
    for (int k = 0; k < vectors; k++) store_float(out + k * LANES, sum[k], n);
}

static void sum_slots(const float *slots, size_t stride, int count, size_t from, size_t to, float *out) {
    enum { AT_ONCE = 4 }; /* vectors: fewer streams of memory are followed at a time than there are slots */
    size_t i = from;
    for (; i + AT_ONCE * LANES <= to; i += AT_ONCE * LANES)
        sum_columns(slots + i, stride, count, AT_ONCE, LANES, out + i);
    for (; i < to; i += LANES)
        sum_columns(slots + i, stride, count, 1, to - i < LANES ? (int)(to - i) : LANES, out + i);
}

/* The largest of these tells whether all values are finite; as integers, their largest is found in any order. */
INLINE uint32_t magnitude_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x7fffffff;
}

INLINE uint32_t larger_bits(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

enum { INFINITY_BITS = 0x7f800000 };

static bool sgd(float *restrict w, const float *restrict dw, float *restrict m, size_t count, float rate,
                float momentum, float decay) {
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        m[i] = momentum * m[i] + (dw[i] + decay * w[i]);
        w[i] -= rate * m[i];
        largest = larger_bits(largest, magnitude_bits(w[i]));
    }
    return largest < INFINITY_BITS;
}

static bool adam(float *restrict w, const float *restrict dw, float *restrict m, float *restrict v, size_t count,
                 float rate, float root, float decay, float decoupled) {
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        float kept = w[i] - decoupled * w[i], g = dw[i] + decay * w[i];
        m[i] = 0.9f * m[i] + 0.1f * g;
        v[i] = 0.999f * v[i] + 0.001f * (g * g);
        w[i] = kept - rate * m[i] / (sqrtf(v[i]) * root + 1e-8f);
        largest = larger_bits(largest, larger_bits(magnitude_bits(w[i]), magnitude_bits(v[i])));
    }
    return largest < INFINITY_BITS;
}

extern const Kernels PASTE(kernels_, KERNEL_ISA);
const Kernels PASTE(kernels_, KERNEL_ISA) = {
    .name = TEXT(KERNEL_ISA),
    .element = sizeof(T),
    .add_bias = add_bias,
    .channel_sums = channel_sums,
    .bn_moments = bn_moments,
    .block_forward = block_forward,
    .block_sums = block_sums,
    .block_backward = block_backward,
    .relu_forward = relu_forward,
    .relu_backward = relu_backward,
    .maxpool_forward = maxpool_forward,
    .maxpool_backward = maxpool_backward,
    .avgpool_forward = avgpool_forward,
    .avgpool_backward = avgpool_backward,
    .from_float = from_float,
    .to_float = to_float,
    .sum_slots = sum_slots,
    .sgd = sgd,
    .adam = adam,
};
