/* The colours of figures. */
#ifndef DRAW_THEME_H
#define DRAW_THEME_H

/* sRGB, each 0 to 1. */
typedef struct Colour {
    double red, green, blue;
} Colour;

typedef struct Theme {
    Colour background;
    Colour text, muted; /* what is read first; what explains it */
    Colour empty;       /* where there is nothing to show */
} Theme;

extern const Theme theme_light, theme_dark;

#endif
