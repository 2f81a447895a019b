#include "base/placement.h"

#include "base/memory.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b) {
    const Placed *x = *(Placed *const *)a, *y = *(Placed *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->first != y->first ? (x->first > y->first) - (x->first < y->first)
                                : (x->last > y->last) - (x->last < y->last);
}

static int by_offset(const void *a, const void *b) {
    const Placed *x = *(Placed *const *)a, *y = *(Placed *const *)b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The lowest place for `item` beside those of `order` that are in use with it; `near` has room for as many. */
static size_t lowest_place(const Placed *item, Placed *const *order, size_t count, Placed **near) {
    size_t meets = 0, offset = 0;
    for (size_t k = 0; k < count; k++)
        if (order[k]->first <= item->last && item->first <= order[k]->last) near[meets++] = order[k];
    qsort(near, meets, sizeof(Placed *), by_offset);
    for (size_t k = 0; k < meets && near[k]->offset < offset + item->bytes; k++)
        if (near[k]->offset + near[k]->bytes > offset) offset = near[k]->offset + near[k]->bytes;
    return offset;
}

cf_status placement_find(Placed *items, size_t count, size_t *total) {
    AUTO_FREE Placed **order = NULL;
    size_t end = 0;
    FORWARD(memory_new(2 * count, sizeof *order, &order));
    for (size_t i = 0; i < count; i++) order[i] = &items[i];
    qsort(order, count, sizeof *order, by_size);
    for (size_t i = 0; i < count; i++) {
        order[i]->offset = lowest_place(order[i], order, i, order + count);
        if (order[i]->offset + order[i]->bytes > end) end = order[i]->offset + order[i]->bytes;
    }
    *total = end;
    return CF_OK;
}
