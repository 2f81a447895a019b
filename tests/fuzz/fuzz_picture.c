/* A PNG or JPEG file of a class folder: its size is asked for, then it is decoded and resized, as the folder's reader does. */
#include "fuzz.h"

#include "data/prepare.h"
#include "data/readers.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int small[3] = {3, 4, 5};
    unsigned char out[3 * 4 * 5];
    Picture measured, picture;
    const char *path = fuzz_file(0, data, size);
    const cf_status measuring = picture_measure(path, &measured);
    fuzz_settled(measuring);
    const cf_status status = picture_read(path, &picture);
    fuzz_settled(status);
    PROMISE(!measuring || status);
    if (status) return 0;
    PROMISE(picture.channels == measured.channels && picture.height == measured.height &&
            picture.width == measured.width);
    PROMISE(picture_kind(path) != PICTURE_NONE);
    fuzz_settled(
        resize_bytes(picture.pixels, (const int[3]){picture.channels, picture.height, picture.width}, small, out));
    free(picture.pixels);
    return 0;
}
