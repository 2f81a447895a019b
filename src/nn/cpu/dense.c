/* Dense layers by the kernels of product_kernels.h.
 *
 * Forward, the weights are the packed factor, once per step; a piece of work is a group of images by a panel of outputs,
 * so that a large batch reads images and weights few times. Backward, a piece is a range of inputs over the whole batch, which
 * packs what it needs of the weights or of x, a panel at a time, where it stays in the thread's own caches. Packing is also
 * what keeps rows that lie a power of two apart from driving each other out of a cache.
 */
#include "nn/cpu/cpu.h"

#include "base/memory.h"
#include "base/numbers.h"

#include <stdlib.h>

enum {
    MOST_IMAGES = 128,     /* of a group */
    LEAST_IMAGES = 16,     /* of a group, where there are as many */
    GROUPS = 4,            /* between these two */
    BACKWARD_INPUTS = 256, /* of a piece backward */
    PACKED_INPUTS = 1024   /* of a piece of packing */
};

struct Dense {
    DenseShape shape;
    const ProductKernels *kernels;
    bool training, input_gradient;
    size_t inputs, outputs, images; /* images: of all, or of a slice where the layer goes slice by slice */
    size_t group, panels;
    void *packed; /* [panels][words of inputs][columns], in whole vectors */
    float *scratch;
    size_t scratch_size; /* floats of a thread */
};

/* A thread's scratch. */
typedef struct Scratch {
    float *sums;    /* of a panel */
    float *right;   /* the packed panel */
    float *left;    /* the other factor, if that has to be packed too */
    float *waiting; /* sums over blocks of images that wait for others */
} Scratch;

/* Images of a block backward: whole groups, a power of two of them. */
static size_t block_of(const Dense *dense) {
    return PRODUCT_BLOCK * PRODUCT_WORD / dense->kernels->element;
}

/* Returns the floats that it takes; base NULL: only that. */
static size_t divide(const Dense *dense, float *base, Scratch *s) {
    const ProductKernels *kernels = dense->kernels;
    const bool pairs = kernels->element < PRODUCT_WORD;
    size_t words = dense->training ? PRODUCT_BLOCK : 0, data = product_words(kernels, dense->outputs), levels = 0,
           used = 0;
    if (dense->input_gradient && data > words) words = data;
    for (size_t blocks = quotient_up((size_t)dense->shape.N, block_of(dense)); blocks > 1; blocks /= 2) levels++;
    s->sums = scratch_part(base, &used, smaller_size(dense->images, MOST_IMAGES) * kernels->panel);
    s->right = scratch_part(base, &used, words * kernels->panel);
    s->left = scratch_part(base, &used,
                           dense->training && pairs ? PRODUCT_BLOCK * product_width(kernels, dense->outputs) : 0);
    s->waiting = scratch_part(base, &used, dense->training ? levels * dense->outputs * BACKWARD_INPUTS : 0);
    return used;
}

static Scratch scratch_of(const Dense *dense, int thread) {
    Scratch s;
    divide(dense, dense->scratch + (size_t)thread * dense->scratch_size, &s);
    return s;
}

/* ---- Making ---- */

static void dense_free(Dense *dense) {
    if (!dense) return;
    free(dense->packed);
    free(dense->scratch);
    free(dense);
}

AUTO_HANDLE(Dense, dense_free)

static size_t group_of(size_t images) {
    size_t group = quotient_up(images, GROUPS);
    return group < LEAST_IMAGES ? LEAST_IMAGES : smaller_size(group, MOST_IMAGES);
}

static cf_status new_with(const ProductKernels *kernels, const DenseShape *shape, bool training, bool input_gradient,
                          int threads, Dense **dense) {
    AUTO(dense_free_at) Dense *made = NULL;
    Scratch unused;
    size_t columns, bytes;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->shape = *shape;
    made->kernels = kernels;
    made->training = training, made->input_gradient = training && input_gradient;
    made->inputs = (size_t)shape->inputs;
    made->outputs = (size_t)shape->outputs;
    made->images = (size_t)(dense_by_slice(shape->outputs) ? shape->slice : shape->N);
    made->group = group_of(made->images);
    made->panels = quotient_up(made->outputs, kernels->panel);
    made->scratch_size = divide(made, NULL, &unused);
    columns = (made->panels - 1) * kernels->panel;
    columns += product_width(kernels, made->outputs - columns);
    FAIL_IF(!size_multiply(product_words(kernels, made->inputs), columns, &bytes), CF_NO_MEMORY,
            "a dense layer is too large");
    FORWARD(memory_new(bytes, PRODUCT_WORD, &made->packed));
    FORWARD(memory_new((size_t)threads * made->scratch_size, sizeof *made->scratch, &made->scratch));
    *dense = memory_take(&made);
    return CF_OK;
}

