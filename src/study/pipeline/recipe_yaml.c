/* A recipe from YAML; recipes/paper.yaml shows every key.
 *
 * The options of training are those of the table (train/train_options.h), taken as texts.
 */
#include "study/pipeline/recipe.h"

#include "base/json_text.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/yaml.h"
#include "study/imbalance/remedies.h"
#include "study/ledger/claims.h"
#include "train/train_options.h"

#include <stdlib.h>
#include <string.h>

typedef struct YamlTrain {
    char *texts[MOST_TRAIN_OPTIONS]; /* in the order of the table; NULL: not given */
} YamlTrain;

typedef struct YamlFeatures {
    int *neighbors;
    double *min_dist;
} YamlFeatures;

typedef struct YamlModel {
    char *name, *model;
} YamlModel;

/* Any section that compares seed by seed; which of these it may have is its schema's to say. */
typedef struct YamlSection {
    char **classes, **cases, **list; /* list: of remedies, sizes or methods */
    YamlModel *models;
    unsigned classes_count, cases_count, list_count, models_count;
    char *augment_with;
    int *seeds, *steps;
    YamlTrain *train;
} YamlSection;

typedef struct YamlRecipe {
    char **data, *model, *from, *split, *grid, *claims;
    unsigned data_count;
    bool *prune, *cross;
    int *seeds, *splits;
    int64_t *images;
    YamlTrain *train, *final;
    YamlFeatures *features;
    YamlSection *imbalance, *transfer, *adaptation, *attention;
} YamlRecipe;

#define POSSIBLE               (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define POSSIBLE_OR_NONE       (CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL)
#define TEXT(type, key)        CYAML_FIELD_STRING_PTR(#key, POSSIBLE, type, key, 1, CYAML_UNLIMITED)

static const cyaml_schema_value_t text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};
static cyaml_schema_field_t train_fields[MOST_TRAIN_OPTIONS]; /* name_options fills it */
static const cyaml_schema_field_t features_fields[] = {
    CYAML_FIELD_INT_PTR("neighbors", POSSIBLE, YamlFeatures, neighbors),
    CYAML_FIELD_FLOAT_PTR("min_dist", POSSIBLE, YamlFeatures, min_dist), CYAML_FIELD_END};
static const cyaml_schema_field_t model_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, YamlModel, name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("model", CYAML_FLAG_POINTER, YamlModel, model, 1, CYAML_UNLIMITED), CYAML_FIELD_END};
static const cyaml_schema_value_t model_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, YamlModel, model_fields)};
#define WORDS(flags, key, member, most) CYAML_FIELD_SEQUENCE(key, flags, YamlSection, member, &text_schema, 1, most)
#define STEPS                           CYAML_FIELD_INT_PTR("steps", POSSIBLE, YamlSection, steps)
#define SEEDS_AND_TRAIN                                                                                                \
    CYAML_FIELD_INT_PTR("seeds", POSSIBLE, YamlSection, seeds),                                                        \
        CYAML_FIELD_MAPPING_PTR("train", POSSIBLE, YamlSection, train, train_fields), CYAML_FIELD_END
static const cyaml_schema_field_t imbalance_fields[] = {WORDS(CYAML_FLAG_POINTER, "classes", classes, MAX_CLASSES),
                                                        WORDS(CYAML_FLAG_POINTER, "cases", cases, RECIPE_CASES),
                                                        WORDS(POSSIBLE, "remedies", list, MOST_REMEDIES),
                                                        TEXT(YamlSection, augment_with),
                                                        STEPS,
                                                        SEEDS_AND_TRAIN};
static const cyaml_schema_field_t transfer_fields[] = {WORDS(CYAML_FLAG_POINTER, "sizes", list, RECIPE_SIZES), STEPS,
                                                       SEEDS_AND_TRAIN};
static const cyaml_schema_field_t adaptation_fields[] = {WORDS(CYAML_FLAG_POINTER, "methods", list, RECIPE_METHODS),
                                                         SEEDS_AND_TRAIN};
static const cyaml_schema_field_t attention_fields[] = {
    CYAML_FIELD_SEQUENCE("models", CYAML_FLAG_POINTER, YamlSection, models, &model_schema, 2, RECIPE_MODELS),
    SEEDS_AND_TRAIN};
