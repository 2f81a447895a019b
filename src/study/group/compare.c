#include "study/group/compare.h"

#include "data/csv_table.h"

#include <math.h>
#include <string.h>

/* ---- What a run said of its test images ---- */

typedef struct TestedRun {
    const char *folder; /* borrowed */
    RunFiles files;
    CsvTable predictions;
    size_t label, correct; /* columns */
} TestedRun;

static void tested_run_free(TestedRun *run) {
    run_files_free(&run->files);
    csv_table_free(&run->predictions);
}

static cf_status find_column(const TestedRun *run, const char *path, const char *name, size_t *column) {
    const int found = csv_table_column(&run->predictions, name);
    FAIL_IF(found < 0, CF_BAD_INPUT, "%s: there is no column \"%s\"", path, name);
    *column = (size_t)found;
    return CF_OK;
}

/* `run` begins zeroed, and is freed on any path. */
static cf_status tested_run_read(const char *folder, TestedRun *run) {
    AUTO_FREE char *path = NULL;
    size_t image = 0;
    run->folder = folder;
    FAIL_IF(!file_is_folder(folder), CF_BAD_USE, "%s is no run folder; cifra runs list shows the runs", folder);
    FORWARD(run_files_read(folder, &run->files));
    FAIL_IF(strcmp(run->files.state, "done") != 0, CF_BAD_USE,
            "%s is not done (%s), so there is nothing to compare yet", folder, run->files.state);
    FORWARD(file_join(folder, "predictions.csv", &path));
    FORWARD(csv_table_read(path, ',', &run->predictions));
    FORWARD(find_column(run, path, "image", &image));
    FAIL_IF(image, CF_BAD_INPUT, "%s: the first column should be \"image\"", path);
    FORWARD(find_column(run, path, "label", &run->label));
    return find_column(run, path, "correct", &run->correct);
}

static const char *checksum_of(const TestedRun *run) {
    return json_string_value(json_object_get(json_object_get(run->files.config, "checksums"), "sha256"));
}

static const char *data_of(const TestedRun *run) {
    const char *data = json_string_value(json_object_get(run->files.config, "data"));
    return data ? data : "?";
}

static bool same_cell(const TestedRun *a, size_t a_column, const TestedRun *b, size_t b_column, ptrdiff_t row) {
    return strcmp(csv_table_cell(&a->predictions, row, a_column), csv_table_cell(&b->predictions, row, b_column)) == 0;
}

static cf_status check_same_images(const TestedRun *a, const TestedRun *b) {
    static const char advice[] =
        "only results on the same images can be compared; train with the same --data, --split and --split-seed";
    const char *of_a = checksum_of(a), *of_b = checksum_of(b);
    FAIL_IF(of_a && of_b && strcmp(of_a, of_b) != 0, CF_BAD_USE,
            "%s and %s were tested on different data (%s, sha256 %.12s.., and %s, %.12s..): %s", a->folder, b->folder,
            data_of(a), of_a, data_of(b), of_b, advice);
    const size_t n = a->predictions.rows;
    FAIL_IF(n != b->predictions.rows, CF_BAD_USE, "%s was tested on %zu images and %s on %zu: %s", a->folder, n,
            b->folder, b->predictions.rows, advice);
    FAIL_IF(!n, CF_BAD_INPUT, "%s/predictions.csv has no image", a->folder);
    for (size_t i = 0; i < n; i++) {
        const ptrdiff_t row = (ptrdiff_t)i;
        FAIL_IF(!same_cell(a, 0, b, 0, row) || !same_cell(a, a->label, b, b->label, row), CF_BAD_USE,
                "%s and %s were tested on different images (image %zu of the test is %s there and %s here): %s",
                a->folder, b->folder, i + 1, csv_table_cell(&a->predictions, row, 0),
                csv_table_cell(&b->predictions, row, 0), advice);
    }
    return CF_OK;
}

/* ---- Two runs ---- */

static bool is_right(const TestedRun *run, size_t row) {
    return strcmp(csv_table_cell(&run->predictions, (ptrdiff_t)row, run->correct), "1") == 0;
}

