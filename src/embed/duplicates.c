#include "embed/duplicates.h"

#include "base/memory.h"
#include "base/slices.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 256 }; /* rows */

typedef struct Row {
    uint64_t hash;
    uint32_t index;
} Row;

typedef struct Hashing {
    const Points *points;
    const bool *alone;
    Row *rows;
} Hashing;

/* Multiply and rotate over the row's words; equal hashes are compared in full. */
static uint64_t hash_row(const float *row, int dim) {
    uint64_t hash = 0x9E3779B97F4A7C15u;
    for (int d = 0; d < dim; d++) {
        uint32_t word;
        memcpy(&word, &row[d], sizeof word);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    return hash;
}

static cf_status hash_piece(void *context, int64_t index, int thread) {
    const Hashing *hashing = context;
    size_t from = (size_t)index * PIECE, to = from + PIECE < hashing->points->n ? from + PIECE : hashing->points->n;
    (void)thread;
    for (size_t i = from; i < to; i++)
        hashing->rows[i] = (Row){hash_row(points_row(hashing->points, i), hashing->points->dim), (uint32_t)i};
    return CF_OK;
}

static int compare_contents(const Hashing *hashing, uint32_t a, uint32_t b) {
    if (hashing->alone && (hashing->alone[a] || hashing->alone[b])) return a < b ? -1 : a > b;
    return memcmp(points_row(hashing->points, a), points_row(hashing->points, b),
                  (size_t)hashing->points->dim * sizeof(float));
}

static int compare_rows(const void *left, const void *right, void *context) {
    const Row *a = left, *b = right;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    int order = compare_contents(context, a->index, b->index);
    if (order) return order;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* leader[i]: the first row that equals row i. */
static void find_leaders(Hashing *hashing, uint32_t *leader) {
    size_t n = hashing->points->n;
    const Row *rows = hashing->rows;
    qsort_r(hashing->rows, n, sizeof *rows, compare_rows, hashing);
    for (size_t i = 0; i < n; i++) {
        bool same = i > 0 && rows[i].hash == rows[i - 1].hash &&
                    compare_contents(hashing, rows[i].index, rows[i - 1].index) == 0;
        leader[rows[i].index] = same ? leader[rows[i - 1].index] : rows[i].index;
    }
}

/* `group` holds the leaders and gets the numbers. A leader comes before its followers. */
static void number_groups(size_t n, Duplicates *made) {
    size_t *size = made->first + 1;
    for (size_t i = 0; i < n; i++) {
        made->group[i] = made->group[i] == i ? (uint32_t)made->groups++ : made->group[made->group[i]];
        size[made->group[i]]++;
    }
    for (size_t g = 0; g < made->groups; g++) made->first[g + 1] += made->first[g];
    for (size_t i = n; i-- > 0;) made->members[--size[made->group[i]]] = (uint32_t)i;
    /* Filling from the back has moved every end to its group's begin. */
    memmove(made->first, size, made->groups * sizeof *size);
    made->first[made->groups] = n;
}

cf_status duplicates_find(const Points *points, const bool *alone, int threads, Duplicates *duplicates) {
    Duplicates made = {0};
    Hashing hashing = {points, alone, NULL};
    size_t n = points->n;
    cf_status status;
    FORWARD_TO(failed, memory_new(n, sizeof *made.group, &made.group));
    FORWARD_TO(failed, memory_new(n, sizeof *made.members, &made.members));
    FORWARD_TO(failed, memory_new(n + 1, sizeof *made.first, &made.first));
    FORWARD_TO(failed, memory_new(n, sizeof *hashing.rows, &hashing.rows));
    FORWARD_TO(failed, slices_run(threads, (int64_t)((n + PIECE - 1) / PIECE), hash_piece, &hashing));
    find_leaders(&hashing, made.group);
    number_groups(n, &made);
    free(hashing.rows);
    *duplicates = made;
    return CF_OK;
failed:
    free(hashing.rows);
    duplicates_free(&made);
    return status;
}

void duplicates_free(Duplicates *duplicates) {
    free(duplicates->group);
    free(duplicates->members);
    free(duplicates->first);
    *duplicates = (Duplicates){0};
}
