#include "data/generate/street.h"

/* clang-format off */
#define START(x, y) {NODE_START, x, y, END_PLAIN}
#define BEGIN(end, x, y) {NODE_START, x, y, end}
#define LINE(x, y) {NODE_LINE, x, y, END_PLAIN}
#define FINISH(end, x, y) {NODE_LINE, x, y, end}
#define TURN(cx, cy, x, y) {NODE_TURN, cx, cy, END_PLAIN}, {NODE_LINE, x, y, END_PLAIN}
#define TURN_TO(end, cx, cy, x, y) {NODE_TURN, cx, cy, END_PLAIN}, {NODE_LINE, x, y, end}
#define STOP {NODE_STOP, 0, 0, END_PLAIN}

static const Node zero[] = {
    START(0, 0), TURN(1, 0, 1, .5), TURN(1, 1, 0, 1), TURN(-1, 1, -1, .5), TURN(-1, 0, 0, 0), STOP};
/* Straight sides, as on plates. */
static const Node zero_straight[] = {
    START(0, 0), TURN(1, 0, 1, .3), LINE(1, .7), TURN(1, 1, 0, 1), TURN(-1, 1, -1, .7), LINE(-1, .3), TURN(-1, 0, 0, 0),
    STOP};

static const Node one[] = {START(-1, .25), LINE(.6, 0), FINISH(END_SLAB, .6, 1), STOP};
static const Node one_bar[] = {BEGIN(END_LEFT, 0, 0), FINISH(END_SLAB, 0, 1), STOP};
static const Node one_foot[] = {START(-.8, .22), LINE(.05, 0), LINE(.05, 1), START(-1, 1), LINE(1, 1), STOP};
static const Node one_bent[] = {START(-1, .2), TURN(.4, .18, .6, 0), FINISH(END_SLAB, .6, 1), STOP};


static const Node two[] = {
    BEGIN(END_BALL, -.95, .27), TURN(-.9, 0, 0, 0), TURN(1, 0, 1, .28), TURN(1, .47, .3, .65), LINE(-1, 1),
    FINISH(END_LEFT, 1, 1), STOP};
static const Node two_curved[] = {
    BEGIN(END_BALL, -.95, .25), TURN(-.95, 0, 0, 0), TURN(1, 0, 1, .27), TURN(1, .48, 0, .63), TURN(-1, .8, -1, 1),
    FINISH(END_LEFT, 1, 1), STOP};
static const Node two_waved[] = {
    BEGIN(END_BALL, -.9, .28), TURN(-.95, 0, .05, 0), TURN(.95, 0, .9, .27), TURN(.8, .5, -.95, .95),
    TURN(-.45, .8, .1, .93), TURN(.7, 1.08, 1, .86), STOP};
/* A short straight neck. */
static const Node two_narrow[] = {
    BEGIN(END_BALL, -1, .3), TURN(-1, 0, 0, 0), TURN(1, 0, 1, .33), TURN(1, .45, .7, .55), LINE(-1, 1),
    FINISH(END_LEFT, 1, 1), STOP};

static const Node three[] = {
    BEGIN(END_BALL, -.92, .22), TURN(-.85, 0, 0, 0), TURN(.9, 0, .9, .24), TURN(.9, .47, 0, .47), LINE(-.3, .47),
    START(-.3, .47), LINE(0, .47), TURN(1, .47, 1, .73), TURN(1, 1, 0, 1), TURN_TO(END_BALL, -.95, 1, -1, .76), STOP};
static const Node three_flat[] = {
    BEGIN(END_LEFT, -.9, 0), LINE(.85, 0), LINE(-.1, .42), TURN(1, .4, 1, .71), TURN(1, 1, 0, 1),
    TURN_TO(END_BALL, -.9, 1, -1, .8), STOP};
/* Two bowls that meet in a point. */
static const Node three_pointed[] = {
    BEGIN(END_BALL, -.95, .2), TURN(-.7, 0, 0, 0), TURN(.95, 0, .9, .23), TURN(.85, .43, -.1, .48), TURN(1, .5, 1, .74),
    TURN(1, 1, 0, 1), TURN_TO(END_BALL, -.8, 1, -1, .8), STOP};

static const Node four[] = {START(1, .73), LINE(-1, .73), LINE(.4, 0), FINISH(END_SLAB, .4, 1), STOP};
static const Node four_open[] = {
    START(-.55, 0), LINE(-.95, .62), LINE(1, .62), START(.45, .22), FINISH(END_SLAB, .45, 1), STOP};
static const Node four_upright[] = {
    START(-.85, 0), LINE(-.85, .58), LINE(1, .58), START(.5, 0), FINISH(END_SLAB, .5, 1), STOP};
/* A peak left of the stem's right side, and a long foot. */
static const Node four_peaked[] = {
    START(1, .66), LINE(-1, .66), LINE(.15, 0), LINE(.5, 0), FINISH(END_SLAB, .5, 1), STOP};

static const Node five[] = {
    BEGIN(END_RIGHT, .85, 0), LINE(-.7, 0), LINE(-.88, .47), TURN(-.5, .36, .05, .36), TURN(1, .36, 1, .68),
    TURN(1, 1, -.02, 1), TURN_TO(END_BALL, -.85, 1, -1, .8), STOP};
