/* The kernels of stem_kernels.h, compiled once per instruction set and element type. */
#include "nn/cpu/stem_kernels.h"

#include "nn/cpu/vectors.h"

/* ---- Planes ---- */

INLINE float element_value(T t) {
#ifdef KERNEL_BF16
    uint32_t bits = (uint32_t)t << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
#else
    return t;
#endif
}

/* Writes the values of the images only: margins and padding are 0 from the start, and stay so. Three channels are taken apart
 * together, which compilers do by whole vectors. */
#define SPREAD_IMAGES(value)                                                                                           \
    const Window *w = &s->w;                                                                                           \
    const T *restrict from = x;                                                                                        \
    size_t width = (size_t)w->W, C = (size_t)w->C;                                                                     \
    for (int i = 0; i < N; i++)                                                                                        \
        for (int h = 0; h < w->H; h++, from += width * C) {                                                            \
            size_t row = (size_t)i * s->image + (size_t)(h + w->pad_h) * s->row + STEM_MARGIN;                         \
            for (size_t v = 0; C == 3 && v < width; v++) {                                                             \
                to[row + v] = value(from[3 * v]);                                                                      \
                to[row + s->plane + v] = value(from[3 * v + 1]);                                                       \
                to[row + 2 * s->plane + v] = value(from[3 * v + 2]);                                                   \
            }                                                                                                          \
            for (size_t c = 0; C != 3 && c < C; c++)                                                                   \
                for (size_t v = 0; v < width; v++) to[row + c * s->plane + v] = value(from[v * C + c]);                \
        }

static void spread_planes(const StemShape *s, int N, const void *x, void *planes) {
    T *restrict to = planes;
    SPREAD_IMAGES()
}

static void spread_float_planes(const StemShape *s, int N, const void *x, float *restrict to) {
    SPREAD_IMAGES(element_value)
}

/* ---- Sums over patches ----
 *
 * The sum over output pixels of the product of taps (c, r, s) and (c', r', s') is a sum over the image of x[c][y][v] *
 * x[c'][y + r' - r][v + s' - s]; it depends on r and s only in which rows and columns at the image's edges count. So products
 * are summed for every difference of taps, once: over the rows that always count, and each row at the upper and lower edge by
 * itself (classes of rows), column by column. */

typedef struct Rows {
    int edge, classes; /* rows at either edge that do not always count */
} Rows;

INLINE Rows rows_of(const StemShape *s) {
    int edge = s->w.R - 1 - s->w.pad_h;
    return (Rows){edge, 2 * edge + 1};
}

/* The image's rows of a class: upper edge, middle, lower edge; those whose partner `down` rows further lies in the image. */
INLINE void rows_in(const StemShape *s, int class, int down, int *begin, int *end) {
    int H = s->w.H, edge = rows_of(s).edge;
    *begin = class <= edge ? class : H - edge + (class - edge - 1);
    *end = class == edge ? H - edge : *begin + 1;
    if (*begin < -down) *begin = -down;
    if (*end > H - down) *end = H - down;
}

/* The values `shift` behind a whole vector's: loads across the lines of a cache cost more than taking two vectors apart. */
INLINE V load_shifted(const float *from, int shift) {
#if defined(__AVX512F__)
    __m512i here = _mm512_loadu_si512(from);
    switch (shift) {
    case -2:
        return (V)_mm512_alignr_epi32(here, _mm512_loadu_si512(from - LANES), LANES - 2);
    case -1:
        return (V)_mm512_alignr_epi32(here, _mm512_loadu_si512(from - LANES), LANES - 1);
    case 0:
        return (V)here;
    case 1:
        return (V)_mm512_alignr_epi32(_mm512_loadu_si512(from + LANES), here, 1);
    case 2:
        return (V)_mm512_alignr_epi32(_mm512_loadu_si512(from + LANES), here, 2);
    }
#endif
    return load_float(from + shift, LANES);
}

/* columns[shift][v] = sum over images and rows of a[y][v] * b[y + down][v + shift], shift from 1 - S to S - 1. */
INLINE void correlate_class(const StemShape *s, int N, const float *a, const float *b, int begin, int end, int S,
                            float *columns) {
    size_t width = s->row - STEM_MARGIN;
    for (size_t v = 0; v < width; v += LANES) {
        V sums[2 * STEM_SIDE - 1] = {0};
        for (int i = 0; i < N; i++)
            for (int y = begin; y < end; y++) {
                size_t at = (size_t)i * s->image + (size_t)y * s->row + v;
                V here = load_float(a + at, LANES);
#pragma GCC unroll 17
                for (int shift = 0; shift < 2 * S - 1; shift++)
                    sums[shift] = multiply_add(here, load_shifted(b + at, shift - (S - 1)), sums[shift]);
            }
        for (int shift = 0; shift < 2 * S - 1; shift++)
            store_float(columns + (size_t)shift * width + v, sums[shift], LANES);
    }
}

