/* Sums over one or two rows in double.
 *
 * Eight partial sums whose order is part of the definition: the bits depend neither on the compiler nor on the
 * instruction set, which is chosen when the program starts.
 */
#ifndef EMBED_ROW_MATH_H
#define EMBED_ROW_MATH_H

#include <stddef.h>

/* Compiled for several instruction sets. Contraction is off in the whole project, so that they round alike.
 * clang 14 leaves such functions undefined; sanitizers are not ready yet when the choice is made. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&          \
    !defined(__SANITIZE_THREAD__)
#define EVERY_ISA __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define EVERY_ISA
#endif

/* |a - b|^2; the same bits for (b, a). */
double row_squared_distance(const float *a, const float *b, int dim);
/* The sum of |a - b|, and how many values differ. */
double row_manhattan_distance(const float *a, const float *b, int dim);
double row_differences(const float *a, const float *b, int dim);
double row_dot(const float *a, const float *b, int dim);

#endif
