/* What the names of a space mean: training options, and places in the model line. */
#include "tune/space.h"

#include "base/memory.h"
#include "base/text.h"
#include "train/train_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* NULL: no option of that name may be searched. */
static const TrainOption *searched_option(const char *name) {
    for (const TrainOption *option = train_options; option->name; option++)
        if (!option->fixed && strcmp(option->name, name) == 0) return option;
    return NULL;
}

/* ---- Places in the model line ---- */

/* The next {name} from `from` on: its brace and its length with both braces; NULL when there is none. */
static const char *next_place(const char *from, size_t *length) {
    const char *open = strchr(from, '{');
    const char *close = open ? strchr(open, '}') : NULL;
    if (!close) return NULL;
    *length = (size_t)(close - open) + 1;
    return open;
}

static bool place_is(const char *place, size_t length, const char *name) {
    return strlen(name) + 2 == length && strncmp(place + 1, name, length - 2) == 0;
}

static int parameter_of_place(const Space *space, const char *place, size_t length) {
    for (int i = 0; i < space->count; i++)
        if (place_is(place, length, space->parameters[i].name)) return i;
    return -1;
}

static bool has_place(const Space *space, const char *name) {
    size_t length = 0;
    for (const char *p = next_place(space->model, &length); p; p = next_place(p + length, &length))
        if (place_is(p, length, name)) return true;
    return false;
}

cf_status space_check_model(const Space *space) {
    size_t length = 0;
    for (const char *p = next_place(space->model, &length); p; p = next_place(p + length, &length))
        FAIL_IF(parameter_of_place(space, p, length) < 0, CF_BAD_USE,
                "the model line has %.*s, but no parameter has that name", (int)length, p);
    return CF_OK;
}

/* ---- Checks ---- */

static cf_status check_list(const SpaceParameter *p, const TrainOption *option) {
    FAIL_IF(p->count < 1 || p->count > SPACE_MAX_VALUES, CF_BAD_USE, "parameter %s: 1 to %d values expected, found %d",
            p->name, SPACE_MAX_VALUES, p->count);
    for (int v = 0; v < p->count; v++) {
        const char *text = p->texts[v];
        FAIL_IF(!text_is_line(text) || strpbrk(text, "{}"), CF_BAD_USE,
                "parameter %s: value %d must be a text without braces and control characters, found \"%.60s\"", p->name,
                v + 1, text);
        for (int u = 0; u < v; u++)
            FAIL_IF(strcmp(p->texts[u], text) == 0, CF_BAD_USE, "parameter %s: the value %s stands there twice",
                    p->name, text);
        cf_train_options any;
        cf_status status = option ? train_option_set(option, text, &any) : CF_OK;
        if (status) return status_prefix(status, "parameter %s", p->name);
    }
    return CF_OK;
}

static cf_status check_range(const SpaceParameter *p, const TrainOption *option) {
    bool whole = p->kind == PARAMETER_INTEGER;
    FAIL_IF(!isfinite(p->low) || !isfinite(p->high) || !(p->low < p->high), CF_BAD_USE,
            "parameter %s: a range [low, high] with low below high expected, found [%g, %g]", p->name, p->low, p->high);
    FAIL_IF(p->kind == PARAMETER_LOG_UNIFORM && p->low <= 0, CF_BAD_USE,
            "parameter %s: a logarithmic range must begin above 0, found %g", p->name, p->low);
    FAIL_IF(whole &&
                (p->low != floor(p->low) || p->high != floor(p->high) || fabs(p->low) > 1e9 || fabs(p->high) > 1e9),
            CF_BAD_USE, "parameter %s: whole numbers of at most nine digits expected, found [%.10g, %.10g]", p->name,
            p->low, p->high);
    if (!option) return CF_OK;
    FAIL_IF(option->words || option->kind == TRAIN_LINE, CF_BAD_USE,
            "parameter %s: a list of values expected, found a range", p->name);
    FAIL_IF(option->kind == TRAIN_WHOLE && !whole, CF_BAD_USE, "parameter %s: an integer range expected", p->name);
    FAIL_IF(p->low < option->low || p->high > option->high, CF_BAD_USE,
            "parameter %s: a range within %.15g to %.15g expected, found [%g, %g]", p->name, option->low, option->high,
            p->low, p->high);
    return CF_OK;
}

static cf_status fail_unknown(const char *name) {
    const char *names[MOST_TRAIN_OPTIONS];
    char list[800]; /* of all of them */
    size_t count = 0;
    for (const TrainOption *option = train_options; option->name; option++)
        if (!option->fixed) names[count++] = option->name;
    names[count] = NULL;
    text_list(names, list, sizeof list);
    return FAIL(CF_BAD_USE, "parameter %s: neither a training option (%s) nor a place {%s} in the model line%s", name,
                list, name, text_hint(name, names));
}

static bool is_name(const char *text) {
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return length > 0 && length < SPACE_NAME && text[length] == '\0';
}

cf_status space_check_parameter(const Space *space, int i) {
    const SpaceParameter *p = &space->parameters[i];
    const TrainOption *option = searched_option(p->name);
    FAIL_IF(!is_name(p->name), CF_BAD_USE,
            "parameter %d: a name of at most %d letters, digits, - and _ expected, found \"%.60s\"", i + 1,
            SPACE_NAME - 1, p->name);
    for (int j = 0; j < i; j++)
        FAIL_IF(strcmp(space->parameters[j].name, p->name) == 0, CF_BAD_USE, "parameter %s stands there twice",
                p->name);
    if (!option && !has_place(space, p->name)) return fail_unknown(p->name);
    return p->kind == PARAMETER_LIST ? check_list(p, option) : check_range(p, option);
}

cf_status space_check(const Space *space) {
    FAIL_IF(space->count < 1 || space->count > SPACE_MAX_PARAMETERS, CF_BAD_USE,
            "1 to %d parameters expected, found %d", SPACE_MAX_PARAMETERS, space->count);
    for (int i = 0; i < space->count; i++) FORWARD(space_check_parameter(space, i));
    return space_check_model(space);
}

/* ---- A point's meaning ---- */

/* The model line with texts in its places. */
static cf_status fill_places(const Space *space, const SpacePoint *point, char **line) {
    AUTO_FREE char *made = NULL;
    char number[SPACE_NUMBER];
    size_t length = 0;
    const char *from = space->model;
    FORWARD(memory_copy_string("", &made));
    for (const char *p = next_place(from, &length); p; p = next_place(from, &length)) {
        AUTO_FREE char *before = memory_take(&made);
        FORWARD(memory_print(&made, "%s%.*s%s", before, (int)(p - from), from,
                             space_value(space, point, parameter_of_place(space, p, length), number)));
        from = p + length;
    }
    return memory_print(line, "%s%s", made, from);
}

cf_status space_apply(const Space *space, const SpacePoint *point, cf_train_options *options, char **model_line) {
    char number[SPACE_NUMBER];
    for (int i = 0; i < space->count; i++) {
        const TrainOption *option = searched_option(space->parameters[i].name);
        if (!option) continue;
        FORWARD(train_option_set(option, space_value(space, point, i, number), options));
    }
    return fill_places(space, point, model_line);
}
