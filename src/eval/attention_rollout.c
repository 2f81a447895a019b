/* A tap of the plan at every attention layer. Of the product only the mean row is wanted, so it is formed from the last layer to
 * the first, a row times a matrix. */
#include "eval/attention_rollout.h"

#include "base/memory.h"
#include "base/slices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES_AT_ONCE = 64 };

struct AttentionRollout {
    const cf_model *model;
    Parameters parameters; /* the model's: a plan of inference does not write to them */
    Plan *plan;
    int threads, count;
    int *layers;  /* [count] */
    double *rows; /* [threads][2][positions] */
};

static const Layer *layer_at(const AttentionRollout *rollout, int index) {
    return &rollout->model->layers.layers[rollout->layers[index]];
}

static size_t positions_of(const AttentionRollout *rollout) {
    const Layer *last = layer_at(rollout, rollout->count - 1);
    return (size_t)last->out.H * (size_t)last->out.W;
}

static int last_attention(const LayerList *list, const bool *marks, int before) {
    int i = before - 1;
    while (i >= 0 && !(marks[i] && list->layers[i].type == &attention_type)) i--;
    return i;
}

bool attention_rollout_possible(const cf_model *model) {
    const LayerList *list = &model->layers;
    bool marks[MOST_LAYERS];
    layer_list_mark_needed(list, list->heads[0], marks);
    return last_attention(list, marks, list->count) >= 0;
}

/* From the last one back to a change of the grid. */
static cf_status find_layers(AttentionRollout *rollout) {
    const LayerList *list = &rollout->model->layers;
    bool needed[MOST_LAYERS], marks[MOST_LAYERS];
    layer_list_mark_needed(list, list->heads[0], needed);
    int at = last_attention(list, needed, list->count);
    FAIL_IF(at < 0, CF_BAD_USE, "attention rollout needs attention, and this model has none: %s", list->line);
    const Shape grid = list->layers[at].out;
    FORWARD(memory_new((size_t)list->count, sizeof *rollout->layers, &rollout->layers));
    for (int before; at >= 0; at = before) {
        const Layer *layer = &list->layers[at];
        if (layer->out.H != grid.H || layer->out.W != grid.W) break;
        memmove(rollout->layers + 1, rollout->layers, (size_t)rollout->count++ * sizeof *rollout->layers);
        rollout->layers[0] = at;
        layer_list_mark_needed(list, at, marks);
        before = last_attention(list, needed, at);
        FAIL_IF(before >= 0 && !marks[before], CF_BAD_USE,
                "attention rollout multiplies layers that follow each other, and %s reads nothing of %s", layer->name,
                list->layers[before].name);
    }
    return CF_OK;
}

/* Images of a batch, which must not depend on the number of threads: as many as fit, but a plan has a slice at least. */
static cf_status choose_batch(const AttentionRollout *rollout, int *batch) {
    const double positions = (double)positions_of(rollout);
    double bytes = 0;
    for (int i = 0; i < rollout->count; i++)
        bytes += (double)sizeof(float) * layer_at(rollout, i)->number * positions * positions;
    FAIL_IF(
        bytes * SLICE > ATTENTION_BYTES, CF_BAD_USE,
        "the weights of %d layers of attention between %.0f positions take %.1f GB for %d images, and %.1f are the most",
        rollout->count, positions, bytes * SLICE / 1e9, SLICE, ATTENTION_BYTES / 1e9);
    const double fit = ATTENTION_BYTES / 4 / bytes;
    *batch = fit >= IMAGES_AT_ONCE ? IMAGES_AT_ONCE : fit >= SLICE ? (int)fit / SLICE * SLICE : SLICE;
    return CF_OK;
}

cf_status attention_rollout_new(const cf_model *model, const Engine *engine, int threads, AttentionRollout **rollout) {
    AUTO(attention_rollout_free_at) AttentionRollout *made = NULL;
    PlanOptions options = {.engine = engine, .attention_weights = true, .only_taps = true};
    FORWARD(memory_new(1, sizeof *made, &made));
    made->model = model;
    made->parameters = model->parameters;
    made->threads = options.threads = slices_threads(threads);
    FORWARD(find_layers(made));
    FORWARD(choose_batch(made, &options.batch));
    options.taps = made->layers;
    options.tap_count = made->count;
    FORWARD(memory_new((size_t)made->threads * 2 * positions_of(made), sizeof(double), &made->rows));
    FORWARD(plan_new(&model->layers, &made->parameters, &options, &made->plan));
    FORWARD(plan_use_parameters(made->plan));
    *rollout = memory_take(&made);
    return CF_OK;
}

