#include "cli/tune_output.h"

#include "base/json_text.h"
#include "cli/terminal.h"
#include "study/figures/figures_tune.h"
#include "study/report/report_tune.h"
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
    *json = json_pack("{s:i s:s s:o s:I s:i s:{s:o s:o} s:i s:i s:f s:s s:o}", "id", t->id, "state",
                      trial_state_words[t->state], "config", config, "seed", (json_int_t)t->seed, "repeats", t->repeats,
                      "validation", "loss", number_or_null(t->validation_loss), "accuracy",
                      t->best_epoch ? json_real(t->validation_accuracy) : json_null(), "best_epoch", t->best_epoch,
                      "epochs_run", t->epochs_run, "seconds", t->seconds, "weights_sha256", t->weights_sha256, "reason",
                      json_text(t->reason));
    FAIL_IF(!*json, CF_NO_MEMORY, "out of memory while making the JSON of trial %d", t->id);
    return CF_OK;
}

static cf_status print_results_json(const TuneOutput *o, const TuneResults *r, const Comparison *comparison,
                                    const FigureList *figures) {
    const Configuration *best = results_best(r);
    json_auto_t *trials = json_array(), *best_json = NULL, *comparison_made = NULL;
    AUTO_FREE char *report = NULL;
    for (size_t i = 0; i < r->list.count; i++) {
        json_t *one;
        FORWARD(trial_json(&r->space, &r->list.trials[i], &one));
        json_array_append_new(trials, one);
    }
    if (best) FORWARD(trial_json(&r->space, best->trials[0], &best_json));
    FORWARD(comparison_json(comparison, &comparison_made));
    FORWARD(file_join(o->folder, "report.html", &report));
    return print_json_with_figures(json_pack("{s:o s:o s:o s:O s:O? s:O s:o}", "tune", json_text(o->folder), "data",
                                             json_text(o->data), "grid", json_text(r->space.name), "trials", trials,
                                             "best", best_json, "comparison", comparison_made, "report",
                                             json_text(report)),
                                   figures);
}

/* ---- What is told, and left in the folder ---- */

static cf_status print_results(const Arguments *given, const TuneOutput *o, const TuneResults *r,
                               const FigureList *figures) {
    Comparison comparison;
    FORWARD(results_compare(r, &comparison));
    if (given->json) return print_results_json(o, r, &comparison, figures);
    FORWARD(results_print(r, MOST_ROWS, stdout));
    if (comparison.best) putchar('\n');
    comparison_print(r, &comparison, stdout);
    print_printable("\nreport: %s/report.html\n", o->folder);
    return CF_OK;
}

static cf_status write_files(const TuneOutput *o, const TuneResults *r, FigureList *figures) {
    const FigureOptions drawn = {.formats = o->formats};
    AUTO_FREE char *path = NULL;
    FORWARD(file_join(o->folder, "trials.csv", &path));
    FORWARD(results_write(r, path));
    FORWARD(tune_run_write(o->folder, r, o->common, o->set));
    FORWARD(figures_tune_make(o->folder, r, &drawn, figures));
    return report_tune_write(o->folder);
}

/* The results are told whatever happens to the files: they are in the store. */
cf_status tune_output(const Arguments *given, const TuneOutput *output) {
    AUTO(results_free) TuneResults results = {0};
    AUTO(figure_list_free) FigureList figures = {0};
    AUTO_FREE char *reason = NULL;
    FORWARD(results_read(output->folder, &results));
    const cf_status written = write_files(output, &results, &figures);
    if (written) FORWARD(memory_copy_string(cf_error(), &reason));
    FORWARD(print_results(given, output, &results, &figures));
    FAIL_IF(written, written, "%s", reason);
    FAIL_IF(!results_best(&results), CF_DIVERGED,
            "no trial came to its end; see the reasons above, and try lower rates");
    return CF_OK;
}
