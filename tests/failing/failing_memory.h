/* Memory that runs out at a chosen allocation: for tests that nothing crashes, ends the process, prints or leaks then.
 *
 * A program linked with failing_memory.c has its malloc, calloc, realloc, aligned_alloc and posix_memalign, those of the libraries
 * below included (zlib, libpng, jansson, SQLite, Cairo, libc itself). Never failed are allocations of
 *   - oneDNN and the C++ library under it: the exception bad_alloc leaves oneDNN's C functions, which no C program can catch;
 *   - libgomp, which ends the process when it has no memory (a thread's first omp_set_num_threads asks for 200 bytes);
 *   - the loader, which ends it as well (thread-local variables of a library, at their first use in a thread).
 * Cairo and what it draws with (pixman, FreeType, fontconfig) fail as all others, but keep some of their blocks then (Cairo 1.16): where
 * one of their allocations failed, blocks are not counted.
 * Under a sanitizer, whose allocator this is then, only the calls that stand in cifra's own code can fail.
 */
#pragma once

#include "testing.h"

/* Does some work from its beginning and releases all that it made. *result: a checksum of what came of it. */
typedef cf_status (*FailingWork)(void *context, uint64_t *result);

/* Runs `work` undisturbed, then with its first, second, .. allocation failing, alone and with all that follow, until it gets
 * through. Each time it must return a status with a message that tells of memory, or the undisturbed result; and leave as
 * many blocks as there were. With many allocations only some hundred of them, spread evenly, are failed; all with
 * $CIFRA_EVERY_ALLOCATION set. $CIFRA_FAIL_AT=N: only the Nth, with the call stack of the failing call. */
void for_each_failing_allocation(const char *name, FailingWork work, void *context);
/* From here on, allocations of libraries with this in their names are not failed. */
void failing_spares(const char *library);
/* Within `work`: whether allocations may fail from here on, for what only looks at what the work has done. Returns what it
 * was. */
bool failing_allowed(bool allowed);

/* FNV-1a, to be chained: *result = checksum(*result, bytes, size). */
uint64_t checksum(uint64_t before, const void *bytes, size_t size);
/* Of a file that was just written; 0: it cannot be read. */
uint64_t file_checksum(uint64_t before, const char *path);
