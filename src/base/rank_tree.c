#include "base/rank_tree.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* A node: ranks from .. to - 1, of which those before `middle` are its left part; a leaf has one rank. */
typedef struct Branch {
    int from, middle, to;
    int left, right; /* branches; -1: a leaf */
} Branch;

struct RankTree {
    int ranks, branches;
    Branch *branch;      /* [0] is the root */
    int64_t *first;      /* [ranks + 1]: the units of each */
    int path[64], depth; /* this rank's branches, from the root to its leaf */
    int next_tag;
    RanksRequest *requests; /* [2 ranks] */
};

/* ---- Dealing out ---- */

/* How many of `units` are the left part of a tree over them. */
static int64_t left_units(int64_t units) {
    int64_t left = 1;
    while (2 * left < units) left *= 2;
    return left;
}

/* Ranks by the share of the units, at least one on each side and no more than units. */
static int left_ranks(int64_t units, int64_t left, int ranks) {
    int64_t count = (2 * (int64_t)ranks * left + units) / (2 * units);
    if (count > left) count = left;
    if (count > ranks - 1) count = ranks - 1;
    if (ranks - count > units - left) count = ranks - (units - left);
    return (int)(count < 1 ? 1 : count);
}

static int deal_out_units(RankTree *tree, int64_t first, int64_t units, int from, int to) {
    const int number = tree->branches++;
    Branch *branch = &tree->branch[number];
    *branch = (Branch){from, from, to, -1, -1};
    if (to - from == 1) {
        tree->first[from] = first;
        return number;
    }
    const int64_t left = left_units(units);
    branch->middle = from + left_ranks(units, left, to - from);
    branch->left = deal_out_units(tree, first, left, from, branch->middle);
    branch->right = deal_out_units(tree, first + left, units - left, branch->middle, to);
    return number;
}

static bool has_rank(const Branch *branch, int rank) {
    return rank >= branch->from && rank < branch->to;
}

static void find_path(RankTree *tree) {
    for (int b = 0; b >= 0;) {
        const Branch *branch = &tree->branch[b];
        tree->path[tree->depth++] = b;
        b = ranks_rank() < branch->middle ? branch->left : branch->right;
    }
}

cf_status rank_tree_new(int64_t units, int ranks, RankTree **tree) {
    AUTO(rank_tree_free_at) RankTree *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->ranks = units < ranks ? (int)units : ranks;
    FORWARD(memory_new(2 * (size_t)made->ranks, sizeof *made->branch, &made->branch));
    FORWARD(memory_new((size_t)made->ranks + 1, sizeof *made->first, &made->first));
    FORWARD(memory_new(2 * (size_t)made->ranks, sizeof *made->requests, &made->requests));
    made->first[made->ranks] = units;
    deal_out_units(made, 0, units, 0, made->ranks);
    if (ranks_rank() < made->ranks) find_path(made);
    *tree = memory_take(&made);
    return CF_OK;
}

void rank_tree_free(RankTree *tree) {
    if (!tree) return;
    free(tree->branch);
    free(tree->first);
    free(tree->requests);
    free(tree);
}

int rank_tree_ranks(const RankTree *tree) {
    return tree->ranks;
}

void rank_tree_units(const RankTree *tree, int rank, int64_t *first, int64_t *count) {
    *first = tree->first[rank];
    *count = tree->first[rank + 1] - *first;
}

/* ---- From everyone to everyone ---- */

/* All ranks begin the same messages in the same order; a tag is used again when those before it are long done. */
static int new_tag(RankTree *tree) {
    enum { TAGS = 1 << 14 };
    const int tag = TAG_JOIN + tree->next_tag;
    tree->next_tag = (tree->next_tag + 1) % TAGS;
    return tag;
}

