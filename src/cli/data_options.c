#include "cli/data_options.h"

#include "base/memory.h"
#include "data/generate/generated_set.h"
#include "data/set_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cf_status fail_not_generated(const char *set, const DataDials *dials) {
    const char *what = dials->shift        ? "--shift"
                       : dials->count >= 0 ? "-n (--count)"
                       : dials->test >= 0  ? "--test"
                                           : "a seed of the data";
    return FAIL(CF_BAD_USE, "%s is for generated data (hand, street); %s is read from files as they are", what, set);
}

/* "blur=0:2,n=1000" */
static cf_status items_of(const DataDials *dials, char **items) {
    char numbers[3][32] = {"", "", ""};
    const struct {
        const char *key;
        int64_t value;
    } given[3] = {{"n", dials->count}, {"test", dials->test}, {"seed", dials->seed}};
    bool any = dials->shift && *dials->shift;
    for (int i = 0; i < 3; i++) {
        if (given[i].value < 0) continue;
        snprintf(numbers[i], sizeof numbers[i], "%s%s=%lld", any ? "," : "", given[i].key, (long long)given[i].value);
        any = true;
    }
    return memory_print(items, "%s%s%s%s", dials->shift ? dials->shift : "", numbers[0], numbers[1], numbers[2]);
}

static bool are_generators(const DataDials *dials) {
    return dials->shift || dials->count >= 0 || dials->test >= 0 || dials->seed >= 0;
}

static bool are_readings(const DataDials *dials) {
    return dials->size || dials->fit || dials->skip_broken;
}

static cf_status lay_generated(const char *set, const DataDials *dials, char **text) {
    char *items;
    if (!are_generators(dials)) return memory_copy_string(set, text);
    if (!generator_named(set)) return fail_not_generated(set, dials);
    FORWARD(items_of(dials, &items));
    cf_status status = generated_text_with(set, items, text);
    free(items);
    return status;
}

/* "size=64,fit=crop"; commas in what was typed would become items of their own. */
static cf_status lay_reading(const char *set, const DataDials *dials, char **text) {
    char *items;
    if (!are_readings(dials)) return memory_copy_string(set, text);
    FAIL_IF(dials->size && strchr(dials->size, ','), CF_BAD_USE, "--size takes N or WIDTHxHEIGHT; found \"%s\"",
            dials->size);
    FAIL_IF(dials->fit && strchr(dials->fit, ','), CF_BAD_USE, "--fit takes squash, crop or pad; found \"%s\"",
            dials->fit);
    FORWARD(memory_print(&items, "%s%s,%s%s,%s", dials->size ? "size=" : "", dials->size ? dials->size : "",
                         dials->fit ? "fit=" : "", dials->fit ? dials->fit : "",
                         dials->skip_broken ? "broken=skip" : ""));
    cf_status status = set_text_with(set, items, text);
    free(items);
    return status;
}

cf_status data_dials_lay(const char *set, const DataDials *dials, char **text) {
    char *laid;
    FORWARD(lay_generated(set, dials, &laid));
    cf_status status = lay_reading(laid, dials, text);
    free(laid);
    return status;
}

cf_status data_chosen(const char *given, const char *own, const DataDials *dials, char **text) {
    *text = NULL;
    if (!given && !are_generators(dials) && !are_readings(dials)) return CF_OK;
    return data_dials_lay(given ? given : own, dials, text);
}
