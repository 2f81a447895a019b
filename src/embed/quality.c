#include "embed/quality.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "base/slices.h"
#include "nn/cpu/matrix_product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void plane_free(Plane *plane) {
    free(plane->values);
}

/* `rows` [n] of the embedding, NULL: all. */
static cf_status plane_new(const Points *embedding, const uint32_t *rows, size_t n, Plane *plane) {
    int exponent;
    *plane = (Plane){.n = n, .components = embedding->dim};
    FORWARD(memory_new(n * (size_t)embedding->dim, sizeof(float), &plane->values));
    frexp(largest_magnitude(embedding->values, embedding->n * (size_t)embedding->dim), &exponent);
    plane->scale = ldexp(1, -exponent);
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < plane->components; c++) {
            float value = points_row(embedding, rows ? rows[i] : i)[c];
            plane->values[(size_t)c * n + i] = (float)((double)value * plane->scale);
        }
    return CF_OK;
}

static int compare_rows(const void *left, const void *right) {
    const uint32_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

/* A sorted sample of `wanted` of n rows, or all of them. */
static cf_status sample_rows(size_t n, size_t wanted, uint64_t seed, uint32_t **rows, size_t *count) {
    FORWARD(memory_new(n, sizeof **rows, rows));
    for (size_t i = 0; i < n; i++) (*rows)[i] = (uint32_t)i;
    *count = n > QUALITY_EXACT ? wanted : n;
    if (n <= QUALITY_EXACT) return CF_OK;
    RngStream stream = rng_stream(seed, RNG_QUALITY, 0, 0);
    rng_shuffle(&stream, *rows, n);
    qsort(*rows, wanted, sizeof **rows, compare_rows);
    return CF_OK;
}

/* ---- Trustworthiness and continuity: ranks in one space of neighbours in the other ----
 *
 * A strip of points against all others at once, its distances from a matrix product; then each point's row is gone over a few
 * times: for its nearest, and for how many are nearer than each of the other space's nearest. Nothing is sorted. */

enum { MOST_ROWS = 256, STRIP = 1 << 23 }; /* of a strip: points, and floats */

typedef struct Ranks {
    const Points *points; /* under a metric of pairs; the products have none of it but n */
    Metric metric;
    ProductRows all, asked;
    Plane plane;
    uint32_t *rows; /* [asked.n] the points asked about */
    int k;
    size_t height;  /* points of a strip */
    float *strips;  /* [threads][height][n] */
    float *planes;  /* [threads][n] */
    uint64_t *sums; /* [strips][2] of ranks beyond k: trustworthiness', continuity's */
} Ranks;

static void ranks_free(Ranks *ranks) {
    product_rows_free(&ranks->all);
    product_rows_free(&ranks->asked);
    plane_free(&ranks->plane);
    free(ranks->rows);
    free(ranks->strips);
    free(ranks->planes);
    free(ranks->sums);
}

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
        distances[j] =
            (float)(ranks->metric == METRIC_MANHATTAN ? row_manhattan_distance(row, points_row(points, j), points->dim)
                                                      : row_differences(row, points_row(points, j), points->dim));
}

static void rank_strip(void *context, size_t index, int thread) {
    Ranks *ranks = context;
    size_t n = ranks->all.n, from = index * ranks->height, left = ranks->asked.n - from;
    size_t height = left < ranks->height ? left : ranks->height, dim = (size_t)ranks->all.dim;
    const bool pairs = metric_is_pairwise(ranks->metric);
    float *strip = ranks->strips + (size_t)thread * ranks->height * n, *embedded = ranks->planes + (size_t)thread * n;
    float values[QUALITY_K];
    uint32_t near[QUALITY_K], near_embedded[QUALITY_K];
    if (!pairs)
        matrix_product((int)height, (int)n, ranks->all.dim, ranks->asked.values + from * dim, ranks->all.values, strip);
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
}

