#include "base/markup.h"

#include "base/memory.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool tag_read(const char *at, const char *end, Tag *tag) {
    char quote = 0;
    *tag = (Tag){.closes = end - at > 1 && at[1] == '/'};
    tag->name = at + 1 + tag->closes;
    while (tag->name + tag->length < end && isalnum((unsigned char)tag->name[tag->length])) tag->length++;
    tag->attributes = tag->name + tag->length;
    if (end - at > 4 && strncmp(at, "<!--", 4) == 0) {
        const char *close = memmem(at + 4, (size_t)(end - at - 4), "-->", 3);
        tag->end = close ? close + 3 : NULL;
        return close;
    }
    for (const char *p = tag->attributes; p < end; p++) {
        if (quote)
            quote = *p == quote ? 0 : quote;
        else if (*p == '"' || *p == '\'')
            quote = *p;
        else if (*p == '>') {
            tag->end = p + 1;
            tag->is_empty = p[-1] == '/' && !tag->closes;
            return true;
        }
    }
    return false;
}

bool tag_is(const Tag *tag, const char *name) {
    return strlen(name) == tag->length && strncasecmp(tag->name, name, tag->length) == 0;
}

bool tag_is_one_of(const Tag *tag, const char *const *names) {
    while (*names && !tag_is(tag, *names)) names++;
    return *names;
}

static bool is_raw(const Tag *tag) {
    return TAG_IS_ONE_OF(tag, "script", "style");
}

static bool has_name(const Tag *tag, const char *name, size_t length) {
    return tag->length && tag->length == length && strncasecmp(tag->name, name, length) == 0;
}

const char *tag_element_end(const Tag *tag, const char *end, bool (*is_void)(const Tag *)) {
    Tag inner = *tag;
    for (int depth = 1; depth;) {
        const char *at = memchr(inner.end, '<', (size_t)(end - inner.end));
        while (at && is_raw(tag) &&
               !((size_t)(end - at) > tag->length + 1 && at[1] == '/' && strncasecmp(at + 2, tag->name, tag->length) == 0))
            at = memchr(at + 1, '<', (size_t)(end - at - 1));
        if (!at || !tag_read(at, end, &inner)) return NULL;
        if (has_name(&inner, tag->name, tag->length))
            depth += inner.closes ? -1 : !is_void(&inner);
        else if (is_raw(&inner) && !inner.closes && !(inner.end = tag_element_end(&inner, end, is_void)))
            return NULL;
    }
    return inner.end;
}

const char *tag_attribute(const Tag *tag, const char *name, size_t *length) {
    const char *p = tag->attributes, *end = tag->end - 1;
    while (p < end) {
        while (p < end && (isspace((unsigned char)*p) || *p == '/')) p++;
        const char *key = p, *value = p;
        while (p < end && !isspace((unsigned char)*p) && *p != '=' && *p != '/') p++;
        const size_t key_length = (size_t)(p - key);
        *length = 0;
        if (p < end && *p == '=') {
            const char quote = p[1];
            if (quote != '"' && quote != '\'') return NULL;
            value = p + 2;
            for (p = value; p < end && *p != quote;) p++;
            *length = (size_t)(p - value);
            p += p < end;
        }
        if (key_length && key_length == strlen(name) && strncmp(key, name, key_length) == 0) return value;
        if (!key_length) p += p < end;
    }
    return NULL;
}

char markup_reference(const char *at, const char *end, size_t *length) {
    static const struct {
        const char *text;
        char is;
    } known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}, {"&apos;", '\''}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        *length = strlen(known[i].text);
        if ((size_t)(end - at) >= *length && strncmp(at, known[i].text, *length) == 0) return known[i].is;
    }
    return 0;
}
