/* Measuring: the machine's peak, the operations, the training step, the time to 99 %.
 *
 * Times are medians over repetitions of one case; rates are useful floating-point operations (a multiply-add is 2; the
 * first layer has no input gradient) over that time, and shares are of the peak measured on the same threads in this run.
 */
#pragma once

#include "nn/model.h"

typedef struct Machine {
    int threads;
    double peak_f32, peak_bf16; /* GFLOP/s; bf16 0: the processor has no such instructions */
    double bandwidth;           /* GB/s */
} Machine;

/* threads 0: all processors. */
cf_status machine_measure(int threads, Machine *machine);
double machine_peak(const Machine *machine, cf_precision precision);

/* The middle one; sorts `values`. */
double bench_median(double *values, int count);
/* The median time of a call, of at least 5 and for about `seconds`; one before them finds cold caches and sleeping threads. */
cf_status bench_time(cf_status (*call)(void *context), void *context, double seconds, double *median);

/* ---- problems.c: operations as texts ---- */

typedef enum OpKind {
    OP_CONV,
    OP_DENSE,
    OP_BLOCK,
    OP_STEM,
    OP_ATTENTION,
    OP_ACT, /* from here on: of images, without products */
    OP_ADD,
    OP_NORM,
    OP_SCALE,
    OP_AVGPOOL
} OpKind;

typedef enum OpPass {
    OP_MOMENTS, /* of a block: batch norm's mean and squares; of a stem: mean and variance */
    OP_FORWARD,
    OP_SUMS,     /* of a block: batch norm's gradient sums; of a norm: only its weights' */
    OP_BACKWARD, /* of what has no products; of attention */
    OP_BACKWARD_DATA,
    OP_BACKWARD_WEIGHTS,
    OP_PASSES
} OpPass;

/* One problem in one pass and precision. */
typedef struct OpCase {
    OpKind kind;
    Window
        w; /* OP_CONV; OP_STEM: its convolution; others with K = C, OP_BLOCK with the pool's R x S, OP_AVGPOOL whole */
    int pool;         /* OP_STEM: the side of the pool's windows; 1: none, as for all others */
    DenseShape dense; /* OP_DENSE */
    float slope;      /* of the activation; 1: none, as for all kinds that are not RELU */
    ActivationKind act;
    bool residual;  /* OP_BLOCK */
    NormShape norm; /* OP_NORM */
    OpPass pass;
    cf_precision precision;
    AttentionShape attention; /* OP_ATTENTION */
} OpCase;

enum { OP_TEXT = 192 }; /* the longest text of a case, with its end */

/* The table of problems, which the tests run over too. Ends with NULL. A problem is
 *   conv NxCxHxW K RxS [stride T] [pad P [Q]] | dense NxI K [slope X] [float] | stem NxCxHxW K RxS [pad P [Q]] [pool 2] [slope X]
 *   | block NxCxHxW [pool R [S]] [ACT] [residual] | act NxCxHxW ACT | add NxCxHxW [ACT] | norm NxCxHxW groups G | norm NxCxHxW layer
 *   | scale NxCxHxW | avgpool NxCxHxW | attention NxLxC heads, ACT being slope X, relu6, silu, gelu, hardswish or sigmoid,
 * where N is the images of a slice, for dense layers of the batch, L the positions; `float`: outputs are float32 in any precision. */
extern const char *const op_problems[];
/* Indexed by OpPass; ends with NULL. */
extern const char *const op_pass_words[];

/* Reads a problem, and the pass behind it if it names one: else *has_pass is false and the pass the first it has. The
 * precision becomes CF_F32. Sizes that would make results inexact or the reference endless are refused. */
cf_status op_parse(const char *text, OpCase *parsed, bool *has_pass);
bool op_has_pass(OpKind kind, OpPass pass);
/* Writes the problem, without its pass, as op_parse reads it. */
void op_print(const OpCase *c, char text[OP_TEXT]);
static inline Activation op_activation(const OpCase *c) {
    return (Activation){c->act, c->slope};
}
/* Products and sums of a product's pass, those with padding left out; 0 for what has none. A stem's are its convolution's, though
 * a pool passes only some gradients on; 0 for its moments. Of attention the two products forward and four backward. */
double op_flops(const OpCase *c);
/* How many products the longest sum of a product's pass adds; times the steps of a slope in 1 where gradients are fractions;
 * 0 for blocks and attention, whose inputs need not be so small. */
double op_terms(const OpCase *c);

/* ---- ops.c: one operation against the reference, and its time ---- */

