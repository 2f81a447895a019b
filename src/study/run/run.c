#include "study/run/run.h"

#include "base/slices.h"
#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/set_load.h"
#include "data/split.h"
#include "train/distillation.h"
#include "train/train_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

cf_status run_config_take_line(RunConfig *config, const char *source, int channels) {
    AUTO_FREE char *path = NULL;
    char *line;
    FORWARD(transfer_path(source, &path));
    FORWARD(transfer_line(path, channels, &line));
    free(config->model);
    config->model = line;
    return CF_OK;
}

/* Takes over `config`. */
static cf_status run_new(RunConfig *config, SetShelf *shelf, Run **run) {
    FORWARD(memory_new(1, sizeof **run, run));
    (*run)->config = *config;
    (*run)->shelf = shelf ? shelf : &(*run)->own_shelf;
    (*run)->threads = slices_threads(config->train.threads);
    *config = (RunConfig){0};
    return choose_engine(*run);
}

cf_status run_prepare(RunConfig *config, SetShelf *shelf, Run **run) {
    AUTO(run_free_at) Run *made = NULL;
    const bool told = config->model != NULL;
    FORWARD(run_new(config, shelf, &made));
    if (!told)
        FORWARD(
            run_config_take_line(&made->config, made->config.from, 0)); /* it says at which size photographs are read */
    FORWARD(load_data(made));
    FORWARD(load_target(made));
    if (!told) FORWARD(run_config_take_line(&made->config, made->config.from, made->set->channels));
    FORWARD(cf_model_new(made->config.model, made->split, made->config.train.seed, &made->model));
    *run = memory_take(&made);
    return CF_OK;
}

/* What lies in a run's folder, and where its path is kept. */
static const struct {
    const char *name;
    size_t offset;
} run_files[] = {{"config.json", offsetof(Run, config_path)},
                 {"model.safetensors", offsetof(Run, model_path)},
                 {"checkpoint.safetensors", offsetof(Run, checkpoint_path)},
                 {"history.csv", offsetof(Run, history_path)},
                 {"metrics.json", offsetof(Run, metrics_path)},
                 {"predictions.csv", offsetof(Run, predictions_path)},
                 {"failure.json", offsetof(Run, failure_path)}};

void run_free(Run *run) {
    if (!run) return;
    lock_release(&run->lock);
    if (run->made_folder) file_unmake_folders(run->folder, run->made_folder);
    for (size_t i = 0; i < COUNT_OF(run_files); i++) memory_free((char *)run + run_files[i].offset);
    free(run->folder);
    free(run->made_folder);
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
    FORWARD(file_trim(folder, &run->folder));
    for (size_t i = 0; i < COUNT_OF(run_files); i++)
        FORWARD(file_join(run->folder, run_files[i].name, (char **)(void *)((char *)run + run_files[i].offset)));
    return CF_OK;
}

/* Commands that take one network do not choose one of several. */
cf_status run_open_folder(const char *folder, Run **run) {
    AUTO(run_free_at) Run *made = NULL;
    FAIL_IF(!file_is_folder(folder), CF_BAD_USE, "%s is no run folder%s; cifra runs list shows the runs", folder,
            file_exists(folder) ? " but a file" : ": there is nothing of that name");
    FAIL_IF(file_exists_in(folder, "group.json"), CF_BAD_USE,
            "%s is a group of runs; name one of them: cifra runs list %s shows them", folder, folder);
    FORWARD(memory_new(1, sizeof *made, &made));
    made->shelf = &made->own_shelf;
    FORWARD(name_files(made, folder));
    FORWARD(run_config_read(made->config_path, &made->config));
    FORWARD(cf_model_load(made->model_path, &made->model));
    FORWARD(choose_engine(made));
    *run = memory_take(&made);
    return CF_OK;
}

/* ---- config.json ---- */

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
    AUTO_FREE char *plain = NULL, *place = generator_named(run->config.data) ? NULL : realpath(run->set->source, NULL);
    if (!place) return CF_OK;
    FORWARD(set_text_read(run->config.data, &plain, &options));
    return memory_print(path, "%s%s", place, run->config.data + strlen(plain));
}

