/* Approximate neighbours by NN-descent (Dong, Moses, Li: "Efficient k-nearest neighbor graph construction for generic
 * similarity measures", WWW 2011): neighbours of neighbours are likely neighbours.
 *
 * Lists begin with the leaves of random projection trees. In an iteration every point joins those around it (its list,
 * and points that have it in theirs): the distances among them come from one small matrix product, as long as one of
 * the two is new to its list. Unlike the paper's, an iteration reads a snapshot: joins of a chunk of points write what
 * they found to places of their own, and then every point gathers what was found for it, in a fixed order. So the
 * lists do not depend on the number of threads. At the end distances are formed anew in double.
 */
#include "embed/neighbors.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/slices.h"
#include "nn/cpu/matrix_product.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Random projection trees: points that are near each other mostly end in one leaf ---- */

enum { LEAF = 48 }; /* points at most */

/* One tree over all rows, from (seed, number): `order` [n] has the rows leaf after leaf, and first[leaf] .. first[leaf
 * + 1] is where one lies; first[leaves] = n. Splits are at the median along the line through two random rows, so
 * leaves are of nearly equal size whatever the rows are. */
typedef struct Forest {
    int trees;
    size_t n, leaves;
    uint32_t *order; /* [trees][n] */
    size_t *first;   /* [leaves + 1], the same for all trees */
} Forest;

typedef struct Projected {
    double along;
    uint32_t row;
} Projected;

typedef struct Growing {
    const ProductRows *rows;
    uint64_t seed;
    Forest *forest;
    size_t level;         /* nodes of this level: 2^level */
    Projected *projected; /* [trees][n] */
    float *directions;    /* [threads][dim] */
} Growing;

