/* Writes a small data set for the scripts that test the program: ten classes of a bright bar in ten directions, with noise.
 * Usage: make_set DIR TRAIN TEST      IDX files as MNIST has them (12 x 12), and pictures/CLASS/N.png of some test images;
 *                                  ink/CLASS-N.png: these in black on a transparent ground.
 *        make_set many DIR CLASSES EACH    pictures of so many classes, DIR/c0000/N.png: 8 x 8 RGB, each class a pattern with noise. */
#include "base/files.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 12, CLASSES = 10, PICTURES = 3 };

static void draw(uint32_t index, int label, unsigned char pixels[SIDE * SIDE]) {
    RngStream stream = rng_stream(7, RNG_SPLIT, index, 99);
    double angle = 3.14159 * label / CLASSES + 0.2 * ((double)rng_uniform(&stream, 0) - 0.5);
    double dx = cos(angle), dy = sin(angle);
    double shift = 3 * ((double)rng_uniform(&stream, 1) - 0.5);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double distance = fabs((x - 5.5) * dy - (y - 5.5) * dx + shift);
            double noise = 120 * (double)rng_uniform(&stream, 8 + (uint64_t)(y * SIDE + x));
            double value = 255 * exp(-distance * distance / 2) + noise;
            pixels[y * SIDE + x] = (unsigned char)(value > 255 ? 255 : value);
        }
}

static void put_big_endian(FILE *out, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) fputc((int)(value >> shift & 255), out);
}

static void write_part(const char *folder, const char *part, uint32_t first, uint32_t count) {
    char path[512];
    unsigned char pixels[SIDE * SIDE];
    snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", folder, part);
    FILE *images = fopen(path, "wb");
    snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", folder, part);
    FILE *labels = fopen(path, "wb");
    if (!images || !labels) abort();
    put_big_endian(images, 0x803), put_big_endian(images, count), put_big_endian(images, SIDE),
        put_big_endian(images, SIDE);
    put_big_endian(labels, 0x801), put_big_endian(labels, count);
    for (uint32_t i = first; i < first + count; i++) {
        int label = (int)((i * 7 + i / CLASSES) % CLASSES);
        draw(i, label, pixels);
        fwrite(pixels, 1, sizeof pixels, images);
        fputc(label, labels);
    }
    if (fclose(images) || fclose(labels)) abort();
}

/* As opaque as the picture is bright. */
static void write_ink(const char *path, const unsigned char pixels[SIDE * SIDE]) {
    png_image png = {.version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = PNG_FORMAT_GA};
    unsigned char ink[SIDE * SIDE * 2] = {0};
    for (int i = 0; i < SIDE * SIDE; i++) ink[2 * i + 1] = pixels[i];
    if (!png_image_write_to_file(&png, path, 0, ink, 0, NULL)) abort();
}

static void write_pictures(const char *folder, uint32_t first) {
    unsigned char pixels[SIDE * SIDE];
    for (int label = 0; label < CLASSES; label++)
        for (uint32_t n = 0; n < PICTURES; n++) {
            char path[512];
            png_image png = {.version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = PNG_FORMAT_GRAY};
            snprintf(path, sizeof path, "%s/pictures/%d", folder, label);
            if (file_make_folder(path)) abort();
            snprintf(path, sizeof path, "%s/pictures/%d/%u.png", folder, label, n);
            draw(first + n, label, pixels);
            if (!png_image_write_to_file(&png, path, 0, pixels, 0, NULL)) abort();
            snprintf(path, sizeof path, "%s/ink", folder);
            if (file_make_folder(path)) abort();
            snprintf(path, sizeof path, "%s/ink/%d-%u.png", folder, label, n);
            write_ink(path, pixels);
        }
}

static void write_many(const char *folder, uint32_t classes, uint32_t each) {
    enum { MANY_SIDE = 8, BYTES = 3 * MANY_SIDE * MANY_SIDE };
    for (uint32_t label = 0; label < classes; label++) {
        const RngStream pattern = rng_stream(9, RNG_SPLIT, label, 1);
        char path[512];
        snprintf(path, sizeof path, "%s/c%04u", folder, label);
        if (file_make_folder(path)) abort();
        for (uint32_t n = 0; n < each; n++) {
            const RngStream noise = rng_stream(9, RNG_SPLIT, label, n + 2);
            png_image png = {
                .version = PNG_IMAGE_VERSION, .width = MANY_SIDE, .height = MANY_SIDE, .format = PNG_FORMAT_RGB};
            unsigned char pixels[BYTES];
            for (uint64_t i = 0; i < BYTES; i++)
                pixels[i] = (unsigned char)(200 * rng_uniform(&pattern, i) + 55 * rng_uniform(&noise, i));
            snprintf(path, sizeof path, "%s/c%04u/%u.png", folder, label, n);
            if (!png_image_write_to_file(&png, path, 0, pixels, 0, NULL)) abort();
        }
    }
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "many") == 0) {
        if (file_make_folder(argv[2])) return 2;
        write_many(argv[2], (uint32_t)atoi(argv[3]), (uint32_t)atoi(argv[4]));
        return 0;
    }
    if (argc != 4 || file_make_folder(argv[1])) return 2;
    uint32_t train = (uint32_t)atoi(argv[2]), test = (uint32_t)atoi(argv[3]);
    write_part(argv[1], "train", 0, train);
    write_part(argv[1], "t10k", train, test);
    write_pictures(argv[1], train + test);
    return 0;
}
