/* Networks as C, in float32 and in integers, with every allocation failing in turn: no files are left, or all. */
#include "failing_memory.h"

#include <stdio.h>

typedef struct Example {
    const char *line;
    bool int8;
} Example;

static cf_status write_c(const Example *e, const cf_split *split, const cf_model *net, uint64_t *result) {
    static const char *const names[] = {"net/net.h", "net/net.c", "net/net_test.c", "net/README.md"};
    const char *folder = path_in(scratch_folder(), "net");
    cf_c_options options = cf_c_defaults();
    options.split = split;
    options.threads = 1;
    options.int8 = e->int8;
    const cf_status status = cf_export_c(net, folder, &options);
    const bool failing = failing_allowed(false);
    int files = 0;
    for (int i = 0; i < 4; i++) {
        const char *path = path_in(scratch_folder(), names[i]);
        if (!status) *result = file_checksum(*result, path);
        if (remove(path) == 0) files++;
    }
    remove(folder); /* which stays where there is no memory to take it back */
    failing_allowed(failing);
    if (files == (status ? 0 : 4)) return status;
    *result = (uint64_t)files; /* another one: some are left */
    return CF_OK;
}

static cf_status run_export(void *context, uint64_t *result) {
    const Example *e = context;
    cf_set *digits = NULL;
    cf_split *split = NULL;
    cf_model *net = NULL;
    const cf_split_options parts = cf_split_defaults();
    cf_status status = cf_set_load("hand:n=40,test=3", NULL, &digits);
    if (!status) status = cf_split_new(digits, &parts, &split);
    if (!status) status = cf_model_new(e->line, split, 1, &net);
    if (!status) status = write_c(e, split, net, result);
    cf_model_free(net);
    cf_split_free(split);
    cf_set_free(digits);
    return status;
}

static void in_float32(void **state) {
    (void)state;
    Example e = {
        "conv 2 5x5 stride 4 | bn | relu | res( conv 2 3x3 | groupnorm 2 ) | se 2 | attention 1 | dense classes",
        false};
    for_each_failing_allocation("a network as C", run_export, &e);
}

static void in_integers(void **state) {
    (void)state;
    Example e = {"input 1x9x9 | conv 2 3x3 stride 2 | bn | relu | res( conv 2 3x3 | bn ) | maxpool 2 | dense classes",
                 true};
    for_each_failing_allocation("a network as C, in integers", run_export, &e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_float32),
        cmocka_unit_test(in_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
