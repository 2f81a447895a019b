#include "train/quantization.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "nn/int8/int8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

cf_status quantization_new(const cf_train_options *options, const cf_model *model, const cf_subset *images,
                           const Engine *engine, int threads, Quantization **quantization) {
    AUTO(quantization_free_at) Quantization *made = NULL;
    const size_t layers = (size_t)model->layers.count;
    *quantization = NULL;
    if (options->quantize == CF_QUANTIZE_NONE) return CF_OK;
    FAIL_IF(engine->kernels->element != sizeof(float), CF_BAD_USE,
            "quantize int8 rounds float32 to 8 bits: precision f32 expected, found bf16");
    FORWARD(memory_new(1, sizeof *made, &made));
    *made = (Quantization){.model = model, .images = images, .engine = engine, .threads = threads};
    FORWARD(memory_new(layers, sizeof *made->ranges, &made->ranges));
    FORWARD(memory_new(layers, sizeof *made->weights, &made->weights));
    FORWARD(memory_new(model->parameters.total, sizeof *made->learnt, &made->learnt));
    const cf_status status = quantization_measure(made);
    if (status) return status_prefix(status, "quantize int8");
    *quantization = memory_take(&made);
    return CF_OK;
}

void quantization_free(Quantization *quantization) {
    if (!quantization) return;
    free(quantization->ranges);
    free(quantization->weights);
    free(quantization->learnt);
    free(quantization);
}

const FakeRange *quantization_ranges(const Quantization *quantization) {
    return quantization ? quantization->ranges : NULL;
}

cf_status quantization_measure(Quantization *q) {
    return q ? int8_ranges(q->model, q->images, q->engine, q->threads, q->ranges, q->weights) : CF_OK;
}

/* Weights that are no numbers stay what they are: the step tells of them. */
static void round_weights(const Parameter *parameter, float *values) {
    const size_t filters = parameter->shape[0], size = parameter->count / filters;
    if (parameter_first_unsound(parameter, values) < parameter->count) return;
    for (float *filter = values; filter < values + parameter->count; filter += size) {
        const double scale = fmax(largest_magnitude(filter, size) / 127, 1e-30);
        for (size_t i = 0; i < size; i++) filter[i] = (float)((double)lround((double)filter[i] / scale) * scale);
    }
}

static bool is_rounded(const Quantization *q, const Parameter *parameter) {
    return q->weights[parameter->layer] && parameter->spec->kind == PARAMETER_WEIGHT;
}

void quantization_begin(Quantization *q, Parameters *parameters) {
    for (int i = 0; q && i < parameters->count; i++) {
        const Parameter *parameter = &parameters->table[i];
        float *values = parameters->values + parameter->offset;
        if (!is_rounded(q, parameter)) continue;
        memcpy(q->learnt + parameter->offset, values, parameter->count * sizeof *values);
        round_weights(parameter, values);
    }
}

void quantization_end(const Quantization *q, Parameters *parameters) {
    for (int i = 0; q && i < parameters->count; i++) {
        const Parameter *parameter = &parameters->table[i];
        if (is_rounded(q, parameter))
            memcpy(parameters->values + parameter->offset, q->learnt + parameter->offset,
                   parameter->count * sizeof *parameters->values);
    }
}
