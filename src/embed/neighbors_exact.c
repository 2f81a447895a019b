/* Exact neighbours by blocks of the distance matrix.
 *
 * A block of 512 x 512 products gives approximate distances in float32; each row keeps the best k + spare of them. Of
 * these the distances are formed anew in double. Whether a row that fell out could still belong to the k is decided by
 * the worst case of the rounding (Higham, Accuracy and Stability of Numerical Algorithms, 2002, 3.1); where it could,
 * the row is searched in double from one end to the other. So the result is that of the definition, whatever computed
 * the products, and a query's neighbours cannot depend on its company.
 */
#include "embed/neighbors.h"

#include "base/memory.h"
#include "base/ranks.h"
#include "base/slices.h"
#include "nn/cpu/matrix_product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512, ROWS_PER_PIECE = 64, CHUNK = 16, FEW_POINTS = 1024 };
static const uint32_t nobody = UINT32_MAX;

typedef struct Search {
    const NeighborSide *a, *b; /* the same pointer: among themselves */
    Metric metric;
    int dim, k, kept; /* kept: candidates of a row */
    ProductFrame frame;
    ProductRows ma, mb; /* ma is zeroed where they are among themselves */
    float *limits;      /* [a->n] the worst candidate's approximate distance */
    float *approximate;
    uint32_t *candidates; /* [a->n][kept], ascending by (approximate, candidate) */
    float *products;      /* [threads][BLOCK * BLOCK] */
    int64_t blocks, round;
    int rank, ranks; /* which rounds are this process's: every ranks-th */
    Nearest *nearest;
    const NeighborOptions *options;
} Search;

static void search_free(Search *search) {
    product_rows_free(&search->ma);
    product_rows_free(&search->mb);
    product_frame_free(&search->frame);
    free(search->limits);
    free(search->approximate);
    free(search->candidates);
    free(search->products);
}

static const ProductRows *rows_of_a(const Search *search) {
    return search->a == search->b ? &search->mb : &search->ma;
}

static size_t block_size(size_t n, int64_t block) {
    size_t from = (size_t)block * BLOCK;
    return n - from < BLOCK ? n - from : BLOCK;
}

static int64_t blocks_of(size_t n) {
    return (int64_t)((n + BLOCK - 1) / BLOCK);
}

/* ---- Distances by their definition ---- */

/* Squared for METRIC_EUCLIDEAN. */
static double side_distance(const NeighborSide *a, size_t i, const NeighborSide *b, size_t j, Metric metric) {
    int dim = a->points->dim;
    const float *x = points_row(a->points, a->rows[i]), *y = points_row(b->points, b->rows[j]);
    if (metric == METRIC_EUCLIDEAN) return row_squared_distance(x, y, dim);
    if (metric == METRIC_MANHATTAN) return row_manhattan_distance(x, y, dim);
    if (metric == METRIC_HAMMING) return row_differences(x, y, dim) / dim;
    double product = a->square[i] * b->square[j];
    if (product == 0) return 1; /* no direction */
    /* One root of the product: exactly 1 for rows that are multiples by a power of two. */
    return fmax(0, 1 - row_dot(x, y, dim) / sqrt(product));
}

void nearest_of_row(const NeighborSide *a, size_t i, const NeighborSide *b, Metric metric, const RowList *among,
                    Nearest *nearest) {
    const int k = nearest->k;
    const size_t self = a == b ? i : SIZE_MAX;
    double *distance = nearest->distance + i * (size_t)k;
    uint32_t *index = nearest->index + i * (size_t)k;
    for (int c = 0; c < k; c++) distance[c] = INFINITY, index[c] = nobody;
    if (metric == METRIC_COSINE && a->square[i] == 0) {
        for (int c = 0; c < k; c++) distance[c] = 1, index[c] = (uint32_t)((size_t)c + ((size_t)c >= self));
        return;
    }
    for (size_t c = 0; c < (among ? among->count : b->n); c++) {
        const uint32_t j = among ? among->rows[c * among->stride] : (uint32_t)c;
        if (j != self && j != nobody) nearest_insert(distance, index, k, side_distance(a, i, b, j, metric), j);
    }
}

/* ---- Candidates ---- */

static void keep_candidate(Search *search, size_t row, float d, uint32_t candidate) {
    float *list = search->approximate + row * (size_t)search->kept;
    uint32_t *names = search->candidates + row * (size_t)search->kept;
    int at = search->kept - 1;
    if (d > list[at] || (d == list[at] && candidate >= names[at])) return;
    for (; at > 0 && (d < list[at - 1] || (d == list[at - 1] && candidate < names[at - 1])); at--) {
        list[at] = list[at - 1];
        names[at] = names[at - 1];
    }
    list[at] = d;
    names[at] = candidate;
    search->limits[row] = list[search->kept - 1];
}

