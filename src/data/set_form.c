/* What a path holds. Asked in this order:
 *
 *   a folder with IDX files      {train,val,t10k,test}-images{-,.}idx{3,4}-ubyte[.gz], labels likewise with idx1
 *     with SVHN's files          train_32x32.mat, val_32x32.mat, test_32x32.mat
 *     with pictures              data/folder/folder.h
 *   a file                       beginning "MATL" or named *.mat; any other is taken for IDX images, its labels are
 *                                looked for beside it
 *
 * Where only one of train and test is there, it is the whole set; half of one (images without labels) is an error. A classes.txt
 * beside IDX or .mat files names the classes (data/class_list.h).
 */
#include "base/memory.h"
#include "base/slices.h"
#include "data/class_list.h"
#include "data/folder/folder.h"
#include "data/image_fit.h"
#include "data/readers.h"
#include "data/set_load.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { TRAIN, VALIDATION, TEST };

static const char *const idx_stems[SET_PARTS][3] = {{"train", NULL}, {"val", NULL}, {"t10k", "test", NULL}};
static const char *const mat_names[SET_PARTS] = {"train_32x32.mat", "val_32x32.mat", "test_32x32.mat"};

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

/* Without a training part the first one is the only part, or is trained on. */
static void close_gap(SetForm *form) {
    for (int p = VALIDATION; p < SET_PARTS && !form->images[TRAIN]; p++) {
        form->images[TRAIN] = form->images[p];
        form->labels[TRAIN] = form->labels[p];
        form->images[p] = form->labels[p] = NULL;
    }
}

static bool has_any(const SetForm *form) {
    return form->images[TRAIN] || form->images[VALIDATION] || form->images[TEST];
}

static cf_status find_idx_folder(const char *path, SetForm *form) {
    for (int p = 0; p < SET_PARTS; p++)
        FORWARD(find_idx_part(path, idx_stems[p], &form->images[p], &form->labels[p], &form->missing));
    /* Half a part is a mistake, not a smaller set. */
    if (has_any(form) && !form->missing) form->kind = SET_IDX;
    return CF_OK;
}

static cf_status find_mat_folder(const char *path, SetForm *form) {
    for (int p = 0; p < SET_PARTS; p++) FORWARD(found_in(path, mat_names[p], &form->images[p]));
    if (has_any(form)) form->kind = SET_MAT;
    return CF_OK;
}

static cf_status find_pictures(const char *path, SetForm *form) {
    FolderLayout layout = {0};
    FORWARD(folder_layout_find(path, &layout));
    for (int p = 0; p < SET_PARTS; p++) {
        form->images[p] = layout.parts[p];
        layout.parts[p] = NULL;
    }
    form->beside = layout.beside;
    if (form->images[TRAIN]) form->kind = SET_FOLDERS;
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
    if (!form->kind && !form->missing) FORWARD(find_pictures(path, form));
    close_gap(form);
    if (!form->kind && !form->missing)
        return memory_print(
            &form->missing,
            "%s has neither IDX files (train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz]) nor %s "
            "nor one folder of pictures (PNG, JPEG, BMP, GIF, TIFF, WebP) per class",
            path, mat_names[0]);
    return CF_OK;
}

/* DIR/classes.txt, DIR the folder of the files. */
static cf_status find_class_list(SetForm *form) {
    const char *images = form->images[TRAIN];
    char *list;
    if (form->kind != SET_IDX && form->kind != SET_MAT) return CF_OK;
    FORWARD(memory_print(&list, "%.*s%s", (int)(file_base_name(images) - images), images, CLASS_LIST_NAME));
    if (file_exists(list))
        form->class_list = list;
    else
        free(list);
    return CF_OK;
}

cf_status set_form_find(const char *path, SetForm *form) {
    SetForm found = {0};
    cf_status status = memory_copy_string(path, &found.path);
    if (!status)
        status = file_is_folder(path) ? find_folder(path, &found)
                 : file_exists(path)  ? find_file(path, &found)
                                      : memory_print(&found.missing, "%s does not exist", path);
    if (!status) status = find_class_list(&found);
    if (status) {
        set_form_free(&found);
        return status;
    }
    *form = found;
    return CF_OK;
}

void set_form_free(SetForm *form) {
    for (int p = 0; p < SET_PARTS; p++) {
        free(form->images[p]);
        free(form->labels[p]);
    }
    char *owned[] = {form->path, form->beside, form->class_list, form->missing};
    for (size_t i = 0; i < COUNT_OF(owned); i++) free(owned[i]);
    *form = (SetForm){0};
}

/* ---- Reading ---- */

static cf_status read_folders(const SetForm *form, const ReadOptions *options, FolderListing *record, cf_set **set) {
    FolderLayout layout = {.beside = form->beside};
    FolderListing listing;
    for (int p = 0; p < SET_PARTS; p++) layout.parts[p] = form->images[p];
    FORWARD(folder_list(form->path, &layout, &listing));
    if (form->beside)
        notice("%s lies beside the parts of %s and is passed over", file_base_name(form->beside), form->path);
    cf_status status = folder_read(&listing, options, set);
    if (!status) {
        status = folder_record_notice(&listing, options);
        if (status) cf_set_free(*set);
    }
    if (record)
        *record = listing;
    else
        folder_listing_free(&listing);
    return status;
}

typedef struct Reading {
    const SetForm *form;
    cf_set *parts[SET_PARTS];
} Reading;

static cf_status read_part(void *context, int64_t index, int thread) {
    Reading *reading = context;
    const SetForm *form = reading->form;
    (void)thread;
    if (!form->images[index]) return CF_OK;
    return form->kind == SET_IDX ? idx_read(form->images[index], form->labels[index], &reading->parts[index])
                                 : mat_read(form->images[index], &reading->parts[index]);
}

/* The parts behind each other; ends them, also on failure. */
static cf_status join_parts(cf_set *parts[SET_PARTS], cf_set **set) {
    cf_set *joined = parts[TRAIN];
    const size_t train = joined->count, validation = parts[VALIDATION] ? parts[VALIDATION]->count : 0;
    cf_status status = CF_OK;
    for (int p = VALIDATION; p < SET_PARTS; p++) {
        if (parts[p] && !status)
            status = set_join(joined, parts[p], &joined);
        else
            cf_set_free(parts[p]);
    }
    FORWARD(status);
    joined->official_train = train;
    joined->official_validation = validation;
    *set = joined;
    return CF_OK;
}

static cf_status read_files(const SetForm *form, const ReadOptions *options, cf_set **set) {
    Reading reading = {.form = form};
    cf_set *made = NULL;
    cf_status status =
        slices_run(slices_threads(0) < SET_PARTS ? slices_threads(0) : SET_PARTS, SET_PARTS, read_part, &reading);
    if (status)
        for (int p = 0; p < SET_PARTS; p++) cf_set_free(reading.parts[p]);
    FORWARD(status);
    FORWARD(join_parts(reading.parts, &made));
    if (form->class_list) status = class_list_apply(form->class_list, made);
    if (!status) status = set_take_size(made, options);
    if (status)
        cf_set_free(made);
    else
        *set = made;
    return status;
}

cf_status set_form_read(const SetForm *form, const ReadOptions *options, FolderListing *record, cf_set **set) {
    FAIL_IF(form->kind == SET_NONE, CF_BAD_INPUT, "%s", form->missing);
    return form->kind == SET_FOLDERS ? read_folders(form, options, record, set) : read_files(form, options, set);
}
