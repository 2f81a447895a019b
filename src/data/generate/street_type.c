/* Skeletons, and a pen that turns them into outlines, in the manner of Knuth's Metafont ("The METAFONTbook", 1986): one set of skeletons
 * gives many type styles through a few parameters. */
#include "data/generate/street.h"

#include <math.h>

enum { PIECES = 6, MAX_POINTS = 80, CAP = 5 };

/* A pen over one digit. */
typedef struct Pen {
    const TypeStyle *style;
    Point middle;
    double weight, level; /* widths of upright and of level strokes */
    double scale_x, scale_y;
    Coverage *coverage;
} Pen;

/* A stroke as a chain of points, each with the direction in which the chain arrives and leaves. */
typedef struct Chain {
    Point at[MAX_POINTS], arrive[MAX_POINTS], leave[MAX_POINTS];
    int count;
    bool closed;
} Chain;

int digit_forms(int digit) {
    int count = 1;
    while (count < MAX_FORMS && skeletons[digit][count].nodes) count++;
    return count;
}

double digit_width(const TypeStyle *style, int digit) {
    return style->width * skeletons[digit][style->form[digit]].width;
}

/* ---- From skeleton to chain ---- */

/* Irregular type: one smooth bend of the whole box, the same for all digits of a style, and a step of each node. Nodes
 * at one place take the same step, so that closed strokes stay closed. */
static Point placed(const Pen *pen, const Node *node) {
    const TypeStyle *s = pen->style;
    double x = node->x, y = 2 * node->y - 1;
    if (s->waver > 0) {
        const double *step = s->jitter[((int)(8 * node->x + 8) * 5 + (int)(8 * node->y) * 3) % JITTERS];
        const double bow = 1 - y * y;
        const double bent_x = s->warp[0] * bow + s->warp[1] * x * y + s->warp[2] * x * bow,
                     bent_y = s->warp[3] * bow + s->warp[4] * x + s->warp[5] * x * bow;
        x += s->waver * (bent_x + 0.5 * step[0]);
        y += s->waver * (bent_y + 0.5 * step[1]);
    }
    return (Point){pen->middle.x + x * pen->scale_x, pen->middle.y + y * pen->scale_y};
}

static void chain_add(Chain *chain, Point p) {
    if (chain->count == MAX_POINTS) return;
    if (chain->count > 0) {
        const Point last = chain->at[chain->count - 1];
        if (fabs(p.x - last.x) + fabs(p.y - last.y) < 1e-6) return;
    }
    chain->at[chain->count++] = p;
}

/* A quarter turn as a cubic curve. 0.5523 makes a circle (its middle is then exact); 1 would run into the corner. */
static void chain_turn(Chain *chain, Point from, Point corner, Point to, double square) {
    const double pull = 0.5523 + 0.35 * square;
    const Point a = {from.x + pull * (corner.x - from.x), from.y + pull * (corner.y - from.y)},
                b = {to.x + pull * (corner.x - to.x), to.y + pull * (corner.y - to.y)};
    for (int i = 1; i <= PIECES; i++) {
        const double t = (double)i / PIECES, u = 1 - t;
        const double w0 = u * u * u, w1 = 3 * u * u * t, w2 = 3 * u * t * t, w3 = t * t * t;
        chain_add(chain, (Point){w0 * from.x + w1 * a.x + w2 * b.x + w3 * to.x,
                                 w0 * from.y + w1 * a.y + w2 * b.y + w3 * to.y});
    }
}

static Point direction(Point from, Point to) {
    const double x = to.x - from.x, y = to.y - from.y, length = sqrt(x * x + y * y);
    return length > 0 ? (Point){x / length, y / length} : (Point){1, 0};
}

