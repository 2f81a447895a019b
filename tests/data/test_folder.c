#include "base/memory.h"
#include "data/picture_making.h"
#include "data/set_load.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static char notices[4096];

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

static cf_status folder_load(const char *path, cf_set **set) {
    return cf_set_load(path, NULL, set);
}

static void test_folder_numbers(void **state) {
    (void)state;
    static const char *const names[] = {"10", "9", "2", "100"};
    cf_set *set;
    for (int k = 0; k < 4; k++) {
        save_flat(class_folder("numbers", names[k]), "b.png", 4, false, 10 * k);
        save_flat(class_folder("numbers", names[k]), "a.png", 4, false, 10 * k + 1);
    }
    assert_ok(folder_load(path_in(scratch_folder(), "numbers"), &set));
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
    assert_ok(folder_load(path_in(scratch_folder(), "mixed"), &set));
    cf_set_notice_handler(NULL, NULL);
    assert_non_null(strstr(notices, "2 files that are no pictures were passed over"));
    assert_non_null(strstr(notices, "cat/0-notes.txt, README"));
    assert_non_null(strstr(notices, "2 hidden files were passed over"));
    assert_non_null(strstr(notices, "dog/.hidden.png"));
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
    assert_fails(folder_load("/nonexistent", &set), CF_IO, "/nonexistent");
    assert_ok(file_make_folder(root));
    assert_fails(folder_load(root, &set), CF_BAD_INPUT, "nor one folder of pictures");
    const char *full = class_folder("bad", "full");
    save_flat(full, "a.png", 4, false, 1);
    class_folder("bad", "hollow");
    /* A folder without pictures is no class, and that is told. */
    notices[0] = '\0';
    cf_set_notice_handler(keep_notice, NULL);
    assert_ok(folder_load(root, &set));
    cf_set_notice_handler(NULL, NULL);
    assert_int_equal(set->classes, 1);
    assert_non_null(strstr(notices, "1 folder in"));
    assert_non_null(strstr(notices, "without a picture is no class: hollow"));
    cf_set_free(set);
    save_flat(class_folder("bad", "hollow"), "a.png", 4, false, 1);
    write_bytes(path_in(full, "b.png"), "\x89PNG\r\n\x1a\n and so on", 18);
    assert_fails(folder_load(root, &set), CF_BAD_INPUT, "bad/full/b.png");
    /* Names that would break a line, a page or a document. */
    static const char *const names[][2] = {{"a\nb", "names/a?b has"},
                                           {"a\033[2Jb", "names/a?[2Jb has"},
                                           {"\xff", "names/? has"},
                                           {"\xc2\x85", "names/?? has"}};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(root, sizeof root, "%s/names", scratch_folder());
        save_flat(class_folder("names", names[i][0]), "a.png", 4, false, 1);
        assert_fails(folder_load(root, &set), CF_BAD_INPUT, names[i][1]);
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
        assert_fails(folder_load(path_in(scratch_folder(), "many"), &set), CF_BAD_INPUT, "many/a/040.png");
}

/* ---- Layouts ---- */

/* Loads ROOT of the scratch folder; what was said is in `notices`. */
static cf_set *load(const char *root) {
    cf_set *set;
    notices[0] = '\0';
    cf_set_notice_handler(keep_notice, NULL);
    assert_ok(folder_load(path_in(scratch_folder(), root), &set));
    cf_set_notice_handler(NULL, NULL);
    return set;
}

static void expect_counts(const cf_set *set, size_t train, size_t validation, size_t test) {
    assert_int_equal(set->official_train, train);
    assert_int_equal(set->official_validation, validation);
    assert_int_equal(set->count, train + validation + test);
}

/* The names that people give to parts, in capitals or not. */
static void test_layout_parts(void **state) {
    (void)state;
    static const char *const names[][3] = {
        {"train", "val", "test"}, {"training", "valid", "testing"}, {"Train", "Validation", "TEST"}};
    for (int n = 0; n < 3; n++) {
        char root[32], part[64];
        snprintf(root, sizeof root, "parts-%d", n);
        for (int p = 0; p < 3; p++)
            for (int k = 0; k < 2; k++) {
                snprintf(part, sizeof part, "%s/%s", root, names[n][p]);
                const char *folder = class_folder(part, k ? "dog" : "cat");
                for (int i = 0; i < 3 - p; i++)
                    save_flat(folder, (const char *[]){"a.png", "b.png", "c.png"}[i], 4, false, 10 * p + k);
            }
        cf_set *set = load(root);
        expect_counts(set, 6, 4, 2);
        assert_int_equal(set->classes, 2);
        /* Training first, then validation, then test; each class by class. */
        const int values[] = {0, 0, 0, 1, 1, 1, 10, 10, 11, 11, 20, 21};
        for (int i = 0; i < 12; i++) {
            assert_int_equal(set->pixels[16 * i], values[i]);
            assert_int_equal(set->labels[i], values[i] % 10);
        }
        snprintf(part, sizeof part, "%s/dog/b.png", names[n][1]);
        assert_string_equal(set->files[9], part);
        assert_string_equal(notices, "");
        cf_set_free(set);
    }
}

