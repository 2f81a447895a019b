/* The parallel loop of the whole project.
 *
 * Work is cut into a fixed number of pieces that does not depend on the number of threads. A piece writes only to places
 * of its own; sums over pieces are formed afterwards, in index order. So results are the same bits at any thread count.
 */
#pragma once

#include "base/status.h"

/* Works on piece `index`; `thread` in [0, threads) is for scratch memory only. */
typedef cf_status (*SliceFn)(void *context, int64_t index, int thread);

/* Runs pieces 0 .. count-1 on `threads` threads and waits. If pieces fail, returns the status and message of the failed
 * piece with the lowest index, the same at any number of threads; later pieces not yet begun are then left out. */
cf_status slices_run(int threads, int64_t count, SliceFn work, void *context);

/* Works on one item of many; cannot fail. */
typedef void (*ItemFn)(void *context, size_t item, int thread);

/* Runs all of `count` items that have nothing to do with each other, `together` in a piece, so that a piece is worth its handing over. */
void slices_each(int threads, size_t count, size_t together, ItemFn work, void *context);

/* `requested`, or the processors this process may use if it is 0; at least 1, at most SLICES_MAX_THREADS. */
int slices_threads(int requested);

/* ---- The threads behind it (pool.c) ----
 *
 * Why not OpenMP's own: its loop ends only when every thread has come to it, and those that wait spin for milliseconds.
 * On a machine with anything else to do, each of the ten loops of a training step then waits for a thread that is not
 * running while the waiting ones take its processor. Here a loop ends when its work is done, whoever did it, and a thread
 * without work sleeps after some 50 microseconds. */

enum { SLICES_MAX_THREADS = 256 };

/* Does a share of the work, taking pieces until there are none; `thread` is below the number asked for. */
typedef void (*PoolFn)(void *context, int thread);

/* Runs work(context, 0) on the calling thread and work(context, 1 ..) on up to threads-1 others; which of them come in time
 * is left open, so the pieces must be taken, not dealt. Returns when all that came are done. Calls of several threads go on
 * side by side, each with its own others. A call from within `work` runs on its own thread alone. */
void pool_run(int threads, PoolFn work, void *context);
