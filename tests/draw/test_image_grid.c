#include "base/memory.h"
#include "draw/image_grid.h"
#include "draw/pictures.h"
#include "testing.h"

#include <stdio.h>

enum { ROWS = 3, LEFT = 4, RIGHT = 2 };

static const char *in_scratch(const char *name) {
    return path_in(scratch_folder(), name);
}

/* Images of one colour, each its own: green is the group, red and blue the place. */
static unsigned char pixels[ROWS * (LEFT + RIGHT)][32 * 32 * 3];
static CanvasImage left[ROWS * LEFT], right[ROWS * RIGHT];
static const char *const labels[ROWS] = {"0", "T-shirt/top", "2"};
static const char *const columns[LEFT] = {"a", "b", "c", "d"};

static uint32_t colour_of(int group, int row, int column) {
    return (uint32_t)((40 * row + 20) << 16 | (100 * group + 60) << 8 | (40 * column + 50));
}

static int setup(void **state) {
    (void)state;
    for (int g = 0; g < 2; g++)
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < (g ? RIGHT : LEFT); c++) {
                const int place = g ? r * RIGHT + c : r * LEFT + c, side = g ? 28 : 32;
                unsigned char *at = pixels[g ? ROWS * LEFT + place : place];
                uint32_t colour = colour_of(g, r, c);
                for (int i = 0; i < side * side; i++, at += 3) {
                    at[0] = (unsigned char)(colour >> 16);
                    at[1] = (unsigned char)(colour >> 8);
                    at[2] = (unsigned char)colour;
                }
                (g ? right : left)[place] = (CanvasImage){at - 3 * side * side, 3, side, side};
            }
    return 0;
}

/* Where a colour is: the rectangle around it, and how many pixels. */
typedef struct Spot {
    int x0, y0, x1, y1, count;
} Spot;

static Spot find(const Drawn *drawn, uint32_t colour) {
    Spot spot = {drawn->width, drawn->height, -1, -1, 0};
    for (int y = 0; y < drawn->height; y++)
        for (int x = 0; x < drawn->width; x++) {
            if (pixel_at(drawn, x, y) != colour) continue;
            if (x < spot.x0) spot.x0 = x;
            if (y < spot.y0) spot.y0 = y;
            if (x > spot.x1) spot.x1 = x;
            if (y > spot.y1) spot.y1 = y;
            spot.count++;
        }
    return spot;
}

static ImageGrid two_groups(GridGroup groups[2]) {
    groups[0] = (GridGroup){.heading = "left", .about = "first", .columns = LEFT, .images = left};
    groups[1] = (GridGroup){.heading = "right", .columns = RIGHT, .images = right};
    return (ImageGrid){.note = "a note", .rows = ROWS, .row_labels = labels, .group_count = 2, .groups = groups};
}

static void test_places(void **state) {
    (void)state;
    GridGroup groups[2];
    ImageGrid grid = two_groups(groups);
    assert_ok(image_grid_draw(&grid, &theme_light, 144, in_scratch("grid.png")));
    Drawn drawn = read_drawn(in_scratch("grid.png"));
    Spot spots[2][ROWS][LEFT];
    for (int g = 0; g < 2; g++)
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < groups[g].columns; c++) {
                Spot spot = spots[g][r][c] = find(&drawn, colour_of(g, r, c));
                const int side = g ? 84 : 96; /* three PNG pixels for each of the image's */
                assert_int_equal(spot.count, side * side);
                assert_int_equal(spot.x1 - spot.x0 + 1, side);
                assert_int_equal(spot.y1 - spot.y0 + 1, side);
                if (c) assert_int_equal(spot.x0 - spots[g][r][c - 1].x1, 7);
                if (r) assert_int_equal(spot.x0, spots[g][r - 1][c].x0);
                assert_int_equal(spot.y0, spots[0][r][0].y0);
            }
    assert_int_equal(spots[1][0][0].x0 - spots[0][0][LEFT - 1].x1, 53); /* the groups' gap */
    assert_true(spots[0][0][0].x0 > 44 + 2 * (int)text_width(labels[1], (TextStyle){11, true, TEXT_RIGHT}));
    assert_true(drawn.width - spots[1][0][RIGHT - 1].x1 >= 44);
    assert_true(drawn.height - spots[0][ROWS - 1][0].y1 >= 44);
    assert_int_equal(pixel_at(&drawn, 0, 0), 0xffffff);
    free(drawn.rgb);
}

/* An empty place, an image that is not square, grey, dark, with all captions. */
static void test_kinds_of_places(void **state) {
    (void)state;
    static const unsigned char grey[4 * 8] = {0};
    const CanvasImage images[2] = {{grey, 1, 4, 8}, {0}};
    const char *const captions[2] = {"flat", NULL};
    const GridGroup group = {.columns = 2, .column_captions = columns, .images = images, .captions = captions};
    const ImageGrid grid = {.title = "Title", .rows = 1, .group_count = 1, .groups = &group};
    assert_ok(image_grid_draw(&grid, &theme_dark, 144, in_scratch("dark.png")));
    Drawn drawn = read_drawn(in_scratch("dark.png"));
    Spot black = find(&drawn, 0), empty = find(&drawn, 0x24252b);
    assert_int_equal(black.count, 96 * 48);
    assert_int_equal(empty.count, 96 * 96);
    assert_int_equal(black.y0 - empty.y0, 24);
    assert_int_equal(pixel_at(&drawn, 0, 0), 0x16171c);
    free(drawn.rgb);
    GridGroup bare = group;
    bare.blank = true;
    const ImageGrid other = {.rows = 1, .group_count = 1, .groups = &bare};
    assert_ok(image_grid_draw(&other, &theme_dark, 144, in_scratch("blank.png")));
    drawn = read_drawn(in_scratch("blank.png"));
    assert_int_equal(find(&drawn, 0x24252b).count, 0);
    assert_int_equal(find(&drawn, 0).count, 96 * 48);
    free(drawn.rgb);
}

