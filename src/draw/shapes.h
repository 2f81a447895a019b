/* What is drawn, in points, and how. */
#pragma once

#include <stdbool.h>

/* A part of a page. */
typedef struct Box {
    double x, y, width, height;
} Box;

typedef struct Point {
    double x, y;
} Point;

typedef struct LineStyle {
    double width; /* points */
    double dash;  /* length of dashes and of the gaps between them; 0: solid */
    double alpha; /* 1: opaque */
} LineStyle;

typedef enum TextAlign { TEXT_LEFT, TEXT_CENTRE, TEXT_RIGHT } TextAlign;
typedef struct TextStyle {
    double size; /* points */
    bool bold;
    TextAlign align; /* where in the text x is */
} TextStyle;
