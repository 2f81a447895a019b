/* Figures of a tune and its page, from trials made up by hand: their data to the letter, names that would break a page, and what
 * is left out where nothing is known. */
#include "study/figures/figures.h"
#include "study/report/report_inside.h"

#include "draw/pictures.h"
#include "tune/trial_making.h"

#include <stdio.h>

static const char *const kinds[] = {"sgd", "a,<b>&\"x\""}, *const rates[] = {"0.01", "0.1"};
static const char folder_name[] = "t<u>ne & \"1\"";

/* Four configurations: two done, one of them with two seeds; one pruned, one failed. */
static TuneResults four(const char *first, const char *const *values, const char *second) {
    MadeTrials made = trials_begin(8);
    add_parameter(&made.space, first, values, 2);
    add_parameter(&made.space, second, rates, 2);
    for (int i = 0; i < 4; i++) {
        Trial *t = add_trial(&made, TRIAL_DONE, 0.25 + 0.25 * i, 0.75 - 0.125 * i);
        t->point.values[0] = i / 2, t->point.values[1] = i % 2;
        set_curve(&made, t, 3);
        if (i < 2) set_right(t, i ? "1010" : "1110");
    }
    made.list.trials[2].state = TRIAL_PRUNED;
    made.list.trials[3].state = TRIAL_FAILED;
    set_reason(&made.list.trials[3], "<i>not</i> finite, \"so\"");
    Trial *repeat = add_trial(&made, TRIAL_DONE, 0.75, 0.5);
    repeat->repeats = 2, repeat->seed = 2;
    repeat->point = made.list.trials[1].point;
    set_right(repeat, "1010");
    return results_of(&made);
}

static char *file_text(const char *folder, const char *name) {
    return text_of(path_in(folder, name), NULL);
}

static void expect_file(const char *folder, const char *name, const char *expected) {
    char *text = file_text(folder, name);
    assert_string_equal(text, expected);
    free(text);
}

static void test_data(void **state) {
    (void)state;
    TuneResults r = four("kind", kinds, "l<r>");
    FigureList list = {0};
    const FigureBook book = {scratch_folder(), "-x", "made", FIGURE_SVG | FIGURE_PNG, &list};
    assert_ok(figures_tune_draw(&book, &r));
    assert_int_equal(list.count, 8);
    for (size_t i = 0; i < list.count; i++) assert_true(file_exists(list.paths[i]));
    /* Two seeds, 0.5 and 0.75: the mean's interval is 12.7062 times 0.125 wide at each side. */
    expect_file(book.folder, "tune-configurations-x.csv",
                "rank,trial,kind,l<r>,state,seeds,loss,loss_low,loss_high,accuracy,accuracy_low,accuracy_high,reason\n"
                "1,2,sgd,0.1,done,2,0.625,-0.963275592,2.21327559,0.5625,-0.231637796,1.3566378,\n"
                "2,1,sgd,0.01,done,1,0.25,,,0.75,0.30064184,0.95441274,\n"
                "3,3,\"a,<b>&\"\"x\"\"\",0.01,pruned,0,0.75,,,0.5,,,\n"
                "4,4,\"a,<b>&\"\"x\"\"\",0.1,failed,0,,,,,,,\"<i>not</i> finite, \"\"so\"\"\"\n");
    expect_file(book.folder, "tune-parallel-x.csv",
                "trial,kind,l<r>,loss,accuracy\n2,sgd,0.1,0.625,0.5625\n1,sgd,0.01,0.25,0.75\n"
                "3,\"a,<b>&\"\"x\"\"\",0.01,0.75,0.5\n4,\"a,<b>&\"\"x\"\"\",0.1,,\n");
    expect_file(book.folder, "tune-effects-x.csv",
                "parameter,value,trials,loss,loss_low,loss_high,accuracy,accuracy_low,accuracy_high\n"
                "kind,sgd,2,0.375,-1.21327559,1.96327559,0.6875,-0.106637796,1.4816378\n"
                "kind,\"a,<b>&\"\"x\"\"\",1,0.75,,,0.5,,\n"
                "l<r>,0.01,2,0.5,-2.67655118,3.67655118,0.625,-0.963275592,2.21327559\nl<r>,0.1,1,0.5,,,0.625,,\n");
    char *curves = file_text(book.folder, "tune-curves-x.csv");
    static const char *const lines[] = {
        "trial,state,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy\n",
        "\n1,done,2,0.2,0.9,0.25,0.75\n", "\n3,pruned,1,", "\n4,failed,3,"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) assert_non_null(strstr(curves, lines[i]));
    free(curves);
    figure_list_free(&list);
    results_free(&r);
}

