/* The one file that knows oneDNN's API (2.x).
 *
 * Primitives are built for one slice and one thread (OpenMP's maximum is 1 while they are made, and in the thread that runs
 * them), so that oneDNN never starts threads of its own and its results do not depend on their number. Each thread has its
 * own memory objects and scratchpad; nothing is allocated after _new.
 */
#include "nn/engine.h"

#include "base/memory.h"
#include "nn/cpu/cpu.h"

#include <dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if DNNL_VERSION_MAJOR != 2
#error "nn/cpu/onednn.c is written for oneDNN 2.x; other versions have another C API"
#endif

#define DNNL(call)                                                                                                     \
    do {                                                                                                               \
        dnnl_status_t done_ = (call);                                                                                  \
        if (done_ != dnnl_success) return fail_dnnl(done_, #call, __LINE__);                                           \
    } while (0)

static cf_status fail_dnnl(dnnl_status_t status, const char *call, int line) {
    if (status == dnnl_out_of_memory) return status_fail(CF_NO_MEMORY, __FILE__, line, "oneDNN is out of memory");
    return status_fail(CF_INTERNAL, __FILE__, line, "oneDNN refused %.60s (status %d)", call, (int)status);
}

static dnnl_engine_t engine; /* the process's CPU; made once, never freed */
static dnnl_status_t engine_status;

static void make_engine(void) {
    engine_status = dnnl_engine_create(&engine, dnnl_cpu, 0);
}

static cf_status use_engine(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_engine);
    DNNL(engine_status);
    return CF_OK;
}

/* ---- A primitive with per-thread arguments ---- */

enum { MAX_ARGUMENTS = 3 };

typedef struct Seat { /* one thread's place */
    dnnl_stream_t stream;
    dnnl_memory_t memory[MAX_ARGUMENTS], scratch;
    const void *handles[MAX_ARGUMENTS]; /* what memory[] points at now */
    void *scratch_bytes;
} Seat;

typedef struct Primitive {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    int arguments[MAX_ARGUMENTS]; /* DNNL_ARG_... */
    int threads;
    Seat *seats;
} Primitive;

static void primitive_free(Primitive *p) {
    for (int t = 0; p->seats && t < p->threads; t++) {
        Seat *seat = &p->seats[t];
        for (int i = 0; i < MAX_ARGUMENTS; i++)
            if (seat->memory[i]) dnnl_memory_destroy(seat->memory[i]);
        if (seat->scratch) dnnl_memory_destroy(seat->scratch);
        if (seat->stream) dnnl_stream_destroy(seat->stream);
        free(seat->scratch_bytes);
    }
    free(p->seats);
    if (p->primitive) dnnl_primitive_destroy(p->primitive);
    if (p->desc) dnnl_primitive_desc_destroy(p->desc);
    *p = (Primitive){0};
}

static dnnl_query_t argument_query(int argument) {
    switch (argument) {
    case DNNL_ARG_SRC: return dnnl_query_src_md;
    case DNNL_ARG_WEIGHTS: return dnnl_query_weights_md;
    case DNNL_ARG_DST: return dnnl_query_dst_md;
    case DNNL_ARG_DIFF_SRC: return dnnl_query_diff_src_md;
    case DNNL_ARG_DIFF_WEIGHTS: return dnnl_query_diff_weights_md;
    default: return dnnl_query_diff_dst_md;
    }
}

static const dnnl_memory_desc_t *argument_layout(const Primitive *p, int argument) {
    return dnnl_primitive_desc_query_md(p->desc, argument_query(argument), 0);
}

static cf_status seat_thread(Primitive *p, Seat *seat) {
    const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
    DNNL(dnnl_stream_create(&seat->stream, engine, dnnl_stream_default_flags));
    for (int i = 0; i < MAX_ARGUMENTS; i++)
        DNNL(dnnl_memory_create(&seat->memory[i], argument_layout(p, p->arguments[i]), engine, DNNL_MEMORY_NONE));
    FORWARD(memory_new(dnnl_memory_desc_get_size(scratch), 1, &seat->scratch_bytes));
    DNNL(dnnl_memory_create(&seat->scratch, scratch, engine, seat->scratch_bytes));
    return CF_OK;
}