static void correlate(const StemShape *s, int N, const float *a, const float *b, int down, float *columns) {
    size_t first = (size_t)s->w.pad_h * s->row + STEM_MARGIN,
           of_class = (size_t)(2 * s->w.S - 1) * (s->row - STEM_MARGIN);
    a += first;
    b += (ptrdiff_t)first + (ptrdiff_t)down * (ptrdiff_t)s->row;
    for (int class = 0; class < rows_of(s).classes; class ++, columns += of_class) {
        int begin, end;
        rows_in(s, class, down, &begin, &end);
        switch (s->w.S) {
        case 3:
            correlate_class(s, N, a, b, begin, end, 3, columns);
            break;
        case 5:
            correlate_class(s, N, a, b, begin, end, 5, columns);
            break;
        default:
            correlate_class(s, N, a, b, begin, end, s->w.S, columns);
        }
    }
}

/* columns[v] = sum over images and rows of a[y][v], class by class. */
static void sum_columns(const StemShape *s, int N, const float *a, float *columns) {
    size_t width = s->row - STEM_MARGIN;
    a += (size_t)s->w.pad_h * s->row + STEM_MARGIN;
    for (int class = 0; class < rows_of(s).classes; class ++, columns += (size_t)(2 * s->w.S - 1) * width) {
        int begin, end;
        rows_in(s, class, 0, &begin, &end);
        for (size_t v = 0; v < width; v += LANES) {
            V sum = {0};
            for (int i = 0; i < N; i++)
                for (int y = begin; y < end; y++)
                    sum += load_float(a + (size_t)i * s->image + (size_t)y * s->row + v, LANES);
            store_float(columns + v, sum, LANES);
        }
    }
}

static double sum_all(const float *values, size_t count) {
    enum { APART_AT = 16 };
    double part[APART_AT] = {0};
    for (size_t i = 0; i < count; i += APART_AT)
        for (size_t j = 0; j < APART_AT; j++) part[j] += (double)values[i + j];
    for (size_t j = APART_AT / 2; j > 0; j /= 2)
        for (size_t k = 0; k < j; k++) part[k] += part[k + j];
    return part[0];
}

/* by_row[r], for a filter's rows: the sum over its output pixels of `columns` of a tap in filter column q, of which the columns
 * and rows at the edges do not count that the tap never meets. */
static void sum_inside(const StemShape *s, const float *columns, int q, double by_row[STEM_SIDE]) {
    const Window *w = &s->w;
    Rows rows = rows_of(s);
    size_t width = s->row - STEM_MARGIN, of_class = (size_t)(2 * w->S - 1) * width;
    int left = q - w->pad_w, right = w->S - 1 - q - w->pad_w;
    memset(by_row, 0, (size_t)w->R * sizeof *by_row);
    for (int class = 0; class < rows.classes; class ++, columns += of_class) {
        double sum = sum_all(columns, width);
        for (int v = 0; v < left; v++) sum -= (double)columns[v];
        for (int v = 0; v < right; v++) sum -= (double)columns[w->W - 1 - v];
        for (int r = 0; r < w->R; r++)
            if (class >= r - w->pad_h && class < rows.classes - (w->R - 1 - r - w->pad_h)) by_row[r] += sum;
    }
}

/* Every pair of taps of channels c and d that are `down` rows apart. */
static void patches_apart(const StemShape *s, int c, int d, int down, const float *columns, double *sums) {
    int R = s->w.R, S = s->w.S, order = s->taps + 1;
    size_t width = s->row - STEM_MARGIN;
    double by_row[STEM_SIDE];
    for (int shift = 1 - S; shift < S; shift++)
        for (int q = shift < 0 ? -shift : 0; q < S && q + shift < S; q++) {
            sum_inside(s, columns + (size_t)(shift + S - 1) * width, q, by_row);
            for (int r = down < 0 ? -down : 0; r < R && r + down < R; r++) {
                int t = (c * R + r) * S + q, u = (d * R + r + down) * S + q + shift;
                if (u >= t) sums[t * order + u] = by_row[r];
            }
        }
}

