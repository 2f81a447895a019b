#include "study/run/run.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/slices.h"
#include "data/generate/generated_set.h"
#include "data/set_load.h"
#include "data/split.h"
#include "eval/analysis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Making and freeing ---- */

/* Photographs of a model that asks for smaller images are read at that size. */
static cf_status lay_input_size(RunConfig *c) {
    Shape input;
    char items[48], *text;
    if (!model_line_input(c->model, &input) || !set_is_of_pictures(c->data, c->data_dir)) return CF_OK;
    snprintf(items, sizeof items, "most=%dx%d", input.W, input.H);
    FORWARD(set_text_with(c->data, items, &text));
    free(c->data);
    c->data = text;
    return CF_OK;
}

static cf_status load_data(Run *run) {
    RunConfig *c = &run->config;
    FORWARD(lay_input_size(c));
    FORWARD(shelf_take(run->shelf, c->data, c->data_dir, &run->set));
    if (!c->split_given && run->set->official_train == run->set->count) {
        c->split.mode = CF_SPLIT_POOLED;
        notice("%s has no official test part: it is split 70 %% / 10 %% / 20 %% (--split pooled)", c->data);
    }
    c->split_given = true;
    if (c->validation_given) FORWARD(split_check_validation(run->set, &c->split));
    return cf_split_new(run->set, &c->split, &run->split);
}

static cf_status choose_engine(Run *run) {
    return engine_choose(run->config.train.engine, &run->config.train.precision, &run->engine);
}

cf_status run_prepare(RunConfig *config, SetShelf *shelf, Run **run) {
    Run *made;
    cf_status status;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->config = *config;
    made->shelf = shelf ? shelf : &made->own_shelf;
    *config = (RunConfig){0};
    made->threads = slices_threads(made->config.train.threads);
    FORWARD_TO(failed, choose_engine(made));
    FORWARD_TO(failed, load_data(made));
    FORWARD_TO(failed, cf_model_new(made->config.model, made->split, made->config.train.seed, &made->model));
    *run = made;
    return CF_OK;
failed:
    run_free(made);
    return status;
}

void run_free(Run *run) {
    if (!run) return;
    lock_release(&run->lock);
    char *paths[] = {run->folder,       run->config_path,  run->model_path,      run->checkpoint_path,
                     run->history_path, run->metrics_path, run->predictions_path};
    for (size_t i = 0; i < COUNT_OF(paths); i++) free(paths[i]);
    evaluation_free(&run->test);
    free(run->fitted.rows);
    cf_model_free(run->model);
    cf_split_free(run->split);
    shelf_clear(&run->own_shelf);
    run_config_free(&run->config);
    free(run);
}

static cf_status name_files(Run *run, const char *folder) {
    const struct {
        char **path;
        const char *name;
    } files[] = {{&run->config_path, "config.json"},
                 {&run->model_path, "model.safetensors"},
                 {&run->checkpoint_path, "checkpoint.safetensors"},
                 {&run->history_path, "history.csv"},
                 {&run->metrics_path, "metrics.json"},
                 {&run->predictions_path, "predictions.csv"}};
    FORWARD(memory_copy_string(folder, &run->folder));
    for (size_t i = 0; i < COUNT_OF(files); i++) FORWARD(file_join(folder, files[i].name, files[i].path));
    return CF_OK;
}

static cf_status read_checksum(Run *run) {
    json_t *root;
    FORWARD(json_read(run->config_path, &root));
    const char *sha256 = json_string_value(json_object_get(json_object_get(root, "checksums"), "sha256"));
    if (sha256) snprintf(run->trained_on, sizeof run->trained_on, "%s", sha256);
    json_decref(root);
    return CF_OK;
}

bool run_has_its_data(const Run *run) {
    return run->set && (!run->trained_on[0] || strcmp(run->set->sha256, run->trained_on) == 0);
}

cf_status run_open(const char *folder, Run **run) {
    Run *made;
    cf_status status;
    FAIL_IF(!file_is_folder(folder), CF_BAD_USE, "%s is no run folder%s; cifra runs list shows the runs", folder,
            file_exists(folder) ? " but a file" : ": there is nothing of that name");
    FORWARD(memory_new(1, sizeof *made, &made));
    made->shelf = &made->own_shelf;
    FORWARD_TO(failed, name_files(made, folder));
    FORWARD_TO(failed, run_config_read(made->config_path, &made->config));
    FORWARD_TO(failed, read_checksum(made));
    FORWARD_TO(failed, cf_model_load(made->model_path, &made->model));
    FORWARD_TO(failed, choose_engine(made));
    *run = made;
    return CF_OK;
failed:
    run_free(made);
    return status;
}

/* ---- Documents ---- */

