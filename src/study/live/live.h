/* The page of a training under way (cifra train --live): curves that grow, and the box to draw in, answered in the browser by the
 * weights of the last epoch. It looks on: no number of a training depends on it, and what fails in it is a notice.
 */
#pragma once

#include "study/run/run.h"

typedef struct Live Live;

/* Listens on 127.0.0.1; `port` 0: on one that is free. Fails as live_server_start. There is a page from the first live_begin on. */
cf_status live_start(int port, Live **live);
/* Where the page is, token included; the page's own. */
const char *live_url(const Live *live);
/* A run that run_start has started is trained next, and watched until its training ends. `place`: which of several it is, or "". */
cf_status live_begin(Live *live, Run *run, const char *place);
/* After each step. */
void live_progress(Live *live, const cf_progress *progress);
/* The page tells that all is over: where the report `folder`/report.html is, which it takes over from here, or, with `folder` NULL, why
 * there is none: cf_error(), which stays. Waits for up to three seconds for a page that is open, then frees; NULL is fine. */
void live_end(Live *live, const char *folder);
