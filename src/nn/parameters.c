#include "nn/parameters.h"

#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAD = 16, PER_LAYER = 4 };

static void add(Parameters *p, int layer, const char *what, int dims, const size_t shape[4], bool trainable) {
    Parameter *entry = &p->table[p->count++];
    snprintf(entry->name, sizeof entry->name, "%s.%s", p->layers->layers[layer].name, what);
    entry->layer = layer;
    entry->dims = dims;
    entry->count = 1;
    for (int i = 0; i < dims; i++) {
        entry->shape[i] = shape[i];
        entry->count *= shape[i];
    }
    entry->trainable = trainable;
}

static void add_layer(Parameters *p, int i) {
    const Layer *layer = &p->layers->layers[i];
    size_t outputs = (size_t)layer->out.C;
    if (layer->kind == LAYER_CONV)
        add(p, i, "weight", 4, (const size_t[]){outputs, (size_t)layer->in.C, (size_t)layer->R, (size_t)layer->S},
            true);
    else if (layer->kind == LAYER_DENSE)
        add(p, i, "weight", 2, (const size_t[]){outputs, shape_size(layer->in), 0, 0}, true);
    else if (layer->kind == LAYER_BN)
        add(p, i, "weight", 1, (const size_t[]){outputs, 0, 0, 0}, true);
    if (layer->bias || layer->kind == LAYER_BN) add(p, i, "bias", 1, (const size_t[]){outputs, 0, 0, 0}, true);
    if (layer->kind == LAYER_BN) {
        add(p, i, "running_mean", 1, (const size_t[]){outputs, 0, 0, 0}, false);
        add(p, i, "running_var", 1, (const size_t[]){outputs, 0, 0, 0}, false);
    }
}

cf_status parameters_layout(const LayerList *layers, Parameters *parameters) {
    Parameters made = {.layers = layers};
    FORWARD(memory_new((size_t)layers->count * PER_LAYER + 1, sizeof *made.table, &made.table));
    for (int i = 0; i < layers->count; i++) add_layer(&made, i);
    for (int trainable = 1; trainable >= 0; trainable--) {
        for (int i = 0; i < made.count; i++) {
            if (made.table[i].trainable != (bool)trainable) continue;
            made.table[i].offset = made.total;
            made.total += (made.table[i].count + PAD - 1) / PAD * PAD;
        }
        if (trainable) made.trainable = made.total;
    }
    *parameters = made;
    return CF_OK;
}

cf_status parameters_new(const LayerList *layers, Parameters *parameters) {
    Parameters made;
    FORWARD(parameters_layout(layers, &made));
    cf_status status = memory_new(made.total, sizeof(float), &made.values);
    if (status) {
        parameters_free(&made);
        return status;
    }
    *parameters = made;
    return CF_OK;
}

void parameters_free(Parameters *parameters) {
    free(parameters->table);
    free(parameters->values);
    *parameters = (Parameters){0};
}

float *parameters_find(const Parameters *parameters, int layer, const char *what) {
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *entry = &parameters->table[i];
        if (entry->layer == layer && strcmp(strchr(entry->name, '.') + 1, what) == 0)
            return parameters->values + entry->offset;
    }
    return NULL;
}

/* Numbers are drawn in the order of the file, so that a weight does not depend on how an engine orders its inputs. */
static void draw_weights(const Parameters *p, const Parameter *entry, float *scratch, uint64_t seed) {
    RngStream stream = rng_stream(seed, RNG_WEIGHTS, 0, (uint32_t)entry->layer);
    /* The 2 makes up for the half that a rectifier behind the layer takes away; behind the last one there is none. */
    double gain = entry->layer == p->layers->count - 1 ? 1 : 2;
    double deviation = sqrt(gain * (double)entry->shape[0] / (double)entry->count);
    for (size_t i = 0; i < entry->count; i++) scratch[i] = (float)(deviation * rng_normal(&stream, i));
    parameter_from_file(p, entry, scratch, p->values + entry->offset);
}

static bool ends_with(const char *text, const char *end) {
    return strcmp(strchr(text, '.') + 1, end) == 0;
}

cf_status parameters_initialise(Parameters *parameters, uint64_t seed) {
    float *scratch;
    size_t largest = 0;
    for (int i = 0; i < parameters->count; i++)
        if (parameters->table[i].count > largest) largest = parameters->table[i].count;
    FORWARD(memory_new(largest, sizeof *scratch, &scratch));
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *entry = &parameters->table[i];
        float *values = parameters->values + entry->offset;
        bool weight = ends_with(entry->name, "weight");
        bool one = ends_with(entry->name, "running_var") || (weight && entry->dims == 1);
        if (weight && entry->dims > 1)
            draw_weights(parameters, entry, scratch, seed);
        else
            for (size_t k = 0; k < entry->count; k++) values[k] = one ? 1.0f : 0.0f;
    }
    free(scratch);
    return CF_OK;
}

/* Walks a dense weight in file order (outputs, C, H, W) beside its place in memory (outputs, H, W, C). */
static void permute(const Parameters *p, const Parameter *entry, const float *from, float *to, bool to_file) {
    const Layer *layer = &p->layers->layers[entry->layer];
    if (layer->kind != LAYER_DENSE || entry->dims != 2) {
        memcpy(to, from, entry->count * sizeof *to);
        return;
    }
    size_t C = (size_t)layer->in.C, pixels = (size_t)layer->in.H * (size_t)layer->in.W;
    for (size_t k = 0; k < entry->shape[0]; k++)
        for (size_t c = 0; c < C; c++)
            for (size_t i = 0; i < pixels; i++) {
                size_t file = (k * C + c) * pixels + i, memory = (k * pixels + i) * C + c;
                if (to_file)
                    to[file] = from[memory];
                else
                    to[memory] = from[file];
            }
}

void parameter_to_file(const Parameters *parameters, const Parameter *parameter, const float *from, float *to) {
    permute(parameters, parameter, from, to, true);
}

void parameter_from_file(const Parameters *parameters, const Parameter *parameter, const float *from, float *to) {
    permute(parameters, parameter, from, to, false);
}

size_t parameter_first_unsound(const Parameter *parameter, const float *values) {
    const bool variance = ends_with(parameter->name, "running_var");
    size_t i = 0;
    while (i < parameter->count && isfinite(values[i]) && !(variance && values[i] < 0)) i++;
    return i;
}

static cf_status hash_all(const Parameters *p, float *scratch, Sha256 *sha) {
    for (int i = 0; i < p->count; i++) {
        parameter_to_file(p, &p->table[i], p->values + p->table[i].offset, scratch);
        FORWARD(sha256_add(sha, scratch, p->table[i].count * sizeof *scratch));
    }
    return CF_OK;
}

cf_status parameters_sha256(const Parameters *parameters, char hex[SHA256_HEX]) {
    Sha256 *sha = NULL;
    float *scratch = NULL;
    cf_status status;
    FORWARD_TO(failed, memory_new(parameters->total, sizeof *scratch, &scratch));
    FORWARD_TO(failed, sha256_new(&sha));
    FORWARD_TO(failed, hash_all(parameters, scratch, sha));
    free(scratch);
    return sha256_finish(sha, hex);
failed:
    sha256_free(sha);
    free(scratch);
    return status;
}
