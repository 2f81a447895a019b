/* Magnitude pruning of whole channels (Li et al. 2017): a network with fewer channels, which keeps those with the largest filters.
 *
 * A filter's norm is that of its weights, times the factor of the batch norm behind it, as the two fold into one. Channels that a
 * residual group adds are one set: they stay or go together, by the sum of their squared norms. Of every set the same share stays, so
 * that a repeated group of the line stays one. The images' channels and what gives the outputs stay whole.
 *
 * What follows a channel goes with it: its values in norms, its column in the layers that read it, its window in a dwconv.
 */
#include "nn/model.h"

#include "base/text.h"
#include "base/text_draft.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

typedef struct Pruning {
    const cf_model *model;
    const LayerList *layers;
    int *set; /* [layers + 1] whose channels a layer's are: the number of a layer, or -1 the images'; at [1 + number] */
    bool *fixed;      /* [layers + 1] of a set: it stays whole */
    double **squares; /* [layers + 1] of a set, [channels]: summed squared norms; NULL: not a set's first */
    int **kept;       /* [layers + 1] of a set: the channels that stay, ascending; NULL: all */
    int *counts;      /* [layers + 1] how many */
    double keep;
    Blocks blocks; /* of all these */
} Pruning;

/* ---- Sets of channels ---- */

static int set_of(const Pruning *p, int layer) {
    int set = layer;
    while (p->set[1 + set] != set) set = p->set[1 + set];
    return set;
}

static void join_sets(Pruning *p, int a, int b) {
    const int first = set_of(p, a), second = set_of(p, b);
    const int low = first < second ? first : second, high = first < second ? second : first;
    p->set[1 + high] = low;
    p->fixed[1 + low] |= p->fixed[1 + high];
}

static bool makes_channels(const Layer *layer) {
    return layer->type == &conv_type || layer->type == &patch_type || layer->type == &dense_type;
}

static bool keeps_channels(const Layer *layer) {
    static const char words[] = "dwconv bn instancenorm layernorm standardize normalize dropout droppath reverse add";
    return text_has_word(words, layer->type->word) || layer_is_activation(layer) || strstr(layer->type->word, "pool");
}

static cf_status find_sets(Pruning *p) {
    const LayerList *list = p->layers;
    FAIL_IF(list->head_count > 1, CF_BAD_USE, "a network with the output %s besides the classes is not pruned",
            list->head_names[1]);
    p->set[0] = -1;
    p->fixed[0] = true;
    for (int i = 0; i < list->count; i++) {
        const Layer *l = &list->layers[i];
        p->set[1 + i] = i;
        if (makes_channels(l) && l->groups <= 1) continue;
        FAIL_IF(makes_channels(l), CF_BAD_USE, "%s has groups, whose channels stay with each other: it is not pruned",
                l->name);
        FAIL_IF(!keeps_channels(l) || (l->type == &dwconv_type && l->out.C != l->in.C), CF_BAD_USE,
                "the layer %s (%s) is not pruned: its channels depend on each other", l->name, l->type->word);
        for (int k = 0; k < l->inputs; k++) join_sets(p, l->input[k], i);
    }
    p->fixed[1 + set_of(p, list->heads[0])] = true;
    return CF_OK;
}

/* ---- Norms ---- */

/* The factor of the batch norm that alone reads what the layer makes; 1: there is none. */
static double norm_factor(const Pruning *p, int layer, int channel) {
    const Parameters *values = &p->model->parameters;
    for (int i = layer + 1; i < p->layers->count; i++) {
        const Layer *l = &p->layers->layers[i];
        if (l->type != &bn_type || l->input[0] != layer || p->layers->layers[layer].readers != 1) continue;
        return (double)batch_norm_scale(parameters_find(values, i, "weight")[channel],
                                        parameters_find(values, i, "running_var")[channel], l->epsilon);
    }
    return 1;
}

static cf_status add_squares(Pruning *p, int layer) {
    const Layer *l = &p->layers->layers[layer];
    const int set = set_of(p, layer);
    const size_t channels = (size_t)l->out.C, size = shape_size(l->in);
    const size_t taps = l->type == &dense_type ? size : (size_t)l->in.C * (size_t)l->R * (size_t)l->S;
    const float *weights = parameters_find(&p->model->parameters, layer, "weight");
    if (!makes_channels(l) || p->fixed[1 + set]) return CF_OK;
    if (!p->squares[1 + set]) FORWARD(blocks_take(&p->blocks, channels, sizeof(double), &p->squares[1 + set]));
    for (size_t k = 0; k < channels; k++) {
        const double factor = norm_factor(p, layer, (int)k);
        double sum = 0;
        for (size_t i = 0; i < taps; i++) sum += (double)weights[k * taps + i] * (double)weights[k * taps + i];
        p->squares[1 + set][k] += sum * factor * factor;
    }
    return CF_OK;
}

/* How many channels have a larger norm, or the same and a smaller number. */
static int rank_of(const double *squares, int channels, int k) {
    int rank = 0;
    for (int j = 0; j < channels; j++) rank += squares[j] > squares[k] || (squares[j] == squares[k] && j < k);
    return rank;
}

static cf_status choose_kept(Pruning *p, int set, int channels) {
    const double *squares = p->squares[1 + set];
    const int count = (int)fmax(1, round(p->keep * channels));
    int n = 0;
    for (int k = 0; k < channels; k++)
        FAIL_IF(!isfinite(squares[k]), CF_DIVERGED, "%s has weights that are not finite", p->layers->layers[set].name);
    FORWARD(blocks_take(&p->blocks, (size_t)channels, sizeof(int), &p->kept[1 + set]));
    for (int k = 0; k < channels; k++)
        if (rank_of(squares, channels, k) < count) p->kept[1 + set][n++] = k;
    p->counts[1 + set] = count;
    return CF_OK;
}

