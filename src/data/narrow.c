#include "data/narrow.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_MEDIAN = 101,       /* rows that a median is of, fewer of long rows */
    MOST_SAMPLED = 256,      /* rows of the sample of distances, likewise */
    SAMPLE_VALUES = 1 << 22, /* of each sample, at most */
    MOST_COUNTED = 1 << 20,  /* rows whose likes are counted */
    PART = 1 << 14           /* values that are asked for at once */
};

typedef struct Sample {
    size_t rows, step; /* rows 0, step, 2 step .. of the file */
    double *values;    /* [rows][dim] */
} Sample;

typedef struct Narrow {
    size_t n, dim;
    bool angles, stay, given; /* as the frame says; the offset is another's */
    bool exact, chosen;       /* all values are floats; the medians are taken */
    double *offset;           /* [dim] */
    double *size, *spread;    /* [dim] sums of absolute values, of distances from the median */
    Sample median, distances;
    uint64_t *wide, *narrow; /* [n, at most MOST_COUNTED] a number for each row's doubles, and for its floats */
    float *values;           /* [n][dim] the result; borrowed */
} Narrow;

static cf_status sample_new(size_t n, size_t dim, size_t most, Sample *sample) {
    size_t rows = SAMPLE_VALUES / dim;
    if (rows < 3) rows = 3;
    if (rows > most) rows = most;
    sample->step = (n + rows - 1) / rows;
    sample->rows = (n + sample->step - 1) / sample->step;
    return memory_new(sample->rows * dim, sizeof *sample->values, &sample->values);
}

static cf_status narrow_allocate(Narrow *w) {
    const size_t counted = w->n < MOST_COUNTED ? w->n : MOST_COUNTED;
    FORWARD(sample_new(w->n, w->dim, MOST_MEDIAN, &w->median));
    FORWARD(sample_new(w->n, w->dim, MOST_SAMPLED, &w->distances));
    FORWARD(memory_new(w->dim, sizeof(double), &w->offset));
    FORWARD(memory_new(w->dim, sizeof(double), &w->size));
    FORWARD(memory_new(w->dim, sizeof(double), &w->spread));
    FORWARD(memory_new(counted, sizeof(uint64_t), &w->wide));
    return memory_new(counted, sizeof(uint64_t), &w->narrow);
}

static void narrow_free(Narrow *w) {
    void *own[] = {w->offset, w->size, w->spread, w->median.values, w->distances.values, w->wide, w->narrow};
    for (size_t i = 0; i < COUNT_OF(own); i++) free(own[i]);
}

/* ---- Where the columns lie ---- */

/* What is not finite is refused later, by its row; here it must not disturb. */
static void keep_sampled(Sample *sample, size_t row, size_t column, size_t dim, double x) {
    if (row % sample->step == 0) sample->values[row / sample->step * dim + column] = isfinite(x) ? x : 0;
}

static void look_at(Narrow *w, const double *part, size_t first, size_t count) {
    size_t row = first / w->dim, column = first % w->dim;
    for (size_t i = 0; i < count; i++) {
        const double x = part[i];
        w->size[column] += fabs(x);
        if (fabs(x) > (double)FLT_MAX || (double)(float)x != x) w->exact = false;
        keep_sampled(&w->median, row, column, w->dim, x);
        keep_sampled(&w->distances, row, column, w->dim, x);
        if (++column == w->dim) column = 0, row++;
    }
}

