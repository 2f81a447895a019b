#include "eval/grad_cam.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A layer with what it keeps of one image. */
typedef struct Stage {
    const Layer *layer;
    Window window;
    const float *weight, *bias;
    float *y, *dy;   /* [H][W][C] of the output and its gradient; dy only behind A */
    uint16_t *place; /* max pool */
    Block block;     /* batch norm, without activation and pool */
    float *vectors;  /* the block's mean, scale and zeros, [C] each */
    Conv *conv;
    Dense *dense;
} Stage;

struct GradCam {
    const cf_model *model;
    const Engine *engine;
    Stage *stages;
    int count, target; /* stages[target] gives A */
    int classes;
};

/* ---- Building ---- */

/* The layer that gives A: the last convolution, or the norm and the activation directly behind it. */
static int find_target(const LayerList *list) {
    int target = list->count - 1;
    while (target >= 0 && list->layers[target].kind != LAYER_CONV) target--;
    if (target < 0) return -1;
    if (target + 1 < list->count && list->layers[target + 1].kind == LAYER_BN) target++;
    if (target + 1 < list->count && list->layers[target + 1].kind == LAYER_RELU) target++;
    return target;
}

/* Batch norm as prediction has it: (x - mean) * scale + bias. With a = scale and b = c = 0 its way back is that of
 * constants, which the running statistics are, and not that of a batch. */
static cf_status make_norm(const GradCam *cam, int number, Stage *stage) {
    const Parameters *parameters = &cam->model->parameters;
    const float *mean = parameters_find(parameters, number, "running_mean"),
                *variance = parameters_find(parameters, number, "running_var");
    size_t C = (size_t)stage->layer->in.C;
    FORWARD(memory_new(3 * C, sizeof(float), &stage->vectors));
    for (size_t c = 0; c < C; c++) {
        stage->vectors[c] = mean[c];
        stage->vectors[C + c] = (float)((double)stage->weight[c] / sqrt((double)variance[c] + BN_EPSILON));
    }
    const float *scale = stage->vectors + C, *zeros = scale + C;
    Shape in = stage->layer->in;
    stage->block = (Block){.C = in.C,
                           .H = in.H,
                           .W = in.W,
                           .R = 1,
                           .S = 1,
                           .P = in.H,
                           .Q = in.W,
                           .mean = stage->vectors,
                           .scale = scale,
                           .shift = stage->bias,
                           .a = scale,
                           .b = zeros,
                           .c = zeros};
    return CF_OK;
}

static cf_status make_dense(const GradCam *cam, bool wants_dx, Stage *stage) {
    const DenseShape shape = {.N = 1,
                              .slice = 1,
                              .inputs = (int)shape_size(stage->layer->in),
                              .outputs = stage->layer->out.C,
                              .slope = 1,
                              .bias = stage->bias != NULL,
                              .float_out = true};
    FORWARD(cam->engine->dense_new(&shape, wants_dx, wants_dx, 1, &stage->dense));
    for (int i = 0; i < cam->engine->dense_pieces(stage->dense, DENSE_PACK); i++)
        cam->engine->dense_pack(stage->dense, i, stage->weight);
    return CF_OK;
}

static cf_status make_stage(const GradCam *cam, int number) {
    Stage *stage = &cam->stages[number];
    const Layer *layer = &cam->model->layers.layers[number];
    size_t size = shape_size(layer->out);
    bool behind = number > cam->target;
    stage->layer = layer;
    stage->window = layer_window(layer, 1);
    stage->weight = parameters_find(&cam->model->parameters, number, "weight");
    stage->bias = parameters_find(&cam->model->parameters, number, "bias");
    FORWARD(memory_new(size, sizeof(float), &stage->y));
    if (number >= cam->target) FORWARD(memory_new(size, sizeof(float), &stage->dy));
    switch (layer->kind) {
    case LAYER_CONV:
        FORWARD(cam->engine->conv_new(&stage->window, false, false, 1, &stage->conv));
        return cam->engine->conv_pack(stage->conv, stage->weight);
    case LAYER_BN:
        return make_norm(cam, number, stage);
    case LAYER_MAXPOOL:
        return memory_new(size, sizeof *stage->place, &stage->place);
    case LAYER_DENSE:
        return make_dense(cam, behind, stage);
    default:
        return CF_OK;
    }
}

cf_status grad_cam_new(const cf_model *model, const Engine *engine, GradCam **cam) {
    GradCam *made;
    cf_status status;
    int target = find_target(&model->layers);
    FAIL_IF(target < 0, CF_BAD_USE, "Grad-CAM looks at the last convolution, and this model has none: %s",
            model->layers.line);
    FAIL_IF(engine->kernels->element != sizeof(float), CF_INTERNAL, "Grad-CAM needs an engine of float32");
    FORWARD(memory_new(1, sizeof *made, &made));
    made->model = model;
    made->engine = engine;
    made->count = model->layers.count;
    made->classes = model->classes;
    made->target = target;
    FORWARD_TO(failed, memory_new((size_t)made->count, sizeof *made->stages, &made->stages));
    for (int i = 0; i < made->count; i++) FORWARD_TO(failed, make_stage(made, i));
    *cam = made;
    return CF_OK;
failed:
    grad_cam_free(made);
    return status;
}

