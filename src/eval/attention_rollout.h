/* What a network with attention looks at: attention rollout (Abnar, Zuidema 2020), and the attention of each head.
 *
 * A are the weights of an attention layer, the mean over its heads, positions x positions; the identity I stands for the value
 * that goes around the layer. The rollout of n layers is R = B_n .. B_1, B = (A + I) / 2 with rows that sum to 1: the share that
 * each position of the grid in front of the layers has in each behind them. There is no class token, the classes are read from the
 * mean over positions (vit-tiny), so the map of an image is the mean of R's rows: H x W shares whose sum is 1, the same for every
 * class.
 *
 * It follows attention alone: neither what the values say, nor the layers between, nor what went into the grid. Taken are the
 * attention layers that the classes' output needs and whose grid is that of the last; each must read, in the end, from the one
 * before.
 */
#pragma once

#include "nn/model.h"

typedef struct AttentionRollout AttentionRollout;

/* Whether the output of the classes needs attention. */
bool attention_rollout_possible(const cf_model *model);
/* Borrows the model, whose weights it takes as they are now. CF_BAD_USE: it has no attention, or attention side by side, or on a
 * grid so large that its weights do not fit ATTENTION_BYTES. */
cf_status attention_rollout_new(const cf_model *model, const Engine *engine, int threads, AttentionRollout **rollout);
void attention_rollout_free(AttentionRollout *rollout);
AUTO_HANDLE(AttentionRollout, attention_rollout_free)
enum { ATTENTION_BYTES = 1 << 30 };

/* The attention layers, first to last: `out` is of the grid H x W, `number` how many heads there are. */
int attention_rollout_count(const AttentionRollout *rollout);
const Layer *attention_rollout_layer(const AttentionRollout *rollout, int index);

/* maps[count][H][W] of so many images of a feed, which is made for as many threads. Values that are not finite: CF_BAD_INPUT. */
cf_status attention_rollout_maps(AttentionRollout *rollout, const Feed *feed, const uint32_t *images, size_t count,
                                 float *maps);
/* Of the last batch's first image: maps[heads][H][W] of a layer, how much each position is attended to, the mean over queries. */
void attention_rollout_heads(const AttentionRollout *rollout, int index, float *maps);
