/* The threads behind slices.h.
 *
 * Why not OpenMP's own: its loop ends only when every thread has come to it, and those that wait spin for milliseconds.
 * On a machine with anything else to do, each of the ten loops of a training step then waits for a thread that is not
 * running while the waiting ones take its processor. Here a loop ends when its work is done, whoever did it, and a thread
 * without work sleeps after some 50 microseconds.
 */
#pragma once

enum { SLICES_MAX_THREADS = 256 };

/* Does a share of the work, taking pieces until there are none; `thread` is below the number asked for. */
typedef void (*PoolFn)(void *context, int thread);

/* Runs work(context, 0) on the calling thread and work(context, 1 ..) on up to threads-1 others; which of them come in time
 * is left open, so the pieces must be taken, not dealt. Returns when all that came are done. Calls of several threads go on
 * side by side, each with its own others. A call from within `work` runs on its own thread alone. */
void pool_run(int threads, PoolFn work, void *context);
