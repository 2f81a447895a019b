#include "data/readers.h"
#include "data/set_making.h"
#include "testing.h"

#include <matio.h>
#include <stdio.h>

enum { H = 3, W = 4, C = 3, N = 12 };

static unsigned char x_data[H * W * C * N];
static const unsigned char y_data[N] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 10};

/* Column-major: the value tells its place. */
static unsigned char value_at(int h, int w, int c, int n) {
    return (unsigned char)(h + 4 * w + 16 * c + 48 * (n % 5));
}

static int setup(void **state) {
    (void)state;
    unsigned char *at = x_data;
    for (int n = 0; n < N; n++)
        for (int c = 0; c < C; c++)
            for (int w = 0; w < W; w++)
                for (int h = 0; h < H; h++) *at++ = value_at(h, w, c, n);
    return 0;
}

static MatVariable good_x(bool compress) {
    return (MatVariable){"X", MX_UINT8, MI_UINT8, 4, {H, W, C, N}, x_data, sizeof x_data, compress};
}

static MatVariable good_y(bool compress) {
    return (MatVariable){"y", MX_UINT8, MI_UINT8, 2, {N, 1}, y_data, N, compress};
}

static const char *save_mat(const MatVariable *first, const MatVariable *second) {
    const char *path = path_in(scratch_folder(), "set.mat");
    Bytes bytes = mat_header();
    if (first) put_variable(&bytes, first);
    if (second) put_variable(&bytes, second);
    save(&bytes, path);
    return path;
}

static void check_good(const char *path) {
    cf_set *set;
    assert_ok(mat_read(path, &set));
    assert_int_equal(set->count, N);
    assert_int_equal(set->channels, C);
    assert_int_equal(set->height, H);
    assert_int_equal(set->width, W);
    assert_int_equal(set->classes, 10);
    const unsigned char *at = set->pixels;
    for (int n = 0; n < N; n++)
        for (int h = 0; h < H; h++)
            for (int w = 0; w < W; w++)
                for (int c = 0; c < C; c++) assert_int_equal(*at++, value_at(h, w, c, n));
    for (int n = 0; n < N; n++) assert_int_equal(set->labels[n], y_data[n] % 10);
    cf_set_free(set);
}

static void test_mat_good(void **state) {
    (void)state;
    MatVariable x = good_x(true), y = good_y(true);
    check_good(save_mat(&x, &y));
    check_good(save_mat(&y, &x));
    x = good_x(false), y = good_y(false);
    check_good(save_mat(&x, &y));
    /* Labels as doubles, stored as doubles and as bytes; as a row. */
    double doubles[N];
    for (int n = 0; n < N; n++) doubles[n] = y_data[n];
    y = (MatVariable){"y", MX_DOUBLE, MI_DOUBLE, 2, {N, 1}, doubles, sizeof doubles, true};
    check_good(save_mat(&x, &y));
    y = (MatVariable){"y", MX_DOUBLE, MI_UINT8, 2, {1, N}, y_data, N, true};
    check_good(save_mat(&x, &y));
}

static void test_mat_one_image(void **state) {
    (void)state;
    cf_set *set;
    MatVariable x = {"X", MX_UINT8, MI_UINT8, 3, {H, W, C}, x_data, H * W * C, true};
    MatVariable y = {"y", MX_UINT8, MI_UINT8, 2, {1, 1}, y_data + 6, 1, true};
    assert_ok(mat_read(save_mat(&x, &y), &set));
    assert_int_equal(set->count, 1);
    assert_int_equal(set->labels[0], 7);
    assert_int_equal(set->pixels[C], value_at(0, 1, 0, 0));
    cf_set_free(set);
}

/* The same file by another hand. */
static void test_mat_by_libmatio(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "matio.mat");
    mat_t *mat = Mat_CreateVer(path, NULL, MAT_FT_MAT5);
    assert_non_null(mat);
    matvar_t *x = Mat_VarCreate("X", MAT_C_UINT8, MAT_T_UINT8, 4, (size_t[]){H, W, C, N}, x_data, 0);
    matvar_t *y =
        Mat_VarCreate("y", MAT_C_UINT8, MAT_T_UINT8, 2, (size_t[]){N, 1}, (void *)(uintptr_t)y_data, 0);
    assert_int_equal(Mat_VarWrite(mat, x, MAT_COMPRESSION_ZLIB), 0);
    assert_int_equal(Mat_VarWrite(mat, y, MAT_COMPRESSION_NONE), 0);
    Mat_VarFree(x);
    Mat_VarFree(y);
    Mat_Close(mat);
    check_good(path);
}

