/* The store: what goes in comes out, processes that work on it at once, and processes that die. */
#include "testing.h"

#include "tune/store.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *fresh(void) {
    static int number;
    static char name[32];
    snprintf(name, sizeof name, "store%d", number++);
    return path_in(scratch_folder(), name);
}

static void add_trial(Store *store, const Space *space, int id, const Job *job) {
    const Trial trial = {.id = id, .point = space_point(space, id - 1), .seed = 1};
    assert_ok(store_begin(store));
    assert_ok(store_add_trial(store, space, &trial));
    assert_ok(store_add_job(store, job));
    assert_ok(store_mark_running(store, job, "here:1.1"));
    assert_ok(store_commit(store));
}

static void trials_come_back_to_the_bit(void **state) {
    (void)state;
    const char *folder = fresh();
    Store *store;
    Space space;
    TrialList list;
    TrialEpoch *epochs;
    Job *jobs;
    int count;
    unsigned char right[] = {1, 0, 0, 1, 1};
    assert_ok(space_paper(&space));
    assert_ok(store_open(folder, &store));
    for (int id = 1; id <= 3; id++) add_trial(store, &space, id, &(Job){.number = id - 1, .trial = id, .budget = 7});
    const TrialEpoch rows[] = {{1, 0.1, 1.0 / 3, 0.5, 2.0 / 3, 0.25, 1.5},
                               {2, 0.1, 0.2, 0.9, 1.0 / 7, 0.75, 1},
                               {3, 0.1, 0.1, 0.95, 1.0 / 7, 0.8, 1},
                               {2, 0.1, 0.2, 0.9, 1.0 / 7, 0.75, 1}};
    for (int e = 0; e < 4; e++) assert_ok(store_record_epoch(store, 1, &rows[e], e != 2)); /* the last one once more */
    Trial done = {.state = TRIAL_DONE, .seconds = 0.25, .weights_sha256 = "abc", .correct = right, .correct_count = 5};
    assert_ok(store_finish(store, &(Job){.number = 0, .trial = 1}, &done, OBJECTIVE_LOSS));
    Trial failed = {.state = TRIAL_FAILED, .reason = (char *)(uintptr_t) "too \"high\"\na rate"};
    assert_ok(store_finish(store, &(Job){.number = 1, .trial = 2}, &failed, OBJECTIVE_LOSS));
    store_close(store);

    assert_ok(store_open_existing(folder, &store));
    assert_ok(store_trials(store, &space, &list));
    assert_int_equal(list.count, 3);
    const Trial *t = &list.trials[0];
    assert_int_equal(t->state, TRIAL_DONE);
    assert_true(space_points_equal(&space, &t->point, &(SpacePoint){{0, 0, 0, 0}}));
    assert_int_equal(t->best_epoch, 2); /* of equals the first */
    assert_int_equal(t->epochs_run, 3);
    assert_true(t->validation_loss == 1.0 / 7 && t->validation_accuracy == 0.75 && t->seconds == 4.75);
    assert_string_equal(t->weights_sha256, "abc");
    assert_string_equal(t->worker, "here:1.1");
    assert_int_equal(t->correct_count, 5); /* known, and not read */
    assert_null(t->correct);
    for (int i = 0; i < 3; i++) assert_ok(store_correct(store, &list.trials[i]));
    assert_int_equal(t->correct_count, 5);
    assert_memory_equal(t->correct, right, 5);
    assert_null(list.trials[2].correct);
    assert_ptr_equal(trial_best(&list, OBJECTIVE_LOSS), t);
    assert_int_equal(list.trials[1].state, TRIAL_FAILED);
    assert_string_equal(list.trials[1].reason, failed.reason);
    assert_true(isinf(list.trials[1].validation_loss));
    assert_int_equal(list.trials[2].state, TRIAL_RUNNING);
    assert_ok(store_epochs(store, 1, &epochs, &count));
    assert_int_equal(count, 3);
    for (int e = 0; e < 3; e++)
        assert_true(epochs[e].epoch == rows[e].epoch && epochs[e].rate == rows[e].rate &&
                    epochs[e].train_loss == rows[e].train_loss && epochs[e].train_accuracy == rows[e].train_accuracy &&
                    epochs[e].validation_loss == rows[e].validation_loss &&
                    epochs[e].validation_accuracy == rows[e].validation_accuracy &&
                    epochs[e].seconds == rows[e].seconds);
    assert_ok(store_jobs(store, &jobs, &count));
    assert_int_equal(count, 3);
    assert_true(jobs[0].done && jobs[0].over && jobs[0].loss == 1.0 / 7 && isinf(jobs[1].loss) && !jobs[2].done);
    free(jobs);
    free(epochs);
    trial_list_free(&list);
    store_close(store);
    space_free(&space);
}

