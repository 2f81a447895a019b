#include "data/picture_making.h"
#include "data/set_load.h"
#include "data/set_making.h"
#include "testing.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

static char *real_folder; /* $CIFRA_DATA as it was before the tests set it; NULL if MNIST is not in it */
static const unsigned char digits[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 1};

/* FOLDER/NAME as a path of the scratch folder; the folder is made. */
static const char *place(const char *folder, const char *name) {
    static char ring[8][512];
    static unsigned next;
    char path[256], *result = ring[next++ % 8];
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), folder);
    assert_ok(file_make_folder(path));
    snprintf(result, sizeof ring[0], "%s%s%s", path, *name ? "/" : "", name);
    return result;
}

static void save_idx(const char *folder, const char *images, const char *labels, uint32_t count, bool packed) {
    Bytes a = idx_images(count, 4, 5), b = idx_labels(count, digits);
    if (packed) {
        save_gz(&a, place(folder, images));
        save_gz(&b, place(folder, labels));
    } else {
        save(&a, place(folder, images));
        save(&b, place(folder, labels));
    }
}

static void save_svhn(const char *folder, const char *name, int32_t count) {
    static unsigned char pixels[12 * 2 * 2 * 3];
    unsigned char labels[12];
    for (int i = 0; i < 12; i++) labels[i] = (unsigned char)(i % 10 + 1);
    Bytes bytes = mat_header();
    put_variable(&bytes,
                 &(MatVariable){"X", MX_UINT8, MI_UINT8, 4, {2, 2, 3, count}, pixels, 12 * (size_t)count, true});
    put_variable(&bytes, &(MatVariable){"y", MX_UINT8, MI_UINT8, 2, {count, 1}, labels, (size_t)count, true});
    save(&bytes, place(folder, name));
}

static void save_pictures(const char *folder) {
    unsigned char pixels[16] = {0};
    save_png(place(folder, "a.png"), 4, 4, PNG_FORMAT_GRAY, pixels);
}

