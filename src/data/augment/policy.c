/* Operations that choose operations: randaugment. */
#include "data/augment/warp.h"

enum { STRONGEST = 30 };

/* One end of a range around zero or one, at random; of any other the high end. */
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

static void randaugment_apply(const OperationValues *values, Drawing *drawing, Picture *picture) {
    Pending pending = pending_new(picture);
    for (int n = 0; n < (int)values->low[0]; n++) {
        const Operation *operation = drawn_operation(drawing);
        OperationValues drawn = {0};
        if (!operation) continue;
        operation->magnitude(values->low[1] / STRONGEST, &drawn);
        for (int a = 0; a < OPERATION_ARGUMENTS && operation->arguments[a].what; a++)
            take_end(&operation->arguments[a], drawing, &drawn.low[a], &drawn.high[a]);
        pending_operation(&pending, operation, &drawn, drawing);
    }
    pending_finish(&pending);
}

const Operation policy_operations[] = {
    {"randaugment",
     "does so many operations, drawn anew for each image, at this strength of 30 (Cubuk et al. 2020)",
     {{.what = "operations", .low = 1, .high = 8, .usual = 2, .is_whole = true},
      {.what = "a strength", .low = 0, .high = STRONGEST, .usual = 9}},
     .apply = randaugment_apply},
    {0}};
