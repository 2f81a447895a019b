/* Where an axis has marks, and what is written there. */
#pragma once

#include <stdbool.h>

typedef enum AxisKind { AXIS_LINEAR, AXIS_LOG } AxisKind;

typedef struct Axis {
    const char *label; /* with the unit; NULL: none */
    AxisKind kind;     /* AXIS_LOG shows only what is above 0 */
    bool whole;        /* marks at whole numbers only: epochs, images */
    bool percent;      /* values are shares, and marks are in percent */
    double low, high;  /* the range; both 0: the data's, with a little room */
} Axis;

enum { MOST_TICKS = 64, TICK_LABEL = 24 };

typedef struct Ticks {
    int count;
    double at[MOST_TICKS];
    char labels[MOST_TICKS][TICK_LABEL]; /* "": a small mark between others */
} Ticks;

/* Marks within [low, high], at most `most` of them (2 or more) with labels. Linear: 1, 2 or 5 times a power of ten apart.
 * Logarithmic: powers of ten with small marks between; 1, 2 and 5 times them where the range is short, and linear marks
 * where it is shorter still. */
void ticks_choose(const Axis *axis, double low, double high, int most, Ticks *ticks);
