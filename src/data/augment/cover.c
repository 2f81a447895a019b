/* What covers a part of an image: cutout. */
#include "data/augment/operation.h"

#include <math.h>

static void fill_box(Picture *picture, const int box[4], int channel, float value) {
    for (int y = box[0]; y < box[2]; y++)
        for (int x = box[1]; x < box[3]; x++)
            picture->x[(y * picture->width + x) * picture->channels + channel] = value;
}

static float mean_of(const Picture *picture, int channel) {
    const int pixels = picture->height * picture->width;
    double sum = 0;
    for (int i = 0; i < pixels; i++) sum += (double)picture->x[i * picture->channels + channel];
    return (float)(sum / pixels);
}

/* The square's middle is any pixel, so that a part of it may lie outside. */
static void cutout_apply(const OperationValues *values, Drawing *drawing, Picture *picture) {
    const int side = (int)values->low[0], H = picture->height, W = picture->width;
    const int top = drawing_below(drawing, H) - side / 2, left = drawing_below(drawing, W) - side / 2;
    const int box[4] = {top > 0 ? top : 0, left > 0 ? left : 0, top + side < H ? top + side : H,
                        left + side < W ? left + side : W};
    for (int c = 0; c < picture->channels; c++) fill_box(picture, box, c, values->setting ? 0 : mean_of(picture, c));
}

const Operation cover_operations[] = {
    {"cutout",
     "fills a square of so many pixels a side with each channel's mean over the image, or 0 (DeVries, Taylor 2017)",
     {{.what = "pixels", .low = 1, .high = 1024, .usual = NAN, .is_whole = true}},
     {"mean", "zero"},
     .apply = cutout_apply},
    {0}};
