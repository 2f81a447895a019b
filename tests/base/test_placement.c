/* Arrays that share memory: none that are in use at once meet, gaps that are too small are passed over, ones that fit are used. */
#include "testing.h"

#include "base/memory.h"
#include "base/placement.h"
#include "base/rng.h"

static void a_case_by_hand(void **state) {
    (void)state;
    /* By size: 40, 38 (where 40 was), 30 behind both, 25 behind that; 20 finds no gap of its size, 2 one that it fills. */
    Placed items[] = {{40, 0, 1, 9}, {30, 1, 3, 9}, {20, 2, 3, 9}, {25, 1, 2, 9}, {38, 3, 4, 9}, {2, 2, 3, 9}};
    static const size_t expected[] = {0, 40, 95, 70, 0, 38};
    size_t total;
    assert_ok(placement_find(items, COUNT_OF(items), &total));
    for (size_t i = 0; i < COUNT_OF(items); i++) assert_int_equal(items[i].offset, expected[i]);
    assert_int_equal(total, 115);
    assert_ok(placement_find(items, 0, &total));
    assert_int_equal(total, 0);
}

static void none_meet(void **state) {
    (void)state;
    enum { COUNT = 60, STEPS = 40 };
    for (uint32_t seed = 1; seed < 200; seed++) {
        const RngStream stream = rng_stream(seed, RNG_WEIGHTS, 0, 0);
        Placed items[COUNT];
        size_t total, live[STEPS] = {0}, most = 0, all = 0;
        for (uint64_t i = 0; i < COUNT; i++) {
            const int first = (int)(rng_uniform(&stream, 3 * i) * STEPS),
                      length = (int)(rng_uniform(&stream, 3 * i + 1) * 6);
            const int last = first + length < STEPS ? first + length : STEPS - 1;
            items[i] = (Placed){(size_t)(rng_uniform(&stream, 3 * i + 2) * 100) * 4, first, last, 0};
            for (int s = first; s <= last; s++) live[s] += items[i].bytes;
            all += items[i].bytes;
        }
        assert_ok(placement_find(items, COUNT, &total));
        for (int s = 0; s < STEPS; s++) most = live[s] > most ? live[s] : most;
        assert_true(total >= most && total < all / 2);
        for (int a = 0; a < COUNT; a++)
            for (int b = 0; b < a; b++)
                if (items[a].last >= items[b].first && items[b].last >= items[a].first)
                    assert_true(items[a].offset + items[a].bytes <= items[b].offset ||
                                items[b].offset + items[b].bytes <= items[a].offset);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_by_hand),
        cmocka_unit_test(none_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