static void patches(const StemShape *s, int N, const float *planes, float *columns, double *sums) {
    int R = s->w.R, S = s->w.S, order = s->taps + 1;
    for (int c = 0; c < s->w.C; c++) {
        const float *a = planes + (size_t)c * s->plane;
        for (int d = c; d < s->w.C; d++)
            for (int down = d == c ? 0 : 1 - R; down < R; down++) {
                correlate(s, N, a, planes + (size_t)d * s->plane, down, columns);
                patches_apart(s, c, d, down, columns, sums);
            }
        sum_columns(s, N, a, columns);
        for (int q = 0; q < S; q++) {
            double by_row[STEM_SIDE];
            sum_inside(s, columns, q, by_row);
            for (int r = 0; r < R; r++) sums[((c * R + r) * S + q) * order + s->taps] = by_row[r];
        }
    }
}

/* ---- Forward ---- */

enum { PIXELS = 4 }; /* of the convolution's output at once: a pool's window, or neighbours in a row */

/* The convolution at PIXELS pixels, for `vectors` vectors of filters. */
INLINE void convolve(const StemShape *s, const T *x, const T *weights, int terms, int pool, int vectors,
                     V sums[2][PIXELS]) {
    UNROLLED(v, vectors)
        UNROLLED(j, PIXELS) sums[v][j] = (V){0};
    for (int l = 0; l < s->lines; l++) {
        const T *from = x + s->line[l], *below = from + s->row;
#pragma GCC unroll 3
        for (int t = 0; t < terms; t++, weights += s->lanes * IN_WORD) {
            V filters[2];
            UNROLLED(v, vectors) filters[v] = words_at(weights + v * LANES * IN_WORD);
            UNROLLED(j, PIXELS) {
                const V pixels = word_at((pool == 2 && j > 1 ? below + (j - 2) : from + j) + t * IN_WORD);
                UNROLLED(v, vectors) sums[v][j] = add_product(sums[v][j], filters[v], pixels);
            }
        }
    }
}

typedef struct Channels {
    V mean, scale, shift;
    VI sign; /* turned where the largest output comes from the smallest input */
} Channels;

INLINE Channels load_channels(const Block *b, int c, int n) {
    V scale = load_float(b->scale + c, n);
    return (Channels){load_float(b->mean + c, n), scale, load_float(b->shift + c, n),
                      choose_int(greater((V){0}, scale), all_lanes_int(INT32_MIN), (VI){0})};
}

/* 1: no activation. */
INLINE float slope_of(const Block *b) {
    return b->act.kind == ACT_RELU ? b->act.slope : 1;
}

INLINE V norm_and_activate(const Channels *ch, V x, float slope) {
    V v = (x - ch->mean) * ch->scale + ch->shift;
    return where_positive(v, v, slope);
}

/* The window's first largest value, or smallest where the channel falls. */
INLINE V pick(const V sums[PIXELS], VI sign, VI *where) {
    V best = (V)((VI)sums[0] ^ sign);
    *where = (VI){0};
#pragma GCC unroll 3
    for (int j = 1; j < PIXELS; j++) {
        V v = (V)((VI)sums[j] ^ sign);
        Mask larger = greater(v, best);
        best = choose(larger, v, best);
        *where = choose_int(larger, all_lanes_int(j), *where);
    }
    return (V)((VI)best ^ sign);
}

/* One window, or `left` of PIXELS neighbours, of one vector of filters. */
INLINE void finish(const Channels *ch, const V sums[PIXELS], float slope, int pool, int left, size_t K, int n, T *y,
                   uint8_t *place) {
    if (pool == 2) {
        VI where;
        V best = pick(sums, ch->sign, &where);
        store(y, norm_and_activate(ch, best, slope), n);
        if (place) store_bytes(place, where, n);
        return;
    }
    UNROLLED(j, PIXELS)
        if (j < left) store(y + (size_t)j * K, norm_and_activate(ch, sums[j], slope), n);
}

INLINE void forward_filters(const StemShape *s, const Block *b, int N, const T *planes, const T *weights, T *y,
                            uint8_t *place, int terms, int pool, int vectors, bool whole, int k) {
    size_t K = (size_t)s->w.K;
    int P = b->P, Q = b->Q, step = pool == 2 ? 1 : PIXELS, n = whole ? LANES : lanes_at(s->w.K, k);
    Channels channels[2];
    weights += k * IN_WORD;
    UNROLLED(v, vectors) channels[v] = load_channels(b, k + v * LANES, n);
    for (int i = 0; i < N; i++)
        for (int p = 0; p < P; p++) {
            const T *x = planes + (size_t)i * s->image + (size_t)(p * pool) * s->row;
            size_t out = (size_t)(i * P + p) * (size_t)Q * K + (size_t)k;
            for (int q = 0; q < Q; q += step, out += (size_t)step * K, x += step * pool) {
                V sums[2][PIXELS];
                convolve(s, x, weights, terms, pool, vectors, sums);
                UNROLLED(v, vectors) {
                    size_t to = out + (size_t)(v * LANES);
                    finish(&channels[v], sums[v], slope_of(b), pool, Q - q, K, n, y + to, place ? place + to : NULL);
                }
            }
        }
}

