/* Sets that runs look at: each is loaded once and stays until its shelf is cleared; by its record a run knows its own again. */
#pragma once

#include "data/image_set.h"

#include <jansson.h>

/* ---- A shelf of sets ---- */

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

/* ---- The set of a run ---- */

/* What config.json tells of the set that a run was trained on, besides how it was asked for. */
typedef struct DataRecord {
    char *path; /* where it lay, absolute, with how it was read: "/data/photos:size=64"; NULL: generated, or not told */
    char sha256[SHA256_HEX];                     /* "": not told */
    int64_t official_train, official_validation; /* -1: not told */
    int height, width;                           /* of its images; 0: not told */
} DataRecord;

/* Forgets what is known of the set of before: another is asked for. */
void data_record_clear(DataRecord *record);
/* From a config.json; what somebody wrote by hand tells of nothing. `record` was cleared. */
cf_status data_record_read(const json_t *config, DataRecord *record);
/* Whether a set is the one that was recorded, by its checksum and where its training part ends; a record that tells of neither
 * fits all. */
bool data_record_fits(const DataRecord *record, const cf_set *set);
/* The set of a configuration: as it was asked for, with names looked for in `data_dir` first; where that is not there, or holds
 * another set than was recorded, at the place that was recorded, with a notice. Nothing that fits, but a set: that one. */
cf_status run_data_load(const char *data, const DataRecord *record, const char *data_dir, SetShelf *shelf,
                        const cf_set **set);

/* The same images in the same order. */
bool subset_equal(const cf_subset *a, const cf_subset *b);

/* ---- What sets are called ---- */

/* "mnist", "svhn" of "svhn:n=500", "street", "street-shifted" of "street:blur=2:4", "svhn" of "/data/svhn/": a set as a part of a
 * file's name. */
cf_status data_short_name(const char *data, char name[64]);
/* What people call a set: "street:blur=2:4" whole, "svhn:n=500" of "/data/svhn/:n=500", the folder's own name of "." or "..". A
 * new string. */
cf_status data_title(const char *data, char **title);
