/* What a tune shows while it works, from events made up by hand. */
#include "cli/tune_display.h"
#include "tune/trial_making.h"

static const char *const optimizers[] = {"sgd", "adam"}, *const rates[] = {"0.005", "0.0005"};

static MadeTrials made;
static TuneDisplay *display;

static int set_up(void **state) {
    (void)state;
    made = trials_begin(8);
    add_parameter(&made.space, "optimizer", optimizers, 2);
    add_parameter(&made.space, "lr", rates, 2);
    assert_ok(tune_display_new(&made.space, OBJECTIVE_LOSS, NULL, &display));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tune_display_free(display);
    trial_list_free(&made.list);
    space_free(&made.space);
    free(made.curves);
    return 0;
}

static TuneProgress event(TuneEvent kind, int trial, const SpacePoint *point) {
    return (TuneProgress){.event = kind, .trial = trial, .point = point, .trials_wanted = 24, .seconds_left = -1};
}

static void expect_table(const char *expected) {
    char *text;
    assert_ok(tune_display_table(display, &text));
    assert_string_equal(text, expected);
    free(text);
}

static void test_table(void **state) {
    (void)state;
    const SpacePoint one = {{0, 1}}, two = {{1, 0}};
    expect_table("0 of 0 trials done, 0 running");
    TuneProgress p = event(TUNE_BEGUN, 7, &one);
    assert_ok(tune_display_note(display, &p));
    p = event(TUNE_BEGUN, 8, &two);
    assert_ok(tune_display_note(display, &p));
    cf_progress step = {.epoch = 3, .epochs = 50, .loss = 0.25};
    p = event(TUNE_STEP, 8, &two);
    p.step = &step;
    assert_ok(tune_display_note(display, &p));
    expect_table("trial  optimizer  lr       epoch      loss  best on validation\n"
                 "    7  sgd        0.0005\n"
                 "    8  adam       0.005     3/50     0.2500\n"
                 "0 of 24 trials done, 2 running, 22 waiting");
    /* A worse epoch later does not count. */
    const double losses[] = {0.125, 0.0625, 0.5};
    for (int e = 0; e < 3; e++) {
        step = (cf_progress){.epoch = 3 + e, .epochs = 50, .loss = 0.2, .epoch_done = true, .best = e < 2};
        step.validation_loss = losses[e];
        p = event(TUNE_EPOCH, 8, &two);
        p.step = &step;
        assert_ok(tune_display_note(display, &p));
    }
    p = event(TUNE_IDLE, 0, NULL);
    p.trials_ended = 5, p.failed = 1, p.seconds_left = 605;
    assert_ok(tune_display_note(display, &p));
    expect_table("trial  optimizer  lr       epoch      loss  best on validation\n"
                 "    7  sgd        0.0005\n"
                 "    8  adam       0.005     5/50     0.2000    0.0625 in epoch 4\n"
                 "4 of 24 trials done, 2 running, 1 failed, 17 waiting   10:05 left");
    /* One ends: its row goes, the others stay, and the best is told. */
    Trial *t = add_trial(&made, TRIAL_DONE, 0.0625, 0.975);
    p = event(TUNE_ENDED, 7, &one);
    p.ended = t, p.trials_ended = 6, p.failed = 1;
    assert_ok(tune_display_note(display, &p));
    expect_table("trial  optimizer  lr       epoch      loss  best on validation\n"
                 "    8  adam       0.005     5/50     0.2000    0.0625 in epoch 4\n"
                 "5 of 24 trials done, 1 running, 1 failed, 17 waiting   best: trial 1, loss 0.0625");
}

static void expect_line(const TuneProgress *p, const char *expected) {
    char *text;
    assert_ok(tune_display_note(display, p));
    assert_ok(tune_display_line(display, p, &text));
    assert_string_equal(text, expected);
    free(text);
}

static void test_lines(void **state) {
    (void)state;
    const SpacePoint one = {{0, 1}};
    TuneProgress p = event(TUNE_ENDED, 1, &one);
    p.ended = add_trial(&made, TRIAL_DONE, 0.0625, 0.975);
    p.trials_ended = 1, p.seconds_left = 3660;
    expect_line(&p, "trial 1 (1 of 24)  optimizer=sgd lr=0.0005  loss 0.0625  accuracy 97.50 %  epoch 2 of 3  10.0 s  "
                    "best  1 h 01 min left");
    p.ended = add_trial(&made, TRIAL_DONE, 0.5, 0.9);
    expect_line(&p, "trial 2 (1 of 24)  optimizer=sgd lr=0.0005  loss 0.5000  accuracy 90.00 %  epoch 2 of 3  10.0 s  "
                    "1 h 01 min left");
    Trial *failed = add_trial(&made, TRIAL_FAILED, 0, 0);
    set_reason(failed, "the loss is not finite");
    p.ended = failed, p.trials_ended = 24, p.failed = 1, p.seconds_left = -1;
    expect_line(&p, "trial 3 (24 of 24)  optimizer=sgd lr=0.0005  failed: the loss is not finite");
    Trial *repeat = add_trial(&made, TRIAL_PRUNED, 0.01, 0.9);
    repeat->repeats = 1, repeat->seed = 4;
    p.ended = repeat; /* pruned: not the best, whatever its loss */
    expect_line(&p, "trial 4 (24 of 24)  optimizer=sgd lr=0.0005 seed=4  loss 0.0100  accuracy 90.00 %  epoch 2 of 3  "
                    "10.0 s  pruned");
    p.ended = add_trial(&made, TRIAL_DONE, 0.02, 0.9); /* a lucky seed of a repeat is no new best */
    made.list.trials[4].repeats = 1;
    assert_ok(tune_display_note(display, &p));
    p.ended = add_trial(&made, TRIAL_PRUNED, 0.02, 0.9);
    assert_ok(tune_display_note(display, &p));
    expect_table("23 of 24 trials done, 0 running, 1 failed   best: trial 1, loss 0.0625");
}

/* More trials at once than the first room, and one that is known from before. */
static void test_many(void **state) {
    (void)state;
    const SpacePoint one = {{1, 1}};
    const Trial *known = add_trial(&made, TRIAL_DONE, 0.03, 0.9);
    tune_display_free(display);
    assert_ok(tune_display_new(&made.space, OBJECTIVE_LOSS, known, &display));
    for (int i = 2; i < 42; i++) {
        const TuneProgress p = event(TUNE_BEGUN, i, &one);
        assert_ok(tune_display_note(display, &p));
    }
    for (int i = 2; i < 41; i++) {
        TuneProgress p = event(TUNE_ENDED, i, &one);
        const Trial t = {.id = i, .state = TRIAL_DONE, .best_epoch = 1, .validation_loss = 0.04};
        p.ended = &t;
        assert_ok(tune_display_note(display, &p));
    }
    expect_table("trial  optimizer  lr       epoch      loss  best on validation\n"
                 "   41  adam       0.0005\n"
                 "0 of 24 trials done, 1 running, 23 waiting   best: trial 1, loss 0.0300");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
