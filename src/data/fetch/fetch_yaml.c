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
 * Names become files below the data folder, so they are letters, digits and ._- only.
 */
#include "data/fetch/fetch_catalog.h"

#include "base/limits.h"
#include "base/yaml.h"
#include "data/generate/generated_set.h"

#include <string.h>

typedef struct YamlFile {
    const char *name, *sha256, *md5;
    int64_t size;
} YamlFile;

typedef struct YamlSet {
    const char *name, *folder, **mirrors;
    YamlFile *files;
    unsigned mirrors_count, files_count;
} YamlSet;

typedef struct YamlMirrors {
    YamlSet *sets;
    unsigned sets_count;
    bool only;
} YamlMirrors;

static const YamlKey file_keys[] = {{"name", YAML_TEXT, YAML_AT(YamlFile, name), .needed = true},
                                    {"size", YAML_WHOLE, YAML_AT(YamlFile, size), .needed = true},
                                    {"sha256", YAML_TEXT, YAML_AT(YamlFile, sha256)},
                                    {"md5", YAML_TEXT, YAML_AT(YamlFile, md5)},
                                    {.name = NULL}};
static const YamlKey set_keys[] = {
    {"name", YAML_TEXT, YAML_AT(YamlSet, name), .needed = true},
    {"folder", YAML_TEXT, YAML_AT(YamlSet, folder)},
    {"mirrors", YAML_TEXT, YAML_LIST(YamlSet, mirrors, 1, MOST_FETCH_MIRRORS), .needed = true},
    {"files", YAML_MAPPINGS(YamlSet, files, 1, MOST_FETCH_FILES, file_keys)},
    {.name = NULL}};
static const YamlKey mirrors_keys[] = {
    {"only", YAML_BOOL, YAML_AT(YamlMirrors, only)},
    {"sets", YAML_MAPPINGS(YamlMirrors, sets, 1, MOST_FETCH_SETS, set_keys), .needed = true},
    {.name = NULL}};

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

static cf_status add_file(const Yaml *yaml, const YamlFile *given, const FetchCatalog *catalog, FetchSet *set) {
    FetchFile file = {.size = (uint64_t)given->size};
    FORWARD(yaml_at(yaml, &given->name, check_name("file's name", given->name)));
    FORWARD(yaml_at(yaml, &given->name, check_beside(catalog, set, given->name)));
    if (given->size < 1 || (uint64_t)given->size > LARGEST_CONTENT)
        return yaml_at(
            yaml, &given->size,
            FAIL(CF_BAD_INPUT, "%s: size is to be the number of bytes of its content, at least 1", given->name));
    if (!given->sha256 && !given->md5)
        return yaml_at(yaml, &given->name,
                       FAIL(CF_BAD_INPUT, "%s: sha256 or md5 expected, found neither", given->name));
    snprintf(file.name, sizeof file.name, "%s", given->name);
    FORWARD(yaml_at(yaml, &given->sha256, copy_checksum("sha256", given->sha256, file.sha256, SHA256_DIGITS)));
    FORWARD(yaml_at(yaml, &given->md5, copy_checksum("md5", given->md5, file.md5, MD5_DIGITS)));
    return catalog_add_file(set, &file);
}

static cf_status find_or_add(const YamlSet *given, FetchCatalog *catalog, FetchSet **set) {
    *set = catalog_set(catalog, given->name);
    if (*set) {
        FAIL_IF(given->files || given->folder, CF_BAD_INPUT,
                (*set)->own ? "the set %s is given twice" : "%s is built in: its files and its folder are known",
                given->name);
        return CF_OK;
    }
    FORWARD(check_name("set's name", given->name));
    FAIL_IF(generator_named(given->name), CF_BAD_INPUT, "%s is the name of a generated set; choose another",
            given->name);
    FAIL_IF(!given->files, CF_BAD_INPUT, "%s is not built in: its files are to be given", given->name);
    FORWARD(catalog_add_set(catalog, given->name, set));
    (*set)->own = true;
    return CF_OK;
}

static cf_status add_set(const Yaml *yaml, const YamlSet *given, FetchCatalog *catalog) {
    FetchSet *set;
    FORWARD(yaml_at(yaml, &given->name, find_or_add(given, catalog, &set)));
    if (given->folder) {
        FORWARD(yaml_at(yaml, &given->folder, check_name("folder", given->folder)));
        snprintf(set->folder, sizeof set->folder, "%s", given->folder);
    }
    for (unsigned m = 0; m < given->mirrors_count; m++) {
        FORWARD(yaml_at(yaml, &given->mirrors[m], fetch_check_mirror(given->mirrors[m])));
        FORWARD(catalog_add_mirror(set, given->mirrors[m], m));
    }
    for (unsigned f = 0; f < given->files_count; f++) FORWARD(add_file(yaml, &given->files[f], catalog, set));
    return CF_OK;
}

cf_status fetch_catalog_read(const char *path, FetchCatalog *catalog) {
    AUTO(yaml_free_at) Yaml *yaml = NULL;
    YamlMirrors given = {0};
    FORWARD(yaml_read(NULL, path, mirrors_keys, &given, &yaml));
    if (given.only)
        for (size_t i = 0; i < catalog->count; i++) catalog_drop_mirrors(&catalog->sets[i]);
    for (unsigned s = 0; s < given.sets_count; s++) FORWARD(add_set(yaml, &given.sets[s], catalog));
    return CF_OK;
}