/* ---- The smaller network ---- */

/* Channels of what a layer makes (-1: the images) that stay; kept NULL: all. */
static int channels_of(const Pruning *p, int layer, const int **kept) {
    const int set = set_of(p, layer);
    *kept = p->kept[1 + set];
    return *kept ? p->counts[1 + set] : layer < 0 ? p->layers->input.C : p->layers->layers[layer].out.C;
}

/* The line with the new numbers behind the words that stand at the layers' columns. */
static cf_status write_line(const Pruning *p, char **line) {
    const char *from = p->layers->line;
    TextDraft draft;
    FORWARD(text_draft(&draft));
    for (int i = 0; i < p->layers->count; i++) {
        const Layer *l = &p->layers->layers[i];
        const char *word = p->layers->line + l->column - 1;
        const int *kept;
        const int count = channels_of(p, i, &kept);
        if (!kept || !makes_channels(l) || l->implied || word < from) continue; /* before `from`: a repeated group's */
        const char *number = word + strlen(l->type->word);
        while (*number == ' ') number++;
        if (l->type == &patch_type) { /* "patch P C" */
            while (isdigit((unsigned char)*number)) number++;
            while (*number == ' ') number++;
        }
        fprintf(draft.stream, "%.*s%d", (int)(number - from), from, count);
        from = number;
        while (isdigit((unsigned char)*from)) from++;
    }
    fputs(from, draft.stream);
    return text_draft_finish(&draft, line, NULL);
}

/* Rows that stay, and of each the columns: [rows][outer][columns][inner]. */
static void copy_part(const float *from, const int *rows, int row_count, size_t outer, const int *columns,
                      int column_count, int all, size_t inner, float *to) {
    const size_t row = outer * (size_t)all * inner;
    for (int r = 0; r < row_count; r++) {
        const float *of = from + (size_t)(rows ? rows[r] : r) * row;
        for (size_t o = 0; o < outer; o++, of += (size_t)all * inner)
            for (int c = 0; c < column_count; c++, to += inner)
                memcpy(to, of + (size_t)(columns ? columns[c] : c) * inner, inner * sizeof *to);
    }
}

static void copy_parameter(const Pruning *p, const Parameter *parameter, const float *from, float *to) {
    const Layer *l = &p->layers->layers[parameter->layer];
    const int *rows, *columns;
    const int row_count = channels_of(p, parameter->layer, &rows), column_count = channels_of(p, l->input[0], &columns);
    const bool matrix = makes_channels(l) && parameter->spec->dims > 1;
    const size_t taps = (size_t)l->R * (size_t)l->S;
    if (!matrix) /* a value, or a window, of each channel */
        copy_part(from, rows, row_count, 1, NULL, 1, 1, parameter->count / (size_t)l->out.C, to);
    else if (l->type == &dense_type)
        copy_part(from, rows, row_count, (size_t)l->in.H * (size_t)l->in.W, columns, column_count, l->in.C, 1, to);
    else
        copy_part(from, rows, row_count, 1, columns, column_count, l->in.C, taps, to);
}

static cf_status build_pruned(const Pruning *p, const char *line, cf_model **pruned) {
    const cf_model *model = p->model;
    AUTO(cf_model_free_at) cf_model *made = NULL;
    FORWARD(model_new(line, p->layers->input, (const char *const *)model->class_names, model->classes, 1, &made));
    const Parameters *to = &made->parameters, *from = &model->parameters;
    bool same = made->layers.count == p->layers->count && to->count == from->count;
    for (int i = 0; same && i < p->layers->count; i++) {
        const int *kept;
        same = made->layers.layers[i].type == p->layers->layers[i].type &&
               made->layers.layers[i].out.C == channels_of(p, i, &kept);
    }
    FAIL_IF(!same, CF_BAD_USE, "the network cannot be pruned: \"%s\" would be another one", line);
    for (int i = 0; i < to->count; i++)
        copy_parameter(p, &from->table[i], from->values + from->table[i].offset, to->values + to->table[i].offset);
    *pruned = memory_take(&made);
    return CF_OK;
}

static void pruning_free(Pruning *p) {
    blocks_free(&p->blocks);
}

cf_status model_prune(const cf_model *model, double keep, cf_model **pruned) {
    AUTO(pruning_free) Pruning p = {.model = model, .layers = &model->layers, .keep = keep};
    AUTO_FREE char *line = NULL;
    const int layers = model->layers.count;
    const size_t places = (size_t)layers + 1;
    FORWARD(blocks_take(&p.blocks, places, sizeof *p.set, &p.set));
    FORWARD(blocks_take(&p.blocks, places, sizeof *p.fixed, &p.fixed));
    FORWARD(blocks_take(&p.blocks, places, sizeof *p.counts, &p.counts));
    FORWARD(blocks_take(&p.blocks, places, sizeof(double *), (void **)&p.squares));
    FORWARD(blocks_take(&p.blocks, places, sizeof(int *), (void **)&p.kept));
    FORWARD(find_sets(&p));
    for (int i = 0; i < layers; i++) FORWARD(add_squares(&p, i));
    for (int i = 0; i < layers; i++)
        if (p.squares[1 + i]) FORWARD(choose_kept(&p, i, model->layers.layers[i].out.C));
    FORWARD(write_line(&p, &line));
    return build_pruned(&p, line, pruned);
}
