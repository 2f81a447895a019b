/* Which images of which set a run is evaluated on, whether it was trained on them, and the evaluation. */
#include "study/run/run.h"

#include "base/slices.h"
#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/image_set.h"
#include "data/set_load.h"
#include "data/split.h"
#include "nn/int8/int8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* By the labels of the target's test part, where it has some that the model knows. */
static cf_status score_target(Run *run, const ClassifyOptions *options) {
    const cf_subset *part = run->target ? cf_split_part(run->target, CF_TEST) : NULL;
    int *class_of;
    bool known = false;
    if (!part || !part->count) return CF_OK;
    FORWARD(classes_match(part->set, (const char *const *)run->model->class_names, run->model->classes, &class_of));
    for (size_t i = 0; i < part->count; i++) known |= class_of[part->set->labels[part->images[i]]] >= 0;
    free(class_of);
    if (!known) {
        notice("%s has no test image of a class that the model knows: there is no score on it", run->config.target);
        return CF_OK;
    }
    FORWARD(evaluate(run->model, part, options, &run->target_test));
    run->target_tested = true;
    return CF_OK;
}

cf_status run_test(Run *run) {
    ClassifyOptions options = {.engine = run->engine, .threads = run->threads};
    json_t *root;
    FORWARD(evaluate_own(run, &options, &run->test));
    run->tested = true;
    FORWARD(score_target(run, &options));
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
    FAIL_IF(!data && strcmp(run->config.data, RUN_WITHOUT_DATA) == 0, CF_BAD_USE,
            "%s was imported without data of its own; name some with --data", run->folder);
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
    if (strcmp(run->config.data, RUN_WITHOUT_DATA) == 0) {
        snprintf(run->overlap.unchecked, sizeof run->overlap.unchecked, "it was imported without data of its own");
        return CF_OK;
    }
    const cf_status status =
        run_data_load(run->config.data, &run->config.record, run->config.data_dir, run->shelf, own);
    if (status == CF_NO_MEMORY) return status;
    snprintf(why, sizeof why, "%s", status ? cf_error() : "");
    if (!status && !data_record_fits(&run->config.record, *own)) {
        snprintf(why, sizeof why, "%s holds other data now", run->config.data);
        *own = NULL;
    }
    text_replace_controls(why);
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

/* "at:5000": the images from number 5,000 on. */
static cf_status choose_from(Run *run, const char *part, const cf_subset **images) {
    cf_split_options split = cf_split_defaults();
    FORWARD(split_from_text(part, &split));
    FORWARD(split_uncut_at(run->set, split.at, &run->split));
    *images = cf_split_part(run->split, CF_TEST);
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
    if (strncmp(part, "at:", 3) == 0) {
        FORWARD(choose_from(run, part, images));
    } else if (strcmp(part, "test") != 0) {
        FAIL_IF(strcmp(part, "all") != 0 && strcmp(part, "official-test") != 0, CF_BAD_USE,
                "--split %s: test, official-test, all or at:N expected", part);
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

static bool same_images(const cf_subset *a, const cf_subset *b) {
    return a->count == b->count && memcmp(a->images, b->images, a->count * sizeof *a->images) == 0;
}

cf_status run_adopt_images(Run *run, const Run *first, const cf_subset *images, const char *part) {
    const DataRecord *record = &run->config.record;
    run->shelf = first->shelf;
    run->set = first->set;
    run->other = record->sha256[0] ? !data_record_fits(record, run->set)
                                   : first->other || strcmp(first->config.data, run->config.data) != 0;
    if (strcmp(part, "test") == 0) {
        FAIL_IF(
            run->other, CF_BAD_USE,
            "%s was trained on other data (%s) than %s (%s), so they have no test part in common; choose --data and "
            "--split official-test or all",
            run->folder, run->config.data, first->folder, first->config.data);
        FORWARD(cf_split_new(run->set, &run->config.split, &run->split));
        FAIL_IF(!same_images(cf_split_part(run->split, CF_TEST), images), CF_BAD_USE,
                "%s has other test images than %s: their data were split otherwise; choose --split official-test or "
                "all, or "
                "runs of one split",
                run->folder, first->folder);
    }
    return find_overlap(run, images, part);
}

/* The model in integers, with ranges from the training images of the run's own data. */
static cf_status make_integers(Run *run, int threads, Int8Network **integers) {
    const cf_set *own = run->other ? NULL : run->set;
    cf_split *split;
    FAIL_IF(run->views, CF_BAD_USE, "--tta is not for int8: its views are no whole bytes");
    if (!own) FORWARD(load_own(run, &own));
    FAIL_IF(!own, CF_BAD_INPUT, "the ranges for int8 come from the run's training images: %s", run->overlap.unchecked);
    FORWARD(cf_split_new(own, &run->config.split, &split));
    const cf_status status = int8_network_new(run->model, cf_split_part(split, CF_TRAIN), threads, integers);
    cf_split_free(split);
    return status;
}

static cf_status evaluate_chosen(const Run *run, const cf_subset *images, const ClassifyOptions *options,
                                 const char *part, Evaluation *evaluation) {
    if (strcmp(part, "test") == 0) return evaluate_own(run, options, evaluation);
    FORWARD(evaluate(run->model, images, options, evaluation));
    evaluation->temperature.missing =
        run->other ? "it is fitted on the run's validation part, for the run's own data only"
                   : "it is fitted on the run's validation part, for the test part only (--split test)";
    return CF_OK;
}

cf_status run_evaluate(Run *run, const char *data, const char *data_dir, const char *part, int threads,
                       Evaluation *evaluation, const char **used_part) {
    ClassifyOptions options = {.engine = run->engine, .threads = slices_threads(threads), .views = run->views};
    const cf_subset *images;
    Int8Network *integers = NULL;
    FORWARD(choose(run, data, data_dir, part, &images, used_part));
    if (run->int8) FORWARD(make_integers(run, options.threads, &integers));
    options.int8 = integers;
    const cf_status status = evaluate_chosen(run, images, &options, *used_part, evaluation);
    int8_network_free(integers);
    FORWARD(status);
    evaluation->int8 = run->int8;
    evaluation->overlap = run->overlap;
    overlap_tell(&run->overlap, evaluation->count);
    return CF_OK;
}
