#include "study/pipeline/page.h"

#include "study/figures/figures.h"
#include "study/ledger/study_results.h"
#include "study/report/report_inside.h"

#include <string.h>

enum { STUDY_FIGURES_LARGEST = 8 << 20 };

/* ---- Shared ---- */

cf_status page_svg(FILE *out, const char *folder, const char *name, const char *caption, size_t *bytes, int *number) {
    AUTO_FREE char *file = NULL, *path = NULL;
    FORWARD(memory_print(&file, "%s.svg", name));
    FORWARD(file_join(folder, file, &path));
    if (!file_exists(path)) return CF_OK;
    return report_figure(out, &(ReportFigure){.name = file, .path = path}, caption, bytes, (*number)++);
}

cf_status page_figure(FILE *out, const StudyPage *page, const char *stage, const char *name, const char *caption) {
    AUTO_FREE char *folder = NULL;
    FORWARD(file_join(page->study->options->folder, stage, &folder));
    return page_svg(out, folder, name, caption, page->bytes, page->number);
}

cf_status page_lone_figure(FILE *out, const StudyPage *page, const char *stage, const char *name, const char *caption) {
    page_figures_begin(out);
    FORWARD(page_figure(out, page, stage, name, caption));
    page_figures_end(out);
    return CF_OK;
}

cf_status page_run_figure(FILE *out, const StudyPage *page, const StudySet *set, const char *name,
                          const char *caption) {
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

void page_set_heading(FILE *out, const StudySet *set) {
    html_write(out, "<h3 class=\"set\">%s</h3>\n", set->name);
}

/* ---- Opening ---- */

static void subtitle(FILE *out, const StudyPage *page) {
    const Study *s = page->study;
    html_write(out, "The recipe <em>%s</em> on ", s->recipe->name);
    for (int i = 0; i < s->set_count; i++)
        html_write(out, "%s<em>%s</em>", !i ? "" : i + 1 < s->set_count ? ", " : " and ", s->sets[i].chosen.data);
}

/* Of several seeds the mean with Student's t, of one Wilson's interval over its test images. */
static cf_status accuracy_fact(FILE *out, const char *name, const json_t *runs) {
    const json_t *first = json_array_get(runs, 0);
    const size_t seeds = json_array_size(runs);
    char text[32], remark[120];
    MeanInterval m;
    if (!seeds) return CF_OK;
    FORWARD(runs_interval(runs, "accuracy", &m));
    snprintf(text, sizeof text, "%.2f %%", 100 * m.mean);
    if (seeds > 1)
        snprintf(remark, sizeof remark, "%.2f to %.2f %%, 95 %% interval (Student\xe2\x80\x99s t, %zu seeds)",
                 100 * m.low, 100 * m.high, seeds);
    else
        snprintf(remark, sizeof remark, "%.2f to %.2f %%, 95 %% interval (Wilson)",
                 100 * result_number(first, "accuracy_interval.0"), 100 * result_number(first, "accuracy_interval.1"));
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
        FORWARD(accuracy_fact(out, name, study_result(page->study, "test", sets[i].name)));
    }
    for (int i = 0; i < count; i++) {
        const json_t *runs = study_result(page->study, "test", sets[i].name);
        if (!json_array_size(runs)) continue;
        snprintf(name, sizeof name, "F1, %s", sets[i].name);
        snprintf(text, sizeof text, "%.4f", runs_mean(runs, "macro.f1"));
        html_fact(out, name, text, "mean over the classes");
    }
    for (int i = 0; i < count && count == 2; i++) {
        char way[140];
        snprintf(way, sizeof way, "%s-on-%s", sets[i].name, sets[1 - i].name);
        snprintf(name, sizeof name, "Accuracy, %s \xe2\x86\x92 %s", sets[i].name, sets[1 - i].name);
        FORWARD(accuracy_fact(out, name, study_result(page->study, "cross", way)));
    }
    fputs("</dl>\n", out);
    return CF_OK;
}

/* The study's one confusion matrix, UMAP and learning curves of each set: its other pages have what these leave open. */
static cf_status pictures(FILE *out, const StudyPage *page, const StudyPlace *place) {
    static const struct {
        const char *name, *caption;
    } shown[] = {
        {"curves",
         "Learning curves on the training and the validation part; the circle marks the epoch whose weights were kept"},
        {"confusion", "Confusion matrix of the test part: rows are the true class, columns the predicted class"},
        {"umap", "UMAP of features: each point is a test image, in the colour of its class"},
        {"misclassified", "Misclassified test images, the most confident first"}};
    if (page->study->set_count > 1) page_set_heading(out, place->set);
    fputs("<div class=\"pictures\">\n", out);
    for (size_t k = 0; k < COUNT_OF(shown); k++)
        FORWARD(page_run_figure(out, page, place->set, shown[k].name, shown[k].caption));
    fputs("</div>\n", out);
    return CF_OK;
}

