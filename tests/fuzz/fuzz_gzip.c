/* The file of the images as it stands, packed or not, with labels for SEED_IMAGES images. */
#include "fuzz.h"

#include "data/set_files.h"

#include <zlib.h>

enum { SEED_IMAGES = 12 };

/* What zlib alone unpacks. */
static size_t unpacked_size(const char *path) {
    unsigned char bytes[4096];
    size_t size = 0;
    int got;
    gzFile file = gzopen(path, "rb");
    PROMISE(file);
    while ((got = gzread(file, bytes, sizeof bytes)) > 0) size += (size_t)got;
    PROMISE(got == 0 && gzclose_r(file) == Z_OK);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t labels[8 + SEED_IMAGES] = {0, 0, 8, 1, 0, 0, 0, SEED_IMAGES, 1, 2, 3};
    cf_set *set;
    const char *path = fuzz_file(0, data, size);
    const cf_status status = idx_read(path, fuzz_file(1, labels, sizeof labels), &set);
    fuzz_settled(status);
    if (status) return 0;
    PROMISE(set->count == SEED_IMAGES && set_seal(set) == CF_OK);
    /* Nothing but the header beside the pixels: 3 or 4 dimensions. */
    const size_t header = unpacked_size(path) - set->count * set_image_size(set);
    PROMISE(header == 16 || header == 20);
    cf_set_free(set);
    return 0;
}
