/* What the tests share that compare with golden files (tests/golden): what independent implementations say. */
#pragma once

#include "testing.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define assert_near(got, wanted, tolerance) assert_near_((got), (wanted), (tolerance), #got, __FILE__, __LINE__)

static inline void assert_near_(double got, double wanted, double tolerance, const char *what, const char *file,
                                int line) {
    if (fabs(got - wanted) <= tolerance) return; /* false for NaN too */
    print_error("%s is %.17g, not %.17g\n", what, got, wanted);
    _assert_true(0, what, file, line);
}

/* A file of tests/golden. */
static inline json_t *golden_open(const char *name) {
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/tests/golden/%s", getenv("CIFRA_SOURCE"), name);
    json_t *golden = json_load_file(path, 0, &error);
    if (!golden) print_error("%s: %s\n", path, error.text);
    assert_non_null(golden);
    return golden;
}

static inline double golden_number(const json_t *object, const char *key) {
    const json_t *number = json_object_get(object, key);
    assert_true(json_is_number(number));
    return json_number_value(number);
}

/* [row][column] of a list of lists. */
static inline double golden_cell(const json_t *list, size_t row, size_t column) {
    const json_t *value = json_array_get(json_array_get(list, row), column);
    assert_true(json_is_number(value));
    return json_number_value(value);
}
