/* Names of sets: the known ones, and whatever folder stands in the data folders. */
#include "data/set_load.h"

#include "base/text.h"
#include "data/generate/generated_set.h"

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

/* `inside`: within the folder that is named. */
static cf_status add_data_folder(DataFolders *folders, const char *path, const char *inside) {
    char **place = &folders->paths[folders->count];
    FORWARD(inside ? file_join(path, inside, place) : memory_copy_string(path, place));
    folders->count++;
    return CF_OK;
}

cf_status data_folders(const char *data_dir, DataFolders *folders) {
    const char *data = getenv("CIFRA_DATA"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    AUTO(data_folders_free) DataFolders made = {0};
    if (data_dir && *data_dir) FORWARD(add_data_folder(&made, data_dir, NULL));
    if (data && *data) FORWARD(add_data_folder(&made, data, NULL));
    if (cache && *cache)
        FORWARD(add_data_folder(&made, cache, "cifra"));
    else if (home && *home)
        FORWARD(add_data_folder(&made, home, ".cache/cifra"));
    *folders = made;
    made.count = 0;
    return CF_OK;
}

void data_folders_free(DataFolders *folders) {
    for (int i = 0; i < folders->count; i++) free(folders->paths[i]);
}

/* A set that is looked for: where it would be, and what is there. */
typedef struct Place {
    char *path;
    SetForm form;
} Place;

static void place_free(Place *place) {
    free(place->path);
    set_form_free(&place->form);
}

/* FOLDER/NAME, and for SVHN, whose files carry no folder of their own, FOLDER. */
static cf_status look_in_folder(const char *folder, const char *name, Place *place) {
    FORWARD(file_join(folder, name, &place->path));
    FORWARD(set_form_find(place->path, &place->form));
    if (place->form.kind || strcmp(name, "svhn") != 0) return CF_OK;
    AUTO(place_free) Place above = {0};
    FORWARD(memory_copy_string(folder, &above.path));
    FORWARD(set_form_find(folder, &above.form));
    if (above.form.kind != SET_MAT) return CF_OK;
    const Place below = *place;
    *place = above;
    above = below; /* released */
    return CF_OK;
}

/* Looks for a name in the data folders, up to the first that has it: one that is incomplete there is not passed over for another
 * further on. Not found: place->form.kind is SET_NONE, and it tells of the first place. */
static cf_status look_for_name(const char *name, const char *data_dir, Place *place) {
    AUTO(data_folders_free) DataFolders folders = {0};
    bool there = false;
    FORWARD(data_folders(data_dir, &folders));
    for (int i = 0; i < folders.count && !there; i++) {
        AUTO(place_free) Place looked = {0};
        FORWARD(look_in_folder(folders.paths[i], name, &looked));
        there = looked.form.kind || file_exists(looked.path);
        if (!there && place->path) continue;
        const Place before = *place;
        *place = looked;
        looked = before; /* released */
    }
    return CF_OK;
}

/* ---- Listing ---- */

static cf_status new_entry(SetList *list, const char *name, bool found, SetEntry **entry) {
    FORWARD(memory_grow(&list->entries, list->count, sizeof **entry));
    *entry = &list->entries[list->count++];
    (*entry)->found = found;
    return memory_copy_string(name, &(*entry)->name);
}

static cf_status add_entry(SetList *list, const char *name, const char *about, const char *path, const SetForm *form) {
    static const char *const kinds[] = {"", "IDX files", "MATLAB files", "folders of pictures"};
    SetEntry *entry = NULL;
    FORWARD(new_entry(list, name, form->kind != SET_NONE, &entry));
    FORWARD(memory_copy_string(path ? path : "", &entry->path));
    const char *comma = about && form->kind ? ", " : "";
    const char *parts = form->images[CF_VALIDATION]
                            ? form->images[CF_TEST] ? ", train, validation and test" : ", train and validation"
                        : form->images[CF_TEST] ? ", train and test"
                                                : "";
    FORWARD(memory_print(&entry->kind, "%s%s%s%s", about ? about : "", comma, kinds[form->kind], parts));
    return form->missing && !entry->found ? memory_copy_string(form->missing, &entry->missing) : CF_OK;
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
        const KnownSet *known = &known_sets[i];
        AUTO(place_free) Place place = {0};
        FORWARD(look_for_name(known->name, data_dir, &place));
        if (!place.form.kind && (!place.path || !file_exists(place.path))) {
            free(memory_take(&place.form.missing));
            FORWARD(memory_copy_string(known->files, &place.form.missing));
        }
        FORWARD(add_entry(list, known->name, known->about, place.path, &place.form));
    }
    return CF_OK;
}

