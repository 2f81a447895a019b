/* The pool behind slices_run: every piece once whoever does it, loops within loops and beside loops, each with its threads, after
 * a fork, and with the threads that the system grants. */
#include "testing.h"

#include "base/slices.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECES = 64, LOOPS = 3000 };

/* The linker sends the pool's calls here (--wrap): so many threads are granted, and no more. */
static atomic_int granted = 1000000, asked;
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *context) {
    asked++;
    if (granted <= 0) return EAGAIN;
    granted--;
    return __real_pthread_create(thread, attributes, work, context);
}

typedef struct Count {
    _Atomic int visits[PIECES];
    _Atomic int bad_thread, busy[8], overlap;
    int threads;
} Count;

static cf_status visit(void *context, int64_t index, int thread) {
    Count *c = context;
    if (thread < 0 || thread >= c->threads) {
        c->bad_thread = 1;
        return CF_OK;
    }
    if (atomic_exchange(&c->busy[thread], 1)) c->overlap = 1; /* two pieces must never share a thread's scratch */
    c->visits[index]++;
    c->busy[thread] = 0;
    return CF_OK;
}

/* Many short loops in a row: wake-ups that come too late must find nothing to do. */
static void every_piece_once(void **state) {
    (void)state;
    static const int threads[] = {2, 3, 8, 2};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++)
        for (int i = 0; i < LOOPS; i++) {
            Count c = {.threads = threads[t]};
            int pieces = 1 + i % PIECES;
            assert_ok(slices_run(threads[t], pieces, visit, &c));
            for (int k = 0; k < PIECES; k++) assert_int_equal(c.visits[k], k < pieces);
            assert_int_equal(c.bad_thread, 0);
            assert_int_equal(c.overlap, 0);
        }
}

static cf_status nest(void *context, int64_t index, int thread) {
    (void)thread;
    Count *all = context;
    Count own = {.threads = 1};
    cf_status status = slices_run(4, 8, visit, &own); /* alone on this thread: index 0 only */
    for (int k = 0; !status && k < 8; k++)
        if (own.visits[k] != 1 || own.bad_thread) return CF_INTERNAL;
    all->visits[index]++;
    return status;
}

static void a_loop_within_a_loop(void **state) {
    (void)state;
    Count c = {.threads = 2};
    assert_ok(slices_run(2, PIECES, nest, &c));
    for (int k = 0; k < PIECES; k++) assert_int_equal(c.visits[k], 1);
}

static void *run_many(void *context) {
    for (int i = 0; i < LOOPS; i++) {
        Count c = {.threads = 3};
        if (slices_run(3, PIECES, visit, &c)) return NULL;
        for (int k = 0; k < PIECES; k++)
            if (c.visits[k] != 1 || c.bad_thread || c.overlap) return NULL;
    }
    return context;
}

static void callers_beside_each_other(void **state) {
    (void)state;
    pthread_t callers[3];
    int token;
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&callers[i], NULL, run_many, &token), 0);
    for (int i = 0; i < 3; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(callers[i], &result), 0);
        assert_ptr_equal(result, &token);
    }
}

static void after_a_fork(void **state) {
    (void)state;
    Count c = {.threads = 4};
    int status = -1;
    assert_ok(slices_run(4, PIECES, visit, &c));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int token;
        alarm(20); /* a lock left behind by a thread that is not there would wait for ever */
        _exit(run_many(&token) == &token ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A piece ends only when all pieces of all loops have begun, so each has a thread of its own at the same time. */
typedef struct Meeting {
    pthread_mutex_t lock;
    pthread_cond_t all_here;
    int wanted, here, threads; /* threads of each loop */
} Meeting;

/* The time limit is for failing instead of hanging. */
static cf_status meet(void *context, int64_t index, int thread) {
    Meeting *m = context;
    struct timespec end;
    int late = 0;
    (void)index, (void)thread;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 60;
    pthread_mutex_lock(&m->lock);
    if (++m->here == m->wanted) pthread_cond_broadcast(&m->all_here);
    while (m->here < m->wanted && !late) late = pthread_cond_timedwait(&m->all_here, &m->lock, &end);
    pthread_mutex_unlock(&m->lock);
    return late ? CF_INTERNAL : CF_OK;
}

static void *hold_meeting(void *context) {
    const Meeting *m = context;
    return slices_run(m->threads, m->threads, meet, context) ? NULL : context;
}

static bool all_meet(int owners, int threads) {
    Meeting m = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, owners * threads, 0, threads};
    pthread_t callers[8];
    bool met = true;
    for (int i = 0; i < owners; i++) assert_int_equal(pthread_create(&callers[i], NULL, hold_meeting, &m), 0);
    for (int i = 0; i < owners; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(callers[i], &result), 0);
        met = met && result;
    }
    return met;
}

static void every_owner_has_its_threads(void **state) {
    (void)state;
    static const int owners[] = {4, 1, 3, 8, 2, 4}, threads[] = {4, 8, 5, 2, 7, 16};
    for (int round = 0; round < 4; round++)
        for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) assert_true(all_meet(owners[i], threads[i]));
}

/* Workers that loops of two threads have no use for sleep, and come again when they are asked for. */
static void spare_workers_come_again(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        Count c = {.threads = 2};
        Meeting m = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 8, 0, 8};
        for (int i = 0; i < LOOPS; i++) assert_ok(slices_run(2, PIECES, visit, &c));
        assert_ok(slices_run(8, 8, meet, &m));
        assert_int_equal(c.bad_thread + c.overlap, 0);
    }
}

static cf_status take_root(void *context, int64_t index, int thread) {
    (void)thread;
    ((double *)context)[index] = sqrt((double)index + 0.1);
    return CF_OK;
}

/* In the order of the pieces, as any sum over them is formed. */
static double sum_of_roots(int threads) {
    double parts[PIECES], sum = 0;
    assert_ok(slices_run(threads, PIECES, take_root, parts));
    for (int k = 0; k < PIECES; k++) sum += parts[k];
    return sum;
}

/* First of all, while there are no workers: none can be made, then one of seven, then all. */
static void threads_that_cannot_be_made(void **state) {
    (void)state;
    static const int grants[] = {0, 1, 1000000};
    double alone = sum_of_roots(1);
    for (size_t g = 0; g < sizeof grants / sizeof grants[0]; g++) {
        Count c = {.threads = 8};
        asked = 0;
        granted = grants[g];
        assert_ok(slices_run(8, PIECES, visit, &c));
        assert_true(asked > 0);
        for (int k = 0; k < PIECES; k++) assert_int_equal(c.visits[k], 1);
        assert_int_equal(c.bad_thread, 0);
        double sum = sum_of_roots(8);
        assert_memory_equal(&sum, &alone, sizeof sum);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_cannot_be_made),
        cmocka_unit_test(every_piece_once),
        cmocka_unit_test(a_loop_within_a_loop),
        cmocka_unit_test(callers_beside_each_other),
        cmocka_unit_test(every_owner_has_its_threads),
        cmocka_unit_test(spare_workers_come_again),
        cmocka_unit_test(after_a_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
