/* cifra runs list, cifra runs show. The run folders themselves are read: they are always right. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/text_draft.h"
#include "cli/terminal.h"
#include "study/group/group.h"
#include "study/run/tune_run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

static double number_of(const json_t *object, const char *group, const char *key) {
    return json_number_value(json_object_get(json_object_get(object, group), key));
}

static long long whole_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static bool is_state(const RunFiles *files, const char *state) {
    return strcmp(files->state, state) == 0;
}

static json_t *summary_json(const char *folder, const RunFiles *files) {
    return json_pack("{s:o s:s s:i s:O? s:O s:O?}", "run", json_text(folder), "state", files->state, "epochs",
                     files->epochs, "reason", json_object_get(files->failure, "reason"), "config", files->config,
                     "metrics", files->metrics);
}

/* "epoch 4 of 10" while it trains, "stopped after epoch 3 of 10; resume with: ..". */
static void print_progress(FILE *out, const char *folder, const RunFiles *files) {
    const long long most = whole_of(json_object_get(files->config, "train"), "epochs");
    if (is_state(files, "training") && files->epochs < most)
        fprintf(out, "in epoch %d of %lld", files->epochs + 1, most);
    else if (is_state(files, "training"))
        fputs("in its last steps", out);
    else if (is_state(files, "diverged")) /* what may help comes behind; runs show has the whole */
        fprintf(out, "%.*s", (int)strcspn(text_of(files->failure, "reason"), ";"), text_of(files->failure, "reason"));
    else if (is_state(files, "stopped") && files->epochs)
        fprintf(out, "after epoch %d of %lld; resume with: cifra train --resume --out %s", files->epochs, most, folder);
    else
        fprintf(out, "in epoch 1 of %lld; resume with: cifra train --resume --out %s", most, folder);
}

/* ---- list ---- */

/* Folder, state, data, model, target: of a run and of a group. */
#define ROW_BEGIN "%-32s %-8s %-14s %-14.14s %-6s "

static cf_status print_row(FILE *out, const char *folder, const RunFiles *files) {
    AUTO_FREE char *data = NULL;
    FORWARD(data_title(text_of(files->config, "data"), &data));
    const char *target = json_string_value(json_object_get(files->config, "target"));
    fprintf(out, ROW_BEGIN, folder, files->state, data, text_of(files->config, "model"), target ? target : "none");
    if (is_state(files, "done"))
        fprintf(out, "%6lld %10.2f %% %8.2f %%", whole_of(files->metrics, "epochs_run"),
                100 * number_of(files->metrics, "validation", "accuracy"),
                100 * number_of(files->metrics, "test", "accuracy"));
    else
        print_progress(out, folder, files);
    fputc('\n', out);
    return CF_OK;
}

/* "4 of 5" seeds; the mean, and half its interval. */
static cf_status print_group_row(FILE *out, const Group *group) {
    AUTO_FREE char *data = NULL;
    char title[32], state[32], wide[32] = "";
    FORWARD(data_title(group->config.data, &data));
    group_title(group, title);
    snprintf(state, sizeof state, "%zu of %d", group->done, group->plan.count);
    if ((size_t)group->plan.count == group->done) snprintf(state, sizeof state, "done");
    if (lock_folder_is_held(group->folder)) snprintf(state, sizeof state, "training");
    fprintf(out, ROW_BEGIN, group->folder, state, data, group->config.model, run_config_target(&group->config));
    if (group->done > 1) snprintf(wide, sizeof wide, " \xc2\xb1 %.2f", 100 * (group->test.high - group->test.low) / 2);
    if (group->done)
        fprintf(out, "%-8s%9.2f %% %8.2f %%%s\n", title, 100 * group->validation.mean, 100 * group->test.mean, wide);
    else
        fprintf(out, "%s\n", title);
    return CF_OK;
}

/* Into `groups`, or as a row of the table; *rows counts those. */
static cf_status list_group(const char *folder, json_t *groups, FILE *out, int *rows) {
    AUTO(group_free) Group group = {0};
    json_t *json;
    const cf_status status = group_read(folder, &group);
    if (status && status != CF_NO_MEMORY) {
        notice("%s", cf_error()); /* a damaged group must not hide the others */
        return CF_OK;
    }
    FORWARD(status);
    ++*rows;
    if (!groups) return print_group_row(out, &group);
    FORWARD(group_json(&group, &json));
    json_array_append_new(groups, json);
    return CF_OK;
}

/* The same of a run. */
static cf_status list_run(const char *folder, json_t *list, FILE *out, int *rows) {
    AUTO(run_files_free) RunFiles files = {0};
    const cf_status status = run_files_read(folder, &files);
    if (status && status != CF_BAD_USE) notice("%s", cf_error()); /* a damaged run must not hide the others */
    if (status) return CF_OK;
    ++*rows;
    if (!list) return print_row(out, folder, &files);
    json_array_append_new(list, summary_json(folder, &files));
    return CF_OK;
}