/* The columns j whose distance norm + norms[j] - 2 products[j] is at most `limit` or limits[j]; returns how many. Most
 * chunks have none. */
EVERY_ISA static int find_hits(const float *products, float norm, const float *norms, float limit, const float *limits,
                               int count, float *distances, uint16_t *hits) {
    int found = 0, j = 0;
    for (; j + CHUNK <= count; j += CHUNK) {
        int any = 0;
        for (int l = 0; l < CHUNK; l++) {
            float d = (norm + norms[j + l]) - 2 * products[j + l];
            distances[l] = d;
            any |= (d <= limit) | (d <= limits[j + l]);
        }
        if (!any) continue;
        for (int l = 0; l < CHUNK; l++)
            if (distances[l] <= limit || distances[l] <= limits[j + l]) hits[found++] = (uint16_t)(j + l);
    }
    for (; j < count; j++) {
        float d = (norm + norms[j]) - 2 * products[j];
        if (d <= limit || d <= limits[j]) hits[found++] = (uint16_t)j;
    }
    return found;
}

/* Rows of block I of a against block J of b. `mutual`: the rows of J, which are rows of a too, take candidates from I. */
static void scan_block(Search *search, int64_t I, int64_t J, bool mutual, const float *products) {
    size_t m = block_size(search->a->n, I), n = block_size(search->b->n, J);
    size_t i0 = (size_t)I * BLOCK, j0 = (size_t)J * BLOCK;
    bool among_themselves = search->a == search->b;
    float closed[BLOCK], distances[CHUNK];
    uint16_t hits[BLOCK];
    for (size_t j = 0; j < n; j++) closed[j] = -INFINITY;
    for (size_t i = 0; i < m; i++) {
        const float *row = products + i * n, *norms = search->mb.norms + j0;
        float norm = rows_of_a(search)->norms[i0 + i];
        int found = find_hits(row, norm, norms, search->limits[i0 + i], mutual ? search->limits + j0 : closed, (int)n,
                              distances, hits);
        for (int h = 0; h < found; h++) {
            size_t j = hits[h];
            float d = (norm + norms[j]) - 2 * row[j];
            if (among_themselves && i0 + i == j0 + j) continue;
            keep_candidate(search, i0 + i, d, (uint32_t)(j0 + j));
            if (mutual) keep_candidate(search, j0 + j, d, (uint32_t)(i0 + i));
        }
    }
}

static void multiply_block(const Search *search, int64_t I, int64_t J, float *products) {
    const ProductRows *ma = rows_of_a(search), *mb = &search->mb;
    size_t dim = (size_t)search->dim, a = (size_t)I * BLOCK * dim, b = (size_t)J * BLOCK * dim;
    int m = (int)block_size(search->a->n, I), n = (int)block_size(search->b->n, J);
    if (mb->whole)
        matrix_product_bf16(m, n, search->dim, ma->whole + a, mb->whole + b, products);
    else
        matrix_product(m, n, search->dim, ma->values + a, mb->values + b, products);
}

/* Piece `index` of a round is the index-th pair I <= J with I + J = round (modulo the number of blocks). No block is
 * in two pairs of a round, so pieces write only to rows of their own; after all rounds every pair was had once. */
static void meet_pair(void *context, size_t pair, int thread) {
    Search *search = context;
    float *products = search->products + (size_t)thread * BLOCK * BLOCK;
    const int64_t index = (int64_t)pair,
                  low = search->round / 2; /* I + J = round: I from 0 to low; the others: I + J = round + blocks */
    int64_t I = index <= low ? index : index - low - 1 + search->round + 1;
    int64_t J = index <= low ? search->round - I : search->round + search->blocks - I;
    multiply_block(search, I, J, products);
    scan_block(search, I, J, I != J, products);
}

static void meet_all(Search *search) {
    int64_t blocks = search->blocks;
    for (search->round = search->rank; search->round < blocks; search->round += search->ranks) {
        int64_t low = search->round / 2 + 1, high = (search->round + blocks) / 2 - search->round;
        slices_each(search->options->threads, (size_t)(low + high), 1, meet_pair, search);
        neighbors_report(search->options, 0.95 * (double)(search->round + 1) / (double)blocks);
    }
}

