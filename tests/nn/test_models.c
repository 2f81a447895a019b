/* The named models: every row's line is one, and comes to the parameters that an independent count in PyTorch gave. */
#include "testing.h"

#include "base/memory.h"
#include "nn/model_line.h"
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

/* Photographs are read no larger than a network asks for; the small sets' networks take what there is. */
static void what_images_are_asked_for(void **state) {
    (void)state;
    Shape shape = {0};
    assert_true(model_line_input("efficientnet-lite0", &shape));
    assert_true(shape.C == 3 && shape.H == 224 && shape.W == 224);
    assert_true(model_line_input("input 2x8x9 | dense classes", &shape));
    assert_true(shape.C == 2 && shape.H == 8 && shape.W == 9);
    static const char *const none[] = {"resnet20",         "paper",       "dense classes",
                                       "input 3x8 | relu", "input 3x0x8", "nothing"};
    for (size_t i = 0; i < COUNT_OF(none); i++) assert_false(model_line_input(none[i], &shape));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_images_are_asked_for),
        cmocka_unit_test(every_line_is_a_network),
        cmocka_unit_test(names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
