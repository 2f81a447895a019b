/* cifra export: a trained network as a file for other programs. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "cli/export_formats.h"
#include "cli/terminal.h"
#include "nn/weights/weights_write.h"

#include <stddef.h>

typedef struct ExportArguments {
    int format;
    bool logits;
} ExportArguments;

#define TABLE_ROW(word, help, write) {word, help, false, write},
#define FOLDER_ROW(word, help, write) {word, help, true, write},
#define WORD(word, help, write)      word,
#define HELP_LINE(word, help, write) "    " word ": " help "\n"

static const ExportFormat formats[] = {EXPORT_FORMATS(TABLE_ROW) EXPORT_FOLDERS(FOLDER_ROW)};
static const char *const format_words[] = {EXPORT_FORMATS(WORD) EXPORT_FOLDERS(WORD) NULL};

static const Option options[] = {
    {"to", NULL, OPTION_CHOICE, .choices = format_words, .help = "the format", .default_text = "safetensors",
     OPTION_MEMBER(ExportArguments, format)},
    {"logits", NULL, OPTION_FLAG, .help = "onnx: the output is logits, without the softmax that gives probabilities",
     OPTION_MEMBER(ExportArguments, logits)},
};

cf_status export_safetensors(const ExportRequest *request) {
    return weights_write(request->model, request->out);
}

cf_status export_onnx(const ExportRequest *request) {
    return cf_export_onnx(request->model, request->out, &(cf_onnx_options){.softmax = !request->logits});
}

static cf_status run_command(const Arguments *given, const void *parsed) {
    const ExportArguments *a = parsed;
    const ExportFormat *format = &formats[a->format];
    cf_model *model;
    ExportRequest request = {.run = given->positional[0], .out = given->positional[1], .logits = a->logits};
    terminal_set_quiet(given->quiet);
    FAIL_IF(a->logits && format->write != export_onnx, CF_BAD_USE, "--logits is for --to onnx");
    FORWARD(format->folder ? file_check_folder(request.out) : file_check_output(request.out));
    FORWARD(model_open(request.run, &model));
    request.model = model;
    const cf_status status = format->write(&request);
    cf_model_free(model);
    FORWARD(status);
    if (given->json) return print_json(json_pack("{s:o s:s}", "file", json_text(request.out), "format", format->word));
    print_tamed("%s\n", request.out);
    return CF_OK;
}

const Command command_export = {
    .name = "export",
    .summary = "a trained network as a file for other programs",
    .usage = "RUN FILE|FOLDER [--to FORMAT] [--logits]",
    .description = "Writes a run's best weights (or those of a model.safetensors) to FILE in a format that other "
                   "programs read.\n"
                   "\n" EXPORT_FORMATS(HELP_LINE) EXPORT_FOLDERS(HELP_LINE) "\n"
                                                  "Examples:\n"
                                                  "\n"
                                                  "    cifra export runs/mnist-paper-s1 paper.safetensors\n"
                                                  "    cifra export runs/mnist-paper-s1 paper.onnx --to onnx\n"
                                                  "    cifra export runs/mnist-paper-s1 digits --to c",
    .options = options,
    .option_count = COUNT_OF(options),
    .min_positional = 2,
    .max_positional = 2,
    .options_size = sizeof(ExportArguments),
    .run = run_command,
};
