#include "eval/ranking.h"

#include "base/memory.h"
#include "base/numbers.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* -1, 0 or 1 where a is smaller, equal, larger. */
#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* ---- Pairs ---- */

static int by_count(const void *first, const void *second) {
    const ConfusedPair *a = first, *b = second;
    if (a->count != b->count) return ORDER(b->count, a->count);
    if (a->share != b->share) return ORDER(b->share, a->share);
    if (a->truth != b->truth) return ORDER(a->truth, b->truth);
    return ORDER(a->predicted, b->predicted);
}

cf_status confused_pairs(const Metrics *metrics, size_t limit, ConfusedPair **pairs, size_t *count) {
    ConfusedPair *made;
    size_t found = 0;
    FORWARD(memory_new(metrics->cell_count, sizeof *made, &made));
    for (size_t i = 0; i < metrics->cell_count; i++) {
        const ConfusionCell *cell = &metrics->cells[i];
        if (cell->predicted == cell->truth) continue;
        made[found++] = (ConfusedPair){cell->truth, cell->predicted, cell->count,
                                       (double)cell->count / (double)metrics->per_class[cell->truth].support};
    }
    qsort(made, found, sizeof *made, by_count);
    *pairs = made;
    *count = limit && found > limit ? limit : found;
    return CF_OK;
}

_Static_assert(2 * SHOWN_PAIRS < MANY_CLASSES, "the classes of all pairs fit");

static int by_class(const void *left, const void *right) {
    return *(const int *)left - *(const int *)right;
}

cf_status confused_classes(const Metrics *metrics, int classes[MANY_CLASSES], int *count) {
    AUTO_FREE ConfusedPair *pairs = NULL;
    size_t pair_count;
    int found = 0;
    if (metrics->classes < MANY_CLASSES) {
        for (; found < metrics->classes; found++) classes[found] = found;
        *count = found;
        return CF_OK;
    }
    FORWARD(confused_pairs(metrics, SHOWN_PAIRS, &pairs, &pair_count));
    for (size_t i = 0; i < 2 * pair_count; i++) {
        const int class = i % 2 ? pairs[i / 2].predicted : pairs[i / 2].truth;
        int k = 0;
        while (k < found && classes[k] != class) k++;
        if (k == found) classes[found++] = class;
    }
    qsort(classes, (size_t)found, sizeof *classes, by_class);
    *count = found;
    return CF_OK;
}

/* ---- Examples ---- */

static int by_loss(const void *first, const void *second) {
    const RankedExample *a = first, *b = second;
    if (a->loss != b->loss) return ORDER(b->loss, a->loss);
    /* Where p(label) is too small for a float, the surer one is the worse. */
    if (a->confidence != b->confidence) return ORDER(b->confidence, a->confidence);
    return ORDER(a->example, b->example);
}

static int by_confidence(const void *first, const void *second) {
    const RankedExample *a = first, *b = second;
    if (a->confidence != b->confidence) return ORDER(a->confidence, b->confidence);
    return ORDER(a->example, b->example);
}

cf_status rank_examples(const Predictions *p, Ranking ranking, size_t limit, RankedExample **ranked, size_t *count) {
    RankedExample *made;
    size_t found = 0;
    FORWARD(predictions_check(p));
    FORWARD(memory_new(p->count, sizeof *made, &made));
    for (size_t i = 0; i < p->count; i++) {
        const float *row = predictions_row(p, i);
        int label = p->labels[i], best = first_largest(row, p->classes);
        if (ranking == RANK_UNSURE_RIGHT && best != label) continue;
        made[found++] =
            (RankedExample){i, label, best, (double)row[best], -log(fmax((double)row[label], (double)FLT_MIN))};
    }
    qsort(made, found, sizeof *made, ranking == RANK_TOP_LOSSES ? by_loss : by_confidence);
    *ranked = made;
    *count = limit && found > limit ? limit : found;
    return CF_OK;
}
