/* What is compared seed by seed on the images of a set: networks adapted to it without its labels; networks side by side; remedies for
 * few images of one class. */
#include "study/pipeline/study_inside.h"

#include "base/text.h"
#include "study/imbalance/lab.h"
#include "study/ledger/study_results.h"
#include "study/pipeline/study_figures.h"
#include "train/adaptation/adaptation.h"
#include "train/train_options.h"

#include <stdlib.h>
#include <string.h>

/* Every epoch is decided beforehand: so few images leave none over to choose one by. */
cf_status study_configure_section(const Study *study, const StudySet *set, const RecipeSection *section,
                                  int seed_number, RunConfig *config) {
    FORWARD(run_config_copy(&set->chosen, config));
    FORWARD(recipe_lay(section->train, &config->train));
    config->train.seed += (uint64_t)seed_number;
    config->split.seed += recipe_split(study->recipe, seed_number);
    config->source = (SourceRecord){0};
    config->train.patience = 0;
    config->train.stop_on = CF_STOP_ON_LAST;
    return run_config_text(&config->from, NULL);
}

/* ---- Adapted, without labels ---- */

/* AdaBN draws nothing: what differs between its runs is the network that it begins with. */
static int adaptations(const Recipe *recipe, const char *method) {
    const int seeds = recipe->adaptation.seeds;
    return strcmp(method, "adabn") == 0 && recipe->seeds < seeds ? recipe->seeds : seeds;
}

/* The next method of the recipe's list, which moves on behind it; false: there is none. */
static bool next_method(const char **list, char method[24]) {
    const int length = (int)strcspn(*list ? *list : "", ",");
    if (!length) return false;
    snprintf(method, 24, "%.*s", length, *list);
    *list += length + ((*list)[length] == ',');
    return true;
}

static int count_adaptations(const Study *study) {
    char method[24];
    int count = 0;
    for (const char *list = study->recipe->methods; next_method(&list, method);)
        count += adaptations(study->recipe, method);
    return count;
}

/* A batch of the target goes beside each of the network's own set. */
static void load_adaptations(const Study *study, const StudyPlace *place, StudyLoad *load) {
    cf_train_options options = place->set->chosen.train;
    if (recipe_lay(study->recipe->adaptation.train, &options)) return;
    estimate_images(2 * count_adaptations(study) * options.epochs * load->train, load);
}

static cf_status configure_adaptation(const Study *study, const StudyPlace *place, int seed_number, const char *method,
                                      RunConfig *c) {
    const TrainOption *option = train_options;
    const StudySet *set = place->set;
    const int source = seed_number % study->recipe->seeds;
    FORWARD(study_configure_section(study, place->from, &study->recipe->adaptation, source, c));
    c->train.seed += (uint64_t)(seed_number - source);
    while (strcmp(option->name, "adapt") != 0) option++;
    FORWARD(train_option_set(option, method, &c->train));
    if (c->train.adapt == CF_ADABN) c->train.epochs = 1, c->train.ema = 0;
    adaptation_usual_average(&c->train);
    FORWARD(run_config_text(&c->target, set->chosen.data));
    c->target_split.mode = set->chosen.split.mode;
    c->target_split.at = set->chosen.split.at;
    c->target_split.seed = set->chosen.split.seed + recipe_split(study->recipe, source);
    c->target_split_given = true;
    return study_run_folder(study, place->from, source, &c->from);
}

static cf_status prepare_adaptation(Study *study, StudyStage *stage) {
    const StudySet *set = stage->place.set, *from = stage->place.from;
    Training *training = &stage->training;
    int number = stage->place.number;
    char method[24];
    for (const char *list = study->recipe->methods;
         next_method(&list, method) && number >= adaptations(study->recipe, method);)
        number -= adaptations(study->recipe, method);
    training->result = RESULT_ADAPTED;
    training->target = true;
    memcpy(training->source_print, from->trained_print[number % study->recipe->seeds], SHA256_HEX);
    FORWARD(configure_adaptation(study, &stage->place, number, method, &training->config));
    snprintf(stage->name, sizeof stage->name, "adapt-%s-%s-s%d", stage->place.key, method, number + 1);
    snprintf(stage->what, sizeof stage->what, "%s adapted to %s, %s, seed %llu", from->name, set->name, method,
             (unsigned long long)training->config.train.seed);
    snprintf(stage->path, sizeof stage->path, "adapt.%s.%s[]", stage->place.key, method);
    return CF_OK;
}

