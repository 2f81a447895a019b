#include "study/report/report_tune.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/text_draft.h"
#include "study/figures/figures_tune.h"
#include "study/report/report_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Facts ---- */

static void loss_fact(FILE *out, const char *name, const Configuration *best, const char *whose) {
    char text[32], remark[256];
    snprintf(remark, sizeof remark, "%s", whose);
    if (best->loss.count > 1)
        snprintf(remark, sizeof remark, "mean over %zu seeds, 95 %% interval %.4f to %.4f; %s", best->loss.count,
                 best->loss.low, best->loss.high, whose);
    html_fact(out, name, text_loss(best->loss.mean, text), remark);
}

static void accuracy_fact(FILE *out, const char *name, const Configuration *best, const char *whose) {
    char text[32], remark[256];
    snprintf(text, sizeof text, "%.2f %%", 100 * best->accuracy.mean);
    snprintf(remark, sizeof remark, "%s", whose);
    if (isfinite(best->accuracy_low))
        snprintf(remark, sizeof remark, "%s, %.2f to %.2f %%, 95 %% interval (%s)", whose,
                 100 * fmax(0, best->accuracy_low), 100 * fmin(1, best->accuracy_high),
                 best->done > 1 ? "Student\xe2\x80\x99s t" : "Wilson");
    html_fact(out, name, text, remark);
}

/* What it was chosen by comes first. */
static void best_facts(FILE *out, const TuneResults *r, const Configuration *best) {
    char configuration[160];
    configuration_text(r, best, configuration, sizeof configuration);
    if (r->objective == OBJECTIVE_ACCURACY) {
        accuracy_fact(out, "Best validation accuracy", best, configuration);
        loss_fact(out, "Validation loss", best, "of the same");
    } else {
        loss_fact(out, "Best validation loss", best, configuration);
        accuracy_fact(out, "Validation accuracy", best, "of the same");
    }
}

static void comparison_fact(FILE *out, const Comparison *c) {
    char one[32], two[32], all[32], remark[160];
    if (!c->best) return;
    const char *text = c->only_best + c->only_other == 0 ? "equal"
                       : comparison_is_noise(c)          ? "noise"
                       : c->only_best > c->only_other    ? "better"
                                                         : "in doubt";
    snprintf(remark, sizeof remark, "%s images against %s of %s, p %s %.*f",
             text_thousands((long long)c->only_best, one), text_thousands((long long)c->only_other, two),
             text_thousands((long long)c->images, all), c->p < 0.0001 ? "<" : "=", c->p < 0.01 ? 4 : 2,
             fmax(c->p, 0.0001));
    html_fact(out, "Against the runner-up", text, remark);
}

static void work_facts(FILE *out, const TuneResults *r) {
    char text[64], remark[96];
    size_t epochs = 0;
    for (size_t i = 0; i < r->list.count; i++) epochs += (size_t)r->list.trials[i].epochs_run;
    text_thousands((long long)r->list.count, text);
    snprintf(remark, sizeof remark, "%zu done, %zu pruned, %zu failed%s", r->done, r->pruned, r->failed,
             r->done + r->pruned + r->failed < r->list.count ? "; not finished yet" : "");
    html_fact(out, "Trials", text, remark);
    if (r->seconds < 600)
        snprintf(text, sizeof text, "%.0f s", r->seconds);
    else
        snprintf(text, sizeof text, "%.0f min", r->seconds / 60);
    html_fact(out, "Work", text, "of all trials, one after the other");
    text_thousands((long long)epochs, text);
    html_fact(out, "Epochs", text, "over all trials");
}

cf_status section_tune_facts(FILE *out, const TuneResults *results) {
    Comparison comparison;
    FORWARD(results_compare(results, &comparison));
    fputs("<dl class=\"facts\">\n", out);
    if (results_best(results)) best_facts(out, results, results_best(results));
    comparison_fact(out, &comparison);
    work_facts(out, results);
    fputs("</dl>\n", out);
    return CF_OK;
}