void grad_cam_free(GradCam *cam) {
    if (!cam) return;
    for (int i = 0; cam->stages && i < cam->count; i++) {
        Stage *stage = &cam->stages[i];
        cam->engine->conv_free(stage->conv);
        cam->engine->dense_free(stage->dense);
        free(stage->y);
        free(stage->dy);
        free(stage->place);
        free(stage->vectors);
    }
    free(cam->stages);
    free(cam);
}

Shape grad_cam_shape(const GradCam *cam) {
    return cam->stages[cam->target].layer->out;
}

/* ---- Running ---- */

static Activation relu_of(const Stage *stage) {
    return (Activation){ACT_RELU, stage->layer->slope};
}

static cf_status forward_stage(const GradCam *cam, Stage *stage, const float *x) {
    const Kernels *kernels = cam->engine->kernels;
    const Window *w = &stage->window;
    size_t size = shape_size(stage->layer->out);
    switch (stage->layer->kind) {
    case LAYER_CONV:
        FORWARD(cam->engine->conv_forward(stage->conv, 0, x, stage->y));
        if (stage->bias) kernels->add_bias(stage->y, (size_t)w->P * (size_t)w->Q, w->K, stage->bias);
        return CF_OK;
    case LAYER_BN:
        kernels->block_forward(&stage->block, 1, x, NULL, NULL, stage->y, NULL);
        return CF_OK;
    case LAYER_RELU:
        kernels->act_forward(relu_of(stage), x, size, stage->y);
        return CF_OK;
    case LAYER_MAXPOOL:
        kernels->maxpool_forward(w, x, stage->y, stage->place);
        return CF_OK;
    case LAYER_AVGPOOL:
        kernels->avgpool_forward(w, x, stage->y);
        return CF_OK;
    case LAYER_DENSE:
        for (int i = 0; i < cam->engine->dense_pieces(stage->dense, DENSE_FORWARD); i++)
            cam->engine->dense_forward(stage->dense, 0, i, x, stage->bias, stage->y);
        return CF_OK;
    case LAYER_DROPOUT: /* nothing is dropped when predicting */
        memcpy(stage->y, x, size * sizeof *x);
        return CF_OK;
    }
    return FAIL(CF_INTERNAL, "Grad-CAM does not know layer %s", stage->layer->name);
}

/* dx from stage->dy; x is the stage's input. */
static cf_status backward_stage(const GradCam *cam, Stage *stage, const float *x, float *dx) {
    const Kernels *kernels = cam->engine->kernels;
    size_t size = shape_size(stage->layer->out);
    switch (stage->layer->kind) {
    case LAYER_BN:
        kernels->block_backward(&stage->block, 1, x, x, stage->dy, NULL, dx);
        return CF_OK;
    case LAYER_RELU:
        kernels->act_backward(relu_of(stage), stage->y, stage->dy, size, dx);
        return CF_OK;
    case LAYER_MAXPOOL:
        kernels->maxpool_backward(&stage->window, stage->dy, stage->place, dx);
        return CF_OK;
    case LAYER_AVGPOOL:
        kernels->avgpool_backward(&stage->window, stage->dy, dx);
        return CF_OK;
    case LAYER_DENSE:
        for (int i = 0; i < cam->engine->dense_pieces(stage->dense, DENSE_BACKWARD_DATA); i++)
            cam->engine->dense_backward_data(stage->dense, 0, i, stage->dy, stage->weight, dx);
        return CF_OK;
    case LAYER_DROPOUT:
        memcpy(dx, stage->dy, size * sizeof *dx);
        return CF_OK;
    case LAYER_CONV:
        break; /* none lies behind the last one */
    }
    return FAIL(CF_INTERNAL, "Grad-CAM does not know the way back through layer %s", stage->layer->name);
}

/* Stages first .. last - 1 on `x`. */
static cf_status forward(const GradCam *cam, int first, int last, const float *x) {
    for (int i = first; i < last; i++) {
        FORWARD(forward_stage(cam, &cam->stages[i], x));
        x = cam->stages[i].y;
    }
    return CF_OK;
}

cf_status grad_cam_logits_behind(GradCam *cam, const float *activations, const float **logits) {
    FORWARD(forward(cam, cam->target + 1, cam->count, activations));
    *logits = cam->target + 1 < cam->count ? cam->stages[cam->count - 1].y : activations;
    return CF_OK;
}

cf_status grad_cam_gradient(GradCam *cam, const float *image, int label, const float **activations,
                            const float **gradient, const float **logits) {
    Stage *stages = cam->stages, *last = &stages[cam->count - 1];
    FAIL_IF(label < 0 || label >= cam->classes, CF_BAD_USE, "class number %d: the model has %d classes", label,
            cam->classes);
    FORWARD(forward(cam, 0, cam->count, image));
    memset(last->dy, 0, shape_size(last->layer->out) * sizeof *last->dy);
    last->dy[label] = 1;
    for (int i = cam->count - 1; i > cam->target; i--)
        FORWARD(backward_stage(cam, &stages[i], stages[i - 1].y, stages[i - 1].dy));
    *activations = stages[cam->target].y;
    *gradient = stages[cam->target].dy;
    *logits = last->y;
    return CF_OK;
}

cf_status grad_cam_map(GradCam *cam, const float *image, int label, float *map) {
    const float *A, *dA, *logits;
    Shape shape = grad_cam_shape(cam);
    size_t K = (size_t)shape.C, places = (size_t)shape.H * (size_t)shape.W;
    double *weights;
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
    free(weights);
    FAIL_IF(!finite, CF_BAD_INPUT,
            "the map is not finite: the model's weights are so "
            "large that its gradients overflow");
    return CF_OK;
}