/* A block of queries against all of the reference. */
static void meet_reference(void *context, size_t block, int thread) {
    Search *search = context;
    float *products = search->products + (size_t)thread * BLOCK * BLOCK;
    for (int64_t J = 0; J < search->blocks; J++) {
        multiply_block(search, (int64_t)block, J, products);
        scan_block(search, (int64_t)block, J, false, products);
        if (thread == 0) neighbors_report(search->options, 0.95 * (double)block / (double)blocks_of(search->a->n));
    }
}

/* ---- The end in double ---- */

/* By how much an approximate distance may be wrong, of a pair that is within `reach` of each other. u is a float's
 * unit roundoff. A product of dim terms is within dim u |x| |y| in any order of summation, |x| |y| <= (|x|^2 + |y|^2)
 * / 2; the rest are the roundings of rows, norms and of the last two sums. The last term stands for values too small
 * for a float. */
static double worst_error(const Search *search, double norm, double reach) {
    const double u = 0x1p-24;
    double other = sqrt(norm) + sqrt(reach);
    double size = search->metric == METRIC_COSINE ? 2 : norm + other * other;
    return 1.1 * u * (search->dim + 32) * size + search->dim * 0x1p-120;
}

static void measure_pairs(void *context, size_t i, int thread) {
    const Search *search = context;
    nearest_of_row(search->a, i, search->b, search->metric, NULL, search->nearest);
    if (thread == 0 && i % ROWS_PER_PIECE == 0) neighbors_report(search->options, (double)i / (double)search->a->n);
}

static void measure_candidates(void *context, size_t i, int thread) {
    const Search *search = context;
    const RowList candidates = {search->candidates + i * (size_t)search->kept, (size_t)search->kept, 1};
    (void)thread;
    nearest_of_row(search->a, i, search->b, search->metric, &candidates, search->nearest);
    if (search->metric == METRIC_COSINE && search->a->square[i] == 0) return;
    double reach = search->nearest->distance[(i + 1) * (size_t)search->k - 1];
    reach *= search->metric == METRIC_COSINE ? 2 : search->frame.scale * search->frame.scale;
    double surely = (double)search->limits[i] - worst_error(search, (double)rows_of_a(search)->norms[i], reach);
    if (!(surely > reach)) nearest_of_row(search->a, i, search->b, search->metric, NULL, search->nearest);
}

/* ---- All of it ---- */

static cf_status find_candidates(Search *search) {
    size_t count, rows = search->a->n;
    FAIL_IF(!size_multiply(rows, (size_t)search->kept, &count), CF_NO_MEMORY,
            "%d neighbours of %zu points are too many", search->k, rows);
    FORWARD(memory_new(rows, sizeof(float), &search->limits));
    FORWARD(memory_new(count, sizeof(float), &search->approximate));
    FORWARD(memory_new(count, sizeof(uint32_t), &search->candidates));
    FORWARD(memory_new((size_t)search->options->threads * BLOCK * BLOCK, sizeof(float), &search->products));
    for (size_t i = 0; i < rows; i++) search->limits[i] = INFINITY;
    for (size_t i = 0; i < count; i++) search->approximate[i] = INFINITY, search->candidates[i] = nobody;
    search->blocks = blocks_of(search->b->n);
    if (search->a == search->b)
        meet_all(search);
    else
        slices_each(search->options->threads, (size_t)blocks_of(rows), 1, meet_reference, search);
    return CF_OK;
}

/* Whole numbers, as images have them, go through bfloat16 where the processor is fast with it. */
static cf_status prepare_rows(Search *search) {
    const NeighborSide *a = search->a, *b = search->b;
    const Points *others = a == b ? NULL : a->points;
    const int threads = search->options->threads;
    double scale = 0;
    if (search->metric == METRIC_EUCLIDEAN && b->n >= FEW_POINTS && matrix_product_has_bf16())
        scale = whole_rows_scale(b->points, others, threads);
    if (scale > 0)
        search->frame = (ProductFrame){METRIC_EUCLIDEAN, NULL, scale};
    else
        FORWARD(product_frame_new(b->points, others, search->metric, threads, &search->frame));
    FORWARD(product_rows_new(&search->frame, b->points, b->rows, b->n, threads, &search->mb));
    return a == b ? CF_OK : product_rows_new(&search->frame, a->points, a->rows, a->n, threads, &search->ma);
}

/* ---- Over ranks (base/ranks.h): each has its rounds, and sends what candidates these gave to the first one ---- */

static bool is_spread(const Search *search) {
    enum { WORTH = 4096 }; /* rows: of fewer, the points take longer to send */
    return search->a == search->b && search->a->n >= WORTH && ranks_size() > 1 && !ranks_rank() && !ranks_are_working();
}