/* Builds from an operation descriptor; `hint` is the forward primitive's, for backward ones. */
static cf_status build(Primitive *p, const_dnnl_op_desc_t operation, const_dnnl_primitive_desc_t hint, int threads,
                       const int arguments[MAX_ARGUMENTS]) {
    dnnl_primitive_attr_t attributes;
    memcpy(p->arguments, arguments, sizeof p->arguments);
    DNNL(dnnl_primitive_attr_create(&attributes));
    dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    dnnl_status_t made = dnnl_primitive_desc_create(&p->desc, operation, attributes, engine, hint);
    dnnl_primitive_attr_destroy(attributes);
    DNNL(made);
    DNNL(dnnl_primitive_create(&p->primitive, p->desc));
    FORWARD(memory_new((size_t)threads, sizeof *p->seats, &p->seats));
    p->threads = threads;
    for (int t = 0; t < threads; t++) FORWARD(seat_thread(p, &p->seats[t]));
    return CF_OK;
}

/* oneDNN plans for the threads that OpenMP would give it: one, while a primitive is made. */
static cf_status primitive_new(Primitive *p, const_dnnl_op_desc_t operation, const_dnnl_primitive_desc_t hint,
                               int threads, int first, int second, int third) {
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    cf_status status = build(p, operation, hint, threads, (const int[]){first, second, third});
    omp_set_num_threads(before);
    return status;
}

/* oneDNN's interface has no const; it does not write to inputs. Pointing a memory object at new bytes may zero the padding of
 * its layout, so what several threads share (packed weights) is pointed at once, by primitive_share. */
static cf_status point(Seat *seat, int i, const void *bytes) {
    void *handle;
    if (seat->handles[i] == bytes) return CF_OK;
    memcpy(&handle, &bytes, sizeof handle);
    DNNL(dnnl_memory_set_data_handle(seat->memory[i], handle));
    seat->handles[i] = bytes;
    return CF_OK;
}

static cf_status primitive_share(Primitive *p, int i, const void *bytes) {
    for (int t = 0; t < p->threads; t++) FORWARD(point(&p->seats[t], i, bytes));
    return CF_OK;
}

static cf_status primitive_run(Primitive *p, int thread, const void *first, const void *second, const void *third) {
    Seat *seat = &p->seats[thread];
    const void *bytes[MAX_ARGUMENTS] = {first, second, third};
    dnnl_exec_arg_t arguments[MAX_ARGUMENTS + 1];
    for (int i = 0; i < MAX_ARGUMENTS; i++) {
        FORWARD(point(seat, i, bytes[i]));
        arguments[i] = (dnnl_exec_arg_t){p->arguments[i], seat->memory[i]};
    }
    arguments[MAX_ARGUMENTS] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, seat->scratch};
    DNNL(dnnl_primitive_execute(p->primitive, seat->stream, MAX_ARGUMENTS + 1, arguments));
    return CF_OK;
}

/* ---- Convolution ---- */

struct Conv {
    Window w;
    Primitive forward, backward_data, backward_weights;
    dnnl_memory_desc_t plain;            /* weights as the model keeps them: [K][C][R][S] */
    Primitive pack_forward, pack_backward, unpack;
    float *forward_weights, *backward_weights_copy; /* in the order the primitives ask for */
};

static void conv_free(Conv *conv) {
    if (!conv) return;
    Primitive *all[] = {&conv->forward,      &conv->backward_data, &conv->backward_weights,
                        &conv->pack_forward, &conv->pack_backward, &conv->unpack};
    for (size_t i = 0; i < COUNT_OF(all); i++) primitive_free(all[i]);
    free(conv->forward_weights);
    free(conv->backward_weights_copy);
    free(conv);
}

