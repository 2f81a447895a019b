#include "base/ranks.h"

#include "base/library.h"
#include "base/memory.h"
#include "base/numbers.h"

#include <limits.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static int rank, size = 1;
static int fewest = INT_MAX, fewest_of; /* processors of a rank, and which one that is; of rank 0 */
static bool working;
static uint64_t bytes_sent, messages_sent;
static volatile sig_atomic_t terminated;

int ranks_rank(void) {
    return rank;
}

int ranks_size(void) {
    return size;
}

uint64_t ranks_bytes_sent(void) {
    return bytes_sent;
}

uint64_t ranks_messages_sent(void) {
    return messages_sent;
}

void ranks_working(bool together) {
    working = together;
}

bool ranks_are_working(void) {
    return working;
}

void ranks_note_termination(void) {
    terminated = 1;
}

/* ---- What the environment says ---- */

static int environment_number(const char *name) {
    const char *text = getenv(name);
    const long value = text ? strtol(text, NULL, 10) : 0;
    return value > 0 && value < INT_MAX ? (int)value : 0;
}

/* By srun's PMIx a process knows its rank alone; Slurm says how many there are. */
int ranks_announced(void) {
    int count = environment_number("OMPI_COMM_WORLD_SIZE");
    if (!count) count = environment_number("PMI_SIZE");
    if (!count && getenv("PMIX_RANK")) count = environment_number("SLURM_NTASKS");
    return count ? count : 1;
}

int ranks_on_this_machine(void) {
    int count = environment_number("OMPI_COMM_WORLD_LOCAL_SIZE");
    if (!count && getenv("PMIX_RANK")) count = environment_number("SLURM_NTASKS_PER_NODE");
    return count ? count : 1;
}

void ranks_tell_binding(int threads) {
    static bool told;
    const int own = omp_get_num_procs();
    if (told || size < 2 || rank) return;
    told = true;
    if (threads > fewest)
        notice("rank %d has %d threads for the %d processor%s that it may use: mpirun binds each rank to some "
               "unless it is started with --bind-to none; or give fewer --threads",
               fewest_of, threads, fewest, fewest == 1 ? "" : "s");
    else if (!threads && getenv("OMPI_MCA_orte_bound_at_launch") && own * ranks_on_this_machine() < get_nprocs())
        notice("mpirun binds this rank to %d of the machine's %d processors, so it has %d thread%s: with "
               "--bind-to none its ranks share them all",
               own, get_nprocs(), own, own == 1 ? "" : "s");
}

const char ranks_lost[] =
    "a rank, or its machine, was lost, or the job was ended from outside before a step was done; resume what is kept by "
    "the same command, with --resume if it is a training";

/* mpirun kills a second after it has asked to end; Slurm leaves half a minute. */
double ranks_patience(void) {
    return getenv("OMPI_COMM_WORLD_SIZE") ? 0.5 : 20;
}

int ranks_announced_rank(void) {
    return environment_number("OMPI_COMM_WORLD_RANK") + environment_number("PMIX_RANK") +
           environment_number("PMI_RANK");
}

#ifndef CIFRA_MPI

const char *ranks_library(void) {
    return "built without MPI: one process";
}

cf_status ranks_begin(const char *identity) {
    (void)identity;
    FAIL_IF(
        ranks_announced() > 1, CF_BAD_USE,
        "%d processes were started together, and this cifra was built without MPI: install Open MPI (Debian: apt-get "
        "install libopenmpi-dev openmpi-bin) and build it again, or start it without mpirun",
        ranks_announced());
    return CF_OK;
}

void ranks_end(int exit_status) {
    (void)exit_status;
}

static cf_status fail_alone(void) {
    return FAIL(CF_INTERNAL, "there are no other processes");
}

cf_status ranks_post_send(RanksRequest *request, int to, int tag, const void *bytes, size_t count) {
    (void)request, (void)to, (void)tag, (void)bytes, (void)count;
    return fail_alone();
}

cf_status ranks_post_receive(RanksRequest *request, int from, int tag, void *bytes, size_t count) {
    (void)request, (void)from, (void)tag, (void)bytes, (void)count;
    return fail_alone();
}

