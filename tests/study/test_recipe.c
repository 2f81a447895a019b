/* Recipes: those that come with cifra, own ones, and data laid over them. */
#include "study/pipeline/recipe.h"

#include "testing.h"

#include <stdlib.h>
#include <string.h>

static Recipe read_text(const char *text) {
    const char *path = path_in(scratch_folder(), "own.yaml");
    Recipe recipe;
    write_bytes(path, text, strlen(text));
    assert_ok(recipe_read(path, &recipe));
    return recipe;
}

static void test_the_papers(void **state) {
    (void)state;
    static const char *const cases[] = {"1:50,2:1000", "1:500,2:1000", ""};
    Recipe r;
    assert_ok(recipe_read("paper", &r));
    assert_string_equal(r.name, "paper");
    assert_string_equal(r.data[0], "mnist");
    assert_string_equal(r.data[1], "svhn");
    assert_null(r.data[2]);
    assert_string_equal(r.claims, "report");
    assert_true(r.features && r.cross && r.splits == 1);
    assert_string_equal(r.grid, "paper");
    assert_int_equal(r.base.train.epochs, 50);
    assert_int_equal(r.base.train.patience, 5);
    assert_int_equal(r.base.split.mode, CF_SPLIT_POOLED);
    assert_string_equal(r.classes, "1,2");
    assert_int_equal(r.case_count, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(r.cases[i], cases[i]);
    assert_false(r.prune);
    assert_ok(recipe_check(&r));
    recipe_free(&r);
}

/* The steps and the seeds of remedies are theirs alone; names are looked at where the line is known. */
static void test_remedies(void **state) {
    (void)state;
    Recipe r = read_text(
        "data: [pictures]\nimbalance:\n  classes: [1, 2]\n  cases: [\"1:5\"]\n  remedies: [balanced, augment+head]\n"
        "  seeds: 4\n  steps: 70\n  train: {lr: 0.02}\n  augment_with: shift 1\n");
    assert_string_equal(r.augment_with, "shift 1");
    assert_string_equal(r.remedies, "balanced,augment+head");
    assert_true(r.remedied.seeds == 4 && r.remedied.steps == 70 && r.seeds == 1 &&
                json_object_get(r.remedied.train, "lr"));
    recipe_free(&r);
    r = read_text("data: [pictures]\nimbalance: {classes: [1, 2], cases: [all]}\n");
    assert_true(!r.remedied.seeds && !r.remedies);
    recipe_free(&r);
}

/* "final" leaves the search alone, and the trainings have it over what was found. */
static void test_after_the_search(void **state) {
    (void)state;
    Recipe r = read_text("data: [pictures]\nfinal:\n  schedule: one-cycle\n  patience: 0\n  lr: 0.02\n"
                         "train:\n  lr: 0.01\n  epochs: 7\n");
    RunConfig found;
    assert_true(r.base.train.learning_rate == 0.01 && r.base.train.schedule == CF_CONSTANT);
    assert_int_equal(r.base.train.patience, 5);
    assert_ok(run_config_copy(&(RunConfig){.data = "pictures", .model = "mlp", .train = r.base.train}, &found));
    found.train.optimizer = CF_ADAM;
    assert_ok(recipe_lay(r.final, &found.train));
    assert_string_equal(found.data, "pictures");
    assert_int_equal(found.train.optimizer, CF_ADAM);
    assert_int_equal(found.train.schedule, CF_ONE_CYCLE);
    assert_int_equal(found.train.patience, 0);
    assert_int_equal(found.train.epochs, 7);
    assert_true(found.train.learning_rate == 0.02);
    run_config_free(&found);
    recipe_free(&r);
}

static void refuse(const char *text, const char *message) {
    const char *path = path_in(scratch_folder(), "bad.yaml");
    Recipe r;
    write_bytes(path, text, strlen(text));
    assert_fails(recipe_read(path, &r), CF_BAD_INPUT, message);
}

/* The recipe's line takes the place of the grid's; it needs the grid's places, and no others. */
static void test_the_grids_line(void **state) {
    (void)state;
    char *line;
    Recipe r = read_text("data: [a]\nmodel: conv 4 5x5 | {activation} | dense classes\ngrid: paper\n");
    assert_string_equal(r.space.model, "conv 4 5x5 | {activation} | dense classes");
    assert_ok(recipe_model_line(&r, &line));
    assert_string_equal(line, "conv 4 5x5 | relu | dense classes");
    free(line);
    recipe_free(&r);
    r = read_text("data: [a]\nmodel: paper\ngrid: paper\n");
    assert_non_null(strstr(r.space.model, "conv 64 3x3 | bn | {activation}"));
    recipe_free(&r);
    refuse("data: [a]\nmodel: conv 4 5x5 | relu | dense classes\ngrid: paper\n",
           "bad.yaml:3: model: conv 4 5x5 | relu | dense classes with the grid paper: parameter activation");
    refuse("data: [a]\nmodel: conv 4 5x5 | relu | dense classes\ngrid: paper\n",
           "or quantize) nor a place {activation}");
    const char *path = path_in(scratch_folder(), "bad.yaml");
    write_bytes(path, "data: [a]\ngrid: nowhere.yaml\n", 29);
    assert_fails(recipe_read(path, &r), CF_BAD_USE, "bad.yaml:2: grid ");
}

/* Weights of another network: known by the file's checksum. */
static void test_from_another_network(void **state) {
    (void)state;
    char text[700];
    json_t *json;
    write_bytes(path_in(scratch_folder(), "source"), "abc", 3);
    snprintf(text, sizeof text, "data: [pictures]\nmodel: mlp\ngrid: none\nfrom: %s\n",
             path_in(scratch_folder(), "source"));
    Recipe r = read_text(text);
    assert_string_equal(r.base.source.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ok(recipe_json(&r, &json));
    assert_string_equal(json_string_value(json_object_get(json_object_get(json, "from"), "path")), r.base.from);
    json_decref(json);
    recipe_free(&r);
    refuse("data: [a]\nmodel: mlp\ngrid: paper\nfrom: here\n",
           "bad.yaml:4: weights of another network are for a recipe that names");
    refuse("data: [a]\ngrid: none\nfrom: here\n", "bad.yaml:3: weights of another network are for a recipe that names");
    write_bytes(path_in(scratch_folder(), "bad.yaml"), "data: [a]\nmodel: mlp\ngrid: none\nfrom: nowhere/at\n", 49);
    assert_fails(recipe_read(path_in(scratch_folder(), "bad.yaml"), &r), CF_BAD_USE,
                 "bad.yaml:4: there is no run and no file nowhere/at");
}

/* A section is there when its key is, also without a value of its own; null is none. */
static void test_sections_by_their_keys(void **state) {
    (void)state;
    Recipe r = read_text("data: [pictures]\n");
    assert_true(!r.grid && !r.claims && !r.classes && !r.features && !r.cross && !r.transfer.seeds && !r.methods &&
                !r.model_count && r.seeds == 1);
    assert_ok(recipe_check(&r));
    recipe_free(&r);
    r = read_text("data: [a, b, c, d]\nfeatures: {}\ngrid: paper\nclaims: report\nimbalance: null\n");
    assert_true(r.features && r.neighbors == 15 && r.grid && !r.classes);
    assert_string_equal(r.claims, "report");
    assert_string_equal(r.data[3], "d");
    recipe_free(&r);
    refuse("data: [a, b, c, d, e, f, g, h, i]\n", "bad.yaml:1");
}

/* As many seeds as splits, unless there are more; a file of claims lies beside the recipe. */
static void test_splits_and_claims(void **state) {
    (void)state;
    json_t *json;
    Recipe r = read_text("data: [pictures]\nsplits: 4\nclaims: mine.yaml\n");
    assert_true(r.splits == 4 && r.seeds == 4);
    assert_true(recipe_split(&r, 0) == 0 && recipe_split(&r, 3) == 3);
    assert_string_equal(r.claims, path_in(scratch_folder(), "mine.yaml"));
    assert_ok(recipe_json(&r, &json));
    assert_int_equal(json_integer_value(json_object_get(json, "splits")), 4);
    json_decref(json);
    recipe_free(&r);
    r = read_text("data: [pictures]\nsplits: 2\nseeds: 5\n");
    assert_true(r.splits == 2 && r.seeds == 5 && recipe_split(&r, 4) == 0 && recipe_split(&r, 3) == 1);
    assert_ok(recipe_check(&r));
    r.seeds = 1;
    assert_fails(recipe_check(&r), CF_BAD_USE, "1 to 1 splits expected");
    recipe_free(&r);
}

/* Both have the same keys: the line told is that of the bad one. */
static void test_lines_of_bad_values(void **state) {
    (void)state;
    refuse("data: [a]\ntrain:\n  epochs: -3\nfinal:\n  epochs: 4\n", "bad.yaml:3");
    refuse("data: [a]\ntrain:\n  epochs: 3\nfinal:\n  epochs: -4\n", "bad.yaml:5");
    refuse("data: [a]\nfinal:\n  epochs: -4\ntrain:\n  epochs: 3\n", "bad.yaml:3");
    refuse("data: [a]\nfinal:\n  schedule: falling\n", "bad.yaml:3");
}

static void test_the_quick_one(void **state) {
    (void)state;
    Recipe r;
    assert_ok(recipe_read("quick", &r));
    assert_true(r.prune && r.features && r.cross);
    assert_int_equal(strncmp(r.data[0], "hand", 4), 0);
    assert_ok(recipe_check(&r));
    recipe_free(&r);
}

static void test_own(void **state) {
    (void)state;
    Recipe r = read_text("data: [pictures]\nmodel: dense classes\nsplit: at:100\ngrid: none\nseeds: 3\nfeatures: null\n"
                         "imbalance: null\ncross: false\ntrain: {epochs: 7, optimizer: adam, lr: 0.01, batch: 32}\n");
    assert_string_equal(r.name, "own");
    assert_string_equal(r.data[0], "pictures");
    assert_null(r.data[1]);
    assert_null(r.grid);
    assert_null(r.classes);
    assert_false(r.features || r.cross);
    assert_int_equal(r.seeds, 3);
    assert_int_equal(r.base.split.at, 100);
    assert_int_equal(r.base.train.epochs, 7);
    assert_int_equal(r.base.train.batch, 32);
    assert_int_equal(r.base.train.optimizer, CF_ADAM);
    assert_true(r.base.train.learning_rate == 0.01 && r.base.train.momentum == 0.9);
    assert_ok(recipe_check(&r));
    recipe_free(&r);
}

static void expect_data(const char *text, const char *first, const char *second) {
    Recipe r;
    assert_ok(recipe_read("quick", &r));
    assert_ok(recipe_use_data(&r, text));
    assert_string_equal(r.data[0], first);
    if (second)
        assert_string_equal(r.data[1], second);
    else
        assert_null(r.data[1]);
    recipe_free(&r);
}

static void test_data_between_commas(void **state) {
    (void)state;
    expect_data("generated", "hand", "street");
    expect_data("real", "mnist", "svhn");
    expect_data("mnist", "mnist", NULL);
    expect_data("mnist,street", "mnist", "street");
    expect_data("street:blur=2:4,n=1000", "street:blur=2:4,n=1000", NULL);
    expect_data("hand:0.5,n=100,mnist", "hand:0.5,n=100", "mnist");
    expect_data("mnist,street:blur=2:4,n=1000", "mnist", "street:blur=2:4,n=1000");
}

static void expect_sized(const char *recipe, const char *data, const char *first, const char *second) {
    const char *expected[] = {first, second};
    Recipe r = read_text(recipe);
    if (data) assert_ok(recipe_use_data(&r, data));
    assert_ok(recipe_check(&r));
    for (int i = 0; i < 2; i++) {
        char *text;
        assert_ok(recipe_set_text(&r, i, &text));
        assert_string_equal(text, expected[i]);
        free(text);
    }
    recipe_free(&r);
}

/* Whatever sets it is given; a set that says its own number keeps it. */
static void test_a_number_of_images(void **state) {
    (void)state;
    Recipe r;
    json_t *json;
    const char *sized = "data: [mnist, \"street:n=70,test=3\"]\nimages: 500\n",
               *whole = "data: [mnist, street]\nimages: null\n";
    expect_sized(sized, NULL, "mnist:n=500", "street:n=70,test=3");
    expect_sized(sized, "generated", "hand:n=500", "street:n=500");
    expect_sized(sized, "real", "mnist:n=500", "svhn:n=500");
    expect_sized(sized, "svhn:n=9,street:0.5", "svhn:n=9", "street:0.5,n=500");
    expect_sized(sized, "a/photos:size=64,fit=crop,b:c", "a/photos:size=64x64,fit=crop,n=500", "b:c:n=500");
    expect_sized(whole, NULL, "mnist", "street");
    expect_sized("data: [mnist, street]\n", "real", "mnist", "svhn");
    r = read_text(sized);
    assert_ok(recipe_json(&r, &json));
    assert_int_equal(json_integer_value(json_object_get(json, "images")), 500);
    json_decref(json);
    recipe_free(&r);
    r = read_text(whole);
    assert_ok(recipe_json(&r, &json));
    assert_true(json_is_null(json_object_get(json, "images")));
    json_decref(json);
    recipe_free(&r);
    refuse("data: [a]\nimages: 0\n", "bad.yaml:2: images: 1 to 4294967295 training images of each set expected");
    refuse("data: [a]\nimages: -5\n", "bad.yaml:2");
    refuse("data: [a]\nimages: many\n", "bad.yaml:2");
    refuse("data: [a]\nimages: [1, 2]\n", "bad.yaml:2");
    assert_ok(recipe_read("quick", &r));
    assert_int_equal(r.images, 5000);
    recipe_free(&r);
    assert_ok(recipe_read("paper", &r));
    assert_int_equal(r.images, 0);
    recipe_free(&r);
}

/* Sections that compare seed by seed; a recipe that does not name them has none, as before there were any. */
static void test_sections(void **state) {
    (void)state;
    Recipe r = read_text("data: [a, b]\ntransfer:\n  sizes: [1, 10, all]\n  seeds: 4\n  steps: 50\n"
                         "  train: {epochs: 7}\nattention:\n  models:\n    - {name: plain, model: paper}\n"
                         "    - {name: gate-2, model: conv 4 3x3 | se 2 | dense classes}\n");
    json_t *json;
    assert_ok(recipe_check(&r));
    assert_int_equal(r.transfer.seeds, 4);
    assert_int_equal(r.size_count, 3);
    assert_true(r.sizes[0] == 1 && r.sizes[1] == 10 && r.sizes[2] == 0);
    assert_int_equal(r.transfer.steps, 50);
    assert_int_equal(json_integer_value(json_object_get(r.transfer.train, "epochs")), 7);
    assert_int_equal(r.attention.seeds, 3);
    assert_null(r.attention.train);
    assert_int_equal(r.model_count, 2);
    assert_string_equal(r.names[1], "gate-2");
    assert_string_equal(r.models[1], "conv 4 3x3 | se 2 | dense classes");
    assert_ok(recipe_json(&r, &json));
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(json_object_get(json, "transfer"), "sizes"), 2)), "all");
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "attention"), "models")), 2);
    json_decref(json);
    r.sizes[0] = 10;
    assert_fails(recipe_check(&r), CF_BAD_USE, "sizes that grow");
    r.sizes[0] = 0;
    assert_fails(recipe_check(&r), CF_BAD_USE, "all the last");
    r.sizes[0] = 1;
    assert_ok(run_config_text(&r.names[0], "a.b"));
    assert_fails(recipe_check(&r), CF_BAD_USE, "a network's name");
    assert_ok(run_config_text(&r.names[0], "gate-2"));
    assert_fails(recipe_check(&r), CF_BAD_USE, "two networks are called gate-2");
    recipe_free(&r);
    refuse("data: [a]\ntransfer:\n  sizes: [1, few]\n", "bad.yaml:3: sizes: numbers of images per class");
    refuse("data: [a]\nseeds: 1\ntransfer:\n  sizes: [1]\n  seeds: 1\n", "bad.yaml:5: transfer: 2 to 50 seeds");
    refuse("data: [a]\nimbalance: {classes: [1, 2], cases: [all]}\ntransfer:\n  sizes: [1]\n  steps: 0\n",
           "bad.yaml:5: transfer: 1 to 100000 steps expected, found 0");
    refuse("data: [a]\ntrain: {lr: 1}\ntransfer:\n  sizes: [1]\n  train:\n    lr: many\n", "bad.yaml:6: transfer.lr");
    refuse("data: [a]\nattention:\n  models: [{name: a, model: paper}]\n", "bad.yaml:3");
    refuse("data: [a]\nadaptation:\n  methods: [adabn, dann]\n",
           "bad.yaml:3: methods: adabn, coral, mean-teacher or self-train");
    r = read_text("data: [a, b]\nadaptation:\n  methods: [adabn, self-train]\n  seeds: 3\n");
    assert_string_equal(r.methods, "adabn,self-train");
    assert_int_equal(r.adaptation.seeds, 3);
    assert_fails(recipe_check(&r), CF_BAD_USE, "adabn draws nothing");
    r.seeds = 2;
    assert_ok(recipe_check(&r));
    recipe_free(&r);
    r = read_text("data: [a]\ntransfer: null\nattention: null\n");
    assert_true(!r.transfer.seeds && !r.attention.seeds && !r.model_count && !r.size_count);
    assert_ok(recipe_json(&r, &json));
    assert_null(json_object_get(json, "transfer"));
    json_decref(json);
    recipe_free(&r);
}

