/* checkpoint.safetensors: the tensors of the model ("now/"), of its best epoch ("best/"), of the optimizer ("first/",
 * "second/"), of averages of weights ("ema/", "swa/"), pseudo-labels ("adapt/labels"), the ranges of quantization ("ranges", scale and
 * zero per layer), and texts: "settings", which must be equal to go on, "kernels", whose change is told, and "state", JSON. Doubles
 * are written with 17 digits, which give the same double back. The file's checksum is needed from format 2 on, so that no changed
 * byte passes, be it in the checksum's own name. */
#include "train/checkpoint.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "base/memory.h"

#include <float.h>
#include <jansson.h>
#include <string.h>

static const char format_name[] = "cifra-checkpoint-2", format_before[] = "cifra-checkpoint-1";

/* ---- State as JSON ---- */

static cf_status state_to_text(const FitState *state, int64_t optimizer_steps, char **text) {
    json_memory_begin();
    json_t *rows = json_array();
    for (const EpochRow *row = state->rows; row < state->rows + state->epoch; row++)
        json_array_append_new(rows, json_pack("[i f f f f f f f]", row->epoch, row->rate, row->train_loss,
                                              row->train_accuracy, row->validation_loss, row->validation_accuracy,
                                              row->seconds, row->images_per_second));
    json_auto_t *root =
        json_pack("{s:i s:I s:I s:I s:f s:f s:I s:I s:f s:i s:i s:f s:f s:o}", "epoch", state->epoch, "step",
                  (json_int_t)state->step, "steps_done", (json_int_t)state->steps_done, "optimizer_steps",
                  (json_int_t)optimizer_steps, "loss_sum", state->loss_sum, "weight_sum", state->weight_sum, "correct",
                  (json_int_t)state->correct, "seen", (json_int_t)state->seen, "step_seconds", state->step_seconds,
                  "best_epoch", state->best_epoch, "epochs_since_best", state->epochs_since_best, "best_loss",
                  state->best_loss, "best_accuracy", state->best_accuracy, "rows", rows);
    return json_to_text(root, 17, "the checkpoint", text);
}

static cf_status state_from_json(json_t *root, int epochs, FitState *state, int64_t *optimizer_steps) {
    json_int_t step, done, updates, correct, seen;
    json_t *rows;
    int bad = json_unpack(root, "{s:i s:I s:I s:I s:F s:I s:I s:F s:i s:i s:F s:F s:o}", "epoch", &state->epoch, "step",
                          &step, "steps_done", &done, "optimizer_steps", &updates, "loss_sum", &state->loss_sum,
                          "correct", &correct, "seen", &seen, "step_seconds", &state->step_seconds, "best_epoch",
                          &state->best_epoch, "epochs_since_best", &state->epochs_since_best, "best_loss",
                          &state->best_loss, "best_accuracy", &state->best_accuracy, "rows", &rows);
    FAIL_IF(bad || state->epoch < 0 || step < 0 || done < 0 || updates < 0 || state->best_epoch < 0 ||
                state->best_epoch > state->epoch || json_array_size(rows) != (size_t)state->epoch,
            CF_BAD_INPUT, "its state is damaged");
    FAIL_IF(state->epoch > epochs, CF_BAD_USE, "it is %d epochs far already; %d were asked for", state->epoch, epochs);
    for (int i = 0; i < state->epoch; i++) {
        EpochRow *row = &state->rows[i];
        bad = json_unpack(json_array_get(rows, (size_t)i), "[i F F F F F F F]", &row->epoch, &row->rate,
                          &row->train_loss, &row->train_accuracy, &row->validation_loss, &row->validation_accuracy,
                          &row->seconds, &row->images_per_second);
        FAIL_IF(bad, CF_BAD_INPUT, "its history is damaged");
    }
    state->step = step;
    state->steps_done = done;
    state->correct = correct;
    state->seen = seen;
    *optimizer_steps = updates;
    /* Version 0.1 kept none: every image weighed 1. */
    const json_t *weight_sum = json_object_get(root, "weight_sum");
    state->weight_sum = weight_sum ? json_number_value(weight_sum) : (double)seen;
    FAIL_IF(!(state->weight_sum >= 0) || (state->weight_sum > 0) != (seen > 0), CF_BAD_INPUT, "its sums are damaged");
    return CF_OK;
}

/* ---- Files ---- */

static const char labels_name[] = "adapt/labels", ranges_name[] = "ranges";
enum { RANGE = sizeof(FakeRange) / sizeof(float) };

