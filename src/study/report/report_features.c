/* The scatter of features: embedding.csv (x, y, label, image), as cifra umap leaves it, in scatter.html for features.js. A page may have
 * several.
 *
 * Every point has a small picture of its image. What does not fit is left out evenly, and the page says how many there
 * are.
 */
#include "base/json_text.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/prepare.h"
#include "draw/canvas.h"
#include "study/report/report_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHOWN = 12000, SMALL_THUMBNAIL = 14, THUMBNAIL = 28, THUMBNAILS_LARGEST = 2400000 };

static size_t pixels_within(const cf_set *set, int side) {
    const int high = set->height < side ? set->height : side, wide = set->width < side ? set->width : side;
    return (size_t)set->channels * (size_t)high * (size_t)wide;
}

bool report_has_features(const ReportInput *input) {
    return input->embedding.rows > 0;
}

static size_t points_shown(const ReportInput *input) {
    size_t most = MOST_SHOWN, rows = input->embedding.rows;
    if (input->set && THUMBNAILS_LARGEST / pixels_within(input->set, SMALL_THUMBNAIL) < most)
        most = THUMBNAILS_LARGEST / pixels_within(input->set, SMALL_THUMBNAIL);
    return rows < most ? rows : most;
}

/* Of few points larger pictures. */
static void thumbnail_shape(const ReportInput *input, int shape[3]) {
    const cf_set *set = input->set;
    const bool large = points_shown(input) * pixels_within(set, THUMBNAIL) <= THUMBNAILS_LARGEST;
    const int side = large ? THUMBNAIL : SMALL_THUMBNAIL;
    shape[0] = set->channels;
    shape[1] = set->height < side ? set->height : side;
    shape[2] = set->width < side ? set->width : side;
}

