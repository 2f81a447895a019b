/* A folder with one sub-folder per class.
 *
 *   FOLDER/cat/a.png, FOLDER/cat/b.jpg, FOLDER/dog/c.png, ...
 *
 * Classes stand in the order of their names, as numbers if all of them are numbers; the files of a class in
 * byte order. Names that begin with '.' are passed over, and so, with a notice, is what is neither PNG nor
 * JPEG by its first bytes; a damaged picture is an error. Each picture is looked at twice: first for its
 * size, so that the set's memory is taken once, then decoded into its place.
 */
#include "base/memory.h"
#include "base/slices.h"
#include "base/text.h"
#include "data/picture/picture.h"
#include "data/prepare.h"
#include "data/readers.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct ImageFile {
    char *path;
    int label;
    PictureKind kind;
    Picture shape; /* without pixels */
} ImageFile;

typedef struct Folder {
    const char *path;
    char *names[MAX_CLASSES];
    int classes;
    ImageFile *files;
    size_t count, capacity;
    cf_set *set;
} Folder;

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_numbers(const void *a, const void *b) {
    long long x = strtoll(*(char *const *)a, NULL, 10), y = strtoll(*(char *const *)b, NULL, 10);
    return x != y ? (x > y) - (x < y) : compare_names(a, b);
}

/* The name of a class goes into tables, figures and pages; what could break their lines is refused here. */
static cf_status add_class(Folder *folder, const char *name) {
    FAIL_IF(folder->classes == MAX_CLASSES, CF_BAD_INPUT, "%s has more than %d class folders", folder->path,
            MAX_CLASSES);
    if (!text_is_name(name)) {
        char shown[LONGEST_NAME + 1];
        size_t length = 0;
        for (; name[length] && length < LONGEST_NAME; length++)
            shown[length] = name[length] >= ' ' && name[length] < 127 ? name[length] : '?';
        shown[length] = '\0';
        return FAIL(CF_BAD_INPUT,
                    "the class folder %s/%s has a name with control characters, or one that is not UTF-8 (shown as ?); "
                    "rename it",
                    folder->path, shown);
    }
    FORWARD(memory_copy_string(name, &folder->names[folder->classes]));
    folder->classes++;
    return CF_OK;
}

static cf_status find_classes(Folder *folder) {
    DIR *stream = opendir(folder->path);
    cf_status status = CF_OK;
    bool numbers = true;
    long long number;
    FAIL_IF(!stream, CF_IO, "cannot open the folder %s: %s", folder->path, strerror(errno));
    for (struct dirent *entry; !status && (entry = readdir(stream));) {
        char *path;
        if (entry->d_name[0] == '.') continue;
        status = file_join(folder->path, entry->d_name, &path);
        if (status) break;
        bool is_class = file_is_folder(path);
        free(path);
        if (!is_class) continue;
        status = add_class(folder, entry->d_name);
        numbers = numbers && text_to_integer(entry->d_name, INT64_MIN, INT64_MAX, &number);
    }
    closedir(stream);
    FORWARD(status);
    FAIL_IF(folder->classes == 0, CF_BAD_INPUT, "%s has no sub-folders; one per class was expected", folder->path);
    qsort(folder->names, (size_t)folder->classes, sizeof folder->names[0], numbers ? compare_numbers : compare_names);
    return CF_OK;
}

static cf_status add_file(Folder *folder, const char *class_path, const char *name, int label) {
    if (folder->count == folder->capacity) {
        size_t capacity = folder->capacity ? 2 * folder->capacity : 256;
        ImageFile *grown = realloc(folder->files, capacity * sizeof *grown);
        FAIL_IF(!grown, CF_NO_MEMORY, "out of memory while listing %s", folder->path);
        folder->files = grown;
        folder->capacity = capacity;
    }
    ImageFile *file = &folder->files[folder->count];
    *file = (ImageFile){.label = label};
    FORWARD(file_join(class_path, name, &file->path));
    folder->count++;
    return CF_OK;
}

static cf_status list_class(Folder *folder, int label) {
    char *path;
    struct dirent **names;
    FORWARD(file_join(folder->path, folder->names[label], &path));
    int count = scandir(path, &names, NULL, NULL);
    cf_status status = count < 0 ? FAIL(CF_IO, "cannot open the folder %s: %s", path, strerror(errno)) : CF_OK;
    size_t first = folder->count;
    for (int i = 0; i < count; i++) {
        if (!status && names[i]->d_name[0] != '.') status = add_file(folder, path, names[i]->d_name, label);
        free(names[i]);
    }
    if (count >= 0) free(names);
    free(path);
    FORWARD(status);
    /* The path is an ImageFile's first member, and the folder is the same for all. */
    if (folder->count > first)
        qsort(folder->files + first, folder->count - first, sizeof *folder->files, compare_names);
    return CF_OK;
}

