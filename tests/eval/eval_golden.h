/* eval_golden.json, what independent implementations say of a few probabilities, for the tests of this folder. */
#pragma once

#include "golden.h"

#include "base/memory.h"
#include "eval/metrics.h"

static inline json_t *golden_read(void) {
    return golden_open("eval_golden.json");
}

/* [row][column] of a list of lists, or [row] of a list if column < 0; NaN for null. */
static inline double golden_at(const json_t *list, size_t row, int column) {
    const json_t *value = json_array_get(list, row);
    if (column >= 0) value = json_array_get(value, (size_t)column);
    assert_true(json_is_number(value) || json_is_null(value));
    return json_is_null(value) ? NAN : json_number_value(value);
}

/* "test" or "validation"; release with predictions_release. */
static inline Predictions golden_predictions(const json_t *golden, const char *part) {
    const json_t *object = json_object_get(golden, part), *labels = json_object_get(object, "labels"),
                 *parts = json_object_get(object, "parts");
    int classes = (int)golden_number(golden, "classes");
    size_t count = json_array_size(labels);
    float *probabilities;
    uint16_t *numbers;
    assert_true(count > 0);
    assert_ok(memory_new(count * (size_t)classes, sizeof *probabilities, &probabilities));
    assert_ok(memory_new(count, sizeof *numbers, &numbers));
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (uint16_t)golden_at(labels, i, -1);
        for (int c = 0; c < classes; c++)
            probabilities[i * (size_t)classes + (size_t)c] =
                (float)(golden_at(parts, i, c) / golden_number(golden, "denominator"));
    }
    return (Predictions){probabilities, numbers, count, classes};
}

static inline void predictions_release(const Predictions *p) {
    free((void *)(uintptr_t)p->probabilities);
    free((void *)(uintptr_t)p->labels);
}
