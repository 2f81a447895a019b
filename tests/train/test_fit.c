/* Training on a small set made here: it learns, stops early, keeps the best weights, gives the same bits at any number of threads
 * and however often it was stopped; and what is damaged, wrong or diverging is said, not lived with. */
#include "small_set.h"

#include "base/files.h"
#include "base/memory.h"
#include "data/split.h"
#include "train/fit.h"
#include "train/train_options.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The linker sends the pool's calls here (--wrap). */
static atomic_int threads_made;
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *context) {
    threads_made++;
    return __real_pthread_create(thread, attributes, work, context);
}

enum { IMAGES = 300, CLASSES = 3, SIDE = 8, STEPS_PER_EPOCH = 7 }; /* 210 of 300 train, in batches of 32 */

static const char net[] = "conv 6 3x3 | bn | leakyrelu | maxpool 2 | dropout 0.2 | dense 12 | relu | dense classes";

static cf_set *set;
static cf_split *split;

static uint32_t random_number(void) {
    static uint64_t state = 11;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

/* A bright blob per class in a corner of its own, on noise. */
static void paint_blob(int image, unsigned char *pixels, uint16_t *label) {
    *label = (uint16_t)(image % CLASSES);
    int row = *label == 2 ? 5 : 2, column = *label == 1 ? 5 : 2;
    row += (int)(random_number() % 3) - 1, column += (int)(random_number() % 3) - 1;
    for (int p = 0; p < SIDE * SIDE; p++) {
        const bool near = abs(p / SIDE - row) <= 1 && abs(p % SIDE - column) <= 1;
        pixels[p] = (unsigned char)(random_number() % 100 + (near ? 150 : 0));
    }
}

/* Nothing to learn: soon it is only learnt by heart. */
static void paint_noise(int image, unsigned char *pixels, uint16_t *label) {
    *label = (uint16_t)(image % CLASSES);
    random_number(), random_number(); /* as many as of a blob */
    for (int p = 0; p < SIDE * SIDE; p++) pixels[p] = (unsigned char)(random_number() % 100);
}

static int set_up(void **state) {
    (void)state;
    set = small_set("blobs", IMAGES, 1, SIDE, CLASSES, paint_blob);
    split = pooled_split(set);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    cf_split_free(split);
    cf_set_free(set);
    return 0;
}

static cf_train_options options_for(int epochs) {
    cf_train_options o = cf_train_defaults();
    o.epochs = epochs;
    o.batch = 32;
    o.learning_rate = 0.02;
    o.patience = 0;
    o.threads = 1;
    return o;
}

static cf_model *model(const char *line, uint64_t seed) {
    return small_model(line, split, seed);
}

static const FitFiles no_files;

/* What a run leaves behind. */
typedef struct Outcome {
    char sha[SHA256_HEX];
    FitReport report;
} Outcome;

static Outcome outcome_of(cf_model *trained, FitReport report) {
    Outcome o = {.report = report};
    assert_ok(parameters_sha256(&trained->parameters, o.sha));
    cf_model_free(trained);
    return o;
}

static Outcome run(const cf_train_options *options) {
    FitReport report;
    cf_model *m = model(net, 1);
    assert_ok(fit(m, split, options, &no_files, &report));
    return outcome_of(m, report);
}

/* Everything but the times. */
static void assert_same_outcome(const Outcome *a, const Outcome *b) {
    assert_string_equal(a->sha, b->sha);
    assert_int_equal(a->report.result.epochs_run, b->report.result.epochs_run);
    assert_int_equal(a->report.result.best_epoch, b->report.result.best_epoch);
    assert_true(a->report.result.validation_loss == b->report.result.validation_loss);
    assert_true(a->report.result.validation_accuracy == b->report.result.validation_accuracy);
    for (int i = 0; i < a->report.result.epochs_run; i++) {
        const EpochRow *p = &a->report.rows[i], *q = &b->report.rows[i];
        assert_int_equal(p->epoch, i + 1);
        assert_int_equal(q->epoch, i + 1);
        assert_true(p->rate == q->rate);
        assert_true(p->train_loss == q->train_loss && p->train_accuracy == q->train_accuracy);
        assert_true(p->validation_loss == q->validation_loss && p->validation_accuracy == q->validation_accuracy);
    }
}

/* ---- Threads that change from step to step ---- */

typedef struct Wanted {
    int first, then, calls; /* in the first epoch with its validation, and behind it */
} Wanted;

static int threads_wanted(void *context) {
    Wanted *w = context;
    return w->calls++ <= STEPS_PER_EPOCH ? w->first : w->then;
}

/* The first of all: there are no workers yet. */
static void threads_are_asked_for(void **state) {
    (void)state;
    enum { EPOCHS = 3, THREADS = 4 };
    static const Wanted cases[] = {{1, 0, 0}, {1, 3, 0}, {3, THREADS, 0}, {THREADS, 1, 0}, {900, -2, 0}};
    static const int workers[] = {0, 2, 3, 3, 3}; /* made until then; those of a loop before stay */
    cf_train_options o = options_for(EPOCHS);
    Outcome alone = run(&o);
    o.threads = THREADS;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Wanted wanted = cases[i];
        FitReport report;
        cf_model *m = model(net, 1);
        assert_ok(fit(m, split, &o, &(FitFiles){.threads = threads_wanted, .context = &wanted}, &report));
        Outcome shared = outcome_of(m, report);
        assert_int_equal(threads_made, workers[i]);
        assert_int_equal(wanted.calls, EPOCHS * (STEPS_PER_EPOCH + 1));
        assert_same_outcome(&shared, &alone);
        free(shared.report.rows);
    }
    free(alone.report.rows);
}

/* ---- Learning ---- */

