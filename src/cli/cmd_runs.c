/* cifra runs list, cifra runs show. The run folders themselves are read: they are always right. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/text_draft.h"
#include "cli/terminal.h"
#include "study/run/history.h"
#include "study/run/run.h"

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- One run, as its files tell it ---- */

typedef struct RunFiles {
    json_t *config, *metrics, *failure; /* NULL where there is no such file */
    const char *state;                  /* done; training; stopped: --resume goes on; diverged; begun */
    int epochs;                         /* done, by history.csv */
} RunFiles;

static void files_free(RunFiles *files) {
    json_decref(files->config);
    json_decref(files->metrics);
    json_decref(files->failure);
    *files = (RunFiles){0};
}

/* NULL where there is no such file. */
static cf_status read_optional(const char *folder, const char *name, json_t **json) {
    char *path;
    FORWARD(file_join(folder, name, &path));
    *json = NULL;
    cf_status status = file_exists(path) ? json_read(path, json) : CF_OK;
    free(path);
    return status;
}

/* A history that cannot be read, or is not there, tells of no epoch. */
static cf_status count_epochs(const char *folder, int *epochs) {
    char *path;
    EpochRow *rows = NULL;
    *epochs = 0;
    FORWARD(file_join(folder, "history.csv", &path));
    cf_status status = file_exists(path) ? history_read(path, &rows, epochs) : CF_OK;
    free(path);
    free(rows);
    return status == CF_NO_MEMORY ? status : CF_OK;
}

static cf_status has_checkpoint(const char *folder, bool *has) {
    char *path;
    FORWARD(file_join(folder, "checkpoint.safetensors", &path));
    *has = file_exists(path);
    free(path);
    return CF_OK;
}

/* Who works in the folder holds its lock, whatever lies in it. Results of fewer epochs than were trained since are not the last. */
static cf_status tell_state(const char *folder, RunFiles *files) {
    bool resumable = false;
    FORWARD(count_epochs(folder, &files->epochs));
    FORWARD(has_checkpoint(folder, &resumable));
    const json_int_t tested = json_integer_value(json_object_get(files->metrics, "epochs_run"));
    if (lock_folder_is_held(folder))
        files->state = "training";
    else if (files->failure)
        files->state = "diverged";
    else if (files->metrics && (!resumable || files->epochs <= tested))
        files->state = "done";
    else
        files->state = resumable ? "stopped" : "begun";
    return CF_OK;
}

static cf_status files_read(const char *folder, RunFiles *files) {
    *files = (RunFiles){0};
    FORWARD(read_optional(folder, "config.json", &files->config));
    FAIL_IF(!files->config, CF_BAD_USE, "%s is no run folder: there is no config.json in it", folder);
    cf_status status = read_optional(folder, "metrics.json", &files->metrics);
    if (!status) status = read_optional(folder, "failure.json", &files->failure);
    if (!status) status = tell_state(folder, files);
    if (status) files_free(files);
    return status;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

static double number_of(const json_t *object, const char *group, const char *key) {
    return json_number_value(json_object_get(json_object_get(object, group), key));
}

static bool is_state(const RunFiles *files, const char *state) {
    return strcmp(files->state, state) == 0;
}

static json_t *summary_json(const char *folder, const RunFiles *files) {
    return json_pack("{s:o s:s s:i s:O? s:O s:O?}", "run", json_text(folder), "state", files->state, "epochs",
                     files->epochs, "reason", json_object_get(files->failure, "reason"), "config", files->config,
                     "metrics", files->metrics);
}

/* "epoch 4 of 10" while it trains, "stopped after epoch 3 of 10; go on with: ..". */
static void print_progress(FILE *out, const char *folder, const RunFiles *files) {
    const long long most =
        (long long)json_integer_value(json_object_get(json_object_get(files->config, "train"), "epochs"));
    if (is_state(files, "training") && files->epochs < most)
        fprintf(out, "in epoch %d of %lld", files->epochs + 1, most);
    else if (is_state(files, "training"))
        fputs("in its last steps", out);
    else if (is_state(files, "diverged")) /* what may help comes behind; runs show has the whole */
        fprintf(out, "%.*s", (int)strcspn(text_of(files->failure, "reason"), ";"), text_of(files->failure, "reason"));
    else if (is_state(files, "stopped") && files->epochs)
        fprintf(out, "after epoch %d of %lld; go on with: cifra train --resume --out %s", files->epochs, most, folder);
    else
        fprintf(out, "in epoch 1 of %lld; go on with: cifra train --resume --out %s", most, folder);
}

/* ---- list ---- */

static cf_status print_row(FILE *out, const char *folder, const RunFiles *files) {
    char *data;
    FORWARD(data_title(text_of(files->config, "data"), &data));
    fprintf(out, "%-32s %-8s %-14s %-14.14s ", folder, files->state, data, text_of(files->config, "model"));
    free(data);
    if (is_state(files, "done"))
        fprintf(out, "%6lld %10.2f %% %8.2f %%",
                (long long)json_integer_value(json_object_get(files->metrics, "epochs_run")),
                100 * number_of(files->metrics, "validation", "accuracy"),
                100 * number_of(files->metrics, "test", "accuracy"));
    else
        print_progress(out, folder, files);
    fputc('\n', out);
    return CF_OK;
}

static int is_entry(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Into `list`, or as a row of the table. */
static cf_status list_one(const char *root, const char *name, json_t *list, FILE *out) {
    char *folder;
    RunFiles files;
    cf_status status = CF_OK;
    FORWARD(file_join(root, name, &folder));
    if (file_is_folder(folder)) {
        status = files_read(folder, &files);
        if (!status && list) json_array_append_new(list, summary_json(folder, &files));
        const cf_status printed = !status && !list ? print_row(out, folder, &files) : CF_OK;
        if (status && status != CF_BAD_USE) notice("%s", cf_error()); /* a damaged run must not hide the others */
        if (!status) files_free(&files);
        status = printed;
    }
    free(folder);
    return status;
}

static cf_status list_all(const char *root, struct dirent **entries, int count, bool as_json) {
    TextDraft draft;
    cf_status status = CF_OK;
    FORWARD(text_draft(&draft));
    json_t *list = as_json ? json_array() : NULL;
    fprintf(draft.stream, "%-32s %-8s %-14s %-14s %6s %12s %10s\n", "run", "state", "data", "model", "epochs",
            "validation", "test");
    for (int i = 0; !status && i < count; i++) status = list_one(root, entries[i]->d_name, list, draft.stream);
    if (!status && !list) return print_draft(&draft);
    text_draft_abandon(&draft);
    if (!status) return print_json(json_pack("{s:o}", "runs", list));
    json_decref(list);
    return status;
}

static cf_status run_list(const Arguments *given, const void *parsed) {
    const char *root = given->positional_count ? given->positional[0] : "runs";
    struct dirent **entries;
    (void)parsed;
    terminal_set_quiet(given->quiet);
    int count = scandir(root, &entries, is_entry, alphasort);
    if (count < 0 && errno == ENOENT && !given->positional_count) count = 0, entries = NULL;
    FAIL_IF(count < 0, CF_IO, "cannot read the folder %s: %s", root, strerror(errno));
    cf_status status = list_all(root, entries, count, given->json);
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
    return status;
}

const Command command_runs_list = {
    .name = "runs list",
    .summary = "the runs of a folder",
    .usage = "[FOLDER]",
    .description =
        "Lists the run folders in FOLDER (runs, unless named): state, data, model, and of a run that is done its "
        "epochs "
        "and its accuracy on validation and test. Other states are training (a process works in the folder), stopped "
        "(--resume goes on), diverged, and begun (nothing is kept of it yet).",
    .max_positional = 1,
    .run = run_list,
};

/* ---- show ---- */

static void print_object(FILE *out, const char *title, const json_t *object) {
    const char *key;
    json_t *value;
    fprintf(out, "%s\n", title);
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));
        fprintf(out, "  %-20s %s\n", key, text ? text : "?");
        free(text);
    }
}

