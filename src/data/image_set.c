#include "data/image_set.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
            "%s: %zu images of %d x %d x %d (channels, height, width) are more than the %zu GiB that a set "
            "may have",
            name, count, channels, height, width, MOST_SET_BYTES >> 30);
    return CF_OK;
}

cf_status set_new_around(const char *name, const char *source, size_t count, int channels, int height, int width,
                         int classes, unsigned char *pixels, cf_set **set) {
    cf_set *made;
    cf_status status;
    FORWARD(check_shape(name, count, channels, height, width, classes));
    FORWARD(memory_new(1, sizeof *made, &made));
    made->count = made->official_train = count;
    made->channels = channels;
    made->height = height;
    made->width = width;
    made->classes = classes;
    FORWARD_TO(failed, memory_copy_string(name, &made->name));
    FORWARD_TO(failed, memory_copy_string(source, &made->source));
    FORWARD_TO(failed, memory_new(count, sizeof *made->labels, &made->labels));
    FORWARD_TO(failed, memory_new((size_t)classes, sizeof *made->class_names, &made->class_names));
    made->pixels = pixels;
    *set = made;
    return CF_OK;
failed:
    cf_set_free(made);
    return status;
}

cf_status set_new(const char *name, const char *source, size_t count, int channels, int height, int width, int classes,
                  cf_set **set) {
    unsigned char *pixels;
    FORWARD(check_shape(name, count, channels, height, width, classes));
    FORWARD(memory_new(count, (size_t)channels * (size_t)height * (size_t)width, &pixels));
    cf_status status = set_new_around(name, source, count, channels, height, width, classes, pixels, set);
    if (status) free(pixels);
    return status;
}

cf_status set_name_classes_by_number(cf_set *set) {
    for (int k = 0; k < set->classes; k++) {
        free(set->class_names[k]);
        set->class_names[k] = NULL;
        FORWARD(memory_print(&set->class_names[k], "%d", k));
    }
    return CF_OK;
}

static void free_names(char **names, int count) {
    for (int k = 0; names && k < count; k++) free(names[k]);
    free(names);
}

cf_status set_change_classes(cf_set *set, const char *const *names, int classes) {
    char **copies;
    cf_status status = CF_OK;
    FORWARD(memory_new((size_t)classes, sizeof *copies, &copies));
    for (int k = 0; k < classes && !status; k++) status = memory_copy_string(names[k], &copies[k]);
    if (status) {
        free_names(copies, classes);
        return status;
    }
    free_names(set->class_names, set->classes);
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
    FAIL_IF(train->channels != test->channels || train->height != test->height || train->width != test->width,
            CF_BAD_INPUT,
            "%s has images of %d x %d x %d (channels, height, width), %s of %d x %d x %d; both parts of a "
            "set must "
            "have one shape",
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

/* Large blocks grow in place or are moved by the page table, so no second copy of `train` exists at any time.
 */
static cf_status append(void *array, size_t size, const void *more, size_t more_size) {
    unsigned char *bytes;
    memcpy(&bytes, array, sizeof bytes);
    bytes = realloc(bytes, size + more_size);
    FAIL_IF(!bytes, CF_NO_MEMORY, "out of memory: %.1f MB were asked for", (double)(size + more_size) / 1e6);
    memcpy(bytes + size, more, more_size);
    memcpy(array, &bytes, sizeof bytes);
    return CF_OK;
}

/* The names of both parts, in the training part's list; none, where a part has none. `train` and `test` still have their own counts. */
static cf_status join_files(cf_set *train, cf_set *test) {
    if (train->files && test->files) {
        char **grown = realloc(train->files, (train->count + test->count) * sizeof *grown);
        FAIL_IF(!grown, CF_NO_MEMORY, "out of memory while joining two parts of a set");
        memcpy(grown + train->count, test->files, test->count * sizeof *grown);
        train->files = grown;
        free(test->files);
        test->files = NULL;
        return CF_OK;
    }
    for (size_t i = 0; train->files && i < train->count; i++) free(train->files[i]);
    free(train->files);
    train->files = NULL;
    return CF_OK;
}

cf_status set_join(cf_set *train, cf_set *test, cf_set **joined) {
    cf_status status;
    const size_t image = set_image_size(train), label = sizeof *train->labels;
    FORWARD_TO(failed, check_joinable(train, test));
    if (train->classes < test->classes)
        FORWARD_TO(failed, set_change_classes(train, (const char *const *)test->class_names, test->classes));
    FORWARD_TO(failed, append(&train->labels, train->count * label, test->labels, test->count * label));
    FORWARD_TO(failed, append(&train->pixels, train->count * image, test->pixels, test->count * image));
    FORWARD_TO(failed, join_files(train, test));
    train->official_train = train->count;
    train->count += test->count;
    train->sha256[0] = '\0';
    cf_set_free(test);
    *joined = train;
    return CF_OK;
failed:
    cf_set_free(train);
    cf_set_free(test);
    return status;
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

static void put_little_endian(uint64_t value, unsigned char *bytes) {
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(value >> 8 * i);
}

static cf_status add_labels(Sha256 *sha, const cf_set *set) {
    enum { PIECE = 1024 };
    unsigned char bytes[2 * PIECE];
    const size_t size = set->classes > 256 ? 2 : 1;
    for (size_t first = 0; first < set->count; first += PIECE) {
        const size_t count = set->count - first < PIECE ? set->count - first : PIECE;
        for (size_t i = 0; i < count; i++)
            for (size_t b = 0; b < size; b++) bytes[size * i + b] = (unsigned char)(set->labels[first + i] >> 8 * b);
        FORWARD(sha256_add(sha, bytes, size * count));
    }
    return CF_OK;
}

cf_status set_seal(cf_set *set) {
    Sha256 *sha;
    cf_status status;
    unsigned char shape[32];
    put_little_endian(set->count, shape);
    put_little_endian((uint64_t)set->channels, shape + 8);
    put_little_endian((uint64_t)set->height, shape + 16);
    put_little_endian((uint64_t)set->width, shape + 24);
    FORWARD(sha256_new(&sha));
    FORWARD_TO(failed, sha256_add(sha, shape, sizeof shape));
    FORWARD_TO(failed, add_labels(sha, set));
    FORWARD_TO(failed, sha256_add(sha, set->pixels, set->count * set_image_size(set)));
    return sha256_finish(sha, set->sha256);
failed:
    sha256_free(sha);
    return status;
}

cf_status set_by_class(const cf_set *set, uint32_t **images, size_t **first) {
    size_t *ends;
    FORWARD(memory_new(set->count, sizeof **images, images));
    cf_status status = memory_new((size_t)set->classes + 2, sizeof *ends, &ends);
    if (status) {
        free(*images);
        *images = NULL;
        return status;
    }
    /* Counted two places on, summed one place on, so that filling moves each sum to where the next class begins. */
    for (size_t i = 0; i < set->count; i++) ends[set->labels[i] + 2]++;
    for (int k = 2; k <= set->classes; k++) ends[k] += ends[k - 1];
    for (size_t i = 0; i < set->count; i++) (*images)[ends[set->labels[i] + 1]++] = (uint32_t)i;
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
    free_names(set->class_names, set->classes);
    if (set->shared)
        set_free_shared(set);
    else
        free(set->pixels);
    free(set->labels);
    for (size_t i = 0; set->files && i < set->count; i++) free(set->files[i]);
    free(set->files);
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
