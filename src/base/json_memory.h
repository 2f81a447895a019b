/* What jansson keeps quiet: that it had no memory.
 *
 * Its parser leaves a character out where a token could not grow, json_object_set_new and json_array_append_new leave a member
 * out, json_dumps leaves a character of a key out; all go on (jansson 2.14). A document that was read, made or written so looks
 * whole. Hence, around what does it:
 *
 *     json_memory_begin();
 *     ... json_loads, json_pack, json_object_set_new, json_dumps ...
 *     FAIL_IF(json_memory_failed(), CF_NO_MEMORY, ...);
 *
 * While this library is loaded, jansson's allocator is watched: the one it has, malloc or what the program has set, does the work.
 */
#pragma once

#include <stdbool.h>

/* From here on, in this thread. */
void json_memory_begin(void);
/* Whether an allocation of jansson failed in this thread since json_memory_begin, or since the last call. */
bool json_memory_failed(void);
