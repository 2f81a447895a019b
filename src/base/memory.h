/* Sizes that cannot overflow, and allocation that reports instead of crashing. */
#pragma once

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

/* The same with `values` in it. */
cf_status memory_copy(const void *values, size_t count, size_t size, void *out);

/* printf into a new string in *out; release with free(). */
cf_status memory_print(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));

cf_status memory_copy_string(const char *text, char **out);

/* Room for one more item, zeroed, behind `count` items of `size` bytes in *array (NULL where there is none yet), which only this makes
 * larger: at every power of two it doubles. */
cf_status memory_grow(void *array, size_t count, size_t size);

/* Arrays that are given up together. {0}: none. */
typedef struct Blocks {
    void **all;
    size_t count;
} Blocks;
/* As memory_new; lives until blocks_free. */
cf_status blocks_take(Blocks *blocks, size_t count, size_t size, void *out);
void blocks_free(Blocks *blocks);

/* ---- Owned by a scope ----
 *
 * A local variable that owns something says so, and gives it up wherever its scope is left: with FORWARD, by return or at the
 * closing brace, so that no path can forget it and none needs a label.
 *
 *     AUTO_FREE char *path = NULL;
 *     AUTO(evaluation_free) Evaluation evaluation = {0};
 *     FORWARD(file_join(folder, "metrics.json", &path));
 *     FORWARD(evaluate(model, part, &options, &evaluation));
 *     *out = memory_take(&path);   // the caller's from here on
 *
 * It has a value from its declaration on, which its release takes for nothing (NULL, {0}). A function with such variables has no goto.
 * (GNU C, as systemd's _cleanup_ and GLib's g_auto are; jansson's json_auto_t is the same for JSON.) */
#define AUTO(release) __attribute__((cleanup(release), unused)) /* owning is use enough */
#define AUTO_FREE     AUTO(memory_free)

/* free() of the pointer at `pointer`. */
void memory_free(void *pointer);
/* The pointer at `pointer`, which is NULL then: for handing it on. */
void *memory_take(void *pointer);

/* For a handle, where `release` takes it itself: AUTO_HANDLE(Run, run_free) in a header makes AUTO(run_free_at) Run *run = NULL; */
#define AUTO_HANDLE(type, release)                                                                                     \
    static inline void release##_at(type **handle) {                                                                   \
        release(*handle);                                                                                              \
    }
