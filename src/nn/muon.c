/* All matrices go through the iteration side by side, in blocks of rows: a step is a fixed number of parallel loops, however many
 * matrices there are, and no value depends on how they are shared out. */
#include "nn/muon.h"

#include "base/memory.h"
#include "base/slices.h"
#include "nn/cpu/matrix_product.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { ROWS = 32, PIECE = 16384 }; /* of a block; values of a piece of the momentum */

static const float linear = 3.4445f, cubic = -4.7750f, quintic = 2.0315f;

typedef struct Matrix {
    int tensor;
    size_t offset, rows, columns; /* of its weights */
    size_t M, K;                  /* of X: M <= K */
    float scale;                  /* sqrt(max(1, rows / columns)) */
    double factor;                /* of the rate */
    float rate, kept;             /* of a step */
    float *x, *next;              /* [M][K] */
    float *across;                /* x transposed, [K][M] */
    float *gram, *polynomial;     /* [M][M] */
    int first_piece, pieces;
    float inverse_norm;
} Matrix;

typedef struct MuonBlock { /* of rows of X, or a piece of values */
    int matrix;
    size_t from, count;
} MuonBlock;

struct Muon {
    int steps;
    float momentum;
    double weight_decay;
    void (*product)(int m, int n, int k, const float *a, const float *b, float *c);
    Matrix *matrices;
    int count;
    MuonBlock *blocks, *pieces;
    int block_count, piece_count;
    double *sums;  /* squares, per piece */
    Blocks memory; /* of all these */
    /* of a step */
    float *weights, *moment;
    const float *gradient;
    void (*rows)(Muon *muon, const Matrix *x, size_t from, size_t count); /* what is done to blocks */
    atomic_bool not_finite;
};

/* ---- Building ---- */

static bool is_matrix(const Parameters *p, int i) {
    const Parameter *entry = &p->table[i];
    return entry->trainable && entry->spec->kind == PARAMETER_WEIGHT && entry->dims >= 2 &&
           p->layers->layers[entry->layer].readers > 0;
}

static void describe_matrix(const Parameters *p, int tensor, double factor, Matrix *x) {
    const Parameter *entry = &p->table[tensor];
    const size_t rows = entry->shape[0], columns = entry->count / rows;
    const bool upright = rows > columns;
    *x = (Matrix){.tensor = tensor,
                  .offset = entry->offset,
                  .rows = rows,
                  .columns = columns,
                  .M = upright ? columns : rows,
                  .K = upright ? rows : columns,
                  .factor = factor,
                  .scale = upright ? (float)sqrt((double)rows / (double)columns) : 1};
}

static int cut_pieces(MuonBlock *blocks, int at, int matrix, size_t total, size_t each) {
    for (size_t from = 0; from < total; from += each)
        blocks[at++] = (MuonBlock){matrix, from, total - from < each ? total - from : each};
    return at;
}

/* Each array begins on a line of the cache. */
static size_t whole_lines(size_t count) {
    return (count + 15) / 16 * 16;
}

static float *take_floats(float **next, size_t count) {
    float *mine = *next;
    *next += whole_lines(count);
    return mine;
}

