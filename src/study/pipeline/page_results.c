/* The pages of what was trained and measured. */
#include "study/pipeline/page.h"

#include "study/imbalance/lab.h"
#include "study/ledger/study_results.h"
#include "study/report/report_inside.h"
#include "train/train_options.h"

#include <stdarg.h>
#include <string.h>

/* ---- Tables ---- */

static void begin_head(FILE *out, const char *caption, const char *const *columns) {
    table_begin(out, (TableStyle){0}, caption);
    table_head(out, "", false);
    table_heads(out, columns, true);
}

void page_table(FILE *out, const char *caption, const char *const *columns) {
    begin_head(out, caption, columns);
    table_body(out);
}

void page_table_end(FILE *out) {
    table_end(out);
}

static void cells(FILE *out, const char *kinds, va_list values) {
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
    cells(out, kinds, values);
    va_end(values);
}

void page_row(FILE *out, const char *name, const char *kinds, ...) {
    va_list values;
    table_row(out, name, false);
    va_start(values, kinds);
    cells(out, kinds, values);
    va_end(values);
}

cf_status page_accuracy(FILE *out, const json_t *runs) {
    MeanInterval m;
    FORWARD(runs_interval(runs, "accuracy", &m));
    fprintf(out, "<td class=\"n\">%.2f %% <small>(%.2f to %.2f)</small></td>", 100 * m.mean, 100 * m.low, 100 * m.high);
    return CF_OK;
}

static void scores(FILE *out, const char *name, const json_t *scores, double support) {
    page_row(out, name, "dddw/", result_number(scores, "precision"), result_number(scores, "recall"),
             result_number(scores, "f1"), support);
}

/* As scikit-learn lays it out. */
static void classification_report(FILE *out, const char *caption, const json_t *run) {
    static const char *const columns[] = {"Precision", "Recall", "F1", "Support", NULL};
    const json_t *classes = json_object_get(run, "per_class");
    const double n = result_number(run, "n");
    page_table(out, caption, columns);
    for (size_t c = 0; c < json_array_size(classes); c++) {
        const json_t *one = json_array_get(classes, c);
        scores(out, result_text(one, "class"), one, result_number(one, "support"));
    }
    scores(out, "macro average", json_object_get(run, "macro"), n);
    scores(out, "weighted average", json_object_get(run, "weighted"), n);
    page_table_end(out);
}

/* ---- Training ---- */

static cf_status training_table(FILE *out, const StudyPage *page, const json_t *runs) {
    static const char *const columns[] = {
        "Epochs", "Best epoch", "Validation loss", "Validation accuracy", "Test loss", "Test accuracy", NULL};
    const Recipe *recipe = page->study->recipe;
    page_table(out, "Every training, with the epoch whose weights were kept", columns);
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
    page_table_end(out);
    return CF_OK;
}

/* What the interval of the mean is over. */
static void tell_seeds(FILE *out, const StudyPage *page) {
    const Recipe *recipe = page->study->recipe;
    if (recipe->seeds < 2) return;
    fputs("<p>Intervals are Student\xe2\x80\x99s t over ", out);
    page_seeds(out, page);
    fputs(recipe->splits > 1 ? ": they tell of both, which images train and test, and how the training went.</p>\n"
                             : ": the images that train and test are the same each time.</p>\n",
          out);
    if (recipe->splits > 1 && recipe->grid)
        fputs("<p class=\"aside\">The configuration was found on the first split. Its validation images may be test images of another "
              "one.</p>\n",
              out);
}

static void configuration(FILE *out, const StudySet *set) {
    char text[TRAIN_OPTIONS_TEXT];
    train_options_text(&set->chosen.train, false, text);
    fputs("<pre class=\"line\"><code>", out);
    html_text(out, set->chosen.model);
    fprintf(out,
            "</code></pre>\n<p>%s. <a href=\"train-%s-s1/report.html\">The run of the first seed</a> has a page of its own, with the "
            "network in it.</p>\n",
            text, set->name);
}

cf_status page_training(FILE *out, const StudyPage *page) {
    tell_seeds(out, page);
    for (int i = 0; i < page->study->set_count; i++) {
        const StudySet *set = &page->study->sets[i];
        page_set_heading(out, set);
        configuration(out, set);
        FORWARD(training_table(out, page, page_result(page, "test", set->name)));
        page_figures_begin(out);
        FORWARD(page_run_figure(out, page, set, "filters", "Filters of the first convolution, of the first seed"));
        page_figures_end(out);
    }
    return CF_OK;
}

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

cf_status page_evaluation(FILE *out, const StudyPage *page) {
    for (int i = 0; i < page->study->set_count; i++) {
        const StudySet *set = &page->study->sets[i];
        page_set_heading(out, set);
        classification_report(out, "Of the first seed", json_array_get(page_result(page, "test", set->name), 0));
        page_figures_begin(out);
        FORWARD(evaluation_figures(out, page, set, ""));
        page_figures_end(out);
    }
    return CF_OK;
}

