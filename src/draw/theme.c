#include "draw/theme.h"

#include <math.h>
#include <stdio.h>

/* Of bytes, as style sheets write them. */
#define RGB(r, g, b)                                                                                                   \
    { (r) / 255.0, (g) / 255.0, (b) / 255.0 }

/* On white, on screens and on paper. */
#define LIGHT_SERIES                                                                                                   \
    .heat = {RGB(0xf5, 0xf7, 0xfa), RGB(0x1f, 0x5f, 0xa8)},                                                            \
    .sequence = {RGB(0x1b, 0x1f, 0x6b), RGB(0x6a, 0x2c, 0x91), RGB(0xb8, 0x46, 0x7e), RGB(0xe5, 0x7f, 0x5b),           \
                 RGB(0xe9, 0xb9, 0x62)},                                                                               \
    .classes = {RGB(0x3f, 0x90, 0xda), RGB(0xff, 0xa9, 0x0e), RGB(0xbd, 0x1f, 0x01), RGB(0x94, 0xa4, 0xa2),            \
                RGB(0x83, 0x2d, 0xb6), RGB(0xa9, 0x6b, 0x59), RGB(0xe7, 0x63, 0x00), RGB(0xb9, 0xac, 0x70),            \
                RGB(0x71, 0x75, 0x81), RGB(0x92, 0xda, 0xdd)}

const Theme theme_light = {
    .background = RGB(0xff, 0xff, 0xff),
    .text = RGB(0x1a, 0x1c, 0x24),
    .muted = RGB(0x6b, 0x70, 0x7d),
    .empty = RGB(0xf0, 0xf1, 0xf4),
    .grid = RGB(0xe6, 0xe7, 0xeb),
    .axis = RGB(0x9a, 0x9e, 0xa8),
    .faint = RGB(0xd0, 0xd3, 0xda),
    LIGHT_SERIES,
};

const Theme theme_print = {
    .background = RGB(0xff, 0xff, 0xff),
    .text = RGB(0x00, 0x00, 0x00),
    .muted = RGB(0x3c, 0x3c, 0x3c),
    .empty = RGB(0xec, 0xec, 0xec),
    .grid = RGB(0xc4, 0xc4, 0xc4),
    .axis = RGB(0x50, 0x50, 0x50),
    .faint = RGB(0xb0, 0xb0, 0xb0),
    LIGHT_SERIES,
};

const Theme theme_dark = {
    .background = RGB(0x16, 0x17, 0x1c),
    .text = RGB(0xeb, 0xed, 0xf2),
    .muted = RGB(0x99, 0x9e, 0xab),
    .empty = RGB(0x24, 0x25, 0x2b),
    .grid = RGB(0x2c, 0x2e, 0x36),
    .axis = RGB(0x66, 0x6b, 0x78),
    .faint = RGB(0x41, 0x44, 0x50),
    .heat = {RGB(0x1f, 0x21, 0x28), RGB(0x6a, 0xb0, 0xf3)},
    .sequence = {RGB(0xfb, 0xe3, 0x8a), RGB(0xf2, 0x9f, 0x63), RGB(0xd2, 0x66, 0x7f), RGB(0x8f, 0x4a, 0x96),
                 RGB(0x4f, 0x45, 0x8c)},
    .classes = {RGB(0x58, 0xa9, 0xf3), RGB(0xff, 0xb6, 0x38), RGB(0xcf, 0x34, 0x16), RGB(0xa3, 0xb3, 0xb1),
                RGB(0x95, 0x40, 0xcc), RGB(0xa4, 0x64, 0x53), RGB(0xee, 0x6f, 0x10), RGB(0xc2, 0xb5, 0x7a),
                RGB(0x6c, 0x70, 0x7c), RGB(0x98, 0xe2, 0xe5)},
};

const char *const theme_words[] = {"light", "dark", "print", NULL};
const Theme *const themes[THEMES] = {&theme_light, &theme_dark, &theme_print};

Colour theme_class(const Theme *theme, int index) {
    return theme->classes[(unsigned)index % CLASS_COLOURS];
}

Colour theme_sequence(const Theme *theme, double share) {
    const double step = rint(SEQUENCE_STEPS * fmin(1, fmax(0, share))) / SEQUENCE_STEPS,
                 place = step * (SEQUENCE_COLOURS - 1);
    const int below = (int)fmin(floor(place), SEQUENCE_COLOURS - 2);
    return colour_between(theme->sequence[below], theme->sequence[below + 1], place - below);
}

Colour colour_between(Colour a, Colour b, double share) {
    return (Colour){a.red + share * (b.red - a.red), a.green + share * (b.green - a.green),
                    a.blue + share * (b.blue - a.blue)};
}

const char *colour_hex(Colour colour, char text[COLOUR_HEX]) {
    snprintf(text, COLOUR_HEX, "#%02x%02x%02x", (unsigned char)lrint(255 * colour.red),
             (unsigned char)lrint(255 * colour.green), (unsigned char)lrint(255 * colour.blue));
    return text;
}

static double linear(double value) {
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

double colour_luminance(Colour colour) {
    return 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue);
}
