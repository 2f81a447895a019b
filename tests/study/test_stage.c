/* Stages are kept, gone on with, and begun anew as their inputs say. */
#include "testing.h"

#include "base/memory.h"
#include "study/pipeline/stage.h"

static Stage open_stage(const char *study, const char *data, int epochs) {
    Stage stage;
    assert_ok(stage_open(study, "train", json_pack("{s:s s:i}", "data", data, "epochs", epochs), &stage));
    return stage;
}

static const char *leave_file(const Stage *stage) {
    const char *path = path_in(stage->folder, "checkpoint");
    assert_ok(file_make_folder(stage->folder));
    write_bytes(path, "x", 1);
    return path;
}

static void test_done_is_kept(void **state) {
    (void)state;
    const char *study = path_in(scratch_folder(), "kept");
    Stage first = open_stage(study, "hand", 3);
    assert_false(first.done);
    const char *left = leave_file(&first);
    assert_ok(stage_end(&first, json_pack("{s:f}", "accuracy", 1.0 / 3)));
    Stage again = open_stage(study, "hand", 3);
    assert_true(again.done && file_exists(left));
    /* Both ways give the same digits. */
    assert_true(json_equal(first.result, again.result));
    stage_free(&first);
    stage_free(&again);
}

static void test_cut_off_goes_on(void **state) {
    (void)state;
    const char *study = path_in(scratch_folder(), "cut");
    Stage first = open_stage(study, "hand", 3);
    const char *left = leave_file(&first);
    stage_free(&first);
    Stage again = open_stage(study, "hand", 3);
    assert_false(again.done);
    assert_true(file_exists(left));
    stage_free(&again);
}

static void test_other_inputs_begin_anew(void **state) {
    (void)state;
    const char *study = path_in(scratch_folder(), "other");
    Stage first = open_stage(study, "hand", 3);
    const char *left = leave_file(&first);
    assert_ok(stage_end(&first, json_pack("{s:i}", "n", 1)));
    Stage other = open_stage(study, "hand", 4);
    assert_false(other.done);
    assert_false(file_exists(left));
    assert_string_not_equal(first.fingerprint, other.fingerprint);
    stage_free(&first);
    stage_free(&other);
    /* And back: what was removed is not taken for done. */
    Stage back = open_stage(study, "hand", 3);
    assert_false(back.done);
    stage_free(&back);
}

static void test_order_of_keys_does_not_matter(void **state) {
    (void)state;
    const char *study = path_in(scratch_folder(), "order");
    Stage a, b;
    assert_ok(stage_open(study, "s", json_pack("{s:i s:i}", "x", 1, "y", 2), &a));
    assert_ok(stage_open(study, "s", json_pack("{s:i s:i}", "y", 2, "x", 1), &b));
    assert_string_equal(a.fingerprint, b.fingerprint);
    stage_free(&a);
    stage_free(&b);
}

static void test_damaged_record_is_told(void **state) {
    (void)state;
    const char *study = path_in(scratch_folder(), "damaged");
    Stage stage = open_stage(study, "hand", 3);
    write_bytes(stage.record, "{\"finger", 8);
    stage_free(&stage);
    assert_fails(stage_open(study, "train", json_pack("{s:i}", "x", 1), &stage), CF_BAD_INPUT, "train.json, line 1");
}

/* A list of `count` classes without names. */
static json_t *classes(int count) {
    json_t *list = json_array();
    while (count--) json_array_append_new(list, json_object());
    return list;
}

/* A record from elsewhere: what would overrun a table of the page, or read a figure of another folder. */
static void test_foreign_result_is_refused(void **state) {
    (void)state;
    static const char *const messages[] = {NULL, "per_class: at most 10000 classes expected, found 10001", "suffix:"};
    json_t *results[] = {json_pack("{s:{s:o}}", "validation", "per_class", classes(10000)),
                         json_pack("[{s:{s:o}}]", "validation", "per_class", classes(10001)),
                         json_pack("{s:s}", "suffix", "/../../elsewhere")};
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        char study[32];
        snprintf(study, sizeof study, "foreign%zu", i);
        const char *folder = path_in(scratch_folder(), study);
        Stage stage = open_stage(folder, "hand", 3);
        json_t *root = json_pack("{s:s s:o}", "fingerprint", stage.fingerprint, "result", results[i]);
        assert_int_equal(json_dump_file(root, stage.record, 0), 0);
        json_decref(root);
        stage_free(&stage);
        json_t *inputs = json_pack("{s:s s:i}", "data", "hand", "epochs", 3);
        if (messages[i]) {
            assert_fails(stage_open(folder, "train", inputs, &stage), CF_BAD_INPUT, messages[i]);
        } else {
            assert_ok(stage_open(folder, "train", inputs, &stage));
            assert_true(stage.done);
            stage_free(&stage);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_done_is_kept),
        cmocka_unit_test(test_cut_off_goes_on),
        cmocka_unit_test(test_other_inputs_begin_anew),
        cmocka_unit_test(test_order_of_keys_does_not_matter),
        cmocka_unit_test(test_damaged_record_is_told),
        cmocka_unit_test(test_foreign_result_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