/* Rows that belong together stand closer than blocks, and their label is beside the middle of both. */
static void test_blocks(void **state) {
    (void)state;
    static unsigned char rows[4][8 * 8 * 3];
    CanvasImage images[4];
    for (int r = 0; r < 4; r++) {
        for (int i = 0; i < 8 * 8; i++) rows[r][3 * i] = (unsigned char)(50 + r);
        images[r] = (CanvasImage){rows[r], 3, 8, 8};
    }
    const char *const names[] = {"HHH", "", "HHH", ""};
    const GridGroup group = {.columns = 1, .images = images};
    const ImageGrid grid = {
        .rows = 4, .block_rows = 2, .row_labels = names, .side = 60, .group_count = 1, .groups = &group};
    assert_ok(image_grid_draw(&grid, &theme_light, 144, in_scratch("blocks.png")));
    Drawn drawn = read_drawn(in_scratch("blocks.png"));
    Spot spots[4];
    for (int r = 0; r < 4; r++) spots[r] = find(&drawn, (uint32_t)(50 + r) << 16);
    assert_int_equal(spots[0].x1 - spots[0].x0 + 1, 120); /* 15 PNG pixels for each of the image's */
    assert_int_equal(spots[1].y0 - spots[0].y1, 7);
    assert_int_equal(spots[2].y0 - spots[1].y1, 7 + 18);
    assert_int_equal(spots[3].y0 - spots[2].y1, 7);
    int top = drawn.height, bottom = -1;
    for (int y = 0; y < spots[2].y0; y++)
        for (int x = 0; x < spots[0].x0; x++)
            if (pixel_at(&drawn, x, y) != 0xffffff) top = y < top ? y : top, bottom = y;
    assert_true(abs((top + bottom) - (spots[0].y0 + spots[1].y1)) <= 4);
    free(drawn.rgb);
}

/* Each line of a caption takes its height, in all rows. */
static void test_captions(void **state) {
    (void)state;
    const char *captions[ROWS * LEFT] = {"one"};
    const GridGroup group = {.columns = LEFT, .images = left, .captions = captions};
    const ImageGrid grid = {.rows = ROWS, .group_count = 1, .groups = &group};
    int steps[3];
    const char *const texts[3] = {"one", "4 \xe2\x86\x92 9\n87 %", "a\nb\nc"};
    for (int i = 0; i < 3; i++) {
        captions[0] = texts[i];
        assert_ok(image_grid_draw(&grid, &theme_light, 144, in_scratch("captions.png")));
        Drawn drawn = read_drawn(in_scratch("captions.png"));
        steps[i] = find(&drawn, colour_of(0, 1, 0)).y0 - find(&drawn, colour_of(0, 0, 0)).y0;
        /* The last line is muted, those above it are not. */
        assert_true((find(&drawn, 0x1a1c24).count > 0) == (i > 0));
        assert_true(find(&drawn, 0x6b707d).count > 0);
        free(drawn.rgb);
    }
    assert_int_equal(steps[1] - steps[0], 19);
    assert_int_equal(steps[2] - steps[1], 19);
}

/* Headings that are wider than their group are cut, and the figure stays as wide as its images. */
static void test_long_texts(void **state) {
    (void)state;
    char text[4000];
    memset(text, 'm', sizeof text);
    text[sizeof text - 1] = '\0';
    GridGroup groups[2];
    ImageGrid grid = two_groups(groups);
    assert_ok(image_grid_draw(&grid, &theme_light, 144, in_scratch("short.png")));
    groups[0].heading = groups[1].about = grid.title = grid.note = text;
    assert_ok(image_grid_draw(&grid, &theme_light, 144, in_scratch("long.png")));
    Drawn a = read_drawn(in_scratch("short.png")), b = read_drawn(in_scratch("long.png"));
    assert_int_equal(a.width, b.width);
    /* Nothing is written into the margin at the right. */
    for (int y = 0; y < b.height; y++)
        for (int x = b.width - 40; x < b.width; x++) assert_int_equal(pixel_at(&b, x, y), 0xffffff);
    free(a.rgb);
    free(b.rgb);
}

static void test_same_bytes(void **state) {
    (void)state;
    const char *const ends[] = {"svg", "png", "pdf"};
    GridGroup groups[2];
    ImageGrid grid = two_groups(groups);
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char one[16], two[16];
        snprintf(one, sizeof one, "g1.%s", ends[i]);
        snprintf(two, sizeof two, "g2.%s", ends[i]);
        assert_ok(image_grid_draw(&grid, &theme_light, 144, in_scratch(one)));
        assert_ok(image_grid_draw(&grid, &theme_light, 144, in_scratch(two)));
        expect_same_file(in_scratch(one), in_scratch(two));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),   cmocka_unit_test(test_kinds_of_places), cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_captions), cmocka_unit_test(test_long_texts),      cmocka_unit_test(test_same_bytes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
