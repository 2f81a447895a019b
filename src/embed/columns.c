#include "embed/columns.h"

#include "base/memory.h"
#include "base/slices.h"
#include "embed/row_math.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_PIECES = 32 };

typedef struct Sums {
    const Points *points;
    size_t pieces;
    double *partial; /* [pieces][dim] */
    float largest[MOST_PIECES];
} Sums;

EVERY_ISA static float add_row(const float *row, int dim, double *sums, float largest) {
    for (int d = 0; d < dim; d++) {
        float size = fabsf(row[d]);
        sums[d] += (double)row[d];
        largest = size > largest ? size : largest;
    }
    return largest;
}

static cf_status sum_piece(void *context, int64_t index, int thread) {
    Sums *sums = context;
    size_t piece = (size_t)index, dim = (size_t)sums->points->dim;
    size_t from = sums->points->n * piece / sums->pieces, to = sums->points->n * (piece + 1) / sums->pieces;
    (void)thread;
    for (size_t i = from; i < to; i++)
        sums->largest[piece] =
            add_row(points_row(sums->points, i), sums->points->dim, sums->partial + piece * dim, sums->largest[piece]);
    return CF_OK;
}

cf_status column_means(const Points *points, int threads, double *means, double *largest) {
    Sums sums = {.points = points, .pieces = points->n < MOST_PIECES ? points->n : MOST_PIECES};
    size_t dim = (size_t)points->dim;
    float most = 0;
    FORWARD(memory_new(sums.pieces * dim, sizeof(double), &sums.partial));
    cf_status status = slices_run(threads, (int64_t)sums.pieces, sum_piece, &sums);
    for (size_t d = 0; d < dim && !status; d++) {
        double sum = 0;
        for (size_t p = 0; p < sums.pieces; p++) sum += sums.partial[p * dim + d];
        means[d] = sum / (double)points->n;
    }
    for (size_t p = 0; p < sums.pieces; p++) most = sums.largest[p] > most ? sums.largest[p] : most;
    if (largest) *largest = (double)most;
    free(sums.partial);
    return status;
}
