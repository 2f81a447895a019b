/* YAML by a table of keys: every kind of value, its line, and what is refused with which words. */
#include "testing.h"

#include "base/yaml.h"

#include <math.h>
#include <string.h>

typedef struct Pair {
    const char *name;
    int whole;
} Pair;

typedef struct Sample {
    double number, *numbers;
    const char *text, **texts, *either, **others;
    int64_t large;
    bool is_true, is_false;
    int word;
    Pair pair, *pairs;
    unsigned numbers_count, texts_count, others_count, pairs_count;
} Sample;

static const char *const words[] = {"more", "less", NULL};
static const YamlKey pair_keys[] = {{"name", YAML_TEXT, YAML_AT(Pair, name), .needed = true},
                                    {"whole", YAML_INT, YAML_AT(Pair, whole), .or_null = true},
                                    {NULL}};
static const YamlKey keys[] = {{"number", YAML_NUMBER, YAML_AT(Sample, number)},
                               {"numbers", YAML_NUMBER, YAML_LIST(Sample, numbers, 1, 3)},
                               {"text", YAML_TEXT, YAML_AT(Sample, text)},
                               {"texts", YAML_TEXT, YAML_LIST(Sample, texts, 0, 2)},
                               {"either", YAML_TEXT, YAML_AT(Sample, either)},
                               {"either", YAML_TEXT, YAML_LIST(Sample, others, 1, 2)},
                               {"large", YAML_WHOLE, YAML_AT(Sample, large)},
                               {"is_true", YAML_BOOL, YAML_AT(Sample, is_true)},
                               {"is_false", YAML_BOOL, YAML_AT(Sample, is_false)},
                               {"word", YAML_WORD, YAML_AT(Sample, word), .words = words},
                               {"pair", YAML_MAPPING, YAML_AT(Sample, pair), .keys = pair_keys, .or_null = true},
                               {"pairs", YAML_MAPPINGS(Sample, pairs, 1, 2, pair_keys)},
                               {NULL}};

static cf_status read_text(const char *text, Sample *sample, Yaml **yaml) {
    const char *path = path_in(scratch_folder(), "sample.yaml");
    write_bytes(path, text, strlen(text));
    return yaml_read(NULL, path, keys, sample, yaml);
}

static void values_have_their_lines(void **state) {
    (void)state;
    Yaml *yaml = NULL;
    Sample s = {.number = 7};
    assert_ok(read_text("# a comment\n"
                        "numbers: [1e-4, nan,\n  0x10]\n"
                        "text: null\n"
                        "texts: ['', \"a b\"]\n"
                        "either:\n  - one\n  - two\n"
                        "large: 5000000000\n"
                        "is_true: Yes\n"
                        "is_false: off\n"
                        "word: less\n"
                        "pair: ~\n"
                        "pairs:\n"
                        "  - whole: 010\n"
                        "    name: eight\n"
                        "  - {name: none, whole: null}\n",
                        &s, &yaml));
    assert_true(s.number == 7 && yaml_line(yaml, &s.number) == 0);
    assert_true(s.numbers_count == 3 && s.numbers[0] == 1e-4 && isnan(s.numbers[1]) && s.numbers[2] == 16);
    assert_true(yaml_line(yaml, &s.numbers) == 2 && yaml_line(yaml, &s.numbers[1]) == 2 &&
                yaml_line(yaml, &s.numbers[2]) == 3);
    assert_string_equal(s.text, "null");
    assert_true(s.texts_count == 2 && !*s.texts[0]);
    assert_string_equal(s.texts[1], "a b");
    assert_true(!s.either && s.others_count == 2 && yaml_line(yaml, &s.others) == 6 &&
                yaml_line(yaml, &s.others[1]) == 8);
    assert_true(s.large == 5000000000 && s.is_true && !s.is_false && s.word == 1);
    assert_int_equal(yaml_line(yaml, &s.pair), 0);
    assert_true(s.pairs_count == 2 && s.pairs[0].whole == 8 && s.pairs[1].whole == 0);
    assert_true(yaml_line(yaml, &s.pairs[0].name) == 16 && yaml_line(yaml, &s.pairs[0].whole) == 15);
    assert_true(yaml_line(yaml, &s.pairs[1].whole) == 0 && yaml_line(yaml, &s.pairs[1]) == 17);
    assert_fails(yaml_at(yaml, &s.pairs[0].whole, FAIL(CF_BAD_USE, "odd")), CF_BAD_USE, "sample.yaml:15: odd");
    yaml_free(yaml);
}

