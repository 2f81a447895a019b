/* classes.txt beside files whose labels are numbers. */
#include "fuzz.h"

#include "base/text.h"
#include "data/set_files.h"

#include <string.h>

enum { IMAGES = 12, CLASSES = 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint16_t values[MAX_CLASSES];
    cf_set *set;
    PROMISE(set_new("set", "set", IMAGES, 1, 1, 1, CLASSES, &set) == CF_OK);
    PROMISE(set_name_classes_by_number(set) == CF_OK);
    for (int i = 0; i < IMAGES; i++) set->labels[i] = (unsigned char)(i % 3);
    const cf_status status = class_list_apply(fuzz_file(0, data, size), set);
    fuzz_settled(status);
    for (int i = 0; i < IMAGES; i++) PROMISE(set->labels[i] < set->classes);
    for (int k = 0; k < set->classes && !status; k++) {
        PROMISE(text_is_name(set->class_names[k]));
        PROMISE(set_find_class(set, set->class_names[k]) == k); /* no name stands twice */
    }
    class_list_values(set, values);
    cf_set_free(set);
    return 0;
}
