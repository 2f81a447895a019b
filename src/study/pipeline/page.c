#include "study/pipeline/page.h"

#include "base/memory.h"
#include "study/figures/figures.h"
#include "study/ledger/study_results.h"
#include "study/report/report_inside.h"

#include <stdarg.h>
#include <string.h>

enum { STUDY_FIGURES_LARGEST = 8 << 20 };

/* ---- Figures ---- */

cf_status page_figure(FILE *out, PageFigures *figures, FigureRow row, const char *caption, const char *path, ...) {
    AUTO_FREE char *whole = NULL;
    char inside[400];
    va_list values;
    va_start(values, path);
    vsnprintf(inside, sizeof inside, path, values);
    va_end(values);
    FORWARD(memory_print(&whole, "%s/%s.svg", figures->folder, inside));
    const ReportFigure figure = {.name = strrchr(whole, '/') + 1, .path = whole};
    if (row == ALONE) fputs(HTML_FIGURES, out);
    if (file_exists(whole)) FORWARD(report_figure(out, &figure, caption, &figures->bytes, figures->number++));
    if (row == ALONE) fputs(HTML_FIGURES_END, out);
    return CF_OK;
}

/* ---- Opening ---- */

static cf_status write_title(FILE *out, const StudyPage *page) {
    html_text(out, page->study->recipe->name);
    return CF_OK;
}

static cf_status write_subtitle(FILE *out, const StudyPage *page) {
    const Study *s = page->study;
    html_write(out, "The recipe <em>%s</em> on ", s->recipe->name);
    for (int i = 0; i < s->set_count; i++)
        html_write(out, "%s<em>%s</em>", !i ? "" : i + 1 < s->set_count ? ", " : " and ", s->sets[i].chosen.data);
    return CF_OK;
}

/* Of several seeds the mean with Student's t, of one Wilson's interval over its test images. */
static cf_status accuracy_fact(FILE *out, const Study *study, const StudyPlace *place) {
    const json_t *runs = study_result(study, place->from ? "cross" : "test", place->key),
                 *first = json_array_get(runs, 0);
    const size_t seeds = json_array_size(runs);
    char name[200], method[64] = "Wilson";
    MeanInterval m;
    if (!seeds) return CF_OK;
    FORWARD(runs_interval(runs, "accuracy", &m));
    if (place->from)
        snprintf(name, sizeof name, "Accuracy, %s \xe2\x86\x92 %s", place->from->name, place->set->name);
    else
        snprintf(name, sizeof name, "Test accuracy, %s", place->set->name);
    if (seeds > 1) {
        snprintf(method, sizeof method, "Student\xe2\x80\x99s t, %zu seeds", seeds);
    } else {
        m.low = result_number(first, "accuracy_interval.0");
        m.high = result_number(first, "accuracy_interval.1");
    }
    html_write(out, HTML_FACT("%s", "%.2f %%", "%.2f to %.2f %%, 95 %% interval (%s)"), name, 100 * m.mean, 100 * m.low,
               100 * m.high, method);
    return CF_OK;
}

static cf_status write_facts(FILE *out, const StudyPage *page) {
    const Study *study = page->study;
    const bool two = study->set_count == 2;
    StudyPlace place;
    fprintf(out, "<dl class=\"facts%s\">\n", two ? " two" : "");
    for (int i = 0; study_place(study, false, i, &place); i++) FORWARD(accuracy_fact(out, study, &place));
    for (int i = 0; study_place(study, false, i, &place); i++) {
        const json_t *runs = study_result(study, "test", place.key);
        if (json_array_size(runs))
            html_write(out, HTML_FACT("F1, %s", "%.4f", "mean over the classes"), place.key,
                       runs_mean(runs, "macro.f1"));
    }
    for (int i = 1; two && i >= 0 && study_place(study, true, i, &place); i--)
        FORWARD(accuracy_fact(out, study, &place));
    fputs("</dl>\n", out);
    return CF_OK;
}

/* The study's one confusion matrix, UMAP and learning curves of each set: its other pages have what these leave open. */
static cf_status write_pictures(FILE *out, const StudyPage *page, const StudyPlace *place) {
    static const char *const shown[][2] = {
        {"curves",
         "Learning curves on the training and the validation part; the circle marks the epoch whose weights were kept"},
        {"confusion", "Confusion matrix of the test part: rows are the true class, columns the predicted class"},
        {"umap", "UMAP of features: each point is a test image, in the colour of its class"},
        {"misclassified", "Misclassified test images, the most confident first"}};
    if (page->study->set_count > 1) html_write(out, HTML_SET_HEADING("%s"), place->set->name);
    fputs("<div class=\"pictures\">\n", out);
    for (size_t k = 0; k < COUNT_OF(shown); k++)
        FORWARD(
            page_figure(out, page->figures, IN_ROW, shown[k][1], "train-%s-s1/figures/%s", place->key, shown[k][0]));
    fputs("</div>\n", out);
    return CF_OK;
}

