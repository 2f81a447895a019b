/* The sections that compare seed by seed: from the other set's network or from nothing with few images; adapted to the other set
 * without its labels; networks side by side; remedies for few images of one class. */
#include "study/pipeline/study_inside.h"

#include "base/memory.h"
#include "base/text_draft.h"
#include "embed/quality.h"
#include "embed/umap.h"
#include "nn/features.h"
#include "study/imbalance/lab_run.h"
#include "study/ledger/study_results.h"
#include "study/pipeline/study_figures.h"
#include "train/adaptation/adaptation.h"
#include "train/train_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Every epoch is decided beforehand: so few images leave none over to choose one by. */
static cf_status configure(const StudySet *set, const RecipeSection *section, int seed_number, RunConfig *config) {
    FORWARD(run_config_copy(&set->chosen, config));
    cf_status status = recipe_lay(section->train, &config->train);
    if (!status) status = run_config_text(&config->from, NULL);
    config->source = (SourceRecord){0};
    config->train.seed += (uint64_t)seed_number;
    config->train.patience = 0;
    config->train.stop_on = CF_STOP_ON_LAST;
    if (status) run_config_free(config);
    return status;
}

/* ---- From the other set ---- */

bool study_has_transfer(const Recipe *recipe, int sets) {
    return recipe->transfer.seeds && sets == RECIPE_SETS;
}

/* "1:10,2:10": of every class so many; all: NULL. */
static cf_status limit_of(const StudySet *set, int64_t size, char **limit) {
    TextDraft draft;
    *limit = NULL;
    if (!size) return CF_OK;
    FORWARD(text_draft(&draft));
    for (int c = 0; c < set->set->classes; c++)
        fprintf(draft.stream, "%s%s:%lld", c ? "," : "", set->set->class_names[c], (long long)size);
    return text_draft_finish(&draft, limit, NULL);
}

/* As many as give the recipe's steps. */
static int epochs_of(const Recipe *recipe, const cf_train_options *train, const StudySet *set, int64_t size) {
    const int64_t steps = (size * set->set->classes + train->batch - 1) / train->batch;
    const int64_t wanted = steps ? (recipe->steps + steps - 1) / steps : 0;
    return wanted > train->epochs ? (int)wanted : train->epochs;
}

/* A hundredth validates, which nothing is chosen by; with each seed other images train and test, few of them among more. */
static cf_status cut(const StudySet *set, int64_t size, int seed_number, cf_split_options *split) {
    char *limit;
    FORWARD(limit_of(set, size, &limit));
    free((char *)(uintptr_t)split->train_limit);
    split->train_limit = limit;
    split->validation = 0.01;
    split->seed += (uint64_t)seed_number;
    return CF_OK;
}

/* From nothing means the same network, drawn, and that all of it learns. */
static cf_status begin_from(const StudySet *set, const char *source, bool pretrained, RunConfig *config) {
    const cf_train_options usual = cf_train_defaults();
    char *path, *line;
    FORWARD(transfer_path(source, &path));
    cf_status status = transfer_line(path, set->set->channels, &line);
    free(path);
    FORWARD(status);
    free(config->model);
    config->model = line;
    if (pretrained) return run_config_text(&config->from, source);
    memcpy(config->train.freeze, usual.freeze, sizeof usual.freeze);
    config->train.head_epochs = usual.head_epochs;
    config->train.lr_backbone = usual.lr_backbone;
    return CF_OK;
}

static cf_status tune(Study *study, StudySet *set, const StudySet *other, int size_number, int seed_number,
                      bool pretrained) {
    const Recipe *recipe = study->recipe;
    const int64_t size = recipe->sizes[size_number];
    const int source_seed = seed_number % recipe->seeds;
    const char *way = pretrained ? "from" : "new";
    Training training = {.source_print = pretrained ? other->trained_print[source_seed] : NULL, .result = RESULT_BRIEF};
    StudyStage stage = {0};
    char number[24], *source;
    recipe_size_text(size, number);
    FORWARD(configure(set, &recipe->transfer, seed_number, &training.config));
    training.config.train.epochs = epochs_of(recipe, &training.config.train, set, size);
    cf_status status = study_run_folder(study, other, source_seed, &source);
    if (!status) {
        status = begin_from(set, source, pretrained, &training.config);
        free(source);
    }
    if (!status) status = cut(set, size, seed_number, &training.config.split);
    if (status) {
        run_config_free(&training.config);
        return status;
    }
    snprintf(stage.name, sizeof stage.name, "transfer-%s-%s-%s-s%d", set->name, number, way, seed_number + 1);
    snprintf(stage.what, sizeof stage.what, "%s: %s image%s%s, from %s, seed %llu", set->name, number,
             size == 1 ? "" : "s", size ? " per class" : "", pretrained ? other->name : "nothing",
             (unsigned long long)training.config.train.seed);
    snprintf(stage.path, sizeof stage.path, "transfer.%s.%s.%s[]", set->key, number, way);
    if (pretrained && !seed_number && size_number == recipe->size_count - 1) stage.print = set->tuned_print;
    return study_do_training(study, set, &training, &stage);
}

