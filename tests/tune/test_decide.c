/* ASHA as a pure function: its jobs for losses that are known beforehand, worked by hand; what it may not look at. */
#include "testing.h"

#include "tune/decide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1000 };

typedef struct Search {
    Space space;
    TuneOptions options;
    Trial trials[24];
    Job jobs[MOST];
    int trial_count, count;
    const double *losses; /* of trial i + 1, less 0.001 for every epoch */
} Search;

static void begin(Search *s, int lookback, int epochs, const double *losses) {
    *s = (Search){.options = tune_defaults(), .losses = losses};
    assert_ok(space_paper(&s->space));
    s->options.space = &s->space;
    s->options.pruner = PRUNER_ASHA;
    s->options.sampler = SAMPLER_GRID;
    s->options.lookback = lookback;
    s->options.train.epochs = epochs;
}

static Decision next(const Search *s) {
    const TrialList list = {(Trial *)(uintptr_t)s->trials, (size_t)s->trial_count};
    const DecideInput input = {&s->options, &list, s->jobs, s->count};
    Decision decision;
    assert_ok(decide(&input, &decision));
    return decision;
}

/* Puts the decision down as worker.c does; its result comes with `finish`. */
static void put_down(Search *s, const Decision *d) {
    Job *job = &s->jobs[s->count];
    *job = (Job){.number = s->count, .trial = d->trial, .budget = d->budget, .done = d->kind == DECIDE_NOTHING};
    if (d->kind == DECIDE_NEW) {
        s->trials[s->trial_count] = (Trial){.id = s->trial_count + 1, .point = d->point};
        job->trial = ++s->trial_count;
    }
    s->count++;
    assert_true(s->count < MOST);
}

static void finish(Search *s, int number) {
    Job *job = &s->jobs[number];
    if (job->done) return;
    job->done = true;
    job->loss = s->losses[job->trial - 1] - 0.001 * job->budget;
    job->over = job->budget == s->options.train.epochs || isinf(job->loss);
}

static void run_all(Search *s) {
    for (Decision d = next(s); d.kind != DECIDE_OVER; d = next(s)) {
        assert_int_not_equal(d.kind, DECIDE_WAIT);
        put_down(s, &d);
        finish(s, s->count - 1);
    }
}

static int count_jobs(const Search *s, int budget) {
    int count = 0;
    for (int j = 0; j < s->count; j++) count += s->jobs[j].trial && s->jobs[j].budget == budget;
    return count;
}

static bool was_trained(const Search *s, int trial, int budget) {
    for (int j = 0; j < s->count; j++)
        if (s->jobs[j].trial == trial && s->jobs[j].budget == budget) return true;
    return false;
}

/* Trial 10 is the best, 11 the next .. */
static const double losses[24] = {0.9, 0.8,  0.7,  0.6,  0.55, 0.5,   0.45, 0.4,  0.35, 0.1,  0.11, 0.12,
                                  0.3, 0.31, 0.32, 0.33, 0.34, 0.351, 0.36, 0.37, 0.38, 0.39, 0.41, 0.42};

static void rungs(void **state) {
    (void)state;
    TuneOptions o = tune_defaults();
    const int wanted[] = {1, 3, 9, 27, 50, 0, 0};
    for (int k = 0; k < 7; k++) assert_int_equal(asha_budget(&o, k), wanted[k]);
    o.first_rung = 2;
    o.eta = 2;
    o.train.epochs = 8;
    assert_int_equal(asha_budget(&o, 2), 8);
    assert_int_equal(asha_budget(&o, 3), 0);
    o.first_rung = 80;
    assert_int_equal(asha_budget(&o, 0), 8);
    assert_int_equal(asha_budget(&o, 1), 0);
}

