/* Norms of single images and factors of their channels, compiled once per instruction set and element type.
 *
 * Sets of channels (group norm) are joined of the moments of their channels, which are lanes, as batch norm's are. A set that is a
 * pixel's channels (layer norm) is summed across lanes: several pixels at a time, since one sum would wait for itself. */
#include "nn/cpu/rows.h"

enum { GROUPS = 64 }; /* at once: their statistics lie on the stack */

/* The values of a norm's channels, 1 or 0 where there are none. */
INLINE Wide load_or(const float *values, float otherwise, int c, int n) {
    Wide all;
    EACH_PART(p) all.part[p] = all_lanes(otherwise);
    return values ? load_wide_float(values + c, n) : all;
}

/* ---- Sets of channels ---- */

/* Some groups of an image: channels from `first` to `end`, `per` in each. Numbers of channels are theirs less `first`. */
typedef struct Band {
    int first, end, per;
    size_t C, pixels;
} Band;

static Band band_at(const NormShape *s, int group) {
    const int per = s->C / s->groups, last = s->groups - group < GROUPS ? s->groups : group + GROUPS;
    return (Band){group * per, last * per, per, (size_t)s->C, (size_t)s->pixels};
}

/* The statement for every block of `count` rows from `row` on, of the n channels from c, the first of which has the index `at`. */
#define EACH_BLOCK_OF(b, c, ...)                                                                                       \
    for (size_t row = 0, count, at = (size_t)(c); row < (b)->pixels; row += BLOCK, at += BLOCK * (b)->C) {             \
        count = (b)->pixels - row < BLOCK ? (b)->pixels - row : BLOCK;                                                 \
        WHOLE_OR_PART(wide_at((b)->end, c), __VA_ARGS__);                                                              \
    }

static void band_moments(const Band *b, const T *x, float *moments) {
    double mean[GROUPS] = {0}, squares[GROUPS] = {0};
    const double pixels = (double)b->pixels;
    for (int c = b->first; c < b->end; c += WIDE) {
        double channel_mean[WIDE] = {0}, channel_squares[WIDE] = {0};
        EACH_BLOCK_OF(b, c, join_moments(x + at, count, row, (int)b->C, n, channel_mean, channel_squares));
        for (int i = 0; i < wide_at(b->end, c); i++) {
            const int group = (c + i - b->first) / b->per, before = (c + i - b->first) % b->per;
            join_equal(pixels, (double)before, channel_mean[i], channel_squares[i], &mean[group], &squares[group]);
        }
    }
    for (int g = 0; g * b->per < b->end - b->first; g++) {
        double variance = squares[g] < 0 ? 0 : squares[g] / (pixels * b->per);
        moments[2 * g] = (float)mean[g], moments[2 * g + 1] = (float)(1 / sqrt(variance + BN_EPSILON));
    }
}

/* Of the groups of n channels from c. */
INLINE void load_moments(const Band *b, const float *moments, int c, int n, Wide *mean, Wide *factor) {
    float means[WIDE], factors[WIDE];
    for (int i = 0; i < n; i++) {
        const float *m = moments + 2 * ((c + i - b->first) / b->per);
        means[i] = m[0], factors[i] = m[1];
    }
    *mean = load_wide_float(means, n), *factor = load_wide_float(factors, n);
}

static void norm_band(const Band *b, const T *x, const float *weight, const float *bias, const float *moments, T *y) {
    for (int c = b->first; c < b->end; c += WIDE) {
        const int there = wide_at(b->end, c);
        const Wide w = load_or(weight, 1, c, there);
        Norm norm = {.shift = load_or(bias, 0, c, there)};
        load_moments(b, moments, c, there, &norm.mean, &norm.scale);
        EACH_PART(p) norm.scale.part[p] *= w.part[p];
        WHOLE_OR_PART(there, norm_rows(&norm, ACT_NONE, b->pixels, (int)b->C, n, x + c, NULL, y + c));
    }
}

INLINE void add_products_of_rows(const T *x, const T *dy, size_t rows, size_t C, int n, Wide mean, double *plain,
                                 double *product) {
    Wide sum = {{{0}}}, products = {{{0}}};
    for (size_t r = 0; r < rows; r++, x += C, dy += C) {
        const Wide v = load_wide(x, n), d = load_wide(dy, n);
        EACH_PART(p) {
            sum.part[p] += d.part[p];
            products.part[p] = multiply_add(d.part[p], v.part[p] - mean.part[p], products.part[p]);
        }
    }
    gather(plain, sum, n);
    gather(product, products, n);
}

