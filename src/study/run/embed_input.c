#include "study/run/embed_input.h"

#include "base/files.h"
#include "base/memory.h"
#include "data/csv_table.h"
#include "nn/features.h"
#include "study/figures/figures.h"

#include <limits.h>
#include <stdlib.h>

void embed_input_free(EmbedInput *input) {
    row_classes_free(&input->known);
    free(input->values);
    free(input->images);
    free(input->subject);
    free(input->origin);
    free(input->offset);
    *input = (EmbedInput){0};
}

/* ---- From a run ---- */

enum { MANY_VALUES = 1 << 27 }; /* half a GB is said before it is taken */

static cf_status copy_classes(const cf_subset *images, EmbedInput *input) {
    const cf_set *set = images->set;
    RowClasses *known = &input->known;
    FORWARD(memory_new((size_t)set->classes, sizeof *known->names, &known->names));
    for (; known->classes < set->classes; known->classes++)
        FORWARD(memory_copy_string(set->class_names[known->classes], &known->names[known->classes]));
    FORWARD(memory_new(images->count, sizeof *known->labels, &known->labels));
    FORWARD(memory_new(images->count, sizeof *input->images, &input->images));
    for (size_t i = 0; i < images->count; i++) {
        input->images[i] = images->images[i];
        known->labels[i] = set->labels[images->images[i]];
    }
    return CF_OK;
}

static cf_status fill_from_run(const Run *run, const cf_subset *images, const char *layer, int threads,
                               EmbedInput *input) {
    const ClassifyOptions options = {.engine = run->engine, .threads = threads};
    int number;
    size_t count;
    FORWARD(features_layer(run->model, layer, &number));
    size_t size = features_size(run->model, number);
    FAIL_IF(!size_multiply(images->count, size, &count) || size > INT_MAX, CF_NO_MEMORY,
            "%zu images with %zu values each are too many", images->count, size);
    if (count > MANY_VALUES)
        notice("%zu images with %zu values each take %.1f GB", images->count, size, 4e-9 * (double)count);
    FORWARD(copy_classes(images, input));
    FORWARD(memory_print(&input->origin, "features of %s", run->model->layers.layers[number].name));
    FORWARD(memory_new(count, sizeof *input->values, &input->values));
    input->points = (Points){input->values, images->count, (int)size};
    return features_compute(run->model, number, images, &options, input->values);
}

cf_status embed_input_from_run(Run *run, const char *data, const char *data_dir, const char *part, const char *layer,
                               int threads, EmbedInput *input, const char **used_part) {
    EmbedInput made = {0};
    const cf_subset *images;
    cf_status status;
    FORWARD(run_choose_images(run, data, data_dir, part, &images, used_part));
    FAIL_IF(!cf_subset_count(images), CF_BAD_USE, "%s has no images in this part", run->set->name);
    FORWARD_TO(failed, fill_from_run(run, images, layer, threads, &made));
    FORWARD_TO(failed, figures_subject(data ? data : run->config.data, *used_part, NULL, &made.subject));
    *input = made;
    return CF_OK;
failed:
    embed_input_free(&made);
    return status;
}

cf_status embed_input_from_images(const Run *run, const cf_subset *images, EmbedInput *input) {
    EmbedInput made = {0};
    cf_status status = fill_from_run(run, images, NULL, run->threads, &made);
    if (!status) status = figures_subject(run->config.data, "test", NULL, &made.subject);
    if (status)
        embed_input_free(&made);
    else
        *input = made;
    return status;
}

/* ---- From files ---- */

static cf_status read_labels(const char *path, EmbedInput *input) {
    int64_t *numbers = NULL;
    size_t n = 0;
    if (csv_is(path)) {
        FORWARD(csv_read_labels(path, &input->known, &n));
    } else {
        FORWARD(npy_read_labels(path, &numbers, &n));
        const cf_status status = row_classes_from_numbers(numbers, n, &input->known);
        free(numbers);
        FORWARD(status);
    }
    FAIL_IF(n != input->points.n, CF_BAD_INPUT, "%s has %zu labels, and there are %zu rows of features", path, n,
            input->points.n);
    return CF_OK;
}

/* A hundredth of the rows, an eighth of a sample: some rows always fall together, and distances change a little. */
static void tell_loss(const char *path, const NarrowLoss *loss, bool angles) {
    if (loss->merged > loss->different / 100)
        notice(
            "%s: %zu of %zu different rows are equal to another one in float32, in which rows are compared, and will "
            "not be told apart; %s",
            path, loss->merged, loss->different,
            angles ? "angles between them are too small: subtract the means of the columns, or take --metric euclidean"
                   : "scale or clip the columns that span more than their detail times 10,000,000");
    else if (loss->changed > loss->sampled / 8)
        notice("%s: rounded to float32, in which rows are compared, the distance from the nearest other row changes by "
               "more than 10 %% for %zu of %zu rows of a sample; %s",
               path, loss->changed, loss->sampled,
               angles ? "subtract the means of the columns, or take --metric euclidean"
                      : "scale or clip the columns that span more than their detail times 10,000,000");
}

static cf_status fill_from_files(const char *features, const char *labels, const RowsFrame *frame, EmbedInput *input) {
    const bool csv = csv_is(features), column = csv && labels && !file_exists(labels);
    NpyRows rows;
    if (csv)
        FORWARD(csv_read_rows(features, column ? labels : NULL, frame, &rows, &input->known));
    else
        FORWARD(npy_read_rows(features, frame, &rows));
    input->values = rows.values;
    input->offset = rows.offset;
    input->points = (Points){rows.values, rows.n, rows.dim};
    tell_loss(features, &rows.loss, frame->angles);
    if (labels && !column) FORWARD(read_labels(labels, input));
    FORWARD(memory_copy_string("", &input->origin));
    return memory_copy_string(file_base_name(features), &input->subject);
}

void embed_input_move(EmbedInput *input, const RowsFrame *frame) {
    const size_t dim = (size_t)input->points.dim;
    if (!frame->offset || frame->dim != input->points.dim) return; /* rows of another kind, which is told later */
    for (size_t i = 0; i < input->points.n * dim; i++)
        input->values[i] = (float)((double)input->values[i] - frame->offset[i % dim]);
}

cf_status embed_input_from_files(const char *features, const char *labels, const RowsFrame *frame, EmbedInput *input) {
    EmbedInput made = {0};
    cf_status status = fill_from_files(features, labels, frame, &made);
    if (status) embed_input_free(&made);
    if (!status) *input = made;
    return status;
}
