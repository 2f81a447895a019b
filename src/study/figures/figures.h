/* The figures of a run, into RUN/figures: NAME.svg (.png, .pdf) with its data as NAME.csv.
 *
 * Of the run and its own test part: distribution, samples, augmentation (where there is one), curves, rates, filters, of a run with a
 * target domains and moved, and of the evaluation: confusion, confusion-normalized, confused-pairs, misclassified, top-losses, unsure,
 * probabilities, reliability, roc, precision-recall, grad-cam, and of networks with attention attention-rollout and attention-heads. Of
 * other data or another part only those of the evaluation, with "-SET" in the name: confusion-svhn.svg. Where there is nothing to draw
 * (no mistake, no convolution), or numbers that cannot be drawn (they are not finite), a figure is left out with a notice.
 */
#pragma once

#include "data/augment/augment.h"
#include "eval/analysis.h"
#include "eval/shift.h"
#include "study/figures/figure_book.h"
#include "study/run/run.h"
#include "train/lr_range.h"
#include "tune/results.h"

typedef struct FigureOptions {
    unsigned formats; /* FIGURE_SVG | ..; 0: no figure, no file */
    bool umap;        /* embedding.csv and umap, too, of at most 2,000 images of the run's own test part */
} FigureOptions;

/* Without run->model (an ensemble stands in its place) there are only the figures of the evaluation, without those of where it looks.
 * `evaluation` over images of run->set, which is `data`, and `part` as in run_evaluate ("test": run->split is the run's
 * own). Paths are added to `list`. */
cf_status figures_make(const Run *run, const Evaluation *evaluation, const char *data, const char *part,
                       const FigureOptions *options, FigureList *list);

/* The figures of a shift: "shift", its rows with intervals, and "shift-samples", images as they are and as moved; into `folder`, or
 * RUN/figures if it is NULL, under names with the target's suffix. `images`: those that `shift` is of. */
cf_status figures_shift_make(const Run *run, const char *folder, const Shift *shift, const cf_subset *images, const char *data,
                             const char *part, const FigureOptions *options, FigureList *list);
/* Of a learning-rate range test: the smoothed loss, and those of the steps behind it, over the rate, with the suggestions. */
cf_status figure_lr_range(const FigureBook *book, const char *name, const LrRange *range);

/* ---- figures_*.c: each writes its data and its drawings ---- */

/* Of a run that adapted to a target: domains, both sets' features in one plane by UMAP, before and after, and moved, how many of the
 * target's images went from one predicted class to another. Before is the network that it began with, where that is still there. */
cf_status figure_target(const FigureBook *book, const Run *run);
cf_status figure_distribution(const FigureBook *book, const cf_split *split);
/* Two images of each class in each part, the first of the part. */
cf_status figure_samples(const FigureBook *book, const cf_split *split);
/* Of history.csv; stop_on: what made an epoch the best; adapted: validation has no labels, but a score and a confidence. */
cf_status figure_curves(const FigureBook *book, const char *history_path, cf_stop_on stop_on, bool adapted);
/* Learning rate and speed, of history.csv. */
cf_status figure_rates(const FigureBook *book, const char *history_path);
/* Of the first convolution; all on one scale. */
cf_status figure_filters(const FigureBook *book, const cf_model *model);
cf_status figure_confusion(const FigureBook *book, const Metrics *metrics);
/* The first CONFUSED_PAIRS. Nothing to draw without a mistake. */
cf_status figure_confused_pairs(const FigureBook *book, const Analysis *analysis);
/* The most confident mistakes first. Nothing to draw without a mistake. */
cf_status figure_misclassified(const FigureBook *book, const cf_set *set, const Evaluation *evaluation);
/* The largest losses: confidently wrong first. */
cf_status figure_top_losses(const FigureBook *book, const cf_set *set, const Evaluation *evaluation);
/* The least confident of the right ones, with the class that was second. */
cf_status figure_unsure(const FigureBook *book, const cf_set *set, const Evaluation *evaluation);
/* Three right predictions of different classes: the most confident, the median, the least confident. */
cf_status figure_probabilities(const FigureBook *book, const cf_set *set, const Evaluation *evaluation);
/* Accuracy by confidence with images per bin, before and after temperature scaling, or why there is none. */
cf_status figure_reliability(const FigureBook *book, const Analysis *analysis);
/* Each class against the rest. Of more than ten classes those with the smallest areas are drawn; the data have all. */
cf_status figure_roc(const FigureBook *book, const Analysis *analysis);
cf_status figure_precision_recall(const FigureBook *book, const Analysis *analysis);
/* Wrong and right examples beside Grad-CAM of the predicted class. */
cf_status figure_grad_cam(const FigureBook *book, const cf_model *model, const cf_set *set,
                          const Evaluation *evaluation);
