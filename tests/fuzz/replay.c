/* Feeds files to a fuzz target without a fuzzer: every file as it stands, then MUTATIONS changed copies of it. The changes
 * depend on the file's bytes and the copy's number only, so that a failure comes back.
 *
 * Usage: replay_NAME FILE_OR_FOLDER...      replay_NAME --only K FILE feeds the one changed copy K, as a failure names it. */
#include "fuzz.h"

#include "base/files.h"
#include "base/memory.h"
#include "base/rng.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MUTATIONS
#define MUTATIONS 1000
#endif
enum { LARGEST = 1 << 20, MOST_CHANGES = 4, GROWTH = 64 };

/* For the handler: where we are. */
static char place[600];

static void tell_place(int number) {
    const ssize_t told = write(STDERR_FILENO, place, strlen(place));
    (void)told;
    signal(number, SIG_DFL);
    raise(number);
}

static void feed(const char *path, int copy, const unsigned char *bytes, size_t size) {
    /* A block of exactly this size: tools that watch memory see a read beyond the end. */
    unsigned char *exact = malloc(size + !size);
    if (!exact) abort();
    if (size) memcpy(exact, bytes, size);
    snprintf(place, sizeof place, "\nreplay: crashed at --only %d %.500s\n", copy, path);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

/* ---- Changes ---- */

typedef struct Chances {
    RngStream stream;
    uint64_t next;
} Chances;

static size_t below(Chances *chances, size_t bound) {
    return bound ? (size_t)((double)rng_uniform(&chances->stream, chances->next++) * (double)bound) % bound : 0;
}

static void change_number(Chances *chances, unsigned char *bytes, size_t size) {
    static const uint32_t numbers[] = {0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x01000000};
    uint32_t number = numbers[below(chances, COUNT_OF(numbers))];
    if (size < sizeof number) return;
    memcpy(bytes + below(chances, size - sizeof number + 1), &number, sizeof number);
}

/* Bytes from elsewhere in the file, put in; the room behind `size` is GROWTH at least. */
static size_t insert(Chances *chances, unsigned char *bytes, size_t size) {
    const size_t count = 1 + below(chances, GROWTH / MOST_CHANGES), at = below(chances, size + 1);
    unsigned char piece[GROWTH];
    for (size_t i = 0, from = below(chances, size); i < count; i++)
        piece[i] = from + i < size ? bytes[from + i] : (unsigned char)below(chances, 256);
    memmove(bytes + at + count, bytes + at, size - at);
    memcpy(bytes + at, piece, count);
    return size + count;
}

static size_t take_out(Chances *chances, unsigned char *bytes, size_t size) {
    const size_t at = below(chances, size), count = below(chances, size - at + 1);
    memmove(bytes + at, bytes + at + count, size - at - count);
    return size - count;
}

static size_t change(Chances *chances, unsigned char *bytes, size_t size) {
    if (!size) return insert(chances, bytes, size);
    switch (below(chances, 6)) {
    case 0:
        return below(chances, size); /* cut */
    case 1:
        return insert(chances, bytes, size);
    case 2:
        return take_out(chances, bytes, size);
    case 3:
        change_number(chances, bytes, size);
        return size;
    case 4:
        bytes[below(chances, size)] = (unsigned char)below(chances, 256);
        return size;
    default:
        bytes[below(chances, size)] ^= (unsigned char)(1u << below(chances, 8));
        return size;
    }
}

static size_t mutate(int copy, unsigned char *bytes, size_t size) {
    uint64_t sum = 14695981039346656037u; /* of the bytes: FNV-1a */
    for (size_t i = 0; i < size; i++) sum = (sum ^ bytes[i]) * 1099511628211u;
    Chances chances = {rng_stream(sum, RNG_SPLIT, (uint64_t)copy, 0), 0};
    for (size_t changes = 1 + below(&chances, MOST_CHANGES); changes; changes--) size = change(&chances, bytes, size);
    return size;
}

/* ---- Files ---- */

static bool replay_file(const char *path, int only) {
    unsigned char *bytes, *copy;
    size_t size;
    if (file_read(path, LARGEST, &bytes, &size) || memory_new(size + GROWTH * MOST_CHANGES, 1, &copy)) {
        fprintf(stderr, "replay: %s\n", cf_error());
        return false;
    }
    if (only <= 0) feed(path, 0, bytes, size);
    for (int k = only > 0 ? only : 1; only < 0 ? k <= MUTATIONS : k == only; k++) {
        memcpy(copy, bytes, size);
        feed(path, k, copy, mutate(k, copy, size));
    }
    free(copy);
    free(bytes);
    return true;
}

/* The number of files, or -1. */
static int replay(const char *path) {
    struct dirent **names;
    int files = 0;
    if (!file_is_folder(path)) return replay_file(path, -1) ? 1 : -1;
    const int count = scandir(path, &names, NULL, alphasort);
    if (count < 0) return -1;
    for (int i = 0; i < count; i++) {
        char *name;
        if (names[i]->d_name[0] != '.' && files >= 0) {
            if (file_join(path, names[i]->d_name, &name)) abort();
            files = replay_file(name, -1) ? files + 1 : -1;
            free(name);
        }
        free(names[i]);
    }
    free(names);
    return files;
}

int main(int argc, char **argv) {
    int files = 0;
    const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < COUNT_OF(deadly); i++) signal(deadly[i], tell_place);
    if (argc == 4 && strcmp(argv[1], "--only") == 0) return !replay_file(argv[3], atoi(argv[2]));
    for (int i = 1; i < argc; i++) {
        if (!file_exists(argv[i])) continue; /* a target without found inputs has no such folder */
        const int fed = replay(argv[i]);
        if (fed < 0) return 1;
        files += fed;
    }
    if (!files) fprintf(stderr, "replay: no files in what was named\n");
    printf("%d files, %d inputs\n", files, files * (MUTATIONS + 1));
    return files == 0;
}
