/* Which file a document becomes, its figures as files, and tables that have to fit a page. */
#include "study/report/document.h"

#include "base/files.h"
#include "base/memory.h"
#include "base/text.h"
#include "draw/svg_picture.h"
#include "study/report/report.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

const char *const document_format_words[] = {"html", "md", "tex", "pdf", NULL};

/* ---- Tables ---- */

const Cell *row_cell(const Row *row, size_t column) {
    size_t end = 0;
    for (size_t i = 0; i < row->count; i++) {
        end += (size_t)row->cells[i].span;
        if (column < end) return &row->cells[i];
    }
    return NULL;
}

const Cell *part_cell(const TablePart *part, const Row *row, size_t place, size_t *spans) {
    const Cell *cell = row_cell(row, part_column(part, place));
    *spans = 1;
    while (cell && place + *spans < part_columns(part) && row_cell(row, part_column(part, place + *spans)) == cell) ++*spans;
    return cell;
}

bool table_column_is_number(const Table *table, size_t column) {
    bool number = false;
    for (size_t i = table->heads; i < table->count; i++) {
        double parsed;
        const Cell *cell = row_cell(&table->rows[i], column);
        if (!cell || cell->span > 1 || !*cell->text) continue;
        if (!cell->number && (cell->names || !text_to_number(cell->text, &parsed))) return false;
        number = true;
    }
    return number;
}

/* Behind the character of UTF-8 at a place; the end stays. */
static size_t next_character(const char *text, size_t at) {
    if (text[at]) at++;
    while (((unsigned char)text[at] & 0xc0) == 0x80) at++;
    return at;
}

size_t line_length(const char *text, const TableRoom *room, bool bold, double width) {
    char line[512];
    size_t fits = 0, end = 0;
    while (text[end] && text[end] != '\n') {
        do end += strcspn(text + end + 1, " \n") + 1;
        while (strncmp(text + end, " %", 2) == 0); /* not apart from its number */
        if (end >= sizeof line) break;
        snprintf(line, sizeof line, "%.*s", (int)end, text);
        if (room->measure(line, bold, room->context) > width) break;
        fits = end;
    }
    if (fits || !*text || *text == '\n') return fits;
    /* One word that is too long: as many characters as there is room for, at least one. */
    fits = next_character(text, 0);
    for (end = next_character(text, fits); end > fits && !strchr(" \n", text[fits]) && end < sizeof line;
         end = next_character(text, end)) {
        snprintf(line, sizeof line, "%.*s", (int)end, text);
        if (room->measure(line, bold, room->context) > width) break;
        fits = end;
    }
    return fits;
}

/* The widest line of a text, and its widest word. */
static void text_extent(const char *text, const TableRoom *room, bool bold, double *whole, double *word) {
    for (const char *at = text; *at; at += *at != '\0') {
        const size_t line = strcspn(at, "\n");
        char part[512];
        snprintf(part, sizeof part, "%.*s", (int)(line < 500 ? line : 500), at);
        const double width = room->measure(part, bold, room->context);
        *whole = fmax(*whole, width);
        for (char *rest = part, *end; *rest; rest = end + (*end != '\0')) {
            end = rest + strcspn(rest, " ");
            const char kept = *end;
            *end = '\0';
            *word = fmax(*word, room->measure(rest, bold, room->context));
            *end = kept;
        }
        at += line;
    }
}

typedef struct ColumnExtent {
    double whole, least;
} ColumnExtent;

static ColumnExtent column_extent(const Table *table, const TableRoom *room, size_t column) {
    const double cap = room->width / 3;
    const bool number = table_column_is_number(table, column);
    double whole = 0, word = 0, head = 0, head_word = 0;
    for (size_t i = 0; i < table->count; i++) {
        const Cell *cell = row_cell(&table->rows[i], column);
        if (!cell || cell->span > 1) continue;
        if (i < table->heads)
            text_extent(cell->text, room, true, &head, &head_word);
        else
            text_extent(cell->text, room, table->rows[i].bold, &whole, &word);
    }
    ColumnExtent extent = {.whole = fmax(whole, head)};
    extent.least = fmin(cap, number ? fmax(whole, head_word) : fmax(fmax(word, head_word), room->width * 0.14));
    if (extent.least > extent.whole || extent.whole < room->width * 0.18) extent.least = extent.whole;
    return extent;
}

