/* A model on single pictures of any size. */
#ifndef EVAL_PREDICT_H
#define EVAL_PREDICT_H

#include "nn/model.h"

typedef struct Predictor Predictor;

/* Borrows the model. */
cf_status predictor_new(const cf_model *model, const ClassifyOptions *options, Predictor **predictor);
void predictor_free(Predictor *predictor);
/* A picture file; probabilities [model->classes]. `invert` takes 255 - value first: for dark strokes on light ground
 * where the model was trained on the opposite; there a transparent ground is white, else black. */
cf_status predictor_file(Predictor *predictor, const char *path, bool invert, float *probabilities);

#endif
