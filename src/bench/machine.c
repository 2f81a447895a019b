#include "bench/bench.h"

#include "base/slices.h"

#include <stdlib.h>

cf_status machine_measure(int threads, Machine *machine) {
    Machine made = {.threads = slices_threads(threads)};
    made.peak_f32 = cpu_peak_gflops(made.threads);
    made.peak_bf16 = cpu_peak_gflops_bf16(made.threads);
    FORWARD(cpu_bandwidth(made.threads, &made.bandwidth));
    *machine = made;
    return CF_OK;
}

double machine_peak(const Machine *machine, cf_precision precision) {
    return precision == CF_BF16 ? machine->peak_bf16 : machine->peak_f32;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