/* [rows][columns]; a list where columns are 1. */
static cf_status add_floats(TensorBag *bag, const char *name, size_t rows, size_t columns, const void *values) {
    float *copy;
    FORWARD(memory_copy(values, rows * columns, sizeof *copy, &copy));
    bag->values[bag->count] = copy;
    bag->tensors[bag->count++] = (StoredTensor){
        .name = name, .dims = columns > 1 ? 2 : 1, .shape = {rows, columns}, .count = rows * columns, .values = copy};
    return CF_OK;
}

static cf_status take_labels(const StoredFile *file, Checkpoint *c) {
    const StoredTensor *tensor;
    if (!c->adaptation_count) return CF_OK;
    FORWARD(safetensors_find_float(file, labels_name, &tensor));
    bool sound = tensor->count == c->adaptation_count;
    for (size_t i = 0; sound && i < tensor->count; i++) {
        const float label = tensor->values[i];
        sound = label >= -1 && label < (float)c->model->classes && label == (float)(int)label;
    }
    FAIL_IF(!sound, CF_BAD_INPUT, "the tensor %s: a class or -1 expected of each of %zu images", labels_name,
            c->adaptation_count);
    memcpy(c->adaptation, tensor->values, tensor->count * sizeof *c->adaptation);
    return CF_OK;
}

/* A plan was made for the layers that have one. */
static cf_status take_ranges(const StoredFile *file, Checkpoint *c) {
    const StoredTensor *tensor = safetensors_find(file, ranges_name);
    const size_t layers = (size_t)c->model->layers.count;
    FAIL_IF(!tensor || !tensor->values || tensor->count != layers * RANGE, CF_BAD_INPUT, "its ranges are damaged");
    for (size_t i = 0; i < layers; i++) {
        const float scale = tensor->values[RANGE * i], zero = tensor->values[RANGE * i + 1];
        FAIL_IF((scale > 0) != (c->ranges[i].scale > 0) || !(scale >= 0 && scale <= FLT_MAX) ||
                    !(zero >= -128 && zero <= 127),
                CF_BAD_INPUT, "its ranges are damaged");
    }
    memcpy(c->ranges, tensor->values, layers * sizeof *c->ranges);
    return CF_OK;
}

void checkpoint_tensors(const Checkpoint *c, SavedTensors saved[SAVED_TENSORS]) {
    const SavedTensors all[SAVED_TENSORS] = {{"now/", c->model->parameters.values, false},
                                             {"first/", c->optimizer->m, true},
                                             {"second/", c->optimizer->v, true},
                                             {"best/", c->state->best_epoch ? c->best : NULL, false},
                                             {"ema/", c->average ? c->average->moving : NULL, false},
                                             {"swa/", c->average ? c->average->mean : NULL, false}};
    memcpy(saved, all, sizeof all);
}

cf_status checkpoint_write(const char *path, const Checkpoint *c, const char *previous) {
    const Parameters *parameters = &c->model->parameters;
    AUTO(bag_free) TensorBag bag = {0};
    AUTO_FREE char *state = NULL;
    SavedTensors saved[SAVED_TENSORS];
    checkpoint_tensors(c, saved);
    FORWARD(bag_new(SAVED_TENSORS * parameters->count + 2, &bag));
    for (int i = 0; i < SAVED_TENSORS; i++)
        if (saved[i].values) FORWARD(bag_add(&bag, parameters, saved[i].prefix, saved[i].values, saved[i].trainable));
    /* Pseudo-labels of a round that is under way: the weights that gave them are gone. */
    if (c->adaptation_count) FORWARD(add_floats(&bag, labels_name, c->adaptation_count, 1, c->adaptation));
    if (c->ranges) FORWARD(add_floats(&bag, ranges_name, (size_t)c->model->layers.count, RANGE, c->ranges));
    FORWARD(state_to_text(c->state, c->optimizer->steps, &state));
    const StoredText texts[] = {{"format", format_name},
                                {"settings", c->settings},
                                {"kernels", c->kernels},
                                {"state", state},
                                {"cifra", cf_version()}};
    return safetensors_write_keeping(path, bag.tensors, (size_t)bag.count, texts, COUNT_OF(texts), previous);
}

/* Whether `settings` have the name that `setting` begins with. */
static bool has_name(const char *settings, const char *setting) {
    const size_t length = strcspn(setting, "=");
    for (; *settings; settings += strcspn(settings, " "), settings += *settings == ' ')
        if (strncmp(settings, setting, length + 1) == 0) return true;
    return false;
}