/* The processor's name as Linux tells it. */
static void processor_name(char name[128]) {
    char line[256];
    FILE *info = fopen("/proc/cpuinfo", "r");
    snprintf(name, 128, "unknown");
    while (info && fgets(line, sizeof line, info)) {
        char *value = strchr(line, ':');
        if (!value || strncmp(line, "model name", 10) != 0) continue;
        value[strcspn(value, "\n")] = '\0';
        snprintf(name, 128, "%s", value + 1 + strspn(value + 1, " "));
        break;
    }
    if (info) fclose(info);
}

static json_t *machine_json(const Run *run) {
    char name[128];
    processor_name(name);
    return json_pack("{s:o s:i s:s}", "processor", json_text(name), "threads", run->threads, "engine",
                     run->engine->name);
}

static cf_status write_config(const Run *run) {
    const cf_set *set = run->set;
    json_t *root;
    FORWARD(run_config_json(&run->config, &root));
    json_object_set_new(root, "version", json_string(cf_version()));
    json_object_set_new(root, "machine", machine_json(run));
    json_object_set_new(root, "checksums",
                        json_pack("{s:o s:s s:I s:[i i i]}", "name", json_text(set->name), "sha256", set->sha256,
                                  "images", (json_int_t)set->count, "shape", set->channels, set->height, set->width));
    cf_status status = json_write(run->config_path, root);
    json_decref(root);
    return status;
}

cf_status run_start(Run *run, const char *folder, bool resume) {
    FORWARD(name_files(run, folder));
    FORWARD(file_make_folder(folder));
    FORWARD(lock_folder(folder, &run->lock));
    FAIL_IF(!resume && file_exists(run->config_path), CF_BAD_USE,
            "%s holds a run already; go on with it by --resume, or name another folder with --out", folder);
    return write_config(run);
}

static cf_status add_analysis(const Evaluation *evaluation, json_t *root) {
    Analysis analysis;
    FORWARD(analysis_new(evaluation, &analysis));
    cf_status status = analysis_json(&analysis, root);
    analysis_free(&analysis);
    return status;
}

cf_status evaluation_json(const Evaluation *evaluation, const char *data, const char *part, json_t **json) {
    json_t *root, *rest;
    FORWARD(metrics_json(&evaluation->metrics, &rest));
    root = json_pack("{s:o s:s}", "data", json_text(data), "split", part);
    if (evaluation->left_out) json_object_set_new(root, "left_out", json_integer((json_int_t)evaluation->left_out));
    if (!root || json_object_update(root, rest) != 0) {
        json_decref(root);
        json_decref(rest);
        return FAIL(CF_NO_MEMORY, "out of memory while making the JSON of an evaluation");
    }
    json_decref(rest);
    cf_status status = add_analysis(evaluation, root);
    if (status) {
        json_decref(root);
        return status;
    }
    *json = root;
    return CF_OK;
}

cf_status run_json(const Run *run, json_t **json) {
    const cf_train_result *r = &run->fitted.result;
    char sha256[SHA256_HEX];
    json_t *test = NULL;
    FORWARD(parameters_sha256(&run->model->parameters, sha256));
    if (run->tested) FORWARD(evaluation_json(&run->test, run->config.data, "test", &test));
    json_t *root =
        json_pack("{s:o s:i s:i s:{s:f s:f} s:o s:f s:f s:f s:f s:s s:o s:i s:s}", "run", json_text(run->folder),
                  "epochs_run", r->epochs_run, "best_epoch", r->best_epoch, "validation", "loss", r->validation_loss,
                  "accuracy", r->validation_accuracy, "test", test ? test : json_null(), "seconds", r->seconds,
                  "images_per_second", r->images_per_second, "gflops", r->gflops, "share_of_peak",
                  run->peak_gflops > 0 ? r->gflops / run->peak_gflops : 0.0, "weights_sha256", sha256, "model",
                  json_text(run->model->layers.line), "threads", run->threads, "engine", run->engine->name);
    FAIL_IF(!root, CF_NO_MEMORY, "out of memory while making the result's JSON");
    *json = root;
    return CF_OK;
}

/* ---- Doing ---- */

cf_status run_train(Run *run, bool resume, cf_progress_fn progress, void *context) {
    cf_train_options options = run->config.train;
    const FitFiles files = {.history = run->history_path, .best = run->model_path};
    options.threads = run->threads;
    options.checkpoint = run->checkpoint_path;
    options.resume = resume;
    options.progress = progress;
    options.progress_context = context;
    /* Without --resume a checkpoint that lies here belongs to nothing: run_start has seen that there is no run. */
    FORWARD(fit(run->model, run->split, &options, &files, &run->fitted));
    bool bf16 = run->config.train.precision == CF_BF16;
    run->peak_gflops = bf16 ? cpu_peak_gflops_bf16(run->threads) : cpu_peak_gflops(run->threads);
    return cf_model_save(run->model, run->model_path);
}

