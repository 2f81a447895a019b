/* The pages of what was trained and measured. */
#include "study/pipeline/page.h"

#include "study/imbalance/lab.h"
#include "study/ledger/study_results.h"
#include "study/report/report_inside.h"
#include "train/train_options.h"

#include <stdarg.h>
#include <string.h>

/* ---- Tables ---- */

void page_table(FILE *out, const char *caption, const char *columns) {
    table_begin(out, (TableStyle){0}, caption);
    table_head(out, "", false);
    table_columns(out, columns);
    table_body(out);
}

static void write_cells(FILE *out, const char *kinds, va_list values) {
    static const struct {
        char kind;
        const char *format;
        double factor;
    } formats[] = {{'w', "%.0f", 1}, {'p', "%.2f %%", 100}, {'d', "%.4f", 1}, {'+', "%.2f", 1}};
    for (; *kinds; kinds++) {
        char text[340] = "";
        for (size_t i = 0; i < COUNT_OF(formats); i++)
            if (formats[i].kind == *kinds)
                snprintf(text, sizeof text, formats[i].format, formats[i].factor * va_arg(values, double));
        if (*kinds == '/')
            table_row_end(out);
        else
            table_figure(out, text);
    }
}

void page_cells(FILE *out, const char *kinds, ...) {
    va_list values;
    va_start(values, kinds);
    write_cells(out, kinds, values);
    va_end(values);
}

void page_row(FILE *out, const char *name, const char *kinds, ...) {
    va_list values;
    table_row(out, name, false);
    va_start(values, kinds);
    write_cells(out, kinds, values);
    va_end(values);
}

cf_status page_accuracy(FILE *out, const json_t *runs) {
    MeanInterval m;
    FORWARD(runs_interval(runs, "accuracy", &m));
    fprintf(out, "<td class=\"n\">%.2f %% <small>(%.2f to %.2f)</small></td>", 100 * m.mean, 100 * m.low, 100 * m.high);
    return CF_OK;
}

static void scores_row(FILE *out, const char *name, const json_t *scores, double support) {
    page_row(out, name, "dddw/", result_number(scores, "precision"), result_number(scores, "recall"),
             result_number(scores, "f1"), support);
}

/* As scikit-learn lays it out. */
static void classification_report(FILE *out, const char *caption, const json_t *run) {
    const json_t *classes = json_object_get(run, "per_class");
    const double n = result_number(run, "n");
    page_table(out, caption, ">Precision|>Recall|>F1|>Support");
    for (size_t c = 0; c < json_array_size(classes); c++) {
        const json_t *one = json_array_get(classes, c);
        scores_row(out, result_text(one, "class"), one, result_number(one, "support"));
    }
    scores_row(out, "macro average", json_object_get(run, "macro"), n);
    scores_row(out, "weighted average", json_object_get(run, "weighted"), n);
    table_end(out);
}

/* ---- Training ---- */

static cf_status training_table(FILE *out, const StudyPage *page, const json_t *runs) {
    const Recipe *recipe = page->study->recipe;
    page_table(out, "Every training, with the epoch whose weights were kept",
               ">Epochs|>Best epoch|>Validation loss|>Validation accuracy|>Test loss|>Test accuracy");
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i), *validation = json_object_get(run, "validation");
        char name[64];
        const int used = snprintf(name, sizeof name, "seed %lld", result_whole(run, "seed"));
        if (recipe->splits > 1)
            snprintf(name + used, sizeof name - (size_t)used, ", split %llu",
                     (unsigned long long)(recipe->base.split.seed + recipe_split(recipe, (int)i)));
        page_row(out, name, "wwdpdp/", result_number(run, "epochs_run"), result_number(run, "best_epoch"),
                 result_number(validation, "loss"), result_number(validation, "accuracy"), result_number(run, "loss"),
                 result_number(run, "accuracy"));
    }
    if (json_array_size(runs) > 1) {
        page_row(out, "mean (95 % interval)", "--dpd", runs_mean(runs, "validation.loss"),
                 runs_mean(runs, "validation.accuracy"), runs_mean(runs, "loss"));
        FORWARD(page_accuracy(out, runs));
        page_cells(out, "/");
    }
    table_end(out);
    return CF_OK;
}

