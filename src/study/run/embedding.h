/* What is embedded: features of a run's images, or matrices from files; an embedding with how it was made and how good it is; its files.
 *
 * embedding.csv: x, y (0 in one dimension), label, image, then further components z, c4 ..; report.html shows it.
 * embedding.npy: the coordinates as they are, float32.
 * figures/NAME.svg (.png, .pdf): a scatter of the first two components, its data beside it.
 * Of other data than the run's own test part all names have "-SET" in them.
 */
#pragma once

#include "data/csv_table.h"
#include "embed/quality.h"
#include "embed/umap.h"
#include "study/figures/figure_book.h"
#include "study/run/run.h"

/* ---- Its input (embed_input.c) ---- */

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

/* ---- The embedding ---- */

typedef struct EmbeddingTimes {
    double neighbors, graph, init, layout, total; /* of the fit */
    double features, quality;
} EmbeddingTimes;

typedef struct Embedding {
    const EmbedInput *input; /* borrowed */
    const char *method;      /* "umap", "pca": names the figure */
    int components;
    size_t fitted;                /* rows that it was fitted to, the others were put into that embedding; 0: all */
    float *coordinates;           /* [input->points.n][components] */
    char init_used[160];          /* "spectral"; "" where there is none */
    const char *neighbors_method; /* "exact"; "" where there is none */
    const char *metric;
    EmbeddingTimes seconds;
    Quality quality;
    double density_correlation; /* umap_density_correlation; NaN but of a densMAP */
    double explained[64];       /* of "pca": shares of the variance */
    char sha256[SHA256_HEX];    /* of the coordinates as bytes */
} Embedding;

/* UMAP of its input. */
cf_status embedding_fit(Embedding *embedding, const UmapOptions *options);
/* Takes a fitted embedding's coordinates, and how it was made. */
cf_status embedding_take(Embedding *embedding, const Umap *umap);
void embedding_free(Embedding *embedding); /* the coordinates alone */
/* Judges the coordinates and computes their checksum. */
cf_status embedding_judge(Embedding *embedding, const QualityOptions *options);

typedef struct EmbeddingPlace {
    const char *folder; /* made if it is not there */
    const char *suffix; /* "" or "-svhn" */
    unsigned formats;   /* of the figure; 0: none */
} EmbeddingPlace;

/* The names of all files go to `files`. */
cf_status embedding_write(const Embedding *embedding, const EmbeddingPlace *place, FigureList *files);
/* "UMAP", "densMAP", "PCA". */
const char *embedding_title(const Embedding *embedding);
/* UMAP of some of the run's own test images, as cifra umap makes it of all, with the run's seed: for the run's page. Without a hidden
 * layer, or with too few images, there is none. */
cf_status embedding_of_run(const Run *run, unsigned formats, FigureList *files);
void embedding_print(const Embedding *embedding, FILE *out);
/* The document of `umap --json` without "files"; a new reference. */
cf_status embedding_json(const Embedding *embedding, json_t **json);