typedef struct OpOptions {
    const Engine *engine; /* NULL: the fast one of the case's precision */
    int threads;          /* each works on arrays of its own; 0: all processors */
    double seconds;       /* for the measurement; 0: only compare */
} OpOptions;

typedef struct OpResult {
    char repeat[OP_TEXT + 80]; /* the command line that repeats the case */
    double seconds;            /* of a unit of work on its thread: a slice; the whole batch of a dense layer */
    double gflops;             /* of all threads; 0 where op_flops is */
    double bandwidth;          /* GB/s of all threads, each array counted once */
    double residual;           /* largest difference from the reference, on small integers, over its largest value */
    bool passed;               /* every value as near to the reference's as op_tolerance and op_floor say */
} OpResult;

/* Runs one case. A pass that the problem does not have, a precision that the processor has not, or a stem that the engine
 * does not take is CF_BAD_USE. */
cf_status op_run(const OpCase *c, const OpOptions *options, OpResult *result);
/* Everything that an engine computes in a case, one array behind the other; release with free(). */
cf_status op_values(const OpCase *c, const Engine *engine, double **values, size_t *count);
/* How far a value may be from the reference's, as a share of it, or of attention, whose values are sums with both signs, of
 * the largest. 0 where the integers make every rounding exact. */
double op_tolerance(const OpCase *c);
/* And besides, where terms cancel that were rounded. */
double op_floor(const OpCase *c);
/* True if |got - wanted| <= tolerance * |wanted| (of attention: the largest |wanted|) + floor everywhere; a NaN never is. *residual
 * is never less than it was. */
bool op_compare(const OpCase *c, const double *got, const double *wanted, size_t count, double *residual);

/* ---- step.c: the whole training step and inference of a model, an epoch of them, a step over ranks ---- */

typedef struct StepBench {
    Shape input;
    int batch, threads;
    cf_precision precision;
    double train_seconds, infer_seconds; /* of one batch */
    double train_gflops, infer_gflops;
} StepBench;

/* `count` images of random bytes in ten classes, sealed: their values do not matter to the time. */
cf_status random_set(Shape input, size_t count, cf_set **set);

/* Random images; `seconds` is the time to spend on each of training and inference. */
cf_status step_bench(const char *model, Shape input, int batch, int threads, cf_precision precision, double seconds,
                     StepBench *result);

/* A whole epoch (shuffling, preparation, steps, validation, history) against the steps it consists of. */
typedef struct EpochBench {
    StepBench step;
    size_t train, validation; /* images of an epoch */
    double seconds;           /* of a whole epoch: mean over two */
    double steps_seconds;     /* its training steps and validation batches at their median time */
    double augmented_seconds; /* of a whole epoch with the augmentation, timed in turn with the others; 0: without one */
} EpochBench;

/* On `images` random images, a tenth of which validate. `augment`: an augmentation line; NULL: none. */
cf_status epoch_bench(const char *model, Shape input, int batch, int threads, cf_precision precision, size_t images,
                      const char *augment, EpochBench *result);

/* A step over the ranks of a job (base/ranks.h) ---- */

typedef struct RankBench {
    char model[4096];
    Shape input;
    int batch, threads, ranks; /* threads: of each rank */
    cf_precision precision;
    int steps;  /* for each figure */
    int processors, alone_processors; /* that the first rank may use, and that it had as one process */
    /* measured */
    double alone_seconds;              /* of a step of one process with the threads of all ranks that share this machine */
    double step_seconds;               /* of all ranks together */
    double alone_fastest, step_fastest; /* the fastest step of each: what other work on the machine disturbed least */
    double part_seconds, half_seconds; /* of a rank's part, and of half of it, without messages, while all ranks do so */
    double bytes, least_bytes, messages; /* that a rank sends in a step, in the mean of all; least: no tree can do with less */
    double latency, bandwidth;         /* between the first rank and the last: seconds, bytes per second in each direction at once */
} RankBench;

/* Called by every rank with the same `bench`; fills in what was measured on the first one, but for alone_seconds. */
cf_status rank_bench_run(RankBench *bench);
/* On the first rank: alone_seconds, on all processors that the machine grants. */
cf_status rank_bench_alone(RankBench *bench);
/* Seconds of a step over `hosts`, each as one rank here, of a batch of so many images: a rank's own work, its messages' latencies,
 * and the time of its bytes, nothing of which is hidden behind work. */
double rank_bench_model(const RankBench *bench, int hosts, int batch, double latency, double bandwidth);