static cf_status list_name(const char *folder, const char *name, SetList *list) {
    AUTO(place_free) Place place = {0};
    if (name[0] == '.' || is_listed(list, name)) return CF_OK;
    FORWARD(file_join(folder, name, &place.path));
    if (!file_is_folder(place.path)) return CF_OK;
    FORWARD(set_form_find(place.path, &place.form));
    return place.form.kind ? add_entry(list, name, NULL, place.path, &place.form) : CF_OK;
}

static cf_status list_folder(const char *folder, SetList *list) {
    struct dirent **names = NULL;
    const int count = scandir(folder, &names, NULL, alphasort);
    cf_status status = CF_OK;
    for (int i = 0; i < count; i++) {
        if (!status) status = list_name(folder, names[i]->d_name, list);
        free(names[i]);
    }
    free(names);
    return status;
}

cf_status set_list(const char *data_dir, SetList *list) {
    AUTO(data_folders_free) DataFolders folders = {0};
    AUTO(set_list_free) SetList made = {0};
    FORWARD(list_generated(&made));
    FORWARD(list_known(data_dir, &made));
    FORWARD(data_folders(data_dir, &folders));
    for (int i = 0; i < folders.count; i++) FORWARD(list_folder(folders.paths[i], &made));
    *list = made;
    made = (SetList){0};
    return CF_OK;
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

static void name_folders(const char *data_dir, const char *name, char *text, size_t size) {
    AUTO(data_folders_free) DataFolders folders = {0};
    text[0] = '\0';
    if (data_folders(data_dir, &folders)) return;
    for (int i = 0; i < folders.count; i++) {
        AUTO_FREE char *path = NULL;
        if (!file_join(folders.paths[i], name, &path)) text_append(text, size, "%s%s", *text ? ", " : "", path);
    }
    if (!*text) text_append(text, size, "(no data folder: neither $CIFRA_DATA nor $HOME is set)");
}

static cf_status fail_unknown(const char *name, const char *data_dir) {
    enum { MOST_WORDS = 64 };
    const char *words[MOST_WORDS + 1] = {NULL};
    char looked[512], known[128] = "", found[512] = "";
    AUTO(set_list_free) SetList list = {0};
    FORWARD(set_list(data_dir, &list));
    name_folders(data_dir, name, looked, sizeof looked);
    for (const Generator *const *g = generators; *g; g++)
        text_append(known, sizeof known, "%s%s", *known ? ", " : "", (*g)->name);
    for (size_t i = 0; i < COUNT_OF(known_sets); i++) text_append(known, sizeof known, ", %s", known_sets[i].name);
    for (size_t i = 0; i < list.count && i < MOST_WORDS; i++) {
        words[i] = list.entries[i].name;
        if (list.entries[i].found) text_append(found, sizeof found, "%s%s", *found ? ", " : "", words[i]);
    }
    return FAIL(CF_BAD_USE,
                "there is no data set \"%s\": looked for the path %s and for %s; known names: %s; found: %s%s", name,
                name, looked, known, found[0] ? found : "none", text_hint(name, words));
}

static cf_status fail_not_found(const char *name, const char *data_dir, const Place *place) {
    const KnownSet *known = find_known(name);
    char looked[512];
    if (place->path && file_exists(place->path)) return FAIL(CF_BAD_INPUT, "%s: %s", name, place->form.missing);
    if (!known) return fail_unknown(name, data_dir);
    name_folders(data_dir, name, looked, sizeof looked);
    return FAIL(CF_BAD_INPUT,
                "the files of %s are not there: looked for %s in %s; get them with `cifra data fetch %s`, or give the "
                "folder above (--data-dir or $CIFRA_DATA)",
                name, known->files, looked, name);
}

/* Data folders first, for what has no '/' in it; then the path as it is. */
static cf_status find_set(const char *name, const char *data_dir, Place *place) {
    if (!strchr(name, '/')) FORWARD(look_for_name(name, data_dir, place));
    if (place->form.kind) return CF_OK;
    FAIL_IF(strchr(name, '/') && !file_exists(name), CF_IO, "there is no file or folder %s", name);
    if (!file_exists(name)) return fail_not_found(name, data_dir, place);
    place_free(place);
    *place = (Place){0};
    FORWARD(memory_copy_string(name, &place->path));
    FORWARD(set_form_find(name, &place->form));
    FAIL_IF(!place->form.kind, CF_BAD_INPUT, "%s", place->form.missing);
    return CF_OK;
}

static cf_status take_name(cf_set *set, const char *name) {
    char *own_name;
    FORWARD(memory_copy_string(name, &own_name));
    free(set->name);
    set->name = own_name;
    return CF_OK;
}

/* Puts the name asked for and the place found in the place of what the reader knew. */
static cf_status name_and_sample(cf_set *set, const char *name, const char *path, const SetSample *sample) {
    free(memory_take(&set->source));
    FORWARD(file_trim(path, &set->source));
    /* A link may have the name, or what it leads to; "." has that of the folder. */
    AUTO_FREE char *real = realpath(set->source, NULL);
    const KnownSet *known = find_known(file_base_name(set->source));
    if (!known && real) known = find_known(file_base_name(real));
    if (known && known->classes && set->classes == 10) FORWARD(set_name_classes(set, known->classes));
    FORWARD(take_name(set, name));
    if (set->official_train == set->count)
        notice("%s has no test part of its own: all %zu images are training images", name, set->count);
    else if (set_test_begin(set) == set->count)
        notice("%s has no test part of its own: %zu images are training images, %zu validation images", name,
               set->official_train, set->official_validation);
    return set_take_sample(set, sample);
}

static cf_status load_generated(const char *name, const ReadOptions *options, cf_set **set) {
    GeneratedSpec spec;
    FORWARD(generated_spec_read(name, &spec));
    FORWARD(generated_set_new(&spec, 0, set));
    FORWARD(set_take_size(*set, options));
    return take_name(*set, name);
}

/* `plain` is the set's name or path, `text` that with how it is read. */
static cf_status load_files(const char *plain, const char *text, const ReadOptions *options, const char *data_dir,
                            FolderListing *record, cf_set **set) {
    AUTO(place_free) Place place = {0};
    FORWARD(find_set(plain, data_dir, &place));
    FORWARD(set_form_read(&place.form, options, record, set));
    return name_and_sample(*set, text, place.path, &options->sample);
}

cf_status set_load_recorded(const char *name_or_path, const char *data_dir, FolderListing *record, cf_set **set) {
    AUTO(cf_set_free_at) cf_set *made = NULL;
    AUTO_FREE char *plain = NULL;
    ReadOptions options;
    FAIL_IF(!name_or_path || !*name_or_path, CF_BAD_USE, "a data set needs a name or a path; \"\" was given");
    FORWARD(set_text_read(name_or_path, &plain, &options));
    FORWARD(generator_named(plain) ? load_generated(name_or_path, &options, &made)
                                   : load_files(plain, name_or_path, &options, data_dir, record, &made));
    FORWARD(set_seal(made));
    *set = memory_take(&made);
    return CF_OK;
}

cf_status cf_set_load(const char *name_or_path, const char *data_dir, cf_set **set) {
    return set_load_recorded(name_or_path, data_dir, NULL, set);
}

bool set_is_of_pictures(const char *name_or_path, const char *data_dir) {
    AUTO(place_free) Place place = {0};
    AUTO_FREE char *plain = NULL;
    ReadOptions options;
    if (generator_named(name_or_path) || set_text_read(name_or_path, &plain, &options)) return false;
    return !find_set(plain, data_dir, &place) && place.form.kind == SET_FOLDERS;
}
