#include "failing_memory.h"

#include "base/slices.h"
#include "base/status.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { MOST_FAILURES = 150, MOST_RANGES = 16 };

/* ---- Which allocation fails ---- */

static struct Faults {
    atomic_bool armed;
    atomic_long seen;  /* allocations that could have failed, since it was armed */
    long first, last;  /* those that fail, counted from 1 */
    bool show;         /* the stack of the first */
    atomic_bool leaks; /* a library failed that keeps blocks then */
    atomic_long live;  /* blocks */
} faults;

/* Code of a library that is not as others are when it has no memory. */
typedef enum Manner { SOUND, SPARED, LEAKS } Manner;
typedef struct Range {
    uintptr_t from, to;
    Manner manner;
} Range;
typedef struct Library {
    const char *name;
    Manner manner;
} Library;
static Range ranges[MOST_RANGES];
static int range_count;

static void note_code(const struct dl_phdr_info *object, Manner manner) {
    for (int i = 0; i < object->dlpi_phnum && range_count < MOST_RANGES; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        const uintptr_t from = object->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && part->p_flags & PF_X)
            ranges[range_count++] = (Range){from, from + part->p_memsz, manner};
    }
}

static int find_libraries(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    for (const Library *library = context; library->name; library++)
        if (strstr(object->dlpi_name, library->name)) note_code(object, library->manner);
    return 0;
}

static Library known[] = {{"libdnnl", SPARED},    {"libstdc++", SPARED},    {"libgomp", SPARED},
                          {"ld-linux", SPARED},   {"libcairo", LEAKS},      {"libpixman", LEAKS},
                          {"libfreetype", LEAKS}, {"libfontconfig", LEAKS}, {NULL, SOUND}};

void failing_spares(const char *name) {
    Library library[] = {{name, SPARED}, {NULL, SOUND}};
    dl_iterate_phdr(find_libraries, library);
}

static Manner manner_of(const void *caller) {
    uintptr_t at = (uintptr_t)caller;
    for (int i = range_count - 1; i >= 0; i--) /* the last word counts */
        if (at >= ranges[i].from && at < ranges[i].to) return ranges[i].manner;
    return SOUND;
}

static void show_stack(int fd) {
    void *frames[24];
    atomic_store(&faults.armed, false);
    backtrace_symbols_fd(frames, backtrace(frames, 24), fd);
    atomic_store(&faults.armed, true);
}

static int own_stderr = STDERR_FILENO; /* while 2 is a file */

static bool fails(const void *caller) {
    const Manner manner = atomic_load(&faults.armed) ? manner_of(caller) : SPARED;
    if (manner == SPARED) return false;
    long number = atomic_fetch_add(&faults.seen, 1) + 1;
    if (number < faults.first || number > faults.last) return false;
    if (manner == LEAKS) atomic_store(&faults.leaks, true);
    if (faults.show && number == faults.first) show_stack(own_stderr);
    errno = ENOMEM;
    return true;
}

/* Not under a sanitizer, which does not send free() here and looks for leaks itself. */
static void *counted(void *block) {
#ifndef SANITIZED
    if (block) atomic_fetch_add(&faults.live, 1);
#endif
    return block;
}

/* ---- The allocator ---- */

