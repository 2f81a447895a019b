/* What a tune has found, as a section and as a page of its own, from the template tune.html. */
#include "study/report/report_inside.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/text_draft.h"
#include "study/figures/figures.h"

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
    if (isfinite(best->accuracy_low))
        html_write(out, HTML_FACT("%s", "%.2f %%", "%s, %.2f to %.2f %%, 95 %% interval (%s)"), name, 100 * best->accuracy.mean,
                   whose, 100 * fmax(0, best->accuracy_low), 100 * fmin(1, best->accuracy_high),
                   best->done > 1 ? "Student\xe2\x80\x99s t" : "Wilson");
    else
        html_write(out, HTML_FACT("%s", "%.2f %%", "%s"), name, 100 * best->accuracy.mean, whose);
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
    char one[32], two[32], all[32], p[32];
    if (!c->best) return;
    const char *text = c->only_best + c->only_other == 0 ? "equal"
                       : comparison_is_noise(c)          ? "noise"
                       : c->only_best > c->only_other    ? "better"
                                                         : "in doubt";
    snprintf(p, sizeof p, "%s %.*f", c->p < 0.0001 ? "<" : "=", c->p < 0.01 ? 4 : 2, fmax(c->p, 0.0001));
    html_write(out, HTML_FACT("Against the runner-up", "%s", "%s images against %s of %s, p %s"), text,
               text_thousands((long long)c->only_best, one), text_thousands((long long)c->only_other, two),
               text_thousands((long long)c->images, all), p);
}

static void work_facts(FILE *out, const TuneResults *r) {
    char text[64];
    long long epochs = 0;
    for (size_t i = 0; i < r->list.count; i++) epochs += r->list.trials[i].epochs_run;
    html_write(out, HTML_FACT("Trials", "%s", "%zu done, %zu pruned, %zu failed%s"),
               text_thousands((long long)r->list.count, text), r->done, r->pruned, r->failed,
               r->done + r->pruned + r->failed < r->list.count ? "; not finished yet" : "");
    html_write(out, HTML_FACT("Work", "%.0f %s", "of all trials, one after the other"),
               r->seconds < 600 ? r->seconds : r->seconds / 60, r->seconds < 600 ? "s" : "min");
    html_fact(out, "Epochs", text_thousands(epochs, text), "over all trials");
}

static cf_status write_facts(FILE *out, const TuneResults *results) {
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
static cf_status write_verdict(FILE *out, const TuneResults *results) {
    Comparison comparison;
    AUTO(text_draft_abandon) TextDraft draft = {0};
    AUTO_FREE char *text = NULL;
    FORWARD(results_compare(results, &comparison));
    FORWARD(text_draft(&draft));
    comparison_print(results, &comparison, draft.stream);
    FORWARD(text_draft_finish(&draft, &text, NULL));
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        html_write(out, "<p class=\"verdict-line\">%s</p>\n", line);
    }
    return CF_OK;
}

static bool is_number(const char *text) {
    double value;
    return text_to_number(text, &value);
}

static void write_state(FILE *out, const Configuration *c) {
    if (c->count > 1 && c->done == c->count)
        html_write(out, "<td>%zu seeds</td>", c->count);
    else if (c->count > 1)
        html_write(out, "<td>%zu of %zu seeds</td>", c->done, c->count);
    else
        table_text(out, trial_state_words[c->trials[0]->state]);
}

static void write_row(FILE *out, const TuneResults *r, size_t place) {
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
    table_percent(out, c->accuracy.mean);
    table_interval(out, c->accuracy_low, c->accuracy_high);
    table_number(out, t->best_epoch, "%d/%d", t->best_epoch, t->epochs_run);
    table_number(out, c->seconds, "%.1f", c->seconds);
    write_state(out, c);
    table_row_end(out);
}

static void write_table(FILE *out, const TuneResults *r) {
    const size_t many = 32;
    char caption[120];
    snprintf(caption, sizeof caption, "All configurations by %s; the best one is marked", results_objective(r));
    table_begin(out, (TableStyle){.sortable = true, .tall = r->count > many, .class = "dense", .id = "configurations"}, caption);
    table_columns(out, ">#|>Trial");
    for (int p = 0; p < r->space.count; p++)
        table_head(out, r->space.parameters[p].name, r->count && is_number(r->configurations[0].values[p]));
    table_columns(out, r->seeds > 1 ? ">Loss|>\xc2\xb1" : ">Loss");
    table_columns(out, ">Accuracy, %|>95 %|>Epochs|>Seconds|State");
    table_body(out);
    for (size_t i = 0; i < r->count; i++) write_row(out, r, i);
    table_end(out);
}