/* What the interval of the mean is over. */
static cf_status tell_seeds(FILE *out, const StudyPage *page) {
    const Recipe *recipe = page->study->recipe;
    char seeds[80];
    if (recipe->seeds < 2) return CF_OK;
    study_seeds_text((size_t)recipe->seeds, recipe->splits, seeds);
    fprintf(out, "<p>Intervals are Student\xe2\x80\x99s t over %s: %s.</p>\n", seeds,
            recipe->splits > 1 ? "they tell of both, which images train and test, and how the training went"
                               : "the images that train and test are the same each time");
    if (recipe->splits > 1 && recipe->grid)
        fputs("<p class=\"aside\">The configuration was found on the first split. Its validation images may be test "
              "images of another one.</p>\n",
              out);
    return CF_OK;
}

static cf_status training(FILE *out, const StudyPage *page, const StudyPlace *place) {
    const StudySet *set = place->set;
    char text[TRAIN_OPTIONS_TEXT];
    page_set_heading(out, set);
    train_options_text(&set->chosen.train, false, text);
    html_write(out,
               "<pre class=\"line\"><code>%s</code></pre>\n<p>%s. <a href=\"train-%s-s1/report.html\">The run of the "
               "first seed</a> has a page of its own, with the network in it.</p>\n",
               set->chosen.model, text, set->name);
    FORWARD(training_table(out, page, study_result(page->study, "test", set->name)));
    page_figures_begin(out);
    FORWARD(page_run_figure(out, page, set, "filters", "Filters of the first convolution, of the first seed"));
    page_figures_end(out);
    return CF_OK;
}

const PageSection page_training = {"training", .begin = tell_seeds, .each = training};

/* ---- Evaluation ---- */

/* The figures of an evaluation; `suffix` as figures_suffix makes it, and of the set's own test part, "", those that the summary does not
 * have. Those that are narrow stand two by two. */
static cf_status evaluation_figures(FILE *out, const StudyPage *page, const StudySet *model_of, const char *suffix) {
    static const struct {
        const char *name, *caption;
    } figures[] = {{"confusion", "Confusion matrix"},
                   {"umap", "UMAP of the features that the model has of these images"},
                   {"misclassified", "Misclassified images, the most confident first"},
                   {"probabilities", "Predicted probabilities of three correctly classified images"},
                   {"reliability", "Reliability diagram: accuracy by confidence"}};
    enum { IN_SUMMARY = 3 };
    char name[160];
    for (size_t i = *suffix ? 0 : IN_SUMMARY; i < COUNT_OF(figures); i++) {
        snprintf(name, sizeof name, "%s%s", figures[i].name, suffix);
        FORWARD(page_run_figure(out, page, model_of, name, figures[i].caption));
    }
    return CF_OK;
}

static cf_status evaluation(FILE *out, const StudyPage *page, const StudyPlace *place) {
    page_set_heading(out, place->set);
    classification_report(out, "Of the first seed", json_array_get(study_result(page->study, "test", place->key), 0));
    page_figures_begin(out);
    FORWARD(evaluation_figures(out, page, place->set, ""));
    page_figures_end(out);
    return CF_OK;
}

const PageSection page_evaluation = {"evaluation", .each = evaluation};

/* ---- Features ---- */

static cf_status features_table(FILE *out, const StudyPage *page) {
    fputs("<p>UMAP of what the last hidden layer makes of the test images. Trustworthiness and continuity say how far "
          "neighbourhoods are kept; k-NN accuracy in the plane and the silhouette say how far the classes are "
          "apart.</p>\n",
          out);
    page_table(out, "Quality of the embeddings", ">Images|>Trustworthiness|>Continuity|>k-NN accuracy|>Silhouette");
    for (int i = 0; i < page->study->set_count; i++) {
        const char *name = page->study->sets[i].name;
        const json_t *f = study_result(page->study, "features", name);
        page_row(out, name, "wddpd/", result_number(f, "n"), result_number(f, "trustworthiness"),
                 result_number(f, "continuity"), result_number(f, "knn_accuracy"), result_number(f, "silhouette"));
    }
    table_end(out);
    fputs("<p class=\"moving screen\">Point at an image to see it; drag, scroll or use the arrow keys, plus and minus "
          "to move about. On paper and without a script the figures of the summary show the same points.</p>\n",
          out);
    return CF_OK;
}