bool ranks_done(RanksRequest *requests, int count) {
    (void)requests, (void)count;
    return true;
}

cf_status ranks_wait(RanksRequest *requests, int count) {
    (void)requests, (void)count;
    return fail_alone();
}

cf_status ranks_receive_text(int from, int tag, bool wait, int *sender, char **bytes, size_t *count) {
    (void)from, (void)tag, (void)wait, (void)sender, (void)bytes, (void)count;
    return fail_alone();
}

void ranks_fail(void) {}

#else

/* mpi.h gives types and prototypes; constants that are addresses in the library are looked up there. */
#include <mpi.h>

#define MPI_FUNCTIONS(row)                                                                                             \
    row(Init_thread) row(Finalize) row(Abort) row(Comm_rank) row(Comm_size) row(Comm_set_errhandler)                   \
        row(Get_processor_name) row(Isend) row(Irecv) row(Testall) row(Iprobe) row(Get_count) row(Error_string)

static Library library = {.name = "libmpi.so.40", .global = true};
static struct {
#define MEMBER(function) __typeof__(MPI_##function) *function;
    MPI_FUNCTIONS(MEMBER)
#undef MEMBER
} mpi;
static MPI_Comm world;
static bool begun;
static MPI_Datatype byte_type;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* MPI is called by one thread at a time */

const char *ranks_library(void) {
    static char text[64];
    snprintf(text, sizeof text, "MPI: Open MPI %d.%d.%d", OMPI_MAJOR_VERSION, OMPI_MINOR_VERSION, OMPI_RELEASE_VERSION);
    return text;
}

static cf_status load_mpi(MPI_Errhandler *errors_return) {
    library_load(&library);
#define FIND(function) mpi.function = (__typeof__(mpi.function))library_find(&library, "MPI_" #function, "Open MPI 4");
    MPI_FUNCTIONS(FIND)
#undef FIND
    world = (MPI_Comm)library_find(&library, "ompi_mpi_comm_world", "Open MPI 4");
    byte_type = (MPI_Datatype)library_find(&library, "ompi_mpi_byte", "Open MPI 4");
    *errors_return = (MPI_Errhandler)library_find(&library, "ompi_mpi_errors_return", "Open MPI 4");
    FAIL_IF(library.fault[0], CF_IO,
            "%s %s; several processes need it (Debian, Ubuntu: apt-get install libopenmpi3 openmpi-bin)", library.name,
            library.fault);
    return CF_OK;
}

/* ---- Messages ---- */

static cf_status fail_call(int code, const char *doing, int other) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    mpi.Error_string(code, text, &length);
    return FAIL(CF_IO, "%s rank %d failed: %s", doing, other, text);
}

cf_status ranks_post_send(RanksRequest *request, int to, int tag, const void *bytes, size_t count) {
    MPI_Request made;
    FAIL_IF(count > INT_MAX, CF_BAD_USE, "a message of %zu bytes is too long", count);
    pthread_mutex_lock(&lock);
    const int code = mpi.Isend(bytes, (int)count, byte_type, to, tag, world, &made);
    bytes_sent += count;
    messages_sent++;
    pthread_mutex_unlock(&lock);
    if (code) return fail_call(code, "sending to", to);
    *request = made;
    return CF_OK;
}

cf_status ranks_post_receive(RanksRequest *request, int from, int tag, void *bytes, size_t count) {
    MPI_Request made;
    FAIL_IF(count > INT_MAX, CF_BAD_USE, "a message of %zu bytes is too long", count);
    pthread_mutex_lock(&lock);
    const int code = mpi.Irecv(bytes, (int)count, byte_type, from, tag, world, &made);
    pthread_mutex_unlock(&lock);
    if (code) return fail_call(code, "receiving from", from);
    *request = made;
    return CF_OK;
}

