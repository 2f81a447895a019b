#include "data/readers.h"

#include "base/memory.h"
#include "base/slices.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 }; /* images per piece of work */

typedef struct Reordering {
    unsigned char *pixels, *scratch;
    size_t count, image;
    size_t channels, height, width;
    const size_t *stride_hwc;
} Reordering;

static void reorder_image(const Reordering *r, unsigned char *image, unsigned char *scratch) {
    memcpy(scratch, image, r->image);
    for (size_t h = 0; h < r->height; h++)
        for (size_t w = 0; w < r->width; w++) {
            const unsigned char *source = scratch + h * r->stride_hwc[0] + w * r->stride_hwc[1];
            for (size_t c = 0; c < r->channels; c++) *image++ = source[c * r->stride_hwc[2]];
        }
}

static cf_status reorder_block(void *context, int64_t index, int thread) {
    const Reordering *r = context;
    size_t first = (size_t)index * BLOCK, end = first + BLOCK < r->count ? first + BLOCK : r->count;
    for (size_t i = first; i < end; i++)
        reorder_image(r, r->pixels + i * r->image, r->scratch + (size_t)thread * r->image);
    return CF_OK;
}

cf_status images_reorder(unsigned char *pixels, size_t count, const int chw[3], const size_t stride_hwc[3]) {
    size_t image = (size_t)chw[0] * (size_t)chw[1] * (size_t)chw[2];
    int threads = slices_threads(0);
    unsigned char *scratch;
    FORWARD(memory_new((size_t)threads, image, &scratch));
    Reordering r = {pixels, scratch, count, image, (size_t)chw[0], (size_t)chw[1], (size_t)chw[2], stride_hwc};
    cf_status status = slices_run(threads, (int64_t)((count + BLOCK - 1) / BLOCK), reorder_block, &r);
    free(scratch);
    return status;
}
