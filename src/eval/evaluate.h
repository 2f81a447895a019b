/* A model over a part of a set: probabilities, labels as the model's classes, metrics. */
#pragma once

#include "base/text.h"
#include "eval/calibration.h"
#include "eval/metrics.h"
#include "nn/model.h"

/* How many of the images a model has seen before, which makes its figures better than those of new images. */
typedef struct Overlap {
    bool asked, checked;       /* asked, and not checked: `unchecked` says why */
    bool quiet;                /* that it is not checked is no news */
    size_t trained, validated; /* images it was trained on; others, by which its best epoch was chosen */
    char unchecked[400];
} Overlap;
/* A notice, where there is something to say. `count`: how many images there are. */
void overlap_tell(const Overlap *overlap, size_t count);

typedef struct Evaluation {
    uint32_t *images;     /* [count] indices into the set */
    uint16_t *labels;     /* [count] as the model's classes */
    float *probabilities; /* [count][model->classes] */
    size_t count;
    const Augmentation *views; /* that the probabilities are means over; NULL: of the image as it is. Borrowed. */
    bool int8;                 /* in 8-bit integers */
    size_t left_out;           /* images of classes that the model does not know */
    char *const *files;        /* the set's (image_set.h), borrowed; NULL: images without files of their own */
    Metrics metrics;
    Overlap overlap;         /* not asked, unless the caller does */
    Temperature temperature; /* none, unless the caller fits one on other examples */
} Evaluation;

/* Class names in evaluation->metrics are borrowed from the model. */
cf_status evaluate(const cf_model *model, const cf_subset *subset, const ClassifyOptions *options,
                   Evaluation *evaluation);
void evaluation_free(Evaluation *evaluation);
/* A view of it, borrowed. */
Predictions evaluation_predictions(const Evaluation *evaluation);

/* predictions.csv: image, file (where images have some), label, predicted, correct, confidence, then a column of probability per
 * class; with more than WIDE_CLASSES those of the label and of the likeliest: p_label, class_1, p_1 .. class_10, p_10. */
enum { LIKELIEST = 10 };
cf_status predictions_write(const char *path, const Evaluation *evaluation);
/* How a line of a table begins that tells of the image at a place of the evaluation: "17," or "17,cats/a.png,". */
void evaluation_write_image(FILE *out, const Evaluation *evaluation, size_t at);
