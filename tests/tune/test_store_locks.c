/* A store where the file system has no locks: a notice, and the threads of the one process take turns all the same. */
#include "testing.h"

#include "tune/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

/* The linker sends the store's calls here (--wrap). SQLite's come by way of it. */
int __wrap_flock(int, int);
int __wrap_fcntl(int, int, ...);
int __real_fcntl(int, int, ...);

int __wrap_flock(int descriptor, int operation) {
    (void)descriptor, (void)operation;
    errno = EOPNOTSUPP;
    return -1;
}

static int refused;

int __wrap_fcntl(int descriptor, int command, ...) {
    va_list values;
    if (command == F_SETLK || command == F_SETLKW || command == F_GETLK) {
        __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
        errno = ENOLCK;
        return -1;
    }
    va_start(values, command);
    const int value = command == F_SETFD ? va_arg(values, int) : 0;
    va_end(values);
    return __real_fcntl(descriptor, command, value);
}

static int notices;

static void count_notice(const char *text, void *context) {
    (void)context;
    assert_non_null(
        strstr(text, "this file system has no locks (No locks available); nothing keeps a second process out"));
    notices++;
}

static void trials_are_locked_within_the_process(void **state) {
    (void)state;
    const char *folder = path_in(scratch_folder(), "trials");
    Store *one, *other;
    int lock, second, third;
    cf_set_notice_handler(count_notice, NULL);
    assert_ok(store_open(folder, &one));
    assert_ok(store_open(folder, &other));
    assert_ok(store_lock_trial(one, 7, &lock));
    assert_true(lock >= 0);
    assert_ok(store_lock_trial(other, 7, &second));
    assert_int_equal(second, -1);
    assert_ok(store_lock_trial(other, 8, &third));
    assert_true(third >= 0);
    store_unlock_trial(lock);
    store_unlock_trial(second);
    assert_ok(store_lock_trial(other, 7, &second));
    assert_true(second >= 0);
    store_unlock_trial(second);
    store_unlock_trial(third);
    store_close(one);
    store_close(other);
    cf_set_notice_handler(NULL, NULL);
    assert_true(refused > 0);
    assert_int_equal(notices, 1);
}

enum { THREADS = 4, JOBS = 60 };

/* Adds jobs under the next free number until there are enough. */
static void *add_jobs(void *context) {
    Store *store;
    Job *jobs;
    int count = 0;
    cf_status status = store_open(context, &store);
    if (status) return context;
    while (!status && count < JOBS) {
        status = store_begin(store);
        if (!status) status = store_jobs(store, &jobs, &count);
        if (status) break;
        free(jobs);
        if (count < JOBS) status = store_add_job(store, &(Job){.number = count, .trial = 1, .budget = 1});
        if (!status) status = store_commit(store);
    }
    store_close(store);
    return status ? context : NULL;
}

static void threads_take_turns(void **state) {
    (void)state;
    char *folder = (char *)(uintptr_t)path_in(scratch_folder(), "turns");
    pthread_t threads[THREADS];
    Store *store;
    Job *jobs;
    int count;
    assert_ok(store_open(folder, &store));
    for (int t = 0; t < THREADS; t++) assert_int_equal(pthread_create(&threads[t], NULL, add_jobs, folder), 0);
    for (int t = 0; t < THREADS; t++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[t], &failed), 0);
        assert_null(failed);
    }
    assert_ok(store_jobs(store, &jobs, &count));
    assert_int_equal(count, JOBS);
    for (int j = 0; j < count; j++) assert_int_equal(jobs[j].number, j);
    free(jobs);
    store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trials_are_locked_within_the_process),
        cmocka_unit_test(threads_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