/* Ranges, more configurations than rows, one configuration, one epoch. */
static void test_shapes(void **state) {
    (void)state;
    static const int counts[] = {1, 2, 60};
    for (size_t k = 0; k < COUNT_OF(counts); k++) {
        MadeTrials made = trials_begin(64);
        FigureList list = {0};
        add_parameter(&made.space, "x", rates, 2);
        add_parameter(&made.space, "n", rates, 2);
        made.space.parameters[0].kind = PARAMETER_LOG_UNIFORM;
        made.space.parameters[1].kind = PARAMETER_INTEGER;
        made.space.parameters[0].low = 0.001, made.space.parameters[0].high = 1;
        made.space.parameters[1].low = 1, made.space.parameters[1].high = 60;
        for (int i = 0; i < counts[k]; i++) {
            Trial *t = add_trial(&made, i == 7 ? TRIAL_RUNNING : TRIAL_DONE, exp(-0.1 * i), 0.9);
            t->point.values[0] = pow(10, -0.05 * i), t->point.values[1] = i + 1;
            if (i % 2 == 0) set_curve(&made, t, 1);
        }
        TuneResults r = results_of(&made);
        const FigureBook book = {scratch_folder(), "-r", "ranges", FIGURE_PNG | FIGURE_LOOK * THEMES * 144, &list};
        assert_ok(figures_tune_draw(&book, &r));
        assert_int_equal(list.count, 5);
        if (k == 1) expect_file(book.folder, "tune-slices-r.csv", "trial,x,n,loss\n1,1,1,1\n2,0.891251,2,0.904837418\n");
        Drawn drawn = read_drawn(path_in(book.folder, "tune-configurations-r.png"));
        const double height = drawn.height / 2.0, rows = 13 * fmin(48, counts[k]);
        free(drawn.rgb);
        assert_true(height > rows && height < rows + 90);
        figure_list_free(&list);
        results_free(&r);
    }
}

/* One that diverged without becoming infinite is told in words, and leaves means and axes as they are. */
static void test_diverged(void **state) {
    (void)state;
    size_t sizes[2];
    for (int far = 0; far < 2; far++) {
        MadeTrials made = trials_begin(4);
        FigureList list = {0};
        add_parameter(&made.space, "kind", kinds, 2);
        for (int i = 0; i < 3; i++) set_curve(&made, add_trial(&made, TRIAL_DONE, 0.1 + 0.1 * i, 0.9), 3);
        if (far) set_curve(&made, add_trial(&made, TRIAL_DONE, 1e9, 0.1), 3);
        TuneResults r = results_of(&made);
        const FigureBook book = {scratch_folder(), far ? "-far" : "-near", "x", FIGURE_SVG, &list};
        assert_ok(figures_tune_draw(&book, &r));
        free(text_of(path_in(book.folder, far ? "tune-effects-far.svg" : "tune-effects-near.svg"), &sizes[far]));
        char *curves = far ? file_text(book.folder, "tune-curves-far.csv") : NULL;
        assert_true(!far || strstr(curves, ",1e+09,"));
        free(curves);
        figure_list_free(&list);
        results_free(&r);
    }
    assert_int_equal(sizes[0], sizes[1]);
    expect_file(scratch_folder(), "tune-effects-far.csv",
                "parameter,value,trials,loss,loss_low,loss_high,accuracy,accuracy_low,accuracy_high\n"
                "kind,sgd,3,0.2,-0.0484137712,0.448413771,0.9,0.9,0.9\n");
}

static int notices;
static void count_notice(const char *text, void *context) {
    (void)context;
    assert_non_null(strstr(text, "no figure"));
    notices++;
}

/* Nothing to draw: a notice for each figure, no file. */
static void test_nothing(void **state) {
    (void)state;
    MadeTrials made = trials_begin(2);
    FigureList list = {0};
    add_parameter(&made.space, "kind", kinds, 2);
    set_reason(add_trial(&made, TRIAL_FAILED, 0, 0), "no");
    add_trial(&made, TRIAL_RUNNING, 0, 0)->best_epoch = 0;
    TuneResults r = results_of(&made);
    const FigureBook book = {scratch_folder(), "-n", "nothing", FIGURE_SVG, &list};
    cf_set_notice_handler(count_notice, NULL);
    assert_ok(figures_tune_draw(&book, &r));
    cf_set_notice_handler(NULL, NULL);
    assert_int_equal(list.count, 0);
    assert_int_equal(notices, 4);
    results_free(&r);
}

/* ---- The page ---- */

