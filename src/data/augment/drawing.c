#include "data/augment/drawing.h"

#include <math.h>

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