static cf_status lay_out(const Parameters *p, const Pace *paces, Muon *muon) {
    size_t values = 1, blocks = 1, pieces = 1;
    float *next;
    FORWARD(blocks_take(&muon->memory, (size_t)p->count + 1, sizeof *muon->matrices, &muon->matrices));
    for (int i = 0; i < p->count; i++) {
        if (!is_matrix(p, i) || (paces && !paces[i].learns)) continue;
        Matrix *x = &muon->matrices[muon->count++];
        describe_matrix(p, i, paces ? paces[i].factor : 1, x);
        values += 3 * whole_lines(x->M * x->K) + 2 * whole_lines(x->M * x->M);
        blocks += (x->M + ROWS - 1) / ROWS;
        pieces += (x->M * x->K + PIECE - 1) / PIECE;
    }
    FORWARD(blocks_take(&muon->memory, values, sizeof *next, &next));
    FORWARD(blocks_take(&muon->memory, blocks, sizeof *muon->blocks, &muon->blocks));
    FORWARD(blocks_take(&muon->memory, pieces, sizeof *muon->pieces, &muon->pieces));
    FORWARD(blocks_take(&muon->memory, pieces, sizeof *muon->sums, &muon->sums));
    for (int i = 0; i < muon->count; i++) {
        Matrix *x = &muon->matrices[i];
        x->x = take_floats(&next, x->M * x->K), x->next = take_floats(&next, x->M * x->K),
        x->across = take_floats(&next, x->M * x->K);
        x->gram = take_floats(&next, x->M * x->M), x->polynomial = take_floats(&next, x->M * x->M);
        muon->block_count = cut_pieces(muon->blocks, muon->block_count, i, x->M, ROWS);
        x->first_piece = muon->piece_count;
        muon->piece_count = cut_pieces(muon->pieces, muon->piece_count, i, x->M * x->K, PIECE);
        x->pieces = muon->piece_count - x->first_piece;
    }
    return CF_OK;
}

cf_status muon_new(const cf_train_options *options, const Kernels *kernels, const Parameters *parameters,
                   const Pace *paces, Muon **muon) {
    AUTO(muon_free_at) Muon *made = NULL;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->steps = options->muon_steps;
    made->momentum = (float)options->momentum;
    made->weight_decay = options->weight_decay;
    made->product = kernels == &reference_kernels ? matrix_product_reference : matrix_product;
    FORWARD(lay_out(parameters, paces, made));
    *muon = memory_take(&made);
    return CF_OK;
}

void muon_free(Muon *muon) {
    if (!muon) return;
    blocks_free(&muon->memory);
    free(muon);
}

bool muon_has(const Muon *muon, int i) {
    for (int k = 0; k < muon->count; k++)
        if (muon->matrices[k].tensor == i) return true;
    return false;
}

/* ---- The parts of a step ---- */

/* The momentum, and into `next`, as the weights lie, what is to be made orthogonal, with its squares. */
static cf_status lead_momentum(void *context, int64_t index, int thread) {
    Muon *muon = context;
    const MuonBlock *piece = &muon->pieces[index];
    const Matrix *x = &muon->matrices[piece->matrix];
    const float *g = muon->gradient + x->offset + piece->from;
    float *m = muon->moment + x->offset + piece->from, *to = x->next + piece->from;
    double sum = 0;
    (void)thread;
    for (size_t i = 0; i < piece->count; i++) {
        m[i] += (1 - muon->momentum) * (g[i] - m[i]);
        to[i] = g[i] + muon->momentum * (m[i] - g[i]);
        sum += (double)to[i] * (double)to[i];
    }
    muon->sums[index] = sum;
    return CF_OK;
}

static void find_norms(Muon *muon) {
    for (int i = 0; i < muon->count; i++) {
        Matrix *x = &muon->matrices[i];
        double squares = 0;
        for (int k = 0; k < x->pieces; k++) squares += muon->sums[x->first_piece + k];
        x->inverse_norm = (float)(1 / (sqrt(squares) + 1e-7));
    }
}

/* x and x transposed, of norm 1 at most, from `next`. */
static void begin_rows(Muon *muon, const Matrix *x, size_t from, size_t count) {
    const bool upright = x->rows > x->columns;
    (void)muon;
    for (size_t i = from; i < from + count; i++)
        for (size_t k = 0; k < x->K; k++) {
            const float value = (upright ? x->next[k * x->M + i] : x->next[i * x->K + k]) * x->inverse_norm;
            x->x[i * x->K + k] = x->across[k * x->M + i] = value;
        }
}

