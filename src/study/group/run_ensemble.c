#include "study/group/run_ensemble.h"

#include <stdlib.h>
#include <string.h>

/* ---- The members ---- */

static cf_status open_one(const char *folder, RunEnsemble *e) {
    FORWARD(memory_grow(&e->runs, e->count, sizeof *e->runs));
    FORWARD(run_open(folder, &e->runs[e->count]));
    e->count++;
    return CF_OK;
}

static cf_status open_group(const char *folder, RunEnsemble *e) {
    AUTO(group_free) Group group = {0};
    FORWARD(group_read(folder, &group));
    FAIL_IF(group.done < (size_t)group.plan.count, CF_BAD_USE,
            "%zu of the %d runs of %s are done; resume with: cifra train --resume --out %s", group.done,
            group.plan.count, folder, folder);
    for (int i = 0; i < group.plan.count; i++) FORWARD(open_one(group.runs[i].folder, e));
    return CF_OK;
}

/* The same network twice would count twice. */
static cf_status check_members(const RunEnsemble *e) {
    FAIL_IF(e->count < 2, CF_BAD_USE, "an ensemble of one run: two runs at least are needed");
    for (size_t i = 0; i < e->count; i++)
        for (size_t k = 0; k < i; k++)
            FAIL_IF(strcmp(e->runs[i]->folder, e->runs[k]->folder) == 0, CF_BAD_USE, "%s is named twice",
                    e->runs[i]->folder);
    return CF_OK;
}

cf_status run_ensemble_open(const char *const *folders, size_t count, RunEnsemble *ensemble) {
    AUTO(run_ensemble_free) RunEnsemble made = {0};
    for (size_t i = 0; i < count; i++)
        FORWARD(folder_is_group(folders[i]) ? open_group(folders[i], &made) : open_one(folders[i], &made));
    FORWARD(check_members(&made));
    *ensemble = made;
    made = (RunEnsemble){0};
    return CF_OK;
}

void run_ensemble_free(RunEnsemble *ensemble) {
    ensemble_free(&ensemble->ensemble);
    for (size_t i = ensemble->count; i-- > 0;) run_free(ensemble->runs[i]); /* the first one's shelf has the sets */
    free(ensemble->runs);
    free(ensemble->data);
    *ensemble = (RunEnsemble){0};
}

/* ---- Evaluation ---- */

static bool one_validation_part(const RunEnsemble *e) {
    const cf_subset *first = cf_split_part(e->runs[0]->split, CF_VALIDATION);
    for (size_t i = 1; i < e->count; i++)
        if (!subset_equal(cf_split_part(e->runs[i]->split, CF_VALIDATION), first)) return false;
    return true;
}

static cf_status fit_temperature(const RunEnsemble *e, const EnsembleModel *models, int threads,
                                 Temperature *temperature) {
    AUTO(ensemble_free) Ensemble validation = {0};
    *temperature =
        (Temperature){0, "it is fitted on one validation part, for the test part of the runs' own data only"};
    if (strcmp(e->part, "test") != 0) return CF_OK;
    temperature->missing = "the runs have different validation images";
    if (!one_validation_part(e)) return CF_OK;
    FORWARD(ensemble_evaluate(models, e->count, cf_split_part(e->runs[0]->split, CF_VALIDATION), threads, &validation));
    const Predictions predictions = evaluation_predictions(&validation.evaluation);
    return temperature_fit(&predictions, temperature);
}

/* What the ensemble has seen is at least what the member has seen that saw most. */
static const Overlap *largest_overlap(const RunEnsemble *e) {
    const Overlap *largest = &e->runs[0]->overlap;
    for (size_t i = 1; i < e->count; i++) {
        const Overlap *one = &e->runs[i]->overlap;
        const bool more = one->trained + one->validated > largest->trained + largest->validated;
        if (largest->checked && (!one->checked || more)) largest = one;
    }
    return largest;
}

