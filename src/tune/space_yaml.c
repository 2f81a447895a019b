/* A space in YAML:
 *
 *     model: conv {width} 3x3 | bn | {activation} | maxpool 2 | dense classes     # a name, too; without it: paper
 *     parameters:
 *       - name: optimizer
 *         values: [sgd, adam]
 *       - name: lr
 *         log: [0.0001, 0.1]          # or uniform: [low, high], or integer: [low, high]
 *
 * `model: [paper, resnet8, conv 16 3x3 | ..]` is a parameter "model" of these values, and the line {model}; so is a parameter of that
 * name where there is no line.
 *
 * The form is checked as it is read (base/yaml.h), what a value means afterwards (space_options.c). */
#include "tune/space.h"

#include "base/yaml.h"

#include <string.h>

typedef struct YamlParameter {
    const char *name, **values;
    double *uniform, *log, *integer; /* two each, or NULL */
    unsigned values_count, uniform_count, log_count, integer_count;
} YamlParameter;

typedef struct YamlSpace {
    const char *model, **models; /* one of the two, or none */
    YamlParameter *parameters;
    unsigned models_count, parameters_count;
} YamlSpace;

static const YamlKey parameter_keys[] = {{"name", YAML_TEXT, YAML_AT(YamlParameter, name), .needed = true},
                                         {"values", YAML_TEXT, YAML_LIST(YamlParameter, values, 1, SPACE_MAX_VALUES)},
                                         {"uniform", YAML_NUMBER, YAML_LIST(YamlParameter, uniform, 2, 2)},
                                         {"log", YAML_NUMBER, YAML_LIST(YamlParameter, log, 2, 2)},
                                         {"integer", YAML_NUMBER, YAML_LIST(YamlParameter, integer, 2, 2)},
                                         {.name = NULL}};
static const YamlKey space_keys[] = {
    {"model", YAML_TEXT, YAML_AT(YamlSpace, model)},
    {"model", YAML_TEXT, YAML_LIST(YamlSpace, models, 1, SPACE_MAX_VALUES)},
    {"parameters", YAML_MAPPINGS(YamlSpace, parameters, 0, SPACE_MAX_PARAMETERS, parameter_keys)},
    {.name = NULL}};

/* ---- Into a space ---- */

static cf_status copy_parameter(const YamlParameter *given, SpaceParameter *p) {
    const double *ranges[] = {NULL, given->uniform, given->log, given->integer};
    int kinds = given->values != NULL;
    for (int k = PARAMETER_UNIFORM; k <= PARAMETER_INTEGER; k++) {
        if (!ranges[k]) continue;
        kinds++;
        p->kind = (ParameterKind)k;
        p->low = ranges[k][0];
        p->high = ranges[k][1];
    }
    FAIL_IF(kinds != 1, CF_BAD_INPUT, "parameter %s: one of values, uniform, log, integer expected, found %s",
            given->name, kinds ? "several" : "none");
    if (!given->values) return memory_copy_string(given->name, &p->name);
    return space_list(p, given->name, given->values, (int)given->values_count);
}

/* The model line: as given; a place of that name where models are listed, or a parameter of that name has them. */
static const char *model_of(const YamlSpace *given) {
    bool listed = given->models != NULL;
    for (unsigned i = 0; i < given->parameters_count; i++) listed |= strcmp(given->parameters[i].name, "model") == 0;
    return given->model ? given->model : listed ? "{model}" : "paper";
}

/* Models that are listed are the first parameter. */
static cf_status fill_space(const Yaml *yaml, const YamlSpace *given, const char *path, Space *space) {
    const int before = given->models != NULL, count = (int)given->parameters_count + before;
    FORWARD(file_stem(path, &space->name));
    FORWARD(memory_copy_string(model_of(given), &space->model));
    FAIL_IF(count == 0, CF_BAD_INPUT, "%s: the key parameters is missing, or its list is empty", path);
    FAIL_IF(count > SPACE_MAX_PARAMETERS, CF_BAD_INPUT, "%s: at most %d parameters expected, found %d with the models",
            path, SPACE_MAX_PARAMETERS, count);
    FORWARD(memory_new((size_t)count, sizeof *space->parameters, &space->parameters));
    if (before)
        FORWARD(space_list(&space->parameters[space->count++], "model", given->models, (int)given->models_count));
    for (int i = before; i < count; i++) {
        const YamlParameter *parameter = &given->parameters[i - before];
        FORWARD(yaml_at(yaml, &parameter->name, copy_parameter(parameter, &space->parameters[space->count++])));
    }
    for (int i = 0; i < count; i++) {
        const void *place = i < before ? (const void *)&given->models : &given->parameters[i - before].name;
        FORWARD(yaml_at(yaml, place, space_check_parameter(space, i)));
    }
    return yaml_at(yaml, given->models ? (const void *)&given->models : &given->model, space_check_model(space));
}

cf_status space_yaml_read(const char *path, Space *space) {
    AUTO(yaml_free_at) Yaml *yaml = NULL;
    AUTO(space_free) Space made = {0};
    YamlSpace given = {0};
    FORWARD(yaml_read(NULL, path, space_keys, &given, &yaml));
    FORWARD(fill_space(yaml, &given, path, &made));
    *space = made;
    made = (Space){0};
    return CF_OK;
}
