/* Where the parts of a set of pictures are. A folder counts as one of classes when a picture lies in it or below; every entry is
 * looked at until one is found, in whatever order the file system has them, so the answer does not depend on that order. */
#include "data/folder/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const folder_part_words[SET_PARTS] = {"train", "validation", "test"};

static const char *const names_of_parts[SET_PARTS][4] = {
    {"train", "training", NULL}, {"val", "valid", "validation", NULL}, {"test", "testing", NULL}};

enum { DEEPEST_WRAP = 4, DEEPEST_LOOK = 16 };

static int part_named(const char *name) {
    for (int p = 0; p < SET_PARTS; p++)
        for (int i = 0; names_of_parts[p][i]; i++)
            if (strcasecmp(names_of_parts[p][i], name) == 0) return p;
    return -1;
}

static void close_folder(DIR **stream) {
    if (*stream) closedir(*stream);
}

/* Whether a picture lies in the folder or below it. What cannot be opened counts as well: the reader will say why. */
static cf_status look_for_picture(const char *folder, int depth, bool *found) {
    AUTO(close_folder) DIR *stream = opendir(folder);
    FAIL_IF(!stream && errno == ENOMEM, CF_NO_MEMORY, "out of memory while looking into %s", folder);
    *found = !stream && file_is_folder(folder);
    for (struct dirent *entry; stream && !*found && (entry = readdir(stream));) {
        AUTO_FREE char *path = NULL;
        if (entry->d_name[0] == '.') continue;
        FORWARD(file_join(folder, entry->d_name, &path));
        *found = picture_kind(path) != PICTURE_NONE;
        if (!*found && depth < DEEPEST_LOOK && file_is_folder(path)) FORWARD(look_for_picture(path, depth + 1, found));
    }
    return CF_OK;
}

/* The folders within a folder that have pictures, by name. */
typedef struct Inner {
    struct dirent **entries; /* [entry_count] all that lies in it */
    int entry_count;
    char **paths;
    int count;
    bool loose; /* a picture lies beside them */
} Inner;

static void inner_free(Inner *inner) {
    for (int i = 0; i < inner->entry_count; i++) free(inner->entries[i]);
    free(inner->entries);
    for (int i = 0; i < inner->count; i++) free(inner->paths[i]);
    free(inner->paths);
}

static cf_status add_inner(Inner *inner, const char *folder, const char *name) {
    AUTO_FREE char *path = NULL;
    bool found = false;
    FORWARD(file_join(folder, name, &path));
    const bool is_folder = file_is_folder(path);
    inner->loose = inner->loose || (!is_folder && picture_kind(path) != PICTURE_NONE);
    if (is_folder) FORWARD(look_for_picture(path, 0, &found));
    if (found) inner->paths[inner->count++] = memory_take(&path);
    return CF_OK;
}

static cf_status find_inner(const char *folder, Inner *inner) {
    inner->entry_count = scandir(folder, &inner->entries, NULL, alphasort);
    FAIL_IF(inner->entry_count < 0 && errno == ENOMEM, CF_NO_MEMORY, "out of memory while looking into %s", folder);
    if (inner->entry_count < 0) return CF_OK; /* no folder, or one that the reader will complain of */
    FORWARD(memory_new((size_t)inner->entry_count, sizeof *inner->paths, &inner->paths));
    for (int i = 0; i < inner->entry_count; i++)
        if (inner->entries[i]->d_name[0] != '.') FORWARD(add_inner(inner, folder, inner->entries[i]->d_name));
    return CF_OK;
}

/* The part that a folder is, or -1. One of a part's name is one where folders of classes lie in it rather than pictures, of which it
 * would be a class that happens to be called so. */
static cf_status part_of(const char *folder, int *part) {
    AUTO(inner_free) Inner inner = {0};
    *part = part_named(file_base_name(folder));
    if (*part < 0) return CF_OK;
    FORWARD(find_inner(folder, &inner));
    if (!inner.count) *part = -1;
    return CF_OK;
}

static cf_status find_in(const char *path, int depth, char *parts[SET_PARTS], char **beside);

/* A lone folder is looked into where folders lie in it, not pictures. */
static cf_status take_lone(const char *path, const char *lone, int depth, char *parts[SET_PARTS], char **beside) {
    AUTO(inner_free) Inner inner = {0};
    FORWARD(find_inner(lone, &inner));
    return inner.count > 0 && !inner.loose && depth < DEEPEST_WRAP ? find_in(lone, depth + 1, parts, beside)
                                                                   : memory_copy_string(path, &parts[CF_TRAIN]);
}

/* Parts stand there where there is a training part, or where there is nothing but parts. */
static cf_status find_in(const char *path, int depth, char *parts[SET_PARTS], char **beside) {
    AUTO(inner_free) Inner inner = {0};
    AUTO_FREE int *part = NULL;
    int count = 0;
    bool train = false;
    FORWARD(find_inner(path, &inner));
    FORWARD(memory_new((size_t)inner.count, sizeof *part, &part));
    for (int i = 0; i < inner.count; i++) {
        FORWARD(part_of(inner.paths[i], &part[i]));
        count += part[i] >= 0;
        train = train || part[i] == CF_TRAIN;
    }
    if (!inner.count) return CF_OK;
    if (!count || (!train && count < inner.count))
        return inner.count == 1 && !inner.loose ? take_lone(path, inner.paths[0], depth, parts, beside)
                                                : memory_copy_string(path, &parts[CF_TRAIN]);
    for (int i = 0; i < inner.count; i++) {
        char **place = part[i] < 0 ? beside : &parts[part[i]];
        if (part[i] < 0 && *place) continue; /* the first tells of all */
        FAIL_IF(*place, CF_BAD_INPUT, "%s and %s would both be the %s part; rename or remove one of them", *place,
                inner.paths[i], folder_part_words[part[i]]);
        *place = memory_take(&inner.paths[i]);
    }
    return CF_OK;
}

cf_status folder_layout_find(const char *path, char *parts[SET_PARTS], char **beside) {
    return find_in(path, 0, parts, beside);
}
