/* The search for the configuration that all trainings of a set have; without a search, the recipe's own. */
#include "study/pipeline/study_inside.h"

#include "base/ranks.h"
#include "study/figures/figures.h"
#include "study/report/report.h"
#include "study/run/run_ranks.h"

#include <stdlib.h>
#include <string.h>

static cf_status search(const Study *study, const Stage *stage, const StudySet *set, const Space *space) {
    const Recipe *recipe = study->recipe;
    TuneOptions options = tune_defaults();
    char split_text[40];
    cf_split *split;
    split_to_text(&set->chosen.split, split_text);
    options.space = space;
    options.out = stage->folder;
    options.data = set->chosen.data;
    options.split_text = split_text;
    options.train = recipe->base.train;
    options.train.threads = study->threads;
    options.pruner = recipe->prune ? PRUNER_ASHA : PRUNER_NONE;
    options.progress = study->options->tuning;
    options.context = study->options->context;
    if (ranks_size() > 1) FORWARD(ranks_describe_data(&set->chosen, set->set, &options.source));
    cf_status status = cf_split_new(set->set, &set->chosen.split, &split);
    if (!status) {
        status = tune_run(split, &options);
        cf_split_free(split);
    }
    json_decref(options.source);
    return status;
}

/* The tune's own figures and page; the study's page shows the same figures. */
static cf_status show(const Study *study, const Stage *stage) {
    const FigureOptions options = {.formats = study->options->formats};
    FigureList list = {0};
    TuneResults results;
    FORWARD(results_read(stage->folder, &results));
    cf_status status = figures_tune_make(stage->folder, &results, &options, &list);
    figure_list_free(&list);
    results_free(&results);
    return status ? status : report_tune_write(stage->folder);
}

static json_t *count_states(const TrialList *trials) {
    json_t *counts = json_object();
    for (int s = 0; trial_state_words[s]; s++) {
        json_int_t count = 0;
        for (size_t i = 0; i < trials->count; i++) count += (int)trials->trials[i].state == s;
        json_object_set_new(counts, trial_state_words[s], json_integer(count));
    }
    return counts;
}

/* The set's configuration with the best point laid on. */
static cf_status choose(const StudySet *set, const Space *space, const SpacePoint *point, json_t **config) {
    RunConfig chosen = set->chosen;
    char *line;
    FORWARD(space_apply(space, point, &chosen.train, &line));
    chosen.model = line;
    cf_status status = run_config_json(&chosen, config);
    free(line);
    return status;
}

static cf_status conclude(const StudySet *set, Store *store, const Space *space, json_t **result) {
    TrialList trials;
    json_t *config, *point, *settings;
    FORWARD(store_settings(store, &settings));
    const TuneObjective objective = objective_of_settings(settings);
    json_decref(settings);
    FORWARD(store_trials(store, space, &trials));
    const Trial *best = trial_best(&trials, objective);
    cf_status status =
        best
            ? choose(set, space, &best->point, &config)
            : FAIL(CF_DIVERGED, "not one of %zu configurations could be trained to its end: see tune.db", trials.count);
    if (!status) {
        status = space_point_json(space, &best->point, &point);
        if (status) json_decref(config);
    }
    if (!status)
        *result = json_pack("{s:o s:o s:i s:f s:f s:I s:o}", "config", config, "point", point, "trial", best->id,
                            "loss", best->validation_loss, "accuracy", best->validation_accuracy, "trials",
                            (json_int_t)trials.count, "states", count_states(&trials));
    trial_list_free(&trials);
    return status;
}

static cf_status work(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    Space space;
    Store *store;
    FORWARD(space_read(study->recipe->grid, &space));
    cf_status status = search(study, stage, of->place.set, &space);
    if (!status) status = show(study, stage);
    if (!status) status = store_open_existing(stage->folder, &store);
    if (!status) {
        status = conclude(of->place.set, store, &space, result);
        store_close(store);
    }
    space_free(&space);
    return status;
}

static int count(const Study *study) {
    return study->recipe->grid != NULL;
}

static cf_status check(const Study *study, const StudyPlace *place) {
    Space space;
    (void)place;
    FORWARD(space_read(study->recipe->grid, &space));
    space_free(&space);
    return CF_OK;
}

static void load(const Study *study, const StudyPlace *place, StudyLoad *load) {
    Space space;
    (void)place;
    if (space_read(study->recipe->grid, &space)) return; /* check has read it */
    estimate_search(study->recipe, (int)space_points(&space), load);
    space_free(&space);
}

static json_t *inputs_of(const StudySet *set, const Recipe *recipe, const Space *space) {
    json_t *config, *described;
    if (run_config_json(&set->chosen, &config)) return NULL;
    if (space_json(space, &described)) {
        json_decref(config);
        return NULL;
    }
    json_object_del(config, "data_dir");
    return json_pack("{s:o s:s s:o s:b}", "config", config, "data", set->data_print, "space", described, "prune",
                     recipe->prune);
}

static cf_status prepare(Study *study, StudyStage *stage) {
    const StudySet *set = stage->place.set;
    Space space;
    FORWARD(space_read(study->recipe->grid, &space));
    stage->inputs = inputs_of(set, study->recipe, &space);
    space_free(&space);
    FAIL_IF(!stage->inputs, CF_NO_MEMORY, "out of memory for what a search depends on");
    stage->work = work;
    snprintf(stage->name, sizeof stage->name, "tune-%s", set->name);
    snprintf(stage->what, sizeof stage->what, "%s: search", set->name);
    snprintf(stage->path, sizeof stage->path, "search.%s", set->name);
    return CF_OK;
}

/* From now on the set has the configuration that was found. */
static cf_status finish(Study *study, const StudyPlace *place) {
    StudySet *set = place->set;
    RunConfig chosen;
    FORWARD(run_config_from_json(json_object_get(study_result(study, "search", set->name), "config"), &chosen));
    /* Where the data lie is this call's, not that of the call that searched. */
    cf_status status = run_config_text(&chosen.data_dir, study->options->data_dir);
    run_config_free(&set->chosen);
    set->chosen = chosen;
    return status ? status : recipe_lay(study->recipe->final, &set->chosen.train);
}

const StageKind study_search_kind = {
    .key = "search", .count = count, .check = check, .load = load, .prepare = prepare, .finish = finish};