static void learns(void **state) {
    (void)state;
    static const struct {
        cf_optimizer optimizer;
        double rate;
        cf_schedule schedule;
        cf_engine engine;
    } cases[] = {{CF_SGD, 0.03, CF_CONSTANT, CF_ENGINE_FAST},
                 {CF_ADAM, 0.01, CF_COSINE, CF_ENGINE_FAST},
                 {CF_ADAMW, 0.01, CF_ONE_CYCLE, CF_ENGINE_REFERENCE},
                 {CF_MUON, 0.02, CF_LINEAR, CF_ENGINE_FAST}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cf_train_options o = options_for(20);
        cf_train_result result;
        cf_model *m = model(net, 1);
        o.optimizer = cases[i].optimizer, o.learning_rate = cases[i].rate;
        o.schedule = cases[i].schedule, o.engine = cases[i].engine;
        assert_ok(cf_train(m, split, &o, &result));
        assert_true(result.validation_accuracy > 0.95);
        assert_int_equal(result.epochs_run, 20);
        assert_true(result.seconds > 0 && result.images_per_second > 0 && result.gflops > 0);
        const cf_subset *test = cf_split_part(split, CF_TEST);
        StepResult tested;
        assert_ok(classify(m, test, &(ClassifyOptions){.engine = cpu_engine(), .threads = 1}, NULL, &tested));
        assert_true((double)tested.correct / (double)test->count > 0.95);
        cf_model_free(m);
    }
}

/* ---- Early stopping and the best weights ---- */

static void stops_early_with_the_best(void **state) {
    (void)state;
    cf_set *noise = small_set("blobs", IMAGES, 1, SIDE, CLASSES, paint_noise);
    cf_split *parts = pooled_split(noise);
    cf_train_options o = options_for(60);
    cf_model *m = model("dense 40 | relu | dense classes", 1), *best;
    FitReport report;
    char path[512], sha[SHA256_HEX], stored[SHA256_HEX];
    snprintf(path, sizeof path, "%s", path_in(scratch_folder(), "best.safetensors"));
    o.patience = 3;
    o.optimizer = CF_ADAM;
    assert_ok(fit(m, parts, &o, &(FitFiles){.best = path}, &report));
    const cf_train_result *r = &report.result;
    assert_true(r->epochs_run < 60 && r->epochs_run > 3);
    assert_int_equal(r->epochs_run, r->best_epoch + 3);
    for (int i = 0; i < r->epochs_run; i++)
        assert_true(report.rows[i].validation_loss >= report.rows[r->best_epoch - 1].validation_loss);
    assert_true(r->validation_loss == report.rows[r->best_epoch - 1].validation_loss);
    assert_true(r->validation_accuracy == report.rows[r->best_epoch - 1].validation_accuracy);
    /* The model is the best epoch's, not the last one's: it validates as that did; and so is the file. */
    const cf_subset *validation = cf_split_part(parts, CF_VALIDATION);
    StepResult again;
    assert_ok(classify(m, validation, &(ClassifyOptions){.engine = cpu_engine(), .threads = 1}, NULL, &again));
    assert_true(fabs(again.loss / (double)validation->count - r->validation_loss) < 1e-6);
    assert_true(fabs(r->validation_loss - report.rows[r->epochs_run - 1].validation_loss) > 1e-3);
    assert_ok(cf_model_load(path, &best));
    assert_ok(parameters_sha256(&m->parameters, sha));
    assert_ok(parameters_sha256(&best->parameters, stored));
    assert_string_equal(sha, stored);
    cf_model_free(best), cf_model_free(m);
    free(report.rows);
    cf_split_free(parts);
    cf_set_free(noise);
}

/* What a callback sees, and when it stops. */
typedef struct Watch {
    int calls, stop_at; /* stop_at 0: never */
    int epochs_done, best;
    int64_t last_step;
    bool sane;
} Watch;

static bool watch(const cf_progress *p, void *context) {
    Watch *w = context;
    w->calls++;
    w->epochs_done += p->epoch_done;
    w->best += p->best;
    w->last_step = p->step;
    w->sane &=
        p->epoch >= 1 && p->epoch <= p->epochs && p->step >= 1 && p->step <= p->steps && p->steps == STEPS_PER_EPOCH;
    w->sane &= isfinite(p->loss) && p->accuracy >= 0 && p->accuracy <= 1 && p->learning_rate > 0;
    w->sane &= isfinite(p->images_per_second) && isfinite(p->seconds_left) && p->seconds_left >= 0;
    w->sane &= p->epoch_done ? p->validation_loss > 0 : !p->best && p->validation_loss == 0;
    return w->calls != w->stop_at;
}

/* ---- Averages of weights ---- */

/* The model and its best file validate as the row of the best epoch says, which is of the average; the training beside it goes on
 * undisturbed. */
static void averages_are_judged_and_kept(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "average.safetensors");
    cf_train_options o = options_for(4);
    o.learning_rate = 0.1;
    const Outcome plain = run(&o);
    for (int swa = 0; swa < 2; swa++) {
        FitReport report;
        cf_model *m = model(net, 1), *kept;
        StepResult again;
        o.ema = swa ? 0 : 0.8, o.swa_from = swa ? 0.5 : 1;
        assert_ok(fit(m, split, &o, &(FitFiles){.best = path}, &report));
        const cf_subset *validation = cf_split_part(split, CF_VALIDATION);
        assert_ok(cf_model_load(path, &kept));
        assert_ok(classify(kept, validation, &(ClassifyOptions){.engine = cpu_engine(), .threads = 1}, NULL, &again));
        assert_true(fabs(again.loss / (double)validation->count - report.result.validation_loss) < 1e-6);
        assert_memory_equal(kept->parameters.values, m->parameters.values, m->parameters.total * sizeof(float));
        for (int e = 0; e < 4; e++) {
            assert_true(report.rows[e].train_loss == plain.report.rows[e].train_loss);
            const bool same = report.rows[e].validation_loss == plain.report.rows[e].validation_loss;
            assert_int_equal(same, swa && e < 2);
        }
        cf_model_free(m), cf_model_free(kept);
        free(report.rows);
    }
    free(plain.report.rows);
}

