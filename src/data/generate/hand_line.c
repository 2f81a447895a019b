/* A form is a list of points with one to three takes of each. A writer's own shape is a mixture of the takes, a little
 * beyond them at times, with each point moved; an image moves them again, less. Through the points goes a cubic Hermite
 * spline with the tangents of Catmull and Rom (1974), longer or shorter by writer; at a corner the tangents are those of the
 * two sides, as far as the writer does not round it.
 */
#include "data/generate/hand.h"
#include "data/generate/portable.h"

/* Below this, `shape` also leads back from a mixture of the takes to the first one alone. */
#define TYPICAL_SHAPE 0.01
/* How much weaker each shorter wave is, and how far an image leaves its writer's shape. */
#define WAVE_DECAY 0.9
#define OWN_SHAPE  0.6

/* ---- Form and points ---- */

/* What a writer keeps for one digit is drawn from the stage plus this. */
static uint32_t digit_stage(const GeneratedImage *image) {
    return 100 + 20 * (uint32_t)image->label;
}

static bool is_last_of_stroke(const HandPoint *points, int count, int i) {
    return i + 1 == count || points[i + 1].join == 's';
}

static const HandForm *choose_form(const GeneratedImage *image, double chance) {
    const double often_own = 0.92; /* how often a writer uses the form that is his */
    const HandForm *first = hand_forms;
    double sum = 0;
    while (first->digit != image->label) first++;
    int count = 0;
    for (; first + count < hand_forms + hand_form_count && first[count].digit == image->label; count++)
        sum += first[count].share;
    Draws writer = draws_of_writer(image, HAND_STAGE_FORM + digit_stage(image));
    Draws own = draws_of_image(image, HAND_STAGE_FORM);
    double writers_kind = draw_uniform(&writer), writers_form = draw_uniform(&writer);
    double kind = draw_uniform(&own), form = draw_uniform(&own);
    bool as_ever = draw_chance(&own, often_own);
    if ((as_ever ? writers_kind : kind) >= chance) return first;
    double at = sum * (as_ever ? writers_form : form);
    int chosen = 0;
    while (chosen < count - 1 && at >= first[chosen].share) at -= first[chosen++].share;
    return first + chosen;
}

/* Weights of the takes, of sum 1; at shape 0 the first take alone. */
static void mix_takes(Draws *draws, const HandForm *form, double amount, double weights[HAND_TAKES]) {
    double sum = 0;
    int takes = 0;
    while (takes < HAND_TAKES && form->takes[takes]) takes++;
    for (int t = 0; t < takes; t++) {
        double u = draw_uniform(draws);
        weights[t] = u * u * u + 0.05;
        sum += weights[t];
    }
    for (int t = 0; t < takes; t++) {
        double even = 1.0 / takes, mixed = even + 1.2 * (weights[t] / sum - even);
        weights[t] = (1 - amount) * (t == 0) + amount * mixed;
    }
}

/* The mixture of the takes, before any point is moved. */
static int mix_points(const HandForm *form, const double weights[HAND_TAKES], HandPoint *points) {
    int count = 0;
    for (int t = 0; t < HAND_TAKES && form->takes[t]; t++) {
        HandPoint take[HAND_POINTS];
        count = hand_take_read(form->takes[t], take);
        for (int i = 0; i < count; i++) {
            if (t == 0) points[i] = (HandPoint){0, 0, take[i].join};
            points[i].x += weights[t] * take[i].x;
            points[i].y += weights[t] * take[i].y;
        }
    }
    return count;
}

/* Moves the points of each stroke by slow waves along it, the shorter the weaker: neighbours move alike, and the line stays
 * smooth. The same draws serve every stroke's x and y in turn. */
