#include "data/generate/hand.h"
#include "data/generate/portable.h"

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
