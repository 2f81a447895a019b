/* cifra imbalance: every remedy for classes of unequal size under one budget. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/slices.h"
#include "cli/data_options.h"
#include "cli/figure_options.h"
#include "cli/terminal.h"
#include "data/split.h"
#include "nn/transfer.h"
#include "study/imbalance/lab.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ImbalanceArguments {
    const char *data, *data_dir, *model, *from, *split, *cases, *remedies, *curve, *line, *out;
    FigureDials figures;
    DataDials dials;
    cf_train_options train;
    cf_split_options parts; /* but for its mode */
    int seeds, splits, steps;
} ImbalanceArguments;

#define MEMBER(name) OPTION_MEMBER(ImbalanceArguments, name)

static const Option options[] = {
    {"data", "SET", OPTION_TEXT, .help = "a set by name (cifra data list) or by path", MEMBER(data)},
    {"data-dir", "DIR", OPTION_TEXT, .help = "where names are looked for first", .default_text = "$CIFRA_DATA",
     MEMBER(data_dir)},
    DATA_OPTIONS(ImbalanceArguments, dials),
    {"classes", "A,B", OPTION_TEXT, .help = "only these classes, by name", MEMBER(parts.classes)},
    {"cases", "LIST", OPTION_TEXT,
     .help =
         "training images per class, in the classes' order (50:1000), between commas; all; or ratio R [N]: exponentially "
         "fewer, of the last class an R-th of the N of the first",
     MEMBER(cases)},
    {"remedies", "LIST", OPTION_TEXT,
     .help = "names between commas, joined by + where they go together; nothing is always among them",
     .default_text = "the list below", MEMBER(remedies)},
    {"augment-with", "LINE", OPTION_TEXT, .help = "what the remedy augment does",
     .default_text = "mnist; svhn for images in colour", MEMBER(line)},
    {"seeds", "N", OPTION_INTEGER, 1, LAB_MOST_SEEDS, .help = "trainings of each remedy, with the seeds from --seed on",
     .default_text = "5", MEMBER(seeds)},
    {"splits", "N", OPTION_INTEGER, 1, LAB_MOST_SEEDS,
     .help = "the seeds take N draws of training images in turn; 1: all the same images",
     .default_text = "each seed draws its own", MEMBER(splits)},
    {"steps", "N", OPTION_INTEGER, 1, 10000000, .help = "of each training, to a whole epoch; --epochs is made of it",
     .default_text = "400", MEMBER(steps)},
    {"curve", "LIST", OPTION_TEXT,
     .help =
         "numbers of images of the first case's rarest class at which nothing and the best remedy are compared, or none",
     .default_text = "from half of the case's to 8 times, as far as there are so many", MEMBER(curve)},
    {"model", "NAME|LINE", OPTION_TEXT, .help = "a name (cifra models lists them), or a line of layers",
     .default_text = "paper; with --from its network", MEMBER(model)},
    {"from", "RUN|FILE", OPTION_TEXT, .help = "the network that the remedy pretrained begins with", MEMBER(from)},
    {.training = lab_train_defaults, MEMBER(train)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "0: all processors; changes speed, never numbers",
     .default_text = "0", MEMBER(train.threads)},
    {"split", "MODE", OPTION_TEXT, .help = "official, pooled, or at:N, as of cifra train",
     .default_text = "official; pooled for a set without a test part", MEMBER(split)},
    {"validation", "X", OPTION_NUMBER, 0.001, 0.9,
     .help = "share of the images that validate, by which the best remedy is chosen", .default_text = "0.1",
     MEMBER(parts.validation)},
    {"split-seed", "S", OPTION_INTEGER, 0, LARGEST_SEED, .help = "of the first draw of images", .default_text = "1",
     MEMBER(parts.seed)},
    {"out", "DIR", OPTION_TEXT, .help = "the lab's folder; one that holds this lab is resumed",
     .default_text = "runs/SET-imbalance", MEMBER(out)},
    FIGURE_OPTIONS(ImbalanceArguments, figures, "formats of the figures", "svg"),
};

static void set_defaults(void *parsed) {
    *(ImbalanceArguments *)parsed =
        (ImbalanceArguments){.dials = DATA_DIALS_NONE, .train = lab_train_defaults(), .seeds = 5, .steps = 400};
}

