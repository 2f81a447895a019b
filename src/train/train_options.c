#include "train/train_options.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/augment/augment.h"
#include "train/adaptation/adaptation.h"
#include "train/batches.h"
#include "train/distillation.h"
#include "train/freezing.h"
#include "train/schedule.h"
#include "train/train_loss.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#define FIELD(name) .offset = offsetof(cf_train_options, name), .size = sizeof((cf_train_options *)0)->name, \
    .kind = _Generic(((cf_train_options *)0)->name, \
    int: TRAIN_WHOLE, double: TRAIN_NUMBER, bool: TRAIN_SWITCH, uint64_t: TRAIN_SEED, char *: TRAIN_LINE, \
    default: TRAIN_WORD)
#define RANGE(least, most) .low = (least), .high = (most)
#define WORDS(list) .words = (list), .high = COUNT_OF(list) - 2
/* clang-format on */

static const char *const sample_words[] = {"natural", "balanced", "sqrt", "smote", "smote-features", NULL};
static const char *const optimizer_words[] = {"sgd", "adam", "adamw", "muon", NULL};
static const char *const schedule_words[] = {"constant", "cosine", "one-cycle", "linear", "step", NULL};
static const char *const decay_words[] = {"all", "weights", NULL};
static const char *const adapt_words[] = {"none", "adabn", "coral", "dann", "mean-teacher", "self-train", NULL};
static const char *const stop_words[] = {"loss", "accuracy", "last", NULL};
static const char *const engine_words[] = {"fast", "reference", NULL};
static const char *const quantize_words[] = {"none", "int8", NULL};
static const char *const switch_words[] = {"false", "true", NULL};
const char *const precision_words[] = {"f32", "bf16", NULL};

