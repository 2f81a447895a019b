/* cifra export: a trained network as a file for other programs. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "cli/terminal.h"
#include "nn/model.h"
#include "study/run/run_exports.h"

#include <dirent.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

/* The formats, one row each: word, help, function. The table, the choices of --to and the lines of the help page are made from these
 * rows. */
typedef struct ExportRequest {
    const char *source, *out; /* as they were given */
    const char *format;       /* the word */
    Run *run;                 /* opened; NULL: the source is a model file */
    const cf_model *model;    /* of the run, or the file */
    bool logits;              /* without the softmax */
    cf_c_sizes *sizes;        /* of a network as C */
} ExportRequest;

typedef struct ExportFormat {
    const char *word, *help;
    bool folder;
    cf_status (*write)(const ExportRequest *request); /* aside and renamed: a failure leaves what was at `out` */
} ExportFormat;

#define EXPORT_FORMATS(ROW)                                                                                            \
    ROW("safetensors", "the weights as PyTorch's load_state_dict(strict=True) takes them; cifra reads the file, too",  \
        export_safetensors)                                                                                            \
    ROW("onnx", "a graph (opset 17) for onnxruntime and others, with the input scaling and the class names in it",      \
        export_onnx)                                                                                                   \
    ROW("onnx-int8", "the same in 8-bit integers, with QuantizeLinear and DequantizeLinear (QDQ)", export_onnx_int8)

/* Those that write a folder. */
#define EXPORT_FOLDERS(ROW)                                                                                            \
    ROW("c", "plain C in a folder: the network as a function, a test with images of the run's test part, and a page",  \
        export_c)                                                                                                      \
    ROW("c-int8", "the same in 8-bit integers, as cifra eval --precision int8 computes it", export_c_int8)

/* ---- Those that need a run's own data: images for the generated test of C, ranges for 8-bit integers ---- */

static cf_status write_c(const ExportRequest *request, bool int8) {
    cf_c_options options = cf_c_defaults();
    options.int8 = int8;
    options.split = request->run->split;
    options.sizes = request->sizes;
    return cf_export_c(request->model, request->out, &options);
}

static cf_status write_onnx(const ExportRequest *request, bool int8) {
    const cf_onnx_options options = {.softmax = !request->logits, .int8 = int8, .split = request->run->split};
    return cf_export_onnx(request->model, request->out, &options);
}

static cf_status with_data(const ExportRequest *request, bool int8,
                           cf_status (*write)(const ExportRequest *request, bool int8)) {
    const cf_subset *images;
    const char *part;
    FAIL_IF(!request->run, CF_BAD_USE,
            "%s: --to %s takes images from the run's data for %s: the folder of a run expected, a model file found",
            request->source, request->format,
            write == write_c ? "the test that it writes" : "the ranges of its values");
    FORWARD(run_choose_images(request->run, NULL, NULL, "test", &images, &part));
    return write(request, int8);
}

static cf_status export_c(const ExportRequest *request) {
    return with_data(request, false, write_c);
}

static cf_status export_c_int8(const ExportRequest *request) {
    return with_data(request, true, write_c);
}

static cf_status export_onnx_int8(const ExportRequest *request) {
    return with_data(request, true, write_onnx);
}

static cf_status export_safetensors(const ExportRequest *request) {
    return weights_write(request->model, request->out);
}

static cf_status export_onnx(const ExportRequest *request) {
    return cf_export_onnx(request->model, request->out, &(cf_onnx_options){.softmax = !request->logits});
}

/* ---- The command ---- */

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
    print_printable("%s\n", request->out);
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