static void count_images(const TestedRun *a, const TestedRun *b, RunComparison *c) {
    size_t of_a = 0, of_b = 0;
    c->images = a->predictions.rows;
    for (size_t i = 0; i < c->images; i++) {
        const bool one = is_right(a, i), other = is_right(b, i);
        of_a += one, of_b += other;
        c->only_a += one && !other;
        c->only_b += other && !one;
    }
    const double n = (double)c->images;
    c->a = (double)of_a / n, c->b = (double)of_b / n;
    c->difference = ((double)of_b - (double)of_a) / n;
    c->p = sign_test_p(c->only_b, c->only_a);
    paired_difference_interval(c->only_b, c->only_a, c->images, &c->low, &c->high);
}

/* Two run folders whose test images are the same; `c` NULL: that is all. */
static cf_status compare_runs(const char *a, const char *b, size_t *images, RunComparison *c) {
    AUTO(tested_run_free) TestedRun one = {0}, other = {0};
    FORWARD(tested_run_read(a, &one));
    FORWARD(tested_run_read(b, &other));
    FORWARD(check_same_images(&one, &other));
    *images = one.predictions.rows;
    if (!c) return CF_OK;
    *c = (RunComparison){.test = COMPARE_MCNEMAR, .t = NAN, .degrees = NAN};
    count_images(&one, &other, c);
    return CF_OK;
}

/* ---- Two groups ---- */

/* The done runs of the same seeds, or the same folds. */
static bool pair_up(const Group *a, const Group *b) {
    if (a->plan.kind != b->plan.kind || a->done != b->done) return false;
    for (int i = 0; i < a->plan.count; i++) {
        const GroupRun *run = &a->runs[i];
        bool found = !run->done;
        for (int k = 0; !found && k < b->plan.count; k++) found = b->runs[k].done && b->runs[k].number == run->number;
        if (!found) return false;
    }
    return true;
}

static const GroupRun *next_done(const Group *group, int *place) {
    while (*place < group->plan.count && !group->runs[*place].done) ++*place;
    return *place < group->plan.count ? &group->runs[(*place)++] : NULL;
}

/* All pairs of a paired test must have the same images; of others it is enough to look at the first two, as the runs of a group of
 * seeds have one split. */
static cf_status check_groups(const Group *a, const Group *b, bool paired, size_t *images) {
    int of_a = 0, of_b = 0;
    for (const GroupRun *one; (one = next_done(a, &of_a));) {
        const GroupRun *other = next_done(b, &of_b);
        FORWARD(compare_runs(one->folder, other->folder, images, NULL));
        if (!paired) return CF_OK;
    }
    return CF_OK;
}

static void take_accuracies(const Group *group, double *values) {
    int place = 0;
    for (const GroupRun *run; (run = next_done(group, &place));) *values++ = run->test;
}

static cf_status test_groups(const Group *a, const Group *b, RunComparison *c) {
    const bool paired = pair_up(a, b);
    AUTO_FREE double *of_a = NULL;
    *c = (RunComparison){.test = paired ? COMPARE_PAIRED_T : COMPARE_WELCH, .a_count = a->done, .b_count = b->done};
    FAIL_IF(a->done < 2 || b->done < 2, CF_BAD_USE,
            "%s has %zu runs that are done and %s %zu; two at least are needed of each to tell what varies", a->folder,
            a->done, b->folder, b->done);
    FORWARD(check_groups(a, b, paired, &c->images));
    FORWARD(memory_new(a->done + b->done, sizeof *of_a, &of_a));
    double *of_b = of_a + a->done;
    take_accuracies(a, of_a);
    take_accuracies(b, of_b);
    const MeanDifference d = paired ? paired_t_test(of_b, of_a, a->done) : welch_t_test(of_b, b->done, of_a, a->done);
    c->a = a->test.mean, c->b = b->test.mean;
    c->difference = d.difference, c->low = d.low, c->high = d.high;
    c->p = d.p, c->t = d.t, c->degrees = d.degrees;
    return CF_OK;
}

static cf_status compare_groups(const char *a, const char *b, RunComparison *c) {
    AUTO(group_free) Group one = {0}, other = {0};
    FORWARD(group_read(a, &one));
    FORWARD(group_read(b, &other));
    return test_groups(&one, &other, c);
}

/* ---- Either ---- */

cf_status runs_compare(const char *a, const char *b, RunComparison *comparison) {
    size_t images;
    const bool group = folder_is_group(a);
    FAIL_IF(group != folder_is_group(b), CF_BAD_USE,
            "%s is a group of runs and %s is not: a run is compared with a run, a group with a group (%s/s1 is a run)",
            group ? a : b, group ? b : a, group ? a : b);
    return group ? compare_groups(a, b, comparison) : compare_runs(a, b, &images, comparison);
}