static int by_value(const void *left, const void *right) {
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* The nearest sum of two floats, which is what a file of floats can hold. */
static double two_floats(double x) {
    const float high = (float)x;
    return (double)high + (double)(float)(x - (double)high);
}

/* Of the sample; its column is gathered in `spare`. */
static double median_of(const Narrow *w, size_t column, double *spare) {
    const size_t rows = w->median.rows;
    for (size_t r = 0; r < rows; r++) spare[r] = w->median.values[r * w->dim + column];
    qsort(spare, rows, sizeof *spare, by_value);
    return fabs(spare[rows / 2]) < 1e30 ? two_floats(spare[rows / 2]) : 0;
}

static void choose_medians(Narrow *w) {
    double spare[MOST_MEDIAN];
    for (size_t d = 0; d < w->dim; d++) w->offset[d] = median_of(w, d, spare);
}

static void weigh(Narrow *w, const double *part, size_t first, size_t count) {
    size_t column = first % w->dim;
    for (size_t i = 0; i < count; i++) {
        w->spread[column] += fabs(part[i] - w->offset[column]);
        if (++column == w->dim) column = 0;
    }
}

/* What was weighed stays chosen where it is worth it. */
static void keep_worthy_medians(Narrow *w) {
    for (size_t d = 0; d < w->dim; d++) {
        if (!(w->spread[d] <= w->size[d] / 4)) w->offset[d] = 0; /* NaN, too */
        w->chosen = w->chosen || w->offset[d] != 0;
    }
}

/* ---- Conversion ---- */

/* FNV-1a over the bits; both zeros are one. */
static uint64_t add_to_key(uint64_t key, double x) {
    uint64_t bits;
    x += 0.0;
    memcpy(&bits, &x, sizeof bits);
    key = (key ^ bits) * 0x100000001b3u;
    return key ^ key >> 32;
}

/* Beyond a float's range is the largest float: a number that is refused as too large, not as infinite. */
static float to_float(double x) {
    if (isfinite(x) && fabs(x) > (double)FLT_MAX) return x > 0 ? FLT_MAX : -FLT_MAX;
    return (float)x;
}

static void convert(Narrow *w, const double *part, size_t first, size_t count) {
    const bool counts = !w->exact || w->given;
    size_t row = first / w->dim, column = first % w->dim;
    for (size_t i = 0; i < count; i++) {
        const float x = to_float(part[i] - w->offset[column]);
        w->values[first + i] = x;
        if (counts && row < MOST_COUNTED) {
            w->wide[row] = add_to_key(w->wide[row], part[i]);
            w->narrow[row] = add_to_key(w->narrow[row], (double)x);
        }
        if (++column == w->dim) column = 0, row++;
    }
}

/* ---- What was lost ---- */

static int by_key(const void *left, const void *right) {
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static size_t different_keys(uint64_t *keys, size_t n) {
    size_t different = 0;
    qsort(keys, n, sizeof *keys, by_key);
    for (size_t i = 0; i < n; i++) different += i == 0 || keys[i] != keys[i - 1];
    return different;
}

/* Of Euclid's metric its square, of the cosine's 1 - cos: each grows with the distance. */
static double row_distance(const Narrow *w, const double *a, const double *b) {
    double square = 0, ab = 0, aa = 0, bb = 0;
    for (size_t d = 0; d < w->dim; d++) {
        square += (a[d] - b[d]) * (a[d] - b[d]);
        ab += a[d] * b[d];
        aa += a[d] * a[d];
        bb += b[d] * b[d];
    }
    if (!w->angles) return square;
    return aa > 0 && bb > 0 ? 1 - ab / sqrt(aa * bb) : 1;
}

/* Of row `i` of the sample the distance from the nearest other that is not equal to it; 0: there is none. */
static double nearest(const Narrow *w, const double *rows, size_t i, size_t *which) {
    double least = 0;
    for (size_t j = 0; j < w->distances.rows; j++) {
        const double d = row_distance(w, rows + i * w->dim, rows + j * w->dim);
        if (d > 0 && (least == 0 || d < least)) least = d, *which = j;
    }
    return least;
}

static void compare_distances(const Narrow *w, const double *narrowed, NarrowLoss *loss) {
    for (size_t i = 0; i < w->distances.rows; i++) {
        size_t j = 0;
        const double before = nearest(w, w->distances.values, i, &j);
        if (before == 0) continue;
        const double after = row_distance(w, narrowed + i * w->dim, narrowed + j * w->dim);
        const double tenth = w->angles ? 0.1 : 0.2; /* of a square it is twice that */
        loss->sampled++;
        loss->changed += !(fabs(after - before) <= tenth * before);
    }
}

static cf_status measure_loss(Narrow *w, NarrowLoss *loss) {
    const Sample *sample = &w->distances;
    const size_t counted = w->n < MOST_COUNTED ? w->n : MOST_COUNTED;
    AUTO_FREE double *narrowed = NULL;
    FORWARD(memory_new(sample->rows * w->dim, sizeof *narrowed, &narrowed));
    for (size_t r = 0; r < sample->rows; r++)
        for (size_t d = 0; d < w->dim; d++) narrowed[r * w->dim + d] = (double)w->values[r * sample->step * w->dim + d];
    compare_distances(w, narrowed, loss);
    loss->different = different_keys(w->wide, counted);
    const size_t left = different_keys(w->narrow, counted);
    loss->merged = loss->different > left ? loss->different - left : 0;
    return CF_OK;
}

/* ---- All of it ---- */

static cf_status run_pass(Narrow *w, PartReader read, void *source,
                          void (*step)(Narrow *, const double *, size_t, size_t)) {
    double part[PART];
    const size_t all = w->n * w->dim;
    for (size_t first = 0; first < all; first += PART) {
        const size_t count = all - first < PART ? all - first : PART;
        FORWARD(read(source, first, count, part));
        step(w, part, first, count);
    }
    return CF_OK;
}

cf_status narrow_rows(PartReader read, void *source, bool exact, const RowsFrame *frame, NpyRows *rows) {
    AUTO(narrow_free) Narrow w = {.n = rows->n, .dim = (size_t)rows->dim, .angles = frame->angles, .exact = true};
    w.stay = frame->stay || frame->angles;
    w.given = frame->offset != NULL;
    FAIL_IF(w.given && frame->dim != rows->dim, CF_BAD_USE, "rows of %d values were expected, and these have %d",
            frame->dim, rows->dim);
    FORWARD(memory_new(w.n * w.dim, sizeof *rows->values, &rows->values));
    w.values = rows->values;
    FORWARD(narrow_allocate(&w));
    if (w.given) memcpy(w.offset, frame->offset, w.dim * sizeof(double));
    if (!exact) FORWARD(run_pass(&w, read, source, look_at));
    if (!w.given && !w.stay && !w.exact) {
        choose_medians(&w);
        FORWARD(run_pass(&w, read, source, weigh));
        keep_worthy_medians(&w);
    }
    FORWARD(run_pass(&w, read, source, convert));
    if (!w.exact || w.given) FORWARD(measure_loss(&w, &rows->loss));
    if (w.given || w.chosen) rows->offset = memory_take(&w.offset);
    return CF_OK;
}

void npy_rows_free(NpyRows *rows) {
    free(rows->values);
    free(rows->offset);
    *rows = (NpyRows){0};
}
