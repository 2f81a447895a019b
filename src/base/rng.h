/* Random numbers as a function of their place, never of a thread or of what was drawn before.
 *
 * A stream is named by (seed, purpose, major, minor): for instance the shuffle of epoch 3 is (seed, RNG_SHUFFLE, 3, 0), the
 * dropout of layer 7 in step 900 is (seed, RNG_DROPOUT, 900, 7). Within it, block i is Philox4x32-10 of counter i
 * (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), so any thread can draw any item.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The cipher itself, Philox4x32-10: replaces a counter by its four random words. */
void rng_philox(uint32_t counter[4], const uint32_t key[2]);

/* The values are part of every stored result: add, never renumber. */
typedef enum RngPurpose {
    RNG_SPLIT = 1,
    RNG_WEIGHTS = 2,
    RNG_SHUFFLE = 3,
    RNG_DROPOUT = 4,
    RNG_LIMIT = 5,
    RNG_IMAGE = 6, /* generated images, and what their writers keep */
    RNG_WRITER = 7,
    RNG_NEIGHBORS = 8,   /* trees and candidates of the approximate search */
    RNG_EMBED_INIT = 9,  /* first coordinates of an embedding */
    RNG_LAYOUT = 10,     /* points that an embedding pushes away from */
    RNG_TRIAL = 11,      /* which configurations a tune tries */
    RNG_QUALITY = 12,    /* samples that an embedding is judged on */
    RNG_COMPONENTS = 13, /* the first guess of principal components */
    RNG_BOOTSTRAP = 14,  /* images drawn anew, for intervals */
    RNG_SAMPLE = 15,     /* images of a set that stand for all of it */
    RNG_AUGMENT = 16,    /* what is done to a training image */
    RNG_PARTNER = 17,    /* the image that another is mixed with */
    RNG_CHOICE = 24,     /* images of a class that an epoch takes: (epoch, class) */
    RNG_SMOTE_BASE = 25, /* those that synthetic ones begin at: (0, class) */
    RNG_SMOTE = 26       /* which neighbour, and its share: (epoch, class) */
} RngPurpose;

typedef struct RngStream {
    uint32_t key[2];
    uint32_t high[2]; /* the upper half of the counter: (major, minor) folded in */
} RngStream;

RngStream rng_stream(uint64_t seed, RngPurpose purpose, uint64_t major, uint32_t minor);
/* The four words of block `item`. */
void rng_block(const RngStream *stream, uint64_t item, uint32_t words[4]);
/* Uniform in [0, 1), 24 bits. */
float rng_uniform(const RngStream *stream, uint64_t item);
/* Standard normal, by Box and Muller's transform. */
double rng_normal(const RngStream *stream, uint64_t item);
/* Shuffles `items` in place (Fisher and Yates); every order is equally likely up to the stream's 2^64 bias. */
void rng_shuffle(const RngStream *stream, uint32_t *items, size_t count);
