#include "base/yaml.h"

#include "base/files.h"
#include "base/limits.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

typedef struct Place {
    const void *value;
    int line;
    void *owned; /* a text, or the items of a list */
} Place;

struct Yaml {
    char *path;
    Place *places;
    size_t count;
};

void yaml_free(Yaml *yaml) {
    if (!yaml) return;
    for (size_t i = 0; i < yaml->count; i++) free(yaml->places[i].owned);
    free(yaml->places);
    free(yaml->path);
    free(yaml);
}

int yaml_line(const Yaml *yaml, const void *value) {
    size_t i = yaml->count;
    while (i && yaml->places[i - 1].value != value) i--;
    return i ? yaml->places[i - 1].line : 0;
}

cf_status yaml_at(const Yaml *yaml, const void *value, cf_status status) {
    if (!status) return CF_OK;
    const int line = yaml_line(yaml, value);
    return line ? status_prefix(status, "%s:%d", yaml->path, line) : status_prefix(status, "%s", yaml->path);
}

/* ---- Events ---- */

/* A failure is told with the reader's line: that of the event at hand, unless another one is set before. */
typedef struct Reader {
    Yaml *yaml;
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand */
    int line;
} Reader;

static void reader_release(Reader *r) {
    yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
}

static cf_status next_event(Reader *r) {
    const yaml_parser_t *parser = &r->parser;
    yaml_event_delete(&r->event);
    const bool parsed = yaml_parser_parse(&r->parser, &r->event);
    /* Errors of the encoding have no mark. libyaml has a text for each of its errors but a lack of memory. */
    const yaml_mark_t failed = parser->error == YAML_READER_ERROR ? parser->mark : parser->problem_mark;
    r->line = (int)(parsed ? r->event.start_mark.line : failed.line) + 1;
    FAIL_IF(!parsed && !parser->problem, CF_NO_MEMORY, "out of memory while reading it");
    FAIL_IF(!parsed, CF_BAD_INPUT, "%s, %s", parser->context ? parser->context : "this is no YAML", parser->problem);
    FAIL_IF(r->event.type == YAML_ALIAS_EVENT, CF_BAD_INPUT,
            "an alias (*%.60s) is refused; write out what it stands for", (const char *)r->event.data.alias.anchor);
    return CF_OK;
}

/* What the event at hand begins, for messages. */
static const char *found(const Reader *r) {
    if (r->event.type == YAML_SEQUENCE_START_EVENT) return "a list";
    if (r->event.type == YAML_MAPPING_START_EVENT) return "keys with values";
    return r->event.data.scalar.length ? (const char *)r->event.data.scalar.value : "nothing";
}

/* `owned` is the Yaml's from here on. */
static cf_status note_place(Yaml *yaml, const void *value, int line, void *owned) {
    const cf_status status = memory_grow(&yaml->places, yaml->count, sizeof *yaml->places);
    if (status)
        free(owned);
    else
        yaml->places[yaml->count++] = (Place){value, line, owned};
    return status;
}

/* ---- Values ---- */

static cf_status read_mapping(Reader *r, const YamlKey *keys, void *made);

static int place_among(const char *const *words, const char *text, int (*compare)(const char *, const char *)) {
    for (int i = 0; words[i]; i++)
        if (compare(words[i], text) == 0) return i;
    return -1;
}

static bool is_null(const Reader *r) {
    static const char *const words[] = {"", "~", "null", NULL};
    return r->event.type == YAML_SCALAR_EVENT &&
           place_among(words, (const char *)r->event.data.scalar.value, strcasecmp) >= 0;
}

static bool whole_from_text(const char *text, int64_t low, int64_t high, int64_t *number) {
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 0);
    return end > text && !*end && !errno && *number >= low && *number <= high;
}

