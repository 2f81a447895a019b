/* What the test says, from metrics.json: scores of the classes; the confusion matrix, a table that reads without a script, whose cells are
 * buttons for page.js; calibration, areas under curves and the most confused pairs. */
#include "base/memory.h"
#include "study/report/report_inside.h"

#include <math.h>
#include <string.h>

/* ---- Scores ---- */

static void write_scores(FILE *out, const char *name, const json_t *scores, long long support) {
    static const char *const keys[] = {"precision", "recall", "f1"};
    table_row(out, name, false);
    for (size_t k = 0; k < COUNT_OF(keys); k++) table_number(out, json_number_at(scores, keys[k]), "%.4f", json_number_at(scores, keys[k]));
    table_count(out, true, support);
    table_row_end(out);
}

void section_scores(FILE *out, const ReportInput *input) {
    const json_t *classes = json_object_get(input->test, "per_class");
    char caption[160], more[120] = "";
    if (!input->test) {
        html_note(out, "The run has not been tested yet.");
        return;
    }
    if (input->classes >= MANY_CLASSES)
        snprintf(more, sizeof more, ": the %d with the lowest F1 of %d; metrics.json has all", report_rows(input),
                 input->classes);
    snprintf(caption, sizeof caption, "Precision, recall and F1 of each class%s", more);
    table_open(out, (TableStyle){.sortable = true}, caption, "Class|>Precision|>Recall|>F1|>Support");
    for (int i = 0; i < report_rows(input); i++) {
        const int c = report_row_class(input, i);
        const json_t *item = json_array_get(classes, (size_t)c);
        write_scores(out, report_class(input, c), item, json_whole(item, "support"));
    }
    table_foot(out);
    const long long n = json_whole(input->test, "n");
    write_scores(out, "macro average", json_object_get(input->test, "macro"), n);
    write_scores(out, "weighted average", json_object_get(input->test, "weighted"), n);
    table_end(out);
}

/* ---- Confusion ---- */

static void write_cell(FILE *out, const ReportInput *input, int label, int predicted, double count, double of) {
    const double share = of > 0 ? count / of : 0;
    const bool right = label == predicted;
    if (count <= 0) {
        fputs("<td class=\"zero\">0</td>", out);
        return;
    }
    /* Mistakes are few where a network is good: the square root lets one of a hundred be seen. */
    const double shade = right ? share : sqrt(share);
    html_write(out,
               "<td class=\"%s%s\" style=\"--v:%.3f\"><button type=\"button\" data-label=\"%d\" data-predicted=\"%d\" "
               "data-count=\"%.0f\" aria-label=\"%s",
               right ? "right" : "wrong", shade > 0.6 ? " deep" : "", shade, label, predicted, count, report_class(input, label));
    html_write(out, right ? " recognised as such%s: " : " predicted as %s: ", right ? "" : report_class(input, predicted));
    fprintf(out, "%.0f of %.0f, show them\">%.0f</button></td>", count, of, count);
}

/* A matrix of more columns takes the page's width. */
enum { WIDE_MATRIX = 12 };

/* The classes that the matrix shows. */
typedef struct ShownClasses {
    int count, classes[MANY_CLASSES];
} ShownClasses;

static void write_matrix_row(FILE *out, const ReportInput *input, const ShownClasses *shown, int label) {
    const Metrics *m = &input->counts;
    const double sum = (double)m->per_class[label].support;
    double others = sum;
    table_row(out, report_class(input, label), false);
    for (int k = 0; k < shown->count; k++) {
        const int predicted = shown->classes[k];
        const double count = (double)confusion_at(m->cells, m->cell_count, label, predicted);
        write_cell(out, input, label, predicted, count, sum);
        others -= count;
    }
    if (shown->count < input->classes) fprintf(out, "<td class=\"zero\">%.0f</td>", others);
    table_row_end(out);
}

static void write_matrix(FILE *out, const ReportInput *input, const ShownClasses *shown) {
    const bool some = shown->count < input->classes;
    char caption[200], more[120] = "", class[32];
    size_t longest = 0;
    for (int k = 0; k < shown->count; k++) {
        const size_t length = strlen(report_class(input, shown->classes[k]));
        if (length > longest) longest = length;
    }
    snprintf(class, sizeof class, "confusion%s%s", longest > 3 ? " named" : "", shown->count > WIDE_MATRIX ? " many" : "");
    if (some) snprintf(more, sizeof more, " Of %d classes those of the %d most confused pairs.", input->classes, SHOWN_PAIRS);
    snprintf(caption, sizeof caption, "Confusion matrix: rows are the true class, columns the predicted class.%s", more);
    table_begin(out, (TableStyle){.class = class, .id = "matrix", .on_screen = " A cell opens its images."}, caption);
    table_empty(out, 1);
    for (int k = 0; k < shown->count + some; k++)
        html_write(out, "<th scope=\"col\"><span>%s</span></th>",
                   k < shown->count ? report_class(input, shown->classes[k]) : "others");
    table_body(out);
    for (int k = 0; k < shown->count; k++) write_matrix_row(out, input, shown, shown->classes[k]);
    table_end(out);
}

