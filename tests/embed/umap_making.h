/* Points in groups, and graphs, for the tests of UMAP. */
#pragma once

#include "embed_making.h"

#include "embed/fuzzy_graph.h"

#include <math.h>
#include <string.h>

/* Point i belongs to group i % groups; the groups' centres are `gap` apart on an axis each, their spread is 1. */
static inline Points grouped_points(size_t n, int dim, int groups, float gap, uint64_t seed) {
    Points points = normal_points(n, dim, seed);
    assert_true(groups <= dim);
    for (size_t i = 0; i < n; i++) values_of(&points)[i * (size_t)dim + i % (size_t)groups] += gap;
    return points;
}

static inline FuzzyGraph graph_of(const Points *points, int neighbors, int threads) {
    NeighborOptions options = {.k = neighbors - 1, .threads = threads};
    Neighbors found;
    FuzzyGraph graph;
    assert_ok(neighbors_find(points, &options, &found));
    assert_ok(fuzzy_graph_new(&found, 1, 1, threads, &graph));
    neighbors_free(&found);
    return graph;
}

/* A graph from edges (i, j, weight), i < j, each named once. */
typedef struct Edge {
    uint32_t i, j;
    float weight;
} Edge;

static inline FuzzyGraph graph_from(size_t n, const Edge *edges, size_t count) {
    FuzzyGraph graph = {.n = n};
    size_t entry = 0;
    assert_ok(memory_new(n + 1, sizeof *graph.start, &graph.start));
    assert_ok(memory_new(2 * count, sizeof *graph.column, &graph.column));
    assert_ok(memory_new(2 * count, sizeof *graph.weight, &graph.weight));
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < n; j++)
            for (size_t e = 0; e < count; e++)
                if ((edges[e].i == i && edges[e].j == j) || (edges[e].i == j && edges[e].j == i)) {
                    graph.column[entry] = j;
                    graph.weight[entry++] = edges[e].weight;
                }
        graph.start[i + 1] = entry;
    }
    return graph;
}

/* The weight of edge (i, j), 0 where there is none. */
static inline float weight_of(const FuzzyGraph *graph, uint32_t i, uint32_t j) {
    for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++)
        if (graph->column[e] == j) return graph->weight[e];
    return 0;
}

/* Columns ascending, no vertex its own neighbour, weights in (0, 1], both directions equal to the bit. */
static inline void assert_fuzzy(const FuzzyGraph *graph) {
    for (uint32_t i = 0; i < graph->n; i++)
        for (size_t e = graph->start[i]; e < graph->start[i + 1]; e++) {
            float w = graph->weight[e];
            assert_true(w > 0 && w <= 1);
            assert_int_not_equal(graph->column[e], i);
            if (e > graph->start[i]) assert_true(graph->column[e] > graph->column[e - 1]);
            assert_true(weight_of(graph, graph->column[e], i) == w);
        }
}
