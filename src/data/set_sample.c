#include "data/set_load.h"

#include "base/memory.h"
#include "base/rng.h"
#include "data/split.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 1, PARTS = 3 };

/* An official part under way: images from .. to-1, of which `wanted` stay. */
typedef struct Part {
    const char *name;
    uint32_t stream;
    size_t from, to, wanted;
} Part;

/* Marks the images of the part that stay. */
static cf_status choose(const cf_set *set, const Part *part, const uint32_t *by_class, const size_t *first,
                        unsigned char *stays, uint32_t *list) {
    const size_t classes = (size_t)set->classes;
    size_t *counts, *shares;
    FORWARD(memory_new(2 * classes, sizeof *counts, &counts));
    shares = counts + classes;
    for (size_t i = part->from; i < part->to; i++) counts[set->labels[i]]++;
    cf_status status = split_share_out(counts, set->classes, part->wanted, shares);
    for (size_t k = 0; k < classes && !status; k++) {
        RngStream stream = rng_stream(SEED, RNG_SAMPLE, part->stream, (uint32_t)k);
        size_t count = 0;
        for (size_t i = first[k]; i < first[k + 1]; i++)
            if (by_class[i] >= part->from && by_class[i] < part->to) list[count++] = by_class[i];
        rng_shuffle(&stream, list, count);
        for (size_t i = 0; i < shares[k]; i++) stays[list[i]] = true;
    }
    free(counts);
    return status;
}

/* As many as are there of what was asked for. */
static size_t bounded(const cf_set *set, const Part *part, size_t wanted) {
    const size_t there = part->to - part->from;
    if (wanted > there)
        notice("%s has %zu %s images, fewer than the %zu asked for; all are used", set->name, there, part->name,
               wanted);
    return wanted < there ? wanted : there;
}

static size_t in_proportion(const Part *part, const Part *train) {
    return (size_t)((double)(part->to - part->from) * (double)train->wanted / (double)(train->to - train->from) + 0.5);
}

cf_status set_take_sample(cf_set *set, const SetSample *sample) {
    Part parts[PARTS] = {{.name = "training", .stream = 0, .to = set->official_train},
                         {.name = "validation", .stream = 2, .from = set->official_train, .to = set_test_begin(set)},
                         {.name = "test", .stream = 1, .from = set_test_begin(set), .to = set->count}};
    Part *train = &parts[0], *validation = &parts[1], *test = &parts[2];
    unsigned char *stays = NULL;
    uint32_t *list = NULL, *by_class = NULL;
    size_t *first = NULL;
    cf_status status;
    if (!sample->train_given && !sample->test_given) return CF_OK;
    train->wanted = sample->train_given ? bounded(set, train, sample->train) : train->to;
    validation->wanted = in_proportion(validation, train);
    test->wanted = sample->test_given ? bounded(set, test, sample->test) : in_proportion(test, train);
    FORWARD_TO(done, memory_new(set->count, 1, &stays));
    FORWARD_TO(done, memory_new(set->count, sizeof *list, &list));
    FORWARD_TO(done, set_by_class(set, &by_class, &first));
    for (int p = 0; p < PARTS; p++) FORWARD_TO(done, choose(set, &parts[p], by_class, first, stays, list));
    set_keep(set, stays);
    set->official_train = train->wanted;
    set->official_validation = validation->wanted;
done:
    free(stays);
    free(list);
    free(by_class);
    free(first);
    return status;
}
