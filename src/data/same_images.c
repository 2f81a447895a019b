#include "data/same_images.h"

#include "base/memory.h"
#include "base/slices.h"

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

static cf_status hashes_new(const cf_set *set, Hashes *h) {
    h->set = set;
    FORWARD(memory_new(set->count, sizeof *h->values, &h->values));
    return slices_run(slices_threads(0), (int64_t)((set->count + BLOCK - 1) / BLOCK), hash_block, h);
}

/* ---- The different images of a part, in a table with open addresses ---- */

typedef struct ImageTable {
    const Hashes *hashes; /* of its set */
    uint32_t *slots;      /* images of the set, from 1; 0: empty */
    size_t mask;
} ImageTable;

/* Equal hashes are compared by pixels, so no chance decides. */
static bool same(const Hashes *a, uint32_t i, const Hashes *b, uint32_t j) {
    return (a->set == b->set && i == j) ||
           (a->values[i] == b->values[j] &&
            memcmp(pixels_of(a->set, i), pixels_of(b->set, j), set_image_size(a->set)) == 0);
}

/* The slot of an image, or the empty one where it belongs. */
static uint32_t *find_slot(const ImageTable *table, const Hashes *hashes, uint32_t image) {
    size_t slot = hashes->values[image] & table->mask;
    while (table->slots[slot] && !same(table->hashes, table->slots[slot] - 1, hashes, image))
        slot = (slot + 1) & table->mask;
    return &table->slots[slot];
}

static cf_status table_new(const cf_subset *part, const Hashes *hashes, ImageTable *table) {
    size_t room = 16;
    while (room < 2 * part->count) room *= 2;
    *table = (ImageTable){.hashes = hashes, .mask = room - 1};
    FORWARD(memory_new(room, sizeof *table->slots, &table->slots));
    for (size_t i = 0; i < part->count; i++) *find_slot(table, hashes, part->images[i]) = part->images[i] + 1;
    return CF_OK;
}

static void count_in_tables(const cf_subset *images, const Hashes *hashes, const ImageTable *tables, int count,
                            size_t *found) {
    for (size_t i = 0; i < images->count; i++)
        for (int p = 0; p < count; p++) {
            if (!*find_slot(&tables[p], hashes, images->images[i])) continue;
            found[p]++;
            break;
        }
}

cf_status same_images_count(const cf_subset *images, const cf_subset *const *parts, int count, size_t *found) {
    Hashes own = {0}, other = {0};
    ImageTable *tables = NULL;
    const bool one_set = images->set == parts[0]->set;
    cf_status status;
    for (int p = 0; p < count; p++) found[p] = 0;
    FORWARD_TO(done, hashes_new(parts[0]->set, &own));
    if (!one_set) FORWARD_TO(done, hashes_new(images->set, &other));
    FORWARD_TO(done, memory_new((size_t)count, sizeof *tables, &tables));
    for (int p = 0; p < count; p++) FORWARD_TO(done, table_new(parts[p], &own, &tables[p]));
    count_in_tables(images, one_set ? &own : &other, tables, count, found);
done:
    for (int p = 0; tables && p < count; p++) free(tables[p].slots);
    free(tables);
    free(own.values);
    free(other.values);
    return status;
}
