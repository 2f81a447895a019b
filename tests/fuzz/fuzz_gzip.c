/* The file of the images as it stands, packed or not, with labels for SEED_IMAGES images. */
#include "fuzz.h"

#include "data/readers.h"

enum { SEED_IMAGES = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t labels[8 + SEED_IMAGES] = {0, 0, 8, 1, 0, 0, 0, SEED_IMAGES, 1, 2, 3};
    cf_set *set;
    const cf_status status = idx_read(fuzz_file(0, data, size), fuzz_file(1, labels, sizeof labels), &set);
    fuzz_settled(status);
    if (status) return 0;
    PROMISE(set->count == SEED_IMAGES && set_seal(set) == CF_OK);
    cf_set_free(set);
    return 0;
}
