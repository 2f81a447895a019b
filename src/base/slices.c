#include "base/slices.h"

#include <omp.h>
#include <stdio.h>

typedef struct FirstFailure {
    int64_t index;
    cf_status status;
    char message[1024];
} FirstFailure;

static void record_failure(FirstFailure *first, int64_t index, cf_status status) {
#pragma omp critical(slices_failure)
    if (!first->status || index < first->index) {
        first->index = index;
        first->status = status;
        snprintf(first->message, sizeof first->message, "%s", cf_error());
    }
}

cf_status slices_run(int threads, int64_t count, SliceFn work, void *context) {
    FirstFailure first = {0};
    int failed = 0;
#pragma omp parallel num_threads(threads) if (threads > 1 && count > 1)
    {
        int thread = omp_get_thread_num();
        /* Static chunks would leave a thread idle whenever a neighbour on the machine slows the other one down. */
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < count; i++) {
            int stop;
#pragma omp atomic read
            stop = failed;
            if (stop) continue;
            cf_status status = work(context, i, thread);
            if (!status) continue;
            record_failure(&first, i, status);
#pragma omp atomic write
            failed = 1;
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
