#include "draw/ticks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What rounding may take from a mark that lies on the end of the range. */
static const double slack = 1e-9;

static void add_tick(Ticks *ticks, double at, const char *label) {
    if (ticks->count == MOST_TICKS) return;
    ticks->at[ticks->count] = at;
    snprintf(ticks->labels[ticks->count++], TICK_LABEL, "%s", label);
}

/* ---- Linear ---- */

/* The smallest of 1, 2, 5 times a power of ten that is not below `least`. */
static double round_step(double least) {
    static const int all[] = {1, 2, 5};
    const double power = pow(10, floor(log10(least)));
    for (int i = 0; i < 3; i++)
        if (all[i] * power >= least * (1 - slack)) return all[i] * power;
    return 10 * power;
}

/* All marks of an axis with the same number of digits after the point; large ones in thousands or millions. */
static void label_of(double value, double step, double largest, char label[TICK_LABEL]) {
    const char *suffix = "";
    if (largest >= 1e5) {
        const double unit = largest >= 1e8 ? 1e6 : 1e3;
        suffix = largest >= 1e8 ? "M" : "k";
        value /= unit, step /= unit;
    }
    const int decimals = (int)fmax(0, -floor(log10(step) + slack));
    if (fabs(value) < step / 2) value = 0; /* not "-0" */
    if (decimals > 6)
        snprintf(label, TICK_LABEL, "%.4g%s", value, suffix);
    else
        snprintf(label, TICK_LABEL, "%.*f%s", decimals, value, value == 0 ? "" : suffix);
}

static void choose_linear(const Axis *axis, double low, double high, int most, Ticks *ticks) {
    const double unit = axis->percent ? 100 : 1;
    double step = round_step(unit * (high - low) / (most - 1));
    if (axis->whole) step = fmax(1, step);
    const double first = ceil(unit * low / step - slack), last = floor(unit * high / step + slack);
    const double largest = fmax(fabs(first), fabs(last)) * step;
    for (double k = first; k <= last && ticks->count < MOST_TICKS; k++) {
        char label[TICK_LABEL];
        label_of(k * step, step, largest, label);
        add_tick(ticks, k * step / unit, label);
    }
}

/* ---- Logarithmic ---- */

/* Whether all powers of a range are short enough to be written out. */
static bool short_powers(double low, double high) {
    return low >= 1e-4 * (1 - slack) && high < 1e5;
}

/* times x 10^power, in digits or with the power raised. */
static void power_label(int times, int power, bool digits_only, char label[TICK_LABEL]) {
    static const char *const raised[] = {"\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",
                                         "\xe2\x81\xb4", "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7",
                                         "\xe2\x81\xb8", "\xe2\x81\xb9"};
    if (digits_only) {
        snprintf(label, TICK_LABEL, "%.*f", power < 0 ? -power : 0, times * pow(10, power));
        return;
    }
    char digits[16], mantissa[16] = "", exponent[64] = ""; /* of a double: at most three digits */
    snprintf(digits, sizeof digits, "%d", power < 0 ? -power : power);
    for (const char *d = digits; *d; d++) strcat(exponent, raised[*d - '0']);
    if (times > 1) snprintf(mantissa, sizeof mantissa, "%d\xc2\xb7", times);
    snprintf(label, TICK_LABEL, "%.3s10%s%.12s", mantissa, power < 0 ? "\xe2\x81\xbb" : "", exponent);
}

/* Each of `all` times each power of ten in the range; with a label the first of them at every `stride`th power, or, `stride` 0, each. */
static void choose_times(double low, double high, const int *all, int count, int stride, Ticks *ticks) {
    for (int power = (int)floor(log10(low)); power <= (int)ceil(log10(high)); power++)
        for (int i = 0; i < count; i++) {
            char label[TICK_LABEL] = "";
            const double value = all[i] * pow(10, power);
            if (!stride || (i == 0 && power % stride == 0)) power_label(all[i], power, short_powers(low, high), label);
            if (value >= low * (1 - slack) && value <= high * (1 + slack)) add_tick(ticks, value, label);
        }
}

static void choose_log(const Axis *axis, double low, double high, int most, Ticks *ticks) {
    static const int each[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, round[] = {1, 2, 5};
    const int powers = (int)(floor(log10(high) + slack) - ceil(log10(low) - slack)) + 1, stride = (powers + most - 1) / most;
    if (powers > 2 || (powers == 2 && most < 4)) {
        /* Small marks between the powers while all of these have labels and there is room for them. */
        choose_times(low, high, each, stride == 1 && log10(high / low) < 6 ? 9 : 1, stride, ticks);
        return;
    }
    choose_times(low, high, round, 3, 0, ticks);
    if (ticks->count >= 2 && ticks->count <= most) return;
    ticks->count = 0;
    choose_linear(axis, low, high, most, ticks);
}

void ticks_choose(const Axis *axis, double low, double high, int most, Ticks *ticks) {
    ticks->count = 0;
    if (!(high > low)) return;
    if (axis->kind == AXIS_LOG)
        choose_log(axis, low, high, most, ticks);
    else
        choose_linear(axis, low, high, most, ticks);
}