static json_t *settings(int epochs, const char *rates) {
    json_error_t error;
    json_t *rates_json = json_loads(rates, 0, &error);
    return json_pack("{s:{s:i s:f} s:{s:s s:[{s:s s:o}]}}", "train", "epochs", epochs, "decay", 0.1, "space", "name",
                     "x", "parameters", "name", "lr", "values", rates_json);
}

static void other_settings_are_refused_and_named(void **state) {
    (void)state;
    const char *folder = fresh();
    Store *store;
    json_t *first = settings(5, "[\"0.1\"]"), *epochs = settings(6, "[\"0.1\"]"), *rates = settings(5, "[\"0.2\"]"),
           *there;
    assert_ok(store_open(folder, &store));
    assert_fails(store_settings(store, &there), CF_BAD_INPUT, "no tune was begun");
    assert_ok(store_settle(store, first));
    assert_ok(store_settle(store, first));
    assert_fails(store_settle(store, epochs), CF_BAD_USE, "train.epochs: 5 there, 6 now");
    assert_fails(store_settle(store, rates), CF_BAD_USE,
                 "space.parameters.lr: {\"name\":\"lr\",\"values\":[\"0.1\"]} there, ");
    json_object_set_new(json_object_get(first, "train"), "new", json_true());
    assert_fails(store_settle(store, first), CF_BAD_USE, "train.new: nothing there, true now");
    assert_ok(store_settings(store, &there));
    assert_true(json_real_value(json_object_get(json_object_get(there, "train"), "decay")) == 0.1);
    json_decref(first), json_decref(epochs), json_decref(rates), json_decref(there);
    assert_ok(store_settle_kernels(store, "avx512")); /* a store from before kernels were known takes these */
    assert_ok(store_settle_kernels(store, "avx512"));
    assert_fails(store_settle_kernels(store, "avx2"), CF_BAD_USE, "a tune of avx512 kernels, and this processor works");
    store_close(store);
}

static void foreign_files_are_refused(void **state) {
    (void)state;
    const char *folder = fresh();
    Store *store;
    assert_fails(store_open_existing(folder, &store), CF_BAD_USE, "holds no tune");
    assert_ok(store_open(folder, &store));
    store_close(store);
    static char path[512];
    snprintf(path, sizeof path, "%s/tune.db", folder);
    assert_int_equal(truncate(path, 5000), 0);
    assert_fails(store_open(folder, &store), CF_BAD_INPUT, "damaged");
    write_bytes(path, "not a database, though long enough to be looked at", 50);
    assert_fails(store_open(folder, &store), CF_BAD_INPUT, "damaged, or not made by cifra tune");
    write_bytes(path, "", 0); /* as a process leaves it that dies while it makes it */
    assert_ok(store_open(folder, &store));
    store_close(store);
}

/* Adds jobs under the next free number until there are `most`. */
static void add_jobs(const char *folder, int most) {
    Store *store;
    Job *jobs;
    int count = 0;
    if (store_open(folder, &store)) _exit(1);
    while (count < most) {
        if (store_begin(store) || store_jobs(store, &jobs, &count)) _exit(2);
        free(jobs);
        const Job job = {.number = count, .trial = (int)getpid(), .budget = 1};
        if (count < most && store_add_job(store, &job)) _exit(3);
        if (store_commit(store)) _exit(4);
    }
    _exit(0);
}

