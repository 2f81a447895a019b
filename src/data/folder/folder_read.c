/* From files to a set: one size for all parts, then each picture is decoded into its place, in parallel. What a thread holds of a
 * picture is its decoded form, which for a JPEG is no larger than twice the size that is wanted (data/picture/picture.h). */
#include "base/slices.h"
#include "base/text.h"
#include "data/folder/folder.h"

#include <stdlib.h>
#include <unistd.h>

typedef struct Reading {
    FolderListing *listing;
    FolderFile **files; /* [count] which file each image is */
    size_t count;
    cf_set *set;
} Reading;

static void reading_end(Reading *r) {
    free(r->files);
    cf_set_free(r->set);
}

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
static cf_status find_commonest(const Reading *r, Size *best) {
    AUTO_FREE Size *sizes = NULL;
    size_t count = 0;
    FORWARD(memory_new(r->count, sizeof *sizes, &sizes));
    for (size_t i = 0; i < r->count; i++) sizes[i] = (Size){r->files[i]->shape.height, r->files[i]->shape.width, 1};
    qsort(sizes, r->count, sizeof *sizes, compare_sizes);
    for (size_t i = 0; i < r->count; i++)
        if (count && compare_sizes(&sizes[count - 1], &sizes[i]) == 0)
            sizes[count - 1].count++;
        else
            sizes[count++] = sizes[i];
    *best = (Size){0};
    for (size_t i = 0; i < r->count; i++) {
        const Size key = {r->files[i]->shape.height, r->files[i]->shape.width, 0};
        const Size *found = bsearch(&key, sizes, count, sizeof *sizes, compare_sizes);
        if (found->count > best->count) *best = *found;
    }
    return CF_OK;
}

static cf_status choose_shape(Reading *r, const ReadOptions *options) {
    FolderListing *listing = r->listing;
    Size size = {options->height, options->width, 0};
    listing->channels = 1;
    for (size_t i = 0; i < r->count; i++)
        if (r->files[i]->shape.channels > listing->channels) listing->channels = r->files[i]->shape.channels;
    if (!size.height) {
        FORWARD(find_commonest(r, &size));
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

static cf_status make_empty_set(Reading *r) {
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

static cf_status decode_picture(void *context, int64_t index, int thread) {
    Reading *r = context;
    FolderFile *file = r->files[index];
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
        if (r->listing->files[i].fate == FILE_READ) r->files[r->count++] = &r->listing->files[i];
}

static cf_status fail_broken(const FolderListing *listing, size_t broken) {
    enum { SHOWN = 8 };
    char list[1600] = "";
    size_t shown = 0;
    for (size_t i = 0; i < listing->count && shown < SHOWN; i++) {
        const FolderFile *file = &listing->files[i];
        if (file->fate != FILE_BROKEN) continue;
        text_append(list, sizeof list, "\n  %s %.200s", file->path, file->why);
        shown++;
    }
    if (broken > shown)
        text_append(list, sizeof list, "\n  and %zu more (cifra data info %.200s --files FILE.csv tells all)",
                    broken - shown, listing->source);
    return FAIL(CF_BAD_INPUT, "%zu %s of %.200s cannot be read; mend or remove %s, or leave %s out by --skip-broken:%s",
                broken, broken > 1 ? "pictures" : "picture", listing->source, broken > 1 ? "them" : "it",
                broken > 1 ? "them" : "it", list);
}

/* Labels, names and parts of the images that were read; the others go. */
static cf_status label_images(Reading *r) {
    cf_set *set = r->set;
    AUTO_FREE unsigned char *stays = NULL;
    size_t parts[SET_PARTS] = {0};
    FORWARD(memory_new(r->count, 1, &stays));
    for (size_t i = 0; i < r->count; i++) {
        const FolderFile *file = r->files[i];
        if (file->fate != FILE_READ) continue;
        stays[i] = true;
        parts[file->part]++;
        set->labels[i] = (uint16_t)file->label;
        FORWARD(memory_copy_string(folder_file_name(r->listing, file), &set->files[i]));
    }
    set_keep(set, stays);
    set->official_train = parts[CF_TRAIN];
    set->official_validation = parts[CF_VALIDATION];
    return CF_OK;
}

static size_t count_broken(const FolderListing *listing) {
    size_t broken = 0;
    for (size_t i = 0; i < listing->count; i++) broken += listing->files[i].fate == FILE_BROKEN;
    return broken;
}

cf_status folder_read(FolderListing *listing, const ReadOptions *options, cf_set **set) {
    AUTO(reading_end) Reading r = {.listing = listing};
    FORWARD(memory_new(listing->count, sizeof *r.files, &r.files));
    take_readable(&r);
    if (!r.count) return fail_broken(listing, count_broken(listing));
    FORWARD(choose_shape(&r, options));
    FORWARD(make_empty_set(&r));
    FORWARD(slices_run(slices_threads(0), (int64_t)r.count, decode_picture, &r));
    const size_t broken = count_broken(listing);
    if (broken && !options->skip_broken) return fail_broken(listing, broken);
    FORWARD(label_images(&r));
    FAIL_IF(!r.set->count, CF_BAD_INPUT, "%s: none of its %zu pictures can be read", listing->source, broken);
    *set = memory_take(&r.set);
    return CF_OK;
}
