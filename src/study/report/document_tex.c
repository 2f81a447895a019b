/* An article for pdflatex that needs no more than LaTeX's own packages (Debian's texlive-latex-base): figures as PDF beside it. */
#include "study/report/document.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

/* A line of a page in \footnotesize holds about so many characters. */
enum { LINE_CHARACTERS = 96, TEXT_POINTS = 453 };

/* ---- Text ---- */

static const char *tex_ascii(char c) {
    static const struct {
        char is;
        const char *tex;
    } known[] = {{'\\', "\\textbackslash{}"},
                 {'{', "\\{"},
                 {'}', "\\}"},
                 {'$', "\\$"},
                 {'&', "\\&"},
                 {'#', "\\#"},
                 {'_', "\\_"},
                 {'%', "\\%"},
                 {'^', "\\textasciicircum{}"},
                 {'~', "\\textasciitilde{}"},
                 {'<', "\\textless{}"},
                 {'>', "\\textgreater{}"},
                 {'|', "\\textbar{}"},
                 {'"', "''"},
                 {'`', "{`}"},
                 /* The hyphen stands alone: two of them would be a dash. */
                 {'-', "{-}"},
                 {'[', "{[}"},
                 {']', "{]}"}};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].is == c) return known[i].tex;
    return NULL;
}

/* Letters of Latin-1 and Latin Extended-A pass as they are, but for those that LaTeX's own fonts do not have. */
static bool tex_has_letter(int32_t c) {
    static const int32_t missing[] = {0xd0,  0xde,  0xf0,  0xfe,  0x104, 0x105, 0x110, 0x111, 0x118,
                                      0x119, 0x126, 0x127, 0x12e, 0x12f, 0x138, 0x13f, 0x140, 0x149,
                                      0x14a, 0x14b, 0x166, 0x167, 0x172, 0x173, 0x17f};
    for (size_t i = 0; i < COUNT_OF(missing); i++)
        if (missing[i] == c) return false;
    return c >= 0xa0 && c < 0x180;
}

static void tex_character(FILE *out, int32_t c, const unsigned char *bytes, int length) {
    static const struct {
        int32_t is;
        const char *tex;
    } known[] = {{0xb0, "$^\\circ$"},
                 {0xb1, "$\\pm$"},
                 {0xb7, "$\\cdot$"},
                 {0xd7, "$\\times$"},
                 {0xab, "$\\ll$"},
                 {0xbb, "$\\gg$"},
                 {0xb5, "$\\mu$"},
                 {0x3bc, "$\\mu$"},
                 {0x3b1, "$\\alpha$"},
                 {0x3b2, "$\\beta$"},
                 {0x3bb, "$\\lambda$"},
                 {0x2013, "--"},
                 {0x2014, "---"},
                 {0x2018, "`"},
                 {0x2019, "'"},
                 {0x201c, "``"},
                 {0x201d, "''"},
                 {0x2026, "\\ldots{}"},
                 {0x2190, "$\\leftarrow$"},
                 {0x2192, "$\\rightarrow$"},
                 {0x2212, "$-$"},
                 {0x2248, "$\\approx$"},
                 {0x2264, "$\\leq$"},
                 {0x2265, "$\\geq$"}};
    size_t i = 0;
    while (i < COUNT_OF(known) && known[i].is != c) i++;
    if (i < COUNT_OF(known))
        fputs(known[i].tex, out);
    else if (tex_has_letter(c))
        fwrite(bytes, 1, (size_t)length, out);
    else
        fprintf(out, "{[}U+%04X{]}", (unsigned)c);
}

/* `line`: what a line's end in a cell becomes. Long words, such as checksums, may be broken anywhere. */
static void tex_lines(FILE *out, const char *text, const char *line) {
    size_t in_word = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        const unsigned char *begin = p;
        const int32_t c = text_next_character(&p);
        if (c < 0) p = begin + 1;
        if (!in_word) in_word = strcspn((const char *)begin, " \n") > 24 ? 1 : 0;
        if (in_word && in_word++ % 8 == 0) fputs("\\allowbreak{}", out);
        if (c == ' ' || c == '\n') in_word = 0;
        const char *escaped = c > 0 && c < 0x80 ? tex_ascii((char)c) : NULL;
        if (escaped)
            fputs(escaped, out);
        else if (c == '\n')
            fputs(line, out);
        else if (c >= 0x20 && c < 0x7f)
            fputc(c, out);
        else if (c >= 0x80)
            tex_character(out, c, begin, (int)(p - begin));
        else
            fputc('?', out);
    }
}