/* The mean of one epoch's weights with statistics measured anew is near what it was, and its statistics are of its weights. */
static void averages_have_their_own_statistics(void **state) {
    (void)state;
    cf_train_options o = options_for(1);
    FitReport reports[2];
    cf_model *models[2];
    for (int swa = 0; swa < 2; swa++) {
        o.swa_from = swa ? 0 : 1;
        models[swa] = model(net, 1);
        assert_ok(fit(models[swa], split, &o, &no_files, &reports[swa]));
        free(reports[swa].rows);
    }
    const Parameters *plain = &models[0]->parameters, *mean = &models[1]->parameters;
    assert_memory_equal(plain->values, mean->values, plain->trainable * sizeof(float));
    assert_memory_not_equal(plain->values + plain->trainable, mean->values + plain->trainable,
                            (plain->total - plain->trainable) * sizeof(float));
    /* After seven steps the running variance is still half the 1 that it began as; the convolution's outputs are smaller. */
    const float *before = parameters_find(plain, 1, "running_var"), *after = parameters_find(mean, 1, "running_var");
    for (int c = 0; c < 6; c++) assert_true(after[c] < 1 && after[c] < before[c]);
    cf_model_free(models[0]), cf_model_free(models[1]);
}

/* A checkpoint without an average cannot be gone on with where one is wanted, nor with a damaged one. */
static void averages_are_checked(void **state) {
    (void)state;
    cf_train_options o = options_for(3);
    Watch w = {.stop_at = 12, .sane = true};
    const char *path = path_in(scratch_folder(), "ema.safetensors");
    cf_model *m = model(net, 1);
    o.checkpoint = path, o.ema = 0.9, o.swa_from = 0;
    o.progress = watch, o.progress_context = &w;
    assert_int_equal(cf_train(m, split, &o, NULL), CF_INTERRUPTED);
    StoredFile file;
    assert_ok(safetensors_read(path, &file));
    assert_non_null(safetensors_find(&file, "ema/conv1.weight"));
    assert_non_null(safetensors_find(&file, "swa/bn1.running_var"));
    safetensors_free(&file);
    o.resume = true, o.ema = 0.8;
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "ema=0.90000000000000002, now ema=0.80000000000000004");
    cf_model_free(m);
}

/* ---- What is best ---- */

/* Of all seeds one comes where the highest accuracy and the lowest loss are of different epochs. */
static void stops_on_accuracy(void **state) {
    (void)state;
    bool differed = false;
    for (uint64_t seed = 1; seed < 20 && !differed; seed++) {
        cf_train_options o = options_for(8);
        o.seed = seed;
        Outcome by_loss = run(&o);
        o.stop_on = CF_STOP_ON_ACCURACY;
        Outcome by_accuracy = run(&o);
        const int best = by_accuracy.report.result.best_epoch;
        int expected = 0;
        for (int e = 1; e < 8; e++)
            if (by_loss.report.rows[e].validation_accuracy > by_loss.report.rows[expected].validation_accuracy)
                expected = e;
        assert_int_equal(best, expected + 1);
        assert_true(by_accuracy.report.result.validation_accuracy == by_loss.report.rows[expected].validation_accuracy);
        differed = best != by_loss.report.result.best_epoch;
        assert_int_equal(differed, strcmp(by_accuracy.sha, by_loss.sha) != 0);
        free(by_loss.report.rows), free(by_accuracy.report.rows);
    }
    assert_true(differed);
}

/* ---- The same bits ---- */

static void same_bits_at_any_threads(void **state) {
    (void)state;
    static const int threads[] = {2, 3, 8};
    for (int kind = CF_ADAM; kind <= CF_MUON; kind += CF_MUON - CF_ADAM) {
        cf_train_options o = options_for(2);
        o.optimizer = (cf_optimizer)kind;
        if (kind == CF_MUON) o.clip = 0.5, o.ema = 0.9, o.swa_from = 0.5;
        Outcome one = run(&o);
        for (size_t i = 0; i < COUNT_OF(threads); i++) {
            o.threads = threads[i];
            Outcome other = run(&o);
            assert_same_outcome(&one, &other);
            free(other.report.rows);
        }
        free(one.report.rows);
    }
}

static void the_seed_matters(void **state) {
    (void)state;
    cf_train_options o = options_for(2);
    Outcome a = run(&o), b = run(&o);
    assert_same_outcome(&a, &b);
    free(b.report.rows);
    o.seed = 2;
    b = run(&o);
    assert_string_not_equal(a.sha, b.sha);
    free(a.report.rows), free(b.report.rows);
}

static void progress_is_told(void **state) {
    (void)state;
    cf_train_options o = options_for(3);
    Watch w = {.sane = true};
    o.progress = watch;
    o.progress_context = &w;
    Outcome done = run(&o);
    assert_true(w.sane);
    assert_int_equal(w.calls, 3 * (STEPS_PER_EPOCH + 1));
    assert_int_equal(w.epochs_done, 3);
    assert_true(w.best >= 1);
    free(done.report.rows);
}

/* Stops at the calls listed, one after the other, each time in a new model that must not matter; then to the end. */
static Outcome run_in_parts(cf_train_options o, const int *stops, int count) {
    const char *path = path_in(scratch_folder(), "parts.safetensors");
    unlink(path);
    o.checkpoint = path;
    o.resume = true;
    o.progress = watch;
    for (int i = 0; i < count; i++) {
        Watch w = {.stop_at = stops[i], .sane = true};
        cf_model *m = model(net, i ? 77 : 1);
        o.progress_context = &w;
        assert_fails(fit(m, split, &o, &no_files, NULL), CF_INTERRUPTED, "the checkpoint holds everything");
        assert_true(w.sane);
        assert_int_equal(w.calls, stops[i]);
        cf_model_free(m);
    }
    Watch w = {.sane = true};
    FitReport report;
    cf_model *m = model(net, 78);
    o.progress_context = &w;
    assert_ok(fit(m, split, &o, &no_files, &report));
    assert_true(w.sane);
    return outcome_of(m, report);
}

