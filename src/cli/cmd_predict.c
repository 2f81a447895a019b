/* cifra predict: image files through a trained network. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/text.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "eval/predict.h"
#include "study/run/tune_run.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct PredictArguments {
    const char *csv;
    int threads, top;
    bool invert;
    const char *fit;
} PredictArguments;

#define MEMBER(name) OPTION_MEMBER(PredictArguments, name)

static const Option options[] = {
    {"invert", NULL, OPTION_FLAG, .help = "take light for dark: for dark strokes on paper and a model trained on MNIST",
     MEMBER(invert)},
    {"fit", "HOW", OPTION_TEXT,
     .help = "pictures of another shape: squash (sides stretched), crop (the middle), pad (black beside it)",
     .default_text = "as the run's own pictures", MEMBER(fit)},
    {"top", "K", OPTION_INTEGER, 0, MAX_CLASSES, .help = "how many classes are told of each image, the likeliest first",
     .default_text = "0: the first, and those of 1 % and more", MEMBER(top)},
    {"csv", "FILE", OPTION_TEXT,
     .help = "writes file, class, confidence and the probability of each class (p_CLASS) as a table", MEMBER(csv)},
    {ROW(threads), MEMBER(threads)},
};

typedef struct Ranked {
    float p;
    int class;
} Ranked;

/* What the answers go to, one by one. */
typedef struct Answers {
    const cf_model *model;
    int top;
    Ranked *ranked;  /* [classes] of the picture at hand: the likeliest first, .. */
    int told;        /* .. of which so many are told */
    json_t *list;    /* with --json */
    FileDraft table; /* with --csv */
    size_t failed;
} Answers;

/* ---- The likeliest ---- */

/* Equal ones in the order of the classes. */
static int by_probability(const void *left, const void *right) {
    const Ranked *a = left, *b = right;
    return a->p != b->p ? (a->p < b->p) - (a->p > b->p) : a->class - b->class;
}

static void rank_classes(Answers *answers, const float *p) {
    Ranked *ranked = answers->ranked;
    const int classes = answers->model->classes;
    for (int c = 0; c < classes; c++) ranked[c] = (Ranked){p[c], c};
    qsort(ranked, (size_t)classes, sizeof *ranked, by_probability);
    answers->told = answers->top < classes ? answers->top : classes;
    if (answers->top) return;
    answers->told = 1;
    while (answers->told < classes && ranked[answers->told].p >= 0.01f) answers->told++;
}

/* ---- Answers ---- */

static void print_line(const Answers *answers, const PredictedPicture *picture) {
    char *const *names = answers->model->class_names;
    const Ranked *ranked = answers->ranked;
    if (picture->error) {
        fprintf(stderr, "cifra: %s\n", picture->error);
        return;
    }
    print_printable("%s: %s (%.2f %%)", picture->path, names[ranked[0].class], 100 * (double)ranked[0].p);
    for (int i = 1; i < answers->told; i++) printf("  %s %.2f %%", names[ranked[i].class], 100 * (double)ranked[i].p);
    putchar('\n');
}

static json_t *answer_json(const Answers *answers, const PredictedPicture *picture) {
    char *const *names = answers->model->class_names;
    const Ranked *ranked = answers->ranked;
    if (picture->error)
        return json_pack("{s:o s:o}", "file", json_text(picture->path), "error", json_text(picture->error));
    json_t *all = json_array(), *top = json_array();
    for (int c = 0; c < answers->model->classes; c++)
        json_array_append_new(all, json_real((double)picture->probabilities[c]));
    for (int i = 0; i < answers->told; i++)
        json_array_append_new(top, json_pack("{s:o s:f}", "class", json_text(names[ranked[i].class]), "probability",
                                             (double)ranked[i].p));
    return json_pack("{s:o s:o s:f s:o s:o}", "file", json_text(picture->path), "class",
                     json_text(names[ranked[0].class]), "confidence", (double)ranked[0].p, "top", top, "probabilities",
                     all);
}

static cf_status begin_table(const char *path, Answers *answers) {
    FORWARD(file_draft(path, &answers->table));
    fputs("file,class,confidence", answers->table.stream);
    for (int c = 0; c < answers->model->classes; c++) {
        AUTO_FREE char *name = NULL;
        FORWARD(memory_print(&name, "p_%s", answers->model->class_names[c]));
        fputc(',', answers->table.stream);
        csv_text(answers->table.stream, name);
    }
    fputc('\n', answers->table.stream);
    return CF_OK;
}

/* A file that could not be read has its row, with empty cells. */
static cf_status add_row(const Answers *answers, const PredictedPicture *picture) {
    FILE *out = answers->table.stream;
    const Ranked *ranked = answers->ranked;
    json_auto_t *path = json_text(picture->path); /* the table is UTF-8, as the document is */
    FAIL_IF(!path, CF_NO_MEMORY, "out of memory for a row of the table");
    csv_text(out, json_string_value(path));
    if (picture->error) {
        for (int c = 0; c < answers->model->classes + 2; c++) fputc(',', out);
    } else {
        fputc(',', out);
        csv_text(out, answers->model->class_names[ranked[0].class]);
        fprintf(out, ",%.9g", (double)ranked[0].p); /* nine digits give the float back */
        for (int c = 0; c < answers->model->classes; c++) fprintf(out, ",%.9g", (double)picture->probabilities[c]);
    }
    fputc('\n', out);
    return CF_OK;
}

