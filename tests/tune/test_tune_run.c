/* tune_run from C: the test part is not looked at, what is kept of a trial is its network's, stopping keeps everything, and the
 * trials are the same with the threads that the system grants. */
#include "testing.h"

#include "data/image_set.h"
#include "nn/model.h"
#include "tune/trial.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The linker sends calls here (--wrap): so many threads are granted, and no more. */
static atomic_int granted = 1000000, refused;
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *context) {
    if (granted <= 0) {
        refused++;
        return EAGAIN;
    }
    granted--;
    return __real_pthread_create(thread, attributes, work, context);
}

typedef struct Fixture {
    cf_set *set;
    cf_split *split;
    Space space;
    TuneOptions options;
} Fixture;

static void fill_with(Fixture *f, const char *out, const char *yaml) {
    const char *path = path_in(scratch_folder(), "small.yaml");
    write_bytes(path, yaml, strlen(yaml));
    *f = (Fixture){.options = tune_defaults()};
    assert_ok(cf_set_load("hand:n=300,test=100", NULL, &f->set));
    assert_ok(cf_split_new(f->set, NULL, &f->split));
    assert_ok(space_read(path, &f->space));
    f->options.space = &f->space;
    f->options.out = out;
    f->options.data = "hand";
    f->options.split_text = "official";
    f->options.train.epochs = 2;
}

static void fill(Fixture *f, const char *out) {
    fill_with(f, out,
              "model: dense {width} | relu | dense classes\n"
              "parameters:\n  - {name: lr, values: [0.05, 0.1]}\n  - {name: width, values: [8, 16]}\n");
}

static void empty(Fixture *f) {
    space_free(&f->space);
    cf_split_free(f->split);
    cf_set_free(f->set);
}

static TrialList trials_of(const Fixture *f) {
    Store *store;
    TrialList list;
    assert_ok(store_open_existing(f->options.out, &store));
    assert_ok(store_trials(store, &f->space, &list));
    for (size_t i = 0; i < list.count; i++) assert_ok(store_correct(store, &list.trials[i]));
    store_close(store);
    return list;
}

static void the_test_part_is_not_looked_at(void **state) {
    (void)state;
    char out[2][300];
    TrialList lists[2];
    for (int i = 0; i < 2; i++) {
        Fixture f;
        snprintf(out[i], sizeof out[i], "%s/look%d", scratch_folder(), i);
        fill(&f, out[i]);
        size_t size = set_image_size(f.set);
        if (i) { /* other test images with other labels */
            memset(f.set->pixels + f.set->official_train * size, 77, (f.set->count - f.set->official_train) * size);
            memset(f.set->labels + f.set->official_train, 0,
                   (f.set->count - f.set->official_train) * sizeof *f.set->labels);
        }
        assert_ok(tune_run(f.split, &f.options));
        lists[i] = trials_of(&f);
        empty(&f);
    }
    assert_int_equal(lists[0].count, 4);
    for (int t = 0; t < 4; t++) {
        const Trial *a = &lists[0].trials[t], *b = &lists[1].trials[t];
        assert_int_equal(a->state, TRIAL_DONE);
        assert_string_equal(a->weights_sha256, b->weights_sha256);
        assert_true(a->validation_loss == b->validation_loss);
        assert_memory_equal(a->correct, b->correct, a->correct_count);
    }
    trial_list_free(&lists[0]), trial_list_free(&lists[1]);
}

static void what_is_kept_is_the_networks(void **state) {
    (void)state;
    Fixture f;
    cf_model *model;
    char path[400];
    cf_metrics metrics;
    snprintf(path, sizeof path, "%s/kept", scratch_folder());
    fill(&f, path);
    f.options.jobs = 3;
    assert_ok(tune_run(f.split, &f.options));
    TrialList list = trials_of(&f);
    const cf_subset *validation = cf_split_part(f.split, CF_VALIDATION);
    for (size_t t = 0; t < list.count; t++) {
        const Trial *trial = &list.trials[t];
        char sha[SHA256_HEX];
        size_t right = 0;
        snprintf(path, sizeof path, "%s/kept/trials/%04d/model.safetensors", scratch_folder(), trial->id);
        assert_ok(cf_model_load(path, &model));
        assert_ok(parameters_sha256(&model->parameters, sha));
        assert_string_equal(sha, trial->weights_sha256);
        assert_ok(cf_evaluate(model, validation, 1, &metrics));
        assert_true(metrics.accuracy == trial->validation_accuracy);
        assert_int_equal(trial->correct_count, cf_subset_count(validation));
        for (size_t i = 0; i < trial->correct_count; i++) right += trial->correct[i];
        assert_true((double)right / (double)trial->correct_count == trial->validation_accuracy);
        cf_model_free(model);
    }
    trial_list_free(&list);
    empty(&f);
}

