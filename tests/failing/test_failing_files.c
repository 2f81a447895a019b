/* Readers and writers of files with every allocation failing in turn. */
#include "base/json_memory.h"
#include "base/safetensors.h"
#include "data/image_set.h"
#include "data/npy.h"
#include "data/picture_saving.h"
#include "data/set_files.h"
#include "nn/weights/weights_read.h"
#include "nn/model.h"
#include "study/ledger/ledger.h"
#include "study/pipeline/recipe.h"
#include "tune/space.h"

#include "failing_memory.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* After stdio.h, which it needs but does not include. */
#include <jpeglib.h>

enum { IMAGES = 8, SIDE = 6, PIXELS = SIDE * SIDE };

static const char *in_scratch(const char *name) {
    return path_in(scratch_folder(), name);
}

static cf_set *made_set(void) {
    cf_set *set;
    assert_ok(set_new("made", "made", IMAGES, 1, SIDE, SIDE, 2, &set));
    assert_ok(set_name_classes_by_number(set));
    for (int i = 0; i < IMAGES * PIXELS; i++) set->pixels[i] = (unsigned char)(i * 7);
    for (int i = 0; i < IMAGES; i++) set->labels[i] = (unsigned char)(i % 2);
    assert_ok(set_seal(set));
    return set;
}

static uint64_t take_set(cf_set *set, uint64_t before) {
    uint64_t sum = checksum(before, set->pixels, IMAGES * PIXELS);
    sum = checksum(sum, set->labels, IMAGES * sizeof *set->labels);
    cf_set_free(set);
    return sum;
}

