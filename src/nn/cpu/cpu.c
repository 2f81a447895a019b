/* Choosing kernels, and measuring the processor's peak. */
#include "nn/cpu/cpu.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

/* ---- Peak: independent chains of fused multiply-adds that never leave the registers ---- */

enum { CHAINS = 12, TURNS = 200000, TRIES = 5 };
static const double peak_seconds = 0.06; /* the threads need some milliseconds to spread over the processors */

/* Returns the operations done. The sum goes to a volatile, so that no compiler leaves the work out. */
typedef double (*PeakFn)(void);

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static double peak_avx512(void) {
    __m512 chain[CHAINS], factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(0.001f);
    for (int c = 0; c < CHAINS; c++) chain[c] = _mm512_set1_ps((float)c);
    for (int t = 0; t < TURNS; t++)
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) chain[c] = _mm512_fmadd_ps(chain[c], factor, term);
    for (int c = 1; c < CHAINS; c++) chain[0] = _mm512_add_ps(chain[0], chain[c]);
    volatile float used = _mm512_cvtss_f32(chain[0]);
    (void)used;
    return 2.0 * 16 * CHAINS * TURNS;
}

/* A bf16 instruction is two products and two sums per float lane. */
__attribute__((target("avx512f,avx512bf16"))) static double peak_bf16(void) {
    __m512 chain[CHAINS];
    __m512bh factor = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.001f), _mm512_set1_ps(0.002f));
    for (int c = 0; c < CHAINS; c++) chain[c] = _mm512_set1_ps((float)c);
    for (int t = 0; t < TURNS; t++)
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) chain[c] = _mm512_dpbf16_ps(chain[c], factor, factor);
    for (int c = 1; c < CHAINS; c++) chain[0] = _mm512_add_ps(chain[0], chain[c]);
    volatile float used = _mm512_cvtss_f32(chain[0]);
    (void)used;
    return 4.0 * 16 * CHAINS * TURNS;
}

__attribute__((target("avx2,fma"))) static double peak_avx2(void) {
    __m256 chain[CHAINS], factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(0.001f);
    for (int c = 0; c < CHAINS; c++) chain[c] = _mm256_set1_ps((float)c);
    for (int t = 0; t < TURNS; t++)
#pragma GCC unroll 12
        for (int c = 0; c < CHAINS; c++) chain[c] = _mm256_fmadd_ps(chain[c], factor, term);
    for (int c = 1; c < CHAINS; c++) chain[0] = _mm256_add_ps(chain[0], chain[c]);
    volatile float used = _mm256_cvtss_f32(chain[0]);
    (void)used;
    return 2.0 * 8 * CHAINS * TURNS;
}
#endif

/* Where there is no FMA to call by name: vectors of four by multiply and add. */
static double peak_baseline(void) {
    typedef float Four __attribute__((vector_size(16)));
    Four chain[CHAINS], factor = {0.999f, 0.999f, 0.999f, 0.999f}, term = {0.001f, 0.001f, 0.001f, 0.001f};
    for (int c = 0; c < CHAINS; c++) chain[c] = term * (float)c;
    for (int t = 0; t < TURNS; t++)
        for (int c = 0; c < CHAINS; c++) chain[c] = chain[c] * factor + term;
    for (int c = 1; c < CHAINS; c++) chain[0] += chain[c];
    volatile float used = chain[0][0];
    (void)used;
    return 2.0 * 4 * CHAINS * TURNS;
}

static PeakFn peak_loop(void) {
#if defined(__x86_64__)
    const Kernels *kernels = cpu_engine()->kernels;
    if (kernels == &kernels_avx512) return peak_avx512;
    if (kernels == &kernels_avx2) return peak_avx2;
#endif
    return peak_baseline;
}

typedef struct PeakRun {
    PeakFn loop;
    double operations[SLICES_MAX_THREADS];
} PeakRun;

static cf_status run_peak(void *context, int64_t index, int thread) {
    PeakRun *run = context;
    (void)thread;
    run->operations[index] = run->loop();
    return CF_OK;
}

static double measure_peak(PeakFn loop, int threads) {
    PeakRun run = {.loop = loop};
    double best = 0, first = clock_seconds();
    while (clock_seconds() - first < peak_seconds) {
        double start = clock_seconds(), operations = 0;
        slices_run(threads, threads, run_peak, &run);
        double seconds = clock_seconds() - start;
        for (int t = 0; t < threads; t++) operations += run.operations[t];
        if (operations / seconds > best) best = operations / seconds;
    }
    return best / 1e9;
}

double cpu_peak_gflops(int threads) {
    return measure_peak(peak_loop(), threads);
}

double cpu_peak_gflops_bf16(int threads) {
#if defined(__x86_64__)
    if (cpu_engine_bf16()) return measure_peak(peak_bf16, threads);
#endif
    (void)threads;
    return 0;
}

/* ---- Memory: a = b + c over arrays far larger than any cache ---- */

enum { STREAM_PIECES = 64, STREAM_PIECE = 1 << 20 }; /* floats: three arrays of 268 MB */

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
    float *memory;
    double best = 0;
    FORWARD(memory_new(3 * count, sizeof *memory, &memory));
    Stream stream = {memory, memory + count, memory + 2 * count};
    for (int i = 0; i < TRIES; i++) {
        double start = clock_seconds();
        slices_run(threads, STREAM_PIECES, add_piece, &stream);
        double rate = 3.0 * (double)count * sizeof(float) / (clock_seconds() - start);
        if (rate > best) best = rate;
    }
    free(memory);
    *gigabytes_per_second = best / 1e9;
    return CF_OK;
}