static int test_all(RanksRequest *requests, int count, bool *done) {
    MPI_Request open[128];
    int flag, code = 0;
    *done = true;
    pthread_mutex_lock(&lock);
    for (int first = 0; first < count && !code; first += (int)COUNT_OF(open)) {
        const int most = count - first < (int)COUNT_OF(open) ? count - first : (int)COUNT_OF(open);
        int n = 0, place[COUNT_OF(open)];
        for (int i = first; i < first + most; i++)
            if (requests[i]) place[n] = i, open[n++] = requests[i];
        if (!n) continue;
        code = mpi.Testall(n, open, &flag, MPI_STATUSES_IGNORE);
        *done = *done && flag;
        for (int i = 0; i < n && flag && !code; i++) requests[place[i]] = NULL;
    }
    pthread_mutex_unlock(&lock);
    return code;
}

bool ranks_done(RanksRequest *requests, int count) {
    bool done;
    return !test_all(requests, count, &done) && done;
}

/* ---- Waiting: awake while an answer can be near, then asleep, so that ranks may share a processor ---- */

typedef struct Wait {
    double begin, looked, terminated_since;
    int turns;
} Wait;

static cf_status look_for_failure(void) {
    AUTO_FREE char *text = NULL;
    int from;
    if (rank) return CF_OK;
    FORWARD(ranks_receive_text(-1, TAG_FAILED, false, &from, &text, NULL));
    return text ? FAIL(CF_IO, "rank %d, on %s", from, text) : CF_OK;
}

static cf_status look_for_termination(Wait *wait, double now) {
    if (!terminated || rank) return CF_OK;
    if (wait->terminated_since <= 0) wait->terminated_since = now;
    FAIL_IF(now - wait->terminated_since > ranks_patience(), CF_IO, "%s", ranks_lost);
    return CF_OK;
}

static cf_status wait_on(Wait *wait) {
    enum { SPINS = 200 };
    const struct timespec nap = {.tv_nsec = 50 * 1000}, long_nap = {.tv_nsec = 1000 * 1000};
    if (wait->turns++ < SPINS) {
        sched_yield();
        return CF_OK;
    }
    const double now = clock_seconds();
    if (wait->begin <= 0) wait->begin = now;
    nanosleep(now - wait->begin > 1 ? &long_nap : &nap, NULL);
    if (now - wait->looked < 0.01) return CF_OK;
    wait->looked = now;
    FORWARD(look_for_failure());
    return look_for_termination(wait, now);
}

cf_status ranks_wait(RanksRequest *requests, int count) {
    Wait wait = {0};
    for (;;) {
        bool done;
        const int code = test_all(requests, count, &done);
        if (code) return fail_call(code, "waiting for", -1);
        if (done) return CF_OK;
        FORWARD(wait_on(&wait));
    }
}

cf_status ranks_receive_text(int from, int tag, bool wait_for, int *sender, char **bytes, size_t *count) {
    MPI_Status status;
    Wait wait = {0};
    int there = 0, length;
    RanksRequest request;
    *bytes = NULL;
    for (;;) {
        pthread_mutex_lock(&lock);
        const int code = mpi.Iprobe(from < 0 ? MPI_ANY_SOURCE : from, tag, world, &there, &status);
        if (there) mpi.Get_count(&status, byte_type, &length);
        pthread_mutex_unlock(&lock);
        if (code) return fail_call(code, "looking for a message of", from);
        if (there || !wait_for) break;
        FORWARD(wait_on(&wait));
    }
    if (!there) return CF_OK;
    AUTO_FREE char *text = NULL;
    FORWARD(memory_new((size_t)length + 1, 1, &text));
    FORWARD(ranks_post_receive(&request, status.MPI_SOURCE, tag, text, (size_t)length));
    FORWARD(ranks_wait(&request, 1));
    *bytes = memory_take(&text);
    if (sender) *sender = status.MPI_SOURCE;
    if (count) *count = (size_t)length;
    return CF_OK;
}

/* ---- Beginning and ending ---- */

static void machine_name(char name[MPI_MAX_PROCESSOR_NAME]) {
    int length;
    snprintf(name, MPI_MAX_PROCESSOR_NAME, "an unknown machine");
    mpi.Get_processor_name(name, &length);
}

void ranks_fail(void) {
    char host[MPI_MAX_PROCESSOR_NAME], text[2400];
    RanksRequest request;
    machine_name(host);
    snprintf(text, sizeof text, "%s: %s", host, cf_error());
    if (!ranks_post_send(&request, 0, TAG_FAILED, text, strlen(text))) ranks_wait(&request, 1);
    for (int i = 0; i < 600 && !terminated; i++) usleep(50000);
}

