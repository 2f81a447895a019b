/* Networks as ONNX files and back: every word of the model line has its form, the same bits return, and what onnxruntime made of these very
 * files (tests/golden/onnx_golden.json) is what the network says here. */
#include "golden.h"
#include "testing.h"

#include "base/files.h"
#include "export/onnx_messages.h"
#include "export/onnx_networks.h"
#include "export/onnx_write.h"
#include "nn/models.h"

enum { IMAGES = 3, MOST_VALUES = IMAGES * ONNX_CLASSES };

static cf_model *make(const OnnxNetwork *network) {
    cf_model *model;
    assert_ok(onnx_network_new(network, &model));
    return model;
}

static const OnnxNetwork *network_named(const char *name) {
    const OnnxNetwork *n = onnx_networks;
    while (strcmp(n->name, name) != 0) n++;
    return n;
}

static void predict(const cf_model *model, Shape shape, float probabilities[MOST_VALUES]) {
    cf_set *set;
    assert_ok(onnx_images(shape, IMAGES, &set));
    assert_ok(onnx_probabilities(model, set, IMAGES, probabilities));
    cf_set_free(set);
}

static const char *exported(const cf_model *model) {
    const char *path = path_in(scratch_folder(), "network.onnx");
    assert_ok(cf_export_onnx(model, path, NULL));
    return path;
}

static void each_word_has_a_row(void **state) {
    (void)state;
    for (const char *const *word = layer_words(); *word; word++) {
        size_t i = 0;
        assert_non_null(onnx_layer(*word));
        while (i < COUNT_OF(onnx_networks) && strcmp(onnx_networks[i].name, *word) != 0) i++;
        if (i == COUNT_OF(onnx_networks)) fail_msg("there is no network of the word %s", *word);
    }
    assert_null(onnx_layer("input"));
}

/* ---- There and back ---- */

static void assert_same_model(const cf_model *a, const cf_model *b) {
    assert_int_equal(a->parameters.total, b->parameters.total);
    assert_int_equal(a->parameters.count, b->parameters.count);
    for (int i = 0; i < a->parameters.count; i++) {
        assert_string_equal(a->parameters.table[i].name, b->parameters.table[i].name);
        assert_memory_equal(a->parameters.values + a->parameters.table[i].offset,
                            b->parameters.values + b->parameters.table[i].offset,
                            a->parameters.table[i].count * sizeof(float));
    }
}

static void assert_same_answers(const cf_model *model, const cf_model *back) {
    float before[MOST_VALUES], after[MOST_VALUES];
    assert_memory_equal(&model->layers.input, &back->layers.input, sizeof(Shape));
    predict(model, model->layers.input, before);
    predict(back, model->layers.input, after);
    assert_memory_equal(before, after, sizeof before);
}

static void the_same_line_and_bits_return(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(onnx_networks); i++) {
        cf_model *model = make(&onnx_networks[i]), *back;
        print_message("%s\n", onnx_networks[i].name);
        assert_ok(cf_import_onnx(exported(model), NULL, &back));
        if (model->layers.head_count == 1) {
            assert_string_equal(back->layers.line, model->layers.line);
            assert_same_model(model, back);
        }
        for (int c = 0; c < ONNX_CLASSES; c++) assert_string_equal(back->class_names[c], model->class_names[c]);
        assert_same_answers(model, back);
        cf_model_free(model);
        cf_model_free(back);
    }
}

/* Every "model" among the texts becomes "nodel": the line follows from the graph alone. */
static const char *without_line(const char *path) {
    unsigned char *bytes, *found;
    size_t size;
    assert_ok(file_read(path, SIZE_MAX, &bytes, &size));
    found = memmem(bytes, size, "\n\x05model", 7);
    assert_non_null(found);
    found[2] = 'n';
    write_bytes(path, bytes, size);
    free(bytes);
    return path;
}

