/* Fills a page's template: {{name}} in it stands for a section or for one of the page's files. */
#include "base/embedded.h"
#include "base/memory.h"
#include "draw/canvas.h"
#include "study/report/report_inside.h"

#include <stdlib.h>
#include <string.h>

extern const EmbeddedFile report_assets[]; /* page.html, page.css, network.js ..: cmake/embed.cmake makes it */

static const char *asset(const char *name, size_t length) {
    for (const EmbeddedFile *a = report_assets; a->name; a++)
        if (page_place_is(name, length, a->name)) return (const char *)a->text;
    return NULL;
}

bool page_place_is(const char *name, size_t length, const char *word) {
    return strlen(word) == length && strncmp(name, word, length) == 0;
}

/* ---- The colours of figures ---- */

/* One colour of the light theme, wherever a figure has it. */
static void recolour(FILE *out, Colour from, const char *to) {
    char hex[COLOUR_HEX];
    colour_hex(from, hex);
    fprintf(out, "." CANVAS_LIGHT_CLASS " [fill=\"%s\"]{fill:%s}." CANVAS_LIGHT_CLASS " [stroke=\"%s\"]{stroke:%s}\n", hex, to,
            hex, to);
}

static void darken(FILE *out, Colour light, Colour dark) {
    char hex[COLOUR_HEX];
    recolour(out, light, colour_hex(dark, hex));
}

/* The page's own colours stand for those of ground and text; the others have their twins in the dark theme. */
static void figure_colours(FILE *out) {
    const Theme *light = &theme_light, *dark = &theme_dark;
    recolour(out, light->background, "var(--paper)");
    recolour(out, light->text, "var(--ink)");
    recolour(out, light->muted, "var(--muted)");
    fputs("@media screen and (prefers-color-scheme: dark){\n", out);
    darken(out, light->empty, dark->empty);
    darken(out, light->grid, dark->grid);
    darken(out, light->axis, dark->axis);
    darken(out, light->faint, dark->faint);
    for (int i = 0; i < 2; i++) darken(out, light->heat[i], dark->heat[i]);
    for (int c = 0; c < CLASS_COLOURS; c++) darken(out, light->classes[c], dark->classes[c]);
    for (int i = 0; i <= SEQUENCE_STEPS; i++)
        darken(out, theme_sequence(light, (double)i / SEQUENCE_STEPS), theme_sequence(dark, (double)i / SEQUENCE_STEPS));
    fputs("}\n", out);
}

/* ---- The template ---- */

/* A file of HTML has places of its own; styles and scripts are taken as they are. */
static cf_status page_fill(FILE *out, const char *at, PagePlace place, const void *context) {
    const char *open;
    while ((open = strstr(at, "{{"))) {
        const char *name = open + 2, *close = strstr(open, "}}");
        const size_t length = (size_t)(close - name);
        const char *text = asset(name, length);
        fwrite(at, 1, (size_t)(open - at), out);
        if (text && length > 5 && strncmp(close - 5, ".html", 5) == 0)
            FORWARD(page_fill(out, text, place, context));
        else if (text)
            fputs(text, out);
        else if (page_place_is(name, length, "figure-colours"))
            figure_colours(out);
        else if (page_place_is(name, length, "version"))
            fputs(CIFRA_VERSION, out);
        else
            FORWARD(place(out, name, length, context));
        at = close + 2;
    }
    fputs(at, out);
    return CF_OK;
}

cf_status page_write(FILE *out, const char *template, PagePlace place, const void *context) {
    const char *text = asset(template, strlen(template));
    FAIL_IF(!text, CF_INTERNAL, "there is no page %s in the library", template);
    return page_fill(out, text, place, context);
}

cf_status page_file(const char *path, const char *template, PagePlace place, const void *context) {
    AUTO(file_abandon) FileDraft draft = {0};
    FORWARD(file_draft(path, &draft));
    FORWARD(page_write(draft.stream, template, place, context));
    const long size = ftell(draft.stream);
    FORWARD(file_commit(&draft));
    if (size > REPORT_LARGEST) /* thousands of epochs, or hundreds of classes */
        notice("%s has %.1f MB: its tables are that large", path, (double)size / 1e6);
    return CF_OK;
}

cf_status page_report(const char *folder, const char *template, PagePlace place, const void *context) {
    AUTO_FREE char *path = NULL;
    FORWARD(file_join(folder, "report.html", &path));
    return page_file(path, template, place, context);
}

cf_status page_unknown_place(const char *template, const char *name, size_t length) {
    return FAIL(CF_INTERNAL, "%s asks for {{%.*s}}, which nobody writes", template, (int)length, name);
}

cf_status page_folder_name(const char *folder, char **name) {
    AUTO_FREE char *real = realpath(folder, NULL);
    return memory_copy_string(file_base_name(real ? real : folder), name);
}
