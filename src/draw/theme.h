/* The colours of figures. */
#pragma once

/* sRGB, each 0 to 1. */
typedef struct Colour {
    double red, green, blue;
} Colour;

enum { CLASS_COLOURS = 10, SEQUENCE_COLOURS = 5 };

typedef struct Theme {
    Colour background;
    Colour text, muted; /* what is read first; what explains it */
    Colour empty;       /* where there is nothing to show */
    Colour grid, axis;  /* lines to read values by; the line that values stand on */
    Colour faint;       /* bars that only surround those that matter; unlike any class' colour */
    Colour heat[2];     /* of a heat map's lowest and highest cells */
    /* Of lines by a value, from what matters most to what matters least: their lightness goes one way, towards the ground,
     * so that grey and every kind of colour blindness keep their order. */
    Colour sequence[SEQUENCE_COLOURS];
    /* Of classes, the same class in the same colour over all figures; of series, in order. Ten colours that stay apart
     * under the three kinds of colour blindness and in grey: M. A. Petroff, "Accessible Color Sequences for Data
     * Visualization", arXiv:2107.02270, 2021. Those of the dark theme are lighter; a test keeps all apart. */
    Colour classes[CLASS_COLOURS];
} Theme;

/* Light and dark for screens; for paper, black on white with lines that a printer does not lose. */
extern const Theme theme_light, theme_dark, theme_print;
/* "light", "dark", "print", NULL; and the themes in that order. */
extern const char *const theme_words[];
enum { THEMES = 3 };
extern const Theme *const themes[THEMES];

/* Of class or series `index`; begins again after the tenth. */
Colour theme_class(const Theme *theme, int index);
/* Of share 0 (what matters most) to 1, to the nearest of SEQUENCE_STEPS steps; beyond them as at them. */
enum { SEQUENCE_STEPS = 32 };
Colour theme_sequence(const Theme *theme, double share);
/* From `a` (share 0) to `b` (share 1). */
Colour colour_between(Colour a, Colour b, double share);
/* "#3f90da", in the buffer. */
enum { COLOUR_HEX = 8 };
const char *colour_hex(Colour colour, char text[COLOUR_HEX]);
/* Relative luminance, 0 black to 1 white (WCAG 2). */
double colour_luminance(Colour colour);