static void test_refusals(void **state) {
    (void)state;
    Recipe r;
    assert_ok(recipe_read("quick", &r));
    assert_ok(recipe_use_data(&r, "a,b,c"));
    assert_string_equal(r.data[2], "c");
    assert_fails(recipe_use_data(&r, "a,b,c,d,e,f,g,h,i"), CF_BAD_USE, "one to 8 sets");
    assert_fails(recipe_use_data(&r, ""), CF_BAD_USE, "one to 8 sets");
    assert_ok(recipe_use_data(&r, "mnist"));
    r.seeds = 0;
    assert_fails(recipe_check(&r), CF_BAD_USE, "1 to 50 seeds");
    recipe_free(&r);
    assert_fails(recipe_read("nothing.yaml", &r), CF_IO, "nothing.yaml");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_papers),
        cmocka_unit_test(test_the_quick_one),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_sections_by_their_keys),
        cmocka_unit_test(test_splits_and_claims),
        cmocka_unit_test(test_after_the_search),
        cmocka_unit_test(test_the_grids_line),
        cmocka_unit_test(test_remedies),
        cmocka_unit_test(test_from_another_network),
        cmocka_unit_test(test_lines_of_bad_values),
        cmocka_unit_test(test_data_between_commas),
        cmocka_unit_test(test_a_number_of_images),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
