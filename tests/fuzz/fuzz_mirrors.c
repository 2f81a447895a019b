/* A mirrors file of cifra data fetch, laid over the catalog. */
#include "fuzz.h"

#include "base/limits.h"
#include "data/fetch/fetch.h"

#include <stdlib.h>
#include <string.h>

/* A name stays below the folder that it stands in, and is no part's or record's. */
static void check_name(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t length = strlen(name);
    PROMISE(length > 0 && length < FETCH_NAME && name[0] != '.');
    PROMISE(strspn(name, allowed) == length);
}

static bool is_hex(const char *text, size_t digits) {
    return !*text || (strlen(text) == digits && strspn(text, "0123456789abcdef") == digits);
}

static void check_file(const FetchFile *file) {
    char bare[FETCH_NAME];
    check_name(file->name);
    PROMISE(file->size >= 1 && file->size <= LARGEST_CONTENT);
    PROMISE(is_hex(file->sha256, SHA256_DIGITS) && is_hex(file->md5, MD5_DIGITS));
    PROMISE(*file->sha256 || *file->md5);
    memcpy(bare, file->name, sizeof bare);
    if (fetch_is_packed(bare)) bare[strlen(bare) - 3] = '\0';
    PROMISE(*bare);
    const char *ending = strrchr(bare, '.');
    PROMISE(!ending || ending == bare || (strcmp(ending, ".part") != 0 && strcmp(ending, ".verified") != 0));
}

/* http and https only, whatever the name of the set does to the address; and a password is not shown. */
static void check_address(const char *mirror, const FetchSet *set, const FetchFile *file) {
    char *url, *shown;
    PROMISE(fetch_check_mirror(mirror) == CF_OK && strlen(mirror) <= LONGEST_ADDRESS);
    PROMISE(fetch_url(mirror, set, file, &url) == CF_OK);
    PROMISE(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    PROMISE(fetch_check_mirror(url) == CF_OK || strlen(url) > LONGEST_ADDRESS);
    const size_t length = strlen(url), name = strlen(file->name);
    PROMISE(length > name && url[length - name - 1] == '/' && strcmp(url + length - name, file->name) == 0);
    PROMISE(fetch_shown_url(url, &shown) == CF_OK);
    const char *host = strstr(shown, "://") + 3;
    PROMISE(!memchr(host, '@', strcspn(host, "/?#")));
    free(shown);
    free(url);
}

static bool are_one(const FetchFile *a, const FetchFile *b) {
    const size_t bare = strlen(a->name) - (fetch_is_packed(a->name) ? 3 : 0);
    return bare == strlen(b->name) - (fetch_is_packed(b->name) ? 3 : 0) && strncmp(a->name, b->name, bare) == 0;
}

/* No file is in the way of one of another set, or of its own. */
static void check_apart(const FetchCatalog *catalog, const FetchSet *set, const FetchFile *file) {
    for (size_t s = 0; s < catalog->count; s++)
        for (size_t f = 0; f < catalog->sets[s].file_count && strcmp(catalog->sets[s].folder, set->folder) == 0; f++)
            PROMISE(&catalog->sets[s].files[f] == file || !are_one(&catalog->sets[s].files[f], file));
}

static void check_set(const FetchCatalog *catalog, const FetchSet *set) {
    const FetchSet *found;
    PROMISE(fetch_catalog_find(catalog, set->name, &found) == CF_OK && found == set);
    check_name(set->name);
    check_name(set->folder);
    PROMISE(set->file_count >= 1 && set->file_count <= MOST_FETCH_FILES);
    PROMISE(set->mirror_count <= MOST_FETCH_MIRRORS * MOST_FETCH_SETS);
    for (size_t f = 0; f < set->file_count; f++) {
        check_file(&set->files[f]);
        check_apart(catalog, set, &set->files[f]);
        for (size_t m = 0; m < set->mirror_count; m++) check_address(set->mirrors[m], set, &set->files[f]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    FetchCatalog catalog;
    PROMISE(fetch_catalog_new(&catalog) == CF_OK);
    const size_t built_in = catalog.count;
    const cf_status status = fetch_catalog_read(fuzz_file(0, data, size), &catalog);
    fuzz_settled(status);
    PROMISE(catalog.count <= built_in + MOST_FETCH_SETS);
    for (size_t s = 0; s < catalog.count && !status; s++) check_set(&catalog, &catalog.sets[s]);
    fetch_catalog_free(&catalog);
    return 0;
}
