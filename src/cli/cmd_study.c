/* cifra study: the whole study with one command. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/text.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "study/pipeline/study.h"
#include "train/train_options.h"

#include <stdio.h>

typedef struct StudyArguments {
    const char *data, *data_dir, *out;
    FigureDials figures;
    int profile, seeds, splits, precision, threads;
} StudyArguments;

static const char *const profile_words[] = {"quick", "paper", NULL};

#define MEMBER(name) OPTION_MEMBER(StudyArguments, name)

static const Option options[] = {
    {"profile", NULL, OPTION_CHOICE, .choices = profile_words,
     .help = "a recipe that comes with cifra, instead of a file of your own", .usual = "quick", MEMBER(profile)},
    {"data", "SETS", OPTION_TEXT,
     .help = "generated (hand,street), real (mnist,svhn), or sets between commas: mnist,street",
     .default_text = "the recipe's", MEMBER(data)},
    {ROW(data_dir), MEMBER(data_dir)},
    {"seeds", "N", OPTION_INTEGER, 1, RECIPE_MOST_SEEDS,
     .help = "train everything with so many seeds; intervals are then over these", .default_text = "the recipe's",
     MEMBER(seeds)},
    {"splits", "N", OPTION_INTEGER, 1, RECIPE_MOST_SEEDS,
     .help = "move the split with the seed: the seeds take N splits in turn; without --seeds so many seeds",
     .default_text = "the recipe's", MEMBER(splits)},
    {ROW(precision), .help = "of all trainings", .default_text = "the recipe's", MEMBER(precision)},
    {ROW(threads), MEMBER(threads)},
    {ROWS(figure_options), .help = "formats of the figures: svg, png, pdf between commas, or none", MEMBER(figures)},
    {"out", "DIR", OPTION_TEXT, .help = "the study's folder; one that holds this study is resumed",
     .default_text = "studies/RECIPE", MEMBER(out)},
};

/* ---- Progress ---- */

/* "2 h 05 min", "3 min", "40 s" */
static void duration_text(double seconds, char text[32]) {
    const long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, 32, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 120)
        snprintf(text, 32, "%ld min", (s + 30) / 60);
    else
        snprintf(text, 32, "%ld s", s);
}

static void show_estimate(const StudyEstimate *e, void *context) {
    char expected[32], most[32], speeds[160] = "";
    (void)context;
    duration_text(e->expected, expected);
    duration_text(e->most, most);
    for (int i = 0; i < e->sets; i++)
        text_append(speeds, sizeof speeds, "%s%.0f",
                    !i                ? ""
                    : i + 1 < e->sets ? ", "
                                      : " and ",
                    e->images_per_second[i]);
    terminal_line("The trainings will take about %s, at most %s, at the %s images/s measured just now.", expected, most,
                  speeds);
}

static bool show_tuning(const TuneProgress *p, void *context) {
    char left[32] = "";
    (void)context;
    if (p->seconds_left >= 0) terminal_time_left(p->seconds_left, left);
    if (p->step)
        terminal_live_line("        %d of %d trials  trial %d: epoch %d  step %lld/%lld  loss %.4f  %s",
                           p->trials_ended, p->trials_wanted, p->trial, p->step->epoch, (long long)p->step->step,
                           (long long)p->step->steps, p->step->loss, left);
    return !terminal_interrupted();
}

/* ---- The command ---- */

static cf_status make_recipe(const Arguments *given, const StudyArguments *a, Recipe *recipe) {
    const bool file = given->positional_count > 0;
    FAIL_IF(file && options_given(given, "profile"), CF_BAD_USE,
            "a recipe (%s) and --profile were given; one of the two is enough", given->positional[0]);
    FORWARD(recipe_read(file ? given->positional[0] : profile_words[a->profile], recipe));
    if (a->data) FORWARD(recipe_use_data(recipe, a->data));
    if (options_given(given, "splits")) recipe->splits = recipe->seeds = a->splits;
    if (options_given(given, "seeds")) recipe->seeds = a->seeds;
    if (options_given(given, "precision")) recipe->base.train.precision = (cf_precision)a->precision;
    return recipe_check(recipe);
}

