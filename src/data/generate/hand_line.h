/* One digit as a writer draws it: the line of the pen, before it is put on paper. */
#ifndef DATA_GENERATE_HAND_LINE_H
#define DATA_GENERATE_HAND_LINE_H

#include "data/generate/generator.h"

enum { HAND_SAMPLES = 8, HAND_LINE = 20 * HAND_SAMPLES };

typedef struct LinePoint {
    double x, y;  /* heights of the form, y downwards */
    double along; /* length of the pen's way up to here */
    bool begins;  /* a stroke begins */
} LinePoint;

/* How far a line may leave its form; all 0: the plainest form as it stands in the table. */
typedef struct LineStyle {
    double forms; /* chance that the digit is written in one of all its forms, by their shares, and not in the first */
    double shape; /* standard deviation of the points that make the form, heights */
    double reach; /* how much too long or too short a stroke may be at either end, heights */
    double joins; /* how far corners are rounded, 0 to 1 */
} LineStyle;

/* Fills `line` (room for HAND_LINE points) and returns how many. A writer keeps form and shape, an image departs a little from
 * them. Uses the stages 0 to 9. */
int hand_line(const GeneratedImage *image, const LineStyle *style, LinePoint *line);

#endif
