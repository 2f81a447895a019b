/* A model over a part of a set: probabilities, labels as the model's classes, metrics. */
#ifndef EVAL_EVALUATE_H
#define EVAL_EVALUATE_H

#include "base/text.h"
#include "eval/calibration.h"
#include "eval/metrics.h"
#include "nn/model.h"

typedef struct Evaluation {
    uint32_t *images;      /* [count] indices into the set */
    unsigned char *labels; /* [count] as the model's classes */
    float *probabilities;  /* [count][model->classes] */
    size_t count;
    size_t left_out; /* images of classes that the model does not know */
    Metrics metrics;
    Temperature temperature; /* none, unless the caller fits one on other examples */
} Evaluation;

/* Class names in evaluation->metrics are borrowed from the model. */
cf_status evaluate(const cf_model *model, const cf_subset *subset, const ClassifyOptions *options,
                   Evaluation *evaluation);
void evaluation_free(Evaluation *evaluation);
/* A view of it, borrowed. */
Predictions evaluation_predictions(const Evaluation *evaluation);

/* predictions.csv: image, label, predicted, correct, confidence, then a column of probability per class. */
cf_status predictions_write(const char *path, const Evaluation *evaluation);

#endif