cf_status section_confusion(FILE *out, const ReportInput *input, const ReportImages *images) {
    ShownClasses chosen;
    if (!input->test) {
        html_note(out, "The run has not been tested yet.");
        return CF_OK;
    }
    FORWARD(confused_classes(&input->counts, chosen.classes, &chosen.count));
    if (chosen.count)
        write_matrix(out, input, &chosen);
    else
        html_note(out, input->no_cells ? "The confusion matrix has too many cells for metrics.json; confusion.csv among the "
                                         "figures has them, and the most confused pairs stand below."
                                       : "No class was mistaken for another.");
    if (input->set)
        fprintf(
            out,
            "<p class=\"aside screen\" id=\"shown\">In this page: %zu of the %zu mistakes and %zu of the %zu images that were "
            "recognised.</p>\n",
            images->wrong_shown, images->wrong, images->right_shown, images->right);
    else
        html_write(out, "<p class=\"note\">The images are not in this page. %s</p>\n",
                   input->no_images ? input->no_images : "There is no predictions.csv in the folder.");
    return CF_OK;
}

/* ---- How sure the network may be ---- */

/* A number, or "none" for one that is undefined. */
static void write_fact(FILE *out, const char *name, const json_t *number, const char *remark) {
    if (json_is_number(number))
        html_write(out, HTML_FACT("%s", "%.4f", "%s"), name, json_number_value(number), remark);
    else
        html_fact(out, name, "none", remark);
}

static void write_facts(FILE *out, const json_t *test, const json_t *calibration) {
    static const char each[] = "mean over the classes, each against the rest";
    const json_t *temperature = json_object_get(calibration, "temperature");
    const char *missing = json_string_value(json_object_get(calibration, "temperature_missing"));
    char remark[96];
    fputs("<dl class=\"facts\">\n", out);
    snprintf(remark, sizeof remark, "between confidence and accuracy, expected over %zu bins",
             json_array_size(json_object_get(calibration, "bins")));
    write_fact(out, "Calibration error", json_object_get(calibration, "ece"), remark);
    if (json_is_number(temperature)) {
        write_fact(out, "Temperature", temperature, "divides the logits; fitted on the validation part");
        snprintf(remark, sizeof remark, "with the temperature; the loss becomes %.4f", json_number_at(calibration, "loss_scaled"));
        write_fact(out, "Calibration error, scaled", json_object_get(calibration, "ece_scaled"), remark);
    } else
        write_fact(out, "Temperature", NULL, missing ? missing : "none was fitted");
    write_fact(out, "Brier score", json_object_get(calibration, "brier"), "squared error of the probabilities; 0 is best");
    write_fact(out, "Area under ROC", json_object_get(json_object_get(test, "roc_auc"), "macro"), each);
    write_fact(out, "Average precision", json_object_get(json_object_get(test, "average_precision"), "macro"), each);
    fputs("</dl>\n", out);
}

/* A class that has no examples, or no others beside it, has no area; it sorts below all. */
static void write_area(FILE *out, const json_t *number) {
    const double value = json_is_number(number) ? json_number_value(number) : -1;
    table_number(out, value, value < 0 ? "none" : "%.4f", value);
}

static void write_areas(FILE *out, const ReportInput *input) {
    const json_t *roc = json_object_get(json_object_get(input->test, "roc_auc"), "per_class"),
                 *precision = json_object_get(json_object_get(input->test, "average_precision"), "per_class");
    table_open(out, (TableStyle){.sortable = true, .tall = true, .id = "areas"},
               input->classes < MANY_CLASSES ? "Each class against the rest"
                                             : "Each class against the rest; those with the lowest F1",
               "Class|>Area under ROC|>Average precision");
    for (int i = 0; i < report_rows(input); i++) {
        const int c = report_row_class(input, i);
        table_row(out, report_class(input, c), false);
        write_area(out, json_array_get(roc, (size_t)c));
        write_area(out, json_array_get(precision, (size_t)c));
        table_row_end(out);
    }
    table_end(out);
}

static int class_named(const ReportInput *input, const json_t *name) {
    return json_is_string(name) ? report_class_named(input, json_string_value(name)) : -1;
}

/* The button is that of the matrix's cell. */
static void write_pair(FILE *out, const ReportInput *input, const json_t *pair) {
    const int label = class_named(input, json_object_get(pair, "true")),
              predicted = class_named(input, json_object_get(pair, "predicted"));
    const double count = json_number_at(pair, "count"), share = json_number_at(pair, "share");
    if (label < 0 || predicted < 0) return;
    html_write(
        out,
        "<tr><th scope=\"row\"><button type=\"button\" data-count=\"%.0f\" data-label=\"%d\" data-predicted=\"%d\">%s predicted as "
        "%s</button></th>",
        count, label, predicted, report_class(input, label), report_class(input, predicted));
    table_number(out, count, "%.0f", count);
    table_number(out, share, "%.1f %%", 100 * share);
    table_row_end(out);
}

static void write_pairs(FILE *out, const ReportInput *input) {
    const json_t *list = json_object_get(input->test, "confused");
    if (!json_array_size(list)) {
        html_note(out, "No class was mistaken for another.");
        return;
    }
    table_open(out, (TableStyle){.sortable = true, .tall = true, .id = "pairs", .on_screen = "; a row opens its images"},
               "The most confused pairs", "Pair|>Images|>Of the class");
    for (size_t i = 0; i < json_array_size(list); i++) write_pair(out, input, json_array_get(list, i));
    table_end(out);
}

void section_sureness(FILE *out, const ReportInput *input) {
    const json_t *calibration = json_object_get(input->test, "calibration");
    if (!input->test || !calibration) {
        html_note(out, input->test ? "metrics.json tells nothing of it: an earlier version wrote it."
                                   : "The run has not been tested yet.");
        return;
    }
    write_facts(out, input->test, calibration);
    fputs("<div class=\"columns after-facts\"><div>\n", out);
    write_pairs(out, input);
    fputs("</div><div>\n", out);
    write_areas(out, input);
    fputs("</div></div>\n", out);
}
