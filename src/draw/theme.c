#include "draw/theme.h"

/* Of bytes, as style sheets write them. */
#define RGB(r, g, b)                                                                                                   \
    { (r) / 255.0, (g) / 255.0, (b) / 255.0 }

const Theme theme_light = {
    .background = RGB(0xff, 0xff, 0xff),
    .text = RGB(0x1a, 0x1c, 0x24),
    .muted = RGB(0x6b, 0x70, 0x7d),
    .empty = RGB(0xf0, 0xf1, 0xf4),
};

const Theme theme_dark = {
    .background = RGB(0x16, 0x17, 0x1c),
    .text = RGB(0xeb, 0xed, 0xf2),
    .muted = RGB(0x99, 0x9e, 0xab),
    .empty = RGB(0x24, 0x25, 0x2b),
};
