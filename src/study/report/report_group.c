/* report.html of a group of runs, from the template group.html. */
#include "base/memory.h"
#include "base/text.h"
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

static void subtitle(FILE *out, const Group *group) {
    char title[32];
    group_title(group, title);
    fputs("The model <em>", out);
    html_text(out, group->config.model);
    fputs("</em> on <em>", out);
    html_text(out, group->config.data);
    fprintf(out, "</em>, trained %s %s", of_seeds(group) ? "with" : "on", title);
}

/* ---- Facts ---- */

static void interval_text(const MeanInterval *m, char text[96]) {
    if (isfinite(m->low))
        snprintf(text, 96, "%.2f to %.2f %%, 95 %% interval (Student\xe2\x80\x99s t)", 100 * fmax(0, m->low),
                 100 * fmin(1, m->high));
    else
        snprintf(text, 96, "of one run: there is no interval yet");
}

static void accuracy_fact(FILE *out, const char *name, const MeanInterval *m) {
    char text[32], remark[96];
    snprintf(text, sizeof text, "%.2f %%", 100 * m->mean);
    interval_text(m, remark);
    html_fact(out, name, text, remark);
}

/* Of GROUP/ensemble, where cifra eval GROUP has left it. */
static cf_status ensemble_fact(FILE *out, const Group *group) {
    char *path, text[32], remark[120];
    json_t *json;
    FORWARD(memory_print(&path, "%s/ensemble/ensemble.json", group->folder));
    const bool there = file_exists(path);
    const cf_status status = there ? json_read(path, &json) : CF_OK;
    free(path);
    if (!there || status) return status;
    const json_t *interval = json_object_get(json, "accuracy_interval");
    snprintf(text, sizeof text, "%.2f %%", 100 * json_number_value(json_object_get(json, "accuracy")));
    snprintf(remark, sizeof remark, "%.2f to %.2f %%, 95 %% interval (Wilson); the mean of %zu networks\xe2\x80\x99 probabilities",
             100 * json_number_value(json_array_get(interval, 0)), 100 * json_number_value(json_array_get(interval, 1)),
             json_array_size(json_object_get(json, "members")));
    html_fact(out, "Test accuracy, ensemble", text, remark);
    json_decref(json);
    return CF_OK;
}

static cf_status facts(FILE *out, const Group *group) {
    const MeanInterval *m = &group->test;
    char text[32], remark[96];
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
        snprintf(text, sizeof text, "%.2f points", 100 * m->deviation);
        snprintf(remark, sizeof remark, "between the runs on test; from %.2f to %.2f %%", 100 * least, 100 * most);
        html_fact(out, "Standard deviation", text, remark);
    }
    if (group->done < (size_t)group->plan.count) {
        snprintf(text, sizeof text, "%zu of %d", group->done, group->plan.count);
        html_fact(out, of_seeds(group) ? "Seeds" : "Folds", text, "are done: the group is not finished yet");
    }
    fputs("</dl>\n", out);
    return CF_OK;
}

/* ---- The table ---- */

static void percent_cell(FILE *out, double share) {
    table_number(out, share, "%.2f", 100 * share);
}

static double number_or_none(const json_t *json) {
    return json_is_number(json) ? json_number_value(json) : (double)NAN;
}

static cf_status row(FILE *out, const GroupRun *run) {
    const json_t *metrics = run->files.metrics;
    char *page;
    FORWARD(file_join(run->folder, "report.html", &page));
    const bool linked = file_exists(page);
    free(page);
    if (linked) {
        table_row(out, NULL, false);
        fprintf(out, "<th scope=\"row\"><a href=\"%s/report.html\">%s</a></th>", run->name, run->name);
    } else
        table_row(out, run->name, false);
    percent_cell(out, run->validation);
    percent_cell(out, run->test);
    table_interval(out, run->low, run->high);
    table_loss(out, number_or_none(json_object_get(json_object_get(run->done ? metrics : NULL, "test"), "loss")));
    const long long best = json_integer_value(json_object_get(metrics, "best_epoch"));
    table_number(out, run->done ? (double)best : (double)NAN, "%lld/%lld", best, (long long)json_integer_value(json_object_get(metrics, "epochs_run")));
    table_text(out, run->files.state);
    table_row_end(out);
    return CF_OK;
}

static void mean_row(FILE *out, const Group *group) {
    if (!group->done) return;
    table_row(out, "mean", true);
    percent_cell(out, group->validation.mean);
    percent_cell(out, group->test.mean);
    table_interval(out, group->test.low, group->test.high);
    table_empty(out, 3);
    table_row_end(out);
}

