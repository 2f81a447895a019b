/* The pages of what was trained and measured. */
#include "study/pipeline/page.h"

#include "base/text.h"
#include "study/imbalance/lab.h"
#include "study/ledger/study_results.h"
#include "study/report/report_inside.h"
#include "train/train_options.h"

/* ---- Tables ---- */

cf_status page_accuracy(FILE *out, const json_t *runs) {
    MeanInterval m;
    FORWARD(runs_interval(runs, "accuracy", &m));
    fprintf(out, "<td class=\"n\">%.2f %% <small>(%.2f to %.2f)</small></td>", 100 * m.mean, 100 * m.low, 100 * m.high);
    return CF_OK;
}

static void scores_row(FILE *out, const char *name, const json_t *scores, double support) {
    html_write(out, HTML_ROW("%s") CELL_4 CELL_4 CELL_4 CELL_WHOLE HTML_ROW_END, name,
               result_number(scores, "precision"), result_number(scores, "recall"), result_number(scores, "f1"),
               support);
}

/* Of the first seed, as scikit-learn lays it out. */
static void classification_report(FILE *out, const json_t *runs) {
    const json_t *run = json_array_get(runs, 0), *classes = json_object_get(run, "per_class"), *one;
    const double n = result_number(run, "n");
    size_t c;
    table_open(out, (TableStyle){0}, "Of the first seed", "|>Precision|>Recall|>F1|>Support");
    json_array_foreach(classes, c, one) scores_row(out, result_text(one, "class"), one, result_number(one, "support"));
    scores_row(out, "macro average", json_object_get(run, "macro"), n);
    scores_row(out, "weighted average", json_object_get(run, "weighted"), n);
    table_end(out);
}

/* ---- Training ---- */

static cf_status training_table(FILE *out, const Recipe *recipe, const json_t *runs) {
    const json_t *run;
    size_t i;
    table_open(out, (TableStyle){0}, "Every training, with the epoch whose weights were kept",
               "|>Epochs|>Best epoch|>Validation loss|>Validation accuracy|>Test loss|>Test accuracy");
    json_array_foreach(runs, i, run) {
        const unsigned long long split = recipe->base.split.seed + recipe_split(recipe, (int)i);
        char name[64];
        snprintf(name, sizeof name, "seed %lld", result_whole(run, "seed"));
        if (recipe->splits > 1) text_append(name, sizeof name, ", split %llu", split);
        html_write(out, HTML_ROW("%s") CELL_WHOLE CELL_WHOLE CELL_4 CELL_PERCENT CELL_4 CELL_PERCENT HTML_ROW_END, name,
                   result_number(run, "epochs_run"), result_number(run, "best_epoch"),
                   result_number(run, "validation.loss"), 100 * result_number(run, "validation.accuracy"),
                   result_number(run, "loss"), 100 * result_number(run, "accuracy"));
    }
    if (json_array_size(runs) > 1) {
        html_write(out, HTML_ROW("mean (95 %% interval)") CELL_EMPTY CELL_EMPTY CELL_4 CELL_PERCENT CELL_4,
                   runs_mean(runs, "validation.loss"), 100 * runs_mean(runs, "validation.accuracy"),
                   runs_mean(runs, "loss"));
        FORWARD(page_accuracy(out, runs));
        table_row_end(out);
    }
    table_end(out);
    return CF_OK;
}

/* What the interval of the mean is over. */
cf_status page_about_training(FILE *out, const StudyPage *page) {
    const Recipe *recipe = page->study->recipe;
    char seeds[80];
    if (recipe->seeds < 2) return CF_OK;
    study_seeds_text((size_t)recipe->seeds, recipe->splits, seeds);
    fprintf(out, "<p>Intervals are Student\xe2\x80\x99s t over %s: %s.</p>\n", seeds,
            recipe->splits > 1 ? "they tell of both, which images train and test, and how the training went"
                               : "the images that train and test are the same each time");
    if (recipe->splits > 1 && recipe->grid)
        fputs(
            "<p class=\"aside\">The configuration was found on the first split. Its validation images may be test images of "
            "another one.</p>\n",
            out);
    return CF_OK;
}

cf_status page_training(FILE *out, const StudyPage *page, const StudyPlace *place) {
    const RunConfig *chosen = &place->set->chosen;
    char text[TRAIN_OPTIONS_TEXT];
    train_options_text(&chosen->train, false, text);
    html_write(
        out,
        "<pre class=\"line\"><code>%s</code></pre>\n<p>%s. <a href=\"train-%s-s1/report.html\">The run of the first "
        "seed</a> has a page of its own, with the network in it.</p>\n",
        chosen->model, text, place->key);
    FORWARD(training_table(out, page->study->recipe, study_result(page->study, "test", place->key)));
    return page_figure(out, page->figures, ALONE, "Filters of the first convolution, of the first seed",
                       "train-%s-s1/figures/filters", place->key);
}

/* ---- Evaluation ---- */

/* The figures of an evaluation; `suffix` as figures_suffix makes it, and of the set's own test part, "", those that the summary does not
 * have. Those that are narrow stand two by two. */
