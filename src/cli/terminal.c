#include "cli/terminal.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "base/numbers.h"
#include "base/ranks.h"
#include "base/text.h"
#include "cli/rank_watch.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool quiet;
static int lines_open; /* of what is renewed; the cursor stands in the last */
static double last_live;
static volatile sig_atomic_t interrupted;

static void erase_lines(FILE *out) {
    if (lines_open > 1) fprintf(out, "\033[%dA", lines_open - 1);
    if (lines_open) fputs("\r\033[J", out);
    lines_open = 0;
}

void terminal_live_end(void) {
    erase_lines(stderr);
}

static void print_notice(const char *text, void *context) {
    (void)context;
    terminal_live_end();
    fprintf(stderr, "cifra: note: %s\n", text);
}

void terminal_set_quiet(bool be_quiet) {
    quiet = be_quiet;
    cf_set_notice_handler(quiet ? NULL : print_notice, NULL);
}

static void on_interrupt(int signal_number) {
    interrupted = 1;
    if (signal_number == SIGTERM) rank_watch_terminated();
    if (ranks_size() < 2) signal(signal_number, SIG_DFL); /* mpirun asks more than once, and ends what does not end */
}

void terminal_catch_interrupt(void) {
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
}

bool terminal_interrupted(void) {
    return interrupted;
}

cf_status resumable(cf_status status) {
    FAIL_IF(status == CF_INTERRUPTED, status, "stopped; everything is kept. The same command goes on where it stopped");
    return status;
}

void terminal_time_left(double seconds, char text[32]) {
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, 32, "%ld h %02ld min left", s / 3600, s / 60 % 60);
    else
        snprintf(text, 32, "%ld:%02ld left", s / 60, s % 60);
}

/* Escape sequences are for terminals that say what they are. An editor's shell or a serial line is "dumb", and what starts a
 * program without $TERM shows its bytes as they are. */
