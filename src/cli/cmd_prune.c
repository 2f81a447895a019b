/* cifra prune: a run's network with fewer channels, as a run. */
#include "cli/commands.h"

#include "cli/terminal.h"
#include "nn/model.h"
#include "study/run/run.h"

#include <stdio.h>
#include <string.h>

typedef struct PruneArguments {
    const char *out;
    double keep;
} PruneArguments;

#define MEMBER(name) OPTION_MEMBER(PruneArguments, name)

static const Option options[] = {
    {"keep", "SHARE", OPTION_NUMBER, 0.001, 1, .help = "of the channels of each layer: those with the largest filters",
     .usual = "0.5", MEMBER(keep)},
    {"out", "RUN", OPTION_TEXT, .help = "the run folder of the smaller network",
     .needed = "the folder that is to be made", MEMBER(out)},
};

/* The run's own configuration, but for the network, which it takes over. */
static cf_status make_run(const Run *from, cf_model **model, const char *folder, Run **run) {
    AUTO(run_config_free) RunConfig config = {0};
    FORWARD(run_config_copy(&from->config, &config));
    FORWARD(run_config_text(&config.from, NULL));
    config.source = (SourceRecord){0};
    if (strcmp(config.data, RUN_WITHOUT_DATA) == 0) FORWARD(run_config_text(&config.data, NULL));
    return run_import(&config, memory_take(model), folder, run);
}

static cf_status print_run(const Run *run, const cf_model *before, bool as_json) {
    const size_t then = layer_list_parameters(&before->layers), now = layer_list_parameters(&run->model->layers);
    json_t *json;
    if (as_json) {
        FORWARD(run_json(run, &json));
        json_object_set_new(json, "parameters",
                            json_pack("{s:I s:I}", "before", (json_int_t)then, "now", (json_int_t)now));
        return print_json(json);
    }
    print_printable("%s\n%s\n", run->folder, run->model->layers.line);
    printf("%zu parameters of %zu, %.3f MFLOP of %.3f\n", now, then, layer_list_flops(&run->model->layers) / 1e6,
           layer_list_flops(&before->layers) / 1e6);
    if (run->tested)
        printf("test accuracy %.4f, loss %.4f of %zu images, before it learns again: cifra train --from %s\n",
               run->test.metrics.summary.accuracy, run->test.metrics.summary.loss, run->test.count, run->folder);
    return CF_OK;
}

static cf_status prune_command(const Arguments *given, const void *parsed) {
    const PruneArguments *a = parsed;
    AUTO(cf_model_free_at) cf_model *pruned = NULL;
    AUTO(run_free_at) Run *from = NULL, *run = NULL;
    FORWARD(run_open(given->positional[0], &from));
    FORWARD(model_prune(from->model, a->keep, &pruned));
    FORWARD(make_run(from, &pruned, a->out, &run));
    if (run->set) FORWARD(run_evaluate_test(run));
    return print_run(run, from->model, given->json);
}

const Command command_prune = {
    .name = "prune",
    .summary = "a run's network with fewer channels",
    .usage = "RUN --out RUN2 [--keep SHARE]",
    .description =
        "Takes whole channels out of a trained network, those with the smallest filters (Li et al. 2017): by the norm of their "
        "weights, times the factor of the batch norm behind. What depends on a channel goes with it, and what a residual group "
        "adds stays or goes together. The result is a run of its own, on the same data, smaller and faster at once, without "
        "zeros; it is tested, and then wants to learn again:\n\n"
        "    cifra prune runs/mnist-paper-s1 --keep 0.5 --out runs/half\n"
        "    cifra train --data mnist --from runs/half --epochs 3 --lr 0.001 --out runs/half-tuned\n\n"
        "Not pruned, and named, are networks with grouped convolutions (dwconv is), se, attention, position, concat, groupnorm "
        "or more than one output.",
    .positional = {1, 1},
    COMMAND_OPTIONS(options, PruneArguments),
    .run = prune_command,
};
