/* A mirrors file:
 *
 *     only: true                          # the mirrors that are built in are left out; without it, asked at the end
 *     sets:
 *       - name: mnist                     # a set that is built in: mirrors to ask first
 *         mirrors: [http://files.lab.example/mnist/]
 *       - name: lab-digits                # a set of one's own: its files too
 *         folder: lab-digits              # within the data folder; without it, the name
 *         mirrors: [http://files.lab.example/digits/]
 *         files:
 *           - name: train-images-idx3-ubyte.gz
 *             size: 7840016               # of the content: unpacked, where the name ends in .gz
 *             sha256: 0fa7898d...         # of the content; or md5
 *
 * Names become files below the data folder, so they are letters, digits and ._- only. A line in a message is that of a
 * set's or a file's name.
 */
#include "data/fetch/fetch_catalog.h"

#include "base/files.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "data/generate/generated_set.h"

#include <stdlib.h>
#include <string.h>

typedef struct YamlFile {
    char *name, *sha256, *md5;
    uint64_t size;
} YamlFile;

typedef struct YamlSet {
    char *name, *folder, **mirrors;
    YamlFile *files;
    unsigned mirrors_count, files_count;
} YamlSet;

typedef struct YamlMirrors {
    bool *only;
    YamlSet *sets;
    unsigned sets_count;
} YamlMirrors;

#define POSSIBLE        (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(type, key) CYAML_FIELD_STRING_PTR(#key, POSSIBLE, type, key, 1, CYAML_UNLIMITED)

static const cyaml_schema_value_t text_schema = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CYAML_UNLIMITED)};
static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, YamlFile, name, 1, CYAML_UNLIMITED),
    CYAML_FIELD_UINT("size", CYAML_FLAG_DEFAULT, YamlFile, size), TEXT(YamlFile, sha256), TEXT(YamlFile, md5),
    CYAML_FIELD_END};
static const cyaml_schema_value_t file_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, YamlFile, file_fields)};
static const cyaml_schema_field_t set_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, YamlSet, name, 1, CYAML_UNLIMITED), TEXT(YamlSet, folder),
    CYAML_FIELD_SEQUENCE("mirrors", CYAML_FLAG_POINTER, YamlSet, mirrors, &text_schema, 1, MOST_FETCH_MIRRORS),
    CYAML_FIELD_SEQUENCE("files", POSSIBLE, YamlSet, files, &file_schema, 1, MOST_FETCH_FILES), CYAML_FIELD_END};
static const cyaml_schema_value_t set_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, YamlSet, set_fields)};
static const cyaml_schema_field_t mirrors_fields[] = {
    CYAML_FIELD_BOOL_PTR("only", POSSIBLE, YamlMirrors, only),
    CYAML_FIELD_SEQUENCE("sets", CYAML_FLAG_POINTER, YamlMirrors, sets, &set_schema, 1, MOST_FETCH_SETS),
    CYAML_FIELD_END};
static const cyaml_schema_value_t mirrors_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, YamlMirrors, mirrors_fields)};
static const char *const keys[] = {"only", "sets", "name", "folder", "mirrors", "files", "size", "sha256", "md5", NULL};

/* ---- What values mean ---- */

static cf_status check_name(const char *what, const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    FAIL_IF(strlen(name) >= FETCH_NAME || name[0] == '.' || name[strspn(name, allowed)] != '\0', CF_BAD_INPUT,
            "the %s \"%.80s\" is to be a file name of at most %d letters, digits and ._-, not beginning with a dot",
            what, name, FETCH_NAME - 1);
    return CF_OK;
}

static cf_status copy_checksum(const char *what, const char *given, char *hex, size_t digits) {
    if (!given) return CF_OK;
    FAIL_IF(strlen(given) != digits || given[strspn(given, "0123456789abcdefABCDEF")] != '\0', CF_BAD_INPUT,
            "%s is to be %zu hexadecimal digits; found \"%.80s\"", what, digits, given);
    for (size_t i = 0; i <= digits; i++)
        hex[i] = (char)(given[i] >= 'A' && given[i] <= 'F' ? given[i] - 'A' + 'a' : given[i]);
    return CF_OK;
}

/* The length of a name without its .gz: what it is called where a server sends it unpacked. */
static size_t bare_length(const char *name) {
    return strlen(name) - (fetch_is_packed(name) ? 3 : 0);
}

static cf_status check_ending(const char *name) {
    static const char *const ours[] = {".part", ".verified"};
    const size_t length = bare_length(name);
    for (size_t i = 0; i < COUNT_OF(ours); i++) {
        const size_t ending = strlen(ours[i]);
        FAIL_IF(length > ending && strncmp(name + length - ending, ours[i], ending) == 0, CF_BAD_INPUT,
                "the file's name \"%s\" ends in %s, which is for files that are under way", name, ours[i]);
    }
    return CF_OK;
}