static char *section_of(const TuneResults *r, const FigureSeries *figures) {
    char *text;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    assert_non_null(memory);
    assert_ok(section_tune(memory, r, figures));
    fclose(memory);
    return text;
}

static int count_of(const char *text, const char *part) {
    int count = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) count++;
    return count;
}

static void test_section(void **state) {
    (void)state;
    TuneResults r = four("kind", kinds, "l<r>");
    char folder[512];
    FigureList list = {0};
    snprintf(folder, sizeof folder, "%s", path_in(scratch_folder(), "section"));
    assert_ok(file_make_folder(folder));
    const FigureBook book = {folder, "-s", "made", FIGURE_SVG, &list};
    FigureSeries figures = {folder, "-s", 1 << 22, 40};
    char *text = section_of(&r, &figures);
    assert_non_null(strstr(text, "There are no figures"));
    assert_int_equal(count_of(text, "<svg"), 0);
    free(text);
    assert_ok(figures_tune_draw(&book, &r));
    text = section_of(&r, &figures);
    assert_int_equal(count_of(text, "<svg"), 4);
    static const char *const parts[] = {
        "<tr class=\"best\"><td class=\"n\">1</td><th scope=\"row\" class=\"n\">2</th><td>sgd</td>",
        "Trial 4 failed: &lt;i&gt;not&lt;/i&gt; finite, &quot;so&quot;",
        "<td>a,&lt;b&gt;&amp;&quot;x&quot;</td>",
        "l&lt;r&gt;</th>",
        "Against the runner-up",
        ">2 seeds</td>",
        "Trial 2 against trial 1: the difference is noise"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!strstr(text, parts[i])) print_error("not in the section: %s\n", parts[i]);
        assert_non_null(strstr(text, parts[i]));
    }
    assert_non_null(strstr(text, "3 done, 1 pruned, 1 failed<"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "<i>"));
    assert_null(strstr(text, "<b>"));
    free(text);
    figures.bytes = 10; /* no room: each is named instead */
    text = section_of(&r, &figures);
    assert_int_equal(count_of(text, "too large"), 4);
    free(text);
    figure_list_free(&list);
    results_free(&r);
}

/* From a store, with a name that is markup. */
static void test_page(void **state) {
    (void)state;
    char folder[512];
    snprintf(folder, sizeof folder, "%s", path_in(scratch_folder(), folder_name));
    assert_false(folder_is_tune(folder));
    assert_fails(report_tune_write(folder), CF_BAD_USE, "holds no tune");
    assert_ok(file_make_folder(folder));
    static const char *const optimizers[] = {"sgd", "adam"}; /* a store takes nothing that could not be searched */
    TuneResults r = four("optimizer", optimizers, "lr"), back;
    FigureList list = {0};
    const FigureOptions drawn = {.formats = FIGURE_SVG};
    json_t *space, *settings;
    Store *store;
    assert_ok(space_json(&r.space, &space));
    settings = json_pack("{s:{s:s}, s:o}", "search", "sampler", "<grid>", "space", space);
    assert_ok(store_open(folder, &store));
    assert_ok(store_settle(store, settings));
    assert_ok(store_name_data(store, "hand:<n>"));
    assert_ok(store_name_data(store, "another"));
    json_decref(settings);
    for (size_t i = 0; i < r.list.count; i++) assert_ok(store_add_trial(store, &r.space, &r.list.trials[i]));
    store_close(store);
    assert_true(folder_is_tune(folder));
    assert_ok(results_read(folder, &back));
    assert_int_equal(back.list.count, 5);
    assert_string_equal(back.data, "hand:<n>");
    assert_ok(figures_tune_make(folder, &r, &drawn, &list));
    assert_int_equal(list.count, 4);
    assert_ok(report_tune_write(folder));
    char *text = file_text(folder, "report.html");
    assert_non_null(strstr(text, "<h1>t&lt;u&gt;ne &amp; &quot;1&quot;</h1>"));
    assert_non_null(strstr(text, "on <em>hand:&lt;n&gt;</em>"));
    assert_non_null(strstr(text, "&lt;grid&gt;"));
    assert_non_null(strstr(text, "Content-Security-Policy"));
    assert_null(strstr(text, "{{"));
    assert_null(strstr(text, "http-equiv=\"refresh"));
    assert_int_equal(count_of(text, "<svg"), 4);
    free(text);
    figure_list_free(&list);
    results_free(&back);
    results_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_data),    cmocka_unit_test(test_shapes),
                                       cmocka_unit_test(test_nothing), cmocka_unit_test(test_diverged),
                                       cmocka_unit_test(test_section), cmocka_unit_test(test_page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
