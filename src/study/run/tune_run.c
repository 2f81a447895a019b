#include "study/run/tune_run.h"

#include "base/memory.h"
#include "base/slices.h"

#include <stdlib.h>

static cf_status winner_folder(const char *tune, const TuneResults *results, const Trial **winner, char **folder) {
    const Configuration *best = results_best(results);
    *winner = best ? best->trials[0] : NULL;
    *folder = NULL;
    if (!best) return CF_OK;
    return memory_print(folder, "%s/trials/%04d", tune, (*winner)->id);
}

static cf_status write_configuration(const Trial *winner, const Space *space, const char *folder, RunConfig *config,
                                     const cf_set *set) {
    Run run = {.set = set};
    char *line;
    FORWARD(space_apply(space, &winner->point, &config->train, &line));
    free(config->model);
    config->model = line;
    config->train.seed = winner->seed;
    run.config = *config;
    run.threads = slices_threads(config->train.threads);
    FORWARD(engine_choose(config->train.engine, &run.config.train.precision, &run.engine));
    FORWARD(file_join(folder, "config.json", &run.config_path));
    const cf_status status = run_config_write(&run);
    free(run.config_path);
    return status;
}

cf_status tune_run_write(const char *tune, const TuneResults *results, const RunConfig *common, const cf_set *set) {
    RunConfig config = {0};
    const Trial *winner;
    char *folder;
    FORWARD(winner_folder(tune, results, &winner, &folder));
    if (!winner) return CF_OK;
    cf_status status = run_config_copy(common, &config);
    if (!status) status = write_configuration(winner, &results->space, folder, &config, set);
    run_config_free(&config);
    free(folder);
    return status;
}

cf_status tune_run_folder(const char *path, char **folder) {
    TuneResults results = {0};
    const Trial *winner;
    char *made, *config = NULL;
    if (!folder_is_tune(path)) return file_trim(path, folder);
    FORWARD(results_read(path, &results));
    cf_status status = winner_folder(path, &results, &winner, &made);
    results_free(&results);
    FORWARD(status);
    FAIL_IF(!made, CF_BAD_USE, "%s is a tune of which no trial has come to its end", path);
    status = file_join(made, "config.json", &config);
    if (!status && !file_exists(config))
        status = FAIL(CF_BAD_USE,
                      "%s is a tune whose winner has no configuration yet: it is not finished, or of an earlier "
                      "version; the same cifra tune command again finishes it",
                      path);
    free(config);
    if (status) free(made);
    if (!status) *folder = made;
    return status;
}
