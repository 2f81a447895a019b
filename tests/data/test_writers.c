/* What is written is read back by our readers to the same checksum, by libmatio, and byte by byte. */
#include "data/set_files.h"
#include "data/set_making.h"
#include "testing.h"

#include <dirent.h>
#include <matio.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { H = 3, W = 5, N = 23 };

static cf_set *new_set(size_t count, int channels, int classes) {
    cf_set *set;
    uint32_t random = 7;
    assert_ok(set_new("made", "made", count, channels, H, W, classes, &set));
    assert_ok(set_name_classes_by_number(set));
    for (size_t i = 0; i < count * set_image_size(set); i++) {
        random = random * 1664525 + 1013904223;
        set->pixels[i] = (unsigned char)(random >> 24);
    }
    for (size_t i = 0; i < count; i++) set->labels[i] = (unsigned char)(i % (size_t)classes);
    assert_ok(set_seal(set));
    return set;
}

static const char *in_scratch(const char *name) {
    return path_in(scratch_folder(), name);
}

static Bytes read_all(const char *path) {
    unsigned char *bytes;
    size_t size;
    assert_ok(file_read(path, 1 << 24, &bytes, &size));
    return (Bytes){bytes, size};
}

/* Labels that stand in the file as they are. */
static uint16_t as_they_are[MAX_CLASSES];

static int setup(void **state) {
    (void)state;
    for (int k = 0; k < MAX_CLASSES; k++) as_they_are[k] = (uint16_t)k;
    return 0;
}

/* The images first .. first+count-1 must be all of `read`. */
static void expect_part(cf_set *read, const cf_set *set, size_t first, size_t count) {
    const size_t image = set_image_size(set);
    assert_int_equal(read->count, count);
    assert_int_equal(read->channels, set->channels);
    assert_int_equal(read->height, set->height);
    assert_int_equal(read->width, set->width);
    assert_memory_equal(read->pixels, set->pixels + first * image, count * image);
    assert_memory_equal(read->labels, set->labels + first, count * sizeof *set->labels);
    if (count == set->count) {
        assert_ok(set_seal(read));
        assert_string_equal(read->sha256, set->sha256);
    }
    cf_set_free(read);
}

/* ---- IDX ---- */

static void check_idx(int channels, const char *end, size_t first, size_t count) {
    char images[64], labels[64];
    cf_set *set = new_set(N, channels, 10), *read;
    snprintf(images, sizeof images, "images-%d%s", channels, end);
    snprintf(labels, sizeof labels, "labels-%d%s", channels, end);
    const char *a = in_scratch(images), *b = in_scratch(labels);
    assert_ok(idx_write(set, as_they_are, first, count, a, b));
    assert_ok(idx_read(a, b, &read));
    expect_part(read, set, first, count);
    cf_set_free(set);
}

/* With more than 256 classes labels take two bytes, the high one first. */
static void test_idx_many_classes(void **state) {
    (void)state;
    static const int classes[] = {256, 257, MAX_CLASSES};
    for (size_t k = 0; k < sizeof classes / sizeof classes[0]; k++) {
        cf_set *set = new_set(N, 1, classes[k]), *read;
        const size_t size = k ? 2 : 1;
        if (k)
            for (size_t i = 0; i < N; i++) set->labels[i] = (uint16_t)((size_t)classes[k] - 1 - i / 2);
        assert_ok(set_seal(set));
        assert_ok(idx_write(set, as_they_are, 0, N, in_scratch("many-images"), in_scratch("many-labels")));
        Bytes bytes = read_all(in_scratch("many-labels"));
        assert_int_equal(bytes.size, 8 + size * N);
        assert_int_equal(bytes.at[2], k ? 0x0b : 0x08);
        for (size_t i = 0; i < N && k; i++)
            assert_int_equal(bytes.at[8 + 2 * i] << 8 | bytes.at[9 + 2 * i], set->labels[i]);
        free(bytes.at);
        assert_ok(idx_read(in_scratch("many-images"), in_scratch("many-labels"), &read));
        if (k) assert_int_equal(read->classes, classes[k]);
        expect_part(read, set, 0, N);
        cf_set_free(set);
    }
}

static void test_idx_round_trip(void **state) {
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2)
        for (int packed = 0; packed < 2; packed++) {
            check_idx(channels, packed ? ".gz" : "", 0, N);
            check_idx(channels, packed ? ".gz" : "", 4, 9);
        }
}