/* ---- The table ---- */

/* The sentences of comparison_print, each a paragraph. */
static cf_status verdict(FILE *out, const TuneResults *results) {
    Comparison comparison;
    char *text;
    TextDraft draft;
    FORWARD(results_compare(results, &comparison));
    FORWARD(text_draft(&draft));
    comparison_print(results, &comparison, draft.stream);
    FORWARD(text_draft_finish(&draft, &text, NULL));
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        fputs("<p class=\"verdict-line\">", out);
        html_text(out, line);
        fputs("</p>\n", out);
    }
    free(text);
    return CF_OK;
}

static bool is_number(const char *text) {
    double value;
    return text_to_number(text, &value);
}

static void state_cell(FILE *out, const Configuration *c) {
    char text[64];
    if (c->count > 1 && c->done == c->count)
        snprintf(text, sizeof text, "%zu seeds", c->count);
    else if (c->count > 1)
        snprintf(text, sizeof text, "%zu of %zu seeds", c->done, c->count);
    else
        snprintf(text, sizeof text, "%s", trial_state_words[c->trials[0]->state]);
    table_text(out, text);
}

static void row(FILE *out, const TuneResults *r, size_t place) {
    const Configuration *c = &r->configurations[place];
    const Trial *t = c->trials[0];
    table_row(out, NULL, c == results_best(r));
    fprintf(out, "<td class=\"n\">%zu</td><th scope=\"row\" class=\"n\">%d</th>", place + 1, t->id);
    for (int p = 0; p < r->space.count; p++) {
        const char *label = configuration_label(r, c, p);
        if (strcmp(label, c->values[p]) != 0)
            table_cut(out, label, c->values[p]);
        else if (is_number(label))
            table_figure(out, label);
        else
            table_text(out, label);
    }
    table_loss(out, c->loss.mean);
    if (r->seeds > 1) table_loss(out, (c->loss.high - c->loss.low) / 2);
    table_number(out, c->accuracy.mean, "%.2f", 100 * c->accuracy.mean);
    table_interval(out, c->accuracy_low, c->accuracy_high);
    table_number(out, t->best_epoch, "%d/%d", t->best_epoch, t->epochs_run);
    table_number(out, c->seconds, "%.1f", c->seconds);
    state_cell(out, c);
    table_row_end(out);
}

static void table(FILE *out, const TuneResults *r) {
    const size_t many = 32;
    char caption[120];
    snprintf(caption, sizeof caption, "All configurations by %s; the best one is marked", results_objective(r));
    table_begin(out, (TableStyle){.sortable = true, .tall = r->count > many, .class = "dense", .id = "configurations"}, caption);
    table_heads(out, (const char *const[]){"#", "Trial", NULL}, true);
    for (int p = 0; p < r->space.count; p++)
        table_head(out, r->space.parameters[p].name, r->count && is_number(r->configurations[0].values[p]));
    table_head(out, "Loss", true);
    if (r->seeds > 1) table_head(out, "\xc2\xb1", true);
    table_heads(out, (const char *const[]){"Accuracy, %", "95 %", "Epochs", "Seconds", NULL}, true);
    table_head(out, "State", false);
    table_body(out);
    for (size_t i = 0; i < r->count; i++) row(out, r, i);
    table_end(out);
}

cf_status section_tune_trials(FILE *out, const TuneResults *results) {
    if (!results->count) {
        html_note(out, "No trial has begun yet.");
        return CF_OK;
    }
    FORWARD(verdict(out, results));
    table(out, results);
    for (size_t i = 0; i < results->list.count; i++) {
        const Trial *t = &results->list.trials[i];
        if (t->state != TRIAL_FAILED) continue;
        fprintf(out, "<p class=\"note\">Trial %d failed: ", t->id);
        html_text(out, t->reason ? t->reason : "no reason was recorded");
        fputs("</p>\n", out);
    }
    html_note(out, results->seeds > 1
                       ? "Of one trial the 95 % interval of the accuracy is Wilson\xe2\x80\x99s, over the "
                         "validation images; of several seeds it is Student\xe2\x80\x99s t of the mean, and "
                         "\xc2\xb1 half of that of the loss. Configurations with several seeds come first. "
                         "Epochs: the best of how many."
                       : "The 95 % interval of the accuracy is Wilson\xe2\x80\x99s, over the validation "
                         "images: what another seed would bring is not in it; cifra tune --seeds N tells that "
                         "of the leading ones. Epochs: the best of how many.");
    return CF_OK;
}

