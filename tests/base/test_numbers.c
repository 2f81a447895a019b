/* What every floor needs of whole numbers. */
#include "base/numbers.h"

#include "testing.h"

static void the_smaller_the_larger_and_quotients(void **state) {
    (void)state;
    assert_int_equal(smaller_int(-3, 2), -3);
    assert_int_equal(smaller_int(2, -3), -3);
    assert_int_equal(larger_int(-3, 2), 2);
    assert_int_equal(larger_int(2, 2), 2);
    assert_int_equal(smaller_size(7, 3), 3);
    assert_true(smaller_size(SIZE_MAX, SIZE_MAX - 1) == SIZE_MAX - 1);
    assert_int_equal(quotient_up(0, 8), 0);
    assert_int_equal(quotient_up(1, 8), 1);
    assert_int_equal(quotient_up(8, 8), 1);
    assert_int_equal(quotient_up(9, 8), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_smaller_the_larger_and_quotients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
