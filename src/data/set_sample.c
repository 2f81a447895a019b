#include "data/set_sample.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "data/split.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 1, LONGEST_ITEM = 64 };

/* ---- The text ---- */

/* The items behind the last ':' where there are no others than those of a sample; else NULL. */
static const char *items_of(const char *text) {
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || file_exists(text)) return NULL;
    for (const char *item = colon; item; item = strchr(item + 1, ','))
        if (strncmp(item + 1, "n=", 2) != 0 && strncmp(item + 1, "test=", 5) != 0) return NULL;
    return colon + 1;
}

static cf_status read_item(const char *text, const char *item, SetSample *sample) {
    const bool test = *item == 't';
    char value[LONGEST_ITEM];
    long long count;
    const char *begin = strchr(item, '=') + 1;
    snprintf(value, sizeof value, "%.*s", (int)strcspn(begin, ","), begin);
    FAIL_IF(!text_to_integer(value, test ? 0 : 1, UINT32_MAX, &count), CF_BAD_USE,
            "data set %s: %s=%s: a whole number from %d to %u was expected", text, test ? "test" : "n", value, !test,
            UINT32_MAX);
    *(test ? &sample->test : &sample->train) = (size_t)count;
    return CF_OK;
}

cf_status sample_from_text(const char *text, char **set, SetSample *sample, bool *sampled) {
    const char *items = items_of(text);
    *sample = (SetSample){SIZE_MAX, SIZE_MAX};
    *sampled = items;
    for (const char *item = items; item; item = strchr(item, ',')) {
        item += *item == ',';
        FORWARD(read_item(text, item, sample));
    }
    return memory_print(set, "%.*s", items ? (int)(items - 1 - text) : (int)strlen(text), text);
}

/* ---- The images ---- */

/* An official part under way: images from .. to-1, of which `wanted` stay. */
typedef struct Part {
    const char *name;
    size_t from, to, wanted;
} Part;

/* Marks the images of the part that stay. */
static void choose(const cf_set *set, const Part *part, unsigned char *stays, uint32_t *list) {
    size_t counts[MAX_CLASSES] = {0}, shares[MAX_CLASSES];
    for (size_t i = part->from; i < part->to; i++) counts[set->labels[i]]++;
    split_share_out(counts, part->wanted, shares);
    for (int k = 0; k < set->classes; k++) {
        RngStream stream = rng_stream(SEED, RNG_SAMPLE, part->from > 0, (uint32_t)k);
        size_t count = 0;
        for (size_t i = part->from; i < part->to; i++)
            if (set->labels[i] == k) list[count++] = (uint32_t)i;
        rng_shuffle(&stream, list, count);
        for (size_t i = 0; i < shares[k]; i++) stays[list[i]] = true;
    }
}

/* Moves those that stay to the front, in their order. */
static void close_up(cf_set *set, const unsigned char *stays) {
    const size_t size = set_image_size(set), train = set->official_train;
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (!stays[i]) continue;
        memmove(set->pixels + kept * size, set->pixels + i * size, size);
        set->labels[kept++] = set->labels[i];
        if (i >= train) continue;
        set->official_train = kept;
    }
    set->count = kept;
    unsigned char *smaller = realloc(set->pixels, kept * size);
    if (smaller) set->pixels = smaller;
}

static size_t bounded(const cf_set *set, const Part *part, size_t wanted) {
    const size_t there = part->to - part->from;
    if (wanted <= there) return wanted;
    if (wanted != SIZE_MAX)
        notice("%s has %zu %s images, fewer than the %zu asked for; all are used", set->name, there, part->name,
               wanted);
    return there;
}

cf_status set_take_sample(cf_set *set, const SetSample *sample) {
    Part train = {.name = "training", .to = set->official_train};
    Part test = {.name = "test", .from = set->official_train, .to = set->count};
    unsigned char *stays = NULL;
    uint32_t *list = NULL;
    cf_status status;
    train.wanted = bounded(set, &train, sample->train);
    test.wanted = bounded(set, &test, sample->test);
    if (sample->test == SIZE_MAX)
        test.wanted =
            (size_t)((double)(test.to - test.from) * (double)train.wanted / (double)set->official_train + 0.5);
    FORWARD_TO(done, memory_new(set->count, 1, &stays));
    FORWARD_TO(done, memory_new(set->count, sizeof *list, &list));
    choose(set, &train, stays, list);
    choose(set, &test, stays, list);
    close_up(set, stays);
done:
    free(stays);
    free(list);
    return status;
}
