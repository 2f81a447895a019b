/* Pages of A4 with numbers and an outline. Tables go on over pages with their heads; small ones stay whole, and a figure is made smaller
 * rather than leave much of a page empty. */
#include "study/report/document.h"

#include "base/memory.h"
#include "draw/svg_picture.h"

#include <math.h>
#include <string.h>

/* Points. */
static const double page_width = 595.28, page_height = 841.89, margin = 62, top = 60, bottom = 778;
static const double highest_figure = 275, least_share = 0.6, widest_of_two = 345, gutter = 16;
static const Colour ink = {0.1, 0.1, 0.1}, muted = {0.4, 0.4, 0.4}, rule = {0.7, 0.7, 0.7};

typedef struct Pdf {
    Canvas *canvas;
    const Document *document;
    double y; /* where the next thing begins */
    int page, section, subsection;
    cf_status status; /* the first fault of what returns nothing */
} Pdf;

/* ---- Pages ---- */

static void page_number(const Pdf *p) {
    char number[16];
    snprintf(number, sizeof number, "%d", p->page);
    canvas_text(p->canvas, page_width / 2, page_height - 34, (TextStyle){8, false, TEXT_CENTRE}, muted, number);
}

static void next_page(Pdf *p) {
    canvas_next_page(p->canvas, theme_light.background);
    p->page++;
    p->y = top;
    page_number(p);
}

/* So much is to stand on one page. */
static void need_height(Pdf *p, double height) {
    if (p->y + height > bottom && p->y > top) next_page(p);
}

/* ---- Text ---- */

/* `context`: the font's size. */
static double points(const char *text, bool bold, const void *context) {
    return text_width(text, (TextStyle){*(const double *)context, bold, TEXT_LEFT});
}

static double line_height(double size) {
    return 1.38 * size;
}

typedef struct TextBlock {
    double x, width, size;
    bool bold;
    Colour colour;
    TextAlign align;
} TextBlock;

/* Calls `line` for each line; how many there are. */
static int each_line(const TextBlock *b, const char *text, void (*line)(const TextBlock *, const char *, void *),
                     void *context) {
    const TableRoom room = {.width = b->width, .measure = points, .context = &b->size};
    int lines = 0;
    while (*text) {
        const size_t length = line_length(text, &room, b->bold, b->width + 0.01);
        char part[512];
        snprintf(part, sizeof part, "%.*s", (int)length, text);
        for (size_t n = strlen(part); n && part[n - 1] == ' ';) part[--n] = '\0';
        if (line) line(b, part, context);
        lines++;
        text += length;
        text += *text == '\n' || *text == ' ';
    }
    return lines;
}

static void draw_line(const TextBlock *b, const char *line, void *context) {
    Pdf *p = context;
    need_height(p, line_height(b->size));
    const double x = b->align == TEXT_RIGHT ? b->x + b->width : b->align == TEXT_CENTRE ? b->x + b->width / 2 : b->x;
    canvas_text(p->canvas, x, p->y + 1.06 * b->size, (TextStyle){b->size, b->bold, b->align}, b->colour, line);
    p->y += line_height(b->size);
}

static double full_width(void) {
    return page_width - 2 * margin;
}

static TextBlock whole_line(double size, bool bold) {
    return (TextBlock){margin, full_width(), size, bold, ink, TEXT_LEFT};
}

static double text_height(const TextBlock *b, const char *text) {
    return each_line(b, text, NULL, NULL) * line_height(b->size);
}

static void draw_paragraph(Pdf *p, const char *text, TextBlock b, double behind) {
    /* No line alone at a page's end. */
    need_height(p, fmin(text_height(&b, text), 2 * line_height(b.size)));
    each_line(&b, text, draw_line, p);
    p->y += behind;
}

/* ---- Tables ---- */

typedef struct TableDrawing {
    const DocumentBlock *block;
    TablePart part;
    double size; /* of the font */
    TableRoom room;
    double x[TABLE_COLUMNS]; /* of each of the part's columns */
} TableDrawing;

