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

static void forget_errors(Prediction *p) {
    for (int i = 0; i < BATCH; i++) {
        free(p->errors[i]);
        p->errors[i] = NULL;
    }
}

static void prediction_free(Prediction *p) {
    forget_errors(p);
    free(p->images);
    free(p->probabilities);
}

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
static cf_status prepare_picture(const Prediction *p, const char *path, float *image) {
    const PictureReading *reading = p->reading;
    const cf_model *model = p->model;
    const Shape input = model->layers.input;
    const int high = reading->height ? reading->height : input.H, wide = reading->height ? reading->width : input.W;
    AUTO(cf_set_free_at) cf_set *set = NULL;
    AUTO(feed_free) Feed feed = {0};
    Picture picture;
    FORWARD(read_picture(path, reading, (const int[]){high, wide}, &picture));
    const int from[3] = {picture.channels, picture.height, picture.width}, to[3] = {picture.channels, high, wide};
    AUTO_FREE unsigned char *pixels = picture.pixels;
    FORWARD(set_new(path, path, 1, to[0], to[1], to[2], 1, &set));
    FORWARD(set_name_classes_by_number(set));
    FORWARD(fit_bytes(reading->fit, pixels, from, to, set->pixels));
    FORWARD(feed_new(set, input, (const char *const *)model->class_names, model->classes, 1, &feed));
    feed_image(&feed, 0, 0, image);
    return CF_OK;
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

static cf_status tell_all(Prediction *p, size_t count, PredictedFn tell, void *context) {
    const float *row = p->probabilities;
    for (size_t i = 0; i < count; i++) {
        const char *const path = p->list->files[p->first + i].path;
        const bool read = !p->errors[i];
        /* Weights are finite, as their file was checked: sums of them were too large for a float. */
        for (int c = 0; read && c < p->model->classes && !p->errors[i]; c++)
            if (!isfinite(row[c]))
                FORWARD(memory_print(
                    &p->errors[i],
                    "%s: the network gives no probabilities, since its outputs are not finite (class %s: %g): the model's weights are "
                    "so large that their sums overflow; train it again with a lower learning rate",
                    path, p->model->class_names[c], (double)row[c]));
        FORWARD(tell(&(PredictedPicture){path, p->errors[i], p->errors[i] ? NULL : row}, context));
        if (read) row += p->model->classes;
    }
    return CF_OK;
}

static cf_status predict_some(Prediction *p, Plan *plan, PredictedFn tell, void *context) {
    const size_t left = p->list->count - p->first, count = left < (size_t)p->batch ? left : (size_t)p->batch;
    const Feed ready = {.ready = p->images, .input = p->model->layers.input, .threads = p->threads};
    int n = 0;
    forget_errors(p);
    FORWARD(slices_run(p->threads, (int64_t)count, prepare_piece, p));
    for (size_t i = 0; i < count; i++)
        if (!p->errors[i]) p->read[n++] = (uint32_t)i;
    if (n) FORWARD(plan_infer(plan, &ready, p->read, n, p->probabilities));
    FORWARD(tell_all(p, count, tell, context));
    p->first += count;
    return CF_OK;
}

cf_status cf_predict(const cf_model *model, const unsigned char *images, size_t count, int height, int width,
                     int channels, int threads, float *probabilities) {
    AUTO(cf_set_free_at) cf_set *set = NULL;
    AUTO_FREE uint32_t *order = NULL;
    StepResult result;
    FAIL_IF(channels != 1 && channels != 3, CF_BAD_USE, "images of %d channels; 1 or 3 was expected", channels);
    FAIL_IF(height < 1 || width < 1 || height > LONGEST_SIDE || width > LONGEST_SIDE, CF_BAD_USE,
            "images of %dx%d pixels; 1 to %d a side was expected", width, height, LONGEST_SIDE);
    if (!count) return CF_OK;
    FORWARD(set_new("images", "", count, channels, height, width, 1, &set));
    FORWARD(set_name_classes_by_number(set));
    FORWARD(memory_new(count, sizeof *order, &order));
    memcpy(set->pixels, images, count * set_image_size(set));
    for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
    const cf_subset all = {.set = set, .images = order, .count = count, .classes = 1, .class_labels = &(int){0}};
    const ClassifyOptions options = {.engine = cpu_engine(), .threads = threads};
    return classify(model, &all, &options, probabilities, &result);
}

cf_status predict_pictures(const cf_model *model, const PictureList *list, const PictureReading *reading,
                           const ClassifyOptions *options, PredictedFn tell, void *context) {
    const Shape input = model->layers.input;
    AUTO(prediction_free)
    Prediction p = {.model = model, .list = list, .reading = reading, .threads = slices_threads(options->threads)};
    Parameters borrowed = model->parameters; /* a forward plan does not write to them */
    AUTO(plan_free_at) Plan *plan = NULL;
    if (list->count == 0) return CF_OK;
    p.size = (size_t)input.C * (size_t)input.H * (size_t)input.W;
    const size_t fit = MOST_BYTES / (p.size * sizeof(float)), most = fit < LEAST ? LEAST : fit > BATCH ? BATCH : fit;
    p.batch = (int)(list->count < most ? list->count : most);
    const PlanOptions plan_options = {.engine = options->engine, .batch = p.batch, .threads = p.threads};
    FORWARD(memory_new((size_t)p.batch * p.size, sizeof(float), &p.images));
    FORWARD(memory_new((size_t)p.batch * (size_t)model->classes, sizeof(float), &p.probabilities));
    FORWARD(plan_new(&model->layers, &borrowed, &plan_options, &plan));
    FORWARD(plan_use_parameters(plan));
    while (p.first < list->count) FORWARD(predict_some(&p, plan, tell, context));
    return CF_OK;
}
