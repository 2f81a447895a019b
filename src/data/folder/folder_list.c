/* What lies in the folders of a set. Each file is looked at once, in parallel: whether it is a picture, and of which size. */
#include "base/file_walk.h"
#include "base/name_table.h"
#include "base/slices.h"
#include "base/text.h"
#include "data/folder/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

const char *const file_fate_words[] = {"read", "hidden", "other", "loose", "broken", NULL};

enum { MOST_FOLDERS = 4 * MAX_CLASSES };

/* Folders of classes as they are found; one without pictures is no class, so there may be more of them than classes. */
typedef struct Found {
    char *name;
    int index; /* the label of its files until all are found */
    size_t pictures;
} Found;

typedef struct Listing {
    FolderListing *listing;
    char *const *parts; /* [SET_PARTS] */
    Found *found;       /* [MOST_FOLDERS] */
    int count;
    NameTable places;
} Listing;

static void listing_end(Listing *l) {
    for (int i = 0; i < l->count; i++) free(l->found[i].name);
    free(l->found);
    name_table_free(&l->places);
}

/* The place of a folder of a class, whose name ends at a '/' or with the text. */
static cf_status name_index(Listing *l, const char *part, const char *name, int *index) {
    const size_t length = strcspn(name, "/");
    *index = name_table_find(&l->places, name, length);
    if (*index >= 0) return CF_OK;
    FAIL_IF(l->count == MOST_FOLDERS, CF_BAD_INPUT, "%s has more than %d folders; one per class was expected", part,
            MOST_FOLDERS);
    Found *found = &l->found[l->count];
    FORWARD(memory_print(&found->name, "%.*s", (int)length, name));
    *index = found->index = l->count++;
    name_table_put(&l->places, found->name, *index);
    return CF_OK;
}

/* Which part a path lies in, and what follows the part's folder; -1: in none. */
static int part_of(char *const parts[SET_PARTS], const char *path, const char **rest) {
    for (int p = 0; p < SET_PARTS; p++) {
        const char *part = parts[p];
        size_t length = part ? strlen(part) : 0;
        while (length > 1 && part[length - 1] == '/') length--;
        if (!part || strncmp(path, part, length) != 0 || path[length] != '/') continue;
        *rest = path + length + strspn(path + length, "/");
        return p;
    }
    return -1;
}

/* A folder within a part is one of a class, with all that is in it. */
static cf_status note_file(const WalkedFile *walked, void *context) {
    Listing *l = context;
    FolderListing *listing = l->listing;
    const char *rest = "";
    const int part = part_of(l->parts, walked->path, &rest);
    int label = -1;
    FAIL_IF(walked->error, CF_IO, "%s", walked->error);
    if (part >= 0 && (walked->folder || strchr(rest, '/'))) FORWARD(name_index(l, l->parts[part], rest, &label));
    if (walked->folder) return CF_OK;
    FORWARD(memory_grow(&listing->files, listing->count, sizeof *listing->files));
    FolderFile *file = &listing->files[listing->count];
    FORWARD(memory_copy_string(walked->path, &file->path));
    file->part = part;
    file->label = label;
    file->fate = file_base_name(walked->path)[0] == '.' ? FILE_HIDDEN : FILE_READ;
    listing->count++;
    return CF_OK;
}

/* ---- Pictures ---- */

/* A file that is called a picture and is none is a broken one. */
static bool has_picture_name(const char *path) {
    static const char *const ends[] = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"};
    const char *dot = strrchr(file_base_name(path), '.');
    for (size_t i = 0; dot && i < COUNT_OF(ends); i++)
        if (strcasecmp(ends[i], dot) == 0) return true;
    return false;
}

cf_status folder_file_break(FolderFile *file, const char *why) {
    const size_t length = strlen(file->path);
    if (strncmp(why, file->path, length) == 0) {
        why += length;
        why += strspn(why, ": ");
    }
    file->fate = FILE_BROKEN;
    return memory_copy_string(why, &file->why);
}

static cf_status look_at_stranger(FolderFile *file) {
    struct stat info;
    file->fate = FILE_OTHER;
    if (!has_picture_name(file->path)) return CF_OK;
    const bool empty = stat(file->path, &info) == 0 && info.st_size == 0;
    return folder_file_break(file, empty ? "is empty" : "is called a picture, and is none by its first bytes");
}

static cf_status look_at(void *context, int64_t index, int thread) {
    FolderFile *file = &((FolderListing *)context)->files[index];
    char why[256];
    (void)thread;
    if (file->fate == FILE_HIDDEN) return CF_OK;
    const PictureKind kind = picture_kind(file->path);
    file->shape.kind = kind;
    if (kind == PICTURE_UNREADABLE) {
        snprintf(why, sizeof why, "cannot be opened: %s", strerror(errno));
        return folder_file_break(file, why);
    }
    if (kind == PICTURE_NONE) return look_at_stranger(file);
    if (file->label < 0) {
        file->fate = FILE_LOOSE;
        return CF_OK;
    }
    cf_status status = picture_measure(file->path, &file->shape);
    if (!status || status == CF_NO_MEMORY) return status;
    return folder_file_break(file, cf_error());
}

