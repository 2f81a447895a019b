#include "tune/space.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making and freeing ---- */

void space_free(Space *space) {
    for (int i = 0; space->parameters && i < space->count; i++) {
        SpaceParameter *p = &space->parameters[i];
        for (int v = 0; p->labels && v < p->count; v++) {
            free(p->texts[v]);
            free(p->labels[v]);
        }
        free(p->texts);
        free(p->labels);
        free(p->name);
    }
    free(space->parameters);
    free(space->name);
    free(space->model);
    *space = (Space){0};
}

/* What is too long for a column is cut, behind its number in the list, so that no two labels are equal, even cut again. */
static cf_status make_label(const char *text, int number, char **label) {
    const int kept = SPACE_LABEL - 9;
    const unsigned char *end = (const unsigned char *)text;
    if (text_columns(text) <= SPACE_LABEL) return memory_copy_string(text, label);
    for (int c = 0; c < kept; c++) text_next_character(&end);
    while (end[-1] == ' ') end--;
    return memory_print(label, "%d: %.*s ..", number, (int)((const char *)end - text), text);
}

cf_status space_list(SpaceParameter *parameter, const char *name, const char *const *texts, int count) {
    FORWARD(memory_copy_string(name, &parameter->name));
    FORWARD(memory_new((size_t)count, sizeof *parameter->texts, &parameter->texts));
    FORWARD(memory_new((size_t)count, sizeof *parameter->labels, &parameter->labels));
    parameter->count = count; /* what is not there yet is NULL */
    for (int v = 0; v < count; v++) {
        FORWARD(memory_copy_string(texts[v], &parameter->texts[v]));
        FORWARD(make_label(texts[v], v + 1, &parameter->labels[v]));
    }
    return CF_OK;
}

cf_status space_paper(Space *space) {
    AUTO(space_free) Space made = {0};
    static const struct {
        const char *name, *texts[3];
        int count;
    } lists[] = {{"optimizer", {"sgd", "adam"}, 2},
                 {"lr", {"0.001", "0.005", "0.0005"}, 3},
                 {"batch", {"64", "128"}, 2},
                 {"activation", {"relu", "leakyrelu"}, 2}};
    FORWARD(memory_copy_string("paper", &made.name));
    FORWARD(memory_copy_string(
        "conv 32 3x3 | bn | {activation} | maxpool 2 | conv 64 3x3 | bn | {activation} | maxpool 2 | "
        "dense 128 | {activation} | dense classes",
        &made.model));
    FORWARD(memory_new(COUNT_OF(lists), sizeof *made.parameters, &made.parameters));
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        FORWARD(space_list(&made.parameters[made.count++], lists[i].name, lists[i].texts, lists[i].count));
    *space = made;
    made = (Space){0};
    return CF_OK;
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

static const char *number_of_point(const SpaceParameter *p, double value, char number[SPACE_NUMBER]) {
    snprintf(number, SPACE_NUMBER, p->kind == PARAMETER_INTEGER ? "%.0f" : "%.6g", value);
    return number;
}

const char *space_value(const Space *space, const SpacePoint *point, int i, char number[SPACE_NUMBER]) {
    const SpaceParameter *p = &space->parameters[i];
    return p->kind == PARAMETER_LIST ? p->texts[(int)point->values[i]] : number_of_point(p, point->values[i], number);
}

const char *space_label(const Space *space, const SpacePoint *point, int i, char number[SPACE_NUMBER]) {
    const SpaceParameter *p = &space->parameters[i];
    return p->kind == PARAMETER_LIST ? p->labels[(int)point->values[i]] : number_of_point(p, point->values[i], number);
}

cf_status space_point_text(const Space *space, const SpacePoint *point, char **text) {
    char line[SPACE_MAX_PARAMETERS * (SPACE_NAME + 4 * SPACE_LABEL + 2)] = "", number[SPACE_NUMBER];
    size_t used = 0;
    for (int i = 0; i < space->count && used < sizeof line; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s=%s", i ? " " : "", space->parameters[i].name,
                                 space_label(space, point, i, number));
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
    char number[SPACE_NUMBER];
    json_auto_t *made = json_object();
    for (int i = 0; i < space->count; i++)
        FAIL_IF(json_object_set_new(made, space->parameters[i].name, text_json(space_value(space, point, i, number))) !=
                    0,
                CF_NO_MEMORY, "out of memory while making the JSON of a configuration");
    *json = memory_take(&made);
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
        json_auto_t *candidate = text_json(p->texts[v]);
        found = same_value(json, candidate);
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

cf_status space_json(const Space *space, json_t **json) {
    json_t *parameters = json_array();
    for (const SpaceParameter *p = space->parameters; p < space->parameters + space->count; p++) {
        json_t *values = p->kind == PARAMETER_LIST ? json_array() : json_pack("[f f]", p->low, p->high);
        for (int v = 0; v < p->count; v++) json_array_append_new(values, json_text(p->texts[v]));
        json_array_append_new(parameters,
                              json_pack("{s:o s:o}", "name", json_text(p->name), kind_keys[p->kind], values));
    }
    json_auto_t *made = json_pack("{s:o s:o s:o}", "name", json_text(space->name), "model", json_text(space->model),
                                  "parameters", parameters);
    FAIL_IF(!made || json_array_size(parameters) != (size_t)space->count, CF_NO_MEMORY,
            "out of memory while writing the space");
    *json = memory_take(&made);
    return CF_OK;
}

static cf_status parameter_from_json(const json_t *json, SpaceParameter *p) {
    const char *texts[SPACE_MAX_VALUES], *name = json_string_value(json_object_get(json, "name"));
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
    return space_list(p, name, texts, (int)count);
}

cf_status space_from_json(const json_t *json, Space *space) {
    AUTO(space_free) Space made = {0};
    const json_t *parameters = json_object_get(json, "parameters");
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *model = json_string_value(json_object_get(json, "model"));
    int count = (int)json_array_size(parameters);
    FAIL_IF(!name || !model || count < 1 || count > SPACE_MAX_PARAMETERS, CF_BAD_INPUT, "the space is damaged");
    FORWARD(memory_copy_string(name, &made.name));
    FORWARD(memory_copy_string(model, &made.model));
    FORWARD(memory_new((size_t)count, sizeof *made.parameters, &made.parameters));
    for (int i = 0; i < count; i++)
        FORWARD(parameter_from_json(json_array_get(parameters, (size_t)i), &made.parameters[made.count++]));
    FORWARD(space_check(&made));
    *space = made;
    made = (Space){0};
    return CF_OK;
}
