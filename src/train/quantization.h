/* Training that knows of 8-bit integers (Jacob et al. 2018): the network computes with the weights and activations that nn/int8 would
 * round to, and learns in float32.
 *
 * Before a step, the weights of convolutions and dense layers become those of their integers (a scale per filter, which batch norm does
 * not change: its factor is positive or turns all signs); after it they are the learnt ones again, which take the gradient as it is
 * (straight through: Bengio et al. 2013). Activations are rounded where an operation in integers ends, by the ranges that nn/int8 finds
 * over the same training images: with the weights before the first step, then anew at the end of each epoch, before it is validated.
 * Logits and biases, whose steps are smaller, are not rounded, nor are values within a layer (se). The integers themselves are made where they always are, from the weights
 * that are kept.
 */
#pragma once

#include "nn/model.h"

typedef struct Quantization {
    const cf_model *model; /* borrowed, as is `images` */
    const cf_subset *images;
    const Engine *engine;
    int threads;
    FakeRange *ranges; /* [layers], as PlanOptions.quantized */
    bool *weights;     /* [layers] whose weights are rounded */
    float *learnt;     /* [parameters.total]: the weights while rounded ones stand for them */
} Quantization;

/* NULL where the options do not ask for it. CF_BAD_USE: a layer has no form in integers, or another precision than float32. */
cf_status quantization_new(const cf_train_options *options, const cf_model *model, const cf_subset *images,
                           const Engine *engine, int threads, Quantization **quantization);
void quantization_free(Quantization *quantization);
AUTO_HANDLE(Quantization, quantization_free)
/* NULL without quantization; as are the next two, which do nothing then. */
const FakeRange *quantization_ranges(const Quantization *quantization);
/* The ranges anew, with the model's weights as they are. */
cf_status quantization_measure(Quantization *quantization);
/* The model's weights are rounded, and are the learnt ones again. */
void quantization_begin(Quantization *quantization, Parameters *parameters);
void quantization_end(const Quantization *quantization, Parameters *parameters);
