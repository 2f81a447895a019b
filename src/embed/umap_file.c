/* A fitted embedding as a file: safetensors with
 *   points     [n, dim]         what was embedded
 *   embedding  [n, components]  where it lies
 *   offset     [2, dim]         only in cifra-umap-2: what was taken off each column before, in two summands
 * and the options as texts, one each, named as on the command line. The curve's a and b follow from min-dist and spread. */
#include "base/memory.h"
#include "base/safetensors.h"
#include "embed/layout.h"
#include "embed/umap.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "cifra-umap-1", format_moved[] = "cifra-umap-2";

/* ---- Options as texts ---- */

typedef struct StoredOption {
    const char *name;
    enum { WHOLE, REAL, SEED } kind;
    size_t offset;
} StoredOption;

#define STORED(text, type, member)                                                                                     \
    { text, type, offsetof(UmapOptions, member) }
static const StoredOption stored[] = {
    STORED("neighbors", WHOLE, neighbors),
    STORED("components", WHOLE, components),
    STORED("min-dist", REAL, min_dist),
    STORED("spread", REAL, spread),
    STORED("epochs", WHOLE, epochs),
    STORED("negative-sample-rate", WHOLE, negative_sample_rate),
    STORED("learning-rate", REAL, learning_rate),
    STORED("repulsion", REAL, repulsion),
    STORED("set-op-mix", REAL, set_op_mix),
    STORED("local-connectivity", REAL, local_connectivity),
    STORED("target-weight", REAL, target_weight),
    STORED("seed", SEED, seed),
};
enum { OTHER_TEXTS = 4, NUMBER_LENGTH = 40 };

static void print_option(const UmapOptions *options, const StoredOption *option, char text[NUMBER_LENGTH]) {
    const char *member = (const char *)options + option->offset;
    int whole;
    double real;
    uint64_t seed;
    if (option->kind == WHOLE) {
        memcpy(&whole, member, sizeof whole);
        snprintf(text, NUMBER_LENGTH, "%d", whole);
    } else if (option->kind == REAL) {
        memcpy(&real, member, sizeof real);
        snprintf(text, NUMBER_LENGTH, "%.17g", real);
    } else {
        memcpy(&seed, member, sizeof seed);
        snprintf(text, NUMBER_LENGTH, "%llu", (unsigned long long)seed);
    }
}

static cf_status take_option(const char *text, const StoredOption *option, UmapOptions *options) {
    char *member = (char *)options + option->offset, *end = NULL;
    errno = 0;
    if (option->kind == WHOLE) {
        long value = text ? strtol(text, &end, 10) : 0;
        int whole = (int)value;
        if (whole != value) errno = ERANGE;
        memcpy(member, &whole, sizeof whole);
    } else if (option->kind == REAL) {
        double real = text ? strtod(text, &end) : 0;
        memcpy(member, &real, sizeof real);
    } else {
        uint64_t seed = text ? strtoull(text, &end, 10) : 0;
        memcpy(member, &seed, sizeof seed);
    }
    FAIL_IF(!text || end == text || *end || errno, CF_BAD_INPUT, "the text \"%s\" should be a number, and is %s",
            option->name, text ? text : "missing");
    return CF_OK;
}

/* ---- Writing ---- */

/* An offset as the sum of two floats, which it is. */
static cf_status split_offset(const Umap *umap, float **halves) {
    const size_t dim = (size_t)umap->dim;
    *halves = NULL;
    if (!umap->offset) return CF_OK;
    FORWARD(memory_new(2 * dim, sizeof(float), halves));
    for (size_t d = 0; d < dim; d++) {
        (*halves)[d] = (float)umap->offset[d];
        (*halves)[dim + d] = (float)(umap->offset[d] - (double)(*halves)[d]);
    }
    return CF_OK;
}

static cf_status write_with(const Umap *umap, const float *halves, const char *path) {
    const UmapOptions *options = &umap->options;
    const size_t components = (size_t)options->components, dim = (size_t)umap->dim;
    char numbers[COUNT_OF(stored)][NUMBER_LENGTH];
    StoredText texts[COUNT_OF(stored) + OTHER_TEXTS] = {{"format", halves ? format_moved : format_name},
                                                        {"metric", metric_names[options->metric]},
                                                        {"init", umap->init_used},
                                                        {"cifra", cf_version()}};
    const StoredTensor tensors[] = {
        {.name = "points", .dims = 2, .shape = {umap->n, dim}, .count = umap->n * dim, .values = umap->points},
        {.name = "embedding",
         .dims = 2,
         .shape = {umap->n, components},
         .count = umap->n * components,
         .values = umap->embedding},
        {.name = "offset", .dims = 2, .shape = {2, dim}, .count = 2 * dim, .values = halves},
    };
    for (size_t o = 0; o < COUNT_OF(stored); o++) {
        print_option(options, &stored[o], numbers[o]);
        texts[OTHER_TEXTS + o] = (StoredText){stored[o].name, numbers[o]};
    }
    return safetensors_write(path, tensors, COUNT_OF(tensors) - !halves, texts, COUNT_OF(texts));
}

cf_status umap_write(const Umap *umap, const char *path) {
    float *halves;
    FAIL_IF(umap->options.densmap, CF_BAD_USE, "a densMAP embedding is not kept: it takes no new points");
    FORWARD(split_offset(umap, &halves));
    cf_status status = write_with(umap, halves, path);
    free(halves);
    return status;
}

