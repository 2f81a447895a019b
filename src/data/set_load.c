/* Names of sets: the known ones, and whatever folder stands in the data folders. */
#include "data/set_load.h"

#include "base/memory.h"
#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/image_fit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

typedef struct KnownSet {
    const char *name, *about, *files;
    const char *const *classes; /* NULL: as the reader names them */
} KnownSet;

#define IDX_FILES                                                                                                      \
    "train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz], t10k-images-idx3-ubyte[.gz], "                        \
    "t10k-labels-idx1-ubyte[.gz]"

static const char *const clothes[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                      "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

static const KnownSet known_sets[] = {
    {"mnist", "28 x 28 grey, handwritten digits", IDX_FILES, NULL},
    {"fashion-mnist", "28 x 28 grey, 10 kinds of clothing", IDX_FILES, clothes},
    {"svhn", "32 x 32 RGB, digits of house numbers", "train_32x32.mat, test_32x32.mat", NULL},
};

static const KnownSet *find_known(const char *name) {
    for (size_t i = 0; i < COUNT_OF(known_sets); i++)
        if (strcmp(known_sets[i].name, name) == 0) return &known_sets[i];
    return NULL;
}

cf_status data_folders(const char *data_dir, char *folders[MAX_DATA_FOLDERS], int *count) {
    const char *data = getenv("CIFRA_DATA"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    cf_status status;
    int made = 0;
    if (data_dir && *data_dir) FORWARD_TO(failed, memory_copy_string(data_dir, &folders[made++]));
    if (data && *data) FORWARD_TO(failed, memory_copy_string(data, &folders[made++]));
    if (cache && *cache)
        FORWARD_TO(failed, file_join(cache, "cifra", &folders[made++]));
    else if (home && *home)
        FORWARD_TO(failed, file_join(home, ".cache/cifra", &folders[made++]));
    *count = made;
    return CF_OK;
failed:
    /* The one that failed was counted, but not made. */
    for (int i = 0; i < made - 1; i++) free(folders[i]);
    return status;
}

static void free_folders(char *folders[MAX_DATA_FOLDERS], int count) {
    for (int i = 0; i < count; i++) free(folders[i]);
}

/* FOLDER/NAME, and for SVHN, whose files carry no folder of their own, FOLDER. *path is what was looked at.
 */
static cf_status look_in_folder(const char *folder, const char *name, char **path, SetForm *form) {
    cf_status status;
    *form = (SetForm){0};
    FORWARD(file_join(folder, name, path));
    FORWARD_TO(failed, set_form_find(*path, form));
    if (form->kind || strcmp(name, "svhn") != 0) return CF_OK;
    SetForm above;
    FORWARD_TO(failed, set_form_find(folder, &above));
    if (above.kind != SET_MAT) {
        set_form_free(&above);
        return CF_OK;
    }
    set_form_free(form);
    *form = above;
    free(*path);
    *path = NULL;
    return memory_copy_string(folder, path);
failed:
    set_form_free(form);
    free(*path);
    *path = NULL;
    return status;
}

/* Looks for a name in the data folders, up to the first that has it: one that is incomplete there is not
 * passed over for another further on. Not found: form->kind is SET_NONE, and *path and form->missing tell of
 * the first place. */
static cf_status look_for_name(const char *name, const char *data_dir, char **path, SetForm *form) {
    char *folders[MAX_DATA_FOLDERS];
    int count = 0;
    bool there = false;
    cf_status status = data_folders(data_dir, folders, &count);
    *path = NULL;
    *form = (SetForm){0};
    for (int i = 0; i < count && !status && !there; i++) {
        char *looked;
        SetForm found;
        status = look_in_folder(folders[i], name, &looked, &found);
        if (status) break;
        there = found.kind || file_exists(looked);
        if (there || !*path) {
            free(*path);
            set_form_free(form);
            *path = looked;
            *form = found;
        } else {
            free(looked);
            set_form_free(&found);
        }
    }
    free_folders(folders, count);
    if (status) {
        free(*path);
        set_form_free(form);
        *path = NULL;
    }
    return status;
}

/* ---- Listing ---- */

static const char *kind_text(const SetForm *form) {
    switch (form->kind) {
    case SET_IDX:
        return "IDX files";
    case SET_MAT:
        return "MATLAB files";
    case SET_FOLDERS:
        return "folders of pictures";
    case SET_NONE:
        break;
    }
    return "";
}

static cf_status new_entry(SetList *list, const char *name, bool found, SetEntry **entry) {
    SetEntry *grown = realloc(list->entries, (list->count + 1) * sizeof *grown);
    FAIL_IF(!grown, CF_NO_MEMORY, "out of memory while listing data sets");
    list->entries = grown;
    *entry = &grown[list->count++];
    **entry = (SetEntry){.found = found};
    return memory_copy_string(name, &(*entry)->name);
}

static cf_status add_entry(SetList *list, const char *name, const char *about, const char *path, const SetForm *form) {
    SetEntry *entry = NULL;
    FORWARD(new_entry(list, name, form->kind != SET_NONE, &entry));
    FORWARD(memory_copy_string(path ? path : "", &entry->path));
    const char *comma = about && form->kind ? ", " : "", *parts = !form->images[1] && !form->images[2] ? ""
                                                                  : !form->images[1] ? ", train and test"
                                                                  : !form->images[2] ? ", train and validation"
                                                                                     : ", train, validation and test";
    FORWARD(memory_print(&entry->kind, "%s%s%s%s", about ? about : "", comma, kind_text(form), parts));
    if (form->missing && !entry->found) FORWARD(memory_copy_string(form->missing, &entry->missing));
    return CF_OK;
}

static cf_status list_generated(SetList *list) {
    for (const Generator *const *g = generators; *g; g++) {
        SetEntry *entry = NULL;
        FORWARD(new_entry(list, (*g)->name, true, &entry));
        FORWARD(memory_print(&entry->kind, "built in: %s", (*g)->about));
    }
    return CF_OK;
}

static bool is_listed(const SetList *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->entries[i].name, name) == 0) return true;
    return false;
}

