#include "data/set_files.h"
#include "data/set_making.h"
#include "testing.h"

#include <matio.h>
#include <stdio.h>

/* 540 bytes, not a multiple of 8: what follows the data matters. */
enum { H = 3, W = 5, C = 3, N = 12 };

static unsigned char x_data[H * W * C * N];
static const unsigned char y_data[N] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 10};

/* Column-major: the value tells its place. */
static unsigned char value_at(int h, int w, int c, int n) {
    return (unsigned char)(h + 4 * w + 20 * c + 60 * (n % 4));
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
    matvar_t *y = Mat_VarCreate("y", MAT_C_UINT8, MAT_T_UINT8, 2, (size_t[]){N, 1}, (void *)(uintptr_t)y_data, 0);
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
                "2 dimensions (45 x 12); 4 were expected");
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
    expect_pair(x, (MatVariable){"y", MX_DOUBLE, MI_DOUBLE, 2, {N, 1}, doubles, sizeof doubles, true}, "y(8) is 1.5");
    doubles[7] = -1;
    expect_pair(x, (MatVariable){"y", MX_DOUBLE, MI_DOUBLE, 2, {N, 1}, doubles, sizeof doubles, true}, "y(8) is -1");
}

/* Dimensions that the data, or the file, cannot bear out. */
static void test_mat_huge(void **state) {
    (void)state;
    unsigned char labels[2 * N] = {0};
    MatVariable x = {"X", MX_UINT8, MI_UINT8, 4, {32, 32, 3, 0x7fffffff}, x_data, sizeof x_data, true};
    expect_pair(x, good_y(true), "with 540 bytes of data");
    x = (MatVariable){"X", MX_UINT8, MI_UINT8, 4, {-1, -1, -1, -1}, x_data, sizeof x_data, true};
    expect_pair(x, good_y(true), "cannot be addressed");
    x = (MatVariable){"X", MX_UINT8, MI_UINT8, 4, {H, W, C, 2 * N}, x_data, sizeof x_data, true};
    expect_pair(x, (MatVariable){"y", MX_UINT8, MI_UINT8, 2, {2 * N, 1}, labels, 2 * N, true},
                "3 x 5 x 3 x 24, with 540");
    expect_pair(good_x(true), (MatVariable){"y", MX_UINT8, MI_UINT8, 2, {N, 1}, labels, N / 2, true},
                "y is 12 x 1, with 6");
    expect_pair(good_x(true), (MatVariable){"y", MX_DOUBLE, 8, 2, {N, 1}, labels, N, true}, "stored as type 8");
}

/* A data tag that agrees with huge dimensions, and no such data: plain, and compressed. */
static void test_mat_huge_tag(void **state) {
    (void)state;
    for (int compress = 0; compress < 2; compress++) {
        cf_set *set;
        MatVariable x = {"X", MX_UINT8, MI_UINT8, 4, {1000, 1000, 3, 1000}, NULL, 0, compress}, y = good_y(compress);
        Bytes matrix = mat_matrix_head(&x), element = {0}, bytes = mat_header();
        put_u32(&matrix, MI_UINT8);
        put_u32(&matrix, 3000000000u);
        put(&matrix, x_data, sizeof x_data);
        while (matrix.size % 8) put(&matrix, "", 1);
        put_element(&element, MI_MATRIX, matrix.at, matrix.size);
        uLongf packed = compressBound(element.size);
        unsigned char *out = malloc(packed);
        assert_int_equal(compress2(out, &packed, element.at, element.size, 6), Z_OK);
        if (compress) {
            put_u32(&bytes, MI_COMPRESSED);
            put_u32(&bytes, (uint32_t)packed);
            put(&bytes, out, packed);
        } else {
            put(&bytes, element.at, element.size);
        }
        y.dims[0] = 1000;
        put_variable(&bytes, &y);
        const char *path = path_in(scratch_folder(), "huge.mat");
        save(&bytes, path);
        assert_fails(mat_read(path, &set), CF_BAD_INPUT, "X needs 3000000000 bytes, more than the");
        free(matrix.at);
        free(element.at);
        free(out);
    }
}

static void put_big(Bytes *bytes, uint32_t value) {
    put_u32(bytes, __builtin_bswap32(value));
}