/* ---- Features ---- */

static void features_row(FILE *out, const char *name, const json_t *f) {
    page_row(out, name, "wddpd/", result_number(f, "n"), result_number(f, "trustworthiness"),
             result_number(f, "continuity"), result_number(f, "knn_accuracy"), result_number(f, "silhouette"));
}

static const char *const features_columns[] = {
    "Images", "Trustworthiness", "Continuity", "k-NN accuracy", "Silhouette", NULL};

/* As the page of the run has it. */
static cf_status scatter_of(FILE *out, const StudyPage *page, const StudySet *set) {
    AUTO(report_input_free) ReportInput input = {0};
    AUTO_FREE char *folder = NULL;
    FORWARD(study_run_folder(page->study, set, 0, &folder));
    FORWARD(report_input_read(folder, set->set, page->study->options->data_dir, &input));
    if (!report_has_features(&input)) return CF_OK;
    fputs("<figure class=\"moving whole screen\">\n", out);
    page_set_heading(out, set);
    FORWARD(section_scatter(out, &input, NULL, NULL));
    fputs("</figure>\n", out);
    return CF_OK;
}

cf_status page_features(FILE *out, const StudyPage *page) {
    if (!page->study->recipe->features) return CF_OK;
    fputs("<p>UMAP of what the last hidden layer makes of the test images. Trustworthiness and continuity say how far neighbourhoods "
          "are kept; k-NN accuracy in the plane and the silhouette say how far the classes are apart.</p>\n",
          out);
    page_table(out, "Quality of the embeddings", features_columns);
    for (int i = 0; i < page->study->set_count; i++)
        features_row(out, page->study->sets[i].name, page_result(page, "features", page->study->sets[i].name));
    page_table_end(out);
    fputs("<p class=\"moving screen\">Point at an image to see it; drag, scroll or use the arrow keys, plus and minus to move about. On paper and "
          "without a script the figures of the summary show the same points.</p>\n",
          out);
    for (int i = 0; i < page->study->set_count; i++) FORWARD(scatter_of(out, page, &page->study->sets[i]));
    return CF_OK;
}

/* ---- The other set ---- */

static void cross_summary(FILE *out, const StudySet *from, const StudySet *on, const json_t *runs) {
    static const char *const columns[] = {"Loss",         "Accuracy", "Chance", "Commonest class", "Macro precision",
                                          "Macro recall", NULL};
    const json_t *first = json_array_get(runs, 0), *most = json_object_get(first, "most_predicted");
    char name[160];
    snprintf(name, sizeof name, "%s on %s", from->name, on->name);
    page_table(out, "Mean over the seeds, with what guessing and always saying the commonest class would get", columns);
    page_row(out, name, "dpppdd/", runs_mean(runs, "loss"), runs_mean(runs, "accuracy"), run_chance(first),
             run_majority(first), runs_mean(runs, "macro.precision"), runs_mean(runs, "macro.recall"));
    page_table_end(out);
    fputs(run_has_collapsed(first) ? "<p class=\"warning\">It has collapsed: " : "<p class=\"aside\">", out);
    fprintf(out, "%.1f %% of its predictions are ", 100 * result_number(most, "share"));
    html_text(out, result_text(most, "class"));
    fprintf(out, ", where %.1f %% of the images are.</p>\n", 100 * result_number(most, "true_share"));
}

/* The difference of the two accuracies, split: what each class loses, weighed by its share of the other set's images, and
 * what the other shares of the classes do. */
static void drop_table(FILE *out, const json_t *own, const json_t *other) {
    static const char *const columns[] = {"Recall, own test set", "Recall, other set", "Share of images, other set", "Points lost", NULL};
    const json_t *first = json_array_get(other, 0), *classes = json_object_get(first, "per_class");
    const double n = result_number(first, "n");
    const double drop = runs_mean(own, "accuracy") - runs_mean(other, "accuracy");
    double explained = 0;
    page_table(out, "Where the accuracy is lost", columns);
    for (size_t c = 0; c < json_array_size(classes); c++) {
        const json_t *class = json_array_get(classes, c);
        const double home = runs_mean_recall(own, c), there = runs_mean_recall(other, c),
                     share = result_number(class, "support") / n, lost = share * (home - there);
        explained += lost;
        page_row(out, result_text(class, "class"), "ppp+/", home, there, share, 100 * lost);
    }
    page_row(out, "other shares of the classes", "---+/", 100 * (drop - explained));
    page_row(out, "all", "pp-+/", runs_mean(own, "accuracy"), runs_mean(other, "accuracy"), 100 * drop);
    page_table_end(out);
}

