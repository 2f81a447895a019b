/* Markdown in GitHub's dialect (GFM 0.29): tables with pipes, figures as files beside it. */
#include "study/report/document.h"

#include <ctype.h>
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

/* A text that begins with a number and a point or bracket would be an item of a list. */
static void md_paragraph(FILE *out, const char *text) {
    const size_t digits = strspn(text, "0123456789");
    if (digits && digits < 10 && strchr(".)", text[digits]) && text[digits]) {
        fprintf(out, "%.*s\\", (int)digits, text);
        text += digits;
        fputc(*text++, out);
    }
    md_text(out, text);
}

static void code(FILE *out, const char *text) {
    char fence[64] = "```";
    size_t length = 3;
    while (strstr(text, fence) && length < sizeof fence - 1) fence[length++] = '`', fence[length] = '\0';
    fprintf(out, "%s\n%s\n%s\n\n", fence, text, fence);
}

static void md_row(FILE *out, const Table *table, const Row *row) {
    size_t column = 0;
    for (size_t i = 0; row && i < row->count; i++) {
        const char *const mark = row->bold && *row->cells[i].text ? "**" : "";
        fprintf(out, "| %s", mark);
        md_text(out, row->cells[i].text);
        fprintf(out, "%s ", mark);
        for (int s = 1; s < row->cells[i].span; s++) fputs("| ", out);
        column += (size_t)row->cells[i].span;
    }
    for (; column < table->columns; column++) fputs("| ", out);
    fputs("|\n", out);
}

/* GFM wants a head, of one row. */
static void table(FILE *out, const DocumentBlock *block) {
    const Table *t = &block->table;
    fprintf(out, "**Table %d.** ", block->number);
    md_text(out, block->text);
    fputs("\n\n", out);
    md_row(out, t, t->heads ? &t->rows[0] : NULL);
    for (size_t c = 0; c < t->columns; c++) fputs(table_column_is_number(t, c) ? "|--:" : "|:--", out);
    fputs("|\n", out);
    for (size_t i = t->heads ? 1 : 0; i < t->count; i++) md_row(out, t, &t->rows[i]);
    fputc('\n', out);
}

static void block_md(FILE *out, const DocumentBlock *block, bool item_follows, const char *pictures) {
    static const char *const marks[] = {"", "##", "###", "####"};
    switch (block->kind) {
    case BLOCK_HEADING:
        fprintf(out, "%s ", marks[block->level]);
        md_text(out, block->text);
        fputs("\n\n", out);
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
        code(out, block->text);
        break;
    case BLOCK_TABLE:
        table(out, block);
        break;
    case BLOCK_FIGURE:
        fputs("![", out);
        md_text(out, block->text);
        fprintf(out, "](%s/figure-%d.svg)\n\n**Figure %d.** ", pictures, block->number, block->number);
        md_text(out, block->text);
        fputs("\n\n", out);
        break;
    }
}

void document_write_md(FILE *out, const Document *document, const char *pictures) {
    fputs("# ", out);
    md_text(out, document->title);
    fputs("\n\n", out);
    if (*document->subtitle) {
        md_paragraph(out, document->subtitle);
        fputs("\n\n", out);
    }
    for (size_t i = 0; i < document->count; i++)
        block_md(out, &document->blocks[i], i + 1 < document->count && document->blocks[i + 1].kind == BLOCK_ITEM,
                 pictures);
    fprintf(out, "Made by cifra %s.\n", cf_version());
}