/* Calls body(side, pool, vectors, whole, first filter) for all filters, with constants but the last: filters of 3 columns by
 * two whole vectors or one, others (`side` is then not known to the compiler) by one of any number of lanes. */
#define EACH_FILTERS(s, body)                                                                                          \
    for (int k = 0, step; k < (s)->w.K; k += step) {                                                                   \
        int left = (s)->w.K - k, side = (s)->w.S;                                                                      \
        step = side == 3 && left >= 2 * LANES ? 2 * LANES : LANES;                                                     \
        if (step > LANES && (s)->pool == 2)                                                                            \
            body(3, 2, 2, true, k);                                                                                    \
        else if (step > LANES)                                                                                         \
            body(3, 1, 2, true, k);                                                                                    \
        else if (side == 3 && left >= LANES && (s)->pool == 2)                                                         \
            body(3, 2, 1, true, k);                                                                                    \
        else if (side == 3 && left >= LANES)                                                                           \
            body(3, 1, 1, true, k);                                                                                    \
        else if ((s)->pool == 2)                                                                                       \
            body(side, 2, 1, false, k);                                                                                \
        else                                                                                                           \
            body(side, 1, 1, false, k);                                                                                \
    }

static void forward(const StemShape *s, const Block *b, int N, const void *planes, const void *weights, void *y,
                    uint8_t *place) {
#define FORWARD_FILTERS(side, pool, vectors, whole, k)                                                                 \
    forward_filters(s, b, N, planes, weights, y, place, (side + IN_WORD - 1) / IN_WORD, pool, vectors, whole, k)
    EACH_FILTERS(s, FORWARD_FILTERS)
#undef FORWARD_FILTERS
}

/* ---- Backward ---- */

enum { GRADIENTS = PIXELS / IN_WORD }; /* words: in bfloat16, two neighbouring pixels' gradients go together */

/* That of pixels j, ... of PIXELS. */
INLINE V gradient_word(const V d[PIXELS], int j) {
#ifdef KERNEL_BF16
    return (V)(((VU)d[2 * j] >> 16) | (VU)d[2 * j + 1]);
#else
    return d[j];
#endif
}

/* The gradient behind the activation, as it stands in memory. */
INLINE V gradient_at(const T *y, const T *dy, float slope, int n) {
    V d = where_positive(load(y, n), load(dy, n), slope);
#ifdef KERNEL_BF16
    d = widen(narrow(d));
#endif
    return d;
}

/* The gradients of one window, of which the picked pixel has it and the others 0, or of `left` of PIXELS neighbours, of one vector
 * of filters; returns their sum. */
INLINE V gradients_at(const Block *b, const T *y, const T *dy, const uint8_t *place, int left, int pool, size_t K,
                      int n, V g[GRADIENTS]) {
    V d[PIXELS], sum;
    if (pool == 2) {
        const VI where = load_bytes(place, n);
        sum = gradient_at(y, dy, slope_of(b), n);
        UNROLLED(j, PIXELS) d[j] = choose(equal_int(where, all_lanes_int(j)), sum, (V){0});
    } else {
        UNROLLED(j, PIXELS) {
            size_t at = (size_t)j * K;
            d[j] = j < left ? gradient_at(y + at, dy + at, slope_of(b), n) : (V){0};
        }
        sum = (d[0] + d[1]) + (d[2] + d[3]);
    }
    UNROLLED(j, GRADIENTS) g[j] = gradient_word(d, j);
    return sum;
}

INLINE void add_lanes(double *to, V v) {
    float lanes[LANES];
    memcpy(lanes, &v, sizeof lanes);
    for (int i = 0; i < LANES; i++) to[i] += (double)lanes[i];
}

/* Taps at once, as accumulators that stay in registers: of three or nine lines of three, or of one line, some too many. */
enum { MOST_TAPS = 27, MOST_LINES = 9 };

INLINE int taps_at_once(int lines) {
    return lines == 9 ? 27 : 9;
}