/* With stop_on accuracy jobs are judged by 1 - accuracy, and the most accurate are repeated, who are not those of the lowest loss. */
static void accuracy_ranks(void **state) {
    (void)state;
    Fixture f;
    char out[300];
    Store *store;
    Job *jobs;
    int count;
    snprintf(out, sizeof out, "%s/accuracy", scratch_folder());
    fill_with(&f, out,
              "model: dense {width} | relu | dense classes\n"
              "parameters:\n  - {name: lr, values: [0.3, 0.8]}\n  - {name: width, values: [8, 16]}\n");
    f.options.train.stop_on = CF_STOP_ON_ACCURACY;
    f.options.seeds = 2, f.options.leading = 2;
    assert_ok(tune_run(f.split, &f.options));
    TrialList list = trials_of(&f);
    assert_ok(store_open_existing(out, &store));
    assert_ok(store_jobs(store, &jobs, &count));
    assert_int_equal(count, 6);
    for (int j = 0; j < count; j++) assert_true(jobs[j].loss == 1 - list.trials[jobs[j].trial - 1].validation_accuracy);
    const Trial *first = &list.trials[0], *second = &list.trials[1], *third = &list.trials[2];
    assert_true(second->validation_loss < third->validation_loss &&
                second->validation_accuracy < third->validation_accuracy);
    assert_ptr_equal(trial_best(&list, OBJECTIVE_ACCURACY), first);
    assert_int_equal(list.trials[4].repeats, 1);
    assert_int_equal(list.trials[5].repeats, 3);
    free(jobs);
    store_close(store);
    trial_list_free(&list);
    f.options.train.stop_on = CF_STOP_ON_LOSS;
    assert_fails(tune_run(f.split, &f.options), CF_BAD_USE, "search.objective: \"accuracy\" there, nothing now");
    empty(&f);
}

static bool stop_at_third_epoch(const TuneProgress *p, void *context) {
    int *epochs = context;
    *epochs += p->event == TUNE_EPOCH;
    return *epochs < 3;
}

/* The first epoch that trial 2 is in. */
static bool note_epoch(const TuneProgress *p, void *context) {
    int *epoch = context;
    if (p->event == TUNE_STEP && p->trial == 2 && !*epoch) *epoch = p->step->epoch;
    return true;
}

static void stopping_keeps_everything(void **state) {
    (void)state;
    Fixture f;
    char out[300];
    int epochs = 0;
    snprintf(out, sizeof out, "%s/stopped", scratch_folder());
    fill(&f, out);
    f.options.jobs = 1;
    f.options.progress = stop_at_third_epoch;
    f.options.context = &epochs;
    assert_int_equal(tune_run(f.split, &f.options), CF_INTERRUPTED);
    TrialList list = trials_of(&f);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.trials[0].state, TRIAL_DONE);
    assert_int_equal(list.trials[1].state, TRIAL_WAITING);
    assert_int_equal(list.trials[1].epochs_run, 1);
    trial_list_free(&list);
    int epoch = 0;
    f.options.progress = note_epoch;
    f.options.context = &epoch;
    assert_ok(tune_run(f.split, &f.options));
    assert_int_equal(epoch, 2); /* not from its beginning */
    list = trials_of(&f);
    assert_int_equal(list.count, 4);
    for (size_t t = 0; t < 4; t++) assert_int_equal(list.trials[t].state, TRIAL_DONE);
    trial_list_free(&list);
    empty(&f);
}

static void note_in(const char *text, void *context) {
    snprintf(context, 200, "%s", text);
}