static void stopped_and_resumed(void **state) {
    (void)state;
    static const struct {
        cf_optimizer optimizer;
        cf_schedule schedule;
        double decay, ema, swa_from;
    } cases[] = {{CF_SGD, CF_CONSTANT, 0.001, 0, 1},   {CF_ADAM, CF_COSINE, 0, 0, 1},
                 {CF_ADAMW, CF_ONE_CYCLE, 0.01, 0, 1}, {CF_MUON, CF_LINEAR, 0.01, 0.9, 1},
                 {CF_SGD, CF_STEP, 0, 0, 0.4},         {CF_ADAM, CF_CONSTANT, 0, 0.8, 0}};
    /* After the first step; within an epoch; after an epoch's last step, before its validation; after an epoch; in a later one; and
     * again and again. */
    static const int stops[][5] = {{1}, {4}, {7}, {8}, {11}, {4, 4, 1, 2, 3}};
    static const int counts[] = {1, 1, 1, 1, 1, 5};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cf_train_options o = options_for(3);
        o.optimizer = cases[i].optimizer, o.schedule = cases[i].schedule, o.weight_decay = cases[i].decay;
        o.ema = cases[i].ema, o.swa_from = cases[i].swa_from;
        Outcome whole = run(&o);
        for (size_t k = 0; k < COUNT_OF(counts); k++) {
            Outcome parts = run_in_parts(o, stops[k], counts[k]);
            assert_same_outcome(&whole, &parts);
            free(parts.report.rows);
        }
        free(whole.report.rows);
    }
}

/* "name=value, name=value" of the table of options. */
static void lay_options(const char *text, cf_train_options *o) {
    char copy[600], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *pair; (pair = strsep(&rest, ","));) {
        char *name = pair + strspn(pair, " "), *value = strchr(name, '=');
        const TrainOption *option = train_options;
        *value++ = '\0';
        while (option->name && strcmp(option->name, name) != 0) option++;
        if (!option->name) fail_msg("no option %s", name);
        assert_ok(train_option_set(option, value, o));
    }
}

/* What a recipe can be made of: each the same at any threads and however often stopped, and each another training than without. */
static void recipes_keep_the_bits(void **state) {
    (void)state;
    static const char *const recipes[] = {
        "augment=shift 1 | rotate 10 | cutout 2 p 0.5",
        "augment=flip | mixup 0.4",
        "augment=cutmix 1 p 0.7",
        "augment=neighbours 0.3:0.6 | stroke 1 | aspect 0.8:1.2 | ink 0.2:1 | background | mixup 0.4 p 0.5",
        "sample=balanced, loss=focal 2, label_smoothing=0.1",
        "sample=smote, augment=shift 1",
        "class_weights=0:3, reweight_from=0.5, logit_adjust=0.5",
        "optimizer=muon, clip=0.5, warmup=0.5, schedule=linear",
        "ema=0.9, augment=shift 1, sample=sqrt",
        "swa_from=0.3, optimizer=adamw, weight_decay=0.1, decay_on=weights, beta2=0.95",
    };
    static const int stops[] = {3, 5, 7, 1};
    cf_train_options plain = options_for(3);
    Outcome without = run(&plain);
    for (size_t i = 0; i < COUNT_OF(recipes); i++) {
        cf_train_options o = plain;
        lay_options(recipes[i], &o);
        Outcome whole = run(&o), parts = run_in_parts(o, stops, COUNT_OF(stops));
        assert_same_outcome(&whole, &parts);
        o.threads = 3;
        Outcome threads = run(&o);
        assert_same_outcome(&whole, &threads);
        assert_string_not_equal(whole.sha, without.sha);
        free(whole.report.rows), free(parts.report.rows), free(threads.report.rows);
    }
    free(without.report.rows);
}

/* Stopped at the very end, or asked to go on when all is done: nothing more happens, the best weights are there. */
static void resumed_after_the_end(void **state) {
    (void)state;
    cf_train_options o = options_for(2);
    Watch w = {.stop_at = 2 * (STEPS_PER_EPOCH + 1), .sane = true};
    Outcome whole = run(&o);
    o.checkpoint = path_in(scratch_folder(), "end.safetensors");
    o.progress = watch, o.progress_context = &w;
    Outcome first = run(&o); /* not interrupted: there was nothing left to stop */
    assert_same_outcome(&whole, &first);
    o.resume = true;
    Outcome again = run(&o);
    assert_same_outcome(&whole, &again);
    assert_int_equal(w.calls, 2 * (STEPS_PER_EPOCH + 1));
    free(whole.report.rows), free(first.report.rows), free(again.report.rows);
}

static void more_epochs(void **state) {
    (void)state;
    cf_train_options o = options_for(4);
    Outcome whole = run(&o);
    o.checkpoint = path_in(scratch_folder(), "more.safetensors");
    o.resume = true;
    o.epochs = 2;
    Outcome part = run(&o);
    assert_int_equal(part.report.result.epochs_run, 2);
    o.epochs = 4;
    o.threads = 2;  /* may change */
    o.patience = 4; /* may change */
    Outcome rest = run(&o);
    assert_same_outcome(&whole, &rest);
    free(whole.report.rows), free(part.report.rows), free(rest.report.rows);
    o.epochs = 3;
    cf_model *m = model(net, 1);
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "it is 4 epochs far already; 3 were asked for");
    cf_model_free(m);
}

/* ---- Resuming what is something else ---- */

static void make_checkpoint(const char *path, int stop_at) {
    cf_train_options o = options_for(3);
    Watch w = {.stop_at = stop_at, .sane = true};
    cf_model *m = model(net, 1);
    o.checkpoint = path;
    o.progress = watch, o.progress_context = &w;
    assert_int_equal(cf_train(m, split, &o, NULL), CF_INTERRUPTED);
    cf_model_free(m);
}

static void refuse(const char *path, const char *line, cf_train_options o, const char *message) {
    cf_model *m = model(line, 1);
    o.checkpoint = path;
    o.resume = true;
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, message);
    assert_non_null(strstr(cf_error(), path));
    cf_model_free(m);
}

