/* Metrics as text. The upper table is scikit-learn's classification_report(digits=4), character for
 * character, so that scripts and eyes used to it need not change. */
#include "eval/metrics.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void print_right(FILE *out, const char *text, int width) {
    fprintf(out, "%*s%s", width - text_columns(text) > 0 ? width - text_columns(text) : 0, "", text);
}

static int widest_name(const Metrics *metrics) {
    int width = 0;
    for (int c = 0; c < metrics->classes; c++) {
        int own = text_columns(metrics->class_names[c]);
        if (own > width) width = own;
    }
    return width;
}

static void print_row(FILE *out, int width, const char *name, double precision, double recall, double f1,
                      size_t support) {
    print_right(out, name, width);
    fprintf(out, "  %9.4f %9.4f %9.4f %9zu\n", precision, recall, f1, support);
}

void metrics_print_report(const Metrics *metrics, FILE *out) {
    const cf_metrics *sum = &metrics->summary;
    int names = widest_name(metrics), least = (int)strlen("weighted avg"), width = names > least ? names : least;
    int worst[WORST_CLASSES];
    const bool many = metrics->classes >= MANY_CLASSES;
    const int rows = many ? metrics_worst(metrics, WORST_CLASSES, worst) : metrics->classes;
    fprintf(out, "%*s  %9s %9s %9s %9s\n\n", width, "", "precision", "recall", "f1-score", "support");
    for (int i = 0; i < rows; i++) {
        const int c = many ? worst[i] : i;
        const ClassScore *score = &metrics->per_class[c];
        print_row(out, width, metrics->class_names[c], score->precision, score->recall, score->f1, score->support);
    }
    if (many)
        fprintf(out, "\nthe %d of %d classes with the lowest F1; metrics.json and --json have all\n", rows,
                metrics->classes);
    fprintf(out, "\n%*s  %9s %9s %9.4f %9zu\n", width, "accuracy", "", "", sum->accuracy, sum->count);
    print_row(out, width, "macro avg", sum->macro_precision, sum->macro_recall, sum->macro_f1, sum->count);
    print_row(out, width, "weighted avg", sum->weighted_precision, sum->weighted_recall, sum->weighted_f1, sum->count);
    fprintf(out, "\naccuracy %.2f %% (95 %% interval %.2f %% to %.2f %%, Wilson), loss %.4f\n", 100 * sum->accuracy,
            100 * sum->accuracy_low, 100 * sum->accuracy_high, sum->loss);
    if (metrics->undefined)
        fprintf(
            out,
            "%zu of the precisions and recalls%s %s 0/0 (a class never predicted, or without examples) and %s as 0, in the "
            "averages too\n",
            metrics->undefined, many ? "" : " above", metrics->undefined == 1 ? "is" : "are",
            metrics->undefined == 1 ? "counts" : "count");
}

static void print_cell(const Metrics *metrics, int column, const char *text, int digits, FILE *out) {
    int name = text_columns(metrics->class_names[column]);
    fputs("  ", out);
    print_right(out, text, name > digits ? name : digits);
}

void metrics_print_confusion(const Metrics *metrics, FILE *out) {
    const int names = widest_name(metrics);
    size_t largest = 0;
    if (metrics->classes >= MANY_CLASSES) {
        fprintf(out, "the confusion matrix of %d classes is not printed: confusion.csv among the figures has it\n",
                metrics->classes);
        return;
    }
    for (size_t i = 0; i < metrics->cell_count; i++)
        if (metrics->cells[i].count > largest) largest = metrics->cells[i].count;
    const int digits = snprintf(NULL, 0, "%zu", largest);
    fprintf(out, "confusion matrix: a row is a true class, a column a predicted one, . is 0\n\n%*s", names, "");
    for (int c = 0; c < metrics->classes; c++) print_cell(metrics, c, metrics->class_names[c], digits, out);
    for (int truth = 0; truth < metrics->classes; truth++) {
        fputc('\n', out);
        print_right(out, metrics->class_names[truth], names);
        for (int c = 0; c < metrics->classes; c++) {
            size_t number = confusion_at(metrics->cells, metrics->cell_count, truth, c);
            char text[24];
            snprintf(text, sizeof text, "%zu", number);
            print_cell(metrics, c, number ? text : ".", digits, out);
        }
    }
    fputc('\n', out);
}