static cf_status list_known(const char *data_dir, SetList *list) {
    for (size_t i = 0; i < COUNT_OF(known_sets); i++) {
        char *path;
        SetForm form;
        FORWARD(look_for_name(known_sets[i].name, data_dir, &path, &form));
        cf_status status = CF_OK;
        if (!form.kind && (!path || !file_exists(path))) {
            free(form.missing);
            form.missing = NULL;
            status = memory_copy_string(known_sets[i].files, &form.missing);
        }
        if (!status) status = add_entry(list, known_sets[i].name, known_sets[i].about, path, &form);
        set_form_free(&form);
        free(path);
        FORWARD(status);
    }
    return CF_OK;
}

static cf_status list_folder(const char *folder, SetList *list) {
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    cf_status status = CF_OK;
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        char *path = NULL;
        SetForm form = {0};
        if (!status && name[0] != '.' && !is_listed(list, name)) {
            status = file_join(folder, name, &path);
            if (!status && file_is_folder(path)) {
                status = set_form_find(path, &form);
                if (!status && form.kind) status = add_entry(list, name, NULL, path, &form);
            }
        }
        set_form_free(&form);
        free(path);
        free(names[i]);
    }
    if (count >= 0) free(names);
    return status;
}

cf_status set_list(const char *data_dir, SetList *list) {
    char *folders[MAX_DATA_FOLDERS];
    int count = 0;
    SetList made = {0};
    cf_status status = list_generated(&made);
    if (!status) status = list_known(data_dir, &made);
    if (!status) status = data_folders(data_dir, folders, &count);
    for (int i = 0; i < count && !status; i++) status = list_folder(folders[i], &made);
    free_folders(folders, count);
    if (status)
        set_list_free(&made);
    else
        *list = made;
    return status;
}

void set_list_free(SetList *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->entries[i].name);
        free(list->entries[i].path);
        free(list->entries[i].kind);
        free(list->entries[i].missing);
    }
    free(list->entries);
    *list = (SetList){0};
}

/* ---- Loading ---- */

static void append(char *text, size_t size, const char *separator, const char *more) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? separator : "", more);
}

static void name_folders(const char *data_dir, const char *name, char *text, size_t size) {
    char *folders[MAX_DATA_FOLDERS], *path;
    int count = 0;
    text[0] = '\0';
    if (data_folders(data_dir, folders, &count)) return;
    for (int i = 0; i < count; i++) {
        if (file_join(folders[i], name, &path)) continue;
        append(text, size, ", ", path);
        free(path);
    }
    free_folders(folders, count);
    if (!text[0]) append(text, size, "", "(no data folder: neither $CIFRA_DATA nor $HOME is set)");
}

static cf_status fail_unknown(const char *name, const char *data_dir) {
    enum { MOST_WORDS = 64 };
    const char *words[MOST_WORDS + 1] = {NULL};
    char looked[512], known[128] = "", found[512] = "";
    size_t count = 0;
    SetList list;
    FORWARD(set_list(data_dir, &list));
    name_folders(data_dir, name, looked, sizeof looked);
    for (const Generator *const *g = generators; *g; g++) append(known, sizeof known, ", ", (*g)->name);
    for (size_t i = 0; i < COUNT_OF(known_sets); i++) append(known, sizeof known, ", ", known_sets[i].name);
    for (size_t i = 0; i < list.count && count < MOST_WORDS; i++) {
        words[count++] = list.entries[i].name;
        if (list.entries[i].found) append(found, sizeof found, ", ", list.entries[i].name);
    }
    cf_status status =
        FAIL(CF_BAD_USE, "there is no data set \"%s\": looked for the path %s and for %s; known names: %s; found: %s%s",
             name, name, looked, known, found[0] ? found : "none", text_hint(name, words));
    set_list_free(&list);
    return status;
}

