/* From bytes to a network's input: channels, size, scale.
 *
 * Grey from RGB is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601); RGB from grey repeats the value. Making an
 * image smaller averages the area under each new pixel; larger is bilinear with pixel centres aligned; each
 * axis on its own. Values are divided by 255. Float arithmetic in a fixed order: the same bits on every
 * thread.
 */
#pragma once

#include "data/image_set.h"

typedef struct Preparation Preparation;

/* From images of one shape to another; {channels, height, width}; channels 1 or 3 (or equal). */
cf_status preparation_new(const int from_chw[3], const int to_chw[3], Preparation **preparation);
void preparation_free(Preparation *preparation);
AUTO_HANDLE(Preparation, preparation_free)
/* One image: bytes H x W x C in, floats H x W x C out. `scratch` has preparation_scratch() floats, one
 * thread's own. */
void preparation_apply(const Preparation *preparation, const unsigned char *pixels, float *scratch, float *out);
size_t preparation_scratch(const Preparation *preparation);

/* The same to whole bytes, rounded to nearest: for a preparation of preparation_new_bytes. `scratch` has preparation_scratch() floats
 * and as many as there are bytes. */
cf_status preparation_new_bytes(const int from_chw[3], const int to_chw[3], Preparation **preparation);
void preparation_apply_bytes(const Preparation *preparation, const unsigned char *pixels, float *scratch,
                             unsigned char *out);

/* Resize bytes to bytes by the same rule, rounding to nearest; for readers. */
cf_status resize_bytes(const unsigned char *pixels, const int from_chw[3], const int to_chw[3], unsigned char *out);
