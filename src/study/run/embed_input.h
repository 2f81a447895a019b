/* What is embedded, and what is known of it: features of a run's images, or matrices from files. */
#pragma once

#include "data/csv_table.h"
#include "embed/points.h"
#include "study/run/run.h"

typedef struct EmbedInput {
    Points points;
    float *values;    /* what points looks at; owned */
    RowClasses known; /* the points' classes */
    uint32_t *images; /* [points.n] indices into the run's set; NULL: rows of a file */
    char *subject;    /* "mnist, test", "X.npy": for titles */
    char *origin;     /* "features of relu3" or "" */
    double *offset;   /* [points.dim] what was taken off the columns of a file (data/narrow.h); NULL: nothing was */
} EmbedInput;

/* The values of a layer (features_layer) for images chosen as by run_choose_images; images of classes that the model
 * does not know are taken too. */
cf_status embed_input_from_run(Run *run, const char *data, const char *data_dir, const char *part, const char *layer,
                               int threads, EmbedInput *input, const char **used_part);
/* Of the last hidden layer, for images of the run's set; CF_BAD_USE where the network has none. */
cf_status embed_input_from_images(const Run *run, const cf_subset *images, EmbedInput *input);
/* .npy, .npz and .csv files; `labels` may be NULL, or a column of `features` where that is CSV. Labels are any whole numbers, a
 * negative one means unknown, or in CSV texts. Where float32 is too coarse for the features, a notice says by how much. */
cf_status embed_input_from_files(const char *features, const char *labels, const RowsFrame *frame, EmbedInput *input);
/* Takes the offset of a frame off a run's features, which are to lie among rows of a file. */
void embed_input_move(EmbedInput *input, const RowsFrame *frame);
void embed_input_free(EmbedInput *input);
