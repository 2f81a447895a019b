/* The named models: one row each, a name for a line of layers (nn/model_line.h). */
#pragma once

#include "nn/layers/layer.h"

typedef struct NamedModel {
    const char *name, *line;
    Shape images; /* what it was made for, and its classes: what tables count parameters and operations at */
    int classes;
    const char *source; /* of the network */
    const char *about;  /* one line: what it is, and where it differs from its source */
} NamedModel;

/* Ends with a row whose name is NULL. */
extern const NamedModel named_models[];
/* The row of a name, or NULL. */
const NamedModel *model_named(const char *name);
/* Its line, or NULL. */
const char *model_named_line(const char *name);
/* "; did you mean NAME?" where a name is near, or an empty string. Static, of this thread. */
const char *model_name_hint(const char *name);
