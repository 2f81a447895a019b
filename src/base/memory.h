/* Sizes that cannot overflow, and allocation that reports instead of crashing. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/status.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* *product = a * b; false if it does not fit. */
static inline bool size_multiply(size_t a, size_t b, size_t *product) {
    return !__builtin_mul_overflow(a, b, product);
}

/* A zeroed array of count x size bytes, 64-byte aligned, in *out; release with free(). count 0 gives a valid pointer. */
cf_status memory_new(size_t count, size_t size, void *out);

/* Fails unless so many bytes could be had now; takes none. For calls of libraries that do not survive a failed allocation of
 * theirs (oneDNN's code generator, Cairo's fonts): with a limit on memory, too little is told before them. */
cf_status memory_reserve(size_t bytes);
/* What such a library may take at once. */
enum { MEMORY_OF_LIBRARIES = 48 << 20 };

/* printf into a new string in *out; release with free(). */
cf_status memory_print(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));

cf_status memory_copy_string(const char *text, char **out);

#endif
