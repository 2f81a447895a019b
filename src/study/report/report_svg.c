/* SVG files as elements of the page.
 *
 * A browser reads the page as HTML, which understands broken markup in ways of its own; what is judged here must be what it
 * sees. So a figure is taken only in a form that leaves no choice, which is Cairo's: tags are <name attribute="value" ...>
 * or </name>, with a space before every attribute, nothing between name, '=' and quote, and no '<' inside. Elements are those
 * of pictures, and none has an attribute that runs or loads something.
 *
 * Ids are one space per page, and Cairo numbers its glyphs and clips from 0 in every file: id="x", href="#x" and
 * url(#x) are therefore prefixed, in a copy with a few words changed.
 */
#include "base/memory.h"
#include "study/report/report_inside.h"

#include <ctype.h>
#include <string.h>

static bool begins(const char *text, const char *end, const char *word) {
    size_t length = strlen(word);
    return (size_t)(end - text) >= length && strncasecmp(text, word, length) == 0;
}

/* A piece of the file. */
typedef struct Piece {
    const char *at, *end;
} Piece;

static bool is_word(Piece piece, const char *word) {
    return (size_t)(piece.end - piece.at) == strlen(word) && begins(piece.at, piece.end, word);
}

/* ---- What a figure may hold ---- */

static bool is_picture_element(Piece name) {
    static const char *const known[] = {
        "svg",      "g",       "defs",        "symbol",         "use",     "path",
        "rect",     "circle",  "ellipse",     "line",           "text",    "tspan",
        "polyline", "mask",    "polygon",     "linearGradient", "image",   "radialGradient",
        "pattern",  "stop",    "filter",      "clipPath",       "desc",    "feColorMatrix",
        "title",    "feBlend", "feComposite", "feFlood",        "feImage", "feOffset"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (is_word(name, known[i])) return true;
    return false;
}

/* Other characters than those five may be written as they are: a reference could hide a word from the checks. */
static bool is_plain_reference(Piece text) {
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (begins(text.at, text.end, known[i])) return true;
    return false;
}

/* Nothing that runs, nothing that is fetched. */
static bool is_harmless(Piece name, Piece value) {
    const bool link = is_word(name, "href") || is_word(name, "xlink:href");
    if (begins(name.at, name.end, "on")) return false;
    if (link && value.at == value.end) return false;
    if (link && *value.at != '#' && !begins(value.at, value.end, "data:image/png") &&
        !begins(value.at, value.end, "data:image/jpeg"))
        return false;
    for (const char *p = value.at; p < value.end; p++) {
        if (*p == '<' || *p == '\\') return false;
        if (*p == '&' && !is_plain_reference((Piece){p, value.end})) return false;
        if (begins(p, value.end, "url(") && (value.end - p < 5 || p[4] != '#')) return false;
    }
    return true;
}

/* ---- Tags ---- */

/* Letters, digits, '-', '_', '.' and ':', the first a letter or '_'; moves on behind it. */
static bool take_name(const char **place, const char *end, Piece *name) {
    *name = (Piece){*place, *place};
    while (name->end < end && (isalnum((unsigned char)*name->end) || (*name->end && strchr("-_.:", *name->end))))
        name->end++;
    *place = name->end;
    return name->at < name->end && (isalpha((unsigned char)*name->at) || *name->at == '_');
}

/* ="value" or ='value'. */
static bool take_value(const char **place, const char *end, Piece *value) {
    const char *p = *place;
    if (end - p < 2 || *p != '=' || (p[1] != '"' && p[1] != '\'')) return false;
    const char *close = memchr(p + 2, p[1], (size_t)(end - p - 2));
    if (!close) return false;
    *value = (Piece){p + 2, close};
    *place = close + 1;
    return true;
}

typedef struct Tag {
    Piece name;
    bool closes, is_empty; /* </name>; <name/> */
    const char *after;     /* behind its '>' */
} Tag;

static cf_status read_tag(const char *at, const char *end, Tag *tag) {
    const char *p = at + 1;
    tag->closes = p < end && *p == '/';
    p += tag->closes;
    FAIL_IF(!take_name(&p, end, &tag->name), CF_BAD_INPUT, "it has a comment, section, instruction or stray '<'");
    FAIL_IF(!is_picture_element(tag->name), CF_BAD_INPUT,
            "it would run or load something: its element %.*s is none of a plain picture",
            (int)(tag->name.end - tag->name.at < 40 ? tag->name.end - tag->name.at : 40), tag->name.at);
    for (;;) {
        const char *spaces = p;
        Piece name, value;
        while (p < end && isspace((unsigned char)*p)) p++;
        tag->is_empty = p < end && *p == '/';
        p += tag->is_empty;
        FAIL_IF(p == end, CF_BAD_INPUT, "it ends inside a tag");
        if (*p == '>') break;
        FAIL_IF(spaces == p || tag->is_empty || !take_name(&p, end, &name) || !take_value(&p, end, &value),
                CF_BAD_INPUT, "one of its tags is not written as <name attribute=\"value\">");
        FAIL_IF(!is_harmless(name, value), CF_BAD_INPUT, "it would run or load something");
    }
    tag->after = p + 1;
    return CF_OK;
}

/* All tags in order, each that opens closed again: a figure ends where its text does. */
static cf_status check_picture(const char *svg, const char *end) {
    size_t depth = 0;
    Tag tag = {.after = svg};
    for (const char *at; (at = memchr(tag.after, '<', (size_t)(end - tag.after)));) {
        FAIL_IF(at != svg && !depth, CF_BAD_INPUT, "something follows its picture");
        FORWARD(read_tag(at, end, &tag));
        FAIL_IF(tag.closes && !depth, CF_BAD_INPUT, "it closes what was not opened");
        depth = tag.closes ? depth - 1 : depth + !tag.is_empty;
    }
    FAIL_IF(depth, CF_BAD_INPUT, "it ends before all its elements do");
    return CF_OK;
}

static void copy_tag(FILE *out, const char *tag, const char *end, int number) {
    static const char *const before[] = {" id=\"", " id='", "href=\"#", "href='#", "url(#"};
    while (tag < end) {
        size_t length = 0;
        for (size_t i = 0; i < COUNT_OF(before) && !length; i++)
            if (begins(tag, end, before[i])) length = strlen(before[i]);
        fwrite(tag, 1, length ? length : 1, out);
        if (length) fprintf(out, "f%d-", number);
        tag += length ? length : 1;
    }
}

cf_status report_svg_inline(FILE *out, const char *svg, size_t size, int number) {
    const char *end = svg + size, *place = memmem(svg, size, "<svg", 4);
    Tag tag;
    FAIL_IF(!place || memchr(svg, '\0', size), CF_BAD_INPUT, "it is no SVG file");
    /* Looked at in full before the first byte is written. */
    FORWARD(check_picture(place, end));
    for (const char *at; (at = memchr(place, '<', (size_t)(end - place))); place = tag.after) {
        fwrite(place, 1, (size_t)(at - place), out);
        FORWARD(read_tag(at, end, &tag));
        copy_tag(out, at, tag.after, number);
    }
    fwrite(place, 1, (size_t)(end - place), out);
    return CF_OK;
}