static cf_status fit_temperature(const Run *run, const ClassifyOptions *options, Temperature *temperature) {
    const cf_subset *part = cf_split_part(run->split, CF_VALIDATION);
    Evaluation validation;
    *temperature = (Temperature){0, "the run has no validation part"};
    if (!cf_subset_count(part)) return CF_OK;
    FORWARD(evaluate(run->model, part, options, &validation));
    const Predictions predictions = evaluation_predictions(&validation);
    cf_status status = temperature_fit(&predictions, temperature);
    evaluation_free(&validation);
    return status;
}

/* The test part of the run's own split, with the temperature that fits its validation part. */
static cf_status evaluate_own(const Run *run, const ClassifyOptions *options, Evaluation *evaluation) {
    Temperature temperature;
    FORWARD(fit_temperature(run, options, &temperature));
    FORWARD(evaluate(run->model, cf_split_part(run->split, CF_TEST), options, evaluation));
    evaluation->temperature = temperature;
    return CF_OK;
}

cf_status run_test(Run *run) {
    ClassifyOptions options = {run->engine, run->threads};
    json_t *root;
    FORWARD(evaluate_own(run, &options, &run->test));
    run->tested = true;
    FORWARD(predictions_write(run->predictions_path, &run->test));
    FORWARD(run_json(run, &root));
    cf_status status = json_write(run->metrics_path, root);
    json_decref(root);
    return status;
}

/* The set of which `part` (NULL: the official test part, where there is one) is to be evaluated. Of a generated set
 * hardly more than that is made: an image does not depend on how many others there are. */
static cf_status load_other(Run *run, const char *data, const char *data_dir, const char *part) {
    GeneratedSpec spec;
    char items[48], *text;
    if (!generator_named(data) || shelf_find(run->shelf, data) || (part && strcmp(part, "official-test") != 0))
        return shelf_take(run->shelf, data, data_dir, &run->set);
    FORWARD(generated_spec_read(data, &spec));
    if (!spec.test) return shelf_take(run->shelf, data, data_dir, &run->set);
    snprintf(items, sizeof items, "n=1,test=%zu", spec.test);
    FORWARD(generated_text_with(data, items, &text));
    cf_status status = shelf_take(run->shelf, text, data_dir, &run->set);
    free(text);
    return status;
}

/* The official test part if `part` is CF_TEST, everything if it is CF_ALL. */
static cf_status choose_uncut(Run *run, cf_part part, const cf_subset **images) {
    FORWARD(split_uncut(run->set, NULL, &run->split));
    *images = cf_split_part(run->split, part);
    FAIL_IF(!cf_subset_count(*images), CF_BAD_USE, "%s has no official test part; choose --split all", run->set->name);
    return CF_OK;
}

static bool is_own(const Run *run, const char *data) {
    return !data || strcmp(data, run->config.data) == 0;
}

cf_status run_choose_images(Run *run, const char *data, const char *data_dir, const char *part,
                            const cf_subset **images, const char **used_part) {
    bool own = is_own(run, data);
    FAIL_IF(run->set, CF_INTERNAL, "the data of one run were chosen twice");
    if (!data_dir) data_dir = run->config.data_dir;
    FORWARD(own ? shelf_take(run->shelf, run->config.data, data_dir, &run->set)
                : load_other(run, data, data_dir, part));
    if (own && !run_has_its_data(run))
        notice("%s holds other data now than the run was trained on: their checksums differ", run->config.data);
    if (!part) part = own ? "test" : set_test_begin(run->set) < run->set->count ? "official-test" : "all";
    *used_part = part;
    if (strcmp(part, "test") != 0) return choose_uncut(run, strcmp(part, "all") == 0 ? CF_ALL : CF_TEST, images);
    FAIL_IF(!own, CF_BAD_USE,
            "--split test is the test part of the run's own data (%s); for %s choose official-test or "
            "all",
            run->config.data, data);
    FORWARD(cf_split_new(run->set, &run->config.split, &run->split));
    *images = cf_split_part(run->split, CF_TEST);
    return CF_OK;
}

cf_status run_evaluate(Run *run, const char *data, const char *data_dir, const char *part, int threads,
                       Evaluation *evaluation, const char **used_part) {
    ClassifyOptions options = {run->engine, slices_threads(threads)};
    const cf_subset *images;
    FORWARD(run_choose_images(run, data, data_dir, part, &images, used_part));
    if (strcmp(*used_part, "test") == 0) return evaluate_own(run, &options, evaluation);
    FORWARD(evaluate(run->model, images, &options, evaluation));
    evaluation->temperature.missing = is_own(run, data)
                                          ? "it is fitted on the run's validation part, for the test part only "
                                            "(--split test)"
                                          : "it is fitted on the run's validation part, for the run's own data only";
    return CF_OK;
}
