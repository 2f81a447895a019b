#include "fuzz.h"

#include "base/files.h"
#include "base/memory.h"
#include "data/packing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

volatile double fuzz_seen;

_Noreturn void fuzz_broken(const char *promise, const char *file, int line) {
    fprintf(stderr, "%s:%d: broken promise: %s (last message: %s)\n", file, line, promise, cf_error());
    abort();
}

void fuzz_settled(cf_status status) {
    if (!status) return;
    PROMISE(status != CF_INTERNAL);
    PROMISE(*cf_error());
    status_clear();
}

typedef struct Slot {
    int descriptor;
    char path[32];
} Slot;

static Slot *open_slot(int number) {
    static Slot slots[FUZZ_SLOTS];
    Slot *slot = &slots[number];
    if (!slot->path[0]) {
        slot->descriptor = memfd_create("fuzz", 0);
        PROMISE(slot->descriptor >= 0);
        snprintf(slot->path, sizeof slot->path, "/proc/self/fd/%d", slot->descriptor);
    }
    PROMISE(ftruncate(slot->descriptor, 0) == 0);
    return slot;
}

const char *fuzz_file(int number, const void *data, size_t size) {
    const Slot *slot = open_slot(number);
    for (size_t done = 0; done < size;) {
        const ssize_t wrote = pwrite(slot->descriptor, (const char *)data + done, size - done, (off_t)done);
        PROMISE(wrote > 0);
        done += (size_t)wrote;
    }
    return slot->path;
}

const char *fuzz_gzip_file(int number, const void *data, size_t size) {
    const Slot *slot = open_slot(number);
    size_t written;
    Packing *packing;
    FILE *stream = fopen(slot->path, "wb");
    PROMISE(stream && packing_new(stream, PACKING_GZIP, &packing) == CF_OK);
    PROMISE(packing_add(packing, data, size) == CF_OK && packing_finish(packing, &written) == CF_OK);
    packing_free(packing);
    PROMISE(fclose(stream) == 0);
    return slot->path;
}

static char folder[] = "/dev/shm/cifra-fuzz-XXXXXX";

static void remove_folder(void) {
    file_remove_tree(folder);
}

const char *fuzz_folder(void) {
    static bool made;
    if (made) return folder;
    if (!mkdtemp(folder)) {
        memcpy(folder, "/var/tmp", 8); /* as long, where there is no memory filesystem */
        PROMISE(mkdtemp(folder));
    }
    made = true;
    atexit(remove_folder);
    return folder;
}

void fuzz_put(const char *name, const void *data, size_t size) {
    char *path;
    PROMISE(file_join(fuzz_folder(), name, &path) == CF_OK);
    FILE *file = fopen(path, "wb");
    PROMISE(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    free(path);
}

char *fuzz_text(const uint8_t *data, size_t size) {
    char *text;
    PROMISE(memory_print(&text, "%.*s", (int)size, size ? (const char *)data : "") == CF_OK);
    return text;
}

const char *fuzz_safetensors(const uint8_t *data, size_t size) {
    if (!size || data[0] != '{') return fuzz_file(0, data, size);
    const uint8_t *end = memchr(data, 0, size);
    const size_t header = end ? (size_t)(end - data) : size, rest = end ? size - header - 1 : 0;
    unsigned char *file;
    PROMISE(memory_new(8 + header + rest, 1, &file) == CF_OK);
    for (int i = 0; i < 8; i++) file[i] = (unsigned char)(header >> 8 * i);
    memcpy(file + 8, data, header);
    if (rest) memcpy(file + 8 + header, end + 1, rest);
    const char *path = fuzz_file(0, file, 8 + header + rest);
    free(file);
    return path;
}
