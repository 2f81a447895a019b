/* Sets that several runs look at: each is loaded once and stays until the shelf is cleared. */
#pragma once

#include "data/image_set.h"

enum { SHELF_PLACES = 64 };

typedef struct SetShelf {
    struct {
        char *data, *data_dir; /* as asked for; data_dir may be NULL: one name means another set elsewhere */
        cf_set *set;
    } places[SHELF_PLACES];
    int count;
} SetShelf; /* begins zeroed */

/* The set, which stays the shelf's; loaded if it is not there yet (cf_set_load). */
cf_status shelf_take(SetShelf *shelf, const char *data, const char *data_dir, const cf_set **set);
/* Puts a set that was just loaded onto the shelf; releases it where that fails. */
cf_status shelf_put(SetShelf *shelf, const char *data, const char *data_dir, cf_set *set);
/* NULL: it is not there. */
const cf_set *shelf_find(const SetShelf *shelf, const char *data, const char *data_dir);
void shelf_clear(SetShelf *shelf);
