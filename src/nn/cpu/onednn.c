/* The one file that knows oneDNN's API, as version 3 has it (onednn_api.h makes it of version 2's).
 *
 * Primitives are built for one slice and one thread (OpenMP's maximum is 1 while they are made, and in the thread that runs
 * them), so that oneDNN never starts threads of its own and its results do not depend on their number. Each thread has its
 * own memory objects and scratchpad; nothing is allocated after _new.
 */
#include "nn/engine.h"

#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/cpu/onednn_api.h"

#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* oneDNN plans for the threads that OpenMP would give it: one, while a primitive is made. AUTO(restore_threads) undoes it. */
static int use_one_thread(void) {
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

static void restore_threads(const int *before) {
    omp_set_num_threads(*before);
}

/* ---- A primitive with per-thread arguments ---- */

/* What a primitive reads or writes: oneDNN's number of it, and what its layout is asked for by. */
typedef struct Argument {
    int number;
    dnnl_query_t layout;
} Argument;

enum { MAX_ARGUMENTS = 3, WEIGHTS = 1, WEIGHTS_GRADIENT = 2 };

/* In the order in which primitive_run takes them. */
static const Argument pass_arguments[CONV_PASSES][MAX_ARGUMENTS] = {
    [CONV_FORWARD] = {{DNNL_ARG_SRC, dnnl_query_src_md},
                      {DNNL_ARG_WEIGHTS, dnnl_query_weights_md},
                      {DNNL_ARG_DST, dnnl_query_dst_md}},
    [CONV_BACKWARD_DATA] = {{DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md},
                            {DNNL_ARG_WEIGHTS, dnnl_query_weights_md},
                            {DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md}},
    [CONV_BACKWARD_WEIGHTS] = {{DNNL_ARG_SRC, dnnl_query_src_md},
                               {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md},
                               {DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md}},
};
static const Argument reorder_arguments[] = {{DNNL_ARG_FROM, dnnl_query_src_md}, {DNNL_ARG_TO, dnnl_query_dst_md}};

typedef struct Seat { /* one thread's place */
    dnnl_stream_t stream;
    dnnl_memory_t memory[MAX_ARGUMENTS], scratch;
    const void *handles[MAX_ARGUMENTS]; /* what memory[] points at now */
    void *scratch_bytes;
} Seat;

typedef struct Primitive {
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    const Argument *arguments;
    int count, threads; /* count: of the arguments */
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

static ConstLayout layout_of(const Primitive *p, int argument) {
    return dnnl_primitive_desc_query_md(p->desc, p->arguments[argument].layout, 0);
}

static cf_status seat_thread(const Primitive *p, Seat *seat) {
    enum {
        BEHIND = 256
    }; /* 2.6's weight gradients of depthwise convolutions use up to 20 bytes behind what they ask for (AVX2) */
    ConstLayout scratch = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
    DNNL(dnnl_stream_create(&seat->stream, engine, dnnl_stream_default_flags));
    for (int i = 0; i < p->count; i++)
        DNNL(dnnl_memory_create(&seat->memory[i], layout_of(p, i), engine, DNNL_MEMORY_NONE));
    FORWARD(memory_new(dnnl_memory_desc_get_size(scratch) + BEHIND, 1, &seat->scratch_bytes));
    DNNL(dnnl_memory_create(&seat->scratch, scratch, engine, seat->scratch_bytes));
    return CF_OK;
}

/* What primitives are described with: their scratch is the seats'. */
static cf_status attributes_new(dnnl_primitive_attr_t *attributes) {
    DNNL(dnnl_primitive_attr_create(attributes));
    DNNL(dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user));
    return CF_OK;
}

static void attributes_free(const dnnl_primitive_attr_t *attributes) {
    if (*attributes) dnnl_primitive_attr_destroy(*attributes);
}

/* Makes what p->desc describes. */
static cf_status primitive_new(Primitive *p, int threads, const Argument *arguments, int count) {
    p->arguments = arguments, p->count = count;
    DNNL(dnnl_primitive_create(&p->primitive, p->desc));
    FORWARD(memory_new((size_t)threads, sizeof *p->seats, &p->seats));
    p->threads = threads;
    for (int t = 0; t < threads; t++) FORWARD(seat_thread(p, &p->seats[t]));
    return CF_OK;
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

/* The bytes are in the order of the arguments. */
static cf_status primitive_run(Primitive *p, int thread, const void *const bytes[MAX_ARGUMENTS]) {
    Seat *seat = &p->seats[thread];
    dnnl_exec_arg_t arguments[MAX_ARGUMENTS + 1];
    for (int i = 0; i < p->count; i++) {
        FORWARD(point(seat, i, bytes[i]));
        arguments[i] = (dnnl_exec_arg_t){p->arguments[i].number, seat->memory[i]};
    }
    arguments[p->count] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, seat->scratch};
    DNNL(dnnl_primitive_execute(p->primitive, seat->stream, p->count + 1, arguments));
    return CF_OK;
}

/* A reorder runs on the calling thread, between the slices: it has one seat. */
static cf_status reorder_new(Primitive *p, ConstLayout from, ConstLayout to) {
    AUTO(restore_threads) __attribute__((unused)) int before = use_one_thread();
    AUTO(attributes_free) dnnl_primitive_attr_t attributes = NULL;
    FORWARD(attributes_new(&attributes));
    DNNL(dnnl_reorder_primitive_desc_create(&p->desc, from, engine, to, engine, attributes));
    return primitive_new(p, 1, reorder_arguments, COUNT_OF(reorder_arguments));
}

static cf_status reorder_run(Primitive *p, const void *from, void *to) {
    AUTO(restore_threads) __attribute__((unused)) int before = use_one_thread();
    return primitive_run(p, 0, (const void *[MAX_ARGUMENTS]){from, to});
}

/* ---- Convolution ---- */

/* nhwc activations, weights in any order; dw, their gradient, is always float. */
typedef struct ConvLayout {
    Layout x, w, dw, y, plain; /* plain: weights as the model keeps them */
    dnnl_dims_t strides, dilates, pad_before, pad_after;
} ConvLayout;

struct Conv {
    Window w;
    ConvLayout layout;
    bool training;
    const ConvKernels *data,
        *gradient; /* ours, for the passes that read weights and for weight gradients; NULL: oneDNN's */
    Primitive passes[CONV_PASSES];
    Primitive reorders[CONV_PASSES]; /* of weights to what a pass asks for, of their gradient from what it gives */
    void *weights[CONV_PASSES];      /* as a pass asks for them; NULL backward: as forward does */
    char *scratch;                   /* of our kernels, for each thread; or a slot of oneDNN's, which cannot add */
    size_t scratch_size;
};

static void conv_free(Conv *conv) {
    if (!conv) return;
    Layout layouts[] = {conv->layout.x, conv->layout.w, conv->layout.dw, conv->layout.y, conv->layout.plain};
    for (size_t i = 0; i < COUNT_OF(layouts); i++) dnnl_memory_desc_destroy(layouts[i]);
    for (int i = 0; i < CONV_PASSES; i++) {
        primitive_free(&conv->passes[i]);
        primitive_free(&conv->reorders[i]);
        free(conv->weights[i]);
    }
    free(conv->scratch);
    free(conv);
}

AUTO_HANDLE(Conv, conv_free)

static cf_status describe_window(const Window *w, dnnl_data_type_t type, ConvLayout *layout) {
    dnnl_dims_t x = {w->N, w->C, w->H, w->W}, y = {w->N, w->K, w->P, w->Q};
    dnnl_dims_t grouped = {w->groups, w->K / w->groups, w->C / w->groups, w->R, w->S};
    const bool groups = w->groups > 1; /* else weights have no dimension for them */
    dnnl_dim_t *weights = groups ? grouped : grouped + 1;
    DNNL(dnnl_memory_desc_create_with_tag(&layout->x, 4, x, type, dnnl_nhwc));
    DNNL(dnnl_memory_desc_create_with_tag(&layout->w, 4 + groups, weights, type, dnnl_format_tag_any));
    DNNL(dnnl_memory_desc_create_with_tag(&layout->y, 4, y, type, dnnl_nhwc));
    DNNL(dnnl_memory_desc_create_with_tag(&layout->dw, 4 + groups, weights, dnnl_f32, dnnl_format_tag_any));
    DNNL(dnnl_memory_desc_create_with_tag(&layout->plain, 4 + groups, weights, dnnl_f32,
                                          groups ? dnnl_goihw : dnnl_oihw));
    layout->strides[0] = layout->strides[1] = w->stride;
    layout->dilates[0] = layout->dilates[1] = w->dilation - 1; /* oneDNN counts the pixels between */
    layout->pad_before[0] = w->pad_h;
    layout->pad_before[1] = w->pad_w;
    /* What lies behind the last window is not padding: it may be negative when the stride leaves pixels over. */
    layout->pad_after[0] = (w->P - 1) * w->stride + (w->R - 1) * w->dilation + 1 - w->H - w->pad_h;
    layout->pad_after[1] = (w->Q - 1) * w->stride + (w->S - 1) * w->dilation + 1 - w->W - w->pad_w;
    return CF_OK;
}

static dnnl_status_t describe_pass(Conv *conv, ConvPass pass, const_dnnl_primitive_attr_t attributes) {
    const ConvLayout *l = &conv->layout;
    const dnnl_prop_kind_t kind = conv->training ? dnnl_forward_training : dnnl_forward_inference;
    const_dnnl_primitive_desc_t forward = conv->passes[CONV_FORWARD].desc;
    dnnl_primitive_desc_t *made = &conv->passes[pass].desc;
    switch (pass) {
    case CONV_FORWARD:
        return dnnl_convolution_forward_primitive_desc_create(made, engine, kind, dnnl_convolution_direct, l->x, l->w,
                                                              NULL, l->y, l->strides, l->dilates, l->pad_before,
                                                              l->pad_after, attributes);
    case CONV_BACKWARD_DATA:
        return dnnl_convolution_backward_data_primitive_desc_create(made, engine, dnnl_convolution_direct, l->x, l->w,
                                                                    l->y, l->strides, l->dilates, l->pad_before,
                                                                    l->pad_after, forward, attributes);
    default:
        return dnnl_convolution_backward_weights_primitive_desc_create(
            made, engine, dnnl_convolution_direct, l->x, l->dw, NULL, l->y, l->strides, l->dilates, l->pad_before,
            l->pad_after, forward, attributes);
    }
}

static cf_status pass_new(Conv *conv, ConvPass pass, int threads) {
    AUTO(restore_threads) __attribute__((unused)) int before = use_one_thread();
    AUTO(attributes_free) dnnl_primitive_attr_t attributes = NULL;
    FORWARD(memory_reserve(MEMORY_OF_LIBRARIES)); /* 2.6 crashes where its code finds no place */
    FORWARD(attributes_new(&attributes));
    DNNL(describe_pass(conv, pass, attributes));
    return primitive_new(&conv->passes[pass], threads, pass_arguments[pass], MAX_ARGUMENTS);
}

/* The first of ours that fit. Where oneDNN has matrix instructions (AMX), it is the faster one in bfloat16, without groups. */
static void choose_kernels(Conv *conv, dnnl_data_type_t type) {
    const bool amx = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx;
    const Engine *e = type == dnnl_bf16 ? cpu_engine_bf16() : cpu_engine();
    const ConvKernels *const *kernels = cpu_kernel_set(e->kernels)->conv;
    if (type == dnnl_bf16 && amx && conv->w.groups == 1) return;
    for (; *kernels; kernels++) {
        if (!(*kernels)->fits(&conv->w)) continue;
        if ((*kernels)->run && !conv->data) conv->data = *kernels;
        if ((*kernels)->backward_weights && !conv->gradient) conv->gradient = *kernels;
    }
}

/* Room of at least so many bytes for each thread, whichever pass asks. */
static cf_status scratch_for(Conv *conv, int threads, size_t bytes) {
    if (bytes <= conv->scratch_size) return CF_OK;
    free(conv->scratch);
    conv->scratch = NULL;
    conv->scratch_size = (bytes + 63) / 64 * 64;
    return memory_new((size_t)threads, conv->scratch_size, &conv->scratch);
}

static size_t conv_slot_size(const Conv *conv) {
    if (conv->gradient) return conv->gradient->slot_size(&conv->w);
    return dnnl_memory_desc_get_size(layout_of(&conv->passes[CONV_BACKWARD_WEIGHTS], WEIGHTS_GRADIENT)) / sizeof(float);
}

static cf_status build_gradient(Conv *conv, int threads) {
    const Primitive *p = &conv->passes[CONV_BACKWARD_WEIGHTS];
    if (conv->gradient) return scratch_for(conv, threads, conv->gradient->scratch_size(&conv->w));
    FORWARD(pass_new(conv, CONV_BACKWARD_WEIGHTS, threads));
    FORWARD(scratch_for(conv, threads, conv_slot_size(conv) * sizeof(float)));
    return reorder_new(&conv->reorders[CONV_BACKWARD_WEIGHTS], layout_of(p, WEIGHTS_GRADIENT), conv->layout.plain);
}

static cf_status build_pass(Conv *conv, ConvPass pass, int threads) {
    Primitive *p = &conv->passes[pass];
    if (conv->data) {
        const size_t packed = conv->data->packed_size(&conv->w, pass);
        FORWARD(scratch_for(conv, threads, conv->data->scratch_size(&conv->w)));
        return packed ? memory_new(packed, sizeof(float), &conv->weights[pass]) : CF_OK;
    }
    FORWARD(pass_new(conv, pass, threads));
    FORWARD(memory_new(dnnl_memory_desc_get_size(layout_of(p, WEIGHTS)), 1, &conv->weights[pass]));
    FORWARD(primitive_share(p, WEIGHTS, conv->weights[pass]));
    return reorder_new(&conv->reorders[pass], conv->layout.plain, layout_of(p, WEIGHTS));
}

static cf_status conv_make(const Window *w, dnnl_data_type_t type, bool training, bool input_gradient, int threads,
                           Conv **conv) {
    AUTO(conv_free_at) Conv *made = NULL;
    FORWARD(use_engine());
    FORWARD(memory_new(1, sizeof *made, &made));
    made->w = *w;
    made->training = training;
    choose_kernels(made, type);
    FORWARD(describe_window(w, type, &made->layout));
    FORWARD(build_pass(made, CONV_FORWARD, threads));
    if (training) FORWARD(build_gradient(made, threads));
    if (training && input_gradient) FORWARD(build_pass(made, CONV_BACKWARD_DATA, threads));
    *conv = memory_take(&made);
    return CF_OK;
}

static cf_status conv_new(const Window *w, bool training, bool input_gradient, int threads, Conv **conv) {
    return conv_make(w, dnnl_f32, training, input_gradient, threads, conv);
}

static cf_status conv_new_bf16(const Window *w, bool training, bool input_gradient, int threads, Conv **conv) {
    return conv_make(w, dnnl_bf16, training, input_gradient, threads, conv);
}

static cf_status conv_pack(Conv *conv, const float *weights) {
    for (ConvPass pass = CONV_FORWARD; pass <= CONV_BACKWARD_DATA; pass++) {
        if (!conv->weights[pass]) continue;
        if (conv->data)
            conv->data->pack(&conv->w, pass, weights, conv->weights[pass]);
        else
            FORWARD(reorder_run(&conv->reorders[pass], weights, conv->weights[pass]));
    }
    return CF_OK;
}

static void *scratch_of(const Conv *conv, int thread) {
    return conv->scratch ? conv->scratch + (size_t)thread * conv->scratch_size : NULL;
}

static cf_status run_pass(Conv *conv, ConvPass pass, int thread, const void *from, void *to) {
    const void *weights = conv->weights[conv->weights[pass] ? pass : CONV_FORWARD];
    if (!conv->data)
        return primitive_run(&conv->passes[pass], thread, (const void *[MAX_ARGUMENTS]){from, weights, to});
    conv->data->run(&conv->w, pass, weights, from, scratch_of(conv, thread), to);
    return CF_OK;
}

static cf_status conv_forward(Conv *conv, int thread, const void *x, void *y) {
    return run_pass(conv, CONV_FORWARD, thread, x, y);
}

static cf_status conv_backward_data(Conv *conv, int thread, const void *dy, void *dx) {
    return run_pass(conv, CONV_BACKWARD_DATA, thread, dy, dx);
}

static cf_status conv_backward_weights(Conv *conv, int thread, const void *x, const void *dy, float *slot, bool add) {
    void *scratch = scratch_of(conv, thread);
    if (conv->gradient) {
        conv->gradient->backward_weights(&conv->w, x, dy, scratch, slot, add);
        return CF_OK;
    }
    const float *sums = add ? scratch : slot;
    FORWARD(primitive_run(&conv->passes[CONV_BACKWARD_WEIGHTS], thread, (const void *[MAX_ARGUMENTS]){x, dy, sums}));
    for (size_t i = 0; add && i < conv_slot_size(conv); i++) slot[i] += sums[i];
    return CF_OK;
}

static cf_status conv_unpack(Conv *conv, const float *slot, float *dw) {
    if (!conv->gradient) return reorder_run(&conv->reorders[CONV_BACKWARD_WEIGHTS], slot, dw);
    conv->gradient->unpack(&conv->w, slot, dw);
    return CF_OK;
}

/* ---- The engines of this machine ---- */

static Engine engines[2]; /* of float32, of bfloat16 */

static void choose_engines(void) {
    static char names[COUNT_OF(engines)][96];
    const dnnl_version_t *version = dnnl_version();
    const Kernels *f32 = cpu_kernels(), *const kernels[] = {f32, cpu_kernels_bf16(f32)};
    if (strcmp(f32->name, "avx2") == 0) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    if (strcmp(f32->name, "baseline") == 0) dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
    for (size_t i = 0; i < COUNT_OF(engines) && kernels[i]; i++) {
        engines[i] = (Engine){
            .name = names[i],
            .kernels = kernels[i],
            .stem = &cpu_stem,
            .conv_new = i ? conv_new_bf16 : conv_new,
            .conv_free = conv_free,
            .conv_pack = conv_pack,
            .conv_forward = conv_forward,
            .conv_backward_data = conv_backward_data,
            .conv_slot_size = conv_slot_size,
            .conv_backward_weights = conv_backward_weights,
            .conv_unpack = conv_unpack,
        };
        cpu_use_dense(&engines[i]);
        cpu_use_attention(&engines[i]);
        snprintf(names[i], sizeof names[i], "oneDNN %d.%d.%d, %s kernels", version->major, version->minor,
                 version->patch, kernels[i]->name);
    }
}

static const Engine *engine_chosen(int which) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose_engines);
    return engines[which].kernels ? &engines[which] : NULL;
}

const Engine *cpu_engine(void) {
    return engine_chosen(0);
}

const Engine *cpu_engine_bf16(void) {
    return engine_chosen(1);
}
