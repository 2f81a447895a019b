/* Models as files: the same model back to the bit, PyTorch's axis order, and every kind of file that is no such model. */
#include "nn/problems.h"

#include "nn/model.h"

#include <stdio.h>

enum { C = 2, H = 6, W = 5, CLASSES = 3, IMAGES = 20 };

static const char *const names[CLASSES] = {"zero", "\xc3\xa9l\xc3\xa8ve \"q\"", "two, three"};
static const char line[] =
    "conv 4 3x3 | bn | relu | maxpool 2 | conv 3 1x1 | leakyrelu 0.1 | dense 7 | relu | dense classes";

static cf_model *make(const char *text, uint64_t seed) {
    cf_model *m;
    assert_ok(model_new(text, (Shape){C, H, W}, names, CLASSES, seed, &m));
    return m;
}

/* Weights without any round number, running statistics too. */
static void scatter(cf_model *m) {
    for (int i = 0; i < m->parameters.count; i++) {
        const Parameter *entry = &m->parameters.table[i];
        for (size_t k = 0; k < entry->count; k++)
            m->parameters.values[entry->offset + k] =
                (float)next_number() * 0x1p-31f - (entry->trainable ? 1.0f : 0.0f);
    }
}

static cf_set *images(void) {
    cf_set *set;
    assert_ok(set_new("noise", "noise", IMAGES, C, H, W, CLASSES, &set));
    assert_ok(set_name_classes(set, names));
    for (size_t i = 0; i < (size_t)IMAGES * C * H * W; i++) set->pixels[i] = (unsigned char)next_number();
    return set;
}

static void predict(const cf_model *m, const cf_set *set, float probabilities[IMAGES * CLASSES]) {
    uint32_t all[IMAGES];
    for (uint32_t i = 0; i < IMAGES; i++) all[i] = i;
    cf_subset subset = {.set = set, .images = all, .count = IMAGES, .classes = CLASSES};
    StepResult result;
    assert_ok(classify(m, &subset, &(ClassifyOptions){.engine = cpu_engine(), .threads = 1}, probabilities, &result));
}

static void round_trip(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "model.safetensors");
    cf_model *m = make(line, 1), *back;
    cf_set *set = images();
    float before[IMAGES * CLASSES], after[IMAGES * CLASSES];
    char sha[SHA256_HEX], sha_back[SHA256_HEX];
    scatter(m);
    assert_ok(cf_model_save(m, path));
    assert_ok(cf_model_load(path, &back));
    assert_string_equal(back->layers.line, line);
    assert_int_equal(back->classes, CLASSES);
    for (int c = 0; c < CLASSES; c++) assert_string_equal(back->class_names[c], names[c]);
    assert_int_equal(back->layers.input.C, C);
    assert_int_equal(back->layers.input.H, H);
    assert_int_equal(back->layers.input.W, W);
    assert_int_equal(back->parameters.total, m->parameters.total);
    assert_same_bits("values", back->parameters.values, m->parameters.values, m->parameters.total * sizeof(float));
    assert_ok(parameters_sha256(&m->parameters, sha));
    assert_ok(parameters_sha256(&back->parameters, sha_back));
    assert_string_equal(sha, sha_back);
    predict(m, set, before);
    predict(back, set, after);
    assert_same_bits("probabilities", after, before, sizeof before);
    cf_model_free(m), cf_model_free(back), cf_model_free(NULL);
    cf_set_free(set);
}

static void seeds(void **state) {
    (void)state;
    cf_model *a = make(line, 1), *b = make(line, 1), *c = make(line, 2);
    size_t size = a->parameters.total * sizeof(float);
    assert_memory_equal(a->parameters.values, b->parameters.values, size);
    assert_memory_not_equal(a->parameters.values, c->parameters.values, size);
    cf_model_free(a), cf_model_free(b), cf_model_free(c);
}

/* He-normal: mean 0, deviation sqrt(2 / fan-in), sqrt(1 / fan-in) for the last layer; the rest as batch norm and biases
 * begin. */
