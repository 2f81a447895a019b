#include "draw/theme.h"

#define GREY(level)                                                                                                    \
    { (level), (level), (level) }

const Theme theme_light = {.background = GREY(1),
                           .text = {0.10, 0.11, 0.14},
                           .muted = {0.42, 0.44, 0.49},
                           .line = {0.80, 0.81, 0.84},
                           .empty = {0.94, 0.945, 0.955}};

const Theme theme_dark = {.background = {0.085, 0.09, 0.11},
                          .text = {0.92, 0.93, 0.95},
                          .muted = {0.60, 0.62, 0.67},
                          .line = {0.28, 0.29, 0.33},
                          .empty = {0.14, 0.145, 0.17}};
