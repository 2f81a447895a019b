/* Reads the blocks of a page. One pass over its tags: a text goes where the tag before it said. */
#include "study/report/document.h"

#include "base/markup.h"
#include "base/memory.h"
#include "base/text.h"
#include "draw/svg_picture.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader {
    const char *page, *end;
    Document *made;
    char *free_text; /* where the next text goes */
    Cell *free_cell;
    Row *free_row;
    const char **text; /* whose text is being read; NULL: nobody's */
    char *begin;       /* of that text */
    bool verbatim, in_table, in_head, in_definitions;
    int tables, figures;
} Reader;

/* ---- Tags ---- */

static bool has_class(const Tag *tag, const char *word) {
    size_t length;
    const char *value = tag_attribute(tag, "class", &length);
    const size_t of = strlen(word);
    for (const char *p = value; p && p + of <= value + length; p++)
        if (strncmp(p, word, of) == 0 && (p == value || p[-1] == ' ') && (p + of == value + length || p[of] == ' '))
            return true;
    return false;
}

static bool is_void(const Tag *tag) {
    return tag->is_empty || TAG_IS_ONE_OF(tag, "meta", "link", "br", "img", "input", "hr");
}

static bool is_left_out(const Tag *tag) {
    size_t length;
    return TAG_IS_ONE_OF(tag, "head", "nav", "footer", "dialog", "script", "style", "canvas") || has_class(tag, "screen") ||
           tag_attribute(tag, "hidden", &length);
}

/* ---- Text ---- */

static void begin_text(Reader *r, const char **text) {
    r->text = text;
    r->begin = r->free_text;
    *text = "";
}

static void end_text(Reader *r) {
    if (!r->text) return;
    while (r->free_text > r->begin && isspace((unsigned char)r->free_text[-1])) r->free_text--;
    *r->free_text++ = '\0';
    *r->text = r->begin;
    r->text = NULL;
    r->verbatim = false;
}

static void put_character(Reader *r, char c) {
    const bool space = !r->verbatim && isspace((unsigned char)c);
    if (space && (r->free_text == r->begin || isspace((unsigned char)r->free_text[-1]))) return;
    *r->free_text++ = space ? ' ' : c;
}

static void take_text(Reader *r, const char *at, const char *end) {
    if (!r->text) return;
    while (at < end) {
        size_t length = 1;
        const char character = *at == '&' ? markup_reference(at, end, &length) : 0;
        put_character(r, character ? character : *at);
        at += character ? length : 1;
    }
}

/* A remark in a cell: a line of its own where it follows a word at once, behind it otherwise. */
static void begin_remark(Reader *r) {
    if (!r->text || r->free_text == r->begin || isspace((unsigned char)r->free_text[-1])) return;
    *r->free_text++ = '\n';
}

/* ---- Blocks ---- */

static DocumentBlock *add_block(Reader *r, BlockKind kind) {
    DocumentBlock *block = &r->made->blocks[r->made->count++];
    *block = (DocumentBlock){.kind = kind, .text = ""};
    return block;
}

static const char *last_heading(const Document *d) {
    for (size_t i = d->count; i > 0; i--)
        if (d->blocks[i - 1].kind == BLOCK_HEADING) return d->blocks[i - 1].text;
    return "Summary";
}

/* A table without a caption has the heading's words; a list of settings takes the heading itself. */
static void begin_table(Reader *r, const Tag *tag) {
    Document *d = r->made;
    const bool of_definitions = tag_is(tag, "dl"), facts = has_class(tag, "facts");
    const char *caption = facts ? "Key figures" : last_heading(d);
    const bool takes = of_definitions && !facts && d->count && d->blocks[d->count - 1].kind == BLOCK_HEADING &&
                       d->blocks[d->count - 1].level > 1;
    d->count -= takes;
    DocumentBlock *block = add_block(r, BLOCK_TABLE);
    block->text = caption;
    block->table.rows = r->free_row;
    r->in_table = true;
    r->in_definitions = of_definitions;
    r->in_head = false;
}

static DocumentBlock *last_block(Reader *r) {
    return &r->made->blocks[r->made->count - 1];
}

static void begin_row(Reader *r, const Tag *tag) {
    Table *table = &last_block(r)->table;
    *r->free_row++ = (Row){.cells = r->free_cell, .bold = has_class(tag, "best")};
    table->count++;
    table->heads += r->in_head;
}

