/* The runs of a group, one after the other; what is done is passed over. */
#include "study/group/group.h"

#include "base/memory.h"
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

/* ---- One run ---- */

static cf_status record_copy(const DataRecord *from, DataRecord *to) {
    char *path = NULL;
    if (from->path) FORWARD(memory_copy_string(from->path, &path));
    free(to->path);
    *to = *from;
    to->path = path;
    return CF_OK;
}

static cf_status config_of(const GroupWork *work, int place, RunConfig *config) {
    const RunConfig *from = work->config;
    FORWARD(run_config_copy(from, config));
    cf_status status = record_copy(&from->record, &config->record);
    if (status) {
        run_config_free(config);
        return status;
    }
    config->split_given = from->split_given;
    config->validation_given = from->validation_given;
    config->train.threads = from->train.threads;
    if (work->plan.kind == GROUP_SEEDS) {
        config->train.seed = work->plan.first_seed + (uint64_t)place;
    } else {
        config->split.folds = work->plan.count;
        config->split.fold = place + 1;
    }
    return CF_OK;
}

static bool has_file(const char *folder, const char *name) {
    char *path;
    if (file_join(folder, name, &path)) return false;
    const bool has = file_exists(path);
    free(path);
    return has;
}

/* Trained as `config` wants it, to its last epoch or to where patience ended it. */
static cf_status is_trained(const RunFiles *files, const RunConfig *config, bool *is) {
    RunConfig before = {0};
    json_t *then = NULL, *now = NULL;
    cf_status status;
    const json_int_t run = json_integer_value(json_object_get(files->metrics, "epochs_run")),
                     best = json_integer_value(json_object_get(files->metrics, "best_epoch"));
    *is = false;
    if (run != config->train.epochs && (!config->train.patience || run - best < config->train.patience)) return CF_OK;
    FORWARD_TO(done, run_config_from_json(files->config, &before));
    FORWARD_TO(done, run_config_essence(&before, &then));
    FORWARD_TO(done, run_config_essence(config, &now));
    *is = json_equal(then, now);
done:
    json_decref(then);
    json_decref(now);
    run_config_free(&before);
    return status;
}

/* With its page, which is made last. A run that is in any other state is resumed, and refused there if it has to be. */
static cf_status is_complete(const char *folder, const RunConfig *config, bool *is) {
    RunFiles files;
    *is = false;
    if (!has_file(folder, "config.json") || !has_file(folder, "report.html")) return CF_OK;
    FORWARD(run_files_read(folder, &files));
    cf_status status = strcmp(files.state, "done") == 0 ? is_trained(&files, config, is) : CF_OK;
    run_files_free(&files);
    return status;
}

static cf_status show_run(const Run *run, const FigureOptions *options) {
    FigureList list = {0};
    cf_status status = figures_make(run, &run->test, run->config.data, "test", options, &list);
    figure_list_free(&list);
    FORWARD(status);
    return report_write(run->folder, run->set, NULL);
}

/* The group's folder, before its first run: everything that a configuration can be refused for was looked at. */
static cf_status open_folder(Training *t) {
    const GroupWork *w = t->work;
    if (!t->open) {
        FORWARD(file_make_folders(t->folder, &t->made));
        FORWARD(lock_folder(t->folder, &t->lock));
        t->open = true;
    }
    if (t->written || file_exists(t->file)) return CF_OK;
    FORWARD(group_write(t->folder, &w->plan, w->config, NULL));
    t->written = true;
    return CF_OK;
}

static cf_status train_prepared(Training *t, Run *run, int place, const char *folder) {
    const GroupWork *w = t->work;
    FAIL_IF(!data_record_fits(&t->record, run->set), CF_BAD_INPUT,
            "%s holds other data now than the runs of %s were trained on: their checksums differ", run->config.data,
            t->folder);
    FORWARD(open_folder(t));
    FORWARD(run_start(run, folder, w->resume));
    w->config->source = run->config.source;
    if (w->begins) FORWARD(w->begins(run, place, w->context));
    FORWARD(run_train(run, w->resume, w->progress, w->context));
    FORWARD(run_test(run));
    return show_run(run, &w->figures);
}

/* The network of a source is that of all runs. */
static cf_status settle_model(RunConfig *config, const Run *run) {
    return config->model ? CF_OK : run_config_text(&config->model, run->config.model);
}

