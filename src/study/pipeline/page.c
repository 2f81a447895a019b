#include "study/pipeline/page.h"

#include "base/memory.h"
#include "study/figures/figures.h"
#include "study/ledger/study_results.h"
#include "study/report/report_inside.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { STUDY_FIGURES_LARGEST = 8 << 20 };

/* ---- Shared ---- */

cf_status page_figure(FILE *out, const StudyPage *page, const char *stage, const char *name, const char *caption) {
    ReportFigure figure = {0};
    cf_status status = memory_print(&figure.name, "%s.svg", name);
    if (!status) status = memory_print(&figure.path, "%s/%s/%s", page->study->options->folder, stage, figure.name);
    if (!status && file_exists(figure.path))
        status = report_figure(out, &figure, caption, page->bytes, (*page->number)++);
    free(figure.name);
    free(figure.path);
    return status;
}

cf_status page_run_figure(FILE *out, const StudyPage *page, const StudySet *set, const char *name, const char *caption) {
    char stage[96];
    snprintf(stage, sizeof stage, "train-%s-s1/figures", set->name);
    return page_figure(out, page, stage, name, caption);
}

void page_figures_begin(FILE *out) {
    fputs("<div class=\"figures\">\n", out);
}

void page_figures_end(FILE *out) {
    fputs("</div>\n", out);
}

void page_heading(FILE *out, const char *format, ...) {
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("<h3 class=\"set\">", out);
    html_text(out, text);
    fputs("</h3>\n", out);
}

void page_set_heading(FILE *out, const StudySet *set) {
    page_heading(out, "%s", set->name);
}

const json_t *page_result(const StudyPage *page, const char *group, const char *key) {
    return study_result(page->study, group, key);
}

void page_seeds(FILE *out, const StudyPage *page) {
    const Recipe *recipe = page->study->recipe;
    fprintf(out, "%d seeds", recipe->seeds);
    if (recipe->splits == recipe->seeds)
        fputs(", each with a split of its own", out);
    else if (recipe->splits > 1)
        fprintf(out, " over %d splits", recipe->splits);
}

/* ---- Opening ---- */

static void subtitle(FILE *out, const StudyPage *page) {
    const Study *s = page->study;
    fputs("The recipe <em>", out);
    html_text(out, s->recipe->name);
    fputs("</em> on ", out);
    for (int i = 0; i < s->set_count; i++) {
        fprintf(out, "%s<em>", !i ? "" : i + 1 < s->set_count ? ", " : " and ");
        html_text(out, s->sets[i].chosen.data);
        fputs("</em>", out);
    }
}

/* Of several seeds the mean with Student's t, of one Wilson's interval over its test images. */
static cf_status accuracy_fact(FILE *out, const char *name, const json_t *runs) {
    const json_t *wilson = json_object_get(json_array_get(runs, 0), "accuracy_interval");
    const size_t seeds = json_array_size(runs);
    char text[32], remark[120];
    MeanInterval m;
    if (!seeds) return CF_OK;
    FORWARD(runs_interval(runs, "accuracy", &m));
    snprintf(text, sizeof text, "%.2f %%", 100 * m.mean);
    if (seeds > 1)
        snprintf(remark, sizeof remark, "%.2f to %.2f %%, 95 %% interval (Student\xe2\x80\x99s t, %zu seeds)", 100 * m.low, 100 * m.high, seeds);
    else
        snprintf(remark, sizeof remark, "%.2f to %.2f %%, 95 %% interval (Wilson)", 100 * json_number_value(json_array_get(wilson, 0)),
                 100 * json_number_value(json_array_get(wilson, 1)));
    html_fact(out, name, text, remark);
    return CF_OK;
}