cf_status study_transfer(Study *study, StudySet *set, const StudySet *other) {
    for (int i = 0; i < study->recipe->size_count; i++)
        for (int s = 0; s < study->recipe->transfer.seeds; s++) {
            FORWARD(tune(study, set, other, i, s, false));
            FORWARD(tune(study, set, other, i, s, true));
        }
    return study->recipe->features ? study_transfer_features(study, set, other) : CF_OK;
}

/* ---- The test images before and after ---- */

typedef struct Look {
    const StudySet *set, *other;
} Look;

static cf_status show_both(const Study *study, const Stage *stage, const Look *l, const cf_subset *images,
                           const float *places) {
    FigureList list = {0};
    const FigureBook book = {stage->folder, "", l->set->name, study->options->formats, &list};
    if (!study->options->formats) return CF_OK;
    FORWARD(file_make_folder(stage->folder));
    cf_status status = figure_before_after(&book, l->other->name, images, places);
    figure_list_free(&list);
    return status;
}

static cf_status embed(const Study *study, const Points *points, const int *labels, float *places, json_t **quality) {
    const Points plane = {places, points->n, 2};
    const QualityOptions judge = {METRIC_EUCLIDEAN, study->recipe->base.train.seed, study->threads};
    Quality q;
    Umap *umap;
    const UmapOptions options = study_umap_options(study);
    FORWARD(umap_fit(points, &options, &umap));
    memcpy(places, umap->embedding, 2 * points->n * sizeof *places);
    umap_free(umap);
    FORWARD(quality_measure(points, &plane, labels, &judge, &q));
    *quality = json_object();
    if (!isnan(q.knn_accuracy)) json_object_set_new(*quality, "knn_accuracy", json_real(q.knn_accuracy));
    if (!isnan(q.silhouette)) json_object_set_new(*quality, "silhouette", json_real(q.silhouette));
    return CF_OK;
}

/* Into places[images][2]. */
static cf_status embed_model(const Study *study, const Run *after, const cf_model *model, const cf_subset *images,
                             float *places, json_t **quality) {
    const ClassifyOptions options = {.engine = after->engine, .threads = study->threads};
    int layer, *labels = NULL;
    size_t count;
    float *values = NULL;
    cf_status status;
    FORWARD(features_layer(model, NULL, &layer));
    const size_t size = features_size(model, layer);
    FAIL_IF(!size_multiply(images->count, size, &count) || size > INT32_MAX, CF_NO_MEMORY,
            "%zu images with %zu values each are too many", images->count, size);
    FORWARD_TO(done, memory_new(count, sizeof *values, &values));
    FORWARD_TO(done, memory_new(images->count, sizeof *labels, &labels));
    for (size_t i = 0; i < images->count; i++) labels[i] = images->set->labels[images->images[i]];
    FORWARD_TO(done, features_compute(model, layer, images, &options, values));
    const Points points = {values, images->count, (int)size};
    FORWARD_TO(done, points_check(&points, images->set->name));
    FORWARD_TO(done, embed(study, &points, labels, places, quality));
done:
    free(labels);
    free(values);
    return status;
}

/* Each has an embedding of its own: in one of both they are two clouds far from each other. */
static cf_status embed_both(Study *study, const Stage *stage, const Look *l, Run *after, const cf_model *before,
                            json_t **result) {
    const cf_subset *images;
    const char *part = NULL;
    json_t *quality[2] = {NULL, NULL};
    float *places;
    cf_status status;
    FORWARD(run_choose_images(after, NULL, study->options->data_dir, NULL, &images, &part));
    FORWARD(memory_new(4 * images->count, sizeof *places, &places));
    FORWARD_TO(done, embed_model(study, after, before, images, places, &quality[0]));
    FORWARD_TO(done, embed_model(study, after, after->model, images, places + 2 * images->count, &quality[1]));
    FORWARD_TO(done, show_both(study, stage, l, images, places));
    *result = json_pack("{s:I s:O s:O}", "n", (json_int_t)images->count, "before", quality[0], "after", quality[1]);
done:
    json_decref(quality[0]);
    json_decref(quality[1]);
    free(places);
    return status;
}