static void test_layout_others(void **state) {
    (void)state;
    cf_set *set;
    /* Two folders for one part. */
    save_flat(class_folder("twice/train", "a"), "1.png", 4, false, 1);
    save_flat(class_folder("twice/val", "a"), "1.png", 4, false, 1);
    save_flat(class_folder("twice/valid", "a"), "1.png", 4, false, 1);
    assert_fails(folder_load(path_in(scratch_folder(), "twice"), &set), CF_BAD_INPUT,
                 "would both be the validation part");
    /* A folder in a folder, as archives unpack, with what a Macintosh leaves beside it. */
    save_flat(class_folder("wrapped/inner/train", "a"), "1.png", 4, false, 1);
    save_flat(class_folder("wrapped/inner/test", "a"), "1.png", 4, false, 1);
    write_bytes(path_in(class_folder("wrapped/__MACOSX", "inner"), "._1.png"), "no picture", 10);
    set = load("wrapped");
    expect_counts(set, 1, 0, 1);
    assert_string_equal(set->files[1], "inner/test/a/1.png");
    cf_set_free(set);
    /* A folder of pictures beside the parts belongs to none. */
    save_flat(class_folder("beside/train", "a"), "1.png", 4, false, 1);
    save_flat(class_folder("beside/test", "a"), "1.png", 4, false, 1);
    save_flat(class_folder("beside/extra", "a"), "1.png", 4, false, 1);
    set = load("beside");
    expect_counts(set, 1, 0, 1);
    assert_non_null(strstr(notices, "extra lies beside the parts"));
    cf_set_free(set);
    /* A class that happens to be called test; one of the parts alone. */
    save_flat(class_folder("exams", "test"), "1.png", 4, false, 1);
    save_flat(class_folder("exams", "homework"), "1.png", 4, false, 1);
    set = load("exams");
    expect_counts(set, 2, 0, 0);
    assert_string_equal(set->class_names[1], "test");
    cf_set_free(set);
    save_flat(class_folder("quiz/test", "2020"), "1.png", 4, false, 1);
    save_flat(class_folder("quiz", "homework"), "1.png", 4, false, 1);
    set = load("quiz");
    assert_int_equal(set->classes, 2);
    assert_string_equal(set->files[1], "test/2020/1.png");
    cf_set_free(set);
    save_flat(class_folder("alone/test", "a"), "1.png", 4, false, 1);
    save_flat(class_folder("alone/test", "b"), "1.png", 4, false, 1);
    set = load("alone");
    expect_counts(set, 2, 0, 0);
    assert_int_equal(set->classes, 2);
    cf_set_free(set);
}

/* Folders within a class, pictures beside the classes, more notes than pictures. */
static void test_layout_nested(void **state) {
    (void)state;
    const char *notes = class_folder("nested", "b");
    save_flat(class_folder("nested/a", "2020/may"), "x.png", 4, false, 7);
    save_flat(class_folder("nested/a", "2021"), "x.png", 4, false, 8);
    save_flat(class_folder("nested", "a"), "x.png", 4, false, 9);
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "%03d.txt", i);
        write_bytes(path_in(notes, name), "note", 4);
    }
    save_flat(notes, "x.png", 4, false, 6);
    save_flat(path_in(scratch_folder(), "nested"), "stray.png", 4, false, 5);
    cf_set *set = load("nested");
    expect_counts(set, 4, 0, 0);
    const int values[] = {7, 8, 9, 6};
    for (int i = 0; i < 4; i++) assert_int_equal(set->pixels[16 * i], values[i]);
    assert_string_equal(set->files[0], "a/2020/may/x.png");
    assert_non_null(strstr(notices, "100 files that are no pictures were passed over"));
    assert_non_null(strstr(notices, "b/000.txt, b/001.txt, b/002.txt and 97 more"));
    assert_non_null(strstr(notices, "1 picture beside the class folders was passed over"));
    cf_set_free(set);
}

/* A class that a part lacks is told; classes are those of all parts. */
static void test_layout_lacks_class(void **state) {
    (void)state;
    for (int k = 0; k < 3; k++) {
        const char *names[] = {"a", "b", "c"};
        save_flat(class_folder("lacks/train", names[k]), "1.png", 4, false, k);
        if (k != 1) save_flat(class_folder("lacks/test", names[k]), "1.png", 4, false, 10 + k);
    }
    class_folder("lacks/test", "b");
    cf_set *set = load("lacks");
    expect_counts(set, 3, 0, 2);
    assert_int_equal(set->labels[4], 2);
    assert_int_equal(set->pixels[16 * 4], 12);
    assert_non_null(strstr(notices, "has no image of class b in its test part"));
    cf_set_free(set);
}

