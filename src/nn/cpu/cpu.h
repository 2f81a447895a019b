/* What this processor can do. */
#ifndef NN_CPU_CPU_H
#define NN_CPU_CPU_H

#include "nn/engine.h"

/* The kernels for the best instruction set that this processor has and $CIFRA_ISA (baseline, avx2, avx512) allows. */
const Kernels *cpu_kernels(void);

#endif
