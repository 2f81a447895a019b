/* The kernels of nn/engine.h, compiled once per instruction set and element type (KERNEL_ISA, KERNEL_BF16).
 *
 * Written once with the compiler's vectors of 16 lanes over the channels; the compiler turns them into one AVX-512, two
 * AVX2 or four SSE registers. Functions with channels innermost are specialised for the usual numbers of channels, where
 * whole vectors stay in registers. Sums over rows run in float over at most BLOCK rows and in double above them, so they
 * neither lose digits on large images nor depend on anything but the slice. */
#include "nn/cpu/vectors.h"

#include "nn/engine.h"

enum { BLOCK = 64 }; /* rows of a sum in float */

/* Calls body(..., C) with C a constant for the usual numbers of channels. */
#define SPECIALISE(C, call)                                                                                            \
    switch (C) {                                                                                                       \
    case 16:                                                                                                           \
        call(16);                                                                                                      \
        break;                                                                                                         \
    case 32:                                                                                                           \
        call(32);                                                                                                      \
        break;                                                                                                         \
    case 64:                                                                                                           \
        call(64);                                                                                                      \
        break;                                                                                                         \
    case 128:                                                                                                          \
        call(128);                                                                                                     \
        break;                                                                                                         \
    default:                                                                                                           \
        call(C);                                                                                                       \
        break;                                                                                                         \
    }

/* ---- Sums over rows ---- */

static void add_bias(void *y, size_t rows, int C, const float *bias) {
    T *to = y;
    for (size_t r = 0; r < rows; r++, to += C)
        for (int c = 0; c < C; c += LANES) {
            int n = lanes_at(C, c);
            store(to + c, load(to + c, n) + load_float(bias + c, n), n);
        }
}

/* Adds 16 floats to 16 doubles. */
INLINE void gather(double *sums, V v, int n) {
    float lanes[LANES];
    memcpy(lanes, &v, sizeof lanes);
    for (int i = 0; i < n; i++) sums[i] += (double)lanes[i];
}

static void channel_sums(const void *dy, size_t rows, int C, double *sums) {
    const T *from = dy;
    memset(sums, 0, (size_t)C * sizeof *sums);
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t end = first + BLOCK < rows ? first + BLOCK : rows;
        for (int c = 0; c < C; c += LANES) {
            int n = lanes_at(C, c);
            V sum = {0};
            for (size_t r = first; r < end; r++) sum += load(from + r * (size_t)C + c, n);
            gather(sums + c, sum, n);
        }
    }
}

/* One block of rows: mean and squares about it, joined to what came before (Chan, Golub, LeVeque 1979). The second read
 * finds the block in the nearest cache. */
INLINE void join_moments(const T *x, size_t rows, size_t before, int C, int c, double *mean, double *squares) {
    int n = lanes_at(C, c);
    V sum = {0}, square = {0};
    for (size_t r = 0; r < rows; r++) sum += load(x + r * (size_t)C + c, n);
    V centre = sum / (float)rows;
    for (size_t r = 0; r < rows; r++) {
        V deviation = load(x + r * (size_t)C + c, n) - centre;
        square += deviation * deviation;
    }
    float block_sum[LANES], block_centre[LANES], block_square[LANES];
    memcpy(block_sum, &sum, sizeof sum);
    memcpy(block_centre, &centre, sizeof centre);
    memcpy(block_square, &square, sizeof square);
    double count = (double)rows, total = (double)(before + rows), share = count / total,
           weight = (double)before * share;
    for (int i = 0; i < n; i++) {
        double block_mean = (double)block_sum[i] / count, off = block_mean - (double)block_centre[i];
        double step = block_mean - mean[c + i];
        mean[c + i] += step * share;
        squares[c + i] += (double)block_square[i] - count * off * off + step * step * weight;
    }
}

static void bn_moments(const void *x, size_t rows, int C, double *mean, double *squares) {
    const T *from = x;
    memset(mean, 0, (size_t)C * sizeof *mean);
    memset(squares, 0, (size_t)C * sizeof *squares);
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t count = rows - first < BLOCK ? rows - first : BLOCK;
        for (int c = 0; c < C; c += LANES) join_moments(from + first * (size_t)C, count, first, C, c, mean, squares);
    }
    for (int c = 0; c < C; c++)
        if (squares[c] < 0) squares[c] = 0;
}

