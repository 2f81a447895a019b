/* IDX images and labels. Byte 0: bit 0 packs the images by gzip, bit 1 the labels; bytes 1 and 2: how many of the rest are the
 * images, little-endian; what is behind them are the labels. Both are read twice, the second time with the numbers of images and
 * labels put right, each by its own size, which mutations hardly ever do: then they can differ from each other. */
#include "fuzz.h"

#include "data/set_files.h"

#include <stdlib.h>
#include <string.h>

/* The elements of one image or label, by the header; 0: there is none. */
static size_t element_size(const uint8_t *file, size_t size) {
    size_t each = 1;
    for (size_t d = 1; size >= 4 && d < file[3] && each < size && 8 + 4 * d <= size; d++) {
        const uint8_t *b = file + 4 + 4 * d;
        each *= (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    }
    return each;
}

/* Returns the size that belongs to the number put in. */
static size_t mend_count(uint8_t *file, size_t size) {
    const size_t each = element_size(file, size), header = size < 4 ? 0 : 4 + 4 * (size_t)file[3];
    if (!each || header < 8 || size < header || (size - header) / each == 0) return size;
    const size_t count = (size - header) / each;
    for (size_t i = 0; i < 4; i++) file[4 + i] = (uint8_t)(count >> (24 - 8 * i));
    return header + count * each;
}

static void read_pair(const uint8_t *images, size_t image_size, const uint8_t *labels, size_t label_size, int packed) {
    cf_set *set;
    const char *image_path = (packed & 1 ? fuzz_gzip_file : fuzz_file)(0, images, image_size);
    const char *label_path = (packed & 2 ? fuzz_gzip_file : fuzz_file)(1, labels, label_size);
    const cf_status status = idx_read(image_path, label_path, &set);
    fuzz_settled(status);
    if (status) return;
    PROMISE(set->count > 0 && set->classes <= MAX_CLASSES && (set->channels == 1 || set->channels == 3));
    for (size_t i = 0; i < set->count; i++) PROMISE(set->labels[i] < set->classes);
    PROMISE(set_seal(set) == CF_OK); /* touches every pixel */
    cf_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    size_t images = (size_t)data[1] | (size_t)data[2] << 8;
    if (images > size - 3) images = size - 3;
    read_pair(data + 3, images, data + 3 + images, size - 3 - images, data[0]);
    uint8_t *mended = malloc(size);
    PROMISE(mended);
    memcpy(mended, data, size);
    uint8_t *labels = mended + 3 + images;
    read_pair(mended + 3, mend_count(mended + 3, images), labels, mend_count(labels, size - 3 - images), data[0]);
    free(mended);
    return 0;
}
