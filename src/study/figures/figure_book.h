/* Where a run's figures go: one drawing gives a file in each format that was asked for, and its data lie beside it.
 *
 * A new figure is a function of a book and of what it shows: book_csv for the data, book_draw or book_grid for the
 * drawing, and one line in figures.c.
 */
#pragma once

#include "base/files.h"
#include "draw/image_grid.h"

/* The kinds of files, and from FIGURE_LOOK on how they look: a theme's place in theme_words, and the pixels per inch of a PNG (0: the
 * usual ones). 0: no figures. */
enum { FIGURE_SVG = 1, FIGURE_PNG = 2, FIGURE_PDF = 4, FIGURE_LOOK = 8 };

/* `text`: "svg", "png" and "pdf" between commas, or "none". */
cf_status figure_formats_from_text(const char *text, int theme, int dpi, unsigned *formats);

/* The files that were made, in order: figures without their CSV files. Begins zeroed. */
typedef struct FigureList {
    char **paths;
    size_t count, room;
} FigureList;
void figure_list_free(FigureList *list);
/* Takes over `path`, also on failure. */
cf_status figure_list_add(FigureList *list, char *path);

typedef struct FigureBook {
    const char *folder;  /* RUN/figures; exists */
    const char *suffix;  /* of file names: "" or "-svhn" */
    const char *subject; /* for titles: "mnist, test" */
    unsigned formats;    /* FIGURE_SVG | .. */
    FigureList *list;
} FigureBook;

typedef cf_status (*DrawFigure)(Canvas *canvas, const Theme *theme, Box box, const void *content);

/* Pages of width x height points with a margin around the drawing's box. */
cf_status book_draw(const FigureBook *book, const char *name, double width, double height, DrawFigure draw,
                    const void *content);
cf_status book_grid(const FigureBook *book, const char *name, const ImageGrid *grid);
/* Says that there is no figure of that name, and why; removes what an earlier drawing left under it. */
cf_status book_leave_out(const FigureBook *book, const char *name, const char *why);
/* The figure's data, NAME.csv: write to draft->stream, then file_commit. */
cf_status book_csv(const FigureBook *book, const char *name, FileDraft *draft);
