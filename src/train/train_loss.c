#include "train/train_loss.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The line of class weights ---- */

typedef enum WeightKind { WEIGHTS_NONE, WEIGHTS_BALANCED, WEIGHTS_EFFECTIVE, WEIGHTS_LISTED } WeightKind;

static const char *const weight_words[] = {"none", "balanced", "effective", NULL};
static const char *const weight_forms[] = {"none", "balanced", "effective BETA", "a list CLASS:WEIGHT,CLASS:WEIGHT",
                                           NULL};
static const double least_weight = 1e-6, most_weight = 1e6;

/* The next CLASS:WEIGHT of a list, which moves on; the class's name may have colons. */
static cf_status next_weight(const char **list, char name[LONGEST_NAME + 1], double *weight) {
    const char *from = *list + strspn(*list, " "), *comma = strchr(from, ',');
    char piece[CF_LINE];
    snprintf(piece, sizeof piece, "%.*s", (int)(comma ? comma - from : (long)strlen(from)), from);
    char *colon = strrchr(piece, ':');
    FAIL_IF(!colon || colon == piece, CF_BAD_USE, "CLASS:WEIGHT expected, such as 1:2, found \"%s\"", piece);
    *colon = '\0';
    FAIL_IF(!text_to_number(colon + 1, weight) || *weight < least_weight || *weight > most_weight, CF_BAD_USE,
            "class %s: a weight from %g to %g expected, found \"%s\"", piece, least_weight, most_weight, colon + 1);
    snprintf(name, LONGEST_NAME + 1, "%s", piece);
    *list = comma ? comma + 1 : NULL;
    return CF_OK;
}

static cf_status read_weights(const char *line, WeightKind *kind, double *beta) {
    char name[LONGEST_NAME + 1], forms[120];
    double weight;
    *kind = WEIGHTS_LISTED;
    for (int k = WEIGHTS_NONE; k <= WEIGHTS_BALANCED; k++)
        if (strcmp(line, weight_words[k]) == 0) *kind = (WeightKind)k;
    if (*kind != WEIGHTS_LISTED) return CF_OK;
    if (strncmp(line, "effective", 9) == 0 && (line[9] == ' ' || !line[9])) {
        *kind = WEIGHTS_EFFECTIVE;
        const char *text = line + 9 + strspn(line + 9, " ");
        FAIL_IF(!text_to_number(text, beta) || *beta < 0 || *beta >= 1, CF_BAD_USE,
                "effective BETA: a number from 0 to below 1 expected, such as 0.999, found %.60s",
                *text ? text : "nothing");
        return CF_OK;
    }
    text_list(weight_forms, forms, sizeof forms);
    FAIL_IF(!strchr(line, ':'), CF_BAD_USE, "%s expected, found %.60s%s", forms, line, text_hint(line, weight_words));
    for (const char *rest = line; rest;) FORWARD(next_weight(&rest, name, &weight));
    return CF_OK;
}

cf_status class_weights_line_check(const char *line) {
    WeightKind kind;
    double beta;
    return read_weights(line, &kind, &beta);
}

cf_status loss_line_check(const char *line) {
    LossSettings any = plain_cross_entropy;
    return loss_read(line, &any);
}

/* ---- From counts ---- */

typedef struct Counts {
    const char *const *names; /* [classes] */
    int classes;
    size_t *of, all, fewest; /* [classes] */
} Counts;

static void counts_free(Counts *counts) {
    free(counts->of);
}

static cf_status count_images(const cf_subset *train, Counts *counts) {
    AUTO_FREE int *class_of = NULL;
    FORWARD(memory_new((size_t)counts->classes, sizeof *counts->of, &counts->of));
    FORWARD(classes_match(train->set, counts->names, counts->classes, &class_of));
    for (size_t i = 0; i < train->count; i++) {
        const int class = class_of[train->set->labels[train->images[i]]];
        if (class < 0) continue;
        counts->of[class]++;
        counts->all++;
    }
    counts->fewest = SIZE_MAX;
    for (int k = 0; k < counts->classes; k++)
        if (counts->of[k] < counts->fewest) counts->fewest = counts->of[k];
    return CF_OK;
}

static cf_status check_counts(const Counts *counts, const char *option) {
    for (int k = 0; k < counts->classes; k++)
        FAIL_IF(!counts->of[k], CF_BAD_USE,
                "%s: at least one training image of each class expected, found none of %s; leave the class out of the "
                "data, or the option",
                option, counts->names[k]);
    return CF_OK;
}

static cf_status fail_class(const Counts *counts, const char *name) {
    AUTO_FREE const char **words = NULL;
    char list[300];
    FORWARD(memory_new((size_t)counts->classes + 1, sizeof *words, &words));
    for (int k = 0; k < counts->classes; k++) words[k] = counts->names[k];
    text_list(words, list, sizeof list);
    return FAIL(CF_BAD_USE, "class_weights: a class of the training expected (%s), found \"%s\"%s", list, name,
                text_hint(name, words));
}

