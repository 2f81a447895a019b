/* A fitted embedding as a file: safetensors with
 *   points     [n, dim]         what was embedded
 *   embedding  [n, components]  where it lies
 *   offset     [2, dim]         only in cifra-umap-2: what was taken off each column before, in two summands
 * and the options as texts, one each, named as on the command line. The curve's a and b follow from min-dist and spread. */
#include "base/memory.h"
#include "base/safetensors.h"
#include "base/text.h"
#include "embed/layout.h"
#include "embed/umap.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "cifra-umap-1", format_moved[] = "cifra-umap-2";

/* ---- Options as texts ---- */

enum { OTHER_TEXTS = 5, NUMBER_LENGTH = 40 };

static void print_number(const UmapOptions *options, const UmapNumber *number, char text[NUMBER_LENGTH]) {
    const void *member = (const char *)options + number->at;
    if (number->kind == UMAP_INT)
        snprintf(text, NUMBER_LENGTH, "%d", *(const int *)member);
    else
        snprintf(text, NUMBER_LENGTH, "%.17g", *(const double *)member);
}

static cf_status take_number(const StoredFile *file, const UmapNumber *number, UmapOptions *options) {
    const char *text = safetensors_text(file, number->name);
    void *member = (char *)options + number->at;
    long long whole = 0;
    double real = 0;
    const bool is_int = number->kind == UMAP_INT;
    FAIL_IF(!text || (is_int ? !text_to_integer(text, INT_MIN, INT_MAX, &whole) : !text_to_number(text, &real)),
            CF_BAD_INPUT, "the text \"%s\" should be a number, and is %s", number->name, text ? text : "missing");
    if (is_int)
        *(int *)member = (int)whole;
    else
        *(double *)member = real;
    return CF_OK;
}

static cf_status take_seed(const char *text, uint64_t *seed) {
    char *end = NULL;
    errno = 0;
    *seed = text ? strtoull(text, &end, 10) : 0;
    FAIL_IF(!text || end == text || *end || errno, CF_BAD_INPUT, "the text \"seed\" should be a number, and is %s",
            text ? text : "missing");
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

cf_status umap_write(const Umap *umap, const char *path) {
    const UmapOptions *options = &umap->options;
    const size_t n = umap->n, components = (size_t)options->components, dim = (size_t)umap->dim;
    AUTO_FREE float *halves = NULL;
    char numbers[UMAP_NUMBERS][NUMBER_LENGTH], seed[NUMBER_LENGTH];
    size_t count = OTHER_TEXTS - 1;
    FAIL_IF(umap->options.densmap, CF_BAD_USE, "a densMAP embedding is not kept: it takes no new points");
    FORWARD(split_offset(umap, &halves));
    StoredText texts[UMAP_NUMBERS + OTHER_TEXTS] = {{"format", halves ? format_moved : format_name},
                                                    {"metric", metric_names[options->metric]},
                                                    {"init", umap->init_used},
                                                    {"cifra", cf_version()}};
    for (size_t i = 0; i < UMAP_NUMBERS; i++) {
        if (!umap_numbers[i].stored) continue;
        print_number(options, &umap_numbers[i], numbers[i]);
        texts[count++] = (StoredText){umap_numbers[i].name, numbers[i]};
    }
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)options->seed);
    texts[count++] = (StoredText){"seed", seed};
    const StoredTensor tensors[] = {
        {.name = "points", .dims = 2, .shape = {n, dim}, .count = n * dim, .values = umap->points},
        {.name = "embedding", .dims = 2, .shape = {n, components}, .count = n * components, .values = umap->embedding},
        {.name = "offset", .dims = 2, .shape = {2, dim}, .count = 2 * dim, .values = halves},
    };
    return safetensors_write(path, tensors, COUNT_OF(tensors) - !halves, texts, count);
}

/* ---- Reading ---- */

static cf_status take_texts(const StoredFile *file, Umap *umap) {
    const char *format = safetensors_text(file, "format"), *metric = safetensors_text(file, "metric");
    const char *init = safetensors_text(file, "init");
    UmapOptions *options = &umap->options;
    char metrics[100];
    FAIL_IF(!format || (strcmp(format, format_name) != 0 && strcmp(format, format_moved) != 0), CF_BAD_INPUT,
            "a safetensors file, but not an embedding that cifra wrote (metadata format %s or %s)", format_name,
            format_moved);
    *options = umap_options_defaults();
    for (size_t i = 0; i < UMAP_NUMBERS; i++)
        if (umap_numbers[i].stored) FORWARD(take_number(file, &umap_numbers[i], options));
    FORWARD(take_seed(safetensors_text(file, "seed"), &options->seed));
    int m = 0;
    while (metric && m < METRICS && strcmp(metric, metric_names[m]) != 0) m++;
    text_list(metric_names, metrics, sizeof metrics);
    FAIL_IF(!metric || m == METRICS, CF_BAD_INPUT, "the metric is %s; %s was expected", metric ? metric : "missing",
            metrics);
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
    return memory_copy(tensor->values, tensor->count, sizeof(float), values);
}

static cf_status take_offset(const StoredFile *file, Umap *umap) {
    const StoredTensor *tensor = safetensors_find(file, "offset");
    const size_t dim = (size_t)umap->dim;
    const bool moved = strcmp(safetensors_text(file, "format"), format_moved) == 0;
    FAIL_IF(moved != (tensor != NULL), CF_BAD_INPUT, "the tensor \"offset\" is %s in a file of the format %s",
            tensor ? "unknown" : "missing", moved ? format_moved : format_name);
    if (!tensor) return CF_OK;
    FORWARD(safetensors_find_float(file, "offset", &tensor));
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
    AUTO(safetensors_free) StoredFile file = {0};
    AUTO(umap_free_at) Umap *made = NULL;
    FORWARD(safetensors_read(path, &file));
    FORWARD(memory_new(1, sizeof *made, &made));
    const cf_status status = take_file(&file, made);
    /* Wrong options are the file's fault here. */
    if (status) return status_prefix(status == CF_BAD_USE ? CF_BAD_INPUT : status, "%s", path);
    *umap = memory_take(&made);
    return CF_OK;
}