/* Checkpoints hold the options in this order. */
/* clang-format off */
const TrainOption train_options[] = {
    {"batch", "batch", "N", FIELD(batch), .usual = 128, RANGE(1, MOST_BATCH), .always_written = true, .help = "images per step"},
    {"optimizer", "optimizer", NULL, FIELD(optimizer), .usual = CF_SGD, WORDS(optimizer_words), .always_written = true,
     .help = "how weights follow gradients"},
    {"lr", "lr", "X", FIELD(learning_rate), .usual = 0.005, RANGE(1e-12, 1e38), .settings_name = "rate", .always_written = true,
     .help = "learning rate, the highest of the schedule"},
    {"momentum", "momentum", "X", FIELD(momentum), .usual = 0.9, RANGE(0, 0.999999), .always_written = true,
     .help = "of SGD; of Muon, which always has Nesterov's"},
    {"nesterov", "nesterov", NULL, FIELD(nesterov), WORDS(switch_words), .help = "SGD steps from where its momentum leads"},
    {"beta1", "beta1", "X", FIELD(beta1), .usual = 0.9, RANGE(0, 0.999999), .works_with = "optimizer=adam",
     .help = "of Adam and AdamW: what stays of the first moment in a step"},
    {"beta2", "beta2", "X", FIELD(beta2), .usual = 0.999, RANGE(0, 0.999999), .works_with = "optimizer=adam",
     .help = "of Adam and AdamW: what stays of the second moment"},
    {"muon_steps", "muon-steps", "N", FIELD(muon_steps), .usual = 5, RANGE(1, 20), .works_with = "optimizer=muon",
     .help = "of Muon: Newton-Schulz steps per update"},
    {"muon_rest", "muon-rest", "X", FIELD(muon_rest), .usual = 0.05, RANGE(0, 1e6), .works_with = "optimizer=muon",
     .help = "of Muon: rate of AdamW, which steps norms, biases and the last layer, as a share of lr"},
    {"weight_decay", "weight-decay", "X", FIELD(weight_decay), RANGE(0, 1e6), .settings_name = "decay", .always_written = true,
     .help = "L2 for sgd and adam, decoupled for adamw and muon"},
    {"decay_on", "decay-on", NULL, FIELD(decay_on), .usual = CF_DECAY_ALL, WORDS(decay_words), .works_with = "weight_decay=0.1",
     .help = "what weight decay acts on: all, or not norms, biases and positions"},
    {"clip", "clip", "X", FIELD(clip), RANGE(0, 1e12), .help = "most that the norm of a step's gradient may be; 0: anything"},
    {"schedule", "schedule", NULL, FIELD(schedule), .usual = CF_CONSTANT, WORDS(schedule_words), .always_written = true,
     .help = "of the learning rate over all steps"},
    {"warmup", "warmup", "X", FIELD(warmup), RANGE(0, MOST_EPOCHS), .example = "2.5",
     .help = "epochs in which the rate rises from 0 to the schedule's"},
    {"step_at", "step-at", "SHARES", FIELD(step_at), .usual_line = "0.5,0.75", .check = schedule_check_shares,
     .example = "0.3,0.6", .works_with = "schedule=step",
     .help = "of the schedule step: shares of the training at which the rate falls"},
    {"step_factor", "step-factor", "X", FIELD(step_factor), .usual = 0.1, RANGE(0, 1), .works_with = "schedule=step",
     .help = "of the schedule step: times this"},
    {"epochs", "epochs", "N", FIELD(epochs), .usual = 10, RANGE(1, MOST_EPOCHS), .effect = CHANGES_WITH_SCHEDULE, .fixed = true,
     .always_written = true, .help = "at most so many passes over the training images"},
    {"augment", "augment", "LINE", FIELD(augment), .usual_line = "none", .check = augmentation_check,
     .example = "shift 2 | rotate 10",
     .help = "what is done to training images, such as \"shift 2 | rotate 10\", or the name of such a line (cifra augment)"},
    {"sample", "sample", NULL, FIELD(sample), .usual = CF_NATURAL, WORDS(sample_words),
     .help = "images of an epoch: all once, classes equally often, by square roots of their counts, or filled up by mixtures "
             "(smote; smote-features: of what frozen layers give)"},
    {"loss", "loss", "LINE", FIELD(loss), .usual_line = "ce", .check = loss_line_check, .example = "focal 1.5",
     .help = "ce, focal [GAMMA=2] or ldam [MARGIN=0.5] [SCALE=30]; validation is by cross-entropy always"},
    {"label_smoothing", "label-smoothing", "X", FIELD(label_smoothing), RANGE(0, 0.999999),
     .help = "share of the target that is spread over all classes; with ce or focal"},
    {"class_weights", "class-weights", "LINE", FIELD(class_weights), .usual_line = "none", .check = class_weights_line_check,
     .example = "0:2", .help = "in the training loss: none, balanced, effective BETA, or by class: 1:2,5:0.5"},
    {"reweight_from", "reweight-from", "X", FIELD(reweight_from), RANGE(0, 1), .works_with = "class_weights=0:2",
     .help = "the share of the epochs after which the class weights hold"},
    {"logit_adjust", "logit-adjust", "TAU", FIELD(logit_adjust), RANGE(0, 1000),
     .help = "add TAU log(share of the class) to the logits in the training loss; with ce or focal"},
    {"teacher", "teacher", "RUN", FIELD(teacher), .usual_line = "none", .check = distillation_line_check,
     .example = "runs/teacher",
     .help = "a run, or a model file, whose answers for the same images are learnt as well (distillation)"},
    {"teacher_share", "teacher-share", "A", FIELD(teacher_share), .usual = 0.9, RANGE(0, 1), .works_with = "teacher=runs/teacher",
     .help = "of the teacher in the training loss; the rest is the loss by labels"},
    {"temperature", "temperature", "T", FIELD(temperature), .usual = 4, RANGE(0.01, 1000), .works_with = "teacher=runs/teacher",
     .help = "by which the logits of both networks are divided in the teacher's part of the loss"},
    {"teacher_sha256", "teacher-sha256", "HEX", FIELD(teacher_sha256), .usual_line = "none", .check = distillation_sha256_check,
     .example = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", .works_with = "teacher=runs/teacher",
     .effect = CHANGES_NOTHING, .fixed = true,
     .help = "checksum that the teacher's file must have, as config.json tells it; none: any"},
    {"ema", "ema", "X", FIELD(ema), RANGE(0, 0.9999999),
     .help = "decay per step of a moving average of the weights, which validates and is kept; 0: none"},
    {"swa_from", "swa-from", "X", FIELD(swa_from), .usual = 1, RANGE(0, 1),
     .help = "share of the epochs from which on their weights are averaged; 1: never"},
    {"patience", "patience", "N", FIELD(patience), .usual = 5, RANGE(0, MOST_EPOCHS), .effect = CHANGES_NOTHING,
     .always_written = true, .help = "stop after so many epochs that are no better; 0: never"},
    {"stop_on", "stop-on", NULL, FIELD(stop_on), .usual = CF_STOP_ON_LOSS, WORDS(stop_words),
     .help = "of the validation part: what makes an epoch better, for patience and the weights that are kept; last: each epoch "
             "is better than the one before"},
    {"freeze", "freeze", "LAYER", FIELD(freeze), .usual_line = "none", .check = freezing_line_check, .example = "backbone",
     .help = "what keeps its weights and statistics: none, backbone (all but the layers that give outputs), or all up to a "
             "layer by name"},
    {"head_epochs", "head-epochs", "N", FIELD(head_epochs), RANGE(0, MOST_EPOCHS),
     .help = "epochs in which only the layers that give outputs learn, before all do"},
    {"lr_backbone", "lr-backbone", "X", FIELD(lr_backbone), .usual = 1, RANGE(0, 1e6),
     .help = "rate of all layers but those that give outputs, as a share of lr"},
    {"adapt", "adapt", NULL, FIELD(adapt), .usual = CF_ADAPT_NONE, WORDS(adapt_words),
     .help = "how images of the target set are learnt from, without their labels (cifra adapt --help)"},
    {"adapt_weight", "adapt-weight", "X", FIELD(adapt_weight), RANGE(0, 1e6), .works_with = "adapt=coral",
     .help = "of adapt: weight of its loss; 0: 3 of mean-teacher, 1 of others"},
    {"adapt_threshold", "adapt-threshold", "X", FIELD(adapt_threshold), .usual = 0.968, RANGE(0, 1),
     .works_with = "adapt=mean-teacher", .help = "of mean-teacher: the confidence above which the teacher is believed"},
    {"adapt_balance", "adapt-balance", "X", FIELD(adapt_balance), .usual = 0.005, RANGE(0, 1e6),
     .works_with = "adapt=mean-teacher", .help = "of mean-teacher: weight of the loss that wants all classes equally often"},
    {"adapt_share", "adapt-share", "X", FIELD(adapt_share), .usual = 0.2, RANGE(0.001, 1), .works_with = "adapt=self-train",
     .help = "of self-train: of each class the share with a pseudo-label in the first round; each round has 0.1 more"},
    {"adapt_round", "adapt-round", "N", FIELD(adapt_round), .usual = 5, RANGE(1, MOST_EPOCHS), .works_with = "adapt=self-train",
     .example = "1", .help = "of self-train: epochs of a round"},
    {"seed", "seed", "S", FIELD(seed), .usual = 1, RANGE(0, LARGEST_SEED), .fixed = true, .always_written = true,
     .help = "of the weights, the order of images, what is done to them, and dropout"},
    {"engine", "engine", NULL, FIELD(engine), .usual = CF_ENGINE_FAST, WORDS(engine_words), .fixed = true, .always_written = true,
     .help = "fast is oneDNN with kernels for this processor; reference is plain C, slow, the specification"},
    {"precision", "precision", NULL, FIELD(precision), .usual = CF_F32, WORDS(precision_words), .fixed = true,
     .always_written = true, .help = "bf16: activations and weight copies in bfloat16, sums and optimizer in float32"},
    {"quantize", "quantize", NULL, FIELD(quantize), .usual = CF_QUANTIZE_NONE, WORDS(quantize_words),
     .help = "int8: computes with what 8-bit integers can hold, so that little is lost when the network becomes such"},
    {0}};
