/* A case of operation ready to run: an engine's objects, and for each thread a seat with arrays of its own.
 *
 * A unit of work is what one thread does: a slice of a convolution, block or stem, the whole of a dense layer tile by tile. The
 * arrays of a product are used again and again, so they lie in the caches as far as they fit, as a slice's do in a step.
 * A block's arrays lie where a training step has them. What the thread has just written, or will read next, is one array per
 * thread and stays in the nearest caches: the input of the moments; with a pool that of forward and backward too, where a first
 * convolution has just been done again, and the gradient it gets; the gradient that the sums read. The others are arrays of the
 * whole batch, of which a thread has a set for each slice, used in turn: of 128 images, they lie in the last cache or, where
 * that is too small, in memory. (Behind other convolutions and without a pool, forward and backward find their input there too.)
 * A stem's images, outputs and places are the batch's; its gradient, which the layer behind has just written, is one array per
 * thread, and so are the images of its moments, which their preparation has just written. Of attention the input forward, which
 * a projection has just written, and both gradients are one array per thread.
 *
 * Of the other kinds, X in a forward pass and DY in a backward one have just been written; what was kept and what is kept for the
 * way back is the batch's.
 *
 * Inputs are small integers (and factors that are multiples of 1/64), so that every sum is exact in float32 and every input
 * in bfloat16. What differs from the reference by more than the one rounding of a bfloat16 output is then an error.
 */
#pragma once

#include "bench/bench.h"

/* The arrays of one set, in this order; those that the pass does not have are empty. Y: the output that a stem's and attention's
 * backward pass reads, or where a norm's sums go. DY: also what is added. PICKED: also the factors of channels, and what attention
 * keeps. */
typedef enum Region { X, DY, PICKED, PLACE, Y, OUT, REGIONS } Region;
/* OUT_STEM: a stem's sums, of which rig_stem_read says what follows. */
typedef enum OutType { OUT_ELEMENTS, OUT_FLOATS, OUT_DOUBLES, OUT_SLOT, OUT_STEM } OutType;

typedef struct Seat {
    _Alignas(64) char *memory; /* the regions that are the same in every set, then the sets */
    int64_t turn;              /* units done */
} Seat;

typedef struct OpRig {
    const OpCase *c;
    const Engine *engine;
    Conv *conv;
    Dense *dense;
    Attention *attention;
    Stem *stem; /* NULL of the reference, which forms it from its parts */
    Block block;
    float *channels;                    /* CHANNEL_ARRAYS x K */
    float *weights;                     /* of a product or stem; a norm's moments */
    size_t bytes[REGIONS], at[REGIONS]; /* at: in the first set */
    bool in_sets[REGIONS];
    size_t shared_bytes, set_bytes;
    OutType out_type;
    size_t out_count;
    int threads, inner; /* units of work in a piece */
    int64_t pieces, sets;
    Seat *seats;
} OpRig;

/* `batch`: a block or stem has the sets of a batch, else one. rig_free even if it fails; *r begins zeroed. */
cf_status rig_new(const OpCase *c, const Engine *engine, int threads, bool batch, OpRig *r);
void rig_free(OpRig *r);
/* A unit of work on the next set of a seat. Allocates nothing but what the reference's stem needs. */
cf_status rig_run(OpRig *r, int seat, int thread);
/* What a seat's first unit left behind, one array behind the other; release with free(). */
cf_status rig_values(const OpRig *r, int seat, double **values, size_t *count);
/* Bytes read and written in a unit, each array once. */
double rig_bytes(const OpRig *r);

/* Values of a case's input, output and weights. */
size_t op_inputs(const OpCase *c);
size_t op_outputs(const OpCase *c);
size_t op_weights(const OpCase *c);

/* ---- op_stem.c: what a rig does differently for a stem ---- */

/* The block behind the convolution, of which backward leaves sum d p: gradients that are 1 a + 0 b + 0 c, [3][K] as given. */
void rig_stem_block(OpRig *r, float *coefficients);
/* CF_BAD_USE: the engine does not take such a stem. */
cf_status rig_stem_new(OpRig *r);
void rig_stem_size(OpRig *r);
/* y and place for the backward pass. */
cf_status rig_stem_fill(const OpRig *r, char *set);
cf_status rig_stem_unit(const OpRig *r, char *const region[REGIONS], int thread);
/* The out_count values of OUT_STEM: mean and variance [K]; or sum d p [K][C][R][S] and sum d [K]. */
cf_status rig_stem_read(const OpRig *r, const char *set, double *values);
