#include "tune/sampler.h"

#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TRIES = 64 };

const char *const sampler_words[] = {"grid", "random", "tpe", NULL};
const char *const pruner_words[] = {"none", "asha", NULL};

bool sampler_is_new(const SamplerInput *input, const SpacePoint *point) {
    for (int b = 0; b < input->count; b++)
        if (space_points_equal(input->space, &input->before[b].point, point)) return false;
    return true;
}

double sampler_uniform(const SamplerInput *input, int i, uint32_t item) {
    RngStream stream = rng_stream(input->seed, RNG_TRIAL, (uint64_t)input->count, (uint32_t)i);
    uint32_t words[4];
    rng_block(&stream, item, words);
    return ((double)(words[0] >> 5) * 67108864 + (double)(words[1] >> 6)) / 9007199254740992;
}

double sampler_round(const SpaceParameter *p, double value) {
    char text[32];
    if (p->kind == PARAMETER_INTEGER) {
        value = floor(value + 0.5);
    } else {
        snprintf(text, sizeof text, "%.6g", value);
        value = strtod(text, NULL);
    }
    return fmin(fmax(value, p->low), p->high);
}

double sampler_draw(const SamplerInput *input, int i, uint32_t item) {
    const SpaceParameter *p = &input->space->parameters[i];
    double u = sampler_uniform(input, i, item);
    switch (p->kind) {
    case PARAMETER_LIST:
        return floor(u * p->count);
    case PARAMETER_INTEGER:
        return p->low + floor(u * (p->high - p->low + 1));
    case PARAMETER_LOG_UNIFORM:
        return sampler_round(p, exp(log(p->low) + u * (log(p->high) - log(p->low))));
    default:
        return sampler_round(p, p->low + u * (p->high - p->low));
    }
}

/* The first of the space's points from `start` on, around its end, that was not proposed. */
static bool next_unused(const SamplerInput *input, int64_t start, SpacePoint *point) {
    int64_t points = space_points(input->space);
    for (int64_t i = 0; i < points && i <= input->count; i++) {
        *point = space_point(input->space, (start + i) % points);
        if (sampler_is_new(input, point)) return true;
    }
    return false;
}

static bool random_next(const SamplerInput *input, SpacePoint *point) {
    int64_t points = space_points(input->space);
    for (uint32_t item = 0; item < TRIES; item++) {
        *point = (SpacePoint){{0}};
        for (int i = 0; i < input->space->count; i++) point->values[i] = sampler_draw(input, i, item);
        if (sampler_is_new(input, point)) return true;
    }
    /* Nearly all points of a small space are used; in one with a range this does not happen but for integers. */
    if (!points) return true;
    return next_unused(input, (int64_t)(sampler_uniform(input, SPACE_MAX_PARAMETERS, 0) * (double)points), point);
}

cf_status sampler_next(const SamplerInput *input, SpacePoint *point, bool *found) {
    int64_t points = space_points(input->space);
    *found = false;
    if (points && input->count >= points) return CF_OK;
    if (input->sampler == SAMPLER_TPE) FORWARD(tpe_next(input, point, found));
    if (*found) return CF_OK;
    *found = true;
    if (input->sampler == SAMPLER_GRID)
        *point = space_point(input->space, input->count);
    else
        *found = random_next(input, point);
    return CF_OK;
}