/* Where the chain bends a little it arrives and leaves in the mean direction, where it has a corner in two. */
static void chain_finish(Chain *chain) {
    const double smooth = 0.85; /* cosine of the greatest bend that is no corner */
    const int last = chain->count - 1;
    chain->closed = fabs(chain->at[0].x - chain->at[last].x) + fabs(chain->at[0].y - chain->at[last].y) < 1e-6;
    for (int i = 0; i < last; i++) chain->leave[i] = chain->arrive[i + 1] = direction(chain->at[i], chain->at[i + 1]);
    chain->arrive[0] = chain->closed ? chain->arrive[last] : chain->leave[0];
    chain->leave[last] = chain->closed ? chain->leave[0] : chain->arrive[last];
    for (int i = 0; i <= last; i++) {
        const Point a = chain->arrive[i], b = chain->leave[i];
        if (a.x * b.x + a.y * b.y > smooth)
            chain->arrive[i] = chain->leave[i] = direction((Point){0, 0}, (Point){a.x + b.x, a.y + b.y});
    }
}

/* ---- From chain to outline ---- */

/* Half of the pen's width across a stroke in direction `along`. */
static double half_width(const Pen *pen, Point along) {
    return 0.5 * (pen->weight + (pen->level - pen->weight) * along.x * along.x) + pen->style->grow;
}

/* `across` halves to the right of `along` as the page is seen, and `on` along it. */
static Point beside(Point at, Point along, double across, double on) {
    return (Point){at.x - along.y * across + along.x * on, at.y + along.x * across + along.y * on};
}

/* The outline's points around a stroke's end, from its right side to its left; square ends have them on a rectangle.
 * Ends go on for half a level stroke, so that stems are as high as bowls. */
static int cap_points(const Pen *pen, Point at, Point out, Point *points) {
    static const double round[CAP][2] = {{0.8660254037844386, 0.5},
                                         {0.5, 0.8660254037844386},
                                         {0, 1},
                                         {-0.5, 0.8660254037844386},
                                         {-0.8660254037844386, 0.5}};
    static const double square[CAP][2] = {{1, 1}, {0.5, 1}, {0, 1}, {-0.5, 1}, {-1, 1}};
    const double r = pen->style->roundness, half = half_width(pen, out);
    const double length = pen->style->grow + 0.5 * pen->level;
    for (int i = 0; i < CAP; i++)
        points[i] = beside(at, out, half * (square[i][0] + r * (round[i][0] - square[i][0])),
                           length * (square[i][1] + r * (round[i][1] - square[i][1])));
    return CAP;
}

/* Points `first` .. `last` of the chain, between which there is no corner, as one polygon: right side, then left. */
static void draw_run(const Pen *pen, const Chain *chain, int first, int last) {
    Point outline[2 * (MAX_POINTS + CAP)];
    int count = 0;
    for (int i = first; i <= last; i++) {
        const Point along = i > first ? chain->arrive[i] : chain->leave[i];
        outline[count++] = beside(chain->at[i], along, half_width(pen, along), 0);
    }
    if (last == chain->count - 1 && !chain->closed)
        count += cap_points(pen, chain->at[last], chain->arrive[last], outline + count);
    for (int i = last; i >= first; i--) {
        const Point along = i > first ? chain->arrive[i] : chain->leave[i];
        outline[count++] = beside(chain->at[i], along, -half_width(pen, along), 0);
    }
    if (first == 0 && !chain->closed) {
        const Point out = {-chain->leave[0].x, -chain->leave[0].y};
        count += cap_points(pen, chain->at[0], out, outline + count);
    }
    coverage_add(pen->coverage, outline, count);
}

/* Fills what two runs leave open on the outer side of their corner. */
static void draw_corner(const Pen *pen, Point at, Point arrive, Point leave) {
    const double longest = 1.45; /* of a sharp corner, in half widths */
    const double side = arrive.x * leave.y - arrive.y * leave.x > 0 ? -1 : 1;
    const double before = half_width(pen, arrive), behind = half_width(pen, leave);
    const double half = before > behind ? before : behind;
    const Point a = beside(at, arrive, side * before, 0), b = beside(at, leave, side * behind, 0);
    const Point middle = direction((Point){0, 0}, (Point){arrive.x + leave.x, arrive.y + leave.y});
    const double cosine = middle.x * arrive.x + middle.y * arrive.y;
    const double sharp = cosine * longest > 1 ? half / cosine : half * longest;
    const Point tip = beside(at, middle, side * (half + (sharp - half) * (1 - pen->style->roundness)), 0);
    const Point forward[4] = {at, a, tip, b}, back[4] = {at, b, tip, a};
    coverage_add(pen->coverage, side > 0 ? forward : back, 4);
}