static cf_status call_ranks(Search *search) {
    const NeighborSide *side = search->a;
    const Points *points = side->points;
    AUTO_FREE char *job = NULL;
    search->ranks = ranks_size();
    FORWARD(memory_print(&job, "{\"job\":\"neighbors\",\"points\":%zu,\"dim\":%d,\"rows\":%zu,\"metric\":%d,\"k\":%d}",
                         points->n, points->dim, side->n, (int)search->metric, search->k));
    for (int r = 1; r < search->ranks; r++) {
        FORWARD(ranks_send(r, TAG_JOB, job, strlen(job)));
        FORWARD(ranks_send(r, TAG_STATE, side->rows, side->n * sizeof *side->rows));
        FORWARD(ranks_send(r, TAG_STATE, points->values, points->n * (size_t)points->dim * sizeof(float)));
    }
    return CF_OK;
}

/* The best of all lists, as if they had been one from the beginning. */
static cf_status take_candidates(Search *search) {
    const size_t count = search->a->n * (size_t)search->kept;
    AUTO_FREE float *approximate = NULL;
    AUTO_FREE uint32_t *candidates = NULL;
    FORWARD(memory_new(count, sizeof *approximate, &approximate));
    FORWARD(memory_new(count, sizeof *candidates, &candidates));
    for (int r = 1; r < search->ranks; r++) {
        FORWARD(ranks_receive(r, TAG_ANSWER, approximate, count * sizeof *approximate));
        FORWARD(ranks_receive(r, TAG_ANSWER, candidates, count * sizeof *candidates));
        for (size_t i = 0; i < count; i++)
            if (candidates[i] != nobody)
                keep_candidate(search, i / (size_t)search->kept, approximate[i], candidates[i]);
    }
    return CF_OK;
}

static cf_status find_spread(Search *search) {
    if (is_spread(search)) {
        ranks_working(true);
        FORWARD(call_ranks(search));
    }
    FORWARD(prepare_rows(search));
    FORWARD(find_candidates(search));
    if (search->ranks == 1) return CF_OK;
    FORWARD(take_candidates(search));
    ranks_working(false);
    return CF_OK;
}

/* More candidates than asked for, so that rounding seldom decides: on images 1 row in 10,000 is searched in double. */
static Search search_of(const NeighborSide *a, const NeighborSide *b, const NeighborOptions *options, int k) {
    return (Search){.a = a,
                    .b = b,
                    .metric = options->metric,
                    .dim = a->points->dim,
                    .k = k,
                    .kept = k + k / 4 + 8,
                    .ranks = 1,
                    .options = options};
}

/* The frame of products follows from all points, so each rank gets all. */
cf_status neighbors_serve(size_t n, int dim, size_t rows_count, const NeighborOptions *options) {
    AUTO_FREE float *values = NULL;
    AUTO_FREE uint32_t *rows = NULL;
    size_t count;
    FAIL_IF(!size_multiply(n, (size_t)dim, &count), CF_NO_MEMORY, "%zu points are too many", n);
    FORWARD(memory_new(count, sizeof *values, &values));
    FORWARD(memory_new(rows_count, sizeof *rows, &rows));
    const Points points = {values, n, dim};
    const NeighborSide side = {&points, rows, rows_count, NULL};
    AUTO(search_free) Search search = search_of(&side, &side, options, options->k);
    search.rank = ranks_rank();
    search.ranks = ranks_size();
    FORWARD(ranks_receive(0, TAG_STATE, rows, rows_count * sizeof *rows));
    FORWARD(ranks_receive(0, TAG_STATE, values, count * sizeof *values));
    FORWARD(prepare_rows(&search));
    FORWARD(find_candidates(&search));
    const size_t found = rows_count * (size_t)search.kept;
    FORWARD(ranks_send(0, TAG_ANSWER, search.approximate, found * sizeof(float)));
    return ranks_send(0, TAG_ANSWER, search.candidates, found * sizeof(uint32_t));
}

cf_status nearest_exact(const NeighborSide *a, const NeighborSide *b, const NeighborOptions *options, int k,
                        Nearest *nearest) {
    AUTO(search_free) Search search = search_of(a, b, options, k);
    FORWARD(nearest_new(a->n, k, nearest));
    search.nearest = nearest;
    const bool pairwise = metric_is_pairwise(search.metric);
    if (!pairwise) FORWARD(find_spread(&search));
    slices_each(options->threads, a->n, ROWS_PER_PIECE, pairwise ? measure_pairs : measure_candidates, &search);
    neighbors_report(options, 1);
    return CF_OK;
}