static void initial_weights(void **state) {
    (void)state;
    cf_model *m = make("conv 64 3x3 | bn | relu | dense 300 | dense classes", 3);
    const Parameters *p = &m->parameters;
    for (int i = 0; i < p->count; i++) {
        const Parameter *e = &p->table[i];
        const float *values = p->values + e->offset;
        bool one = strcmp(e->name, "bn1.weight") == 0 || strcmp(e->name, "bn1.running_var") == 0;
        if (e->dims == 1) {
            for (size_t k = 0; k < e->count; k++) assert_true(values[k] == (one ? 1.0f : 0.0f));
            continue;
        }
        double gain = strcmp(e->name, "dense2.weight") == 0 ? 1 : 2, n = (double)e->count, sum = 0, squares = 0;
        double expected = sqrt(gain / ((double)e->count / (double)e->shape[0]));
        for (size_t k = 0; k < e->count; k++)
            sum += (double)values[k], squares += (double)values[k] * (double)values[k];
        assert_near_number(e->name, sum / n, 0, 5 * expected / sqrt(n));
        assert_near_number(e->name, sqrt(squares / n), expected, 5 * expected / sqrt(2 * n));
    }
    cf_model_free(m);
}

/* Dense weights lie as C, H, W in the file and as H, W, C in memory: output k, channel c, pixel i is 1000 k + 100 c + i. */
static void dense_order_in_files(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "order.safetensors");
    cf_model *m = make("dense classes", 1);
    enum { PIXELS = H * W };
    float *weights = parameters_find(&m->parameters, 0, "weight");
    for (int k = 0; k < CLASSES; k++)
        for (int i = 0; i < PIXELS; i++)
            for (int c = 0; c < C; c++) weights[(k * PIXELS + i) * C + c] = (float)(1000 * k + 100 * c + i);
    assert_ok(cf_model_save(m, path));
    StoredFile file;
    assert_ok(safetensors_read(path, &file));
    const StoredTensor *stored = safetensors_find(&file, "dense1.weight");
    assert_non_null(stored);
    assert_int_equal(stored->dims, 2);
    assert_int_equal(stored->shape[0], CLASSES);
    assert_int_equal(stored->shape[1], C * PIXELS);
    for (int k = 0; k < CLASSES; k++)
        for (int c = 0; c < C; c++)
            for (int i = 0; i < PIXELS; i++)
                assert_true(stored->values[(k * C + c) * PIXELS + i] == (float)(1000 * k + 100 * c + i));
    assert_string_equal(safetensors_text(&file, "model"), "dense classes");
    assert_string_equal(safetensors_text(&file, "input"), "2x6x5");
    assert_string_equal(safetensors_text(&file, "scaling"), "x/255");
    assert_string_equal(safetensors_text(&file, "format"), "cifra-model-1");
    safetensors_free(&file);
    cf_model_free(m);
}

/* Convolution weights are OIHW in both: the file has them as they lie. */
static void tensors_in_files(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "tensors.safetensors");
    cf_model *m = make(line, 1);
    static const char *const tensors[] = {"conv1.weight",    "bn1.weight",    "bn1.bias",   "bn1.running_mean",
                                          "bn1.running_var", "conv2.weight",  "conv2.bias", "dense1.weight",
                                          "dense1.bias",     "dense2.weight", "dense2.bias"};
    scatter(m);
    assert_ok(cf_model_save(m, path));
    StoredFile file;
    assert_ok(safetensors_read(path, &file));
    assert_int_equal(file.tensor_count, COUNT_OF(tensors));
    for (size_t i = 0; i < COUNT_OF(tensors); i++) assert_non_null(safetensors_find(&file, tensors[i]));
    const StoredTensor *conv = safetensors_find(&file, "conv1.weight");
    const size_t shape[] = {4, C, 3, 3};
    assert_int_equal(conv->dims, 4);
    assert_memory_equal(conv->shape, shape, sizeof shape);
    assert_same_bits("conv1.weight", conv->values, parameters_find(&m->parameters, 0, "weight"),
                     conv->count * sizeof(float));
    safetensors_free(&file);
    cf_model_free(m);
}

/* ---- Files that are no model, or not this one ---- */

/* Writes a model's file with one text or one tensor changed: `tensor` renamed (new_name) or left out (new_name NULL). */
typedef struct Change {
    const char *text, *value; /* value NULL: left out */
    const char *tensor;
    bool reshape; /* the tensor gets one dimension instead of its own */
} Change;

