/* Writes points for the scripts that test cifra umap.
 * Usage: make_points KIND N DIM FILE.npy [LABELS.npy]
 *   groups     four normal groups, some way apart; labels 10, 20, 30, 40
 *   far        two groups so far apart that no neighbours join them
 *   equal      one point N times        pairs      every point twice
 *   nan, infinite                       one bad value, in row N / 2
 *   times      groups in float64, around 1,700,000,000
 *   coarse     the same, every second row 1e12 farther: more than a float32 can hold beside it */
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

static int write_doubles(const char *kind, const char *path, size_t n, size_t dim) {
    char head[128];
    FILE *file = fopen(path, "wb");
    if (!file) return 1;
    memset(head, ' ', sizeof head);
    int length =
        snprintf(head, sizeof head, "%cNUMPY%c%c%c%c{'descr': '<f8', 'fortran_order': False, 'shape': (%zu, %zu), }",
                 0x93, 1, 0, 118, 0, n, dim);
    head[length] = ' ';
    head[127] = '\n';
    fwrite(head, 1, sizeof head, file);
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < dim; d++) {
            const double far = strcmp(kind, "coarse") == 0 && i % 2 ? 1e12 : 0;
            const double x = 1.7e9 + far + (double)value_of("groups", i, d);
            fwrite(&x, sizeof x, 1, file);
        }
    return fclose(file);
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
    if (strcmp(kind, "times") == 0 || strcmp(kind, "coarse") == 0)
        return write_doubles(kind, words[4], n, dim) || (count > 5 && write_labels(words[5], n));
    if (memory_new(n * dim, sizeof *values, &values)) return 1;
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < dim; d++) values[i * dim + d] = value_of(kind, i, d);
    if (strcmp(kind, "nan") == 0) values[n / 2 * dim] = NAN;
    if (strcmp(kind, "infinite") == 0) values[n / 2 * dim] = INFINITY;
    cf_status status = npy_write_rows(words[4], values, n, (int)dim);
    free(values);
    return status || (count > 5 && write_labels(words[5], n));
}
