#include "data/augment/operation.h"

#include "base/memory.h"

#include <string.h>

/* ---- The table ---- */

static const Operation *const families[] = {geometry_operations, colour_operations, filter_operations,
                                            cover_operations,    backdrop_operations, policy_operations, mix_operations};

const Operation *operation_number(int i) {
    for (size_t f = 0; f < COUNT_OF(families); f++)
        for (const Operation *operation = families[f]; operation->word; operation++)
            if (i-- == 0) return operation;
    return NULL;
}

const Operation *operation_find(const char *word) {
    const Operation *operation;
    for (int i = 0; (operation = operation_number(i)); i++)
        if (strcmp(operation->word, word) == 0) return operation;
    return NULL;
}

/* ---- Pictures ---- */

size_t picture_scratch(int channels, int height, int width) {
    const size_t C = (size_t)channels, H = (size_t)height, W = (size_t)width;
    const size_t images = OPERATION_SCRATCH * C * H * W, with_ring = C * (H + 2) * (W + 2);
    return images > with_ring ? images : with_ring;
}

void picture_clamp(Picture *picture) {
    const size_t count = picture_size(picture);
    for (size_t i = 0; i < count; i++) {
        const float value = picture->x[i] > 0 ? picture->x[i] : 0;
        picture->x[i] = value < 1 ? value : 1;
    }
}

/* ---- Maps ---- */

const double map_identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};

void map_multiply(double a[9], const double b[9]) {
    for (int row = 0; row < 3; row++) {
        const double x = a[3 * row], y = a[3 * row + 1], w = a[3 * row + 2];
        for (int k = 0; k < 3; k++) a[3 * row + k] = x * b[k] + y * b[3 + k] + w * b[6 + k];
    }
}
