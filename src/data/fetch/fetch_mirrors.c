/* Mirrors are asked in order. One whose transfer breaks off is asked again where it broke off, so long as something came;
 * one that refuses, or has something else, is left for the next, which goes on with what is there. If bytes of two
 * transfers do not make the right file, what is there is thrown away and that mirror is asked once for the whole. */
#include "base/memory.h"
#include "data/fetch/fetch_http.h"
#include "data/fetch/fetch_job.h"

#include <stdio.h>
#include <stdlib.h>

/* A try that brings so much costs nothing: a bad line still ends with the file. */
enum { WORTH_ANOTHER_TRY = 1 << 20, FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 8000 };

static cf_status add_fault(FetchResult *result, const char *text) {
    char **grown = realloc(result->faults, (result->fault_count + 1) * sizeof *grown);
    FAIL_IF(!grown, CF_NO_MEMORY, "out of memory while fetching");
    result->faults = grown;
    FORWARD(memory_copy_string(text, &grown[result->fault_count]));
    result->fault_count++;
    return CF_OK;
}

/* What is known of the partial file while one mirror is asked. */
typedef struct Attempt {
    Transfer transfer;
    bool spliced;   /* of several transfers, of which some may be of another file */
    bool restarted; /* once thrown away already for not making the right file */
    int tries_left, wait;
} Attempt;

/* The most that a file can have: packed data that cannot be packed grow by 5 bytes in 16 KB, and gzip's header has a name. */
static uint64_t most_bytes(const FetchFile *file) {
    return fetch_is_packed(file->name) ? file->size + file->size / 1000 + (64 << 10) : file->size;
}

/* The transfer says that this is all. *done: it was the file, or this mirror has another. */
static cf_status verify(Job *job, Attempt *a, bool *done) {
    Transfer *t = &a->transfer;
    ContentCheck check = {job->set, job->file, job->options, CONTENT_WRONG, ""};
    char fault[1024];
    *done = true;
    FORWARD(content_check(job->part, &check));
    if (check.kind != CONTENT_WRONG) return part_keep(job, check.kind, t->shown);
    FORWARD(part_empty(job));
    if (a->spliced && !a->restarted) {
        a->restarted = true;
        *done = false;
        return CF_OK;
    }
    snprintf(fault, sizeof fault, "not the file: %s, from %s", check.why, t->shown);
    return add_fault(job->result, fault);
}

static cf_status again_or_give_up(Job *job, Attempt *a, uint64_t gained, bool *done) {
    *done = gained == 0 || (gained < WORTH_ANOTHER_TRY && --a->tries_left <= 0);
    if (*done) return add_fault(job->result, a->transfer.why);
    if (gained >= WORTH_ANOTHER_TRY) a->wait = FIRST_WAIT_MS;
    FORWARD(job_sleep(job, a->wait));
    a->wait = 2 * a->wait < LONGEST_WAIT_MS ? 2 * a->wait : LONGEST_WAIT_MS;
    return CF_OK;
}

static cf_status attempt(Job *job, Attempt *a, bool *done) {
    Transfer *t = &a->transfer;
    t->size = part_size(job);
    if (t->size > t->most) FORWARD(part_empty(job));
    if (t->size > t->most) t->size = 0;
    const uint64_t before = t->size;
    if (before == 0) a->spliced = false;
    if (t->exact && before == t->most) { /* all of it came in an earlier call */
        a->spliced = true;
        return verify(job, a, done);
    }
    FORWARD(http_transfer(t));
    a->spliced = t->continued && before > 0;
    switch (t->end) {
    case TRANSFER_WHOLE:
        return verify(job, a, done);
    case TRANSFER_NO_MORE:
        a->spliced = true;
        return verify(job, a, done);
    case TRANSFER_OTHER:
        FORWARD(part_empty(job));
        *done = a->restarted;
        a->restarted = true;
        return *done ? add_fault(job->result, t->why) : CF_OK;
    case TRANSFER_BROKEN:
        return again_or_give_up(job, a, t->continued ? t->size - before : t->size, done);
    case TRANSFER_REFUSED:
        /* What such a server sent is nothing to go on with. */
        if (t->size != before) FORWARD(part_empty(job));
        break;
    }
    *done = true;
    return add_fault(job->result, t->why);
}

static cf_status ask_mirror(Job *job, const char *mirror) {
    char *url, *shown;
    bool done = false;
    FORWARD(fetch_url(mirror, job->set, job->file, &url));
    cf_status status = fetch_shown_url(url, &shown);
    if (status) {
        free(url);
        return status;
    }
    Attempt a = {.tries_left = job->options->tries, .wait = FIRST_WAIT_MS};
    a.transfer = (Transfer){.set = job->set,
                            .file = job->file,
                            .options = job->options,
                            .url = url,
                            .shown = shown,
                            .descriptor = job->descriptor,
                            .path = job->part,
                            .most = most_bytes(job->file),
                            .exact = !fetch_is_packed(job->file->name)};
    while (!status && !done) status = attempt(job, &a, &done);
    free(url);
    free(shown);
    return status;
}

cf_status mirrors_ask(Job *job) {
    const char *first = job->options->mirror;
    if (first) FORWARD(ask_mirror(job, first));
    for (size_t m = 0; m < job->set->mirror_count && job->result->state == FETCH_MISSING; m++)
        FORWARD(ask_mirror(job, job->set->mirrors[m]));
    FAIL_IF(job->result->state == FETCH_MISSING && !job->result->fault_count, CF_BAD_INPUT,
            "there is no mirror to ask for %s of %s: give --mirror URL, or name one in a mirrors file", job->file->name,
            job->set->name);
    FAIL_IF(job->result->state == FETCH_MISSING, CF_BAD_INPUT, "no mirror gave %s of %s", job->file->name,
            job->set->name);
    return CF_OK;
}
