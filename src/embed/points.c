#include "embed/points.h"

#include "base/memory.h"

#include <math.h>

cf_status points_check(const Points *points, const char *what) {
    /* Squares of differences and their sums must fit a float with room to spare. */
    const float largest = 1e16f;
    FAIL_IF(points->n == 0, CF_BAD_INPUT, "%s: there are no rows", what);
    FAIL_IF(points->n > MOST_POINTS, CF_BAD_INPUT, "%s: %zu rows, and at most %d can be embedded", what, points->n,
            MOST_POINTS);
    FAIL_IF(points->dim < 1 || points->dim > MOST_DIMENSIONS, CF_BAD_INPUT,
            "%s: rows of %d values, and 1 to %d are expected", what, points->dim, MOST_DIMENSIONS);
    for (size_t i = 0; i < points->n; i++) {
        const float *row = points_row(points, i);
        for (int d = 0; d < points->dim; d++) {
            FAIL_IF(!isfinite(row[d]), CF_BAD_INPUT,
                    "%s: row %zu (counted from 0) has %s in column %d; take such rows out, or put a number there", what,
                    i, isnan(row[d]) ? "NaN" : "infinity", d);
            FAIL_IF(fabsf(row[d]) > largest, CF_BAD_INPUT,
                    "%s: row %zu (counted from 0) has %g in column %d; distances of values beyond %g do not fit a "
                    "float, so scale the columns first",
                    what, i, (double)row[d], d, (double)largest);
        }
    }
    return CF_OK;
}

cf_status points_centered(const Points *points, Points *centered, float **values) {
    const size_t dim = (size_t)points->dim;
    FORWARD(memory_new(points->n * dim, sizeof **values, values));
    for (size_t i = 0; i < points->n; i++) {
        const float *row = points_row(points, i);
        double sum = 0;
        for (size_t d = 0; d < dim; d++) sum += (double)row[d];
        for (size_t d = 0; d < dim; d++) (*values)[i * dim + d] = (float)((double)row[d] - sum / (double)dim);
    }
    *centered = (Points){*values, points->n, points->dim};
    return CF_OK;
}
