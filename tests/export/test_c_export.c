/* Networks as C: every word of a model line, compiled and run by the machine's compiler, with the bits of the reference engine; and
 * what is refused. */
#include "testing.h"

#include "base/memory.h"
#include "base/rng.h"
#include "export/c_network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *data, *name, *line;
} networks[] = {
    {"hand:n=40,test=12", "first",
     "conv 8 3x3 as a.conv | bn as a.bn | relu | maxpool 2 | conv 12 3x3 stride 2 pad tf groups 4 | leakyrelu 0.1 | "
     "dwconv 5x3 dilation 2 | "
     "bn eps 0.001 | relu6 | maxpool 3x3 stride 2 pad 1 | dense 20 nobias | relu | dropout | dense classes"},
    {"hand:n=40,test=12", "second",
     "normalize 0.5 0.25 | conv 6 3x3 stride 2 bias | groupnorm 3 | silu | se 2 | res( conv 6 3x3 | bn | hardswish | "
     "droppath 0.2 ) | "
     "relu | avgpool 3x3 stride 2 pad 1 | instancenorm | gelu | head other ( dense 3 ) | globalavgpool | reverse | "
     "dense classes"},
    {"street:n=40,test=12", "third",
     "normalize 0.48 0.45 0.4 0.23 0.22 0.225 | patch 4 16 | position | res( layernorm | attention 4 ) | standardize | "
     "sigmoid | conv 8 1x1 as a | conv 8 3x3 | concat a | res( conv 16 1x1 | bn ) | globalmaxpool | dense classes"},
    {"hand:n=40,test=12", "integers",
     "normalize 0.3 0.4 | conv 8 3x3 stride 2 | bn | relu | res( conv 8 3x3 groups 2 bias | bn | relu6 | dwconv 3x3 | "
     "bn eps 0.01 ) | relu | "
     "maxpool 2 | relu | bn | avgpool 3x3 stride 2 pad 1 | dense 24 | relu6 | dropout | dense classes"},
    {"hand:n=40,test=12", "tables",
     "conv 8 3x3 stride 2 | bn | silu as a | dwconv 3x3 | bn | hardswish | se 4 | relu | conv 6 1x1 | leakyrelu 0.1 | "
     "concat a | relu6 | se 7 as gate | maxpool 2 | gelu | dense 12 | sigmoid | dense classes"},
    {"hand:n=40,test=12", "resized",
     "input 3x20x16 | conv 4 3x3 | bn | relu | maxpool 3x2 stride 2 as b | sigmoid | add b | 2x( res( conv 4 3x3 | bn "
     "| relu ) ) | dense classes"},
};

/* Values unlike those that a network begins with: norms turn over, means are not 0. */
static void shake(cf_model *model) {
    const RngStream stream = rng_stream(5, RNG_WEIGHTS, 1, 2);
    for (int i = 0; i < model->parameters.count; i++) {
        const Parameter *p = &model->parameters.table[i];
        float *values = model->parameters.values + p->offset;
        for (size_t k = 0; k < p->count; k++) {
            const float r = 2 * rng_uniform(&stream, p->offset + k) - 1;
            if (p->spec->kind == PARAMETER_SCALE) values[k] = 4 * r;
            if (p->spec->kind == PARAMETER_BIAS || p->spec->kind == PARAMETER_RUNNING_MEAN) values[k] = 0.3f * r;
            if (p->spec->kind == PARAMETER_RUNNING_VAR) values[k] = 1 + 0.9f * r;
        }
    }
}

typedef struct Example {
    cf_set *set;
    cf_split *split;
    cf_model *model;
} Example;

static Example example_new(size_t i) {
    Example e = {0};
    const cf_split_options options = cf_split_defaults();
    assert_ok(cf_set_load(networks[i].data, NULL, &e.set));
    assert_ok(cf_split_new(e.set, &options, &e.split));
    assert_ok(cf_model_new(networks[i].line, e.split, 3, &e.model));
    shake(e.model);
    return e;
}

static void example_free(Example *e) {
    cf_model_free(e->model);
    cf_split_free(e->split);
    cf_set_free(e->set);
}

/* Compiles the test that came with the network, and runs it: 0 where every answer has the expected bits. */
static int compile_and_run(const char *folder, const char *name) {
    const char *cc = getenv("CC");
    char command[1024];
    snprintf(
        command, sizeof command,
        "cd '%s' && %s -std=c99 -O2 -Wall -Wextra -Wconversion -pedantic -Werror %s.c %s_test.c -lm -o %s && ./%s >log",
        folder, cc ? cc : "cc", name, name, name, name);
    return system(command);
}

static void bits_are_the_references(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(networks); i++) {
        const char *folder = path_in(scratch_folder(), networks[i].name);
        Example e = example_new(i);
        cf_c_options options = cf_c_defaults();
        options.split = e.split;
        assert_ok(cf_export_c(e.model, folder, &options));
        assert_int_equal(compile_and_run(folder, networks[i].name), 0);
        example_free(&e);
    }
}

