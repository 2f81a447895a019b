/* What a lab is made of: cases, sizes, the configuration of each training, and what it has to show. */
#include "study/imbalance/lab.h"

#include "base/text.h"
#include "base/text_draft.h"
#include "data/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

cf_train_options lab_train_defaults(void) {
    cf_train_options o = cf_train_defaults();
    o.optimizer = CF_ADAMW;
    o.learning_rate = 0.003;
    o.weight_decay = 0.01;
    o.schedule = CF_ONE_CYCLE;
    o.batch = 64;
    o.patience = 0;
    o.stop_on = CF_STOP_ON_LAST;
    return o;
}

/* ---- The training images of a split ---- */

/* Per label of the set, with another limit; 0 of classes that take no part. Release with free(). */
static cf_status count_images(const cf_set *set, cf_split_options options, const char *limit, size_t **counts) {
    AUTO(cf_split_free_at) cf_split *split = NULL;
    AUTO_FREE size_t *made = NULL;
    options.train_limit = limit;
    FORWARD(memory_new((size_t)set->classes, sizeof *made, &made));
    FORWARD(cf_split_new(set, &options, &split));
    subset_class_counts(cf_split_part(split, CF_TRAIN), made);
    *counts = memory_take(&made);
    return CF_OK;
}

/* ---- Cases ---- */

typedef struct Classes {
    const cf_set *set;
    size_t *counts; /* [classes of the set] training images without a limit */
    int *labels, count;
} Classes;

static void classes_free(Classes *classes) {
    free(classes->counts);
    free(classes->labels);
}

/* The labels that take part, in the order of "1,2"; without a list all of the set, which have images. `classes` begins zeroed. */
static cf_status classes_find(const Lab *lab, const cf_set *set, Classes *classes) {
    AUTO_FREE char *copy = NULL;
    classes->set = set;
    FORWARD(count_images(set, lab->base->split, NULL, &classes->counts));
    FORWARD(memory_new((size_t)set->classes, sizeof *classes->labels, &classes->labels));
    if (!lab->base->split.classes) {
        for (; classes->count < set->classes; classes->count++) classes->labels[classes->count] = classes->count;
        return CF_OK;
    }
    FORWARD(memory_copy_string(lab->base->split.classes, &copy));
    for (char *rest = copy, *word; (word = strsep(&rest, ","));) {
        const int label = set_find_class(set, word);
        if (label >= 0 && classes->count < set->classes)
            classes->labels[classes->count++] = label; /* others cf_split_new has refused */
    }
    return CF_OK;
}

/* As a limit does (cf_split_new), a class with fewer images gives all. */
static void add_limit(FILE *out, const Classes *c, int place, long long count) {
    const int label = c->labels[place];
    const size_t there = c->counts[label];
    if ((size_t)count > there)
        notice("class %s has %zu training images, fewer than the %lld that are wanted; all are used",
               c->set->class_names[label], there, count);
    fprintf(out, "%s%s:%lld", place ? "," : "", c->set->class_names[label],
            (size_t)count > there ? (long long)there : count);
}

/* Exponential in the place of the class, as long-tailed sets are made (Cui et al. 2019). */
static cf_status write_ratio(FILE *out, const Classes *c, const char *text) {
    double ratio = 0;
    long long largest = INT64_MAX;
    char first[24] = "", second[24] = "", more;
    const int words = sscanf(text, "ratio %23s %23s %c", first, second, &more);
    FAIL_IF(words < 1 || words > 2 || !text_to_number(first, &ratio) || ratio < 1 || ratio > 1e6 ||
                (words == 2 && !text_to_integer(second, 1, UINT32_MAX, &largest)),
            CF_BAD_USE,
            "\"ratio R\" or \"ratio R N\" expected, R from 1 to 1e6 and N images of the first class; found \"%.60s\"",
            text);
    for (int i = 0; i < c->count && words == 1; i++)
        if ((long long)c->counts[c->labels[i]] < largest) largest = (long long)c->counts[c->labels[i]];
    for (int i = 0; i < c->count; i++) {
        const double share = pow(ratio, -(double)i / (c->count - 1));
        add_limit(out, c, i, (long long)fmax(1, round(share * (double)largest)));
    }
    return CF_OK;
}

static cf_status write_numbers(FILE *out, const Classes *c, const char *text) {
    char copy[400], *rest = copy, *word;
    long long count;
    int place = 0;
    snprintf(copy, sizeof copy, "%s", text);
    while ((word = strsep(&rest, ":"))) {
        FAIL_IF(
            place == c->count || !text_to_integer(word, 1, UINT32_MAX, &count), CF_BAD_USE,
            "numbers of training images between colons, one for each of the %d classes, \"all\" or \"ratio R\" expected",
            c->count);
        add_limit(out, c, place++, count);
    }
    FAIL_IF(place < c->count, CF_BAD_USE, "%d numbers between colons, one for each class, expected, found %d", c->count,
            place);
    return CF_OK;
}

