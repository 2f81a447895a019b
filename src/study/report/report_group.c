/* report.html of a group of runs, from the template group.html. */
#include "base/memory.h"
#include "study/group/group.h"
#include "study/report/report_inside.h"

#include <math.h>
#include <stdlib.h>

typedef struct GroupPage {
    const Group *group;
    const char *title, *figures; /* the folder of the figures */
} GroupPage;

static bool of_seeds(const Group *group) {
    return group->plan.kind == GROUP_SEEDS;
}

/* ---- Facts ---- */

static void accuracy_fact(FILE *out, const char *name, const MeanInterval *m) {
    if (isfinite(m->low))
        html_write(out, HTML_FACT("%s", "%.2f %%", "%.2f to %.2f %%, 95 %% interval (Student\xe2\x80\x99s t)"), name,
                   100 * m->mean, 100 * fmax(0, m->low), 100 * fmin(1, m->high));
    else
        html_write(out, HTML_FACT("%s", "%.2f %%", "of one run: there is no interval yet"), name, 100 * m->mean);
}

/* Of GROUP/ensemble, where cifra eval GROUP has left it. */
static cf_status ensemble_fact(FILE *out, const Group *group) {
    AUTO_FREE char *path = NULL;
    json_auto_t *json = NULL;
    FORWARD(memory_print(&path, "%s/ensemble/ensemble.json", group->folder));
    if (!file_exists(path)) return CF_OK;
    FORWARD(json_read(path, &json));
    const json_t *interval = json_object_get(json, "accuracy_interval");
    html_write(out,
               HTML_FACT("Test accuracy, ensemble", "%.2f %%",
                         "%.2f to %.2f %%, 95 %% interval (Wilson); the mean of %zu networks\xe2\x80\x99 probabilities"),
               100 * json_number_at(json, "accuracy"), 100 * json_number_value(json_array_get(interval, 0)),
               100 * json_number_value(json_array_get(interval, 1)), json_array_size(json_object_get(json, "members")));
    return CF_OK;
}

static cf_status write_facts(FILE *out, const Group *group) {
    const MeanInterval *m = &group->test;
    fputs("<dl class=\"facts\">\n", out);
    if (group->target.count) accuracy_fact(out, "Mean test accuracy, target", &group->target);
    if (group->done) {
        accuracy_fact(out, group->target.count ? "Mean test accuracy, source" : "Mean test accuracy", m);
        accuracy_fact(out, group->target.count ? "Mean validation confidence" : "Mean validation accuracy", &group->validation);
    }
    FORWARD(ensemble_fact(out, group));
    if (group->done > 1) {
        double least = INFINITY, most = -INFINITY;
        for (int i = 0; i < group->plan.count; i++) {
            if (!group->runs[i].done) continue;
            least = fmin(least, group->runs[i].test), most = fmax(most, group->runs[i].test);
        }
        html_write(out, HTML_FACT("Standard deviation", "%.2f points", "between the runs on test; from %.2f to %.2f %%"),
                   100 * m->deviation, 100 * least, 100 * most);
    }
    if (group->done < (size_t)group->plan.count)
        html_write(out, HTML_FACT("%s", "%zu of %d", "are done: the group is not finished yet"),
                   of_seeds(group) ? "Seeds" : "Folds", group->done, group->plan.count);
    fputs("</dl>\n", out);
    return CF_OK;
}

/* ---- The table ---- */

static double number_or_none(const json_t *json) {
    return json_is_number(json) ? json_number_value(json) : (double)NAN;
}

static cf_status write_row(FILE *out, const GroupRun *run) {
    const json_t *metrics = run->files.metrics;
    AUTO_FREE char *page = NULL;
    FORWARD(file_join(run->folder, "report.html", &page));
    const bool linked = file_exists(page);
    table_row(out, linked ? NULL : run->name, false);
    if (linked) fprintf(out, "<th scope=\"row\"><a href=\"%s/report.html\">%s</a></th>", run->name, run->name);
    table_percent(out, run->validation);
    table_percent(out, run->test);
    table_interval(out, run->low, run->high);
    table_loss(out, number_or_none(json_object_get(json_object_get(run->done ? metrics : NULL, "test"), "loss")));
    const long long best = json_integer_value(json_object_get(metrics, "best_epoch"));
    table_number(out, run->done ? (double)best : (double)NAN, "%lld/%lld", best, (long long)json_integer_value(json_object_get(metrics, "epochs_run")));
    table_text(out, run->files.state);
    table_row_end(out);
    return CF_OK;
}