/* d p of some taps over some rows of one image's windows, in float: as many as keep their digits. */
INLINE void backward_rows(const StemShape *s, const Block *b, const T *x, const size_t line[MOST_LINES], const T *y,
                          const T *dy, const uint8_t *place, int rows, int lines, int pool, int vectors, int n,
                          V out[MOST_TAPS + 1][2]) {
    size_t K = (size_t)s->w.K, row = s->row;
    int Q = b->Q, step = pool == 2 ? 1 : PIXELS;
    V tap[MOST_TAPS][2], plain[2];
    UNROLLED(v, vectors) {
        plain[v] = (V){0};
        UNROLLED(t, taps_at_once(lines)) tap[t][v] = (V){0};
    }
    for (int p = 0; p < rows; p++, x += (size_t)pool * row) {
        const T *at = x;
        size_t first = (size_t)p * (size_t)Q * K;
        for (int q = 0; q < Q; q += step, at += step * pool, first += (size_t)step * K) {
            V g[2][GRADIENTS];
            UNROLLED(v, vectors) {
                size_t of = first + (size_t)(v * LANES);
                plain[v] += gradients_at(b, y + of, dy + of, place ? place + of : NULL, Q - q, pool, K, n, g[v]);
            }
            UNROLLED(t, taps_at_once(lines)) {
                const T *from = lines > 1 ? at + line[t / 3] + t % 3 : at + line[0] + t, *below = from + row;
                UNROLLED(j, GRADIENTS) {
                    int pixel = j * IN_WORD;
                    const T *pixels = pool == 2 && pixel > 1 ? below + (pixel - 2) : from + pixel;
                    UNROLLED(v, vectors) tap[t][v] = add_product(tap[t][v], word_at(pixels), g[v][j]);
                }
            }
        }
    }
    UNROLLED(v, vectors) {
        out[MOST_TAPS][v] = plain[v];
        UNROLLED(t, taps_at_once(lines)) out[t][v] = tap[t][v];
    }
}

INLINE void backward_filters(const StemShape *s, const Block *b, int N, const T *planes, const T *y, const T *dy,
                             const uint8_t *place, double *sums, int lines, int pool, int vectors, bool whole, int k) {
    enum { WINDOWS = 128 };
    int P = b->P, rows = WINDOWS / b->Q > 1 ? WINDOWS / b->Q : 1;
    int n = whole ? LANES : lanes_at(s->w.K, k);
    sums += k;
    for (int l = 0; l < s->lines; l += lines) {
        size_t line[MOST_LINES];
        for (int i = 0; i < MOST_LINES; i++) line[i] = s->line[l + i < s->lines ? l + i : l];
        int first = l * s->w.S, count = s->taps - first < lines * s->w.S ? s->taps - first : lines * s->w.S;
        for (int i = 0; i < N; i++)
            for (int p = 0; p < P; p += rows) {
                V out[MOST_TAPS + 1][2];
                size_t at = (size_t)(i * P + p) * (size_t)b->Q * (size_t)s->w.K + (size_t)k;
                backward_rows(s, b, planes + (size_t)i * s->image + (size_t)(p * pool) * s->row, line, y + at, dy + at,
                              pool == 2 ? place + at : NULL, P - p < rows ? P - p : rows, lines, pool, vectors, n, out);
                for (int v = 0; v < vectors; v++) {
                    for (int t = 0; t < count; t++) add_lanes(sums + (first + t) * s->lanes + v * LANES, out[t][v]);
                    if (l == 0) add_lanes(sums + s->taps * s->lanes + v * LANES, out[MOST_TAPS][v]);
                }
            }
    }
}

static void backward(const StemShape *s, const Block *b, int N, const void *planes, const void *y, const void *dy,
                     const uint8_t *place, double *sums) {
    memset(sums, 0, (size_t)(s->taps + 1) * (size_t)s->lanes * sizeof *sums);
#define BACKWARD_LINES(lines, pool, vectors, whole, k)                                                                 \
    backward_filters(s, b, N, planes, y, dy, place, sums, lines, pool, vectors, whole, k)
#define BACKWARD_FILTERS(side, pool, vectors, whole, k)                                                                \
    do {                                                                                                               \
        if (side == 3 && LANES == 16 && s->lines == 9)                                                                 \
            for (int v = 0; v < vectors; v++) BACKWARD_LINES(9, pool, 1, whole, k + v * LANES);                        \
        else                                                                                                           \
            BACKWARD_LINES(side == 3 ? 3 : 1, pool, vectors, whole, k);                                                \
    } while (0)
    EACH_FILTERS(s, BACKWARD_FILTERS)
#undef BACKWARD_FILTERS
}

const StemKernels PASTE(stem_kernels_, KERNEL_ISA) = {
    .per_term = IN_WORD,
    .planes = spread_planes,
    .float_planes = spread_float_planes,
    .patches = patches,
    .forward = forward,
    .backward = backward,
};
