#include "study/run/tune_run.h"

#include "base/slices.h"

#include <stdlib.h>

/* *folder NULL: no trial came to its end. */
static cf_status winner_folder(const char *tune, const TuneResults *results, const Trial **winner, char **folder) {
    const Configuration *best = results_best(results);
    *winner = best ? best->trials[0] : NULL;
    return best ? memory_print(folder, "%s/trials/%04d", tune, (*winner)->id) : CF_OK;
}

cf_status tune_run_write(const char *tune, const TuneResults *results, const RunConfig *common, const cf_set *set) {
    AUTO(run_config_free) RunConfig config = {0};
    AUTO_FREE char *folder = NULL, *path = NULL;
    const Trial *winner;
    char *line;
    FORWARD(winner_folder(tune, results, &winner, &folder));
    if (!winner) return CF_OK;
    FORWARD(run_config_copy(common, &config));
    FORWARD(space_apply(&results->space, &winner->point, &config.train, &line));
    free(config.model);
    config.model = line;
    config.train.seed = winner->seed;
    FORWARD(file_join(folder, "config.json", &path));
    Run run = {.config = config, .set = set, .config_path = path, .threads = slices_threads(config.train.threads)};
    FORWARD(engine_choose(config.train.engine, &run.config.train.precision, &run.engine));
    return run_config_write(&run);
}

cf_status tune_run_folder(const char *path, char **folder) {
    AUTO(results_free) TuneResults results = {0};
    AUTO_FREE char *made = NULL;
    const Trial *winner;
    if (!folder_is_tune(path)) return file_trim(path, folder);
    FORWARD(results_read(path, &results));
    FORWARD(winner_folder(path, &results, &winner, &made));
    FAIL_IF(!made, CF_BAD_USE, "%s is a tune of which no trial has come to its end", path);
    FAIL_IF(!file_exists_in(made, "config.json"), CF_BAD_USE,
            "%s is a tune whose winner has no configuration yet: it is not finished, or of an earlier version; the "
            "same cifra tune command again finishes it",
            path);
    *folder = memory_take(&made);
    return CF_OK;
}

cf_status run_open(const char *path, Run **run) {
    AUTO_FREE char *folder = NULL;
    FORWARD(tune_run_folder(path, &folder));
    return run_open_folder(folder, run);
}
