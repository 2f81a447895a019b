/* An image above the bars of its classes' probabilities. */
#pragma once

#include "draw/chart_frame.h"

typedef struct ProbabilityBars {
    const char *title, *about; /* above the image, the second line smaller; NULL: none */
    CanvasImage image;
    int classes;
    const char *const *class_names;
    const float *probabilities; /* [classes] */
    int predicted, truth;       /* their bars are coloured as classes; truth -1: not known */
} ProbabilityBars;

/* Of more than 12 classes the 12 likeliest are shown, the likeliest first. Fails (CF_BAD_USE) on what is no probability. */
cf_status probability_bars_draw(Canvas *canvas, const Theme *theme, Box box, const ProbabilityBars *bars);
