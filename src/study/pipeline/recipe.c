#include "study/pipeline/recipe.h"

#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/set_text.h"
#include "train/train_options.h"

#include <stdlib.h>
#include <string.h>

cf_status recipe_new(Recipe *recipe) {
    AUTO(recipe_free) Recipe made = {.seeds = 1, .splits = 1, .neighbors = 15, .min_dist = 0.1};
    FORWARD(run_config_new(&made.base));
    made.base.split.mode = CF_SPLIT_POOLED;
    made.base.split_given = true;
    made.base.train.epochs = 50;
    FORWARD(run_config_text(&made.name, "recipe"));
    *recipe = made;
    made = (Recipe){0};
    return CF_OK;
}

void recipe_free(Recipe *recipe) {
    char *texts[] = {recipe->name,    recipe->grid,     recipe->classes,     recipe->claims,
                     recipe->methods, recipe->remedies, recipe->augment_with};
    json_t *documents[] = {recipe->final, recipe->transfer.train, recipe->adaptation.train, recipe->attention.train,
                           recipe->remedied.train};
    space_free(&recipe->space);
    for (size_t i = 0; i < COUNT_OF(texts); i++) free(texts[i]);
    for (size_t i = 0; i < COUNT_OF(documents); i++) json_decref(documents[i]);
    for (int i = 0; i < RECIPE_MOST_SETS; i++) free(recipe->data[i]);
    for (int i = 0; i < RECIPE_CASES; i++) free(recipe->cases[i]);
    for (int i = 0; i < RECIPE_MODELS; i++) free(recipe->names[i]), free(recipe->models[i]);
    run_config_free(&recipe->base);
    *recipe = (Recipe){0};
}

/* The comma between two sets is the one in front of which no factor of a generated set can end: "street:blur=2:4,n=1000" is
 * one set, "mnist,street:n=1000" two. A list of factors has '=' or digits behind its comma. */
static const char *end_of_set(const char *text) {
    for (const char *comma = text; (comma = strchr(comma, ',')); comma++) {
        const size_t item = strcspn(comma + 1, ",=:");
        const bool factor = comma[1 + item] == '=' || strspn(comma + 1, "0123456789.") == item;
        if (!factor) return comma;
    }
    return text + strlen(text);
}

cf_status recipe_use_data(Recipe *recipe, const char *data) {
    const char *text = strcmp(data, "generated") == 0 ? "hand,street" : strcmp(data, "real") == 0 ? "mnist,svhn" : data;
    const char *place = text;
    for (int i = 0; i < RECIPE_MOST_SETS; i++) {
        free(recipe->data[i]);
        recipe->data[i] = NULL;
        if (!*place) continue;
        const char *end = end_of_set(place);
        FORWARD(memory_print(&recipe->data[i], "%.*s", (int)(end - place), place));
        place = end + (*end == ',');
    }
    FAIL_IF(*place || !recipe->data[0], CF_BAD_USE,
            "data %s: \"generated\", \"real\", or one to %d sets between commas expected", data, RECIPE_MOST_SETS);
    return CF_OK;
}

cf_status recipe_set_text(const Recipe *recipe, int place, char **text) {
    const char *data = recipe->data[place];
    const bool generated = generator_named(data) != NULL;
    ReadOptions options = {0};
    AUTO_FREE char *plain = NULL;
    char items[32] = "";
    FORWARD(set_text_read(data, &plain, &options));
    const bool own = generated ? generated_text_has(data, "n") : options.sample.train_given;
    if (recipe->images && !own) snprintf(items, sizeof items, "n=%lld", (long long)recipe->images);
    if (generated) return items[0] ? generated_text_with(data, items, text) : memory_copy_string(data, text);
    return set_text_with(data, items, text); /* as runs write it, so that the shelf has it once */
}

/* Names become those of folders, and keys of results. */
static cf_status check_names(const Recipe *recipe) {
    enum { LONGEST = 20 };
    for (int i = 0; i < recipe->model_count; i++) {
        const char *name = recipe->names[i];
        const size_t fits = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
        FAIL_IF(name[fits] || fits > LONGEST, CF_BAD_USE,
                "recipe %s: attention: a network's name has up to %d letters, digits, - and _; found \"%.60s\"",
                recipe->name, LONGEST, name);
        for (int k = 0; k < i; k++)
            FAIL_IF(strcmp(name, recipe->names[k]) == 0, CF_BAD_USE, "recipe %s: attention: two networks are called %s",
                    recipe->name, name);
    }
    return CF_OK;
}

static cf_status check_sections(const Recipe *recipe) {
    FAIL_IF(recipe->methods && strstr(recipe->methods, "adabn") && recipe->seeds < 2, CF_BAD_USE,
            "recipe %s: adaptation: adabn draws nothing, so its interval is over the networks it begins with: 2 seeds "
            "of the recipe or more expected, found %d",
            recipe->name, recipe->seeds);
    for (int i = 1; i < recipe->size_count; i++)
        FAIL_IF(!recipe->sizes[i - 1] || (recipe->sizes[i] && recipe->sizes[i] <= recipe->sizes[i - 1]), CF_BAD_USE,
                "recipe %s: transfer: sizes that grow expected, all the last", recipe->name);
    return check_names(recipe);
}

