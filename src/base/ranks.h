/* The processes of one job that mpirun or srun started ("ranks"), and the bytes that they send each other.
 *
 * ranks.c alone knows MPI's interface. Open MPI is loaded when the job has more than one process, so that any other start costs
 * nothing. Rank 0 runs the command and is the only one that is heard; the others wait for what it asks of them ("jobs").
 * What a caller of several threads sends is sent one call after the other.
 */
#pragma once

#include "base/status.h"

/* Messages of a kind arrive in the order in which one rank sent them to another. */
typedef enum RanksTag {
    TAG_IDENTITY = 1, /* of the builds */
    TAG_JOB,          /* from rank 0: what to do next */
    TAG_ANSWER,       /* to rank 0 */
    TAG_STATE,        /* what all ranks of a training begin with */
    TAG_FAILED,       /* to rank 0: the text of a failure that ends the job */
    TAG_JOIN          /* and above: sums */
} RanksTag;

/* A message under way; its bytes are the caller's until it is done. */
typedef void *RanksRequest;

/* For `cifra --version`: which MPI it was built with, or that it was built without. */
const char *ranks_library(void);
/* How many processes the environment says that this job has, without loading anything; 1: it is alone. */
int ranks_announced(void);
/* How many processes of the job share this machine; 1: it is alone. */
int ranks_on_this_machine(void);

/* Which of them this one is, by the same; 0: the first, or alone. */
int ranks_announced_rank(void);
/* Joins the other processes. `identity` says what must be the same everywhere (build, kernels), line by line: where a rank has
 * another one, all fail, and rank 0's message names it. Alone: does nothing. */
cf_status ranks_begin(const char *identity);
/* On rank 0, once: that a rank has more of `threads` than processors it may use, as mpirun binds ranks; of 0, which stands for as many as
 * it has, that this leaves processors of the machine without work. */
void ranks_tell_binding(int threads);
/* 0 and 1 before ranks_begin, and alone. */
int ranks_rank(void);
int ranks_size(void);
/* The end of the process is next. Where ranks work on something that this one has left (ranks_working), the job is aborted. */
void ranks_end(int exit_status);
/* Rank 0 says that others work on something with it, or that they have ended that together. */
void ranks_working(bool working);
bool ranks_are_working(void);
/* In a handler of SIGTERM: mpirun ends the job so, by hand, or since a rank was lost. */
void ranks_note_termination(void);
/* How long rank 0 then waits for the others, in seconds; and what it says if they do not answer. */
double ranks_patience(void);
extern const char ranks_lost[];

cf_status ranks_post_send(RanksRequest *request, int to, int tag, const void *bytes, size_t count);
cf_status ranks_post_receive(RanksRequest *request, int from, int tag, void *bytes, size_t count);
/* Whether all are done, and drives them on. Those that are done are NULL. */
bool ranks_done(RanksRequest *requests, int count);
/* Waits for all. Fails where a rank has failed (with its message) or is lost. */
cf_status ranks_wait(RanksRequest *requests, int count);

/* Until the bytes have left, or have arrived: any number, `count` of which the other side says the same. */
cf_status ranks_send(int to, int tag, const void *bytes, size_t count);
cf_status ranks_receive(int from, int tag, void *bytes, size_t count);
/* A message of unknown size; *bytes is zero-terminated beyond *count; release with free(). from -1: of any rank, which *sender
 * is. `wait` false: *bytes NULL where none has arrived. */
cf_status ranks_receive_text(int from, int tag, bool wait, int *sender, char **bytes, size_t *count);
/* A rank that is not 0 ends the job with the message of its failure. Returns when the job is being ended. */
void ranks_fail(void);
/* Bytes, and messages, that this process has sent since it began. */
uint64_t ranks_bytes_sent(void);
uint64_t ranks_messages_sent(void);