/* Beside the methods stands "none": the same networks on the same images, before, as often as the method with most runs. */
static cf_status finish_adaptations(Study *study, const StudyPlace *place) {
    const char *method;
    json_t *runs, *run, *most = NULL, *before = json_array();
    size_t i;
    json_t *methods = study_result(study, "adapt", place->key);
    json_object_foreach(methods, method, runs) if (json_array_size(runs) > json_array_size(most)) most = runs;
    json_array_foreach(most, i, run)
        json_array_append_new(before, json_pack("{s:O s:O s:O}", "seed", json_object_get(run, "seed"), "n",
                                                json_object_get(run, "n"), "accuracy", json_object_get(run, "before")));
    json_object_set_new(methods, "none", before);
    return CF_OK;
}

const StageKind study_adaptation_kind = {.key = "adaptation",
                                         .pairs = true,
                                         .shared = true,
                                         .count = count_adaptations,
                                         .load = load_adaptations,
                                         .prepare = prepare_adaptation,
                                         .finish = finish_adaptations};

/* ---- Networks side by side ---- */

static int count_networks(const Study *study) {
    return study->recipe->model_count * study->recipe->attention.seeds;
}

static cf_status check_networks(const Study *study, const StudyPlace *place) {
    for (int m = 0; m < study->recipe->model_count; m++) {
        const cf_status status = study_try(place->set, &place->set->chosen.split, study->recipe->models[m], false);
        if (status) return status_prefix(status, "attention: %s", study->recipe->names[m]);
    }
    return CF_OK;
}

static void load_networks(const Study *study, const StudyPlace *place, StudyLoad *load) {
    cf_train_options options = place->set->chosen.train;
    if (recipe_lay(study->recipe->attention.train, &options)) return;
    estimate_images(count_networks(study) * options.epochs * load->train, load);
}

static cf_status prepare_network(Study *study, StudyStage *stage) {
    const Recipe *recipe = study->recipe;
    const StudySet *set = stage->place.set;
    const int model = stage->place.number / recipe->attention.seeds,
              seed = stage->place.number % recipe->attention.seeds;
    RunConfig *config = &stage->training.config;
    stage->training.result = RESULT_BRIEF;
    FORWARD(study_configure_section(study, set, &recipe->attention, seed, config));
    FORWARD(run_config_text(&config->model, recipe->models[model]));
    snprintf(stage->name, sizeof stage->name, "attention-%s-%s-s%d", set->name, recipe->names[model], seed + 1);
    snprintf(stage->what, sizeof stage->what, "%s: %s, seed %llu", set->name, recipe->names[model],
             (unsigned long long)config->train.seed);
    snprintf(stage->path, sizeof stage->path, "attention.%s.%s[]", set->name, recipe->names[model]);
    return CF_OK;
}

static cf_status draw_networks(const Study *study, const FigureBook *book, const char *name, const StudyPlace *place) {
    json_t *models = study_result(study, "attention", place->set->name);
    char title[200];
    snprintf(title, sizeof title, "%s: each network, mean over the seeds with its 95 %% interval", place->set->name);
    return models ? figure_attention(book, name, title, models) : CF_OK;
}

const StageKind study_attention_kind = {.key = "attention",
                                        .count = count_networks,
                                        .check = check_networks,
                                        .load = load_networks,
                                        .prepare = prepare_network,
                                        .draw = draw_networks};

/* ---- Remedies ---- */

/* The trainings that the recipe's remedies take: MOST_REMEDIES of them at most. */
static int trained_remedies(const Recipe *recipe, Remedy trained[MOST_REMEDIES]) {
    Remedy remedies[MOST_REMEDIES];
    int count;
    if (!recipe->remedied.seeds || remedies_read(recipe->remedies, remedies, &count)) return 0;
    return lab_trained(remedies, count, trained);
}

/* The recipe's number of the case with that number among those that have remedies: all images need none. */
static int remedied_case(const Recipe *recipe, int number) {
    int c = 0;
    while (c < recipe->case_count && (!recipe->cases[c][0] || number-- > 0)) c++;
    return c;
}

static int count_remedies(const Study *study) {
    Remedy trained[MOST_REMEDIES];
    int cases = 0;
    for (int c = 0; c < study->recipe->case_count; c++) cases += study->recipe->cases[c][0] != '\0';
    return cases * study->recipe->remedied.seeds * trained_remedies(study->recipe, trained);
}

