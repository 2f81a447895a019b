/* A stage of a study: work with an end that is kept.
 *
 * STUDY/stages/NAME.json holds the fingerprint of what the stage depends on (settings, data, the fingerprints of the stages
 * before it) and, once it is done, its result. The same fingerprint again: a finished stage is kept, one that was cut off
 * goes on in its folder STUDY/NAME. Another fingerprint: the folder is removed, and the stage begins anew.
 */
#pragma once

#include "base/files.h"

#include <jansson.h>

typedef struct Stage {
    char *name, *record; /* "train-mnist-s1", the path of its JSON file */
    char *folder;        /* what the work writes into, which makes it itself */
    char fingerprint[SHA256_HEX];
    json_t *inputs;
    bool done;      /* result and seconds are there */
    json_t *result; /* as read from the record, also right after the work: so that both ways give the same digits */
    double seconds; /* of work, without those of processes that were killed */
    double began;   /* clock_seconds */
} Stage;

/* `inputs`: what the stage depends on; its keys may come in any order. Takes over the reference. */
cf_status stage_open(const char *study, const char *name, json_t *inputs, Stage *stage);
/* The work is done; takes over `result`. */
cf_status stage_end(Stage *stage, json_t *result);
/* Fine on a zeroed one. */
void stage_free(Stage *stage);