/* In integers: what runs here is what was written. */
static void integers_are_those_of_eval(void **state) {
    (void)state;
    static const size_t with_integers[] = {3, 4};
    for (size_t i = 0; i < COUNT_OF(with_integers); i++) {
        const char *name = networks[with_integers[i]].name, *folder = path_in(scratch_folder(), name);
        Example e = example_new(with_integers[i]);
        cf_c_options options = cf_c_defaults();
        options.split = e.split;
        options.int8 = true;
        assert_ok(cf_export_c(e.model, folder, &options));
        assert_int_equal(compile_and_run(folder, name), 0);
        example_free(&e);
    }
}

/* A word that is new needs its row, and its place in a line above. */
static void every_word_has_its_row(void **state) {
    (void)state;
    for (const char *const *word = layer_words(); *word; word++) {
        bool there = strcmp(*word, "add") == 0; /* what res( .. ) ends with */
        if (!c_layer_known(*word)) print_error("%s has no row in export/c_layers.c\n", *word);
        assert_true(c_layer_known(*word));
        for (size_t i = 0; i < COUNT_OF(networks); i++) {
            const char *at = networks[i].line;
            const size_t length = strlen(*word);
            for (; (at = strstr(at, *word)) && !there; at++)
                there = (at == networks[i].line || at[-1] == ' ') && (at[length] == ' ' || !at[length]);
        }
        if (!there) print_error("%s is in none of the networks of this test\n", *word);
        assert_true(there);
    }
    assert_false(c_layer_known("convolution"));
}

/* A value lies where another lay: no two that are in use at once share a byte. */
static void values_do_not_meet(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(networks); i++) {
        Example e = example_new(i);
        CNetwork net;
        size_t all = 0;
        assert_ok(c_network_new(e.model, "n", &c_float32, &net));
        assert_ok(c_layers_float32(&net));
        assert_ok(c_network_place(&net));
        for (int a = 0; a < net.value_count; a++) {
            const Placed *x = &net.values[a];
            all += x->bytes;
            if (net.lies_with[a] != a) continue;
            assert_true(x->offset % 4 == 0 && x->offset + x->bytes <= net.arena_bytes);
            for (int b = 0; b < a; b++) {
                const Placed *y = &net.values[b];
                if (net.lies_with[b] != b || x->last < y->first || y->last < x->first) continue;
                assert_true(x->offset + x->bytes <= y->offset || y->offset + y->bytes <= x->offset);
            }
        }
        for (int k = 0; k < net.call_count; k++) assert_true(c_live_bytes(&net, k) <= net.arena_bytes);
        assert_true(net.arena_bytes < all / 2);
        c_network_free(&net);
        example_free(&e);
    }
}

static void what_is_no_name_is_refused(void **state) {
    (void)state;
    Example e = example_new(5);
    cf_c_options options = cf_c_defaults();
    assert_fails(cf_export_c(e.model, path_in(scratch_folder(), "nothing"), &options), CF_BAD_USE,
                 "a split with a test part");
    options.split = e.split;
    assert_fails(cf_export_c(e.model, path_in(scratch_folder(), "9lives"), &options), CF_BAD_USE, "\"9lives\"");
    options.name = "a-b";
    assert_fails(cf_export_c(e.model, path_in(scratch_folder(), "nothing"), &options), CF_BAD_USE, "\"a-b\"");
    assert_false(file_exists(path_in(scratch_folder(), "9lives")));
    assert_false(file_exists(path_in(scratch_folder(), "nothing")));
    options.name = NULL;
    assert_ok(cf_export_c(e.model, path_in(scratch_folder(), "in/my-net/"), &options));
    assert_true(file_exists(path_in(scratch_folder(), "in/my-net/my_net.c")));
    example_free(&e);
}

/* Class names that C would read otherwise: quotes, a trigraph, letters beyond ASCII. */
static void names_come_through(void **state) {
    (void)state;
    static const char *const names[] = {"a\"b\\", "wh?\?/t", "Fl\xc3\xbcgel1", "d", "e", "f", "g", "h", "i", "j"};
    const char *folder = path_in(scratch_folder(), "named");
    Example e = example_new(5);
    cf_c_options options = cf_c_defaults();
    char command[1024];
    for (int c = 0; c < e.model->classes; c++) {
        free(e.model->class_names[c]);
        assert_ok(memory_copy_string(names[c], &e.model->class_names[c]));
    }
    options.split = e.split;
    assert_ok(cf_export_c(e.model, folder, &options));
    write_bytes(path_in(folder, "say.c"),
                "#include \"named.h\"\n#include <stdio.h>\nint main(void) {\n"
                "for (int i = 0; i < 3; i++) puts(named_class_names[i]);\nreturn 0;\n}\n",
                strlen("#include \"named.h\"\n#include <stdio.h>\nint main(void) {\n"
                       "for (int i = 0; i < 3; i++) puts(named_class_names[i]);\nreturn 0;\n}\n"));
    snprintf(command, sizeof command,
             "cd '%s' && %s -std=c99 say.c named.c -lm -o say && [ \"$(./say)\" = \"$(printf '%%s\\n' 'a\"b\\' "
             "'wh?\?/t' 'Fl\xc3\xbcgel1')\" ]",
             folder, getenv("CC") ? getenv("CC") : "cc");
    assert_int_equal(system(command), 0);
    example_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_the_references),    cmocka_unit_test(every_word_has_its_row),
        cmocka_unit_test(values_do_not_meet),         cmocka_unit_test(integers_are_those_of_eval),
        cmocka_unit_test(what_is_no_name_is_refused), cmocka_unit_test(names_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
