/* What a path holds. Asked in this order:
 *
 *   a folder with IDX files      {train,val,t10k,test}-images{-,.}idx{3,4}-ubyte[.gz], labels likewise with idx1
 *     with SVHN's files          train_32x32.mat, val_32x32.mat, test_32x32.mat
 *     with pictures              data/folder/folder.h
 *   a file                       beginning "MATL" or named *.mat; any other is taken for IDX images, its labels are
 *                                looked for beside it
 *
 * Where only one of train and test is there, it is the whole set; half of one (images without labels) is an error. A classes.txt
 * beside IDX or .mat files names the classes (data/set_files.h).
 */
#include "base/slices.h"
#include "base/text.h"
#include "data/set_files.h"
#include "data/set_load.h"

#include <stdlib.h>
#include <string.h>

const char *const set_idx_stems[SET_PARTS][3] = {{"train", NULL}, {"val", NULL}, {"t10k", "test", NULL}};
const char *const set_mat_names[SET_PARTS] = {"train_32x32.mat", "val_32x32.mat", "test_32x32.mat"};

/* FOLDER/NAME in *path where there is such a file. */
static cf_status find_in_folder(const char *folder, const char *name, char **path) {
    AUTO_FREE char *candidate = NULL;
    FORWARD(file_join(folder, name, &candidate));
    if (file_exists(candidate) && !file_is_folder(candidate)) *path = memory_take(&candidate);
    return CF_OK;
}

/* The first of the ways to write STEM-WHAT-idxD-ubyte that exists, or NULL. */
static cf_status find_idx_file(const char *folder, const char *stem, const char *what, const char *dims, char **path) {
    for (const char *d = dims; *d && !*path; d++)
        for (int way = 0; way < 4 && !*path; way++) {
            char name[64];
            snprintf(name, sizeof name, "%s-%s%cidx%c-ubyte%s", stem, what, way & 1 ? '.' : '-', *d,
                     way & 2 ? ".gz" : "");
            FORWARD(find_in_folder(folder, name, path));
        }
    return CF_OK;
}

static cf_status find_idx_part(const char *folder, const char *const *stems, char **images, char **labels,
                               char **missing) {
    for (; *stems && !*images; stems++) {
        AUTO_FREE char *got_images = NULL, *got_labels = NULL;
        FORWARD(find_idx_file(folder, *stems, "images", "34", &got_images));
        FORWARD(find_idx_file(folder, *stems, "labels", "1", &got_labels));
        if (got_images && got_labels) {
            *images = memory_take(&got_images);
            *labels = memory_take(&got_labels);
        } else if (!*missing && (got_images || got_labels))
            FORWARD(memory_print(missing, "%s has %s but no %s-%s-idx%c-ubyte[.gz]", folder,
                                 file_base_name(got_images ? got_images : got_labels), *stems,
                                 got_images ? "labels" : "images", got_images ? '1' : '3'));
    }
    return CF_OK;
}

/* What was found is of this kind, if anything was. Without a training part the first one is the only part, or is trained on. */
static void take_kind(SetForm *form, SetKind kind) {
    for (int p = CF_VALIDATION; p < SET_PARTS && !form->images[CF_TRAIN]; p++) {
        form->images[CF_TRAIN] = memory_take(&form->images[p]);
        form->labels[CF_TRAIN] = memory_take(&form->labels[p]);
    }
    if (form->images[CF_TRAIN]) form->kind = kind;
}

static cf_status find_folder(const char *path, SetForm *form) {
    for (int p = 0; p < SET_PARTS; p++)
        FORWARD(find_idx_part(path, set_idx_stems[p], &form->images[p], &form->labels[p], &form->missing));
    if (form->missing) return CF_OK; /* half a part is a mistake, not a smaller set */
    take_kind(form, SET_IDX);
    for (int p = 0; p < SET_PARTS && !form->kind; p++)
        FORWARD(find_in_folder(path, set_mat_names[p], &form->images[p]));
    if (!form->kind) take_kind(form, SET_MAT);
    if (!form->kind) FORWARD(folder_layout_find(path, form->images, &form->beside));
    if (!form->kind) take_kind(form, SET_FOLDERS);
    if (form->kind) return CF_OK;
    return memory_print(&form->missing,
                        "%s has neither IDX files (train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz]) nor %s "
                        "nor one folder of pictures (PNG, JPEG, BMP, GIF, TIFF, WebP) per class",
                        path, set_mat_names[0]);
}

/* The labels of an images file: the same name with labels for images and idx1 for idx3 or idx4, packed or
 * not. */
