/* YAML files into structs by libcyaml, with messages that name the file and the line.
 *
 * libcyaml checks the form and tells lines in its log only; the first complaint and the innermost line are kept. What values mean
 * is the caller's to check; yaml_at_key then puts file and line in front.
 */
#pragma once

#include "base/embedded.h"
#include "base/status.h"

#include <cyaml/cyaml.h>

/* `data` is the address of the pointer that the schema's outermost value fills; release with yaml_free. `keys`: all keys of
 * the schema, for hints; ends with NULL. `path` is for messages. */
cf_status yaml_load(const char *path, const char *text, size_t size, const cyaml_schema_value_t *schema,
                    const char *const *keys, void *data);
void yaml_free(const cyaml_schema_value_t *schema, void *data);

/* NAME.yaml among files that the library carries; NULL: it is not there. */
const char *yaml_built_in(const EmbeddedFile *files, const char *name);
/* The text of such a file, or of the one at a path, in a new string. */
cf_status yaml_text(const EmbeddedFile *files, const char *name_or_path, char **text);

/* The line (from 1) that has `key` for the time number `which` (from 0); 0: none. */
int yaml_line_of_key(const char *text, const char *key, int which);
/* A failure, with the file and the line of the key that it is about; CF_OK as it is. */
cf_status yaml_at_key(cf_status status, const char *path, const char *text, const char *key, int which);
