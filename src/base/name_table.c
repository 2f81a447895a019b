#include "base/name_table.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct NameSlot {
    const char *name; /* NULL: empty */
    int place;
};

cf_status name_table_new(size_t most, NameTable *table) {
    size_t room = 16;
    while (room < 2 * most) room *= 2;
    table->mask = room - 1;
    return memory_new(room, sizeof *table->slots, &table->slots);
}

void name_table_free(NameTable *table) {
    free(table->slots);
    *table = (NameTable){0};
}

/* The slot of a name, or the empty one where it belongs (FNV-1a, its high bits folded in). */
static struct NameSlot *find_slot(const NameTable *table, const char *name, size_t length) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
    for (size_t slot = hash ^ hash >> 32;; slot++) {
        struct NameSlot *found = &table->slots[slot & table->mask];
        if (!found->name || (strncmp(found->name, name, length) == 0 && !found->name[length])) return found;
    }
}

int name_table_find(const NameTable *table, const char *name, size_t length) {
    const struct NameSlot *slot = find_slot(table, name, length);
    return slot->name ? slot->place : -1;
}

void name_table_put(NameTable *table, const char *name, int place) {
    *find_slot(table, name, strlen(name)) = (struct NameSlot){name, place};
}
