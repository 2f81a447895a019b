/* Where the layout begins. */
#ifndef EMBED_UMAP_START_H
#define EMBED_UMAP_START_H

#include "embed/fuzzy_graph.h"
#include "embed/umap.h"

typedef struct UmapStart {
    const FuzzyGraph *graph;
    const Points *points;
    const UmapOptions *options; /* components, init, seed, threads */
    bool (*go_on)(void *context);
    void *context;
} UmapStart;

/* `coordinates` [n][components], each from 0 to 10; `used` says how they were found (Umap.init_used). */
cf_status umap_start(const UmapStart *start, float *coordinates, char used[UMAP_INIT_TEXT]);

#endif
