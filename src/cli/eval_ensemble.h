/* cifra eval of several runs: their networks as one. */
#pragma once

#include "cli/options.h"
#include "cli/shared_options.h"
#include "study/figures/figures.h"

typedef struct EnsembleArguments {
    const char *data, *data_dir, *part, *out; /* out NULL: GROUP/ensemble of one group, else nothing is written */
    const DataDials *dials;
    int threads;
    FigureOptions figures;
    const Augmentation *views; /* NULL: images as they are */
} EnsembleArguments;

/* Whether the folders of the command line are an ensemble: several, or a group. */
bool is_ensemble(const Arguments *given);
cf_status eval_ensemble(const Arguments *given, const EnsembleArguments *arguments);
