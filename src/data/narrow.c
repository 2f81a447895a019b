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
    MOST_COUNTED = 1 << 20   /* rows whose likes are counted */
};

typedef struct Sample {
    size_t rows, step; /* rows 0, step, 2 step .. of the file */
    double *values;    /* [rows][dim] */
} Sample;

struct Narrow {
    size_t n, dim;
    bool angles, stay, given; /* as the frame says; the offset is another's */
    bool exact, chosen;       /* all values are floats; the medians are taken */
    double *offset;           /* [dim] */
    double *size, *spread;    /* [dim] sums of absolute values, of distances from the median */
    Sample median, distances;
    uint64_t *wide, *narrow; /* [n, at most MOST_COUNTED] a number for each row's doubles, and for its floats */
};

static cf_status sample_new(size_t n, size_t dim, size_t most, Sample *sample) {
    size_t rows = SAMPLE_VALUES / dim;
    if (rows < 3) rows = 3;
    if (rows > most) rows = most;
    sample->step = (n + rows - 1) / rows;
    sample->rows = (n + sample->step - 1) / sample->step;
    return memory_new(sample->rows * dim, sizeof *sample->values, &sample->values);
}

static cf_status allocate(Narrow *made) {
    const size_t counted = made->n < MOST_COUNTED ? made->n : MOST_COUNTED;
    FORWARD(sample_new(made->n, made->dim, MOST_MEDIAN, &made->median));
    FORWARD(sample_new(made->n, made->dim, MOST_SAMPLED, &made->distances));
    FORWARD(memory_new(made->dim, sizeof(double), &made->offset));
    FORWARD(memory_new(made->dim, sizeof(double), &made->size));
    FORWARD(memory_new(made->dim, sizeof(double), &made->spread));
    FORWARD(memory_new(counted, sizeof(uint64_t), &made->wide));
    return memory_new(counted, sizeof(uint64_t), &made->narrow);
}

cf_status narrow_new(size_t n, int dim, const RowsFrame *frame, Narrow **narrow) {
    Narrow *made;
    FAIL_IF(frame->offset && frame->dim != dim, CF_BAD_USE, "rows of %d values were expected, and these have %d",
            frame->dim, dim);
    FORWARD(memory_new(1, sizeof *made, &made));
    made->n = n;
    made->dim = (size_t)dim;
    made->exact = true;
    made->angles = frame->angles;
    made->stay = frame->stay || frame->angles;
    made->given = frame->offset != NULL;
    cf_status status = allocate(made);
    if (status) {
        narrow_free(made);
        return status;
    }
    if (made->given) memcpy(made->offset, frame->offset, made->dim * sizeof(double));
    *narrow = made;
    return CF_OK;
}

void narrow_free(Narrow *narrow) {
    if (!narrow) return;
    void *own[] = {narrow->offset,           narrow->size, narrow->spread, narrow->median.values,
                   narrow->distances.values, narrow->wide, narrow->narrow};
    for (size_t i = 0; i < COUNT_OF(own); i++) free(own[i]);
    free(narrow);
}

/* ---- Where the columns lie ---- */

/* What is not finite is refused later, by its row; here it must not disturb. */
static void keep_sampled(Sample *sample, size_t row, size_t column, size_t dim, double x) {
    if (row % sample->step == 0) sample->values[row / sample->step * dim + column] = isfinite(x) ? x : 0;
}

void narrow_look(Narrow *w, const double *part, size_t first, size_t count) {
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

bool narrow_wants_weighing(Narrow *w) {
    double spare[MOST_MEDIAN];
    if (w->given || w->stay || w->exact) return false;
    for (size_t d = 0; d < w->dim; d++) w->offset[d] = median_of(w, d, spare);
    w->chosen = true;
    return true;
}

void narrow_weigh(Narrow *w, const double *part, size_t first, size_t count) {
    size_t column = first % w->dim;
    for (size_t i = 0; i < count; i++) {
        w->spread[column] += fabs(part[i] - w->offset[column]);
        if (++column == w->dim) column = 0;
    }
    if (first + count < w->n * w->dim) return;
    bool any = false;
    for (size_t d = 0; d < w->dim; d++) {
        if (!(w->spread[d] <= w->size[d] / 4)) w->offset[d] = 0; /* NaN, too */
        any = any || w->offset[d] != 0;
    }
    w->chosen = any;
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

void narrow_convert(Narrow *w, const double *part, size_t first, size_t count, float *values) {
    const bool counts = !w->exact || w->given;
    size_t row = first / w->dim, column = first % w->dim;
    for (size_t i = 0; i < count; i++) {
        const float x = to_float(part[i] - w->offset[column]);
        values[first + i] = x;
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
static double distance(const Narrow *w, const double *a, const double *b) {
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
        const double d = distance(w, rows + i * w->dim, rows + j * w->dim);
        if (d > 0 && (least == 0 || d < least)) least = d, *which = j;
    }
    return least;
}

static void compare_distances(const Narrow *w, const double *narrowed, NarrowLoss *loss) {
    for (size_t i = 0; i < w->distances.rows; i++) {
        size_t j = 0;
        const double before = nearest(w, w->distances.values, i, &j);
        if (before == 0) continue;
        const double after = distance(w, narrowed + i * w->dim, narrowed + j * w->dim);
        const double tenth = w->angles ? 0.1 : 0.2; /* of a square it is twice that */
        loss->sampled++;
        loss->changed += !(fabs(after - before) <= tenth * before);
    }
}

static cf_status judge(Narrow *w, const float *values, NarrowLoss *loss) {
    const Sample *sample = &w->distances;
    const size_t counted = w->n < MOST_COUNTED ? w->n : MOST_COUNTED;
    double *narrowed;
    FORWARD(memory_new(sample->rows * w->dim, sizeof *narrowed, &narrowed));
    for (size_t r = 0; r < sample->rows; r++)
        for (size_t d = 0; d < w->dim; d++) narrowed[r * w->dim + d] = (double)values[r * sample->step * w->dim + d];
    compare_distances(w, narrowed, loss);
    free(narrowed);
    loss->different = different_keys(w->wide, counted);
    const size_t left = different_keys(w->narrow, counted);
    loss->merged = loss->different > left ? loss->different - left : 0;
    return CF_OK;
}

cf_status narrow_finish(Narrow *w, const float *values, double **offset, NarrowLoss *loss) {
    *loss = (NarrowLoss){0};
    *offset = NULL;
    if (!w->exact || w->given) FORWARD(judge(w, values, loss));
    if (!w->given && !w->chosen) return CF_OK;
    *offset = w->offset;
    w->offset = NULL;
    return CF_OK;
}