static cf_status write_story(FILE *out, const StudyPage *page) {
    const json_t *lines = page->outcome->story;
    fputs("<ol class=\"story\">\n", out);
    for (size_t i = 0; i < json_array_size(lines); i++)
        html_write(out, "<li>%s</li>\n", json_string_value(json_array_get(lines, i)));
    fputs("</ol>\n", out);
    return CF_OK;
}

/* How often each verdict was given. */
static cf_status write_verdicts(FILE *out, const StudyPage *page) {
    static const char *const remarks[VERDICTS] = {"the report\xe2\x80\x99s figure lies in our 95 % interval",
                                                  "our whole interval is better",
                                                  "our whole interval is worse",
                                                  "measured on other data than the report\xe2\x80\x99s",
                                                  "left out by the recipe",
                                                  "what it suggests brings more than noise",
                                                  "0 is in our interval of what it brings",
                                                  "our whole interval is below 0"};
    const Ledger *ledger = &page->outcome->ledger;
    fputs("<h3>The report\xe2\x80\x99s figures</h3><dl class=\"facts\">\n", out);
    for (int v = 0; v < VERDICTS; v++) {
        const size_t given = ledger->verdicts[v] - (v == NOT_RUN ? ledger->untried : 0);
        const char *word = verdict_words[v];
        if (given)
            html_write(out, HTML_FACT("%c%s", "%zu of %zu", "%s"), word[0] - 'a' + 'A', word + 1, given,
                       v > NOT_RUN ? ledger->suggestions - ledger->untried : ledger->count - ledger->suggestions,
                       remarks[v]);
    }
    fputs("</dl>\n", out);
    return CF_OK;
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
        table_row(out, parts[p], false);
        for (size_t c = 0; c < json_array_size(list); c++) {
            const double count = json_number_value(json_array_get(list, c));
            sum += count;
            fprintf(out, CELL_WHOLE, count);
        }
        fprintf(out, CELL_WHOLE HTML_ROW_END, sum);
    }
    table_end(out);
}

static cf_status write_data(FILE *out, const StudyPage *page, const StudyPlace *place) {
    const Ledger *ledger = &page->outcome->ledger;
    const long i = place->set - page->study->sets;
    if (i < CLAIM_SETS && ledger->other_data[i][0])
        html_write(out, "<p class=\"note\">Not compared with the report\xe2\x80\x99s figures: %s.</p>\n",
                   ledger->other_data[i]);
    count_table(out, study_result(page->study, "data", place->key));
    fputs(HTML_FIGURES, out);
    FORWARD(page_figure(out, page->figures, IN_ROW, NULL, "data-%s/distribution", place->key));
    FORWARD(page_figure(out, page->figures, IN_ROW, "Two images of each class in each part", "data-%s/samples",
                        place->key));
    fputs(HTML_FIGURES_END, out);
    return CF_OK;
}

/* ---- Search ---- */

static cf_status write_search(FILE *out, const StudyPage *page, const StudyPlace *place) {
    AUTO(results_free) TuneResults results = {0};
    AUTO_FREE char *folder = NULL, *inside = NULL;
    PageFigures *figures = page->figures;
    FORWARD(memory_print(&folder, "%s/tune-%s", figures->folder, place->key));
    FORWARD(file_join(folder, "figures", &inside));
    FORWARD(results_read(folder, &results));
    FORWARD(section_tune(out, &results, &(FigureSeries){inside, "", figures->bytes, figures->number}));
    for (int i = 0; figures_tune_names[i]; i++) figures->number++;
    return CF_OK;
}

/* ---- Ledger ---- */

static void entry_row(FILE *out, const LedgerEntry *e) {
    const Claim *claim = e->claim;
    const LedgerTexts texts = ledger_texts(e);
    html_write(out, "<tr><th scope=\"row\">%s", claim->what); /* with remarks in it, which table_row does not have */
    if (e->majority > 0)
        fprintf(out, "<small>chance %.1f %%, the commonest class %.1f %%</small>", 100 * e->chance, 100 * e->majority);
    if (claim->remark) html_write(out, "<small>%s</small>", claim->remark);
    fputs("</th>", out);
    table_figure(out, texts.reported);
    table_figure(out, texts.measured);
    table_figure(out, texts.interval);
    table_word(out, verdict_words[e->verdict]);
    table_text(out, ledger_data(e));
    table_row_end(out);
}

static void entries_table(FILE *out, const Ledger *ledger, bool headline) {
    const char *section = "";
    table_open(out, (TableStyle){.class = "ledger"}, NULL, "|>Report|>Ours|>95 % interval|Verdict|Measured on");
    for (size_t i = 0; i < ledger->count; i++) {
        const LedgerEntry *e = &ledger->entries[i];
        if (e->claim->headline != headline) continue;
        if (strcmp(section, e->claim->section) != 0) table_rows_of(out, section = e->claim->section, 6);
        entry_row(out, e);
    }
    table_end(out);
}