static cf_status look(Study *study, const Stage *stage, void *context, json_t **result) {
    const Look *l = context;
    const Recipe *recipe = study->recipe;
    char *folder = NULL, *source = NULL, number[24];
    Run *before = NULL, *after = NULL;
    cf_status status;
    recipe_size_text(recipe->sizes[recipe->size_count - 1], number);
    FORWARD_TO(done, study_run_folder(study, l->other, 0, &source));
    FORWARD_TO(done, memory_print(&folder, "%s/transfer-%s-%s-from-s1", study->options->folder, l->set->name, number));
    FORWARD_TO(done, run_open(source, &before));
    FORWARD_TO(done, run_open(folder, &after));
    after->shelf = &study->shelf;
    FORWARD_TO(done, embed_both(study, stage, l, after, before->model, result));
done:
    run_free(before);
    run_free(after);
    free(source);
    free(folder);
    return status;
}

cf_status study_transfer_features(Study *study, StudySet *set, const StudySet *other) {
    Look about = {set, other};
    StudyStage stage = {.work = look, .context = &about};
    stage.inputs = json_pack("{s:s s:s s:s s:i s:f s:i}", "before", other->trained_print[0], "after", set->tuned_print,
                             "data", set->data_print, "neighbors", study->recipe->neighbors, "min_dist",
                             study->recipe->min_dist, "formats", (int)study->options->formats);
    snprintf(stage.name, sizeof stage.name, "transfer-umap-%s", set->name);
    snprintf(stage.what, sizeof stage.what, "%s: UMAP before and after fine-tuning", set->name);
    snprintf(stage.path, sizeof stage.path, "transfer_features.%s", set->key);
    return study_do(study, &stage);
}

/* ---- Adapted to the other set, without its labels ---- */

bool study_has_adaptation(const Recipe *recipe, int sets) {
    return recipe->adaptation.seeds && sets == RECIPE_SETS;
}

/* AdaBN draws nothing: what differs between its runs is the network that it begins with. */
static int adaptations(const Recipe *recipe, const char *method) {
    const int seeds = recipe->adaptation.seeds;
    return strcmp(method, "adabn") == 0 && recipe->seeds < seeds ? recipe->seeds : seeds;
}

static cf_status configure_adaptation(const Study *study, const StudySet *set, const StudySet *other, int seed_number,
                                      const char *method, RunConfig *c) {
    const TrainOption *option = train_options;
    char *source;
    while (strcmp(option->name, "adapt") != 0) option++;
    FORWARD(train_option_set(option, method, &c->train));
    if (c->train.adapt == CF_ADABN) c->train.epochs = 1, c->train.ema = 0;
    adaptation_usual_average(&c->train);
    FORWARD(run_config_text(&c->target, set->chosen.data));
    c->target_split.mode = set->chosen.split.mode;
    c->target_split.at = set->chosen.split.at;
    c->target_split.seed = set->chosen.split.seed;
    c->target_split_given = true;
    FORWARD(study_run_folder(study, other, seed_number % study->recipe->seeds, &source));
    free(c->from);
    c->from = source;
    return CF_OK;
}

static cf_status adapt(Study *study, const StudySet *set, const StudySet *other, int seed_number, const char *method) {
    Training training = {.source_print = other->trained_print[seed_number % study->recipe->seeds], .result = RESULT_ADAPTED};
    StudyStage stage = {0};
    FORWARD(configure(other, &study->recipe->adaptation, seed_number, &training.config));
    const cf_status status = configure_adaptation(study, set, other, seed_number, method, &training.config);
    if (status) {
        run_config_free(&training.config);
        return status;
    }
    snprintf(stage.name, sizeof stage.name, "adapt-%.40s-%s-s%d", set->name, method, seed_number + 1);
    snprintf(stage.what, sizeof stage.what, "%.60s adapted to %.60s, %s, seed %llu", other->name, set->name, method,
             (unsigned long long)training.config.train.seed);
    snprintf(stage.path, sizeof stage.path, "adapt.%s-on-%s.%s[]", other->key, set->key, method);
    return study_do_training(study, other, &training, &stage);
}