static void what_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "sample.yaml:1: the file is empty; it may have the key number"},
        {"- a\n", ":1: keys with values expected, found a list"},
        {"number: 1\nnumber: 2\n", ":2: the key number stands there twice"},
        {"either: a\neither: [b]\n", ":2: the key either stands there twice"},
        {"numbr: 1\n", ":1: unknown key numbr; did you mean number?"},
        {"number: 1x\n", ":1: a number expected, found 1x"},
        {"number: 1e400\n", "a number expected, found 1e400"},
        {"number:\n", "a number expected, found nothing"},
        {"number: [1]\n", "a number expected, found a list"},
        {"numbers: 1\n", "a list such as [a, b] expected, found 1"},
        {"numbers: []\n", "a list of another length expected: of 1 to 3, found 0"},
        {"numbers: [1, 2, 3, 4]\n", "of 1 to 3, found more than 3"},
        {"numbers: [1,\n[2]]\n", ":2: a number expected, found a list"},
        {"text: \"\"\n", "a text expected, found nothing"},
        {"text: \"a\\0b\"\n", "a text without zero bytes expected"},
        {"large: 1e3\n", "a whole number expected, found 1e3"},
        {"large: 99999999999999999999\n", "a whole number expected"},
        {"pair: {name: a, whole: 99999999999}\n", "a whole number expected, found 99999999999"},
        {"is_true: maybe\n", "true or false expected, found maybe"},
        {"word: lest\n", "more or less expected, found lest; did you mean less?"},
        {"word: more\npair: {}\n", ":2: the key name is missing"},
        {"pair: 3\n", "keys with values expected, found 3"},
        {"pairs: [{name: a}, 3]\n", "keys with values expected, found 3"},
        {"texts: &a [b]\neither: *a\n", ":2: an alias (*a) is refused"},
        {"number: 1\n : : :\n", "sample.yaml:2: "},
        {"numbers: [1\n", "while parsing a flow sequence, did not find expected ',' or ']'"},
        {"text: \x01\n", "sample.yaml:1: this is no YAML, control characters are not allowed"},
        {"? [a]\n: b\n", ":1: a key expected, found a list"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Yaml *yaml = NULL;
        Sample sample = {0};
        const cf_status status = read_text(cases[i].text, &sample, &yaml);
        if (status != CF_BAD_INPUT || !strstr(cf_error(), cases[i].part))
            fail_msg("case %zu: \"%s\" does not hold \"%s\"", i, cf_error(), cases[i].part);
        yaml_free(yaml);
    }
    /* Nesting is no deeper than the table, and seen to before libyaml has gone far. */
    static char deep[1 << 19];
    Yaml *yaml = NULL;
    Sample sample = {0};
    memset(deep, '[', sizeof deep - 1);
    memcpy(deep, "texts: ", 7);
    assert_fails(read_text(deep, &sample, &yaml), CF_BAD_INPUT, ":1: a text expected, found a list");
    yaml_free(yaml);
}

static void built_in_files_come_first(void **state) {
    (void)state;
    static const EmbeddedFile files[] = {{"one.yaml", (const unsigned char *)"text: built in\n"}, {NULL, NULL}};
    Yaml *yaml = NULL;
    Sample sample = {0};
    assert_true(yaml_built_in(files, "one") && !yaml_built_in(files, "on") && !yaml_built_in(NULL, "one"));
    assert_ok(yaml_read(files, "one", keys, &sample, &yaml));
    assert_string_equal(sample.text, "built in");
    yaml_free(yaml);
    yaml = NULL;
    assert_fails(yaml_read(files, "two", keys, &sample, &yaml), CF_IO, "two");
    yaml_free(yaml);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_have_their_lines), cmocka_unit_test(what_is_refused),
                                       cmocka_unit_test(built_in_files_come_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
