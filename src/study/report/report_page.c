/* Fills a page's template: {{name}} in it stands for a section or for one of the page's files. */
#include "study/report/assets.h"
#include "study/report/report_inside.h"

#include <string.h>

static const char *asset(const char *name, size_t length) {
    for (const EmbeddedFile *a = report_assets; a->name; a++)
        if (strlen(a->name) == length && strncmp(a->name, name, length) == 0) return (const char *)a->text;
    return NULL;
}

bool page_place_is(const char *name, size_t length, const char *word) {
    return strlen(word) == length && strncmp(name, word, length) == 0;
}

static bool is_html(const char *name, size_t length) {
    static const char ending[] = ".html";
    const size_t of = sizeof ending - 1;
    return length > of && strncmp(name + length - of, ending, of) == 0;
}

/* A file of HTML has places of its own; styles and scripts are taken as they are. */
static cf_status page_fill(FILE *out, const char *at, PagePlace place, const void *context) {
    const char *open;
    while ((open = strstr(at, "{{"))) {
        const char *name = open + 2, *close = strstr(open, "}}");
        const size_t length = (size_t)(close - name);
        const char *text = asset(name, length);
        fwrite(at, 1, (size_t)(open - at), out);
        if (text && is_html(name, length))
            FORWARD(page_fill(out, text, place, context));
        else if (text)
            fputs(text, out);
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