static void print_scores(FILE *out, const json_t *test) {
    static const char *const keys[] = {"precision", "recall", "f1"};
    json_t *row;
    size_t i;
    fprintf(out, "test: %lld images, loss %.4f, accuracy %.4f\n  %-16s %9s %9s %9s %9s\n",
            (long long)json_integer_value(json_object_get(test, "n")), json_number_value(json_object_get(test, "loss")),
            json_number_value(json_object_get(test, "accuracy")), "class", keys[0], keys[1], keys[2], "support");
    json_array_foreach(json_object_get(test, "per_class"), i, row) {
        fprintf(out, "  %-16s", text_of(row, "class"));
        for (size_t k = 0; k < COUNT_OF(keys); k++)
            fprintf(out, " %9.4f", json_number_value(json_object_get(row, keys[k])));
        fprintf(out, " %9lld\n", (long long)json_integer_value(json_object_get(row, "support")));
    }
}

static void print_run(FILE *out, const char *folder, const RunFiles *files) {
    fprintf(out, "%s: %s", folder, files->state);
    if (!is_state(files, "done")) fputs(", ", out);
    if (is_state(files, "diverged"))
        fputs(text_of(files->failure, "reason"), out);
    else if (!is_state(files, "done"))
        print_progress(out, folder, files);
    fprintf(out, "\ndata %s\nmodel %s\n", text_of(files->config, "data"), text_of(files->config, "model"));
    print_object(out, "split", json_object_get(files->config, "split"));
    print_object(out, "train", json_object_get(files->config, "train"));
    print_object(out, "machine", json_object_get(files->config, "machine"));
    if (files->metrics) {
        fprintf(out, "best epoch %lld: validation loss %.4f, accuracy %.4f\nweights_sha256 %s\n",
                (long long)json_integer_value(json_object_get(files->metrics, "best_epoch")),
                number_of(files->metrics, "validation", "loss"), number_of(files->metrics, "validation", "accuracy"),
                text_of(files->metrics, "weights_sha256"));
        print_scores(out, json_object_get(files->metrics, "test"));
    }
}

static cf_status show(const char *folder, const RunFiles *files) {
    TextDraft draft;
    FORWARD(text_draft(&draft));
    print_run(draft.stream, folder, files);
    return print_draft(&draft);
}

static cf_status run_show(const Arguments *given, const void *parsed) {
    char *folder;
    RunFiles files;
    (void)parsed;
    terminal_set_quiet(given->quiet);
    FORWARD(file_trim(given->positional[0], &folder));
    cf_status status = files_read(folder, &files);
    if (!status) {
        status = given->json ? print_json(summary_json(folder, &files)) : show(folder, &files);
        files_free(&files);
    }
    free(folder);
    return status;
}

const Command command_runs_show = {
    .name = "runs show",
    .summary = "configuration and results of a run",
    .usage = "RUN",
    .description = "Shows what config.json and metrics.json of a run folder say.",
    .min_positional = 1,
    .max_positional = 1,
    .run = run_show,
};