static bool obeys_escapes(void) {
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

bool terminal_live_is_due(void) {
    return !quiet && obeys_escapes() && clock_seconds() - last_live >= 0.1; /* enough to look alive */
}

/* A line that wraps would be counted as one, and leave its rest behind: it is cut instead. */
static int terminal_width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

/* Bytes of a line that take `width` columns at most. */
static int bytes_in_columns(const char *line, int length, int width) {
    int columns = 0;
    for (int i = 0; i < length; i++)
        if (((unsigned char)line[i] & 0xc0) != 0x80 && ++columns > width) return i;
    return length;
}

/* In one piece, so that nobody sees half of it; where there is no memory for it, what was shown stays. */
void terminal_live(const char *text) {
    TextDraft draft;
    AUTO_FREE char *frame = NULL;
    size_t size;
    if (!terminal_live_is_due() || text_draft(&draft)) return;
    const int width = terminal_width(), lines_before = lines_open;
    last_live = clock_seconds();
    erase_lines(draft.stream);
    for (const char *line = text; line;) {
        const char *end = strchrnul(line, '\n');
        fprintf(draft.stream, "%s%.*s", lines_open++ ? "\n" : "", bytes_in_columns(line, (int)(end - line), width),
                line);
        line = *end ? end + 1 : NULL;
    }
    if (text_draft_finish(&draft, &frame, &size))
        lines_open = lines_before;
    else
        fwrite(frame, 1, size, stderr);
}

void terminal_live_line(const char *format, ...) {
    char line[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    terminal_live(line);
}

static void print_live(const cf_progress *p) {
    char left[32];
    terminal_time_left(p->seconds_left, left);
    if (p->prepared > 0)
        terminal_live_line("what the frozen layers give, once for all epochs: %.0f %%", 100 * p->prepared);
    else
        terminal_live_line("epoch %d/%d  step %lld/%lld  loss %.4f  accuracy %.2f %%  %.0f images/s  %s", p->epoch,
                           p->epochs, (long long)p->step, (long long)p->steps, p->loss, 100 * p->accuracy,
                           p->images_per_second, left);
}

static void print_epoch(const cf_progress *p) {
    terminal_live_end();
    fprintf(stderr,
            "epoch %*d/%d  loss %.4f  accuracy %6.2f %%  validation: loss %.4f  accuracy %6.2f %%  %6.0f images/s%s\n",
            p->epochs >= 100  ? 3
            : p->epochs >= 10 ? 2
                              : 1,
            p->epoch, p->epochs, p->loss, 100 * p->accuracy, p->validation_loss, 100 * p->validation_accuracy,
            p->images_per_second, p->best ? "  best" : "");
}

bool terminal_progress(const cf_progress *progress, void *context) {
    (void)context;
    if (!quiet && progress->epoch_done)
        print_epoch(progress);
    else
        print_live(progress);
    if (interrupted) terminal_live_end();
    return !interrupted;
}

bool terminal_stage(const char *stage, double done) {
    static char name[32];
    static double begin;
    static bool ended;
    double time = clock_seconds();
    if (strcmp(name, stage) != 0) {
        snprintf(name, sizeof name, "%s", stage);
        begin = time;
        ended = false;
    }
    if (done >= 1) {
        terminal_live_end();
        if (!quiet && !ended) fprintf(stderr, "%-10s %.2f s\n", name, time - begin);
        ended = true;
    } else if (terminal_live_is_due()) {
        char left[32] = "";
        if (done > 0.01) terminal_time_left((time - begin) * (1 - done) / done, left);
        terminal_live_line("%-10s %3.0f %%  %s", name, 100 * done, left);
    }
    if (interrupted) terminal_live_end();
    return !interrupted;
}

void terminal_line(const char *format, ...) {
    va_list arguments;
    if (quiet) return;
    terminal_live_end();
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void print_printable(const char *format, ...) {
    char line[2 * PATH_MAX], *whole = NULL, *text = line;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(line, sizeof line, format, arguments);
    if (length >= (int)sizeof line && vasprintf(&whole, format, again) >= 0) text = whole;
    va_end(again);
    va_end(arguments);
    text_replace_controls(text);
    fputs(text, stdout);
    if (text == whole) free(whole);
}

cf_status print_draft(TextDraft *draft) {
    AUTO_FREE char *text = NULL;
    FORWARD(text_draft_finish(draft, &text, NULL));
    text_replace_controls(text);
    fputs(text, stdout);
    return CF_OK;
}

cf_status print_json(json_t *document) {
    json_auto_t *json = document;
    FAIL_IF(json_memory_failed(), CF_NO_MEMORY,
            "out of memory while making the JSON document"); /* it may lack members */
    const int bad = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    putchar('\n');
    /* What stdout does not take is told at the end, as of all output (program.c). */
    const bool lost = json_memory_failed();
    FAIL_IF(lost || (bad && !ferror(stdout)), CF_NO_MEMORY, "out of memory while writing the JSON document");
    return CF_OK;
}

json_t *json_text_list(char *const *texts, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_text(texts[i]));
    return list;
}

void terminal_figures(const FigureList *figures) {
    if (!figures->count) return;
    const char *first = figures->paths[0];
    notice("figures are in %.*s", (int)(file_base_name(first) - first - 1), first);
}

cf_status print_json_with_figures(json_t *json, const FigureList *figures) {
    json_object_set_new(json, "figures", json_text_list(figures->paths, figures->count));
    return print_json(json);
}

/* ---- Studies ---- */

void terminal_study_stage(const StudyProgress *p, void *context) {
    (void)context;
    if (!p->result)
        terminal_live_line("[%2d/%d] %s ..", p->stage, p->stages, p->what);
    else if (p->kept)
        terminal_line("[%2d/%d] %s: %s  (kept)", p->stage, p->stages, p->what, p->result);
    else
        terminal_line("[%2d/%d] %s: %s  %.1f s", p->stage, p->stages, p->what, p->result, p->seconds);
}

bool terminal_study_training(const cf_progress *p, void *context) {
    char left[32];
    (void)context;
    terminal_time_left(p->seconds_left, left);
    terminal_live_line("        epoch %d/%d  step %lld/%lld  loss %.4f  accuracy %.2f %%  at most %s", p->epoch,
                       p->epochs, (long long)p->step, (long long)p->steps, p->loss, 100 * p->accuracy, left);
    return !terminal_interrupted();
}
