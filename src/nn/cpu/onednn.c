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

/* ---- A primitive with per-thread arguments ---- */

enum { MAX_ARGUMENTS = 4 }; /* an argument 0 is none */

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
    case DNNL_ARG_SRC:
        return dnnl_query_src_md;
    case DNNL_ARG_WEIGHTS:
        return dnnl_query_weights_md;
    case DNNL_ARG_DST:
        return dnnl_query_dst_md;
    case DNNL_ARG_DIFF_SRC:
        return dnnl_query_diff_src_md;
    case DNNL_ARG_DIFF_WEIGHTS:
        return dnnl_query_diff_weights_md;
    default:
        return dnnl_query_diff_dst_md;
    }
}

static ConstLayout argument_layout(const Primitive *p, int argument) {
    return dnnl_primitive_desc_query_md(p->desc, argument_query(argument), 0);
}

static cf_status seat_thread(Primitive *p, Seat *seat) {
    enum { BEHIND = 256 }; /* 2.6's weight gradients of depthwise convolutions use up to 20 bytes behind what they ask for (AVX2) */
    ConstLayout scratch = dnnl_primitive_desc_query_md(p->desc, dnnl_query_scratchpad_md, 0);
    DNNL(dnnl_stream_create(&seat->stream, engine, dnnl_stream_default_flags));
    for (int i = 0; i < MAX_ARGUMENTS && p->arguments[i]; i++)
        DNNL(dnnl_memory_create(&seat->memory[i], argument_layout(p, p->arguments[i]), engine, DNNL_MEMORY_NONE));
    FORWARD(memory_new(dnnl_memory_desc_get_size(scratch) + BEHIND, 1, &seat->scratch_bytes));
    DNNL(dnnl_memory_create(&seat->scratch, scratch, engine, seat->scratch_bytes));
    return CF_OK;
}

/* How a primitive is to be built. */
typedef struct Recipe {
    dnnl_status_t (*describe)(const void *operation, const_dnnl_primitive_attr_t attributes,
                              dnnl_primitive_desc_t *made);
    const void *operation; /* what describe() gets */
    int threads;
    int arguments[MAX_ARGUMENTS];
} Recipe;

static dnnl_status_t describe(Primitive *p, const Recipe *recipe) {
    dnnl_primitive_attr_t attributes;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status) return status;
    status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (!status) status = recipe->describe(recipe->operation, attributes, &p->desc);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

static cf_status build(Primitive *p, const Recipe *recipe) {
    memcpy(p->arguments, recipe->arguments, sizeof p->arguments);
    DNNL(describe(p, recipe));
    DNNL(dnnl_primitive_create(&p->primitive, p->desc));
    FORWARD(memory_new((size_t)recipe->threads, sizeof *p->seats, &p->seats));
    p->threads = recipe->threads;
    for (int t = 0; t < recipe->threads; t++) FORWARD(seat_thread(p, &p->seats[t]));
    return CF_OK;
}

/* oneDNN plans for the threads that OpenMP would give it: one, while a primitive is made. */
static cf_status primitive_new(Primitive *p, const Recipe *recipe) {
    FORWARD(memory_reserve(MEMORY_OF_LIBRARIES)); /* 2.6 crashes where its code finds no place */
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    cf_status status = build(p, recipe);
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

/* The bytes are in the order of the recipe's arguments. */
static cf_status primitive_run(Primitive *p, int thread, const void *const bytes[MAX_ARGUMENTS]) {
    Seat *seat = &p->seats[thread];
    dnnl_exec_arg_t arguments[MAX_ARGUMENTS + 1];
    int count = 0;
    for (; count < MAX_ARGUMENTS && p->arguments[count]; count++) {
        FORWARD(point(seat, count, bytes[count]));
        arguments[count] = (dnnl_exec_arg_t){p->arguments[count], seat->memory[count]};
    }
    arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, seat->scratch};
    DNNL(dnnl_primitive_execute(p->primitive, seat->stream, count, arguments));
    return CF_OK;
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
    Primitive forward, backward_data, backward_weights;
    Primitive pack_forward, pack_backward, unpack;
    void *forward_weights, *data_weights; /* in the order and type the primitives ask for */
    const DepthwiseKernels *depthwise;    /* in place of all of these, with forward_weights of its own; NULL: none */
    const ConvKernels *kernels;           /* in place of backward_weights and unpack; NULL: none */
    const ConvAlgorithm *algorithm;       /* and besides these, of all that is left of oneDNN; NULL: none */
    char *scratch;                        /* theirs, for each thread; or a slot of oneDNN's, which cannot add */
    size_t scratch_size;
};

