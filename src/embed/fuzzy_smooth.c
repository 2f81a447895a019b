/* One point's memberships in its neighbours. */
#include "data/generate/portable.h"
#include "embed/fuzzy_graph.h"

enum { MOST_STEPS = 200 };

double fuzzy_decay(double x) {
    return x > 600 ? 0 : portable_exp2(-x * 1.4426950408889634);
}

/* The local_connectivity-th distance above zero, between two of them where it is no whole number (umap-learn). */
static double nearest(const float *distance, int count, double local_connectivity) {
    const int index = (int)local_connectivity;
    const double between = local_connectivity - index;
    int zeros = 0;
    while (zeros < count && distance[zeros] <= 0) zeros++;
    const float *above = distance + zeros;
    const int left = count - zeros;
    if (left < local_connectivity) return left ? (double)above[left - 1] : 0;
    if (!left) return 0;
    if (!index) return between * (double)above[0];
    double rho = (double)above[index - 1];
    if (between > 1e-5) rho += between * ((double)above[index] - rho);
    return rho;
}

/* Newton's method for t = 1 / sigma on log(sum exp(-t (d - rho))) - log(target). That function of t is convex and falls, so
 * from t = 0 the steps go up to the root and never beyond. Infinite sigma comes back as 0 / t = a large number. */
static double solve_sigma(const float *distance, int count, double rho) {
    const double target = portable_log2(count + 1.0);
    double t = 0;
    int within = 0;
    while (within < count && (double)distance[within] <= rho) within++;
    if (within >= target) return 0;
    for (int step = 0; step < MOST_STEPS; step++) {
        double sum = within, slope = 0;
        for (int j = within; j < count; j++) {
            double d = (double)distance[j] - rho, e = fuzzy_decay(t * d);
            sum += e;
            slope += d * e;
        }
        if (sum - target < 1e-6 && t > 0) break;
        double next = t + portable_log2(sum / target) * 0.6931471805599453 * sum / slope;
        if (!(next > t && next < 1e300)) break;
        t = next;
    }
    return t > 1e-30 ? 1 / t : 1e30;
}

Smooth fuzzy_smooth(const float *distance, int count, double local_connectivity, double mean) {
    Smooth smooth = {.rho = nearest(distance, count, local_connectivity)};
    double own = 0;
    for (int j = 0; j < count; j++) own += (double)distance[j];
    own /= count + 1;
    smooth.sigma = solve_sigma(distance, count, smooth.rho);
    double lowest = 1e-3 * (smooth.rho > 0 ? own : mean);
    if (smooth.sigma < lowest) smooth.sigma = lowest;
    return smooth;
}

float fuzzy_membership(float distance, Smooth smooth) {
    double beyond = (double)distance - smooth.rho;
    return beyond <= 0 || smooth.sigma <= 0 ? 1 : (float)fuzzy_decay(beyond / smooth.sigma);
}
