#include "data/augment/operation.h"

#include "base/memory.h"
#include "data/augment/warp.h"

#include <math.h>
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

/* ---- Random numbers ---- */

double drawing_uniform(Drawing *drawing) {
    uint32_t words[4];
    rng_block(&drawing->stream, drawing->next / 4, words);
    return words[drawing->next++ % 4] * 0x1p-32;
}

double drawing_between(Drawing *drawing, double low, double high) {
    return low + (high - low) * drawing_uniform(drawing);
}

int drawing_below(Drawing *drawing, int count) {
    return (int)(drawing_uniform(drawing) * count);
}

/* Makes the next word the first of a block, which is returned. */
static uint64_t next_block(Drawing *drawing) {
    drawing->next = (drawing->next + 3) / 4 * 4;
    return drawing->next / 4;
}

double drawing_normal(Drawing *drawing) {
    const double number = rng_normal(&drawing->stream, next_block(drawing));
    drawing->next += 4;
    return number;
}

void drawing_fill(Drawing *drawing, float *numbers, size_t count) {
    const uint64_t first = next_block(drawing);
    for (size_t i = 0; i < count; i += 4) {
        uint32_t words[4];
        rng_block(&drawing->stream, first + i / 4, words);
        for (size_t k = 0; k < 4 && i + k < count; k++) numbers[i + k] = (float)(words[k] >> 8) * 0x1p-23f - 1;
    }
    drawing->next += (count + 3) / 4 * 4;
}

/* In (0, 1). */
static double inner_uniform(Drawing *drawing) {
    return drawing_uniform(drawing) + 0x1p-33;
}

/* Algorithm BB of Cheng (1978) with equal parameters, alpha > 1, without its shortcuts. */
static double beta_of_large(Drawing *drawing, double alpha) {
    for (;;) {
        const double u = inner_uniform(drawing), v = log(u / (1 - u)) / sqrt(alpha), w = alpha * exp(v);
        const double bound = log(u * u * inner_uniform(drawing)), r = (alpha + sqrt(alpha)) * v - log(4);
        if (r + 2 * alpha * log(2 * alpha / (alpha + w)) >= bound) return w / (alpha + w);
    }
}

/* Johnk (1964), alpha <= 1; in logarithms, as powers of 1 / alpha may be too small for a double. */
static double beta_of_small(Drawing *drawing, double alpha) {
    for (;;) {
        const double x = log(inner_uniform(drawing)) / alpha, y = log(inner_uniform(drawing)) / alpha;
        const double most = fmax(x, y), sum = most + log(exp(x - most) + exp(y - most));
        if (sum <= 0) return exp(x - sum);
    }
}

double drawing_beta(Drawing *drawing, double alpha) {
    return alpha > 1 ? beta_of_large(drawing, alpha) : beta_of_small(drawing, alpha);
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

Pending pending_new(Picture *picture) {
    return (Pending){.picture = picture};
}

void pending_finish(Pending *pending) {
    if (pending->waits) warp_by_map(pending->picture, pending->map, border_of(pending->border));
    *pending = pending_new(pending->picture);
}

double *pending_map(Pending *pending, const Operation *operation, const OperationValues *values) {
    const char *border = operation->settings[values->setting];
    if (border && pending->border && strcmp(border, pending->border) != 0) pending_finish(pending);
    if (!pending->waits) memcpy(pending->map, map_identity, sizeof map_identity);
    if (border) pending->border = border;
    pending->waits = true;
    return pending->map;
}

void pending_operation(Pending *pending, const Operation *operation, const OperationValues *values, Drawing *drawing) {
    const Picture *picture = pending->picture;
    if (operation->map) {
        double *map = pending_map(pending, operation, values);
        operation->map(values, drawing, picture->height, picture->width, map);
    } else if (operation->apply) {
        pending_finish(pending);
        operation->apply(values, drawing, pending->picture);
        picture_clamp(pending->picture);
    }
}
