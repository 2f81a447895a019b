/* Which configuration comes next: a function of the space, the seed, and the results that may be looked at. */
#pragma once

#include "tune/tune.h"

typedef struct Observation { /* a configuration that was proposed before */
    SpacePoint point;
    bool known;  /* its result may be looked at */
    int budget;  /* epochs behind it */
    double loss; /* INFINITY: failed */
} Observation;

typedef struct SamplerInput {
    const Space *space;
    TuneSampler sampler;
    uint64_t seed;
    int startup;
    const Observation *before; /* [count] all earlier configurations, in their order */
    int count;
} SamplerInput;

/* The next configuration. *found false: every point of a space of lists was proposed; none is proposed twice. */
cf_status sampler_next(const SamplerInput *input, SpacePoint *point, bool *found);

/* ---- For the samplers: draws of the configuration under way ---- */

bool sampler_is_new(const SamplerInput *input, const SpacePoint *point);
/* Uniform in [0, 1), 53 bits: draw `item` of parameter i for configuration input->count. */
double sampler_uniform(const SamplerInput *input, int i, uint32_t item);
/* A value of parameter i in the middle of nowhere: each of a list, or each place of a range, is as likely. */
double sampler_draw(const SamplerInput *input, int i, uint32_t item);
/* Six significant digits, whole where it must be, within the range. */
double sampler_round(const SpaceParameter *parameter, double value);

/* tpe.c. *found false: a random one is due. */
cf_status tpe_next(const SamplerInput *input, SpacePoint *point, bool *found);
