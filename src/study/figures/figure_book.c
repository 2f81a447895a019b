#include "study/figures/figure_book.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/set_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double page_margin = 10; /* points */

static const char *const format_words[] = {"svg", "png", "pdf", "none", NULL};
static const unsigned format_bits[] = {FIGURE_SVG, FIGURE_PNG, FIGURE_PDF, 0};

cf_status figure_formats_from_text(const char *text, int theme, int dpi, unsigned *formats) {
    unsigned found = 0;
    int words = 0;
    bool none = false;
    for (const char *at = text; at; words++) {
        const char *end = strchrnul(at, ',');
        char word[32];
        int i = 0;
        snprintf(word, sizeof word, "%.*s", (int)(end - at), at);
        while (format_words[i] && strcmp(format_words[i], word) != 0) i++;
        FAIL_IF(!format_words[i], CF_BAD_USE, "--figures %s: svg, png and pdf between commas, or none, expected%s",
                text, text_hint(word, format_words));
        found |= format_bits[i];
        none |= !format_bits[i];
        at = *end ? end + 1 : NULL;
    }
    FAIL_IF(none && words > 1, CF_BAD_USE, "--figures %s: none stands alone; svg, png and pdf between commas otherwise",
            text);
    *formats = found ? found | FIGURE_LOOK * ((unsigned)theme + THEMES * (unsigned)dpi) : 0;
    return CF_OK;
}

void figure_list_free(FigureList *list) {
    for (size_t i = 0; i < list->count; i++) free(list->paths[i]);
    free(list->paths);
    *list = (FigureList){0};
}

cf_status figure_list_add(FigureList *list, char *path) {
    AUTO_FREE char *own = path;
    FORWARD(memory_grow(&list->paths, list->count, sizeof *list->paths));
    list->paths[list->count++] = memory_take(&own);
    return CF_OK;
}

static cf_status path_of(const FigureBook *book, const char *name, const char *ending, char **path) {
    return memory_print(path, "%s/%s%s.%s", book->folder, name, book->suffix, ending);
}

/* A drawing to one path, whatever draws it. */
typedef struct FigureDrawing {
    double width, height;
    DrawFigure draw;
    const void *content;
    const ImageGrid *grid; /* instead of the others */
} FigureDrawing;

static cf_status draw_file(const FigureBook *book, const FigureDrawing *drawing, const char *path) {
    const Theme *theme = themes[book->formats / FIGURE_LOOK % THEMES];
    const int dpi = (int)(book->formats / FIGURE_LOOK / THEMES);
    AUTO(canvas_free_at) Canvas *canvas = NULL;
    if (drawing->grid) return image_grid_draw(drawing->grid, theme, dpi, path);
    FORWARD(canvas_new(path, drawing->width, drawing->height, theme, dpi, &canvas));
    const Box box = {page_margin, page_margin, drawing->width - 2 * page_margin, drawing->height - 2 * page_margin};
    FORWARD(drawing->draw(canvas, theme, box, drawing->content));
    return canvas_finish(memory_take(&canvas));
}

static cf_status draw_all(const FigureBook *book, const char *name, const FigureDrawing *drawing) {
    for (int i = 0; format_bits[i]; i++) {
        AUTO_FREE char *path = NULL;
        if (!(book->formats & format_bits[i])) continue;
        FORWARD(path_of(book, name, format_words[i], &path));
        FORWARD(draw_file(book, drawing, path));
        FORWARD(figure_list_add(book->list, memory_take(&path)));
    }
    return CF_OK;
}

cf_status book_draw(const FigureBook *book, const char *name, double width, double height, DrawFigure draw,
                    const void *content) {
    return draw_all(book, name, &(FigureDrawing){width, height, draw, content, NULL});
}

cf_status book_grid(const FigureBook *book, const char *name, const ImageGrid *grid) {
    return draw_all(book, name, &(FigureDrawing){.grid = grid});
}

static cf_status draw_dots(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return dot_chart_draw(canvas, theme, box, content);
}

