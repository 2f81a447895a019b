/* Models as safetensors files: float32 tensors in PyTorch's order, and texts that say what they are. */
#include "nn/model.h"

#include "base/json_memory.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "cifra-model-1";

/* ---- Tensors ---- */

cf_status bag_new(int room, TensorBag *bag) {
    AUTO(bag_free) TensorBag made = {.room = room};
    FORWARD(memory_new((size_t)room, sizeof *made.tensors, &made.tensors));
    FORWARD(memory_new((size_t)room, sizeof *made.names, &made.names));
    FORWARD(memory_new((size_t)room, sizeof *made.values, &made.values));
    *bag = made;
    made = (TensorBag){0};
    return CF_OK;
}

void bag_free(TensorBag *bag) {
    for (int i = 0; i < bag->count; i++) free(bag->values[i]);
    free(bag->tensors);
    free(bag->names);
    free(bag->values);
    *bag = (TensorBag){0};
}

cf_status bag_add(TensorBag *bag, const Parameters *parameters, const char *prefix, const float *values,
                  bool trainable_only) {
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *parameter = &parameters->table[i];
        float *copy;
        if (trainable_only && !parameter->trainable) continue;
        FAIL_IF(bag->count == bag->room, CF_INTERNAL, "more tensors than were counted");
        FORWARD(memory_new(parameter->count, sizeof *copy, &copy));
        parameter_to_file(parameters, parameter, values + parameter->offset, copy);
        StoredTensor *tensor = &bag->tensors[bag->count];
        char *name = bag->names[bag->count];
        snprintf(name, sizeof bag->names[0], "%s%s", prefix, parameter->name);
        *tensor = (StoredTensor){.name = name, .dims = parameter->dims, .count = parameter->count, .values = copy};
        memcpy(tensor->shape, parameter->shape, sizeof parameter->shape);
        bag->values[bag->count++] = copy;
        const size_t unsound = parameter_first_unsound(parameter, copy);
        FAIL_IF(unsound < parameter->count, CF_DIVERGED,
                "%s: value %zu is %g: weights that are not finite, or a variance below 0, are not written",
                tensor->name, unsound, (double)copy[unsound]);
    }
    return CF_OK;
}

/* A tensor of a file as this parameter's: there, of float32 and with its shape. */
static cf_status find_tensor(const StoredFile *file, const Parameter *parameter, const char *prefix,
                             const StoredTensor **tensor) {
    char name[sizeof((TensorBag){0}).names[0]], expected[SHAPE_TEXT], found[SHAPE_TEXT];
    snprintf(name, sizeof name, "%s%s", prefix, parameter->name);
    FORWARD(safetensors_find_float(file, name, tensor));
    const size_t bytes = (size_t)parameter->dims * sizeof(size_t);
    if ((*tensor)->dims == parameter->dims && memcmp((*tensor)->shape, parameter->shape, bytes) == 0) return CF_OK;
    shape_to_text(parameter->shape, parameter->dims, expected);
    shape_to_text((*tensor)->shape, (*tensor)->dims, found);
    return FAIL(CF_BAD_INPUT, "the tensor %s: shape %s expected, %s found", name, expected, found);
}

cf_status bag_take(const StoredFile *file, const Parameters *parameters, const char *prefix, float *values,
                   bool trainable_only) {
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *parameter = &parameters->table[i];
        const StoredTensor *tensor;
        if (trainable_only && !parameter->trainable) continue;
        FORWARD(find_tensor(file, parameter, prefix, &tensor));
        FORWARD(parameter_check(parameter, tensor->name, tensor->values, tensor->count));
        parameter_from_file(parameters, parameter, tensor->values, values + parameter->offset);
    }
    return CF_OK;
}

/* ---- Texts ---- */

static cf_status classes_to_text(const cf_model *model, char **text) {
    AUTO_FREE char *made = NULL;
    json_memory_begin();
    json_auto_t *list = json_array();
    for (int c = 0; c < model->classes; c++) json_array_append_new(list, json_string(model->class_names[c]));
    if (json_array_size(list) == (size_t)model->classes) made = json_dumps(list, JSON_COMPACT);
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while writing the class names");
    FAIL_IF(!made, CF_INTERNAL, "the class names cannot be written as JSON: they are not UTF-8");
    *text = memory_take(&made);
    return CF_OK;
}

cf_status model_texts_new(const cf_model *model, ModelTexts *texts) {
    Shape in = model->layers.input;
    FORWARD(classes_to_text(model, &texts->classes));
    snprintf(texts->input, sizeof texts->input, "%dx%dx%d", in.C, in.H, in.W);
    const StoredText all[MODEL_TEXTS] = {
        {"format", format_name},     {"model", model->layers.line}, {"input", texts->input},
        {"classes", texts->classes}, {"scaling", "x/255"},          {"cifra", cf_version()},
    };
    memcpy(texts->texts, all, sizeof all);
    return CF_OK;
}

void model_texts_free(ModelTexts *texts) {
    free(texts->classes);
    texts->classes = NULL;
}

/* The names lie in `list`. */
static cf_status take_classes(const json_t *list, const char *path, const char ***names, int *count) {
    const size_t classes = json_is_array(list) ? json_array_size(list) : 0;
    FAIL_IF(classes < 1 || classes > MAX_CLASSES, CF_BAD_INPUT,
            "%s: the text \"classes\" should be a JSON list of 1 to %d names", path, MAX_CLASSES);
    FORWARD(memory_new(classes, sizeof **names, (void **)names));
    for (size_t c = 0; c < classes; c++) {
        const char *name = (*names)[c] = json_string_value(json_array_get(list, c));
        FAIL_IF(
            !name || !text_is_name(name), CF_BAD_INPUT,
            "%s: class %zu in the text \"classes\" is not a name: 1 to %d bytes of UTF-8 without control characters expected",
            path, c, LONGEST_NAME);
    }
    *count = (int)classes;
    return CF_OK;
}

