#include "study/figures/figure_book.h"

#include "base/memory.h"
#include "base/text.h"

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

static const Theme *theme_of(unsigned formats) {
    return themes[formats / FIGURE_LOOK % THEMES];
}

static int dpi_of(unsigned formats) {
    return (int)(formats / FIGURE_LOOK / THEMES);
}

void figure_list_free(FigureList *list) {
    for (size_t i = 0; i < list->count; i++) free(list->paths[i]);
    free(list->paths);
    *list = (FigureList){0};
}

cf_status figure_list_add(FigureList *list, char *path) {
    if (list->count == list->room) {
        const size_t room = 2 * list->room + 16;
        char **grown = realloc(list->paths, room * sizeof *grown);
        if (!grown) {
            free(path);
            return FAIL(CF_NO_MEMORY, "out of memory while drawing figures");
        }
        list->paths = grown;
        list->room = room;
    }
    list->paths[list->count++] = path;
    return CF_OK;
}

static cf_status path_of(const FigureBook *book, const char *name, const char *ending, char **path) {
    return memory_print(path, "%s/%s%s.%s", book->folder, name, book->suffix, ending);
}

/* A drawing to one path, whatever draws it. */
typedef struct Drawing {
    double width, height;
    DrawFigure draw;
    const void *content;
    const ImageGrid *grid; /* instead of the others */
} Drawing;

static cf_status draw_file(const FigureBook *book, const Drawing *drawing, const char *path) {
    const Theme *theme = theme_of(book->formats);
    Canvas *canvas;
    if (drawing->grid) return image_grid_draw(drawing->grid, theme, dpi_of(book->formats), path);
    FORWARD(canvas_new(path, drawing->width, drawing->height, theme, dpi_of(book->formats), &canvas));
    const Box box = {page_margin, page_margin, drawing->width - 2 * page_margin, drawing->height - 2 * page_margin};
    cf_status status = drawing->draw(canvas, theme, box, drawing->content);
    if (!status) return canvas_finish(canvas);
    canvas_free(canvas);
    return status;
}

static cf_status draw_all(const FigureBook *book, const char *name, const Drawing *drawing) {
    for (int i = 0; format_bits[i]; i++) {
        char *path;
        if (!(book->formats & format_bits[i])) continue;
        FORWARD(path_of(book, name, format_words[i], &path));
        cf_status status = draw_file(book, drawing, path);
        if (status) {
            free(path);
            return status;
        }
        FORWARD(figure_list_add(book->list, path));
    }
    return CF_OK;
}

cf_status book_draw(const FigureBook *book, const char *name, double width, double height, DrawFigure draw,
                    const void *content) {
    return draw_all(book, name, &(Drawing){width, height, draw, content, NULL});
}

cf_status book_grid(const FigureBook *book, const char *name, const ImageGrid *grid) {
    return draw_all(book, name, &(Drawing){.grid = grid});
}

cf_status book_csv(const FigureBook *book, const char *name, FileDraft *draft) {
    char *path;
    FORWARD(path_of(book, name, "csv", &path));
    cf_status status = file_draft(path, draft);
    free(path);
    return status;
}

cf_status book_leave_out(const FigureBook *book, const char *name, const char *why) {
    static const char *const endings[] = {"svg", "png", "pdf", "csv"};
    notice("there is no figure %s: %s", name, why);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        char *path;
        FORWARD(path_of(book, name, endings[i], &path));
        const bool gone = unlink(path) == 0 || errno == ENOENT;
        cf_status status = gone ? CF_OK : FAIL(CF_IO, "%s cannot be removed: %s", path, strerror(errno));
        free(path);
        FORWARD(status);
    }
    return CF_OK;
}
