/* Where the drop comes from that a model suffers on images of another kind: the images moved towards the source in one factor at a
 * time, and evaluated again; what generated images lose with each dial of their generator; how far the predictions have collapsed onto few
 * classes; shares of the classes estimated without labels.
 *
 * Of what a move gains only that much is known: that the model does better on the same images with this factor moved by these
 * means. Factors overlap, so gains need not add up to that of all together.
 */
#pragma once

#include "data/generate/generator.h"
#include "eval/evaluate.h"
#include "eval/shift_moves.h"

/* ---- Shares of the classes ---- */

/* The shares of the classes among `count` images from what a classifier says of them, whose training images had the shares `source`, by
 * expectation and maximization (Saerens, Latinne, Decaestecker 2002): from `source` on until no share changes by 1e-9, or `most` rounds.
 * Assumes that within a class the images are as they were in training. *rounds, unless NULL: how many there were. */
cf_status shares_estimate(const Predictions *predictions, const double *source, int most, double *estimated,
                          int *rounds);
/* The class of an image where classes have the shares `target`: the largest p(c) target(c) / source(c). */
int shares_corrected_class(const float *p, const double *source, const double *target, int classes);

/* ---- Collapse ---- */

/* An effective number is exp(entropy) of the shares. Collapsed: of the predictions it is below half of that of the labels. */
typedef struct Collapse {
    double predicted, labels; /* effective numbers of classes */
    double distance;          /* half the sum of the differences of the shares: 0 equal .. 1 */
    bool collapsed;
} Collapse;
Collapse collapse_of(const double *predicted, const double *labels, int classes);

/* ---- Factors ---- */

typedef enum ShiftKind { SHIFT_MOVED, SHIFT_LABELS, SHIFT_ALL, SHIFT_DIAL, SHIFT_ALL_DIALS } ShiftKind;

typedef struct ShiftRow {
    ShiftKind kind;
    char name[32];
    char about[160];        /* what is moved */
    char cannot[320];       /* why it cannot be measured; "": it was, and only then the rest counts */
    double accuracy;        /* with it moved */
    double gain, low, high; /* over the images as they are, with its 95 % interval on the same images */
    double without;         /* accuracy with all the others of its kind moved but not it; NAN: not measured */
} ShiftRow;

enum { MOST_SHIFT_ROWS = SHIFT_MOVES + 2 + MAX_FACTORS + 1 };

typedef struct Shift {
    const cf_model *model;     /* borrowed */
    SourceLook source, target; /* what their images look like */
    double source_accuracy;    /* NAN: unknown */
    size_t source_count;
    Evaluation plain; /* the target's images as they are */
    ShiftRow rows[MOST_SHIFT_ROWS];
    int row_count;
    /* [classes] each, in one piece that begins with the first: shares of the training images, of the target's labels, of the
     * predictions, and the estimate */
    double *source_shares, *label_shares, *predicted_shares, *estimated_shares;
    int rounds;
    ShiftRow corrected; /* by the estimated shares */
    Collapse collapse;
} Shift;

typedef struct ShiftQuestion {
    const cf_model *model;
    const cf_subset *train; /* of the source, with the model's classes */
    const cf_subset *target;
    const char *
        source_text; /* the source's name with what it was made by; of a generated target each dial moves to the source's range,
                                   or to 0 where the source is of another kind */
    double source_accuracy; /* on images of its own, NAN: unknown */
    size_t source_count;
    const Engine *engine;
    int threads;
    bool (*progress)(const char *factor,
                     void *context); /* told before each; false stops it: CF_INTERRUPTED. NULL: nobody is */
    void *context;
} ShiftQuestion;

cf_status shift_new(const ShiftQuestion *question, Shift *shift);
void shift_free(Shift *shift);
/* The share of the drop that a row's gain is; NAN where there is no drop or the source's accuracy is unknown. */
double shift_explains(const Shift *shift, const ShiftRow *row);
/* A new reference. */
cf_status shift_json(const Shift *shift, json_t **json);
/* The table and what else there is to say. */
void shift_print(const Shift *shift, FILE *out);
