#include "testing.h"

#include "base/files.h"
#include "base/lock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that takes the lock, says so through a pipe, and waits to be killed. */
static pid_t start_holder(const char *path) {
    int ends[2];
    char said = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        Lock lock;
        said = lock_take(path, &lock) ? 'n' : 'y';
        if (write(ends[1], &said, 1) == 1)
            for (;;) pause();
        _exit(1);
    }
    assert_int_equal(read(ends[0], &said, 1), 1);
    assert_int_equal(said, 'y');
    close(ends[0]);
    close(ends[1]);
    return child;
}

static void test_one_at_a_time(void **state) {
    (void)state;
    Lock first = {0}, second = {0};
    const char *path = path_in(scratch_folder(), "lock");
    assert_ok(lock_take(path, &first));
    assert_true(file_exists(path));
    assert_fails(lock_take(path, &second), CF_IO, "is in use by another process (process ");
    assert_null(second.path);
    lock_release(&second);
    assert_true(file_exists(path));
    lock_release(&first);
    lock_release(&first);
    assert_false(file_exists(path));
    assert_ok(lock_take(path, &second));
    lock_release(&second);
}

static void test_whether_it_is_held(void **state) {
    (void)state;
    const char *folder = scratch_folder(), *path = path_in(folder, "lock");
    Lock lock = {0};
    assert_false(lock_folder_is_held(folder));
    assert_false(file_exists(path));
    assert_ok(lock_folder(folder, &lock));
    assert_true(lock_folder_is_held(folder));
    lock_release(&lock);
    assert_false(lock_folder_is_held(folder));
    assert_ok(file_write(path, "left by a killed one", 20));
    assert_false(lock_folder_is_held(folder));
    assert_ok(lock_folder(folder, &lock));
    lock_release(&lock);
}

static void test_the_owner_is_told_and_a_kill_gives_it_back(void **state) {
    (void)state;
    Lock lock = {0};
    char owner[64];
    const char *path = path_in(scratch_folder(), "killed-lock");
    const pid_t child = start_holder(path);
    snprintf(owner, sizeof owner, "(process %ld on ", (long)child);
    assert_fails(lock_take(path, &lock), CF_IO, owner);
    assert_non_null(strstr(cf_error(), scratch_folder()));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(file_exists(path)); /* what the killed one left does not count */
    assert_ok(lock_take(path, &lock));
    lock_release(&lock);
    assert_false(file_exists(path));
}

static void test_refusals(void **state) {
    (void)state;
    Lock lock = {0};
    assert_fails(lock_take(path_in(scratch_folder(), "no-such-folder/lock"), &lock), CF_IO, "No such file");
    const char *link = path_in(scratch_folder(), "link"), *target = path_in(scratch_folder(), "target");
    assert_int_equal(symlink(target, link), 0);
    assert_fails(lock_take(link, &lock), CF_IO, "cannot write"); /* who put it there may mean another file */
    assert_false(file_exists(target));
}

enum { PROCESSES = 4, ROUNDS = 300 };

/* Adds one to the number in the file, `rounds` times, each time under the lock: a lock that two have loses some. */
static int count_up(const char *path, const char *counter) {
    for (int i = 0; i < ROUNDS; i++) {
        Lock lock;
        int number = 0;
        while (lock_take(path, &lock)) usleep(50);
        FILE *file = fopen(counter, "r+");
        if (!file || fscanf(file, "%d", &number) != 1) return 1;
        rewind(file);
        fprintf(file, "%d\n", number + 1);
        fclose(file);
        lock_release(&lock);
    }
    return 0;
}

/* Its file is removed at each release: who opened it just before must not believe that it has the lock. */
static void test_removed_files_do_not_lock(void **state) {
    (void)state;
    const char *path = path_in(scratch_folder(), "contended"), *counter = path_in(scratch_folder(), "counter");
    int number, status;
    write_bytes(counter, "0\n", 2);
    for (int p = 0; p < PROCESSES; p++)
        if (fork() == 0) _exit(count_up(path, counter));
    for (int p = 0; p < PROCESSES; p++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    FILE *file = fopen(counter, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &number), 1);
    fclose(file);
    assert_int_equal(number, PROCESSES * ROUNDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_whether_it_is_held),
        cmocka_unit_test(test_the_owner_is_told_and_a_kill_gives_it_back),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_removed_files_do_not_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
