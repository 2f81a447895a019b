/* The text that names a data set: "street:blur=2:4,n=1000", and one or two of them between commas, as --data of a study has
 * them. What a generator accepts, it draws. */
#include "fuzz.h"

#include "data/generate/generated_set.h"
#include "data/set_text.h"
#include "study/pipeline/recipe.h"

#include <stdlib.h>
#include <string.h>

static void use_spec(const GeneratedSpec *spec) {
    unsigned char pixels[3 * 32 * 32];
    char *text;
    const Generator *g = spec->generator;
    PROMISE((size_t)(g->channels * g->height * g->width) <= sizeof pixels);
    PROMISE(generated_spec_text(spec, &text) == CF_OK);
    free(text);
    generated_spec_is_shifted(spec);
    for (int f = 0; f < g->factor_count; f++) {
        PROMISE(spec->low[f] <= spec->high[f]);
        PROMISE(spec->low[f] >= g->factors[f].lowest && spec->high[f] <= g->factors[f].highest);
    }
    for (int part = 0; part < 2; part++) {
        const int label = generated_image(spec, part, spec->train - 1, pixels);
        PROMISE(label >= 0 && label < DIGITS);
    }
}

/* What is read of a set's text stands in the text that is written of it, too. */
static void use_reading(const char *data) {
    ReadOptions options, again;
    char *plain, *laid, *plain_again;
    const cf_status status = set_text_read(data, &plain, &options);
    fuzz_settled(status);
    if (status) return;
    PROMISE((!options.height) == (!options.width) && options.height >= 0 && options.fit <= FIT_PAD);
    PROMISE(!options.sample.train_given || options.sample.train > 0);
    PROMISE(set_text_with(data, "", &laid) == CF_OK);
    PROMISE(set_text_read(laid, &plain_again, &again) == CF_OK);
    PROMISE(strcmp(plain, plain_again) == 0 && options.height == again.height && options.width == again.width &&
            options.most_height == again.most_height && options.fit == again.fit &&
            options.skip_broken == again.skip_broken && options.sample.train == again.sample.train &&
            options.sample.test_given == again.sample.test_given);
    free(laid);
    free(plain);
    free(plain_again);
}

static void use_name(const char *data) {
    char name[64];
    GeneratedSpec spec;
    cf_status status = data_short_name(data, name);
    fuzz_settled(status);
    if (!status) PROMISE(*name && !strpbrk(name, "/.\\\n") && strlen(name) < sizeof name);
    use_reading(data);
    if (!generator_named(data)) return;
    status = generated_spec_read(data, &spec);
    fuzz_settled(status);
    if (!status) use_spec(&spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Recipe recipe;
    char *text = fuzz_text(data, size), *laid;
    use_name(text);
    generated_text_has(text, "n");
    PROMISE(generated_text_with(text, "n=1,test=5", &laid) == CF_OK);
    free(laid);
    PROMISE(recipe_new(&recipe) == CF_OK);
    const cf_status status = recipe_use_data(&recipe, text);
    fuzz_settled(status);
    for (int i = 0; !status && recipe.data[i]; i++) use_name(recipe.data[i]);
    recipe_free(&recipe);
    free(text);
    return 0;
}