static const Node five_upright[] = {
    BEGIN(END_RIGHT, .9, 0), LINE(-.85, 0), LINE(-.85, .42), LINE(.1, .42), TURN(1, .42, 1, .71), TURN(1, 1, 0, 1),
    LINE(-1, 1), STOP};
static const Node five_round[] = {
    BEGIN(END_LEFT, .8, 0), LINE(-.55, 0), LINE(-.75, .42), TURN(1, .28, 1, .66), TURN(1, 1, -.1, 1),
    TURN_TO(END_BALL, -.7, 1, -1, .84), STOP};

static const Node six[] = {
    BEGIN(END_BALL, .92, .22), TURN(.85, 0, .08, 0), TURN(-1, 0, -1, .55), TURN(-1, 1, 0, 1), TURN(1, 1, 1, .7),
    TURN(1, .4, .05, .4), TURN(-.9, .4, -1, .68), STOP};
static const Node six_straight[] = {
    START(.5, 0), LINE(-.72, .45), TURN(-1, .56, -1, .69), TURN(-1, 1, 0, 1), TURN(1, 1, 1, .69), TURN(1, .38, 0, .38),
    TURN(-.55, .38, -.8, .5), STOP};
static const Node six_bent[] = {
    START(.8, 0), TURN(-1, .08, -1, .66), TURN(-1, 1, 0, 1), TURN(1, 1, 1, .7), TURN(1, .4, .05, .4),
    TURN(-.85, .4, -.99, .7), STOP};

static const Node seven[] = {BEGIN(END_LEFT, -1, 0), LINE(1, 0), LINE(-.35, 1), STOP};
static const Node seven_curved[] = {
    BEGIN(END_LEFT, -1, 0), LINE(1, 0), LINE(.95, .07), TURN(-.15, .45, -.3, 1), STOP};
static const Node seven_crossed[] = {
    BEGIN(END_LEFT, -1, 0), LINE(1, 0), LINE(-.4, 1), START(-.6, .5), LINE(.75, .5), STOP};
static const Node seven_hooked[] = {START(-1, .2), LINE(-.95, 0), LINE(1, 0), LINE(-.2, 1), STOP};

/* A short arm and a steep stem: seven in narrow type. */
static const Node seven_steep[] = {BEGIN(END_LEFT, -1, 0), LINE(.9, 0), LINE(.1, 1), STOP};

static const Node eight[] = {
    START(0, 0), TURN(.88, 0, .88, .24), TURN(.88, .48, 0, .48), TURN(-.88, .48, -.88, .24), TURN(-.88, 0, 0, 0),
    START(0, .48), TURN(1, .48, 1, .74), TURN(1, 1, 0, 1), TURN(-1, 1, -1, .74), TURN(-1, .48, 0, .48), STOP};
/* One stroke that crosses itself. */
static const Node eight_crossing[] = {
    START(0, 0), TURN(-.9, 0, -.9, .23), TURN(-.9, .38, 0, .48), TURN(1, .58, 1, .76), TURN(1, 1, 0, 1),
    TURN(-1, 1, -1, .76), TURN(-1, .58, 0, .48), TURN(.9, .38, .9, .23), TURN(.9, 0, 0, 0), STOP};

static const Node nine[] = {
    BEGIN(END_BALL, -.92, .78), TURN(-.85, 1, -.08, 1), TURN(1, 1, 1, .45), TURN(1, 0, 0, 0), TURN(-1, 0, -1, .3),
    TURN(-1, .6, -.05, .6), TURN(.9, .6, 1, .32), STOP};
static const Node nine_straight[] = {
    START(-.5, 1), LINE(.72, .55), TURN(1, .44, 1, .31), TURN(1, 0, 0, 0), TURN(-1, 0, -1, .31), TURN(-1, .62, 0, .62),
    TURN(.55, .62, .8, .5), STOP};
static const Node nine_bent[] = {
    START(-.8, 1), TURN(1, .92, 1, .34), TURN(1, 0, 0, 0), TURN(-1, 0, -1, .3), TURN(-1, .6, -.05, .6),
    TURN(.85, .6, .99, .3), STOP};
/* A straight stem, as in a handwritten or a narrow 9. */
static const Node nine_stem[] = {
    START(.95, 0), LINE(.95, 1), START(.95, .3), TURN(.95, 0, 0, 0), TURN(-1, 0, -1, .3), TURN(-1, .6, 0, .6),
    TURN(.95, .6, .95, .3), STOP};

const Skeleton skeletons[10][MAX_FORMS] = {
    {{1, zero}, {1, zero_straight}},
    {{.62, one}, {.3, one_bar}, {.8, one_foot}, {.6, one_bent}},
    {{.97, two}, {.97, two_curved}, {1.05, two_waved}, {.9, two_narrow}},
    {{.97, three}, {.95, three_flat}, {.95, three_pointed}},
    {{1.08, four}, {1, four_open}, {1, four_upright}, {1.05, four_peaked}},
    {{.97, five}, {.95, five_upright}, {1, five_round}},
    {{1, six}, {1, six_straight}, {.97, six_bent}},
    {{.95, seven}, {.95, seven_curved}, {.95, seven_crossed}, {.95, seven_hooked}, {.9, seven_steep}},
    {{1, eight}, {1, eight_crossing}},
    {{1, nine}, {1, nine_straight}, {.97, nine_bent}, {.9, nine_stem}},
};