static const cyaml_schema_field_t recipe_fields[] = {
    CYAML_FIELD_SEQUENCE("data", POSSIBLE, YamlRecipe, data, &text_schema, 1, RECIPE_MOST_SETS),
    CYAML_FIELD_INT_PTR("images", POSSIBLE_OR_NONE, YamlRecipe, images),
    TEXT(YamlRecipe, model),
    TEXT(YamlRecipe, from),
    TEXT(YamlRecipe, split),
    TEXT(YamlRecipe, grid),
    TEXT(YamlRecipe, claims),
    CYAML_FIELD_BOOL_PTR("prune", POSSIBLE, YamlRecipe, prune),
    CYAML_FIELD_BOOL_PTR("cross", POSSIBLE, YamlRecipe, cross),
    CYAML_FIELD_INT_PTR("seeds", POSSIBLE, YamlRecipe, seeds),
    CYAML_FIELD_INT_PTR("splits", POSSIBLE, YamlRecipe, splits),
    CYAML_FIELD_MAPPING_PTR("train", POSSIBLE, YamlRecipe, train, train_fields),
    CYAML_FIELD_MAPPING_PTR("final", POSSIBLE, YamlRecipe, final, train_fields),
    CYAML_FIELD_MAPPING_PTR("features", POSSIBLE_OR_NONE, YamlRecipe, features, features_fields),
    CYAML_FIELD_MAPPING_PTR("imbalance", POSSIBLE_OR_NONE, YamlRecipe, imbalance, imbalance_fields),
    CYAML_FIELD_MAPPING_PTR("transfer", POSSIBLE_OR_NONE, YamlRecipe, transfer, transfer_fields),
    CYAML_FIELD_MAPPING_PTR("adaptation", POSSIBLE_OR_NONE, YamlRecipe, adaptation, adaptation_fields),
    CYAML_FIELD_MAPPING_PTR("attention", POSSIBLE_OR_NONE, YamlRecipe, attention, attention_fields),
    CYAML_FIELD_END};
static const cyaml_schema_value_t recipe_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, YamlRecipe, recipe_fields)};
static const char *const own_keys[] = {"data",      "model",      "split",    "grid",      "prune",       "cross",
                                       "seeds",     "train",      "features", "imbalance", "classes",     "cases",
                                       "neighbors", "min_dist",   "final",    "images",    "from",        "transfer",
                                       "attention", "sizes",      "steps",    "models",    "name",        "remedies",
                                       "methods",   "adaptation", "claims",   "splits",    "augment_with"};
static const char *keys[COUNT_OF(own_keys) + MOST_TRAIN_OPTIONS];

/* Fields and keys of the table for libcyaml; the same whenever it is done. */
static void name_options(void) {
    static const cyaml_schema_field_t first =
        CYAML_FIELD_STRING_PTR("", POSSIBLE, YamlTrain, texts[0], 1, CYAML_UNLIMITED);
    memcpy(keys, own_keys, sizeof own_keys);
    for (unsigned i = 0; train_options[i].name; i++) {
        train_fields[i] = first;
        train_fields[i].key = keys[COUNT_OF(own_keys) + i] = train_options[i].name;
        train_fields[i].data_offset += i * (unsigned)sizeof(char *);
    }
}

/* The file under way, for messages. */
typedef struct Source {
    const char *path, *text;
} Source;

/* ---- Training ---- */

/* Of the key's places in the file, the number of the first in `section` or behind it: "train" and "final" have the same keys. */
static int which_place(const Source *source, const char *section, const char *key) {
    const int begins = yaml_line_of_key(source->text, section, 0);
    for (int which = 0;; which++) {
        const int line = yaml_line_of_key(source->text, key, which);
        if (!line || line >= begins) return which;
    }
}

/* Lays the given options over `train`, each checked, so that a bad one is told with its line; and collects them in `kept`. */
static cf_status lay_train(const Source *source, const char *section, const YamlTrain *yaml, cf_train_options *train,
                           json_t *kept) {
    for (int i = 0; train_options[i].name; i++) {
        const TrainOption *option = &train_options[i];
        if (!yaml->texts[i]) continue;
        cf_status status = train_option_set(option, yaml->texts[i], train);
        if (status) status = status_prefix(CF_BAD_INPUT, "%s.%s", section, option->name);
        FORWARD(yaml_at_key(status, source->path, source->text, option->name,
                            status ? which_place(source, section, option->name) : 0));
        if (kept) json_object_set_new(kept, option->name, train_option_json(option, train));
    }
    return CF_OK;
}

/* Options that will be laid over what the search finds; here over anything, to be checked. */
static cf_status take_laid(const Source *source, const char *section, const YamlTrain *yaml, json_t **laid) {
    cf_train_options any = cf_train_defaults();
    *laid = json_object();
    return lay_train(source, section, yaml, &any, *laid);
}

/* ---- The rest ---- */

/* The line of a key of the section. */
static cf_status at_key(const Source *source, const char *section, const char *key, cf_status status) {
    return yaml_at_key(status, source->path, source->text, key, status ? which_place(source, section, key) : 0);
}