static cf_status post_gather(const RankTree *tree, RanksRequest *requests, int tag, const void *own, size_t bytes,
                             char *all) {
    const int me = ranks_rank();
    for (int i = 1; i < tree->ranks; i++) {
        const int from = (me + i) % tree->ranks, to = (me + tree->ranks - i) % tree->ranks;
        FORWARD(ranks_post_receive(&requests[2 * i - 2], from, tag, all + (size_t)from * bytes, bytes));
        FORWARD(ranks_post_send(&requests[2 * i - 1], to, tag, own, bytes));
    }
    return CF_OK;
}

cf_status rank_tree_gather(RankTree *tree, const void *own, size_t bytes, void *all) {
    FORWARD(post_gather(tree, tree->requests, new_tag(tree), own, bytes, all));
    FORWARD(ranks_wait(tree->requests, 2 * tree->ranks - 2));
    memcpy((char *)all + (size_t)ranks_rank() * bytes, own, bytes);
    return CF_OK;
}

static void fold_branch(const RankTree *tree, int number, void (*join)(void *, int, int, int), void *context) {
    const Branch *branch = &tree->branch[number];
    if (branch->left < 0) return;
    fold_branch(tree, branch->left, join, context);
    fold_branch(tree, branch->right, join, context);
    join(context, branch->from, branch->middle, branch->to);
}

void rank_tree_fold(const RankTree *tree, void (*join)(void *context, int to, int from, int end), void *context) {
    fold_branch(tree, 0, join, context);
}

static void add_vectors(void *to, const void *from, size_t count, size_t element) {
    float *a = to;
    double *b = to;
    if (element == sizeof *a)
        for (size_t i = 0; i < count; i++) a[i] += ((const float *)from)[i];
    else
        for (size_t i = 0; i < count; i++) b[i] += ((const double *)from)[i];
}

typedef struct Fold {
    char *all, *own; /* own: this rank's vector lies there and not in `all`; NULL: it lies in it */
    size_t count, element;
} Fold;

static char *vector_of(const Fold *f, int rank) {
    return f->own && rank == ranks_rank() ? f->own : f->all + (size_t)rank * f->count * f->element;
}

static void fold_sum(void *context, int to, int from, int end) {
    const Fold *f = context;
    (void)end;
    add_vectors(vector_of(f, to), vector_of(f, from), f->count, f->element);
}

cf_status rank_tree_sum(RankTree *tree, double *values, size_t count, double *all) {
    Fold sum = {(char *)all, NULL, count, sizeof *values};
    FORWARD(rank_tree_gather(tree, values, count * sizeof *values, all));
    rank_tree_fold(tree, fold_sum, &sum);
    memcpy(values, all, count * sizeof *values);
    return CF_OK;
}

/* ---- Long vectors ---- */

struct RankJoin {
    RankTree *tree;
    size_t count, element;
    char *values, *scratch;
    RanksRequest *requests;
    int open, tag;
    bool whole; /* everyone to everyone */
    int stage;  /* the branch of the path whose parts are being joined; -1: sums are sent round; -2: done */
};

cf_status rank_join_new(RankTree *tree, size_t count, size_t element, RankJoin **join) {
    /* Bytes of all ranks' vectors. Two send no more bytes so than piece by piece, but each adds twice as many. */
    enum { SHORT = 1 << 16, SHORT_OF_TWO = 1 << 18 };
    AUTO(rank_join_free_at) RankJoin *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    *made = (RankJoin){.tree = tree, .count = count, .element = element, .stage = -2};
    made->whole = count * element * (size_t)tree->ranks <= (tree->ranks == 2 ? SHORT_OF_TWO : SHORT);
    FORWARD(memory_new(count * element * (made->whole ? (size_t)tree->ranks : 1), 1, &made->scratch));
    FORWARD(memory_new(2 * (size_t)tree->ranks, sizeof *made->requests, &made->requests));
    *join = memory_take(&made);
    return CF_OK;
}

void rank_join_free(RankJoin *join) {
    if (!join) return;
    free(join->scratch);
    free(join->requests);
    free(join);
}

/* Where piece p begins, in bytes: at lines, for all but the last. */
static size_t piece_begin(const RankJoin *join, int p) {
    const size_t line = 64 / join->element, ranks = (size_t)join->tree->ranks;
    return (p == join->tree->ranks ? join->count : join->count / line * (size_t)p / ranks * line) * join->element;
}

