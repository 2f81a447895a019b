/* An operation of an augmentation line: one row. A family is one file: geometry.c, colour.c, filter.c, backdrop.c, mix.c.
 *
 * To add one: its row in its family's file. The parser, errors, help and tables read the row; its case in the golden file of
 * tests/golden and in the tests of its family come with it.
 */
#pragma once

#include "data/augment/drawing.h"
#include "data/augment/warp.h"

enum { OPERATION_ARGUMENTS = 4, OPERATION_SETTINGS = 4 };

/* A number, "2", or with `is_range` two with a colon, "0.9:1.1". Of a range, one number V alone means what `alone` says. */
typedef struct OperationArgument {
    const char *what; /* "pixels"; NULL: there are no more */
    double low, high; /* both belong to it */
    double usual;     /* NAN: it must be given */
    bool is_range;
    enum { AROUND_ZERO, AROUND_ONE, FROM_ZERO } alone; /* -V to V; 1 - V to 1 + V; 0, or `low` if that is more, to V */
    bool is_whole;
} OperationArgument;

#define NUMBER(what, low, high, usual)                                                                                 \
    { what, low, high, usual, false, AROUND_ZERO, false }
#define WHOLE(what, low, high, usual)                                                                                  \
    { what, low, high, usual, false, AROUND_ZERO, true }
#define RANGE(what, low, high, usual, around)                                                                          \
    { what, low, high, usual, true, around, false }

/* Values of the arguments as the line has them: a number has low = high. */
typedef struct OperationValues {
    double low[OPERATION_ARGUMENTS], high[OPERATION_ARGUMENTS];
    int setting; /* place in Operation.settings; 0 where none is given */
} OperationValues;

typedef struct Operation {
    const char *word;
    const char *help; /* one sentence without a full stop, for help and docs: what it does to an image; its source */
    OperationArgument arguments[OPERATION_ARGUMENTS];
    const char
        *settings[OPERATION_SETTINGS]; /* words of which one may follow: "edge", "zero"; the first is the default */
    /* One of the six. A map of pixels multiplies `map` (warp.h) by its own; what changes a picture in place may leave 0 to 1: that is
     * seen to behind each operation. `value` is one number from the range that is the first argument, or that argument, 0 without one. */
    void (*turn)(double value, double map[9]);
    void (*map)(const OperationValues *values, Drawing *drawing, double map[9]);
    void (*change)(double value, Picture *picture);
    void (*apply)(const OperationValues *values, Drawing *drawing, Picture *picture);
    AugmentMix (*mix)(const OperationValues *values, Drawing *drawing);
    AugmentBeside (*beside)(const OperationValues *values, Drawing *drawing);
    /* For randaugment (Cubuk et al. 2020): the first argument as one number at magnitude 0 to 1, 1 the strongest; NULL: it is not drawn
     * there. */
    double (*magnitude)(double magnitude);
    /* For test-time augmentation, of maps: how many fixed views, NULL none. View 0 is the one in the middle. Of a `turn` they are the
     * range's middle, low and high, else `view` multiplies `map` by view i. */
    int (*views)(const OperationValues *values);
    void (*view)(const OperationValues *values, int view, double map[9]);
} Operation;

/* Families end with a row without a word. */
extern const Operation geometry_operations[]; /* maps; elastic (apply) */
extern const Operation colour_operations[];   /* values of single pixels, and sharpness */
extern const Operation filter_operations[];   /* noise, blur, jpeg, randconv */
extern const Operation cover_operations[];    /* cutout */
extern const Operation backdrop_operations[]; /* stroke, ink, background */
extern const Operation mix_operations[];      /* neighbours, mixup, cutmix */

/* Operation i of all families, in the order of the table; NULL behind the last. */
const Operation *operation_number(int i);
const Operation *operation_find(const char *word); /* NULL: there is none */
/* What one number means, for a range or not. */
void operation_number_alone(const OperationArgument *argument, double number, double *low, double *high);
/* As randaugment has it at a magnitude, 0 to 1. */
OperationValues operation_at_magnitude(const Operation *operation, double magnitude);

/* ---- Operations one after the other on one picture; maps wait, so that neighbours are one ---- */

typedef struct Pending {
    Picture *picture;
    double map[9];
    const char *border; /* a setting of the maps that wait: "edge", "zero", "reflect"; NULL: of none of them */
    bool waits;
} Pending;

Pending pending_new(Picture *picture);
/* Draws and does an operation, or lets its map wait; a mix does nothing. */
void pending_operation(Pending *pending, const Operation *operation, const OperationValues *values, Drawing *drawing);
/* Lets view i of a map wait, of those that it has. Returns its weight among them; they sum to 1. */
double pending_view(Pending *pending, const Operation *operation, const OperationValues *values, int view);
void pending_finish(Pending *pending);