static const char *write_changed(const Change *change) {
    const char *path = path_in(scratch_folder(), "changed.safetensors");
    cf_model *m = make(line, 1);
    TensorBag bag;
    ModelTexts texts;
    StoredText kept_texts[MODEL_TEXTS];
    size_t text_count = 0;
    assert_ok(bag_new(m->parameters.count, &bag));
    assert_ok(bag_add(&bag, &m->parameters, "", m->parameters.values, false));
    assert_ok(model_texts_new(m, &texts));
    for (int i = 0; i < MODEL_TEXTS; i++) {
        bool changed = change->text && strcmp(texts.texts[i].key, change->text) == 0;
        if (changed && !change->value) continue;
        kept_texts[text_count++] = (StoredText){texts.texts[i].key, changed ? change->value : texts.texts[i].value};
    }
    StoredTensor tensors[16];
    size_t tensor_count = 0;
    for (int i = 0; i < bag.count; i++) {
        bool changed = change->tensor && strcmp(bag.tensors[i].name, change->tensor) == 0;
        if (changed && !change->reshape) continue;
        tensors[tensor_count] = bag.tensors[i];
        if (changed) tensors[tensor_count].dims = 1, tensors[tensor_count].shape[0] = bag.tensors[i].count;
        tensor_count++;
    }
    assert_ok(safetensors_write(path, tensors, tensor_count, kept_texts, text_count));
    model_texts_free(&texts);
    bag_free(&bag);
    cf_model_free(m);
    return path;
}

static void changed_files(void **state) {
    (void)state;
    static const struct {
        Change change;
        const char *message;
    } cases[] = {
        {{.text = "format"}, "not a model that cifra wrote"},
        {{.text = "format", .value = "cifra-model-2"}, "not a model that cifra wrote"},
        {{.text = "model"}, "not a model that cifra wrote"},
        {{.text = "input"}, "not a model that cifra wrote"},
        {{.text = "classes"}, "not a model that cifra wrote"},
        {{.text = "scaling"}, "scaling x/255 expected, found none"},
        {{.text = "scaling", .value = "x"}, "scaling x/255 expected, found x"},
        {{.text = "input", .value = "2x6"}, "the input 2x6 is no shape such as 1x28x28"},
        {{.text = "input", .value = "2x6x5x"}, "is no shape"},
        {{.text = "input", .value = "0x6x5"}, "is no shape"},
        {{.text = "input", .value = "99999x9x9"}, "is no shape"},
        {{.text = "input", .value = "65535x65535x65535"}, "more than 268435456 values"},
        {{.text = "classes", .value = "zero"}, "should be a JSON list of 1 to 10000 names"},
        {{.text = "classes", .value = "[]"}, "should be a JSON list of 1 to 10000 names"},
        {{.text = "classes", .value = "{\"a\":1}"}, "should be a JSON list of 1 to 10000 names"},
        {{.text = "classes", .value = "[\"a\",2,\"c\"]"}, "class 1 in the text \"classes\" is not a name"},
        {{.text = "classes", .value = "[\"a\",\"b\"]"},
         "the tensor dense2.weight: shape [2, 7] expected, [3, 7] found"},
        {{.text = "model", .value = "conv 4 3x3 | dense 9"}, "the last layer gives 9 values; the data have 3 classes"},
        {{.text = "classes", .value = "[\"a\",\"b\\n\",\"c\"]"}, "class 1 in the text \"classes\" is not a name"},
        {{.text = "classes", .value = "[\"a\",\"\",\"c\"]"}, "class 1 in the text \"classes\" is not a name"},
        /* Never taken: the file is too small for it. */
        {{.text = "model", .value = "dense 262144 | dense 256 | dense 3"},
         "the tensor dense1.weight: shape [262144, 60] expected, [7, 18] found"},
        {{.text = "model", .value = "batchnorm | dense 3"}, "unknown layer batchnorm"},
        {{.text = "model", .value = "dense 4 | dense 3"},
         "the tensor dense1.weight: shape [4, 60] expected, [7, 18] found"},
        {{.text = "model", .value = "relu | globalavgpool | dropout | avgpool 1"}, "gives 2 values"},
        {{.tensor = "bn1.running_var"}, "the tensor bn1.running_var is missing"},
        {{.tensor = "dense2.bias"}, "the tensor dense2.bias is missing"},
        {{.tensor = "conv1.weight", .reshape = true},
         "the tensor conv1.weight: shape [4, 2, 3, 3] expected, [72] found"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *path = write_changed(&cases[i].change);
        cf_model *m = (cf_model *)&m; /* written only on success */
        assert_fails(cf_model_load(path, &m), CF_BAD_INPUT, cases[i].message);
        assert_non_null(strstr(cf_error(), "changed.safetensors"));
        assert_ptr_equal(m, &m);
    }
}

/* The same number of values in another order of dimensions. */
static void transposed(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "transposed.safetensors");
    cf_model *m = make("dense 8 | relu | dense classes", 1);
    TensorBag bag;
    ModelTexts texts;
    assert_ok(bag_new(m->parameters.count, &bag));
    assert_ok(bag_add(&bag, &m->parameters, "", m->parameters.values, false));
    assert_ok(model_texts_new(m, &texts));
    bag.tensors[0].shape[0] = 60, bag.tensors[0].shape[1] = 8;
    assert_ok(safetensors_write(path, bag.tensors, (size_t)bag.count, texts.texts, MODEL_TEXTS));
    cf_model_free(m);
    assert_fails(cf_model_load(path, &m), CF_BAD_INPUT,
                 "the tensor dense1.weight: shape [8, 60] expected, [60, 8] found");
    model_texts_free(&texts);
    bag_free(&bag);
}

