/* Operations on a pixel and its neighbours, and noise. Blur, noise and JPEG loss are those of the camera that generated sets are
 * taken by (data/generate).
 */
#include "data/augment/operation.h"
#include "data/generate/camera.h"

#include <math.h>
#include <string.h>

static Photo photo_of(const Picture *picture) {
    return (Photo){picture->channels, picture->height, picture->width, picture->x};
}

/* ---- The camera's ---- */

static void noise(const OperationValues *values, Drawing *drawing, Picture *picture) {
    Photo photo = photo_of(picture);
    Draws draws = {.stream = drawing->stream, .next = (drawing->next + 3) / 4}; /* whole blocks from here on */
    camera_add_noise(values->low[0], &draws, &photo);
    drawing->next = 4 * draws.next;
}

static void blur(double sigma, Picture *picture) {
    Photo photo = photo_of(picture);
    blur_photo(sigma, sigma, &photo, picture->other);
}

static void jpeg(double quality, Picture *picture) {
    Photo photo = photo_of(picture);
    /* How libjpeg scales the standard's tables of steps, which are those of quality 50. */
    const double scale = quality < 50 ? 50 / quality : 2 - quality / 50;
    /* At 100 there is no scale left, but values are still rounded: any small one gives the smallest steps. */
    jpeg_loss(scale > 1e-3 ? scale : 1e-3, 0, 0, &photo);
}

/* ---- Random convolution ---- */

static int within(int i, int count) {
    return i < 0 ? 0 : i < count ? i : count - 1;
}

/* to += weight * from, moved by dx and dy; beyond its edges `from` goes on as its outermost pixels. */
static void add_moved(const float *from, float weight, int dy, int dx, int height, int width, float *to) {
    const int first = within(-dx, width + 1), last = within(width - dx, width + 1);
    for (int y = 0; y < height; y++, to += width) {
        const float *row = from + within(y + dy, height) * width;
        for (int x = 0; x < first; x++) to[x] += weight * row[0];
        for (int x = first; x < last; x++) to[x] += weight * row[x + dx];
        for (int x = last; x < width; x++) to[x] += weight * row[width - 1];
    }
}

/* `from` and `to` lie channel by channel. */
static void convolve_at_random(Drawing *drawing, int channels, int height, int width, const float *from, float *to) {
    const int pixels = height * width, radius = drawing_below(drawing, 4), side = 2 * radius + 1;
    const double deviation = 1 / sqrt(side * side * channels);
    for (int o = 0; o < channels; o++)
        for (int c = 0; c < channels; c++)
            for (int dy = -radius; dy <= radius; dy++)
                for (int dx = -radius; dx <= radius; dx++)
                    add_moved(from + c * pixels, (float)(deviation * drawing_normal(drawing)), dy, dx, height, width,
                              to + o * pixels);
}

/* Values count from middle grey: the paper's networks see images of mean 0. Its edges are filled up with zeros, which would lay a
 * grey frame around images on black. */
static void randconv(const OperationValues *values, Drawing *drawing, Picture *picture) {
    const int channels = picture->channels, pixels = picture->height * picture->width, size = channels * pixels;
    const float share = (float)drawing_between(drawing, values->low[0], values->high[0]);
    float *from = picture->other, *to = picture->other + size;
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < pixels; i++) from[c * pixels + i] = picture->x[i * channels + c] - 0.5f;
    memset(to, 0, (size_t)size * sizeof *to);
    convolve_at_random(drawing, channels, picture->height, picture->width, from, to);
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < pixels; i++) {
            float *x = picture->x + i * channels + c;
            *x += share * (to[c * pixels + i] + 0.5f - *x);
        }
}

/* ---- The rows ---- */

const Operation filter_operations[] = {
    {"noise",
     "adds Gaussian noise of this deviation, always the same, to every value by itself; 1 is from black to white",
     {NUMBER("deviation", 0, 1, NAN)},
     .apply = noise},
    {"blur",
     "Gaussian blur; its deviation is drawn anew for each image",
     {RANGE("pixels", 0, MAX_BLUR, NAN, FROM_ZERO)},
     .change = blur},
    {"jpeg",
     "the loss of a JPEG file of a quality from A:B, 100 the best; colours are not subsampled",
     {RANGE("quality", 1, 100, NAN, FROM_ZERO)},
     .change = jpeg},
    {"randconv",
     "mixes in, by a share drawn from A:B, a convolution of random weights and size, 1, 3, 5 or 7 (Xu et al. 2021)",
     {RANGE("share", 0, 1, 1, FROM_ZERO)},
     .apply = randconv},
    {0},
};
