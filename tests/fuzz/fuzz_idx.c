/* IDX images and labels. Byte 0: bit 0 packs the images by gzip, bit 1 the labels; bytes 1 and 2: how many of the rest are the
 * images, little-endian; what is behind them are the labels. */
#include "fuzz.h"

#include "data/readers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cf_set *set;
    if (size < 3) return 0;
    size_t images = (size_t)data[1] | (size_t)data[2] << 8;
    if (images > size - 3) images = size - 3;
    const uint8_t *labels = data + 3 + images;
    const char *image_path = (data[0] & 1 ? fuzz_gzip_file : fuzz_file)(0, data + 3, images);
    const char *label_path = (data[0] & 2 ? fuzz_gzip_file : fuzz_file)(1, labels, size - 3 - images);
    const cf_status status = idx_read(image_path, label_path, &set);
    fuzz_settled(status);
    if (status) return 0;
    PROMISE(set->count > 0 && set->classes <= MAX_CLASSES && (set->channels == 1 || set->channels == 3));
    for (size_t i = 0; i < set->count; i++) PROMISE(set->labels[i] < set->classes);
    PROMISE(set_seal(set) == CF_OK); /* touches every pixel */
    cf_set_free(set);
    return 0;
}
