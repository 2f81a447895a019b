/* The confusion matrix: a table that reads without a script; its cells are buttons for page.js. */
#include "study/report/report_inside.h"

#include <math.h>

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
            "aria-label=\"",
            right ? "right" : "wrong", shade > 0.6 ? " deep" : "", shade, label, predicted);
    html_text(out, report_class(input, label));
    fputs(right ? " recognised as such: " : " taken for ", out);
    if (!right) {
        html_text(out, report_class(input, predicted));
        fputs(": ", out);
    }
    fprintf(out, "%.0f of %.0f, show them\">%.0f</button></td>", count, of, count);
}

static void matrix_row(FILE *out, const ReportInput *input, int label, const json_t *row) {
    double sum = 0;
    for (int p = 0; p < input->classes; p++) sum += json_number_value(json_array_get(row, (size_t)p));
    fputs("<tr><th scope=\"row\">", out);
    html_text(out, report_class(input, label));
    fputs("</th>", out);
    for (int p = 0; p < input->classes; p++)
        cell(out, input, label, p, json_number_value(json_array_get(row, (size_t)p)), sum);
    fputs("</tr>\n", out);
}

static void shown(FILE *out, const ReportInput *input, const ReportImages *images) {
    if (!input->set) {
        fputs("<p class=\"note\">The images are not in this page. ", out);
        html_text(out, input->no_images ? input->no_images : "There is no predictions.csv in the folder.");
        fputs("</p>\n", out);
        return;
    }
    fprintf(out,
            "<p class=\"aside\" id=\"shown\">In this page: %zu of the %zu mistakes and %zu of the %zu images that were "
            "recognised.</p>\n",
            images->wrong_shown, images->wrong, images->right_shown, images->right);
}

void section_confusion(FILE *out, const ReportInput *input, const ReportImages *images) {
    if (!input->test) {
        fputs("<p class=\"note\">The run has not been tested yet.</p>\n", out);
        return;
    }
    fputs("<div class=\"scroll\"><table class=\"confusion\" id=\"matrix\"><caption>Rows are the true class, columns "
          "what the "
          "network said. A cell opens its images.</caption>\n<thead><tr><td></td>",
          out);
    for (int c = 0; c < input->classes; c++) {
        fputs("<th scope=\"col\">", out);
        html_text(out, report_class(input, c));
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (int c = 0; c < input->classes; c++)
        matrix_row(out, input, c, json_array_get(json_object_get(input->test, "confusion"), (size_t)c));
    fputs("</tbody></table></div>\n", out);
    shown(out, input, images);
}