cf_status table_part(const Table *table, const TableRoom *room, size_t first, TablePart *part) {
    ColumnExtent extents[TABLE_COLUMNS] = {0};
    double used = 0, wanted = 0;
    FAIL_IF(table->columns > TABLE_COLUMNS, CF_BAD_INPUT, "a table of %zu columns is wider than %d", table->columns,
            TABLE_COLUMNS);
    *part = (TablePart){.first = first, .end = first};
    for (size_t c = 0; c < table->columns; c++) extents[c] = column_extent(table, room, c);
    used = extents[0].least;
    wanted = extents[0].whole - extents[0].least;
    for (; part->end < table->columns; part->end++) {
        const ColumnExtent *e = &extents[part->end];
        if (part->end > first && used + room->between + e->least > room->width) break;
        used += room->between + e->least;
        wanted += e->whole - e->least;
    }
    const double left = room->width > used ? room->width - used : 0, share = wanted > left ? left / wanted : 1;
    for (size_t c = 0; c < part->end; c++) {
        part->widths[c] = extents[c].least + share * (extents[c].whole - extents[c].least);
        part->wraps[c] = part->widths[c] < extents[c].whole * (1 - 1e-9);
    }
    return CF_OK;
}

/* ---- Files ---- */

static cf_status write_pictures(const char *folder, const Document *document, const char *ending) {
    const bool svg = strcmp(ending, "svg") == 0; /* what stands in the page is a whole SVG file */
    int last = 0;
    FORWARD(file_make_folder(folder));
    for (size_t i = 0; i < document->count; i++) {
        const DocumentBlock *block = &document->blocks[i];
        AUTO_FREE char *path = NULL;
        if (block->kind != BLOCK_FIGURE) continue;
        last = block->number;
        FORWARD(memory_print(&path, "%s/figure-%d.%s", folder, block->number, ending));
        const cf_status status = svg ? file_write(path, block->picture, block->picture_size)
                                     : svg_picture_save(block->picture, block->picture_size, path);
        if (status) return status_prefix(status, "figure %d (%s)", block->number, block->text);
    }
    /* An earlier report had more. */
    for (bool removed = true; removed;) {
        AUTO_FREE char *path = NULL;
        FORWARD(memory_print(&path, "%s/figure-%d.%s", folder, ++last, ending));
        removed = unlink(path) == 0;
    }
    return CF_OK;
}

static cf_status write_text(const char *folder, const Document *document, DocumentFormat format, const char *path) {
    static const char pictures[] = "report-figures";
    AUTO_FREE char *pictures_folder = NULL;
    AUTO(file_abandon) FileDraft draft = {0};
    FORWARD(file_join(folder, pictures, &pictures_folder));
    FORWARD(write_pictures(pictures_folder, document, format == DOCUMENT_TEX ? "pdf" : "svg"));
    FORWARD(file_draft(path, &draft));
    if (format == DOCUMENT_MD)
        document_write_md(draft.stream, document, pictures);
    else
        FORWARD(document_write_tex(draft.stream, document, pictures));
    return file_commit(&draft);
}

/* FOLDER/report.html as the other file. */
static cf_status convert_page(const char *folder, DocumentFormat format, const char *path) {
    enum { PAGE_LARGEST = 64 << 20 };
    AUTO(document_free) Document document = {0};
    AUTO_FREE char *page_path = NULL;
    AUTO_FREE unsigned char *page = NULL;
    size_t size;
    FORWARD(file_join(folder, "report.html", &page_path));
    FORWARD(file_read(page_path, PAGE_LARGEST, &page, &size));
    const cf_status status = document_read((const char *)page, size, &document);
    if (status) return status_prefix(status, "%s is no page that cifra wrote", page_path);
    return format == DOCUMENT_PDF ? document_write_pdf(path, &document) : write_text(folder, &document, format, path);
}

cf_status document_make(const char *folder, DocumentFormat format, char **path) {
    AUTO_FREE char *made = NULL;
    FORWARD(memory_print(&made, "%s/report.%s", folder, document_format_words[format]));
    if (format != DOCUMENT_HTML) FORWARD(convert_page(folder, format, made));
    *path = memory_take(&made);
    return CF_OK;
}
