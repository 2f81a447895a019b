/* One job at a time. A job is opened under a new number and closed by its owner once there are no pieces left. A worker
 * counts itself in, looks whether the job it saw is still open, and only then touches it; the owner closes, then waits until
 * nobody is counted in. Both orders are sequentially consistent, so one of them sees the other. A worker that wakes too late
 * finds the job closed and costs nothing. */
#include "base/pool.h"

#include "base/slices.h"

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { SPINS = 3000 }; /* about 50 microseconds: the gaps between the loops of a step are shorter */

static struct Pool {
    pthread_mutex_t busy; /* held by the owner of the job */
    pthread_t threads[SLICES_MAX_THREADS];
    int count;
    int processors; /* asked for once: the answer is read from a file */
    /* the job */
    PoolFn work;
    void *context;
    int wanted;               /* threads, the owner's included */
    atomic_uint number, open; /* of the last job; of the one that may be joined, 0: none */
    atomic_int inside;        /* workers counted in */
    atomic_int spins;         /* how long to wait before sleeping; 0 where threads outnumber processors */
    /* sleeping */
    pthread_mutex_t lock;
    pthread_cond_t opened, left;
    atomic_int sleepers, owner_sleeps;
    atomic_bool ending;
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .opened = PTHREAD_COND_INITIALIZER,
          .left = PTHREAD_COND_INITIALIZER,
          .spins = SPINS};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* ---- Workers ---- */

static void wait_for_job(unsigned seen) {
    for (int i = atomic_load(&pool.spins); i > 0; i--) {
        if (atomic_load(&pool.number) != seen || atomic_load(&pool.ending)) return;
        relax();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleepers, 1);
    while (atomic_load(&pool.number) == seen && !atomic_load(&pool.ending)) pthread_cond_wait(&pool.opened, &pool.lock);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.lock);
}

static void join_job(unsigned seen, int thread) {
    atomic_fetch_add(&pool.inside, 1);
    if (atomic_load(&pool.open) == seen && thread < pool.wanted) pool.work(pool.context, thread);
    if (atomic_fetch_sub(&pool.inside, 1) == 1 && atomic_load(&pool.owner_sleeps)) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_signal(&pool.left);
        pthread_mutex_unlock(&pool.lock);
    }
}

static void *run_worker(void *number) {
    int thread = (int)(intptr_t)number;
    unsigned seen = 0;
    omp_set_num_threads(1); /* this thread's own setting: oneDNN, called by a piece, must not spread out */
    while (!atomic_load(&pool.ending)) {
        wait_for_job(seen);
        seen = atomic_load(&pool.number);
        join_job(seen, thread);
    }
    return NULL;
}

/* A thread that cannot be made is done without. */
static void make_workers(int count) {
    while (pool.count < count && pool.count < SLICES_MAX_THREADS) {
        if (pthread_create(&pool.threads[pool.count], NULL, run_worker, (void *)(intptr_t)(pool.count + 1)) != 0)
            return;
        pool.count++;
    }
}

/* ---- The owner ---- */

static void open_job(int threads, PoolFn work, void *context) {
    unsigned number = atomic_load(&pool.number) + 1;
    if (!number) number = 1;
    pool.work = work;
    pool.context = context;
    pool.wanted = threads;
    atomic_store(&pool.spins, threads <= pool.processors ? SPINS : 0);
    atomic_store(&pool.open, number);
    atomic_store(&pool.number, number);
    if (atomic_load(&pool.sleepers)) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.opened);
        pthread_mutex_unlock(&pool.lock);
    }
}

static void close_job(void) {
    atomic_store(&pool.open, 0);
    for (int i = atomic_load(&pool.spins); i > 0; i--) {
        if (!atomic_load(&pool.inside)) return;
        relax();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.owner_sleeps, 1);
    while (atomic_load(&pool.inside)) pthread_cond_wait(&pool.left, &pool.lock);
    atomic_store(&pool.owner_sleeps, 0);
    pthread_mutex_unlock(&pool.lock);
}

static void run_alone(PoolFn work, void *context) {
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    work(context, 0);
    omp_set_num_threads(before);
}

/* A child of fork() has no workers, and nobody holds its locks. */
static void forget_workers(void) {
    pool.count = 0;
    atomic_store(&pool.open, 0);
    atomic_store(&pool.inside, 0);
    atomic_store(&pool.sleepers, 0);
    atomic_store(&pool.owner_sleeps, 0);
    pthread_mutex_init(&pool.busy, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.opened, NULL);
    pthread_cond_init(&pool.left, NULL);
}

static void begin(void) {
    pool.processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    pthread_atfork(NULL, NULL, forget_workers);
}

void pool_run(int threads, PoolFn work, void *context) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    /* Within a job `busy` is held, by this thread or by the owner of the job that it works for. */
    if (threads <= 1 || pthread_mutex_trylock(&pool.busy) != 0) {
        run_alone(work, context);
        return;
    }
    pthread_once(&once, begin);
    make_workers(threads - 1);
    open_job(threads, work, context);
    run_alone(work, context);
    close_job();
    pthread_mutex_unlock(&pool.busy);
}

/* The workers end before the code that they run is unloaded, at exit or by dlclose. */
__attribute__((destructor)) static void end_workers(void) {
    /* exit() from within a job: the process ends anyway, and its workers with it. */
    if (!pool.count || pthread_mutex_trylock(&pool.busy) != 0) return;
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.ending, true);
    pthread_cond_broadcast(&pool.opened);
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < pool.count; i++) pthread_join(pool.threads[i], NULL);
    pool.count = 0;
    pthread_mutex_unlock(&pool.busy);
}