/* ---- What is asked for ---- */

static cf_status refuse(const Arguments *given) {
    static const char *const decided[] = {"epochs", "patience", "stop-on"};
    for (size_t i = 0; i < COUNT_OF(decided); i++)
        FAIL_IF(options_given(given, decided[i]), CF_BAD_USE,
                "--%s: all trainings of a lab have the same number of steps (--steps), and their last epoch is taken",
                decided[i]);
    return CF_OK;
}

/* Without --model the network is the source's, for all remedies. */
static cf_status take_source(const ImbalanceArguments *a, const cf_set *set, RunConfig *config) {
    char *path, *line = NULL;
    FORWARD(run_config_text(&config->from, a->from));
    FORWARD(transfer_path(a->from, &path));
    cf_status status = transfer_sha256(path, config->source.sha256);
    if (!status && !a->model) status = transfer_line(path, set->channels, &line);
    free(path);
    FORWARD(status);
    if (!line) return CF_OK;
    free(config->model);
    config->model = line;
    return CF_OK;
}

static cf_status make_config(const Arguments *given, const ImbalanceArguments *a, RunConfig *config) {
    char *text, *classes = NULL;
    FORWARD(run_config_new(config));
    FAIL_IF(!a->data, CF_BAD_USE, "--data SET is needed: a name (cifra data list shows them) or a path");
    FORWARD(data_dials_lay(a->data, &a->dials, &text));
    free(config->data);
    config->data = text;
    if (a->data_dir) FORWARD(run_config_text(&config->data_dir, a->data_dir));
    if (a->model) FORWARD(run_config_text(&config->model, a->model));
    if (a->parts.classes) FORWARD(run_config_text(&classes, a->parts.classes));
    config->split.classes = classes;
    if (options_given(given, "split-seed")) config->split.seed = a->parts.seed;
    if (options_given(given, "validation")) config->split.validation = a->parts.validation;
    config->train = a->train;
    return a->split ? split_from_text(a->split, &config->split) : CF_OK;
}

static cf_status make_lab(const Arguments *given, const ImbalanceArguments *a, const cf_set *set, Lab *lab) {
    RunConfig *config = lab->base;
    if (!a->split) config->split.mode = split_usual_mode(set);
    if (options_given(given, "validation")) FORWARD(split_check_validation(set, &config->split));
    if (a->from) FORWARD(take_source(a, set, config));
    snprintf(lab->augment, sizeof lab->augment, "%s", a->line ? a->line : set->channels == 1 ? "mnist" : "svhn");
    lab->seeds = a->seeds;
    lab->draws = a->splits;
    lab->steps = a->steps;
    FORWARD(remedies_read(a->remedies ? a->remedies : remedies_usual, lab->remedies, &lab->remedy_count));
    FORWARD(lab_add_cases(lab, set, a->cases));
    return lab_choose_sizes(lab, set, a->curve);
}

/* ---- The command ---- */

static cf_status run_lab(const Arguments *given, const ImbalanceArguments *a, const Lab *lab, SetShelf *shelf,
                         const char *folder) {
    StudyOptions o = {.folder = folder,
                      .data_dir = a->data_dir,
                      .threads = a->train.threads,
                      .progress = terminal_study_stage,
                      .training = terminal_study_training};
    json_t *results;
    TextDraft draft;
    FORWARD(figure_dials_read(&a->figures, &o.formats));
    terminal_catch_interrupt();
    cf_status status = lab_run(lab, shelf, &o, &results);
    if (status == CF_INTERRUPTED)
        return FAIL(status, "stopped; everything is kept. The same command goes on where it stopped");
    FORWARD(status);
    if (given->json) return print_json(results);
    status = text_draft(&draft);
    if (!status) status = lab_print(results, draft.stream);
    json_decref(results);
    FORWARD(status);
    fprintf(draft.stream, "\nThe lab, with its figures: %s/report.html\n", folder);
    return print_draft(&draft);
}

static cf_status prepare_and_run(const Arguments *given, const ImbalanceArguments *a, RunConfig *config,
                                 const char *folder) {
    Lab lab = {.base = config};
    SetShelf shelf = {0};
    const cf_set *set;
    cf_status status = shelf_take(&shelf, config->data, config->data_dir, &set);
    if (!status) status = make_lab(given, a, set, &lab);
    if (!status) status = run_lab(given, a, &lab, &shelf, folder);
    shelf_clear(&shelf);
    lab_free(&lab);
    return status;
}