static TrialList trials_by(int threads_granted, const char *told) {
    Fixture f;
    char out[300], notice[200] = "";
    snprintf(out, sizeof out, "%s/granted%d", scratch_folder(), threads_granted);
    fill(&f, out);
    f.options.jobs = 3;
    f.options.seeds = 2;
    f.options.leading = 2;
    f.options.train.threads = 6;
    granted = threads_granted;
    refused = 0;
    cf_set_notice_handler(note_in, notice);
    assert_ok(tune_run(f.split, &f.options));
    cf_set_notice_handler(NULL, NULL);
    assert_int_equal(refused > 0, threads_granted < 1000000);
    granted = 1000000;
    assert_string_equal(notice, told);
    TrialList list = trials_of(&f);
    empty(&f);
    return list;
}

/* First of all, while the pool has no workers of its own yet: no thread but the caller's, then one more, then all. */
static void threads_that_cannot_be_made(void **state) {
    (void)state;
    static const int grants[] = {0, 1, 1000000};
    static const char *const told[] = {
        "1 trial at a time instead of 3: the system grants no more threads (Resource temporarily unavailable)",
        "2 trials at a time instead of 3: the system grants no more threads (Resource temporarily unavailable)", ""};
    TrialList lists[3];
    for (int g = 0; g < 3; g++) lists[g] = trials_by(grants[g], told[g]);
    for (int g = 0; g < 3; g++) {
        assert_int_equal(lists[g].count, 6);
        for (int t = 0; t < 6; t++) {
            const Trial *a = &lists[2].trials[t], *b = &lists[g].trials[t];
            assert_int_equal(b->state, TRIAL_DONE);
            assert_memory_equal(&a->point, &b->point, sizeof a->point);
            assert_int_equal(a->seed, b->seed);
            assert_string_equal(a->weights_sha256, b->weights_sha256);
            assert_true(a->validation_loss == b->validation_loss);
        }
    }
    for (int g = 0; g < 3; g++) trial_list_free(&lists[g]);
}