/* Beside the methods stands "none": the same networks on the same images, before. */
static void put_before(Study *study, const char *way, const char *method) {
    json_t *methods = json_object_get(json_object_get(study->results, "adapt"), way), *run, *before = json_array();
    size_t i;
    json_array_foreach(json_object_get(methods, method), i, run)
        json_array_append_new(before, json_pack("{s:O s:O s:O}", "seed", json_object_get(run, "seed"), "n",
                                                json_object_get(run, "n"), "accuracy", json_object_get(run, "before")));
    json_object_set_new(methods, "none", before);
}

/* The next method of the recipe's list, which moves on behind it; false: there is none. */
static bool next_method(const char **list, char method[24]) {
    const int length = (int)strcspn(*list ? *list : "", ",");
    if (!length) return false;
    snprintf(method, 24, "%.*s", length, *list);
    *list += length + ((*list)[length] == ',');
    return true;
}

static int adapted_trainings(const Recipe *recipe) {
    char method[24];
    int count = 0;
    for (const char *list = recipe->methods; next_method(&list, method);) count += adaptations(recipe, method);
    return count;
}

cf_status study_adaptation(Study *study, StudySet *set, const StudySet *other) {
    char way[64], method[24] = "", longest[24] = "";
    int most = 0;
    snprintf(way, sizeof way, "%s-on-%s", other->key, set->key);
    for (const char *list = study->recipe->methods; next_method(&list, method);) {
        if (adaptations(study->recipe, method) > most) memcpy(longest, method, sizeof longest);
        if (adaptations(study->recipe, method) > most) most = adaptations(study->recipe, method);
        for (int s = 0; s < adaptations(study->recipe, method); s++) FORWARD(adapt(study, set, other, s, method));
    }
    put_before(study, way, longest);
    return CF_OK;
}

/* ---- Networks side by side ---- */

cf_status study_attention(Study *study, StudySet *set) {
    const Recipe *recipe = study->recipe;
    for (int m = 0; m < recipe->model_count; m++)
        for (int s = 0; s < recipe->attention.seeds; s++) {
            Training training = {.result = RESULT_BRIEF};
            StudyStage stage = {0};
            FORWARD(configure(set, &recipe->attention, s, &training.config));
            cf_status status = run_config_text(&training.config.model, recipe->models[m]);
            if (status) {
                run_config_free(&training.config);
                return status;
            }
            snprintf(stage.name, sizeof stage.name, "attention-%s-%s-s%d", set->name, recipe->names[m], s + 1);
            snprintf(stage.what, sizeof stage.what, "%s: %s, seed %llu", set->name, recipe->names[m],
                     (unsigned long long)training.config.train.seed);
            snprintf(stage.path, sizeof stage.path, "attention.%s.%s[]", set->key, recipe->names[m]);
            FORWARD(study_do_training(study, set, &training, &stage));
        }
    return CF_OK;
}

/* ---- Remedies ---- */

/* What the trainings of a case have in common; of the classes alone that the recipe names. */
static cf_status remedied_base(const Study *study, const StudySet *set, RunConfig *base) {
    char *classes = NULL;
    FORWARD(configure(set, &study->recipe->remedied, 0, base));
    cf_status status = run_config_text(&classes, study->recipe->classes);
    if (status)
        run_config_free(base);
    else
        base->split.classes = classes;
    return status;
}

static void describe_training(const RunConfig *base, const Recipe *recipe, const StudySet *set, int case_number,
                              LabTraining *t) {
    *t = (LabTraining){.base = base,
                       .limit = recipe->cases[case_number],
                       .augment = set->set->channels == 1 ? "mnist" : "svhn",
                       .steps = recipe->remedy_steps};
}

static cf_status remedy_case(Study *study, StudySet *set, const RunConfig *base, int case_number) {
    const Recipe *recipe = study->recipe;
    Remedy remedies[MOST_REMEDIES];
    RemedyRows rows;
    char label[100], path[40];
    int count;
    FORWARD(remedies_read(recipe->remedies, remedies, &count));
    snprintf(label, sizeof label, "remedies-%.40s-case%d", set->name, case_number + 1);
    snprintf(path, sizeof path, "remedies.%s.%d", set->key, case_number + 1);
    LabTraining t;
    describe_training(base, recipe, set, case_number, &t);
    for (t.number = 0; t.number < recipe->remedied.seeds; t.number++, t.draw++)
        FORWARD(lab_train_all(study, set, &t, remedies, count, label, path));
    json_t *all = lab_remedies(study->results, path, remedies, count);
    cf_status status = remedy_rows_new(all, &rows);
    if (status) {
        json_decref(all);
        return status;
    }
    json_t *of_set = json_object_get(json_object_get(study->results, "remedies"), set->key);
    snprintf(path, sizeof path, "%d", case_number + 1);
    json_object_set_new(of_set, path, all);
    snprintf(path, sizeof path, "best-%d", case_number + 1);
    json_object_set_new(of_set, path, json_string(rows.rows[rows.best].name));
    remedy_rows_free(&rows);
    return CF_OK;
}

