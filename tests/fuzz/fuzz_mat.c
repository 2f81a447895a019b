/* A MATLAB file as it stands; or, where the first byte is 'U', what a file's two compressed elements inflate to: bytes 1 and 2
 * are the first one's length, little-endian, and both follow. They are packed here, as their checksums would hide them. */
#include "fuzz.h"

#include "base/memory.h"
#include "data/set_files.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { HEADER = 128, TAG = 8, COMPRESSED = 15 };

static size_t add_element(const uint8_t *bytes, size_t size, unsigned char *out) {
    uLongf packed = compressBound(size);
    PROMISE(compress(out + TAG, &packed, bytes, size) == Z_OK);
    memcpy(out, (const uint32_t[]){COMPRESSED, (uint32_t)packed}, TAG);
    return TAG + packed;
}

static const char *packed_file(const uint8_t *data, size_t size) {
    size_t first = (size_t)data[1] | (size_t)data[2] << 8, length = HEADER;
    unsigned char *file;
    if (first > size - 3) first = size - 3;
    PROMISE(memory_new(HEADER + 2 * TAG + 2 * compressBound(size), 1, &file) == CF_OK);
    memcpy(file, "MATLAB 5.0 MAT-file", 19);
    memcpy(file + 124, "\0\1IM", 4);
    length += add_element(data + 3, first, file + length);
    length += add_element(data + 3 + first, size - 3 - first, file + length);
    const char *path = fuzz_file(0, file, length);
    free(file);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cf_set *set;
    const bool pack = size >= 3 && data[0] == 'U';
    const cf_status status = mat_read(pack ? packed_file(data, size) : fuzz_file(0, data, size), &set);
    fuzz_settled(status);
    if (status) return 0;
    PROMISE(set->count > 0 && set->classes == 10 && (set->channels == 1 || set->channels == 3));
    for (size_t i = 0; i < set->count; i++) PROMISE(set->labels[i] < set->classes);
    PROMISE(set_seal(set) == CF_OK);
    cf_set_free(set);
    return 0;
}
