#include "base/slices.h"
#include "data/image_set.h"

#include <stdlib.h>
#include <string.h>

/* ---- Hashes of all images of a set, in its order ---- */

enum { LANES = 4, BLOCK = 256 };

static const unsigned char *pixels_of(const cf_set *set, uint32_t image) {
    return set->pixels + image * set_image_size(set);
}

static uint64_t stir(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* Eight bytes at a time, in lanes that do not wait for each other. */
static uint64_t hash_bytes(const unsigned char *bytes, size_t size) {
    uint64_t lanes[LANES] = {1, 2, 3, 4}, words[LANES], hash = size;
    size_t i = 0;
    for (; i + sizeof words <= size; i += sizeof words) {
        memcpy(words, bytes + i, sizeof words);
        for (int l = 0; l < LANES; l++) lanes[l] = stir(lanes[l], words[l]);
    }
    for (; i < size; i++) hash = stir(hash, bytes[i]);
    for (int l = 0; l < LANES; l++) hash = stir(hash, lanes[l]);
    return hash;
}

typedef struct Hashes {
    const cf_set *set;
    uint64_t *values; /* [set->count] */
} Hashes;

static cf_status hash_block(void *context, int64_t index, int thread) {
    const Hashes *h = context;
    (void)thread;
    const size_t begin = (size_t)index * BLOCK, end = begin + BLOCK < h->set->count ? begin + BLOCK : h->set->count;
    for (size_t i = begin; i < end; i++)
        h->values[i] = hash_bytes(pixels_of(h->set, (uint32_t)i), set_image_size(h->set));
    return CF_OK;
}

static void hashes_free(Hashes *h) {
    free(h->values);
}

static cf_status hash_images(const cf_set *set, Hashes *h) {
    h->set = set;
    FORWARD(memory_new(set->count, sizeof *h->values, &h->values));
    return slices_run(slices_threads(0), (int64_t)((set->count + BLOCK - 1) / BLOCK), hash_block, h);
}

/* ---- The different images of all parts, in a table with open addresses ---- */

typedef struct Slot {
    uint32_t image; /* of the set, from 1; 0: empty */
    int part;       /* the first that has it */
} Slot;

typedef struct ImageTable {
    const Hashes *hashes; /* of the parts' set */
    Slot *slots;
    size_t mask;
} ImageTable;

/* Equal hashes are compared by pixels, so no chance decides. */
static bool same(const Hashes *a, uint32_t i, const Hashes *b, uint32_t j) {
    return (a->set == b->set && i == j) ||
           (a->values[i] == b->values[j] &&
            memcmp(pixels_of(a->set, i), pixels_of(b->set, j), set_image_size(a->set)) == 0);
}

/* The slot of an image, or the empty one where it belongs. */
static Slot *find_slot(const ImageTable *table, const Hashes *hashes, uint32_t image) {
    size_t slot = hashes->values[image] & table->mask;
    while (table->slots[slot].image && !same(table->hashes, table->slots[slot].image - 1, hashes, image))
        slot = (slot + 1) & table->mask;
    return &table->slots[slot];
}

cf_status same_images_count(const cf_subset *images, const cf_subset *const *parts, int count, size_t *found) {
    AUTO(hashes_free) Hashes own = {0}, other = {0};
    AUTO_FREE Slot *slots = NULL;
    size_t all = 0, room = 16;
    const bool one_set = images->set == parts[0]->set;
    for (int p = 0; p < count; p++) found[p] = 0, all += parts[p]->count;
    while (room < 2 * all) room *= 2;
    FORWARD(hash_images(parts[0]->set, &own));
    if (!one_set) FORWARD(hash_images(images->set, &other));
    FORWARD(memory_new(room, sizeof *slots, &slots));
    const ImageTable table = {&own, slots, room - 1};
    for (int p = 0; p < count; p++)
        for (size_t i = 0; i < parts[p]->count; i++) {
            const uint32_t image = parts[p]->images[i];
            Slot *slot = find_slot(&table, &own, image);
            if (!slot->image) *slot = (Slot){image + 1, p};
        }
    for (size_t i = 0; i < images->count; i++) {
        const Slot *slot = find_slot(&table, one_set ? &own : &other, images->images[i]);
        if (slot->image) found[slot->part]++;
    }
    return CF_OK;
}
