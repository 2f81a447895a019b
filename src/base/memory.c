#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#endif
#ifdef WATCHED
#include <sanitizer/asan_interface.h>
#endif

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

/* What lies between the bytes that were asked for and the next multiple of the alignment: AddressSanitizer takes it for ours. */
static void forbid_padding(unsigned char *from, size_t size) {
#ifdef WATCHED
    ASAN_POISON_MEMORY_REGION(from, size);
#else
    (void)from, (void)size;
#endif
}

/* Arrays of several huge pages ask for them before they are touched: zeroing them takes a fourth of the time or less, and a step,
 * which walks through a network's arrays, meets fewer addresses to look up. Where the system grants none, they have small ones. */
static void *take_memory(size_t bytes) {
    const size_t left = bytes % HUGE_PAGE, whole = bytes - left;
    if (whole < 2 * (size_t)HUGE_PAGE || bytes > SIZE_MAX - HUGE_PAGE) return aligned_alloc(ALIGNMENT, bytes);
    void *memory = aligned_alloc(HUGE_PAGE, left ? whole + HUGE_PAGE : whole);
    if (memory) madvise(memory, whole, MADV_HUGEPAGE);
    return memory;
}

cf_status memory_new(size_t count, size_t size, void *out) {
    size_t bytes, padded;
    FAIL_IF(!size_multiply(count, size, &bytes) || __builtin_add_overflow(bytes, 2 * ALIGNMENT - 1, &padded),
            CF_NO_MEMORY, "out of memory: %zu items of %zu bytes are more than can be addressed", count, size);
    padded -= padded % ALIGNMENT;
    void *memory = take_memory(padded);
    FAIL_IF(!memory, CF_NO_MEMORY, "out of memory: %.1f MB were asked for", (double)bytes / 1e6);
    memset(memory, 0, padded);
    forbid_padding((unsigned char *)memory + bytes, padded - bytes);
    memcpy(out, &memory, sizeof memory);
    return CF_OK;
}

cf_status memory_copy(const void *values, size_t count, size_t size, void *out) {
    void *made = NULL;
    FORWARD(memory_new(count, size, &made));
    if (count) memcpy(made, values, count * size);
    memcpy(out, &made, sizeof made);
    return CF_OK;
}

cf_status memory_grow(void *array, size_t count, size_t size) {
    unsigned char *items;
    memcpy(&items, array, sizeof items);
    if ((count & (count - 1)) == 0) { /* 0, too */
        size_t bytes;
        FAIL_IF(!size_multiply(count ? 2 * count : 1, size, &bytes), CF_NO_MEMORY,
                "out of memory: %zu items of %zu bytes are more than can be addressed", count, size);
        items = realloc(items, bytes);
        FAIL_IF(!items, CF_NO_MEMORY, "out of memory: a list of %zu items of %zu bytes cannot grow", count, size);
        memcpy(array, &items, sizeof items);
    }
    memset(items + count * size, 0, size);
    return CF_OK;
}

cf_status memory_reserve(size_t bytes) {
    void *probe = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    FAIL_IF(probe == MAP_FAILED, CF_NO_MEMORY,
            "out of memory: less than %.0f MB are left to this process, which libraries may need at once (a limit by "
            "ulimit -v?)",
            (double)bytes / 1e6);
    munmap(probe, bytes);
    return CF_OK;
}

cf_status memory_print(char **out, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    FAIL_IF(!text, CF_NO_MEMORY, "out of memory while making a text");
    *out = text;
    return CF_OK;
}

cf_status memory_copy_string(const char *text, char **out) {
    return memory_print(out, "%s", text);
}

cf_status blocks_take(Blocks *blocks, size_t count, size_t size, void *out) {
    FORWARD(memory_grow(&blocks->all, blocks->count, sizeof *blocks->all));
    FORWARD(memory_new(count, size, out));
    memcpy(&blocks->all[blocks->count++], out, sizeof(void *));
    return CF_OK;
}

void blocks_free(Blocks *blocks) {
    for (size_t i = 0; i < blocks->count; i++) free(blocks->all[i]);
    free(blocks->all);
    *blocks = (Blocks){0};
}

/* Any object pointer has the representation of void * here, but not its type: copied, not cast. */
void *memory_take(void *pointer) {
    void *held, *const none = NULL;
    memcpy(&held, pointer, sizeof held);
    memcpy(pointer, &none, sizeof none);
    return held;
}

void memory_free(void *pointer) {
    free(memory_take(pointer));
}
