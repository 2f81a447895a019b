/* cifra export: a trained network as a file for other programs. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "cli/export_formats.h"
#include "cli/terminal.h"
#include "nn/weights/weights_write.h"
#include "study/run/run_exports.h"

#include <dirent.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

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
    {"logits", NULL, OPTION_FLAG, .help = "onnx, onnx-int8: the output is logits, without the softmax that gives probabilities",
     OPTION_MEMBER(ExportArguments, logits)},
};

cf_status export_safetensors(const ExportRequest *request) {
    return weights_write(request->model, request->out);
}

cf_status export_onnx(const ExportRequest *request) {
    return cf_export_onnx(request->model, request->out, &(cf_onnx_options){.softmax = !request->logits});
}

/* A folder that exported C lies in holds its four files. */
static cf_status count_bytes(const char *path, bool folder, int64_t *bytes) {
    struct stat about;
    struct dirent *entry;
    DIR *files = folder ? opendir(path) : NULL;
    *bytes = 0;
    if (!folder && stat(path, &about) == 0) *bytes = about.st_size;
    while (files && (entry = readdir(files)))
        if (fstatat(dirfd(files), entry->d_name, &about, 0) == 0 && S_ISREG(about.st_mode)) *bytes += about.st_size;
    if (files) closedir(files);
    FAIL_IF(!*bytes, CF_IO, "%s was written, and is not there", path);
    return CF_OK;
}

/* What was made, for exports.json and the report: a run without its data is not measured. */
static cf_status finish(const ExportRequest *request, const ExportFormat *format, bool as_json) {
    ExportRecord record = {.file = request->out,
                           .format = format->word,
                           .int8 = strstr(format->word, "int8") != NULL,
                           .flash_bytes = request->sizes->ram_bytes ? (int64_t)request->sizes->flash_bytes : -1,
                           .ram_bytes = (int64_t)request->sizes->ram_bytes,
                           .multiply_adds = layer_list_flops(&request->model->layers) / 2,
                           .accuracy = -1};
    FORWARD(count_bytes(request->out, format->folder, &record.bytes));
    if (request->run && run_measure_export(request->run, &record))
        notice("accuracy and speed of the export are not told: %s", cf_error());
    if (request->run) FORWARD(run_note_export(request->run, &record));
    if (as_json) return print_json(export_record_json(&record));
    print_tamed("%s\n", request->out);
    return CF_OK;
}

static cf_status run_command(const Arguments *given, const void *parsed) {
    const ExportArguments *a = parsed;
    const ExportFormat *format = &formats[a->format];
    cf_c_sizes sizes = {0};
    cf_model *model = NULL;
    Run *run = NULL;
    ExportRequest request = {.source = given->positional[0], .out = given->positional[1], .format = format->word, .logits = a->logits,
                             .sizes = &sizes};
    cf_status status;
    terminal_set_quiet(given->quiet);
    FAIL_IF(a->logits && format->write != export_onnx && format->write != export_onnx_int8, CF_BAD_USE,
            "--logits is for --to onnx and onnx-int8");
    FORWARD(format->folder ? file_check_folder(request.out) : file_check_output(request.out));
    if (file_is_folder(request.source))
        FORWARD(run_open(request.source, &run));
    else
        FORWARD(model_open(request.source, &model));
    request.run = run;
    request.model = run ? run->model : model;
    FORWARD_TO(done, format->write(&request));
    status = finish(&request, format, given->json);
done:
    run_free(run);
    cf_model_free(model);
    return status;
}

const Command command_export = {
    .name = "export",
    .summary = "a trained network as a file for other programs",
    .usage = "RUN FILE|FOLDER [--to FORMAT] [--logits]",
    .description = "Writes a run's best weights (or those of a model.safetensors) to FILE in a format that other "
                   "programs read.\n"
                   "\n" EXPORT_FORMATS(HELP_LINE) EXPORT_FOLDERS(HELP_LINE) "\n"
                                                  "Beside the run, exports.json keeps size, accuracy and speed of each file "
                                                  "(measured here, in the same numbers, over the run's test part); cifra "
                                                  "report shows them.\n"
                                                  "\n"
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
