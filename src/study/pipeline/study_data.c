/* The data of a study: counts and figures. */
#include "study/pipeline/study_inside.h"

#include "data/split.h"
#include "study/figures/figures.h"

/* `by_label` has room for a count of each class. */
static json_t *counts_json(const cf_split *split, size_t *by_label) {
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

static cf_status draw_data(const Study *study, const Stage *stage, const StudySet *set, const cf_split *split) {
    AUTO(figure_list_free) FigureList list = {0};
    const FigureBook book = {stage->folder, "", set->name, study->options->formats, &list};
    if (!study->options->formats) return CF_OK;
    FORWARD(file_make_folder(stage->folder));
    FORWARD(figure_distribution(&book, split));
    return figure_samples(&book, split);
}

static cf_status describe_data(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    const StudySet *set = of->place.set;
    const cf_set *s = set->set;
    AUTO(cf_split_free_at) cf_split *split = NULL;
    AUTO_FREE size_t *by_label = NULL;
    FORWARD(cf_split_new(s, &set->chosen.split, &split));
    FORWARD(draw_data(study, stage, set, split));
    FORWARD(memory_new((size_t)s->classes, sizeof *by_label, &by_label));
    *result =
        json_pack("{s:s s:o s:s s:[i i i] s:I s:I s:o s:o}", "name", set->name, "data", json_text(set->chosen.data),
                  "sha256", s->sha256, "shape", s->channels, s->height, s->width, "official_train",
                  (json_int_t)s->official_train, "official_test", (json_int_t)(s->count - s->official_train), "classes",
                  class_names(cf_split_part(split, CF_ALL)), "counts", counts_json(split, by_label));
    return CF_OK;
}

static int count_data(const Study *study) {
    (void)study;
    return 1;
}

/* The set can be cut, and the model made of it, unless the search makes it. */
static cf_status check_data(const Study *study, const StudyPlace *place) {
    const RunConfig *chosen = &place->set->chosen;
    return study_try(place->set, &chosen->split, study->recipe->grid ? NULL : chosen->model, false);
}

static cf_status prepare_data(Study *study, StudyStage *stage) {
    StudySet *set = stage->place.set;
    json_auto_t *config = NULL;
    FORWARD(run_config_json(&set->chosen, &config));
    stage->inputs = json_pack("{s:s s:O s:i}", "sha256", set->set->sha256, "split", json_object_get(config, "split"),
                              "formats", (int)study->options->formats);
    stage->work = describe_data;
    stage->print = set->data_print;
    snprintf(stage->name, sizeof stage->name, "data-%s", set->name);
    snprintf(stage->what, sizeof stage->what, "%s: data", set->name);
    snprintf(stage->path, sizeof stage->path, "data.%s", set->name);
    return CF_OK;
}

const StageKind study_data_kind = {.key = "data", .count = count_data, .check = check_data, .prepare = prepare_data};