static int is_entry(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static cf_status list_all(const char *root, struct dirent **entries, int count, bool as_json) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    json_auto_t *list = as_json ? json_array() : NULL, *groups = as_json ? json_array() : NULL;
    int rows = 0;
    FORWARD(text_draft(&draft));
    fprintf(draft.stream, "%-32s %-8s %-14s %-14s %-6s %6s %12s %10s\n", "run", "state", "data", "model", "target",
            "epochs", "validation", "test");
    for (int i = 0; i < count; i++) {
        AUTO_FREE char *folder = NULL;
        FORWARD(file_join(root, entries[i]->d_name, &folder));
        if (!file_is_folder(folder)) continue;
        FORWARD(folder_is_group(folder) ? list_group(folder, groups, draft.stream, &rows)
                                        : list_run(folder, list, draft.stream, &rows));
    }
    if (as_json) return print_json(json_pack("{s:O s:O}", "runs", list, "groups", groups));
    if (rows) return print_draft(&draft);
    print_printable("no runs in %s; cifra runs list FOLDER lists those of another folder\n", root);
    return CF_OK;
}

static cf_status run_list(const Arguments *given, const void *parsed) {
    const char *root = given->positional_count ? given->positional[0] : "runs";
    struct dirent **entries = NULL;
    (void)parsed;
    int count = scandir(root, &entries, is_entry, alphasort);
    if (count < 0 && errno == ENOENT && !given->positional_count) count = 0;
    FAIL_IF(count < 0, CF_IO, "cannot read the folder %s: %s", root, strerror(errno));
    const cf_status status = list_all(root, entries, count, given->json);
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
    return status;
}

const Command command_runs_list = {
    .name = "runs list",
    .summary = "the runs of a folder",
    .usage = "[FOLDER]",
    .description =
        "Lists the run folders in FOLDER (runs, unless named): state, data, model, and of a run that is done its epochs and its "
        "accuracy on validation and test. Other states are training (a process works in the folder), stopped (--resume goes "
        "on), diverged, and begun (nothing is kept of it yet). A group of runs (cifra train --seeds) is one row, with how many "
        "of its runs are done, their mean accuracies and half the width of the 95 % interval; cifra runs list GROUP lists its "
        "runs.",
    .positional = {0, 1},
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
    fprintf(out, "test: %lld images, loss %.4f, accuracy %.4f\n  %-16s %9s %9s %9s %9s\n", whole_of(test, "n"),
            json_number_value(json_object_get(test, "loss")), json_number_value(json_object_get(test, "accuracy")),
            "class", keys[0], keys[1], keys[2], "support");
    json_array_foreach(json_object_get(test, "per_class"), i, row) {
        fprintf(out, "  %-16s", text_of(row, "class"));
        for (size_t k = 0; k < COUNT_OF(keys); k++)
            fprintf(out, " %9.4f", json_number_value(json_object_get(row, keys[k])));
        fprintf(out, " %9lld\n", whole_of(row, "support"));
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
                whole_of(files->metrics, "best_epoch"), number_of(files->metrics, "validation", "loss"),
                number_of(files->metrics, "validation", "accuracy"), text_of(files->metrics, "weights_sha256"));
        print_scores(out, json_object_get(files->metrics, "test"));
    }
}

static cf_status show_run(const char *folder, bool as_json) {
    AUTO(run_files_free) RunFiles files = {0};
    TextDraft draft;
    FORWARD(run_files_read(folder, &files));
    if (as_json) return print_json(summary_json(folder, &files));
    FORWARD(text_draft(&draft));
    print_run(draft.stream, folder, &files);
    return print_draft(&draft);
}

static cf_status show_group(const char *folder, bool as_json) {
    AUTO(group_free) Group group = {0};
    TextDraft draft;
    json_t *json;
    char title[32];
    FORWARD(group_read(folder, &group));
    if (as_json) {
        FORWARD(group_json(&group, &json));
        return print_json(json);
    }
    FORWARD(text_draft(&draft));
    group_title(&group, title);
    fprintf(draft.stream, "%s: %s, %zu done\ndata %s\nmodel %s\n", folder, title, group.done, group.config.data,
            group.config.model);
    group_print(&group, draft.stream);
    return print_draft(&draft);
}

static cf_status run_show(const Arguments *given, const void *parsed) {
    AUTO_FREE char *folder = NULL;
    (void)parsed;
    FORWARD(tune_run_folder(given->positional[0], &folder));
    return folder_is_group(folder) ? show_group(folder, given->json) : show_run(folder, given->json);
}

const Command command_runs_show = {
    .name = "runs show",
    .summary = "configuration and results of a run",
    .usage = "RUN|GROUP",
    .description =
        "Shows what config.json and metrics.json of a run folder say; of a group the accuracies of its runs, and their mean "
        "with its 95 % interval.",
    .positional = {1, 1},
    .run = run_show,
};