static cf_status idx(void *context, uint64_t *result) {
    cf_set *set = NULL;
    const char *images = in_scratch("images.gz"), *labels = in_scratch("labels");
    cf_status status = idx_write(context, (const uint16_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, IMAGES, images, labels);
    if (!status) status = idx_read(images, labels, &set);
    if (!status) *result = take_set(set, 1);
    return status;
}

static cf_status mat(void *context, uint64_t *result) {
    cf_set *set = NULL;
    const char *path = in_scratch("set.mat");
    cf_status status = mat_write(context, (const uint16_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, IMAGES, path);
    if (!status) status = mat_read(path, &set);
    if (!status) *result = take_set(set, 1);
    return status;
}

static cf_status folder(void *context, uint64_t *result) {
    cf_set *set = NULL;
    (void)context;
    cf_status status = cf_set_load(in_scratch("pictures"), NULL, &set);
    if (!status) *result = checksum(1, set->pixels, set_image_size(set) * cf_set_count(set));
    if (!status) cf_set_free(set);
    return status;
}

static cf_status named(void *context, uint64_t *result) {
    cf_set *set = NULL;
    cf_status status = cf_set_load(in_scratch(context), NULL, &set);
    if (!status) *result = checksum(1, set->pixels, set_image_size(set) * cf_set_count(set));
    if (!status) cf_set_free(set);
    return status;
}

static cf_status tensors(void *context, uint64_t *result) {
    const float values[6] = {1, 2, 3, 4, 5, 6};
    const StoredTensor all[] = {
        {.name = "a", .dims = 2, .shape = {2, 2}, .count = 4, .values = values},
        {.name = "a name that is longer", .dims = 1, .shape = {2}, .count = 2, .values = values}};
    const StoredText texts[] = {{"format", "made"}, {"text", "a text that does not fit into the first sixteen bytes"}};
    const char *path = in_scratch("made.safetensors");
    StoredFile file;
    (void)context;
    cf_status status = safetensors_write(path, all, 2, texts, 2);
    if (!status) status = safetensors_read(path, &file);
    if (status) return status;
    *result = file_checksum(checksum(1, safetensors_text(&file, "text"), 53), path);
    safetensors_free(&file);
    return CF_OK;
}

/* A file of torch.save, and the same network's weights for PyTorch. */
static cf_status weights(void *context, uint64_t *result) {
    char golden[512];
    const cf_model *model = context;
    const char *path = in_scratch("weights.safetensors");
    StoredFile file;
    snprintf(golden, sizeof golden, "%s/tests/golden/checkpoint.pth", getenv("CIFRA_SOURCE"));
    cf_status status = weights_write(model, path);
    if (!status) status = weights_read(golden, &model->layers, &file);
    if (status) return status;
    *result = file_checksum(1, path);
    for (size_t t = 0; t < file.tensor_count; t++) {
        const StoredTensor *tensor = &file.tensors[t];
        *result = checksum(*result, tensor->name, strlen(tensor->name));
        if (tensor->values) *result = checksum(*result, tensor->values, tensor->count * sizeof *tensor->values);
    }
    safetensors_free(&file);
    return CF_OK;
}

static cf_status npy(void *context, uint64_t *result) {
    const float values[6] = {1, 2, 3, 4, 5, 6};
    const char *path = in_scratch("made.npy");
    const double offset[2] = {1, 2}; /* so that they go through all of it */
    const RowsFrame frame = {.offset = offset, .dim = 2};
    NpyRows rows = {0};
    (void)context;
    cf_status status = npy_write_rows(path, values, 3, 2);
    if (!status) status = npy_read_rows(path, &frame, &rows);
    if (!status) *result = checksum(1, rows.values, rows.n * (size_t)rows.dim * sizeof *rows.values);
    npy_rows_free(&rows);
    return status;
}

static uint64_t take_json(uint64_t before, json_t *json) {
    char *text = json_dumps(json, JSON_COMPACT);
    const uint64_t sum = text ? checksum(before, text, strlen(text)) : 0;
    free(text);
    json_decref(json);
    return sum;
}

/* YAML into a search space, and as JSON, as a tune's store has it. */
static cf_status space(void *context, uint64_t *result) {
    Space space = {0};
    json_t *json = NULL;
    (void)context;
    json_memory_begin();
    cf_status status = space_read(in_scratch("space.yaml"), &space);
    if (!status) status = space_json(&space, &json);
    if (!status) *result = take_json(1, json);
    space_free(&space);
    return json_memory_failed() && !status ? FAIL(CF_NO_MEMORY, "out of memory for the space's JSON") : status;
}

/* YAML over a configuration, by way of JSON. */
/* The report's claims, on a study that has tried something. */
static cf_status claims(void *context, uint64_t *result) {
    json_memory_begin();
    json_t *results = json_pack("{s:[s s] s:{s:{s:s}} s:{s:{s:[{s:f} {s:f}] s:[{s:f} {s:f}]}}}", "sets", "hand",
                                "street", "data", "hand", "data", "hand", "attention", "hand", "one", "accuracy", 0.5,
                                "accuracy", 0.6, "two", "accuracy", 0.7, "accuracy", 0.8);
    Ledger ledger = {0};
    json_t *json = NULL;
    (void)context;
    cf_status status = ledger_new("report", results, &ledger);
    if (!status) status = ledger_json(&ledger, &json);
    if (!status) *result = take_json(1, json);
    ledger_free(&ledger);
    json_decref(results);
    return json_memory_failed() && !status ? FAIL(CF_NO_MEMORY, "out of memory for the results") : status;
}

static cf_status recipe(void *context, uint64_t *result) {
    Recipe recipe = {0};
    json_t *json = NULL;
    (void)context;
    json_memory_begin();
    cf_status status = recipe_read(in_scratch("mine.yaml"), &recipe);
    if (!status) status = recipe_json(&recipe, &json);
    if (!status) *result = take_json(1, json);
    recipe_free(&recipe);
    return json_memory_failed() && !status ? FAIL(CF_NO_MEMORY, "out of memory for the recipe's JSON") : status;
}

static void write_png(const char *path, int seed) {
    unsigned char pixels[PIXELS];
    png_image png = {.version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = PNG_FORMAT_GRAY};
    for (int p = 0; p < PIXELS; p++) pixels[p] = (unsigned char)(p * seed);
    assert_true(png_image_write_to_file(&png, path, 0, pixels, 0, NULL));
}

static void write_jpeg(const char *path) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char row[SIDE] = {1, 50, 100, 150, 200, 250};
    JSAMPROW line = row;
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, out);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < SIDE; y++) jpeg_write_scanlines(&jpeg, &line, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_int_equal(fclose(out), 0);
}

