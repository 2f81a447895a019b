#include "cli/terminal.h"

#include "base/numbers.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool quiet, line_open;
static volatile sig_atomic_t interrupted;

static void close_line(void) {
    if (line_open) fputs("\r\033[K", stderr);
    line_open = false;
}

static void print_notice(const char *text, void *context) {
    (void)context;
    close_line();
    fprintf(stderr, "cifra: note: %s\n", text);
}

void terminal_set_quiet(bool be_quiet) {
    quiet = be_quiet;
    cf_set_notice_handler(quiet ? NULL : print_notice, NULL);
}

static void on_interrupt(int signal_number) {
    interrupted = 1;
    signal(signal_number, SIG_DFL);
}

void terminal_catch_interrupt(void) {
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
}

static void print_left(double seconds) {
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        fprintf(stderr, "  %ld h %02ld min left", s / 3600, s / 60 % 60);
    else
        fprintf(stderr, "  %ld:%02ld left", s / 60, s % 60);
}

static void print_live(const cf_progress *p) {
    static double last;
    double time = clock_seconds();
    if (time - last < 0.1) return; /* ten times a second are enough to look alive */
    last = time;
    fprintf(stderr, "\r\033[Kepoch %d/%d  step %lld/%lld  loss %.4f  accuracy %.2f %%  %.0f images/s", p->epoch,
            p->epochs, (long long)p->step, (long long)p->steps, p->loss, 100 * p->accuracy, p->images_per_second);
    print_left(p->seconds_left);
    line_open = true;
}

static void print_epoch(const cf_progress *p) {
    close_line();
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
    else if (!quiet && isatty(STDERR_FILENO))
        print_live(progress);
    if (interrupted) close_line();
    return !interrupted;
}

bool terminal_stage(const char *stage, double done) {
    static char name[32];
    static double begin, last;
    static bool ended;
    double time = clock_seconds();
    if (strcmp(name, stage) != 0) {
        snprintf(name, sizeof name, "%s", stage);
        begin = last = time;
        ended = false;
    }
    if (done >= 1) {
        close_line();
        if (!quiet && !ended) fprintf(stderr, "%-10s %.2f s\n", name, time - begin);
        ended = true;
    } else if (!quiet && isatty(STDERR_FILENO) && time - last >= 0.1) {
        last = time;
        fprintf(stderr, "\r\033[K%-10s %3.0f %%", name, 100 * done);
        if (done > 0.01) print_left((time - begin) * (1 - done) / done);
        line_open = true;
    }
    if (interrupted) close_line();
    return !interrupted;
}

void terminal_say(const char *format, ...) {
    va_list arguments;
    if (quiet) return;
    close_line();
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

cf_status print_json(json_t *json) {
    int bad = json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(json);
    putchar('\n');
    FAIL_IF(bad, CF_IO, "the JSON document could not be written to stdout");
    return CF_OK;
}

cf_status print_json_with_figures(json_t *json, const FigureList *figures) {
    json_t *paths = json_array();
    for (size_t i = 0; i < figures->count; i++) json_array_append_new(paths, json_string(figures->paths[i]));
    json_object_set_new(json, "figures", paths);
    return print_json(json);
}