static cf_status add_answer(const PredictedPicture *picture, void *context) {
    Answers *answers = context;
    answers->failed += picture->error != NULL;
    if (!picture->error) rank_classes(answers, picture->probabilities);
    if (answers->table.stream) FORWARD(add_row(answers, picture));
    if (answers->list)
        json_array_append_new(answers->list, answer_json(answers, picture));
    else
        print_line(answers, picture);
    return CF_OK;
}

/* ---- The command ---- */

static cf_status list_pictures(const Arguments *given, PictureList *list) {
    for (int i = 1; i < given->positional_count; i++) FORWARD(picture_list_add(list, given->positional[i]));
    if (list->others)
        notice("%zu files that are no pictures were passed over, the first is %s", list->others, list->first_other);
    FAIL_IF(!list->count, CF_BAD_INPUT, "%s holds no picture that can be read", given->positional[1]);
    return CF_OK;
}

static void answers_free(Answers *answers) {
    free(answers->ranked);
    file_abandon(&answers->table);
    json_decref(answers->list);
}

/* What could be read is told, in whatever form, before it is said that something could not. */
static cf_status predict(const Arguments *given, const PredictArguments *a, const PictureReading *reading,
                         const PictureList *list, const cf_model *model) {
    const size_t classes = (size_t)model->classes;
    const ClassifyOptions how = {.engine = cpu_engine(), .threads = a->threads};
    AUTO(answers_free) Answers answers = {.model = model, .top = a->top, .list = given->json ? json_array() : NULL};
    FORWARD(memory_new(classes, sizeof *answers.ranked, &answers.ranked));
    if (a->csv) FORWARD(begin_table(a->csv, &answers));
    FORWARD(predict_pictures(model, list, reading, &how, add_answer, &answers));
    if (given->json)
        FORWARD(print_json(json_pack("{s:o s:O}", "classes", json_text_list(model->class_names, classes), "predictions",
                                     answers.list)));
    if (a->csv) FORWARD(file_commit(&answers.table));
    FAIL_IF(answers.failed, CF_BAD_INPUT, "%zu of %zu files could not be read", answers.failed, list->count);
    return CF_OK;
}

/* At the size of the run's own pictures and, unless --fit says another way, fitted as they were; a model file alone does not tell. */
static cf_status choose_reading(const char *run, const char *asked, PictureReading *reading) {
    AUTO_FREE char *plain = NULL;
    AUTO(run_config_free) RunConfig config = {0};
    ReadOptions as_run = {0};
    if (asked) FORWARD(fit_read(asked, &reading->fit));
    if (!file_exists_in(run, "config.json")) return CF_OK;
    FORWARD(run_config_read_in(run, &config));
    if (!config.data) return CF_OK;
    FORWARD(set_text_read(config.data, &plain, &as_run));
    if (!asked) reading->fit = as_run.fit;
    reading->height = config.record.height;
    reading->width = config.record.width;
    return CF_OK;
}

static cf_status predict_command(const Arguments *given, const void *parsed) {
    const PredictArguments *a = parsed;
    PictureReading reading = {.invert = a->invert};
    AUTO(picture_list_free) PictureList list = {0};
    AUTO(cf_model_free_at) cf_model *model = NULL;
    AUTO_FREE char *run = NULL;
    if (a->csv) FORWARD(file_check_output(a->csv));
    FORWARD(tune_run_folder(given->positional[0], &run));
    FORWARD(choose_reading(run, a->fit, &reading));
    FORWARD(model_open(run, &model));
    FORWARD(list_pictures(given, &list));
    return predict(given, a, &reading, &list, model);
}

const Command command_predict = {
    .name = "predict",
    .summary = "classify image files",
    .usage = "RUN FILE|FOLDER... [--top K] [--csv FILE]",
    .description =
        "Classifies pictures (PNG, JPEG, BMP, GIF, TIFF, WebP) with a run's best weights (or those of a model.safetensors). A "
        "picture is read at the size of the run's own data, as they were, and converted to the model's channels and size. Of a "
        "folder, the pictures in it and in its folders are taken in the order of their paths; hidden files are passed over, and "
        "so is what is no picture, which is told by count.\n\n"
        "A picture that cannot be read does not end the work: it is told on stderr, has an \"error\" instead of a class with "
        "--json and a row without a class in the table, and the exit status is 1 at the end.\n\n"
        "Examples:\n\n"
        "    cifra predict runs/mnist-paper-s1 scan.png --invert\n"
        "    cifra predict runs/mnist-paper-s1 scans/ --top 3 --csv scans.csv",
    .positional = {2, ANY_NUMBER},
    COMMAND_OPTIONS(options, PredictArguments),
    .run = predict_command,
};
