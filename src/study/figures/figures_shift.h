/* The figures of a shift (eval/shift.h): "shift", its rows with intervals, and "shift-samples", images as they are and as moved. */
#pragma once

#include "eval/shift.h"
#include "study/figures/figures.h"

/* Into `folder`, or RUN/figures if it is NULL, under names with the target's suffix. `images`: those that `shift` is of. */
cf_status figures_shift_make(const Run *run, const char *folder, const Shift *shift, const cf_subset *images,
                             const char *data, const char *part, const FigureOptions *options, FigureList *list);