/* Any value but a text. */
static bool value_from_text(const YamlKey *key, const char *text, void *to) {
    static const char *const truths[] = {"false", "no", "off", "0", "true", "yes", "on", "1", NULL};
    int64_t number = 0;
    bool fits;
    char *end;
    switch (key->kind) {
    case YAML_NUMBER:
        errno = 0;
        *(double *)to = strtod(text, &end);
        return end > text && !*end && !(errno && isinf(*(double *)to));
    case YAML_WHOLE:
        return whole_from_text(text, INT64_MIN, INT64_MAX, to);
    case YAML_BOOL:
        number = place_among(truths, text, strcasecmp);
        *(bool *)to = number >= 4;
        return number >= 0;
    case YAML_INT:
        fits = whole_from_text(text, INT_MIN, INT_MAX, &number);
        break;
    default:
        number = place_among(key->words, text, strcmp);
        fits = number >= 0;
    }
    *(int *)to = (int)number;
    return fits;
}

static cf_status fail_kind(const Reader *r, const YamlKey *key) {
    static const char *const kinds[] = {"a text",        "a number", "a whole number",  "a whole number",
                                        "true or false", NULL,       "keys with values"};
    char words[200] = "";
    if (key->words) text_list(key->words, words, sizeof words);
    return FAIL(CF_BAD_INPUT, "%s expected, found %.60s%s", key->words ? words : kinds[key->kind], found(r),
                key->words ? text_hint(found(r), key->words) : "");
}

static cf_status read_scalar(Reader *r, const YamlKey *key, int line, void *to) {
    if (r->event.type != YAML_SCALAR_EVENT) return fail_kind(r, key);
    const char *text = (const char *)r->event.data.scalar.value;
    char *copy = NULL;
    FAIL_IF(strlen(text) != r->event.data.scalar.length, CF_BAD_INPUT,
            "a text without zero bytes expected, found %.60s\\0", text);
    if (key->kind == YAML_TEXT ? !*text && !key->most : !value_from_text(key, text, to)) return fail_kind(r, key);
    if (key->kind == YAML_TEXT) {
        FORWARD(memory_copy_string(text, &copy));
        *(const char **)to = copy;
    }
    return note_place(r->yaml, to, line, copy);
}

static cf_status read_one(Reader *r, const YamlKey *key, int line, void *to) {
    if (key->kind != YAML_MAPPING) return read_scalar(r, key, line, to);
    if (r->event.type != YAML_MAPPING_START_EVENT) return fail_kind(r, key);
    FORWARD(note_place(r->yaml, to, line, NULL));
    return read_mapping(r, key->keys, to);
}