cf_status book_dots(const FigureBook *book, const char *name, double width, double height, const DotChart *chart) {
    return book_draw(book, name, width, height, draw_dots, chart);
}

static cf_status draw_heat(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return heat_map_draw(canvas, theme, box, content);
}

cf_status book_heat(const FigureBook *book, const char *name, double width, double height, const HeatMap *map) {
    return book_draw(book, name, width, height, draw_heat, map);
}

static cf_status draw_lines(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return line_chart_draw(canvas, theme, box, content);
}

cf_status book_lines(const FigureBook *book, const char *name, double width, double height, const LineChart *chart) {
    return book_draw(book, name, width, height, draw_lines, chart);
}

cf_status book_csv(const FigureBook *book, const char *name, FileDraft *draft) {
    AUTO_FREE char *path = NULL;
    FORWARD(path_of(book, name, "csv", &path));
    return file_draft(path, draft);
}

cf_status book_table(const FigureBook *book, const char *name, const char *heads, FileDraft *draft) {
    FORWARD(book_csv(book, name, draft));
    fprintf(draft->stream, "%s\n", heads);
    return CF_OK;
}

cf_status book_leave_out(const FigureBook *book, const char *name, const char *why) {
    static const char *const endings[] = {"svg", "png", "pdf", "csv"};
    notice("there is no figure %s: %s", name, why);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        AUTO_FREE char *path = NULL;
        FORWARD(path_of(book, name, endings[i], &path));
        FAIL_IF(unlink(path) != 0 && errno != ENOENT, CF_IO, "%s cannot be removed: %s", path, strerror(errno));
    }
    return CF_OK;
}

cf_status book_unless_undrawable(const FigureBook *book, const char *name, cf_status status) {
    return status == CF_BAD_USE ? book_leave_out(book, name, cf_error()) : status;
}

cf_status figures_of_folder(const char *folder, unsigned formats, FigureList *list, DrawFigures draw, const void *content) {
    AUTO_FREE char *inside = NULL, *real = realpath(folder, NULL); /* of "." too a name */
    if (!formats) return CF_OK;
    FORWARD(file_join(folder, "figures", &inside));
    FORWARD(file_make_folder(inside));
    return draw(&(FigureBook){inside, "", file_base_name(real ? real : folder), formats, list}, content);
}

cf_status figures_of_run(const Run *run, const char *to, const char *data, const char *part, const Augmentation *views,
                         unsigned formats, FigureList *list, DrawFigures draw, const void *content) {
    AUTO_FREE char *folder = NULL, *suffix = NULL, *subject = NULL;
    if (!formats) return CF_OK;
    FORWARD(to ? memory_copy_string(to, &folder) : file_join(run->folder, "figures", &folder));
    FORWARD(figures_suffix(run, data, part, !to, &suffix));
    FORWARD(figures_subject(data, part, views, &subject));
    FORWARD(file_make_folder(folder));
    return draw(&(FigureBook){folder, suffix, subject, formats, list}, content);
}

/* ---- What the files are called that a run has of other data than its own, and which data they are of ---- */

enum { LONGEST_SUFFIX = 100 }; /* a file's name has 255 bytes */

/* "-svhn", "-mnist-all"; of generated data "-street_blur_2_4". */
static cf_status plain_suffix(const Run *run, const char *data, const char *part, char **suffix) {
    const bool whole = strcmp(part, "all") == 0 && set_test_begin(run->set) < run->set->count;
    const char *ending = !run->other || whole ? part : "";
    AUTO_FREE char *title = NULL;
    FORWARD(data_title(data, &title));
    FORWARD(memory_print(suffix, "-%s%s%s%s%s", title, *ending ? "-" : "", ending, run->views ? "-views" : "",
                         run->int8 ? "-int8" : ""));
    text_to_file_name(*suffix);
    if (strlen(*suffix) > LONGEST_SUFFIX) (*suffix)[LONGEST_SUFFIX] = '\0';
    return CF_OK;
}

