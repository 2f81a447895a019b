/* cifra export: a trained network as a file for other programs. */
#include "cli/commands.h"

#include "cli/terminal.h"
#include "nn/model.h"
#include "study/run/run_exports.h"

#include <dirent.h>
#include <sys/stat.h>

typedef struct ExportRequest {
    const char *source, *out; /* as they were given */
    Run *run;                 /* opened; NULL: the source is a model file */
    const cf_model *model;    /* of the run, or the file */
    bool logits;              /* without the softmax */
    cf_c_sizes *sizes;        /* of a network as C */
} ExportRequest;

static cf_status write_safetensors(const ExportRequest *request, bool int8) {
    (void)int8;
    return weights_write(request->model, request->out);
}

static cf_status write_onnx(const ExportRequest *request, bool int8) {
    const cf_onnx_options options = {
        .softmax = !request->logits, .int8 = int8, .split = int8 ? request->run->split : NULL};
    return cf_export_onnx(request->model, request->out, &options);
}

static cf_status write_c(const ExportRequest *request, bool int8) {
    cf_c_options options = cf_c_defaults();
    options.int8 = int8;
    options.split = request->run->split;
    options.sizes = request->sizes;
    return cf_export_c(request->model, request->out, &options);
}

/* ---- The formats, one row each, of which the table, the choices of --to and the lines of the help page are made ---- */

typedef struct ExportFormat {
    const char *word, *help;
    bool folder, int8;
    const char *images; /* what it needs images from the run's own data for; NULL: it needs none */
    /* Aside and renamed: a failure leaves what was at `out`. */
    cf_status (*write)(const ExportRequest *request, bool int8);
} ExportFormat;

#define EXPORT_FORMATS(ROW)                                                                                            \
    ROW("safetensors", "the weights as PyTorch's load_state_dict(strict=True) takes them; cifra reads the file, too",  \
        false, false, NULL, write_safetensors)                                                                         \
    ROW("onnx", "a graph (opset 17) for onnxruntime and others, with the input scaling and the class names in it",     \
        false, false, NULL, write_onnx)                                                                                \
    ROW("onnx-int8", "the same in 8-bit integers, with QuantizeLinear and DequantizeLinear (QDQ)", false, true,        \
        "the ranges of its values", write_onnx)                                                                        \
    ROW("c", "plain C in a folder: the network as a function, a test with images of the run's test part, and a page",  \
        true, false, "the test that it writes", write_c)                                                               \
    ROW("c-int8", "the same in 8-bit integers, as cifra eval --precision int8 computes it", true, true,                \
        "the test that it writes", write_c)

#define TABLE_ROW(...)             {__VA_ARGS__},
#define WORD(word, ...)            word,
#define HELP_LINE(word, help, ...) "    " word ": " help "\n"
#define HELP_LINES                 EXPORT_FORMATS(HELP_LINE)

static const ExportFormat formats[] = {EXPORT_FORMATS(TABLE_ROW)};
static const char *const format_words[] = {EXPORT_FORMATS(WORD) NULL};

/* ---- The command ---- */

typedef struct ExportArguments {
    int format;
    bool logits;
} ExportArguments;

#define MEMBER(name) OPTION_MEMBER(ExportArguments, name)

static const Option options[] = {
    {"to", NULL, OPTION_CHOICE, .choices = format_words, .help = "the format", .usual = "safetensors", MEMBER(format)},
    {"logits", NULL, OPTION_FLAG,
     .help = "onnx, onnx-int8: the output is logits, without the softmax that gives probabilities",
     .with = {"--to onnx", "--to onnx-int8"}, MEMBER(logits)},
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
static cf_status record_export(const ExportRequest *request, const ExportFormat *format, bool as_json) {
    ExportRecord record = {.file = request->out,
                           .format = format->word,
                           .int8 = format->int8,
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

static cf_status export_command(const Arguments *given, const void *parsed) {
    const ExportArguments *a = parsed;
    const ExportFormat *format = &formats[a->format];
    const char *source = given->positional[0], *out = given->positional[1], *part;
    const cf_subset *images;
    cf_c_sizes sizes = {0};
    AUTO(cf_model_free_at) cf_model *model = NULL;
    AUTO(run_free_at) Run *run = NULL;
    FORWARD(format->folder ? file_check_folder(out) : file_check_output(out));
    FORWARD(file_is_folder(source) ? run_open(source, &run) : model_open(source, &model));
    FAIL_IF(format->images && !run, CF_BAD_USE,
            "%s: --to %s takes images from the run's data for %s: the folder of a run expected, a model file found",
            source, format->word, format->images);
    if (format->images) FORWARD(run_choose_images(run, NULL, NULL, "test", &images, &part));
    const ExportRequest request = {source, out, run, run ? run->model : model, a->logits, &sizes};
    FORWARD(format->write(&request, format->int8));
    return record_export(&request, format, given->json);
}

const Command command_export = {
    .name = "export",
    .summary = "a trained network as a file for other programs",
    .usage = "RUN FILE|FOLDER [--to FORMAT] [--logits]",
    .description =
        "Writes a run's best weights (or those of a model.safetensors) to FILE in a format that other programs read.\n\n" HELP_LINES
        "\n"
        "Beside the run, exports.json keeps size, accuracy and speed of each file (measured here, in the same numbers, over the "
        "run's test part); cifra report shows them.\n\n"
        "Examples:\n\n"
        "    cifra export runs/mnist-paper-s1 paper.safetensors\n"
        "    cifra export runs/mnist-paper-s1 paper.onnx --to onnx\n"
        "    cifra export runs/mnist-paper-s1 digits --to c",
    .positional = {2, 2},
    COMMAND_OPTIONS(options, ExportArguments),
    .run = export_command,
};
