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
 * The form is checked as it is read (base/yaml.h). What a value means is checked afterwards (space_options.c); its line is
 * that of the parameter's name. */
#include "tune/space.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>

typedef struct YamlParameter {
    char *name, **values;
    double *uniform, *log, *integer;
    unsigned values_count, uniform_count, log_count, integer_count;
} YamlParameter;

typedef struct YamlSpace {
    char *model, **models; /* one of the two, or none */
    YamlParameter *parameters;
    unsigned models_count, parameters_count;
} YamlSpace;

#define OPTIONAL_LIST(key, entry, low, high)                                                                           \
    CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, YamlParameter, key, &(entry), low, high)

static const cyaml_schema_value_t text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};
static const cyaml_schema_value_t number_schema = {CYAML_VALUE_FLOAT(CYAML_FLAG_STRICT, double)};
static const cyaml_schema_field_t parameter_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, YamlParameter, name, 1, CYAML_UNLIMITED),
    OPTIONAL_LIST(values, text_schema, 1, SPACE_MAX_VALUES),
    OPTIONAL_LIST(uniform, number_schema, 2, 2),
    OPTIONAL_LIST(log, number_schema, 2, 2),
    OPTIONAL_LIST(integer, number_schema, 2, 2),
    CYAML_FIELD_END};
static const cyaml_schema_value_t parameter_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, YamlParameter, parameter_fields)};
#define PARAMETERS(flags, least)                                                                                       \
    CYAML_FIELD_SEQUENCE("parameters", CYAML_FLAG_POINTER | (flags), YamlSpace, parameters, &parameter_schema, least,  \
                         SPACE_MAX_PARAMETERS)
static const cyaml_schema_field_t space_fields[] = {
    CYAML_FIELD_STRING_PTR("model", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, YamlSpace, model, 1, CYAML_UNLIMITED),
    PARAMETERS(CYAML_FLAG_DEFAULT, 1), CYAML_FIELD_END};
static const cyaml_schema_field_t models_fields[] = {
    CYAML_FIELD_SEQUENCE("model", CYAML_FLAG_POINTER, YamlSpace, models, &text_schema, 1, SPACE_MAX_VALUES),
    PARAMETERS(CYAML_FLAG_OPTIONAL, 0), CYAML_FIELD_END};
/* Of one model line, and of a list of them. */
static const cyaml_schema_value_t schemas[] = {{CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, YamlSpace, space_fields)},
                                               {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, YamlSpace, models_fields)}};
static const char *const keys[] = {"model", "parameters", "name", "values", "uniform", "log", "integer", NULL};

/* ---- Into a space ---- */

static cf_status copy_parameter(const YamlParameter *yaml, SpaceParameter *p) {
    const double *ranges[] = {NULL, yaml->uniform, yaml->log, yaml->integer};
    int given = yaml->values != NULL;
    for (int k = PARAMETER_UNIFORM; k <= PARAMETER_INTEGER; k++) {
        if (!ranges[k]) continue;
        given++;
        p->kind = (ParameterKind)k;
        p->low = ranges[k][0];
        p->high = ranges[k][1];
    }
    FAIL_IF(given != 1, CF_BAD_INPUT, "parameter %s: one of values, uniform, log, integer expected, found %s",
            yaml->name, given ? "several" : "none");
    if (!yaml->values) return memory_copy_string(yaml->name, &p->name);
    return space_list(p, yaml->name, (const char *const *)yaml->values, (int)yaml->values_count);
}

static cf_status name_space(const char *path, Space *space) {
    const char *name = file_base_name(path), *end = strrchr(name, '.');
    return memory_print(&space->name, "%.*s", (int)(end && end > name ? end - name : (long)strlen(name)), name);
}

/* The model line: as given; a place of that name where models are listed, or a parameter of that name has them. */
static const char *model_of(const YamlSpace *yaml) {
    bool listed = yaml->models != NULL;
    for (unsigned i = 0; i < yaml->parameters_count; i++) listed |= strcmp(yaml->parameters[i].name, "model") == 0;
    return yaml->model ? yaml->model : listed ? "{model}" : "paper";
}

static cf_status fill(const YamlSpace *yaml, const char *path, const char *text, Space *space) {
    const int before = yaml->models != NULL, count = (int)yaml->parameters_count + before;
    FORWARD(name_space(path, space));
    FORWARD(memory_copy_string(model_of(yaml), &space->model));
    FAIL_IF(count > SPACE_MAX_PARAMETERS, CF_BAD_INPUT, "%s: at most %d parameters expected, found %d with the models",
            path, SPACE_MAX_PARAMETERS, count);
    FORWARD(memory_new((size_t)count, sizeof *space->parameters, &space->parameters));
    if (before)
        FORWARD(space_list(&space->parameters[space->count++], "model", (const char *const *)yaml->models,
                           (int)yaml->models_count));
    for (int i = 0; i < count - before; i++)
        FORWARD(yaml_at_key(copy_parameter(&yaml->parameters[i], &space->parameters[space->count++]), path, text,
                            "name", i));
    for (int i = 0; i < space->count; i++)
        FORWARD(yaml_at_key(space_check_parameter(space, i), path, text, i < before ? "model" : "name",
                            i < before ? 0 : i - before));
    return yaml_at_key(space_check_model(space), path, text, "model", 0);
}

/* Behind the first key `model` there is a list, in brackets or on lines of its own. */
static bool lists_models(const char *text) {
    int line = yaml_line_of_key(text, "model", 0);
    if (!line) return false;
    while (--line > 0) text = strchr(text, '\n') + 1;
    const char *value = strstr(text, "model");
    value += strcspn(value, ":") + 1;
    for (value += strspn(value, " \t"); *value == '#' || *value == '\n' || *value == '\r';
         value += strspn(value, " \t"))
        value += *value == '#' ? strcspn(value, "\n") : 1;
    return *value == '[' || (*value == '-' && strchr(" \t", value[1]));
}

static cf_status load(const char *path, const char *text, size_t size, Space *space) {
    const cyaml_schema_value_t *schema = &schemas[lists_models(text)];
    YamlSpace *yaml;
    FORWARD(yaml_load(path, text, size, schema, keys, &yaml));
    cf_status status = fill(yaml, path, text, space);
    yaml_free(schema, yaml);
    return status;
}

cf_status space_yaml_read(const char *path, Space *space) {
    Space made = {0};
    unsigned char *bytes;
    size_t size;
    FORWARD(file_read(path, MOST_YAML_BYTES, &bytes, &size));
    cf_status status = load(path, (const char *)bytes, size, &made);
    free(bytes);
    if (status)
        space_free(&made);
    else
        *space = made;
    return status;
}
