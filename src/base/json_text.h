/* JSON files; and texts from outside in JSON: paths and names are bytes, and a JSON string is UTF-8.
 *
 * Bytes that are no UTF-8 (RFC 3629) are written as \xNN, two lower-case digits, in the string itself; and the backslash of what
 * looks like that already as \x5c. So a string always exists, what is UTF-8 stays as it is, and whoever replaces every \xNN by its
 * byte has the original. jansson's own json_string gives NULL for such bytes, and what is given NULL leaves a member out.
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

/* ---- JSON files ---- */

/* Two spaces a level, twelve digits. */
cf_status json_write(const char *path, const json_t *json);
/* A key that is there twice is an error. A new reference. */
cf_status json_read(const char *path, json_t **json);
