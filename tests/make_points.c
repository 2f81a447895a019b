/* Writes points for the scripts that test cifra umap.
 * Usage: make_points KIND N DIM FILE.npy [LABELS.npy]
 *   groups     four normal groups, some way apart; labels 10, 20, 30, 40
 *   far        two groups so far apart that no neighbours join them
 *   equal      one point N times        pairs      every point twice
 *   nan, infinite                       one bad value, in row N / 2 */
#include "base/memory.h"
#include "base/rng.h"
#include "data/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float value_of(const char *kind, size_t i, size_t d) {
    RngStream stream = rng_stream(3, RNG_SPLIT, strcmp(kind, "pairs") == 0 ? i / 2 : i, 98);
    float noise = (float)rng_normal(&stream, d);
    if (strcmp(kind, "equal") == 0) return 0.3f;
    if (strcmp(kind, "far") == 0) return noise + (i % 2 ? 1000.0f : 0.0f);
    return noise + (d % 4 == i % 4 ? 6.0f : 0.0f);
}

static int write_labels(const char *path, size_t n) {
    char head[128];
    FILE *file = fopen(path, "wb");
    if (!file) return 1;
    memset(head, ' ', sizeof head);
    int length =
        snprintf(head, sizeof head, "%cNUMPY%c%c%c%c{'descr': '|u1', 'fortran_order': False, 'shape': (%zu,), }", 0x93,
                 1, 0, 118, 0, n);
    head[length] = ' ';
    head[127] = '\n';
    fwrite(head, 1, sizeof head, file);
    for (size_t i = 0; i < n; i++) fputc(10 * (int)(i % 4 + 1), file);
    return fclose(file);
}

int main(int count, char **words) {
    if (count < 5) return 2;
    const char *kind = words[1];
    size_t n = strtoul(words[2], NULL, 10), dim = strtoul(words[3], NULL, 10);
    float *values;
    if (memory_new(n * dim, sizeof *values, &values)) return 1;
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < dim; d++) values[i * dim + d] = value_of(kind, i, d);
    if (strcmp(kind, "nan") == 0) values[n / 2 * dim] = NAN;
    if (strcmp(kind, "infinite") == 0) values[n / 2 * dim] = INFINITY;
    cf_status status = npy_write_rows(words[4], values, n, (int)dim);
    free(values);
    return status || (count > 5 && write_labels(words[5], n));
}
