#include "data/image_set.h"

#include "base/slices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const set_part_names[SET_PARTS] = {"training", "validation", "test"};

static cf_status check_shape(const char *name, size_t count, int channels, int height, int width, int classes) {
    size_t size;
    FAIL_IF(count == 0 || channels < 1 || height < 1 || width < 1, CF_BAD_INPUT,
            "%s: %zu images of %d x %d x %d (channels, height, width); every number must be at least 1", name, count,
            channels, height, width);
    FAIL_IF(count > UINT32_MAX, CF_BAD_INPUT, "%s: %zu images; at most %u can be handled", name, count, UINT32_MAX);
    FAIL_IF(classes < 1 || classes > MAX_CLASSES, CF_BAD_INPUT, "%s: %d classes; 1 to %d can be handled", name, classes,
            MAX_CLASSES);
    FAIL_IF(!size_multiply((size_t)channels * (size_t)height, (size_t)width, &size) ||
                !size_multiply(size, count, &size) || size > MOST_SET_BYTES,
            CF_BAD_INPUT,
            "%s: %zu images of %d x %d x %d (channels, height, width) are more than the %zu GiB that a set may have",
            name, count, channels, height, width, MOST_SET_BYTES >> 30);
    return CF_OK;
}

cf_status set_new_around(const char *name, const char *source, size_t count, int channels, int height, int width,
                         int classes, unsigned char *pixels, cf_set **set) {
    AUTO(cf_set_free_at) cf_set *made = NULL;
    FORWARD(check_shape(name, count, channels, height, width, classes));
    FORWARD(memory_new(1, sizeof *made, &made));
    made->count = made->official_train = count;
    made->channels = channels;
    made->height = height;
    made->width = width;
    made->classes = classes;
    FORWARD(memory_copy_string(name, &made->name));
    FORWARD(memory_copy_string(source, &made->source));
    FORWARD(memory_new(count, sizeof *made->labels, &made->labels));
    FORWARD(memory_new((size_t)classes, sizeof *made->class_names, &made->class_names));
    made->pixels = pixels;
    *set = memory_take(&made);
    return CF_OK;
}

cf_status set_new(const char *name, const char *source, size_t count, int channels, int height, int width, int classes,
                  cf_set **set) {
    AUTO_FREE unsigned char *pixels = NULL;
    FORWARD(check_shape(name, count, channels, height, width, classes));
    FORWARD(memory_new(count, (size_t)channels * (size_t)height * (size_t)width, &pixels));
    FORWARD(set_new_around(name, source, count, channels, height, width, classes, pixels, set));
    memory_take(&pixels); /* the set's */
    return CF_OK;
}

cf_status set_name_classes_by_number(cf_set *set) {
    for (int k = 0; k < set->classes; k++) {
        free(set->class_names[k]);
        set->class_names[k] = NULL;
        FORWARD(memory_print(&set->class_names[k], "%d", k));
    }
    return CF_OK;
}

static void free_texts(char **texts, size_t count) {
    for (size_t i = 0; texts && i < count; i++) free(texts[i]);
    free(texts);
}

cf_status set_change_classes(cf_set *set, const char *const *names, int classes) {
    char **copies;
    cf_status status = CF_OK;
    FORWARD(memory_new((size_t)classes, sizeof *copies, &copies));
    for (int k = 0; k < classes && !status; k++) status = memory_copy_string(names[k], &copies[k]);
    if (status) {
        free_texts(copies, (size_t)classes);
        return status;
    }
    free_texts(set->class_names, (size_t)set->classes);
    set->class_names = copies;
    set->classes = classes;
    return CF_OK;
}

cf_status set_name_classes(cf_set *set, const char *const *names) {
    return set_change_classes(set, names, set->classes);
}

size_t set_image_size(const cf_set *set) {
    return (size_t)set->channels * (size_t)set->height * (size_t)set->width;
}

size_t set_test_begin(const cf_set *set) {
    return set->official_train + set->official_validation;
}

