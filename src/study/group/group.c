#include "study/group/group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What runs of a kind are called: all, one, and in names of folders. */
static const struct {
    const char *words, *word;
    char letter;
} kinds[] = {[GROUP_SEEDS] = {"seeds", "seed", 's'}, [GROUP_FOLDS] = {"folds", "fold", 'f'}};

bool folder_is_group(const char *folder) {
    return file_exists_in(folder, "group.json");
}

uint64_t group_run_number(const GroupPlan *plan, int place) {
    return plan->kind == GROUP_SEEDS ? plan->first_seed + (uint64_t)place : (uint64_t)place + 1;
}

void group_run_name(const GroupPlan *plan, int place, char name[32]) {
    snprintf(name, 32, "%c%llu", kinds[plan->kind].letter, (unsigned long long)group_run_number(plan, place));
}

/* ---- Reading ---- */

static double accuracy_of(const json_t *metrics, const char *part) {
    const json_t *accuracy = json_object_get(json_object_get(metrics, part), "accuracy");
    return json_is_number(accuracy) ? json_number_value(accuracy) : NAN;
}

/* A folder that is not there, or has no configuration yet, is not begun. */
static cf_status read_run(const Group *group, int place, GroupRun *run) {
    run->number = group_run_number(&group->plan, place);
    run->validation = run->test = run->low = run->high = run->target = NAN;
    group_run_name(&group->plan, place, run->name);
    FORWARD(file_join(group->folder, run->name, &run->folder));
    const cf_status status = run_files_read(run->folder, &run->files);
    if (status == CF_BAD_USE) {
        run->files = (RunFiles){.state = "missing"};
        return CF_OK;
    }
    FORWARD(status);
    run->done = strcmp(run->files.state, "done") == 0;
    if (!run->done) return CF_OK;
    const json_t *interval = json_object_get(json_object_get(run->files.metrics, "test"), "accuracy_interval");
    run->validation = accuracy_of(run->files.metrics, "validation");
    run->test = accuracy_of(run->files.metrics, "test");
    run->target = accuracy_of(run->files.metrics, "target");
    run->low = json_number_value(json_array_get(interval, 0));
    run->high = json_number_value(json_array_get(interval, 1));
    FAIL_IF(!isfinite(run->validation) || !isfinite(run->test), CF_BAD_INPUT,
            "%s/metrics.json: there are no accuracies of validation and test", run->folder);
    return CF_OK;
}

static cf_status read_plan(const json_t *root, GroupPlan *plan) {
    const char *kind = json_string_value(json_object_get(root, "kind"));
    const json_t *count = json_object_get(root, "count"), *seed = json_object_get(root, "first_seed");
    FAIL_IF(!kind || (strcmp(kind, "seeds") != 0 && strcmp(kind, "folds") != 0), CF_BAD_INPUT,
            "kind: \"seeds\" or \"folds\" expected");
    FAIL_IF(!json_is_integer(count) || json_integer_value(count) < 1 || json_integer_value(count) > MOST_GROUP_RUNS,
            CF_BAD_INPUT, "count: a whole number from 1 to %d expected", MOST_GROUP_RUNS);
    FAIL_IF(!json_is_integer(seed) || json_integer_value(seed) < 0, CF_BAD_INPUT, "first_seed: 0 or more expected");
    *plan = (GroupPlan){strcmp(kind, "folds") == 0 ? GROUP_FOLDS : GROUP_SEEDS, (int)json_integer_value(count),
                        (uint64_t)json_integer_value(seed)};
    return CF_OK;
}

static cf_status read_document(const json_t *root, Group *group) {
    const json_t *config = json_object_get(root, "config");
    FORWARD(read_plan(root, &group->plan));
    FAIL_IF(!config, CF_BAD_INPUT, "config: an object expected, nothing found");
    return run_config_from_json(config, &group->config);
}

static cf_status read_file(const char *folder, Group *group) {
    AUTO_FREE char *path = NULL;
    json_auto_t *root = NULL;
    FORWARD(file_join(folder, "group.json", &path));
    FORWARD(json_read(path, &root));
    const cf_status status = read_document(root, group);
    return status && status != CF_NO_MEMORY ? status_prefix(status, "%s", path) : status;
}

static cf_status take_means(Group *group) {
    AUTO_FREE double *values = NULL;
    size_t scored = 0;
    FORWARD(memory_new(3 * (size_t)group->plan.count, sizeof *values, &values));
    double *tests = values + group->plan.count, *targets = tests + group->plan.count;
    for (int i = 0; i < group->plan.count; i++) {
        if (!group->runs[i].done) continue;
        values[group->done] = group->runs[i].validation;
        tests[group->done++] = group->runs[i].test;
        if (isfinite(group->runs[i].target)) targets[scored++] = group->runs[i].target;
    }
    group->validation = mean_interval(values, group->done);
    group->test = mean_interval(tests, group->done);
    group->target = mean_interval(targets, scored);
    return CF_OK;
}

cf_status group_read(const char *folder, Group *group) {
    AUTO(group_free) Group made = {0};
    FAIL_IF(!folder_is_group(folder), CF_BAD_USE, "%s is no group of runs: there is no group.json in it", folder);
    FORWARD(file_trim(folder, &made.folder));
    FORWARD(read_file(folder, &made));
    FORWARD(memory_new((size_t)made.plan.count, sizeof *made.runs, &made.runs));
    for (int i = 0; i < made.plan.count; i++) FORWARD(read_run(&made, i, &made.runs[i]));
    FORWARD(take_means(&made));
    *group = made;
    made = (Group){0};
    return CF_OK;
}

