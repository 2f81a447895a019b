/* YAML files into structs, from a table of their keys, by the events of libyaml.
 *
 * A mapping is a table of YamlKey, and a struct whose members its values fill; a key that is not given leaves its member as it was.
 * The form is checked while it is read: unknown keys, keys given twice, values of another kind, lists of another length, aliases.
 * Nothing is nested deeper than the tables say. What values mean is the caller's to check; every value has its line, for yaml_at:
 *
 *     AUTO(yaml_free_at) Yaml *yaml = NULL;
 *     Settings settings = {.seeds = 3};
 *     FORWARD(yaml_read(NULL, path, settings_keys, &settings, &yaml));
 *     if (settings.seeds < 2) return yaml_at(yaml, &settings.seeds, FAIL(CF_BAD_INPUT, "two seeds or more expected"));
 */
#pragma once

#include "base/embedded.h"
#include "base/memory.h"

typedef enum YamlKind {
    YAML_TEXT,   /* const char *, the Yaml's own; not empty, unless in a list */
    YAML_NUMBER, /* double; as strtod has it, nan too */
    YAML_INT,    /* int; decimal, octal from 0, hexadecimal from 0x */
    YAML_WHOLE,  /* int64_t, likewise */
    YAML_BOOL,   /* bool; true, yes, on, 1, false, no, off, 0 in any case */
    YAML_WORD,   /* int (or an enum): the place of the text among `words` */
    YAML_MAPPING /* a struct with `keys` */
} YamlKind;

typedef struct YamlKey {
    const char *name; /* NULL ends a table. Two rows may have one name: a single value, and a list */
    YamlKind kind;
    size_t at; /* of the member; of a list that is a pointer to its items, the Yaml's own */
    bool needed;
    bool or_null;         /* null, ~ and nothing are as if the key were not there */
    size_t count_at;      /* lists: of the unsigned that says how many items there are */
    unsigned least, most; /* of them; most 0: no list. Room for the most is taken at once */
    const struct YamlKey *keys;
    size_t size;              /* lists of mappings: of an item */
    const char *const *words; /* end with NULL */
} YamlKey;

enum { YAML_MOST_KEYS = 96 }; /* of one table */

#define YAML_AT(type, member) .at = offsetof(type, member)
#define YAML_LIST(type, member, low, high)                                                                             \
    .at = offsetof(type, member), .count_at = offsetof(type, member##_count), .least = low, .most = high
/* The kind and the rest of a list of mappings. */
#define YAML_MAPPINGS(type, member, low, high, table)                                                                  \
    YAML_MAPPING, YAML_LIST(type, member, low, high), .keys = table, .size = sizeof *((type *)0)->member

/* What a file's values point into, and their lines. */
typedef struct Yaml Yaml;

/* Reads NAME of `files`, where they have a NAME.yaml, or else the file at a path. `made` is a struct for `keys`; *yaml is to be freed
 * on any path, and after the values' last use. CF_BAD_INPUT with the line. */
cf_status yaml_read(const EmbeddedFile *files, const char *name_or_path, const YamlKey *keys, void *made, Yaml **yaml);
void yaml_free(Yaml *yaml);
AUTO_HANDLE(Yaml, yaml_free)

/* NAME.yaml among files that the library carries; NULL: it is not there. */
const char *yaml_built_in(const EmbeddedFile *files, const char *name);
/* The line of the member or item at that address: that of its key, of an item its own; 0: it was not given. A mapping has the address of
 * its struct, and so of the first member, which comes before it where both are given. */
int yaml_line(const Yaml *yaml, const void *value);
/* A failure with the file and the value's line in front; CF_OK as it is. */
cf_status yaml_at(const Yaml *yaml, const void *value, cf_status status);