/* What all that compare seed by seed have. */
static cf_status take_section(const Source *source, const char *key, const YamlSection *yaml, int usual_steps,
                              RecipeSection *section) {
    enum { USUAL_SEEDS = 3 };
    section->seeds = yaml->seeds ? *yaml->seeds : USUAL_SEEDS;
    section->steps = yaml->steps ? *yaml->steps : usual_steps;
    if (section->seeds < 2 || section->seeds > RECIPE_MOST_SEEDS)
        return at_key(source, key, "seeds",
                      FAIL(CF_BAD_INPUT, "%s: 2 to %d seeds expected, from which intervals are made; found %d", key,
                           RECIPE_MOST_SEEDS, section->seeds));
    if (section->steps < 1 || section->steps > MOST_EPOCHS)
        return at_key(source, key, "steps",
                      FAIL(CF_BAD_INPUT, "%s: 1 to %d steps expected, found %d", key, MOST_EPOCHS, section->steps));
    return yaml->train ? take_laid(source, key, yaml->train, &section->train) : CF_OK;
}

/* Words with commas between them, in a new string. */
static cf_status join(char *const *words, unsigned count, char **list) {
    *list = NULL;
    for (unsigned i = 0; i < count; i++) {
        char *longer = NULL;
        const cf_status status = memory_print(&longer, "%s%s%s", *list ? *list : "", *list ? "," : "", words[i]);
        free(*list);
        *list = longer;
        FORWARD(status);
    }
    return CF_OK;
}

/* Remedies have their names checked here, where the line is known. */
static cf_status take_imbalance(const Source *source, const YamlSection *yaml, Recipe *recipe) {
    Remedy remedies[MOST_REMEDIES];
    int count;
    FORWARD(join(yaml->classes, yaml->classes_count, &recipe->classes));
    recipe->case_count = (int)yaml->cases_count;
    for (int i = 0; i < recipe->case_count; i++)
        FORWARD(run_config_text(&recipe->cases[i], strcmp(yaml->cases[i], "all") == 0 ? "" : yaml->cases[i]));
    if (yaml->classes_count < 2)
        return at_key(source, "imbalance", "classes", FAIL(CF_BAD_INPUT, "two classes or more expected, found one"));
    if (!yaml->list_count) return CF_OK;
    FORWARD(join(yaml->list, yaml->list_count, &recipe->remedies));
    FORWARD(run_config_text(&recipe->augment_with, yaml->augment_with));
    FORWARD(at_key(source, "imbalance", "remedies", remedies_read(recipe->remedies, remedies, &count)));
    return take_section(source, "imbalance", yaml, 400, &recipe->remedied);
}

static cf_status take_transfer(const Source *source, const YamlSection *yaml, Recipe *recipe) {
    recipe->size_count = (int)yaml->list_count;
    for (int i = 0; i < recipe->size_count; i++) {
        long long size = 0;
        if (strcmp(yaml->list[i], "all") != 0 && !text_to_integer(yaml->list[i], 1, UINT32_MAX, &size))
            return at_key(
                source, "transfer", "sizes",
                FAIL(CF_BAD_INPUT, "sizes: numbers of images per class, or all, expected, found %s", yaml->list[i]));
        recipe->sizes[i] = size;
    }
    return take_section(source, "transfer", yaml, 30, &recipe->transfer);
}

/* DANN wants another network, with an output for the domain. */
static cf_status take_adaptation(const Source *source, const YamlSection *yaml, Recipe *recipe) {
    static const char *const known[] = {"adabn", "coral", "mean-teacher", "self-train", NULL};
    for (unsigned m = 0; m < yaml->list_count; m++) {
        int k = 0;
        while (known[k] && strcmp(known[k], yaml->list[m]) != 0) k++;
        if (!known[k])
            return at_key(source, "adaptation", "methods",
                          FAIL(CF_BAD_INPUT, "methods: adabn, coral, mean-teacher or self-train expected, found %.40s",
                               yaml->list[m]));
    }
    FORWARD(join(yaml->list, yaml->list_count, &recipe->methods));
    return take_section(source, "adaptation", yaml, 1, &recipe->adaptation);
}

static cf_status take_attention(const Source *source, const YamlSection *yaml, Recipe *recipe) {
    for (unsigned i = 0; i < yaml->models_count; i++) {
        const int last = recipe->model_count++;
        FORWARD(run_config_text(&recipe->names[last], yaml->models[i].name));
        FORWARD(run_config_text(&recipe->models[last], yaml->models[i].model));
    }
    return take_section(source, "attention", yaml, 1, &recipe->attention);
}

/* A space, or a file of claims: beside the recipe, unless it is there as it is named. */
static cf_status take_file(const Source *source, const char *name, const char *built_in, char **file) {
    const size_t folder = (size_t)(file_base_name(source->path) - source->path);
    if (strcmp(name, "none") == 0) return run_config_text(file, NULL);
    if (built_in || file_exists(name) || !folder) return run_config_text(file, name);
    char *path;
    FORWARD(memory_print(&path, "%.*s%s", (int)folder, source->path, name));
    free(*file);
    *file = path;
    return CF_OK;
}

