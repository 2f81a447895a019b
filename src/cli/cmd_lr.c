/* cifra lr: which learning rates learn. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/slices.h"
#include "cli/data_options.h"
#include "cli/figure_options.h"
#include "cli/terminal.h"
#include "study/figures/figures_lr.h"
#include "study/run/run.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct LrArguments {
    const char *data_dir, *model, *classes, *limit, *out;
    DataDials dials;
    cf_train_options train;
    double from, to;
    int steps, theme, dpi;
} LrArguments;

enum { USUAL_STEPS = 200, LEAST_STEPS = 20, MOST_STEPS = 100000 };
static const double usual_from = 1e-5, usual_to = 10;

#define MEMBER(name) OPTION_MEMBER(LrArguments, name)

static const Option options[] = {
    {"from", "X", OPTION_NUMBER, 1e-12, 1e6, .help = "learning rate of the first step", .default_text = "1e-05",
     MEMBER(from)},
    {"to", "X", OPTION_NUMBER, 1e-12, 1e6, .help = "learning rate of the last step", .default_text = "10", MEMBER(to)},
    {"steps", "N", OPTION_INTEGER, LEAST_STEPS, MOST_STEPS, .help = "steps, over as many passes as that takes",
     .default_text = "200", MEMBER(steps)},
    {"out", "FIG", OPTION_TEXT, .help = "the curve, a .svg, .png or .pdf file; its data lie beside it as .csv",
     .default_text = "none", MEMBER(out)},
    FIGURE_OPTION_LOOK(LrArguments, theme, dpi),
    {"data-dir", "DIR", OPTION_TEXT, .help = "where names are looked for first", .default_text = "$CIFRA_DATA",
     MEMBER(data_dir)},
    DATA_OPTIONS(LrArguments, dials),
    {"classes", "A,B", OPTION_TEXT, .help = "only these classes, by name", MEMBER(classes)},
    {"limit", "A:N,B:M", OPTION_TEXT, .help = "at most so many training images of a class", MEMBER(limit)},
    {"model", "NAME|LINE", OPTION_TEXT, .help = "a name (cifra models lists them), or a line of layers",
     .default_text = "paper", MEMBER(model)},
    {.training = cf_train_defaults, MEMBER(train)},
    {"threads", "T", OPTION_INTEGER, 0, SLICES_MAX_THREADS, .help = "0: all processors; changes speed, never numbers",
     .default_text = "0", MEMBER(train.threads)},
};

static void set_defaults(void *parsed) {
    *(LrArguments *)parsed = (LrArguments){.dials = DATA_DIALS_NONE,
                                           .train = cf_train_defaults(),
                                           .from = usual_from,
                                           .to = usual_to,
                                           .steps = USUAL_STEPS};
}

static cf_status make_config(const LrArguments *a, const char *set, RunConfig *c) {
    char *classes = NULL, *limit = NULL;
    FORWARD(run_config_new(c));
    FORWARD(data_dials_lay(set, &a->dials, &c->data));
    if (a->data_dir) FORWARD(run_config_text(&c->data_dir, a->data_dir));
    if (a->model) FORWARD(run_config_text(&c->model, a->model));
    if (a->classes) FORWARD(run_config_text(&classes, a->classes));
    c->split.classes = classes;
    if (a->limit) FORWARD(run_config_text(&limit, a->limit));
    c->split.train_limit = limit;
    c->train = a->train;
    return CF_OK;
}

/* ---- Results ---- */

/* "figures/lr.svg" is a book of that folder with a figure "lr" of that one format. */
static cf_status draw_curve(const LrArguments *a, const LrRange *range, const char *subject) {
    const char *base = strrchr(a->out, '/'), *ending = strrchr(a->out, '.');
    char *folder, *name;
    FigureList list = {0};
    FigureBook book = {.suffix = "", .subject = subject, .list = &list};
    base = base ? base + 1 : a->out;
    FORWARD(figure_formats_from_text(ending + 1, a->theme, a->dpi, &book.formats));
    FORWARD(memory_print(&folder, "%.*s", base > a->out ? (int)(base - a->out) : 1, base > a->out ? a->out : "."));
    cf_status status = memory_print(&name, "%.*s", (int)(ending - base), base);
    book.folder = folder;
    if (!status) {
        status = figure_lr_range(&book, name, range);
        free(name);
    }
    free(folder);
    figure_list_free(&list);
    return status;
}

static json_t *points_json(const LrRange *range) {
    json_t *points = json_array();
    for (int i = 0; i < range->count; i++) {
        const LrRangePoint *p = &range->points[i];
        json_array_append_new(points,
                              json_pack("{s:f s:f s:f}", "lr", p->rate, "loss", p->loss, "smoothed", p->smoothed));
    }
    return points;
}