static void other_settings_are_refused(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "settings.safetensors");
    make_checkpoint(path, 9);
    cf_train_options o = options_for(3);
    refuse(path, "dense classes", o, "model=conv_6_3x3");
    o.batch = 16;
    refuse(path, net, o, "other settings: batch=32, now batch=16");
    o = options_for(3), o.learning_rate = 0.5;
    refuse(path, net, o, "now rate=0.5");
    o = options_for(3), o.momentum = 0.5;
    refuse(path, net, o, "now momentum=0.5");
    o = options_for(3), o.weight_decay = 0.25;
    refuse(path, net, o, "other settings: decay=0, now decay=0.25");
    o = options_for(3), o.optimizer = CF_ADAM;
    refuse(path, net, o, "other settings: optimizer=sgd, now optimizer=adam");
    o = options_for(3), o.schedule = CF_COSINE;
    refuse(path, net, o, "other settings: schedule=constant, now schedule=cosine");
    o = options_for(3), o.seed = 5;
    refuse(path, net, o, "other settings: seed=1, now seed=5");
    o = options_for(3), o.engine = CF_ENGINE_REFERENCE;
    refuse(path, net, o, "other settings: engine=fast, now engine=reference");
    /* Other images, with everything else as it was. */
    cf_set *noise = small_set("blobs", IMAGES, 1, SIDE, CLASSES, paint_noise);
    cf_split *parts = pooled_split(noise), *mine = split;
    split = parts;
    refuse(path, net, options_for(3), "other settings: data=");
    split = mine;
    cf_split_free(parts);
    cf_set_free(noise);
    /* With a schedule the number of epochs is a setting. */
    o = options_for(3), o.schedule = CF_COSINE;
    cf_model *m = model(net, 1);
    o.checkpoint = path;
    assert_ok(cf_train(m, split, &o, NULL));
    cf_model_free(m);
    o.epochs = 4;
    refuse(path, net, o, "other settings: epochs=3, now epochs=4");
}

/* ---- Damage ---- */

static unsigned char *read_all(const char *path, size_t *size) {
    unsigned char *bytes;
    assert_ok(file_read(path, 1 << 24, &bytes, size));
    return bytes;
}

/* Resumes from these bytes; the status. */
static cf_status resume_from(const void *bytes, size_t size) {
    const char *path = path_in(scratch_folder(), "damaged.safetensors");
    cf_train_options o = options_for(3);
    cf_model *m = model(net, 1);
    unlink(path_in(scratch_folder(), "damaged.previous.safetensors"));
    write_bytes(path, bytes, size);
    o.checkpoint = path;
    o.resume = true;
    cf_status status = cf_train(m, split, &o, NULL);
    if (status && !strstr(cf_error(), "damaged.safetensors")) print_error("no path in: %s\n", cf_error());
    if (status) assert_non_null(strstr(cf_error(), "damaged.safetensors"));
    cf_model_free(m);
    return status;
}

static void truncated_checkpoints(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "whole.safetensors");
    size_t size;
    make_checkpoint(path, 12);
    unsigned char *bytes = read_all(path, &size);
    assert_int_equal(resume_from(bytes, size), CF_OK);
    const size_t sizes[] = {0, 1, 7, 8, 9, 100, 1000, size / 2, size - 4, size - 1};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) assert_int_equal(resume_from(bytes, sizes[i]), CF_BAD_INPUT);
    unsigned char *longer = calloc(size + 4, 1);
    memcpy(longer, bytes, size);
    assert_int_equal(resume_from(longer, size + 4), CF_BAD_INPUT);
    free(longer);
    free(bytes);
}

/* `from` becomes `to`, of the same length. */
static void replace(unsigned char *bytes, size_t size, const char *from, const char *to) {
    assert_int_equal(strlen(from), strlen(to));
    unsigned char *found = memmem(bytes, size, from, strlen(from));
    if (!found) print_error("no %s in the checkpoint\n", from);
    assert_non_null(found);
    memcpy(found, to, strlen(to));
}

/* As a program wrote it that knew no checksums. */
static void unseal(unsigned char *bytes, size_t size) {
    replace(bytes, size, "file_sha256", "something_x");
    replace(bytes, size, "cifra-checkpoint-2", "cifra-checkpoint-1");
}

/* Replaces a text in the header of a checkpoint without a checksum, which would tell. */
static cf_status resume_with(const unsigned char *bytes, size_t size, const char *from, const char *to) {
    unsigned char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    unseal(copy, size);
    replace(copy, size, from, to);
    cf_status status = resume_from(copy, size);
    free(copy);
    return status;
}

static void damaged_state(void **state) {
    (void)state;
    static const char *const changes[][2] = {
        {"\\\"epoch\\\":1", "\\\"epoch\\\":2"},
        {"\\\"epoch\\\":1", "\\\"epoch\\\":0"},
        {"\\\"epoch\\\":1", "\\\"epoch\\\":x"},
        {"\\\"epoch\\\":1", "\\\"epocs\\\":1"},
        {"\\\"step\\\":4", "\\\"step\\\":9"},
        {"\\\"step\\\":4", "\\\"step\\\":3"},
        {"\\\"steps_done\\\":11", "\\\"steps_done\\\":12"},
        {"\\\"optimizer_steps\\\":11", "\\\"optimizer_steps\\\":-1"},
        {"\\\"optimizer_steps\\\":11", "\\\"optimizer_steps\\\":12"},
        {"\\\"seen\\\":128", "\\\"seen\\\":000"},
        {"\\\"seen\\\":128", "\\\"seen\\\":129"},
        {"\\\"best_epoch\\\":1", "\\\"best_epoch\\\":0"},
        {"\\\"best_epoch\\\":1", "\\\"best_epoch\\\":2"},
        {"\\\"best_epoch\\\":1", "\\\"best_epoch\\\":7"},
        {"\\\"rows\\\":[[1,", "\\\"rows\\\":[[x,"},
        {"\\\"rows\\\":[[1,", "\\\"rows\\\":[{1,"},
        {"cifra-checkpoint-1", "cifra-checkpoint-9"},
        {"now/conv1.weight", "now/conv9.weight"},
        {"first/dense2.bias", "first/dense9.bias"},
        {"best/bn1.running_var", "best/bn1.runningxvar"},
    };
    const char *path = path_in(scratch_folder(), "whole.safetensors");
    size_t size;
    make_checkpoint(path, 12); /* an epoch and four steps: 7 + 1 + 4 calls */
    unsigned char *bytes = read_all(path, &size);
    assert_int_equal(resume_with(bytes, size, "something_x", "something_y"), CF_OK);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        cf_status status = resume_with(bytes, size, changes[i][0], changes[i][1]);
        if (status != CF_BAD_INPUT) print_error("%s: status %d: %s\n", changes[i][1], (int)status, cf_error());
        assert_int_equal(status, CF_BAD_INPUT);
    }
    free(bytes);
}

