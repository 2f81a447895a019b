/* UMAP, principal components, a tune of two trials and what it shows with every allocation failing in turn. */
#include "failing_memory.h"

#include "base/files.h"
#include "base/memory.h"
#include "cli/tune_display.h"
#include "embed/umap.h"
#include "tune/trial_making.h"
#include "tune/tune.h"

#include <stdio.h>
#include <stdlib.h>

enum { POINTS = 40, DIM = 5 };

static cf_status embed(void *context, uint64_t *result) {
    const Points *points = context;
    UmapOptions options = umap_options_defaults();
    Umap *umap = NULL, *again = NULL;
    float placed[2 * POINTS];
    const char *path = path_in(scratch_folder(), "map.safetensors");
    options.neighbors = 5;
    options.epochs = 3;
    options.threads = 2;
    cf_status status = umap_fit(points, &options, &umap);
    if (!status) status = umap_write(umap, path);
    if (!status) status = umap_read(path, &again);
    if (!status) status = umap_transform(again, points, 2, placed);
    if (!status) *result = checksum(checksum(1, umap->embedding, sizeof placed), placed, sizeof placed);
    umap_free(umap);
    umap_free(again);
    return status;
}

static void umap(void **state) {
    (void)state;
    float values[POINTS * DIM];
    for (int i = 0; i < POINTS * DIM; i++) values[i] = (float)(i * i * 31 % 97) + (float)(i / DIM % 2) * 60;
    Points points = {.values = values, .n = POINTS, .dim = DIM};
    for_each_failing_allocation("UMAP", embed, &points);
}

static cf_status tune(void *context, uint64_t *result) {
    const char *out = path_in(scratch_folder(), "tune");
    TuneOptions options = tune_defaults();
    Space space = {0};
    Store *store = NULL;
    TrialList list = {0};
    options.space = &space;
    options.out = out;
    options.data = "hand";
    options.split_text = "official";
    options.jobs = 1;
    options.train.epochs = 1;
    cf_status status = space_read(path_in(scratch_folder(), "space.yaml"), &space);
    if (!status) status = tune_run(context, &options);
    if (!status) status = store_open_existing(out, &store);
    if (!status) status = store_trials(store, &space, &list);
    for (size_t t = 0; !status && t < list.count; t++) {
        *result = checksum(*result, list.trials[t].weights_sha256, SHA256_HEX);
        *result = checksum(*result, &list.trials[t].state, sizeof list.trials[t].state);
    }
    trial_list_free(&list);
    store_close(store);
    space_free(&space);
    return status;
}

static cf_status tune_anew(void *context, uint64_t *result) {
    if (file_remove_tree(path_in(scratch_folder(), "tune"))) return FAIL(CF_NO_MEMORY, "no memory to begin with");
    return tune(context, result);
}

static void tuning(void **state) {
    (void)state;
    static const char yaml[] = "model: dense {width} | relu | dense classes\n"
                               "parameters:\n  - {name: width, values: [4, 6]}\n";
    cf_set *set;
    cf_split *split;
    write_bytes(path_in(scratch_folder(), "space.yaml"), yaml, sizeof yaml - 1);
    assert_ok(cf_set_load("hand:n=200,test=20", NULL, &set));
    assert_ok(cf_split_new(set, NULL, &split));
    for_each_failing_allocation("a tune", tune_anew, split);
    cf_split_free(split);
    cf_set_free(set);
}

static uint64_t take_text(uint64_t before, char *text) {
    const uint64_t sum = checksum(before, text, strlen(text));
    free(text);
    return sum;
}

enum { SHOWN = 40 }; /* rows: the table outgrows its first room */

static cf_status show(void *context, uint64_t *result) {
    MadeTrials *made = context;
    TuneDisplay *display = NULL;
    const SpacePoint point = {{1, 0}};
    char *text;
    cf_status status = tune_display_new(&made->space, OBJECTIVE_LOSS, NULL, &display);
    for (int i = 1; !status && i <= SHOWN; i++) {
        const TuneProgress begun = {.event = TUNE_BEGUN, .trial = i, .point = &point, .trials_wanted = SHOWN};
        status = tune_display_note(display, &begun);
    }
    if (!status) status = tune_display_table(display, &text);
    if (!status) *result = take_text(1, text);
    const TuneProgress ended = {
        .event = TUNE_ENDED, .trial = 1, .point = &point, .ended = made->list.trials, .trials_wanted = SHOWN};
    if (!status) status = tune_display_line(display, &ended, &text);
    if (!status) *result = take_text(*result, text);
    tune_display_free(display);
    return status;
}

static void showing(void **state) {
    (void)state;
    /* A reason that outgrows a text's first room. */
    char reason[3000];
    static const char *const optimizers[] = {"sgd", "adam"}, *const rates[] = {"0.005", "0.0005"};
    MadeTrials made = trials_begin(1);
    add_parameter(&made.space, "optimizer", optimizers, 2);
    add_parameter(&made.space, "lr", rates, 2);
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    set_reason(add_trial(&made, TRIAL_FAILED, 0, 0), reason);
    for_each_failing_allocation("what a tune shows", show, &made);
    trial_list_free(&made.list);
    space_free(&made.space);
    free(made.curves);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(umap), cmocka_unit_test(tuning), cmocka_unit_test(showing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
