#include "study/run/run.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/slices.h"
#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/same_images.h"
#include "data/set_load.h"
#include "data/split.h"
#include "eval/analysis.h"

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
    if (run->made_folder) file_unmake_folders(run->folder, run->made_folder);
    char *paths[] = {run->folder,           run->config_path,  run->model_path,
                     run->checkpoint_path,  run->history_path, run->metrics_path,
                     run->predictions_path, run->failure_path, run->made_folder};
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
                 {&run->predictions_path, "predictions.csv"},
                 {&run->failure_path, "failure.json"}};
    FORWARD(file_trim(folder, &run->folder));
    for (size_t i = 0; i < COUNT_OF(files); i++) FORWARD(file_join(run->folder, files[i].name, files[i].path));
    return CF_OK;
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
static cf_status write_config(const Run *run) {
    char *place;
    json_t *root;
    FORWARD(place_of_data(run, &place));
    cf_status made = run_config_json(&run->config, &root);
    if (made) free(place);
    FORWARD(made);
    if (place) json_object_set_new(root, "data_path", json_text(place));
    free(place);
    json_object_set_new(root, "version", json_string(cf_version()));
    json_object_set_new(root, "machine", machine_json(run));
    json_object_set_new(root, "checksums", checksums_json(run));
    cf_status status = json_write(run->config_path, root);
    json_decref(root);
    return status;
}

/* A configuration less what changes no weight, nor which images it is tested on. */
static cf_status essence_of(const RunConfig *config, json_t **json) {
    FORWARD(run_config_json(config, json));
    json_t *train = json_object_get(*json, "train");
    for (size_t i = 0; i < 2; i++) json_object_del(*json, i ? "data" : "data_dir");
    for (size_t i = 0; i < 2; i++) json_object_del(train, i ? "epochs" : "patience");
    return CF_OK;
}