static TextBlock cell_block(const TableDrawing *t, const Row *row, size_t place, size_t spans, bool head) {
    const Table *table = &t->block->table;
    const size_t column = part_column(&t->part, place), last = part_column(&t->part, place + spans - 1);
    const bool number = spans == 1 && table_column_is_number(table, column);
    const double end = t->x[place + spans - 1] + t->part.widths[last];
    return (TextBlock){
        t->x[place], end - t->x[place], t->size, head || row->bold || spans > 1, ink, number ? TEXT_RIGHT : TEXT_LEFT};
}

static double row_height(const TableDrawing *t, const Row *row, bool head) {
    double height = line_height(t->size);
    size_t spans;
    for (size_t k = 0; k < part_columns(&t->part); k += spans) {
        const Cell *cell = part_cell(&t->part, row, k, &spans);
        if (!cell) continue;
        const TextBlock b = cell_block(t, row, k, spans, head);
        height = fmax(height, text_height(&b, cell->text));
    }
    return height + 3;
}

static void draw_row(Pdf *p, const TableDrawing *t, const Row *row, bool head) {
    const double begin = p->y, height = row_height(t, row, head);
    size_t spans;
    for (size_t k = 0; k < part_columns(&t->part); k += spans) {
        const Cell *cell = part_cell(&t->part, row, k, &spans);
        if (!cell) continue;
        const TextBlock b = cell_block(t, row, k, spans, head);
        p->y = begin + 1.5;
        each_line(&b, cell->text, draw_line, p);
    }
    p->y = begin + height;
}

static double part_width(const TableDrawing *t) {
    const size_t last = part_columns(&t->part) - 1;
    return t->x[last] + t->part.widths[part_column(&t->part, last)] - margin;
}

static void draw_caption(Pdf *p, const char *word, int number, const char *text, const char *more, TextBlock b) {
    AUTO_FREE char *all = NULL;
    const cf_status status = memory_print(&all, "%s %d. %s%s", word, number, text, more);
    if (status) {
        p->status = status;
        return;
    }
    b.size = 8;
    b.colour = muted;
    need_height(p, text_height(&b, all));
    each_line(&b, all, draw_line, p);
}

static void draw_rule(Pdf *p, const TableDrawing *t, Colour colour) {
    canvas_segment(p->canvas, margin, p->y, margin + part_width(t), p->y, 0.6, colour);
}

static void draw_heads(Pdf *p, const TableDrawing *t) {
    const Table *table = &t->block->table;
    draw_rule(p, t, ink);
    for (size_t i = 0; i < table->heads; i++) draw_row(p, t, &table->rows[i], true);
    if (table->heads) draw_rule(p, t, rule);
}

static double heads_height(const TableDrawing *t) {
    double height = 0;
    for (size_t i = 0; i < t->block->table.heads; i++) height += row_height(t, &t->block->table.rows[i], true);
    return height;
}

static double part_height(const TableDrawing *t) {
    double height = heads_height(t);
    for (size_t i = t->block->table.heads; i < t->block->table.count; i++)
        height += row_height(t, &t->block->table.rows[i], false);
    return height;
}

static void draw_part(Pdf *p, const TableDrawing *t) {
    const Table *table = &t->block->table;
    const double small = 0.3 * (bottom - top), height = part_height(t);
    const char *more = t->part.first > 1 ? " (further columns)" : "";
    need_height(p, 26 + (height < small ? height : heads_height(t) + 40));
    draw_caption(p, "Table", t->block->number, t->block->text, more, whole_line(8, false));
    p->y += 3;
    draw_heads(p, t);
    for (size_t i = table->heads; i < table->count; i++) {
        if (p->y + row_height(t, &table->rows[i], false) > bottom) {
            draw_rule(p, t, rule);
            next_page(p);
            draw_caption(p, "Table", t->block->number, "continued", "", whole_line(8, false));
            p->y += 3;
            draw_heads(p, t);
        }
        draw_row(p, t, &table->rows[i], false);
    }
    draw_rule(p, t, ink);
    p->y += 16;
}

