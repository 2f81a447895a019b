/* The figure of a learning-rate range test. */
#pragma once

#include "study/figures/figure_book.h"
#include "train/lr_range.h"

/* The smoothed loss, and those of the steps behind it, over the rate, with the suggestions; all points as CSV. */
cf_status figure_lr_range(const FigureBook *book, const char *name, const LrRange *range);