static cf_status evaluate_models(RunEnsemble *e, const cf_subset *images, int threads) {
    AUTO_FREE EnsembleModel *models = NULL;
    Temperature temperature;
    FORWARD(memory_new(e->count, sizeof *models, &models));
    for (size_t i = 0; i < e->count; i++)
        models[i] = (EnsembleModel){e->runs[i]->model, e->runs[i]->engine, e->runs[i]->views};
    FORWARD(fit_temperature(e, models, threads, &temperature));
    FORWARD(ensemble_evaluate(models, e->count, images, threads, &e->ensemble));
    e->ensemble.evaluation.temperature = temperature;
    e->ensemble.evaluation.overlap = *largest_overlap(e);
    e->best = ensemble_best(&e->ensemble);
    ensemble_discordant(&e->ensemble, e->best, &e->only_ensemble, &e->only_best);
    return CF_OK;
}

cf_status run_ensemble_evaluate(RunEnsemble *e, const char *data, const char *data_dir, const char *part, int threads) {
    const cf_subset *images;
    Run *first = e->runs[0];
    FORWARD(memory_copy_string(data ? data : first->config.data, &e->data));
    FORWARD(run_choose_images(first, data, data_dir, part, &images, &e->part));
    for (size_t i = 1; i < e->count; i++) FORWARD(run_adopt_images(e->runs[i], first, images, e->part));
    /* What the first one has seen is told already. */
    if (largest_overlap(e) != &first->overlap) overlap_tell(largest_overlap(e), cf_subset_count(images));
    return evaluate_models(e, images, threads);
}

/* ---- Documents and files ---- */

static json_t *against_best(const RunEnsemble *e) {
    const size_t n = e->ensemble.evaluation.count;
    const double p = sign_test_p(e->only_ensemble, e->only_best);
    double low, high;
    paired_difference_interval(e->only_ensemble, e->only_best, n, &low, &high);
    return json_pack("{s:o s:I s:I s:f s:[f f] s:f s:b}", "run", json_text(e->runs[e->best]->folder), "only_ensemble",
                     (json_int_t)e->only_ensemble, "only_member", (json_int_t)e->only_best, "difference",
                     ((double)e->only_ensemble - (double)e->only_best) / (double)n, "interval", low, high, "p", p,
                     "noise", p >= 0.05 || (low <= 0 && high >= 0));
}

cf_status run_ensemble_json(const RunEnsemble *e, json_t **json) {
    FORWARD(evaluation_json(&e->ensemble.evaluation, e->data, e->part, json));
    json_t *members = json_array();
    for (size_t i = 0; i < e->count; i++)
        json_array_append_new(members, json_pack("{s:o s:f s:f}", "run", json_text(e->runs[i]->folder), "accuracy",
                                                 e->ensemble.members[i].accuracy, "loss", e->ensemble.members[i].loss));
    json_object_set_new(*json, "members", members);
    json_object_set_new(*json, "against_best", against_best(e));
    return CF_OK;
}

cf_status run_ensemble_write(const RunEnsemble *e, const char *folder, const FigureOptions *options, FigureList *list,
                             char **predictions) {
    AUTO_FREE char *trimmed = NULL, *suffix = NULL, *document = NULL, *table = NULL;
    json_auto_t *json = NULL;
    FORWARD(file_trim(folder, &trimmed));
    /* In the place of a run, for names and figures: the ensemble's folder, and no model. */
    const Run shell = {
        .folder = trimmed, .config = e->runs[0]->config, .set = e->runs[0]->set, .other = e->runs[0]->other};
    FORWARD(file_make_folder(trimmed));
    FORWARD(figures_suffix(&shell, e->data, e->part, true, &suffix));
    FORWARD(memory_print(&document, "%s/ensemble%s.json", trimmed, suffix));
    FORWARD(memory_print(&table, "%s/predictions%s.csv", trimmed, suffix));
    FORWARD(run_ensemble_json(e, &json));
    FORWARD(json_write(document, json));
    FORWARD(predictions_write(table, &e->ensemble.evaluation));
    FORWARD(figures_make(&shell, &e->ensemble.evaluation, e->data, e->part, options, list));
    *predictions = memory_take(&table);
    return CF_OK;
}
