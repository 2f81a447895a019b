/* The table of operations, how they are done one after the other, and the one that chooses others: randaugment. */
#include "data/augment/operation.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* ---- The table ---- */

enum { STRONGEST = 30 };

static void randaugment(const OperationValues *values, Drawing *drawing, Picture *picture);
static const Operation policy_operations[] = {
    {"randaugment",
     "does so many operations, drawn anew for each image, at this strength of 30 (Cubuk et al. 2020)",
     {WHOLE("operations", 1, 8, 2), NUMBER("a strength", 0, STRONGEST, 9)},
     .apply = randaugment},
    {0}};

static const Operation *const families[] = {geometry_operations, colour_operations, filter_operations, cover_operations,
                                            backdrop_operations, policy_operations, mix_operations};

const Operation *operation_number(int i) {
    for (size_t f = 0; f < COUNT_OF(families); f++)
        for (const Operation *operation = families[f]; operation->word; operation++)
            if (i-- == 0) return operation;
    return NULL;
}

const Operation *operation_find(const char *word) {
    const Operation *operation;
    for (int i = 0; (operation = operation_number(i)); i++)
        if (strcmp(operation->word, word) == 0) return operation;
    return NULL;
}

void operation_number_alone(const OperationArgument *argument, double number, double *low, double *high) {
    *low = *high = number;
    if (!argument->is_range) return;
    if (argument->alone == AROUND_ZERO)
        *low = -number;
    else if (argument->alone == AROUND_ONE)
        *low = 1 - number, *high = 1 + number;
    else
        *low = fmax(argument->low, 0);
}

OperationValues operation_at_magnitude(const Operation *operation, double magnitude) {
    OperationValues values = {0};
    const OperationArgument *first = &operation->arguments[0];
    if (first->what) operation_number_alone(first, operation->magnitude(magnitude), &values.low[0], &values.high[0]);
    return values;
}

/* ---- One after the other ---- */

Pending pending_new(Picture *picture) {
    return (Pending){.picture = picture};
}

void pending_finish(Pending *pending) {
    const char *border = pending->border ? pending->border : "edge";
    if (pending->waits)
        warp_by_map(pending->picture, pending->map,
                    strcmp(border, "zero") == 0      ? BORDER_ZERO
                    : strcmp(border, "reflect") == 0 ? BORDER_REFLECT
                                                     : BORDER_EDGE);
    *pending = pending_new(pending->picture);
}

/* To be multiplied by a map that waits: behind the last where both have one border, or one has none (flip). */
static double *waiting_map(Pending *pending, const Operation *operation, const OperationValues *values) {
    const char *border = operation->settings[values->setting];
    if (border && pending->border && strcmp(border, pending->border) != 0) pending_finish(pending);
    if (!pending->waits) memcpy(pending->map, map_identity, sizeof map_identity);
    if (border) pending->border = border;
    pending->waits = true;
    return pending->map;
}

static double drawn_value(const Operation *operation, const OperationValues *values, Drawing *drawing) {
    return operation->arguments[0].is_range ? drawing_between(drawing, values->low[0], values->high[0])
                                            : values->low[0];
}

void pending_operation(Pending *pending, const Operation *operation, const OperationValues *values, Drawing *drawing) {
    if (operation->turn || operation->map) {
        double *map = waiting_map(pending, operation, values);
        if (operation->turn)
            operation->turn(drawn_value(operation, values, drawing), map);
        else
            operation->map(values, drawing, map);
    } else if (operation->change || operation->apply) {
        pending_finish(pending);
        if (operation->change)
            operation->change(drawn_value(operation, values, drawing), pending->picture);
        else
            operation->apply(values, drawing, pending->picture);
        picture_clamp(pending->picture);
    }
}

double pending_view(Pending *pending, const Operation *operation, const OperationValues *values, int view) {
    const double low = values->low[0], high = values->high[0];
    const int count = operation->views(values);
    double *map = waiting_map(pending, operation, values);
    if (operation->turn)
        operation->turn(view == 0 ? 0.5 * (low + high) : view == 1 ? low : high, map);
    else
        operation->view(values, view, map);
    return count == 1 ? 1 : view == 0 ? 0.5 : 0.5 / (count - 1);
}

/* ---- randaugment ---- */

/* A range around zero or one has a strength and a random sign, as the paper's operations have: one end of it. Of any other the high end. */
static void take_end(const OperationArgument *argument, Drawing *drawing, double *low, double *high) {
    if (argument->is_range && argument->alone != FROM_ZERO && drawing_uniform(drawing) < 0.5)
        *high = *low;
    else
        *low = *high;
}

static const Operation *drawn_operation(Drawing *drawing) {
    const Operation *operation;
    int count = 0;
    for (int i = 0; (operation = operation_number(i)); i++) count += operation->magnitude != NULL;
    int left = drawing_below(drawing, count + 1); /* the last of them is the identity, as in the paper */
    for (int i = 0; (operation = operation_number(i)); i++)
        if (operation->magnitude && left-- == 0) return operation;
    return NULL;
}

static void randaugment(const OperationValues *values, Drawing *drawing, Picture *picture) {
    Pending pending = pending_new(picture);
    for (int n = 0; n < (int)values->low[0]; n++) {
        const Operation *operation = drawn_operation(drawing);
        if (!operation) continue;
        OperationValues drawn = operation_at_magnitude(operation, values->low[1] / STRONGEST);
        if (operation->arguments[0].what) take_end(&operation->arguments[0], drawing, &drawn.low[0], &drawn.high[0]);
        pending_operation(&pending, operation, &drawn, drawing);
    }
    pending_finish(&pending);
}
