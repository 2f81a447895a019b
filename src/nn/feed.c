#include "nn/feed.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

cf_status feed_new(const cf_set *set, Shape input, const char *const *class_names, int classes, int threads,
                   Feed *feed) {
    Feed made = {.set = set, .input = input, .threads = threads};
    cf_status status;
    const int from[3] = {set->channels, set->height, set->width}, to[3] = {input.C, input.H, input.W};
    for (int label = 0; label < set->classes; label++) {
        made.class_of[label] = -1;
        for (int c = 0; c < classes; c++)
            if (strcmp(set->class_names[label], class_names[c]) == 0) made.class_of[label] = c;
    }
    FORWARD_TO(failed, preparation_new(from, to, &made.preparation));
    /* A cache line between threads' scratch, so that they do not write to one line. */
    made.scratch_stride = preparation_scratch(made.preparation) + 16;
    FORWARD_TO(failed, memory_new((size_t)threads * made.scratch_stride, sizeof(float), &made.scratch));
    *feed = made;
    return CF_OK;
failed:
    feed_free(&made);
    return status;
}

void feed_free(Feed *feed) {
    preparation_free(feed->preparation);
    free(feed->scratch);
    *feed = (Feed){0};
}

void feed_image(const Feed *feed, int thread, uint32_t image, float *x) {
    const unsigned char *pixels = feed->set->pixels + (size_t)image * set_image_size(feed->set);
    preparation_apply(feed->preparation, pixels, feed->scratch + (size_t)thread * feed->scratch_stride, x);
}

int feed_label(const Feed *feed, uint32_t image) {
    return feed->class_of[feed->set->labels[image]];
}