static void the_line_follows_from_the_graph(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(onnx_networks); i++) {
        cf_model *model = make(&onnx_networks[i]), *back;
        print_message("%s\n", onnx_networks[i].name);
        assert_ok(cf_import_onnx(without_line(exported(model)), NULL, &back));
        assert_string_equal(back->layers.line, onnx_networks[i].back ? onnx_networks[i].back : onnx_networks[i].line);
        if (model->layers.head_count == 1) assert_same_model(model, back);
        assert_same_answers(model, back);
        cf_model_free(model);
        cf_model_free(back);
    }
}

/* A line in the metadata that is not the graph's, as where somebody changed the graph. */
static void a_line_of_another_network_is_not_believed(void **state) {
    cf_model *model = make(network_named("relu")), *back;
    const char *path = exported(model);
    unsigned char *bytes, *found;
    size_t size;
    (void)state;
    assert_ok(file_read(path, SIZE_MAX, &bytes, &size));
    found = memmem(bytes, size, "| relu |", 8);
    assert_non_null(found);
    memcpy(found, "| silu |", 8);
    write_bytes(path, bytes, size);
    assert_ok(cf_import_onnx(path, NULL, &back));
    assert_string_equal(back->layers.line, model->layers.line);
    free(bytes);
    cf_model_free(model);
    cf_model_free(back);
}

static void named_models_return(void **state) {
    static const char *const names[] = {"paper", "lenet5", "m7", "resnet20", "mobilenet-small", "vit-tiny", "wrn16-4"};
    static const char *const classes[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        for (int known = 0; known < 2; known++) {
            cf_model *model, *back;
            print_message("%s\n", names[i]);
            assert_ok(model_new(names[i], model_named(names[i])->images, classes, 10, 3, &model));
            const char *path = exported(model);
            assert_ok(cf_import_onnx(known ? path : without_line(path), NULL, &back));
            if (known) assert_string_equal(back->layers.line, model->layers.line);
            assert_same_model(model, back);
            cf_model_free(model);
            cf_model_free(back);
        }
}

/* ---- What onnxruntime says ---- */

static const unsigned char *skip_varint(const unsigned char *at, uint64_t *value) {
    *value = 0;
    for (int shift = 0;; shift += 7) {
        *value |= (uint64_t)(*at & 0x7f) << shift;
        if (!(*at++ & 0x80)) return at;
    }
}

/* Of the graph alone: the rest tells of the version. */
static void graph_sha256(const char *path, char hex[SHA256_HEX]) {
    unsigned char *bytes;
    const unsigned char *at;
    size_t size;
    Sha256 *sha;
    assert_ok(file_read(path, SIZE_MAX, &bytes, &size));
    for (at = bytes; at < bytes + size;) {
        uint64_t tag, length;
        at = skip_varint(at, &tag);
        at = skip_varint(at, &length);
        if ((tag & 7) == 0) continue;
        if (tag >> 3 == MODEL_GRAPH) {
            assert_ok(sha256_new(&sha));
            assert_ok(sha256_add(sha, at, length));
            assert_ok(sha256_finish(sha, hex));
        }
        at += length;
    }
    free(bytes);
}

static void onnxruntime_agrees(void **state) {
    json_t *golden = golden_open("onnx_golden.json");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(onnx_networks); i++) {
        const json_t *entry = json_object_get(golden, onnx_networks[i].name),
                     *rows = json_object_get(entry, "probabilities");
        cf_model *model = make(&onnx_networks[i]);
        float probabilities[MOST_VALUES];
        char hex[SHA256_HEX] = "";
        print_message("%s\n", onnx_networks[i].name);
        predict(model, model->layers.input, probabilities);
        graph_sha256(exported(model), hex);
        assert_string_equal(hex, json_string_value(json_object_get(entry, "graph_sha256")));
        for (size_t k = 0; k < MOST_VALUES; k++)
            assert_near((double)probabilities[k], golden_cell(rows, k / ONNX_CLASSES, k % ONNX_CLASSES), 1e-5);
        cf_model_free(model);
    }
    json_decref(golden);
}

