/* A team of workers for each thread that runs a loop: loops of several threads, as those of a tune's trials, go on side by side,
 * each with the threads it asks for. A thread goes back to the team that it had last; where another has it, to the first that
 * is free. So a single owner has always the same one, and there are never more teams than loops at once.
 *
 * Within a team there is one job at a time. It is opened under a new number and closed by its owner once there are no pieces
 * left. A worker counts itself in, looks whether the job it saw is still open, and only then touches it; the owner closes, then
 * waits until nobody is counted in. Both orders are sequentially consistent, so one of them sees the other. A worker that wakes
 * too late finds the job closed and costs nothing. */
#include "base/slices.h"

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

enum {
    SPINS = 3000,                       /* about 50 microseconds: the gaps between the loops of a step are shorter */
    MOST_TEAMS = SLICES_MAX_THREADS / 2 /* of two threads at least */
};

typedef struct Team {
    pthread_mutex_t busy; /* held by the owner of the job */
    int count;            /* workers */
    atomic_int begun;     /* of them: each takes the next number */
    /* the job */
    PoolFn work;
    void *context;
    atomic_int wanted;        /* threads, the owner's included */
    atomic_uint number, open; /* of the last job; of the one that may be joined, 0: none */
    atomic_int inside;        /* workers counted in */
    atomic_int spins;         /* how long to wait before sleeping; 0 where threads outnumber processors */
    /* sleeping */
    pthread_mutex_t lock;
    pthread_cond_t opened, grown, left; /* `grown`: for workers that the last jobs had no use for */
    atomic_int sleepers, spares, owner_sleeps;
    atomic_bool ending;
    pthread_t threads[SLICES_MAX_THREADS];
} Team;

static Team teams[MOST_TEAMS]; /* memory that is never touched costs nothing */
static atomic_int team_count;
static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER; /* of the teams */
static atomic_int at_work;                                  /* threads asked for by all open jobs */
static int processors;                                      /* asked for once: the answer is read from a file */

static _Thread_local bool within;     /* this thread works on a job, its own or as a worker */
static _Thread_local int latest_team; /* the one it had last */

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* ---- Workers ---- */

typedef struct Worker {
    Team *team;
    int thread; /* from 1 */
    unsigned seen;
    int patience; /* spins left: given anew by each job that wants this worker */
} Worker;

static bool has_news(const Worker *w) {
    return atomic_load(&w->team->number) != w->seen || atomic_load(&w->team->ending);
}

static bool is_wanted(const Worker *w) {
    return w->thread < atomic_load(&w->team->wanted) || atomic_load(&w->team->ending);
}

/* A worker that the last jobs had no use for sleeps apart: jobs with as few threads need not wake it. */
static void sleep_until_opened(const Worker *w) {
    Team *team = w->team;
    const bool wanted = is_wanted(w);
    atomic_int *asleep = wanted ? &team->sleepers : &team->spares;
    atomic_fetch_add(asleep, 1);
    while (!has_news(w) || (!wanted && !is_wanted(w)))
        pthread_cond_wait(wanted ? &team->opened : &team->grown, &team->lock);
    atomic_fetch_sub(asleep, 1);
}

static void wait_for_job(Worker *w) {
    for (; w->patience > 0; w->patience--) {
        if (has_news(w)) return;
        relax();
    }
    pthread_mutex_lock(&w->team->lock);
    sleep_until_opened(w);
    pthread_mutex_unlock(&w->team->lock);
}

static void join_job(Worker *w) {
    Team *team = w->team;
    atomic_fetch_add(&team->inside, 1);
    if (atomic_load(&team->open) == w->seen && is_wanted(w)) team->work(team->context, w->thread);
    if (atomic_fetch_sub(&team->inside, 1) == 1 && atomic_load(&team->owner_sleeps)) {
        pthread_mutex_lock(&team->lock);
        pthread_cond_signal(&team->left);
        pthread_mutex_unlock(&team->lock);
    }
}

static void *run_worker(void *context) {
    Team *team = context;
    Worker w = {.team = team, .thread = atomic_fetch_add(&team->begun, 1) + 1};
    omp_set_num_threads(1); /* this thread's own setting: oneDNN, called by a piece, must not spread out */
    within = true;
    while (!atomic_load(&w.team->ending)) {
        wait_for_job(&w);
        w.seen = atomic_load(&w.team->number);
        if (is_wanted(&w)) w.patience = atomic_load(&w.team->spins);
        join_job(&w);
    }
    return NULL;
}

/* A thread that cannot be made is done without. */
static void make_workers(Team *team, int count) {
    while (team->count < count && team->count < SLICES_MAX_THREADS) {
        if (pthread_create(&team->threads[team->count], NULL, run_worker, team) != 0) return;
        team->count++;
    }
}

/* ---- Teams ---- */

