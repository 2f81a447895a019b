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

/* What is shown: so many points, each with a picture of this shape, of so many bytes; without images 0. */
typedef struct Thumbnails {
    size_t points, size;
    int shape[3];
} Thumbnails;

static void fit_shape(const cf_set *set, int side, Thumbnails *t) {
    t->shape[0] = set->channels;
    t->shape[1] = set->height < side ? set->height : side;
    t->shape[2] = set->width < side ? set->width : side;
    t->size = (size_t)t->shape[0] * (size_t)t->shape[1] * (size_t)t->shape[2];
}

/* Of few points larger pictures. */
static Thumbnails thumbnails_of(const ReportInput *input) {
    Thumbnails t = {.points = input->embedding.rows < MOST_SHOWN ? input->embedding.rows : MOST_SHOWN};
    if (!input->set) return t;
    fit_shape(input->set, SMALL_THUMBNAIL, &t);
    const size_t most = THUMBNAILS_LARGEST / t.size;
    if (t.points > most) t.points = most;
    fit_shape(input->set, THUMBNAIL, &t);
    if (t.points * t.size > THUMBNAILS_LARGEST) fit_shape(input->set, SMALL_THUMBNAIL, &t);
    return t;
}

bool report_has_features(const ReportInput *input) {
    return input->embedding.rows > 0;
}

size_t report_features_bytes(const ReportInput *input) {
    const Thumbnails t = thumbnails_of(input);
    return t.points * (2 * sizeof(float) + 8 + t.size);
}

static const char *const column_names[] = {"x", "y", "label", "image"};

cf_status report_features_check(const ReportInput *input) {
    const CsvTable *table = &input->embedding;
    for (size_t c = 0; table->columns && c < COUNT_OF(column_names); c++)
        FAIL_IF(csv_table_column(table, column_names[c]) < 0, CF_BAD_INPUT, "%s/embedding.csv: the column \"%s\" is missing",
                input->folder, column_names[c]);
    return CF_OK;
}

static cf_status read_point(const ReportInput *input, size_t row, float xy[2], const char **label, long long *image) {
    const CsvTable *table = &input->embedding;
    const long long most = input->set ? (long long)input->set->count - 1 : UINT32_MAX;
    const char *cells[COUNT_OF(column_names)];
    double x, y;
    for (size_t c = 0; c < COUNT_OF(cells); c++)
        cells[c] = csv_table_cell(table, (ptrdiff_t)row, (size_t)csv_table_column(table, column_names[c]));
    FAIL_IF(!text_to_number(cells[0], &x) || !text_to_number(cells[1], &y) || !text_to_integer(cells[3], 0, most, image),
            CF_BAD_INPUT, "%s/embedding.csv, line %zu: two numbers and an image of the set expected", input->folder, row + 2);
    xy[0] = (float)x, xy[1] = (float)y;
    *label = cells[2];
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
static cf_status collect_points(const ReportInput *input, const Thumbnails *t, float *xy, unsigned char *pictures, json_t *labels,
                                json_t *label, json_t *index) {
    const cf_set *set = input->set;
    for (int c = 0; c < input->classes; c++) json_array_append_new(labels, json_text(report_class(input, c)));
    for (size_t i = 0; i < t->points; i++) {
        const char *name = "";
        long long image;
        FORWARD(read_point(input, i * input->embedding.rows / t->points, xy + 2 * i, &name, &image));
        json_array_append_new(label, json_integer((json_int_t)label_place(input, labels, name)));
        json_array_append_new(index, json_integer(image));
        if (!set) continue;
        const int from[3] = {set->channels, set->height, set->width};
        FORWARD(resize_bytes(set->pixels + (size_t)image * set_image_size(set), from, t->shape, pictures + i * t->size));
    }
    return CF_OK;
}

static json_t *theme_colours(const Theme *theme) {
    json_t *list = json_array();
    char hex[COLOUR_HEX];
    for (int c = 0; c < CLASS_COLOURS; c++) json_array_append_new(list, json_string(colour_hex(theme_class(theme, c), hex)));
    return list;
}

/* The outline of each mark; of a disc none. */
static json_t *mark_shapes(void) {
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
    const Thumbnails t = thumbnails_of(input);
    AUTO_FREE float *xy = NULL;
    AUTO_FREE unsigned char *pictures = NULL;
    json_t *labels = json_array(), *label = json_array(), *index = json_array();
    json_auto_t *features = json_pack("{s:o s:o s:o s:I s:o s:{s:o s:o}}", "labels", labels, "label", label, "index", index,
                                      "all", (json_int_t)input->embedding.rows, "shapes", mark_shapes(), "colours", "light",
                                      theme_colours(&theme_light), "dark", theme_colours(&theme_dark));
    FORWARD(memory_new(t.points, 2 * sizeof *xy, &xy));
    FORWARD(memory_new(t.points, t.size + 1, &pictures));
    FORWARD(collect_points(input, &t, xy, pictures, labels, label, index));
    if (input->set) json_object_set_new(features, "shape", json_pack("[i i i]", t.shape[0], t.shape[1], t.shape[2]));
    if (scatter->adds) FORWARD(scatter->adds(features, scatter->context));
    FORWARD(html_json_script(out, "class=\"scatter-data\"", features));
    html_array(out, "class=\"points\"", xy, t.points * 2 * sizeof *xy);
    html_array(out, "class=\"point-images\"", pictures, t.points * t.size);
    return CF_OK;
}

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    return page_place_is(name, length, "scatter-data") ? scatter_data(out, context)
                                                       : page_unknown_place("scatter.html", name, length);
}

cf_status section_scatter(FILE *out, const ReportInput *input, ScatterAdds adds, const void *context) {
    const Scatter scatter = {input, adds, context};
    return report_has_features(input) ? page_write(out, "scatter.html", write_place, &scatter) : CF_OK;
}
