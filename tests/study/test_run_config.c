/* config.json: what is written is read again; each key that is missing, of another kind or out of range is told by its name. */
#include "study/run/run.h"

#include "testing.h"
#undef run_test /* cmocka has a macro of this name */

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
    static const char *const keys[] = {"epochs", "batch", "patience"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        expect("train", keys[k], json_integer(-1), "0 to 2147483647 expected, found -1");
        expect("train", keys[k], json_integer((json_int_t)INT32_MAX + 1), "expected, found 2147483648");
        expect("train", keys[k], json_integer((json_int_t)1 << 32), keys[k]);
        expect("train", keys[k], json_real(3), "a whole number expected");
    }
    expect("train", "seed", json_integer(-1), "train.seed: 0 to 9223372036854775807 expected, found -1");
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
    expect("train", "optimizer", json_string("adm"), "train.optimizer: unknown word adm; did you mean adam?");
    expect("", "train", json_string("fast"), "train.epochs: a whole number expected, nothing found");
    expect("", "split", NULL, "split.mode: a text expected, nothing found");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_survives_json),
        cmocka_unit_test(whole_numbers_have_bounds),
        cmocka_unit_test(every_key_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
