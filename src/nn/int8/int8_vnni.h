/* Integers by AVX512-VNNI, which adds four products of bytes to 32 bits: the bits of the plain kernels. */
#pragma once

#include "nn/int8/int8.h"

/* The weights of an operation in the order in which they are met, and its bias for values counted from -128. */
typedef struct Int8Packed {
    int8_t *weights; /* [filters / 16][runs][words][16][4]; NULL: the operation is not for these instructions */
    int32_t *bias, *multiplier, *right; /* [filters, those of a group filled up to whole 16s] */
    size_t runs, run, words;            /* a filter sees so many runs of `run` neighbouring values: words of four */
    size_t channels, filters, blocks;   /* of a group: what it sees, and its filters in blocks of 16 */
    int high, wide;                     /* pixels of what it sees in all, with the rim */
    /* A filter of its own for each channel: so many neighbouring pixels at once, [64 values][taps / 4][4][16][4]; 0: otherwise. */
    int pixels;
    int32_t *offsets; /* [taps, filled up to whole fours]: from the first value that a window sees */
} Int8Packed;

/* Whether this processor has the instructions, and $CIFRA_ISA allows them. */
bool int8_vnni_there(void);
/* Leaves `packed` zero where the operation has a factor above 1 or is no product. */
cf_status int8_vnni_pack(const Int8Network *network, const Int8Op *op, Int8Packed *packed);
void int8_vnni_free(Int8Packed *packed);
/* Bytes that a thread needs, at a multiple of 64. */
size_t int8_vnni_scratch(const Int8Op *op, const Int8Packed *packed);
void int8_vnni_run(const Int8Network *network, const Int8Op *op, const Int8Packed *packed, uint8_t *scratch,
                   const int8_t *x, int8_t *y);
/* The bits of maxpool_int8. */
void int8_vnni_maxpool(const Window *w, const int8_t *x, int8_t *y);
/* The bits of add_int8 and multiply_int8, where no factor is above 1: no shift of the operation above 0. */
void int8_vnni_pair(const Int8Network *n, const Int8Op *op, const int8_t *a, const int8_t *b, int8_t *y);