/* Known at once: after three results of a rung its best goes on, and so forth. */
static void promotes_as_the_paper_has_it(void **state) {
    (void)state;
    static const int trials[] = {1, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 8, 8, 8};
    static const int budgets[] = {1, 1, 1, 3, 1, 3, 1, 3, 9, 1, 3, 1, 3, 1, 3, 9};
    Search s;
    begin(&s, 1, 9, losses);
    run_all(&s);
    /* 1: 0.9, 2: 0.8, 3: 0.7 -> 3 goes on; 4 is better -> it is the best of four, 4/3 = 1 place .. */
    for (int j = 0; j < 9; j++) {
        assert_int_equal(s.jobs[j].trial, trials[j]);
        assert_int_equal(s.jobs[j].budget, budgets[j]);
    }
    assert_int_equal(count_jobs(&s, 1), 24);
    assert_true(was_trained(&s, 10, 9));
    space_free(&s.space);
}

/* With W = 4, decisions are the same whether the last three jobs are done or under way, and then come from there only. */
static void looks_only_as_far_as_it_may(void **state) {
    (void)state;
    Search all, late;
    begin(&all, 4, 9, losses);
    begin(&late, 4, 9, losses);
    run_all(&all);
    for (int m = 0;; m++) {
        if (m >= 4) finish(&late, m - 4);
        Decision d = next(&late);
        if (d.kind == DECIDE_OVER) break;
        assert_int_not_equal(d.kind, DECIDE_WAIT);
        put_down(&late, &d);
    }
    assert_int_equal(all.count, late.count);
    for (int j = 0; j < all.count; j++) {
        assert_int_equal(all.jobs[j].trial, late.jobs[j].trial);
        assert_int_equal(all.jobs[j].budget, late.jobs[j].budget);
    }
    space_free(&all.space);
    space_free(&late.space);
}

static void waits_for_what_it_must_see(void **state) {
    (void)state;
    Search s;
    begin(&s, 4, 9, losses);
    for (int m = 0; m < 4; m++) {
        Decision d = next(&s);
        assert_int_equal(d.kind, DECIDE_NEW);
        put_down(&s, &d);
    }
    assert_int_equal(next(&s).kind, DECIDE_WAIT);
    for (int m = 1; m < 4; m++) finish(&s, m);
    assert_int_equal(next(&s).kind, DECIDE_WAIT);
    finish(&s, 0);
    assert_int_equal(next(&s).kind, DECIDE_NEW);
    space_free(&s.space);
}

/* With the best first, 24 at eta 3 leave 8, 2, 0: still one gets all epochs, at any lookback, and only one. */
static void somebody_reaches_the_end(void **state) {
    (void)state;
    static const int lookbacks[] = {1, 2, 4, 9, 40};
    double ascending[24];
    for (int i = 0; i < 24; i++) ascending[i] = 0.1 + 0.01 * i;
    for (int i = 0; i < 5; i++) {
        Search s;
        begin(&s, lookbacks[i], 50, ascending);
        run_all(&s);
        const int counts[] = {24, 8, 2, 1, 1}, budgets[] = {1, 3, 9, 27, 50};
        for (int k = 0; k < 5; k++) assert_int_equal(count_jobs(&s, budgets[k]), counts[k]);
        assert_true(was_trained(&s, 1, 50));
        space_free(&s.space);
        begin(&s, lookbacks[i], 50, losses);
        run_all(&s);
        assert_true(was_trained(&s, 10, 50));
        space_free(&s.space);
    }
}

static void failed_trials_do_not_go_on(void **state) {
    (void)state;
    double failing[24];
    Search s;
    for (int i = 0; i < 24; i++) failing[i] = i % 2 ? losses[i] : INFINITY;
    begin(&s, 1, 9, failing);
    run_all(&s);
    for (int j = 0; j < s.count; j++) assert_true(s.jobs[j].budget <= 1 || isfinite(s.jobs[j].loss));
    for (int i = 0; i < 24; i++) failing[i] = INFINITY;
    space_free(&s.space);
    begin(&s, 4, 9, failing);
    run_all(&s); /* ends */
    assert_int_equal(count_jobs(&s, 3), 0);
    space_free(&s.space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rungs),
        cmocka_unit_test(promotes_as_the_paper_has_it),
        cmocka_unit_test(looks_only_as_far_as_it_may),
        cmocka_unit_test(waits_for_what_it_must_see),
        cmocka_unit_test(somebody_reaches_the_end),
        cmocka_unit_test(failed_trials_do_not_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