/* ---- Batch norm, activation and max pool in one pass ---- */

INLINE V activate(V v, float slope) {
    return choose(v > 0.0f, v, v * slope);
}

/* One output pixel: 16 channels of a window of R x S inputs, `row` values apart from row to row. */
INLINE void pool_pixel(const Block *b, const T *x, size_t row, int C, int c, T *picked, T *y, uint8_t *place) {
    int n = lanes_at(C, c), R = b->R, S = b->S;
    V mean = load_float(b->mean + c, n), scale = load_float(b->scale + c, n), shift = load_float(b->shift + c, n);
    V one = mean - mean + 1.0f;
    V sign = choose(scale < 0.0f, -one, one); /* a falling channel's largest output comes from its smallest input */
    V best = load(x + c, n) * sign;
    VI where = {0};
    for (int r = 0; r < R; r++)
        for (int s = 0; s < S; s++) {
            if (!r && !s) continue;
            V v = load(x + (size_t)r * row + (size_t)s * (size_t)C + c, n) * sign;
            VI larger = v > best, index = where - where + (r * S + s);
            best = choose(larger, v, best);
            where = choose_int(larger, index, where);
        }
    best *= sign;
    store(y + c, activate((best - mean) * scale + shift, b->slope), n);
    if (!picked) return;
    store(picked + c, best, n);
    typedef uint8_t Bytes __attribute__((vector_size(16)));
    Bytes bytes = __builtin_convertvector(where, Bytes);
    memcpy(place + c, &bytes, (size_t)n);
}

/* Without a pool: y from x row by row. */
INLINE void norm_rows(const Block *b, size_t rows, const T *x, T *y, int C) {
    for (size_t r = 0; r < rows; r++, x += C, y += C)
        for (int c = 0; c < C; c += LANES) {
            int n = lanes_at(C, c);
            V v = (load(x + c, n) - load_float(b->mean + c, n)) * load_float(b->scale + c, n) +
                  load_float(b->shift + c, n);
            store(y + c, activate(v, b->slope), n);
        }
}

INLINE void pool_images(const Block *b, int N, const T *x, T *picked, T *y, uint8_t *place, int C) {
    size_t row = (size_t)b->W * (size_t)C, image = (size_t)b->H * row;
    for (int i = 0; i < N; i++)
        for (int p = 0; p < b->P; p++)
            for (int q = 0; q < b->Q; q++) {
                const T *window = x + (size_t)i * image + (size_t)(p * b->R) * row + (size_t)(q * b->S) * (size_t)C;
                for (int c = 0; c < C; c += LANES) pool_pixel(b, window, row, C, c, picked, y, place);
                y += C;
                if (picked) picked += C, place += C;
            }
}

static void block_forward(const Block *b, int N, const void *x, void *picked, void *y, uint8_t *place) {
    size_t rows = (size_t)N * (size_t)b->H * (size_t)b->W;
#define NORM(channels) norm_rows(b, rows, x, y, channels)
#define POOL(channels) pool_images(b, N, x, picked, y, place, channels)
    if (b->R == 1 && b->S == 1)
        SPECIALISE(b->C, NORM)
    else
        SPECIALISE(b->C, POOL)
#undef NORM
#undef POOL
}

/* The gradient behind the activation: dy where the output was positive, slope * dy elsewhere. */
INLINE V behind_activation(const Block *b, V picked, V dy, int c, int n) {
    V out = (picked - load_float(b->mean + c, n)) * load_float(b->scale + c, n) + load_float(b->shift + c, n);
    return choose(out > 0.0f, dy, dy * b->slope);
}

INLINE void sum_block(const Block *b, size_t rows, const T *picked, const T *dy, double *sums, int C) {
    memset(sums, 0, 2 * (size_t)C * sizeof *sums);
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t end = first + BLOCK < rows ? first + BLOCK : rows;
        for (int c = 0; c < C; c += LANES) {
            int n = lanes_at(C, c);
            V plain = {0}, product = {0}, mean = load_float(b->mean + c, n);
            for (size_t r = first; r < end; r++) {
                V p = load(picked + r * (size_t)C + c, n);
                V d = behind_activation(b, p, load(dy + r * (size_t)C + c, n), c, n);
                plain += d;
                product += d * (p - mean);
            }
            gather(sums + c, plain, n);
            gather(sums + C + c, product, n);
        }
    }
}

