/* What is drawn for one image: its random numbers, and how it is joined with others of its batch. */
#pragma once

#include "base/rng.h"
#include "base/status.h"

/* Names the random numbers of one image. */
typedef struct AugmentKey {
    uint64_t seed;
    uint32_t epoch, image;
    uint32_t copy; /* counts what an epoch has more than once; 0 the first */
} AugmentKey;

/* Two images as one: with share 1 the first alone. */
typedef struct AugmentMix {
    float share; /* of the first image in the target, and, without a box, in each pixel */
    /* This box is taken from the second image (CutMix: Yun et al. 2019); empty: pixels are blended (mixup: Zhang et al. 2018). */
    int top, left, bottom, right;
} AugmentMix;

/* Images beside one: by how many pixels each is moved, to the left (negative) and to the right; 0: none there. */
typedef struct AugmentBeside {
    int by[2];
} AugmentBeside;

/* Random numbers of one image and one place of the line, one after the other. */
typedef struct Drawing {
    RngStream stream;
    uint64_t next;         /* a word of the stream, four a block */
    const AugmentKey *key; /* the image's */
    int height, width;
} Drawing;

double drawing_uniform(Drawing *drawing); /* [0, 1), 32 bits */
/* The first number that the same place drew for this image in the first epoch. */
double drawing_first_epoch(const Drawing *drawing);
/* [low, high); low where they are equal */
double drawing_between(Drawing *drawing, double low, double high);
/* From 0 to count - 1. */
int drawing_below(Drawing *drawing, int count);
double drawing_normal(Drawing *drawing);
/* Beta(alpha, alpha), 0 to 1; alpha > 0. */
double drawing_beta(Drawing *drawing, double alpha);
/* `count` numbers in [-1, 1), 24 bits: faster than one by one. */
void drawing_fill(Drawing *drawing, float *numbers, size_t count);
