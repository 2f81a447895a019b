/* An embedding with how it was made and how good it is; and its files.
 *
 * embedding.csv: x, y (0 in one dimension), label, image, then further components z, c4 ..; report.html shows it.
 * embedding.npy: the coordinates as they are, float32.
 * figures/NAME.svg (.png, .pdf): a scatter of the first two components, its data beside it.
 * Of other data than the run's own test part all names have "-SET" in them.
 */
#pragma once

#include "embed/quality.h"
#include "embed/umap.h"
#include "study/figures/figure_book.h"
#include "study/run/embed_input.h"

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
    double explained[64];    /* of "pca": shares of the variance */
    char sha256[SHA256_HEX]; /* of the coordinates as bytes */
} Embedding;

/* Takes a fitted embedding's coordinates, and how it was made. */
cf_status embedding_take(Embedding *embedding, const Umap *umap);
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
