/* The page's sections: everything that can be read without a script; scripts add what answers a click. */
#include "base/memory.h"
#include "base/text.h"
#include "study/report/report_inside.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- Small pieces ---- */

static double number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

/* A count. What is none, as 1e300 is in a damaged document, is 0: the conversion would not be defined. */
static long long whole(const json_t *object, const char *key) {
    const double value = number(object, key);
    return fabs(value) < 1e15 ? (long long)value : 0;
}

static void row(FILE *out, const char *name, const char *text) {
    fputs("<div><dt>", out);
    html_text(out, name);
    fputs("</dt><dd>", out);
    html_text(out, text);
    fputs("</dd></div>\n", out);
}

/* ---- The facts at the top ---- */

static void accuracy_fact(FILE *out, const char *name, const json_t *test, const char *more) {
    char text[64], remark[160];
    const json_t *interval = json_object_get(test, "accuracy_interval");
    snprintf(text, sizeof text, "%.2f %%", 100 * number(test, "accuracy"));
    snprintf(remark, sizeof remark, "%.2f to %.2f %%, 95 %% interval (Wilson)%s",
             100 * json_number_value(json_array_get(interval, 0)),
             100 * json_number_value(json_array_get(interval, 1)), more);
    html_fact(out, name, text, remark);
}

static void test_facts(FILE *out, const json_t *test, bool of_source) {
    char text[64], remark[96], count[32];
    accuracy_fact(out, of_source ? "Test accuracy, source" : "Test accuracy", test, "");
    snprintf(text, sizeof text, "%.4f", number(test, "loss"));
    snprintf(remark, sizeof remark, "cross-entropy, over %s images", text_thousands(whole(test, "n"), count));
    html_fact(out, "Test loss", text, remark);
    snprintf(text, sizeof text, "%.4f", number(json_object_get(test, "macro"), "f1"));
    html_fact(out, "F1", text, "mean over the classes");
}

void section_facts(FILE *out, const ReportInput *input) {
    const json_t *m = input->metrics, *validation = json_object_get(m, "validation"), *target = json_object_get(m, "target");
    char text[64], remark[96], count[32];
    if (!m) {
        html_note(out, "This run is not finished: there is no metrics.json yet.");
        return;
    }
    fputs("<dl class=\"facts\">\n", out);
    if (json_is_object(target))
        accuracy_fact(out, "Test accuracy, target", target, "; its labels serve this score alone");
    if (input->test) test_facts(out, input->test, json_is_object(target));
    snprintf(text, sizeof text, "%lld of %lld", whole(m, "best_epoch"), whole(m, "epochs_run"));
    snprintf(remark, sizeof remark,
             json_object_get(input->config, "target_data") ? "score without labels %.4f, confidence %.2f %%"
                                                           : "validation loss %.4f, accuracy %.2f %%",
             number(validation, "loss"), 100 * number(validation, "accuracy"));
    html_fact(out, "Best epoch", text, remark);
    snprintf(text, sizeof text, "%.1f s", number(m, "seconds"));
    snprintf(remark, sizeof remark, "of training, %s images/s", text_thousands(whole(m, "images_per_second"), count));
    html_fact(out, "Time", text, remark);
    snprintf(text, sizeof text, "%.0f GFLOP/s", number(m, "gflops"));
    snprintf(remark, sizeof remark, "%.0f %% of these threads\xe2\x80\x99 measured peak",
             100 * number(m, "share_of_peak"));
    if (number(m, "gflops") > 0) html_fact(out, "Speed", text, remark);
    fputs("</dl>\n", out);
}

/* ---- Sentences ---- */

__attribute__((format(printf, 2, 3))) static void sentence(FILE *out, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("<li>", out);
    html_text(out, text);
    fputs("</li>\n", out);
}

