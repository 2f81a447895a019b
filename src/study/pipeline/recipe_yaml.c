/* A recipe from YAML; recipes/paper.yaml shows every key.
 *
 * The options of training are those of the table (train/train_options.h), taken as texts.
 */
#include "study/pipeline/recipe.h"

#include "base/limits.h"
#include "base/text.h"
#include "base/yaml.h"
#include "study/imbalance/remedies.h"
#include "study/ledger/claims.h"
#include "train/train_options.h"

#include <stdlib.h>
#include <string.h>

typedef struct YamlTrain {
    const char *texts[MOST_TRAIN_OPTIONS]; /* in the order of the table; NULL: not given */
} YamlTrain;

typedef struct YamlFeatures {
    int neighbors;
    double min_dist;
} YamlFeatures;

typedef struct YamlModel {
    const char *name, *model;
} YamlModel;

/* Any section that compares seed by seed; which of these it may have is its table's to say. */
typedef struct YamlSection {
    const char **classes, **cases, **list, *augment_with; /* list: of remedies, sizes or methods */
    YamlModel *models;
    unsigned classes_count, cases_count, list_count, models_count;
    int seeds, steps;
    YamlTrain train;
} YamlSection;

typedef struct YamlRecipe {
    const char **data, *model, *from, *split, *grid, *claims;
    unsigned data_count;
    bool prune, cross;
    int seeds, splits;
    int64_t images;
    YamlTrain train, final;
    YamlFeatures features;
    YamlSection imbalance, transfer, adaptation, attention;
} YamlRecipe;

static YamlKey train_keys[MOST_TRAIN_OPTIONS + 1]; /* name_options fills it */
static const YamlKey features_keys[] = {{"neighbors", YAML_INT, YAML_AT(YamlFeatures, neighbors)},
                                        {"min_dist", YAML_NUMBER, YAML_AT(YamlFeatures, min_dist)},
                                        {.name = NULL}};
static const YamlKey model_keys[] = {{"name", YAML_TEXT, YAML_AT(YamlModel, name), .needed = true},
                                     {"model", YAML_TEXT, YAML_AT(YamlModel, model), .needed = true},
                                     {.name = NULL}};
static const YamlKey imbalance_keys[] = {
    {"classes", YAML_TEXT, YAML_LIST(YamlSection, classes, 1, MAX_CLASSES), .needed = true},
    {"cases", YAML_TEXT, YAML_LIST(YamlSection, cases, 1, RECIPE_CASES), .needed = true},
    {"remedies", YAML_TEXT, YAML_LIST(YamlSection, list, 1, MOST_REMEDIES)},
    {"augment_with", YAML_TEXT, YAML_AT(YamlSection, augment_with)},
    {"steps", YAML_INT, YAML_AT(YamlSection, steps)},
    {"seeds", YAML_INT, YAML_AT(YamlSection, seeds)},
    {"train", YAML_MAPPING, YAML_AT(YamlSection, train), .keys = train_keys},
    {.name = NULL}};
static const YamlKey transfer_keys[] = {
    {"sizes", YAML_TEXT, YAML_LIST(YamlSection, list, 1, RECIPE_SIZES), .needed = true},
    {"steps", YAML_INT, YAML_AT(YamlSection, steps)},
    {"seeds", YAML_INT, YAML_AT(YamlSection, seeds)},
    {"train", YAML_MAPPING, YAML_AT(YamlSection, train), .keys = train_keys},
    {.name = NULL}};
static const YamlKey adaptation_keys[] = {
    {"methods", YAML_TEXT, YAML_LIST(YamlSection, list, 1, RECIPE_METHODS), .needed = true},
    {"seeds", YAML_INT, YAML_AT(YamlSection, seeds)},
    {"train", YAML_MAPPING, YAML_AT(YamlSection, train), .keys = train_keys},
    {.name = NULL}};
static const YamlKey attention_keys[] = {
    {"models", YAML_MAPPINGS(YamlSection, models, 2, RECIPE_MODELS, model_keys), .needed = true},
    {"seeds", YAML_INT, YAML_AT(YamlSection, seeds)},
    {"train", YAML_MAPPING, YAML_AT(YamlSection, train), .keys = train_keys},
    {.name = NULL}};
