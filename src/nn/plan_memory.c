/* Where every buffer of a plan lies, and what it wants besides: one table, one allocation. */
#include "base/placement.h"
#include "nn/planner.h"

#include <string.h>
#include <unistd.h>

enum { ALIGN = 64 };

static size_t aligned(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

cf_status planner_keep(Planner *planner, void *target, size_t count, size_t size) {
    size_t bytes;
    FORWARD(memory_grow(&planner->wants, planner->want_count, sizeof *planner->wants));
    if (!size_multiply(count, size, &bytes) || bytes > SIZE_MAX / 4) planner->too_large = true, bytes = 0;
    planner->wants[planner->want_count++] = (Want){target, aligned(bytes)};
    return CF_OK;
}

/* ---- Where buffers lie ---- */

/* Steps on slices that follow each other are one loop; a step of another kind is a barrier. */
static cf_status number_loops(const StepList *list, int **loops) {
    FORWARD(memory_new((size_t)list->count + 1, sizeof(int), loops));
    for (int i = 1; i < list->count; i++)
        (*loops)[i] = (*loops)[i - 1] + !(list->steps[i].kind == STEP_SLICES && list->steps[i - 1].kind == STEP_SLICES);
    return CF_OK;
}

static size_t buffer_bytes(const Plan *plan, const Buffer *buffer) {
    return aligned(buffer->image_bytes * (size_t)(buffer->per_thread ? plan->slice : plan->batch));
}

/* Buffers of one kind, of the batch or of a thread, of the list that is being placed. */
typedef struct Places {
    Buffer **buffers;
    Placed *placed; /* room for as many */
    int count;
    size_t bytes; /* of all lists */
} Places;

static cf_status place_buffers(const Plan *plan, Places *places) {
    const size_t count = (size_t)places->count;
    size_t bytes;
    for (size_t i = 0; i < count; i++) {
        const Buffer *b = places->buffers[i];
        places->placed[i] = (Placed){buffer_bytes(plan, b), b->first, b->last, 0};
    }
    FORWARD(placement_find(places->placed, count, &bytes));
    for (size_t i = 0; i < count; i++) places->buffers[i]->offset = places->placed[i].offset;
    if (bytes > places->bytes) places->bytes = bytes;
    return CF_OK;
}

/* Buffers of the batch are in use for whole loops, since slices are not at the same step; a thread's for steps. */
static void sort_buffer(const Plan *plan, Buffer *buffer, const int *loops, Places *of_batch, Places *of_threads) {
    const StepList *list = &plan->lists[buffer->list];
    if (buffer->last >= list->count || buffer->held) buffer->last = list->count - 1;
    buffer->per_thread =
        !buffer->held && list->steps[buffer->first].kind == STEP_SLICES && loops[buffer->first] == loops[buffer->last];
    Places *places = buffer->per_thread ? of_threads : of_batch;
    places->buffers[places->count++] = buffer;
    if (buffer->per_thread) return;
    buffer->first = loops[buffer->first];
    buffer->last = loops[buffer->last];
}

/* Both lists have the same memory: they do not run at the same time. */
static cf_status place_list(const Plan *plan, int list, Places *of_batch, Places *of_threads) {
    AUTO_FREE int *loops = NULL;
    FORWARD(number_loops(&plan->lists[list], &loops));
    of_batch->count = of_threads->count = 0;
    for (Buffer *b = plan->buffers; b; b = b->next)
        if (b->list == list && b->first >= 0) sort_buffer(plan, b, loops, of_batch, of_threads);
    FORWARD(place_buffers(plan, of_batch));
    return place_buffers(plan, of_threads);
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

static cf_status allot(Planner *planner, size_t batch_bytes, size_t thread_bytes) {
    Plan *plan = planner->plan;
    size_t total = batch_bytes, threads;
    bool overflow = planner->too_large;
    /* Threads' parts a page apart and more, so that they do not write to one line. */
    const size_t part = (thread_bytes + 4095) / 4096 * 4096;
    overflow |= !size_multiply(part, (size_t)plan->options.threads, &threads);
    overflow |= __builtin_add_overflow(total, threads, &total);
    size_t offset = total;
    for (size_t i = 0; i < planner->want_count; i++)
        overflow |= __builtin_add_overflow(total, planner->wants[i].bytes, &total);
    if (overflow) return FAIL(CF_NO_MEMORY, "this network and batch are too large");
    const double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
    if ((double)total > there) return too_much(plan, (double)total, (double)batch_bytes, there);
    plan->memory_bytes = total;
    if (plan->measures) return CF_OK;
    FORWARD(blocks_take(&plan->blocks, total + 1, 1, &plan->memory));
    for (size_t i = 0; i < planner->want_count; i++) {
        void *at = plan->memory + offset;
        memcpy(planner->wants[i].target, &at, sizeof at);
        offset += planner->wants[i].bytes;
    }
    for (Buffer *b = plan->buffers; b; b = b->next) b->base = plan->memory + b->offset;
    plan->thread_base = plan->memory + batch_bytes;
    plan->thread_part = part;
    return CF_OK;
}

cf_status planner_place(Planner *planner) {
    AUTO(blocks_free) Blocks blocks = {0};
    Places of_batch = {0}, of_threads = {0};
    size_t count = 1;
    for (const Buffer *b = planner->plan->buffers; b; b = b->next) count++;
    for (int i = 0; i < 2; i++) {
        Places *places = i ? &of_threads : &of_batch;
        FORWARD(blocks_take(&blocks, count, sizeof(Buffer *), (void **)&places->buffers));
        FORWARD(blocks_take(&blocks, count, sizeof *places->placed, &places->placed));
    }
    for (int list = 0; list < LISTS; list++) FORWARD(place_list(planner->plan, list, &of_batch, &of_threads));
    return allot(planner, of_batch.bytes, of_threads.bytes);
}
