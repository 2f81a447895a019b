/* Sums over rows of channels, which several families of kernels are made of, and how these families become one table.
 *
 * Channels are lanes. Where a channel has constants (a norm's) they are loaded once for a block of rows, and the loop over the rows
 * is inside the one over the channels. Sums over rows run in float over at most BLOCK rows and in double above them, so they
 * neither lose digits on large images nor depend on anything but the slice. */
#pragma once

#include "nn/cpu/vector_math.h"

/* The name of a kernel for one instruction set; kernels.c makes a table of all of them. */
#define KERNEL(name)         PASTE(PASTE(name, _), KERNEL_ISA)
#define DECLARE_KERNEL(name) extern __typeof__(*((Kernels *)0)->name) KERNEL(name);
EACH_KERNEL(DECLARE_KERNEL)

enum { BLOCK = 64 }; /* rows of a sum in float */

#define EACH_PART(p) for (int p = 0; p < PARTS; p++)

/* The statement, with n for the number: a constant where that is a whole register of elements. */
#define WHOLE_OR_PART(number, ...)                                                                                     \
    do {                                                                                                               \
        if ((number) == WIDE) {                                                                                        \
            const int n = WIDE;                                                                                        \
            __VA_ARGS__;                                                                                               \
        } else {                                                                                                       \
            const int n = (number);                                                                                    \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
    } while (0)

/* The statement for every block of `count` rows, the first of whose values has the index `at`, and in it for n channels from c. */
#define EACH_BLOCK(rows, C, ...)                                                                                       \
    for (size_t first_ = 0; first_ < (rows); first_ += BLOCK) {                                                        \
        const size_t at = first_ * (size_t)(C), count = (rows)-first_ < BLOCK ? (rows)-first_ : BLOCK;                 \
        for (int c = 0; c < (C); c += WIDE) WHOLE_OR_PART(wide_at(C, c), __VA_ARGS__);                                 \
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

/* Rows that fill a register together, and then are taken as one of more channels; 1 where they do not, or rows would be left. */
INLINE size_t rows_at_once(int C, size_t rows) {
    return C < WIDE && WIDE % C == 0 && rows % (size_t)(WIDE / C) == 0 ? (size_t)(WIDE / C) : 1;
}

/* Joins the moments of `count` values to those of `before` times as many (Chan, Golub, LeVeque 1979). */
INLINE void join_equal(double count, double before, double mean, double squares, double *all_mean,
                       double *all_squares) {
    double share = 1 / (before + 1), step = mean - *all_mean;
    *all_mean += step * share;
    *all_squares += squares + step * step * count * before * share;
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

/* ---- Norms whose channels have constants ---- */

/* A register's channels of a norm: forward, and what every input gets on the way back: b * (x - mean) + c. */
typedef struct Norm {
    Wide mean, scale, shift;
    float slope;
} Norm;

typedef struct Spread {
    Wide mean, b, c;
} Spread;

INLINE V normed(const Norm *norm, V x, int part) {
    return (x - norm->mean.part[part]) * norm->scale.part[part] + norm->shift.part[part];
}

INLINE V normed_active(const Norm *norm, ActivationKind kind, V x, int part) {
    return activate(kind, norm->slope, normed(norm, x, part));
}

/* The gradient behind the activation. */
INLINE V behind_activation(const Norm *norm, ActivationKind kind, V x, V d, int part) {
    return activate_backward(kind, norm->slope, normed(norm, x, part), d);
}

INLINE V spread(const Spread *s, V x, int part) {
    return s->b.part[part] * (x - s->mean.part[part]) + s->c.part[part];
}

/* y from x, row by row of n channels, C apart. `residual` NULL: none. */
INLINE void norm_rows(const Norm *norm, ActivationKind kind, size_t rows, int C, int n, const T *x, const T *residual,
                      T *y) {
    for (size_t r = 0; r < rows; r++, x += C, y += C) {
        Wide v = load_wide(x, n), more;
        if (residual) more = load_wide(residual + r * (size_t)C, n);
        EACH_PART(p) {
            V sum = normed(norm, v.part[p], p);
            if (residual) sum += more.part[p];
            v.part[p] = activate(kind, norm->slope, sum);
        }
        store_wide(y, v, n);
    }
}

INLINE void norm_rows_backward(const Norm *norm, const Spread *rest, Wide a, ActivationKind kind, size_t rows, int C,
                               int n, const T *x, const T *dy, T *dx) {
    for (size_t r = 0; r < rows; r++, x += C, dy += C, dx += C) {
        Wide v = load_wide(x, n), d = load_wide(dy, n);
        EACH_PART(p) {
            V behind = behind_activation(norm, kind, v.part[p], d.part[p], p);
            v.part[p] = a.part[p] * behind + spread(rest, v.part[p], p);
        }
        store_wide(dx, v, n);
    }
}
