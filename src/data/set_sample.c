#include "data/set_load.h"

#include "base/rng.h"
#include "data/split.h"

enum { SEED = 1 };

/* An official part under way: images from .. to-1, of which `wanted` stay. */
typedef struct Part {
    const char *name;
    uint32_t stream;
    size_t from, to, wanted;
} Part;

/* Marks the images of the part that stay. */
static cf_status mark_sample(const cf_set *set, const Part *part, const uint32_t *by_class, const size_t *first,
                             unsigned char *stays, uint32_t *list) {
    const size_t classes = (size_t)set->classes;
    AUTO_FREE size_t *counts = NULL;
    FORWARD(memory_new(2 * classes, sizeof *counts, &counts));
    size_t *shares = counts + classes;
    for (size_t i = part->from; i < part->to; i++) counts[set->labels[i]]++;
    FORWARD(split_share_out(counts, set->classes, part->wanted, shares));
    for (size_t k = 0; k < classes; k++) {
        RngStream stream = rng_stream(SEED, RNG_SAMPLE, part->stream, (uint32_t)k);
        size_t count = 0;
        for (size_t i = first[k]; i < first[k + 1]; i++)
            if (by_class[i] >= part->from && by_class[i] < part->to) list[count++] = by_class[i];
        rng_shuffle(&stream, list, count);
        for (size_t i = 0; i < shares[k]; i++) stays[list[i]] = true;
    }
    return CF_OK;
}

/* As many as are there of what was asked for. */
static size_t bounded_by_part(const cf_set *set, const Part *part, size_t wanted) {
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
    Part parts[SET_PARTS] = {
        {.name = "training", .stream = 0, .to = set->official_train},
        {.name = "validation", .stream = 2, .from = set->official_train, .to = set_test_begin(set)},
        {.name = "test", .stream = 1, .from = set_test_begin(set), .to = set->count}};
    Part *train = &parts[CF_TRAIN], *validation = &parts[CF_VALIDATION], *test = &parts[CF_TEST];
    AUTO_FREE unsigned char *stays = NULL;
    AUTO_FREE uint32_t *list = NULL, *by_class = NULL;
    AUTO_FREE size_t *first = NULL;
    if (!sample->train_given && !sample->test_given) return CF_OK;
    train->wanted = sample->train_given ? bounded_by_part(set, train, sample->train) : train->to;
    validation->wanted = in_proportion(validation, train);
    test->wanted = sample->test_given ? bounded_by_part(set, test, sample->test) : in_proportion(test, train);
    FORWARD(memory_new(set->count, 1, &stays));
    FORWARD(memory_new(set->count, sizeof *list, &list));
    FORWARD(set_by_class(set, &by_class, &first));
    for (int p = 0; p < SET_PARTS; p++) FORWARD(mark_sample(set, &parts[p], by_class, first, stays, list));
    set_keep(set, stays);
    set->official_train = train->wanted;
    set->official_validation = validation->wanted;
    return CF_OK;
}
