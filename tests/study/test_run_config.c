/* config.json: what is written is read again; each key that is missing, of another kind or out of range is told by its name. */
#include "study/run/run.h"

#include "testing.h"

#include <stdlib.h>
#include <string.h>

static json_t *sound(void) {
    RunConfig config;
    json_t *json;
    assert_ok(run_config_new(&config));
    assert_ok(run_config_text(&config.data, "hand"));
    assert_ok(run_config_json(&config, &json));
    run_config_free(&config);
    return json;
}

/* `value` is taken over; NULL takes the key away. */
static void expect(const char *group, const char *key, json_t *value, const char *part) {
    RunConfig config = {0};
    json_t *json = sound(), *object = *group ? json_object_get(json, group) : json;
    assert_non_null(json_object_get(object, key));
    if (value)
        json_object_set_new(object, key, value);
    else
        json_object_del(object, key);
    assert_fails(run_config_from_json(json, &config), CF_BAD_INPUT, part);
    assert_null(config.data);
    json_decref(json);
}

static void it_survives_json(void **state) {
    (void)state;
    RunConfig config;
    json_t *json = sound(), *again;
    assert_ok(run_config_from_json(json, &config));
    assert_ok(run_config_json(&config, &again));
    assert_true(json_equal(json, again));
    run_config_free(&config);
    json_decref(json);
    json_decref(again);
}

static void whole_numbers_have_bounds(void **state) {
    (void)state;
    expect("train", "epochs", json_integer(-1), "train.epochs: a whole number from 1 to 100000 expected, found -1");
    expect("train", "batch", json_integer((json_int_t)1 << 32), "train.batch: a whole number");
    expect("train", "patience", json_real(3), "train.patience: a whole number");
    expect("split", "seed", json_integer(-1), "split.seed: 0 to 9223372036854775807 expected, found -1");
}

static void every_key_is_needed(void **state) {
    (void)state;
    static const char *const groups[] = {"", "split", "train"};
    for (size_t g = 0; g < 3; g++) {
        json_t *json = sound(), *value;
        const char *key;
        json_object_foreach(*groups[g] ? json_object_get(json, groups[g]) : json, key, value) {
            if (json_is_object(value)) continue;
            char named[64];
            snprintf(named, sizeof named, "%s%s%s: ", groups[g], *groups[g] ? "." : "", key);
            expect(groups[g], key, NULL, named);
            expect(groups[g], key, json_array(), named);
        }
        json_decref(json);
    }
    expect("train", "optimizer", json_string("adm"),
           "train.optimizer: sgd, adam, adamw or muon expected, found adm; did you mean adam?");
    expect("", "train", json_string("fast"), "train.batch: a whole number from 1 to 65536 expected, found nothing");
    expect("", "split", NULL, "split.mode: a text expected, nothing found");
}

/* `key` is put into `group` of a sound configuration. */
static void expect_no_such_key(const char *group, const char *key, const char *part) {
    RunConfig config = {0};
    json_t *json = sound();
    json_object_set_new(*group ? json_object_get(json, group) : json, key, json_integer(1));
    assert_fails(run_config_from_json(json, &config), CF_BAD_INPUT, part);
    assert_null(config.data);
    json_decref(json);
}

static void other_keys_are_refused(void **state) {
    (void)state;
    expect_no_such_key("", "mdoel", "mdoel: there is no such key; did you mean model?");
    expect_no_such_key("", "epochs", "epochs: there is no such key");
    expect_no_such_key("split", "clases", "split.clases: there is no such key; did you mean classes?");
    expect_no_such_key("train", "learning_rate", "train.learning_rate: there is no such key");
    /* The misspelt one is told, not that the right one is missing. */
    json_t *json = sound(), *train = json_object_get(json, "train");
    RunConfig config = {0};
    json_object_set(train, "bacth", json_object_get(train, "batch"));
    json_object_del(train, "batch");
    assert_fails(run_config_from_json(json, &config), CF_BAD_INPUT,
                 "train.bacth: there is no such key; did you mean batch?");
    json_decref(json);
}

/* What a run writes beside its configuration. */
static void the_record_is_read(void **state) {
    (void)state;
    json_t *json = sound();
    RunConfig config;
    cf_set set = {.official_train = 7, .sha256 = "abc"};
    assert_ok(run_config_from_json(json, &config));
    assert_null(config.record.path);
    assert_true(data_record_fits(&config.record, &set)); /* nothing is known */
    run_config_free(&config);
    json_object_set_new(json, "version", json_string("1"));
    json_object_set_new(json, "machine", json_object());
    json_object_set_new(json, "data_path", json_string("/data/digits"));
    json_object_set_new(json, "checksums", json_pack("{s:s s:i}", "sha256", "abc", "official_train", 7));
    assert_ok(run_config_from_json(json, &config));
    assert_string_equal(config.record.path, "/data/digits");
    assert_true(data_record_fits(&config.record, &set));
    set.official_train = 6; /* the same images, cut elsewhere: another test part */
    assert_false(data_record_fits(&config.record, &set));
    set.official_train = 7;
    set.sha256[0] = 'b';
    assert_false(data_record_fits(&config.record, &set));
    data_record_clear(&config.record);
    assert_true(data_record_fits(&config.record, &set));
    run_config_free(&config);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_survives_json),    cmocka_unit_test(whole_numbers_have_bounds),
        cmocka_unit_test(every_key_is_needed), cmocka_unit_test(other_keys_are_refused),
        cmocka_unit_test(the_record_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
