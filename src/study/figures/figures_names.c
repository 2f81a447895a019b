/* How the files are called that a run has of other data than its own, and which data they are of. */
#include "study/figures/figures.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/generate/generated_set.h"
#include "data/set_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_SUFFIX = 100 }; /* a file's name has 255 bytes */

/* "-svhn", "-mnist-all"; of generated data "-street_blur_2_4". */
static cf_status plain_suffix(const Run *run, const char *data, const char *part, char **suffix) {
    const bool whole = strcmp(part, "all") == 0 && set_test_begin(run->set) < run->set->count;
    const char *ending = !run->other || whole ? part : "";
    char *title;
    FORWARD(data_title(data, &title));
    cf_status status = memory_print(suffix, "-%s%s%s%s%s", title, *ending ? "-" : "", ending,
                                    run->views ? "-views" : "", run->int8 ? "-int8" : "");
    free(title);
    FORWARD(status);
    text_to_file_name(*suffix);
    if (strlen(*suffix) > LONGEST_SUFFIX) (*suffix)[LONGEST_SUFFIX] = '\0';
    return CF_OK;
}

/* What is evaluated, as it stands in other-data.json. */
static json_t *describe(const Run *run, const char *data, const char *part) {
    char *place = generator_named(data) ? NULL : realpath(run->set->source, NULL);
    json_t *json = json_pack("{s:s s:s}", "part", part, "sha256", run->set->sha256);
    json_object_set_new(json, "data", json_text(data));
    json_object_set_new(json, "place", json_text(place ? place : data));
    if (run->views) json_object_set_new(json, "views", json_text(augmentation_line(run->views)));
    if (run->int8) json_object_set_new(json, "precision", json_string("int8"));
    free(place);
    return json;
}

static bool same_member(const json_t *a, const json_t *b, const char *key) {
    const json_t *value = json_object_get(a, key);
    return value && json_equal((json_t *)(uintptr_t)value, json_object_get(b, key));
}

/* Both have it alike, or neither. */
static bool same_if_there(const json_t *a, const json_t *b, const char *key) {
    const bool has = json_object_get(a, key), other_has = json_object_get(b, key);
    return has == other_has && (!has || same_member(a, b, key));
}

/* The same set, or what lies in its place now. */
static bool same_data(const json_t *a, const json_t *b) {
    return same_if_there(a, b, "views") && same_if_there(a, b, "precision") && same_member(a, b, "part") &&
           (same_member(a, b, "sha256") || same_member(a, b, "place"));
}

/* The first of "-set", "-set-2" .. that is free, or this data's already. */
static cf_status find_free(const json_t *names, const json_t *own, char **suffix, const json_t **taken_by) {
    char *plain = *suffix;
    *taken_by = NULL;
    for (int n = 1; n < 10000; n++) {
        const json_t *there = json_object_get(names, *suffix);
        if (!there || same_data(there, own)) {
            if (plain != *suffix) free(plain);
            return CF_OK;
        }
        if (n == 1) *taken_by = there;
        if (plain != *suffix) free(*suffix);
        *suffix = plain;
        FORWARD(memory_print(suffix, "%s-%d", plain, n + 1));
    }
    free(plain);
    return FAIL(CF_BAD_USE, "there are figures of too many sets of this name");
}

static cf_status settle(const Run *run, const char *path, json_t *names, json_t *own, bool keep, char **suffix) {
    const json_t *taken_by;
    FORWARD(find_free(names, own, suffix, &taken_by));
    if (!keep || json_equal(json_object_get(names, *suffix), own)) return CF_OK;
    if (taken_by && !json_object_get(names, *suffix)) {
        const char *other = json_string_value(json_object_get(taken_by, "place"));
        notice("what %s has of %s has %s in its name: that of another set of this name is there already, %s",
               run->folder, run->set->name, *suffix, other ? other : "?");
    }
    json_object_set(names, *suffix, own);
    return json_write(path, names);
}

cf_status figures_suffix(const Run *run, const char *data, const char *part, bool keep, char **suffix) {
    char *path, *made = NULL;
    json_t *names = NULL, *own = NULL;
    cf_status status;
    if (!run->other && !run->views && !run->int8 && strcmp(part, "test") == 0) return memory_copy_string("", suffix);
    FORWARD(file_join(run->folder, "other-data.json", &path));
    FORWARD_TO(done, plain_suffix(run, data, part, &made));
    if (file_exists(path)) FORWARD_TO(done, json_read(path, &names));
    own = describe(run, data, part);
    if (!names) names = json_object();
    FORWARD_TO(done, settle(run, path, names, own, keep, &made));
    *suffix = made;
    made = NULL;
done:
    free(made);
    free(path);
    json_decref(names);
    json_decref(own);
    return status;
}

cf_status figures_subject(const char *data, const char *part, const Augmentation *views, char **subject) {
    AUTO_FREE char *plain = NULL;
    if (!views) return data_subject(data, part, subject);
    FORWARD(data_subject(data, part, &plain));
    return memory_print(subject, "%s, mean of %d views", plain, augmentation_views(views, NULL));
}