/* Items lie where they are from the first on: their addresses have their lines. */
static cf_status read_list(Reader *r, const YamlKey *key, int line, char *made) {
    static const size_t sizes[] = {sizeof(char *),  sizeof(double), sizeof(int),
                                   sizeof(int64_t), sizeof(bool),   sizeof(int)};
    const size_t size = key->kind == YAML_MAPPING ? key->size : sizes[key->kind];
    const int begins = r->line;
    unsigned count = 0;
    char *items;
    FAIL_IF(r->event.type != YAML_SEQUENCE_START_EVENT, CF_BAD_INPUT, "a list such as [a, b] expected, found %.60s",
            found(r));
    FORWARD(memory_new(key->most, size, &items));
    memcpy(made + key->at, &items, sizeof items);
    FORWARD(note_place(r->yaml, made + key->at, line, items));
    for (;; count++) {
        FORWARD(next_event(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT || count == key->most) break;
        FORWARD(read_one(r, key, r->line, items + count * size));
    }
    const bool more = r->event.type != YAML_SEQUENCE_END_EVENT;
    r->line = begins;
    FAIL_IF(more || count < key->least, CF_BAD_INPUT, "a list of another length expected: of %u to %u, found %s%u",
            key->least, key->most, more ? "more than " : "", count);
    *(unsigned *)(void *)(made + key->count_at) = count;
    return CF_OK;
}

/* The row of the key at hand, of those of its name the one for the value that follows, which is at hand then. */
static cf_status find_key(Reader *r, const YamlKey *keys, bool *given, const YamlKey **key) {
    const char *names[YAML_MOST_KEYS + 1] = {NULL};
    FAIL_IF(r->event.type != YAML_SCALAR_EVENT, CF_BAD_INPUT, "a key expected, found %s", found(r));
    for (int k = 0; keys[k].name; k++) names[k] = keys[k].name;
    const char *name = (const char *)r->event.data.scalar.value;
    int place = place_among(names, name, strcmp);
    FAIL_IF(place < 0, CF_BAD_INPUT, "unknown key %.60s%s", name, text_hint(name, names));
    FAIL_IF(given[place], CF_BAD_INPUT, "the key %s stands there twice", names[place]);
    given[place] = true;
    FORWARD(next_event(r));
    for (int k = place; keys[k].name; k++)
        if (strcmp(names[k], names[place]) == 0 && (keys[k].most > 0) == (r->event.type == YAML_SEQUENCE_START_EVENT))
            place = k;
    *key = &keys[place];
    return CF_OK;
}

static cf_status read_mapping(Reader *r, const YamlKey *keys, void *made) {
    bool given[YAML_MOST_KEYS] = {false};
    const int begins = r->line;
    for (;;) {
        const YamlKey *key = NULL;
        FORWARD(next_event(r));
        const int line = r->line;
        if (r->event.type == YAML_MAPPING_END_EVENT) break;
        FORWARD(find_key(r, keys, given, &key));
        if (key->or_null && is_null(r)) continue;
        FORWARD(key->most ? read_list(r, key, line, made) : read_one(r, key, line, (char *)made + key->at));
    }
    r->line = begins;
    for (int k = 0; keys[k].name; k++)
        FAIL_IF(keys[k].needed && !given[k], CF_BAD_INPUT, "the key %s is missing", keys[k].name);
    return CF_OK;
}

/* ---- Files ---- */

const char *yaml_built_in(const EmbeddedFile *files, const char *name) {
    const size_t length = strlen(name);
    for (const EmbeddedFile *f = files; f && f->name; f++)
        if (strncmp(f->name, name, length) == 0 && strcmp(f->name + length, ".yaml") == 0) return (const char *)f->text;
    return NULL;
}

/* One document; what follows it is not looked at. */
static cf_status read_document(Reader *r, const YamlKey *keys, void *made) {
    FORWARD(next_event(r)); /* the stream begins */
    FORWARD(next_event(r)); /* a document begins */
    FAIL_IF(r->event.type == YAML_STREAM_END_EVENT, CF_BAD_INPUT,
            "the file is empty; it may have the key %s, for instance", keys[0].name);
    FORWARD(next_event(r));
    if (r->event.type != YAML_MAPPING_START_EVENT) return fail_kind(r, &(YamlKey){.kind = YAML_MAPPING});
    FORWARD(read_mapping(r, keys, made));
    return next_event(r); /* and ends */
}

cf_status yaml_read(const EmbeddedFile *files, const char *name_or_path, const YamlKey *keys, void *made, Yaml **yaml) {
    const char *built_in = yaml_built_in(files, name_or_path);
    AUTO_FREE unsigned char *bytes = NULL;
    AUTO(reader_release) Reader r = {0};
    size_t size = built_in ? strlen(built_in) : 0;
    if (!built_in) FORWARD(file_read(name_or_path, MOST_YAML_BYTES, &bytes, &size));
    FORWARD(memory_new(1, sizeof **yaml, yaml));
    FORWARD(memory_copy_string(name_or_path, &(*yaml)->path));
    FAIL_IF(!yaml_parser_initialize(&r.parser), CF_NO_MEMORY, "%s: out of memory while reading it", name_or_path);
    yaml_parser_set_input_string(&r.parser, built_in ? (const unsigned char *)built_in : bytes, size);
    r.yaml = *yaml;
    const cf_status status = read_document(&r, keys, made);
    if (status == CF_BAD_INPUT) return status_prefix(status, "%s:%d", name_or_path, r.line);
    return status ? status_prefix(status, "%s", name_or_path) : CF_OK;
}
