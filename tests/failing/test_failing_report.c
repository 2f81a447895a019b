/* A run's tables, figures and page, and a tune's, with every allocation failing in turn. Beside what the header tells of other tests:
 * no file under a final name is anything but whole, and no draft is left.
 *
 * Each work begins without the files that it makes. Of Cairo (1.16) and pixman only the allocations of charts as SVG are failed: where
 * pixels are filled, Cairo jumps to where it is no more, and of images it reads what it did not make. PDF is left out: it lacks its
 * fonts or its page then, without a word. No program above can help that: 48 MB are asked for before each figure instead. */
#include "base/files.h"
#include "base/memory.h"
#include "study/figures/figures.h"
#include "study/report/document.h"
#include "study/report/report.h"
#include "study/run/run.h"
#include "tune/tune.h"

#include "failing_memory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- What lies in a folder ---- */

enum { MOST_FILES = 32 };

/* The files that a work makes, as it made them undisturbed. */
typedef struct Made {
    const char *folder;
    struct {
        char name[256];
        uint64_t sum;
    } files[MOST_FILES];
    int count;
} Made;

static uint64_t whole_sum(const Made *made, const char *name) {
    for (int i = 0; i < made->count; i++)
        if (strcmp(made->files[i].name, name) == 0) return made->files[i].sum;
    return 0;
}

/* What is wrong with a file of the folder that was not there before the work. */
static cf_status look_at(const Made *made, const char *name) {
    const uint64_t sum = file_checksum(1, path_in(made->folder, name)), whole = whole_sum(made, name);
    FAIL_IF(strstr(name, ".part"), CF_INTERNAL, "the draft %s is left", name);
    FAIL_IF(whole && sum != whole, CF_INTERNAL, "%s is not what it should be", name);
    FAIL_IF(!whole && made->count, CF_INTERNAL, "%s is made in no undisturbed work", name);
    return CF_OK;
}

static void remember(Made *made, const char *name) {
    if (whole_sum(made, name) || made->count == MOST_FILES) return;
    snprintf(made->files[made->count].name, sizeof made->files[0].name, "%s", name);
    made->files[made->count++].sum = file_checksum(1, path_in(made->folder, name));
}

/* Behind a work that ended with `status`: its files are looked at, or remembered where they are the first whole ones. */
static cf_status look(Made *made, cf_status status, const char *const *before, uint64_t *result) {
    struct dirent **entries;
    char message[512];
    const bool allowed = failing_allowed(false), first = !made->count && !status;
    snprintf(message, sizeof message, "%s", cf_error());
    const int count = scandir(made->folder, &entries, NULL, alphasort);
    cf_status found = CF_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        bool new = name[0] != '.';
        for (const char *const *old = before; *old; old++) new = new &&strcmp(*old, name) != 0;
        if (new && !first && !found) found = look_at(made, name);
        if (new &&first) remember(made, name);
        if (new && !status) *result = checksum(*result, name, strlen(name));
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    failing_allowed(allowed);
    if (found) return found; /* whose message does not tell of memory: the work is wrong */
    status_set_message(message);
    return status;
}

static void begin_anew(const Made *made, const char *name) {
    const bool allowed = failing_allowed(false);
    assert_ok(file_remove_tree(name ? path_in(made->folder, name) : made->folder));
    failing_allowed(allowed);
}

/* ---- A run ---- */

static Run *run;
static char folder[300];

static int make_run(void **state) {
    (void)state;
    RunConfig config;
    snprintf(folder, sizeof folder, "%s/run", scratch_folder());
    assert_ok(run_config_new(&config));
    assert_ok(run_config_text(&config.data, "hand:n=200,test=60"));
    assert_ok(run_config_text(&config.model, "conv 2 3x3 | bn | relu | maxpool 4 | dense classes"));
    config.split.classes = strdup("1,4,8");
    config.train.epochs = 2;
    config.train.batch = 16;
    config.train.threads = 1;
    assert_ok(run_prepare(&config, NULL, &run));
    assert_ok(run_start(run, folder, false));
    assert_ok(run_train(run, false, NULL, NULL));
    assert_ok(run_evaluate_test(run));
    return 0;
}

static int end_run(void **state) {
    (void)state;
    run_free(run);
    return 0;
}

static const char *const files_of_run[] = {"config.json",
                                           "history.csv",
                                           "model.safetensors",
                                           "metrics.json",
                                           "predictions.csv",
                                           "checkpoint.safetensors",
                                           "lock",
                                           "figures",
                                           "checkpoint.previous.safetensors",
                                           NULL};

/* predictions.csv and metrics.json. */
static cf_status tables(void *context, uint64_t *result) {
    static const char *const before[] = {
        "config.json", "history.csv", "model.safetensors", "checkpoint.safetensors", "checkpoint.previous.safetensors",
        "lock",        NULL};
    begin_anew(context, "predictions.csv");
    begin_anew(context, "metrics.json");
    evaluation_free(&run->test);
    cf_status status = run_evaluate_test(run);
    return look(context, status, before, result);
}

static void tables_of_a_run(void **state) {
    (void)state;
    Made made = {.folder = folder};
    for_each_failing_allocation("a run's tables", tables, &made);
    assert_int_equal(made.count, 2);
    evaluation_free(&run->test);
    assert_ok(run_evaluate_test(run)); /* whole again, for what follows */
}

static cf_status page(void *context, uint64_t *result) {
    begin_anew(context, "report.html");
    return look(context, report_write(folder, run->set, NULL), files_of_run, result);
}

