/* One operation: compared with the reference, and timed. */
#include "bench/op_rig.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

double op_tolerance(const OpCase *c) {
    if (c->pass == OP_MOMENTS)
        return 1e-6; /* blocks of rows are joined with quotients, squares are sums of roundings or differences */
    if (c->kind == OP_ATTENTION) return c->precision == CF_BF16 ? 0x1p-7 : 1e-5;
    bool floats = c->pass == OP_SUMS || c->pass == OP_BACKWARD_WEIGHTS ||
                  (c->kind == OP_DENSE && c->pass == OP_FORWARD && c->dense.float_out);
    if (c->precision == CF_BF16 && !floats) return 0x1p-8; /* half a unit of the last of eight bits */
    return op_floor(c) > 0 ? 2e-6 : 0;
}

double op_floor(const OpCase *c) {
    bool inexact = c->kind == OP_NORM || c->act == ACT_SILU || c->act == ACT_GELU || c->act == ACT_HARDSWISH ||
                   c->act == ACT_SIGMOID;
    return !inexact || c->pass == OP_MOMENTS ? 0 : c->pass == OP_SUMS ? 1e-3 : 2e-5;
}

bool op_compare(const OpCase *c, const double *got, const double *wanted, size_t count, double *residual) {
    double largest = 0, difference = 0, tolerance = op_tolerance(c), floor = op_floor(c);
    bool passed = true;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(wanted[i]));
    for (size_t i = 0; i < count; i++) {
        double d = fabs(got[i] - wanted[i]);
        if (!(d <= tolerance * (c->kind == OP_ATTENTION ? largest : fabs(wanted[i])) + floor)) passed = false;
        difference = isnan(d) ? INFINITY : fmax(difference, d);
    }
    *residual = fmax(*residual, largest > 0 ? difference / largest : difference);
    return passed;
}

static cf_status begin_unit(void *context, int64_t seat, int thread) {
    return rig_run(context, (int)seat, thread);
}

cf_status op_values(const OpCase *c, const Engine *engine, double **values, size_t *count) {
    AUTO(rig_free) OpRig r = {.c = NULL};
    FORWARD(rig_new(c, engine, 1, false, &r));
    FORWARD(slices_run(1, 1, begin_unit, &r));
    return rig_values(&r, 0, values, count);
}

static cf_status compare_seats(const OpRig *r, OpResult *result) {
    AUTO_FREE double *wanted = NULL;
    size_t count;
    FORWARD(op_values(r->c, &reference_engine, &wanted, &count));
    result->passed = true;
    for (int t = 0; t < r->threads; t++) {
        AUTO_FREE double *got = NULL;
        FORWARD(rig_values(r, t, &got, &count));
        if (!op_compare(r->c, got, wanted, count, &result->residual)) result->passed = false;
    }
    return CF_OK;
}

/* ---- Timing ---- */

static cf_status run_piece(void *context, int64_t piece, int thread) {
    OpRig *r = context;
    (void)piece;
    for (int i = 0; i < r->inner; i++) FORWARD(rig_run(r, thread, thread));
    return CF_OK;
}

static cf_status run_pieces(void *context) {
    OpRig *r = context;
    return slices_run(r->threads, r->pieces, run_piece, r);
}

static cf_status time_pieces(OpRig *r, double *seconds) {
    double start = clock_seconds();
    FORWARD(run_pieces(r));
    *seconds = clock_seconds() - start;
    return CF_OK;
}

static int between(double value, int lowest, int highest) {
    return value < lowest ? lowest : value > highest ? highest : (int)value;
}

/* The median time of a unit of work on its thread. Units are joined to pieces, and pieces to repetitions, long enough that
 * starting them costs nothing beside them. */
static cf_status time_units(OpRig *r, double seconds, double *median) {
    enum { MOST_INNER = 1 << 16, MOST_PIECES = 32 };
    const double piece_seconds = 100e-6, run_seconds = 4e-3;
    double once = 0;
    r->inner = 1, r->pieces = r->threads;
    FORWARD(time_pieces(r, &once)); /* the first one finds cold caches and sleeping threads */
    for (int i = 0; i < 3; i++) {
        FORWARD(time_pieces(r, &once));
        r->inner = between(r->inner * piece_seconds / once, r->inner, MOST_INNER);
    }
    FORWARD(time_pieces(r, &once));
    r->pieces = (int64_t)between(run_seconds / once, 1, MOST_PIECES) * r->threads;
    FORWARD(bench_time(run_pieces, r, seconds, median));
    *median *= r->threads / ((double)r->pieces * r->inner);
    return CF_OK;
}

cf_status op_run(const OpCase *c, const OpOptions *options, OpResult *result) {
    static const char *const precisions[] = {[CF_F32] = "f32", [CF_BF16] = "bf16"};
    const Engine *engine = options->engine;
    const int threads = slices_threads(options->threads);
    const bool timed = options->seconds > 0, batch = timed && c->kind != OP_CONV && c->kind != OP_DENSE;
    AUTO(rig_free) OpRig r = {.c = NULL};
    OpResult made = {.passed = false};
    char text[OP_TEXT];
    op_print(c, text);
    FAIL_IF(!op_has_pass(c->kind, c->pass), CF_BAD_USE, "\"%s\" has no pass \"%s\"", text, op_pass_words[c->pass]);
    if (!engine) engine = c->precision == CF_BF16 ? cpu_engine_bf16() : cpu_engine();
    FAIL_IF(!engine, CF_BAD_USE, "this processor has no bfloat16 instructions; try --precision f32");
    snprintf(made.repeat, sizeof made.repeat, "cifra bench ops --case \"%s %s\" --precision %s", text,
             op_pass_words[c->pass], precisions[c->precision]);
    FORWARD(rig_new(c, engine, threads, batch, &r));
    FORWARD(slices_run(1, threads, begin_unit, &r));
    if (timed) {
        FORWARD(time_units(&r, options->seconds, &made.seconds));
        made.gflops = threads * op_flops(c) / made.seconds / 1e9;
        made.bandwidth = threads * rig_bytes(&r) / made.seconds / 1e9;
    }
    FORWARD(compare_seats(&r, &made));
    *result = made;
    return CF_OK;
}
