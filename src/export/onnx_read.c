/* An ONNX file as a model: its graph as layers (onnx_graph.c), these as a line (onnx_line.c), and its tensors as the line's parameters. Where
 * the file has a line of cifra's in its metadata that makes the same layers, that is taken: it knows what does nothing when predicting. */
#include "export/onnx_graph.h"

#include "base/json_memory.h"
#include "base/memory.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* ---- Parameters ---- */

/* What a norm has whose scale and mean were folded into the convolution before it: its bias, and what makes the rest nothing. */
static void take_folded(const OnnxOp *conv, const Parameter *parameter, float *values) {
    for (size_t i = 0; i < parameter->count; i++)
        values[i] = parameter->spec->kind == PARAMETER_BIAS          ? conv->tensor[1][i]
                    : parameter->spec->kind == PARAMETER_SCALE       ? 1
                    : parameter->spec->kind == PARAMETER_RUNNING_VAR ? 1 - (float)BN_EPSILON
                                                                     : 0;
}

static cf_status take_parameter(const Parameters *p, const Parameter *parameter, int number, const OnnxOp *op,
                                bool folded) {
    float *values = p->values + parameter->offset;
    if (folded) {
        take_folded(op, parameter, values);
        return CF_OK;
    }
    const float *tensor = op->tensor[number];
    if (!tensor || op->tensor_count[number] != parameter->count)
        return onnx_refuse(op->node, "its weights do not fit the layer");
    const size_t unsound = parameter_first_unsound(parameter, tensor);
    FAIL_IF(unsound < parameter->count, CF_BAD_INPUT,
            "%s: value %zu is %g; weights are finite numbers, and a variance is 0 or more", parameter->name, unsound,
            (double)tensor[unsound]);
    parameter_from_file(p, parameter, tensor, values);
    return CF_OK;
}

static cf_status take_parameters(const OnnxGraph *graph, const OnnxLine *line, cf_model *model) {
    const LayerList *list = &model->layers;
    const Parameters *p = &model->parameters;
    FAIL_IF(list->count != line->count, CF_INTERNAL, "the line has %d layers, and %d were written", list->count,
            line->count);
    for (int i = 0, next = 0; i < list->count; i++) {
        const OnnxOp *op = line->places[i].op < 0 ? NULL : &graph->ops[line->places[i].op];
        const Shape *out = &list->layers[i].out;
        if (op && memcmp(out, &op->layer.out, sizeof *out) != 0)
            return onnx_refuse(op->node, "the layer of the model line gives another shape");
        for (int k = 0; k < list->layers[i].parameter_count; k++, next++)
            FORWARD(take_parameter(p, &p->table[next], k, op, line->places[i].folded));
    }
    return CF_OK;
}

/* ---- The line of the metadata ---- */

static bool does_nothing(const Layer *l) {
    return text_has_word("dropout droppath reverse", l->type->word);
}

static bool same_layer(const Layer *a, const Layer *b) {
    if (a->type != b->type || memcmp(&a->in, &b->in, sizeof a->in) != 0 || memcmp(&a->out, &b->out, sizeof a->out) != 0)
        return false;
    return a->type == &add_type || /* that of a res group has no settings at all */
           (a->R == b->R && a->S == b->S && a->stride == b->stride && a->pad_h == b->pad_h && a->pad_w == b->pad_w &&
            a->groups == b->groups && a->dilation == b->dilation && a->bias == b->bias &&
            a->activation.slope == b->activation.slope && a->epsilon == b->epsilon && a->number == b->number &&
            memcmp(a->means, b->means, sizeof a->means) == 0 &&
            memcmp(a->deviations, b->deviations, sizeof a->means) == 0);
}

/* Whether `list` is `bare` with layers between that do nothing when predicting. */
static bool same_network(const LayerList *list, const LayerList *bare) {
    AUTO_FREE int *number = NULL; /* of each layer of `list`, among those of `bare` */
    int next = 0;
    bool same = list->head_count == 1;
    if (memory_new((size_t)list->count, sizeof *number, &number)) return false;
    for (int i = 0; i < list->count && same; i++) {
        const Layer *l = &list->layers[i];
        int from[2];
        for (int k = 0; k < l->inputs; k++) from[k] = l->input[k] < 0 ? -1 : number[l->input[k]];
        number[i] = does_nothing(l) ? from[0] : next;
        if (does_nothing(l)) continue;
        same = next < bare->count && same_layer(l, &bare->layers[next]);
        for (int k = 0; k < l->inputs && same; k++) same = from[k] == bare->layers[next].input[k];
        next++;
    }
    return same && next == bare->count;
}