/* Means of g and g * xhat, of each group; adds to the sums of the channels. */
static void band_sums(const Band *b, const T *x, const float *weight, const float *moments, const T *dy, double *sums,
                      float *means) {
    double plain[GROUPS] = {0}, product[GROUPS] = {0};
    for (int c = b->first; c < b->end; c += WIDE) {
        double d[WIDE] = {0}, d_xhat[WIDE] = {0};
        Wide mean, factor;
        load_moments(b, moments, c, wide_at(b->end, c), &mean, &factor);
        EACH_BLOCK_OF(b, c, add_products_of_rows(x + at, dy + at, count, b->C, n, mean, d, d_xhat));
        for (int i = 0; i < wide_at(b->end, c); i++) {
            const int group = (c + i - b->first) / b->per;
            const double w = weight ? (double)weight[c + i] : 1;
            d_xhat[i] *= (double)moments[2 * group + 1];
            plain[group] += w * d[i], product[group] += w * d_xhat[i];
            if (sums) sums[c + i] += d[i], sums[b->C + (size_t)(c + i)] += d_xhat[i];
        }
    }
    const double count = (double)b->pixels * b->per;
    for (int g = 0; g * b->per < b->end - b->first; g++)
        means[2 * g] = (float)(plain[g] / count), means[2 * g + 1] = (float)(product[g] / count);
}

/* dx = factor * w * dy - factor * factor * mean(g * xhat) * (x - mean) - factor * mean(g) */
static void norm_band_backward(const Band *b, const T *x, const float *weight, const float *moments, const float *means,
                               const T *dy, T *dx) {
    for (int c = b->first; c < b->end; c += WIDE) {
        const int there = wide_at(b->end, c);
        const Norm none = {.slope = 1};
        Spread rest;
        Wide factor, a = load_or(weight, 1, c, there);
        load_moments(b, moments, c, there, &rest.mean, &factor);
        load_moments(b, means, c, there, &rest.c, &rest.b);
        EACH_PART(p) {
            a.part[p] *= factor.part[p];
            rest.c.part[p] *= -factor.part[p];
            rest.b.part[p] *= -factor.part[p] * factor.part[p];
        }
        WHOLE_OR_PART(there,
                      norm_rows_backward(&none, &rest, a, ACT_NONE, b->pixels, (int)b->C, n, x + c, dy + c, dx + c));
    }
}

/* ---- Sets of a pixel's channels ---- */

INLINE float lane_sum(Wide w) {
    V sum = w.part[0];
    for (int p = 1; p < PARTS; p++) sum += w.part[p];
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)sum);
#else
    float lanes[LANES];
    store_float(lanes, sum, LANES);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++) lanes[i] += lanes[i + width];
    return lanes[0];
#endif
}

/* 1 in the first n lanes, so that deviations of what is not there are not counted. */
INLINE Wide first_ones(int n) {
    float ones[WIDE];
    for (int i = 0; i < WIDE; i++) ones[i] = 1;
    return load_wide_float(ones, n);
}

enum { PIXELS = 4 }; /* at once */

/* The statement for all rows, n of them from r on at a time: PIXELS or one. */
#define EACH_PIXELS(rows, ...)                                                                                         \
    do {                                                                                                               \
        size_t r = 0;                                                                                                  \
        for (const int n = PIXELS; r + PIXELS <= (rows); r += PIXELS) __VA_ARGS__;                                     \
        for (const int n = 1; r < (rows); r++) __VA_ARGS__;                                                            \
    } while (0)

