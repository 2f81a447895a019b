/* report.html of a lab, from the template imbalance.html; and its table, which a study's page has, too. */
#include "study/imbalance/lab.h"

#include "study/ledger/study_results.h"
#include "study/pipeline/page.h"
#include "study/report/report_inside.h"

typedef struct LabPage {
    const char *folder, *title;
    const Lab *lab;
    const json_t *results;
} LabPage;

/* ---- The table ---- */

static void remedy_row(FILE *out, const RemedyRow *r, bool best) {
    table_row(out, r->name, best);
    for (int k = RAREST; k <= BALANCED; k++)
        table_estimate(out, r->scores[k].mean, r->scores[k].low, r->scores[k].high, false);
    for (int k = GMEAN; k <= ACCURACY; k++) table_percent(out, r->scores[k].mean);
    table_percent(out, r->validation);
    if (*remedy_verdict(r)) {
        table_estimate(out, r->gain.difference, r->gain.low, r->gain.high, true);
        table_word(out, remedy_verdict(r));
    } else
        table_empty(out, 2);
    table_row_end(out);
}

cf_status remedy_table(FILE *out, const char *caption, const json_t *remedies) {
    AUTO(remedy_rows_free) RemedyRows rows = {0};
    FORWARD(remedy_rows_new(remedies, &rows));
    table_begin(out, (TableStyle){.sortable = true, .class = "dense"}, caption);
    table_columns(out, "Remedy");
    html_write(out, HTML_NUMBERS_HEAD("Recall of %s, %%") HTML_NUMBERS_HEAD("Recall of %s, %%"), rows.rarest,
               rows.commonest);
    table_columns(out, ">Mean of all classes|>Geometric mean|>Accuracy|>Validation|>Against nothing, points");
    table_head(out, "", false);
    table_body(out);
    for (int i = 0; i < rows.count; i++) remedy_row(out, &rows.rows[i], i == rows.best);
    table_end(out);
    return CF_OK;
}

/* ---- The page ---- */

/* Of a lab without figures there is no row for one. */
static cf_status write_figure(FILE *out, PageFigures *figures, const char *name, const char *caption) {
    char file[64];
    snprintf(file, sizeof file, "figures/%s.svg", name);
    return file_exists_in(figures->folder, file) ? page_figure(out, figures, ALONE, caption, "figures/%s", name)
                                                 : CF_OK;
}

static cf_status write_remedies(FILE *out, const LabPage *page) {
    const json_t *cases = json_object_get(page->results, "cases"), *c;
    PageFigures figures = {.folder = page->folder, .bytes = FIGURES_LARGEST};
    size_t i;
    html_note(
        out,
        "Intervals are Student\xe2\x80\x99s t over the seeds, each of which has drawn other training images, alike for all "
        "remedies; differences are paired by seed, and noise is what 0 lies in the interval of. The best is chosen by the "
        "mean of the classes\xe2\x80\x99 recalls on the validation images.");
    json_array_foreach(cases, i, c) {
        char name[32];
        snprintf(name, sizeof name, "remedies-%zu", i + 1);
        figures.number = (int)i + 1;
        html_write(out, HTML_SET_HEADING("%s"), result_text(c, "name"));
        FORWARD(remedy_table(out, "Mean over the seeds (95 % interval)", json_object_get(c, "remedies")));
        FORWARD(write_figure(out, &figures, name, "Recalls by remedy; bars are 95 % intervals over the seeds"));
    }
    return CF_OK;
}

static cf_status write_worth(FILE *out, const LabPage *page) {
    const json_t *curve = json_object_get(page->results, "curve");
    char text[400];
    PageFigures figures = {page->folder, FIGURES_LARGEST, LAB_CASES + 1};
    Worth w;
    if (json_is_null(curve)) {
        html_note(out, "No learning curve was asked for.");
        return CF_OK;
    }
    FORWARD(lab_worth(curve, &w));
    worth_text(curve, &w, text);
    html_write(out, "<p>%s</p>\n", text);
    return write_figure(out, &figures, "curve",
                        "The learning curve with the best remedy and without; bars are 95 % intervals over the seeds");
}

static cf_status write_settings(FILE *out, const LabPage *page) {
    const Lab *lab = page->lab;
    json_auto_t *config = NULL;
    FORWARD(run_config_json(lab->base, &config));
    html_write(
        out,
        "<h3>Model</h3><pre class=\"line\"><code>%s</code></pre>\n<p>%d steps each, to a whole epoch, of which the last is taken; "
        "a head that is trained again has a quarter of them besides. The augmentation is <code>%s</code>.</p>\n<dl "
        "class=\"pairs\">\n",
        lab->base->model, lab->steps, lab->augment);
    for (const RemedyPart *part = remedy_parts; part->name; part++)
        fprintf(out, HTML_PAIR("%s", "%s"), part->name, part->help);
    fputs("</dl>\n<div class=\"columns\">\n<div>", out);
    html_pairs(out, "Training", json_object_get(config, "train"), "epochs");
    fputs("</div><div>", out);
    html_pairs(out, "Split", json_object_get(config, "split"), "");
    fputs("</div></div>\n", out);
    return CF_OK;
}

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    const LabPage *page = context;
    if (page_place_is(name, length, "remedies")) return write_remedies(out, page);
    if (page_place_is(name, length, "worth")) return write_worth(out, page);
    if (page_place_is(name, length, "settings")) return write_settings(out, page);
    if (page_place_is(name, length, "title"))
        html_text(out, page->title);
    else if (page_place_is(name, length, "subtitle"))
        fprintf(out, "%d remedies under one budget, %d seeds", page->lab->remedy_count, page->lab->seeds);
    else
        return page_unknown_place("imbalance.html", name, length);
    return CF_OK;
}

cf_status lab_page_write(const char *folder, const Lab *lab, const json_t *results) {
    AUTO_FREE char *title = NULL;
    FORWARD(data_title(lab->base->data, &title));
    return page_report(folder, "imbalance.html", write_place, &(LabPage){folder, title, lab, results});
}