/* A reorder has two arguments; the third place repeats the first. */
static cf_status reorder_new(Primitive *p, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to) {
    int before = omp_get_max_threads();
    cf_status status = CF_INTERNAL;
    omp_set_num_threads(1);
    p->seats = NULL;
    if (dnnl_reorder_primitive_desc_create(&p->desc, from, engine, to, engine, NULL) == dnnl_success &&
        dnnl_primitive_create(&p->primitive, p->desc) == dnnl_success) {
        p->threads = 1;
        status = memory_new(1, sizeof *p->seats, &p->seats);
        if (!status && (dnnl_stream_create(&p->seats->stream, engine, dnnl_stream_default_flags) != dnnl_success ||
                        dnnl_memory_create(&p->seats->memory[0], from, engine, DNNL_MEMORY_NONE) != dnnl_success ||
                        dnnl_memory_create(&p->seats->memory[1], to, engine, DNNL_MEMORY_NONE) != dnnl_success))
            status = CF_INTERNAL;
    }
    omp_set_num_threads(before);
    return status == CF_INTERNAL ? FAIL(CF_INTERNAL, "oneDNN cannot reorder the weights of a convolution") : status;
}

static cf_status reorder_run(Primitive *p, const float *from, float *to) {
    Seat *seat = &p->seats[0];
    FORWARD(point(seat, 0, from));
    FORWARD(point(seat, 1, to));
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, seat->memory[0]}, {DNNL_ARG_TO, seat->memory[1]}};
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    dnnl_status_t done = dnnl_primitive_execute(p->primitive, seat->stream, 2, arguments);
    omp_set_num_threads(before);
    DNNL(done);
    return CF_OK;
}

/* The memory descriptors of a window: nhwc activations, weights in any order. */
typedef struct ConvLayout {
    dnnl_memory_desc_t x, w, y;
    dnnl_dims_t strides, pad_before, pad_after;
} ConvLayout;

static cf_status describe_conv(const Window *w, ConvLayout *layout, dnnl_memory_desc_t *plain) {
    dnnl_dims_t x = {w->N, w->C, w->H, w->W}, weights = {w->K, w->C, w->R, w->S}, y = {w->N, w->K, w->P, w->Q};
    DNNL(dnnl_memory_desc_init_by_tag(&layout->x, 4, x, dnnl_f32, dnnl_nhwc));
    DNNL(dnnl_memory_desc_init_by_tag(&layout->w, 4, weights, dnnl_f32, dnnl_format_tag_any));
    DNNL(dnnl_memory_desc_init_by_tag(&layout->y, 4, y, dnnl_f32, dnnl_nhwc));
    DNNL(dnnl_memory_desc_init_by_tag(plain, 4, weights, dnnl_f32, dnnl_oihw));
    layout->strides[0] = layout->strides[1] = w->stride;
    layout->pad_before[0] = w->pad_h;
    layout->pad_before[1] = w->pad_w;
    /* What lies behind the last window is not padding: it may be negative when the stride leaves pixels over. */
    layout->pad_after[0] = (w->P - 1) * w->stride + w->R - w->H - w->pad_h;
    layout->pad_after[1] = (w->Q - 1) * w->stride + w->S - w->W - w->pad_w;
    return CF_OK;
}

static cf_status weights_buffer(const Primitive *p, int argument, float **buffer) {
    return memory_new(dnnl_memory_desc_get_size(argument_layout(p, argument)), 1, buffer);
}

