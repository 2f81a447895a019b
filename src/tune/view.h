/* What a claim is decided from, read within its transaction: all trials and all jobs, which fit together. */
#pragma once

#include "tune/store.h"

typedef struct TuneView {
    TrialList list; /* without `correct` */
    Job *jobs;
    int count, search; /* jobs; those of the search, which come first */
} TuneView;

cf_status view_read(Store *store, const Space *space, TuneView *view);
/* Fine on a zeroed one. */
void view_free(TuneView *view);
/* NULL: there is none. */
const Trial *view_trial(const TuneView *view, int id);