/* Small ones of the formats that have no class folder of their own. */
static void make_other_formats(void) {
    static const unsigned char rows[SIDE * SIDE * 4] = {1, 2, 3, 4, 5}, colours[2][3] = {{1, 2, 3}, {4, 5, 6}};
    static const unsigned char numbers[SIDE * SIDE] = {0, 1, 0, 1};
    const BmpFile bmp = {.header = 40, .bits = 32, .width = SIDE, .height = SIDE, .rows = rows, .size = sizeof rows};
    const GifPart gif = {SIDE, SIDE, 0, 0, SIDE, SIDE, colours, 2, -1, 1, false, numbers};
    const TiffFile tiff = {SIDE, SIDE, 4, 8, PHOTOMETRIC_RGB, COMPRESSION_LZW, EXTRASAMPLE_UNASSALPHA, 6, .rows = rows};
    const WebpFile webp = {SIDE, SIDE, .left = -1, .rgba = rows};
    assert_true(save_bmp(in_scratch("pictures/b/3.bmp"), &bmp));
    assert_true(save_gif(in_scratch("pictures/b/4.gif"), &gif));
    assert_true(save_tiff(in_scratch("pictures/b/5.tif"), &tiff));
    assert_true(save_webp(in_scratch("pictures/b/6.webp"), &webp));
}

static void make_pictures(void) {
    assert_int_equal(mkdir(in_scratch("pictures"), 0700), 0);
    assert_int_equal(mkdir(in_scratch("pictures/a"), 0700), 0);
    assert_int_equal(mkdir(in_scratch("pictures/b"), 0700), 0);
    write_png(in_scratch("pictures/a/1.png"), 3);
    write_png(in_scratch("pictures/b/1.png"), 5);
    write_jpeg(in_scratch("pictures/b/2.jpg"));
    make_other_formats();
}

static void readers_and_writers(void **state) {
    (void)state;
    cf_set *set = made_set();
    make_pictures();
    failing_spares("libtiff"); /* 4.5 crashes when it cannot make its table of tags */
    failing_spares("libwebp"); /* 1.2.4 frees a table twice */
    for_each_failing_allocation("IDX", idx, set);
    for_each_failing_allocation("MATLAB", mat, set);
    for_each_failing_allocation("pictures", folder, NULL);
    for_each_failing_allocation("pictures by name", named, "pictures");
    for_each_failing_allocation("MATLAB by name", named, "set.mat");
    for_each_failing_allocation("safetensors", tensors, NULL);
    for_each_failing_allocation("NumPy", npy, NULL);
    cf_set_free(set);
}

static void weights_of_others(void **state) {
    (void)state;
    static const char *const classes[] = {"a", "b"};
    cf_model *model;
    assert_ok(model_new("conv 2 3x3 | bn | relu | dense classes", (Shape){1, SIDE, SIDE}, classes, 2, 1, &model));
    for_each_failing_allocation("weights", weights, model);
    cf_model_free(model);
}

static void yaml(void **state) {
    (void)state;
    static const char text[] = "model: dense {width} | relu | dense classes\n"
                               "parameters:\n  - {name: width, values: [4, 6]}\n  - {name: lr, log: [0.001, 0.1]}\n";
    write_bytes(in_scratch("space.yaml"), text, sizeof text - 1);
    for_each_failing_allocation("a space in YAML", space, NULL);
    static const char mine[] = "data: [hand, street]\nmodel: dense {width} | relu | dense classes\ngrid: space.yaml\n"
                               "train: {epochs: 2}\nfinal: {epochs: 3, lr: 0.1}\n"
                               "imbalance: {classes: [1, 2, 3], cases: [\"1:50,2:100\", all]}\n";
    write_bytes(in_scratch("mine.yaml"), mine, sizeof mine - 1);
    for_each_failing_allocation("a recipe in YAML", recipe, NULL);
    for_each_failing_allocation("a ledger", claims, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_and_writers), cmocka_unit_test(weights_of_others),
                                       cmocka_unit_test(yaml)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