/* Names the first setting that differs: both are lists of "name=value" with single spaces. A later option may lack in one. */
static cf_status fail_settings(const char *stored, const char *now) {
    size_t i = 0;
    while (stored[i] && stored[i] == now[i]) i++;
    while (i > 0 && stored[i - 1] != ' ') i--;
    const char *then = has_name(stored, now + i) ? stored + i : "none",
               *here = has_name(now, stored + i) ? now + i : "none";
    return FAIL(CF_BAD_USE,
                "it was made with other settings: %.*s, now %.*s; resume with the settings it was made with, "
                "or train into another folder",
                (int)strcspn(then, " "), then, (int)strcspn(here, " "), here);
}

static cf_status restore(const StoredFile *file, Checkpoint *c) {
    const Parameters *parameters = &c->model->parameters;
    const char *format = safetensors_text(file, "format"), *settings = safetensors_text(file, "settings"),
               *text = safetensors_text(file, "state"), *kernels = safetensors_text(file, "kernels");
    const bool before = format && strcmp(format, format_before) == 0;
    FAIL_IF(!format || (!before && strcmp(format, format_name) != 0) || !settings || !text, CF_BAD_INPUT,
            "this is no checkpoint that cifra wrote");
    FAIL_IF(!before && !file->sealed, CF_BAD_INPUT, "it is damaged: its checksum is missing");
    if (strcmp(settings, c->settings) != 0) return fail_settings(settings, c->settings);
    json_auto_t *root = NULL;
    SavedTensors saved[SAVED_TENSORS];
    FORWARD(json_from_text(text, "its state", NULL, &root));
    FORWARD(state_from_json(root, c->epochs, c->state, &c->optimizer->steps));
    checkpoint_tensors(c, saved);
    for (int i = 0; i < SAVED_TENSORS; i++)
        if (saved[i].values) FORWARD(bag_take(file, parameters, saved[i].prefix, saved[i].values, saved[i].trainable));
    FORWARD(take_labels(file, c));
    if (c->ranges) FORWARD(take_ranges(file, c));
    /* Rounding differs between instruction sets, and between versions of oneDNN. */
    if (kernels && strcmp(kernels, c->kernels) != 0)
        notice(
            "the checkpoint was made by %s, and goes on by %s: the end is as good, but not the same to the bit as that of an "
            "undisturbed run",
            kernels, c->kernels);
    return CF_OK;
}

cf_status checkpoint_previous(const char *path, char **previous) {
    static const char ending[] = ".safetensors";
    const size_t length = strlen(path), tail = sizeof ending - 1;
    const bool ends = length > tail && strcmp(path + length - tail, ending) == 0;
    return memory_print(previous, "%.*s.previous%s", (int)(ends ? length - tail : length), path, ends ? ending : "");
}

cf_status checkpoint_read(const char *path, Checkpoint *checkpoint) {
    AUTO(safetensors_free) StoredFile file = {0};
    FORWARD(safetensors_read(path, &file));
    const cf_status status = restore(&file, checkpoint);
    return status ? status_prefix(status, "checkpoint %s", path) : CF_OK;
}

cf_status history_write(const char *path, const EpochRow *rows, int count) {
    FileDraft draft;
    FORWARD(file_draft(path, &draft));
    fputs(
        "epoch,learning_rate,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds,images_per_second\n",
        draft.stream);
    for (int i = 0; i < count; i++)
        fprintf(draft.stream, "%d,%.9g,%.9g,%.9g,%.9g,%.9g,%.3f,%.0f\n", rows[i].epoch, rows[i].rate,
                rows[i].train_loss, rows[i].train_accuracy, rows[i].validation_loss, rows[i].validation_accuracy,
                rows[i].seconds, rows[i].images_per_second);
    return file_commit(&draft);
}

/* ---- Which epoch is the best ---- */

static bool is_better(const FitState *s, const EpochRow *row, cf_stop_on stop_on) {
    if (!s->best_epoch || stop_on == CF_STOP_ON_LAST) return true;
    return stop_on == CF_STOP_ON_ACCURACY ? row->validation_accuracy > s->best_accuracy
                                          : row->validation_loss < s->best_loss;
}

bool early_stopping_note(FitState *state, const EpochRow *row, cf_stop_on stop_on) {
    const bool better = is_better(state, row, stop_on);
    state->epochs_since_best++;
    if (!better) return false;
    state->best_epoch = row->epoch;
    state->best_loss = row->validation_loss;
    state->best_accuracy = row->validation_accuracy;
    state->epochs_since_best = 0;
    return true;
}

bool early_stopping_ends(const FitState *state, int epochs, int patience) {
    return state->epoch >= epochs || (patience && state->epochs_since_best >= patience);
}