static cf_status take_data(const YamlRecipe *yaml, Recipe *recipe) {
    for (unsigned i = 0; i < yaml->data_count; i++) FORWARD(run_config_text(&recipe->data[i], yaml->data[i]));
    return CF_OK;
}

static cf_status take_images(const Source *source, int64_t images, Recipe *recipe) {
    recipe->images = images;
    if (images >= 1 && images <= UINT32_MAX) return CF_OK;
    return yaml_at_key(FAIL(CF_BAD_INPUT,
                            "images: 1 to %u training images of each set expected, or null for all; found %lld",
                            UINT32_MAX, (long long)images),
                       source->path, source->text, "images", 0);
}

/* A search draws its weights. The file is known by its checksum from now on. */
static cf_status take_source(const YamlRecipe *yaml, Recipe *recipe) {
    RunConfig *base = &recipe->base;
    char *path;
    FAIL_IF(!yaml->model || recipe->grid, CF_BAD_INPUT,
            "weights of another network are for a recipe that names its model, and has no grid");
    FORWARD(run_config_text(&base->from, yaml->from));
    FORWARD(transfer_path(base->from, &path));
    const cf_status status = transfer_sha256(path, base->source.sha256);
    free(path);
    return status;
}

static cf_status fill(const Source *source, const YamlRecipe *yaml, Recipe *recipe) {
    FORWARD(take_data(yaml, recipe));
    if (yaml->images) FORWARD(take_images(source, *yaml->images, recipe));
    if (yaml->model) FORWARD(run_config_text(&recipe->base.model, yaml->model));
    if (yaml->split)
        FORWARD(yaml_at_key(split_from_text(yaml->split, &recipe->base.split), source->path, source->text, "split", 0));
    if (yaml->grid) FORWARD(take_file(source, yaml->grid, strcmp(yaml->grid, "paper") == 0 ? "paper" : NULL, &recipe->grid));
    if (yaml->claims) FORWARD(take_file(source, yaml->claims, yaml_built_in(claim_files, yaml->claims), &recipe->claims));
    if (yaml->from) FORWARD(yaml_at_key(take_source(yaml, recipe), source->path, source->text, "from", 0));
    if (yaml->prune) recipe->prune = *yaml->prune;
    if (yaml->cross) recipe->cross = *yaml->cross;
    if (yaml->splits) recipe->splits = recipe->seeds = *yaml->splits;
    if (yaml->seeds) recipe->seeds = *yaml->seeds;
    if (yaml->train) FORWARD(lay_train(source, "train", yaml->train, &recipe->base.train, NULL));
    if (yaml->final) FORWARD(take_laid(source, "final", yaml->final, &recipe->final));
    if (yaml->features && yaml->features->neighbors) recipe->neighbors = *yaml->features->neighbors;
    if (yaml->features && yaml->features->min_dist) recipe->min_dist = *yaml->features->min_dist;
    recipe->features = yaml->features != NULL;
    if (yaml->transfer) FORWARD(take_transfer(source, yaml->transfer, recipe));
    if (yaml->adaptation) FORWARD(take_adaptation(source, yaml->adaptation, recipe));
    if (yaml->attention) FORWARD(take_attention(source, yaml->attention, recipe));
    return yaml->imbalance ? take_imbalance(source, yaml->imbalance, recipe) : CF_OK;
}

/* ---- Reading ---- */

static cf_status load(const char *path, const char *text, Recipe *recipe) {
    const Source source = {path, text};
    YamlRecipe *yaml;
    name_options();
    FORWARD(yaml_load(path, text, strlen(text), &recipe_schema, keys, &yaml));
    cf_status status = recipe_new(recipe);
    if (!status) status = fill(&source, yaml, recipe);
    yaml_free(&recipe_schema, yaml);
    return status;
}

static cf_status name_recipe(const char *path, Recipe *recipe) {
    const char *file = file_base_name(path), *end = strrchr(file, '.');
    char *name;
    FORWARD(memory_print(&name, "%.*s", end && end > file ? (int)(end - file) : (int)strlen(file), file));
    free(recipe->name);
    recipe->name = name;
    return CF_OK;
}

cf_status recipe_read(const char *name_or_path, Recipe *recipe) {
    Recipe made = {0};
    char *text;
    FORWARD(yaml_text(recipe_files, name_or_path, &text));
    cf_status status = load(name_or_path, text, &made);
    if (!status) status = name_recipe(name_or_path, &made);
    free(text);
    if (status)
        recipe_free(&made);
    else
        *recipe = made;
    return status;
}
