/* A space in YAML:
 *
 *     model: conv {width} 3x3 | bn | {activation} | maxpool 2 | dense classes     # a name, too; without it: paper
 *     parameters:
 *       - name: optimizer
 *         values: [sgd, adam]
 *       - name: lr
 *         log: [0.0001, 0.1]          # or uniform: [low, high], or integer: [low, high]
 *
 * libcyaml checks the form and tells lines in its log, of which the first complaint and the innermost line are kept. What a
 * value means is checked afterwards (space_options.c); its line is that of the parameter's name. */
#include "tune/space.h"

#include "base/memory.h"
#include "base/text.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 1 << 20 };

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

/* ---- Lines ---- */

/* Whether the line (up to its end or a comment) has `key:`, not as a part of another word. */
static bool line_has_key(const char *line, const char *key) {
    size_t length = strlen(key);
    for (const char *p = line; *p && *p != '\n'; p++) {
        if (*p == '#' && (p == line || p[-1] == ' ')) return false;
        if (strncmp(p, key, length) != 0 || (p > line && !strchr(" -{,\"'", p[-1]))) continue;
        const char *after = p + length;
        after += strspn(after, " \"'");
        if (*after == ':') return true;
    }
    return false;
}

/* The line (from 1) that has `key` for the time number `which` (from 0); 0: none. */
static int line_of_key(const char *text, const char *key, int which) {
    int number = 1;
    for (const char *line = text; line; number++) {
        if (line_has_key(line, key) && which-- == 0) return number;
        line = strchr(line, '\n');
        if (line) line++;
    }
    return 0;
}

/* ---- What libcyaml complains of ---- */

typedef struct Complaint {
    char what[200];
    int line; /* 0: not told */
} Complaint;

static void listen(cyaml_log_t level, void *context, const char *format, va_list arguments) {
    static const char opening[] = "Load: ";
    Complaint *complaint = context;
    char text[256];
    (void)level;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    const char *told = strncmp(text, opening, sizeof opening - 1) == 0 ? text + sizeof opening - 1 : text;
    const char *line = strstr(text, "(line: ");
    if (!complaint->what[0])
        snprintf(complaint->what, sizeof complaint->what, "%.199s", told);
    else if (line && !complaint->line)
        complaint->line = atoi(line + 7);
}

/* In our words where it is one of the usual mistakes. */
static cf_status tell_complaint(const char *path, const char *text, Complaint *c, cyaml_err_t error) {
    char key[100], where[32] = "";
    if (sscanf(c->what, "Unexpected key: %99[^\n]", key) == 1) {
        int line = line_of_key(text, key, 0);
        return FAIL(CF_BAD_INPUT, "%s:%d: unknown key %s%s", path, line ? line : c->line, key, text_hint(key, keys));
    }
    if (c->line) snprintf(where, sizeof where, ":%d", c->line);
    if (sscanf(c->what, "Missing required mapping field: %99s", key) == 1)
        return FAIL(CF_BAD_INPUT, "%s%s: the key %s is missing", path, where, key);
    if (sscanf(c->what, "Invalid FLOAT value: %99[^\n]", key) == 1)
        return FAIL(CF_BAD_INPUT, "%s%s: a number expected, found %s", path, where, key);
    if (strstr(c->what, "Expecting SEQUENCE"))
        return FAIL(CF_BAD_INPUT, "%s%s: a list such as [a, b] expected, found something else", path, where);
    if (strstr(c->what, "entries") && strstr(c->what, "sequence"))
        return FAIL(CF_BAD_INPUT, "%s%s: a list of another length expected (a range has two numbers): %s", path, where,
                    c->what);
    return FAIL(error == CYAML_ERR_OOM ? CF_NO_MEMORY : CF_BAD_INPUT, "%s%s: %s", path, where,
                c->what[0] ? c->what : cyaml_strerror(error));
}

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

/* A failure, with the file and the line of the key that it is about. */
static cf_status at_key(cf_status status, const char *path, const char *text, const char *key, int which) {
    int line = line_of_key(text, key, which);
    if (status && line) return status_prefix(status, "%s:%d", path, line);
    return status ? status_prefix(status, "%s", path) : CF_OK;
}

static cf_status name_space(const char *path, Space *space) {
    const char *name = file_base_name(path), *end = strrchr(name, '.');
    return memory_print(&space->name, "%.*s", (int)(end && end > name ? end - name : (long)strlen(name)), name);
}

static cf_status fill(const YamlSpace *yaml, const char *path, const char *text, Space *space) {
    FORWARD(name_space(path, space));
    FORWARD(memory_copy_string(yaml->model ? yaml->model : "paper", &space->model));
    FORWARD(memory_new(yaml->parameters_count, sizeof *space->parameters, &space->parameters));
    for (; space->count < (int)yaml->parameters_count; space->count++)
        FORWARD(at_key(copy_parameter(&yaml->parameters[space->count], &space->parameters[space->count]), path, text,
                       "name", space->count));
    for (int i = 0; i < space->count; i++) FORWARD(at_key(space_check_parameter(space, i), path, text, "name", i));
    return at_key(space_check_model(space), path, text, "model", 0);
}

static cf_status load(const char *path, const char *text, size_t size, Space *space) {
    Complaint complaint = {.line = 0};
    const cyaml_config_t config = {.log_fn = listen,
                                   .log_ctx = &complaint,
                                   .mem_fn = cyaml_mem,
                                   .log_level = CYAML_LOG_ERROR,
                                   .flags = CYAML_CFG_NO_ALIAS};
    YamlSpace *yaml = NULL;
    cyaml_err_t error =
        cyaml_load_data((const uint8_t *)text, size, &config, &space_schema, (cyaml_data_t **)&yaml, NULL);
    if (error) return tell_complaint(path, text, &complaint, error);
    FAIL_IF(!yaml, CF_BAD_INPUT, "%s is empty; the keys model and parameters were expected", path);
    cf_status status = fill(yaml, path, text, space);
    cyaml_free(&config, &space_schema, yaml, 0);
    return status;
}

cf_status space_yaml_read(const char *path, Space *space) {
    Space made = {0};
    unsigned char *bytes;
    size_t size;
    FORWARD(file_read(path, LARGEST_FILE, &bytes, &size));
    cf_status status = load(path, (const char *)bytes, size, &made);
    free(bytes);
    if (status)
        space_free(&made);
    else
        *space = made;
    return status;
}