static cf_status lay_part(TableDrawing *t, double size, size_t first) {
    t->size = size;
    t->room = (TableRoom){.width = full_width(), .between = 1.1 * size, .measure = points, .context = &t->size};
    FORWARD(table_part(&t->block->table, &t->room, first, &t->part));
    double x = margin;
    for (size_t k = 0; k < part_columns(&t->part); k++) {
        t->x[k] = x;
        x += t->part.widths[part_column(&t->part, k)] + t->room.between;
    }
    return CF_OK;
}

/* As large as all columns fit side by side, else in parts. */
static cf_status draw_table(Pdf *p, const DocumentBlock *block) {
    static const double sizes[] = {8, 7, 6};
    TableDrawing t = {.block = block};
    size_t chosen = 0;
    for (; chosen < COUNT_OF(sizes); chosen++) {
        FORWARD(lay_part(&t, sizes[chosen], 1));
        if (t.part.end >= block->table.columns) break;
    }
    const double size = chosen < COUNT_OF(sizes) ? sizes[chosen] : 7;
    t.part.end = 1;
    do {
        FORWARD(lay_part(&t, size, t.part.end));
        draw_part(p, &t);
    } while (t.part.end < block->table.columns);
    return CF_OK;
}

/* ---- Figures ---- */

static double figure_scale(const DocumentBlock *block, double widest) {
    return fmin(1, fmin(widest / block->width, highest_figure / block->height));
}

static double caption_height(const DocumentBlock *block, double width) {
    const TextBlock b = {0, width, 8, false, muted, TEXT_LEFT};
    return text_height(&b, block->text) + line_height(8) + 22; /* its number may take a line more */
}

/* Side by side, their feet on one line; made smaller where the page has not quite enough room. */
static cf_status draw_figures(Pdf *p, const DocumentBlock *blocks, int count, double each) {
    double height = 0, captions = 0, end = 0;
    for (int i = 0; i < count; i++) {
        height = fmax(height, figure_scale(&blocks[i], each) * blocks[i].height);
        captions = fmax(captions, caption_height(&blocks[i], each));
    }
    const double left = bottom - p->y - captions;
    const double smaller = left < height && left >= least_share * height ? left / height : 1;
    need_height(p, smaller * height + captions - 0.01);
    const double begin = p->y;
    for (int i = 0; i < count; i++) {
        const DocumentBlock *block = &blocks[i];
        const double x = margin + i * (each + gutter), scale = figure_scale(block, each);
        const double width = smaller * (scale * block->width), high = smaller * (scale * block->height);
        FORWARD(svg_picture_draw(p->canvas, (Box){x, begin + smaller * height - high, width, high}, block->picture,
                                 block->picture_size));
        p->y = begin + smaller * height + 5;
        draw_caption(p, "Figure", block->number, block->text, "", (TextBlock){x, each, 8, false, muted, TEXT_LEFT});
        end = fmax(end, p->y);
    }
    p->y = end + 17;
    return CF_OK;
}

static bool is_narrow(const DocumentBlock *block) {
    return block->kind == BLOCK_FIGURE && block->width <= widest_of_two;
}

/* One, or two narrow ones; *taken blocks. */
static cf_status draw_figure_row(Pdf *p, const DocumentBlock *blocks, size_t count, size_t *taken) {
    const bool two = count > 1 && is_narrow(&blocks[0]) && is_narrow(&blocks[1]);
    *taken = two ? 2 : 1;
    return draw_figures(p, blocks, (int)*taken, two ? (full_width() - gutter) / 2 : full_width());
}

/* ---- Blocks ---- */

