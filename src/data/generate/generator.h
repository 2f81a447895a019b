/* What a generator of images is: a table of named factors of variation and a function that draws one image.
 *
 * An image is a function of (generator version, set, seed, part, index) and of its factors' ranges, nothing else: no thread,
 * no other image. Each factor is drawn at a place of its own and each stage of drawing has a stream of its own, so that
 * turning one dial leaves everything else of the image as it was.
 */
#pragma once

#include "base/rng.h"
#include "base/status.h"

enum { MAX_FACTORS = 32, DIGITS = 10 };

/* A factor of variation. At 0 it does nothing; an image's value is uniform in [low, high]. A chance is a factor whose value
 * is the probability that something is done. */
typedef struct Factor {
    const char *name, *unit, *help;
    double low, high;       /* the default range */
    double lowest, highest; /* what may be asked for */
    bool keeps;             /* a writer keeps it: his ten digits lie near each other in it */
} Factor;

typedef struct GeneratedImage {
    uint64_t seed, index; /* index: within its part, from 0 */
    int part;             /* 0 training, 1 test */
    int label;
    double factor[MAX_FACTORS]; /* in the order of the generator's table */
} GeneratedImage;

typedef struct Generator {
    const char *name, *about;
    int version; /* goes up when any image changes */
    int channels, height, width;
    size_t train, test;         /* default numbers of images */
    double frequencies[DIGITS]; /* default shares of the digits; all 0: each writer writes each digit once */
    const Factor *factors;
    int factor_count;
    /* Draws one image into [height][width][channels] bytes. */
    void (*draw)(const GeneratedImage *image, unsigned char *pixels);
} Generator;

extern const Generator generator_hand, generator_street;

enum { DIGITS_PER_WRITER = 10 };

/* ---- Random numbers of a stage ---- */

/* A reader that walks along a stream. */
typedef struct Draws {
    RngStream stream;
    uint64_t next;
    uint32_t words[4];
    int left;
} Draws;

/* `stage` is the generator's own number of a step of drawing, below 1000. */
Draws draws_of_image(const GeneratedImage *image, uint32_t stage);
/* The same for all digits of the image's writer. */
Draws draws_of_writer(const GeneratedImage *image, uint32_t stage);
uint32_t draw_word(Draws *draws);
/* Uniform in [0, 1), 24 bits. */
double draw_uniform(Draws *draws);
double draw_between(Draws *draws, double low, double high);
/* Uniform over 0 .. count-1. */
int draw_index(Draws *draws, int count);
bool draw_chance(Draws *draws, double probability);
/* Near enough to standard normal: the sum of four uniforms (Irwin and Hall), so never beyond 3.47. */
double draw_normal(Draws *draws);
