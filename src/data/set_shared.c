/* One set for several processes of a machine: pixels, labels and names in one block of memory without a name in any folder, which ends
 * with the last process that has it. Another process of the same user finds it as /proc/PID/fd/FILE. Both are the same build: the
 * block begins with a struct. */
#include "data/image_set.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The set's own struct, in which pointers mean nothing. Behind it: pixels, labels, and zero-terminated the set's name, its source and its classes' names. */
typedef struct Block {
    char magic[16];
    size_t bytes, names; /* of all, of the names */
    cf_set set;
} Block;

static const char magic[16] = "cifra: a set";

static size_t put_name(char *to, const char *name) {
    const size_t bytes = strlen(name) + 1;
    if (to) memcpy(to, name, bytes);
    return bytes;
}

/* `to` NULL: counts their bytes. */
static size_t put_names(const cf_set *set, char *to) {
    size_t at = put_name(to, set->name);
    at += put_name(to ? to + at : NULL, set->source);
    for (int k = 0; k < set->classes; k++) at += put_name(to ? to + at : NULL, set->class_names[k]);
    return at;
}

static size_t labels_at(const cf_set *set) {
    return (sizeof(Block) + set->count * set_image_size(set) + 63) / 64 * 64;
}

static size_t names_at(const cf_set *set) {
    return labels_at(set) + set->count * sizeof *set->labels;
}

static void fill_block(const cf_set *set, const Block *head, char *to) {
    memcpy(to, head, sizeof *head);
    memcpy(to + sizeof *head, set->pixels, set->count * set_image_size(set));
    memcpy(to + labels_at(set), set->labels, set->count * sizeof *set->labels);
    put_names(set, to + names_at(set));
}

cf_status set_share(cf_set *set, int *file) {
    if (!set->shared) {
        Block head = {.names = put_names(set, NULL), .set = *set};
        memcpy(head.magic, magic, sizeof magic);
        head.bytes = names_at(set) + head.names;
        const int made = memfd_create("cifra set", MFD_CLOEXEC);
        /* Asked for whole, so that too little memory is an error here and not a signal later. */
        void *block = made < 0 || posix_fallocate(made, 0, (off_t)head.bytes)
                          ? MAP_FAILED
                          : mmap(NULL, head.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, made, 0);
        if (block == MAP_FAILED) {
            if (made >= 0) close(made);
            return FAIL(CF_NO_MEMORY, "%.1f MB that processes share were not to be had", (double)head.bytes / 1e6);
        }
        fill_block(set, &head, block);
        free(set->pixels);
        set->pixels = (unsigned char *)block + sizeof head;
        set->shared = block;
        set->shared_bytes = head.bytes;
        set->shared_file = made;
    }
    *file = set->shared_file;
    return CF_OK;
}

/* Takes over the block, also on failure. */
static cf_status make_set(const Block *block, cf_set **set) {
    const cf_set *shared = &block->set;
    char *const bytes = (char *)(uintptr_t)block;
    const char *name = bytes + names_at(shared), *source = name + strlen(name) + 1, *next = source + strlen(source) + 1;
    AUTO(cf_set_free_at) cf_set *made = NULL;
    const cf_status status =
        set_new_around(name, source, shared->count, shared->channels, shared->height, shared->width, shared->classes,
                       (unsigned char *)bytes + sizeof *block, &made);
    if (status) munmap(bytes, block->bytes);
    FORWARD(status);
    made->shared = bytes;
    made->shared_bytes = block->bytes;
    made->shared_file = -1;
    made->official_train = shared->official_train;
    made->official_validation = shared->official_validation;
    memcpy(made->labels, bytes + labels_at(shared), shared->count * sizeof *made->labels);
    memcpy(made->sha256, shared->sha256, sizeof made->sha256);
    for (int k = 0; k < shared->classes; k++, next += strlen(next) + 1)
        FORWARD(memory_copy_string(next, &made->class_names[k]));
    *set = memory_take(&made);
    return CF_OK;
}

static bool is_block(const Block *block, size_t bytes, const char *sha256) {
    if (bytes < sizeof *block || memcmp(block->magic, magic, sizeof magic) != 0 || block->bytes != bytes) return false;
    return strcmp(block->set.sha256, sha256) == 0 && names_at(&block->set) + block->names == bytes;
}

cf_status set_take_shared(long process, int file, const char *sha256, cf_set **set) {
    char path[64];
    struct stat about;
    *set = NULL;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", process, file);
    const int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* whatever has that number on another machine */
    if (opened < 0) return CF_OK;
    const bool regular = !fstat(opened, &about) && S_ISREG(about.st_mode) && about.st_size > 0;
    void *block = regular ? mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, opened, 0) : MAP_FAILED;
    close(opened);
    if (block == MAP_FAILED) return CF_OK;
    const size_t bytes = (size_t)about.st_size;
    if (is_block(block, bytes, sha256)) return make_set(block, set);
    munmap(block, bytes);
    return CF_OK;
}

void set_free_shared(cf_set *set) {
    munmap(set->shared, set->shared_bytes);
    if (set->shared_file >= 0) close(set->shared_file);
}
