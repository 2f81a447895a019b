/* Weights that need no file. */
#pragma once

#include "nn/parameters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* u in [0, 1), 24 bits, by splitmix64 (Steele, Lea, Flood 2014) of a tensor's name (FNV-1a) and the value's index. */
static inline float formula_drawn(uint64_t key, size_t index) {
    uint64_t z = key + (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (float)((z ^ (z >> 31)) >> 40) * 0x1p-24f;
}

/* The weights that make_network_golden.py's formula() gives, bit for bit. */
static inline void fill_by_formula(Parameters *p) {
    for (int i = 0; i < p->count; i++) {
        const Parameter *entry = &p->table[i];
        const char *what = strrchr(entry->name, '.') + 1;
        float *values = malloc(entry->count * sizeof *values);
        uint64_t key = 0xCBF29CE484222325u;
        for (const char *c = entry->name; *c; c++) key = (key ^ (unsigned char)*c) * 0x100000001B3u;
        const bool around_one = strcmp(what, "running_var") == 0 || strcmp(what, "weight") == 0;
        const float bound = (float)sqrt(3.0 * (double)entry->shape[0] / (double)entry->count); /* 3 / fan-in */
        for (size_t k = 0; k < entry->count; k++) {
            const float u = formula_drawn(key, k);
            values[k] = entry->dims > 1 ? (u * 2 - 1) * bound : around_one ? 0.75f + u * 0.5f : (u * 2 - 1) * 0.1f;
        }
        parameter_from_file(p, entry, values, p->values + entry->offset);
        free(values);
    }
}