/* ---- Reading ---- */

static cf_status take_texts(const StoredFile *file, Umap *umap) {
    const char *format = safetensors_text(file, "format"), *metric = safetensors_text(file, "metric");
    const char *init = safetensors_text(file, "init");
    UmapOptions *options = &umap->options;
    FAIL_IF(!format || (strcmp(format, format_name) != 0 && strcmp(format, format_moved) != 0), CF_BAD_INPUT,
            "a safetensors file, but not an embedding that cifra wrote (metadata format %s or %s)", format_name,
            format_moved);
    *options = umap_options_defaults();
    for (size_t o = 0; o < COUNT_OF(stored); o++)
        FORWARD(take_option(safetensors_text(file, stored[o].name), &stored[o], options));
    int m = 0;
    while (metric && m < METRICS && strcmp(metric, metric_names[m]) != 0) m++;
    FAIL_IF(!metric || m == METRICS, CF_BAD_INPUT, "the metric is %s; %s, %s, %s, %s or %s was expected",
            metric ? metric : "missing", metric_names[0], metric_names[1], metric_names[2], metric_names[3],
            metric_names[4]);
    options->metric = (Metric)m;
    snprintf(umap->init_used, sizeof umap->init_used, "%s", init ? init : "");
    UmapOptions checked = *options; /* a single point is its own and only neighbour */
    if (checked.neighbors == 1) checked.neighbors = 2;
    FORWARD(umap_options_check(&checked));
    FAIL_IF(options->epochs < 1, CF_BAD_INPUT, "the text \"epochs\" is 0");
    return curve_fit(options->min_dist, options->spread, &umap->a, &umap->b);
}

static cf_status take_tensor(const StoredFile *file, const char *name, size_t rows, size_t columns, float **values) {
    const StoredTensor *tensor = safetensors_find(file, name);
    FAIL_IF(!tensor || tensor->dims != 2, CF_BAD_INPUT, "the tensor \"%s\" with two dimensions is missing", name);
    FORWARD(safetensors_find_float(file, name, &tensor));
    FAIL_IF((rows && tensor->shape[0] != rows) || (columns && tensor->shape[1] != columns), CF_BAD_INPUT,
            "the tensor \"%s\" is %zu x %zu, and does not fit the rest", name, tensor->shape[0], tensor->shape[1]);
    FAIL_IF(tensor->shape[1] > MOST_DIMENSIONS, CF_BAD_INPUT, "the tensor \"%s\" has %zu columns; %d are possible",
            name, tensor->shape[1], MOST_DIMENSIONS);
    const Points view = {tensor->values, tensor->shape[0], (int)tensor->shape[1]};
    FORWARD(points_check(&view, name));
    FORWARD(memory_new(tensor->count, sizeof(float), values));
    memcpy(*values, tensor->values, tensor->count * sizeof(float));
    return CF_OK;
}

static cf_status take_offset(const StoredFile *file, Umap *umap) {
    const StoredTensor *tensor = safetensors_find(file, "offset");
    const size_t dim = (size_t)umap->dim;
    const bool moved = strcmp(safetensors_text(file, "format"), format_moved) == 0;
    FAIL_IF(moved != (tensor != NULL), CF_BAD_INPUT, "the tensor \"offset\" is %s in a file of the format %s",
            tensor ? "unknown" : "missing", moved ? format_moved : format_name);
    if (!tensor) return CF_OK;
    FAIL_IF(tensor->dims != 2 || tensor->shape[0] != 2 || tensor->shape[1] != dim, CF_BAD_INPUT,
            "the tensor \"offset\" should be 2 x %zu", dim);
    for (size_t i = 0; i < 2 * dim; i++)
        FAIL_IF(!isfinite(tensor->values[i]), CF_BAD_INPUT, "the tensor \"offset\" has a value that is not finite");
    FORWARD(memory_new(dim, sizeof(double), &umap->offset));
    for (size_t d = 0; d < dim; d++) umap->offset[d] = (double)tensor->values[d] + (double)tensor->values[dim + d];
    return CF_OK;
}

static cf_status take_file(const StoredFile *file, Umap *umap) {
    FORWARD(take_texts(file, umap));
    FORWARD(take_tensor(file, "points", 0, 0, &umap->points));
    const StoredTensor *points = safetensors_find(file, "points");
    umap->n = points->shape[0];
    umap->dim = (int)points->shape[1];
    umap->neighbors_method = "";
    FORWARD(take_offset(file, umap));
    return take_tensor(file, "embedding", umap->n, (size_t)umap->options.components, &umap->embedding);
}

cf_status umap_read(const char *path, Umap **umap) {
    StoredFile file = {0};
    Umap *made;
    FORWARD(safetensors_read(path, &file));
    cf_status status = memory_new(1, sizeof *made, &made);
    if (!status) {
        status = take_file(&file, made);
        if (status == CF_BAD_USE) status = CF_BAD_INPUT; /* wrong options are the file's fault here */
        if (status) status_prefix(status, "%s", path);
        if (status) umap_free(made);
    }
    safetensors_free(&file);
    if (!status) *umap = made;
    return status;
}