static cf_status measure(void *context, int64_t index, int thread) {
    ImageFile *file = &((Folder *)context)->files[index];
    (void)thread;
    file->kind = picture_kind(file->path);
    FAIL_IF(file->kind == PICTURE_UNREADABLE, CF_IO, "cannot open %s: %s", file->path, strerror(errno));
    if (file->kind == PICTURE_NONE) return CF_OK;
    return picture_measure(file->path, &file->shape);
}

/* Drops what is no picture; each class must have one left. */
static cf_status drop_others(Folder *folder) {
    size_t kept = 0, skipped = 0, per_class[MAX_CLASSES] = {0};
    const char *first = NULL;
    for (size_t i = 0; i < folder->count; i++) {
        if (folder->files[i].kind != PICTURE_NONE) {
            per_class[folder->files[i].label]++;
            ImageFile file = folder->files[i];
            folder->files[i] = folder->files[kept];
            folder->files[kept++] = file;
        } else if (skipped++ == 0) {
            first = folder->files[i].path;
        }
    }
    if (skipped) notice("%zu files that are neither PNG nor JPEG were passed over, the first is %s", skipped, first);
    for (size_t i = kept; i < folder->count; i++) free(folder->files[i].path);
    folder->count = kept;
    for (int k = 0; k < folder->classes; k++)
        FAIL_IF(per_class[k] == 0, CF_BAD_INPUT, "the class folder %s/%s has no PNG or JPEG file", folder->path,
                folder->names[k]);
    return CF_OK;
}

/* The most common size; among equally common ones, that of the earliest file. */
static cf_status choose_shape(const Folder *folder, int chw[3]) {
    typedef struct Size {
        int height, width;
        size_t count;
    } Size;
    Size *sizes;
    size_t count = 0, best = 0;
    chw[0] = 1;
    FORWARD(memory_new(folder->count, sizeof *sizes, &sizes));
    for (size_t i = 0; i < folder->count; i++) {
        const Picture *shape = &folder->files[i].shape;
        size_t s = 0;
        if (shape->channels > chw[0]) chw[0] = shape->channels;
        while (s < count && (sizes[s].height != shape->height || sizes[s].width != shape->width)) s++;
        if (s == count) sizes[count++] = (Size){shape->height, shape->width, 0};
        sizes[s].count++;
    }
    for (size_t s = 1; s < count; s++)
        if (sizes[s].count > sizes[best].count) best = s;
    chw[1] = sizes[best].height;
    chw[2] = sizes[best].width;
    if (count > 1)
        notice("%zu of %zu images in %s are resized to %d x %d, the most common size (height x width)",
               folder->count - sizes[best].count, folder->count, folder->path, chw[1], chw[2]);
    free(sizes);
    return CF_OK;
}

static cf_status decode(void *context, int64_t index, int thread) {
    Folder *folder = context;
    const ImageFile *file = &folder->files[index];
    Picture picture;
    int chw[3];
    (void)thread;
    FORWARD(picture_read(file->path, NULL, &picture));
    cf_set_shape(folder->set, chw);
    cf_status status = resize_bytes(picture.pixels, (const int[3]){picture.channels, picture.height, picture.width},
                                    chw, folder->set->pixels + (size_t)index * set_image_size(folder->set));
    free(picture.pixels);
    folder->set->labels[index] = (unsigned char)file->label;
    return status;
}

static cf_status read_folder(Folder *folder) {
    int chw[3] = {0};
    FORWARD(find_classes(folder));
    for (int k = 0; k < folder->classes; k++) FORWARD(list_class(folder, k));
    FORWARD(slices_run(slices_threads(0), (int64_t)folder->count, measure, folder));
    FORWARD(drop_others(folder));
    FORWARD(choose_shape(folder, chw));
    FORWARD(set_new(folder->path, folder->path, folder->count, chw[0], chw[1], chw[2], folder->classes, &folder->set));
    FORWARD(set_name_classes(folder->set, (const char *const *)folder->names));
    return slices_run(slices_threads(0), (int64_t)folder->count, decode, folder);
}

cf_status folder_read(const char *path, cf_set **set) {
    Folder folder = {.path = path};
    cf_status status = read_folder(&folder);
    if (status)
        cf_set_free(folder.set);
    else
        *set = folder.set;
    for (int k = 0; k < folder.classes; k++) free(folder.names[k]);
    for (size_t i = 0; i < folder.count; i++) free(folder.files[i].path);
    free(folder.files);
    return status;
}
