/* What a tune shows while it works: on a terminal a small table of the trials under way, renewed in place, with counts, the best
 * so far and the time left; everywhere a line for each trial that has ended. All of it to stderr. */
#pragma once

#include "tune/tune.h"

typedef struct TuneDisplay TuneDisplay;

/* `known` is the best trial of an earlier call, or NULL. The space is borrowed. */
cf_status tune_display_new(const Space *space, TuneObjective objective, const Trial *known, TuneDisplay **display);
void tune_display_free(TuneDisplay *display);
AUTO_HANDLE(TuneDisplay, tune_display_free)
/* A TuneProgressFn; its context is the display. False once Ctrl-C was pressed. */
bool tune_display_progress(const TuneProgress *progress, void *display);

/* ---- The parts, for tests ---- */

/* Takes note of an event without showing anything. */
cf_status tune_display_note(TuneDisplay *display, const TuneProgress *progress);
/* The table, and the line of a trial that has ended, in new strings; release with free(). */
cf_status tune_display_table(const TuneDisplay *display, char **text);
cf_status tune_display_line(const TuneDisplay *display, const TuneProgress *progress, char **text);
