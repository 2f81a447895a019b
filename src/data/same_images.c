#include "data/same_images.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Different images of a part, in a table with open addresses. Equal hashes are compared by pixels, so no chance decides. */
typedef struct ImageTable {
    const cf_subset *part;
    struct {
        uint64_t hash;
        uint32_t place; /* in the part, from 1; 0: empty */
    } * slots;
    size_t mask;
} ImageTable;

static const unsigned char *pixels_of(const cf_subset *subset, size_t place) {
    return subset->set->pixels + subset->images[place] * set_image_size(subset->set);
}

/* Eight bytes at a time, multiplied into one another. */
static uint64_t hash_bytes(const unsigned char *bytes, size_t size) {
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t hash = size * odd, word;
    size_t i = 0;
    for (; i + sizeof word <= size; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 29;
    }
    for (; i < size; i++) hash = (hash ^ bytes[i]) * odd;
    return hash ^ hash >> 32;
}

/* The slot of an image, or the empty one where it belongs. */
static size_t find_slot(const ImageTable *table, const unsigned char *pixels, uint64_t hash) {
    const size_t size = set_image_size(table->part->set);
    size_t slot = hash & table->mask;
    while (table->slots[slot].place &&
           (table->slots[slot].hash != hash ||
            memcmp(pixels_of(table->part, table->slots[slot].place - 1), pixels, size) != 0))
        slot = (slot + 1) & table->mask;
    return slot;
}

static cf_status table_new(const cf_subset *part, ImageTable *table) {
    const size_t size = set_image_size(part->set);
    size_t room = 16;
    while (room < 2 * part->count) room *= 2;
    *table = (ImageTable){.part = part, .mask = room - 1};
    FORWARD(memory_new(room, sizeof *table->slots, &table->slots));
    for (size_t i = 0; i < part->count; i++) {
        const unsigned char *pixels = pixels_of(part, i);
        const uint64_t hash = hash_bytes(pixels, size);
        const size_t slot = find_slot(table, pixels, hash);
        table->slots[slot].hash = hash;
        table->slots[slot].place = (uint32_t)i + 1;
    }
    return CF_OK;
}

static void count_in_tables(const cf_subset *images, const ImageTable *tables, int count, size_t *found) {
    const size_t size = set_image_size(images->set);
    for (size_t i = 0; i < images->count; i++) {
        const unsigned char *pixels = pixels_of(images, i);
        const uint64_t hash = hash_bytes(pixels, size);
        for (int p = 0; p < count; p++) {
            if (!tables[p].slots[find_slot(&tables[p], pixels, hash)].place) continue;
            found[p]++;
            break;
        }
    }
}

cf_status same_images_count(const cf_subset *images, const cf_subset *const *parts, int count, size_t *found) {
    ImageTable *tables;
    cf_status status = CF_OK;
    FORWARD(memory_new((size_t)count, sizeof *tables, &tables));
    for (int p = 0; p < count; p++) found[p] = 0;
    for (int p = 0; p < count && !status; p++) status = table_new(parts[p], &tables[p]);
    if (!status) count_in_tables(images, tables, count, found);
    for (int p = 0; p < count; p++) free(tables[p].slots);
    free(tables);
    return status;
}