#pragma GCC visibility push(default) /* the libraries must find it */
#ifdef SANITIZED /* the linker sends here what cifra's code calls (--wrap), and the sanitizer's allocator does the work */
#define OWN(name)   __wrap_##name
#define BELOW(name) __real_##name
void *__real_malloc(size_t), *__real_calloc(size_t, size_t), *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
char *__real_strdup(const char *), *__real_strndup(const char *, size_t);
void *__wrap_malloc(size_t), *__wrap_calloc(size_t, size_t), *__wrap_realloc(void *, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
char *__wrap_strdup(const char *), *__wrap_strndup(const char *, size_t);

char *__wrap_strdup(const char *text) {
    return fails(NULL) ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size) {
    return fails(NULL) ? NULL : __real_strndup(text, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return fails(NULL) ? NULL : __real_aligned_alloc(alignment, size);
}
#else /* in place of glibc's, for every library of the process; glibc's own is below */
#define OWN(name)   name
#define BELOW(name) __libc_##name
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

void *aligned_alloc(size_t alignment, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : counted(__libc_memalign(alignment, size));
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    void *block = fails(__builtin_return_address(0)) ? NULL : counted(__libc_memalign(alignment, size));
    if (!block) return ENOMEM;
    *out = block;
    return 0;
}

void free(void *block) {
    if (block) atomic_fetch_sub(&faults.live, 1);
    __libc_free(block);
}
#endif

void *OWN(malloc)(size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : counted(BELOW(malloc)(size));
}

void *OWN(calloc)(size_t count, size_t size) {
    return fails(__builtin_return_address(0)) ? NULL : counted(BELOW(calloc)(count, size));
}

void *OWN(realloc)(void *block, size_t size) {
    if (fails(__builtin_return_address(0))) return NULL;
    void *moved = BELOW(realloc)(block, size);
    if (!block) return counted(moved);
#ifndef SANITIZED
    if (!size && !moved) atomic_fetch_sub(&faults.live, 1);
#endif
    return moved;
}

#pragma GCC visibility pop

/* ---- What must not happen ---- */

static struct Watch {
    const char *name; /* of the work that runs; NULL: none */
    int own_stdout, captured;
} watch;

static void tell_end(const char *how) {
    dprintf(own_stderr, "%s: %s while allocation %ld%s failed; see CIFRA_FAIL_AT in failing_memory.h\n", watch.name,
            how, faults.first, faults.last > faults.first ? " and all after it" : "");
}

static void on_exit_call(void) {
    if (!watch.name) return;
    tell_end("the process was ended");
    _exit(1);
}

#ifndef SANITIZED /* whose reports must be seen */
static void on_crash(int number) {
    tell_end(strsignal(number));
    show_stack(own_stderr);
    _exit(1);
}

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { CRASHES = sizeof crashes / sizeof crashes[0] };
static struct sigaction replaced[CRASHES];
#endif

/* From here on, stdout and stderr go to a file that must stay empty. */
static void watch_begin(const char *name) {
    static bool once;
    void *frame[1];
    backtrace(frame, 1); /* which allocates at its first call */
    if (!once) atexit(on_exit_call);
    once = true;
    watch.name = name;
#ifndef SANITIZED
    const struct sigaction action = {.sa_handler = on_crash};
    for (int i = 0; i < CRASHES; i++) sigaction(crashes[i], &action, &replaced[i]);
    fflush(NULL);
    watch.own_stdout = dup(STDOUT_FILENO);
    own_stderr = dup(STDERR_FILENO);
    watch.captured = open(path_in(scratch_folder(), "printed"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(watch.captured >= 0);
    dup2(watch.captured, STDOUT_FILENO);
    dup2(watch.captured, STDERR_FILENO);
#endif
}

static void watch_end(void) {
    watch.name = NULL;
#ifndef SANITIZED
    struct stat printed = {0};
    fflush(NULL);
    dup2(watch.own_stdout, STDOUT_FILENO);
    dup2(own_stderr, STDERR_FILENO);
    close(watch.own_stdout);
    close(own_stderr);
    own_stderr = STDERR_FILENO;
    for (int i = 0; i < CRASHES; i++) sigaction(crashes[i], &replaced[i], NULL);
    assert_int_equal(fstat(watch.captured, &printed), 0);
    close(watch.captured);
    assert_int_equal(printed.st_size, 0);
#endif
}

/* ---- One run ---- */

bool failing_allowed(bool allowed) {
    return atomic_exchange(&faults.armed, allowed);
}

typedef struct Outcome {
    cf_status status;
    uint64_t result;
    long seen, left; /* allocations; blocks that were not there before, where they are ours to release */
    char message[512];
} Outcome;

static Outcome run(FailingWork work, void *context, long first, long last) {
    Outcome outcome = {0};
    status_clear();
    faults.first = first;
    faults.last = last;
    atomic_store(&faults.seen, 0);
    atomic_store(&faults.leaks, false);
    long live = atomic_load(&faults.live);
    atomic_store(&faults.armed, true);
    outcome.status = work(context, &outcome.result);
    atomic_store(&faults.armed, false);
    outcome.left = atomic_load(&faults.leaks) ? 0 : atomic_load(&faults.live) - live;
    outcome.seen = atomic_load(&faults.seen);
    snprintf(outcome.message, sizeof outcome.message, "%s", cf_error());
    return outcome;
}

/* What is wrong with it, or NULL. */
static const char *fault_of(const Outcome *outcome, const Outcome *whole) {
    if (outcome->left) return "blocks are left or freed twice";
    if (!outcome->status) return outcome->result == whole->result ? NULL : "it succeeded with another result";
    if (!outcome->message[0]) return "there is no message";
    return strcasestr(outcome->message, "memory") ? NULL : "the message does not tell of memory";
}

/* Caches that outlive the work (a library's state of errors, say) are filled at the first time: what is wrong is wrong twice. */
static bool survives(FailingWork work, void *context, long first, long last, const Outcome *whole, Outcome *outcome) {
    for (int tries = 0; tries < 2; tries++) {
        *outcome = run(work, context, first, last);
        const char *fault = fault_of(outcome, whole);
        if (!fault) return true;
        if (tries)
            dprintf(own_stderr, "%s, allocation %ld%s failed: %s (status %d, \"%s\", %+ld blocks)\n", watch.name, first,
                    last > first ? " and all after it" : "", fault, (int)outcome->status, outcome->message,
                    outcome->left);
    }
    return false;
}

typedef struct Tally {
    long failed, harmless, wrong;
} Tally;

static void sweep(FailingWork work, void *context, long step, const Outcome *whole, Tally *tally) {
    Outcome outcome;
    for (long first = 1; tally->wrong < 20; first += step)
        for (int all = 0; all < 2; all++) {
            if (!survives(work, context, first, all ? LONG_MAX : first, whole, &outcome)) tally->wrong++;
            if (outcome.seen < first) return;
            tally->failed++;
            if (!outcome.status) tally->harmless++;
        }
}

static atomic_int come;

static cf_status wait_for_all(void *context, int64_t index, int thread) {
    const int threads = *(const int *)context;
    (void)index, (void)thread;
    atomic_fetch_add(&come, 1);
    for (int tenths = 0; atomic_load(&come) < threads && tenths < 20000; tenths++) usleep(100);
    return CF_OK;
}

/* A worker that the system lets begin late would be counted with the work that it falls into: libgomp has a block for each. */
static void wake_workers(void) {
    int threads = slices_threads(0);
    if (atomic_load(&come)) return;
    assert_int_equal(slices_run(threads, threads, wait_for_all, &threads), CF_OK);
}

void for_each_failing_allocation(const char *name, FailingWork work, void *context) {
    const char *only = getenv("CIFRA_FAIL_AT");
    Outcome whole = {0}, outcome;
    Tally tally = {0};
    if (!range_count) dl_iterate_phdr(find_libraries, known);
    wake_workers();
    for (int i = 0; i < 3; i++) { /* the third finds what the first two left for good */
        whole = run(work, context, LONG_MAX, 0);
        if (whole.status) print_error("%s: %s\n", name, whole.message);
        assert_int_equal(whole.status, CF_OK);
    }
    assert_int_equal(whole.left, 0);
    assert_true(whole.seen > 0);
    long step = getenv("CIFRA_EVERY_ALLOCATION") ? 1 : 1 + whole.seen / MOST_FAILURES;
    watch_begin(name);
    if (only) {
        faults.show = true;
        for (int all = 0; all < 2; all++)
            tally.wrong += !survives(work, context, atol(only), all ? LONG_MAX : atol(only), &whole, &outcome);
        faults.show = false;
    } else {
        sweep(work, context, step, &whole, &tally);
    }
    watch_end();
    print_message("%s: %ld allocations; every %ld. failed, %ld runs, of which %ld came through\n", name, whole.seen,
                  step, tally.failed, tally.harmless);
    assert_int_equal(tally.wrong, 0);
}

/* ---- Results ---- */

uint64_t checksum(uint64_t before, const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint64_t sum = before ? before : 14695981039346656037u;
    for (size_t i = 0; i < size; i++) sum = (sum ^ at[i]) * 1099511628211u;
    return sum;
}

uint64_t file_checksum(uint64_t before, const char *path) {
    unsigned char bytes[4096];
    uint64_t sum = before;
    ssize_t got;
    int file = open(path, O_RDONLY);
    if (file < 0) return 0;
    while ((got = read(file, bytes, sizeof bytes)) > 0) sum = checksum(sum, bytes, (size_t)got);
    close(file);
    return got < 0 ? 0 : sum;
}