static cf_status fail_not_found(const char *name, const char *data_dir, const KnownSet *known, const char *path,
                                const SetForm *form) {
    char looked[512];
    if (path && file_exists(path)) return FAIL(CF_BAD_INPUT, "%s: %s", name, form->missing);
    if (!known) return fail_unknown(name, data_dir);
    name_folders(data_dir, name, looked, sizeof looked);
    return FAIL(CF_BAD_INPUT,
                "the files of %s are not there: looked for %s in %s; get them with `cifra data fetch %s`, or give the "
                "folder above (--data-dir or $CIFRA_DATA)",
                name, known->files, looked, name);
}

/* Data folders first, for what has no '/' in it; then the path as it is. */
static cf_status find_set(const char *name, const char *data_dir, char **path, SetForm *form) {
    *path = NULL;
    *form = (SetForm){0};
    if (!strchr(name, '/')) FORWARD(look_for_name(name, data_dir, path, form));
    if (form->kind) return CF_OK;
    cf_status status;
    if (file_exists(name)) {
        free(*path);
        set_form_free(form);
        *path = NULL;
        status = memory_copy_string(name, path);
        if (!status) status = set_form_find(name, form);
        if (!status && !form->kind) status = FAIL(CF_BAD_INPUT, "%s", form->missing);
    } else if (strchr(name, '/')) {
        status = FAIL(CF_IO, "there is no file or folder %s", name);
    } else {
        status = fail_not_found(name, data_dir, find_known(name), *path, form);
    }
    if (status) {
        free(*path);
        set_form_free(form);
    }
    return status;
}

static cf_status take_name(cf_set *set, const char *name) {
    char *own_name;
    FORWARD(memory_copy_string(name, &own_name));
    free(set->name);
    set->name = own_name;
    return CF_OK;
}

/* Puts the name asked for and the place found in the place of what the reader knew. */
static cf_status finish(cf_set *set, const char *name, const char *path, const SetSample *sample) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    char *place;
    FORWARD(memory_print(&place, "%.*s", (int)length, path));
    free(set->source);
    set->source = place;
    /* A link may have the name, or what it leads to; "." has that of the folder. */
    char *real = realpath(place, NULL);
    const KnownSet *known = find_known(file_base_name(place));
    if (!known && real) known = find_known(file_base_name(real));
    free(real);
    if (known && known->classes && set->classes == 10) FORWARD(set_name_classes(set, known->classes));
    FORWARD(take_name(set, name));
    if (set->official_train == set->count)
        notice("%s has no test part of its own: all %zu images are training images", name, set->count);
    else if (set_test_begin(set) == set->count)
        notice("%s has no test part of its own: %zu images are training images, %zu validation images", name,
               set->official_train, set->official_validation);
    FORWARD(set_take_sample(set, sample));
    return set_seal(set);
}

static cf_status generate(const char *name, const ReadOptions *options, cf_set **set) {
    GeneratedSpec spec;
    cf_set *made;
    cf_status status;
    FORWARD(generated_spec_read(name, &spec));
    FORWARD(generated_set_new(&spec, 0, &made));
    FORWARD_TO(failed, set_take_size(made, options));
    FORWARD_TO(failed, take_name(made, name));
    FORWARD_TO(failed, set_seal(made));
    *set = made;
    return CF_OK;
failed:
    cf_set_free(made);
    return status;
}

/* `plain` is the set's name or path, `text` that with how it is read. */
static cf_status load(const char *plain, const char *text, const ReadOptions *options, const char *data_dir,
                      FolderListing *record, cf_set **set) {
    char *path;
    SetForm form;
    cf_set *made = NULL;
    FORWARD(find_set(plain, data_dir, &path, &form));
    cf_status status = set_form_read(&form, options, record, &made);
    if (!status) {
        status = finish(made, text, path, &options->sample);
        if (status)
            cf_set_free(made);
        else
            *set = made;
    }
    set_form_free(&form);
    free(path);
    return status;
}

cf_status set_load_recorded(const char *name_or_path, const char *data_dir, FolderListing *record, cf_set **set) {
    ReadOptions options;
    char *plain;
    FAIL_IF(!name_or_path || !*name_or_path, CF_BAD_USE, "a data set needs a name or a path; \"\" was given");
    FORWARD(set_text_read(name_or_path, &plain, &options));
    cf_status status = generator_named(plain) ? generate(name_or_path, &options, set)
                                              : load(plain, name_or_path, &options, data_dir, record, set);
    free(plain);
    return status;
}

cf_status cf_set_load(const char *name_or_path, const char *data_dir, cf_set **set) {
    return set_load_recorded(name_or_path, data_dir, NULL, set);
}

bool set_is_of_pictures(const char *name_or_path, const char *data_dir) {
    ReadOptions options;
    SetForm form;
    char *plain, *path;
    if (generator_named(name_or_path) || set_text_read(name_or_path, &plain, &options)) return false;
    cf_status status = find_set(plain, data_dir, &path, &form);
    free(plain);
    if (status) return false;
    const bool pictures = form.kind == SET_FOLDERS;
    set_form_free(&form);
    free(path);
    return pictures;
}