static cf_status add_case(Lab *lab, const Classes *classes, const char *text) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    LabCase *c = &lab->cases[lab->case_count];
    FAIL_IF(lab->case_count == LAB_CASES, CF_BAD_USE, "at most %d cases expected", LAB_CASES);
    FAIL_IF(strlen(text) > 100, CF_BAD_USE, "a case of up to 100 letters expected");
    FORWARD(memory_copy_string(text, &c->name));
    lab->case_count++;
    if (strcmp(text, "all") == 0) return CF_OK;
    FORWARD(text_draft(&draft));
    FORWARD(strncmp(text, "ratio", 5) == 0 ? write_ratio(draft.stream, classes, text)
                                           : write_numbers(draft.stream, classes, text));
    return text_draft_finish(&draft, &c->limit, NULL);
}

cf_status lab_add_cases(Lab *lab, const cf_set *set, const char *text) {
    AUTO(classes_free) Classes classes = {0};
    AUTO_FREE char *copy = NULL;
    FORWARD(classes_find(lab, set, &classes));
    FORWARD(memory_copy_string(text, &copy));
    for (char *rest = copy, *word; (word = strsep(&rest, ","));) {
        const cf_status status = add_case(lab, &classes, word);
        if (status) return status_prefix(status, "case \"%.100s\"", word);
    }
    return CF_OK;
}

/* ---- Sizes of the learning curve ---- */

/* "1:50,2:1000" with another number for one class. */
cf_status lab_limit_with(const Lab *lab, const cf_set *set, int label, int64_t images, char **limit) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    AUTO_FREE size_t *counts = NULL;
    const char *between = "";
    FORWARD(count_images(set, lab->base->split, lab->cases[0].limit, &counts));
    FORWARD(text_draft(&draft));
    for (int k = 0; k < set->classes; k++) {
        if (!counts[k]) continue;
        fprintf(draft.stream, "%s%s:%lld", between, set->class_names[k],
                k == label ? (long long)images : (long long)counts[k]);
        between = ",";
    }
    return text_draft_finish(&draft, limit, NULL);
}

cf_status lab_rarest(const Lab *lab, const cf_set *set, int *label, int64_t *images, int64_t *most) {
    AUTO_FREE size_t *counts = NULL, *whole = NULL;
    size_t common = 0;
    FORWARD(count_images(set, lab->base->split, lab->cases[0].limit, &counts));
    FORWARD(count_images(set, lab->base->split, NULL, &whole));
    *label = -1;
    for (int k = 0; k < set->classes; k++) {
        if (counts[k] && (*label < 0 || counts[k] < counts[*label])) *label = k;
        if (counts[k] > common) common = counts[k];
    }
    FAIL_IF(*label < 0, CF_BAD_USE, "case \"%s\" has no training images", lab->cases[0].name);
    *images = (int64_t)counts[*label];
    *most = (int64_t)(common < whole[*label] ? common : whole[*label]);
    return CF_OK;
}

static cf_status read_sizes(Lab *lab, const char *text, int64_t most) {
    char copy[200], *rest = copy, *word;
    long long size, before = 0;
    FAIL_IF(strlen(text) >= sizeof copy, CF_BAD_USE, "curve: at most %d sizes expected", LAB_SIZES);
    snprintf(copy, sizeof copy, "%s", text);
    while ((word = strsep(&rest, ","))) {
        FAIL_IF(
            !text_to_integer(word, 1, most, &size) || size <= before, CF_BAD_USE,
            "curve: growing numbers of images from 1 to %lld, which there are of the rarest class, expected; found \"%s\"",
            (long long)most, text);
        FAIL_IF(lab->size_count == LAB_SIZES, CF_BAD_USE, "curve: at most %d sizes expected", LAB_SIZES);
        lab->sizes[lab->size_count++] = before = size;
    }
    return CF_OK;
}

cf_status lab_choose_sizes(Lab *lab, const cf_set *set, const char *text) {
    int label;
    int64_t images, most;
    lab->size_count = 0;
    if (text && strcmp(text, "none") == 0) return CF_OK;
    FORWARD(lab_rarest(lab, set, &label, &images, &most));
    if (text) return read_sizes(lab, text, most);
    for (int64_t size = images > 1 ? images / 2 : 1, end = 8 * images; size <= end && size <= most;
         size = size < images ? images : 2 * size)
        lab->sizes[lab->size_count++] = size;
    return CF_OK;
}

void lab_free(Lab *lab) {
    for (int i = 0; i < lab->case_count; i++) {
        free(lab->cases[i].name);
        free(lab->cases[i].limit);
        lab->cases[i] = (LabCase){0};
    }
    lab->case_count = 0;
}

/* ---- One training ---- */

/* SMOTE fills every class up to the largest; the other samplers take as many images as there are. */
static cf_status epochs_of(const RunConfig *config, const cf_set *set, int steps, int *epochs) {
    AUTO_FREE size_t *counts = NULL;
    size_t images = 0, largest = 0, classes = 0;
    const size_t batch = (size_t)config->train.batch;
    FORWARD(count_images(set, config->split, config->split.train_limit, &counts));
    for (int k = 0; k < set->classes; k++) {
        images += counts[k];
        classes += counts[k] > 0;
        if (counts[k] > largest) largest = counts[k];
    }
    if (config->train.sample == CF_SMOTE || config->train.sample == CF_SMOTE_FEATURES) images = classes * largest;
    const size_t each = (images + batch - 1) / batch, needed = each ? ((size_t)steps + each - 1) / each : 1;
    *epochs = needed > MOST_EPOCHS ? MOST_EPOCHS : (int)needed;
    return CF_OK;
}

