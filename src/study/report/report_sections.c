/* The page's sections: everything that can be read without a script; scripts add what answers a click. */
#include "base/memory.h"
#include "base/text.h"
#include "study/report/report_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Small pieces ---- */

double json_number_at(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

/* One end of a score's interval, in percent. */
static double interval_end(const json_t *scores, size_t end) {
    return 100 * json_number_value(json_array_get(json_object_get(scores, "accuracy_interval"), end));
}

long long json_whole(const json_t *object, const char *key) {
    const double value = json_number_at(object, key);
    return fabs(value) < 1e15 ? (long long)value : 0;
}

void table_count(FILE *out, bool known, long long count) {
    char text[32];
    table_number(out, known ? (double)count : NAN, "%s", text_thousands(count, text));
}

/* ---- The facts at the top ---- */

static void accuracy_fact(FILE *out, const char *name, const json_t *test, const char *more) {
    html_write(out, HTML_FACT("%s", "%.2f %%", "%.2f to %.2f %%, 95 %% interval (Wilson)%s"), name,
               100 * json_number_at(test, "accuracy"), interval_end(test, 0), interval_end(test, 1), more);
}

static void test_facts(FILE *out, const json_t *test, bool of_source) {
    char count[32];
    accuracy_fact(out, of_source ? "Test accuracy, source" : "Test accuracy", test, "");
    html_write(out, HTML_FACT("Test loss", "%.4f", "cross-entropy, over %s images"), json_number_at(test, "loss"),
               text_thousands(json_whole(test, "n"), count));
    html_write(out, HTML_FACT("F1", "%.4f", "mean over the classes"), json_number_at(json_object_get(test, "macro"), "f1"));
}

void section_facts(FILE *out, const ReportInput *input) {
    const json_t *m = input->metrics, *validation = json_object_get(m, "validation"), *target = json_object_get(m, "target");
    char count[32];
    if (!m) {
        html_note(out, "This run is not finished: there is no metrics.json yet.");
        return;
    }
    fputs("<dl class=\"facts\">\n", out);
    if (json_is_object(target))
        accuracy_fact(out, "Test accuracy, target", target, "; its labels serve this score alone");
    if (input->test) test_facts(out, input->test, json_is_object(target));
    html_write(out,
               json_object_get(input->config, "target_data")
                   ? HTML_FACT("Best epoch", "%lld of %lld", "score without labels %.4f, confidence %.2f %%")
                   : HTML_FACT("Best epoch", "%lld of %lld", "validation loss %.4f, accuracy %.2f %%"),
               json_whole(m, "best_epoch"), json_whole(m, "epochs_run"), json_number_at(validation, "loss"),
               100 * json_number_at(validation, "accuracy"));
    html_write(out, HTML_FACT("Time", "%.1f s", "of training, %s images/s"), json_number_at(m, "seconds"),
               text_thousands(json_whole(m, "images_per_second"), count));
    if (json_number_at(m, "gflops") > 0)
        html_write(out, HTML_FACT("Speed", "%.0f GFLOP/s", "%.0f %% of these threads\xe2\x80\x99 measured peak"),
                   json_number_at(m, "gflops"), 100 * json_number_at(m, "share_of_peak"));
    fputs("</dl>\n", out);
}

/* ---- Sentences ---- */

static void accuracy_sentence(FILE *out, const ReportInput *input) {
    const json_t *test = input->test;
    size_t largest = 0;
    char count[32];
    for (int c = 0; c < input->classes; c++)
        if (input->counts.per_class[c].support > largest) largest = input->counts.per_class[c].support;
    html_write(
        out,
        "<li>Of %s test images, none of which was trained on, %.2f %% are classified correctly (95 %% interval %.2f to %.2f %%, "
        "Wilson); always predicting the commonest class would get %.2f %%.</li>\n",
        text_thousands(json_whole(test, "n"), count), 100 * json_number_at(test, "accuracy"), interval_end(test, 0),
        interval_end(test, 1), json_number_at(test, "n") > 0 ? 100 * (double)largest / json_number_at(test, "n") : 0);
}

/* The class that is recognised least, and the pair that is confused most. */
static void mistakes_sentence(FILE *out, const ReportInput *input) {
    const json_t *pair = json_array_get(json_object_get(input->test, "confused"), 0), *classes = json_object_get(input->test, "per_class");
    const char *truth = json_string_value(json_object_get(pair, "true")), *predicted = json_string_value(json_object_get(pair, "predicted"));
    size_t worst = 0;
    if (!truth || !predicted) return;
    for (size_t i = 0; i < json_array_size(classes); i++) {
        const json_t *class = json_array_get(classes, i);
        if (json_number_at(class, "support") > 0 && json_number_at(class, "recall") < json_number_at(json_array_get(classes, worst), "recall")) worst = i;
    }
    const long long count = json_whole(pair, "count");
    const char *name = json_string_value(json_object_get(json_array_get(classes, worst), "class"));
    html_write(
        out,
        "<li>The class with the lowest recall is %.120s, %.2f %%; the most frequent confusion is %.120s predicted as %.120s, %lld "
        "image%s.</li>\n",
        name ? name : "?", 100 * json_number_at(json_array_get(classes, worst), "recall"), truth, predicted, count,
        count == 1 ? "" : "s");
}

void section_sentences(FILE *out, const ReportInput *input) {
    const json_t *m = input->metrics, *calibration = json_object_get(input->test, "calibration");
    char count[32];
    if (!input->test) return;
    fputs("<ol class=\"story\">\n", out);
    accuracy_sentence(out, input);
    mistakes_sentence(out, input);
    if (json_whole(m, "epochs_run"))
        html_write(out, "<li>The weights are those of epoch %lld of %lld; training took %.1f s.</li>\n",
                   json_whole(m, "best_epoch"), json_whole(m, "epochs_run"), json_number_at(m, "seconds"));
    if (json_is_number(json_object_get(calibration, "ece")))
        html_write(out, "<li>Confidence and accuracy differ by %.2f points on average (expected calibration error).</li>\n",
                   100 * json_number_at(calibration, "ece"));
    if (input->model)
        html_write(out, "<li>The network has %s parameters and needs %.2f MFLOP for one image.</li>\n",
                   text_thousands((long long)layer_list_parameters(&input->model->layers), count),
                   layer_list_flops(&input->model->layers) / 1e6);
    fputs("</ol>\n", out);
}

/* ---- The run ---- */

static void write_shape(FILE *out, Shape s) {
    html_write(out, s.H == 1 && s.W == 1 ? "<td class=\"n\">%d</td>" : "<td class=\"n\">%d\xc3\x97%d\xc3\x97%d</td>", s.C, s.H,
               s.W);
}

static cf_status write_layers(FILE *out, const LayerList *list) {
    char text[32];
    table_open(out, (TableStyle){0}, "Layers; operations are of one image\xe2\x80\x99s forward pass",
               "Layer|Settings|>Output|>Parameters|>MFLOP");
    table_row(out, "input", false);
    table_empty(out, 1);
    write_shape(out, list->input);
    table_empty(out, 2);
    table_row_end(out);
    for (int i = 0; i < list->count; i++) {
        const Layer *l = &list->layers[i];
        AUTO_FREE char *settings = NULL;
        FORWARD(layer_settings(list, l, &settings));
        table_row(out, l->name, false);
        table_text(out, settings);
        write_shape(out, l->out);
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

static void write_data(FILE *out, const ReportInput *input) {
    const json_t *sums = json_object_get(input->config, "checksums"), *chw = json_object_get(sums, "shape");
    fputs("<h3>Data</h3><dl class=\"pairs\">\n", out);
    html_rows(out, input->config, "model");
    if (chw)
        html_write(out, HTML_PAIR("shape", "%d\xc3\x97%d\xc3\x97%d"), (int)json_integer_value(json_array_get(chw, 0)),
                   (int)json_integer_value(json_array_get(chw, 1)), (int)json_integer_value(json_array_get(chw, 2)));
    html_rows(out, sums, "name");
    fputs("</dl>\n", out);
    html_pairs(out, "Split", json_object_get(input->config, "split"), "");
    fputc('\n', out);
}

/* What it adapted to, and the score on it. */
static void write_target(FILE *out, const ReportInput *input) {
    const json_t *score = json_object_get(input->metrics, "target"), *target = json_object_get(input->config, "target_data");
    if (!target) return;
    fputs("<h3>Adapted to images without labels</h3><dl class=\"pairs\">\n", out);
    html_rows(out, target, "");
    if (json_is_object(score))
        html_write(out,
                   HTML_PAIR("accuracy on its test part", "%.2f %% of %lld") HTML_PAIR("its labels", "used for this score alone"),
                   100 * json_number_at(score, "accuracy"), json_whole(score, "n"));
    fputs("</dl>\n", out);
}

static void export_row(FILE *out, const json_t *export) {
    const bool measured = json_is_number(json_object_get(export, "accuracy")), placed = json_is_integer(json_object_get(export, "ram_bytes"));
    const char *file = json_string_value(json_object_get(export, "file")), *format = json_string_value(json_object_get(export, "format"));
    table_row(out, file ? file : "?", false);
    table_text(out, format ? format : "?");
    table_count(out, true, json_whole(export, "bytes"));
    table_count(out, placed, json_whole(export, "flash_bytes"));
    table_count(out, placed, json_whole(export, "ram_bytes"));
    table_percent(out, measured ? json_number_at(export, "accuracy") : NAN);
    table_count(out, measured, json_whole(export, "images_per_second"));
    table_row_end(out);
}

static void write_exports(FILE *out, const ReportInput *input) {
    const json_t *list = json_object_get(input->exports, "exports");
    if (!json_array_size(list)) return;
    fputs("<h3>Exports</h3>", out);
    table_open(
        out, (TableStyle){.sortable = true},
        "Networks made for other programs; accuracy over the run\xe2\x80\x99s test part and speed are those of cifra in the same "
        "numbers, when it was exported",
        "File|Format|>Bytes|>Flash|>RAM|>Accuracy, %|>Images/s");
    for (size_t i = 0; i < json_array_size(list); i++) export_row(out, json_array_get(list, i));
    table_end(out);
}

cf_status section_run(FILE *out, const ReportInput *input) {
    const json_t *from = json_object_get(input->config, "from");
    const char *line = input->model ? input->model->layers.line : json_string_value(json_object_get(input->config, "model"));
    html_write(out, "<h3>Model</h3><pre class=\"line\"><code>%s</code></pre>\n", line ? line : "?");
    if (input->model)
        FORWARD(write_layers(out, &input->model->layers));
    else
        html_note(out, "There is no model.safetensors in the folder, hence no table of layers and no network in this page.");
    if (input->model && !report_has_network(input))
        html_note(out, "The weights are too many for this page, hence no box to draw in; cifra predict classifies image files.");
    fputs("<div class=\"columns\"><div>", out);
    write_data(out, input);
    if (from) {
        html_pairs(out, "From another network", from, "");
        fputc('\n', out);
    }
    write_target(out, input);
    fputs("</div><div>", out);
    html_pairs(out, "Training", json_object_get(input->config, "train"), "");
    fputs("</div><div><h3>Machine</h3><dl class=\"pairs\">\n", out);
    html_rows(out, json_object_get(input->config, "machine"), "");
    if (input->metrics) {
        fputs("<div><dt>weights sha256</dt><dd>", out);
        html_value(out, json_object_get(input->metrics, "weights_sha256"));
        fputs("</dd></div>\n", out);
    }
    fputs("</dl></div></div>\n", out);
    write_exports(out, input);
    return CF_OK;
}

/* ---- The history ---- */

void section_history(FILE *out, const ReportInput *input) {
    const CsvTable *h = &input->history;
    char best[32];
    if (!h->columns) {
        html_note(out, "There is no history.csv in the folder.");
        return;
    }
    snprintf(best, sizeof best, "%lld", json_whole(input->metrics, "best_epoch"));
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