static void move_points(Draws *draws, double amount, HandPoint *points, int count) {
    enum { WAVES = 5 };
    for (int first = 0, last; first < count; first = last + 1) {
        for (last = first; !is_last_of_stroke(points, count, last);) last++;
        double strength = amount;
        for (int wave = 0; wave < WAVES; wave++, strength *= WAVE_DECAY) {
            double dx = strength * draw_normal(draws), dy = strength * draw_normal(draws);
            for (int i = first; i <= last; i++) {
                double along = last > first ? (double)(i - first) / (last - first) : 0;
                double here = portable_cos(0.5 * wave * along);
                points[i].x += dx * here;
                points[i].y += dy * here;
            }
        }
    }
}

static int place_points(const GeneratedImage *image, const HandForm *form, double shape, HandPoint *points) {
    double weights[HAND_TAKES];
    uint32_t digit = digit_stage(image);
    Draws mix = draws_of_writer(image, HAND_STAGE_MIX + digit),
          kept = draws_of_writer(image, HAND_STAGE_POINTS + digit);
    Draws own = draws_of_image(image, HAND_STAGE_POINTS);
    mix_takes(&mix, form, fmin(shape / TYPICAL_SHAPE, 1), weights);
    int count = mix_points(form, weights, points);
    move_points(&kept, shape, points, count);
    move_points(&own, OWN_SHAPE * shape, points, count);
    return count;
}

/* ---- Spline ---- */

typedef struct Vector {
    double x, y;
} Vector;

typedef struct Tangents {
    Vector in, out;
} Tangents;

static Vector between(const HandPoint *a, const HandPoint *b) {
    return (Vector){b->x - a->x, b->y - a->y};
}

static Tangents tangents_at(const HandPoint *points, int count, int i, double length, double rounding) {
    bool begins = points[i].join == 's', ends = is_last_of_stroke(points, count, i);
    const Vector none = {0, 0};
    Vector before = begins ? none : between(&points[i - 1], &points[i]);
    Vector after = ends ? none : between(&points[i], &points[i + 1]);
    if (begins) return (Tangents){after, after};
    if (ends) return (Tangents){before, before};
    Vector smooth = {length * (before.x + after.x), length * (before.y + after.y)};
    if (points[i].join != 'c') return (Tangents){smooth, smooth};
    double sharp = 1 - rounding;
    return (Tangents){{sharp * before.x + rounding * smooth.x, sharp * before.y + rounding * smooth.y},
                      {sharp * after.x + rounding * smooth.x, sharp * after.y + rounding * smooth.y}};
}

static Vector hermite(HandPoint a, Vector da, HandPoint b, Vector db, double t) {
    double t2 = t * t, t3 = t2 * t, ha = 2 * t3 - 3 * t2 + 1, hda = t3 - 2 * t2 + t, hb = 3 * t2 - 2 * t3,
           hdb = t3 - t2;
    return (Vector){ha * a.x + hda * da.x + hb * b.x + hdb * db.x, ha * a.y + hda * da.y + hb * b.y + hdb * db.y};
}

static void add_point(LinePoint *line, int *count, Vector at, bool begins) {
    LinePoint *p = &line[*count];
    *p = (LinePoint){at.x, at.y, 0, begins};
    if (*count > 0) {
        double dx = at.x - p[-1].x, dy = at.y - p[-1].y;
        p->along = p[-1].along + (begins ? 0 : sqrt(dx * dx + dy * dy));
    }
    ++*count;
}

/* Moves the ends of strokes along their own direction. */
static void move_ends(const GeneratedImage *image, double reach, HandPoint *points, int count) {
    Draws draws = draws_of_image(image, HAND_STAGE_REACH);
    for (int i = 0; i < count; i++) {
        bool begins = points[i].join == 's', ends = is_last_of_stroke(points, count, i);
        if (begins == ends) continue;
        Vector d = between(&points[begins ? i + 1 : i - 1], &points[i]);
        double length = sqrt(d.x * d.x + d.y * d.y), step = reach * (2 * draw_uniform(&draws) - 1);
        if (length < 1e-6) continue;
        step = fmax(step, -0.8 * length) / length;
        points[i].x += step * d.x;
        points[i].y += step * d.y;
    }
}