/* What the trainings of a case have in common; of the classes alone that the recipe names. `base` begins zeroed; release it. */
static cf_status describe_training(const Study *study, const StudySet *set, int case_number, RunConfig *base,
                                   LabTraining *t) {
    *t = (LabTraining){.base = base,
                       .limit = study->recipe->cases[case_number],
                       .augment = study->recipe->augment_with ? study->recipe->augment_with
                                  : set->set->channels == 1   ? "mnist"
                                                              : "svhn",
                       .steps = study->recipe->remedied.steps};
    FORWARD(study_configure_section(study, set, &study->recipe->remedied, 0, base));
    return run_config_split_text(&base->split.classes, study->recipe->classes);
}

static cf_status check_remedies(const Study *study, const StudyPlace *place) {
    Remedy remedies[MOST_REMEDIES];
    int count;
    FORWARD(remedies_read(study->recipe->remedies, remedies, &count));
    for (int c = 0; c < study->recipe->case_count; c++) {
        AUTO(run_config_free) RunConfig base = {0};
        LabTraining t;
        if (!study->recipe->cases[c][0]) continue;
        FORWARD(describe_training(study, place->set, c, &base, &t));
        FORWARD(lab_check_remedies(&t, place->set->set, remedies, count));
    }
    return CF_OK;
}

static void load_remedies(const Study *study, const StudyPlace *place, StudyLoad *load) {
    estimate_images((double)count_remedies(study) * study->recipe->remedied.steps * place->set->chosen.train.batch,
                    load);
}

/* By case, seed, remedy. */
static cf_status prepare_remedy(Study *study, StudyStage *stage) {
    const Recipe *recipe = study->recipe;
    const StudySet *set = stage->place.set;
    Remedy trained[MOST_REMEDIES];
    const int each = trained_remedies(recipe, trained), draw = stage->place.number / each,
              case_number = remedied_case(recipe, draw / recipe->remedied.seeds);
    char label[100], path[100];
    AUTO(run_config_free) RunConfig base = {0};
    LabTraining t;
    snprintf(label, sizeof label, "remedies-%.40s-case%d", set->name, case_number + 1);
    snprintf(path, sizeof path, "remedies.%s.%d", set->name, case_number + 1);
    FORWARD(describe_training(study, set, case_number, &base, &t));
    t.number = t.draw = draw % recipe->remedied.seeds;
    t.remedy = &trained[stage->place.number % each];
    return lab_prepare(study, &t, label, path, stage);
}

/* Into results["best_remedy"]: by the validation images. */
static cf_status finish_case(Study *study, const StudySet *set, int case_number) {
    Remedy remedies[MOST_REMEDIES];
    AUTO(remedy_rows_free) RemedyRows rows = {0};
    char key[16], path[160];
    int count;
    FORWARD(remedies_read(study->recipe->remedies, remedies, &count));
    snprintf(key, sizeof key, "%d", case_number + 1);
    snprintf(path, sizeof path, "remedies.%s.%s", set->name, key);
    json_auto_t *all = lab_remedies(study->results, path, remedies, count);
    FORWARD(study_put_result(study, path, all));
    FORWARD(remedy_rows_new(all, &rows));
    snprintf(path, sizeof path, "best_remedy.%s.%s", set->name, key);
    json_auto_t *best = json_pack("{s:b}", rows.rows[rows.best].name, 1);
    return study_put_result(study, path, best);
}

static cf_status finish_remedies(Study *study, const StudyPlace *place) {
    for (int c = 0; c < study->recipe->case_count; c++)
        if (study->recipe->cases[c][0]) FORWARD(finish_case(study, place->set, c));
    json_object_del(study->results, "before");
    return CF_OK;
}

static cf_status draw_remedies(const Study *study, const FigureBook *book, const char *name, const StudyPlace *place) {
    const json_t *cases = study_result(study, "remedies", place->key);
    (void)name; /* of the kind: a case has a figure of its own */
    for (int i = 0; i < study->recipe->case_count; i++) {
        const json_t *remedies = study_case(cases, i);
        char own[160];
        snprintf(own, sizeof own, "remedies-%s-case%d", place->key, i + 1);
        if (remedies) FORWARD(figure_remedies(book, own, place->key, study->recipe->cases[i], remedies));
    }
    return CF_OK;
}

const StageKind study_remedies_kind = {.key = "imbalance",
                                       .count = count_remedies,
                                       .check = check_remedies,
                                       .load = load_remedies,
                                       .prepare = prepare_remedy,
                                       .finish = finish_remedies,
                                       .draw = draw_remedies};
