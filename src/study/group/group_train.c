/* The runs of a group, one after the other; what is done is passed over. */
#include "study/group/group.h"

#include "study/report/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Training {
    const GroupWork *work;
    char *folder, *file; /* the group's; group.json */
    SetShelf shelf;      /* the data are loaded once for all runs */
    DataRecord record;   /* of the runs that are there: all are of the same data */
    Lock lock;
    char *made; /* what was made for the folder, while no run has begun in it */
    bool open, written;
} Training;

static void training_end(Training *t) {
    lock_release(&t->lock);
    shelf_clear(&t->shelf);
    free(t->record.path);
    free(t->folder);
    free(t->file);
    free(t->made);
}

/* ---- One run ---- */

static cf_status record_copy(const DataRecord *from, DataRecord *to) {
    char *path = NULL;
    if (from->path) FORWARD(memory_copy_string(from->path, &path));
    free(to->path);
    *to = *from;
    to->path = path;
    return CF_OK;
}

/* `config` begins zeroed, and is freed on any path. */
static cf_status config_of(const GroupWork *work, int place, RunConfig *config) {
    const RunConfig *from = work->config;
    FORWARD(run_config_copy(from, config));
    FORWARD(record_copy(&from->record, &config->record));
    config->split_given = from->split_given;
    config->validation_given = from->validation_given;
    config->train.threads = from->train.threads;
    if (work->plan.kind == GROUP_SEEDS) {
        config->train.seed = group_run_number(&work->plan, place);
    } else {
        config->split.folds = work->plan.count;
        config->split.fold = place + 1;
    }
    return CF_OK;
}

/* Trained as `config` wants it, to its last epoch or to where patience ended it. */
static cf_status is_trained(const RunFiles *files, const RunConfig *config, bool *is) {
    AUTO(run_config_free) RunConfig before = {0};
    json_auto_t *then = NULL, *now = NULL;
    const json_int_t run = json_integer_value(json_object_get(files->metrics, "epochs_run")),
                     best = json_integer_value(json_object_get(files->metrics, "best_epoch"));
    if (run != config->train.epochs && (!config->train.patience || run - best < config->train.patience)) return CF_OK;
    FORWARD(run_config_from_json(files->config, &before));
    FORWARD(run_config_essence(&before, &then));
    FORWARD(run_config_essence(config, &now));
    *is = json_equal(then, now);
    return CF_OK;
}

/* With its page, which is made last. A run that is in any other state is resumed, and refused there if it has to be. */
static cf_status is_complete(const char *folder, const RunConfig *config, bool *is) {
    AUTO(run_files_free) RunFiles files = {0};
    *is = false;
    if (!file_exists_in(folder, "config.json") || !file_exists_in(folder, "report.html")) return CF_OK;
    FORWARD(run_files_read(folder, &files));
    return strcmp(files.state, "done") == 0 ? is_trained(&files, config, is) : CF_OK;
}

cf_status run_write_report(const Run *run, const FigureOptions *figures) {
    AUTO(figure_list_free) FigureList list = {0};
    FORWARD(figures_make(run, &run->test, run->config.data, "test", figures, &list));
    return report_write(run->folder, run->set, NULL);
}

/* The group's folder, before its first run: everything that a configuration can be refused for was looked at. */
static cf_status open_folder(Training *t) {
    if (!t->open) {
        FORWARD(file_make_folders(t->folder, &t->made));
        FORWARD(lock_folder(t->folder, &t->lock));
        t->open = true;
    }
    if (t->written || file_exists(t->file)) return CF_OK;
    FORWARD(group_write(t->folder, &t->work->plan, t->work->config, NULL));
    t->written = true;
    return CF_OK;
}

/* What is settled with the first run holds for all, so that what there is to say about it is said once: the split, and the network of
 * a source. */