static cf_status evaluation_figures(FILE *out, const StudyPage *page, const StudySet *model_of, const char *suffix) {
    static const char *const shown[][2] = {
        {"confusion", "Confusion matrix"},
        {"umap", "UMAP of the features that the model has of these images"},
        {"misclassified", "Misclassified images, the most confident first"},
        {"probabilities", "Predicted probabilities of three correctly classified images"},
        {"reliability", "Reliability diagram: accuracy by confidence"}};
    enum { IN_SUMMARY = 3 };
    for (size_t i = *suffix ? 0 : IN_SUMMARY; i < COUNT_OF(shown); i++)
        FORWARD(page_figure(out, page->figures, IN_ROW, shown[i][1], "train-%s-s1/figures/%s%s", model_of->name,
                            shown[i][0], suffix));
    return CF_OK;
}

cf_status page_evaluation(FILE *out, const StudyPage *page, const StudyPlace *place) {
    classification_report(out, study_result(page->study, "test", place->key));
    fputs(HTML_FIGURES, out);
    FORWARD(evaluation_figures(out, page, place->set, ""));
    fputs(HTML_FIGURES_END, out);
    return CF_OK;
}

/* ---- Features ---- */

cf_status page_about_features(FILE *out, const StudyPage *page) {
    StudyPlace place;
    fputs(
        "<p>UMAP of what the last hidden layer makes of the test images. Trustworthiness and continuity say how far neighbourhoods "
        "are kept; k-NN accuracy in the plane and the silhouette say how far the classes are apart.</p>\n",
        out);
    table_open(out, (TableStyle){0}, "Quality of the embeddings",
               "|>Images|>Trustworthiness|>Continuity|>k-NN accuracy|>Silhouette");
    for (int i = 0; study_place(page->study, false, i, &place); i++) {
        const json_t *f = study_result(page->study, "features", place.key);
        html_write(out, HTML_ROW("%s") CELL_WHOLE CELL_4 CELL_4 CELL_PERCENT CELL_4 HTML_ROW_END, place.key,
                   result_number(f, "n"), result_number(f, "trustworthiness"), result_number(f, "continuity"),
                   100 * result_number(f, "knn_accuracy"), result_number(f, "silhouette"));
    }
    table_end(out);
    fputs(
        "<p class=\"moving screen\">Point at an image to see it; drag, scroll or use the arrow keys, plus and minus to move about. "
        "On paper and without a script the figures of the summary show the same points.</p>\n",
        out);
    return CF_OK;
}

/* As the page of the run has it. */
cf_status page_features(FILE *out, const StudyPage *page, const StudyPlace *place) {
    AUTO(report_input_free) ReportInput input = {0};
    AUTO_FREE char *folder = NULL;
    FORWARD(study_run_folder(page->study, place->set, 0, &folder));
    FORWARD(report_input_read(folder, place->set->set, page->study->options->data_dir, &input));
    if (!report_has_features(&input)) return CF_OK;
    html_write(out, "<figure class=\"moving whole screen\">\n" HTML_SET_HEADING("%s"), place->key);
    FORWARD(section_scatter(out, &input, NULL, NULL));
    fputs("</figure>\n", out);
    return CF_OK;
}

/* ---- The other set ---- */

static void cross_summary(FILE *out, const StudyPlace *place, const json_t *runs) {
    const json_t *first = json_array_get(runs, 0), *most = json_object_get(first, "most_predicted");
    const bool collapsed = run_has_collapsed(first);
    table_open(out, (TableStyle){0},
               "Mean over the seeds, with what guessing and always saying the commonest class would get",
               "|>Loss|>Accuracy|>Chance|>Commonest class|>Macro precision|>Macro recall");
    html_write(out, HTML_ROW("%s on %s") CELL_4 CELL_PERCENT CELL_PERCENT CELL_PERCENT CELL_4 CELL_4 HTML_ROW_END,
               place->from->name, place->set->name, runs_mean(runs, "loss"), 100 * runs_mean(runs, "accuracy"),
               100 * run_chance(first), 100 * run_majority(first), runs_mean(runs, "macro.precision"),
               runs_mean(runs, "macro.recall"));
    table_end(out);
    html_write(out, "<p class=\"%s\">%s%.1f %% of its predictions are %s, where %.1f %% of the images are.</p>\n",
               collapsed ? "warning" : "aside", collapsed ? "It has collapsed: " : "",
               100 * result_number(most, "share"), result_text(most, "class"), 100 * result_number(most, "true_share"));
}

/* The difference of the two accuracies, split: what each class loses, weighed by its share of the other set's images, and
 * what the other shares of the classes do. */