static void conv_free(Conv *conv) {
    if (!conv) return;
    Primitive *all[] = {&conv->forward,      &conv->backward_data, &conv->backward_weights,
                        &conv->pack_forward, &conv->pack_backward, &conv->unpack};
    Layout layouts[] = {conv->layout.x, conv->layout.w, conv->layout.dw, conv->layout.y, conv->layout.plain};
    for (size_t i = 0; i < COUNT_OF(all); i++) primitive_free(all[i]);
    for (size_t i = 0; i < COUNT_OF(layouts); i++) dnnl_memory_desc_destroy(layouts[i]);
    free(conv->forward_weights);
    free(conv->data_weights);
    free(conv->scratch);
    free(conv);
}

/* A reorder runs on the calling thread, between the slices: it has one seat, and its own two arguments. */
static cf_status reorder_new(Primitive *p, ConstLayout from, ConstLayout to) {
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

static cf_status reorder_run(Primitive *p, const void *from, void *to) {
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

static dnnl_status_t describe_forward(const void *operation, const_dnnl_primitive_attr_t attributes,
                                      dnnl_primitive_desc_t *made) {
    const Conv *conv = operation;
    const ConvLayout *l = &conv->layout;
    dnnl_prop_kind_t kind = conv->training ? dnnl_forward_training : dnnl_forward_inference;
    return dnnl_convolution_forward_primitive_desc_create(made, engine, kind, dnnl_convolution_direct, l->x, l->w, NULL,
                                                          l->y, l->strides, l->dilates, l->pad_before, l->pad_after,
                                                          attributes);
}

static dnnl_status_t describe_backward_weights(const void *operation, const_dnnl_primitive_attr_t attributes,
                                               dnnl_primitive_desc_t *made) {
    const Conv *conv = operation;
    const ConvLayout *l = &conv->layout;
    return dnnl_convolution_backward_weights_primitive_desc_create(made, engine, dnnl_convolution_direct, l->x, l->dw,
                                                                   NULL, l->y, l->strides, l->dilates, l->pad_before,
                                                                   l->pad_after, conv->forward.desc, attributes);
}

static dnnl_status_t describe_backward_data(const void *operation, const_dnnl_primitive_attr_t attributes,
                                            dnnl_primitive_desc_t *made) {
    const Conv *conv = operation;
    const ConvLayout *l = &conv->layout;
    return dnnl_convolution_backward_data_primitive_desc_create(made, engine, dnnl_convolution_direct, l->x, l->w, l->y,
                                                                l->strides, l->dilates, l->pad_before, l->pad_after,
                                                                conv->forward.desc, attributes);
}

static cf_status weights_buffer(const Primitive *p, void *buffer) {
    return memory_new(dnnl_memory_desc_get_size(argument_layout(p, DNNL_ARG_WEIGHTS)), 1, buffer);
}

static cf_status algorithm_buffer(const Conv *conv, ConvPass pass, void *buffer) {
    return memory_new(conv->algorithm->packed_size(&conv->w, pass), sizeof(float), buffer);
}

/* Room of at least so many bytes for each thread, whichever pass asks. */
static cf_status scratch_for(Conv *conv, int threads, size_t bytes) {
    if (bytes <= conv->scratch_size) return CF_OK;
    free(conv->scratch);
    conv->scratch = NULL;
    conv->scratch_size = (bytes + 63) / 64 * 64;
    return memory_new((size_t)threads, conv->scratch_size, &conv->scratch);
}

static cf_status build_algorithm(Conv *conv, int threads) {
    FORWARD(scratch_for(conv, threads, conv->algorithm->scratch_size(&conv->w)));
    return algorithm_buffer(conv, CONV_FORWARD, &conv->forward_weights);
}

static cf_status build_forward(Conv *conv, int threads) {
    if (conv->algorithm) return build_algorithm(conv, threads);
    const Recipe recipe = {describe_forward, conv, threads, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST}};
    FORWARD(primitive_new(&conv->forward, &recipe));
    FORWARD(weights_buffer(&conv->forward, &conv->forward_weights));
    FORWARD(primitive_share(&conv->forward, 1, conv->forward_weights));
    return reorder_new(&conv->pack_forward, conv->layout.plain, argument_layout(&conv->forward, DNNL_ARG_WEIGHTS));
}

/* Where oneDNN has matrix instructions (AMX), it is the faster one in bfloat16. */
static void choose_kernels(Conv *conv, dnnl_data_type_t type) {
    bool amx = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx;
    const Engine *e = type == dnnl_bf16 ? cpu_engine_bf16() : cpu_engine();
    const KernelSet *set = cpu_kernel_set(e->kernels);
    const ConvKernels *kernels = type == dnnl_bf16 && amx ? NULL : set->conv;
    const Window *w = &conv->w;
    if (set->depthwise->fits(w)) conv->depthwise = set->depthwise;
    if (kernels && w->groups == 1 && w->C >= kernels->least_channels) conv->kernels = kernels;
    for (size_t i = 0; conv->kernels && !conv->algorithm && i < COUNT_OF(set->algorithms) && set->algorithms[i]; i++)
        if (set->algorithms[i]->fits(w)) conv->algorithm = set->algorithms[i];
}

static size_t conv_slot_size(const Conv *conv) {
    if (conv->depthwise) return conv->depthwise->slot_size(&conv->w);
    if (conv->kernels) return conv->kernels->slot_size(&conv->w);
    return dnnl_memory_desc_get_size(argument_layout(&conv->backward_weights, DNNL_ARG_DIFF_WEIGHTS)) / sizeof(float);
}

static cf_status build_backward_weights(Conv *conv, int threads) {
    if (conv->kernels) return scratch_for(conv, threads, conv->kernels->scratch_size(&conv->w));
    const Recipe recipe = {
        describe_backward_weights, conv, threads, {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS}};
    FORWARD(primitive_new(&conv->backward_weights, &recipe));
    FORWARD(scratch_for(conv, threads, conv_slot_size(conv) * sizeof(float)));
    return reorder_new(&conv->unpack, argument_layout(&conv->backward_weights, DNNL_ARG_DIFF_WEIGHTS),
                       conv->layout.plain);
}

static cf_status build_backward_data(Conv *conv, int threads) {
    if (conv->algorithm) return algorithm_buffer(conv, CONV_BACKWARD_DATA, &conv->data_weights);
    const Recipe recipe = {
        describe_backward_data, conv, threads, {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC}};
    FORWARD(primitive_new(&conv->backward_data, &recipe));
    FORWARD(weights_buffer(&conv->backward_data, &conv->data_weights));
    FORWARD(primitive_share(&conv->backward_data, 1, conv->data_weights));
    return reorder_new(&conv->pack_backward, conv->layout.plain,
                       argument_layout(&conv->backward_data, DNNL_ARG_WEIGHTS));
}

static cf_status build_conv(Conv *conv, dnnl_data_type_t type, bool input_gradient, int threads) {
    if (conv->depthwise) {
        FORWARD(memory_new(conv->depthwise->slot_size(&conv->w), sizeof(float), &conv->forward_weights));
        return scratch_for(conv, threads, conv->depthwise->scratch_size(&conv->w));
    }
    FORWARD(describe_window(&conv->w, type, &conv->layout));
    FORWARD(build_forward(conv, threads));
    if (conv->training) FORWARD(build_backward_weights(conv, threads));
    if (conv->training && input_gradient) FORWARD(build_backward_data(conv, threads));
    return CF_OK;
}

static cf_status conv_make(const Window *w, dnnl_data_type_t type, bool training, bool input_gradient, int threads,
                           Conv **conv) {
    Conv *made;
    FORWARD(use_engine());
    FORWARD(memory_new(1, sizeof *made, &made));
    made->w = *w;
    made->training = training;
    choose_kernels(made, type);
    cf_status status = build_conv(made, type, input_gradient, threads);
    if (status) {
        conv_free(made);
        return status;
    }
    *conv = made;
    return CF_OK;
}

static cf_status conv_new(const Window *w, bool training, bool input_gradient, int threads, Conv **conv) {
    return conv_make(w, dnnl_f32, training, input_gradient, threads, conv);
}

static cf_status conv_new_bf16(const Window *w, bool training, bool input_gradient, int threads, Conv **conv) {
    return conv_make(w, dnnl_bf16, training, input_gradient, threads, conv);
}

static cf_status conv_pack(Conv *conv, const float *weights) {
    if (conv->depthwise) {
        conv->depthwise->pack(&conv->w, weights, conv->forward_weights);
        return CF_OK;
    }
    if (conv->algorithm)
        conv->algorithm->pack(&conv->w, CONV_FORWARD, weights, conv->forward_weights);
    else
        FORWARD(reorder_run(&conv->pack_forward, weights, conv->forward_weights));
    if (conv->algorithm && conv->data_weights)
        conv->algorithm->pack(&conv->w, CONV_BACKWARD_DATA, weights, conv->data_weights);
    else if (conv->data_weights)
        FORWARD(reorder_run(&conv->pack_backward, weights, conv->data_weights));
    return CF_OK;
}

static void *scratch_of(const Conv *conv, int thread) {
    return conv->scratch ? conv->scratch + (size_t)thread * conv->scratch_size : NULL;
}

static cf_status conv_forward(Conv *conv, int thread, const void *x, void *y) {
    if (conv->depthwise) {
        conv->depthwise->forward(&conv->w, conv->forward_weights, x, scratch_of(conv, thread), y);
        return CF_OK;
    }
    if (conv->algorithm) {
        conv->algorithm->run(&conv->w, CONV_FORWARD, conv->forward_weights, x, scratch_of(conv, thread), y);
        return CF_OK;
    }
    return primitive_run(&conv->forward, thread, (const void *[MAX_ARGUMENTS]){x, conv->forward_weights, y});
}

static cf_status conv_backward_data(Conv *conv, int thread, const void *dy, void *dx) {
    if (conv->depthwise) {
        conv->depthwise->backward_data(&conv->w, conv->forward_weights, dy, scratch_of(conv, thread), dx);
        return CF_OK;
    }
    if (conv->algorithm) {
        conv->algorithm->run(&conv->w, CONV_BACKWARD_DATA, conv->data_weights, dy, scratch_of(conv, thread), dx);
        return CF_OK;
    }
    return primitive_run(&conv->backward_data, thread, (const void *[MAX_ARGUMENTS]){dy, conv->data_weights, dx});
}

static cf_status conv_backward_weights(Conv *conv, int thread, const void *x, const void *dy, float *slot, bool add) {
    void *scratch = scratch_of(conv, thread);
    if (conv->depthwise) {
        conv->depthwise->backward_weights(&conv->w, x, dy, scratch, slot, add);
        return CF_OK;
    }
    if (conv->kernels) {
        conv->kernels->backward_weights(&conv->w, x, dy, scratch, slot, add);
        return CF_OK;
    }
    const float *sums = add ? scratch : slot;
    FORWARD(primitive_run(&conv->backward_weights, thread, (const void *[MAX_ARGUMENTS]){x, dy, sums}));
    for (size_t i = 0; add && i < conv_slot_size(conv); i++) slot[i] += sums[i];
    return CF_OK;
}

static cf_status conv_unpack(Conv *conv, const float *slot, float *dw) {
    if (conv->depthwise || conv->kernels) {
        (conv->depthwise ? conv->depthwise->unpack : conv->kernels->unpack)(&conv->w, slot, dw);
        return CF_OK;
    }
    return reorder_run(&conv->unpack, slot, dw);
}

/* ---- The engine of this machine ---- */

static Engine fast_engine = {
    .stem = &cpu_stem,
    .conv_new = conv_new,
    .conv_free = conv_free,
    .conv_pack = conv_pack,
    .conv_forward = conv_forward,
    .conv_backward_data = conv_backward_data,
    .conv_slot_size = conv_slot_size,
    .conv_backward_weights = conv_backward_weights,
    .conv_unpack = conv_unpack,
};
static Engine bf16_engine; /* the same but for what makes objects */

static const char *name_engine(char text[96], const Kernels *kernels) {
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, 96, "oneDNN %d.%d.%d, %s kernels", version->major, version->minor, version->patch, kernels->name);
    return text;
}

static void choose_engines(void) {
    static char name[96], name_bf16[96];
    fast_engine.kernels = cpu_kernels();
    if (strcmp(fast_engine.kernels->name, "avx2") == 0) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    if (strcmp(fast_engine.kernels->name, "baseline") == 0) dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
    cpu_use_dense(&fast_engine);
    cpu_use_attention(&fast_engine);
    fast_engine.name = name_engine(name, fast_engine.kernels);
    bf16_engine = fast_engine;
    bf16_engine.kernels = cpu_kernels_bf16(fast_engine.kernels);
    if (!bf16_engine.kernels) return;
    bf16_engine.conv_new = conv_new_bf16;
    cpu_use_dense(&bf16_engine);
    cpu_use_attention(&bf16_engine);
    bf16_engine.name = name_engine(name_bf16, bf16_engine.kernels);
}

static pthread_once_t engines_once = PTHREAD_ONCE_INIT;

const Engine *cpu_engine(void) {
    pthread_once(&engines_once, choose_engines);
    return &fast_engine;
}

const Engine *cpu_engine_bf16(void) {
    pthread_once(&engines_once, choose_engines);
    return bf16_engine.kernels ? &bf16_engine : NULL;
}
