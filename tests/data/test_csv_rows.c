/* Tables of numbers in CSV files: columns, separators, classes by name and by number, and what is refused. */
#include "testing.h"

#include "base/memory.h"
#include "data/csv_table.h"

#include <stdlib.h>
#include <string.h>

static const RowsFrame distances = {.angles = false};

static const char *write_table(const char *name, const char *text) {
    const char *path = path_in(scratch_folder(), name);
    write_bytes(path, text, strlen(text));
    return path;
}

/* Rows of 2 numbers, 1 2 / 3 4 / -0.5 6, and classes b a b. */
static void check_table(const char *text, const char *label) {
    static const float numbers[] = {1, 2, 3, 4, -0.5f, 6};
    static const int labels[] = {1, 0, 1};
    NpyRows rows;
    RowClasses classes = {0};
    assert_ok(csv_read_rows(write_table("t.csv", text), label, &distances, &rows, &classes));
    assert_true(rows.n == 3 && rows.dim == 2);
    assert_memory_equal(rows.values, numbers, sizeof numbers);
    assert_int_equal(classes.classes, label ? 2 : 0);
    if (label) assert_memory_equal(classes.labels, labels, sizeof labels);
    if (label) assert_string_equal(classes.names[0], "a");
    row_classes_free(&classes);
    npy_rows_free(&rows);
}

static void test_reads_tables(void **state) {
    (void)state;
    check_table("x,y\n1,2\n3,4\n-0.5,6\n", NULL);
    check_table("1,2\n3,4\n-0.5,6", NULL); /* no line of names */
    check_table("\xef\xbb\xbfx;y\r\n 1 ;2\r\n3;4e0\r\n-.5;6\r\n", NULL);
    check_table("x,kind,y\n1,b,2\n3,a,4\n-0.5,b,6\n", "kind");
    check_table("x\tkind, it is\ty\n1\tb\t2\n3\ta\t4\n-0.5\tb\t6\n", "kind, it is");
    check_table("\"kind\",\"x,\",y\n\"b\",1,2\na,3,4\nb,-0.5,6\n", "kind");
    check_table("1,2,b\n3,4,a\n-0.5,6,b\n", "3");
}

static void test_classes(void **state) {
    (void)state;
    static const int wanted[] = {1, 0, -1, 2};
    RowClasses classes = {0};
    size_t n = 0;
    /* Numbers in the order of numbers, negative ones unknown; texts in that of bytes, empty ones unknown. */
    assert_ok(csv_read_labels(write_table("a.csv", "y\n10\n9\n-1\n11\n"), &classes, &n));
    assert_true(n == 4 && classes.classes == 3);
    assert_memory_equal(classes.labels, wanted, sizeof wanted);
    assert_string_equal(classes.names[1], "10");
    row_classes_free(&classes);
    assert_ok(csv_read_labels(write_table("b.csv", "id,class\n1,9\n2,10\n3,\n4,x\n"), &classes, &n));
    assert_true(n == 4 && classes.classes == 3);
    assert_memory_equal(classes.labels, wanted, sizeof wanted);
    assert_string_equal(classes.names[1], "9");
    row_classes_free(&classes);
    assert_fails(csv_read_labels(write_table("c.csv", "a,b\n1,2\n"), &classes, &n), CF_BAD_INPUT, "2 columns");
}

static void test_refuses(void **state) {
    (void)state;
    static const char *const faults[][3] = {
        {"x,y\n1,2\n3,abc\n", NULL, "row 2 has \"abc\" in column 2 (y)"},
        {"x,y\n1,\n", NULL, "row 1 has \"\" in column 2 (y)"},
        {"x,y\n1,2\n3\n", NULL, "line 3: 2 fields expected"},
        {"x,y\n", NULL, "no rows"},
        {"", NULL, "is empty"},
        {"x,y\n1,2\n", "z", "no column \"z\""},
        {"x,y\n1,2\n", "3", "no column \"3\""},
        {"x\n1\n", "x", "0 columns beside the classes"},
        {"x,\"y\n1,2\n", NULL, "a quote is opened"},
    };
    for (size_t f = 0; f < COUNT_OF(faults); f++) {
        NpyRows rows = {0};
        RowClasses classes = {0};
        const cf_status status =
            csv_read_rows(write_table("f.csv", faults[f][0]), faults[f][1], &distances, &rows, &classes);
        assert_true(status == CF_BAD_INPUT || status == CF_BAD_USE);
        if (!strstr(cf_error(), faults[f][2])) print_error("%s\n", cf_error());
        assert_non_null(strstr(cf_error(), faults[f][2]));
        assert_null(rows.values);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_tables),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