static void drop_table(FILE *out, const json_t *own, const json_t *other) {
    const json_t *first = json_array_get(other, 0), *classes = json_object_get(first, "per_class"), *class;
    const double n = result_number(first, "n");
    const double before = runs_mean(own, "accuracy"), after = runs_mean(other, "accuracy"), drop = before - after;
    double explained = 0;
    size_t c;
    table_open(out, (TableStyle){0}, "Where the accuracy is lost",
               "|>Recall, own test set|>Recall, other set|>Share of images, other set|>Points lost");
    json_array_foreach(classes, c, class) {
        const double home = runs_mean_recall(own, c), there = runs_mean_recall(other, c),
                     share = result_number(class, "support") / n, lost = share * (home - there);
        explained += lost;
        html_write(out, HTML_ROW("%s") CELL_PERCENT CELL_PERCENT CELL_PERCENT CELL_2 HTML_ROW_END,
                   result_text(class, "class"), 100 * home, 100 * there, 100 * share, 100 * lost);
    }
    html_write(out, HTML_ROW("other shares of the classes") CELL_EMPTY CELL_EMPTY CELL_EMPTY CELL_2 HTML_ROW_END,
               100 * (drop - explained));
    html_write(out, HTML_ROW("all") CELL_PERCENT CELL_PERCENT CELL_EMPTY CELL_2 HTML_ROW_END, 100 * before, 100 * after,
               100 * drop);
    table_end(out);
}

cf_status page_cross(FILE *out, const StudyPage *page, const StudyPlace *place) {
    const json_t *own = study_result(page->study, "test", place->from->name),
                 *runs = study_result(page->study, "cross", place->key);
    html_write(out, HTML_SET_HEADING("The model of %s on %s"), place->from->name, place->set->name);
    cross_summary(out, place, runs);
    drop_table(out, own, runs);
    fputs(HTML_FIGURES, out);
    FORWARD(page_figure(out, page->figures, IN_ROW, "Recall of each class on its own test set and on the other set",
                        "figures/cross-%s", place->key));
    FORWARD(evaluation_figures(out, page, place->from, result_text(json_array_get(runs, 0), "suffix")));
    fputs(HTML_FIGURES_END "<details><summary>Metrics by class</summary>\n", out);
    classification_report(out, runs);
    fputs("</details>\n", out);
    return CF_OK;
}

/* ---- Imbalance ---- */

static void imbalance_table(FILE *out, const Recipe *recipe, const json_t *cases) {
    const json_t *classes = json_object_get(json_array_get(study_case(cases, 0), 0), "per_class");
    enum { MOST_SHOWN = 40 };
    const size_t all = json_array_size(classes), count = all < MOST_SHOWN ? all : MOST_SHOWN;
    table_begin(out, (TableStyle){0}, "By training images per class; mean over the seeds");
    table_columns(out, "|>Loss|>Accuracy|>Macro precision|>Macro recall");
    for (size_t c = 0; c < count; c++)
        html_write(out, HTML_NUMBERS_HEAD("Recall of %s"), result_text(json_array_get(classes, c), "class"));
    table_body(out);
    for (int i = 0; i < recipe->case_count; i++) {
        const json_t *runs = study_case(cases, i);
        html_write(out, HTML_ROW("%s") CELL_4 CELL_PERCENT CELL_4 CELL_4,
                   recipe->cases[i][0] ? recipe->cases[i] : "all", runs_mean(runs, "loss"),
                   100 * runs_mean(runs, "accuracy"), runs_mean(runs, "macro.precision"),
                   runs_mean(runs, "macro.recall"));
        for (size_t c = 0; c < count; c++) fprintf(out, CELL_PERCENT, 100 * runs_mean_recall(runs, c));
        table_row_end(out);
    }
    table_end(out);
}

static cf_status write_remedies(FILE *out, const StudyPage *page, const char *set) {
    const Recipe *recipe = page->study->recipe;
    const json_t *cases = study_result(page->study, "remedies", set);
    for (int i = 0; i < recipe->case_count; i++) {
        const json_t *all = study_case(cases, i);
        char caption[300];
        if (!all) continue;
        snprintf(
            caption, sizeof caption,
            "What remedies bring, %.80s: %d seeds, each with other images; %d steps, of which the last is taken; the best, by "
            "the validation images, is marked",
            recipe->cases[i], recipe->remedied.seeds, recipe->remedied.steps);
        FORWARD(remedy_table(out, caption, all));
        FORWARD(page_figure(out, page->figures, ALONE, "Recalls by remedy; bars are 95 % intervals over the seeds",
                            "figures/remedies-%s-case%d", set, i + 1));
    }
    return CF_OK;
}

cf_status page_imbalance(FILE *out, const StudyPage *page, const StudyPlace *place) {
    const Recipe *recipe = page->study->recipe;
    imbalance_table(out, recipe, study_result(page->study, "imbalance", place->key));
    fputs(HTML_FIGURES, out);
    FORWARD(page_figure(out, page->figures, IN_ROW, "Recall of each class by training images per class",
                        "figures/imbalance-%s", place->key));
    for (int c = 0; c < recipe->case_count; c++) {
        char caption[120];
        snprintf(caption, sizeof caption, "UMAP of the features, %.80s",
                 recipe->cases[c][0] ? recipe->cases[c] : "all images");
        FORWARD(
            page_figure(out, page->figures, IN_ROW, caption, "imbalance-%s-case%d-s1/figures/umap", place->key, c + 1));
    }
    fputs(HTML_FIGURES_END, out);
    return write_remedies(out, page, place->key);
}
