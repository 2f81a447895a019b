#include "data/picture_list.h"

#include "base/file_walk.h"
#include "base/files.h"
#include "base/memory.h"
#include "data/picture/picture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static cf_status append(PictureList *list, const char *path, const char *error) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 64;
        ListedPicture *grown = realloc(list->files, capacity * sizeof *grown);
        FAIL_IF(!grown, CF_NO_MEMORY, "out of memory for a list of %zu pictures", capacity);
        list->files = grown;
        list->capacity = capacity;
    }
    ListedPicture *file = &list->files[list->count];
    *file = (ListedPicture){0};
    FORWARD(memory_copy_string(path, &file->path));
    list->count++;
    return error ? memory_copy_string(error, &file->error) : CF_OK;
}

/* A link to nothing is taken, too: reading it tells so. */
static cf_status note_picture(const WalkedFile *file, void *context) {
    PictureList *list = context;
    struct stat info;
    if (file->error) return append(list, file->path, file->error);
    if (file->folder) return CF_OK;
    const bool there = stat(file->path, &info) == 0;
    if (!there || (S_ISREG(info.st_mode) && picture_kind(file->path) != PICTURE_NONE))
        return append(list, file->path, NULL);
    list->others++;
    return list->first_other ? CF_OK : memory_copy_string(file->path, &list->first_other);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const ListedPicture *)a)->path, ((const ListedPicture *)b)->path);
}

cf_status picture_list_add(PictureList *list, const char *path) {
    const size_t first = list->count;
    if (!file_is_folder(path)) return append(list, path, NULL);
    FORWARD(file_walk(path, false, note_picture, list));
    if (list->count > first) qsort(list->files + first, list->count - first, sizeof *list->files, by_path);
    return CF_OK;
}

void picture_list_free(PictureList *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->files[i].path);
        free(list->files[i].error);
    }
    free(list->files);
    free(list->first_other);
    *list = (PictureList){0};
}
