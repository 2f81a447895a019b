/* What a network takes from another: by name and shape, the head by its classes, the first convolution between grey and RGB; and what
 * is said of a file that does not fit. */
#include "testing.h"

#include "base/memory.h"
#include "nn/transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const ten[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
static const char *const two[] = {"cat", "dog"};
static const char net[] = "conv 4 3x3 | bn | relu | maxpool 2 | dense 6 | relu | dense classes";

static char told[512];

static void hear(const char *text, void *context) {
    (void)context;
    snprintf(told, sizeof told, "%s", text);
}

static cf_model *make(const char *line, Shape shape, const char *const *names, int classes, uint64_t seed) {
    cf_model *model;
    assert_ok(model_new(line, shape, names, classes, seed, &model));
    return model;
}

static const char *save(const cf_model *model) {
    const char *path = path_in(scratch_folder(), "source.safetensors");
    assert_ok(cf_model_save(model, path));
    return path;
}

static float *weights(const cf_model *model, const char *name, size_t *count) {
    const Parameters *p = &model->parameters;
    for (int i = 0; i < p->count; i++) {
        if (strcmp(p->table[i].name, name) != 0) continue;
        *count = p->table[i].count;
        return p->values + p->table[i].offset;
    }
    fail_msg("no tensor %s", name);
    return NULL;
}

static void assert_same_tensor(const cf_model *a, const cf_model *b, const char *name, bool same) {
    size_t count = 0, other = 0;
    const float *x = weights(a, name, &count), *y = weights(b, name, &other);
    assert_int_equal(count, other);
    assert_true((memcmp(x, y, count * sizeof *x) == 0) == same);
}

static void assert_counts(const Transfer *t, int taken, int converted, int fresh, int left) {
    assert_int_equal(t->counts[TRANSFER_TAKEN], taken);
    assert_int_equal(t->counts[TRANSFER_CONVERTED], converted);
    assert_int_equal(t->counts[TRANSFER_NEW], fresh);
    assert_int_equal(t->counts[TRANSFER_LEFT], left);
    assert_int_equal(t->count, taken + converted + fresh + left);
}

/* ---- By name and shape ---- */

static void the_same_network_is_taken_whole(void **state) {
    (void)state;
    cf_model *source = make(net, (Shape){1, 8, 6}, ten, 10, 1), *model = make(net, (Shape){1, 8, 6}, ten, 10, 2);
    Transfer t;
    size_t count;
    weights(source, "bn1.running_var", &count)[1] = 3; /* statistics, too */
    assert_ok(transfer_take(save(source), model, &t));
    assert_counts(&t, 9, 0, 0, 0);
    for (int i = 0; i < model->parameters.count; i++)
        assert_same_tensor(source, model, model->parameters.table[i].name, true);
    transfer_free(&t);
    cf_model_free(source), cf_model_free(model);
}

static void other_classes_get_a_head_of_their_own(void **state) {
    (void)state;
    static const char *const others[] = {"0", "1", "2", "3", "4", "5", "6", "7", "9", "8"};
    cf_model *source = make(net, (Shape){1, 8, 6}, ten, 10, 1);
    const struct {
        const char *const *names;
        int classes;
    } cases[] = {{two, 2}, {others, 10}}; /* another number; the same shapes by other names */
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        cf_model *model = make(net, (Shape){1, 8, 6}, cases[k].names, cases[k].classes, 2),
                 *drawn = make(net, (Shape){1, 8, 6}, cases[k].names, cases[k].classes, 2);
        Transfer t;
        assert_ok(transfer_take(save(source), model, &t));
        assert_counts(&t, 7, 0, 2, 0);
        assert_same_tensor(source, model, "dense1.weight", true);
        assert_same_tensor(source, model, "conv1.weight", true);
        assert_same_tensor(drawn, model, "dense2.weight", true);
        assert_same_tensor(drawn, model, "dense1.weight", false);
        transfer_free(&t);
        cf_model_free(model), cf_model_free(drawn);
    }
    cf_model_free(source);
}

