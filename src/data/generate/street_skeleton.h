/* The skeletons of the digits: what a pen follows. x from -1 (left) to 1, y from 0 (top) to 1. */
#pragma once

typedef enum NodeKind {
    NODE_STOP,  /* behind the last one */
    NODE_START, /* a stroke begins */
    NODE_LINE,  /* a straight line to here */
    NODE_TURN   /* the corner that the quarter turn from the node before to the node behind rounds off */
} NodeKind;

/* What a serifed type has at a stroke's end. Left and right are those of someone who walks out of the stroke. */
typedef enum StrokeEnd { END_PLAIN, END_SLAB, END_LEFT, END_RIGHT, END_BALL } StrokeEnd;

typedef struct Node {
    NodeKind kind;
    double x, y;
    StrokeEnd end;
} Node;

typedef struct Skeleton {
    double width; /* of the box, 1 is usual */
    const Node *nodes;
} Skeleton;

enum { MAX_FORMS = 5 };

/* [digit][form]; the first form is the plain one, and those that do not exist have no nodes. */
extern const Skeleton skeletons[10][MAX_FORMS];
