#include "tune/space.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making and freeing ---- */

static void parameter_free(SpaceParameter *parameter) {
    for (int v = 0; parameter->texts && v < parameter->count; v++) free(parameter->texts[v]);
    free(parameter->texts);
    free(parameter->name);
}

void space_free(Space *space) {
    for (int i = 0; space->parameters && i < space->count; i++) parameter_free(&space->parameters[i]);
    free(space->parameters);
    free(space->name);
    free(space->model);
    *space = (Space){0};
}

/* `texts` ends with NULL. */
static cf_status list_parameter(SpaceParameter *parameter, const char *name, const char *const *texts) {
    int count = 0;
    while (texts[count]) count++;
    FORWARD(memory_copy_string(name, &parameter->name));
    FORWARD(memory_new((size_t)count, sizeof *parameter->texts, &parameter->texts));
    for (; parameter->count < count; parameter->count++)
        FORWARD(memory_copy_string(texts[parameter->count], &parameter->texts[parameter->count]));
    return CF_OK;
}

static cf_status fill_paper(Space *space) {
    static const struct {
        const char *name, *texts[4];
    } lists[] = {{"optimizer", {"sgd", "adam"}},
                 {"lr", {"0.001", "0.005", "0.0005"}},
                 {"batch", {"64", "128"}},
                 {"activation", {"relu", "leakyrelu"}}};
    FORWARD(memory_copy_string("paper", &space->name));
    FORWARD(memory_copy_string("conv 32 3x3 | bn | {activation} | maxpool 2 | conv 64 3x3 | bn | {activation} | "
                               "maxpool 2 | dense 128 | {activation} | dense classes",
                               &space->model));
    FORWARD(memory_new(COUNT_OF(lists), sizeof *space->parameters, &space->parameters));
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        FORWARD(list_parameter(&space->parameters[space->count++], lists[i].name, lists[i].texts));
    return CF_OK;
}

cf_status space_paper(Space *space) {
    Space made = {0};
    cf_status status = fill_paper(&made);
    if (status)
        space_free(&made);
    else
        *space = made;
    return status;
}

cf_status space_read(const char *name_or_path, Space *space) {
    if (strcmp(name_or_path, "paper") == 0) return space_paper(space);
    FAIL_IF(!file_exists(name_or_path), CF_BAD_USE,
            "grid %s: \"paper\" or a YAML file expected; there is no file of that name", name_or_path);
    return space_yaml_read(name_or_path, space);
}

/* ---- Points ---- */

int64_t space_points(const Space *space) {
    int64_t points = 1;
    for (int i = 0; i < space->count; i++) {
        if (space->parameters[i].kind != PARAMETER_LIST) return 0;
        if (__builtin_mul_overflow(points, (int64_t)space->parameters[i].count, &points)) return INT64_MAX;
    }
    return points;
}

SpacePoint space_point(const Space *space, int64_t index) {
    SpacePoint point = {{0}};
    for (int i = space->count - 1; i >= 0; i--) {
        point.values[i] = (double)(index % space->parameters[i].count);
        index /= space->parameters[i].count;
    }
    return point;
}

bool space_points_equal(const Space *space, const SpacePoint *a, const SpacePoint *b) {
    for (int i = 0; i < space->count; i++)
        if (a->values[i] != b->values[i]) return false;
    return true;
}

void space_value_text(const Space *space, const SpacePoint *point, int i, char text[SPACE_TEXT]) {
    const SpaceParameter *p = &space->parameters[i];
    double value = point->values[i];
    if (p->kind == PARAMETER_LIST)
        snprintf(text, SPACE_TEXT, "%s", p->texts[(int)value]);
    else if (p->kind == PARAMETER_INTEGER)
        snprintf(text, SPACE_TEXT, "%.0f", value);
    else
        snprintf(text, SPACE_TEXT, "%.6g", value);
}

cf_status space_point_text(const Space *space, const SpacePoint *point, char **text) {
    char line[SPACE_MAX_PARAMETERS * 2 * SPACE_TEXT] = "", value[SPACE_TEXT];
    size_t used = 0;
    for (int i = 0; i < space->count && used < sizeof line; i++) {
        space_value_text(space, point, i, value);
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s=%s", i ? " " : "", space->parameters[i].name,
                                 value);
    }
    return memory_copy_string(line, text);
}

/* ---- As JSON ---- */

/* A number where the text is one. */
static json_t *text_json(const char *text) {
    long long whole;
    double number;
    if (text_to_integer(text, -(1LL << 53), 1LL << 53, &whole)) return json_integer(whole);
    return text_to_number(text, &number) ? json_real(number) : json_text(text);
}