static void what_is_left_and_what_does_not_fit_is_told(void **state) {
    (void)state;
    const Shape shape = {1, 8, 6};
    cf_model *source =
                 make("conv 4 3x3 | bn | relu | conv 5 3x3 | relu | globalavgpool | dense classes", shape, ten, 10, 1),
             *model =
                 make("conv 4 3x3 | bn | relu | conv 7 3x3 | relu | globalavgpool | dense 3 as middle | dense classes",
                      shape, ten, 10, 2);
    Transfer t;
    cf_set_notice_handler(hear, NULL);
    assert_ok(transfer_take(save(source), model, &t));
    cf_set_notice_handler(NULL, NULL);
    /* conv1 and bn1's four; conv2, middle and the head, which is dense2 here; the file's own head. */
    assert_counts(&t, 5, 0, 6, 2);
    assert_string_equal(told, "conv2.weight does not fit: shape [7, 4, 3, 3] in the network, [5, 4, 3, 3] in the file; "
                              "it is as it was drawn");
    transfer_free(&t);
    cf_model_free(model);
    model = make("conv 4 3x3 | relu | globalavgpool | dense classes", shape, two, 2, 2);
    assert_ok(transfer_take(save(source), model, &t));
    assert_counts(&t, 1, 0, 3, 6); /* conv1 has a bias here; bn1 and conv2 are left */
    assert_string_equal(t.rows[4].name, "bn1.weight");
    transfer_free(&t);
    cf_model_free(source), cf_model_free(model);
}

/* ---- Grey and RGB ---- */

static cf_model *converted(const char *line, Shape here, cf_model *source) {
    cf_model *model = make(line, here, two, 2, 9);
    Transfer t;
    assert_ok(transfer_take(save(source), model, &t));
    assert_int_equal(t.counts[TRANSFER_CONVERTED], 1);
    transfer_free(&t);
    cf_model_free(source);
    return model;
}

static void by_hand(void **state) {
    (void)state;
    static const char line[] = "conv 2 1x2 pad valid | relu | globalavgpool | dense classes";
    static const float rgb[] = {1, 2, 30, 40, 500, 600, 0.5f, 0, -1, 8, 2, 16}, grey[] = {531, 642, 1.5f, 24};
    cf_model *source = make(line, (Shape){3, 4, 4}, two, 2, 1);
    size_t count;
    memcpy(weights(source, "conv1.weight", &count), rgb, sizeof rgb);
    assert_int_equal(count, COUNT_OF(rgb));
    cf_model *model = converted(line, (Shape){1, 4, 4}, source);
    assert_memory_equal(weights(model, "conv1.weight", &count), grey, sizeof grey);
    assert_int_equal(count, COUNT_OF(grey));
    const float *third = weights(model = converted(line, (Shape){3, 4, 4}, model), "conv1.weight", &count);
    for (int k = 0; k < 2; k++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 2; i++) assert_true(third[(k * 3 + c) * 2 + i] == grey[k * 2 + i] / 3);
    cf_model_free(model);
}

/* What differs between the channels' deviations moves into the weights; the line of a file is made for grey. */
static void normalize_in_front(void **state) {
    (void)state;
    static const char line[] = "normalize 0.5 0.4 0.3 0.1 0.2 0.6 as n | conv 1 1x1 | globalavgpool | dense classes";
    static const float rgb[] = {1, 2, 3};
    cf_model *source = make(line, (Shape){3, 4, 4}, two, 2, 1);
    char *grey, *same;
    size_t count;
    memcpy(weights(source, "conv1.weight", &count), rgb, sizeof rgb);
    assert_ok(transfer_line(save(source), 1, &grey));
    assert_string_equal(grey,
                        "input 1x4x4 | normalize 0.400000006 0.300000012  as n | conv 1 1x1 | globalavgpool | dense "
                        "classes");
    assert_ok(transfer_line(save(source), 0, &same));
    assert_memory_equal(same, "input 3x4x4 | normalize 0.5", 27);
    cf_model *model = converted(grey, (Shape){1, 4, 4}, source);
    /* 1 x 0.3 / 0.1 + 2 x 0.3 / 0.2 + 3 x 0.3 / 0.6 */
    assert_true(fabsf(*weights(model, "conv1.weight", &count) - 7.5f) < 1e-5f);
    free(same);
    assert_ok(transfer_line(save(model), 3, &same)); /* one mean is one of all channels */
    assert_memory_equal(same, "input 3x4x4 | normalize 0.400000006 0.300000012", 47);
    cf_model_free(model);
    free(grey), free(same);
}

