#include "nn/parameters.h"

#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAD = 16 };

static void add_parameter(Parameters *p, int layer, const ParameterSpec *spec) {
    Parameter *entry = &p->table[p->count++];
    snprintf(entry->name, sizeof entry->name, "%s.%s", p->layers->layers[layer].name, spec->what);
    entry->layer = layer;
    entry->spec = spec;
    entry->dims = spec->dims;
    entry->count = 1;
    for (int i = 0; i < spec->dims; i++) {
        entry->shape[i] = spec->shape[i];
        entry->count *= spec->shape[i];
    }
    entry->trainable = parameter_is_trained(spec->kind);
}

cf_status parameters_layout(const LayerList *layers, Parameters *parameters) {
    Parameters made = {.layers = layers};
    size_t count = 1;
    for (int i = 0; i < layers->count; i++) count += (size_t)layers->layers[i].parameter_count;
    FORWARD(memory_new(count, sizeof *made.table, &made.table));
    for (int i = 0; i < layers->count; i++)
        for (int k = 0; k < layers->layers[i].parameter_count; k++)
            add_parameter(&made, i, &layers->layers[i].parameter[k]);
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
    AUTO(parameters_free) Parameters made = {0};
    FORWARD(parameters_layout(layers, &made));
    FORWARD(memory_new(made.total, sizeof(float), &made.values));
    *parameters = made;
    made = (Parameters){0};
    return CF_OK;
}

void parameters_free(Parameters *parameters) {
    free(parameters->table);
    free(parameters->values);
    *parameters = (Parameters){0};
}

const Parameter *parameters_named(const Parameters *parameters, const char *name) {
    for (const Parameter *p = parameters->table; p < parameters->table + parameters->count; p++)
        if (strcmp(p->name, name) == 0) return p;
    return NULL;
}

const Parameter *parameters_of_layer(const Parameters *parameters, int layer, const char *what) {
    for (const Parameter *p = parameters->table; p < parameters->table + parameters->count; p++)
        if (p->layer == layer && strcmp(p->spec->what, what) == 0) return p;
    return NULL;
}

float *parameters_find(const Parameters *parameters, int layer, const char *what) {
    const Parameter *found = parameters_of_layer(parameters, layer, what);
    return found ? parameters->values + found->offset : NULL;
}

/* Numbers are drawn in the order of the file, so that a weight does not depend on how an engine orders its inputs; a layer's
 * tensors one behind the other. */
static void draw_initial(const Parameters *p, const Parameter *entry, float *scratch, uint64_t seed, size_t drawn) {
    RngStream stream = rng_stream(seed, RNG_WEIGHTS, 0, (uint32_t)entry->layer);
    /* The 2 makes up for the half that a rectifier behind the layer takes away; behind an output there is none. */
    const double gain = p->layers->layers[entry->layer].readers ? 2 : 1;
    const double deviation =
        entry->spec->kind == PARAMETER_POSITION ? 0.02 : sqrt(gain * (double)entry->shape[0] / (double)entry->count);
    for (size_t i = 0; i < entry->count; i++) scratch[i] = (float)(deviation * rng_normal(&stream, drawn + i));
    parameter_from_file(p, entry, scratch, p->values + entry->offset);
}

cf_status parameters_initialise(Parameters *parameters, uint64_t seed) {
    AUTO_FREE float *scratch = NULL;
    size_t largest = 0, drawn = 0;
    for (int i = 0; i < parameters->count; i++)
        if (parameters->table[i].count > largest) largest = parameters->table[i].count;
    FORWARD(memory_new(largest, sizeof *scratch, &scratch));
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *entry = &parameters->table[i];
        const ParameterRole kind = entry->spec->kind;
        float *values = parameters->values + entry->offset;
        if (!i || entry[-1].layer != entry->layer) drawn = 0;
        if (kind == PARAMETER_WEIGHT || kind == PARAMETER_POSITION) {
            draw_initial(parameters, entry, scratch, seed, drawn);
            drawn += entry->count;
            continue;
        }
        const float value = kind == PARAMETER_SCALE || kind == PARAMETER_RUNNING_VAR ? 1 : 0;
        for (size_t k = 0; k < entry->count; k++) values[k] = value;
    }
    return CF_OK;
}

/* Walks a dense weight in file order (outputs, C, H, W) beside its place in memory (outputs, H, W, C). */
static void reorder(const Parameters *p, const Parameter *entry, const float *from, float *to, bool to_file) {
    const Layer *layer = &p->layers->layers[entry->layer];
    if (!entry->spec->channels_last) {
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
    reorder(parameters, parameter, from, to, true);
}

void parameter_from_file(const Parameters *parameters, const Parameter *parameter, const float *from, float *to) {
    reorder(parameters, parameter, from, to, false);
}

static size_t first_unsound(const Parameter *parameter, const float *values, size_t count) {
    const bool variance = parameter->spec->kind == PARAMETER_RUNNING_VAR;
    size_t i = 0;
    while (i < count && isfinite(values[i]) && !(variance && values[i] < 0)) i++;
    return i;
}

size_t parameter_first_unsound(const Parameter *parameter, const float *values) {
    return first_unsound(parameter, values, parameter->count);
}

cf_status parameter_check(const Parameter *parameter, const char *name, const float *values, size_t count) {
    const size_t i = first_unsound(parameter, values, count);
    if (i == count) return CF_OK;
    FAIL_IF(isfinite(values[i]), CF_BAD_INPUT,
            "the tensor %s: value %zu is %g, and a variance is 0 or more; the file is damaged", name, i,
            (double)values[i]);
    return FAIL(
        CF_BAD_INPUT,
        "the tensor %s: value %zu is %g, and weights are finite numbers; the training that gave them diverged, or the file is damaged",
        name, i, (double)values[i]);
}

cf_status parameters_sha256(const Parameters *parameters, char hex[SHA256_HEX]) {
    AUTO(sha256_free_at) Sha256 *sha = NULL;
    AUTO_FREE float *scratch = NULL;
    FORWARD(memory_new(parameters->total, sizeof *scratch, &scratch));
    FORWARD(sha256_new(&sha));
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *entry = &parameters->table[i];
        parameter_to_file(parameters, entry, parameters->values + entry->offset, scratch);
        FORWARD(sha256_add(sha, scratch, entry->count * sizeof *scratch));
    }
    return sha256_finish(memory_take(&sha), hex);
}
