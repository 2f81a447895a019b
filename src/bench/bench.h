/* Measuring: the machine's peak, the operations, the training step, the time to 99 %.
 *
 * Times are medians over repetitions of one case; rates are useful floating-point operations (a multiply-add is 2; the
 * first layer has no input gradient) over that time, and shares are of the peak measured on the same threads in this run.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "nn/model.h"

typedef struct Machine {
    int threads;
    double peak_f32, peak_bf16; /* GFLOP/s; bf16 0: the processor has no such instructions */
    double bandwidth;           /* GB/s */
} Machine;

/* threads 0: all processors. */
cf_status machine_measure(int threads, Machine *machine);
double machine_peak(const Machine *machine, cf_precision precision);

/* Seconds since some point in the past. */
double bench_clock(void);
/* The middle one; sorts `values`. */
double bench_median(double *values, int count);

/* ---- ops.c: one operation against the reference ---- */

typedef enum OpPass { OP_FORWARD, OP_BACKWARD_DATA, OP_BACKWARD_WEIGHTS } OpPass;

typedef struct OpResult {
    char line[96]; /* what repeats the case: --case "conv 8x32x14x14 64 3x3 stride 1 pad 1 forward" */
    double seconds, gflops;
    double residual; /* largest difference from the reference, on small integers, over the largest value */
    bool passed;     /* float32: equal; bfloat16: within its rounding */
} OpResult;

/* The table of problems, which the tests run over too. Ends with NULL. A problem is
 *   conv NxCxHxW K RxS stride T pad P [Q] | dense NxI K | block NxCxHxW pool R slope S */
extern const char *const op_problems[];

/* Runs one problem in one pass on one thread. A pass that the problem does not have gives CF_BAD_USE. */
cf_status op_run(const char *problem, OpPass pass, cf_precision precision, OpResult *result);
extern const char *const op_pass_words[];

/* ---- step.c: the whole training step and inference of a model ---- */

typedef struct StepBench {
    Shape input;
    int batch, threads;
    cf_precision precision;
    double train_seconds, infer_seconds; /* of one batch */
    double train_gflops, infer_gflops;
} StepBench;

/* Random images; `seconds` is the time to spend on each of training and inference. */
cf_status step_bench(const char *model, Shape input, int batch, int threads, cf_precision precision, double seconds,
                     StepBench *result);

#endif
