#include "base/json_memory.h"

#include <jansson.h>

static json_malloc_t allocate;
static json_free_t release;
static _Thread_local bool failed;

static void *allocate_watched(size_t size) {
    void *block = allocate(size);
    if (!block) failed = true;
    return block;
}

__attribute__((constructor)) static void watch(void) {
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(allocate_watched, release);
}

/* Before the code is unloaded. A program that has set an allocator of its own since keeps it. */
__attribute__((destructor)) static void unwatch(void) {
    json_malloc_t now;
    json_get_alloc_funcs(&now, NULL);
    if (now == allocate_watched) json_set_alloc_funcs(allocate, release);
}

void json_memory_begin(void) {
    failed = false;
}

bool json_memory_failed(void) {
    bool since = failed;
    failed = false;
    return since;
}
