/* Pictures are read and prepared by all threads, some at a time, and go through the network together. */
#include "eval/predict.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/slices.h"
#include "data/picture/picture.h"
#include "data/set_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 128, LEAST = 8, MOST_BYTES = 1 << 26 }; /* at a time; fewer where prepared images are large */

typedef struct Prediction {
    const cf_model *model;
    const PictureList *list;
    const PictureReading *reading;
    int batch, threads;
    size_t size;  /* of a prepared image */
    size_t first; /* of the pictures at work */
    float *images, *probabilities;
    char *errors[BATCH]; /* of those that could not be read */
    uint32_t read[BATCH];
} Prediction;

/* Read as the pictures of a folder are, so that a picture of a set is told what the evaluation of the set told of it. */
static cf_status read_picture(const char *path, const PictureReading *reading, const int to[2], Picture *picture) {
    PictureOptions options = {
        .ground = reading->invert ? 255 : 0}; /* of a drawing on transparent paper, the paper is white */
    int wanted[2];
    FORWARD(picture_measure(path, picture));
    fit_size(reading->fit, (const int[]){picture->height, picture->width}, to, wanted);
    options.height = wanted[0];
    options.width = wanted[1];
    FORWARD(picture_read(path, &options, picture));
    const size_t size = (size_t)picture->channels * (size_t)picture->height * (size_t)picture->width;
    for (size_t i = 0; reading->invert && i < size; i++) picture->pixels[i] = (unsigned char)(255 - picture->pixels[i]);
    return CF_OK;
}

/* A picture is a set of one image, whose class nobody knows. */
static cf_status picture_to_set(const char *path, const PictureReading *reading, Shape input, cf_set **set) {
    const int high = reading->height ? reading->height : input.H, wide = reading->height ? reading->width : input.W;
    Picture picture;
    FORWARD(read_picture(path, reading, (const int[]){high, wide}, &picture));
    const int from[3] = {picture.channels, picture.height, picture.width}, to[3] = {picture.channels, high, wide};
    cf_status status = set_new(path, path, 1, to[0], to[1], to[2], 1, set);
    if (!status) status = set_name_classes_by_number(*set);
    if (!status) status = fit_bytes(reading->fit, picture.pixels, from, to, (*set)->pixels);
    free(picture.pixels);
    return status;
}

static cf_status prepare_picture(const Prediction *p, const char *path, float *image) {
    const cf_model *model = p->model;
    cf_set *set = NULL;
    Feed feed = {0};
    cf_status status;
    FORWARD_TO(done, picture_to_set(path, p->reading, model->layers.input, &set));
    FORWARD_TO(done,
               feed_new(set, model->layers.input, (const char *const *)model->class_names, model->classes, 1, &feed));
    feed_image(&feed, 0, 0, image);
done:
    feed_free(&feed);
    cf_set_free(set);
    return status;
}

/* What is wrong with one picture is its own matter. */
static cf_status prepare_piece(void *context, int64_t index, int thread) {
    Prediction *p = context;
    const ListedPicture *file = &p->list->files[p->first + (size_t)index];
    (void)thread;
    if (file->error) return memory_copy_string(file->error, &p->errors[index]);
    if (!prepare_picture(p, file->path, p->images + (size_t)index * p->size)) return CF_OK;
    return memory_copy_string(cf_error(), &p->errors[index]);
}

/* Weights are finite, as their file was checked: sums of them were too large for a float. */
static cf_status check_finite(Prediction *p, size_t i, const float *row) {
    for (int c = 0; c < p->model->classes; c++)
        if (!isfinite(row[c]))
            return memory_print(
                &p->errors[i],
                "%s: the network gives no probabilities, since its outputs are not finite (class %s: %g): "
                "the model's weights are so large that their sums overflow; train it again with a lower "
                "learning rate",
                p->list->files[p->first + i].path, p->model->class_names[c], (double)row[c]);
    return CF_OK;
}

