/* The example that opens cifra.h, and the rest of the public functions, with every allocation failing in turn. */
#include "failing_memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Example {
    const char *data;
    const char *line;
    cf_engine engine;
    int threads;
} Example;

static cf_status save_and_load(const cf_model *net, const cf_subset *subset, int threads, uint64_t *result) {
    const char *path = path_in(scratch_folder(), "digits.safetensors");
    cf_model *again = NULL;
    cf_metrics score;
    cf_status status = cf_model_save(net, path);
    if (!status) status = cf_model_load(path, &again);
    if (!status) status = cf_evaluate(again, subset, threads, &score);
    if (!status) *result = checksum(file_checksum(*result, path), &score.loss, sizeof score.loss);
    cf_model_free(again);
    return status;
}

static cf_status train(const Example *e, const cf_split *split, cf_model *net, uint64_t *result) {
    cf_train_options options = cf_train_defaults();
    cf_train_result trained;
    options.epochs = 1;
    options.batch = 16;
    options.threads = e->threads;
    options.engine = e->engine;
    options.checkpoint = path_in(scratch_folder(), "checkpoint.safetensors");
    unlink(options.checkpoint);
    cf_status status = cf_train(net, split, &options, &trained);
    if (!status) *result = checksum(*result, &trained.validation_loss, sizeof trained.validation_loss);
    if (status) return status;
    options.epochs = 2; /* and on from the checkpoint */
    options.resume = true;
    status = cf_train(net, split, &options, &trained);
    if (!status) *result = checksum(*result, &trained.validation_loss, sizeof trained.validation_loss);
    return status;
}

static cf_status run_example(void *context, uint64_t *result) {
    const Example *e = context;
    cf_set *digits = NULL;
    cf_split *split = NULL;
    cf_model *net = NULL;
    cf_split_options parts = cf_split_defaults();
    cf_metrics score;
    parts.classes = "1,4,8";
    parts.validation = 0.3;
    cf_status status = cf_set_load(e->data, NULL, &digits);
    if (!status) status = cf_split_new(digits, &parts, &split);
    if (!status) status = cf_model_new(e->line, split, 1, &net);
    if (!status) status = train(e, split, net, result);
    if (!status) status = cf_evaluate(net, cf_split_part(split, CF_TEST), e->threads, &score);
    if (!status) *result = checksum(*result, &score, sizeof score);
    if (!status) status = save_and_load(net, cf_split_part(split, CF_TEST), e->threads, result);
    cf_model_free(net);
    cf_split_free(split);
    cf_set_free(digits);
    return status;
}

static const char hand[] = "hand:n=40,test=10";
static const char net[] = "conv 2 3x3 | bn | leakyrelu | maxpool 4 | dropout 0.2 | dense 5 | relu | dense classes";

static void on_one_thread(void **state) {
    (void)state;
    Example e = {hand, net, CF_ENGINE_FAST, 1};
    for_each_failing_allocation("the example, 1 thread", run_example, &e);
}

static void on_two_threads(void **state) {
    (void)state;
    Example e = {hand, net, CF_ENGINE_FAST, 2};
    for_each_failing_allocation("the example, 2 threads", run_example, &e);
}

static void by_the_reference(void **state) {
    (void)state;
    Example e = {hand, net, CF_ENGINE_REFERENCE, 1};
    for_each_failing_allocation("the example, reference engine", run_example, &e);
}

/* Another network's weights: its line for other images, what fits, and the head before the rest. */
static cf_status fine_tune(void *context, uint64_t *result) {
    cf_set *signs = NULL;
    cf_split *split = NULL;
    cf_model *tuned = NULL;
    cf_split_options parts = cf_split_defaults();
    cf_train_options options = cf_train_defaults();
    cf_train_result trained;
    parts.validation = 0.3;
    options.epochs = 2;
    options.head_epochs = 1;
    options.threads = 1;
    strcpy(options.freeze, "conv1");
    cf_status status = cf_set_load("street:n=40,test=10", NULL, &signs);
    if (!status) status = cf_split_new(signs, &parts, &split);
    if (!status) status = cf_model_from(context, NULL, split, 1, &tuned);
    if (!status) status = cf_train(tuned, split, &options, &trained);
    if (!status) *result = checksum(1, &trained.validation_loss, sizeof trained.validation_loss);
    cf_model_free(tuned);
    cf_split_free(split);
    cf_set_free(signs);
    return status;
}

static void from_another_network(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "source.safetensors");
    cf_set *digits;
    cf_split *split;
    cf_model *source;
    const cf_split_options parts = cf_split_defaults();
    assert_ok(cf_set_load(hand, NULL, &digits));
    assert_ok(cf_split_new(digits, &parts, &split));
    assert_ok(cf_model_new(net, split, 1, &source));
    assert_ok(cf_model_save(source, path));
    cf_model_free(source), cf_split_free(split), cf_set_free(digits);
    for_each_failing_allocation("from another network", fine_tune, (void *)(uintptr_t)path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_one_thread),
        cmocka_unit_test(on_two_threads),
        cmocka_unit_test(by_the_reference),
        cmocka_unit_test(from_another_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