/* Any byte of the header changed: an error or a run, never a crash. */
static void damaged_header(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "whole.safetensors");
    size_t size;
    uint64_t header;
    make_checkpoint(path, 12);
    unsigned char *bytes = read_all(path, &size);
    memcpy(&header, bytes, 8);
    int refused = 0;
    for (int i = 0; i < 60; i++) {
        size_t at = 8 + random_number() % header;
        unsigned char before = bytes[at];
        bytes[at] = (unsigned char)random_number();
        refused += resume_from(bytes, size) != CF_OK;
        bytes[at] = before;
    }
    assert_true(refused > 30);
    free(bytes);
}

static char told[2048];

static void remember(const char *text, void *context) {
    (void)context;
    snprintf(told, sizeof told, "%s", text);
    cf_set_notice_handler(NULL, NULL); /* the first */
}

/* Changes each of some bytes in turn: whichever it is, the one before is gone on with, to the same end. */
static void the_one_before_is_used(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "latest.safetensors");
    const char *before = path_in(scratch_folder(), "latest.previous.safetensors");
    cf_train_options o = options_for(3);
    Outcome whole = run(&o);
    size_t size, size_before;
    make_checkpoint(path, 17); /* after two epochs and one step: checkpoints of both epochs, and one on top */
    unsigned char *bytes = read_all(path, &size), *bytes_before = read_all(before, &size_before);
    o.checkpoint = path;
    o.resume = true;
    for (size_t i = 0; i < 24; i++) {
        const size_t at = i < 12 ? i : i < 18 ? 8 + random_number() % 1000 : random_number() % size;
        bytes[at] ^= 0x21;
        write_bytes(path, bytes, size);
        bytes[at] ^= 0x21;
        write_bytes(before, bytes_before, size_before);
        cf_set_notice_handler(remember, NULL);
        cf_model *m = model(net, 1);
        FitReport report;
        assert_ok(fit(m, split, &o, &no_files, &report));
        assert_non_null(strstr(told, "; the one before it is used"));
        Outcome done = outcome_of(m, report);
        assert_same_outcome(&whole, &done);
        free(done.report.rows);
    }
    free(bytes);
    free(bytes_before);
    free(whole.report.rows);
}

/* The damaged one must not take the place of the good one at the next save, where it is damaged again. */
static void damage_does_not_spread(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "spread.safetensors");
    const char *before = path_in(scratch_folder(), "spread.previous.safetensors");
    size_t size, size_before;
    make_checkpoint(path, 17);
    unsigned char *good = read_all(before, &size_before);
    write_bytes(path, "damaged", 7);
    cf_train_options o = options_for(3);
    Watch w = {.stop_at = 1, .sane = true};
    cf_model *m = model(net, 1);
    o.checkpoint = path, o.resume = true;
    o.progress = watch, o.progress_context = &w;
    assert_int_equal(fit(m, split, &o, &no_files, NULL), CF_INTERRUPTED);
    cf_model_free(m);
    unsigned char *still = read_all(before, &size);
    assert_int_equal(size, size_before);
    assert_memory_equal(still, good, size);
    free(still);
    free(good);
}

static void all_damaged(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "both.safetensors");
    const char *before = path_in(scratch_folder(), "both.previous.safetensors");
    cf_train_options o = options_for(3);
    cf_model *m = model(net, 1);
    o.checkpoint = path, o.resume = true;
    write_bytes(path, "", 0);
    assert_fails(fit(m, split, &o, &no_files, NULL), CF_BAD_INPUT, "no other to go on from. To begin anew, remove it");
    write_bytes(before, "damaged", 7);
    assert_fails(fit(m, split, &o, &no_files, NULL), CF_BAD_INPUT, "both.safetensors is damaged, too");
    assert_non_null(strstr(cf_error(), "both.previous.safetensors"));
    unlink(path);
    unlink(before);
    assert_ok(fit(m, split, &o, &no_files, NULL));
    cf_model_free(m);
}

/* A changed byte in the checksum's own name does not make the file one that has none. */
static void a_missing_checksum_is_damage(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "whole.safetensors");
    size_t size;
    make_checkpoint(path, 12);
    unsigned char *bytes = read_all(path, &size);
    replace(bytes, size, "file_sha256", "file_sha257");
    assert_int_equal(resume_from(bytes, size), CF_BAD_INPUT);
    assert_non_null(strstr(cf_error(), "its checksum is missing"));
    free(bytes);
}

static void other_kernels_are_told(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "kernels.safetensors");
    size_t size;
    make_checkpoint(path, 12);
    unsigned char *bytes = read_all(path, &size);
    unseal(bytes, size);
    replace(bytes, size, "oneDNN", "theirs");
    told[0] = '\0';
    cf_set_notice_handler(remember, NULL);
    assert_int_equal(resume_from(bytes, size), CF_OK);
    assert_non_null(strstr(told, "made by theirs "));
    free(bytes);
}

/* ---- What goes wrong while training ---- */

