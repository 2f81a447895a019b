/* The figures of a tune: NAME.svg (.png, .pdf) with its data as NAME.csv.
 *
 * tune-configurations: validation loss and accuracy in order, with intervals; tune-parallel: a line per configuration through
 * its parameters to its result; tune-effects: means of the configurations that share a value; tune-curves: the validation loss
 * (or error) of every trial, epoch by epoch; tune-slices: every trial over each range. A figure for which nothing is known yet
 * (no loss, no epoch) is left out with a notice.
 */
#pragma once

#include "study/figures/figures.h"
#include "tune/results.h"

/* Into a book whose folder is made. Its subject ("mnist, paper") opens the titles. */
cf_status figures_tune_draw(const FigureBook *book, const TuneResults *results);
/* The same into FOLDER/figures of a tune, of its name; paths are added to `list`. */
cf_status figures_tune_make(const char *folder, const TuneResults *results, const FigureOptions *options,
                            FigureList *list);

/* Their names in order, ending with NULL. */
extern const char *const figures_tune_names[];