/* The comparison in words, a table of all configurations, reasons of failures. */
static cf_status write_trials(FILE *out, const TuneResults *results) {
    if (!results->count) {
        html_note(out, "No trial has begun yet.");
        return CF_OK;
    }
    FORWARD(write_verdict(out, results));
    write_table(out, results);
    for (size_t i = 0; i < results->list.count; i++) {
        const Trial *t = &results->list.trials[i];
        if (t->state != TRIAL_FAILED) continue;
        html_write(out, "<p class=\"note\">Trial %d failed: %s</p>\n", t->id, t->reason ? t->reason : "no reason was recorded");
    }
    html_note(
        out,
        results->seeds > 1
            ? "Of one trial the 95 % interval of the accuracy is Wilson\xe2\x80\x99s, over the validation images; of several seeds "
              "it is Student\xe2\x80\x99s t of the mean, and \xc2\xb1 half of that of the loss. Configurations with several seeds "
              "come first. Epochs: the best of how many."
            : "The 95 % interval of the accuracy is Wilson\xe2\x80\x99s, over the validation images: what another seed would bring "
              "is not in it; cifra tune --seeds N tells that of the leading ones. Epochs: the best of how many.");
    return CF_OK;
}

/* ---- Figures ---- */

static cf_status write_figures(FILE *out, const FigureSeries *figures) {
    static const char *const captions[] = {
        "Configurations in order, validation loss and accuracy; bars are 95 % intervals, of the loss over seeds",
        "A line per configuration to its result; the best one is broad, failed and diverged ones are dashed",
        "Effect of each parameter: means over the configurations that share a value",
        "Learning curves of all trials; pruned ones end in a ring, failed ones in a cross",
        "Each trial over each parameter that has a range"};
    return report_figures(out, figures, figures_tune_names, captions);
}

/* ---- Settings ---- */

static void write_parameter(FILE *out, const SpaceParameter *p) {
    html_write(out, "<div><dt>%s</dt><dd>", p->name);
    for (int v = 0; v < p->count; v++) html_write(out, v ? ", %s" : "%s", p->texts[v]);
    if (p->kind != PARAMETER_LIST)
        fprintf(out, "%g to %g%s", p->low, p->high,
                p->kind == PARAMETER_LOG_UNIFORM ? ", uniform in the logarithm"
                : p->kind == PARAMETER_INTEGER   ? ", whole numbers"
                                                 : ", uniform");
    fputs("</dd></div>\n", out);
}

/* Space, search, training, data. */
static void write_settings(FILE *out, const TuneResults *r) {
    static const char *const groups[][2] = {
        {"search", "Search"}, {"train", "Training, where the space leaves it open"}, {"data", "Data"}};
    html_write(
        out,
        "<h3>Model</h3><pre class=\"line\"><code>%s</code></pre>\n<div class=\"columns\"><div><h3>Space</h3><dl class=\"pairs\">\n",
        r->space.model ? r->space.model : "?");
    for (int p = 0; p < r->space.count; p++) write_parameter(out, &r->space.parameters[p]);
    fputs("</dl></div>\n", out);
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        const json_t *object = json_object_get(r->settings, groups[i][0]);
        if (!json_is_object(object)) continue;
        fputs("<div>", out);
        html_pairs(out, groups[i][1], object, "");
        fputs("</div>\n", out);
    }
    fputs("</div>\n", out);
}

cf_status section_tune(FILE *out, const TuneResults *results, const FigureSeries *figures) {
    FORWARD(write_facts(out, results));
    fputs("<div class=\"after-facts\">\n", out);
    FORWARD(write_trials(out, results));
    fputs("</div>\n<div class=\"figures\">\n", out);
    FORWARD(write_figures(out, figures));
    fputs("</div>\n", out);
    write_settings(out, results);
    return CF_OK;
}

/* ---- The page ---- */

typedef struct TunePage {
    const TuneResults *results;
    const char *title;
    FigureSeries figures;
} TunePage;

static void write_subtitle(FILE *out, const TuneResults *r) {
    html_write(out, "%zu configuration%s of the space <em>%s</em>", r->count, r->count == 1 ? "" : "s",
               r->space.name ? r->space.name : "?");
    if (r->data) html_write(out, " on <em>%s</em>", r->data);
    for (int p = 0; p < r->space.count; p++)
        html_write(out, "%s<em>%s</em>", !p ? ": " : p + 1 == r->space.count ? " and " : ", ", r->space.parameters[p].name);
}

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    const TunePage *page = context;
    if (page_place_is(name, length, "facts")) return write_facts(out, page->results);
    if (page_place_is(name, length, "trials")) return write_trials(out, page->results);
    if (page_place_is(name, length, "figures")) return write_figures(out, &page->figures);
    if (page_place_is(name, length, "title"))
        html_text(out, page->title);
    else if (page_place_is(name, length, "subtitle"))
        write_subtitle(out, page->results);
    else if (page_place_is(name, length, "settings"))
        write_settings(out, page->results);
    else
        return page_unknown_place("tune.html", name, length);
    return CF_OK;
}

cf_status report_tune_write(const char *folder) {
    AUTO(results_free) TuneResults results = {0};
    AUTO_FREE char *figures = NULL, *title = NULL;
    FORWARD(results_read(folder, &results));
    FORWARD(file_join(folder, "figures", &figures));
    FORWARD(page_folder_name(folder, &title));
    return page_report(folder, "tune.html", write_place, &(TunePage){&results, title, {figures, "", FIGURES_LARGEST, 1}});
}
