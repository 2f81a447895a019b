/* SVG files as elements of the page.
 *
 * Ids are one space per page, and Cairo numbers its glyphs and clips from 0 in every file: id="x", href="#x" and
 * url(#x) are therefore prefixed. This is a copy with a few words changed, no parser: a tag ends at the next '>' that
 * is outside quotes.
 */
#include "study/report/report_inside.h"

#include <ctype.h>
#include <string.h>

static bool begins(const char *text, const char *end, const char *word) {
    size_t length = strlen(word);
    return (size_t)(end - text) >= length && strncasecmp(text, word, length) == 0;
}

static const char *find(const char *text, const char *end, const char *word) {
    return memmem(text, (size_t)(end - text), word, strlen(word));
}

/* The '>' of the tag that begins at `text`, or NULL. */
static const char *tag_end(const char *text, const char *end) {
    for (char quote = 0; text < end; text++) {
        if (quote)
            quote = *text == quote ? '\0' : quote;
        else if (*text == '"' || *text == '\'')
            quote = *text;
        else if (*text == '>')
            return text;
    }
    return NULL;
}

static bool is_safe_link(const char *value, const char *end) {
    return *value == '#' || begins(value, end, "data:image/png") || begins(value, end, "data:image/jpeg");
}

/* A figure is a picture: nothing that runs, nothing that is fetched. `tag` is from '<' to '>'. */
static bool is_harmless(const char *tag, const char *end) {
    static const char *const bad[] = {"<script", "<foreignobject", "<iframe", "<a ",     "<animate",
                                      "<set",    "<style",         "<link",   "<handler"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (begins(tag, end, bad[i])) return false;
    char quote = 0;
    for (const char *p = tag; p < end; p++) {
        if (quote) {
            if (begins(p, end, "url(") && p[4] != '#') return false;
            if (*p == quote) quote = 0;
            continue;
        }
        if (*p == '"' || *p == '\'') quote = *p;
        bool starts = p > tag && (isspace((unsigned char)p[-1]) || p[-1] == '/' || p[-1] == '"' || p[-1] == '\'');
        if (starts && begins(p, end, "on")) return false;
        if (!begins(p, end, "href")) continue;
        const char *value = p + 4;
        while (value < end && (isspace((unsigned char)*value) || *value == '=')) value++;
        if (value + 1 >= end || (*value != '"' && *value != '\'') || !is_safe_link(value + 1, end)) return false;
    }
    return true;
}

static void copy_tag(FILE *out, const char *tag, const char *end, int number) {
    static const char *const before[] = {" id=\"", " id='", "href=\"#", "href='#", "url(#"};
    while (tag < end) {
        size_t length = 0;
        for (size_t i = 0; i < sizeof before / sizeof before[0] && !length; i++)
            if (begins(tag, end, before[i])) length = strlen(before[i]);
        fwrite(tag, 1, length ? length : 1, out);
        if (length) fprintf(out, "f%d-", number);
        tag += length ? length : 1;
    }
}

cf_status report_svg_inline(FILE *out, const char *svg, size_t size, int number) {
    const char *end = svg + size, *place = find(svg, end, "<svg"), *close;
    FAIL_IF(!place || memchr(svg, '\0', size), CF_BAD_INPUT, "it is no SVG file");
    /* Looked at in full before the first byte is written. */
    for (const char *tag = place; (tag = memchr(tag, '<', (size_t)(end - tag))); tag = close) {
        FAIL_IF(begins(tag, end, "<!") || begins(tag, end, "<?"), CF_BAD_INPUT,
                "it has a comment, section or instruction inside its picture");
        close = tag_end(tag, end);
        FAIL_IF(!close, CF_BAD_INPUT, "it ends inside a tag");
        FAIL_IF(!is_harmless(tag, close), CF_BAD_INPUT, "it would run or load something");
    }
    while ((close = memchr(place, '<', (size_t)(end - place)))) {
        fwrite(place, 1, (size_t)(close - place), out);
        place = close;
        close = tag_end(place, end);
        copy_tag(out, place, close, number);
        place = close;
    }
    fwrite(place, 1, (size_t)(end - place), out);
    return CF_OK;
}
