#include "study/run/tune_run.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/ranks.h"
#include "base/slices.h"
#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/set_load.h"
#include "data/split.h"
#include "eval/analysis.h"
#include "study/run/run_ranks.h"
#include "train/distillation.h"
#include "train/train_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Making and freeing ---- */

/* Photographs of a model that asks for smaller images are read at that size; those of a run that is there, as they were. */
static cf_status lay_input_size(RunConfig *c) {
    Shape input;
    char items[48], *text;
    if (c->record.sha256[0] || !model_line_input(c->model, &input) || !set_is_of_pictures(c->data, c->data_dir))
        return CF_OK;
    snprintf(items, sizeof items, "most=%dx%d", input.W, input.H);
    FORWARD(set_text_with(c->data, items, &text));
    free(c->data);
    c->data = text;
    return CF_OK;
}

static cf_status load_data(Run *run) {
    RunConfig *c = &run->config;
    FORWARD(lay_input_size(c));
    FORWARD(run_data_load(c->data, &c->record, c->data_dir, run->shelf, &run->set));
    if (!data_record_fits(&c->record, run->set))
        notice("%s holds other data now than the configuration was made with: their checksums differ", c->data);
    if (!c->split_given && split_usual_mode(run->set) == CF_SPLIT_POOLED) {
        c->split.mode = CF_SPLIT_POOLED;
        notice("%s has no official test part: it is split 70 %% / 10 %% / 20 %% (--split pooled)", c->data);
    }
    c->split_given = true;
    FAIL_IF(c->validation_given && c->split.folds && c->split.mode != CF_SPLIT_POOLED, CF_BAD_USE,
            "a fold of the training images validates, so there is no other share that does; leave it out, or use the "
            "split pooled");
    if (c->validation_given) FORWARD(split_check_validation(run->set, &c->split));
    return cf_split_new(run->set, &c->split, &run->split);
}

/* Where the target's parts are cut must not depend on its labels. */
static cf_status load_target(Run *run) {
    RunConfig *c = &run->config;
    const cf_set *set;
    if (!c->target) return CF_OK;
    FORWARD(shelf_take(run->shelf, c->target, c->data_dir, &set));
    if (!c->target_split_given) c->target_split.mode = split_usual_mode(set);
    c->target_split.stratified = false;
    c->target_split_given = true;
    return cf_split_new(set, &c->target_split, &run->target);
}

static cf_status choose_engine(Run *run) {
    return engine_choose(run->config.train.engine, &run->config.train.precision, &run->engine);
}

/* The source's own network, for images of so many channels, as transfer_line has it. */
static cf_status take_line(RunConfig *c, int channels) {
    char *path, *line;
    FORWARD(transfer_path(c->from, &path));
    const cf_status status = transfer_line(path, channels, &line);
    free(path);
    FORWARD(status);
    free(c->model);
    c->model = line;
    return CF_OK;
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
    const bool told = made->config.model != NULL;
    if (!told) FORWARD_TO(failed, take_line(&made->config, 0)); /* it says at which size photographs are read */
    FORWARD_TO(failed, load_data(made));
    FORWARD_TO(failed, load_target(made));
    if (!told) FORWARD_TO(failed, take_line(&made->config, made->set->channels));
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
    if (run->made_folder) file_unmake_folders(run->folder, run->made_folder);
    char *paths[] = {run->folder,           run->config_path,  run->model_path,
                     run->checkpoint_path,  run->history_path, run->metrics_path,
                     run->predictions_path, run->failure_path, run->made_folder};
    for (size_t i = 0; i < COUNT_OF(paths); i++) free(paths[i]);
    evaluation_free(&run->test);
    evaluation_free(&run->target_test);
    cf_split_free(run->target);
    transfer_free(&run->transfer);
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
                 {&run->predictions_path, "predictions.csv"},
                 {&run->failure_path, "failure.json"}};
    FORWARD(file_trim(folder, &run->folder));
    for (size_t i = 0; i < COUNT_OF(files); i++) FORWARD(file_join(run->folder, files[i].name, files[i].path));
    return CF_OK;
}

/* Commands that take one network do not choose one of several. */
static cf_status refuse_group(const char *folder) {
    char *path;
    FORWARD(file_join(folder, "group.json", &path));
    const bool group = file_exists(path);
    free(path);
    FAIL_IF(group, CF_BAD_USE, "%s is a group of runs; name one of them: cifra runs list %s shows them", folder,
            folder);
    return CF_OK;
}

