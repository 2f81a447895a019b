#include "base/slices.h"
#include "data/prepare.h"
#include "data/set_text.h"

#include <stdlib.h>
#include <string.h>

/* a * b / c, rounded to nearest; 1 at least. */
static int scaled(int a, int b, int c) {
    const int64_t rounded = ((int64_t)a * b * 2 + c) / ((int64_t)c * 2);
    return rounded < 1 ? 1 : (int)rounded;
}

/* Whether an image is wider for its height than what it goes into. */
static bool is_wider(const int from_hw[2], const int to_hw[2]) {
    return (int64_t)from_hw[1] * to_hw[0] > (int64_t)to_hw[1] * from_hw[0];
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* The largest size within `room` that has the shape of `of`. */
static void size_within(const int room_hw[2], const int of_hw[2], int size_hw[2]) {
    const bool wide = is_wider(room_hw, of_hw);
    size_hw[0] = wide ? room_hw[0] : smaller(room_hw[0], scaled(of_hw[0], room_hw[1], of_hw[1]));
    size_hw[1] = wide ? smaller(room_hw[1], scaled(of_hw[1], room_hw[0], of_hw[0])) : room_hw[1];
}

void fit_size(Fit fit, const int from_hw[2], const int to_hw[2], int size_hw[2]) {
    size_hw[0] = to_hw[0];
    size_hw[1] = to_hw[1];
    if (fit == FIT_PAD) size_within(to_hw, from_hw, size_hw);
}

/* `rows` rows of `row` bytes, from lines `from_line` bytes apart to lines `to_line` bytes apart. */
static void copy_rows(const unsigned char *from, size_t from_line, unsigned char *to, size_t to_line, int rows,
                      size_t row) {
    for (int h = 0; h < rows; h++) memcpy(to + (size_t)h * to_line, from + (size_t)h * from_line, row);
}

static cf_status crop(const unsigned char *pixels, const int from[3], const int to[3], unsigned char *out) {
    int size[2];
    AUTO_FREE unsigned char *part = NULL;
    size_within(from + 1, to + 1, size);
    const size_t pixel = (size_t)from[0], line = (size_t)from[2] * pixel, row = (size_t)size[1] * pixel;
    const size_t first = (size_t)((from[1] - size[0]) / 2) * line + (size_t)((from[2] - size[1]) / 2) * pixel;
    FORWARD(memory_new((size_t)size[0], row, &part));
    copy_rows(pixels + first, line, part, row, size[0], row);
    return resize_bytes(part, (const int[3]){from[0], size[0], size[1]}, to, out);
}

static cf_status pad(const unsigned char *pixels, const int from[3], const int to[3], unsigned char *out) {
    int size[2];
    AUTO_FREE unsigned char *whole = NULL;
    size_within(to + 1, from + 1, size);
    const size_t pixel = (size_t)to[0], line = (size_t)to[2] * pixel, row = (size_t)size[1] * pixel;
    const size_t first = (size_t)((to[1] - size[0]) / 2) * line + (size_t)((to[2] - size[1]) / 2) * pixel;
    FORWARD(memory_new((size_t)size[0], row, &whole));
    FORWARD(resize_bytes(pixels, from, (const int[3]){to[0], size[0], size[1]}, whole));
    memset(out, 0, (size_t)to[1] * line);
    copy_rows(whole, row, out + first, line, size[0], row);
    return CF_OK;
}

cf_status fit_bytes(Fit fit, const unsigned char *pixels, const int from_chw[3], const int to_chw[3],
                    unsigned char *out) {
    return fit == FIT_CROP  ? crop(pixels, from_chw, to_chw, out)
           : fit == FIT_PAD ? pad(pixels, from_chw, to_chw, out)
                            : resize_bytes(pixels, from_chw, to_chw, out);
}

/* ---- Sets ---- */

typedef struct Resizing {
    const cf_set *set;
    int from[3], to[3];
    Fit fit;
    unsigned char *out;
} Resizing;

static cf_status resize_image(void *context, int64_t index, int thread) {
    const Resizing *r = context;
    const size_t to = (size_t)r->to[0] * (size_t)r->to[1] * (size_t)r->to[2];
    (void)thread;
    return fit_bytes(r->fit, r->set->pixels + (size_t)index * set_image_size(r->set), r->from, r->to,
                     r->out + (size_t)index * to);
}

cf_status set_take_size(cf_set *set, const ReadOptions *options) {
    AUTO_FREE unsigned char *pixels = NULL;
    const int to[3] = {set->channels, options->height, options->width};
    if (!options->height || (options->height == set->height && options->width == set->width)) return CF_OK;
    FORWARD(memory_new(set->count, (size_t)to[0] * (size_t)to[1] * (size_t)to[2], &pixels));
    Resizing r = {set, {set->channels, set->height, set->width}, {to[0], to[1], to[2]}, options->fit, pixels};
    FORWARD(slices_run(slices_threads(0), (int64_t)set->count, resize_image, &r));
    free(set->pixels);
    set->pixels = memory_take(&pixels);
    set->height = options->height;
    set->width = options->width;
    return CF_OK;
}
