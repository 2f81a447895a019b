/* Where sets are, and in which form. */
#pragma once

#include "data/folder/folder.h"
#include "data/image_set.h"
#include "data/set_text.h"

/* ---- set_form.c: what a path holds ---- */

typedef enum SetKind { SET_NONE, SET_IDX, SET_MAT, SET_FOLDERS } SetKind;

/* The files of a set, by part: training (or the only one), validation, test; NULL where it has no such part. */
typedef struct SetForm {
    SetKind kind;
    char *path;              /* what was looked at */
    char *images[SET_PARTS]; /* IDX images, .mat, or folder of class folders */
    char *labels[SET_PARTS]; /* IDX only */
    char *class_list;        /* IDX and .mat: classes.txt beside them, or NULL */
    char *beside;            /* a folder of pictures that belongs to no part, or NULL */
    char *missing;           /* SET_NONE, or IDX with only one part: what was expected; else NULL */
} SetForm;

/* Looks what can be loaded from a folder or file; SET_NONE with `missing` filled in if nothing can. Reads no
 * pixels. */
cf_status set_form_find(const char *path, SetForm *form);
void set_form_free(SetForm *form);
/* Reads all parts and joins them; not sealed. `record`, unless NULL, takes what was done with each file of a set of pictures, also
 * on failure; release it with folder_listing_free, and begin it zeroed. */
cf_status set_form_read(const SetForm *form, const ReadOptions *options, FolderListing *record, cf_set **set);

/* ---- set_load.c: names ---- */

/* cf_set_load, with the record of set_form_read. */
cf_status set_load_recorded(const char *name_or_path, const char *data_dir, FolderListing *record, cf_set **set);
/* Whether a set's text names folders of pictures, whose size is chosen when they are read. Where it cannot be told: no. */
bool set_is_of_pictures(const char *name_or_path, const char *data_dir);

/* The folders where names are looked for, in order: `data_dir` if it is not NULL, $CIFRA_DATA if set, $XDG_CACHE_HOME/cifra
 * (~/.cache/cifra). */
typedef struct DataFolders {
    char *paths[3];
    int count;
} DataFolders;
cf_status data_folders(const char *data_dir, DataFolders *folders);
void data_folders_free(DataFolders *folders);

typedef struct SetEntry {
    char *name;
    char *path; /* where it is; where it would be if it is not there; NULL: built in */
    bool found;
    char *kind;    /* one line: "IDX, train and test" */
    char *missing; /* what would have to be there; NULL when found */
} SetEntry;

typedef struct SetList {
    SetEntry *entries; /* the generated sets first, then the known ones, then other folders by name */
    size_t count;
} SetList;

/* For `cifra data list`: the generated sets, every known set, found or not, and every other folder of the data
 * folders that can be loaded. */
cf_status set_list(const char *data_dir, SetList *list);
void set_list_free(SetList *list);

/* ---- set_sample.c: "mnist:n=5000" has 5000 of the training images, and test images in proportion; "mnist:n=5000,test=100" and
 * "mnist:test=100" say how many. (Generated sets know these items themselves.) Of each official part the classes keep their shares, and the
 * images are the same ones each time. ---- */

/* Leaves the sample's images in the set, which must be sealed (again) after it; all of them where none is asked for. The
 * validation part follows the training part. */
cf_status set_take_sample(cf_set *set, const SetSample *sample);
