/* Names of generated sets and what they mean, on a generator that writes what it was given into the pixels; and what
 * every generator has to keep. */
#include "data/generate/generated_set.h"

#include "base/memory.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLANT, BLUR, ODD, FACTORS };

/* An image of the test's generator: 1 x 8 x 8 bytes. */
typedef struct Told {
    double factor[FACTORS];
    uint64_t seed, index;
    int part, label;
    unsigned char rest[16];
} Told;

static void tell(const GeneratedImage *image, unsigned char *pixels) {
    Told told = {.seed = image->seed, .index = image->index, .part = image->part, .label = image->label};
    _Static_assert(sizeof told == 64, "an image of 8 x 8");
    memcpy(told.factor, image->factor, sizeof told.factor);
    memcpy(pixels, &told, sizeof told);
}

static const Factor factors[FACTORS] = {
    {"slant", "degrees", "lean to the right", -10, 20, -60, 60, true},
    {"blur", "pixels", "of the lens", 0, 2, 0, 8, false},
    {"odd", "chance", "of something else", 0.3, 0.3, 0, 1, false},
};

static const Generator teller = {.name = "teller",
                                 .about = "for tests",
                                 .version = 3,
                                 .channels = 1,
                                 .height = 8,
                                 .width = 8,
                                 .train = 600,
                                 .test = 100,
                                 .factors = factors,
                                 .factor_count = FACTORS,
                                 .draw = tell};

static GeneratedSpec spec_of(const char *text) {
    GeneratedSpec spec;
    assert_ok(generated_spec_read_for(&teller, text, &spec));
    return spec;
}

static Told told_of(const GeneratedSpec *spec, int part, uint64_t index) {
    Told told;
    int label = generated_image(spec, part, index, (unsigned char *)&told);
    assert_int_equal(label, told.label);
    return told;
}

/* ---- The text ---- */

static void test_names(void **state) {
    (void)state;
    assert_ptr_equal(generator_named("hand"), &generator_hand);
    assert_ptr_equal(generator_named("street:blur=2"), &generator_street);
    const char *const others[] = {"handy", "han", "mnist", "", "./hand", "hand/x", ":", "Hand"};
    for (size_t i = 0; i < COUNT_OF(others); i++) assert_null(generator_named(others[i]));
    assert_fails(generated_spec_read("mnist", &(GeneratedSpec){0}), CF_INTERNAL, "mnist");
}

static void test_defaults(void **state) {
    (void)state;
    const char *const texts[] = {"teller", "teller:", "teller:,", "teller:1"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        GeneratedSpec spec = spec_of(texts[i]);
        assert_int_equal(spec.train, 600);
        assert_int_equal(spec.test, 100);
        assert_int_equal(spec.seed, 1);
        for (int f = 0; f < FACTORS; f++) assert_true(spec.low[f] == factors[f].low && spec.high[f] == factors[f].high);
        assert_false(generated_spec_is_shifted(&spec));
    }
}

static void expect_range(const char *text, int factor, double low, double high) {
    GeneratedSpec spec = spec_of(text);
    if (spec.low[factor] == low && spec.high[factor] == high) return;
    fail_msg("%s: %s is %g:%g, wanted %g:%g", text, factors[factor].name, spec.low[factor], spec.high[factor], low,
             high);
}

static void test_ranges(void **state) {
    (void)state;
    expect_range("teller:blur=1:3", BLUR, 1, 3);
    expect_range("teller:blur=1.5", BLUR, 1.5, 1.5);
    expect_range("teller:blur=0:8", BLUR, 0, 8); /* the bounds belong to what is allowed */
    expect_range("teller:slant=-60:-1e1", SLANT, -60, -10);
    expect_range("teller:blur=1:3", SLANT, -10, 20);
    expect_range("teller:blur=1,slant=2,blur=5", BLUR, 5, 5);
    /* The dial stands below the factors, wherever it is, and ends at what is allowed. */
    expect_range("teller:0.5", SLANT, -5, 10);
    expect_range("teller:10", SLANT, -60, 60);
    expect_range("teller:10", ODD, 1, 1);
    expect_range("teller:0", ODD, 0, 0);
    expect_range("teller:blur=1:3,0", BLUR, 1, 3);
    expect_range("teller:0,blur=1:3", BLUR, 1, 3);
    expect_range("teller:blur=1:3,0", SLANT, 0, 0);
    assert_false(signbit(spec_of("teller:0").low[SLANT])); /* it would be printed */
}