/* *model by the line of the file's metadata, where there is one of the same network. */
static void take_known_line(const OnnxModel *file, cf_model **model) {
    const char *text = onnx_text(file, "model");
    const cf_model *bare = *model;
    const Shape input = bare->layers.input;
    AUTO(layer_list_free) LayerList list = {0};
    AUTO(cf_model_free_at) cf_model *known = NULL;
    if (!text || model_line_parse(text, input, bare->classes, &list) || !same_network(&list, &bare->layers)) return;
    if (model_new(text, input, (const char *const *)bare->class_names, bare->classes, 0, &known)) return;
    if (known->parameters.total != bare->parameters.total) return;
    memcpy(known->parameters.values, bare->parameters.values, bare->parameters.total * sizeof(float));
    cf_model *before = *model;
    *model = known;
    known = before;
}

/* ---- Classes ---- */

/* As the metadata have them, where they are names of so many classes; else numbers. They live as long as the blocks. */
static cf_status choose_names(const OnnxModel *file, int classes, Blocks *blocks, const char ***names) {
    const char *text = onnx_text(file, "classes");
    char(*made)[LONGEST_NAME + 1];
    json_memory_begin();
    json_auto_t *list = text ? json_loads(text, 0, NULL) : NULL;
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while reading the class names");
    bool whole = json_is_array(list) && json_array_size(list) == (size_t)classes;
    for (int c = 0; c < classes && whole; c++) {
        const char *name = json_string_value(json_array_get(list, (size_t)c));
        whole = name && text_is_name(name);
    }
    FORWARD(blocks_take(blocks, (size_t)classes, sizeof *made, &made));
    FORWARD(blocks_take(blocks, (size_t)classes, sizeof **names, (void **)names));
    for (int c = 0; c < classes; c++) {
        (*names)[c] = made[c];
        snprintf(made[c], sizeof made[c], "%d", c);
        if (whole) snprintf(made[c], sizeof made[c], "%s", json_string_value(json_array_get(list, (size_t)c)));
    }
    return CF_OK;
}

/* ---- The whole ---- */

static cf_status make_model(const OnnxGraph *graph, const cf_onnx_import_options *options, bool named,
                            cf_model **model) {
    AUTO(onnx_line_free) OnnxLine line = {0};
    AUTO(blocks_free) Blocks blocks = {0};
    AUTO(cf_model_free_at) cf_model *made = NULL;
    const char **names;
    char before[300] = "";
    const size_t classes = shape_size(graph->ops[graph->result].layer.out);
    if (options->normalize) snprintf(before, sizeof before, "normalize %.250s", options->normalize);
    FORWARD(onnx_line_new(graph, before, named, &line));
    FAIL_IF(classes > MAX_CLASSES, CF_BAD_INPUT, "the network has %zu outputs; a network has at most %d classes",
            classes, MAX_CLASSES);
    FAIL_IF(options->class_names && (size_t)options->class_count != classes, CF_BAD_USE,
            "%d names of classes are given, and the network has %zu outputs", options->class_count, classes);
    FORWARD(choose_names(graph->model, (int)classes, &blocks, &names));
    FORWARD(model_new(line.line, graph->input, options->class_names ? options->class_names : names, (int)classes, 0,
                      &made));
    FORWARD(take_parameters(graph, &line, made));
    *model = memory_take(&made);
    return CF_OK;
}

/* Names of parameters may be none of the line's, or meet those that the line gives by itself; then it gives all. */
static cf_status import_graph(OnnxModel *file, const cf_onnx_import_options *options, cf_model **model) {
    OnnxGraph graph;
    AUTO(cf_model_free_at) cf_model *made = NULL;
    FAIL_IF(file->opset && file->opset < 7, CF_BAD_INPUT, "opset %lld is too old: from 7 (2017) on they are read",
            (long long)file->opset);
    FORWARD(onnx_graph_read(file, &graph));
    cf_status status = make_model(&graph, options, true, &made);
    if (status == CF_BAD_USE && !options->class_names) status = make_model(&graph, options, false, &made);
    if (status) return status == CF_BAD_USE && !options->class_names && !options->normalize ? CF_BAD_INPUT : status;
    if (!options->normalize) take_known_line(file, &made);
    if (!graph.scaled)
        notice("the network does not divide pixels by 255: they arrive divided, from 0 to 1%s",
               options->normalize ? ", and normalized" : "");
    *model = memory_take(&made);
    return CF_OK;
}

cf_status cf_import_onnx(const char *path, const cf_onnx_import_options *options, cf_model **model) {
    const cf_onnx_import_options none = {0};
    AUTO(onnx_free) OnnxModel file = {0};
    AUTO_FREE unsigned char *bytes = NULL;
    size_t size;
    FORWARD(file_read(path, MOST_ONNX_BYTES, &bytes, &size));
    cf_status status = onnx_parse(bytes, size, &file);
    memory_free(&bytes); /* the model has all that it needs */
    if (!status) status = import_graph(&file, options ? options : &none, model);
    return status ? status_prefix(status, "%s", path) : CF_OK;
}
