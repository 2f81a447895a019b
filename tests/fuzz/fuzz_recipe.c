/* A study's recipe in YAML. */
#include "fuzz.h"

#include "study/pipeline/recipe.h"

#include <string.h>

/* Names of data become names of folders: STUDY/data-NAME. */
static void check_names(const Recipe *recipe) {
    char name[64];
    for (int i = 0; i < RECIPE_SETS && recipe->data[i]; i++) {
        const cf_status status = data_short_name(recipe->data[i], name);
        fuzz_settled(status);
        if (!status) PROMISE(*name && !strpbrk(name, "/.\\\n") && strlen(name) < sizeof name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Recipe recipe;
    json_t *json;
    cf_status status = recipe_read(fuzz_file(0, data, size), &recipe);
    fuzz_settled(status);
    if (status) return 0;
    check_names(&recipe);
    fuzz_settled(recipe_check(&recipe));
    if (recipe.data[0]) {
        status = recipe_json(&recipe, &json);
        fuzz_settled(status);
        if (!status) json_decref(json);
    }
    recipe_free(&recipe);
    return 0;
}
