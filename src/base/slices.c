#include "base/slices.h"

#include "base/ranks.h"

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/sysinfo.h>

typedef struct Loop {
    SliceFn work;
    void *context;
    int64_t count;
    _Atomic int64_t next;   /* the piece to be taken */
    _Atomic int64_t failed; /* the lowest that failed; beyond all pieces while none has */
    pthread_mutex_t lock;   /* of what follows: the failure at `failed` */
    cf_status status;
    char message[2048];
} Loop;

static void record_failure(Loop *loop, int64_t index, cf_status status) {
    pthread_mutex_lock(&loop->lock);
    if (index < loop->failed) {
        loop->failed = index;
        loop->status = status;
        snprintf(loop->message, sizeof loop->message, "%s", cf_error());
    }
    pthread_mutex_unlock(&loop->lock);
}

/* Pieces are taken one by one: dealt in advance, they would wait for a thread that a neighbour on the machine slows down.
 * Only pieces above a failed one are left out, so the lowest failure is found whatever the timing. */
static void take_pieces(void *context, int thread) {
    Loop *loop = context;
    for (int64_t i = loop->next++; i < loop->count && i <= loop->failed; i = loop->next++) {
        cf_status status = loop->work(loop->context, i, thread);
        if (status) record_failure(loop, i, status);
    }
}

cf_status slices_run(int threads, int64_t count, SliceFn work, void *context) {
    Loop loop = {.work = work, .context = context, .count = count, .failed = count, .lock = PTHREAD_MUTEX_INITIALIZER};
    pool_run(count < threads ? (int)count : threads, take_pieces, &loop);
    if (loop.status) status_set_message(loop.message);
    return loop.status;
}

typedef struct Items {
    ItemFn work;
    void *context;
    size_t count, together;
} Items;

static cf_status work_on_items(void *context, int64_t piece, int thread) {
    const Items *items = context;
    const size_t from = (size_t)piece * items->together, left = items->count - from;
    const size_t end = from + (left < items->together ? left : items->together);
    for (size_t i = from; i < end; i++) items->work(items->context, i, thread);
    return CF_OK;
}

void slices_each(int threads, size_t count, size_t together, ItemFn work, void *context) {
    Items items = {work, context, count, together};
    slices_run(threads, (int64_t)((count + together - 1) / together), work_on_items, &items);
}

int slices_threads(int requested) {
    int threads = requested > 0 ? requested : omp_get_num_procs();
    /* Of ranks that are not bound to processors of their own each has its share. */
    if (requested <= 0 && threads == get_nprocs()) threads /= ranks_on_this_machine();
    if (threads < 1) threads = 1;
    return threads > SLICES_MAX_THREADS ? SLICES_MAX_THREADS : threads;
}
