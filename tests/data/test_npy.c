#include "testing.h"

#include "base/files.h"
#include "base/memory.h"
#include "data/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of the format from its parts; `version` 1, 2 or 3. */
static const char *write_npy(const char *name, int version, const char *header, const void *elements, size_t bytes) {
    unsigned char file[4096] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0};
    size_t length = strlen(header), begin = version == 1 ? 10 : 12;
    const char *path = path_in(scratch_folder(), name);
    file[8] = (unsigned char)length;
    file[9] = (unsigned char)(length >> 8);
    memcpy(file + begin, header, length);
    memcpy(file + begin + length, elements, bytes);
    write_bytes(path, file, begin + length + bytes);
    return path;
}

#define HEADER(type, shape) "{'descr': '" type "', 'fortran_order': False, 'shape': " shape ", }   \n"

static const float floats[6] = {1, -2.5f, 3, 4, 5, 6};
static const double doubles[6] = {1, -2.5, 3, 4, 5, 6};
static const unsigned char bytes[6] = {0, 1, 2, 3, 254, 255};

static const RowsFrame distances = {.angles = false};

static void check_rows(const char *path, size_t n, int dim, double first, double second, double last) {
    NpyRows rows;
    assert_ok(npy_read_rows(path, &distances, &rows));
    assert_int_equal(rows.n, n);
    assert_int_equal(rows.dim, dim);
    assert_null(rows.offset);
    assert_true((double)rows.values[0] == first && (double)rows.values[1] == second && (double)rows.values[5] == last);
    npy_rows_free(&rows);
}

static void test_reads_types_versions_and_shapes(void **state) {
    (void)state;
    check_rows(write_npy("a.npy", 1, HEADER("<f4", "(2, 3)"), floats, sizeof floats), 2, 3, 1, -2.5, 6);
    check_rows(write_npy("b.npy", 2, HEADER("<f8", "(3, 2)"), doubles, sizeof doubles), 3, 2, 1, -2.5, 6);
    check_rows(write_npy("c.npy", 3, HEADER("|u1", "(1, 2, 3)"), bytes, sizeof bytes), 1, 6, 0, 1, 255);
    check_rows(write_npy("d.npy", 1, HEADER("<f4", "(6,)"), floats, sizeof floats), 6, 1, 1, -2.5, 6);
    check_rows(
        write_npy("e.npy", 1, "{\"shape\":(2L,3L),\"fortran_order\":False,\"descr\":\"<f4\"}", floats, sizeof floats),
        2, 3, 1, -2.5, 6);
    /* Of one axis both orders are the same. */
    check_rows(write_npy("f.npy", 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (6,)}\n", floats, sizeof floats),
               6, 1, 1, -2.5, 6);
}

