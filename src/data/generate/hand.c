#include "data/generate/generator.h"

#include <string.h>

static void draw(const GeneratedImage *image, unsigned char *pixels) {
    memset(pixels, image->label, 784);
}

const Generator generator_hand = {
    .name = "hand",
    .about = "28 x 28 grey, generated handwriting",
    .version = 1,
    .channels = 1,
    .height = 28,
    .width = 28,
    .train = 60000,
    .test = 10000,
    .draw = draw,
};
