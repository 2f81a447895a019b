/* Exported weights: the names, types and shapes that PyTorch's own networks ask for (tests/golden/make_export_golden.py), and the
 * model's values. */
#include "golden.h"

#include "base/files.h"
#include "nn/model.h"

#include <string.h>

static const char *const classes[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

static cf_model *make(const char *name) {
    cf_model *model;
    const Shape shape = {strcmp(name, "paper") ? 3 : 1, strcmp(name, "paper") ? 32 : 28,
                         strcmp(name, "paper") ? 32 : 28};
    assert_ok(model_new(name, shape, classes, 10, 1, &model));
    return model;
}

static int by_bytes(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* As the script's state_hash(). */
static void hash_of(const StoredFile *file, char hex[SHA256_HEX]) {
    static char lines[400][256], *sorted[400], all[400 * 256];
    assert_true(file->tensor_count <= 400);
    *all = 0;
    for (size_t t = 0; t < file->tensor_count; t++) {
        char shape[SHAPE_TEXT];
        const StoredTensor *tensor = &file->tensors[t];
        shape_to_text(tensor->shape, tensor->dims, shape);
        snprintf(sorted[t] = lines[t], sizeof lines[t], "%s %s %s\n", tensor->name, tensor->type, shape);
    }
    qsort(sorted, file->tensor_count, sizeof *sorted, by_bytes);
    for (size_t t = 0; t < file->tensor_count; t++) strcat(all, sorted[t]);
    assert_ok(sha256_text(all, hex));
}

static void the_state_is_pytorchs(void **state) {
    (void)state;
    json_t *golden = golden_open("export_golden.json"), *wanted;
    const char *name, *path = path_in(scratch_folder(), "state.safetensors");
    json_object_foreach(golden, name, wanted) {
        char hex[SHA256_HEX];
        StoredFile file;
        cf_model *model = make(name);
        assert_ok(weights_write(model, path));
        assert_ok(safetensors_read(path, &file));
        hash_of(&file, hex);
        assert_string_equal(hex, json_string_value(wanted));
        for (size_t t = 0; t < file.tensor_count; t++) /* integers at multiples of 8, and 0 */
            if (!file.tensors[t].values) {
                assert_int_equal(file.tensors[t].begin % 8, 0);
                assert_memory_equal(file.bytes + file.tensors[t].begin, "\0\0\0\0\0\0\0\0", 8);
            }
        safetensors_free(&file);
        cf_model_free(model);
    }
    assert_int_equal(json_object_size(golden), 3);
    json_decref(golden);
}

/* Dense weights, too, which lie in another order in memory. */
static void the_values_are_the_models(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "values.safetensors");
    cf_model *model = make("paper"), *back;
    for (size_t i = 0; i < model->parameters.total; i++) model->parameters.values[i] += 0.001f * (float)(i % 1000);
    assert_ok(weights_write(model, path));
    assert_ok(cf_model_load(path, &back));
    for (int i = 0; i < model->parameters.count; i++) {
        const Parameter *p = &model->parameters.table[i];
        assert_memory_equal(back->parameters.values + p->offset, model->parameters.values + p->offset,
                            p->count * sizeof(float));
    }
    assert_string_equal(back->layers.line, model->layers.line);
    cf_model_free(back);
    cf_model_free(model);
}

static void weights_that_are_none_are_not_written(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "none.safetensors");
    cf_model *model = make("paper");
    model->parameters.values[model->parameters.table[0].offset + 3] = NAN;
    assert_fails(weights_write(model, path), CF_DIVERGED, "conv1.weight: value 3 is nan");
    assert_false(file_exists(path));
    cf_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_pytorchs),
        cmocka_unit_test(the_values_are_the_models),
        cmocka_unit_test(weights_that_are_none_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