/* ---- Broken pictures ---- */

/* Cuts a file behind its first half. */
static void truncate_file(const char *path) {
    unsigned char *bytes;
    size_t size;
    assert_ok(file_read(path, 1 << 20, &bytes, &size));
    write_bytes(path, bytes, size / 2);
    free(bytes);
}

static void make_broken(void) {
    unsigned char noise[32 * 32 * 3];
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)(i * i / 7);
    const char *a = class_folder("broken", "a"), *b = class_folder("broken", "b");
    save_jpeg(path_in(a, "1.jpg"), 32, 32, 3, JCS_RGB, noise);
    save_jpeg(path_in(a, "2.jpg"), 32, 32, 3, JCS_RGB, noise);
    save_jpeg(path_in(b, "1.jpg"), 32, 32, 3, JCS_RGB, noise);
    save_jpeg(path_in(b, "2.jpg"), 32, 32, 3, JCS_RGB, noise);
    truncate_file(path_in(a, "2.jpg"));                                  /* found while it is decoded */
    write_bytes(path_in(b, "3.png"), "\x89PNG\r\n\x1a\n and so on", 18); /* found while it is measured */
    write_bytes(path_in(b, "4.jpg"), "<html>not found</html>", 22);      /* a picture by its name alone */
    write_bytes(path_in(b, "5.jpg"), "", 0);
}

static void test_broken_are_all_named(void **state) {
    (void)state;
    cf_set *set;
    make_broken();
    const char *root = path_in(scratch_folder(), "broken");
    static const char *const parts[] = {"4 pictures of",  "--skip-broken",  "broken/a/2.jpg",
                                        "broken/b/3.png", "broken/b/4.jpg", "broken/b/5.jpg"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) assert_fails(folder_load(root, &set), CF_BAD_INPUT, parts[i]);
    set = load("broken:broken=skip");
    expect_counts(set, 3, 0, 0);
    assert_string_equal(set->files[0], "a/1.jpg");
    assert_string_equal(set->files[1], "b/1.jpg");
    assert_int_equal(set->labels[2], 1);
    assert_memory_equal(set->pixels, set->pixels + 3072, 3072);
    assert_memory_equal(set->pixels, set->pixels + 2 * 3072, 3072);
    assert_non_null(strstr(notices, "4 pictures cannot be read and were left out"));
    cf_set_free(set);
}

/* The table of all files. */
static void test_record(void **state) {
    (void)state;
    FolderListing listing = {0};
    cf_set *set = NULL;
    make_broken();
    write_bytes(path_in(class_folder("broken", "a"), "notes.txt"), "note", 4);
    write_bytes(path_in(class_folder("broken", "a"), ".DS_Store"), "x", 1);
    const char *csv = path_in(scratch_folder(), "files.csv");
    assert_fails(set_load_recorded(path_in(scratch_folder(), "broken"), NULL, &listing, &set), CF_BAD_INPUT,
                 "cannot be read");
    assert_int_equal(listing.count, 9);
    assert_ok(folder_record_csv(csv, &listing));
    unsigned char *bytes;
    size_t size;
    assert_ok(file_read(csv, 1 << 20, &bytes, &size));
    const char *text = (const char *)bytes;
    assert_non_null(strstr(text, "file,part,class,fate,width,height,channels,format,turned,why\n"));
    assert_non_null(strstr(text, "\na/1.jpg,train,a,read,32,32,3,JPEG,0,\n"));
    assert_non_null(strstr(text, "\na/.DS_Store,train,a,hidden,,,,,,\n"));
    assert_non_null(strstr(text, "\na/notes.txt,train,a,other,,,,,,\n"));
    assert_non_null(strstr(text, "\na/2.jpg,train,a,broken,,,,JPEG,,"));
    free(bytes);
    folder_listing_free(&listing);
}

/* ---- Sizes ---- */

/* Left half 40, right half 200. */
static void save_halves(const char *folder, const char *name, int height, int width) {
    unsigned char pixels[64 * 64];
    for (int i = 0; i < height * width; i++) pixels[i] = i % width < width / 2 ? 40 : 200;
    save_png(path_in(folder, name), (unsigned)width, (unsigned)height, PNG_FORMAT_GRAY, pixels);
}

static void expect_row(const cf_set *set, int image, int row, const int *values) {
    for (int w = 0; w < set->width; w++)
        assert_int_equal(
            set->pixels[((size_t)image * (size_t)set->height + (size_t)row) * (size_t)set->width + (size_t)w],
            values[w]);
}

