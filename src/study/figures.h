/* The figures of a run, into RUN/figures: NAME.svg (.png, .pdf) with its data as NAME.csv.
 *
 * Of the run and its own test part: distribution, samples, curves, confusion, confusion-normalized, misclassified,
 * probabilities. Of other data or another part only the last four, with "-SET" in the name: confusion-svhn.svg.
 */
#ifndef STUDY_FIGURES_H
#define STUDY_FIGURES_H

#include "study/figure_book.h"
#include "study/run.h"

typedef struct FigureOptions {
    unsigned formats;   /* FIGURE_SVG | ..; 0: no figure, no file */
    const Theme *theme; /* NULL: light */
} FigureOptions;

/* `evaluation` over images of run->set, which is `data`, and `part` as in run_evaluate ("test": run->split is the run's
 * own). Paths are added to `list`. */
cf_status figures_make(const Run *run, const Evaluation *evaluation, const char *data, const char *part,
                       const FigureOptions *options, FigureList *list);

/* ---- figures_data.c, figures_training.c, figures_evaluation.c: each writes its data and its drawings ---- */

cf_status figure_distribution(const FigureBook *book, const cf_split *split);
/* Two images of each class in each part, the first of the part. */
cf_status figure_samples(const FigureBook *book, const cf_split *split);
/* Of history.csv. */
cf_status figure_curves(const FigureBook *book, const char *history_path);
cf_status figure_confusion(const FigureBook *book, const Metrics *metrics);
/* The most confident mistakes first. Nothing to draw without a mistake. */
cf_status figure_misclassified(const FigureBook *book, const cf_set *set, const Evaluation *evaluation);
/* Three right predictions of different classes: the most confident, the median, the least confident. */
cf_status figure_probabilities(const FigureBook *book, const cf_set *set, const Evaluation *evaluation);

#endif