static void expect_pair(MatVariable x, MatVariable y, const char *part) {
    cf_set *set;
    const char *path = save_mat(&x, &y);
    assert_fails(mat_read(path, &set), CF_BAD_INPUT, part);
    assert_fails(mat_read(path, &set), CF_BAD_INPUT, path);
}

static void test_mat_wrong_variables(void **state) {
    (void)state;
    cf_set *set;
    MatVariable x, y = good_y(true);
    static double doubles[N];
    x = good_x(true), x.name = "images";
    expect_pair(x, y, "no variable X");
    expect_pair(x, y, "it has images, y");
    x = good_x(true), y.name = "labels";
    expect_pair(x, y, "no variable y");
    assert_fails(mat_read(save_mat(NULL, NULL), &set), CF_BAD_INPUT, "it has no variables");
    y = good_y(true);
    expect_pair((MatVariable){"X", MX_DOUBLE, MI_UINT8, 4, {H, W, C, N}, x_data, sizeof x_data, true}, y,
                "of class double; uint8 was expected");
    expect_pair((MatVariable){"X", MX_UINT8, MI_UINT8, 2, {H * W * C, N}, x_data, sizeof x_data, true}, y,
                "2 dimensions (36 x 12); 4 were expected");
    expect_pair((MatVariable){"X", MX_UINT8, MI_UINT8, 4, {N, C, H, W}, x_data, sizeof x_data, true}, y,
                "2 dim");
    expect_pair((MatVariable){"X", MX_UINT8, MI_UINT8, 4, {W, C, 2, 18}, x_data, sizeof x_data, true}, y,
                "third dimension is the channels");
    expect_pair((MatVariable){"X", MX_UINT8, MI_UINT8, 4, {H, W, C, 0}, x_data, 0, true}, y, "empty");
    x = good_x(true);
    expect_pair(x, (MatVariable){"y", MX_CHAR, MI_UINT8, 2, {N, 1}, y_data, N, true}, "of class char");
    expect_pair(x, (MatVariable){"y", MX_UINT8, MI_UINT8, 2, {6, 2}, y_data, N, true}, "N x 1 was expected");
    expect_pair(x, (MatVariable){"y", MX_UINT8, MI_UINT8, 2, {N - 1, 1}, y_data, N - 1, true},
                "X has 12 images, y has 11 labels");
    unsigned char wrong[N];
    memcpy(wrong, y_data, N);
    wrong[4] = 11;
    expect_pair(x, (MatVariable){"y", MX_UINT8, MI_UINT8, 2, {N, 1}, wrong, N, true}, "y(5) is 11");
    doubles[7] = 1.5;
    expect_pair(x, (MatVariable){"y", MX_DOUBLE, MI_DOUBLE, 2, {N, 1}, doubles, sizeof doubles, true},
                "y(8) is 1.5");
    doubles[7] = -1;
    expect_pair(x, (MatVariable){"y", MX_DOUBLE, MI_DOUBLE, 2, {N, 1}, doubles, sizeof doubles, true},
                "y(8) is -1");
}

/* Dimensions far beyond the file. */
static void test_mat_huge(void **state) {
    (void)state;
    MatVariable x = {"X", MX_UINT8, MI_UINT8, 4, {32, 32, 3, 0x7fffffff}, x_data, sizeof x_data, true};
    expect_pair(x, good_y(true), "more than a file of");
    x = (MatVariable){"X",    MX_UINT8,      MI_UINT8, 4, {0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff},
                      x_data, sizeof x_data, true};
    expect_pair(x, good_y(true), "more than a file of");
    /* Within deflate's reach, but not there. */
    x = (MatVariable){"X", MX_UINT8, MI_UINT8, 4, {H, W, C, 2 * N}, x_data, sizeof x_data, true};
    unsigned char labels[2 * N] = {0};
    expect_pair(x, (MatVariable){"y", MX_UINT8, MI_UINT8, 2, {2 * N, 1}, labels, 2 * N, true}, "damaged");
}

static void expect_bytes(const unsigned char *bytes, size_t size, const char *part) {
    cf_set *set;
    const char *path = path_in(scratch_folder(), "bad.mat");
    write_bytes(path, bytes, size);
    assert_fails(mat_read(path, &set), CF_BAD_INPUT, part);
    assert_fails(mat_read(path, &set), CF_BAD_INPUT, path);
}