static cf_status build_conv(Conv *conv, bool training, bool input_gradient, int threads) {
    ConvLayout l;
    dnnl_convolution_desc_t desc;
    FORWARD(describe_conv(&conv->w, &l, &conv->plain));
    DNNL(dnnl_convolution_forward_desc_init(&desc, training ? dnnl_forward_training : dnnl_forward_inference,
                                            dnnl_convolution_direct, &l.x, &l.w, NULL, &l.y, l.strides, l.pad_before,
                                            l.pad_after));
    FORWARD(primitive_new(&conv->forward, &desc, NULL, threads, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST));
    FORWARD(weights_buffer(&conv->forward, DNNL_ARG_WEIGHTS, &conv->forward_weights));
    FORWARD(primitive_share(&conv->forward, 1, conv->forward_weights));
    FORWARD(reorder_new(&conv->pack_forward, &conv->plain, argument_layout(&conv->forward, DNNL_ARG_WEIGHTS)));
    if (!training) return CF_OK;
    DNNL(dnnl_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, &l.x, &l.w, NULL, &l.y, l.strides,
                                                     l.pad_before, l.pad_after));
    FORWARD(primitive_new(&conv->backward_weights, &desc, conv->forward.desc, threads, DNNL_ARG_SRC, DNNL_ARG_DIFF_DST,
                          DNNL_ARG_DIFF_WEIGHTS));
    FORWARD(reorder_new(&conv->unpack, argument_layout(&conv->backward_weights, DNNL_ARG_DIFF_WEIGHTS), &conv->plain));
    if (!input_gradient) return CF_OK;
    DNNL(dnnl_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, &l.x, &l.w, &l.y, l.strides,
                                                  l.pad_before, l.pad_after));
    FORWARD(primitive_new(&conv->backward_data, &desc, conv->forward.desc, threads, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS,
                          DNNL_ARG_DIFF_SRC));
    FORWARD(weights_buffer(&conv->backward_data, DNNL_ARG_WEIGHTS, &conv->backward_weights_copy));
    FORWARD(primitive_share(&conv->backward_data, 1, conv->backward_weights_copy));
    return reorder_new(&conv->pack_backward, &conv->plain, argument_layout(&conv->backward_data, DNNL_ARG_WEIGHTS));
}

static cf_status conv_new(const Window *w, bool training, bool input_gradient, int threads, Conv **conv) {
    Conv *made;
    FORWARD(use_engine());
    FORWARD(memory_new(1, sizeof *made, &made));
    made->w = *w;
    cf_status status = build_conv(made, training, input_gradient, threads);
    if (status) {
        conv_free(made);
        return status;
    }
    *conv = made;
    return CF_OK;
}

static cf_status conv_pack(Conv *conv, const float *weights) {
    FORWARD(reorder_run(&conv->pack_forward, weights, conv->forward_weights));
    if (conv->backward_weights_copy) FORWARD(reorder_run(&conv->pack_backward, weights, conv->backward_weights_copy));
    return CF_OK;
}

static cf_status conv_forward(Conv *conv, int thread, const float *x, float *y) {
    return primitive_run(&conv->forward, thread, x, conv->forward_weights, y);
}

static cf_status conv_backward_data(Conv *conv, int thread, const float *dy, float *dx) {
    return primitive_run(&conv->backward_data, thread, dy, conv->backward_weights_copy, dx);
}

static size_t conv_slot_size(const Conv *conv) {
    size_t bytes = dnnl_memory_desc_get_size(argument_layout(&conv->backward_weights, DNNL_ARG_DIFF_WEIGHTS));
    return bytes / sizeof(float);
}

static cf_status conv_backward_weights(Conv *conv, int thread, const float *x, const float *dy, float *slot) {
    return primitive_run(&conv->backward_weights, thread, x, dy, slot);
}

static cf_status conv_unpack(Conv *conv, const float *slot, float *dw) {
    return reorder_run(&conv->unpack, slot, dw);
}

/* ---- Dense layer: matrix products; the last tile has primitives of its own ---- */

struct Dense {
    int inputs, outputs, tiles;
    Primitive forward[2], backward_weights[2], backward_data; /* [0] full tiles, [1] the last one */
};

static void dense_free(Dense *dense) {
    if (!dense) return;
    for (int i = 0; i < 2; i++) {
        primitive_free(&dense->forward[i]);
        primitive_free(&dense->backward_weights[i]);
    }
    primitive_free(&dense->backward_data);
    free(dense);
}

/* A matrix of rows x columns whose neighbours lie so many values apart. */
static cf_status matrix(dnnl_memory_desc_t *m, int rows, int columns, int row_step, int column_step) {
    DNNL(dnnl_memory_desc_init_by_strides(m, 2, (dnnl_dims_t){rows, columns}, dnnl_f32,
                                          (dnnl_dims_t){row_step, column_step}));
    return CF_OK;
}

