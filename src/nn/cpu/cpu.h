/* What this processor can do. */
#ifndef NN_CPU_CPU_H
#define NN_CPU_CPU_H

#include "nn/cpu/product_kernels.h"
#include "nn/cpu/stem_kernels.h"

/* The kernels for the best instruction set that this processor has and $CIFRA_ISA (baseline, avx2, avx512) allows. */
const Kernels *cpu_kernels(void);
/* Their counterpart on bfloat16 elements; NULL where the processor cannot multiply them (AVX512_BF16) or may not. */
const Kernels *cpu_kernels_bf16(const Kernels *f32);
/* The matrix products that go with an engine's kernels. */
const ProductKernels *cpu_product_kernels(const Engine *engine);

/* Gives an engine whose kernels are chosen its dense layers (dense.c). */
void cpu_use_dense(Engine *engine);

/* The others of the same instruction set and element type. */
const StemKernels *cpu_stem_kernels(const Kernels *kernels);

extern const StemEngine cpu_stem;

#endif