static void test_reads_labels(void **state) {
    (void)state;
    const int64_t wide[3] = {-1, 7, 1LL << 40};
    const int32_t narrow[3] = {-1, 7, 2000000000};
    int64_t *labels;
    size_t n;
    assert_ok(npy_read_labels(write_npy("a.npy", 1, HEADER("<i8", "(3,)"), wide, sizeof wide), &labels, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(labels, wide, sizeof wide);
    free(labels);
    assert_ok(npy_read_labels(write_npy("b.npy", 1, HEADER("<i4", "(3, 1)"), narrow, sizeof narrow), &labels, &n));
    assert_true(labels[0] == -1 && labels[2] == 2000000000);
    free(labels);
    assert_ok(npy_read_labels(write_npy("c.npy", 1, HEADER("|u1", "(6,)"), bytes, sizeof bytes), &labels, &n));
    assert_true(n == 6 && labels[5] == 255);
    free(labels);
    assert_fails(npy_read_labels(write_npy("d.npy", 1, HEADER("<f4", "(6,)"), floats, sizeof floats), &labels, &n),
                 CF_BAD_INPUT, "label 1 is -2.5; whole numbers were expected");
    assert_fails(npy_read_labels(write_npy("e.npy", 1, HEADER("|u1", "(2, 3)"), bytes, sizeof bytes), &labels, &n),
                 CF_BAD_INPUT, "6 labels for 2 rows");
}

/* A file of tests/golden, or an array of one; in one of two buffers in turn. */
static const char *golden(const char *name) {
    static char path[2][512];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/tests/golden/%s", getenv("CIFRA_SOURCE"), name);
    return path[turn];
}

/* Every type, order and axis as NumPy wrote them (tests/golden/make_arrays_golden.py). */
static void test_reads_numpys_archives(void **state) {
    (void)state;
    static const char *const types[] = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
    static const char *const orders[] = {"", "big_", "F_", "F_big_"};
    static const float numbers[15] = {0, 1, 2, 3, 4, 5, 6, 7, 100, 1, 0, 1, 127, 9, 8};
    static const int64_t marks[5] = {-1, 7, 3, 7, 300};
    NpyRows rows;
    int64_t *labels;
    size_t n;
    for (size_t t = 0; t < COUNT_OF(types) * COUNT_OF(orders); t++) {
        const char *type = types[t % COUNT_OF(types)];
        char name[64];
        snprintf(name, sizeof name, "arrays.npz:%s%s", orders[t / COUNT_OF(types)], type);
        assert_ok(npy_read_rows(golden(name), &(RowsFrame){.angles = true}, &rows)); /* no column is moved */
        assert_true(rows.n == 5 && rows.dim == 3);
        for (int i = 0; i < 15; i++) {
            const float of_type = type[0] == 'f' ? numbers[i] / 2 - 2 : numbers[i];
            assert_true(rows.values[i] == (type[0] == 'b' ? (float)(numbers[i] != 0) : of_type));
        }
        npy_rows_free(&rows);
    }
    assert_ok(npy_read_rows(golden("arrays.npz:cube"), &(RowsFrame){.angles = true}, &rows));
    assert_true(rows.n == 2 && rows.dim == 12);
    for (int i = 0; i < 24; i++) assert_true(rows.values[i] == (float)i);
    npy_rows_free(&rows);
    assert_ok(npy_read_rows(golden("stored.npz"), &distances, &rows));
    assert_true(rows.n == 5 && rows.dim == 3 && rows.values[14] == 2);
    npy_rows_free(&rows);
    for (int k = 0; k < 2; k++) {
        assert_ok(npy_read_labels(k ? golden("arrays.npz:y") : golden("arrays.npz:wholes"), &labels, &n));
        assert_int_equal(n, 5);
        assert_memory_equal(labels, marks, sizeof marks);
        free(labels);
    }
    assert_fails(npy_read_labels(golden("arrays.npz:halves"), &labels, &n), CF_BAD_INPUT, "label 1 is 7.5");
    assert_fails(npy_read_rows(golden("arrays.npz"), &distances, &rows), CF_BAD_USE, "arrays.npz:NAME");
    assert_fails(npy_read_rows(golden("arrays.npz:x"), &distances, &rows), CF_BAD_USE, "no array \"x\"");
    assert_fails(npy_read_rows(golden("arrays.npz:z"), &distances, &rows), CF_BAD_INPUT, "type '<c16'");
}

/* One byte of a deflated array changed: it is found, wherever it stands. */
static void test_damaged_archives(void **state) {
    (void)state;
    unsigned char *archive;
    size_t size;
    NpyRows rows;
    const char *path = path_in(scratch_folder(), "damaged.npz");
    char name[300];
    snprintf(name, sizeof name, "%s:f8", path);
    assert_ok(file_read(golden("arrays.npz"), 1 << 20, &archive, &size));
    assert_ok(npy_read_rows(golden("arrays.npz:f8"), &distances, &rows));
    int found = 0, same = 0;
    for (size_t at = 0; at < size; at += 7) {
        NpyRows other;
        archive[at] ^= 0x10;
        write_bytes(path, archive, size);
        archive[at] ^= 0x10;
        if (npy_read_rows(name, &distances, &other) != CF_OK) {
            found++;
            continue;
        }
        same++; /* another array's bytes, dates */
        assert_memory_equal(other.values, rows.values, 15 * sizeof *rows.values);
        npy_rows_free(&other);
    }
    assert_true(found > 20 && same > 20);
    npy_rows_free(&rows);
    free(archive);
}

static void test_reads_what_it_writes(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "written.npy");
    NpyRows rows;
    float *many;
    size_t count = 40000;
    assert_ok(npy_write_rows(path, floats, 3, 2));
    check_rows(path, 3, 2, 1, -2.5, 6);
    FILE *file = fopen(path, "rb");
    char begin[129] = {0};
    assert_non_null(file);
    assert_int_equal(fread(begin, 1, 128, file), 128);
    fclose(file);
    assert_int_equal(begin[127], '\n');
    assert_non_null(strstr(begin + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), } "));
    /* More than one part of a conversion, and NaN comes through. */
    assert_ok(memory_new(count, sizeof *many, &many));
    for (size_t i = 0; i < count; i++) many[i] = (float)i;
    many[count - 1] = NAN;
    assert_ok(npy_write_rows(path, many, count / 2, 2));
    assert_ok(npy_read_rows(path, &distances, &rows));
    assert_memory_equal(rows.values, many, count * sizeof *many);
    npy_rows_free(&rows);
    free(many);
}

static void test_long_files_are_converted_in_parts(void **state) {
    (void)state;
    enum { N = 40001 };
    const char *path = path_in(scratch_folder(), "long.npy");
    char header[128];
    double *file;
    NpyRows rows;
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (40001,)}", 69);
    header[127] = '\n';
    assert_ok(memory_new(N + 16, sizeof *file, &file));
    memcpy(file, header, sizeof header);
    for (int i = 0; i < N; i++) file[16 + i] = i;
    write_bytes(path, file, (N + 16) * sizeof *file);
    assert_ok(npy_read_rows(path, &distances, &rows));
    assert_int_equal(rows.n, N);
    for (int i = 0; i < N; i++) assert_true(rows.values[i] == (float)i);
    npy_rows_free(&rows);
    free(file);
}

