/* A fitted embedding (fuzz_safetensors says how the file is made of the input); a new point is laid into what is accepted. */
#include "fuzz.h"

#include "embed/umap.h"

#include <math.h>
#include <stdlib.h>

/* Within what one input may cost. */
static bool is_small(const Umap *umap) {
    return umap->n <= 64 && umap->dim <= 64 && umap->options.epochs <= 500 && umap->options.negative_sample_rate <= 16;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Umap *umap;
    float place[UMAP_MOST_COMPONENTS];
    const cf_status status = umap_read(fuzz_safetensors(data, size), &umap);
    fuzz_settled(status);
    if (status) return 0;
    PROMISE(umap->n > 0 && umap->dim > 0 && umap->options.components <= UMAP_MOST_COMPONENTS);
    PROMISE(isfinite(umap->a) && isfinite(umap->b));
    if (is_small(umap)) {
        const Points one = {umap->points, 1, umap->dim};
        fuzz_settled(umap_transform(umap, &one, 1, place));
    }
    umap_free(umap);
    return 0;
}