static void accuracy_sentence(FILE *out, const ReportInput *input) {
    const json_t *test = input->test, *interval = json_object_get(test, "accuracy_interval");
    size_t largest = 0;
    char count[32];
    for (int c = 0; c < input->classes; c++)
        if (input->counts.per_class[c].support > largest) largest = input->counts.per_class[c].support;
    sentence(out,
             "Of %s test images, none of which was trained on, %.2f %% are classified correctly (95 %% interval %.2f to %.2f %%, Wilson); "
             "always predicting the commonest class would get %.2f %%.",
             text_thousands(whole(test, "n"), count), 100 * number(test, "accuracy"),
             100 * json_number_value(json_array_get(interval, 0)), 100 * json_number_value(json_array_get(interval, 1)),
             number(test, "n") > 0 ? 100 * (double)largest / number(test, "n") : 0);
}

/* The class that is recognised least, and the pair that is confused most. */
static void mistakes_sentence(FILE *out, const ReportInput *input) {
    const json_t *pair = json_array_get(json_object_get(input->test, "confused"), 0), *classes = json_object_get(input->test, "per_class");
    const char *truth = json_string_value(json_object_get(pair, "true")), *predicted = json_string_value(json_object_get(pair, "predicted"));
    size_t worst = 0, i;
    json_t *class;
    if (!truth || !predicted) return;
    json_array_foreach((json_t *)(uintptr_t)classes, i, class) if (number(class, "support") > 0 &&
                                                                   number(class, "recall") < number(json_array_get(classes, worst), "recall"))
        worst = i;
    const long long count = whole(pair, "count");
    const json_t *of = json_array_get(classes, worst);
    sentence(out, "The class with the lowest recall is %.120s, %.2f %%; the most frequent confusion is %.120s predicted as %.120s, %lld image%s.",
             json_is_string(json_object_get(of, "class")) ? json_string_value(json_object_get(of, "class")) : "?",
             100 * number(of, "recall"), truth, predicted, count, count == 1 ? "" : "s");
}

void section_sentences(FILE *out, const ReportInput *input) {
    const json_t *m = input->metrics, *calibration = json_object_get(input->test, "calibration");
    char count[32];
    if (!input->test) return;
    fputs("<ol class=\"story\">\n", out);
    accuracy_sentence(out, input);
    mistakes_sentence(out, input);
    if (whole(m, "epochs_run"))
        sentence(out, "The weights are those of epoch %lld of %lld; training took %.1f s.", whole(m, "best_epoch"), whole(m, "epochs_run"),
                 number(m, "seconds"));
    if (json_is_number(json_object_get(calibration, "ece")))
        sentence(out, "Confidence and accuracy differ by %.2f points on average (expected calibration error).",
                 100 * number(calibration, "ece"));
    if (input->model)
        sentence(out, "The network has %s parameters and needs %.2f MFLOP for one image.",
                 text_thousands((long long)layer_list_parameters(&input->model->layers), count),
                 layer_list_flops(&input->model->layers) / 1e6);
    fputs("</ol>\n", out);
}

/* ---- The run ---- */

static void shape(FILE *out, Shape s) {
    char text[64];
    snprintf(text, sizeof text, s.H == 1 && s.W == 1 ? "%d" : "%d\xc3\x97%d\xc3\x97%d", s.C, s.H, s.W);
    table_figure(out, text);
}

static cf_status layers(FILE *out, const LayerList *list) {
    char text[32];
    table_begin(out, (TableStyle){0}, "Layers; operations are of one image\xe2\x80\x99s forward pass");
    table_heads(out, (const char *const[]){"Layer", "Settings", NULL}, false);
    table_heads(out, (const char *const[]){"Output", "Parameters", "MFLOP", NULL}, true);
    table_body(out);
    table_row(out, "input", false);
    table_text(out, "");
    shape(out, list->input);
    table_empty(out, 2);
    table_row_end(out);
    for (int i = 0; i < list->count; i++) {
        const Layer *l = &list->layers[i];
        AUTO_FREE char *settings = NULL;
        FORWARD(layer_settings(list, l, &settings));
        table_row(out, l->name, false);
        table_text(out, settings);
        shape(out, l->out);
        table_figure(out, l->parameters ? text_thousands((long long)l->parameters, text) : "");
        table_number(out, l->flops > 0 ? l->flops : NAN, "%.3f", l->flops / 1e6);
        table_row_end(out);
    }
    table_foot(out);
    table_row(out, "total", false);
    table_empty(out, 2);
    table_figure(out, text_thousands((long long)layer_list_parameters(list), text));
    table_number(out, layer_list_flops(list), "%.3f", layer_list_flops(list) / 1e6);
    table_row_end(out);
    table_end(out);
    return CF_OK;
}

