/* The named models: every row's line is one, and comes to the parameters that an independent count in PyTorch gave. */
#include "testing.h"

#include "base/memory.h"
#include "nn/models.h"

static const struct {
    const char *name;
    size_t parameters;
} counts[] = {
    {"paper", 421738},           {"paper-leaky", 421738}, {"mlp", 235146},        {"linear", 7850},
    {"lenet5", 61706},           {"m3", 1124180},         {"m5", 1128180},        {"m7", 2291972},
    {"resnet8", 78042},          {"resnet20", 272474},    {"resnet56", 855770},   {"wrn16-4", 2749786},
    {"mobilenet-small", 927160}, {"vit-tiny", 810890},    {"resnet18", 11689512}, {"efficientnet-lite0", 4652008},
};

static void every_line_is_a_network(void **state) {
    (void)state;
    size_t i = 0;
    for (const NamedModel *row = named_models; row->name; row++, i++) {
        LayerList list;
        assert_true(i < COUNT_OF(counts));
        assert_string_equal(row->name, counts[i].name);
        assert_true(row->about[0] && row->source);
        assert_ok(model_line_parse(row->name, row->images, row->classes, &list));
        assert_string_equal(list.line, row->line);
        assert_int_equal(layer_list_parameters(&list), counts[i].parameters);
        layer_list_free(&list);
    }
    assert_int_equal(i, COUNT_OF(counts));
}

static void names_are_found(void **state) {
    (void)state;
    for (const NamedModel *row = named_models; row->name; row++) assert_ptr_equal(model_named(row->name), row);
    assert_string_equal(model_named_line("linear"), "dense classes");
    assert_null(model_named("papers"));
    assert_null(model_named_line("Paper"));
    assert_string_equal(model_name_hint("resnet21"), "; did you mean resnet20?");
    assert_string_equal(model_name_hint("xyzzy"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_a_network),
        cmocka_unit_test(names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
