#include "nn/feed.h"

#include "base/memory.h"
#include "base/name_table.h"

#include <stdlib.h>
#include <string.h>

cf_status classes_match(const cf_set *set, const char *const *class_names, int classes, int **class_of) {
    NameTable table;
    FORWARD(name_table_new((size_t)classes, &table));
    cf_status status = memory_new((size_t)set->classes, sizeof **class_of, class_of);
    for (int c = 0; c < classes; c++) name_table_put(&table, class_names[c], c);
    for (int label = 0; label < set->classes && !status; label++)
        (*class_of)[label] = name_table_find(&table, set->class_names[label], strlen(set->class_names[label]));
    name_table_free(&table);
    return status;
}

cf_status feed_new(const cf_set *set, Shape input, const char *const *class_names, int classes, int threads,
                   Feed *feed) {
    Feed made = {.set = set, .input = input, .threads = threads};
    cf_status status;
    const int from[3] = {set->channels, set->height, set->width}, to[3] = {input.C, input.H, input.W};
    FORWARD_TO(failed, classes_match(set, class_names, classes, &made.class_of));
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
    free(feed->class_of);
    *feed = (Feed){0};
}

void feed_image(const Feed *feed, int thread, uint32_t image, float *x) {
    if (feed->ready) {
        const size_t size = (size_t)feed->input.C * (size_t)feed->input.H * (size_t)feed->input.W;
        memcpy(x, feed->ready + (size_t)image * size, size * sizeof *x);
        return;
    }
    const unsigned char *pixels = feed->set->pixels + (size_t)image * set_image_size(feed->set);
    preparation_apply(feed->preparation, pixels, feed->scratch + (size_t)thread * feed->scratch_stride, x);
}

int feed_label(const Feed *feed, uint32_t image) {
    return feed->ready ? -1 : feed->class_of[feed->set->labels[image]];
}

void samples_of_feed(const Feed *feed, const uint32_t *images, int n, Sample *samples) {
    for (int i = 0; i < n; i++) {
        samples[i] = (Sample){.feed = feed, .image = images[i], .share = 1, .weight = 1};
        for (int h = 0; h < MOST_HEADS; h++) samples[i].target[h] = samples[i].partner_target[h] = -1;
        samples[i].target[0] = feed_label(feed, images[i]);
    }
}