static cf_status facts(FILE *out, const StudyPage *page) {
    const StudySet *sets = page->study->sets;
    const int count = page->study->set_count;
    char name[200], text[32];
    fprintf(out, "<dl class=\"facts%s\">\n", count == 2 ? " two" : "");
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "Test accuracy, %s", sets[i].name);
        FORWARD(accuracy_fact(out, name, page_result(page, "test", sets[i].name)));
    }
    for (int i = 0; i < count; i++) {
        const json_t *runs = page_result(page, "test", sets[i].name);
        if (!json_array_size(runs)) continue;
        snprintf(name, sizeof name, "F1, %s", sets[i].name);
        snprintf(text, sizeof text, "%.4f", runs_mean(runs, "macro.f1"));
        html_fact(out, name, text, "mean over the classes");
    }
    for (int i = 0; i < count && count == 2; i++) {
        char way[140];
        snprintf(way, sizeof way, "%s-on-%s", sets[i].name, sets[1 - i].name);
        snprintf(name, sizeof name, "Accuracy, %s \xe2\x86\x92 %s", sets[i].name, sets[1 - i].name);
        FORWARD(accuracy_fact(out, name, page_result(page, "cross", way)));
    }
    fputs("</dl>\n", out);
    return CF_OK;
}

/* The study's one confusion matrix, UMAP and learning curves of each set: its other pages have what these leave open. */
static cf_status pictures(FILE *out, const StudyPage *page) {
    static const struct {
        const char *name, *caption;
    } shown[] = {{"curves", "Learning curves on the training and the validation part; the circle marks the epoch whose weights were kept"},
                    {"confusion", "Confusion matrix of the test part: rows are the true class, columns the predicted class"},
                    {"umap", "UMAP of features: each point is a test image, in the colour of its class"},
                    {"misclassified", "Misclassified test images, the most confident first"}};
    for (int i = 0; i < page->study->set_count; i++) {
        const StudySet *set = &page->study->sets[i];
        if (page->study->set_count > 1) page_set_heading(out, set);
        fputs("<div class=\"pictures\">\n", out);
        for (size_t k = 0; k < COUNT_OF(shown); k++)
            FORWARD(page_run_figure(out, page, set, shown[k].name, shown[k].caption));
        fputs("</div>\n", out);
    }
    return CF_OK;
}

static void story(FILE *out, const StudyPage *page) {
    const json_t *lines = page->outcome->story;
    fputs("<ol class=\"story\">\n", out);
    for (size_t i = 0; i < json_array_size(lines); i++) {
        fputs("<li>", out);
        html_text(out, json_string_value(json_array_get(lines, i)));
        fputs("</li>\n", out);
    }
    fputs("</ol>\n", out);
}

/* ---- Data ---- */

static void count_table(FILE *out, const json_t *data) {
    static const char *const parts[] = {"train", "validation", "test"};
    const json_t *classes = json_object_get(data, "classes"), *counts = json_object_get(data, "counts");
    table_begin(out, (TableStyle){0}, "Images per class");
    table_head(out, "", false);
    for (size_t c = 0; c < json_array_size(classes); c++)
        table_head(out, result_text(json_array_get(classes, c), ""), true);
    table_head(out, "all", true);
    table_body(out);
    for (size_t p = 0; p < COUNT_OF(parts); p++) {
        const json_t *list = json_object_get(counts, parts[p]);
        double sum = 0;
        page_row(out, parts[p], "");
        for (size_t c = 0; c < json_array_size(list); c++) {
            const double count = json_number_value(json_array_get(list, c));
            sum += count;
            page_cells(out, "w", count);
        }
        page_cells(out, "w/", sum);
    }
    page_table_end(out);
}

static cf_status data(FILE *out, const StudyPage *page) {
    for (int i = 0; i < page->study->set_count; i++) {
        const StudySet *set = &page->study->sets[i];
        const Ledger *ledger = &page->outcome->ledger;
        const json_t *d = page_result(page, "data", set->name);
        char stage[96];
        page_set_heading(out, set);
        if (i < CLAIM_SETS && ledger->other_data[i][0]) {
            fputs("<p class=\"note\">Not compared with the report\xe2\x80\x99s figures: ", out);
            html_text(out, ledger->other_data[i]);
            fputs(".</p>\n", out);
        }
        count_table(out, d);
        snprintf(stage, sizeof stage, "data-%s", set->name);
        page_figures_begin(out);
        FORWARD(page_figure(out, page, stage, "distribution", NULL));
        FORWARD(page_figure(out, page, stage, "samples", "Two images of each class in each part"));
        page_figures_end(out);
    }
    return CF_OK;
}

/* ---- Search ---- */