static size_t piece_bytes(const RankJoin *join, int p) {
    return piece_begin(join, p + 1) - piece_begin(join, p);
}

/* Which rank of a part adds a piece whose adder in the node above is `adder`: the same, or the one that takes as many as others. */
static int adder_in(const Branch *part, int adder, int piece) {
    return has_rank(part, adder) ? adder : part->from + piece % (part->to - part->from);
}

/* The ranks that have this piece in both parts of the branch at `stage` of the path, and the one that adds them. */
typedef struct Meeting {
    int mine, other, adder;
} Meeting;

static Meeting meeting_of(const RankJoin *join, int stage, int piece) {
    const RankTree *tree = join->tree;
    int adder = piece;
    for (int s = 1; s <= stage; s++) adder = adder_in(&tree->branch[tree->path[s]], adder, piece);
    const Branch *branch = &tree->branch[tree->path[stage]];
    const int own = tree->path[stage + 1], across = own == branch->left ? branch->right : branch->left;
    return (Meeting){adder_in(&tree->branch[own], adder, piece), adder_in(&tree->branch[across], adder, piece), adder};
}

static cf_status post_piece(RankJoin *join, bool sends, int other, int piece) {
    const size_t begin = piece_begin(join, piece), bytes = piece_bytes(join, piece);
    RanksRequest *request = &join->requests[join->open++];
    if (sends) return ranks_post_send(request, other, join->tag, join->values + begin, bytes);
    return ranks_post_receive(request, other, join->tag, (join->stage < 0 ? join->values : join->scratch) + begin,
                              bytes);
}

static cf_status post_stage(RankJoin *join) {
    const int me = ranks_rank();
    join->open = 0;
    for (int p = 0; p < join->tree->ranks; p++) {
        const Meeting m = join->stage < 0 ? (Meeting){me, p, 0} : meeting_of(join, join->stage, p);
        if (join->stage < 0 ? p == me : m.mine != me) continue;
        if (join->stage < 0) FORWARD(post_piece(join, true, p, me));
        FORWARD(post_piece(join, join->stage >= 0 && m.adder != me,
                           join->stage >= 0 && m.adder != me ? m.adder : m.other, p));
    }
    return CF_OK;
}

static void add_stage(RankJoin *join) {
    for (int p = 0; p < join->tree->ranks; p++) {
        const Meeting m = meeting_of(join, join->stage, p);
        const size_t begin = piece_begin(join, p);
        if (m.mine == ranks_rank() && m.adder == m.mine)
            add_vectors(join->values + begin, join->scratch + begin, piece_bytes(join, p) / join->element,
                        join->element);
    }
}

cf_status rank_join_begin(RankJoin *join, void *values) {
    join->values = values;
    join->tag = new_tag(join->tree);
    join->stage = join->tree->depth - 2;
    if (!join->whole) return post_stage(join);
    join->open = 2 * join->tree->ranks - 2;
    return post_gather(join->tree, join->requests, join->tag, values, join->count * join->element, join->scratch);
}

static void add_whole(RankJoin *join) {
    Fold sum = {join->scratch, join->values, join->count, join->element};
    rank_tree_fold(join->tree, fold_sum, &sum);
    if (ranks_rank()) memcpy(join->values, vector_of(&sum, 0), join->count * join->element);
    join->stage = -2;
}

cf_status rank_join_advance(RankJoin *join) {
    while (join->stage > -2 && ranks_done(join->requests, join->open)) {
        if (join->whole) {
            add_whole(join);
            continue;
        }
        if (join->stage >= 0) add_stage(join);
        if (--join->stage > -2) FORWARD(post_stage(join));
    }
    return CF_OK;
}

cf_status rank_join_finish(RankJoin *join) {
    while (join->stage > -2) {
        FORWARD(ranks_wait(join->requests, join->open));
        FORWARD(rank_join_advance(join));
    }
    return CF_OK;
}
