/* A report to be handed in: the contents of a page as a list of blocks, and that list as Markdown, LaTeX or PDF.
 *
 * The blocks are read from report.html itself, so every kind of report has every format, says in each what its page says, and needs
 * neither its data nor its stages again. A page is read strictly as the page's writers leave it: headings <h1> to <h3> and <summary>, <p>,
 * <li>, <pre>, <table>, <dl> (a table of two or three columns), <figure> with its <svg>. Left out are <nav>, <footer>, <dialog>, scripts,
 * what is hidden, and what has the class "screen": it answers a click. What belongs to no block is no content.
 */
#pragma once

#include "base/status.h"

#include <stdio.h>

typedef enum DocumentFormat { DOCUMENT_HTML, DOCUMENT_MD, DOCUMENT_TEX, DOCUMENT_PDF } DocumentFormat;
/* "html", "md", "tex", "pdf"; ends with NULL. */
extern const char *const document_format_words[];

/* Writes FOLDER/report.md, .tex or .pdf from FOLDER/report.html, and what the first two show into FOLDER/report-figures, as SVG or PDF.
 * CF_BAD_USE where there is no page. *path: a new string, that of the page for DOCUMENT_HTML, which is there already. */
cf_status document_make(const char *folder, DocumentFormat format, char **path);

/* ---- The blocks ---- */

typedef struct Cell {
    const char *text; /* lines apart by '\n' */
    int span;         /* columns that it takes */
    bool number;      /* marked as one */
    bool names;       /* what its row or column is of: no number, even if it is written as one */
} Cell;

typedef struct Row {
    const Cell *cells;
    size_t count;
    bool bold; /* the best one */
} Row;

typedef struct Table {
    const Row *rows; /* the first `heads` of them are its head */
    size_t count, heads;
    size_t columns; /* of the longest row; others may have fewer */
} Table;

typedef enum BlockKind { BLOCK_HEADING, BLOCK_PARAGRAPH, BLOCK_ITEM, BLOCK_CODE, BLOCK_TABLE, BLOCK_FIGURE } BlockKind;

typedef struct DocumentBlock {
    BlockKind kind;
    int level;        /* of a heading: 1 or 2; 3 stands in one line with nothing below it but a table */
    int number;       /* of a table, of a figure: from 1 */
    const char *text; /* of tables and figures the caption */
    Table table;
    const char *picture; /* an SVG document, not ended by a zero */
    size_t picture_size;
    double width, height; /* of it, in points */
} DocumentBlock;

typedef struct Document {
    const char *title, *subtitle;
    DocumentBlock *blocks;
    size_t count;
    Cell *cells; /* what the tables point into */
    Row *rows;
    char *texts;
} Document;

/* Figures point into `page`, which outlives the document. CF_BAD_INPUT for what no writer of a page leaves. */
cf_status document_read(const char *page, size_t size, Document *document);
void document_free(Document *document);

/* ---- Tables that are wider than a page ---- */

enum { TABLE_COLUMNS = 128 }; /* more are an error */

/* Columns `first` to `end`, in front of them column 0, with their widths in units of `measure`; text in a column that is marked `wraps`
 * takes several lines. */
typedef struct TablePart {
    size_t first, end;
    double widths[TABLE_COLUMNS];
    bool wraps[TABLE_COLUMNS];
} TablePart;

static inline size_t part_columns(const TablePart *part) {
    return 1 + part->end - part->first;
}

/* Which column of the table the part's column is. */
static inline size_t part_column(const TablePart *part, size_t place) {
    return place ? part->first + place - 1 : 0;
}

typedef struct TableRoom {
    double width, between;                                        /* of a line; from column to column */
    double (*measure)(const char *text, bool bold, const void *); /* of one line */
    const void *context;
} TableRoom;

/* The part that begins with column `first` (1 for the first part; the next begins where it ends), as wide as fits: numbers whole, texts down to a third of the room. */
cf_status table_part(const Table *table, const TableRoom *room, size_t first, TablePart *part);
/* The cell of a column, or NULL; and of a place in the part, with how many of the part's columns it takes. */
const Cell *row_cell(const Row *row, size_t column);
const Cell *part_cell(const TablePart *part, const Row *row, size_t place, size_t *spans);
/* Whether it holds numbers, and nothing else but its head. */
bool table_column_is_number(const Table *table, size_t column);
/* The bytes of `text` that make its first line, broken at spaces, and within a word that is too long by itself. */
size_t line_length(const char *text, const TableRoom *room, bool bold, double width);

/* ---- Writers ---- */

/* `pictures`: the folder of the figures as the document names it. */
void document_write_md(FILE *out, const Document *document, const char *pictures);
cf_status document_write_tex(FILE *out, const Document *document, const char *pictures);
cf_status document_write_pdf(const char *path, const Document *document);
