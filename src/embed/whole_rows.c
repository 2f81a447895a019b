#include "embed/whole_rows.h"

#include "base/memory.h"
#include "base/slices.h"
#include "embed/row_math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 64, LARGEST = 256 };
static const double scales[] = {1, 255};

/* To the nearest whole number: what is added leaves no bits for a fraction. */
static inline double whole(double value) {
    const double shift = 0x1.8p52;
    return (value + shift) - shift;
}

EVERY_ISA static bool row_is_whole(const float *row, int dim, double scale) {
    int others = 0;
    for (int d = 0; d < dim; d++) {
        double value = (double)row[d] * scale, nearest = whole(value);
        others += (fabs(value - nearest) > 0x1p-22 * fabs(nearest)) | (fabs(nearest) > LARGEST);
    }
    return others == 0;
}

typedef struct Look {
    const Points *points;
    double scale;
    bool *others; /* [pieces] something is not whole */
} Look;

static cf_status look_at_piece(void *context, int64_t index, int thread) {
    const Look *look = context;
    size_t from = (size_t)index * PIECE, to = from + PIECE;
    (void)thread;
    for (size_t i = from; i < to && i < look->points->n && !look->others[index]; i++)
        look->others[index] = !row_is_whole(points_row(look->points, i), look->points->dim, look->scale);
    return CF_OK;
}

static cf_status all_whole(const Points *points, double scale, int threads, bool *yes) {
    size_t pieces = (points->n + PIECE - 1) / PIECE;
    Look look = {points, scale, NULL};
    *yes = row_is_whole(points_row(points, points->n / 2), points->dim, scale); /* mostly the answer */
    if (!*yes) return CF_OK;
    FORWARD(memory_new(pieces, sizeof *look.others, &look.others));
    cf_status status = slices_run(threads, (int64_t)pieces, look_at_piece, &look);
    for (size_t p = 0; p < pieces; p++) *yes &= !look.others[p];
    free(look.others);
    return status;
}

cf_status whole_rows_scale(const Points *points, const Points *others, int threads, double *scale) {
    *scale = 0;
    for (size_t s = 0; s < COUNT_OF(scales); s++) {
        bool yes;
        FORWARD(all_whole(points, scales[s], threads, &yes));
        if (yes && others) FORWARD(all_whole(others, scales[s], threads, &yes));
        if (!yes) continue;
        *scale = scales[s];
        return CF_OK;
    }
    return CF_OK;
}

typedef struct Filling {
    const Points *points;
    const uint32_t *rows;
    size_t n;
    double scale;
    WholeRows *made;
} Filling;

static cf_status fill_piece(void *context, int64_t index, int thread) {
    const Filling *work = context;
    size_t from = (size_t)index * PIECE, to = from + PIECE, dim = (size_t)work->points->dim;
    (void)thread;
    for (size_t i = from; i < to && i < work->n; i++) {
        const float *row = points_row(work->points, work->rows[i]);
        double sum = 0;
        for (size_t d = 0; d < dim; d++) {
            float value = (float)whole((double)row[d] * work->scale);
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            work->made->values[i * dim + d] = (uint16_t)(bits >> 16);
            sum += (double)value * (double)value;
        }
        work->made->norms[i] = (float)sum;
    }
    return CF_OK;
}

cf_status whole_rows_new(const Points *points, const uint32_t *rows, size_t n, double scale, int threads,
                         WholeRows *made) {
    WholeRows all = {0};
    Filling work = {points, rows, n, scale, &all};
    size_t size;
    cf_status status;
    FAIL_IF(!size_multiply(n, (size_t)points->dim, &size), CF_NO_MEMORY, "these points are too many");
    FORWARD_TO(failed, memory_new(size, sizeof *all.values, &all.values));
    FORWARD_TO(failed, memory_new(n, sizeof *all.norms, &all.norms));
    FORWARD_TO(failed, slices_run(threads, (int64_t)((n + PIECE - 1) / PIECE), fill_piece, &work));
    *made = all;
    return CF_OK;
failed:
    whole_rows_free(&all);
    return status;
}

void whole_rows_free(WholeRows *rows) {
    free(rows->values);
    free(rows->norms);
    *rows = (WholeRows){0};
}