static cf_status dense_new(const DenseShape *shape, bool training, bool input_gradient, int threads, Dense **dense) {
    return new_with(cpu_kernel_set(cpu_engine()->kernels)->product, shape, training, input_gradient, threads, dense);
}

static cf_status dense_new_bf16(const DenseShape *shape, bool training, bool input_gradient, int threads,
                                Dense **dense) {
    return new_with(cpu_kernel_set(cpu_engine_bf16()->kernels)->product, shape, training, input_gradient, threads,
                    dense);
}

static int dense_pieces(const Dense *dense, DensePass pass) {
    const bool by_slice = dense_by_slice(dense->shape.outputs);
    size_t count = 1;
    if (pass == DENSE_PACK) count = dense->panels * quotient_up(dense->inputs, PACKED_INPUTS);
    if (pass == DENSE_FORWARD && !by_slice) count = dense->panels * quotient_up(dense->images, dense->group);
    if (pass == DENSE_BACKWARD_DATA && !by_slice) count = quotient_up(dense->inputs, BACKWARD_INPUTS);
    if (pass == DENSE_BACKWARD_WEIGHTS) count = quotient_up(dense->inputs, BACKWARD_INPUTS);
    return (int)count;
}

/* ---- Forward ---- */

/* A panel of the packed weights, from its first word of the input `from` on. */
static float *packed_panel(const Dense *dense, size_t panel, size_t from, size_t *columns) {
    const ProductKernels *kernels = dense->kernels;
    const size_t before = panel * kernels->panel, words = product_words(kernels, dense->inputs);
    *columns = smaller_size(kernels->panel, dense->outputs - before);
    return (float *)dense->packed + before * words + product_words(kernels, from) * product_width(kernels, *columns);
}

static void dense_pack(Dense *dense, int piece, const float *weights) {
    size_t panel = (size_t)piece % dense->panels, from = (size_t)piece / dense->panels * PACKED_INPUTS, columns;
    float *to = packed_panel(dense, panel, from, &columns);
    dense->kernels->pack(&(Packing){.floats = true,
                                    .transposed = true,
                                    .from = weights + panel * dense->kernels->panel * dense->inputs + from,
                                    .step = dense->inputs,
                                    .length = smaller_size(PACKED_INPUTS, dense->inputs - from),
                                    .columns = columns,
                                    .to = to});
}

static void forward_panel(const Dense *dense, int thread, size_t panel, size_t first, size_t rows, const char *x,
                          const float *bias, char *y) {
    const ProductKernels *kernels = dense->kernels;
    const DenseShape *s = &dense->shape;
    const size_t before = panel * kernels->panel, y_element = s->float_out ? sizeof(float) : kernels->element;
    Product p =
        product_of_rows(kernels, x + first * dense->inputs * kernels->element, rows, dense->inputs, dense->inputs);
    p.right = packed_panel(dense, panel, 0, &p.columns);
    p.sum = scratch_of(dense, thread).sums, p.sum_row = kernels->panel;
    p.out = y + (first * dense->outputs + before) * y_element, p.out_row = dense->outputs;
    p.float_out = s->float_out, p.bias = bias ? bias + before : NULL, p.slope = s->slope;
    kernels->multiply(&p);
}

static void dense_forward(Dense *dense, int thread, int piece, const void *x, const float *bias, void *y) {
    size_t first = (size_t)piece / dense->panels * dense->group, panel = (size_t)piece % dense->panels;
    if (!dense_by_slice(dense->shape.outputs)) {
        forward_panel(dense, thread, panel, first, smaller_size(dense->group, dense->images - first), x, bias, y);
        return;
    }
    for (first = 0; first < dense->images; first += MOST_IMAGES)
        for (panel = 0; panel < dense->panels; panel++)
            forward_panel(dense, thread, panel, first, smaller_size(MOST_IMAGES, dense->images - first), x, bias, y);
}

/* ---- Backward ---- */

/* The panel of a matrix of inputs (weights, which are floats, or x) that begins at `from`, and how it is packed. */
static Packing input_panel(const Dense *dense, int thread, const void *matrix, bool floats, size_t length, size_t from,
                           size_t end) {
    return (Packing){.from = (const char *)matrix + from * (floats ? sizeof(float) : dense->kernels->element),
                     .floats = floats,
                     .step = dense->inputs,
                     .length = length,
                     .columns = smaller_size(dense->kernels->panel, end - from),
                     .to = scratch_of(dense, thread).right};
}