/* The file must hold what its model line asks for: that is looked at before memory is taken for it. */
static cf_status check_weights(const StoredFile *file, const char *line, Shape shape, int classes) {
    AUTO(layer_list_free) LayerList list = {0};
    AUTO(parameters_free) Parameters layout = {0};
    const StoredTensor *unused;
    FORWARD(model_line_parse(line, shape, classes, &list));
    FORWARD(parameters_layout(&list, &layout));
    for (int i = 0; i < layout.count; i++) FORWARD(find_tensor(file, &layout.table[i], "", &unused));
    return CF_OK;
}

cf_status model_from_texts(const StoredFile *file, const char *path, cf_model **model) {
    const char *format = safetensors_text(file, "format"), *line = safetensors_text(file, "model"),
               *input = safetensors_text(file, "input"), *classes = safetensors_text(file, "classes"),
               *scaling = safetensors_text(file, "scaling");
    AUTO_FREE const char **names = NULL;
    Shape shape;
    int count = 0;
    FAIL_IF(!format || strcmp(format, format_name) != 0 || !line || !input || !classes, CF_BAD_INPUT,
            "%s is a safetensors file, but not a model that cifra wrote (metadata format, model, input, classes)",
            path);
    FAIL_IF(!scaling || strcmp(scaling, "x/255") != 0, CF_BAD_INPUT, "%s: scaling x/255 expected, found %s", path,
            scaling ? scaling : "none");
    FAIL_IF(!shape_from_text(input, &shape), CF_BAD_INPUT, "%s: the input %s is no shape such as 1x28x28", path, input);
    json_memory_begin();
    json_auto_t *list = json_loads(classes, 0, NULL);
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY, "out of memory while reading the class names of %s", path);
    FORWARD(take_classes(list, path, &names, &count));
    cf_status status = check_weights(file, line, shape, count);
    if (!status) status = model_new(line, shape, names, count, 0, model);
    if (status == CF_BAD_USE) status = CF_BAD_INPUT; /* a wrong line is the file's fault here */
    return status ? status_prefix(status, "%s", path) : CF_OK;
}

/* ---- Files ---- */

/* For each batch norm PyTorch's counter of batches, in front of the floats: some readers want integers of 8 bytes at multiples of 8. */
static size_t list_counters(const Parameters *parameters, char (*names)[LAYER_NAME + 24], StoredTensor *tensors) {
    static const int64_t zero = 0;
    size_t count = 0;
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *p = &parameters->table[i];
        if (p->spec->kind != PARAMETER_RUNNING_MEAN) continue;
        snprintf(names[count], sizeof names[0], "%s.num_batches_tracked", parameters->layers->layers[p->layer].name);
        tensors[count] = (StoredTensor){.name = names[count], .count = 1, .integers = &zero};
        count++;
    }
    return count;
}

static cf_status write_model(const cf_model *model, const char *path, bool counters) {
    const Parameters *parameters = &model->parameters;
    const size_t count = (size_t)parameters->count;
    AUTO(blocks_free) Blocks blocks = {0};
    AUTO(bag_free) TensorBag bag = {0};
    AUTO(model_texts_free) ModelTexts texts = {0};
    char(*names)[LAYER_NAME + 24];
    StoredTensor *tensors;
    FORWARD(blocks_take(&blocks, count, sizeof *names, &names));
    FORWARD(blocks_take(&blocks, 2 * count, sizeof *tensors, &tensors));
    FORWARD(bag_new(parameters->count, &bag));
    FORWARD(bag_add(&bag, parameters, "", parameters->values, false));
    FORWARD(model_texts_new(model, &texts));
    const size_t first = counters ? list_counters(parameters, names, tensors) : 0;
    memcpy(tensors + first, bag.tensors, count * sizeof *tensors);
    return safetensors_write(path, tensors, first + count, texts.texts, MODEL_TEXTS);
}

cf_status cf_model_save(const cf_model *model, const char *path) {
    return write_model(model, path, false);
}

cf_status weights_write(const cf_model *model, const char *path) {
    return write_model(model, path, true);
}

/* PyTorch's own state has counters of batches that nobody needs for predicting. */
static void notice_surplus(const StoredFile *file, const Parameters *parameters, const char *path) {
    const size_t surplus = file->tensor_count - (size_t)parameters->count; /* the model's are all there */
    for (size_t t = 0; surplus && t < file->tensor_count; t++) {
        if (parameters_named(parameters, file->tensors[t].name)) continue;
        if (surplus == 1)
            notice("%s: a tensor that the model does not need is passed over: %.80s", path, file->tensors[t].name);
        else
            notice("%s: %zu tensors that the model does not need are passed over, the first of them %.80s", path,
                   surplus, file->tensors[t].name);
        return;
    }
}

cf_status cf_model_load(const char *path, cf_model **model) {
    AUTO(safetensors_free) StoredFile file = {0};
    AUTO(cf_model_free_at) cf_model *made = NULL;
    FORWARD(safetensors_read(path, &file));
    FORWARD(model_from_texts(&file, path, &made));
    const cf_status status = bag_take(&file, &made->parameters, "", made->parameters.values, false);
    if (status) return status_prefix(status, "%s", path);
    notice_surplus(&file, &made->parameters, path);
    *model = memory_take(&made);
    return CF_OK;
}

cf_status model_open(const char *run, cf_model **model) {
    AUTO_FREE char *path = NULL;
    if (!file_is_folder(run)) return cf_model_load(run, model);
    FORWARD(file_join(run, "model.safetensors", &path));
    return cf_model_load(path, model);
}
