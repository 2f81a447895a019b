/* What the fuzz targets share. A target is a function of bytes: libFuzzer calls it (cmake -DCIFRA_FUZZ=ON), and so does
 * replay.c, in `make check`, without any fuzzer. It hands the bytes to a reader and holds the result against what the reader
 * promises; a promise that is broken ends the process. */
#pragma once

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process where a promise is broken. */
#define PROMISE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) fuzz_broken(#condition, __FILE__, __LINE__);                                                 \
    } while (0)
_Noreturn void fuzz_broken(const char *promise, const char *file, int line);
/* A reader that refuses its input says why, and not that the fault is its own. */
void fuzz_settled(cf_status status);
/* Values are added to it, so that they are read. */
extern volatile double fuzz_seen;

/* A path that holds these bytes until the next call with the same slot: readers take paths, and no disk is needed. */
enum { FUZZ_SLOTS = 3 };
const char *fuzz_file(int slot, const void *data, size_t size);
/* The same with the bytes packed by gzip. */
const char *fuzz_gzip_file(int slot, const void *data, size_t size);
/* For readers of folders: one that is made at the first call, in memory where there is room, and removed at exit. */
const char *fuzz_folder(void);
/* A file in it. */
void fuzz_put(const char *name, const void *data, size_t size);
/* The bytes as a text in a new string, up to the first zero byte. */
char *fuzz_text(const uint8_t *data, size_t size);
/* A safetensors file. An input that begins with '{' is its header, up to a zero byte, and its data: the length in front is
 * put there, which mutations would hardly ever get right. Any other is the file as it stands. */
const char *fuzz_safetensors(const uint8_t *data, size_t size);