/* As the page of the run has it. */
static cf_status scatter(FILE *out, const StudyPage *page, const StudyPlace *place) {
    AUTO(report_input_free) ReportInput input = {0};
    AUTO_FREE char *folder = NULL;
    FORWARD(study_run_folder(page->study, place->set, 0, &folder));
    FORWARD(report_input_read(folder, place->set->set, page->study->options->data_dir, &input));
    if (!report_has_features(&input)) return CF_OK;
    fputs("<figure class=\"moving whole screen\">\n", out);
    page_set_heading(out, place->set);
    FORWARD(section_scatter(out, &input, NULL, NULL));
    fputs("</figure>\n", out);
    return CF_OK;
}

const PageSection page_features = {"features", .begin = features_table, .each = scatter};

/* ---- The other set ---- */

static void cross_summary(FILE *out, const StudyPlace *place, const json_t *runs) {
    const json_t *first = json_array_get(runs, 0), *most = json_object_get(first, "most_predicted");
    char name[160];
    snprintf(name, sizeof name, "%s on %s", place->from->name, place->set->name);
    page_table(out, "Mean over the seeds, with what guessing and always saying the commonest class would get",
               ">Loss|>Accuracy|>Chance|>Commonest class|>Macro precision|>Macro recall");
    page_row(out, name, "dpppdd/", runs_mean(runs, "loss"), runs_mean(runs, "accuracy"), run_chance(first),
             run_majority(first), runs_mean(runs, "macro.precision"), runs_mean(runs, "macro.recall"));
    table_end(out);
    fputs(run_has_collapsed(first) ? "<p class=\"warning\">It has collapsed: " : "<p class=\"aside\">", out);
    html_write(out, "%.1f %% of its predictions are %s, where %.1f %% of the images are.</p>\n",
               100 * result_number(most, "share"), result_text(most, "class"), 100 * result_number(most, "true_share"));
}

/* The difference of the two accuracies, split: what each class loses, weighed by its share of the other set's images, and
 * what the other shares of the classes do. */
static void drop_table(FILE *out, const json_t *own, const json_t *other) {
    const json_t *first = json_array_get(other, 0), *classes = json_object_get(first, "per_class");
    const double n = result_number(first, "n");
    const double drop = runs_mean(own, "accuracy") - runs_mean(other, "accuracy");
    double explained = 0;
    page_table(out, "Where the accuracy is lost",
               ">Recall, own test set|>Recall, other set|>Share of images, other set|>Points lost");
    for (size_t c = 0; c < json_array_size(classes); c++) {
        const json_t *class = json_array_get(classes, c);
        const double home = runs_mean_recall(own, c), there = runs_mean_recall(other, c),
                     share = result_number(class, "support") / n, lost = share * (home - there);
        explained += lost;
        page_row(out, result_text(class, "class"), "ppp+/", home, there, share, 100 * lost);
    }
    page_row(out, "other shares of the classes", "---+/", 100 * (drop - explained));
    page_row(out, "all", "pp-+/", runs_mean(own, "accuracy"), runs_mean(other, "accuracy"), 100 * drop);
    table_end(out);
}

