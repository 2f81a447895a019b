#include "study/run/set_shelf.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

const cf_set *shelf_find(const SetShelf *shelf, const char *data) {
    for (int i = 0; i < shelf->count; i++)
        if (strcmp(shelf->places[i].data, data) == 0) return shelf->places[i].set;
    return NULL;
}

cf_status shelf_take(SetShelf *shelf, const char *data, const char *data_dir, const cf_set **set) {
    const cf_set *found = shelf_find(shelf, data);
    cf_set *loaded;
    char *name;
    if (!found) {
        FAIL_IF(shelf->count == SHELF_PLACES, CF_INTERNAL, "more than %d sets are in use at once", SHELF_PLACES);
        FORWARD(memory_copy_string(data, &name));
        cf_status status = cf_set_load(data, data_dir, &loaded);
        if (status) free(name);
        FORWARD(status);
        shelf->places[shelf->count].data = name;
        shelf->places[shelf->count++].set = loaded;
        found = loaded;
    }
    *set = found;
    return CF_OK;
}

void shelf_clear(SetShelf *shelf) {
    for (int i = 0; i < shelf->count; i++) {
        free(shelf->places[i].data);
        cf_set_free(shelf->places[i].set);
    }
    *shelf = (SetShelf){0};
}