static void test_idx_bytes(void **state) {
    (void)state;
    static const unsigned char grey[] = {0, 0, 8, 3, 0, 0, 0, N, 0, 0, 0, H, 0, 0, 0, W};
    static const unsigned char colour[] = {0, 0, 8, 4, 0, 0, 0, N, 0, 0, 0, H, 0, 0, 0, W, 0, 0, 0, 3};
    static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, N};
    cf_set *set = new_set(N, 1, 10);
    assert_ok(idx_write(set, as_they_are, 0, N, in_scratch("a"), in_scratch("b")));
    Bytes bytes = read_all(in_scratch("a"));
    assert_int_equal(bytes.size, sizeof grey + H * W * N);
    assert_memory_equal(bytes.at, grey, sizeof grey);
    assert_memory_equal(bytes.at + sizeof grey, set->pixels, H * W * N);
    free(bytes.at);
    bytes = read_all(in_scratch("b"));
    assert_int_equal(bytes.size, sizeof labels + N);
    assert_memory_equal(bytes.at, labels, sizeof labels);
    for (size_t i = 0; i < N; i++) assert_int_equal(bytes.at[sizeof labels + i], set->labels[i]);
    free(bytes.at);
    cf_set_free(set);
    set = new_set(N, 3, 10);
    assert_ok(idx_write(set, as_they_are, 0, N, in_scratch("a"), in_scratch("b")));
    bytes = read_all(in_scratch("a"));
    assert_int_equal(bytes.size, sizeof colour + 3 * H * W * N);
    assert_memory_equal(bytes.at, colour, sizeof colour);
    free(bytes.at);
    cf_set_free(set);
}

static void expect_same_bytes(const char *one, const char *other) {
    Bytes a = read_all(one), b = read_all(other);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.at, b.at, a.size);
    free(a.at);
    free(b.at);
}

/* Under another name and at another time: the same bytes, and gzip's header has neither (RFC 1952). */
static void test_gzip_header(void **state) {
    (void)state;
    static const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0};
    cf_set *set = new_set(N, 1, 10);
    assert_ok(idx_write(set, as_they_are, 0, N, in_scratch("a.gz"), in_scratch("b.gz")));
    assert_ok(idx_write(set, as_they_are, 0, N, in_scratch("c.gz"), in_scratch("d.gz")));
    Bytes bytes = read_all(in_scratch("a.gz"));
    assert_memory_equal(bytes.at, header, sizeof header);
    free(bytes.at);
    expect_same_bytes(in_scratch("a.gz"), in_scratch("c.gz"));
    expect_same_bytes(in_scratch("b.gz"), in_scratch("d.gz"));
    char command[700];
    snprintf(command, sizeof command, "gzip -t %s %s", in_scratch("a.gz"), in_scratch("b.gz"));
    assert_int_equal(system(command), 0);
    cf_set_free(set);
}

/* ---- MATLAB ---- */

static void test_mat_round_trip(void **state) {
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2)
        for (size_t count = 1; count <= N; count++) { /* so that data end at any place of eight */
            cf_set *set = new_set(N, channels, 10), *read;
            assert_ok(mat_write(set, as_they_are, N - count, count, in_scratch("set.mat")));
            assert_ok(mat_read(in_scratch("set.mat"), &read));
            expect_part(read, set, N - count, count);
            cf_set_free(set);
        }
}

/* Every number of the format by hand, the packed element inflated by zlib's one call. */
static void check_mat_bytes(const cf_set *set, uint32_t count) {
    assert_ok(mat_write(set, as_they_are, 0, count, in_scratch("set.mat")));
    Bytes bytes = read_all(in_scratch("set.mat"));
    assert_memory_equal(bytes.at, "MATLAB 5.0 MAT-file", 19);
    for (int i = 0; i < 116; i++) assert_in_range(bytes.at[i], ' ', '~');
    assert_memory_equal(bytes.at + 116, "\0\0\0\0\0\0\0\0\0\1IM", 12);
    uint32_t tag[2];
    memcpy(tag, bytes.at + 128, 8);
    assert_int_equal(tag[0], MI_COMPRESSED);
    unsigned char inflated[4096];
    uLongf size = sizeof inflated;
    assert_int_equal(uncompress(inflated, &size, bytes.at + 136, tag[1]), Z_OK);
    const uint32_t data = 3 * H * W * count, padded = (data + 7) / 8 * 8;
    const uint32_t head[] = {
        MI_MATRIX, 16 + 24 + 8 + 8 + padded, MI_UINT32, 8,        MX_UINT8, 0, MI_INT32, 16, H, W, 3,
        count,     MI_INT8 | 1 << 16,        'X',       MI_UINT8, data};
    assert_memory_equal(inflated, head, sizeof head);
    assert_int_equal(size, sizeof head + padded);
    /* The second byte is the next row of the first column. */
    assert_int_equal(inflated[sizeof head + 1], set->pixels[W * 3]);
    for (size_t i = sizeof head + data; i < size; i++) assert_int_equal(inflated[i], 0);
    const size_t second = 136 + tag[1];
    memcpy(tag, bytes.at + second, 8);
    assert_int_equal(tag[0], MI_COMPRESSED);
    assert_int_equal(second + 8 + tag[1], bytes.size);
    free(bytes.at);
}