void attention_rollout_free(AttentionRollout *rollout) {
    if (!rollout) return;
    plan_free(rollout->plan);
    free(rollout->layers);
    free(rollout->rows);
    free(rollout);
}

int attention_rollout_count(const AttentionRollout *rollout) {
    return rollout->count;
}

const Layer *attention_rollout_layer(const AttentionRollout *rollout, int index) {
    return layer_at(rollout, index);
}

/* to = from (A + I) / 2, A the mean of heads whose rows are made to sum to 1; L positions. */
static void through_layer(const float *weights, size_t heads, size_t L, const double *from, double *to) {
    for (size_t j = 0; j < L; j++) to[j] = from[j] / 2;
    for (size_t i = 0; i < L; i++) {
        double sum = 0;
        for (size_t h = 0; h < heads; h++)
            for (size_t j = 0; j < L; j++) sum += (double)weights[(h * L + i) * L + j];
        for (size_t h = 0; h < heads; h++)
            for (size_t j = 0; j < L; j++) to[j] += from[i] / 2 / sum * (double)weights[(h * L + i) * L + j];
    }
}

typedef struct Maps {
    const AttentionRollout *rollout;
    float *maps;
} Maps;

static cf_status map_image(void *context, int64_t image, int thread) {
    const Maps *m = context;
    const AttentionRollout *rollout = m->rollout;
    const size_t L = positions_of(rollout);
    double *from = rollout->rows + (size_t)thread * 2 * L, *to = from + L, sum = 0;
    for (size_t j = 0; j < L; j++) from[j] = 1 / (double)L;
    for (int i = rollout->count - 1; i >= 0; i--) {
        const size_t heads = (size_t)layer_at(rollout, i)->number;
        through_layer(plan_attention_weights(rollout->plan, rollout->layers[i]) + (size_t)image * heads * L * L, heads,
                      L, from, to);
        double *last = from;
        from = to, to = last;
    }
    for (size_t j = 0; j < L; j++) {
        m->maps[(size_t)image * L + j] = (float)from[j];
        sum += from[j];
    }
    FAIL_IF(!isfinite(sum), CF_BAD_INPUT,
            "attention is not finite: the model's weights are so large that its scores overflow");
    return CF_OK;
}

cf_status attention_rollout_maps(AttentionRollout *rollout, const Feed *feed, const uint32_t *images, size_t count,
                                 float *maps) {
    const size_t batch = (size_t)plan_batch(rollout->plan), size = positions_of(rollout);
    for (size_t first = 0; first < count; first += batch) {
        const size_t n = count - first < batch ? count - first : batch;
        FORWARD(plan_infer(rollout->plan, feed, images + first, (int)n, NULL));
        FORWARD(slices_run(rollout->threads, (int64_t)n, map_image, &(Maps){rollout, maps + first * size}));
    }
    return CF_OK;
}

void attention_rollout_heads(const AttentionRollout *rollout, int index, float *maps) {
    const size_t heads = (size_t)layer_at(rollout, index)->number, L = positions_of(rollout);
    const float *weights = plan_attention_weights(rollout->plan, rollout->layers[index]);
    for (size_t h = 0; h < heads; h++)
        for (size_t j = 0; j < L; j++) {
            double sum = 0;
            for (size_t i = 0; i < L; i++) sum += (double)weights[(h * L + i) * L + j];
            maps[h * L + j] = (float)(sum / (double)L);
        }
}

cf_status cf_attention_grid(const cf_model *model, int hw[2]) {
    AttentionRollout rollout = {.model = model};
    cf_status status = find_layers(&rollout);
    if (!status) {
        const Shape grid = layer_at(&rollout, rollout.count - 1)->out;
        hw[0] = grid.H, hw[1] = grid.W;
    }
    free(rollout.layers);
    return status;
}

cf_status cf_attention_rollout(const cf_model *model, const cf_subset *subset, int threads, float *maps) {
    const Shape input = model->layers.input;
    AUTO(attention_rollout_free_at) AttentionRollout *rollout = NULL;
    AUTO(feed_free) Feed feed = {0};
    AUTO_FREE float *made = NULL;
    FORWARD(attention_rollout_new(model, cpu_engine(), threads, &rollout));
    FORWARD(
        feed_new(subset->set, input, (const char *const *)model->class_names, model->classes, rollout->threads, &feed));
    FORWARD(memory_new(subset->count * positions_of(rollout), sizeof *made, &made));
    FORWARD(attention_rollout_maps(rollout, &feed, subset->images, subset->count, made));
    memcpy(maps, made, subset->count * positions_of(rollout) * sizeof *made);
    return CF_OK;
}
