/* A model on pictures of any size. */
#pragma once

#include "data/picture/picture.h"
#include "data/set_text.h"
#include "nn/model.h"

typedef struct PredictedPicture {
    const char *path;
    const char *error;          /* why it could not be read; NULL: it could */
    const float *probabilities; /* [model->classes]; NULL with an error. Until the call returns */
} PredictedPicture;

/* Told of every picture, in the order of the list, by the calling thread. */
typedef cf_status (*PredictedFn)(const PredictedPicture *picture, void *context);

typedef struct PictureReading {
    bool
        invert; /* 255 - value first: for dark strokes on light ground where the model was trained on the opposite; there a
                    transparent ground is white, else black */
    Fit fit;    /* how a picture takes that size: as the pictures that it was trained on */
    int height, width; /* at which it is read, as those were, before it becomes the model's input; 0: the input's */
} PictureReading;

/* What is said of a picture does not depend on the others, nor on the number of threads, to the bit. */
cf_status predict_pictures(const cf_model *model, const PictureList *list, const PictureReading *reading,
                           const ClassifyOptions *options, PredictedFn tell, void *context);
