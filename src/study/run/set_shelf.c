#include "study/run/set_shelf.h"

#include "base/memory.h"
#include "data/generate/generated_set.h"

#include <stdlib.h>
#include <string.h>

/* Generated sets are the same wherever one looks. Two NULLs are the same. */
static bool same_place(const char *data, const char *a, const char *b) {
    return generator_named(data) || (a && b ? strcmp(a, b) == 0 : a == b);
}

const cf_set *shelf_find(const SetShelf *shelf, const char *data, const char *data_dir) {
    for (int i = 0; i < shelf->count; i++)
        if (strcmp(shelf->places[i].data, data) == 0 && same_place(data, shelf->places[i].data_dir, data_dir))
            return shelf->places[i].set;
    return NULL;
}

cf_status shelf_put(SetShelf *shelf, const char *data, const char *data_dir, cf_set *set) {
    char *name, *dir = NULL;
    cf_status status = shelf->count == SHELF_PLACES ? FAIL(CF_INTERNAL, "more than %d sets are in use at once", SHELF_PLACES)
                                                    : memory_copy_string(data, &name);
    if (!status && data_dir) {
        status = memory_copy_string(data_dir, &dir);
        if (status) free(name);
    }
    if (status) {
        cf_set_free(set);
        return status;
    }
    shelf->places[shelf->count].data = name;
    shelf->places[shelf->count].data_dir = dir;
    shelf->places[shelf->count++].set = set;
    return CF_OK;
}

cf_status shelf_take(SetShelf *shelf, const char *data, const char *data_dir, const cf_set **set) {
    const cf_set *found = shelf_find(shelf, data, data_dir);
    cf_set *loaded;
    if (!found) {
        FORWARD(cf_set_load(data, data_dir, &loaded));
        FORWARD(shelf_put(shelf, data, data_dir, loaded));
        found = loaded;
    }
    *set = found;
    return CF_OK;
}

void shelf_clear(SetShelf *shelf) {
    for (int i = 0; i < shelf->count; i++) {
        free(shelf->places[i].data);
        free(shelf->places[i].data_dir);
        cf_set_free(shelf->places[i].set);
    }
    *shelf = (SetShelf){0};
}