static void write_mean_row(FILE *out, const Group *group) {
    if (!group->done) return;
    table_row(out, "mean", true);
    table_percent(out, group->validation.mean);
    table_percent(out, group->test.mean);
    table_interval(out, group->test.low, group->test.high);
    table_empty(out, 3);
    table_row_end(out);
}

static cf_status write_runs(FILE *out, const Group *group) {
    table_open(out, (TableStyle){.sortable = true, .tall = group->plan.count > 32, .class = "dense", .id = "runs-table"},
               "Accuracies of each run, and their mean",
               of_seeds(group) ? "Seed|>Validation, %|>Test, %|>95 %|>Test loss|>Epochs|State"
                               : "Fold|>Validation, %|>Test, %|>95 %|>Test loss|>Epochs|State");
    for (int i = 0; i < group->plan.count; i++) FORWARD(write_row(out, &group->runs[i]));
    table_foot(out);
    write_mean_row(out, group);
    table_end(out);
    html_note(
        out,
        "The 95 % interval of one run is Wilson\xe2\x80\x99s, over its test images: what another seed would bring is not in it. "
        "That of the mean is Student\xe2\x80\x99s t, over the runs. Epochs: the best of how many.");
    if (*group_caveat(group)) html_note(out, group_caveat(group));
    return CF_OK;
}

/* ---- Figures and settings ---- */

static cf_status write_settings(FILE *out, const Group *group) {
    json_auto_t *config = NULL;
    FORWARD(run_config_json(&group->config, &config));
    html_write(out, "<h3>Model</h3><pre class=\"line\"><code>%s</code></pre>\n<div class=\"columns\">\n<div>",
               group->config.model);
    html_pairs(out, "Training", json_object_get(config, "train"), of_seeds(group) ? "seed" : "");
    fputs("</div>\n<div>", out);
    html_pairs(out, "Split", json_object_get(config, "split"), "fold");
    fputs("</div>\n</div>\n", out);
    return CF_OK;
}

/* ---- The page ---- */

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    static const char *const captions[GROUP_FIGURES] = {
        "Accuracy of each run; bars are 95 % intervals: of a run over its test images, of the mean over the runs",
        "Learning curves of all runs on the validation part, and their mean as far as all of them go"};
    const GroupPage *page = context;
    const Group *group = page->group;
    char title[32];
    group_title(group, title);
    if (page_place_is(name, length, "facts")) return write_facts(out, group);
    if (page_place_is(name, length, "runs")) return write_runs(out, group);
    if (page_place_is(name, length, "settings")) return write_settings(out, group);
    if (page_place_is(name, length, "figures"))
        return report_figures(out, &(FigureSeries){page->figures, "", FIGURES_LARGEST, 1}, figures_group_names, captions);
    if (page_place_is(name, length, "title"))
        html_text(out, page->title);
    else if (page_place_is(name, length, "subtitle"))
        html_write(out, "The model <em>%s</em> on <em>%s</em>, trained %s %s", group->config.model, group->config.data,
                   of_seeds(group) ? "with" : "on", title);
    else
        return page_unknown_place("group.html", name, length);
    return CF_OK;
}

cf_status report_group_write(const char *folder) {
    AUTO(group_free) Group group = {0};
    AUTO_FREE char *pictures = NULL, *title = NULL;
    FORWARD(group_read(folder, &group));
    FORWARD(file_join(folder, "figures", &pictures));
    FORWARD(page_folder_name(folder, &title));
    return page_report(folder, "group.html", write_place, &(GroupPage){&group, title, pictures});
}
