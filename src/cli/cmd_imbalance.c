/* cifra imbalance: every remedy for classes of unequal size under one budget. */
#include "cli/commands.h"

#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "data/split.h"
#include "nn/transfer.h"
#include "study/imbalance/lab.h"

#include <stdio.h>

typedef struct ImbalanceArguments {
    const char *from, *cases, *remedies, *curve, *line, *out;
    ConfigArguments set;
    FigureDials figures;
    cf_train_options train;
    int seeds, splits, steps;
} ImbalanceArguments;

#define MEMBER(name) OPTION_MEMBER(ImbalanceArguments, name)

static const Option options[] = {
    {ROWS(set_options), MEMBER(set)},
    {ROW(classes), MEMBER(set.parts.classes)},
    {"cases", "LIST", OPTION_TEXT,
     .help =
         "training images per class, in the classes' order (50:1000), between commas; all; or ratio R [N]: exponentially "
         "fewer, of the last class an R-th of the N of the first",
     .needed = "training images per class, for instance 50:1000,500:1000", MEMBER(cases)},
    {"remedies", "LIST", OPTION_TEXT,
     .help = "names between commas, joined by + where they go together; nothing is always among them",
     .default_text = "the list below", MEMBER(remedies)},
    {"augment-with", "LINE", OPTION_TEXT, .help = "what the remedy augment does",
     .default_text = "mnist; svhn for images in colour", MEMBER(line)},
    {"seeds", "N", OPTION_INTEGER, 1, LAB_MOST_SEEDS, .help = "trainings of each remedy, with the seeds from --seed on",
     .usual = "5", MEMBER(seeds)},
    {"splits", "N", OPTION_INTEGER, 1, LAB_MOST_SEEDS,
     .help = "the seeds take N draws of training images in turn; 1: all the same images",
     .default_text = "each seed draws its own", MEMBER(splits)},
    {"steps", "N", OPTION_INTEGER, 1, 10000000, .help = "of each training, to a whole epoch; --epochs is made of it",
     .usual = "400", MEMBER(steps)},
    {"curve", "LIST", OPTION_TEXT,
     .help =
         "numbers of images of the first case's rarest class at which nothing and the best remedy are compared, or none",
     .default_text = "from half of the case's to 8 times, as far as there are so many", MEMBER(curve)},
    {ROW(model), .default_text = "paper; with --from its network", MEMBER(set.model)},
    {"from", "RUN|FILE", OPTION_TEXT, .help = "the network that the remedy pretrained begins with", MEMBER(from)},
    {.training = lab_train_defaults, MEMBER(train)},
    {ROW(threads), MEMBER(train.threads)},
    {ROW(split), .help = "official, pooled, or at:N, as of cifra train", MEMBER(set.split)},
    {ROW(validation), .help = "share of the images that validate, by which the best remedy is chosen",
     MEMBER(set.parts.validation)},
    {ROW(split_seed), .help = "of the first draw of images", MEMBER(set.parts.seed)},
    {"out", "DIR", OPTION_TEXT, .help = "the lab's folder; one that holds this lab is resumed",
     .default_text = "runs/SET-imbalance", MEMBER(out)},
    {ROWS(figure_options), .help = "formats of the figures: svg, png, pdf between commas, or none", MEMBER(figures)},
};

/* ---- What is asked for ---- */

static cf_status refuse_decided(const Arguments *given) {
    static const char *const decided[] = {"epochs", "patience", "stop-on"};
    for (size_t i = 0; i < COUNT_OF(decided); i++)
        FAIL_IF(options_given(given, decided[i]), CF_BAD_USE,
                "--%s: all trainings of a lab have the same number of steps (--steps), and their last epoch is taken",
                decided[i]);
    return CF_OK;
}

/* Without --model the network is the source's, for all remedies. */
static cf_status take_source(const ImbalanceArguments *a, const cf_set *set, RunConfig *config) {
    AUTO_FREE char *path = NULL, *line = NULL;
    FORWARD(run_config_text(&config->from, a->from));
    FORWARD(transfer_path(a->from, &path));
    FORWARD(transfer_sha256(path, config->source.sha256));
    if (a->set.model) return CF_OK;
    FORWARD(transfer_line(path, set->channels, &line));
    return run_config_text(&config->model, line);
}

static cf_status make_config(const Arguments *given, const ImbalanceArguments *a, RunConfig *config) {
    FORWARD(run_config_new(config));
    config->train = a->train;
    return config_lay(given, &a->set, config);
}

static cf_status make_lab(const Arguments *given, const ImbalanceArguments *a, const cf_set *set, Lab *lab) {
    RunConfig *config = lab->base;
    if (!a->set.split) config->split.mode = split_usual_mode(set);
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

static cf_status print_results(const json_t *results, const char *folder) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    FORWARD(text_draft(&draft));
    FORWARD(lab_print(results, draft.stream));
    fprintf(draft.stream, "\nThe lab, with its figures: %s/report.html\n", folder);
    return print_draft(&draft);
}

static cf_status run_lab(const Arguments *given, const ImbalanceArguments *a, const Lab *lab, SetShelf *shelf,
                         const char *folder) {
    StudyOptions o = {.folder = folder,
                      .data_dir = a->set.data_dir,
                      .threads = a->train.threads,
                      .progress = terminal_study_stage,
                      .training = terminal_study_training};
    json_auto_t *results = NULL;
    FORWARD(figure_dials_read(&a->figures, &o.formats));
    terminal_catch_interrupt();
    FORWARD(resumable(lab_run(lab, shelf, &o, &results)));
    return given->json ? print_json(memory_take(&results)) : print_results(results, folder);
}

static cf_status imbalance_command(const Arguments *given, const void *parsed) {
    const ImbalanceArguments *a = parsed;
    AUTO(run_config_free) RunConfig config = {0};
    AUTO(shelf_clear) SetShelf shelf = {0};
    AUTO(lab_free) Lab lab = {.base = &config};
    AUTO_FREE char *folder = NULL;
    const cf_set *set;
    FORWARD(refuse_decided(given));
    FORWARD(make_config(given, a, &config));
    FORWARD(folder_asked(a->out, "runs", config.data, "imbalance", &folder));
    FORWARD(shelf_take(&shelf, config.data, config.data_dir, &set));
    FORWARD(make_lab(given, a, set, &lab));
    return run_lab(given, a, &lab, &shelf, folder);
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
    COMMAND_OPTIONS(options, ImbalanceArguments),
    .run = imbalance_command,
};
