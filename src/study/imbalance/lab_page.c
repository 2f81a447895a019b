/* report.html of a lab, from the template imbalance.html; and its table, which a study's page has, too. */
#include "study/imbalance/lab.h"

#include "study/ledger/study_results.h"
#include "study/pipeline/page.h"
#include "study/report/report_inside.h"

#include <math.h>

typedef struct LabPage {
    const char *folder, *title;
    const Lab *lab;
    const json_t *results;
} LabPage;

/* ---- The table ---- */

static void share_cell(FILE *out, const MeanInterval *m) {
    table_estimate(out, m->mean, m->low, m->high, false);
}

static void remedy_row(FILE *out, const RemedyRow *r, bool best) {
    const double plain[] = {r->gmean.mean, r->accuracy.mean, r->validation};
    table_row(out, r->name, best);
    share_cell(out, &r->rarest);
    share_cell(out, &r->commonest);
    share_cell(out, &r->balanced);
    for (size_t i = 0; i < COUNT_OF(plain); i++) table_number(out, plain[i], "%.2f", 100 * plain[i]);
    const char *word = remedy_verdict(r);
    if (*word) {
        table_estimate(out, r->gain.difference, r->gain.low, r->gain.high, true);
        table_word(out, word);
    } else
        table_empty(out, 2);
    table_row_end(out);
}

cf_status remedy_table(FILE *out, const char *caption, const json_t *remedies) {
    static const char *const columns[] = {"Mean of all classes", "Geometric mean", "Accuracy", "Validation", "Against nothing, points", NULL};
    AUTO(remedy_rows_free) RemedyRows rows = {0};
    char name[LONGEST_NAME + 16];
    FORWARD(remedy_rows_new(remedies, &rows));
    table_begin(out, (TableStyle){.sortable = true, .class = "dense"}, caption);
    table_head(out, "Remedy", false);
    snprintf(name, sizeof name, "Recall of %s, %%", rows.rarest);
    table_head(out, name, true);
    snprintf(name, sizeof name, "Recall of %s, %%", rows.commonest);
    table_head(out, name, true);
    table_heads(out, columns, true);
    table_head(out, "", false);
    table_body(out);
    for (int i = 0; i < rows.count; i++) remedy_row(out, &rows.rows[i], i == rows.best);
    table_end(out);
    return CF_OK;
}

/* ---- The page ---- */

static cf_status figure(FILE *out, const LabPage *page, const char *name, const char *caption, size_t *bytes, int number) {
    AUTO_FREE char *figures = NULL;
    char file[48];
    FORWARD(file_join(page->folder, "figures", &figures));
    snprintf(file, sizeof file, "%s.svg", name);
    if (!file_exists_in(figures, file)) return CF_OK;
    page_figures_begin(out);
    FORWARD(page_svg(out, figures, name, caption, bytes, &number));
    page_figures_end(out);
    return CF_OK;
}

static cf_status remedies(FILE *out, const LabPage *page) {
    const json_t *cases = json_object_get(page->results, "cases");
    size_t bytes = FIGURES_LARGEST;
    html_note(out, "Intervals are Student\xe2\x80\x99s t over the seeds, each of which has drawn other training images, alike for all "
                   "remedies; differences are paired by seed, and noise is what 0 lies in the interval of. The best is chosen by the "
                   "mean of the classes\xe2\x80\x99 recalls on the validation images.");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        char name[32];
        page_heading(out, "%s", result_text(c, "name"));
        FORWARD(remedy_table(out, "Mean over the seeds (95 % interval)", json_object_get(c, "remedies")));
        snprintf(name, sizeof name, "remedies-%zu", i + 1);
        FORWARD(figure(out, page, name, "Recalls by remedy; bars are 95 % intervals over the seeds", &bytes, (int)i + 1));
    }
    return CF_OK;
}

static cf_status worth(FILE *out, const LabPage *page) {
    const json_t *curve = json_object_get(page->results, "curve");
    char text[400];
    size_t bytes = FIGURES_LARGEST;
    Worth w;
    if (json_is_null(curve)) {
        html_note(out, "No learning curve was asked for.");
        return CF_OK;
    }
    FORWARD(lab_worth(curve, &w));
    worth_text(curve, &w, text);
    fputs("<p>", out);
    html_text(out, text);
    fputs("</p>\n", out);
    return figure(out, page, "curve", "The learning curve with the best remedy and without; bars are 95 % intervals over the seeds",
                  &bytes, LAB_CASES + 1);
}

static cf_status settings(FILE *out, const LabPage *page) {
    const Lab *lab = page->lab;
    json_auto_t *config = NULL;
    FORWARD(run_config_json(lab->base, &config));
    fputs("<h3>Model</h3><pre class=\"line\"><code>", out);
    html_text(out, lab->base->model);
    fprintf(out,
            "</code></pre>\n<p>%d steps each, to a whole epoch, of which the last is taken; a head that is trained again has a quarter "
            "of them besides. The augmentation is <code>",
            lab->steps);
    html_text(out, lab->augment);
    fputs("</code>.</p>\n<dl class=\"pairs\">\n", out);
    for (const RemedyPart *part = remedy_parts; part->name; part++)
        fprintf(out, "<div><dt>%s</dt><dd>%s</dd></div>\n", part->name, part->help);
    fputs("</dl>\n<div class=\"columns\">\n<div><h3>Training</h3><dl class=\"pairs\">\n", out);
    html_rows(out, json_object_get(config, "train"), "epochs");
    fputs("</dl></div><div><h3>Split</h3><dl class=\"pairs\">\n", out);
    html_rows(out, json_object_get(config, "split"), "");
    fputs("</dl></div></div>\n", out);
    return CF_OK;
}

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    const LabPage *page = context;
    if (page_place_is(name, length, "remedies")) return remedies(out, page);
    if (page_place_is(name, length, "worth")) return worth(out, page);
    if (page_place_is(name, length, "settings")) return settings(out, page);
    if (page_place_is(name, length, "title"))
        html_text(out, page->title);
    else if (page_place_is(name, length, "subtitle"))
        fprintf(out, "%d remedies under one budget, %d seeds", page->lab->remedy_count, page->lab->seeds);
    else if (page_place_is(name, length, "version"))
        html_text(out, CIFRA_VERSION);
    else
        return FAIL(CF_INTERNAL, "imbalance.html asks for {{%.*s}}, which nobody writes", (int)length, name);
    return CF_OK;
}

cf_status lab_page_write(const char *folder, const Lab *lab, const json_t *results) {
    AUTO(file_abandon) FileDraft draft = {0};
    AUTO_FREE char *path = NULL, *title = NULL;
    FORWARD(data_title(lab->base->data, &title));
    FORWARD(file_join(folder, "report.html", &path));
    FORWARD(file_draft(path, &draft));
    FORWARD(page_write(draft.stream, "imbalance.html", write_place, &(LabPage){folder, title, lab, results}));
    return file_commit(&draft);
}