/* ---- Classes ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(((const Found *)a)->name, ((const Found *)b)->name);
}

static int compare_numbers(const void *a, const void *b) {
    const long long x = strtoll(((const Found *)a)->name, NULL, 10), y = strtoll(((const Found *)b)->name, NULL, 10);
    return x != y ? (x > y) - (x < y) : compare_names(a, b);
}

/* The name of a class goes into tables, figures and pages; what could break their lines is refused here. */
static cf_status add_class(FolderListing *listing, const char *name) {
    FAIL_IF(listing->classes == MAX_CLASSES, CF_BAD_INPUT, "%s has more than %d class folders", listing->source,
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
                    listing->source, shown);
    }
    FORWARD(memory_copy_string(name, &listing->names[listing->classes]));
    listing->classes++;
    return CF_OK;
}

/* Classes in their order, and each file's label among them; `label` has room for one of each folder. */
static cf_status number_classes(Listing *l, int *label) {
    FolderListing *listing = l->listing;
    bool numbers = true;
    long long number;
    size_t empty = 0;
    const char *first_empty = NULL;
    for (size_t i = 0; i < listing->count; i++) {
        const FolderFile *file = &listing->files[i];
        if (file->label >= 0) l->found[file->label].pictures += file->fate == FILE_READ || file->fate == FILE_BROKEN;
    }
    for (const Found *found = l->found; found < l->found + l->count; found++)
        numbers = numbers && (!found->pictures || text_to_integer(found->name, INT64_MIN, INT64_MAX, &number));
    FORWARD(memory_new((size_t)l->count, sizeof *listing->names, &listing->names));
    qsort(l->found, (size_t)l->count, sizeof *l->found, numbers ? compare_numbers : compare_names);
    for (const Found *found = l->found; found < l->found + l->count; found++) {
        label[found->index] = found->pictures ? listing->classes : -1;
        if (found->pictures)
            FORWARD(add_class(listing, found->name));
        else if (empty++ == 0)
            first_empty = found->name;
    }
    for (size_t i = 0; i < listing->count; i++)
        if (listing->files[i].label >= 0) listing->files[i].label = label[listing->files[i].label];
    if (empty)
        notice("%zu %s in %s without a picture is no class: %s%s", empty, empty > 1 ? "folders" : "folder",
               listing->source, first_empty, empty > 1 ? ", .." : "");
    return CF_OK;
}

/* Part, class, name. Files of no class come last in their part, those of no part at the end. */
static int compare_files(const void *a, const void *b) {
    const FolderFile *x = a, *y = b;
    if (x->part != y->part) return (unsigned)x->part < (unsigned)y->part ? -1 : 1;
    if (x->label != y->label) return (unsigned)x->label < (unsigned)y->label ? -1 : 1;
    return strcmp(x->path, y->path);
}

cf_status folder_list(const char *source, char *const parts[SET_PARTS], FolderListing *listing) {
    AUTO(folder_listing_free) FolderListing made = {0};
    AUTO(listing_end) Listing l = {.listing = &made, .parts = parts};
    AUTO_FREE int *label = NULL;
    FORWARD(memory_copy_string(source, &made.source));
    FORWARD(memory_new(MOST_FOLDERS, sizeof *l.found, &l.found));
    FORWARD(name_table_new(MOST_FOLDERS, &l.places));
    FORWARD(file_walk(source, true, note_file, &l));
    FORWARD(slices_run(slices_threads(0), (int64_t)made.count, look_at, &made));
    FORWARD(memory_new((size_t)l.count, sizeof *label, &label));
    FORWARD(number_classes(&l, label));
    FAIL_IF(made.classes == 0, CF_BAD_INPUT, "%s has no sub-folders with pictures; one per class was expected", source);
    qsort(made.files, made.count, sizeof *made.files, compare_files);
    *listing = made;
    made = (FolderListing){0};
    return CF_OK;
}

void folder_listing_free(FolderListing *listing) {
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->files[i].path);
        free(listing->files[i].why);
    }
    free(listing->files);
    for (int k = 0; k < listing->classes; k++) free(listing->names[k]);
    free(listing->names);
    free(listing->source);
    *listing = (FolderListing){0};
}

const char *folder_file_name(const FolderListing *listing, const FolderFile *file) {
    const size_t length = strlen(listing->source);
    if (strncmp(file->path, listing->source, length) != 0) return file->path;
    const char *rest = file->path + length;
    return rest + strspn(rest, "/");
}
