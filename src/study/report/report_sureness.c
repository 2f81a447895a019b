/* How sure the network may be: calibration, areas under curves and the most confused pairs, from metrics.json. */
#include "study/report/report_inside.h"

#include <string.h>

/* A number, or "none" for one that is undefined. */
static void four_digits(FILE *out, const json_t *number) {
    if (json_is_number(number))
        fprintf(out, "%.4f", json_number_value(number));
    else
        fputs("none", out);
}

static void fact(FILE *out, const char *name, const json_t *number, const char *remark) {
    fprintf(out, "<div><dt>%s</dt><dd>", name);
    four_digits(out, number);
    fputs("<small>", out);
    html_text(out, remark);
    fputs("</small></dd></div>\n", out);
}

static void facts(FILE *out, const json_t *test, const json_t *calibration) {
    const json_t *temperature = json_object_get(calibration, "temperature");
    const char *missing = json_string_value(json_object_get(calibration, "temperature_missing"));
    char remark[96];
    fputs("<dl class=\"facts\">\n", out);
    snprintf(remark, sizeof remark, "between confidence and accuracy, expected over %zu bins",
             json_array_size(json_object_get(calibration, "bins")));
    fact(out, "Calibration error", json_object_get(calibration, "ece"), remark);
    if (json_is_number(temperature)) {
        fact(out, "Temperature", temperature, "divides the logits; fitted on the validation part");
        snprintf(remark, sizeof remark, "with the temperature; the loss becomes %.4f",
                 json_number_value(json_object_get(calibration, "loss_scaled")));
        fact(out, "Calibration error, scaled", json_object_get(calibration, "ece_scaled"), remark);
    } else
        fact(out, "Temperature", NULL, missing ? missing : "none was fitted");
    fact(out, "Brier score", json_object_get(calibration, "brier"), "squared error of the probabilities; 0 is best");
    fact(out, "Area under ROC", json_object_get(json_object_get(test, "roc_auc"), "macro"),
         "mean over the classes, each against the rest");
    fact(out, "Average precision", json_object_get(json_object_get(test, "average_precision"), "macro"),
         "mean over the classes, each against the rest");
    fputs("</dl>\n", out);
}

/* A class that has no examples, or no others beside it, has no area; it sorts below all. */
static void area(FILE *out, const json_t *number) {
    const double value = json_is_number(number) ? json_number_value(number) : -1;
    table_number(out, value, value < 0 ? "none" : "%.4f", value);
}

static void areas(FILE *out, const ReportInput *input) {
    const json_t *roc = json_object_get(json_object_get(input->test, "roc_auc"), "per_class"),
                 *precision = json_object_get(json_object_get(input->test, "average_precision"), "per_class");
    table_begin(out, (TableStyle){.sortable = true, .tall = true, .id = "areas"},
                input->classes < MANY_CLASSES ? "Each class against the rest" : "Each class against the rest; those with the lowest F1");
    table_head(out, "Class", false);
    table_heads(out, (const char *const[]){"Area under ROC", "Average precision", NULL}, true);
    table_body(out);
    for (int i = 0; i < report_rows(input); i++) {
        const int c = report_row_class(input, i);
        table_row(out, report_class(input, c), false);
        area(out, json_array_get(roc, (size_t)c));
        area(out, json_array_get(precision, (size_t)c));
        table_row_end(out);
    }
    table_end(out);
}

static int class_named(const ReportInput *input, const json_t *name) {
    return json_is_string(name) ? report_class_named(input, json_string_value(name)) : -1;
}

/* The button is that of the matrix's cell. */
static void pair_row(FILE *out, const ReportInput *input, const json_t *pair) {
    int label = class_named(input, json_object_get(pair, "true")),
        predicted = class_named(input, json_object_get(pair, "predicted"));
    if (label < 0 || predicted < 0) return;
    double count = json_number_value(json_object_get(pair, "count")),
           share = json_number_value(json_object_get(pair, "share"));
    fprintf(out,
            "<tr><th scope=\"row\"><button type=\"button\" data-count=\"%.0f\" data-label=\"%d\" "
            "data-predicted=\"%d\">",
            count, label, predicted);
    html_text(out, report_class(input, label));
    fputs(" predicted as ", out);
    html_text(out, report_class(input, predicted));
    fputs("</button></th>", out);
    table_number(out, count, "%.0f", count);
    table_number(out, share, "%.1f %%", 100 * share);
    table_row_end(out);
}

static void pairs(FILE *out, const ReportInput *input) {
    const json_t *list = json_object_get(input->test, "confused");
    json_t *pair;
    size_t i;
    if (!json_array_size(list)) {
        fputs("<p class=\"note\">No class was mistaken for another.</p>\n", out);
        return;
    }
    table_begin(out, (TableStyle){.sortable = true, .tall = true, .id = "pairs", .on_screen = "; a row opens its images"},
                "The most confused pairs");
    table_head(out, "Pair", false);
    table_heads(out, (const char *const[]){"Images", "Of the class", NULL}, true);
    table_body(out);
    json_array_foreach((json_t *)(uintptr_t)list, i, pair) pair_row(out, input, pair);
    table_end(out);
}

void section_sureness(FILE *out, const ReportInput *input) {
    const json_t *calibration = json_object_get(input->test, "calibration");
    if (!input->test || !calibration) {
        fprintf(out, "<p class=\"note\">%s</p>\n",
                input->test ? "metrics.json tells nothing of it: an earlier version wrote it."
                            : "The run has not been tested yet.");
        return;
    }
    facts(out, input->test, calibration);
    fputs("<div class=\"columns after-facts\"><div>\n", out);
    pairs(out, input);
    fputs("</div><div>\n", out);
    areas(out, input);
    fputs("</div></div>\n", out);
}
