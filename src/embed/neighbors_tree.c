#include "embed/neighbors_tree.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/slices.h"
#include "embed/row_math.h"

#include <stdlib.h>
#include <string.h>

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
static cf_status split_node(void *context, int64_t index, int thread) {
    const Growing *work = context;
    size_t nodes = (size_t)1 << work->level, tree = (size_t)index / nodes, node = (size_t)index % nodes;
    size_t n = work->rows->n, dim = (size_t)work->rows->dim;
    size_t from = node_begin(n, nodes, node), count = node_begin(n, nodes, node + 1) - from;
    uint32_t *order = work->forest->order + tree * n + from, words[4];
    Projected *projected = work->projected + tree * n + from;
    float *direction = work->directions + (size_t)thread * dim;
    RngStream stream = rng_stream(work->seed, RNG_NEIGHBORS, tree, 0);
    if (count < 2) return CF_OK;
    rng_block(&stream, nodes + node, words);
    const float *a = work->rows->values + order[words[0] % count] * dim;
    const float *b = work->rows->values + order[words[1] % count] * dim;
    for (size_t d = 0; d < dim; d++) direction[d] = a[d] - b[d];
    for (size_t i = 0; i < count; i++)
        projected[i] = (Projected){row_dot(work->rows->values + order[i] * dim, direction, (int)dim), order[i]};
    qsort(projected, count, sizeof *projected, compare_projected);
    for (size_t i = 0; i < count; i++) order[i] = projected[i].row;
    return CF_OK;
}

static cf_status grow(Growing *work, int threads) {
    Forest *forest = work->forest;
    size_t n = work->rows->n, values = (size_t)forest->trees * n;
    FORWARD(memory_new(values, sizeof *forest->order, &forest->order));
    FORWARD(memory_new(values, sizeof *work->projected, &work->projected));
    FORWARD(memory_new((size_t)threads * (size_t)work->rows->dim, sizeof(float), &work->directions));
    for (size_t i = 0; i < values; i++) forest->order[i] = (uint32_t)(i % n);
    forest->leaves = 1;
    for (work->level = 0; (n + forest->leaves - 1) / forest->leaves > LEAF; work->level++) {
        FORWARD(slices_run(threads, (int64_t)((size_t)forest->trees * forest->leaves), split_node, work));
        forest->leaves *= 2;
    }
    FORWARD(memory_new(forest->leaves + 1, sizeof *forest->first, &forest->first));
    for (size_t leaf = 0; leaf <= forest->leaves; leaf++) forest->first[leaf] = node_begin(n, forest->leaves, leaf);
    return CF_OK;
}

cf_status forest_new(const ProductRows *rows, int trees, uint64_t seed, int threads, Forest *forest) {
    Forest made = {.trees = trees, .n = rows->n};
    Growing work = {.rows = rows, .seed = seed, .forest = &made};
    cf_status status = grow(&work, threads);
    free(work.projected);
    free(work.directions);
    if (status) forest_free(&made);
    if (!status) *forest = made;
    return status;
}

void forest_free(Forest *forest) {
    free(forest->order);
    free(forest->first);
    *forest = (Forest){0};
}