static cf_status runs(FILE *out, const Group *group) {
    table_begin(out, (TableStyle){.sortable = true, .tall = group->plan.count > 32, .class = "dense", .id = "runs-table"},
                "Accuracies of each run, and their mean");
    table_head(out, of_seeds(group) ? "Seed" : "Fold", false);
    table_heads(out, (const char *const[]){"Validation, %", "Test, %", "95 %", "Test loss", "Epochs", NULL}, true);
    table_head(out, "State", false);
    table_body(out);
    for (int i = 0; i < group->plan.count; i++) FORWARD(row(out, &group->runs[i]));
    table_foot(out);
    mean_row(out, group);
    table_end(out);
    html_note(
        out, "The 95 % interval of one run is Wilson\xe2\x80\x99s, over its test images: what another seed would bring "
             "is not in it. That of the mean is Student\xe2\x80\x99s t, over the runs. Epochs: the best of how many.");
    if (*group_caveat(group)) html_note(out, group_caveat(group));
    return CF_OK;
}

/* ---- Figures and settings ---- */

static cf_status figures(FILE *out, const GroupPage *page) {
    static const char *const captions[GROUP_FIGURES] = {
        "Accuracy of each run; bars are 95 % intervals: of a run over its test images, of the mean over the runs",
        "Learning curves of all runs on the validation part, and their mean as far as all of them go"};
    size_t bytes = FIGURES_LARGEST;
    bool any = false;
    for (int i = 0; i < GROUP_FIGURES; i++) {
        char *name, *path = NULL;
        FORWARD(memory_print(&name, "%s.svg", figures_group_names[i]));
        cf_status status = file_join(page->figures, name, &path);
        if (!status && file_exists(path)) {
            const ReportFigure figure = {name, path, 0};
            status = report_figure(out, &figure, captions[i], &bytes, i + 1);
            any = true;
        }
        free(path);
        free(name);
        FORWARD(status);
    }
    if (!any) html_note(out, "There are no figures in the folder.");
    return CF_OK;
}

static void settings_group(FILE *out, const char *title, const json_t *object, const char *skipped) {
    fprintf(out, "<div><h3>%s</h3><dl class=\"pairs\">\n", title);
    html_rows(out, object, skipped);
    fputs("</dl></div>\n", out);
}

static cf_status settings(FILE *out, const Group *group) {
    json_t *config;
    FORWARD(run_config_json(&group->config, &config));
    fputs("<h3>Model</h3><pre class=\"line\"><code>", out);
    html_text(out, group->config.model);
    fputs("</code></pre>\n<div class=\"columns\">\n", out);
    settings_group(out, "Training", json_object_get(config, "train"), of_seeds(group) ? "seed" : "");
    settings_group(out, "Split", json_object_get(config, "split"), "fold");
    fputs("</div>\n", out);
    json_decref(config);
    return CF_OK;
}

/* ---- The page ---- */

static cf_status fill(FILE *out, const char *name, size_t length, const void *context) {
    const GroupPage *page = context;
    if (page_place_is(name, length, "title"))
        html_text(out, page->title);
    else if (page_place_is(name, length, "subtitle"))
        subtitle(out, page->group);
    else if (page_place_is(name, length, "version"))
        html_text(out, CIFRA_VERSION);
    else if (page_place_is(name, length, "facts"))
        return facts(out, page->group);
    else if (page_place_is(name, length, "runs"))
        return runs(out, page->group);
    else if (page_place_is(name, length, "figures"))
        return figures(out, page);
    else if (page_place_is(name, length, "settings"))
        return settings(out, page->group);
    else
        return FAIL(CF_INTERNAL, "group.html asks for {{%.*s}}, which nobody writes", (int)length, name);
    return CF_OK;
}

cf_status report_group_write(const char *folder) {
    Group group = {0};
    FileDraft draft = {0};
    char *path = NULL, *pictures = NULL, *real = realpath(folder, NULL); /* of "." too a name */
    cf_status status;
    FORWARD_TO(done, group_read(folder, &group));
    FORWARD_TO(done, file_join(folder, "figures", &pictures));
    FORWARD_TO(done, file_join(folder, "report.html", &path));
    FORWARD_TO(done, file_draft(path, &draft));
    const GroupPage page = {&group, file_base_name(real ? real : folder), pictures};
    FORWARD_TO(done, page_write(draft.stream, "group.html", fill, &page));
    FORWARD_TO(done, file_commit(&draft));
done:
    file_abandon(&draft);
    group_free(&group);
    free(real);
    free(path);
    free(pictures);
    return status;
}
