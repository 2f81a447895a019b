/* Pictures in folders, as people have them:
 *
 *   SET/cat/a.png  SET/cat/more/b.jpg  SET/dog/c.webp             one folder per class, others may lie in it
 *   SET/train/CLASS/..  SET/val/CLASS/..  SET/test/CLASS/..       the same in parts; also training; valid, validation; testing; in
 *                                                                 capitals or not
 *   SET/photos/..                                                 one folder that holds one of the above and nothing else
 *
 * folder_layout.c finds the parts, folder_list.c what lies in them, folder_read.c reads it, folder_record.c says what was done.
 */
#pragma once

#include "data/image_set.h"
#include "data/picture/picture.h"
#include "data/set_text.h"

extern const char *const folder_part_words[SET_PARTS]; /* "train", "validation", "test" */

/* ---- folder_layout.c ---- */

/* The folders of a set's parts, NULL where there is none; *beside: a folder with pictures beside the parts, which belongs to none of
 * them, or NULL. The caller releases them, on any path. Fails where two folders would be one part (val/ and valid/). Without a part, the
 * folder is no set of pictures. */
cf_status folder_layout_find(const char *path, char *parts[SET_PARTS], char **beside);

/* ---- folder_list.c ---- */

typedef enum FileFate {
    FILE_READ,   /* an image of the set */
    FILE_HIDDEN, /* its name begins with '.' */
    FILE_OTHER,  /* no picture by its bytes nor by its name */
    FILE_LOOSE,  /* a picture that lies in no class */
    FILE_BROKEN  /* a picture that cannot be read, for the reason in `why` */
} FileFate;
extern const char *const file_fate_words[]; /* "read", "hidden", "other", "loose", "broken" */

typedef struct FolderFile {
    char *path; /* with the set's folder before it */
    int part;   /* CF_TRAIN ..; -1: beside the parts */
    int label;  /* of its class; -1: of none */
    FileFate fate;
    Picture shape; /* FILE_READ: as it is in the file, without pixels */
    char *why;     /* FILE_BROKEN: "is a damaged PNG: .."; else NULL */
} FolderFile;

/* All files of a set: part after part, class after class, by name. Classes are those of any part, in the order of their names, as
 * numbers if all of them are numbers. */
typedef struct FolderListing {
    char *source;
    FolderFile *files;
    size_t count;
    char **names; /* [classes] */
    int classes;
    int channels, height, width; /* once the set is read: the size it has */
    Fit fit;
} FolderListing;

/* Looks at every file, at pictures no further than their size. */
cf_status folder_list(const char *source, char *const parts[SET_PARTS], FolderListing *listing);
void folder_listing_free(FolderListing *listing);
/* Makes a file a broken one, for a reason that may begin with its path. */
cf_status folder_file_break(FolderFile *file, const char *why);
/* The file's path within the set's folder. */
const char *folder_file_name(const FolderListing *listing, const FolderFile *file);

/* ---- folder_read.c ---- */

/* The pictures of a listing as a set, not sealed. Without a size in the options they take the commonest one of all parts; grey ones
 * become RGB where any has colour. Broken pictures are an error that names them all, or left out; either way `listing` tells of
 * each file afterwards, also on failure. */
cf_status folder_read(FolderListing *listing, const ReadOptions *options, cf_set **set);

/* ---- folder_record.c ---- */

/* Images of each class in each part, [classes], and in all; release with free(). */
typedef size_t PartCounts[SET_PARTS];
cf_status folder_count(const FolderListing *listing, PartCounts **counts, PartCounts totals);

/* Notices of what was not read, and of sizes that were changed. */
cf_status folder_record_notice(const FolderListing *listing, const ReadOptions *options);
/* One line per file: file, part, class, what became of it, width, height, format, why. */
cf_status folder_record_csv(const char *path, const FolderListing *listing);