static cf_status train_run(Training *t, RunConfig *config, int place, const char *folder) {
    Run *run;
    FORWARD(run_prepare(config, &t->shelf, &run));
    /* Settled once, so that what there is to say about it is said once. */
    t->work->config->split.mode = run->config.split.mode;
    t->work->config->split_given = true;
    cf_status status = settle_model(t->work->config, run);
    if (!status) status = train_prepared(t, run, place, folder);
    run_free(run);
    return status;
}

/* The first run that is there tells which data all are of. */
static cf_status take_record(Training *t, const char *folder) {
    RunConfig config;
    char *path;
    if (!has_file(folder, "config.json")) return CF_OK;
    FORWARD(file_join(folder, "config.json", &path));
    cf_status status = run_config_read(path, &config);
    free(path);
    FORWARD(status);
    if (!t->record.sha256[0])
        status = record_copy(&config.record, &t->record);
    else if (strcmp(t->record.sha256, config.record.sha256) != 0)
        status = FAIL(CF_BAD_INPUT,
                      "%s was trained on other data than the runs before it: their checksums differ; it is "
                      "none of this group",
                      folder);
    run_config_free(&config);
    return status;
}

static cf_status do_run(Training *t, int place) {
    const GroupWork *w = t->work;
    RunConfig config = {0};
    char name[32], *folder;
    bool complete;
    FORWARD(config_of(w, place, &config));
    const bool seeds = w->plan.kind == GROUP_SEEDS;
    snprintf(name, sizeof name, "%c%llu", seeds ? 's' : 'f',
             seeds ? (unsigned long long)config.train.seed : (unsigned long long)place + 1);
    cf_status status = file_join(t->folder, name, &folder);
    if (!status) {
        status = is_complete(folder, &config, &complete);
        if (!status && complete && w->begins) status = w->begins(NULL, place, w->context);
        if (!status && !complete) status = train_run(t, &config, place, folder);
        if (!status) status = take_record(t, folder);
        free(folder);
    }
    run_config_free(&config);
    return status;
}

/* ---- All of them ---- */

static cf_status begin(Training *t) {
    const GroupWork *w = t->work;
    FORWARD(file_trim(w->folder, &t->folder));
    FORWARD(file_join(t->folder, "group.json", &t->file));
    FAIL_IF(!w->resume && file_exists(t->file), CF_BAD_USE,
            "%s holds a group of runs already; resume it with --resume, or name another folder with --out",
            w->folder);
    FAIL_IF(has_file(t->folder, "config.json"), CF_BAD_USE,
            "%s holds a single run; name another folder for a group with --out", w->folder);
    if (!file_exists(t->file)) return CF_OK;
    FORWARD(lock_folder(t->folder, &t->lock));
    t->open = true;
    return CF_OK;
}

/* Takes back what was written for a group in which no run has begun. */
static void take_back(Training *t, const char *first) {
    if (!t->written || has_file(first, "config.json")) return;
    unlink(t->file);
    lock_release(&t->lock);
    if (t->made) file_unmake_folders(t->folder, t->made);
}

static cf_status undo(Training *t, cf_status status) {
    char name[32], *first, *message;
    if (memory_copy_string(cf_error(), &message)) return status;
    snprintf(name, sizeof name, "%c%llu", t->work->plan.kind == GROUP_SEEDS ? 's' : 'f',
             t->work->plan.kind == GROUP_SEEDS ? (unsigned long long)t->work->plan.first_seed : 1ULL);
    if (!file_join(t->folder, name, &first)) {
        take_back(t, first);
        free(first);
    }
    status_set_message(message);
    free(message);
    return status;
}

cf_status group_train(const GroupWork *work) {
    Training t = {.work = work, .record = {.official_train = -1, .official_validation = -1}};
    cf_status status = begin(&t);
    for (int place = 0; !status && place < work->plan.count; place++) {
        status = do_run(&t, place);
        /* A plan that has grown is kept once the first run was not refused. */
        if (!status && place == 0) status = group_write(t.folder, &work->plan, work->config, NULL);
    }
    if (status) status = undo(&t, status);
    if (!status) status = group_show(t.folder, &work->figures);
    lock_release(&t.lock);
    shelf_clear(&t.shelf);
    free(t.record.path);
    free(t.folder);
    free(t.file);
    free(t.made);
    return status;
}

cf_status group_show(const char *folder, const FigureOptions *figures) {
    Group group;
    FigureList list = {0};
    FORWARD(group_read(folder, &group));
    cf_status status = group_write(folder, &group.plan, &group.config, &group);
    if (!status) status = figures_group_make(&group, figures, &list);
    figure_list_free(&list);
    group_free(&group);
    FORWARD(status);
    return report_group_write(folder);
}
