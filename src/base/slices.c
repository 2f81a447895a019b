#include "base/slices.h"

#include <omp.h>
#include <stdio.h>

typedef struct FirstFailure {
    int64_t index; /* the lowest that failed; beyond all pieces while none has */
    cf_status status;
    char message[2048];
} FirstFailure;

static void record_failure(FirstFailure *first, int64_t index, cf_status status) {
#pragma omp critical(slices_failure)
    if (index < first->index) {
#pragma omp atomic write
        first->index = index;
        first->status = status;
        snprintf(first->message, sizeof first->message, "%s", cf_error());
    }
}

cf_status slices_run(int threads, int64_t count, SliceFn work, void *context) {
    FirstFailure first = {.index = count};
#pragma omp parallel num_threads(threads) if (threads > 1 && count > 1)
    {
        int thread = omp_get_thread_num();
        omp_set_num_threads(1); /* this thread's own setting: a library called by a piece must not spread out */
        /* Static chunks would leave a thread idle whenever a neighbour on the machine slows the other one down. */
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < count; i++) {
            int64_t failed;
#pragma omp atomic read
            failed = first.index;
            /* Only pieces above a failed one are left out, so the lowest failure is found whatever the timing. */
            if (i > failed) continue;
            cf_status status = work(context, i, thread);
            if (status) record_failure(&first, i, status);
        }
    }
    if (first.status) status_set_message(first.message);
    return first.status;
}

int slices_threads(int requested) {
    int threads = requested > 0 ? requested : omp_get_num_procs();
    if (threads < 1) threads = 1;
    return threads > SLICES_MAX_THREADS ? SLICES_MAX_THREADS : threads;
}
