#include "study/figures/figures.h"

#include "base/memory.h"
#include "base/text.h"
#include "nn/feed.h"

#include <stdlib.h>
#include <string.h>

/* ---- Variants ---- */

/* What makes one image after the other: a feed, as a training has it. */
typedef struct VariantMaker {
    const VariantOptions *options;
    int chw[3];
    size_t size; /* of an image */
    Augmentation *augmentation;
    Feed feed;
    float *x, *other; /* an image, and the one that is mixed in */
} VariantMaker;

static void maker_free(VariantMaker *m) {
    feed_free(&m->feed);
    augmentation_free(m->augmentation);
    free(m->x), free(m->other);
}

static cf_status maker_new(const cf_set *set, const char *line, const VariantOptions *options, VariantMaker *m) {
    const int own[3] = {set->channels, set->height, set->width};
    *m = (VariantMaker){.options = options};
    memcpy(m->chw, options->chw ? options->chw : own, sizeof m->chw);
    const Shape input = {.C = m->chw[0], .H = m->chw[1], .W = m->chw[2]};
    m->size = shape_size(input);
    FORWARD(augmentation_new(line, &m->augmentation));
    FORWARD(feed_new(set, input, (const char *const *)set->class_names, set->classes, 1, &m->feed));
    FORWARD(feed_augment(&m->feed, m->augmentation, options->seed));
    FORWARD(memory_new(m->size, sizeof *m->x, &m->x));
    return memory_new(m->size, sizeof *m->other, &m->other);
}

static void make_variant(const VariantMaker *m, int row, int variant) {
    const int rows = m->options->rows, partner = rows > 1 ? (row + 1 + variant % (rows - 1)) % rows : row;
    Sample sample;
    samples_of_feed(&m->feed, &m->options->images[row], 1, &sample);
    sample.epoch = (uint32_t)variant;
    if (augmentation_has_neighbours(m->augmentation)) {
        const int right = (partner + 1) % rows;
        sample_beside(&sample, (const uint32_t[]){m->options->images[partner], m->options->images[right]});
    }
    if (augmentation_mixes(m->augmentation)) sample_mix(&sample, m->options->images[partner], 0);
    sample_image(&sample, 0, m->other, m->x);
}

/* ---- The sheet ---- */

static void keep_image(const VariantMaker *m, VariantSheet *sheet, size_t place) {
    unsigned char *bytes = sheet->bytes + place * m->size;
    for (size_t i = 0; i < m->size; i++) {
        const float x = m->x[i];
        bytes[i] = (unsigned char)((x > 0 ? x < 1 ? x : 1 : 0) * 255 + 0.5f); /* black for what is no number */
    }
    sheet->images[place] = (CanvasImage){bytes, m->chw[0], m->chw[1], m->chw[2]};
}

static cf_status fill_sheet(const VariantMaker *m, VariantSheet *sheet) {
    const size_t rows = (size_t)m->options->rows, variants = (size_t)m->options->variants;
    const size_t places = rows * (1 + variants);
    FORWARD(memory_copy_string(augmentation_line(m->augmentation), &sheet->line));
    FORWARD(memory_new(places, sizeof *sheet->images, &sheet->images));
    FORWARD(memory_new(places, m->size, &sheet->bytes));
    for (size_t row = 0; row < rows; row++) {
        feed_image(&m->feed, 0, m->options->images[row], m->x);
        keep_image(m, sheet, row);
        for (size_t v = 0; v < variants; v++) {
            make_variant(m, (int)row, (int)v);
            keep_image(m, sheet, rows + row * variants + v);
        }
    }
    sheet->groups[0] = (GridGroup){.about = "original", .columns = 1, .images = sheet->images};
    sheet->groups[1] = (GridGroup){.heading = "Variants",
                                   .about = *sheet->line ? sheet->line : "none",
                                   .columns = m->options->variants,
                                   .images = sheet->images + rows};
    return CF_OK;
}

cf_status variant_sheet_new(const cf_set *set, const char *line, const VariantOptions *options, VariantSheet *sheet) {
    AUTO(maker_free) VariantMaker maker = {0};
    *sheet = (VariantSheet){0};
    FORWARD(maker_new(set, line, options, &maker));
    return fill_sheet(&maker, sheet);
}

void variant_sheet_free(VariantSheet *sheet) {
    free(sheet->images);
    free(sheet->bytes);
    free(sheet->line);
}

/* ---- A run's figure ---- */

cf_status figure_augmentation(const FigureBook *book, const cf_set *set, const char *line,
                              const VariantOptions *given) {
    VariantOptions options = *given;
    AUTO(variant_sheet_free) VariantSheet sheet = {0};
    const char *labels[FIGURE_AUGMENTATION_ROWS];
    char note[200];
    FileDraft csv;
    if (options.rows > FIGURE_AUGMENTATION_ROWS) options.rows = FIGURE_AUGMENTATION_ROWS;
    FORWARD(variant_sheet_new(set, line, &options, &sheet));
    FORWARD(book_table(book, "augmentation", "image,class,variants", &csv));
    for (int row = 0; row < options.rows; row++) {
        labels[row] = set->class_names[set->labels[options.images[row]]];
        csv_print(csv.stream, "%u,%s,%d\n", options.images[row], labels[row], options.variants);
    }
    FORWARD(file_commit(&csv));
    snprintf(note, sizeof note, "what the network saw of these training images in %s",
             options.variants > 1 ? "its first epochs" : "an epoch");
    const ImageGrid grid = {
        .note = note, .rows = options.rows, .row_labels = labels, .group_count = 2, .groups = sheet.groups};
    return book_grid(book, "augmentation", &grid);
}
