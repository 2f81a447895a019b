/* A page, report.html, as cifra report reads it to write it in other formats. What is accepted is written in each of them, with its
 * figures drawn: no text of the page becomes markup of its own there. */
#include "fuzz.h"

#include "draw/svg_picture.h"
#include "study/report/document.h"

#include <stdlib.h>
#include <string.h>

/* In LaTeX a command that is not the writer's own would run; \\input and \\write stand for all. */
static void write_texts(const Document *document) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    PROMISE(out);
    document_write_md(out, document, "figures");
    PROMISE(fflush(out) == 0);
    PROMISE(!memmem(text, length, "<script", 7));
    fuzz_settled(document_write_tex(out, document, "figures"));
    PROMISE(fclose(out) == 0);
    PROMISE(!memmem(text, length, "\\input", 6) && !memmem(text, length, "\\write", 6));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Document document;
    const cf_status status = document_read(size ? (const char *)data : "", size, &document);
    fuzz_settled(status);
    if (status) return 0;
    write_texts(&document);
    fuzz_settled(
        document_write_pdf("/dev/null/nowhere.pdf", &document)); /* drawn whole, and then there is no place for it */
    document_free(&document);
    return 0;
}