/* A grey image as RGB in the one network, and as grey in the other. */
static void grey_images_give_what_they_gave(void **state) {
    (void)state;
    static const char line[] = "normalize 0.3 0.25 | conv 5 3x3 stride 2 | bn | relu | dense 4 | relu | dense classes";
    cf_model *rgb = make(line, (Shape){3, 8, 6}, two, 2, 1), *grey = make(line, (Shape){1, 8, 6}, two, 2, 2);
    cf_set *set;
    float a[8], b[8];
    StepResult unused;
    uint32_t images[4] = {0, 1, 2, 3};
    Transfer t;
    assert_ok(transfer_take(save(rgb), grey, &t));
    transfer_free(&t);
    assert_ok(set_new("grey", "grey", 4, 1, 8, 6, 2, &set));
    assert_ok(set_name_classes(set, two));
    for (int i = 0; i < 4 * 48; i++) set->pixels[i] = (unsigned char)(i * 37 % 256);
    const cf_subset all = {.set = set, .images = images, .count = 4, .classes = 2};
    const ClassifyOptions options = {.engine = &reference_engine, .threads = 1};
    assert_ok(classify(rgb, &all, &options, a, &unused));
    assert_ok(classify(grey, &all, &options, b, &unused));
    for (int i = 0; i < 8; i++) assert_true(fabsf(a[i] - b[i]) < 1e-5f);
    cf_set_free(set);
    cf_model_free(rgb), cf_model_free(grey);
}

/* ---- Refusals: the model stays as it was ---- */

static void refused(const char *path, cf_model *model, cf_status code, const char *part) {
    const size_t bytes = model->parameters.total * sizeof(float);
    float *before = malloc(bytes);
    Transfer t;
    memcpy(before, model->parameters.values, bytes);
    assert_fails(transfer_take(path, model, &t), code, part);
    assert_memory_equal(before, model->parameters.values, bytes);
    free(before);
}

static void files_that_do_not_fit(void **state) {
    (void)state;
    const Shape shape = {1, 8, 6};
    cf_model *source = make(net, shape, ten, 10, 1),
             *wide = make("conv 9 3x3 | dense 5 | dense classes", shape, two, 2, 2),
             *named = make("conv 9 3x3 as first | dense classes as last", shape, two, 2, 2),
             *same = make(net, shape, ten, 10, 2);
    const char *path = save(source);
    refused(path, wide, CF_BAD_INPUT,
            "no weights fit this network: the first tensor that does not is conv1.weight, of shape [9, 1, 3, 3] in the "
            "network and [4, 1, 3, 3] in the file");
    refused(path, named, CF_BAD_INPUT,
            "its first tensor is first.weight, of shape [9, 1, 3, 3], and the file has none");
    refused(path_in(scratch_folder(), "none"), same, CF_IO, "none");
    write_bytes(path_in(scratch_folder(), "short"), "12345", 5);
    refused(path_in(scratch_folder(), "short"), same, CF_BAD_INPUT, "is no safetensors file");
    const float nan[4] = {1, NAN, 1, 1}, one[36] = {0};
    const StoredTensor tensors[] = {
        {.name = "conv1.weight", .dims = 4, .shape = {4, 1, 3, 3}, .count = 36, .values = one},
        {.name = "bn1.weight", .dims = 1, .shape = {4}, .count = 4, .values = nan}};
    path = path_in(scratch_folder(), "nan.safetensors");
    assert_ok(safetensors_write(path, tensors, 2, NULL, 0));
    refused(path, same, CF_BAD_INPUT, "the tensor bn1.weight: value 1 is nan");
    char *text;
    assert_fails(transfer_line(path, 1, &text), CF_BAD_USE, "does not say what network its weights are of");
    assert_fails(transfer_path("nowhere/at/all", &text), CF_BAD_USE, "there is no run and no file nowhere/at/all");
    assert_fails(transfer_path(scratch_folder(), &text), CF_BAD_USE, "is no run with a trained network");
    cf_model_free(source), cf_model_free(wide), cf_model_free(named), cf_model_free(same);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_network_is_taken_whole),
        cmocka_unit_test(other_classes_get_a_head_of_their_own),
        cmocka_unit_test(what_is_left_and_what_does_not_fit_is_told),
        cmocka_unit_test(by_hand),
        cmocka_unit_test(normalize_in_front),
        cmocka_unit_test(grey_images_give_what_they_gave),
        cmocka_unit_test(files_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