static void data_rows(FILE *out, const ReportInput *input) {
    const json_t *sums = json_object_get(input->config, "checksums"), *chw = json_object_get(sums, "shape");
    char text[64];
    fputs("<h3>Data</h3><dl class=\"pairs\">\n", out);
    html_rows(out, input->config, "model");
    snprintf(text, sizeof text, "%d\xc3\x97%d\xc3\x97%d", (int)json_integer_value(json_array_get(chw, 0)),
             (int)json_integer_value(json_array_get(chw, 1)), (int)json_integer_value(json_array_get(chw, 2)));
    if (chw) row(out, "shape", text);
    html_rows(out, sums, "name");
    fputs("</dl>\n<h3>Split</h3><dl class=\"pairs\">\n", out);
    html_rows(out, json_object_get(input->config, "split"), "");
    fputs("</dl>\n", out);
}

/* What it adapted to, and the score on it. */
static void target_rows(FILE *out, const ReportInput *input) {
    const json_t *score = json_object_get(input->metrics, "target");
    char text[64];
    if (!json_object_get(input->config, "target_data")) return;
    fputs("<h3>Adapted to images without labels</h3><dl class=\"pairs\">\n", out);
    html_rows(out, json_object_get(input->config, "target_data"), "");
    if (json_is_object(score)) {
        snprintf(text, sizeof text, "%.2f %% of %lld", 100 * number(score, "accuracy"), whole(score, "n"));
        row(out, "accuracy on its test part", text);
        row(out, "its labels", "used for this score alone");
    }
    fputs("</dl>\n", out);
}

/* A count, or nothing where it was not measured. */
static void count_cell(FILE *out, bool known, long long count) {
    char text[32];
    table_number(out, known ? (double)count : NAN, "%s", text_thousands(count, text));
}

static void export_row(FILE *out, const json_t *export) {
    const bool measured = json_is_number(json_object_get(export, "accuracy")), placed = json_is_integer(json_object_get(export, "ram_bytes"));
    const char *file = json_string_value(json_object_get(export, "file")), *format = json_string_value(json_object_get(export, "format"));
    table_row(out, file ? file : "?", false);
    table_text(out, format ? format : "?");
    count_cell(out, true, whole(export, "bytes"));
    count_cell(out, placed, whole(export, "flash_bytes"));
    count_cell(out, placed, whole(export, "ram_bytes"));
    table_number(out, measured ? number(export, "accuracy") : NAN, "%.2f", 100 * number(export, "accuracy"));
    count_cell(out, measured, whole(export, "images_per_second"));
    table_row_end(out);
}

static void exports(FILE *out, const ReportInput *input) {
    const json_t *list = json_object_get(input->exports, "exports");
    if (!json_array_size(list)) return;
    fputs("<h3>Exports</h3>", out);
    table_begin(out, (TableStyle){.sortable = true},
                "Networks made for other programs; accuracy over the run\xe2\x80\x99s test part and speed are those of cifra in the same "
                "numbers, when it was exported");
    table_heads(out, (const char *const[]){"File", "Format", NULL}, false);
    table_heads(out, (const char *const[]){"Bytes", "Flash", "RAM", "Accuracy, %", "Images/s", NULL}, true);
    table_body(out);
    for (size_t i = 0; i < json_array_size(list); i++) export_row(out, json_array_get(list, i));
    table_end(out);
}