INLINE void norm_pixels(const T *x, int C, int rows, const float *weight, const float *bias, T *y, float *moments) {
    const size_t width = (size_t)C;
    Wide sum[PIXELS] = {{{{0}}}};
    V mean[PIXELS], factor[PIXELS];
    for (int c = 0; c < C; c += WIDE)
        for (int k = 0; k < rows; k++)
            sum[k] = add_wide(sum[k], load_wide(x + (size_t)k * width + (size_t)c, wide_at(C, c)));
    for (int k = 0; k < rows; k++) {
        mean[k] = all_lanes((float)((double)lane_sum(sum[k]) / C));
        EACH_PART(p) sum[k].part[p] = (V){0};
    }
    for (int c = 0; c < C; c += WIDE) {
        const int n = wide_at(C, c);
        const Wide there = first_ones(n);
        for (int k = 0; k < rows; k++) {
            const Wide v = load_wide(x + (size_t)k * width + (size_t)c, n);
            EACH_PART(p) {
                V deviation = v.part[p] - mean[k];
                if (n < WIDE) deviation *= there.part[p];
                sum[k].part[p] = multiply_add(deviation, deviation, sum[k].part[p]);
            }
        }
    }
    for (int k = 0; k < rows; k++) {
        const float f = (float)(1 / sqrt((double)lane_sum(sum[k]) / C + BN_EPSILON));
        factor[k] = all_lanes(f);
        if (moments) moments[2 * k] = mean[k][0], moments[2 * k + 1] = f;
    }
    for (int c = 0; c < C; c += WIDE) {
        const int n = wide_at(C, c);
        const Wide w = load_or(weight, 1, c, n), shift = load_or(bias, 0, c, n);
        for (int k = 0; k < rows; k++) {
            Wide v = load_wide(x + (size_t)k * width + (size_t)c, n);
            EACH_PART(p) v.part[p] = multiply_add((v.part[p] - mean[k]) * factor[k], w.part[p], shift.part[p]);
            store_wide(y + (size_t)k * width + (size_t)c, v, n);
        }
    }
}

INLINE void norm_pixels_backward(const T *x, int C, int rows, const float *weight, const float *moments, const T *dy,
                                 T *dx) {
    const size_t width = (size_t)C;
    Wide plain[PIXELS] = {{{{0}}}}, product[PIXELS] = {{{{0}}}};
    V mean[PIXELS], factor[PIXELS], means[PIXELS][2];
    for (int k = 0; k < rows; k++) mean[k] = all_lanes(moments[2 * k]), factor[k] = all_lanes(moments[2 * k + 1]);
    for (int c = 0; c < C; c += WIDE) {
        const int n = wide_at(C, c);
        const Wide w = load_or(weight, 1, c, n);
        for (int k = 0; k < rows; k++) {
            const size_t at = (size_t)k * width + (size_t)c;
            const Wide v = load_wide(x + at, n), d = load_wide(dy + at, n);
            EACH_PART(p) {
                const V g = d.part[p] * w.part[p];
                plain[k].part[p] += g;
                product[k].part[p] = multiply_add(g, v.part[p] - mean[k], product[k].part[p]);
            }
        }
    }
    for (int k = 0; k < rows; k++) {
        const float f = moments[2 * k + 1];
        means[k][0] = all_lanes(lane_sum(plain[k]) / (float)C);
        means[k][1] = all_lanes(lane_sum(product[k]) / (float)C * f);
    }
    for (int c = 0; c < C; c += WIDE) {
        const int n = wide_at(C, c);
        const Wide w = load_or(weight, 1, c, n);
        for (int k = 0; k < rows; k++) {
            const size_t at = (size_t)k * width + (size_t)c;
            Wide v = load_wide(x + at, n), d = load_wide(dy + at, n);
            EACH_PART(p) {
                const V xhat = (v.part[p] - mean[k]) * factor[k];
                v.part[p] = (d.part[p] * w.part[p] - multiply_add(xhat, means[k][1], means[k][0])) * factor[k];
            }
            store_wide(dx + at, v, n);
        }
    }
}

/* Of n channels: adds sum d and sum d * xhat of some rows. */
INLINE void add_pixels(const T *x, const T *dy, size_t rows, int C, int n, const float *moments, double *plain,
                       double *product) {
    Wide sum = {{{0}}}, products = {{{0}}};
    for (size_t r = 0; r < rows; r++, x += C, dy += C) {
        const Wide v = load_wide(x, n), d = load_wide(dy, n);
        const V mean = all_lanes(moments[2 * r]), factor = all_lanes(moments[2 * r + 1]);
        EACH_PART(p) {
            sum.part[p] += d.part[p];
            products.part[p] = multiply_add(d.part[p], (v.part[p] - mean) * factor, products.part[p]);
        }
    }
    gather(plain, sum, n);
    gather(product, products, n);
}

static void norm_positions_backward(size_t rows, int C, const T *x, const float *weight, const float *moments,
                                    const T *dy, T *dx, double *sums) {
    for (size_t first = 0; first < rows; first += BLOCK, moments += 2 * BLOCK) {
        const size_t at = first * (size_t)C, count = rows - first < BLOCK ? rows - first : BLOCK;
        for (int c = 0; sums && c < C; c += WIDE)
            WHOLE_OR_PART(wide_at(C, c),
                          add_pixels(x + at + c, dy + at + c, count, C, n, moments, sums + c, sums + C + c));
        if (!dx) continue;
        EACH_PIXELS(count, {
            const size_t first_value = at + r * (size_t)C;
            norm_pixels_backward(x + first_value, C, n, weight, moments + 2 * r, dy + first_value, dx + first_value);
        });
    }
}

