#include "base/limits.h"
#include "base/memory.h"
#include "data/fetch/fetch_catalog.h"
#include "data/fetch/fetch_steps.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sha[] = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";

static bool is_hex(const char *text, size_t digits) {
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

static void test_built_in(void **state) {
    (void)state;
    FetchCatalog catalog;
    size_t files = 0;
    assert_ok(fetch_catalog_new(&catalog));
    assert_int_equal(catalog.count, 4);
    for (size_t s = 0; s < catalog.count; s++) {
        const FetchSet *set = &catalog.sets[s];
        assert_true(set->mirror_count >= 1);
        for (size_t m = 0; m < set->mirror_count; m++) assert_ok(fetch_check_mirror(set->mirrors[m]));
        for (size_t f = 0; f < set->file_count; f++, files++) {
            const FetchFile *file = &set->files[f];
            assert_true(file->size > 10000);
            assert_true(is_hex(file->md5, MD5_DIGITS));
            assert_true(is_hex(file->sha256, SHA256_DIGITS) || strcmp(set->folder, "svhn") == 0);
        }
    }
    assert_int_equal(files, 11);
    fetch_catalog_free(&catalog);
}

/* The real files have what the table says, which no test with made ones would tell. */
static void check_real(const char *name) {
    FetchCatalog catalog;
    const FetchSet *set;
    const FetchOptions options = fetch_defaults();
    const char *found = real_data(name, "the table of what can be fetched against the real files");
    char folder[256];
    if (!found) return;
    snprintf(folder, sizeof folder, "%s", found);
    assert_ok(fetch_catalog_new(&catalog));
    assert_ok(fetch_catalog_find(&catalog, name, &set));
    for (size_t f = 0; f < set->file_count; f++)
        for (int md5 = 0; md5 < 2; md5++) {
            FetchFile file = set->files[f];
            if (md5) file.sha256[0] = '\0';
            ContentCheck check;
            assert_ok(content_check(path_in(folder, file.name), &(FetchTask){set, &file, &options}, &check));
            assert_string_equal(check.why, "");
            assert_int_equal(check.kind, CONTENT_AS_NAMED);
        }
    fetch_catalog_free(&catalog);
}

static void test_real_files(void **state) {
    (void)state;
    check_real("mnist");
    check_real("fashion-mnist");
}

static void test_find(void **state) {
    (void)state;
    FetchCatalog catalog;
    const FetchSet *set;
    assert_ok(fetch_catalog_new(&catalog));
    assert_ok(fetch_catalog_find(&catalog, "svhn-extra", &set));
    assert_string_equal(set->folder, "svhn");
    assert_fails(fetch_catalog_find(&catalog, "fashion-mnits", &set), CF_BAD_USE,
                 "there are mnist, fashion-mnist, svhn, svhn-extra; did you mean fashion-mnist?");
    assert_fails(fetch_catalog_find(&catalog, "street", &set), CF_BAD_USE, "street is generated");
    assert_fails(fetch_catalog_find(&catalog, "../mnist", &set), CF_BAD_USE, "there is no set");
    fetch_catalog_free(&catalog);
}

static void check_url(const char *mirror, const char *expected) {
    const FetchSet set = {.name = "digits"};
    const FetchFile file = {.name = "a.gz"};
    char *url;
    assert_ok(fetch_url(mirror, &set, &file, &url));
    assert_string_equal(url, expected);
    free(url);
}

static void check_shown(const char *url, const char *expected) {
    char *shown;
    assert_ok(fetch_shown_url(url, &shown));
    assert_string_equal(shown, expected);
    free(shown);
}

static void test_addresses(void **state) {
    (void)state;
    check_url("http://host/data", "http://host/data/a.gz");
    check_url("http://host/data/", "http://host/data/a.gz");
    check_url("http://host/{set}", "http://host/digits/a.gz");
    check_url("http://host/{set}/", "http://host/digits/a.gz");
    check_url("http://host/x-{set}-y/z/", "http://host/x-digits-y/z/a.gz");
    check_shown("http://host/a@b", "http://host/a@b");
    check_shown("http://name:secret@host/a", "http://host/a");
    check_shown("https://name:sec@ret@host", "https://host");
    assert_ok(fetch_check_mirror("https://host"));
    static const char *const wrong[] = {"",          "host/data",          "ftp://host/",   "file:///etc", "http://",
                                        "http:///x", "http://host/a file", "http://h/\n/x", "HTTP//host"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) assert_fails(fetch_check_mirror(wrong[i]), CF_BAD_USE, "mirror");
    char longest[LONGEST_ADDRESS + 2] = "http://";
    memset(longest + 7, 'a', sizeof longest - 8);
    assert_fails(fetch_check_mirror(longest), CF_BAD_USE, "at most 2048 characters; found 2049");
    longest[LONGEST_ADDRESS] = '\0';
    assert_ok(fetch_check_mirror(longest));
}

/* ---- Mirrors files ---- */

static const char *write_text(const char *text) {
    const char *path = path_in(scratch_folder(), "mirrors.yaml");
    write_bytes(path, text, strlen(text));
    return path;
}

static void test_mirrors_before_the_built_in(void **state) {
    (void)state;
    FetchCatalog catalog;
    const FetchSet *set;
    assert_ok(fetch_catalog_new(&catalog));
    assert_ok(fetch_catalog_read(write_text("sets:\n"
                                            "  - name: mnist\n"
                                            "    mirrors: [http://a/, http://b/]\n"
                                            "  - name: lab\n"
                                            "    folder: digits\n"
                                            "    mirrors: [http://c]\n"
                                            "    files:\n"
                                            "      - name: x.gz\n"
                                            "        size: 5000000000\n"
                                            "        md5: 0123456789abcdef0123456789ABCDEF\n"
                                            "      - {name: y.mat, size: 1, sha256: "
                                            "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef}\n"),
                                 &catalog));
    assert_ok(fetch_catalog_find(&catalog, "mnist", &set));
    assert_int_equal(set->mirror_count, 4);
    assert_string_equal(set->mirrors[0], "http://a/");
    assert_string_equal(set->mirrors[1], "http://b/");
    assert_non_null(strstr(set->mirrors[2], "ossci"));
    assert_false(set->own);
    assert_ok(fetch_catalog_find(&catalog, "lab", &set));
    assert_true(set->own);
    assert_string_equal(set->folder, "digits");
    assert_int_equal(set->file_count, 2);
    assert_int_equal(set->files[0].size, 5000000000);
    assert_string_equal(set->files[0].md5, "0123456789abcdef0123456789abcdef");
    assert_string_equal(set->files[0].sha256, "");
    assert_true(is_hex(set->files[1].sha256, SHA256_DIGITS));
    assert_fails(fetch_catalog_find(&catalog, "lba", &set), CF_BAD_USE, "svhn-extra, lab; did you mean lab?");
    fetch_catalog_free(&catalog);
}

static void test_only(void **state) {
    (void)state;
    FetchCatalog catalog;
    const FetchSet *set;
    assert_ok(fetch_catalog_new(&catalog));
    assert_ok(fetch_catalog_read(write_text("only: true\nsets: [{name: svhn, mirrors: [http://a]}]\n"), &catalog));
    assert_ok(fetch_catalog_find(&catalog, "svhn", &set));
    assert_int_equal(set->mirror_count, 1);
    assert_ok(fetch_catalog_find(&catalog, "mnist", &set));
    assert_int_equal(set->mirror_count, 0);
    fetch_catalog_free(&catalog);
}

typedef struct Mistake {
    const char *text, *part;
} Mistake;

static const Mistake mistakes[] = {
    {"", "is empty"},
    {"sets: []\n", "mirrors.yaml"},
    {"set: []\n", "mirrors.yaml:1: unknown key set; did you mean sets?"},
    {"sets: [{name: mnist}]\n", "the key mirrors is missing"},
    {"sets:\n  - name: mnist\n    mirrors: [ftp://a]\n", "mirrors.yaml:3: a mirror is an address"},
    {"sets:\n  - name: mnist\n    mirrors: [http://a]\n    folder: x\n", "mirrors.yaml:2: mnist is built in"},
    {"sets:\n  - name: new\n    mirrors: [http://a]\n", "mirrors.yaml:2: new is not built in"},
    {"sets:\n  - name: hand\n    mirrors: [http://a]\n    files: [{name: a, size: 1, md5: x}]\n",
     "mirrors.yaml:2: hand is the name of a generated set"},
};

/* Of a set's or a file's line: what a file says is to stand in place of the %s. */
static const Mistake file_mistakes[] = {
    {"name: ../../etc/passwd, size: 1, md5: 0123456789abcdef0123456789abcdef", "mirrors.yaml:5: the file's name"},
    {"name: /etc/passwd, size: 1, md5: 0123456789abcdef0123456789abcdef", "the file's name \"/etc/passwd\""},
    {"name: .hidden, size: 1, md5: 0123456789abcdef0123456789abcdef", "the file's name \".hidden\""},
    {"name: \"a b\", size: 1, md5: 0123456789abcdef0123456789abcdef", "the file's name \"a b\""},
    {"name: \"a\\nb\", size: 1, md5: 0123456789abcdef0123456789abcdef", "the file's name"},
    {"name: a.part, size: 1, md5: 0123456789abcdef0123456789abcdef", "ends in .part"},
    {"name: a.verified, size: 1, md5: 0123456789abcdef0123456789abcdef", "ends in .verified"},
    {"name: a.part.gz, size: 1, md5: 0123456789abcdef0123456789abcdef", "ends in .part"},
    {"name: a.gz.verified.gz, size: 1, md5: 0123456789abcdef0123456789abcdef", "ends in .verified"},
    {"name: b.gz, size: 1, md5: 0123456789abcdef0123456789abcdef}, {name: b, size: 1, md5: "
     "0123456789abcdef0123456789abcdef",
     "b.gz and b of the set lab are one file"},
    {"name: a, size: 0, md5: 0123456789abcdef0123456789abcdef", "a: size is to be"},
    {"name: a, size: 9999999999999, md5: 0123456789abcdef0123456789abcdef", "a: size is to be"},
    {"name: a, size: -1, md5: 0123456789abcdef0123456789abcdef", "mirrors.yaml"},
    {"name: a, size: much, md5: 0123456789abcdef0123456789abcdef", "mirrors.yaml"},
    {"name: a, size: 1", "a: sha256 or md5 expected"},
    {"name: a, size: 1, md5: 0123", "md5 is to be 32 hexadecimal digits; found \"0123\""},
    {"name: a, size: 1, md5: 0123456789abcdef0123456789abcdeg", "md5 is to be 32"},
    {"name: a, size: 1, sha256: 0123456789abcdef0123456789abcdef", "sha256 is to be 64"},
};

static void check_mistake(const char *text, const char *part) {
    FetchCatalog catalog;
    assert_ok(fetch_catalog_new(&catalog));
    const cf_status status = fetch_catalog_read(write_text(text), &catalog);
    assert_true(status == CF_BAD_INPUT || status == CF_BAD_USE);
    if (!strstr(cf_error(), part)) fail_msg("\"%s\" does not hold \"%s\"", cf_error(), part);
    fetch_catalog_free(&catalog);
}

static void test_mistakes(void **state) {
    (void)state;
    char text[1024], name[100];
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) check_mistake(mistakes[i].text, mistakes[i].part);
    for (size_t i = 0; i < COUNT_OF(file_mistakes); i++) {
        snprintf(text, sizeof text, "sets:\n  - name: lab\n    mirrors: [http://a]\n    files:\n      [{%s}]\n",
                 file_mistakes[i].text);
        check_mistake(text, file_mistakes[i].part);
    }
    static const char *const folders[] = {"..", ".", "a/b", "../x", "/abs", "C:"};
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        snprintf(text, sizeof text,
                 "sets:\n  - name: lab\n    folder: \"%s\"\n    mirrors: [http://a]\n    files: [{name: a, size: 1, "
                 "sha256: %s}]\n",
                 folders[i], sha);
        check_mistake(text, "mirrors.yaml:3: the folder");
    }
    /* A set of one's own puts nothing in place of a file of another one, packed or not. */
    static const char *const taken[] = {"train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"};
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        snprintf(text, sizeof text,
                 "sets:\n  - name: lab\n    folder: mnist\n    mirrors: [http://a]\n    files: [{name: %s, size: 1, "
                 "sha256: %s}]\n",
                 taken[i], sha);
        check_mistake(text, "are one file: that of the set mnist is in this folder, too");
    }
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "sets: [{name: %s, mirrors: [http://a], files: [{name: a, size: 1, sha256: %s}]}]\n",
             name, sha);
    check_mistake(text, "the set's name");
    snprintf(
        text, sizeof text,
        "sets: [&lab {name: lab, mirrors: [http://a], files: [{name: a, size: 1, sha256: %s}]}, {name: lab, mirrors: "
        "[http://a], files: [{name: a, size: 1, sha256: %s}]}]\n",
        sha, sha);
    check_mistake(text, "the set lab is given twice");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_in),
        cmocka_unit_test(test_real_files),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_mirrors_before_the_built_in),
        cmocka_unit_test(test_only),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