/* The files in QDQ form, and what onnxruntime makes of them: a step of the integers apart, where halves are rounded otherwise. */
static void onnxruntime_agrees_in_integers(void **state) {
    json_t *golden = golden_open("onnx_int8_golden.json");
    size_t found = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(onnx_networks); i++) {
        char name[80], hex[SHA256_HEX] = "";
        float probabilities[MOST_VALUES];
        uint32_t images[IMAGES] = {0, 1, 2};
        StepResult result;
        Int8Network *integers;
        cf_set *set;
        snprintf(name, sizeof name, "%s-int8", onnx_networks[i].name);
        const json_t *entry = json_object_get(golden, name), *rows = json_object_get(entry, "probabilities");
        cf_model *model = make(&onnx_networks[i]);
        const char *path = path_in(scratch_folder(), "network.onnx");
        assert_ok(onnx_images(model->layers.input, IMAGES, &set));
        const cf_subset subset = {.set = set, .images = images, .count = IMAGES, .classes = ONNX_CLASSES};
        const cf_status status = int8_network_new(model, &subset, 1, &integers);
        assert_int_equal(status == CF_OK, entry != NULL);
        if (!status) {
            print_message("%s\n", name);
            assert_ok(onnx_write(model, path, true, integers));
            graph_sha256(path, hex);
            assert_string_equal(hex, json_string_value(json_object_get(entry, "graph_sha256")));
            assert_ok(classify(model, &subset, &(ClassifyOptions){.engine = &reference_engine, .threads = 1, .int8 = integers},
                               probabilities, &result));
            for (size_t k = 0; k < MOST_VALUES; k++)
                assert_near((double)probabilities[k], golden_cell(rows, k / ONNX_CLASSES, k % ONNX_CLASSES), 0.03);
            int8_network_free(integers);
            found++;
        }
        cf_set_free(set);
        cf_model_free(model);
    }
    assert_true(found > 10);
    json_decref(golden);
}

/* What PyTorch's exporters write, whose node names, folded norms and shapes computed on the way are others than ours. */
static void networks_of_pytorch(void **state) {
    static const struct {
        const char *name, *line;
    } files[] = {
        {"paper_script",
         "conv 4 3x3 | relu | maxpool 2 | conv 6 3x3 | relu | maxpool 2 | dense 8 | relu | dense classes"},
        {"paper_dynamo", "conv 4 3x3 | relu | maxpool 2 | conv 6 3x3 | relu | maxpool 2 | dense 8 as fc1 | relu | "
                         "dense classes as fc2"},
        {"resnet_script",
         "conv 4 3x3 | relu | maxpool 3 stride 2 pad 1 | res( conv 4 3x3 | relu | conv 4 3x3 ) | relu | "
         "res( conv 6 3x3 stride 2 | relu | conv 6 3x3 ) | relu | globalavgpool | dense classes"},
        {"resnet_dynamo", NULL},
        {"lite_dynamo", "conv 8 3x3 stride 2 pad tf | relu6 | dwconv 3x3 stride 2 pad tf | relu6 | se 4 | res( conv 8 "
                        "1x1 ) | globalavgpool | "
                        "dense classes"},
        {"norms_script", "conv 8 3x3 nobias | groupnorm 4 | silu | instancenorm | hardswish | leakyrelu 0.1 | gelu | "
                         "globalavgpool | dense classes"},
        {"norms_dynamo", NULL},
        {"tokens_script", "patch 4 8 | position | res( layernorm | conv 12 1x1 | gelu | conv 8 1x1 ) | layernorm | "
                          "globalavgpool | dense classes"},
        {"tokens_dynamo", NULL},
    };
    json_t *golden = golden_open("onnx_torch.json");
    char path[512];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        const json_t *rows = json_object_get(golden, files[i].name);
        float probabilities[MOST_VALUES];
        cf_model *model;
        print_message("%s\n", files[i].name);
        snprintf(path, sizeof path, "%s/tests/golden/onnx_torch/%s.onnx", getenv("CIFRA_SOURCE"), files[i].name);
        assert_ok(cf_import_onnx(path, NULL, &model));
        if (files[i].line) assert_string_equal(model->layers.line, files[i].line);
        predict(model, model->layers.input, probabilities);
        for (size_t k = 0; k < MOST_VALUES; k++)
            assert_near((double)probabilities[k], golden_cell(rows, k / ONNX_CLASSES, k % ONNX_CLASSES), 1e-5);
        cf_model_free(model);
    }
    json_decref(golden);
}

