/* Pictures as Pillow reads, turns, scales and resizes them (tests/golden/make_picture_golden.py). */
#include "golden.h"

#include "data/picture/picture.h"
#include "data/prepare.h"

#include <openssl/evp.h>
#include <string.h>

static int number_at(const json_t *list, size_t i) {
    assert_true(json_is_integer(json_array_get(list, i)));
    return (int)json_integer_value(json_array_get(list, i));
}

/* Bytes against a list of numbers; returns how many differ at all. */
static size_t assert_bytes(const unsigned char *got, const json_t *wanted, size_t count, int within) {
    size_t differ = 0;
    assert_int_equal(json_array_size(wanted), count);
    for (size_t i = 0; i < count; i++) {
        const int apart = abs((int)got[i] - number_at(wanted, i));
        if (apart > within) print_error("value %zu of %zu is %d, not %d\n", i, count, got[i], number_at(wanted, i));
        assert_true(apart <= within);
        differ += apart > 0;
    }
    return differ;
}

/* The file with an orientation, read at the size that is wanted. Pillow has a libjpeg of its own, whose rounding may be another. */
static void assert_shown(unsigned char *file, size_t size, int orientation_at, const json_t *shown) {
    const json_t *wanted = json_object_get(shown, "wanted"), *shape = json_object_get(shown, "shape");
    const int orientation = (int)golden_number(shown, "orientation");
    const char *path = path_in(scratch_folder(), "golden.jpg");
    Picture picture;
    if (orientation_at >= 0) file[orientation_at] = (unsigned char)orientation;
    write_bytes(path, file, size);
    assert_ok(picture_read(path, &(PictureOptions){number_at(wanted, 0), number_at(wanted, 1), 0}, &picture));
    assert_int_equal(picture.height, number_at(shape, 0));
    assert_int_equal(picture.width, number_at(shape, 1));
    assert_int_equal(picture.channels, number_at(shape, 2));
    assert_int_equal(picture.turned, orientation != 1);
    assert_bytes(picture.pixels, json_object_get(shown, "pixels"),
                 (size_t)picture.height * (size_t)picture.width * (size_t)picture.channels, 1);
    free(picture.pixels);
}

static void test_jpegs(void **state) {
    (void)state;
    json_t *golden = golden_open("picture_golden.json"), *jpeg, *shown;
    size_t i, k, sizes = 0;
    json_array_foreach(json_object_get(golden, "jpegs"), i, jpeg) {
        const char *text = json_string_value(json_object_get(jpeg, "file"));
        const size_t length = strlen(text),
                     padding = (size_t)(strchr(text, '=') ? strchr(text, '=') - text : (long)length);
        unsigned char *file = malloc(length);
        assert_non_null(file);
        const int bytes = EVP_DecodeBlock(file, (const unsigned char *)text, (int)length);
        assert_true(bytes > 0);
        json_array_foreach(json_object_get(jpeg, "shown"), k, shown)
            assert_shown(file, (size_t)bytes - (length - padding), (int)golden_number(jpeg, "orientation_at"), shown);
        sizes += k;
        free(file);
    }
    assert_int_equal(sizes, 2 + 8 * 2 + 3 + 3);
    json_decref(golden);
}

/* Sums are rounded once here, and after each side there: a value between two bytes may fall to either. */
static void test_resizes(void **state) {
    (void)state;
    json_t *golden = golden_open("picture_golden.json"), *resize;
    size_t i, differ = 0, all = 0;
    json_array_foreach(json_object_get(golden, "resizes"), i, resize) {
        const json_t *from = json_object_get(resize, "from"), *to = json_object_get(resize, "to"),
                     *pixels = json_object_get(resize, "pixels");
        const int chw[3] = {number_at(from, 2), number_at(from, 0), number_at(from, 1)},
                  to_chw[3] = {chw[0], number_at(to, 0), number_at(to, 1)};
        const size_t count = (size_t)chw[0] * (size_t)chw[1] * (size_t)chw[2],
                     out_count = (size_t)to_chw[0] * (size_t)to_chw[1] * (size_t)to_chw[2];
        unsigned char *in = malloc(count), *out = malloc(out_count);
        assert_true(in && out && json_array_size(pixels) == count);
        for (size_t k = 0; k < count; k++) in[k] = (unsigned char)number_at(pixels, k);
        assert_ok(resize_bytes(in, chw, to_chw, out));
        differ += assert_bytes(out, json_object_get(resize, "out"), out_count, 1);
        all += out_count;
        free(in);
        free(out);
    }
    assert_true(all > 0 && differ * 100 <= all);
    json_decref(golden);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jpegs),
        cmocka_unit_test(test_resizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