static cf_status listed_weights(const Counts *counts, const char *line, float *weights) {
    char name[LONGEST_NAME + 1];
    double weight;
    for (int k = 0; k < counts->classes; k++) weights[k] = 0;
    for (const char *rest = line; rest;) {
        int class = 0;
        FORWARD(next_weight(&rest, name, &weight));
        while (class < counts->classes && strcmp(counts->names[class], name) != 0) class ++;
        if (class == counts->classes) return fail_class(counts, name);
        FAIL_IF(weights[class] > 0, CF_BAD_USE, "class_weights: one weight of a class expected, found two of %s", name);
        weights[class] = (float)weight;
    }
    for (int k = 0; k < counts->classes; k++)
        if (!(weights[k] > 0)) weights[k] = 1;
    return CF_OK;
}

/* ---- The loss ---- */

static cf_status check_together(const cf_train_options *o, const LossSettings *settings, WeightKind weights) {
    const bool ldam = settings->loss == &ldam_loss;
    FAIL_IF(
        ldam && o->label_smoothing > 0, CF_BAD_USE,
        "label_smoothing: 0 expected with the loss ldam, whose margin belongs to one class, found %g; the losses ce "
        "and focal take it",
        o->label_smoothing);
    FAIL_IF(
        ldam && o->logit_adjust > 0, CF_BAD_USE,
        "logit_adjust: 0 expected with the loss ldam, which moves the logits by the same counts, found %g; the losses "
        "ce and focal take it",
        o->logit_adjust);
    FAIL_IF(o->reweight_from > 0 && weights == WEIGHTS_NONE, CF_BAD_USE,
            "reweight_from: class_weights expected that begin there (balanced, effective BETA or a list), found none");
    return CF_OK;
}

cf_status train_loss_check(const cf_train_options *options) {
    LossSettings settings = plain_cross_entropy;
    WeightKind weights;
    double beta;
    FORWARD(loss_read(options->loss, &settings));
    FORWARD(read_weights(options->class_weights, &weights, &beta));
    return check_together(options, &settings, weights);
}

static cf_status make_weights(const Counts *counts, const cf_train_options *o, WeightKind kind, double beta,
                              TrainLoss *loss) {
    if (kind == WEIGHTS_NONE) return CF_OK;
    FORWARD(memory_new((size_t)counts->classes, sizeof *loss->weights, &loss->weights));
    /* 0.07 of 100 epochs are 7, though the product is a trace more. */
    loss->weights_from = (int)ceil(o->reweight_from * o->epochs - 1e-9);
    if (kind == WEIGHTS_LISTED) return listed_weights(counts, o->class_weights, loss->weights);
    FORWARD(check_counts(counts, "class_weights"));
    const size_t *of = counts->of;
    if (kind == WEIGHTS_BALANCED) {
        for (int k = 0; k < counts->classes; k++)
            loss->weights[k] = (float)((double)counts->all / ((double)counts->classes * (double)of[k]));
        return CF_OK;
    }
    /* 1 - beta is the same for all and falls out; 1 - beta^n is formed so that a beta next to 1 keeps its digits. */
    double mean = 0;
    for (int k = 0; k < counts->classes; k++) mean += -1 / expm1((double)of[k] * log(beta)) / counts->classes;
    for (int k = 0; k < counts->classes; k++) loss->weights[k] = (float)(-1 / expm1((double)of[k] * log(beta)) / mean);
    return CF_OK;
}

/* And margins. */
static cf_status make_offsets(const Counts *counts, double tau, const LossSettings *settings, TrainLoss *loss) {
    const size_t classes = (size_t)counts->classes;
    if (tau > 0) {
        FORWARD(check_counts(counts, "logit_adjust"));
        FORWARD(memory_new(classes, sizeof *loss->offsets, &loss->offsets));
        for (size_t k = 0; k < classes; k++)
            loss->offsets[k] = (float)(tau * log((double)counts->of[k] / (double)counts->all));
    }
    if (settings->loss != &ldam_loss) return CF_OK;
    FORWARD(check_counts(counts, "loss ldam"));
    FORWARD(memory_new(classes, sizeof *loss->margins, &loss->margins));
    for (size_t k = 0; k < classes; k++)
        loss->margins[k] = (float)(settings->margin * sqrt(sqrt((double)counts->fewest / (double)counts->of[k])));
    return CF_OK;
}

cf_status train_loss_new(const cf_subset *train, const char *const *class_names, int classes,
                         const cf_train_options *options, TrainLoss *loss) {
    AUTO(counts_free) Counts counts = {.names = class_names, .classes = classes};
    AUTO(train_loss_free) TrainLoss made = {0};
    LossSettings *settings = &made.heads[0];
    WeightKind kind;
    double beta = 0;
    *settings = plain_cross_entropy;
    FORWARD(loss_read(options->loss, settings));
    FORWARD(read_weights(options->class_weights, &kind, &beta));
    FORWARD(check_together(options, settings, kind));
    settings->smoothing = options->label_smoothing;
    settings->teacher_share = options->teacher_share;
    settings->temperature = options->temperature;
    FORWARD(count_images(train, &counts));
    FORWARD(make_weights(&counts, options, kind, beta, &made));
    FORWARD(make_offsets(&counts, options->logit_adjust, settings, &made));
    settings->offsets = made.offsets;
    settings->margins = made.margins;
    *loss = made;
    made = (TrainLoss){0};
    return CF_OK;
}

void train_loss_epoch(TrainLoss *loss, int epoch) {
    loss->heads[0].class_weights = epoch >= loss->weights_from ? loss->weights : NULL;
}

void train_loss_free(TrainLoss *loss) {
    free(loss->weights);
    free(loss->offsets);
    free(loss->margins);
    *loss = (TrainLoss){0};
}
