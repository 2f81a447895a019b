/* Where every buffer of a plan lies, and what it wants besides: one table, one allocation. */
#include "base/memory.h"
#include "base/placement.h"
#include "nn/planner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGN = 64 };

static size_t aligned(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- Memory that stays: a table of what is wanted ---- */

struct Want {
    void *target; /* of a pointer */
    size_t bytes;
};

cf_status planner_keep(Planner *planner, void *target, size_t count, size_t size) {
    size_t bytes;
    if (planner->want_count == planner->want_room) {
        const int room = planner->want_room ? 2 * planner->want_room : 64;
        Want *wants = realloc(planner->wants, (size_t)room * sizeof *wants);
        FAIL_IF(!wants, CF_NO_MEMORY, "out of memory while planning");
        planner->wants = wants;
        planner->want_room = room;
    }
    if (!size_multiply(count, size, &bytes) || bytes > SIZE_MAX / 4) planner->too_large = true, bytes = 0;
    planner->wants[planner->want_count++] = (Want){target, aligned(bytes)};
    return CF_OK;
}

/* ---- Where buffers lie ---- */

/* Steps on slices that follow each other are one loop; a step of another kind is a barrier. */
static cf_status number_loops(const StepList *list, int **loops) {
    FORWARD(memory_new((size_t)list->count + 1, sizeof(int), loops));
    for (int i = 1; i < list->count; i++)
        (*loops)[i] = (*loops)[i - 1] +
                      !(list->steps[i].kind == STEP_SLICES && list->steps[i - 1].kind == STEP_SLICES);
    return CF_OK;
}

static size_t buffer_bytes(const Plan *plan, const Buffer *buffer) {
    return aligned(buffer->image_bytes * (size_t)(buffer->per_thread ? plan->slice : plan->batch));
}

/* `placed` is room for `count`. */
static cf_status place(const Plan *plan, Buffer **buffers, int count, Placed *placed, size_t *bytes) {
    for (int i = 0; i < count; i++)
        placed[i] = (Placed){buffer_bytes(plan, buffers[i]), buffers[i]->first, buffers[i]->last, 0};
    FORWARD(placement_find(placed, (size_t)count, bytes));
    for (int i = 0; i < count; i++) buffers[i]->offset = placed[i].offset;
    return CF_OK;
}

typedef struct Places {
    Buffer **of_batch, **of_threads;
    Placed *placed;
    int batch_count, thread_count;
    size_t batch_bytes, thread_bytes;
} Places;

/* Buffers of the batch are in use for whole loops, since slices are not at the same step; a thread's for steps. */
static void sort_buffer(const Plan *plan, Buffer *buffer, const int *loops, Places *places) {
    const StepList *list = &plan->lists[buffer->list];
    if (buffer->last >= list->count || buffer->held) buffer->last = list->count - 1;
    buffer->per_thread = !buffer->held && list->steps[buffer->first].kind == STEP_SLICES &&
                         loops[buffer->first] == loops[buffer->last];
    if (buffer->per_thread) {
        places->of_threads[places->thread_count++] = buffer;
        return;
    }
    buffer->first = loops[buffer->first];
    buffer->last = loops[buffer->last];
    places->of_batch[places->batch_count++] = buffer;
}

/* Both lists have the same memory: they do not run at the same time. */
static cf_status place_list(Planner *planner, int list, Places *places) {
    Plan *plan = planner->plan;
    int *loops;
    size_t batch, thread;
    FORWARD(number_loops(&plan->lists[list], &loops));
    places->batch_count = places->thread_count = 0;
    for (Buffer *b = plan->buffers; b; b = b->next)
        if (b->list == list && b->first >= 0) sort_buffer(plan, b, loops, places);
    free(loops);
    FORWARD(place(plan, places->of_batch, places->batch_count, places->placed, &batch));
    FORWARD(place(plan, places->of_threads, places->thread_count, places->placed, &thread));
    if (batch > places->batch_bytes) places->batch_bytes = batch;
    if (thread > places->thread_bytes) places->thread_bytes = thread;
    return CF_OK;
}

/* `total` bytes are too many; of them the images' own grow with the batch. The batch is halved until it fits: what does not grow
 * with it may become less, too, so that it takes no more than is said. */
static cf_status too_much(const Plan *plan, double total, double images, double there) {
    const bool trains = plan->options.mode == PLAN_TRAINING;
    char smaller[80] = "";
    for (int batch = plan->options.batch / 2; batch > 0; batch /= 2) {
        const int filled = (batch + SLICE - 1) / SLICE * SLICE;
        const double bytes = total - images + images / plan->batch * filled;
        if (bytes > there) continue;
        snprintf(smaller, sizeof smaller, "a batch of %d%s takes %.1f GB; ", batch, trains ? " (--batch)" : "",
                 bytes / 1e9);
        break;
    }
    return FAIL(CF_NO_MEMORY,
                "%s of %d images of this network takes %.1f GB of memory, and this machine has %.1f GB; %ssmaller "
                "images%s need less",
                trains ? "a training step" : "a pass", plan->options.batch, total / 1e9, there / 1e9, smaller,
                trains ? " (--size)" : "");
}

static cf_status allot(Planner *planner, const Places *places) {
    Plan *plan = planner->plan;
    size_t total = places->batch_bytes, offset;
    bool overflow = planner->too_large;
    size_t threads;
    /* Threads' parts a page apart and more, so that they do not write to one line. */
    const size_t part = (places->thread_bytes + 4095) / 4096 * 4096;
    overflow |= !size_multiply(part, (size_t)plan->options.threads, &threads);
    overflow |= __builtin_add_overflow(total, threads, &total);
    offset = total;
    for (int i = 0; i < planner->want_count; i++)
        overflow |= __builtin_add_overflow(total, planner->wants[i].bytes, &total);
    if (overflow) return FAIL(CF_NO_MEMORY, "this network and batch are too large");
    const double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
    if ((double)total > there) return too_much(plan, (double)total, (double)places->batch_bytes, there);
    plan->memory_bytes = total;
    if (plan->measures) return CF_OK;
    FORWARD(memory_new(total + 1, 1, &plan->memory));
    for (int i = 0; i < planner->want_count; i++) {
        void *at = (char *)plan->memory + offset;
        memcpy(planner->wants[i].target, &at, sizeof at);
        offset += planner->wants[i].bytes;
    }
    for (Buffer *b = plan->buffers; b; b = b->next) b->base = (char *)plan->memory + b->offset;
    plan->thread_base = (char *)plan->memory + places->batch_bytes;
    plan->thread_part = part;
    return CF_OK;
}

cf_status planner_place(Planner *planner) {
    const Plan *plan = planner->plan;
    Places places = {0};
    size_t count = 1;
    cf_status status;
    for (const Buffer *b = plan->buffers; b; b = b->next) count++;
    FORWARD_TO(done, memory_new(count, sizeof(Buffer *), (void **)&places.of_batch));
    FORWARD_TO(done, memory_new(count, sizeof(Buffer *), (void **)&places.of_threads));
    FORWARD_TO(done, memory_new(count, sizeof *places.placed, &places.placed));
    for (int list = 0; list < LISTS; list++) FORWARD_TO(done, place_list(planner, list, &places));
    FORWARD_TO(done, allot(planner, &places));
done:
    free(places.of_batch);
    free(places.of_threads);
    free(places.placed);
    return status;
}
