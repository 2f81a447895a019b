#include "base/memory.h"
#include "data/picture_making.h"
#include "data/readers.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

static char notices[1024];

static void keep_notice(const char *text, void *context) {
    (void)context;
    size_t used = strlen(notices);
    snprintf(notices + used, sizeof notices - used, "%s\n", text);
}

/* ROOT/CLASS, made; the string lives until eight more are. */
static const char *class_folder(const char *root, const char *name) {
    static char ring[8][512];
    static unsigned next;
    char *path = ring[next++ % 8];
    snprintf(path, sizeof ring[0], "%s/%s/%s", scratch_folder(), root, name);
    assert_ok(file_make_folder(path));
    return path;
}

static void save_flat(const char *folder, const char *name, unsigned side, bool colour, int value) {
    unsigned char pixels[64 * 3];
    memset(pixels, value, sizeof pixels);
    save_png(path_in(folder, name), side, side, colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY, pixels);
}

static void test_folder_numbers(void **state) {
    (void)state;
    static const char *const names[] = {"10", "9", "2", "100"};
    cf_set *set;
    for (int k = 0; k < 4; k++) {
        save_flat(class_folder("numbers", names[k]), "b.png", 4, false, 10 * k);
        save_flat(class_folder("numbers", names[k]), "a.png", 4, false, 10 * k + 1);
    }
    assert_ok(folder_read(path_in(scratch_folder(), "numbers"), &set));
    assert_int_equal(set->classes, 4);
    assert_string_equal(set->class_names[0], "2");
    assert_string_equal(set->class_names[1], "9");
    assert_string_equal(set->class_names[2], "10");
    assert_string_equal(set->class_names[3], "100");
    assert_int_equal(set->count, 8);
    assert_int_equal(set->channels, 1);
    const int values[] = {21, 20, 11, 10, 1, 0, 31, 30};
    for (int i = 0; i < 8; i++) {
        assert_int_equal(set->labels[i], i / 2);
        assert_int_equal(set->pixels[16 * i], values[i]);
    }
    cf_set_free(set);
}

/* Sizes, colour, kinds and strangers mixed. */
static void test_folder_mixed(void **state) {
    (void)state;
    cf_set *set;
    const char *cat = class_folder("mixed", "cat"), *dog = class_folder("mixed", "dog");
    unsigned char flat[64 * 3];
    memset(flat, 77, sizeof flat);
    save_flat(cat, "1.png", 4, false, 50);
    save_flat(cat, "2.png", 6, true, 60);
    save_jpeg(path_in(cat, "3.jpg"), 4, 4, 3, JCS_RGB, flat);
    save_flat(dog, "1.png", 4, false, 80);
    write_bytes(path_in(cat, "0-notes.txt"), "hello", 5);
    write_bytes(path_in(dog, ".hidden.png"), "broken", 6);
    write_bytes(path_in(path_in(scratch_folder(), "mixed"), "README"), "hello", 5);
    class_folder("mixed", ".git");
    notices[0] = '\0';
    cf_set_notice_handler(keep_notice, NULL);
    assert_ok(folder_read(path_in(scratch_folder(), "mixed"), &set));
    cf_set_notice_handler(NULL, NULL);
    assert_non_null(strstr(notices, "1 files that are neither PNG nor JPEG were passed over"));
    assert_non_null(strstr(notices, "0-notes.txt"));
    assert_non_null(strstr(notices, "1 of 4 images"));
    assert_int_equal(set->count, 4);
    assert_int_equal(set->classes, 2);
    assert_string_equal(set->class_names[1], "dog");
    assert_int_equal(set->channels, 3);
    assert_int_equal(set->height, 4);
    const int values[] = {50, 60, 77, 80};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 48; j++) assert_in_range(set->pixels[48 * i + j] - values[i] + 1, 0, 2);
    cf_set_free(set);
}

static void test_folder_bad(void **state) {
    (void)state;
    cf_set *set;
    char root[256];
    snprintf(root, sizeof root, "%s/bad", scratch_folder());
    assert_fails(folder_read("/nonexistent", &set), CF_IO, "/nonexistent");
    assert_ok(file_make_folder(root));
    assert_fails(folder_read(root, &set), CF_BAD_INPUT, "no sub-folders");
    const char *full = class_folder("bad", "full");
    save_flat(full, "a.png", 4, false, 1);
    class_folder("bad", "hollow");
    assert_fails(folder_read(root, &set), CF_BAD_INPUT, "bad/hollow has no PNG or JPEG");
    save_flat(class_folder("bad", "hollow"), "a.png", 4, false, 1);
    write_bytes(path_in(full, "b.png"), "\x89PNG\r\n\x1a\n and so on", 18);
    assert_fails(folder_read(root, &set), CF_BAD_INPUT, "bad/full/b.png");
    /* Names that would break a line, a page or a document. */
    static const char *const names[][2] = {{"a\nb", "names/a?b has"},
                                           {"a\033[2Jb", "names/a?[2Jb has"},
                                           {"\xff", "names/? has"},
                                           {"\xc2\x85", "names/?? has"}};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(root, sizeof root, "%s/names", scratch_folder());
        save_flat(class_folder("names", names[i][0]), "a.png", 4, false, 1);
        assert_fails(folder_read(root, &set), CF_BAD_INPUT, names[i][1]);
        assert_ok(file_remove_tree(root));
    }
}

/* The first damaged file is named, whatever the order in which threads meet them. */
static void test_folder_first_damage(void **state) {
    (void)state;
    cf_set *set;
    const char *folder = class_folder("many", "a");
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "%03d.png", i);
        if (i < 40)
            save_flat(folder, name, 4, false, i);
        else
            write_bytes(path_in(folder, name), "\x89PNG\r\n\x1a\n and so on", 18);
    }
    for (int i = 0; i < 5; i++)
        assert_fails(folder_read(path_in(scratch_folder(), "many"), &set), CF_BAD_INPUT, "many/a/040.png");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder_numbers),
        cmocka_unit_test(test_folder_mixed),
        cmocka_unit_test(test_folder_bad),
        cmocka_unit_test(test_folder_first_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