/* clang-format on */
_Static_assert(COUNT_OF(train_options) <= MOST_TRAIN_OPTIONS, "a buffer holds all options");

/* ---- Values: as a number, whatever they are ---- */

static uint64_t seed_of(const TrainOption *option, const cf_train_options *options) {
    return *(const uint64_t *)(const void *)((const char *)options + option->offset);
}

static const char *line_of(const TrainOption *option, const cf_train_options *options) {
    return (const char *)options + option->offset;
}

/* Of all but lines. */
static double value_of(const TrainOption *option, const cf_train_options *options) {
    const void *field = (const char *)options + option->offset;
    if (option->kind == TRAIN_WHOLE) return *(const int *)field;
    if (option->kind == TRAIN_WORD) return *(const unsigned *)field;
    if (option->kind == TRAIN_SWITCH) return *(const bool *)field;
    return option->kind == TRAIN_SEED ? (double)seed_of(option, options) : *(const double *)field;
}

/* `line` is shorter than CF_LINE. */
static void set_line(const TrainOption *option, const char *line, cf_train_options *options) {
    memset((char *)options + option->offset, 0, option->size);
    memcpy((char *)options + option->offset, line, strlen(line));
}

/* `value` is in the option's range. */
static void set_value(const TrainOption *option, double value, cf_train_options *options) {
    void *field = (char *)options + option->offset;
    if (option->kind == TRAIN_WHOLE)
        *(int *)field = (int)value;
    else if (option->kind == TRAIN_NUMBER)
        *(double *)field = value;
    else if (option->kind == TRAIN_WORD)
        *(unsigned *)field = (unsigned)value;
    else if (option->kind == TRAIN_SWITCH)
        *(bool *)field = value != 0;
    else
        *(uint64_t *)field = (uint64_t)value;
}