static void page_of_a_run(void **state) {
    (void)state;
    Made made = {.folder = folder};
    for_each_failing_allocation("a run's page", page, &made);
    assert_int_equal(made.count, 1);
}

static cf_status markdown(void *context, uint64_t *result) {
    const char *before[COUNT_OF(files_of_run) + 2] = {"report.html", "report-figures"};
    char *path;
    memcpy(before + 2, files_of_run, sizeof files_of_run);
    begin_anew(context, "report.md");
    cf_status status = document_make(folder, DOCUMENT_MD, &path);
    if (!status) free(path);
    return look(context, status, before, result);
}

/* Of the page that is there. */
static void markdown_of_a_run(void **state) {
    (void)state;
    Made made = {.folder = folder};
    for_each_failing_allocation("a run's report as Markdown", markdown, &made);
    assert_int_equal(made.count, 1);
}

/* ---- Its figures ---- */

typedef struct Drawn {
    Made made;
    unsigned formats;
    cf_status (*draw)(const FigureBook *book);
} Drawn;

static cf_status draw(void *context, uint64_t *result) {
    static const char *const before[] = {NULL};
    Drawn *drawn = context;
    FigureList list = {0};
    const FigureBook book = {drawn->made.folder, "", "hand, test", drawn->formats, &list};
    begin_anew(&drawn->made, NULL);
    assert_int_equal(mkdir(drawn->made.folder, 0700), 0);
    cf_status status = drawn->draw(&book);
    figure_list_free(&list);
    return look(&drawn->made, status, before, result);
}

static cf_status confusion(const FigureBook *book) {
    return figure_confusion(book, &run->test.metrics);
}

static cf_status curves(const FigureBook *book) {
    return figure_curves(book, run->history_path, run->config.train.stop_on, false);
}

static cf_status sureness(const FigureBook *book) {
    Analysis analysis;
    FORWARD(analysis_new(&run->test, &analysis));
    cf_status status = figure_reliability(book, &analysis);
    analysis_free(&analysis);
    return status;
}

static cf_status mistakes(const FigureBook *book) {
    return figure_misclassified(book, run->set, &run->test);
}

static cf_status variants(const FigureBook *book) {
    static const uint32_t images[3] = {0, 1, 2};
    const VariantOptions options = {.images = images, .rows = 3, .variants = 2, .seed = 1};
    return figure_augmentation(book, run->set, "rotate 10 | blur 1 | mixup 0.5", &options);
}

static void figures_of_a_run(void **state) {
    (void)state;
    static const struct {
        const char *name;
        unsigned formats;
        cf_status (*draw)(const FigureBook *book);
        bool spares_cairo; /* from here on */
    } figures[] = {
        {"curves, SVG", FIGURE_SVG, curves, false},        {"confusion, SVG", FIGURE_SVG, confusion, false},
        {"reliability, SVG", FIGURE_SVG, sureness, false}, {"mistakes, SVG", FIGURE_SVG, mistakes, true},
        {"variants, SVG", FIGURE_SVG, variants, true},     {"confusion, PNG", FIGURE_PNG, confusion, true},
    };
    char where[300];
    snprintf(where, sizeof where, "%s/figures", scratch_folder());
    for (size_t f = 0; f < COUNT_OF(figures); f++) {
        if (figures[f].spares_cairo) failing_spares("libcairo"), failing_spares("libpixman");
        Drawn drawn = {{.folder = where}, figures[f].formats, figures[f].draw};
        for_each_failing_allocation(figures[f].name, draw, &drawn);
        assert_true(drawn.made.count >= 2); /* the figure and its data */
    }
}

/* ---- A tune ---- */

static char tuned[300];

static void make_tune(void) {
    static const char yaml[] = "model: dense {width} | relu | dense classes\n"
                               "parameters:\n  - {name: width, values: [4, 6]}\n";
    const char *path = path_in(scratch_folder(), "space.yaml");
    TuneOptions options = tune_defaults();
    Space space;
    write_bytes(path, yaml, sizeof yaml - 1);
    assert_ok(space_read(path, &space));
    snprintf(tuned, sizeof tuned, "%s/tune", scratch_folder());
    options.space = &space;
    options.out = tuned;
    options.data = "hand";
    options.split_text = "official";
    options.jobs = 1;
    options.train.epochs = 1;
    options.train.threads = 1;
    assert_ok(tune_run(run->split, &options));
    space_free(&space);
}

static cf_status page_of_trials(void *context, uint64_t *result) {
    static const char *const before[] = {"tune.db", "trials", "figures", NULL};
    begin_anew(context, "report.html");
    return look(context, report_tune_write(tuned), before, result);
}

static cf_status trials(const FigureBook *book) {
    TuneResults results;
    FORWARD(results_read(tuned, &results));
    cf_status status = figures_tune_draw(book, &results);
    results_free(&results);
    return status;
}

static void page_and_figures_of_a_tune(void **state) {
    (void)state;
    char where[300];
    snprintf(where, sizeof where, "%s/figures", scratch_folder());
    make_tune();
    Made made = {.folder = tuned};
    for_each_failing_allocation("a tune's page", page_of_trials, &made);
    assert_int_equal(made.count, 1);
    Drawn drawn = {{.folder = where}, FIGURE_SVG, trials};
    for_each_failing_allocation("a tune's figures", draw, &drawn);
    assert_true(drawn.made.count >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_of_a_run),
        cmocka_unit_test(page_of_a_run), cmocka_unit_test(markdown_of_a_run),
        cmocka_unit_test(page_and_figures_of_a_tune),
        cmocka_unit_test(figures_of_a_run),
    };
    return cmocka_run_group_tests(tests, make_run, end_run);
}