static cf_status run_command(const Arguments *given, const void *parsed) {
    const ImbalanceArguments *a = parsed;
    RunConfig config = {0};
    char *folder = NULL, name[64];
    terminal_set_quiet(given->quiet);
    FORWARD(refuse(given));
    FAIL_IF(!a->cases, CF_BAD_USE, "--cases is needed: training images per class, for instance 50:1000,500:1000");
    cf_status status = make_config(given, a, &config);
    if (!status) status = a->out ? file_trim(a->out, &folder) : data_short_name(config.data, name);
    if (!status && !a->out) status = memory_print(&folder, "runs/%s-imbalance", name);
    if (!status) status = prepare_and_run(given, a, &config, folder);
    free(folder);
    run_config_free(&config);
    return status;
}

const Command command_imbalance = {
    .name = "imbalance",
    .summary = "what remedies bring for classes of unequal size",
    .usage = "--data SET --cases LIST [options]",
    .description =
        "Trains the same network on few images of one class and many of another, once as it is and once with each remedy, and "
        "tells what each of them brings: recall of the rarest and the commonest class, their mean over all classes and their "
        "geometric mean, with 95 % intervals over the seeds, and the difference to nothing, paired by seed; what 0 lies in the "
        "interval of is noise.\n\n"
        "All trainings have the same network, options and number of steps, and their last epoch is taken. Each seed draws other "
        "training images (and validation images), the same for all remedies. The best remedy is chosen by the mean of the "
        "classes' recalls on the validation images, of which there are as many as without a limit; the test images choose "
        "nothing.\n\n"
        "    nothing            as the images are\n"
        "    weights            class weights in the loss, balanced\n"
        "    effective          the same by the effective number of images (Cui et al. 2019), 0.9999\n"
        "    focal              focal loss, gamma 2 (Lin et al. 2017)\n"
        "    ldam               margins, and effective weights in the last fifth (Cao et al. 2019)\n"
        "    adjust             logit adjustment (Menon et al. 2021)\n"
        "    balanced, sqrt     samplers\n"
        "    smote              mixtures of images (Chawla et al. 2002)\n"
        "    augment            augmentation: --augment-with\n"
        "    pretrained         begins with the weights of --from RUN\n"
        "    head               after the training the last layer alone again, balanced, on the frozen rest (Kang et al. 2020)\n"
        "    head-smote         the same on mixtures of features\n"
        "    head-natural       the same as the images are: what these steps do by themselves\n"
        "    moved              nothing is trained: probabilities over the classes' shares of the training images\n\n"
        "Joined by + they go together: augment+balanced, pretrained+augment+head. A head has a quarter of --steps besides. "
        "Without --remedies all of them are trained but pretrained, alone, and with augmentation balanced, weights, adjust, "
        "moved and head.\n\n"
        "Then the first case's best remedy and nothing are trained with other numbers of images of the rarest class, and the "
        "curve tells how many more images the remedy is worth.\n\n"
        "The folder has imbalance.json, imbalance.csv, report.html, figures/, and a run folder of each training, of which cifra "
        "report, cifra eval and the other commands know what to do. A lab that was stopped or killed goes on with the same "
        "command; changed settings train anew what depends on them.\n\n"
        "--json: data, seeds, steps, model, cases [{name, limit, best, remedies {NAME: [{seed, images, accuracy, balanced, "
        "gmean, per_class, validation ..}]}}], curve {case, class, best, at, points [{images, nothing, best}]}.\n\n"
        "Examples:\n\n"
        "    cifra imbalance --data mnist --classes 1,2 --cases 50:1000,500:1000\n"
        "    cifra imbalance --data mnist --cases \"ratio 100\" --remedies augment,balanced,augment+balanced\n"
        "    cifra imbalance --data photos --cases 20:200 --from runs/street --remedies pretrained,pretrained+augment+head",
    .options = options,
    .option_count = COUNT_OF(options),
    .options_size = sizeof(ImbalanceArguments),
    .set_defaults = set_defaults,
    .run = run_command,
};
