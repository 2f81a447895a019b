#include "train/schedule.h"

#include <math.h>

/* From `a` at share 0 to `b` at share 1 along half a cosine. */
static double along_cosine(double a, double b, double share) {
    return b + (a - b) * 0.5 * (1 + cos(3.141592653589793 * share));
}

double schedule_rate(cf_schedule schedule, double highest, int64_t step, int64_t steps) {
    const double start = highest / 25, end = start / 1e4;
    double turn = 0.3 * (double)steps - 1, at = (double)step, last = (double)steps - 1;
    switch (schedule) {
    case CF_COSINE:
        return along_cosine(highest, 0, (double)step / (double)steps);
    case CF_ONE_CYCLE:
        if (at <= turn) return along_cosine(start, highest, turn > 0 ? at / turn : 1);
        return along_cosine(highest, end, last > turn ? (at - turn) / (last - turn) : 1);
    default:
        return highest;
    }
}
