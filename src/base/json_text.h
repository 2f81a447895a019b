/* JSON files; and texts from outside in JSON: paths and names are bytes, and a JSON string is UTF-8.
 *
 * Bytes that are no UTF-8 (RFC 3629) are written as \xNN, two lower-case digits, in the string itself; and the backslash of what
 * looks like that already as \x5c. So a string always exists, what is UTF-8 stays as it is, and whoever replaces every \xNN by its
 * byte has the original. jansson's own json_string gives NULL for such bytes, and what is given NULL leaves a member out.
 *
 * Below: numbers that may be none, and whole documents as text.
 */
#pragma once

#include "base/status.h"

#include <jansson.h>

/* A new reference; null for NULL. NULL only without memory, which json_memory_failed tells. */
json_t *json_text(const char *bytes);
/* The bytes back in a new string; *bytes NULL where there is no string: null, a number, no member. Release with free(). */
cf_status json_text_value(const json_t *text, char **bytes);

/* A number; null where it is not finite. A new reference. */
json_t *json_number(double value);

/* A document as compact text with so many digits, in a new string. CF_NO_MEMORY where there is none (NULL), or where it lacks something
 * that jansson had no memory for since json_memory_begin: "out of memory while writing the settings". */
cf_status json_to_text(const json_t *json, size_t digits, const char *what, char **text);
/* And back: *json is a new reference; NULL where the text is no JSON, of which `error` tells unless it is NULL. CF_NO_MEMORY: "out of
 * memory while reading the settings". */
cf_status json_from_text(const char *text, const char *what, json_error_t *error, json_t **json);

/* ---- JSON files ---- */

/* Two spaces a level, twelve digits. */
cf_status json_write(const char *path, const json_t *json);
/* A key that is there twice is an error. A new reference. */
cf_status json_read(const char *path, json_t **json);
