/* What a training leaves to be resumed from, and resuming. */
#include "train/fit_resume.h"

#include "base/memory.h"
#include "base/numbers.h"
#include "base/ranks.h"
#include "train/train_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What a checkpoint must agree with ---- */

cf_status fit_describe_settings(Fit *fit) {
    cf_train_options now = *fit->options;
    const char *teacher = distillation_sha256(fit->distillation);
    char images[SHA256_HEX], target[SHA256_HEX] = "", options[TRAIN_OPTIONS_TEXT];
    AUTO(sha256_free_at) Sha256 *sha = NULL;
    AUTO_FREE char *line = NULL;
    FORWARD(sha256_new(&sha));
    FORWARD(sha256_add(sha, fit->train->images, fit->train->count * sizeof *fit->train->images));
    FORWARD(sha256_add(sha, fit->validation->images, fit->validation->count * sizeof *fit->validation->images));
    FORWARD(sha256_finish(memory_take(&sha), images));
    if (fit->adaptation) FORWARD(adaptation_sha256(fit->adaptation, target));
    FORWARD(memory_copy_string(fit->model->layers.line, &line));
    for (char *p = line; *p; p++)
        if (*p == ' ') *p = '_';
    now.precision = fit->precision;
    train_options_text(&now, true, options);
    return memory_print(&fit->settings, "model=%s %s data=%.16s images=%.16s%s%.16s%s%.16s", line, options,
                        fit->train->set->sha256, images, teacher ? " teacher_file=" : "", teacher ? teacher : "",
                        *target ? " target=" : "", target);
}

static Checkpoint checkpoint_of(Fit *fit) {
    size_t count;
    float *labels = adaptation_state(fit->adaptation, &count);
    return (Checkpoint){fit->model,
                        &fit->optimizer,
                        fit->best,
                        &fit->state,
                        fit->options->epochs,
                        fit->settings,
                        fit->engine->name,
                        &fit->average,
                        labels,
                        count,
                        fit->quantization ? fit->quantization->ranges : NULL};
}

cf_status fit_save(Fit *fit) {
    if (!fit->options->checkpoint) return CF_OK;
    Checkpoint checkpoint = checkpoint_of(fit);
    fit->last_checkpoint = clock_seconds();
    FORWARD(checkpoint_write(fit->options->checkpoint, &checkpoint, fit->keep ? fit->previous : NULL));
    fit->keep = true;
    return CF_OK;
}

/* ---- Resuming ---- */

/* The counters of a checkpoint say the same thing several times over; they must agree. */
static cf_status check_counters(const Fit *fit, const char *path) {
    const FitState *s = &fit->state;
    /* Only what is below its bound is multiplied. */
    const bool far = s->step > fit->steps_per_epoch;
    const int64_t begun = far ? 0 : s->step * fit->options->batch, images = (int64_t)batches_images(fit->paced_by);
    FAIL_IF(far || s->steps_done != s->epoch * fit->steps_per_epoch + s->step ||
                fit->optimizer.steps != s->steps_done || s->seen != (begun < images ? begun : images) ||
                s->correct < 0 || s->correct > s->seen || (s->epoch > 0) != (s->best_epoch > 0) ||
                (s->epoch > 0 && s->epochs_since_best != s->epoch - s->best_epoch),
            CF_BAD_INPUT, "checkpoint %s: its counters contradict each other; it is damaged", path);
    return CF_OK;
}

static cf_status read_checkpoint(Fit *fit, const char *path) {
    Checkpoint checkpoint = checkpoint_of(fit);
    FORWARD(checkpoint_read(path, &checkpoint));
    FORWARD(check_counters(fit, path));
    if (!fit->files->silent)
        notice("going on from %s: epoch %d, step %lld", path, fit->state.epoch + 1, (long long)fit->state.step);
    return CF_OK;
}

/* Settings that differ, or a lack of memory, are not the file's fault: another checkpoint would not help. */
static bool is_damage(cf_status status) {
    return status == CF_BAD_INPUT || status == CF_IO;
}

/* A damaged checkpoint is not kept at the next, lest it take the place of the good one. */
cf_status fit_resume(Fit *fit) {
    const char *latest = fit->options->checkpoint;
    char damage[1024];
    cf_status status = read_checkpoint(fit, latest);
    fit->keep = !status;
    if (!is_damage(status)) return status;
    snprintf(damage, sizeof damage, "%s", cf_error());
    FAIL_IF(!file_exists(fit->previous), status,
            "%s; there is no other to go on from. To begin anew, remove it and give the same command again", damage);
    notice("%s; the one before it is used", damage);
    status = read_checkpoint(fit, fit->previous);
    if (!is_damage(status)) return status;
    snprintf(damage, sizeof damage, "%s", cf_error());
    return FAIL(status,
                "%s; %s is damaged, too. To begin anew, remove both and give the same command again; nothing else "
                "is lost",
                damage, latest);
}

/* ---- Several ranks ---- */

static cf_status share_bytes(const Fit *fit, void *bytes, size_t count) {
    if (ranks_rank()) return ranks_receive(0, TAG_STATE, bytes, count);
    for (int r = 1; r < fit->files->ranks; r++) FORWARD(ranks_send(r, TAG_STATE, bytes, count));
    return CF_OK;
}

/* The checksum of the data is one of the settings. */
static cf_status share_settings(Fit *fit) {
    size_t length = strlen(fit->settings);
    AUTO_FREE char *first = NULL;
    FORWARD(share_bytes(fit, &length, sizeof length));
    if (!ranks_rank()) return share_bytes(fit, fit->settings, length);
    FORWARD(memory_new(length + 1, 1, &first));
    FORWARD(share_bytes(fit, first, length));
    const char *own = fit->settings;
    size_t i = 0;
    while (first[i] && first[i] == own[i]) i++;
    if (first[i] == own[i]) return CF_OK;
    while (i > 0 && first[i - 1] != ' ') i--;
    return FAIL(CF_BAD_INPUT, "it has %.*s where rank 0 has %.*s; all ranks need the same data",
                (int)strcspn(own + i, " "), own + i, (int)strcspn(first + i, " "), first + i);
}

cf_status fit_share(Fit *fit) {
    const Parameters *p = &fit->model->parameters;
    EpochRow *const rows = fit->state.rows;
    SavedTensors saved[SAVED_TENSORS];
    FORWARD(share_settings(fit));
    FORWARD(share_bytes(fit, &fit->state, sizeof fit->state));
    fit->state.rows = rows;
    FORWARD(share_bytes(fit, rows, (size_t)fit->state.epoch * sizeof *rows));
    FORWARD(share_bytes(fit, &fit->optimizer.steps, sizeof fit->optimizer.steps));
    const Checkpoint checkpoint = checkpoint_of(fit);
    checkpoint_tensors(&checkpoint, saved);
    for (int i = 0; i < SAVED_TENSORS; i++)
        if (saved[i].values)
            FORWARD(share_bytes(fit, saved[i].values, (saved[i].trainable ? p->trainable : p->total) * sizeof(float)));
    return CF_OK;
}
