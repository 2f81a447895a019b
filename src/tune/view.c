#include "tune/view.h"

#include "tune/store_inside.h"

#include <stdlib.h>

void view_free(TuneView *view) {
    trial_list_free(&view->list);
    free(view->jobs);
    *view = (TuneView){0};
}

const Trial *view_trial(const TuneView *view, int id) {
    return id >= 1 && (size_t)id <= view->list.count ? &view->list.trials[id - 1] : NULL;
}

static cf_status fill(Store *store, const Space *space, TuneView *view) {
    FORWARD(store_trials(store, space, &view->list));
    FORWARD(store_jobs(store, &view->jobs, &view->count));
    for (int j = 0; j < view->count; j++) {
        const Job *job = &view->jobs[j];
        const Trial *trial = view_trial(view, job->trial);
        FAIL_IF(job->number != j || (job->trial && !trial), CF_BAD_INPUT, "%s: job %d is damaged", store->path,
                job->number);
        view->search += !trial || !trial->repeats;
    }
    return CF_OK;
}

cf_status view_read(Store *store, const Space *space, TuneView *view) {
    TuneView made = {0};
    const cf_status status = fill(store, space, &made);
    if (status)
        view_free(&made);
    else
        *view = made;
    return status;
}