/* The same examples beside attention rollout; and what each head of each layer attends to in some of them. Without attention
 * neither. */
cf_status figure_attention_rollout(const FigureBook *book, const cf_model *model, const cf_set *set,
                                   const Evaluation *evaluation);
cf_status figure_attention_heads(const FigureBook *book, const cf_model *model, const cf_set *set,
                                 const Evaluation *evaluation);

/* ---- Images beside what an augmentation line makes of them: for a run's figure and for cifra data show ---- */

/* Which images, and what is done to them. */
typedef struct VariantOptions {
    const uint32_t *images; /* [rows] in the set; borrowed */
    int rows, variants;
    const int *chw; /* the network's input, {channels, height, width}; NULL: the set's */
    uint64_t seed;
} VariantOptions;

/* Begins zeroed. */
typedef struct VariantSheet {
    GridGroup groups[2];  /* the originals, the variants: ready for an ImageGrid of `rows` rows */
    CanvasImage *images;  /* [rows], then [rows][variants] */
    unsigned char *bytes; /* their pixels */
    char *line;           /* with names written out */
} VariantSheet;

/* Variant v is that of epoch v. mixup and cutmix take the other image from another row. CF_BAD_USE as augmentation_new. */
cf_status variant_sheet_new(const cf_set *set, const char *line, const VariantOptions *options, VariantSheet *sheet);
void variant_sheet_free(VariantSheet *sheet);

enum { FIGURE_AUGMENTATION_ROWS = 12 };
/* Of a run with an augmentation line: what the network saw of the first FIGURE_AUGMENTATION_ROWS of the images. */
cf_status figure_augmentation(const FigureBook *book, const cf_set *set, const char *line, const VariantOptions *options);

/* ---- The figures of a tune ----
 *
 * tune-configurations: validation loss and accuracy in order, with intervals; tune-parallel: a line per configuration through
 * its parameters to its result; tune-effects: means of the configurations that share a value; tune-curves: the validation loss
 * (or error) of every trial, epoch by epoch; tune-slices: every trial over each range. A figure for which nothing is known yet
 * (no loss, no epoch) is left out with a notice. */

/* Into a book whose folder is made. Its subject ("mnist, paper") opens the titles. */
cf_status figures_tune_draw(const FigureBook *book, const TuneResults *results);
/* The same into FOLDER/figures of a tune, of its name; paths are added to `list`. */
cf_status figures_tune_make(const char *folder, const TuneResults *results, const FigureOptions *options, FigureList *list);
/* Their names in order, ending with NULL. */
extern const char *const figures_tune_names[];

/* ---- Examples of an evaluation, shared by the figures that show some (figures_examples.c) ---- */

typedef struct Example {
    size_t at; /* in the evaluation */
    int truth, predicted;
    float confidence;
} Example;

/* All right or all wrong predictions, the most confident first. Release with free(). */
cf_status list_examples(const Evaluation *evaluation, bool right, Example **examples, size_t *count);
/* An image of a set, and that of an example; they borrow its pixels. */
CanvasImage picture_of(const cf_set *set, size_t image);
CanvasImage image_of(const cf_set *set, const Evaluation *evaluation, const Example *example);
/* 99.96 % is not 100 %. */
void percent_text(double share, char text[16]);
/* "4 → 9" and the confidence; long names one below the other. Release with free(). */
cf_status caption_of(const Metrics *metrics, const Example *example, char **caption);
