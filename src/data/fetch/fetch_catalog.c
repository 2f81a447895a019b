/* The sets that are built in, and how one is found.
 *
 * Where the figures are from. SVHN: sizes and MD5 as published with the set; a SHA-256 is not known here. MNIST: SHA-256 of
 * files whose MD5 are the published ones. Fashion-MNIST: of bit-exact copies. How large the .gz files are is left open: it
 * differs from mirror to mirror.
 */
#include "data/fetch/fetch_catalog.h"

#include "base/limits.h"
#include "base/text.h"
#include "data/generate/generated_set.h"

#include <stdlib.h>
#include <string.h>

typedef struct BuiltIn {
    const char *name, *folder;
    FetchFile files[4];
    const char *mirrors[3];
} BuiltIn;

static const BuiltIn built_in[] = {
    {"mnist",
     "mnist",
     {{"train-images-idx3-ubyte.gz", 47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
       "6bbc9ace898e44ae57da46a324031adb"},
      {"train-labels-idx1-ubyte.gz", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
       "a25bea736e30d166cdddb491f175f624"},
      {"t10k-images-idx3-ubyte.gz", 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
       "2646ac647ad5339dbf082846283269ea"},
      {"t10k-labels-idx1-ubyte.gz", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
       "27ae3e4e09519cfbb04c329615203637"}},
     {"https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"}},
    {"fashion-mnist",
     "fashion-mnist",
     {{"train-images-idx3-ubyte.gz", 47040016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
       "f4a8712d7a061bf5bd6d2ca38dc4d50a"},
      {"train-labels-idx1-ubyte.gz", 60008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
       "9018921c3c673c538a1fc5bad174d6f9"},
      {"t10k-images-idx3-ubyte.gz", 7840016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
       "8181f5470baa50b63fa0f6fddb340f0a"},
      {"t10k-labels-idx1-ubyte.gz", 10008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
       "15d484375f8d13e6eb1aabb0c3f46965"}},
     {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"}},
    {"svhn",
     "svhn",
     {{"train_32x32.mat", 182040794, "", "e26dedcc434d2e4c54c9b2d4a06d8373"},
      {"test_32x32.mat", 64275384, "", "eb5a983be6a315427106f1b164d9cef3"}},
     {"http://ufldl.stanford.edu/housenumbers/"}},
    /* In svhn's folder, where nothing takes it for a part of svhn: it is named by its path. */
    {"svhn-extra",
     "svhn",
     {{"extra_32x32.mat", 1329278602, "", "a93ce644f1a588dc4d68dda5feec44a7"}},
     {"http://ufldl.stanford.edu/housenumbers/"}},
};

/* ---- Growing ---- */

cf_status catalog_add_set(FetchCatalog *catalog, const char *name, FetchSet **set) {
    FORWARD(memory_grow(&catalog->sets, catalog->count, sizeof **set));
    *set = &catalog->sets[catalog->count++];
    snprintf((*set)->name, sizeof(*set)->name, "%s", name);
    snprintf((*set)->folder, sizeof(*set)->folder, "%s", name);
    return CF_OK;
}

cf_status catalog_add_file(FetchSet *set, const FetchFile *file) {
    FORWARD(memory_grow(&set->files, set->file_count, sizeof *file));
    set->files[set->file_count++] = *file;
    return CF_OK;
}

cf_status catalog_add_mirror(FetchSet *set, const char *url, size_t at) {
    char *copy;
    FORWARD(memory_grow(&set->mirrors, set->mirror_count, sizeof copy));
    FORWARD(memory_copy_string(url, &copy));
    memmove(set->mirrors + at + 1, set->mirrors + at, (set->mirror_count - at) * sizeof copy);
    set->mirrors[at] = copy;
    set->mirror_count++;
    return CF_OK;
}

void catalog_drop_mirrors(FetchSet *set) {
    for (size_t i = 0; i < set->mirror_count; i++) free(set->mirrors[i]);
    set->mirror_count = 0;
}

static cf_status add_built_in(const BuiltIn *known, FetchCatalog *catalog) {
    FetchSet *set = NULL;
    FORWARD(catalog_add_set(catalog, known->name, &set));
    snprintf(set->folder, sizeof set->folder, "%s", known->folder);
    for (size_t f = 0; f < COUNT_OF(known->files) && known->files[f].name[0]; f++)
        FORWARD(catalog_add_file(set, &known->files[f]));
    for (size_t m = 0; known->mirrors[m]; m++) FORWARD(catalog_add_mirror(set, known->mirrors[m], m));
    return CF_OK;
}

cf_status fetch_catalog_new(FetchCatalog *catalog) {
    AUTO(fetch_catalog_free) FetchCatalog made = {0};
    for (size_t i = 0; i < COUNT_OF(built_in); i++) FORWARD(add_built_in(&built_in[i], &made));
    *catalog = made;
    made = (FetchCatalog){0};
    return CF_OK;
}

void fetch_catalog_free(FetchCatalog *catalog) {
    for (size_t i = 0; i < catalog->count; i++) {
        catalog_drop_mirrors(&catalog->sets[i]);
        free(catalog->sets[i].mirrors);
        free(catalog->sets[i].files);
    }
    free(catalog->sets);
    *catalog = (FetchCatalog){0};
}

/* ---- Finding ---- */

FetchSet *catalog_set(const FetchCatalog *catalog, const char *name) {
    for (size_t i = 0; i < catalog->count; i++)
        if (strcmp(catalog->sets[i].name, name) == 0) return &catalog->sets[i];
    return NULL;
}

cf_status fetch_catalog_find(const FetchCatalog *catalog, const char *name, const FetchSet **set) {
    enum { MOST_WORDS = 64 };
    const char *words[MOST_WORDS + 1] = {NULL};
    char known[512] = "";
    *set = catalog_set(catalog, name);
    if (*set) return CF_OK;
    FAIL_IF(generator_named(name), CF_BAD_USE, "%s is generated: there is nothing to fetch, name it and it is there",
            name);
    for (size_t i = 0; i < catalog->count && i < MOST_WORDS; i++) {
        words[i] = catalog->sets[i].name;
        text_append(known, sizeof known, "%s%s", i ? ", " : "", words[i]);
    }
    return FAIL(CF_BAD_USE, "there is no set \"%s\" to fetch: there are %s%s", name, known, text_hint(name, words));
}

bool fetch_is_packed(const char *name) {
    return text_ends_with(name, ".gz");
}

cf_status fetch_check_mirror(const char *url) {
    const size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    FAIL_IF(!scheme || !url[scheme] || url[scheme] == '/', CF_BAD_USE,
            "a mirror is an address that begins with http:// or https://; found \"%.200s\"", url);
    FAIL_IF(strlen(url) > LONGEST_ADDRESS, CF_BAD_USE, "a mirror's address has at most %d characters; found %zu",
            LONGEST_ADDRESS, strlen(url));
    for (const char *p = url; *p; p++)
        FAIL_IF(*p <= ' ' || *p == 0x7f, CF_BAD_USE, "the mirror's address has a blank or a control character in it");
    return CF_OK;
}

cf_status fetch_url(const char *mirror, const FetchSet *set, const FetchFile *file, char **url) {
    static const char place[] = "{set}";
    const char *found = strstr(mirror, place), *rest = found ? found + sizeof place - 1 : "";
    const int before = found ? (int)(found - mirror) : (int)strlen(mirror);
    const char *end = found ? rest : mirror;
    const size_t length = strlen(end);
    const bool slashed = length && end[length - 1] == '/';
    return memory_print(url, "%.*s%s%s%s%s", before, mirror, found ? set->name : "", rest, slashed ? "" : "/",
                        file->name);
}

cf_status fetch_shown_url(const char *url, char **shown) {
    const char *host = strstr(url, "://");
    const char *begin = host ? host + 3 : url, *end = begin + strcspn(begin, "/?#"), *at = end;
    while (at > begin && at[-1] != '@') at--;
    return memory_print(shown, "%.*s%s", (int)(begin - url), url, at);
}
