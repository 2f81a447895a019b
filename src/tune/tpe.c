/* Tree-structured Parzen estimator (Bergstra, Bardenet, Bengio, Kegl: "Algorithms for Hyper-Parameter Optimization", NIPS
 * 2011): the results are parted into the best 15 % and the others; of each part and each parameter a density is made; of
 * candidates drawn from the good ones' density, the one is taken whose density is highest against that of the others.
 *
 * A list's density counts its values, with one more spread over all of them. A range's is a mixture of normals cut off at its
 * ends, in its logarithm if it is a log range: one at each result, as wide as the larger gap to its neighbours (within
 * 1/min(100, n+1) of the range and all of it), and one as wide as the range at its middle. Parameters are independent.
 *
 * Where few epochs were trained, results of more epochs come first: losses at other numbers of epochs do not compare. */
#include "tune/sampler.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/rng.h"

#include <stdlib.h>

enum {
    CANDIDATES = 24,
    TRIES = 240,     /* drawn in all, for want of new ones among them */
    ITEMS = 64,      /* draws set aside for a value */
    FIRST_ITEM = 256 /* behind those of sampler_draw */
};
static const double good_share = 0.15;

typedef struct Ranked {
    const Observation *seen;
    int index;
} Ranked;

static int compare_ranked(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    bool x_failed = !isfinite(x->seen->loss), y_failed = !isfinite(y->seen->loss);
    if (x_failed != y_failed) return x_failed - y_failed;
    if (x->seen->budget != y->seen->budget) return x->seen->budget > y->seen->budget ? -1 : 1;
    if (x->seen->loss != y->seen->loss) return x->seen->loss < y->seen->loss ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* One parameter's density from the results [first, end) of a ranking. */
typedef struct Density {
    const SpaceParameter *parameter;
    double low, high; /* of a range, as its normals see it */
    int count;
    double *centres, *widths; /* [count + 1] ascending, the middle of the range among them; lists: centres [count] */
} Density;

static double to_axis(const SpaceParameter *p, double value) {
    return p->kind == PARAMETER_LOG_UNIFORM ? log(value) : value;
}

/* Widths of the sorted centres; the prior, in the middle of the range, is as wide as the range. */
static void set_widths(Density *d, double middle) {
    double range = d->high - d->low, least = range / fmin(100, d->count + 1);
    bool prior_met = false;
    for (int i = 0; i <= d->count; i++) {
        double before = i ? d->centres[i - 1] : d->low, after = i < d->count ? d->centres[i + 1] : d->high;
        double gap = fmax(d->centres[i] - before, after - d->centres[i]);
        bool is_prior = !prior_met && d->centres[i] == middle;
        prior_met |= is_prior;
        d->widths[i] = is_prior ? range : fmin(fmax(gap, least), range);
    }
}

static cf_status density_new(const SamplerInput *input, int parameter, const Ranked *ranked, int first, int end,
                             Density *d) {
    const SpaceParameter *p = &input->space->parameters[parameter];
    *d = (Density){.parameter = p, .count = end - first};
    FORWARD(memory_new((size_t)d->count + 1, sizeof *d->centres, &d->centres));
    for (int i = first; i < end; i++)
        d->centres[i - first] = p->kind == PARAMETER_LIST ? ranked[i].seen->point.values[parameter]
                                                          : to_axis(p, ranked[i].seen->point.values[parameter]);
    if (p->kind == PARAMETER_LIST) return CF_OK;
    double half = p->kind == PARAMETER_INTEGER ? 0.5 : 0;
    d->low = to_axis(p, p->low - half);
    d->high = to_axis(p, p->high + half);
    double middle = 0.5 * (d->low + d->high);
    d->centres[d->count] = middle;
    qsort(d->centres, (size_t)d->count + 1, sizeof *d->centres, compare_doubles);
    FORWARD(memory_new((size_t)d->count + 1, sizeof *d->widths, &d->widths));
    set_widths(d, middle);
    return CF_OK;
}

/* The share of a normal that lies below x. */
static double normal_below(double x) {
    return 0.5 * erfc(-x / sqrt(2));
}

static double density_log(const Density *d, double value) {
    double sum = 0;
    if (d->parameter->kind == PARAMETER_LIST) {
        for (int i = 0; i < d->count; i++) sum += d->centres[i] == value;
        return log((sum + 1.0 / d->parameter->count) / (d->count + 1));
    }
    double at = to_axis(d->parameter, value);
    for (int i = 0; i <= d->count; i++) {
        double z = (at - d->centres[i]) / d->widths[i];
        double inside = normal_below((d->high - d->centres[i]) / d->widths[i]) -
                        normal_below((d->low - d->centres[i]) / d->widths[i]);
        sum += exp(-0.5 * z * z) / (d->widths[i] * inside);
    }
    return log(sum / (d->count + 1));
}

/* A value of parameter i drawn from the density; `item` is the first of ITEMS draws. */
static double density_draw(const SamplerInput *input, int i, const Density *d, uint32_t item) {
    const SpaceParameter *p = d->parameter;
    RngStream stream = rng_stream(input->seed, RNG_TRIAL, (uint64_t)input->count, (uint32_t)i);
    int from = (int)(sampler_uniform(input, i, item) * (d->count + 1));
    if (p->kind == PARAMETER_LIST)
        return from < d->count ? d->centres[from] : floor(sampler_uniform(input, i, item + 1) * p->count);
    double at = d->centres[from];
    for (uint32_t t = 1; t < ITEMS; t++) {
        double drawn = d->centres[from] + d->widths[from] * rng_normal(&stream, item + t);
        if (drawn < d->low || drawn > d->high) continue;
        at = drawn;
        break;
    }
    return sampler_round(p, p->kind == PARAMETER_LOG_UNIFORM ? exp(at) : at);
}

typedef struct Densities {
    Density good[SPACE_MAX_PARAMETERS], rest[SPACE_MAX_PARAMETERS];
} Densities;

static void densities_free(Densities *d) {
    for (int i = 0; i < SPACE_MAX_PARAMETERS; i++) {
        free(d->good[i].centres);
        free(d->good[i].widths);
        free(d->rest[i].centres);
        free(d->rest[i].widths);
    }
}

static bool best_candidate(const SamplerInput *input, const Densities *d, SpacePoint *best) {
    double highest = -INFINITY;
    int candidates = 0;
    for (uint32_t c = 0; c < TRIES && candidates < CANDIDATES; c++) {
        SpacePoint point = {{0}};
        double score = 0;
        for (int i = 0; i < input->space->count; i++) {
            point.values[i] = density_draw(input, i, &d->good[i], FIRST_ITEM + c * ITEMS);
            score += density_log(&d->good[i], point.values[i]) - density_log(&d->rest[i], point.values[i]);
        }
        if (!sampler_is_new(input, &point)) continue;
        candidates++;
        if (score <= highest) continue;
        highest = score;
        *best = point;
    }
    return candidates > 0;
}

cf_status tpe_next(const SamplerInput *input, SpacePoint *point, bool *found) {
    AUTO(densities_free) Densities d = {0};
    AUTO_FREE Ranked *ranked = NULL;
    int known = 0;
    *found = false;
    if (input->count < input->startup) return CF_OK;
    FORWARD(memory_new((size_t)input->count, sizeof *ranked, &ranked));
    for (int b = 0; b < input->count; b++)
        if (input->before[b].known) ranked[known++] = (Ranked){&input->before[b], b};
    qsort(ranked, (size_t)known, sizeof *ranked, compare_ranked);
    const int good = (int)ceil(good_share * known);
    for (int i = 0; i < input->space->count; i++) {
        FORWARD(density_new(input, i, ranked, 0, good, &d.good[i]));
        FORWARD(density_new(input, i, ranked, good, known, &d.rest[i]));
    }
    *found = known >= 2 && best_candidate(input, &d, point);
    return CF_OK;
}
