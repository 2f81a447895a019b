/* Images beside their variants: what is drawn, worked out by hand, and the figure's files. */
#include "study/figures/figures.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

enum { IMAGES = 3, SIDE = 8, SIZE = SIDE * SIDE, CLASSES = 2 };

static const char *const class_names[CLASSES] = {"a,b", "c"};
static const uint32_t images[IMAGES] = {2, 0, 1};

/* Image 0 is black, 1 grey, 2 has a value of its own in every pixel. */
static cf_set *make(void) {
    cf_set *set;
    assert_ok(set_new("made", "made", IMAGES, 1, SIDE, SIDE, CLASSES, &set));
    assert_ok(set_name_classes(set, class_names));
    memset(set->pixels, 0, SIZE);
    memset(set->pixels + SIZE, 200, SIZE);
    for (int i = 0; i < SIZE; i++) set->pixels[2 * SIZE + i] = (unsigned char)(3 * i);
    for (int i = 0; i < IMAGES; i++) set->labels[i] = i == 1;
    return set;
}

static const unsigned char *pixels_at(const VariantSheet *sheet, int group, int row, int column) {
    const GridGroup *g = &sheet->groups[group];
    return g->images[row * g->columns + column].pixels;
}

static void test_originals_and_variants(void **state) {
    (void)state;
    cf_set *set = make();
    const VariantOptions options = {.images = images, .rows = IMAGES, .variants = 2, .seed = 4};
    VariantSheet sheet = {0};
    assert_ok(variant_sheet_new(set, "invert", &options, &sheet));
    assert_int_equal(sheet.groups[0].columns, 1);
    assert_int_equal(sheet.groups[1].columns, 2);
    assert_string_equal(sheet.groups[1].about, "invert");
    for (int row = 0; row < IMAGES; row++) {
        const unsigned char *own = set->pixels + images[row] * SIZE;
        assert_memory_equal(pixels_at(&sheet, 0, row, 0), own, SIZE);
        for (int v = 0; v < 2; v++)
            for (int i = 0; i < SIZE; i++) assert_int_equal(pixels_at(&sheet, 1, row, v)[i], 255 - own[i]);
    }
    variant_sheet_free(&sheet);
    assert_ok(variant_sheet_new(set, "noise 0.1", &options, &sheet));
    assert_memory_not_equal(pixels_at(&sheet, 1, 0, 0), pixels_at(&sheet, 1, 0, 1), SIZE);
    variant_sheet_free(&sheet);
    /* As a network of three channels and another size sees them. */
    VariantOptions wide = options;
    wide.chw = (const int[3]){3, 4, 6};
    assert_ok(variant_sheet_new(set, "none", &wide, &sheet));
    const CanvasImage *image = &sheet.groups[1].images[2 * 2 + 1];
    assert_true(image->channels == 3 && image->height == 4 && image->width == 6);
    for (int i = 0; i < 3 * 4 * 6; i++) assert_int_equal(image->pixels[i], 200);
    variant_sheet_free(&sheet);
    assert_fails(variant_sheet_new(set, "invrt", &options, &sheet), CF_BAD_USE, "did you mean invert?");
    variant_sheet_free(&sheet);
    cf_set_free(set);
}

/* Black mixed with grey and the other way round: a variant has the partner's share, or its box. Two rows, each the other's partner. */
static void test_mixes(void **state) {
    (void)state;
    static const char *const lines[] = {"mixup 1", "cutmix 1"};
    const int chw[3] = {1, SIDE, SIDE};
    cf_set *set = make();
    const VariantOptions options = {.images = images + 1, .rows = 2, .variants = 5, .seed = 4};
    for (int l = 0; l < 2; l++) {
        VariantSheet sheet = {0};
        Augmentation *augmentation;
        assert_ok(augmentation_new(lines[l], &augmentation));
        assert_ok(variant_sheet_new(set, lines[l], &options, &sheet));
        for (int row = 0; row < 2; row++)
            for (int v = 0; v < 5; v++) {
                const AugmentKey key = {4, (uint32_t)v, images[1 + row], 0};
                const AugmentMix mix = augmentation_mix(augmentation, &key, chw);
                const unsigned char *pixels = pixels_at(&sheet, 1, row, v);
                for (int i = 0; i < SIZE; i++) {
                    const int y = i / SIDE, x = i % SIDE;
                    const bool inside = y >= mix.top && y < mix.bottom && x >= mix.left && x < mix.right;
                    const double share = l == 0 ? 1 - (double)mix.share : inside;
                    const double wanted = 200 * (row == 0 ? share : 1 - share);
                    assert_true(pixels[i] >= wanted - 0.51 && pixels[i] <= wanted + 0.51);
                }
            }
        variant_sheet_free(&sheet);
        augmentation_free(augmentation);
    }
    cf_set_free(set);
}

static void test_figure(void **state) {
    (void)state;
    FigureList list = {0};
    const FigureBook book = {scratch_folder(), "-x", "made", FIGURE_SVG | FIGURE_PNG, &list};
    cf_set *set = make();
    const VariantOptions options = {.images = images, .rows = IMAGES, .variants = 4, .seed = 4};
    unsigned char *bytes;
    size_t size;
    assert_ok(figure_augmentation(&book, set, "rotate 10 | flip", &options));
    assert_int_equal(list.count, 2);
    assert_non_null(strstr(list.paths[0], "/augmentation-x.svg"));
    for (size_t i = 0; i < list.count; i++) assert_true(file_exists(list.paths[i]));
    assert_ok(file_read(path_in(scratch_folder(), "augmentation-x.csv"), 1 << 20, &bytes, &size));
    assert_string_equal((char *)bytes, "image,class,variants\n2,\"a,b\",4\n0,\"a,b\",4\n1,c,4\n");
    free(bytes);
    figure_list_free(&list);
    cf_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_originals_and_variants),
        cmocka_unit_test(test_mixes),
        cmocka_unit_test(test_figure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
