/* A set of labelled images in memory, and parts of it.
 *
 * Pixels are unsigned bytes, image after image, each in H x W x C order (channels innermost): what a slice is
 * prepared from. The official training images come first, then those of an official validation part, then the official test
 * images.
 */
#pragma once

#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"

enum { SET_PARTS = 3 };                             /* CF_TRAIN (or the only one), CF_VALIDATION, CF_TEST */
extern const char *const set_part_names[SET_PARTS]; /* "training", "validation", "test" */

struct cf_set {
    char *name;                                 /* as asked for: "mnist", or the path */
    char *source;                               /* the folder or file it came from */
    size_t count;                               /* images in all */
    size_t official_train, official_validation; /* the first so many train, the next so many validate, the rest test */
    int channels, height, width;
    int classes;
    char **class_names;    /* [classes] */
    unsigned char *pixels; /* [count][height][width][channels] */
    uint16_t *labels;      /* [count], each below classes */
    char **files; /* [count] path of each image's file relative to the source; NULL: they have no files of their own */
    char sha256[SHA256_HEX]; /* over shape, labels and pixels as they stand here: the same whatever file they came in */
    /* set_share: the memory that the pixels lie in, and its file, -1: another process's; NULL: they are this process's own. */
    void *shared;
    size_t shared_bytes;
    int shared_file;
};

AUTO_HANDLE(cf_set, cf_set_free)

/* An empty set of one part: zeroed pixels and labels to be filled in. class_names stay NULL for the caller to
 * fill. */
cf_status set_new(const char *name, const char *source, size_t count, int channels, int height, int width, int classes,
                  cf_set **set);
/* The same around pixels that are there already (from malloc, or anything that free() takes); on success they
 * are the set's, on failure still the caller's. */
cf_status set_new_around(const char *name, const char *source, size_t count, int channels, int height, int width,
                         int classes, unsigned char *pixels, cf_set **set);
/* Digits "0" .. as names for all classes. */
cf_status set_name_classes_by_number(cf_set *set);
/* Bytes of one image. */
size_t set_image_size(const cf_set *set);
/* Other names, one per class; copied. */
cf_status set_name_classes(cf_set *set, const char *const *names);
/* So many classes with these names in the place of its own. */
cf_status set_change_classes(cf_set *set, const char *const *names, int classes);
/* Bytes of a label where it is stored: more than 256 classes need two. */
static inline size_t set_label_size(const cf_set *set) {
    return set->classes > 256 ? 2 : 1;
}
/* The first image that is none of the training and the validation part: where the official test images begin. */
size_t set_test_begin(const cf_set *set);
/* The images of `test` behind those of `train`; ends both, also on failure. Shapes must be equal, and so must
 * class names as far as both go (one part may lack the last classes). Takes the memory of the result and of
 * `test`, not more. */
cf_status set_join(cf_set *train, cf_set *test, cf_set **joined);
/* Leaves the images with stays[i] in the set, in their order; what the parts are is the caller's to say. */
void set_keep(cf_set *set, const unsigned char *stays);
/* Computes sha256; call it when the set is complete. A label is one byte of what is hashed, two (little-endian) with more than 256
 * classes. */
cf_status set_seal(cf_set *set);
/* Brings the order of axes inside `count` images to H x W x C (channels innermost), in place. `stride_hwc` are the distances in bytes,
 * before, between neighbours along height, width and channels within one image. Needs one image of scratch per thread. */
cf_status images_reorder(unsigned char *pixels, size_t count, const int chw[3], const size_t stride_hwc[3]);

/* ---- set_shared.c ---- */

/* Moves the pixels of a sealed set to where other processes of this machine can have them, too; *file names that for them, as long as the
 * set lives. On failure the set is as it was. */
cf_status set_share(cf_set *set, int *file);
/* What `process` shares as `file`: a set of its own whose pixels are not to be changed, without names of files. NULL: there is none with
 * this checksum (on another machine, or not for this user). */
cf_status set_take_shared(long process, int file, const char *sha256, cf_set **set);
void set_free_shared(cf_set *set); /* the part of cf_set_free */

/* Label of a class name, or -1. */
int set_find_class(const cf_set *set, const char *name);

/* The set's images class by class, each class's in their order: those of label k are images[first[k]] .. images[first[k + 1] - 1].
 * The caller frees both. */
cf_status set_by_class(const cf_set *set, uint32_t **images, size_t **first);

/* Images of a set in an order, and the set's classes that take part, in ascending order of label. */
struct cf_subset {
    const cf_set *set;
    uint32_t *images; /* [count] indices into the set */
    size_t count;
    int classes;       /* classes that take part */
    int *class_labels; /* [classes] their labels in the set */
};

/* At most so many of the images, taken evenly; release some->images with free(). */
cf_status subset_thin(const cf_subset *part, size_t most, cf_subset *some);

/* same_images.c: how many of `images` have the very pixels of an image in parts[p]: found[p], each counted for the first part that has it.
 * All parts are of one set, and sets have one shape. Takes time as the number of images does, and eight bytes for each. */
cf_status same_images_count(const cf_subset *images, const cf_subset *const *parts, int count, size_t *found);