static cf_status cross_of(FILE *out, const StudyPage *page, const StudyPlace *place) {
    const StudySet *from = place->from, *on = place->set;
    char pair[STUDY_PAIR], name[180];
    study_pair(from, on, pair);
    const json_t *own = page_result(page, "test", from->name), *runs = page_result(page, "cross", pair);
    page_heading(out, "The model of %s on %s", from->name, on->name);
    cross_summary(out, from, on, runs);
    drop_table(out, own, runs);
    page_figures_begin(out);
    snprintf(name, sizeof name, "cross-%s", pair);
    FORWARD(page_figure(out, page, "figures", name, "Recall of each class on its own test set and on the other set"));
    FORWARD(evaluation_figures(out, page, from, result_text(json_array_get(runs, 0), "suffix")));
    page_figures_end(out);
    fputs("<details><summary>Metrics by class</summary>\n", out);
    classification_report(out, "Of the first seed", json_array_get(runs, 0));
    fputs("</details>\n", out);
    return CF_OK;
}

cf_status page_cross(FILE *out, const StudyPage *page) {
    StudyPlace place;
    for (int p = 0; study_place(page->study, true, p, &place); p++) FORWARD(cross_of(out, page, &place));
    return CF_OK;
}

/* ---- Imbalance ---- */

static void imbalance_table(FILE *out, const StudyPage *page, const json_t *cases) {
    const Recipe *recipe = page->study->recipe;
    const json_t *classes = json_object_get(json_array_get(json_object_get(cases, "1"), 0), "per_class");
    static const char *const columns[] = {"Loss", "Accuracy", "Macro precision", "Macro recall", NULL};
    enum { MOST_SHOWN = 40 };
    const size_t all = json_array_size(classes), count = all < MOST_SHOWN ? all : MOST_SHOWN;
    begin_head(out, "By training images per class; mean over the seeds", columns);
    for (size_t c = 0; c < count; c++) {
        fputs("<th scope=\"col\" class=\"n\">Recall of ", out);
        html_text(out, result_text(json_array_get(classes, c), "class"));
        fputs("</th>", out);
    }
    table_body(out);
    for (int i = 0; i < recipe->case_count; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i + 1);
        const json_t *runs = json_object_get(cases, key);
        page_row(out, recipe->cases[i][0] ? recipe->cases[i] : "all", "dpdd", runs_mean(runs, "loss"),
                 runs_mean(runs, "accuracy"), runs_mean(runs, "macro.precision"), runs_mean(runs, "macro.recall"));
        for (size_t c = 0; c < count; c++) page_cells(out, "p", runs_mean_recall(runs, c));
        page_cells(out, "/");
    }
    page_table_end(out);
}

static cf_status remedies(FILE *out, const StudyPage *page, const StudySet *set) {
    const Recipe *recipe = page->study->recipe;
    const json_t *cases = page_result(page, "remedies", set->name);
    for (int i = 0; cases && i < recipe->case_count; i++) {
        char key[16], name[96], caption[300];
        snprintf(key, sizeof key, "%d", i + 1);
        const json_t *all = json_object_get(cases, key);
        if (!all) continue;
        snprintf(caption, sizeof caption,
                 "What remedies bring, %.80s: %d seeds, each with other images; %d steps, of which the last is taken; the best, by the "
                 "validation images, is marked",
                 recipe->cases[i], recipe->remedied.seeds, recipe->remedied.steps);
        FORWARD(remedy_table(out, caption, all));
        snprintf(name, sizeof name, "remedies-%s-case%d", set->name, i + 1);
        FORWARD(page_lone_figure(out, page, "figures", name, "Recalls by remedy; bars are 95 % intervals over the seeds"));
    }
    return CF_OK;
}

cf_status page_imbalance(FILE *out, const StudyPage *page) {
    for (int i = 0; i < page->study->set_count; i++) {
        const StudySet *set = &page->study->sets[i];
        char name[96], stage[120], caption[120];
        page_set_heading(out, set);
        imbalance_table(out, page, page_result(page, "imbalance", set->name));
        page_figures_begin(out);
        snprintf(name, sizeof name, "imbalance-%s", set->name);
        FORWARD(page_figure(out, page, "figures", name, "Recall of each class by training images per class"));
        for (int c = 0; c < page->study->recipe->case_count; c++) {
            const char *limit = page->study->recipe->cases[c];
            snprintf(stage, sizeof stage, "imbalance-%s-case%d-s1/figures", set->name, c + 1);
            snprintf(caption, sizeof caption, "UMAP of the features, %.80s", limit[0] ? limit : "all images");
            FORWARD(page_figure(out, page, stage, "umap", caption));
        }
        page_figures_end(out);
        FORWARD(remedies(out, page, set));
    }
    return CF_OK;
}