bool run_comparison_is_noise(const RunComparison *c) {
    return !(c->p < 0.05) || (c->low <= 0 && c->high >= 0);
}

static const struct {
    const char *test, *interval;
} names[] = {[COMPARE_MCNEMAR] = {"McNemar's test, exact", "Tango's score interval of paired proportions"},
             [COMPARE_PAIRED_T] = {"Student's t test, paired", "Student's t, paired"},
             [COMPARE_WELCH] = {"Welch's t test", "Student's t, Welch's degrees of freedom"}};

const char *run_comparison_test(const RunComparison *c) {
    return names[c->test].test;
}

const char *run_comparison_interval(const RunComparison *c) {
    return names[c->test].interval;
}

/* ---- Configurations ---- */

/* config.json as one object without levels: "train.lr" .. */
static void flatten(const json_t *object, const char *prefix, json_t *flat) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, key);
        json_object_set(flat, name, value);
    }
}

/* Of a run, or of the first run of a group that is done; `group` begins zeroed and stays so for a run. */
static cf_status read_config(const char *folder, json_t **config, Group *group) {
    AUTO(run_files_free) RunFiles files = {0};
    int place = 0;
    if (!folder_is_group(folder)) {
        FORWARD(run_files_read(folder, &files));
        *config = json_incref(files.config);
        return CF_OK;
    }
    FORWARD(group_read(folder, group));
    const GroupRun *run = next_done(group, &place);
    FAIL_IF(!run, CF_BAD_USE, "no run of %s is done", folder);
    *config = json_incref(run->files.config);
    return CF_OK;
}

static cf_status flat_config(const char *folder, json_t **flat) {
    static const char *const plain[] = {"data", "model", "version"}, *const grouped[] = {"split", "train", "from"};
    AUTO(group_free) Group group = {0};
    json_auto_t *config = NULL;
    char name[32];
    FORWARD(read_config(folder, &config, &group));
    *flat = json_object();
    for (size_t i = 0; i < COUNT_OF(plain); i++) json_object_set(*flat, plain[i], json_object_get(config, plain[i]));
    for (size_t i = 0; i < COUNT_OF(grouped); i++) {
        snprintf(name, sizeof name, "%s.", grouped[i]);
        flatten(json_object_get(config, grouped[i]), name, *flat);
    }
    json_object_set(*flat, "machine.engine", json_object_get(json_object_get(config, "machine"), "engine"));
    if (!group.folder) return CF_OK;
    const bool seeds = group.plan.kind == GROUP_SEEDS;
    group_title(&group, name);
    json_object_set_new(*flat, "group", json_string(name));
    json_object_del(*flat, seeds ? "train.seed" : "split.fold");
    if (seeds) json_object_set_new(*flat, "first_seed", json_integer((json_int_t)group.plan.first_seed));
    return CF_OK;
}

/* Of a key; NULL where all are equal. `flats`: an array of flat configurations. */
static json_t *different_values(const json_t *flats, const char *key) {
    const json_t *flat, *first = json_object_get(json_array_get(flats, 0), key);
    json_auto_t *values = json_array();
    bool equal = true;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)flats, i, flat) {
        json_t *value = json_object_get(flat, key);
        equal = equal && (value == first || (value && first && json_equal(value, first)));
        json_array_append_new(values, value ? json_incref(value) : json_null());
    }
    return equal ? NULL : memory_take(&values);
}

/* Keys in the order of the first configuration that has them. */
cf_status runs_differences(const char *const *folders, size_t count, json_t **json) {
    json_auto_t *flats = json_array(), *keys = json_object(), *list = json_array();
    const char *key;
    json_t *flat, *value;
    size_t i;
    for (i = 0; i < count; i++) {
        FORWARD(flat_config(folders[i], &flat));
        json_array_append_new(flats, flat);
    }
    json_array_foreach(flats, i, flat) json_object_update_missing(keys, flat);
    json_object_foreach(keys, key, value) {
        json_t *values = different_values(flats, key);
        if (values) json_array_append_new(list, json_pack("{s:s s:o}", "key", key, "values", values));
    }
    *json = memory_take(&list);
    return CF_OK;
}
