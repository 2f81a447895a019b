/* Magnitude pruning of whole channels (Li et al. 2017): a network with fewer channels, which keeps those with the largest filters.
 *
 * A filter's norm is that of its weights, times the factor of the batch norm behind it, as the two fold into one. Channels that a
 * residual group adds are one set: they stay or go together, by the sum of their squared norms. Of every set the same share stays, so
 * that a repeated group of the line stays one. The images' channels and what gives the outputs stay whole.
 *
 * What follows a channel goes with it: its values in norms, its column in the layers that read it, its window in a dwconv.
 */
#pragma once

#include "nn/model.h"

/* keep: the share of the channels that stays, above 0, at most 1; of each set at least one. CF_BAD_USE, with the layer's name, where
 * a layer does not say which of its channels belongs to which (groups, se, attention, position, concat, groupnorm, several outputs). */
cf_status model_prune(const cf_model *model, double keep, cf_model **pruned);
