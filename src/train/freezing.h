/* What of a network learns in an epoch, and how fast: the options freeze, head_epochs and lr_backbone.
 *
 * The head is the layers that give outputs, each back to the last that has a weight; the backbone all others. What is frozen is computed
 * as when predicting, and keeps weights and statistics to the bit. `backbone` freezes what is computed up to the last of the backbone's
 * weights: dropout between these and the head stays on. A layer's name freezes all up to and with it in the order of the line.
 *
 * What gives the same for an image in every epoch is computed once: see freezing_first.
 */
#pragma once

#include "nn/model.h"
#include "nn/optimizer.h"

typedef struct Freezing {
    const LayerList *layers; /* borrowed, as is the next */
    const Parameters *parameters;
    double lr_backbone;
    int head_epochs;
    bool *head;            /* [layers] */
    bool *kept, *at_first; /* [layers] frozen: throughout; while the head alone learns */
    bool drawn;            /* an image is another one in every epoch, or a teacher sees it, too */
} Freezing;

/* Whether a text is a line of the option: none, backbone, or what may be a layer's name. */
cf_status freezing_line_check(const char *line);
/* CF_BAD_USE: there is no layer of that name, or nothing would learn. */
cf_status freezing_new(const cf_train_options *options, const cf_model *model, Freezing *freezing);
void freezing_free(Freezing *freezing);

/* [layers] those that are frozen in an epoch, 0-based; NULL: none. */
const bool *freezing_layers(const Freezing *freezing, int epoch);
/* The first layer that is to be computed in every epoch like that one: what the layer before it gives is the same for an image in all of
 * them, is all that later layers read, and of `images` images no more than a gigabyte. 0: all are to be computed. */
int freezing_first(const Freezing *freezing, int epoch, size_t images);
/* [tensors] for the optimizer in that epoch. */
void freezing_paces(const Freezing *freezing, int epoch, int64_t steps_per_epoch, Pace *paces);
