#include "base/file_walk.h"

#include "base/files.h"

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

typedef struct Walk {
    bool hidden;
    WalkFn visit;
    void *context;
} Walk;

static bool is_on_the_way(const Step *step, const struct stat *info) {
    while (step && (step->device != info->st_dev || step->inode != info->st_ino)) step = step->above;
    return step != NULL;
}

static cf_status tell_unreadable(const Walk *walk, const char *folder) {
    char why[512];
    const cf_status status =
        FAIL(errno == ENOMEM ? CF_NO_MEMORY : CF_IO, "cannot open the folder %s: %s", folder, strerror(errno));
    if (status == CF_NO_MEMORY) return status;
    snprintf(why, sizeof why, "%s", cf_error());
    return walk->visit(&(WalkedFile){folder, true, why}, walk->context);
}

static cf_status walk_folder(const Walk *walk, const char *folder, const Step *above);

static cf_status take_entry(const Walk *walk, const char *folder, const char *name, const Step *step) {
    struct stat info;
    AUTO_FREE char *path = NULL;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (name[0] == '.' && !walk->hidden)) return CF_OK;
    FORWARD(file_join(folder, name, &path));
    const bool is_folder = name[0] != '.' && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    if (!is_folder) return walk->visit(&(WalkedFile){path, false, NULL}, walk->context);
    return is_on_the_way(step, &info) ? CF_OK : walk_folder(walk, path, step);
}

static cf_status walk_folder(const Walk *walk, const char *folder, const Step *above) {
    struct stat info;
    struct dirent **names;
    if (stat(folder, &info) != 0) return tell_unreadable(walk, folder);
    const Step step = {above, info.st_dev, info.st_ino};
    const int count = scandir(folder, &names, NULL, NULL);
    if (count < 0) return tell_unreadable(walk, folder);
    cf_status status = above ? walk->visit(&(WalkedFile){folder, true, NULL}, walk->context) : CF_OK;
    for (int i = 0; i < count; i++) {
        if (!status) status = take_entry(walk, folder, names[i]->d_name, &step);
        free(names[i]);
    }
    free(names);
    return status;
}

cf_status file_walk(const char *folder, bool hidden, WalkFn visit, void *context) {
    const Walk walk = {hidden, visit, context};
    return walk_folder(&walk, folder, NULL);
}
