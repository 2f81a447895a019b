/* Trustworthiness and continuity: ranks in one space of neighbours in the other.
 *
 * A strip of points against all others at once, its distances from a matrix product; then each point's row is gone
 * over a few times: for its nearest, and for how many are nearer than each of the other space's nearest. Nothing is
 * sorted.
 */
#include "embed/quality_inside.h"

#include "base/memory.h"
#include "base/slices.h"
#include "embed/product_rows.h"
#include "embed/row_math.h"
#include "nn/cpu/matrix_product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 256, STRIP = 1 << 23 }; /* of a strip: points, and floats */

typedef struct Ranks {
    const Points *points; /* under a metric of pairs; the products have none of it but n */
    Metric metric;
    ProductRows all, asked;
    Plane plane;
    const uint32_t *rows; /* [asked.n] the points asked about */
    int k;
    size_t height;  /* points of a strip */
    float *strips;  /* [threads][height][n] */
    float *planes;  /* [threads][n] */
    uint64_t *sums; /* [strips][2] of ranks beyond k: trustworthiness', continuity's */
} Ranks;

/* Sum of rank - k over those of `places` whose rank by `distances` is beyond k. `kth` is the k-th smallest distance. */
static uint64_t ranks_beyond(const Ranks *ranks, const float *distances, float kth, const uint32_t *places) {
    float limits[QUALITY_K];
    uint32_t counts[QUALITY_K];
    uint64_t sum = 0;
    int beyond = 0;
    for (int c = 0; c < ranks->k; c++)
        if (distances[places[c]] > kth) limits[beyond++] = distances[places[c]];
    count_below(distances, ranks->all.n, limits, beyond, counts);
    for (int c = 0; c < beyond; c++) sum += counts[c] + 1 - (uint64_t)ranks->k;
    return sum;
}

/* The distances of asked point `r` from all, the infinite one from itself. */
static void pair_distances(const Ranks *ranks, size_t r, float *distances) {
    const Points *points = ranks->points;
    const float *row = points_row(points, ranks->rows[r]);
    for (size_t j = 0; j < points->n; j++)
        distances[j] = (float)(ranks->metric == METRIC_MANHATTAN
                                   ? row_manhattan_distance(row, points_row(points, j), points->dim)
                                   : row_differences(row, points_row(points, j), points->dim));
}

static cf_status rank_strip(void *context, int64_t index, int thread) {
    Ranks *ranks = context;
    size_t n = ranks->all.n, from = (size_t)index * ranks->height, left = ranks->asked.n - from;
    size_t height = left < ranks->height ? left : ranks->height, dim = (size_t)ranks->all.dim;
    const bool pairs = metric_is_pairwise(ranks->metric);
    float *strip = ranks->strips + (size_t)thread * ranks->height * n, *embedded = ranks->planes + (size_t)thread * n;
    float values[QUALITY_K];
    uint32_t near[QUALITY_K], near_embedded[QUALITY_K];
    if (!pairs) matrix_product((int)height, (int)n, ranks->all.dim, ranks->asked.values + from * dim, ranks->all.values, strip);
    for (size_t r = 0; r < height; r++) {
        float *distances = strip + r * n;
        uint64_t *sums = ranks->sums + 2 * index;
        if (pairs)
            pair_distances(ranks, from + r, distances);
        else
            products_to_distances(distances, ranks->asked.norms[from + r], ranks->all.norms, n, distances);
        distances[ranks->rows[from + r]] = INFINITY;
        plane_distances(&ranks->plane, ranks->rows[from + r], embedded);
        smallest(embedded, n, ranks->k, values, near_embedded);
        float kth = values[ranks->k - 1];
        smallest(distances, n, ranks->k, values, near);
        sums[0] += ranks_beyond(ranks, distances, values[ranks->k - 1], near_embedded);
        sums[1] += ranks_beyond(ranks, embedded, kth, near);
    }
    return CF_OK;
}

static cf_status run_strips(Ranks *ranks, int threads, Quality *quality) {
    size_t n = ranks->all.n, strips = (ranks->asked.n + ranks->height - 1) / ranks->height;
    uint64_t trust = 0, continuity = 0;
    if ((size_t)threads > strips) threads = (int)strips;
    FORWARD(memory_new((size_t)threads * ranks->height * n, sizeof(float), &ranks->strips));
    FORWARD(memory_new((size_t)threads * n, sizeof(float), &ranks->planes));
    FORWARD(memory_new(2 * strips, sizeof(uint64_t), &ranks->sums));
    FORWARD(slices_run(threads, (int64_t)strips, rank_strip, ranks));
    for (size_t s = 0; s < strips; s++) {
        trust += ranks->sums[2 * s];
        continuity += ranks->sums[2 * s + 1];
    }
    double k = ranks->k, worst = (double)ranks->asked.n * k * (2 * (double)n - 3 * k - 1) / 2;
    quality->trustworthiness = 1 - (double)trust / worst;
    quality->continuity = 1 - (double)continuity / worst;
    quality->rank_points = ranks->asked.n;
    return CF_OK;
}

static size_t strip_height(size_t n) {
    size_t height = STRIP / n;
    if (height > MOST_ROWS) height = MOST_ROWS;
    return height ? height : 1;
}

static cf_status prepare_rows(const Points *points, const QualityOptions *options, const uint32_t *rows, size_t count,
                              ProductFrame *frame, Ranks *ranks) {
    ranks->all.n = points->n;
    ranks->asked.n = count;
    if (metric_is_pairwise(options->metric)) return CF_OK;
    FORWARD(product_frame_new(points, NULL, options->metric, options->threads, frame));
    FORWARD(product_rows_new(frame, points, NULL, points->n, options->threads, &ranks->all));
    return product_rows_new(frame, points, rows, count, options->threads, &ranks->asked);
}

cf_status measure_ranks(const Points *points, const Points *embedding, const QualityOptions *options,
                        Quality *quality) {
    Ranks ranks = {
        .points = points, .metric = options->metric, .k = quality->k, .height = strip_height(points->n)};
    ProductFrame frame = {0};
    uint32_t *rows = NULL;
    size_t count;
    cf_status status;
    FORWARD_TO(done, sample_rows(points->n, QUALITY_RANK_SAMPLE, options->seed, &rows, &count));
    FORWARD_TO(done, prepare_rows(points, options, rows, count, &frame, &ranks));
    FORWARD_TO(done, plane_new(embedding, NULL, embedding->n, &ranks.plane));
    ranks.rows = rows;
    FORWARD_TO(done, run_strips(&ranks, options->threads, quality));
done:
    product_frame_free(&frame);
    product_rows_free(&ranks.all);
    product_rows_free(&ranks.asked);
    plane_free(&ranks.plane);
    free(ranks.strips);
    free(ranks.planes);
    free(ranks.sums);
    free(rows);
    return status;
}
