/* A tap of the plan in front of what follows the last convolution: its values, and their gradient by one logit. */
#include "eval/grad_cam.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct GradCam {
    const cf_model *model;
    Parameters parameters; /* the model's: a plan of this mode does not write to them */
    Plan *plan;
    int target;                             /* the layer that gives A */
    float *activations, *gradient, *wanted; /* of one image; wanted: the gradient of the logits */
};

/* The layer that gives A: the last convolution, or the norm, the addition and the activation directly behind it. */
static int find_target(const LayerList *list) {
    bool needed[MOST_LAYERS] = {false}; /* by the output of the classes */
    const int output = list->heads[0];
    int target = output;
    needed[output] = true;
    for (; target >= 0 && !(needed[target] && layer_is_conv(&list->layers[target])); target--)
        for (int k = 0; needed[target] && k < list->layers[target].inputs; k++)
            if (list->layers[target].input[k] >= 0) needed[list->layers[target].input[k]] = true;
    if (target < 0) return -1;
    for (int step = 0; step < 3 && target < output; step++) {
        const Layer *next = &list->layers[target + 1];
        if (next->input[0] != target || list->layers[target].readers != 1) break;
        if (next->type != &bn_type && next->type != &add_type && !layer_is_activation(next)) break;
        target++;
        if (layer_is_activation(next)) break;
    }
    return target;
}

bool grad_cam_possible(const cf_model *model) {
    return find_target(&model->layers) >= 0;
}

cf_status grad_cam_new(const cf_model *model, const Engine *engine, GradCam **cam) {
    AUTO(grad_cam_free_at) GradCam *made = NULL;
    const int target = find_target(&model->layers);
    FAIL_IF(target < 0, CF_BAD_USE, "Grad-CAM looks at the last convolution, and this model has none: %s",
            model->layers.line);
    FORWARD(memory_new(1, sizeof *made, &made));
    const PlanOptions options = {
        .engine = engine, .batch = 1, .threads = 1, .mode = PLAN_GRADIENTS, .taps = &target, .tap_count = 1};
    const size_t size = shape_size(model->layers.layers[target].out);
    made->model = model;
    made->parameters = model->parameters;
    made->target = target;
    FORWARD(memory_new(size, sizeof(float), &made->activations));
    FORWARD(memory_new(size, sizeof(float), &made->gradient));
    FORWARD(memory_new((size_t)model->classes, sizeof(float), &made->wanted));
    FORWARD(plan_new(&model->layers, &made->parameters, &options, &made->plan));
    *cam = memory_take(&made);
    return CF_OK;
}

void grad_cam_free(GradCam *cam) {
    if (!cam) return;
    plan_free(cam->plan);
    free(cam->activations);
    free(cam->gradient);
    free(cam->wanted);
    free(cam);
}

Shape grad_cam_shape(const GradCam *cam) {
    return cam->model->layers.layers[cam->target].out;
}

cf_status grad_cam_gradient(GradCam *cam, const float *image, int label, const float **activations,
                            const float **gradient, const float **logits) {
    const Feed feed = {.ready = image, .input = cam->model->layers.input};
    const int classes = cam->model->classes;
    FAIL_IF(label < 0 || label >= classes, CF_BAD_USE, "class number %d: the model has %d classes", label, classes);
    memset(cam->wanted, 0, (size_t)classes * sizeof *cam->wanted);
    cam->wanted[label] = 1;
    FORWARD(plan_differentiate(cam->plan, &feed, (const uint32_t[]){0}, 1, cam->wanted));
    plan_read_tap(cam->plan, cam->target, cam->activations);
    plan_read_tap_gradient(cam->plan, cam->target, cam->gradient);
    *activations = cam->activations;
    *gradient = cam->gradient;
    *logits = plan_logits(cam->plan);
    return CF_OK;
}

cf_status grad_cam_map(GradCam *cam, const float *image, int label, float *map) {
    const float *A, *dA, *logits;
    Shape shape = grad_cam_shape(cam);
    size_t K = (size_t)shape.C, places = (size_t)shape.H * (size_t)shape.W;
    AUTO_FREE double *weights = NULL;
    FORWARD(grad_cam_gradient(cam, image, label, &A, &dA, &logits));
    bool finite = isfinite(logits[label]);
    FORWARD(memory_new(K, sizeof *weights, &weights));
    for (size_t i = 0; i < places; i++)
        for (size_t k = 0; k < K; k++) weights[k] += (double)dA[i * K + k] / (double)places;
    for (size_t i = 0; i < places; i++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++) sum += weights[k] * (double)A[i * K + k];
        map[i] = sum > 0 ? (float)sum : 0;
        finite = finite && isfinite(sum);
    }
    FAIL_IF(!finite, CF_BAD_INPUT,
            "the map is not finite: the model's weights are so large that its gradients overflow");
    return CF_OK;
}
