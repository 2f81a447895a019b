#include "embed/neighbors.h"

#include "base/memory.h"
#include "base/slices.h"

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
    const bool *alone; /* [n] rows that form groups of their own; NULL: none */
    Row *rows;
} Hashing;

static void hash_one(void *context, size_t i, int thread) {
    const Hashing *hashing = context;
    (void)thread;
    hashing->rows[i] = (Row){row_hash(points_row(hashing->points, i), hashing->points->dim), (uint32_t)i};
}

static int compare_contents(const Hashing *hashing, uint32_t a, uint32_t b) {
    if (hashing->alone && (hashing->alone[a] || hashing->alone[b])) return a < b ? -1 : a > b;
    return memcmp(points_row(hashing->points, a), points_row(hashing->points, b),
                  (size_t)hashing->points->dim * sizeof(float));
}

/* Equal hashes are compared in full. */
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

static cf_status duplicates_find(const Points *points, const bool *alone, int threads, Duplicates *made) {
    AUTO_FREE Row *rows = NULL;
    const size_t n = points->n;
    FORWARD(memory_new(n, sizeof *made->group, &made->group));
    FORWARD(memory_new(n, sizeof *made->members, &made->members));
    FORWARD(memory_new(n + 1, sizeof *made->first, &made->first));
    FORWARD(memory_new(n, sizeof *rows, &rows));
    Hashing hashing = {points, alone, rows};
    slices_each(threads, n, PIECE, hash_one, &hashing);
    find_leaders(&hashing, made->group);
    number_groups(n, made);
    return CF_OK;
}

/* ---- Points without their duplicates ---- */

typedef struct Distinct {
    Duplicates duplicates;
    uint32_t *rows; /* [groups] the first member of each */
    NeighborSide side;
} Distinct;

static void distinct_free(Distinct *distinct) {
    free(distinct->duplicates.group);
    free(distinct->duplicates.members);
    free(distinct->duplicates.first);
    free(distinct->rows);
    free(distinct->side.square);
}

/* Rows of zeros have no direction, so under METRIC_COSINE they are at distance 1 even from each other. */
static void mark_zeros(const Points *points, bool *zeros) {
    for (size_t i = 0; i < points->n; i++) {
        const float *row = points_row(points, i);
        int d = 0;
        while (d < points->dim && row[d] == 0) d++;
        zeros[i] = d == points->dim;
    }
}

/* To be freed on any path. */
static cf_status distinct_new(const Points *points, Metric metric, int threads, Distinct *made) {
    const bool cosine = metric == METRIC_COSINE;
    AUTO_FREE bool *zeros = NULL;
    if (cosine) {
        FORWARD(memory_new(points->n, sizeof *zeros, &zeros));
        mark_zeros(points, zeros);
    }
    FORWARD(duplicates_find(points, zeros, threads, &made->duplicates));
    const size_t groups = made->duplicates.groups;
    FORWARD(memory_new(groups, sizeof *made->rows, &made->rows));
    made->side = (NeighborSide){points, made->rows, groups, NULL};
    if (cosine) FORWARD(memory_new(groups, sizeof(double), &made->side.square));
    for (size_t g = 0; g < groups; g++) {
        made->rows[g] = made->duplicates.members[made->duplicates.first[g]];
        const float *row = points_row(points, made->rows[g]);
        if (cosine) made->side.square[g] = row_dot(row, row, points->dim);
    }
    return CF_OK;
}

/* ---- Lists of neighbours ---- */

cf_status nearest_new(size_t n, int k, Nearest *nearest) {
    size_t count;
    *nearest = (Nearest){.n = n, .k = k};
    FAIL_IF(!size_multiply(n, (size_t)k, &count), CF_NO_MEMORY, "%d neighbours of %zu points are too many", k, n);
    FORWARD(memory_new(count, sizeof *nearest->index, &nearest->index));
    return memory_new(count, sizeof *nearest->distance, &nearest->distance);
}

void nearest_free(Nearest *nearest) {
    free(nearest->index);
    free(nearest->distance);
    *nearest = (Nearest){0};
}

void neighbors_free(Neighbors *neighbors) {
    free(neighbors->index);
    free(neighbors->distance);
    *neighbors = (Neighbors){0};
}

/* ---- Back to all points ---- */

typedef struct Expansion {
    const Duplicates *owners;  /* of the rows asked about */
    const Duplicates *members; /* of the rows found; the same pointer: among themselves */
    const Nearest *nearest;
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
        if (work->owners != all || all->members[m] != i) nearest_insert(list, index, k, distance, all->members[m]);
}

