/* Examples of an evaluation, chosen and shown; shared by the figures that show some. */
#pragma once

#include "study/figures/figures.h"

typedef struct Example {
    size_t at; /* in the evaluation */
    int truth, predicted;
    float confidence;
} Example;

/* All right or all wrong predictions, the most confident first. Release with free(). */
cf_status list_examples(const Evaluation *evaluation, bool right, Example **examples, size_t *count);
/* Its image; borrows the set's pixels. */
CanvasImage image_of(const cf_set *set, const Evaluation *evaluation, const Example *example);
/* 99.96 % is not 100 %. */
void percent_text(double share, char text[16]);
/* "4 → 9" and the confidence; long names one below the other. Release with free(). */
cf_status caption_of(const Metrics *metrics, const Example *example, char **caption);