void train_option_copy(const TrainOption *option, const cf_train_options *from, cf_train_options *to) {
    memcpy((char *)to + option->offset, (const char *)from + option->offset, option->size);
}

cf_train_options cf_train_defaults(void) {
    cf_train_options options = {0};
    for (const TrainOption *option = train_options; option->name; option++) {
        if (option->kind == TRAIN_LINE)
            set_line(option, option->usual_line, &options);
        else
            set_value(option, option->usual, &options);
    }
    return options;
}

static bool is_in_range(const TrainOption *option, double value) {
    return value >= option->low && value <= option->high && (option->kind == TRAIN_NUMBER || value == floor(value));
}

static cf_status fail_value(const TrainOption *option, const char *found) {
    char range[160];
    if (option->words)
        text_list(option->words, range, sizeof range);
    else
        snprintf(range, sizeof range, "a %snumber from %.15g to %.15g", option->kind == TRAIN_NUMBER ? "" : "whole ",
                 option->low, option->high);
    return FAIL(CF_BAD_USE, "%s expected, found %.60s%s", range, found,
                option->words ? text_hint(found, option->words) : "");
}

/* A field that a caller filled to its last byte has no end: no byte behind it is looked at. */
cf_status train_line_check(const TrainOption *option, const char *line) {
    FAIL_IF(strnlen(line, CF_LINE) == CF_LINE, CF_BAD_USE, "at most %d characters expected, found more", CF_LINE - 1);
    return option->check(line);
}

/* Any seed is one: the range is that of texts, which other programs read. */
cf_status train_options_check(const cf_train_options *options) {
    for (const TrainOption *option = train_options; option->name; option++) {
        char found[40];
        if (option->kind == TRAIN_LINE) {
            cf_status status = train_line_check(option, line_of(option, options));
            if (status) return status_prefix(status, "%s", option->name);
            continue;
        }
        const double value = value_of(option, options);
        if (option->kind == TRAIN_SEED || is_in_range(option, value)) continue;
        snprintf(found, sizeof found, "%.15g", value);
        return status_prefix(fail_value(option, found), "%s", option->name);
    }
    return CF_OK;
}

cf_status train_options_check_together(const cf_train_options *options) {
    FORWARD(train_loss_check(options));
    FORWARD(adaptation_check(options));
    return batches_check(options);
}

/* ---- From texts and documents ---- */

cf_status train_option_set(const TrainOption *option, const char *text, cf_train_options *options) {
    double value = -1;
    if (option->kind == TRAIN_LINE) {
        FORWARD(train_line_check(option, text));
        set_line(option, text, options);
        return CF_OK;
    }
    for (int i = 0; option->words && option->words[i]; i++)
        if (strcmp(option->words[i], text) == 0) value = i;
    if ((!option->words && !text_to_number(text, &value)) || !is_in_range(option, value))
        return fail_value(option, text);
    set_value(option, value, options);
    return CF_OK;
}

