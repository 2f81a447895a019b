/* A run's training into its folder, its test, and the documents of both. */
#include "study/run/run_ranks.h"

#include "base/memory.h"
#include "base/ranks.h"
#include "base/text.h"
#include "data/image_set.h"
#include "eval/analysis.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- Documents ---- */

static void overlap_json(const Overlap *o, json_t *root) {
    if (!o->asked) return;
    json_object_set_new(root, "trained_on", o->checked ? json_integer((json_int_t)o->trained) : json_null());
    json_object_set_new(root, "validated_on", o->checked ? json_integer((json_int_t)o->validated) : json_null());
    if (!o->checked) json_object_set_new(root, "trained_on_unchecked", json_string(o->unchecked));
}

cf_status evaluation_json(const Evaluation *evaluation, const char *data, const char *part, json_t **json) {
    AUTO(analysis_free) Analysis analysis = {0};
    json_auto_t *rest = NULL;
    FORWARD(metrics_json(&evaluation->metrics, &rest));
    json_auto_t *root = json_pack("{s:o s:s}", "data", json_text(data), "split", part);
    if (evaluation->views) json_object_set_new(root, "tta", json_text(augmentation_line(evaluation->views)));
    if (evaluation->int8) json_object_set_new(root, "precision", json_string("int8"));
    if (evaluation->left_out) json_object_set_new(root, "left_out", json_integer((json_int_t)evaluation->left_out));
    overlap_json(&evaluation->overlap, root);
    FAIL_IF(!root || json_object_update(root, rest) != 0, CF_NO_MEMORY,
            "out of memory while making the JSON of an evaluation");
    FORWARD(analysis_new(evaluation, &analysis));
    FORWARD(analysis_json(&analysis, root));
    *json = memory_take(&root);
    return CF_OK;
}

double run_step_seconds(const Run *run) {
    double seconds = 0;
    for (int e = 0; e < run->fitted.result.epochs_run; e++) seconds += run->fitted.rows[e].seconds;
    return seconds;
}

cf_status run_json(const Run *run, json_t **json) {
    const cf_train_result *r = &run->fitted.result;
    char sha256[SHA256_HEX];
    json_auto_t *test = json_null(), *target = json_null();
    FORWARD(parameters_sha256(&run->model->parameters, sha256));
    if (run->tested) FORWARD(evaluation_json(&run->test, run->config.data, "test", &test));
    if (run->target_tested) {
        FORWARD(evaluation_json(&run->target_test, run->config.target, "test", &target));
        json_object_set_new(target, "labels",
                            json_string("used for this score alone: not for training, stopping or choosing"));
    }
    json_t *root =
        json_pack("{s:o s:i s:i s:{s:f s:f} s:O s:f s:f s:f s:f s:s s:o s:i s:s}", "run", json_text(run->folder),
                  "epochs_run", r->epochs_run, "best_epoch", r->best_epoch, "validation", "loss", r->validation_loss,
                  "accuracy", r->validation_accuracy, "test", test, "seconds", r->seconds, "images_per_second",
                  r->images_per_second, "gflops", r->gflops, "share_of_peak",
                  run->peak_gflops > 0 ? r->gflops / run->peak_gflops : 0.0, "weights_sha256", sha256, "model",
                  json_text(run->model->layers.line), "threads", run->threads, "engine", run->engine->name);
    FAIL_IF(!root, CF_NO_MEMORY, "out of memory while making the result's JSON");
    if (run->config.target) json_object_set(root, "target", target);
    *json = root;
    return CF_OK;
}

/* ---- Training ---- */

/* What could be refused was looked at: from here on the folder is the run's. */
static cf_status training_accepted(void *context) {
    Run *run = context;
    FORWARD(run_config_write(run));
    memory_free(&run->made_folder);
    if (unlink(run->failure_path) != 0 && errno != ENOENT)
        return FAIL(CF_IO, "cannot remove %s: %s", run->failure_path, strerror(errno));
    return CF_OK;
}

/* For runs list, that a stopped run and one that is of no use are told apart. */
static cf_status write_failure(const Run *run, cf_status status) {
    AUTO_FREE char *reason = NULL;
    FORWARD(memory_copy_string(cf_error(), &reason));
    text_replace_controls(reason);
    json_auto_t *root = json_pack("{s:s s:s}", "state", "diverged", "reason", reason);
    if (json_write(run->failure_path, root))
        return FAIL(status, "%s (and %s could not be written)", reason, run->failure_path);
    return FAIL(status, "%s", reason);
}

static void tell_watcher(const FitState *state, int done, int epoch, void *context) {
    const Run *run = context;
    run->watch(run, state, done, epoch, run->watcher);
}

cf_status run_train(Run *run, bool resume, cf_progress_fn progress, void *context) {
    cf_train_options options = run->config.train;
    FitFiles files = {.history = run->history_path,
                      .best = run->model_path,
                      .keeps_start = run->config.from != NULL,
                      .accepted = training_accepted,
                      .validated = run->watch ? tell_watcher : NULL,
                      .context = run};
    options.threads = run->threads;
    options.checkpoint = run->checkpoint_path;
    options.resume = resume;
    options.target = run->target;
    options.progress = progress;
    options.progress_context = context;
    /* Without --resume a checkpoint that lies here belongs to nothing: run_start has seen that there is no run. */
    FORWARD(ranks_call_to_train(run, &files.ranks));
    ranks_working(files.ranks > 1);
    const cf_status status = fit(run->model, run->split, &options, &files, &run->fitted);
    if (!status || status == CF_INTERRUPTED || status == CF_DIVERGED) ranks_working(false);
    if (status == CF_DIVERGED) return write_failure(run, status);
    FORWARD(status);
    const bool bf16 = run->config.train.precision == CF_BF16;
    run->peak_gflops = bf16 ? cpu_peak_gflops_bf16(run->threads) : cpu_peak_gflops(run->threads);
    return cf_model_save(run->model, run->model_path);
}

/* ---- Testing ---- */

/* By the labels of the target's test part, where it has some that the model knows. */
static cf_status score_target(Run *run, const ClassifyOptions *options) {
    const cf_subset *part = run->target ? cf_split_part(run->target, CF_TEST) : NULL;
    AUTO_FREE int *class_of = NULL;
    bool known = false;
    if (!part || !part->count) return CF_OK;
    FORWARD(classes_match(part->set, (const char *const *)run->model->class_names, run->model->classes, &class_of));
    for (size_t i = 0; i < part->count; i++) known |= class_of[part->set->labels[part->images[i]]] >= 0;
    if (!known) {
        notice("%s has no test image of a class that the model knows: there is no score on it", run->config.target);
        return CF_OK;
    }
    FORWARD(evaluate(run->model, part, options, &run->target_test));
    run->target_tested = true;
    return CF_OK;
}

cf_status run_evaluate_test(Run *run) {
    const ClassifyOptions options = {.engine = run->engine, .threads = run->threads};
    json_auto_t *root = NULL;
    FORWARD(run_evaluate_own(run, &options, &run->test));
    run->tested = true;
    FORWARD(score_target(run, &options));
    FORWARD(predictions_write(run->predictions_path, &run->test));
    FORWARD(run_json(run, &root));
    return json_write(run->metrics_path, root);
}