/* All images need no remedy. */
cf_status study_remedies(Study *study, StudySet *set) {
    RunConfig base;
    if (!study->recipe->remedied.seeds) return CF_OK;
    FORWARD(remedied_base(study, set, &base));
    cf_status status = CF_OK;
    for (int c = 0; c < study->recipe->case_count && !status; c++)
        if (study->recipe->cases[c][0]) status = remedy_case(study, set, &base, c);
    run_config_free(&base);
    json_object_del(study->results, "before");
    return status;
}

static cf_status check_remedies(const Study *study, const StudySet *set) {
    const Recipe *recipe = study->recipe;
    Remedy remedies[MOST_REMEDIES];
    RunConfig base;
    int count;
    if (!recipe->remedied.seeds) return CF_OK;
    FORWARD(remedies_read(recipe->remedies, remedies, &count));
    FORWARD(remedied_base(study, set, &base));
    cf_status status = CF_OK;
    for (int c = 0; c < recipe->case_count && !status; c++) {
        LabTraining t;
        describe_training(&base, recipe, set, c, &t);
        if (recipe->cases[c][0]) status = lab_check_remedies(&t, set->set, remedies, count);
    }
    run_config_free(&base);
    return status;
}

/* How many cases have remedies, and how many trainings each of them. */
static int remedy_trainings(const Recipe *recipe, int *cases) {
    Remedy remedies[MOST_REMEDIES];
    int count;
    *cases = 0;
    if (!recipe->remedied.seeds || remedies_read(recipe->remedies, remedies, &count)) return 0;
    for (int c = 0; c < recipe->case_count; c++) *cases += recipe->cases[c][0] != '\0';
    return recipe->remedied.seeds * lab_trained(remedies, count);
}

/* ---- All of them ---- */

cf_status study_check_sections(const Study *study, const StudySet *set) {
    const Recipe *recipe = study->recipe;
    cf_split *split;
    for (int i = 0; study_has_transfer(recipe, study->set_count) && i < recipe->size_count; i++) {
        cf_split_options options = set->chosen.split;
        char *limit;
        FORWARD(limit_of(set, recipe->sizes[i], &limit));
        options.train_limit = limit;
        cf_status status = cf_split_new(set->set, &options, &split);
        free(limit);
        FORWARD(status);
        cf_split_free(split);
    }
    for (int m = 0; m < recipe->model_count; m++) {
        cf_model *model = NULL;
        FORWARD(cf_split_new(set->set, &set->chosen.split, &split));
        cf_status status = cf_model_new(recipe->models[m], split, 1, &model);
        cf_model_free(model);
        cf_split_free(split);
        if (status) return status_prefix(status, "attention: %s", recipe->names[m]);
    }
    return check_remedies(study, set);
}

int study_section_stages(const Recipe *recipe, int sets) {
    const int ways = study_has_transfer(recipe, sets) ? sets : 0;
    int cases;
    const int remedied = remedy_trainings(recipe, &cases);
    return (study_has_adaptation(recipe, sets) ? sets * adapted_trainings(recipe) : 0) + sets * cases * remedied + ways * (2 * recipe->size_count * recipe->transfer.seeds + recipe->features) +
           sets * recipe->model_count * recipe->attention.seeds;
}

double study_section_images(const Study *study, const StudySet *set, double train_images) {
    const Recipe *recipe = study->recipe;
    cf_train_options tuned = set->chosen.train, compared = tuned;
    double images = 0;
    if (recipe_lay(recipe->transfer.train, &tuned) || recipe_lay(recipe->attention.train, &compared)) return 0;
    for (int i = 0; study_has_transfer(recipe, study->set_count) && i < recipe->size_count; i++) {
        const double few = (double)recipe->sizes[i] * set->set->classes;
        images += 2 * recipe->transfer.seeds * epochs_of(recipe, &tuned, set, recipe->sizes[i]) *
                  (recipe->sizes[i] ? fmin(few, train_images) : train_images);
    }
    int cases;
    const int remedied = remedy_trainings(recipe, &cases);
    images += (double)cases * remedied * recipe->remedy_steps * set->chosen.train.batch;
    return images + recipe->model_count * recipe->attention.seeds * compared.epochs * train_images;
}
