/* cifra import: a network from an ONNX file as a run folder. */
#include "cli/commands.h"

#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "study/run/run.h"

#include <stdio.h>

typedef struct ImportArguments {
    const char *out, *data, *data_dir, *normalize;
} ImportArguments;

#define MEMBER(name) OPTION_MEMBER(ImportArguments, name)

static const Option options[] = {
    {"out", "RUN", OPTION_TEXT, .help = "the run folder", .needed = "the folder that is to be made", MEMBER(out)},
    {ROW(data), .help = "the set it was trained for, whose test part it is evaluated on", .default_text = "none",
     MEMBER(data)},
    {ROW(data_dir), .help = "where the set is looked for by name", MEMBER(data_dir)},
    {"normalize", "NUMBERS", OPTION_TEXT,
     .help =
         "means, then deviations, one each or one of each channel: what pixels / 255 are to be made of in front of the "
         "network",
     MEMBER(normalize)},
};

static cf_status print_run(const Run *run, bool as_json) {
    const LayerList *layers = &run->model->layers;
    json_t *json;
    if (as_json) {
        FORWARD(run_json(run, &json));
        return print_json(json);
    }
    print_printable("%s\n%s\n", run->folder, layers->line);
    printf("%dx%dx%d, %d classes, %zu parameters\n", layers->input.C, layers->input.H, layers->input.W,
           run->model->classes, layer_list_parameters(layers));
    if (run->tested)
        printf("test accuracy %.4f, loss %.4f of %zu images\n", run->test.metrics.summary.accuracy,
               run->test.metrics.summary.loss, run->test.count);
    return CF_OK;
}

static cf_status import_command(const Arguments *given, const void *parsed) {
    const ImportArguments *a = parsed;
    AUTO(cf_model_free_at) cf_model *model = NULL;
    AUTO(run_config_free) RunConfig config = {0};
    AUTO(run_free_at) Run *run = NULL;
    FORWARD(cf_import_onnx(given->positional[0], &(cf_onnx_import_options){.normalize = a->normalize}, &model));
    FORWARD(run_config_new(&config));
    FORWARD(run_config_text(&config.data, a->data));
    FORWARD(run_config_text(&config.data_dir, a->data_dir));
    FORWARD(run_import(&config, memory_take(&model), a->out, &run));
    if (run->set) FORWARD(run_evaluate_test(run));
    return print_run(run, given->json);
}

const Command command_import = {
    .name = "import",
    .summary = "a network from an ONNX file as a run folder",
    .usage = "FILE.onnx --out RUN [--data SET] [--normalize \"MEANS DEVIATIONS\"]",
    .description =
        "Reads a network whose nodes are what layers of a model line compute, whoever wrote the file, and makes a run folder of "
        "it (config.json, model.safetensors) that eval, predict, report, export and umap take. What is not understood is named: "
        "the node, its operator and why.\n\n"
        "A file of cifra export comes back as the line and the bits that it was; of another's, batch norms may be folded, "
        "layers have the names of their weights where all have some, and values go in as pixels / 255, unless the graph divides "
        "by 255 itself. A network that wants them normalized, as torchvision's do, is told by --normalize.\n\n"
        "Classes are called as the file's metadata \"classes\" (a JSON list) says, else as those of --data, in its order, else "
        "by numbers. With --data the run has data of its own: it is tested on their test part at once, and the report shows "
        "it.\n\n"
        "Examples:\n\n"
        "    cifra import paper.onnx --out runs/paper-again\n"
        "    cifra import resnet18.onnx --out runs/resnet18 --normalize \"0.485 0.456 0.406 0.229 0.224 0.225\"",
    .positional = {1, 1},
    COMMAND_OPTIONS(options, ImportArguments),
    .run = import_command,
};