static void processes_take_turns(void **state) {
    (void)state;
    enum { PROCESSES = 3, JOBS = 60 };
    const char *folder = fresh();
    Store *store;
    Job *jobs;
    int count, exit_status;
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++)
        if ((children[p] = fork()) == 0) add_jobs(folder, JOBS);
    for (int p = 0; p < PROCESSES; p++) {
        waitpid(children[p], &exit_status, 0);
        assert_int_equal(exit_status, 0);
    }
    assert_ok(store_open_existing(folder, &store));
    assert_ok(store_jobs(store, &jobs, &count));
    assert_int_equal(count, JOBS);
    for (int j = 0; j < JOBS; j++) assert_int_equal(jobs[j].number, j);
    free(jobs);
    store_close(store);
}

static int count_jobs(Store *store) {
    Job *jobs;
    int count;
    assert_ok(store_jobs(store, &jobs, &count));
    free(jobs);
    return count;
}

/* The child is made before a store is open here: SQLite's locks do not survive a fork. */
static void a_reader_keeps_still(void **state) {
    (void)state;
    const char *folder = fresh();
    const struct timespec pause = {0, 200 * 1000000L};
    Store *store;
    int exit_status, go[2];
    char byte;
    assert_int_equal(pipe(go), 0);
    const pid_t child = fork();
    if (child == 0) {
        if (read(go[0], &byte, 1) != 1) _exit(9);
        add_jobs(folder, 1);
    }
    assert_ok(store_open(folder, &store));
    store_close(store);
    assert_ok(store_open_existing(folder, &store));
    assert_ok(store_begin_reading(store));
    assert_int_equal(count_jobs(store), 0);
    assert_int_equal(write(go[1], "x", 1), 1);
    nanosleep(&pause, NULL); /* time for the child to write, if it were let */
    assert_int_equal(count_jobs(store), 0);
    store_close(store);
    waitpid(child, &exit_status, 0);
    assert_int_equal(exit_status, 0);
    assert_ok(store_open_existing(folder, &store));
    assert_int_equal(count_jobs(store), 1);
    store_close(store);
    close(go[0]), close(go[1]);
}

static void a_killed_writer_leaves_whole_transactions(void **state) {
    (void)state;
    const char *folder = fresh();
    Store *store;
    Job *jobs;
    int count;
    for (int kills = 0; kills < 10; kills++) {
        pid_t child = fork();
        if (child == 0) add_jobs(folder, 1 << 20);
        const struct timespec pause = {0, (1 + (kills * 7919) % 23) * 1000000L};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    assert_ok(store_open(folder, &store));
    assert_ok(store_jobs(store, &jobs, &count));
    for (int j = 0; j < count; j++) assert_int_equal(jobs[j].number, j);
    free(jobs);
    store_close(store);
}

static void a_dead_workers_lock_is_free(void **state) {
    (void)state;
    const char *folder = fresh();
    Store *store;
    int lock, second, ready[2];
    char byte;
    assert_ok(store_open(folder, &store));
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        Store *own;
        if (store_open(folder, &own) || store_lock_trial(own, 7, &lock) || lock < 0) _exit(1);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_ok(store_lock_trial(store, 7, &lock));
    assert_int_equal(lock, -1);
    assert_ok(store_lock_trial(store, 8, &second));
    assert_true(second >= 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_ok(store_lock_trial(store, 7, &lock));
    assert_true(lock >= 0);
    /* Within a process, too: each worker opens the file anew. */
    int third;
    assert_ok(store_lock_trial(store, 7, &third));
    assert_int_equal(third, -1);
    close(lock), close(second), close(ready[0]), close(ready[1]);
    store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trials_come_back_to_the_bit), cmocka_unit_test(other_settings_are_refused_and_named),
        cmocka_unit_test(foreign_files_are_refused),   cmocka_unit_test(processes_take_turns),
        cmocka_unit_test(a_reader_keeps_still),        cmocka_unit_test(a_killed_writer_leaves_whole_transactions),
        cmocka_unit_test(a_dead_workers_lock_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
