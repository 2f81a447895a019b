/* The factors of a generated set, for people and as JSON. */
#ifndef CLI_FACTOR_TABLE_H
#define CLI_FACTOR_TABLE_H

#include "data/generate/generated_set.h"

#include <jansson.h>

void factors_print(const GeneratedSpec *spec);
/* Adds the keys "factors" [{name, low, high, default, allowed, unit, help}], "frequencies" (shares by digit; null: each
 * writer writes each digit once) and "generator" {name, version, seed}. */
void factors_add_json(const GeneratedSpec *spec, json_t *object);

#endif