static cf_status check_joinable(const cf_set *train, const cf_set *test) {
    FAIL_IF(
        train->channels != test->channels || train->height != test->height || train->width != test->width, CF_BAD_INPUT,
        "%s has images of %d x %d x %d (channels, height, width), %s of %d x %d x %d; both parts of a set must have one shape",
        train->source, train->channels, train->height, train->width, test->source, test->channels, test->height,
        test->width);
    int both = train->classes < test->classes ? train->classes : test->classes;
    for (int k = 0; k < both; k++)
        FAIL_IF(strcmp(train->class_names[k], test->class_names[k]) != 0, CF_BAD_INPUT,
                "class %d is \"%s\" in %s and \"%s\" in %s; both parts of a set must have the same classes", k,
                train->class_names[k], train->source, test->class_names[k], test->source);
    FAIL_IF(train->count > UINT32_MAX - test->count, CF_BAD_INPUT, "%s and %s have more than %u images together",
            train->source, test->source, UINT32_MAX);
    return CF_OK;
}

/* Large blocks grow in place or are moved by the page table, so no second copy of `train` exists at any time. */
static cf_status append_bytes(void *array, size_t size, const void *more, size_t more_size) {
    unsigned char *bytes;
    memcpy(&bytes, array, sizeof bytes);
    bytes = realloc(bytes, size + more_size);
    FAIL_IF(!bytes, CF_NO_MEMORY, "out of memory: %.1f MB were asked for", (double)(size + more_size) / 1e6);
    memcpy(bytes + size, more, more_size);
    memcpy(array, &bytes, sizeof bytes);
    return CF_OK;
}

cf_status set_join(cf_set *train, cf_set *test, cf_set **joined) {
    AUTO(cf_set_free_at) cf_set *first = train, *second = test;
    const size_t image = set_image_size(train), label = sizeof *train->labels, file = sizeof *train->files;
    FORWARD(check_joinable(first, second));
    if (first->classes < second->classes)
        FORWARD(set_change_classes(first, (const char *const *)second->class_names, second->classes));
    FORWARD(append_bytes(&first->labels, first->count * label, second->labels, second->count * label));
    FORWARD(append_bytes(&first->pixels, first->count * image, second->pixels, second->count * image));
    if (first->files && second->files) {
        FORWARD(append_bytes(&first->files, first->count * file, second->files, second->count * file));
        free(memory_take(&second->files)); /* the names are the other's */
    } else {
        free_texts(memory_take(&first->files), first->count);
    }
    first->official_train = first->count;
    first->count += second->count;
    first->sha256[0] = '\0';
    *joined = memory_take(&first);
    return CF_OK;
}

void set_keep(cf_set *set, const unsigned char *stays) {
    const size_t size = set_image_size(set);
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (!stays[i]) {
            if (set->files) free(set->files[i]);
            continue;
        }
        if (kept < i) memmove(set->pixels + kept * size, set->pixels + i * size, size);
        if (set->files) set->files[kept] = set->files[i];
        set->labels[kept++] = set->labels[i];
    }
    set->count = kept;
    unsigned char *smaller = kept ? realloc(set->pixels, kept * size) : NULL;
    if (smaller) set->pixels = smaller;
}

static cf_status add_labels(Sha256 *sha, const cf_set *set) {
    enum { PIECE = 1024 };
    unsigned char bytes[2 * PIECE];
    const size_t size = set_label_size(set);
    for (size_t first = 0; first < set->count; first += PIECE) {
        const size_t count = set->count - first < PIECE ? set->count - first : PIECE;
        for (size_t i = 0; i < count; i++)
            for (size_t b = 0; b < size; b++) bytes[size * i + b] = (unsigned char)(set->labels[first + i] >> 8 * b);
        FORWARD(sha256_add(sha, bytes, size * count));
    }
    return CF_OK;
}

cf_status set_seal(cf_set *set) {
    AUTO(sha256_free_at) Sha256 *sha = NULL;
    const uint64_t shape[] = {set->count, (uint64_t)set->channels, (uint64_t)set->height, (uint64_t)set->width};
    unsigned char bytes[sizeof shape];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(shape[i / 8] >> 8 * (i % 8));
    FORWARD(sha256_new(&sha));
    FORWARD(sha256_add(sha, bytes, sizeof bytes));
    FORWARD(add_labels(sha, set));
    FORWARD(sha256_add(sha, set->pixels, set->count * set_image_size(set)));
    return sha256_finish(memory_take(&sha), set->sha256);
}