/* c = a . b */
static cf_status product_new(Primitive *p, const dnnl_memory_desc_t *a, const dnnl_memory_desc_t *b,
                             const dnnl_memory_desc_t *c, int threads) {
    dnnl_matmul_desc_t desc;
    DNNL(dnnl_matmul_desc_init(&desc, a, b, NULL, c));
    return primitive_new(p, &desc, NULL, threads, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST);
}

static cf_status build_dense(Dense *dense, int N, int slice, bool training, bool input_gradient, int threads) {
    int inputs = dense->inputs, outputs = dense->outputs, last = outputs - (dense->tiles - 1) * DENSE_TILE;
    dnnl_memory_desc_t a, b, c;
    for (int i = 0; i < 2; i++) {
        int width = i ? last : DENSE_TILE;
        if (!i && dense->tiles == 1) continue;
        FORWARD(matrix(&a, N, inputs, inputs, 1));
        FORWARD(matrix(&b, inputs, width, 1, inputs));
        FORWARD(matrix(&c, N, width, outputs, 1));
        FORWARD(product_new(&dense->forward[i], &a, &b, &c, threads));
        if (!training) continue;
        FORWARD(matrix(&b, width, N, 1, outputs));
        FORWARD(matrix(&c, width, inputs, inputs, 1));
        FORWARD(product_new(&dense->backward_weights[i], &b, &a, &c, threads));
    }
    if (!training || !input_gradient) return CF_OK;
    FORWARD(matrix(&a, slice, outputs, outputs, 1));
    FORWARD(matrix(&b, outputs, inputs, inputs, 1));
    FORWARD(matrix(&c, slice, inputs, inputs, 1));
    return product_new(&dense->backward_data, &a, &b, &c, threads);
}

static cf_status dense_new(int N, int slice, int inputs, int outputs, bool training, bool input_gradient, int threads,
                           Dense **dense) {
    Dense *made;
    FORWARD(use_engine());
    FORWARD(memory_new(1, sizeof *made, &made));
    made->inputs = inputs;
    made->outputs = outputs;
    made->tiles = dense_tiles(outputs);
    cf_status status = build_dense(made, N, slice, training, input_gradient, threads);
    if (status) {
        dense_free(made);
        return status;
    }
    *dense = made;
    return CF_OK;
}

static cf_status dense_forward(Dense *dense, int thread, int tile, const float *x, const float *weights, float *y) {
    Primitive *p = &dense->forward[tile == dense->tiles - 1];
    size_t first = (size_t)tile * DENSE_TILE;
    return primitive_run(p, thread, x, weights + first * (size_t)dense->inputs, y + first);
}

static cf_status dense_backward_data(Dense *dense, int thread, const float *dy, const float *weights, float *dx) {
    return primitive_run(&dense->backward_data, thread, dy, weights, dx);
}

static cf_status dense_backward_weights(Dense *dense, int thread, int tile, const float *x, const float *dy, float *dw) {
    Primitive *p = &dense->backward_weights[tile == dense->tiles - 1];
    size_t first = (size_t)tile * DENSE_TILE;
    return primitive_run(p, thread, dy + first, x, dw + first * (size_t)dense->inputs);
}

/* ---- The engine of this machine ---- */

static Engine fast_engine = {
    .conv_new = conv_new,
    .conv_free = conv_free,
    .conv_pack = conv_pack,
    .conv_forward = conv_forward,
    .conv_backward_data = conv_backward_data,
    .conv_slot_size = conv_slot_size,
    .conv_backward_weights = conv_backward_weights,
    .conv_unpack = conv_unpack,
    .dense_new = dense_new,
    .dense_free = dense_free,
    .dense_forward = dense_forward,
    .dense_backward_data = dense_backward_data,
    .dense_backward_weights = dense_backward_weights,
};

static void choose_engine(void) {
    static char name[96];
    const dnnl_version_t *version = dnnl_version();
    fast_engine.kernels = cpu_kernels();
    if (strcmp(fast_engine.kernels->name, "avx2") == 0) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    snprintf(name, sizeof name, "oneDNN %d.%d.%d, %s kernels", version->major, version->minor, version->patch,
             fast_engine.kernels->name);
    fast_engine.name = name;
}

const Engine *cpu_engine(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose_engine);
    return &fast_engine;
}