/* The first line that differs. */
static cf_status compare_identity(const char *mine, const char *other, int from) {
    const char *host = strrchr(other, '\n');
    for (; *mine && *mine == *other; mine++, other++)
        ;
    if (!*mine) return CF_OK;
    const char *a = mine, *b = other;
    while (a[-1] != '\n') a--, b--;
    return FAIL(CF_BAD_USE,
                "rank %d on %s has \"%.*s\" where rank 0 has \"%.*s\"; the same bits need the same cifra and the same "
                "instruction set everywhere (CIFRA_ISA=avx2 keeps all processors to one)",
                from, host ? host + 1 : "another machine", (int)strcspn(b, "\n"), b, (int)strcspn(a, "\n"), a);
}

static cf_status check_identities(const char *identity) {
    for (int r = 1; r < size; r++) {
        AUTO_FREE char *other = NULL;
        FORWARD(ranks_receive_text(r, TAG_IDENTITY, true, NULL, &other, NULL));
        FORWARD(compare_identity(identity, other, r));
        const int processors = atoi(other + strlen(identity) + 1);
        if (processors < fewest) fewest = processors, fewest_of = r;
    }
    return CF_OK;
}

static cf_status exchange_identities(const char *identity) {
    AUTO_FREE char *text = NULL;
    char host[MPI_MAX_PROCESSOR_NAME];
    if (!rank) fewest = omp_get_num_procs();
    if (!rank) return check_identities(identity);
    machine_name(host);
    FORWARD(memory_print(&text, "%s\n%d\n%s", identity, omp_get_num_procs(), host));
    return ranks_send(0, TAG_IDENTITY, text, strlen(text));
}

cf_status ranks_begin(const char *identity) {
    AUTO_FREE char *text = NULL;
    MPI_Errhandler errors_return;
    int given;
    if (ranks_announced() < 2) return CF_OK;
    /* Of Open MPI 4 nothing is heard of a rank that was lost then: messages to and from it are never done. */
    FAIL_IF(environment_number("OMPI_MCA_orte_enable_recovery"), CF_BAD_USE,
            "mpirun would keep this job when a rank is lost, and the others would wait for that one for ever: start "
            "it without --enable-recovery; what is kept goes on by the same command");
    FORWARD(load_mpi(&errors_return));
    FAIL_IF(mpi.Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &given) || given < MPI_THREAD_SERIALIZED, CF_IO,
            "MPI did not start, or not for several threads");
    begun = true;
    mpi.Comm_set_errhandler(world, errors_return);
    mpi.Comm_rank(world, &rank);
    mpi.Comm_size(world, &size);
    FORWARD(memory_print(&text, "\n%s", identity));
    const cf_status status = exchange_identities(text);
    if (status) working = true; /* the others wait for a job */
    return status;
}

void ranks_end(int exit_status) {
    if (!begun) return;
    if (working) mpi.Abort(world, exit_status ? exit_status : 1);
    mpi.Finalize();
    begun = false;
}

#endif

/* ---- Of these, what callers use ---- */

enum { PART = 1 << 30 }; /* bytes of a long message's parts */

static cf_status pass_in_parts(bool sends, int other, int tag, char *bytes, size_t count) {
    size_t passed = 0;
    do { /* also a message of no bytes */
        RanksRequest request;
        const size_t part = count - passed < PART ? count - passed : PART;
        FORWARD((sends ? ranks_post_send(&request, other, tag, bytes + passed, part)
                       : ranks_post_receive(&request, other, tag, bytes + passed, part)));
        FORWARD(ranks_wait(&request, 1));
        passed += part;
    } while (passed < count);
    return CF_OK;
}

cf_status ranks_send(int to, int tag, const void *bytes, size_t count) {
    return pass_in_parts(true, to, tag, (char *)(uintptr_t)bytes, count);
}

cf_status ranks_receive(int from, int tag, void *bytes, size_t count) {
    return pass_in_parts(false, from, tag, bytes, count);
}
