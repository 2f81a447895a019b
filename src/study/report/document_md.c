/* Markdown in GitHub's dialect (GFM 0.29): tables with pipes, figures as files beside it. */
#include "study/report/document.h"

#include "base/text.h"

#include <string.h>

/* Characters that could begin something are escaped, so that a text stays what it is; a '<' as a reference, since no backslash keeps
 * GitHub from reading a tag. */
static void md_text(FILE *out, const char *text) {
    for (const char *p = text; *p; p++)
        if (*p == '\n')
            fputs("<br>", out);
        else if (*p == '<' || *p == '>' || *p == '&')
            fputs(*p == '<' ? "&lt;" : *p == '>' ? "&gt;" : "&amp;", out);
        else {
            if (strchr("\\`*_[]|~#$", *p) || (p == text && strchr("+-=", *p))) fputc('\\', out);
            fputc(*p, out);
        }
}

/* Markdown whose strings are texts. */
__attribute__((format(printf, 2, 3))) static void md_write(FILE *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_print(out, md_text, format, arguments);
    va_end(arguments);
}

/* A text that begins with a number and a point or bracket would be an item of a list. */
static void md_paragraph(FILE *out, const char *text) {
    const size_t digits = strspn(text, "0123456789");
    if (digits && digits < 10 && strchr(".)", text[digits]) && text[digits]) {
        fprintf(out, "%.*s\\%c", (int)digits, text, text[digits]);
        text += digits + 1;
    }
    md_text(out, text);
}

static void md_code(FILE *out, const char *text) {
    char fence[64] = "```";
    size_t length = 3;
    while (strstr(text, fence) && length < sizeof fence - 1) fence[length++] = '`', fence[length] = '\0';
    fprintf(out, "%s\n%s\n%s\n\n", fence, text, fence);
}

static void md_row(FILE *out, const Table *table, const Row *row) {
    size_t column = 0;
    for (size_t i = 0; row && i < row->count; i++) {
        const Cell *cell = &row->cells[i];
        md_write(out, row->bold && *cell->text ? "| **%s** " : "| %s ", cell->text);
        for (int s = 1; s < cell->span; s++) fputs("| ", out);
        column += (size_t)cell->span;
    }
    for (; column < table->columns; column++) fputs("| ", out);
    fputs("|\n", out);
}

/* GFM wants a head, of one row. */
static void md_table(FILE *out, const DocumentBlock *block) {
    const Table *t = &block->table;
    md_write(out, "**Table %d.** %s\n\n", block->number, block->text);
    md_row(out, t, t->heads ? &t->rows[0] : NULL);
    for (size_t c = 0; c < t->columns; c++) fputs(table_column_is_number(t, c) ? "|--:" : "|:--", out);
    fputs("|\n", out);
    for (size_t i = t->heads ? 1 : 0; i < t->count; i++) md_row(out, t, &t->rows[i]);
    fputc('\n', out);
}

static void md_block(FILE *out, const DocumentBlock *block, bool item_follows, const char *pictures) {
    static const char *const headings[] = {"", "## %s\n\n", "### %s\n\n", "#### %s\n\n"};
    switch (block->kind) {
    case BLOCK_HEADING:
        md_write(out, headings[block->level], block->text);
        break;
    case BLOCK_PARAGRAPH:
        md_paragraph(out, block->text);
        fputs("\n\n", out);
        break;
    case BLOCK_ITEM:
        fputs("- ", out);
        md_paragraph(out, block->text);
        fputs(item_follows ? "\n" : "\n\n", out);
        break;
    case BLOCK_CODE:
        md_code(out, block->text);
        break;
    case BLOCK_TABLE:
        md_table(out, block);
        break;
    case BLOCK_FIGURE:
        md_write(out, "![%s]", block->text);
        fprintf(out, "(%s/figure-%d.svg)", pictures, block->number);
        md_write(out, "\n\n**Figure %d.** %s\n\n", block->number, block->text);
        break;
    }
}

void document_write_md(FILE *out, const Document *document, const char *pictures) {
    md_write(out, "# %s\n\n", document->title);
    if (*document->subtitle) {
        md_paragraph(out, document->subtitle);
        fputs("\n\n", out);
    }
    for (size_t i = 0; i < document->count; i++)
        md_block(out, &document->blocks[i], i + 1 < document->count && document->blocks[i + 1].kind == BLOCK_ITEM, pictures);
    fprintf(out, "Made by cifra %s.\n", cf_version());
}