static void test_sizes(void **state) {
    (void)state;
    cf_set *set;
    /* Five of 8 x 4 in test, four of 4 x 4 in train: the commonest of all. */
    for (int i = 0; i < 9; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.png", i);
        save_halves(class_folder(i < 4 ? "sizes/train" : "sizes/test", i % 2 ? "a" : "b"), name, 4, i < 4 ? 4 : 8);
    }
    set = load("sizes");
    assert_int_equal(set->width, 8);
    assert_int_equal(set->height, 4);
    expect_counts(set, 4, 0, 5);
    assert_non_null(strstr(notices, "4 of 9 images"));
    assert_non_null(strstr(notices, "8 x 4 pixels (width x height), the commonest size"));
    cf_set_free(set);
    set = load("sizes:size=2x4");
    assert_int_equal(set->width, 2);
    assert_int_equal(set->height, 4);
    expect_row(set, 0, 0, (const int[]){40, 200});
    expect_row(set, 8, 3, (const int[]){40, 200});
    cf_set_free(set);
    /* 8 x 4 into 4 x 4: the middle has 2 of each half; padded, a row of black above and below. */
    set = load("sizes:size=4,fit=crop");
    expect_row(set, 8, 0, (const int[]){40, 40, 200, 200});
    cf_set_free(set);
    set = load("sizes:size=4,fit=pad");
    expect_row(set, 8, 0, (const int[]){0, 0, 0, 0});
    expect_row(set, 8, 1, (const int[]){40, 40, 200, 200});
    expect_row(set, 8, 2, (const int[]){40, 40, 200, 200});
    expect_row(set, 8, 3, (const int[]){0, 0, 0, 0});
    expect_row(set, 0, 0, (const int[]){40, 40, 200, 200}); /* already of that shape */
    cf_set_free(set);
    /* A most that the commonest size exceeds is taken, another is not. */
    set = load("sizes:most=4x4");
    assert_int_equal(set->width, 4);
    cf_set_free(set);
    set = load("sizes:most=64x64");
    assert_int_equal(set->width, 8);
    cf_set_free(set);
    assert_fails(folder_load(path_in(scratch_folder(), "sizes:size=0"), &set), CF_BAD_USE, "N or WIDTHxHEIGHT");
    assert_fails(folder_load(path_in(scratch_folder(), "sizes:fit=corp"), &set), CF_BAD_USE, "did you mean crop?");
    assert_fails(folder_load(path_in(scratch_folder(), "sizes:sise=4"), &set), CF_BAD_USE, "did you mean size?");
}

/* A photograph of 12 million pixels, brighter to the right, its camera held upright; written row by row. */
static void save_photograph(const char *path) {
    enum { WIDE = 4000, HIGH = 3000 };
    static const unsigned char upright[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0\0\0\0\0";
    static unsigned char row[3 * WIDE];
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    for (int i = 0; i < 3 * WIDE; i++) row[i] = (unsigned char)(i / 3 * 256 / WIDE);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, stream);
    jpeg.image_width = WIDE;
    jpeg.image_height = HIGH;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, upright, sizeof upright - 1);
    while (jpeg.next_scanline < HIGH) jpeg_write_scanlines(&jpeg, &(JSAMPROW){row}, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    fclose(stream);
}

static long most_kilobytes(void) {
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* One of them takes 36 MB as it is. */
static void test_photographs_take_little(void **state) {
    (void)state;
    enum { SIDE = 96, LESS_THAN = 20000 };
    cf_set *set;
    for (int i = 0; i < 4; i++)
        save_photograph(path_in(class_folder("photographs", i % 2 ? "a" : "b"), i < 2 ? "1.jpg" : "2.jpg"));
    const long before = most_kilobytes();
    assert_ok(folder_load(path_in(scratch_folder(), "photographs:size=96,fit=crop"), &set));
    assert_in_range(most_kilobytes() - before, 0, LESS_THAN);
    assert_int_equal(set->count, 4);
    /* Turned by a quarter: brighter downwards. */
    for (size_t i = 0; i < 4; i++)
        for (int y = 0; y < SIDE; y++) {
            const unsigned char *pixel = set->pixels + i * set_image_size(set) + (size_t)(y * SIDE + y) * 3;
            const int wanted = (500 + (2 * y + 1) * 3000 / (2 * SIDE)) * 256 / 4000;
            for (int c = 0; c < 3; c++) assert_in_range(pixel[c] - wanted + 3, 0, 6);
        }
    cf_set_free(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder_numbers),
        cmocka_unit_test(test_folder_mixed),
        cmocka_unit_test(test_folder_bad),
        cmocka_unit_test(test_folder_first_damage),
        cmocka_unit_test(test_layout_parts),
        cmocka_unit_test(test_layout_others),
        cmocka_unit_test(test_layout_nested),
        cmocka_unit_test(test_layout_lacks_class),
        cmocka_unit_test(test_broken_are_all_named),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_photographs_take_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
