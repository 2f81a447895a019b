/* The default sets, whole, byte for byte: the same on any machine, with any compiler, at any number of threads. Whoever changes
 * an image on purpose raises the generator's version and puts the new sums here. */
#include "data/image_set.h"
#include "testing.h"

static void expect_sum(const char *name, size_t train, size_t test, const char *sha256) {
    cf_set *set;
    assert_ok(cf_set_load(name, NULL, &set));
    assert_int_equal(set->official_train, train);
    assert_int_equal(set->count, train + test);
    assert_string_equal(set->sha256, sha256);
    cf_set_free(set);
}

static void test_hand(void **state) {
    (void)state;
    expect_sum("hand", 60000, 10000, "58a05dab768994d5de9c7f8e6e827a24be6911268c79c4aae55646db03570ee5");
}

static void test_street(void **state) {
    (void)state;
    expect_sum("street", 73257, 26032, "bf20da4f8be1cbe766b3ce22c58b054d75cc39becbc13201617363b0cdc96038");
}

/* With every factor at work that is 0 by default. */
static void test_hand_far_off(void **state) {
    (void)state;
    expect_sum(
        "hand:1.5,n=1000,test=100,seed=7,scale=-0.5:0.2,contrast=0:0.5,polarity=0.5,background=0:0.4,lighting=0:1,"
        "blur=0:1.5,noise=0:0.1,jpeg=0:2",
        1000, 100, "12db1e416e69a50ed9c03702c3d01b3da67c6a2d9161e4444b9544e595c32ad5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hand),
        cmocka_unit_test(test_street),
        cmocka_unit_test(test_hand_far_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
