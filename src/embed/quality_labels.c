/* What an embedding makes of classes: votes of neighbours, silhouettes. Points without a label take no part. */
#include "embed/quality_inside.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 64 }; /* points */

typedef struct Classes {
    Plane plane;      /* the labelled points, class after class, in a class by index */
    size_t *first;    /* [count + 1] where a class begins */
    uint32_t *order;  /* [plane.n] their rows in the embedding */
    int count;        /* of labels up to the largest; some may have no point */
    size_t inhabited; /* classes with points */
} Classes;

typedef struct Votes {
    Plane plane; /* the labelled points, by index */
    int *labels; /* [plane.n] */
    int k;
    const Classes *classes;
    const uint32_t *asked; /* [count] of plane's points */
    size_t count;
    float *distances;    /* [threads][n] */
    int *tally;          /* [threads][classes] */
    size_t *hits;        /* [pieces] */
    double *silhouettes; /* [pieces] */
} Votes;

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

static cf_status vote_piece(void *context, int64_t index, int thread) {
    Votes *votes = context;
    size_t n = votes->plane.n, from = (size_t)index * PIECE, to = from + PIECE;
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
    return CF_OK;
}

static cf_status run_votes(Votes *votes, int threads, Quality *quality) {
    size_t pieces = (votes->count + PIECE - 1) / PIECE, hits = 0;
    double sum = 0;
    FORWARD(memory_new((size_t)threads * votes->plane.n, sizeof(float), &votes->distances));
    FORWARD(memory_new((size_t)threads * (size_t)votes->classes->count, sizeof(int), &votes->tally));
    FORWARD(memory_new(pieces, sizeof *votes->hits, &votes->hits));
    FORWARD(memory_new(pieces, sizeof *votes->silhouettes, &votes->silhouettes));
    FORWARD(slices_run(threads, (int64_t)pieces, vote_piece, votes));
    for (size_t p = 0; p < pieces; p++) {
        hits += votes->hits[p];
        sum += votes->silhouettes[p];
    }
    quality->knn_accuracy = (double)hits / (double)votes->count;
    if (votes->classes->inhabited > 1) quality->silhouette = sum / (double)votes->count;
    quality->plane_points = votes->count;
    return CF_OK;
}

static void classes_free(Classes *classes) {
    plane_free(&classes->plane);
    free(classes->first);
    free(classes->order);
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

static cf_status make_votes(const Points *embedding, const int *labels, const uint32_t *by_index, size_t known,
                            Classes *classes, Votes *votes) {
    FORWARD(plane_new(embedding, classes->order, known, &classes->plane));
    FORWARD(plane_new(embedding, by_index, known, &votes->plane));
    FORWARD(memory_new(known, sizeof *votes->labels, &votes->labels));
    for (size_t i = 0; i < known; i++) votes->labels[i] = labels[by_index[i]];
    votes->classes = classes;
    return CF_OK;
}

cf_status measure_labels(const Points *embedding, const int *labels, const QualityOptions *options, Quality *quality) {
    Classes classes = {0};
    Votes votes = {0};
    uint32_t *by_index = NULL, *asked = NULL;
    size_t known = 0;
    cf_status status;
    FORWARD_TO(done, sort_by_class(labels, embedding->n, &classes, &by_index, &known));
    if (known < 3) goto done;
    votes.k = (size_t)quality->k < known ? quality->k : (int)known - 1;
    FORWARD_TO(done, make_votes(embedding, labels, by_index, known, &classes, &votes));
    FORWARD_TO(done, sample_rows(known, QUALITY_PLANE_SAMPLE, options->seed, &asked, &votes.count));
    votes.asked = asked;
    FORWARD_TO(done, run_votes(&votes, options->threads, quality));
done:
    classes_free(&classes);
    plane_free(&votes.plane);
    void *own[] = {votes.labels, votes.distances, votes.tally, votes.hits, votes.silhouettes, by_index, asked};
    for (size_t i = 0; i < COUNT_OF(own); i++) free(own[i]);
    return status;
}