/* Names that would meet on the disk: those of a file's own .part and .verified, and the same name packed and not, also of
 * another set in that folder. */
static cf_status check_beside(const FetchCatalog *catalog, const FetchSet *set, const char *name) {
    const size_t bare = bare_length(name);
    FORWARD(check_ending(name));
    for (size_t s = 0; s < catalog->count; s++) {
        const FetchSet *beside = &catalog->sets[s];
        if (strcmp(beside->folder, set->folder) != 0) continue;
        for (size_t i = 0; i < beside->file_count; i++) {
            const char *other = beside->files[i].name;
            FAIL_IF(bare == bare_length(other) && strncmp(name, other, bare) == 0, CF_BAD_INPUT,
                    beside == set ? "%s and %s of the set %s are one file"
                                  : "%s and %s are one file: that of the set %s is in this folder, too",
                    other, name, beside->name);
        }
    }
    return CF_OK;
}

static cf_status add_file(const YamlFile *yaml, const FetchCatalog *catalog, FetchSet *set) {
    FetchFile file = {.size = yaml->size};
    FORWARD(check_name("file's name", yaml->name));
    FORWARD(check_beside(catalog, set, yaml->name));
    FAIL_IF(yaml->size < 1 || yaml->size > LARGEST_CONTENT, CF_BAD_INPUT,
            "%s: size is to be the number of bytes of its content, at least 1", yaml->name);
    FAIL_IF(!yaml->sha256 && !yaml->md5, CF_BAD_INPUT, "%s: sha256 or md5 expected, found neither", yaml->name);
    snprintf(file.name, sizeof file.name, "%s", yaml->name);
    FORWARD(copy_checksum("sha256", yaml->sha256, file.sha256, SHA256_DIGITS));
    FORWARD(copy_checksum("md5", yaml->md5, file.md5, MD5_DIGITS));
    return catalog_add_file(set, &file);
}

static cf_status find_or_add(const YamlSet *yaml, FetchCatalog *catalog, FetchSet **set) {
    *set = catalog_set(catalog, yaml->name);
    if (*set) {
        FAIL_IF(yaml->files || yaml->folder, CF_BAD_INPUT,
                (*set)->own ? "the set %s is given twice" : "%s is built in: its files and its folder are known",
                yaml->name);
        return CF_OK;
    }
    FORWARD(check_name("set's name", yaml->name));
    FAIL_IF(generator_named(yaml->name), CF_BAD_INPUT, "%s is the name of a generated set; choose another", yaml->name);
    FAIL_IF(!yaml->files, CF_BAD_INPUT, "%s is not built in: its files are to be given", yaml->name);
    FORWARD(catalog_add_set(catalog, yaml->name, set));
    (*set)->own = true;
    if (!yaml->folder) return CF_OK;
    FORWARD(check_name("folder", yaml->folder));
    snprintf((*set)->folder, sizeof(*set)->folder, "%s", yaml->folder);
    return CF_OK;
}

/* `names`: how many keys "name" stand before this set's own; counts on. */
static cf_status add_set(const YamlSet *yaml, const char *path, const char *text, int *names, FetchCatalog *catalog) {
    FetchSet *set;
    const int own_name = (*names)++;
    FORWARD(yaml_at_key(find_or_add(yaml, catalog, &set), path, text, "name", own_name));
    for (unsigned m = 0; m < yaml->mirrors_count; m++) {
        FORWARD(yaml_at_key(fetch_check_mirror(yaml->mirrors[m]), path, text, "name", own_name));
        FORWARD(catalog_add_mirror(set, yaml->mirrors[m], m));
    }
    for (unsigned f = 0; f < yaml->files_count; f++)
        FORWARD(yaml_at_key(add_file(&yaml->files[f], catalog, set), path, text, "name", (*names)++));
    return CF_OK;
}

static cf_status lay_over(const char *path, const char *text, size_t size, FetchCatalog *catalog) {
    YamlMirrors *yaml;
    int names = 0;
    FORWARD(yaml_load(path, text, size, &mirrors_schema, keys, &yaml));
    if (yaml->only && *yaml->only)
        for (size_t i = 0; i < catalog->count; i++) catalog_drop_mirrors(&catalog->sets[i]);
    cf_status status = CF_OK;
    for (unsigned s = 0; s < yaml->sets_count && !status; s++)
        status = add_set(&yaml->sets[s], path, text, &names, catalog);
    yaml_free(&mirrors_schema, yaml);
    return status;
}

cf_status fetch_catalog_read(const char *path, FetchCatalog *catalog) {
    unsigned char *bytes;
    size_t size;
    FORWARD(file_read(path, MOST_YAML_BYTES, &bytes, &size));
    const cf_status status = lay_over(path, (const char *)bytes, size, catalog);
    free(bytes);
    return status;
}
