/* All commands; each lives in its own file (train in cmd_train.c). */
#pragma once

#include "cli/options.h"

extern const Command command_study, command_train, command_adapt, command_imbalance, command_lr, command_tune,
    command_eval, command_shift, command_predict, command_umap, command_report, command_models, command_augment,
    command_data_list, command_data_info, command_data_fetch, command_data_make, command_data_show, command_runs_list,
    command_runs_show, command_runs_compare, command_bench_step, command_bench_ops, command_bench_ranks,
    command_bench_epoch, command_bench_mnist99, command_bench_cifar94, command_export, command_import, command_prune;

/* What other ranks do for bench ranks (ranks_serve). */
cf_status bench_serve(json_t *job);