static void diverging(void **state) {
    (void)state;
    cf_train_options o = options_for(3);
    cf_model *m = model("conv 4 3x3 | leakyrelu | dense 8 | leakyrelu | dense classes", 1);
    o.learning_rate = 1e6;
    assert_fails(cf_train(m, split, &o, NULL), CF_DIVERGED, "in epoch 1, step ");
    assert_non_null(strstr(cf_error(), "first in the output of "));
    assert_true(strstr(cf_error(), "of conv1") || strstr(cf_error(), "of dense"));
    assert_non_null(strstr(cf_error(), "at learning rate 1e+06"));
    assert_non_null(strstr(cf_error(), "try 1e+05"));
    assert_null(strstr(cf_error(), "-nan")); /* the sign of what is no number says nothing */
    cf_model_free(m);
}

/* A model file or checkpoint that holds what is not finite. */
static bool holds_bad_values(const char *path) {
    StoredFile file;
    bool bad = false;
    if (!file_exists(path)) return false;
    assert_ok(safetensors_read(path, &file));
    for (size_t t = 0; t < file.tensor_count; t++)
        for (size_t i = 0; i < file.tensors[t].count; i++)
            if (!isfinite(file.tensors[t].values[i])) bad = true;
    safetensors_free(&file);
    return bad;
}

/* Each way to overflow ends in CF_DIVERGED on every engine, with a place, a rate and a way out; and no file has such values. */
static void diverging_is_never_done(void **state) {
    (void)state;
    static const struct {
        const char *line;
        cf_optimizer optimizer;
        double rate;
    } cases[] = {
        {"conv 4 3x3 | relu | maxpool 2 | dense 8 | relu | dense classes", CF_SGD, 1e12},
        {"conv 4 3x3 | relu | conv 4 3x3 | relu | dense 8 | relu | dense 8 | relu | dense classes", CF_SGD, 1e6},
        {"dense 64 | relu | dense 64 | relu | dense classes", CF_SGD, 1e6},
        {"conv 4 3x3 | bn | relu | conv 4 3x3 | bn | relu | dense 8 | relu | dense classes", CF_SGD, 1e6},
        {"conv 4 3x3 | bn | leakyrelu | maxpool 2 | dense 8 | leakyrelu | dense classes", CF_SGD, 1e30},
        {"conv 4 3x3 | relu | conv 4 3x3 | relu | dense 8 | relu | dense classes", CF_ADAM, 1e12},
        {"conv 4 3x3 | relu | conv 4 3x3 | relu | dense 8 | relu | dense classes", CF_ADAMW, 1e12},
        {"dropout 0.1 | dense classes", CF_SGD, 1e38},
    };
    const char *best = path_in(scratch_folder(), "diverged.safetensors");
    const char *checkpoint = path_in(scratch_folder(), "diverging.safetensors");
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int e = 0; e < 3; e++) {
            cf_train_options o = options_for(12);
            const FitFiles files = {.best = best};
            cf_model *m = model(cases[i].line, 1);
            unlink(best), unlink(checkpoint);
            o.optimizer = cases[i].optimizer;
            o.learning_rate = cases[i].rate;
            o.engine = e == 1 ? CF_ENGINE_REFERENCE : CF_ENGINE_FAST;
            o.precision = e == 2 ? CF_BF16 : CF_F32;
            o.checkpoint = checkpoint;
            cf_status status = fit(m, split, &o, &files, NULL);
            if (status != CF_DIVERGED) print_error("%s, engine %d: status %d\n", cases[i].line, e, (int)status);
            assert_int_equal(status, CF_DIVERGED);
            assert_non_null(strstr(cf_error(), "epoch "));
            assert_non_null(strstr(cf_error(), "at learning rate "));
            assert_non_null(strstr(cf_error(), "helps"));
            assert_false(holds_bad_values(best) || holds_bad_values(checkpoint));
            cf_model_free(m);
        }
}

/* The message is the same however many threads there are: it names the first tensor of the model, not the first found. */
static void divergence_is_told_alike(void **state) {
    (void)state;
    char first[1024] = "";
    for (int threads = 1; threads <= 3; threads++) {
        cf_train_options o = options_for(12);
        cf_model *m = model("dense 400 | relu | dense 400 | relu | dense classes", 1);
        o.learning_rate = 1e6;
        o.threads = threads;
        assert_int_equal(cf_train(m, split, &o, NULL), CF_DIVERGED);
        if (threads == 1) snprintf(first, sizeof first, "%s", cf_error());
        assert_string_equal(first, cf_error());
        cf_model_free(m);
    }
}

/* An infinite variance makes zeros of all that is behind it, so the loss alone would never tell. */
static void statistics_are_watched(void **state) {
    (void)state;
    cf_train_options o = options_for(3);
    cf_model *m = model("conv 4 3x3 | bn | relu | dense classes", 1);
    float *weight = parameters_find(&m->parameters, 0, "weight");
    for (int i = 0; i < 36; i++) weight[i] = 1e20f;
    assert_fails(cf_train(m, split, &o, NULL), CF_DIVERGED, "bn1.running_var became inf in epoch 1, step 1");
    cf_model_free(m);
}

static void checkpoints_with_bad_values(void **state) {
    (void)state;
    static const struct {
        const char *tensor, *message;
        float value;
    } cases[] = {
        {"now/conv1.weight", "the tensor now/conv1.weight: value 3 is nan", NAN},
        {"first/dense1.weight", "the tensor first/dense1.weight: value 3 is inf", INFINITY},
        {"best/bn1.running_var", "the tensor best/bn1.running_var: value 3 is -1, and a variance is 0 or more", -1},
        {"now/bn1.running_mean", "the tensor now/bn1.running_mean: value 3 is nan", NAN},
    };
    const char *path = path_in(scratch_folder(), "whole.safetensors");
    size_t size;
    make_checkpoint(path, 12);
    unsigned char *bytes = read_all(path, &size);
    unseal(bytes, size);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned char *copy = malloc(size);
        uint64_t header;
        size_t begin;
        char name[80];
        assert_non_null(copy);
        memcpy(copy, bytes, size);
        memcpy(&header, copy, 8);
        snprintf(name, sizeof name, "\"%s\"", cases[i].tensor);
        const char *offsets = strstr(strstr((char *)copy + 8, name), "data_offsets\":[");
        assert_int_equal(sscanf(offsets, "data_offsets\":[%zu", &begin), 1);
        memcpy(copy + 8 + header + begin + 12, &cases[i].value, 4);
        assert_int_equal(resume_from(copy, size), CF_BAD_INPUT);
        assert_non_null(strstr(cf_error(), cases[i].message));
        free(copy);
    }
    free(bytes);
}

