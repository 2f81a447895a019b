#include "tune/sampler.h"

bool tpe_next(const SamplerInput *input, SpacePoint *point) {
    SamplerInput random = *input;
    random.sampler = SAMPLER_RANDOM;
    return sampler_next(&random, point);
}
