/* --figures, --theme and --dpi of the commands that draw. */
#pragma once

#include "cli/options.h"
#include "draw/canvas.h"
#include "study/figures/figure_book.h"

typedef struct FigureDials {
    const char *list; /* NULL: svg */
    int theme, dpi;   /* a place in theme_words; 0: USUAL_DPI */
} FigureDials;

#define FIGURE_OPTION_LOOK(type, theme_member, dpi_member)                                                             \
    {"theme",                                                                                                          \
     NULL,                                                                                                             \
     OPTION_CHOICE,                                                                                                    \
     .choices = theme_words,                                                                                           \
     .help = "colours of figure files; print: for paper",                                                              \
     .default_text = "light",                                                                                          \
     OPTION_MEMBER(type, theme_member)},                                                                               \
    {                                                                                                                  \
        "dpi", "N", OPTION_INTEGER, LEAST_DPI, MOST_DPI, .help = "pixels per inch of PNG files",                       \
                                                         .default_text = "300", OPTION_MEMBER(type, dpi_member)        \
    }
/* `what`: where they lie, or when they are drawn. */
#define FIGURE_OPTIONS(type, dials, what, usual)                                                                       \
    {"figures",                                                                                                        \
     "LIST",                                                                                                           \
     OPTION_TEXT,                                                                                                      \
     .help = what ": svg, png, pdf between commas, or none",                                                           \
     .default_text = usual,                                                                                            \
     OPTION_MEMBER(type, dials.list)},                                                                                 \
        FIGURE_OPTION_LOOK(type, dials.theme, dials.dpi)

static inline cf_status figure_dials_read(const FigureDials *dials, unsigned *formats) {
    return figure_formats_from_text(dials->list ? dials->list : "svg", dials->theme, dials->dpi, formats);
}
