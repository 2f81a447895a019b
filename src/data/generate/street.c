#include "data/generate/generator.h"

#include <string.h>

static void draw(const GeneratedImage *image, unsigned char *pixels) {
    memset(pixels, image->label, 3072);
}

const Generator generator_street = {
    .name = "street",
    .about = "32 x 32 RGB, generated house numbers",
    .version = 1,
    .channels = 3,
    .height = 32,
    .width = 32,
    .train = 73257,
    .test = 26032,
    .frequencies = {4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659},
    .draw = draw,
};
