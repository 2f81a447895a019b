/* The confusion matrix: a table that reads without a script; its cells are buttons for page.js. */
#include "study/report/report_inside.h"

#include <math.h>
#include <string.h>

static void cell(FILE *out, const ReportInput *input, int label, int predicted, double count, double of) {
    double share = of > 0 ? count / of : 0;
    bool right = label == predicted;
    if (count <= 0) {
        fprintf(out, "<td class=\"zero\">0</td>");
        return;
    }
    /* Mistakes are few where a network is good: the square root lets one of a hundred be seen. */
    double shade = right ? share : sqrt(share);
    fprintf(out,
            "<td class=\"%s%s\" style=\"--v:%.3f\"><button type=\"button\" data-label=\"%d\" data-predicted=\"%d\" "
            "data-count=\"%.0f\" aria-label=\"",
            right ? "right" : "wrong", shade > 0.6 ? " deep" : "", shade, label, predicted, count);
    html_text(out, report_class(input, label));
    fputs(right ? " recognised as such: " : " predicted as ", out);
    if (!right) {
        html_text(out, report_class(input, predicted));
        fputs(": ", out);
    }
    fprintf(out, "%.0f of %.0f, show them\">%.0f</button></td>", count, of, count);
}

/* A matrix of more columns takes the page's width. */
enum { WIDE_MATRIX = 12 };

/* The classes that the matrix shows. */
typedef struct ShownClasses {
    int count, classes[MANY_CLASSES];
} ShownClasses;

static void matrix_row(FILE *out, const ReportInput *input, const ShownClasses *shown, int label) {
    const Metrics *m = &input->counts;
    const double sum = (double)m->per_class[label].support;
    double others = sum;
    table_row(out, report_class(input, label), false);
    for (int k = 0; k < shown->count; k++) {
        const int predicted = shown->classes[k];
        const double count = (double)confusion_at(m->cells, m->cell_count, label, predicted);
        cell(out, input, label, predicted, count, sum);
        others -= count;
    }
    if (shown->count < input->classes) fprintf(out, "<td class=\"zero\">%.0f</td>", others);
    table_row_end(out);
}

static void matrix(FILE *out, const ReportInput *input, const ShownClasses *shown) {
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
    fputs("<td></td>", out);
    for (int k = 0; k < shown->count; k++) {
        fputs("<th scope=\"col\"><span>", out);
        html_text(out, report_class(input, shown->classes[k]));
        fputs("</span></th>", out);
    }
    if (some) fputs("<th scope=\"col\"><span>others</span></th>", out);
    table_body(out);
    for (int k = 0; k < shown->count; k++) matrix_row(out, input, shown, shown->classes[k]);
    table_end(out);
}

static void shown(FILE *out, const ReportInput *input, const ReportImages *images) {
    if (!input->set) {
        fputs("<p class=\"note\">The images are not in this page. ", out);
        html_text(out, input->no_images ? input->no_images : "There is no predictions.csv in the folder.");
        fputs("</p>\n", out);
        return;
    }
    fprintf(out,
            "<p class=\"aside screen\" id=\"shown\">In this page: %zu of the %zu mistakes and %zu of the %zu images that were "
            "recognised.</p>\n",
            images->wrong_shown, images->wrong, images->right_shown, images->right);
}

cf_status section_confusion(FILE *out, const ReportInput *input, const ReportImages *images) {
    ShownClasses chosen;
    if (!input->test) {
        fputs("<p class=\"note\">The run has not been tested yet.</p>\n", out);
        return CF_OK;
    }
    FORWARD(confused_classes(&input->counts, chosen.classes, &chosen.count));
    if (chosen.count)
        matrix(out, input, &chosen);
    else
        fprintf(out, "<p class=\"note\">%s</p>\n",
                input->no_cells ? "The confusion matrix has too many cells for metrics.json; confusion.csv among the "
                                  "figures has them, and the most confused pairs stand below."
                                : "No class was mistaken for another.");
    shown(out, input, images);
    return CF_OK;
}
