/* A case of operation ready to run: an engine's objects, and for each thread a seat with arrays of its own.
 *
 * A unit of work is what one thread does: a slice of a convolution or block, the whole of a dense layer tile by tile. The
 * arrays of a product are used again and again, so they lie in the caches as far as they fit, as a slice's do in a step.
 * A block's arrays lie where a training step has them. What the thread has just written, or will read next, is one array per
 * thread and stays in the nearest caches: the input of the moments; with a pool that of forward and backward too, where a first
 * convolution has just been done again, and the gradient it gets; the gradient that the sums read. The others are arrays of the
 * whole batch, of which a thread has a set for each slice, used in turn: of 128 images, they lie in the last cache or, where
 * that is too small, in memory. (Behind other convolutions and without a pool, forward and backward find their input there too.)
 *
 * Inputs are small integers (and factors that are multiples of 1/64), so that every sum is exact in float32 and every input
 * in bfloat16. What differs from the reference by more than the one rounding of a bfloat16 output is then an error.
 */
#ifndef BENCH_OP_RIG_H
#define BENCH_OP_RIG_H

#include "bench/bench.h"

/* The arrays of one set, in this order; those that the pass does not have are empty. */
typedef enum Region { X, DY, PICKED, PLACE, OUT, REGIONS } Region;
typedef enum OutType { OUT_ELEMENTS, OUT_FLOATS, OUT_DOUBLES, OUT_SLOT } OutType;

typedef struct Seat {
    _Alignas(64) char *memory; /* the regions that are the same in every set, then the sets */
    int64_t turn;              /* units done */
} Seat;

typedef struct OpRig {
    const OpCase *c;
    const Engine *engine;
    Conv *conv;
    Dense *dense;
    Block block;
    float *channels;                    /* CHANNEL_ARRAYS x K */
    float *weights;                     /* of a product */
    size_t bytes[REGIONS], at[REGIONS]; /* at: in the first set */
    bool in_sets[REGIONS];
    size_t shared_bytes, set_bytes;
    OutType out_type;
    size_t out_count;
    int threads, inner; /* units of work in a piece */
    int64_t sets;
    Seat *seats;
} OpRig;

/* `batch`: a block has the sets of a batch, else one. rig_free even if it fails; *r begins zeroed. */
cf_status rig_new(const OpCase *c, const Engine *engine, int threads, bool batch, OpRig *r);
void rig_free(OpRig *r);
/* A unit of work on the next set of a seat. Allocates nothing. */
cf_status rig_run(OpRig *r, int seat, int thread);
/* What a seat's first unit left behind, one array behind the other; release with free(). */
cf_status rig_values(const OpRig *r, int seat, double **values, size_t *count);
/* Bytes read and written in a unit, each array once. */
double rig_bytes(const OpRig *r);

#endif