/* ---- Figures ---- */

cf_status section_tune_figures(FILE *out, const TuneFigures *figures) {
    static const char *const captions[] = {
        "Configurations in order, validation loss and accuracy; bars are 95 % intervals, of the loss over seeds",
        "A line per configuration to its result; the best one is broad, failed and diverged ones are dashed",
        "Effect of each parameter: means over the configurations that share a value",
        "Learning curves of all trials; pruned ones end in a ring, failed ones in a cross",
        "Each trial over each parameter that has a range"};
    size_t bytes = figures->bytes;
    bool any = false;
    for (int i = 0; figures_tune_names[i]; i++) {
        char *name, *path = NULL;
        FORWARD(memory_print(&name, "%s%s.svg", figures_tune_names[i], figures->suffix));
        cf_status status = file_join(figures->folder, name, &path);
        if (!status && file_exists(path)) {
            const ReportFigure figure = {name, path, 0};
            status = report_figure(out, &figure, captions[i], &bytes, figures->number + i);
            any = true;
        }
        free(path);
        free(name);
        FORWARD(status);
    }
    if (!any) html_note(out, "There are no figures in the folder.");
    return CF_OK;
}

/* ---- Settings ---- */

static void parameter(FILE *out, const SpaceParameter *p) {
    fputs("<div><dt>", out);
    html_text(out, p->name);
    fputs("</dt><dd>", out);
    for (int v = 0; v < p->count; v++) {
        if (v) fputs(", ", out);
        html_text(out, p->texts[v]);
    }
    if (p->kind != PARAMETER_LIST)
        fprintf(out, "%g to %g%s", p->low, p->high,
                p->kind == PARAMETER_LOG_UNIFORM ? ", uniform in the logarithm"
                : p->kind == PARAMETER_INTEGER   ? ", whole numbers"
                                                 : ", uniform");
    fputs("</dd></div>\n", out);
}

static void group(FILE *out, const TuneResults *r, const char *title, const char *key) {
    const json_t *object = json_object_get(r->settings, key);
    if (!json_is_object(object)) return;
    fprintf(out, "<div><h3>%s</h3><dl class=\"pairs\">\n", title);
    html_rows(out, object, "");
    fputs("</dl></div>\n", out);
}

void section_tune_settings(FILE *out, const TuneResults *results) {
    fputs("<h3>Model</h3><pre class=\"line\"><code>", out);
    html_text(out, results->space.model ? results->space.model : "?");
    fputs("</code></pre>\n<div class=\"columns\"><div><h3>Space</h3><dl class=\"pairs\">\n", out);
    for (int p = 0; p < results->space.count; p++) parameter(out, &results->space.parameters[p]);
    fputs("</dl></div>\n", out);
    group(out, results, "Search", "search");
    group(out, results, "Training, where the space leaves it open", "train");
    group(out, results, "Data", "data");
    fputs("</div>\n", out);
}

cf_status section_tune(FILE *out, const TuneResults *results, const TuneFigures *figures) {
    FORWARD(section_tune_facts(out, results));
    fputs("<div class=\"after-facts\">\n", out);
    FORWARD(section_tune_trials(out, results));
    fputs("</div>\n<div class=\"figures\">\n", out);
    FORWARD(section_tune_figures(out, figures));
    fputs("</div>\n", out);
    section_tune_settings(out, results);
    return CF_OK;
}