static const YamlKey recipe_keys[] = {
    {"data", YAML_TEXT, YAML_LIST(YamlRecipe, data, 1, RECIPE_MOST_SETS)},
    {"images", YAML_WHOLE, YAML_AT(YamlRecipe, images), .or_null = true},
    {"model", YAML_TEXT, YAML_AT(YamlRecipe, model)},
    {"from", YAML_TEXT, YAML_AT(YamlRecipe, from)},
    {"split", YAML_TEXT, YAML_AT(YamlRecipe, split)},
    {"grid", YAML_TEXT, YAML_AT(YamlRecipe, grid)},
    {"claims", YAML_TEXT, YAML_AT(YamlRecipe, claims)},
    {"prune", YAML_BOOL, YAML_AT(YamlRecipe, prune)},
    {"cross", YAML_BOOL, YAML_AT(YamlRecipe, cross)},
    {"seeds", YAML_INT, YAML_AT(YamlRecipe, seeds)},
    {"splits", YAML_INT, YAML_AT(YamlRecipe, splits)},
    {"train", YAML_MAPPING, YAML_AT(YamlRecipe, train), .keys = train_keys},
    {"final", YAML_MAPPING, YAML_AT(YamlRecipe, final), .keys = train_keys},
    {"features", YAML_MAPPING, YAML_AT(YamlRecipe, features), .keys = features_keys, .or_null = true},
    {"imbalance", YAML_MAPPING, YAML_AT(YamlRecipe, imbalance), .keys = imbalance_keys, .or_null = true},
    {"transfer", YAML_MAPPING, YAML_AT(YamlRecipe, transfer), .keys = transfer_keys, .or_null = true},
    {"adaptation", YAML_MAPPING, YAML_AT(YamlRecipe, adaptation), .keys = adaptation_keys, .or_null = true},
    {"attention", YAML_MAPPING, YAML_AT(YamlRecipe, attention), .keys = attention_keys, .or_null = true},
    {.name = NULL}};

/* The keys of the table; the same whenever it is done. */
static void name_options(void) {
    for (unsigned i = 0; train_options[i].name; i++)
        train_keys[i] = (YamlKey){train_options[i].name, YAML_TEXT, YAML_AT(YamlTrain, texts[i])};
}

/* ---- Training ---- */

/* Lays the given options over `train`, each checked, so that a bad one is told with its line; and collects them in `kept`. */
static cf_status lay_train(const Yaml *yaml, const char *section, const YamlTrain *given, cf_train_options *train,
                           json_t *kept) {
    for (int i = 0; train_options[i].name; i++) {
        const TrainOption *option = &train_options[i];
        if (!given->texts[i]) continue;
        if (train_option_set(option, given->texts[i], train))
            return yaml_at(yaml, &given->texts[i], status_prefix(CF_BAD_INPUT, "%s.%s", section, option->name));
        if (kept) json_object_set_new(kept, option->name, train_option_json(option, train));
    }
    return CF_OK;
}

/* Options that will be laid over what the search finds; here over anything, to be checked. */
static cf_status keep_train(const Yaml *yaml, const char *section, const YamlTrain *given, json_t **kept) {
    cf_train_options any = cf_train_defaults();
    *kept = json_object();
    return lay_train(yaml, section, given, &any, *kept);
}

/* ---- Sections ---- */

/* What all that compare seed by seed have. */
static cf_status take_section(const Yaml *yaml, const char *name, const YamlSection *given, RecipeSection *section) {
    section->seeds = given->seeds;
    section->steps = given->steps;
    if (section->seeds < 2 || section->seeds > RECIPE_MOST_SEEDS)
        return yaml_at(yaml, &given->seeds,
                       FAIL(CF_BAD_INPUT, "%s: 2 to %d seeds expected, from which intervals are made; found %d", name,
                            RECIPE_MOST_SEEDS, section->seeds));
    if (section->steps < 1 || section->steps > MOST_EPOCHS)
        return yaml_at(yaml, &given->steps,
                       FAIL(CF_BAD_INPUT, "%s: 1 to %d steps expected, found %d", name, MOST_EPOCHS, section->steps));
    return yaml_line(yaml, &given->train) ? keep_train(yaml, name, &given->train, &section->train) : CF_OK;
}

