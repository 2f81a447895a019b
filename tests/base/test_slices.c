#include "testing.h"

#include "base/slices.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PIECES = 137 };
static const int thread_counts[] = {1, 2, 3, 8};

typedef struct Sums {
    double partial[PIECES];
    int visits[PIECES];
    int threads, thread_out_of_range;
} Sums;

static cf_status add_up(void *context, int64_t index, int thread) {
    Sums *sums = context;
    if (thread < 0 || thread >= sums->threads) sums->thread_out_of_range = 1;
    for (int i = 0; i < 1000; i++) sums->partial[index] += sin((double)(index * 1000 + i));
    sums->visits[index]++;
    return CF_OK;
}

static double total(int threads, Sums *sums) {
    double sum = 0;
    memset(sums, 0, sizeof *sums);
    sums->threads = threads;
    assert_ok(slices_run(threads, PIECES, add_up, sums));
    for (int i = 0; i < PIECES; i++) sum += sums->partial[i];
    return sum;
}

static void test_same_bits_at_any_number_of_threads(void **state) {
    (void)state;
    Sums sums;
    double expected = total(1, &sums);
    for (size_t t = 0; t < sizeof thread_counts / sizeof thread_counts[0]; t++) {
        double sum = total(thread_counts[t], &sums);
        assert_memory_equal(&sum, &expected, sizeof sum);
        assert_int_equal(sums.thread_out_of_range, 0);
        for (int i = 0; i < PIECES; i++) assert_int_equal(sums.visits[i], 1);
    }
}

/* Pieces 20, 21, 22, 32, 42, ... fail. With two threads or more, some above 20 fail before it and some after
 * it. */
static cf_status fail_sometimes(void *context, int64_t index, int thread) {
    (void)context, (void)thread;
    if (index < 20 || (index > 22 && index % 10 != 2)) return CF_OK;
    if (index == 20) usleep(2000);
    if (index == 21) usleep(4000);
    return FAIL(index == 20 ? CF_BAD_INPUT : CF_IO, "piece %d failed", (int)index);
}

static void test_lowest_failure_wins(void **state) {
    (void)state;
    for (size_t t = 0; t < sizeof thread_counts / sizeof thread_counts[0]; t++)
        for (int repeat = 0; repeat < 20; repeat++) {
            status_clear();
            assert_int_equal(slices_run(thread_counts[t], PIECES, fail_sometimes, NULL), CF_BAD_INPUT);
            assert_string_equal(cf_error(), "piece 20 failed");
        }
}

static cf_status count_visit(void *context, int64_t index, int thread) {
    (void)thread;
    ++*(int *)context;
    return index == 2 ? FAIL(CF_IO, "stop here") : CF_OK;
}

static void test_pieces_after_a_failure_are_left_out(void **state) {
    (void)state;
    int visits = 0;
    assert_fails(slices_run(1, PIECES, count_visit, &visits), CF_IO, "stop here");
    assert_int_equal(visits, 3);
    visits = 0;
    assert_ok(slices_run(4, 0, count_visit, &visits));
    assert_int_equal(visits, 0);
}

static void visit(void *context, size_t item, int thread) {
    Sums *sums = context;
    if (thread < 0 || thread >= sums->threads) sums->thread_out_of_range = 1;
    sums->visits[item]++;
}

static void test_each_item_once(void **state) {
    (void)state;
    static const size_t together[] = {1, 7, PIECES - 1, PIECES, PIECES + 1};
    for (size_t t = 0; t < sizeof together / sizeof *together; t++) {
        Sums sums = {.threads = 3};
        slices_each(3, PIECES - 1, together[t], visit, &sums);
        slices_each(3, 0, together[t], visit, &sums);
        for (int i = 0; i < PIECES; i++) assert_int_equal(sums.visits[i], i < PIECES - 1);
        assert_false(sums.thread_out_of_range);
    }
}

static void test_number_of_threads(void **state) {
    (void)state;
    assert_int_equal(slices_threads(3), 3);
    assert_true(slices_threads(0) >= 1);
    assert_int_equal(slices_threads(1000000), SLICES_MAX_THREADS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_at_any_number_of_threads),
        cmocka_unit_test(test_lowest_failure_wins),
        cmocka_unit_test(test_pieces_after_a_failure_are_left_out),
        cmocka_unit_test(test_each_item_once),
        cmocka_unit_test(test_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