static cf_status cross(FILE *out, const StudyPage *page, const StudyPlace *place) {
    const json_t *own = study_result(page->study, "test", place->from->name),
                 *runs = study_result(page->study, "cross", place->key);
    char name[180];
    html_write(out, "<h3 class=\"set\">The model of %s on %s</h3>\n", place->from->name, place->set->name);
    cross_summary(out, place, runs);
    drop_table(out, own, runs);
    page_figures_begin(out);
    snprintf(name, sizeof name, "cross-%s", place->key);
    FORWARD(page_figure(out, page, "figures", name, "Recall of each class on its own test set and on the other set"));
    FORWARD(evaluation_figures(out, page, place->from, result_text(json_array_get(runs, 0), "suffix")));
    page_figures_end(out);
    fputs("<details><summary>Metrics by class</summary>\n", out);
    classification_report(out, "Of the first seed", json_array_get(runs, 0));
    fputs("</details>\n", out);
    return CF_OK;
}

const PageSection page_cross = {"cross", .each = cross, .pairs = true};

/* ---- Imbalance ---- */

static void imbalance_table(FILE *out, const StudyPage *page, const json_t *cases) {
    const Recipe *recipe = page->study->recipe;
    const json_t *classes = json_object_get(json_array_get(study_case(cases, 0), 0), "per_class");
    enum { MOST_SHOWN = 40 };
    const size_t all = json_array_size(classes), count = all < MOST_SHOWN ? all : MOST_SHOWN;
    table_begin(out, (TableStyle){0}, "By training images per class; mean over the seeds");
    table_columns(out, "|>Loss|>Accuracy|>Macro precision|>Macro recall");
    for (size_t c = 0; c < count; c++)
        html_write(out, "<th scope=\"col\" class=\"n\">Recall of %s</th>",
                   result_text(json_array_get(classes, c), "class"));
    table_body(out);
    for (int i = 0; i < recipe->case_count; i++) {
        const json_t *runs = study_case(cases, i);
        page_row(out, recipe->cases[i][0] ? recipe->cases[i] : "all", "dpdd", runs_mean(runs, "loss"),
                 runs_mean(runs, "accuracy"), runs_mean(runs, "macro.precision"), runs_mean(runs, "macro.recall"));
        for (size_t c = 0; c < count; c++) page_cells(out, "p", runs_mean_recall(runs, c));
        page_cells(out, "/");
    }
    table_end(out);
}

static cf_status remedies(FILE *out, const StudyPage *page, const StudySet *set) {
    const Recipe *recipe = page->study->recipe;
    const json_t *cases = study_result(page->study, "remedies", set->name);
    for (int i = 0; cases && i < recipe->case_count; i++) {
        char name[96], caption[300];
        const json_t *all = study_case(cases, i);
        if (!all) continue;
        snprintf(caption, sizeof caption,
                 "What remedies bring, %.80s: %d seeds, each with other images; %d steps, of which the last is taken; "
                 "the best, by the validation images, is marked",
                 recipe->cases[i], recipe->remedied.seeds, recipe->remedied.steps);
        FORWARD(remedy_table(out, caption, all));
        snprintf(name, sizeof name, "remedies-%s-case%d", set->name, i + 1);
        FORWARD(
            page_lone_figure(out, page, "figures", name, "Recalls by remedy; bars are 95 % intervals over the seeds"));
    }
    return CF_OK;
}

static cf_status imbalance(FILE *out, const StudyPage *page, const StudyPlace *place) {
    char name[160], stage[180], caption[120];
    page_set_heading(out, place->set);
    imbalance_table(out, page, study_result(page->study, "imbalance", place->key));
    page_figures_begin(out);
    snprintf(name, sizeof name, "imbalance-%s", place->key);
    FORWARD(page_figure(out, page, "figures", name, "Recall of each class by training images per class"));
    for (int c = 0; c < page->study->recipe->case_count; c++) {
        const char *limit = page->study->recipe->cases[c];
        snprintf(stage, sizeof stage, "imbalance-%s-case%d-s1/figures", place->key, c + 1);
        snprintf(caption, sizeof caption, "UMAP of the features, %.80s", limit[0] ? limit : "all images");
        FORWARD(page_figure(out, page, stage, "umap", caption));
    }
    page_figures_end(out);
    return remedies(out, page, place->set);
}

const PageSection page_imbalance = {"imbalance", .each = imbalance};
