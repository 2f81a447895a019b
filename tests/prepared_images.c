/* Prepares images of many sizes as data/prepare.c does, for the script that holds the page's network against it.
 * Prints "prepared CHANNELS TO_CHANNELS SIZE HASH": of all bits of images of SIZE x SIZE + 3 pixels made 1 x 2 to 40 x 41,
 * channel by channel, by FNV-1a in 32 bits. */
#include "base/memory.h"
#include "data/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 40 };

static void succeed(cf_status status) {
    if (!status) return;
    fprintf(stderr, "prepared_images: %s\n", cf_error());
    exit(1);
}

static uint32_t add_image(uint32_t hash, const float *image, const int chw[3]) {
    for (int c = 0; c < chw[0]; c++)
        for (int p = 0; p < chw[1] * chw[2]; p++) {
            uint32_t bits;
            memcpy(&bits, &image[p * chw[0] + c], sizeof bits);
            hash = (hash ^ bits) * 16777619u;
        }
    return hash;
}

static uint32_t hash_of(int channels, int to_channels, int size) {
    const int from[3] = {channels, size, size + 3};
    uint32_t hash = 2166136261u;
    unsigned char pixels[3 * LARGEST * (LARGEST + 3)];
    for (int i = 0; i < 3 * size * (size + 3); i++) pixels[i] = (unsigned char)(i * 37 + i * i % 97 * 11);
    for (int n = 1; n <= LARGEST; n++) {
        const int to[3] = {to_channels, n, n + 1};
        Preparation *p;
        float *memory;
        const size_t count = (size_t)to[0] * (size_t)to[1] * (size_t)to[2];
        succeed(preparation_new(from, to, &p));
        succeed(memory_new(count + preparation_scratch(p), sizeof *memory, &memory));
        preparation_apply(p, pixels, memory + count, memory);
        hash = add_image(hash, memory, to);
        free(memory);
        preparation_free(p);
    }
    return hash;
}

int main(void) {
    static const int ways[][2] = {{1, 1}, {3, 1}, {1, 3}, {3, 3}};
    for (int w = 0; w < 4; w++)
        for (int size = 1; size <= LARGEST; size++)
            printf("prepared %d %d %d %08x\n", ways[w][0], ways[w][1], size, hash_of(ways[w][0], ways[w][1], size));
    return 0;
}
