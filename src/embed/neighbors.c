#include "embed/neighbors.h"

#include "base/memory.h"
#include "base/slices.h"
#include "embed/points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 256 }; /* rows */

/* ---- Rows that are equal to the bit ----
 *
 * Thousands of equal rows (dead features, empty images) would make every one of them a tie of all others. They are taken as one
 * point with several members. */

typedef struct Duplicates {
    size_t groups;
    uint32_t *group;   /* [n] of a row; numbered by their first rows */
    uint32_t *members; /* [n] rows, group after group, ascending within */
    size_t *first;     /* [groups + 1] where a group's members begin */
} Duplicates;

typedef struct Row {
    uint64_t hash;
    uint32_t index;
} Row;

typedef struct Hashing {
    const Points *points;
    const bool *alone;
    Row *rows;
} Hashing;

/* Multiply and rotate over the row's words; equal hashes are compared in full. */
static uint64_t hash_row(const float *row, int dim) {
    uint64_t hash = 0x9E3779B97F4A7C15u;
    for (int d = 0; d < dim; d++) {
        uint32_t word;
        memcpy(&word, &row[d], sizeof word);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    return hash;
}

static cf_status hash_piece(void *context, int64_t index, int thread) {
    const Hashing *hashing = context;
    size_t from = (size_t)index * PIECE, to = from + PIECE < hashing->points->n ? from + PIECE : hashing->points->n;
    (void)thread;
    for (size_t i = from; i < to; i++)
        hashing->rows[i] = (Row){hash_row(points_row(hashing->points, i), hashing->points->dim), (uint32_t)i};
    return CF_OK;
}

static int compare_contents(const Hashing *hashing, uint32_t a, uint32_t b) {
    if (hashing->alone && (hashing->alone[a] || hashing->alone[b])) return a < b ? -1 : a > b;
    return memcmp(points_row(hashing->points, a), points_row(hashing->points, b),
                  (size_t)hashing->points->dim * sizeof(float));
}

static int compare_rows(const void *left, const void *right, void *context) {
    const Row *a = left, *b = right;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    int order = compare_contents(context, a->index, b->index);
    if (order) return order;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* leader[i]: the first row that equals row i. */
static void find_leaders(Hashing *hashing, uint32_t *leader) {
    size_t n = hashing->points->n;
    const Row *rows = hashing->rows;
    qsort_r(hashing->rows, n, sizeof *rows, compare_rows, hashing);
    for (size_t i = 0; i < n; i++) {
        bool same = i > 0 && rows[i].hash == rows[i - 1].hash &&
                    compare_contents(hashing, rows[i].index, rows[i - 1].index) == 0;
        leader[rows[i].index] = same ? leader[rows[i - 1].index] : rows[i].index;
    }
}

/* `group` holds the leaders and gets the numbers. A leader comes before its followers. */
static void number_groups(size_t n, Duplicates *made) {
    size_t *size = made->first + 1;
    for (size_t i = 0; i < n; i++) {
        made->group[i] = made->group[i] == i ? (uint32_t)made->groups++ : made->group[made->group[i]];
        size[made->group[i]]++;
    }
    for (size_t g = 0; g < made->groups; g++) made->first[g + 1] += made->first[g];
    for (size_t i = n; i-- > 0;) made->members[--size[made->group[i]]] = (uint32_t)i;
    /* Filling from the back has moved every end to its group's begin. */
    memmove(made->first, size, made->groups * sizeof *size);
    made->first[made->groups] = n;
}

static void duplicates_free(Duplicates *duplicates) {
    free(duplicates->group);
    free(duplicates->members);
    free(duplicates->first);
    *duplicates = (Duplicates){0};
}

/* `alone` [n], if not NULL: rows that form groups of their own. */
static cf_status duplicates_find(const Points *points, const bool *alone, int threads, Duplicates *duplicates) {
    Duplicates made = {0};
    Hashing hashing = {points, alone, NULL};
    size_t n = points->n;
    cf_status status;
    FORWARD_TO(failed, memory_new(n, sizeof *made.group, &made.group));
    FORWARD_TO(failed, memory_new(n, sizeof *made.members, &made.members));
    FORWARD_TO(failed, memory_new(n + 1, sizeof *made.first, &made.first));
    FORWARD_TO(failed, memory_new(n, sizeof *hashing.rows, &hashing.rows));
    FORWARD_TO(failed, slices_run(threads, (int64_t)((n + PIECE - 1) / PIECE), hash_piece, &hashing));
    find_leaders(&hashing, made.group);
    number_groups(n, &made);
    free(hashing.rows);
    *duplicates = made;
    return CF_OK;
failed:
    free(hashing.rows);
    duplicates_free(&made);
    return status;
}

/* ---- Lists of neighbours ---- */

cf_status nearest_new(size_t n, int k, Nearest *nearest) {
    Nearest made = {.n = n, .k = k};
    size_t count;
    FAIL_IF(!size_multiply(n, (size_t)k, &count), CF_NO_MEMORY, "%d neighbours of %zu points are too many", k, n);
    FORWARD(memory_new(count, sizeof *made.index, &made.index));
    cf_status status = memory_new(count, sizeof *made.distance, &made.distance);
    if (status) {
        nearest_free(&made);
        return status;
    }
    *nearest = made;
    return CF_OK;
}

void nearest_free(Nearest *nearest) {
    free(nearest->index);
    free(nearest->distance);
    *nearest = (Nearest){0};
}

void nearest_take_first(size_t self, int k, double *distance, uint32_t *index) {
    uint32_t j = 0;
    for (int c = 0; c < k; c++, j++) {
        if (j == self) j++;
        distance[c] = 1;
        index[c] = j;
    }
}

void neighbors_free(Neighbors *neighbors) {
    free(neighbors->index);
    free(neighbors->distance);
    *neighbors = (Neighbors){0};
}

/* ---- Points without their duplicates ---- */

typedef struct Distinct {
    Duplicates duplicates;
    uint32_t *rows; /* [groups] the first member of each */
    NeighborSide side;
} Distinct;

static void distinct_free(Distinct *distinct) {
    duplicates_free(&distinct->duplicates);
    free(distinct->rows);
    free(distinct->side.square);
    *distinct = (Distinct){0};
}

/* Rows of zeros have no direction, so under METRIC_COSINE they are at distance 1 even from each other. */
static cf_status mark_zeros(const Points *points, bool **zeros) {
    FORWARD(memory_new(points->n, sizeof **zeros, zeros));
    for (size_t i = 0; i < points->n; i++) {
        const float *row = points_row(points, i);
        int d = 0;
        while (d < points->dim && row[d] == 0) d++;
        (*zeros)[i] = d == points->dim;
    }
    return CF_OK;
}

static cf_status make_distinct(const Points *points, Metric metric, int threads, Distinct *made) {
    bool *zeros = NULL;
    if (metric == METRIC_COSINE) FORWARD(mark_zeros(points, &zeros));
    cf_status status = duplicates_find(points, zeros, threads, &made->duplicates);
    free(zeros);
    FORWARD(status);
    size_t groups = made->duplicates.groups;
    FORWARD(memory_new(groups, sizeof *made->rows, &made->rows));
    for (size_t g = 0; g < groups; g++) made->rows[g] = made->duplicates.members[made->duplicates.first[g]];
    made->side = (NeighborSide){points, made->rows, groups, NULL};
    if (metric != METRIC_COSINE) return CF_OK;
    FORWARD(memory_new(groups, sizeof(double), &made->side.square));
    for (size_t g = 0; g < groups; g++) {
        const float *row = points_row(points, made->rows[g]);
        made->side.square[g] = row_dot(row, row, points->dim);
    }
    return CF_OK;
}

static cf_status distinct_new(const Points *points, Metric metric, int threads, Distinct *distinct) {
    Distinct made = {0};
    cf_status status = make_distinct(points, metric, threads, &made);
    if (status) distinct_free(&made);
    if (!status) *distinct = made;
    return status;
}

/* ---- Back to all points ---- */

typedef struct Expansion {
    const Duplicates *owners;  /* of the rows asked about */
    const Duplicates *members; /* of the rows found */
    const Nearest *nearest;
    bool among_themselves;
    Metric metric;
    Neighbors *neighbors;
    double *distance; /* [threads][k] */
} Expansion;

/* At most k + 1 members of a group can matter. */
static void insert_group(const Expansion *work, size_t i, uint32_t group, double distance, double *list,
                         uint32_t *index) {
    const Duplicates *all = work->members;
    int k = work->neighbors->k;
    size_t from = all->first[group], to = all->first[group + 1];
    if (to - from > (size_t)k + 1) to = from + (size_t)k + 1;
    for (size_t m = from; m < to; m++)
        if (!work->among_themselves || all->members[m] != i) nearest_insert(list, index, k, distance, all->members[m]);
}

static cf_status expand_piece(void *context, int64_t piece, int thread) {
    const Expansion *work = context;
    Neighbors *neighbors = work->neighbors;
    size_t k = (size_t)neighbors->k, from = (size_t)piece * PIECE, to = from + PIECE;
    double *list = work->distance + (size_t)thread * k;
    for (size_t i = from; i < to && i < neighbors->n; i++) {
        uint32_t group = work->owners->group[i], *index = neighbors->index + i * k;
        const Nearest *nearest = work->nearest;
        for (size_t c = 0; c < k; c++) list[c] = INFINITY, index[c] = UINT32_MAX;
        if (work->among_themselves) insert_group(work, i, group, 0, list, index);
        for (size_t c = 0; c < (size_t)nearest->k; c++) {
            size_t at = group * (size_t)nearest->k + c;
            insert_group(work, i, nearest->index[at], nearest->distance[at], list, index);
        }
        for (size_t c = 0; c < k; c++)
            neighbors->distance[i * k + c] = (float)(work->metric == METRIC_EUCLIDEAN ? sqrt(list[c]) : list[c]);
    }
    return CF_OK;
}

/* `nearest` of the owners' groups among the members' groups becomes neighbours among rows. */
static cf_status expand(const Duplicates *owners, const Duplicates *members, const Nearest *nearest,
                        const NeighborOptions *options, Neighbors *neighbors) {
    Expansion work = {owners, members, nearest, owners == members, options->metric, neighbors, NULL};
    size_t n = neighbors->n, k = (size_t)neighbors->k;
    FORWARD(memory_new(n * k, sizeof *neighbors->index, &neighbors->index));
    FORWARD(memory_new(n * k, sizeof *neighbors->distance, &neighbors->distance));
    FORWARD(memory_new((size_t)options->threads * k, sizeof *work.distance, &work.distance));
    cf_status status = slices_run(options->threads, (int64_t)((n + PIECE - 1) / PIECE), expand_piece, &work);
    free(work.distance);
    return status;
}

/* ---- Which way ---- */

/* Measured with 784 columns, one core's seconds: 14,000 points exact 1.7, NN-descent 3; 70,000 points 43 and 18.5,
 * with 0.996 of the exact neighbours found. So NN-descent is the faster from some 30,000 on; but what is exact need
 * not be doubted, and up to 100,000 it costs a minute at most. A join holds few more than DESCENT_NEIGHBORS: longer
 * lists lose neighbours. */
enum { EXACT_POINTS = 100000, DESCENT_NEIGHBORS = 32 };

static bool is_exact(size_t n, const NeighborOptions *options) {
    if (metric_is_pairwise(options->metric)) return true;
    if (options->method != NEIGHBORS_AUTO) return options->method == NEIGHBORS_EXACT;
    return n <= EXACT_POINTS || options->k > DESCENT_NEIGHBORS;
}

static cf_status check_options(size_t n, size_t most, const NeighborOptions *options) {
    size_t count;
    FAIL_IF(options->k < 1, CF_BAD_USE, "%d neighbours were asked for; at least 1 is needed", options->k);
    FAIL_IF((size_t)options->k > most, CF_BAD_USE,
            "%d neighbours were asked for, and a point has only %zu others to choose from; ask for fewer", options->k,
            most);
    FAIL_IF(!size_multiply(n, 2 * (size_t)options->k * sizeof(double), &count), CF_NO_MEMORY,
            "%d neighbours of %zu points are too many", options->k, n);
    return CF_OK;
}

static cf_status find_among(const Distinct *distinct, const NeighborOptions *options, Neighbors *neighbors) {
    size_t others = distinct->side.n - 1;
    int k = (size_t)options->k < others ? options->k : (int)others;
    Nearest nearest = {0};
    /* With one distinct point all neighbours are its copies. */
    if (k > 0 && neighbors->exact) FORWARD(nearest_exact(&distinct->side, &distinct->side, options, k, &nearest));
    if (k > 0 && !neighbors->exact) FORWARD(nearest_descent(&distinct->side, options, k, &nearest));
    cf_status status = expand(&distinct->duplicates, &distinct->duplicates, &nearest, options, neighbors);
    nearest_free(&nearest);
    return status;
}

/* ---- Correlation ---- */

static cf_status find_correlated(const Points *points, const NeighborOptions *options, Neighbors *neighbors) {
    NeighborOptions cosine = *options;
    Points centered;
    float *values;
    FORWARD(points_centered(points, &centered, &values));
    cosine.metric = METRIC_COSINE;
    const cf_status status = neighbors_find(&centered, &cosine, neighbors);
    free(values);
    return status;
}

static cf_status query_correlated(const Points *reference, const Points *queries, const NeighborOptions *options,
                                  Neighbors *neighbors) {
    NeighborOptions cosine = *options;
    Points those, these;
    float *values, *asked = NULL;
    FORWARD(points_centered(reference, &those, &values));
    cf_status status = points_centered(queries, &these, &asked);
    cosine.metric = METRIC_COSINE;
    if (!status) status = neighbors_query(&those, &these, &cosine, neighbors);
    free(values);
    free(asked);
    return status;
}

/* ---- The two questions ---- */

cf_status neighbors_find(const Points *points, const NeighborOptions *options, Neighbors *neighbors) {
    if (options->metric == METRIC_CORRELATION) return find_correlated(points, options, neighbors);
    NeighborOptions own = *options;
    Neighbors made = {.n = points->n, .k = options->k};
    Distinct distinct = {0};
    FORWARD(check_options(points->n, points->n - 1, options));
    own.threads = slices_threads(options->threads);
    FORWARD(distinct_new(points, options->metric, own.threads, &distinct));
    made.exact = is_exact(distinct.side.n, options);
    made.method = made.exact ? "exact" : "NN-descent";
    cf_status status = find_among(&distinct, &own, &made);
    distinct_free(&distinct);
    if (status) neighbors_free(&made);
    if (!status) *neighbors = made;
    return status;
}

static cf_status find_between(const Distinct *reference, const Distinct *queries, const NeighborOptions *options,
                              Neighbors *neighbors) {
    int k = (size_t)options->k < reference->side.n ? options->k : (int)reference->side.n;
    Nearest nearest = {0};
    FORWARD(nearest_exact(&queries->side, &reference->side, options, k, &nearest));
    cf_status status = expand(&queries->duplicates, &reference->duplicates, &nearest, options, neighbors);
    nearest_free(&nearest);
    return status;
}

cf_status neighbors_query(const Points *reference, const Points *queries, const NeighborOptions *options,
                          Neighbors *neighbors) {
    if (options->metric == METRIC_CORRELATION) return query_correlated(reference, queries, options, neighbors);
    NeighborOptions own = *options;
    Neighbors made = {.n = queries->n, .k = options->k, .exact = true, .method = "exact"};
    Distinct those = {0}, these = {0};
    cf_status status;
    FORWARD(check_options(queries->n, reference->n, options));
    FAIL_IF(reference->dim != queries->dim, CF_BAD_INPUT,
            "the new points have %d values each, and those they are compared with have %d", queries->dim,
            reference->dim);
    own.threads = slices_threads(options->threads);
    FORWARD_TO(done, distinct_new(reference, options->metric, own.threads, &those));
    FORWARD_TO(done, distinct_new(queries, options->metric, own.threads, &these));
    FORWARD_TO(done, find_between(&those, &these, &own, &made));
done:
    distinct_free(&those);
    distinct_free(&these);
    if (status) neighbors_free(&made);
    if (!status) *neighbors = made;
    return status;
}

/* The copies of the rows, candidates, and lists in double and float; for NN-descent its lists and tables; a thread's
 * blocks. */
size_t neighbors_memory(size_t n, int dim, const NeighborOptions *options) {
    bool exact = is_exact(n, options);
    double per_row = 4.0 * dim + 20.0 * options->k + 48 + (exact ? 10.0 * options->k + 64 : 9.0 * options->k + 900);
    double per_thread = exact ? 1048576.0 : 200.0 * dim + 10000;
    double total = per_row * (double)n + per_thread * slices_threads(options->threads) + (exact ? 0 : 13e6);
    return total < 9e18 ? (size_t)total : SIZE_MAX;
}
