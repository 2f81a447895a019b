#include "tune/tune.h"

#include "base/json_memory.h"
#include "base/ranks.h"
#include "base/slices.h"
#include "nn/model.h"
#include "train/train_options.h"
#include "tune/decide.h"
#include "tune/trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TuneOptions tune_defaults(void) {
    TuneOptions options = {.train = cf_train_defaults(),
                           .sampler = SAMPLER_GRID,
                           .pruner = PRUNER_NONE,
                           .trials = 24,
                           .lookback = 4,
                           .startup = 8,
                           .eta = 3,
                           .first_rung = 1,
                           .seeds = 1,
                           .leading = 3};
    options.train.epochs = 50;
    return options;
}

/* ---- Before the first trial ---- */

static cf_status check_options(const TuneOptions *o) {
    FORWARD(space_check(o->space));
    FAIL_IF(o->sampler == SAMPLER_GRID && !space_points(o->space), CF_BAD_USE,
            "a grid needs lists, but the space %s has a range; take --sampler random or tpe, or list values",
            o->space->name);
    FAIL_IF(space_points(o->space) > TUNE_MOST_POINTS && o->sampler == SAMPLER_GRID, CF_BAD_USE,
            "the grid has %lld points; at most %d are tried one by one: take --sampler random or tpe",
            (long long)space_points(o->space), TUNE_MOST_POINTS);
    FORWARD(train_options_check(&o->train));
    FAIL_IF(o->jobs < 0 || o->jobs > SLICES_MAX_THREADS, CF_BAD_USE, "jobs: 0 to %d expected, found %d",
            SLICES_MAX_THREADS, o->jobs);
    FAIL_IF(
        o->trials < 1 || o->lookback < 1 || o->startup < 1 || o->eta < 2 || o->first_rung < 1 || o->seeds < 1 ||
            o->leading < 1,
        CF_BAD_USE,
        "trials, lookback, startup, first rung, seeds, leading: 1 or more expected, eta: 2 or more; found %d, %d, %d, "
        "%d, %d, %d and %d",
        o->trials, o->lookback, o->startup, o->first_rung, o->seeds, o->leading, o->eta);
    return CF_OK;
}

/* *options: those of the point. */
static cf_status check_model(const Tune *tune, const SpacePoint *point, cf_train_options *options) {
    const cf_subset *part = cf_split_part(tune->split, CF_TRAIN);
    const Shape shape = {part->set->channels, part->set->height, part->set->width};
    LayerList layers;
    AUTO_FREE char *line = NULL, *text = NULL;
    *options = tune->options.train;
    FORWARD(space_apply(tune->options.space, point, options, &line));
    const cf_status status = model_line_parse(line, shape, part->classes, &layers);
    if (!status) layer_list_free(&layers);
    if (!status) return CF_OK;
    FORWARD(space_point_text(tune->options.space, point, &text));
    return status_prefix(status, "configuration %s", text);
}

/* What can be known to be wrong with a model is found before hours of training. Options may contradict each other at some points,
 * whose trials fail, but not at all of them. */
static cf_status check_points(const Tune *tune) {
    enum { MOST = 4096 };
    const int64_t points = space_points(tune->options.space);
    cf_status together = CF_OK;
    for (int64_t i = 0; i < points && i < MOST; i++) {
        const SpacePoint point = space_point(tune->options.space, i);
        cf_train_options options;
        FORWARD(check_model(tune, &point, &options));
        if (i == 0 || together) together = train_options_check_together(&options);
    }
    return points > MOST ? CF_OK : together;
}

/* ---- What must be equal to go on ---- */

/* Only what the decisions depend on. */
static json_t *search_json(const TuneOptions *o) {
    json_t *json = json_pack("{s:s s:s s:i}", "sampler", sampler_words[o->sampler], "pruner", pruner_words[o->pruner],
                             "trials", tune_search_trials(o));
    /* Only where it is not the loss, so that tunes from before it was known are resumed. */
    if (objective_of(o->train.stop_on) == OBJECTIVE_ACCURACY)
        json_object_set_new(json, "objective", json_string("accuracy"));
    if (tune_is_adaptive(o)) json_object_set_new(json, "lookback", json_integer(o->lookback));
    if (o->sampler == SAMPLER_TPE) json_object_set_new(json, "startup", json_integer(o->startup));
    if (o->pruner == PRUNER_ASHA) {
        json_object_set_new(json, "eta", json_integer(o->eta));
        json_object_set_new(json, "first_rung", json_integer(o->first_rung));
    }
    return json;
}

