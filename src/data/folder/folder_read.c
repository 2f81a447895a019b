/* From files to a set: one size for all parts, then each picture is decoded into its place, in parallel. What a thread holds of a
 * picture is its decoded form, which for a JPEG is no larger than twice the size that is wanted (data/picture/picture.h). */
#include "base/files.h"
#include "base/memory.h"
#include "base/slices.h"
#include "data/folder/folder.h"
#include "data/image_fit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Reading {
    FolderListing *listing;
    size_t *files; /* [count] which file each image is */
    size_t count;
    cf_set *set;
} Reading;

/* ---- The size ---- */

typedef struct Size {
    int height, width;
    size_t count;
} Size;

static int compare_sizes(const void *a, const void *b) {
    const Size *x = a, *y = b;
    return x->height != y->height ? (x->height > y->height) - (x->height < y->height)
                                  : (x->width > y->width) - (x->width < y->width);
}

/* The commonest size; among equally common ones, that of the earliest file. */
static cf_status commonest(const Reading *r, Size *best) {
    Size *sizes;
    size_t count = 0;
    FORWARD(memory_new(r->count, sizeof *sizes, &sizes));
    for (size_t i = 0; i < r->count; i++) {
        const Picture *shape = &r->listing->files[r->files[i]].shape;
        sizes[i] = (Size){shape->height, shape->width, 1};
    }
    qsort(sizes, r->count, sizeof *sizes, compare_sizes);
    for (size_t i = 0; i < r->count; i++)
        if (count && compare_sizes(&sizes[count - 1], &sizes[i]) == 0)
            sizes[count - 1].count++;
        else
            sizes[count++] = sizes[i];
    size_t most = 0;
    for (size_t s = 0; s < count; s++)
        if (sizes[s].count > most) most = sizes[s].count;
    for (size_t i = 0; i < r->count; i++) {
        const Picture *shape = &r->listing->files[r->files[i]].shape;
        const Size key = {shape->height, shape->width, 0};
        const Size *found = bsearch(&key, sizes, count, sizeof *sizes, compare_sizes);
        if (found->count < most) continue;
        *best = *found;
        break;
    }
    free(sizes);
    return CF_OK;
}

static cf_status choose_shape(Reading *r, const ReadOptions *options) {
    FolderListing *listing = r->listing;
    Size size = {options->height, options->width, 0};
    listing->channels = 1;
    for (size_t i = 0; i < r->count; i++) {
        const Picture *shape = &listing->files[r->files[i]].shape;
        if (shape->channels > listing->channels) listing->channels = shape->channels;
    }
    if (!size.height) {
        FORWARD(commonest(r, &size));
        const int most_height = options->most_height, most_width = options->most_width;
        if (most_height && (size.height > most_height || size.width > most_width))
            size = (Size){most_height, most_width, 0};
    }
    listing->height = size.height;
    listing->width = size.width;
    listing->fit = options->fit;
    return CF_OK;
}

/* A machine that swaps for minutes, or is ended by the system, says nothing of the cure. */
static cf_status check_memory(const Reading *r) {
    const FolderListing *l = r->listing;
    const double bytes = (double)r->count * l->channels * l->height * l->width;
    const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    FAIL_IF(bytes > memory, CF_NO_MEMORY,
            "%s: %zu pictures of %d x %d pixels (width x height) take %.1f GB, and this machine has %.1f GB of memory; "
            "--size 128 reads them at that size",
            l->source, r->count, l->width, l->height, bytes / 1e9, memory / 1e9);
    return CF_OK;
}

static cf_status make_set(Reading *r) {
    FolderListing *l = r->listing;
    FORWARD(check_memory(r));
    cf_status status = set_new(l->source, l->source, r->count, l->channels, l->height, l->width, l->classes, &r->set);
    if (status)
        return status_prefix(status, "pictures of %d x %d pixels (width x height; --size 128 reads them at that size)",
                             l->width, l->height);
    FORWARD(set_name_classes(r->set, (const char *const *)l->names));
    FORWARD(memory_new(r->count, sizeof *r->set->files, &r->set->files));
    return CF_OK;
}

/* ---- The pictures ---- */

