/* Reads what was drawn: a PNG's pixels, and the bytes of any file. */
#pragma once

#include "base/files.h"
#include "draw/canvas.h"
#include "testing.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

typedef struct Drawn {
    int width, height;
    unsigned char *rgb;
} Drawn;

static inline Drawn read_drawn(const char *path) {
    png_image png = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&png, path));
    png.format = PNG_FORMAT_RGB;
    Drawn drawn = {(int)png.width, (int)png.height, malloc(PNG_IMAGE_SIZE(png))};
    assert_non_null(drawn.rgb);
    assert_true(png_image_finish_read(&png, NULL, drawn.rgb, 0, NULL));
    return drawn;
}

static inline uint32_t pixel_at(const Drawn *drawn, int x, int y) {
    assert_true(x >= 0 && x < drawn->width && y >= 0 && y < drawn->height);
    const unsigned char *p = drawn->rgb + 3 * ((size_t)y * (size_t)drawn->width + (size_t)x);
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

/* A file as a string. */
static inline char *text_of(const char *path, size_t *size) {
    unsigned char *bytes;
    size_t length;
    assert_ok(file_read(path, 1 << 26, &bytes, &length));
    if (size) *size = length;
    return (char *)bytes;
}

static inline void expect_same_file(const char *one, const char *other) {
    size_t a, b;
    char *first = text_of(one, &a), *second = text_of(other, &b);
    assert_int_equal(a, b);
    assert_memory_equal(first, second, a);
    free(first);
    free(second);
}