cf_status section_run(FILE *out, const ReportInput *input) {
    const char *line =
        input->model ? input->model->layers.line : json_string_value(json_object_get(input->config, "model"));
    fputs("<h3>Model</h3><pre class=\"line\"><code>", out);
    html_text(out, line ? line : "?");
    fputs("</code></pre>\n", out);
    if (input->model)
        FORWARD(layers(out, &input->model->layers));
    else
        html_note(out,
                  "There is no model.safetensors in the folder, hence no table of layers and no network in this page.");
    if (input->model && !report_has_network(input))
        html_note(
            out,
            "The weights are too many for this page, hence no box to draw in; cifra predict classifies image files.");
    fputs("<div class=\"columns\"><div>", out);
    data_rows(out, input);
    if (json_object_get(input->config, "from")) {
        fputs("<h3>From another network</h3><dl class=\"pairs\">\n", out);
        html_rows(out, json_object_get(input->config, "from"), "");
        fputs("</dl>\n", out);
    }
    target_rows(out, input);
    fputs("</div><div><h3>Training</h3><dl class=\"pairs\">\n", out);
    html_rows(out, json_object_get(input->config, "train"), "");
    fputs("</dl></div><div><h3>Machine</h3><dl class=\"pairs\">\n", out);
    html_rows(out, json_object_get(input->config, "machine"), "");
    if (input->metrics) {
        fputs("<div><dt>weights sha256</dt><dd>", out);
        html_value(out, json_object_get(input->metrics, "weights_sha256"));
        fputs("</dd></div>\n", out);
    }
    fputs("</dl></div></div>\n", out);
    exports(out, input);
    return CF_OK;
}

/* ---- Tables ---- */

static void scores_row(FILE *out, const char *name, const json_t *scores, long long support) {
    static const char *const keys[] = {"precision", "recall", "f1"};
    table_row(out, name, false);
    for (size_t k = 0; k < COUNT_OF(keys); k++) table_number(out, number(scores, keys[k]), "%.4f", number(scores, keys[k]));
    count_cell(out, true, support);
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
        snprintf(more, sizeof more, ": the %d with the lowest F1 of %d; metrics.json has all", report_rows(input), input->classes);
    snprintf(caption, sizeof caption, "Precision, recall and F1 of each class%s", more);
    table_begin(out, (TableStyle){.sortable = true}, caption);
    table_head(out, "Class", false);
    table_heads(out, (const char *const[]){"Precision", "Recall", "F1", "Support", NULL}, true);
    table_body(out);
    for (int i = 0; i < report_rows(input); i++) {
        const int c = report_row_class(input, i);
        const json_t *item = json_array_get(classes, (size_t)c);
        scores_row(out, report_class(input, c), item, whole(item, "support"));
    }
    table_foot(out);
    long long n = whole(input->test, "n");
    scores_row(out, "macro average", json_object_get(input->test, "macro"), n);
    scores_row(out, "weighted average", json_object_get(input->test, "weighted"), n);
    table_end(out);
}

void section_history(FILE *out, const ReportInput *input) {
    const CsvTable *h = &input->history;
    char best[32];
    if (!h->columns) {
        html_note(out, "There is no history.csv in the folder.");
        return;
    }
    snprintf(best, sizeof best, "%lld", whole(input->metrics, "best_epoch"));
    table_begin(out, (TableStyle){.sortable = true, .tall = true}, "Every epoch; the best one, whose weights were kept, is marked");
    for (size_t c = 0; c < h->columns; c++) {
        char name[64];
        snprintf(name, sizeof name, "%s", csv_table_cell(h, -1, c));
        for (char *p = name; *p; p++)
            if (*p == '_') *p = ' ';
        table_head(out, name, true);
    }
    table_body(out);
    for (size_t r = 0; r < h->rows; r++) {
        table_row(out, NULL, input->metrics && strcmp(csv_table_cell(h, (ptrdiff_t)r, 0), best) == 0);
        for (size_t c = 0; c < h->columns; c++) {
            const char *text = csv_table_cell(h, (ptrdiff_t)r, c);
            /* Nine digits are for programs; whole numbers stay as they are. */
            if (strpbrk(text, ".e"))
                table_number(out, strtod(text, NULL), "%.5g", strtod(text, NULL));
            else
                table_figure(out, text);
        }
        table_row_end(out);
    }
    table_end(out);
}
