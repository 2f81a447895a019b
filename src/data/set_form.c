/* What a path holds. Asked in this order:
 *
 *   a folder with IDX files      {train,t10k,test}-images{-,.}idx{3,4}-ubyte[.gz], labels likewise with idx1
 *     with SVHN's files          train_32x32.mat, test_32x32.mat
 *     with train/, test/         each with one folder of PNG/JPEG files per class
 *     with class folders
 *   a file                       beginning "MATL" or named *.mat; any other is taken for IDX images, its labels are
 *                                looked for beside it
 *
 * Where only one of train and test is there, it is the whole set; half of one (images without labels) is an error.
 */
#include "base/memory.h"
#include "base/slices.h"
#include "data/picture/picture.h"
#include "data/readers.h"
#include "data/set_load.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 2 };

static const char *const idx_stems[PARTS][3] = {{"train", NULL}, {"t10k", "test", NULL}};
static const char *const mat_names[PARTS] = {"train_32x32.mat", "test_32x32.mat"};
static const char *const folder_names[PARTS] = {"train", "test"};

static cf_status found_in(const char *folder, const char *name, char **path) {
    char *candidate;
    *path = NULL;
    FORWARD(file_join(folder, name, &candidate));
    if (file_exists(candidate) && !file_is_folder(candidate))
        *path = candidate;
    else
        free(candidate);
    return CF_OK;
}

/* The first of the ways to write STEM-WHAT-idxD-ubyte that exists, or NULL. */
static cf_status find_idx_file(const char *folder, const char *stem, const char *what, const char *dims, char **path) {
    *path = NULL;
    for (const char *d = dims; *d && !*path; d++)
        for (int way = 0; way < 4 && !*path; way++) {
            char name[64];
            snprintf(name, sizeof name, "%s-%s%cidx%c-ubyte%s", stem, what, way & 1 ? '.' : '-', *d,
                     way & 2 ? ".gz" : "");
            FORWARD(found_in(folder, name, path));
        }
    return CF_OK;
}

static cf_status find_idx_part(const char *folder, const char *const *stems, char **images, char **labels,
                               char **missing) {
    for (; *stems; stems++) {
        char *got_images, *got_labels;
        FORWARD(find_idx_file(folder, *stems, "images", "34", &got_images));
        cf_status status = find_idx_file(folder, *stems, "labels", "1", &got_labels);
        if (!status && got_images && got_labels) {
            *images = got_images;
            *labels = got_labels;
            return CF_OK;
        }
        if (!status && !*missing && (got_images || got_labels))
            status = memory_print(missing, "%s has %s but no %s-%s-idx%c-ubyte[.gz]", folder,
                                  file_base_name(got_images ? got_images : got_labels), *stems,
                                  got_images ? "labels" : "images", got_images ? '1' : '3');
        free(got_images);
        free(got_labels);
        FORWARD(status);
    }
    return CF_OK;
}

/* Moves a lone test part to the front. */
static void close_gap(SetForm *form) {
    if (form->images[0] || !form->images[1]) return;
    form->images[0] = form->images[1];
    form->labels[0] = form->labels[1];
    form->images[1] = form->labels[1] = NULL;
}

static cf_status find_idx_folder(const char *path, SetForm *form) {
    for (int p = 0; p < PARTS; p++)
        FORWARD(find_idx_part(path, idx_stems[p], &form->images[p], &form->labels[p], &form->missing));
    /* Half a part is a mistake, not a smaller set. */
    if ((form->images[0] || form->images[1]) && !form->missing) form->kind = SET_IDX;
    return CF_OK;
}

static cf_status find_mat_folder(const char *path, SetForm *form) {
    for (int p = 0; p < PARTS; p++) FORWARD(found_in(path, mat_names[p], &form->images[p]));
    if (form->images[0] || form->images[1]) form->kind = SET_MAT;
    return CF_OK;
}

/* Whether a folder has a PNG or JPEG among its first files. What cannot be opened counts as well: the reader will say why. */
static bool has_pictures(const char *folder) {
    enum { LOOK_AT = 32 };
    bool found = false;
    DIR *stream = opendir(folder);
    int looked = 0;
    if (!stream) return file_is_folder(folder);
    for (struct dirent *entry; !found && looked < LOOK_AT && (entry = readdir(stream));) {
        char *path;
        if (entry->d_name[0] == '.' || file_join(folder, entry->d_name, &path)) continue;
        found = picture_kind(path) != PICTURE_NONE;
        looked++;
        free(path);
    }
    closedir(stream);
    return found;
}

static bool has_class_folders(const char *folder) {
    bool found = false;
    DIR *stream = opendir(folder);
    if (!stream) return file_is_folder(folder);
    for (struct dirent *entry; !found && (entry = readdir(stream));) {
        char *path;
        if (entry->d_name[0] == '.' || file_join(folder, entry->d_name, &path)) continue;
        found = file_is_folder(path) && has_pictures(path);
        free(path);
    }
    closedir(stream);
    return found;
}

