/* What goes to the terminal besides results: progress, notices, Ctrl-C. All of it to stderr. */
#pragma once

#include "base/text_draft.h"
#include "cli/options.h"
#include "study/figures/figure_book.h"
#include "study/pipeline/study.h"

#include <jansson.h>

/* Notices are printed as "cifra: note: ..." from now on, unless quiet. */
void terminal_set_quiet(bool quiet);

/* Shows the progress of training: a line that is renewed on a terminal, and a line per epoch anywhere. `context` is not
 * used. Returns false once Ctrl-C was pressed (terminal_catch_interrupt); a second Ctrl-C ends the program at once. */
bool terminal_progress(const cf_progress *progress, void *context);
void terminal_catch_interrupt(void);
bool terminal_interrupted(void);
/* `status`, with the message of an interrupted work that the same command goes on with. */
cf_status resumable(cf_status status);
/* On a terminal what is renewed in place, at most ten times a second: a line, or several with \n between them, each cut to the
 * terminal's width. Nothing when quiet, nor where $TERM is "dumb", empty or unset. */
void terminal_live(const char *text);
/* Whether terminal_live would show a text now, for those that take time to make. */
bool terminal_live_is_due(void);
/* Takes away what terminal_live has shown. */
void terminal_live_end(void);
/* One line of that, as printf makes it. */
void terminal_live_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* printf of a line that stays, above what is renewed. Nothing when quiet. */
void terminal_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "12:05 left". */
void terminal_time_left(double seconds, char text[32]);
/* Shows how much of a stage of work is done, 0 to 1: a line that is renewed on a terminal, and the stage's seconds at its end
 * anywhere. Returns as terminal_progress. */
bool terminal_stage(const char *stage, double done);
/* The stages of a study or a lab, a line each; and the training in one. Return as terminal_progress; `context` is not used. */
void terminal_study_stage(const StudyProgress *progress, void *context);
bool terminal_study_training(const cf_progress *progress, void *context);

/* printf to stdout of lines with names and paths in them: whatever these hold, the terminal is safe from it (text_replace_controls). */
void print_printable(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same of a whole text; it ends the draft on any path. */
cf_status print_draft(TextDraft *draft);
/* Prints a JSON document on stdout and releases it. */
cf_status print_json(json_t *json);
/* An array of texts. */
json_t *json_text_list(char *const *texts, size_t count);
/* Says where the figures of a list are, if there are any. */
void terminal_figures(const FigureList *figures);
/* With "figures": [paths] in it. */
cf_status print_json_with_figures(json_t *json, const FigureList *figures);