/* Words with commas between them, in a new string. */
static cf_status join_words(const char *const *words, unsigned count, char **list) {
    FORWARD(memory_copy_string(words[0], list));
    for (unsigned i = 1; i < count; i++) {
        AUTO_FREE char *shorter = memory_take(list);
        FORWARD(memory_print(list, "%s,%s", shorter, words[i]));
    }
    return CF_OK;
}

/* Remedies have their names checked here, where the line is known. */
static cf_status take_imbalance(const Yaml *yaml, const YamlSection *given, Recipe *recipe) {
    Remedy remedies[MOST_REMEDIES];
    int count;
    FORWARD(join_words(given->classes, given->classes_count, &recipe->classes));
    recipe->case_count = (int)given->cases_count;
    for (int i = 0; i < recipe->case_count; i++)
        FORWARD(run_config_text(&recipe->cases[i], strcmp(given->cases[i], "all") == 0 ? "" : given->cases[i]));
    if (given->classes_count < 2)
        return yaml_at(yaml, &given->classes, FAIL(CF_BAD_INPUT, "two classes or more expected, found one"));
    if (!given->list_count) return CF_OK;
    FORWARD(join_words(given->list, given->list_count, &recipe->remedies));
    FORWARD(run_config_text(&recipe->augment_with, given->augment_with));
    FORWARD(yaml_at(yaml, &given->list, remedies_read(recipe->remedies, remedies, &count)));
    return take_section(yaml, "imbalance", given, &recipe->remedied);
}

static cf_status take_transfer(const Yaml *yaml, const YamlSection *given, Recipe *recipe) {
    recipe->size_count = (int)given->list_count;
    for (int i = 0; i < recipe->size_count; i++) {
        long long size = 0;
        if (strcmp(given->list[i], "all") != 0 && !text_to_integer(given->list[i], 1, UINT32_MAX, &size))
            return yaml_at(
                yaml, &given->list[i],
                FAIL(CF_BAD_INPUT, "sizes: numbers of images per class, or all, expected, found %s", given->list[i]));
        recipe->sizes[i] = size;
    }
    return take_section(yaml, "transfer", given, &recipe->transfer);
}

/* DANN wants another network, with an output for the domain. */
static cf_status take_adaptation(const Yaml *yaml, const YamlSection *given, Recipe *recipe) {
    static const char *const known[] = {"adabn", "coral", "mean-teacher", "self-train", NULL};
    for (unsigned m = 0; m < given->list_count; m++) {
        int k = 0;
        while (known[k] && strcmp(known[k], given->list[m]) != 0) k++;
        if (!known[k])
            return yaml_at(yaml, &given->list[m],
                           FAIL(CF_BAD_INPUT, "methods: adabn, coral, mean-teacher or self-train expected, found %.40s",
                                given->list[m]));
    }
    FORWARD(join_words(given->list, given->list_count, &recipe->methods));
    return take_section(yaml, "adaptation", given, &recipe->adaptation);
}

static cf_status take_attention(const Yaml *yaml, const YamlSection *given, Recipe *recipe) {
    for (unsigned i = 0; i < given->models_count; i++) {
        const int last = recipe->model_count++;
        FORWARD(run_config_text(&recipe->names[last], given->models[i].name));
        FORWARD(run_config_text(&recipe->models[last], given->models[i].model));
    }
    return take_section(yaml, "attention", given, &recipe->attention);
}

/* ---- The rest ---- */

/* A space, or a file of claims: beside the recipe, unless it is there as it is named. */
static cf_status take_file(const char *recipe_path, const char *name, bool built_in, char **file) {
    const size_t folder = (size_t)(file_base_name(recipe_path) - recipe_path);
    if (strcmp(name, "none") == 0) return run_config_text(file, NULL);
    if (built_in || file_exists(name) || !folder) return run_config_text(file, name);
    free(memory_take(file));
    return memory_print(file, "%.*s%s", (int)folder, recipe_path, name);
}

