#include "cli/tune_output.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "cli/terminal.h"
#include "study/figures/figures.h"
#include "study/report/report.h"
#include "study/run/tune_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_ROWS = 50 };

/* ---- JSON ---- */

static json_t *number_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static cf_status trial_json(const Space *space, const Trial *t, json_t **json) {
    json_t *config;
    FORWARD(space_point_json(space, &t->point, &config));
    json_t *made = json_pack("{s:i s:s s:o s:I s:i s:{s:o s:o} s:i s:i s:f s:s s:o}", "id", t->id, "state",
                             trial_state_words[t->state], "config", config, "seed", (json_int_t)t->seed, "repeats",
                             t->repeats, "validation", "loss", number_or_null(t->validation_loss), "accuracy",
                             t->best_epoch ? json_real(t->validation_accuracy) : json_null(), "best_epoch",
                             t->best_epoch, "epochs_run", t->epochs_run, "seconds", t->seconds, "weights_sha256",
                             t->weights_sha256, "reason", json_text(t->reason));
    FAIL_IF(!made, CF_NO_MEMORY, "out of memory while making the JSON of trial %d", t->id);
    *json = made;
    return CF_OK;
}

static cf_status trials_json(const TuneResults *r, json_t *trials) {
    for (size_t i = 0; i < r->list.count; i++) {
        json_t *one;
        FORWARD(trial_json(&r->space, &r->list.trials[i], &one));
        json_array_append_new(trials, one);
    }
    return CF_OK;
}

static cf_status print_results_json(const TuneOutput *o, const TuneResults *r, const FigureList *figures) {
    const Configuration *best = results_best(r);
    json_t *trials = json_array(), *best_json = json_null(), *comparison_made = json_null();
    Comparison comparison;
    char *report = NULL;
    cf_status status = trials_json(r, trials);
    if (!status && best) status = trial_json(&r->space, best->trials[0], &best_json);
    if (!status) status = results_compare(r, &comparison);
    if (!status) status = comparison_json(&comparison, &comparison_made);
    if (!status) status = memory_print(&report, "%s/report.html", o->folder);
    json_t *json = json_pack("{s:o s:o s:o s:o s:o s:o s:o}", "tune", json_text(o->folder), "data", json_text(o->data),
                             "grid", json_text(r->space.name), "trials", trials, "best", best_json, "comparison",
                             comparison_made, "report", json_text(report));
    free(report);
    if (!status) return print_json_with_figures(json, figures);
    json_decref(json);
    return status;
}

/* ---- Text ---- */

static cf_status print_results(const TuneOutput *o, const TuneResults *r) {
    Comparison comparison;
    FORWARD(results_print(r, MOST_ROWS, stdout));
    FORWARD(results_compare(r, &comparison));
    if (comparison.best) putchar('\n');
    comparison_print(r, &comparison, stdout);
    print_printable("\nreport: %s/report.html\n", o->folder);
    return CF_OK;
}

/* ---- What is left in the folder ---- */

static cf_status leave(const TuneOutput *o, const TuneResults *r, FigureList *figures) {
    const FigureOptions drawn = {.formats = o->formats};
    char *path;
    FORWARD(file_join(o->folder, "trials.csv", &path));
    cf_status status = results_write(r, path);
    free(path);
    FORWARD(status);
    FORWARD(tune_run_write(o->folder, r, o->common, o->set));
    FORWARD(figures_tune_make(o->folder, r, &drawn, figures));
    return report_tune_write(o->folder);
}

/* The results are told whatever happens to what is left: they are in the store. */
cf_status tune_output(const Arguments *given, const TuneOutput *output) {
    TuneResults results = {0};
    FigureList figures = {0};
    char *kept = NULL;
    cf_status status;
    FORWARD(results_read(output->folder, &results));
    const cf_status left = leave(output, &results, &figures);
    if (left) FORWARD_TO(done, memory_copy_string(cf_error(), &kept));
    if (given->json)
        FORWARD_TO(done, print_results_json(output, &results, &figures));
    else
        FORWARD_TO(done, print_results(output, &results));
    if (left)
        status = FAIL(left, "%s", kept);
    else if (!results_best(&results))
        status = FAIL(CF_DIVERGED, "no trial came to its end; see the reasons above, and try lower rates");
done:
    free(kept);
    figure_list_free(&figures);
    results_free(&results);
    return status;
}
