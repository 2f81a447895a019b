/* UMAP: few coordinates for many-dimensional points, so that neighbours stay neighbours (McInnes, Healy, Melville 2018).
 *
 * Usage:
 *   UmapOptions options = umap_options_defaults();
 *   Umap *umap;
 *   if (points_check(&points, "X.npy") || umap_fit(&points, &options, &umap)) ... cf_error();
 *   umap->embedding[i * umap->options.components + c] ...
 *   umap_transform(umap, &new_points, threads, coordinates);   umap_write(umap, path);   umap_free(umap);
 *
 * Stages: nearest neighbours (neighbors.h), their fuzzy graph (fuzzy_graph.h), first coordinates (spectral.h), layout
 * (layout.h). Options and their defaults are those of umap-learn. Every stage gives the same bits at any number of threads.
 */
#pragma once

#include "base/memory.h"
#include "embed/neighbors.h"

enum { UMAP_MOST_COMPONENTS = 64, UMAP_MOST_NEIGHBORS = 1024, UMAP_MOST_EPOCHS = 100000, UMAP_INIT_TEXT = 160 };

typedef enum UmapInit {
    UMAP_SPECTRAL, /* eigenvectors of the graph's Laplacian; where they cannot be had, principal components, and it is said */
    UMAP_PCA,
    UMAP_RANDOM
} UmapInit;

typedef enum UmapStage { UMAP_NEIGHBORS, UMAP_GRAPH, UMAP_START, UMAP_LAYOUT, UMAP_STAGES } UmapStage;

/* Told how much of a stage is done, 0 to 1, by the calling thread. Return false to stop: CF_INTERRUPTED (the stage of the
 * neighbours is finished first). */
typedef bool (*UmapProgressFn)(UmapStage stage, double done, void *context);

typedef struct UmapOptions {
    int neighbors;             /* a point counts as one of its own; more: coarser structure; default 15, at least 2 */
    int components;            /* coordinates; default 2 */
    double min_dist;           /* how close points may lie, in units of spread; default 0.1 */
    double spread;             /* scale of the embedding; default 1; at least min_dist */
    Metric metric;             /* default METRIC_EUCLIDEAN */
    NeighborMethod method;     /* default NEIGHBORS_AUTO */
    int epochs;                /* of the layout; default 0: 500 up to 10,000 points, 200 beyond */
    UmapInit init;             /* default UMAP_SPECTRAL */
    int negative_sample_rate;  /* points pushed away from per neighbour pulled to; default 5 */
    double learning_rate;      /* first step size of the layout, falls to 0; default 1 */
    double repulsion;          /* weight of pushing away; default 1 */
    double set_op_mix;         /* 1: an edge in either direction counts (union), 0: in both (intersection); default 1 */
    double local_connectivity; /* nearest neighbours that count as fully connected; default 1 */
    const int *target;    /* [n] classes, negative: unknown; NULL: unsupervised, the default. Borrowed by umap_fit */
    double target_weight; /* 0: the points alone, 1: the classes above all; default 0.5 */
    bool densmap;       /* points lie as densely as they did (Narayan, Berger, Cho 2021); 200 epochs more by default */
    double dens_lambda; /* weight of that; default 2 */
    double dens_frac;   /* share of the epochs that it takes part in, the last ones; default 0.3 */
    double dens_var_shift;   /* keeps its gradient small where all radii are nearly equal; default 0.1 */
    uint64_t seed;           /* default 1 */
    int threads;             /* 0: all processors; changes no numbers */
    UmapProgressFn progress; /* NULL: none */
    void *progress_context;
} UmapOptions;

UmapOptions umap_options_defaults(void);
/* Refuses options out of their ranges, with the name of the option (as on the command line) and what is possible. */
cf_status umap_options_check(const UmapOptions *options);

typedef struct Umap {
    /* As used: epochs filled in, neighbors lowered where there are fewer points; no target, no progress. */
    UmapOptions options;
    double a, b; /* of the curve 1 / (1 + a d^(2b)) that stands for closeness in the embedding */
    size_t n;
    int dim;
    float *points; /* [n][dim], a copy: umap_transform looks for neighbours there */
    /* [dim] what was taken off the columns before, and is to be taken off new points, too: the sum of two floats; NULL: nothing was.
     * Whoever did so sets it; freed here. */
    double *offset;
    float *embedding;               /* [n][components] */
    char init_used[UMAP_INIT_TEXT]; /* "spectral", "pca", "random", or why not as asked: "pca (..)" */
    const char *neighbors_method;   /* of Neighbors; static; "" in a model that was read */
    size_t edges;                   /* of the graph, each counted once; 0 in a model that was read */
    double *radius; /* [n] with densmap: the local radii of the points, logarithms (fuzzy_graph_radii); else NULL */
    double seconds[UMAP_STAGES];
} Umap;

/* `points` are taken as checked (points_check). Fewer points than neighbors: neighbors is lowered, with a notice. */
cf_status umap_fit(const Points *points, const UmapOptions *options, Umap **umap);
/* Pearson's correlation of the local radii of the points and of the embedding, both as fuzzy_graph_radii has them; NaN without
 * `radius`. */
cf_status umap_density_correlation(const Umap *umap, double *correlation);
/* Where new points come to lie; the embedding itself stays as it is. A densMAP takes none (CF_BAD_USE). [points->n][components]. A point's coordinates depend on
 * itself alone, not on the others it comes with, to the bit. */
cf_status umap_transform(const Umap *umap, const Points *points, int threads, float *embedding);
/* umap_fit of `count` of the points, drawn by the seed, and umap_transform of the others: all of them in coordinates
 * [points->n][components], in their order. 1 <= count < points->n; not of a densMAP. */
cf_status umap_fit_subset(const Points *points, size_t count, const UmapOptions *options, Umap **umap,
                          float *coordinates);
void umap_free(Umap *umap);
AUTO_HANDLE(Umap, umap_free)

/* Bytes that umap_fit takes at most, the points themselves not counted; known before they are taken. */
size_t umap_memory(size_t n, int dim, const UmapOptions *options);

/* A safetensors file that holds all that umap_transform needs; not of a densMAP (CF_BAD_USE). */
cf_status umap_write(const Umap *umap, const char *path);
cf_status umap_read(const char *path, Umap **umap);

/* "neighbors", "graph", "init", "layout". */
const char *umap_stage_name(UmapStage stage);
/* "spectral", "pca", "random". */
const char *umap_init_name(UmapInit init);

/* ---- The options that are numbers, for umap.c and umap_file.c ---- */

typedef struct UmapNumber {
    const char *name; /* as on the command line */
    enum { UMAP_INT, UMAP_REAL } kind;
    size_t at;          /* in UmapOptions */
    bool stored;        /* in a file: what umap_transform needs, and what tells how it was made */
    double usual;       /* the default */
    double least, most; /* both possible; 0: the most is another option's */
} UmapNumber;
enum { UMAP_NUMBERS = 14 };
extern const UmapNumber umap_numbers[UMAP_NUMBERS];
