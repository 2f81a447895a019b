/* What commands that train a run have in common. */
#pragma once

#include "cli/options.h"
#include "study/figures/figures.h"
#include "study/live/live.h"

/* Trains, tests and tells of a prepared run, from its folder to its page; `live`: the page that looks on, or NULL. */
cf_status train_run(Run *run, const char *folder, const Arguments *given, bool resume, const FigureOptions *figures,
                    Live *live);
/* Where there is a target and nothing was said: mean-teacher, and an average of weights for it. */
void train_adapt_defaults(const Arguments *given, RunConfig *config);
