/* Nearest images of the same class, for SMOTE (Chawla, Bowyer, Hall, Kegelmeyer 2002).
 *
 * Distances are Euclidean, between images as the network gets them, in double, in a fixed order: the neighbours are exact, ties go
 * to the image that stands first, and no number of threads changes them. Images are prepared in blocks, so that a thread holds
 * some 4 MB of them, or two images where those are larger. */
#include "train/image_sampler.h"

#include "base/memory.h"
#include "base/slices.h"

#include <float.h>

enum { LANES = 8, STRETCH = 128, MOST_BLOCK = 64, BLOCK_FLOATS = 1 << 20 };

typedef struct Search {
    const Feed *feed;
    const uint32_t *images;
    size_t count, queries, size; /* size: floats of an image */
    size_t block;                /* queries of a piece */
    int k;
    uint32_t *neighbors;
    float *scratch;    /* [threads][block + 1][size] */
    double *distances; /* [threads][block][k], of the nearest so far */
} Search;

/* The squared distance, or something not below `limit` where it is not below it: sums of squares only grow. */
static double distance_below(const float *a, const float *b, size_t size, double limit) {
    double lane[LANES] = {0}, sum = 0;
    for (size_t i = 0; i < size && sum < limit; i += STRETCH) {
        const size_t end = i + STRETCH < size ? i + STRETCH : size, whole = i + (end - i) / LANES * LANES;
        for (size_t j = i; j < whole; j += LANES)
            for (size_t l = 0; l < LANES; l++) {
                const double d = (double)a[j + l] - (double)b[j + l];
                lane[l] += d * d;
            }
        for (size_t j = whole; j < end; j++) {
            const double d = (double)a[j] - (double)b[j];
            lane[j - whole] += d * d;
        }
        sum = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
    }
    return sum;
}

/* Candidates come in order, so of equal distances the first stays. */
static void insert_nearest(uint32_t *nearest, double *distances, int k, uint32_t candidate, double distance) {
    int place = k - 1;
    if (!(distance < distances[place])) return;
    for (; place > 0 && distance < distances[place - 1]; place--) {
        distances[place] = distances[place - 1];
        nearest[place] = nearest[place - 1];
    }
    distances[place] = distance;
    nearest[place] = candidate;
}

/* The neighbours of one block of queries, among all. */
static cf_status search_block(void *context, int64_t index, int thread) {
    const Search *s = context;
    const size_t first = (size_t)index * s->block, k = (size_t)s->k;
    const size_t n = first + s->block < s->queries ? s->block : s->queries - first;
    float *queries = s->scratch + (size_t)thread * (s->block + 1) * s->size, *candidate = queries + s->block * s->size;
    double *distances = s->distances + (size_t)thread * s->block * k;
    for (size_t q = 0; q < n; q++) feed_image(s->feed, thread, s->images[first + q], queries + q * s->size);
    for (size_t i = 0; i < n * k; i++) distances[i] = DBL_MAX;
    for (size_t c = 0; c < s->count; c++) {
        feed_image(s->feed, thread, s->images[c], candidate);
        for (size_t q = 0; q < n; q++) {
            if (first + q == c) continue;
            const double limit = distances[q * k + k - 1];
            insert_nearest(s->neighbors + (first + q) * k, distances + q * k, s->k, (uint32_t)c,
                           distance_below(queries + q * s->size, candidate, s->size, limit));
        }
    }
    return CF_OK;
}

cf_status smote_neighbors(const Feed *feed, const uint32_t *images, size_t count, size_t queries, int k, int threads,
                          uint32_t *neighbors) {
    const size_t size = (size_t)feed->input.C * (size_t)feed->input.H * (size_t)feed->input.W;
    Search s = {feed, images, count, queries, size, BLOCK_FLOATS / size, k, neighbors, NULL, NULL};
    AUTO_FREE float *scratch = NULL;
    AUTO_FREE double *distances = NULL;
    s.block = s.block < 1 ? 1 : s.block > MOST_BLOCK ? MOST_BLOCK : s.block;
    FORWARD(memory_new((size_t)threads * (s.block + 1) * size, sizeof *scratch, &scratch));
    FORWARD(memory_new((size_t)threads * s.block * (size_t)k, sizeof *distances, &distances));
    s.scratch = scratch, s.distances = distances;
    return slices_run(threads, (int64_t)((queries + s.block - 1) / s.block), search_block, &s);
}