static cf_status run_strips(Ranks *ranks, int threads, Quality *quality) {
    size_t n = ranks->all.n, strips = (ranks->asked.n + ranks->height - 1) / ranks->height;
    uint64_t trust = 0, continuity = 0;
    if ((size_t)threads > strips) threads = (int)strips;
    FORWARD(memory_new((size_t)threads * ranks->height * n, sizeof(float), &ranks->strips));
    FORWARD(memory_new((size_t)threads * n, sizeof(float), &ranks->planes));
    FORWARD(memory_new(2 * strips, sizeof(uint64_t), &ranks->sums));
    slices_each(threads, strips, 1, rank_strip, ranks);
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

static cf_status measure_ranks(const Points *given, const Points *embedding, const QualityOptions *options,
                               Quality *quality) {
    AUTO_FREE float *centered = NULL;
    AUTO(product_frame_free) ProductFrame frame = {0};
    Points points;
    FORWARD(points_prepare(given, options->metric, &points, &centered));
    AUTO(ranks_free)
    Ranks ranks = {.points = &points,
                   .metric = metric_prepared(options->metric),
                   .k = quality->k,
                   .height = strip_height(points.n)};
    size_t count;
    FORWARD(sample_rows(points.n, QUALITY_RANK_SAMPLE, options->seed, &ranks.rows, &count));
    ranks.all.n = points.n;
    ranks.asked.n = count;
    if (!metric_is_pairwise(ranks.metric)) {
        FORWARD(product_frame_new(&points, NULL, ranks.metric, options->threads, &frame));
        FORWARD(product_rows_new(&frame, &points, NULL, points.n, options->threads, &ranks.all));
        FORWARD(product_rows_new(&frame, &points, ranks.rows, count, options->threads, &ranks.asked));
    }
    FORWARD(plane_new(embedding, NULL, embedding->n, &ranks.plane));
    return run_strips(&ranks, options->threads, quality);
}

/* ---- Votes of neighbours, silhouettes; points without a label take no part ---- */

enum { PIECE = 64 }; /* points */

typedef struct Classes {
    Plane plane;      /* the labelled points, class after class, in a class by index */
    size_t *first;    /* [count + 1] where a class begins */
    uint32_t *order;  /* [plane.n] their rows in the embedding */
    int count;        /* of labels up to the largest; some may have no point */
    size_t inhabited; /* classes with points */
} Classes;

static void classes_free(Classes *classes) {
    plane_free(&classes->plane);
    free(classes->first);
    free(classes->order);
}

typedef struct Votes {
    Plane plane; /* the labelled points, by index */
    int *labels; /* [plane.n] */
    int k;
    const Classes *classes;
    uint32_t *by_index; /* [plane.n] their rows in the embedding */
    uint32_t *asked;    /* [count] of plane's points */
    size_t count;
    float *distances;    /* [threads][n] */
    int *tally;          /* [threads][classes] */
    size_t *hits;        /* [pieces] */
    double *silhouettes; /* [pieces] */
} Votes;

static void votes_free(Votes *votes) {
    void *own[] = {votes->labels, votes->by_index, votes->asked,      votes->distances,
                   votes->tally,  votes->hits,     votes->silhouettes};
    for (size_t i = 0; i < COUNT_OF(own); i++) free(own[i]);
    plane_free(&votes->plane);
}

/* The class with most of the votes, of equal ones that of the nearest neighbour. Leaves the tally as it found it,
 * zero. */
static int winner(const Votes *votes, const uint32_t *near, int *tally) {
    int best = votes->labels[near[0]];
    for (int c = 0; c < votes->k; c++) tally[votes->labels[near[c]]]++;
    for (int c = 0; c < votes->k; c++)
        if (tally[votes->labels[near[c]]] > tally[best]) best = votes->labels[near[c]];
    for (int c = 0; c < votes->k; c++) tally[votes->labels[near[c]]] = 0;
    return best;
}

static double silhouette(const Votes *votes, size_t i) {
    const Classes *classes = votes->classes;
    int own = votes->labels[i];
    float x[QUALITY_MOST_COMPONENTS];
    double within = 0, nearest = INFINITY;
    for (int c = 0; c < votes->plane.components; c++) x[c] = votes->plane.values[(size_t)c * votes->plane.n + i];
    for (int c = 0; c < classes->count; c++) {
        size_t from = classes->first[c], to = classes->first[c + 1];
        if (from == to) continue;
        double sum = plane_sum(&classes->plane, x, from, to);
        if (c == own && to - from == 1) return 0;
        if (c == own)
            within = sum / (double)(to - from - 1);
        else
            nearest = fmin(nearest, sum / (double)(to - from));
    }
    double larger = fmax(within, nearest);
    return larger > 0 ? (nearest - within) / larger : 0;
}

static void vote_piece(void *context, size_t index, int thread) {
    Votes *votes = context;
    size_t n = votes->plane.n, from = index * PIECE, to = from + PIECE;
    float *distances = votes->distances + (size_t)thread * n, values[QUALITY_K];
    int *tally = votes->tally + (size_t)thread * (size_t)votes->classes->count;
    uint32_t near[QUALITY_K];
    for (size_t a = from; a < to && a < votes->count; a++) {
        size_t i = votes->asked[a];
        plane_distances(&votes->plane, i, distances);
        smallest(distances, n, votes->k, values, near);
        votes->hits[index] += winner(votes, near, tally) == votes->labels[i];
        if (votes->classes->inhabited > 1) votes->silhouettes[index] += silhouette(votes, i);
    }
}

static cf_status run_votes(Votes *votes, int threads, Quality *quality) {
    size_t pieces = (votes->count + PIECE - 1) / PIECE, hits = 0;
    double sum = 0;
    FORWARD(memory_new((size_t)threads * votes->plane.n, sizeof(float), &votes->distances));
    FORWARD(memory_new((size_t)threads * (size_t)votes->classes->count, sizeof(int), &votes->tally));
    FORWARD(memory_new(pieces, sizeof *votes->hits, &votes->hits));
    FORWARD(memory_new(pieces, sizeof *votes->silhouettes, &votes->silhouettes));
    slices_each(threads, pieces, 1, vote_piece, votes);
    for (size_t p = 0; p < pieces; p++) {
        hits += votes->hits[p];
        sum += votes->silhouettes[p];
    }
    quality->knn_accuracy = (double)hits / (double)votes->count;
    if (votes->classes->inhabited > 1) quality->silhouette = sum / (double)votes->count;
    quality->plane_points = votes->count;
    return CF_OK;
}

/* Fills `order` by class, and `by_index` with the labelled rows. */
static cf_status sort_by_class(const int *labels, size_t n, Classes *classes, uint32_t **by_index, size_t *known) {
    size_t count = 0, at;
    for (size_t i = 0; i < n; i++)
        if (labels[i] >= classes->count) classes->count = labels[i] + 1;
    FORWARD(memory_new((size_t)classes->count + 2, sizeof *classes->first, &classes->first));
    FORWARD(memory_new(n, sizeof **by_index, by_index));
    FORWARD(memory_new(n, sizeof *classes->order, &classes->order));
    for (size_t i = 0; i < n; i++) {
        if (labels[i] < 0) continue;
        (*by_index)[count++] = (uint32_t)i;
        classes->first[labels[i] + 2]++;
    }
    for (int c = 0; c < classes->count; c++) {
        classes->inhabited += classes->first[c + 2] > 0;
        classes->first[c + 2] += classes->first[c + 1];
    }
    /* first[c + 1] is where class c's next goes, and ends as where class c + 1 begins. */
    for (size_t i = 0; i < count; i++) {
        at = classes->first[labels[(*by_index)[i]] + 1]++;
        classes->order[at] = (*by_index)[i];
    }
    *known = count;
    return CF_OK;
}

static cf_status measure_labels(const Points *embedding, const int *labels, const QualityOptions *options,
                                Quality *quality) {
    AUTO(classes_free) Classes classes = {0};
    AUTO(votes_free) Votes votes = {.classes = &classes};
    size_t known = 0;
    FORWARD(sort_by_class(labels, embedding->n, &classes, &votes.by_index, &known));
    if (known < 3) return CF_OK;
    votes.k = (size_t)quality->k < known ? quality->k : (int)known - 1;
    FORWARD(plane_new(embedding, classes.order, known, &classes.plane));
    FORWARD(plane_new(embedding, votes.by_index, known, &votes.plane));
    FORWARD(memory_new(known, sizeof *votes.labels, &votes.labels));
    for (size_t i = 0; i < known; i++) votes.labels[i] = labels[votes.by_index[i]];
    FORWARD(sample_rows(known, QUALITY_PLANE_SAMPLE, options->seed, &votes.asked, &votes.count));
    return run_votes(&votes, options->threads, quality);
}

/* ---- All of it ---- */

cf_status quality_measure(const Points *points, const Points *embedding, const int *labels,
                          const QualityOptions *options, Quality *quality) {
    Quality made = {.trustworthiness = NAN, .continuity = NAN, .knn_accuracy = NAN, .silhouette = NAN};
    QualityOptions own = *options;
    FAIL_IF(points->n != embedding->n, CF_BAD_USE, "%zu points and %zu embedded ones cannot be compared", points->n,
            embedding->n);
    FAIL_IF(embedding->dim > QUALITY_MOST_COMPONENTS, CF_BAD_USE,
            "an embedding of %d components; at most %d are measured", embedding->dim, QUALITY_MOST_COMPONENTS);
    own.threads = slices_threads(options->threads);
    size_t half = (points->n - 1) / 2;
    made.k = half < QUALITY_K ? (int)half : QUALITY_K;
    if (made.k > 0) {
        FORWARD(measure_ranks(points, embedding, &own, &made));
        if (labels) FORWARD(measure_labels(embedding, labels, &own, &made));
    }
    *quality = made;
    return CF_OK;
}

size_t quality_memory(size_t n, int dim, int threads) {
    double strips = 4.0 * fmin(1 << 23, 256.0 * (double)n), rows = n > QUALITY_EXACT ? QUALITY_RANK_SAMPLE : (double)n;
    double total = (strips + 8.0 * (double)n) * slices_threads(threads) + 4.0 * (dim + 1.0) * ((double)n + rows) +
                   64.0 * (double)n;
    return total < 9e18 ? (size_t)total : SIZE_MAX;
}
