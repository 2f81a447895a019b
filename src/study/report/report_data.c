/* What the page's scripts read: one JSON document, and arrays as base64. All numbers are little-endian, as in
 * safetensors. */
#include "base/json_text.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/set_text.h"
#include "study/report/report_inside.h"

#include <stdlib.h>
#include <string.h>

bool report_has_network(const ReportInput *input) {
    return input->model && input->model->parameters.total * sizeof(float) <= WEIGHTS_LARGEST;
}

static json_t *shape_json(Shape s) {
    return json_pack("[i i i]", s.C, s.H, s.W);
}

/* For network.js. `inputs` are numbers of layers, -1 is the image. */
static json_t *layer_json(const Layer *l) {
    json_t *inputs = json_array(), *means = json_array(), *deviations = json_array();
    for (int i = 0; i < l->inputs; i++) json_array_append_new(inputs, json_integer(l->input[i]));
    for (int i = 0; i < MOST_NORMALIZED; i++) {
        json_array_append_new(means, json_real((double)l->means[i]));
        json_array_append_new(deviations, json_real((double)l->deviations[i]));
    }
    return json_pack("{s:s s:s s:o s:o s:o s:i s:i s:i s:i s:i s:i s:i s:f s:f s:i s:o s:o}", "kind", l->type->word, "name",
                     l->name, "inputs", inputs, "in", shape_json(l->in), "out", shape_json(l->out), "R", l->R, "S", l->S,
                     "stride", l->stride, "padH", l->pad_h, "padW", l->pad_w, "groups", l->groups, "dilation",
                     l->dilation, "slope", (double)l->activation.slope, "epsilon", l->epsilon, "number", l->number,
                     "means", means, "deviations", deviations);
}

/* How cifra predict reads a picture for it. What is wrong with the set's text is told where the set is loaded. */
static json_t *reading_json(const cf_model *model, const char *data, int height, int width) {
    const Shape input = model->layers.input;
    const bool told = height >= 1 && height <= LONGEST_SIDE && width >= 1 && width <= LONGEST_SIDE;
    ReadOptions options = {0};
    AUTO_FREE char *plain = NULL;
    if (!data || set_text_read(data, &plain, &options)) options.fit = FIT_SQUASH;
    return json_pack("{s:s s:[i i]}", "fit", fit_words[options.fit], "size", told ? height : input.H,
                     told ? width : input.W);
}

/* Tensors: where each lies in the array of all weights, in floats. */
json_t *report_network_json(const cf_model *model, const char *data, int height, int width) {
    json_t *layers = json_array(), *tensors = json_object(), *classes = json_array();
    json_int_t place = 0;
    for (int i = 0; i < model->layers.count; i++) json_array_append_new(layers, layer_json(&model->layers.layers[i]));
    for (int i = 0; i < model->parameters.count; i++) {
        const Parameter *p = &model->parameters.table[i];
        json_object_set_new(tensors, p->name, json_pack("[I I]", place, (json_int_t)p->count));
        place += (json_int_t)p->count;
    }
    for (int c = 0; c < model->classes; c++) json_array_append_new(classes, json_text(model->class_names[c]));
    return json_pack("{s:s s:i s:o s:o s:o s:o s:o}", "line", model->layers.line, "output", model->layers.heads[0], "input",
                     shape_json(model->layers.input), "reading", reading_json(model, data, height, width), "classes", classes,
                     "layers", layers, "tensors", tensors);
}

/* How many probabilities of an image there are: of all classes, or of the likeliest ones. */
static size_t listed_probabilities(const ReportInput *input) {
    return input->classes > WIDE_CLASSES ? LIKELIEST : (size_t)input->classes;
}

static json_t *images_json(const ReportInput *input, const ReportImages *images) {
    json_t *index = json_array(), *label = json_array(), *predicted = json_array(), *files = json_array();
    char text[256];
    for (size_t i = 0; i < images->count; i++) {
        json_array_append_new(index, json_integer((json_int_t)images->list[i].image));
        json_array_append_new(label, json_integer(images->list[i].label));
        json_array_append_new(predicted, json_integer(images->list[i].predicted));
        const char *file = report_file(input, images->list[i].row, text);
        if (file) json_array_append_new(files, json_text(file));
    }
    return json_pack("{s:[i i i] s:o s:o s:o s:o s:i}", "shape", input->set->channels, input->set->height,
                     input->set->width, "index", index, "label", label, "predicted", predicted, "file", files, "listed",
                     (int)listed_probabilities(input));
}