/* From a big-endian machine, with two-byte labels. */
static void test_mat_big_endian(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "big.mat");
    Bytes bytes = mat_header();
    memcpy(bytes.at + 124, "\1\0MI", 4);
    const uint32_t x[] = {
        MI_MATRIX, 16 + 24 + 8 + 8 + sizeof x_data + 4, MI_UINT32, 8, MX_UINT8, 0, MI_INT32, 16, H, W, C, N, 0x10001};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) put_big(&bytes, x[i]);
    put(&bytes, "X\0\0", 4);
    put_big(&bytes, MI_UINT8);
    put_big(&bytes, sizeof x_data);
    put(&bytes, x_data, sizeof x_data);
    put_u32(&bytes, 0);
    const uint32_t y[] = {MI_MATRIX, 16 + 16 + 8 + 8 + 2 * N, MI_UINT32, 8, MX_INT16, 0, MI_INT32, 8, N, 1, 0x10001};
    for (size_t i = 0; i < sizeof y / sizeof *y; i++) put_big(&bytes, y[i]);
    put(&bytes, "y\0\0", 4);
    put_big(&bytes, 3);
    put_big(&bytes, 2 * N);
    for (int n = 0; n < N; n++) put(&bytes, (unsigned char[]){0, y_data[n]}, 2);
    save(&bytes, path);
    check_good(path);
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
    expect_bytes(good.at, 300, "variable at byte 136 needs 600 bytes, the file has 164 left");
    expect_bytes(good.at, x_end + 5, "the file ends at byte");
    expect_bytes(good.at, x_end, "no variable y");
    expect_bytes((const unsigned char *)"<html>404</html> and so on, and so on", 37, "begins with \"<html>404");
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

/* A name as long as the room for it, and one longer than all that is kept of a variable; the longest that fits is told. */
static void test_mat_long_names(void **state) {
    (void)state;
    enum { ROOM = 64 }; /* MAT_NAME */
    char name[900];
    memset(name, 'n', sizeof name);
    for (int compress = 0; compress < 2; compress++) {
        MatVariable x = good_x(compress), y = good_y(compress);
        x.name = name;
        name[ROOM - 1] = '\0';
        expect_pair(x, y, "it has nnn");
        name[ROOM - 1] = 'n', name[ROOM] = '\0';
        expect_pair(x, y, "has no sound head");
        name[ROOM] = 'n', name[sizeof name - 1] = '\0';
        expect_pair(x, y, "has no sound head");
        name[sizeof name - 1] = 'n';
    }
}

static bool same_data(const cf_set *a, const cf_set *b) {
    return a->count == b->count && set_image_size(a) == set_image_size(b) &&
           memcmp(a->labels, b->labels, a->count * sizeof *a->labels) == 0 &&
           memcmp(a->pixels, b->pixels, a->count * set_image_size(a)) == 0;
}

/* One changed bit anywhere never crashes, and in compressed data never changes what is read: either it is
 * found, or it is one of the few bits that mean nothing. */
static void test_mat_flips(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "flip.mat");
    for (int compress = 0; compress < 2; compress++) {
        cf_set *original, *set;
        MatVariable x = good_x(compress), y = good_y(compress);
        Bytes good = mat_header();
        put_variable(&good, &x);
        put_variable(&good, &y);
        write_bytes(path, good.at, good.size);
        assert_ok(mat_read(path, &original));
        int found = 0, changed = 0;
        uint32_t random = 12345;
        for (int i = 0; i < 400; i++) {
            random = random * 1664525 + 1013904223;
            size_t at = 128 + (random >> 8) % (good.size - 128);
            unsigned char bit = (unsigned char)(1u << (i % 8));
            good.at[at] ^= bit;
            write_bytes(path, good.at, good.size);
            good.at[at] ^= bit;
            cf_status status = mat_read(path, &set);
            if (status) {
                assert_int_equal(status, CF_BAD_INPUT);
                found++;
            } else {
                changed += !same_data(original, set);
                cf_set_free(set);
            }
        }
        print_message("%s: of 400 flipped bits %d were found, %d changed data\n", compress ? "compressed" : "plain",
                      found, changed);
        if (compress) {
            assert_int_equal(changed, 0);
            assert_true(found > 380);
        }
        cf_set_free(original);
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
        for (size_t i = 0; i < set->count; i++) assert_int_equal(set->labels[i], labels[8 + i]);
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
        cmocka_unit_test(test_mat_huge),        cmocka_unit_test(test_mat_huge_tag),
        cmocka_unit_test(test_mat_big_endian),  cmocka_unit_test(test_mat_bad_frame),
        cmocka_unit_test(test_mat_flips),       cmocka_unit_test(test_mat_real),
        cmocka_unit_test(test_mat_long_names),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
