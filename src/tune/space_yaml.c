/* A space in YAML:
 *
 *     model: conv {width} 3x3 | bn | {activation} | maxpool 2 | dense classes     # a name, too; without it: paper
 *     parameters:
 *       - name: optimizer
 *         values: [sgd, adam]
 *       - name: lr
 *         log: [0.0001, 0.1]          # or uniform: [low, high], or integer: [low, high]
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
    char *model;
    YamlParameter *parameters;
    unsigned parameters_count;
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
static const cyaml_schema_field_t space_fields[] = {
    CYAML_FIELD_STRING_PTR("model", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, YamlSpace, model, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("parameters", CYAML_FLAG_POINTER, YamlSpace, parameters, &parameter_schema, 1,
                         SPACE_MAX_PARAMETERS),
    CYAML_FIELD_END};
static const cyaml_schema_value_t space_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, YamlSpace, space_fields)};
static const char *const keys[] = {"model", "parameters", "name", "values", "uniform", "log", "integer", NULL};

/* ---- Into a space ---- */

static cf_status copy_values(const YamlParameter *yaml, SpaceParameter *p) {
    FORWARD(memory_new(yaml->values_count, sizeof *p->texts, &p->texts));
    for (; p->count < (int)yaml->values_count; p->count++)
        FORWARD(memory_copy_string(yaml->values[p->count], &p->texts[p->count]));
    return CF_OK;
}

static cf_status copy_parameter(const YamlParameter *yaml, SpaceParameter *p) {
    const double *ranges[] = {NULL, yaml->uniform, yaml->log, yaml->integer};
    int given = yaml->values != NULL;
    FORWARD(memory_copy_string(yaml->name, &p->name));
    for (int k = PARAMETER_UNIFORM; k <= PARAMETER_INTEGER; k++) {
        if (!ranges[k]) continue;
        given++;
        p->kind = (ParameterKind)k;
        p->low = ranges[k][0];
        p->high = ranges[k][1];
    }
    FAIL_IF(given != 1, CF_BAD_INPUT, "parameter %s: one of values, uniform, log, integer expected, found %s",
            yaml->name, given ? "several" : "none");
    return yaml->values ? copy_values(yaml, p) : CF_OK;
}

static cf_status name_space(const char *path, Space *space) {
    const char *name = file_base_name(path), *end = strrchr(name, '.');
    return memory_print(&space->name, "%.*s", (int)(end && end > name ? end - name : (long)strlen(name)), name);
}

static cf_status fill(const YamlSpace *yaml, const char *path, const char *text, Space *space) {
    FORWARD(name_space(path, space));
    FORWARD(memory_copy_string(yaml->model ? yaml->model : "paper", &space->model));
    FORWARD(memory_new(yaml->parameters_count, sizeof *space->parameters, &space->parameters));
    for (int i = 0; i < (int)yaml->parameters_count; i++)
        FORWARD(yaml_at_key(copy_parameter(&yaml->parameters[i], &space->parameters[space->count++]), path, text,
                            "name", i));
    for (int i = 0; i < space->count; i++) FORWARD(yaml_at_key(space_check_parameter(space, i), path, text, "name", i));
    return yaml_at_key(space_check_model(space), path, text, "model", 0);
}

static cf_status load(const char *path, const char *text, size_t size, Space *space) {
    YamlSpace *yaml;
    FORWARD(yaml_load(path, text, size, &space_schema, keys, &yaml));
    cf_status status = fill(yaml, path, text, space);
    yaml_free(&space_schema, yaml);
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