static void expand_row(void *context, size_t i, int thread) {
    const Expansion *work = context;
    const Nearest *nearest = work->nearest;
    const size_t k = (size_t)work->neighbors->k;
    double *list = work->distance + (size_t)thread * k;
    float *distance = work->neighbors->distance + i * k;
    uint32_t group = work->owners->group[i], *index = work->neighbors->index + i * k;
    for (size_t c = 0; c < k; c++) list[c] = INFINITY, index[c] = UINT32_MAX;
    if (work->owners == work->members) insert_group(work, i, group, 0, list, index);
    for (size_t at = group * (size_t)nearest->k; at < (group + (size_t)1) * (size_t)nearest->k; at++)
        insert_group(work, i, nearest->index[at], nearest->distance[at], list, index);
    for (size_t c = 0; c < k; c++) distance[c] = (float)(work->metric == METRIC_EUCLIDEAN ? sqrt(list[c]) : list[c]);
}

/* `nearest` of the owners' groups among the members' groups becomes neighbours among rows. */
static cf_status expand_groups(const Duplicates *owners, const Duplicates *members, const Nearest *nearest,
                               const NeighborOptions *options, Neighbors *neighbors) {
    const size_t n = neighbors->n, k = (size_t)neighbors->k;
    AUTO_FREE double *lists = NULL;
    FORWARD(memory_new(n * k, sizeof *neighbors->index, &neighbors->index));
    FORWARD(memory_new(n * k, sizeof *neighbors->distance, &neighbors->distance));
    FORWARD(memory_new((size_t)options->threads * k, sizeof *lists, &lists));
    Expansion work = {owners, members, nearest, options->metric, neighbors, lists};
    slices_each(options->threads, n, PIECE, expand_row, &work);
    return CF_OK;
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

/* ---- The two questions ---- */

/* With one distinct point all neighbours are its copies. */
static cf_status find_among(const Distinct *distinct, const NeighborOptions *options, Neighbors *neighbors) {
    const size_t others = distinct->side.n - 1;
    const int k = (size_t)options->k < others ? options->k : (int)others;
    AUTO(nearest_free) Nearest nearest = {0};
    if (k > 0 && neighbors->exact) FORWARD(nearest_exact(&distinct->side, &distinct->side, options, k, &nearest));
    if (k > 0 && !neighbors->exact) FORWARD(nearest_descent(&distinct->side, options, k, &nearest));
    return expand_groups(&distinct->duplicates, &distinct->duplicates, &nearest, options, neighbors);
}

static NeighborOptions options_of_prepared(const NeighborOptions *options) {
    NeighborOptions own = *options;
    own.metric = metric_prepared(options->metric);
    own.threads = slices_threads(options->threads);
    return own;
}

cf_status neighbors_find(const Points *points, const NeighborOptions *options, Neighbors *neighbors) {
    const NeighborOptions own = options_of_prepared(options);
    AUTO_FREE float *centered = NULL;
    AUTO(distinct_free) Distinct distinct = {0};
    AUTO(neighbors_free) Neighbors made = {.n = points->n, .k = options->k};
    Points prepared;
    FORWARD(check_options(points->n, points->n - 1, options));
    FORWARD(points_prepare(points, options->metric, &prepared, &centered));
    FORWARD(distinct_new(&prepared, own.metric, own.threads, &distinct));
    made.exact = is_exact(distinct.side.n, options);
    made.method = made.exact ? "exact" : "NN-descent";
    FORWARD(find_among(&distinct, &own, &made));
    *neighbors = made;
    made = (Neighbors){0};
    return CF_OK;
}

cf_status neighbors_query(const Points *reference, const Points *queries, const NeighborOptions *options,
                          Neighbors *neighbors) {
    const NeighborOptions own = options_of_prepared(options);
    AUTO_FREE float *centered = NULL, *centered_queries = NULL;
    AUTO(distinct_free) Distinct those = {0}, these = {0};
    AUTO(nearest_free) Nearest nearest = {0};
    AUTO(neighbors_free) Neighbors made = {.n = queries->n, .k = options->k, .exact = true, .method = "exact"};
    Points prepared, asked;
    FORWARD(check_options(queries->n, reference->n, options));
    FAIL_IF(reference->dim != queries->dim, CF_BAD_INPUT,
            "the new points have %d values each, and those they are compared with have %d", queries->dim,
            reference->dim);
    FORWARD(points_prepare(reference, options->metric, &prepared, &centered));
    FORWARD(points_prepare(queries, options->metric, &asked, &centered_queries));
    FORWARD(distinct_new(&prepared, own.metric, own.threads, &those));
    FORWARD(distinct_new(&asked, own.metric, own.threads, &these));
    const int k = (size_t)own.k < those.side.n ? own.k : (int)those.side.n;
    FORWARD(nearest_exact(&these.side, &those.side, &own, k, &nearest));
    FORWARD(expand_groups(&these.duplicates, &those.duplicates, &nearest, &own, &made));
    *neighbors = made;
    made = (Neighbors){0};
    return CF_OK;
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
