#include "study/run/run_ranks.h"

#include "base/ranks.h"
#include "base/slices.h"
#include "embed/neighbors.h"
#include "tune/trial.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Meeting ---- */

cf_status ranks_meet(void) {
    AUTO_FREE char *identity = NULL;
    char sha256[SHA256_HEX];
    if (ranks_announced() < 2) return CF_OK;
    FORWARD(transfer_sha256("/proc/self/exe", sha256));
    const Engine *bf16 = cpu_engine_bf16();
    FORWARD(memory_print(&identity, "cifra %s\nprogram %s\nengine %s\nbf16 %s\nC library %s", cf_version(), sha256,
                         cpu_engine()->name, bf16 ? bf16->name : "none", gnu_get_libc_version()));
    return ranks_begin(identity);
}

/* ---- Jobs ---- */

cf_status ranks_send_job(int to, json_t *job) {
    AUTO_FREE char *text = json_dumps(job, JSON_COMPACT | JSON_REAL_PRECISION(17));
    FAIL_IF(!text, CF_NO_MEMORY, "out of memory while asking a rank for work");
    return ranks_send(to, TAG_JOB, text, strlen(text));
}

cf_status ranks_dismiss(void) {
    json_auto_t *job = json_pack("{s:s}", "job", "end");
    for (int r = 1; r < ranks_size(); r++) FORWARD(ranks_send_job(r, job));
    return CF_OK;
}

cf_status ranks_describe_data(const RunConfig *config, const cf_set *set, json_t **described) {
    int file;
    FORWARD(run_config_json(config, described));
    if (ranks_on_this_machine() < 2) return CF_OK;
    if (set_share((cf_set *)(uintptr_t)set, &file)) /* the same set, elsewhere */
        notice("each rank of this machine reads %s for itself: %s", set->name, cf_error());
    else
        json_object_set_new(*described, "shared", json_pack("[i i]", (int)getpid(), file));
    return CF_OK;
}

/* Where the data are, this process looks as the first one did; a source's weights come with the state of the training. */
cf_status ranks_call_to_train(const Run *run, int *ranks) {
    const cf_train_options *o = &run->config.train;
    const int units = plan_units(&run->model->layers, o->batch), size = ranks_size();
    json_t *config;
    *ranks = 0;
    if (size < 2) return CF_OK;
    if (o->adapt != CF_ADAPT_NONE || o->quantize || strcmp(o->teacher, "none") != 0) {
        notice("a training with adapt, teacher or quantize is not spread over ranks: the first one does it alone");
        return CF_OK;
    }
    if (units < 2) return CF_OK;
    ranks_tell_binding(o->threads);
    *ranks = units < size ? units : size;
    if (units < size)
        notice("a batch of %d images is %d parts: of %d ranks %d have nothing to do; a larger --batch has work for "
               "more",
               o->batch, units, size, size - units);
    FORWARD(ranks_describe_data(&run->config, run->set, &config));
    json_object_del(config, "from");
    json_auto_t *job =
        json_pack("{s:s s:i s:i s:o}", "job", "train", "ranks", *ranks, "threads", o->threads, "config", config);
    json_object_set_new(job, "sha256", json_string(run->set->sha256));
    for (int r = 1; r < *ranks; r++) FORWARD(ranks_send_job(r, job));
    return CF_OK;
}

/* Onto the shelf, where the first rank shares them with this one. */
static cf_status take_shared(const json_t *shared, const char *sha256, const RunConfig *config, SetShelf *shelf) {
    const long process = (long)json_integer_value(json_array_get(shared, 0));
    const int file = (int)json_integer_value(json_array_get(shared, 1));
    cf_set *set;
    if (!shared || !sha256) return CF_OK;
    const cf_set *before = shelf_find(shelf, config->data, config->data_dir);
    if (before && strcmp(before->sha256, sha256) == 0) return CF_OK;
    FORWARD(set_take_shared(process, file, sha256, &set));
    return set ? shelf_put(shelf, config->data, config->data_dir, set) : CF_OK;
}