/* A panel of dx from its part of the weights, which lies packed in the scratch. */
static void data_panel(const Dense *dense, int thread, const Packing *right, const Packing *next, const char *dy,
                       char *dx) {
    const ProductKernels *kernels = dense->kernels;
    for (size_t first = 0; first < dense->images; first += MOST_IMAGES) {
        const size_t rows = smaller_size(MOST_IMAGES, dense->images - first);
        Product p = product_of_rows(kernels, dy + first * dense->outputs * kernels->element, rows, dense->outputs,
                                    dense->outputs);
        p.columns = right->columns, p.right = right->to;
        p.sum = scratch_of(dense, thread).sums, p.sum_row = kernels->panel;
        p.out = dx + first * dense->inputs * kernels->element, p.out_row = dense->inputs;
        p.next = first == 0 ? next : NULL;
        kernels->multiply(&p);
    }
}

static void dense_backward_data(Dense *dense, int thread, int piece, const void *dy, const float *weights, void *dx) {
    const size_t panel = dense->kernels->panel, element = dense->kernels->element;
    size_t from = (size_t)piece * BACKWARD_INPUTS, end = smaller_size(from + BACKWARD_INPUTS, dense->inputs);
    if (dense_by_slice(dense->shape.outputs)) end = dense->inputs;
    for (; from < end; from += panel) {
        const Packing right = input_panel(dense, thread, weights, true, dense->outputs, from, end);
        const Packing next =
            input_panel(dense, thread, weights, true, dense->outputs, smaller_size(from + panel, end), end);
        dense->kernels->pack(&right);
        data_panel(dense, thread, &right, &next, dy, (char *)dx + from * element);
    }
}

/* What a block of images gives to inputs from .. end of dw: rows of sums, sum_row apart. */
static void weights_block(const Dense *dense, int thread, size_t first, size_t images, size_t from, size_t end,
                          const char *x, const char *dy, float *sum, size_t sum_row) {
    const ProductKernels *kernels = dense->kernels;
    const bool pairs = kernels->element < PRODUCT_WORD;
    const Packing left = {
        .from = dy + first * dense->outputs * kernels->element,
        .step = dense->outputs,
        .length = images,
        .columns = dense->outputs,
        .to = scratch_of(dense, thread).left,
    };
    if (pairs) kernels->pack(&left); /* two images' gradients side by side */
    x += first * dense->inputs * kernels->element;
    for (; from < end; from += kernels->panel, sum += kernels->panel) {
        const Packing right = input_panel(dense, thread, x, false, images, from, end);
        const Packing next =
            input_panel(dense, thread, x, false, images, smaller_size(from + kernels->panel, end), end);
        kernels->pack(&right);
        kernels->multiply(&(Product){
            .rows = dense->outputs,
            .columns = right.columns,
            .words = product_words(kernels, images),
            .left = pairs ? left.to : left.from,
            .left_row = PRODUCT_WORD,
            .left_word = (pairs ? product_width(kernels, dense->outputs) : dense->outputs) * PRODUCT_WORD,
            .right = right.to,
            .sum = sum,
            .sum_row = sum_row,
            .group = product_words(kernels, DENSE_GROUP),
            .next = &next,
        });
    }
}

/* Adds the stack's level `above` to the one below it. */
static void join_levels(const Dense *dense, float *waiting, size_t above, size_t columns, float *dw) {
    const size_t level = dense->outputs * BACKWARD_INPUTS, row = above > 1 ? BACKWARD_INPUTS : dense->inputs;
    const float *from = waiting + (above - 1) * level;
    float *to = above > 1 ? waiting + (above - 2) * level : dw;
    for (size_t k = 0; k < dense->outputs; k++, from += BACKWARD_INPUTS, to += row)
        for (size_t i = 0; i < columns; i++) to[i] += from[i];
}

static void dense_backward_weights(Dense *dense, int thread, int piece, const void *x, const void *dy, float *dw) {
    const size_t from = (size_t)piece * BACKWARD_INPUTS, end = smaller_size(from + BACKWARD_INPUTS, dense->inputs),
                 most = block_of(dense), N = (size_t)dense->shape.N, level = dense->outputs * BACKWARD_INPUTS;
    float *const waiting = scratch_of(dense, thread).waiting; /* a stack above dw, which is its lowest level */
    size_t height = 0;
    dw += from;
    for (size_t b = 0; b * most < N; b++, height++) {
        weights_block(dense, thread, b * most, smaller_size(most, N - b * most), from, end, x, dy,
                      height ? waiting + (height - 1) * level : dw, height ? BACKWARD_INPUTS : dense->inputs);
        for (int joins = tree_joins(b); joins > 0; joins--) join_levels(dense, waiting, height--, end - from, dw);
    }
    while (--height > 0) join_levels(dense, waiting, height, end - from, dw);
}

void cpu_use_dense(Engine *engine) {
    engine->dense_new = engine->kernels->element == sizeof(float) ? dense_new : dense_new_bf16;
    engine->dense_free = dense_free;
    engine->dense_pieces = dense_pieces;
    engine->dense_pack = dense_pack;
    engine->dense_forward = dense_forward;
    engine->dense_backward_data = dense_backward_data;
    engine->dense_backward_weights = dense_backward_weights;
}