static void story(FILE *out, const StudyPage *page) {
    const json_t *lines = page->outcome->story;
    fputs("<ol class=\"story\">\n", out);
    for (size_t i = 0; i < json_array_size(lines); i++)
        html_write(out, "<li>%s</li>\n", json_string_value(json_array_get(lines, i)));
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
    table_end(out);
}

static cf_status data(FILE *out, const StudyPage *page, const StudyPlace *place) {
    const Ledger *ledger = &page->outcome->ledger;
    const long i = place->set - page->study->sets;
    char stage[160];
    page_set_heading(out, place->set);
    if (i < CLAIM_SETS && ledger->other_data[i][0])
        html_write(out, "<p class=\"note\">Not compared with the report\xe2\x80\x99s figures: %s.</p>\n",
                   ledger->other_data[i]);
    count_table(out, study_result(page->study, "data", place->key));
    snprintf(stage, sizeof stage, "data-%s", place->key);
    page_figures_begin(out);
    FORWARD(page_figure(out, page, stage, "distribution", NULL));
    FORWARD(page_figure(out, page, stage, "samples", "Two images of each class in each part"));
    page_figures_end(out);
    return CF_OK;
}

/* ---- Search ---- */

static cf_status search(FILE *out, const StudyPage *page, const StudyPlace *place) {
    AUTO(results_free) TuneResults results = {0};
    AUTO_FREE char *folder = NULL, *figures = NULL;
    page_set_heading(out, place->set);
    FORWARD(memory_print(&folder, "%s/tune-%s", page->study->options->folder, place->key));
    FORWARD(file_join(folder, "figures", &figures));
    FORWARD(results_read(folder, &results));
    FORWARD(section_tune(out, &results, &(FigureSeries){figures, "", *page->bytes, *page->number}));
    for (int i = 0; figures_tune_names[i]; i++) ++*page->number;
    return CF_OK;
}

/* ---- Settings ---- */

static cf_status settings(FILE *out, const StudyPage *page) {
    json_auto_t *recipe = NULL;
    FORWARD(recipe_json(page->study->recipe, &recipe));
    fputs("<div class=\"columns\"><div>", out);
    html_pairs(out, "Study", recipe, "");
    fputs("</div><div>", out);
    html_pairs(out, "Split", json_object_get(recipe, "split"), "");
    fputs("</div><div>", out);
    html_pairs(out, "Training, where the search leaves it open", json_object_get(recipe, "train"), "");
    fprintf(out, "</div></div>\n<p class=\"aside\">All stages took %.0f s of work.</p>\n", page->outcome->seconds);
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

static cf_status write_section(FILE *out, const StudyPage *page, const PageSection *section) {
    StudyPlace place;
    if (section->begin) FORWARD(section->begin(out, page));
    for (int p = 0; section->each && study_place(page->study, section->pairs, p, &place); p++)
        FORWARD(section->each(out, page, &place));
    return CF_OK;
}

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    static const PageSection page_facts = {"facts", .begin = facts}, page_pictures = {"pictures", .each = pictures},
                             page_data = {"data", .each = data}, page_search = {"search", .each = search},
                             page_settings = {"settings", .begin = settings};
    static const PageSection *const sections[] = {&page_facts,     &page_pictures,   &page_data,       &page_search,
                                                  &page_training,  &page_evaluation, &page_features,   &page_cross,
                                                  &page_imbalance, &page_transfer,   &page_adaptation, &page_attention,
                                                  &page_ledger,    &page_settings};
    static const char with[] = "with-";
    const StudyPage *page = context;
    const bool asked = length > strlen(with) && strncmp(name, with, strlen(with)) == 0; /* whether a section is shown */
    const size_t begin = asked ? strlen(with) : 0;
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        if (!page_place_is(name + begin, length - begin, sections[i]->name)) continue;
        const bool shown = is_shown(page, sections[i]->name);
        if (asked && !shown) fputs("hidden", out);
        return asked || !shown ? CF_OK : write_section(out, page, sections[i]);
    }
    if (page_place_is(name, length, "title"))
        html_text(out, page->study->recipe->name);
    else if (page_place_is(name, length, "subtitle"))
        subtitle(out, page);
    else if (page_place_is(name, length, "story"))
        story(out, page);
    else if (page_place_is(name, length, "verdicts"))
        page_verdicts(out, page);
    else
        return page_unknown_place("study.html", name, length);
    return CF_OK;
}

cf_status study_page_write(const Study *study, const StudyOutcome *outcome) {
    size_t bytes = STUDY_FIGURES_LARGEST;
    int number = 1;
    AUTO(file_abandon) FileDraft draft = {0};
    FORWARD(file_draft(outcome->report, &draft));
    FORWARD(page_write(draft.stream, "study.html", write_place, &(StudyPage){study, outcome, &bytes, &number}));
    return file_commit(&draft);
}