static cf_status find_class_folders(const char *path, SetForm *form) {
    for (int p = 0; p < PARTS; p++) {
        char *part;
        FORWARD(file_join(path, folder_names[p], &part));
        if (file_is_folder(part) && has_class_folders(part))
            form->images[p] = part;
        else
            free(part);
    }
    if (!form->images[0] && has_class_folders(path)) {
        free(form->images[1]); /* a class that happens to be called test */
        form->images[1] = NULL;
        FORWARD(memory_copy_string(path, &form->images[0]));
    }
    if (form->images[0] || form->images[1]) form->kind = SET_FOLDERS;
    return CF_OK;
}

/* The labels of an images file: the same name with labels for images and idx1 for idx3 or idx4, packed or
 * not. */
static cf_status find_idx_labels(const char *images, char **labels) {
    *labels = NULL;
    char *name;
    FORWARD(memory_print(&name, "%s.gz", images)); /* room to write in */
    name[strlen(images)] = '\0';
    char *word = strstr(name + (file_base_name(images) - images), "images");
    if (word) {
        memcpy(word, "labels", 6);
        char *dims = strstr(word, "idx");
        if (dims && (dims[3] == '3' || dims[3] == '4')) dims[3] = '1';
        if (!file_exists(name)) {
            size_t length = strlen(name);
            if (length > 3 && strcmp(name + length - 3, ".gz") == 0)
                name[length - 3] = '\0';
            else
                strcat(name, ".gz");
        }
        if (file_exists(name)) {
            *labels = name;
            return CF_OK;
        }
    }
    free(name);
    return CF_OK;
}

static bool is_mat(const char *path) {
    char begin[4] = "";
    FILE *stream = fopen(path, "rb");
    bool read = stream && fread(begin, 1, sizeof begin, stream) == sizeof begin;
    if (stream) fclose(stream);
    if (read && memcmp(begin, "MATL", 4) == 0) return true;
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".mat") == 0;
}

static cf_status find_file(const char *path, SetForm *form) {
    if (!is_mat(path)) {
        FORWARD(find_idx_labels(path, &form->labels[0]));
        if (!form->labels[0])
            return memory_print(&form->missing,
                                "%s is neither a .mat file nor an IDX file of images with its labels beside it (named "
                                "...images...idx3..., ...labels...idx1...)",
                                path);
    }
    FORWARD(memory_copy_string(path, &form->images[0]));
    form->kind = form->labels[0] ? SET_IDX : SET_MAT;
    return CF_OK;
}

static cf_status find_folder(const char *path, SetForm *form) {
    FORWARD(find_idx_folder(path, form));
    if (!form->kind && !form->missing) FORWARD(find_mat_folder(path, form));
    if (!form->kind && !form->missing) FORWARD(find_class_folders(path, form));
    close_gap(form);
    if (!form->kind && !form->missing)
        return memory_print(
            &form->missing,
            "%s has neither IDX files (train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz]) nor %s "
            "nor one folder of PNG or JPEG files per class",
            path, mat_names[0]);
    return CF_OK;
}

cf_status set_form_find(const char *path, SetForm *form) {
    SetForm found = {0};
    cf_status status = file_is_folder(path) ? find_folder(path, &found)
                       : file_exists(path)  ? find_file(path, &found)
                                            : memory_print(&found.missing, "%s does not exist", path);
    if (status) {
        set_form_free(&found);
        return status;
    }
    *form = found;
    return CF_OK;
}

void set_form_free(SetForm *form) {
    for (int p = 0; p < PARTS; p++) {
        free(form->images[p]);
        free(form->labels[p]);
    }
    free(form->missing);
    *form = (SetForm){0};
}

typedef struct Reading {
    const SetForm *form;
    cf_set *parts[PARTS];
} Reading;

static cf_status read_part(void *context, int64_t index, int thread) {
    Reading *reading = context;
    const SetForm *form = reading->form;
    (void)thread;
    switch (form->kind) {
    case SET_IDX:
        return idx_read(form->images[index], form->labels[index], &reading->parts[index]);
    case SET_MAT:
        return mat_read(form->images[index], &reading->parts[index]);
    case SET_FOLDERS:
        return folder_read(form->images[index], &reading->parts[index]);
    case SET_NONE:
        break;
    }
    return FAIL(CF_BAD_INPUT, "%s", form->missing);
}

cf_status set_form_read(const SetForm *form, cf_set **set) {
    Reading reading = {.form = form};
    int parts = form->images[1] ? PARTS : 1;
    /* Folders decode in parallel by themselves. */
    int threads = form->kind == SET_FOLDERS ? 1 : slices_threads(parts < slices_threads(0) ? parts : 0);
    cf_status status = slices_run(threads, parts, read_part, &reading);
    if (status) {
        for (int p = 0; p < PARTS; p++) cf_set_free(reading.parts[p]);
        return status_pass(status, __FILE__, __LINE__);
    }
    if (parts == 1) {
        *set = reading.parts[0];
        return CF_OK;
    }
    return set_join(reading.parts[0], reading.parts[1], set);
}