/* ---- The order of axes ---- */

enum { BLOCK = 64 }; /* images per piece of work */

typedef struct Reordering {
    unsigned char *pixels, *scratch;
    size_t count, image;
    size_t channels, height, width;
    const size_t *stride_hwc;
} Reordering;

static cf_status reorder_block(void *context, int64_t index, int thread) {
    const Reordering *r = context;
    const size_t first = (size_t)index * BLOCK, end = first + BLOCK < r->count ? first + BLOCK : r->count;
    unsigned char *scratch = r->scratch + (size_t)thread * r->image, *to = r->pixels + first * r->image;
    for (size_t i = first; i < end; i++) {
        memcpy(scratch, to, r->image);
        for (size_t h = 0; h < r->height; h++)
            for (size_t w = 0; w < r->width; w++) {
                const unsigned char *from = scratch + h * r->stride_hwc[0] + w * r->stride_hwc[1];
                for (size_t c = 0; c < r->channels; c++) *to++ = from[c * r->stride_hwc[2]];
            }
    }
    return CF_OK;
}

cf_status images_reorder(unsigned char *pixels, size_t count, const int chw[3], const size_t stride_hwc[3]) {
    const size_t image = (size_t)chw[0] * (size_t)chw[1] * (size_t)chw[2];
    const int threads = slices_threads(0);
    AUTO_FREE unsigned char *scratch = NULL;
    FORWARD(memory_new((size_t)threads, image, &scratch));
    Reordering r = {pixels, scratch, count, image, (size_t)chw[0], (size_t)chw[1], (size_t)chw[2], stride_hwc};
    return slices_run(threads, (int64_t)((count + BLOCK - 1) / BLOCK), reorder_block, &r);
}

/* ---- Classes ---- */

cf_status set_by_class(const cf_set *set, uint32_t **images, size_t **first) {
    AUTO_FREE uint32_t *sorted = NULL;
    size_t *ends;
    FORWARD(memory_new(set->count, sizeof *sorted, &sorted));
    FORWARD(memory_new((size_t)set->classes + 2, sizeof *ends, &ends));
    /* Counted two places on, summed one place on, so that filling moves each sum to where the next class begins. */
    for (size_t i = 0; i < set->count; i++) ends[set->labels[i] + 2]++;
    for (int k = 2; k <= set->classes; k++) ends[k] += ends[k - 1];
    for (size_t i = 0; i < set->count; i++) sorted[ends[set->labels[i] + 1]++] = (uint32_t)i;
    *images = memory_take(&sorted);
    *first = ends;
    return CF_OK;
}

int set_find_class(const cf_set *set, const char *name) {
    for (int k = 0; k < set->classes; k++)
        if (set->class_names[k] && strcmp(set->class_names[k], name) == 0) return k;
    return -1;
}

void cf_set_free(cf_set *set) {
    if (!set) return;
    free(set->name);
    free(set->source);
    free_texts(set->class_names, (size_t)set->classes);
    if (set->shared)
        set_free_shared(set);
    else
        free(set->pixels);
    free(set->labels);
    free_texts(set->files, set->count);
    free(set);
}

size_t cf_set_count(const cf_set *set) {
    return set->count;
}

int cf_set_classes(const cf_set *set) {
    return set->classes;
}

const char *cf_set_class_name(const cf_set *set, int label) {
    return label >= 0 && label < set->classes ? set->class_names[label] : NULL;
}

void cf_set_shape(const cf_set *set, int chw[3]) {
    chw[0] = set->channels;
    chw[1] = set->height;
    chw[2] = set->width;
}

cf_status subset_thin(const cf_subset *part, size_t most, cf_subset *some) {
    *some = *part;
    some->count = part->count < most ? part->count : most;
    FORWARD(memory_new(some->count, sizeof *some->images, &some->images));
    for (size_t i = 0; i < some->count; i++) some->images[i] = part->images[i * part->count / some->count];
    return CF_OK;
}

size_t cf_subset_count(const cf_subset *subset) {
    return subset->count;
}
