/* Choosing kernels, and measuring the processor's peak. */
#include "nn/cpu/cpu.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* The tables of kernels that each source of them exports for an instruction set. */
#define DECLARE_SET(isa)                                                                                               \
    extern const Kernels kernels_##isa;                                                                                \
    extern const StemKernels stem_kernels_##isa;                                                                       \
    extern const ProductKernels product_kernels_##isa;                                                                 \
    extern const AttentionKernels attention_kernels_##isa;                                                             \
    extern const ConvKernels depthwise_kernels_##isa;
#define KERNEL_SET(isa) &kernels_##isa, &stem_kernels_##isa, &product_kernels_##isa, &attention_kernels_##isa

DECLARE_SET(baseline)
#if defined(__x86_64__)
DECLARE_SET(avx2)
DECLARE_SET(avx512)
DECLARE_SET(avx512_bf16)
extern const ConvKernels conv_kernels_avx2, conv_kernels_avx512, conv_kernels_avx512_bf16;
extern const ConvKernels direct_kernels_avx2, winograd_kernels_avx2, winograd_kernels_avx512;
#endif

static const KernelSet kernel_sets[] = {
    {KERNEL_SET(baseline), {&depthwise_kernels_baseline}},
#if defined(__x86_64__)
    {KERNEL_SET(avx2), {&depthwise_kernels_avx2, &conv_kernels_avx2, &winograd_kernels_avx2, &direct_kernels_avx2}},
    {KERNEL_SET(avx512), {&depthwise_kernels_avx512, &conv_kernels_avx512, &winograd_kernels_avx512}},
    {KERNEL_SET(avx512_bf16), {&depthwise_kernels_avx512_bf16, &conv_kernels_avx512_bf16}},
#endif
};

const KernelSet *cpu_kernel_set(const Kernels *kernels) {
    const KernelSet *set = kernel_sets;
    while (set->elements != kernels) set++;
    return set;
}

#if defined(__x86_64__)
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512cd");
}
#endif

static const char *const isa_words[] = {"baseline", "avx2", "avx512", NULL};
enum { ISA_BASELINE, ISA_AVX2, ISA_AVX512 };

/* The highest instruction set that $CIFRA_ISA allows. */
static int isa_allowed(void) {
    const char *word = getenv("CIFRA_ISA");
    for (int i = 0; word && isa_words[i]; i++)
        if (strcmp(word, isa_words[i]) == 0) return i;
    if (word && *word)
        notice("CIFRA_ISA=%s is passed over: baseline, avx2 or avx512 expected%s", word, text_hint(word, isa_words));
    return ISA_AVX512;
}

const Kernels *cpu_kernels(void) {
    int allowed = isa_allowed();
#if defined(__x86_64__)
    if (allowed >= ISA_AVX512 && has_avx512()) return &kernels_avx512;
    if (allowed >= ISA_AVX2 && has_avx2()) return &kernels_avx2;
#endif
    (void)allowed;
    return &kernels_baseline;
}

const Kernels *cpu_kernels_bf16(const Kernels *f32) {
#if defined(__x86_64__)
    if (f32 == &kernels_avx512 && __builtin_cpu_supports("avx512bf16")) return &kernels_avx512_bf16;
#endif
    (void)f32;
    return NULL;
}

/* ---- Peak ---- */

typedef struct PeakRun {
    const ProductKernels *kernels;
    double operations[SLICES_MAX_THREADS];
} PeakRun;

static cf_status run_peak(void *context, int64_t index, int thread) {
    PeakRun *run = context;
    (void)thread;
    run->operations[index] = run->kernels->peak();
    return CF_OK;
}

static double measure_peak(const Engine *engine, int threads) {
    const double seconds_in_all = 0.06; /* the threads need some milliseconds to spread over the processors */
    PeakRun run = {.kernels = cpu_kernel_set(engine->kernels)->product};
    double best = 0, first = clock_seconds();
    while (clock_seconds() - first < seconds_in_all) {
        double start = clock_seconds(), operations = 0;
        slices_run(threads, threads, run_peak, &run);
        double seconds = clock_seconds() - start;
        for (int t = 0; t < threads; t++) operations += run.operations[t];
        if (operations / seconds > best) best = operations / seconds;
    }
    return best / 1e9;
}

double cpu_peak_gflops(int threads) {
    return measure_peak(cpu_engine(), threads);
}

double cpu_peak_gflops_bf16(int threads) {
    return cpu_engine_bf16() ? measure_peak(cpu_engine_bf16(), threads) : 0;
}

/* ---- Memory: a = b + c over arrays far larger than any cache ---- */

enum { STREAM_PIECES = 64, STREAM_PIECE = 1 << 20, TRIES = 5 }; /* floats: three arrays of 268 MB */

typedef struct Stream {
    float *a;
    const float *b, *c;
} Stream;

static cf_status add_piece(void *context, int64_t index, int thread) {
    const Stream *stream = context;
    size_t from = (size_t)index * STREAM_PIECE;
    (void)thread;
    for (size_t i = from; i < from + STREAM_PIECE; i++) stream->a[i] = stream->b[i] + stream->c[i];
    return CF_OK;
}

cf_status cpu_bandwidth(int threads, double *gigabytes_per_second) {
    size_t count = (size_t)STREAM_PIECES * STREAM_PIECE;
    AUTO_FREE float *memory = NULL;
    double best = 0;
    FORWARD(memory_new(3 * count, sizeof *memory, &memory));
    Stream stream = {memory, memory + count, memory + 2 * count};
    for (int i = 0; i < TRIES; i++) {
        double start = clock_seconds();
        slices_run(threads, STREAM_PIECES, add_piece, &stream);
        double rate = 3.0 * (double)count * sizeof(float) / (clock_seconds() - start);
        if (rate > best) best = rate;
    }
    *gigabytes_per_second = best / 1e9;
    return CF_OK;
}
