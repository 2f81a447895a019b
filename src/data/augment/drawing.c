#include "data/augment/operation.h"

#include "data/generate/portable.h"

/* `next` counts words of the stream, four to a block. */

static uint32_t next_word(Drawing *drawing) {
    uint32_t words[4];
    rng_block(&drawing->stream, drawing->next / 4, words);
    return words[drawing->next++ % 4];
}

double drawing_uniform(Drawing *drawing) {
    return (double)next_word(drawing) * 0x1p-32;
}

double drawing_between(Drawing *drawing, double low, double high) {
    return low + (high - low) * drawing_uniform(drawing);
}

int drawing_below(Drawing *drawing, int count) {
    return (int)((uint64_t)next_word(drawing) * (uint64_t)count >> 32);
}

/* Box and Muller's transform in portable arithmetic, so that what a network is trained on is the same on any machine. */
double drawing_normal(Drawing *drawing) {
    const double u = ((double)next_word(drawing) + 0.5) * 0x1p-32, turns = drawing_uniform(drawing);
    return sqrt(-2.0 * 0.6931471805599453 * portable_log2(u)) * portable_cos(turns);
}
