/* The weights that cifar94 begins with; sets that are not the sprint's. */
#include "golden.h"
#include "testing.h"

#include "base/memory.h"
#include "bench/sprint.h"
#include "data/split.h"

#include <math.h>
#include <stdlib.h>

typedef struct Begun {
    cf_set *set;
    cf_split *split;
    cf_model *model;
    Feed feed;
} Begun;

static Begun begun(void) {
    Begun b;
    assert_ok(cf_set_load("street:n=300,test=10", NULL, &b.set));
    assert_ok(split_uncut(b.set, NULL, &b.split));
    assert_ok(cf_model_new(cifar94_line, b.split, 1, &b.model));
    assert_ok(feed_new(b.set, b.model->layers.input, (const char *const *)b.model->class_names, b.model->classes, 1,
                       &b.feed));
    assert_ok(cifar94_begin(&b.feed, cf_split_part(b.split, CF_TRAIN), &b.model->parameters));
    return b;
}

static void end(Begun *b) {
    feed_free(&b->feed);
    cf_model_free(b->model);
    cf_split_free(b->split);
    cf_set_free(b->set);
}

/* What the first twelve filters give of the training images' patches is uncorrelated, of mean square lambda / (lambda + 5e-4): at most 1,
 * and nearly that where patches vary much. The others give the negatives. */
static void first_layer_whitens(void **state) {
    (void)state;
    enum { P = 12 };
    Begun b = begun();
    const cf_subset *train = cf_split_part(b.split, CF_TRAIN);
    const Layer *normalize = &b.model->layers.layers[0];
    const float *w = parameters_find(&b.model->parameters, 1, "weight");
    double products[P][P] = {{0}}, patches = 0;
    float image[3 * 32 * 32];
    for (size_t i = 0; i < train->count; i++) {
        feed_image(&b.feed, 0, train->images[i], image);
        for (int y = 0; y < 31; y++)
            for (int x = 0; x < 31; x++, patches++) {
                double out[P] = {0};
                for (int k = 0; k < P; k++)
                    for (int c = 0; c < 3; c++)
                        for (int r = 0; r < 2; r++)
                            for (int s = 0; s < 2; s++) {
                                const double value =
                                    ((double)image[((y + r) * 32 + x + s) * 3 + c] - (double)normalize->means[c]) /
                                    (double)normalize->deviations[c];
                                out[k] += value * (double)w[((k * 3 + c) * 2 + r) * 2 + s];
                            }
                for (int k = 0; k < P; k++)
                    for (int j = 0; j < P; j++) products[k][j] += out[k] * out[j];
            }
    }
    for (int k = 0; k < P; k++)
        for (int j = 0; j < P; j++) {
            const double mean = products[k][j] / patches;
            if (k != j) assert_near(mean, 0, 1e-4);
            if (k == j) assert_true(mean <= 1.0001 && mean > (k ? 0.02 : 0.99));
        }
    for (int i = 0; i < P * P; i++) assert_true(w[P * P + i] == -w[i]);
    end(&b);
}

/* Convolutions pass their first channels through; the last layer's weights have a deviation of 1 / 256. */
static void others_begin_as_published(void **state) {
    (void)state;
    Begun b = begun();
    const Parameters *p = &b.model->parameters;
    int convolutions = 0;
    for (int i = 0; i < p->count; i++) {
        const Parameter *entry = &p->table[i];
        const float *w = p->values + entry->offset;
        if (entry->spec->kind != PARAMETER_WEIGHT || entry->layer == 1) continue;
        double squares = 0;
        if (entry->dims == 2) {
            for (size_t k = 0; k < entry->count; k++) squares += (double)w[k] * (double)w[k];
            assert_near(256 * sqrt(squares / (double)entry->count), 1, 0.01);
            continue;
        }
        convolutions++;
        const size_t fan_in = entry->shape[1] * 9;
        for (size_t k = 0; k < entry->shape[0]; k++)
            for (size_t n = 0; n < fan_in; n++)
                if (k < entry->shape[1])
                    assert_true(w[k * fan_in + n] == (n == k * 9 + 4 ? 1 : 0));
                else
                    squares += (double)w[k * fan_in + n] * (double)w[k * fan_in + n];
        if (entry->shape[0] > entry->shape[1])
            assert_near(3 * squares / (double)(entry->shape[0] - entry->shape[1]), 1, 0.1);
    }
    assert_int_equal(convolutions, 6);
    end(&b);
}

static void other_sets_are_refused(void **state) {
    (void)state;
    SprintResult result;
    assert_fails(
        sprint_run(&sprint_cifar94, &(SprintJob){.data = "street:n=30,test=10", .seed = 1}, &result), CF_BAD_INPUT,
        "50000 training and 10000 test images of 3x32x32 in 10 classes expected, found 30 and 10 of 3x32x32 in 10");
    assert_fails(sprint_run(&sprint_cifar94, &(SprintJob){.seed = 1}, &result), CF_BAD_USE, "--data");
    assert_fails(sprint_run(&sprint_mnist99, &(SprintJob){.data = "street:n=30,test=10", .seed = 1}, &result),
                 CF_BAD_INPUT, "60000 training");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_layer_whitens),
        cmocka_unit_test(others_begin_as_published),
        cmocka_unit_test(other_sets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