static cf_status decode(void *context, int64_t index, int thread) {
    Reading *r = context;
    FolderFile *file = &r->listing->files[r->files[index]];
    Picture picture;
    int chw[3], wanted[2];
    (void)thread;
    cf_set_shape(r->set, chw);
    fit_size(r->listing->fit, (const int[2]){file->shape.height, file->shape.width}, chw + 1, wanted);
    cf_status status = picture_read(file->path, &(PictureOptions){.height = wanted[0], .width = wanted[1]}, &picture);
    if (status == CF_NO_MEMORY) return status;
    if (status) return folder_file_break(file, cf_error());
    file->shape.turned = picture.turned;
    status = fit_bytes(r->listing->fit, picture.pixels, (const int[3]){picture.channels, picture.height, picture.width},
                       chw, r->set->pixels + (size_t)index * set_image_size(r->set));
    free(picture.pixels);
    return status;
}

/* Which files are images, in order. */
static void take_readable(Reading *r) {
    r->count = 0;
    for (size_t i = 0; i < r->listing->count; i++)
        if (r->listing->files[i].fate == FILE_READ) r->files[r->count++] = i;
}

static cf_status fail_broken(const FolderListing *listing, size_t broken) {
    enum { SHOWN = 8 };
    char list[1600] = "";
    size_t used = 0, shown = 0;
    for (size_t i = 0; i < listing->count && shown < SHOWN && used < sizeof list; i++) {
        const FolderFile *file = &listing->files[i];
        if (file->fate != FILE_BROKEN) continue;
        used += (size_t)snprintf(list + used, sizeof list - used, "\n  %s %.200s", file->path, file->why);
        shown++;
    }
    if (broken > shown && used < sizeof list)
        snprintf(list + used, sizeof list - used,
                 "\n  and %zu more (cifra data info %.200s --files FILE.csv tells all)", broken - shown,
                 listing->source);
    return FAIL(CF_BAD_INPUT, "%zu %s of %.200s cannot be read; mend or remove %s, or leave %s out by --skip-broken:%s",
                broken, broken > 1 ? "pictures" : "picture", listing->source, broken > 1 ? "them" : "it",
                broken > 1 ? "them" : "it", list);
}

/* Labels, names and parts of the images that were read; the others go. */
static cf_status settle(Reading *r) {
    cf_set *set = r->set;
    unsigned char *stays;
    size_t parts[FOLDER_PARTS] = {0};
    cf_status status = CF_OK;
    FORWARD(memory_new(r->count, 1, &stays));
    for (size_t i = 0; i < r->count && !status; i++) {
        const FolderFile *file = &r->listing->files[r->files[i]];
        if (file->fate != FILE_READ) continue;
        stays[i] = true;
        parts[file->part]++;
        set->labels[i] = (uint16_t)file->label;
        status = memory_copy_string(folder_file_name(r->listing, file), &set->files[i]);
    }
    if (!status) set_keep(set, stays);
    set->official_train = parts[FOLDER_TRAIN];
    set->official_validation = parts[FOLDER_VALIDATION];
    free(stays);
    return status;
}

static size_t count_broken(const FolderListing *listing) {
    size_t broken = 0;
    for (size_t i = 0; i < listing->count; i++) broken += listing->files[i].fate == FILE_BROKEN;
    return broken;
}

static cf_status read_all(Reading *r, const ReadOptions *options) {
    FolderListing *listing = r->listing;
    FORWARD(memory_new(listing->count, sizeof *r->files, &r->files));
    take_readable(r);
    if (!r->count) return fail_broken(listing, count_broken(listing));
    FORWARD(choose_shape(r, options));
    FORWARD(make_set(r));
    FORWARD(slices_run(slices_threads(0), (int64_t)r->count, decode, r));
    const size_t broken = count_broken(listing);
    if (broken && !options->skip_broken) return fail_broken(listing, broken);
    FORWARD(settle(r));
    FAIL_IF(!r->set->count, CF_BAD_INPUT, "%s: none of its %zu pictures can be read", listing->source, broken);
    return CF_OK;
}

cf_status folder_read(FolderListing *listing, const ReadOptions *options, cf_set **set) {
    Reading r = {.listing = listing};
    cf_status status = read_all(&r, options);
    free(r.files);
    if (status)
        cf_set_free(r.set);
    else
        *set = r.set;
    return status;
}