static cf_status tell_all(Prediction *p, size_t count, PredictedFn tell, void *context) {
    const float *row = p->probabilities;
    for (size_t i = 0; i < count; i++) {
        const bool read = !p->errors[i];
        if (read) FORWARD(check_finite(p, i, row));
        FORWARD(tell(&(PredictedPicture){p->list->files[p->first + i].path, p->errors[i], p->errors[i] ? NULL : row},
                     context));
        if (read) row += p->model->classes;
    }
    return CF_OK;
}

static cf_status predict_some(Prediction *p, Plan *plan, PredictedFn tell, void *context) {
    const size_t left = p->list->count - p->first, count = left < (size_t)p->batch ? left : (size_t)p->batch;
    const Feed ready = {.ready = p->images, .input = p->model->layers.input, .threads = p->threads};
    int n = 0;
    cf_status status = slices_run(p->threads, (int64_t)count, prepare_piece, p);
    for (size_t i = 0; i < count; i++)
        if (!p->errors[i]) p->read[n++] = (uint32_t)i;
    if (!status && n) status = plan_infer(plan, &ready, p->read, n, p->probabilities);
    if (!status) status = tell_all(p, count, tell, context);
    for (size_t i = 0; i < count; i++) {
        free(p->errors[i]);
        p->errors[i] = NULL;
    }
    p->first += count;
    return status;
}

static int batch_of(size_t pictures, size_t image_bytes) {
    size_t batch = MOST_BYTES / image_bytes;
    if (batch < LEAST) batch = LEAST;
    if (batch > BATCH) batch = BATCH;
    return (int)(pictures < batch ? pictures : batch);
}

cf_status cf_predict(const cf_model *model, const unsigned char *images, size_t count, int height, int width,
                     int channels, int threads, float *probabilities) {
    cf_set *set = NULL;
    uint32_t *order = NULL;
    StepResult result;
    cf_status status;
    FAIL_IF(channels != 1 && channels != 3, CF_BAD_USE, "images of %d channels; 1 or 3 was expected", channels);
    FAIL_IF(height < 1 || width < 1 || height > LONGEST_SIDE || width > LONGEST_SIDE, CF_BAD_USE,
            "images of %dx%d pixels; 1 to %d a side was expected", width, height, LONGEST_SIDE);
    if (!count) return CF_OK;
    FORWARD_TO(done, set_new("images", "", count, channels, height, width, 1, &set));
    FORWARD_TO(done, set_name_classes_by_number(set));
    FORWARD_TO(done, memory_new(count, sizeof *order, &order));
    memcpy(set->pixels, images, count * set_image_size(set));
    for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
    const cf_subset all = {.set = set, .images = order, .count = count, .classes = 1, .class_labels = &(int){0}};
    const ClassifyOptions options = {.engine = cpu_engine(), .threads = threads};
    FORWARD_TO(done, classify(model, &all, &options, probabilities, &result));
done:
    free(order);
    cf_set_free(set);
    return status;
}

cf_status predict_pictures(const cf_model *model, const PictureList *list, const PictureReading *reading,
                           const ClassifyOptions *options, PredictedFn tell, void *context) {
    const Shape input = model->layers.input;
    Prediction p = {.model = model, .list = list, .reading = reading, .threads = slices_threads(options->threads)};
    Parameters borrowed = model->parameters; /* a forward plan does not write to them */
    Plan *plan = NULL;
    cf_status status;
    if (list->count == 0) return CF_OK;
    p.size = (size_t)input.C * (size_t)input.H * (size_t)input.W;
    p.batch = batch_of(list->count, p.size * sizeof(float));
    const PlanOptions plan_options = {.engine = options->engine, .batch = p.batch, .threads = p.threads};
    FORWARD_TO(done, memory_new((size_t)p.batch * p.size, sizeof(float), &p.images));
    FORWARD_TO(done, memory_new((size_t)p.batch * (size_t)model->classes, sizeof(float), &p.probabilities));
    FORWARD_TO(done, plan_new(&model->layers, &borrowed, &plan_options, &plan));
    FORWARD_TO(done, plan_use_parameters(plan));
    while (p.first < list->count) FORWARD_TO(done, predict_some(&p, plan, tell, context));
done:
    free(p.images);
    free(p.probabilities);
    plan_free(plan);
    return status;
}