/* What a heading needs below it on its page. */
static double least_height(const DocumentBlock *blocks, size_t count) {
    if (!count) return 0;
    switch (blocks[0].kind) {
    case BLOCK_HEADING:
        return 30 + least_height(blocks + 1, count - 1);
    case BLOCK_FIGURE:
        return least_share * (figure_scale(&blocks[0], full_width()) * blocks[0].height) +
               caption_height(&blocks[0], full_width());
    case BLOCK_TABLE:
        return 90;
    default:
        return 30;
    }
}

static void draw_heading(Pdf *p, const DocumentBlock *blocks, size_t count) {
    static const double sizes[] = {0, 14, 11, 9.5};
    const int level = blocks[0].level;
    const double size = sizes[level], before = p->y > top ? size : 0;
    char text[600];
    need_height(p, before + line_height(size) + 4 + least_height(blocks + 1, count - 1));
    if (p->y > top) p->y += before;
    if (level == 1) p->section++, p->subsection = 0;
    if (level == 2) p->subsection++;
    if (level == 1)
        snprintf(text, sizeof text, "%d  %s", p->section, blocks[0].text);
    else if (level == 2)
        snprintf(text, sizeof text, "%d.%d  %s", p->section, p->subsection, blocks[0].text);
    else
        snprintf(text, sizeof text, "%s", blocks[0].text);
    if (level < 3) canvas_bookmark(p->canvas, level, text, p->page, p->y);
    draw_paragraph(p, text, whole_line(size, true), 4);
}

static void draw_item(Pdf *p, const char *text, bool last) {
    TextBlock b = whole_line(9, false);
    b.x += 14, b.width -= 14;
    need_height(p, fmin(text_height(&b, text), 2 * line_height(b.size)));
    canvas_disc(p->canvas, (Point){margin + 5, p->y + 7}, 1.5, ink);
    draw_paragraph(p, text, b, last ? 8 : 2);
}

static cf_status draw_block(Pdf *p, const DocumentBlock *blocks, size_t count, size_t *taken) {
    *taken = 1;
    switch (blocks[0].kind) {
    case BLOCK_HEADING:
        draw_heading(p, blocks, count);
        break;
    case BLOCK_PARAGRAPH:
        draw_paragraph(p, blocks[0].text, whole_line(9, false), 7);
        break;
    case BLOCK_ITEM:
        draw_item(p, blocks[0].text, count < 2 || blocks[1].kind != BLOCK_ITEM);
        break;
    case BLOCK_CODE:
        draw_paragraph(p, blocks[0].text, (TextBlock){margin + 10, full_width() - 20, 8, false, ink, TEXT_LEFT}, 10);
        break;
    case BLOCK_TABLE:
        return draw_table(p, &blocks[0]);
    case BLOCK_FIGURE:
        return draw_figure_row(p, blocks, count, taken);
    }
    return CF_OK;
}

static cf_status draw_document(Pdf *p) {
    const Document *d = p->document;
    char version[64];
    canvas_title(p->canvas, d->title);
    page_number(p);
    draw_paragraph(p, d->title, whole_line(20, true), 4);
    if (*d->subtitle) draw_paragraph(p, d->subtitle, whole_line(10.5, false), 4);
    snprintf(version, sizeof version, "Made by cifra %s", cf_version());
    TextBlock b = whole_line(8, false);
    b.colour = muted;
    draw_paragraph(p, version, b, 14);
    size_t taken;
    for (size_t i = 0; i < d->count; i += taken) FORWARD(draw_block(p, d->blocks + i, d->count - i, &taken));
    return p->status;
}

cf_status document_write_pdf(const char *path, const Document *document) {
    AUTO(canvas_free_at) Canvas *canvas = NULL;
    FORWARD(canvas_new(path, page_width, page_height, &theme_light, 0, &canvas));
    FORWARD(draw_document(&(Pdf){.canvas = canvas, .document = document, .y = top, .page = 1}));
    return canvas_finish(memory_take(&canvas));
}
