/* Where a run's figures go: one drawing gives a file in each format that was asked for, and its data lie beside it.
 *
 * A new figure is a function of a book and of what it shows: book_table for the data, book_draw or one of its shorter forms for the
 * drawing, and one line in figures.c.
 */
#pragma once

#include "base/files.h"
#include "draw/charts.h"
#include "draw/image_grid.h"
#include "study/run/run.h"

/* The kinds of files, and from FIGURE_LOOK on how they look: a theme's place in theme_words, and the pixels per inch of a PNG (0: the
 * usual ones). 0: no figures. */
enum { FIGURE_SVG = 1, FIGURE_PNG = 2, FIGURE_PDF = 4, FIGURE_LOOK = 8 };

/* `text`: "svg", "png" and "pdf" between commas, or "none". */
cf_status figure_formats_from_text(const char *text, int theme, int dpi, unsigned *formats);

/* The files that were made, in order: figures without their CSV files. Begins zeroed. */
typedef struct FigureList {
    char **paths;
    size_t count;
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
/* A chart alone on its page. */
cf_status book_dots(const FigureBook *book, const char *name, double width, double height, const DotChart *chart);
cf_status book_heat(const FigureBook *book, const char *name, double width, double height, const HeatMap *map);
cf_status book_lines(const FigureBook *book, const char *name, double width, double height, const LineChart *chart);
/* Says that there is no figure of that name, and why; removes what an earlier drawing left under it. */
cf_status book_leave_out(const FigureBook *book, const char *name, const char *why);
/* The figure's data, NAME.csv: write to draft->stream, then file_commit. */
cf_status book_csv(const FigureBook *book, const char *name, FileDraft *draft);
/* The same with its first line, less the line's end. */
cf_status book_table(const FigureBook *book, const char *name, const char *heads, FileDraft *draft);
/* Numbers that no chart can show (CF_BAD_USE: not finite, or beyond what an axis has) cost one figure, not those behind it;
 * a full disk or a lack of memory is an error. */
cf_status book_unless_undrawable(const FigureBook *book, const char *name, cf_status status);

/* ---- Whole sets of figures ---- */

typedef cf_status (*DrawFigures)(const FigureBook *book, const void *content);
/* Those of a group, of a tune: into FOLDER/figures, by the folder's name. */
cf_status figures_of_folder(const char *folder, unsigned formats, FigureList *list, DrawFigures draw, const void *content);
/* Those of a run over data and part (figures_suffix), into RUN/figures, or into `to`. */
cf_status figures_of_run(const Run *run, const char *to, const char *data, const char *part, const Augmentation *views,
                         unsigned formats, FigureList *list, DrawFigures draw, const void *content);

/* What is put behind a file's name: "" for the run's own test part, else "-svhn", "-mnist-all"; a new string. Two sets of one name
 * get different ones, "-digits" and "-digits-2": RUN/other-data.json keeps which is whose. `keep`: it is written there, with a
 * notice where there is a number; false: files go elsewhere. */
cf_status figures_suffix(const Run *run, const char *data, const char *part, bool keep, char **suffix);
/* What titles say: "mnist, test"; "mnist, test, mean of 10 views"; a new string. */
cf_status figures_subject(const char *data, const char *part, const Augmentation *views, char **subject);
