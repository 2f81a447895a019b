/* Rows made ready for products: what turns a . b into a distance. */
#ifndef EMBED_PRODUCT_ROWS_H
#define EMBED_PRODUCT_ROWS_H

#include "embed/neighbors.h"

/* norm[i] + norm[j] - 2 values[i] . values[j] is the squared distance times `scale` squared; for METRIC_COSINE it is 2
 * (1 - cos), 2 for a row of zeros. */
typedef struct ProductRows {
    float *values; /* [n][dim]: less the means, against cancellation, and scaled; or of length 1 */
    float *norms;  /* [n]: |values|^2; or 1 */
    size_t n;
    int dim;
} ProductRows;

/* What rows that meet in products must have in common. */
typedef struct ProductFrame {
    Metric metric;
    double *means; /* [dim] */
    double scale;  /* a power of two, so that no value exceeds 1 */
} ProductFrame;

/* `rows` [n] of the points, NULL: all. The means are those of `points`; `others` (NULL: none) are only not to
 * overflow. */
cf_status product_frame_new(const Points *points, const Points *others, Metric metric, int threads,
                            ProductFrame *frame);
void product_frame_free(ProductFrame *frame);
cf_status product_rows_new(const ProductFrame *frame, const Points *points, const uint32_t *rows, size_t n, int threads,
                           ProductRows *made);
void product_rows_free(ProductRows *rows);

#endif