static cf_status find_idx_labels(const char *images, char **labels) {
    AUTO_FREE char *name = NULL;
    FORWARD(memory_print(&name, "%s.gz", images)); /* room to write in */
    name[strlen(images)] = '\0';
    char *word = strstr(name + (file_base_name(images) - images), "images");
    if (!word) return CF_OK;
    memcpy(word, "labels", 6);
    char *dims = strstr(word, "idx");
    if (dims && (dims[3] == '3' || dims[3] == '4')) dims[3] = '1';
    if (!file_exists(name)) {
        if (text_ends_with(name, ".gz"))
            name[strlen(name) - 3] = '\0';
        else
            strcat(name, ".gz");
    }
    if (file_exists(name)) *labels = memory_take(&name);
    return CF_OK;
}

static bool is_mat(const char *path) {
    char begin[4] = "";
    AUTO(file_close) FILE *stream = fopen(path, "rb");
    const bool read = stream && fread(begin, 1, sizeof begin, stream) == sizeof begin;
    return (read && memcmp(begin, "MATL", 4) == 0) || text_ends_with(path, ".mat");
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

/* DIR/classes.txt, DIR the folder of the files. */
static cf_status find_class_list(SetForm *form) {
    const char *images = form->images[CF_TRAIN];
    AUTO_FREE char *list = NULL;
    if (form->kind != SET_IDX && form->kind != SET_MAT) return CF_OK;
    FORWARD(memory_print(&list, "%.*s%s", (int)(file_base_name(images) - images), images, CLASS_LIST_NAME));
    if (file_exists(list)) form->class_list = memory_take(&list);
    return CF_OK;
}

cf_status set_form_find(const char *path, SetForm *form) {
    AUTO(set_form_free) SetForm found = {0};
    FORWARD(memory_copy_string(path, &found.path));
    if (file_is_folder(path))
        FORWARD(find_folder(path, &found));
    else if (file_exists(path))
        FORWARD(find_file(path, &found));
    else
        FORWARD(memory_print(&found.missing, "%s does not exist", path));
    FORWARD(find_class_list(&found));
    *form = found;
    found = (SetForm){0};
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
    AUTO(folder_listing_free) FolderListing unwanted = {0};
    AUTO(cf_set_free_at) cf_set *made = NULL;
    FolderListing *listing = record ? record : &unwanted;
    FORWARD(folder_list(form->path, form->images, listing));
    if (form->beside)
        notice("%s lies beside the parts of %s and is passed over", file_base_name(form->beside), form->path);
    FORWARD(folder_read(listing, options, &made));
    FORWARD(folder_record_notice(listing, options));
    *set = memory_take(&made);
    return CF_OK;
}

typedef struct Reading {
    const SetForm *form;
    cf_set *parts[SET_PARTS];
} Reading;

static void reading_end(Reading *reading) {
    for (int p = 0; p < SET_PARTS; p++) cf_set_free(reading->parts[p]);
}

static cf_status read_part(void *context, int64_t index, int thread) {
    Reading *reading = context;
    const SetForm *form = reading->form;
    (void)thread;
    if (!form->images[index]) return CF_OK;
    return form->kind == SET_IDX ? idx_read(form->images[index], form->labels[index], &reading->parts[index])
                                 : mat_read(form->images[index], &reading->parts[index]);
}

static cf_status read_files(const SetForm *form, const ReadOptions *options, cf_set **set) {
    AUTO(reading_end) Reading reading = {.form = form};
    AUTO(cf_set_free_at) cf_set *made = NULL;
    const int threads = slices_threads(0);
    FORWARD(slices_run(threads < SET_PARTS ? threads : SET_PARTS, SET_PARTS, read_part, &reading));
    const size_t train = reading.parts[CF_TRAIN]->count;
    const size_t validation = reading.parts[CF_VALIDATION] ? reading.parts[CF_VALIDATION]->count : 0;
    made = memory_take(&reading.parts[CF_TRAIN]);
    for (int p = CF_VALIDATION; p < SET_PARTS; p++)
        if (reading.parts[p]) FORWARD(set_join(memory_take(&made), memory_take(&reading.parts[p]), &made));
    made->official_train = train;
    made->official_validation = validation;
    if (form->class_list) FORWARD(class_list_apply(form->class_list, made));
    FORWARD(set_take_size(made, options));
    *set = memory_take(&made);
    return CF_OK;
}

cf_status set_form_read(const SetForm *form, const ReadOptions *options, FolderListing *record, cf_set **set) {
    FAIL_IF(form->kind == SET_NONE, CF_BAD_INPUT, "%s", form->missing);
    return form->kind == SET_FOLDERS ? read_folders(form, options, record, set) : read_files(form, options, set);
}
