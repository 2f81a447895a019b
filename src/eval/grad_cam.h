/* Where a network looks: gradient-weighted class activation maps (Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra 2017).
 *
 * A are the K channels that the last convolution gives, behind the batch norm and the activation that follow it and in front
 * of any pool; y the class's logit. The weight of a channel is the mean of dy/dA over its H x W places, and
 *     map = max(0, sum over channels of weight x A),
 * H x W values, 0 and more, not scaled: divide by the largest to draw. The batch norm is that of prediction (running
 * statistics), so the map belongs to the probabilities that `cifra predict` prints.
 *
 * A plan of the network with A as a tap does it: the way back is that of a training step, without weight gradients and no
 * further than A.
 */
#pragma once

#include "nn/model.h"

typedef struct GradCam GradCam;

/* Whether the output of the classes needs a convolution. */
bool grad_cam_possible(const cf_model *model);
/* Borrows the model, whose weights it takes as they are at each call. A model without a convolution is refused: CF_BAD_USE. */
cf_status grad_cam_new(const cf_model *model, const Engine *engine, GradCam **cam);
void grad_cam_free(GradCam *cam);
AUTO_HANDLE(GradCam, grad_cam_free)
/* Of A: K channels, H x W places. */
Shape grad_cam_shape(const GradCam *cam);

/* `image`: floats H x W x C of the network's input, as feed_image prepares them; `label`: the class; `map` has H x W floats.
 * Values that are not finite: CF_BAD_INPUT. */
cf_status grad_cam_map(GradCam *cam, const float *image, int label, float *map);

/* ---- The parts, for tests: borrowed, until the next call ---- */

/* A and dy/dA, [H][W][K], and the logits of all classes. */
cf_status grad_cam_gradient(GradCam *cam, const float *image, int label, const float **activations,
                            const float **gradient, const float **logits);