static char told[512];
static int times_told;

static void remember(const char *text, void *context) {
    (void)context;
    snprintf(told, sizeof told, "%s", text);
    times_told++;
}

/* A model's file with `count` tensors more, int64 numbers without dimensions where `type` says so. */
static const char *write_with_more(const char *const *more, int count, const char *type) {
    static const float counter[2] = {0};
    const char *path = path_in(scratch_folder(), "more.safetensors");
    cf_model *m = make(line, 1);
    TensorBag bag;
    ModelTexts texts;
    size_t size;
    assert_ok(bag_new(m->parameters.count + count, &bag));
    assert_ok(bag_add(&bag, &m->parameters, "", m->parameters.values, false));
    assert_ok(model_texts_new(m, &texts));
    for (int i = 0; i < count; i++)
        bag.tensors[bag.count + i] =
            (StoredTensor){.name = more[i], .dims = 1, .shape = {2}, .count = 2, .values = counter};
    assert_ok(safetensors_write(path, bag.tensors, (size_t)(bag.count + count), texts.texts, MODEL_TEXTS));
    model_texts_free(&texts);
    bag_free(&bag);
    cf_model_free(m);
    unsigned char *bytes;
    assert_ok(file_read(path, 1 << 20, &bytes, &size));
    memcpy(memmem(bytes, size, "file_sha256", 11), "something_x", 11); /* or the change would show */
    char *at = memmem(bytes, size, more[0], strlen(more[0]));
    for (int i = 0; i < count; i++) {
        char *shape = strstr(at = strstr(at, "\"F32\""), "[2]");
        memcpy(at + 1, type, 3);
        memcpy(shape, strcmp(type, "I64") == 0 ? "[ ]" : "[2]", 3);
        at = shape;
    }
    write_bytes(path, bytes, size);
    free(bytes);
    return path;
}

static void surplus_tensors(void **state) {
    (void)state;
    static const char *const more[] = {"bn1.num_batches_tracked", "bn2.num_batches_tracked", "epoch"};
    static const char *const types[] = {"F32", "I64"};
    cf_set_notice_handler(remember, NULL);
    for (int t = 0; t < 2; t++)
        for (int count = 1; count <= 3; count += 2) {
            cf_model *m;
            times_told = 0;
            assert_ok(cf_model_load(write_with_more(more, count, types[t]), &m));
            assert_int_equal(times_told, 1);
            assert_non_null(strstr(told, count == 1 ? "a tensor that the model does not need is passed over"
                                                    : "3 tensors that the model does not need are passed over"));
            assert_non_null(strstr(told, "bn1.num_batches_tracked"));
            cf_model_free(m);
        }
    cf_set_notice_handler(NULL, NULL);
}

/* ---- Values that no model may have ---- */