/* What is evaluated, as it stands in other-data.json. */
static json_t *describe(const Run *run, const char *data, const char *part) {
    char *place = generator_named(data) ? NULL : realpath(run->set->source, NULL);
    json_t *json = json_pack("{s:s s:s}", "part", part, "sha256", run->set->sha256);
    json_object_set_new(json, "data", json_text(data));
    json_object_set_new(json, "place", json_text(place ? place : data));
    if (run->views) json_object_set_new(json, "views", json_text(augmentation_line(run->views)));
    if (run->int8) json_object_set_new(json, "precision", json_string("int8"));
    free(place);
    return json;
}

static bool same_member(const json_t *a, const json_t *b, const char *key) {
    const json_t *value = json_object_get(a, key);
    return value && json_equal((json_t *)(uintptr_t)value, json_object_get(b, key));
}

/* Both have it alike, or neither. */
static bool same_if_there(const json_t *a, const json_t *b, const char *key) {
    const bool has = json_object_get(a, key), other_has = json_object_get(b, key);
    return has == other_has && (!has || same_member(a, b, key));
}

/* The same set, or what lies in its place now. */
static bool same_data(const json_t *a, const json_t *b) {
    return same_if_there(a, b, "views") && same_if_there(a, b, "precision") && same_member(a, b, "part") &&
           (same_member(a, b, "sha256") || same_member(a, b, "place"));
}

/* The first of "-set", "-set-2" .. that is free, or this data's already; *taken_by: what has the first of them. */
static cf_status find_free(const json_t *names, const json_t *own, char **suffix, const json_t **taken_by) {
    AUTO_FREE char *plain = memory_take(suffix);
    *taken_by = NULL;
    for (int n = 1; n < 10000; n++) {
        AUTO_FREE char *tried = NULL;
        FORWARD(n > 1 ? memory_print(&tried, "%s-%d", plain, n) : memory_copy_string(plain, &tried));
        const json_t *there = json_object_get(names, tried);
        if (!there || same_data(there, own)) {
            *suffix = memory_take(&tried);
            return CF_OK;
        }
        if (n == 1) *taken_by = there;
    }
    return FAIL(CF_BAD_USE, "there are figures of too many sets of this name");
}

static cf_status settle_suffix(const Run *run, const char *path, json_t *names, json_t *own, bool keep, char **suffix) {
    const json_t *taken_by;
    FORWARD(find_free(names, own, suffix, &taken_by));
    if (!keep || json_equal(json_object_get(names, *suffix), own)) return CF_OK;
    if (taken_by && !json_object_get(names, *suffix)) {
        const char *other = json_string_value(json_object_get(taken_by, "place"));
        notice("what %s has of %s has %s in its name: that of another set of this name is there already, %s", run->folder,
               run->set->name, *suffix, other ? other : "?");
    }
    json_object_set(names, *suffix, own);
    return json_write(path, names);
}

cf_status figures_suffix(const Run *run, const char *data, const char *part, bool keep, char **suffix) {
    AUTO_FREE char *path = NULL, *made = NULL;
    json_auto_t *names = NULL, *own = NULL;
    if (!run->other && !run->views && !run->int8 && strcmp(part, "test") == 0) return memory_copy_string("", suffix);
    FORWARD(file_join(run->folder, "other-data.json", &path));
    FORWARD(plain_suffix(run, data, part, &made));
    if (file_exists(path)) FORWARD(json_read(path, &names));
    own = describe(run, data, part);
    if (!names) names = json_object();
    FORWARD(settle_suffix(run, path, names, own, keep, &made));
    *suffix = memory_take(&made);
    return CF_OK;
}

/* How a set's images are read is left out: a line below a figure has no room for it. */
cf_status figures_subject(const char *data, const char *part, const Augmentation *views, char **subject) {
    ReadOptions options;
    AUTO_FREE char *plain = NULL, *title = NULL;
    char mean[48] = "";
    FORWARD(set_text_read(data, &plain, &options));
    if (views) snprintf(mean, sizeof mean, ", mean of %d views", augmentation_views(views, NULL));
    FORWARD(data_title(generator_named(data) ? data : plain, &title));
    return memory_print(subject, "%s, %s%s", title, part, mean);
}