static cf_status tell_json(const LrArguments *a, const LrRange *r) {
    const LrRangePoint *lowest = &r->points[r->lowest];
    json_t *steepest = r->steepest < 0 ? json_null() : json_real(r->points[r->steepest].rate);
    return print_json(json_pack("{s:f s:f s:i s:i s:b s:o s:f s:f s:f s:o s:o}", "from", a->from, "to", a->to, "steps",
                                a->steps, "steps_done", r->count, "ended_early", r->ended_early, "steepest", steepest,
                                "lowest", lowest->rate, "lowest_loss", lowest->smoothed, "lowest_tenth", r->suggestion,
                                "out", a->out ? json_text(a->out) : json_null(), "points", points_json(r)));
}

static void print_range(const LrArguments *a, const LrRange *r) {
    const LrRangePoint *lowest = &r->points[r->lowest], *end = &r->points[r->count - 1];
    printf("%d of %d steps, learning rate %.3g to %.3g%s\n", r->count, a->steps, a->from, end->rate,
           r->ended_early ? ", where the loss ran away" : "; the loss never ran away");
    printf("lowest smoothed loss   %.4f at %.3g\n", lowest->smoothed, lowest->rate);
    if (r->steepest >= 0)
        printf("steepest descent       %.3g\n", r->points[r->steepest].rate);
    else
        printf("steepest descent       none: the loss falls nowhere\n");
    printf("a tenth of the lowest  %.3g\n", r->suggestion);
    if (r->steepest >= 0)
        printf("\nBetween the two of these is a good --lr to begin with; the highest one for one-cycle.\n");
    if (a->out) print_printable("\n%s\n", a->out);
}

static bool show_progress(double share, void *context) {
    (void)context;
    return terminal_stage("range test", share);
}

static cf_status test(const Arguments *given, const LrArguments *a, RunConfig *config) {
    const LrRangeOptions range = {a->from, a->to, a->steps, show_progress, NULL};
    Run *run;
    LrRange result;
    FORWARD(run_prepare(config, NULL, &run));
    terminal_catch_interrupt();
    cf_status status = lr_range_test(run->model, run->split, &run->config.train, &range, &result);
    if (!status) {
        char *subject = NULL;
        terminal_stage("range test", 1);
        if (a->out) status = data_title(run->config.data, &subject);
        if (!status && a->out) status = draw_curve(a, &result, subject);
        free(subject);
        if (!status && given->json) status = tell_json(a, &result);
        if (!status && !given->json) print_range(a, &result);
        lr_range_free(&result);
    }
    run_free(run);
    return status;
}

static cf_status run_lr(const Arguments *given, const void *parsed) {
    const LrArguments *a = parsed;
    RunConfig config = {0};
    terminal_set_quiet(given->quiet);
    FAIL_IF(a->from >= a->to, CF_BAD_USE, "--from %g must be below --to %g", a->from, a->to);
    if (a->out) {
        FORWARD(canvas_check_path(a->out));
        FORWARD(file_check_output(a->out));
    }
    cf_status status = make_config(a, given->positional[0], &config);
    if (!status) status = test(given, a, &config);
    run_config_free(&config);
    return status;
}

const Command command_lr = {
    .name = "lr",
    .summary = "find a learning rate",
    .usage = "SET [--model NAME|LINE] [--out FIG] [options]",
    .description =
        "The learning-rate range test (Smith 2017): trains for a few hundred steps while the rate grows from step to step, "
        "until the loss runs away (smoothed, 4 times its lowest), and tells where the loss fell steepest and a tenth of the "
        "rate where it was lowest. The training part is used and nothing is kept but the curve.\n\n"
        "Options of a training count as in cifra train, as far as a step follows them: batch, optimizer and what belongs to it, "
        "augmentation, sampling, the loss, seed, engine, precision. The rate, its schedule, averages and stopping do not. The "
        "rate belongs to the batch, the optimizer and the model that it was found with.\n\n"
        "Examples:\n\n"
        "    cifra lr mnist\n"
        "    cifra lr svhn --model resnet20 --optimizer adam --out lr.svg\n"
        "    cifra lr hand -n 5000 --batch 32 --nesterov true --steps 400 --to 3 --json",
    .options = options,
    .option_count = COUNT_OF(options),
    .min_positional = 1,
    .max_positional = 1,
    .options_size = sizeof(LrArguments),
    .set_defaults = set_defaults,
    .run = run_lr,
};