static cf_status write_ledger(FILE *out, const StudyPage *page) {
    const Recipe *recipe = page->study->recipe;
    char seeds[80];
    fputs("<p>Every figure of the report beside ours. Intervals are ", out);
    if (recipe->seeds > 1) {
        study_seeds_text((size_t)recipe->seeds, recipe->splits, seeds);
        fprintf(out, "Student\xe2\x80\x99s t over %s", seeds);
    } else
        fputs("over the test images: Wilson\xe2\x80\x99s for shares, the bootstrap for the others", out);
    fputs(
        ". Beside each accuracy stand chance and what always saying the commonest class would get. Of what the report suggests "
        "without a figure ours is the difference in accuracy, of remedies in the mean of the classes\xe2\x80\x99 recalls, paired by "
        "seed.</p>\n",
        out);
    entries_table(out, &page->outcome->ledger, true);
    fputs("<details><summary>Metrics by class</summary>\n", out);
    entries_table(out, &page->outcome->ledger, false);
    fputs("</details>\n", out);
    return CF_OK;
}

/* ---- Settings ---- */

static cf_status write_settings(FILE *out, const StudyPage *page) {
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

/* Where the study has stages of that name; claims; always. */
typedef enum Shown { WITH_STAGES, WITH_LEDGER, ALWAYS } Shown;

/* A place of the template. */
typedef struct PageSection {
    const char *name;
    PageBegin *begin;
    PageEach *each;
    bool pairs, headed; /* each is of two sets; begins with their names, or the set's */
    Shown shown;
} PageSection;

static const PageSection sections[] = {
    {"title", write_title, .shown = ALWAYS},
    {"subtitle", write_subtitle, .shown = ALWAYS},
    {"facts", write_facts, .shown = ALWAYS},
    {"pictures", .each = write_pictures, .shown = ALWAYS},
    {"story", write_story, .shown = ALWAYS},
    {"verdicts", write_verdicts, .shown = WITH_LEDGER},
    {"data", .each = write_data, .headed = true},
    {"search", .each = write_search, .headed = true},
    {"training", page_about_training, page_training, .headed = true},
    {"evaluation", .each = page_evaluation, .headed = true, .shown = ALWAYS},
    {"features", .begin = page_about_features, .each = page_features},
    {"cross", .each = page_cross, .pairs = true},
    {"imbalance", .each = page_imbalance, .headed = true},
    {"transfer", page_about_transfer, page_transfer, .pairs = true, .headed = true},
    {"adaptation", page_about_adaptation, page_adaptation, .pairs = true, .headed = true},
    {"attention", page_about_attention, page_attention, .headed = true},
    {"ledger", write_ledger, .shown = WITH_LEDGER},
    {"settings", write_settings, .shown = ALWAYS},
};

static bool is_shown(const StudyPage *page, const PageSection *section) {
    if (section->shown == WITH_LEDGER) return page->outcome->ledger.file != NULL;
    return section->shown == ALWAYS || study_has(page->study, section->name);
}

static cf_status write_section(FILE *out, const StudyPage *page, const PageSection *section) {
    StudyPlace place;
    if (section->begin) FORWARD(section->begin(out, page));
    for (int p = 0; section->each && study_place(page->study, section->pairs, p, &place); p++) {
        if (section->headed && place.from)
            html_write(out, HTML_SET_HEADING("%s \xe2\x86\x92 %s"), place.from->name, place.set->name);
        else if (section->headed)
            html_write(out, HTML_SET_HEADING("%s"), place.set->name);
        FORWARD(section->each(out, page, &place));
    }
    return CF_OK;
}

/* {{data}} is the section, {{with-data}} the word hidden where it is not shown. */
static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    static const char with[] = "with-";
    const StudyPage *page = context;
    const bool asked = length > strlen(with) && strncmp(name, with, strlen(with)) == 0;
    const size_t begin = asked ? strlen(with) : 0;
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        if (!page_place_is(name + begin, length - begin, sections[i].name)) continue;
        const bool shown = is_shown(page, &sections[i]);
        if (asked && !shown) fputs("hidden", out);
        return asked || !shown ? CF_OK : write_section(out, page, &sections[i]);
    }
    return page_unknown_place("study.html", name, length);
}

cf_status study_page_write(const Study *study, const StudyOutcome *outcome) {
    PageFigures figures = {study->options->folder, STUDY_FIGURES_LARGEST, 1};
    AUTO(file_abandon) FileDraft draft = {0};
    FORWARD(file_draft(outcome->report, &draft));
    FORWARD(page_write(draft.stream, "study.html", write_place, &(StudyPage){study, outcome, &figures}));
    return file_commit(&draft);
}