void recipe_size_text(int64_t size, char text[24]) {
    if (size)
        snprintf(text, 24, "%lld", (long long)size);
    else
        snprintf(text, 24, "all");
}

cf_status recipe_model_line(const Recipe *recipe, char **line) {
    const Space *space = &recipe->space;
    cf_train_options options = recipe->base.train;
    SpacePoint first = {{0}}; /* of lists, the first value */
    if (!recipe->grid) return memory_copy_string(recipe->base.model, line);
    for (int i = 0; i < space->count; i++)
        if (space->parameters[i].kind != PARAMETER_LIST) first.values[i] = space->parameters[i].low;
    return space_apply(space, &first, &options, line);
}

cf_status recipe_check(const Recipe *recipe) {
    FAIL_IF(!recipe->data[0], CF_BAD_USE,
            "recipe %s: no data; name one set or more in it (data: [mnist, street]) or with --data", recipe->name);
    FAIL_IF(recipe->images < 0 || recipe->images > UINT32_MAX, CF_BAD_USE,
            "recipe %s: images: 1 to %u training images expected, found %lld", recipe->name, UINT32_MAX,
            (long long)recipe->images);
    FAIL_IF(recipe->seeds < 1 || recipe->seeds > RECIPE_MOST_SEEDS, CF_BAD_USE,
            "recipe %s: 1 to %d seeds expected, found %d", recipe->name, RECIPE_MOST_SEEDS, recipe->seeds);
    FAIL_IF(recipe->splits < 1 || recipe->splits > recipe->seeds, CF_BAD_USE,
            "recipe %s: 1 to %d splits expected, as many as there are seeds to take them, found %d", recipe->name,
            recipe->seeds, recipe->splits);
    FAIL_IF(recipe->neighbors < 2 || recipe->neighbors > 200, CF_BAD_USE,
            "recipe %s: 2 to 200 neighbours expected for UMAP, found %d", recipe->name, recipe->neighbors);
    return check_sections(recipe);
}

cf_status recipe_lay(const json_t *final, cf_train_options *train) {
    for (const TrainOption *option = train_options; option->name; option++) {
        const json_t *value = json_object_get(final, option->name);
        if (value) FORWARD(train_option_set_json(option, value, train));
    }
    return CF_OK;
}

/* `key`: of its list, which it takes over. A section that is not there is left out. */
static json_t *add_section(json_t *root, const char *name, const char *key, json_t *list, const RecipeSection *section,
                           bool steps) {
    json_auto_t *owned = list;
    if (!section->seeds) return NULL;
    json_t *json = json_pack("{s:O s:i s:O?}", key, owned, "seeds", section->seeds, "train", section->train);
    if (steps) json_object_set_new(json, "steps", json_integer(section->steps));
    json_object_set_new(root, name, json);
    return json;
}

static void add_sections(json_t *root, const Recipe *recipe) {
    json_t *sizes = json_array(), *models = json_array();
    for (int i = 0; i < recipe->size_count; i++) {
        char text[24];
        recipe_size_text(recipe->sizes[i], text);
        json_array_append_new(sizes, json_string(text));
    }
    for (int i = 0; i < recipe->model_count; i++)
        json_array_append_new(
            models, json_pack("{s:o s:o}", "name", json_text(recipe->names[i]), "model", json_text(recipe->models[i])));
    json_t *remedies = add_section(root, "remedies", "remedies", json_text(recipe->remedies), &recipe->remedied, true);
    if (recipe->augment_with) json_object_set_new(remedies, "augment_with", json_text(recipe->augment_with));
    add_section(root, "transfer", "sizes", sizes, &recipe->transfer, true);
    add_section(root, "adaptation", "methods", json_text(recipe->methods), &recipe->adaptation, false);
    add_section(root, "attention", "models", models, &recipe->attention, false);
}

cf_status recipe_json(const Recipe *recipe, json_t **json) {
    RunConfig base = recipe->base;
    json_auto_t *config = NULL;
    base.data = recipe->data[0];
    FORWARD(run_config_json(&base, &config));
    json_t *data = json_array(), *cases = json_array();
    for (int i = 0; recipe->data[i]; i++) json_array_append_new(data, json_text(recipe->data[i]));
    for (int i = 0; i < recipe->case_count; i++) json_array_append_new(cases, json_text(recipe->cases[i]));
    json_t *images = recipe->images ? json_integer(recipe->images) : json_null();
    json_t *root =
        json_pack("{s:o s:o s:o s:o s:o s:b s:O s:O? s:O s:O s:O? s:i s:i s:b s:b s:i s:f s:o s:o}", "name",
                  json_text(recipe->name), "data", data, "claims", json_text(recipe->claims), "images", images, "grid",
                  json_text(recipe->grid), "prune", recipe->prune, "model", json_object_get(config, "model"), "from",
                  json_object_get(config, "from"), "split", json_object_get(config, "split"), "train",
                  json_object_get(config, "train"), "final", recipe->final, "seeds", recipe->seeds, "splits",
                  recipe->splits, "features", recipe->features, "cross", recipe->cross, "neighbors", recipe->neighbors,
                  "min_dist", recipe->min_dist, "classes", json_text(recipe->classes), "cases", cases);
    FAIL_IF(!root, CF_NO_MEMORY, "out of memory while making the recipe's JSON");
    add_sections(root, recipe);
    *json = root;
    return CF_OK;
}
