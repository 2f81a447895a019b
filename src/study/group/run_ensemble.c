#include "study/group/run_ensemble.h"

#include "base/json_text.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- The members ---- */

static cf_status open_one(const char *folder, RunEnsemble *e) {
    Run **more = realloc(e->runs, (e->count + 1) * sizeof(Run *));
    FAIL_IF(!more, CF_NO_MEMORY, "out of memory while opening %s", folder);
    e->runs = more;
    FORWARD(run_open(folder, &e->runs[e->count]));
    e->count++;
    return CF_OK;
}

static cf_status open_group(const char *folder, RunEnsemble *e) {
    Group group;
    FORWARD(group_read(folder, &group));
    cf_status status = CF_OK;
    if (group.done < (size_t)group.plan.count)
        status = FAIL(CF_BAD_USE, "%zu of the %d runs of %s are done; resume with: cifra train --resume --out %s",
                      group.done, group.plan.count, folder, folder);
    for (int i = 0; i < group.plan.count && !status; i++) status = open_one(group.runs[i].folder, e);
    group_free(&group);
    return status;
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
    RunEnsemble made = {0};
    cf_status status = CF_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = folder_is_group(folders[i]) ? open_group(folders[i], &made) : open_one(folders[i], &made);
    if (!status) status = check_members(&made);
    if (status)
        run_ensemble_free(&made);
    else
        *ensemble = made;
    return status;
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
    for (size_t i = 1; i < e->count; i++) {
        const cf_subset *other = cf_split_part(e->runs[i]->split, CF_VALIDATION);
        if (other->count != first->count ||
            memcmp(other->images, first->images, first->count * sizeof *first->images) != 0)
            return false;
    }
    return true;
}

static cf_status fit_temperature(const RunEnsemble *e, const EnsembleModel *models, int threads,
                                 Temperature *temperature) {
    Ensemble validation;
    *temperature =
        (Temperature){0, "it is fitted on one validation part, for the test part of the runs' own data only"};
    if (strcmp(e->part, "test") != 0) return CF_OK;
    temperature->missing = "the runs have different validation images";
    if (!one_validation_part(e)) return CF_OK;
    FORWARD(ensemble_evaluate(models, e->count, cf_split_part(e->runs[0]->split, CF_VALIDATION), threads, &validation));
    const Predictions predictions = evaluation_predictions(&validation.evaluation);
    cf_status status = temperature_fit(&predictions, temperature);
    ensemble_free(&validation);
    return status;
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
    EnsembleModel *models;
    Temperature temperature;
    FORWARD(memory_new(e->count, sizeof *models, &models));
    for (size_t i = 0; i < e->count; i++)
        models[i] = (EnsembleModel){e->runs[i]->model, e->runs[i]->engine, e->runs[i]->views};
    cf_status status = fit_temperature(e, models, threads, &temperature);
    if (!status) status = ensemble_evaluate(models, e->count, images, threads, &e->ensemble);
    free(models);
    FORWARD(status);
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
    json_t *root, *members = json_array();
    cf_status status = evaluation_json(&e->ensemble.evaluation, e->data, e->part, &root);
    for (size_t i = 0; i < e->count; i++)
        json_array_append_new(members, json_pack("{s:o s:f s:f}", "run", json_text(e->runs[i]->folder), "accuracy",
                                                 e->ensemble.members[i].accuracy, "loss", e->ensemble.members[i].loss));
    if (status) {
        json_decref(members);
        return status;
    }
    json_object_set_new(root, "members", members);
    json_object_set_new(root, "against_best", against_best(e));
    *json = root;
    return CF_OK;
}

static cf_status write_documents(const RunEnsemble *e, const char *folder, const char *suffix, char **predictions) {
    char *path;
    json_t *json = NULL;
    FORWARD(memory_print(&path, "%s/ensemble%s.json", folder, suffix));
    cf_status status = run_ensemble_json(e, &json);
    if (!status) status = json_write(path, json);
    json_decref(json);
    free(path);
    FORWARD(status);
    FORWARD(memory_print(predictions, "%s/predictions%s.csv", folder, suffix));
    status = predictions_write(*predictions, &e->ensemble.evaluation);
    if (status) {
        free(*predictions);
        *predictions = NULL;
    }
    return status;
}

cf_status run_ensemble_write(const RunEnsemble *e, const char *folder, const FigureOptions *options, FigureList *list,
                             char **predictions) {
    /* In the place of a run, for names and figures: the ensemble's folder, and no model. */
    Run shell = {.config = e->runs[0]->config, .set = e->runs[0]->set, .other = e->runs[0]->other};
    char *suffix = NULL;
    cf_status status;
    *predictions = NULL;
    FORWARD(file_trim(folder, &shell.folder));
    FORWARD_TO(done, file_make_folder(shell.folder));
    FORWARD_TO(done, figures_suffix(&shell, e->data, e->part, true, &suffix));
    FORWARD_TO(done, write_documents(e, shell.folder, suffix, predictions));
    FORWARD_TO(done, figures_make(&shell, &e->ensemble.evaluation, e->data, e->part, options, list));
done:
    free(suffix);
    free(shell.folder);
    return status;
}
