/* What covers a part of an image, cutout, and several images as one: neighbours, mixup, cutmix. */
#include "data/augment/operation.h"

#include <math.h>

/* ---- Boxes ---- */

typedef struct Box {
    int top, left, bottom, right; /* the last two are outside */
} Box;

/* Its middle is any pixel, so that a part of it may lie outside, which is cut off. */
static Box drawn_box(Drawing *drawing, int tall, int wide) {
    const int H = drawing->height, W = drawing->width;
    const int top = drawing_below(drawing, H) - tall / 2, left = drawing_below(drawing, W) - wide / 2;
    return (Box){top > 0 ? top : 0, left > 0 ? left : 0, top + tall < H ? top + tall : H,
                 left + wide < W ? left + wide : W};
}

static float mean_of(const Picture *picture, int channel) {
    const int pixels = picture->height * picture->width;
    double sum = 0;
    for (int i = 0; i < pixels; i++) sum += (double)picture->x[i * picture->channels + channel];
    return (float)(sum / pixels);
}

static void cutout_apply(const OperationValues *values, Drawing *drawing, Picture *picture) {
    const int side = (int)values->low[0];
    const Box box = drawn_box(drawing, side, side);
    for (int c = 0; c < picture->channels; c++) {
        const float value = values->setting ? 0 : mean_of(picture, c);
        for (int y = box.top; y < box.bottom; y++)
            for (int x = box.left; x < box.right; x++)
                picture->x[(y * picture->width + x) * picture->channels + c] = value;
    }
}

const Operation cover_operations[] = {
    {"cutout",
     "fills a square of so many pixels a side with each channel's mean over the image, or 0 (DeVries, Taylor 2017)",
     {WHOLE("pixels", 1, 1024, NAN)},
     {"mean", "zero"},
     .apply = cutout_apply},
    {0}};

/* ---- With other images of the batch ---- */

static AugmentMix mixup(const OperationValues *values, Drawing *drawing) {
    return (AugmentMix){.share = (float)drawing_beta(drawing, values->low[0])};
}

/* The box has the second image's share of the area; what lies outside is the first image's again. */
static AugmentMix cutmix(const OperationValues *values, Drawing *drawing) {
    const int H = drawing->height, W = drawing->width;
    const double side = sqrt(1 - drawing_beta(drawing, values->low[0]));
    const Box box = drawn_box(drawing, (int)(H * side), (int)(W * side));
    const double area = (double)(box.bottom - box.top) * (box.right - box.left);
    if (area <= 0) return (AugmentMix){.share = 1};
    return (AugmentMix){(float)(1 - area / ((double)H * W)), box.top, box.left, box.bottom, box.right};
}

/* How far apart the middles are, and on which sides. */
static AugmentBeside neighbours(const OperationValues *values, Drawing *drawing) {
    AugmentBeside beside = {{0}};
    const double both = drawing_uniform(drawing);
    for (int side = 0; side < 2; side++) {
        const double by = drawing->width * drawing_between(drawing, values->low[0], values->high[0]);
        if (both < 1.0 / 3 || (both < 2.0 / 3) == (side == 0)) beside.by[side] = (int)round(side == 0 ? -by : by);
    }
    return beside;
}

const Operation mix_operations[] = {
    {"neighbours",
     "puts other images of its batch beside the subject, left, right or on both sides, so many widths away and cut by the frame; "
     "all on plain ground, and before all other operations",
     {RANGE("widths", 0, 1, NAN, FROM_ZERO)},
     .beside = neighbours},
    {"mixup",
     "blends the image with another one of its batch, with a share from Beta(alpha, alpha) (Zhang et al. 2018)",
     {NUMBER("alpha", 0.01, 100, 1)},
     .mix = mixup},
    {"cutmix",
     "puts a box of another image of its batch in, with an area from Beta(alpha, alpha) (Yun et al. 2019)",
     {NUMBER("alpha", 0.01, 100, 1)},
     .mix = cutmix},
    {0}};