int hand_line(const GeneratedImage *image, LinePoint *line) {
    const double *f = image->factor;
    const double writers_longer = 0.12;
    HandPoint points[HAND_POINTS];
    int given = place_points(image, choose_form(image, f[HAND_FORMS]), f[HAND_SHAPE], points), count = 0;
    move_ends(image, f[HAND_REACH], points, given);
    Draws spline = draws_of_writer(image, HAND_STAGE_SPLINE);
    double length = 0.5 + writers_longer * (draw_uniform(&spline) - 0.4) * fmin(f[HAND_SHAPE] / TYPICAL_SHAPE, 1);
    for (int i = 0; i < given; i++) {
        if (points[i].join == 's') {
            add_point(line, &count, (Vector){points[i].x, points[i].y}, true);
            continue;
        }
        Tangents a = tangents_at(points, given, i - 1, length, f[HAND_JOINS]);
        Tangents b = tangents_at(points, given, i, length, f[HAND_JOINS]);
        for (int k = 1; k <= HAND_SAMPLES; k++)
            add_point(line, &count, hermite(points[i - 1], a.out, points[i], b.in, (double)k / HAND_SAMPLES), false);
    }
    return count;
}

/* ---- What the hand makes of it ---- */

/* The middle goes up or down, and the digit is wider above or below. Three quarters of it are the writer's. */
static void reproportion(const GeneratedImage *image, LinePoint *line, int count) {
    Draws kept = draws_of_writer(image, HAND_STAGE_PROPORTIONS), own = draws_of_image(image, HAND_STAGE_PROPORTIONS);
    double amount = image->factor[HAND_PROPORTIONS], drawn[2];
    for (int k = 0; k < 2; k++) drawn[k] = 1.5 * draw_uniform(&kept) - 0.75 + 0.5 * draw_uniform(&own) - 0.25;
    for (int i = 0; i < count; i++) {
        double y = line[i].y;
        line[i].x *= 1 + amount * drawn[0] * (2 * y - 1);
        line[i].y += amount * drawn[1] * portable_sin(y / 2) / 3.14159265;
    }
}

/* Three long waves through the plane; each point of the line moves with them. */
static void bend(const GeneratedImage *image, LinePoint *line, int count) {
    enum { WAVES = 3 };
    Draws draws = draws_of_image(image, HAND_STAGE_BEND);
    for (int w = 0; w < WAVES; w++) {
        double fx = draw_between(&draws, -0.9, 0.9), fy = draw_between(&draws, -0.9, 0.9), phase = draw_uniform(&draws);
        double turn = draw_uniform(&draws), size = image->factor[HAND_BEND] * draw_uniform(&draws);
        double dx = size * portable_cos(turn), dy = size * portable_sin(turn);
        for (int i = 0; i < count; i++) {
            double wave = portable_sin(fx * line[i].x + fy * line[i].y + phase);
            line[i].x += dx * wave;
            line[i].y += dy * wave;
        }
    }
}

static void tremble(const GeneratedImage *image, LinePoint *line, int count) {
    Draws draws = draws_of_image(image, HAND_STAGE_TREMOR);
    for (int i = 0; i < count; i++) {
        line[i].x += image->factor[HAND_TREMOR] * draw_normal(&draws);
        line[i].y += image->factor[HAND_TREMOR] * draw_normal(&draws);
    }
}

static void slant_and_turn(const GeneratedImage *image, LinePoint *line, int count) {
    double lean = portable_tan(image->factor[HAND_SLANT] / 360);
    double wide = portable_exp2(image->factor[HAND_WIDTH]);
    double c = portable_cos(image->factor[HAND_ROTATION] / 360), s = portable_sin(image->factor[HAND_ROTATION] / 360);
    for (int i = 0; i < count; i++) {
        double x = wide * line[i].x - lean * line[i].y, y = line[i].y;
        line[i].x = c * x - s * y;
        line[i].y = s * x + c * y;
    }
}

void hand_bend(const GeneratedImage *image, LinePoint *line, int count) {
    reproportion(image, line, count);
    bend(image, line, count);
    tremble(image, line, count);
    slant_and_turn(image, line, count);
}
