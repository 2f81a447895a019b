#include "cli/tune_display.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/text_draft.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct RunningTrial {
    int trial;
    SpacePoint point;
    int epoch, epochs;
    double loss; /* of training over the epoch so far */
    Trial best;  /* its best epoch's validation; best_epoch 0: none yet */
} RunningTrial;

struct TuneDisplay {
    const Space *space;
    int widths[SPACE_MAX_PARAMETERS];
    RunningTrial *running;
    size_t count;
    TuneObjective objective;
    int trials_ended, failed, wanted;
    Trial best; /* id 0: none yet; what it points to is not its own */
    double seconds_left;
};

/* Numbers of ranges have six digits, a point, and perhaps an exponent. */
static int width_of(const SpaceParameter *p) {
    int width = text_columns(p->name);
    for (int i = 0; i < p->count; i++)
        if (text_columns(p->labels[i]) > width) width = text_columns(p->labels[i]);
    return p->kind != PARAMETER_LIST && width < 10 ? 10 : width;
}

cf_status tune_display_new(const Space *space, TuneObjective objective, const Trial *known, TuneDisplay **display) {
    TuneDisplay *made;
    FORWARD(memory_new(1, sizeof *made, &made));
    made->space = space;
    made->objective = objective;
    made->seconds_left = -1;
    for (int i = 0; i < space->count; i++) made->widths[i] = width_of(&space->parameters[i]);
    if (known) made->best = *known;
    *display = made;
    return CF_OK;
}

void tune_display_free(TuneDisplay *display) {
    terminal_live_end();
    if (display) free(display->running);
    free(display);
}

/* ---- Taking note ---- */

static RunningTrial *find_running(TuneDisplay *d, int trial) {
    for (size_t i = 0; i < d->count; i++)
        if (d->running[i].trial == trial) return &d->running[i];
    return NULL;
}

/* Rows stay in the order in which trials began. */
static cf_status add_running(TuneDisplay *d, const TuneProgress *p, RunningTrial **trial) {
    FORWARD(memory_grow(&d->running, d->count, sizeof *d->running));
    *trial = &d->running[d->count++];
    **trial = (RunningTrial){.trial = p->trial, .point = *p->point};
    return CF_OK;
}

static void remove_running(TuneDisplay *d, RunningTrial *trial) {
    const size_t at = (size_t)(trial - d->running);
    memmove(trial, trial + 1, (--d->count - at) * sizeof *trial);
}

static void note_step(RunningTrial *trial, const cf_progress *step) {
    trial->epoch = step->epoch;
    trial->epochs = step->epochs;
    trial->loss = step->loss;
    if (!step->best) return;
    trial->best.validation_loss = step->validation_loss;
    trial->best.validation_accuracy = step->validation_accuracy;
    trial->best.best_epoch = step->epoch;
}

cf_status tune_display_note(TuneDisplay *d, const TuneProgress *p) {
    d->trials_ended = p->trials_ended;
    d->failed = p->failed;
    d->wanted = p->trials_wanted;
    d->seconds_left = p->seconds_left;
    if (p->event == TUNE_IDLE) return CF_OK;
    RunningTrial *trial = find_running(d, p->trial);
    if (p->event == TUNE_ENDED) {
        const Trial *t = p->ended;
        if (t->state == TRIAL_DONE && !t->repeats && (!d->best.id || trial_compare(t, &d->best, d->objective) < 0))
            d->best = *t;
        if (trial) remove_running(d, trial);
        return CF_OK;
    }
    if (!trial) FORWARD(add_running(d, p, &trial));
    if (p->step) note_step(trial, p->step);
    return CF_OK;
}

/* ---- Showing ---- */

/* "0.0312", or "98.42 %". */
static const char *objective_text(TuneObjective objective, const Trial *t, char text[32]) {
    if (objective == OBJECTIVE_LOSS) return text_loss(t->validation_loss, text);
    snprintf(text, 32, "%.2f %%", 100 * t->validation_accuracy);
    return text;
}

static void print_cell(const TuneDisplay *d, int parameter, const char *text, FILE *out) {
    fprintf(out, "  %s%*s", text, d->widths[parameter] - text_columns(text), "");
}