static void tex_text(FILE *out, const char *text) {
    tex_lines(out, text, " ");
}

/* LaTeX whose strings are texts. */
__attribute__((format(printf, 2, 3))) static void tex_write(FILE *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_print(out, tex_text, format, arguments);
    va_end(arguments);
}

/* ---- Tables ---- */

static double characters(const char *text, bool bold, const void *context) {
    (void)context;
    return text_columns(text) * (bold ? 1.1 : 1);
}

static const TableRoom tex_room = {.width = LINE_CHARACTERS, .between = 2.2, .measure = characters};

/* \shortstack: lines of a head that is broader than its numbers, or of a cell that has a remark. */
static void stacked_tex(FILE *out, const char *text, bool bold, bool number, double width) {
    fprintf(out, "\\shortstack[%c]{", number ? 'r' : 'l');
    for (bool first = true; *text; first = false) {
        const size_t length = line_length(text, &tex_room, bold, width);
        char line[512];
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        tex_write(out, first ? "%s" : "\\\\%s", line);
        text += length;
        while (*text == ' ' || *text == '\n') text++;
    }
    fputc('}', out);
}

static void cell_tex(FILE *out, const Table *table, const TablePart *part, size_t column, const Cell *cell, bool head,
                     bool bold) {
    const bool number = table_column_is_number(table, column), paragraph = part->wraps[column] && !number;
    const double width = part->widths[column] + 0.5;
    if (bold) fputs("\\textbf{", out);
    if (paragraph)
        tex_lines(out, cell->text, "\\newline ");
    else if (strchr(cell->text, '\n') || (head && characters(cell->text, true, NULL) > width))
        stacked_tex(out, cell->text, head || bold, number, width);
    else
        tex_text(out, cell->text);
    if (bold) fputc('}', out);
}

static void row_tex(FILE *out, const Table *table, const TablePart *part, const Row *row, bool head) {
    size_t spans;
    for (size_t k = 0; k < part_columns(part); k += spans) {
        const Cell *cell = part_cell(part, row, k, &spans);
        if (k) fputs(" & ", out);
        if (cell && spans > 1)
            tex_write(out, "\\multicolumn{%zu}{@{}l@{}}{\\textbf{%s}}", spans, cell->text);
        else if (cell)
            cell_tex(out, table, part, part_column(part, k), cell, head, row->bold);
    }
    fputs(" \\\\\n", out);
}

static void heads_tex(FILE *out, const Table *table, const TablePart *part) {
    fputs("\\hline\n", out);
    for (size_t i = 0; i < table->heads; i++) row_tex(out, table, part, &table->rows[i], true);
    if (table->heads) fputs("\\hline\n", out);
}

static void part_tex(FILE *out, const DocumentBlock *block, const TablePart *part) {
    const Table *table = &block->table;
    if (part->first > 1) fputs("\\addtocounter{table}{-1}\n", out);
    fputs("\\begin{longtable}{@{}", out);
    for (size_t k = 0; k < part_columns(part); k++) {
        const size_t c = part_column(part, k);
        if (table_column_is_number(table, c))
            fputc('r', out);
        else if (part->wraps[c])
            fprintf(out, ">{\\raggedright\\arraybackslash}p{%.3f\\linewidth}",
                    0.94 * part->widths[c] / LINE_CHARACTERS);
        else
            fputc('l', out);
    }
    tex_write(out, "@{}}\n\\caption{%s%s}\\\\\n", block->text, part->first > 1 ? " (further columns)" : "");
    heads_tex(out, table, part);
    fprintf(out, "\\endfirsthead\n\\multicolumn{%zu}{@{}l}{Table \\thetable, continued}\\\\\n", part_columns(part));
    heads_tex(out, table, part);
    fputs("\\endhead\n\\hline\n\\endfoot\n", out);
    for (size_t i = table->heads; i < table->count; i++) row_tex(out, table, part, &table->rows[i], false);
    fputs("\\end{longtable}\n\n", out);
}

