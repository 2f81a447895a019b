/* Pruning of channels. A network whose superfluous channels do nothing says the same without them, whatever reads them: norms,
 * windows, residual groups, dense layers over maps. */
#include "golden.h"
#include "testing.h"

#include "base/memory.h"
#include "nn/cpu/cpu.h"
#include "nn/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 3, IMAGES = 8 };

static const char *const names[CLASSES] = {"a", "b", "c"};

static cf_model *network(const char *line, Shape shape) {
    cf_model *model;
    assert_ok(model_new(line, shape, names, CLASSES, 3, &model));
    return model;
}

/* Every other channel, from the first on, of each layer in `words` has no weights, and a norm that gives 0. */
static void silence(cf_model *model, const char *const *layers) {
    for (; *layers; layers++)
        for (int i = 0; i < model->layers.count; i++) {
            const Layer *l = &model->layers.layers[i];
            if (strcmp(l->name, *layers) != 0) continue;
            for (int t = 0; t < model->parameters.count; t++) {
                const Parameter *p = &model->parameters.table[t];
                const size_t row = p->count / (size_t)l->out.C;
                if (p->layer != i || !p->trainable) continue;
                for (size_t k = 0; k < (size_t)l->out.C; k += 2)
                    memset(model->parameters.values + p->offset + k * row, 0, row * sizeof(float));
            }
        }
}

static void predict(const cf_model *model, float *p) {
    cf_set *set;
    uint32_t images[IMAGES];
    StepResult result;
    const Shape in = model->layers.input;
    assert_ok(set_new("noise", "noise", IMAGES, in.C, in.H, in.W, CLASSES, &set));
    assert_ok(set_name_classes_by_number(set));
    for (size_t i = 0; i < IMAGES * set_image_size(set); i++) set->pixels[i] = (unsigned char)((i * 2654435761u) >> 11);
    for (uint32_t i = 0; i < IMAGES; i++) images[i] = i;
    const cf_subset subset = {.set = set, .images = images, .count = IMAGES, .classes = CLASSES};
    assert_ok(classify(model, &subset, &(ClassifyOptions){.engine = &reference_engine, .threads = 1}, p, &result));
    cf_set_free(set);
}

static void silent_channels_go(void **state) {
    static const struct {
        const char *line, *silent[6], *smaller;
    } cases[] = {
        {"conv 6 3x3 | bn | relu | maxpool 2 | conv 4 3x3 | relu | dense 8 | relu | dense classes",
         {"conv1", "bn1", "conv2", "dense1"},
         "conv 3 3x3 | bn | relu | maxpool 2 | conv 2 3x3 | relu | dense 4 | relu | dense classes"},
        {"conv 6 1x1 | bn | relu | dwconv 3x3 | bn | relu6 | conv 8 1x1 | bn | globalavgpool | dense classes",
         {"conv1", "bn1", "dwconv1", "bn2", "conv2", "bn3"},
         "conv 3 1x1 | bn | relu | dwconv 3x3 | bn | relu6 | conv 4 1x1 | bn | globalavgpool | dense classes"},
        {"conv 6 3x3 | relu | res( conv 4 3x3 | relu | conv 6 3x3 ) | relu | dense classes",
         {"conv1", "conv2", "conv3"},
         "conv 3 3x3 | relu | res( conv 2 3x3 | relu | conv 3 3x3 ) | relu | dense classes"},
        {"input 2x8x8 | conv 6 3x3 | 2x( res( conv 6 3x3 ) | relu ) | globalmaxpool | dense classes",
         {"conv1", "conv2", "conv3"},
         "input 2x8x8 | conv 3 3x3 | 2x( res( conv 3 3x3 ) | relu ) | globalmaxpool | dense classes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cf_model *model = network(cases[i].line, (Shape){2, 8, 8}), *pruned;
        float before[IMAGES * CLASSES], after[IMAGES * CLASSES];
        const char *silent[7] = {0};
        memcpy(silent, cases[i].silent, sizeof cases[i].silent);
        silence(model, silent);
        assert_ok(model_prune(model, 0.5, &pruned));
        assert_string_equal(pruned->layers.line, cases[i].smaller);
        predict(model, before);
        predict(pruned, after);
        for (size_t k = 0; k < COUNT_OF(before); k++) assert_near((double)after[k], (double)before[k], 1e-6);
        cf_model_free(pruned);
        assert_ok(model_prune(model, 1, &pruned)); /* nothing goes */
        assert_string_equal(pruned->layers.line, model->layers.line);
        assert_memory_equal(pruned->parameters.values, model->parameters.values,
                            model->parameters.total * sizeof(float));
        cf_model_free(pruned);
        cf_model_free(model);
    }
}

/* Filters of norm 5, 2 x factor 4, 6, 1 x factor 0: the third, and the second, whose norm counts behind its batch norm, stay. */
static void norms_by_hand(void **state) {
    cf_model *model = network("conv 4 1x1 | bn | dense classes", (Shape){2, 1, 1}), *pruned;
    const float weights[] = {3, 4, 0, 2, 0, 6, 1, 0}, factors[] = {1, 4, -1, 0}, variances[] = {1, 1, 1, 1};
    (void)state;
    memcpy(parameters_find(&model->parameters, 0, "weight"), weights, sizeof weights);
    memcpy(parameters_find(&model->parameters, 1, "weight"), factors, sizeof factors);
    memcpy(parameters_find(&model->parameters, 1, "running_var"), variances, sizeof variances);
    assert_ok(model_prune(model, 0.5, &pruned));
    const float *left = parameters_find(&pruned->parameters, 0, "weight"),
                *scales = parameters_find(&pruned->parameters, 1, "weight");
    assert_true(left[0] == 0 && left[1] == 2 && left[2] == 0 && left[3] == 6);
    assert_true(scales[0] == 4 && scales[1] == -1);
    const float *was = parameters_find(&model->parameters, 2, "weight"),
                *is = parameters_find(&pruned->parameters, 2, "weight");
    for (int c = 0; c < CLASSES; c++) assert_true(is[2 * c] == was[4 * c + 1] && is[2 * c + 1] == was[4 * c + 2]);
    cf_model_free(pruned);
    cf_model_free(model);
}

static void refused(void **state) {
    static const struct {
        const char *line, *message;
    } cases[] = {{"conv 4 3x3 | conv 4 3x3 groups 2 | dense classes", "conv2 has groups"},
                 {"conv 4 3x3 | se 2 | dense classes", "the layer se1 (se) is not pruned"},
                 {"conv 4 3x3 | groupnorm 2 | dense classes", "the layer groupnorm1 (groupnorm) is not pruned"},
                 {"conv 4 3x3 as a | conv 4 3x3 | concat a | dense classes", "(concat) is not pruned"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cf_model *model = network(cases[i].line, (Shape){1, 6, 6}), *pruned;
        assert_fails(model_prune(model, 0.5, &pruned), CF_BAD_USE, cases[i].message);
        cf_model_free(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_channels_go),
        cmocka_unit_test(norms_by_hand),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
