#include "base/name_table.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

enum { NAMES = 5000 };

/* Against what a search from the front says, names that begin alike among them; a name put again takes the new place. */
static void test_places(void **state) {
    (void)state;
    static char names[NAMES][16];
    NameTable table;
    assert_ok(name_table_new(NAMES, &table));
    assert_int_equal(name_table_find(&table, "0", 1), -1);
    for (int i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        name_table_put(&table, names[i], i);
    }
    for (int i = 0; i < NAMES; i++) assert_int_equal(name_table_find(&table, names[i], strlen(names[i])), i);
    assert_int_equal(name_table_find(&table, "5000", 4), -1);
    assert_int_equal(name_table_find(&table, "49990", 4), 4999); /* the first four bytes */
    assert_int_equal(name_table_find(&table, "", 0), -1);
    name_table_put(&table, "17", 3);
    assert_int_equal(name_table_find(&table, "17", 2), 3);
    name_table_free(&table);
    name_table_free(&(NameTable){0});
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