/* What is refused, option by option, is in test_train_options.c. */
static void bad_options(void **state) {
    (void)state;
    cf_model *m = model(net, 1);
    cf_train_options o = options_for(2);
    char before[SHA256_HEX], after[SHA256_HEX];
    assert_ok(parameters_sha256(&m->parameters, before));
    o.batch = 0;
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "batch: a whole number from 1 to 65536 expected, found 0");
    assert_ok(parameters_sha256(&m->parameters, after));
    assert_string_equal(before, after);
    cf_model_free(m);
}

static void classes_of_other_data(void **state) {
    (void)state;
    const char *const names[] = {"x", "y", "z"};
    cf_train_options o = options_for(1);
    cf_model *m;
    assert_ok(model_new(net, (Shape){1, SIDE, SIDE}, names, CLASSES, 1, &m));
    assert_fails(cf_train(m, split, &o, NULL), CF_BAD_USE, "the model has no class 0");
    cf_model_free(m);
}

static void unwritable_checkpoint(void **state) {
    (void)state;
    cf_train_options o = options_for(1);
    cf_model *m = model("dense classes", 1);
    o.checkpoint = path_in(scratch_folder(), "no/such/folder/checkpoint.safetensors");
    assert_int_equal(cf_train(m, split, &o, NULL), CF_IO);
    assert_non_null(strstr(cf_error(), "no/such/folder"));
    cf_model_free(m);
}

/* A batch larger than the set, of one, and one that leaves a single image over. */
static void batches(void **state) {
    (void)state;
    static const int sizes[] = {1000, 210, 209, 7};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        cf_train_options o = options_for(1);
        cf_train_result result;
        cf_model *m = model(net, 1);
        o.batch = sizes[i];
        assert_ok(cf_train(m, split, &o, &result));
        assert_true(isfinite(result.validation_loss));
        cf_model_free(m);
    }
}

/* ---- history.csv ---- */

static void history(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "history.csv");
    cf_train_options o = options_for(3);
    FitReport report;
    cf_model *m = model(net, 1);
    o.schedule = CF_COSINE;
    assert_ok(fit(m, split, &o, &(FitFiles){.history = path}, &report));
    cf_model_free(m);
    FILE *stream = fopen(path, "r");
    char line[512];
    assert_non_null(stream);
    assert_non_null(fgets(line, sizeof line, stream));
    assert_string_equal(line,
                        "epoch,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,"
                        "images_per_second\n");
    for (int i = 0; i < 3; i++) {
        EpochRow row;
        const EpochRow *r = &report.rows[i];
        assert_non_null(fgets(line, sizeof line, stream));
        assert_int_equal(sscanf(line, "%d,%lf,%lf,%lf,%lf,%lf,%lf,%lf\n", &row.epoch, &row.rate, &row.train_loss,
                                &row.train_accuracy, &row.validation_loss, &row.validation_accuracy, &row.seconds,
                                &row.images_per_second),
                         8);
        assert_int_equal(row.epoch, i + 1);
        assert_true(fabs(row.rate - r->rate) < 1e-8 * r->rate);
        assert_true(fabs(row.train_loss - r->train_loss) < 1e-7 && fabs(row.train_accuracy - r->train_accuracy) < 1e-7);
        assert_true(fabs(row.validation_loss - r->validation_loss) < 1e-7);
        assert_true(fabs(row.validation_accuracy - r->validation_accuracy) < 1e-7);
        /* The rate of the epoch's last step. */
        assert_true(fabs(r->rate - 0.01 * (1 + cos(3.141592653589793 * (7 * (i + 1) - 1) / 21))) < 1e-12);
    }
    assert_null(fgets(line, sizeof line, stream));
    fclose(stream);
    free(report.rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_asked_for),
        cmocka_unit_test(learns),
        cmocka_unit_test(stops_early_with_the_best),
        cmocka_unit_test(averages_are_judged_and_kept),
        cmocka_unit_test(averages_have_their_own_statistics),
        cmocka_unit_test(averages_are_checked),
        cmocka_unit_test(stops_on_accuracy),
        cmocka_unit_test(same_bits_at_any_threads),
        cmocka_unit_test(the_seed_matters),
        cmocka_unit_test(progress_is_told),
        cmocka_unit_test(stopped_and_resumed),
        cmocka_unit_test(recipes_keep_the_bits),
        cmocka_unit_test(resumed_after_the_end),
        cmocka_unit_test(more_epochs),
        cmocka_unit_test(other_settings_are_refused),
        cmocka_unit_test(truncated_checkpoints),
        cmocka_unit_test(damaged_state),
        cmocka_unit_test(damaged_header),
        cmocka_unit_test(diverging),
        cmocka_unit_test(diverging_is_never_done),
        cmocka_unit_test(divergence_is_told_alike),
        cmocka_unit_test(statistics_are_watched),
        cmocka_unit_test(checkpoints_with_bad_values),
        cmocka_unit_test(bad_options),
        cmocka_unit_test(classes_of_other_data),
        cmocka_unit_test(the_one_before_is_used),
        cmocka_unit_test(damage_does_not_spread),
        cmocka_unit_test(all_damaged),
        cmocka_unit_test(a_missing_checksum_is_damage),
        cmocka_unit_test(other_kernels_are_told),
        cmocka_unit_test(unwritable_checkpoint),
        cmocka_unit_test(batches),
        cmocka_unit_test(history),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
