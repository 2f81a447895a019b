#include "cli/eval_ensemble.h"

#include "base/json_text.h"
#include "base/text.h"
#include "base/text_draft.h"
#include "cli/terminal.h"
#include "study/group/run_ensemble.h"

#include <stdio.h>

bool is_ensemble(const Arguments *given) {
    return given->positional_count > 1 || folder_is_group(given->positional[0]);
}

static cf_status choose_folder(const Arguments *given, const EnsembleArguments *a, char **folder) {
    AUTO_FREE char *config = NULL;
    if (!a->out && given->positional_count == 1) return file_join(given->positional[0], "ensemble", folder);
    FAIL_IF(!a->out && options_given(given, "figures") && a->figures.formats, CF_BAD_USE,
            "figures of several runs need a folder: name it with --out DIR");
    if (!a->out) return CF_OK;
    FORWARD(file_join(a->out, "config.json", &config));
    FAIL_IF(file_exists(config) || folder_is_group(a->out), CF_BAD_USE,
            "%s holds a run or a group; name another folder with --out", a->out);
    return file_trim(a->out, folder);
}

/* ---- Saying it ---- */

static void print_against_best(const RunEnsemble *e, FILE *out) {
    const Evaluation *all = &e->ensemble.evaluation;
    char one[32], other[32];
    double low, high;
    const double p = sign_test_p(e->only_ensemble, e->only_best),
                 difference = ((double)e->only_ensemble - (double)e->only_best) / (double)all->count;
    paired_difference_interval(e->only_ensemble, e->only_best, all->count, &low, &high);
    fprintf(out, "ensemble less the best of them (%s): %+.2f points, 95 %% interval %+.2f to %+.2f\n",
            e->runs[e->best]->folder, 100 * difference, 100 * low, 100 * high);
    fprintf(out, "right by the ensemble alone %s, by that run alone %s: p %s %.4f (McNemar's test, exact); %s\n",
            text_thousands((long long)e->only_ensemble, one), text_thousands((long long)e->only_best, other),
            p < 0.0001 ? "<" : "=", p < 0.0001 ? 0.0001 : p,
            p >= 0.05 || (low <= 0 && high >= 0) ? "this is noise"
            : difference > 0                     ? "the ensemble is better"
                                                 : "that run is better");
    fputs("It was chosen as the best on these very images, which flatters it.\n", out);
}

static void print_members(const RunEnsemble *e, FILE *out) {
    const Ensemble *all = &e->ensemble;
    fprintf(out, "\n%10s %10s  run\n", "accuracy", "loss");
    for (size_t i = 0; i < e->count; i++)
        fprintf(out, "%8.2f %% %10.4f  %s\n", 100 * all->members[i].accuracy, all->members[i].loss, e->runs[i]->folder);
    fprintf(out, "%8.2f %% %10.4f  the ensemble of these %zu\n", 100 * all->evaluation.metrics.summary.accuracy,
            all->evaluation.metrics.summary.loss, e->count);
    print_against_best(e, out);
}

static cf_status print_all(const RunEnsemble *e) {
    const Evaluation *evaluation = &e->ensemble.evaluation;
    AUTO(analysis_free) Analysis analysis = {0};
    TextDraft draft;
    FORWARD(analysis_new(evaluation, &analysis));
    FORWARD(text_draft(&draft));
    FILE *out = draft.stream;
    fprintf(out, "mean of the probabilities of %zu networks on %s, %s: %zu images", e->count, e->data, e->part,
            evaluation->count);
    if (evaluation->views) fprintf(out, ", %d views of each", augmentation_views(evaluation->views, NULL));
    if (evaluation->overlap.trained) fprintf(out, ", of which one was trained on %zu", evaluation->overlap.trained);
    fputs("\n\n", out);
    metrics_print_report(&evaluation->metrics, out);
    fputc('\n', out);
    metrics_print_confusion(&evaluation->metrics, out);
    fputc('\n', out);
    analysis_print(&analysis, out);
    print_members(e, out);
    return print_draft(&draft);
}

/* The result is printed before files are written, so that a failure of these costs nothing; JSON names them. */
static cf_status print_and_write(const RunEnsemble *e, const char *folder, const FigureOptions *figures, bool as_json) {
    AUTO(figure_list_free) FigureList list = {0};
    AUTO_FREE char *predictions = NULL;
    json_t *json;
    if (!as_json) FORWARD(print_all(e));
    if (folder) FORWARD(run_ensemble_write(e, folder, figures, &list, &predictions));
    terminal_figures(&list);
    if (!as_json) return CF_OK;
    FORWARD(run_ensemble_json(e, &json));
    if (predictions) json_object_set_new(json, "predictions", json_text(predictions));
    return print_json_with_figures(json, &list);
}

cf_status eval_ensemble(const Arguments *given, const EnsembleArguments *a) {
    AUTO(run_ensemble_free) RunEnsemble ensemble = {0};
    AUTO_FREE char *folder = NULL, *data = NULL;
    FORWARD(choose_folder(given, a, &folder));
    if (folder) FORWARD(file_check_folder(folder)); /* before the work */
    FORWARD(run_ensemble_open(given->positional, (size_t)given->positional_count, &ensemble));
    for (size_t i = 0; i < ensemble.count; i++) ensemble.runs[i]->views = a->views;
    FORWARD(data_chosen(a->data, ensemble.runs[0]->config.data, a->dials, &data));
    FORWARD(run_ensemble_evaluate(&ensemble, data, a->data_dir, a->part, a->threads));
    FORWARD(print_and_write(&ensemble, folder, &a->figures, given->json));
    return folder && !a->out ? report_group_write(given->positional[0]) : CF_OK; /* it shows the ensemble's accuracy */
}
