/* An SVG file of a run's folder of figures, as it is taken into the page. What is accepted has no tag but those of pictures, and
 * none that runs something, by a rule of its own: as HTML reads it, '<' and a letter begin a tag wherever they stand. */
#include "fuzz.h"

#include "study/report/report_inside.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* From "<" up to ">", quotes or not: no attribute on... can stand there. */
static void check_tag(const char *tag) {
    PROMISE(strncasecmp(tag, "<script", 7) != 0 && strncasecmp(tag, "<foreign", 8) != 0 &&
            strncasecmp(tag, "<!", 2) != 0);
    char quote = 0;
    for (const char *p = tag + 1; *p && (quote || *p != '>'); p++) {
        /* HTML: a quote begins a value only directly behind '='. */
        if (quote) {
            if (*p == quote) quote = 0;
            continue;
        }
        if ((*p == '"' || *p == '\'') && p[-1] == '=') quote = *p;
        if (isspace((unsigned char)p[-1]) || p[-1] == '/' || p[-1] == '"' || p[-1] == '\'')
            PROMISE(strncasecmp(p, "on", 2) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    PROMISE(out);
    const cf_status status = report_svg_inline(out, size ? (const char *)data : "", size, 7);
    PROMISE(fclose(out) == 0);
    fuzz_settled(status);
    PROMISE(!status || !length);
    for (const char *p = text; (p = strchr(p, '<')); p++) check_tag(p);
    free(text);
    return 0;
}