static void test_mat_bytes(void **state) {
    (void)state;
    cf_set *set = new_set(N, 3, 10);
    check_mat_bytes(set, 8); /* 360 bytes, which need no padding */
    check_mat_bytes(set, N);
    sleep(1);
    assert_ok(mat_write(set, as_they_are, 0, N, in_scratch("again.mat"))); /* a second later */
    expect_same_bytes(in_scratch("set.mat"), in_scratch("again.mat"));
    cf_set_free(set);
}

static void test_mat_by_libmatio(void **state) {
    (void)state;
    cf_set *set = new_set(N, 3, 10);
    assert_ok(mat_write(set, as_they_are, 0, N, in_scratch("set.mat")));
    mat_t *file = Mat_Open(in_scratch("set.mat"), MAT_ACC_RDONLY);
    assert_non_null(file);
    assert_int_equal(Mat_GetVersion(file), MAT_FT_MAT5);
    matvar_t *x = Mat_VarRead(file, "X"), *y = Mat_VarRead(file, "y");
    assert_true(x && y);
    assert_int_equal(x->class_type, MAT_C_UINT8);
    assert_int_equal(x->rank, 4);
    const size_t dims[4] = {H, W, 3, N};
    assert_memory_equal(x->dims, dims, sizeof dims);
    assert_int_equal(x->nbytes, 3 * H * W * N);
    const unsigned char *at = x->data;
    for (size_t n = 0; n < N; n++)
        for (size_t c = 0; c < 3; c++)
            for (size_t w = 0; w < W; w++)
                for (size_t h = 0; h < H; h++) assert_int_equal(*at++, set->pixels[((n * H + h) * W + w) * 3 + c]);
    assert_int_equal(y->class_type, MAT_C_UINT8);
    assert_int_equal(y->rank, 2);
    assert_true(y->dims[0] == N && y->dims[1] == 1);
    for (int n = 0; n < N; n++) assert_int_equal(((unsigned char *)y->data)[n], n % 10 ? n % 10 : 10);
    Mat_VarFree(x);
    Mat_VarFree(y);
    Mat_Close(file);
    cf_set_free(set);
}

static void test_mat_limits(void **state) {
    (void)state;
    cf_set *set = new_set(N, 1, 11);
    assert_fails(mat_write(set, as_they_are, 0, N, in_scratch("no.mat")), CF_BAD_INPUT, "has 11 classes");
    cf_set_free(set);
    /* 699,051 images of 32 x 32 x 3 are the first that are more than 2^31; no pixel is looked at. */
    cf_set large = {.name = (char *)"large", .count = 699051, .channels = 3, .height = 32, .width = 32, .classes = 10};
    assert_fails(mat_write(&large, as_they_are, 0, large.count, in_scratch("no.mat")), CF_BAD_INPUT, "may have 2 GB");
    assert_int_not_equal(access(in_scratch("no.mat"), F_OK), 0);
}

/* ---- A disk that is full ---- */

static void expect_no_drafts(void) {
    DIR *folder = opendir(scratch_folder());
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) assert_null(strstr(entry->d_name, ".part"));
    closedir(folder);
}

static void test_full_disk(void **state) {
    (void)state;
    struct rlimit before, small;
    cf_set *set = new_set(20000, 1, 10);
    write_bytes(in_scratch("old.mat"), "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    cf_status mat = mat_write(set, as_they_are, 0, set->count, in_scratch("old.mat"));
    cf_status idx = idx_write(set, as_they_are, 0, set->count, in_scratch("full.gz"), in_scratch("full-labels.gz"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(mat, CF_IO);
    assert_int_equal(idx, CF_IO);
    assert_non_null(strstr(cf_error(), "full.gz: File too large"));
    expect_no_drafts();
    Bytes bytes = read_all(in_scratch("old.mat"));
    assert_int_equal(bytes.size, 3);
    free(bytes.at);
    assert_fails(mat_write(set, as_they_are, 0, 5, in_scratch("none/a.mat")), CF_IO, "none/a.mat");
    assert_fails(idx_write(set, as_they_are, 0, 5, in_scratch("none/a"), in_scratch("b")), CF_IO, "none/a");
    cf_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx_many_classes), cmocka_unit_test(test_idx_round_trip),
        cmocka_unit_test(test_idx_bytes),        cmocka_unit_test(test_gzip_header),
        cmocka_unit_test(test_mat_round_trip),   cmocka_unit_test(test_mat_bytes),
        cmocka_unit_test(test_mat_by_libmatio),  cmocka_unit_test(test_mat_limits),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
