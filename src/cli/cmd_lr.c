/* cifra lr: which learning rates learn. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "study/figures/figures.h"
#include "study/run/run.h"

#include <stdio.h>
#include <string.h>

typedef struct LrArguments {
    const char *out;
    ConfigArguments set;
    cf_train_options train;
    double from, to;
    int steps;
    FigureDials figures; /* but for the list */
} LrArguments;

#define MEMBER(name) OPTION_MEMBER(LrArguments, name)

static const Option options[] = {
    {"from", "X", OPTION_NUMBER, 1e-12, 1e6, .help = "learning rate of the first step", .usual = "1e-05", MEMBER(from)},
    {"to", "X", OPTION_NUMBER, 1e-12, 1e6, .help = "learning rate of the last step", .usual = "10", MEMBER(to)},
    {"steps", "N", OPTION_INTEGER, 20, 100000, .help = "steps, over as many passes as that takes", .usual = "200",
     MEMBER(steps)},
    {"out", "FIG", OPTION_TEXT, .help = "the curve, a .svg, .png or .pdf file; its data lie beside it as .csv",
     .default_text = "none", MEMBER(out)},
    {ROWS(figure_look_options), .with = {"--out"}, MEMBER(figures)},
    {ROW(data_dir), MEMBER(set.data_dir)},
    {ROWS(dial_options), MEMBER(set.dials)},
    {ROW(classes), MEMBER(set.parts.classes)},
    {ROW(limit), MEMBER(set.parts.train_limit)},
    {ROW(model), MEMBER(set.model)},
    {.training = cf_train_defaults, MEMBER(train)},
    {ROW(threads), MEMBER(train.threads)},
};

/* ---- Results ---- */

/* "figures/lr.svg" is a book of that folder with a figure "lr" of that one format. */
static cf_status draw_curve(const LrArguments *a, const char *data, const LrRange *range) {
    const char *base = file_base_name(a->out), *ending = strrchr(a->out, '.');
    AUTO_FREE char *folder = NULL, *name = NULL, *subject = NULL;
    AUTO(figure_list_free) FigureList list = {0};
    FigureBook book = {.suffix = "", .list = &list};
    FORWARD(data_title(data, &subject));
    FORWARD(figure_formats_from_text(ending + 1, a->figures.theme, a->figures.dpi, &book.formats));
    FORWARD(memory_print(&folder, "%.*s", base > a->out ? (int)(base - a->out) : 1, base > a->out ? a->out : "."));
    FORWARD(memory_print(&name, "%.*s", (int)(ending - base), base));
    book.folder = folder;
    book.subject = subject;
    return figure_lr_range(&book, name, range);
}

static cf_status print_range_json(const LrArguments *a, const LrRange *r) {
    const LrRangePoint *lowest = &r->points[r->lowest];
    json_t *steepest = r->steepest < 0 ? json_null() : json_real(r->points[r->steepest].rate), *points = json_array();
    for (const LrRangePoint *p = r->points; p < r->points + r->count; p++)
        json_array_append_new(points,
                              json_pack("{s:f s:f s:f}", "lr", p->rate, "loss", p->loss, "smoothed", p->smoothed));
    return print_json(json_pack("{s:f s:f s:i s:i s:b s:o s:f s:f s:f s:o s:o}", "from", a->from, "to", a->to, "steps",
                                a->steps, "steps_done", r->count, "ended_early", r->ended_early, "steepest", steepest,
                                "lowest", lowest->rate, "lowest_loss", lowest->smoothed, "lowest_tenth", r->suggestion,
                                "out", json_text(a->out), "points", points));
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

static cf_status run_lr(const Arguments *given, const void *parsed) {
    const LrArguments *a = parsed;
    ConfigArguments set = a->set;
    const LrRangeOptions range = {a->from, a->to, a->steps, show_progress, NULL};
    AUTO(run_config_free) RunConfig config = {0};
    AUTO(run_free_at) Run *run = NULL;
    AUTO(lr_range_free) LrRange result = {0};
    FAIL_IF(a->from >= a->to, CF_BAD_USE, "--from %g must be below --to %g", a->from, a->to);
    if (a->out) FORWARD(canvas_check_path(a->out));
    if (a->out) FORWARD(file_check_output(a->out));
    set.data = given->positional[0];
    FORWARD(run_config_new(&config));
    FORWARD(config_lay(given, &set, &config));
    config.train = a->train;
    FORWARD(run_prepare(&config, NULL, &run));
    terminal_catch_interrupt();
    FORWARD(lr_range_test(run->model, run->split, &run->config.train, &range, &result));
    terminal_stage("range test", 1);
    if (a->out) FORWARD(draw_curve(a, run->config.data, &result));
    if (given->json) return print_range_json(a, &result);
    print_range(a, &result);
    return CF_OK;
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
    .positional = {1, 1},
    COMMAND_OPTIONS(options, LrArguments),
    .run = run_lr,
};
