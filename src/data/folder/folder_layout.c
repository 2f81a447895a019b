/* Where the parts of a set of pictures are. A folder counts as one of classes when a picture lies in it or below; every entry is
 * looked at until one is found, in whatever order the file system has them, so the answer does not depend on that order. */
#include "base/files.h"
#include "base/memory.h"
#include "data/folder/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const folder_part_words[] = {"train", "validation", "test", NULL};

static const char *const part_names[FOLDER_PARTS][4] = {
    {"train", "training", NULL}, {"val", "valid", "validation", NULL}, {"test", "testing", NULL}};

enum { DEEPEST_WRAP = 4, DEEPEST_LOOK = 16 };

static int part_named(const char *name) {
    for (int p = 0; p < FOLDER_PARTS; p++)
        for (int i = 0; part_names[p][i]; i++)
            if (strcasecmp(part_names[p][i], name) == 0) return p;
    return -1;
}

/* Whether a picture lies in the folder or below it. What cannot be opened counts as well: the reader will say why. */
static cf_status look_for_picture(const char *folder, int depth, bool *found) {
    DIR *stream = opendir(folder);
    cf_status status = CF_OK;
    *found = false;
    if (!stream) {
        FAIL_IF(errno == ENOMEM, CF_NO_MEMORY, "out of memory while looking into %s", folder);
        *found = file_is_folder(folder);
        return CF_OK;
    }
    for (struct dirent *entry; !*found && !status && (entry = readdir(stream));) {
        char *path;
        if (entry->d_name[0] == '.') continue;
        status = file_join(folder, entry->d_name, &path);
        if (status) break;
        *found = picture_kind(path) != PICTURE_NONE;
        if (!*found && depth < DEEPEST_LOOK && file_is_folder(path)) status = look_for_picture(path, depth + 1, found);
        free(path);
    }
    closedir(stream);
    return status;
}

/* The folders within a folder that have pictures, by name. */
typedef struct Inner {
    char **paths;
    int count;
    bool loose; /* a picture lies beside them */
} Inner;

static void inner_free(Inner *inner) {
    for (int i = 0; i < inner->count; i++) free(inner->paths[i]);
    free(inner->paths);
    *inner = (Inner){0};
}

static cf_status add_inner(Inner *inner, const char *folder, const char *name) {
    char *path;
    bool found = false;
    FORWARD(file_join(folder, name, &path));
    const bool is_folder = file_is_folder(path);
    inner->loose = inner->loose || (!is_folder && picture_kind(path) != PICTURE_NONE);
    cf_status status = is_folder ? look_for_picture(path, 0, &found) : CF_OK;
    if (found && !status)
        inner->paths[inner->count++] = path;
    else
        free(path);
    return status;
}

static cf_status find_inner(const char *folder, Inner *inner) {
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    *inner = (Inner){0};
    FAIL_IF(count < 0 && errno == ENOMEM, CF_NO_MEMORY, "out of memory while looking into %s", folder);
    if (count < 0) return CF_OK; /* no folder, or one that the reader will complain of */
    cf_status status = memory_new((size_t)count, sizeof *inner->paths, &inner->paths);
    for (int i = 0; i < count; i++) {
        if (!status && names[i]->d_name[0] != '.') status = add_inner(inner, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    if (status) inner_free(inner);
    return status;
}

/* The part that a folder is, or -1. One of a part's name is one where folders of classes lie in it rather than pictures, of which it
 * would be a class that happens to be called so. */
static cf_status part_of(const char *folder, int *part) {
    Inner inner;
    *part = part_named(file_base_name(folder));
    if (*part < 0) return CF_OK;
    FORWARD(find_inner(folder, &inner));
    if (!inner.count) *part = -1;
    inner_free(&inner);
    return CF_OK;
}

/* `parts` has what part_of says of each folder. */
static cf_status take_parts(const Inner *inner, const int *parts, FolderLayout *layout) {
    for (int i = 0; i < inner->count; i++) {
        char **place = parts[i] < 0 ? &layout->beside : &layout->parts[parts[i]];
        if (parts[i] < 0 && *place) continue; /* the first tells of all */
        FAIL_IF(*place, CF_BAD_INPUT, "%s and %s would both be the %s part; rename or remove one of them", *place,
                inner->paths[i], folder_part_words[parts[i]]);
        FORWARD(memory_copy_string(inner->paths[i], place));
    }
    /* Without a training part the first one is the set's only part, or its training part. */
    for (int p = 1; p < FOLDER_PARTS && !layout->parts[0]; p++) {
        layout->parts[0] = layout->parts[p];
        layout->parts[p] = NULL;
    }
    return CF_OK;
}

static cf_status find_in(const char *path, int depth, FolderLayout *layout);

/* A lone folder is looked into where folders lie in it, not pictures. */
static cf_status take_lone(const char *path, const char *lone, int depth, FolderLayout *layout) {
    Inner inner;
    FORWARD(find_inner(lone, &inner));
    const bool wraps = inner.count > 0 && !inner.loose && depth < DEEPEST_WRAP;
    inner_free(&inner);
    return wraps ? find_in(lone, depth + 1, layout) : memory_copy_string(path, &layout->parts[0]);
}

/* Parts stand there where there is a training part, or where there is nothing but parts. */
static cf_status choose(const char *path, const Inner *inner, int *parts, int depth, FolderLayout *layout) {
    int count = 0;
    bool train = false;
    for (int i = 0; i < inner->count; i++) {
        FORWARD(part_of(inner->paths[i], &parts[i]));
        count += parts[i] >= 0;
        train = train || parts[i] == FOLDER_TRAIN;
    }
    if (count && (train || count == inner->count)) return take_parts(inner, parts, layout);
    if (inner->count == 1 && !inner->loose) return take_lone(path, inner->paths[0], depth, layout);
    return inner->count ? memory_copy_string(path, &layout->parts[0]) : CF_OK;
}

static cf_status find_in(const char *path, int depth, FolderLayout *layout) {
    Inner inner;
    int *parts;
    FORWARD(find_inner(path, &inner));
    cf_status status = memory_new((size_t)inner.count, sizeof *parts, &parts);
    if (!status) {
        status = choose(path, &inner, parts, depth, layout);
        free(parts);
    }
    inner_free(&inner);
    return status;
}

cf_status folder_layout_find(const char *path, FolderLayout *layout) {
    FolderLayout found = {0};
    cf_status status = find_in(path, 0, &found);
    if (status)
        folder_layout_free(&found);
    else
        *layout = found;
    return status;
}

void folder_layout_free(FolderLayout *layout) {
    for (int p = 0; p < FOLDER_PARTS; p++) free(layout->parts[p]);
    free(layout->beside);
    *layout = (FolderLayout){0};
}