/* The configuration of a job as a run, whose data are those of the first rank. */
static cf_status prepare_job(const json_t *job, SetShelf *shelf, Run **run) {
    AUTO(run_config_free) RunConfig config = {0};
    AUTO(run_free_at) Run *made = NULL;
    const char *sha256 = json_string_value(json_object_get(job, "sha256"));
    json_t *described = json_object_get(job, "config");
    json_auto_t *shared = json_incref(json_object_get(described, "shared"));
    json_object_del(described, "shared");
    FORWARD(run_config_from_json(described, &config));
    FORWARD(take_shared(shared, sha256, &config, shelf));
    config.train.threads = (int)json_integer_value(json_object_get(job, "threads"));
    if (sha256) snprintf(config.record.sha256, sizeof config.record.sha256, "%s", sha256);
    config.record.official_train = config.record.official_validation = -1;
    FORWARD(run_prepare(&config, shelf, &made));
    FAIL_IF(sha256 && strcmp(made->set->sha256, sha256) != 0, CF_BAD_INPUT,
            "%s holds other data here than where rank 0 reads it: their checksums differ", made->config.data);
    *run = memory_take(&made);
    return CF_OK;
}

static cf_status train(const json_t *job, SetShelf *shelf) {
    AUTO(run_free_at) Run *run = NULL;
    const FitFiles files = {.ranks = (int)json_integer_value(json_object_get(job, "ranks"))};
    FORWARD(prepare_job(job, shelf, &run));
    cf_train_options options = run->config.train;
    options.threads = run->threads;
    options.checkpoint = NULL;
    options.resume = false;
    const cf_status status = fit(run->model, run->split, &options, &files, NULL);
    return status == CF_INTERRUPTED || status == CF_DIVERGED ? CF_OK : status; /* which all ranks are at once */
}

static cf_status work_on_trial(const json_t *job, SetShelf *shelf) {
    AUTO(run_free_at) Run *run = NULL;
    FORWARD(prepare_job(job, shelf, &run));
    cf_train_options options = run->config.train;
    options.threads = run->threads;
    return trial_serve(run->model, run->split, &options, json_string_value(json_object_get(job, "checkpoint")));
}

static cf_status find_neighbors(json_t *job) {
    json_int_t points, rows;
    int dim, metric, k;
    FAIL_IF(json_unpack(job, "{s:I s:i s:I s:i s:i}", "points", &points, "dim", &dim, "rows", &rows, "metric", &metric,
                        "k", &k),
            CF_INTERNAL, "rank 0 asked for neighbours in words that are unknown");
    const NeighborOptions options = {.metric = (Metric)metric, .k = k, .threads = slices_threads(0)};
    return neighbors_serve((size_t)points, dim, (size_t)rows, &options);
}

static cf_status serve_job(SetShelf *shelf, RanksJobFn other, bool *end) {
    AUTO_FREE char *text = NULL;
    FORWARD(ranks_receive_text(0, TAG_JOB, true, NULL, &text, NULL));
    json_auto_t *job = json_loads(text, 0, NULL);
    const char *word = json_string_value(json_object_get(job, "job"));
    *end = !word || strcmp(word, "end") == 0;
    if (*end) return CF_OK;
    if (strcmp(word, "train") == 0) return train(job, shelf);
    if (strcmp(word, "trial") == 0) return work_on_trial(job, shelf);
    return strcmp(word, "neighbors") == 0 ? find_neighbors(job) : other(job);
}

cf_status ranks_serve(RanksJobFn other) {
    AUTO(shelf_clear) SetShelf shelf = {0};
    cf_status status = CF_OK;
    for (bool end = false; !end && !status;) status = serve_job(&shelf, other, &end);
    if (status) ranks_fail();
    return status;
}
