#include "nn/transfer.h"

#include "base/limits.h"
#include "base/memory.h"
#include "nn/weights/weights_read.h"

#include <stdlib.h>
#include <string.h>

const char *const transfer_words[] = {"taken", "converted", "new", "left"};

/* ---- The source ---- */

cf_status transfer_path(const char *source, char **path) {
    AUTO_FREE char *made = NULL;
    if (!file_is_folder(source)) {
        FAIL_IF(!file_exists(source), CF_BAD_USE, "there is no run and no file %s", source);
        return memory_copy_string(source, path);
    }
    FORWARD(file_join(source, "model.safetensors", &made));
    FAIL_IF(!file_exists(made), CF_BAD_USE, "%s is no run with a trained network: there is no model.safetensors in it",
            source);
    *path = memory_take(&made);
    return CF_OK;
}

cf_status transfer_sha256(const char *path, char hex[SHA256_HEX]) {
    AUTO_FREE unsigned char *bytes = NULL;
    AUTO(sha256_free_at) Sha256 *sha = NULL;
    size_t size;
    FORWARD(file_read(path, MOST_TENSOR_FILE, &bytes, &size));
    FORWARD(sha256_new(&sha));
    FORWARD(sha256_add(sha, bytes, size));
    return sha256_finish(memory_take(&sha), hex);
}

/* ---- Its line ---- */

/* Whether a layer reads the image by nothing that has weights, and the deviation of channel c that is divided by on the way. */
static bool reads_image(const LayerList *layers, int number, int c, double *deviation) {
    *deviation = 1;
    for (int i = layers->layers[number].input[0]; i >= 0; i = layers->layers[i].input[0]) {
        const Layer *layer = &layers->layers[i];
        if (layer->parameter_count || layer->inputs > 1) return false;
        if (layer->deviations[0] > 0) *deviation *= (double)layer->deviations[layer->number == 1 ? 0 : c];
    }
    return true;
}

/* The layer that has a mean for each channel of the image; NULL: there is none. */
static const Layer *channels_normalized(const LayerList *layers) {
    double unused;
    for (int i = 0; i < layers->count; i++)
        if (layers->layers[i].deviations[0] > 0 && layers->layers[i].number > 1 && reads_image(layers, i, 0, &unused))
            return &layers->layers[i];
    return NULL;
}

static float mean_of(const float *values, int count) {
    float sum = 0;
    for (int i = 0; i < count; i++) sum += values[i];
    return sum / (float)count;
}

/* The means of the means and of the deviations in place of one for each channel. */
static cf_status normalize_grey(const LayerList *layers, char **line) {
    const Layer *layer = channels_normalized(layers);
    if (!layer) return memory_copy_string(layers->line, line);
    const int begin = layer->column - 1;
    const char *rest = layers->line + begin;
    const size_t words = strcspn(rest, "|()");
    const char *name = strstr(rest, " as ");
    rest = name && name < rest + words ? name : rest + words;
    return memory_print(line, "%.*snormalize %.9g %.9g %s", begin, layers->line,
                        (double)mean_of(layer->means, layer->number), (double)mean_of(layer->deviations, layer->number),
                        rest);
}

cf_status transfer_line(const char *path, int channels, char **line) {
    AUTO(safetensors_free) StoredFile file = {0};
    AUTO(cf_model_free_at) cf_model *model = NULL;
    AUTO_FREE char *body = NULL;
    Shape input;
    if (!pth_is(path)) FORWARD(safetensors_read(path, &file)); /* those of torch.save have no texts */
    FAIL_IF(!safetensors_text(&file, "model"), CF_BAD_USE,
            "%s does not say what network its weights are of; say it with --model", path);
    FORWARD(model_from_texts(&file, path, &model));
    const Shape from = model->layers.input;
    if (!channels) channels = from.C;
    FORWARD(channels == 1 ? normalize_grey(&model->layers, &body) : memory_copy_string(model->layers.line, &body));
    const char *rest = model_line_input(body, &input) ? strchr(body, '|') + 1 : body;
    return memory_print(line, "input %dx%dx%d | %s", channels, from.H, from.W, rest + strspn(rest, " "));
}

/* ---- What fits ---- */

typedef struct Taking {
    const StoredFile *file;
    const cf_model *model;
    LayerList there; /* the file's own network; count 0: not told */
    bool *head;      /* [layers] */
    bool same_classes;
    float *values; /* as the parameters' */
    int weights;   /* tensors of weights that fit */
    const TransferRow *misfit;
    Transfer made;
} Taking;

