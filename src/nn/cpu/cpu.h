/* What this processor can do. */
#ifndef NN_CPU_CPU_H
#define NN_CPU_CPU_H

#include "nn/cpu/conv_kernels.h"

/* The kernels for the best instruction set that this processor has and $CIFRA_ISA (baseline, avx2, avx512) allows. */
const Kernels *cpu_kernels(void);
/* Their counterpart on bfloat16 elements; NULL where the processor cannot multiply them (AVX512_BF16) or may not. */
const Kernels *cpu_kernels_bf16(const Kernels *f32);
/* Those for convolutions beside them; NULL where there are none. */
const ConvKernels *cpu_conv_kernels(const Kernels *kernels);

#endif