/* ---- Both ---- */

void KERNEL(norm_forward)(const NormShape *s, int N, const void *x, const float *weight, const float *bias, void *y,
                          float *moments) {
    const T *from = x;
    T *to = y;
    const size_t C = (size_t)s->C, image = (size_t)s->pixels * C, rows = (size_t)N * (size_t)s->pixels;
    if (s->by_position) {
        EACH_PIXELS(rows, {
            float *kept = moments ? moments + 2 * r : NULL;
            norm_pixels(from + r * C, s->C, n, weight, bias, to + r * C, kept);
        });
        return;
    }
    for (int i = 0; i < N; i++, from += image, to += image)
        for (int g = 0; g < s->groups; g += GROUPS) {
            const Band b = band_at(s, g);
            float made[2 * GROUPS], *kept = moments ? moments + 2 * ((size_t)i * (size_t)s->groups + (size_t)g) : made;
            band_moments(&b, from, kept);
            norm_band(&b, from, weight, bias, kept, to);
        }
}

void KERNEL(norm_backward)(const NormShape *s, int N, const void *x, const float *weight, const float *moments,
                           const void *dy, void *dx, double *sums) {
    const T *from = x, *d = dy;
    T *to = dx;
    const size_t image = (size_t)s->pixels * (size_t)s->C;
    if (sums) memset(sums, 0, 2 * (size_t)s->C * sizeof *sums);
    if (s->by_position) {
        norm_positions_backward((size_t)N * (size_t)s->pixels, s->C, from, weight, moments, d, to, sums);
        return;
    }
    for (size_t i = 0; i < (size_t)N; i++)
        for (int g = 0; g < s->groups; g += GROUPS) {
            const Band b = band_at(s, g);
            const float *kept = moments + 2 * (i * (size_t)s->groups + (size_t)g);
            float means[2 * GROUPS];
            band_sums(&b, from + i * image, weight, kept, d + i * image, sums, means);
            if (dx) norm_band_backward(&b, from + i * image, weight, kept, means, d + i * image, to + i * image);
        }
}

/* ---- Factors of channels ---- */

void KERNEL(scale_forward)(int N, size_t pixels, int C, const void *x, const void *s, void *y) {
    const T *from = x, *factors = s;
    T *to = y;
    const size_t width = (size_t)C;
    for (int i = 0; i < N; i++, from += pixels * width, to += pixels * width, factors += width)
        for (int c = 0; c < C; c += WIDE)
            WHOLE_OR_PART(wide_at(C, c), {
                const Wide factor = load_wide(factors + c, n);
                for (size_t at = (size_t)c, end = at + pixels * width; at < end; at += width) {
                    Wide v = load_wide(from + at, n);
                    EACH_PART(p) v.part[p] *= factor.part[p];
                    store_wide(to + at, v, n);
                }
            });
}

void KERNEL(scale_backward)(int N, size_t pixels, int C, const void *x, const void *s, const void *dy, void *dx,
                            void *ds) {
    const T *from = x, *factors = s, *d = dy;
    T *to = dx, *of_factors = ds;
    const Band b = {0, C, 1, (size_t)C, pixels};
    const size_t image = pixels * b.C;
    for (int i = 0; i < N; i++, factors += C, of_factors += C, from += image, d += image, to += image)
        for (int c = 0; c < C; c += WIDE) {
            double sums[WIDE] = {0};
            float rounded[WIDE];
            EACH_BLOCK_OF(&b, c, {
                const Wide factor = load_wide(factors + c, n);
                Wide sum = {{{0}}};
                for (size_t value = at, end = at + count * b.C; value < end; value += b.C) {
                    const Wide v = load_wide(from + value, n);
                    Wide g = load_wide(d + value, n);
                    EACH_PART(p) {
                        sum.part[p] = multiply_add(g.part[p], v.part[p], sum.part[p]);
                        g.part[p] *= factor.part[p];
                    }
                    store_wide(to + value, g, n);
                }
                gather(sums, sum, n);
            })
            for (int k = 0; k < WIDE; k++) rounded[k] = (float)sums[k];
            store_wide(of_factors + c, load_wide_float(rounded, WIDE), wide_at(C, c));
        }
}