static void print_running(const TuneDisplay *d, const RunningTrial *t, FILE *out) {
    char number[SPACE_NUMBER], loss[32];
    fprintf(out, "%5d", t->trial);
    for (int i = 0; i < d->space->count; i++) print_cell(d, i, space_label(d->space, &t->point, i, number), out);
    if (t->epoch) fprintf(out, "  %3d/%-3d  %8s", t->epoch, t->epochs, text_loss(t->loss, loss));
    if (t->best.best_epoch)
        fprintf(out, "  %8s in epoch %d", objective_text(d->objective, &t->best, loss), t->best.best_epoch);
    fputc('\n', out);
}

static void print_counts(const TuneDisplay *d, FILE *out) {
    const int running = (int)d->count, waiting = d->wanted - d->trials_ended - running;
    char left[32], loss[32];
    fprintf(out, "%d of %d trials done, %d running", d->trials_ended - d->failed, d->wanted, running);
    if (d->failed) fprintf(out, ", %d failed", d->failed);
    if (waiting > 0) fprintf(out, ", %d waiting", waiting);
    if (d->best.id)
        fprintf(out, "   best: trial %d, %s %s", d->best.id, d->objective == OBJECTIVE_ACCURACY ? "accuracy" : "loss",
                objective_text(d->objective, &d->best, loss));
    if (d->seconds_left < 0) return;
    terminal_time_left(d->seconds_left, left);
    fprintf(out, "   %s", left);
}

cf_status tune_display_table(const TuneDisplay *d, char **text) {
    TextDraft draft;
    FORWARD(text_draft(&draft));
    FILE *out = draft.stream;
    if (d->count) {
        fputs("trial", out);
        for (int i = 0; i < d->space->count; i++) print_cell(d, i, d->space->parameters[i].name, out);
        fputs("   epoch      loss  best on validation\n", out);
    }
    for (size_t i = 0; i < d->count; i++) print_running(d, &d->running[i], out);
    print_counts(d, out);
    return text_draft_finish(&draft, text, NULL);
}

static void print_ended(const TuneDisplay *d, const TuneProgress *p, FILE *out) {
    const Trial *t = p->ended;
    char left[32], loss[32];
    if (t->repeats) fprintf(out, " seed=%llu", (unsigned long long)t->seed);
    if (t->state == TRIAL_FAILED)
        fprintf(out, "  failed: %s", t->reason ? t->reason : "no reason was recorded");
    else if (t->best_epoch)
        fprintf(out, "  loss %s  accuracy %.2f %%  epoch %d of %d  %.1f s", text_loss(t->validation_loss, loss),
                100 * t->validation_accuracy, t->best_epoch, t->epochs_run, t->seconds);
    if (t->state == TRIAL_PRUNED || t->state == TRIAL_WAITING) fprintf(out, "  %s", trial_state_words[t->state]);
    if (t->state == TRIAL_DONE && d->best.id == t->id) fputs("  best", out);
    if (p->seconds_left < 0 || p->trials_ended >= p->trials_wanted) return;
    terminal_time_left(p->seconds_left, left);
    fprintf(out, "  %s", left);
}

cf_status tune_display_line(const TuneDisplay *d, const TuneProgress *p, char **text) {
    TextDraft draft;
    AUTO_FREE char *configuration = NULL;
    FORWARD(space_point_text(d->space, p->point, &configuration));
    FORWARD(text_draft(&draft));
    fprintf(draft.stream, "trial %d (%d of %d)  %s", p->ended->id, p->trials_ended, p->trials_wanted, configuration);
    print_ended(d, p, draft.stream);
    return text_draft_finish(&draft, text, NULL);
}

bool tune_display_progress(const TuneProgress *progress, void *display) {
    AUTO_FREE char *line = NULL, *table = NULL;
    if (!tune_display_note(display, progress)) {
        if (progress->event == TUNE_ENDED && !tune_display_line(display, progress, &line)) terminal_line("%s", line);
        if (terminal_live_is_due() && !tune_display_table(display, &table)) terminal_live(table);
    }
    return !terminal_interrupted();
}