cf_status space_point_json(const Space *space, const SpacePoint *point, json_t **json) {
    char text[SPACE_TEXT];
    json_t *object = json_object();
    for (int i = 0; i < space->count; i++) {
        space_value_text(space, point, i, text);
        if (json_object_set_new(object, space->parameters[i].name, text_json(text)) != 0) {
            json_decref(object);
            return FAIL(CF_NO_MEMORY, "out of memory while making the JSON of a configuration");
        }
    }
    *json = object;
    return CF_OK;
}

/* Numbers that were written with 15 digits are equal within that. */
static bool same_value(const json_t *a, const json_t *b) {
    if (!json_is_number(a) || !json_is_number(b)) return json_equal(a, b);
    double x = json_number_value(a), y = json_number_value(b);
    return fabs(x - y) <= 1e-14 * fabs(x);
}

static bool value_from_json(const SpaceParameter *p, const json_t *json, double *value) {
    bool found = false;
    if (p->kind != PARAMETER_LIST) {
        *value = json_number_value(json);
        return json_is_number(json) && *value >= p->low && *value <= p->high &&
               (p->kind != PARAMETER_INTEGER || *value == floor(*value));
    }
    for (int v = 0; v < p->count && !found; v++) {
        json_t *candidate = text_json(p->texts[v]);
        found = same_value(json, candidate);
        json_decref(candidate);
        *value = v;
    }
    return found;
}

cf_status space_point_from_json(const Space *space, const json_t *json, SpacePoint *point) {
    SpacePoint made = {{0}};
    for (int i = 0; i < space->count; i++)
        FAIL_IF(
            !value_from_json(&space->parameters[i], json_object_get(json, space->parameters[i].name), &made.values[i]),
            CF_BAD_INPUT, "a configuration has no %s that is in the space", space->parameters[i].name);
    *point = made;
    return CF_OK;
}

static const char *const kind_keys[] = {"values", "uniform", "log", "integer"};

static json_t *parameter_json(const SpaceParameter *p) {
    json_t *values = json_array();
    for (int v = 0; p->kind == PARAMETER_LIST && v < p->count; v++)
        json_array_append_new(values, json_text(p->texts[v]));
    if (p->kind != PARAMETER_LIST) {
        json_array_append_new(values, json_real(p->low));
        json_array_append_new(values, json_real(p->high));
    }
    return json_pack("{s:o s:o}", "name", json_text(p->name), kind_keys[p->kind], values);
}

cf_status space_json(const Space *space, json_t **json) {
    json_t *parameters = json_array();
    for (int i = 0; i < space->count; i++) json_array_append_new(parameters, parameter_json(&space->parameters[i]));
    json_t *object = json_pack("{s:o s:o s:o}", "name", json_text(space->name), "model", json_text(space->model),
                               "parameters", parameters);
    if (!object || json_array_size(parameters) != (size_t)space->count) {
        json_decref(object);
        return FAIL(CF_NO_MEMORY, "out of memory while writing the space");
    }
    *json = object;
    return CF_OK;
}

static cf_status parameter_from_json(const json_t *json, SpaceParameter *p) {
    const char *texts[SPACE_MAX_VALUES + 1] = {NULL}, *name = json_string_value(json_object_get(json, "name"));
    const json_t *values = NULL;
    for (int k = 0; k < (int)COUNT_OF(kind_keys) && !values; k++) {
        values = json_object_get(json, kind_keys[k]);
        p->kind = (ParameterKind)k;
    }
    size_t count = json_array_size(values);
    FAIL_IF(!name || count < 1 || count > SPACE_MAX_VALUES, CF_BAD_INPUT, "a parameter of the space is damaged");
    if (p->kind != PARAMETER_LIST) {
        p->low = json_number_value(json_array_get(values, 0));
        p->high = json_number_value(json_array_get(values, 1));
        return memory_copy_string(name, &p->name);
    }
    for (size_t v = 0; v < count; v++) {
        texts[v] = json_string_value(json_array_get(values, v));
        FAIL_IF(!texts[v], CF_BAD_INPUT, "a value of %s in the space is damaged", name);
    }
    return list_parameter(p, name, texts);
}

static cf_status fill_from_json(const json_t *json, Space *space) {
    const json_t *parameters = json_object_get(json, "parameters");
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *model = json_string_value(json_object_get(json, "model"));
    int count = (int)json_array_size(parameters);
    FAIL_IF(!name || !model || count < 1 || count > SPACE_MAX_PARAMETERS, CF_BAD_INPUT, "the space is damaged");
    FORWARD(memory_copy_string(name, &space->name));
    FORWARD(memory_copy_string(model, &space->model));
    FORWARD(memory_new((size_t)count, sizeof *space->parameters, &space->parameters));
    for (int i = 0; i < count; i++)
        FORWARD(parameter_from_json(json_array_get(parameters, (size_t)i), &space->parameters[space->count++]));
    return space_check(space);
}

cf_status space_from_json(const json_t *json, Space *space) {
    Space made = {0};
    cf_status status = fill_from_json(json, &made);
    if (status)
        space_free(&made);
    else
        *space = made;
    return status;
}