static int compare_projected(const void *left, const void *right) {
    const Projected *a = left, *b = right;
    if (a->along != b->along) return a->along < b->along ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* Where node `node` of 2^level begins: halves of halves. */
static size_t node_begin(size_t n, size_t nodes, size_t node) {
    return (size_t)((unsigned __int128)n * node / nodes);
}

/* Sorts the rows of one node along a line; the halves are the nodes of the next level. */
static void split_node(void *context, size_t item, int thread) {
    const Growing *work = context;
    size_t nodes = (size_t)1 << work->level, tree = item / nodes, node = item % nodes;
    size_t n = work->rows->n, dim = (size_t)work->rows->dim;
    size_t from = node_begin(n, nodes, node), count = node_begin(n, nodes, node + 1) - from;
    uint32_t *order = work->forest->order + tree * n + from, words[4];
    Projected *projected = work->projected + tree * n + from;
    float *direction = work->directions + (size_t)thread * dim;
    RngStream stream = rng_stream(work->seed, RNG_NEIGHBORS, tree, 0);
    if (count < 2) return;
    rng_block(&stream, nodes + node, words);
    const float *a = work->rows->values + order[words[0] % count] * dim;
    const float *b = work->rows->values + order[words[1] % count] * dim;
    for (size_t d = 0; d < dim; d++) direction[d] = a[d] - b[d];
    for (size_t i = 0; i < count; i++)
        projected[i] = (Projected){row_dot(work->rows->values + order[i] * dim, direction, (int)dim), order[i]};
    qsort(projected, count, sizeof *projected, compare_projected);
    for (size_t i = 0; i < count; i++) order[i] = projected[i].row;
}

static void forest_free(Forest *forest) {
    free(forest->order);
    free(forest->first);
    *forest = (Forest){0};
}

/* To be freed on any path. */
static cf_status forest_new(const ProductRows *rows, int trees, uint64_t seed, int threads, Forest *forest) {
    const size_t n = rows->n, values = (size_t)trees * n;
    AUTO_FREE Projected *projected = NULL;
    AUTO_FREE float *directions = NULL;
    *forest = (Forest){.trees = trees, .n = n, .leaves = 1};
    FORWARD(memory_new(values, sizeof *forest->order, &forest->order));
    FORWARD(memory_new(values, sizeof *projected, &projected));
    FORWARD(memory_new((size_t)threads * (size_t)rows->dim, sizeof(float), &directions));
    Growing work = {rows, seed, forest, 0, projected, directions};
    for (size_t i = 0; i < values; i++) forest->order[i] = (uint32_t)(i % n);
    for (; (n + forest->leaves - 1) / forest->leaves > LEAF; work.level++, forest->leaves *= 2)
        slices_each(threads, (size_t)trees * forest->leaves, 1, split_node, &work);
    FORWARD(memory_new(forest->leaves + 1, sizeof *forest->first, &forest->first));
    for (size_t leaf = 0; leaf <= forest->leaves; leaf++) forest->first[leaf] = node_begin(n, forest->leaves, leaf);
    return CF_OK;
}

/* ---- The search ---- */

enum {
    TREES = 5,
    MORE = 5,     /* entries of a list beyond k */
    JOINED = 48,  /* points around a point at most */
    FOUND = 8,    /* of a join, for one of its points, at most */
    CHUNK = 4096, /* points whose joins are gathered together */
    MOST_ROUNDS = 16,
    TOGETHER = 64 /* points of a piece */
};
static const double few_changes = 0.003; /* of all entries, that end the search */
static const uint32_t nobody = UINT32_MAX;

typedef struct Entry {
    float distance;
    uint32_t row;
} Entry;
enum { ROW_STRIDE = sizeof(Entry) / sizeof(uint32_t) }; /* from one entry's row to the next one's */

typedef struct Descent {
    const NeighborSide *side;
    const NeighborOptions *options;
    ProductRows rows;
    Forest forest;
    size_t n;
    int k, kept;        /* kept: entries of a list */
    Entry *lists;       /* [n][kept] ascending by (distance, row) */
    bool *fresh;        /* [n][kept] not yet joined */
    uint32_t *around;   /* [n][JOINED] */
    bool *around_fresh; /* [n][JOINED] */
    int *around_count;  /* [n] */
    bool *worth;        /* [n] some around it is fresh */
    size_t *back_first; /* [n + 1] of a point: the places in `around` that name it */
    size_t *back;       /* [n * JOINED] j * JOINED + place, ascending */
    size_t *cursor;     /* [n] how far `back` has been gathered */
    Entry *found;       /* [CHUNK][JOINED][FOUND] */
    size_t chunk;       /* first point of the chunk under way */
    int tree;
    uint32_t round;
    float *gathered, *products; /* [threads][JOINED][dim], [threads][JOINED][JOINED] */
    uint32_t *changes;          /* [n] */
    Nearest *nearest;
} Descent;

static void descent_free(Descent *search) {
    void *own[] = {search->lists,    search->fresh,      search->around, search->around_fresh, search->around_count,
                   search->worth,    search->back_first, search->back,   search->cursor,       search->found,
                   search->gathered, search->products,   search->changes};
    for (size_t i = 0; i < COUNT_OF(own); i++) free(own[i]);
    product_rows_free(&search->rows);
    forest_free(&search->forest);
}

static bool before(Entry a, Entry b) {
    return a.distance < b.distance || (a.distance == b.distance && a.row < b.row);
}

/* Whether the entry was new and good enough. */
static bool insert_entry(Descent *search, size_t i, Entry entry) {
    size_t kept = (size_t)search->kept, at = kept - 1;
    Entry *list = search->lists + i * kept;
    bool *fresh = search->fresh + i * kept;
    if (!before(entry, list[at])) return false;
    for (size_t c = 0; c < kept; c++)
        if (list[c].row == entry.row) return false;
    for (; at > 0 && before(entry, list[at - 1]); at--) {
        list[at] = list[at - 1];
        fresh[at] = fresh[at - 1];
    }
    list[at] = entry;
    fresh[at] = true;
    return true;
}

/* Squared distances (of the product rows' scale) among `count` rows: [count][count]. */
static const float *join_rows(const Descent *search, const uint32_t *rows, int count, int thread) {
    size_t dim = (size_t)search->rows.dim;
    float *gathered = search->gathered + (size_t)thread * JOINED * dim;
    float *products = search->products + (size_t)thread * JOINED * JOINED;
    for (int a = 0; a < count; a++)
        memcpy(gathered + (size_t)a * dim, search->rows.values + rows[a] * dim, dim * sizeof *gathered);
    matrix_product(count, count, search->rows.dim, gathered, gathered, products);
    for (int a = 0; a < count; a++)
        for (int b = 0; b < count; b++) {
            float *value = &products[a * count + b];
            *value = (search->rows.norms[rows[a]] + search->rows.norms[rows[b]]) - 2 * *value;
        }
    return products;
}

/* ---- The beginning ---- */

/* No two leaves of a tree share a point. */
static void join_leaf(void *context, size_t leaf, int thread) {
    Descent *search = context;
    const Forest *forest = &search->forest;
    size_t from = forest->first[leaf], count = forest->first[leaf + 1] - from;
    const uint32_t *rows = forest->order + (size_t)search->tree * forest->n + from;
    const float *distances = join_rows(search, rows, (int)count, thread);
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < count; b++)
            if (a != b) insert_entry(search, rows[a], (Entry){distances[a * count + b], rows[b]});
}

/* ---- One round ---- */

/* Who of those that name a point stands around it, if there are too many: the lowest by chance. */
static uint32_t chance(const Descent *search, size_t of, size_t by) {
    uint32_t counter[4] = {(uint32_t)of, (uint32_t)by, search->round, RNG_NEIGHBORS};
    const uint32_t key[2] = {(uint32_t)search->options->seed, (uint32_t)(search->options->seed >> 32)};
    rng_philox(counter, key);
    return counter[0];
}

