/* Images that occur in two places: counted by hand, and against every pair compared. */
#include "data/image_set.h"

#include "base/rng.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

static cf_set *new_set(size_t count, int channels, int height, int width) {
    cf_set *set;
    assert_ok(set_new("made", "made", count, channels, height, width, 1, &set));
    return set;
}

static void end(cf_set *set) {
    cf_set_free(set);
}

static void by_hand(void **state) {
    (void)state;
    cf_set *set = new_set(6, 1, 1, 3), *other = new_set(4, 1, 1, 3);
    static const unsigned char pixels[6][3] = {{1, 2, 3}, {1, 2, 4}, {0, 0, 0}, {1, 2, 3}, {3, 2, 1}, {0, 0, 1}};
    static const unsigned char others[4][3] = {{3, 2, 1}, {1, 2, 3}, {9, 9, 9}, {0, 0, 1}};
    memcpy(set->pixels, pixels, sizeof pixels);
    memcpy(other->pixels, others, sizeof others);
    uint32_t train[] = {0, 2, 3}, validation[] = {1, 3, 4}, all[] = {0, 1, 2, 3, 4, 5}, mixed[] = {3, 2, 1, 0, 0};
    const cf_subset parts[] = {{.set = set, .images = train, .count = 3},
                               {.set = set, .images = validation, .count = 3}};
    const cf_subset *const pointers[] = {&parts[0], &parts[1]};
    const cf_subset own = {.set = set, .images = all, .count = 6},
                    foreign = {.set = other, .images = mixed, .count = 5};
    size_t found[2];
    assert_ok(same_images_count(&own, pointers, 2, found));
    assert_int_equal(found[0], 3); /* 0, 2, 3 */
    assert_int_equal(found[1], 2); /* 1, 4; 3 is the first part's */
    assert_ok(same_images_count(&foreign, pointers, 2, found));
    assert_int_equal(found[0], 1); /* {1, 2, 3} */
    assert_int_equal(found[1], 2); /* {3, 2, 1}, twice */
    const cf_subset none = {.set = set, .images = all, .count = 0};
    const cf_subset *const empty[] = {&none};
    assert_ok(same_images_count(&own, empty, 1, found));
    assert_int_equal(found[0], 0);
    assert_ok(same_images_count(&none, pointers, 2, found));
    assert_int_equal(found[0] + found[1], 0);
    end(set);
    end(other);
}

/* Few values of few pixels, so that many are equal; sizes around the eight bytes that are hashed at once. */
static void against_all_pairs(void **state) {
    (void)state;
    enum { COUNT = 400 };
    uint32_t images[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) images[i] = i;
    for (int width = 1; width <= 19; width++) {
        cf_set *a = new_set(COUNT, 1, 1, width), *b = new_set(COUNT, 1, 1, width);
        RngStream stream = rng_stream(3, RNG_SPLIT, (uint64_t)width, 0);
        for (size_t i = 0; i < COUNT; i++) { /* equal but for one or two pixels */
            a->pixels[i * (size_t)width + (size_t)((float)width * rng_uniform(&stream, 2 * i))] =
                (unsigned char)(i % 17);
            b->pixels[i * (size_t)width + (size_t)((float)width * rng_uniform(&stream, 2 * i + 1))] =
                (unsigned char)(i % 29);
        }
        const cf_subset of = {.set = a, .images = images, .count = COUNT},
                        among = {.set = b, .images = images, .count = COUNT / 4};
        const cf_subset *const parts[] = {&among};
        size_t found, expected = 0;
        assert_ok(same_images_count(&of, parts, 1, &found));
        for (size_t i = 0; i < COUNT; i++) {
            bool has = false;
            for (size_t j = 0; j < COUNT / 4; j++)
                has |= memcmp(a->pixels + i * (size_t)width, b->pixels + j * (size_t)width, (size_t)width) == 0;
            expected += has;
        }
        assert_int_equal(found, expected);
        assert_true(width < 2 || (expected > 0 && expected < COUNT));
        end(a);
        end(b);
    }
}

/* A hundred thousand equal images are one to look at. */
static void equal_images_take_no_time(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    cf_set *set = new_set(COUNT, 1, 8, 8);
    uint32_t *images = malloc(COUNT * sizeof *images);
    assert_non_null(images);
    for (uint32_t i = 0; i < COUNT; i++) images[i] = i;
    const cf_subset all = {.set = set, .images = images, .count = COUNT};
    const cf_subset *const parts[] = {&all};
    size_t found;
    assert_ok(same_images_count(&all, parts, 1, &found));
    assert_int_equal(found, COUNT);
    free(images);
    end(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(against_all_pairs),
        cmocka_unit_test(equal_images_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