cf_status train_option_set_json(const TrainOption *option, const json_t *value, cf_train_options *options) {
    char text[40];
    const bool is_text = option->kind == TRAIN_WORD || option->kind == TRAIN_LINE;
    if (is_text && json_is_string(value)) return train_option_set(option, json_string_value(value), options);
    if (option->kind == TRAIN_SWITCH && json_is_boolean(value))
        return train_option_set(option, option->words[json_is_true(value)], options);
    if (option->kind == TRAIN_LINE && json_is_number(value)) { /* a line of one number, as YAML has it */
        snprintf(text, sizeof text, "%.15g", json_number_value(value));
        return train_option_set(option, text, options);
    }
    FAIL_IF(option->kind == TRAIN_LINE, CF_BAD_USE, "a text expected, found %s", value ? "something else" : "nothing");
    if (option->words || !(option->kind == TRAIN_NUMBER ? json_is_number(value) : json_is_integer(value)))
        return fail_value(option, value ? "something else" : "nothing");
    const json_int_t whole = json_integer_value(value);
    if (option->kind == TRAIN_SEED && whole > 0) { /* a study counts up from what was asked for */
        *(uint64_t *)(void *)((char *)options + option->offset) = (uint64_t)whole;
        return CF_OK;
    }
    snprintf(text, sizeof text, "%.17g", json_number_value(value));
    return train_option_set(option, text, options);
}

/* ---- Into texts and documents ---- */

void train_option_text(const TrainOption *option, const cf_train_options *options, int digits,
                       char text[TRAIN_OPTION_TEXT]) {
    if (option->kind == TRAIN_LINE)
        snprintf(text, TRAIN_OPTION_TEXT, "%s", line_of(option, options));
    else if (option->words)
        snprintf(text, TRAIN_OPTION_TEXT, "%s", option->words[(int)value_of(option, options)]);
    else if (option->kind == TRAIN_SEED)
        snprintf(text, TRAIN_OPTION_TEXT, "%llu", (unsigned long long)seed_of(option, options));
    else
        snprintf(text, TRAIN_OPTION_TEXT, "%.*g", digits, value_of(option, options));
}

json_t *train_option_json(const TrainOption *option, const cf_train_options *options) {
    if (option->kind == TRAIN_LINE) return json_string(line_of(option, options));
    const double value = value_of(option, options);
    return option->kind == TRAIN_WORD     ? json_string(option->words[(int)value])
           : option->kind == TRAIN_SWITCH ? json_boolean(value != 0)
           : option->kind == TRAIN_NUMBER ? json_real(value)
           : option->kind == TRAIN_SEED   ? json_integer((json_int_t)seed_of(option, options))
                                          : json_integer((json_int_t)value);
}

/* What came after version 0.1 is written where it is not at its default. */
static bool is_kept(const TrainOption *option, const cf_train_options *options) {
    if (option->always_written) return true;
    if (option->kind == TRAIN_LINE) return strcmp(line_of(option, options), option->usual_line) != 0;
    return value_of(option, options) != option->usual;
}

json_t *train_options_json(const cf_train_options *options) {
    json_auto_t *made = json_object();
    for (const TrainOption *option = train_options; option->name; option++)
        if (is_kept(option, options) &&
            json_object_set_new(made, option->name, train_option_json(option, options)) != 0)
            return NULL;
    return memory_take(&made);
}

/* Whether what is done in a step depends on how many are to come. */
static bool depends_on_length(const cf_train_options *options) {
    return options->schedule != CF_CONSTANT || options->swa_from < 1 || options->reweight_from > 0 ||
           options->adapt == CF_DANN;
}

void train_options_text(const cf_train_options *options, bool settings, char text[TRAIN_OPTIONS_TEXT]) {
    char value[TRAIN_OPTION_TEXT];
    *text = '\0';
    for (const TrainOption *option = train_options; option->name; option++) {
        const bool idle = option->effect == CHANGES_WITH_SCHEDULE && !depends_on_length(options);
        if (!is_kept(option, options) || (settings && option->effect == CHANGES_NOTHING)) continue;
        train_option_text(option, options, settings ? 17 : 6, value);
        for (char *p = value; settings && *p; p++)
            if (*p == ' ') *p = '_';
        const char *quote = strchr(value, ' ') ? "\"" : "";
        text_append(text, TRAIN_OPTIONS_TEXT, "%s%s=%s%s%s", *text ? " " : "",
                    settings && option->settings_name ? option->settings_name : option->name, quote,
                    settings && idle ? "0" : value, quote);
    }
}
