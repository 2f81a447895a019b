/* The data of a study: counts, figures, and whether they are the report's own. */
#include "study/pipeline/study_inside.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "data/generate/generated_set.h"
#include "data/split.h"
#include "study/figures/figures.h"

#include <stdlib.h>
#include <string.h>

/* Images per class 0 .. 9 in the official parts of the report's sets: what tells them from others. */
static const size_t official_train[RECIPE_SETS][10] = {{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949},
                                                       {4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659}};
static const size_t official_test[RECIPE_SETS][10] = {{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009},
                                                      {1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595}};
static const char *const report_names[RECIPE_SETS] = {"MNIST", "SVHN"};

static bool has_the_reports_counts(const cf_set *set, int place) {
    size_t train[10] = {0}, test[10] = {0};
    if (set->classes != 10) return false;
    for (size_t i = 0; i < set->count; i++) ++(i < set->official_train ? train : test)[set->labels[i]];
    return memcmp(train, official_train[place], sizeof official_train[place]) == 0 &&
           memcmp(test, official_test[place], sizeof official_test[place]) == 0;
}

/* Why figures measured on the set are not to be compared with the report's; NULL: they are. */
static json_t *other_data(const Study *study, const StudySet *set) {
    const int place = (int)(set - study->sets);
    char why[160];
    if (generator_named(set->chosen.data))
        snprintf(why, sizeof why, "generated images in the place of %s", report_names[place]);
    else if (!has_the_reports_counts(set->set, place))
        snprintf(why, sizeof why, "its images per class are not those of %s", report_names[place]);
    else if (set->chosen.split.mode != CF_SPLIT_POOLED)
        snprintf(why, sizeof why, "the report splits the pooled images 70 / 10 / 20");
    else
        return json_null();
    return json_string(why);
}

/* `by_label` has room for a count of each class. */
static json_t *counts(const cf_split *split, size_t *by_label) {
    static const char *const names[] = {"train", "validation", "test"};
    const cf_subset *all = cf_split_part(split, CF_ALL);
    json_t *root = json_object();
    for (int p = CF_TRAIN; p <= CF_TEST; p++) {
        json_t *list = json_array();
        subset_class_counts(cf_split_part(split, (cf_part)p), by_label);
        for (int c = 0; c < all->classes; c++)
            json_array_append_new(list, json_integer((json_int_t)by_label[all->class_labels[c]]));
        json_object_set_new(root, names[p], list);
    }
    return root;
}

static json_t *class_names(const cf_subset *all) {
    json_t *list = json_array();
    for (int c = 0; c < all->classes; c++)
        json_array_append_new(list, json_text(all->set->class_names[all->class_labels[c]]));
    return list;
}

static cf_status draw(const Study *study, const Stage *stage, const StudySet *set, const cf_split *split) {
    FigureList list = {0};
    const FigureBook book = {stage->folder, "", set->name, study->options->formats, &list};
    if (!study->options->formats) return CF_OK;
    FORWARD(file_make_folder(stage->folder));
    cf_status status = figure_distribution(&book, split);
    if (!status) status = figure_samples(&book, split);
    figure_list_free(&list);
    return status;
}

static cf_status look(Study *study, const Stage *stage, void *context, json_t **result) {
    const StudySet *set = context;
    const cf_set *s = set->set;
    cf_split *split;
    size_t *by_label = NULL;
    FORWARD(cf_split_new(s, &set->chosen.split, &split));
    cf_status status = draw(study, stage, set, split);
    if (!status) status = memory_new((size_t)s->classes, sizeof *by_label, &by_label);
    if (!status)
        *result =
            json_pack("{s:s s:o s:s s:[i i i] s:I s:I s:o s:o s:o}", "name", set->name, "data",
                      json_text(set->chosen.data), "sha256", s->sha256, "shape", s->channels, s->height, s->width,
                      "official_train", (json_int_t)s->official_train, "official_test",
                      (json_int_t)(s->count - s->official_train), "classes", class_names(cf_split_part(split, CF_ALL)),
                      "counts", counts(split, by_label), "other_data", other_data(study, set));
    free(by_label);
    cf_split_free(split);
    return status;
}

cf_status study_data(Study *study, StudySet *set) {
    StudyStage stage = {.work = look, .context = set, .print = set->data_print};
    json_t *config;
    FORWARD(shelf_take(&study->shelf, set->chosen.data, study->options->data_dir, &set->set));
    FORWARD(run_config_json(&set->chosen, &config));
    stage.inputs = json_pack("{s:s s:O s:i}", "sha256", set->set->sha256, "split", json_object_get(config, "split"),
                             "formats", (int)study->options->formats);
    json_decref(config);
    snprintf(stage.name, sizeof stage.name, "data-%s", set->name);
    snprintf(stage.what, sizeof stage.what, "%s: data", set->name);
    snprintf(stage.path, sizeof stage.path, "data.%s", set->key);
    return study_do(study, &stage);
}
