/* The files that image sets come from and go to: IDX, MATLAB, and the list of the classes' names beside them.
 *
 * A reader returns a set of one part, not sealed. A writer has images first .. first+count-1 of a set, in files that other tools read;
 * values[k] is the number that stands for class k (class_list_values). Files are written aside and renamed. The same images give the
 * same bytes, where zlib is the same: no time and no machine's name goes in.
 */
#pragma once

#include "data/image_set.h"

/* ---- set_form.c: what tools call the files of each part ---- */

/* "train" of train-images-idx3-ubyte: those that are looked for, ending with NULL; the first is what is written. */
extern const char *const set_idx_stems[SET_PARTS][3];
extern const char *const set_mat_names[SET_PARTS]; /* "train_32x32.mat" */

/* ---- idx.c: IDX files, plain or gzip, of images (3 or 4 dimensions) and labels (1 dimension) ---- */

cf_status idx_read(const char *images_path, const char *labels_path, cf_set **set);
/* Unsigned bytes, 3 dimensions N,H,W for grey and 4 N,H,W,C for colour; labels with 1, of 16 bits with more than 256 classes, in a file
 * that is called -ubyte all the same: that is what tools look for, and its third byte tells. A path that ends with .gz is packed. */
cf_status idx_write(const cf_set *set, const uint16_t *values, size_t first, size_t count, const char *images_path,
                    const char *labels_path);

/* ---- mat.c, mat_write.c: MATLAB v5 with SVHN's X (uint8, H x W x C x N) and y (N x 1; 10 is digit 0) ---- */

cf_status mat_read(const char *path, cf_set **set);
/* y is uint8; each is compressed. At most 10 classes and, as MATLAB's v5 has it, less than 2 GB of pixels. */
cf_status mat_write(const cf_set *set, const uint16_t *values, size_t first, size_t count, const char *path);

/* ---- class_list.c: classes.txt, beside files whose labels are numbers ----
 *
 * What the classes are called. One class a line, either
 *
 *   NAME                 of the label that is the line's number, from 0 on
 *   LABEL <tab> NAME     of this label
 *
 * Empty lines at the end are fine; a name as text_is_name wants it. The set's classes are those of the list, in its order.
 */

#define CLASS_LIST_NAME "classes.txt"

/* Gives the set, whose labels are those in its files, the classes of a list. A label that the list lacks is an error. */
cf_status class_list_apply(const char *path, cf_set *set);
/* The number that stands in a file for each class, [classes]: a class called 3 is 3, where all are called by a digit; else they are counted
 * from 0. Returns whether a reader of such files needs a list to know the classes again. */
bool class_list_values(const cf_set *set, uint16_t *values);
cf_status class_list_write(const char *path, const cf_set *set, const uint16_t *values);