/* All threads are at work whoever has a trial; one trial alone has those of four. */
static void threads_are_shared_out(void **state) {
    (void)state;
    enum { MOST = 8 };
    static const struct {
        int threads, jobs;
        const char *working; /* of the jobs; the others' number is what they would have */
        int expected[MOST];
    } cases[] = {
        {16, 4, "1111", {4, 4, 4, 4}},
        {16, 4, "1011", {6, 4, 5, 5}},
        {16, 4, "0100", {8, 16, 8, 8}},
        {18, 4, "1111", {5, 5, 4, 4}},
        {2, 2, "10", {2, 1}},
        {2, 4, "1111", {1, 1, 1, 1}},
        {8, 8, "00000001", {4, 4, 4, 4, 4, 4, 4, 4}},
        {7, 1, "1", {7}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        atomic_bool working[MOST];
        Tune tune = {.threads = cases[i].threads, .jobs = cases[i].jobs, .working = working};
        for (int j = 0; j < tune.jobs; j++) atomic_store(&working[j], cases[i].working[j] == '1');
        for (int j = 0; j < tune.jobs; j++) {
            const Worker worker = {.tune = &tune, .number = j};
            assert_int_equal(worker_threads(&worker), cases[i].expected[j]);
            assert_true(worker_threads(&worker) <= worker_most_threads(&worker));
        }
    }
}

/* One trial, two workers: it runs on all 16 threads, of which loops before left the pool 5 at most. */
static void a_trial_alone_has_all_threads(void **state) {
    (void)state;
    Fixture f;
    char out[300];
    snprintf(out, sizeof out, "%s/alone", scratch_folder());
    fill(&f, out);
    f.options.sampler = SAMPLER_RANDOM;
    f.options.trials = 1;
    f.options.jobs = 2;
    f.options.train.threads = 16;
    granted = 1000;
    assert_ok(tune_run(f.split, &f.options));
    assert_in_range(1000 - granted, 1 + 15 - 5, 1 + 15);
    granted = 1000000;
    empty(&f);
}

static void set_text(Fixture *f, int parameter, int value, const char *text) {
    char **place = &f->space.parameters[parameter].texts[value];
    free(*place);
    *place = strdup(text);
}

/* A layer that only some networks have. */
static void layers_to_freeze(void **state) {
    (void)state;
    static const char yaml[] = "model: dense 8 as body | relu | dense classes\nparameters:\n"
                               "  - {name: freeze, values: [none, body, conv9]}\n";
    Fixture f;
    char out[300];
    snprintf(out, sizeof out, "%s/frozen", scratch_folder());
    fill_with(&f, out, yaml);
    f.options.train.epochs = 1;
    assert_ok(tune_run(f.split, &f.options));
    TrialList list = trials_of(&f);
    assert_int_equal(list.count, 3);
    for (size_t t = 0; t < 3; t++) {
        const bool has_none = list.trials[t].point.values[0] == 2;
        assert_int_equal(list.trials[t].state, has_none ? TRIAL_FAILED : TRIAL_DONE);
        if (has_none) assert_non_null(strstr(list.trials[t].reason, "freeze: the model has no layer \"conv9\""));
    }
    trial_list_free(&list);
    empty(&f);
}

/* Of a grid some points may contradict themselves: those trials fail, and no other. */
static void options_that_do_not_go_together(void **state) {
    (void)state;
    static const char yaml[] = "model: dense 8 | relu | dense classes\nparameters:\n"
                               "  - {name: loss, values: [ce, ldam 0.5 10]}\n"
                               "  - {name: label_smoothing, values: [0, 0.1]}\n"
                               "  - {name: augment, values: [none, shift 1 | rotate 10]}\n";
    Fixture f;
    char out[300];
    snprintf(out, sizeof out, "%s/together", scratch_folder());
    fill_with(&f, out, yaml);
    f.options.train.epochs = 1;
    for (int again = 0; again < 2; again++) {
        assert_ok(tune_run(f.split, &f.options));
        TrialList list = trials_of(&f);
        assert_int_equal(list.count, 8);
        for (size_t t = 0; t < list.count; t++) {
            const Trial *trial = &list.trials[t];
            const bool contradicts = trial->point.values[0] == 1 && trial->point.values[1] == 1;
            assert_int_equal(trial->state, contradicts ? TRIAL_FAILED : TRIAL_DONE);
            if (contradicts) assert_non_null(strstr(trial->reason, "0 expected with the loss ldam"));
        }
        assert_string_not_equal(list.trials[0].weights_sha256, list.trials[1].weights_sha256); /* augmented, or not */
        trial_list_free(&list);
    }
    f.options.train.sample = CF_SMOTE;
    snprintf(out, sizeof out, "%s/none", scratch_folder());
    set_text(&f, 0, 1, "focal 1"), set_text(&f, 2, 0, "mixup"), set_text(&f, 2, 1, "cutmix");
    assert_fails(tune_run(f.split, &f.options), CF_BAD_USE, "sample smote mixes images of one class already");
    assert_false(file_exists(out)); /* nothing was begun */
    empty(&f);
}

static void wrong_use_is_refused(void **state) {
    (void)state;
    Fixture f;
    char out[300];
    snprintf(out, sizeof out, "%s/wrong", scratch_folder());
    fill(&f, out);
    TuneOptions wrong = f.options;
    wrong.lookback = 0;
    assert_fails(tune_run(f.split, &wrong), CF_BAD_USE, "lookback");
    wrong = f.options;
    wrong.jobs = -1;
    assert_fails(tune_run(f.split, &wrong), CF_BAD_USE, "jobs");
    wrong = f.options;
    wrong.train.epochs = 0;
    assert_fails(tune_run(f.split, &wrong), CF_BAD_USE, "epochs: a whole number from 1 to 100000 expected");
    free(f.space.model);
    f.space.model = strdup("conv {width} 99x99 pad 0 | dense classes");
    assert_fails(tune_run(f.split, &f.options), CF_BAD_USE, "configuration lr=0.05 width=8: model line");
    assert_false(file_exists(out)); /* nothing was begun */
    empty(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_cannot_be_made),
        cmocka_unit_test(the_test_part_is_not_looked_at),
        cmocka_unit_test(what_is_kept_is_the_networks),
        cmocka_unit_test(accuracy_ranks),
        cmocka_unit_test(stopping_keeps_everything),
        cmocka_unit_test(threads_are_shared_out),
        cmocka_unit_test(a_trial_alone_has_all_threads),
        cmocka_unit_test(options_that_do_not_go_together),
        cmocka_unit_test(wrong_use_is_refused),
        cmocka_unit_test(layers_to_freeze),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
