/* All commands: command_NAME lies in cmd_NAME.c, or with its neighbours (cmd_bench.c, cmd_runs.c). And what some have of others. */
#pragma once

#include "cli/options.h"
#include "study/figures/figures.h"
#include "study/live/live.h"

/* In the order of the overview. A new command is a name here, and its file. */
/* clang-format off */
#define COMMANDS(EACH) \
    EACH(study) EACH(train) EACH(imbalance) EACH(lr) EACH(tune) EACH(eval) EACH(shift) EACH(predict) EACH(export) EACH(import) \
    EACH(adapt) EACH(prune) EACH(umap) EACH(report) EACH(models) EACH(augment) \
    EACH(data_list) EACH(data_info) EACH(data_fetch) EACH(data_make) EACH(data_show) \
    EACH(runs_list) EACH(runs_show) EACH(runs_compare) \
    EACH(bench_step) EACH(bench_ops) EACH(bench_ranks) EACH(bench_epoch) EACH(bench_mnist99) EACH(bench_cifar94)
/* clang-format on */

#define COMMAND_DECLARATION(name) extern const Command command_##name;
COMMANDS(COMMAND_DECLARATION)

/* ---- cmd_train.c ---- */

/* Trains, tests and tells of a prepared run, from its folder to its page; `live`: the page that looks on, or NULL. */
cf_status train_run(Run *run, const char *folder, const Arguments *given, bool resume, const FigureOptions *figures,
                    Live *live);
/* Where there is a target and nothing was said: mean-teacher, and an average of weights for it. */
void train_adapt_defaults(const Arguments *given, RunConfig *config);

/* ---- cmd_bench_ranks.c ---- */

/* What other ranks do for bench ranks (ranks_serve). */
cf_status bench_serve(json_t *job);