/* gram = x x^T. */
static void square_rows(Muon *muon, const Matrix *x, size_t from, size_t count) {
    muon->product((int)count, (int)x->M, (int)x->K, x->x + from * x->K, x->x, x->gram + from * x->M);
}

/* polynomial = cubic gram + quintic gram gram; gram is symmetric to the bit. */
static void polynomial_rows(Muon *muon, const Matrix *x, size_t from, size_t count) {
    const float *gram = x->gram + from * x->M;
    float *to = x->polynomial + from * x->M;
    muon->product((int)count, (int)x->M, (int)x->M, gram, x->gram, to);
    for (size_t i = 0; i < count * x->M; i++) to[i] = cubic * gram[i] + quintic * to[i];
}

/* next = linear x + polynomial x. */
static void next_rows(Muon *muon, const Matrix *x, size_t from, size_t count) {
    const float *before = x->x + from * x->K;
    float *to = x->next + from * x->K;
    muon->product((int)count, (int)x->K, (int)x->M, x->polynomial + from * x->M, x->across, to);
    for (size_t i = 0; i < count * x->K; i++) to[i] = linear * before[i] + to[i];
}

static void turn_rows(Muon *muon, const Matrix *x, size_t from, size_t count) {
    (void)muon;
    for (size_t i = from; i < from + count; i++)
        for (size_t k = 0; k < x->K; k++) x->across[k * x->M + i] = x->x[i * x->K + k];
}

static void move_rows(Muon *muon, const Matrix *x, size_t from, size_t count) {
    const float rate = x->rate * x->scale;
    const bool upright = x->rows > x->columns;
    bool finite = true;
    for (size_t i = from; i < from + count; i++)
        for (size_t k = 0; k < x->K; k++) {
            float *w = muon->weights + x->offset + (upright ? k * x->M + i : i * x->K + k);
            *w = *w * x->kept - rate * x->x[i * x->K + k];
            finite = finite && isfinite(*w);
        }
    if (!finite) atomic_store(&muon->not_finite, true);
}

static cf_status run_block(void *context, int64_t index, int thread) {
    Muon *muon = context;
    const MuonBlock *block = &muon->blocks[index];
    (void)thread;
    muon->rows(muon, &muon->matrices[block->matrix], block->from, block->count);
    return CF_OK;
}

static cf_status run_rows(Muon *muon, int threads, void (*rows)(Muon *, const Matrix *, size_t, size_t)) {
    muon->rows = rows;
    return slices_run(threads, muon->block_count, run_block, muon);
}

static void swap_all(Muon *muon) {
    for (int i = 0; i < muon->count; i++) {
        Matrix *x = &muon->matrices[i];
        float *x_before = x->x;
        x->x = x->next;
        x->next = x_before;
    }
}

cf_status muon_step(Muon *muon, float *weights, const float *gradient, float *momentum, double rate, int threads,
                    bool *finite) {
    muon->weights = weights, muon->gradient = gradient, muon->moment = momentum;
    for (int i = 0; i < muon->count; i++) {
        muon->matrices[i].rate = (float)(rate * muon->matrices[i].factor);
        muon->matrices[i].kept = (float)(1 - rate * muon->matrices[i].factor * muon->weight_decay);
    }
    atomic_store(&muon->not_finite, false);
    *finite = true;
    if (!muon->count) return CF_OK;
    FORWARD(slices_run(threads, muon->piece_count, lead_momentum, muon));
    find_norms(muon);
    FORWARD(run_rows(muon, threads, begin_rows));
    for (int i = 0; i < muon->steps; i++) {
        if (i > 0) FORWARD(run_rows(muon, threads, turn_rows));
        FORWARD(run_rows(muon, threads, square_rows));
        FORWARD(run_rows(muon, threads, polynomial_rows));
        FORWARD(run_rows(muon, threads, next_rows));
        swap_all(muon);
    }
    FORWARD(run_rows(muon, threads, move_rows));
    *finite = !atomic_load(&muon->not_finite);
    return CF_OK;
}
