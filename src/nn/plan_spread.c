/* The sums over a batch, and a batch over ranks: each computes a part of it, whole groups of images, whose sums are a node of the tree of all sums; what is above
 * that node is added between ranks (base/rank_tree.h).
 *
 * Norms need their sums at once. Gradients are sent while the way back goes on: at a barrier, those that are complete by then.
 * Losses, counts and sums in double go with the last message. */
#include "nn/planner.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct Range {
    float *from;
    size_t count;
} Range;

/* Gradients that are complete at some step of the way back. */
typedef struct GradientPart {
    Node node; /* of the step that has its sum begin */
    Range *ranges;
    int count;
    size_t total;
    float *packed; /* where there are several ranges */
    RankJoin *join;
    struct GradientPart *next;
} GradientPart;

struct Spread {
    RankTree *tree;
    GradientPart *parts, *latest; /* latest: whose step is not there yet */
    double *doubles;              /* losses, correct, stop, sums */
    size_t double_count;
    RankJoin *double_join;
    bool stop;
    size_t payload; /* bytes of the vectors that were summed since the plan was made */
};

cf_status spread_new(Plan *plan) {
    int64_t first, count;
    const int units = plan_units(plan->layers, plan->options.batch), unit = plan_unit(plan);
    FORWARD(memory_new(1, sizeof *plan->spread, &plan->spread));
    FORWARD(rank_tree_new(units, plan->options.ranks, &plan->spread->tree));
    FAIL_IF(ranks_rank() >= rank_tree_ranks(plan->spread->tree), CF_INTERNAL,
            "a batch of %d units has none for rank %d", units, ranks_rank());
    rank_tree_units(plan->spread->tree, ranks_rank(), &first, &count);
    plan->first = (int)first * unit;
    if (plan->batch > (int)(first + count) * unit) plan->batch = (int)(first + count) * unit;
    plan->batch -= plan->first;
    return CF_OK;
}

void spread_free(Spread *spread) {
    if (!spread) return;
    for (GradientPart *part = spread->parts, *next; part; part = next) {
        next = part->next;
        rank_join_free(part->join);
        free(part->ranges);
        free(part->packed);
        free(part);
    }
    rank_join_free(spread->double_join);
    free(spread->doubles);
    rank_tree_free(spread->tree);
    free(spread);
}

/* ---- Sums at once ---- */

void tree_sum(double *values, size_t stride, int count, size_t size) {
    for (int step = 1; step < count; step *= 2)
        for (int s = 0; s + step < count; s += 2 * step)
            for (size_t i = 0; i < size; i++) values[(size_t)s * stride + i] += values[(size_t)(s + step) * stride + i];
}

static int ranks_of(const Plan *plan) {
    return plan->spread ? rank_tree_ranks(plan->spread->tree) : 0;
}

size_t plan_rows(const Plan *plan) {
    return (size_t)(plan->slices + ranks_of(plan));
}

typedef struct PartsFold {
    const Plan *plan;
    double *values;
    size_t size;
    PartsJoin join;
    void *context;
} PartsFold;

/* The image that a rank's part begins with; behind the last, the end of the batch. */
static int first_image(const PartsFold *f, int rank) {
    int64_t first, count;
    const RankTree *tree = f->plan->spread->tree;
    if (rank == rank_tree_ranks(tree)) return INT_MAX;
    rank_tree_units(tree, rank, &first, &count);
    return (int)first * plan_unit(f->plan);
}

static void fold_parts(void *context, int to, int from, int end) {
    const PartsFold *f = context;
    f->join(f->context, f->values + (size_t)to * f->size, f->values + (size_t)from * f->size, first_image(f, to),
            first_image(f, from), first_image(f, end));
}

cf_status plan_join_parts(const Plan *plan, double *values, size_t size, PartsJoin join, void *context) {
    const int slice = plan->slice, count = plan->slices;
    for (int step = 1; step < count; step *= 2)
        for (int s = 0; s + step < count; s += 2 * step) {
            const int end = s + 2 * step < count ? s + 2 * step : count;
            join(context, values + (size_t)s * size, values + (size_t)(s + step) * size, plan->first + s * slice,
                 plan->first + (s + step) * slice, plan->first + end * slice);
        }
    if (!plan->spread) return CF_OK;
    double *all = values + (size_t)count * size;
    PartsFold parts = {plan, all, size, join, context};
    plan->spread->payload += size * sizeof *values;
    FORWARD(rank_tree_gather(plan->spread->tree, values, size * sizeof *values, all));
    rank_tree_fold(plan->spread->tree, fold_parts, &parts);
    memcpy(values, all, size * sizeof *values);
    return CF_OK;
}