typedef struct Namer {
    uint32_t chance, row;
    bool fresh;
} Namer;

static int compare_namers(const void *left, const void *right) {
    const Namer *a = left, *b = right;
    if (a->fresh != b->fresh) return a->fresh ? -1 : 1;
    if (a->chance != b->chance) return a->chance < b->chance ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static void put_around(Descent *search, size_t i, uint32_t row, bool fresh) {
    uint32_t *around = search->around + i * JOINED;
    int *count = &search->around_count[i];
    if (*count == JOINED) return;
    for (int c = 0; c < *count; c++) {
        if (around[c] != row) continue;
        search->around_fresh[i * JOINED + (size_t)c] |= fresh;
        return;
    }
    search->around_fresh[i * JOINED + (size_t)*count] = fresh;
    around[(*count)++] = row;
}

/* Point i's list, then those that have it in theirs (`back` holds i's places in lists). */
static void gather_around(void *context, size_t i, int thread) {
    enum { MOST_NAMERS = 512 };
    Descent *search = context;
    const size_t kept = (size_t)search->kept;
    Namer namers[MOST_NAMERS];
    size_t count = 0;
    (void)thread;
    search->around_count[i] = 0;
    search->worth[i] = false;
    for (size_t c = 0; c < kept && c < JOINED / 2; c++)
        if (search->lists[i * kept + c].row != nobody)
            put_around(search, i, search->lists[i * kept + c].row, search->fresh[i * kept + c]);
    for (size_t b = search->back_first[i]; b < search->back_first[i + 1] && count < MOST_NAMERS; b++) {
        size_t by = search->back[b] / kept;
        namers[count++] = (Namer){chance(search, i, by), (uint32_t)by, search->fresh[search->back[b]]};
    }
    qsort(namers, count, sizeof *namers, compare_namers);
    for (size_t c = 0; c < count; c++) put_around(search, i, namers[c].row, namers[c].fresh);
    for (int c = 0; c < search->around_count[i]; c++) search->worth[i] |= search->around_fresh[i * JOINED + (size_t)c];
}

/* back[first[i] ..]: the places of row i in a table of `width` columns, `count` of them used (NULL: all). */
static void index_back(Descent *search, const uint32_t *rows, size_t stride, size_t width, const int *counts) {
    size_t n = search->n, *first = search->back_first;
    memset(first, 0, (n + 1) * sizeof *first);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t j = 0; j < n; j++)
            for (size_t c = 0; c < (counts ? (size_t)counts[j] : width); c++) {
                uint32_t row = rows[(j * width + c) * stride];
                if (row == nobody) continue;
                if (pass)
                    search->back[search->cursor[row]++] = j * width + c;
                else
                    first[row + 1]++;
            }
        for (size_t i = 0; i < n && !pass; i++) first[i + 1] += first[i];
        memcpy(search->cursor, first, n * sizeof *first);
    }
}

/* The joins of one point of the chunk. */
static void join_point(void *context, size_t item, int thread) {
    Descent *search = context;
    size_t j = search->chunk + item, kept = (size_t)search->kept;
    const uint32_t *rows = search->around + j * JOINED;
    const bool *fresh = search->around_fresh + j * JOINED;
    int count = search->around_count[j];
    Entry *found = search->found + item * JOINED * FOUND;
    for (int f = 0; f < count * FOUND; f++) found[f] = (Entry){INFINITY, nobody};
    if (!search->worth[j]) return;
    const float *distances = join_rows(search, rows, count, thread);
    for (int a = 0; a < count; a++) {
        Entry *best = found + a * FOUND, worst = search->lists[rows[a] * kept + kept - 1];
        for (int b = 0; b < count; b++) {
            Entry entry = {distances[a * count + b], rows[b]};
            int at = FOUND - 1;
            if (a == b || !(fresh[a] || fresh[b]) || !before(entry, worst) || !before(entry, best[at])) continue;
            for (; at > 0 && before(entry, best[at - 1]); at--) best[at] = best[at - 1];
            best[at] = entry;
        }
    }
}

/* A point takes what the chunk's joins found for it, in the order of the joins. */
static void gather_found(void *context, size_t i, int thread) {
    Descent *search = context;
    (void)thread;
    for (; search->cursor[i] < search->back_first[i + 1]; search->cursor[i]++) {
        size_t place = search->back[search->cursor[i]];
        if (place >= (search->chunk + CHUNK) * JOINED) break;
        const Entry *found = search->found + (place - search->chunk * JOINED) * FOUND;
        for (int f = 0; f < FOUND && found[f].row != nobody; f++)
            search->changes[i] += insert_entry(search, i, found[f]);
    }
}