static cf_status print_outcome(const Arguments *given, const StudyOutcome *outcome) {
    json_t *claims = NULL;
    if (given->json) {
        if (outcome->ledger.file) FORWARD(ledger_json(&outcome->ledger, &claims));
        return print_json(json_pack("{s:o s:f s:O s:o*}", "report", json_text(outcome->report), "seconds",
                                    outcome->seconds, "story", outcome->story, "claims", claims));
    }
    if (outcome->ledger.file) {
        ledger_print(&outcome->ledger, stdout);
        putchar('\n');
    }
    for (size_t i = 0; i < json_array_size(outcome->story); i++)
        print_printable("%s\n", json_string_value(json_array_get(outcome->story, i)));
    print_printable("\nThe whole study, with its figures: %s\n", outcome->report);
    return CF_OK;
}

static cf_status run_recipe(const Arguments *given, const StudyArguments *a, const Recipe *recipe, const char *folder) {
    StudyOptions o = {.folder = folder,
                      .data_dir = a->data_dir,
                      .threads = a->threads,
                      .estimated = show_estimate,
                      .progress = terminal_study_stage,
                      .training = terminal_study_training,
                      .tuning = show_tuning};
    AUTO(study_outcome_free) StudyOutcome outcome = {0};
    FORWARD(figure_dials_read(&a->figures, &o.formats));
    terminal_catch_interrupt();
    FORWARD(resumable(study_run(recipe, &o, &outcome)));
    return print_outcome(given, &outcome);
}

static cf_status study_command(const Arguments *given, const void *parsed) {
    const StudyArguments *a = parsed;
    AUTO(recipe_free) Recipe recipe = {0};
    AUTO_FREE char *folder = NULL;
    FORWARD(make_recipe(given, a, &recipe));
    FORWARD(a->out ? file_trim(a->out, &folder) : memory_print(&folder, "studies/%s", recipe.name));
    FORWARD(file_check_folder(folder));
    return run_recipe(given, a, &recipe, folder);
}

const Command command_study = {
    .name = "study",
    .ranks = true,
    .summary = "the whole study: search, training, evaluation, features, report",
    .usage = "[RECIPE.yaml] [--profile quick|paper] [--data SETS]",
    .description =
        "Looks at the data, trains and evaluates a network on each set, and writes it all into one page, report.html. A recipe "
        "adds to that what it names: a search for the best configuration (grid), UMAP of the features (features), each model on "
        "the other sets (cross), few images of one class and remedies for that (imbalance), each network trained further on few "
        "images of another set (transfer) or on its images without their labels (adaptation), networks side by side "
        "(attention).\n\n"
        "    data: [usps, photos]\n"
        "    model: m3\n"
        "    splits: 5\n"
        "    features: {}\n\n"
        "is a recipe. seeds: N trains with N seeds, splits: N moves the split with the seed; intervals are over these. The "
        "sections that compare seed by seed (remedies, transfer, adaptation, attention) have seeds of their own, also with "
        "--seeds.\n\n"
        "claims: report holds the study against the figures of a report on two data sets of digits, as the two profiles do; a "
        "file of the same form (recipes/claims/report.yaml) against those of another. Each figure stands beside cifra's own in "
        "a ledger (claims.csv), with a 95 % interval and a verdict:\n\n"
        "    reproduced       what the report says lies in our interval\n"
        "    beaten, short    our whole interval is better, or worse\n"
        "    not comparable   measured, but on other data than the report's\n"
        "    not run\n\n"
        "What a report only suggests has no figure to stand beside: better, worse or noise tells where the interval of the "
        "difference lies, paired by seed.\n\n"
        "Everything is kept in the folder, stage by stage: a study that was stopped or killed goes on with the same command and "
        "ends with the same ledger. A changed recipe does anew what depends on the change.\n\n"
        "A recipe is a YAML file; recipes/paper.yaml shows and explains every key. Without real data, generated digits take "
        "their place. mnist:n=5000 is 5000 of a set's training images, with test images in proportion; the key images gives "
        "that number to all sets that have none in their names, and the quick profile's is 5000.\n\n"
        "Examples:\n\n"
        "    cifra study\n"
        "    cifra study --data mnist,street\n"
        "    cifra study --profile paper --data mnist,street --precision bf16 --seeds 5\n"
        "    cifra study my.yaml --out studies/mine",
    .positional = {0, 1},
    COMMAND_OPTIONS(options, StudyArguments),
    .run = study_command,
};
