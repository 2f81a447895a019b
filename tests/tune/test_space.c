#include "testing.h"

#include "base/memory.h"
#include "tune/space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_text(const Space *space, int64_t index, const char *wanted) {
    SpacePoint point = space_point(space, index);
    char *text;
    assert_ok(space_point_text(space, &point, &text));
    assert_string_equal(text, wanted);
    free(text);
}

static void paper_has_the_studys_24_points(void **state) {
    (void)state;
    Space space;
    assert_ok(space_read("paper", &space));
    assert_int_equal(space_points(&space), 24);
    expect_text(&space, 0, "optimizer=sgd lr=0.001 batch=64 activation=relu");
    expect_text(&space, 1, "optimizer=sgd lr=0.001 batch=64 activation=leakyrelu");
    expect_text(&space, 2, "optimizer=sgd lr=0.001 batch=128 activation=relu");
    expect_text(&space, 4, "optimizer=sgd lr=0.005 batch=64 activation=relu");
    expect_text(&space, 23, "optimizer=adam lr=0.0005 batch=128 activation=leakyrelu");
    for (int i = 0; i < 24; i++)
        for (int j = 0; j < i; j++) {
            SpacePoint a = space_point(&space, i), b = space_point(&space, j);
            assert_false(space_points_equal(&space, &a, &b));
        }
    space_free(&space);
}

static void a_point_is_options_and_a_model_line(void **state) {
    (void)state;
    Space space;
    char *line;
    assert_ok(space_paper(&space));
    cf_train_options options = cf_train_defaults();
    options.epochs = 7;
    SpacePoint point = space_point(&space, 23);
    assert_ok(space_apply(&space, &point, &options, &line));
    assert_int_equal(options.optimizer, CF_ADAM);
    assert_true(options.learning_rate == 0.0005);
    assert_int_equal(options.batch, 128);
    assert_int_equal(options.epochs, 7);
    assert_string_equal(line, "conv 32 3x3 | bn | leakyrelu | maxpool 2 | conv 64 3x3 | bn | leakyrelu | maxpool 2 | "
                              "dense 128 | leakyrelu | dense classes");
    free(line);
    space_free(&space);
}

static void read_text(const char *text, Space *space) {
    const char *path = path_in(scratch_folder(), "wide.yaml");
    write_bytes(path, text, strlen(text));
    assert_ok(space_read(path, space));
}

static const char wide[] = "# every kind\n"
                           "model: dense {width} | {activation} | dropout {rate} | dense classes\n"
                           "parameters:\n"
                           "  - name: width\n"
                           "    integer: [8, 64]\n"
                           "  - {name: activation, values: [relu, leakyrelu 0.1]}\n"
                           "  - {name: rate, uniform: [0, 0.5]}\n"
                           "  - {name: lr, log: [1e-4, 0.1]}\n"
                           "  - {name: schedule, values: [cosine, one-cycle]}\n"
                           "  - {name: patience, values: [2]}\n"
                           "  - {name: weight_decay, uniform: [0, 0.01]}\n"
                           "  - {name: momentum, values: [0.5]}\n";

static void yaml_has_every_kind(void **state) {
    (void)state;
    Space space;
    char *line;
    cf_train_options options = cf_train_defaults();
    read_text(wide, &space);
    assert_string_equal(space.name, "wide");
    assert_int_equal(space.count, 8);
    assert_int_equal(space_points(&space), 0);
    const SpacePoint point = {{17, 1, 0.125, 0.00316228, 1, 0, 0.002, 0}};
    assert_ok(space_apply(&space, &point, &options, &line));
    assert_string_equal(line, "dense 17 | leakyrelu 0.1 | dropout 0.125 | dense classes");
    assert_true(options.learning_rate == 0.00316228 && options.weight_decay == 0.002 && options.momentum == 0.5);
    assert_int_equal(options.schedule, CF_ONE_CYCLE);
    assert_int_equal(options.patience, 2);
    free(line);
    space_free(&space);
}