static cf_status open_folder(const char *folder, Run **run) {
    Run *made;
    cf_status status;
    FAIL_IF(!file_is_folder(folder), CF_BAD_USE, "%s is no run folder%s; cifra runs list shows the runs", folder,
            file_exists(folder) ? " but a file" : ": there is nothing of that name");
    FORWARD(refuse_group(folder));
    FORWARD(memory_new(1, sizeof *made, &made));
    made->shelf = &made->own_shelf;
    FORWARD_TO(failed, name_files(made, folder));
    FORWARD_TO(failed, run_config_read(made->config_path, &made->config));
    FORWARD_TO(failed, cf_model_load(made->model_path, &made->model));
    FORWARD_TO(failed, choose_engine(made));
    *run = made;
    return CF_OK;
failed:
    run_free(made);
    return status;
}

cf_status run_open(const char *path, Run **run) {
    char *folder;
    FORWARD(tune_run_folder(path, &folder));
    const cf_status status = open_folder(folder, run);
    free(folder);
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

static json_t *checksums_json(const Run *run) {
    const cf_set *set = run->set;
    return json_pack("{s:o s:s s:I s:I s:I s:[i i i]}", "name", json_text(run->config.data), "sha256", set->sha256,
                     "images", (json_int_t)set->count, "official_train", (json_int_t)set->official_train,
                     "official_validation", (json_int_t)set->official_validation, "shape", set->channels, set->height,
                     set->width);
}

/* "/data/photos:size=64" of "photos:size=64". *path NULL: generated, or not to be told. */
static cf_status place_of_data(const Run *run, char **path) {
    ReadOptions options;
    char *plain, *place;
    *path = NULL;
    if (generator_named(run->config.data) || !(place = realpath(run->set->source, NULL))) return CF_OK;
    cf_status status = set_text_read(run->config.data, &plain, &options);
    if (!status) {
        status = memory_print(path, "%s%s", place, run->config.data + strlen(plain));
        free(plain);
    }
    free(place);
    return status;
}

/* The path that was asked for stays as it is, so that a tree can be moved; beside it stands where the set lies now. */
cf_status run_config_write(const Run *run) {
    char *place = NULL;
    json_t *root;
    if (run->set) FORWARD(place_of_data(run, &place));
    cf_status made = run_config_json(&run->config, &root);
    if (made) free(place);
    FORWARD(made);
    if (place) json_object_set_new(root, "data_path", json_text(place));
    free(place);
    json_object_set_new(root, "target", json_string(run_config_target(&run->config)));
    json_object_set_new(root, "version", json_string(cf_version()));
    json_object_set_new(root, "machine", machine_json(run));
    if (run->set) json_object_set_new(root, "checksums", checksums_json(run));
    if (run->target)
        json_object_set_new(json_object_get(root, "target_data"), "sha256",
                            json_string(cf_split_part(run->target, CF_ALL)->set->sha256));
    cf_status status = json_write(run->config_path, root);
    json_decref(root);
    return status;
}

cf_status run_config_essence(const RunConfig *config, json_t **json) {
    FORWARD(run_config_json(config, json));
    json_t *train = json_object_get(*json, "train");
    for (size_t i = 0; i < 2; i++) json_object_del(*json, i ? "data" : "data_dir");
    json_object_del(json_object_get(*json, "from"), "path"); /* its checksum tells */
    for (const TrainOption *option = train_options; option->name; option++)
        if (option->effect != CHANGES_NUMBERS) json_object_del(train, option->name);
    return CF_OK;
}

static cf_status compare_essences(const Run *run, const RunConfig *before) {
    json_t *then, *now, *value;
    const char *key, *differs = data_record_fits(&before->record, run->set) ? NULL : "data";
    FORWARD(run_config_essence(before, &then));
    cf_status status = run_config_essence(&run->config, &now);
    if (status) {
        json_decref(then);
        return status;
    }
    json_object_foreach(now, key, value) {
        if (!differs && !json_equal(value, json_object_get(then, key))) differs = key;
    }
    if (differs)
        status = FAIL(
            CF_BAD_USE,
            "%s holds a trained model and no checkpoint to go on from; it can be trained anew with the settings it "
            "was made with, and those of \"%s\" differ: train into another folder",
            run->folder, differs);
    json_decref(then);
    json_decref(now);
    return status;
}

/* Where there is a checkpoint, that knows what it was made with. A model without one must not get another's configuration. */
static cf_status check_going_on(const Run *run) {
    RunConfig before;
    if (file_exists(run->checkpoint_path) || !file_exists(run->config_path) || !file_exists(run->model_path))
        return CF_OK;
    FORWARD(run_config_read(run->config_path, &before));
    cf_status status = compare_essences(run, &before);
    run_config_free(&before);
    return status;
}

/* What was taken before a run was killed. */
static cf_status recall_source(Run *run) {
    RunConfig before;
    if (run->config.source.sha256[0] || !file_exists(run->config_path)) return CF_OK;
    FORWARD(run_config_read(run->config_path, &before));
    run->config.source = before.source;
    run_config_free(&before);
    return CF_OK;
}

/* A checkpoint holds what became of them. */
static cf_status take_source(Run *run, bool resume) {
    RunConfig *c = &run->config;
    char *path, sha256[SHA256_HEX];
    if (!c->from) return CF_OK;
    if (resume && file_exists(run->checkpoint_path)) return recall_source(run);
    FORWARD(transfer_path(c->from, &path));
    cf_status status = transfer_sha256(path, sha256);
    if (!status && c->source.sha256[0] && strcmp(c->source.sha256, sha256) != 0)
        status = FAIL(CF_BAD_INPUT,
                      "%s holds other weights now than those that the configuration was made with: their "
                      "checksums differ",
                      path);
    if (!status) status = transfer_take(path, run->model, &run->transfer);
    free(path);
    FORWARD(status);
    memcpy(c->source.sha256, sha256, sizeof sha256);
    memcpy(c->source.counts, run->transfer.counts, sizeof c->source.counts);
    return CF_OK;
}

cf_status run_start(Run *run, const char *folder, bool resume) {
    FORWARD(name_files(run, folder));
    FORWARD(file_make_folders(run->folder, &run->made_folder));
    FORWARD(lock_folder(run->folder, &run->lock));
    FAIL_IF(!resume && file_exists(run->config_path), CF_BAD_USE,
            "%s holds a run already; resume it with --resume, or name another folder with --out", folder);
    if (resume) FORWARD(check_going_on(run));
    FORWARD(distillation_find_sha256(&run->config.train));
    return take_source(run, resume);
}

/* The data's own names are what the classes of a network without names are called. */
static cf_status take_import(Run *run, cf_model *model) {
    const cf_model *asked = run->model;
    bool numbered = true;
    FAIL_IF(asked->classes != model->classes, CF_BAD_USE, "the network has %d classes, and %s has %d", model->classes,
            run->config.data, asked->classes);
    for (int c = 0; c < model->classes && numbered; c++) {
        char number[12];
        snprintf(number, sizeof number, "%d", c);
        numbered = strcmp(model->class_names[c], number) == 0;
    }
    for (int c = 0; c < model->classes && numbered; c++) {
        char *name;
        FORWARD(memory_copy_string(asked->class_names[c], &name));
        free(model->class_names[c]);
        model->class_names[c] = name;
    }
    return CF_OK;
}

static cf_status prepare_import(RunConfig *config, cf_model *model, Run **run) {
    const Shape in = model->layers.input;
    const char *line = model->layers.line;
    Shape said;
    char *text;
    FORWARD(memory_print(&text, "input %dx%dx%d | %s", in.C, in.H, in.W, line));
    cf_status status = run_config_text(&config->model, model_line_input(line, &said) ? line : text);
    free(text);
    FORWARD(status);
    if (config->data) {
        FORWARD(run_prepare(config, NULL, run));
        return take_import(*run, model);
    }
    FORWARD(run_config_text(&config->data, RUN_WITHOUT_DATA));
    FORWARD(memory_new(1, sizeof **run, run));
    (*run)->config = *config;
    *config = (RunConfig){0};
    (*run)->shelf = &(*run)->own_shelf;
    (*run)->threads = slices_threads((*run)->config.train.threads);
    return choose_engine(*run);
}

cf_status run_import(RunConfig *config, cf_model *model, const char *folder, Run **run) {
    Run *made = NULL;
    cf_status status;
    FORWARD_TO(failed, prepare_import(config, model, &made));
    cf_model_free(made->model);
    made->model = model;
    model = NULL;
    FORWARD_TO(failed, run_start(made, folder, false));
    FORWARD_TO(failed, cf_model_save(made->model, made->model_path));
    free(made->made_folder);
    made->made_folder = NULL;
    FORWARD_TO(failed, run_config_write(made));
    *run = made;
    return CF_OK;
failed:
    cf_model_free(model);
    run_free(made);
    return status;
}

static cf_status begin(void *context) {
    Run *run = context;
    FORWARD(run_config_write(run));
    free(run->made_folder);
    run->made_folder = NULL;
    if (unlink(run->failure_path) != 0 && errno != ENOENT)
        return FAIL(CF_IO, "cannot remove %s: %s", run->failure_path, strerror(errno));
    return CF_OK;
}

static cf_status add_analysis(const Evaluation *evaluation, json_t *root) {
    Analysis analysis;
    FORWARD(analysis_new(evaluation, &analysis));
    cf_status status = analysis_json(&analysis, root);
    analysis_free(&analysis);
    return status;
}

static void overlap_json(const Overlap *o, json_t *root) {
    if (!o->asked) return;
    json_object_set_new(root, "trained_on", o->checked ? json_integer((json_int_t)o->trained) : json_null());
    json_object_set_new(root, "validated_on", o->checked ? json_integer((json_int_t)o->validated) : json_null());
    if (!o->checked) json_object_set_new(root, "trained_on_unchecked", json_string(o->unchecked));
}

cf_status evaluation_json(const Evaluation *evaluation, const char *data, const char *part, json_t **json) {
    json_t *root, *rest;
    FORWARD(metrics_json(&evaluation->metrics, &rest));
    root = json_pack("{s:o s:s}", "data", json_text(data), "split", part);
    if (evaluation->views) json_object_set_new(root, "tta", json_text(augmentation_line(evaluation->views)));
    if (evaluation->int8) json_object_set_new(root, "precision", json_string("int8"));
    if (evaluation->left_out) json_object_set_new(root, "left_out", json_integer((json_int_t)evaluation->left_out));
    overlap_json(&evaluation->overlap, root);
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
    json_t *test = NULL, *target = NULL;
    FORWARD(parameters_sha256(&run->model->parameters, sha256));
    if (run->tested) FORWARD(evaluation_json(&run->test, run->config.data, "test", &test));
    if (run->target_tested) {
        const cf_status status = evaluation_json(&run->target_test, run->config.target, "test", &target);
        if (status) json_decref(test);
        FORWARD(status);
        json_object_set_new(target, "labels", json_string("used for this score alone: not for training, stopping or choosing"));
    }
    json_t *root =
        json_pack("{s:o s:i s:i s:{s:f s:f} s:o s:f s:f s:f s:f s:s s:o s:i s:s}", "run", json_text(run->folder),
                  "epochs_run", r->epochs_run, "best_epoch", r->best_epoch, "validation", "loss", r->validation_loss,
                  "accuracy", r->validation_accuracy, "test", test ? test : json_null(), "seconds", r->seconds,
                  "images_per_second", r->images_per_second, "gflops", r->gflops, "share_of_peak",
                  run->peak_gflops > 0 ? r->gflops / run->peak_gflops : 0.0, "weights_sha256", sha256, "model",
                  json_text(run->model->layers.line), "threads", run->threads, "engine", run->engine->name);
    FAIL_IF(!root, CF_NO_MEMORY, "out of memory while making the result's JSON");
    if (run->config.target) json_object_set_new(root, "target", target ? target : json_null());
    *json = root;
    return CF_OK;
}

/* ---- Doing ---- */

/* For runs list, that a stopped run and one that is of no use are told apart. */
static cf_status keep_reason(const Run *run, cf_status status) {
    char *reason;
    FORWARD(memory_copy_string(cf_error(), &reason));
    text_replace_controls(reason);
    json_t *root = json_pack("{s:s s:s}", "state", "diverged", "reason", reason);
    cf_status written = json_write(run->failure_path, root);
    json_decref(root);
    status = written ? FAIL(status, "%s (and %s could not be written)", reason, run->failure_path)
                     : FAIL(status, "%s", reason);
    free(reason);
    return status;
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
                      .accepted = begin,
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
    if (status == CF_DIVERGED) return keep_reason(run, status);
    FORWARD(status);
    bool bf16 = run->config.train.precision == CF_BF16;
    run->peak_gflops = bf16 ? cpu_peak_gflops_bf16(run->threads) : cpu_peak_gflops(run->threads);
    return cf_model_save(run->model, run->model_path);
}
