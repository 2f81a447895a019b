/* Rows of whole numbers up to 256, but for one factor: the bytes of images, also after a division by 255.
 *
 * bfloat16 holds them exactly, so that their products may be taken from instructions that are twice as fast.
 */
#ifndef EMBED_WHOLE_ROWS_H
#define EMBED_WHOLE_ROWS_H

#include "embed/points.h"

typedef struct WholeRows {
    uint16_t *values; /* [n][dim] bfloat16 */
    float *norms;     /* [n] sums of squares */
} WholeRows;

/* The factor that makes all values whole, within two units in a float's last place; 0 where there is none. `others`
 * may be NULL. */
cf_status whole_rows_scale(const Points *points, const Points *others, int threads, double *scale);
/* `rows` [n] of the points. */
cf_status whole_rows_new(const Points *points, const uint32_t *rows, size_t n, double scale, int threads,
                         WholeRows *made);
void whole_rows_free(WholeRows *rows);

#endif
