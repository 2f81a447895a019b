/* cifra predict: image files through a trained network. */
#include "cli/commands.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/slices.h"
#include "cli/terminal.h"
#include "eval/predict.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct PredictArguments {
    int threads;
    bool invert;
} PredictArguments;

static const Option options[] = {
    {"invert", NULL, OPTION_FLAG, .help = "take light for dark: for dark strokes on paper and a model trained on MNIST",
     OPTION_MEMBER(PredictArguments, invert)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "0: all processors", .default_text = "0",
     OPTION_MEMBER(PredictArguments, threads)},
};

static void print_line(const cf_model *model, const char *path, const float *p) {
    int best = first_largest(p, model->classes);
    printf("%s: %s (%.2f %%)", path, model->class_names[best], 100 * (double)p[best]);
    /* The runners-up that matter: what is left of one percent and more. */
    for (int c = 0; c < model->classes; c++)
        if (c != best && p[c] >= 0.01f) printf("  %s %.2f %%", model->class_names[c], 100 * (double)p[c]);
    putchar('\n');
}

static json_t *to_json(const cf_model *model, const char *path, const float *p) {
    json_t *list = json_array();
    for (int c = 0; c < model->classes; c++) json_array_append_new(list, json_real((double)p[c]));
    return json_pack("{s:s s:s s:o}", "file", path, "class", model->class_names[first_largest(p, model->classes)],
                     "probabilities", list);
}

static cf_status predict_all(const cf_model *model, const Arguments *given, const PredictArguments *a, json_t *list) {
    Predictor *predictor = NULL;
    float *p = NULL;
    cf_status status;
    ClassifyOptions how = {cpu_engine(), a->threads};
    FORWARD_TO(done, memory_new((size_t)model->classes, sizeof *p, &p));
    FORWARD_TO(done, predictor_new(model, &how, &predictor));
    for (int i = 1; i < given->positional_count; i++) {
        FORWARD_TO(done, predictor_file(predictor, given->positional[i], a->invert, p));
        if (given->json)
            json_array_append_new(list, to_json(model, given->positional[i], p));
        else
            print_line(model, given->positional[i], p);
    }
done:
    free(p);
    predictor_free(predictor);
    return status;
}

/* RUN may be a run folder or a model file. */
static cf_status load_model(const char *run, cf_model **model) {
    char *path;
    if (!file_is_folder(run)) return cf_model_load(run, model);
    FORWARD(file_join(run, "model.safetensors", &path));
    cf_status status = cf_model_load(path, model);
    free(path);
    return status;
}

static cf_status run_command(const Arguments *given, const void *parsed) {
    cf_model *model;
    terminal_set_quiet(given->quiet);
    FORWARD(load_model(given->positional[0], &model));
    json_t *list = json_array(), *classes = json_array();
    for (int c = 0; c < model->classes; c++) json_array_append_new(classes, json_string(model->class_names[c]));
    cf_status status = predict_all(model, given, parsed, list);
    if (!status && given->json) {
        status = print_json(json_pack("{s:o s:o}", "classes", classes, "predictions", list));
    } else {
        json_decref(classes);
        json_decref(list);
    }
    cf_model_free(model);
    return status;
}

const Command command_predict = {
    .name = "predict",
    .summary = "classify image files",
    .usage = "RUN IMAGE...",
    .description = "Classifies pictures (PNG, JPEG, BMP, GIF, TIFF, WebP) with a run's best weights (or those of a "
                   "model.safetensors). Images are converted to the model's channels and size.\n"
                   "\n"
                   "Example:\n"
                   "\n"
                   "    cifra predict runs/mnist-paper-s1 scan.png --invert",
    .options = options,
    .option_count = COUNT_OF(options),
    .min_positional = 2,
    .max_positional = -1,
    .options_size = sizeof(PredictArguments),
    .run = run_command,
};
