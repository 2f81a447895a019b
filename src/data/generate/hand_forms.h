/* How people write the ten digits: forms as strokes of the pen. */
#pragma once

enum { HAND_POINTS = 20, HAND_TAKES = 3 };

/* A take is a text: points "x,y" in hundredths of the digit's height, y downwards, in the order of the pen. "s" before a point:
 * a stroke begins there; "c": a corner; else the line passes smoothly. All takes of a form have the same letters. */
typedef struct HandForm {
    int digit;
    double share;                  /* of the digit's writers who use it, relative to the other forms */
    const char *takes[HAND_TAKES]; /* ways of the same form, between which a writer's lies; NULL behind the last */
} HandForm;

/* All forms, ordered by digit; the first of a digit is its plainest. */
extern const HandForm hand_forms[];
extern const int hand_form_count;

typedef struct HandPoint {
    double x, y; /* heights */
    char join;   /* 's', 'c' or '.' */
} HandPoint;

/* Reads a take into `points` (room for HAND_POINTS) and returns how many, or 0 if the text is wrong. */
int hand_take_read(const char *take, HandPoint *points);