static void block_sums(const Block *b, int N, const void *picked, const void *dy, double *sums) {
    size_t rows = (size_t)N * (size_t)b->P * (size_t)b->Q;
#define SUMS(channels) sum_block(b, rows, picked, dy, sums, channels)
    SPECIALISE(b->C, SUMS)
#undef SUMS
}

/* What every input of a channel gets: b * (x - mean) + c. */
INLINE V spread(const Block *b, V x, int c, int n) {
    return load_float(b->b + c, n) * (x - load_float(b->mean + c, n)) + load_float(b->c + c, n);
}

INLINE void spread_rows(const Block *b, size_t pixels, const T *x, T *dx, int C) {
    for (size_t i = 0; i < pixels; i++, x += C, dx += C)
        for (int c = 0; c < C; c += LANES) {
            int n = lanes_at(C, c);
            store(dx + c, spread(b, load(x + c, n), c, n), n);
        }
}

INLINE void unpool_pixel(const Block *b, const T *x, const T *picked, const T *dy, const uint8_t *place, T *dx,
                         size_t row, int C, int c) {
    int n = lanes_at(C, c);
    V d = load_float(b->a + c, n) * behind_activation(b, load(picked + c, n), load(dy + c, n), c, n);
    typedef uint8_t Bytes __attribute__((vector_size(16)));
    Bytes bytes = {0};
    memcpy(&bytes, place + c, (size_t)n);
    VI where = __builtin_convertvector(bytes, VI);
    for (int r = 0; r < b->R; r++)
        for (int s = 0; s < b->S; s++) {
            size_t at = (size_t)r * row + (size_t)s * (size_t)C + (size_t)c;
            V base = spread(b, load(x + at, n), c, n);
            store(dx + at, base + choose(where == r * b->S + s, d, d - d), n);
        }
}

INLINE void unpool_images(const Block *b, int N, const T *x, const T *picked, const T *dy, const uint8_t *place, T *dx,
                          int C) {
    size_t row = (size_t)b->W * (size_t)C, image = (size_t)b->H * row;
    int used = b->Q * b->S;
    for (int i = 0; i < N; i++, x += image, dx += image) {
        for (int p = 0; p < b->P; p++) {
            for (int q = 0; q < b->Q; q++, picked += C, dy += C, place += C) {
                size_t window = (size_t)(p * b->R) * row + (size_t)(q * b->S) * (size_t)C;
                for (int c = 0; c < C; c += LANES)
                    unpool_pixel(b, x + window, picked, dy, place, dx + window, row, C, c);
            }
            /* Columns that no window covers. */
            for (int r = p * b->R; used < b->W && r < (p + 1) * b->R; r++) {
                size_t at = (size_t)r * row + (size_t)used * (size_t)C;
                spread_rows(b, (size_t)(b->W - used), x + at, dx + at, C);
            }
        }
        size_t below = (size_t)(b->P * b->R);
        spread_rows(b, ((size_t)b->H - below) * (size_t)b->W, x + below * row, dx + below * row, C);
    }
}

INLINE void norm_rows_backward(const Block *b, size_t rows, const T *x, const T *dy, T *dx, int C) {
    for (size_t r = 0; r < rows; r++, x += C, dy += C, dx += C)
        for (int c = 0; c < C; c += LANES) {
            int n = lanes_at(C, c);
            V v = load(x + c, n), d = behind_activation(b, v, load(dy + c, n), c, n);
            store(dx + c, load_float(b->a + c, n) * d + spread(b, v, c, n), n);
        }
}

static void block_backward(const Block *b, int N, const void *x, const void *picked, const void *dy,
                           const uint8_t *place, void *dx) {
    size_t rows = (size_t)N * (size_t)b->H * (size_t)b->W;
#define NORM(channels) norm_rows_backward(b, rows, x, dy, dx, channels)
#define POOL(channels) unpool_images(b, N, x, picked, dy, place, dx, channels)
    if (b->R == 1 && b->S == 1)
        SPECIALISE(b->C, NORM)
    else
        SPECIALISE(b->C, POOL)
#undef NORM
#undef POOL
}

/* ---- Activation alone ---- */

static void relu_forward(const void *x, size_t count, float slope, void *y) {
    const T *from = x;
    T *to = y;
    for (size_t i = 0; i < count; i += LANES) {
        int n = count - i < LANES ? (int)(count - i) : LANES;
        store(to + i, activate(load(from + i, n), slope), n);
    }
}

