#include "embed/product_rows.h"

#include "base/memory.h"
#include "base/slices.h"
#include "embed/columns.h"
#include "embed/row_math.h"

#include <math.h>
#include <stdlib.h>

enum { PIECE = 64 }; /* rows */

cf_status product_frame_new(const Points *points, const Points *others, Metric metric, int threads,
                            ProductFrame *frame) {
    ProductFrame made = {.metric = metric, .scale = 1};
    double largest, other = 0, *room;
    int exponent;
    cf_status status;
    FORWARD(memory_new((size_t)points->dim, sizeof(double), &made.means));
    *frame = made;
    if (metric == METRIC_COSINE) return CF_OK;
    FORWARD_TO(failed, memory_new((size_t)points->dim, sizeof(double), &room));
    status = others ? column_means(others, threads, room, &other) : CF_OK;
    free(room);
    FORWARD_TO(failed, status);
    FORWARD_TO(failed, column_means(points, threads, made.means, &largest));
    frexp(largest > other ? largest : other, &exponent);
    frame->scale = ldexp(1, -exponent - 1);
    return CF_OK;
failed:
    product_frame_free(frame);
    return status;
}

void product_frame_free(ProductFrame *frame) {
    free(frame->means);
    *frame = (ProductFrame){0};
}

typedef struct Filling {
    const ProductFrame *frame;
    const Points *points;
    const uint32_t *rows;
    ProductRows *made;
} Filling;

static cf_status fill_piece(void *context, int64_t index, int thread) {
    const Filling *work = context;
    const ProductFrame *frame = work->frame;
    size_t from = (size_t)index * PIECE, to = from + PIECE, dim = (size_t)work->made->dim;
    bool cosine = frame->metric == METRIC_COSINE;
    (void)thread;
    for (size_t i = from; i < to && i < work->made->n; i++) {
        const float *row = points_row(work->points, work->rows ? work->rows[i] : i);
        float *made = work->made->values + i * dim;
        double factor = frame->scale;
        if (cosine) {
            double square = row_dot(row, row, work->made->dim);
            factor = square > 0 ? 1 / sqrt(square) : 0;
        }
        for (size_t d = 0; d < dim; d++) made[d] = (float)(((double)row[d] - frame->means[d]) * factor);
        work->made->norms[i] = cosine ? 1 : (float)row_dot(made, made, work->made->dim);
    }
    return CF_OK;
}

cf_status product_rows_new(const ProductFrame *frame, const Points *points, const uint32_t *rows, size_t n, int threads,
                           ProductRows *made) {
    ProductRows all = {.n = n, .dim = points->dim};
    Filling work = {frame, points, rows, &all};
    size_t size;
    cf_status status;
    FAIL_IF(!size_multiply(n, (size_t)points->dim, &size), CF_NO_MEMORY, "these points are too many");
    FORWARD_TO(failed, memory_new(size, sizeof(float), &all.values));
    FORWARD_TO(failed, memory_new(n, sizeof(float), &all.norms));
    FORWARD_TO(failed, slices_run(threads, (int64_t)((n + PIECE - 1) / PIECE), fill_piece, &work));
    *made = all;
    return CF_OK;
failed:
    product_rows_free(&all);
    return status;
}

void product_rows_free(ProductRows *rows) {
    free(rows->values);
    free(rows->norms);
    *rows = (ProductRows){0};
}
