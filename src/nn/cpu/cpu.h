/* What this processor can do. */
#pragma once

#include "nn/cpu/conv_kernels.h"
#include "nn/cpu/product_kernels.h"
#include "nn/cpu/stem_kernels.h"

/* The kernels for the best instruction set that this processor has and $CIFRA_ISA (baseline, avx2, avx512) allows. */
const Kernels *cpu_kernels(void);
/* Their counterpart on bfloat16 elements; NULL where the processor cannot multiply them (AVX512_BF16) or may not. */
const Kernels *cpu_kernels_bf16(const Kernels *f32);
/* All kernels of one instruction set and element type. */
typedef struct KernelSet {
    const Kernels *elements;
    const StemKernels *stem;
    const ProductKernels *product;
    const AttentionKernels *attention;
    const ConvKernels *conv[5]; /* the first that fits; ends with NULL */
} KernelSet;

/* The one that `kernels`, got from the functions above, belong to. */
const KernelSet *cpu_kernel_set(const Kernels *kernels);

/* The next `count` floats of a thread's scratch, at a multiple of 64 bytes; base NULL: they are counted alone. */
static inline float *scratch_part(float *base, size_t *used, size_t count) {
    float *part = base ? base + *used : NULL;
    *used += (count + 15) / 16 * 16;
    return part;
}

/* Gives an engine whose kernels are chosen its dense layers (dense.c). */
void cpu_use_dense(Engine *engine);
/* The same of attention (attention.c). */
void cpu_use_attention(Engine *engine);

extern const StemEngine cpu_stem;