static void values_that_are_none(void **state) {
    (void)state;
    static const struct {
        int layer;
        const char *what;
        size_t place; /* as the file has it */
        float value;
        const char *message;
    } cases[] = {
        {0, "weight", 5, NAN, "the tensor conv1.weight: value 5 is nan"},
        {0, "weight", 71, INFINITY, "the tensor conv1.weight: value 71 is inf"},
        {1, "running_mean", 0, -INFINITY, "the tensor bn1.running_mean: value 0 is -inf"},
        {1, "running_var", 3, NAN, "the tensor bn1.running_var: value 3 is nan"},
        {1, "running_var", 2, -0.5f, "the tensor bn1.running_var: value 2 is -0.5, and a variance is 0 or more"},
    };
    const char *path = path_in(scratch_folder(), "values.safetensors");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        cf_model *m = make(line, 1);
        TensorBag bag;
        ModelTexts texts;
        char name[64];
        snprintf(name, sizeof name, "%s.%s", m->layers.layers[cases[i].layer].name, cases[i].what);
        assert_ok(bag_new(m->parameters.count, &bag));
        assert_ok(bag_add(&bag, &m->parameters, "", m->parameters.values, false));
        assert_ok(model_texts_new(m, &texts));
        for (int t = 0; t < bag.count; t++)
            if (strcmp(bag.names[t], name) == 0) bag.values[t][cases[i].place] = cases[i].value;
        assert_ok(safetensors_write(path, bag.tensors, (size_t)bag.count, texts.texts, MODEL_TEXTS));
        model_texts_free(&texts);
        bag_free(&bag);
        cf_model_free(m);
        assert_fails(cf_model_load(path, &m), CF_BAD_INPUT, cases[i].message);
        /* Neither is such a model written; what is there stays. */
        m = make(line, 1);
        parameters_find(&m->parameters, cases[i].layer, cases[i].what)[cases[i].place] = cases[i].value;
        const char *kept = path_in(scratch_folder(), "kept");
        write_bytes(kept, "kept", 4);
        assert_fails(cf_model_save(m, kept), CF_DIVERGED, name);
        unsigned char *bytes;
        size_t size;
        assert_ok(file_read(kept, 100, &bytes, &size));
        assert_int_equal(size, 4);
        free(bytes);
        cf_model_free(m);
    }
}

static void nothing_to_learn(void **state) {
    (void)state;
    static const char *const none[] = {"relu | dropout 0.2", "maxpool 1 | leakyrelu", "dropout 0 | relu | avgpool 1"};
    const char *const classes[] = {"a", "b", "c", "d", "e", "f"};
    cf_model *m = NULL;
    for (size_t i = 0; i < COUNT_OF(none); i++)
        assert_fails(model_new(none[i], (Shape){1, 2, 3}, classes, 6, 1, &m), CF_BAD_USE, "has no weights");
    assert_ok(model_new("relu | dropout 0.2 | bn", (Shape){1, 2, 3}, classes, 6, 1, &m));
    cf_model_free(m);
}

static void foreign_files(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "foreign.safetensors");
    cf_model *m;
    const float values[] = {1, 2};
    const StoredTensor tensor = {.name = "layer.weight", .dims = 1, .shape = {2}, .count = 2, .values = values};
    assert_ok(safetensors_write(path, &tensor, 1, NULL, 0));
    assert_fails(cf_model_load(path, &m), CF_BAD_INPUT, "is a safetensors file, but not a model that cifra wrote");
    write_bytes(path, "not at all", 10);
    assert_fails(cf_model_load(path, &m), CF_BAD_INPUT, "foreign.safetensors");
    write_bytes(path, "", 0);
    assert_fails(cf_model_load(path, &m), CF_BAD_INPUT, "foreign.safetensors");
    assert_fails(cf_model_load(path_in(scratch_folder(), "none"), &m), CF_IO, "none");
    m = make("dense classes", 1);
    assert_fails(cf_model_save(m, path_in(scratch_folder(), "no/folder/model")), CF_IO, "no/folder");
    cf_model_free(m);
}

/* ---- The checksum ---- */

static void checksum(void **state) {
    (void)state;
    cf_model *m = make(line, 1);
    char first[SHA256_HEX], other[SHA256_HEX];
    assert_ok(parameters_sha256(&m->parameters, first));
    for (int i = 0; i < m->parameters.count; i++) { /* every tensor is in it, to its last value */
        float *value = m->parameters.values + m->parameters.table[i].offset + m->parameters.table[i].count - 1,
              before = *value;
        *value = nextafterf(before, 9);
        assert_ok(parameters_sha256(&m->parameters, other));
        assert_string_not_equal(first, other);
        *value = before;
    }
    assert_ok(parameters_sha256(&m->parameters, other));
    assert_string_equal(first, other);
    cf_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),           cmocka_unit_test(seeds),
        cmocka_unit_test(initial_weights),      cmocka_unit_test(dense_order_in_files),
        cmocka_unit_test(tensors_in_files),     cmocka_unit_test(changed_files),
        cmocka_unit_test(foreign_files),        cmocka_unit_test(checksum),
        cmocka_unit_test(transposed),           cmocka_unit_test(surplus_tensors),
        cmocka_unit_test(values_that_are_none), cmocka_unit_test(nothing_to_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