static size_t thumbnail_size(const ReportInput *input) {
    int shape[3];
    if (!input->set) return 0;
    thumbnail_shape(input, shape);
    return (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
}

size_t report_features_bytes(const ReportInput *input) {
    size_t each = 2 * sizeof(float) + 8 + thumbnail_size(input);
    return report_has_features(input) ? points_shown(input) * each : 0;
}

cf_status report_features_check(const ReportInput *input) {
    static const char *const names[] = {"x", "y", "label", "image"};
    const CsvTable *table = &input->embedding;
    for (size_t c = 0; table->columns && c < COUNT_OF(names); c++)
        FAIL_IF(csv_table_column(table, names[c]) < 0, CF_BAD_INPUT, "%s/embedding.csv: the column \"%s\" is missing",
                input->folder, names[c]);
    return CF_OK;
}

typedef struct Embedded {
    float xy[2];
    long long image;
    const char *label;
} Embedded;

static cf_status read_point(const ReportInput *input, size_t row, Embedded *point) {
    const CsvTable *table = &input->embedding;
    const char *cells[4];
    static const char *const names[] = {"x", "y", "label", "image"};
    double xy[2];
    for (size_t c = 0; c < 4; c++)
        cells[c] = csv_table_cell(table, (ptrdiff_t)row, (size_t)csv_table_column(table, names[c]));
    long long most = input->set ? (long long)input->set->count - 1 : UINT32_MAX;
    FAIL_IF(!text_to_number(cells[0], &xy[0]) || !text_to_number(cells[1], &xy[1]) ||
                !text_to_integer(cells[3], 0, most, &point->image),
            CF_BAD_INPUT, "%s/embedding.csv, line %zu: two numbers and an image of the set expected", input->folder,
            row + 2);
    for (int i = 0; i < 2; i++) point->xy[i] = (float)xy[i];
    point->label = cells[2];
    return CF_OK;
}

/* The place of a label in the list, where it is put if it is new. */
static size_t label_place(const ReportInput *input, json_t *labels, const char *label) {
    const int class = report_class_named(input, label);
    if (class >= 0) return (size_t) class;
    json_auto_t *wanted = json_text(label);
    for (size_t i = 0; i < json_array_size(labels); i++)
        if (json_equal(json_array_get(labels, i), wanted)) return i;
    json_array_append(labels, wanted);
    return json_array_size(labels) - 1;
}

/* The classes of the test first, so that their colours are those of their numbers. */
static cf_status collect_points(const ReportInput *input, size_t count, float *xy, unsigned char *thumbnails, json_t *labels,
                         json_t *label, json_t *index) {
    const cf_set *set = input->set;
    for (int c = 0; c < input->classes; c++) json_array_append_new(labels, json_text(report_class(input, c)));
    for (size_t i = 0; i < count; i++) {
        Embedded point;
        FORWARD(read_point(input, i * input->embedding.rows / count, &point));
        memcpy(xy + 2 * i, point.xy, sizeof point.xy);
        json_array_append_new(label, json_integer((json_int_t)label_place(input, labels, point.label)));
        json_array_append_new(index, json_integer(point.image));
        if (!set) continue;
        const int from[3] = {set->channels, set->height, set->width};
        int to[3];
        thumbnail_shape(input, to);
        FORWARD(resize_bytes(set->pixels + (size_t)point.image * set_image_size(set), from, to,
                             thumbnails + i * thumbnail_size(input)));
    }
    return CF_OK;
}

static json_t *colours(const Theme *theme) {
    json_t *list = json_array();
    char hex[COLOUR_HEX];
    for (int c = 0; c < CLASS_COLOURS; c++) json_array_append_new(list, json_string(colour_hex(theme_class(theme, c), hex)));
    return list;
}

/* The outline of each mark; of a disc none. */
static json_t *shapes(void) {
    json_t *list = json_array();
    for (int s = 0; s < MARK_SHAPES; s++) {
        const Point *corners;
        const int count = mark_corners((MarkShape)s, &corners);
        json_t *outline = json_array();
        for (int c = 0; c < count; c++) json_array_append_new(outline, json_pack("[f f]", corners[c].x, corners[c].y));
        json_array_append_new(list, outline);
    }
    return list;
}

typedef struct Scatter {
    const ReportInput *input;
    ScatterAdds adds;
    const void *context;
} Scatter;

static cf_status scatter_data(FILE *out, const Scatter *scatter) {
    const ReportInput *input = scatter->input;
    const size_t count = points_shown(input), size = thumbnail_size(input);
    AUTO_FREE float *xy = NULL;
    AUTO_FREE unsigned char *thumbnails = NULL;
    json_t *labels = json_array(), *label = json_array(), *index = json_array();
    json_auto_t *features = json_pack("{s:o s:o s:o s:I s:o s:{s:o s:o}}", "labels", labels, "label", label, "index", index, "all",
                                      (json_int_t)input->embedding.rows, "shapes", shapes(), "colours", "light", colours(&theme_light),
                                      "dark", colours(&theme_dark));
    FORWARD(memory_new(count, 2 * sizeof *xy, &xy));
    FORWARD(memory_new(count, size + 1, &thumbnails));
    FORWARD(collect_points(input, count, xy, thumbnails, labels, label, index));
    if (input->set) {
        int shape[3];
        thumbnail_shape(input, shape);
        json_object_set_new(features, "shape", json_pack("[i i i]", shape[0], shape[1], shape[2]));
    }
    if (scatter->adds) FORWARD(scatter->adds(features, scatter->context));
    FORWARD(html_json_script(out, "class=\"scatter-data\"", features));
    html_array(out, "class=\"points\"", xy, count * 2 * sizeof *xy);
    html_array(out, "class=\"point-images\"", thumbnails, count * size);
    return CF_OK;
}

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    return page_place_is(name, length, "scatter-data") ? scatter_data(out, context) : page_unknown_place("scatter.html", name, length);
}

cf_status section_scatter(FILE *out, const ReportInput *input, ScatterAdds adds, const void *context) {
    const Scatter scatter = {input, adds, context};
    return report_has_features(input) ? page_write(out, "scatter.html", write_place, &scatter) : CF_OK;
}