static void taking_free(Taking *t) {
    layer_list_free(&t->there);
    transfer_free(&t->made);
    free(t->head);
    free(t->values);
}

static void count_row(Taking *t, TransferRow *row, TransferFate fate) {
    row->fate = fate;
    t->made.counts[fate]++;
}

/* What a file that cifra wrote tells of its network. */
static cf_status read_texts(Taking *t, const char *path) {
    AUTO(cf_model_free_at) cf_model *source = NULL;
    t->same_classes = true;
    if (!safetensors_text(t->file, "model")) return CF_OK;
    FORWARD(model_from_texts(t->file, path, &source));
    t->same_classes = source->classes == t->model->classes;
    for (int c = 0; t->same_classes && c < source->classes; c++)
        t->same_classes = strcmp(source->class_names[c], t->model->class_names[c]) == 0;
    t->there = source->layers;
    source->layers = (LayerList){0};
    return CF_OK;
}

static int layer_named(const LayerList *layers, const char *name) {
    for (int i = 0; i < layers->count; i++)
        if (strcmp(layers->layers[i].name, name) == 0) return i;
    return -1;
}

/* The deviation that channel c was divided by in front of the file's convolution of that name; where that is not told, as it is here. */
static double deviation_there(const Taking *t, int layer, int c) {
    const int number = layer_named(&t->there, t->model->layers.layers[layer].name);
    double deviation;
    if (number < 0)
        reads_image(&t->model->layers, layer, 0, &deviation);
    else
        reads_image(&t->there, number, c, &deviation);
    return deviation;
}

/* The first convolution, of 1 channel here and 3 there or the other way round, and the rest as it is. */
static bool converts(const Taking *t, const Parameter *p, const StoredTensor *tensor) {
    const size_t here = p->shape[1], there = tensor->shape[1];
    const LayerList *layers = &t->model->layers;
    double unused;
    return p->dims == 4 && tensor->dims == 4 && layers->layers[p->layer].groups == 1 &&
           ((here == 1 && there == 3) || (here == 3 && there == 1)) && (size_t)layers->input.C == here &&
           p->shape[0] == tensor->shape[0] && p->shape[2] == tensor->shape[2] && p->shape[3] == tensor->shape[3] &&
           layer_is_conv(&layers->layers[p->layer]) && reads_image(layers, p->layer, 0, &unused);
}

/* [K][C][R S], file's order, which of a convolution is the memory's. */
static void convert_filters(const Taking *t, const Parameter *p, const float *from, float *to) {
    const size_t taps = p->shape[2] * p->shape[3];
    double here, factor[3];
    reads_image(&t->model->layers, p->layer, 0, &here);
    for (int c = 0; c < 3; c++) factor[c] = here / deviation_there(t, p->layer, c);
    for (size_t k = 0; k < p->shape[0]; k++)
        for (size_t i = 0; i < taps; i++) {
            double sum = 0;
            if (p->shape[1] == 1) {
                for (size_t c = 0; c < 3; c++) sum += factor[c] * (double)from[(k * 3 + c) * taps + i];
                to[k * taps + i] = (float)sum;
            } else {
                for (size_t c = 0; c < 3; c++) to[(k * 3 + c) * taps + i] = from[k * taps + i] / 3;
            }
        }
}

static cf_status take_tensor(Taking *t, const Parameter *p, TransferRow *row) {
    const StoredTensor *tensor = safetensors_find(t->file, p->name);
    float *to = t->values + p->offset;
    FORWARD(memory_copy_string(p->name, &row->name));
    shape_to_text(p->shape, p->dims, row->here);
    if (tensor) shape_to_text(tensor->shape, tensor->dims, row->there);
    const bool equal = tensor && tensor->values && strcmp(row->here, row->there) == 0,
               wanted = tensor && (t->same_classes || !t->head[p->layer]),
               converted = tensor && tensor->values && wanted && !equal && converts(t, p, tensor);
    if (tensor && !equal && !converted && !t->head[p->layer] && !t->misfit) t->misfit = row;
    count_row(t, row, converted ? TRANSFER_CONVERTED : equal && wanted ? TRANSFER_TAKEN : TRANSFER_NEW);
    if (row->fate == TRANSFER_NEW) return CF_OK;
    FORWARD(parameter_check(p, p->name, tensor->values, tensor->count));
    t->weights += p->spec->kind == PARAMETER_WEIGHT;
    if (converted)
        convert_filters(t, p, tensor->values, to);
    else
        parameter_from_file(&t->model->parameters, p, tensor->values, to);
    return CF_OK;
}