static cf_status settings_json(const Tune *tune, json_t **json) {
    const TuneOptions *o = &tune->options;
    const cf_subset *train = cf_split_part(tune->split, CF_TRAIN);
    const cf_subset *validation = cf_split_part(tune->split, CF_VALIDATION);
    char trained[SHA256_HEX], validated[SHA256_HEX];
    json_t *space;
    FORWARD(sha256_bytes(train->images, train->count * sizeof *train->images, trained));
    FORWARD(sha256_bytes(validation->images, validation->count * sizeof *validation->images, validated));
    json_memory_begin();
    FORWARD(space_json(o->space, &space));
    json_t *data = json_pack("{s:s s:s s:s s:s s:I s:I}", "sha256", train->set->sha256, "split", o->split_text,
                             "train_images_sha256", trained, "validation_images_sha256", validated, "train",
                             (json_int_t)train->count, "validation", (json_int_t)validation->count);
    json_t *made = json_pack("{s:o s:o s:o s:o}", "data", data, "train", train_options_json(&o->train), "search",
                             search_json(o), "space", space);
    FAIL_IF(!made, CF_NO_MEMORY, "out of memory while writing the settings of the tune");
    *json = made;
    return CF_OK;
}

/* ---- Workers ---- */

/* The first failure is the tune's; the others stop, and what they say of it does not matter. */
static void note_failure(Tune *tune, cf_status status) {
    pthread_mutex_lock(&tune->lock);
    if (!tune->status || (tune->status == CF_INTERRUPTED && status != CF_INTERRUPTED)) {
        tune->status = status;
        snprintf(tune->message, sizeof tune->message, "%s", cf_error());
    }
    pthread_mutex_unlock(&tune->lock);
    atomic_store(&tune->stop, true);
}

static void *run_worker(void *context) {
    Worker *worker = context;
    char host[48] = "";
    gethostname(host, sizeof host - 1);
    snprintf(worker->name, sizeof worker->name, "%s:%ld.%d", host, (long)getpid(), worker->number + 1);
    cf_status status = store_open(worker->tune->options.out, &worker->store);
    if (!status) status = worker_run(worker);
    if (status) note_failure(worker->tune, status);
    store_close(worker->store);
    return NULL;
}

/* A thread that cannot be made is done without: the trials are the same, later. Told under the lock, as those who work already
 * tell of themselves. */
static void do_with_fewer(Tune *tune, int workers, int reason) {
    pthread_mutex_lock(&tune->lock);
    notice("%d trial%s at a time instead of %d: the system grants no more threads (%s)", workers,
           workers == 1 ? "" : "s", tune->options.jobs, strerror(reason));
    tune->options.jobs = workers; /* by which the time left is estimated */
    pthread_mutex_unlock(&tune->lock);
}

/* The calling thread is the first worker. */
static cf_status run_workers(Tune *tune) {
    int jobs = tune->options.jobs, begun = 1, bad = 0;
    AUTO_FREE Worker *workers = NULL;
    FORWARD(memory_new((size_t)jobs, sizeof *workers, &workers));
    for (int j = 0; j < jobs; j++) workers[j] = (Worker){.tune = tune, .number = j, .rank = tune->ranks > 1 ? j : 0};
    while (begun < jobs && !bad) {
        bad = pthread_create(&workers[begun].thread, NULL, run_worker, &workers[begun]);
        if (!bad) begun++;
    }
    if (bad) do_with_fewer(tune, begun, bad);
    run_worker(&workers[0]);
    for (int j = 1; j < begun; j++) pthread_join(workers[j].thread, NULL);
    if (tune->status) status_set_message(tune->message);
    return tune->status;
}

/* Trials side by side wait for nothing, threads of one trial for each other: a job per thread, as far as there is work for
 * them. */
static void share_threads(Tune *tune) {
    TuneOptions *o = &tune->options;
    int threads = slices_threads(o->train.threads), most = tune->wanted;
    tune->ranks = o->source ? ranks_size() : 1;
    ranks_tell_binding(o->train.threads);
    const int places =
        tune->ranks > 1 ? tune->ranks : threads; /* a rank has one trial at a time, with all of its threads */
    if (tune_is_adaptive(o) && o->lookback < most) most = o->lookback;
    if (!o->jobs) o->jobs = places < most ? places : most;
    if (tune->ranks > 1 && o->jobs > tune->ranks) o->jobs = tune->ranks;
    tune->threads = threads;
    tune->jobs = o->jobs;
}

cf_status tune_run(const cf_split *split, const TuneOptions *options) {
    Tune tune = {.split = split, .options = *options, .lock = PTHREAD_MUTEX_INITIALIZER, .seconds_left = -1};
    AUTO(store_close_at) Store *store = NULL;
    AUTO_FREE atomic_bool *working = NULL;
    json_auto_t *settings = NULL;
    const Engine *engine;
    FORWARD(check_options(options));
    FORWARD(engine_choose(options->train.engine, &tune.options.train.precision, &engine));
    FORWARD(check_points(&tune));
    const int search = tune_search_trials(options);
    tune.wanted = search + (options->seeds - 1) * (options->leading < search ? options->leading : search);
    share_threads(&tune);
    FORWARD(store_open(options->out, &store));
    FORWARD(settings_json(&tune, &settings));
    FORWARD(store_settle(store, settings));
    FORWARD(store_settle_kernels(store, engine->kernels->name));
    if (options->data) FORWARD(store_name_data(store, options->data));
    store_close(memory_take(&store)); /* each worker has its own */
    FORWARD(memory_new((size_t)tune.jobs, sizeof *working, &working));
    tune.working = working;
    return run_workers(&tune);
}