/* A search draws its weights. The file is known by its checksum from now on. */
static cf_status take_source(const YamlRecipe *given, Recipe *recipe) {
    RunConfig *base = &recipe->base;
    AUTO_FREE char *path = NULL;
    FAIL_IF(!given->model || recipe->grid, CF_BAD_INPUT,
            "weights of another network are for a recipe that names its model, and has no grid");
    FORWARD(run_config_text(&base->from, given->from));
    FORWARD(transfer_path(base->from, &path));
    return transfer_sha256(path, base->source.sha256);
}

/* `line`: the recipe's own model, NULL: none. */
static cf_status read_space(Recipe *recipe, const char *line) {
    Space *space = &recipe->space;
    FORWARD(space_read(recipe->grid, space));
    if (!line || strcmp(line, space->name) == 0) return CF_OK;
    FORWARD(run_config_text(&space->model, line));
    const cf_status status = space_check(space);
    if (!status) return CF_OK;
    return status_prefix(status == CF_BAD_USE ? CF_BAD_INPUT : status, "model: %s with the grid %s", line, recipe->grid);
}

static cf_status fill_recipe(const Yaml *yaml, const char *path, const YamlRecipe *given, Recipe *recipe) {
    for (unsigned i = 0; i < given->data_count; i++) FORWARD(run_config_text(&recipe->data[i], given->data[i]));
    recipe->images = given->images;
    if (yaml_line(yaml, &given->images) && (given->images < 1 || given->images > UINT32_MAX))
        return yaml_at(yaml, &given->images,
                       FAIL(CF_BAD_INPUT,
                            "images: 1 to %u training images of each set expected, or null for all; found %lld",
                            UINT32_MAX, (long long)given->images));
    if (given->model) FORWARD(run_config_text(&recipe->base.model, given->model));
    if (given->split) FORWARD(yaml_at(yaml, &given->split, split_from_text(given->split, &recipe->base.split)));
    if (given->grid) FORWARD(take_file(path, given->grid, strcmp(given->grid, "paper") == 0, &recipe->grid));
    if (given->claims)
        FORWARD(take_file(path, given->claims, yaml_built_in(claim_files, given->claims) != NULL, &recipe->claims));
    if (given->from) FORWARD(yaml_at(yaml, &given->from, take_source(given, recipe)));
    if (recipe->grid) FORWARD(yaml_at(yaml, &given->grid, read_space(recipe, given->model)));
    recipe->prune = given->prune;
    recipe->cross = given->cross;
    recipe->splits = given->splits;
    recipe->seeds = yaml_line(yaml, &given->seeds) ? given->seeds : given->splits;
    recipe->features = yaml_line(yaml, &given->features) > 0;
    recipe->neighbors = given->features.neighbors;
    recipe->min_dist = given->features.min_dist;
    FORWARD(lay_train(yaml, "train", &given->train, &recipe->base.train, NULL));
    if (yaml_line(yaml, &given->final)) FORWARD(keep_train(yaml, "final", &given->final, &recipe->final));
    if (yaml_line(yaml, &given->transfer)) FORWARD(take_transfer(yaml, &given->transfer, recipe));
    if (yaml_line(yaml, &given->adaptation)) FORWARD(take_adaptation(yaml, &given->adaptation, recipe));
    if (yaml_line(yaml, &given->attention)) FORWARD(take_attention(yaml, &given->attention, recipe));
    return yaml_line(yaml, &given->imbalance) ? take_imbalance(yaml, &given->imbalance, recipe) : CF_OK;
}

cf_status recipe_read(const char *name_or_path, Recipe *recipe) {
    AUTO(yaml_free_at) Yaml *yaml = NULL;
    AUTO(recipe_free) Recipe made = {0};
    FORWARD(recipe_new(&made));
    YamlRecipe given = {.splits = made.splits,
                        .features = {made.neighbors, made.min_dist},
                        .imbalance = {.seeds = 3, .steps = 400},
                        .transfer = {.seeds = 3, .steps = 30},
                        .adaptation = {.seeds = 3, .steps = 1},
                        .attention = {.seeds = 3, .steps = 1}};
    name_options();
    FORWARD(yaml_read(recipe_files, name_or_path, recipe_keys, &given, &yaml));
    FORWARD(fill_recipe(yaml, name_or_path, &given, &made));
    memory_free(&made.name);
    FORWARD(file_stem(name_or_path, &made.name));
    *recipe = made;
    made = (Recipe){0};
    return CF_OK;
}
