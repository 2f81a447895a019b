/* The search for the configuration that all trainings of a set have; without a search, the recipe's own. */
#include "study/pipeline/study_inside.h"

#include "base/ranks.h"
#include "study/figures/figures.h"
#include "study/report/report.h"
#include "study/run/run_ranks.h"

static cf_status search(const Study *study, const Stage *stage, const StudySet *set) {
    const Recipe *recipe = study->recipe;
    AUTO(cf_split_free_at) cf_split *split = NULL;
    json_auto_t *source = NULL;
    TuneOptions options = tune_defaults();
    char split_text[40];
    split_to_text(&set->chosen.split, split_text);
    if (ranks_size() > 1) FORWARD(ranks_describe_data(&set->chosen, set->set, &source));
    options.source = source;
    options.space = &recipe->space;
    options.out = stage->folder;
    options.data = set->chosen.data;
    options.split_text = split_text;
    options.train = recipe->base.train;
    options.train.threads = study->threads;
    options.pruner = recipe->prune ? PRUNER_ASHA : PRUNER_NONE;
    options.progress = study->options->tuning;
    options.context = study->options->context;
    FORWARD(cf_split_new(set->set, &set->chosen.split, &split));
    return tune_run(split, &options);
}

/* The tune's own figures and page; the study's page shows the same figures. */
static cf_status write_report(const Study *study, const Stage *stage) {
    const FigureOptions options = {.formats = study->options->formats};
    AUTO(figure_list_free) FigureList list = {0};
    AUTO(results_free) TuneResults results = {0};
    FORWARD(results_read(stage->folder, &results));
    FORWARD(figures_tune_make(stage->folder, &results, &options, &list));
    return report_tune_write(stage->folder);
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

/* The best point, and the set's configuration with it laid on. */
static cf_status describe_best(const StudySet *set, Store *store, const Space *space, json_t **result) {
    AUTO(trial_list_free) TrialList trials = {0};
    json_auto_t *config = NULL, *point = NULL, *settings = NULL;
    AUTO_FREE char *line = NULL;
    RunConfig chosen = set->chosen;
    FORWARD(store_settings(store, &settings));
    FORWARD(store_trials(store, space, &trials));
    const Trial *best = trial_best(&trials, objective_of_settings(settings));
    FAIL_IF(!best, CF_DIVERGED, "not one of %zu configurations could be trained to its end: see tune.db", trials.count);
    FORWARD(space_apply(space, &best->point, &chosen.train, &line));
    chosen.model = line;
    FORWARD(run_config_json(&chosen, &config));
    FORWARD(space_point_json(space, &best->point, &point));
    *result = json_pack("{s:O s:O s:i s:f s:f s:I s:o}", "config", config, "point", point, "trial", best->id, "loss",
                        best->validation_loss, "accuracy", best->validation_accuracy, "trials",
                        (json_int_t)trials.count, "states", count_states(&trials));
    return CF_OK;
}

static cf_status do_search(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    AUTO(store_close_at) Store *store = NULL;
    FORWARD(search(study, stage, of->place.set));
    FORWARD(write_report(study, stage));
    FORWARD(store_open_existing(stage->folder, &store));
    return describe_best(of->place.set, store, &study->recipe->space, result);
}

static int count_searches(const Study *study) {
    return study->recipe->grid != NULL;
}

static void load_search(const Study *study, const StudyPlace *place, StudyLoad *load) {
    (void)place;
    estimate_search(study->recipe, (int)space_points(&study->recipe->space), load);
}

static cf_status prepare_search(Study *study, StudyStage *stage) {
    const StudySet *set = stage->place.set;
    json_auto_t *config = NULL, *described = NULL;
    FORWARD(run_config_json(&set->chosen, &config));
    FORWARD(space_json(&study->recipe->space, &described));
    json_object_del(config, "data_dir");
    stage->inputs = json_pack("{s:O s:s s:O s:b}", "config", config, "data", set->data_print, "space", described,
                              "prune", study->recipe->prune);
    stage->work = do_search;
    snprintf(stage->name, sizeof stage->name, "tune-%s", set->name);
    snprintf(stage->what, sizeof stage->what, "%s: search", set->name);
    snprintf(stage->path, sizeof stage->path, "search.%s", set->name);
    return CF_OK;
}

/* From now on the set has the configuration that was found. */
static cf_status finish_search(Study *study, const StudyPlace *place) {
    StudySet *set = place->set;
    RunConfig chosen;
    FORWARD(run_config_from_json(json_object_get(study_result(study, "search", set->name), "config"), &chosen));
    run_config_free(&set->chosen);
    set->chosen = chosen;
    /* Where the data lie is this call's, not that of the call that searched. */
    FORWARD(run_config_text(&set->chosen.data_dir, study->options->data_dir));
    return recipe_lay(study->recipe->final, &set->chosen.train);
}

const StageKind study_search_kind = {.key = "search",
                                     .count = count_searches,
                                     .load = load_search,
                                     .prepare = prepare_search,
                                     .finish = finish_search};