static cf_status begin_cell(Reader *r, const Tag *tag) {
    size_t length;
    FAIL_IF(!last_block(r)->table.count, CF_BAD_INPUT, "a cell stands in no row of its table");
    const char *span = tag_attribute(tag, "colspan", &length);
    const int columns = span && length < 4 ? atoi(span) : 1;
    *r->free_cell =
        (Cell){.span = columns > 1 ? columns : 1, .number = has_class(tag, "n"), .names = tag_is(tag, "th")};
    r->free_row[-1].count++;
    begin_text(r, &r->free_cell++->text);
    return CF_OK;
}

static void end_table(Reader *r) {
    DocumentBlock *block = last_block(r);
    Table *table = &block->table;
    r->in_table = r->in_definitions = false;
    for (size_t i = 0; i < table->count; i++) {
        size_t columns = 0;
        for (size_t c = 0; c < table->rows[i].count; c++) columns += (size_t)table->rows[i].cells[c].span;
        if (columns > table->columns) table->columns = columns;
    }
    if (table->count == table->heads || !table->columns)
        r->made->count--;
    else
        block->number = ++r->tables;
}

static cf_status take_figure(Reader *r, const Tag *tag, const char *end) {
    DocumentBlock *block = add_block(r, BLOCK_FIGURE);
    Tag inner = *tag;
    block->number = ++r->figures;
    for (const char *at; (at = memchr(inner.end, '<', (size_t)(end - inner.end))) && at < end;) {
        if (!tag_read(at, r->end, &inner) || inner.end > end) break;
        if (tag_is(&inner, "svg") && !inner.closes) {
            const char *svg_end = tag_element_end(&inner, r->end, is_void);
            if (!svg_end || svg_end > end) break;
            block->picture = at;
            block->picture_size = (size_t)(svg_end - at);
            inner.end = svg_end;
        } else if (tag_is(&inner, "figcaption") && !inner.closes) {
            const char *close = memmem(inner.end, (size_t)(end - inner.end), "</figcaption>", 13);
            if (!close) break;
            begin_text(r, &block->text);
            take_text(r, inner.end, close);
            end_text(r);
        }
    }
    FAIL_IF(!block->picture, CF_BAD_INPUT, "the <svg> of figure %d has no end", block->number);
    const cf_status status = svg_picture_size(block->picture, block->picture_size, &block->width, &block->height);
    return status ? status_prefix(status, "figure %d", block->number) : CF_OK;
}

/* ---- Elements ---- */

static void begin_line(Reader *r, BlockKind kind, int level) {
    DocumentBlock *block = add_block(r, kind);
    block->level = level;
    r->verbatim = kind == BLOCK_CODE;
    begin_text(r, &block->text);
}

static cf_status open_in_table(Reader *r, const Tag *tag) {
    const bool row = tag_is(tag, "tr") || (r->in_definitions && tag_is(tag, "div"));
    if (tag_is(tag, "thead")) r->in_head = true;
    if (tag_is(tag, "tbody") || tag_is(tag, "tfoot")) r->in_head = false;
    if (row) begin_row(r, tag);
    if (tag_is(tag, "caption")) begin_text(r, &last_block(r)->text);
    return TAG_IS_ONE_OF(tag, "th", "td", "dt", "dd") ? begin_cell(r, tag) : CF_OK;
}

/* What stands in one line, and is a block. */
static const struct {
    const char *tag;
    BlockKind kind;
    int level;
} lines[] = {{"h2", BLOCK_HEADING, 1},  {"h3", BLOCK_HEADING, 2}, {"summary", BLOCK_HEADING, 3},
             {"p", BLOCK_PARAGRAPH, 0}, {"li", BLOCK_ITEM, 0},    {"pre", BLOCK_CODE, 0}};

static void open_line(Reader *r, const Tag *tag) {
    size_t i = 0;
    while (i < COUNT_OF(lines) && !tag_is(tag, lines[i].tag)) i++;
    if (tag_is(tag, "h1"))
        begin_text(r, &r->made->title);
    else if (tag_is(tag, "p") && has_class(tag, "lead"))
        begin_text(r, &r->made->subtitle);
    else if (i < COUNT_OF(lines) && !has_class(tag, "eyebrow"))
        begin_line(r, lines[i].kind, lines[i].level);
}