/* Returns how many entries of lists it has changed. */
static size_t run_round(Descent *search) {
    const int threads = search->options->threads;
    const size_t n = search->n;
    size_t changes = 0;
    index_back(search, &search->lists->row, ROW_STRIDE, (size_t)search->kept, NULL);
    slices_each(threads, n, TOGETHER, gather_around, search);
    memset(search->fresh, 0, n * (size_t)search->kept);
    memset(search->changes, 0, n * sizeof *search->changes);
    index_back(search, search->around, 1, JOINED, search->around_count);
    memcpy(search->cursor, search->back_first, n * sizeof *search->cursor);
    for (search->chunk = 0; search->chunk < n; search->chunk += CHUNK) {
        slices_each(threads, n - search->chunk < CHUNK ? n - search->chunk : CHUNK, 1, join_point, search);
        slices_each(threads, n, TOGETHER, gather_found, search);
    }
    for (size_t i = 0; i < n; i++) changes += search->changes[i];
    return changes;
}

/* ---- All of it ---- */

/* In double; of all rows where a list is longer than what the leaves of few points could fill. */
static void finish_row(void *context, size_t i, int thread) {
    const Descent *search = context;
    const Metric metric = search->options->metric;
    const size_t kept = (size_t)search->kept;
    const RowList list = {&search->lists[i * kept].row, kept, ROW_STRIDE};
    (void)thread;
    nearest_of_row(search->side, i, search->side, metric, &list, search->nearest);
    if (search->nearest->index[(i + 1) * (size_t)search->k - 1] == nobody)
        nearest_of_row(search->side, i, search->side, metric, NULL, search->nearest);
}

static cf_status allocate_search(Descent *search) {
    size_t n = search->n, kept = (size_t)search->kept, threads = (size_t)search->options->threads;
    size_t dim = (size_t)search->rows.dim, count;
    FAIL_IF(!size_multiply(n, kept > JOINED ? kept : JOINED, &count), CF_NO_MEMORY,
            "%d neighbours of %zu points are too many", search->k, n);
    FORWARD(memory_new(n * kept, sizeof *search->lists, &search->lists));
    FORWARD(memory_new(n * kept, sizeof *search->fresh, &search->fresh));
    FORWARD(memory_new(n * JOINED, sizeof *search->around, &search->around));
    FORWARD(memory_new(n * JOINED, sizeof *search->around_fresh, &search->around_fresh));
    FORWARD(memory_new(n, sizeof *search->around_count, &search->around_count));
    FORWARD(memory_new(n, sizeof *search->worth, &search->worth));
    FORWARD(memory_new(n + 1, sizeof *search->back_first, &search->back_first));
    FORWARD(memory_new(count, sizeof *search->back, &search->back));
    FORWARD(memory_new(n, sizeof *search->cursor, &search->cursor));
    FORWARD(memory_new((size_t)CHUNK * JOINED * FOUND, sizeof *search->found, &search->found));
    FORWARD(memory_new(threads * JOINED * dim, sizeof(float), &search->gathered));
    FORWARD(memory_new(threads * JOINED * JOINED, sizeof(float), &search->products));
    FORWARD(memory_new(n, sizeof *search->changes, &search->changes));
    for (size_t i = 0; i < n * kept; i++) search->lists[i] = (Entry){INFINITY, nobody};
    return CF_OK;
}

static cf_status descend(Descent *search) {
    const NeighborOptions *options = search->options;
    FORWARD(allocate_search(search));
    FORWARD(forest_new(&search->rows, TREES, options->seed, options->threads, &search->forest));
    for (search->tree = 0; search->tree < TREES; search->tree++)
        slices_each(options->threads, search->forest.leaves, 1, join_leaf, search);
    forest_free(&search->forest);
    neighbors_report(options, 0.2);
    for (search->round = 1; search->round <= MOST_ROUNDS; search->round++) {
        if ((double)run_round(search) < few_changes * (double)search->n * search->kept) break;
        neighbors_report(options, 0.2 + 0.75 * search->round / MOST_ROUNDS);
    }
    slices_each(options->threads, search->n, TOGETHER, finish_row, search);
    neighbors_report(options, 1);
    return CF_OK;
}

cf_status nearest_descent(const NeighborSide *a, const NeighborOptions *options, int k, Nearest *nearest) {
    AUTO(product_frame_free) ProductFrame frame = {0};
    AUTO(descent_free)
    Descent search = {.side = a, .options = options, .n = a->n, .k = k, .kept = k + MORE, .nearest = nearest};
    FORWARD(nearest_new(a->n, k, nearest));
    FORWARD(product_frame_new(a->points, NULL, options->metric, options->threads, &frame));
    FORWARD(product_rows_new(&frame, a->points, a->rows, a->n, options->threads, &search.rows));
    return descend(&search);
}