static void test_counts_and_seed(void **state) {
    (void)state;
    GeneratedSpec spec = spec_of("teller:n=60,seed=9000000000000000");
    assert_int_equal(spec.train, 60);
    assert_int_equal(spec.test, 10);
    assert_true(spec.seed == 9000000000000000);
    spec = spec_of("teller:test=0");
    assert_int_equal(spec.train, 600);
    assert_int_equal(spec.test, 0);
    spec = spec_of("teller:test=3,n=1");
    assert_int_equal(spec.train, 1);
    assert_int_equal(spec.test, 3);
    assert_false(generated_spec_is_shifted(&spec));
}

static void test_messages(void **state) {
    (void)state;
    const char *const cases[][2] = {
        {"blurr=2", "data set teller:blurr=2: teller has no factor \"blurr\"; did you mean blur?; its factors are "
                    "slant, blur, odd; besides there are n, test, seed and frequencies"},
        {"sed=2", "did you mean seed?"},
        {"zzzzzzzz=2", "no factor \"zzzzzzzz\"; its factors are"},
        {"blur=", "blur=: a number or LOW:HIGH within 0:8 was expected (of the lens)"},
        {"blur=9", "blur=9: a number or LOW:HIGH within 0:8"},
        {"blur=-1:2", "within 0:8"},
        {"blur=3:2", "blur=3:2"},
        {"blur=1:", "blur=1:"},
        {"blur=:1", "blur=:1"},
        {"blur=1:2:3", "blur=1:2:3"},
        {"blur=much", "blur=much"},
        {"blur=nan", "blur=nan"},
        {"n=0", "n=0: a whole number from 1 to 4294967295"},
        {"n=1.5", "n=1.5"},
        {"n=4294967296", "n=4294967296"},
        {"test=-1", "test=-1: a whole number from 0 to"},
        {"seed=-1", "seed=-1: a whole number from 0 to 9e15"},
        {"seed=9000000000000001", "seed=9000000000000001"},
        {"11", "\"11\": FACTOR=VALUE, FACTOR=LOW:HIGH, or one number from 0 to 10"},
        {"-1", "from 0 to 10"},
        {"blur", "\"blur\": FACTOR=VALUE"},
        {"frequencies=odd", "frequencies=odd: even, street or ten numbers"},
        {"frequencies=1/1/1", "ten numbers"},
        {"frequencies=1/1/1/1/1/1/1/1/1/1/1", "ten numbers"},
        {"frequencies=1/1/1/1/1/1/1/1/1/-1", "of at least 0"},
        {"frequencies=0/0/0/0/0/0/0/0/0/0", "at least one must be above 0"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[128];
        GeneratedSpec spec = {.train = 77};
        snprintf(text, sizeof text, "teller:%s", cases[i][0]);
        assert_fails(generated_spec_read_for(&teller, text, &spec), CF_BAD_USE, cases[i][1]);
        assert_int_equal(spec.train, 77);
    }
}

static void expect_laid(const char *text, const char *items, const char *wanted) {
    char *laid;
    assert_ok(generated_text_with(text, items, &laid));
    assert_string_equal(laid, wanted);
    free(laid);
}

static void test_laying_items_on(void **state) {
    (void)state;
    expect_laid("hand", "n=5", "hand:n=5");
    expect_laid("hand:", "n=5", "hand:n=5");
    expect_laid("hand:0", "n=5,seed=2", "hand:0,n=5,seed=2");
    expect_laid("hand:0,", "n=5", "hand:0,n=5");
    expect_laid("hand", "", "hand");
    expect_laid("hand:n=5", "", "hand:n=5");
    /* What stands at the end already is not said again, so that a repeated command names the same set. */
    expect_laid("hand:0,n=5", "n=5", "hand:0,n=5");
    expect_laid("hand:n=5", "n=5", "hand:n=5");
    expect_laid("hand:en=5", "n=5", "hand:en=5,n=5");
    expect_laid("hand:n=5,0", "n=5", "hand:n=5,0,n=5");
    assert_true(generated_text_has("hand:n=5", "n") && generated_text_has("hand:0,n=5", "n"));
    assert_false(generated_text_has("hand", "n") || generated_text_has("hand:en=5", "n") ||
                 generated_text_has("hand:0,nn=5", "n"));
}

static void expect_text(const char *text, const char *wanted, bool shifted) {
    GeneratedSpec spec = spec_of(text);
    char *line;
    assert_ok(generated_spec_text(&spec, &line));
    assert_string_equal(line, wanted);
    free(line);
    assert_true(generated_spec_is_shifted(&spec) == shifted);
}

static void test_description(void **state) {
    (void)state;
    expect_text("teller:n=9", "generated (teller version 3): seed 1", false);
    expect_text("teller:seed=7,blur=1:3,slant=0", "generated (teller version 3): seed 7, slant 0, blur 1:3", true);
    expect_text("teller:0.5,blur=1", "generated (teller version 3): seed 1, all factors x 0.5, blur 1", true);
    expect_text("teller:frequencies=street", "generated (teller version 3): seed 1, other frequencies", true);
}

/* ---- Labels ---- */

static void test_writers_write_every_digit_once(void **state) {
    (void)state;
    GeneratedSpec spec = spec_of("teller:n=5000");
    int first_is_0 = 0;
    for (uint64_t writer = 0; writer < 500; writer++) {
        unsigned seen = 0;
        for (uint64_t i = 0; i < 10; i++) seen |= 1u << told_of(&spec, 0, 10 * writer + i).label;
        assert_int_equal(seen, 0x3ff);
        first_is_0 += told_of(&spec, 0, 10 * writer).label == 0;
    }
    assert_true(first_is_0 > 20 && first_is_0 < 80); /* 50 expected, standard deviation 6.7 */
}

static void expect_shares(const char *text, const double shares[DIGITS]) {
    enum { COUNT = 20000 };
    GeneratedSpec spec = spec_of(text);
    int counts[DIGITS] = {0};
    double sum = 0;
    for (int k = 0; k < DIGITS; k++) sum += shares[k];
    for (uint64_t i = 0; i < COUNT; i++) counts[told_of(&spec, 0, i).label]++;
    for (int k = 0; k < DIGITS; k++) {
        double p = shares[k] / sum, expected = COUNT * p, deviation = sqrt(COUNT * p * (1 - p));
        if (fabs(counts[k] - expected) > 4 * deviation)
            fail_msg("%s: digit %d comes %d times, wanted %.0f", text, k, counts[k], expected);
    }
}

static void test_frequencies(void **state) {
    (void)state;
    expect_shares("teller:frequencies=5/1/1/1/1/1/1/1/1/1", (const double[]){5, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    expect_shares("teller:frequencies=0/0/0.25/0/0/0.75/0/0/0/0", (const double[]){0, 0, 1, 0, 0, 3, 0, 0, 0, 0});
    expect_shares("teller:frequencies=0/0/0/0/0/0/0/0/0/2", (const double[]){0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
    expect_shares("teller:frequencies=street", generator_street.frequencies);
    GeneratedSpec spec = spec_of("teller:frequencies=street,frequencies=even");
    assert_false(generated_spec_is_shifted(&spec));
}

/* ---- Images ---- */

static void test_place_of_a_factor(void **state) {
    (void)state;
    GeneratedSpec spec = spec_of("teller"), blurred = spec_of("teller:blur=8"), wide = spec_of("teller:slant=-60:60");
    for (uint64_t i = 0; i < 200; i++) {
        Told told = told_of(&spec, 0, i), other = told_of(&blurred, 0, i), wider = told_of(&wide, 0, i);
        assert_true(other.factor[SLANT] == told.factor[SLANT]);
        assert_true(other.factor[BLUR] == 8 && told.factor[ODD] == 0.3);
        assert_int_equal(other.label, told.label);
        /* The place in the range stays when the range is another. */
        assert_true(fabs((wider.factor[SLANT] + 60) / 120 - (told.factor[SLANT] + 10) / 30) < 1e-12);
        assert_true(wider.factor[BLUR] == told.factor[BLUR]);
        assert_true(told.seed == 1 && told.index == i && told.part == 0);
    }
}

static void test_factors_fill_their_ranges(void **state) {
    (void)state;
    enum { COUNT = 20000, BINS = 10 };
    GeneratedSpec spec = spec_of("teller");
    int bins[2][BINS] = {{0}};
    for (uint64_t i = 0; i < COUNT; i++) {
        Told told = told_of(&spec, 0, i);
        const double u[2] = {(told.factor[SLANT] + 10) / 30, told.factor[BLUR] / 2};
        for (int f = 0; f < 2; f++) {
            assert_true(u[f] >= 0 && u[f] <= 1);
            bins[f][u[f] < 1 ? (int)(BINS * u[f]) : BINS - 1]++;
        }
    }
    /* 2000 expected. Independent draws vary by 42; a writer's ten come together, so that theirs vary by up to 134. */
    for (int b = 0; b < BINS; b++) {
        assert_true(abs(bins[BLUR][b] - COUNT / BINS) < 5 * 42);
        assert_true(abs(bins[SLANT][b] - COUNT / BINS) < 5 * 134);
    }
}

static void test_writers_keep(void **state) {
    (void)state;
    GeneratedSpec spec = spec_of("teller");
    double widest[2] = {0, 0}, before = 0;
    bool differ = false;
    for (uint64_t writer = 0; writer < 100; writer++) {
        double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
        for (uint64_t i = 0; i < 10; i++) {
            Told told = told_of(&spec, 0, 10 * writer + i);
            for (int f = 0; f < 2; f++) {
                low[f] = fmin(low[f], told.factor[f]);
                high[f] = fmax(high[f], told.factor[f]);
            }
        }
        for (int f = 0; f < 2; f++) widest[f] = fmax(widest[f], high[f] - low[f]);
        differ |= fabs(low[SLANT] - before) > 10;
        before = low[SLANT];
    }
    assert_true(widest[SLANT] <= 0.3 * 30 + 1e-9 && widest[SLANT] > 4);
    assert_true(widest[BLUR] > 1.5);
    assert_true(differ);
}

static cf_set *make(const GeneratedSpec *spec, int threads) {
    cf_set *set;
    assert_ok(generated_set_new(spec, threads, &set));
    return set;
}

static void test_parts_and_seeds_differ(void **state) {
    (void)state;
    GeneratedSpec spec = spec_of("teller"), other = spec_of("teller:seed=2");
    assert_true(told_of(&spec, 0, 5).factor[BLUR] != told_of(&spec, 1, 5).factor[BLUR]);
    assert_true(told_of(&spec, 0, 5).factor[BLUR] != told_of(&other, 0, 5).factor[BLUR]);
    assert_true(told_of(&spec, 0, 5).factor[BLUR] != told_of(&spec, 0, 6).factor[BLUR]);
    assert_int_equal(told_of(&spec, 1, 5).part, 1);
}

/* An image is the same in a small set and a large one, in either part. */
static void test_images_do_not_depend_on_how_many(void **state) {
    (void)state;
    GeneratedSpec small = spec_of("teller:n=130,test=70"), large = spec_of("teller:n=1000,test=500");
    cf_set *a = make(&small, 1), *b = make(&large, 2);
    const size_t size = set_image_size(a);
    assert_memory_equal(a->pixels, b->pixels, 130 * size);
    assert_memory_equal(a->labels, b->labels, 130 * sizeof *a->labels);
    assert_memory_equal(a->pixels + 130 * size, b->pixels + 1000 * size, 70 * size);
    assert_memory_equal(a->labels + 130, b->labels + 1000, 70 * sizeof *a->labels);
    assert_int_equal(a->official_train, 130);
    assert_int_equal(a->count, 200);
    cf_set_free(a);
    cf_set_free(b);
}

/* ---- The generators that there are ---- */

static void check_same_at_any_threads(const GeneratedSpec *spec) {
    static const int threads[] = {2, 3, 8};
    cf_set *one = make(spec, 1);
    for (size_t t = 0; t < COUNT_OF(threads); t++) {
        cf_set *more = make(spec, threads[t]);
        assert_memory_equal(more->pixels, one->pixels, one->count * set_image_size(one));
        assert_memory_equal(more->labels, one->labels, one->count * sizeof *one->labels);
        cf_set_free(more);
    }
    unsigned char *pixels = test_malloc(set_image_size(one));
    for (size_t i = 0; i < one->count; i += 37) {
        const bool test = i >= spec->train;
        assert_int_equal(generated_image(spec, test, i - (test ? spec->train : 0), pixels), one->labels[i]);
        assert_memory_equal(pixels, one->pixels + i * set_image_size(one), set_image_size(one));
    }
    test_free(pixels);
    cf_set_free(one);
}

static void test_same_at_any_threads(void **state) {
    (void)state;
    GeneratedSpec spec = spec_of("teller:n=777,test=99");
    check_same_at_any_threads(&spec);
    for (const Generator *const *g = generators; *g; g++) {
        char text[64];
        snprintf(text, sizeof text, "%s:n=200,test=100,seed=3", (*g)->name);
        assert_ok(generated_spec_read(text, &spec));
        check_same_at_any_threads(&spec);
    }
}

static void test_tables(void **state) {
    (void)state;
    for (const Generator *const *at = generators; *at; at++) {
        const Generator *g = *at;
        assert_true(g->factor_count <= MAX_FACTORS && g->version >= 1 && g->train > 0 && g->test > 0);
        assert_non_null(g->about);
        for (int f = 0; f < g->factor_count; f++) {
            const Factor *factor = &g->factors[f];
            if (!(factor->lowest <= factor->low && factor->low <= factor->high && factor->high <= factor->highest))
                fail_msg("%s: the ranges of %s", g->name, factor->name);
            /* At 0 a factor does nothing, so 0 must be allowed. */
            if (factor->lowest > 0 || factor->highest < 0) fail_msg("%s: %s cannot be 0", g->name, factor->name);
            assert_true(factor->help && *factor->help && factor->unit);
            assert_null(strpbrk(factor->name, "=:,/"));
            for (int k = 0; k < f; k++) assert_string_not_equal(factor->name, g->factors[k].name);
            const char *const own[] = {"n", "test", "seed", "frequencies"};
            for (size_t k = 0; k < COUNT_OF(own); k++) assert_string_not_equal(factor->name, own[k]);
        }
    }
}

static void test_loading(void **state) {
    (void)state;
    cf_set *set, *again;
    assert_ok(cf_set_load("hand:n=30,test=20,seed=4", "/nonexistent", &set));
    assert_string_equal(set->name, "hand:n=30,test=20,seed=4");
    assert_non_null(strstr(set->source, "generated (hand version "));
    assert_non_null(strstr(set->source, "): seed 4"));
    assert_int_equal(set->official_train, 30);
    assert_int_equal(set->count, 50);
    assert_int_equal(set->classes, 10);
    assert_string_equal(set->class_names[9], "9");
    assert_ok(cf_set_load("hand:seed=4,test=20,n=30", NULL, &again));
    assert_string_equal(again->sha256, set->sha256);
    cf_set_free(again);
    assert_ok(cf_set_load("hand:seed=5,test=20,n=30", NULL, &again));
    assert_string_not_equal(again->sha256, set->sha256);
    cf_set_free(again);
    cf_set_free(set);
    assert_fails(cf_set_load("street:n=x", NULL, &set), CF_BAD_USE, "data set street:n=x: n=x: a whole number");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_counts_and_seed),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_laying_items_on),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_writers_write_every_digit_once),
        cmocka_unit_test(test_frequencies),
        cmocka_unit_test(test_place_of_a_factor),
        cmocka_unit_test(test_factors_fill_their_ranges),
        cmocka_unit_test(test_writers_keep),
        cmocka_unit_test(test_parts_and_seeds_differ),
        cmocka_unit_test(test_images_do_not_depend_on_how_many),
        cmocka_unit_test(test_same_at_any_threads),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_loading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
