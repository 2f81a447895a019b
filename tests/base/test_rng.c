#include "testing.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The known answers that the authors publish with the cipher (Random123, kat_vectors, philox4x32 10 rounds).
 */
static void test_philox_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], words[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t words[4];
        memcpy(words, cases[i].counter, sizeof words);
        rng_philox(words, cases[i].key);
        assert_memory_equal(words, cases[i].words, sizeof words);
    }
}

static void test_streams_differ_in_every_name(void **state) {
    (void)state;
    const RngStream streams[] = {
        rng_stream(1, RNG_SHUFFLE, 3, 0),
        rng_stream(2, RNG_SHUFFLE, 3, 0),
        rng_stream(1, RNG_SPLIT, 3, 0),
        rng_stream(1, RNG_SHUFFLE, 4, 0),
        rng_stream(1, RNG_SHUFFLE, 3, 1),
        rng_stream(1 + (1ull << 40), RNG_SHUFFLE, 3, 0),
        rng_stream(1, RNG_SHUFFLE, 3 + (1ull << 40), 0),
    };
    uint32_t words[7][4], again[4];
    for (int i = 0; i < 7; i++) rng_block(&streams[i], 5, words[i]);
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < i; j++) assert_memory_not_equal(words[i], words[j], sizeof words[0]);
    rng_block(&streams[0], 6, again);
    assert_memory_not_equal(words[0], again, sizeof again);
    rng_block(&streams[0], 5 + (1ull << 32), again);
    assert_memory_not_equal(words[0], again, sizeof again);
    rng_block(&streams[0], 5, again);
    assert_memory_equal(words[0], again, sizeof again);
}

/* Every stored result depends on these numbers: they may never change. */
static void test_streams_are_frozen(void **state) {
    (void)state;
    RngStream stream = rng_stream(1, RNG_WEIGHTS, 2, 3);
    static const uint32_t frozen[4] = {0xff549580, 0x9c6645c2, 0x3c2a4e8d, 0x84bf3305};
    uint32_t words[4];
    rng_block(&stream, 4, words);
    assert_memory_equal(words, frozen, sizeof words);
}

static void test_uniform_and_normal(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    RngStream stream = rng_stream(11, RNG_DROPOUT, 0, 0);
    double sum = 0, squares = 0, normal_sum = 0, normal_squares = 0, normal_fourth = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        double u = (double)rng_uniform(&stream, i), v = rng_normal(&stream, i);
        assert_true(u >= 0 && u < 1);
        assert_true(isfinite(v));
        sum += u, squares += u * u;
        normal_sum += v, normal_squares += v * v, normal_fourth += v * v * v * v;
    }
    /* Five standard errors each. */
    assert_true(fabs(sum / COUNT - 0.5) < 5 * sqrt(1.0 / 12 / COUNT));
    assert_true(fabs(squares / COUNT - 1.0 / 3) < 5 * sqrt(4.0 / 45 / COUNT));
    assert_true(fabs(normal_sum / COUNT) < 5 * sqrt(1.0 / COUNT));
    assert_true(fabs(normal_squares / COUNT - 1) < 5 * sqrt(2.0 / COUNT));
    assert_true(fabs(normal_fourth / COUNT - 3) < 5 * sqrt(96.0 / COUNT));
}

static void test_shuffle_permutes_evenly(void **state) {
    (void)state;
    enum { ROUNDS = 60000 };
    int seen[6] = {0};
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint32_t items[3] = {0, 1, 2};
        RngStream stream = rng_stream(5, RNG_SHUFFLE, round, 0);
        rng_shuffle(&stream, items, 3);
        assert_int_equal((1u << items[0]) | (1u << items[1]) | (1u << items[2]), 7);
        seen[items[0] * 2 + (items[1] > items[2])]++;
    }
    for (int i = 0; i < 6; i++) assert_true(abs(seen[i] - ROUNDS / 6) < 5 * 92); /* sqrt(60000 * 1/6 * 5/6) = 91.3 */
    uint32_t one = 9;
    RngStream stream = rng_stream(5, RNG_SHUFFLE, 0, 0);
    rng_shuffle(&stream, &one, 1);
    rng_shuffle(&stream, NULL, 0);
    assert_int_equal(one, 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),         cmocka_unit_test(test_streams_are_frozen),
        cmocka_unit_test(test_streams_differ_in_every_name), cmocka_unit_test(test_uniform_and_normal),
        cmocka_unit_test(test_shuffle_permutes_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