static void refused(const char *path, cf_status code, const char *message) {
    NpyRows rows;
    assert_fails(npy_read_rows(path, &distances, &rows), code, message);
}

static void test_refuses_what_is_not_whole(void **state) {
    (void)state;
    const char *good = HEADER("<f4", "(2, 3)");
    refused(path_in(scratch_folder(), "missing.npy"), CF_IO, "missing.npy");
    refused(scratch_folder(), CF_BAD_INPUT, "is not a file");
    refused(write_npy("a.npy", 1, good, floats, sizeof floats - 1), CF_BAD_INPUT, "truncated");
    refused(write_npy("b.npy", 1, good, doubles, sizeof floats + 1), CF_BAD_INPUT, "1 bytes more");
    refused(write_npy("c.npy", 4, good, floats, sizeof floats), CF_BAD_INPUT, "version 4.0");
    refused(write_npy("d.npy", 1, HEADER("<U7", "(2, 3)"), floats, sizeof floats), CF_BAD_INPUT, "'<U7'");
    refused(write_npy("e.npy", 1, HEADER("<f16", "(3,)"), floats, sizeof floats), CF_BAD_INPUT, "astype('float64')");
    refused(write_npy("f.npy", 1, HEADER("", "(3,)"), floats, sizeof floats), CF_BAD_INPUT, "type ''");
    refused(write_npy("f.npy", 1, "{'descr': '>f8', 'fortran_order': True, 'shape': (2, 3)}", floats, sizeof floats),
            CF_BAD_INPUT, "truncated");
    refused(write_npy("g.npy", 1, HEADER("<f4", "()"), floats, 4), CF_BAD_INPUT, "single number");
    refused(write_npy("h.npy", 1, HEADER("<f4", "(0, 3)"), floats, 0), CF_BAD_INPUT, "empty");
    refused(write_npy("i.npy", 1, HEADER("<f4", "(4294967296, 4294967296, 4294967296)"), floats, 24), CF_BAD_INPUT,
            "more elements");
    refused(write_npy("j.npy", 1, HEADER("<f8", "(4611686018427387904,)"), floats, 24), CF_BAD_INPUT, "more bytes");
    refused(write_npy("k.npy", 1, HEADER("<f4", "(1, 9223372036854775807)"), floats, 24), CF_BAD_INPUT, "more bytes");
    write_bytes(path_in(scratch_folder(), "l.npy"), "PK\3\4 and more", 12);
    refused(path_in(scratch_folder(), "l.npy"), CF_BAD_INPUT, "cut short or no zip archive");
    write_bytes(path_in(scratch_folder(), "m.npy"), "\x93NUM", 4);
    refused(path_in(scratch_folder(), "m.npy"), CF_BAD_INPUT, "ends inside");
    write_bytes(path_in(scratch_folder(), "n.npy"), "\x93NUMPY\1\0\xff\xff{}", 12);
    refused(path_in(scratch_folder(), "n.npy"), CF_BAD_INPUT, "header of 65535 bytes");
}

static void test_refuses_headers_it_cannot_parse(void **state) {
    (void)state;
    static const char *const headers[] = {
        "",
        "{",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2; 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 6}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}",
        "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
        "{'descr': 'a text that is longer than any type', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}",
        "{'descr': '<f4",
    };
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        refused(write_npy("bad.npy", 1, headers[i], floats, sizeof floats), CF_BAD_INPUT, "cannot be understood");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_types_versions_and_shapes),
        cmocka_unit_test(test_reads_labels),
        cmocka_unit_test(test_reads_numpys_archives),
        cmocka_unit_test(test_damaged_archives),
        cmocka_unit_test(test_reads_what_it_writes),
        cmocka_unit_test(test_long_files_are_converted_in_parts),
        cmocka_unit_test(test_refuses_what_is_not_whole),
        cmocka_unit_test(test_refuses_headers_it_cannot_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