/* Models are values: a list at `model`, or a parameter of that name; of any length, with labels that differ. */
static void models_are_values(void **state) {
    (void)state;
    Space space, again;
    char text[4000] = "", *line, number[SPACE_NUMBER];
    cf_train_options options = cf_train_defaults();
    for (int i = 0; i < 60; i++) snprintf(text + strlen(text), sizeof text - strlen(text), "conv 16 3x3 | bn | relu | ");
    char *yaml, *first, *second;
    assert_ok(memory_print(&first, "%s\xc3\xa4", text));
    assert_ok(memory_print(&second, "%sdense classes", text));
    assert_ok(memory_print(&yaml, "model: # several\n  - paper\n  - %s\n  - %s\nparameters: [{name: lr, log: [0.01, 1]}]\n",
                           first, second));
    read_text(yaml, &space);
    assert_string_equal(space.model, "{model}");
    assert_int_equal(space.count, 2);
    const SpacePoint point = {{2, 0.125}};
    assert_ok(space_apply(&space, &point, &options, &line));
    assert_string_equal(line, second);
    assert_string_equal(space_value(&space, &point, 0, number), second);
    assert_string_equal(space_label(&space, &point, 0, number), "3: conv 16 3x3 | bn | relu | conv ..");
    assert_string_equal(space.parameters[0].labels[0], "paper");
    assert_string_equal(space.parameters[0].labels[1], "2: conv 16 3x3 | bn | relu | conv ..");
    assert_string_equal(space_value(&space, &point, 1, number), "0.125");
    json_t *json;
    SpacePoint same;
    assert_ok(space_json(&space, &json));
    assert_ok(space_from_json(json, &again));
    json_decref(json);
    assert_ok(space_point_json(&space, &point, &json));
    assert_ok(space_point_from_json(&again, json, &same));
    assert_true(space_points_equal(&space, &point, &same));
    json_decref(json);
    space_free(&again);
    space_free(&space);
    free(line), free(yaml), free(first), free(second);
    read_text("model: [linear, 'mlp']\n", &space);
    assert_int_equal(space_points(&space), 2);
    space_free(&space);
    read_text("parameters:\n- {name: model, values: [linear, mlp, lenet5]}\n", &space);
    assert_string_equal(space.model, "{model}");
    assert_int_equal(space_points(&space), 3);
    space_free(&space);
}

static void space_and_point_survive_json(void **state) {
    (void)state;
    Space space, again;
    json_t *json, *second;
    SpacePoint point = {{64, 0, 1.0 / 1024, 0.0001, 0, 0, 0, 0}}, same;
    read_text(wide, &space);
    assert_ok(space_json(&space, &json));
    assert_ok(space_from_json(json, &again));
    assert_ok(space_json(&again, &second));
    assert_true(json_equal(json, second));
    json_decref(json);
    json_decref(second);
    assert_ok(space_point_json(&space, &point, &json));
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    assert_string_equal(text, "{\"width\":64,\"activation\":\"relu\",\"rate\":0.000976562,\"lr\":0.0001,\"schedule\":"
                              "\"cosine\",\"patience\":2,\"weight_decay\":0,\"momentum\":0.5}");
    json_decref(json);
    json = json_loads(text, 0, NULL);
    assert_ok(space_point_from_json(&again, json, &same));
    point.values[2] = 0.000976562; /* as many digits as ranges have */
    assert_true(space_points_equal(&space, &point, &same));
    json_object_set_new(json, "width", json_integer(65));
    assert_fails(space_point_from_json(&again, json, &same), CF_BAD_INPUT, "no width that is in the space");
    json_decref(json);
    free(text);
    space_free(&space);
    space_free(&again);
}

