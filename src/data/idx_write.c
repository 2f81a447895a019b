/* Writes IDX files; idx.c has the format. */
#include "base/memory.h"
#include "data/packing.h"
#include "data/writers.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_DIMS = 4, ELEMENT_BYTE = 0x08, ELEMENT_SHORT = 0x0b };

static size_t make_header(int element, const uint32_t *sizes, int dims, unsigned char header[4 + 4 * MOST_DIMS]) {
    memcpy(header, (const unsigned char[]){0, 0, (unsigned char)element, (unsigned char)dims}, 4);
    for (int d = 0; d < dims; d++)
        for (int k = 0; k < 4; k++) header[4 + 4 * d + k] = (unsigned char)(sizes[d] >> (24 - 8 * k));
    return 4 + 4 * (size_t)dims;
}

static cf_status write_elements(const char *path, int element, const uint32_t *sizes, int dims,
                                const unsigned char *bytes, size_t size) {
    unsigned char header[4 + 4 * MOST_DIMS];
    size_t length = strlen(path), written;
    bool packed = length > 3 && strcmp(path + length - 3, ".gz") == 0;
    FileDraft draft;
    Packing *packing = NULL;
    cf_status status;
    FORWARD(file_draft(path, &draft));
    FORWARD_TO(failed, packing_new(draft.stream, packed ? PACKING_GZIP : PACKING_NONE, &packing));
    FORWARD_TO(failed, packing_add(packing, header, make_header(element, sizes, dims, header)));
    FORWARD_TO(failed, packing_add(packing, bytes, size));
    FORWARD_TO(failed, packing_finish(packing, &written));
    packing_free(packing);
    return file_commit(&draft);
failed:
    packing_free(packing);
    file_abandon(&draft);
    return status;
}

cf_status idx_write(const cf_set *set, const uint16_t *values, size_t first, size_t count, const char *images_path,
                    const char *labels_path) {
    const uint32_t sizes[MOST_DIMS] = {(uint32_t)count, (uint32_t)set->height, (uint32_t)set->width,
                                       (uint32_t)set->channels};
    const size_t image = set_image_size(set), size = idx_label_size(set);
    unsigned char *labels;
    FORWARD(write_elements(images_path, ELEMENT_BYTE, sizes, set->channels == 1 ? 3 : 4, set->pixels + first * image,
                           count * image));
    FORWARD(memory_new(count, size, &labels));
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < size; b++)
            labels[size * i + b] = (unsigned char)(values[set->labels[first + i]] >> 8 * (size - 1 - b));
    cf_status status =
        write_elements(labels_path, size == 1 ? ELEMENT_BYTE : ELEMENT_SHORT, sizes, 1, labels, count * size);
    free(labels);
    return status;
}
