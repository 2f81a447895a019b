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

static void remedy_row(FILE *out, const RemedyRow *r, bool best) {
    const MeanInterval *const shown[] = {&r->rarest, &r->commonest, &r->balanced};
    table_row(out, r->name, best);
    for (size_t i = 0; i < COUNT_OF(shown); i++)
        table_estimate(out, shown[i]->mean, shown[i]->low, shown[i]->high, false);
    table_percent(out, r->gmean.mean);
    table_percent(out, r->accuracy.mean);
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
    char name[LONGEST_NAME + 16];
    FORWARD(remedy_rows_new(remedies, &rows));
    table_begin(out, (TableStyle){.sortable = true, .class = "dense"}, caption);
    table_head(out, "Remedy", false);
    snprintf(name, sizeof name, "Recall of %s, %%", rows.rarest);
    table_head(out, name, true);
    snprintf(name, sizeof name, "Recall of %s, %%", rows.commonest);
    table_head(out, name, true);
    table_columns(out, ">Mean of all classes|>Geometric mean|>Accuracy|>Validation|>Against nothing, points");
    table_head(out, "", false);
    table_body(out);
    for (int i = 0; i < rows.count; i++) remedy_row(out, &rows.rows[i], i == rows.best);
    table_end(out);
    return CF_OK;
}

/* ---- The page ---- */

static cf_status figure(FILE *out, const LabPage *page, const char *name, const char *caption, size_t *bytes,
                        int number) {
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
    html_note(out,
              "Intervals are Student\xe2\x80\x99s t over the seeds, each of which has drawn other training images, "
              "alike for all remedies; differences are paired by seed, and noise is what 0 lies in the interval of. "
              "The best is chosen by the mean of the classes\xe2\x80\x99 recalls on the validation images.");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        char name[32];
        html_write(out, "<h3 class=\"set\">%s</h3>\n", result_text(c, "name"));
        FORWARD(remedy_table(out, "Mean over the seeds (95 % interval)", json_object_get(c, "remedies")));
        snprintf(name, sizeof name, "remedies-%zu", i + 1);
        FORWARD(
            figure(out, page, name, "Recalls by remedy; bars are 95 % intervals over the seeds", &bytes, (int)i + 1));
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
    html_write(out, "<p>%s</p>\n", text);
    return figure(out, page, "curve",
                  "The learning curve with the best remedy and without; bars are 95 % intervals over the seeds", &bytes,
                  LAB_CASES + 1);
}

static cf_status settings(FILE *out, const LabPage *page) {
    const Lab *lab = page->lab;
    json_auto_t *config = NULL;
    FORWARD(run_config_json(lab->base, &config));
    html_write(out,
               "<h3>Model</h3><pre class=\"line\"><code>%s</code></pre>\n<p>%d steps each, to a whole epoch, of which "
               "the last is taken; a head that is trained again has a quarter of them besides. The augmentation is "
               "<code>%s</code>.</p>\n<dl class=\"pairs\">\n",
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
    if (page_place_is(name, length, "remedies")) return remedies(out, page);
    if (page_place_is(name, length, "worth")) return worth(out, page);
    if (page_place_is(name, length, "settings")) return settings(out, page);
    if (page_place_is(name, length, "title"))
        html_text(out, page->title);
    else if (page_place_is(name, length, "subtitle"))
        fprintf(out, "%d remedies under one budget, %d seeds", page->lab->remedy_count, page->lab->seeds);
    else
        return page_unknown_place("imbalance.html", name, length);
    return CF_OK;
}

cf_status lab_page_write(const char *folder, const Lab *lab, const json_t *results) {
    AUTO_FREE char *path = NULL, *title = NULL;
    FORWARD(data_title(lab->base->data, &title));
    FORWARD(file_join(folder, "report.html", &path));
    return page_file(path, "imbalance.html", write_place, &(LabPage){folder, title, lab, results});
}
