#include "draw/ticks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What rounding may take from a mark that lies on the end of the range. */
static const double slack = 1e-9;

static void add(Ticks *ticks, double at, const char *label) {
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
        add(ticks, k * step / unit, label);
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

static bool within(double value, double low, double high) {
    return value >= low * (1 - slack) && value <= high * (1 + slack);
}

/* Powers of ten, every `stride`th with a label; small marks at 2 to 9 times them while all have labels and there is
 * room for them. */
static void choose_powers(double low, double high, int stride, Ticks *ticks) {
    const bool between = stride == 1 && log10(high / low) < 6;
    for (int power = (int)floor(log10(low)); power <= (int)ceil(log10(high)); power++)
        for (int times = 1; times <= (between ? 9 : 1); times++) {
            char label[TICK_LABEL] = "";
            const double value = times * pow(10, power);
            if (times == 1 && power % stride == 0) power_label(1, power, short_powers(low, high), label);
            if (within(value, low, high)) add(ticks, value, label);
        }
}

static void choose_1_2_5(double low, double high, Ticks *ticks) {
    static const int all[] = {1, 2, 5};
    for (int power = (int)floor(log10(low)); power <= (int)ceil(log10(high)); power++)
        for (int i = 0; i < 3; i++) {
            char label[TICK_LABEL];
            const double value = all[i] * pow(10, power);
            power_label(all[i], power, short_powers(low, high), label);
            if (within(value, low, high)) add(ticks, value, label);
        }
}

static void choose_log(const Axis *axis, double low, double high, int most, Ticks *ticks) {
    const int powers = (int)(floor(log10(high) + slack) - ceil(log10(low) - slack)) + 1;
    if (powers > 2 || (powers == 2 && most < 4)) {
        choose_powers(low, high, (powers + most - 1) / most, ticks);
        return;
    }
    choose_1_2_5(low, high, ticks);
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
