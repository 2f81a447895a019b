#include "data/generate/generator.h"

static uint64_t writer_of(const GeneratedImage *image) {
    return image->index / DIGITS_PER_WRITER;
}

/* Parts are kept apart by the lowest bit, so that an image does not depend on how many there are. */
Draws draws_of_image(const GeneratedImage *image, uint32_t stage) {
    return (Draws){.stream = rng_stream(image->seed, RNG_IMAGE, image->index << 1 | (uint64_t)image->part, stage)};
}

Draws draws_of_writer(const GeneratedImage *image, uint32_t stage) {
    return (Draws){.stream = rng_stream(image->seed, RNG_WRITER, writer_of(image) << 1 | (uint64_t)image->part, stage)};
}

uint32_t draw_word(Draws *draws) {
    if (draws->left == 0) {
        rng_block(&draws->stream, draws->next++, draws->words);
        draws->left = 4;
    }
    return draws->words[4 - draws->left--];
}

double draw_uniform(Draws *draws) {
    return (double)(draw_word(draws) >> 8) * 0x1p-24;
}

double draw_between(Draws *draws, double low, double high) {
    return low + (high - low) * draw_uniform(draws);
}

int draw_index(Draws *draws, int count) {
    return (int)((uint64_t)draw_word(draws) * (uint64_t)count >> 32);
}

bool draw_chance(Draws *draws, double probability) {
    return draw_uniform(draws) < probability;
}

double draw_normal(Draws *draws) {
    double sum = draw_uniform(draws);
    for (int i = 0; i < 3; i++) sum += draw_uniform(draws);
    return (sum - 2) * 1.7320508075688772;
}