static void relu_backward(const void *y, const void *dy, size_t count, float slope, void *dx) {
    const T *out = y, *from = dy;
    T *to = dx;
    for (size_t i = 0; i < count; i += LANES) {
        int n = count - i < LANES ? (int)(count - i) : LANES;
        V d = load(from + i, n);
        store(to + i, choose(load(out + i, n) > 0.0f, d, d * slope), n);
    }
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

/* Every output pixel of a window, with `in` set. */
#define EACH_PIXEL(w)                                                                                                  \
    for (int i = 0; i < (w)->N; i++)                                                                                   \
        for (int p = 0; p < (w)->P; p++)                                                                               \
            for (int q = 0; q < (w)->Q; q++)
#define EACH_TAP(in)                                                                                                   \
    for (int r = (in).r0; r < (in).r1; r++)                                                                            \
        for (int s = (in).s0; s < (in).s1; s++)

static void maxpool_forward(const Window *w, const void *x, void *y, uint16_t *place) {
    const T *from = x;
    T *to = y;
    EACH_PIXEL(w) {
        Inside in = inside(w, i, p, q);
        for (int c = 0; c < w->C; c += LANES) {
            int n = lanes_at(w->C, c);
            V best = load(from + tap(w, &in, in.r0, in.s0) + c, n);
            VI where = {0};
            where += in.r0 * w->S + in.s0;
            EACH_TAP(in) {
                V v = load(from + tap(w, &in, r, s) + c, n);
                VI larger = (v > best) | (v != v), index = where - where + (r * w->S + s); /* a NaN wins */
                best = choose(larger, v, best);
                where = choose_int(larger, index, where);
            }
            store(to + c, best, n);
            for (int k = 0; k < n; k++) place[c + k] = (uint16_t)where[k];
        }
        to += w->C;
        place += w->C;
    }
}

static void maxpool_backward(const Window *w, const void *dy, const uint16_t *place, void *dx) {
    const T *from = dy;
    T *to = dx;
    memset(to, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * (size_t)w->C * sizeof *to);
    EACH_PIXEL(w) {
        Inside in = inside(w, i, p, q);
        EACH_TAP(in) {
            T *at = to + tap(w, &in, r, s);
            for (int c = 0; c < w->C; c += LANES) {
                int n = lanes_at(w->C, c);
                VI where = {0};
                for (int k = 0; k < n; k++) where[k] = place[c + k];
                V d = load(from + c, n), here = load(at + c, n);
                store(at + c, choose(where == r * w->S + s, here + d, here), n);
            }
        }
        from += w->C;
        place += w->C;
    }
}

static void avgpool_forward(const Window *w, const void *x, void *y) {
    const T *from = x;
    T *to = y;
    EACH_PIXEL(w) {
        Inside in = inside(w, i, p, q);
        float taps = (float)((in.r1 - in.r0) * (in.s1 - in.s0));
        for (int c = 0; c < w->C; c += LANES) {
            int n = lanes_at(w->C, c);
            V sum = {0};
            EACH_TAP(in) sum += load(from + tap(w, &in, r, s) + c, n);
            store(to + c, sum / taps, n);
        }
        to += w->C;
    }
}

static void avgpool_backward(const Window *w, const void *dy, void *dx) {
    const T *from = dy;
    T *to = dx;
    memset(to, 0, (size_t)w->N * (size_t)w->H * (size_t)w->W * (size_t)w->C * sizeof *to);
    EACH_PIXEL(w) {
        Inside in = inside(w, i, p, q);
        float taps = (float)((in.r1 - in.r0) * (in.s1 - in.s0));
        EACH_TAP(in) {
            T *at = to + tap(w, &in, r, s);
            for (int c = 0; c < w->C; c += LANES) {
                int n = lanes_at(w->C, c);
                store(at + c, load(at + c, n) + load(from + c, n) / taps, n);
            }
        }
        from += w->C;
    }
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

static void sum_slots(const float *slots, size_t stride, int count, size_t from, size_t to, float *out) {
    for (size_t i = from; i < to; i += LANES) {
        int n = to - i < LANES ? (int)(to - i) : LANES;
        V sum = {0};
        for (int s = 0; s < count; s++) sum += load_float(slots + (size_t)s * stride + i, n);
        store_float(out + i, sum, n);
    }
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