/* All keep the network of the source, whether they begin with its weights or not. */
cf_status lab_configure(const LabTraining *t, const cf_set *set, RunConfig *config) {
    const bool head = t->head_of != NULL;
    FORWARD(run_config_copy(t->base, config));
    FORWARD(run_config_split_text(&config->split.train_limit, t->limit));
    config->split.seed += (uint64_t)t->draw;
    config->train.seed += (uint64_t)t->number;
    config->train.patience = 0;
    config->train.stop_on = CF_STOP_ON_LAST;
    if (head || !remedy_has(t->remedy, REMEDY_PRETRAINED)) {
        config->source = (SourceRecord){0};
        FORWARD(run_config_text(&config->from, t->head_of));
    }
    FORWARD(remedy_lay(t->remedy, head, t->augment, &config->train));
    return epochs_of(config, set, head ? (t->steps + 3) / 4 : t->steps, &config->train.epochs);
}

/* ---- What it has to show ---- */

static json_t *scores_json(const Metrics *m) {
    json_t *classes = json_array();
    double sum = 0, logs = 0;
    int with = 0;
    for (int k = 0; k < m->classes; k++) {
        const ClassScore *c = &m->per_class[k];
        if (c->support) sum += c->recall, logs += log(c->recall), with++;
        json_array_append_new(classes, json_pack("{s:o s:f s:I}", "class", json_text(m->class_names[k]), "recall",
                                                 c->recall, "support", (json_int_t)c->support));
    }
    return json_pack("{s:I s:f s:f s:f s:f s:o}", "n", (json_int_t)m->summary.count, "accuracy", m->summary.accuracy,
                     "loss", m->summary.loss, "balanced", with ? sum / with : 0, "gmean", with ? exp(logs / with) : 0,
                     "per_class", classes);
}

/* With "moved": probabilities over the classes' shares of the training images, so that all classes count alike. */
static cf_status part_json(const Evaluation *e, const size_t *images, json_t **json) {
    const size_t classes = (size_t)e->metrics.classes;
    AUTO(metrics_free) Metrics metrics = {0};
    AUTO_FREE float *moved = NULL;
    FORWARD(memory_new(e->count * classes, sizeof *moved, &moved));
    for (size_t i = 0; i < e->count; i++) {
        double sum = 0;
        for (size_t k = 0; k < classes; k++)
            if (images[k]) sum += (double)e->probabilities[i * classes + k] / (double)images[k];
        for (size_t k = 0; k < classes; k++) {
            const double weighed = images[k] ? (double)e->probabilities[i * classes + k] / (double)images[k] : 0;
            moved[i * classes + k] = (float)(sum > 0 ? weighed / sum : 0);
        }
    }
    FORWARD(metrics_new(moved, e->labels, e->count, (int)classes, e->metrics.class_names, &metrics));
    *json = scores_json(&e->metrics);
    json_object_set_new(*json, "moved", scores_json(&metrics));
    return CF_OK;
}

cf_status lab_result(const Run *run, json_t **result) {
    const ClassifyOptions options = {.engine = run->engine, .threads = run->threads};
    const size_t classes = (size_t)run->model->classes;
    AUTO(evaluation_free) Evaluation validation = {0};
    AUTO_FREE size_t *counts = NULL, *images = NULL; /* by label; by class of the model, whose names are the set's */
    json_auto_t *part = NULL;
    FORWARD(memory_new((size_t)run->set->classes, sizeof *counts, &counts));
    FORWARD(memory_new(classes, sizeof *images, &images));
    subset_class_counts(cf_split_part(run->split, CF_TRAIN), counts);
    for (size_t k = 0; k < classes; k++) {
        const int label = set_find_class(run->set, run->model->class_names[k]);
        images[k] = label < 0 ? 0 : counts[label];
    }
    FORWARD(evaluate(run->model, cf_split_part(run->split, CF_VALIDATION), &options, &validation));
    FORWARD(part_json(&validation, images, &part));
    FORWARD(part_json(&run->test, images, result));
    json_t *list = json_array();
    for (size_t k = 0; k < classes; k++) json_array_append_new(list, json_integer((json_int_t)images[k]));
    json_object_set(*result, "validation", part);
    json_object_set_new(*result, "seed", json_integer((json_int_t)run->config.train.seed));
    json_object_set_new(*result, "split_seed", json_integer((json_int_t)run->config.split.seed));
    json_object_set_new(*result, "images", list);
    json_object_set_new(*result, "epochs_run", json_integer(run->fitted.result.epochs_run));
    json_object_set_new(*result, "seconds", json_real(run_step_seconds(run)));
    return CF_OK;
}
