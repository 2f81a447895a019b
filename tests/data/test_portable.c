/* Against libm to the stated error, where values are known exactly, and bit for bit: the checksum is that of any
 * machine, compiler and libm. */
#include "base/files.h"
#include "data/generate/portable.h"
#include "testing.h"

#include <stdio.h>

enum { STEPS = 200000 };
static const double stated = 1e-9;

static double place(int i, double low, double high) {
    return low + (high - low) * i / STEPS;
}

static void test_sine(void **state) {
    (void)state;
    double worst = 0;
    for (int i = 0; i <= STEPS; i++) {
        double turns = place(i, -3.7, 5.3), angle = 6.283185307179586 * turns;
        worst = fmax(worst, fabs(portable_sin(turns) - sin(angle)));
        worst = fmax(worst, fabs(portable_cos(turns) - cos(angle)));
    }
    print_message("sine: %.1e\n", worst);
    assert_true(worst < stated);
    assert_true(portable_sin(0) == 0 && portable_sin(7) == 0 && portable_sin(-0.5) == 0);
    /* Many turns: whole ones do not count. */
    assert_true(fabs(portable_sin(123456.25) - 1) < stated && fabs(portable_cos(-98765.5) + 1) < stated);
}

static void test_powers_of_two(void **state) {
    (void)state;
    double worst = 0;
    for (int i = 0; i <= STEPS; i++) {
        double x = place(i, -900, 900), exact = exp2(x);
        worst = fmax(worst, fabs(portable_exp2(x) - exact) / exact);
        x = place(i, -2, 2), exact = exp2(x);
        worst = fmax(worst, fabs(portable_exp2(x) - exact) / exact);
    }
    print_message("power of 2: %.1e\n", worst);
    assert_true(worst < stated);
    for (int i = -900; i <= 900; i++) assert_true(portable_exp2(i) == ldexp(1, i));
}

static void test_logarithm_and_power(void **state) {
    (void)state;
    double worst = 0, worst_power = 0;
    for (int i = 1; i <= STEPS; i++) {
        double x = place(i, 0, 4);
        worst = fmax(worst, fabs(portable_log2(x) - log2(x)));
        worst = fmax(worst, fabs(portable_log2(1e9 * x) - log2(1e9 * x)));
        for (double p = -1.5; p < 3; p += 0.7)
            worst_power = fmax(worst_power, fabs(portable_pow(x, p) - pow(x, p)) / pow(x, p));
    }
    print_message("logarithm: %.1e, power: %.1e\n", worst, worst_power);
    assert_true(worst < stated && worst_power < 1e-8);
    for (int i = -300; i <= 300; i++) assert_true(portable_log2(ldexp(1, i)) == i);
    assert_true(portable_pow(0, 0) == 1 && portable_pow(0, 2.5) == 0 && portable_pow(1, 9) == 1);
}

static void test_bits(void **state) {
    (void)state;
    char hex[SHA256_HEX];
    Sha256 *sha;
    assert_ok(sha256_new(&sha));
    for (int i = 1; i <= STEPS; i++) {
        const double values[4] = {portable_sin(place(i, -2, 2)), portable_exp2(place(i, -30, 30)),
                                  portable_log2(place(i, 0, 9)), portable_pow(place(i, 0, 1), 2.2)};
        assert_ok(sha256_add(sha, values, sizeof values));
    }
    assert_ok(sha256_finish(sha, hex));
    assert_string_equal(hex, "2092bf3c298989a1c3cf1332340fbfea429e981c79572c7581e3f254d752731c");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sine),
        cmocka_unit_test(test_powers_of_two),
        cmocka_unit_test(test_logarithm_and_power),
        cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