static void yaml_errors_name_line_and_way_out(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "is empty"},
        {"model: paper\n", "the key parameters is missing"},
        {"parameters:\n  - name: lr\n    vlues: [1]\n", "bad.yaml:3: unknown key vlues; did you mean values?"},
        {"parameters:\n  - name: lr\n    log: [0.1, x]\n", "bad.yaml:3: a number expected, found x"},
        {"parameters:\n  - name: lr\n    log: 3\n", "bad.yaml:3: a list such as [a, b] expected"},
        {"parameters:\n  - name: lr\n    log: [1]\n", "bad.yaml:3: a list of another length expected"},
        {"parameters:\n  - name: lr\n    values: [1\n", "bad.yaml:"},
        {"parameters:\n  - name: lr\n",
         "bad.yaml:2: parameter lr: one of values, uniform, log, integer expected, found none"},
        {"parameters:\n  - name: lr\n    values: [1]\n    log: [1, 2]\n", "found several"},
        {"parameters:\n  # name: no\n  - name: batch\n    values: [8]\n  - name: optimizer\n    values: [sgd, adma]\n",
         "bad.yaml:5: parameter optimizer: sgd, adam, adamw or muon expected, found adma; did you mean adam?"},
        {"parameters:\n  - {name: lr, values: [0.1, -1]}\n",
         "bad.yaml:2: parameter lr: a number from 1e-12 to 1e+38 expected, found -1"},
        {"parameters:\n  - {name: batch, values: [0.5]}\n", "a whole number from 1 to 65536 expected, found 0.5"},
        {"parameters:\n  - {name: lr, values: [0.1, 0.1]}\n", "the value 0.1 stands there twice"},
        {"parameters:\n  - {name: lr, log: [0, 1]}\n", "must begin above 0"},
        {"parameters:\n  - {name: lr, log: [1, nan]}\n", "low below high"},
        {"parameters:\n  - {name: lr, uniform: [1, 1e300]}\n", "a range within 1e-12 to 1e+38 expected"},
        {"parameters:\n  - {name: batch, uniform: [1, 64]}\n", "an integer range expected"},
        {"parameters:\n  - {name: optimizer, integer: [0, 1]}\n", "a list of values expected, found a range"},
        {"parameters:\n  - {name: batch, integer: [1.5, 64]}\n", "whole numbers"},
        {"parameters:\n  - {name: lr, values: [1]}\n  - {name: lr, values: [2]}\n",
         "bad.yaml:3: parameter lr stands there twice"},
        {"parameters:\n  - {name: lrr, values: [1]}\n", "neither a training option (batch, optimizer, lr, "},
        {"model: dense {w} | dense {u}\nparameters:\n  - {name: w, values: [1]}\n",
         "bad.yaml:1: the model line has {u}, but no parameter has that name"},
        {"parameters:\n  - {name: \"a b\", values: [1]}\n", "letters, digits"},
        {"parameters: &a\n  - name: lr\n    values: [1]\nmodel: *a\n", "bad.yaml"},
    };
    const char *path = path_in(scratch_folder(), "bad.yaml");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Space space = {0};
        write_bytes(path, cases[i].text, strlen(cases[i].text));
        cf_status status = space_read(path, &space);
        if (!status || !strstr(cf_error(), cases[i].part)) print_error("case %zu: \"%s\"\n", i, cf_error());
        assert_true(status == CF_BAD_INPUT || status == CF_BAD_USE);
        assert_non_null(strstr(cf_error(), cases[i].part));
        assert_null(space.parameters);
    }
    Space space;
    assert_fails(space_read("papper", &space), CF_BAD_USE, "\"paper\" or a YAML file expected");
    assert_fails(space_read(scratch_folder(), &space), CF_BAD_INPUT, "is a folder");
}

/* A list of `count` values in a new array, 0, 1, 2 .. as texts. */
static json_t *many_values(int count) {
    json_t *values = json_array();
    for (int v = 0; v < count; v++) json_array_append_new(values, json_sprintf("%d", v));
    return values;
}

static json_t *many_parameters(int count) {
    json_t *parameters = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(parameters,
                              json_pack("{s:o s:o}", "name", json_sprintf("p%d", i), "values", many_values(2)));
    return parameters;
}

/* `parameters` is taken over; the model has places for p0 and p1. */
static void expect_json(json_t *parameters, cf_status code, const char *part) {
    Space space = {0};
    json_t *json = json_pack("{s:s s:s s:o}", "name", "made", "model", "dense {p0} | dense {p1} | dense classes",
                             "parameters", parameters);
    assert_non_null(json);
    assert_fails(space_from_json(json, &space), code, part);
    assert_null(space.parameters);
    json_decref(json);
}

/* As a damaged store holds it: more than there is room for, values that are none. */
static void json_is_not_believed(void **state) {
    (void)state;
    static const char damaged[] = "a parameter of the space is damaged";
    expect_json(json_array(), CF_BAD_INPUT, "the space is damaged");
    expect_json(many_parameters(SPACE_MAX_PARAMETERS + 1), CF_BAD_INPUT, "the space is damaged");
    expect_json(json_pack("[{s:s s:o}]", "name", "p0", "values", many_values(SPACE_MAX_VALUES + 1)), CF_BAD_INPUT,
                damaged);
    expect_json(json_pack("[{s:s s:o}]", "name", "p0", "values", many_values(0)), CF_BAD_INPUT, damaged);
    expect_json(json_pack("[{s:o}]", "values", many_values(2)), CF_BAD_INPUT, damaged);
    expect_json(json_pack("[{s:s}]", "name", "p0"), CF_BAD_INPUT, damaged);
    expect_json(json_pack("[s]", "p0"), CF_BAD_INPUT, damaged);
    expect_json(json_pack("[{s:s s:[s i s]}]", "name", "p0", "values", "8", 16, "32"), CF_BAD_INPUT,
                "a value of p0 in the space is damaged");
    expect_json(json_pack("[{s:s s:[n]}]", "name", "p0", "values"), CF_BAD_INPUT, "a value of p0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_has_the_studys_24_points),
        cmocka_unit_test(a_point_is_options_and_a_model_line),
        cmocka_unit_test(yaml_has_every_kind),
        cmocka_unit_test(models_are_values),
        cmocka_unit_test(space_and_point_survive_json),
        cmocka_unit_test(json_is_not_believed),
        cmocka_unit_test(yaml_errors_name_line_and_way_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
