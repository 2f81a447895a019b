/* Files as torch.save writes them, put together by hand: for the tests of their reader, its fuzz target and its corpus.
 *
 * A pickle is a literal of opcodes: PTH_DICT, then names and tensors in turn, then PTH_END. Numbers are one byte, as texts of C. */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PTH_DICT "\x80\x02}("
#define PTH_END  "u."
/* A text of one letter, of six. */
#define PTH_NAME1(name) "X\1\0\0\0" name
#define PTH_NAME6(name) "X\6\0\0\0" name
#define PTH_STORAGE(type, key, count)                                                                                  \
    "(X\7\0\0\0storagectorch\n" type "Storage\n" PTH_NAME1(key) "X\3\0\0\0cpuK" count "tQ"
/* Shape and strides as what makes tuples: "(K\2K\3t", or ")". */
#define PTH_VIEW(storage, offset, shape, strides)                                                                      \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage "K" offset shape strides "\x89"                                     \
    "ccollections\nOrderedDict\n)RtR"

typedef struct PthEntry {
    const char *name;
    const void *bytes;
    size_t size;
} PthEntry;

static inline unsigned char *pth_number(unsigned char *at, size_t number, int bytes) {
    for (int i = 0; i < bytes; i++, number >>= 8) *at++ = (unsigned char)number;
    return at;
}

/* What both headers of an entry have, from its flags to the length of its extra field. */
static inline unsigned char *pth_header(unsigned char *at, const PthEntry *e, size_t mark, int fixed) {
    memset(at, 0, (size_t)fixed);
    unsigned char *middle = pth_number(at, mark, 4) + (fixed == 46 ? 12 : 10);
    middle = pth_number(middle, crc32(0, e->bytes, (unsigned)e->size), 4);
    middle = pth_number(pth_number(middle, e->size, 4), e->size, 4);
    pth_number(middle, strlen(e->name), 2);
    memcpy(at + fixed, e->name, strlen(e->name));
    return at + (size_t)fixed + strlen(e->name);
}

/* A zip archive of stored entries, at most 8; its size. `out` has room for the entries and 256 bytes for each. */
static inline size_t pth_zip(const PthEntry *entries, size_t count, unsigned char *out) {
    size_t places[8];
    unsigned char *at = out;
    if (count > 8) abort();
    for (size_t i = 0; i < count; i++) {
        places[i] = (size_t)(at - out);
        at = pth_header(at, &entries[i], 0x04034b50, 30);
        if (entries[i].size) memcpy(at, entries[i].bytes, entries[i].size);
        at += entries[i].size;
    }
    const size_t directory = (size_t)(at - out);
    for (size_t i = 0; i < count; i++) {
        unsigned char *entry = at;
        at = pth_header(at, &entries[i], 0x02014b50, 46);
        pth_number(entry + 42, places[i], 4);
    }
    const size_t size = (size_t)(at - out) - directory;
    memset(at, 0, 22);
    pth_number(pth_number(at, 0x06054b50, 4) + 4, count, 2);
    pth_number(at + 10, count, 2);
    pth_number(pth_number(at + 12, size, 4), directory, 4);
    return (size_t)(at - out) + 22;
}

/* Storages 0 (16 floats, 1 to 16) and 1 (12 halves, 1 to 12) under a pickle; `out` as above. */
static inline size_t pth_make(const void *pickle, size_t size, unsigned char *out) {
    static const unsigned short halves[] = {0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600,
                                            0x4700, 0x4800, 0x4880, 0x4900, 0x4980, 0x4a00};
    float floats[16];
    for (int i = 0; i < 16; i++) floats[i] = (float)(i + 1);
    const PthEntry entries[] = {{"x/data.pkl", pickle, size},
                                {"x/byteorder", "little", 6},
                                {"x/data/0", floats, sizeof floats},
                                {"x/data/1", halves, sizeof halves}};
    return pth_zip(entries, 4, out);
}