cf_status plan_sum(const Plan *plan, double *values, size_t size) {
    tree_sum(values, size, plan->slices, size);
    if (!plan->spread) return CF_OK;
    plan->spread->payload += size * sizeof *values;
    return rank_tree_sum(plan->spread->tree, values, size, values + (size_t)plan->slices * size);
}

/* ---- Gradients ---- */

cf_status planner_sum(Planner *planner, const DoubleSum *sum) {
    Plan *plan = planner->plan;
    FORWARD(memory_grow(&plan->sums, (size_t)plan->sum_count, sizeof *plan->sums));
    plan->sums[plan->sum_count++] = *sum;
    return CF_OK;
}

static cf_status close_sum(const Work *w) {
    const DoubleSum *sum = &w->plan->sums[w->index];
    double *values = *sum->from + sum->offset;
    tree_sum(values, sum->stride, sum->leaves, sum->count);
    for (size_t i = 0; i < sum->count; i++) sum->to[i] = (float)values[i];
    return CF_OK;
}

/* What closes and finishes gradients so far, at the end of the training list. */
static cf_status add_closing(Planner *planner) {
    StepList *list = &planner->plan->lists[LIST_TRAINING];
    for (int i = 0; i < planner->closing.count; i++) FORWARD(steps_add(list, planner->closing.steps[i]));
    const int sums_end = list->count;
    for (int i = 0; i < planner->finishing.count; i++) FORWARD(steps_add(list, planner->finishing.steps[i]));
    if (list->count > sums_end) list->steps[sums_end].joins_last = false;
    planner->closing.count = planner->finishing.count = 0;
    return CF_OK;
}

static cf_status new_part(Spread *spread, GradientPart **part) {
    FORWARD(memory_new(1, sizeof **part, part));
    **part = (GradientPart){.next = spread->parts};
    spread->parts = *part;
    return CF_OK;
}

static cf_status add_range(GradientPart *part, Range range) {
    FORWARD(memory_grow(&part->ranges, (size_t)part->count, sizeof *part->ranges));
    part->ranges[part->count++] = range;
    part->total += range.count;
    return CF_OK;
}

cf_status planner_part_gradient(Planner *planner, float *gradient, size_t count) {
    Spread *spread = planner->plan->spread;
    if (!spread) return CF_OK;
    if (!spread->latest) FORWARD(new_part(spread, &spread->latest));
    return add_range(spread->latest, (Range){gradient, count});
}

/* Between the ranges and what is sent of several, when `out`; or back. */
static void copy_ranges(GradientPart *part, bool out) {
    float *packed = part->packed;
    for (int i = 0; packed && i < part->count; packed += part->ranges[i++].count)
        memcpy(out ? packed : part->ranges[i].from, out ? part->ranges[i].from : packed,
               part->ranges[i].count * sizeof(float));
}

static cf_status begin_part(const Work *w) {
    GradientPart *part = (GradientPart *)w->node;
    w->plan->spread->payload += part->total * sizeof(float);
    copy_ranges(part, true);
    return rank_join_begin(part->join, part->packed ? part->packed : part->ranges->from);
}

static cf_status finish_part(GradientPart *part) {
    FORWARD(rank_join_finish(part->join));
    copy_ranges(part, false);
    return CF_OK;
}

static cf_status make_doubles(Plan *plan) {
    Spread *spread = plan->spread;
    spread->double_count = (size_t)plan->head_count + 2;
    for (int i = 0; i < plan->sum_count; i++) spread->double_count += plan->sums[i].count;
    FORWARD(memory_new(spread->double_count, sizeof(double), &spread->doubles));
    return rank_join_new(spread->tree, spread->double_count, sizeof(double), &spread->double_join);
}

enum { WORTH = 1 << 15 }; /* floats: a message of less costs more than it saves */

static cf_status begin_here(Planner *planner, GradientPart *part) {
    FORWARD(rank_join_new(planner->plan->spread->tree, part->total, sizeof(float), &part->join));
    if (part->count > 1) FORWARD(memory_new(part->total, sizeof(float), &part->packed));
    return planner_step(planner, IN_TRAINING, STEP_ONCE, begin_part, &part->node, 1, USES_NOTHING);
}

