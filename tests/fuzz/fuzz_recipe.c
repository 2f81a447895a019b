/* A study's recipe in YAML; the same as a file of claims, on results that have nothing. */
#include "fuzz.h"

#include "study/ledger/ledger.h"
#include "study/pipeline/recipe.h"

#include <string.h>

/* Names of data become names of folders: STUDY/data-NAME. */
static void check_names(const Recipe *recipe) {
    char name[64];
    for (int i = 0; recipe->data[i]; i++) {
        const cf_status status = data_short_name(recipe->data[i], name);
        fuzz_settled(status);
        if (!status) PROMISE(*name && !strpbrk(name, "/.\\\n") && strlen(name) < sizeof name);
    }
}

static void read_claims(const char *path) {
    json_t *results = json_pack("{s:[s s] s:{s:{s:s}} s:{s:{s:{s:[{s:f} {s:f}] s:[{s:f} {s:f}]}}}}", "sets", "hand",
                                "street", "data", "hand", "data", "hand", "attention", "hand", "a.b", "one", "accuracy",
                                0.5, "accuracy", 0.6, "two", "accuracy", 0.7, "accuracy", 0.8);
    Ledger ledger;
    const cf_status status = ledger_new(path, results, &ledger);
    json_decref(results);
    fuzz_settled(status);
    if (!status) ledger_free(&ledger);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Recipe recipe;
    json_t *json;
    const char *path = fuzz_file(0, data, size);
    read_claims(path);
    cf_status status = recipe_read(path, &recipe);
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