static cf_status open_element(Reader *r, const Tag *tag) {
    FAIL_IF(r->in_table && TAG_IS_ONE_OF(tag, "table", "dl"), CF_BAD_INPUT, "a table stands in a table");
    if (tag_is(tag, "small")) {
        if (r->in_definitions && r->text) {
            end_text(r);
            return begin_cell(r, tag);
        }
        begin_remark(r);
    } else if (r->in_table)
        return open_in_table(r, tag);
    else if (TAG_IS_ONE_OF(tag, "table", "dl"))
        begin_table(r, tag);
    else
        open_line(r, tag);
    return CF_OK;
}

static void close_element(Reader *r, const Tag *tag) {
    if (TAG_IS_ONE_OF(tag, "h1", "h2", "h3", "summary", "p", "li", "pre", "caption", "th", "td", "dt", "dd")) {
        end_text(r);
        DocumentBlock *block = r->made->count && !r->in_table ? last_block(r) : NULL;
        if (block && block->kind != BLOCK_TABLE && block->kind != BLOCK_FIGURE && !*block->text) r->made->count--;
    }
    if (r->in_table && tag_is(tag, r->in_definitions ? "dl" : "table")) {
        end_text(r);
        end_table(r);
    }
}

/* A heading with nothing below it but the next one of its level is of what cannot be shown here. */
static void drop_empty_headings(Document *d) {
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        const DocumentBlock block = d->blocks[i];
        while (kept && block.kind == BLOCK_HEADING && d->blocks[kept - 1].kind == BLOCK_HEADING &&
               d->blocks[kept - 1].level >= block.level)
            kept--;
        d->blocks[kept++] = block;
    }
    while (kept && d->blocks[kept - 1].kind == BLOCK_HEADING) kept--;
    d->count = kept;
}

static cf_status read_elements(Reader *r) {
    const char *at = r->page;
    for (const char *open; (open = memchr(at, '<', (size_t)(r->end - at)));) {
        Tag tag;
        const char *end = NULL;
        take_text(r, at, open);
        FAIL_IF(!tag_read(open, r->end, &tag), CF_BAD_INPUT, "it ends inside a tag");
        at = tag.end;
        if (tag.closes) {
            close_element(r, &tag);
            continue;
        }
        const bool figure = tag_is(&tag, "figure"), left_out = is_left_out(&tag);
        if (is_void(&tag)) continue;
        if (!left_out && !figure) {
            FORWARD(open_element(r, &tag));
            continue;
        }
        end = tag_element_end(&tag, r->end, is_void);
        FAIL_IF(!end, CF_BAD_INPUT, "its <%.*s> has no end", (int)tag.length, tag.name);
        const size_t size = (size_t)(end - tag.end);
        /* One without a picture has a table for it, or answers a click. */
        const bool picture = memmem(tag.end, size, "<svg", 4), table = memmem(tag.end, size, "<table", 6);
        if (figure && !left_out && picture && !r->in_table) FORWARD(take_figure(r, &tag, end));
        if (left_out || picture || !table) at = end;
    }
    FAIL_IF(r->in_table, CF_BAD_INPUT, "it ends inside a table");
    FAIL_IF(!*r->made->title, CF_BAD_INPUT, "it has no title");
    return CF_OK;
}

cf_status document_read(const char *page, size_t size, Document *document) {
    AUTO(document_free) Document made = {.title = "", .subtitle = ""};
    size_t tags = 1;
    for (const char *p = page; (p = memchr(p, '<', size - (size_t)(p - page))); p++) tags++;
    /* No text is longer than what it is read from; each has an end more, and a remark a line's. */
    FORWARD(memory_new(size + 2 * tags, 1, &made.texts));
    FORWARD(memory_new(tags, sizeof *made.blocks, &made.blocks));
    FORWARD(memory_new(tags, sizeof *made.cells, &made.cells));
    FORWARD(memory_new(tags, sizeof *made.rows, &made.rows));
    Reader reader = {.page = page,
                     .end = page + size,
                     .made = &made,
                     .free_text = made.texts,
                     .free_cell = made.cells,
                     .free_row = made.rows};
    FORWARD(read_elements(&reader));
    drop_empty_headings(&made);
    *document = made;
    made = (Document){0};
    return CF_OK;
}

void document_free(Document *document) {
    free(document->blocks);
    free(document->cells);
    free(document->rows);
    free(document->texts);
    *document = (Document){0};
}