static void make_locks(Team *team) {
    pthread_mutex_init(&team->busy, NULL);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->opened, NULL);
    pthread_cond_init(&team->grown, NULL);
    pthread_cond_init(&team->left, NULL);
}

/* A child of fork() has no workers, and nobody holds its locks. */
static void forget_workers(void) {
    for (int t = 0; t < atomic_load(&team_count); t++) {
        Team *team = &teams[t];
        team->count = 0;
        atomic_store(&team->begun, 0);
        atomic_store(&team->open, 0);
        atomic_store(&team->inside, 0);
        atomic_store(&team->sleepers, 0);
        atomic_store(&team->spares, 0);
        atomic_store(&team->owner_sleeps, 0);
        make_locks(team);
    }
    atomic_store(&at_work, 0);
    pthread_mutex_init(&growing, NULL);
}

static void look_at_machine(void) {
    processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    pthread_atfork(NULL, NULL, forget_workers);
}

/* Teams are counted once they are whole: others look at no more of them. */
static Team *add_team(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    Team *team = NULL;
    pthread_once(&once, look_at_machine);
    pthread_mutex_lock(&growing);
    const int count = atomic_load(&team_count);
    if (count < MOST_TEAMS) {
        team = &teams[count];
        latest_team = count;
        make_locks(team);
        pthread_mutex_lock(&team->busy);
        atomic_store(&team_count, count + 1);
    }
    pthread_mutex_unlock(&growing);
    return team;
}

/* Its `busy` is then held; NULL: there are no more. */
static Team *take_team(void) {
    const int count = atomic_load(&team_count);
    if (latest_team < count && pthread_mutex_trylock(&teams[latest_team].busy) == 0) return &teams[latest_team];
    for (int t = 0; t < count; t++) {
        if (pthread_mutex_trylock(&teams[t].busy) != 0) continue;
        latest_team = t;
        return &teams[t];
    }
    return add_team();
}

/* ---- The owner ---- */

static void wake(Team *team, pthread_cond_t *sleeping) {
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(sleeping);
    pthread_mutex_unlock(&team->lock);
}

static void open_job(Team *team, int threads, PoolFn work, void *context) {
    const int before = atomic_load(&team->wanted), together = atomic_fetch_add(&at_work, threads) + threads;
    unsigned number = atomic_load(&team->number) + 1;
    if (!number) number = 1;
    team->work = work;
    team->context = context;
    if (threads != before) atomic_store(&team->wanted, threads);
    atomic_store(&team->spins, together <= processors ? SPINS : 0);
    atomic_store(&team->open, number);
    atomic_store(&team->number, number);
    if (atomic_load(&team->sleepers)) wake(team, &team->opened);
    if (threads > before && atomic_load(&team->spares)) wake(team, &team->grown);
}

static void close_job(Team *team, int threads) {
    atomic_store(&team->open, 0);
    atomic_fetch_sub(&at_work, threads);
    for (int i = atomic_load(&team->spins); i > 0; i--) {
        if (!atomic_load(&team->inside)) return;
        relax();
    }
    pthread_mutex_lock(&team->lock);
    atomic_store(&team->owner_sleeps, 1);
    while (atomic_load(&team->inside)) pthread_cond_wait(&team->left, &team->lock);
    atomic_store(&team->owner_sleeps, 0);
    pthread_mutex_unlock(&team->lock);
}

static void run_alone(PoolFn work, void *context) {
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    work(context, 0);
    omp_set_num_threads(before);
}

static void run_together(Team *team, int threads, PoolFn work, void *context) {
    within = true;
    make_workers(team, threads - 1);
    open_job(team, threads, work, context);
    run_alone(work, context);
    close_job(team, threads);
    within = false;
    pthread_mutex_unlock(&team->busy);
}

void pool_run(int threads, PoolFn work, void *context) {
    Team *team = threads > 1 && !within ? take_team() : NULL;
    if (team)
        run_together(team, threads, work, context);
    else
        run_alone(work, context);
}

static void end_team(Team *team) {
    /* exit() from within a job: the process ends anyway, and its workers with it. */
    if (!team->count || pthread_mutex_trylock(&team->busy) != 0) return;
    pthread_mutex_lock(&team->lock);
    atomic_store(&team->ending, true);
    pthread_cond_broadcast(&team->opened);
    pthread_cond_broadcast(&team->grown);
    pthread_mutex_unlock(&team->lock);
    for (int i = 0; i < team->count; i++) pthread_join(team->threads[i], NULL);
    team->count = 0;
    pthread_mutex_unlock(&team->busy);
}

/* The workers end before the code that they run is unloaded, at exit or by dlclose. */
__attribute__((destructor)) static void end_workers(void) {
    for (int t = 0; t < atomic_load(&team_count); t++) end_team(&teams[t]);
}