/* DATA: mnist (packed), fashion-mnist (dots, only train), svhn, letters (test-), pets (folders), junk. */
static int setup(void **state) {
    (void)state;
    save_idx("data/mnist", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", 12, true);
    save_idx("data/mnist", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", 10, true);
    save_idx("data/fashion-mnist", "train-images.idx3-ubyte", "train-labels.idx1-ubyte", 12, false);
    save_idx("data/letters", "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 12, false);
    save_idx("data/letters", "test-images-idx3-ubyte", "test-labels-idx1-ubyte", 11, false);
    save_svhn("data/svhn", "train_32x32.mat", 12);
    save_svhn("data/svhn", "test_32x32.mat", 5);
    save_svhn("loose", "train_32x32.mat", 12);
    save_pictures("data/pets/train/cat");
    save_pictures("data/pets/train/dog");
    save_pictures("data/pets/test/cat");
    save_pictures("data/pets/test/dog");
    save_pictures("data/birds/robin");
    save_pictures("data/birds/wren");
    write_bytes(place("data/junk", "notes.txt"), "hello", 5);
    setenv("XDG_CACHE_HOME", place("cache", ""), 1);
    unsetenv("CIFRA_DATA");
    return 0;
}

static cf_set *load(const char *name, const char *folder) {
    cf_set *set;
    assert_ok(cf_set_load(name, folder ? place(folder, "") : NULL, &set));
    assert_string_equal(set->name, name);
    assert_int_equal(strlen(set->sha256), 64);
    return set;
}

static void expect_set(const char *name, const char *folder, size_t train, size_t test, const char *second_class) {
    cf_set *set = load(name, folder);
    assert_int_equal(set->official_train, train);
    assert_int_equal(set->count, train + test);
    assert_string_equal(set->class_names[1], second_class);
    cf_set_free(set);
}

static void test_load_names(void **state) {
    (void)state;
    expect_set("mnist", "data", 12, 10, "1");
    expect_set("fashion-mnist", "data", 12, 0, "Trouser");
    expect_set("letters", "data", 12, 11, "1");
    expect_set("svhn", "data", 12, 5, "1");
    expect_set("svhn", "loose", 12, 0, "1");
    save_svhn("lone/svhn", "test_32x32.mat", 5);
    expect_set("svhn", "lone", 5, 0, "1");
    save_idx("lone/mnist", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 10, false);
    expect_set("mnist", "lone", 10, 0, "1");
    expect_set("pets", "data", 2, 2, "dog");
    expect_set("birds", "data", 2, 0, "wren");
}

static void test_load_paths(void **state) {
    (void)state;
    expect_set(place("data/mnist", ""), NULL, 12, 10, "1");
    expect_set(place("data/mnist/", ""), NULL, 12, 10, "1");
    expect_set(place("data/fashion-mnist/", ""), NULL, 12, 0, "Trouser");
    expect_set(place("data/svhn", "test_32x32.mat"), NULL, 5, 0, "1");
    expect_set(place("data/mnist", "t10k-images-idx3-ubyte.gz"), NULL, 10, 0, "1");
    expect_set(place("data/fashion-mnist", "train-images.idx3-ubyte"), NULL, 12, 0, "1");
    expect_set(place("data/birds", ""), NULL, 2, 0, "wren");
    expect_set(place("data/pets/test", ""), NULL, 2, 0, "dog");
}

/* The same pixels have the same checksum, packed or not, by name or path. */
static void test_load_checksum(void **state) {
    (void)state;
    save_idx("plain", "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 12, false);
    save_idx("plain", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 10, false);
    cf_set *a = load("mnist", "data"), *b = load(place("plain", ""), NULL);
    assert_string_equal(a->sha256, b->sha256);
    assert_int_equal(a->pixels[20 * 12], 0);
    assert_int_equal(a->pixels[20 * 13], 7);
    cf_set_free(a);
    cf_set_free(b);
}

/* --data-dir, then $CIFRA_DATA, then the cache. */
static void test_load_order(void **state) {
    (void)state;
    cf_set *set;
    save_idx("cache/cifra/mnist", "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 11, false);
    save_idx("env/mnist", "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 10, false);
    expect_set("mnist", NULL, 11, 0, "1");
    setenv("CIFRA_DATA", place("env", ""), 1);
    expect_set("mnist", NULL, 10, 0, "1");
    expect_set("mnist", "data", 12, 10, "1");
    set = load("mnist", "data");
    assert_string_equal(set->source, place("data/mnist", ""));
    cf_set_free(set);
    expect_set("mnist", "loose", 10, 0, "1");
    unsetenv("CIFRA_DATA");
}

static void expect_failure(const char *name, cf_status code, const char *part) {
    cf_set *set;
    assert_fails(cf_set_load(name, place("data", ""), &set), code, part);
}

static void test_load_errors(void **state) {
    (void)state;
    cf_set *set;
    expect_failure("", CF_BAD_USE, "needs a name");
    expect_failure("mnits", CF_BAD_USE, "did you mean mnist?");
    expect_failure("mnits", CF_BAD_USE, "known names: hand, street, mnist, fashion-mnist, svhn");
    expect_failure("mnits", CF_BAD_USE, "birds");
    expect_failure("mnits", CF_BAD_USE, place("data", "mnits"));
    expect_failure("letter", CF_BAD_USE, "did you mean letters?");
    expect_failure("junk", CF_BAD_INPUT, "neither IDX files");
    expect_failure("./nowhere/at-all", CF_IO, "./nowhere/at-all");
    expect_failure(place("data/junk", "notes.txt"), CF_BAD_INPUT, "neither a .mat file nor an IDX file");
    assert_fails(cf_set_load("svhn", place("plain", ""), &set), CF_BAD_INPUT, "train_32x32.mat, test_32x32.mat");
    save_idx("part/mnist", "train-images-idx3-ubyte", "somewhere-else", 12, false);
    assert_fails(cf_set_load("mnist", place("part", ""), &set), CF_BAD_INPUT, "no train-labels-idx1-ubyte");
    /* Parts of different shapes. */
    save_idx("odd", "train-images-idx3-ubyte", "train-labels-idx1-ubyte", 12, false);
    Bytes images = idx_images(12, 5, 4), labels = idx_labels(12, digits);
    save(&images, place("odd", "t10k-images-idx3-ubyte"));
    save(&labels, place("odd", "t10k-labels-idx1-ubyte"));
    assert_fails(cf_set_load(place("odd", ""), NULL, &set), CF_BAD_INPUT, "one shape");
    /* A fault in one part, while the other is fine. */
    write_bytes(place("odd", "t10k-images-idx3-ubyte"), "oops", 4);
    assert_fails(cf_set_load(place("odd", ""), NULL, &set), CF_BAD_INPUT, "not an IDX file");
}

static const SetEntry *entry(const SetList *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->entries[i].name, name) == 0) return &list->entries[i];
    return NULL;
}

static void test_list(void **state) {
    (void)state;
    SetList list;
    assert_ok(set_list(place("data", ""), &list));
    assert_string_equal(list.entries[0].name, "hand");
    assert_string_equal(list.entries[1].name, "street");
    assert_true(list.entries[1].found);
    assert_null(list.entries[1].path);
    assert_non_null(strstr(list.entries[1].kind, "built in"));
    assert_string_equal(list.entries[2].name, "mnist");
    assert_true(entry(&list, "mnist")->found);
    assert_non_null(strstr(entry(&list, "mnist")->kind, "IDX files, train and test"));
    assert_null(strstr(entry(&list, "fashion-mnist")->kind, "train and test"));
    assert_string_equal(entry(&list, "svhn")->path, place("data/svhn", ""));
    assert_non_null(strstr(entry(&list, "pets")->kind, "folders of pictures, train and test"));
    assert_null(entry(&list, "junk"));
    set_list_free(&list);
    assert_ok(set_list(place("loose", ""), &list));
    assert_true(entry(&list, "svhn")->found);
    assert_false(entry(&list, "fashion-mnist")->found);
    assert_non_null(strstr(entry(&list, "fashion-mnist")->missing, "t10k-labels-idx1-ubyte"));
    set_list_free(&list);
}

static void md5_of(const void *header, size_t header_size, const void *bytes, size_t size, char hex[33]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestInit_ex(context, EVP_md5(), NULL), 1);
    EVP_DigestUpdate(context, header, header_size);
    EVP_DigestUpdate(context, bytes, size);
    EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    for (int i = 0; i < 16; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void expect_md5(const cf_set *set, size_t first, uint32_t count, const char *images_md5,
                       const char *labels_md5) {
    char hex[33];
    Bytes header = {0};
    put_idx_header(&header, 3, (const uint32_t[]){count, 28, 28});
    md5_of(header.at, header.size, set->pixels + first * 784, count * (size_t)784, hex);
    assert_string_equal(hex, images_md5);
    header.size = 0;
    put_idx_header(&header, 1, &count);
    unsigned char *labels = malloc(count);
    assert_non_null(labels);
    for (uint32_t i = 0; i < count; i++) labels[i] = (unsigned char)set->labels[first + i];
    md5_of(header.at, header.size, labels, count, hex);
    free(labels);
    assert_string_equal(hex, labels_md5);
    free(header.at);
}

static void test_load_real(void **state) {
    (void)state;
    (void)state;
    static const size_t train[10] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
    static const size_t test[10] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    cf_set *set;
    if (!real_folder) return;
    assert_ok(cf_set_load("mnist", real_folder, &set));
    assert_int_equal(set->official_train, 60000);
    assert_int_equal(set->count, 70000);
    size_t counts[2][10] = {0};
    for (size_t i = 0; i < set->count; i++) counts[i >= 60000][set->labels[i]]++;
    assert_memory_equal(counts[0], train, sizeof train);
    assert_memory_equal(counts[1], test, sizeof test);
    expect_md5(set, 0, 60000, "6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624");
    expect_md5(set, 60000, 10000, "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637");
    cf_set_free(set);
    assert_ok(cf_set_load("fashion-mnist", real_folder, &set));
    assert_int_equal(set->count, 70000);
    assert_string_equal(set->class_names[9], "Ankle boot");
    cf_set_free(set);
}

int main(void) {
    if (real_data("mnist", "the real MNIST")) real_folder = strdup(getenv("CIFRA_DATA"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_names), cmocka_unit_test(test_load_paths),  cmocka_unit_test(test_load_checksum),
        cmocka_unit_test(test_load_order), cmocka_unit_test(test_load_errors), cmocka_unit_test(test_list),
        cmocka_unit_test(test_load_real),
    };
    int failures = cmocka_run_group_tests(tests, setup, NULL);
    free(real_folder);
    return failures;
}