static cf_status write_document(FILE *out, const ReportInput *input, const ReportImages *images) {
    json_auto_t *root = json_object();
    json_t *classes = json_array();
    for (int c = 0; c < input->classes; c++) json_array_append_new(classes, json_text(report_class(input, c)));
    json_object_set_new(root, "classes", classes);
    if (input->set) json_object_set_new(root, "images", images_json(input, images));
    if (report_has_network(input)) {
        int height = 0, width = 0;
        json_unpack(json_object_get(input->config, "checksums"), "{s:[i, i, i]}", "shape", &(int){0}, &height, &width);
        const char *data = json_string_value(json_object_get(input->config, "data"));
        json_object_set_new(root, "network", report_network_json(input->model, data, height, width));
    }
    return html_json_script(out, "id=\"data\"", root);
}

cf_status report_weights(const cf_model *model, float **values, size_t *count) {
    const Parameters *p = &model->parameters;
    FORWARD(memory_new(p->total, sizeof **values, values));
    *count = 0;
    for (int i = 0; i < p->count; i++) {
        parameter_to_file(p, &p->table[i], p->values + p->table[i].offset, *values + *count);
        *count += p->table[i].count;
    }
    return CF_OK;
}

static cf_status write_weights(FILE *out, const cf_model *model) {
    AUTO_FREE float *values = NULL;
    size_t count;
    FORWARD(report_weights(model, &values, &count));
    html_array(out, "id=\"weights\"", values, count * sizeof *values);
    return CF_OK;
}

/* As predictions.csv tells them, which is what the page's network is held against. Of many classes the likeliest ones alone, whose
 * numbers go to `classes`. */
static cf_status read_probabilities(const ReportInput *input, const ReportImages *images, float *values, uint16_t *classes) {
    const size_t columns = listed_probabilities(input);
    const bool wide = input->classes > WIDE_CLASSES;
    for (size_t i = 0; i < images->count; i++)
        for (size_t c = 0; c < columns; c++) {
            const ptrdiff_t row = images->list[i].row;
            const size_t column = input->label_column + (wide ? 6 + 2 * c : 4 + c);
            double p;
            const char *text = csv_table_cell(&input->predictions, row, column);
            const int class =
                wide ? report_class_named(input, csv_table_cell(&input->predictions, row, column - 1)) : 0;
            FAIL_IF(!text_to_number(text, &p), CF_BAD_INPUT, "%s/predictions.csv, line %td: %s is no probability",
                    input->folder, row + 2, text);
            FAIL_IF(class < 0, CF_BAD_INPUT, "%s/predictions.csv, line %td: the class before %s is none of the test",
                    input->folder, row + 2, text);
            values[i * columns + c] = (float)p;
            if (wide) classes[i * columns + c] = (uint16_t) class;
        }
    return CF_OK;
}

static cf_status write_pictures(FILE *out, const ReportInput *input, const ReportImages *images) {
    const size_t size = set_image_size(input->set), columns = listed_probabilities(input), count = images->count;
    AUTO_FREE unsigned char *pixels = NULL;
    AUTO_FREE float *values = NULL;
    AUTO_FREE uint16_t *classes = NULL;
    FORWARD(memory_new(count, size, &pixels));
    FORWARD(memory_new(count, columns * sizeof *values, &values));
    FORWARD(memory_new(count, columns * sizeof *classes, &classes));
    FORWARD(read_probabilities(input, images, values, classes));
    for (size_t i = 0; i < count; i++)
        memcpy(pixels + i * size, input->set->pixels + images->list[i].image * size, size);
    html_array(out, "id=\"pixels\"", pixels, count * size);
    html_array(out, "id=\"probabilities\"", values, count * columns * sizeof *values);
    if (input->classes > WIDE_CLASSES) html_array(out, "id=\"likeliest\"", classes, count * columns * sizeof *classes);
    return CF_OK;
}

cf_status data_scripts(FILE *out, const ReportInput *input, const ReportImages *images) {
    FORWARD(write_document(out, input, images));
    if (input->set) FORWARD(write_pictures(out, input, images));
    return report_has_network(input) ? write_weights(out, input->model) : CF_OK;
}
