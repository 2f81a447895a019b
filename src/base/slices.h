/* The parallel loop of the whole project.
 *
 * Work is cut into a fixed number of pieces that does not depend on the number of threads. A piece writes only to places
 * of its own; sums over pieces are formed afterwards, in index order. So results are the same bits at any thread count.
 */
#pragma once

#include "base/pool.h"
#include "base/status.h"

/* Works on piece `index`; `thread` in [0, threads) is for scratch memory only. */
typedef cf_status (*SliceFn)(void *context, int64_t index, int thread);

/* Runs pieces 0 .. count-1 on `threads` threads and waits. If pieces fail, returns the status and message of the failed
 * piece with the lowest index, the same at any number of threads; later pieces not yet begun are then left out. */
cf_status slices_run(int threads, int64_t count, SliceFn work, void *context);

/* `requested`, or the processors this process may use if it is 0; at least 1, at most SLICES_MAX_THREADS. */
int slices_threads(int requested);