static void draw_chain(const Pen *pen, const Chain *chain) {
    int first = 0;
    for (int i = 1; i < chain->count; i++) {
        const Point a = chain->arrive[i], b = chain->leave[i];
        const bool corner = a.x != b.x || a.y != b.y, last = i == chain->count - 1;
        if (!corner && !last) continue;
        draw_run(pen, chain, first, i);
        if (corner && (!last || chain->closed)) draw_corner(pen, chain->at[i], a, b);
        first = i;
    }
}

static void draw_ball(const Pen *pen, Point at, double radius) {
    static const double circle[12][2] = {{1, 0},         {0.866, 0.5},  {0.5, 0.866},  {0, 1},
                                         {-0.5, 0.866},  {-0.866, 0.5}, {-1, 0},       {-0.866, -0.5},
                                         {-0.5, -0.866}, {0, -1},       {0.5, -0.866}, {0.866, -0.5}};
    Point points[12];
    for (int i = 0; i < 12; i++)
        points[i] = (Point){at.x + radius * circle[i][0], at.y - radius * circle[i][1]}; /* the way runs turn */
    coverage_add(pen->coverage, points, 12);
}

static void draw_end(const Pen *pen, StrokeEnd end, Point at, Point out) {
    const double serif = pen->style->serif, grow = pen->style->grow, half = half_width(pen, out);
    if (!(serif > 0) || end == END_PLAIN) return;
    if (end == END_BALL) {
        draw_ball(pen, at, 0.5 * pen->weight * (1 + 0.4 * serif) + grow);
        return;
    }
    const double thick = 0.025 + 0.2 * pen->level, far = half + serif * (0.07 + 0.25 * pen->weight);
    const double right = end == END_LEFT ? half : far + (end == END_RIGHT) * 0.03,
                 left = end == END_RIGHT ? half : far + (end == END_LEFT) * 0.03;
    const double end_at = 0.5 * pen->level + grow, begin_at = 0.5 * pen->level - thick - grow;
    const Point foot[4] = {beside(at, out, right, begin_at), beside(at, out, right, end_at),
                           beside(at, out, -left, end_at), beside(at, out, -left, begin_at)};
    coverage_add(pen->coverage, foot, 4);
}

/* Draws the stroke that begins at `node` and returns what follows it. */
static const Node *draw_stroke(const Pen *pen, const Node *node) {
    Chain chain = {.count = 0};
    const StrokeEnd start = node->end;
    StrokeEnd finish = END_PLAIN;
    Point at = placed(pen, node);
    chain_add(&chain, at);
    for (node++; node->kind == NODE_LINE || node->kind == NODE_TURN; node++) {
        const Point before = at;
        if (node->kind == NODE_TURN) {
            const Point corner = placed(pen, node++);
            at = placed(pen, node);
            chain_turn(&chain, before, corner, at, pen->style->square);
        } else {
            at = placed(pen, node);
            chain_add(&chain, at);
        }
        finish = node->end;
    }
    if (chain.count < 2) return node;
    chain_finish(&chain);
    draw_chain(pen, &chain);
    const Point back = {-chain.leave[0].x, -chain.leave[0].y};
    draw_end(pen, start, chain.at[0], back);
    draw_end(pen, finish, chain.at[chain.count - 1], chain.arrive[chain.count - 1]);
    return node;
}

void digit_draw(const TypeStyle *style, int digit, Point middle, Coverage *coverage) {
    const Skeleton *skeleton = &skeletons[digit][style->form[digit]];
    const double box = digit_width(style, digit), heaviest = 0.42 * style->width, narrowest = 0.02;
    Pen pen = {.style = style, .middle = middle, .coverage = coverage};
    /* Bowls keep a counter inside. */
    pen.weight = style->weight < heaviest ? style->weight : heaviest;
    pen.level = pen.weight * (1 - style->stress);
    pen.scale_x = 0.5 * (box - pen.weight);
    if (pen.scale_x < narrowest) pen.scale_x = narrowest;
    pen.scale_y = 0.5 * (1 - pen.level);
    for (const Node *node = skeleton->nodes; node->kind != NODE_STOP;) node = draw_stroke(&pen, node);
}
