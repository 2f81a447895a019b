/* Several images as one: neighbours, mixup, cutmix. */
#include "data/augment/operation.h"

#include <math.h>

static AugmentMix mixup(const OperationValues *values, Drawing *drawing, int height, int width) {
    (void)height, (void)width;
    return (AugmentMix){.share = (float)drawing_beta(drawing, values->low[0])};
}

/* The box has the second image's share of the area, around any pixel; what lies outside is the first image's again. */
static AugmentMix cutmix(const OperationValues *values, Drawing *drawing, int height, int width) {
    const double side = sqrt(1 - drawing_beta(drawing, values->low[0]));
    const int tall = (int)(height * side), wide = (int)(width * side);
    const int top = drawing_below(drawing, height) - tall / 2, left = drawing_below(drawing, width) - wide / 2;
    AugmentMix mix = {1, top > 0 ? top : 0, left > 0 ? left : 0, top + tall < height ? top + tall : height,
                      left + wide < width ? left + wide : width};
    const double area = (double)(mix.bottom - mix.top) * (mix.right - mix.left);
    if (area <= 0) return (AugmentMix){.share = 1};
    mix.share = (float)(1 - area / ((double)height * width));
    return mix;
}

/* How far apart the middles are, and on which sides. */
static AugmentBeside neighbours(const OperationValues *values, Drawing *drawing, int width) {
    AugmentBeside beside = {{0}};
    const double both = drawing_uniform(drawing);
    for (int side = 0; side < 2; side++) {
        const double by = width * drawing_between(drawing, values->low[0], values->high[0]);
        if (both < 1.0 / 3 || (both < 2.0 / 3) == (side == 0)) beside.by[side] = (int)round(side == 0 ? -by : by);
    }
    return beside;
}

#define ALPHA                                                                                                          \
    {                                                                                                                  \
        { .what = "alpha", .low = 0.01, .high = 100, .usual = 1 }                                                      \
    }
const Operation mix_operations[] = {
    {"neighbours",
     "puts other images of its batch beside the subject, left, right or on both sides, so many widths away and cut by the frame; "
     "all on plain ground, and before all other operations",
     {{.what = "widths", .low = 0, .high = 1, .usual = NAN, .is_range = true, .alone = FROM_ZERO}},
     .beside = neighbours},
    {"mixup",
     "blends the image with another one of its batch, with a share from Beta(alpha, alpha) (Zhang et al. 2018)", ALPHA,
     .mix = mixup},
    {"cutmix", "puts a box of another image of its batch in, with an area from Beta(alpha, alpha) (Yun et al. 2019)",
     ALPHA, .mix = cutmix},
    {0}};