static cf_status search_of(FILE *out, const StudyPage *page, const StudySet *set) {
    TuneResults results;
    char *folder, *figures = NULL;
    FORWARD(memory_print(&folder, "%s/tune-%s", page->study->options->folder, set->name));
    cf_status status = file_join(folder, "figures", &figures);
    if (!status) status = results_read(folder, &results);
    if (!status) {
        const FigureSeries shown = {figures, "", *page->bytes, *page->number};
        status = section_tune(out, &results, &shown);
        for (int i = 0; figures_tune_names[i]; i++) ++*page->number;
        results_free(&results);
    }
    free(folder);
    free(figures);
    return status;
}

static cf_status search(FILE *out, const StudyPage *page) {
    for (int i = 0; i < page->study->set_count; i++) {
        page_set_heading(out, &page->study->sets[i]);
        FORWARD(search_of(out, page, &page->study->sets[i]));
    }
    return CF_OK;
}

/* ---- Settings ---- */

static cf_status settings(FILE *out, const StudyPage *page) {
    json_t *recipe;
    FORWARD(recipe_json(page->study->recipe, &recipe));
    fputs("<div class=\"columns\"><div><h3>Study</h3><dl class=\"pairs\">\n", out);
    html_rows(out, recipe, "");
    fputs("</dl></div><div><h3>Split</h3><dl class=\"pairs\">\n", out);
    html_rows(out, json_object_get(recipe, "split"), "");
    fputs("</dl></div><div><h3>Training, where the search leaves it open</h3><dl class=\"pairs\">\n", out);
    html_rows(out, json_object_get(recipe, "train"), "");
    fputs("</dl></div></div>\n", out);
    fprintf(out, "<p class=\"aside\">All stages took %.0f s of work.</p>\n", page->outcome->seconds);
    json_decref(recipe);
    return CF_OK;
}

/* ---- The template ---- */

static bool is_shown(const StudyPage *page, const char *section) {
    static const char *const always[] = {"facts", "pictures", "evaluation", "settings"};
    if (strcmp(section, "ledger") == 0) return page->outcome->ledger.file != NULL;
    for (size_t i = 0; i < COUNT_OF(always); i++)
        if (strcmp(section, always[i]) == 0) return true;
    return study_has(page->study, section);
}

static cf_status fill(FILE *out, const char *name, size_t length, const void *context) {
    static const struct {
        const char *name;
        cf_status (*write)(FILE *out, const StudyPage *page);
    } sections[] = {{"facts", facts},
                    {"pictures", pictures},
                    {"data", data},
                    {"search", search},
                    {"training", page_training},
                    {"evaluation", page_evaluation},
                    {"features", page_features},
                    {"cross", page_cross},
                    {"imbalance", page_imbalance},
                    {"transfer", page_transfer},
                    {"adaptation", page_adaptation},
                    {"attention", page_attention},
                    {"ledger", page_ledger},
                    {"settings", settings}};
    static const char with[] = "with-";
    const StudyPage *page = context;
    const bool asked = length > strlen(with) && strncmp(name, with, strlen(with)) == 0; /* whether a section is shown */
    const size_t begin = asked ? strlen(with) : 0;
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        if (!page_place_is(name + begin, length - begin, sections[i].name)) continue;
        const bool shown = is_shown(page, sections[i].name);
        if (asked && !shown) fputs("hidden", out);
        return asked || !shown ? CF_OK : sections[i].write(out, page);
    }
    if (page_place_is(name, length, "title"))
        html_text(out, page->study->recipe->name);
    else if (page_place_is(name, length, "subtitle"))
        subtitle(out, page);
    else if (page_place_is(name, length, "version"))
        html_text(out, cf_version());
    else if (page_place_is(name, length, "story"))
        story(out, page);
    else if (page_place_is(name, length, "verdicts"))
        page_verdicts(out, page);
    else
        return FAIL(CF_INTERNAL, "study.html asks for {{%.*s}}, which nobody writes", (int)length, name);
    return CF_OK;
}

cf_status study_page_write(const Study *study, const StudyOutcome *outcome) {
    size_t bytes = STUDY_FIGURES_LARGEST;
    int number = 1;
    const StudyPage page = {study, outcome, &bytes, &number};
    FileDraft draft;
    FORWARD(file_draft(outcome->report, &draft));
    cf_status status = page_write(draft.stream, "study.html", fill, &page);
    if (status) {
        file_abandon(&draft);
        return status;
    }
    return file_commit(&draft);
}