static cf_status table_tex(FILE *out, const DocumentBlock *block) {
    TablePart part = {.end = 1};
    fputs("{\\footnotesize\n", out);
    do {
        FORWARD(table_part(&block->table, &tex_room, part.end, &part));
        part_tex(out, block, &part);
    } while (part.end < block->table.columns);
    fputs("}\n", out);
    return CF_OK;
}

/* ---- The others ---- */

static void figure_tex(FILE *out, const DocumentBlock *block, const char *pictures) {
    fprintf(out,
            "\\begin{center}\n\\begin{minipage}{\\linewidth}\n\\centering\n"
            "\\includegraphics[width=%.0fbp,height=0.38\\textheight,keepaspectratio]{%s/figure-%d.pdf}\n",
            fmin(block->width, TEXT_POINTS), pictures, block->number);
    tex_write(out, "\\figurecaption{%s}\n\\end{minipage}\n\\end{center}\n\n", block->text);
}

static void code_tex(FILE *out, const char *text) {
    fputs("\\begin{quote}\\raggedright\\ttfamily\\small\n", out);
    tex_lines(out, text, "\\\\\n");
    fputs("\n\\end{quote}\n\n", out);
}

static cf_status block_tex(FILE *out, const DocumentBlock *block, bool first_item, bool last_item,
                           const char *pictures) {
    static const char *const headings[] = {"", "\\section{%s}\n\n", "\\subsection{%s}\n\n", "\\subsubsection*{%s}\n\n"};
    switch (block->kind) {
    case BLOCK_HEADING:
        tex_write(out, headings[block->level], block->text);
        break;
    case BLOCK_PARAGRAPH:
        tex_write(out, "%s\n\n", block->text);
        break;
    case BLOCK_ITEM:
        if (first_item) fputs("\\begin{itemize}\n", out);
        tex_write(out, "\\item %s\n", block->text);
        if (last_item) fputs("\\end{itemize}\n\n", out);
        break;
    case BLOCK_CODE:
        code_tex(out, block->text);
        break;
    case BLOCK_TABLE:
        return table_tex(out, block);
    case BLOCK_FIGURE:
        figure_tex(out, block, pictures);
        break;
    }
    return CF_OK;
}

cf_status document_write_tex(FILE *out, const Document *document, const char *pictures) {
    const DocumentBlock *blocks = document->blocks;
    fputs("\\documentclass[a4paper,11pt]{article}\n\\usepackage[utf8]{inputenc}\n\\usepackage{textcomp}\n"
          "\\usepackage[margin=25mm]{geometry}\n\\usepackage{array,graphicx,longtable}\n"
          "% Figures stand where they are told of: floats would drift from their sections, and longtable leaves them no room.\n"
          "\\makeatletter\n\\newcommand{\\figurecaption}[1]{\\def\\@captype{figure}\\caption{#1}}\n\\makeatother\n"
          "\\setlength{\\tabcolsep}{4pt}\n"
          "\\setlength{\\emergencystretch}{3em}\n\\raggedbottom\n\\title{",
          out);
    tex_text(out, document->title);
    if (*document->subtitle) tex_write(out, "\\\\\n\\large %s", document->subtitle);
    fprintf(out, "}\n\\author{Made by cifra %s}\n\\date{}\n\n\\begin{document}\n\\maketitle\n\n", cf_version());
    for (size_t i = 0; i < document->count; i++)
        FORWARD(block_tex(out, &blocks[i], !i || blocks[i - 1].kind != BLOCK_ITEM,
                          i + 1 == document->count || blocks[i + 1].kind != BLOCK_ITEM, pictures));
    fputs("\\end{document}\n", out);
    return CF_OK;
}
