/* Images beside what an augmentation line makes of them: for a run's figure and for cifra data show. */
#pragma once

#include "data/augment/augment.h"
#include "study/figures/figure_book.h"

/* Which images, and what is done to them. */
typedef struct VariantOptions {
    const uint32_t *images; /* [rows] in the set; borrowed */
    int rows, variants;
    const int *chw; /* the network's input, {channels, height, width}; NULL: the set's */
    uint64_t seed;
} VariantOptions;

/* Begins zeroed. */
typedef struct VariantSheet {
    GridGroup groups[2];  /* the originals, the variants: ready for an ImageGrid of `rows` rows */
    CanvasImage *images;  /* [rows], then [rows][variants] */
    unsigned char *bytes; /* their pixels */
    char *line;           /* with names written out */
} VariantSheet;

/* Variant v is that of epoch v. mixup and cutmix take the other image from another row. CF_BAD_USE as augmentation_new. */
cf_status variant_sheet_new(const cf_set *set, const char *line, const VariantOptions *options, VariantSheet *sheet);
void variant_sheet_free(VariantSheet *sheet);

enum { FIGURE_AUGMENTATION_ROWS = 12 };

/* Of a run with an augmentation line: what the network saw of the first FIGURE_AUGMENTATION_ROWS of the images. */
cf_status figure_augmentation(const FigureBook *book, const cf_set *set, const char *line,
                              const VariantOptions *options);
