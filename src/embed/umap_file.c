/* A fitted embedding as a file: safetensors with
 *   points     [n, dim]         what was embedded
 *   embedding  [n, components]  where it lies
 * and the options as texts, one each, named as on the command line. The curve's a and b follow from min-dist and spread. */
#include "base/memory.h"
#include "base/safetensors.h"
#include "embed/curve.h"
#include "embed/umap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "cifra-umap-1";

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

cf_status umap_write(const Umap *umap, const char *path) {
    const UmapOptions *options = &umap->options;
    const size_t components = (size_t)options->components, dim = (size_t)umap->dim;
    char numbers[COUNT_OF(stored)][NUMBER_LENGTH];
    StoredText texts[COUNT_OF(stored) + OTHER_TEXTS] = {{"format", format_name},
                                                        {"metric", metric_name(options->metric)},
                                                        {"init", umap->init_used},
                                                        {"cifra", cf_version()}};
    const StoredTensor tensors[] = {
        {.name = "points", .dims = 2, .shape = {umap->n, dim}, .count = umap->n * dim, .values = umap->points},
        {.name = "embedding",
         .dims = 2,
         .shape = {umap->n, components},
         .count = umap->n * components,
         .values = umap->embedding},
    };
    for (size_t o = 0; o < COUNT_OF(stored); o++) {
        print_option(options, &stored[o], numbers[o]);
        texts[OTHER_TEXTS + o] = (StoredText){stored[o].name, numbers[o]};
    }
    return safetensors_write(path, tensors, COUNT_OF(tensors), texts, COUNT_OF(texts));
}

/* ---- Reading ---- */

static cf_status take_texts(const StoredFile *file, Umap *umap) {
    const char *format = safetensors_text(file, "format"), *metric = safetensors_text(file, "metric");
    const char *init = safetensors_text(file, "init");
    UmapOptions *options = &umap->options;
    FAIL_IF(!format || strcmp(format, format_name) != 0, CF_BAD_INPUT,
            "a safetensors file, but not an embedding that cifra wrote (metadata format %s)", format_name);
    *options = umap_options_defaults();
    for (size_t o = 0; o < COUNT_OF(stored); o++)
        FORWARD(take_option(safetensors_text(file, stored[o].name), &stored[o], options));
    options->metric = metric && strcmp(metric, metric_name(METRIC_COSINE)) == 0 ? METRIC_COSINE : METRIC_EUCLIDEAN;
    FAIL_IF(!metric || strcmp(metric, metric_name(options->metric)) != 0, CF_BAD_INPUT,
            "the metric is %s; euclidean or cosine was expected", metric ? metric : "missing");
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

static cf_status take_file(const StoredFile *file, Umap *umap) {
    FORWARD(take_texts(file, umap));
    FORWARD(take_tensor(file, "points", 0, 0, &umap->points));
    const StoredTensor *points = safetensors_find(file, "points");
    umap->n = points->shape[0];
    umap->dim = (int)points->shape[1];
    umap->neighbors_method = "";
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
