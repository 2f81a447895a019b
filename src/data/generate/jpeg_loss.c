#include "data/generate/camera.h"

enum { BLOCK = 8 };

/* ITU-T T.81 (1992), tables K.1 and K.2: quantisation steps for brightness and colour. */
static const float steps_of[2][BLOCK][BLOCK] = {{{16, 11, 10, 16, 24, 40, 51, 61},
                                                 {12, 12, 14, 19, 26, 58, 60, 55},
                                                 {14, 13, 16, 24, 40, 57, 69, 56},
                                                 {14, 17, 22, 29, 51, 87, 80, 62},
                                                 {18, 22, 37, 56, 68, 109, 103, 77},
                                                 {24, 35, 55, 64, 81, 104, 113, 92},
                                                 {49, 64, 78, 87, 103, 121, 120, 101},
                                                 {72, 92, 95, 98, 112, 100, 103, 99}},
                                                {{17, 18, 24, 47, 99, 99, 99, 99},
                                                 {18, 21, 26, 66, 99, 99, 99, 99},
                                                 {24, 26, 56, 99, 99, 99, 99, 99},
                                                 {47, 66, 99, 99, 99, 99, 99, 99},
                                                 {99, 99, 99, 99, 99, 99, 99, 99},
                                                 {99, 99, 99, 99, 99, 99, 99, 99},
                                                 {99, 99, 99, 99, 99, 99, 99, 99},
                                                 {99, 99, 99, 99, 99, 99, 99, 99}}};

/* The orthonormal cosine transform: row u is sqrt(2 / 8) cos((2 x + 1) u pi / 16), row 0 over sqrt(2). */
#define A 0.35355339059327379f
#define B 0.49039264020161522f
#define C 0.46193976625564337f
#define D 0.41573480615127262f
#define E 0.27778511650980114f
#define F 0.19134171618254492f
#define G 0.097545161008064124f
static const float cosines[BLOCK][BLOCK] = {{A, A, A, A, A, A, A, A},     {B, D, E, G, -G, -E, -D, -B},
                                            {C, F, -F, -C, -C, -F, F, C}, {D, -G, -B, -E, E, B, G, -D},
                                            {A, -A, -A, A, A, -A, -A, A}, {E, -B, G, D, -D, -G, B, -E},
                                            {F, -C, C, -F, -F, C, -C, F}, {G, -E, D, -B, B, -D, E, -G}};

typedef float Block[BLOCK][BLOCK];

/* to = matrix * from, or its transpose * from; sums run over rows, so that the inner loop is eight columns at once. */
static void transform_columns(bool back, const Block from, Block to) {
    for (int u = 0; u < BLOCK; u++) {
        float sum[BLOCK] = {0};
        for (int y = 0; y < BLOCK; y++) {
            const float c = back ? cosines[y][u] : cosines[u][y];
            for (int x = 0; x < BLOCK; x++) sum[x] += c * from[y][x];
        }
        for (int x = 0; x < BLOCK; x++) to[u][x] = sum[x];
    }
}

static void transpose(Block block) {
    for (int y = 0; y < BLOCK; y++)
        for (int x = y + 1; x < BLOCK; x++) {
            const float kept = block[y][x];
            block[y][x] = block[x][y];
            block[x][y] = kept;
        }
}

/* Frequencies come out transposed, [x][y]; the way back begins with them so. Conversion to int truncates, and unlike
 * floor is no call on any machine. */
static void quantise(const Block steps, Block values) {
    Block half;
    transform_columns(false, (const float(*)[BLOCK])values, half);
    transpose(half);
    transform_columns(false, (const float(*)[BLOCK])half, values);
    for (int u = 0; u < BLOCK; u++)
        for (int v = 0; v < BLOCK; v++) {
            const float count = values[u][v] / steps[v][u];
            values[u][v] = (float)(int)(count + (count < 0 ? -0.5f : 0.5f)) * steps[v][u];
        }
    transform_columns(true, (const float(*)[BLOCK])values, half);
    transpose(half);
    transform_columns(true, (const float(*)[BLOCK])half, values);
}
#undef A
#undef B
#undef C
#undef D
#undef E
#undef F
#undef G

/* JFIF's colours, 1 is full scale. */
static void to_ycc(float *p) {
    const float r = p[0], g = p[1], b = p[2], y = 0.299f * r + 0.587f * g + 0.114f * b;
    p[0] = y;
    p[1] = (b - y) / 1.772f;
    p[2] = (r - y) / 1.402f;
}

static void to_rgb(float *p) {
    const float y = p[0], r = y + 1.402f * p[2], b = y + 1.772f * p[1];
    p[0] = r;
    p[1] = (y - 0.299f * r - 0.114f * b) / 0.587f;
    p[2] = b;
}

static int within(int i, int count) {
    return i < 0 ? 0 : i < count ? i : count - 1;
}

static void lose_block(int y0, int x0, int channel, const Block steps, Photo *picture) {
    const int channels = picture->channels, height = picture->height, width = picture->width;
    Block block;
    for (int y = 0; y < BLOCK; y++) {
        const float *row = picture->values + within(y0 + y, height) * width * channels + channel;
        for (int x = 0; x < BLOCK; x++) block[y][x] = row[within(x0 + x, width) * channels] - (channel ? 0 : 0.5f);
    }
    quantise(steps, block);
    for (int y = 0; y < BLOCK; y++) {
        if (y0 + y < 0 || y0 + y >= height) continue;
        float *row = picture->values + (y0 + y) * width * channels + channel;
        for (int x = 0; x < BLOCK; x++)
            if (x0 + x >= 0 && x0 + x < width) row[(x0 + x) * channels] = block[y][x] + (channel ? 0 : 0.5f);
    }
}

void jpeg_loss(double scale, int first_x, int first_y, Photo *picture) {
    if (!(scale > 0)) return;
    /* A real file has no steps below 1 of 255. */
    Block steps[2];
    for (int t = 0; t < 2; t++)
        for (int v = 0; v < BLOCK; v++)
            for (int u = 0; u < BLOCK; u++) {
                const float step = steps_of[t][v][u] * (float)scale;
                steps[t][v][u] = (step < 1 ? 1 : step) / 255;
            }
    const int pixels = picture->height * picture->width;
    if (picture->channels == 3)
        for (int i = 0; i < pixels; i++) to_ycc(picture->values + 3 * i);
    for (int channel = 0; channel < picture->channels; channel++)
        for (int y = first_y > 0 ? first_y - BLOCK : 0; y < picture->height; y += BLOCK)
            for (int x = first_x > 0 ? first_x - BLOCK : 0; x < picture->width; x += BLOCK)
                lose_block(y, x, channel, (const float(*)[BLOCK])steps[channel > 0], picture);
    if (picture->channels == 3)
        for (int i = 0; i < pixels; i++) to_rgb(picture->values + 3 * i);
}