static cf_status add_left(Taking *t) {
    const Parameters *parameters = &t->model->parameters;
    for (size_t k = 0; k < t->file->tensor_count; k++) {
        const StoredTensor *tensor = &t->file->tensors[k];
        if (parameters_named(parameters, tensor->name)) continue;
        TransferRow *row = &t->made.rows[t->made.count++];
        FORWARD(memory_copy_string(tensor->name, &row->name));
        shape_to_text(tensor->shape, tensor->dims, row->there);
        count_row(t, row, TRANSFER_LEFT);
    }
    return CF_OK;
}

static cf_status report_misfit(const Taking *t) {
    if (t->weights) {
        if (t->misfit)
            notice("%s does not fit: shape %s in the network, %s in the file; it is as it was drawn", t->misfit->name,
                   t->misfit->here, t->misfit->there);
        return CF_OK;
    }
    FAIL_IF(t->misfit, CF_BAD_INPUT,
            "no weights fit this network: the first tensor that does not is %s, of shape %s in the network and %s in "
            "the file; another architecture needs another --model",
            t->misfit->name, t->misfit->here, t->misfit->there);
    return FAIL(
        CF_BAD_INPUT,
        "no weights fit this network: its first tensor is %s, of shape %s, and the file has none of that name; its "
        "own first is %.80s",
        t->made.rows[0].name, t->made.rows[0].here, t->file->tensor_count ? t->file->tensors[0].name : "missing, too");
}

static cf_status take_all(Taking *t, const char *path) {
    const Parameters *parameters = &t->model->parameters;
    FORWARD(memory_new((size_t)parameters->count + t->file->tensor_count, sizeof *t->made.rows, &t->made.rows));
    FORWARD(memory_new((size_t)t->model->layers.count, sizeof *t->head, &t->head));
    FORWARD(memory_copy(parameters->values, parameters->total, sizeof *t->values, &t->values));
    layer_list_mark_heads(&t->model->layers, t->head);
    FORWARD(read_texts(t, path));
    for (int i = 0; i < parameters->count; i++)
        FORWARD(take_tensor(t, &parameters->table[i], &t->made.rows[t->made.count++]));
    FORWARD(add_left(t));
    return report_misfit(t);
}

cf_status transfer_take(const char *path, cf_model *model, Transfer *transfer) {
    AUTO(safetensors_free) StoredFile file = {0};
    AUTO(taking_free) Taking t = {.file = &file, .model = model};
    FORWARD(weights_read(path, &model->layers, &file));
    const cf_status status = take_all(&t, path);
    if (status) return status_prefix(status, "%s", path);
    memcpy(model->parameters.values, t.values, model->parameters.total * sizeof *t.values);
    *transfer = t.made;
    t.made = (Transfer){0};
    return CF_OK;
}

void transfer_free(Transfer *transfer) {
    for (int i = 0; i < transfer->count; i++) free(transfer->rows[i].name);
    free(transfer->rows);
    *transfer = (Transfer){0};
}

/* Tensors of one fate that follow each other are one line. */
void transfer_print(const Transfer *transfer, FILE *out) {
    const TransferRow *rows = transfer->rows;
    for (int i = 0, end; i < transfer->count; i = end) {
        for (end = i + 1; end < transfer->count && rows[end].fate == rows[i].fate; end++) {
        }
        const bool shapes = end == i + 1 && rows[i].fate != TRANSFER_TAKEN;
        fprintf(out, "        %-9s %5d  %s%s%s", transfer_words[rows[i].fate], end - i, rows[i].name,
                end > i + 1 ? " .. " : "", end > i + 1 ? rows[end - 1].name : "");
        if (shapes && rows[i].here[0]) fprintf(out, " %s", rows[i].here);
        if (shapes && rows[i].there[0]) fprintf(out, ", in the file %s", rows[i].there);
        fputc('\n', out);
    }
}

/* ---- The public function ---- */

cf_status cf_model_from(const char *source, const char *name_or_line, const cf_split *split, uint64_t seed,
                        cf_model **model) {
    const cf_subset *all = cf_split_part(split, CF_ALL);
    AUTO_FREE char *path = NULL, *line = NULL;
    AUTO(cf_model_free_at) cf_model *made = NULL;
    AUTO(transfer_free) Transfer transfer = {0};
    FORWARD(transfer_path(source, &path));
    if (!name_or_line) FORWARD(transfer_line(path, all->set->channels, &line));
    FORWARD(cf_model_new(name_or_line ? name_or_line : line, split, seed, &made));
    FORWARD(transfer_take(path, made, &transfer));
    *model = memory_take(&made);
    return CF_OK;
}
