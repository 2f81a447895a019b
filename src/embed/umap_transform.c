/* New points into an embedding that stays as it is.
 *
 * As in umap-learn: memberships in the nearest training points, from distance 0 on; the weighted mean of these as a beginning;
 * a third of the epochs at a quarter of the step, the training points fixed. Unlike it, nothing depends on the other new
 * points: edges are scaled by the point's own strongest, the number of epochs follows the training points, random numbers
 * follow the point's values, and the floor of sigma its own distances. The sum of memberships runs over all neighbours found.
 */
#include "base/memory.h"
#include "base/slices.h"
#include "embed/layout.h"
#include "embed/umap.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 512 };

typedef struct Transform {
    const Umap *umap;
    const Points *points;
    const Neighbors *neighbors;
    FuzzyGraph *graph;
    uint32_t *key;
    float *embedding;
} Transform;

/* A number for a point's values, FNV-1a over their bits. */
static uint32_t key_of(const float *x, int dim) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (int d = 0; d < dim; d++) {
        uint32_t bits;
        memcpy(&bits, x + d, sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3u;
        hash ^= hash >> 32; /* high bits come down: FNV alone only goes up */
    }
    return (uint32_t)hash;
}

static void weigh_row(const Transform *t, size_t i) {
    const int k = t->neighbors->k;
    const size_t first = i * (size_t)k;
    const float *distance = t->neighbors->distance + first;
    double connectivity = t->umap->options.local_connectivity - 1, mean = 0;
    for (int j = 0; j < k; j++) mean += (double)distance[j] / (k + 1);
    Smooth smooth = fuzzy_smooth(distance, k, connectivity > 0 ? connectivity : 0, mean);
    for (int j = 0; j < k; j++) {
        t->graph->column[first + (size_t)j] = t->neighbors->index[first + (size_t)j];
        t->graph->weight[first + (size_t)j] = fuzzy_membership(distance[j], smooth);
    }
    t->graph->start[i + 1] = first + (size_t)k;
}

/* The weighted mean of the neighbours; where a training point is met exactly, that point. */
static void begin_row(const Transform *t, size_t i) {
    const size_t components = (size_t)t->umap->options.components, first = i * (size_t)t->neighbors->k;
    const size_t count = t->neighbors->distance[first] > 0 ? (size_t)t->neighbors->k : 1;
    for (size_t c = 0; c < components; c++) {
        double sum = 0, weights = 0;
        for (size_t e = first; e < first + count; e++) {
            double w = (double)t->graph->weight[e];
            sum += w * (double)t->umap->embedding[t->graph->column[e] * components + c];
            weights += w;
        }
        t->embedding[i * components + c] = (float)(sum / weights);
    }
}

static cf_status prepare_piece(void *context, int64_t piece, int thread) {
    const Transform *t = context;
    (void)thread;
    for (size_t i = (size_t)piece * ROWS; i < t->points->n && i < ((size_t)piece + 1) * ROWS; i++) {
        t->key[i] = key_of(points_row(t->points, i), t->points->dim);
        weigh_row(t, i);
        begin_row(t, i);
    }
    return CF_OK;
}

static cf_status lay_out(const Transform *t, int threads) {
    const Umap *umap = t->umap;
    const UmapOptions *options = &umap->options;
    LayoutJob job = {.graph = t->graph,
                     .fixed = umap->embedding,
                     .fixed_count = umap->n,
                     .key = t->key,
                     .components = options->components,
                     .epochs = (options->epochs + 2) / 3,
                     .negatives = options->negative_sample_rate,
                     .a = umap->a,
                     .b = umap->b,
                     .learning_rate = options->learning_rate / 4,
                     .repulsion = options->repulsion,
                     .seed = options->seed,
                     .threads = threads};
    return layout_run(&job, t->embedding);
}

cf_status umap_transform(const Umap *umap, const Points *points, int threads, float *embedding) {
    const Points training = {umap->points, umap->n, umap->dim};
    const size_t n = points->n;
    const int others = umap->options.neighbors > 2 ? umap->options.neighbors - 1 : 1;
    NeighborOptions search = {.k = (size_t)others < umap->n ? others : (int)umap->n,
                              .metric = umap->options.metric,
                              .threads = threads = slices_threads(threads)};
    Neighbors neighbors = {0};
    FuzzyGraph graph = {.n = n};
    Transform t = {umap, points, &neighbors, &graph, NULL, embedding};
    const size_t entries = n * (size_t)search.k;
    cf_status status;
    FAIL_IF(points->dim != umap->dim, CF_BAD_USE, "the new points have %d values each, those the embedding is of %d",
            points->dim, umap->dim);
    FORWARD_TO(done, neighbors_query(&training, points, &search, &neighbors));
    FORWARD_TO(done, memory_new(n + 1, sizeof(size_t), &graph.start));
    FORWARD_TO(done, memory_new(entries, sizeof(uint32_t), &graph.column));
    FORWARD_TO(done, memory_new(entries, sizeof(float), &graph.weight));
    FORWARD_TO(done, memory_new(n, sizeof(uint32_t), &t.key));
    FORWARD_TO(done, slices_run(threads, (int64_t)((n + ROWS - 1) / ROWS), prepare_piece, &t));
    FORWARD_TO(done, lay_out(&t, threads));
done:
    neighbors_free(&neighbors);
    fuzzy_graph_free(&graph);
    free(t.key);
    return status;
}