static cf_status compare_essences(const Run *run, const RunConfig *before) {
    json_t *then, *now, *value;
    const char *key, *differs = data_record_fits(&before->record, run->set) ? NULL : "data";
    FORWARD(essence_of(before, &then));
    cf_status status = essence_of(&run->config, &now);
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

cf_status run_start(Run *run, const char *folder, bool resume) {
    FORWARD(name_files(run, folder));
    FORWARD(file_make_folders(run->folder, &run->made_folder));
    FORWARD(lock_folder(run->folder, &run->lock));
    FAIL_IF(!resume && file_exists(run->config_path), CF_BAD_USE,
            "%s holds a run already; go on with it by --resume, or name another folder with --out", folder);
    return resume ? check_going_on(run) : CF_OK;
}

static cf_status begin(void *context) {
    Run *run = context;
    FORWARD(write_config(run));
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

/* For runs list, that a stopped run and one that is of no use are told apart. */
static cf_status keep_reason(const Run *run, cf_status status) {
    char *reason;
    FORWARD(memory_copy_string(cf_error(), &reason));
    text_tame(reason);
    json_t *root = json_pack("{s:s s:s}", "state", "diverged", "reason", reason);
    cf_status written = json_write(run->failure_path, root);
    json_decref(root);
    status = written ? FAIL(status, "%s (and %s could not be written)", reason, run->failure_path)
                     : FAIL(status, "%s", reason);
    free(reason);
    return status;
}

cf_status run_train(Run *run, bool resume, cf_progress_fn progress, void *context) {
    cf_train_options options = run->config.train;
    const FitFiles files = {.history = run->history_path, .best = run->model_path, .accepted = begin, .context = run};
    options.threads = run->threads;
    options.checkpoint = run->checkpoint_path;
    options.resume = resume;
    options.progress = progress;
    options.progress_context = context;
    /* Without --resume a checkpoint that lies here belongs to nothing: run_start has seen that there is no run. */
    const cf_status status = fit(run->model, run->split, &options, &files, &run->fitted);
    if (status == CF_DIVERGED) return keep_reason(run, status);
    FORWARD(status);
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

/* ---- Which images ---- */

/* At one size, by one fit. */
static bool read_alike(const char *a, const char *b) {
    ReadOptions of_a = {0}, of_b = {0};
    char *plain = NULL;
    bool alike = !set_text_read(a, &plain, &of_a);
    free(plain);
    plain = NULL;
    alike = alike && !set_text_read(b, &plain, &of_b);
    free(plain);
    return alike && of_a.height == of_b.height && of_a.width == of_b.width && of_a.most_height == of_b.most_height &&
           of_a.most_width == of_b.most_width && of_a.fit == of_b.fit;
}

/* Of a generated set hardly more is made than the official test part, where that is what `part` (NULL: where there is one) asks
 * for: an image does not depend on how many others there are. */
static cf_status load_generated(Run *run, const char *data, const char *part) {
    GeneratedSpec spec, own;
    char items[48], *text;
    FORWARD(generated_spec_read(data, &spec));
    if (generator_named(run->config.data)) {
        FORWARD(generated_spec_read(run->config.data, &own));
        if (generated_spec_equal(&spec, &own) && read_alike(data, run->config.data))
            return shelf_take(run->shelf, run->config.data, NULL, &run->set);
    }
    if (!spec.test || (part && strcmp(part, "official-test") != 0))
        return shelf_take(run->shelf, data, NULL, &run->set);
    snprintf(items, sizeof items, "n=1,test=%zu", spec.test);
    FORWARD(generated_text_with(data, items, &text));
    cf_status status = shelf_take(run->shelf, text, NULL, &run->set);
    free(text);
    return status;
}

/* Pictures are read at the size at which the run's own were, unless the text says another: at another they are other images. Where
 * nothing is said, those that are larger than the model's input take its size. */
static cf_status load_named(Run *run, const char *data, const char *data_dir) {
    const Shape input = run->model->layers.input;
    ReadOptions options;
    Shape asked;
    char *text, *plain, *sized = NULL, items[48];
    if (generator_named(data) || !set_is_of_pictures(data, data_dir))
        return shelf_take(run->shelf, data, data_dir, &run->set);
    FORWARD(set_text_like(data, run->config.data, &text));
    cf_status status = set_text_read(text, &plain, &options);
    if (!status) free(plain);
    /* A line with `input` whose own data say no size is of a time when there was none. */
    if (!status && !options.height && !options.most_height && !model_line_input(run->config.model, &asked)) {
        snprintf(items, sizeof items, "most=%dx%d", input.W, input.H);
        status = set_text_with(text, items, &sized);
    }
    if (!status) status = shelf_take(run->shelf, sized ? sized : text, data_dir, &run->set);
    free(sized);
    free(text);
    return status;
}

/* However the set is named, its checksum says whether it is the run's own. Where none is known, the name has to. */
static cf_status load_chosen(Run *run, const char *data, const char *data_dir, const char *part) {
    const DataRecord *record = &run->config.record;
    const char *dir = data_dir ? data_dir : run->config.data_dir;
    if (!data)
        FORWARD(run_data_load(run->config.data, record, dir, run->shelf, &run->set));
    else if (generator_named(data) && !shelf_find(run->shelf, data, NULL))
        FORWARD(load_generated(run, data, part));
    else
        FORWARD(load_named(run, data, dir));
    run->other = record->sha256[0] ? !data_record_fits(record, run->set) : data && strcmp(data, run->config.data) != 0;
    return CF_OK;
}

/* Images of a generated set's official test part are others than those of its training part, and need not be compared. */
static bool cannot_overlap(const Run *run, const char *part) {
    return run->other && generator_named(run->set->name) && generator_named(run->config.data) &&
           run->config.split.mode == CF_SPLIT_OFFICIAL && strcmp(part, "official-test") == 0;
}

static bool same_shape(const cf_set *a, const cf_set *b) {
    return a->channels == b->channels && a->height == b->height && a->width == b->width;
}

/* Sets of one place in two shapes: images of one are in the other, though they cannot be compared. */
static bool same_origin(const cf_set *a, const cf_set *b) {
    const Generator *generator = generator_named(a->name);
    if (generator) return generator == generator_named(b->name);
    char *of_a = realpath(a->source, NULL), *of_b = realpath(b->source, NULL);
    const bool same = of_a && of_b && strcmp(of_a, of_b) == 0;
    free(of_a);
    free(of_b);
    return same;
}

/* The run's own set, beside another that is evaluated. NULL: not to be had, and run->overlap says why. */
static cf_status load_own(Run *run, const cf_set **own) {
    char why[sizeof run->overlap.unchecked];
    *own = NULL;
    const cf_status status =
        run_data_load(run->config.data, &run->config.record, run->config.data_dir, run->shelf, own);
    if (status == CF_NO_MEMORY) return status;
    snprintf(why, sizeof why, "%s", status ? cf_error() : "");
    if (!status && !data_record_fits(&run->config.record, *own)) {
        snprintf(why, sizeof why, "%s holds other data now", run->config.data);
        *own = NULL;
    }
    text_tame(why);
    memcpy(run->overlap.unchecked, why, sizeof why);
    return CF_OK;
}

static cf_status count_overlap(Run *run, const cf_subset *images, const cf_set *own) {
    Overlap *overlap = &run->overlap;
    cf_split *split;
    FORWARD(cf_split_new(own, &run->config.split, &split));
    const cf_subset *parts[] = {cf_split_part(split, CF_TRAIN), cf_split_part(split, CF_VALIDATION)};
    size_t found[2];
    cf_status status = same_images_count(images, parts, 2, found);
    cf_split_free(split);
    overlap->checked = !status;
    overlap->trained = found[0];
    overlap->validated = found[1];
    return status;
}

/* How many of the images are those that the run was trained on, by their pixels: by their numbers would do within one set, but
 * sets are copied, joined and cut. */
static cf_status find_overlap(Run *run, const cf_subset *images, const char *part) {
    const cf_set *own = run->other ? NULL : run->set;
    run->overlap = (Overlap){.asked = true};
    if (cannot_overlap(run, part)) {
        run->overlap.checked = true;
        return CF_OK;
    }
    if (!own) FORWARD(load_own(run, &own));
    if (own && !same_shape(own, run->set)) {
        snprintf(run->overlap.unchecked, sizeof run->overlap.unchecked, "%s",
                 "images of another shape than the run's own are not compared");
        run->overlap.quiet = !same_origin(own, run->set);
    } else if (own) {
        return count_overlap(run, images, own);
    }
    return CF_OK;
}

/* The official test part if `part` is CF_TEST, everything if it is CF_ALL. */
static cf_status choose_uncut(Run *run, cf_part part, const cf_subset **images) {
    FORWARD(split_uncut(run->set, NULL, &run->split));
    *images = cf_split_part(run->split, part);
    FAIL_IF(!cf_subset_count(*images), CF_BAD_USE, "%s has no official test part; choose --split all", run->set->name);
    return CF_OK;
}

/* `data` NULL: where the run's own was looked for, there is another set. */
static cf_status check_part(const Run *run, const char *data, const char *part) {
    const bool test = part && strcmp(part, "test") == 0, changed = !data || strcmp(data, run->config.data) == 0;
    if (!run->other) return CF_OK;
    FAIL_IF(
        test && changed, CF_BAD_INPUT,
        "%s holds other data now than the run was trained on: their checksums differ, so it has no test part of this "
        "run; choose --split official-test or all",
        run->config.data);
    FAIL_IF(test, CF_BAD_USE,
            "--split test is the test part of the run's own data (%s); for %s choose official-test or "
            "all",
            run->config.data, data);
    if (changed)
        notice("%s holds other data now than the run was trained on: their checksums differ. It is taken as other data",
               run->config.data);
    return CF_OK;
}

static cf_status choose(Run *run, const char *data, const char *data_dir, const char *part, const cf_subset **images,
                        const char **used_part) {
    FAIL_IF(run->set, CF_INTERNAL, "the data of one run were chosen twice");
    FORWARD(load_chosen(run, data, data_dir, part));
    FORWARD(check_part(run, data, part));
    if (!part) part = !run->other ? "test" : set_test_begin(run->set) < run->set->count ? "official-test" : "all";
    *used_part = part;
    if (strcmp(part, "test") != 0) {
        FORWARD(choose_uncut(run, strcmp(part, "all") == 0 ? CF_ALL : CF_TEST, images));
    } else {
        FORWARD(cf_split_new(run->set, &run->config.split, &run->split));
        *images = cf_split_part(run->split, CF_TEST);
    }
    return find_overlap(run, *images, part);
}

cf_status run_choose_images(Run *run, const char *data, const char *data_dir, const char *part,
                            const cf_subset **images, const char **used_part) {
    FORWARD(choose(run, data, data_dir, part, images, used_part));
    overlap_tell(&run->overlap, cf_subset_count(*images));
    return CF_OK;
}

cf_status run_evaluate(Run *run, const char *data, const char *data_dir, const char *part, int threads,
                       Evaluation *evaluation, const char **used_part) {
    ClassifyOptions options = {run->engine, slices_threads(threads)};
    const cf_subset *images;
    FORWARD(choose(run, data, data_dir, part, &images, used_part));
    if (strcmp(*used_part, "test") == 0) {
        FORWARD(evaluate_own(run, &options, evaluation));
    } else {
        FORWARD(evaluate(run->model, images, &options, evaluation));
        evaluation->temperature.missing =
            run->other ? "it is fitted on the run's validation part, for the run's own data only"
                       : "it is fitted on the run's validation part, for the test part only (--split test)";
    }
    evaluation->overlap = run->overlap;
    overlap_tell(&run->overlap, evaluation->count);
    return CF_OK;
}