static cf_status train_run(Training *t, RunConfig *config, int place, const char *folder) {
    const GroupWork *w = t->work;
    AUTO(run_free_at) Run *run = NULL;
    FORWARD(run_prepare(config, &t->shelf, &run));
    w->config->split.mode = run->config.split.mode;
    w->config->split_given = true;
    if (!w->config->model) FORWARD(run_config_text(&w->config->model, run->config.model));
    FAIL_IF(!data_record_fits(&t->record, run->set), CF_BAD_INPUT,
            "%s holds other data now than the runs of %s were trained on: their checksums differ", run->config.data,
            t->folder);
    FORWARD(open_folder(t));
    FORWARD(run_start(run, folder, w->resume));
    w->config->source = run->config.source;
    if (w->begins) FORWARD(w->begins(run, place, w->context));
    FORWARD(run_train(run, w->resume, w->progress, w->context));
    FORWARD(run_evaluate_test(run));
    return run_write_report(run, &w->figures);
}

/* The first run that is there tells which data all are of. */
static cf_status take_record(Training *t, const char *folder) {
    AUTO(run_config_free) RunConfig config = {0};
    if (!file_exists_in(folder, "config.json")) return CF_OK;
    FORWARD(run_config_read_in(folder, &config));
    if (!t->record.sha256[0]) return record_copy(&config.record, &t->record);
    FAIL_IF(strcmp(t->record.sha256, config.record.sha256) != 0, CF_BAD_INPUT,
            "%s was trained on other data than the runs before it: their checksums differ; it is none of this group",
            folder);
    return CF_OK;
}

static cf_status do_run(Training *t, int place) {
    const GroupWork *w = t->work;
    AUTO(run_config_free) RunConfig config = {0};
    AUTO_FREE char *folder = NULL;
    char name[32];
    bool complete;
    FORWARD(config_of(w, place, &config));
    group_run_name(&w->plan, place, name);
    FORWARD(file_join(t->folder, name, &folder));
    FORWARD(is_complete(folder, &config, &complete));
    if (!complete)
        FORWARD(train_run(t, &config, place, folder));
    else if (w->begins)
        FORWARD(w->begins(NULL, place, w->context));
    return take_record(t, folder);
}

/* ---- All of them ---- */

static cf_status begin_group(Training *t) {
    const GroupWork *w = t->work;
    FORWARD(file_trim(w->folder, &t->folder));
    FORWARD(file_join(t->folder, "group.json", &t->file));
    FAIL_IF(!w->resume && file_exists(t->file), CF_BAD_USE,
            "%s holds a group of runs already; resume it with --resume, or name another folder with --out", w->folder);
    FAIL_IF(file_exists_in(t->folder, "config.json"), CF_BAD_USE,
            "%s holds a single run; name another folder for a group with --out", w->folder);
    if (!file_exists(t->file)) return CF_OK;
    FORWARD(lock_folder(t->folder, &t->lock));
    t->open = true;
    return CF_OK;
}

static cf_status train_all(Training *t) {
    const GroupWork *w = t->work;
    FORWARD(begin_group(t));
    for (int place = 0; place < w->plan.count; place++) {
        FORWARD(do_run(t, place));
        /* A plan that has grown is kept once the first run was not refused. */
        if (place == 0) FORWARD(group_write(t->folder, &w->plan, w->config, NULL));
    }
    return CF_OK;
}

/* Takes back what was written for a group in which no run has begun. The message stays. */
static void take_back(Training *t) {
    AUTO_FREE char *first = NULL, *message = NULL;
    char name[32];
    if (!t->written || memory_copy_string(cf_error(), &message)) return;
    group_run_name(&t->work->plan, 0, name);
    if (!file_join(t->folder, name, &first) && !file_exists_in(first, "config.json")) {
        unlink(t->file);
        lock_release(&t->lock);
        if (t->made) file_unmake_folders(t->folder, t->made);
    }
    status_set_message(message);
}

cf_status group_train(const GroupWork *work) {
    AUTO(training_end) Training t = {.work = work, .record = {.official_train = -1, .official_validation = -1}};
    const cf_status status = train_all(&t);
    if (status) take_back(&t);
    return status ? status : group_show(t.folder, &work->figures);
}

cf_status group_show(const char *folder, const FigureOptions *figures) {
    AUTO(group_free) Group group = {0};
    AUTO(figure_list_free) FigureList list = {0};
    FORWARD(group_read(folder, &group));
    FORWARD(group_write(folder, &group.plan, &group.config, &group));
    FORWARD(figures_group_make(&group, figures, &list));
    return report_group_write(folder);
}
