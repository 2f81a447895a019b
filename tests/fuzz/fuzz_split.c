/* The texts of a split, a line each: the split ("at:50"), the classes ("1,2"), the limits ("1:50,2:1000"). */
#include "fuzz.h"

#include "study/run/run.h"

#include <stdlib.h>
#include <string.h>

enum { IMAGES = 60, CLASSES = 6 };

static cf_set *make_set(void) {
    static const char *const names[CLASSES] = {"0", "1", "2", "cat", "a:b", "</script>"};
    cf_set *set;
    PROMISE(set_new("some", "some", IMAGES, 1, 1, 1, CLASSES, &set) == CF_OK);
    PROMISE(set_name_classes(set, names) == CF_OK);
    for (size_t i = 0; i < IMAGES; i++) set->labels[i] = (unsigned char)(i % CLASSES);
    return set;
}

static void use_split(const cf_split *split) {
    size_t all = cf_subset_count(cf_split_part(split, CF_ALL));
    PROMISE(all <= IMAGES);
    for (cf_part part = CF_TRAIN; part <= CF_TEST; part++) {
        const cf_subset *subset = cf_split_part(split, part);
        PROMISE(subset->count <= all);
        for (size_t i = 0; i < subset->count; i++) PROMISE(subset->images[i] < IMAGES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cf_set *set = make_set();
    cf_split *split;
    char *text = fuzz_text(data, size), *rest = text;
    cf_split_options options = cf_split_defaults();
    const char *mode = strsep(&rest, "\n");
    options.classes = strsep(&rest, "\n");
    options.train_limit = strsep(&rest, "\n");
    cf_status status = split_from_text(mode, &options);
    fuzz_settled(status);
    status = cf_split_new(set, &options, &split);
    fuzz_settled(status);
    if (!status) {
        use_split(split);
        cf_split_free(split);
    }
    free(text);
    cf_set_free(set);
    return 0;
}