void group_free(Group *group) {
    for (int i = 0; group->runs && i < group->plan.count; i++) {
        free(group->runs[i].folder);
        run_files_free(&group->runs[i].files);
    }
    free(group->runs);
    free(group->folder);
    run_config_free(&group->config);
    *group = (Group){0};
}

/* ---- Table and document ---- */

void group_title(const Group *group, char title[32]) {
    snprintf(title, 32, "%d %s%s", group->plan.count, kinds[group->plan.kind].word, group->plan.count == 1 ? "" : "s");
}

const char *group_caveat(const Group *group) {
    if (group->plan.kind == GROUP_SEEDS) return "";
    return "Folds share training images, so their results are not independent, and the interval is narrower than it should be (Bengio, "
           "Grandvalet 2004).";
}

static void print_row(FILE *out, const GroupRun *run) {
    const json_t *metrics = run->files.metrics;
    if (!run->done) {
        fprintf(out, "%-10s %s\n", run->name, run->files.state);
        return;
    }
    fprintf(out, "%-10s %12.2f %% %16.2f %% %9lld/%lld\n", run->name, 100 * run->validation, 100 * run->test,
            (long long)json_integer_value(json_object_get(metrics, "best_epoch")),
            (long long)json_integer_value(json_object_get(metrics, "epochs_run")));
}

/* An interval of a mean may go beyond what a share can be. */
static void print_interval(FILE *out, const MeanInterval *m) {
    char text[48] = "-";
    if (isfinite(m->low)) snprintf(text, sizeof text, "%.2f to %.2f %%", 100 * fmax(0, m->low), 100 * fmin(1, m->high));
    fprintf(out, " %18s", text);
}

void group_print(const Group *group, FILE *out) {
    fprintf(out, "%-10s %14s %18s %12s\n", kinds[group->plan.kind].word, "validation", "test", "best epoch");
    for (int i = 0; i < group->plan.count; i++) print_row(out, &group->runs[i]);
    if (!group->done) return;
    fprintf(out, "%-10s %12.2f %% %16.2f %%\n", "mean", 100 * group->validation.mean, 100 * group->test.mean);
    if (group->done < 2) return;
    fprintf(out, "%-6s", "95 %");
    print_interval(out, &group->validation), print_interval(out, &group->test);
    fprintf(out, "  (Student's t, n = %zu)\n%-10s %12.2f   %16.2f    points\n", group->done, "deviation",
            100 * group->validation.deviation, 100 * group->test.deviation);
    if (group->target.count) {
        fprintf(out, "target's test part: mean %.2f %%", 100 * group->target.mean);
        print_interval(out, &group->target);
        fputc('\n', out);
    }
    if (*group_caveat(group)) fprintf(out, "%s\n", group_caveat(group));
}

static json_t *interval_json(const MeanInterval *m) {
    return json_pack("{s:o s:o s:o s:o s:I}", "mean", json_number(m->mean), "low", json_number(m->low), "high",
                     json_number(m->high), "deviation", json_number(m->deviation), "n", (json_int_t)m->count);
}

static json_t *runs_json(const Group *group) {
    json_t *list = json_array();
    for (int i = 0; i < group->plan.count; i++) {
        const GroupRun *run = &group->runs[i];
        if (!run->done) continue;
        json_t *one = json_copy(run->files.metrics);
        json_object_set_new(one, "run", json_text(run->folder)); /* where it is now */
        json_object_set_new(one, kinds[group->plan.kind].word, json_integer((json_int_t)run->number));
        json_array_append_new(list, one);
    }
    return list;
}

cf_status group_json(const Group *group, json_t **json) {
    json_t *root = json_pack("{s:o s:s s:i s:I s:o s:{s:o} s:o}", "group", json_text(group->folder), "kind",
                             kinds[group->plan.kind].words, "count", group->plan.count, "done", (json_int_t)group->done,
                             "accuracy", interval_json(&group->test), "validation", "accuracy",
                             interval_json(&group->validation), "runs", runs_json(group));
    FAIL_IF(!root, CF_NO_MEMORY, "out of memory while making the JSON of a group");
    if (group->target.count)
        json_object_set_new(root, "target", json_pack("{s:o}", "accuracy", interval_json(&group->target)));
    *json = root;
    return CF_OK;
}

cf_status group_write(const char *folder, const GroupPlan *plan, const RunConfig *config, const Group *results) {
    AUTO_FREE char *path = NULL;
    json_auto_t *config_json = NULL;
    FORWARD(run_config_json(config, &config_json));
    json_auto_t *root =
        json_pack("{s:s s:i s:I s:s s:O}", "kind", kinds[plan->kind].words, "count", plan->count, "first_seed",
                  (json_int_t)plan->first_seed, "version", cf_version(), "config", config_json);
    FAIL_IF(!root, CF_NO_MEMORY, "out of memory");
    if (results) {
        json_object_set_new(root, "done", json_integer((json_int_t)results->done));
        json_object_set_new(root, "accuracy", interval_json(&results->test));
        json_object_set_new(root, "validation", json_pack("{s:o}", "accuracy", interval_json(&results->validation)));
    }
    FORWARD(file_join(folder, "group.json", &path));
    return json_write(path, root);
}
