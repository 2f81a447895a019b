#include "train/schedule.h"

#include <math.h>
#include <stdlib.h>

/* From `a` at share 0 to `b` at share 1 along half a cosine. */
static double along_cosine(double a, double b, double share) {
    return b + (a - b) * 0.5 * (1 + cos(3.141592653589793 * share));
}

static double one_cycle(double highest, double at, double steps) {
    const double start = highest / 25, end = start / 1e4, turn = 0.3 * steps - 1, last = steps - 1;
    if (at <= turn) return along_cosine(start, highest, turn > 0 ? at / turn : 1);
    return along_cosine(highest, end, last > turn ? (at - turn) / (last - turn) : 1);
}

/* The share that a list begins with, which goes on behind it; -1: none. */
static double next_share(const char **list) {
    char *end;
    const double share = strtod(*list, &end);
    const bool digit = (**list >= '0' && **list <= '9') || **list == '.';
    if (!digit || (*end && (*end != ',' || !end[1])) || !(share > 0 && share < 1)) return -1;
    *list = *end ? end + 1 : end;
    return share;
}

cf_status schedule_check_shares(const char *line) {
    const char *rest = line;
    double before = 0;
    do {
        const double share = next_share(&rest);
        FAIL_IF(share <= before, CF_BAD_USE,
                "rising shares of the training between 0 and 1 such as 0.5,0.75 expected, found %.60s", line);
        before = share;
    } while (*rest);
    return CF_OK;
}

static double by_steps(const cf_train_options *options, double share) {
    double rate = options->learning_rate;
    for (const char *rest = options->step_at; *rest;)
        if (share >= next_share(&rest)) rate *= options->step_factor;
    return rate;
}

static double scheduled(const cf_train_options *options, double at, double steps) {
    const double highest = options->learning_rate;
    switch (options->schedule) {
    case CF_COSINE:
        return along_cosine(highest, 0, at / steps);
    case CF_ONE_CYCLE:
        return one_cycle(highest, at, steps);
    case CF_LINEAR:
        return highest * (1 - at / steps);
    case CF_STEP:
        return by_steps(options, at / steps);
    default:
        return highest;
    }
}

double schedule_rate(const cf_train_options *options, int64_t step, int64_t steps_per_epoch) {
    const double rate = scheduled(options, (double)step, (double)(steps_per_epoch * options->epochs));
    const double warm = options->warmup * (double)steps_per_epoch, at = (double)(step + 1);
    return at < warm ? rate * (at / warm) : rate;
}
