#include "train/average.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 65536 }; /* values */

cf_status average_new(const cf_train_options *options, const Parameters *parameters, Average *average) {
    AUTO(average_free) Average made = {.ema = options->ema, .first = options->epochs, .count = parameters->total};
    /* The epoch that the share falls into; rounding must not make 28 of 0.29 x 100. */
    if (options->swa_from < 1) made.first = (int)floor(options->swa_from * options->epochs + 1e-9);
    if (made.ema > 0) FORWARD(memory_copy(parameters->values, made.count, sizeof(float), &made.moving));
    if (made.first < options->epochs) FORWARD(memory_copy(parameters->values, made.count, sizeof(float), &made.mean));
    *average = made;
    made = (Average){0};
    return CF_OK;
}

void average_free(Average *average) {
    free(average->moving);
    free(average->mean);
    *average = (Average){0};
}

typedef struct Move {
    float *average;
    const float *values;
    size_t count;
    float share; /* of the values */
} Move;

/* What is frozen stays to the bit, be it -0. */
static float moved(float average, float value, float share) {
    return average == value ? average : average + share * (value - average);
}

static cf_status move_piece(void *context, int64_t index, int thread) {
    const Move *move = context;
    const size_t from = (size_t)index * PIECE, left = move->count - from, count = left < PIECE ? left : PIECE;
    float *average = move->average + from;
    const float *values = move->values + from;
    (void)thread;
    for (size_t i = 0; i < count; i++) average[i] = moved(average[i], values[i], move->share);
    return CF_OK;
}

cf_status average_step(Average *average, const float *values, int64_t steps, int threads) {
    if (!average->moving) return CF_OK;
    const double t = (double)steps, early = (1 + t) / (10 + t), decay = average->ema < early ? average->ema : early;
    Move move = {average->moving, values, average->count, (float)(1 - decay)};
    return slices_run(threads, (int64_t)((average->count + PIECE - 1) / PIECE), move_piece, &move);
}

void average_epoch(Average *average, const float *values, int epoch) {
    if (!average->mean || epoch < average->first) return;
    const float *reached = average->moving ? average->moving : values;
    const float share = 1.0f / (float)(epoch - average->first + 1);
    if (epoch == average->first)
        memcpy(average->mean, reached, average->count * sizeof *reached);
    else
        for (size_t i = 0; i < average->count; i++) average->mean[i] = moved(average->mean[i], reached[i], share);
}

float *average_after(const Average *average, int epoch) {
    return average->mean && epoch >= average->first ? average->mean : average->moving;
}
