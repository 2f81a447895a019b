#include "data/picture_list.h"

#include "base/files.h"
#include "base/memory.h"
#include "data/picture/picture.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A folder on the way down; a link may lead back to one of them. */
typedef struct Step {
    const struct Step *above;
    dev_t device;
    ino_t inode;
} Step;

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

static bool is_on_the_way(const Step *step, const struct stat *info) {
    while (step && (step->device != info->st_dev || step->inode != info->st_ino)) step = step->above;
    return step != NULL;
}

static cf_status walk(PictureList *list, const char *folder, const Step *above);

static cf_status take_entry(PictureList *list, const char *path, const Step *step) {
    struct stat info;
    if (stat(path, &info) != 0) return append(list, path, NULL); /* a link to nothing: reading it tells so */
    if (S_ISDIR(info.st_mode)) return is_on_the_way(step, &info) ? CF_OK : walk(list, path, step);
    if (S_ISREG(info.st_mode) && picture_kind(path) != PICTURE_NONE) return append(list, path, NULL);
    list->others++;
    return list->first_other ? CF_OK : memory_copy_string(path, &list->first_other);
}

static cf_status unreadable(PictureList *list, const char *folder) {
    const int reason = errno;
    (void)FAIL(CF_IO, "cannot open the folder %s: %s", folder, strerror(reason));
    return append(list, folder, cf_error());
}

static cf_status walk(PictureList *list, const char *folder, const Step *above) {
    struct stat info;
    struct dirent **names;
    char *path;
    if (stat(folder, &info) != 0) return unreadable(list, folder);
    const Step step = {above, info.st_dev, info.st_ino};
    const int count = scandir(folder, &names, NULL, NULL);
    if (count < 0) return unreadable(list, folder);
    cf_status status = CF_OK;
    for (int i = 0; i < count; i++) {
        if (!status && names[i]->d_name[0] != '.') {
            status = file_join(folder, names[i]->d_name, &path);
            if (!status) {
                status = take_entry(list, path, &step);
                free(path);
            }
        }
        free(names[i]);
    }
    free(names);
    return status;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const ListedPicture *)a)->path, ((const ListedPicture *)b)->path);
}

cf_status picture_list_add(PictureList *list, const char *path) {
    const size_t first = list->count;
    if (!file_is_folder(path)) return append(list, path, NULL);
    FORWARD(walk(list, path, NULL));
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
