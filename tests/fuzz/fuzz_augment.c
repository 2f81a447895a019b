/* An augmentation line, done to small images, with its mixes and views. */
#include "fuzz.h"

#include "data/augment/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 3 * 6 * 5, FEW_VIEWS = 30 };

static void fill(float *x) {
    for (int i = 0; i < MOST_VALUES; i++) x[i] = (float)(i * 37 % 91) / 90;
}

static void check(const float *x, const int chw[3]) {
    for (int i = 0; i < chw[0] * chw[1] * chw[2]; i++) PROMISE(x[i] >= 0 && x[i] <= 1);
}

static void apply(const Augmentation *augmentation, const int chw[3]) {
    const size_t size = augmentation_scratch(augmentation, chw);
    float *scratch = malloc(size * sizeof *scratch + !size), x[MOST_VALUES], again[MOST_VALUES];
    if (!scratch) abort();
    for (uint32_t image = 0; image < 3; image++) {
        const AugmentKey key = {image, 1, image, 0};
        fill(x), fill(again);
        augmentation_apply(augmentation, &key, chw, scratch, x);
        augmentation_apply(augmentation, &key, chw, scratch, again);
        check(x, chw);
        PROMISE(memcmp(x, again, sizeof x) == 0);
        const AugmentMix mix = augmentation_mix(augmentation, &key, chw);
        PROMISE(mix.share >= 0 && mix.share <= 1 && (mix.share >= 1 || augmentation_mixes(augmentation)));
        PROMISE(mix.top >= 0 && mix.top <= mix.bottom && mix.bottom <= chw[1]);
        PROMISE(mix.left >= 0 && mix.left <= mix.right && mix.right <= chw[2]);
        const AugmentBeside beside = augmentation_beside(augmentation, &key, chw);
        for (int side = 0; side < 2; side++)
            if (beside.by[side]) augmentation_lay_beside(beside.by[side], chw, scratch, again, x);
        PROMISE(augmentation_has_neighbours(augmentation) || (!beside.by[0] && !beside.by[1]));
        check(x, chw);
    }
    free(scratch);
}

static void view(const Augmentation *augmentation, const int chw[3]) {
    const char *word;
    const int views = augmentation_views(augmentation, &word);
    const size_t size = augmentation_scratch(augmentation, chw);
    float *scratch = malloc(size * sizeof *scratch + !size), x[MOST_VALUES];
    double sum = 0;
    if (!scratch) abort();
    PROMISE((views == 0) == (word != NULL));
    for (int v = 0; v < views; v++) sum += augmentation_view_weight(augmentation, v);
    PROMISE(views == 0 || fabs(sum - 1) < 1e-9);
    for (int v = 0; v < views && v < FEW_VIEWS; v++) {
        fill(x);
        augmentation_view(augmentation, v, chw, scratch, x);
        check(x, chw);
    }
    free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int shapes[][3] = {{3, 6, 5}, {1, 1, 1}, {2, 1, 7}};
    Augmentation *augmentation, *again;
    char *line = fuzz_text(data, size);
    const cf_status status = augmentation_new(line, &augmentation);
    fuzz_settled(status);
    free(line);
    if (status) return 0;
    PROMISE(augmentation_new(augmentation_line(augmentation), &again) == CF_OK);
    PROMISE(strcmp(augmentation_line(again), augmentation_line(augmentation)) == 0);
    PROMISE(augmentation_is_empty(augmentation) == !*augmentation_line(augmentation));
    augmentation_free(again);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        apply(augmentation, shapes[s]);
        view(augmentation, shapes[s]);
    }
    augmentation_free(augmentation);
    return 0;
}