/* A long range is sent from where it lies, as a part of its own: packing it would copy it twice. */
static cf_status begin_long_ranges(Planner *planner, GradientPart *part) {
    for (int i = 0; i < part->count;) {
        GradientPart *own;
        if (part->ranges[i].count < WORTH) {
            i++;
            continue;
        }
        FORWARD(new_part(planner->plan->spread, &own));
        FORWARD(add_range(own, part->ranges[i]));
        part->total -= part->ranges[i].count;
        part->ranges[i] = part->ranges[--part->count];
        FORWARD(begin_here(planner, own));
    }
    return CF_OK;
}

cf_status spread_begin_sums(Planner *planner, bool last) {
    Spread *spread = planner->plan->spread;
    GradientPart *part = spread->latest;
    if (last) FORWARD(make_doubles(planner->plan));
    if (!last && (!part || part->total < WORTH)) return CF_OK;
    planner->going_back = false; /* the steps that follow are no barriers of its own */
    FORWARD(add_closing(planner));
    /* The last ones are waited for at once: one message is better. */
    if (part && !last) FORWARD(begin_long_ranges(planner, part));
    if (part && part->count && (last || part->total >= WORTH)) {
        FORWARD(begin_here(planner, part));
        spread->latest = NULL;
    }
    planner->going_back = !last;
    return CF_OK;
}

/* Weight gradients need nothing but what stays: they wait until the way back is done, and then run together. So do the
 * last touches, when all sums are there. */
cf_status planner_end(Planner *planner) {
    const Plan *plan = planner->plan;
    planner->going_back = false;
    if (plan->sum_count)
        FORWARD(steps_add(&planner->finishing, (Step){STEP_PIECES, close_sum, NULL, plan->sum_count, true}));
    return plan->spread ? spread_begin_sums(planner, true) : add_closing(planner);
}

cf_status spread_advance(const Plan *plan) {
    for (GradientPart *part = plan->spread->parts; part; part = part->next) FORWARD(rank_join_advance(part->join));
    return CF_OK;
}

/* Between the plan and what is sent: the sums in double, when `out`; or back. */
static void copy_doubles(Plan *plan, bool out, bool *stop) {
    double *at = plan->spread->doubles;
    for (int h = 0; h < plan->head_count; h++, at++)
        *(out ? at : plan->heads[h].losses) = *(out ? plan->heads[h].losses : at);
    if (out)
        at[0] = plan->head_count ? (double)plan->heads[0].correct[0] : 0, at[1] = plan->spread->stop;
    else
        plan->heads[0].correct[0] = (int64_t)at[0], *stop = at[1] > 0;
    at += 2;
    for (int i = 0; i < plan->sum_count; i++) {
        const DoubleSum *sum = &plan->sums[i];
        for (size_t k = 0; k < sum->count; k++, at++)
            if (out)
                *at = (*sum->from)[sum->offset + k];
            else
                sum->to[k] = (float)*at;
    }
}

cf_status spread_finish(Plan *plan, bool *stop) {
    Spread *spread = plan->spread;
    copy_doubles(plan, true, stop);
    spread->payload += spread->double_count * sizeof(double);
    FORWARD(rank_join_begin(spread->double_join, spread->doubles));
    for (GradientPart *part = spread->parts; part; part = part->next) FORWARD(finish_part(part));
    FORWARD(rank_join_finish(spread->double_join));
    copy_doubles(plan, false, stop);
    return CF_OK;
}

size_t plan_payload(const Plan *plan) {
    return plan->spread ? plan->spread->payload : 0;
}

/* ---- Decisions ---- */

void plan_ask_stop(Plan *plan) {
    if (plan->spread) plan->spread->stop = true;
}

void plan_ranks(const Plan *plan, int *rank, int *ranks) {
    *rank = plan->spread ? ranks_rank() : 0;
    *ranks = plan->spread ? ranks_of(plan) : 1;
}

cf_status plan_sum_ranks(Plan *plan, double *values, size_t count) {
    RankJoin *join;
    if (!plan->spread) return CF_OK;
    FORWARD(rank_join_new(plan->spread->tree, count, sizeof *values, &join));
    cf_status status = rank_join_begin(join, values);
    if (!status) status = rank_join_finish(join);
    rank_join_free(join);
    return status;
}

cf_status spread_name_first(Plan *plan, int layer, const char **name) {
    enum { MOST = 4096 };
    int all[MOST];
    if (plan->spread) {
        FAIL_IF(ranks_of(plan) > MOST, CF_BAD_USE, "%d ranks at most expected", MOST);
        FORWARD(rank_tree_gather(plan->spread->tree, &layer, sizeof layer, all));
        for (int r = 0; r < ranks_of(plan); r++)
            if (all[r] < layer) layer = all[r];
    }
    *name = layer < plan->layers->count ? plan->layers->layers[layer].name : NULL;
    return CF_OK;
}