static void test_mat_bad_frame(void **state) {
    (void)state;
    cf_set *set;
    MatVariable x = good_x(false), y = good_y(false);
    Bytes good = mat_header();
    put_variable(&good, &x);
    size_t x_end = good.size;
    put_variable(&good, &y);
    assert_fails(mat_read("/nonexistent/file.mat", &set), CF_IO, "/nonexistent/file.mat");
    assert_fails(mat_read(scratch_folder(), &set), CF_BAD_INPUT, "is a folder");
    expect_bytes(good.at, 0, "is empty");
    expect_bytes(good.at, 100, "header needs 128 bytes, the file has 100");
    expect_bytes(good.at, 300, "variable at byte 136 needs 488 bytes, the file has 164 left");
    expect_bytes(good.at, x_end + 5, "the file ends at byte");
    expect_bytes(good.at, x_end, "no variable y");
    expect_bytes((const unsigned char *)"<html>404</html> and so on, and so on", 37,
                 "begins with \"<html>404");
    good.at[124] = 2;
    expect_bytes(good.at, good.size, "version 0x0102");
    good.at[124] = 0, good.at[126] = 'X';
    expect_bytes(good.at, good.size, "byte-order mark");
    good.at[126] = 'I', good.at[128] = 9;
    expect_bytes(good.at, good.size, "has type 9");
    memcpy(good.at, "MATLAB 7.3", 10);
    expect_bytes(good.at, good.size, "-v7");
    unsigned char noise[4096];
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)(i * 2654435761u >> 13);
    expect_bytes(noise, sizeof noise, "not a MATLAB v5 file");
    free(good.at);
}

/* A changed bit in compressed data is found by the checksum, if by nothing else; anywhere, nothing crashes.
 */
static void test_mat_flips(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "flip.mat");
    for (int compress = 0; compress < 2; compress++) {
        MatVariable x = good_x(compress), y = good_y(compress);
        Bytes good = mat_header();
        put_variable(&good, &x);
        put_variable(&good, &y);
        unsigned found = 0, tried = 0, random = 12345;
        for (int i = 0; i < 300; i++) {
            cf_set *set;
            random = random * 1664525 + 1013904223;
            size_t at = 128 + (random >> 8) % (good.size - 128);
            unsigned char bit = (unsigned char)(1u << (i % 8));
            good.at[at] ^= bit;
            write_bytes(path, good.at, good.size);
            cf_status status = mat_read(path, &set);
            good.at[at] ^= bit;
            tried++;
            found += status != CF_OK;
            if (!status)
                cf_set_free(set);
            else
                assert_int_equal(status, CF_BAD_INPUT);
        }
        print_message("%s: %u of %u flipped bits found\n", compress ? "compressed" : "plain", found, tried);
        if (compress) assert_int_equal(found, tried);
        free(good.at);
    }
}

static void test_mat_real(void **state) {
    (void)state;
    static const struct {
        const char *file, *labels;
        size_t count;
    } parts[] = {{"svhn-sample/real7000_32x32.mat", "svhn-sample/test-labels-idx1-ubyte", 7000},
                 {"svhn-sample/real541_32x32.mat", "svhn-sample/train-labels-idx1-ubyte", 541}};
    for (int p = 0; p < 2; p++) {
        const char *path = real_data(parts[p].file, "real SVHN images");
        const char *labels_path = real_data(parts[p].labels, "real SVHN labels");
        if (!path || !labels_path) return;
        cf_set *set;
        unsigned char labels[8 + 7000];
        assert_ok(mat_read(path, &set));
        assert_int_equal(set->count, parts[p].count);
        assert_int_equal(set->channels, 3);
        assert_int_equal(set->height, 32);
        FILE *stream = fopen(labels_path, "rb");
        assert_non_null(stream);
        assert_int_equal(fread(labels, 1, 8 + set->count, stream), 8 + set->count);
        fclose(stream);
        assert_memory_equal(set->labels, labels + 8, set->count);
        cf_set_free(set);
    }
    cf_set *set;
    const char *truncated = real_data("svhn-sample/truncated_train_32x32.mat", "a truncated download");
    if (!truncated) return;
    assert_fails(mat_read(truncated, &set), CF_BAD_INPUT, "truncated: the variable at byte 136 needs 18");
    print_message("%s\n", cf_error());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mat_good),        cmocka_unit_test(test_mat_one_image),
        cmocka_unit_test(test_mat_by_libmatio), cmocka_unit_test(test_mat_wrong_variables),
        cmocka_unit_test(test_mat_huge),        cmocka_unit_test(test_mat_bad_frame),
        cmocka_unit_test(test_mat_flips),       cmocka_unit_test(test_mat_real),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