/* The path that was asked for stays as it is, so that a tree can be moved; beside it stands where the set lies now. */
cf_status run_config_write(const Run *run) {
    AUTO_FREE char *place = NULL;
    json_auto_t *root = NULL;
    if (run->set) FORWARD(place_of_data(run, &place));
    FORWARD(run_config_json(&run->config, &root));
    if (place) json_object_set_new(root, "data_path", json_text(place));
    json_object_set_new(root, "target", json_string(run_config_target(&run->config)));
    json_object_set_new(root, "version", json_string(cf_version()));
    json_object_set_new(root, "machine", machine_json(run));
    if (run->set) json_object_set_new(root, "checksums", checksums_json(run));
    if (run->target)
        json_object_set_new(json_object_get(root, "target_data"), "sha256",
                            json_string(cf_split_part(run->target, CF_ALL)->set->sha256));
    return json_write(run->config_path, root);
}

cf_status run_config_essence(const RunConfig *config, json_t **json) {
    FORWARD(run_config_json(config, json));
    json_t *train = json_object_get(*json, "train");
    json_object_del(*json, "data_dir");
    json_object_del(*json, "data");
    json_object_del(json_object_get(*json, "from"), "path"); /* its checksum tells */
    for (const TrainOption *option = train_options; option->name; option++)
        if (option->effect != CHANGES_NUMBERS) json_object_del(train, option->name);
    return CF_OK;
}

/* ---- Beginning ---- */

/* Where there is a checkpoint, that knows what it was made with. A model without one must not get another's configuration. */
static cf_status check_resumed(const Run *run) {
    AUTO(run_config_free) RunConfig before = {0};
    json_auto_t *then = NULL, *now = NULL;
    json_t *value;
    const char *key, *differs = NULL;
    if (file_exists(run->checkpoint_path) || !file_exists(run->config_path) || !file_exists(run->model_path))
        return CF_OK;
    FORWARD(run_config_read(run->config_path, &before));
    FORWARD(run_config_essence(&before, &then));
    FORWARD(run_config_essence(&run->config, &now));
    if (!data_record_fits(&before.record, run->set)) differs = "data";
    json_object_foreach(now, key, value) {
        if (!differs && !json_equal(value, json_object_get(then, key))) differs = key;
    }
    FAIL_IF(differs, CF_BAD_USE,
            "%s holds a trained model and no checkpoint to go on from; it can be trained anew with the settings it was "
            "made with, and those of \"%s\" differ: train into another folder",
            run->folder, differs);
    return CF_OK;
}

/* What was taken before a run was killed. */
static cf_status recall_source(Run *run) {
    AUTO(run_config_free) RunConfig before = {0};
    if (run->config.source.sha256[0] || !file_exists(run->config_path)) return CF_OK;
    FORWARD(run_config_read(run->config_path, &before));
    run->config.source = before.source;
    return CF_OK;
}

/* A checkpoint holds what became of them. */
static cf_status take_source(Run *run, bool resume) {
    RunConfig *c = &run->config;
    AUTO_FREE char *path = NULL;
    char sha256[SHA256_HEX];
    if (!c->from) return CF_OK;
    if (resume && file_exists(run->checkpoint_path)) return recall_source(run);
    FORWARD(transfer_path(c->from, &path));
    FORWARD(transfer_sha256(path, sha256));
    FAIL_IF(c->source.sha256[0] && strcmp(c->source.sha256, sha256) != 0, CF_BAD_INPUT,
            "%s holds other weights now than those that the configuration was made with: their checksums differ", path);
    FORWARD(transfer_take(path, run->model, &run->transfer));
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
    if (resume) FORWARD(check_resumed(run));
    FORWARD(distillation_find_sha256(&run->config.train));
    return take_source(run, resume);
}

/* ---- A network from elsewhere ---- */

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
    AUTO_FREE char *text = NULL;
    FORWARD(memory_print(&text, "input %dx%dx%d | %s", in.C, in.H, in.W, line));
    FORWARD(run_config_text(&config->model, model_line_input(line, &said) ? line : text));
    if (config->data) {
        FORWARD(run_prepare(config, NULL, run));
        return take_import(*run, model);
    }
    FORWARD(run_config_text(&config->data, RUN_WITHOUT_DATA));
    return run_new(config, NULL, run);
}

cf_status run_import(RunConfig *config, cf_model *model, const char *folder, Run **run) {
    AUTO(run_free_at) Run *made = NULL;
    AUTO(cf_model_free_at) cf_model *owned = model;
    FORWARD(prepare_import(config, owned, &made));
    cf_model_free(made->model);
    made->model = memory_take(&owned);
    FORWARD(run_start(made, folder, false));
    FORWARD(cf_model_save(made->model, made->model_path));
    memory_free(&made->made_folder);
    FORWARD(run_config_write(made));
    *run = memory_take(&made);
    return CF_OK;
}