/* ---- What a file says ---- */

static void the_file_tells_what_it_is(void **state) {
    cf_model *model = make(network_named("se"));
    const char *path = path_in(scratch_folder(), "network.onnx");
    unsigned char *bytes;
    char sha256[SHA256_HEX];
    size_t size;
    OnnxModel file;
    (void)state;
    for (int softmax = 0; softmax < 2; softmax++) {
        assert_ok(cf_export_onnx(model, path, &(cf_onnx_options){.softmax = softmax}));
        assert_ok(file_read(path, SIZE_MAX, &bytes, &size));
        assert_ok(onnx_parse(bytes, size, &file));
        assert_int_equal(file.opset, 17);
        assert_int_equal(file.input_count, 1);
        assert_string_equal(file.inputs[0].name, "image");
        assert_int_equal(file.inputs[0].type, ONNX_FLOAT);
        assert_int_equal(file.inputs[0].dims, 4);
        assert_memory_equal(file.inputs[0].shape, ((size_t[]){0, 3, 5, 4}), 4 * sizeof(size_t));
        assert_string_equal(file.outputs[0].name, softmax ? "probabilities" : "logits");
        assert_int_equal(file.outputs[0].shape[1], ONNX_CLASSES);
        assert_string_equal(file.nodes[file.node_count - 1].op, softmax ? "Softmax" : "Identity");
        assert_string_equal(onnx_text(&file, "classes"),
                            "[\"none\",\"one\",\"two \\\"2\\\"\",\"drei, \xc3\xa4\",\"four\"]");
        assert_string_equal(onnx_text(&file, "model"), model->layers.line);
        assert_string_equal(onnx_text(&file, "cifra"), cf_version());
        assert_ok(parameters_sha256(&model->parameters, sha256));
        assert_string_equal(onnx_text(&file, "weights_sha256"), sha256);
        onnx_free(&file);
        free(bytes);
    }
    cf_model_free(model);
}

static void weights_that_are_none_are_not_written(void **state) {
    cf_model *model = make(network_named("bn"));
    const char *path = path_in(scratch_folder(), "refused.onnx");
    (void)state;
    parameters_find(&model->parameters, 0, "running_var")[1] = -1;
    assert_fails(cf_export_onnx(model, path, NULL), CF_DIVERGED, "bn1.running_var");
    assert_false(file_exists(path));
    cf_model_free(model);
}

static void options_of_the_import(void **state) {
    static const char *const five[] = {"a", "b", "c", "d", "e"};
    cf_model *model = make(network_named("relu")), *back;
    const char *path = exported(model);
    (void)state;
    assert_ok(cf_import_onnx(
        path, &(cf_onnx_import_options){.normalize = "0.5 0.25", .class_names = five, .class_count = 5}, &back));
    assert_string_equal(back->layers.line, "normalize 0.5 0.25 | conv 6 3x3 | relu | dense classes");
    assert_string_equal(back->class_names[4], "e");
    cf_model_free(back);
    assert_fails(cf_import_onnx(path, &(cf_onnx_import_options){.normalize = "0.5"}, &back), CF_BAD_USE, "deviations");
    assert_fails(cf_import_onnx(path, &(cf_onnx_import_options){.class_names = five, .class_count = 4}, &back),
                 CF_BAD_USE, "5 outputs");
    cf_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_has_a_row),
        cmocka_unit_test(the_same_line_and_bits_return),
        cmocka_unit_test(the_line_follows_from_the_graph),
        cmocka_unit_test(a_line_of_another_network_is_not_believed),
        cmocka_unit_test(named_models_return),
        cmocka_unit_test(onnxruntime_agrees),
        cmocka_unit_test(onnxruntime_agrees_in_integers),
        cmocka_unit_test(networks_of_pytorch),
        cmocka_unit_test(the_file_tells_what_it_is),
        cmocka_unit_test(weights_that_are_none_are_not_written),
        cmocka_unit_test(options_of_the_import),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
