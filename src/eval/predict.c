#include "eval/predict.h"

#include "base/memory.h"
#include "base/slices.h"
#include "data/picture/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct Predictor {
    const cf_model *model;
    Parameters parameters; /* borrowed values; a forward plan does not write to them */
    Plan *plan;
    int threads;
};

cf_status predictor_new(const cf_model *model, const ClassifyOptions *options, Predictor **predictor) {
    Predictor *made;
    cf_status status;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->model = model;
    made->parameters = model->parameters;
    made->threads = slices_threads(options->threads);
    PlanOptions plan_options = {.engine = options->engine, .batch = 1, .threads = made->threads};
    FORWARD_TO(failed, plan_new(&model->layers, &made->parameters, &plan_options, &made->plan));
    FORWARD_TO(failed, plan_use_parameters(made->plan));
    *predictor = made;
    return CF_OK;
failed:
    predictor_free(made);
    return status;
}

void predictor_free(Predictor *predictor) {
    if (!predictor) return;
    plan_free(predictor->plan);
    free(predictor);
}

/* A picture is a set of one image, whose class nobody knows. */
static cf_status picture_to_set(const char *path, bool invert, cf_set **set) {
    /* Of a drawing on transparent paper, the paper is white. */
    const PictureOptions options = {.ground = invert ? 255 : 0};
    Picture picture;
    FORWARD(picture_read(path, &options, &picture));
    size_t size = (size_t)picture.channels * (size_t)picture.height * (size_t)picture.width;
    cf_status status = set_new(path, path, 1, picture.channels, picture.height, picture.width, 1, set);
    if (!status) status = set_name_classes_by_number(*set);
    for (size_t i = 0; !status && i < size; i++)
        (*set)->pixels[i] = (unsigned char)(invert ? 255 - picture.pixels[i] : picture.pixels[i]);
    free(picture.pixels);
    return status;
}

/* Weights are finite: sums of them were too large for a float. */
static cf_status check_outputs(const cf_model *model, const char *path, const float *probabilities) {
    for (int c = 0; c < model->classes; c++)
        FAIL_IF(!isfinite(probabilities[c]), CF_BAD_INPUT,
                "%s: the network gives no probabilities, since its outputs are not finite (class %s: %g): the model's "
                "weights "
                "are so large that their sums overflow; train it again with a lower learning rate",
                path, model->class_names[c], (double)probabilities[c]);
    return CF_OK;
}

cf_status predictor_file(Predictor *p, const char *path, bool invert, float *probabilities) {
    const cf_model *model = p->model;
    const uint32_t first = 0;
    cf_set *set = NULL;
    Feed feed = {0};
    StepResult result;
    cf_status status;
    FORWARD_TO(done, picture_to_set(path, invert, &set));
    FORWARD_TO(done, feed_new(set, model->layers.input, (const char *const *)model->class_names, model->classes,
                              p->threads, &feed));
    FORWARD_TO(done, plan_infer(p->plan, &feed, &first, 1, probabilities, &result));
    FORWARD_TO(done, check_outputs(model, path, probabilities));
done:
    feed_free(&feed);
    cf_set_free(set);
    return status;
}
